"""Which requests each dealing call sends, after the login: none that it does not need."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from decimal import Decimal
from urllib.parse import parse_qsl, urlsplit

import pytest

from ig_sdk.client import IGClient
from ig_sdk.clock import ManualClock
from ig_sdk.errors import DealRejected, InvalidDeal
from ig_sdk.rest.deals.new import RULES_HOLD_S
from ig_sdk.rest.http.transport import Request, RequestsTransport, Response, Timeout
from ig_sdk.rest.market import Market
from ig_sdk.simulator import Simulator
from ig_sdk.types import Confirm, Limit, Stop

EPIC = "CS.D.EURUSD.MINI.IP"
DETAILS = f"GET /markets/{EPIC}"


@pytest.fixture
def sim() -> Iterator[Simulator]:
    """A running simulator whose confirms are there at once, so that each is asked for once."""
    with Simulator(allowances=None, confirm_delay_s=0.0) as simulator:
        yield simulator


@pytest.fixture
def clock() -> ManualClock:
    """The client's time."""
    return ManualClock()


@pytest.fixture
def ig(sim: Simulator, clock: ManualClock) -> Iterator[IGClient]:
    """A client that has logged in."""
    with IGClient(sim.config(), clock=clock) as client:
        client.login()
        yield client


@pytest.fixture
def requests_of(sim: Simulator) -> Callable[[Callable[[], object]], list[str]]:
    """Makes a call and returns its requests as text, without the deal's own reference."""

    def record(call: Callable[[], object]) -> list[str]:
        before = len(sim.requests())
        call()
        seen = [f"{each.method} {each.path}" for each in sim.requests()[before:]]
        return ["GET /confirms" if each.startswith("GET /confirms/") else each for each in seen]

    return record


Recorder = Callable[[Callable[[], object]], list[str]]
OPENED = ["POST /positions/otc", "GET /confirms"]
CLOSED = ["DELETE /positions/otc", "GET /confirms"]


def test_a_deal_through_a_market_reads_nothing(ig: IGClient, requests_of: Recorder) -> None:
    """The market's details are at hand."""
    market = ig.market("EURUSD")
    assert requests_of(lambda: market.buy(1, stop=Stop(distance=20))) == OPENED
    assert requests_of(lambda: market.sell(1)) == OPENED
    created = requests_of(lambda: market.order("BUY", 1, level=Decimal("0.5"), limit=Limit(distance=20)))
    assert created == ["POST /workingorders/otc", "GET /confirms"]


def test_a_deal_by_epic_reads_the_details(ig: IGClient, requests_of: Recorder) -> None:
    """Nobody handed them in."""
    assert requests_of(lambda: ig.positions.open(EPIC, "BUY", 1)) == [DETAILS, *OPENED]
    created = requests_of(lambda: ig.orders.create(EPIC, "BUY", 1, level=Decimal("0.5")))
    assert created == [DETAILS, "POST /workingorders/otc", "GET /confirms"]


def test_a_close_reads_the_position_only(ig: IGClient, requests_of: Recorder) -> None:
    """Its side and size; the deal id of the close is read when it is asked for."""
    opened = ig.market("EURUSD").buy(2)
    position = f"GET /positions/{opened.deal_id}"
    assert requests_of(lambda: ig.positions.close(opened.deal_id, 1)) == [position, *CLOSED]
    closed: list[Confirm] = []
    assert requests_of(lambda: closed.append(ig.positions.close(opened.deal_id))) == [position, *CLOSED]
    assert requests_of(lambda: closed[0].closing_deal_id) == ["GET /history/activity"]
    assert requests_of(lambda: closed[0].closing_deal_id) == []


def test_closing_all_reads_the_positions_once(ig: IGClient, requests_of: Recorder) -> None:
    """Each close knows its position from the list."""
    market = ig.market("EURUSD")
    for _ in range(2):
        market.buy(1)
    assert requests_of(ig.positions.close_all) == ["GET /positions", *CLOSED, *CLOSED]
    assert ig.positions.list() == []


def _buy(market: Market) -> Confirm:
    return market.buy(1)


def _order(market: Market) -> Confirm:
    return market.order("SELL", 1, level=9)


@pytest.mark.parametrize("deal", [_buy, _order])
def test_old_details_are_read_again(
    ig: IGClient, clock: ManualClock, requests_of: Recorder, deal: Callable[[Market], Confirm]
) -> None:
    """Each time, once the rules are minutes old."""
    market = ig.market("EURUSD")
    clock.advance(RULES_HOLD_S)
    assert DETAILS not in requests_of(lambda: deal(market))
    clock.advance(1)
    assert requests_of(lambda: deal(market))[0] == DETAILS
    assert requests_of(lambda: deal(market))[0] == DETAILS


def test_the_details_of_another_account_are_read_again(ig: IGClient, requests_of: Recorder) -> None:
    """Its rules may differ."""
    market = ig.market("EURUSD")
    ig.session.switch(ig.session.accounts[1].account_id or "")

    def refused() -> None:
        with pytest.raises(InvalidDeal, match=r"CS\.D\.EURUSD\.TODAY\.IP"):  # for CFDs, on an account for spread bets
            market.buy(1)

    assert requests_of(refused) == [DETAILS]


def test_known_rules_refuse_and_known_prices_do_not(ig: IGClient, requests_of: Recorder) -> None:
    """A size is checked without a request; a level that the market may have reached by now is IG's to judge."""
    market = ig.market("EURUSD")

    def too_small() -> None:
        with pytest.raises(InvalidDeal, match="size"):
            market.buy("0.001")

    def wrong_side() -> None:
        with pytest.raises(DealRejected) as caught:
            market.buy(1, stop=Stop(level=9))
        assert "stop: must be below the price" in (caught.value.hint or "")

    assert requests_of(too_small) == []
    # The reason is explained by what holds now.
    assert requests_of(wrong_side) == [*OPENED, DETAILS]


class Recording(RequestsTransport):
    """A transport that keeps the addresses that it was sent to."""

    def __init__(self) -> None:
        super().__init__()
        self.urls: list[str] = []

    def send(self, request: Request, *, timeout: Timeout) -> Response:
        self.urls.append(request.url)
        return super().send(request, timeout=timeout)


def test_the_id_of_an_old_close_is_looked_for_around_its_day(sim: Simulator, clock: ManualClock) -> None:
    """However much was done since, only a day before and after the close is read."""
    transport = Recording()
    with IGClient(sim.config(), clock=clock, transport=transport) as ig:
        closed = ig.positions.close(ig.market("EURUSD").buy(1).deal_id)
        assert closed.date is not None
        clock.advance((closed.date - clock.now()).total_seconds() + 30 * 86_400)
        assert closed.closing_deal_id is not None
    (asked,) = [dict(parse_qsl(urlsplit(each).query)) for each in transport.urls if "/history/activity" in each]
    day = timedelta(days=1)
    assert (asked["from"], asked["to"]) == (f"{closed.date - day:%FT%T}", f"{closed.date + day:%FT%T}")
