"""Why the engine says no, and in which order it looks."""

from __future__ import annotations

from decimal import Decimal

import pytest

from ig_sdk.simulator.broker import UnknownDeal

MINI = "CS.D.EURUSD.MINI.IP"


def test_rejected_confirm_has_no_levels(bench):
    """A rejection has a deal id of its own, echoes epic and direction, and all else is absent."""
    bench.broker.take_events()
    confirm = bench.open("SELL", "0.1", limit_distance=20, stop_distance=20)
    assert (confirm.deal_status, confirm.reason) == ("REJECTED", "MINIMUM_ORDER_SIZE_ERROR")
    assert (confirm.epic, confirm.direction) == (MINI, "SELL")
    assert confirm.deal_id.startswith("DIAAAA")
    absent = "status expiry level size stop_level limit_level stop_distance limit_distance profit profit_currency"
    assert {getattr(confirm, name) for name in absent.split()} == {None}
    assert confirm.affected == ()
    assert not confirm.guaranteed_stop
    assert not confirm.trailing_stop
    assert len(bench.broker.take_events()) == 1
    assert not bench.broker.view.positions("CFD")


@pytest.mark.parametrize(
    ("status", "opens", "closes", "edits"),
    [
        ("TRADEABLE", "SUCCESS", "SUCCESS", "SUCCESS"),
        ("CLOSED", "MARKET_CLOSED", "MARKET_CLOSED", "MARKET_CLOSED"),
        ("SUSPENDED", "MARKET_CLOSED", "MARKET_CLOSED", "MARKET_CLOSED"),
        ("OFFLINE", "MARKET_OFFLINE", "MARKET_OFFLINE", "MARKET_OFFLINE"),
        ("EDITS_ONLY", "MARKET_CLOSED_WITH_EDITS", "MARKET_CLOSED_WITH_EDITS", "SUCCESS"),
        ("ON_AUCTION", "MARKET_CLOSED_WITH_EDITS", "MARKET_CLOSED_WITH_EDITS", "SUCCESS"),
        ("ON_AUCTION_NO_EDITS", "MARKET_CLOSED", "MARKET_CLOSED", "MARKET_CLOSED"),
        ("CLOSINGS_ONLY", "CLOSING_ONLY_TRADES_ACCEPTED_ON_THIS_MARKET", "SUCCESS", "SUCCESS"),
        ("DEAL_NO_EDIT", "SUCCESS", "SUCCESS", "ORDER_LOCKED"),
    ],
)
def test_market_states(bench, status, opens, closes, edits):
    """Each status of a market lets through what its name says."""
    held = bench.open(stop_distance=50)
    bench.broker.set_status(MINI, status)
    assert bench.broker.view.status(MINI) == status
    assert bench.open().reason == opens
    assert bench.amend(held.deal_id, stop_level="1.1500").reason == edits
    assert bench.close(held.deal_id).reason == closes


def test_market_without_a_price_does_not_deal(bench):
    """Before its first price a market is offline."""
    assert bench.open(epic="CS.D.GBPUSD.MINI.IP").reason == "MARKET_OFFLINE"


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"epic": "XX.D.NOSUCH.IP"}, "INSTRUMENT_NOT_FOUND"),
        ({"epic": "CS.D.EURUSD.TODAY.IP"}, "REJECT_SPREADBET_ORDER_ON_CFD_ACCOUNT"),
        ({"currency": "GBP"}, "CONTACT_SUPPORT_INSTRUMENT_ERROR"),
        ({"expiry": "DFB"}, "INSTRUMENT_NOT_FOUND"),
        ({"size": "0.99"}, "MINIMUM_ORDER_SIZE_ERROR"),
        ({"size": "1.001"}, "SIZE_INCREMENT"),
        ({"size": "1e12"}, "GENERAL_ERROR"),
        ({"size": "NaN"}, "GENERAL_ERROR"),
        ({"stop_level": "Infinity"}, "GENERAL_ERROR"),
        ({"size": 100000}, "INSUFFICIENT_FUNDS"),
    ],
)
def test_what_is_wrong_with_a_deal(bench, more, reason):
    """Each fault has its reason, and nothing is opened."""
    assert bench.open(**more).reason == reason
    assert not bench.broker.view.positions("CFD")


