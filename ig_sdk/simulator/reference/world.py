"""Navigation, categories, sentiment and first watchlists of a simulated IG. Pure: data, and numbers from the seed.

Source:
    wire/ig_api.json (schemas), wire/samples/INDEX.md (marketnavigation, watchlists, clientsentiment).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from random import Random

from ig_sdk.simulator.reference.instruments import instruments
from ig_sdk.types import PAIRS


@dataclass(frozen=True)
class Node:
    """One node of the navigation tree.

    Attributes:
        node_id: IG's id; empty for the root.
        name: As shown.
        nodes: Ids of its child nodes.
        epics: Its markets.
    """

    node_id: str
    name: str
    nodes: tuple[str, ...] = ()
    epics: tuple[str, ...] = ()


@dataclass(frozen=True)
class Category:
    """One category of markets.

    Attributes:
        code: Its name in paths.
        epics: Its markets.
        non_tradeable: Whether its markets can only be looked at.
    """

    code: str
    epics: tuple[str, ...]
    non_tradeable: bool = False


@dataclass(frozen=True)
class WatchlistSeed:
    """A watchlist that every account has at first.

    Attributes:
        watchlist_id: A number as text, or of a system list its English name.
        name: As shown.
        editable: Whether markets can be added and removed.
        deleteable: Whether it can be deleted.
        default_system: Whether it is one of IG's own.
        epics: Its markets.
    """

    watchlist_id: str
    name: str
    editable: bool
    deleteable: bool
    default_system: bool
    epics: tuple[str, ...]


def _of(*market_ids: str) -> tuple[str, ...]:
    return tuple(each.epic for each in instruments().values() if each.market_id in market_ids)


INDICES = ("FT100", "DE30", "US500", "WALL", "JP225")
METALS, ENERGY = ("GC", "PL", "PA", "HG"), ("CL", "LCO")
SHARES = ("AAPL",)
# IG tells the sentiment of these too; they cannot be dealt in here.
_SENTIMENT_ONLY = (
    *("USTECH", "W", "EURCHF", "10YRTND", "FGBL", "FLG"),
    *("BITCOIN", "ETHUSD", "LTCUSD", "BP-UK", "VOD-UK", "TSLA-US"),
)


@cache
def nodes() -> Mapping[str, Node]:
    """Return every node of the navigation tree by id; the root's id is empty."""
    tree = [
        Node("", "", ("668394", "668997", "77976799", "668395", "668396")),
        Node("668394", "Forex", ("264134", "264135")),
        Node("264134", "Major FX", epics=_of(*PAIRS)),
        Node("264135", "Australian Dollar", epics=_of("AUDUSD")),
        Node("668997", "Indices", ("195913", "195914", "195915")),
        Node("195913", "UK & Europe", epics=_of("FT100", "DE30")),
        Node("195914", "US", epics=_of("US500", "WALL")),
        Node("195915", "Asia", epics=_of("JP225")),
        Node("77976799", "Commodities", ("97601", "97605")),
        Node("97601", "Metals", epics=_of(*METALS)),
        Node("97605", "Energies", epics=_of(*ENERGY)),
        Node("668395", "Shares", ("172975",)),
        Node("172975", "US", epics=_of(*SHARES)),
        # A branch without markets: clients that walk the whole tree must handle it.
        Node("668396", "Options trading"),
    ]
    return {each.node_id: each for each in tree}


@cache
def categories() -> Mapping[str, Category]:
    """Return every category by code."""
    found = [
        Category("FOREX", _of(*PAIRS)),
        Category("INDICES", _of(*INDICES)),
        Category("COMMODITIES", _of(*METALS, *ENERGY)),
        Category("SHARES", _of(*SHARES)),
    ]
    return {each.code: each for each in found}


def watchlists() -> tuple[WatchlistSeed, ...]:
    """Return the first watchlists of an account."""
    minis = tuple(f"CS.D.{pair}.MINI.IP" for pair in PAIRS)
    popular = (minis[0], "IX.D.FTSE.CFD.IP", "IX.D.DOW.IFM.IP", "CS.D.CFDGOLD.CFDGC.IP", "CC.D.CL.UNC.IP")
    own = WatchlistSeed(
        "5222222",
        "My Watchlist",
        editable=True,
        deleteable=False,
        default_system=False,
        epics=(minis[0], minis[1], "IX.D.FTSE.CFD.IP"),
    )
    made = replace(own, watchlist_id="5222301", name="Majors", deleteable=True, epics=minis)
    return (
        own,
        made,
        _system("Popular Markets", popular),
        _system("Major FX", minis),
        _system("Major Indices", _cfds(*INDICES)),
    )


def _system(name: str, epics: tuple[str, ...]) -> WatchlistSeed:
    return WatchlistSeed(name, name, editable=False, deleteable=False, default_system=True, epics=epics)


def _cfds(*market_ids: str) -> tuple[str, ...]:
    return tuple(epic for epic in _of(*market_ids) if instruments()[epic].facts["account_type"] == "CFD")


def market_ids() -> tuple[str, ...]:
    """Return the id of every market that can be dealt in, in a fixed order; several epics may share one."""
    return tuple(dict.fromkeys(each.market_id for each in instruments().values()))


def sentiment(seed: object, market_id: str) -> tuple[float, float]:
    """Return the percentages of clients that are long and short; both are 0 for an unknown market, as at IG."""
    if market_id not in (*market_ids(), *_SENTIMENT_ONLY):
        return 0.0, 0.0
    long = float(round(min(max(Random(f"{seed}/sentiment/{market_id}").gauss(56.0, 14.0), 8.0), 92.0)))
    return long, 100.0 - long


def related(market_id: str) -> tuple[str, ...]:
    """Return the other markets of the same kind: those that clients of ``market_id`` deal in as well."""
    kinds = {each.market_id: each.kind for each in instruments().values()}
    return tuple(other for other, kind in kinds.items() if other != market_id and kind == kinds.get(market_id))
