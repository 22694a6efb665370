"""Lightstreamer's own clients against our stream server, unchanged, each in an environment of its own."""

from __future__ import annotations

import json
import queue
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from ig_sdk.simulator.faults.faults import Faults
from ig_sdk.simulator.stream.core.options import StreamOptions
from ig_sdk.simulator.stream.items.adapter import ItemAdapter
from ig_sdk.simulator.stream.server import StreamServer
from ig_sdk.types import Tick

pytestmark = [pytest.mark.install, pytest.mark.timeout(300)]

HERE = Path(__file__).parent
EPIC = "CS.D.EURUSD.MINI.IP"
ITEM = f"PRICE:ABC123:{EPIC}"
PRICES = ["MERGE", ITEM, ["BIDPRICE1", "ASKPRICE1", "TIMESTAMP"], "Pricing"]
CANDLES = ["MERGE", f"CHART:{EPIC}:SECOND", ["UTM", "BID_OPEN", "BID_HIGH", "BID_LOW", "BID_CLOSE", "CONS_END"], None]
TICKS = ["DISTINCT", f"CHART:{EPIC}:TICK", ["UTM", "BID", "OFR"], None]
FIGURES = ["MERGE", "ACCOUNT:ABC123", ["FUNDS", "PNL", "DEPOSIT", "MARGIN"], None]
BEATS = ["MERGE", "TRADE:HB.U.HEARTBEAT.IP", ["HEARTBEAT"], None]
DEALS = ["DISTINCT", "TRADE:ABC123", ["CONFIRMS", "OPU", "WOU"], None]
PASSWORD = "CST-aa+b|XST-c=d&e%"
BEGIN = datetime(2025, 1, 6, tzinfo=timezone.utc)
TRANSPORTS = ["auto", "WS-STREAMING", "HTTP-STREAMING", "HTTP-POLLING"]
LONGEST_S = 30.0


