"""Opening positions, after netting where it is asked for."""

from __future__ import annotations

import dataclasses
from decimal import Decimal
from typing import NamedTuple

from ig_sdk.simulator.broker import checks, legs
from ig_sdk.simulator.broker.account import Account
from ig_sdk.simulator.broker.book import Book
from ig_sdk.simulator.broker.closing import Part, affected_by, close_parts, parts_of
from ig_sdk.simulator.broker.deals import OpenDeal
from ig_sdk.simulator.broker.journal import Actions, note
from ig_sdk.simulator.broker.legs import Legs
from ig_sdk.simulator.broker.records import Confirmation, Position


class Entry(NamedTuple):
    """A fill that opens: what it closes before, and what is left to be opened."""

    parts: list[Part]
    position: Position | None

    def leaves(self, account: Account) -> list[Position]:
        """Return the positions that the account has afterwards."""
        smaller = {part.position.deal_id: part for part in self.parts}
        kept = [
            dataclasses.replace(position, size=position.size - smaller[deal_id].size)
            if deal_id in smaller
            else position
            for deal_id, position in account.positions.items()
            if deal_id not in smaller or not smaller[deal_id].whole
        ]
        return kept if self.position is None else [*kept, self.position]


def entry_of(account: Account, position: Position, *, net: bool) -> Entry:
    """Return how a position is entered: beside opposing ones, or closing them first, oldest first [inf]."""
    if not net:
        return Entry([], position)
    opposing = [
        each
        for each in account.positions.values()
        if each.epic == position.epic
        and each.currency == position.currency
        and each.direction is not position.direction
    ]
    parts, rest = parts_of(opposing, position.size)
    return Entry(parts, dataclasses.replace(position, size=rest) if rest else None)


def enter(book: Book, account: Account, entry: Entry, level: Decimal) -> tuple[Decimal | None, Actions]:
    """Carry an entry out and return the profit of its closes, if any, and what was done to which deal."""
    profit, actions = close_parts(book, account, entry.parts, level)
    if entry.position is not None:
        book.put_position(account, entry.position, "OPEN")
        book.count_recent(account, entry.position)
        actions += (("POSITION_OPENED", entry.position.deal_id),)
    return (profit if entry.parts else None), actions


def open_deal(book: Book, account: Account, deal: OpenDeal, reference: str, deal_id: str) -> None:
    """Open a position, after netting if it was asked for."""
    checks.check_sane(vars(deal).values())
    checks.check_forced(book)
    checks.check_account(account, opening=True)
    terms = checks.check_market(book, account, deal.epic)
    quote = checks.check_state(book, deal.epic, opening=True)
    checks.check_reference(account, deal, reference)
    checks.check_contract(book, account, terms, deal)
    checks.check_order_type(terms, deal)
    checks.check_size(account, terms, deal)
    level = checks.fill_level(deal, quote)
    found = legs.legs_from(terms, deal.direction, level, deal)
    net = not (deal.force_open and terms.force_open)
    wanted = Position(
        deal_id=deal_id,
        deal_reference=reference,
        epic=deal.epic,
        expiry=terms.expiry,
        direction=deal.direction,
        size=deal.size,
        level=level,
        currency=deal.currency,
        contract_size=terms.contract_size,
        opened_at=book.now,
        stop_level=found.stop and found.stop.level,
        limit_level=found.limit and found.limit.level,
        guaranteed=deal.guaranteed_stop,
        premium=terms.premium.points(level, terms.scale) if deal.guaranteed_stop else None,
        trailing_distance=deal.stop_distance if deal.trailing_stop else None,
        trailing_step=deal.trailing_increment if deal.trailing_stop else None,
    )
    checks.check_opposing(account, wanted, net=net)
    _check_open_legs(account, deal, wanted, found, book, net=net)
    checks.check_price(deal, quote)
    checks.check_funds(book, account, entry_of(account, wanted, net=net).leaves(account))
    wanted = dataclasses.replace(wanted, size=checks.size_filled(terms, deal))
    _opened(book, account, wanted, entry_of(account, wanted, net=net))


def _check_open_legs(account: Account, deal: OpenDeal, wanted: Position, found: Legs, book: Book, *, net: bool) -> None:
    terms, price = book.markets[deal.epic], book.quote(deal.epic).closing(deal.direction)
    if entry_of(account, wanted, net=net).position is not None:
        legs.check_allowed(
            account,
            terms,
            stop=found.stop is not None,
            limit=found.limit is not None,
            guaranteed=deal.guaranteed_stop,
            trailing=deal.trailing_stop,
        )
    legs.check_legs(terms, deal.direction, price, found, guaranteed=deal.guaranteed_stop)
    legs.check_spacing(account, terms, wanted)
    if deal.trailing_stop:
        legs.check_trailing(account, terms, price, deal.stop_distance, deal.trailing_increment)


def _opened(book: Book, account: Account, wanted: Position, entry: Entry) -> None:
    mark = len(book.events)
    profit, actions = enter(book, account, entry, wanted.level)
    opened = entry.position
    if opened is not None:
        status = "OPEN"
    else:
        status = "CLOSED" if all(part.whole for part in entry.parts) else "PARTIALLY_CLOSED"
    confirm = Confirmation(
        date=book.now,
        deal_reference=wanted.deal_reference,
        deal_id=wanted.deal_id,
        deal_status="ACCEPTED",
        reason="SUCCESS",
        epic=wanted.epic,
        direction=wanted.direction,
        status=status,
        expiry=wanted.expiry,
        level=wanted.level,
        size=wanted.size,
        stop_level=None if opened is None else opened.stop_level,
        limit_level=None if opened is None else opened.limit_level,
        guaranteed_stop=opened is not None and opened.guaranteed,
        trailing_stop=opened is not None and opened.trailing_step is not None,
        affected=affected_by(actions),
        profit=profit,
        profit_currency=None if profit is None else account.terms.currency,
    )
    book.confirm(account, confirm, mark)
    note(book, account, wanted, actions, kind="POSITION", deal_id=wanted.deal_id, reference=wanted.deal_reference)
