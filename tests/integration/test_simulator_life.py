"""A whole simulator on loopback: starting, being talked to, being closed."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone

import pytest
import requests
from websockets.sync.client import ClientConnection, connect

from ig_sdk.clock import ManualClock
from ig_sdk.errors import ConfigError, DecodeError, IGError, UsageError
from ig_sdk.simulator import Allowances, Credentials, Simulator
from ig_sdk.ticks import read_ticks
from ig_sdk.types import Tick, epic_for

EURUSD = epic_for("EURUSD")
TIMEOUT_S = 10.0


@pytest.fixture
def sim() -> Iterator[Simulator]:
    with Simulator() as simulator:
        yield simulator


@pytest.fixture
def http_session() -> Iterator[requests.Session]:
    with requests.Session() as session:
        yield session


def log_in(sim: Simulator, session: requests.Session) -> dict[str, str]:
    """Log in as a stranger's client would, and return the headers of further calls."""
    own = sim.credentials
    reply = session.post(
        f"{sim.rest_url}/session",
        json={"identifier": own.identifier, "password": own.password},
        headers={"X-IG-API-KEY": own.api_key, "VERSION": "2"},
        timeout=TIMEOUT_S,
    )
    assert reply.status_code == 200
    assert reply.json()["lightstreamerEndpoint"] == sim.stream_url
    tokens = {name: reply.headers[name] for name in ("CST", "X-SECURITY-TOKEN")}
    return {"X-IG-API-KEY": own.api_key, **tokens}


def market(sim: Simulator, session: requests.Session, headers: dict[str, str], epic: str = EURUSD) -> dict:
    reply = session.get(f"{sim.rest_url}/markets/{epic}", headers=headers | {"VERSION": "3"}, timeout=TIMEOUT_S)
    assert reply.status_code == 200
    return reply.json()


class Reader:
    """A bare TLCP client: one session, one subscription, no questions."""

    def __init__(self, socket: ClientConnection, what: str) -> None:
        self.socket = socket
        self.subscription = f"control\r\nLS_reqId=1&LS_op=add&LS_subId=1&{what}"
        self.values: list[str] = ["", "", ""]
        self.rows: list[tuple[int, float, float]] = []

    def subscribe(self) -> None:
        self.socket.send(self.subscription)

    def read(self, count: int) -> list[tuple[int, float, float]]:
        """Return the next ``count`` updates: time in ms, bid, offer."""
        while len(self.rows) < count:
            for line in self.socket.recv(timeout=TIMEOUT_S).split("\r\n"):
                if line.startswith("U,"):
                    self._update(line.split(",", 3)[3])
                    self.rows.append((int(self.values[0]), float(self.values[1]), float(self.values[2])))
        taken, self.rows = self.rows[:count], self.rows[count:]
        return taken

    def _update(self, payload: str) -> None:
        position = 0
        for part in payload.split("|"):
            if part.startswith("^"):
                position += int(part[1:])
                continue
            if part:
                self.values[position] = part
            position += 1


@contextmanager
def reading(sim: Simulator, tokens: dict[str, str], *, epic: str = EURUSD, mode: str = "CHART") -> Iterator[Reader]:
    """Open a session on the stream, ready to subscribe one market."""
    what = f"LS_mode=DISTINCT&LS_group=CHART:{epic}:TICK&LS_schema=UTM BID OFR&LS_snapshot=false"
    if mode == "PRICE":
        what = (
            f"LS_mode=MERGE&LS_group=PRICE:ABC123:{epic}&LS_schema=TIMESTAMP BIDPRICE1 ASKPRICE1"
            "&LS_data_adapter=Pricing&LS_snapshot=true"
        )
    password = f"CST-{tokens['CST']}%7CXST-{tokens['X-SECURITY-TOKEN']}"
    address = sim.stream_url.replace("http", "ws", 1) + "/lightstreamer"
    with connect(address, subprotocols=["TLCP-2.4.0.lightstreamer.com"], max_size=None) as socket:
        socket.send("wsok")
        socket.send(f"create_session\r\nLS_user=ABC123&LS_cid=x&LS_send_sync=false&LS_password={password}\r\n")
        yield Reader(socket, what)


