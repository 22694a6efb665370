"""New deals: the caller's request, completed from the market's details, as IG's JSON body. No I/O."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from datetime import datetime, timezone
from decimal import Decimal
from typing import TypeVar

from ig_sdk.rest.arguments import without_none
from ig_sdk.rest.market_data.details import Instrument, MarketDetails, Snapshot
from ig_sdk.types import Direction, Limit, Stop

DealT = TypeVar("DealT", bound="NewDeal")
ORDER_TYPES = ("MARKET", "LIMIT", "QUOTE")
TIMES_IN_FORCE = ("EXECUTE_AND_ELIMINATE", "FILL_OR_KILL")
KINDS = ("LIMIT", "STOP")
# Dealing rules change seldom, but when they do, an old rule refuses what IG would take.
RULES_HOLD_S = 300.0


def good_till_text(moment: datetime) -> str:
    """Return a moment as IG takes the end of an order: UTC, ``yyyy/MM/dd HH:mm:ss`` (REST.md section 4)."""
    return moment.astimezone(timezone.utc).strftime("%Y/%m/%d %H:%M:%S")


def currency_for(instrument: Instrument, account_currency: str | None) -> str | None:
    """Return the currency to deal in; IG may mark none as the default (REST.md section 6.3)."""
    codes = [each.code for each in instrument.currencies if each.code]
    marked = [each.code for each in instrument.currencies if each.code and each.is_default]
    if marked:
        return marked[0]
    if account_currency in codes or not codes:
        return account_currency
    return codes[0]


@dataclass(frozen=True)
class NewDeal:
    """What a deal now and an order have in common.

    Attributes:
        epic: The market.
        direction: Side.
        size: Contracts, or money a point.
        stop: Where it closes at a loss.
        limit: Where it closes at a profit.
        level: Price of an order, or worst price of a ``LIMIT`` deal.
        currency: Currency of the deal.
        expiry: The market's.
        force_open: Whether it may be open beside opposite positions.
        deal_reference: Names the request.
        reference_is_new: Whether the library made that name, so that no other request can have it.
    """

    epic: str
    direction: Direction
    size: Decimal
    stop: Stop | None
    limit: Limit | None
    level: Decimal | None
    currency: str | None
    expiry: str | None
    force_open: bool | None
    deal_reference: str
    reference_is_new: bool

    @property
    def guaranteed(self) -> bool:
        """Whether the stop is guaranteed."""
        return self.stop is not None and bool(self.stop.guaranteed)

    def body(self) -> dict[str, object]:
        """Return the part of IG's body that both kinds share."""
        stop, limit = self.stop, self.limit
        return without_none(
            {
                "currencyCode": self.currency,
                "dealReference": self.deal_reference,
                "direction": self.direction.value,
                "epic": self.epic,
                "expiry": self.expiry,
                "forceOpen": self.force_open,
                "guaranteedStop": self.guaranteed,
                "level": self.level,
                "limitDistance": limit and limit.distance,
                "limitLevel": limit and limit.level,
                "size": self.size,
                "stopDistance": stop and stop.distance,
                "stopLevel": stop and stop.level,
            }
        )


@dataclass(frozen=True)
class NewPosition(NewDeal):
    """A deal at the market's price now.

    Attributes:
        order_type: ``MARKET``, ``LIMIT`` or ``QUOTE``.
        quote_id: Quote that a ``QUOTE`` deal takes.
        time_in_force: What happens to size that cannot be filled.

    Source:
        ``POST /positions/otc`` version 2 (wire/ig_api.json, positions.otc.create.v2).
    """

    order_type: str = "MARKET"
    quote_id: str | None = None
    time_in_force: str | None = None

    def body(self) -> dict[str, object]:
        """Return IG's body."""
        step = self.stop.trailing_step if self.stop else None
        return super().body() | without_none(
            {
                "orderType": self.order_type,
                "quoteId": self.quote_id,
                "timeInForce": self.time_in_force,
                "trailingStop": True if step is not None else None,
                "trailingStopIncrement": step,
            }
        )


@dataclass(frozen=True)
class NewOrder(NewDeal):
    """An order to deal when the market reaches its level.

    Attributes:
        kind: ``LIMIT`` (a better price than now) or ``STOP`` (a worse one).
        good_till: When it expires; ``None`` for never.

    Source:
        ``POST /workingorders/otc`` version 2 (wire/ig_api.json, workingorders.otc.create.v2).
    """

    kind: str = "LIMIT"
    good_till: datetime | None = None

    def in_points(self, scaling: Decimal | None) -> NewOrder:
        """Return the order with a guaranteed stop as a distance, the only form that IG takes on an order.

        Args:
            scaling: Points in one unit of price; without it a level stays a level.
        """
        stop = self.stop
        if stop is None or not stop.guaranteed or stop.level is None or self.level is None or scaling is None:
            return self
        distance = abs(self.level - stop.level) * scaling
        return dataclasses.replace(self, stop=Stop(distance=distance, guaranteed=True))

    def body(self) -> dict[str, object]:
        """Return IG's body."""
        return super().body() | without_none(
            {
                "goodTillDate": self.good_till and good_till_text(self.good_till),
                "timeInForce": "GOOD_TILL_DATE" if self.good_till else "GOOD_TILL_CANCELLED",
                "type": self.kind,
            }
        )


def completed(deal: DealT, instrument: Instrument, account_currency: str | None) -> DealT:
    """Return the deal with what the caller left open: currency, expiry, force open.

    Without force open a deal would close opposite positions instead of opening its own; with a stop or limit IG
    demands it (REST.md section 6.2).
    """
    force_open = deal.force_open
    if force_open is None:
        force_open = bool(deal.stop or deal.limit) or instrument.force_open_allowed is not False
    return dataclasses.replace(
        deal,
        currency=deal.currency or currency_for(instrument, account_currency),
        expiry=deal.expiry or instrument.expiry or "-",
        force_open=force_open,
    )


@dataclass(frozen=True)
class KnownMarket:
    """A market's details that were read before the deal.

    Attributes:
        epic: The market.
        details: Its details.
        account_id: The account in use when they were read; rules may differ between accounts.
        read_at: When that was, in seconds of the clock's ``monotonic``.
    """

    epic: str
    details: MarketDetails
    account_id: str | None
    read_at: float

    def rules(self, epic: str, account_id: str | None, now: float) -> MarketDetails | None:
        """Return the details that a deal can still be checked against, or ``None`` when they must be read again.

        Prices and state of the market are left out, however young they are: they may be others by now, so they must
        not refuse a deal. IG checks the deal against the price at which it deals.
        """
        if (epic, account_id) != (self.epic, self.account_id) or now - self.read_at > RULES_HOLD_S:
            return None
        snapshot = Snapshot(scaling_factor=self.details.snapshot.scaling_factor)
        return dataclasses.replace(self.details, snapshot=snapshot)
