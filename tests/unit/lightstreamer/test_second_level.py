"""Two-level COMMAND subscriptions."""

from __future__ import annotations

from ig_sdk.lightstreamer.second_level import SecondLevel, SecondLevels
from ig_sdk.lightstreamer.tlcp.events import (
    Cleared,
    ErrorOccurred,
    Event,
    ItemUpdatesLost,
    Subscribed,
    SubscriptionError,
    Unsubscribed,
)
from ig_sdk.lightstreamer.tlcp.spec import SubscriptionSpec
from ig_sdk.lightstreamer.tlcp.updates import ItemInfo, ItemUpdate

FIRST = ItemInfo(1, "portfolio", 1, ("key", "command", "qty"), {"key": 0, "command": 1, "qty": 2})


class Subscriber:
    """The part of a session that is used: remembers what was asked."""

    def __init__(self) -> None:
        self.next_id = 10
        self.session_id: str | None = "S1"
        self.live: dict[int, SubscriptionSpec] = {}

    def subscribe(self, spec: SubscriptionSpec, now: float) -> int:
        self.next_id += 1
        self.live[self.next_id] = spec
        return self.next_id

    def unsubscribe(self, subscription_id: int, now: float) -> None:
        del self.live[subscription_id]


def row(key: str | None, command: str, qty: str | None) -> ItemUpdate:
    return ItemUpdate(FIRST, (key, command, qty), None, snapshot=False)


def price(child: int, value: str) -> ItemUpdate:
    return ItemUpdate(ItemInfo(child, "K", 1, ("price",), {"price": 0}), (value,), None, snapshot=False)


class Table:
    def __init__(self) -> None:
        self.session = Subscriber()
        self.levels = SecondLevels()
        self.levels.add(1, SecondLevel(fields=("price",), data_adapter="QUOTES"))
        self.feed(Subscribed(1, 1, 3, key_position=1, command_position=2))

    def feed(self, *events: Event) -> list[Event]:
        return self.levels.expand(events, self.session, 0.0)

    def one(self, event: Event) -> ItemUpdate:
        [update] = self.feed(event)
        assert isinstance(update, ItemUpdate)
        return update


def test_a_key_brings_its_item() -> None:
    """A new key is subscribed to in MERGE; its values join those of the first level."""
    table = Table()
    first = table.one(row("K", "ADD", "5"))
    assert dict(first.values) == {"key": "K", "command": "ADD", "qty": "5", "price": None}
    [(child, spec)] = table.session.live.items()
    assert (spec.mode, spec.items, spec.fields, spec.data_adapter) == ("MERGE", ("K",), ("price",), "QUOTES")
    second = table.one(price(child, "1.5"))
    assert (second.subscription_id, second.item, second.position) == (1, "portfolio", 1)
    assert dict(second.values) == {"key": "K", "command": "UPDATE", "qty": "5", "price": "1.5"}
    assert dict(second.changed) == {"command": "UPDATE", "price": "1.5"}
    third = table.one(row("K", "UPDATE", "6"))
    assert dict(third.changed) == {"qty": "6"}
    assert third["price"] == "1.5"


def test_a_deleted_key_takes_its_item_along() -> None:
    """DELETE unsubscribes; what still comes for the key is not shown."""
    table = Table()
    table.feed(row("K", "ADD", "5"))
    [child] = table.session.live
    deleted = table.one(row("K", "DELETE", None))
    assert deleted["price"] is None
    assert table.session.live == {}
    assert table.feed(price(child, "2"), Unsubscribed(child)) == []
    assert table.one(row("K", "DELETE", None))["command"] == "DELETE"


def test_clear_a_new_session_and_the_end_forget_the_keys() -> None:
    """CS, a new SUBCMD and the end of the first level unsubscribe every key."""
    for end in (Cleared(1, "portfolio", 1), Subscribed(1, 1, 3, 1, 2), Unsubscribed(1)):
        table = Table()
        table.feed(row("K", "ADD", "5"), row("L", "ADD", "1"))
        assert len(table.session.live) == 2
        assert table.feed(end) == [end]
        assert table.session.live == {}


