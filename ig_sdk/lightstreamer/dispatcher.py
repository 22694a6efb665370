"""The dispatch thread and the bounded queue before it.

Events are put in once per socket read and taken out in slices, so that neither thread pays a lock for each update.
"""

from __future__ import annotations

import contextvars
import threading
from collections import deque
from collections.abc import Callable
from typing import Final

from ig_sdk.lightstreamer.net.sockets import LONGEST_WAIT_S, Waker
from ig_sdk.lightstreamer.shares import shed
from ig_sdk.lightstreamer.tlcp.events import Event, SubscriptionError
from ig_sdk.lightstreamer.tlcp.updates import ItemUpdate

_SLICE: Final = 64

THREAD_NAME: Final = "ig-stream-dispatch"


class Dispatcher:
    """Hands events to ``deliver`` on a thread of its own, in order.

    Args:
        deliver: Called with a few events at a time; must not raise.
        limit: Events that may wait. Above it the oldest updates of the items that hold more than their share give way
            to an ``ItemUpdatesLost``; when none may, ``put`` says that it is full. See ``shares``.
        may_drop: Whether the updates of this subscription id may be dropped. Called under the lock: a mere look-up,
            whose answer may change; ``reconsider`` then.
        on_room: Called, without any lock, when there is room again after ``put`` said that there is none.
        fails: Whether the subscription is to end with a ``SubscriptionError`` (``"overflow"``) at its first update that
            finds no room; what came before it is delivered. Called as ``may_drop`` is.

    Threading:
        ``put`` from one thread; everything else from any.
    """

    def __init__(
        self,
        deliver: Callable[[list[Event]], None],
        *,
        limit: int,
        may_drop: Callable[[int], bool],
        on_room: Callable[[], None],
        fails: Callable[[int], bool] = lambda _: False,
    ) -> None:
        self._deliver = deliver
        self._limit = limit
        self._slice = max(1, min(_SLICE, limit // 8))
        self._may_drop = may_drop
        self._on_room = on_room
        self._fails = fails
        self._failed: set[int] = set()  # ids are not used twice
        self._lock = threading.Lock()
        # Not a Condition: its notify() keeps the interpreter's lock, so that the woken thread would run into that one
        # and sleep again. Writing to a socket lets go of it (measured: half the latency's 99th percentile).
        self._bell = Waker()
        self._idle = False  # the thread waits for the bell
        self._batches: deque[list[Event]] = deque()
        self._taken = 0  # events of the first batch that are already delivered
        self._size = 0
        self._full = False
        self._stopped = False
        self._dropped = 0
        # In the context of the thread that opens the stream, so that log records carry the same correlation id.
        context = contextvars.copy_context()
        self._thread = threading.Thread(target=context.run, args=(self._run,), name=THREAD_NAME, daemon=True)

    @property
    def depth(self) -> int:
        """Events that wait."""
        return self._size

    @property
    def dropped(self) -> int:
        """Updates dropped so far."""
        return self._dropped

    @property
    def has_room(self) -> bool:
        """Whether the socket should be read."""
        return not self._full

    def start(self) -> None:
        """Start the thread."""
        self._bell.open()
        self._thread.start()

    def on_own_thread(self) -> bool:
        """Whether the caller runs inside a callback."""
        return threading.current_thread() is self._thread

    def put(self, events: list[Event]) -> bool:
        """Queue what one read brought; return False when no more should be read until ``on_room``."""
        with self._lock:
            if self._stopped:
                return True
            if self._failed:
                events = [event for event in events if not self._is_late(event)]
            if not events:
                return not self._full
            self._batches.append(events)
            self._size += len(events)
            if self._size > self._limit:
                self._shed()
            idle, self._idle = self._idle, False
            full = self._full
        if idle:
            self._bell.wake()
        return not full

    def reconsider(self) -> None:
        """Look again whether the queue is full: what may be dropped has changed."""
        with self._lock:
            if not self._full:
                return
            full = self._shed()
        if not full:
            self._on_room()

    def stop(self, last: list[Event]) -> None:
        """Let the thread end: undelivered updates are dropped, what else waits and ``last`` are delivered."""
        with self._lock:
            if self._stopped:
                return
            waiting = [event for event in self._waiting() if type(event) is not ItemUpdate]
            self._batches = deque([waiting + last])
            self._taken, self._size = 0, len(waiting) + len(last)
            self._stopped = True
            self._full = False
        self._bell.wake()

    def join(self, timeout: float) -> bool:
        """Wait for the thread's end; return whether it ended. True at once inside a callback."""
        if self._thread.ident is None or self.on_own_thread():
            return True
        self._thread.join(max(timeout, 0.0))
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            while events := self._take():
                self._deliver(events)
        finally:
            self._bell.close()

    def _take(self) -> list[Event]:
        """Return the next events, waiting for them; none when the thread is to end."""
        while True:
            with self._lock:
                if self._batches or self._stopped:
                    events = self._first_slice() if self._batches else []
                    freed = self._full and self._size <= self._limit // 2
                    if freed:
                        self._full = False
                    break
                self._idle = True
            self._bell.wait(LONGEST_WAIT_S)
        if freed:
            self._on_room()
        return events

    def _first_slice(self) -> list[Event]:
        batch = self._batches[0]
        start = self._taken
        end = start + self._slice
        if end >= len(batch):
            self._batches.popleft()
            self._taken = 0
            events = batch[start:] if start else batch
        else:
            self._taken = end
            events = batch[start:end]
        self._size -= len(events)
        return events

    def _waiting(self) -> list[Event]:
        rest = list(self._batches)
        if rest and self._taken:
            rest[0] = rest[0][self._taken :]
        return [event for batch in rest for event in batch]

    def _shed(self) -> bool:
        """Make room: see ``shed``; then end what must not lose anything, from its first update without room on.

        Returns:
            Whether it is full all the same.
        """
        events, dropped, failing = shed(self._waiting(), self._limit, self._may_drop, self._fails)
        if failing:
            events = self._fail(events, failing)
        self._batches = deque([events])
        self._taken, self._size = 0, len(events)
        self._dropped += dropped
        self._full = full = self._size > self._limit
        return full

    def _fail(self, events: list[Event], failing: set[int]) -> list[Event]:
        kept = events[: self._limit]
        for event in events[self._limit :]:
            identifier = event.subscription_id if type(event) is ItemUpdate else None
            if identifier is None or identifier not in failing:
                kept.append(event)
            elif identifier not in self._failed:
                self._failed.add(identifier)
                text = f"{self._limit} events wait for the callbacks, and this subscription must not lose any"
                kept.append(SubscriptionError(identifier, None, text, "overflow"))
        return kept

    def _is_late(self, event: Event) -> bool:
        return type(event) is ItemUpdate and event.subscription_id in self._failed
