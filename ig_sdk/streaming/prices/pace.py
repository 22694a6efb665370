"""At most so many ticks a second of one market, the latest first; time in, ticks out: no clock, no I/O."""

from __future__ import annotations

from ig_sdk.types import Tick


class Pace:
    """Thins the ticks of a market out: what comes too soon waits, and gives way to what comes after it.

    So the price that is passed on is never older than the interval, and the last one of a burst is never lost.

    Args:
        per_second: Ticks a second at most.

    Attributes:
        due: When a tick that waits may go, monotonic seconds; infinity while none waits.
        thinned: Ticks that gave way to a later one.

    Threading:
        Not safe: the caller holds one lock.
    """

    __slots__ = ("_free_at", "_held", "_interval_s", "due", "thinned")

    def __init__(self, per_second: float) -> None:
        self._interval_s = 1.0 / per_second
        self._free_at = float("-inf")
        self._held: Tick | None = None
        self.due = float("inf")
        self.thinned = 0

    def offer(self, tick: Tick, now: float) -> Tick | None:
        """Take the next tick; return the one that may go now, or ``None`` when it has to wait."""
        if self._held is not None:
            self.thinned += 1
        if now < self._free_at:
            self._held, self.due = tick, self._free_at
            return None
        self._go(now)
        return tick

    def release(self, now: float) -> Tick | None:
        """Return the tick that waited, if it may go now."""
        if now < self.due:
            return None
        held = self._held
        self._go(now)
        return held

    def _go(self, now: float) -> None:
        self._held, self.due = None, float("inf")
        self._free_at = now + self._interval_s
