"""Whose verdict a confirm is, and what became of a deal without one."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ig_sdk import _json
from ig_sdk.rest.account_history.activity import Activity
from ig_sdk.rest.deals.book import Outcome, Snapshot, infer_outcome
from ig_sdk.rest.deals.changes import OrderCancel, OrderChange, PositionChange, PositionClose
from ig_sdk.rest.deals.closings import closing_deal_id
from ig_sdk.rest.deals.new import NewOrder, NewPosition
from ig_sdk.rest.deals.open_deals import Order, Position, order_of, position_of
from ig_sdk.rest.deals.verdicts import SentDeal, is_verdict
from ig_sdk.types import KEEP, AffectedDeal, Confirm, Direction, Limit, Stop

D = Decimal
NOW = datetime(2026, 1, 5, 12, tzinfo=timezone.utc)
NEW: dict[str, Any] = {
    "epic": "E",
    "direction": Direction.BUY,
    "size": D(2),
    "stop": None,
    "limit": None,
    "level": None,
    "currency": "USD",
    "expiry": "-",
    "force_open": True,
    "deal_reference": "OURS",
    "reference_is_new": True,
}


def position(**changes: Any) -> Position:
    values = {"dealId": "D1", "dealReference": "R1", "direction": "BUY", "size": D(2), "level": D("1.1"), **changes}
    return position_of({"position": values, "market": {"epic": "E"}})


def order(**changes: Any) -> Order:
    values = {
        "dealId": "O1",
        "epic": "E",
        "direction": "BUY",
        "orderSize": D(2),
        "orderLevel": D(1),
        "orderType": "LIMIT",
    }
    return order_of({"workingOrderData": values | changes, "marketData": {"scalingFactor": 1}})


def activity(action: str, affected: str, **changes: Any) -> Activity:
    details = {"dealReference": "R1", "actions": [{"actionType": action, "affectedDealId": affected}]}
    details |= {key: changes.pop(key) for key in ("dealReference", "level", "size", "direction") if key in changes}
    row = {"dealId": "C1", "channel": "PUBLIC_WEB_API", "status": "ACCEPTED", "details": details}
    return _json.decode(Activity, row | changes)


def confirm(status: str | None, affected: str | None = None, **changes: Any) -> Confirm:
    made = Confirm(
        deal_reference="R1",
        deal_id="D1",
        deal_status="ACCEPTED" if status else "REJECTED",
        reason="SUCCESS" if status else "MARKET_CLOSED",
        status=status,
        affected_deals=(AffectedDeal("D1", affected),) if affected else (),
        date=NOW,
    )
    return dataclasses.replace(made, **changes)


OPENED = confirm("OPEN", "OPENED", direction=Direction.BUY)
AMENDED = confirm("AMENDED", "AMENDED", direction=Direction.BUY)
PART = confirm("PARTIALLY_CLOSED", "PARTIALLY_CLOSED", direction=Direction.SELL)
CLOSED = confirm("CLOSED", "FULLY_CLOSED", direction=Direction.SELL)
NOT_AMENDED = confirm(None, direction=Direction.BUY)
NOT_CLOSED = confirm(None, direction=Direction.SELL)


def sent(request: Any, reference: str = "R1", **changes: Any) -> SentDeal:
    own = isinstance(request, (NewPosition, NewOrder))
    return dataclasses.replace(SentDeal(request, "OURS" if own else reference, NOW, own), **changes)


NETTED = confirm("CLOSED", "FULLY_CLOSED", direction=Direction.BUY)
CLOSE = sent(PositionClose(position(), D(2)))
CLOSE_PART = sent(PositionClose(position(), D("0.5")))
CLOSE_SOME = sent(PositionClose(position(), D(2), time_in_force="EXECUTE_AND_ELIMINATE"))
AMEND = sent(PositionChange.of(position(), Stop(level="1.05"), KEEP))
CANCEL = sent(OrderCancel("O1"))
OPEN = sent(NewPosition(**NEW))
CREATE = sent(NewOrder(**NEW | {"level": D(1)}))
CHANGE = sent(OrderChange.of(order(), level=2, stop=KEEP, limit=KEEP, good_till=KEEP))


@pytest.mark.parametrize(
    ("deal", "mine", "others"),
    [
        (CLOSE, [CLOSED, NOT_CLOSED], [OPENED, AMENDED, NOT_AMENDED, PART]),
        (CLOSE_PART, [PART, NOT_CLOSED], [OPENED, AMENDED, NOT_AMENDED, CLOSED]),
        (CLOSE_SOME, [CLOSED, PART, NOT_CLOSED], [OPENED, AMENDED, NOT_AMENDED]),
        (AMEND, [AMENDED, NOT_AMENDED], [OPENED, PART, CLOSED, NOT_CLOSED]),
        (OPEN, [OPENED, NETTED, NOT_AMENDED], [AMENDED, CLOSED, NOT_CLOSED]),
    ],
)
def test_a_confirm_under_the_positions_reference(deal: SentDeal, mine: list[Confirm], others: list[Confirm]) -> None:
    """The opening's is not the close's, nor an amendment's: status, affected deals, side and size tell."""
    assert all(is_verdict(deal, each) for each in mine)
    assert not any(is_verdict(deal, each) for each in others)


