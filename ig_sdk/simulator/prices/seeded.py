"""Seeded markets: the same seed gives the same prices at the same times.

Pure: time is passed in, randomness comes from the seed.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import NamedTuple

from ig_sdk.simulator.reference.hours import hours_of, same_day
from ig_sdk.simulator.reference.instruments import Instrument, instruments
from ig_sdk.types import Tick


@dataclass(frozen=True)
class VolatilityProfile:
    """How fast and how much one market moves.

    Attributes:
        gap_s: Mean seconds between two prices in busy hours, before ``longest_s`` cuts the longest gaps.
        yearly: Volatility of a year, as a fraction.
        longest_s: Longest time without a price, or ``None`` for no limit.
    """

    gap_s: float
    yearly: float
    longest_s: float | None = None


# Mean gaps as in recorded ticks of busy hours (data/INDEX.md: EURUSD 3,700 to 8,400 an hour at Dukascopy, 1,000 to
# 2,000 at OANDA); volatilities are those of ordinary years. EURUSD has a price in every second, so that a test against
# it never has to wait.
VOLATILITY_PROFILES = {
    "EURUSD": VolatilityProfile(gap_s=0.60, yearly=0.075, longest_s=0.95),
    "GBPUSD": VolatilityProfile(gap_s=0.70, yearly=0.085),
    "USDJPY": VolatilityProfile(gap_s=0.65, yearly=0.095),
    "AUDUSD": VolatilityProfile(gap_s=0.90, yearly=0.100),
    "USDCAD": VolatilityProfile(gap_s=1.00, yearly=0.065),
    "GC": VolatilityProfile(gap_s=0.80, yearly=0.150),
    "PL": VolatilityProfile(gap_s=2.50, yearly=0.220),
    "PA": VolatilityProfile(gap_s=3.00, yearly=0.300),
    "HG": VolatilityProfile(gap_s=2.00, yearly=0.200),
    "CL": VolatilityProfile(gap_s=1.00, yearly=0.300),
    "LCO": VolatilityProfile(gap_s=1.20, yearly=0.280),
    "FT100": VolatilityProfile(gap_s=1.00, yearly=0.130),
    "DE30": VolatilityProfile(gap_s=0.80, yearly=0.170),
    "US500": VolatilityProfile(gap_s=0.70, yearly=0.150),
    "WALL": VolatilityProfile(gap_s=0.75, yearly=0.140),
    "JP225": VolatilityProfile(gap_s=1.30, yearly=0.190),
    "AAPL": VolatilityProfile(gap_s=1.50, yearly=0.260),
}
_ORDINARY = VolatilityProfile(gap_s=1.0, yearly=0.1)

_TRADING_YEAR_S = 252 * 86_400
# Prices drift back to where they began, so that a simulator that runs for months still quotes a sane level.
_REVERSION_S = 3 * 86_400
_SHORTEST_GAP_S = 0.02


def profile_of(market_id: str) -> VolatilityProfile:
    """Return a market's volatility profile."""
    return VOLATILITY_PROFILES.get(market_id, _ORDINARY)


def spread_steps(instrument: Instrument) -> int:
    """Return the narrowest spread of a market, in steps of its last decimal place."""
    return max(round(_spread(instrument)), 1)


def _spread(instrument: Instrument) -> float:
    return float(instrument.spread_points / instrument.points * 10**instrument.decimals)


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
        """Return the quote after one more tick; a new day of the market resets opening, high and low."""
        if not same_day(tick.epic, self.tick.time, tick.time):
            return Quote.first(tick)
        return Quote(tick, self.opened, max(self.high, tick.offer), min(self.low, tick.bid))

    def after(self, day: DaySoFar | None) -> Quote:
        """Return this quote where the day had begun before its first tick."""
        if day is None:
            return self
        return Quote(self.tick, day.opened, max(self.high, day.high), min(self.low, day.low))


class DaySoFar(NamedTuple):
    """What a market's day was like before some time.

    Attributes:
        opened: First mid price.
        high: Highest offer.
        low: Lowest bid.
    """

    opened: float
    high: float
    low: float


class _Epic:
    """One of the epics that share a price: converts the common factor to its own ticks."""

    __slots__ = ("epic", "last", "level", "scale", "spread")

    def __init__(self, instrument: Instrument) -> None:
        self.epic = instrument.epic
        self.scale = 10**instrument.decimals
        self.level = instrument.mid * self.scale
        self.spread = _spread(instrument)
        self.last = (0, 0)