class Client:
    """One official client in a process of its own."""

    def __init__(
        self,
        command: list[str],
        url: str,
        transport: str,
        password: str = PASSWORD,
        wanted: Sequence[object] = (PRICES,),
    ) -> None:
        self.process = subprocess.Popen(
            [*command, url, transport, "ABC123", password, json.dumps(wanted)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._events: queue.Queue[list[Any]] = queue.Queue(10_000)
        self._reader = threading.Thread(target=self._read, name="test-official-client", daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("["):
                self._events.put(json.loads(line))

    def expect(self, wanted: Callable[[list[Any]], bool]) -> list[Any]:
        """Wait for an event; those before it are passed over."""
        seen = []
        while True:
            try:
                event = self._events.get(timeout=LONGEST_S)
            except queue.Empty:
                raise AssertionError(f"the event did not come; seen: {seen}") from None
            seen.append(event)
            if wanted(event):
                return event

    def expect_status(self, beginning: str) -> None:
        self.expect(lambda event: event[0] == "status" and event[1].startswith(beginning))

    def expect_kind(self, kind: str) -> list[Any]:
        return self.expect(lambda event: event[0] == kind)

    def updates(self, count: int) -> list[list[Any]]:
        return [self.expect_kind("update") for _ in range(count)]

    def say(self, command: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()

    def close(self) -> None:
        try:
            self.process.communicate(input="exit\n", timeout=10)
        except (subprocess.TimeoutExpired, ValueError, OSError):
            self.process.kill()
            self.process.wait(10)
        self._reader.join(10)
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()


@pytest.fixture(
    scope="session",
    # A library is in the environment of the stranger that brings it.
    params=[
        pytest.param("trading-ig", id="python-1.0.3"),
        pytest.param("ig-trading-lib", id="python-2.2.3"),
        pytest.param("node", id="node-9.2.2"),
    ],
)
def command(request: pytest.FixtureRequest, command_in: Callable[[str], list[str]]) -> list[str]:
    """How to run one of the official clients."""
    script = "official_client.js" if request.param == "node" else "official_client.py"
    return [*command_in(request.param), str(HERE / script)]


@pytest.fixture
def faults() -> Faults:
    """What is to go wrong."""
    return Faults()


@pytest.fixture
def server(faults: Faults) -> Iterator[StreamServer]:
    """A stream server that takes what the newer clients speak, too."""
    server = StreamServer(
        adapter=ItemAdapter(lambda epic: epic == EPIC, accounts={"ABC123"}),
        authenticate=lambda user, password: (user, password) == ("ABC123", PASSWORD),
        options=StreamOptions(tlcp_max="2.5.0"),
        faults=faults,
    )
    server.start()
    yield server
    server.close()


@pytest.fixture
def start(command: list[str], server: StreamServer) -> Iterator[Callable[..., Client]]:
    """Start a client; it is stopped after the test."""
    clients: list[Client] = []

    def begin(transport: str, **more: str) -> Client:
        clients.append(Client(command, server.url, transport, **more))
        return clients[-1]

    yield begin
    for client in clients:
        client.close()


def tick(number: int) -> Tick:
    time = BEGIN + timedelta(milliseconds=100 * number)
    return Tick(EPIC, 1.05 + number / 1e5, 1.0502, time, time)


def shown(number: int, *, snapshot: bool = False) -> list[Any]:
    time = str(1736121600000 + 100 * number)
    return [
        "update",
        ITEM,
        snapshot,
        {"BIDPRICE1": repr(1.05 + number / 1e5), "ASKPRICE1": "1.0502", "TIMESTAMP": time},
    ]


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_whole_life(start: Callable[..., Client], server: StreamServer, faults: Faults, transport: str) -> None:
    """Connected, snapshot, deltas, LOOP, a break with recovery, unsubscribed, disconnected: nothing lost or repeated."""
    server.publish(tick(0))
    client = start(transport)
    client.expect_status("CONNECTED")
    client.expect_kind("subscribed")
    assert client.updates(1) == [shown(0, snapshot=True)]
    for number in (1, 2, 3):
        server.publish(tick(number))
    assert client.updates(3) == [shown(1), shown(2), shown(3)]
    faults.loop()
    for number in (4, 5):
        server.publish(tick(number))
    assert client.updates(2) == [shown(4), shown(5)]
    faults.drop_stream()
    for number in (6, 7):
        server.publish(tick(number))
    assert client.updates(2) == [shown(6), shown(7)]
    client.say("unsubscribe")
    client.expect_kind("unsubscribed")
    client.say("disconnect")
    client.expect_status("DISCONNECTED")


def test_wrong_password(start: Callable[..., Client]) -> None:
    """A refused login reaches the application with its code."""
    client = start("auto", password="wrong")
    assert client.expect_kind("error")[1] == 1


def test_no_websocket(start: Callable[..., Client], server: StreamServer, faults: Faults) -> None:
    """Where the upgrade is refused the client streams over HTTP by itself."""
    faults.refuse_upgrade = True
    client = start("auto")
    client.expect_status("CONNECTED:HTTP")
    client.expect_kind("subscribed")
    server.publish(tick(1))
    assert client.updates(1)[0][3] == shown(1)[3]


def test_end(start: Callable[..., Client], faults: Faults) -> None:
    """A session that the server ends is told with its code."""
    client = start("auto")
    client.expect_kind("subscribed")
    faults.end(35, "Another session, really")
    assert client.expect_kind("error") == ["error", 35, "Another session, really"]


def test_account(command: list[str], house: Callable[..., Any]) -> None:
    """A process: prices, candles, ticks, heartbeats, figures, and each deal's confirm and update, after a LOOP as before."""
    simulator = house("--tlcp-max", "2.5.0", "--fault", "loop on=/repeat-dealing-window")
    wanted = [PRICES, CANDLES, TICKS, FIGURES, BEATS, DEALS]
    client = Client(command, simulator.own["stream_url"], "auto", simulator.stream_password, wanted)
    try:
        first: dict[str, dict[str, str]] = {}
        for _ in wanted[:-1]:
            *_, item, snapshot, fields = client.expect(lambda event: event[0] == "update" and event[1] not in first)
            assert snapshot
            first[item] = fields
        assert (first["ACCOUNT:ABC123"]["FUNDS"], first["ACCOUNT:ABC123"]["DEPOSIT"]) == ("10000.00", "0.00")
        assert first[BEATS[1]]["HEARTBEAT"].isdecimal()
        assert set(first[CANDLES[1]]) == set(CANDLES[2])
        assert float(first[TICKS[1]]["BID"]) < float(first[TICKS[1]]["OFR"])

        def told(name: str) -> Any:
            event = client.expect(lambda event: event[:2] == ["update", DEALS[1]] and event[3][name] is not None)
            return json.loads(event[3][name])

        opening = {"epic": EPIC, "expiry": "-", "direction": "BUY", "size": 1, "orderType": "MARKET"}
        opening |= {"currencyCode": "USD", "forceOpen": True, "guaranteedStop": False}
        reference = simulator.ask("/positions/otc", 2, method="POST", body=opening)["dealReference"]
        confirm, update = told("CONFIRMS"), told("OPU")
        assert (confirm["dealReference"], confirm["status"], update["status"]) == (reference, "OPEN", "OPEN")
        simulator.ask("/repeat-dealing-window")
        closing = {"dealId": confirm["dealId"], "direction": "SELL", "size": 1, "orderType": "MARKET"}
        simulator.ask("/positions/otc", method="DELETE", body=closing)
        assert (told("CONFIRMS")["status"], told("OPU")["status"]) == ("CLOSED", "DELETED")
        assert client.expect(lambda event: event[:2] == ["update", "ACCOUNT:ABC123"] and event[3]["DEPOSIT"] == "0.00")
        client.say("disconnect")
        client.expect_status("DISCONNECTED")
    finally:
        client.close()
