"""Activity and transactions agree with the deals."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from ig_sdk.simulator.broker.ids import Ids

MINI = "CS.D.EURUSD.MINI.IP"


def test_opening_has_a_row(bench):
    """The row of an opening names the deal, its reference and what it has attached."""
    opened = bench.open("BUY", 2, stop_distance=50, limit_distance=60)
    (row,) = bench.broker.view.activity("CFD")
    assert (row.type, row.status, row.channel, row.period) == ("POSITION", "ACCEPTED", "PUBLIC_WEB_API", "-")
    assert (row.deal_id, row.deal_reference) == (opened.deal_id, opened.deal_reference)
    assert row.actions == (("POSITION_OPENED", opened.deal_id),)
    assert row.description == f"Position opened: {opened.deal_id[-8:]}"
    assert (row.size, row.direction, row.level) == (2, "BUY", opened.level)
    assert (row.stop_distance, row.limit_distance) == (50, 60)
    assert row.market_name == "EUR/USD Mini"


def test_close_has_a_row_with_an_id_of_its_own(bench, shared):
    """As in the recorded history: own id, opening reference, affected deal, opposite direction, the stops it had."""
    recorded = json.loads((shared / "wire/samples/activity_v3__detailed_subset.json").read_text())["activities"][2]
    opened = bench.open("SELL", stop_distance=100, limit_distance=150)
    confirm = bench.close(opened.deal_id, 1, "BUY")
    row = bench.broker.view.activity("CFD")[0]
    assert row.deal_id not in (opened.deal_id, confirm.deal_id)
    assert row.actions == (("POSITION_CLOSED", opened.deal_id),)
    assert row.description == f"Position/s closed: {opened.deal_id[-8:]}"
    assert row.deal_reference == opened.deal_reference
    details = recorded["details"]
    assert (row.channel, row.type) == (recorded["channel"], recorded["type"])
    assert (row.direction, row.stop_distance, row.limit_distance) == (
        details["direction"],
        details["stopDistance"],
        details["limitDistance"],
    )


def test_rejection_has_a_row(bench):
    """What was rejected is in the history, with the id of the confirm."""
    confirm = bench.open(size="0.1")
    (row,) = bench.broker.view.activity("CFD")
    assert (row.status, row.deal_id) == ("REJECTED", confirm.deal_id)
    assert "MINIMUM_ORDER_SIZE_ERROR" in row.description


def test_every_request_has_exactly_one_row(bench):
    """Open, amend, partial close, order, its amend, its cancel: one row each, newest first."""
    opened = bench.open(size=2)
    bench.amend(opened.deal_id, stop_level="1.15")
    bench.close(opened.deal_id, 1)
    order = bench.order(level="1.15")
    bench.amend_order(order.deal_id, level="1.14")
    bench.cancel(order.deal_id)
    assert [(row.type, row.actions[0][0]) for row in bench.broker.view.activity("CFD")][::-1] == [
        ("POSITION", "POSITION_OPENED"),
        ("EDIT_STOP_AND_LIMIT", "STOP_LIMIT_AMENDED"),
        ("POSITION", "POSITION_PARTIALLY_CLOSED"),
        ("WORKING_ORDER", "LIMIT_ORDER_OPENED"),
        ("WORKING_ORDER", "LIMIT_ORDER_AMENDED"),
        ("WORKING_ORDER", "LIMIT_ORDER_DELETED"),
    ]


def test_every_close_is_a_transaction(bench):
    """A close writes what it made, at which levels; its reference is nobody else's id."""
    opened = bench.open("SELL", 2)
    bench.wait(60)
    bench.tick(MINI, 1.1590, 1.1591)
    confirm = bench.close(opened.deal_id, "0.5", "BUY")
    (row,) = bench.broker.view.transactions("CFD")
    assert (row.type, row.profit, row.currency) == ("TRADE", confirm.profit, "USD")
    assert (row.open_level, row.close_level, row.size) == (Decimal("1.16"), Decimal("1.1591"), Decimal("-0.5"))
    assert (row.at, row.at - row.opened_at) == (bench.now, timedelta(seconds=60))
    assert len(row.reference) == 8
    assert row.instrument_name == "EUR/USD Mini"


def test_history_is_cut_by_time(bench):
    """First and last are inclusive."""
    times = []
    for _ in range(3):
        bench.open()
        times.append(bench.now)
        bench.wait(60)
    rows = bench.broker.view.activity("CFD", times[1], times[1])
    assert [row.at for row in rows] == [times[1]]
    assert [row.at for row in bench.broker.view.activity("CFD", last=times[1])] == [times[1], times[0]]
    assert not bench.broker.view.transactions("CFD", times[2])


def test_past_can_be_remembered(bench):
    """What happened before is in its place in the histories and changes no money."""
    opened = bench.open()
    bench.close(opened.deal_id)
    activity, transaction = bench.broker.view.activity("CFD")[0], bench.broker.view.transactions("CFD")[0]
    past = [replace(activity, at=activity.at - timedelta(days=days), activity_id=str(days)) for days in (1, 3, 2)]
    balance = bench.balance()
    bench.broker.remember(
        "CFD", activity=past, transactions=[replace(transaction, at=transaction.at - timedelta(days=1))]
    )
    assert [row.activity_id for row in bench.broker.view.activity("CFD")[-3:]] == ["1", "2", "3"]
    assert len(bench.broker.view.transactions("CFD")) == 2
    assert bench.balance() == balance
    assert not bench.broker.view.activity("BET")


def test_ids_are_never_given_out_twice():
    """Ids look random, depend on the seed and do not repeat."""
    ids, same, other = Ids(7), Ids(7), Ids(8)
    made = [ids.deal_id() for _ in range(5000)]
    assert len(set(made)) == 5000
    assert [same.deal_id() for _ in range(5)] == made[:5]
    assert other.deal_id() != made[0]
    assert len({ids.transaction() for _ in range(5000)}) == 5000
    assert len(ids.reference()) == 15


def test_made_up_references_avoid_the_callers(make_bench):
    """A reference that the caller has used already is not made up again."""
    first = make_bench().send_open()
    bench = make_bench()
    bench.send_open(deal_reference=first)
    assert bench.send_open() != first
    assert len(bench.broker.view.positions("CFD")) == 2
