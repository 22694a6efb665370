"""No request crashes the simulated REST API, and one that is refused changes nothing."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytest.importorskip("werkzeug")

from werkzeug.test import Client

from ig_sdk.clock import ManualClock
from ig_sdk.simulator.accounts.allowances import AllowanceBook
from ig_sdk.simulator.accounts.dealing_service import DealingService, broker_of
from ig_sdk.simulator.accounts.logins import Sessions
from ig_sdk.simulator.broker import NewOrder, OpenDeal
from ig_sdk.simulator.prices.past import PastPrices
from ig_sdk.simulator.prices.seeded import Market
from ig_sdk.simulator.reference.instruments import instruments
from ig_sdk.simulator.rest.app import RestApp
from ig_sdk.simulator.rest.backend import Backend
from ig_sdk.simulator.rest.rules import endpoints
from ig_sdk.types import Direction

START = datetime(2025, 1, 6, 10, tzinfo=timezone.utc)
ACCOUNT, EPIC = "ABC123", "CS.D.EURUSD.MINI.IP"
# A log-out or a dead key would end the fuzzing; they have tests of their own.
SAFE = [each for each in endpoints().values() if not each.name.startswith(("session.delete", "applications."))]
# Dealing has the most to check; it is tried as often as everything else.
DEALING = [each for each in SAFE if each.traffic == "trading"]
TARGETS = st.sampled_from(SAFE) | st.sampled_from(DEALING)


class House:
    """A REST API and a caller that is logged in anew for each request."""

    def __init__(self) -> None:
        self.clock = ManualClock(START)
        self.sessions = Sessions(self.clock)
        self.dealing = DealingService(broker_of(self.sessions.accounts, seed=7, start=START), clock=self.clock)
        market = Market(7, START)
        for epic in instruments():
            self.dealing.on_tick(market.quote(epic).tick)
        self.backend = Backend(
            sessions=self.sessions,
            dealing=self.dealing,
            quote=market.quote,
            past=PastPrices(7, START),
            book=AllowanceBook(None, self.clock),
            clock=self.clock,
            stream_url="http://127.0.0.1:1",
        )
        self.client = Client(RestApp(self.backend))
        deal: Any = {"epic": EPIC, "expiry": "-", "size": Decimal(1), "currency": "USD"}
        for direction in Direction:
            opened = OpenDeal(direction=direction, **deal)
            self.dealing.act(lambda broker, now, opened=opened: broker.open(ACCOUNT, opened, now))
        order = NewOrder(direction=Direction.BUY, level=Decimal("1.01"), kind="LIMIT", **deal)
        self.dealing.act(lambda broker, now: broker.create_order(ACCOUNT, order, now))

    def headers(self) -> dict[str, str]:
        session = self.sessions.open(self.sessions.account(ACCOUNT))
        key = self.sessions.credentials.api_key
        return {"X-IG-API-KEY": key, "CST": session.cst, "X-SECURITY-TOKEN": session.xst}

    def state(self) -> Any:
        """Everything that a request could have changed."""
        return (
            self.dealing.act(
                lambda broker, _: (
                    broker.view.positions(ACCOUNT),
                    broker.view.orders(ACCOUNT),
                    broker.view.figures(ACCOUNT),
                    broker.view.activity(ACCOUNT),
                    broker.view.account(ACCOUNT),
                )
            ),
            self.backend.watchlists.all(ACCOUNT),
            dict(self.backend.hedging_modes),
            self.sessions.preferred,
        )


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=4,
)
NUMBERS = st.one_of(
    st.sampled_from([0, 1, -1, 0.5, "2", "1e3", "-0", "1e-40", 10**30, "NaN", "Infinity", 1e308, "0.1234567890123"]),
    st.floats(),
    st.integers(),
    st.decimals(allow_nan=False, allow_infinity=False).map(str),
)
TIMES = ["2025-01-03T10:00:00", "2025:01:03-10:00:00", "2025-01-03 10:00:00", "03-01-2025", "2025/02/01 10:00:00", "0"]
WORDS = st.sampled_from(
    [
        *("CS.D.EURUSD.MINI.IP", "CS.D.EURUSD.TODAY.IP", "MINUTE", "MONTH", "SECOND", "ALL", "-", "DFB", "USD", "GBP"),
        *("5222222", "Popular Markets", "EURUSD", "FOREX", "DIAAAA", "1", "10", "604800000", "", "%", "\x00", "é"),
        *TIMES,
        "9" * 30,
    ]
)


# By the name of a property or a part of a path: what would do.
EPICS = st.sampled_from([EPIC, EPIC, EPIC, "CS.D.USDJPY.CFD.IP", "CS.D.EURUSD.TODAY.IP"])
# Stands for one of the deals that are there when the request is sent.
DEALS = st.integers(0, 2).map(lambda number: f"DEAL{number}")
LEVELS = st.sampled_from([None, None, 1.1, "1.2", 0.9, 100, 0, -1, 2650.5])
GOOD = {
    "epic": EPICS,
    "expiry": st.sampled_from(["-", "-", "-", "DFB"]),
    "currencyCode": st.sampled_from(["USD", "USD", "JPY"]),
    "dealCurrencyCode": st.just("USD"),
    "size": st.sampled_from([1, "0.5", 2.5, 1e-12, 0, -1, 999_999_999_999]),
    "level": st.sampled_from([1.1, 1.0, 0, 150]),
    "dealId": st.none() | DEALS,
    "dealReference": st.none() | st.text("ab", min_size=1, max_size=3),
    "goodTillDate": st.sampled_from([None, "2025/02/01 10:00:00", "1738404000000"]),
    "quoteId": st.none(),
    "orderType": st.sampled_from(["MARKET", "MARKET", "LIMIT"]),
    "stopDistance": st.sampled_from([None, 10, "50.5", 0, -5, 1e15]),
    "limitDistance": st.sampled_from([None, 10, "50.5", 0, -5, 1e15]),
    "stopLevel": LEVELS,
    "limitLevel": LEVELS,
    "resolution": st.sampled_from(["MINUTE", "DAY", "MONTH"]),
    "numPoints": st.sampled_from(["1", "10"]),
    "marketId": st.just("EURUSD"),
    "watchlistId": st.sampled_from(["5222222", "Popular Markets", "6000001"]),
    "lastPeriod": st.sampled_from(["1", "604800000"]),
    "transactionType": st.sampled_from(["ALL", "ALL_DEAL"]),
    "fromDate": st.just("01-01-2025"),
    "toDate": st.sampled_from(["01-01-2025", "07-01-2025"]),
}


def near(name: str, field: Any) -> st.SearchStrategy[Any]:
    """Values that a field might take."""
    if name in GOOD:
        return GOOD[name]
    if field.values:
        return st.sampled_from(list(field.values))
    return {
        "string": WORDS,
        "number": NUMBERS,
        "integer": NUMBERS,
        "boolean": st.booleans() | st.sampled_from(["true", "False"]),
        "array[string]": st.lists(EPICS, max_size=3),
    }[field.kind]


@st.composite
def bodies(draw: st.DrawFn, fields: Any) -> str | bytes:
    kind = draw(st.integers(0, 19))
    if kind == 0:
        return draw(st.binary(max_size=40) | st.text(max_size=40).map(lambda text: text.encode(errors="replace")))
    if kind == 1:
        return json.dumps(draw(ANYTHING))
    wanted = {name: field for name, field in fields.items() if field.required or draw(st.integers(0, 3)) == 0}
    body = {name: draw(near(name, field)) for name, field in wanted.items()}
    # Mostly plausible, so that the checks further in, and the desk, are reached.
    for name in draw(st.sets(st.sampled_from(sorted(fields)), max_size=2)) if draw(st.booleans()) and fields else ():
        body[name] = draw(NUMBERS | WORDS | ANYTHING)
    return json.dumps({name: value for name, value in body.items() if value is not None})


@st.composite
def paths(draw: st.DrawFn, rules: Any) -> str:
    parts = []
    for part in draw(st.sampled_from(rules.paths)).split("/"):
        good = DEALS if part == "{dealId}" else GOOD.get(part[1:-1], WORDS)
        wild = WORDS | st.text(max_size=10)
        drawn = draw(st.one_of(good, good, wild)) if part.startswith("{") else part
        parts.append(quote(drawn or "x", safe="") if part.startswith("{") else drawn)
    return "/".join(parts)


QUERIES = st.dictionaries(
    st.sampled_from(
        [
            *("from", "to", "pageSize", "pageNumber", "max", "resolution", "searchTerm", "epics", "marketIds", "type"),
            *("maxSpanSeconds", "detailed", "filter", "dealId", "startdate", "enddate", "fetchSessionTokens", "epic"),
        ]
    ),
    WORDS | st.text(max_size=12),
    max_size=4,
)


@given(st.data())
@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_no_request_crashes_it(data):
    """Anything near a request is answered, never by 500; what is refused has left everything as it was."""
    house = House()
    rules = data.draw(TARGETS)
    before = house.state()
    path = data.draw(paths(rules))
    query = data.draw(QUERIES)
    if query:
        path += "?" + "&".join(f"{name}={quote(value, safe='')}" for name, value in query.items())
    body = data.draw(bodies(rules.fields)) if rules.fields or data.draw(st.booleans()) else None
    method, headers = rules.method, house.headers() | {"VERSION": str(rules.version)}
    if method == "DELETE" and data.draw(st.booleans()):
        method, headers["_method"] = "POST", "DELETE"
    for number, held in enumerate((*before[0][0], *before[0][1])):
        path = path.replace(f"DEAL{number}", held.deal_id)
        body = body.replace(f"DEAL{number}", held.deal_id) if isinstance(body, str) else body
    reply = house.client.open("/gateway/deal" + path, method=method, data=body, headers=headers)
    assert reply.status_code < 500, (method, path, body)
    if reply.status_code >= 400:
        assert list(reply.json) == ["errorCode"]
        assert house.state() == before


@given(st.text(max_size=60), st.binary(max_size=60), st.text(st.characters(max_codepoint=255), max_size=10))
@settings(max_examples=50)
def test_no_path_crashes_it(path, query, version):
    """Whatever is between slashes is no resource, or one."""
    house = House()
    environ = {
        "PATH_INFO": "/gateway/deal/" + path.encode().decode("latin-1"),
        "QUERY_STRING": query.decode("latin-1"),
        "HTTP_VERSION": version,
    }
    reply = house.client.get("/", environ_overrides=environ, headers=house.headers())
    assert reply.status_code in (400, 404) or not path.strip("/")
