"""Why a market is silent, ranked by what is known."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest

from ig_sdk.streaming.quality import MarketFacts, in_one_sentence, likely_causes

WEDNESDAY = datetime(2026, 11, 4, 10, tzinfo=timezone.utc)
SATURDAY = datetime(2026, 11, 7, 10, tzinfo=timezone.utc)
CFD_EPIC, BET_EPIC = "CS.D.EURUSD.MINI.IP", "CS.D.EURUSD.TODAY.IP"


def first(at: datetime = WEDNESDAY, *, mute: bool = True, epic: str = CFD_EPIC, **known: Any) -> str:
    return likely_causes(MarketFacts(epic=epic, **known), at, mute=mute)[0]


@pytest.mark.parametrize(
    ("known", "words"),
    [
        ({"status": "EDITS_ONLY"}, "closed for dealing"),
        ({"status": "CLOSED "}, "the market is closed (IG says CLOSED)"),
        ({"status": "SUSPENDED"}, "suspended"),
        ({"status": "OFFLINE"}, "offline"),
        ({"item": "MARKET"}, "retired MARKET"),
        ({"exists": False}, "IG knows no market"),
        ({"streamed": False}, "does not stream"),
        ({"account_type": "CFD", "epic": BET_EPIC}, "wrong account type: the epic is not one of a CFD account"),
        ({"account_type": "SPREADBET"}, "wrong account type"),
        ({"others_have_prices": False}, "no market of this connection"),
        ({"status": "TRADEABLE", "account_type": "CFD", "delay_minutes": 15}, "delayed by 15 minutes"),
        ({"status": "TRADEABLE", "account_type": "CFD", "others_have_prices": True}, "quiet"),
        ({"had_prices": True}, "quiet"),
        ({"line_down": True}, "the connection is down"),
    ],
)
def test_the_likeliest_cause_of_a_mute_market(known: dict[str, Any], words: str) -> None:
    """What is known comes before what is only possible."""
    assert words in first(**known)


def test_permission_is_named_while_it_is_possible() -> None:
    """Not if this account has had the prices before."""
    facts = {"status": "TRADEABLE", "account_type": "CFD"}
    assert any(
        "permission" in each for each in likely_causes(MarketFacts(epic=CFD_EPIC, **facts), WEDNESDAY, mute=True)
    )
    known = MarketFacts(epic=CFD_EPIC, had_prices=True, **facts)
    assert not any("permission" in each for each in likely_causes(known, WEDNESDAY, mute=True))


def test_the_weekend_is_likelier_than_the_account() -> None:
    """But a dealing state beats the clock: some markets trade at weekends."""
    assert "weekend" in first(SATURDAY)
    assert "weekend" in first(SATURDAY, mute=False)
    assert "weekend" not in first(SATURDAY, account_type="SPREADBET", status="TRADEABLE")
    assert "weekend" not in " ".join(likely_causes(MarketFacts(epic="E"), WEDNESDAY, mute=True))


@pytest.mark.parametrize(
    ("known", "words"),
    [
        ({"line_down": True, "others_have_prices": False}, "the connection is down"),
        ({"status": "CLOSED"}, "closed"),
        ({"others_have_prices": False}, "no market of this connection"),
        ({"others_have_prices": True, "patience_s": 20.0}, "quieter than usual (it is seldom silent for 20 s)"),
    ],
)
def test_the_likeliest_cause_of_a_stale_market(known: dict[str, Any], words: str) -> None:
    """It had prices: neither the account nor the item is in doubt."""
    causes = likely_causes(MarketFacts(epic=BET_EPIC, account_type="CFD", **known), WEDNESDAY, mute=False)
    assert words in causes[0]
    assert not any("account type" in each or "permission" in each for each in causes)


def test_one_sentence() -> None:
    """One cause stands alone; several are ranked; there is always one."""
    assert in_one_sentence(("the connection is down",)) == "the connection is down"
    causes = likely_causes(MarketFacts(epic=CFD_EPIC), WEDNESDAY, mute=True)
    assert 1 < len(causes) <= 4
    assert in_one_sentence(causes).startswith("likely causes, the likeliest first: ")