def as_row(tick: Tick) -> tuple[int, float, float]:
    return round(tick.time.timestamp() * 1000), tick.bid, tick.offer


# ---- starting and closing


def test_addresses(sim):
    """Both addresses are on loopback, the REST one ends as IG's does; the repr names it and no secret."""
    assert sim.rest_url.startswith("http://127.0.0.1:")
    assert sim.rest_url.endswith("/gateway/deal")
    assert sim.stream_url.startswith("http://127.0.0.1:")
    assert sim.rest_url in repr(sim)
    assert sim.credentials.api_key not in repr(sim)


def test_life_in_any_order():
    """Starting twice, closing twice, closing without a start: all do what they say."""
    sim = Simulator()
    assert "not started" in repr(sim)
    with pytest.raises(UsageError, match="no address yet"):
        _ = sim.rest_url
    with pytest.raises(UsageError, match="no address yet"):
        _ = sim.stream_url
    assert sim.start() is sim.start()
    sim.close()
    sim.close()
    assert "closed" in repr(sim)
    with pytest.raises(UsageError, match="does not start again"):
        sim.start()
    never = Simulator()
    never.close()
    never.close()


def test_closing_takes_no_time():
    """A simulator that nobody uses ends at once: users' tests start and close hundreds."""
    took = []
    for _ in range(10):
        sim = Simulator().start()
        begin = time.perf_counter()
        sim.close()
        took.append(time.perf_counter() - begin)
    # A loop that polls its end every 50 ms cannot have both servers done in so little, ten times over.
    assert min(took) < 0.02


def test_closing_from_many_threads():
    """Whoever closes first, nobody is kept and nothing stays."""
    sim = Simulator().start()
    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(sim.close) for _ in range(8)]:
            done.result(TIMEOUT_S)


