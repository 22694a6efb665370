"""Closing positions, whole or in part, on request or by the broker."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from ig_sdk.simulator.broker import checks
from ig_sdk.simulator.broker.account import Account
from ig_sdk.simulator.broker.book import Book
from ig_sdk.simulator.broker.deals import CloseDeal, NoMatch
from ig_sdk.simulator.broker.journal import CLIENT, Actions, note
from ig_sdk.simulator.broker.records import Confirmation, Position
from ig_sdk.types import AffectedDeal

_ZERO = Decimal(0)
# Sizes have at most 12 decimal places (ig_api.json).
_FINEST = -12


class Part(NamedTuple):
    """How much of a position is to be closed."""

    position: Position
    size: Decimal

    @property
    def whole(self) -> bool:
        """Nothing is left of it."""
        return self.size == self.position.size


def parts_of(positions: Sequence[Position], size: Decimal) -> tuple[list[Part], Decimal]:
    """Return what closing ``size`` takes of ``positions``, in their order, and the size that is left over."""
    parts = []
    for position in positions:
        if not size:
            break
        taken = min(size, position.size)
        parts.append(Part(position, taken))
        size -= taken
    return parts, size


def close_parts(book: Book, account: Account, parts: Sequence[Part], level: Decimal) -> tuple[Decimal, Actions]:
    """Close parts of positions at ``level`` and return what they made and what was done to which deal."""
    profit, actions = _ZERO, []
    for position, size in parts:
        profit += book.close(account, position, size, level)
        verb = "POSITION_CLOSED" if size == position.size else "POSITION_PARTIALLY_CLOSED"
        actions.append((verb, position.deal_id))
    return profit, tuple(actions)


_AFFECTED = {
    "POSITION_OPENED": "OPENED",
    "POSITION_CLOSED": "FULLY_CLOSED",
    "POSITION_PARTIALLY_CLOSED": "PARTIALLY_CLOSED",
}


def affected_by(actions: Actions) -> tuple[AffectedDeal, ...]:
    """Return what a confirm says of the deals that were touched."""
    return tuple(AffectedDeal(deal_id, _AFFECTED[verb]) for verb, deal_id in actions)


def positions_to_close(account: Account, deal: CloseDeal) -> list[Position]:
    """Return the open positions that a close is about, oldest first.

    Raises:
        NoMatch: There is none, or less is open than is to be closed.
    """
    fits = [
        each
        for each in account.positions.values()
        if each.direction is not deal.direction
        and (each.deal_id == deal.deal_id if deal.deal_id is not None else _in_market(each, deal))
    ]
    # A size that rounding makes equal to another one closes nothing.
    exponent = deal.size.as_tuple().exponent
    possible = isinstance(exponent, int) and exponent >= _FINEST
    if not (possible and fits and 0 < deal.size <= sum(each.size for each in fits)):
        raise NoMatch(f"no compatible position found for {deal.deal_id or deal.epic}")
    return fits


def _in_market(position: Position, deal: CloseDeal) -> bool:
    return position.epic == deal.epic and position.expiry == deal.expiry


def close_deal(book: Book, account: Account, deal: CloseDeal, positions: Sequence[Position], deal_id: str) -> None:
    """Close positions: the confirm has the opening deal's reference and id, the activity the close's own id."""
    first = positions[0]
    checks.check_sane(vars(deal).values())
    checks.check_forced(book)
    checks.check_account(account, opening=False)
    terms = book.markets[first.epic]
    quote = checks.check_state(book, first.epic, opening=False)
    checks.check_order_type(terms, deal)
    checks.check_price(deal, quote)
    parts, _ = parts_of(positions, checks.size_filled(terms, deal))
    level, mark = checks.fill_level(deal, quote), len(book.events)
    profit, actions = close_parts(book, account, parts, level)
    size = sum((part.size for part in parts), _ZERO)
    confirm = Confirmation(
        date=book.now,
        deal_reference=first.deal_reference,
        deal_id=first.deal_id,
        deal_status="ACCEPTED",
        reason="SUCCESS",
        epic=first.epic,
        direction=deal.direction,
        status="CLOSED" if all(part.whole for part in parts) else "PARTIALLY_CLOSED",
        expiry=first.expiry,
        level=level,
        size=size,
        affected=affected_by(actions),
        profit=profit,
        profit_currency=account.terms.currency,
    )
    book.confirm(account, confirm, mark)
    note_close(book, account, first, actions, level, size, deal_id=deal_id, reference=first.deal_reference)


def note_close(
    book: Book,
    account: Account,
    position: Position,
    actions: Actions,
    level: Decimal,
    size: Decimal,
    *,
    deal_id: str,
    reference: str,
    channel: str = CLIENT,
) -> None:
    """Write the row of a close, as the opposite deal that it is."""
    note(
        book,
        account,
        position,
        actions,
        kind="POSITION",
        deal_id=deal_id,
        reference=reference,
        channel=channel,
        direction=position.direction.opposite,
        size=size,
        level=level,
    )
