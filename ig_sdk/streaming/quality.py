"""Which ticks cannot be true: a pure judge for live and recorded prices; no clock, no I/O."""

from __future__ import annotations

from math import isfinite

from ig_sdk.types import Tick

_MAX_FACTOR = 3.0
_AGREE = 3


class QualityFilter:
    """Says of each tick of one market whether its prices can be true.

    A tick is set aside if a price is not a finite number above zero, or if bid or offer is more than ``max_factor``
    times the one before, or less than that part of it. A market may jump (a split, a takeover): when ``agree``
    ticks in a row that were set aside for a jump agree with one another, the last of them is taken, and the market is
    judged from there. Of the very first tick only the sides can be compared. Crossed quotes pass.

    Args:
        max_factor: Above 1.
        agree: At least 1.
        allow_negative: Take prices of zero and below, for markets that have them (oil in April 2020, spreads); there
            no jump can be told.

    Raises:
        ValueError: A number is out of its range.

    Threading:
        Not safe: one thread at a time.
    """

    __slots__ = ("_agree", "_allow_negative", "_bid", "_doubted", "_factor", "_offer", "_streak")

    def __init__(self, *, max_factor: float = _MAX_FACTOR, agree: int = _AGREE, allow_negative: bool = False) -> None:
        if not 1.0 < max_factor < float("inf"):
            raise ValueError(f"max_factor must be a finite number above 1, not {max_factor!r}")
        if agree < 1:
            raise ValueError(f"agree must be at least 1, not {agree!r}")
        self._factor, self._agree, self._allow_negative = max_factor, agree, allow_negative
        self._bid = self._offer = 0.0  # of the last tick that passed; zero before the first
        self._doubted: Tick | None = None
        self._streak = 0

    def judge(self, tick: Tick) -> str | None:
        """Return why the tick is set aside, or ``None`` when it passes."""
        bid, offer = tick[1], tick[2]
        if not isfinite(bid + offer):
            return f"bid {bid!r} and offer {offer!r} are not finite numbers"
        if bid <= 0.0 or offer <= 0.0:
            return None if self._allow_negative else f"bid {bid!r} and offer {offer!r} are not both above zero"
        factor, last_bid, last_offer = self._factor, self._bid, self._offer
        if not last_bid:
            if not self._near(bid, offer):
                return f"bid {bid!r} and offer {offer!r} are too far apart for a first price"
        elif not (
            last_bid <= bid * factor
            and bid <= last_bid * factor
            and last_offer <= offer * factor
            and offer <= last_offer * factor
        ) and not self._agreed(tick):
            return f"bid {bid!r} and offer {offer!r} after {last_bid!r} and {last_offer!r}"
        self._bid, self._offer = bid, offer
        self._doubted, self._streak = None, 0
        return None

    def _near(self, one: float, other: float) -> bool:
        return one <= other * self._factor and other <= one * self._factor

    def _agreed(self, tick: Tick) -> bool:
        """Return whether enough ticks in a row say the same new price, this one included."""
        before, self._doubted = self._doubted, tick
        sane = self._near(tick.bid, tick.offer)
        same = before is not None and self._near(before.bid, tick.bid) and self._near(before.offer, tick.offer)
        self._streak = (self._streak + 1 if same else 1) if sane else 0
        return self._streak >= self._agree
