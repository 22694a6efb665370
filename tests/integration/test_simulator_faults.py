"""Trouble on demand, as clients meet it on the wire."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from ig_sdk.clock import ManualClock
from ig_sdk.simulator import Simulator
from ig_sdk.streaming import Mute, Reconnected, Stale
from ig_sdk.types import Tick

TIMEOUT_S = 10.0
EURUSD, GBPUSD = "CS.D.EURUSD.MINI.IP", "CS.D.GBPUSD.MINI.IP"
QUICK: dict[str, Any] = {
    "reconnect": {"initial_delay_s": 0.01, "max_delay_s": 0.05},
    "limits": {"non_trading_per_minute": 100_000},
}


pytestmark = pytest.mark.ig_simulator(speed=20)


def login_request(sim: Simulator) -> bytes:
    """A login as bytes."""
    own = sim.credentials
    body = json.dumps({"identifier": own.identifier, "password": own.password}).encode()
    head = f"POST /gateway/deal/session HTTP/1.1\r\nHost: x\r\nX-IG-API-KEY: {own.api_key}\r\nVERSION: 2\r\n"
    return f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def exchange(sim: Simulator, request: bytes) -> tuple[bytes, str]:
    """Send bytes; return what came back until the end of the connection, and how it ended."""
    address = urlsplit(sim.rest_url)
    with socket.create_connection((address.hostname, address.port), TIMEOUT_S) as sock:
        sock.sendall(request)
        got = b""
        try:
            while data := sock.recv(65_536):
                got += data
        except ConnectionResetError:
            return got, "reset"
        return got, "closed"


def alive(sim: Simulator) -> int:
    """How many logins are in force."""
    return len(sim.sessions._by_cst)


# ---- REST


@pytest.mark.parametrize("size", [0, 1, 12, 17, 100, 330, 500])
def test_a_reply_cut_at_a_byte(sim: Simulator, size: int) -> None:
    """The client gets exactly so many bytes of the real reply, then a reset; the request was carried out."""
    sim.faults.rest(None, cut_after=size)
    got, end = exchange(sim, login_request(sim))
    assert (len(got), end) == (size, "reset")
    assert b"HTTP/1.1 200".startswith(got[:12])
    assert alive(sim) == 1


def test_a_reply_cut_in_good_order(sim: Simulator) -> None:
    """With drop= the connection is closed instead of reset."""
    sim.faults.rest(None, cut_after=50, drop=True)
    got, end = exchange(sim, login_request(sim))
    assert (len(got), end) == (50, "closed")


@pytest.mark.parametrize("size", [0, 20, 200, 100_000])
def test_a_request_cut_at_a_byte(sim: Simulator, size: int) -> None:
    """The connection is reset before the request was read; nothing is carried out, but it is in the journal."""
    sim.faults.rest(cut_request=size)
    assert exchange(sim, login_request(sim)) == (b"", "reset")
    assert alive(sim) == 0
    assert [(seen.method, seen.path, seen.version) for seen in sim.requests()] == [("POST", "/session", 2)]


@pytest.mark.parametrize(
    ("fault", "carried_out", "end"),
    [
        ({"reset": True}, 0, "reset"),
        ({"drop": True}, 0, "closed"),
        ({"reset": True, "taken": True}, 1, "reset"),
        ({"drop": True, "taken": True}, 1, "closed"),
    ],
)
def test_no_reply_at_all(sim: Simulator, fault: dict[str, Any], carried_out: int, end: str) -> None:
    """The connection ends without a byte, whether or not the request was carried out."""
    sim.faults.rest(**fault)
    assert exchange(sim, login_request(sim)) == (b"", end)
    assert alive(sim) == carried_out


def post(sim: Simulator) -> requests.Response:
    """Log in by the library of strangers."""
    own = sim.credentials
    return requests.post(
        f"{sim.rest_url}/session",
        json={"identifier": own.identifier, "password": own.password},
        headers={"X-IG-API-KEY": own.api_key, "VERSION": "2"},
        timeout=TIMEOUT_S,
    )


@pytest.mark.parametrize(("taken", "carried_out"), [(False, 0), (True, 1)])
def test_another_reply(sim: Simulator, taken: bool, carried_out: int) -> None:
    """Status, body, type and header are those asked for; the next request is served as ever."""
    page = "<html>busy</html>"
    sim.faults.rest(502, body=page, content_type="text/html", headers={"Retry-After": "7"}, taken=taken)
    answer = post(sim)
    assert (answer.status_code, answer.text, answer.headers["Retry-After"]) == (502, page, "7")
    assert answer.headers["Content-Type"] == "text/html"
    assert alive(sim) == carried_out
    assert post(sim).status_code == 200


def test_the_real_reply_with_another_body(sim: Simulator) -> None:
    """A 200 whose body is no JSON."""
    sim.faults.rest(None, body="<html>")
    answer = post(sim)
    assert (answer.status_code, answer.text) == (200, "<html>")
    assert alive(sim) == 1


def test_a_late_reply_and_when_it_is_carried_out() -> None:
    """A delay stands before the deed, or with taken= behind it."""
    clock = ManualClock()
    for taken in (False, True):
        with Simulator(clock=clock, allowances=None) as sim:
            sim.faults.rest(None, delay_s=30, taken=taken)
            before = clock.waiting
            answers: list[int] = []
            asker = threading.Thread(target=lambda sim=sim, answers=answers: answers.append(post(sim).status_code))
            asker.start()
            while clock.waiting <= before:
                pass
            assert (answers, alive(sim)) == ([], 1 if taken else 0)
            clock.advance(31)
            asker.join(TIMEOUT_S)
            assert (answers, alive(sim)) == ([200], 1)


def test_connections_refused_for_a_while(sim: Simulator) -> None:
    """Nobody listens, then somebody does on the same port, with the same logins."""
    assert post(sim).status_code == 200
    sim.faults.refuse_connections()
    address = urlsplit(sim.rest_url)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((address.hostname, address.port), TIMEOUT_S)
    sim.faults.accept_connections()
    assert post(sim).status_code == 200
    assert alive(sim) == 2


def test_closing_while_connections_are_refused(sim: Simulator) -> None:
    """A simulator that is closed stays closed."""
    sim.faults.refuse_connections()
    sim.close()
    sim.faults.accept_connections()
    with pytest.raises(requests.ConnectionError):
        post(sim)


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("client", "error.security.client-token-invalid"),
        ("account", "error.security.account-token-invalid"),
        ("all", "error.security.client-token-invalid"),
        ("access", None),
    ],
)
def test_killed_tokens(sim: Simulator, kind: str, code: str | None) -> None:
    """Each kind of token dies with its own code; the others live."""
    answer = post(sim)
    tokens = {name: answer.headers[name] for name in ("CST", "X-SECURITY-TOKEN")}
    sim.faults.kill_tokens(kind)  # type: ignore[arg-type]
    headers = {"X-IG-API-KEY": sim.credentials.api_key} | tokens
    got = requests.get(f"{sim.rest_url}/session", headers=headers, timeout=TIMEOUT_S)
    assert got.json().get("errorCode") == code


# ---- the stream


@pytest.fixture
def events(sim: Simulator) -> Iterator[Any]:
    """The prices of one market, and what happens to them, as a client of ours tells it."""
    with (
        sim.client(**QUICK, live={"heartbeat_interval_s": 0.3}) as ig,
        ig.stream() as stream,
        stream.prices([EURUSD], events=True) as prices,
    ):
        until(prices, Tick)
        yield prices


def until(events: Any, kind: type, at_most: int = 10_000) -> Any:
    """Return the next event of a kind."""
    for _ in range(at_most):
        event = next(events)
        if isinstance(event, kind):
            return event
    raise AssertionError(f"no {kind.__name__}")


def test_a_stalled_stream_goes_on(sim: Simulator, events: Any) -> None:
    """Nothing comes for a while; then everything does, on the same session."""
    before = sim._stream.sessions[0].session_id
    assert sim.faults.stall_stream(0.6) == 1
    until(events, Stale)
    until(events, Tick)
    assert [session.session_id for session in sim._stream.sessions] == [before]


def test_a_market_goes_mute_and_the_stream_does_not(sim: Simulator, events: Any) -> None:
    """The prices of one market are lost while those of another and REST's go on."""
    sim.faults.mute_prices(EURUSD)
    until(events, Stale)
    with sim.client(**QUICK) as ig, ig.stream() as other:
        assert until(other.prices([GBPUSD]), Tick).epic == GBPUSD
        assert ig.market(EURUSD).quote().bid > 0
    sim.faults.unmute_prices()
    assert until(events, Tick).epic == EURUSD


