"""What the smaller resources send, and what they make of odd answers."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from ig_sdk.client import IGClient
from ig_sdk.config import IGConfig
from ig_sdk.errors import DecodeError
from ig_sdk.rest.http.transport import Request, Response, Timeout
from ig_sdk.types import Limit, Stop

NOW = datetime(2025, 1, 8, 12, 30, 15, 678_901, tzinfo=timezone.utc)


class Recorder:
    """A transport that answers in turn, and keeps what was sent."""

    def __init__(self) -> None:
        self.answers: Iterator[object] = itertools.repeat({})
        self.sent: list[Request] = []

    def send(self, request: Request, *, timeout: Timeout) -> Response:
        if request.url.endswith("/session"):
            body: object = {"currentAccountId": "ABC12", "currencyIsoCode": "USD"}
        else:
            self.sent.append(request)
            body = next(self.answers)
        text = body if isinstance(body, bytes) else json.dumps(body).encode()
        return Response(200, {"cst": "cst-token", "x-security-token": "xst-token"}, text)

    def abort(self) -> None:
        """Nothing is under way."""

    def close(self) -> None:
        """Nothing is open."""

    @property
    def last(self) -> tuple[str, str, Any]:
        """Method, path with query, and body of the last request."""
        request = self.sent[-1]
        body = json.loads(request.body, parse_float=Decimal) if request.body else None
        return request.method, request.url.partition("/deal")[2], body


@pytest.fixture
def wire() -> Recorder:
    """The other end."""
    return Recorder()


@pytest.fixture
def ig(wire: Recorder) -> Iterator[IGClient]:
    """A client of it that asks nothing besides."""
    config = IGConfig(
        api_key="a-key",
        identifier="somebody",
        password="a-password",
        base_url="http://127.0.0.1:9/gateway/deal",
        limits={"non_trading_per_minute": 10_000, "trading_per_minute": 10_000},
    )
    with IGClient(config, transport=wire) as client:
        yield client


def test_preferences_send_what_is_given(ig: IGClient, wire: Recorder) -> None:
    """False is a value; what is not given is not sent."""
    ig.accounts.update_preferences(trailing_stops_enabled=False)
    assert wire.last == ("PUT", "/accounts/preferences", {"trailingStopsEnabled": False})
    ig.accounts.update_preferences(hedging_mode="X")
    assert wire.last == ("PUT", "/accounts/preferences", {"hedgingMode": "X"})


def test_a_change_of_nothing_is_refused(ig: IGClient, wire: Recorder) -> None:
    """Neither the preferences nor a key are sent without something to change."""
    with pytest.raises(ValueError, match="update_preferences needs"):
        ig.accounts.update_preferences()
    with pytest.raises(ValueError, match="update needs"):
        ig.applications.update(api_key="another")
    assert not wire.sent


def test_names_in_paths_stay_in_their_place(ig: IGClient, wire: Recorder) -> None:
    """A list whose id has a space, a slash or a dot leads nowhere else."""
    ig.watchlists.get("Popular Markets")
    assert wire.last[1] == "/watchlists/Popular%20Markets"
    ig.watchlists.remove("a/b?c", "EURUSD")
    assert wire.last[:2] == ("DELETE", "/watchlists/a%2Fb%3Fc/CS.D.EURUSD.MINI.IP")
    with pytest.raises(ValueError, match="watchlist_id"):
        ig.watchlists.get("..")


NAMED: dict[str, Callable[[IGClient, Any], object]] = {
    "account": lambda ig, text: ig.session.switch(text),
    "account_id": lambda ig, text: ig.accounts.get(text),
    "deal_reference": lambda ig, text: ig.confirms.get(text),
    "deal_id": lambda ig, text: ig.positions.get(text),
    "epic": lambda ig, text: ig.markets.get(text),
    "epics": lambda ig, text: ig.markets.list([text]),
    "term": lambda ig, text: ig.markets.search(text),
    "node_id": lambda ig, text: ig.markets.navigate(text),
    "category_id": lambda ig, text: ig.markets.category(text),
    "market_id": lambda ig, text: ig.sentiment.get(text),
    "market_ids": lambda ig, text: ig.sentiment.list([text]),
    "watchlist_id": lambda ig, text: ig.watchlists.delete(text),
    "name": lambda ig, text: ig.watchlists.create(text),
    "indicative_quote_reference": lambda ig, text: ig.costs.document(text),
}


@pytest.mark.parametrize("name", NAMED)
def test_a_name_is_text_that_is_not_empty(name: str, ig: IGClient, wire: Recorder) -> None:
    """Every resource refuses an empty name, and what is no text, in the words of its argument; nothing is sent."""
    for empty in ("", " "):
        with pytest.raises(ValueError, match=f"^{name} must not be empty"):
            NAMED[name](ig, empty)
    with pytest.raises(TypeError, match=f"^{name} must be text"):
        NAMED[name](ig, 7)
    assert not wire.sent


@pytest.mark.parametrize("epic", ["", " "])
def test_an_epic_is_not_empty_anywhere(epic: str, ig: IGClient, wire: Recorder) -> None:
    """Neither a deal, nor history, costs and watchlists look for a market without a name."""
    calls: list[Callable[[], object]] = [
        lambda: ig.positions.open(epic, "BUY", 1),
        lambda: ig.positions.close_all(epic=epic),
        lambda: ig.orders.create(epic, "BUY", 1, level=1),
        lambda: ig.history.plan(epic, "1h", points=1),
        lambda: ig.costs.open(epic, "BUY", 1, bid=1, offer=2, currency="USD"),
        lambda: ig.watchlists.add("1", epic),
    ]
    for call in calls:
        with pytest.raises(ValueError, match=r"^epic must not be empty"):
            call()
    assert not wire.sent


def test_one_epic_is_no_list_of_letters(ig: IGClient, wire: Recorder) -> None:
    """A text where several are taken is one of them."""
    ig.watchlists.create("mine", "EURUSD")
    assert wire.last == ("POST", "/watchlists", {"name": "mine", "epics": ["CS.D.EURUSD.MINI.IP"]})
    wire.answers = iter([{"clientSentiments": []}])
    assert ig.sentiment.list("EURUSD") == []
    assert wire.last[1] == "/clientsentiment?marketIds=EURUSD"


def test_sentiment_asks_for_what_can_be_asked(ig: IGClient, wire: Recorder) -> None:
    """No ids are no request; an id that would become two is refused."""
    assert ig.sentiment.list([]) == []
    assert not wire.sent
    for odd in ("", "A,B"):
        with pytest.raises(ValueError, match="market_ids"):
            ig.sentiment.list([odd])


def test_costs_send_ig_its_own_market(ig: IGClient, wire: Recorder) -> None:
    """Prices and currency come from the market's details unless all are given; numbers keep their digits."""
    market = {"instrument": {"currencies": [{"code": "GBP"}, {"code": "USD"}]}, "snapshot": {"bid": 1.1, "offer": 1.25}}
    wire.answers = iter([market, {}])
    ig.costs.open("EURUSD", "buy", "0.50", stop=Stop(level="1.05", guaranteed=True), deal_reference="mine")
    assert [request.url.partition("/deal")[2] for request in wire.sent] == [
        "/markets/CS.D.EURUSD.MINI.IP",
        "/indicativecostsandcharges/open",
    ]
    assert wire.last[2] == {
        "epic": "CS.D.EURUSD.MINI.IP",
        "direction": "BUY",
        "size": Decimal("0.50"),
        "bid": Decimal("1.1"),
        "ask": Decimal("1.25"),
        "dealCurrencyCode": "USD",
        "dealReference": "mine",
        "stopLevel": Decimal("1.05"),
        "guaranteedStop": True,
    }
    wire.answers = iter([{}])
    limit = Limit(level=1.3)
    ig.costs.edit(
        "EURUSD", "SELL", 2, opening_level=1.2, limit=limit, edit_type="X", bid="1.10", offer=1.2, currency="EUR"
    )
    assert len(wire.sent) == 3
    body = wire.last[2]
    assert {len(body.pop("dealReference")) > 8} == {True}
    assert body == {
        "epic": "CS.D.EURUSD.MINI.IP",
        "direction": "SELL",
        "size": 2,
        "bid": Decimal("1.10"),
        "ask": Decimal("1.2"),
        "dealCurrencyCode": "EUR",
        "openingLevel": Decimal("1.2"),
        "limitLevel": Decimal("1.3"),
        "editType": "X",
    }