@pytest.mark.parametrize("which", ["rest_port", "stream_port"])
def test_a_port_in_use(which):
    """The error names the port; nothing is left behind, not even the other server."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        sim = Simulator(**{which: port})
        with pytest.raises(IGError, match=f"{port}.*in use"):
            sim.start()
        sim.close()


def test_a_port_can_be_had_again():
    """A port is free as soon as close() has returned, with connections made to it."""
    with Simulator() as first, requests.Session() as session:
        log_in(first, session)
        port = int(first.rest_url.split(":")[2].split("/")[0])
    with Simulator(rest_port=port) as second, requests.Session() as session:
        assert f":{port}/" in second.rest_url
        log_in(second, session)


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"speed": 0}, "speed must be"),
        ({"speed": -1.0}, "speed must be"),
        ({"speed": float("nan")}, "speed must be"),
        ({"speed": "fast"}, "speed must be"),
        ({"speed": True}, "speed must be"),
        ({"speed": "max"}, "needs ticks"),
        ({"market": "NOPE"}, "market must be one of EURUSD"),
        ({"tlcp_max": "newest"}, "tlcp_max must be a protocol version"),
        ({"ticks": ["no tick"]}, "ticks must hold Tick objects"),
    ],
)
def test_values_that_cannot_be_used(options, fault):
    """A bad value is refused before anything starts, with what is allowed."""
    with pytest.raises(ConfigError, match=fault):
        Simulator(**options)


def test_all_faults_are_told_at_once():
    """Two bad values, two faults in one error."""
    with pytest.raises(ConfigError) as caught:
        Simulator(speed=0, market="NOPE")
    assert len(caught.value.faults) == 2


def test_a_bad_file_is_told_before_the_start(tmp_path):
    """Missing, unknown and unordered files are refused when the simulator is made."""
    with pytest.raises(DecodeError, match="cannot be read"):
        Simulator(ticks=tmp_path / "none.csv")
    path = tmp_path / "unordered.csv"
    path.write_text("1735768814647,1.1,1.2\n1735768814646,1.1,1.2\n")
    with pytest.raises(DecodeError, match=r"unordered\.csv:2: time goes back"):
        Simulator(ticks=str(path))


# ---- REST over a socket


def test_a_stranger_logs_in_looks_and_logs_out(sim, http_session):
    """The whole round on one connection, with slashes and the method override as strangers send them."""
    headers = log_in(sim, http_session)
    body = market(sim, http_session, headers)
    assert body["snapshot"]["bid"] < body["snapshot"]["offer"]
    done = http_session.post(
        f"{sim.rest_url}/session/", data="{}", headers=headers | {"_method": "DELETE"}, timeout=TIMEOUT_S
    )
    assert (done.status_code, done.content) == (204, b"")
    again = http_session.get(f"{sim.rest_url}/session", headers=headers, timeout=TIMEOUT_S)
    assert (again.status_code, again.json()) == (401, {"errorCode": "error.security.client-token-invalid"})


def test_connections_stay_open(sim):
    """Many requests go over one connection, whatever their outcome."""
    host = sim.rest_url.split("/")[2]
    connection = http.client.HTTPConnection(host, timeout=TIMEOUT_S)
    connection.connect()
    own = connection.sock.getsockname()
    for _ in range(5):
        for method, body in (("GET", None), ("POST", b"{}"), ("DELETE", b"ignored"), ("HEAD", None)):
            connection.request(method, "/gateway/deal/session", body=body)
            reply = connection.getresponse()
            reply.read()
            assert reply.status in (400, 404)
            assert connection.sock.getsockname() == own
    connection.close()


def test_chunked_bodies_are_read(sim):
    """A body without a length is taken as well, and the connection goes on."""
    own = sim.credentials
    text = json.dumps({"identifier": own.identifier, "password": own.password}).encode()
    connection = http.client.HTTPConnection(sim.rest_url.split("/")[2], timeout=TIMEOUT_S)
    for _ in range(2):
        connection.request(
            "POST",
            "/gateway/deal/session",
            body=iter([text[:5], text[5:]]),
            headers={"X-IG-API-KEY": own.api_key, "VERSION": "2"},
            encode_chunked=True,
        )
        reply = connection.getresponse()
        assert reply.status == 200
        reply.read()
    connection.close()


def raw(sim: Simulator, *parts: bytes) -> tuple[int, dict[str, object]]:
    """Send these bytes, then nothing more; return the status and the body of the answer, which must end the connection."""
    with socket.create_connection(
        (sim.rest_url.split("/")[2].split(":")[0], rest_port(sim)), timeout=TIMEOUT_S
    ) as peer:
        for part in parts:
            peer.sendall(part)
        peer.shutdown(socket.SHUT_WR)
        answer = b""
        while data := peer.recv(65_536):
            answer += data
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)


def rest_port(sim: Simulator) -> int:
    return int(sim.rest_url.split(":")[2].split("/")[0])


UNREADABLE = {
    "too long": (b"Content-Length: 100000000\r\n\r\n", 413),
    "absurdly long": (b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n", 413),
    "negative": (b"Content-Length: -1\r\n\r\n", 400),
    "no number": (b"Content-Length: x\r\n\r\n", 400),
    "two lengths": (b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{} ", 400),
    "half a body": (b"Content-Length: 100\r\n\r\n{}", 400),
    "no chunks": (b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n", 400),
    "half of the chunks": (b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n", 400),
    "a long header": (b"X-Long: " + b"x" * 70_000 + b"\r\n\r\n", 431),
    "many headers": (b"X-Many: x\r\n" * 200 + b"\r\n", 431),
}


@pytest.mark.parametrize("fault", UNREADABLE)
def test_unreadable_requests_are_refused(sim, fault, caplog):
    """What is no whole request is refused in the form of IG's refusals, takes no effect, and is repeated nowhere."""
    caplog.set_level("DEBUG")
    rest, status = UNREADABLE[fault]
    head = b"POST /gateway/deal/session?canary HTTP/1.1\r\nHost: x\r\nX-IG-API-KEY: canary\r\n"
    assert raw(sim, head, rest) == (status, {"errorCode": "invalid request"})
    assert "canary" not in caplog.text


