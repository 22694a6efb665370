"""Counting data notifications, so that a broken session can be continued exactly (TLCP.md section 17)."""

from __future__ import annotations


class DataCounter:
    """How many data notifications were processed, and where the server is.

    Both numbers belong to the session, not to a connection: after a ``LOOP`` in the middle of a recovery the skipping
    goes on (C-115).

    Attributes:
        count: Data notifications processed since the session began.
        position: Number of the last one that arrived; behind ``count`` while the server repeats itself.
        skipped: How many repeated ones were left out, in all.
        ignored: Lines that mean nothing here, in all: unknown tags, and lines after the end of their connection.
        unsure: Whether a line came that may have been data, so that the server's count may be higher: where the session
            is to be continued from, nobody knows any more.
    """

    __slots__ = ("count", "ignored", "position", "skipped", "unsure")

    def __init__(self) -> None:
        self.count = 0
        self.position = 0
        self.skipped = 0
        self.ignored = 0
        self.unsure = False

    @property
    def skipping(self) -> bool:
        """Whether the next one is a repetition."""
        return self.position < self.count

    def reset(self) -> None:
        """Begin a new session (C-116)."""
        self.count = self.position = 0
        self.unsure = False

    def restart(self, position: int) -> bool:
        """Take the server's word of where it begins (``PROG``); False when it lies beyond what was received (C-112)."""
        if not 0 <= position <= self.count:
            return False
        self.position = position
        return True

    def take(self) -> bool:
        """Count one; return whether it is new (C-110, C-111)."""
        self.position += 1
        if self.position > self.count:
            self.count = self.position
            return True
        self.skipped += 1
        return False

    def add(self, number: int) -> None:
        """Count ``number`` new ones at once: the fast path, where nothing is skipped."""
        self.count += number
        self.position += number
