"""Working orders."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from ig_sdk.simulator.broker import ConfirmEvent, OrderEvent, PositionEvent
from ig_sdk.types import AffectedDeal

MINI = "CS.D.EURUSD.MINI.IP"


def trades(bench):
    return [each for each in bench.broker.take_events() if isinstance(each, (PositionEvent, OrderEvent))]


@pytest.mark.parametrize(
    ("direction", "kind", "level", "accepted"),
    [
        ("BUY", "LIMIT", "1.1600", True),
        ("BUY", "LIMIT", "1.1601", False),
        ("BUY", "LIMIT", "1.1700", False),
        ("SELL", "LIMIT", "1.1601", True),
        ("SELL", "LIMIT", "1.1600", False),
        ("BUY", "STOP", "1.1602", True),
        ("BUY", "STOP", "1.1601", False),
        ("SELL", "STOP", "1.1599", True),
        ("SELL", "STOP", "1.1600", False),
    ],
)
def test_side_of_the_market(bench, direction, kind, level, accepted):
    """LIMIT waits for a better price and STOP for a worse one; the wrong side is rejected."""
    confirm = bench.order(direction, level=level, kind=kind)
    assert confirm.reason == ("SUCCESS" if accepted else "ATTACHED_ORDER_LEVEL_ERROR")
    assert len(bench.broker.view.orders("CFD")) == accepted


def test_confirm_of_an_order_keeps_distances(bench):
    """The confirm says OPEN and OPENED, the order's level, and distances as they were asked for."""
    confirm = bench.order(level="1.15", stop_distance=20, limit_distance=30)
    assert (confirm.status, confirm.level, confirm.size) == ("OPEN", Decimal("1.15"), 1)
    assert confirm.affected == (AffectedDeal(confirm.deal_id, "OPENED"),)
    assert (confirm.stop_distance, confirm.limit_distance) == (20, 30)
    assert (confirm.stop_level, confirm.limit_level) == (None, None)
    by_level = bench.order(level="1.15", stop_level="1.14", limit_level="1.16")
    assert (by_level.stop_level, by_level.limit_level) == (Decimal("1.14"), Decimal("1.16"))
    order = bench.broker.view.orders("CFD")[1]
    assert (order.stop_distance, order.limit_distance, order.time_in_force) == (100, 100, "GOOD_TILL_CANCELLED")


def test_events_of_an_order(bench):
    """Confirm first, then the WOU."""
    bench.broker.take_events()
    bench.order(level="1.15")
    confirm, order = bench.broker.take_events()
    assert isinstance(confirm, ConfirmEvent)
    assert isinstance(order, OrderEvent)
    assert (order.status, order.channel) == ("OPEN", "PublicRestOTC")


@pytest.mark.parametrize(
    ("wanted", "quiet", "hit", "filled"),
    [
        ("BUY LIMIT 1.1590", (1.1589, 1.15901), (1.1589, 1.1590), "1.159"),
        ("BUY LIMIT 1.1590", (1.1595, 1.1596), (1.1579, 1.1580), "1.158"),
        ("SELL LIMIT 1.1610", (1.16099, 1.1611), (1.1610, 1.1611), "1.161"),
        ("BUY STOP 1.1610", (1.1608, 1.16099), (1.1620, 1.1621), "1.1621"),
        ("SELL STOP 1.1590", (1.15901, 1.1591), (1.1580, 1.1581), "1.158"),
    ],
)
def test_fill(bench, wanted, quiet, hit, filled):
    """BUY is triggered by the offer, SELL by the bid; LIMIT fills there or better, STOP at the market."""
    direction, kind, level = wanted.split()
    confirm = bench.order(direction, level=level, kind=kind)
    bench.broker.take_events()
    bench.tick(MINI, *quiet)
    assert not trades(bench)
    bench.tick(MINI, *hit)
    gone, come = trades(bench)
    assert (gone.status, gone.channel, gone.order.deal_id) == ("DELETED", "PublicRestOTC", confirm.deal_id)
    assert (come.status, come.channel, come.at) == ("OPEN", "OSAutoStopFill", gone.at)
    (position,) = bench.broker.view.positions("CFD")
    assert (position.deal_id, position.deal_reference) == (confirm.deal_id, confirm.deal_reference)
    assert (position.level, position.direction) == (Decimal(filled), direction)
    assert not bench.broker.view.orders("CFD")
    bench.tick(MINI, *hit)
    assert not trades(bench)


def test_attached_distances_are_measured_from_the_fill(bench):
    """A gap takes stop and limit along; legs that were asked for as levels stay."""
    bench.order("BUY", level="1.1610", kind="STOP", stop_distance=20, limit_distance=30)
    bench.order("BUY", level="1.1610", kind="STOP", stop_level="1.1500", limit_level="1.1700")
    bench.tick(MINI, 1.1619, 1.1620)
    first, second = bench.broker.view.positions("CFD")
    assert (first.stop_level, first.limit_level) == (Decimal("1.1600"), Decimal("1.1650"))
    assert (second.stop_level, second.limit_level) == (Decimal("1.15"), Decimal("1.17"))


@pytest.mark.parametrize(
    "legs", [{"stop_distance": 1}, {"limit_distance": 1}, {"stop_level": "1.1501"}, {"limit_level": "1.1499"}]
)
def test_attached_legs_are_measured_from_the_orders_level(bench, legs):
    """Too close to the level of the order, or on its wrong side, rejects it."""
    assert bench.order(level="1.15", **legs).reason == "ATTACHED_ORDER_LEVEL_ERROR"


