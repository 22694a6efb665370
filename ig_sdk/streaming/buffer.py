"""The bounded buffer between the dispatch thread and a reader of prices."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from heapq import heappop, heappush, heapreplace
from typing import Generic, Literal, TypeVar

from ig_sdk.clock import Clock

Item = TypeVar("Item")
Overflow = Literal["drop_oldest", "block"]


@dataclass(frozen=True, slots=True)
class Dropped:
    """Takes the place of items of a lane that were dropped.

    Attributes:
        count: How many.
    """

    count: int


class _Lane(Generic[Item]):
    """Unread items of one market, numbered, and how many were dropped before the first of them."""

    __slots__ = ("items", "lost")

    def __init__(self) -> None:
        self.items: deque[tuple[int, Item]] = deque()
        self.lost = 0


class LaneBuffer(Generic[Item]):
    """A queue that keeps the order of all items but limits each market by itself.

    A busy market that overflows drops (or waits for) its own items; a quiet one loses nothing.

    Args:
        capacity: Items kept of each lane.
        overflow: ``"drop_oldest"``: a full lane loses its oldest item; a ``Dropped`` takes its place.
            ``"block"``: :meth:`put` waits until the reader has made room, or the buffer is closed.
        clock: Time for the waits.

    Threading:
        Safe from any thread; the lock is a leaf. :meth:`end` and :meth:`close` wake every wait.
    """

    def __init__(self, capacity: int, *, overflow: Overflow, clock: Clock) -> None:
        self._capacity = max(capacity, 1)
        self._block = overflow == "block"
        self._clock = clock
        self._lock = threading.Lock()
        self._lanes: dict[str, _Lane[Item]] = {}
        # (number of the lane's first item, its name): one entry for each lane with items, so the next item is found in
        # O(log lanes). Dropping a first item makes an entry too small; it is corrected when it comes up.
        self._heads: list[tuple[int, str]] = []
        self._number = 0
        self._ended = False
        self._waiting = False  # a reader has found nothing
        self._ready = threading.Event()
        self._room = threading.Event()

    @property
    def ended(self) -> bool:
        """Whether everything was read and nothing more will come."""
        with self._lock:
            return self._ended and not self._heads

    @property
    def depth(self) -> int:
        """How many items are unread."""
        with self._lock:
            return sum(len(lane.items) for lane in self._lanes.values())

    def put(self, name: str, item: Item, *, capacity: int = 0) -> None:
        """Append ``item`` to the lane ``name``; after :meth:`end` it is discarded.

        Args:
            name: The lane.
            item: What to append.
            capacity: The lane's own, if it is larger than the buffer's.
        """
        capacity = max(capacity, self._capacity)
        while True:
            with self._lock:
                if self._ended:
                    return
                lane = self._lanes.get(name)
                if lane is None:
                    lane = self._lanes[name] = _Lane()
                items = lane.items
                if len(items) < capacity or not self._block:
                    number = self._number
                    if not items:
                        heappush(self._heads, (number, name))
                    elif len(items) >= capacity:
                        items.popleft()
                        lane.lost += 1
                    items.append((number, item))
                    self._number = number + 1
                    if self._waiting:
                        self._waiting = False
                        self._ready.set()
                    return
                self._room.clear()
            self._clock.wait(self._room, _LONG_S)

    def take(self, timeout: float | None) -> tuple[str, Item | Dropped] | None:
        """Return the next item with its lane's name, or ``None`` when none came in time or the buffer has ended.

        Args:
            timeout: Seconds to wait, ``None`` for as long as it takes.
        """
        deadline = None if timeout is None else self._clock.monotonic() + timeout
        while True:
            with self._lock:
                if self._heads:
                    return self._pop()
                if self._ended:
                    return None
                self._ready.clear()
                self._waiting = True
            left = _LONG_S if deadline is None else deadline - self._clock.monotonic()
            if left <= 0.0:
                return None
            self._clock.wait(self._ready, left)

    def _pop(self) -> tuple[str, Item | Dropped]:
        heads = self._heads
        while True:
            number, name = heads[0]
            lane = self._lanes[name]
            first = lane.items[0][0]
            if first == number:
                break
            heapreplace(heads, (first, name))
        if lane.lost:
            dropped = Dropped(lane.lost)
            lane.lost = 0
            return name, dropped
        item = lane.items.popleft()[1]
        if lane.items:
            heapreplace(heads, (lane.items[0][0], name))
        else:
            heappop(heads)
        # A blocked writer goes on when the lane is half empty: one thread switch for many items.
        if self._block and len(lane.items) <= self._capacity // 2:
            self._room.set()
        return name, item

    def end(self) -> None:
        """Take nothing more; unread items can still be read."""
        with self._lock:
            self._ended = True
        self._wake()

    def close(self) -> None:
        """Take nothing more and discard the unread items."""
        with self._lock:
            self._ended = True
            self._heads.clear()
            self._lanes.clear()
        self._wake()

    def _wake(self) -> None:
        self._ready.set()
        self._room.set()


# An event ends this wait; the limit is a safety net in case one is missed.
_LONG_S = 60.0
