"""Updates as an iterator."""

from __future__ import annotations

import gc
import threading

import pytest

from ig_sdk.errors import StreamError, StreamOverflow, SubscriptionRefused, UsageError
from ig_sdk.lightstreamer.subscription import Subscription
from ig_sdk.lightstreamer.tlcp.updates import ItemInfo, ItemUpdate

WAIT_S = 5.0
INFO = ItemInfo(1, "item", 1, ("n",), {"n": 0})


def update(number: int) -> ItemUpdate:
    return ItemUpdate(INFO, (str(number),), None, snapshot=False)


def deliver(subscription: Subscription, number: int) -> None:
    for call in subscription.feed.update_calls:
        call(update(number))


def a_subscription(overflow: str = "drop_oldest") -> Subscription:
    return Subscription("MERGE", ["item"], ["n"], overflow=overflow)  # type: ignore[arg-type]


def test_updates_in_order_until_the_end() -> None:
    """What came before the end is still handed out; then the iteration ends without a time-out."""
    subscription = a_subscription()
    updates = subscription.updates(timeout=WAIT_S)
    for number in range(5):
        deliver(subscription, number)
    subscription.feed.end()
    assert [item["n"] for item in updates] == ["0", "1", "2", "3", "4"]
    assert not updates.timed_out


def test_silence_ends_the_iteration() -> None:
    """No update in time: the loop ends, and the iterator knows why."""
    updates = a_subscription().updates(timeout=0.01)
    assert list(updates) == []
    assert updates.timed_out


def test_each_iterator_sees_everything() -> None:
    """Two iterators do not take updates from each other."""
    subscription = a_subscription()
    first, second = subscription.updates(timeout=WAIT_S), subscription.updates(timeout=WAIT_S)
    deliver(subscription, 7)
    assert next(first)["n"] == next(second)["n"] == "7"


def test_drop_oldest_counts() -> None:
    """A slow reader keeps the newest and sees how many it missed."""
    subscription = a_subscription()
    updates = subscription.updates(timeout=WAIT_S, queue_size=3)
    for number in range(10):
        deliver(subscription, number)
    subscription.feed.end()
    assert [item["n"] for item in updates] == ["7", "8", "9"]
    assert updates.lost == 7


def test_block_waits_for_the_reader() -> None:
    """With "block" the delivering thread waits for room and nothing is lost."""
    subscription = a_subscription("block")
    updates = subscription.updates(timeout=WAIT_S, queue_size=2)
    done = threading.Event()

    def produce() -> None:
        for number in range(20):
            deliver(subscription, number)
        done.set()

    thread = threading.Thread(target=produce)
    thread.start()
    assert not done.wait(0.02)
    assert [next(updates)["n"] for _ in range(20)] == [str(number) for number in range(20)]
    thread.join(WAIT_S)
    assert done.is_set()
    assert updates.lost == 0


@pytest.mark.parametrize("how", ["close", "forget", "end"])
def test_a_blocked_delivery_is_let_go(how: str) -> None:
    """Closing or forgetting the iterator, or the end of the subscription, frees the dispatch thread."""
    subscription = a_subscription("block")
    updates = subscription.updates(timeout=WAIT_S, queue_size=1)
    thread = threading.Thread(target=lambda: [deliver(subscription, number) for number in range(3)])
    thread.start()
    if how == "close":
        updates.close()
    elif how == "end":
        subscription.feed.end()
    del updates
    gc.collect()
    thread.join(WAIT_S)
    assert not thread.is_alive()


def test_close_wakes_a_waiting_reader() -> None:
    """close() from another thread ends a wait at once, and that is no time-out."""
    subscription = a_subscription()
    updates = subscription.updates(timeout=60)
    thread = threading.Thread(target=lambda: list(updates))
    thread.start()
    updates.close()
    thread.join(WAIT_S)
    assert not thread.is_alive()
    assert not updates.timed_out


def test_an_error_is_raised_after_what_was_buffered() -> None:
    """The reader gets its updates first, then the reason of the end."""
    subscription = a_subscription()
    updates = subscription.updates(timeout=WAIT_S)
    deliver(subscription, 1)
    subscription.release(SubscriptionRefused("no such item", code=21))
    assert next(updates)["n"] == "1"
    with pytest.raises(StreamError) as raised:
        next(updates)
    assert raised.value.code == 21


def test_after_the_end_nobody_waits() -> None:
    """An iterator made after the end ends at once, and one made after a new begin waits."""
    subscription = a_subscription()
    subscription.feed.end()
    ended = subscription.updates(timeout=60)
    assert list(ended) == []
    subscription.feed.open()
    updates = subscription.updates(timeout=WAIT_S)
    deliver(subscription, 1)
    assert next(updates)["n"] == "1"


def test_inside_a_callback_it_is_refused() -> None:
    """Waiting for updates on the thread that delivers them could never end."""

    class Owner:
        def reconfigure(self, subscription_id: int, max_frequency: float | str) -> None:
            raise AssertionError

        def in_callback(self) -> bool:
            return True

    subscription = a_subscription()
    subscription.claim(Owner())
    with pytest.raises(UsageError):
        next(subscription.updates(timeout=60))


def test_queue_size_is_checked() -> None:
    """An iterator that can hold nothing is refused."""
    with pytest.raises(ValueError, match="queue_size"):
        a_subscription().updates(queue_size=0)


def test_fail_ends_the_iterator() -> None:
    """With "fail" what was buffered is handed out, then StreamOverflow is raised, and nothing has a hole."""
    subscription = a_subscription("fail")
    updates = subscription.updates(timeout=WAIT_S, queue_size=2)
    for number in range(5):
        deliver(subscription, number)
    assert [next(updates)["n"], next(updates)["n"]] == ["0", "1"]
    deliver(subscription, 9)
    with pytest.raises(StreamOverflow):
        next(updates)