def test_costs_refuse_what_cannot_be_quoted(ig: IGClient, wire: Recorder) -> None:
    """Distances, a price that is none, times without a zone: said here, before anything is sent."""
    given = {"bid": 1, "offer": 2, "currency": "USD"}
    with pytest.raises(ValueError, match="level"):
        ig.costs.open("EURUSD", "BUY", 1, stop=Stop(distance=10), **given)
    with pytest.raises(ValueError, match="level"):
        ig.costs.edit("EURUSD", "BUY", 1, opening_level=1, limit=Limit(distance=10), **given)
    with pytest.raises(ValueError, match="finite"):
        ig.costs.open("EURUSD", "BUY", "much", **given)
    with pytest.raises(ValueError, match="direction"):
        ig.costs.open("EURUSD", "UP", 1, **given)
    with pytest.raises(ValueError, match="time zone"):
        ig.costs.history(NOW.replace(tzinfo=None), NOW)
    assert not wire.sent


def test_costs_need_a_price(ig: IGClient, wire: Recorder) -> None:
    """A market without a price feed has none to quote with."""
    wire.answers = iter([{"snapshot": {"bid": None, "offer": None}}])
    with pytest.raises(DecodeError, match="no price"):
        ig.costs.open("EURUSD", "BUY", 1)