def test_an_unreadable_first_line_is_not_repeated(sim):
    """A first line that is none of HTTP is refused without its text, which may hold anything."""
    assert raw(sim, b"GET /markets/a canary HTTP/1.1\r\n\r\n") == (400, {"errorCode": "invalid request"})


@pytest.mark.parametrize("line", ["\x00\xff garbage", "GET / HTTP/9.9", "PRI * HTTP/2.0", "POST /"])
def test_the_refusal_of_no_http_is_http(sim, line):
    """Whatever the first line says, the answer has a status line and the form of IG's refusals."""
    status, body = raw(sim, line.encode("latin-1") + b"\r\n\r\n")
    assert (status in (400, 505), body) == (True, {"errorCode": "invalid request"})


def test_requests_are_logged_without_query_and_colour(sim, http_session, caplog):
    """A log line of a request is plain text without its query."""
    caplog.set_level("DEBUG", logger="ig_sdk.simulator")
    http_session.get(f"{sim.rest_url}/nowhere?canary=1", timeout=TIMEOUT_S)
    assert "GET /gateway/deal/nowhere 404" in caplog.text
    assert "canary" not in caplog.text
    assert "\x1b" not in caplog.text


def test_garbage_does_not_harm_others(sim, http_session):
    """A peer that speaks no HTTP is dropped; the next client is served."""
    port = int(sim.rest_url.split(":")[2].split("/")[0])
    for nonsense in (b"\x16\x03\x01\x02\x00", b"GET\r\n\r\n", b"\x00" * 100 + b"\r\n"):
        with socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_S) as peer:
            peer.sendall(nonsense)
            peer.shutdown(socket.SHUT_WR)
            while peer.recv(65_536):
                pass
    log_in(sim, http_session)


def test_open_connections_do_not_hold_up_the_end():
    """Idle connections, half requests and silent peers: close() breaks them all."""
    sim = Simulator().start()
    port = int(sim.rest_url.split(":")[2].split("/")[0])
    with requests.Session() as session:
        log_in(sim, session)
        peers = [socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_S) for _ in range(3)]
        peers[1].sendall(b"POST /gateway/deal/session HTTP/1.1\r\nContent-Length: 10\r\n\r\nhalf")
        sim.close()
        for peer in peers:
            with peer:
                try:
                    assert peer.recv(10) == b""
                except ConnectionResetError:
                    pass  # what it had sent was not read to the end


def test_a_fault_that_hangs_up(sim, http_session):
    """The client sees its connection break; the next request is served."""
    headers = log_in(sim, http_session)
    sim.faults.rest(drop=True)
    with pytest.raises(requests.ConnectionError):
        http_session.get(f"{sim.rest_url}/session", headers=headers, timeout=TIMEOUT_S)
    assert http_session.get(f"{sim.rest_url}/session", headers=headers, timeout=TIMEOUT_S).status_code == 200


def test_closing_does_not_wait_for_a_delayed_answer(sim):
    """A request that a fault holds back for an hour ends with the simulator."""
    held = threading.Event()
    outcome: list[object] = []

    def ask() -> None:
        try:
            with requests.Session() as session:
                held.set()
                outcome.append(session.get(f"{sim.rest_url}/session", timeout=TIMEOUT_S).status_code)
        except requests.RequestException as error:
            outcome.append(error)

    sim.faults.rest(status=None, delay_s=3600.0)
    asker = threading.Thread(target=ask)
    asker.start()
    assert held.wait(TIMEOUT_S)
    sim.close()
    asker.join(TIMEOUT_S)
    assert len(outcome) == 1


def test_many_clients_at_once(sim):
    """Sixteen clients log in and ask at the same time; each gets its own tokens."""

    def visit(_: int) -> str:
        with requests.Session() as session:
            headers = log_in(sim, session)
            for _ in range(5):
                market(sim, session, headers)
            return headers["CST"]

    with ThreadPoolExecutor(16) as pool:
        assert len(set(pool.map(visit, range(16)))) == 16


