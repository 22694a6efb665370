"""The queue before the callbacks: order, bound, and every loss told."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from contextlib import contextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ig_sdk.lightstreamer.dispatcher import Dispatcher
from ig_sdk.lightstreamer.tlcp.events import (
    Event,
    ItemUpdatesLost,
    LineIgnored,
    SnapshotEnd,
    Subscribed,
    SubscriptionError,
    Unsubscribed,
)
from ig_sdk.lightstreamer.tlcp.updates import ItemInfo, ItemUpdate

WAIT_S = 5.0
LAST = LineIgnored("last")


def update(number: int, subscription_id: int = 1, position: int = 1) -> ItemUpdate:
    name = "item" if position == 1 else f"item {position}"
    info = ItemInfo(subscription_id, name, position, ("n",), {"n": 0})
    return ItemUpdate(info, (str(number),), None, snapshot=False)


class Sink:
    """Takes what is delivered; may be made to wait."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.go_on = threading.Event()
        self.go_on.set()
        self.entered = threading.Event()
        self.last = threading.Event()
        self.dispatcher: Dispatcher | None = None

    def deliver(self, events: list[Event]) -> None:
        self.entered.set()
        assert self.go_on.wait(WAIT_S)
        self.events += events
        if LAST in events:
            self.last.set()

    def drained(self) -> None:
        """Wait until everything put so far is delivered."""
        assert self.dispatcher is not None
        self.dispatcher.put([LAST])
        assert self.last.wait(WAIT_S)
        self.events = [event for event in self.events if event is not LAST]


@contextmanager
def running(
    sink: Sink,
    *,
    limit: int,
    kept: AbstractSet[int] = frozenset(),
    failing: frozenset[int] = frozenset(),
    room: threading.Event | None = None,
) -> Iterator[Dispatcher]:
    dispatcher = Dispatcher(
        sink.deliver,
        limit=limit,
        may_drop=lambda subscription_id: subscription_id not in kept,
        on_room=(room or threading.Event()).set,
        fails=failing.__contains__,
    )
    sink.dispatcher = dispatcher
    dispatcher.start()
    try:
        yield dispatcher
    finally:
        sink.go_on.set()
        dispatcher.stop([])
        assert dispatcher.join(WAIT_S)


def held_up(sink: Sink, dispatcher: Dispatcher) -> None:
    """Have the thread wait inside a delivery, with an empty queue behind it."""
    sink.go_on.clear()
    dispatcher.put([Subscribed(9, 1, 1)])
    assert sink.entered.wait(WAIT_S)


def numbers(events: list[Event]) -> list[int]:
    return [int(str(event["n"])) for event in events if isinstance(event, ItemUpdate)]


def lost(events: list[Event], subscription_id: int = 1) -> int:
    return sum(
        event.count
        for event in events
        if isinstance(event, ItemUpdatesLost) and event.subscription_id == subscription_id
    )


def test_everything_in_order() -> None:
    """Events come out as they went in, whatever the size of the batches."""
    sink = Sink()
    with running(sink, limit=100_000) as dispatcher:
        for start in range(0, 3000, 150):
            dispatcher.put([update(number) for number in range(start, start + 150)])
        dispatcher.put([Unsubscribed(1)])
        sink.drained()
    assert numbers(sink.events) == list(range(3000))


def test_drop_oldest_tells_how_many() -> None:
    """A full queue keeps the newest; delivered and lost make up all, and the loss stands where they were."""
    sink = Sink()
    with running(sink, limit=10) as dispatcher:
        held_up(sink, dispatcher)
        for number in range(100):
            assert dispatcher.put([update(number)])
            assert dispatcher.depth <= 10
        sink.events.clear()
        sink.go_on.set()
        sink.drained()
    events = [event for event in sink.events if not isinstance(event, Subscribed)]
    assert isinstance(events[0], ItemUpdatesLost)
    assert (events[0].item, events[0].position, events[0].where) == ("item", 0, "client")
    assert numbers(events) == list(range(100 - len(numbers(events)), 100))
    assert len(numbers(events)) + lost(events) == 100
    assert dispatcher.dropped == lost(events)


