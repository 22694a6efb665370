"""How many requests a key and an account may make."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass

from ig_sdk.clock import Clock
from ig_sdk.simulator.sessions import Refused

_MINUTE_S = 60.0


@dataclass(frozen=True)
class Allowances:
    """Requests a minute, ten times those of a live key unless said otherwise.

    So a test suite or a demo never meets them, and a client that hammers still does.

    Attributes:
        per_key: Non-trading requests of one API key a minute (live 60, demo 20).
        per_account: Non-trading requests of one account a minute (live 30, demo 10).
        trading: Trading requests of one account a minute (live 100, demo 33).
        historical_points: Price points a week.
        subscriptions: Stream items on one connection.

    Source:
        REST.md section 3.
    """

    per_key: int = 600
    per_account: int = 300
    trading: int = 1_000
    historical_points: int = 10_000
    subscriptions: int = 40


class AllowanceBook:
    """What was spent in the last minute.

    Args:
        allowances: The limits; ``None`` for none.
        clock: Time.

    Threading:
        Safe from any thread.
    """

    def __init__(self, allowances: Allowances | None, clock: Clock) -> None:
        self._allowances = allowances
        self._clock = clock
        self._lock = threading.Lock()
        self._spent: dict[str, deque[float]] = {}

    def spend_key(self, api_key: str) -> None:
        """Count one non-trading request of a key.

        Raises:
            Refused: Its allowance is spent.
        """
        if self._allowances is not None:
            self._spend(f"key {api_key}", self._allowances.per_key, "error.public-api.exceeded-api-key-allowance")

    def spend_account(self, account_id: str) -> None:
        """Count one non-trading request of an account.

        Raises:
            Refused: Its allowance is spent.
        """
        if self._allowances is not None:
            limit = self._allowances.per_account
            self._spend(f"account {account_id}", limit, "error.public-api.exceeded-account-allowance")

    def _spend(self, who: str, limit: int, code: str) -> None:
        now = self._clock.monotonic()
        with self._lock:
            times = self._spent.setdefault(who, deque())
            while times and now - times[0] >= _MINUTE_S:
                times.popleft()
            # A refused request is not counted: a client that keeps asking is let in again a minute after its first.
            if len(times) >= limit:
                raise Refused(code)
            times.append(now)
