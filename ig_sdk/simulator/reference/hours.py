"""London's clock, which the simulated client lives by; dealing hours of markets, and the status that follows. Pure.

Source:
    REST.md section 7 (FX opens Sunday 21:00 and closes Friday 22:00 London; ``EDITS_ONLY`` at the weekend).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from functools import lru_cache

from ig_sdk.simulator.reference.instruments import Instrument, instruments

TRADEABLE = "TRADEABLE"

_DAY_S = 86_400
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_THURSDAY = 3  # 1 January 1970
_FAR_DAYS = 10


@dataclass(frozen=True)
class Hours:
    """The dealing hours of a week.

    Attributes:
        spans: When the market is open, as minutes of the London week (Monday 00:00 is 0): ascending, not touching.
        closed: IG's status outside of them.
    """

    spans: tuple[tuple[int, int], ...]
    closed: str = "EDITS_ONLY"

    def status(self, time: datetime) -> str:
        """Return IG's market status at ``time``, aware UTC."""
        return TRADEABLE if self.is_open(time) else self.closed

    def is_open(self, time: datetime) -> bool:
        """Whether the market deals at ``time``, aware UTC."""
        second = epoch_s(time)
        return any(start <= second < end for start, end in self.open_s(second // _DAY_S))

    def open_s(self, day: int) -> tuple[tuple[int, int], ...]:
        """Return when the market is open on one day (UTC).

        Args:
            day: Days since 1970-01-01.

        Returns:
            Spans as seconds since 1970, ascending.
        """
        return _open_s(self.spans, day)

    def next_open(self, time: datetime) -> datetime:
        """Return the first instant from ``time`` on at which the market is open."""
        second = epoch_s(time)
        for day in range(second // _DAY_S, second // _DAY_S + _FAR_DAYS):
            for start, end in self.open_s(day):
                if second < end:
                    return time if start <= second else _time_of(start)
        return time

    def last_open(self, time: datetime) -> datetime:
        """Return the last instant up to ``time`` at which the market was open, to the millisecond."""
        second = epoch_s(time)
        for day in range(second // _DAY_S, second // _DAY_S - _FAR_DAYS, -1):
            for start, end in reversed(self.open_s(day)):
                if start <= second:
                    return time if second < end else _time_of(end) - timedelta(milliseconds=1)
        return time

    def next_change(self, time: datetime) -> datetime:
        """Return when the status changes next, after ``time``."""
        if not self.is_open(time):
            return self.next_open(time)
        # Spans that meet at midnight count as one.
        end = time
        while self.is_open(end):
            end = next(_time_of(stop) for _, stop in self.open_s(epoch_s(end) // _DAY_S) if stop > epoch_s(end))
        return end


def _weekly(days: range, opens: int, closes: int) -> tuple[tuple[int, int], ...]:
    """Return one span for each of these days, from hour to hour; a closing hour past 24 is of the day after."""
    return tuple((day * 1440 + opens * 60, day * 1440 + closes * 60) for day in days)


_WEEK_MINUTES = 7 * 1440
# The FX week has one pause, Friday 22:00 to Sunday 21:00; minutes count from Monday.
_FX = Hours(((0, 4 * 1440 + 22 * 60), (6 * 1440 + 21 * 60, _WEEK_MINUTES)))
# Indices, metals and oil close for an hour each night.
_NIGHTLY = Hours(((0, 22 * 60), *_weekly(range(4), 23, 46), (6 * 1440 + 23 * 60, _WEEK_MINUTES)))
# New York's session; the weeks in which only one of the two cities has changed its clocks are not treated specially.
_NEW_YORK = Hours(tuple((start + 30, end) for start, end in _weekly(range(5), 14, 21)), closed="CLOSED")
_BY_KIND = {"CURRENCIES": _FX, "SHARES": _NEW_YORK}


def hours_of(instrument: Instrument) -> Hours:
    """Return the dealing hours of an instrument."""
    return _BY_KIND.get(instrument.kind, _NIGHTLY)


class MarketHours:
    """Reports when markets open and close.

    Args:
        markets: Markets to watch.

    Attributes:
        next_at: When a status changes next; ``None`` before the first call of ``changes``.
    """

    def __init__(self, markets: Iterable[Instrument]) -> None:
        self._hours = {each.epic: hours_of(each) for each in markets}
        self._status: dict[str, str] = {}
        self.next_at: datetime | None = None

    def changes(self, now: datetime) -> list[tuple[str, str]]:
        """Return epic and status of each market whose status has changed since the last call; the first time of all."""
        if self.next_at is not None and now < self.next_at:
            return []
        statuses = {epic: hours.status(now) for epic, hours in self._hours.items()}
        changed = [(epic, status) for epic, status in statuses.items() if self._status.get(epic) != status]
        self._status = statuses
        self.next_at = min((hours.next_change(now) for hours in set(self._hours.values())), default=now)
        return changed


def epoch_s(time: datetime) -> int:
    """Return the whole seconds since 1970 of an aware UTC time."""
    return (time.toordinal() - _EPOCH_DAY) * _DAY_S + time.hour * 3600 + time.minute * 60 + time.second


def local_time(time: datetime) -> datetime:
    """Return the time on the client's clock, which is London's, of an aware UTC time."""
    return time + timedelta(hours=1) if _is_summer(epoch_s(time)) else time


def utc_time(local: datetime) -> datetime:
    """Return the aware UTC time of a time on the client's clock, whatever its zone says."""
    second = epoch_s(local)
    return (local - timedelta(seconds=second - utc_second(second))).replace(tzinfo=timezone.utc)


def local_second(second: int) -> int:
    """Return the second on the client's clock of a second since 1970."""
    return second + 3600 if _is_summer(second) else second


# A day of the metals begins at midnight in New York, which is five hours behind; any other with the client's own.
_DAY_STARTS_S = dict.fromkeys(("GC", "PL", "PA", "HG"), 5 * 3600)


def day_starts_s(market_id: str) -> int:
    """Return when a market's day begins, in seconds after midnight on the client's clock.

    Source:
        wire/samples: prices_v3__gold_range_day and prices_v2__numpoints_day.
    """
    return _DAY_STARTS_S.get(market_id, 0)


def day_of(market_id: str, time: datetime) -> int:
    """Return which day of a market an aware UTC time falls into, counted from 1970."""
    return (local_second(epoch_s(time)) - day_starts_s(market_id)) // _DAY_S


def day_began(market_id: str, time: datetime) -> datetime:
    """Return when the day of a market that holds ``time`` began, aware UTC."""
    return _time_of(utc_second(day_of(market_id, time) * _DAY_S + day_starts_s(market_id)))


def same_day(epic: str, first: datetime, second: datetime) -> bool:
    """Whether two aware UTC times fall into the same day of a market, or of the client where it is not known."""
    if first.hour == second.hour and first.date() == second.date():
        # Days begin with whole hours: no need to look at clocks for each of a thousand prices.
        return True
    market = instruments().get(epic)
    market_id = "" if market is None else market.market_id
    return day_of(market_id, first) == day_of(market_id, second)


def _time_of(second: int) -> datetime:
    return datetime.fromtimestamp(second, timezone.utc)


@lru_cache(maxsize=4096)
def _open_s(spans: tuple[tuple[int, int], ...], day: int) -> tuple[tuple[int, int], ...]:
    # London is at most an hour ahead of UTC, so a UTC day meets at most two London days.
    first, found = day * _DAY_S, []
    for local in (day, day + 1):
        weekday = (local + _THURSDAY) % 7
        for start, end in spans:
            begin, stop = max(start, weekday * 1440), min(end, (weekday + 1) * 1440)
            if begin < stop:
                opens, closes = ((local - weekday) * _DAY_S + minute * 60 for minute in (begin, stop))
                found.append((max(utc_second(opens), first), min(utc_second(closes), first + _DAY_S)))
    return _joined([span for span in found if span[0] < span[1]])


def _joined(spans: list[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    whole: list[tuple[int, int]] = []
    for start, end in spans:
        if whole and whole[-1][1] >= start:
            whole[-1] = (whole[-1][0], end)
        else:
            whole.append((start, end))
    return tuple(whole)


def utc_second(local: int) -> int:
    """Return the second since 1970 of a second on London's clock; of the repeated hour in autumn, the later one."""
    utc = local - 3600
    return utc if _is_summer(utc) else local


def _is_summer(second: int) -> bool:
    """Whether London's clocks are an hour ahead: from the last Sunday of March to that of October, 01:00 UTC."""
    begins, ends = _summer(_time_of(second).year)
    return begins <= second < ends


@lru_cache(maxsize=64)
def _summer(year: int) -> tuple[int, int]:
    starts, ends = (_last_sunday(year, month) for month in (3, 10))
    return starts, ends


def _last_sunday(year: int, month: int) -> int:
    last = date(year, month, 31)
    return (last.toordinal() - (last.weekday() + 1) % 7 - _EPOCH_DAY) * _DAY_S + 3600
