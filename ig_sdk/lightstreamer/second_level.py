"""Two-level COMMAND subscriptions: each key is an item of its own, subscribed to while the key exists.

Pure, like the protocol: events of the session in, events of the application out; no thread, socket, clock or log. The
second-level subscriptions belong to the same session, and the application never sees them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from ig_sdk.errors import StreamError
from ig_sdk.lightstreamer.tlcp.codec.text import excerpt
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

_Values = tuple[str | None, ...]


@dataclass(frozen=True, kw_only=True)
class SecondLevel:
    """What to subscribe to for each key of a COMMAND subscription: the item of that name, in MERGE mode.

    Attributes:
        fields: Names of the fields, which follow those of the first level in every update.
        data_adapter: The server's adapter, or ``None`` for its default.
        snapshot: Whether to ask for the state so far.
        max_frequency: Updates a second for each key, ``"unlimited"``, ``"unfiltered"``, or ``None`` for the server's.

    Raises:
        ValueError: An argument cannot be what the protocol allows.
    """

    fields: tuple[str, ...]
    data_adapter: str | None = None
    snapshot: bool = True
    max_frequency: float | str | None = None

    def __post_init__(self) -> None:
        names: object = self.fields
        if isinstance(names, str):  # would be taken for a sequence of letters
            raise ValueError("fields of the second level must be a sequence of names")  # noqa: TRY004 -- as for the first
        object.__setattr__(self, "fields", tuple(self.fields))
        self.spec_for("any")  # refuses here what could never be subscribed to

    def spec_for(self, key: str) -> SubscriptionSpec:
        """Return what to subscribe to for one key.

        Raises:
            ValueError: No item can have that name, or a setting cannot be.
        """
        return SubscriptionSpec(
            mode="MERGE",
            items=(key,),
            fields=self.fields,
            data_adapter=self.data_adapter,
            snapshot=self.snapshot,
            max_frequency=self.max_frequency,
        )


class Subscriber(Protocol):
    """The part of a session that this needs."""

    @property
    def session_id(self) -> str | None:
        """The server's name of the session, ``None`` without one."""
        ...

    def subscribe(self, spec: SubscriptionSpec, now: float) -> int:
        """Add a subscription; return its id."""
        ...

    def unsubscribe(self, subscription_id: int, now: float) -> None:
        """Take a subscription away."""
        ...


class _Row:
    """One key of one item."""

    __slots__ = ("child", "first", "info", "second")

    def __init__(self, child: int | None, info: ItemInfo, first: _Values, width: int) -> None:
        self.child = child
        self.info = info
        self.first = first
        self.second: _Values = (None,) * width


class _Parent:
    """One two-level subscription."""

    def __init__(self, second: SecondLevel) -> None:
        self.second = second
        self.key = 0  # positions of the two fields, from 1
        self.command = 0
        self.infos: dict[int, ItemInfo] = {}
        self.rows: dict[tuple[int, str], _Row] = {}

    def info(self, update: ItemUpdate) -> ItemInfo:
        """Return what all combined updates of the item share."""
        known = self.infos.get(update.position)
        if known is None:
            names = (*update.fields, *self.second.fields)
            # Of two fields with one name the first is meant, as in the first level.
            index = {name: place for place, name in reversed(list(enumerate(names)))}
            known = ItemInfo(update.subscription_id, update.item, update.position, names, index)
            self.infos[update.position] = known
        return known


