"""The streaming session: text and time in, events and actions out.

The parts: ``lifecycle`` (connections, liveness, recovery), ``subscriptions``, ``messages``, ``pending`` (control
requests), and ``reader`` with ``fast``, which take the server's lines. This module joins them.
"""

from __future__ import annotations

from collections.abc import Callable

from ig_sdk.errors import StreamError
from ig_sdk.lightstreamer.tlcp import builders
from ig_sdk.lightstreamer.tlcp.actions import Action, Connect, Disconnect, Send
from ig_sdk.lightstreamer.tlcp.attempts import Attempts
from ig_sdk.lightstreamer.tlcp.codec.values import JsonPatch
from ig_sdk.lightstreamer.tlcp.connection import Connection, SessionContext
from ig_sdk.lightstreamer.tlcp.counter import DataCounter
from ig_sdk.lightstreamer.tlcp.events import ConnectionStatus, ErrorOccurred, Event, StatusChanged
from ig_sdk.lightstreamer.tlcp.lifecycle import Lifecycle
from ig_sdk.lightstreamer.tlcp.messages import Messages
from ig_sdk.lightstreamer.tlcp.options import SessionOptions
from ig_sdk.lightstreamer.tlcp.pending import PendingRequests
from ig_sdk.lightstreamer.tlcp.reader import Reader
from ig_sdk.lightstreamer.tlcp.route import Route
from ig_sdk.lightstreamer.tlcp.spec import SubscriptionSpec
from ig_sdk.lightstreamer.tlcp.subscriptions import Subscriptions
from ig_sdk.lightstreamer.tlcp.transitions import TRANSITIONS, Trigger

__all__ = ["Action", "Connect", "Disconnect", "Send", "Session", "SessionOptions", "SubscriptionSpec"]