def test_allowances_over_the_wire():
    """The limit given is the limit kept; without one there is none."""
    with Simulator(allowances=Allowances(per_account=3)) as sim, requests.Session() as session:
        headers = log_in(sim, session)
        codes = [
            session.get(f"{sim.rest_url}/session", headers=headers, timeout=TIMEOUT_S).status_code for _ in range(4)
        ]
    assert codes == [200, 200, 200, 403]
    with Simulator(allowances=None) as sim, requests.Session() as session:
        headers = log_in(sim, session)
        for _ in range(310):
            assert session.get(f"{sim.rest_url}/session", headers=headers, timeout=TIMEOUT_S).status_code == 200


def test_tokens_expire_on_the_simulators_clock(http_session):
    """Time passes as the clock handed in says."""
    clock = ManualClock()
    with Simulator(clock=clock, session_lifetime_s=100.0) as sim:
        headers = log_in(sim, http_session)
        clock.advance(100.0)
        reply = http_session.get(f"{sim.rest_url}/session", headers=headers, timeout=TIMEOUT_S)
        assert reply.status_code == 401


def test_own_credentials(http_session):
    """A login of one's own choice replaces the built-in one."""
    own = Credentials(api_key="k" * 32, identifier="me", password="secret", account_id="XYZ987")
    with Simulator(credentials=own) as sim:
        headers = log_in(sim, http_session)
        reply = http_session.get(f"{sim.rest_url}/session", headers=headers, timeout=TIMEOUT_S)
        assert reply.json()["accountId"] == "XYZ987"


def test_the_account_that_a_login_starts_on():
    """The argument chooses it for logins, for the configuration and for the client; an unknown one is refused."""
    with Simulator(account="XYZ987") as sim, sim.client() as ig:
        assert sim.credentials.account_id == "XYZ987"
        (preferred,) = (each for each in ig.accounts.list() if each.preferred)
        assert preferred.account_id == "XYZ987"
        assert ig.orders.list() == []
    with pytest.raises(ConfigError, match="ABC123, XYZ987"):
        Simulator(account="NOPE")
    with pytest.raises(ConfigError, match="ABC123, XYZ987"):
        Simulator(credentials=Credentials(account_id="NOPE"))


def test_config_joins_this_simulator(sim):
    """The configuration holds address and login, and takes other keys over them."""
    config = sim.config(account_id="XYZ987", read_timeout_s=3)
    assert config.environment == "simulator"
    assert config.base_url == sim.rest_url
    assert (config.api_key, config.identifier) == (sim.credentials.api_key, sim.credentials.identifier)
    assert (config.account_id, config.read_timeout_s) == ("XYZ987", 3)


def test_client_joins_this_simulator(sim):
    """The client that it gives out logs in to it and quotes its market."""
    with sim.client() as ig:
        tick = ig.market("EURUSD").quote()
    assert tick.epic == EURUSD
    assert tick.bid < tick.offer


# ---- the stream


def test_stream_and_rest_show_one_market(sim, http_session):
    """What was streamed is what REST quotes; the tick is of now."""
    headers = log_in(sim, http_session)
    with reading(sim, headers) as reader:
        reader.subscribe()
        time_ms, bid, offer = reader.read(1)[0]
    now_ms = datetime.now(timezone.utc).timestamp() * 1000
    assert 0 <= now_ms - time_ms < 60_000
    snapshot = market(sim, http_session, headers)["snapshot"]
    assert snapshot["low"] <= bid < offer <= snapshot["high"]


def test_the_stream_refuses_dead_tokens(sim, http_session):
    """After a logout the tokens open no new session."""
    headers = log_in(sim, http_session)
    http_session.delete(f"{sim.rest_url}/session", headers=headers, timeout=TIMEOUT_S)
    with reading(sim, headers) as reader:
        said = ""
        while "CONERR" not in said:
            said += reader.socket.recv(timeout=TIMEOUT_S)
    assert "CONERR,1," in said
    assert "CONOK" not in said


