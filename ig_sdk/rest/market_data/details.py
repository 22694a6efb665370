"""A market's terms and prices as IG sends them, and the snapshot as a tick."""

# ruff: noqa: RUF009 -- the functions of _json declare fields, as dataclasses.field() does
from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

from ig_sdk import _json
from ig_sdk.rest.http.endpoint import Endpoint
from ig_sdk.types import Tick

# Version 4 has a ladder of prices, and neither bid and offer nor margins, opening hours and expiry: both serve.
GET = Endpoint("GET", "/markets/{epic}", version=3)
# How far IG's clock may be ahead of this machine's before a time of day must be yesterday's.
_AHEAD = timedelta(seconds=60)
# The price of a market that trades is not that old; if it looks so, IG's time zone is not what the login said.
_STALE = timedelta(hours=12)


@_json.model
@dataclass(frozen=True)
class Rule(_json.Model):
    """A number with its unit.

    Attributes:
        unit: ``POINTS`` or ``PERCENTAGE``.
        value: The number.
        extra: What IG sent and this class does not know.
    """

    unit: str | None = _json.text()
    value: Decimal | None = _json.decimal()
    extra: dict[str, Any] = _json.extra()


@_json.model
@dataclass(frozen=True)
class DealingRules(_json.Model):
    """What a deal on the market must keep to.

    Attributes:
        min_step_distance: Smallest step between levels.
        min_deal_size: Smallest size.
        min_controlled_risk_stop_distance: Smallest distance of a guaranteed stop.
        min_normal_stop_or_limit_distance: Smallest distance of any other stop or limit.
        max_stop_or_limit_distance: Largest distance.
        controlled_risk_spacing: Spacing between guaranteed stops.
        market_order_preference: Whether market orders are offered.
        trailing_stops_preference: Whether trailing stops are offered.
        extra: What IG sent and this class does not know.
    """

    min_step_distance: Rule | None = _json.nested(Rule)
    min_deal_size: Rule | None = _json.nested(Rule)
    min_controlled_risk_stop_distance: Rule | None = _json.nested(Rule)
    min_normal_stop_or_limit_distance: Rule | None = _json.nested(Rule)
    max_stop_or_limit_distance: Rule | None = _json.nested(Rule)
    controlled_risk_spacing: Rule | None = _json.nested(Rule)
    market_order_preference: str | None = _json.text()
    trailing_stops_preference: str | None = _json.text()
    extra: dict[str, Any] = _json.extra()


@_json.model
@dataclass(frozen=True)
class Currency(_json.Model):
    """A currency in which the market can be dealt.

    Attributes:
        code: ISO code.
        symbol: How IG writes it.
        base_exchange_rate: Units of it for one of the account's currency; this one converts money.
        exchange_rate: IG's other rate; not for converting.
        is_default: Whether deals use it unless another is named.
        extra: What IG sent and this class does not know.
    """

    code: str | None = _json.text()
    symbol: str | None = _json.text()
    base_exchange_rate: Decimal | None = _json.decimal()
    exchange_rate: Decimal | None = _json.decimal()
    is_default: bool | None = _json.flag()
    extra: dict[str, Any] = _json.extra()


@_json.model
@dataclass(frozen=True)
class MarginBand(_json.Model):
    """Margin of the slice of a position between two sizes.

    Attributes:
        min: Size at which the slice begins.
        max: Size at which it ends; ``None`` for the last.
        margin: Percent.
        currency: Currency of sizes that are money a point.
        extra: What IG sent and this class does not know.
    """

    min: Decimal | None = _json.decimal()
    max: Decimal | None = _json.decimal()
    margin: Decimal | None = _json.decimal()
    currency: str | None = _json.text()
    extra: dict[str, Any] = _json.extra()


@_json.model
@dataclass(frozen=True)
class MarketTime(_json.Model):
    """Opening hours of a day, local text as IG sends it.

    Attributes:
        open_time: ``HH:MM``.
        close_time: ``HH:MM``.
        extra: What IG sent and this class does not know.
    """

    open_time: str | None = _json.text()
    close_time: str | None = _json.text()
    extra: dict[str, Any] = _json.extra()


