"""Positions and orders as IG sends them."""

from __future__ import annotations

from datetime import datetime, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ig_sdk import _json
from ig_sdk.errors import DecodeError
from ig_sdk.rest.deals.open_deals import entries, order_of, position_of
from ig_sdk.types import Direction


def sample(shared: Path, name: str) -> Any:
    return _json.loads((shared / "wire" / "samples" / name).read_bytes())


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("v2__two", 2),
        ("v2__audusd_today", 1),
        ("v2__spot_gold_2016", 1),
        ("v2__empty", 0),
        ("v1__two", 2),
        ("v1__bitcoin_single", 1),
    ],
)
def test_positions_of_both_versions(shared: Path, name: str, count: int) -> None:
    """The names of version 1 lead to the same fields."""
    found = [position_of(item) for item in entries(sample(shared, f"positions_{name}.json"), "positions")]
    assert len(found) == count
    for each in found:
        assert None not in (each.deal_id, each.size, each.level, each.direction, each.currency, each.epic)
        assert each.created_date_utc is None or each.created_date_utc.tzinfo is timezone.utc
        assert (each.extra, each.market.extra, each.trails) == ({}, {}, False)


def test_one_position(shared: Path) -> None:
    """With its market's price, and unknown fields kept."""
    data = sample(shared, "position_v2__japan225_aud.json")
    data["position"]["brandNew"] = 1
    found = position_of(data)
    assert (found.deal_id, found.deal_reference, found.size) == ("12345", "54321", 10)
    assert (found.stop_level, found.limit_level, found.market.bid) == (38322, 38522, Decimal("38455.5"))
    assert found.created_date_utc == datetime(2024, 6, 14, 15, 41, 1, tzinfo=timezone.utc)
    assert found.extra == {"brandNew": 1}


@pytest.mark.parametrize("name", ["v1__stop_gtc", "v2__stop_gtc", "v2__mib_stop_2016"])
def test_orders_of_both_versions(shared: Path, name: str) -> None:
    """The names of version 1 lead to the same fields."""
    (item,) = entries(sample(shared, f"workingorders_{name}.json"), "workingOrders")
    found = order_of(item)
    assert None not in (found.deal_id, found.epic, found.order_size, found.order_level, found.currency_code)
    assert (found.order_type, found.time_in_force, found.direction) == ("STOP", "GOOD_TILL_CANCELLED", Direction.BUY)
    assert found.market.market_status in ("TRADEABLE", "EDITS_ONLY")


def test_an_answer_without_its_list_is_not_an_empty_one() -> None:
    """Else "nothing stands" could be read out of any odd answer."""
    for broken in (None, {}, [], {"positions": None}, {"positions": {}}, "text"):
        with pytest.raises(DecodeError):
            entries(broken, "positions")
    for broken in (None, [], {}, {"position": None}):
        with pytest.raises(DecodeError):
            position_of(broken)
        with pytest.raises(DecodeError):
            order_of(broken)
