"""The numbered series of a session's data notifications, as far as it is kept. Pure.

Source:
    TLCP.md section 17; C-213, C-214, C-217.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from ig_sdk.simulator.stream.core.options import StreamOptions


class NotificationLog:
    """What was notified, numbered from 1, and how far it was handed to connections.

    Args:
        options: How much is kept, and how long.

    Attributes:
        count: Notifications so far.
        handed: Number of the last one that was given to a connection.
    """

    def __init__(self, options: StreamOptions) -> None:
        self.count = 0
        self.handed = 0
        self._most = options.recovery_lines
        self._longest_s = options.recovery_s
        # (time, line); the last one has the number self.count.
        self._kept: deque[tuple[float, str]] = deque()

    @property
    def oldest(self) -> int:
        """Number of the oldest notification that is kept; one past the end when none is."""
        return self.count - len(self._kept) + 1

    @property
    def waiting(self) -> int:
        """How many were not handed to a connection yet."""
        return self.count - self.handed

    def append(self, line: str, now: float) -> None:
        """Number a notification; what became too much is left to ``forget``."""
        self.count += 1
        self._kept.append((now, line))

    def next_line(self) -> str:
        """Return the first notification that was not handed to a connection; there must be one."""
        return self._kept[self.handed - self.oldest + 1][1]

    def forget(self, now: float, *, queued: int) -> None:
        """Forget what is too old or too much, but nothing that waits, here or in a connection's ``queued`` lines."""
        kept, too_old = self._kept, now - self._longest_s
        spare = self.handed - queued - self.oldest + 1
        while spare > 0 and (len(kept) > self._most or kept[0][0] < too_old):
            kept.popleft()
            spare -= 1

    def forget_sent(self) -> None:
        """Keep nothing of what was handed to connections, so that no recovery is possible (a fault)."""
        while self._kept and self.oldest <= self.handed:
            self._kept.popleft()

    def covers(self, number: int) -> bool:
        """Whether everything after ``number`` is kept, and ``number`` was handed out already."""
        return self.oldest - 1 <= number <= self.handed

    def rewind(self, number: int) -> None:
        """Go on with the notification after ``number``, or the oldest that is kept."""
        self.handed = max(self.oldest - 1, number, 0)

    def take_back(self, lines: Iterable[str]) -> None:
        """Count what waits in these lines, the queue of a connection that broke, as not handed out."""
        for line in reversed(list(lines)):
            # The very same text object: an answer may read the same.
            if self._kept and self.handed >= self.oldest and self._kept[self.handed - self.oldest][1] is line:
                self.handed -= 1
