"""Candles into longer ones, as if they had been built from the ticks; no thread, no clock, no I/O."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone

from ig_sdk.candles import QUIET_LIMIT
from ig_sdk.types import Candle, Ohlc, Resolution

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MONDAY = datetime(1970, 1, 5, tzinfo=timezone.utc)
_WEEK = timedelta(weeks=1)


class CandleMerger:
    """Builds the candles of one market from its shorter ones; each is returned once and never revised.

    Edges are those of ``CandleAggregator``: counted from 1970-01-01 00:00 UTC, whole weeks from Monday. A candle is
    ``complete`` if all its parts are, and its beginning was seen; it has ``gap`` if a part has, or if a hole was told
    inside it. A part that is older than the open candle is left out and counted.

    Args:
        resolution: Length of the candles, a multiple of that of the parts.
        part: Length of the parts.
        fill_quiet: Make flat candles for intervals without a part, up to ``QUIET_LIMIT`` after each.

    Raises:
        ValueError: The resolution is no multiple of the parts' length, or is a month.

    Threading:
        Not safe: one thread at a time.
    """

    def __init__(
        self, resolution: Resolution | str | timedelta, part: Resolution | timedelta, *, fill_quiet: bool = False
    ) -> None:
        length = Resolution.parse(resolution)
        if length is Resolution.MONTH:
            raise ValueError("a month has no fixed length")
        if length % part:
            raise ValueError(f"candles of {length} cannot be built from candles of {part}")
        self._length = length
        self._part = part
        self._anchor = _EPOCH if length % _WEEK else _MONDAY
        self._fill = fill_quiet
        self._filled = 0
        self._parts: list[Candle] = []
        self._start: datetime | None = None  # of the open candle
        self._next: datetime | None = None  # where the candle after the last one begins
        self._last: Candle | None = None  # the last one that had parts
        self._hole = False
        self._gap = False
        self.late = 0

    @property
    def closes_at(self) -> datetime | None:
        """When the open candle ends; ``None`` when none is open."""
        return None if self._start is None else self._start + self._length

    def on_candle(self, part: Candle) -> list[Candle]:
        """Take the next part and return the candles that it closed, oldest first."""
        start = part.opens_at - (part.opens_at - self._anchor) % self._length
        if (self._next is not None and start < self._next) or (self._start is not None and start < self._start):
            self.late += 1
            return []
        closed: list[Candle] = []
        if self._start is not None and start > self._start:
            closed.append(self._close())
        closed += self._quiet(start)
        if self._start is None:
            self._start = start
            # A hole that was told before ends with this part, unless that begins on the edge and is whole.
            self._gap = self._hole and part.opens_at != start
        self._hole = False
        self._filled = 0
        self._parts.append(part)
        if part.opens_at + self._part >= start + self._length:
            closed.append(self._close())
        return closed

    def advance(self, now: datetime) -> list[Candle]:
        """Close the candles that ended at or before ``now`` and return them, oldest first."""
        closed = []
        ends = self.closes_at
        if ends is not None and ends <= now:
            closed.append(self._close())
        if self._start is None:
            closed += self._quiet(now - (now - self._anchor) % self._length)
        return closed

    def mark_gap(self) -> None:
        """Note that parts may be missing or wrong from here to the next one."""
        self._hole = True
        if self._start is not None:
            self._gap = True

    def _close(self) -> Candle:
        assert self._start is not None
        parts, start, gap = self._parts, self._start, self._gap
        first = self._next is None and parts[0].opens_at != start
        gap = gap or any(part.gap for part in parts)
        whole = not gap and not first and all(part.complete for part in parts)
        candle = merged(parts, self._length, start, complete=whole, gap=gap)
        self._parts, self._start, self._gap = [], None, False
        self._next = start + self._length
        self._last = candle
        return candle

    def _quiet(self, until: datetime) -> list[Candle]:
        """Return flat candles from the end of the last one to ``until``, or to the limit."""
        if not self._fill or self._last is None or self._next is None or self._start is not None:
            return []
        count = min((until - self._next) // self._length, QUIET_LIMIT - self._filled)
        if count <= 0:
            return []
        opens_at = self._next
        self._next = opens_at + count * self._length
        self._filled += count
        return [flat(self._last, opens_at + number * self._length, gap=self._hole) for number in range(count)]


def merged(parts: Sequence[Candle], length: timedelta, opens_at: datetime, *, complete: bool, gap: bool) -> Candle:
    """Return one candle for its parts, which are in order and not none."""
    first, last = parts[0], parts[-1]
    volumes = [part.volume for part in parts if part.volume is not None]
    return Candle(
        first.epic,
        length,
        opens_at,
        first.open,
        max(part.high for part in parts),
        min(part.low for part in parts),
        last.close,
        sum(volumes) if volumes else None,
        sum(part.ticks for part in parts),
        complete,
        _side([part.bid for part in parts]),
        _side([part.offer for part in parts]),
        gap,
    )


def flat(last: Candle, opens_at: datetime, *, gap: bool = False) -> Candle:
    """Return the candle of an interval without a tick: the closes of the one before."""
    price = last.close
    return replace(
        last, opens_at=opens_at, open=price, high=price, low=price, volume=None, ticks=0, complete=not gap,
        bid=_flat(last.bid), offer=_flat(last.offer), gap=gap,
    )  # fmt: skip


def _flat(side: Ohlc | None) -> Ohlc | None:
    return None if side is None else Ohlc(side.close, side.close, side.close, side.close)


def _side(parts: Sequence[Ohlc | None]) -> Ohlc | None:
    known = [part for part in parts if part is not None]
    if len(known) != len(parts):
        return None
    return Ohlc(known[0].open, max(part.high for part in known), min(part.low for part in known), known[-1].close)
