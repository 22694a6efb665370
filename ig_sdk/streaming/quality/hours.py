"""When silence is normal: the pause of the weekend, and dealing states in which a market sends no prices; pure."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from functools import lru_cache

_DAY_S, _HOUR_S = 86_400, 3_600
_WEEK_S = 7 * _DAY_S
# IG's markets close Friday 22:00 and open Sunday 21:00 London time (REST.md section 7); Monday 00:00 is 0. Some open
# later or never close; whoever sends a price in the pause is one of the latter.
_CLOSES_S = 4 * _DAY_S + 22 * _HOUR_S
_OPENS_S = 6 * _DAY_S + 21 * _HOUR_S
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_THURSDAY_S = 3 * _DAY_S  # 1 January 1970

# As DLG_FLAG and MARKET_STATE of the stream and marketStatus of REST spell them, without underscores.
_WORDS = {
    "CLOSED": "closed",
    "OFFLINE": "offline",
    "EDIT": "closed for dealing; orders may be edited",
    "EDITSONLY": "closed for dealing; orders may be edited",
    "SUSPEND": "suspended",
    "SUSPENDED": "suspended",
    "AUCTION": "in an auction",
    "AUCTIONNOEDIT": "in an auction",
    "ONAUCTION": "in an auction",
    "ONAUCTIONNOEDITS": "in an auction",
}


def silent_state(status: str | None) -> str | None:
    """Return in words why a market with this dealing state sends no prices, or ``None`` if it should.

    Args:
        status: ``Tick.status``, ``MARKET_STATE`` or REST's ``marketStatus``.
    """
    return _WORDS.get(status.strip().upper().replace("_", "")) if status else None


def is_weekend(at: datetime) -> bool:
    """Return whether IG's week has paused: from Friday 22:00 to Sunday 21:00 in London."""
    return _CLOSES_S <= _week_second(at) < _OPENS_S


def weekend_within(start: datetime, end: datetime) -> tuple[datetime, datetime] | None:
    """Return the part of a span of up to some days that lies in the pause of a weekend, or ``None``.

    Args:
        start: Aware.
        end: Aware, not earlier.
    """
    first = _week_second(start)
    last = first + (end - start).total_seconds()
    for shift in (0.0, _WEEK_S):
        begin, stop = max(first, _CLOSES_S + shift), min(last, _OPENS_S + shift)
        if begin < stop:
            return start + timedelta(seconds=begin - first), start + timedelta(seconds=stop - first)
    return None


def _week_second(at: datetime) -> float:
    """Return the seconds since Monday 00:00 in London."""
    second = (at - _EPOCH).total_seconds()
    begins, ends = _summer(at.astimezone(timezone.utc).year)
    if begins <= second < ends:
        second += _HOUR_S
    return (second + _THURSDAY_S) % _WEEK_S


@lru_cache(maxsize=16)
def _summer(year: int) -> tuple[float, float]:
    """Return when London's clocks go forward and back: the last Sundays of March and October, 01:00 UTC."""
    days = [datetime(year, month, 31, 1, tzinfo=timezone.utc) for month in (3, 10)]
    begins, ends = ((day - timedelta(days=(day.weekday() + 1) % 7) - _EPOCH).total_seconds() for day in days)
    return begins, ends
