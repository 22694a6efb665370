"""Which market has been silent for too long: time in, findings out."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Literal

Kind = Literal["mute", "stale"]


@dataclass(frozen=True, slots=True)
class Silence:
    """A finding: ``mute`` (never a price) or ``stale`` (none for long)."""

    epic: str
    kind: Kind
    seconds: float


class SilenceWatch:
    """Notices markets that do not speak, each silence once.

    Args:
        patience_s: How long a market may be silent.

    Threading:
        Safe from any thread; the lock is a leaf, and the usual ``heard`` does without it.
    """

    def __init__(self, patience_s: float) -> None:
        self._patience_s = patience_s
        self._lock = threading.Lock()
        self._heard: dict[str, float] = {}
        self._asked: dict[str, float] = {}
        self._told: set[str] = set()
        self._due = float("inf")

    @property
    def due(self) -> float:
        """When :meth:`check` may find something; before that it finds nothing."""
        return self._due

    def asked(self, epic: str, now: float) -> None:
        """Note that ``epic`` was subscribed to: from now on a first price is waited for."""
        with self._lock:
            self._asked[epic] = now
            self._told.discard(epic)
            self._due = min(self._due, now + self._patience_s)

    def heard(self, epic: str, now: float) -> None:
        """Note a price of ``epic``."""
        self._heard[epic] = now
        if epic in self._told or epic not in self._asked:
            self.asked(epic, now)

    def forget(self, epic: str) -> None:
        """Stop waiting for ``epic``."""
        with self._lock:
            self._asked.pop(epic, None)
            self._heard.pop(epic, None)
            self._told.discard(epic)

    def check(self, now: float, *, at_once: bool = False) -> list[Silence]:
        """Return the silences that are due and were not told yet.

        Args:
            now: Monotonic seconds.
            at_once: Report every market that had a price, however short its silence: the connection itself is silent.
        """
        with self._lock:
            return self._check(now, at_once=at_once)

    def _check(self, now: float, *, at_once: bool) -> list[Silence]:
        found: list[Silence] = []
        due = float("inf")
        for epic, asked in self._asked.items():
            if epic in self._told:
                continue
            heard = self._heard.get(epic)
            since = asked if heard is None else heard
            if now - since >= self._patience_s or (at_once and heard is not None):
                self._told.add(epic)
                found.append(Silence(epic, "mute" if heard is None else "stale", now - since))
            else:
                due = min(due, since + self._patience_s)
        self._due = due
        return found