def test_the_affected_deal_tells_when_the_status_does_not() -> None:
    """IG may leave the status out."""
    assert is_verdict(CLOSE, dataclasses.replace(CLOSED, status=None))
    assert not is_verdict(CLOSE, dataclasses.replace(OPENED, status=None))
    cancelled = confirm("DELETED", None, deal_id="O1")
    assert is_verdict(CANCEL, cancelled)
    assert not is_verdict(CANCEL, confirm("OPEN", None, deal_id="O1"))
    assert is_verdict(CANCEL, NOT_CLOSED)


def test_an_earlier_verdict_is_not_this_one() -> None:
    """Two closes of parts look alike; the one that was seen before, or is older, does not count."""
    second = dataclasses.replace(CLOSE_PART, earlier=PART)
    assert not is_verdict(second, PART)
    assert not is_verdict(second, dataclasses.replace(PART, date=NOW - timedelta(seconds=1), level=D(1)))
    assert is_verdict(second, dataclasses.replace(PART, date=NOW + timedelta(milliseconds=1)))
    assert is_verdict(second, dataclasses.replace(PART, date=NOW, level=D(2)))
    assert is_verdict(dataclasses.replace(CLOSE, earlier=PART), dataclasses.replace(CLOSED, date=NOW))


def test_a_fresh_reference_needs_no_reading() -> None:
    """One capture shows closes with references of their own: whatever stands there is the verdict."""
    own = dataclasses.replace(CLOSE, own=True)
    assert is_verdict(own, NOT_AMENDED)
    assert is_verdict(own, confirm("CLOSED", None, deal_id="NEW"))


NOTHING = Snapshot([], [], [], settled=True)


@pytest.mark.parametrize("deal", [OPEN, CREATE])
def test_a_new_deal_that_is_nowhere_was_not_placed(deal: SentDeal) -> None:
    """If everything could be read, and IG has had the time to show it."""
    assert infer_outcome(deal, NOTHING) is Outcome.NOT_PLACED
    assert infer_outcome(deal, dataclasses.replace(NOTHING, settled=False)) is Outcome.UNKNOWN
    for part in ("positions", "orders", "activities"):
        assert infer_outcome(deal, dataclasses.replace(NOTHING, **{part: None})) is Outcome.UNKNOWN


