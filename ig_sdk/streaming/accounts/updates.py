"""What a stream of an account says; the confirm is that of REST."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from ig_sdk.types import Confirm, Direction


@dataclass(frozen=True, slots=True)
class AccountUpdate:
    """The figures of an account, all that are known of it, in its currency; ``None`` where IG has not said.

    Attributes:
        account_id: The account.
        at: When it arrived here, aware UTC: IG sends no time with it.
        funds: Balance.
        available_cash: What may be withdrawn.
        available_to_deal: What new positions may use.
        deposit: Margin held as IG's ``DEPOSIT`` says it.
        margin: Margin held.
        profit_loss: Profit or loss of what is open.
        equity: Balance with the profit or loss of what is open.
        equity_used: Share of the equity that is held as margin, in per cent.
        extra: What IG sent besides.
    """

    account_id: str
    at: datetime
    funds: Decimal | None = None
    available_cash: Decimal | None = None
    available_to_deal: Decimal | None = None
    deposit: Decimal | None = None
    margin: Decimal | None = None
    profit_loss: Decimal | None = None
    equity: Decimal | None = None
    equity_used: Decimal | None = None
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class PositionUpdate:
    """A position was opened, changed or closed, by anybody.

    Attributes:
        account_id: The account.
        at: When it happened, aware UTC.
        deal_id: The position.
        deal_reference: The reference under which it was opened.
        status: ``OPEN``, ``UPDATED`` or ``DELETED``.
        deal_status: ``ACCEPTED`` or ``REJECTED``.
        epic: The market.
        direction: That of the position, also when it is closed.
        size: Size now; 0 when it is closed.
        level: Level of opening, or that of the close.
        stop_level: Stop.
        limit_level: Limit.
        currency: Currency, if IG says it.
        extra: What IG sent besides, such as ``expiry``, ``guaranteedStop`` and ``channel``.
    """

    account_id: str
    at: datetime | None
    deal_id: str | None
    deal_reference: str | None = None
    status: str | None = None
    deal_status: str | None = None
    epic: str | None = None
    direction: Direction | None = None
    size: Decimal | None = None
    level: Decimal | None = None
    stop_level: Decimal | None = None
    limit_level: Decimal | None = None
    currency: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class OrderUpdate:
    """A working order was made, changed, deleted, or became a position, by anybody.

    Attributes:
        account_id: The account.
        at: When it happened, aware UTC.
        deal_id: The order; the position that it becomes has the same (captures/INDEX.md, 8).
        deal_reference: The reference under which it was made.
        status: ``OPEN``, ``UPDATED`` or ``DELETED``.
        deal_status: ``ACCEPTED`` or ``REJECTED``.
        epic: The market.
        direction: Which way it deals.
        size: Size.
        level: Level at which it deals.
        stop_level: Stop, if IG says its level.
        limit_level: Limit, if IG says its level.
        currency: Currency.
        extra: What IG sent besides, such as ``orderType``, ``stopDistance`` and ``goodTillDate``.
    """

    account_id: str
    at: datetime | None
    deal_id: str | None
    deal_reference: str | None = None
    status: str | None = None
    deal_status: str | None = None
    epic: str | None = None
    direction: Direction | None = None
    size: Decimal | None = None
    level: Decimal | None = None
    stop_level: Decimal | None = None
    limit_level: Decimal | None = None
    currency: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """IG's sign of life on the stream: data flow, whatever the markets do.

    Attributes:
        at: When it arrived here, aware UTC.
        value: What IG sent.
    """

    at: datetime
    value: str


Deal = Confirm | PositionUpdate | OrderUpdate
