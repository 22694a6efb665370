"""Open positions and working orders, as IG lists them."""

# ruff: noqa: RUF009 -- the functions of _json declare fields, as dataclasses.field() does
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from ig_sdk import _json
from ig_sdk.errors import DecodeError
from ig_sdk.types import Direction

# Version 1 has other names for the same fields (REST.md section 5, version differences).
_POSITION_V1 = {"dealSize": "size", "openLevel": "level"}
_ORDER_V1 = {
    "size": "orderSize",
    "level": "orderLevel",
    "controlledRisk": "guaranteedStop",
    "contingentStop": "stopDistance",
    "contingentLimit": "limitDistance",
}
_ORDER_TYPES_V1 = {"LIMIT_ORDER": "LIMIT", "STOP_ORDER": "STOP"}


@_json.model
@dataclass(frozen=True)
class DealMarket(_json.Model):
    """The market of a position or an order, with its price when the list was made.

    Attributes:
        epic: IG's market id.
        instrument_name: IG's name.
        instrument_type: ``CURRENCIES``, ``INDICES`` …
        exchange_id: Exchange; orders only.
        expiry: ``-`` for none, ``DFB``, or a month.
        lot_size: Units in one contract.
        market_status: ``TRADEABLE``, ``EDITS_ONLY``, ``CLOSED`` …
        bid: Price at which you sell; ``None`` without a price feed.
        offer: Price at which you buy.
        high: Highest of the day.
        low: Lowest of the day.
        net_change: Change since yesterday's close.
        percentage_change: The same in percent.
        update_time: Time of day of the price, in the account's local time.
        update_time_utc: The same in UTC.
        delay_time: Minutes by which prices are delayed.
        streaming_prices_available: Whether prices are streamed.
        scaling_factor: Points in one unit of price.
        extra: What IG sent and this class does not know.
    """

    epic: str | None = _json.text()
    instrument_name: str | None = _json.text()
    instrument_type: str | None = _json.text()
    exchange_id: str | None = _json.text()
    expiry: str | None = _json.text()
    lot_size: Decimal | None = _json.decimal()
    market_status: str | None = _json.text()
    bid: Decimal | None = _json.decimal()
    offer: Decimal | None = _json.decimal()
    high: Decimal | None = _json.decimal()
    low: Decimal | None = _json.decimal()
    net_change: Decimal | None = _json.decimal()
    percentage_change: Decimal | None = _json.decimal()
    update_time: str | None = _json.text()
    update_time_utc: str | None = _json.text("updateTimeUTC")
    delay_time: int | None = _json.whole()
    streaming_prices_available: bool | None = _json.flag()
    scaling_factor: Decimal | None = _json.decimal()
    extra: dict[str, Any] = _json.extra()


@_json.model
@dataclass(frozen=True)
class Position(_json.Model):
    """A position that is open.

    Attributes:
        deal_id: IG's id.
        deal_reference: Name of the request that opened it, where IG sends it.
        direction: Side.
        size: Contracts, or money a point.
        level: Price at which it was opened.
        currency: Currency of the deal.
        contract_size: Units of the underlying in size 1.
        controlled_risk: Whether its stop is guaranteed.
        stop_level: Price of the stop.
        limit_level: Price of the limit.
        trailing_step: Points by which a trailing stop moves; ``None`` when it does not trail.
        trailing_stop_distance: Points that a trailing stop keeps from the price.
        limited_risk_premium: What the guaranteed stop costs.
        created_date: When it was opened, in the account's local time, as IG writes it.
        created_date_utc: When it was opened, aware UTC.
        market: Its market.
        extra: What IG sent and this class does not know.
    """

    deal_id: str | None = _json.text()
    deal_reference: str | None = _json.text()
    direction: Direction | None = _json.member(Direction)
    size: Decimal | None = _json.decimal()
    level: Decimal | None = _json.decimal()
    currency: str | None = _json.text()
    contract_size: Decimal | None = _json.decimal()
    controlled_risk: bool | None = _json.flag()
    stop_level: Decimal | None = _json.decimal()
    limit_level: Decimal | None = _json.decimal()
    trailing_step: Decimal | None = _json.decimal()
    trailing_stop_distance: Decimal | None = _json.decimal()
    limited_risk_premium: Decimal | None = _json.decimal()
    created_date: str | None = _json.text()
    created_date_utc: datetime | None = _json.time("createdDateUTC")
    market: DealMarket = _json.nested_or_empty(DealMarket)
    extra: dict[str, Any] = _json.extra()

    @property
    def epic(self) -> str | None:
        """IG's market id."""
        return self.market.epic

    @property
    def trails(self) -> bool:
        """Whether its stop trails."""
        return self.trailing_step is not None and self.trailing_stop_distance is not None


