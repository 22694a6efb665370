"""What moved the account's money: ``ig.history.transactions``."""

# ruff: noqa: RUF009 -- the functions of _json declare fields, as dataclasses.field() does
from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from operator import attrgetter
from typing import Any, ClassVar

from ig_sdk import _json
from ig_sdk.errors import DecodeError
from ig_sdk.rest.account_history.amounts import read_amount
from ig_sdk.rest.tables import Column, Rows

# Source: enums.json, TransactionType.
KINDS = ("ALL", "ALL_DEAL", "DEPOSIT", "WITHDRAWAL")


@_json.model
@dataclass(frozen=True)
class Transaction(_json.Model):
    """One row of the account's ledger.

    IG writes amounts as texts, with a currency before the money (``"E-63.80"``); here they are numbers. A text that
    holds none (``"-"``) is ``None``, and stays in ``extra``.

    Attributes:
        date: Day of the row, in the account's time.
        date_utc: When, aware UTC; ``None`` in replies of version 1.
        open_date_utc: When the position was opened, aware UTC.
        instrument_name: IG's name of the market, or what the row is for, in the user's language.
        period: Expiry of the contract.
        profit_and_loss: What it brought (above zero) or cost, in ``currency``.
        profit_and_loss_text: The same as IG wrote it.
        transaction_type: ``TRADE``, ``DEPO``, ``WITH``, ``DIVIDEND``, ``EXCHANGE`` …
        reference: IG's reference of the row; neither a deal id nor a deal reference.
        open_level: Level at which the position was opened.
        close_level: Level at which it was closed; IG writes zero for a row that is no deal.
        size: Size: above zero for a position that was bought.
        currency: IG's symbol of the currency: ``E`` for euro, ``$``, ``£`` …
        cash_transaction: Whether it is a payment.
        extra: What IG sent and this class does not know.
    """

    date: dt.date | None = _json.date()
    date_utc: dt.datetime | None = _json.time()
    open_date_utc: dt.datetime | None = _json.time()
    instrument_name: str | None = _json.text()
    period: str | None = _json.text()
    profit_and_loss: Decimal | None = _json.decimal()
    profit_and_loss_text: str | None = _json.text()
    transaction_type: str | None = _json.text()
    reference: str | None = _json.text()
    open_level: Decimal | None = _json.decimal()
    close_level: Decimal | None = _json.decimal()
    size: Decimal | None = _json.decimal()
    currency: str | None = _json.text()
    cash_transaction: bool | None = _json.flag()
    extra: dict[str, Any] = _json.extra()


class Transactions(Rows[Transaction]):
    """Transactions, in IG's order; a list, with frames."""

    columns: ClassVar[Sequence[Column]] = (
        Column("date_utc", "time", attrgetter("date_utc")),
        Column("open_date_utc", "time", attrgetter("open_date_utc")),
        *(
            Column(name, "text", attrgetter(name))
            for name in ("reference", "transaction_type", "instrument_name", "period", "currency")
        ),
        *(
            Column(name, "number", attrgetter(name))
            for name in ("profit_and_loss", "size", "open_level", "close_level")
        ),
        Column("cash_transaction", "flag", attrgetter("cash_transaction")),
    )


def decode_transactions(data: object) -> list[Transaction]:
    """Return the transactions of a reply of any version.

    Raises:
        DecodeError: It is no reply of ``/history/transactions``.

    Source:
        Schemas ``TransactionV1`` and ``TransactionV2`` of ig_api.json; sample ``transactions_v2``.
    """
    rows = data.get("transactions") if isinstance(data, Mapping) else None
    if not isinstance(rows, list):
        raise DecodeError("the answer holds no transactions", path="transactions")
    return [_json.decode(Transaction, _counted(row)) for row in rows if isinstance(row, Mapping)]


def _counted(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a row with numbers for its texts; a text that holds none stays, and so ends in ``extra``."""
    numbers = {name: read_amount(row.get(name)) for name in ("profitAndLoss", "openLevel", "closeLevel", "size")}
    known = {name: number for name, number in numbers.items() if number is not None}
    return {**row, **known, "profitAndLossText": row.get("profitAndLoss")}