def test_other_events_are_not_dropped() -> None:
    """Only updates give way; a loss does not move across the events of its own subscription."""
    sink = Sink()
    with running(sink, limit=8) as dispatcher:
        held_up(sink, dispatcher)
        batch: list[Event] = [Subscribed(1, 1, 1), *map(update, range(20)), SnapshotEnd(1, "item", 1)]
        dispatcher.put(batch)
        dispatcher.put([*map(update, range(20, 40)), Unsubscribed(1)])
        dispatcher.stop([])
    kinds = [type(event) for event in sink.events if getattr(event, "subscription_id", 0) == 1]
    assert kinds == [Subscribed, ItemUpdatesLost, SnapshotEnd, ItemUpdatesLost, Unsubscribed]


def test_block_says_that_it_is_full_and_when_there_is_room() -> None:
    """Updates that may not be dropped fill the queue: put says so, and on_room ends it."""
    sink, room = Sink(), threading.Event()
    with running(sink, limit=8, kept=frozenset({1}), room=room) as dispatcher:
        held_up(sink, dispatcher)
        assert dispatcher.put(list(map(update, range(8))))
        assert not dispatcher.put([update(8)])
        assert not dispatcher.has_room
        assert not room.is_set()
        sink.go_on.set()
        assert room.wait(WAIT_S)
        assert dispatcher.has_room
        sink.drained()
    assert numbers(sink.events) == list(range(9))
    assert lost(sink.events) == 0


def test_stop_drops_updates_and_delivers_the_rest() -> None:
    """The stop lane does not wait for data; what else waited and the last events are delivered."""
    sink = Sink()
    with running(sink, limit=100) as dispatcher:
        held_up(sink, dispatcher)
        dispatcher.put([update(1), SnapshotEnd(1, "item", 1), update(2)])
        dispatcher.stop([Unsubscribed(1)])
        assert dispatcher.put([update(3)])
        sink.go_on.set()
        assert dispatcher.join(WAIT_S)
    assert sink.events[1:] == [SnapshotEnd(1, "item", 1), Unsubscribed(1)]


def test_join_inside_a_delivery_does_not_wait() -> None:
    """A callback that stops its own thread is not waited for by itself."""
    answers = []

    def deliver(events: list[Event]) -> None:
        del events
        answers.append((dispatcher.on_own_thread(), dispatcher.join(60.0)))

    dispatcher = Dispatcher(deliver, limit=10, may_drop=lambda _: True, on_room=lambda: None)
    assert dispatcher.join(0.0)  # never started
    dispatcher.start()
    dispatcher.put([Unsubscribed(1)])
    dispatcher.stop([])
    assert dispatcher.join(WAIT_S)
    assert answers == [(True, True)]
    assert not dispatcher.on_own_thread()


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.lists(st.tuples(st.integers(1, 3), st.booleans()), min_size=1, max_size=12), max_size=20),
    st.integers(1, 20),
    st.sets(st.integers(1, 3)),
)
def test_every_loss_is_counted(batches: list[list[tuple[int, bool]]], limit: int, kept: set[int]) -> None:
    """For each subscription delivered and lost updates are all updates, in order; nothing else disappears."""
    sink = Sink()
    sent: dict[int, int] = {1: 0, 2: 0, 3: 0}
    others: list[Event] = []
    with running(sink, limit=limit, kept=frozenset(kept)) as dispatcher:
        held_up(sink, dispatcher)
        for batch in batches:
            events: list[Event] = []
            for subscription_id, is_update in batch:
                if is_update:
                    events.append(update(sent[subscription_id], subscription_id))
                    sent[subscription_id] += 1
                else:
                    events.append(SnapshotEnd(subscription_id, "item", 1))
                    others.append(events[-1])
            dispatcher.put(events)
        sink.go_on.set()
        sink.drained()
    for subscription_id, count in sent.items():
        mine = [event for event in sink.events if getattr(event, "subscription_id", 0) == subscription_id]
        seen = 0
        for event in mine:
            if isinstance(event, ItemUpdate):
                assert int(str(event["n"])) == seen
                seen += 1
            elif isinstance(event, ItemUpdatesLost):
                seen += event.count
        assert seen == count
        assert subscription_id not in kept or lost(mine, subscription_id) == 0
    assert [event for event in sink.events if isinstance(event, SnapshotEnd)] == others


