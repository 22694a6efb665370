"""Confirms as IG sends them."""

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
