"""Whether a market has been silent for too long; time in, findings out: no lock, no clock, no I/O."""

from __future__ import annotations

from typing import Literal

Kind = Literal["mute", "stale"]


class Silence:
    """Finds out that a market sends no prices; reports each silence once.

    Args:
        patience_s: How long it may be silent.
        now: Monotonic seconds: it is waited for from now on.

    Attributes:
        heard: When the last row came, monotonic seconds; ``None`` before the first. Whoever takes the row sets it.

    Threading:
        Not safe: the caller holds one lock.
    """

    __slots__ = ("_patience_s", "_reported", "_waits_since", "heard")

    def __init__(self, patience_s: float, now: float) -> None:
        self._patience_s = patience_s
        self._waits_since = now
        self._reported: float | None = None  # the latest sign of life when it was reported
        self.heard: float | None = None

    @property
    def since(self) -> float:
        """Since when nothing has come, monotonic seconds."""
        return self._waits_since if self.heard is None else max(self.heard, self._waits_since)

    @property
    def due(self) -> float:
        """When :meth:`check` may find something next, as far as is known now."""
        return float("inf") if self._reported == self.since else self.since + self._patience_s

    def expect(self, now: float) -> None:
        """Wait for prices anew, for the line was down or the subscription was refused until now."""
        self._waits_since = now

    def check(self, now: float) -> Kind | None:
        """Return the silence that is due and was not reported yet: ``mute`` means that there never was a price."""
        if now < self.due:
            return None
        self._reported = self.since
        return "mute" if self.heard is None else "stale"
