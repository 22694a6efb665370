"""Every configuration key does what its text says: a table of what each one changes, seen from outside."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import logging
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

import pytest
from websockets.sync.server import ServerConnection, serve

from ig_sdk import IGClient, IGConfig
from ig_sdk.clock import ManualClock
from ig_sdk.errors import IGError, UsageError
from ig_sdk.lightstreamer import ConnectionStatus
from ig_sdk.rest import Request, Response, Timeout
from ig_sdk.simulator import Simulator
from ig_sdk.streaming import Mute, UpdatesLost
from ig_sdk.types import Tick

# Keys that do nothing yet (issue #12). It must become empty: whoever wires one gives it a row of its own.
OWED = {"stream.fallback"}

EURUSD, GBPUSD = "CS.D.EURUSD.MINI.IP", "CS.D.GBPUSD.MINI.IP"
CREDENTIALS = {"api_key": "key", "identifier": "someone", "password": "canary"}
ACCOUNTS = [
    {"accountId": "AAA", "accountName": "Main", "accountType": "CFD", "preferred": True},
    {"accountId": "BBB", "accountName": "Other", "accountType": "CFD"},
]
BEGIN = datetime(2025, 1, 6, 8, tzinfo=timezone.utc)

Row = Callable[["World"], None]
ROWS: dict[str, Row] = {}


def shows(*keys: str) -> Callable[[Row], Row]:
    """Enter a row: what shows that the keys do something."""

    def enter(row: Row) -> Row:
        ROWS.update(dict.fromkeys(keys, row))
        return row

    return enter


class World(NamedTuple):
    """What a row may need besides."""

    tmp_path: Path
    certificate: Path
    bundle: Path


class Clock(ManualClock):
    """A clock that notes the waits and lets them pass at once."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float] = []

    def wait(self, event: threading.Event, timeout: float) -> bool:
        self.waits.append(timeout)
        self.advance(min(timeout, 86_400.0))
        return event.is_set()


class Broker:
    """A transport that logs everybody in and answers as it is told; it notes what it was sent."""

    def __init__(self, answer: Response | None = None) -> None:
        self.requests: list[Request] = []
        self.timeouts: list[Timeout] = []
        self.clock = Clock()
        self.answer = answer or Response(200, {}, b"{}")
        self.result: Any = None

    def send(self, request: Request, *, timeout: Timeout) -> Response:
        self.requests.append(request)
        self.timeouts.append(timeout)
        path = request.path.rpartition("/deal")[2] or request.path
        if (request.method, path) == ("POST", "/session"):
            return self._login(int(request.headers["VERSION"]))
        if path == "/operations/application":
            return Response(200, {}, b"[]")
        if path == "/accounts":
            return Response(200, {}, json.dumps({"accounts": ACCOUNTS}).encode())
        return self.answer if path != "/session" else Response(200, {"x-security-token": "xst2"}, b"{}")

    @staticmethod
    def _login(version: int) -> Response:
        told: dict[str, Any] = {"lightstreamerEndpoint": "https://push.example.com"}
        if version == 3:
            told |= {"accountId": "AAA", "oauthToken": {"access_token": "a", "refresh_token": "r", "expires_in": "60"}}
        else:
            told |= {"currentAccountId": "AAA", "accounts": ACCOUNTS}
        return Response(200, {"cst": "cst", "x-security-token": "xst"}, json.dumps(told).encode())

    def abort(self) -> None:
        pass

    def close(self) -> None:
        pass

    def sent(self, method: str, path: str) -> list[Request]:
        return [each for each in self.requests if each.method == method and each.path.endswith(path)]


def heard(
    act: Callable[[IGClient], Any] = lambda ig: ig.login(), answer: Response | None = None, **keys: Any
) -> Broker:
    """What the broker hears of a client with these keys."""
    broker = Broker(answer)
    with IGClient(IGConfig(**{**CREDENTIALS, **keys}), clock=broker.clock, transport=broker) as ig:
        try:
            broker.result = act(ig)
        except IGError as error:
            broker.result = error
    return broker