class SecondLevels:
    """All two-level subscriptions of a client.

    Attributes:
        any: Whether there are any: without, events need not pass here.

    Threading:
        Under the session's lock.
    """

    def __init__(self) -> None:
        self.any = False
        self._parents: dict[int, _Parent] = {}
        self._children: dict[int, tuple[int, tuple[int, str]]] = {}  # child: parent, (item position, key)

    def add(self, subscription_id: int, second: SecondLevel) -> None:
        """Take over a COMMAND subscription."""
        self._parents[subscription_id] = _Parent(second)
        self.any = True

    def expand(self, events: Sequence[Event], session: Subscriber, now: float) -> list[Event]:
        """Return the events as the application sees them; subscribe to keys that came, unsubscribe from those gone.

        To be called, with or without events, before the session is asked for its actions: the keys of a session that is
        gone are not to be asked of the next one, where they come again.
        """
        out: list[Event] = []
        for event in events:
            subscription_id = getattr(event, "subscription_id", 0)
            if subscription_id in self._children:
                out += self._of_child(event, subscription_id)
            elif subscription_id in self._parents:
                out.append(self._of_parent(event, subscription_id, session, now))
            else:
                out.append(event)
        if session.session_id is None:
            for parent in self._parents.values():
                self._forget(parent, None, session, now)
        return out

    def _of_parent(self, event: Event, subscription_id: int, session: Subscriber, now: float) -> Event:
        parent = self._parents[subscription_id]
        if isinstance(event, ItemUpdate):
            return self._first_level(parent, event, session, now)
        if isinstance(event, Subscribed):
            # In a new session the table starts empty; the keys come again as its snapshot.
            self._forget(parent, None, session, now)
            parent.infos.clear()
            parent.key, parent.command = event.key_position or 0, event.command_position or 0
        elif isinstance(event, Cleared):
            self._forget(parent, event.position, session, now)
        elif isinstance(event, Unsubscribed) or (isinstance(event, SubscriptionError) and event.over):
            self._forget(parent, None, session, now)
            del self._parents[subscription_id]
            self.any = bool(self._parents or self._children)
        return event

    def _first_level(self, parent: _Parent, update: ItemUpdate, session: Subscriber, now: float) -> ItemUpdate:
        first = update.row
        key, command = first[parent.key - 1], first[parent.command - 1]
        width = len(parent.second.fields)
        info = parent.info(update)
        place = (update.position, key or "")
        row = parent.rows.get(place)
        if command == "DELETE":
            if row is not None:
                self._drop(parent, place, session, now)
            before = None if row is None else (*row.first, *row.second)
            return ItemUpdate(info, (*first, *(None,) * width), before, update.is_snapshot)
        if row is None:
            child = self._subscribe(parent, update.subscription_id, place, session, now)
            parent.rows[place] = row = _Row(child, info, first, width)
            return ItemUpdate(info, (*first, *row.second), None, update.is_snapshot)
        before = (*row.first, *row.second)
        row.first = first
        return ItemUpdate(info, (*first, *row.second), before, update.is_snapshot)

    def _subscribe(
        self, parent: _Parent, parent_id: int, place: tuple[int, str], session: Subscriber, now: float
    ) -> int | None:
        try:
            child = session.subscribe(parent.second.spec_for(place[1]), now)
        except ValueError:  # the server's key cannot be the name of an item: its second level stays empty
            return None
        self._children[child] = (parent_id, place)
        return child

    def _of_child(self, event: Event, child: int) -> list[Event]:
        parent_id, place = self._children[child]
        parent = self._parents.get(parent_id)
        row = parent.rows.get(place) if parent is not None else None
        refused = isinstance(event, SubscriptionError) and event.over
        if refused or isinstance(event, Unsubscribed):
            del self._children[child]
            self.any = bool(self._parents or self._children)
        if parent is None or row is None or row.child != child:
            return []
        if isinstance(event, ItemUpdate):
            return [_second_level(parent, row, event)]
        if isinstance(event, ItemUpdatesLost):
            return [replace(event, subscription_id=parent_id, item=row.info.name, position=place[0])]
        if isinstance(event, SubscriptionError) and refused:
            text = f"the second level of key {excerpt(place[1])!r} was refused: {excerpt(event.message)}"
            return [ErrorOccurred(StreamError(text, code=event.code))]
        return []

    def _forget(self, parent: _Parent, position: int | None, session: Subscriber, now: float) -> None:
        for place in [place for place in parent.rows if position in (None, place[0])]:
            self._drop(parent, place, session, now)

    def _drop(self, parent: _Parent, place: tuple[int, str], session: Subscriber, now: float) -> None:
        child = parent.rows.pop(place).child
        if child is not None and child in self._children:  # else the server had refused it
            session.unsubscribe(child, now)


def _second_level(parent: _Parent, row: _Row, update: ItemUpdate) -> ItemUpdate:
    before = (*row.first, *row.second)
    row.second = update.row
    first = list(row.first)
    first[parent.command - 1] = "UPDATE"
    row.first = tuple(first)
    return ItemUpdate(row.info, (*row.first, *row.second), before, snapshot=update.is_snapshot)