@_json.model
@dataclass(frozen=True)
class Order(_json.Model):
    """A working order: a deal that waits for its level.

    Attributes:
        deal_id: IG's id; the position that it becomes keeps it.
        direction: Side.
        epic: IG's market id.
        order_size: Contracts, or money a point.
        order_level: Price that it waits for.
        order_type: ``LIMIT`` or ``STOP``.
        time_in_force: ``GOOD_TILL_CANCELLED`` or ``GOOD_TILL_DATE``.
        good_till_date: When it ends, as IG writes it.
        good_till_date_iso: When it ends, aware UTC.
        created_date: When it was made, in the account's local time, as IG writes it.
        created_date_utc: When it was made, aware UTC.
        guaranteed_stop: Whether its stop is guaranteed.
        stop_distance: Points from its level to the stop.
        limit_distance: Points from its level to the limit.
        currency_code: Currency of the deal.
        dma: Whether it deals in the market's own book.
        limited_risk_premium: What the guaranteed stop costs.
        market: Its market.
        extra: What IG sent and this class does not know.
    """

    deal_id: str | None = _json.text()
    direction: Direction | None = _json.member(Direction)
    epic: str | None = _json.text()
    order_size: Decimal | None = _json.decimal()
    order_level: Decimal | None = _json.decimal()
    order_type: str | None = _json.text()
    time_in_force: str | None = _json.text()
    good_till_date: str | None = _json.text()
    good_till_date_iso: datetime | None = _json.time("goodTillDateISO")
    created_date: str | None = _json.text()
    created_date_utc: datetime | None = _json.time("createdDateUTC")
    guaranteed_stop: bool | None = _json.flag()
    stop_distance: Decimal | None = _json.decimal()
    limit_distance: Decimal | None = _json.decimal()
    currency_code: str | None = _json.text()
    dma: bool | None = _json.flag()
    limited_risk_premium: Decimal | None = _json.decimal()
    market: DealMarket = _json.nested_or_empty(DealMarket)
    extra: dict[str, Any] = _json.extra()

    @property
    def deal_reference(self) -> str | None:
        """Name of the request that made it; IG is not known to send it for orders."""
        value = self.extra.get("dealReference")
        return value if isinstance(value, str) else None


def position_of(item: object) -> Position:
    """Return an entry of ``GET /positions``, of either version, as a position.

    Raises:
        DecodeError: It is none.
    """
    data, market, rest = _halves(item, "position", "market")
    renamed = {_POSITION_V1.get(key, key): value for key, value in data.items()}
    return _json.decode(Position, rest | renamed | {"market": market}, path="position")


def order_of(item: object) -> Order:
    """Return an entry of ``GET /workingorders``, of either version, as an order.

    Raises:
        DecodeError: It is none.
    """
    data, market, rest = _halves(item, "workingOrderData", "marketData")
    if "requestType" in data:
        kind, till = data["requestType"], data.get("goodTill")
        gone = {"requestType", "goodTill"}
        data = {_ORDER_V1.get(key, key): value for key, value in data.items() if key not in gone} | {
            "orderType": _ORDER_TYPES_V1.get(kind, kind) if isinstance(kind, str) else kind,
            "timeInForce": "GOOD_TILL_CANCELLED" if till == "GTC" else "GOOD_TILL_DATE",
            "goodTillDate": None if till == "GTC" else till,
        }
    return _json.decode(Order, rest | data | {"market": market}, path="workingOrderData")


def _halves(item: object, first: str, second: str) -> tuple[dict[str, Any], object, dict[str, Any]]:
    data = item.get(first) if isinstance(item, Mapping) else None
    if not isinstance(item, Mapping) or not isinstance(data, Mapping):
        raise DecodeError(f"expected an object with {first!r}", path=first)
    return dict(data), item.get(second), {key: value for key, value in item.items() if key not in (first, second)}


def entries(data: object, key: str) -> Sequence[object]:
    """Return the list that a reply holds under ``key``.

    Raises:
        DecodeError: There is none: an answer without it must not mean "nothing is open".
    """
    rows = data.get(key) if isinstance(data, Mapping) else None
    if not isinstance(rows, list):
        raise DecodeError(f"expected an object with a list {key!r}", path=key)
    return rows