def read(ig: IGClient) -> Any:
    return ig.sentiment.get("FX")


# --- REST and login


@shows("environment")
def environment(_: World) -> None:
    hosts = {name: urlsplit(heard(environment=name).requests[0].url).hostname for name in ("demo", "live")}
    assert hosts == {"demo": "demo-api.ig.com", "live": "api.ig.com"}
    with IGClient(IGConfig(environment="simulator")) as ig:
        ig.login()
        assert "SIMULATOR" in repr(ig)


@shows("allow_live_dealing")
def allow_live_dealing(_: World) -> None:
    def deal(ig: IGClient) -> Any:
        return ig.orders.cancel("DIAAAAB")

    forbidden, allowed = (heard(deal, environment="live", allow_live_dealing=each) for each in (False, True))
    assert isinstance(forbidden.result, UsageError)
    assert "allow_live_dealing" in str(forbidden.result.hint)
    assert not forbidden.sent("DELETE", "/DIAAAAB")
    assert allowed.sent("DELETE", "/DIAAAAB")


@shows("api_key", "identifier", "password")
def credentials(_: World) -> None:
    login = heard(api_key="K1", identifier="I1", password="P1").requests[0]
    assert login.headers["X-IG-API-KEY"] == "K1"
    assert json.loads(login.body or b"") == {"identifier": "I1", "password": "P1"}


@shows("account_id")
def account_id(_: World) -> None:
    assert not heard().sent("PUT", "/session")
    (switch,) = heard(account_id="BBB").sent("PUT", "/session")
    assert json.loads(switch.body or b"")["accountId"] == "BBB"


@shows("login_version")
def login_version(_: World) -> None:
    assert [heard(login_version=each).requests[0].headers["VERSION"] for each in (2, 3)] == ["2", "3"]


@shows("encrypt_password")
def encrypt_password(_: World) -> None:
    asked = {each: len(heard(encrypt_password=each).sent("GET", "/session/encryptionKey")) for each in (True, False)}
    assert asked == {True: 1, False: 0}
    assert not heard(encrypt_password="auto").sent("GET", "/session/encryptionKey")


@shows("session_lifetime_s")
def session_lifetime_s(_: World) -> None:
    def later(ig: IGClient) -> None:
        ig.login()
        ig._clock.advance(3600)  # type: ignore[attr-defined]  # the broker's
        read(ig)

    logins = {each: len(heard(later, session_lifetime_s=each).sent("POST", "/session")) for each in (600, 7200)}
    assert logins == {600: 2, 7200: 1}


@shows("base_url")
def base_url(_: World) -> None:
    assert heard(base_url="https://127.0.0.1:9/own").requests[0].url == "https://127.0.0.1:9/own/session"


@shows("stream_url")
def stream_url(_: World) -> None:
    addresses = [
        heard(lambda ig: ig.stream_access(), **keys).result.endpoint
        for keys in ({}, {"stream_url": "https://other.example.com"})
    ]
    assert addresses == ["https://push.example.com", "https://other.example.com"]


@shows("connect_timeout_s", "read_timeout_s")
def timeouts(_: World) -> None:
    limits = heard(connect_timeout_s=3, read_timeout_s=4).timeouts[0]
    assert (limits.connect_s, limits.read_s) == (3, 4)


@shows("proxy")
def proxy(_: World) -> None:
    refusal = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"
    with listening(refusal) as (port, heads):
        keys: dict[str, Any] = {"proxy": f"http://127.0.0.1:{port}", "reconnect": {"max_retries": 0}}
        with IGClient(IGConfig(**CREDENTIALS, **keys)) as ig, pytest.raises(IGError):
            ig.login(timeout=5)
        assert heads[0].startswith(b"CONNECT demo-api.ig.com:443")
        heads.clear()
        with streaming(**keys) as stream:
            stream.wait_connected(0.1)
            wait_for(lambda: bool(heads))
        assert heads[0].startswith(b"CONNECT push.example.com:443")