def test_a_new_deal_is_found_by_its_reference() -> None:
    """Among positions, among orders, in the history; too early and unread places do not matter then."""
    found = infer_outcome(OPEN, Snapshot(positions=[position(), position(dealId="D9", dealReference="OURS")]))
    assert isinstance(found, Confirm)
    assert (found.deal_id, found.status, found.accepted, found.size) == ("D9", "OPEN", True, D(2))
    found = infer_outcome(CREATE, Snapshot(orders=[order(dealId="O9", dealReference="OURS")]))
    assert isinstance(found, Confirm)
    assert (found.deal_id, found.level) == ("O9", 1)
    history = [
        activity("POSITION_CLOSED", "D9", dealReference="OURS"),
        activity("POSITION_OPENED", "D9", dealReference="OURS", dealId="D9"),
    ]
    found = infer_outcome(OPEN, Snapshot(activities=history))
    assert isinstance(found, Confirm)
    assert (found.deal_id, found.accepted) == ("D9", True)


def test_a_rejection_is_found_in_the_history() -> None:
    """Without its reason, which is not told there."""
    found = infer_outcome(
        OPEN, Snapshot(activities=[activity("UNKNOWN", "D9", dealReference="OURS", status="REJECTED")])
    )
    assert isinstance(found, Confirm)
    assert (found.accepted, found.reason, found.affected_deals) == (False, "UNKNOWN", ())


def test_an_order_that_looks_like_ours_is_no_proof_of_absence() -> None:
    """IG's list of orders tells no references; the history may name another, or the order may be too old."""
    assert infer_outcome(CREATE, Snapshot([], [order()], [], settled=True)) is Outcome.UNKNOWN
    others = [activity("LIMIT_ORDER_OPENED", "O1", dealId="O1", dealReference="THEIRS")]
    assert infer_outcome(CREATE, Snapshot([], [order()], others, settled=True)) is Outcome.NOT_PLACED
    old = order(createdDateUTC="2025-12-01T00:00:00")
    assert infer_outcome(CREATE, Snapshot([], [old], [], settled=True)) is Outcome.NOT_PLACED
    assert infer_outcome(CREATE, Snapshot([], [order(orderLevel=D(5))], [], settled=True)) is Outcome.NOT_PLACED
    assert infer_outcome(OPEN, Snapshot([], [order()], [], settled=True)) is Outcome.NOT_PLACED


def test_what_became_of_a_close() -> None:
    """A position as it was: not placed. Gone: closed, if the history shows that no stop did it."""
    standing = dataclasses.replace(NOTHING, positions=[position()])
    assert infer_outcome(CLOSE, standing) is Outcome.NOT_PLACED
    assert infer_outcome(CLOSE, dataclasses.replace(standing, settled=False)) is Outcome.UNKNOWN
    assert infer_outcome(CLOSE, NOTHING) is Outcome.UNKNOWN
    done = infer_outcome(CLOSE, Snapshot([], [], [activity("POSITION_CLOSED", "D1", level=D("1.2"))]))
    assert isinstance(done, Confirm)
    assert (done.deal_id, done.closing_deal_id, done.close_level, done.status) == ("D1", "C1", D("1.2"), "CLOSED")
    stopped = dataclasses.replace(NOTHING, activities=[activity("POSITION_CLOSED", "D1", channel="SYSTEM")])
    assert infer_outcome(CLOSE, stopped) is Outcome.NOT_PLACED
    assert infer_outcome(CLOSE, dataclasses.replace(NOTHING, positions=None)) is Outcome.UNKNOWN
    assert (
        infer_outcome(CLOSE, dataclasses.replace(NOTHING, activities=[activity("POSITION_CLOSED", "D8")]))
        is Outcome.UNKNOWN
    )


def test_what_became_of_a_close_of_a_part() -> None:
    """The size that is left tells; another difference than the one asked for tells nothing."""
    part = sent(PositionClose(position(), D("0.5")))
    done = infer_outcome(part, Snapshot([position(size=D("1.5"))], [], [activity("POSITION_PARTIALLY_CLOSED", "D1")]))
    assert isinstance(done, Confirm)
    assert (done.status, done.closing_deal_id) == ("PARTIALLY_CLOSED", "C1")
    alone = infer_outcome(part, Snapshot([position(size=D("1.5"))]))
    assert isinstance(alone, Confirm)
    assert (alone.size, alone.direction, alone.closing_deal_id) == (D("0.5"), Direction.SELL, None)
    assert infer_outcome(part, dataclasses.replace(NOTHING, positions=[position(size=D(1))])) is Outcome.UNKNOWN
    assert infer_outcome(part, dataclasses.replace(NOTHING, positions=[position(size=D(3))])) is Outcome.UNKNOWN
    assert infer_outcome(part, dataclasses.replace(NOTHING, positions=[position()])) is Outcome.NOT_PLACED


