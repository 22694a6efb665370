"""What became of a deal: what IG shows in, the verdict out. No I/O.

A close and an amendment carry the reference of the position itself, so the confirm of the opening, or of the change
before, may still stand under it: whose verdict a confirm is, is decided here (REST.md section 6.1, paragraph 7).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum

from ig_sdk.rest.account_history.activity import Activity, ActivityDetails
from ig_sdk.rest.deals.changes import Cancelling, Closing, OrderChange, PositionChange
from ig_sdk.rest.deals.new import NewDeal, NewOrder
from ig_sdk.rest.deals.open_deals import Order, Position
from ig_sdk.types import AffectedDeal, Confirm, Direction

DealRequest = NewDeal | PositionChange | OrderChange | Closing | Cancelling

# What an accepted confirm says of each kind of deal, as its status and of the deal that it affects.
_DONE: dict[type, frozenset[str]] = {
    PositionChange: frozenset({"AMENDED"}),
    OrderChange: frozenset({"AMENDED"}),
    Closing: frozenset({"CLOSED", "PARTIALLY_CLOSED", "FULLY_CLOSED"}),
    Cancelling: frozenset({"DELETED"}),
}
# How far this machine's clock may be from IG's, and a time without a zone from UTC.
CLOCKS_DIFFER = timedelta(days=1)
_CLOSES = frozenset({"POSITION_CLOSED", "POSITION_PARTIALLY_CLOSED"})
_OPENS = frozenset({"POSITION_OPENED", "LIMIT_ORDER_OPENED", "STOP_ORDER_OPENED"})
_CANCELS = frozenset({"LIMIT_ORDER_DELETED", "STOP_ORDER_DELETED", "WORKING_ORDER_DELETED"})
# Another word would be no verdict (wire/enums.json, DealStatus).
_VERDICTS = frozenset({"ACCEPTED", "REJECTED"})
_DUPLICATE = frozenset({"DUPLICATE_ORDER_ERROR", "CONFLICTING_ORDER"})


class Fate(Enum):
    """What is known of a deal without a confirm."""

    NOT_PLACED = "IG does not have it"
    UNKNOWN = "not known yet"


@dataclass(frozen=True)
class SentDeal:
    """A deal that was sent.

    Attributes:
        request: What was sent.
        deal_reference: Under which IG keeps its confirm.
        sent_at: When, aware UTC.
        own: Whether that reference was made for this request alone; else it is that of the deal acted on.
        earlier: The last confirm under the reference that is known to be of another request.
        account_id: The account that it was sent on; ``None`` when that is not certain.
        repeated: Whether it may have been sent again, because IG said that the login was dead.
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
        return request.deal_id if isinstance(request, Cancelling) else request.before.deal_id

    @property
    def direction(self) -> Direction | None:
        """The side that its confirm carries, if it is known."""
        request = self.request
        if isinstance(request, (NewDeal, Closing)):
            return request.direction
        return None if isinstance(request, Cancelling) else request.before.direction


def is_verdict(sent: SentDeal, confirm: Confirm) -> bool:
    """Whether a confirm is the verdict on this request, and not what an earlier one left under the same reference."""
    if confirm.deal_status not in _VERDICTS or (sent.earlier is not None and _not_newer(confirm, sent.earlier)):
        return False
    if sent.own:
        return True
    if not confirm.accepted:
        # A rejection names no deal; the side tells a close from an opening or an amendment.
        return None in (sent.direction, confirm.direction) or confirm.direction is sent.direction
    done = _DONE[type(sent.request)]
    affected = any(each.deal_id == sent.deal_id and each.status in done for each in confirm.affected_deals)
    return affected or confirm.status in done


def is_had_already(sent: SentDeal, confirm: Confirm) -> bool:
    """Whether IG rejected a deal since it has it already, and it can only be this very deal that it has."""
    request = sent.request
    alone = isinstance(request, NewDeal) and (request.reference_is_new or sent.repeated)
    return alone and confirm.reason in _DUPLICATE


def may_look_done(request: DealRequest) -> bool:
    """Whether an earlier confirm under the same reference may look like its own: not of a close of all that is left."""
    if isinstance(request, Closing):
        return request.before.size is None or request.size < request.before.size
    return isinstance(request, PositionChange)


def _not_newer(confirm: Confirm, earlier: Confirm) -> bool:
    if confirm == earlier:
        return True
    return confirm.date is not None and earlier.date is not None and confirm.date < earlier.date


