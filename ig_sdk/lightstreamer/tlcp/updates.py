"""One update of one item, as the application sees it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType


class ItemInfo:
    """What all updates of one item share.

    Attributes:
        subscription_id: The subscription.
        name: The item's name, or ``None`` when only the server knows it.
        position: The item's position, from 1.
        fields: Names of the fields, or their positions as text when only the server knows them.
        index: Field name to place in the list of values.
    """

    __slots__ = ("fields", "index", "name", "position", "subscription_id")

    def __init__(
        self, subscription_id: int, name: str | None, position: int, fields: Sequence[str], index: Mapping[str, int]
    ) -> None:
        self.subscription_id = subscription_id
        self.name = name
        self.position = position
        self.fields = fields
        self.index = index


class ItemUpdate:
    """The state of one item after an update.

    Values are text, ``""`` or ``None`` (the server's null), always all of them, whether they changed or not.

    ::

        update["BID"], update.get("OFFER"), update[2], update.values, update.changed

    Positions begin at 1. A name that the subscription does not have is a ``KeyError``, a position an ``IndexError``.
    Not a frozen dataclass, which would cost more than all the rest of an update; it cannot be assigned to either.

    Threading:
        Never changes, so that it may be kept, and read by any thread.

    Source:
        TLCP.md sections 11 and 14.
    """

    __slots__ = ("_info", "_previous", "_snapshot", "_values")

    def __init__(
        self,
        info: ItemInfo,
        values: Sequence[str | None],
        previous: Sequence[str | None] | None,
        snapshot: bool,  # noqa: FBT001 -- keywords cost time here
    ) -> None:
        self._info = info
        self._values = values
        self._previous = previous
        self._snapshot = snapshot

    @property
    def subscription_id(self) -> int:
        """The subscription that it belongs to."""
        return self._info.subscription_id

    @property
    def item(self) -> str | None:
        """Name of the item, or ``None`` when the subscription was made with a group that only the server knows."""
        return self._info.name

    @property
    def position(self) -> int:
        """Position of the item in its subscription, from 1."""
        return self._info.position

    @property
    def is_snapshot(self) -> bool:
        """Whether this is state from before the subscription, not a new event."""
        return self._snapshot

    @property
    def fields(self) -> Sequence[str]:
        """Names of the fields in the order of the subscription, or their positions as text where it has no names."""
        return self._info.fields

    @property
    def row(self) -> tuple[str | None, ...]:
        """All fields in the order of the subscription, also where two of them have one name."""
        return tuple(self._values)

    @property
    def values(self) -> Mapping[str, str | None]:
        """All fields by name, in the order of the subscription."""
        return MappingProxyType(dict(zip(self._info.fields, self._values, strict=True)))

    @property
    def changed(self) -> Mapping[str, str | None]:
        """The fields whose value differs from the one before; all of them in an item's first update."""
        previous = self._previous
        if previous is None:
            return self.values
        rows = zip(self._info.fields, self._values, previous, strict=True)
        return MappingProxyType({name: value for name, value, before in rows if value != before})

    def get(self, name: str, default: str | None = None) -> str | None:
        """Return the value of the field ``name``, or ``default`` when the subscription has no such field."""
        index = self._info.index.get(name)
        return default if index is None else self._values[index]

    def __getitem__(self, field: str | int) -> str | None:
        try:
            return self._values[self._info.index[field]]  # type: ignore[index]  # a position is not found, see below
        except KeyError:
            if isinstance(field, str):
                raise
        if not 1 <= field <= len(self._values):
            raise IndexError(f"field positions are 1 to {len(self._values)}, not {field}")
        return self._values[field - 1]

    def __contains__(self, name: object) -> bool:
        return name in self._info.index

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ItemUpdate):
            return NotImplemented
        return (
            self.subscription_id == other.subscription_id
            and self.position == other.position
            and self._snapshot == other._snapshot
            and self.values == other.values
            and self.changed == other.changed
        )

    __hash__ = None  # type: ignore[assignment]  # equal by value, and values hold a mapping

    def __repr__(self) -> str:
        name = self._info.name if self._info.name is not None else f"#{self._info.position}"
        mark = ", snapshot" if self._snapshot else ""
        return f"ItemUpdate({name}, {dict(self.values)}{mark})"


def count_by_item(events: Iterable[object]) -> Counter[ItemInfo]:
    """Return how many updates of each item there are; an item has several infos when its session was replaced."""
    return Counter([event._info for event in events if type(event) is ItemUpdate])  # noqa: SLF001 -- 100,000 at a time
