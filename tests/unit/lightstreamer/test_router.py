"""Who is told what."""

from __future__ import annotations

import logging

import pytest

from ig_sdk.errors import StreamError
from ig_sdk.lightstreamer import ClientListener, Subscription, SubscriptionListener
from ig_sdk.lightstreamer.router import MessageWaiter, Router
from ig_sdk.lightstreamer.tlcp.events import (
    Cleared,
    ConnectionStatus,
    ErrorOccurred,
    Event,
    ItemUpdatesLost,
    LineIgnored,
    MessageOutcome,
    Reconfigured,
    SnapshotEnd,
    StatusChanged,
    Subscribed,
    SubscriptionError,
    Unsubscribed,
)
from ig_sdk.lightstreamer.tlcp.updates import ItemInfo, ItemUpdate

UPDATE = ItemUpdate(ItemInfo(1, "a", 1, ("x",), {"x": 0}), ("1",), None, snapshot=False)


class Recorder(SubscriptionListener, ClientListener):
    """Writes down every callback."""

    def __init__(self) -> None:
        self.told: list[tuple[str, object]] = []

    def __getattribute__(self, name: str) -> object:
        if name.startswith("on_"):
            return lambda event: self.told.append((name, event))
        return super().__getattribute__(name)


def routed() -> tuple[Router, Subscription, Recorder]:
    router, subscription, recorder = Router(), Subscription("MERGE", ["a"], ["x"]), Recorder()
    router.subscriptions[1] = subscription
    subscription.add_listener(recorder)
    return router, subscription, recorder


def test_each_event_has_its_callback() -> None:
    """Every event of a subscription reaches the callback of its name, in order."""
    router, _, recorder = routed()
    events: list[Event] = [
        Subscribed(1, 1, 1),
        UPDATE,
        ItemUpdatesLost(1, "a", 1, 3),
        SnapshotEnd(1, "a", 1),
        Cleared(1, "a", 1),
        Reconfigured(1, 2.0, filtered=True),
        SubscriptionError(1, 13, "no", "reconfigure"),
        Unsubscribed(1),
        UPDATE,
    ]
    router.deliver(events)
    names = [
        "on_subscribed",
        "on_update",
        "on_updates_lost",
        "on_snapshot_end",
        "on_cleared",
        "on_reconfigured",
        "on_error",
        "on_unsubscribed",
    ]
    assert recorder.told == list(zip(names, events, strict=False))
    assert router.subscriptions == {}


def test_refused_subscription_may_be_subscribed_again_inside_the_callback() -> None:
    """The subscription is free before its on_error runs."""
    router, subscription, _ = routed()
    free = []

    class Again(SubscriptionListener):
        def on_error(self, event: SubscriptionError) -> None:
            free.append(not subscription.active)

    subscription.add_listener(Again())
    router.deliver([SubscriptionError(1, 21, "bad group")])
    assert free == [True]
    assert router.subscriptions == {}


def test_a_raising_listener_is_counted_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    """What one listener raises reaches the log with its traceback, and neither the others nor later events."""
    router, subscription, recorder = routed()
    subscription.remove_listener(recorder)

    class Faulty(SubscriptionListener, ClientListener):
        def on_update(self, update: ItemUpdate) -> None:
            raise ZeroDivisionError("of mine")

        def on_subscribed(self, event: Subscribed) -> None:
            raise ZeroDivisionError("of mine")

        def on_status(self, event: StatusChanged) -> None:
            raise ZeroDivisionError("of mine")

    faulty = Faulty()
    subscription.add_listener(faulty)
    subscription.add_listener(recorder)
    router.add(faulty)
    router.add(recorder)
    status = StatusChanged(ConnectionStatus.CONNECTED, ConnectionStatus.CONNECTING, "bound", 0.0)
    with caplog.at_level(logging.ERROR):
        router.deliver([Subscribed(1, 1, 1), UPDATE, UPDATE, status])
    assert [name for name, _ in recorder.told] == ["on_subscribed", "on_update", "on_update", "on_status"]
    assert router.errors == 4
    assert "of mine" in caplog.text
    assert "Traceback" in caplog.text


def test_status_and_errors_reach_the_client_listeners() -> None:
    """A status with an error is told as both; a removed listener hears nothing."""
    router, recorder = Router(), Recorder()
    router.add(recorder)
    router.add(recorder)
    error = StreamError("refused", code=2)
    failed = StatusChanged(ConnectionStatus.FAILED, ConnectionStatus.CONNECTING, "refused", 0.0, error=error)
    other = ErrorOccurred(StreamError("odd"))
    router.deliver([failed, other, LineIgnored("NEWTAG")])
    assert recorder.told == [("on_status", failed), ("on_error", error), ("on_error", other.error)]
    router.remove(recorder)
    router.deliver([other])
    assert len(recorder.told) == 3


def test_iterators_end_with_the_stream() -> None:
    """FAILED ends a waiting iteration with its reason; release ends it quietly."""
    router, subscription, _ = routed()
    updates = subscription.updates(timeout=60)
    error = StreamError("refused", code=2)
    failed = StatusChanged(ConnectionStatus.FAILED, ConnectionStatus.CONNECTING, "refused", 0.0, error=error)
    router.deliver([failed])
    with pytest.raises(StreamError, match="refused"):
        next(updates)
    connected = StatusChanged(ConnectionStatus.CONNECTED, ConnectionStatus.CONNECTING, "bound", 0.0)
    router.deliver([connected])
    updates = subscription.updates(timeout=60)
    router.release_iterators()
    assert list(updates) == []


def test_message_outcomes_reach_who_waits() -> None:
    """An outcome wakes its waiter; at the end all waiters are let go without one."""
    router, first, second = Router(), MessageWaiter(), MessageWaiter()
    router.waiters.update({1: first, 2: second})
    router.deliver([MessageOutcome(1, "done"), MessageOutcome(7, "done")])
    assert first.done.is_set()
    assert first.outcome == MessageOutcome(1, "done")
    router.release_waiters()
    assert second.done.is_set()
    assert second.outcome is None


def test_which_updates_may_be_dropped() -> None:
    """Those of "block" may not; those that nobody knows may."""
    router = Router()
    router.subscriptions[1] = Subscription("MERGE", ["a"], ["x"], overflow="block")
    router.subscriptions[2] = Subscription("MERGE", ["a"], ["x"])
    assert [router.may_drop(subscription_id) for subscription_id in (1, 2, 3)] == [False, True, True]