def test_what_must_not_be_lost_fails() -> None:
    """An update without room ends its subscription: all before it is delivered, then the error, then nothing."""
    sink = Sink()
    with running(sink, limit=10, kept=frozenset({1}), failing=frozenset({1})) as dispatcher:
        held_up(sink, dispatcher)
        for number in range(0, 20, 4):
            dispatcher.put([update(number + place) for place in range(4)])
        dispatcher.put([update(1000, subscription_id=2)])
        sink.go_on.set()
        sink.drained()
    *updates, error, other = [event for event in sink.events if not isinstance(event, Subscribed)]
    assert numbers(updates) == list(range(10))
    assert isinstance(error, SubscriptionError)
    assert (error.subscription_id, error.operation) == (1, "overflow")
    assert isinstance(other, (ItemUpdate, ItemUpdatesLost))


def test_what_may_be_dropped_gives_way_to_what_may_not() -> None:
    """As long as dropping others makes room, nothing fails."""
    sink = Sink()
    with running(sink, limit=10, kept=frozenset({1}), failing=frozenset({1})) as dispatcher:
        held_up(sink, dispatcher)
        dispatcher.put([update(number, subscription_id=2) for number in range(10)])
        dispatcher.put([update(number) for number in range(9)])
        sink.go_on.set()
        sink.drained()
    assert [event["n"] for event in sink.events if isinstance(event, ItemUpdate) and event.subscription_id == 1] == [
        str(number) for number in range(9)
    ]
    assert not any(isinstance(event, SubscriptionError) for event in sink.events)


@pytest.mark.parametrize("by_item", [False, True])
def test_a_flood_costs_nobody_else(by_item: bool) -> None:
    """Whoever is below a share loses nothing, before, among or behind a flood; only the flooding item hears of a loss."""
    sink = Sink()
    with running(sink, limit=100) as dispatcher:
        held_up(sink, dispatcher)
        for number in range(30):
            quiet = [update(number, 1, 2) if by_item else update(number, subscription_id=2)]
            dispatcher.put([*quiet, *(update(number * 50 + place) for place in range(50))])
            assert dispatcher.depth <= 100
        sink.go_on.set()
        sink.drained()
    quiet_ones = [
        event
        for event in sink.events
        if isinstance(event, ItemUpdate) and (event.subscription_id, event.position) != (1, 1)
    ]
    assert numbers(quiet_ones) == list(range(30))
    losses = [event for event in sink.events if isinstance(event, ItemUpdatesLost)]
    assert {(event.subscription_id, event.item) for event in losses} == {(1, "item")}
    flood = [event for event in sink.events if isinstance(event, ItemUpdate) and event not in quiet_ones]
    assert len(flood) + sum(event.count for event in losses) == 1500
    assert len(flood) >= 55  # what the quiet one leaves is the flood's, but for the slack


def test_two_floods_share_what_a_third_leaves() -> None:
    """Those who hold most give most: all that are above a share come down to one level."""
    sink = Sink()
    with running(sink, limit=90) as dispatcher:
        held_up(sink, dispatcher)
        dispatcher.put([update(number, 3) for number in range(10)])
        dispatcher.put([update(number, 1) for number in range(1000)])
        dispatcher.put([update(number, 2) for number in range(300)])
        sink.go_on.set()
        sink.drained()
    left = {
        number: len(
            [event for event in sink.events if isinstance(event, ItemUpdate) and event.subscription_id == number]
        )
        for number in (1, 2, 3)
    }
    assert left[3] == 10
    assert abs(left[1] - left[2]) <= 1
    assert left[1] >= 30


