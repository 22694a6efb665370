"""The subscriptions of a client, over all its sessions (TLCP.md section 14.5)."""

from __future__ import annotations

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
from ig_sdk.lightstreamer.tlcp.items import ItemState
from ig_sdk.lightstreamer.tlcp.pending import Pending, PendingRequests
from ig_sdk.lightstreamer.tlcp.spec import Mode, SubscriptionSpec, check_frequency
from ig_sdk.lightstreamer.tlcp.subscribed import FormerNames, Stage, Subscription

__all__ = ["Mode", "Subscription", "SubscriptionSpec", "Subscriptions"]

_MAX_STRANGERS: Final = 1_000
# The official clients' own code for an answer that cannot be right (TLCP.md section 18.3).
_MISMATCH: Final = 61
_NOT_FOUND: Final = 19


class Subscriptions:
    """All subscriptions, by id; the id is also the first ``LS_subId`` (C-056).

    Attributes:
        live: ``"U,<subscription>,<item>"`` to the items whose next update the fast path may take.
        wired: By the server's name for them.
        former: Names that were given up.
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
        self.wired: dict[int, Subscription] = {}
        self.former = FormerNames()
        self._events = events
        self._requests = requests
        self._json_patch = json_patch
        self._unset_is_null = unset_is_null
        self._known: dict[int, Subscription] = {}
        self._last_id = 0
        self._strangers: set[int] = set()

    # What the application wants

    def add(self, spec: SubscriptionSpec, *, begun: bool) -> int:
        """Note a subscription, ask for it if there is a session, and return its id."""
        self._last_id += 1
        subscription = self._known[self._last_id] = self.wired[self._last_id] = Subscription(self._last_id, spec)
        if begun:
            self._request(subscription)
        return subscription.id

    def remove(self, identifier: int) -> None:
        """Give a subscription up; an unknown one is gone already."""
        subscription = self._known.get(identifier)
        if subscription is None or subscription.leaving:
            return
        subscription.leaving = True
        if subscription.stage is Stage.WANTED:
            self._drop(subscription)
        elif subscription.stage is Stage.ACTIVE:
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
        if subscription.stage is Stage.ACTIVE:
            self._requests.queue("reconf", subscription.wire, builders.reconf(subscription.wire, max_frequency))

    # The session's life

    def begin(self) -> None:
        """Ask for everything that this session was not asked for yet."""
        for subscription in self._known.values():
            if subscription.stage is Stage.WANTED:
                self._request(subscription)

    def reset(self) -> None:
        """Forget the session: bases are void, what was given up is gone."""
        self.live.clear()
        self._strangers.clear()
        self.former.clear()
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
        self._requests.settle("add", subscription.wire)
        if subscription.stage is not Stage.REQUESTED:
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
            self.reconfigure(subscription.id, subscription.frequency)

    def unsub(self, note: Unsub) -> None:
        """A subscription is gone; only now is its state (C-066)."""
        self._requests.settle("delete", note.subscription)
        self._events += self.former.end(note.subscription)
        subscription = self.wired.get(note.subscription)
        if subscription is not None:
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
            self.former.miss(note.subscription, note.item, 1)
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
        if subscription is None:
            self.former.miss(note.subscription, note.item, note.lost)
        else:
            self._events.append(ItemUpdatesLost(subscription.id, subscription.name(note.item), note.item, note.lost))

    def accepted(self, pending: Pending) -> None:
        """``REQOK``: the add cannot be overtaken any more."""
        subscription = self.wired.get(pending.subject)
        if pending.operation == "add" and subscription is not None and subscription.leaving:
            self._leave(subscription)

    def refused(self, pending: Pending, code: int | None, message: str) -> None:
        """A request about one subscription failed; the others are not touched (C-062, C-064)."""
        subscription = self.wired.get(pending.subject)
        if subscription is None:
            return
        if pending.operation == "add":
            if subscription.stage is Stage.REQUESTED:
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

    def renew(self, subscription: Subscription, position: int) -> None:
        """Ask for it anew, by another name: an update was lost (0: of any item), and what follows may build on it."""
        if subscription.leaving or subscription.silent or subscription.stage is Stage.WANTED:
            return
        if subscription.stage is Stage.ACTIVE or self.former.of(subscription):
            self._events.append(subscription.damaged(position, 1))
        old = subscription.wire
        self._unlist(subscription)
        self._requests.settle("add", old)
        self._requests.queue("delete", old, builders.delete(old))
        self.former.add(subscription)
        del self.wired[old]
        self._last_id += 1
        subscription.wire = self._last_id
        self.wired[subscription.wire] = subscription
        subscription.reset()
        self._request(subscription)

    def give_up(self, subscription: Subscription, why: str) -> None:
        """End one whose lines cannot be read; what follows builds on them, and is for nobody."""
        if not (subscription.leaving or subscription.silent):
            self._fail(subscription, _MISMATCH, why, "unreadable")
            self._leave(subscription)
        self._unlist(subscription)
        subscription.num_items = 0

    def unanswered(self, pending: Pending) -> bool:
        """A request got no answer, twice; return whether it was about anything of ours.

        Who gave up what was asked for meanwhile need not wait on.
        """
        subscription = self.wired.get(pending.subject)
        if pending.operation == "add" and subscription is not None and subscription.leaving:
            self._drop(subscription)
        return subscription is not None

    def _request(self, subscription: Subscription) -> None:
        subscription.stage = Stage.REQUESTED
        self._requests.queue("add", subscription.wire, builders.add(subscription.wire, subscription.spec))

    def _leave(self, subscription: Subscription) -> None:
        if subscription.stage is not Stage.LEAVING:
            subscription.stage = Stage.LEAVING
            self._requests.queue("delete", subscription.wire, builders.delete(subscription.wire))

    def _drop(self, subscription: Subscription) -> None:
        del self._known[subscription.id]
        del self.wired[subscription.wire]
        self._unlist(subscription)
        if not subscription.silent:
            self._events.append(Unsubscribed(subscription.id))

    def _unlist(self, subscription: Subscription) -> None:
        for position in subscription.items:
            self.live.pop(f"U,{subscription.wire},{position}", None)

    def _fail(
        self, subscription: Subscription, code: int | None, message: str, operation: Operation = "subscribe"
    ) -> None:
        subscription.silent = True
        self._events.append(SubscriptionError(subscription.id, code, message, operation))

    def _find(self, identifier: int) -> Subscription | None:
        subscription = self.wired.get(identifier)
        if subscription is not None or identifier in self.former:
            return subscription
        if identifier not in self._strangers and len(self._strangers) < _MAX_STRANGERS:
            # The server feeds a subscription that this client does not have (C-069); ask once to end it.
            self._strangers.add(identifier)
            self._requests.queue("delete", identifier, builders.delete(identifier))
        return None

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
