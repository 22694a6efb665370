"""What may be asked of the broker without changing anything."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from ig_sdk.simulator.broker.account import newest_first
from ig_sdk.simulator.broker.book import TRADEABLE, Book
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


class View:
    """What may be asked of a broker; nothing here changes anything.

    Args:
        book: The broker's.
    """

    def __init__(self, book: Book) -> None:
        self._book = book

    def status(self, epic: str) -> str:
        """Return a market's status; ``"TRADEABLE"`` unless it was set."""
        return self._book.statuses.get(epic, TRADEABLE)

    def account(self, account_id: str) -> AccountTerms:
        """Return the terms of an account."""
        return self._book.accounts[account_id].terms

    def confirm(self, account_id: str, reference: str, now: datetime) -> Confirmation | None:
        """Return the latest confirm of a reference, or ``None`` while it is too early or when it is gone."""
        verdict = self._book.accounts[account_id].verdicts.get(reference)
        return verdict.confirm if verdict is not None and verdict.since <= now < verdict.until else None

    def positions(self, account_id: str) -> list[Position]:
        """Return the open positions, oldest first."""
        return list(self._book.accounts[account_id].positions.values())

    def position(self, account_id: str, deal_id: str) -> Position | None:
        """Return one open position, or ``None``."""
        return self._book.accounts[account_id].positions.get(deal_id)

    def orders(self, account_id: str) -> list[Order]:
        """Return the working orders, oldest first."""
        return list(self._book.accounts[account_id].orders.values())

    def figures(self, account_id: str) -> Figures:
        """Return the account's money at the latest prices."""
        return self._book.figures(self._book.accounts[account_id])

    def rate(self, source: str, target: str) -> Decimal | None:
        """Return how much of ``target`` one unit of ``source`` is worth at mid prices, or ``None``."""
        return self._book.prices.rate(source, target)

    def activity(
        self, account_id: str, first: datetime | None = None, last: datetime | None = None
    ) -> list[ActivityEntry]:
        """Return what was done, newest first, from ``first`` to ``last`` inclusive where given."""
        return newest_first(self._book.accounts[account_id].activity, first, last)

    def transactions(
        self, account_id: str, first: datetime | None = None, last: datetime | None = None
    ) -> list[TransactionEntry]:
        """Return the money that moved, newest first, from ``first`` to ``last`` inclusive where given."""
        return newest_first(self._book.accounts[account_id].transactions, first, last)

    def recent_deals(self, account_id: str, now: datetime) -> list[RecentDeal]:
        """Return the executions in the repeat dealing window, oldest first."""
        return [each for each in self._book.accounts[account_id].recent if each.expires_at > now]
