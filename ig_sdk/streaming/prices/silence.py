"""Which market has been silent for too long: time in, findings out; no lock, no clock, no I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["mute", "stale"]


@dataclass(frozen=True, slots=True)
class Silence:
    """A silent market: ``mute`` (never a price) or ``stale`` (none for too long)."""

    epic: str
    kind: Kind
    seconds: float


class SilenceWatch:
    """Finds the markets that send no prices; reports each silence once.

    Args:
        patience_s: How long a market may be silent.

    Threading:
        Not safe: the caller holds one lock over :meth:`expect`, :meth:`forget` and :meth:`check`. :meth:`heard` and
        :attr:`due` need none.
    """

    def __init__(self, patience_s: float) -> None:
        self._patience_s = patience_s
        self._heard: dict[str, float] = {}
        self._expected: dict[str, float] = {}
        self._reported: set[str] = set()
        self._due = float("inf")

    @property
    def due(self) -> float:
        """When :meth:`check` may find something; before that it finds nothing."""
        return self._due

    def expect(self, epic: str, now: float) -> None:
        """Start to wait for prices of ``epic``: it was subscribed to, or its silence is over."""
        self._expected[epic] = now
        self._reported.discard(epic)
        self._due = min(self._due, now + self._patience_s)

    def heard(self, epic: str, now: float) -> bool:
        """Note a price of ``epic``; return whether :meth:`expect` is due, since it is not waited for."""
        self._heard[epic] = now
        return epic in self._reported or epic not in self._expected

    def forget(self, epic: str) -> None:
        """Stop waiting for ``epic``."""
        self._expected.pop(epic, None)
        self._heard.pop(epic, None)
        self._reported.discard(epic)

    def check(self, now: float, *, at_once: bool = False) -> list[Silence]:
        """Return the silences that are due and were not reported yet.

        Args:
            now: Monotonic seconds.
            at_once: Report every market that had a price, however short its silence: the connection itself is silent.
        """
        found: list[Silence] = []
        due = float("inf")
        for epic, expected in self._expected.items():
            if epic in self._reported:
                continue
            heard = self._heard.get(epic)
            since = expected if heard is None else heard
            if now - since >= self._patience_s or (at_once and heard is not None):
                self._reported.add(epic)
                found.append(Silence(epic, "mute" if heard is None else "stale", now - since))
            else:
                due = min(due, since + self._patience_s)
        self._due = due
        return found
