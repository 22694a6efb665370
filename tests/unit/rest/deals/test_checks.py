"""What is refused before it is sent, and what is not."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from ig_sdk import _json
from ig_sdk.rest.deals.changes import OrderChange, PositionChange, PositionClose
from ig_sdk.rest.deals.checks import (
    close_faults,
    order_change_faults,
    order_faults,
    position_change_faults,
    position_faults,
)
from ig_sdk.rest.deals.new import NewOrder, NewPosition, completed
from ig_sdk.rest.deals.open_deals import order_of, position_of
from ig_sdk.rest.market_data.details import MarketDetails
from ig_sdk.types import KEEP, Direction, Limit, Stop

D = Decimal
NOW = datetime(2026, 1, 5, 12, tzinfo=timezone.utc)
RULES = {
    "minStepDistance": {"unit": "POINTS", "value": D("5.0")},
    "minDealSize": {"unit": "POINTS", "value": D("0.5")},
    "minControlledRiskStopDistance": {"unit": "PERCENTAGE", "value": D("2.0")},
    "minNormalStopOrLimitDistance": {"unit": "POINTS", "value": D("4.0")},
    "maxStopOrLimitDistance": {"unit": "PERCENTAGE", "value": D("75.0")},
    "marketOrderPreference": "AVAILABLE_DEFAULT_OFF",
    "trailingStopsPreference": "AVAILABLE",
}
INSTRUMENT = {
    "epic": "CS.D.EURUSD.MINI.IP",
    "expiry": "-",
    "currencies": [{"code": "USD", "isDefault": False}, {"code": "EUR", "isDefault": False}],
    "forceOpenAllowed": True,
    "stopsLimitsAllowed": True,
    "controlledRiskAllowed": True,
}
SNAPSHOT = {
    "marketStatus": "TRADEABLE",
    "bid": D("1.10000"),
    "offer": D("1.10010"),
    "scalingFactor": 10000,
    "delayTime": 0,
}


def market(rules: dict[str, Any] | None = None, instrument: dict[str, Any] | None = None, **snapshot: Any) -> Any:
    data = {
        "instrument": INSTRUMENT | (instrument or {}),
        "dealingRules": None if rules == {} else RULES | (rules or {}),
        "snapshot": SNAPSHOT | snapshot,
    }
    return _json.decode(MarketDetails, data)


def deal(**changes: Any) -> NewPosition:
    made = NewPosition(
        epic="CS.D.EURUSD.MINI.IP",
        direction=Direction.BUY,
        size=D(1),
        stop=None,
        limit=None,
        level=None,
        currency="USD",
        expiry="-",
        force_open=True,
        deal_reference="REF",
        reference_is_new=True,
    )
    return dataclasses.replace(made, **changes)


def order(**changes: Any) -> NewOrder:
    shared = {
        item.name: getattr(deal(), item.name) for item in dataclasses.fields(NewOrder) if hasattr(deal(), item.name)
    }
    return dataclasses.replace(NewOrder(**shared | {"level": D("1.09")}), **changes)


def faults(details: Any = None, **changes: Any) -> tuple[str, ...]:
    return position_faults(deal(**changes), details or market())


def order_problems(details: Any = None, **changes: Any) -> tuple[str, ...]:
    return order_faults(order(**changes), details or market(), NOW)


def test_a_good_deal_has_no_faults() -> None:
    """With and without legs, by level and by distance, on either side."""
    assert faults() == ()
    assert faults(stop=Stop(distance=4), limit=Limit(distance="4.0")) == ()
    assert faults(stop=Stop(level="1.0990"), limit=Limit(level="1.1010")) == ()
    sell = {"direction": Direction.SELL, "stop": Stop(level="1.1010"), "limit": Limit(level="1.0990")}
    assert faults(**sell) == ()
    assert faults(stop=Stop(distance=10, trailing_step=5)) == ()
    assert faults(stop=Stop(distance=220, guaranteed=True)) == ()
    assert order_problems() == ()
    assert order_problems(stop=Stop(level="1.0890"), limit=Limit(level="1.1000")) == ()


@pytest.mark.parametrize(
    ("start", "changes"),
    [
        ("size: must be at least 0.5", {"size": D("0.4")}),
        ("size: must be at least 0.5", {"size": D(0)}),
        ("size: must have at most 12", {"size": D("1.0000000000001")}),
        ("currency: must be one of USD, EUR, not GBP", {"currency": "GBP"}),
        ("expiry: must be '-'", {"expiry": "DFB"}),
        ("force_open: must be true", {"force_open": False, "stop": Stop(distance=10)}),
        ("stop: must be at least 4 points away, not distance 3", {"stop": Stop(distance=3)}),
        ("stop: must be at least 4 points away, not distance -10", {"stop": Stop(distance=-10)}),
        ("stop: must be at least 4 points away, not level 1.0999", {"stop": Stop(level="1.0999")}),
        ("stop: must be below the price 1.1/1.1001", {"stop": Stop(level="1.2")}),
        ("stop: must be above the price", {"direction": Direction.SELL, "stop": Stop(level="1.0")}),
        ("stop: must be at most", {"stop": Stop(distance=8300)}),
        ("stop: must be at least 220 points", {"stop": Stop(distance=100, guaranteed=True)}),
        ("stop: trailing_step must be at least 5", {"stop": Stop(distance=100, trailing_step=4)}),
        ("limit: must be at least 4", {"limit": Limit(distance=1)}),
        ("limit: must be above the price", {"limit": Limit(level="1.05")}),
        ("level: a MARKET deal takes none", {"level": D("1.1")}),
        ("level: a LIMIT deal needs one", {"order_type": "LIMIT"}),
        ("level: the market is at", {"order_type": "LIMIT", "level": D("1.0999")}),
        ("quote_id: a QUOTE deal needs one", {"order_type": "QUOTE", "level": D("1.1")}),
        ("quote_id: a MARKET deal takes none", {"quote_id": "Q"}),
    ],
)
def test_common_mistakes_are_named(start: str, changes: dict[str, Any]) -> None:
    """One fault, which says what is wrong and what is allowed."""
    found = faults(**changes)
    assert len(found) == 1, found
    assert found[0].startswith(start), found


@pytest.mark.parametrize("status", ["CLOSED", "OFFLINE", "SUSPENDED", "EDITS_ONLY", "CLOSINGS_ONLY"])
def test_a_market_that_does_not_open_deals(status: str) -> None:
    """Opening is refused; orders are taken under EDITS_ONLY."""
    (fault,) = faults(market(marketStatus=status))
    assert fault.startswith("market: it ")
    assert fault.endswith(f"[{status}]")
    assert bool(order_problems(market(marketStatus=status))) is (status in ("CLOSED", "OFFLINE", "SUSPENDED"))


@pytest.mark.parametrize("status", ["TRADEABLE", "ON_AUCTION", "DEAL_NO_EDIT", "SOMETHING_NEW", None])
def test_an_unknown_state_refuses_nothing(status: str | None) -> None:
    """IG has the last word about what this library has not heard of."""
    assert faults(market(marketStatus=status)) == ()
    assert order_problems(market(marketStatus=status)) == ()


def test_all_faults_come_at_once() -> None:
    """Whoever mends one is not told of the next only then."""
    details = market(marketStatus="CLOSED")
    found = faults(details, size=D("0.1"), currency="X", expiry="DFB", stop=Stop(distance=1), limit=Limit(distance=1))
    assert [each.partition(":")[0] for each in found] == ["market", "size", "currency", "expiry", "stop", "limit"]


def test_what_the_market_does_not_have() -> None:
    """Guaranteed and trailing stops, legs at all, market orders."""
    assert faults(market(instrument={"controlledRiskAllowed": False}), stop=Stop(distance=300, guaranteed=True))
    assert faults(market({"trailingStopsPreference": "NOT_AVAILABLE"}), stop=Stop(distance=300, trailing_step=10))
    assert faults(market(instrument={"stopsLimitsAllowed": False}), limit=Limit(distance=300))
    assert faults(market({"marketOrderPreference": "NOT_AVAILABLE"}))


def test_rules_that_ig_does_not_tell_are_not_checked() -> None:
    """No rules, no price, no scale, an unknown unit, a delayed or crossed price: no fault."""
    close = {"stop": Stop(level="1.09999"), "limit": Limit(level="1.10011")}
    unknown = {name: {"unit": "FURLONGS", "value": D(1000)} for name in RULES if name.startswith(("min", "max"))}
    for details in (
        market({}),
        market(unknown),
        market(dict.fromkeys(RULES)),
        market({name: {"unit": "POINTS", "value": None} for name in unknown}),
    ):
        assert faults(details, size=D("0.001"), stop=Stop(distance="0.1"), limit=Limit(distance="0.1")) == ()
    for details in (market(bid=None), market(scalingFactor=None), market(delayTime=15), market(bid=D("1.2"))):
        assert faults(details, **close) == ()
    for details in (market(bid=None), market(delayTime=15), market(bid=D("1.2"))):
        assert order_problems(details, level=D("1.5")) == ()
    bare = _json.decode(MarketDetails, {})
    assert position_faults(deal(currency="XXX", expiry="DFB", stop=Stop(level=1)), bare) == ()


def test_a_distance_inside_the_spread_is_left_to_ig() -> None:
    """From which side of the quote IG measures is not settled, so what one of both allows passes."""
    spread = market(bid=D("1.10000"), offer=D("1.10040"))
    assert faults(spread, stop=Stop(level="1.10000")) == ()
    assert faults(spread, stop=Stop(level="1.10001")) != ()
    assert faults(spread, limit=Limit(level="1.10040")) == ()


@pytest.mark.parametrize(
    ("kind", "direction", "right", "wrong"),
    [
        ("LIMIT", Direction.BUY, "1.0999", "1.1002"),
        ("STOP", Direction.BUY, "1.1002", "1.0999"),
        ("LIMIT", Direction.SELL, "1.1002", "1.0999"),
        ("STOP", Direction.SELL, "1.0999", "1.1002"),
    ],
)
def test_an_order_waits_on_its_side(kind: str, direction: Direction, right: str, wrong: str) -> None:
    """A limit waits for a better price, a stop for a worse one; the message names the other kind."""
    assert order_problems(kind=kind, direction=direction, level=D(right)) == ()
    found = order_problems(kind=kind, direction=direction, level=D(wrong))
    assert len(found) == 1
    assert ("STOP" if kind == "LIMIT" else "LIMIT") in found[0]


def test_legs_of_an_order_count_from_its_level() -> None:
    """Exactly, whatever the price is now; and they cannot trail."""
    assert order_problems(stop=Stop(level="1.0896")) == ()
    assert order_problems(stop=Stop(level="1.0897"))[0].startswith("stop: must be at least 4 points")
    assert order_problems(stop=Stop(level="1.0901"))[0].startswith("stop: must be below the price 1.09,")
    assert order_problems(stop=Stop(distance=100, trailing_step=10)) == (
        "stop: an order's cannot trail; amend the position when the order is filled",
    )


def test_percent_of_an_order_may_be_of_the_market() -> None:
    """Whether a rule in percent counts from the order's level or the price now is not settled: the milder one holds."""
    least = market({"minNormalStopOrLimitDistance": {"unit": "PERCENTAGE", "value": D(5)}})
    assert order_problems(least, kind="STOP", level=D("2.2"), stop=Stop(distance=600)) == ()
    assert order_problems(least, kind="STOP", level=D("2.2"), stop=Stop(distance=500)) != ()
    most = market({"maxStopOrLimitDistance": {"unit": "PERCENTAGE", "value": D(10)}})
    assert order_problems(most, level=D("0.55"), stop=Stop(distance=1000)) == ()
    assert order_problems(most, level=D("0.55"), stop=Stop(distance=1200)) != ()