def test_what_became_of_an_amendment() -> None:
    """The wanted state stands, or the old one; a third one, or none, tells nothing."""
    done = infer_outcome(AMEND, Snapshot([position(stopLevel=D("1.050"))]))
    assert isinstance(done, Confirm)
    assert (done.status, done.stop_level) == ("AMENDED", D("1.05"))
    assert infer_outcome(AMEND, dataclasses.replace(NOTHING, positions=[position()])) is Outcome.NOT_PLACED
    assert infer_outcome(AMEND, dataclasses.replace(NOTHING, positions=[position(stopLevel=D(1))])) is Outcome.UNKNOWN
    assert infer_outcome(AMEND, NOTHING) is Outcome.UNKNOWN
    changed = infer_outcome(CHANGE, Snapshot(orders=[order(orderLevel=D(2))]))
    assert isinstance(changed, Confirm)
    assert (changed.deal_id, changed.status, changed.level) == ("O1", "AMENDED", 2)
    assert infer_outcome(CHANGE, dataclasses.replace(NOTHING, orders=[order()])) is Outcome.NOT_PLACED
    assert infer_outcome(CHANGE, dataclasses.replace(NOTHING, orders=[order(orderLevel=D(3))])) is Outcome.UNKNOWN
    assert infer_outcome(CHANGE, NOTHING) is Outcome.UNKNOWN


def test_a_trailing_stop_has_moved_on() -> None:
    """Distance and step tell that it was set; its level does not count."""
    trail = sent(PositionChange(position(), D(1), None, trailing_distance=D(50), trailing_step=D(5)))
    moved = position(stopLevel=D("1.03"), trailingStopDistance=D(50), trailingStep=D(5))
    assert isinstance(infer_outcome(trail, Snapshot([moved])), Confirm)
    before = position(stopLevel=D(1), trailingStopDistance=D(50), trailingStep=D(5))
    limit = sent(PositionChange.of(before, KEEP, Limit(level=2)))
    assert infer_outcome(limit, dataclasses.replace(NOTHING, positions=[moved])) is Outcome.NOT_PLACED


def test_what_became_of_a_cancellation() -> None:
    """Still there, or filled: not placed. Gone: cancelled, if the history says so."""
    assert infer_outcome(CANCEL, dataclasses.replace(NOTHING, orders=[order()])) is Outcome.NOT_PLACED
    assert infer_outcome(CANCEL, dataclasses.replace(NOTHING, positions=[position(dealId="O1")])) is Outcome.NOT_PLACED
    assert infer_outcome(CANCEL, NOTHING) is Outcome.UNKNOWN
    done = infer_outcome(CANCEL, dataclasses.replace(NOTHING, activities=[activity("LIMIT_ORDER_DELETED", "O1")]))
    assert isinstance(done, Confirm)
    assert (done.deal_id, done.status, done.closing_deal_id) == ("O1", "DELETED", None)
    assert infer_outcome(CANCEL, dataclasses.replace(NOTHING, orders=None)) is Outcome.UNKNOWN


def part_closed(deal_id: str, seconds: int = 0, action: str = "POSITION_PARTIALLY_CLOSED", **changes: Any) -> Activity:
    date = (NOW + timedelta(seconds=seconds)).isoformat()
    values = {"dealId": deal_id, "date": date, "level": D("1.2"), "size": D("-0.5"), **changes}
    return activity(action, "D1", **values)


