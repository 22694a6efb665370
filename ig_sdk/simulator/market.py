"""A seeded foreign-exchange market: the same seed gives the same prices at the same times.

Pure: time is handed in, randomness comes from the seed.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import NamedTuple

from ig_sdk.simulator.instruments import Instrument, instruments
from ig_sdk.types import Tick


@dataclass(frozen=True)
class Temper:
    """How one pair behaves.

    Attributes:
        gap_s: Mean seconds between two prices in busy hours.
        yearly: Volatility of a year, as a fraction.
    """

    gap_s: float
    yearly: float


# Mean gaps as in recorded ticks of busy hours (data/INDEX.md: EURUSD 3,700 to 8,400 an hour at Dukascopy, 1,000 to
# 2,000 at OANDA); volatilities are what the pairs have shown in ordinary years.
TEMPERS = {
    "EURUSD": Temper(gap_s=0.60, yearly=0.075),
    "GBPUSD": Temper(gap_s=0.70, yearly=0.085),
    "USDJPY": Temper(gap_s=0.65, yearly=0.095),
    "AUDUSD": Temper(gap_s=0.90, yearly=0.100),
    "USDCAD": Temper(gap_s=1.00, yearly=0.065),
}
_ORDINARY = Temper(gap_s=1.0, yearly=0.1)

_TRADING_YEAR_S = 252 * 86_400
# Prices drift back to where they began, so that a simulator left running for months still quotes a sane level.
_PULL_S = 3 * 86_400
_SHORTEST_GAP_S = 0.02


class Quote(NamedTuple):
    """What a market shows now.

    Attributes:
        tick: The latest price.
        opened: Mid price of the day's first tick.
        high: Highest offer of the day.
        low: Lowest bid of the day.
    """

    tick: Tick
    opened: float
    high: float
    low: float

    @classmethod
    def first(cls, tick: Tick) -> Quote:
        """Return the quote of a day's first tick."""
        return cls(tick, tick.mid, tick.offer, tick.bid)

    def then(self, tick: Tick) -> Quote:
        """Return the quote after one more tick; a new day (UTC) begins anew."""
        if tick.time.date() != self.tick.time.date():
            return Quote.first(tick)
        return Quote(tick, self.opened, max(self.high, tick.offer), min(self.low, tick.bid))


class _Pair:
    """The common price of all epics of one pair, as a factor of their usual levels."""

    def __init__(self, market_id: str, epics: list[Instrument], *, seed: object, start: datetime, speed: float) -> None:
        temper = TEMPERS.get(market_id, _ORDINARY)
        self._epics = epics
        self._random = Random(f"{seed}/{market_id}")
        self._gap_s = temper.gap_s
        self._speed = speed
        self._unit = temper.yearly / math.sqrt(_TRADING_YEAR_S)
        self._log = self._random.gauss(0.0, 0.002)
        self._strain = 0.0
        self._last: dict[str, tuple[float, float]] = {}
        self.next_at = start

    def ticks(self) -> list[Tick]:
        """Return the ticks of ``next_at`` and move on."""
        time = self.next_at
        # Spreads widen in bursts and come back within a few ticks.
        self._strain = 0.7 * self._strain + (self._random.expovariate(1.0) if self._random.random() < 0.08 else 0.0)
        factor, nudge = math.exp(self._log), self._random.choice((-1, 1))
        made = [self._tick(each, factor, nudge, time) for each in self._epics]
        self._move_on()
        return made

    def _tick(self, instrument: Instrument, factor: float, nudge: int, time: datetime) -> Tick:
        scale = 10**instrument.decimals
        spread = instrument.spread_points / instrument.points * (1.0 + self._strain)
        width = max(round(spread * scale), 1)
        bid = round(instrument.mid * factor * scale - width / 2)
        # A price that did not move is no price update; the smallest step is.
        if self._last.get(instrument.epic) == (bid, width):
            bid += nudge
        self._last[instrument.epic] = (bid, width)
        return Tick(
            instrument.epic,
            round(bid / scale, instrument.decimals),
            round((bid + width) / scale, instrument.decimals),
            time,
            time,
            "simulator",
        )

    def _move_on(self) -> None:
        # Ticks come in clusters: gaps are more uneven than a Poisson process (shape below 1).
        gap_s = max(self._random.gammavariate(0.6, self._gap_s / 0.6), _SHORTEST_GAP_S)
        self._log += self._random.gauss(0.0, self._unit * math.sqrt(gap_s)) - self._log * gap_s / _PULL_S
        # The wire knows milliseconds only.
        self.next_at += timedelta(milliseconds=max(round(gap_s * 1000 / self._speed), 1))


class Market:
    """Prices of every instrument, made on demand.

    How often ``advance`` is called makes no difference to what it returns in total.

    Args:
        seed: Same seed, same prices.
        start: Time of the first prices, aware UTC.
        markets: Instruments to quote; all of ``instruments.json`` unless given.
        speed: How many times busier than a real market: gaps shrink, movements within a second grow.

    Threading:
        Not thread-safe.
    """

    def __init__(
        self, seed: object, start: datetime, *, markets: Iterable[Instrument] | None = None, speed: float = 1.0
    ) -> None:
        start = start.replace(microsecond=start.microsecond // 1000 * 1000)
        by_pair: dict[str, list[Instrument]] = {}
        for each in instruments().values() if markets is None else markets:
            by_pair.setdefault(each.market_id, []).append(each)
        pairs = [_Pair(name, epics, seed=seed, start=start, speed=speed) for name, epics in by_pair.items()]
        # The position breaks ties, so that equal times come in one order.
        self._due = [(pair.next_at, position, pair) for position, pair in enumerate(pairs)]
        heapq.heapify(self._due)
        self._quotes: dict[str, Quote] = {}
        self.advance(start)

    @property
    def next_at(self) -> datetime | None:
        """When the next price comes, or ``None`` of a market without instruments."""
        return self._due[0][0] if self._due else None

    def advance(self, now: datetime) -> list[Tick]:
        """Return the prices that came up to ``now`` and were not returned before, in the order of time."""
        ticks: list[Tick] = []
        while self._due and self._due[0][0] <= now:
            _, position, pair = self._due[0]
            ticks += pair.ticks()
            heapq.heapreplace(self._due, (pair.next_at, position, pair))
        for tick in ticks:
            quote = self._quotes.get(tick.epic)
            self._quotes[tick.epic] = Quote.first(tick) if quote is None else quote.then(tick)
        return ticks

    def quote(self, epic: str) -> Quote | None:
        """Return what the market of ``epic`` shows, or ``None`` when there is no such market."""
        return self._quotes.get(epic)
