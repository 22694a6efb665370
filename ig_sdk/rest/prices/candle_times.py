"""Where candles open and close: pure arithmetic on times.

A candle belongs to the instant at which it opens. IG's candles of up to an hour open at whole multiples of their
length; longer ones open at hours that follow the market and the summer time of its exchange (04:00 UTC in the sample
``prices_v3__gold_range_day``), so nothing is assumed about them but what the rows show. Months follow the calendar.
"""

from __future__ import annotations

import calendar
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone

from ig_sdk.types import Candle, Resolution

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_SECOND = timedelta(seconds=1)
# What IG's clock and ours may differ by, and what its price history may need to take in the last price of a candle.
_SETTLING = timedelta(seconds=2)
_SHORTEST_MONTH = timedelta(days=28)
# Months open at midnight (or some hours later) by the account's clock, in UTC perhaps on the day before: so much later
# it is the first of the month everywhere.
_INTO_THE_FIRST = timedelta(hours=13)

Span = tuple[datetime, datetime]
"""Instants ``[begins, ends)`` at which candles open."""


def parse_resolution(value: Resolution | str | timedelta) -> Resolution:
    """Return the candle length of IG's that ``value`` names.

    Raises:
        ValueError: IG has no such candles.
    """
    length = Resolution.parse(value)
    if not isinstance(length, Resolution):
        raise ValueError(  # noqa: TRY004 -- the value is at fault
            f"IG's history has candles of {', '.join(Resolution.__members__)}, not of {value!r}"
        )
    return length


def shortest(resolution: Resolution) -> timedelta:
    """Return the least time from one opening to the next: summer time begins with a day of 23 hours."""
    if resolution is Resolution.MONTH:
        return _SHORTEST_MONTH
    return resolution if resolution <= Resolution.HOUR else resolution - timedelta(hours=1)


def last_closed(resolution: Resolution, now: datetime) -> datetime:
    """Return the latest opening of a candle that is closed at ``now``."""
    return _months_later(now, -1) if resolution is Resolution.MONTH else now - resolution


def last_settled(resolution: Resolution, now: datetime) -> datetime:
    """Return the latest opening of a candle that will not change any more, as far as ``now`` can tell."""
    return last_closed(resolution, now - _SETTLING)


def next_opening(resolution: Resolution, moment: datetime) -> datetime:
    """Return the first instant from ``moment`` on at which a candle may open, to the second."""
    step = resolution if resolution <= Resolution.HOUR else _SECOND
    return moment + (_EPOCH - moment) % step


def count_between(resolution: Resolution, span: Span) -> int:
    """Return how many candles can open within a span at most; a market that is closed has fewer."""
    length = _SHORTEST_MONTH if resolution is Resolution.MONTH else timedelta(seconds=resolution.total_seconds())
    return max(-((span[0] - span[1]) // length), 0)


def settled_until(resolution: Resolution, candles: Sequence[Candle], now: datetime) -> datetime:
    """Return the end of what is settled: a candle that opens before it is in ``candles``, for good, or does not exist.

    Args:
        resolution: Their length.
        candles: What IG returned for instants up to ``now``, oldest first.
        now: When it was asked.
    """
    latest = last_settled(resolution, now)
    settled = [candle.opens_at for candle in candles if candle.opens_at <= latest]
    ends = next_opening(resolution, latest + timedelta.resolution)
    if settled:
        # Where the last one ends, or as many lengths later as have passed since.
        ends = max(ends, _steps_from(resolution, settled[-1], latest))
    begun = candles[len(settled) : len(settled) + 1]
    return min(ends, begun[0].opens_at) if begun else ends


def without(span: Span, known: Sequence[Span]) -> list[Span]:
    """Return the parts of a span that are outside of the known ones, which are in order and apart from each other."""
    parts, begins = [], span[0]
    for known_from, known_until in known:
        if known_from > begins:
            parts.append((begins, min(known_from, span[1])))
        begins = max(begins, known_until)
    parts.append((begins, span[1]))
    return [(part_from, part_until) for part_from, part_until in parts if part_from < part_until]


def _steps_from(resolution: Resolution, opens_at: datetime, latest: datetime) -> datetime:
    if resolution is not Resolution.MONTH:
        return opens_at + resolution * ((latest - opens_at) // resolution + 1)
    months = 1
    while _months_later(opens_at, months) <= latest:
        months += 1
    return _months_later(opens_at, months)


def _months_later(moment: datetime, months: int) -> datetime:
    """Return the same place some months on: a month that opens on the 30th at 23:00 closes on the 31st at 23:00."""
    moment += _INTO_THE_FIRST
    year, month = divmod(moment.year * 12 + moment.month - 1 + months, 12)
    day = min(moment.day, calendar.monthrange(year, month + 1)[1])
    return moment.replace(year=year, month=month + 1, day=day) - _INTO_THE_FIRST