HALF = PositionClose(position(), D("0.5"))
HALF_CLOSED = dataclasses.replace(PART, level=D("1.2"), size=D("0.5"))


def test_the_id_of_a_close_is_that_of_the_one_that_fits() -> None:
    """An earlier close may be all that the history shows yet: level and size must agree."""
    rows = [part_closed("C1"), activity("POSITION_OPENED", "D1", dealId="D1")]
    assert closing_deal_id(rows, HALF_CLOSED, HALF) == "C1"
    assert closing_deal_id(rows[1:], HALF_CLOSED, HALF) is None
    assert closing_deal_id(rows, dataclasses.replace(HALF_CLOSED, level=D("1.3")), HALF) is None
    assert closing_deal_id(rows, HALF_CLOSED, PositionClose(position(), D(1))) is None


def test_of_closes_alike_the_size_that_was_left_tells() -> None:
    """Two parts of one size at one level in one second are told apart, whenever the id is asked for."""
    rows = [part_closed("C2"), part_closed("C1"), activity("POSITION_OPENED", "D1", dealId="D1", size=D(2))]
    second = PositionClose(position(size=D("1.5")), D("0.5"))
    assert closing_deal_id(rows, HALF_CLOSED, HALF) == "C1"
    assert closing_deal_id(rows, HALF_CLOSED, second) == "C2"
    last = part_closed("C3", action="POSITION_CLOSED", size=D(1))
    assert closing_deal_id([last, *rows[:2]], HALF_CLOSED, HALF) == "C1"
    assert closing_deal_id([last, *rows[:2]], HALF_CLOSED, second) == "C2"


def test_of_closes_alike_the_time_tells_or_nothing() -> None:
    """A history that does not go back to the opening has their times only; a guess is never made."""
    assert closing_deal_id([part_closed("C2", 90), part_closed("C1")], HALF_CLOSED, HALF) == "C1"
    assert closing_deal_id([part_closed("C2"), part_closed("C1")], HALF_CLOSED, HALF) is None
    undated = dataclasses.replace(HALF_CLOSED, date=None)
    assert closing_deal_id([part_closed("C2", 90), part_closed("C1")], undated, HALF) is None
    unsized = [part_closed("C2", 90, size=None), part_closed("C1", size=None)]
    assert closing_deal_id(unsized, HALF_CLOSED, HALF) == "C1"


SNAPSHOTS = st.builds(
    Snapshot,
    st.none()
    | st.lists(st.sampled_from([position(), position(size=D(1)), position(dealReference="OURS")]), max_size=2),
    st.none() | st.lists(st.sampled_from([order(), order(orderLevel=D(2)), order(dealReference="OURS")]), max_size=2),
    st.none()
    | st.lists(
        st.sampled_from(
            [
                activity("POSITION_OPENED", "D1", dealId="D1"),
                activity("POSITION_CLOSED", "D1", status="REJECTED"),
                activity("POSITION_CLOSED", "D1"),
                activity("LIMIT_ORDER_DELETED", "O1", dealReference="OURS"),
                _json.decode(Activity, {}),
            ]
        ),
        max_size=3,
    ),
    st.booleans(),
)


@given(st.sampled_from([OPEN, CREATE, CLOSE, AMEND, CHANGE, CANCEL]), SNAPSHOTS)
def test_not_placed_is_never_a_guess(deal: SentDeal, snapshot: Snapshot) -> None:
    """It is only said when everything was read and had time to show; a trace of the reference always counts."""
    verdict = infer_outcome(deal, snapshot)
    if verdict is Outcome.NOT_PLACED:
        assert snapshot.settled
        assert None not in (snapshot.positions, snapshot.orders, snapshot.activities)
    traces = [each.deal_reference for each in (*(snapshot.positions or ()), *(snapshot.orders or ()))]
    traces += [each.details.deal_reference for each in snapshot.activities or () if each.details]
    if deal.own and "OURS" in traces:
        assert isinstance(verdict, Confirm)


