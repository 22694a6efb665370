"""Clients that others wrote for IG, unchanged, against our simulator: how they log in and how they stream."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from ig_sdk.simulator import Simulator
from ig_sdk.types import Tick

pytestmark = [pytest.mark.install, pytest.mark.timeout(300)]

EPIC = "CS.D.EURUSD.MINI.IP"
ACCOUNT = "ABC123"
PRICE, CHART = f"PRICE:{ACCOUNT}:{EPIC}", f"CHART:{EPIC}:TICK"
BEGIN = datetime(2025, 1, 6, tzinfo=timezone.utc)


def tick(number: int) -> Tick:
    """The offer moves with every second tick, so that one update of two leaves it out."""
    time = BEGIN + timedelta(milliseconds=50 * number)
    return Tick(EPIC, round(1.05 + number / 1e5, 5), round(1.0502 + number // 2 / 1e5, 5), time, time)


TICKS = [tick(number) for number in range(2000)]
NUMBER_AT = {str(1_736_121_600_000 + 50 * number): number for number in range(len(TICKS))}


def simulating(**options: Any) -> Simulator:
    """A simulator that replays known ticks."""
    return Simulator(ticks=TICKS, **options)


def own(simulator: Simulator) -> dict[str, str]:
    """How to reach it."""
    return {"rest_url": simulator.rest_url, **dataclasses.asdict(simulator.credentials)}


def check_updates(rows: list[list[Any]], *, time: str, bid: str, offer: str) -> None:
    """Three updates: the first a snapshot, the others what changed, with nothing lost or made up between them."""
    snapshots, shown, changed = [row[1] for row in rows], [row[2] for row in rows], [set(row[3]) for row in rows]
    assert snapshots == [True, False, False]
    first = NUMBER_AT[shown[0][time]]
    for number, fields in enumerate(shown, first):
        expected = tick(number)
        assert (float(fields[bid]), float(fields[offer])) == (expected.bid, expected.offer)
        assert NUMBER_AT[fields[time]] == number
    assert changed[0] == set(shown[0])
    for number in (1, 2):
        before, now = shown[number - 1], shown[number]
        assert changed[number] == {name for name in now if now[name] != before[name]}
    assert {time, bid} in changed[1:], "no update leaves the offer out"


def check_stream(seen: Any) -> None:
    """A PRICE subscription, then a CHART tick subscription, each with a snapshot and deltas, each ended."""
    updates = {item: [row for row in seen.all("update") if row[0] == item] for item in (PRICE, CHART)}
    check_updates(updates[PRICE], time="TIMESTAMP", bid="BIDPRICE1", offer="ASKPRICE1")
    check_updates(updates[CHART], time="UTM", bid="BID", offer="OFR")
    assert seen.all("unsubscribed") == [[], []]
    assert seen.all("status")[-1] == ["DISCONNECTED"]


def check_end(seen: Any, simulator: Simulator, *, over: str = "WebSocket") -> None:
    """The program ended as it wanted to and left nothing on the stream."""
    assert (seen.status, seen.events[-1:]) == (0, [["bye"]]), seen.errors
    # Over HTTP these clients hang up without ending their session.
    count = simulator.faults.forget_sent if over == "WebSocket" else simulator.faults.drop_stream
    patience = threading.Event()
    for _ in range(100):
        if count() == 0:
            return
        patience.wait(0.05)
    raise AssertionError("something is left on the stream")


@pytest.mark.parametrize("login", ["2", "3"])
def test_trading_ig(drive: Callable[..., Any], login: str) -> None:
    """trading-ig streams with tokens, which die with its logout, and with OAuth, which outlives it as at IG."""
    with simulating() as simulator:
        seen = drive("trading-ig", own(simulator), login, "ticks")
        check_end(seen, simulator)
    check_stream(seen)
    assert ["CONNECTED:HTTP-STREAMING"] not in seen.all("status")
    assert ("TokenInvalidException" in str(seen.failed)) is (login == "2")


@pytest.mark.parametrize("version", ["2", "3"])
def test_trading_ig_with_an_encrypted_password(drive: Callable[..., Any], version: str) -> None:
    """Where only encrypted passwords are taken, its own encryption is understood."""
    with simulating(encrypted_only=True) as simulator:
        refused = drive("trading-ig", own(simulator), version)
        seen = drive("trading-ig", own(simulator), f"{version} encrypted", "ticks")
        check_end(seen, simulator)
    assert "error.public-api.failure.encryption.required" in refused.errors
    check_stream(seen)


def test_trading_ig_without_websockets(drive: Callable[..., Any]) -> None:
    """Where the upgrade is refused, it streams over HTTP."""
    with simulating() as simulator:
        simulator.faults.refuse_upgrade = True
        seen = drive("trading-ig", own(simulator), "2", "ticks")
        check_end(seen, simulator, over="HTTP")
    check_stream(seen)
    assert ["CONNECTED:HTTP-STREAMING"] in seen.all("status")


@pytest.mark.usefixtures("needs_python_3_11")
@pytest.mark.parametrize("login", ["2", "3"])
def test_ig_trading_lib(drive: Callable[..., Any], login: str) -> None:
    """ig-trading-lib streams with both kinds of login, where the protocol that it insists on is taken."""
    with simulating(tlcp_max="2.5.0") as simulator:
        seen = drive("ig-trading-lib", own(simulator), login, "ticks")
        check_end(seen, simulator)
    check_stream(seen)


@pytest.mark.usefixtures("needs_python_3_11")
def test_ig_trading_lib_is_refused_as_at_ig(drive: Callable[..., Any]) -> None:
    """By default its protocol version is refused with IG's code, so it gives up as it does at IG; REST works."""
    with simulating() as simulator:
        seen = drive("ig-trading-lib", own(simulator), "2", "session", "ticks")
    assert seen.only("session")["accountid"] == ACCOUNT
    assert seen.status != 0
    assert not seen.all("update")
    assert "AuthenticationError" in seen.errors


@pytest.mark.parametrize("websocket", [True, False])
def test_ig_trading_api(drive: Callable[..., Any], *, websocket: bool) -> None:
    """ig-trading-api streams: a session made over HTTP and bound to a WebSocket, or over HTTP only."""
    with simulating() as simulator:
        simulator.faults.refuse_upgrade = not websocket
        seen = drive("node", own(simulator), "3", "ticks")
        check_end(seen, simulator, over="WebSocket" if websocket else "HTTP")
    times = [row["UTM"] for _, row in seen.all("tick")]
    first = NUMBER_AT[str(times[0])]
    assert [(row["BID"], row["OFR"]) for _, row in seen.all("tick")] == [
        (tick(number).bid, tick(number).offer) for number in range(first, first + 3)
    ]
    assert seen.all("unsubscribed") == [[]]
    statuses = [status for (status,) in seen.all("status")]
    assert ("CONNECTED:WS-STREAMING" in statuses) is websocket
    assert statuses[-1] == "DISCONNECTED"
