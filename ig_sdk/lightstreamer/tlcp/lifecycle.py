"""The life of a session: bound, silent, looped, recovered, replaced, refused (TLCP.md sections 15 to 18)."""

from __future__ import annotations

from typing import Final

from ig_sdk.errors import StreamEnded, StreamError, StreamProtocolError, StreamRefused
from ig_sdk.lightstreamer.tlcp.backoff import Pace
from ig_sdk.lightstreamer.tlcp.codec.notifications import Conok
from ig_sdk.lightstreamer.tlcp.codec.text import excerpt
from ig_sdk.lightstreamer.tlcp.connection import Connection, Plan, Surroundings
from ig_sdk.lightstreamer.tlcp.events import ConnectionStatus, Continuity, ErrorOccurred
from ig_sdk.lightstreamer.tlcp.options import SessionOptions
from ig_sdk.lightstreamer.tlcp.policy import Verdict, blames_version, session_verdict
from ig_sdk.lightstreamer.tlcp.transitions import Phase, Trigger

# How often in a row a transport may open and then say nothing before the next one is tried: a proxy may hold back the
# body of an HTTP stream for good, while a WebSocket that was upgraded is more likely that of a slow server.
_SILENT_OPENINGS: Final = {"ws": 2, "http-streaming": 1, "http-polling": 2}
# A LOOP that asks for a longer absence than this would be a way to shut the client up.
_LONGEST_LOOP_S: Final = 60.0
# A busy stream in polls or short bodies is a LOOP after every few updates. At this pace nothing of it is delayed much.
_REBIND_BURST: Final = 50
_REBINDS_PER_S: Final = 20.0


