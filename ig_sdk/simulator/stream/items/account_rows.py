"""What the stream's ``TRADE``, ``ACCOUNT`` and ``PRICE`` items show of what the broker did. Pure.

Source:
    IG-SPECIFICS.md sections 6 and 7 (fields; each ``TRADE`` row is one event, its other two fields null); samples
    ``trade_stream_confirms``, ``trade_stream_opu`` and ``trade_stream_wou``.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any, Literal

from ig_sdk.simulator.bodies.dealing import confirm
from ig_sdk.simulator.broker import (
    BrokerEvent,
    ConfirmEvent,
    Figures,
    FiguresEvent,
    Order,
    OrderEvent,
    PositionEvent,
    StatusEvent,
)
from ig_sdk.simulator.stream.items.adapter import Row
from ig_sdk.simulator.stream.items.price_rows import dealing_flag

_encode = json.JSONEncoder(separators=(",", ":"), default=float).encode
_CENT = Decimal("0.01")


class DealOrder:
    """Sends a deal's two rows in the order that IG might: the confirm first, or the position's or order's update.

    Args:
        choice: Whether the update is to come before its confirm; its time is then some milliseconds earlier as well.
        random: Decides where the choice is ``"random"``.

    Threading:
        Not thread-safe: called with one event after the other.

    Source:
        captures/INDEX.md, 7 (7 to 12 ms; either may arrive first).
    """

    def __init__(self, choice: Literal["never", "always", "random"], random: Random) -> None:
        self._choice = choice
        self._random = random
        self._held: ConfirmEvent | None = None

    def rows(self, event: BrokerEvent) -> list[tuple[str, Row]]:
        """Return the channels and rows to send now; an accepted confirm may be kept until the event after it."""
        held, self._held = self._held, None
        if self._choice == "never":
            return [event_row(event)]
        if isinstance(event, ConfirmEvent) and event.confirm.deal_status == "ACCEPTED":
            self._held = event
            return [] if held is None else [event_row(held)]
        if isinstance(event, (PositionEvent, OrderEvent)):
            event = replace(event, at=event.at - timedelta(milliseconds=self._random.randint(7, 12)))
        before = held is not None and (self._choice == "always" or self._random.random() < 0.5)
        events = [event] if held is None else [event, held] if before else [held, event]
        return [event_row(each) for each in events]


def event_row(event: BrokerEvent) -> tuple[str, Row]:
    """Return the channel of an event and its row."""
    if isinstance(event, FiguresEvent):
        return f"ACCOUNT:{event.account_id}", figures_row(event.figures)
    if isinstance(event, StatusEvent):
        return f"PRICE:{event.epic}", {"DLG_FLAG": dealing_flag(event.status)}
    row: dict[str, str | None] = {"CONFIRMS": None, "OPU": None, "WOU": None}
    if isinstance(event, ConfirmEvent):
        # The stream's confirm is REST's with the channel added (samples).
        row["CONFIRMS"] = _encode({**confirm(event.confirm), "channel": event.confirm.channel})
    elif isinstance(event, PositionEvent):
        row["OPU"] = _encode(_position_update(event))
    else:
        row["WOU"] = _encode(_order_update(event))
    return f"TRADE:{event.account_id}", row


def figures_row(figures: Figures) -> Row:
    """Return the row of an ``ACCOUNT`` item; money to the cent, as text."""
    ordinary_profit = figures.profit_loss - figures.guaranteed_profit_loss
    ordinary_deposit = figures.deposit - figures.guaranteed_deposit
    money = {
        "PNL": figures.profit_loss,
        "PNL_LR": figures.guaranteed_profit_loss,
        "PNL_NLR": ordinary_profit,
        "DEPOSIT": figures.deposit,
        "AVAILABLE_CASH": figures.available,
        "FUNDS": figures.balance,
        "MARGIN": figures.deposit,
        "MARGIN_LR": figures.guaranteed_deposit,
        "MARGIN_NLR": ordinary_deposit,
        "AVAILABLE_TO_DEAL": figures.available,
        "EQUITY": figures.equity,
        "EQUITY_USED": figures.equity_used,
        # Older clients know the margin by this name (IG-SPECIFICS.md section 6).
        "USED_MARGIN": figures.deposit,
    }
    return {name: f"{value.quantize(_CENT):f}" for name, value in money.items()}


def _position_update(event: PositionEvent) -> dict[str, Any]:
    held = event.position
    return {
        "dealReference": held.deal_reference,
        "dealId": held.deal_id,
        "direction": held.direction.value,
        "epic": held.epic,
        "status": event.status,
        "dealStatus": "ACCEPTED",
        "level": event.level,
        "size": event.size,
        "timestamp": _stamp(event.at),
        "channel": event.channel,
        "dealIdOrigin": held.deal_id,
        "expiry": held.expiry,
        "stopLevel": held.stop_level,
        "limitLevel": held.limit_level,
        "guaranteedStop": held.guaranteed,
    }


def _order_update(event: OrderEvent) -> dict[str, Any]:
    order: Order = event.order
    return {
        "dealReference": order.deal_reference,
        "dealId": order.deal_id,
        "direction": order.direction.value,
        "epic": order.epic,
        "status": event.status,
        "dealStatus": event.deal_status,
        "level": order.level,
        "size": order.size,
        "timestamp": _stamp(event.at),
        "channel": event.channel,
        "expiry": order.expiry,
        "currency": order.currency,
        "stopDistance": order.stop_distance,
        "limitDistance": order.limit_distance,
        "guaranteedStop": order.guaranteed,
        "orderType": order.kind,
        "timeInForce": order.time_in_force,
        "goodTillDate": None if order.good_till is None else f"{order.good_till:%Y-%m-%dT%H:%M:%S}",
    }


def _stamp(time: datetime) -> str:
    return f"{time:%Y-%m-%dT%H:%M:%S}.{time.microsecond // 1000:03d}"
