"""Markets in lists: found by search, in the tree, in categories, on watchlists."""

# ruff: noqa: RUF009 -- the functions of _json declare fields, as dataclasses.field() does
from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from ig_sdk import _json
from ig_sdk.rest.http.endpoint import Endpoint

LIST = Endpoint("GET", "/markets", version=2)
SEARCH = Endpoint("GET", "/markets", version=1)


@_json.model
@dataclass(frozen=True)
class MarketSummary(_json.Model):
    """A market as a list shows it.

    Attributes:
        epic: IG's market id.
        instrument_name: IG's name.
        instrument_type: ``CURRENCIES``, ``INDICES`` …
        expiry: ``-`` for none, ``DFB``, or a month.
        market_status: ``TRADEABLE``, ``EDITS_ONLY``, ``CLOSED`` …
        bid: Price at which one sells; ``None`` without a price feed.
        offer: Price at which one buys.
        high: Highest of the day.
        low: Lowest of the day.
        net_change: Change since yesterday's close; on options, the underlying's level.
        percentage_change: The same in percent.
        update_time: Time of day of the price, in the account's local time.
        update_time_utc: The same in UTC.
        delay_time: Minutes by which prices are delayed.
        streaming_prices_available: Whether prices are streamed.
        scaling_factor: Points in one unit of price.
        lot_size: Units in one contract; not sent by the search.
        otc_tradeable: Whether it can be dealt over the counter; sent in the tree and in categories.
        extra: What IG sent and this class does not know.
    """

    epic: str | None = _json.text()
    instrument_name: str | None = _json.text()
    instrument_type: str | None = _json.text()
    expiry: str | None = _json.text()
    market_status: str | None = _json.text()
    bid: float | None = _json.number()
    offer: float | None = _json.number()
    high: float | None = _json.number()
    low: float | None = _json.number()
    net_change: float | None = _json.number()
    percentage_change: float | None = _json.number()
    update_time: str | None = _json.text()
    update_time_utc: str | None = _json.text("updateTimeUTC")
    delay_time: int | None = _json.whole()
    streaming_prices_available: bool | None = _json.flag()
    scaling_factor: Decimal | None = _json.decimal()
    lot_size: Decimal | None = _json.decimal()
    otc_tradeable: bool | None = _json.flag()
    extra: dict[str, Any] = _json.extra()


@_json.model
@dataclass(frozen=True)
class NavigationNode(_json.Model):
    """A branch of the tree of markets.

    Attributes:
        id: IG's id of it, for ``ig.markets.navigate``.
        name: Its name in the user's language.
        extra: What IG sent and this class does not know.
    """

    id: str | None = _json.text()
    name: str | None = _json.text()
    extra: dict[str, Any] = _json.extra()


@_json.model
@dataclass(frozen=True)
class Navigation(_json.Model):
    """What is below one node of the tree of markets: further nodes, or markets.

    Attributes:
        nodes: Branches; empty on a leaf.
        markets: Markets; empty on a branch.
        extra: What IG sent and this class does not know.
    """

    nodes: tuple[NavigationNode, ...] = _json.many(NavigationNode)
    markets: tuple[MarketSummary, ...] = _json.many(MarketSummary)
    extra: dict[str, Any] = _json.extra()


@_json.model
@dataclass(frozen=True)
class Category(_json.Model):
    """A category of markets.

    Attributes:
        code: IG's code of it, for ``ig.markets.category``.
        non_tradeable: Whether its markets can only be looked at.
        extra: What IG sent and this class does not know.
    """

    code: str | None = _json.text()
    non_tradeable: bool | None = _json.flag()
    extra: dict[str, Any] = _json.extra()


@_json.model
@dataclass(frozen=True)
class CategoryPage(_json.Model):
    """Which page of a category an answer is.

    Attributes:
        page_number: Its number, from 0.
        page_size: Markets that it may hold.
        extra: What IG sent and this class does not know.
    """

    page_number: int | None = _json.whole()
    page_size: int | None = _json.whole()
    extra: dict[str, Any] = _json.extra()
