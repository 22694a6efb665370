"""Every recorded reply of IG's is read by the method that it belongs to, over HTTP."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import requests
import responses

from ig_sdk.client import IGClient
from ig_sdk.config import IGConfig
from ig_sdk.errors import APIError, DealRejected, InvalidRequest, NotFound, RateLimited, SessionExpired

BASE = "http://127.0.0.1:9/gateway/deal"
LOGIN = {"currentAccountId": "ABC12", "lightstreamerEndpoint": "https://ls.example.com", "currencyIsoCode": "USD"}
TOKENS = {"CST": "cst-token", "X-SECURITY-TOKEN": "xst-token"}
MARK = "zzNew"  # a key that IG may add tomorrow
Answer = tuple[int, dict[str, str], bytes]


class Server:
    """IG, as far as a sample needs it.

    Args:
        path: Path that is answered with the sample, below the base URL.
        body: The sample.
        status: HTTP status of that answer.
        others: Further paths and their answers.
    """

    def __init__(
        self, path: str, body: object, *, status: int = 200, others: Mapping[str, object] | None = None
    ) -> None:
        self.path, self.status = path, status
        self.bodies = {"POST /session": LOGIN, **(others or {}), path: body}
        self.seen: list[str] = []

    def answer(self, request: requests.PreparedRequest) -> Answer:
        path = str(request.path_url).removeprefix("/gateway/deal").partition("?")[0]
        call = f"{request.headers.get('_method', request.method)} {path}"
        self.seen.append(call)
        for known, body in self.bodies.items():
            if re.fullmatch(known, call):
                text = body if isinstance(body, bytes) else json.dumps(body, default=_number).encode()
                return (self.status if known == self.path else 200), TOKENS, text
        return (204, {}, b"") if call == "DELETE /session" else (404, {}, b'{"errorCode": "invalid.url"}')


def _number(value: object) -> float:
    assert isinstance(value, Decimal)
    return float(value)


@contextmanager
def client_of(server: Server, **settings: Any) -> Iterator[IGClient]:
    """A client of that server, which asks nothing that the call does not need."""
    limits = {"non_trading_per_minute": 100_000, "trading_per_minute": 100_000}
    config = IGConfig(
        api_key="a-key",
        identifier="somebody",
        password="a-password",
        base_url=BASE,
        limits=limits,
        reconnect={"max_retries": 0},
        history={"cache": "none"},
        **settings,
    )
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        for method in ("GET", "POST", "PUT", "DELETE"):
            mock.add_callback(method, re.compile(re.escape(BASE)), callback=server.answer)
        with IGClient(config) as ig:
            yield ig


class Row(NamedTuple):
    """Which method reads a sample.

    Attributes:
        path: What that method asks for.
        call: The call.
        keeps: Whether everything that IG sent is in the result; not where rows become candles, where a page says which
            it is, or where an older version's words become those of the newest.
        settings: Configuration of the client.
    """

    path: str
    call: Callable[[IGClient], Any]
    keeps: bool = True
    settings: Mapping[str, Any] = {}


def _switched(ig: IGClient) -> object:
    return ig.session.switch("XYZ99", make_default=True)


_DAY = {"start": datetime.fromisoformat("2000-01-01T00:00:00+00:00")}
# The first pattern that fits counts; a sample that none fits fails the test.
ROWS: dict[str, Row] = {
    "accounts_v1__*": Row("GET /accounts", lambda ig: ig.accounts.list()),
    "activity_v[13]__*": Row("GET /history/activity", lambda ig: ig.history.activity(**_DAY), keeps=False),
    "application_v1__*": Row("GET /operations/application", lambda ig: ig.applications.list()),
    "clientsentiment_v1__*": Row("GET /clientsentiment", lambda ig: ig.sentiment.list(["EURUSD", "FR40"])),
    "confirm_v1__*": Row("GET /confirms/REF1", lambda ig: ig.confirms.get("REF1")),
    "market_v3__*": Row("GET /markets/AN.EPIC.IP", lambda ig: ig.markets.get("AN.EPIC.IP")),
    "marketnavigation_v1__leaf_*": Row("GET /marketnavigation/1", lambda ig: ig.markets.navigate("1")),
    "marketnavigation_v1__root_*": Row("GET /marketnavigation", lambda ig: ig.markets.navigate()),
    "markets_search_v1__*": Row("GET /markets", lambda ig: ig.markets.search("x")),
    "markets_v2__*": Row("GET /markets", lambda ig: ig.markets.list(["CS.D.EURUSD.MINI.IP", "CS.D.EURUSD.CFD.IP"])),
    "position_v2__*": Row("GET /positions/DEAL1", lambda ig: ig.positions.get("DEAL1")),
    "positions_v[12]__*": Row("GET /positions", lambda ig: ig.positions.list()),
    "prices_v[123]__*": Row(
        "GET /prices/AN.EPIC.IP", lambda ig: ig.history.prices("AN.EPIC.IP", "MINUTE", points=10), keeps=False
    ),
    "session_get_v1__*": Row("GET /session", lambda ig: ig.session.get()),
    "session_post_v2__*": Row("POST /session", lambda ig: ig.login()),
    "session_post_v3__*": Row("POST /session", lambda ig: ig.login(), keeps=False, settings={"login_version": 3}),
    "session_put_v1__*": Row("PUT /session", _switched),
    # The stream sends what a confirm is read from, and its channel.
    "trade_stream_confirms__*": Row("GET /confirms/REF1", lambda ig: ig.confirms.get("REF1")),
    "transactions_v2__*": Row("GET /history/transactions", lambda ig: ig.history.transactions(**_DAY), keeps=False),
    "watchlist_v1__*": Row("GET /watchlists/1", lambda ig: ig.watchlists.get("1")),
    "watchlists_v1__*": Row("GET /watchlists", lambda ig: ig.watchlists.list()),
    "workingorders_v1__*": Row("GET /workingorders", lambda ig: ig.orders.list(), keeps=False),
    "workingorders_v2__*": Row("GET /workingorders", lambda ig: ig.orders.list()),
}
# Not what a call answers with alone: a test of its own reads each of these.
ELSEWHERE = ("error_*", "positions_otc_post_v2__reply.json", "refresh_token_v1__reply.json")
# Items of the stream that no method reads yet.
STREAMED = ("trade_stream_opu__*", "trade_stream_wou__*")
# Without these a confirm or a login is none; another cursor is another page.
ESSENTIAL = {"dealStatus", "access_token", "refresh_token", "next"}


def _row(name: str) -> Row | None:
    return next((row for pattern, row in ROWS.items() if fnmatchcase(name, pattern)), None)


@pytest.fixture
def samples(shared: Path) -> dict[str, bytes]:
    """The recorded replies by name."""
    return {path.name: path.read_bytes() for path in sorted((shared / "wire" / "samples").glob("*.json"))}


@pytest.fixture
def readable(samples: dict[str, bytes]) -> Iterator[tuple[str, bytes, Row]]:
    """The samples that one method reads, with it."""
    return ((name, body, row) for name, body in samples.items() if (row := _row(name)))


@contextmanager
def reader(row: Row) -> Iterator[Callable[[object], Any]]:
    """What reads bodies by the method of a row; a login is read by a new client each time."""
    accounts = [{"accountId": "ABC12"}, {"accountId": "XYZ99"}]
    others = {"GET /accounts": {"accounts": accounts}, "POST /session": {**LOGIN, "accounts": accounts}}
    server = Server(row.path, b"", others=others)
    if row.path == "POST /session":
        yield lambda body: _read_login(row, body)
        return
    with client_of(server, **row.settings) as ig:

        def read_by_one(body: object) -> Any:
            server.bodies[row.path] = body
            server.seen.clear()
            made = row.call(ig)
            assert row.path in server.seen
            return made

        yield read_by_one


def _read_login(row: Row, body: object) -> Any:
    with client_of(Server(row.path, body), **row.settings) as ig:
        return row.call(ig)


def read(row: Row, body: object) -> Any:
    """What the method of a row makes of a body."""
    with reader(row) as read_by:
        return read_by(body)


def values(made: object) -> Iterator[object]:
    """Everything inside a result: models, and what they hold."""
    yield made
    if dataclasses.is_dataclass(made) and not isinstance(made, type):
        inside: Iterable[object] = [getattr(made, field.name) for field in dataclasses.fields(made)]
    elif isinstance(made, Mapping):
        inside = made.values()
    elif isinstance(made, (list, tuple)):
        inside = made
    else:
        return
    for value in inside:
        yield from values(value)


def leaves(data: object, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], object]]:
    """Everything in a JSON value that is neither object nor list, with its place."""
    pairs = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    if not isinstance(data, (dict, list)):
        yield path, data
    for key, value in pairs:
        yield from leaves(value, (*path, key))


def changed(data: Any, path: tuple[Any, ...], value: object) -> Any:
    """A copy of a JSON value with another one in one place."""
    if not path:
        return value
    copy = data.copy()
    copy[path[0]] = changed(data[path[0]], path[1:], value)
    return copy


def marked(data: Any) -> Any:
    """A copy with one more key in each object."""
    if isinstance(data, dict):
        return {**{key: marked(value) for key, value in data.items()}, MARK: "kept"}
    return [marked(value) for value in data] if isinstance(data, list) else data


@pytest.mark.shared
def test_every_sample_has_its_method(samples: dict[str, bytes]) -> None:
    """A sample that nobody reads is a gap; so is a row of the table that reads none."""
    rest = (*ELSEWHERE, *STREAMED)
    mute = [name for name in samples if not _row(name) and not any(fnmatchcase(name, each) for each in rest)]
    assert not mute
    assert len(samples) >= 59
    idle = [pattern for pattern in (*ROWS, *rest) if not any(fnmatchcase(name, pattern) for name in samples)]
    assert not idle


@pytest.mark.shared
def test_samples_are_read_with_their_digits_and_in_utc(readable: Iterator[tuple[str, bytes, Row]]) -> None:
    """Each number that IG wrote is in the result with its digits, and each moment is aware UTC."""
    for name, body, row in readable:
        made = list(values(read(row, body)))
        moments = [value for value in made if isinstance(value, datetime)]
        assert all(moment.utcoffset() == timedelta(0) for moment in moments), name
        if row.keeps:
            wrote = [value for _, value in leaves(json.loads(body, parse_float=Decimal))]
            sent = {str(value) for value in wrote if _is_number(value) or _is_decimal(value)}
            kept = {str(number) for number in made if _is_number(number) or _is_decimal(number)}
            # A price of the market is a float: the same number, not always the same text.
            assert {Decimal(text) for text in sent} <= {Decimal(text) for text in kept}, name
            assert {str(number) for number in made if isinstance(number, Decimal)} <= sent, name


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float, Decimal)) and not isinstance(value, bool)


@pytest.mark.shared
def test_texts_of_the_samples_survive(readable: Iterator[tuple[str, bytes, Row]]) -> None:
    """Whatever IG wrote in words is in the result: as it is, as a moment, or in ``extra``."""
    for name, body, row in readable:
        if row.keeps:
            made = {str(value.value if isinstance(value, Enum) else value) for value in values(read(row, body))}
            sent = {text for path, text in leaves(json.loads(body)) if isinstance(text, str) and not _is_moment(text)}
            missing = {text for text in sent - made if not _is_decimal(text)}
            assert not missing, name


def _is_moment(text: str) -> bool:
    return re.match(r"\d{4}-\d\d-\d\d", text) is not None


def _is_decimal(text: object) -> bool:
    return isinstance(text, str) and re.fullmatch(r"-?\d+(\.\d+)?", text) is not None


@pytest.mark.shared
def test_what_ig_adds_is_kept(readable: Iterator[tuple[str, bytes, Row]]) -> None:
    """A key that nobody knows changes nothing else, and stands in the ``extra`` of the object that it came in."""
    for name, body, row in readable:
        data = json.loads(body, parse_float=Decimal)
        made = [value for value in values(read(row, marked(data))) if hasattr(value, "extra")]
        unmarked = [value for value in made if value.extra.get(MARK) != "kept"]
        if row.keeps:
            assert made or not list(leaves(data)), name
            assert not unmarked, name


@pytest.mark.shared
def test_a_null_breaks_nothing(readable: Iterator[tuple[str, bytes, Row]]) -> None:
    """With any one value absent, or all of them, the reply is still read."""
    for _name, body, row in readable:
        data = json.loads(body, parse_float=Decimal)
        with reader(row) as read_by:
            for path, _ in [leaf for leaf in leaves(data) if not ESSENTIAL & set(leaf[0])]:
                read_by(changed(data, path, None))


@pytest.mark.shared
def test_an_odd_value_breaks_nothing(readable: Iterator[tuple[str, bytes, Row]]) -> None:
    """A value of a kind that cannot be is kept aside; a reply that can be used is used."""
    for _name, body, row in readable:
        data = json.loads(body, parse_float=Decimal)
        with reader(row) as read_by:
            for odd in ("zz", [1], {"a": 1}, True):
                for path, _ in [leaf for leaf in leaves(data) if not ESSENTIAL & set(leaf[0])]:
                    read_by(changed(data, path, odd))


@pytest.mark.shared
@pytest.mark.parametrize(
    ("pattern", "kind"),
    [
        ("error_400__*", InvalidRequest),
        ("error_401__*", SessionExpired),
        ("error_403__*", RateLimited),
        ("error_404__*", NotFound),
    ],
)
def test_recorded_errors(samples: dict[str, bytes], pattern: str, kind: type[APIError]) -> None:
    """Each recorded error becomes the class of its code, and has the code."""
    found = [(name, body) for name, body in samples.items() if fnmatchcase(name, pattern)]
    assert found
    for name, body in found:
        server = Server("GET /accounts", body, status=int(name[6:9]))
        with client_of(server) as ig, pytest.raises(kind) as excinfo:
            ig.accounts.list()
        assert excinfo.value.code == json.loads(body)["errorCode"]


@pytest.mark.shared
def test_the_recorded_deal(samples: dict[str, bytes]) -> None:
    """The reply to a new position names the deal that is confirmed then."""
    others = {
        "GET /markets/CS.D.EURUSD.MINI.IP": samples["market_v3__eurusd_mini.json"],
        "GET /confirms/.*": samples["confirm_v1__rejected_limit_wrong_side.json"],
    }
    server = Server("POST /positions/otc", samples["positions_otc_post_v2__reply.json"], others=others)
    with client_of(server) as ig, pytest.raises(DealRejected) as excinfo:
        ig.positions.open("EURUSD", "BUY", 1)
    assert excinfo.value.reason == "LIMIT_ORDER_WRONG_SIDE_OF_MARKET"
    assert server.seen.count("POST /positions/otc") == 1


@pytest.mark.shared
def test_the_recorded_refresh(samples: dict[str, bytes]) -> None:
    """A refused token of version 3 is renewed by the refresh token, whose reply gives both anew."""
    recorded = json.loads(samples["refresh_token_v1__reply.json"])
    server = Server(
        "POST /session/refresh-token", recorded, others={"POST /session": samples["session_post_v3__oauth.json"]}
    )
    bearers: list[str | None] = []

    def accounts(request: requests.PreparedRequest) -> Answer:
        bearers.append(request.headers.get("Authorization"))
        if bearers[-1] == f"Bearer {recorded['access_token']}":
            return 200, {}, samples["accounts_v1__single_cfd.json"]
        return 401, {}, samples["error_401__oauth_token_invalid.json"]

    answer = server.answer
    server.answer = lambda request: accounts(request) if "/accounts" in request.path_url else answer(request)  # type: ignore[method-assign]
    with client_of(server, login_version=3) as ig:
        assert [account.account_id for account in ig.accounts.list()] == ["ABCDEF"]
    assert server.seen.count("POST /session/refresh-token") == 1
    assert len(bearers) == 2
