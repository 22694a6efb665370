"""Confirms, positions and orders as IG sends them."""

from __future__ import annotations

from datetime import datetime, timezone
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from ig_sdk import _json
from ig_sdk.errors import DecodeError
from ig_sdk.rest.deals.confirm_reader import confirm_of, pauses
from ig_sdk.rest.deals.open_deals import entries, order_of, position_of
from ig_sdk.types import AffectedDeal, Direction

MINIMAL = {"dealStatus": "ACCEPTED", "dealReference": "REF"}


def sample(shared: Path, name: str) -> Any:
    return _json.loads((shared / "wire" / "samples" / name).read_bytes())


def test_an_accepted_confirm(shared: Path) -> None:
    """Every field of a recorded one, numbers with IG's digits, its time aware UTC."""
    confirm = confirm_of(sample(shared, "confirm_v1__accepted_open_bitcoin.json"))
    assert confirm.accepted
    assert (confirm.deal_reference, confirm.deal_id) == ("ETNXTLH6X8544TD", "DIAAAAE52236QAK")
    assert (confirm.status, confirm.reason, confirm.direction) == ("OPEN", "SUCCESS", Direction.BUY)
    assert (str(confirm.level), str(confirm.size)) == ("43772.6", "1.0")
    assert confirm.affected_deals == (AffectedDeal("DIAAAAE52236QAK", "OPENED"),)
    assert confirm.date == datetime(2021, 2, 8, 15, 21, 16, 804000, tzinfo=timezone.utc)
    assert (confirm.stop_level, confirm.profit, confirm.extra) == (None, None, {})


def test_a_rejected_confirm(shared: Path) -> None:
    """It still names a deal, and nothing else."""
    confirm = confirm_of(sample(shared, "confirm_v1__rejected_limit_wrong_side.json"))
    assert not confirm.accepted
    assert (confirm.reason, confirm.status, confirm.level) == ("LIMIT_ORDER_WRONG_SIDE_OF_MARKET", None, None)
    assert confirm.deal_id == "DIAAAATAM38RJA2"


@pytest.mark.parametrize("name", ["open_with_trailing_stop", "rejected_attached_level", "workingorder_opened"])
def test_confirms_of_the_stream_have_the_same_shape(shared: Path, name: str) -> None:
    """What they say more stays in ``extra``."""
    assert confirm_of(sample(shared, f"trade_stream_confirms__{name}.json")).extra == {"channel": "PublicRestOTC"}


@pytest.mark.parametrize(
    ("text", "micros"),
    [("2022-05-20T10:09:38.16", 160000), ("2022-05-20T10:09:38", 0), ("2022-05-20T10:09:38.4", 400000)],
)
def test_fractions_of_a_confirms_second(text: str, micros: int) -> None:
    """Trailing zeros may be cut (REST.md section 4)."""
    date = confirm_of(MINIMAL | {"date": text}).date
    assert date is not None
    assert (date.second, date.microsecond, date.utcoffset()) == (38, micros, timezone.utc.utcoffset(None))


def test_a_poor_confirm_is_still_one() -> None:
    """Missing, null and odd values do no harm; the verdict itself must be there."""
    odd = {
        "level": "no number",
        "direction": "SIDEWAYS",
        "affectedDeals": None,
        "guaranteedStop": "true",
        "size": "2.5",
    }
    confirm = confirm_of({"dealStatus": "ACCEPTED"} | odd, deal_reference="ASKED")
    assert (confirm.deal_reference, confirm.reason, confirm.deal_id) == ("ASKED", "UNKNOWN", None)
    assert (confirm.level, confirm.direction, confirm.guaranteed_stop, confirm.size) == (
        None,
        None,
        True,
        Decimal("2.5"),
    )
    assert confirm.extra == {"level": "no number", "direction": "SIDEWAYS"}
    for broken in ({}, {"dealStatus": None}, [], None, "text"):
        with pytest.raises(DecodeError):
            confirm_of(broken)


def test_pauses_grow_to_a_second() -> None:
    """IG is quick, and its allowance small."""
    assert list(islice(pauses(), 6)) == [0.1, 0.2, 0.4, 0.8, 1.0, 1.0]


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
