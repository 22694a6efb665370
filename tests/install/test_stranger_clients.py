"""Clients that others wrote for IG, unchanged, against our simulator, each in an environment of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from ig_sdk.simulator import Simulator
from ig_sdk.types import Tick

pytestmark = [pytest.mark.install, pytest.mark.timeout(300)]

HERE = Path(__file__).parent
EPIC = "CS.D.EURUSD.MINI.IP"
ACCOUNT = "ABC123"
PRICE, CHART = f"PRICE:{ACCOUNT}:{EPIC}", f"CHART:{EPIC}:TICK"
BEGIN = datetime(2025, 1, 6, tzinfo=timezone.utc)
LONGEST_S = 60.0
SCRIPTS = {
    "trading-ig": "stranger_trading_ig.py",
    "ig-trading-lib": "stranger_ig_trading_lib.py",
    "ig-trading": "stranger_ig_trading.py",
    "node": "stranger_ig_trading_api.js",
}
needs_python_3_11 = pytest.mark.skipif(sys.version_info < (3, 11), reason="ig-trading-lib is for Python 3.11 and later")


def tick(number: int) -> Tick:
    """The offer moves with every second tick, so that one update of two leaves it out."""
    time = BEGIN + timedelta(milliseconds=50 * number)
    return Tick(EPIC, round(1.05 + number / 1e5, 5), round(1.0502 + number // 2 / 1e5, 5), time, time)


TICKS = [tick(number) for number in range(2000)]
NUMBER_AT = {str(1_736_121_600_000 + 50 * number): number for number in range(len(TICKS))}


def simulating(**options: Any) -> Simulator:
    """A simulator that replays known ticks."""
    return Simulator(ticks=TICKS, **options)


@dataclass
class Seen:
    """What a stranger told, in its order, and how it ended."""

    status: int = -1
    errors: str = ""
    events: list[list[Any]] = field(default_factory=list)

    def all(self, kind: str) -> list[list[Any]]:
        return [event[1:] for event in self.events if event[0] == kind]

    def only(self, kind: str) -> Any:
        ((value,),) = self.all(kind)
        return value


@pytest.fixture
def drive(command_in: Callable[[str], list[str]], tmp_path: Path) -> Callable[..., Seen]:
    """Return what runs a stranger's script against a simulator, to its end."""

    def run(name: str, simulator: Simulator, login_version: str = "", **changed: str) -> Seen:
        own = simulator.credentials
        arguments = {
            "url": simulator.rest_url,
            "key": own.api_key,
            "user": own.identifier,
            "password": own.password,
            "account": own.account_id,
            "epic": EPIC,
            "login_version": login_version,
        } | changed
        done = subprocess.run(
            [*command_in(name), str(HERE / SCRIPTS[name]), *arguments.values()],
            cwd=tmp_path,
            # Whatever proxy this machine needs to reach a package index, loopback is not behind it.
            env={**os.environ, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"},
            capture_output=True,
            text=True,
            timeout=LONGEST_S,
            check=False,
        )
        events = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[")]
        return Seen(done.returncode, done.stderr, events)

    return run


def check_rest(seen: Seen) -> None:
    """What every client asks first: accounts, the session, one market, a search."""
    accounts = [{key.replace("_", "").lower(): value for key, value in row.items()} for row in seen.only("accounts")]
    assert [(row["accountid"], row["preferred"]) for row in accounts] == [(ACCOUNT, True), ("XYZ987", False)]
    session = seen.only("session")
    assert session.get("accountId", session.get("account_id")) == ACCOUNT
    assert all(market["instrument"]["epic"] == EPIC for (market,) in seen.all("market"))
    assert all(EPIC in [row["epic"] for row in rows] for (rows,) in seen.all("search"))


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
        assert changed[number] == {name for name in shown[0] if shown[number][name] != shown[number - 1][name]}
    assert {time, bid} in changed[1:], "no update leaves the offer out"


def check_stream(seen: Seen) -> None:
    """A PRICE subscription, then a CHART tick subscription, each with a snapshot and deltas, each ended."""
    updates = {item: [row for row in seen.all("update") if row[0] == item] for item in (PRICE, CHART)}
    check_updates(updates[PRICE], time="TIMESTAMP", bid="BIDPRICE1", offer="ASKPRICE1")
    check_updates(updates[CHART], time="UTM", bid="BID", offer="OFR")
    assert seen.all("unsubscribed") == [[], []]
    assert seen.all("status")[-1] == ["DISCONNECTED"]


def check_end(seen: Seen, simulator: Simulator, *, over: str = "WebSocket") -> None:
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
def test_trading_ig(drive: Callable[..., Seen], login: str) -> None:
    """trading-ig works with tokens and with OAuth; its tokens die with its logout."""
    with simulating() as simulator:
        seen = drive("trading-ig", simulator, login)
        check_end(seen, simulator)
    check_rest(seen)
    check_stream(seen)
    assert ["CONNECTED:HTTP-STREAMING"] not in seen.all("status")
    assert seen.only("applications")[0]["concurrentSubscriptionsLimit"] == 40


def test_trading_ig_with_an_encrypted_password(drive: Callable[..., Seen]) -> None:
    """Where only encrypted passwords are taken, its own encryption is understood."""
    with simulating(encrypted_only=True) as simulator:
        refused = drive("trading-ig", simulator, "2")
        seen = drive("trading-ig", simulator, "2", encryption="yes")
        check_end(seen, simulator)
    assert "error.public-api.failure.encryption.required" in refused.errors
    check_stream(seen)


def test_trading_ig_without_websockets(drive: Callable[..., Seen]) -> None:
    """Where the upgrade is refused, it streams over HTTP."""
    with simulating() as simulator:
        simulator.faults.refuse_upgrade = True
        seen = drive("trading-ig", simulator, "2")
        check_end(seen, simulator, over="HTTP")
    check_stream(seen)
    assert ["CONNECTED:HTTP-STREAMING"] in seen.all("status")


@needs_python_3_11
@pytest.mark.parametrize("login", ["2", "3"])
def test_ig_trading_lib(drive: Callable[..., Seen], login: str) -> None:
    """ig-trading-lib works with both kinds of login, where the protocol that it insists on is taken."""
    with simulating(tlcp_max="2.5.0") as simulator:
        seen = drive("ig-trading-lib", simulator, login)
        check_end(seen, simulator)
    check_rest(seen)
    check_stream(seen)


@needs_python_3_11
def test_ig_trading_lib_is_refused_as_at_ig(drive: Callable[..., Seen]) -> None:
    """By default its protocol version is refused with IG's code, so it gives up as it does at IG; REST works."""
    with simulating() as simulator:
        seen = drive("ig-trading-lib", simulator, "2")
    check_rest(seen)
    assert seen.status != 0
    assert not seen.all("update")
    assert "AuthenticationError" in seen.errors


def test_ig_trading(drive: Callable[..., Seen]) -> None:
    """ig-trading, whose models forbid unknown fields, takes every reply in every version."""
    with simulating() as simulator:
        seen = drive("ig-trading", simulator)
        check_end(seen, simulator)
    check_rest(seen)
    assert len(seen.all("market")) == 4
    assert len(seen.all("markets")) == len(seen.all("search")) == 2
    assert seen.only("refreshed") == seen.only("session")
    assert seen.only("refusals") == {
        "password": "InvalidDetailsError",
        "key": "APIKeyInvalidError",
    }


@pytest.mark.parametrize("websocket", [True, False])
def test_ig_trading_api(drive: Callable[..., Seen], *, websocket: bool) -> None:
    """ig-trading-api works: trailing slashes, no VERSION, a session made over HTTP and bound to a WebSocket."""
    with simulating() as simulator:
        simulator.faults.refuse_upgrade = not websocket
        seen = drive("node", simulator)
        check_end(seen, simulator, over="WebSocket" if websocket else "HTTP")
    check_rest(seen)
    times = [row["UTM"] for _, row in seen.all("tick")]
    first = NUMBER_AT[str(times[0])]
    assert [(row["BID"], row["OFR"]) for _, row in seen.all("tick")] == [
        (tick(number).bid, tick(number).offer) for number in range(first, first + 3)
    ]
    assert seen.all("unsubscribed") == [[]]
    statuses = [status for (status,) in seen.all("status")]
    assert ("CONNECTED:WS-STREAMING" in statuses) is websocket
    assert statuses[-1] == "DISCONNECTED"
