"""Names mean the market that the account in use deals in, and a market of the other product is not sent."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ig_sdk.client import IGClient
from ig_sdk.errors import DealRejected, InvalidDeal
from ig_sdk.rest.http.transport import Request, RequestsTransport, Response, Timeout
from ig_sdk.simulator import Simulator
from ig_sdk.types import PAIRS, epic_for

CFD, BETS = "ABC123", "XYZ987"
MINI, TODAY = "CS.D.EURUSD.MINI.IP", "CS.D.EURUSD.TODAY.IP"


@pytest.fixture(params=[2, 3])
def bets(sim: Simulator, request: pytest.FixtureRequest) -> Iterator[IGClient]:
    """A client on the spread-bet account, by either version of the login."""
    with sim.client(account_id=BETS, login_version=request.param) as client:
        yield client


def sent(sim: Simulator) -> int:
    """How many dealing requests reached the simulator."""
    return len(sim.requests(path="/positions/otc")) + len(sim.requests(path="/workingorders/otc"))


def test_the_tutorials_call_deals_on_a_spread_bet_account(bets: IGClient) -> None:
    """By name, everywhere where a market is named."""
    market = bets.market("EURUSD")
    assert market.epic == TODAY
    assert market.quote().epic == TODAY
    assert market.buy(1).epic == TODAY
    assert bets.positions.open("eur/usd", "SELL", 1).epic == TODAY
    assert bets.orders.create("EURUSD", "BUY", 1, level=market.quote().bid - 200).epic == TODAY
    assert bets.markets.get("EURUSD").instrument.epic == TODAY
    assert [each.instrument.epic for each in bets.markets.list(["EURUSD", "GBPUSD"])] == [
        TODAY,
        "CS.D.GBPUSD.TODAY.IP",
    ]
    assert {each.epic for each in bets.history.prices("EURUSD", "HOUR", points=2)} == {TODAY}
    assert [each.closed for each in bets.positions.close_all(epic="EURUSD")] == [True, True]


def test_the_five_pairs_stream_by_name_on_a_spread_bet_account(bets: IGClient) -> None:
    """Each as the market of the account."""
    with bets.stream() as stream:
        stream.prices(PAIRS)
        assert set(stream.status().epics) == {epic_for(pair, "SPREADBET") for pair in PAIRS}


def test_a_name_follows_a_switch_of_the_account(sim: Simulator) -> None:
    """There and back; a market from before the switch is refused with the one that fits."""
    with sim.client() as ig:
        before = ig.market("EURUSD")
        assert before.epic == MINI
        ig.session.switch(BETS)
        assert ig.market("EURUSD").epic == TODAY
        with pytest.raises(InvalidDeal, match="use " + TODAY.replace(".", "[.]")):
            before.buy(1)
        ig.session.switch(CFD)
        assert ig.market("EURUSD").buy(1).epic == MINI
        assert sent(sim) == 1


def _open(ig: IGClient, epic: str) -> Any:
    return ig.positions.open(epic, "BUY", 1)


def _create(ig: IGClient, epic: str) -> Any:
    return ig.orders.create(epic, "BUY", 1, level=1)


def _buy(ig: IGClient, epic: str) -> Any:
    return ig.market(epic).buy(1)


@pytest.mark.parametrize("deal", [_open, _create, _buy])
@pytest.mark.parametrize(
    ("account", "epic", "fitting"),
    [
        (BETS, MINI, TODAY),
        (BETS, "CS.D.EURUSD.CFD.IP", TODAY),
        (CFD, TODAY, MINI),
        (BETS, "IX.D.FTSE.CFD.IP", "IX.D.FTSE.DAILY.IP"),
        (CFD, "IX.D.FTSE.DAILY.IP", "IX.D.FTSE.CFD.IP"),
    ],
)
def test_a_market_of_the_other_product_is_not_sent(
    sim: Simulator, deal: Callable[[IGClient, str], Any], account: str, epic: str, fitting: str
) -> None:
    """The error names the epic that fits."""
    with sim.client(account_id=account) as ig:
        with pytest.raises(InvalidDeal) as caught:
            deal(ig, epic)
        assert fitting in str(caught.value)
        assert "nothing was sent" in str(caught.value) or "was not sent" in str(caught.value)
    assert sent(sim) == 0


class Unitless(RequestsTransport):
    """A transport on whose way the details of markets lose what they are for."""

    def send(self, request: Request, *, timeout: Timeout) -> Response:
        answer = super().send(request, timeout=timeout)
        if request.path.endswith(MINI):
            data = json.loads(answer.body)
            data["instrument"]["unit"] = None
            answer = dataclasses.replace(answer, body=json.dumps(data).encode())
        return answer


def test_a_rejection_that_could_not_be_foreseen_names_the_epic_too(sim: Simulator) -> None:
    """IG may leave out what a market is for."""
    with IGClient(sim.config(account_id=BETS), transport=Unitless()) as ig, pytest.raises(DealRejected) as caught:
        ig.positions.open(MINI, "BUY", 1)
    assert TODAY in str(caught.value)
