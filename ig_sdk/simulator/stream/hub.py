"""The lock around the sessions: what threads may do with them, and the thread that wakes them when they are due."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass

from ig_sdk.clock import Clock
from ig_sdk.logs import get_logger
from ig_sdk.simulator.faults.lines import LineFaults
from ig_sdk.simulator.faults.stream_state import StreamState
from ig_sdk.simulator.http_server import break_off
from ig_sdk.simulator.stream.core.channels import Feeds
from ig_sdk.simulator.stream.core.connection import StreamConnection
from ig_sdk.simulator.stream.core.requests import ServerRequest
from ig_sdk.simulator.stream.core.session_table import SessionTable
from ig_sdk.simulator.stream.items.adapter import Row
from ig_sdk.types import Tick

_log = get_logger("simulator.stream")

# Lines of one write: enough to be fast, few enough that little is in flight when a connection breaks.
_BATCH_LINES = 512
_LONGEST_WAIT_S = 1.0
# What the operating system may buffer for a client that does not read; its default is megabytes.
_SEND_BUFFER = 65_536


@dataclass(frozen=True)
class Batch:
    """What a writer does next.

    Attributes:
        lines: Lines to write.
        close: Close afterwards.
        aborted: Write nothing more; the connection is broken.
    """

    lines: list[str]
    close: bool = False
    aborted: bool = False


class LiveConnection:
    """One open connection: its pure part, its socket, and the wait for lines to write.

    Threading:
        One thread reads requests, one writes; the hub's lock orders them.
    """

    def __init__(self, hub: StreamHub, connection: StreamConnection, sock: socket.socket) -> None:
        self.connection = connection
        self.sock = sock
        self.close_code = 1000
        self.close_reason = ""
        self._hub = hub
        self._output = threading.Condition(hub.lock)
        self._over = threading.Event()
        self._poked = False
        connection.on_output = self._output.notify
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
        except OSError:
            pass  # it is closed already; reading or writing will show it

    def receive(self, request: ServerRequest) -> None:
        """Carry out a request of the client."""
        self._hub.apply(self.connection, request)

    def next_batch(self, timeout: float) -> Batch:
        """Wait for something to write; an empty batch after ``timeout``, or after ``poke``."""
        connection, faults = self.connection, self._hub.faults
        slow = faults.line_delay_s > 0
        if slow:
            self._hub.clock.wait(self._over, faults.line_delay_s)
        with self._output:
            if not (connection.ready or self._poked):
                self._output.wait(timeout)
            self._poked = False
            lines = connection.take(1 if slow else _BATCH_LINES)
            done = connection.closing and not connection.lines and not connection.muted
            aborted = connection.aborted
        if self._hub.line_faults.active:
            lines = self._hub.line_faults.spoiled(lines)
        return Batch(lines, close=done, aborted=aborted)

    def written(self) -> None:
        """Report that the last batch was written."""
        self._hub.written(self.connection)

    def poke(self) -> None:
        """Wake the writer."""
        with self._output:
            self._poked = True
            self._output.notify()

    def gone(self) -> None:
        """Report that the connection is over."""
        self._over.set()
        self._hub.gone(self)

    def break_off(self) -> None:
        """Break the connection without a close frame; its session goes on without it."""
        self.gone()
        break_off(self.sock)


class StreamHub:
    """All that threads do with one server's sessions.

    Args:
        table: The sessions.
        clock: Time.
        faults: What is to go wrong.
        line_faults: Changes of single lines.
        on_request: Called, outside the lock, with the name of each request before it is carried out.
        on_subscribe: Called, outside the lock, with each market that is newly subscribed.

    Attributes:
        clock: As given.
        faults: As given.
        line_faults: As given.
        lock: Held while the table is used, and never over a call of the application or a socket.
    """

    def __init__(
        self,
        table: SessionTable,
        clock: Clock,
        *,
        faults: StreamState,
        line_faults: LineFaults,
        on_request: Callable[[str], None],
        on_subscribe: Callable[[str], None] | None,
    ) -> None:
        self.lock = threading.Lock()
        self.clock = clock
        self.faults = faults
        self.line_faults = line_faults
        self._table = table
        self._on_request = on_request
        self._on_subscribe = on_subscribe
        self._live: set[LiveConnection] = set()
        self._written = threading.Condition(self.lock)
        self._awake = threading.Event()
        self._timer_at = 0.0
        self._closing = False
        self._timer = threading.Thread(target=self._keep_time, name="ig-sim-stream-timer", daemon=True)

    def start(self) -> None:
        """Start the timer thread."""
        self._timer.start()

    # ---- connections

    def open(self, connection: StreamConnection, sock: socket.socket) -> LiveConnection:
        """Register a new connection."""
        live = LiveConnection(self, connection, sock)
        with self.lock:
            self._live.add(live)
            closing = self._closing
        if closing:
            live.break_off()
        return live

    def apply(self, connection: StreamConnection, request: ServerRequest) -> None:
        """Carry out a request."""
        table = self._table
        self._on_request(request.name)
        table.prepare(request)
        with self.lock:
            table.apply(connection, request, self.clock.monotonic())
            subscribed = table.feeds.take_subscribed()
            self._wake_timer()
            # An unsubscription may be what a waiting replay needs.
            self._written.notify_all()
        if self._on_subscribe is not None:
            for epic in dict.fromkeys(subscribed):
                self._on_subscribe(epic)

    def written(self, connection: StreamConnection) -> None:
        """Refill a connection whose lines were written."""
        with self.lock:
            connection.writing = False
            self._table.drained(connection, self.clock.monotonic())
            self._written.notify_all()

    def gone(self, live: LiveConnection) -> None:
        """Forget a connection that is over; its session goes on without one."""
        with self.lock:
            self._live.discard(live)
            live.connection.writing = False
            self._table.lost(live.connection, self.clock.monotonic())
            live.connection.abort()
            self._wake_timer()
            self._written.notify_all()

    # ---- events

    def publish(self, tick: Tick) -> None:
        """Send a tick to its subscribers."""
        with self.lock:
            self._table.feeds.publish(tick, self.clock.monotonic())
            self._wake_timer()

    def post(self, channel: str, row: Row) -> None:
        """Send an event of an item that no market feeds to its subscribers."""
        with self.lock:
            self._table.feeds.post(channel, row, self.clock.monotonic())
            self._wake_timer()

    def feed(self, action: Callable[[Feeds, float], None]) -> None:
        """Do something else with the channels, at the present time."""
        with self.lock:
            action(self._table.feeds, self.clock.monotonic())
            self._wake_timer()

    def subscribed(self, epics: Collection[str]) -> bool:
        """Whether one of these markets has a subscriber."""
        with self.lock:
            return any(map(self._table.feeds.has_listener, epics))

    def wait_room(self, timeout: float) -> bool:
        """Wait until every session can take one more tick; return whether that is so."""
        with self.lock:
            if self._table.has_slack:
                return True
            return self._written.wait_for(lambda: self._closing or self._table.has_slack, timeout) and not self._closing

    def wait_written(self, timeout: float) -> bool:
        """Wait until every client was sent all that is due; return whether that is so."""
        with self.lock:
            return self._written.wait_for(self._nothing_waits, max(timeout, 0.0))

    def _nothing_waits(self) -> bool:
        if any(live.connection.lines or live.connection.writing for live in self._live):
            return False
        return not any(session.buffered for session in self._table.sessions)

    # ---- time

    def _wake_timer(self) -> None:
        """Wake the timer thread if it would sleep too long."""
        at = self._table.feeds.wake_at
        if at is not None:
            self._table.feeds.wake_at = None
            if at < self._timer_at:
                self._awake.set()

    def _keep_time(self) -> None:
        while True:
            with self.lock:
                if self._closing:
                    return
                self._awake.clear()
                now = self.clock.monotonic()
                self._table.wake(now)
                self._table.feeds.wake_at = None
                deadline = self._table.deadline
                self._timer_at = min(deadline if deadline is not None else now + 60.0, now + _LONGEST_WAIT_S)
                self._written.notify_all()
            self.clock.wait(self._awake, max(self._timer_at - now, 0.001))

    # ---- faults and the end

    def loop(self, delay_ms: int, *, close_socket: bool) -> int:
        """Ask every bound session to bind again; return how many."""
        return self._act(lambda now: self._table.loop(delay_ms, now, close_socket=close_socket))

    def end(self, code: int, message: str) -> int:
        """End every session; return how many."""
        return self._act(lambda now: self._table.end(code, message, now))

    def inject(self, line: str) -> int:
        """Put a raw line into every stream; return how many got it."""

        def put(now: float) -> int:
            bound = [session.connection for session in self._table.sessions if session.connection is not None]
            for connection in bound:
                connection.put(line, now)
            return len(bound)

        return self._act(put)

    def forget(self) -> int:
        """Forget what was sent, so that recovery is refused; return for how many sessions."""
        with self.lock:
            for session in self._table.sessions:
                session.log.forget_sent()
            return len(self._table.sessions)

    def _act(self, action: Callable[[float], int]) -> int:
        with self.lock:
            result = action(self.clock.monotonic())
            self._wake_timer()
            self._written.notify_all()
        return result

    def _streams(self) -> list[LiveConnection]:
        """Return the connections that stream, or may: WebSockets and bound HTTP answers."""
        with self.lock:
            return [
                live for live in self._live if live.connection.transport == "ws" or live.connection.session is not None
            ]

    def mute(self, *, on: bool) -> int:
        """Stop writing to the stream connections, or go on; return how many."""
        streams = self._streams()
        for live in streams:
            with self.lock:
                live.connection.muted = on
            live.poke()
        return len(streams)

    def close_connections(self, code: int, reason: str) -> int:
        """Close the WebSockets with a close frame, end the HTTP answers; return how many."""
        streams = self._streams()
        for live in streams:
            live.close_code, live.close_reason = code, reason
            with self.lock:
                self._table.lost(live.connection, self.clock.monotonic())
                live.connection.close()
        return len(streams)

    def drop(self) -> int:
        """Break the stream connections; return how many."""
        streams = self._streams()
        for live in streams:
            live.break_off()
        return len(streams)

    def close(self, timeout: float) -> None:
        """Stop the timer, release every waiting thread and break every connection."""
        with self.lock:
            self._closing = True
            live = list(self._live)
            self._awake.set()
            self._written.notify_all()
        for connection in live:
            connection.break_off()
        if self._timer.is_alive():
            self._timer.join(timeout)
            if self._timer.is_alive():
                _log.error("thread %s did not end within %s s", self._timer.name, timeout)