def test_contract_on_a_bet_account(bench):
    """A CFD epic is refused on a spread-bet account."""
    confirm = bench.open(account="BET", epic=MINI, expiry="-", currency="USD")
    assert confirm.reason == "REJECT_CFD_ORDER_ON_SPREADBET_ACCOUNT"


@pytest.mark.parametrize(
    ("terms", "reason"),
    [
        ({"status": "SUSPENDED_FROM_DEALING"}, "ACCOUNT_NOT_ENABLED_TO_TRADING"),
        ({"closings_only": True}, "CLOSINGS_ONLY_ACCOUNT"),
        ({"limited_risk": True}, "STOP_REQUIRED_ERROR"),
    ],
)
def test_accounts_that_may_not_open(make_bench, terms, reason):
    """What the account may not do is refused before anything else is looked at."""
    bench = make_bench(cfd=terms)
    assert bench.open().reason == reason


def test_closings_only_account_may_close(bench):
    """An account that may only close does close."""
    opened = bench.open()
    bench.account(closings_only=True)
    assert bench.close(opened.deal_id).reason == "SUCCESS"


def test_markets_own_refusals(bench):
    """Market orders, stops, guaranteed stops and big sizes are refused where the market has none of them."""
    bench.terms(market_orders=False)
    assert bench.open().reason == "MARKET_ORDERS_NOT_ALLOWED_ON_INSTRUMENT"
    assert bench.open(order_type="LIMIT", level="1.2").reason == "SUCCESS"
    bench.terms(stops_limits=False)
    assert bench.open(limit_distance=50).reason == "STOP_OR_LIMIT_NOT_ALLOWED"
    bench.terms(guaranteed_stops=False)
    assert bench.open(stop_distance=50, guaranteed_stop=True).reason == "STOP_OR_LIMIT_NOT_ALLOWED"
    bench.terms(max_size=Decimal(3))
    assert bench.open(size=4).reason == "MAX_AUTO_SIZE_EXCEEDED"


def test_too_much_size_in_a_short_time(bench):
    """Openings of one side within the repeat dealing window count together."""
    bench.terms(max_size=Decimal(3))
    bench.wait(60)
    assert bench.open(size=2).reason == "SUCCESS"
    assert bench.open(size=2).reason == "FINANCE_REPEAT_DEALING"
    assert bench.open("SELL", size=2).reason == "SUCCESS"
    bench.wait(31)
    assert bench.open(size=2).reason == "SUCCESS"


def test_reference_can_be_used_once(bench):
    """A repeat is a duplicate when it says the same, a conflict when it does not; neither deals."""
    assert bench.open(deal_reference="once").reason == "SUCCESS"
    assert bench.open(deal_reference="once").reason == "DUPLICATE_ORDER_ERROR"
    assert bench.open(size=2, deal_reference="once").reason == "CONFLICTING_ORDER"
    assert bench.order(level="1.15", deal_reference="once").reason == "CONFLICTING_ORDER"
    assert len(bench.broker.view.positions("CFD")) == 1
    assert bench.open(account="BET", deal_reference="once").reason == "SUCCESS"


def test_reference_is_not_used_up_by_a_closed_market(bench):
    """The engine looks at the market before the reference, so the same deal may be tried again when it opens."""
    bench.broker.set_status(MINI, "CLOSED")
    assert bench.open(deal_reference="again").reason == "MARKET_CLOSED"
    bench.broker.set_status(MINI, "TRADEABLE")
    assert bench.open(deal_reference="again").reason == "SUCCESS"


