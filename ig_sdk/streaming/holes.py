"""When ticks of one item may be missing, told once for each hole; no clock, no I/O."""

from __future__ import annotations


class Holes:
    """Follows one item through breaks of the line.

    A hole begins when the line breaks. It ends without loss when the same session goes on. When another session had to
    be opened, something may be missing, unless the item's first row proves that nothing changed; until that row the
    hole stays open, however often the line breaks again: it is one hole.

    Threading:
        Not safe: the caller holds one lock.
    """

    __slots__ = ("_open", "_reason", "_replaced", "_since")

    def __init__(self) -> None:
        self._open = self._replaced = False
        self._since = 0.0
        self._reason = ""

    @property
    def open(self) -> bool:
        """Whether ticks may be missing now."""
        return self._open

    @property
    def replaced(self) -> bool:
        """Whether another session was opened and its first row is awaited."""
        return self._replaced

    @property
    def reason(self) -> str:
        """Why the line broke."""
        return self._reason

    def begin(self, since: float, reason: str) -> bool:
        """Note that nothing can have come since ``since``; return whether a hole begins, and does not merely go on."""
        if self._open:
            self._since = min(self._since, since)
            return False
        self._open, self._since, self._reason = True, since, reason
        return True

    def replace(self) -> None:
        """Note that another session serves the item from now on."""
        self._replaced = self._open

    def resume(self) -> None:
        """Note that the same session goes on: nothing is missing, unless an earlier one had been replaced."""
        if not self._replaced:
            self._open = False

    def end(self, now: float) -> float:
        """End the hole; return how many seconds it lasted."""
        self._open = self._replaced = False
        return max(now - self._since, 0.0)
