"""What a tick may look like before it is doubted: numbers for all markets, or for one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite


@dataclass(frozen=True, slots=True)
class QualityLimits:
    """Beyond which a tick is set aside; shares are parts of the price (0.002 is 0.2 %).

    Attributes:
        crossed: How far the bid may be above the offer, as a share. Real feeds cross for moments: FXCM's EURUSD in one
            quote of ten, by up to 0.00015. A locked quote (both equal) is crossed by zero; a number below zero asks for
            a spread at least that wide. ``None`` passes every crossed quote.
        spike: Move from one tick to the next that is always believed, as a share. In a lively market more is: up to
            100 times the usual move but no more than three times this share, and always ten times the usual move. The
            largest move of a clean EURUSD feed was 0.0024, in the second of a payrolls report, 57 times the usual one.
            ``None`` judges by ``max_factor`` alone.
        max_factor: A side more than this many times the one before, or less than that part of it, is of another scale
            (ten times, a hundredth). Above 1.
        agree: A new level is believed when this many doubted ticks in a row agree about it, the last of them included;
            so is a new time. At least 1.
        backwards_s: Seconds by which a tick may be older than the one before.
        times: Whether times are judged at all.
        allow_negative: Take prices of zero and below, for markets that have them (oil in April 2020, spreads); no
            scale can be told there.

    Raises:
        ValueError: A number is out of its range.
    """

    crossed: float | None = 0.0002
    spike: float | None = 0.002
    max_factor: float = 3.0
    agree: int = 3
    backwards_s: float = 0.0
    times: bool = True
    allow_negative: bool = False

    def __post_init__(self) -> None:
        if self.crossed is not None and not -1.0 < self.crossed < 1.0:
            raise ValueError(f"crossed must be a share between -1 and 1, or None, not {self.crossed!r}")
        if self.spike is not None and not 0.0 < self.spike < 1.0:
            raise ValueError(f"spike must be a share above 0 and below 1, or None, not {self.spike!r}")
        if not 1.0 < self.max_factor < float("inf"):
            raise ValueError(f"max_factor must be a finite number above 1, not {self.max_factor!r}")
        if self.agree < 1:
            raise ValueError(f"agree must be at least 1, not {self.agree!r}")
        if not (isfinite(self.backwards_s) and self.backwards_s >= 0.0):
            raise ValueError(f"backwards_s must be a finite number of seconds from 0, not {self.backwards_s!r}")


IMPOSSIBLE_ONLY = QualityLimits(crossed=None, spike=None, times=False)
"""Doubts only what no market can show: no number, zero, below zero, many times the price before."""

_STANDARD = QualityLimits()


def limits_for(limits: QualityLimits | Mapping[str, QualityLimits] | None, epic: str) -> QualityLimits:
    """Return the limits of one market.

    Args:
        limits: Those of every market, or some by epic, or ``None``; a market that is not named has the defaults.
        epic: The market.
    """
    if isinstance(limits, QualityLimits):
        return limits
    return (limits or {}).get(epic, _STANDARD)
