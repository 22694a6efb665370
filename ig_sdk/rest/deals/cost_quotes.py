"""Costs of deals as IG sends them."""

# ruff: noqa: RUF009 -- the functions of _json declare fields, as dataclasses.field() does
from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from ig_sdk import _json


@_json.model
@dataclass(frozen=True)
class ClosingCosts(_json.Model):
    """What it costs to end a position.

    Attributes:
        closing_commission: Commission.
        closing_fx_fee: Fee for changing currency.
        closing_iftt: Italian tax on financial transactions.
        closing_spread: The spread's share.
        etp_exit_cost: Cost of leaving an exchange-traded product.
        guaranteed_stop_return: Premium of a guaranteed stop that comes back.
        indicative_quote_reference: Names this quote, for ``ig.costs.document``.
        knockout_premium_return: Premium of a knock-out that comes back.
        notional_value: Value of the deal.
        notional_value_in_user_currency: The same in the account's currency.
        extra: What IG sent and this class does not know.
    """

    closing_commission: Decimal | None = _json.decimal()
    closing_fx_fee: Decimal | None = _json.decimal()
    closing_iftt: Decimal | None = _json.decimal("closingIFTT")
    closing_spread: Decimal | None = _json.decimal()
    etp_exit_cost: Decimal | None = _json.decimal()
    guaranteed_stop_return: Decimal | None = _json.decimal()
    indicative_quote_reference: str | None = _json.text()
    knockout_premium_return: Decimal | None = _json.decimal()
    notional_value: Decimal | None = _json.decimal()
    notional_value_in_user_currency: Decimal | None = _json.decimal()
    extra: dict[str, Any] = _json.extra()


@_json.model
@dataclass(frozen=True)
class OpeningCosts(_json.Model):
    """What it costs to open a position, to hold it, and to end it.

    Attributes:
        borrowing_charge: Charge for borrowing what is sold.
        closing_commission: Commission at the end.
        closing_fx_fee: Fee for changing currency at the end.
        closing_iftt: Italian tax on financial transactions at the end.
        closing_spread: The spread's share at the end.
        currency_code_iso: Currency of the figures.
        daily_running_fx_fee: Fee for changing currency, a day.
        etp_entry_cost: Cost of entering an exchange-traded product.
        etp_exit_cost: Cost of leaving it.
        etp_ongoing_cost: Cost of holding it.
        guaranteed_stop_deposit: Premium of a guaranteed stop.
        guaranteed_stop_return: What comes back of it.
        indicative_quote_reference: Names this quote, for ``ig.costs.document``.
        inducements: What IG gets from others for it.
        knockout_premium_deposit: Premium of a knock-out.
        knockout_premium_return: What comes back of it.
        notional_value: Value of the deal.
        notional_value_in_user_currency: The same in the account's currency.
        opening_commission: Commission at the beginning.
        opening_fx_fee: Fee for changing currency at the beginning.
        opening_iftt: Italian tax on financial transactions at the beginning.
        opening_spread: The spread's share at the beginning.
        overnight_funding_fee: Funding, a night.
        extra: What IG sent and this class does not know.
    """

    borrowing_charge: Decimal | None = _json.decimal()
    closing_commission: Decimal | None = _json.decimal()
    closing_fx_fee: Decimal | None = _json.decimal()
    closing_iftt: Decimal | None = _json.decimal("closingIFTT")
    closing_spread: Decimal | None = _json.decimal()
    currency_code_iso: str | None = _json.text("currencyCodeISO")
    daily_running_fx_fee: Decimal | None = _json.decimal()
    etp_entry_cost: Decimal | None = _json.decimal()
    etp_exit_cost: Decimal | None = _json.decimal()
    etp_ongoing_cost: Decimal | None = _json.decimal()
    guaranteed_stop_deposit: Decimal | None = _json.decimal()
    guaranteed_stop_return: Decimal | None = _json.decimal()
    indicative_quote_reference: str | None = _json.text()
    inducements: Decimal | None = _json.decimal()
    knockout_premium_deposit: Decimal | None = _json.decimal()
    knockout_premium_return: Decimal | None = _json.decimal()
    notional_value: Decimal | None = _json.decimal()
    notional_value_in_user_currency: Decimal | None = _json.decimal()
    opening_commission: Decimal | None = _json.decimal()
    opening_fx_fee: Decimal | None = _json.decimal()
    opening_iftt: Decimal | None = _json.decimal("openingIFTT")
    opening_spread: Decimal | None = _json.decimal()
    overnight_funding_fee: Decimal | None = _json.decimal()
    extra: dict[str, Any] = _json.extra()


@_json.model
@dataclass(frozen=True)
class CostsToClose(_json.Model):
    """What it costs to close a position.

    Attributes:
        close: The costs.
        currency_code_iso: Their currency.
        extra: What IG sent and this class does not know.
    """

    close: ClosingCosts | None = _json.nested(ClosingCosts)
    currency_code_iso: str | None = _json.text("currencyCodeISO")
    extra: dict[str, Any] = _json.extra()


@_json.model
@dataclass(frozen=True)
class CostsToEdit(_json.Model):
    """What a position costs when its stop, or its limit, ends it.

    Attributes:
        stop: The costs at the stop.
        limit: The costs at the limit.
        currency_code_iso: Their currency.
        extra: What IG sent and this class does not know.
    """

    stop: ClosingCosts | None = _json.nested(ClosingCosts)
    limit: ClosingCosts | None = _json.nested(ClosingCosts)
    currency_code_iso: str | None = _json.text("currencyCodeISO")
    extra: dict[str, Any] = _json.extra()


@_json.model
@dataclass(frozen=True)
class CostQuote(_json.Model):
    """A quote of costs that was asked for.

    Attributes:
        created_timestamp: When, aware UTC.
        direction: ``BUY`` or ``SELL``.
        indicative_quote_reference: Names it, for ``ig.costs.document``.
        instrument_name: IG's name of the market.
        type: What was asked for.
        extra: What IG sent and this class does not know.
    """

    created_timestamp: datetime | None = _json.time()
    direction: str | None = _json.text()
    indicative_quote_reference: str | None = _json.text()
    instrument_name: str | None = _json.text()
    type: str | None = _json.text()
    extra: dict[str, Any] = _json.extra()


@_json.model
@dataclass(frozen=True)
class CostQuotesPage(_json.Model):
    """Which page of the quotes an answer is.

    Attributes:
        page_number: Its number.
        page_size: Quotes that it may hold.
        total_elements: Quotes on all pages.
        total_pages: Number of pages.
        extra: What IG sent and this class does not know.
    """

    page_number: int | None = _json.whole()
    page_size: int | None = _json.whole()
    total_elements: int | None = _json.whole()
    total_pages: int | None = _json.whole()
    extra: dict[str, Any] = _json.extra()
