"""Updates as an iterator: a bounded buffer between the dispatch thread and the thread that iterates."""

from __future__ import annotations

import threading
import weakref
from collections import deque
from collections.abc import Callable
from typing import Final, Literal

from ig_sdk.errors import StreamError, StreamOverflow, UsageError
from ig_sdk.lightstreamer.tlcp.updates import ItemUpdate
from ig_sdk.process import Home

_GLANCE_S: Final = 1.0

UpdateOverflow = Literal["drop_oldest", "block", "fail"]


class UpdateBuffer:
    """What one iterator has not taken yet.

    Args:
        limit: Updates that may wait.
        overflow: What happens when more come: ``"drop_oldest"`` counts them as lost, ``"block"`` lets the dispatch
            thread wait, and in the end the server; ``"fail"`` ends the iterator with ``StreamOverflow``.

    Threading:
        Safe from any thread.
    """

    def __init__(self, limit: int, overflow: UpdateOverflow) -> None:
        self.lost = 0
        self._limit = limit
        self._overflow = overflow
        self._updates: deque[ItemUpdate] = deque()
        self._condition = threading.Condition(threading.Lock())
        self._ended = False
        self._error: StreamError | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing more will be put in."""
        return self._ended

    def put(self, update: ItemUpdate) -> None:
        """Add one update; with ``"block"`` wait until there is room or the iterator has ended."""
        with self._condition:
            if self._overflow == "block":
                while len(self._updates) >= self._limit and not self._ended:
                    self._condition.wait(_GLANCE_S)
            if self._ended:
                return
            if len(self._updates) >= self._limit:
                if self._overflow == "fail":
                    self._ended = True
                    self._error = StreamOverflow(f"{self._limit} updates wait to be taken, and none must be lost")
                    self._condition.notify_all()
                    return
                self._updates.popleft()
                self.lost += 1
            self._updates.append(update)
            self._condition.notify_all()

    def get(self, timeout: float | None) -> ItemUpdate | None:
        """Return the next update, or ``None`` when there is none in time or there will be none.

        Raises:
            StreamError: The subscription or the stream ended with this error.
        """
        with self._condition:
            self._condition.wait_for(lambda: self._updates or self._ended, timeout)
            if self._updates:
                update = self._updates.popleft()
                self._condition.notify_all()
                return update
            if self._error is not None:
                raise self._error
            return None

    def end(self, error: StreamError | None = None) -> None:
        """Let both sides go: what is buffered can still be taken."""
        with self._condition:
            if not self._ended:
                self._ended, self._error = True, error
            self._condition.notify_all()


class UpdateIterator:
    """The updates of one subscription, from the moment the iterator was made.

    ::

        for update in subscription.updates(timeout=30):
            print(update["BID"])

    The iteration ends when the subscription or the client is closed, when ``close`` is called, or when ``timeout``
    seconds passed without an update. It raises what ended the stream, when that was an error.

    Attributes:
        timed_out: Whether it ended for want of an update.

    Threading:
        Iterate from one thread, not from a callback; ``close`` from any.
    """

    def __init__(self, buffer: UpdateBuffer, timeout: float | None, in_callback: Callable[[], bool]) -> None:
        self.timed_out = False
        self._buffer = buffer
        self._timeout = timeout
        self._in_callback = in_callback
        self._home = Home("iterator", "make a new LightstreamerClient in this process, after the fork")
        # An iterator that is merely forgotten must not hold up a stream whose rule is "block".
        weakref.finalize(self, buffer.end).atexit = False

    @property
    def lost(self) -> int:
        """Updates dropped because the iterating thread was too slow."""
        return self._buffer.lost

    def __iter__(self) -> UpdateIterator:
        return self

    def __next__(self) -> ItemUpdate:
        update = self.poll(self._timeout)
        if update is None:
            self.timed_out = not self._buffer.ended
            raise StopIteration
        return update

    def poll(self, timeout: float | None) -> ItemUpdate | None:
        """Return the next update, or ``None`` when none came within ``timeout`` seconds, or none will come.

        Args:
            timeout: Seconds to wait, or ``None`` to wait until it ends.

        Raises:
            StreamError: The subscription or the stream ended with this error.
            UsageError: Called inside a callback, which nothing could ever follow.
        """
        self._home.check()
        if self._in_callback():
            raise UsageError("updates cannot be awaited inside a callback", hint="use on_update, or another thread")
        return self._buffer.get(timeout)

    def close(self) -> None:
        """End the iteration, from any thread."""
        if self._home.left:
            return
        self._buffer.end()
