"""One deal at a time on one position or order: the others wait for their turn, first come, first served."""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Iterator

from ig_sdk.clock import Clock
from ig_sdk.errors import RequestTimeout, UsageError
from ig_sdk.rest.http.deadline import Deadline

# Without a limit of the caller's: longer than the deals ahead of it can take with all their attempts.
_PATIENCE_S = 3600.0


class Turns:
    """Keeps the deals of one client on one position or order apart.

    A close and an amendment share the position's reference: with two on their way, neither could tell its verdict.
    Deals on different ones do not wait for each other.

    Args:
        clock: Waits.

    Threading:
        Safe from any thread. The lock guards the queues only; a turn is no lock, and nothing is held while it is waited
        for.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        # Of each deal that is acted on now: who waits, in order. An entry ends with its last turn.
        self._waiting: dict[str, deque[threading.Event]] = {}
        self._closed = False

    @contextlib.contextmanager
    def of(self, deal_id: str, deadline: Deadline) -> Iterator[bool]:
        """Hold the turn of a position or order; yields whether it had to be waited for.

        Raises:
            RequestTimeout: It did not come in time; nothing was sent.
            UsageError: The client was closed meanwhile; nothing was sent.
        """
        turn = threading.Event()
        with self._lock:
            if self._closed:
                raise UsageError("this client is closed", hint="make a new IGClient")
            queue = self._waiting.get(deal_id)
            if queue is None:
                self._waiting[deal_id] = deque()
            else:
                queue.append(turn)
        if queue is not None:
            self._wait(deal_id, turn, deadline)
        try:
            yield queue is not None
        finally:
            self._pass_on(deal_id)

    def close(self) -> None:
        """Wake all that wait: their turn does not come any more."""
        with self._lock:
            self._closed = True
            waiting = [turn for queue in self._waiting.values() for turn in queue]
        for turn in waiting:
            turn.set()

    def _wait(self, deal_id: str, turn: threading.Event, deadline: Deadline) -> None:
        try:
            self._clock.wait(turn, max(min(deadline.left_s, _PATIENCE_S), 0.0))
        except BaseException:
            if not self._leave(deal_id, turn):
                self._pass_on(deal_id)
            raise
        if self._leave(deal_id, turn):  # still in the queue, so its turn has not come
            if self._closed:
                raise UsageError("the client was closed while the deal waited for another one; nothing was sent")
            raise RequestTimeout(
                f"another deal on {deal_id} is still on its way; nothing was sent",
                sent="no",
                hint="give it a longer timeout=, or wait for the other one first",
            )

    def _leave(self, deal_id: str, turn: threading.Event) -> bool:
        """Take a turn out of its queue; whether it was still in there."""
        with self._lock:
            queue = self._waiting.get(deal_id)
            if queue is None or turn not in queue:
                return False
            queue.remove(turn)
            return True

    def _pass_on(self, deal_id: str) -> None:
        with self._lock:
            queue = self._waiting[deal_id]
            if not queue:
                del self._waiting[deal_id]
                return
            following = queue.popleft()
        following.set()