class _Underlying:
    """The common price of all epics of one market, as a factor of their usual levels."""

    def __init__(
        self,
        market_id: str,
        epics: list[Instrument],
        *,
        seed: object,
        start: datetime,
        speed: float,
        level: float | None,
        opening_hours: bool,
    ) -> None:
        profile = profile_of(market_id)
        self._epics = [_Epic(each) for each in epics]
        self._random = Random(f"{seed}/{market_id}")
        self._gap_s = profile.gap_s
        self._longest_s = profile.longest_s or math.inf
        self._speed = speed
        self._unit = profile.yearly / math.sqrt(_TRADING_YEAR_S)
        self._log = self._random.gauss(0.0, 0.002)
        if level is not None:
            self._log = level
        self._mean = self._log
        self._widening = 0.0
        self._hours = hours_of(epics[0]) if opening_hours else None
        # A closed market shows its last price.
        self.next_at = start if self._hours is None else self._hours.last_open(start)

    def ticks(self) -> list[Tick]:
        """Return the ticks of ``next_at``, and draw the next price and its time."""
        time, random = self.next_at, self._random
        # Spreads widen in bursts and narrow again within a few ticks.
        self._widening = 0.7 * self._widening + (random.expovariate(1.0) if random.random() < 0.08 else 0.0)
        factor, nudge, widening = math.exp(self._log), random.choice((-1, 1)), 1.0 + self._widening
        made = []
        for each in self._epics:
            width = round(each.spread * widening) or 1
            bid = round(each.level * factor - width / 2)
            # An unchanged price would be no price update, so it moves by the smallest step.
            if each.last == (bid, width):
                bid += nudge
            each.last = (bid, width)
            made.append(Tick(each.epic, bid / each.scale, (bid + width) / each.scale, time, time, "simulator"))
        self._draw_next()
        return made

    def _draw_next(self) -> None:
        # Ticks come in clusters: gaps are more uneven than a Poisson process (shape below 1).
        gap_s = max(self._random.gammavariate(0.6, self._gap_s / 0.6), _SHORTEST_GAP_S)
        gap_s = min(gap_s, self._longest_s)
        reversion = (self._mean - self._log) * gap_s / _REVERSION_S
        self._log += self._random.gauss(0.0, self._unit * math.sqrt(gap_s)) + reversion
        # Times on the wire are in milliseconds.
        self.next_at += timedelta(milliseconds=max(round(gap_s * 1000 / self._speed), 1))
        if self._hours is not None:
            self.next_at = self._hours.next_open(self.next_at)

    def leap(self, time: datetime) -> None:
        """Skip to ``time`` in one movement, without the prices in between."""
        gap_s = (time - self.next_at).total_seconds()
        if gap_s > 0:
            away = (self._log - self._mean) * math.exp(-gap_s / _REVERSION_S)
            step = self._random.gauss(0.0, self._unit * math.sqrt(min(gap_s, _REVERSION_S)))
            self._log = self._mean + away + step
            self.next_at = time if self._hours is None else self._hours.next_open(time)


class Market:
    """Prices of every instrument, generated on demand.

    How often ``advance`` is called makes no difference to the ticks it returns in total.

    Args:
        seed: Same seed, same prices.
        start: Time of the first prices, aware UTC.
        markets: Instruments to quote; all of ``instruments.json`` unless given.
        speed: How many times busier than a real market: gaps shrink, movements within a second grow.
        level: Returns the price at which a market begins, by market id, as the logarithm of its ratio to the usual
            level: the end of its past. Near the usual level unless given.
        opening_hours: Send no prices while the real markets are closed.
        before: Returns what the day of an epic was like before its first price; as if there was nothing unless given.

    Attributes:
        opening: The prices that the markets begin with.

    Threading:
        Not thread-safe.
    """

    def __init__(
        self,
        seed: object,
        start: datetime,
        *,
        markets: Iterable[Instrument] | None = None,
        speed: float = 1.0,
        level: Callable[[str], float] | None = None,
        opening_hours: bool = False,
        before: Callable[[str, datetime], DaySoFar | None] = lambda _epic, _time: None,
    ) -> None:
        start = start.replace(microsecond=start.microsecond // 1000 * 1000)
        by_id: dict[str, list[Instrument]] = {}
        for each in instruments().values() if markets is None else markets:
            by_id.setdefault(each.market_id, []).append(each)
        made = [
            _Underlying(
                name,
                epics,
                seed=seed,
                start=start,
                speed=speed,
                level=None if level is None else level(name),
                opening_hours=opening_hours,
            )
            for name, epics in by_id.items()
        ]
        # The position breaks ties, so that prices with equal times always come in the same order.
        self._due = [(each.next_at, position, each) for position, each in enumerate(made)]
        heapq.heapify(self._due)
        self._before = before
        self._quotes: dict[str, Quote] = {}
        self.opening = self.advance(start)

    @property
    def next_at(self) -> datetime | None:
        """When the next price comes, or ``None`` if there are no instruments."""
        return self._due[0][0] if self._due else None

    def advance(self, now: datetime) -> list[Tick]:
        """Return the prices up to ``now`` that were not returned before, in order of time."""
        ticks: list[Tick] = []
        while self._due and self._due[0][0] <= now:
            _, position, underlying = self._due[0]
            ticks += underlying.ticks()
            heapq.heapreplace(self._due, (underlying.next_at, position, underlying))
        for tick in ticks:
            quote = self._quotes.get(tick.epic)
            if quote is None:
                self._quotes[tick.epic] = Quote.first(tick).after(self._before(tick.epic, tick.time))
            else:
                self._quotes[tick.epic] = quote.then(tick)
        return ticks

    def leap(self, time: datetime) -> None:
        """Skip to ``time``, without the prices before it."""
        for _, _, underlying in self._due:
            underlying.leap(time)
        self._due = [(underlying.next_at, position, underlying) for _, position, underlying in self._due]
        heapq.heapify(self._due)

    def quote(self, epic: str) -> Quote | None:
        """Return what the market of ``epic`` shows, or ``None`` when there is no such market."""
        return self._quotes.get(epic)
