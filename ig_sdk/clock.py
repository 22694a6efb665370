"""Time as a parameter. The only module that imports :mod:`time`."""

from __future__ import annotations

import threading
import time
from datetime import datetime, timedelta, timezone
from typing import Protocol


class Clock(Protocol):
    """Time, as ig_sdk needs it."""

    def now(self) -> datetime:
        """Return the wall-clock time, aware UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never go backwards."""
        ...

    def wait(self, event: threading.Event, timeout: float) -> bool:
        """Wait until ``event`` is set or ``timeout`` seconds passed; return whether it is set."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the wall-clock time, aware UTC."""
        return datetime.now(timezone.utc)

    def monotonic(self) -> float:
        """Return seconds that never go backwards."""
        return time.monotonic()

    def wait(self, event: threading.Event, timeout: float) -> bool:
        """Wait until ``event`` is set or ``timeout`` seconds passed; return whether it is set."""
        return event.wait(max(timeout, 0.0))


class ManualClock:
    """A clock that moves only by :meth:`advance`: for tests and simulations.

    Threading:
        Safe from any thread. :meth:`advance` wakes every :meth:`wait` whose time has come.
    """

    # A thread cannot wait for an Event and for the clock at once, so it checks both this often.
    _CHECK_S = 0.002
    # Decimal places of a second, those of now(): a wait for an instant that now() shows must not miss it by rounding.
    _PLACES = 6

    def __init__(self, start: datetime | None = None) -> None:
        self._lock = threading.Lock()
        self._start = start or datetime(2025, 1, 6, tzinfo=timezone.utc)
        self._elapsed = 0.0
        self._waiting = 0

    def now(self) -> datetime:
        """Return the start plus everything advanced so far, aware UTC."""
        with self._lock:
            return self._start + timedelta(seconds=self._elapsed)

    def monotonic(self) -> float:
        """Return the seconds advanced so far."""
        with self._lock:
            return self._elapsed

    @property
    def waiting(self) -> int:
        """How many threads are inside :meth:`wait` now."""
        with self._lock:
            return self._waiting

    def advance(self, seconds: float) -> None:
        """Move time forward by ``seconds``."""
        if seconds < 0:
            raise ValueError(f"time does not go backwards: {seconds}")
        with self._lock:
            self._elapsed = round(self._elapsed + seconds, self._PLACES)

    def wait(self, event: threading.Event, timeout: float) -> bool:
        """Wait until ``event`` is set or the clock was advanced by ``timeout``; return whether it is set."""
        with self._lock:
            deadline = round(self._elapsed + timeout, self._PLACES)
            self._waiting += 1
        try:
            while self.monotonic() < deadline:
                if event.wait(self._CHECK_S):
                    return True
            return event.is_set()
        finally:
            with self._lock:
                self._waiting -= 1