def test_the_history_of_costs_goes_on_to_the_end(ig: IGClient, wire: Recorder) -> None:
    """Pages are counted on from the number that IG tells; times stand in the path in UTC."""
    rows = [{"indicativeQuoteReference": name} for name in "abc"]

    def page(number: int, row: int) -> dict[str, object]:
        return {"costsAndChargesHistory": [rows[row]], "pagination": {"pageNumber": number, "totalElements": 3}}

    wire.answers = iter([page(0, 0), page(1, 1), page(2, 2)])
    ahead = NOW.astimezone(timezone(timedelta(hours=2)))
    quotes = ig.costs.history(ahead, NOW + timedelta(days=1), quote_type="OPEN", page_size=1)
    assert [quote.indicative_quote_reference for quote in quotes] == ["a", "b", "c"]
    path = "/indicativecostsandcharges/history/from/2025-01-08T12%3A30%3A15.678Z/to/2025-01-09T12%3A30%3A15.678Z"
    assert [request.url.partition("/deal")[2] for request in wire.sent] == [
        f"{path}?type=OPEN&pageSize=1",
        f"{path}?type=OPEN&pageSize=1&pageNumber=1",
        f"{path}?type=OPEN&pageSize=1&pageNumber=2",
    ]
    wire.answers = itertools.repeat(page(0, 0))
    with pytest.raises(DecodeError, match="circles"):
        ig.costs.history(NOW, NOW)


def test_a_document_is_a_document(ig: IGClient, wire: Recorder) -> None:
    """The bytes come as they are; a web page in their place is none."""
    wire.answers = iter([b"%PDF-1.4 \xff\x00", b"<html>"])
    assert ig.costs.document("ref") == b"%PDF-1.4 \xff\x00"
    with pytest.raises(DecodeError, match="no PDF"):
        ig.costs.document("ref")


def test_a_category_ends(ig: IGClient, wire: Recorder) -> None:
    """IG tells no total: a page that is not full is the last, and so is one that holds nothing new."""
    pages = [[{"epic": f"E{page}{row}"} for row in range(2)] for page in range(3)]
    full = [{"instruments": page, "metadata": {"pageNumber": 0, "pageSize": 2}} for page in pages]
    wire.answers = iter([*full[:2], {"instruments": pages[2][:1], "metadata": {"pageSize": 2}}])
    assert len(ig.markets.category("FX")) == 5
    assert wire.last[1] == "/categories/FX/instruments?pageNumber=2&pageSize=1000"
    wire.answers = iter([{"instruments": pages[0]}, {"instruments": []}])
    assert len(ig.markets.category("FX")) == 2
    wire.answers = itertools.repeat(full[0])
    assert len(ig.markets.category("FX")) == 2


def test_an_application_is_its_own_key(ig: IGClient, wire: Recorder) -> None:
    """The key in use is meant unless another is named."""
    ig.applications.update(status="ENABLED", allowance_account_overall=5)
    assert wire.last[2] == {"apiKey": "a-key", "status": "ENABLED", "allowanceAccountOverall": 5}
    ig.applications.update(api_key="other", allowance_account_trading=6)
    assert wire.last == ("PUT", "/operations/application", {"apiKey": "other", "allowanceAccountTrading": 6})


@pytest.mark.parametrize("body", [{"watchlists": {}}, {"watchlists": ["x"]}, [3], 5, "x"])
def test_a_list_that_is_none_is_told(ig: IGClient, wire: Recorder, body: object) -> None:
    """What a reply is about does not silently become nothing."""
    wire.answers = iter([body])
    with pytest.raises(DecodeError):
        ig.watchlists.list()
