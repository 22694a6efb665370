"""The life of a session: bound, silent, looped, recovered, replaced, refused (TLCP.md sections 15 to 18)."""

from __future__ import annotations

from typing import Final

from ig_sdk.errors import StreamEnded, StreamError, StreamProtocolError, StreamRefused
from ig_sdk.lightstreamer.tlcp.attempts import Attempts
from ig_sdk.lightstreamer.tlcp.codec.notifications import Conok
from ig_sdk.lightstreamer.tlcp.codec.text import excerpt
from ig_sdk.lightstreamer.tlcp.connection import Connection, Plan, SessionContext
from ig_sdk.lightstreamer.tlcp.events import ConnectionStatus, Continuity, ErrorOccurred
from ig_sdk.lightstreamer.tlcp.transitions import Phase, Trigger

# A LOOP that asks for a longer absence than this would be a way to shut the client up.
_LONGEST_LOOP_S: Final = 60.0
# A session that stood for so long was a good one, whatever ended it.
_GOOD_S: Final = 60.0
# A failed opening or two are everyday life; from here on each reason is told, once.
_QUIET_OPENINGS: Final = 3
_MOST_TOLD: Final = 20


class Lifecycle:
    """What the server's lines, their absence and the loss of a connection mean for the session.

    Attributes:
        connection: The stream connection, which this opens and leaves.
        counter: The session's data notifications.
        request_limit: Most bytes in a request.
        awaiting_prog: Whether the server still has to say where a recovery begins.
    """

    def __init__(self, connection: Connection, attempts: Attempts, context: SessionContext) -> None:
        self.connection = connection
        self.counter = context.counter
        self.request_limit = 1
        self.awaiting_prog = False
        self._attempts = attempts
        self._events = context.events
        self._had_session = False  # since connect(): the next one replaces it
        self._updated = False  # an update came since the last bind
        self._created_at = float("inf")
        self._failed_openings = 0  # in a row
        self._told: set[str] = set()  # why they failed, as far as it was told
        self._at_fault = False  # what came could not be read, and there was no good session since
        self._unreadable_at = -1  # data notifications before what could not be read last

    @property
    def quiet(self) -> bool:
        """Whether the fast path may take over: no repetition, nothing that must be noticed first."""
        return self.connection.bound and self._updated and not self.awaiting_prog and not self.counter.skipping

    def connect(self, now: float) -> None:
        """Begin, or begin again."""
        self._had_session = self._at_fault = False
        self._failed_openings = 0
        self._told.clear()
        self.connection.begin(now, self._attempts.begin(now))

    def opened(self, now: float, user: str | None, password: str | None) -> None:
        """Ask for the session: the connection is open."""
        self._updated = self.awaiting_prog = False
        self.connection.opened(now, user, password)

    def conok(self, note: Conok, now: float) -> bool:
        """The session is created or bound; return whether it is a new one.

        Raises:
            StreamProtocolError: Not what was asked for.
        """
        connection = self.connection
        created = connection.phase is Phase.CREATING
        if connection.phase not in (Phase.CREATING, Phase.BINDING) or not note.session:
            raise StreamProtocolError("CONOK out of place", line=note.encode())
        if not created and note.session != connection.session_id:
            self.replace(now, "the server bound another session", wait=True)
            return False
        connection.move(Trigger.CONOK)
        connection.session_id = note.session
        self.request_limit = max(note.request_limit, 1)
        connection.timers.bound(now, note.keepalive)
        self._attempts.accepted()
        if not connection.route.follow(note.control_link):
            error = StreamProtocolError("the control link cannot be used", line=note.encode())
            self._events.append(ErrorOccurred(error))
        if created:
            self.counter.reset()
            self._created_at = now
            self._unreadable_at = -1
            self._connected(now, "replaced" if self._had_session else "new")
            self._had_session = True
        elif connection.plan == "bind":
            self._connected(now, "resumed")
        else:
            self.awaiting_prog = True
        return created

    def heard(self, now: float) -> None:
        """A line came, and not for the first time while all is well."""
        connection = self.connection
        if connection.phase is Phase.STALLED:
            connection.move(Trigger.LINE)
            if not self.awaiting_prog:
                connection.report(ConnectionStatus.CONNECTED, now, "the server speaks again", continuity="resumed")

    def updated(self, now: float) -> None:
        """An update came: the stream works (DESIGN section 5)."""
        if not self._updated:
            self._updated = True
            if not self._at_fault:  # else one item that can be read would have the others' fault come again at once
                self._attempts.worked(now)

    def prog(self, position: int, now: float) -> None:
        """The server says where it begins (C-110, C-112)."""
        if self.awaiting_prog and self.counter.restart(position):
            self.recovered(now)
        elif self.awaiting_prog or position != self.counter.position:
            self.replace(now, f"the server begins at {position}, {self.counter.count} were received")

    def recovered(self, now: float) -> None:
        """The old session goes on, and nothing of it was lost."""
        self.awaiting_prog = False
        self._connected(now, "recovered")

    def loop(self, delay_ms: int, now: float) -> None:
        """The session is to be bound again (C-104)."""
        connection = self.connection
        if not connection.bound:
            raise StreamProtocolError("LOOP out of place", line=f"LOOP,{delay_ms}")
        delay = min(max(delay_ms, 0) / 1000, _LONGEST_LOOP_S)
        if connection.timers.proved(now, polling=connection.route.polls):
            self._at_fault = False
            self._attempts.worked(now)
        elif not self._updated:
            # A server that does nothing but LOOP is not chased at full speed.
            delay = max(delay, self._attempts.backoff.first())
        delay = max(delay, self._attempts.rebinds.wait(now))
        # Without PROG it is unknown what the server takes as received: ask again.
        connection.leave(now, "recover" if self.awaiting_prog else "bind", delay)
        connection.open_if_due(now)

    def wake(self, now: float) -> None:
        """Do what is due."""
        connection = self.connection
        timers = connection.timers
        connection.open_if_due(now)
        if connection.phase in (Phase.CREATING, Phase.BINDING) and now >= timers.answer_by:
            self._unanswered(now)
        elif connection.bound and self.awaiting_prog and now >= timers.answer_by:
            self.replace(now, "the server did not say where it begins", destroy=True)
        elif connection.phase is Phase.STREAMING and now >= timers.stall_at:
            connection.move(Trigger.SILENCE)
            timers.stalled(now)
            connection.report(ConnectionStatus.STALLED, now, f"no line for {now - timers.heard_at:.1f} s")
        elif connection.phase is Phase.STALLED and now >= timers.drop_at:
            self.lost(now, "the server stayed silent")
        elif connection.phase is Phase.CLOSING and now >= timers.close_by:
            connection.ended(now)

    def lost(self, now: float, reason: str, *, unavailable: bool = False, error: StreamError | None = None) -> None:
        """The connection could not be opened, broke, was given up, or (``error``) made no sense."""
        connection = self.connection
        if connection.phase is Phase.CLOSING:
            connection.ended(now)
        elif connection.bound and error is not None:
            # It may have been data: a recovery that only brings it again ends with the session.
            again, self._unreadable_at = self._unreadable_at == self.counter.count, self.counter.count
            self.malformed(now, error, data=again)
        elif connection.bound:
            self.prove(now)
            connection.retry(now, self._plan_to_recover(), self._attempts.backoff.first(), reason)  # at once (C-102)
        elif connection.phase is Phase.CONNECTING and error is not None and self._hopeless:
            # Nothing came of this address yet: a setting is wrong. Where a session stood, it may be a network's
            # sign-in page, which passes.
            connection.stop(now, error)
        elif connection.phase in (Phase.CONNECTING, Phase.CREATING, Phase.BINDING):
            error = self._worth_telling(reason, error)
            delay = self._attempts.after_failed_opening(unavailable=unavailable, new_session=connection.plan == "new")
            connection.retry(now, self._plan_to_recover(), delay, reason, error=error)

    def distrust(self, now: float, reason: str, slept_s: float) -> None:
        """Leave the connection, however it looks, or the rest of the wait for the next, and ask for the session."""
        connection = self.connection
        if connection.phase is Phase.WAITING:
            hurries, timers = self._attempts.hurries, connection.timers
            if now + hurries.delay(now) < timers.retry_at:
                timers.retry_at = now + hurries.wait(now)
            connection.open_if_due(now)
        elif connection.bound or connection.phase in (Phase.CREATING, Phase.BINDING):
            self.prove(now)
            connection.retry(now, self._plan_to_recover(), self._attempts.backoff.first(), reason)
        connection.timers.slept(slept_s)

    @property
    def _hopeless(self) -> bool:
        return not self._had_session and self._failed_openings + 1 >= _QUIET_OPENINGS

    def _worth_telling(self, reason: str, error: StreamError | None) -> StreamError | None:
        """Return an error for what fails again and again, or for good: once for each reason, until a session stands."""
        self._failed_openings += 1
        if (error is None and self._failed_openings < _QUIET_OPENINGS) or reason in self._told:
            return None
        if len(self._told) < _MOST_TOLD:
            self._told.add(reason)
        return error or StreamError(f"{reason}; {self._failed_openings} attempts failed, and it goes on trying")

    def malformed(self, now: float, error: StreamError, *, data: bool) -> None:
        """A line makes no sense: recover, or replace the session where recovery would bring the line again (C-049)."""
        if self.connection.bound and now - self._created_at >= _GOOD_S:
            self.prove(now)
        self._at_fault = True
        if data:
            self.replace(now, error.message, wait=True, destroy=True, error=error)
        else:
            delay = self._attempts.backoff.next()
            self.connection.retry(now, self._plan_to_recover(), delay, error.message, error=error)

    def replace(
        self,
        now: float,
        reason: str,
        *,
        wait: bool = False,
        destroy: bool = False,
        error: StreamError | None = None,
    ) -> None:
        """Give the session up and open a new one, at once only if this one had worked (C-088, C-113)."""
        connection = self.connection
        if error is None:  # a session that ended by a fault has proved nothing
            self.prove(now)
        if destroy and connection.bound:
            connection.destroy()
        backoff = self._attempts.backoff
        connection.retry(now, "new", backoff.next() if wait else backoff.first(), reason, error=error)

    def refused(self, code: int, message: str, now: float) -> None:
        """``CONERR``: the session was not created, or not bound."""
        error = StreamRefused(f"the server refused the session: {code} {excerpt(message)}".rstrip(), code=code)
        self._after_code(now, code, message, error)

    def end(self, code: int, message: str, now: float) -> None:
        """``END``: the session is over, or was when it was to be bound (C-126)."""
        connection = self.connection
        if connection.phase is Phase.CLOSING:
            connection.ended(now)
            return
        self.prove(now)
        error = StreamEnded(f"the server ended the session: {code} {excerpt(message)}".rstrip(), code=code)
        self._after_code(now, code, message, error)

    def _after_code(self, now: float, code: int, message: str, error: StreamError) -> None:
        connection = self.connection
        if connection.phase is Phase.CLOSING:
            connection.ended(now)
            return
        binding = connection.phase is Phase.BINDING
        connection.gone()  # before the steps below, which are about the next session
        delay = self._attempts.after_code(code, message, binding=binding)
        if delay is None:
            connection.stop(now, error)
        else:
            connection.retry(now, "new", delay, error.message, error=error)

    def _unanswered(self, now: float) -> None:
        connection = self.connection
        new = connection.plan == "new"
        silent = not connection.timers.heard
        delay = self._attempts.after_silent_opening(new_session=new) if silent else self._attempts.backoff.next()
        connection.retry(now, self._plan_to_recover(), delay, "the server did not answer")

    def _plan_to_recover(self) -> Plan:
        connection = self.connection
        known = connection.session_id is not None and connection.route.recovers and not self.counter.unsure
        return "recover" if known else "new"

    def _connected(self, now: float, continuity: Continuity) -> None:
        connection = self.connection
        gap_s = connection.timers.back(now)
        self._failed_openings = 0
        self._told.clear()
        status = connection.latest.status
        if continuity == "resumed" and status is ConnectionStatus.CONNECTED and connection.route.polls:
            return  # every poll is a rebind
        reasons = {
            "new": "session created",
            "resumed": "session bound again at the server's wish",
            "recovered": "session recovered, nothing lost",
            "replaced": "new session, updates may have been lost",
        }
        connection.report(
            ConnectionStatus.CONNECTED,
            now,
            reasons[continuity],
            continuity=continuity,
            gap_s=None if continuity == "new" else gap_s,
        )

    def prove(self, now: float) -> None:
        """Note that the stream worked, if this session, which ends now, stood for long enough."""
        connection = self.connection
        if connection.bound and now - self._created_at >= _GOOD_S:
            self._attempts.lasted()
        if connection.bound and connection.timers.proved(now, stalled=connection.phase is Phase.STALLED):
            self._at_fault = False
            self._attempts.worked(now)
