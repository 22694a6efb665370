"""What a client may ask of the broker, as it was asked.

The requests are taken as valid in themselves: what IG's gateway refuses with an HTTP error (REST.md section 6.2) is
refused before it gets here. What the dealing engine refuses is answered by a confirm.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

from ig_sdk.types import Direction

PositionOrderType = Literal["MARKET", "LIMIT", "QUOTE"]
TimeInForce = Literal["FILL_OR_KILL", "EXECUTE_AND_ELIMINATE"]
WorkingOrderType = Literal["LIMIT", "STOP"]


class NoMatch(Exception):
    """No open position fits a close: IG answers 400 at once and there is no confirm (REST.md section 6.2)."""


class UnknownDeal(LookupError):
    """No position or order of the account ever had this deal id: there is nothing that a confirm could be about."""


@dataclass(frozen=True, kw_only=True)
class OpenDeal:
    """``POST /positions/otc``.

    Attributes:
        epic: Market.
        expiry: ``"-"``, ``"DFB"`` or a month; must be the instrument's.
        direction: Side.
        size: Contracts, or stake a point.
        currency: ``currencyCode``.
        order_type: How it is filled.
        level: Of LIMIT and QUOTE.
        quote_id: Of QUOTE.
        force_open: False nets against opposing positions first.
        stop_level: Price of the stop, or ``stop_distance`` in points from the fill.
        limit_level: Price of the limit, or ``limit_distance`` in points from the fill.
        guaranteed_stop: The stop fills at exactly its level.
        trailing_stop: The stop follows; needs ``stop_distance`` and ``trailing_increment`` (points).
        time_in_force: What happens when the market cannot take the whole size.
        deal_reference: The caller's; made up when ``None``.
    """

    epic: str
    expiry: str
    direction: Direction
    size: Decimal
    currency: str
    order_type: PositionOrderType = "MARKET"
    level: Decimal | None = None
    quote_id: str | None = None
    force_open: bool = True
    stop_level: Decimal | None = None
    stop_distance: Decimal | None = None
    limit_level: Decimal | None = None
    limit_distance: Decimal | None = None
    guaranteed_stop: bool = False
    trailing_stop: bool = False
    trailing_increment: Decimal | None = None
    time_in_force: TimeInForce = "FILL_OR_KILL"
    deal_reference: str | None = None


@dataclass(frozen=True, kw_only=True)
class AmendDeal:
    """``PUT /positions/otc/{dealId}``: what is not given is removed [one].

    Attributes:
        deal_id: The position's.
        stop_level: New stop; ``None`` removes it.
        limit_level: New limit; ``None`` removes it.
        guaranteed_stop: False turns a guaranteed stop into a normal one [one].
        trailing_stop: The stop follows; needs ``stop_level``, ``trailing_distance`` and ``trailing_increment``.
        trailing_distance: Points behind the price.
        trailing_increment: Points of one step.
    """

    deal_id: str
    stop_level: Decimal | None = None
    limit_level: Decimal | None = None
    guaranteed_stop: bool = False
    trailing_stop: bool = False
    trailing_distance: Decimal | None = None
    trailing_increment: Decimal | None = None


@dataclass(frozen=True, kw_only=True)
class CloseDeal:
    """``DELETE /positions/otc``: by ``deal_id``, or by ``epic`` and ``expiry`` (oldest position first).

    Attributes:
        direction: Opposite of the position's.
        size: At most the size that is open.
        deal_id: The position's.
        epic: Market, instead of ``deal_id``.
        expiry: With ``epic``.
        order_type: How it is filled.
        level: Of LIMIT and QUOTE.
        quote_id: Of QUOTE.
        time_in_force: What happens when the market cannot take the whole size.
    """

    direction: Direction
    size: Decimal
    deal_id: str | None = None
    epic: str | None = None
    expiry: str | None = None
    order_type: PositionOrderType = "MARKET"
    level: Decimal | None = None
    quote_id: str | None = None
    time_in_force: TimeInForce = "FILL_OR_KILL"


@dataclass(frozen=True, kw_only=True)
class NewOrder:
    """``POST /workingorders/otc``.

    Attributes:
        epic: Market.
        expiry: Must be the instrument's.
        direction: Side.
        size: Contracts, or stake a point.
        currency: ``currencyCode``.
        level: Where it is triggered.
        kind: LIMIT waits for a better price, STOP for a worse one.
        good_till: When it lapses, aware UTC; ``None`` is GOOD_TILL_CANCELLED.
        force_open: False nets against opposing positions when it is filled.
        stop_level: Stop of the position that it opens, or ``stop_distance`` in points from the fill.
        limit_level: Limit of the position that it opens, or ``limit_distance`` in points from the fill.
        guaranteed_stop: That stop fills at exactly its level.
        deal_reference: The caller's; made up when ``None``.
    """

    epic: str
    expiry: str
    direction: Direction
    size: Decimal
    currency: str
    level: Decimal
    kind: WorkingOrderType
    good_till: datetime | None = None
    force_open: bool = True
    stop_level: Decimal | None = None
    stop_distance: Decimal | None = None
    limit_level: Decimal | None = None
    limit_distance: Decimal | None = None
    guaranteed_stop: bool = False
    deal_reference: str | None = None


@dataclass(frozen=True, kw_only=True)
class AmendOrder:
    """``PUT /workingorders/otc/{dealId}``: stops and limits that are not given are removed [one].

    Attributes:
        deal_id: The order's.
        level: Where it is triggered.
        kind: LIMIT or STOP.
        good_till: When it lapses, aware UTC; ``None`` is GOOD_TILL_CANCELLED.
        stop_level: Stop of the position that it opens, or ``stop_distance`` in points from the fill.
        limit_level: Limit of the position that it opens, or ``limit_distance`` in points from the fill.
        guaranteed_stop: That stop fills at exactly its level.
    """

    deal_id: str
    level: Decimal
    kind: WorkingOrderType
    good_till: datetime | None = None
    stop_level: Decimal | None = None
    stop_distance: Decimal | None = None
    limit_level: Decimal | None = None
    limit_distance: Decimal | None = None
    guaranteed_stop: bool = False
