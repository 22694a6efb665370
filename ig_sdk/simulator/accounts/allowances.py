"""How many requests a key and an account may make, and how many price points an account may read."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, replace

from ig_sdk.clock import Clock
from ig_sdk.simulator.refusals import RestRefusal

_MINUTE_S = 60.0
_WEEK_S = 604_800.0


@dataclass(frozen=True)
class Allowances:
    """Limits on requests; the defaults are IG's for a live key.

    Attributes:
        per_key: Non-trading requests per API key and minute (seen on demo: 20).
        per_account: Non-trading requests per account and minute (seen on demo: 10).
        trading: Trading requests per account and minute (seen on demo: 33).
        historical_points: Price points per account and week.
        subscriptions: Stream items on one connection.

    Source:
        REST.md section 3.
    """

    per_key: int = 60
    per_account: int = 30
    trading: int = 100
    historical_points: int = 10_000
    subscriptions: int = 40


# What a key reports where nothing is limited: a client that keeps to the reported numbers must not slow down.
_UNLIMITED = Allowances(per_key=1_000_000, per_account=1_000_000, trading=1_000_000)


# Ten times IG's limits: a test suite or a demo in the same process never reaches them, a runaway client does.
TENFOLD = Allowances(per_key=600, per_account=300, trading=1_000)


@dataclass(frozen=True)
class Points:
    """What is left of an account's price points.

    Attributes:
        left: Points that may still be read.
        total: Points of a whole period.
        expires_s: Seconds until the period ends.
    """

    left: int
    total: int
    expires_s: int


class AllowanceBook:
    """Counts requests over the last minute, and price points over the current week.

    Args:
        allowances: The limits; ``None`` for none.
        clock: Time.

    Threading:
        Safe from any thread.
    """

    def __init__(self, allowances: Allowances | None, clock: Clock) -> None:
        self._limited = allowances is not None
        self._limits = allowances or _UNLIMITED
        self._clock = clock
        self._lock = threading.Lock()
        self._spent: dict[str, deque[float]] = {}
        self._points: dict[str, tuple[float, int]] = {}

    @property
    def limits(self) -> Allowances:
        """The limits in force; numbers too large to reach when nothing is limited."""
        return self._limits

    def change(self, *, per_account: int | None = None, trading: int | None = None) -> None:
        """Set the limits that a key's owner may set; ``None`` leaves a limit as it is."""
        with self._lock:
            self._limits = replace(
                self._limits,
                per_account=self._limits.per_account if per_account is None else per_account,
                trading=self._limits.trading if trading is None else trading,
            )

    def spend(self, traffic: str, api_key: str, account_id: str | None) -> None:
        """Count one request.

        Args:
            traffic: ``"non-trading"``, ``"trading"`` or ``"historical"``, which is limited by points alone.
            api_key: Key that the request carried.
            account_id: Account that it acts for; ``None`` before a login.

        Raises:
            RestRefusal: An allowance is spent.
        """
        if not self._limited:
            return
        limits = self._limits
        if traffic == "trading":
            self._count((f"deals {account_id}", limits.trading, "account-trading-allowance"))
        elif traffic == "non-trading":
            key = f"key {api_key}", limits.per_key, "api-key-allowance"
            account = f"account {account_id}", limits.per_account, "account-allowance"
            self._count(key, *([] if account_id is None else [account]))

    def _count(self, *spent: tuple[str, int, str]) -> None:
        now = self._clock.monotonic()
        with self._lock:
            all_times = []
            for counted, limit, code in spent:
                times = self._spent.setdefault(counted, deque())
                while times and now - times[0] >= _MINUTE_S:
                    times.popleft()
                if len(times) >= limit:
                    raise RestRefusal(f"error.public-api.exceeded-{code}")
                all_times.append(times)
            # A refused request is not counted: a client that keeps asking is let in again a minute after its first
            # request.
            for times in all_times:
                times.append(now)

    def spend_points(self, account_id: str, points: int) -> Points:
        """Count price points and return what is left.

        The period begins with its first request and lasts a week (REST.md section 3). Where nothing is limited, it is
        counted all the same, and the next period begins when all are spent.

        Raises:
            RestRefusal: Fewer points are left; none is spent then.
        """
        now, total = self._clock.monotonic(), self._limits.historical_points
        with self._lock:
            began, spent = self._points.get(account_id, (now, 0))
            if now - began >= _WEEK_S:
                began, spent = now, 0
            if spent + points > total:
                if self._limited:
                    raise RestRefusal("error.public-api.exceeded-account-historical-data-allowance")
                # Nothing is refused, and a client that heeds the count must not stop for a week either: the next
                # period begins at once.
                began, spent, points = now, 0, points % (total + 1)
            spent += points
            self._points[account_id] = began, spent
        return Points(total - spent, total, int(_WEEK_S - (now - began)))
