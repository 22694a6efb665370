"""Working orders: created, amended, cancelled, lapsed and filled."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from ig_sdk.simulator.broker import checks, legs
from ig_sdk.simulator.broker.account import Account
from ig_sdk.simulator.broker.book import Book
from ig_sdk.simulator.broker.checks import Rejected
from ig_sdk.simulator.broker.deals import AmendOrder, NewOrder
from ig_sdk.simulator.broker.journal import CLIENT, SYSTEM, Actions, note
from ig_sdk.simulator.broker.legs import Legs
from ig_sdk.simulator.broker.opening import enter, entry_of
from ig_sdk.simulator.broker.prices import Quote
from ig_sdk.simulator.broker.records import BROKER_CHANNEL, Confirmation, Order, Position
from ig_sdk.simulator.broker.terms import MarketTerms
from ig_sdk.types import AffectedDeal, Direction

_VERBS = {"OPENED": "OPEN", "AMENDED": "AMENDED", "DELETED": "DELETED"}


def create_order(book: Book, account: Account, wanted: NewOrder, reference: str, deal_id: str) -> None:
    """Create a working order."""
    checks.check_sane(vars(wanted).values())
    checks.check_forced(book)
    checks.check_account(account, opening=True)
    terms = checks.check_market(book, account, wanted.epic)
    quote = checks.check_new_order_state(book, wanted.epic)
    checks.check_reference(account, wanted, reference)
    checks.check_contract(book, account, terms, wanted)
    _check_date(book, wanted.good_till)
    checks.check_size(account, terms, wanted)
    order = Order(
        deal_id=deal_id,
        deal_reference=reference,
        epic=wanted.epic,
        expiry=terms.expiry,
        direction=wanted.direction,
        size=wanted.size,
        level=terms.rounded(wanted.level),
        kind=wanted.kind,
        currency=wanted.currency,
        created_at=book.now,
        good_till=wanted.good_till,
        force_open=wanted.force_open,
    )
    order = _with_legs(account, terms, order, wanted)
    _check_side(order, quote)
    book.put_order(account, order, "OPEN")
    _settled(book, account, order, "OPENED")


def amend_order(book: Book, account: Account, wanted: AmendOrder) -> None:
    """Give a working order new terms; a leg that is not given is removed [one]."""
    checks.check_sane(vars(wanted).values())
    checks.check_forced(book)
    before = _order(account, wanted.deal_id)
    checks.check_account(account, opening=False)
    away_only = checks.check_edits(book, before.epic)
    terms, quote = book.markets[before.epic], book.quote(before.epic)
    _check_date(book, wanted.good_till)
    order = dataclasses.replace(before, level=terms.rounded(wanted.level), kind=wanted.kind, good_till=wanted.good_till)
    order = _with_legs(account, terms, order, wanted)
    _check_side(order, quote)
    price = quote.opening(order.direction)
    if away_only and abs(order.level - price) < abs(before.level - price):
        raise Rejected("MOVE_AWAY_ONLY_TRIGGER_LEVEL")
    book.put_order(account, order, "UPDATED")
    _settled(book, account, order, "AMENDED")


def cancel_order(book: Book, account: Account, deal_id: str) -> None:
    """Cancel a working order."""
    checks.check_forced(book)
    order = _order(account, deal_id)
    checks.check_account(account, opening=False)
    checks.check_edits(book, order.epic)
    book.drop_order(account, order)
    _settled(book, account, order, "DELETED")


def lapse_orders(book: Book, account: Account) -> None:
    """Delete the orders whose date has come."""
    for order in list(account.orders.values()):
        if order.good_till is not None and order.good_till <= book.now:
            book.drop_order(account, order)
            _note(book, account, order, "DELETED", channel=SYSTEM)


def next_lapse(accounts: Iterable[Account]) -> datetime | None:
    """Return when the next order lapses, if one does."""
    dates = (order.good_till for account in accounts for order in account.orders.values())
    return min((date for date in dates if date is not None), default=None)


def is_reached(order: Order, quote: Quote) -> bool:
    """Whether the market has come to an order's level: BUY triggers on the offer, SELL on the bid [inf]."""
    price = quote.opening(order.direction)
    # A LIMIT BUY waits below the market and a STOP SELL too.
    falling = (order.kind == "LIMIT") is (order.direction is Direction.BUY)
    return price <= order.level if falling else price >= order.level