def test_a_rule_in_percent_says_nothing_of_a_price_below_zero() -> None:
    """Points taken for a price give a level far below zero; a largest distance below zero would be nonsense."""
    assert order_problems(level=D(-48), stop=Stop(distance=20)) == ()


def test_an_order_ends_in_the_future() -> None:
    """IG rejects GOOD_TILL_DATE_IN_THE_PAST."""
    assert order_problems(good_till=NOW + timedelta(seconds=1)) == ()
    assert order_problems(good_till=NOW)[0].startswith("good_till: must be in the future")


def test_spread_bets_count_points_as_they_are_quoted() -> None:
    """Scale 1, expiry DFB, the account's currency among several."""
    bet = market(
        instrument={"expiry": "DFB", "currencies": [{"code": "USD"}, {"code": "GBP", "isDefault": True}]},
        bid=D("7539.7"),
        offer=D("7544.7"),
        scalingFactor=1,
    )
    made = completed(deal(currency=None, expiry=None, stop=Stop(level=7530)), bet.instrument, "GBP")
    assert (made.currency, made.expiry) == ("GBP", "DFB")
    assert position_faults(made, bet) == ()
    assert position_faults(dataclasses.replace(made, stop=Stop(level="7541")), bet)


def position(**changes: Any) -> Any:
    values = {"dealId": "D1", "direction": "BUY", "size": D(2), "level": D("1.1"), "stopLevel": D("1.09"), **changes}
    values = {"limitLevel": None, "controlledRisk": False, "trailingStep": None, "trailingStopDistance": None} | values
    return position_of({"position": values, "market": {**SNAPSHOT, "epic": "CS.D.EURUSD.MINI.IP"}})