@_json.model
@dataclass(frozen=True)
class OpeningHours(_json.Model):
    """When the market is open; IG leaves it out for markets that are open around the clock.

    Attributes:
        market_times: The hours.
        extra: What IG sent and this class does not know.
    """

    market_times: tuple[MarketTime, ...] = _json.many(MarketTime)
    extra: dict[str, Any] = _json.extra()


@_json.model
@dataclass(frozen=True)
class ExpiryDetails(_json.Model):
    """How the contract ends.

    Attributes:
        last_dealing_date: When it is dealt last, aware UTC; IG names no zone (REST.md section 4).
        settlement_info: How it is settled.
        extra: What IG sent and this class does not know.
    """

    last_dealing_date: datetime | None = _json.time()
    settlement_info: str | None = _json.text()
    extra: dict[str, Any] = _json.extra()


@_json.model
@dataclass(frozen=True)
class RolloverDetails(_json.Model):
    """How the contract goes over into the next.

    Attributes:
        last_rollover_time: When it goes over at the latest, aware UTC; IG names no zone.
        rollover_info: How it is done.
        extra: What IG sent and this class does not know.
    """

    last_rollover_time: datetime | None = _json.time()
    rollover_info: str | None = _json.text()
    extra: dict[str, Any] = _json.extra()