def test_opposing_positions(bench):
    """An account that may not hedge, a guaranteed stop and another currency each forbid a position beside another."""
    bench.open("BUY")
    assert bench.open("SELL", stop_distance=50, guaranteed_stop=True).reason == "OPPOSING_DIRECTION_ORDERS_NOT_ALLOWED"
    bench.account(hedging=False)
    assert bench.open("SELL").reason == "OPPOSING_POSITIONS_NOT_ALLOWED"
    assert bench.open("SELL", force_open=False).reason == "SUCCESS"
    bench.open(account="BET")
    confirm = bench.open(account="BET", currency="USD")
    assert confirm.reason == "FORCE_OPEN_ON_SAME_MARKET_DIFFERENT_CURRENCY"


def test_limited_risk_accounts_need_guaranteed_stops(bench):
    """Such an account takes neither no stop nor a normal one, and does not give its stop away."""
    bench.account(limited_risk=True)
    assert bench.open(stop_distance=50).reason == "NCR_POSITIONS_ON_CR_ACCOUNT"
    held = bench.open(stop_distance=50, guaranteed_stop=True)
    assert held.reason == "SUCCESS"
    assert bench.amend(held.deal_id).reason == "CANNOT_REMOVE_STOP"
    assert bench.amend(held.deal_id, stop_level="1.15").reason == "CANNOT_CHANGE_STOP_TYPE"


def test_earlier_checks_speak_first(bench):
    """Of many faults the one that the engine meets first is told, in the suggested order."""
    faults = {
        "REJECT_SPREADBET_ORDER_ON_CFD_ACCOUNT": {"epic": "CS.D.EURUSD.TODAY.IP"},
        "CONTACT_SUPPORT_INSTRUMENT_ERROR": {"currency": "EUR"},
        "INSTRUMENT_NOT_FOUND": {"expiry": "JUN-26"},
        "SIZE_INCREMENT": {"size": "100000.001"},
        "ATTACHED_ORDER_LEVEL_ERROR": {"stop_distance": 1},
        "ATTACHED_ORDER_TRAILING_STOP_ERROR": {"trailing_stop": True, "trailing_increment": 1},
        "LIMIT_ORDER_WRONG_SIDE_OF_MARKET": {"order_type": "LIMIT", "level": "1.1"},
        "INSUFFICIENT_FUNDS": {"size": 100000},
    }
    expected = list(faults)
    for number, reason in enumerate(expected):
        later: dict[str, object] = {}
        for name in reversed(expected[number:]):
            later |= faults[name]
        if reason == "ATTACHED_ORDER_TRAILING_STOP_ERROR":
            later["stop_distance"] = 50
        assert bench.open(**later).reason == reason


def test_forced_rejections(bench):
    """A test may have the next requests rejected with any reason, so many and no more."""
    bench.broker.reject_next("ORDER_DECLINED", times=2)
    assert [bench.open().reason for _ in range(3)] == ["ORDER_DECLINED", "ORDER_DECLINED", "SUCCESS"]


def test_deals_that_are_gone_and_deals_that_never_were(bench):
    """An amend of a deal that is gone is rejected under its reference; of one that never was there is no confirm."""
    opened = bench.open()
    bench.close(opened.deal_id)
    confirm = bench.amend(opened.deal_id, stop_level="1.15")
    assert (confirm.reason, confirm.deal_reference) == ("POSITION_NOT_FOUND", opened.deal_reference)
    order = bench.order(level="1.15")
    bench.cancel(order.deal_id)
    assert bench.cancel(order.deal_id).reason == "ORDER_NOT_FOUND"
    assert bench.amend_order(order.deal_id, level="1.15").reason == "ORDER_NOT_FOUND"
    for act in (bench.amend, bench.cancel, lambda deal_id: bench.amend_order(deal_id, level="1.15")):
        with pytest.raises(UnknownDeal):
            act("DIAAAA000000000")


def test_account_in_a_currency_without_a_rate(make_bench):
    """Where nothing tells what the deal's currency is worth to the account, it cannot be dealt in."""
    bench = make_bench(cfd={"currency": "XTS"})
    assert bench.open().reason == "INSTRUMENT_NOT_TRADEABLE_IN_THIS_CURRENCY"
