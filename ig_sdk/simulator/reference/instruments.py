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
        facts=facts,
    )


@cache
def instruments() -> Mapping[str, Instrument]:
    """Return every market by epic, in a fixed order."""
    text = resources.files("ig_sdk.simulator.reference").joinpath("instruments.json").read_text(encoding="utf-8")
    return {facts["epic"]: _instrument(facts) for facts in json.loads(text)["instruments"]}
