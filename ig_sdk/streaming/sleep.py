"""Whether this machine slept, found out from its two clocks; no clock of its own, no I/O."""

from __future__ import annotations

from datetime import datetime, timedelta

# Clocks that are corrected move by less; a sleep that is shorter is no hole that the line itself would not tell.
_LEAST_S = 5.0


class SleepWatch:
    """Compares the wall clock with the monotonic one, which stands still while the machine is suspended.

    Threading:
        Not safe: one thread.

    Source:
        clock_gettime(2): CLOCK_MONOTONIC does not count the time that the system is suspended.
    """

    __slots__ = ("_monotonic", "_wall")

    def __init__(self) -> None:
        self._wall: datetime | None = None
        self._monotonic = 0.0

    def check(self, wall: datetime, monotonic: float) -> float | None:
        """Return for how many seconds the machine slept since the last check, or ``None`` when it did not.

        Args:
            wall: Now, aware UTC.
            monotonic: Now, in seconds.
        """
        before, since = self._wall, self._monotonic
        self._wall, self._monotonic = wall, monotonic
        if before is None:
            return None
        slept = (wall - before) / timedelta(seconds=1) - (monotonic - since)
        return slept if slept >= _LEAST_S else None