def test_a_subscription_that_stays_mute(sim: Simulator) -> None:
    """It is accepted and no price ever comes: told as such."""
    sim.faults.mute_prices()
    patience = {"live": {"heartbeat_interval_s": 0.2}, "stream": {"price_source": "chart"}}
    with sim.client(**QUICK, **patience) as ig, ig.stream() as stream, stream.prices([EURUSD], events=True) as prices:
        assert until(prices, Mute).epic == EURUSD


def test_a_slow_stream(sim: Simulator, events: Any) -> None:
    """It gives a few lines a second and then all of them again."""
    sim.faults.slow_stream(20)
    for _ in range(3):
        until(events, Tick)
    sim.faults.slow_stream()
    for _ in range(30):
        until(events, Tick)


@pytest.mark.parametrize("seed", range(6))
def test_garbled_lines_break_no_client(seed: int) -> None:
    """Whatever is damaged, the prices go on."""
    with (
        Simulator(seed, speed=20, allowances=None) as sim,
        sim.client(**QUICK) as ig,
        ig.stream() as stream,
        stream.prices([EURUSD], events=True) as prices,
    ):
        until(prices, Tick)
        sim.faults.garble(3)
        for _ in range(20):
            until(prices, Tick)
        assert not sim.faults.lines.active


def test_recovery_is_refused(sim: Simulator, events: Any) -> None:
    """A client that may not recover begins anew, and says so."""
    sim.faults.refuse_recovery()
    sim.faults.drop_stream()
    assert until(events, Reconnected).continuity == "replaced"
    sim.faults.drop_stream()
    assert until(events, Reconnected).continuity == "recovered"


