"""What a price triggers: trailing stops follow, stops, limits and orders are filled, accounts are closed out."""

from __future__ import annotations

import dataclasses
from decimal import Decimal

from ig_sdk.simulator.broker.account import Account
from ig_sdk.simulator.broker.book import TRADEABLE, Book
from ig_sdk.simulator.broker.checks import deals
from ig_sdk.simulator.broker.closing import Part, close_parts, note_close
from ig_sdk.simulator.broker.journal import SYSTEM
from ig_sdk.simulator.broker.ordering import fill_order, is_reached
from ig_sdk.simulator.broker.prices import Quote
from ig_sdk.simulator.broker.records import Position
from ig_sdk.types import Direction


def on_price(book: Book, epic: str) -> None:
    """Do what the new price of a market triggers, in the order in which its deals came."""
    live, quote = book.live[epic], book.quote(epic)
    status = book.statuses.get(epic, TRADEABLE)
    closings, openings = deals(status, opening=False), deals(status, opening=True)
    accounts = {id(account): account for account in live.values()}
    for deal_id, account in list(live.items()):
        if (position := account.positions.get(deal_id)) is not None:
            if closings:
                _watch(book, account, position, quote)
        elif openings and (order := account.orders.get(deal_id)) is not None and is_reached(order, quote):
            fill_order(book, account, order, quote)
    for account in accounts.values():
        close_out(book, account)


def _watch(book: Book, account: Account, position: Position, quote: Quote) -> None:
    price = quote.closing(position.direction)
    up = position.direction is Direction.BUY
    stop, limit = position.stop_level, position.limit_level
    if stop is not None and (price <= stop if up else price >= stop):
        # Only a guaranteed stop fills at its level even if the market has jumped over it.
        _stop_out(book, account, position, stop if position.guaranteed else price, premium=position.guaranteed)
    elif limit is not None and (price >= limit if up else price <= limit):
        _stop_out(book, account, position, limit)
    elif stop is not None and position.trailing_step is not None and position.trailing_distance is not None:
        _trail(book, account, position, price - stop if up else stop - price)


def _trail(book: Book, account: Account, position: Position, away: Decimal) -> None:
    """Move a stop by as many whole steps as the price has gone further than its distance (REST.md section 6.3)."""
    terms, step = book.markets[position.epic], position.trailing_step
    assert step is not None
    assert position.stop_level is not None
    assert position.trailing_distance is not None
    steps = (terms.points_of(away) - position.trailing_distance) // step
    if steps > 0:
        move = terms.level_of(steps * step)
        stop = position.stop_level + (move if position.direction is Direction.BUY else -move)
        book.put_position(account, dataclasses.replace(position, stop_level=stop), "UPDATED")


def _stop_out(book: Book, account: Account, position: Position, level: Decimal, *, premium: bool = False) -> None:
    _, actions = close_parts(book, account, [Part(position, position.size)], level)
    # A close by the system has a reference of its own (REST.md section 6.1 item 7).
    note_close(
        book,
        account,
        position,
        actions,
        level,
        position.size,
        deal_id=book.ids.deal_id(),
        reference=book.fresh_reference(account),
        channel=SYSTEM,
    )
    if premium and position.premium is not None:
        terms = book.markets[position.epic]
        cost = terms.level_of(position.premium) * position.size * terms.multiplier
        amount = -cost * book.rate(position.currency, account)
        book.pay(account, amount, terms, f"{terms.name} limited risk premium")


def close_out(book: Book, account: Account) -> None:
    """Close positions, the worst first, until the equity is back at the share of the margin that it must be [inf].

    Positions whose market does not deal stay open.
    """
    share = account.terms.close_out_pct
    while share is not None and account.positions:
        figures = book.figures(account)
        if figures.equity * 100 >= share * figures.deposit:
            return
        closable = [
            each for each in account.positions.values() if deals(book.statuses.get(each.epic, TRADEABLE), opening=False)
        ]
        if not closable:
            return
        worst = min(closable, key=lambda each: book.open_profit(account, each))
        _stop_out(book, account, worst, book.quote(worst.epic).closing(worst.direction))
