"""Opening, netting and closing."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from ig_sdk.simulator.broker import ConfirmEvent, FiguresEvent, NoMatch, PositionEvent
from ig_sdk.types import AffectedDeal


def test_market_deal_fills_at_its_side_of_the_quote(bench):
    """A BUY fills at the offer, a SELL at the bid; the confirm says so and nothing of a profit."""
    for direction, level in (("BUY", "1.1601"), ("SELL", "1.16")):
        confirm = bench.open(direction, 2)
        assert (confirm.deal_status, confirm.reason, confirm.status) == ("ACCEPTED", "SUCCESS", "OPEN")
        assert (confirm.level, confirm.size, confirm.expiry) == (Decimal(level), 2, "-")
        assert confirm.affected == (AffectedDeal(confirm.deal_id, "OPENED"),)
        assert confirm.profit is None
        assert confirm.profit_currency is None
        assert bench.position(confirm.deal_id).deal_reference == confirm.deal_reference


def test_ids_have_the_form_that_was_observed(bench):
    """A deal id is 15 characters beginning DIAAAA; a made-up reference is 15 upper-case letters and digits."""
    confirm = bench.open()
    assert len(confirm.deal_id) == 15
    assert confirm.deal_id.startswith("DIAAAA")
    assert len(confirm.deal_reference) == 15
    assert confirm.deal_reference.isalnum()
    assert confirm.deal_reference.upper() == confirm.deal_reference


def test_own_reference_is_kept(bench):
    """The caller's reference names the deal."""
    assert bench.send_open(deal_reference="mine_1-A") == "mine_1-A"


@pytest.mark.parametrize(
    ("direction", "level", "reason"),
    [
        ("BUY", "1.1601", "SUCCESS"),
        ("BUY", "1.1700", "SUCCESS"),
        ("BUY", "1.16009", "LIMIT_ORDER_WRONG_SIDE_OF_MARKET"),
        ("SELL", "1.1600", "SUCCESS"),
        ("SELL", "1.1500", "SUCCESS"),
        ("SELL", "1.16001", "LIMIT_ORDER_WRONG_SIDE_OF_MARKET"),
    ],
)
def test_limit_deal_fills_at_the_market_or_not_at_all(bench, direction, level, reason):
    """A LIMIT that the market meets fills at the market's price; one that it does not meet is rejected."""
    confirm = bench.open(direction, order_type="LIMIT", level=level)
    assert confirm.reason == reason
    market = Decimal("1.1601" if direction == "BUY" else "1.16")
    assert confirm.level == (market if reason == "SUCCESS" else None)


def test_quote_deal_fills_at_its_level_while_it_holds(bench):
    """A QUOTE fills at the quoted level, unless the market has moved away from it."""
    assert bench.open(order_type="QUOTE", level="1.16012", quote_id="q1").level == Decimal("1.16012")
    assert bench.open(order_type="QUOTE", level="1.1590", quote_id="q2").reason == "LEVEL_TOLERANCE_ERROR"


def test_force_open_makes_a_position_of_its_own(bench):
    """With forceOpen opposing positions stand beside each other."""
    bench.open("BUY")
    bench.open("SELL")
    assert [each.direction for each in bench.broker.view.positions("CFD")] == ["BUY", "SELL"]


def test_netting_closes_the_oldest_first_and_opens_the_rest(bench):
    """Without forceOpen opposing positions are closed first, oldest first; the confirm lists every deal touched."""
    first, second = bench.open("BUY", 2), bench.open("BUY", 3)
    confirm = bench.open("SELL", 6, force_open=False)
    assert confirm.status == "OPEN"
    assert confirm.affected == (
        AffectedDeal(first.deal_id, "FULLY_CLOSED"),
        AffectedDeal(second.deal_id, "FULLY_CLOSED"),
        AffectedDeal(confirm.deal_id, "OPENED"),
    )
    assert confirm.profit == -5  # five mini contracts over a spread of one point
    assert confirm.profit_currency == "USD"
    (left,) = bench.broker.view.positions("CFD")
    assert (left.deal_id, left.size, left.direction) == (confirm.deal_id, 1, "SELL")


@pytest.mark.parametrize(
    ("size", "status", "touched"), [(2, "CLOSED", "FULLY_CLOSED"), (1, "PARTIALLY_CLOSED", "PARTIALLY_CLOSED")]
)
def test_netting_may_leave_nothing_to_open(bench, size, status, touched):
    """A netting deal that is used up by the closes opens nothing and says what it closed."""
    opened = bench.open("BUY", 2)
    confirm = bench.open("SELL", size, force_open=False)
    assert confirm.status == status
    assert confirm.affected == (AffectedDeal(opened.deal_id, touched),)
    assert bench.broker.view.position("CFD", confirm.deal_id) is None
    assert sum(each.size for each in bench.broker.view.positions("CFD")) == 2 - size


def test_partial_close_leaves_the_rest_as_it_was(bench):
    """The rest keeps id, level and stops; the confirm has the opening deal's reference and id, and the profit."""
    opened = bench.open("BUY", 3, stop_distance=50, limit_distance=60)
    before = bench.position(opened.deal_id)
    bench.tick(before.epic, 1.1621, 1.1622)
    confirm = bench.close(opened.deal_id, 1)
    assert (confirm.deal_reference, confirm.deal_id) == (opened.deal_reference, opened.deal_id)
    assert (confirm.status, confirm.direction, confirm.size) == ("PARTIALLY_CLOSED", "SELL", 1)
    assert (confirm.level, confirm.profit) == (Decimal("1.1621"), 20)
    after = bench.position(opened.deal_id)
    assert (after.size, after.level) == (2, before.level)
    assert (after.stop_level, after.limit_level) == (before.stop_level, before.limit_level)


