"""Nothing but the error tree comes out of the public surface: not of odd answers, and of odd arguments misuse at most."""

from __future__ import annotations

import inspect
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ig_sdk.client import IGClient
from ig_sdk.clock import ManualClock
from ig_sdk.config import IGConfig
from ig_sdk.errors import IGError
from ig_sdk.rest import Request, Response, Timeout
from ig_sdk.types import Direction, Limit, Resolution, Stop

EPIC = "CS.D.EURUSD.MINI.IP"
NOW = datetime(2025, 1, 6, 12, tzinfo=timezone.utc)
SLOW = settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None)

# What is read, by what a good answer to it is called among the samples.
READS: dict[str, tuple[str, Callable[[IGClient], object]]] = {
    "accounts.list": ("accounts_v1__two_cfd_eur", lambda ig: ig.accounts.list()),
    "accounts.get": ("accounts_v1__single_cfd", lambda ig: ig.accounts.get("ABC12")),
    "accounts.preferences": ("", lambda ig: ig.accounts.preferences()),
    "applications.list": ("application_v1__live_limits", lambda ig: ig.applications.list()),
    "session.get": ("session_get_v1__gbp", lambda ig: ig.session.get()),
    "session.encryption_key": ("", lambda ig: ig.session.encryption_key()),
    "session.switch": ("session_put_v1__switch", lambda ig: ig.session.switch("XYZ12")),
    "sentiment.get": ("clientsentiment_v1__one_in_list", lambda ig: ig.sentiment.get("EURUSD")),
    "sentiment.list": ("clientsentiment_v1__three", lambda ig: ig.sentiment.list(["EURUSD", "GBPUSD"])),
    "sentiment.related": ("clientsentiment_v1__three", lambda ig: ig.sentiment.related("EURUSD")),
    "watchlists.list": ("watchlists_v1__list", lambda ig: ig.watchlists.list()),
    "watchlists.get": ("watchlist_v1__empty", lambda ig: ig.watchlists.get("1")),
    "markets.get": ("market_v3__eurusd_mini", lambda ig: ig.markets.get(EPIC)),
    "markets.list": ("markets_v2__eurusd_cfd_and_mini", lambda ig: ig.markets.list([EPIC])),
    "markets.ladder": ("market_v3__eurusd_mini", lambda ig: ig.markets.ladder(EPIC)),
    "markets.quote": ("market_v3__ftse_cfd", lambda ig: ig.markets.quote(EPIC)),
    "markets.search": ("markets_search_v1__mixed", lambda ig: ig.markets.search("gold")),
    "markets.navigate": ("marketnavigation_v1__root_fr", lambda ig: ig.markets.navigate()),
    "markets.categories": ("", lambda ig: ig.markets.categories()),
    "markets.category": ("markets_search_v1__mixed", lambda ig: ig.markets.category("1")),
    "market": ("market_v3__eurusd_mini", lambda ig: ig.market("EURUSD")),
    "costs.history": ("", lambda ig: ig.costs.history(start="2025-01-01", end="2025-01-05")),
    "costs.document": ("", lambda ig: ig.costs.document("abc")),
    "confirms.get": ("confirm_v1__accepted_open_bitcoin", lambda ig: ig.confirms.get("abc")),
    "positions.list": ("positions_v2__two", lambda ig: ig.positions.list()),
    "positions.get": ("position_v2__japan225_aud", lambda ig: ig.positions.get("DIAAAA1")),
    "orders.list": ("workingorders_v2__stop_gtc", lambda ig: ig.orders.list()),
    "history.prices": (
        "prices_v3__eurusd_mini_minute",
        lambda ig: ig.history.prices(EPIC, "MINUTE", start="2025-01-05", end="2025-01-06", timeout=600),
    ),
    "history.points": ("prices_v3__brent_minute", lambda ig: ig.history.prices(EPIC, "MINUTE", points=10)),
    "plan.check": (
        "prices_v3__gold_minute",
        lambda ig: str(ig.history.plan(EPIC, "DAY", start="2020-01-05", end="2024-01-06").check()),
    ),
    "history.allowance": (
        "prices_v3__gold_minute",
        lambda ig: ig.history.prices(EPIC, "HOUR", start="2024-01-05", end="2025-01-06", up_to_allowance=True),
    ),
    "history.activity": ("activity_v3__german_locale", lambda ig: ig.history.activity()),
    "history.transactions": ("transactions_v2__trade_and_interest", lambda ig: ig.history.transactions()),
    "stream_access": ("session_get_v1__gbp", lambda ig: ig.stream_access(fresh=True)),
    "login": ("session_post_v2__docs_cfd", lambda ig: (ig.logout(), ig.login())),
}

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just(10**40) | st.just("-1"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
STATUSES = st.sampled_from([200] * 6 + [201, 204, 302, 400, 401, 403, 404, 405, 409, 429, 500, 503, 504, 599, 999])
CODES = st.sampled_from(
    [
        *("error.security.client-token-invalid", "error.public-api.exceeded-account-allowance", "system.error", ""),
        *("error.public-api.exceeded-account-historical-data-allowance", "service.security.authentication.failure"),
    ]
)
HEADERS = st.dictionaries(
    st.sampled_from(["retry-after", "date", "cst", "x-security-token", "x-request-id", "content-type", "version"]),
    st.sampled_from(
        ["", "0", "3", "99999", "-1", "soon", "Mon, 06 Jan 2025 12:00:03 GMT", "Mon, 00 Foo 1", "é", "x" * 50]
    )
    | st.text(max_size=10),
    max_size=3,
)


def changed(value: Any, place: int, new: Any) -> Any:
    """Return JSON with another value at one place, counted through all that is in it."""
    left = [place]

    def walk(node: Any) -> Any:
        if left[0] == 0:
            left[0] = -1
            return new
        left[0] -= 1
        if isinstance(node, dict):
            return {key: walk(each) for key, each in node.items()}
        return [walk(each) for each in node] if isinstance(node, list) else node

    return walk(value)


class Odd:
    """A transport that logs in, unless told otherwise, and gives odd answers to everything else."""

    def __init__(self, answers: list[Response], *, login: bool = True) -> None:
        self.answers = answers
        self.login = login
        self.sent: list[Request] = []

    def send(self, request: Request, *, timeout: Timeout) -> Response:
        del timeout
        if self.login and request.path.endswith("/session") and request.method == "POST" and not self.sent:
            accounts = [{"accountId": each, "accountName": each} for each in ("ABC12", "XYZ12")]
            body = {"currentAccountId": "ABC12", "lightstreamerEndpoint": "https://x.example", "accounts": accounts}
            return Response(200, {"cst": "c" * 20, "x-security-token": "x" * 20}, json.dumps(body).encode())
        self.sent.append(request)
        return self.answers[min(len(self.sent), len(self.answers)) - 1]

    def abort(self) -> None:
        pass

    def close(self) -> None:
        pass


class Fast(ManualClock):
    """A clock on which every wait passes at once, each taking twice as long as the one before: even a year is soon over."""

    _longest = 1.0

    def wait(self, event: threading.Event, timeout: float) -> bool:
        if not event.is_set():
            self._longest = min(self._longest * 2.0, 1e6)
            self.advance(min(max(timeout, self._longest), 1e6))
        return event.is_set()


@contextmanager
def client_of(transport: Odd) -> Iterator[IGClient]:
    config = IGConfig(
        api_key="canarykey",
        identifier="canaryuser",
        password="canarypass",
        base_url="http://127.0.0.1:1/gateway/deal",
        reconnect={"max_retries": 1},
        limits={"non_trading_per_minute": 1000, "trading_per_minute": 1000},
    )
    ig = IGClient(config, clock=Fast(NOW), transport=transport)
    try:
        yield ig
    finally:
        ig.close()


@pytest.fixture
def samples(shared: Path) -> dict[str, Any]:
    """What IG once answered."""
    return {path.stem: json.loads(path.read_text()) for path in (shared / "wire" / "samples").glob("*.json")}


@st.composite
def answers(draw: st.DrawFn, good: Any) -> Response:
    kind = draw(st.integers(0, 9))
    status = draw(STATUSES)
    if kind == 0:
        return Response(status, draw(HEADERS), draw(st.binary(max_size=30)))
    if kind == 1:
        return Response(status, draw(HEADERS), json.dumps(draw(ANYTHING)).encode())
    if kind == 2:
        return Response(status, draw(HEADERS), json.dumps({"errorCode": draw(CODES | ANYTHING)}).encode())
    body = good
    for _ in range(draw(st.integers(1, 3))):
        body = changed(body, draw(st.integers(0, 60)), draw(ANYTHING))
    return Response(200 if kind > 4 else status, draw(HEADERS), json.dumps(body).encode())


@pytest.mark.parametrize("name", READS)
@SLOW
@given(st.data())
def test_odd_answers_raise_what_is_ours(samples: dict[str, Any], name: str, data: st.DataObject) -> None:
    """Whatever IG answers to a read, at any place of it, with any status and header: a result, or an ``IGError``."""
    sample, read = READS[name]
    good = samples.get(sample, {"a": [{"id": 1}]})
    transport = Odd(data.draw(st.lists(answers(good), min_size=1, max_size=4)), login=name != "login")
    with client_of(transport) as ig:
        try:
            said = repr(read(ig))
        except IGError as error:
            said = str(error)
    assert "canary" not in said


ODD = st.one_of(
    st.none() | st.booleans() | st.integers() | st.floats() | st.just(10**400) | st.decimals(),
    st.text(max_size=6),
    st.sampled_from(
        ["", " ", "\x00", "\n", "\ud800", "é", "a/b", "../x", "a,b", "x" * 5000, EPIC, "BUY", "ALL", "2025-01-01"]
    ),
    st.binary(max_size=4),
    st.sampled_from(
        [
            [],
            [None],
            {},
            {"a": 1},
            (),
            object(),
            date.max,
            datetime.max.replace(tzinfo=timezone.utc),
            NOW,
            timedelta.max,
            Direction.BUY,
        ]
    ),
    st.sampled_from([Stop(distance=Decimal(5)), Limit(level=Decimal(1)), Resolution.DAY, Decimal("NaN"), 1e308]),
    st.lists(st.text(max_size=3), max_size=3),
)
RESOURCES = (
    "accounts",
    "applications",
    "session",
    "sentiment",
    "watchlists",
    "markets",
    "history",
    "costs",
    "confirms",
)
METHODS = sorted(
    f"{resource}.{name}"
    for resource in RESOURCES
    for name, _ in inspect.getmembers(
        type(getattr(IGClient(IGConfig(base_url="http://127.0.0.1:1/x")), resource)), inspect.isfunction
    )
    if not name.startswith("_")
)


@pytest.mark.parametrize("name", METHODS)
@SLOW
@given(st.data())
def test_odd_arguments_are_misuse_at_most(name: str, data: st.DataObject) -> None:
    """Whatever is handed to a method: the error tree, or ``TypeError`` and ``ValueError``, and then nothing was sent."""
    transport = Odd([Response(404, {}, b'{"errorCode": "invalid.url"}')])
    with client_of(transport) as ig:
        resource, _, verb = name.partition(".")
        method = getattr(getattr(ig, resource), verb)
        given_by_place, given_by_name = [], {}
        for parameter in inspect.signature(method).parameters.values():
            if parameter.default is not parameter.empty and data.draw(st.booleans()):
                continue
            value = data.draw(ODD)
            if parameter.kind is parameter.POSITIONAL_OR_KEYWORD and not given_by_name:
                given_by_place.append(value)
            else:
                given_by_name[parameter.name] = value
        try:
            result = method(*given_by_place, **given_by_name)
            if inspect.isgenerator(result):
                next(result, None)
        except IGError:
            pass
        except (TypeError, ValueError):
            assert transport.sent == []
