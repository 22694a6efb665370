"""Keeps what this client dealt itself, so that the history tells what others did."""

from __future__ import annotations

import itertools
import threading
from collections import Counter, OrderedDict
from datetime import datetime
from typing import TypeVar

from ig_sdk.rest.deals.own_deals import Act, OwnDeals, State

# More than a client deals between a lost answer and its resolution. What is forgotten counts as another program's: that
# costs certainty, and never makes a wrong one.
_KEPT = 5000


class Ledger:
    """Keeps what one client dealt.

    Threading:
        Safe from any thread; the lock guards the fields only.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._numbers = itertools.count()
        self._references: OrderedDict[str, str | None] = OrderedDict()
        self._acts: OrderedDict[int, tuple[Act, State]] = OrderedDict()

    def sends_new(self, reference: str) -> None:
        """Remember the reference of a new deal that is about to be sent."""
        with self._lock:
            self._references.setdefault(reference, None)
            _forget(self._references)

    def opened(self, reference: str, deal_id: str | None) -> None:
        """Remember the position or order that a new deal became."""
        with self._lock:
            if reference in self._references:
                self._references[reference] = deal_id

    def is_own(self, reference: str | None) -> bool:
        """Whether this client sent a new deal under this reference."""
        with self._lock:
            return reference in self._references

    def reference_of(self, deal_id: str | None) -> str | None:
        """Return the reference under which this client opened a position or created an order."""
        with self._lock:
            return next((key for key, value in self._references.items() if value == deal_id and value), None)

    def sends(self, act: Act) -> int:
        """Remember an act that is about to be sent, and return its number."""
        with self._lock:
            number = next(self._numbers)
            self._acts[number] = act, "under way"
            _forget(self._acts)
            return number

    def ended(self, number: int | None, state: State) -> None:
        """Remember the outcome of an act."""
        with self._lock:
            if number is not None and number in self._acts:
                self._acts[number] = self._acts[number][0], state

    def never_was(self, number: int | None) -> None:
        """Forget an act that IG does not have."""
        with self._lock:
            if number is not None:
                self._acts.pop(number, None)

    def view(self, since: datetime | None, number: int | None, act: Act) -> OwnDeals:
        """Return what was dealt up to now, with the outcome of one act left open.

        Args:
            since: When this client began, in IG's time.
            number: The act whose outcome is sought.
            act: What it does, in case it was forgotten.
        """
        with self._lock:
            acts: Counter[tuple[Act, State]] = Counter(
                entry for key, entry in self._acts.items() if key != number or number is None
            )
            acts[act, "under way"] += 1
            return OwnDeals(dict(self._references), acts, since)


KeyT = TypeVar("KeyT")
ValueT = TypeVar("ValueT")


def _forget(entries: OrderedDict[KeyT, ValueT]) -> None:
    while len(entries) > _KEPT:
        entries.popitem(last=False)
