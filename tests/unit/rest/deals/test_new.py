"""New deals as IG gets them: bodies made of the caller's request and the market's details."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from ig_sdk import _json
from ig_sdk.rest.deals.new import RULES_HOLD_S, KnownMarket, NewOrder, NewPosition, completed
from ig_sdk.rest.market_data.details import Instrument, MarketDetails, Snapshot
from ig_sdk.types import Direction, Limit, Stop

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