def write_ticks(path, count: int) -> None:
    start = datetime(2024, 3, 4, tzinfo=timezone.utc)
    with path.open("w") as file:
        file.write("time,bid,offer\n")
        for number in range(count):
            # Every seventh row repeats the price, every third the time: neither may be taken for nothing new.
            price = 1.1 + number // 7 * 0.00001
            time = start + timedelta(milliseconds=number // 3 * 10)
            file.write(f"{time.isoformat()},{price:.5f},{price + 0.0001:.5f}\n")


@pytest.mark.parametrize("mode", ["CHART", "PRICE"])
def test_a_file_is_replayed_whole(mode, tmp_path, http_session):
    """At full speed every row arrives once, in order, with its own time; then REST quotes the last one."""
    path = tmp_path / "ticks.csv"
    write_ticks(path, 6000)
    expected = [as_row(tick) for tick in read_ticks(path, epic=EURUSD)]
    with Simulator(ticks=path, speed="max") as sim:
        headers = log_in(sim, http_session)
        assert market(sim, http_session, headers)["snapshot"]["bid"] == expected[0][1]
        with reading(sim, headers, mode=mode) as reader:
            assert sim.replay.served == 0
            reader.subscribe()
            assert reader.read(len(expected)) == expected
            assert sim.replay.wait_finished(TIMEOUT_S)
            assert reader.rows == []
            assert sim.replay.served == 6000
            assert market(sim, http_session, headers)["snapshot"]["bid"] == expected[-1][1]


def test_a_recorded_month_is_replayed_whole(shared, http_session):
    """Every tick of the recorded file passes the wire, none lost, none twice."""
    path = shared / "data" / "origin" / "DAT_ASCII_EURUSD_T_202501.csv"
    expected = [as_row(tick) for tick in read_ticks(path, epic=EURUSD)]
    with Simulator(ticks=path, speed="max") as sim, reading(sim, log_in(sim, http_session), mode="PRICE") as reader:
        reader.subscribe()
        assert reader.read(len(expected)) == expected
        assert sim.replay.wait_finished(TIMEOUT_S)


def test_a_reader_who_comes_late_loses_nothing(tmp_path, http_session):
    """Who reads nothing until the replay is over finds every tick waiting."""
    path = tmp_path / "ticks.csv"
    write_ticks(path, 6000)
    expected = [as_row(tick) for tick in read_ticks(path, epic=EURUSD)]
    with Simulator(ticks=path, speed="max") as sim, reading(sim, log_in(sim, http_session)) as reader:
        reader.subscribe()
        assert sim.replay.wait_finished(TIMEOUT_S)
        assert reader.read(6000) == expected


def test_ticks_of_several_markets(http_session):
    """Ticks handed in are served under their own markets, beginning with a subscription to any of them."""
    start = datetime(2024, 3, 4, tzinfo=timezone.utc)
    gbpusd = epic_for("GBPUSD")
    ticks = [
        Tick((EURUSD, gbpusd)[number % 2], 1.0 + number, 1.5 + number, start + timedelta(seconds=number), start)
        for number in range(10)
    ]
    with Simulator(ticks=ticks, speed="max") as sim:
        headers = log_in(sim, http_session)
        with reading(sim, headers, epic=gbpusd) as reader:
            reader.subscribe()
            assert reader.read(5) == [as_row(tick) for tick in ticks if tick.epic == gbpusd]
            assert sim.replay.wait_finished(TIMEOUT_S)
            assert market(sim, http_session, headers, EURUSD)["snapshot"]["bid"] == 9.0


def test_a_named_market_takes_the_file(tmp_path, http_session):
    """A file is of the market named; the others stay made up."""
    path = tmp_path / "ticks.csv"
    path.write_text("1735768814647,150.1,150.2\n")
    with Simulator(ticks=path, market="USD/JPY", speed="max") as sim:
        headers = log_in(sim, http_session)
        with reading(sim, headers, epic=epic_for("USDJPY")) as reader:
            reader.subscribe()
            assert reader.read(1) == [(1735768814647, 150.1, 150.2)]
            assert market(sim, http_session, headers)["snapshot"]["bid"] < 2.0


def test_a_simulator_without_ticks_has_no_replay(sim):
    """Asking for one says what is missing."""
    with pytest.raises(UsageError, match="ticks="):
        _ = sim.replay
