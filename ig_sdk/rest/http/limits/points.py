"""The week's price points, as a pure ledger: what IG said is left, and whether asking for more makes sense."""

from __future__ import annotations

import math
import re

# In v1 and v2 replies at the top, in v3 replies in their metadata (REST.md section 5); the bodies are long, and who
# asked for them may decode them by hand.
_FIELDS = {
    name: re.compile(rb'"' + name.encode() + rb'"\s*:\s*"?(\d{1,12})')
    for name in ("remainingAllowance", "totalAllowance", "allowanceExpiry")
}


class Points:
    """What is left of an account's price points; time is handed in.

    Args:
        limit: Points a week: a limit of the user's own, or what IG says; ``None`` when nobody said anything.

    Attributes:
        refusals: How often IG refused a request because they were spent.
    """

    def __init__(self, limit: int | None = None) -> None:
        self.refusals = 0
        self._limit = limit
        self._total: int | None = None
        self._left: int | None = None
        self._ends_at = -math.inf

    @property
    def limit(self) -> int | None:
        """Points a week."""
        return self._total if self._limit is None else self._limit

    def tell(self, limit: int | None) -> None:
        """Take what is said about the limit."""
        self._limit = limit

    def used(self, now: float) -> int | None:
        """Return how many are spent in the running week, ``None`` before any answer said so."""
        if self._left is None or self._total is None:
            return None
        return max(self._total - self._left, 0) if now < self._ends_at else 0

    def read(self, body: bytes, now: float) -> None:
        """Take over what the answer to a request for prices says."""
        found = {name: field.search(body) for name, field in _FIELDS.items()}
        values = {name: int(match[1]) for name, match in found.items() if match}
        if len(values) == len(_FIELDS):
            self._left, self._total = values["remainingAllowance"], values["totalAllowance"]
            self._ends_at = now + values["allowanceExpiry"]

    def refuse(self, now: float, retry_after_s: float | None = None) -> None:
        """Note that IG refused a request: it asked for more than was left, which may still be some."""
        self.refusals += 1
        if retry_after_s is not None:
            self._left, self._ends_at = 0, now + retry_after_s

    def wait_s(self, now: float) -> float:
        """Return for how long no more points can be had: zero when they can."""
        if now >= self._ends_at:
            return 0.0
        used, limit = self.used(now), self.limit
        spent = self._left == 0 or (used is not None and limit is not None and used >= limit)
        return self._ends_at - now if spent else 0.0
