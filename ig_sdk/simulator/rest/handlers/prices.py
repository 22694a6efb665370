"""Replies about past prices, in three versions; the points they cost are counted and reported.

Source:
    REST.md sections 3 to 5 and 8; wire/ig_api.json; wire/samples (prices_v1__range_day, prices_v2__numpoints_day,
    prices_v3__gold_minute).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ig_sdk.simulator.accounts.allowances import Points
from ig_sdk.simulator.prices.past import PastCandle, candle_of
from ig_sdk.simulator.prices.past_live import Row
from ig_sdk.simulator.reference.hours import local_time, utc_time
from ig_sdk.simulator.reference.instruments import instruments
from ig_sdk.simulator.refusals import RestRefusal
from ig_sdk.simulator.rest.backend import Backend, Handler
from ig_sdk.simulator.rest.paging import ISO, in_order, page_of, read_time
from ig_sdk.simulator.rest.request import Call, Reply, whole
from ig_sdk.types import Resolution

_MALFORMED = "error.malformed.date"
_V1 = "%Y:%m:%d-%H:%M:%S"
_V2 = "%Y-%m-%d %H:%M:%S"
_V2_SHOWN = "%Y/%m/%d %H:%M:%S"


@dataclass(frozen=True)
class _Wanted:
    """Which candles are requested: a span, or the latest few of it."""

    epic: str
    resolution: str
    first: datetime | None = None
    last: datetime | None = None
    count: int | None = None


def _points(backend: Backend, call: Call) -> Reply:
    epic, resolution, count = call.params
    return _unpaged(backend, call, _Wanted(epic, resolution, count=whole(count, 0, low=1)))


def _range_v1(backend: Backend, call: Call) -> Reply:
    epic, resolution = call.params
    ends = [call.query.get(name) for name in ("startdate", "enddate")]
    return _unpaged(backend, call, _Wanted(epic, resolution, *_span(ends, _V1)))


def _range_v2(backend: Backend, call: Call) -> Reply:
    epic, resolution, *ends = call.params
    return _unpaged(backend, call, _Wanted(epic, resolution, *_span(ends, _V2)))


def _span(ends: Sequence[str | None], form: str) -> tuple[datetime, datetime]:
    # These two versions speak in the account's time throughout.
    start, end = (utc_time(read_time(text or "", form, code=_MALFORMED)) for text in ends)
    return in_order(start, end, code="error.invalid.daterange")


def _unpaged(backend: Backend, call: Call, wanted: _Wanted) -> Reply:
    rows = _rows(backend, wanted)
    points = backend.book.spend_points(call.owner.account_id, len(rows))
    shown = _candle_v1 if call.version == 1 else _candle_v2
    return Reply(body=_body(wanted, rows, shown) | {"allowance": _allowance(points)})


def _prices_v3(backend: Backend, call: Call) -> Reply:
    query = call.query
    ends = {name: read_time(query[name], ISO, code=_MALFORMED) for name in ("from", "to") if query.get(name)}
    first, last = ends.get("from"), ends.get("to")
    if first is not None and last is not None:
        in_order(first, last, code="error.invalid.daterange")
    # A number of candles is ignored if the beginning is given.
    count = whole(query.get("max"), 10, low=1) if first is None else None
    wanted = _Wanted(call.params[0], query.get("resolution") or "MINUTE", first, last, count)
    shown, metadata = page_of(_rows(backend, wanted), query)
    points = backend.book.spend_points(call.owner.account_id, len(shown))
    return Reply(body=_body(wanted, shown, _candle_v3) | {"metadata": {"allowance": _allowance(points), **metadata}})


def _rows(backend: Backend, wanted: _Wanted) -> list[Row]:
    if wanted.epic not in instruments():
        raise RestRefusal("error.unsupported.epic")
    if wanted.resolution not in Resolution.__members__:
        raise RestRefusal("invalid.input")
    return backend.past.rows(
        wanted.epic,
        wanted.resolution,
        now=backend.clock.now(),
        first=wanted.first,
        last=wanted.last,
        count=wanted.count,
    )


def _body(wanted: _Wanted, rows: Sequence[Row], shown: Callable[[PastCandle], Any]) -> dict[str, Any]:
    instrument = instruments()[wanted.epic]
    prices = [shown(candle_of(each)) for each in rows]
    if instrument.exchange_traded:
        for row in prices:
            _add_last_traded(row, instrument.decimals)
    return {"prices": prices, "instrumentType": instrument.kind}


def _add_last_traded(row: dict[str, Any], decimals: int) -> None:
    """Tell the prices at which the exchange traded last: between bid and offer."""
    for name in ("openPrice", "closePrice", "highPrice", "lowPrice"):
        price = row[name]
        price["lastTraded"] = round((price["bid"] + price["ask"]) / 2, decimals)


def _candle_v1(candle: PastCandle) -> dict[str, Any]:
    return {"snapshotTime": f"{local_time(candle.opens_at):{_V1}}", **_quotes(candle)}


def _candle_v2(candle: PastCandle) -> dict[str, Any]:
    return {"snapshotTime": f"{local_time(candle.opens_at):{_V2_SHOWN}}", **_quotes(candle)}


def _candle_v3(candle: PastCandle) -> dict[str, Any]:
    opens_at = candle.opens_at
    times = {"snapshotTime": f"{local_time(opens_at):{_V2_SHOWN}}", "snapshotTimeUTC": f"{opens_at:{ISO}}"}
    return {**times, **_quotes(candle)}


def _quotes(candle: PastCandle) -> dict[str, Any]:
    opened, high, low, close = (
        {"bid": bid, "ask": offer, "lastTraded": None} for bid, offer in zip(candle.bid, candle.offer, strict=True)
    )
    return {
        "openPrice": opened,
        "closePrice": close,
        "highPrice": high,
        "lowPrice": low,
        "lastTradedVolume": candle.volume,
    }


def _allowance(points: Points) -> dict[str, int]:
    return {
        "remainingAllowance": points.left,
        "totalAllowance": points.total,
        "allowanceExpiry": points.expires_s,
    }


HANDLERS: Mapping[str, Handler] = {
    "prices.range.v1": _range_v1,
    "prices.range.v2": _range_v2,
    "prices.points.v1": _points,
    "prices.points.v2": _points,
    "prices.v3": _prices_v3,
}
