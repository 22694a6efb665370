"""The week's price points, as a pure ledger: what IG said is left of each account's, and what the user lets it spend.

The one owner of these numbers. Each reply of ``/prices`` tells them; who decodes it tells them here. The cache of
candles keeps them from one run of a program to the next.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta


@dataclass(frozen=True)
class PointsAllowance:
    """What is left of the weekly allowance of price points; one candle is one point.

    Attributes:
        remaining: Points left.
        total: Points of a period.
        resets_at: When the period ends, aware UTC; ``None`` while none has begun: the next request begins one.
        told: Whether IG has said what is left. If not, the numbers are only the user's own limit, and some of it may
            be spent.
    """

    remaining: int
    total: int
    resets_at: datetime | None = None
    told: bool = field(default=True, compare=False)

    def at(self, now: datetime) -> PointsAllowance:
        """Return what it is at ``now``: full again when its period is over."""
        over = self.resets_at is not None and self.resets_at <= now
        return PointsAllowance(self.total, self.total) if over else self

    def __str__(self) -> str:
        ends = "" if self.resets_at is None else f", resets {self.resets_at:%Y-%m-%d %H:%M} UTC"
        unsure = "" if self.told else " at most, IG has not said yet"
        return f"{self.remaining:,} of {self.total:,} points left{unsure}{ends}"


class WeeklyPoints:
    """The price points of all accounts; time is handed in.

    Args:
        own: The user's own limit a week.
        limit: What IG says an account has a week; ``None`` when nobody said anything.

    Threading:
        For one thread at a time; ``Throttle`` sees to it.
    """

    def __init__(self, own: int | None = None, limit: int | None = None) -> None:
        self._own = own
        self._limit = limit
        self._told: dict[str, PointsAllowance] = {}
        self._spent_until: dict[str, datetime] = {}
        self._refusals: dict[str, int] = {}

    def tell_limit(self, limit: int | None) -> None:
        """Take what IG says about the limit."""
        self._limit = limit

    def tell(self, account: str, told: PointsAllowance) -> None:
        """Take what IG says is left."""
        self._told[account] = told
        self._spent_until.pop(account, None)

    def recall(self, account: str, told: PointsAllowance) -> None:
        """Take what IG said earlier, to somebody else, unless it has said something since."""
        self._told.setdefault(account, told)

    def refuse(self, account: str, now: datetime, retry_after_s: float | None = None) -> None:
        """Note that IG refused a request: it asked for more than was left, which may still be some."""
        self._refusals[account] = self.refusals(account) + 1
        if retry_after_s is not None:
            self._spent_until[account] = now + timedelta(seconds=retry_after_s)

    def refusals(self, account: str) -> int:
        """Return how often IG refused a request of this account because they were spent."""
        return self._refusals.get(account, 0)

    def limit(self, account: str) -> int | None:
        """Return the points a week: the user's own limit, else IG's."""
        told = self._told.get(account)
        known = self._limit if self._own is None else self._own
        return told.total if known is None and told is not None else known

    def used(self, account: str, now: datetime) -> int | None:
        """Return how many are spent in the running week, ``None`` before any answer said so."""
        told = self._told.get(account)
        return None if told is None else max(told.at(now).total - told.at(now).remaining, 0)

    def left(self, account: str, now: datetime) -> PointsAllowance | None:
        """Return what is left of what the user and IG allow; ``None`` when nobody said anything."""
        told, own = self._told.get(account), self._own
        if told is None:
            return None if own is None else PointsAllowance(own, own, told=False)
        told = told.at(now)
        if own is None:
            return told
        return replace(told, remaining=max(own - (told.total - told.remaining), 0), total=own)

    def wait_s(self, account: str, now: datetime) -> float:
        """Return for how long no more points can be had: zero when they can."""
        left = self.left(account, now)
        ends = None if left is None or left.remaining > 0 else left.resets_at
        later = [each for each in (ends, self._spent_until.get(account)) if each is not None]
        return max(((each - now).total_seconds() for each in later), default=0.0)