@dataclass(frozen=True)
class Evidence:
    """What IG showed in one look.

    Attributes:
        positions: All positions; ``None`` when they could not be read.
        orders: All orders; ``None`` when they could not be read.
        deeds: What was done on the account since before the deal was sent; ``None`` when that could not be read.
        settled: So much time has passed since the request left that IG would show it by now.
    """

    positions: Sequence[Position] | None = None
    orders: Sequence[Order] | None = None
    deeds: Sequence[Activity] | None = None
    settled: bool = False

    @property
    def complete(self) -> bool:
        """Whether what is absent here is absent at IG.

        The history is read last and keeps every deal, so an order that became a position between two looks, or a
        position that was closed again, is at least there.
        """
        return self.settled and None not in (self.positions, self.orders, self.deeds)

    def position(self, deal_id: str | None) -> Position | None:
        """Return a position by its deal id."""
        return next((each for each in self.positions or () if each.deal_id == deal_id), None)

    def order(self, deal_id: str | None) -> Order | None:
        """Return an order by its deal id."""
        return next((each for each in self.orders or () if each.deal_id == deal_id), None)


def judge(sent: SentDeal, evidence: Evidence) -> Confirm | Fate:
    """Return what became of a deal that has no confirm.

    Args:
        sent: The deal.
        evidence: What IG shows.

    Returns:
        A confirm made from what IG shows, accepted or rejected; or whether the deal is known not to be placed.
    """
    request = sent.request
    if isinstance(request, NewDeal):
        found = _new_deal(sent, request, evidence)
    elif isinstance(request, Closing):
        found = _closing(sent, request, evidence)
    elif isinstance(request, Cancelling):
        found = _cancelling(sent, request, evidence)
    else:
        found = _change(sent, request, evidence)
    if found is Fate.NOT_PLACED and not evidence.complete:
        return Fate.UNKNOWN
    return found


def _new_deal(sent: SentDeal, request: NewDeal, evidence: Evidence) -> Confirm | Fate:
    """Find a new deal by its reference: among positions, orders, and in the history."""
    reference = sent.deal_reference
    for position in evidence.positions or ():
        if position.deal_reference == reference:
            return _of_position(sent, position, "OPEN", "OPENED")
    for order in evidence.orders or ():
        if order.deal_reference == reference:
            return _of_order(sent, order, "OPEN", "OPENED")
    deeds = [each for each in evidence.deeds or () if _reference(each) == reference]
    # Closes carry the reference of the opening too: the opening tells, else the oldest, which stands last.
    for deed in [*(each for each in deeds if _accepted(each) and _actions(each) & _OPENS), *reversed(deeds)]:
        return _of_deed(sent, deed, "OPEN", "OPENED")
    if any(deed.details is None and deed.epic in (None, request.epic) for deed in evidence.deeds or ()):
        return Fate.UNKNOWN  # it may be this one: only the details tell references
    # IG's list of orders tells no references: one that looks like it may be it, unless the history names another.
    others = {each.deal_id for each in evidence.deeds or () if _reference(each) not in (None, reference)}
    standing: list[Order | Position] = [*(evidence.orders or ()), *(evidence.positions or ())]
    alike = any(
        _alike(request, each) and each.deal_id not in others and not _older(each, sent.sent_at) for each in standing
    )
    return Fate.UNKNOWN if alike else Fate.NOT_PLACED


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


def _closing(sent: SentDeal, request: Closing, evidence: Evidence) -> Confirm | Fate:
    """Tell by what is gone of the position since it was read, and by the deeds that make up for that."""
    if evidence.positions is None:
        return Fate.UNKNOWN
    position = evidence.position(sent.deal_id)
    held, now = request.before.size, Decimal(0) if position is None else position.size
    if held is None or now is None or now > held:
        return Fate.UNKNOWN
    gone = held - now
    if not gone:
        return Fate.NOT_PLACED
    deeds = _making_up(list(closings(evidence.deeds or (), sent.deal_id)), gone, request.size)
    if position is None and not (deeds and "POSITION_CLOSED" in _actions(deeds[0])):
        return Fate.UNKNOWN  # the history does not show all of it yet
    done = ("PARTIALLY_CLOSED", "PARTIALLY_CLOSED") if position or request.size < held else ("CLOSED", "FULLY_CLOSED")
    # Stops, limits and expiry are the system's doing; a request that comes after them finds nothing to close.
    others = [deed for deed in deeds if deed.channel != "SYSTEM"]
    for deed in others:
        if _size(deed) in (None, request.size):
            return _of_deed(sent, deed, *done)
    if deeds:
        return Fate.UNKNOWN if others else Fate.NOT_PLACED
    if position is None or gone != request.size:
        return Fate.UNKNOWN
    closed = replace(_of_position(sent, position, *done), level=None)
    return replace(closed, direction=sent.direction, size=request.size)