@shows("ca_bundle")
def ca_bundle(world: World) -> None:
    with listening(b"", world.certificate) as (port, heads):
        url = f"https://127.0.0.1:{port}"
        for trusted in (None, str(world.bundle)):
            keys: dict[str, Any] = {"ca_bundle": trusted, "reconnect": {"max_retries": 0}}
            with IGClient(IGConfig(**CREDENTIALS, base_url=url, **keys)) as ig, pytest.raises(IGError):
                ig.login(timeout=5)
            assert bool(heads) == (trusted is not None)
        heads.clear()
        with streaming(stream_url=url, ca_bundle=str(world.bundle)) as stream:
            stream.wait_connected(0.1)
            wait_for(lambda: bool(heads))
        assert b"Upgrade: websocket" in heads[0]


@shows("reconnect.max_retries")
def max_retries(_: World) -> None:
    down = Response(503, {}, b"")
    tried = {each: len(heard(read, down, reconnect={"max_retries": each}).sent("GET", "/FX")) for each in (0, 2)}
    assert tried == {0: 1, 2: 3}


@shows("reconnect.initial_delay_s", "reconnect.max_delay_s", "reconnect.multiplier")
def pauses(_: World) -> None:
    down, limits = Response(503, {}, b""), {"non_trading_per_minute": 10_000, "trading_per_minute": 10_000}

    def waited(**reconnect: float) -> list[float]:
        return heard(read, down, reconnect={"max_retries": 40, **reconnect}, limits=limits).clock.waits

    steady = waited(initial_delay_s=2.0, max_delay_s=4.0, multiplier=1)
    assert 1.0 < max(steady) <= 2.0  # forty draws from zero to the limit
    assert 2.0 < max(waited(initial_delay_s=2.0, max_delay_s=4.0, multiplier=2)) <= 4.0
    assert max(waited(initial_delay_s=0.001, max_delay_s=0.002)) <= 0.002


@shows("limits.non_trading_per_minute", "limits.trading_per_minute", "limits.historical_points_per_week")
def allowances(_: World) -> None:
    def thrice(ig: IGClient) -> Any:
        for _ in range(3):
            read(ig)
        return ig.allowances

    own = {"non_trading_per_minute": 2, "trading_per_minute": 3, "historical_points_per_week": 4}
    narrow, wide = heard(thrice, limits=own), heard(thrice, limits={"non_trading_per_minute": 1000})
    assert (narrow.result.account.limit, narrow.result.trading.limit, narrow.result.historical.limit) == (2, 3, 4)
    assert max(narrow.clock.waits, default=0.0) > 30.0
    assert max(wide.clock.waits, default=0.0) < 1.0


@shows("history.cache")
def history_cache(world: World) -> None:
    path = world.tmp_path / "prices.sqlite"
    with Simulator(allowances=None) as sim:
        for cache in ("none", str(path)):
            with sim.client(history={"cache": cache}) as ig:
                assert ig.history.prices(EURUSD, "MINUTE", points=2)
            assert path.exists() == (cache != "none")


# --- logging