def test_order_that_nets(bench):
    """Without forceOpen a filled order closes opposing positions, and only the rest is opened under its id."""
    held = bench.open("SELL", 2)
    order = bench.order("BUY", 3, level="1.1590", force_open=False)
    bench.broker.take_events()
    bench.tick(MINI, 1.1589, 1.1590)
    gone, closed, come = trades(bench)
    assert (gone.order.deal_id, closed.position.deal_id) == (order.deal_id, held.deal_id)
    assert (closed.status, come.status, come.size) == ("DELETED", "OPEN", 1)
    assert bench.balance() == 10_020
    row = bench.broker.view.activity("CFD")[0]
    assert row.actions == (
        ("LIMIT_ORDER_FILLED", order.deal_id),
        ("POSITION_CLOSED", held.deal_id),
        ("POSITION_OPENED", order.deal_id),
    )


def test_order_that_cannot_be_afforded_is_deleted(bench):
    """An order is taken without margin; when it is triggered and the money is missing, it goes and says so."""
    bench.order("BUY", 100_000, level="1.1590")
    bench.broker.take_events()
    bench.tick(MINI, 1.1589, 1.1590)
    (gone,) = trades(bench)
    assert (gone.status, gone.deal_status) == ("DELETED", "REJECTED")
    assert not bench.broker.view.positions("CFD")
    row = bench.broker.view.activity("CFD")[0]
    assert (row.status, row.channel, row.description) == ("REJECTED", "SYSTEM", "Rejected: INSUFFICIENT_FUNDS")


def test_amend_of_an_order(bench):
    """Level, kind, date and legs are replaced; reference and id stay."""
    opened = bench.order(level="1.15", stop_distance=20, limit_distance=30)
    until = bench.now + timedelta(days=1)
    bench.broker.take_events()
    confirm = bench.amend_order(opened.deal_id, level="1.17", kind="STOP", good_till=until, limit_distance=40)
    assert (confirm.status, confirm.deal_reference, confirm.deal_id) == (
        "AMENDED",
        opened.deal_reference,
        opened.deal_id,
    )
    assert (confirm.stop_distance, confirm.limit_distance) == (None, 40)
    (event,) = trades(bench)
    assert event.status == "UPDATED"
    (order,) = bench.broker.view.orders("CFD")
    assert (order.level, order.kind, order.good_till) == (Decimal("1.17"), "STOP", until)
    assert order.time_in_force == "GOOD_TILL_DATE"
    assert bench.amend_order(opened.deal_id, level="1.15", kind="STOP").reason == "ATTACHED_ORDER_LEVEL_ERROR"


def test_cancelled_order_is_gone(bench):
    """A cancel is confirmed under the order's reference as DELETED, and nothing is filled afterwards."""
    opened = bench.order(level="1.159")
    bench.broker.take_events()
    confirm = bench.cancel(opened.deal_id)
    assert (confirm.status, confirm.deal_reference) == ("DELETED", opened.deal_reference)
    assert confirm.affected == (AffectedDeal(opened.deal_id, "DELETED"),)
    (event,) = trades(bench)
    assert event.status == "DELETED"
    bench.tick(MINI, 1.15, 1.1501)
    assert not bench.broker.view.positions("CFD")


def test_order_lapses_on_its_date(bench):
    """A date in the past is rejected; one that comes deletes the order, at that time, before any later price."""
    assert bench.order(level="1.159", good_till=bench.now).reason == "GOOD_TILL_DATE_IN_THE_PAST"
    until = bench.now + timedelta(hours=1)
    opened = bench.order(level="1.159", good_till=until)
    assert bench.broker.next_at == until
    assert bench.amend_order(opened.deal_id, level="1.159", good_till=bench.now).reason == "GOOD_TILL_DATE_IN_THE_PAST"
    bench.broker.take_events()
    bench.wait(7200)
    bench.tick(MINI, 1.15, 1.1501)
    assert not bench.broker.view.positions("CFD")
    (event,) = trades(bench)
    assert (event.status, event.at) == ("DELETED", until)
    row = bench.broker.view.activity("CFD")[0]
    assert (row.channel, row.at, row.actions) == ("SYSTEM", until, (("LIMIT_ORDER_DELETED", opened.deal_id),))
    assert bench.broker.next_at > until


def test_orders_are_taken_while_only_edits_are(bench):
    """New orders are accepted under EDITS_ONLY, are not filled then, and may only be moved away."""
    bench.broker.set_status(MINI, "EDITS_ONLY")
    opened = bench.order(level="1.159")
    assert opened.reason == "SUCCESS"
    assert bench.amend_order(opened.deal_id, level="1.1595").reason == "MOVE_AWAY_ONLY_TRIGGER_LEVEL"
    assert bench.amend_order(opened.deal_id, level="1.1585").reason == "SUCCESS"
    bench.tick(MINI, 1.15, 1.1501)
    assert bench.broker.view.orders("CFD")
    bench.broker.set_status(MINI, "CLOSED")
    assert bench.order(level="1.1").reason == "MARKET_CLOSED"


def test_guaranteed_order_becomes_a_guaranteed_position(bench):
    """Guarantee and premium come with the fill."""
    bench.order(level="1.159", stop_distance=50, guaranteed_stop=True)
    bench.tick(MINI, 1.1589, 1.159)
    (position,) = bench.broker.view.positions("CFD")
    assert position.guaranteed
    assert position.premium == Decimal("1.2")
    assert position.stop_level == Decimal("1.154")