def _making_up(deeds: Sequence[Activity], gone: Decimal, asked: Decimal) -> Sequence[Activity]:
    """Return the latest deeds that together closed as much as is gone; none when they do not add up."""
    if deeds and _size(deeds[0]) is None:
        return deeds[:1] if gone == asked else ()
    closed = Decimal(0)
    for count, deed in enumerate(deeds, 1):
        closed += _size(deed) or 0
        if closed == gone:
            return deeds[:count]
    return ()


def closings(deeds: Sequence[Activity], deal_id: str | None) -> Iterator[Activity]:
    """Yield the deeds that closed a position or a part of it, the latest first."""
    for deed in deeds:
        if _accepted(deed) and deal_id in _affects(deed) and _actions(deed) & _CLOSES:
            yield deed


def closing_deal_id(deeds: Sequence[Activity], confirm: Confirm, closing: Closing) -> str | None:
    """Return IG's id of a close: that of the latest deed that closed the position at the level of the confirm.

    A close before it may be all that the history shows yet, so what is told of both must agree.
    """
    for deed in closings(deeds, closing.before.deal_id):
        details = deed.details or ActivityDetails()
        told = ((details.level, confirm.level), (details.size, closing.size))
        if deed.deal_id != closing.before.deal_id and all(a is None or b is None or abs(a) == abs(b) for a, b in told):
            return deed.deal_id
    return None


def _change(sent: SentDeal, request: PositionChange | OrderChange, evidence: Evidence) -> Confirm | Fate:
    """Compare what stands with what was wanted: the history does not tell one amendment from another."""
    if isinstance(request, PositionChange):
        position = evidence.position(sent.deal_id)
        if position is None:
            return Fate.UNKNOWN
        if request.stands_in(position):
            return _of_position(sent, position, "AMENDED", "AMENDED")
        return Fate.NOT_PLACED if request.left_alone(position) else Fate.UNKNOWN
    order = evidence.order(sent.deal_id)
    if order is None:
        return Fate.UNKNOWN
    if request.stands_in(order):
        return _of_order(sent, order, "AMENDED", "AMENDED")
    return Fate.NOT_PLACED if request.left_alone(order) else Fate.UNKNOWN


def _cancelling(sent: SentDeal, request: Cancelling, evidence: Evidence) -> Confirm | Fate:
    if evidence.orders is None:
        return Fate.UNKNOWN
    if evidence.order(request.deal_id) is not None or evidence.position(request.deal_id) is not None:
        return Fate.NOT_PLACED  # still an order, or filled: the position keeps the order's id
    for deed in evidence.deeds or ():
        if _accepted(deed) and request.deal_id in (deed.deal_id, *_affects(deed)) and _actions(deed) & _CANCELS:
            return _of_deed(sent, deed, "DELETED", "DELETED")
    return Fate.UNKNOWN


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


def _of_deed(sent: SentDeal, deed: Activity, status: str, affected: str) -> Confirm:
    """Return a confirm made from the history; why something was rejected is not told there."""
    accepted, details = _accepted(deed), deed.details or ActivityDetails()
    deal_id = sent.deal_id or deed.deal_id
    return Confirm(
        deal_reference=sent.deal_reference,
        deal_id=deal_id,
        deal_status="ACCEPTED" if accepted else "REJECTED",
        reason="SUCCESS" if accepted else "UNKNOWN",
        status=status if accepted else None,
        epic=deed.epic,
        expiry=deed.period,
        direction=Direction(details.direction) if details.direction in Direction.__members__ else None,
        level=details.level,
        size=details.size,
        stop_level=details.stop_level,
        stop_distance=details.stop_distance,
        limit_level=details.limit_level,
        limit_distance=details.limit_distance,
        guaranteed_stop=bool(details.guaranteed_stop),
        trailing_stop=details.trailing_step is not None,
        date=deed.date,
        affected_deals=_affected(deal_id, affected) if accepted else (),
        closing_deal_id=deed.deal_id if isinstance(sent.request, Closing) and accepted else None,
    )


def _reference(deed: Activity) -> str | None:
    return deed.details.deal_reference if deed.details else None


def _accepted(deed: Activity) -> bool:
    return deed.status == "ACCEPTED"


def _actions(deed: Activity) -> set[str | None]:
    return {each.action_type for each in (deed.details or ActivityDetails()).actions}


def _size(deed: Activity) -> Decimal | None:
    size = deed.details.size if deed.details else None
    return None if size is None else abs(size)


def _affects(deed: Activity) -> set[str | None]:
    return {each.affected_deal_id for each in (deed.details or ActivityDetails()).actions}


def _affected(deal_id: str | None, status: str) -> tuple[AffectedDeal, ...]:
    return (AffectedDeal(deal_id, status),) if deal_id else ()
