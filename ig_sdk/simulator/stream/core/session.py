"""One session on the server's side: numbering, buffering, recovery, liveness, polling. Pure: lines out, time in.

Source:
    TLCP.md sections 7, 15, 16 and 17; C-155 to C-168 and C-209 to C-220.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from ig_sdk.lightstreamer.tlcp.codec.notifications import ClientIp, Conok, Cons, End, Loop, Probe, Prog, ServName, Sync
from ig_sdk.simulator.stream.core.connection import StreamConnection
from ig_sdk.simulator.stream.core.messages import MessageSequences
from ig_sdk.simulator.stream.core.notification_log import NotificationLog
from ig_sdk.simulator.stream.core.options import StreamOptions
from ig_sdk.simulator.stream.core.subscription import ServerSubscription

# Room for the LOOP that ends an HTTP body of limited length.
_LOOP_BYTES = 16


@dataclass(frozen=True)
class BindTerms:
    """How one connection is to be served: the client's wishes within the server's limits.

    Attributes:
        polling: Answer with what is ready, then ``LOOP``.
        polling_ms: Pause of the client between polls.
        idle_ms: How long a poll may wait for something to send.
        keepalive_ms: Longest silence before ``PROBE``.
        inactivity_ms: How often the client promised a request, or ``None``.
        send_sync: Whether ``SYNC`` is sent.
        content_length: Budget of an HTTP body.
        reduce_head: No ``SERVNAME``, ``CLIENTIP``; on a bind no ``CONOK`` either.
    """

    polling: bool
    polling_ms: int
    idle_ms: int
    keepalive_ms: int
    inactivity_ms: int | None
    send_sync: bool
    content_length: int
    reduce_head: bool


class StreamSession:
    """A session: subscriptions, the numbered series of data notifications, and at most one bound connection.

    Attributes:
        session_id: Its name.
        user: Who opened it.
        version: TLCP version of its creation.
        options: The server's settings.
        diffs: Difference formats that may be used for it.
        bandwidth: As ``CONS`` states it.
        no_cons: The client asked for no ``CONS`` in the whole session.
        subscriptions: By ``LS_subId``.
        messages: Its message sequences.
        connection: The bound connection, or ``None``.
        ended: The session is over; the table forgets it.
        polled: The bound connection is a poll, to be settled after each input.
        log: Its data notifications.
        last_request: When the last request of the client came (C-184).
    """

    def __init__(
        self,
        session_id: str,
        options: StreamOptions,
        *,
        user: str | None,
        version: str,
        diffs: str,
        deliver: Callable[[str], str],
        random: Random,
        now: float,
    ) -> None:
        self.session_id = session_id
        self.options = options
        self.user = user
        self.version = version
        self.diffs = diffs
        self.bandwidth = "unlimited"
        self.no_cons = False
        self.subscriptions: dict[int, ServerSubscription] = {}
        self.messages = MessageSequences(version, notify=self.data, deliver=deliver)
        self.connection: StreamConnection | None = None
        self.ended = False
        self.polled = False
        self.log = NotificationLog(options)
        self._random = random
        self._terms: BindTerms | None = None
        self._client_ip: str | None = None
        self._bound_at = 0.0
        self._next_sync: float | None = None
        self._poll_until: float | None = None
        self.last_request = now
        self._expires_at: float | None = now + options.session_timeout_s

    def __repr__(self) -> str:
        return (
            f"StreamSession({self.session_id}, {len(self.subscriptions)} subscriptions, {self.log.count} notifications)"
        )

    def run_from(self) -> int | None:
        """Return the shortest run of unchanged fields to write as ``^N`` now (C-194)."""
        runs = self.options.runs
        if runs == "random":
            return self._random.choice((1, 2, None))
        return 2 if runs == "always" else None

    # ---- data notifications

    @property
    def _queued(self) -> int:
        return len(self.connection.lines) if self.connection is not None else 0

    @property
    def buffered(self) -> int:
        """Lines that wait for this client."""
        waiting, connection = self.log.waiting, self.connection
        return waiting if connection is None else waiting + len(connection.lines)

    @property
    def has_room(self) -> bool:
        """Whether one more update may be sent, or must wait in its subscription."""
        return self.buffered < self.options.buffer_lines

    def data(self, line: str, now: float) -> None:
        """Number a data notification and send it, or keep it until a connection takes it (C-162, C-213)."""
        self.log.append(line, now)
        if self.connection is not None and self.log.waiting == 1:
            self._hand(line, now)

    def _hand(self, line: str, now: float) -> None:
        """Give the next notification to the connection, unless its content length is used up (C-142)."""
        connection = self.connection
        assert connection is not None, "only called while bound"
        budget = connection.budget
        if budget is not None and connection.put_data and len(line.encode()) + 2 + _LOOP_BYTES > budget:
            self.loop(0, now)
            return
        self.log.handed += 1
        connection.put_data = True
        connection.put(line, now)

    def pump(self, now: float) -> None:
        """Send what waits, as far as there is room."""
        while self.connection is not None and self.log.waiting and self._queued < self.options.buffer_lines:
            self._hand(self.log.next_line(), now)
        for subscription in self.subscriptions.values():
            if subscription.waiting and self.has_room:
                subscription.pump(now)
        self.log.forget(now, queued=self._queued)

    # ---- binding

    def can_recover(self, count: int, now: float) -> bool:
        """Whether the notifications after number ``count`` are all still here (C-217)."""
        self.log.forget(now, queued=self._queued)
        return self.log.covers(count)

    def bind(
        self,
        connection: StreamConnection,
        terms: BindTerms,
        now: float,
        *,
        created: bool = False,
        recovery_from: int | None = None,
    ) -> None:
        """Stream on ``connection`` from now on (C-155, C-156, C-163, C-164, C-215)."""
        self._release()
        if recovery_from is not None:
            self.log.rewind(recovery_from - self.options.prog_back)
        connection.session = connection.last = self
        connection.put_data = False
        connection.budget = terms.content_length if connection.transport == "http" else None
        self.connection = connection
        self._terms = terms
        self._bound_at = self.last_request = now
        self._expires_at = None
        self._put_head(connection, terms, now, created=created)
        if recovery_from is not None:
            connection.put(Prog(self.log.handed).encode(), now)
        self.polled = terms.polling
        self._poll_until = now + terms.idle_ms / 1000 if terms.polling else None
        self._next_sync = now if terms.send_sync and not terms.polling else None
        self._sync(now)
        self.pump(now)

    def _put_head(self, connection: StreamConnection, terms: BindTerms, now: float, *, created: bool) -> None:
        options = self.options
        if created or not terms.reduce_head:
            keepalive = terms.idle_ms if terms.polling else terms.keepalive_ms
            conok = Conok(self.session_id, options.request_limit, keepalive, options.control_link)
            connection.put(conok.encode(), now)
        if not terms.reduce_head:
            if created:
                connection.put(ServName(options.server_name).encode(), now)
            if connection.client_ip != self._client_ip:
                connection.put(ClientIp(connection.client_ip).encode(), now)
        self._client_ip = connection.client_ip
        self.put_bandwidth(now)

    def put_bandwidth(self, now: float) -> None:
        """Send ``CONS``, unless the client wants none."""
        if self.connection is not None and not self.no_cons:
            self.connection.put(Cons(self.bandwidth).encode(), now)

    def _release(self) -> None:
        """Take the stream away from its connection, which ends without ``LOOP`` or ``END`` (section 17)."""
        connection = self.connection
        if connection is not None:
            self.log.take_back(connection.lines)
            connection.lines.clear()
            connection.session = self.connection = None
            connection.close()

    def unbind(self, now: float) -> None:
        """Go on without the connection, which broke, while it can be recovered (C-162, C-211)."""
        if self.connection is not None:
            # What goes to the next connection must not go out on this one as well, should it still be open.
            self.log.take_back(self.connection.lines)
            self.connection.lines.clear()
        self._part(now, max(self.options.session_timeout_s, self.options.recovery_s))

    def _part(self, now: float, keep_s: float) -> None:
        """Go on without a connection for ``keep_s`` seconds."""
        if self.connection is not None:
            self.connection.session = None
            self.connection = None
        self.polled = False
        self._poll_until = self._next_sync = None
        self._expires_at = now + keep_s

    def loop(self, delay_ms: int, now: float, *, keep_ms: int = 0, close_socket: bool = False) -> None:
        """Send ``LOOP`` and unbind; HTTP connections end with it, WebSockets only with ``close_socket``."""
        connection, terms = self.connection, self._terms
        if connection is None or terms is None:
            return
        connection.put(Loop(delay_ms).encode(), now)
        if terms.polling:
            keep_s = terms.polling_ms / 1000 + self.options.polling_tolerance_s
        else:
            keep_s = keep_ms / 1000 + self.options.session_timeout_s
        self._part(now, keep_s)
        if connection.transport == "http" or close_socket:
            connection.close()

    def end(self, code: int, message: str, now: float, *, close_socket: bool = False) -> None:
        """End the session; the bound connection, if any, gets ``END`` (C-166)."""
        connection = self.connection
        self.ended = True
        if connection is None:
            return
        connection.put(End(code, message).encode(), now)
        self._part(now, 0.0)
        if connection.transport == "http" or close_socket:
            connection.close()

    def settle(self, now: float) -> None:
        """Answer a poll that has something to send, or whose time is over (C-219)."""
        connection = self.connection
        if connection is None or self._poll_until is None or self._terms is None:
            return
        if connection.put_data or now >= self._poll_until:
            self.loop(self._terms.polling_ms, now)

    # ---- time

    @property
    def deadline(self) -> float | None:
        """When ``wake`` is due, or ``None``."""
        due = [self._expires_at, self._next_sync, self._poll_until, self._probe_at, self._inactive_at]
        due.append(self.messages.deadline)
        if self.has_room:
            due += [subscription.next_due() for subscription in self.subscriptions.values() if subscription.waiting]
        return min((at for at in due if at is not None), default=None)

    @property
    def _probe_at(self) -> float | None:
        if self.connection is None or self._terms is None or self.polled:
            return None
        return self.connection.last_put + self._terms.keepalive_ms / 1000

    @property
    def _inactive_at(self) -> float | None:
        if self.connection is None or self._terms is None or self._terms.inactivity_ms is None or self.polled:
            return None
        # The client counts from its own side of the line: half a period of grace.
        return self.last_request + self._terms.inactivity_ms * 1.5 / 1000 + 0.25

    def wake(self, now: float) -> None:
        """Do what is due."""
        if self._expires_at is not None and now >= self._expires_at:
            self.ended = True
            return
        self.messages.wake(now)
        self.pump(now)
        self.settle(now)
        self._sync(now)
        if self._inactive_at is not None and now >= self._inactive_at:
            connection = self.connection
            self.unbind(now)
            if connection is not None:
                connection.abort()
        self._probe(now)

    def _probe(self, now: float) -> None:
        connection = self.connection
        if connection is None or self._probe_at is None or now < self._probe_at:
            return
        if connection.lines:
            # The client has not read all yet; a probe would only queue up.
            connection.last_put = now
        else:
            connection.put(Probe().encode(), now)

    def _sync(self, now: float) -> None:
        if self._next_sync is None or now < self._next_sync or self.connection is None:
            return
        self.connection.put(Sync(int(now - self._bound_at)).encode(), now)
        self._next_sync = now + self.options.sync_s
