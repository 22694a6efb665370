"""All sessions of one server: requests in, lines on connections out, ticks to their subscribers. Pure.

The hub calls it under one lock; only ``SessionTable.prepare`` is called outside, because it calls the application.

Source:
    TLCP.md sections 3.4, 7, 8 and 18; C-143 to C-168, C-189.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from itertools import count
from random import Random

from ig_sdk.lightstreamer.tlcp.codec.notifications import Conerr, Error, Reqerr, Reqok, Wsok
from ig_sdk.simulator.faults.stream_state import StreamState
from ig_sdk.simulator.refusals import StreamRefusal
from ig_sdk.simulator.stream.core import control as stream_control
from ig_sdk.simulator.stream.core import opening as stream_opening
from ig_sdk.simulator.stream.core import requests as read
from ig_sdk.simulator.stream.core.channels import Feeds
from ig_sdk.simulator.stream.core.connection import StreamConnection
from ig_sdk.simulator.stream.core.options import StreamOptions
from ig_sdk.simulator.stream.core.requests import ParameterLine, Parameters, ServerRequest
from ig_sdk.simulator.stream.core.session import StreamSession
from ig_sdk.simulator.stream.items.adapter import Adapter
from ig_sdk.types import Tick

Authenticate = Callable[[str | None, str | None], bool]
Quote = Callable[[str], Tick | None]


class SessionTable:
    """The sessions of one server.

    Args:
        adapter: What can be subscribed.
        authenticate: Whether user and password are accepted.
        options: Limits, timings, test modes.
        quote: Price of a market of which no tick was published yet, for snapshots.
        faults: What is to go wrong.
        random: Source of the random test modes.

    Attributes:
        feeds: Which subscription gets which events.
    """

    def __init__(
        self,
        adapter: Adapter,
        authenticate: Authenticate,
        options: StreamOptions,
        *,
        quote: Quote | None = None,
        faults: StreamState | None = None,
        random: Random | None = None,
    ) -> None:
        self.options = options
        self.feeds = Feeds(adapter)
        self._authenticate = authenticate
        self._quote = quote
        self._faults = faults or StreamState()
        self._random = random or Random()
        self._instance = secrets.token_hex(2)
        self._serial = count(1)
        self._sessions: dict[str, StreamSession] = {}
        # Answers that a fault delays: (time, connection, line).
        self._held: list[tuple[float, StreamConnection, str]] = []

    # ---- requests

    def prepare(self, request: ServerRequest) -> ServerRequest:
        """Ask the application about a request: is the login accepted, what are the prices. Touches no session."""
        for line in request.lines:
            if request.name == "bind_session" and "LS_recovery_from" in line.parameters:
                request.refusal = self._faults.take_refusal(recovery=True)
            if request.name == "create_session" and "LS_cid" in line.parameters:
                user, password = line.parameters.get("LS_user"), line.parameters.get("LS_password")
                request.allowed = self._authenticate(user, password)
                request.refusal = self._faults.take_refusal()
            if self._quote is not None and "LS_group" in line.parameters:
                request.quotes += self._quotes(line.parameters)
        return request

    def _quotes(self, parameters: Parameters) -> list[Tick]:
        """Return the prices of the markets in a group that the adapter takes."""
        assert self._quote is not None, "checked by the caller"
        try:
            layout = self.feeds.adapter.layout(read.subscription_spec(parameters))
        except StreamRefusal:
            return []
        epics = {self.feeds.adapter.epic_of(channel) for channel in layout.channels}
        quotes = [self._quote(epic) for epic in epics if epic is not None]
        return [tick for tick in quotes if tick is not None]

    def receive(self, connection: StreamConnection, text: str, now: float) -> None:
        """Take one WebSocket message."""
        self.apply(connection, self.prepare(read.read_message(text)), now)

    def apply(self, connection: StreamConnection, request: ServerRequest, now: float) -> None:
        """Carry out a prepared request; answers and notifications go to the connections."""
        self.feeds.schedule_wake(now)
        for tick in request.quotes:
            self.feeds.adapter.prime(tick)
        if request.size > self.options.request_limit:
            connection.put(Error(67, f"Request longer than {self.options.request_limit} bytes").encode(), now)
        elif request.name == "wsok" and connection.transport == "ws":
            connection.put(Wsok().encode(), now)
        elif request.name == "create_session":
            self._create(connection, request, now)
        elif request.name == "bind_session":
            self._bind(connection, request, now)
        elif request.name == "heartbeat":
            self._heartbeat(connection, request.lines, now)
        elif request.name in ("control", "msg"):
            self._batch(connection, request, now)
        else:
            connection.put(Error(67, "Unknown request name").encode(), now)
        if len(connection.lines) + connection.held > self.options.answer_lines:
            # The client keeps asking and never reads.
            self.lost(connection, now)
            connection.abort()
        self._finish(connection, now)

    def _finish(self, connection: StreamConnection, now: float) -> None:
        if connection.session is not None:
            connection.session.settle(now)
        # One HTTP request, one answer; only a stream stays open.
        if connection.transport == "http" and connection.session is None and not connection.held:
            connection.close()

    def _create(self, connection: StreamConnection, request: ServerRequest, now: float) -> None:
        try:
            stream_opening.check_creation(connection, request, self.options)
            if len(self._sessions) >= self.options.max_sessions:
                raise StreamRefusal(8, "Maximum number of sessions reached")  # noqa: TRY301 -- one answer for every refusal
            session = self._new_session(connection, request, now)
        except StreamRefusal as refusal:
            if connection.session is None:
                # What was sent after it without waiting fails as well (section 3.4, C-160).
                connection.last = None
            connection.put(Conerr(refusal.code, refusal.message).encode(), now)
            return
        self._limit_user(session, now)
        self._sessions[session.session_id] = session
        terms = read.bind_terms(request.lines[0].parameters, self.options)
        session.bind(connection, terms, now, created=True)

    def _new_session(self, connection: StreamConnection, request: ServerRequest, now: float) -> StreamSession:
        """Return a session for a checked request, with the subscriptions that came along (section 7.3)."""
        session_id = f"S{secrets.token_hex(8)}M{self._instance}T{next(self._serial):07d}"
        deliver = self.feeds.adapter.message
        session = stream_opening.new_session(
            session_id, connection, request, self.options, self._random, deliver=deliver, now=now
        )
        parts = [line for line in request.lines if "LS_op" in line.parameters or line.fault is not None]
        try:
            for line in parts:
                read.check(line)
                stream_control.control(session, line.parameters, self.feeds, now)()
                if session.ended:
                    raise StreamRefusal(65, "LS_op=destroy")  # noqa: TRY301 -- one answer for every refusal
        except StreamRefusal as refusal:
            self.feeds.detach_all(session)
            raise StreamRefusal(64, f"Control part failed: {refusal.code} {refusal.message}") from None
        return session

    def _limit_user(self, session: StreamSession, now: float) -> None:
        most = self.options.max_sessions_per_user
        if most is None:
            return
        others = [other for other in self._sessions.values() if other.user == session.user]
        for other in others[: max(len(others) + 1 - most, 0)]:
            other.end(35, "Another session was opened by the user", now, close_socket=True)
            self.forget(other)

    def _bind(self, connection: StreamConnection, request: ServerRequest, now: float) -> None:
        line = request.lines[0] if request.lines else ParameterLine({})
        try:
            read.check(line)
            read.check_version(connection.version, self.options)
            session = self._session(connection, line.parameters, foreign=21)
            if request.refusal is not None:
                raise StreamRefusal(*request.refusal)  # noqa: TRY301 -- one answer for every refusal
            stream_opening.check_free(connection)
            terms = read.bind_terms(line.parameters, self.options)
            recovery_from = stream_opening.recovery_point(session, line.parameters, now)
        except StreamRefusal as refusal:
            connection.put(Conerr(refusal.code, refusal.message).encode(), now)
            if connection.session is None:
                connection.last = None
            return
        session.bind(connection, terms, now, recovery_from=recovery_from)

    def _session(self, connection: StreamConnection, parameters: Parameters, *, foreign: int) -> StreamSession:
        """Return the session that a request means.

        Raises:
            StreamRefusal: 20 when there is none, ``foreign`` when its id was given by another instance.
        """
        session_id = parameters.get("LS_session", connection.default_session)
        if session_id is None and connection.transport == "ws" and connection.last is not None:
            session_id = connection.last.session_id
        session = self._sessions.get(session_id or "")
        if session is not None:
            return session
        if session_id is not None and "M" in session_id and "T" in session_id:
            instance = session_id.partition("M")[2].partition("T")[0]
            if instance and instance != self._instance:
                raise StreamRefusal(foreign, "The session belongs to another server instance")
        raise StreamRefusal(20, "Session not found")

    def _heartbeat(self, connection: StreamConnection, lines: Iterable[ParameterLine], now: float) -> None:
        for line in lines:
            if line.fault is not None:
                connection.put(Error(67, line.fault).encode(), now)
                continue
            try:
                self._session(connection, line.parameters, foreign=11).last_request = now
            except StreamRefusal:
                pass  # an unknown session is no error here (section 9.2, C-183)
            if connection.transport == "http":
                connection.put(Reqok().encode(), now)

    # ---- control requests

    def _batch(self, connection: StreamConnection, request: ServerRequest, now: float) -> None:
        lines = request.lines[::-1] if self._faults.reverse_answers else request.lines
        for line in lines or (ParameterLine({}),):
            self._one(connection, request.name, line, now)

    def _one(self, connection: StreamConnection, name: str, line: ParameterLine, now: float) -> None:
        request_id = line.parameters.get("LS_reqId")
        try:
            read.check(line, "LS_reqId")
            session = self._session(connection, line.parameters, foreign=11)
            session.last_request = now
            acknowledged = read.acknowledged(line.parameters, connection)
            if name == "msg":
                act = stream_control.message(session, line.parameters, now)
            else:
                act = stream_control.control(session, line.parameters, self.feeds, now)
        except StreamRefusal as refusal:
            error = Reqerr(request_id, refusal.code, refusal.message) if request_id else None
            self._answer(connection, (error or Error(refusal.code, refusal.message)).encode(), now)
            return
        if acknowledged:
            self._answer(connection, Reqok(request_id).encode(), now)
        act()
        if session.ended:
            self.forget(session)
            return
        session.settle(now)
        if session.buffered > self.options.answer_lines:
            session.end(33, "Too many notifications wait for the client", now, close_socket=True)
            self.forget(session)

    def _answer(self, connection: StreamConnection, line: str, now: float) -> None:
        """Answer now or, as a fault, later."""
        delay_s = self._faults.answer_delay_s
        if delay_s > 0:
            connection.held += 1
            self._held.append((now + delay_s, connection, line))
        else:
            connection.put(line, now)

    def _release_answers(self, now: float) -> None:
        due = [entry for entry in self._held if entry[0] <= now]
        if due:
            self._held = [entry for entry in self._held if entry[0] > now]
        for _, connection, line in due:
            connection.held -= 1
            connection.put(line, now)
            self._finish(connection, now)

    def forget(self, session: StreamSession) -> None:
        """Remove a session that has ended."""
        self._sessions.pop(session.session_id, None)
        self.feeds.detach_all(session)

    # ---- connections and time

    def lost(self, connection: StreamConnection, now: float) -> None:
        """Take the loss of a connection: its session goes on without one (C-211)."""
        session = connection.session
        if session is not None:
            session.unbind(now)
            self.feeds.schedule_wake(now)

    def drained(self, connection: StreamConnection, now: float) -> None:
        """Refill a connection whose lines were taken."""
        session = connection.session
        if session is not None:
            session.pump(now)

    @property
    def deadline(self) -> float | None:
        """When ``wake`` is due, or ``None``."""
        due = [session.deadline for session in self._sessions.values()]
        due += [self.feeds.deadline, *(at for at, _, _ in self._held)]
        return min((at for at in due if at is not None), default=None)

    def wake(self, now: float) -> None:
        """Do what is due."""
        self._release_answers(now)
        self.feeds.wake(now)
        for session in list(self._sessions.values()):
            session.wake(now)
            if session.ended:
                self.forget(session)

    # ---- state and faults

    @property
    def sessions(self) -> list[StreamSession]:
        """The sessions, oldest first."""
        return list(self._sessions.values())

    @property
    def has_slack(self) -> bool:
        """Whether every session can take one more tick without merging or dropping."""
        half = self.options.buffer_lines / 2  # one tick is several lines where a session has several items of a market
        for session in self._sessions.values():  # noqa: SIM110 -- faster, and a replay asks before each tick
            if session.subscriptions and session.buffered >= half:
                return False
        return True

    def end(self, code: int, message: str, now: float, *, session_id: str | None = None) -> int:
        """End one session or all, with any code (C-168); return how many."""
        chosen = [session for session in self.sessions if session_id in (None, session.session_id)]
        for session in chosen:
            session.end(code, message, now, close_socket=True)
            self.forget(session)
        return len(chosen)

    def loop(self, delay_ms: int, now: float, *, close_socket: bool = False) -> int:
        """Ask every bound session to bind again (C-222); return how many."""
        bound = [session for session in self.sessions if session.connection is not None]
        for session in bound:
            session.loop(delay_ms, now, close_socket=close_socket)
        self.feeds.schedule_wake(now)
        return len(bound)
