"""How many candles a span holds, as a range: by the hours in which a market is open, and by how long IG keeps candles.

Pure arithmetic, for a plan sends nothing. What is certain bounds it from above: a market that closes at the weekend has
no candles then. What is usual bounds it from below; a holiday, or a market in which little happens, may have fewer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from ig_sdk.rest.http.limits.points import PointsAllowance
from ig_sdk.rest.prices.candle_times import Span, count_between
from ig_sdk.types import Resolution

_WEEK = timedelta(days=7)
_DAY = timedelta(days=1)
_HOUR = timedelta(hours=1)
_FRIDAY = datetime(1970, 1, 2, tzinfo=timezone.utc)
# REST.md section 7: closed from Friday 22:00 to Sunday 21:00 in London, which is an hour earlier by UTC in summer.
_SURELY_CLOSED = (22 * _HOUR, 2 * _DAY + 20 * _HOUR)
_MAYBE_CLOSED = (20 * _HOUR, 2 * _DAY + 23 * _HOUR)

# REST.md section 3, in days: how long IG keeps candles of up to this length, and how much longer it might after all.
_KEPT = (
    (Resolution.SECOND, timedelta(days=4), _DAY),
    (Resolution.MINUTE_3, timedelta(days=40), _DAY),
    (Resolution.HOUR_4, timedelta(days=360), _DAY),
    (Resolution.MONTH, timedelta(days=15 * 365 + 3), timedelta(days=366)),
)

_MONEY = "AUD|BRL|CAD|CHF|CNH|CZK|DKK|EUR|GBP|HKD|HUF|ILS|INR|JPY|KRW|MXN|NOK|NZD|PLN|RON|SEK|SGD|THB|TRY|TWD|USD|ZAR"
_FX = re.compile(rf"CS\.D\.({_MONEY})({_MONEY})\.")
_METAL = re.compile(r"CS\.D\.(CF[DEP]|US[CD]?|LG)?(GOLD|SILVER|GC|SI|PLAT|PALL)\.")
_ROUND_THE_CLOCK = re.compile(
    r"IX\.D\.(FTSE|DAX|DOW|SPTRD|NASDAQ|NIKKEI)\.|CC\.D\.(CL|LCO)\.|EN\.D\.(CL|LCO)\.|MT\.D\.(GC|SI)\."
)
# Markets made for the weekend, and those of kinds that need not close then (coins stand beside the currencies).
_AT_WEEKENDS = re.compile(r"IX\.D\.SUN|CS\.D\.|.*(WKEND|WEEKEND)")


@dataclass(frozen=True)
class Cost:
    """How many candles, which is how many points.

    Attributes:
        least: At least, by the market's usual hours.
        most: At most.
    """

    least: int = 0
    most: int = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.least + other.least, self.most + other.most)

    def fits(self, left: PointsAllowance | None) -> bool | None:
        """Return whether it can be paid of what is left; ``None`` when that cannot be said."""
        if left is not None and self.least > left.remaining:
            return False
        sure = left is not None and left.told and self.most <= left.remaining
        return True if sure else None

    def __str__(self) -> str:
        return f"{self.most:,}" if self.least == self.most else f"{self.least:,} to {self.most:,}"

    def up_to(self, points: int) -> Cost:
        """Return the cost of no more than ``points`` candles of these."""
        return Cost(min(self.least, points), min(self.most, points))


@dataclass(frozen=True)
class _Habit:
    """When a kind of market is open.

    Attributes:
        weekends: Whether it may be open at weekends.
        share: In how much of the other hours it is at least, on usual days.
        pause: What a span may hold more of its pauses than its share of them.
    """

    weekends: bool
    share: float
    pause: timedelta


_ALL_WEEK = _Habit(weekends=False, share=0.97, pause=timedelta(0))
_NIGHTLY = _Habit(weekends=False, share=0.92, pause=2 * _HOUR)  # an hour's pause a night
_SESSION = _Habit(weekends=False, share=0.24, pause=_DAY)  # a stock exchange's six and a half hours a day
_UNKNOWN = _Habit(weekends=True, share=0.24, pause=_DAY)


def kept_from(resolution: Resolution, now: datetime, *, surely: bool = False) -> datetime:
    """Return since when IG keeps candles of a length.

    Args:
        resolution: The length.
        now: The present.
        surely: Return instead before when it surely keeps none, though it should keep some a little longer.

    Source:
        REST.md section 3, depth of history.
    """
    kept, margin = next((kept, margin) for longest, kept, margin in _KEPT if resolution <= longest)
    return now - kept - (margin if surely else timedelta(0))


def cost_of(epic: str, resolution: Resolution, span: Span, now: datetime | None) -> Cost:
    """Return how many candles of a market IG has in a span.

    Args:
        epic: Market.
        resolution: Candle length.
        span: Instants at which they open.
        now: The present, from which IG counts back; ``None`` when nobody knows, so that it may have none or all.
    """
    if now is None:
        return Cost(0, _count(epic, resolution, span, least=False))
    most = _count(epic, resolution, (max(span[0], kept_from(resolution, now, surely=True)), span[1]), least=False)
    least = _count(epic, resolution, (max(span[0], kept_from(resolution, now)), span[1]), least=True)
    return Cost(min(least, most), most)


def _count(epic: str, resolution: Resolution, span: Span, *, least: bool) -> int:
    if span[0] >= span[1]:
        return 0
    habit, count = _habit_of(epic), count_between(resolution, span)
    if resolution > Resolution.DAY:
        return max((span[1] - span[0]) // (resolution + 3 * _DAY) - 1, 0) if least else count
    if least and resolution < Resolution.DAY:
        count -= -(-habit.pause // resolution)
    if least or not habit.weekends:
        closed = _MAYBE_CLOSED if least else _SURELY_CLOSED
        count -= sum(_lost(resolution, length, least=least) for length in _closed(span, closed))
    return max(int(count * _share(habit, resolution)), 0) if least else max(count, 0)


def _lost(resolution: Resolution, closed: timedelta, *, least: bool) -> int:
    """Return how many candles a pause costs: as many as it may cost for the least, as it must for the most."""
    if resolution <= Resolution.HOUR:
        return -(-closed // resolution)  # pauses begin and end at whole hours
    if resolution is Resolution.DAY:
        return -(-closed // _DAY) if least else closed // (_SURELY_CLOSED[1] - _SURELY_CLOSED[0])
    return closed // resolution + (2 if least else -1) if closed >= resolution else 0


def _share(habit: _Habit, resolution: Resolution) -> float:
    if resolution is Resolution.DAY:
        return 0.95
    # A second without a price has no candle, and few minutes are without one.
    return habit.share * (0.2 if resolution is Resolution.SECOND else 0.9 if resolution < Resolution.MINUTE_5 else 1.0)


def _closed(span: Span, pause: tuple[timedelta, timedelta]) -> Iterator[timedelta]:
    """Yield how much of each weekend's pause is within a span."""
    friday = _FRIDAY + (span[0] - _FRIDAY) // _WEEK * _WEEK
    while friday < span[1]:
        length = min(friday + pause[1], span[1]) - max(friday + pause[0], span[0])
        if length > timedelta(0):
            yield length
        friday += _WEEK


def _habit_of(epic: str) -> _Habit:
    if _FX.match(epic):
        return _ALL_WEEK
    if _METAL.match(epic) or _ROUND_THE_CLOCK.match(epic):
        return _NIGHTLY
    return _UNKNOWN if _AT_WEEKENDS.match(epic) else _SESSION
