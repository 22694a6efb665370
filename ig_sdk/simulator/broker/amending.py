"""Giving positions new stops and limits."""

from __future__ import annotations

import dataclasses
from decimal import Decimal

from ig_sdk.simulator.broker import checks, legs
from ig_sdk.simulator.broker.account import Account
from ig_sdk.simulator.broker.book import Book
from ig_sdk.simulator.broker.checks import Rejected
from ig_sdk.simulator.broker.deals import AmendDeal
from ig_sdk.simulator.broker.journal import note
from ig_sdk.simulator.broker.legs import Leg, Legs
from ig_sdk.simulator.broker.records import Confirmation, Position
from ig_sdk.simulator.broker.terms import MarketTerms
from ig_sdk.types import AffectedDeal


def amend_deal(book: Book, account: Account, deal: AmendDeal) -> None:
    """Give a position new stops and limits; a leg that is not given is removed [one]."""
    checks.check_sane(vars(deal).values())
    checks.check_forced(book)
    position = account.positions.get(deal.deal_id)
    if position is None:
        raise Rejected("POSITION_NOT_FOUND")
    checks.check_account(account, opening=False)
    away_only = checks.check_edits(book, position.epic)
    terms, price = book.markets[position.epic], book.quote(position.epic).closing(position.direction)
    stop = None if deal.stop_level is None else Leg(terms.rounded(deal.stop_level))
    limit = None if deal.limit_level is None else Leg(terms.rounded(deal.limit_level))
    amended = dataclasses.replace(
        position,
        stop_level=stop and stop.level,
        limit_level=limit and limit.level,
        guaranteed=deal.guaranteed_stop and stop is not None,
        premium=terms.premium.points(price, terms.scale) if deal.guaranteed_stop and stop is not None else None,
        trailing_distance=deal.trailing_distance if deal.trailing_stop else None,
        trailing_step=deal.trailing_increment if deal.trailing_stop else None,
    )
    _check_amended_legs(account, terms, price, position, amended, trailing=deal.trailing_stop)
    if away_only:
        legs.check_move_away(position.direction, position, Legs(stop, limit))
    others = (amended if each is position else each for each in account.positions.values())
    checks.check_funds(book, account, others)
    _amended(book, account, amended)


def _check_amended_legs(
    account: Account, terms: MarketTerms, price: Decimal, before: Position, after: Position, *, trailing: bool
) -> None:
    if account.terms.limited_risk and before.guaranteed and after.stop_level is None:
        raise Rejected("CANNOT_REMOVE_STOP")
    if account.terms.limited_risk and before.guaranteed and not after.guaranteed:
        raise Rejected("CANNOT_CHANGE_STOP_TYPE")
    legs.check_allowed(
        account,
        terms,
        stop=after.stop_level is not None,
        limit=after.limit_level is not None,
        guaranteed=after.guaranteed,
        trailing=trailing,
    )
    # A leg that stays where it is was allowed once; the edit may keep it even if the price has come close since.
    same_stop = after.stop_level == before.stop_level and after.guaranteed == before.guaranteed
    stop = None if same_stop or after.stop_level is None else Leg(after.stop_level)
    same_limit = after.limit_level == before.limit_level
    limit = None if same_limit or after.limit_level is None else Leg(after.limit_level)
    legs.check_legs(terms, after.direction, price, Legs(stop, limit), guaranteed=after.guaranteed)
    legs.check_spacing(account, terms, after)
    if trailing:
        legs.check_trailing(account, terms, price, after.trailing_distance, after.trailing_step)


def _amended(book: Book, account: Account, amended: Position) -> None:
    mark = len(book.events)
    book.put_position(account, amended, "UPDATED")
    confirm = Confirmation(
        date=book.now,
        deal_reference=amended.deal_reference,
        deal_id=amended.deal_id,
        deal_status="ACCEPTED",
        reason="SUCCESS",
        epic=amended.epic,
        direction=amended.direction,
        status="AMENDED",
        expiry=amended.expiry,
        level=amended.level,
        size=amended.size,
        stop_level=amended.stop_level,
        limit_level=amended.limit_level,
        guaranteed_stop=amended.guaranteed,
        trailing_stop=amended.trailing_step is not None,
        affected=(AffectedDeal(amended.deal_id, "AMENDED"),),
    )
    book.confirm(account, confirm, mark)
    note(
        book,
        account,
        amended,
        (("STOP_LIMIT_AMENDED", amended.deal_id),),
        kind="EDIT_STOP_AND_LIMIT",
        deal_id=amended.deal_id,
        reference=amended.deal_reference,
    )
