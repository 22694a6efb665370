"""What can go wrong with single lines of a stream, on their way to the socket."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from random import Random


@dataclass
class _LineFault:
    """A change of the next lines that have a given beginning."""

    beginning: str
    change: Callable[[str], str]
    left: int


class LineFaults:
    """Changes of lines that are about to be written.

    Args:
        seed: Seed of the damage.

    Attributes:
        active: Whether ``spoiled`` has anything to do; a writer asks before each batch.

    Threading:
        Safe from any thread.
    """

    def __init__(self, seed: int) -> None:
        self.active = False
        self._random = Random(seed)
        self._lock = threading.Lock()
        self._faults: list[_LineFault] = []

    def add(self, times: int, beginning: str, change: Callable[[str], str] | None) -> None:
        """Change the next ``times`` lines with this beginning; without ``change`` they are damaged."""
        if times > 0:
            with self._lock:
                self._faults.append(_LineFault(beginning, change or self._damaged, times))
                self.active = True

    def clear(self) -> None:
        """Forget every change."""
        with self._lock:
            self._faults.clear()
            self.active = False

    def spoiled(self, lines: Iterable[str]) -> list[str]:
        """Return the lines as they are to be written."""
        with self._lock:
            written = [self._changed(line) for line in lines]
            self.active = bool(self._faults)
        return written

    def _changed(self, line: str) -> str:
        for fault in self._faults:
            if line.startswith(fault.beginning):
                fault.left -= 1
                if fault.left <= 0:
                    self._faults.remove(fault)
                return fault.change(line)
        return line

    def _damaged(self, line: str) -> str:
        word, _, rest = line.partition(",")
        half = line[: len(line) // 2]
        return self._random.choice((half, word, f"{word},,{rest}", f"{half}%zz", f"{line}|#|$|1.0", f"?{line}"))
