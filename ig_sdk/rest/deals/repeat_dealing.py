"""Recent deals, which affect the price of the next deals on the same market."""

# ruff: noqa: RUF009 -- the functions of _json declare fields, as dataclasses.field() does
from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from ig_sdk import _json
from ig_sdk.rest.http.endpoint import Endpoint

WINDOW = Endpoint("GET", "/repeat-dealing-window", version=1)


@_json.model
@dataclass(frozen=True)
class RecentDeal(_json.Model):
    """A deal that still affects the price.

    Attributes:
        size: Its size.
        expiry: Until when it does, aware UTC.
        extra: What IG sent and this class does not know.
    """

    size: Decimal | None = _json.decimal()
    expiry: datetime | None = _json.time()
    extra: dict[str, Any] = _json.extra()


@_json.model
@dataclass(frozen=True)
class RecentCurrency(_json.Model):
    """The recent deals in one currency.

    Attributes:
        currency: ISO code.
        buy: Those that bought.
        sell: Those that sold.
        extra: What IG sent and this class does not know.
    """

    currency: str | None = _json.text()
    buy: tuple[RecentDeal, ...] = _json.many(RecentDeal)
    sell: tuple[RecentDeal, ...] = _json.many(RecentDeal)
    extra: dict[str, Any] = _json.extra()


@_json.model
@dataclass(frozen=True)
class RecentMarket(_json.Model):
    """The recent deals on one market.

    Attributes:
        instrument_source: Kind of ``instrument_value``; ``E`` for an epic.
        instrument_value: The epic.
        currency_list: The deals by currency.
        extra: What IG sent and this class does not know.
    """

    instrument_source: str | None = _json.text()
    instrument_value: str | None = _json.text()
    currency_list: tuple[RecentCurrency, ...] = _json.many(RecentCurrency)
    extra: dict[str, Any] = _json.extra()


@_json.model
@dataclass(frozen=True)
class RepeatDealingWindow(_json.Model):
    """Deals of the last half minute or so: another on the same side may get a wider price.

    Attributes:
        account_id: The account.
        request_start_time: When IG looked, aware UTC.
        repeat_dealing_entry_list: The deals by market.
        extra: What IG sent and this class does not know.
    """

    account_id: str | None = _json.text()
    request_start_time: datetime | None = _json.time()
    repeat_dealing_entry_list: tuple[RecentMarket, ...] = _json.many(RecentMarket)
    extra: dict[str, Any] = _json.extra()