def test_recovery_with_a_wrong_prog(sim: Simulator, events: Any) -> None:
    """A client that is told a starting point beyond what it had does not go on as if nothing were missing."""
    sim.faults.wrong_prog(5)
    sim.faults.drop_stream()
    assert until(events, Reconnected).continuity == "replaced"
    assert until(events, Tick)


def test_maintenance(sim: Simulator, events: Any) -> None:
    """REST is down for everything, streams are ended and none begins; afterwards logins begin anew."""
    sim.faults.rest(403, path="/session")
    sim.faults.start_maintenance()
    answer = post(sim)
    assert (answer.status_code, answer.headers["Content-Type"]) == (503, "text/html")
    assert alive(sim) == 0
    assert sim._stream.sessions == []
    assert not sim.sessions.authenticate("ABC123", "CST-a|XST-b")
    sim.faults.end_maintenance()
    # What was asked for before still stands.
    assert post(sim).status_code == 403
    until(events, Reconnected)
    assert until(events, Tick)


def test_scripts_by_count_and_by_request(sim: Simulator, events: Any) -> None:
    """A fault behind a number of ticks, and one behind a request of the stream."""
    sim.faults.on_stream_request("bind_session").kill_tokens()
    sim.faults.on_tick(EURUSD, after=5).drop_stream()
    assert until(events, Reconnected).continuity == "recovered"
    assert alive(sim) == 0
    assert sim.faults.schedule.kinds == frozenset()


def test_a_script_by_time(sim: Simulator, events: Any) -> None:
    """A fault again and again, by itself."""
    sim.faults.at(0.1, every_s=0.2, times=2).drop_stream()
    for _ in range(2):
        assert until(events, Reconnected).continuity == "recovered"


# ---- the command


def test_faults_of_the_command_line() -> None:
    """--fault takes any of them, as often as wanted."""
    faults = ["rest status=429 times=1 path=/session method=POST", "refuse_connections on=/session skip=1"]
    command = [sys.executable, "-m", "ig_sdk.simulator", *(part for fault in faults for part in ("--fault", fault))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            told = json.loads(process.stdout.readline())
            headers = {"X-IG-API-KEY": told["api_key"]}
            first = requests.post(f"{told['rest_url']}/session", headers=headers, timeout=TIMEOUT_S)
            assert first.status_code == 429
            with pytest.raises(requests.ConnectionError):
                requests.post(f"{told['rest_url']}/session", headers=headers, timeout=TIMEOUT_S)
        finally:
            process.terminate()
    assert process.returncode == 0


def test_a_fault_of_the_command_line_that_is_none() -> None:
    """It ends the command with what was wrong."""
    command = [sys.executable, "-m", "ig_sdk.simulator", "--fault", "rest status=many"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert ended.returncode == 2
    assert "status cannot be 'many'" in ended.stderr