@pytest.mark.parametrize("word", ["PENDING", "accepted", ""])
def test_another_word_than_accepted_or_rejected_is_no_verdict(word: str) -> None:
    """Taken for a rejection, the deal would be sent again."""
    assert not is_verdict(OPEN, dataclasses.replace(OPENED, deal_status=word))


def test_a_part_closed_before_a_stop_closed_the_rest() -> None:
    """The position is gone and the system was the last to close: what adds up to it tells whether ours was taken."""
    part = sent(PositionClose(position(), D("0.5")))
    ours = activity("POSITION_PARTIALLY_CLOSED", "D1", size=D("-0.5"))
    rest = activity("POSITION_CLOSED", "D1", dealId="C2", size=D("1.5"), channel="SYSTEM")
    before = activity("POSITION_PARTIALLY_CLOSED", "D1", dealId="C0", size=D("0.5"))
    done = infer_outcome(part, dataclasses.replace(NOTHING, activities=[rest, ours, before]))
    assert isinstance(done, Confirm)
    assert (done.status, done.closing_deal_id) == ("PARTIALLY_CLOSED", "C1")
    whole = activity("POSITION_CLOSED", "D1", size=D(2), channel="SYSTEM")
    assert infer_outcome(part, dataclasses.replace(NOTHING, activities=[whole, before])) is Outcome.NOT_PLACED
    for channel in ("WEB", "PUBLIC_WEB_API"):
        theirs = activity("POSITION_CLOSED", "D1", size=D(2), channel=channel)
        assert infer_outcome(part, dataclasses.replace(NOTHING, activities=[theirs, before])) is Outcome.NOT_PLACED
    for unclear in ([rest], [before], [activity("POSITION_CLOSED", "D1", channel="SYSTEM")]):
        assert infer_outcome(part, dataclasses.replace(NOTHING, activities=unclear)) is Outcome.UNKNOWN


def test_an_orders_end_and_guarantee_count() -> None:
    """An amendment of nothing else is not seen as done in an order that was left alone."""
    shown = {"timeInForce": "GOOD_TILL_DATE", "goodTillDate": "2026/02/01 12:00", "stopDistance": D(20)}
    before, till = order(**shown), datetime(2026, 3, 1, 12, 0, 30, tzinfo=timezone.utc)
    later = sent(OrderChange.of(before, level=KEEP, stop=KEEP, limit=KEEP, good_till=till))
    sure = sent(OrderChange.of(before, level=KEEP, stop=Stop(distance=20, guaranteed=True), limit=KEEP, good_till=KEEP))
    for change in (later, sure):
        assert infer_outcome(change, dataclasses.replace(NOTHING, orders=[before])) is Outcome.NOT_PLACED
    assert isinstance(
        infer_outcome(later, Snapshot(orders=[order(**shown | {"goodTillDate": "2026/03/01 12:00"})])), Confirm
    )
    assert isinstance(infer_outcome(sure, Snapshot(orders=[order(**shown, guaranteedStop=True)])), Confirm)


def test_what_tells_no_reference_is_no_proof_of_absence() -> None:
    """A position or a activity that may be the deal sought keeps it from being called not placed."""
    nameless = position(dealReference=None)
    assert infer_outcome(OPEN, dataclasses.replace(NOTHING, positions=[nameless])) is Outcome.UNKNOWN
    assert (
        infer_outcome(OPEN, dataclasses.replace(NOTHING, positions=[position(dealReference=None, size=D(9))]))
        is Outcome.NOT_PLACED
    )
    bare = _json.decode(Activity, {"epic": "E", "status": "ACCEPTED"})
    assert infer_outcome(OPEN, dataclasses.replace(NOTHING, activities=[bare])) is Outcome.UNKNOWN
    elsewhere = _json.decode(Activity, {"epic": "F", "status": "ACCEPTED"})
    assert infer_outcome(OPEN, dataclasses.replace(NOTHING, activities=[elsewhere])) is Outcome.NOT_PLACED