def fill_order(book: Book, account: Account, order: Order, quote: Quote) -> None:
    """Turn an order into a position of the same id and reference, at the price that reached it.

    That is the order's level or better for a LIMIT, and wherever the market is for a STOP (REST.md section 6.3).
    """
    terms, level = book.markets[order.epic], quote.opening(order.direction)
    found = legs.legs_from(terms, order.direction, level, order)
    wanted = Position(
        deal_id=order.deal_id,
        deal_reference=order.deal_reference,
        epic=order.epic,
        expiry=order.expiry,
        direction=order.direction,
        size=order.size,
        level=level,
        currency=order.currency,
        contract_size=terms.contract_size,
        opened_at=book.now,
        stop_level=found.stop and found.stop.level,
        limit_level=found.limit and found.limit.level,
        guaranteed=order.guaranteed,
        premium=order.premium,
        channel=BROKER_CHANNEL,
    )
    net = not (order.force_open and terms.force_open)
    entry = entry_of(account, wanted, net=net)
    filled: Actions = ((f"{order.kind}_ORDER_FILLED", order.deal_id),)
    try:
        checks.check_account(account, opening=True)
        checks.check_opposing(account, wanted, net=net)
        checks.check_funds(book, account, entry.leaves(account))
    except Rejected as verdict:
        book.drop_order(account, order, deal_status="REJECTED")
        _note(book, account, order, "DELETED", channel=SYSTEM, reason=verdict.reason)
        return
    book.drop_order(account, order)
    _, actions = enter(book, account, entry, level)
    note(
        book,
        account,
        wanted,
        filled + actions,
        kind="WORKING_ORDER",
        deal_id=order.deal_id,
        reference=order.deal_reference,
        channel=SYSTEM,
    )


def _order(account: Account, deal_id: str) -> Order:
    order = account.orders.get(deal_id)
    if order is None:
        raise Rejected("ORDER_NOT_FOUND")
    return order


def _check_date(book: Book, good_till: datetime | None) -> None:
    if good_till is not None and good_till <= book.now:
        raise Rejected("GOOD_TILL_DATE_IN_THE_PAST")


def _check_side(order: Order, quote: Quote) -> None:
    """Refuse an order that the market has reached already."""
    if is_reached(order, quote):
        raise Rejected("ATTACHED_ORDER_LEVEL_ERROR")


def _with_legs(account: Account, terms: MarketTerms, order: Order, wanted: NewOrder | AmendOrder) -> Order:
    """Return the order with the legs that are wanted, if the rules allow them."""
    found = legs.legs_from(terms, order.direction, order.level, wanted)
    guaranteed = wanted.guaranteed_stop and found.stop is not None
    legs.check_allowed(
        account, terms, stop=found.stop is not None, limit=found.limit is not None, guaranteed=guaranteed
    )
    legs.check_legs(terms, order.direction, order.level, found, guaranteed=guaranteed)
    return dataclasses.replace(
        order,
        stop_level=found.stop.level if found.stop and wanted.stop_level is not None else None,
        stop_distance=_distance(terms, order, found, "stop"),
        limit_level=found.limit.level if found.limit and wanted.limit_level is not None else None,
        limit_distance=_distance(terms, order, found, "limit"),
        guaranteed=guaranteed,
        premium=terms.premium.points(order.level, terms.scale) if guaranteed else None,
    )


def _distance(terms: MarketTerms, order: Order, found: Legs, name: str) -> Decimal | None:
    leg = found.stop if name == "stop" else found.limit
    if leg is None or leg.distance is not None:
        return leg and leg.distance
    return terms.points_of(abs(leg.level - order.level))


def _settled(book: Book, account: Account, order: Order, what: str) -> None:
    """Confirm what was done to an order, before its event, and note it in the history."""
    confirm = Confirmation(
        date=book.now,
        deal_reference=order.deal_reference,
        deal_id=order.deal_id,
        deal_status="ACCEPTED",
        reason="SUCCESS",
        epic=order.epic,
        direction=order.direction,
        status=_VERBS[what],
        expiry=order.expiry,
        level=order.level,
        size=order.size,
        stop_level=order.stop_level,
        limit_level=order.limit_level,
        # A confirm keeps what was asked for: distances stay distances (REST.md section 6.1 item 5).
        stop_distance=order.stop_distance if order.stop_level is None else None,
        limit_distance=order.limit_distance if order.limit_level is None else None,
        guaranteed_stop=order.guaranteed,
        affected=(AffectedDeal(order.deal_id, what),),
    )
    book.confirm(account, confirm, len(book.events) - 1)
    _note(book, account, order, what)


def _note(
    book: Book, account: Account, order: Order, what: str, *, channel: str = CLIENT, reason: str | None = None
) -> None:
    note(
        book,
        account,
        order,
        ((f"{order.kind}_ORDER_{what}", order.deal_id),),
        kind="WORKING_ORDER",
        deal_id=order.deal_id,
        reference=order.deal_reference,
        channel=channel,
        reason=reason,
    )
