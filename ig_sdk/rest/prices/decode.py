"""Replies of ``/prices`` to candles: by hand, for rows come by the thousand.

The three shapes differ little (REST.md sections 4 and 5): version 1 and 2 put ``allowance`` at the top and tell the
time of a row in the account's local time only; version 3 has ``metadata`` and adds ``snapshotTimeUTC``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from operator import attrgetter
from typing import Any

from ig_sdk import _json
from ig_sdk.candles import Price
from ig_sdk.errors import DecodeError
from ig_sdk.rest.http.limits.points import PointsAllowance
from ig_sdk.rest.prices.candle_times import last_closed
from ig_sdk.types import Candle, Ohlc, Resolution

_QUOTES = ("openPrice", "highPrice", "lowPrice", "closePrice")
_opens_at = attrgetter("opens_at")


@dataclass(frozen=True)
class PricePage:
    """One reply of ``/prices``.

    Attributes:
        candles: Oldest first, each interval once. Open to close are the means of bid and offer.
        unread: Rows that hold no time or no price.
        allowance: What IG says is left, if it says so.
        number: Which page this is, from 1; 0 when the reply does not say.
        pages: How many there are.
        size: How many candles a page has at most; 0 when the reply does not say.
        as_of: When it was asked for, by IG's clock where it sends one.
    """

    candles: list[Candle]
    unread: int = 0
    allowance: PointsAllowance | None = None
    number: int = 0
    pages: int = 1
    size: int = 0
    as_of: datetime | None = None


def decode_prices(
    body: bytes,
    epic: str,
    resolution: Resolution,
    *,
    now: datetime,
    local_offset: Callable[[], timedelta],
    as_of: datetime | None = None,
) -> PricePage:
    """Return a reply of ``/prices``, of any version.

    A row's time is its ``snapshotTimeUTC``; where that is absent, ``snapshotTime`` less ``local_offset()``. Of a pair
    of bid and offer the mean counts, of half a pair the half that is there, and without either the last trade; a row
    without one of these for open, high, low and close is left out and counted. A side counts as known when all its
    four values are there.

    Args:
        body: The reply as it came.
        epic: The market asked for.
        resolution: The candle length asked for.
        now: When the request was sent.
        local_offset: How far local times are ahead of UTC; asked only when a row needs it.
        as_of: The same by IG's clock, ``now`` unless given: a candle that closes later is not complete.

    Raises:
        DecodeError: It is no reply of ``/prices``.

    Source:
        REST.md sections 4 and 5; samples ``prices_v1``, ``prices_v2``, ``prices_v3``.
    """
    data = _loads(body)
    rows = data.get("prices") if isinstance(data, dict) else None
    if not isinstance(rows, list):
        raise DecodeError("the answer holds no prices", path="prices")
    as_of = as_of or now
    # Booleans are numbers to Python; where there is none in the text, no row needs to be looked at for it.
    quick = b"true" not in body and b"false" not in body
    candles, unread = _candles(
        rows, _Reader(epic, resolution, last_closed(resolution, as_of), local_offset), quick=quick
    )
    return PricePage(_in_order(candles), unread, _allowance(data, now), *_page(data), as_of=as_of)


def of_side(candles: list[Candle], price: Price) -> list[Candle]:
    """Return the candles with open to close of one side; those whose side is not known are left out."""
    if price == "mid":
        return candles
    sides = ((candle, candle.bid if price == "bid" else candle.offer) for candle in candles)
    return [
        replace(candle, open=side.open, high=side.high, low=side.low, close=side.close)
        for candle, side in sides
        if side is not None
    ]


def _loads(body: bytes) -> Any:
    try:
        # Every number as a float: prices and volumes are, and nothing else in here is counted in millions.
        return json.loads(body.decode("utf-8-sig"), parse_int=float, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise DecodeError("the answer is not JSON", path="prices") from None


def _refuse(constant: str) -> object:
    raise ValueError(f"{constant} is not JSON")


@dataclass(frozen=True)
class _Reader:
    """Reads single rows, whatever is in them."""

    epic: str
    resolution: Resolution
    last_closed: datetime
    local_offset: Callable[[], timedelta]

    def read(self, row: object) -> Candle | None:
        """Return the candle of a row, or ``None`` when it holds no time or no price."""
        if not isinstance(row, dict):
            return None
        opens_at = self.time(row)
        quotes = [_json.inner(row, name) for name in _QUOTES]
        main = _ohlc([_middle(quote) for quote in quotes])
        if opens_at is None or main is None:
            return None
        bid, offer = (_ohlc([_number(quote.get(name)) for quote in quotes]) for name in ("bid", "ask"))
        return Candle(
            self.epic, self.resolution, opens_at, main.open, main.high, main.low, main.close,
            _number(row.get("lastTradedVolume")), 0, opens_at <= self.last_closed, bid, offer,
        )  # fmt: skip

    def time(self, row: Mapping[str, Any]) -> datetime | None:
        """Return when a row's interval begins, aware UTC."""
        known = _json.moment(row.get("snapshotTimeUTC"))
        local = None if known is not None else _json.moment(row.get("snapshotTime"))
        if local is None:
            return known
        try:
            return local - self.local_offset()
        except OverflowError:  # the year 1 or 9999
            return None


