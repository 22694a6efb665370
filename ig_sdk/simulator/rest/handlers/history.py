"""Replies about the account's history: activity in three versions, transactions in two.

Source:
    REST.md sections 4 and 6.5; wire/ig_api.json; wire/samples (activity_v1__range, activity_v3__detailed_subset,
    transactions_v2__trade_and_interest).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from ig_sdk.simulator.bodies.dealing import iso
from ig_sdk.simulator.bodies.markets import symbol_of
from ig_sdk.simulator.broker import ActivityEntry, TransactionEntry
from ig_sdk.simulator.refusals import RestRefusal
from ig_sdk.simulator.rest.backend import Backend, Handler
from ig_sdk.simulator.rest.paging import days, in_order, page_of, read_end, read_start, span_before, span_of
from ig_sdk.simulator.rest.request import Call, Reply, flag, whole
from ig_sdk.types import Direction

_RANGE = "error.request.invalid.date-range"
_CHANNELS = {"PUBLIC_WEB_API": "Public Web API", "SYSTEM": "System", "WEB": "Web", "MOBILE": "Mobile"}
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
# From the query's word to the reply's (REST.md section 9: the reply's words are an open set).
_TYPES = {"ALL": None, "ALL_DEAL": "TRADE", "DEPOSIT": "DEPO", "WITHDRAWAL": "WITH"}
# The fields that a filter may name, spelled as in the reply.
_FILTERED = ("epic", "period", "dealId", "channel", "type", "status", "description", "date")


# ---- activity


def _activity_v1(backend: Backend, call: Call) -> Reply:
    rows = _activity(backend, call, *_v1_span(backend, call.params))
    return Reply(body={"activities": [_old_activity(each, version=1) for each in rows]})


def _activity_v2(backend: Backend, call: Call) -> Reply:
    rows = _activity(backend, call, *span_of(call.query, backend.clock.now()))
    shown, metadata = page_of(rows, call.query)
    return Reply(body={"activities": [_old_activity(each, version=2) for each in shown], "metadata": metadata})


def _activity_v3(backend: Backend, call: Call) -> Reply:
    query = call.query
    size = whole(query.get("pageSize"), 50, low=10, high=500, code="error.request.invalid.page-size")
    end = read_end(query["to"], code=_RANGE) if query.get("to") else backend.clock.now()
    start = read_start(query["from"], code=_RANGE) if query.get("from") else None
    if start is not None:
        in_order(start, end, code=_RANGE)
    rows = [each for each in _activity(backend, call, start, end) if _passes(each, query)]
    shown = _whole_seconds(rows, size)
    paging = {"size": len(shown), "next": _next(query, rows[len(shown)].at, size) if len(shown) < len(rows) else None}
    bodies = [_new_activity(each, detailed=flag(query.get("detailed"))) for each in shown]
    return Reply(body={"activities": bodies, "metadata": {"paging": paging}})


def _v1_span(backend: Backend, params: Sequence[str]) -> tuple[datetime, datetime]:
    if len(params) == 1:
        return span_before(backend.clock.now(), params[0])
    return days(*params)


def _activity(backend: Backend, call: Call, start: datetime | None, end: datetime) -> list[ActivityEntry]:
    account_id = call.owner.account_id
    backend.load_history()
    return backend.dealing.act(lambda broker, _: broker.view.activity(account_id, start, end))


def _whole_seconds(rows: Sequence[ActivityEntry], size: int) -> Sequence[ActivityEntry]:
    """Return a first page of about ``size`` rows that splits no second.

    The cursor is a time in seconds: rows of one second on two pages would be lost or sent twice.
    """
    if len(rows) <= size:
        return rows
    cut = size
    while cut > 0 and _second(rows[cut - 1]) == _second(rows[cut]):
        cut -= 1
    if cut == 0:
        cut = size
        while cut < len(rows) and _second(rows[cut]) == _second(rows[0]):
            cut += 1
    return rows[:cut]


def _second(entry: ActivityEntry) -> datetime:
    return entry.at.replace(microsecond=0)


def _next(query: Mapping[str, str], end: datetime, size: int) -> str:
    kept = {name: query[name] for name in ("from", "detailed", "dealId", "filter") if query.get(name)}
    return "/history/activity?" + urlencode({"version": 3, **kept, "to": iso(end), "pageSize": size})


def _passes(entry: ActivityEntry, query: Mapping[str, str]) -> bool:
    deal_id = query.get("dealId")
    if deal_id and deal_id not in (entry.deal_id, *(affected for _, affected in entry.actions)):
        return False
    text = query.get("filter")
    if not text:
        return True
    row = _new_activity(entry, detailed=False)
    # FIQL: ``;`` is "and"; ``,`` is "or" and binds less.
    return any(all(_matches(row, term) for term in part.split(";")) for part in text.split(","))


def _matches(row: Mapping[str, Any], term: str) -> bool:
    for operator, wanted in (("==", True), ("!=", False)):
        name, found, value = term.partition(operator)
        if found and name in _FILTERED:
            return (row[name] == value) is wanted
    raise RestRefusal("invalid.input")


def _new_activity(entry: ActivityEntry, *, detailed: bool) -> dict[str, Any]:
    return {
        "date": iso(entry.at),
        "epic": entry.epic,
        "period": entry.period,
        "dealId": entry.deal_id,
        "channel": entry.channel,
        "type": entry.type,
        "status": entry.status,
        "description": entry.description,
        "details": _details(entry) if detailed else None,
    }


def _details(entry: ActivityEntry) -> dict[str, Any]:
    return {
        "dealReference": entry.deal_reference,
        "actions": [{"actionType": kind, "affectedDealId": affected} for kind, affected in entry.actions],
        "marketName": entry.market_name,
        "goodTillDate": None if entry.good_till is None else f"{entry.good_till:%Y/%m/%d %H:%M}",
        "currency": entry.currency,
        "size": entry.size,
        "direction": None if entry.direction is None else entry.direction.value,
        "level": entry.level,
        "stopLevel": entry.stop_level,
        "stopDistance": entry.stop_distance,
        "guaranteedStop": entry.guaranteed_stop,
        "trailingStopDistance": entry.trailing_distance,
        "trailingStep": entry.trailing_step,
        "limitLevel": entry.limit_level,
        "limitDistance": entry.limit_distance,
    }


def _old_activity(entry: ActivityEntry, *, version: int) -> dict[str, Any]:
    date = {"date": f"{entry.at:%d/%m/%y}", "time": f"{entry.at:%H:%M}"} if version == 1 else {"date": iso(entry.at)}
    return {
        "epic": entry.epic,
        "dealId": entry.deal_id,
        "activityHistoryId": entry.activity_id,
        **date,
        "activity": "System" if entry.type == "SYSTEM" else "Order",
        "marketName": entry.market_name,
        "period": entry.period,
        "result": entry.description,
        "channel": _CHANNELS.get(entry.channel, entry.channel),
        "currency": "-" if entry.currency is None else symbol_of(entry.currency),
        "size": "-" if entry.size is None else _signed(entry.size * _sign(entry.direction)),
        "level": _text(entry.level),
        "stop": _text(entry.stop_level),
        "stopType": _stop_type(entry),
        "limit": _text(entry.limit_level),
        "actionStatus": {"ACCEPTED": "ACCEPT", "REJECTED": "REJECT"}.get(entry.status, "NOT_SET"),
    }


def _stop_type(entry: ActivityEntry) -> str:
    if entry.trailing_step is not None:
        return f"T({entry.trailing_step:f})"
    if entry.stop_level is None:
        return "-"
    return "G" if entry.guaranteed_stop else "N"


# ---- transactions


def _transactions_v1(backend: Backend, call: Call) -> Reply:
    kind, *rest = call.params
    rows = _transactions(backend, call, kind, *_v1_span(backend, rest))
    return Reply(body={"transactions": [_transaction(each, version=1) for each in rows]})


def _transactions_v2(backend: Backend, call: Call) -> Reply:
    query = call.query
    span = span_of(query, backend.clock.now())
    shown, metadata = page_of(_transactions(backend, call, query.get("type") or "ALL", *span), query)
    return Reply(body={"transactions": [_transaction(each, version=2) for each in shown], "metadata": metadata})


def _transactions(backend: Backend, call: Call, kind: str, start: datetime, end: datetime) -> list[TransactionEntry]:
    if kind not in _TYPES:
        raise RestRefusal("invalid.input")
    account_id, wanted = call.owner.account_id, _TYPES[kind]
    backend.load_history()
    rows = backend.dealing.act(lambda broker, _: broker.view.transactions(account_id, start, end))
    return [each for each in rows if wanted in (None, each.type)]


def _transaction(entry: TransactionEntry, *, version: int) -> dict[str, Any]:
    symbol = symbol_of(entry.currency)
    if version == 1:
        dates = {"date": f"{entry.at.day:02d}-{_MONTHS[entry.at.month - 1]}-{entry.at.year}"}
    else:
        dates = {"date": f"{entry.at:%Y-%m-%d}", "dateUtc": iso(entry.at), "openDateUtc": iso(entry.opened_at)}
    return {
        **dates,
        "instrumentName": entry.instrument_name,
        "period": entry.period,
        "profitAndLoss": f"{symbol}{entry.profit:.2f}",
        "transactionType": entry.type,
        "reference": entry.reference,
        "openLevel": _text(entry.open_level),
        # A row that is no deal has "-" and "0" (wire/samples/transactions_v2__trade_and_interest.json).
        "closeLevel": "0" if entry.close_level is None else _text(entry.close_level),
        "size": "-" if entry.size is None else _signed(entry.size),
        "currency": symbol,
        "cashTransaction": entry.cash,
    }


def _text(value: Decimal | None) -> str:
    return "-" if value is None else f"{value:f}"


def _signed(value: Decimal) -> str:
    return f"{value:+f}"


def _sign(direction: Direction | None) -> int:
    return -1 if direction is Direction.SELL else 1


HANDLERS: Mapping[str, Handler] = {
    "history.activity.period.v1": _activity_v1,
    "history.activity.range.v1": _activity_v1,
    "history.activity.v2": _activity_v2,
    "history.activity.v3": _activity_v3,
    "history.transactions.period.v1": _transactions_v1,
    "history.transactions.range.v1": _transactions_v1,
    "history.transactions.v2": _transactions_v2,
}
