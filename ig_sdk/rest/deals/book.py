"""What became of a deal, told from what IG shows: positions, orders and the history. No I/O.

The history names no client. What others did is told apart by channel, size and reference, and by counting: it shows
what this client sent, and no more, unless another program deals on the account. What cannot be told apart stays
unknown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import Enum

from ig_sdk.rest.account_history.activity import Activity, ActivityDetails
from ig_sdk.rest.deals.changes import OrderCancel, OrderChange, PositionChange, PositionClose
from ig_sdk.rest.deals.new import NewDeal, NewOrder
from ig_sdk.rest.deals.open_deals import Order, Position
from ig_sdk.rest.deals.own_deals import Act, OwnDeals, others_deal, rejections_on, rows_of
from ig_sdk.rest.deals.rows import (
    CANCELS,
    FILLS,
    OPENS,
    accepted,
    accounting_for,
    actions,
    affects,
    closings,
    reference_of,
    size_of,
    through_the_api,
)
from ig_sdk.rest.deals.verdicts import CLOCKS_DIFFER, SentDeal, act_of, is_partly_filled
from ig_sdk.types import AffectedDeal, Confirm, Direction


class Outcome(Enum):
    """What is known of a deal without a confirm."""

    NOT_PLACED = "IG does not have it"
    UNKNOWN = "not known yet"


@dataclass(frozen=True)
class Snapshot:
    """What IG showed in one look.

    Attributes:
        positions: All positions; ``None`` when they could not be read.
        orders: All orders; ``None`` when they could not be read.
        activities: The account's activity since before the deal was sent; ``None`` when it could not be read.
        settled: Whether enough time has passed that IG would show the deal by now.
        own: What this client dealt; ``None`` where only this one deal is known to have been.
    """

    positions: Sequence[Position] | None = None
    orders: Sequence[Order] | None = None
    activities: Sequence[Activity] | None = None
    settled: bool = False
    own: OwnDeals | None = None

    @property
    def complete(self) -> bool:
        """Whether what is absent here is absent at IG.

        The history is read last and keeps every deal, so an order that became a position between two looks, or a
        position that was closed again, is at least in there.
        """
        return self.settled and None not in (self.positions, self.orders, self.activities)

    def position(self, deal_id: str | None) -> Position | None:
        """Return a position by its deal id."""
        return next((each for each in self.positions or () if each.deal_id == deal_id), None)

    def order(self, deal_id: str | None) -> Order | None:
        """Return an order by its deal id."""
        return next((each for each in self.orders or () if each.deal_id == deal_id), None)


def infer_outcome(sent: SentDeal, snapshot: Snapshot) -> Confirm | Outcome:
    """Return what became of a deal that has no confirm.

    Args:
        sent: The deal.
        snapshot: What IG shows.

    Returns:
        A confirm made from what IG shows, accepted or rejected; or whether the deal is known not to be placed.
    """
    request = sent.request
    if isinstance(request, NewDeal):
        found = _new_deal(sent, request, snapshot)
    elif isinstance(request, PositionClose):
        found = _position_close(sent, request, snapshot)
    elif isinstance(request, OrderCancel):
        found = _order_cancel(sent, request, snapshot)
    else:
        found = _change(sent, request, snapshot)
    if found is Outcome.NOT_PLACED and not snapshot.complete:
        return Outcome.UNKNOWN
    return found


def _new_deal(sent: SentDeal, request: NewDeal, snapshot: Snapshot) -> Confirm | Outcome:
    """Find a new deal by its reference: among positions, orders, and in the history."""
    reference = sent.deal_reference
    for position in snapshot.positions or ():
        if position.deal_reference == reference:
            return _of_position(sent, position, "OPEN", "OPENED")
    for order in snapshot.orders or ():
        if order.deal_reference == reference:
            return _of_order(sent, order, "OPEN", "OPENED")
    activities = [each for each in snapshot.activities or () if reference_of(each) == reference]
    # Closes carry the reference of the opening too: the opening counts, or else the oldest, which is last.
    for activity in [
        *(each for each in activities if accepted(each) and actions(each) & OPENS),
        *reversed(activities),
    ]:
        return _of_activity(sent, activity, "OPEN", "OPENED")
    if any(
        activity.details is None and activity.epic in (None, request.epic) for activity in snapshot.activities or ()
    ):
        return Outcome.UNKNOWN  # it may be this one: references are in the details only
    # IG's list of orders has no references: a similar order may be ours, unless the history shows another reference.
    others = {each.deal_id for each in snapshot.activities or () if reference_of(each) not in (None, reference)}
    standing: list[Order | Position] = [*(snapshot.orders or ()), *(snapshot.positions or ())]
    alike = any(
        _alike(request, each) and each.deal_id not in others and not _older(each, sent.sent_at) for each in standing
    )
    return Outcome.UNKNOWN if alike else Outcome.NOT_PLACED


def _older(standing: Order | Position, moment: datetime) -> bool:
    return standing.created_date_utc is not None and standing.created_date_utc < moment - CLOCKS_DIFFER


def _alike(request: NewDeal, standing: Order | Position) -> bool:
    if standing.deal_reference is not None or (standing.epic, standing.direction) != (request.epic, request.direction):
        return False
    if isinstance(standing, Position):
        return standing.size == request.size
    return isinstance(request, NewOrder) and (standing.order_size, standing.order_level, standing.order_type) == (
        request.size,
        request.level,
        request.kind,
    )


def is_taken(sent: SentDeal, act: Act, snapshot: Snapshot) -> bool | None:
    """Return whether IG took a deal on a position or order, by counting; ``None`` where that cannot be told apart.

    The history names no client: rows of what was asked for are this client's as long as it shows no more than this
    client sent. With another program on the account a row may be either's, unless IG said that it has the request.
    """
    own = snapshot.own
    if own is None:
        return True
    if snapshot.activities is None:
        return None
    unexplained = len(rows_of(act, snapshot.activities, own)) - own.count(act, "accepted")
    if unexplained <= 0:
        return False
    if unexplained < own.count(act, "under way"):
        return None
    if not others_deal(snapshot.activities, own):
        return None if sent.done_at_once is False and not sent.acknowledged else True
    if not sent.acknowledged or not snapshot.settled:
        return None
    return True if not is_rejected_for_another(act, snapshot) else None


def is_rejected_for_another(act: Act, snapshot: Snapshot) -> bool:
    """Whether more was rejected about a position or order than this client knows of."""
    own = snapshot.own or OwnDeals()
    return rejections_on(act.deal_id, snapshot.activities or ()) > own.on(act.deal_id, "rejected")


def level_is_known(act: Act, snapshot: Snapshot) -> bool:
    """Whether only one level is among the rows that may be of this act and are not accounted for otherwise."""
    if snapshot.own is None or act.kind != "close":
        return True
    rows = rows_of(act, snapshot.activities or (), snapshot.own)
    unexplained = rows[: max(len(rows) - snapshot.own.count(act, "accepted"), 0)]
    return len({each.details.level if each.details else None for each in unexplained}) <= 1


def _position_close(sent: SentDeal, request: PositionClose, snapshot: Snapshot) -> Confirm | Outcome:
    """Compare the size that is gone since the position was read with the activities that account for it."""
    if snapshot.positions is None:
        return Outcome.UNKNOWN
    position = snapshot.position(sent.deal_id)
    held, now = request.before.size, Decimal(0) if position is None else position.size
    if held is None or now is None or now > held:
        return Outcome.UNKNOWN
    gone = held - now
    if not gone:
        return Outcome.NOT_PLACED
    closes = list(closings(snapshot.activities or (), sent.deal_id))
    activities = accounting_for(closes, gone, request.size)
    if position is None and not (activities and "POSITION_CLOSED" in actions(activities[0])):
        return Outcome.UNKNOWN  # the history does not show all of it yet
    if not _all_shown(snapshot.activities or (), closes, now):
        return Outcome.UNKNOWN
    taken = is_taken(sent, act_of(request) or Act("", "close"), snapshot)
    done = ("PARTIALLY_CLOSED", "PARTIALLY_CLOSED") if position or request.size < held else ("CLOSED", "FULLY_CLOSED")
    # Stops, limits and expiry have the channel SYSTEM; a request that comes after them finds nothing to close.
    ours = [each for each in activities if through_the_api(each) and size_of(each) in (None, request.size)]
    if ours:
        if taken:
            return _of_activities(sent, ours, *done)
        return Outcome.UNKNOWN if taken is None else Outcome.NOT_PLACED
    if activities:
        less = any(through_the_api(each) and (size_of(each) or 0) < request.size for each in activities)
        return Outcome.UNKNOWN if less and is_partly_filled(request) else Outcome.NOT_PLACED
    if position is None or gone != request.size or (snapshot.own is not None and not sent.acknowledged):
        return Outcome.UNKNOWN
    closed = replace(_of_position(sent, position, *done), level=None)
    return replace(closed, direction=sent.direction, size=request.size)


def _all_shown(activities: Sequence[Activity], closes: Sequence[Activity], now: Decimal) -> bool:
    """Whether the closes add up to what is gone since a position was opened, where the history goes back to that."""
    deal_ids = {each for row in closes for each in affects(row)}
    opened = [each for each in activities if actions(each) & OPENS and accepted(each) and affects(each) & deal_ids]
    sizes = [size_of(each) for each in closes]
    size = size_of(opened[0]) if len(opened) == 1 else None
    if size is None or None in sizes or len(deal_ids) != 1:
        return True
    return size - sum(each for each in sizes if each is not None) == now


def _change(sent: SentDeal, request: PositionChange | OrderChange, snapshot: Snapshot) -> Confirm | Outcome:
    """Compare the state now with the intended one: in the history all amendments look alike."""
    act = act_of(request) or Act("", "amend")
    taken = is_taken(sent, act, snapshot)
    nothing = Outcome.NOT_PLACED if taken is False else Outcome.UNKNOWN
    if isinstance(request, PositionChange):
        position = snapshot.position(sent.deal_id)
        if position is None:
            return nothing
        applied, as_before = request.applied_to(position), request.not_applied_to(position)
        done = _of_position(sent, position, "AMENDED", "AMENDED")
    else:
        order = snapshot.order(sent.deal_id)
        if order is None:
            return nothing
        applied, as_before = request.applied_to(order), request.not_applied_to(order)
        done = _of_order(sent, order, "AMENDED", "AMENDED")
    if applied:
        # What changes nothing leaves no other trace than its row.
        return done if taken else Outcome.NOT_PLACED if taken is False and as_before else Outcome.UNKNOWN
    if as_before and snapshot.own is None:
        return Outcome.NOT_PLACED
    return nothing


def _order_cancel(sent: SentDeal, request: OrderCancel, snapshot: Snapshot) -> Confirm | Outcome:
    if snapshot.orders is None:
        return Outcome.UNKNOWN
    if snapshot.order(request.deal_id) is not None or snapshot.position(request.deal_id) is not None:
        return Outcome.NOT_PLACED  # still an order, or filled: the position keeps the order's id
    for activity in snapshot.activities or ():
        if not accepted(activity) or request.deal_id not in (activity.deal_id, *affects(activity)):
            continue
        if actions(activity) & FILLS:
            return Outcome.NOT_PLACED
        if actions(activity) & CANCELS:
            if not through_the_api(activity):
                return Outcome.NOT_PLACED  # an order ends once
            taken = is_taken(sent, Act(request.deal_id, "cancel"), snapshot)
            if taken:
                return _of_activity(sent, activity, "DELETED", "DELETED")
            return Outcome.UNKNOWN if taken is None else Outcome.NOT_PLACED
    return Outcome.UNKNOWN


def _of_activities(sent: SentDeal, rows: Sequence[Activity], status: str, affected: str) -> Confirm:
    """Return a confirm made from one of several rows alike; what differs between them is not known."""
    made = _of_activity(sent, rows[0], status, affected)
    if len(rows) == 1:
        return made
    levels = {each.details.level if each.details else None for each in rows}
    return replace(made, level=made.level if len(levels) == 1 else None, date=None, _closing_id=None)


def _of_position(sent: SentDeal, position: Position, status: str, affected: str) -> Confirm:
    return Confirm(
        deal_reference=sent.deal_reference,
        deal_id=position.deal_id,
        deal_status="ACCEPTED",
        reason="SUCCESS",
        status=status,
        epic=position.epic,
        expiry=position.market.expiry,
        direction=position.direction,
        level=position.level,
        size=position.size,
        stop_level=position.stop_level,
        limit_level=position.limit_level,
        guaranteed_stop=bool(position.controlled_risk),
        trailing_stop=position.trails,
        date=position.created_date_utc if status == "OPEN" else None,
        affected_deals=_affected(position.deal_id, affected),
    )


def _of_order(sent: SentDeal, order: Order, status: str, affected: str) -> Confirm:
    return Confirm(
        deal_reference=sent.deal_reference,
        deal_id=order.deal_id,
        deal_status="ACCEPTED",
        reason="SUCCESS",
        status=status,
        epic=order.epic,
        expiry=order.market.expiry,
        direction=order.direction,
        level=order.order_level,
        size=order.order_size,
        stop_distance=order.stop_distance,
        limit_distance=order.limit_distance,
        guaranteed_stop=bool(order.guaranteed_stop),
        date=order.created_date_utc if status == "OPEN" else None,
        affected_deals=_affected(order.deal_id, affected),
    )


def _of_activity(sent: SentDeal, activity: Activity, status: str, affected: str) -> Confirm:
    """Return a confirm made from the history, which has no reason for a rejection."""
    taken, details = accepted(activity), activity.details or ActivityDetails()
    deal_id = sent.deal_id or activity.deal_id
    return Confirm(
        deal_reference=sent.deal_reference,
        deal_id=deal_id,
        deal_status="ACCEPTED" if taken else "REJECTED",
        reason="SUCCESS" if taken else "UNKNOWN",
        status=status if taken else None,
        epic=activity.epic,
        expiry=activity.period,
        direction=Direction(details.direction) if details.direction in Direction.__members__ else None,
        level=details.level,
        size=details.size,
        stop_level=details.stop_level,
        stop_distance=details.stop_distance,
        limit_level=details.limit_level,
        limit_distance=details.limit_distance,
        guaranteed_stop=bool(details.guaranteed_stop),
        trailing_stop=details.trailing_step is not None,
        date=activity.date,
        affected_deals=_affected(deal_id, affected) if taken else (),
        _closing_id=activity.deal_id if isinstance(sent.request, PositionClose) and taken else None,
    )


def _affected(deal_id: str | None, status: str) -> tuple[AffectedDeal, ...]:
    return (AffectedDeal(deal_id, status),) if deal_id else ()
