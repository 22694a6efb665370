"""Rows of ``CHART:{epic}:{scale}`` items as candles; pure: no clock, no I/O.

Source:
    IG-SPECIFICS.md sections 6 and 7; captures/items-2023-05.json.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from math import isfinite
from typing import Protocol

from ig_sdk.candles import Price
from ig_sdk.types import Candle, Ohlc, Resolution

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_PARTS = ("OPEN", "HIGH", "LOW", "CLOSE")
_BID, _OFFER = (tuple(f"{side}_{part}" for part in _PARTS) for side in ("BID", "OFR"))
# One field that IG does not publish for a market refuses the whole subscription: no more than is needed.
FIELDS = ("UTM", *_BID, *_OFFER, "CONS_END", "CONS_TICK_COUNT")
SCALES = {
    "SECOND": Resolution.SECOND,
    "1MINUTE": Resolution.MINUTE,
    "5MINUTE": Resolution.MINUTE_5,
    "HOUR": Resolution.HOUR,
}


class Row(Protocol):
    """What is read of an update."""

    def get(self, name: str, /) -> str | None:
        """Return the field's value, ``None`` when it is null or was never sent."""
        ...


def scale_for(length: timedelta) -> str:
    """Return the longest of IG's scales from which candles of ``length`` can be built.

    Raises:
        ValueError: The length is a month, or no whole number of seconds.
    """
    if length is Resolution.MONTH:
        raise ValueError("a month has no fixed length: IG streams candles of seconds to hours, others are built")
    for scale, part in reversed(SCALES.items()):
        if not length % part:
            return scale
    raise ValueError(f"candles of {length} cannot be built: IG's shortest ones are of a second")


class CandleDecoder:
    """Turns the rows of one market and scale into closed candles, each once.

    A row with ``CONS_END=1`` is final. A candle whose final row was missed, since a later one has begun, is given out
    as it was seen last, not complete. What was given out is not given out again, whatever a snapshot or a recovery
    repeats. The first candle may have begun before the subscription and is not complete.

    Args:
        epic: The market.
        scale: One of ``SCALES``.

    Attributes:
        undecodable: Rows with a value that is no number.
        incomplete: Rows held back because a price or the time was missing.
        repeated: Rows of candles that had been given out.

    Threading:
        Not safe: one thread at a time.
    """

    def __init__(self, epic: str, scale: str) -> None:
        self._epic = epic
        self._length = SCALES[scale]
        self._open: Candle | None = None
        self._given: datetime | None = None
        self._gap = False
        self._first = True
        self.undecodable = self.incomplete = self.repeated = 0

    @property
    def resolution(self) -> Resolution:
        """Length of the candles."""
        return self._length

    def mark_gap(self) -> None:
        """Note that rows may be missing: the candle of the next row and the open one are not complete."""
        self._gap = True

    def row(self, row: Row) -> list[Candle]:
        """Take a row and return the candles that are closed with it, oldest first."""
        candle = self._candle(row)
        if candle is None:
            return []
        if self._given is not None and candle.opens_at <= self._given:
            self.repeated += 1
            return []
        closed = []
        if self._open is not None and self._open.opens_at < candle.opens_at:
            closed.append(self._give(self._open, whole=False))
        self._open = candle
        if row.get("CONS_END") == "1":
            closed.append(self._give(candle, whole=True))
        return closed

    def _give(self, candle: Candle, *, whole: bool) -> Candle:
        gap, first = self._gap, self._first
        self._open, self._given = None, candle.opens_at
        self._first = False
        if whole:
            self._gap = False
        return replace(candle, complete=whole and not gap and not first, gap=gap)

    def _candle(self, row: Row) -> Candle | None:
        texts = [row.get(name) for name in ("UTM", *_BID, *_OFFER)]
        if not all(texts):
            self.incomplete += 1
            return None
        try:
            opens_at = _EPOCH + timedelta(milliseconds=_whole(str(texts[0])))
            numbers = [_number(str(text)) for text in texts[1:]]
        except (ValueError, OverflowError):
            self.undecodable += 1
            return None
        bid, offer = Ohlc(*numbers[:4]), Ohlc(*numbers[4:])
        main = side_of(bid, offer, "mid")
        count = row.get("CONS_TICK_COUNT")
        ticks = int(count) if count and count.isascii() and count.isdigit() else 0
        return Candle(
            self._epic, self._length, opens_at, main.open, main.high, main.low, main.close,
            ticks=ticks, complete=False, bid=bid, offer=offer,
        )  # fmt: skip


def side_of(bid: Ohlc, offer: Ohlc, price: Price) -> Ohlc:
    """Return what ``open`` to ``close`` are; for the mid the means of both sides', since IG sends no mids."""
    if price != "mid":
        return bid if price == "bid" else offer
    return Ohlc(
        (bid.open + offer.open) / 2,
        (bid.high + offer.high) / 2,
        (bid.low + offer.low) / 2,
        (bid.close + offer.close) / 2,
    )


def priced(candle: Candle, price: Price) -> Candle:
    """Return the candle with another side as ``open`` to ``close``."""
    if price == "mid" or candle.bid is None or candle.offer is None:
        return candle
    main = side_of(candle.bid, candle.offer, price)
    return replace(candle, open=main.open, high=main.high, low=main.low, close=main.close)


def _number(text: str) -> float:
    number = float(text)
    if not isfinite(number) or "_" in text or not text.isascii():
        raise ValueError(text)
    return number


def _whole(text: str) -> int:
    if "_" in text or not text.isascii():
        raise ValueError(text)
    return int(text)
