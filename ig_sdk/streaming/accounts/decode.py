"""Rows of ``ACCOUNT``, ``TRADE`` and heartbeat items as typed updates.

Source:
    IG-SPECIFICS.md sections 6 and 7; captures/INDEX.md 5 to 8.
"""

# ruff: noqa: RUF009 -- the functions of _json declare fields, as dataclasses.field() does
from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Protocol

from ig_sdk import _json
from ig_sdk.errors import DecodeError
from ig_sdk.rest.deals.confirm_reader import confirm_of
from ig_sdk.streaming.accounts.updates import AccountUpdate, Deal, Heartbeat, OrderUpdate, PositionUpdate
from ig_sdk.types import Direction

# As a captured session asked for them, and IG accepted (captures/tlcp-session-2026-02-26): one that IG does not
# publish refuses the whole subscription.
ACCOUNT_FIELDS = {
    "FUNDS": "funds",
    "AVAILABLE_CASH": "available_cash",
    "AVAILABLE_TO_DEAL": "available_to_deal",
    "DEPOSIT": "deposit",
    "MARGIN": "margin",
    "PNL": "profit_loss",
    "EQUITY": "equity",
    "EQUITY_USED": "equity_used",
}
TRADE_FIELDS = ("CONFIRMS", "OPU", "WOU")
HEARTBEAT_ITEM, HEARTBEAT_FIELD = "TRADE:HB.U.HEARTBEAT.IP", "HEARTBEAT"
# Deals that are remembered so that none is told twice: more than IG can send again after a recovery.
_REMEMBERED = 10_000


class Row(Protocol):
    """What is read of an update."""

    @property
    def is_snapshot(self) -> bool:
        """Whether the row is the state at subscription instead of a change."""
        ...

    def get(self, name: str, /) -> str | None:
        """Return the field's value, ``None`` when it is null or was never sent."""
        ...


class AccountDecoder:
    """Turns the rows of an ``ACCOUNT`` item into figures.

    Attributes:
        undecodable: Rows with a value that is no number; it is ``None``, the other figures of the row are passed on.
    """

    def __init__(self) -> None:
        self.undecodable = 0

    def decode(self, row: Row, account_id: str, received_at: datetime) -> AccountUpdate | None:
        """Return the figures, or ``None`` for a row without any."""
        values: dict[str, Any] = {name: self._number(row.get(wire)) for wire, name in ACCOUNT_FIELDS.items()}
        if all(value is None for value in values.values()):
            return None
        return AccountUpdate(account_id, received_at, **values)

    def _number(self, text: str | None) -> Decimal | None:
        if not text:
            return None
        try:
            number = Decimal(text) if text.isascii() and "_" not in text else Decimal("NaN")
        except InvalidOperation:
            number = Decimal("NaN")
        if number.is_finite():
            return number
        self.undecodable += 1
        return None


@_json.model
@dataclass(frozen=True)
class _Change(_json.Model):
    """An update of a position or an order as IG sends it; each field may be missing."""

    deal_id: str | None = _json.text()
    deal_reference: str | None = _json.text()
    status: str | None = _json.text()
    deal_status: str | None = _json.text()
    epic: str | None = _json.text()
    direction: Direction | None = _json.member(Direction)
    size: Decimal | None = _json.decimal()
    level: Decimal | None = _json.decimal()
    stop_level: Decimal | None = _json.decimal()
    limit_level: Decimal | None = _json.decimal()
    currency: str | None = _json.text()
    at: datetime | None = _json.time("timestamp")
    extra: dict[str, Any] = _json.extra()


class DealDecoder:
    """Turns the rows of a ``TRADE`` item into deals, each once.

    IG sends the last confirm again with each subscription, however old it is, and whatever a recovery repeats. What was
    passed on is remembered; what the first snapshot says is the past, and only remembered.

    Attributes:
        undecodable: Texts that could not be read.
        repeated: Deals that had been passed on already, or are older than the stream.
    """

    def __init__(self) -> None:
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._first = True
        self.undecodable = 0
        self.repeated = 0

    def decode(self, row: Row, account_id: str) -> tuple[list[Deal], list[str]]:
        """Return the deals in a row, the confirm last (IG makes it last), and why texts could not be read.

        Args:
            row: An update of the item; usually two of its three fields are null.
            account_id: Whose it is.
        """
        deals: list[Deal] = []
        faults: list[str] = []
        for name, read in _READERS.items():
            text = row.get(name)
            if not text:
                continue
            try:
                data = _json.loads(text, what=f"{name} of the stream")
                deal = read(data, account_id)
            except DecodeError as error:
                self.undecodable += 1
                faults.append(f"{name}: {error}")
                continue
            if self._is_new(name, data) and not (self._first and row.is_snapshot):
                deals.append(deal)
            else:
                self.repeated += 1
        return deals, faults

    def resubscribed(self) -> None:
        """Note that the next snapshot is one of another session: what is new in it came while the line was down."""
        self._first = False

    def _is_new(self, name: str, data: object) -> bool:
        """Remember an event by all that it says; the order of its keys differs from time to time (captures, 6)."""
        key = name + json.dumps(data, sort_keys=True, default=str)
        if key in self._seen:
            self._seen.move_to_end(key)
            return False
        self._seen[key] = None
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        return True


def heartbeat_of(row: Row, received_at: datetime) -> Heartbeat | None:
    """Return the sign of life in a row, or ``None``."""
    value = row.get(HEARTBEAT_FIELD)
    return None if value is None else Heartbeat(received_at, value)


def _position(data: object, account_id: str) -> Deal:
    return PositionUpdate(account_id=account_id, **_values(data, "OPU"))


def _order(data: object, account_id: str) -> Deal:
    return OrderUpdate(account_id=account_id, **_values(data, "WOU"))


def _values(data: object, name: str) -> dict[str, Any]:
    change = _json.decode(_Change, data, path=name)
    return {item.name: getattr(change, item.name) for item in fields(change)}


def _confirm(data: object, account_id: str) -> Deal:
    del account_id
    return confirm_of(data)


_READERS: Mapping[str, Callable[[object, str], Deal]] = {"OPU": _position, "WOU": _order, "CONFIRMS": _confirm}