def test_whole_close_removes_the_position(bench):
    """A close of the whole size is CLOSED, books the profit and leaves nothing."""
    opened = bench.open("SELL", 2)
    bench.tick(bench.position(opened.deal_id).epic, 1.1580, 1.1581)
    confirm = bench.close(opened.deal_id, 2, "BUY")
    assert (confirm.status, confirm.profit, confirm.profit_currency) == ("CLOSED", 38, "USD")
    assert confirm.affected == (AffectedDeal(opened.deal_id, "FULLY_CLOSED"),)
    assert not bench.broker.view.positions("CFD")
    assert bench.balance() == 10_038


def test_close_by_market_takes_the_oldest_first(bench):
    """Closing by epic and expiry runs over the positions of that side, oldest first, under the first's reference."""
    first, second = bench.open("BUY", 1), bench.open("BUY", 2)
    bench.open("SELL", 5)
    epic = bench.position(first.deal_id).epic
    confirm = bench.close(None, 2, epic=epic, expiry="-")
    assert (confirm.deal_reference, confirm.deal_id) == (first.deal_reference, first.deal_id)
    assert confirm.status == "PARTIALLY_CLOSED"
    assert confirm.affected == (
        AffectedDeal(first.deal_id, "FULLY_CLOSED"),
        AffectedDeal(second.deal_id, "PARTIALLY_CLOSED"),
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {"deal_id": "DIAAAA000000000"},
        {"direction": "BUY"},
        {"size": 3},
        {"size": 0},
        {"size": -1},
        {"size": "NaN"},
        {"size": "1e-30"},
        {"deal_id": None, "epic": "CS.D.GBPUSD.MINI.IP", "expiry": "-"},
        {"deal_id": None, "epic": "CS.D.EURUSD.MINI.IP", "expiry": "DFB"},
    ],
)
def test_close_that_fits_nothing_is_no_deal(bench, wrong):
    """Wrong side, gone, too big or elsewhere: NoMatch, and nothing happened."""
    opened = bench.open("BUY", 2)
    bench.broker.take_events()
    with pytest.raises(NoMatch):
        bench.close(**{"deal_id": opened.deal_id, **wrong})
    assert not bench.broker.take_events()
    assert bench.position(opened.deal_id).size == 2
    assert len(bench.broker.view.activity("CFD")) == 1


def test_another_accounts_position_cannot_be_closed(bench):
    """Deals are looked for in the account that asks."""
    opened = bench.open()
    with pytest.raises(NoMatch):
        bench.close(opened.deal_id, account="BET")


def test_rejected_close_is_confirmed_under_the_positions_reference(bench):
    """A close that the engine rejects overwrites the opening confirm under the same key."""
    opened = bench.open()
    bench.broker.set_status("CS.D.EURUSD.MINI.IP", "CLOSED")
    confirm = bench.close(opened.deal_id)
    assert (confirm.deal_status, confirm.reason) == ("REJECTED", "MARKET_CLOSED")
    assert (confirm.deal_reference, confirm.deal_id) == (opened.deal_reference, opened.deal_id)
    assert bench.position(opened.deal_id).size == 1


def test_market_that_takes_less_than_asked(bench):
    """FILL_OR_KILL rejects what the market cannot take; EXECUTE_AND_ELIMINATE fills what it can and drops the rest."""
    bench.terms(depth=Decimal(3))
    assert bench.open(size=4).reason == "ORDER_SIZE_CANNOT_BE_FILLED"
    confirm = bench.open(size=4, time_in_force="EXECUTE_AND_ELIMINATE")
    assert (confirm.status, confirm.size) == ("OPEN", 3)
    assert bench.position(confirm.deal_id).size == 3


def test_events_come_in_the_order_of_the_stream(bench):
    """A deal tells its confirm, then the position, then the money."""
    opened = bench.open()
    assert [type(each) for each in bench.broker.take_events()] == [ConfirmEvent, PositionEvent, FiguresEvent]
    bench.close(opened.deal_id)
    confirm, position, figures = bench.broker.take_events()
    assert confirm.confirm.channel == "PublicRestOTC"
    assert (position.status, position.size, position.level) == ("DELETED", 0, Decimal("1.16"))
    assert position.position.direction == "BUY"
    assert position.position.deal_reference == opened.deal_reference
    assert figures.figures.deposit == 0
    assert not bench.broker.take_events()


def test_confirm_is_not_there_at_first_and_goes_after_a_while(bench):
    """A confirm appears after the delay, stays about a minute and is gone."""
    reference = bench.send_open()

    times = [bench.now + timedelta(seconds=after_s) for after_s in (0, 0.001, 0.1, 59, 61)]
    found = [bench.broker.view.confirm("CFD", reference, time) is not None for time in times]
    assert found == [False, False, True, True, False]


def test_unknown_reference_has_no_confirm(bench):
    """Nobody else's reference, and none that was never used, has a confirm."""
    confirm = bench.open()
    assert bench.broker.view.confirm("BET", confirm.deal_reference, bench.now) is None
    assert bench.broker.view.confirm("CFD", "never", bench.now) is None


def test_recent_deals_count_for_half_a_minute(bench):
    """Openings are in the repeat dealing window for 30 seconds."""
    bench.open("BUY", 2)
    (deal,) = bench.broker.view.recent_deals("CFD", bench.now)
    assert (deal.direction, deal.size, deal.currency) == ("BUY", 2, "USD")
    assert not bench.broker.view.recent_deals("CFD", deal.expires_at)