def test_who_blocks_does_not_cost_who_drops() -> None:
    """A flood that may not be dropped stops the reading; another subscription below its share loses nothing."""
    sink = Sink()
    with running(sink, limit=20, kept=frozenset({1})) as dispatcher:
        held_up(sink, dispatcher)
        assert dispatcher.put([update(number, 2) for number in range(8)])
        assert not dispatcher.put([update(number) for number in range(40)])
        sink.go_on.set()
        sink.drained()
    assert lost(sink.events, 2) == lost(sink.events, 1) == 0
    assert len(numbers(sink.events)) == 48


def test_who_must_not_fail_is_not_failed_by_another() -> None:
    """Of two subscriptions that may lose nothing the one that floods ends, and the quiet ones go on without a loss."""
    sink = Sink()
    with running(sink, limit=20, kept=frozenset({1, 2}), failing=frozenset({1, 2})) as dispatcher:
        held_up(sink, dispatcher)
        dispatcher.put([update(0, 3)])
        for number in range(30):
            dispatcher.put([update(number), *([update(number, 2)] if number % 10 == 9 else [])])
        sink.go_on.set()
        sink.drained()
    [error] = [event for event in sink.events if isinstance(event, SubscriptionError)]
    assert error.subscription_id == 1
    assert [event["n"] for event in sink.events if isinstance(event, ItemUpdate) and event.subscription_id == 2] == [
        "9", "19", "29",
    ]  # fmt: skip
    assert not any(isinstance(event, ItemUpdatesLost) for event in sink.events)


def test_a_rule_that_changes_while_the_queue_is_full() -> None:
    """What may be dropped from now on makes room at once, and the reading goes on."""
    sink, room = Sink(), threading.Event()
    kept = {1}
    with running(sink, limit=8, kept=kept, room=room) as dispatcher:
        held_up(sink, dispatcher)
        assert not dispatcher.put(list(map(update, range(20))))
        dispatcher.reconsider()
        assert not dispatcher.has_room
        kept.clear()
        dispatcher.reconsider()
        assert dispatcher.has_room
        assert room.is_set()
        assert dispatcher.depth <= 8
        kept.add(1)
        assert not dispatcher.put(list(map(update, range(20, 40))))
        sink.go_on.set()
        sink.drained()
    assert numbers(sink.events)[-20:] == list(range(20, 40))
    assert len(numbers(sink.events)) + lost(sink.events) == 40


@settings(deadline=None, max_examples=80)
@given(
    st.lists(st.lists(st.integers(0, 11), min_size=1, max_size=30), min_size=1, max_size=25),
    st.integers(4, 60),
    st.sampled_from(["drop", "block"]),
)
def test_nobody_below_a_share_loses(batches: list[list[int]], limit: int, rule: str) -> None:
    """At every moment: an item that holds no more than an equal part of the queue loses nothing."""
    held = dict.fromkeys(range(12), 0)
    sink = Sink()
    kept = frozenset({1}) if rule == "block" else frozenset()
    with running(sink, limit=limit, kept=kept) as dispatcher:
        held_up(sink, dispatcher)
        may_lose: set[int] = set()
        for batch in batches:
            dispatcher.put([update(0, 1 + item % 3, 1 + item // 3) for item in batch])
            for item in batch:
                held[item] += 1
            markers = 12  # a loss takes a place, too
            share = max(limit - markers, 0) // max(1, sum(count > 0 for count in held.values()))
            may_lose |= {item for item, count in held.items() if count > share}
        sink.go_on.set()
        sink.drained()
    losers = {(event.subscription_id, event.item) for event in sink.events if isinstance(event, ItemUpdatesLost)}
    assert losers <= {(1 + item % 3, update(0, 1, 1 + item // 3).item) for item in may_lose}
