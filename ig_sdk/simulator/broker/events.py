"""What the broker reports to the stream: what the JSON of TRADE and the fields of ACCOUNT need."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TypeAlias

from ig_sdk.simulator.broker.records import Confirmation, Figures, Order, Position


@dataclass(frozen=True)
class ConfirmEvent:
    """CONFIRMS.

    Attributes:
        account_id: Whose.
        confirm: The verdict; its ``channel`` is part of the stream's JSON.
    """

    account_id: str
    confirm: Confirmation


@dataclass(frozen=True)
class PositionEvent:
    """OPU.

    Attributes:
        account_id: Whose.
        status: ``"OPEN"``, ``"UPDATED"`` or ``"DELETED"``.
        position: The position afterwards; of a deleted one, as it was. Opening reference and direction.
        level: Opening level, or of a deleted position the level at which it was closed.
        size: What is open now: 0 of a deleted position.
        at: ``timestamp``, aware UTC.
        channel: Who did it.
    """

    account_id: str
    status: str
    position: Position
    level: Decimal
    size: Decimal
    at: datetime
    channel: str


@dataclass(frozen=True)
class OrderEvent:
    """WOU.

    Attributes:
        account_id: Whose.
        status: ``"OPEN"``, ``"UPDATED"`` or ``"DELETED"``.
        order: The order afterwards; of a deleted one, as it was.
        at: ``timestamp``, aware UTC.
        channel: Who did it.
        deal_status: ``"REJECTED"`` when a triggered order could not be filled.
    """

    account_id: str
    status: str
    order: Order
    at: datetime
    channel: str
    deal_status: str = "ACCEPTED"


@dataclass(frozen=True)
class FiguresEvent:
    """ACCOUNT.

    Attributes:
        account_id: Whose.
        figures: The account's money now.
        at: Aware UTC.
    """

    account_id: str
    figures: Figures
    at: datetime


@dataclass(frozen=True)
class StatusEvent:
    """A market opened, closed or was suspended.

    Attributes:
        epic: Which one.
        status: Its status now (``MarketStatus``).
    """

    epic: str
    status: str


BrokerEvent: TypeAlias = ConfirmEvent | PositionEvent | OrderEvent | FiguresEvent | StatusEvent
