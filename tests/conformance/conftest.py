"""A stream server without sockets, and one with them, for the server's conformance rows."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from random import Random
from typing import Any

import pytest
import requests
import websocket

from ig_sdk.simulator import Faults, OpenItems, StreamOptions, StreamServer
from ig_sdk.simulator.stream.core.connection import StreamConnection
from ig_sdk.simulator.stream.core.requests import read_body
from ig_sdk.simulator.stream.core.session import StreamSession
from ig_sdk.simulator.stream.core.session_table import SessionTable
from ig_sdk.simulator.stream.items.adapter import Adapter

CREATE = "create_session\r\nLS_cid=x&LS_send_sync=false"
# The sessions' rules are tested with every version; IG's ceiling is a test of its own.
OPTIONS = StreamOptions(tlcp_max="2.5.0")


class Wire:
    """One client connection to a table of sessions."""

    def __init__(self, bench: Bench, transport: str, version: str, session: str | None) -> None:
        self.bench = bench
        self.connection = StreamConnection(transport, version, default_session=session)  # type: ignore[arg-type]

    def send(self, text: str) -> list[str]:
        """Send a WebSocket message; return what came since the last look."""
        self.bench.table.receive(self.connection, text, self.bench.now)
        return self.take()

    def post(self, name: str, body: str) -> list[str]:
        """Send an HTTP body."""
        table = self.bench.table
        table.apply(self.connection, table.prepare(read_body(name, body)), self.bench.now)
        return self.take()

    def take(self, most: int = 100_000) -> list[str]:
        """Return what came since the last look; the server may refill what was taken."""
        lines = self.connection.take(most)
        self.bench.table.drained(self.connection, self.bench.now)
        return lines

    def create(self, more: str = "") -> str:
        """Create a session; return its id."""
        head = self.send(CREATE + more)
        assert head[0].startswith("CONOK,"), head
        return head[0].split(",")[1]

    def add(self, number: int, items: str, fields: str, mode: str = "MERGE", more: str = "") -> list[str]:
        """Subscribe."""
        group, schema = items.replace(" ", "%20"), fields.replace(" ", "%20")
        line = f"LS_reqId={number}&LS_op=add&LS_subId={number}&LS_mode={mode}&LS_group={group}&LS_schema={schema}"
        return self.send(f"control\r\n{line}{more}")

    def lose(self) -> None:
        """Break the connection."""
        self.bench.table.lost(self.connection, self.bench.now)
        self.connection.abort()


class Bench:
    """A table of sessions, its clock and its connections."""

    def __init__(self, adapter: Adapter | None = None, allow: bool = True, **options: Any) -> None:
        self.now = 1000.0
        self.faults = Faults()
        self.asked: list[tuple[str | None, str | None]] = []
        self.allow = allow
        self.table = SessionTable(
            adapter or OpenItems(),
            self._authenticate,
            replace(OPTIONS, **options),
            faults=self.faults.stream_state,
            random=Random(7),
        )

    def _authenticate(self, user: str | None, password: str | None) -> bool:
        self.asked.append((user, password))
        return self.allow

    def ws(self, version: str = "2.5.0") -> Wire:
        """Open a WebSocket."""
        return Wire(self, "ws", version, None)

    def http(self, version: str = "2.5.0", session: str | None = None) -> Wire:
        """Open an HTTP request."""
        return Wire(self, "http", version, session)

    def post(self, item: str, **row: str | None) -> None:
        """Let an event happen."""
        self.table.feeds.post(item, row, self.now)

    def clear(self, item: str) -> None:
        """Clear an item's snapshot."""
        self.table.feeds.clear(item, self.now)

    def pass_time(self, seconds: float) -> None:
        """Let time pass, doing what becomes due on the way."""
        end = self.now + seconds
        while (deadline := self.table.deadline) is not None and deadline <= end:
            assert deadline > self.now or self.table.wake(self.now) is None
            self.now = max(deadline, self.now)
            self.table.wake(self.now)
            assert self.table.deadline is None or self.table.deadline > self.now, "a deadline that does not pass"
        self.now = end

    @property
    def sessions(self) -> list[StreamSession]:
        """The sessions."""
        return self.table.sessions


@pytest.fixture
def make_bench() -> Callable[..., Bench]:
    """Make a table of sessions with options of your own."""
    return Bench


@pytest.fixture
def bench() -> Bench:
    """A table of sessions that takes any item."""
    return Bench()


@pytest.fixture
def wire(bench: Bench) -> Wire:
    """A WebSocket with a session."""
    wire = bench.ws()
    wire.create()
    return wire


class Net:
    """A stream server on a port, and the clients of a test."""

    def __init__(self, **options: Any) -> None:
        self.faults = Faults()
        self.server = StreamServer(
            adapter=OpenItems(),
            authenticate=lambda user, _: user != "nobody",
            options=replace(OPTIONS, **options),
            faults=self.faults,
            random=Random(7),
        )
        self.server.start()
        self._open: list[Any] = []

    def ws(self, *protocols: str) -> websocket.WebSocket:
        """Open a WebSocket that offers these subprotocols."""
        offered = ", ".join(protocols or ("TLCP-2.5.0.lightstreamer.com",))
        client = websocket.create_connection(
            self.server.url.replace("http", "ws") + "/lightstreamer",
            timeout=10,
            skip_utf8_validation=True,
            header=[f"Sec-WebSocket-Protocol: {offered}"],
        )
        self._open.append(client)
        return client

    def post(self, name: str, body: str | bytes, query: str = "LS_protocol=TLCP-2.5.0", **more: Any) -> Any:
        """Send an HTTP request; return requests' answer."""
        more.setdefault("timeout", 10)
        answer = requests.post(f"{self.server.url}/lightstreamer/{name}.txt?{query}", data=body, **more)
        self._open.append(answer)
        return answer

    def raw(self, data: bytes) -> socket.socket:
        """Open a TCP connection and send these bytes."""
        client = socket.create_connection(("127.0.0.1", self.server.port), 10)
        self._open.append(client)
        client.sendall(data)
        return client

    def session_on_ws(self) -> tuple[websocket.WebSocket, str]:
        """Open a WebSocket with a session; return both."""
        client = self.ws()
        client.send(CREATE)
        return client, lines_of(client.recv())[0].split(",")[1]

    def close(self) -> None:
        """End everything."""
        for client in self._open:
            with closing(client):
                if isinstance(client, websocket.WebSocket):
                    client.shutdown()
        self.server.close()


def lines_of(text: str) -> list[str]:
    """Return the lines of a message, each of which must end with CR-LF."""
    assert text.endswith("\r\n")
    return text[:-2].split("\r\n")


@pytest.fixture
def make_net() -> Iterator[Callable[..., Net]]:
    """Make a stream server with options of your own; it is closed after the test."""
    nets: list[Net] = []

    def make(**options: Any) -> Net:
        nets.append(Net(**options))
        return nets[-1]

    yield make
    for net in nets:
        net.close()


@pytest.fixture
def net(make_net: Callable[..., Net]) -> Net:
    """A stream server on a port."""
    return make_net()
