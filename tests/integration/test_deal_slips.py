"""The commonest slips with deals are named, and nothing is sent."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ig_sdk.client import IGClient
from ig_sdk.errors import InvalidDeal, NotFound
from ig_sdk.simulator import Simulator
from ig_sdk.types import Limit, Stop

EPIC = "CS.D.EURUSD.MINI.IP"


@pytest.fixture
def ig(sim: Simulator) -> Iterator[IGClient]:
    """A client of it."""
    with sim.client() as client:
        yield client


def test_a_distance_given_as_a_price_is_asked_about(ig: IGClient) -> None:
    """0.0020 is 20 points: for a new position, an order, and an amendment of either."""
    deal_id = ig.positions.open(EPIC, "BUY", 1).deal_id
    order = ig.orders.create(EPIC, "BUY", 1, level="0.5").deal_id
    for act in (
        lambda: ig.positions.open(EPIC, "BUY", 1, stop=Stop(distance="0.0020")),
        lambda: ig.orders.create(EPIC, "BUY", 1, level="0.5", stop=Stop(distance="0.0020")),
        lambda: ig.positions.amend(deal_id, stop=Stop(distance="0.0020")),
        lambda: ig.orders.amend(order, stop=Stop(distance="0.0020")),
    ):
        with pytest.raises(ValueError, match=r"in points.*distance=20.*meant"):
            act()
    with pytest.raises(InvalidDeal, match=r"Limit\(distance=20\)"):
        ig.positions.open(EPIC, "BUY", 1, limit=Limit(distance="0.0020"))
    assert len(ig.positions.list()) == 1


def test_an_order_given_to_positions_hears_of_orders(sim: Simulator, ig: IGClient) -> None:
    """Its id looks like a position's."""
    order = ig.orders.create(EPIC, "BUY", 1, level="0.5").deal_id
    with pytest.raises(NotFound, match=r"working order.*ig\.orders\.amend"):
        ig.positions.amend(order, stop=None)
    with pytest.raises(NotFound, match=r"working order.*ig\.orders\.cancel"):
        ig.positions.close(order)
    assert not sim.requests("PUT")
    assert not sim.requests("DELETE", "/positions")


@pytest.mark.parametrize("status", ["CLOSED", "EDITS_ONLY"])
def test_a_closed_market_says_that_it_is_closed(sim: Simulator, ig: IGClient, status: str) -> None:
    """In words, not by IG's name of another state."""
    ig.login()
    sim.desk.set_status(EPIC, status)
    with pytest.raises(InvalidDeal, match="market: it is closed"):
        ig.positions.open(EPIC, "BUY", 1)


def test_a_currency_in_small_letters_is_taken(ig: IGClient) -> None:
    """As a direction is."""
    assert ig.positions.open(EPIC, "buy", 1, currency="usd").accepted
    assert ig.orders.create(EPIC, "buy", 1, level="0.5", currency="usd").accepted