@shows("logging.directory", "logging.level", "logging.json", "logging.rotation_mb")
def log_files(world: World) -> None:
    def lines(name: str, **keys: Any) -> tuple[list[str], int]:
        folder = world.tmp_path / name
        heard(lambda ig: [read(ig) for _ in range(20)], logging={"directory": str(folder), **keys}, limits=MANY)
        written = [path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.log"))]
        return [line for text in written for line in text.splitlines()], len(list(folder.glob("rest.log*")))

    assert not any("GET /clientsentiment" in line for line in lines("info", level="INFO")[0])
    debug, files = lines("debug", level="DEBUG")
    assert any("GET /clientsentiment" in line for line in debug)
    assert files == 1
    assert all(json.loads(line)["component"] for line in lines("json", json=True)[0])
    assert lines("small", level="DEBUG", rotation_mb=0.001)[1] > 1


MANY = {"non_trading_per_minute": 10_000, "trading_per_minute": 10_000}


# --- the simulator


@shows("simulator.seed")
def seed(_: World) -> None:
    def closes(number: int) -> list[float]:
        with IGClient(IGConfig.simulator(seed=number)) as ig:
            candles = ig.history.prices(EURUSD, "DAY", start=BEGIN - timedelta(days=20), end=BEGIN - timedelta(days=10))
            return [candle.close for candle in candles]

    assert closes(1) == closes(1)
    assert closes(1) != closes(2)


def rising(count: int, apart_s: float) -> list[Tick]:
    times = [BEGIN + timedelta(seconds=number * apart_s) for number in range(count)]
    return [Tick(EURUSD, 1.1 + n * 0.001, 1.1002 + n * 0.001, time, time) for n, time in enumerate(times)]


@shows("simulator.ticks", "simulator.speed")
def replay(_: World) -> None:
    def received(speed: float | str) -> list[float]:
        config = IGConfig.simulator(ticks=rising(5, 3600.0), speed=speed)
        with IGClient(config) as ig, ig.stream() as stream, stream.prices(EURUSD) as prices:
            found = [prices.poll(5.0)]
            found += [prices.poll(0.5) for _ in range(4)]
            return [tick.bid for tick in found if tick is not None]

    assert received("max") == [tick.bid for tick in rising(5, 3600.0)]
    assert received(1) == [1.1]


# --- the stream


class Ear:
    """A stream server that notes what it hears, and says what it is told to when a market is subscribed to."""

    def __init__(self, *lines: str, keepalive_ms: int = 5000, link: str = "*") -> None:
        self.heard: list[str] = []
        self.protocols: list[str] = []
        self.hosts: list[str] = []
        self._lines = lines
        self._first = f"CONOK,S1,50000,{keepalive_ms},{link}\r\n"
        self._server = serve(self._serve, "127.0.0.1", 0, select_subprotocol=self._choose)
        self.port = self._server.socket.getsockname()[1]
        self._thread = threading.Thread(target=self._server.serve_forever, name="ear")
        self._thread.start()

    def _choose(self, connection: ServerConnection, offered: Any) -> Any:
        self.protocols.append(offered[0])
        assert connection.request is not None
        self.hosts.append(str(connection.request.headers["Host"]).partition(":")[0])
        return offered[0]

    def _serve(self, connection: ServerConnection) -> None:
        with contextlib.suppress(Exception):
            for message in connection:
                text = message if isinstance(message, str) else message.decode()
                self.heard.append(text)
                if text.startswith("wsok"):
                    connection.send("WSOK\r\n")
                elif text.startswith(("create_session", "bind_session")):
                    connection.send(self._first)
                elif text.startswith("control"):
                    self._answer(connection, text)

    def _answer(self, connection: ServerConnection, text: str) -> None:
        for line in text.split("\r\n")[1:]:
            asked = {name: values[0] for name, values in parse_qs(line).items()}
            if asked.get("LS_op") == "destroy":
                connection.send(f"REQOK,{asked['LS_reqId']}\r\nEND,31,destroyed\r\n")
            elif asked.get("LS_op") == "add":
                fields = len(asked["LS_schema"].split(" "))
                connection.send(f"REQOK,{asked['LS_reqId']}\r\nSUBOK,{asked['LS_subId']},1,{fields}\r\n")
                for more in self._lines:
                    connection.send(more.format(asked["LS_subId"]) + "\r\n")

    def said(self, name: str) -> str | None:
        """The value of a parameter, where it was first heard."""
        for text in self.heard:
            for line in text.split("\r\n"):
                values = parse_qs(line).get(name)
                if values:
                    return values[0]
        return None

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join(10)


@contextlib.contextmanager
def ear(*lines: str, **options: Any) -> Iterator[Ear]:
    listener = Ear(*lines, **options)
    try:
        yield listener
    finally:
        listener.close()


@contextlib.contextmanager
def streaming(**keys: Any) -> Iterator[Any]:
    """A stream whose client needs no REST server."""
    with IGClient(IGConfig(**{**CREDENTIALS, **keys}), transport=Broker()) as ig, ig.stream() as stream:
        yield stream


def wait_for(holds: Callable[[], bool], seconds: float = 10.0) -> bool:
    pause = threading.Event()
    for _ in range(int(seconds / 0.02)):
        if holds():
            return True
        pause.wait(0.02)
    return holds()


@contextlib.contextmanager
def listening(answer: bytes, certificate: Path | None = None) -> Iterator[tuple[int, list[bytes]]]:
    """A server that notes the head of each request, answers and hangs up."""
    heads: list[bytes] = []
    context = None
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
    listener = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        while True:
            try:
                plain, _ = listener.accept()
            except OSError:
                return
            with contextlib.suppress(OSError), plain:
                plain.settimeout(5)
                connection = plain if context is None else context.wrap_socket(plain, server_side=True)
                with connection:
                    heads.append(connection.recv(65536))
                    connection.sendall(answer)

    thread = threading.Thread(target=accept, name="listening")
    thread.start()
    try:
        yield listener.getsockname()[1], heads
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(10)


@shows("stream.protocol_versions")
def protocol_versions(_: World) -> None:
    for version in ("2.5.0", "2.4.0"):
        with ear() as server, streaming(stream_url=url(server), stream={"protocol_versions": [version]}) as stream:
            assert stream.wait_connected(10)
            assert version in server.protocols[0]
            assert stream.status().protocol_version == version


def url(server: Ear) -> str:
    return f"http://127.0.0.1:{server.port}"


@shows("stream.keepalive_s")
def keepalive_s(_: World) -> None:
    for seconds, told in ((None, None), (7.5, "7500")):
        with ear() as server, streaming(stream_url=url(server), stream={"keepalive_s": seconds}) as stream:
            assert stream.wait_connected(10)
            assert server.said("LS_keepalive_millis") == told


@shows("stream.stall_s")
def stall_s(_: World) -> None:
    # Its default leaves two seconds beyond the keepalive.
    for seconds, stalls in ((None, False), (0.6, True)):
        keys: dict[str, Any] = {"keepalive_s": 0.5, "stall_s": seconds}
        with ear(keepalive_ms=500) as server, streaming(stream_url=url(server), stream=keys) as stream:
            assert stream.wait_connected(10)
            seen = wait_for(lambda: stream.status().status is ConnectionStatus.STALLED, 10.0 if stalls else 1.2)
            assert seen == stalls


@shows("stream.price_source")
def price_source(_: World) -> None:
    for source, item in (("price", f"PRICE:AAA:{EURUSD}"), ("chart", f"CHART:{EURUSD}:TICK")):
        with ear() as server, streaming(stream_url=url(server), stream={"price_source": source}) as stream:
            stream.prices(EURUSD)
            assert wait_for(lambda: server.said("LS_group") is not None)
            assert server.said("LS_group") == item


@shows("stream.ignore_control_link")
def ignore_control_link(_: World) -> None:
    # Over a WebSocket the link counts from the next connection of the session on, which LOOP asks for.
    for ignored, host in ((False, "localhost"), (True, "127.0.0.1")):
        keys: dict[str, Any] = {"ignore_control_link": ignored}
        with ear("LOOP,0", link="localhost") as server, streaming(stream_url=url(server), stream=keys) as stream:
            stream.prices(EURUSD)
            assert wait_for(lambda: len(server.hosts) > 1)
            assert server.hosts[:2] == ["127.0.0.1", host]


@shows("limits.subscriptions")
def subscriptions(_: World) -> None:
    for limit in (1, 2):
        with ear() as server, streaming(stream_url=url(server), limits={"subscriptions": limit}) as stream:
            stream.prices(EURUSD)
            with contextlib.nullcontext() if limit == 2 else pytest.raises(UsageError):
                stream.prices(GBPUSD)


@shows("live.tick_buffer_size")
def tick_buffer_size(_: World) -> None:
    rows = [f"U,{{}},1,{1.1 + n / 1000:.4f}|{1.2 + n / 1000:.4f}|{1736150400000 + n}" for n in range(20)]
    for size, kept in ((5, 5), (1000, 20)):
        keys: dict[str, Any] = {"stream": {"price_source": "chart"}, "live": {"tick_buffer_size": size}}
        with ear(*rows) as server, streaming(stream_url=url(server), **keys) as stream:
            prices = stream.prices(EURUSD, events=True)
            assert wait_for(partial(_has_counted, prices, 20))
            found = [prices.poll(0.0) for _ in range(25)]
            assert sum(isinstance(each, Tick) for each in found) == kept
            assert sum(each.count for each in found if isinstance(each, UpdatesLost)) == 20 - kept


def _has_counted(prices: Any, ticks: int) -> bool:
    return bool(prices.counts[EURUSD].ticks == ticks)


@shows("live.heartbeat_interval_s")
def heartbeat_interval_s(_: World) -> None:
    for seconds, told in ((0.1, True), (30.0, False)):
        with ear() as server, streaming(stream_url=url(server), live={"heartbeat_interval_s": seconds}) as stream:
            prices = stream.prices(EURUSD, events=True)
            found = prices.poll(5.0 if told else 0.5)
            assert isinstance(found, Mute) == told


@shows("live.max_ticks_per_second")
def max_ticks_per_second(_: World) -> None:
    rows = [f"U,{{}},1,{1.1 + n / 100000:.5f}|{1.2 + n / 100000:.5f}|{1736150400000 + n}" for n in range(20)]
    for rate, passed in ((0.01, 1), (None, 20)):
        keys: dict[str, Any] = {"stream": {"price_source": "chart"}, "live": {"max_ticks_per_second": rate}}
        with ear(*rows) as server, streaming(stream_url=url(server), **keys) as stream:
            prices = stream.prices(EURUSD)
            assert wait_for(lambda prices=prices: sum(_passed_and_thinned(prices)) >= 19)
            assert _passed_and_thinned(prices)[0] == passed


def _passed_and_thinned(prices: Any) -> tuple[int, int]:
    counts = prices.counts[EURUSD]
    return counts.ticks, counts.thinned


@shows("live.data_quality_threshold")
def data_quality_threshold(_: World) -> None:
    # One good tick, and two that cannot be true.
    rows = [f"U,{{}},1,{bid}|1.2|{1736150400000 + n}" for n, bid in enumerate(("1.1999", "0", "0"))]
    for threshold, trusted in ((0.99, False), (0.1, True)):
        keys: dict[str, Any] = {"stream": {"price_source": "chart"}, "live": {"data_quality_threshold": threshold}}
        with ear(*rows) as server, streaming(stream_url=url(server), **keys) as stream:
            prices = stream.prices(EURUSD)
            assert wait_for(lambda prices=prices: prices.counts[EURUSD].set_aside == 2)
            assert stream.quality(EURUSD).trusted == trusted


def keys() -> list[str]:
    """Every key, dotted."""
    found = []
    for field in dataclasses.fields(IGConfig):
        value = getattr(IGConfig(), field.name)
        inner = dataclasses.fields(value) if dataclasses.is_dataclass(value) else ()
        found += [f"{field.name}.{each.name}" for each in inner] or [field.name]
    return found


def test_every_key_has_its_row() -> None:
    """No key without a row that shows what it does; those that are owed are exactly those that are listed."""
    assert set(keys()) - set(ROWS) == OWED
    assert set(ROWS) <= set(keys())


@pytest.fixture
def levels() -> Iterator[None]:
    """The level of the library's loggers, which ``logging.level`` sets for the process, put back."""
    logger = logging.getLogger("ig_sdk")
    before = logger.level
    yield
    logger.setLevel(before)


@pytest.mark.parametrize("row", sorted(set(ROWS.values()), key=lambda row: row.__name__), ids=lambda row: row.__name__)
@pytest.mark.usefixtures("levels")
def test_a_key_does_what_it_says(row: Row, tmp_path: Path, authority: Any) -> None:
    """With another value something is different, and it is what the key's text says."""
    row(World(tmp_path, authority.server, authority.bundle))
