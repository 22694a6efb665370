"""Rejections explain themselves."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest

from ig_sdk import _json
from ig_sdk.rest.deals.new import NewPosition
from ig_sdk.rest.deals.reasons import REASONS, Circumstances, hint_for, message_for
from ig_sdk.rest.market_data.details import MarketDetails
from ig_sdk.types import Confirm, Direction, Limit, Stop

MARKET = _json.decode(
    MarketDetails,
    {
        "instrument": {"unit": "CONTRACTS", "marginFactor": Decimal("3.33"), "marginFactorUnit": "PERCENTAGE"},
        "dealingRules": {
            "minDealSize": {"unit": "POINTS", "value": Decimal(1)},
            "minNormalStopOrLimitDistance": {"unit": "POINTS", "value": Decimal(2)},
            "maxStopOrLimitDistance": {"unit": "PERCENTAGE", "value": Decimal(75)},
        },
        "snapshot": {"marketStatus": "EDITS_ONLY", "bid": Decimal("1.1"), "offer": Decimal("1.2")},
    },
)
DEAL = NewPosition(
    epic="E",
    direction=Direction.BUY,
    size=Decimal("0.1"),
    stop=Stop(distance=1),
    limit=Limit(level="1.3"),
    level=Decimal("1.15"),
    currency="USD",
    expiry="-",
    force_open=True,
    deal_reference="REF",
    reference_is_new=True,
)
FAULTS = ("size: must be at least 1, not 0.1", "stop: must be at least 2 points away, not distance 1")


def rejected(reason: str) -> Confirm:
    return Confirm(deal_reference="REF", deal_id="D1", deal_status="REJECTED", reason=reason)


def test_every_reason_of_ig_has_words(shared: Path) -> None:
    """The table holds exactly what IG is known to say, each with its category."""
    known = json.loads((shared / "wire" / "enums.json").read_text(encoding="utf-8"))
    assert set(REASONS) == set(known["enums"]["DealReason"]) - {"SUCCESS"}
    assert {name: kind for name, (kind, _) in REASONS.items()}.items() <= known["deal_reason_categories"].items()


@pytest.mark.parametrize("reason", sorted(REASONS))
def test_a_message_says_what_ig_means(reason: str) -> None:
    """In words and in IG's own code, with and without anything known around it."""
    text = message_for(rejected(reason))
    assert "REF" in text
    assert f"[{reason}]" in text
    assert REASONS[reason][1] in text
    for around in (
        Circumstances(),
        Circumstances(DEAL, FAULTS, MARKET, "CFD"),
        Circumstances(market=_json.decode(MarketDetails, {})),
    ):
        hint = hint_for(rejected(reason), around)
        assert hint is None or hint.strip()


def test_an_unknown_reason_is_shown_as_it_came() -> None:
    """IG's list is open; all that is known is told."""
    assert message_for(rejected("BRAND_NEW")) == "IG rejected the deal REF [BRAND_NEW]"
    assert hint_for(rejected("BRAND_NEW"), Circumstances(DEAL, FAULTS, MARKET)) == "; ".join(FAULTS)


def test_the_fault_that_fits_is_the_cause() -> None:
    """A reason about size is explained by the size, one about stops by the stop."""
    around = Circumstances(DEAL, FAULTS, MARKET, "CFD")
    assert hint_for(rejected("MINIMUM_ORDER_SIZE_ERROR"), around) == FAULTS[0]
    assert hint_for(rejected("ATTACHED_ORDER_LEVEL_ERROR"), around) == FAULTS[1]


def test_without_a_fault_request_and_rules_stand_side_by_side() -> None:
    """So that the reader can judge."""
    around = Circumstances(DEAL, (), MARKET, "SPREADBET")
    hint = hint_for(rejected("ATTACHED_ORDER_LEVEL_ERROR"), around) or ""
    for part in ("2 points", "75%", "1.1/1.2", "stop was at distance 1", "limit was at level 1.3"):
        assert part in hint
    assert "EDITS_ONLY" in (hint_for(rejected("MARKET_CLOSED_WITH_EDITS"), around) or "")
    size = hint_for(rejected("SIZE_INCREMENT"), around) or ""
    assert "the size was 0.1" in size
    assert "smallest size is 1" in size
    unknown = hint_for(rejected("UNKNOWN"), around) or ""
    for part in ("EDITS_ONLY", "smallest size", "size was", "stop was", "level was 1.15"):
        assert part in unknown


def test_the_account_is_named_when_it_is_the_cause() -> None:
    """Its kind, and the kind that the market is for."""
    hint = hint_for(rejected("REJECT_CFD_ORDER_ON_SPREADBET_ACCOUNT"), Circumstances(DEAL, (), MARKET, "SPREADBET"))
    assert hint == "the account is a SPREADBET account, the market is for CFDs"
    funds = hint_for(rejected("INSUFFICIENT_FUNDS"), Circumstances(DEAL, (), MARKET, "CFD")) or ""
    assert "3.33%" in funds
    assert "ig.accounts" in funds
