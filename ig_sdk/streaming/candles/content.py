"""Candles of one market and scale as the content of a shared item, in the length that each reader wants."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import get_args

from ig_sdk.candles import Price
from ig_sdk.clock import Clock
from ig_sdk.errors import SubscriptionRefused
from ig_sdk.lightstreamer import ItemUpdate, Subscription
from ig_sdk.resample import CandleMerger
from ig_sdk.streaming.candles.decode import FIELDS, CandleDecoder, priced
from ig_sdk.streaming.channel import Reader
from ig_sdk.streaming.readers import Readers
from ig_sdk.streaming.shared import ItemPlan
from ig_sdk.streaming.updates import UpdateCounts, Updates
from ig_sdk.types import Candle

# How long after its end a candle that is built is waited for: IG's last row of it comes a moment later.
_GRACE = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class CandleShape:
    """Which candles a reader wants.

    Attributes:
        resolution: Their length.
        price: Side of ``open`` to ``close``.
        fill_quiet: Flat candles for intervals without a tick.
    """

    resolution: timedelta
    price: Price
    fill_quiet: bool

    def __post_init__(self) -> None:
        if self.price not in get_args(Price):
            raise ValueError(f"price must be 'mid', 'bid' or 'offer', not {self.price!r}")


class CandleUpdates(Updates):
    """What the rows of one market's candle item mean."""

    def __init__(self, epic: str, scale: str, readers: Readers, clock: Clock) -> None:
        super().__init__(readers, clock)
        self._epic = epic
        self._decoder = CandleDecoder(epic, scale)
        self._mergers: dict[Reader, CandleMerger | None] = {}
        # The market's own clock: the end of its latest candle, and when that came.
        self._ended: tuple[datetime, float] | None = None

    def counts(self) -> UpdateCounts:
        """Return the counts so far."""
        decoder = self._decoder
        return UpdateCounts(self.updates, undecodable=decoder.undecodable, repeated=decoder.repeated)

    def row(self, update: ItemUpdate) -> None:
        """Pass on the candles that are closed with it."""
        for candle in self._decoder.row(update):
            self.updates += 1
            self._ended = candle.closes_at, self._clock.monotonic()
            for reader, merger in self._readings():
                self._give(reader, [candle] if merger is None else merger.on_candle(candle))

    def lost(self, count: int) -> None:
        """Rows are missing: what may be wrong for that is not complete."""
        del count
        self._mark()

    def gap(self, seconds: float) -> None:
        """Rows may be missing, and whole candles."""
        del seconds
        self._mark()

    def tick(self, now: float, *, line_down: bool, others: bool | None) -> float:
        """Close by time what is built and has ended, by the market's own clock."""
        del others
        if self._ended is None or line_down:
            return float("inf")
        at, since = self._ended
        moment = at + timedelta(seconds=now - since) - _GRACE
        for reader, merger in self._readings():
            if merger is not None:
                self._give(reader, merger.advance(moment))
        return now + 1.0 if any(self._mergers.values()) else float("inf")

    def _readings(self) -> Iterable[tuple[Reader, CandleMerger | None]]:
        """Return the readers with what builds their candles, if they are not IG's own."""
        now = self._readers.now
        if len(now) != len(self._mergers) or any(reader not in self._mergers for reader in now):
            self._mergers = {reader: self._mergers.get(reader) or self._merger(reader) for reader in now}
        return list(self._mergers.items())

    def _merger(self, reader: Reader) -> CandleMerger | None:
        shape = reader.options.shape
        assert isinstance(shape, CandleShape)
        part = self._decoder.resolution
        if shape.resolution == part and not shape.fill_quiet:
            return None
        return CandleMerger(shape.resolution, part, fill_quiet=shape.fill_quiet)

    def _mark(self) -> None:
        self._decoder.mark_gap()
        for _, merger in self._readings():
            if merger is not None:
                merger.mark_gap()

    def _give(self, reader: Reader, candles: Iterable[Candle]) -> None:
        shape = reader.options.shape
        assert isinstance(shape, CandleShape)
        for candle in candles:
            reader.put(self._epic, priced(candle, shape.price))


def candle_key(epic: str, scale: str) -> str:
    """Return what the item is called among the connection's."""
    return f"candles {epic} {scale}"


def candle_plan(epic: str, scale: str) -> ItemPlan:
    """Return how the candles of a market are subscribed to (IG-SPECIFICS.md section 6)."""

    def subscription(account_id: str) -> Subscription:
        del account_id
        return Subscription("MERGE", [f"CHART:{epic}:{scale}"], FIELDS)

    return ItemPlan(candle_key(epic, scale), epic, subscription, partial(_refusal, epic, scale))


def _refusal(epic: str, scale: str, code: int | None, message: str) -> SubscriptionRefused:
    return SubscriptionRefused(
        f"IG refused the {scale} candles of {epic}: {message or 'no reason given'} (code {code})",
        code=code,
        hint="the epic is wrong, or this account may not stream it; search for it with ig.markets.search()",
    )
