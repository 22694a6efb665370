"""What became of a deal, decided from what IG shows. No I/O.

A close and an amendment carry the reference of the position itself, so IG may still show the confirm of the opening, or
of an earlier change, under it: which request a confirm belongs to is decided here (REST.md section 6.1, paragraph 7).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum

from ig_sdk.rest.account_history.activity import Activity, ActivityDetails
from ig_sdk.rest.deals.changes import OrderCancel, OrderChange, PositionChange, PositionClose
from ig_sdk.rest.deals.new import NewDeal, NewOrder
from ig_sdk.rest.deals.open_deals import Order, Position
from ig_sdk.types import AffectedDeal, Confirm, Direction

DealRequest = NewDeal | PositionChange | OrderChange | PositionClose | OrderCancel

# The status of an accepted confirm of each kind of deal, and of the deal that it affects.
_DONE: dict[type, frozenset[str]] = {
    PositionChange: frozenset({"AMENDED"}),
    OrderChange: frozenset({"AMENDED"}),
    PositionClose: frozenset({"CLOSED", "PARTIALLY_CLOSED", "FULLY_CLOSED"}),
    OrderCancel: frozenset({"DELETED"}),
}
# How far this machine's clock may be from IG's, and a time without a zone from UTC.
CLOCKS_DIFFER = timedelta(days=1)
_CLOSES = frozenset({"POSITION_CLOSED", "POSITION_PARTIALLY_CLOSED"})
_OPENS = frozenset({"POSITION_OPENED", "LIMIT_ORDER_OPENED", "STOP_ORDER_OPENED"})
_CANCELS = frozenset({"LIMIT_ORDER_DELETED", "STOP_ORDER_DELETED", "WORKING_ORDER_DELETED"})
# Any other word is no verdict (wire/enums.json, DealStatus).
_VERDICTS = frozenset({"ACCEPTED", "REJECTED"})
_DUPLICATE = frozenset({"DUPLICATE_ORDER_ERROR", "CONFLICTING_ORDER"})


class Outcome(Enum):
    """What is known of a deal without a confirm."""

    NOT_PLACED = "IG does not have it"
    UNKNOWN = "not known yet"


@dataclass(frozen=True)
class SentDeal:
    """A deal that was sent.

    Attributes:
        request: What was sent.
        deal_reference: IG keeps its confirm under it.
        sent_at: When, aware UTC.
        own: Whether that reference was made for this request alone; otherwise it is that of the deal acted on.
        earlier: The last confirm under the reference that is known to be of another request.
        account_id: The account on which it was sent; ``None`` when that is not certain.
        repeated: Whether it may have been sent again, because IG refused the token.
    """

    request: DealRequest
    deal_reference: str
    sent_at: datetime
    own: bool
    earlier: Confirm | None = None
    account_id: str | None = None
    repeated: bool = False

    @property
    def deal_id(self) -> str | None:
        """The deal acted on; ``None`` for a new one."""
        request = self.request
        if isinstance(request, NewDeal):
            return None
        return request.deal_id if isinstance(request, OrderCancel) else request.before.deal_id

    @property
    def direction(self) -> Direction | None:
        """The side that its confirm carries, if it is known."""
        request = self.request
        if isinstance(request, (NewDeal, PositionClose)):
            return request.direction
        return None if isinstance(request, OrderCancel) else request.before.direction


def is_verdict(sent: SentDeal, confirm: Confirm) -> bool:
    """Whether a confirm is the verdict on this request, and not what an earlier one left under the same reference."""
    if confirm.deal_status not in _VERDICTS or (sent.earlier is not None and _not_newer(confirm, sent.earlier)):
        return False
    if sent.own:
        return True
    if not confirm.accepted:
        # A rejection names no deal; its side distinguishes a close from an opening or an amendment.
        return None in (sent.direction, confirm.direction) or confirm.direction is sent.direction
    done = _DONE[type(sent.request)]
    affected = any(each.deal_id == sent.deal_id and each.status in done for each in confirm.affected_deals)
    return affected or confirm.status in done


def is_had_already(sent: SentDeal, confirm: Confirm) -> bool:
    """Whether the rejection is DUPLICATE and can only mean our own first copy."""
    request = sent.request
    alone = isinstance(request, NewDeal) and (request.reference_is_new or sent.repeated)
    return alone and confirm.reason in _DUPLICATE


def may_look_done(request: DealRequest) -> bool:
    """Whether an earlier confirm under the same reference may look like its own: not of a close of all that is left."""
    if isinstance(request, PositionClose):
        return request.before.size is None or request.size < request.before.size
    return isinstance(request, PositionChange)


def _not_newer(confirm: Confirm, earlier: Confirm) -> bool:
    if confirm == earlier:
        return True
    return confirm.date is not None and earlier.date is not None and confirm.date < earlier.date


@dataclass(frozen=True)
class Snapshot:
    """What IG showed in one look.

    Attributes:
        positions: All positions; ``None`` when they could not be read.
        orders: All orders; ``None`` when they could not be read.
        activities: The account's activity since before the deal was sent; ``None`` when it could not be read.
        settled: Whether enough time has passed that IG would show the deal by now.
    """

    positions: Sequence[Position] | None = None
    orders: Sequence[Order] | None = None
    activities: Sequence[Activity] | None = None
    settled: bool = False

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
    activities = [each for each in snapshot.activities or () if _reference(each) == reference]
    # Closes carry the reference of the opening too: the opening counts, or else the oldest, which is last.
    for activity in [
        *(each for each in activities if _accepted(each) and _actions(each) & _OPENS),
        *reversed(activities),
    ]:
        return _of_activity(sent, activity, "OPEN", "OPENED")
    if any(
        activity.details is None and activity.epic in (None, request.epic) for activity in snapshot.activities or ()
    ):
        return Outcome.UNKNOWN  # it may be this one: references are in the details only
    # IG's list of orders has no references: a similar order may be ours, unless the history shows another reference.
    others = {each.deal_id for each in snapshot.activities or () if _reference(each) not in (None, reference)}
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
    activities = _accounting_for(list(closings(snapshot.activities or (), sent.deal_id)), gone, request.size)
    if position is None and not (activities and "POSITION_CLOSED" in _actions(activities[0])):
        return Outcome.UNKNOWN  # the history does not show all of it yet
    done = ("PARTIALLY_CLOSED", "PARTIALLY_CLOSED") if position or request.size < held else ("CLOSED", "FULLY_CLOSED")
    # Stops, limits and expiry have the channel SYSTEM; a request that comes after them finds nothing to close.
    others = [activity for activity in activities if activity.channel != "SYSTEM"]
    for activity in others:
        if _size(activity) in (None, request.size):
            return _of_activity(sent, activity, *done)
    if activities:
        return Outcome.UNKNOWN if others else Outcome.NOT_PLACED
    if position is None or gone != request.size:
        return Outcome.UNKNOWN
    closed = replace(_of_position(sent, position, *done), level=None)
    return replace(closed, direction=sent.direction, size=request.size)


def _accounting_for(activities: Sequence[Activity], gone: Decimal, asked: Decimal) -> Sequence[Activity]:
    """Return the latest activities that together closed the size that is gone; none when they do not add up."""
    if activities and _size(activities[0]) is None:
        return activities[:1] if gone == asked else ()
    closed = Decimal(0)
    for count, activity in enumerate(activities, 1):
        closed += _size(activity) or 0
        if closed == gone:
            return activities[:count]
    return ()


def closings(activities: Sequence[Activity], deal_id: str | None) -> Iterator[Activity]:
    """Yield the activities that closed a position or a part of it, the latest first."""
    for activity in activities:
        if _accepted(activity) and deal_id in _affects(activity) and _actions(activity) & _CLOSES:
            yield activity


def closing_deal_id(activities: Sequence[Activity], confirm: Confirm, close: PositionClose) -> str | None:
    """Return IG's id of a close: that of the activity which closed the position at the size and level of the confirm.

    Of several the size that was left of the position decides, then the time; ``None`` where neither does.
    """
    closes = list(closings(activities, close.before.deal_id))
    fitting = [activity for activity in closes if _may_be(activity, confirm, close)]
    if len(fitting) > 1 and close.before.size is not None:
        left = dict(zip((each.deal_id for each in closes), _left_after(activities, closes), strict=False))
        expected = close.before.size - close.size
        fitting = [each for each in fitting if left.get(each.deal_id) == expected] or fitting
    if len(fitting) > 1 and confirm.date is not None:
        apart = [abs(each.date - confirm.date) if each.date else timedelta.max for each in fitting]
        fitting = [each for each, gap in zip(fitting, apart, strict=True) if gap == min(apart)]
    return fitting[0].deal_id if len(fitting) == 1 else None


def _may_be(activity: Activity, confirm: Confirm, close: PositionClose) -> bool:
    details = activity.details or ActivityDetails()
    pairs = ((details.level, confirm.level), (details.size, close.size))
    return activity.deal_id != close.before.deal_id and all(
        a is None or b is None or abs(a) == abs(b) for a, b in pairs
    )


def _left_after(activities: Sequence[Activity], closes: Sequence[Activity]) -> Sequence[Decimal]:
    """Return the size that was left of a position after each of its closes; empty where the history does not say.

    Args:
        activities: What the history shows.
        closes: The closes of the position among them, the latest first.
    """
    sizes = [size for each in closes if (size := _size(each)) is not None]
    if not closes or len(sizes) < len(closes):
        return ()
    if "POSITION_CLOSED" in _actions(closes[0]):
        left = Decimal(0)
    else:
        position = _affects(closes[0])
        opened = [each for each in activities if _actions(each) & _OPENS and _affects(each) & position]
        size = _size(opened[0]) if len(opened) == 1 else None
        if size is None:
            return ()
        left = size - sum(sizes)
    return [left + sum(sizes[:count]) for count in range(len(sizes))]


def _change(sent: SentDeal, request: PositionChange | OrderChange, snapshot: Snapshot) -> Confirm | Outcome:
    """Compare the state now with the intended one: in the history all amendments look alike."""
    if isinstance(request, PositionChange):
        position = snapshot.position(sent.deal_id)
        if position is None:
            return Outcome.UNKNOWN
        if request.applied_to(position):
            return _of_position(sent, position, "AMENDED", "AMENDED")
        return Outcome.NOT_PLACED if request.not_applied_to(position) else Outcome.UNKNOWN
    order = snapshot.order(sent.deal_id)
    if order is None:
        return Outcome.UNKNOWN
    if request.applied_to(order):
        return _of_order(sent, order, "AMENDED", "AMENDED")
    return Outcome.NOT_PLACED if request.not_applied_to(order) else Outcome.UNKNOWN


def _order_cancel(sent: SentDeal, request: OrderCancel, snapshot: Snapshot) -> Confirm | Outcome:
    if snapshot.orders is None:
        return Outcome.UNKNOWN
    if snapshot.order(request.deal_id) is not None or snapshot.position(request.deal_id) is not None:
        return Outcome.NOT_PLACED  # still an order, or filled: the position keeps the order's id
    for activity in snapshot.activities or ():
        if (
            _accepted(activity)
            and request.deal_id in (activity.deal_id, *_affects(activity))
            and _actions(activity) & _CANCELS
        ):
            return _of_activity(sent, activity, "DELETED", "DELETED")
    return Outcome.UNKNOWN


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
    accepted, details = _accepted(activity), activity.details or ActivityDetails()
    deal_id = sent.deal_id or activity.deal_id
    return Confirm(
        deal_reference=sent.deal_reference,
        deal_id=deal_id,
        deal_status="ACCEPTED" if accepted else "REJECTED",
        reason="SUCCESS" if accepted else "UNKNOWN",
        status=status if accepted else None,
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
        affected_deals=_affected(deal_id, affected) if accepted else (),
        _closing_id=activity.deal_id if isinstance(sent.request, PositionClose) and accepted else None,
    )


def _reference(activity: Activity) -> str | None:
    return activity.details.deal_reference if activity.details else None


def _accepted(activity: Activity) -> bool:
    return activity.status == "ACCEPTED"


def _actions(activity: Activity) -> set[str | None]:
    return {each.action_type for each in (activity.details or ActivityDetails()).actions}


def _size(activity: Activity) -> Decimal | None:
    size = activity.details.size if activity.details else None
    return None if size is None else abs(size)


def _affects(activity: Activity) -> set[str | None]:
    return {each.affected_deal_id for each in (activity.details or ActivityDetails()).actions}


def _affected(deal_id: str | None, status: str) -> tuple[AffectedDeal, ...]:
    return (AffectedDeal(deal_id, status),) if deal_id else ()