class Session:
    """One client's session with a server, over all its connections; no I/O, no clock.

    Every input takes ``now`` (monotonic seconds). After each input: carry out ``take_actions()`` in order, hand on
    ``take_events()``, then look at ``deadline`` and call ``wake`` when it comes. Nothing that a server sends makes an
    input raise.

    Attributes:
        counter: The data notifications of the session, and what was skipped.
        facts: What the server says about itself.
        pauses: The waits before attempts to connect.

    Threading:
        Not safe; the shell holds one lock over an input and its outputs.
    """

    def __init__(
        self,
        options: SessionOptions,
        *,
        random: Callable[[], float],
        json_patch: JsonPatch | None = None,
        may_connect: Callable[[str], bool] = lambda _: True,
    ) -> None:
        """Make a session that is not started.

        Args:
            options: The settings.
            random: A number from 0 to 1, for the jitter of the waits.
            json_patch: Applies an RFC 6902 patch to a document; without it ``^P`` is not asked for.
            may_connect: Whether a connection to an address that the server names would be opened.

        Raises:
            ValueError: The address is none.
        """
        self._promises = options.inactivity_ms is not None
        self._now = 0.0
        self.counter = DataCounter()
        self._events: list[Event] = []
        self._actions: list[Action] = []
        self._requests = PendingRequests(options.request_timeout_s)
        self._subscriptions = Subscriptions(
            self._events, self._requests, json_patch, unset_is_null=options.unset_is_null
        )
        self._messages = Messages(self._events, self._requests, options.max_messages)

        def gone(final: bool) -> None:  # noqa: FBT001 -- a callback
            self._requests.clear()
            self._subscriptions.reset()
            if final:
                self._messages.abandon()
            else:
                self._messages.reset()

        route = Route(options, may_connect)
        attempts = Attempts(options, route, random)
        context = SessionContext(
            events=self._events,
            actions=self._actions,
            counter=self.counter,
            new_id=self._requests.new_id,
            diffs=_diffs_to_ask(options, json_patch),
            on_gone=gone,
        )
        self._connection = Connection(options, context, route, attempts)
        self._life = Lifecycle(self._connection, attempts, context)
        self._reader = Reader(self._life, self._subscriptions, self._messages, self._requests, self._events)
        self.facts = self._reader.facts
        self.pauses = attempts.backoff

    # State

    @property
    def latest(self) -> StatusChanged:
        """The latest change of the status: what it is, why, and since when."""
        return self._connection.latest

    @property
    def status(self) -> ConnectionStatus:
        """The status of the connection."""
        return self._connection.latest.status

    @property
    def session_id(self) -> str | None:
        """The server's name of the session, ``None`` without one."""
        return self._connection.session_id

    @property
    def version(self) -> str:
        """TLCP version in use."""
        return self._connection.route.version

    @property
    def transport(self) -> str:
        """Transport in use."""
        return self._connection.route.transport

    # Outputs

    @property
    def deadline(self) -> float | None:
        """When ``wake`` is due, ``None`` when nothing is."""
        connection = self._connection
        due = connection.timers.due(connection.phase)
        if (self._requests.sent or self._promises) and due is not None and connection.reachable:
            if self._requests.sent:
                due = min(due, self._requests.due)
            heartbeat_at = connection.heartbeat_at
            if heartbeat_at is not None:
                due = min(due, heartbeat_at)
        if self._life.awaiting_prog and due is not None and connection.bound:
            due = min(due, connection.timers.answer_by)
        return due

    def take_actions(self) -> list[Action]:
        """Return what to do now, in order; each once."""
        connection = self._connection
        if not self._actions and not self._requests.queued:
            return []
        if self._requests.queued and connection.takes_requests:
            # Before CONOK the limit is not known.
            limit = self._life.request_limit if connection.reachable else None
            for request in self._requests.take(self._now, limit=limit, session=connection.explicit_session()):
                connection.send(request)
        actions = self._actions[:]
        if actions:
            self._actions.clear()
            if any(isinstance(action, Send) for action in actions):
                connection.timers.sent_at = self._now
        return actions

    def take_events(self) -> list[Event]:
        """Return what happened, in order; each once."""
        events = self._events[:]
        self._events.clear()
        return events

    # The application

    def connect(self, now: float) -> None:
        """Start; nothing happens when it was started and has not ended."""
        self._now = now
        if (self._connection.phase, Trigger.CONNECT) in TRANSITIONS:
            self._life.connect(now)

    def close(self, now: float) -> None:
        """Destroy the session and end: DISCONNECTED follows, at the latest after ``close_timeout_s``."""
        self._now = now
        self._requests.clear()
        self._connection.close(now)
        self._reader.disarm()

    def subscribe(self, spec: SubscriptionSpec, now: float) -> int:
        """Subscribe, now or as soon as there is a session, and return the subscription's id."""
        self._now = now
        return self._subscriptions.add(spec, begun=self._connection.takes_requests)

    def unsubscribe(self, subscription_id: int, now: float) -> None:
        """Give a subscription up; ``Unsubscribed`` follows unless it is gone already."""
        self._now = now
        self._subscriptions.remove(subscription_id)

    def reconfigure(self, subscription_id: int, max_frequency: float | str, now: float) -> None:
        """Ask for another frequency; ``Reconfigured`` or ``SubscriptionError`` follows.

        Raises:
            ValueError: No frequency.
        """
        self._now = now
        self._subscriptions.reconfigure(subscription_id, max_frequency)

    def constrain(self, max_bandwidth: float | str, now: float) -> None:
        """Ask for another bandwidth of the session that is bound; a new session asks for the one in the options."""
        self._now = now
        if self._connection.bound:
            self._requests.queue("constrain", 0, builders.constrain(max_bandwidth))

    def send_message(
        self,
        text: str,
        now: float,
        *,
        sequence: str | None = None,
        max_wait_ms: int | None = None,
        outcome: bool = True,
    ) -> int:
        """Send a message, now or as soon as there is a session, and return its id.

        Args:
            text: The message.
            now: Monotonic seconds.
            sequence: Messages of one sequence are processed in order; letters, digits, underscores.
            max_wait_ms: How long the server waits for earlier messages of the sequence.
            outcome: Whether a ``MessageOutcome`` is wanted.

        Raises:
            ValueError: A sequence that the protocol does not have.
            UsageError: Too many messages wait for their outcome.
        """
        self._now = now
        return self._messages.add(
            text, sequence=sequence, max_wait_ms=max_wait_ms, outcome=outcome, bound=self._connection.reachable
        )

    # The connection

    def opened(self, now: float, user: str | None = None, password: str | None = None) -> None:
        """The connection of the last ``Connect`` is open; credentials only for a new session, and kept nowhere."""
        self._now = now
        self._life.opened(now, user, password)
        if self._connection.takes_requests:
            self._subscriptions.begin()

    def lost(self, now: float, reason: str, *, unavailable: bool = False, error: StreamError | None = None) -> None:
        """The connection could not be opened, broke, or was closed by the peer.

        Args:
            now: Monotonic seconds.
            reason: Why, for people.
            unavailable: This transport cannot work here (such as a refused WebSocket upgrade): try the next one.
            error: What came could not be read: a recovery that only brings it again is given up. Or why no connection
                can be opened, where time does not mend it.
        """
        self._now = now
        self._life.lost(now, reason, unavailable=unavailable, error=error)
        self._reader.disarm()

    def abort(self, now: float, error: StreamError) -> None:
        """Stop for good: there is no sense in going on, such as without credentials. FAILED with ``error`` follows."""
        self._now = now
        self._connection.stop(now, error, destroy=True)
        self._reader.disarm()

    def receive(self, text: str, now: float) -> None:
        """Process whole lines of the stream connection.

        Args:
            text: One WebSocket message, or several joined by CR-LF, or whole lines of an HTTP body.
            now: Monotonic seconds.
        """
        self._now = now
        self._reader.receive(text, now)

    def answered(self, text: str, now: float) -> None:
        """Process the body that answered an HTTP control request."""
        self._now = now
        self._reader.answered(text, now)

    def unreached(self, url: str) -> None:
        """No connection for a control request to ``url`` could be opened: the next ones go to the first address."""
        self._connection.route.unreached(url)

    def distrust(self, now: float, reason: str, *, slept_s: float = 0.0) -> None:
        """Ask for the session on a new connection, as soon as may be: the one there is, or the wait, makes no sense.

        Nothing when it was not started or has ended, and while a connection is being opened anyway.

        Args:
            now: Monotonic seconds.
            reason: Why, for people.
            slept_s: Seconds for which the machine stood still, and its monotonic clock with it.
        """
        self._now = now
        self._life.distrust(now, reason, slept_s)
        if not self._connection.bound:
            self._reader.disarm()

    def reading(self, now: float) -> None:
        """The shell did not read for a while (back-pressure): silence counts from now on."""
        self._now = now
        timers = self._connection.timers
        timers.heard_at = max(timers.heard_at, now)
        timers.stalled(now)

    def wake(self, now: float) -> None:
        """Do what is due; nothing when nothing is."""
        self._now = now
        connection = self._connection
        self._life.wake(now)
        if not connection.bound:
            self._reader.disarm()
        if not connection.reachable:
            return
        for pending in self._requests.expire(now):
            if pending.refusal is not None:
                self._subscriptions.refused(pending, *pending.refusal)
                continue
            if pending.operation == "message":
                self._messages.unanswered(pending)
            elif pending.operation != "constrain" and not self._subscriptions.unanswered(pending):
                continue  # about what the server alone believes in
            error = StreamError(f"no answer to {pending.operation} {pending.subject}")
            self._events.append(ErrorOccurred(error))
        heartbeat_at = connection.heartbeat_at
        if heartbeat_at is not None and now >= heartbeat_at and not self._requests.queued:
            connection.send(builders.heartbeat())


def _diffs_to_ask(options: SessionOptions, json_patch: JsonPatch | None) -> tuple[str, ...] | None:
    """Return what to advertise: nothing that cannot be decoded, and no word where all is well (C-035)."""
    usable = ("P", "T") if json_patch is not None else ("T",)
    if options.supported_diffs is None:
        return None if json_patch is not None else usable
    return tuple(diff for diff in options.supported_diffs if diff in usable)
