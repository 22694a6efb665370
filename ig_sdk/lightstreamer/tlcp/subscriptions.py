"""The subscriptions of a client, over all its sessions (TLCP.md section 14.5)."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Final

from ig_sdk.errors import StreamProtocolError
from ig_sdk.lightstreamer.tlcp import builders
from ig_sdk.lightstreamer.tlcp.codec.notifications import Conf, Cs, Eos, Ov, Subcmd, Subok, Unsub, Update
from ig_sdk.lightstreamer.tlcp.codec.values import JsonPatch
from ig_sdk.lightstreamer.tlcp.events import (
    Cleared,
    Event,
    ItemUpdatesLost,
    Operation,
    Reconfigured,
    SnapshotEnd,
    Subscribed,
    SubscriptionError,
    Unsubscribed,
)
from ig_sdk.lightstreamer.tlcp.items import CommandItem, ItemState
from ig_sdk.lightstreamer.tlcp.pending import Pending, PendingRequests
from ig_sdk.lightstreamer.tlcp.spec import Mode, SubscriptionSpec, check_frequency
from ig_sdk.lightstreamer.tlcp.updates import ItemInfo

__all__ = ["Mode", "Subscription", "SubscriptionSpec", "Subscriptions"]

# Beyond all use; a server that states more would only fill the memory.
_MAX_ITEMS: Final = 100_000
_MAX_FIELDS: Final = 10_000
_MAX_CELLS: Final = 5_000_000
_MAX_STRANGERS: Final = 1_000
# The official clients' own code for an answer that cannot be right (TLCP.md section 18.3).
_MISMATCH: Final = 61
_NOT_FOUND: Final = 19
# A new session may bring a readable item (C-088). One that fails again and again must not cost the others theirs; where
# there are no others, it costs nobody anything but the pause, which grows.
_TRIES: Final = 3
_TRIES_ALONE: Final = 7
_FAULTS_BELONG_TOGETHER_S: Final = 600.0
_ABOUT_SUBSCRIPTION: Final = frozenset({"U", "SUBOK", "SUBCMD", "UNSUB", "EOS", "CS", "OV", "CONF"})


class _Stage(Enum):
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
    )

    def __init__(self, identifier: int, spec: SubscriptionSpec) -> None:
        self.id = identifier
        self.spec = spec
        self.leaving = False  # the application gave it up
        self.silent = False  # an error ended it: what still comes is discarded
        self.faults = 0  # how often what came for it could not be read, over all sessions
        self.fault_at = 0.0
        self.frequency: float | str | None = None  # to be asked for once it is active
        self.reset()

    def reset(self) -> None:
        """Forget the session: nothing is asked for, and there is no base to build on (C-089)."""
        self.stage = _Stage.WANTED
        self.num_items = self.num_fields = 0
        self.key = self.command = 0
        self.items: dict[int, ItemState] = {}
        self.names: Sequence[str] = ()
        self._index: dict[str, int] = {}

    def activate(self, note: Subok | Subcmd) -> None:
        """Take the counts and positions that the server states (C-059)."""
        self.stage = _Stage.ACTIVE
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


class Subscriptions:
    """All subscriptions, by id; the id is also the ``LS_subId`` of every session (C-056).

    Attributes:
        live: ``"U,<subscription>,<item>"`` to the items whose next update the fast path may take.
    """

    def __init__(
        self,
        events: list[Event],
        requests: PendingRequests,
        json_patch: JsonPatch | None,
        *,
        unset_is_null: bool = False,
    ) -> None:
        self.live: dict[str, ItemState] = {}
        self._events = events
        self._requests = requests
        self._json_patch = json_patch
        self._unset_is_null = unset_is_null
        self._known: dict[int, Subscription] = {}
        self._last_id = 0
        self._strangers: set[int] = set()

    def __len__(self) -> int:
        return len(self._known)

    # What the application wants

    def add(self, spec: SubscriptionSpec, *, begun: bool) -> int:
        """Note a subscription, ask for it if there is a session, and return its id."""
        self._last_id += 1
        subscription = self._known[self._last_id] = Subscription(self._last_id, spec)
        if begun:
            self._request(subscription)
        return subscription.id

    def remove(self, identifier: int) -> None:
        """Give a subscription up; an unknown one is gone already."""
        subscription = self._known.get(identifier)
        if subscription is None or subscription.leaving:
            return
        subscription.leaving = True
        if subscription.stage is _Stage.WANTED:
            self._drop(subscription)
        elif subscription.stage is _Stage.ACTIVE:
            self._leave(subscription)
        # While the add is on its way a delete could overtake it (TLCP.md section 3.4): it follows the answer.

    def reconfigure(self, identifier: int, max_frequency: float | str) -> None:
        """Ask for another frequency, now or when the subscription is active; an unknown one is gone already.

        Raises:
            ValueError: No frequency.
        """
        check_frequency(max_frequency)
        subscription = self._known.get(identifier)
        if subscription is None:
            return
        subscription.frequency = max_frequency
        if subscription.stage is _Stage.ACTIVE:
            self._requests.queue("reconf", identifier, builders.reconf(identifier, max_frequency))

    # The session's life

    def begin(self) -> None:
        """Ask for everything that this session was not asked for yet."""
        for subscription in self._known.values():
            if subscription.stage is _Stage.WANTED:
                self._request(subscription)

    def reset(self) -> None:
        """Forget the session: bases are void, what was given up is gone."""
        self.live.clear()
        self._strangers.clear()
        for subscription in list(self._known.values()):
            if subscription.leaving or subscription.silent:
                self._drop(subscription)
            else:
                subscription.reset()

    # What the server says

    def subok(self, note: Subok | Subcmd) -> None:
        """A subscription is active."""
        subscription = self._find(note.subscription)
        if subscription is None:
            return
        self._requests.settle("add", subscription.id)
        if subscription.stage is not _Stage.REQUESTED:
            return  # the answer to a repeated request
        if subscription.leaving:
            self._leave(subscription)  # it never came to life for anybody
            return
        if not subscription.fits(note):
            text = f"the server's {note.items} items and {note.fields} fields are not those of the subscription"
            self._fail(subscription, _MISMATCH, text)
            self._leave(subscription)
            return
        subscription.activate(note)
        keys = (note.key, note.command) if isinstance(note, Subcmd) else (None, None)
        self._events.append(Subscribed(subscription.id, note.items, note.fields, *keys))
        if subscription.frequency is not None:
            self._requests.queue("reconf", subscription.id, builders.reconf(subscription.id, subscription.frequency))

    def unsub(self, note: Unsub) -> None:
        """A subscription is gone; only now is its state (C-066)."""
        subscription = self._known.get(note.subscription)
        if subscription is not None:
            self._requests.settle("delete", subscription.id)
            self._drop(subscription)

    def conf(self, note: Conf) -> None:
        """The frequency in force."""
        subscription = self._find(note.subscription)
        if subscription is None or subscription.silent or subscription.leaving:
            return
        limit = float(note.frequency) if note.frequency[0].isdigit() else None
        self._events.append(Reconfigured(subscription.id, limit, note.filtering != "unfiltered"))

    def update(self, note: Update) -> None:
        """An update, by the plain path.

        Raises:
            StreamProtocolError: It cannot be decoded, or belongs to nothing.
        """
        subscription = self._active(note.subscription, note.item)
        if subscription is None:
            return
        item = subscription.item(note.item)
        tokens = note.payload.split("|")
        self._events.append(item.update(tokens, self._json_patch, unset_is_null=self._unset_is_null))
        head = f"U,{note.subscription},{note.item}"
        if item.plain:
            self.live[head] = item
        else:
            self.live.pop(head, None)

    def eos(self, note: Eos) -> None:
        """The end of an item's snapshot, perhaps an empty one (C-094)."""
        subscription = self._active(note.subscription, note.item)
        if subscription is not None:
            subscription.item(note.item).snapshot = False
            self._events.append(SnapshotEnd(subscription.id, subscription.name(note.item), note.item))

    def cs(self, note: Cs) -> None:
        """An item's list is to be cleared."""
        subscription = self._active(note.subscription, note.item)
        if subscription is not None:
            subscription.item(note.item).clear()
            self._events.append(Cleared(subscription.id, subscription.name(note.item), note.item))

    def ov(self, note: Ov) -> None:
        """Updates were dropped by the server (C-096)."""
        subscription = self._active(note.subscription, note.item)
        if subscription is not None:
            self._events.append(ItemUpdatesLost(subscription.id, subscription.name(note.item), note.item, note.lost))

    def accepted(self, pending: Pending) -> None:
        """``REQOK``: the add cannot be overtaken any more."""
        subscription = self._known.get(pending.subject)
        if pending.operation == "add" and subscription is not None and subscription.leaving:
            self._leave(subscription)

    def refused(self, pending: Pending, code: int | None, message: str) -> None:
        """A request about one subscription failed; the others are not touched (C-062, C-064)."""
        subscription = self._known.get(pending.subject)
        if subscription is None:
            return
        if pending.operation == "add":
            if subscription.stage is _Stage.REQUESTED:
                if not subscription.leaving:
                    self._fail(subscription, code, message)
                self._drop(subscription)
        elif pending.operation == "reconf":
            if not (subscription.leaving or subscription.silent):
                self._events.append(SubscriptionError(subscription.id, code, message, "reconfigure"))
        elif code == _NOT_FOUND:
            self._drop(subscription)  # it is gone: no UNSUB will come (C-067)
        elif not subscription.silent:
            self._events.append(SubscriptionError(subscription.id, code, message, "unsubscribe"))

    def blame(self, line: str, reason: str, now: float) -> bool:
        """Take note that a line could not be read; return whether the session may go on without it.

        It may when the line is about a subscription that was given up, and when that one was at fault too often: then
        its subscription ends, and no other.
        """
        tag, identifier, *_ = *line.split(",", 2), ""
        known = tag in _ABOUT_SUBSCRIPTION and identifier.isascii() and identifier.isdigit() and len(identifier) < 10
        subscription = self._known.get(int(identifier)) if known else None
        if subscription is None:
            return False
        if not (subscription.leaving or subscription.silent):
            if now - subscription.fault_at > _FAULTS_BELONG_TOGETHER_S:
                subscription.faults = 0
            subscription.faults += 1
            subscription.fault_at = now
            if subscription.faults < (_TRIES if len(self._known) > 1 else _TRIES_ALONE):
                return False
            text = f"what came for it could not be read, {subscription.faults} times: {reason}"
            self._fail(subscription, _MISMATCH, text, "unreadable")
            self._leave(subscription)
        # What follows builds on what could not be read: it is for nobody.
        self._unlist(subscription)
        subscription.num_items = 0
        return True

    def unanswered(self, pending: Pending) -> bool:
        """A request got no answer, twice; return whether it was about anything of ours.

        Who gave up what was asked for meanwhile need not wait on.
        """
        subscription = self._known.get(pending.subject)
        if pending.operation == "add" and subscription is not None and subscription.leaving:
            self._drop(subscription)
        return subscription is not None

    def _request(self, subscription: Subscription) -> None:
        subscription.stage = _Stage.REQUESTED
        self._requests.queue("add", subscription.id, builders.add(subscription.id, subscription.spec))

    def _leave(self, subscription: Subscription) -> None:
        if subscription.stage is not _Stage.LEAVING:
            subscription.stage = _Stage.LEAVING
            self._requests.queue("delete", subscription.id, builders.delete(subscription.id))

    def _drop(self, subscription: Subscription) -> None:
        del self._known[subscription.id]
        self._unlist(subscription)
        if not subscription.silent:
            self._events.append(Unsubscribed(subscription.id))

    def _unlist(self, subscription: Subscription) -> None:
        for position in subscription.items:
            self.live.pop(f"U,{subscription.id},{position}", None)

    def _fail(
        self, subscription: Subscription, code: int | None, message: str, operation: Operation = "subscribe"
    ) -> None:
        subscription.silent = True
        self._events.append(SubscriptionError(subscription.id, code, message, operation))

    def _find(self, identifier: int) -> Subscription | None:
        subscription = self._known.get(identifier)
        if subscription is None and identifier not in self._strangers and len(self._strangers) < _MAX_STRANGERS:
            # The server feeds a subscription that this client does not have (C-069); ask once to end it.
            self._strangers.add(identifier)
            self._requests.queue("delete", identifier, builders.delete(identifier))
        return subscription

    def _active(self, identifier: int, position: int) -> Subscription | None:
        subscription = self._find(identifier)
        if subscription is None or subscription.silent:
            return None
        if subscription.leaving and not subscription.num_items:
            return None  # given up before it was accepted: whatever comes is for nobody
        if not 1 <= position <= subscription.num_items:
            # Without SUBOK there are no items yet.
            raise StreamProtocolError(f"subscription {identifier} has no item {position}")
        return subscription
