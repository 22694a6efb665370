"""What every Python peer does with its updates: count them or note how late they came, and print one line of JSON.

Standard library only: peers import it in environments of their own.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import threading
import time
from pathlib import Path

FIELDS = ("BID", "OFFER", "UPDATE_TIME", "MARKET_STATE", "CHANGE")
ITEMS = tuple(f"MARKET:CS.D.PAIR{number:02d}.CFD.IP" for number in range(20))
STAMP = "UPDATE_TIME"  # holds the server's monotonic nanoseconds when it paces itself
LONGEST_S = 280.0
# The start (imports that come late, caches, the other core's sleep) is not what is measured.
WARM_UP_SHARE = 0.1


def cpu_s() -> float:
    """Return the CPU time of all threads so far."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def resident_mb() -> float:
    """Return the memory in use now, or, if the system does not say, the most so far."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
    except OSError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / (2**20 if sys.platform == "darwin" else 2**10)


def quantile(ordered: list[float], share: float) -> float:
    """Return the value below which ``share`` of the ordered values lie."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


class Sink:
    """The end of the way of ``count`` updates."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.seen = 0
        self.late_ns: list[int] = []
        self.done = threading.Event()
        self._start = self._cpu = self._memory = 0.0
        self._seconds = self._cpu_used = self._grown = 0.0

    def begin(self) -> None:
        """The subscription is active: CPU time counts from here."""
        self._cpu = cpu_s()

    def first(self) -> None:
        """The first update is here: time counts from here."""
        self._start = time.perf_counter()

    def warm(self) -> None:
        """What is allocated once is allocated: memory counts from here."""
        self._memory = resident_mb()

    def last(self) -> None:
        """All updates are here."""
        self._seconds = time.perf_counter() - self._start
        self._cpu_used = cpu_s() - self._cpu
        self._grown = resident_mb() - self._memory
        self.done.set()

    def finish(self) -> None:
        """Wait for the last update, print what was measured and end the process."""
        if not self.done.wait(LONGEST_S):
            print(f"{self.seen} of {self.count} updates came", file=sys.stderr, flush=True)
            os._exit(1)
        late = self.late_ns[int(len(self.late_ns) * WARM_UP_SHARE) :]
        ordered = sorted(nanoseconds / 1e3 for nanoseconds in late)
        figures = {
            "seconds": self._seconds,
            "cpu_us": self._cpu_used / self.count * 1e6,
            "grown_mb": self._grown,
            "p50_us": quantile(ordered, 0.5),
            "p99_us": quantile(ordered, 0.99),
            # With a backlog even the quickest of the last updates is late.
            "end_us": min(late[-max(1, len(late) // 60) :], default=0) / 1e3,
        }
        print(json.dumps(figures), flush=True)
        os._exit(0)  # some peers' threads never end by themselves
