"""A market with its prices by size: version 4 of its details, as IG sends it."""

# ruff: noqa: RUF009 -- the functions of _json declare fields, as dataclasses.field() does
from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from ig_sdk import _json
from ig_sdk.rest.market_data.details import Currency, DealingRules, Rule


@_json.model
@dataclass(frozen=True)
class LadderLevel(_json.Model):
    """A pair of prices that holds up to a size.

    Attributes:
        bid: Price at which one sells.
        offer: Price at which one buys.
        extra: What IG sent and this class does not know.
    """

    bid: Decimal | None = _json.decimal()
    offer: Decimal | None = _json.decimal("ask")
    extra: dict[str, Any] = _json.extra()


@_json.model
@dataclass(frozen=True)
class CurrencyLadder(_json.Model):
    """Sizes up to which the prices of a ladder hold, for deals in one currency.

    Attributes:
        currency: Currency of the deals.
        bid_sizes: Sizes for the bids of the ladder, in its order.
        offer_sizes: Sizes for its offers.
        extra: What IG sent and this class does not know.
    """

    currency: str | None = _json.text()
    bid_sizes: tuple[Decimal, ...] = _json.decimals()
    offer_sizes: tuple[Decimal, ...] = _json.decimals("askSizes")
    extra: dict[str, Any] = _json.extra()


@_json.model
@dataclass(frozen=True)
class LadderSnapshot(_json.Model):
    """Prices by size and state of a market at one moment, in the market's own notation.

    Attributes:
        market_status: ``TRADEABLE``, ``CLOSINGS_ONLY``, ``DEAL_NO_EDIT`` …
        high: Highest of the day.
        low: Lowest of the day.
        net_change: Change since yesterday's close.
        percentage_change: The same in percent.
        update_timestamp_utc: When the prices were made, aware UTC.
        delay_time: Minutes by which prices are delayed.
        decimal_places_factor: Decimals of the price.
        scaling_factor: Points in one unit of price.
        price_ladder: Prices, the one for the smallest size first.
        currency_ladders: Sizes for these prices, by currency.
        extra: What IG sent and this class does not know.
    """

    market_status: str | None = _json.text()
    high: float | None = _json.number()
    low: float | None = _json.number()
    net_change: float | None = _json.number()
    percentage_change: float | None = _json.number()
    update_timestamp_utc: datetime | None = _json.time("updateTimestampUTC")
    delay_time: int | None = _json.whole()
    decimal_places_factor: int | None = _json.whole()
    scaling_factor: Decimal | None = _json.decimal()
    price_ladder: tuple[LadderLevel, ...] = _json.many(LadderLevel)
    currency_ladders: tuple[CurrencyLadder, ...] = _json.many(CurrencyLadder)
    extra: dict[str, Any] = _json.extra()


@_json.model
@dataclass(frozen=True)
class LadderInstrument(_json.Model):
    """What is traded, as far as this version says: no margins, opening hours or expiry.

    Attributes:
        epic: IG's market id.
        expiry: ``-`` for none, ``DFB``, or a month.
        name: IG's name.
        type: ``CURRENCIES``, ``INDICES`` …
        unit: ``CONTRACTS``, ``AMOUNT`` (money a point) or ``SHARES``.
        lot_size: Units in one contract.
        contract_size: Units of the underlying in one contract.
        value_of_one_pip: Money that a pip is worth for size 1, in the quote currency.
        market_id: IG's id of the underlying.
        currencies: Currencies in which it can be dealt.
        limited_risk_premium: What a guaranteed stop costs.
        stop_allowed: Whether stops may be attached.
        limit_allowed: Whether limits may be attached.
        streaming_prices_available: Whether prices are streamed.
        news_code: Code at the news agency.
        chart_code: Code of the chart.
        country: Country.
        extra: What IG sent and this class does not know.
    """

    epic: str | None = _json.text()
    expiry: str | None = _json.text()
    name: str | None = _json.text()
    type: str | None = _json.text()
    unit: str | None = _json.text()
    lot_size: Decimal | None = _json.decimal()
    contract_size: Decimal | None = _json.decimal()
    value_of_one_pip: Decimal | None = _json.decimal()
    market_id: str | None = _json.text()
    currencies: tuple[Currency, ...] = _json.many(Currency)
    limited_risk_premium: Rule | None = _json.nested(Rule)
    stop_allowed: bool | None = _json.flag()
    limit_allowed: bool | None = _json.flag()
    streaming_prices_available: bool | None = _json.flag()
    news_code: str | None = _json.text()
    chart_code: str | None = _json.text()
    country: str | None = _json.text()
    extra: dict[str, Any] = _json.extra()


@_json.model
@dataclass(frozen=True)
class MarketLadder(_json.Model):
    """A market with its prices by size.

    Attributes:
        instrument: What is traded.
        dealing_rules: What deals must keep to.
        snapshot: Prices by size, and state.
        extra: What IG sent and this class does not know.
    """

    instrument: LadderInstrument = _json.nested_or_empty(LadderInstrument)
    dealing_rules: DealingRules | None = _json.nested(DealingRules)
    snapshot: LadderSnapshot = _json.nested_or_empty(LadderSnapshot)
    extra: dict[str, Any] = _json.extra()
