"""The session's stream connections, one at a time: opened, left, closed, with each change of the status reported."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from ig_sdk.errors import StreamError
from ig_sdk.lightstreamer.tlcp import builders
from ig_sdk.lightstreamer.tlcp.actions import Action, Connect, Disconnect, Send
from ig_sdk.lightstreamer.tlcp.attempts import Attempts
from ig_sdk.lightstreamer.tlcp.codec.requests import WSOK, Line, Request
from ig_sdk.lightstreamer.tlcp.codec.text import at_least
from ig_sdk.lightstreamer.tlcp.counter import DataCounter
from ig_sdk.lightstreamer.tlcp.events import ConnectionStatus, Continuity, Event, StatusChanged
from ig_sdk.lightstreamer.tlcp.options import SessionOptions
from ig_sdk.lightstreamer.tlcp.route import Route
from ig_sdk.lightstreamer.tlcp.timers import Timers
from ig_sdk.lightstreamer.tlcp.transitions import LISTENING, TRANSITIONS, Phase, Trigger

Plan = Literal["new", "bind", "recover"]

# Looking a member up is slow before Python 3.12, and these are asked for after every read.
_STREAMING: Final = Phase.STREAMING
_STALLED: Final = Phase.STALLED
_BETWEEN_BINDS: Final = frozenset({Phase.WAITING, Phase.CONNECTING, Phase.BINDING})


@dataclass(frozen=True, slots=True)
class SessionContext:
    """What the parts of a session share.

    Attributes:
        events: Where events go.
        actions: Where actions go.
        counter: The session's data notifications.
        new_id: Returns a request id that was not used before.
        diffs: Difference formats to ask for, ``None`` to leave it to the server.
        on_gone: Called when the session is given up; with true when no other will follow.
    """

    events: list[Event]
    actions: list[Action]
    counter: DataCounter
    new_id: Callable[[], str]
    diffs: tuple[str, ...] | None
    on_gone: Callable[[bool], None]


class Connection:
    """The session's one stream connection, and the next one.

    Attributes:
        phase: See ``transitions``.
        latest: The latest change of the status, which is the one record of it.
        session_id: The server's name of the session, ``None`` without one.
        plan: What the next connection is for: a new session, or the old one after ``LOOP`` or after a break.
        route: Address, transport and version.
        timers: When something is due.
    """

    def __init__(self, options: SessionOptions, context: SessionContext, route: Route, attempts: Attempts) -> None:
        self._options = options
        self._context = context
        self._attempts = attempts
        self.route = route
        self.timers = Timers(options)
        self.phase = Phase.IDLE
        self.latest = StatusChanged(
            ConnectionStatus.DISCONNECTED, ConnectionStatus.DISCONNECTED, "connect was not called yet", 0.0
        )
        self.session_id: str | None = None
        self.plan: Plan = "new"
        self._destroy_id: str | None = None  # of the request that destroys the session at close

    @property
    def heartbeat_at(self) -> float | None:
        """When the promised request is due."""
        return self.timers.heartbeat_at(self.phase, polling=self.route.polls)

    @property
    def bound(self) -> bool:
        """Whether there is a session on the connection."""
        return self.phase is _STREAMING or self.phase is _STALLED

    @property
    def reachable(self) -> bool:
        """Whether a control request reaches the session.

        Over HTTP it does between two binds too. A server may answer each poll in one piece, up to ``LOOP``, so that the
        session is never seen bound at all.
        """
        if self.bound:
            return True
        rebinds = self.plan == "bind" and self.session_id is not None and self.phase in _BETWEEN_BINDS
        return rebinds and self.route.transport != "ws"

    @property
    def takes_requests(self) -> bool:
        """Whether control requests may be sent: to a session, or behind the creation of one (C-040)."""
        return self.reachable or (self.phase is Phase.CREATING and self.route.pipelines)

    @property
    def listening(self) -> bool:
        """Whether lines of the connection mean anything."""
        return self.phase in LISTENING

    def begin(self, now: float, delay: float) -> None:
        """Open the first connection after ``delay``: the application connects."""
        self.plan = "new"
        self.move(Trigger.CONNECT)
        self.timers.retry_at = now + delay
        reason = "connect was called" + (", soon after a failure: it waits for a while" if delay else "")
        self.report(ConnectionStatus.CONNECTING, now, reason, retry_in_s=delay or None)
        self.open_if_due(now)

    def opened(self, now: float, user: str | None, password: str | None) -> None:
        """Ask for the session: the connection is open."""
        if self.phase is not Phase.CONNECTING:
            return
        route = self.route
        self.timers.opened(now, polling=route.polls, brief=self.plan != "new" and route.doubts_link)
        if route.pipelines:
            self._context.actions.append(Send(WSOK))  # not waited for (C-036); absent before 2.2.0 (C-007)
        if self.plan == "new" or self.session_id is None:
            self.move(Trigger.OPENED_TO_CREATE)
            diffs = self._context.diffs if at_least(route.version, "2.4.0") else None
            request = builders.create_session(
                self._options, route.transport, user=user, password=password, supported_diffs=diffs
            )
        else:
            self.move(Trigger.OPENED_TO_BIND)
            # After LOOP everything counts as received; after a break the client sends the count (C-105, C-108).
            count = self._context.counter.count if self.plan == "recover" else None
            request = builders.bind_session(self._options, route.transport, self.session_id, recovery_from=count)
        self._context.actions.append(Send(request, stream=True))

    def send(self, request: Request, *, apart: bool = False) -> None:
        """Send a control request the way that the transport has for it, or apart from any stream connection."""
        url = self.route.control_url(apart=apart)
        brief = url is not None and self.route.doubts_link
        self._context.actions.append(Send(request, session_id=self.session_id if url else None, url=url, brief=brief))

    def explicit_session(self) -> str | None:
        """Return the session to name in each request: on a WebSocket only before 2.2.0, in HTTP the query names it."""
        return self.session_id if self.route.transport == "ws" and not self.route.pipelines else None

    def close(self, now: float) -> None:
        """Destroy the session, whether it has a connection just now or not, and end (C-125)."""
        if (self.phase, Trigger.CLOSE) not in TRANSITIONS:
            return
        begun = self.listening or self.session_id is not None
        self._destroy_id = None
        # A request may follow a creation that is not answered yet, but on a WebSocket only: elsewhere the session has
        # no name then, and the destroy follows CONOK.
        if self.session_id is not None or (self.listening and self.route.pipelines):
            self._destroy_id = self.destroy(apart=not self.listening)
        self.move(Trigger.CLOSE)
        self.timers.closing(now)
        if self.phase is Phase.CLOSED:
            self._closed(now)
        elif not begun:
            self.ended(now)

    def created_too_late(self, session: str, link: str) -> None:
        """The session that close could not name yet is there: destroy it."""
        if self._destroy_id is None and session:
            self.session_id = session
            self.route.follow(link)
            self._destroy_id = self.destroy()

    def destroy_answered(self, request: str | None, now: float, *, final: bool) -> None:
        """A control request was answered while closing; with ``final`` no ``END`` will follow."""
        if final and request is not None and request == self._destroy_id:
            self.ended(now)

    def ended(self, now: float) -> None:
        """The session is destroyed, or there is no more time to wait for it."""
        self._context.actions.append(Disconnect())
        self.move(Trigger.ENDED)
        self._closed(now)

    def stop(self, now: float, error: StreamError, *, destroy: bool = False) -> None:
        """Give up until the application connects again."""
        if (self.phase, Trigger.STOP) not in TRANSITIONS:
            return
        if destroy and self.bound:
            self.destroy()
        if self.phase is not Phase.WAITING:
            self._context.actions.append(Disconnect())
        self.move(Trigger.STOP)
        self._attempts.given_up(now)
        self.gone(final=True)
        self.report(ConnectionStatus.FAILED, now, error.message, error=error)

    def destroy(self, *, apart: bool = False) -> str:
        """Ask the server to end the session; return the id of the request."""
        session = None if apart else self.explicit_session()
        request = self._context.new_id()
        own: Line = (("LS_reqId", request),)
        named: Line = (("LS_session", session),) if session is not None else ()
        self.send(Request("control", (own + named + builders.destroy(),)), apart=apart)
        return request

    def retry(self, now: float, plan: Plan, delay: float, reason: str, *, error: StreamError | None = None) -> None:
        """Leave the connection and open another after ``delay``."""
        if plan == "new":
            self.gone()
        else:
            self.timers.lost(now)
        self.leave(now, plan, delay)
        self.report(
            ConnectionStatus.RECONNECTING,
            now,
            reason,
            error=error,
            retry_in_s=delay,
            attempt=self._attempts.backoff.attempts,
        )
        self.open_if_due(now)

    def leave(self, now: float, plan: Plan, delay: float) -> None:
        """Close the connection, and plan the next one after ``delay`` seconds."""
        if self.bound:
            self.timers.left(now)
        if self.phase is not Phase.WAITING:
            self._context.actions.append(Disconnect())
        self.move(Trigger.AGAIN)
        self.plan = plan
        self.timers.retry_at = now + delay

    def open_if_due(self, now: float) -> None:
        """Open the next connection once the wait is over."""
        if self.phase is not Phase.WAITING or now < self.timers.retry_at:
            return
        if self.plan != "new" and not self.timers.recoverable(now):
            self.plan = "new"
            self.gone()
        self.move(Trigger.DUE)
        new = self.plan == "new"
        self._context.actions.append(
            Connect(
                url=self.route.url(new_session=new),
                transport=self.route.transport,
                version=self.route.version,
                new_session=new,
                refused=self._attempts.credentials_refused and new,
                brief=not new and self.route.follows_link,
            )
        )

    def gone(self, *, final: bool = False) -> None:
        """Forget the session; with ``final`` no other will follow."""
        if self.session_id is not None:
            self.session_id = None
            self.route.restart()
        self._context.on_gone(final)

    def _closed(self, now: float) -> None:
        self.gone(final=True)
        self.report(ConnectionStatus.DISCONNECTED, now, "close was called")

    def move(self, trigger: Trigger) -> None:
        """Go to the next phase."""
        self.phase = TRANSITIONS[self.phase, trigger]

    def report(
        self,
        status: ConnectionStatus,
        now: float,
        reason: str,
        *,
        continuity: Continuity | None = None,
        gap_s: float | None = None,
        retry_in_s: float | None = None,
        attempt: int = 0,
        error: StreamError | None = None,
    ) -> None:
        """Change the status, or the continuity under the same status, and report it."""
        before = self.latest
        self.latest = StatusChanged(
            status=status,
            previous=before.status,
            reason=reason,
            at=now,
            continuity=continuity,
            gap_s=gap_s,
            retry_in_s=retry_in_s,
            attempt=attempt,
            error=error,
            session_id=self.session_id,
            version=self.route.version,
            transport=self.route.transport,
            since=before.since if status is before.status else now,
        )
        self._context.events.append(self.latest)
