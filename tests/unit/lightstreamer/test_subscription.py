"""What a subscription accepts, who owns it, who listens."""

from __future__ import annotations

from typing import Any

import pytest

from ig_sdk.errors import UsageError
from ig_sdk.lightstreamer import SecondLevel, Subscription, SubscriptionListener, UpdateOverflow
from ig_sdk.lightstreamer.tlcp.events import Subscribed
from ig_sdk.lightstreamer.tlcp.updates import ItemInfo, ItemUpdate

MATCHES = {"fields": "fields|schema", "snapshot": "snapshot", "second_level": "second_level"}


class Owner:
    def __init__(self) -> None:
        self.asked: list[tuple[int, float | str]] = []

    def reconfigure(self, subscription_id: int, max_frequency: float | str) -> None:
        self.asked.append((subscription_id, max_frequency))

    def in_callback(self) -> bool:
        return False

    def change_overflow(self, subscription: Subscription, overflow: UpdateOverflow) -> None:
        subscription.use_overflow(overflow)


def test_lists_and_groups() -> None:
    """Sequences are names; a plain text is a group or schema of the server."""
    subscription = Subscription("MERGE", items=["a", "b"], fields=("x",))
    assert (subscription.items, subscription.fields, subscription.mode) == (("a", "b"), ("x",), "MERGE")
    group = Subscription("DISTINCT", "portfolio 1", "all fields", snapshot=10)
    assert (group.items, group.fields) == (None, None)
    assert (group.spec.group, group.spec.schema, group.spec.snapshot) == ("portfolio 1", "all fields", 10)


@pytest.mark.parametrize(
    "wrong",
    [
        {"mode": "merge"},
        {"items": []},
        {"items": ["a b"]},
        {"items": [""]},
        {"fields": []},
        {"fields": ""},
        {"snapshot": 5},
        {"max_frequency": 0},
        {"max_frequency": "fast"},
        {"max_frequency": float("nan")},
        {"buffer_size": 0},
        {"overflow": "drop"},
        {"second_level": SecondLevel(fields=("x",))},
    ],
)
def test_refused_arguments(wrong: dict[str, Any]) -> None:
    """What the protocol cannot carry is refused where it is written."""
    arguments: dict[str, Any] = {"mode": "MERGE", "items": ["a"], "fields": ["x"], **wrong}
    with pytest.raises(ValueError, match=MATCHES.get(next(iter(wrong)), next(iter(wrong)))):
        Subscription(**arguments)


def test_second_level_is_checked() -> None:
    """Fields of the second level follow the same rules."""
    assert Subscription("COMMAND", ["a"], ["key", "command"], second_level=SecondLevel(fields=("x",))).second_level
    for wrong in ((), "price", ("a b",)):
        with pytest.raises(ValueError, match="fields"):
            SecondLevel(fields=wrong)  # type: ignore[arg-type]


def test_one_owner_at_a_time() -> None:
    """A subscription is carried by one client; after its end by any."""
    subscription, first, second = Subscription("MERGE", ["a"], ["x"]), Owner(), Owner()
    assert subscription.leave(first) is None
    subscription.claim(first)
    subscription.named(3)
    assert (subscription.active, subscription.subscription_id) == (True, 3)
    with pytest.raises(UsageError):
        subscription.claim(second)
    with pytest.raises(UsageError):
        subscription.leave(second)
    assert subscription.leave(first) == 3
    assert subscription.leave(first) is None
    subscription.release()
    assert not subscription.active
    subscription.claim(second)


def test_reconfigure() -> None:
    """The frequency goes to the owner; not before there is one, nor for an unfiltered subscription."""
    subscription, owner = Subscription("MERGE", ["a"], ["x"], max_frequency=2), Owner()
    with pytest.raises(UsageError):
        subscription.reconfigure(max_frequency=1)
    subscription.claim(owner)
    subscription.named(1)
    subscription.reconfigure(max_frequency=1.5)
    subscription.reconfigure(max_frequency="unlimited")
    assert owner.asked == [(1, 1.5), (1, "unlimited")]
    with pytest.raises(ValueError, match="max_frequency"):
        subscription.reconfigure(max_frequency=-1)
    unfiltered = Subscription("MERGE", ["a"], ["x"], max_frequency="unfiltered")
    unfiltered.claim(owner)
    unfiltered.named(2)
    with pytest.raises(UsageError):
        unfiltered.reconfigure(max_frequency=1)


def test_listeners() -> None:
    """Added twice is told once; removed is told no more; an object with some of the methods serves."""
    told: list[object] = []

    class Partial:
        def on_update(self, update: ItemUpdate) -> None:
            told.append(update)

    partial, whole = Partial(), SubscriptionListener()
    subscription = Subscription("MERGE", ["a"], ["x"])
    for listener in (partial, partial, whole):
        subscription.add_listener(listener)  # type: ignore[arg-type]
    update = ItemUpdate(ItemInfo(1, "a", 1, ("x",), {"x": 0}), ("1",), None, snapshot=True)
    for call in subscription.feed.update_calls:
        call(update)
    assert told == [update]
    assert [call.__name__ for call in subscription.feed.calls_for(Subscribed(1, 1, 1))] == ["on_subscribed"]
    subscription.remove_listener(partial)  # type: ignore[arg-type]
    subscription.remove_listener(whole)
    assert subscription.feed.update_calls == ()
