"""How long to wait before the next attempt."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ig_sdk.lightstreamer.tlcp.options import SessionOptions

# One for the recovery of a session that worked, one for the new session if that is refused.
_FREE: Final = 2
# They are granted again at most this often: otherwise a server that sends one update and hangs up would be hammered.
_FREE_EVERY_S: Final = 2.0
# A server that could not be had for so long is not asked as often as one that is away for a moment: night, weekend.
_LONG_OUTAGE_S: Final = 3600.0


class Backoff:
    """Growing waits with jitter.

    After a stream that worked the first reconnect is free, and so is the new session if the old one cannot be had back;
    everything further waits. A wait is between half and the whole of the current step, so that it neither vanishes nor
    makes clients march in step.
    """

    def __init__(self, options: SessionOptions, random: Callable[[], float]) -> None:
        self._options = options
        self._random = random
        self._free = _FREE
        self._freed_at = float("-inf")
        self._waits = 0
        self._waited_s = 0.0
        self._limit_s: float | None = None
        self.attempts = 0

    @property
    def longest_s(self) -> float:
        """The longest wait: the one that was asked for, else that of the settings for how long it has lasted."""
        if self._limit_s is not None:
            return self._limit_s
        options = self._options
        slow = self._waited_s >= _LONG_OUTAGE_S
        return max(options.max_delay_s, options.slow_delay_s) if slow else options.max_delay_s

    def limit(self, longest_s: float | None) -> None:
        """Let waits grow up to ``longest_s`` from now on; ``None`` for what the settings say."""
        self._limit_s = longest_s

    def begin(self) -> None:
        """Start from the beginning: the application connects."""
        self._free, self._freed_at = _FREE, float("-inf")
        self._waits = self.attempts = 0
        self._waited_s = 0.0

    def reset(self, now: float) -> None:
        """Note that the stream worked: DESIGN says when that may be said."""
        if self._free < _FREE and now - self._freed_at >= _FREE_EVERY_S:
            self._free = _FREE
            self._freed_at = now
        self._waits = self.attempts = 0
        self._waited_s = 0.0

    def first(self) -> float:
        """Return the wait after a stream that was bound: none if it had worked."""
        if self._free:
            self._free -= 1
            self.attempts += 1
            return 0.0
        return self.next()

    def next(self) -> float:
        """Return the wait after an attempt that failed."""
        self._free = 0
        options = self._options
        try:
            step = min(options.initial_delay_s * options.multiplier**self._waits, self.longest_s)
        except OverflowError:
            step = self.longest_s
        self._waits += 1
        self.attempts += 1
        wait = step * (0.5 + 0.5 * self._random())
        self._waited_s += wait
        return wait

    def longest(self) -> float:
        """Return the wait after a refusal for lack of room, where trying sooner makes it worse (codes 7 to 10)."""
        return max(self.next(), self.longest_s)


class Pace:
    """Lets a number of things happen at once, and then so many a second.

    Args:
        burst: How many at once.
        per_s: How many a second after that.
    """

    def __init__(self, burst: int, per_s: float) -> None:
        self._burst_s = (burst - 1) / per_s
        self._step_s = 1 / per_s
        self._next_at = float("-inf")  # when the next one is due at a perfectly even pace

    def delay(self, now: float) -> float:
        """Return how long the next one would have to wait; nothing is counted."""
        return max(self._next_at - now, 0.0)

    def wait(self, now: float) -> float:
        """Count one; return how long it has to wait."""
        due = max(self._next_at, now - self._burst_s)
        self._next_at = due + self._step_s
        return max(due - now, 0.0)
