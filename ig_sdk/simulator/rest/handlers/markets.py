"""Replies about markets: details, lists and the search.

Source:
    REST.md sections 5 and 10; wire/ig_api.json.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ig_sdk.simulator.bodies import markets as replies
from ig_sdk.simulator.bodies.markets import picked
from ig_sdk.simulator.reference.instruments import Instrument, instruments, listed
from ig_sdk.simulator.refusals import RestRefusal
from ig_sdk.simulator.rest.backend import Backend, Handler
from ig_sdk.simulator.rest.request import EPIC, Call, Reply, whole

_MOST_EPICS = 50
# What IG's reference calls error.public-api.epic-not-found.
_UNKNOWN = "error.service.marketdata.instrument.epic.unavailable"
_FOUND = (
    "epic",
    "instrumentName",
    "instrumentType",
    "expiry",
    "high",
    "low",
    "percentageChange",
    "netChange",
    "updateTime",
    "updateTimeUTC",
    "bid",
    "offer",
    "delayTime",
    "streamingPricesAvailable",
    "marketStatus",
    "scalingFactor",
)


def _market(backend: Backend, call: Call) -> Reply:
    epic = call.params[0]
    if not EPIC.fullmatch(epic):
        raise RestRefusal("validation.pattern.invalid.epic")
    if epic not in listed():
        raise RestRefusal(_UNKNOWN)
    shown = backend.shown(epic)
    return Reply(body=replies.market(*shown, rate=backend.rates(call.owner.currency), version=call.version))


def _markets(backend: Backend, call: Call) -> Reply:
    query = call.query
    term = query.get("searchTerm")
    if term is not None:
        return _search(backend, term, query, call.version)
    epics = [epic for epic in query.get("epics", "").split(",") if epic]
    if not epics:
        raise RestRefusal("validation.null-not-allowed.epics")
    if not all(EPIC.fullmatch(epic) for epic in epics):
        raise RestRefusal("validation.pattern.invalid.epics")
    if len(epics) > _MOST_EPICS:
        raise RestRefusal("error.public-api.too-many-epics")
    choice = query.get("filter", "ALL") if call.version == 2 else "ALL"
    if choice not in ("ALL", "SNAPSHOT_ONLY"):
        raise RestRefusal("invalid.request.filter")
    if any(epic not in listed() for epic in epics):
        raise RestRefusal(_UNKNOWN)
    # In the order of their names, not in that of the request.
    found = [backend.shown(epic) for epic in sorted(set(epics))]
    if choice == "SNAPSHOT_ONLY":
        return Reply(body={"marketDetails": [replies.bare_market(*shown) for shown in found]})
    # v1 has the shape of market v2, v2 that of v3 (REST.md section 5).
    version, rate = call.version + 1, backend.rates(call.owner.currency)
    rows = [replies.market(*shown, rate=rate, version=version) for shown in found]
    return Reply(body={"marketDetails": rows})


def _search(backend: Backend, term: str, query: Mapping[str, str], version: int) -> Reply:
    words = term.replace("/", "").lower().split()
    hits = [each.epic for each in listed().values() if words and any(_has_all(text, words) for text in _texts(each))]
    if version == 2:
        # The reference has v1 only; v2 is paged (REST.md section 10, seen by one client).
        size = whole(query.get("pageSize"), 50, low=1)
        first = (whole(query.get("pageNumber"), 1, low=1) - 1) * size
        hits = hits[first : first + size]
    return Reply(body={"markets": [picked(replies.line(*backend.shown(epic)), *_FOUND) for epic in hits]})


def _texts(market: Instrument) -> tuple[str, ...]:
    """Return what a search looks through: what has no price is found by its name only."""
    return (market.epic, market.name) if market.epic in instruments() else (market.name,)


def _has_all(text: str, words: Sequence[str]) -> bool:
    bare = text.replace("/", "").lower()
    return all(word in bare for word in words)


HANDLERS: Mapping[str, Handler] = {
    "markets.get.v1": _market,
    "markets.get.v2": _market,
    "markets.get.v3": _market,
    "markets.get.v4": _market,
    "markets.search.v1": _markets,
    "markets.list.v1": _markets,
    "markets.list.v2": _markets,
}