def test_without_parents_and_children_nothing_passes() -> None:
    """After the last one is gone, events need not pass any more; foreign events are left alone."""
    table = Table()
    other = Subscribed(5, 1, 1)
    assert table.feed(other) == [other]
    table.feed(row("K", "ADD", "5"))
    [child] = table.session.live
    table.feed(Unsubscribed(1))
    assert table.levels.any
    table.feed(Unsubscribed(child))
    assert not table.levels.any


def test_losses_and_refusals_of_the_second_level_are_told() -> None:
    """A loss belongs to the first level's item; a refusal harms only its key."""
    table = Table()
    table.feed(row("K", "ADD", "5"))
    [child] = table.session.live
    assert table.feed(ItemUpdatesLost(child, "K", 1, 3)) == [ItemUpdatesLost(1, "portfolio", 1, 3)]
    [told] = table.feed(SubscriptionError(child, 21, "unknown item"))
    assert isinstance(told, ErrorOccurred)
    assert told.error.code == 21
    del table.session.live[child]  # as the server did
    assert table.one(row("K", "DELETE", None))["price"] is None


def test_keys_that_are_no_items() -> None:
    """A null key or one with blanks has an empty second level and breaks nothing."""
    table = Table()
    assert table.one(row(None, "ADD", "1"))["price"] is None
    assert table.one(row("two words", "ADD", "1"))["price"] is None
    assert table.session.live == {}
    assert table.one(row("two words", "DELETE", None))["command"] == "DELETE"


def test_a_session_that_is_gone_takes_its_keys_along() -> None:
    """The keys of an old session are not asked of the next one, also those of its last updates; nothing else is told."""
    table = Table()
    table.feed(row("K", "ADD", "5"))
    table.session.session_id = None
    assert [type(event) for event in table.feed(row("L", "ADD", "6"))] == [ItemUpdate]
    assert table.session.live == {}
    assert table.feed() == []
    table.session.session_id = "S2"
    table.feed(Subscribed(1, 1, 3, key_position=1, command_position=2))
    assert table.one(row("K", "ADD", "7"))["price"] is None
    assert len(table.session.live) == 1


def test_a_key_that_is_gone_when_its_item_is_refused() -> None:
    """A refusal that comes after the DELETE leaves nothing behind and is told to nobody."""
    table = Table()
    table.feed(row("K", "ADD", "5"))
    [child] = table.session.live
    table.feed(row("K", "DELETE", None))
    assert table.feed(SubscriptionError(child, 21, "unknown item")) == []
    table.feed(Unsubscribed(1))
    assert not table.levels.any


def test_fields_of_the_same_name() -> None:
    """Of two fields with one name the first is meant; positions reach both."""
    table = Table()
    info = ItemInfo(1, "p", 1, ("key", "command", "price", "price"), {"key": 0, "command": 1, "price": 2})
    update = table.one(ItemUpdate(info, ("K", "ADD", "1", "2"), None, snapshot=False))
    [child] = table.session.live
    update = table.one(price(child, "3"))
    assert (update["price"], [update[place] for place in (3, 4, 5)]) == ("1", ["1", "2", "3"])


def test_a_new_session_may_have_other_fields() -> None:
    """What the first level's schema means is the server's word, in each session anew."""
    table = Table()
    table.feed(row("K", "ADD", "5"))
    table.feed(Subscribed(1, 1, 2, key_position=1, command_position=2))
    info = ItemInfo(1, "p", 1, ("key", "command"), {"key": 0, "command": 1})
    assert list(table.one(ItemUpdate(info, ("K", "ADD"), None, snapshot=False)).values) == ["key", "command", "price"]
