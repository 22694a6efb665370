"""Rows of the activity history: every request and everything that the broker does unasked leaves exactly one.

Source:
    REST.md section 6.5 and ``samples/activity_v3__detailed_subset.json``: a close has the position's stop and limit,
    the closing level and the opposite direction.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from ig_sdk.simulator.broker.account import Account, KnownDeal
from ig_sdk.simulator.broker.book import Book
from ig_sdk.simulator.broker.records import ActivityEntry, Order, Position
from ig_sdk.types import Direction

CLIENT, SYSTEM = "PUBLIC_WEB_API", "SYSTEM"

Actions = tuple[tuple[str, str], ...]

_TEXTS = {
    "POSITION_OPENED": "Position opened",
    "POSITION_CLOSED": "Position/s closed",
    "POSITION_PARTIALLY_CLOSED": "Position partially closed",
    "STOP_LIMIT_AMENDED": "Stop/limit amended",
    "LIMIT_ORDER_OPENED": "Limit order opened",
    "LIMIT_ORDER_AMENDED": "Limit order amended",
    "LIMIT_ORDER_DELETED": "Limit order deleted",
    "LIMIT_ORDER_FILLED": "Limit order filled",
    "STOP_ORDER_OPENED": "Stop order opened",
    "STOP_ORDER_AMENDED": "Stop order amended",
    "STOP_ORDER_DELETED": "Stop order deleted",
    "STOP_ORDER_FILLED": "Stop order filled",
}


def describe(actions: Actions) -> str:
    """Return what happened for people: of several deals all are named, in order."""
    verb = _TEXTS[actions[0][0]]
    return f"{verb}: {', '.join(dict.fromkeys(deal_id[-8:] for _, deal_id in actions))}"


def note(
    book: Book,
    account: Account,
    deal: Position | Order,
    actions: Actions,
    *,
    kind: str,
    deal_id: str,
    reference: str | None,
    channel: str = CLIENT,
    direction: Direction | None = None,
    size: Decimal | None = None,
    level: Decimal | None = None,
    reason: str | None = None,
) -> None:
    """Write a row about ``deal``; direction, size and level are the deal's unless given.

    Args:
        book: The broker's.
        account: Whose.
        deal: Position or order, with the stop and limit to be shown.
        actions: What was done to which deal.
        kind: ``type`` of the row.
        deal_id: The row's own.
        reference: The request's.
        channel: Who did it.
        direction: Of the deal that the row is about.
        size: Likewise.
        level: Likewise.
        reason: Why it was rejected.
    """
    terms = book.markets[deal.epic]
    row = ActivityEntry(
        activity_id=book.ids.activity(),
        at=book.now,
        epic=deal.epic,
        period=deal.expiry,
        deal_id=deal_id,
        channel=channel,
        type=kind,
        status="ACCEPTED" if reason is None else "REJECTED",
        description=describe(actions) if reason is None else f"Rejected: {reason}",
        market_name=terms.name,
        deal_reference=reference,
        actions=actions,
        currency=deal.currency,
        direction=direction or deal.direction,
        size=deal.size if size is None else size,
        level=deal.level if level is None else level,
        guaranteed_stop=deal.guaranteed,
        **_legs(book, deal),
    )
    account.activity.append(row)


def _legs(book: Book, deal: Position | Order) -> dict[str, Any]:
    legs: dict[str, Any] = {"stop_level": deal.stop_level, "limit_level": deal.limit_level}
    if isinstance(deal, Order):
        return {
            **legs,
            "stop_distance": deal.stop_distance,
            "limit_distance": deal.limit_distance,
            "good_till": deal.good_till,
        }
    points = book.markets[deal.epic].points_of
    for leg in ("stop", "limit"):
        level = legs[f"{leg}_level"]
        legs[f"{leg}_distance"] = None if level is None else points(abs(level - deal.level))
    return {**legs, "trailing_distance": deal.trailing_distance, "trailing_step": deal.trailing_step}


def note_rejected(
    book: Book, account: Account, subject: KnownDeal, *, kind: str, deal_id: str, reason: str, affected: str | None
) -> None:
    """Write a row about a request that was rejected: ``affected`` is the deal that it was about, if it had one."""
    terms = book.markets.get(subject.epic)
    row = ActivityEntry(
        activity_id=book.ids.activity(),
        at=book.now,
        epic=subject.epic,
        period=subject.expiry,
        deal_id=deal_id,
        channel=CLIENT,
        type=kind,
        status="REJECTED",
        description=f"Rejected: {reason}",
        market_name=subject.epic if terms is None else terms.name,
        deal_reference=subject.deal_reference,
        actions=(("UNKNOWN", affected or deal_id),),
        direction=subject.direction,
    )
    account.activity.append(row)