def _candles(rows: list[Any], reader: _Reader, *, quick: bool) -> tuple[list[Candle], int]:
    made: list[Candle] = []
    add, read, epic, resolution, closed = made.append, reader.read, reader.epic, reader.resolution, reader.last_closed
    parse, unread = datetime.fromisoformat, 0
    for row in rows:
        try:
            # The shape that IG sends, both sides there, straight through; any other is read with care below.
            opening, high, low, closing = row["openPrice"], row["highPrice"], row["lowPrice"], row["closePrice"]
            bid_o, bid_h, bid_l, bid_c = opening["bid"], high["bid"], low["bid"], closing["bid"]
            offer_o, offer_h, offer_l, offer_c = opening["ask"], high["ask"], low["ask"], closing["ask"]
            mid_o, mid_h, mid_l, mid_c = bid_o + offer_o, bid_h + offer_h, bid_l + offer_l, bid_c + offer_c
            # Neither infinite nor text: only finite numbers leave nothing when taken from themselves.
            usual = quick and (mid_o + mid_h + mid_l + mid_c) * 0.0 == 0.0
            text, volume = row["snapshotTimeUTC"], row["lastTradedVolume"] + 0.0
            # The parser takes week dates and more, which are as long as IG's times.
            usual = usual and volume * 0.0 == 0.0 and len(text) == 19 and text[7] == "-"
            opens_at = parse(text + "+00:00") if usual else None
        except (TypeError, KeyError, ValueError):
            opens_at = None
        if opens_at is None:
            candle = read(row)
            if candle is None:
                unread += 1
            else:
                add(candle)
            continue
        bid, offer = Ohlc(bid_o, bid_h, bid_l, bid_c), Ohlc(offer_o, offer_h, offer_l, offer_c)
        add(
            Candle(
                epic, resolution, opens_at, mid_o / 2, mid_h / 2, mid_l / 2, mid_c / 2,
                volume, 0, opens_at <= closed, bid, offer,
            )
        )  # fmt: skip
    return made, unread


def _in_order(candles: list[Candle]) -> list[Candle]:
    """Return them oldest first; of two of one interval the one that came later."""
    if all(earlier.opens_at < later.opens_at for earlier, later in pairwise(candles)):
        return candles
    return sorted({candle.opens_at: candle for candle in candles}.values(), key=_opens_at)


def _number(value: object) -> float | None:
    return value if isinstance(value, float) and math.isfinite(value) else None


def _middle(quote: Mapping[str, Any]) -> float | None:
    bid, offer = _number(quote.get("bid")), _number(quote.get("ask"))
    if bid is not None and offer is not None:
        return (bid + offer) / 2
    half = offer if bid is None else bid
    return _number(quote.get("lastTraded")) if half is None else half


def _ohlc(values: list[float | None]) -> Ohlc | None:
    known = [value for value in values if value is not None]
    return Ohlc(*known) if len(known) == len(values) else None


def _allowance(data: Mapping[str, Any], now: datetime) -> PointsAllowance | None:
    told = _json.inner(data, "metadata", "allowance") or _json.inner(data, "allowance")
    remaining, total = _whole(told.get("remainingAllowance")), _whole(told.get("totalAllowance"))
    ends_s = _whole(told.get("allowanceExpiry"))
    if remaining is None or total is None:
        return None
    return PointsAllowance(remaining, total, None if ends_s is None else now + timedelta(seconds=ends_s))


def _page(data: Mapping[str, Any]) -> tuple[int, int, int]:
    told = _json.inner(data, "metadata", "pageData")
    return _whole(told.get("pageNumber")) or 0, _whole(told.get("totalPages")) or 1, _whole(told.get("pageSize")) or 0


def _whole(value: object) -> int | None:
    number = _number(value)
    # A count, or seconds of a period: beyond this it is neither.
    return int(number) if number is not None and 0 <= number <= 1e9 else None
