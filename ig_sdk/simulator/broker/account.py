"""What the broker keeps of one account."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple, TypeVar

from ig_sdk.simulator.broker.records import (
    ActivityEntry,
    Confirmation,
    Figures,
    Order,
    Position,
    RecentDeal,
    TransactionEntry,
)
from ig_sdk.simulator.broker.terms import AccountTerms
from ig_sdk.types import Direction

Entry = TypeVar("Entry", ActivityEntry, TransactionEntry)


class KnownDeal(NamedTuple):
    """What is kept of a position or order after it is closed."""

    deal_reference: str
    epic: str
    expiry: str
    direction: Direction


class Verdict(NamedTuple):
    """A confirm and when it can be read."""

    since: datetime
    until: datetime
    confirm: Confirmation


@dataclass
class Account:
    """The state of one account; positions and orders are in the order in which they came.

    Attributes:
        terms: Its rules.
        balance: Money without open positions; every change of it is a transaction.
        positions: Open positions by deal id.
        orders: Working orders by deal id.
        known: Every deal that it ever had, by deal id.
        requests: Requests by the reference that they used up.
        verdicts: Latest confirm by reference.
        activity: History, oldest first.
        transactions: History, oldest first.
        recent: Executions in the repeat dealing window, oldest first.
        reported: The figures that were last reported.
        reported_at: When they were.
    """

    terms: AccountTerms
    balance: Decimal
    reported: Figures
    reported_at: datetime
    positions: dict[str, Position] = field(default_factory=dict)
    orders: dict[str, Order] = field(default_factory=dict)
    known: dict[str, KnownDeal] = field(default_factory=dict)
    requests: dict[str, object] = field(default_factory=dict)
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    activity: list[ActivityEntry] = field(default_factory=list)
    transactions: list[TransactionEntry] = field(default_factory=list)
    recent: deque[RecentDeal] = field(default_factory=deque)

    def forget(self, now: datetime) -> None:
        """Drop what has expired: executions of the repeat dealing window, and confirms."""
        while self.recent and self.recent[0].expires_at <= now:
            self.recent.popleft()
        # A confirm that replaces another is inserted at the end, so the oldest is always first.
        while self.verdicts and (first := next(iter(self.verdicts))) and self.verdicts[first].until <= now:
            del self.verdicts[first]


def newest_first(entries: list[Entry], first: datetime | None, last: datetime | None) -> list[Entry]:
    """Return the entries of a history from ``first`` to ``last`` inclusive, newest first."""
    start = 0 if first is None else bisect_left(entries, first, key=lambda entry: entry.at)
    end = len(entries) if last is None else bisect_right(entries, last, key=lambda entry: entry.at)
    return entries[start:end][::-1]


def merged(entries: list[Entry], more: Iterable[Entry]) -> list[Entry]:
    """Return a history with more entries, in order of time."""
    whole = list(more)
    whole += entries
    return sorted(whole, key=lambda entry: entry.at)
