"""Deals as IG gets them: bodies made of what the caller said and of what stands."""

from __future__ import annotations

import dataclasses
import re
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from ig_sdk import _json
from ig_sdk.errors import DecodeError
from ig_sdk.rest.arguments import good_till_of, limit_of, one_of, reference_of, stop_of
from ig_sdk.rest.deals.changes import OrderChange, PositionChange, PositionClose
from ig_sdk.rest.deals.new import RULES_HOLD_S, KnownMarket, NewOrder, NewPosition, completed
from ig_sdk.rest.deals.open_deals import Order, Position, order_of, position_of
from ig_sdk.rest.market_data.details import Instrument, MarketDetails, Snapshot
from ig_sdk.types import KEEP, Direction, Limit, Stop

D = Decimal
SHARED: dict[str, Any] = {
    "epic": "CS.D.EURUSD.MINI.IP",
    "direction": Direction.SELL,
    "size": D("1.50"),
    "stop": None,
    "limit": None,
    "level": None,
    "currency": "USD",
    "expiry": "-",
    "force_open": True,
    "deal_reference": "REF",
    "reference_is_new": True,
}
BARE = {
    "currencyCode": "USD",
    "dealReference": "REF",
    "direction": "SELL",
    "epic": "CS.D.EURUSD.MINI.IP",
    "expiry": "-",
    "forceOpen": True,
    "guaranteedStop": False,
    "size": D("1.50"),
}


def test_references_are_new_and_fit() -> None:
    """Each is another, of at most 30 characters that IG takes."""
    made = {reference_of(None) for _ in range(1000)}
    assert len(made) == 1000
    assert all(re.fullmatch(r"[A-Za-z0-9_\-]{1,30}", each) for each in made)


@pytest.mark.parametrize("given", ["a", "A_b-9", "x" * 30])
def test_a_callers_reference_is_kept(given: str) -> None:
    """As it is."""
    assert reference_of(given) == given


@pytest.mark.parametrize("given", ["", "x" * 31, "with space", "ä", "a/b", "a\n", 5])
def test_a_reference_that_ig_refuses_is_refused_here(given: object) -> None:
    """Before anything is sent."""
    with pytest.raises(ValueError, match="deal_reference"):
        reference_of(given)


@pytest.mark.parametrize("check", [stop_of, limit_of])
@pytest.mark.parametrize("value", [20, 1.5, "20", D(1), True])
def test_a_bare_number_is_no_leg(check: Any, value: object) -> None:
    """It could be a level or a distance; the error names both forms."""
    with pytest.raises(TypeError, match=r"(Stop|Limit)\(level=...\) or (Stop|Limit)\(distance=...\)"):
        check(value)


def test_a_stop_is_no_limit() -> None:
    """Each leg in its place."""
    with pytest.raises(TypeError):
        stop_of(Limit(level=1))
    with pytest.raises(TypeError):
        limit_of(Stop(level=1))


def test_words_are_taken_in_any_case() -> None:
    """And nothing else is."""
    assert one_of("limit", ("LIMIT", "STOP"), "kind") == "LIMIT"
    for wrong in ("BOTH", "", None, 3):
        with pytest.raises(ValueError, match="kind must be one of LIMIT, STOP"):
            one_of(wrong, ("LIMIT", "STOP"), "kind")


def test_an_end_needs_a_zone() -> None:
    """A naive time means nothing certain."""
    with pytest.raises(ValueError, match="time zone"):
        good_till_of(datetime(2026, 1, 1))  # noqa: DTZ001 -- the point
    with pytest.raises(ValueError, match="time zone"):
        good_till_of("2026-01-01")


def test_a_market_deal_says_only_what_was_said() -> None:
    """What is absent is absent, the required flags are there."""
    assert NewPosition(**SHARED).body() == BARE | {"orderType": "MARKET"}


def test_legs_of_a_new_position() -> None:
    """Levels and distances go as they were given, a trailing stop with its increment."""
    deal = NewPosition(**SHARED | {"stop": Stop(level="1.2", guaranteed=True), "limit": Limit(distance=20)})
    assert deal.body() == BARE | {
        "orderType": "MARKET",
        "guaranteedStop": True,
        "stopLevel": D("1.2"),
        "limitDistance": D(20),
    }
    trailing = NewPosition(**SHARED | {"stop": Stop(distance=20, trailing_step=5)}).body()
    assert (trailing["trailingStop"], trailing["trailingStopIncrement"], trailing["stopDistance"]) == (True, 5, 20)
    limited = dataclasses.replace(
        NewPosition(**SHARED), order_type="LIMIT", level=D("1.1"), time_in_force="FILL_OR_KILL"
    )
    assert limited.body() == BARE | {"orderType": "LIMIT", "level": D("1.1"), "timeInForce": "FILL_OR_KILL"}


