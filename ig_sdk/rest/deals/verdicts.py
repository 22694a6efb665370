"""Whose verdict a confirm is. No I/O.

A close and an amendment carry the reference of the position itself, so IG may still show the confirm of the opening, or
of an earlier change, under it: which request a confirm belongs to is decided here (REST.md section 6.1, paragraph 7).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from ig_sdk.rest.deals.changes import OrderCancel, OrderChange, PositionChange, PositionClose, is_at
from ig_sdk.rest.deals.new import NewDeal, NewPosition
from ig_sdk.rest.deals.own_deals import Act
from ig_sdk.types import Confirm, Direction

DealRequest = NewDeal | PositionChange | OrderChange | PositionClose | OrderCancel

# The status of an accepted confirm of each kind of deal, and of the deal that it affects.
_DONE: dict[type, frozenset[str]] = {
    PositionChange: frozenset({"AMENDED"}),
    OrderChange: frozenset({"AMENDED"}),
    PositionClose: frozenset({"CLOSED", "PARTIALLY_CLOSED", "FULLY_CLOSED"}),
    OrderCancel: frozenset({"DELETED"}),
}
_LATER = frozenset({"AMENDED", "DELETED"})
_PART, _WHOLE = frozenset({"PARTIALLY_CLOSED"}), frozenset({"CLOSED", "FULLY_CLOSED"})
# How far this machine's clock may be from IG's, and a time without a zone from UTC.
CLOCKS_DIFFER = timedelta(days=1)
# Any other word is no verdict (wire/enums.json, DealStatus).
_VERDICTS = frozenset({"ACCEPTED", "REJECTED"})
_DUPLICATE = frozenset({"DUPLICATE_ORDER_ERROR", "CONFLICTING_ORDER"})


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
        acknowledged: Whether IG answered it with success: its engine has it, once, and decided on it.
        done_at_once: Whether the position or order was as wanted right after the answer was lost; ``None`` when that is
            not known. What appears only later may be somebody else's.
        earlier_known: Whether ``earlier`` is all that may stand under the reference.
        number: Its number among what this client did to positions and orders.
    """

    request: DealRequest
    deal_reference: str
    sent_at: datetime
    own: bool
    earlier: Confirm | None = None
    account_id: str | None = None
    repeated: bool = False
    acknowledged: bool = False
    done_at_once: bool | None = None
    earlier_known: bool = True
    number: int | None = None

    @property
    def act(self) -> Act | None:
        """What it does to a position or order; ``None`` for a new deal."""
        return act_of(self.request)

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


def act_of(request: DealRequest) -> Act | None:
    """Return what a request does to a position or order; ``None`` for a new deal."""
    if isinstance(request, NewDeal):
        return None
    if isinstance(request, OrderCancel):
        return Act(request.deal_id, "cancel")
    deal_id = request.before.deal_id or ""
    return Act(deal_id, "close", request.size) if isinstance(request, PositionClose) else Act(deal_id, "amend")


def is_verdict(sent: SentDeal, confirm: Confirm) -> bool:
    """Whether a confirm may be the verdict on this request: not what an earlier one left, and of what was asked for.

    Another program may have asked for the same under the same reference: what that changes is for the book to tell.
    """
    if confirm.deal_status not in _VERDICTS or (sent.earlier is not None and _not_newer(confirm, sent.earlier)):
        return False
    new = isinstance(sent.request, NewDeal)
    if not confirm.accepted:
        # A rejection names no deal; its side distinguishes a close from an opening or an amendment.
        return (
            (sent.own and not new) or None in (sent.direction, confirm.direction) or confirm.direction is sent.direction
        )
    if not _is_of(sent.request, confirm):
        return False
    # What another program does to a position right after its opening is confirmed under the reference of the opening.
    return confirm.status not in _LATER if new else sent.own or _is_done(sent, confirm)


def _is_done(sent: SentDeal, confirm: Confirm) -> bool:
    """Whether a confirm under a shared reference says that this kind of thing was done to this deal."""
    done = _DONE[type(sent.request)]
    if isinstance(sent.request, PositionClose) and not is_partly_filled(sent.request):
        held = sent.request.before.size
        done = done if held is None else _PART if sent.request.size < held else _WHOLE
    touched = [each.status for each in confirm.affected_deals if each.deal_id == sent.deal_id]
    if touched:
        return any(status in done for status in touched)
    return confirm.status in done and confirm.deal_id in (None, sent.deal_id)


def _is_of(request: DealRequest, confirm: Confirm) -> bool:
    """Whether market, side, size and levels of an accepted confirm are those that were asked for, as far as it says."""
    if isinstance(request, OrderCancel):
        return True
    epic = request.epic if isinstance(request, NewDeal) else request.before.epic
    direction = request.direction if isinstance(request, (NewDeal, PositionClose)) else request.before.direction
    if (confirm.epic or epic) != epic and epic is not None:
        return False
    if direction is not None and confirm.direction not in (None, direction):
        return False
    if isinstance(request, (NewDeal, PositionClose)):
        return confirm.size is None or confirm.size == request.size or is_partly_filled(request)
    scaling = request.before.market.scaling_factor
    if isinstance(request, OrderChange):
        return confirm.level is None or is_at(confirm.level, request.level, scaling)
    stop = request.trailing_step is not None or _fits(confirm.stop_level, request.stop_level, scaling)
    return stop and _fits(confirm.limit_level, request.limit_level, scaling)


def _fits(shown: Decimal | None, wanted: Decimal | None, scaling: Decimal | None) -> bool:
    # Whether IG repeats every level is not known; that it shows one which was not asked for is another's.
    return shown is None or is_at(shown, wanted, scaling)


def is_partly_filled(request: DealRequest) -> bool:
    """Whether less than its size may have been dealt."""
    return isinstance(request, (NewPosition, PositionClose)) and request.time_in_force == "EXECUTE_AND_ELIMINATE"


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
