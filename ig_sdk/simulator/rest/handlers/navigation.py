"""Replies about navigation, categories and client sentiment.

Source:
    REST.md sections 4 and 5; wire/ig_api.json.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ig_sdk.simulator.bodies.markets import line, picked
from ig_sdk.simulator.reference import world
from ig_sdk.simulator.refusals import RestRefusal
from ig_sdk.simulator.rest.backend import Backend, Handler
from ig_sdk.simulator.rest.request import Call, Reply, whole

_MOST_MARKETS = 50
_IN_A_NODE = (
    "delayTime",
    "epic",
    "netChange",
    "lotSize",
    "expiry",
    "instrumentType",
    "instrumentName",
    "high",
    "low",
    "percentageChange",
    "updateTime",
    "updateTimeUTC",
    "bid",
    "offer",
    "otcTradeable",
    "streamingPricesAvailable",
    "marketStatus",
    "scalingFactor",
)
_IN_A_CATEGORY = tuple(
    name for name in _IN_A_NODE if name not in ("lotSize", "updateTimeUTC", "streamingPricesAvailable")
)


def _node(backend: Backend, call: Call) -> Reply:
    nodes = world.nodes()
    node = nodes.get(call.params[0] if call.params else "")
    if node is None:
        raise RestRefusal("invalid.url")
    below = [{"id": each, "name": nodes[each].name} for each in node.nodes]
    markets = [picked(line(*backend.shown(epic)), *_IN_A_NODE) for epic in node.epics]
    # A branch has ``markets: null``, a leaf ``nodes: null`` (REST.md section 5).
    return Reply(body={"nodes": below or None, "markets": markets or None})


def _categories(backend: Backend, call: Call) -> Reply:
    del backend, call
    rows = [{"code": each.code, "nonTradeable": each.non_tradeable} for each in world.categories().values()]
    return Reply(body={"categories": rows})


def _category(backend: Backend, call: Call) -> Reply:
    category = world.categories().get(call.params[0])
    if category is None:
        raise RestRefusal("invalid.url")
    query = call.query
    number = whole(query.get("pageNumber"), 0)
    size = whole(query.get("pageSize"), 150, low=1, high=1000, code="error.request.invalid.page-size")
    epics = category.epics[number * size : (number + 1) * size]
    rows = [picked(line(*backend.shown(epic)), *_IN_A_CATEGORY) for epic in epics]
    return Reply(body={"instruments": rows, "metadata": {"pageNumber": number, "pageSize": size}})


def _one_sentiment(backend: Backend, market_id: str) -> dict[str, Any]:
    # An unknown id is no error: both sides are 0 (REST.md section 5).
    long, short = world.sentiment(backend.seed, market_id)
    return {"marketId": market_id, "longPositionPercentage": long, "shortPositionPercentage": short}


def _sentiment(backend: Backend, call: Call) -> Reply:
    return Reply(body=_one_sentiment(backend, call.params[0]))


def _sentiments(backend: Backend, call: Call) -> Reply:
    wanted = [each for each in call.query.get("marketIds", "").split(",") if each]
    if not wanted:
        raise RestRefusal("validation.null-not-allowed.marketIds")
    if len(wanted) > _MOST_MARKETS:
        raise RestRefusal("invalid.input.too.many.markets")
    return Reply(body={"clientSentiments": [_one_sentiment(backend, each) for each in wanted]})


def _related(backend: Backend, call: Call) -> Reply:
    found = world.related(call.params[0])
    return Reply(body={"clientSentiments": [_one_sentiment(backend, each) for each in found]})


HANDLERS: Mapping[str, Handler] = {
    "marketnavigation.root.v1": _node,
    "marketnavigation.node.v1": _node,
    "categories.list.v1": _categories,
    "categories.instruments.v1": _category,
    "clientsentiment.list.v1": _sentiments,
    "clientsentiment.get.v1": _sentiment,
    "clientsentiment.related.v1": _related,
}
