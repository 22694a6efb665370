"""Sums over the last values of a series, without subtracting the values that leave."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import accumulate
from typing import Any

from ig_sdk.pipeline.saved_state import numbers


class RollingSum:
    """Sum of the last ``period`` values.

    The window is two blocks: an old one, whose oldest value leaves with each update, and a new one that grows. The
    sums of all tails of the old block are made once, from its end; the new block has a running sum. The window's sum
    is one tail plus the running sum. Nothing is subtracted, so even a huge value leaves no rounding error behind, and
    the sum of zeros is zero. The tails cost ``period`` steps once in ``period`` updates: constant on average.

    Args:
        period: At least 1.
    """

    __slots__ = ("_period", "_recent", "_sum", "_tails")

    def __init__(self, period: int) -> None:
        self._period = period
        self._recent: list[float] = []
        self._sum = 0.0
        self._tails: list[float] = []

    def add(self, x: float) -> float | None:
        """Take the next value and return the sum, ``None`` before there are ``period`` values."""
        recent = self._recent
        recent.append(x)
        if len(recent) == self._period:
            self._tails = list(accumulate(reversed(recent)))
            recent.clear()
            self._sum = 0.0
            return self._tails[-1]
        self._sum += x
        # ~n is -1-n: the n-th tail from the back is what is left of the old block after n values.
        return self._tails[~len(recent)] + self._sum if self._tails else None

    def state(self) -> dict[str, Any]:
        """Return what ``restore`` needs, as JSON-compatible values."""
        return {"tails": list(self._tails), "recent": list(self._recent)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from ``state``.

        Raises:
            ValueError: It is not the state of a sum over as many values; nothing has changed.
        """
        tails, recent = numbers(state, "tails", self._period), numbers(state, "recent", self._period - 1)
        if tails and len(tails) != self._period:
            raise ValueError(f"state: 'tails' must hold none or {self._period} numbers, not {len(tails)}")
        self._tails, self._recent = tails, recent
        self._sum = 0.0
        for x in recent:
            self._sum += x
