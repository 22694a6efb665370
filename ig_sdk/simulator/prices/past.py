"""Past prices: candles of every resolution, years back, the same for the same seed.

They end where the live prices begin. Candles of a time for which there were ticks are made of those ticks. Those of up
to four hours open at whole multiples of their length since 1970; days, weeks and months by the client's clock, as IG's.

Source:
    REST.md section 3 (depth of history), wire/samples (prices).
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from functools import lru_cache
from itertools import groupby
from typing import NamedTuple

from ig_sdk.simulator.prices.past_live import LENGTHS_S, LiveCandles, Row, joined
from ig_sdk.simulator.prices.past_tree import DAY_S, HOUR_S, LEVELS_S, SECONDS, Node, PastTree
from ig_sdk.simulator.prices.seeded import profile_of, spread_steps
from ig_sdk.simulator.reference.hours import day_began, day_starts_s, epoch_s, hours_of, local_second, utc_second
from ig_sdk.simulator.reference.instruments import Instrument, instruments
from ig_sdk.types import Tick

Ohlc = tuple[float, float, float, float]

_KEPT_BLOCKS = 256
# A span may be years of candles, and its pages are requested one by one.
_KEPT_SPANS = 4
_EPOCH = date(1970, 1, 1)


class PastCandle(NamedTuple):
    """One candle of a market's past.

    Attributes:
        opens_at: Start of its interval, aware UTC.
        bid: Open, high, low and close of the bid.
        offer: Open, high, low and close of the offer.
        volume: Number of prices, which IG calls the last traded volume.
    """

    opens_at: datetime
    bid: Ohlc
    offer: Ohlc
    volume: int


@dataclass(frozen=True)
class _Grid:
    """How one resolution of up to four hours divides time into candles.

    Attributes:
        level: Level of the tree that the candles are made from, an index of ``LEVELS_S``.
        length_s: Seconds of a candle.
        block_s: Seconds that are generated at once: a multiple of the length.
        days: How many days back IG keeps it.
    """

    level: int
    length_s: int
    block_s: int
    days: int

    def opens(self, second: int) -> int:
        """Return the beginning of the candle that holds ``second``."""
        return second - second % self.length_s

    def block(self, second: int) -> tuple[int, int]:
        """Return the block that holds ``second``."""
        start = second - second % self.block_s
        return start, start + self.block_s


_YEARS = 15 * 365 + 4
_HOURS = 1


@dataclass(frozen=True)
class _LocalGrid:
    """How days, weeks and months divide time: by the client's clock, so that some days have 23 or 25 hours.

    Attributes:
        unit: ``"DAY"``, ``"WEEK"`` (from Monday on) or ``"MONTH"``.
        starts_s: When they begin, in seconds after midnight.
        days: How many days back IG keeps it.

    Source:
        wire/samples: prices_v3__gold_range_day and prices_v2__numpoints_day (05:00 in the account's time).
    """

    unit: str
    starts_s: int = 0
    days: int = _YEARS

    def next(self, opens: int) -> int:
        """Return the beginning of the candle after the one that begins at ``opens``."""
        return self._second(self._number(opens) + 1)

    def block(self, second: int) -> tuple[int, int]:
        """Return the block that holds ``second``: 64 days, ten weeks or a year."""
        size = {"DAY": 64, "WEEK": 10, "MONTH": 12}[self.unit]
        first = self._number(second) // size * size
        return self._second(first), self._second(first + size)

    def _number(self, second: int) -> int:
        """Return which candle holds ``second``; they are counted through from the year 1."""
        day = date.fromordinal(_EPOCH.toordinal() + (local_second(second) - self.starts_s) // DAY_S)
        if self.unit == "MONTH":
            return day.year * 12 + day.month - 1
        # The year 1 began on a Monday.
        return day.toordinal() - 1 if self.unit == "DAY" else (day.toordinal() - 1) // 7

    def _second(self, number: int) -> int:
        """Return when candle ``number`` begins."""
        if self.unit == "MONTH":
            day = date(number // 12, number % 12 + 1, 1)
        else:
            day = date.fromordinal((number if self.unit == "DAY" else number * 7) + 1)
        return utc_second((day - _EPOCH).days * DAY_S + self.starts_s)


_GRIDS: dict[str, _Grid | _LocalGrid] = {
    "SECOND": _Grid(4, 1, 300, 4),
    "MINUTE": _Grid(3, 60, HOUR_S, 40),
    "MINUTE_2": _Grid(3, 120, HOUR_S, 40),
    "MINUTE_3": _Grid(3, 180, HOUR_S, 40),
    "MINUTE_5": _Grid(2, 300, 4 * HOUR_S, 360),
    "MINUTE_10": _Grid(2, 600, 4 * HOUR_S, 360),
    "MINUTE_15": _Grid(2, 900, 4 * HOUR_S, 360),
    "MINUTE_30": _Grid(2, 1_800, 4 * HOUR_S, 360),
    "HOUR": _Grid(_HOURS, HOUR_S, 4 * DAY_S, 360),
    "HOUR_2": _Grid(_HOURS, 2 * HOUR_S, 4 * DAY_S, 360),
    "HOUR_3": _Grid(_HOURS, 3 * HOUR_S, 4 * DAY_S, 360),
    "HOUR_4": _Grid(_HOURS, 4 * HOUR_S, 4 * DAY_S, 360),
    "DAY": _LocalGrid("DAY"),
    "WEEK": _LocalGrid("WEEK"),
    "MONTH": _LocalGrid("MONTH"),
}


class _Scale(NamedTuple):
    """Converts the common price of a market to an epic's own levels, which are multiples of ``1 / steps``."""

    steps: int
    level: float
    width: int

    @classmethod
    def of(cls, instrument: Instrument) -> _Scale:
        steps = 10**instrument.decimals
        return cls(steps, instrument.mid * steps, spread_steps(instrument))


class PastPrices:
    """Candles of every market up to now.

    Args:
        seed: Same seed, same past, no matter when the simulator was started.
        start: When the live prices begin, aware UTC.
        markets: Instruments; all of ``instruments.json`` unless given.

    Threading:
        Safe from any thread.
    """

    def __init__(self, seed: object, start: datetime, *, markets: Iterable[Instrument] | None = None) -> None:
        self._start = epoch_s(start)
        self._live = LiveCandles()
        self._instruments = {each.epic: each for each in (instruments().values() if markets is None else markets)}
        self._scales = {epic: _Scale.of(each) for epic, each in self._instruments.items()}
        self._trees = {each.market_id: _tree(seed, each) for each in self._instruments.values()}
        self._old_block = lru_cache(maxsize=_KEPT_BLOCKS)(self._make_block)
        self._old_span = lru_cache(maxsize=_KEPT_SPANS)(self._make_block)

    def rows(
        self,
        epic: str,
        resolution: str,
        *,
        now: datetime,
        first: datetime | None = None,
        last: datetime | None = None,
        count: int | None = None,
    ) -> list[Row]:
        """Return candles as rows of numbers, oldest first; the last one may still be open.

        A span without a ``count`` is cached, so that its pages can be requested one by one.

        Args:
            epic: Market.
            resolution: IG's name of the length, such as ``"MINUTE_5"``.
            now: Time, aware UTC.
            first: Earliest opening time; as far back as IG keeps candles of that length unless given.
            last: Latest opening time; ``now`` unless given.
            count: Most candles to return, the latest ones.

        Returns:
            Intervals in which the market was closed are absent. Empty for an unknown epic.
        """
        if epic not in self._instruments:
            return []
        earliest, latest = self.reach(resolution, now), now
        if first is not None:
            earliest = max(earliest, first)
        if last is not None:
            latest = min(latest, last)
        # A start within a second excludes the candle that began with that second.
        bounds = epoch_s(earliest) + bool(earliest.microsecond), epoch_s(latest)
        if count is None:
            return self._span(epic, resolution, *bounds)
        found: list[tuple[Row, ...]] = []
        for block in self._blocks_back(epic, resolution, bounds):
            if count <= 0:
                break
            rows = tuple(row for row in block if bounds[0] <= row[0] <= bounds[1])
            found.append(rows[-count:])
            count -= len(found[-1])
        return [row for block in reversed(found) for row in block]

    def reach(self, resolution: str, now: datetime) -> datetime:
        """Return the opening time of the oldest candle that IG still keeps (REST.md section 3)."""
        return now - timedelta(days=_GRIDS[resolution].days)

    def price(self, epic: str, time: datetime) -> tuple[float, float]:
        """Return bid and offer of a market at a time before the live prices."""
        level = self.log_at(self._instruments[epic].market_id, time)
        row = _row(self._scales[epic], Node(0, level, level, level, level, 0))
        return row[4], row[8]

    def day_before(self, epic: str, time: datetime) -> PastCandle | None:
        """Return what a market's day was like before ``time``, which must not be after the first live price.

        Returns:
            ``None`` when the market had not opened on that day yet.
        """
        since, until = day_began(self._instruments[epic].market_id, time), epoch_s(time)
        at, rows = epoch_s(since), []
        # Whole hours, then what is left of the last one in ever smaller parts.
        for level in range(_HOURS, SECONDS + 1):
            upto = until // LEVELS_S[level] * LEVELS_S[level]
            rows += self._rows(epic, level, at, upto)
            at = max(at, upto)
        return candle_of((epoch_s(since), *joined(rows)[1:])) if rows else None

    def first_hit(
        self, epic: str, start: datetime, end: datetime, hit: Callable[[PastCandle], bool]
    ) -> PastCandle | None:
        """Return the first one-second candle after ``start`` and before ``end`` for which ``hit`` is true.

        Args:
            epic: Market.
            start: Aware UTC.
            end: Aware UTC.
            hit: Must be true for a longer candle if it is true for a part of it.
        """
        since, until = epoch_s(start), epoch_s(end)
        row = self._search(epic, 0, (since // DAY_S * DAY_S, until), since, hit)
        return None if row is None else candle_of(row)

    def _search(
        self, epic: str, level: int, span: tuple[int, int], since: int, hit: Callable[[PastCandle], bool]
    ) -> Row | None:
        for row in self._rows(epic, level, *span):
            ends = row[0] + LEVELS_S[level]
            if ends <= since + 1 or not hit(candle_of(row)):
                continue
            if level == SECONDS:
                return row
            found = self._search(epic, level + 1, (row[0], min(ends, span[1])), since, hit)
            if found is not None:
                return found
        return None

    def log_at(self, market_id: str, time: datetime) -> float:
        """Return the price of a market as the logarithm of its ratio to the market's usual level."""
        return self._trees[market_id].close_before(epoch_s(time))

    def on_tick(self, tick: Tick) -> None:
        """Add a tick to the candles of its time."""
        self._live.add(tick)

    # ---- spans and blocks of candles

    def _span(self, epic: str, resolution: str, earliest: int, latest: int) -> list[Row]:
        grid, live_from = self._grid(epic, resolution), self._live_from(epic)
        start, end = grid.block(latest)
        # Blocks before the first tick do not change any more.
        settled = min(start, grid.block(live_from)[0])
        old = self._old_span(epic, resolution, grid.block(earliest)[0], settled) if earliest < settled else ()
        make = self._old_block if end <= live_from else self._make_block
        new = make(epic, resolution, settled, end)
        return [*old[bisect_left(old, (earliest,)) :], *(row for row in new if earliest <= row[0] <= latest)]

    def _blocks_back(self, epic: str, resolution: str, bounds: tuple[int, int]) -> Iterator[tuple[Row, ...]]:
        """Yield the blocks of a span of time, the latest first."""
        earliest, latest = bounds
        grid, live_from = self._grid(epic, resolution), self._live_from(epic)
        start, end = grid.block(latest)
        while end > earliest:
            make = self._old_block if end <= live_from else self._make_block
            yield make(epic, resolution, start, end)
            start, end = grid.block(start - 1)

    def _live_from(self, epic: str) -> int:
        """Return the second from which on a market's candles are made of ticks."""
        first = self._live.first(epic)
        # The ticks of a replay may be older than the start.
        return self._start if first is None else min(first, self._start)

    def _make_block(self, epic: str, resolution: str, start: int, end: int) -> tuple[Row, ...]:
        grid = self._grid(epic, resolution)
        if isinstance(grid, _LocalGrid):
            return tuple(self._local_rows(epic, grid, start, end))
        rows = self._rows(epic, grid.level, start, end)
        if grid.length_s == LEVELS_S[grid.level]:
            return tuple(rows)
        groups = groupby(rows, lambda row: grid.opens(row[0]))
        return tuple((opens, *joined(list(group))[1:]) for opens, group in groups)

    def _grid(self, epic: str, resolution: str) -> _Grid | _LocalGrid:
        if resolution == "DAY":
            return _LocalGrid("DAY", day_starts_s(self._instruments[epic].market_id))
        return _GRIDS[resolution]

    def _local_rows(self, epic: str, grid: _LocalGrid, start: int, end: int) -> Iterator[Row]:
        """Yield days, weeks or months: where the market was open at all."""
        opens = start
        while opens < end:
            until = grid.next(opens)
            yield from self._joined(self._parts(epic, opens, until), opens)
            opens = until

    def _parts(self, epic: str, start: int, end: int) -> list[Row]:
        """Return candles that make up a span of whole hours: days of the tree where they fit, hours at its ends."""
        first, last = -(-start // DAY_S) * DAY_S, end // DAY_S * DAY_S
        if first >= last:
            return self._rows(epic, _HOURS, start, end)
        parts = self._rows(epic, 0, first, last)
        if start < first:
            parts = self._rows(epic, _HOURS, start, first) + parts
        return parts + self._rows(epic, _HOURS, last, end) if last < end else parts

    def _rows(self, epic: str, level: int, start: int, end: int) -> list[Row]:
        """Return candles of a level's length: from the tree, then from ticks, and at the change one from both."""
        length, live_from = LEVELS_S[level], self._live_from(epic)
        scale = self._scales[epic]
        whole, after = live_from // length * length, -(-live_from // length) * length
        tree = self._trees[self._instruments[epic].market_id]
        rows = [_row(scale, node) for node in tree.nodes(level, start, min(end, whole))]
        if whole < after and start <= whole < end:
            rows += self._joined(self._rows(epic, level + 1, whole, after), whole)
        return rows + self._live_rows(epic, level, max(start, after), end)

    def _live_rows(self, epic: str, level: int, start: int, end: int) -> list[Row]:
        length = LEVELS_S[level]
        if length in LENGTHS_S:
            return self._live.rows(epic, length, start, end)
        below = self._live.rows(epic, LEVELS_S[level + 1], start, -(-end // length) * length)
        groups = groupby(below, lambda row: row[0] // length * length)
        return [row for opens, group in groups for row in self._joined(list(group), opens) if start <= opens < end]

    @staticmethod
    def _joined(rows: list[Row], opens: int) -> list[Row]:
        return [(opens, *joined(rows)[1:])] if rows else []


def _tree(seed: object, instrument: Instrument) -> PastTree:
    profile = profile_of(instrument.market_id)
    name = f"{seed}/{instrument.market_id}/past"
    return PastTree(name, yearly=profile.yearly, gap_s=profile.gap_s, hours=hours_of(instrument))


def _row(scale: _Scale, node: Node) -> Row:
    """Return a node as prices, rounded as live prices are; rounding never changes the order of two prices."""
    start, *prices, volume = node
    steps, level, width = scale
    half = width / 2
    opened, high, low, close = (round(level * math.exp(price) - half) for price in prices)
    bids = opened / steps, high / steps, low / steps, close / steps
    offers = (opened + width) / steps, (high + width) / steps, (low + width) / steps, (close + width) / steps
    return (start, *bids, *offers, volume)


def candle_of(row: Row) -> PastCandle:
    """Return a row as a candle."""
    return PastCandle(datetime.fromtimestamp(row[0], timezone.utc), row[1:5], row[5:9], row[9])
