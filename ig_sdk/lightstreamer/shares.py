"""Who gives way in a queue that is full: whoever holds more than its share of it, the oldest first.

The unit is one item of one subscription, so that a flood in one market costs another one nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from ig_sdk.lightstreamer.tlcp.events import Event, ItemUpdatesLost
from ig_sdk.lightstreamer.tlcp.updates import ItemUpdate, count_by_item

# Cutting looks at the whole queue, so a little more than needed is cut, and it is not looked at for each update.
_SLACK: Final = 8

Item = tuple[int, int]  # subscription, position


@dataclass(frozen=True, slots=True)
class Shares:
    """What each item holds of the events that wait.

    Attributes:
        held: Updates that wait, by item.
        share: Updates that an item may always hold: an equal part of what the other events leave of the limit.
    """

    held: Mapping[Item, int]
    share: int

    @classmethod
    def of(cls, events: Sequence[Event], limit: int) -> Shares:
        """Count."""
        held: Counter[Item] = Counter()
        for info, count in count_by_item(events).items():
            held[info.subscription_id, info.position] += count
        others = len(events) - held.total()
        return cls(held, max(limit - others, 0) // max(len(held), 1))

    def greedy(self) -> set[int]:
        """Return the subscriptions with an item that holds more than its share."""
        return {item[0] for item, count in self.held.items() if count > self.share}

    def surplus(self, number: int, may_drop: Callable[[int], bool], *, least: int) -> dict[Item, int]:
        """Return how many updates each item gives up, so that ``number`` are given up in all, if that can be.

        Only who holds more than a share gives anything, and those who hold most give most: they all come down to one
        level.

        Args:
            number: How many.
            may_drop: Whether updates of a subscription may be dropped.
            least: The lowest level; at most the share.
        """
        greedy = {item: count for item, count in self.held.items() if count > self.share and may_drop(item[0])}
        low, high = least, max(greedy.values(), default=least)
        while low < high:  # the highest level that is low enough
            level = (low + high + 1) // 2
            if sum(count - level for count in greedy.values() if count > level) >= number:
                low = level
            else:
                high = level - 1
        return {item: count - low for item, count in greedy.items() if count > low}


def shed(
    events: list[Event], limit: int, may_drop: Callable[[int], bool], fails: Callable[[int], bool]
) -> tuple[list[Event], int, set[int]]:
    """Let updates give way until ``limit`` events are left.

    More than ``limit`` are left where what may be dropped holds no more than its share. Where a subscription would fail
    otherwise, who holds more than its share gives up all that is needed.

    Args:
        events: What waits, in order.
        limit: How many may wait.
        may_drop: Whether updates of a subscription may be dropped.
        fails: Whether a subscription ends at an update without room.

    Returns:
        The events that are left, how many updates were dropped, and who has to end now: of those that may lose nothing
        the ones that hold more than their share.
    """
    dropped = 0
    while len(events) > limit:
        shares = Shares.of(events, limit)
        failing = {subscription_id for subscription_id in shares.greedy() if fails(subscription_id)}
        least = 0 if failing else shares.share - shares.share // _SLACK
        number = len(events) - limit + limit // _SLACK
        surplus = shares.surplus(number, may_drop, least=least)
        if not surplus:
            return events, dropped, failing
        events = _cut(events, surplus)
        dropped += sum(surplus.values())
    return events, dropped, set()


def _cut(events: Sequence[Event], surplus: Mapping[Item, int]) -> list[Event]:
    """Return the events without the oldest updates of each item, as many as ``surplus`` says."""
    cutting = _Cutting()
    due = dict(surplus)
    left = sum(due.values())
    for place, event in enumerate(events):
        if not left:
            return cutting.result(events[place:])
        if type(event) is ItemUpdate and due.get(item := (event.subscription_id, event.position), 0):
            due[item] -= 1
            left -= 1
            cutting.lose(event.subscription_id, event.item, 1)
        else:
            cutting.keep(event)
    return cutting.result(())


class _Cutting:
    """What remains of the oldest events when updates are taken out: one loss in the place of many updates."""

    def __init__(self) -> None:
        self._kept: list[Event] = []
        # Of each item the place in `_kept` where its losses are reported. Forgotten when another event about it
        # follows, so that a loss never moves across "subscribed" or "unsubscribed".
        self._places: dict[int, dict[str | None, int]] = {}  # subscription: name: place
        self._counts: dict[int, int] = {}  # place: updates lost

    def keep(self, event: Event) -> None:
        """Keep what is not dropped; an earlier loss becomes part of the new one."""
        if isinstance(event, ItemUpdatesLost) and event.where == "client":
            self.lose(event.subscription_id, event.item, event.count)
            return
        places = self._places.get(getattr(event, "subscription_id", 0))
        if places:
            if hasattr(event, "item"):
                places.pop(event.item, None)
            else:
                places.clear()
        self._kept.append(event)

    def lose(self, subscription_id: int, name: str | None, count: int) -> None:
        """Report a loss, as part of the one before where nothing else of the item lies between."""
        places = self._places.setdefault(subscription_id, {})
        place = places.get(name)
        if place is None:
            places[name] = place = len(self._kept)
            self._counts[place] = 0
            self._kept.append(ItemUpdatesLost(subscription_id, name, 0, 0, "client"))
        self._counts[place] += count

    def result(self, rest: Sequence[Event]) -> list[Event]:
        """Return the remaining events in order, ``rest`` last."""
        for place, count in self._counts.items():
            loss = self._kept[place]
            assert isinstance(loss, ItemUpdatesLost)
            self._kept[place] = replace(loss, count=count)
        return [*self._kept, *rest]