class Lifecycle(Connection):
    """A session and what becomes of it.

    Attributes:
        request_limit: Most bytes in a request.
        awaiting_prog: Whether the server still has to say where a recovery begins.
    """

    def __init__(self, options: SessionOptions, around: Surroundings) -> None:
        super().__init__(options, around)
        self.request_limit = 1
        self.awaiting_prog = False
        self._begun = False  # there was a session since connect(): the next one replaces it
        self._few = 0
        self._foreign = 0
        self._silent = 0
        self._lively = False  # an update since the last bind
        self._unreadable_at = -1  # data notifications before what could not be read last
        self._rebinds = Pace(_REBIND_BURST, _REBINDS_PER_S)

    @property
    def quiet(self) -> bool:
        """Whether the fast path may take over: no repetition, nothing that must be noticed first."""
        return self.bound and self._lively and not self.awaiting_prog and not self.counter.skipping

    @property
    def asks(self) -> bool:
        """Whether control requests may be sent: to a session, or behind the creation of one (C-040)."""
        return self.reachable or (self.phase is Phase.CREATING and self.route.pipelines)

    def connect(self, now: float) -> None:
        """Begin, or begin again."""
        self._begun = self._refused = False
        self._few = self._foreign = self._silent = 0
        self._backoff.begin()
        self.route.restart()
        self._plan = "new"
        self._move(Trigger.CONNECT)
        self.timers.retry_at = now
        self._tell(ConnectionStatus.CONNECTING, now, "connect was called")
        self.open_if_due(now)

    def opened(self, now: float, user: str | None, password: str | None) -> None:
        """The connection is there: ask for the session."""
        self._lively = self.awaiting_prog = False
        super().opened(now, user, password)

    def conok(self, note: Conok, now: float) -> bool:
        """The session is created or bound; return whether it is a new one.

        Raises:
            StreamProtocolError: Not what was asked for.
        """
        created = self.phase is Phase.CREATING
        if self.phase not in (Phase.CREATING, Phase.BINDING) or not note.session:
            raise StreamProtocolError("CONOK out of place", line=note.encode())
        if not created and note.session != self.session_id:
            self.replace(now, "the server bound another session", wait=True)
            return False
        self._move(Trigger.CONOK)
        self.session_id = note.session
        self.request_limit = max(note.request_limit, 1)
        self.timers.bound(now, note.keepalive)
        self._refused = False
        self._silent = 0
        if not self.route.follow(note.control_link):
            error = StreamProtocolError("the control link cannot be used", line=note.encode())
            self._around.events.append(ErrorOccurred(error))
        if created:
            self.counter.reset()
            self._unreadable_at = -1
            self._connected(now, "replaced" if self._begun else "new")
            self._begun = True
        elif self._plan == "bind":
            self._connected(now, "resumed")
        else:
            self.awaiting_prog = True
        return created

    def heard(self, now: float) -> None:
        """A line came, and not for the first time while all is well."""
        if self.phase is Phase.STALLED:
            self._move(Trigger.LINE)
            if not self.awaiting_prog:
                self._tell(ConnectionStatus.CONNECTED, now, "the server speaks again", continuity="resumed")

    def updated(self, now: float) -> None:
        """An update came: the stream works (DESIGN section 5)."""
        if not self._lively:
            self._lively = True
            self._worked(now)

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
        if not self.bound:
            raise StreamProtocolError("LOOP out of place", line=f"LOOP,{delay_ms}")
        delay = min(max(delay_ms, 0) / 1000, _LONGEST_LOOP_S)
        if self.timers.proved(now, polling=self.route.polls):
            self._worked(now)
        elif not self._lively:
            # A server that does nothing but LOOP is not chased at full speed.
            delay = max(delay, self._backoff.first())
        delay = max(delay, self._rebinds.wait(now))
        # Without PROG nobody knows what the server takes as received: it is asked again.
        self._leave(now, "recover" if self.awaiting_prog else "bind", delay)
        self.open_if_due(now)

    def wake(self, now: float) -> None:
        """Do what is due."""
        timers = self.timers
        self.open_if_due(now)
        if self.phase in (Phase.CREATING, Phase.BINDING) and now >= timers.answer_by:
            self._unanswered(now)
        elif self.bound and self.awaiting_prog and now >= timers.answer_by:
            self.replace(now, "the server did not say where it begins", destroy=True)
        elif self.phase is Phase.STREAMING and now >= timers.stall_at:
            self._move(Trigger.SILENCE)
            timers.stalled(now)
            self._tell(ConnectionStatus.STALLED, now, f"no line for {now - timers.heard_at:.1f} s")
        elif self.phase is Phase.STALLED and now >= timers.drop_at:
            self.lost(now, "the server stayed silent")
        elif self.phase is Phase.CLOSING and now >= timers.close_by:
            self.ended(now)

    def lost(self, now: float, reason: str, *, unavailable: bool = False, error: StreamError | None = None) -> None:
        """The connection could not be opened, broke, was given up, or (``error``) made no sense."""
        if self.phase is Phase.CLOSING:
            self.ended(now)
        elif self.bound and error is not None:
            # It may have been data: a recovery that only brings it again ends with the session.
            again, self._unreadable_at = self._unreadable_at == self.counter.count, self.counter.count
            self.malformed(now, error, data=again)
        elif self.bound:
            self._prove(now)
            self._again(now, self._plan_to_recover(), self._backoff.first(), reason)  # at once (C-102)
        elif self.phase in (Phase.CONNECTING, Phase.CREATING, Phase.BINDING):
            stepped = unavailable and self.route.step_transport()
            delay = 0.0 if stepped else self._backoff.next()
            self._again(now, self._plan_to_recover(), delay, reason, error=error)

    def malformed(self, now: float, error: StreamError, *, data: bool) -> None:
        """A line makes no sense: recover, or replace the session where recovery would bring the line again (C-049)."""
        if data:
            self.replace(now, error.message, wait=True, destroy=True, error=error)
        else:
            self._prove(now)
            self._again(now, self._plan_to_recover(), self._backoff.next(), error.message, error=error)

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
        self._prove(now)
        if destroy and self.bound:
            self._destroy()
        self._again(now, "new", self._backoff.next() if wait else self._backoff.first(), reason, error=error)

    def refused(self, code: int, message: str, now: float) -> None:
        """``CONERR``: the session was not created, or not bound."""
        error = StreamRefused(f"the server refused the session: {code} {excerpt(message)}".rstrip(), code=code)
        self._judge(now, code, message, error)

    def end(self, code: int, message: str, now: float) -> None:
        """``END``: the session is over, or was when it was to be bound (C-126)."""
        if self.phase is Phase.CLOSING:
            self.ended(now)
            return
        self._prove(now)
        error = StreamEnded(f"the server ended the session: {code} {excerpt(message)}".rstrip(), code=code)
        self._judge(now, code, message, error)

    def _judge(self, now: float, code: int, message: str, error: StreamError) -> None:
        if self.phase is Phase.CLOSING:
            self.ended(now)
            return
        unbound = self.phase is Phase.BINDING
        self._gone()  # before the steps below, which are about the next session
        delay = self._delay_after(code, message, unbound=unbound)
        if delay is None:
            self.stop(now, error)
        else:
            self._again(now, "new", delay, error.message, error=error)

    def _delay_after(self, code: int, message: str, *, unbound: bool) -> float | None:
        """Return the wait before a new session after this code, ``None`` to stop; takes the steps that go with it.

        A clear answer is not an outage: after one that leads to another kind of attempt, which cannot go on for ever,
        nothing is waited for. So a server that comes back is used at once, however long it was away.
        """
        verdict = session_verdict(code)
        if verdict is Verdict.NEW:
            return 0.0 if unbound else self._backoff.first()
        if verdict is Verdict.LATER:
            return self._backoff.next()
        if verdict is Verdict.MUCH_LATER:
            return self._backoff.longest()
        if verdict is Verdict.FEW:
            self._few += 1
            return self._backoff.next() if self._few <= self._options.few_attempts else None
        if verdict is Verdict.HOME:
            self._foreign += 1
            return 0.0 if self._foreign == 1 else None
        if verdict is Verdict.CREDENTIALS and not self._refused:
            self._refused = True
            return 0.0
        if verdict is Verdict.VERSION and blames_version(message, self.route.version) and self.route.step_version():
            return 0.0  # there are only so many versions
        if verdict is Verdict.POLLING and self.route.step_to_polling():
            return self._backoff.first()
        return None

    def _unanswered(self, now: float) -> None:
        delay = None
        if self.phase is Phase.CREATING and not self.timers.heard:
            self._silent += 1
            if self._silent >= _SILENT_OPENINGS[self.route.transport]:
                self._silent = 0
                delay = 0.0 if self.route.step_transport() else None
        if delay is None:
            delay = self._backoff.next()
        self._again(now, self._plan_to_recover(), delay, "the server did not answer")

    def _plan_to_recover(self) -> Plan:
        return "recover" if self.session_id is not None and self.route.recovers else "new"

    def _connected(self, now: float, continuity: Continuity) -> None:
        gap_s = self.timers.back(now)
        if continuity == "resumed" and self.status is ConnectionStatus.CONNECTED and self.route.polls:
            return  # every poll is a rebind
        reasons = {
            "new": "session created",
            "resumed": "session bound again at the server's wish",
            "recovered": "session recovered, nothing lost",
            "replaced": "new session, updates may have been lost",
        }
        self._tell(
            ConnectionStatus.CONNECTED,
            now,
            reasons[continuity],
            continuity=continuity,
            gap_s=None if continuity == "new" else gap_s,
        )

    def _prove(self, now: float) -> None:
        if self.bound and self.timers.proved(now, stalled=self.phase is Phase.STALLED):
            self._worked(now)

    def _worked(self, now: float) -> None:
        self._backoff.reset(now)
        self._few = self._foreign = 0
