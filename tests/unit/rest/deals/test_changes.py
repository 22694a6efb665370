"""Amendments and closes as IG gets them, made from what IG shows now."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any

import pytest

from ig_sdk.errors import DecodeError
from ig_sdk.rest.deals.changes import OrderChange, PositionChange, PositionClose
from ig_sdk.rest.deals.open_deals import Order, Position, order_of, position_of
from ig_sdk.types import KEEP, Limit, Stop

D = Decimal


def position(**changes: Any) -> Position:
    values: dict[str, Any] = {
        "dealId": "D1",
        "dealReference": "R1",
        "direction": "BUY",
        "size": D(2),
        "level": D("1.10000"),
        "stopLevel": D("1.09"),
        "limitLevel": D("1.12"),
        "controlledRisk": False,
    }
    market = {"epic": "E", "bid": D("1.10100"), "offer": D("1.10110"), "scalingFactor": 10000}
    return position_of({"position": values | changes, "market": market})


def test_an_amendment_keeps_what_was_not_mentioned() -> None:
    """The other leg, the guarantee, the trailing."""
    kept = {"guaranteedStop": False, "trailingStop": False, "stopLevel": D("1.09"), "limitLevel": D("1.12")}
    assert PositionChange.of(position(), KEEP, KEEP).body() == kept
    assert PositionChange.of(position(), Stop(level="1.08"), KEEP).body() == kept | {"stopLevel": D("1.08")}
    assert PositionChange.of(position(), KEEP, Limit(level="1.2")).body() == kept | {"limitLevel": D("1.2")}
    guaranteed = position(controlledRisk=True)
    assert PositionChange.of(guaranteed, KEEP, Limit(level="1.2")).body()["guaranteedStop"] is True
    assert PositionChange.of(guaranteed, Stop(level="1.08"), KEEP).body()["guaranteedStop"] is True
    trailing = PositionChange.of(position(trailingStep=D(5), trailingStopDistance=D(50)), KEEP, None).body()
    assert trailing == {
        "guaranteedStop": False,
        "trailingStop": True,
        "trailingStopDistance": D(50),
        "trailingStopIncrement": D(5),
        "stopLevel": D("1.09"),
    }


def test_none_removes_a_leg() -> None:
    """By leaving it out, which is how IG removes one; a stop takes its guarantee along."""
    assert PositionChange.of(position(), None, KEEP).body() == {
        "guaranteedStop": False,
        "trailingStop": False,
        "limitLevel": D("1.12"),
    }
    assert PositionChange.of(position(controlledRisk=True), None, KEEP).body()["guaranteedStop"] is False
    assert "limitLevel" not in PositionChange.of(position(), KEEP, None).body()


def test_a_stop_changes_its_kind_when_told_to() -> None:
    """Guaranteed or not, trailing or not."""
    assert PositionChange.of(position(), Stop(level="1.08", guaranteed=True), KEEP).guaranteed is True
    assert (
        PositionChange.of(position(controlledRisk=True), Stop(level="1.08", guaranteed=False), KEEP).guaranteed is False
    )
    fixed = PositionChange.of(position(trailingStep=D(5), trailingStopDistance=D(50)), Stop(level="1.08"), KEEP)
    assert (fixed.trailing_step, fixed.body()["trailingStop"]) == (None, False)


def test_distances_of_an_amendment() -> None:
    """From the level of the position; a trailing stop from the price at which it would be closed."""
    change = PositionChange.of(position(), Stop(distance=50), Limit(distance="12.5"))
    assert (change.stop_level, change.limit_level) == (D("1.095"), D("1.10125"))
    short = PositionChange.of(position(direction="SELL"), Stop(distance=50), Limit(distance=50))
    assert (short.stop_level, short.limit_level) == (D("1.105"), D("1.095"))
    trailing = PositionChange.of(position(), Stop(distance=50, trailing_step=5), KEEP)
    assert (trailing.stop_level, trailing.trailing_distance, trailing.trailing_step) == (D("1.096"), 50, 5)
    short = PositionChange.of(position(direction="SELL"), Stop(distance=50, trailing_step=5), KEEP)
    assert short.stop_level == D("1.1061")
    blind = dataclasses.replace(position(), market=dataclasses.replace(position().market, scaling_factor=None))
    with pytest.raises(ValueError, match="stop must have a level="):
        PositionChange.of(blind, Stop(distance=50), KEEP)


def test_a_close_names_the_deal_alone() -> None:
    """Deal id, opposite side, neither epic nor expiry."""
    assert PositionClose(position(), D("0.5")).body() == {
        "dealId": "D1",
        "direction": "SELL",
        "orderType": "MARKET",
        "size": D("0.5"),
    }


def order(**changes: Any) -> Order:
    values: dict[str, Any] = {
        "dealId": "D2",
        "direction": "BUY",
        "orderSize": D(1),
        "orderLevel": D("1.09"),
        "orderType": "LIMIT",
        "timeInForce": "GOOD_TILL_CANCELLED",
        "stopDistance": D(30),
        "limitDistance": None,
        "guaranteedStop": False,
    }
    return order_of({"workingOrderData": values | changes, "marketData": {"scalingFactor": 10000}})


def _changed(before: Order, **changes: Any) -> dict[str, object]:
    return OrderChange.of(before, **{"level": KEEP, "stop": KEEP, "limit": KEEP, "good_till": KEEP} | changes).body()


def test_an_amended_order_keeps_what_was_not_mentioned() -> None:
    """Distances, guarantee and end; the guaranteed stop as a level, which amending demands."""
    kept = {
        "guaranteedStop": False,
        "level": D("1.09"),
        "stopDistance": D(30),
        "timeInForce": "GOOD_TILL_CANCELLED",
        "type": "LIMIT",
    }
    assert _changed(order()) == kept
    assert _changed(order(), level="1.08", limit=Limit(distance=9)) == kept | {
        "level": D("1.08"),
        "limitDistance": D(9),
    }
    assert "stopDistance" not in _changed(order(), stop=None)
    guaranteed = _changed(order(guaranteedStop=True), level="1.08")
    assert (guaranteed["guaranteedStop"], guaranteed["stopLevel"]) == (True, D("1.0770"))
    assert "stopDistance" not in guaranteed
    assert _changed(order(guaranteedStop=True), stop=Stop(distance=40))["guaranteedStop"] is True


@pytest.mark.parametrize(
    "end",
    [{"goodTillDate": "2026/07/01 10:30", "goodTillDateISO": "2026-07-01T10:30"}, {"goodTillDate": "2026/07/01 10:30"}],
)
def test_the_end_of_an_order_is_kept(end: dict[str, str]) -> None:
    """IG shows minutes and takes seconds."""
    before = order(timeInForce="GOOD_TILL_DATE", **end)
    assert _changed(before, level="1.08")["goodTillDate"] == "2026/07/01 10:30:00"
    gone = _changed(before, good_till=None)
    assert (gone.get("goodTillDate"), gone["timeInForce"]) == (None, "GOOD_TILL_CANCELLED")
    later = _changed(before, good_till=datetime(2026, 8, 1, tzinfo=timezone.utc))
    assert later["goodTillDate"] == "2026/08/01 00:00:00"


def test_an_order_that_ig_shows_in_part_cannot_be_amended() -> None:
    """What must be repeated and is not known is not made up."""
    with pytest.raises(ValueError, match="no level or type"):
        _changed(order(orderType=None), level=1)
    with pytest.raises(ValueError, match="no level or type"):
        _changed(order(orderLevel=None), stop=None)


@pytest.mark.parametrize("name", ["stopLevel", "limitLevel", "trailingStep", "controlledRisk"])
def test_what_cannot_be_read_is_not_dropped(name: str) -> None:
    """An amendment that left such a leg out would remove it: it is refused instead."""
    data = {"dealId": "D1", "direction": "BUY", "size": D(1), "level": D(1), name: {"odd": 1}}
    before = position_of({"position": data, "market": {"epic": "E"}})
    with pytest.raises(DecodeError, match="D1"):
        PositionChange.of(before, KEEP, Limit(level=2))


@pytest.mark.parametrize(
    ("shown", "error"),
    [({"timeInForce": "GOOD_TILL_DATE"}, ValueError), ({"limitDistance": [1]}, DecodeError)],
)
def test_an_order_whose_end_or_leg_is_not_shown(shown: dict[str, Any], error: type[Exception]) -> None:
    """An amendment would make it stand for ever, or remove the leg: it is refused instead."""
    data = {"dealId": "O1", "direction": "BUY", "orderSize": D(1), "orderLevel": D(1), "orderType": "LIMIT"}
    before = order_of({"workingOrderData": data | shown, "marketData": {"scalingFactor": 1}})
    with pytest.raises(error):
        OrderChange.of(before, level=2, stop=KEEP, limit=KEEP, good_till=KEEP)


def test_a_leg_of_no_distance_is_none() -> None:
    """An order shown with distances of 0 has neither stop nor limit, and can be amended."""
    data = {"dealId": "O1", "direction": "BUY", "orderSize": D(1), "orderLevel": D(1), "orderType": "LIMIT"}
    before = order_of({"workingOrderData": data | {"stopDistance": 0, "limitDistance": 0}, "marketData": {}})
    change = OrderChange.of(before, level=2, stop=KEEP, limit=KEEP, good_till=KEEP)
    assert (change.stop, change.limit) == (None, None)
