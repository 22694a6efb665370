"""The markets of a simulator, with IG's details of each, as data."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any


@dataclass(frozen=True)
class Instrument:
    """One market.

    Attributes:
        epic: IG's market id.
        name: Name as IG shows it.
        market_id: The underlying; epics with the same one move together.
        kind: IG's instrument type, e.g. ``"CURRENCIES"``.
        expiry: ``"-"``, ``"DFB"`` or a month.
        decimals: Decimal places of its levels.
        points: Points in one unit of its level.
        mid: A usual level, from which the simulated price starts.
        spread_points: Narrowest spread.
        exchange_traded: Whether its candles have a last traded price.
        facts: The market's whole entry in ``instruments.json``, under IG's names.
    """

    epic: str
    name: str
    market_id: str
    kind: str
    expiry: str
    decimals: int
    points: int
    mid: float
    spread_points: float
    exchange_traded: bool
    facts: Mapping[str, Any] = field(repr=False)


def _instrument(facts: Mapping[str, Any]) -> Instrument:
    return Instrument(
        epic=facts["epic"],
        name=facts["name"],
        market_id=facts["marketId"],
        kind=facts["type"],
        expiry=facts["expiry"],
        decimals=facts["decimalPlacesFactor"],
        points=facts["scalingFactor"],
        mid=facts["example_mid"],
        spread_points=facts["min_spread_points"],
        exchange_traded=facts.get("exchangeTraded", False),
        facts=facts,
    )


@cache
def _data() -> Mapping[str, Any]:
    text = resources.files("ig_sdk.simulator.reference").joinpath("instruments.json").read_text(encoding="utf-8")
    data: Mapping[str, Any] = json.loads(text)
    return data


@cache
def instruments() -> Mapping[str, Instrument]:
    """Return every market that has prices, by epic, in a fixed order."""
    bets, corrections = _data()["dailyFundedBets"], _data()["corrections"]
    found = {}
    for read in _data()["instruments"]:
        facts = bets | read if read["expiry"] == "DFB" else read
        for key, changed in corrections.get(facts["epic"], {}).items():
            facts = facts | {key: facts[key] | changed}
        found[facts["epic"]] = _instrument(facts)
    return found


@cache
def listed() -> Mapping[str, Instrument]:
    """Return every market that can be looked at: some shares show no price to those who do not pay the exchange."""
    return {**instruments(), **{facts["epic"]: _instrument(facts) for facts in _data()["unquoted"]}}
