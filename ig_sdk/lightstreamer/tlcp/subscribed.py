"""One subscription: what is wanted, and how far the server is with it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import Enum
from typing import Final

from ig_sdk.lightstreamer.tlcp.codec.notifications import Subcmd, Subok
from ig_sdk.lightstreamer.tlcp.events import ItemUpdatesLost
from ig_sdk.lightstreamer.tlcp.items import CommandItem, ItemState
from ig_sdk.lightstreamer.tlcp.spec import SubscriptionSpec
from ig_sdk.lightstreamer.tlcp.updates import ItemInfo

# Beyond all use; a server that states more would only fill the memory.
_MAX_ITEMS: Final = 100_000
_MAX_FIELDS: Final = 10_000
_MAX_CELLS: Final = 5_000_000


class Stage(Enum):
    """How far the server is with a subscription."""

    WANTED = "not asked for in this session"
    REQUESTED = "asked for"
    ACTIVE = "accepted"
    LEAVING = "given up, not yet gone"


class Subscription:
    """One subscription: what is wanted, and how far the server is with it."""

    __slots__ = (
        "_index",
        "command",
        "fault_at",
        "faults",
        "frequency",
        "id",
        "items",
        "key",
        "leaving",
        "names",
        "num_fields",
        "num_items",
        "silent",
        "spec",
        "stage",
        "wire",
    )

    def __init__(self, identifier: int, spec: SubscriptionSpec) -> None:
        self.id = identifier
        self.wire = identifier  # the server's name for it, ``LS_subId``: another one when it is asked for anew
        self.spec = spec
        self.leaving = False  # the application gave it up
        self.silent = False  # an error ended it: what still comes is discarded
        self.faults = 0  # how often what came for it could not be read, over all sessions
        self.fault_at = 0.0
        self.frequency: float | str | None = None  # to be asked for once it is active
        self.reset()

    def reset(self) -> None:
        """Forget the session: nothing is asked for, and there is no base to build on (C-089)."""
        self.stage = Stage.WANTED
        self.num_items = self.num_fields = 0
        self.key = self.command = 0
        self.items: dict[int, ItemState] = {}
        self.names: Sequence[str] = ()
        self._index: dict[str, int] = {}

    def activate(self, note: Subok | Subcmd) -> None:
        """Take the counts and positions that the server states (C-059)."""
        self.stage = Stage.ACTIVE
        self.num_items, self.num_fields = note.items, note.fields
        self.names = self.spec.fields or tuple(str(place + 1) for place in range(note.fields))
        self._index = {name: place for place, name in reversed(list(enumerate(self.names)))}
        if isinstance(note, Subcmd):
            self.key, self.command = note.key - 1, note.command - 1

    def fits(self, note: Subok | Subcmd) -> bool:
        """Whether the server means the same subscription: kind, counts, positions (C-060)."""
        spec = self.spec
        if isinstance(note, Subcmd) != (spec.mode == "COMMAND"):
            return False
        if isinstance(note, Subcmd) and not (1 <= note.key <= note.fields and 1 <= note.command <= note.fields):
            return False
        return (
            0 < note.items <= _MAX_ITEMS
            and 0 < note.fields <= _MAX_FIELDS
            and note.items * note.fields <= _MAX_CELLS
            and (spec.items is None or len(spec.items) == note.items)
            and (spec.fields is None or len(spec.fields) == note.fields)
        )

    def name(self, position: int) -> str | None:
        """Return the name of an item, ``None`` when only the server knows it."""
        return None if self.spec.items is None else self.spec.items[position - 1]

    def item(self, position: int) -> ItemState:
        """Return the state of an item, made at its first update."""
        item = self.items.get(position)
        if item is None:
            info = ItemInfo(self.id, self.name(position), position, self.names, self._index)
            snapshot = self.spec.wants_snapshot
            if self.spec.mode == "COMMAND":
                item = CommandItem(info, self.num_fields, snapshot=snapshot, key=self.key, command=self.command)
            else:
                item = ItemState(info, self.num_fields, snapshot=snapshot, once=self.spec.mode == "MERGE")
            self.items[position] = item
        return item

    def damaged(self, position: int, count: int) -> ItemUpdatesLost:
        """Return the event for updates lost on the way; position 0 for an item that is not known."""
        if not 0 < position <= len(self.spec.items or ()):  # the damage may be in the position itself
            return ItemUpdatesLost(self.id, None, position, count, "line")
        return ItemUpdatesLost(self.id, self.name(position), position, count, "line")


class FormerNames:
    """What the server still sends by names that subscriptions had before they were asked for anew."""

    def __init__(self) -> None:
        self._owners: dict[int, tuple[Subscription, int]] = {}  # with the most items it can have
        self._missed: dict[int, dict[int, int]] = {}  # name: position: updates

    def __contains__(self, wire: object) -> bool:
        return wire in self._owners

    def __iter__(self) -> Iterator[int]:
        return iter(self._owners)

    def of(self, subscription: Subscription) -> bool:
        """Whether the server may still send by a former name of this one."""
        return any(owner is subscription for owner, _ in self._owners.values())

    def add(self, subscription: Subscription) -> None:
        """Note the name that a subscription has now: it is about to get another."""
        # Where it was not accepted yet, the server may still do so.
        items = subscription.num_items or len(subscription.spec.items or ()) or _MAX_ITEMS
        self._owners[subscription.wire] = subscription, items

    def miss(self, wire: int, position: int, count: int) -> None:
        """Count what came by a former name: it is for nobody, as it builds on what was lost; 0 for an unknown item."""
        owner = self._owners.get(wire)
        if owner is not None and 0 <= position <= owner[1]:
            missed = self._missed.setdefault(wire, {})
            missed[position] = missed.get(position, 0) + count

    def end(self, wire: int) -> Iterator[ItemUpdatesLost]:
        """The server has nothing more to say by this name: return what it still said."""
        owner = self._owners.pop(wire, None)
        missed = self._missed.pop(wire, {})
        if owner is not None and not (owner[0].leaving or owner[0].silent):
            for position, count in missed.items():
                yield owner[0].damaged(position, count)

    def clear(self) -> None:
        """The session is gone."""
        self._owners.clear()
        self._missed.clear()
