"""What a row of the account's history says of a deal. No I/O."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from ig_sdk.rest.account_history.activity import Activity, ActivityDetails

# wire/enums.json, ActionType
CLOSES = frozenset({"POSITION_CLOSED", "POSITION_PARTIALLY_CLOSED"})
OPENS = frozenset({"POSITION_OPENED", "LIMIT_ORDER_OPENED", "STOP_ORDER_OPENED"})
CANCELS = frozenset({"LIMIT_ORDER_DELETED", "STOP_ORDER_DELETED", "WORKING_ORDER_DELETED"})
AMENDS = frozenset({"STOP_LIMIT_AMENDED", "LIMIT_ORDER_AMENDED", "STOP_ORDER_AMENDED"})
FILLS = frozenset({"LIMIT_ORDER_FILLED", "STOP_ORDER_FILLED"})
# What comes through this API; IG's own app and web platform have channels of their own, and stops, limits and expiry
# have SYSTEM (REST.md section 6.5).
API = "PUBLIC_WEB_API"


def accepted(row: Activity) -> bool:
    """Whether it was done."""
    return row.status == "ACCEPTED"


def through_the_api(row: Activity) -> bool:
    """Whether a client of the API may have done it; a row without a channel may be anybody's."""
    return row.channel in (None, API)


def actions(row: Activity) -> set[str | None]:
    """Return the kinds of what was done."""
    return {each.action_type for each in (row.details or ActivityDetails()).actions}


def affects(row: Activity) -> set[str | None]:
    """Return the deals that it was done to."""
    return {each.affected_deal_id for each in (row.details or ActivityDetails()).actions}


def size_of(row: Activity) -> Decimal | None:
    """Return the size of the deal, without its sign."""
    size = row.details.size if row.details else None
    return None if size is None else abs(size)


def reference_of(row: Activity) -> str | None:
    """Return the name of the request."""
    return row.details.deal_reference if row.details else None


def closings(activities: Sequence[Activity], deal_id: str | None) -> Iterator[Activity]:
    """Yield the activities that closed a position or a part of it, the latest first."""
    for activity in activities:
        if accepted(activity) and deal_id in affects(activity) and actions(activity) & CLOSES:
            yield activity


def accounting_for(activities: Sequence[Activity], gone: Decimal, asked: Decimal) -> Sequence[Activity]:
    """Return the latest activities that together closed the size that is gone; none when they do not add up."""
    if activities and size_of(activities[0]) is None:
        return activities[:1] if gone == asked else ()
    closed = Decimal(0)
    for count, activity in enumerate(activities, 1):
        closed += size_of(activity) or 0
        if closed == gone:
            return activities[:count]
    return ()
