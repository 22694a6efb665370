"""Candles made of live ticks: a second, a minute and an hour long."""

from __future__ import annotations

import threading

from ig_sdk.simulator.reference.hours import epoch_s
from ig_sdk.types import Tick

# Start, then open, high, low and close of the bid, the same of the offer, and the number of prices.
Row = tuple[int, float, float, float, float, float, float, float, float, int]

LENGTHS_S = (1, 60, 3_600)
# An hour of seconds, a week of minutes, a year of hours: bounded, so that each market takes some ten MB at most.
_MOST = {1: 3_600, 60: 10_080, 3_600: 9_000}


def joined(rows: list[Row]) -> Row:
    """Return several candles, at least one and in order, joined into one."""
    starts, opens, highs, lows, _, offer_opens, offer_highs, offer_lows, _, volumes = zip(*rows, strict=True)
    last = rows[-1]
    bid = opens[0], max(highs), min(lows), last[4]
    offer = offer_opens[0], max(offer_highs), min(offer_lows), last[8]
    return (starts[0], *bid, *offer, sum(volumes))


class _Series:
    """The candles of one market."""

    def __init__(self, first: int) -> None:
        self.first = first
        self._second = first
        self._bids: list[float] = []
        self._offers: list[float] = []
        self._rows: dict[int, dict[int, Row]] = {length: {} for length in LENGTHS_S}

    def add(self, second: int, bid: float, offer: float) -> None:
        if second != self._second:
            self._fold()
            self._second = second
        self._bids.append(bid)
        self._offers.append(offer)

    def rows(self, length: int, start: int, end: int) -> list[Row]:
        self._fold()
        known = self._rows[length]
        return [known[at] for at in range(-(-start // length) * length, end, length) if at in known]

    def _fold(self) -> None:
        """Add the prices collected for the current second to its three candles."""
        bids, offers = self._bids, self._offers
        if not bids:
            return
        self.first = min(self.first, self._second)
        bid, offer = (bids[0], max(bids), min(bids), bids[-1]), (offers[0], max(offers), min(offers), offers[-1])
        for length, known in self._rows.items():
            start = self._second // length * length
            row: Row = (start, *bid, *offer, len(bids))
            known[start] = joined([known[start], row]) if start in known else row
            if len(known) > _MOST[length]:
                del known[next(iter(known))]
        self._bids, self._offers = [], []


class LiveCandles:
    """Candles of live ticks, by market.

    Threading:
        Safe from any thread.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._series: dict[str, _Series] = {}

    def add(self, tick: Tick) -> None:
        """Add one tick."""
        second = epoch_s(tick.time)
        with self._lock:
            series = self._series.get(tick.epic)
            if series is None:
                series = self._series[tick.epic] = _Series(second)
            series.add(second, tick.bid, tick.offer)

    def first(self, epic: str) -> int | None:
        """Return the second of the first tick of a market, or ``None`` before it."""
        with self._lock:
            series = self._series.get(epic)
            return None if series is None else series.first

    def rows(self, epic: str, length: int, start: int, end: int) -> list[Row]:
        """Return the candles of a market that begin in ``[start, end)``, oldest first.

        Args:
            epic: Market.
            length: One of ``LENGTHS_S``.
            start: Seconds since 1970.
            end: Seconds since 1970.
        """
        with self._lock:
            series = self._series.get(epic)
            return [] if series is None else series.rows(length, start, end)