@pytest.mark.parametrize(
    ("size", "start"),
    [(D(3), "size: must be at most 2"), (D(0), "size: must be above 0"), (D(-1), "size: must be above 0")],
)
def test_only_what_is_held_can_be_closed(size: D, start: str) -> None:
    """More, nothing, or less than nothing is refused."""
    assert close_faults(PositionClose(position(), D(2))) == ()
    assert close_faults(PositionClose(position(), size))[0].startswith(start)


def test_a_close_needs_an_open_market_and_a_fitting_type() -> None:
    """The state came with the position; a LIMIT close sells no lower than its level."""
    shut = dataclasses.replace(position(), market=dataclasses.replace(position().market, market_status="EDITS_ONLY"))
    (fault,) = close_faults(PositionClose(shut, D(1)))
    assert fault.startswith("market: it is closed")
    closings = dataclasses.replace(position(), market=dataclasses.replace(shut.market, market_status="CLOSINGS_ONLY"))
    assert close_faults(PositionClose(closings, D(1))) == ()
    assert close_faults(PositionClose(position(), D(1), "LIMIT", D("1.0999"))) == ()
    assert close_faults(PositionClose(position(), D(1), "LIMIT", D("1.2")))[0].startswith("level: the market is at")


def test_an_amended_leg_must_be_on_its_side() -> None:
    """A leg that is only kept is not judged: IG may let it stand."""
    assert position_change_faults(PositionChange.of(position(), Stop(level="1.095"), KEEP)) == ()
    found = position_change_faults(PositionChange.of(position(), Stop(level="1.2"), Limit(level="1.0")))
    assert [each.partition(":")[0] for each in found] == ["stop", "limit"]
    kept = PositionChange.of(position(stopLevel=D("1.2")), KEEP, Limit(level="1.2"))
    assert position_change_faults(kept) == ()


def test_an_amended_order_must_be_on_its_side() -> None:
    """By the price that came with the order."""
    data = {"dealId": "D2", "direction": "BUY", "orderLevel": D("1.09"), "orderType": "LIMIT", "orderSize": D(1)}
    before = order_of({"workingOrderData": data, "marketData": {**SNAPSHOT}})
    keep = {"stop": KEEP, "limit": KEEP, "good_till": KEEP}
    assert order_change_faults(OrderChange.of(before, level="1.08", **keep)) == ()
    assert order_change_faults(OrderChange.of(before, level="1.12", **keep))[0].startswith("level: a LIMIT order")
    wrong = OrderChange.of(before, level=KEEP, stop=Stop(level="1.1"), limit=KEEP, good_till=KEEP)
    assert order_change_faults(wrong)[0].startswith("stop: must be below")
