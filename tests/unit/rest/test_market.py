"""One market: its point."""

from __future__ import annotations

import dataclasses
from decimal import Decimal

import pytest

from ig_sdk import DecodeError
from ig_sdk.rest import Market
from ig_sdk.simulator import Simulator


def test_a_point_adds_to_a_deals_level():
    """``market.point`` and the scaling factor, wherever IG sends it, are decimals as a deal's levels are."""
    with Simulator(confirm_delay_s=0.0) as sim, sim.client() as ig:
        market = ig.market("EURUSD")
        assert market.point == Decimal("0.0001")
        opened = market.buy(1)
        assert opened.level is not None
        assert opened.level + 20 * market.point == opened.level + Decimal("0.0020")
        assert opened.level + 2 / market.snapshot.scaling_factor == opened.level + Decimal("0.0002")
        position = ig.positions.get(opened.deal_id)
        found = next(row for row in ig.markets.search("EURUSD") if row.scaling_factor)
        assert {type(each) for each in (found.scaling_factor, position.market.scaling_factor)} == {Decimal}


def test_a_market_without_a_scaling_factor_has_no_point():
    """Where IG does not say how many points a price has, a point is an error of the tree, not a guess."""
    with Simulator() as sim, sim.client() as ig:
        known = ig.market("EURUSD")
        for scaling in (None, Decimal(0)):
            snapshot = dataclasses.replace(known.snapshot, scaling_factor=scaling)
            details = dataclasses.replace(known.details, snapshot=snapshot)
            bare = Market(details, known.epic, markets=ig.markets, positions=ig.positions, orders=ig.orders)
            with pytest.raises(DecodeError, match="scaling factor"):
                _ = bare.point
