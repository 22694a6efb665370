"""From an event to the callbacks that it concerns, on the dispatch thread."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Any

from ig_sdk.errors import StreamError, StreamOverflow, UsageError
from ig_sdk.lightstreamer.listeners import ClientListener
from ig_sdk.lightstreamer.status_log import StatusLog
from ig_sdk.lightstreamer.subscription import Subscription, refusal
from ig_sdk.lightstreamer.tlcp.events import (
    ConnectionStatus,
    ErrorOccurred,
    Event,
    LineIgnored,
    MessageOutcome,
    StatusChanged,
    SubscriptionError,
    Unsubscribed,
)
from ig_sdk.lightstreamer.tlcp.updates import ItemUpdate
from ig_sdk.logs import Repeats, get_logger

_LOG = get_logger("stream")


class MessageWaiter:
    """A thread that waits for the outcome of a message."""

    def __init__(self) -> None:
        self.done = threading.Event()
        self.outcome: MessageOutcome | None = None

    def resolve(self, outcome: MessageOutcome | None) -> None:
        """Let the waiter go on."""
        self.outcome = outcome
        self.done.set()


class Router:
    """Subscriptions by id, listeners of the client, messages whose outcome a thread waits for.

    Args:
        on_overflow: Called, on the dispatch thread, for a subscription that ended because it may not lose anything.

    Attributes:
        errors: Exceptions that callbacks raised so far.

    Threading:
        ``deliver`` on the dispatch thread, everything else from any. The dicts are only ever changed in one step,
        so that the dispatch thread looks things up without a lock.
    """

    def __init__(self, on_overflow: Callable[[int], None] = lambda _: None) -> None:
        self.errors = 0
        self._failures = Repeats(_LOG)
        self._status_log = StatusLog(_LOG)
        self.subscriptions: dict[int, Subscription] = {}
        self.waiters: dict[int, MessageWaiter] = {}
        self._listeners: tuple[ClientListener, ...] = ()
        self._lock = threading.Lock()
        self._on_overflow = on_overflow

    def add(self, listener: ClientListener) -> None:
        """Add a listener of the client, once."""
        with self._lock:
            if not any(known is listener for known in self._listeners):
                self._listeners += (listener,)

    def remove(self, listener: ClientListener) -> None:
        """Remove a listener of the client."""
        with self._lock:
            self._listeners = tuple(known for known in self._listeners if known is not listener)

    def may_drop(self, subscription_id: int) -> bool:
        """Whether updates of this subscription give way when the queue is full."""
        subscription = self.subscriptions.get(subscription_id)
        return subscription is None or subscription.overflow == "drop_oldest"

    def fails(self, subscription_id: int) -> bool:
        """Whether this subscription ends when the queue is full."""
        subscription = self.subscriptions.get(subscription_id)
        return subscription is not None and subscription.overflow == "fail"

    def check_overflow(self, overflow: str, *, besides: Subscription | None = None) -> None:
        """Raise ``UsageError`` when one that may wait and one that may not would share a connection."""
        others = (subscription for subscription in tuple(self.subscriptions.values()) if subscription is not besides)
        rules = {overflow, *(subscription.overflow for subscription in others)}
        if {"block", "fail"} <= rules:
            raise UsageError(
                'subscriptions with overflow "block" and "fail" cannot share a connection',
                hint="use a client for each: the one would hold up the other",
            )

    def release_iterators(self) -> None:
        """End every iterator."""
        for subscription in tuple(self.subscriptions.values()):
            subscription.release()

    def release_waiters(self) -> None:
        """End every wait for the outcome of a message: none will come any more."""
        for waiter in tuple(self.waiters.values()):
            waiter.resolve(None)

    def deliver(self, events: list[Event]) -> None:
        """Make the callbacks of a few events, in order."""
        find = self.subscriptions.get
        for event in events:
            if type(event) is ItemUpdate:
                subscription = find(event.subscription_id)
                if subscription is not None:
                    for call in subscription.feed.update_calls:
                        try:
                            call(event)
                        except BaseException as error:  # noqa: BLE001, PERF203 -- a listener may raise anything, exit() too; the others go on
                            self._count_error(call, error)
            else:
                self._deliver_other(event)

    def _deliver_other(self, event: Event) -> None:
        if isinstance(event, StatusChanged):
            self._deliver_status(event)
        elif isinstance(event, ErrorOccurred):
            _LOG.warning("stream error: %s", event.error)
            self._tell("on_error", event.error)
        elif isinstance(event, LineIgnored):
            _LOG.warning("a notification of unknown kind was skipped: %r", event.tag)
        elif isinstance(event, MessageOutcome):
            waiter = self.waiters.pop(event.message_id, None)
            if waiter is not None:
                waiter.resolve(event)
        else:
            self._deliver_to_subscription(event)

    def _deliver_status(self, event: StatusChanged) -> None:
        self._status_log.write(event)
        for subscription in tuple(self.subscriptions.values()):
            if event.status is ConnectionStatus.FAILED:
                subscription.feed.end(event.error or StreamError(event.reason))
            elif event.status is ConnectionStatus.CONNECTED:
                subscription.feed.open()
        self._tell("on_status", event)
        if event.error is not None:
            self._tell("on_error", event.error)

    def _deliver_to_subscription(self, event: Any) -> None:
        subscription_id: int = event.subscription_id
        subscription = self.subscriptions.get(subscription_id)
        if subscription is None:
            return
        calls = subscription.feed.calls_for(event)
        error = refusal(event) if isinstance(event, SubscriptionError) else None
        if error is not None or isinstance(event, Unsubscribed):
            # Before the callbacks, so that one of them may subscribe again.
            self.subscriptions.pop(subscription_id, None)
            subscription.release(error)
        if isinstance(error, StreamOverflow):
            self._on_overflow(subscription_id)
        self._call(calls, event)

    def _tell(self, name: str, event: object) -> None:
        self._call((call for one in self._listeners if (call := getattr(one, name, None)) is not None), event)

    def _call(self, calls: Iterable[Callable[[Any], Any]], event: object) -> None:
        for call in calls:
            try:
                call(event)
            except BaseException as error:  # noqa: BLE001, PERF203 -- as above
                self._count_error(call, error)

    def _count_error(self, call: Callable[[Any], Any], error: BaseException) -> None:
        self.errors += 1
        self._failures.error(f"listener {getattr(call, '__qualname__', type(call).__qualname__)} raised", error)