def test_a_new_order() -> None:
    """Type and end under IG's names, the end in UTC."""
    order = NewOrder(**SHARED | {"level": D("1.3")})
    assert order.body() == BARE | {"level": D("1.3"), "type": "LIMIT", "timeInForce": "GOOD_TILL_CANCELLED"}
    paris = timezone(timedelta(hours=2))
    until = dataclasses.replace(order, kind="STOP", good_till=datetime(2026, 7, 1, 1, 30, tzinfo=paris))
    assert until.body() == BARE | {
        "level": D("1.3"),
        "type": "STOP",
        "timeInForce": "GOOD_TILL_DATE",
        "goodTillDate": "2026/06/30 23:30:00",
    }


def test_a_guaranteed_stop_of_an_order_goes_as_a_distance() -> None:
    """IG takes no level there (ig_api.json, workingorders.otc.create.v2)."""
    order = NewOrder(**SHARED | {"level": D("1.3"), "stop": Stop(level="1.305", guaranteed=True)})
    assert order.in_points(D(10000)).stop == Stop(distance=D("50.000"), guaranteed=True)
    normal = dataclasses.replace(order, stop=Stop(level="1.305"))
    assert normal.in_points(D(10000)) is normal
    assert order.in_points(None) is order


def _instrument(**data: Any) -> Instrument:
    return _json.decode(Instrument, data)


@pytest.mark.parametrize(
    ("currencies", "account", "wanted"),
    [
        ([("AUD", False), ("GBP", True)], "AUD", "GBP"),
        ([("AUD", False), ("GBP", False)], "GBP", "GBP"),
        ([("AUD", False), ("GBP", False)], "JPY", "AUD"),
        ([], "JPY", "JPY"),
        ([], None, None),
    ],
)
def test_the_currency_is_the_markets(
    currencies: list[tuple[str, bool]], account: str | None, wanted: str | None
) -> None:
    """Its default, else the account's if the market has it, else its first."""
    rows = [{"code": code, "isDefault": default} for code, default in currencies]
    deal = NewPosition(**SHARED | {"currency": None, "expiry": None})
    assert completed(deal, _instrument(currencies=rows), account).currency == wanted
    assert completed(NewPosition(**SHARED), _instrument(currencies=rows), account).currency == "USD"


def test_expiry_and_force_open_come_from_the_market() -> None:
    """Force open unless the market has none; a leg demands it all the same."""
    deal = NewPosition(**SHARED | {"expiry": None, "force_open": None})
    assert completed(deal, _instrument(expiry="MAR-26"), None).expiry == "MAR-26"
    assert completed(deal, _instrument(), None).expiry == "-"
    assert completed(deal, _instrument(), None).force_open is True
    assert completed(deal, _instrument(forceOpenAllowed=False), None).force_open is False
    with_stop = dataclasses.replace(deal, stop=Stop(distance=5))
    assert completed(with_stop, _instrument(forceOpenAllowed=False), None).force_open is True
    chosen = dataclasses.replace(deal, force_open=False)
    assert completed(chosen, _instrument(), None).force_open is False


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


def test_known_details_hold_for_minutes_without_their_price() -> None:
    """Rules and the size of a point are kept; price and state of the market would be guesses."""
    data = {
        "instrument": {"epic": "E"},
        "dealingRules": {"minDealSize": {"unit": "POINTS", "value": 2}},
        "snapshot": {"bid": 1.1, "offer": 1.2, "marketStatus": "CLOSED", "scalingFactor": 10000, "delayTime": 0},
    }
    known = KnownMarket("E", _json.decode(MarketDetails, data), "A1", 1000.0)
    rules = known.rules("E", "A1", 1000.0 + RULES_HOLD_S)
    assert rules is not None
    assert (rules.instrument, rules.dealing_rules) == (known.details.instrument, known.details.dealing_rules)
    assert rules.snapshot == Snapshot(scaling_factor=10000)
    assert known.rules("E", "A1", 1000.1 + RULES_HOLD_S) is None
    assert known.rules("E", "A2", 1000.0) is None
    assert known.rules("F", "A1", 1000.0) is None