@_json.model
@dataclass(frozen=True)
class Instrument(_json.Model):
    """What is traded.

    Attributes:
        epic: IG's market id.
        expiry: ``-`` for none, ``DFB``, or a month.
        name: IG's name.
        type: ``CURRENCIES``, ``INDICES`` …
        unit: ``CONTRACTS``, ``AMOUNT`` (money a point) or ``SHARES``.
        lot_size: Units in one contract.
        contract_size: Units of the underlying in one contract.
        value_of_one_pip: Money that a pip is worth for size 1, in the quote currency.
        one_pip_means: A pip in words.
        market_id: IG's id of the underlying.
        currencies: Currencies in which it can be dealt.
        margin_factor: Margin of the first band.
        margin_factor_unit: Its unit.
        margin_deposit_bands: Margin by size.
        slippage_factor: What a stop adds to the margin.
        limited_risk_premium: What a guaranteed stop costs.
        force_open_allowed: Whether opposite positions may be open side by side.
        stops_limits_allowed: Whether stops and limits may be attached.
        controlled_risk_allowed: Whether stops may be guaranteed.
        streaming_prices_available: Whether prices are streamed.
        opening_hours: When it is open, if IG says so.
        expiry_details: How it ends.
        rollover_details: How it goes over into the next contract.
        news_code: Code at the news agency.
        chart_code: Code of the chart.
        country: Country.
        special_info: IG's remarks.
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
    one_pip_means: str | None = _json.text()
    market_id: str | None = _json.text()
    currencies: tuple[Currency, ...] = _json.many(Currency)
    margin_factor: Decimal | None = _json.decimal()
    margin_factor_unit: str | None = _json.text()
    margin_deposit_bands: tuple[MarginBand, ...] = _json.many(MarginBand)
    slippage_factor: Rule | None = _json.nested(Rule)
    limited_risk_premium: Rule | None = _json.nested(Rule)
    force_open_allowed: bool | None = _json.flag()
    stops_limits_allowed: bool | None = _json.flag()
    controlled_risk_allowed: bool | None = _json.flag()
    streaming_prices_available: bool | None = _json.flag()
    opening_hours: OpeningHours | None = _json.nested(OpeningHours)
    expiry_details: ExpiryDetails | None = _json.nested(ExpiryDetails)
    rollover_details: RolloverDetails | None = _json.nested(RolloverDetails)
    news_code: str | None = _json.text()
    chart_code: str | None = _json.text()
    country: str | None = _json.text()
    special_info: tuple[str, ...] = _json.texts()
    extra: dict[str, Any] = _json.extra()


@_json.model
@dataclass(frozen=True)
class Snapshot(_json.Model):
    """Prices and state of a market at one moment, in the market's own notation: nothing is scaled.

    Attributes:
        market_status: ``TRADEABLE``, ``EDITS_ONLY``, ``CLOSED`` …
        bid: Price at which one sells; ``None`` without a price feed.
        offer: Price at which one buys.
        high: Highest of the day.
        low: Lowest of the day.
        net_change: Change since yesterday's close.
        percentage_change: The same in percent.
        update_time: Time of day of the price, in the account's local time, without a date.
        update_time_utc: The same in UTC, where IG sends it.
        delay_time: Minutes by which prices are delayed.
        binary_odds: Odds of a binary.
        decimal_places_factor: Decimals of the price.
        scaling_factor: Points in one unit of price: 10000 where a price reads 1.15402, 1 where it reads 11540.2.
        controlled_risk_extra_spread: Points that a guaranteed stop adds to the spread.
        extra: What IG sent and this class does not know.
    """

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
    binary_odds: Decimal | None = _json.decimal()
    decimal_places_factor: int | None = _json.whole()
    scaling_factor: Decimal | None = _json.decimal()
    controlled_risk_extra_spread: Decimal | None = _json.decimal()
    extra: dict[str, Any] = _json.extra()


@_json.model
@dataclass(frozen=True)
class MarketDetails(_json.Model):
    """Everything about one market.

    Attributes:
        instrument: What is traded.
        dealing_rules: What deals must keep to; IG leaves them out in some replies.
        snapshot: Prices and state.
        extra: What IG sent and this class does not know.
    """

    instrument: Instrument = _json.nested_or_empty(Instrument)
    dealing_rules: DealingRules | None = _json.nested(DealingRules)
    snapshot: Snapshot = _json.nested_or_empty(Snapshot)
    extra: dict[str, Any] = _json.extra()

    def tick(self, received_at: datetime, *, timezone_offset: float | None = None) -> Tick | None:
        """Return the snapshot as a tick, or ``None`` when it has no price.

        Prices are as IG sent them, crossed or not. IG sends the time of day only: the tick's time is the latest
        moment with that time of day, and ``received_at`` where the text is none or cannot be right.

        Args:
            received_at: When the snapshot arrived, aware UTC.
            timezone_offset: Hours by which the account's local time is ahead of UTC, from the login.
        """
        shot = self.snapshot
        if shot.bid is None or shot.offer is None:
            return None
        time = _moment(shot, received_at, timezone_offset)
        return Tick(
            self.instrument.epic or "",
            shot.bid,
            shot.offer,
            time,
            received_at,
            source="poll",
            delayed=bool(shot.delay_time),
            status=shot.market_status,
        )


def _moment(shot: Snapshot, received_at: datetime, timezone_offset: float | None) -> datetime:
    """Return when a snapshot's price was made, as well as its time of day can tell.

    A login's offset is known to ignore summer time here and there (REST.md section 2.2), and times such as ``-3600000``
    were met (section 4).
    """
    text, offset = shot.update_time_utc, 0.0
    if text is None:
        text, offset = shot.update_time, timezone_offset or 0.0
    match = re.fullmatch(r"([01]\d|2[0-3]):([0-5]\d):([0-5]\d)", text or "")
    if match is None or abs(offset) > 24:
        return received_at
    hour, minute, second = map(int, match.groups())
    local = received_at.astimezone(timezone.utc) + timedelta(hours=offset)
    moment = local.replace(hour=hour, minute=minute, second=second, microsecond=0) - timedelta(hours=offset)
    if moment > received_at + _AHEAD:
        moment -= timedelta(days=1)
    elif moment < received_at + _AHEAD - timedelta(days=1):
        moment += timedelta(days=1)
    doubtful = shot.market_status == "TRADEABLE" and received_at - moment > _STALE
    return received_at if doubtful else moment
