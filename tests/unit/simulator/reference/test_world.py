"""Navigation, categories, sentiment, watchlists."""

from __future__ import annotations

import re
from datetime import datetime

import pytest

from ig_sdk.simulator.reference import world
from ig_sdk.simulator.reference.instruments import instruments
from ig_sdk.types import PAIRS


def test_navigation_reaches_every_market():
    """From the root every market is found by way of nodes that exist, each by one way."""
    nodes, seen, epics = world.nodes(), [], set()
    waiting = [""]
    while waiting:
        node = nodes[waiting.pop()]
        seen.append(node.node_id)
        epics |= set(node.epics)
        waiting += node.nodes
        assert not (node.nodes and node.epics)
    assert sorted(seen) == sorted(nodes)
    assert epics == set(instruments())


def test_categories_hold_every_market_once():
    """Each market is in one category."""
    epics = [epic for category in world.categories().values() for epic in category.epics]
    assert sorted(epics) == sorted(instruments())


def test_there_are_more_markets_than_pairs():
    """Gold, oil, the main indices and a share are there, as contracts and as bets; other metals as monthly bets."""
    kinds = {each.market_id: each.kind for each in instruments().values()}
    both = {*PAIRS, "GC", "CL", "LCO", "FT100", "DE30", "US500", "WALL", "JP225", "AAPL"}
    assert set(kinds) == {*both, "PL", "PA", "HG"}
    for market_id in both:
        products = {each.facts["account_type"] for each in instruments().values() if each.market_id == market_id}
        assert products == {"CFD", "SPREADBET"}


def test_sentiment_of_every_market():
    """Long and short make a hundred, the same under the same seed; an unknown market has neither."""
    for market_id in world.market_ids():
        long, short = world.sentiment(7, market_id)
        assert long + short == 100.0
        assert 0 < long < 100
        assert world.sentiment(7, market_id) == (long, short)
    assert {world.sentiment(seed, "EURUSD") for seed in range(5)} != {world.sentiment(7, "EURUSD")}
    assert world.sentiment(7, "NOPE") == (0.0, 0.0)


TOLD = "US500 FT100 USTECH GC CL W GBPUSD USDJPY EURCHF 10YRTND FGBL FLG BITCOIN ETHUSD LTCUSD BP-UK VOD-UK TSLA-US"


@pytest.mark.parametrize("seed", [0, 7, 2026])
@pytest.mark.parametrize("market_id", TOLD.split())
def test_sentiment_goes_beyond_what_can_be_dealt_in(market_id, seed):
    """Of popular markets that are not simulated the sentiment is there, and makes exactly a hundred."""
    assert sum(world.sentiment(seed, market_id)) == 100.0


@pytest.mark.parametrize(
    ("epic", "market_id"),
    [
        ("MT.D.GC.Month2.IP", "GC"),
        ("MT.D.PL.Month2.IP", "PL"),
        ("MT.D.PA.Month1.IP", "PA"),
        ("MT.D.HG.Month1.IP", "HG"),
        ("IX.D.SPTRD.MONTH1.IP", "US500"),
    ],
)
def test_there_are_bets_on_a_month(epic, market_id):
    """They expire in a month, have hours and a last dealing date, and can be dealt in by a spread betting account."""
    market = instruments()[epic]
    assert (market.market_id, market.facts["account_type"]) == (market_id, "SPREADBET")
    assert re.fullmatch(r"[A-Z]{3}-\d\d", market.expiry)
    assert market.facts["openingHours"]["marketTimes"]
    assert datetime.fromisoformat(market.facts["expiryDetails"]["lastDealingDate"]).month == 12 or market_id != "US500"


def test_a_daily_bet_says_when_it_ends():
    """A daily funded bet has a last dealing date far away; a contract without expiry has none."""
    for market in instruments().values():
        details = market.facts.get("expiryDetails")
        assert (details is None) == (market.expiry == "-")


def test_related_markets_are_of_the_same_kind():
    """A pair's relatives are the other pairs; an unknown market has none."""
    assert set(world.related("EURUSD")) == set(PAIRS) - {"EURUSD"}
    assert world.related("NOPE") == ()


def test_watchlists_are_of_all_kinds():
    """Own lists are named by numbers, IG's by names with spaces; their markets exist."""
    lists = {each.watchlist_id: each for each in world.watchlists()}
    assert lists["5222222"].editable
    assert not lists["5222222"].deleteable
    assert lists["Popular Markets"].default_system
    assert not lists["Popular Markets"].editable
    assert any(each.deleteable for each in lists.values())
    assert all(epic in instruments() for each in lists.values() for epic in each.epics)
    assert all(each.epics for each in lists.values())
