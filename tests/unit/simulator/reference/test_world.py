"""Navigation, categories, sentiment, watchlists."""

from __future__ import annotations

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
    """Gold, oil, the main indices and a share are there, as contracts and as bets."""
    kinds = {each.market_id: each.kind for each in instruments().values()}
    assert set(kinds) == {*PAIRS, "GC", "CL", "LCO", "FT100", "DE30", "US500", "WALL", "JP225", "AAPL"}
    for market_id in kinds:
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
