"""One market's past as a tree: days into hours into minutes into seconds, each node made when it is asked for. Pure.

A node's open, high, low and close come first and its children are made to fit them, so candles of any two lengths
agree, and no price needs the walk from the beginning of time. All are logarithms of the ratio to the usual level.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import lru_cache
from hashlib import blake2b, shake_128
from itertools import accumulate, islice
from random import Random
from struct import Struct, unpack
from typing import NamedTuple

from ig_sdk.simulator.reference.hours import Hours

DAY_S, HOUR_S = 86_400, 3_600
LEVELS_S = (DAY_S, HOUR_S, 300, 60, 1)
SECONDS = len(LEVELS_S) - 1

_TRADING_DAYS = 252
_ERA_DAYS = 256
# How far a market strays from its usual level, in years' worth of its volatility: it comes back within years.
_STRAY = 0.7
# The range of a random walk, led past its high and low, is about this many times its standard deviation.
_RANGE = 2.2
# How busy the hours of a day (UTC) are.
_BUSY = (4, 4, 4, 4, 4, 5, 8, 12, 15, 14, 12, 11, 13, 17, 18, 17, 14, 10, 8, 7, 6, 5, 4, 4)
_KEPT_SPLITS = 512
_PLACE = Struct("<8sqB")
_MOST = 65_536
# Of a uniform number of that many steps, which the walks are made of.
_DEVIATION = _MOST / math.sqrt(12)
_MIDDLE = (_MOST - 1) / 2


class Node(NamedTuple):
    """One interval.

    Attributes:
        start: Seconds since 1970.
        open: First price, like the others as a logarithm.
        high: Highest.
        low: Lowest.
        close: Last.
        volume: Number of prices.
    """

    start: int
    open: float
    high: float
    low: float
    close: float
    volume: int


class PastTree:
    """The past of the epics that share one price.

    Args:
        name: Seed and market, as text.
        yearly: Volatility of a year, as a fraction.
        gap_s: Mean seconds between two prices.
        hours: When it is open.

    Threading:
        Safe from any thread.
    """

    def __init__(self, name: str, *, yearly: float, gap_s: float, hours: Hours) -> None:
        self._name = name
        self._key = blake2b(name.encode(), digest_size=8).digest()
        self._yearly = yearly
        self._gap_s = gap_s
        self._hours = hours
        # A usual day of the week is a whole one: its pauses hold no movement.
        self._full_s = max(sum(end - start for start, end in hours.open_s(day)) for day in range(7))
        self._era = lru_cache(maxsize=64)(self._make_era)
        self._kept = lru_cache(maxsize=_KEPT_SPLITS)(self._split)

    def nodes(self, level: int, start: int, end: int) -> Iterator[Node]:
        """Yield the nodes of one level that begin in ``[start, end)``, oldest first.

        Args:
            level: Index in ``LEVELS_S``.
            start: Seconds since 1970.
            end: Likewise.
        """
        if level == 0:
            for day in range(-(-start // DAY_S), -(-end // DAY_S)):
                node = self._day(day)
                if node is not None:
                    yield node
            return
        above = LEVELS_S[level - 1]
        for parent in self.nodes(level - 1, start // above * above, end):
            for child in self.children(level - 1, parent):
                if start <= child.start < end:
                    yield child

    def children(self, level: int, node: Node) -> list[Node]:
        """Return the nodes of the next level that a node of ``level`` consists of."""
        return self._split(level, node) if level == SECONDS - 1 else self._kept(level, node)

    def close_before(self, second: int) -> float:
        """Return the last price before ``second``."""
        day = second // DAY_S
        node = self._day(day)
        price, _ = self._boundaries(day)
        level = 0
        while node is not None and level < SECONDS:
            before = [child for child in self.children(level, node) if child.start < second]
            level += 1
            node = before[-1] if before else None
            if node is None:
                continue
            if node.start + LEVELS_S[level] <= second:
                return node.close
            price = node.open
        return price

    # ---- days

    def _share(self, day: int) -> float:
        """Return how much of a whole dealing day a day is."""
        return sum(end - start for start, end in self._hours.open_s(day)) / self._full_s

    def _boundaries(self, day: int) -> tuple[float, float]:
        """Return the prices at the beginning and at the end of a day."""
        era, place = self._era(day // _ERA_DAYS), day % _ERA_DAYS
        return era[place], era[place + 1]

    def _anchor(self, era: int) -> float:
        return Random(f"{self._name}/{era}").gauss(0.0, _STRAY * self._yearly)

    def _make_era(self, era: int) -> list[float]:
        """Return the price at the beginning of each of an era's days and at its end: a walk from anchor to anchor."""
        random = Random(f"{self._name}/{era}/days")
        shares = [self._share(day) for day in range(era * _ERA_DAYS, (era + 1) * _ERA_DAYS)]
        steps = [random.gauss(0.0, self._yearly * math.sqrt(share / _TRADING_DAYS)) for share in shares]
        first, last = self._anchor(era), self._anchor(era + 1)
        bend = (last - first - sum(steps)) / sum(shares)
        moves = (step + bend * share for step, share in zip(steps, shares, strict=True))
        return [*islice(accumulate(moves, initial=first), _ERA_DAYS), last]

    def _day(self, day: int) -> Node | None:
        """Return a day, or ``None`` when the market was closed on it."""
        share = self._share(day)
        if not share:
            return None
        opens, closes = self._boundaries(day)
        ups, downs, busy = unpack("<3H", shake_128(_PLACE.pack(self._key, day, SECONDS)).digest(6))
        # The law of the highest point of a random walk between two prices.
        apart, twice = (closes - opens) ** 2, 2.0 * self._yearly**2 * share / _TRADING_DAYS
        up = math.sqrt(apart - twice * math.log((ups + 1) / _MOST))
        down = math.sqrt(apart - twice * math.log((downs + 1) / _MOST))
        middle, volume = (opens + closes) / 2, share * self._full_s / self._gap_s * (0.75 + busy / _MOST / 2)
        high, low = max(middle + up / 2, opens, closes), min(middle - down / 2, opens, closes)
        return Node(day * DAY_S, opens, high, low, closes, max(round(volume), 1))

    # ---- the parts of a node

    def _split(self, level: int, node: Node) -> list[Node]:
        length = LEVELS_S[level + 1]
        starts: Sequence[int] = range(node.start, node.start + LEVELS_S[level], length)
        weights = self._weights(node.start, starts, length) if level < 2 else [1] * len(starts)
        # Four numbers for each part, by the node's place in time and not by who asked before.
        digest = shake_128(_PLACE.pack(self._key, node.start, level)).digest(8 * len(starts))
        numbers = unpack(f"<{4 * len(starts)}H", digest)
        volumes = _shared(node.volume, weights, numbers, length)
        if not all(volumes):
            there = [index for index, volume in enumerate(volumes) if volume]
            starts, weights, volumes = ([part[index] for index in there] for part in (starts, weights, volumes))
        return _filled(node, starts, weights, volumes, numbers)

    def _weights(self, start: int, starts: Sequence[int], length: int) -> list[int]:
        """Return how much happens in each part of an interval in which the market may close or open."""
        spans = self._hours.open_s(start // DAY_S)
        opened = [sum(max(min(at + length, end) - max(at, begin), 0) for begin, end in spans) for at in starts]
        return [part * _BUSY[at % DAY_S // HOUR_S] for at, part in zip(starts, opened, strict=True)]


def _shared(volume: int, weights: Sequence[int], numbers: Sequence[int], length: int) -> list[int]:
    """Return the parts of a volume: nothing is lost by rounding."""
    if length == 1:
        # Prices come in clusters; within a second this shows.
        shares = [weight * number * number for weight, number in zip(weights, numbers[::4], strict=True)]
    else:
        shares = [weight * (number + 40_000) for weight, number in zip(weights, numbers[::4], strict=True)]
    total, so_far, counted, parts = sum(shares) or 1, 0, 0, []
    for share in shares:
        so_far += share
        upto = (2 * volume * so_far + total) // (2 * total)
        parts.append(upto - counted)
        counted = upto
    return parts


def _filled(
    node: Node, starts: Sequence[int], weights: Sequence[int], volumes: Sequence[int], numbers: Sequence[int]
) -> list[Node]:
    """Return the parts of a node: a walk from its open to its close by way of its high and its low."""
    total, way = sum(weights), node.close - node.open
    unit = (node.high - node.low) / _RANGE / _DEVIATION / math.sqrt(total)
    so_far, walk, steps = 0, 0.0, []
    for weight, number in zip(weights, numbers[1::4], strict=False):
        so_far += weight
        walk += (number - _MIDDLE) * weight**0.5
        steps.append((so_far / total, walk))
    path = [node.open + way * part + unit * (step - walk * part) for part, step in steps]
    path[-1] = node.close
    # How far a price goes beyond its open and its close, at most.
    reach = unit * _DEVIATION * math.sqrt(total / len(weights))
    if len(path) > 1:
        _bend(path, node, reach / 4)
    closes = [node.high if at > node.high else max(at, node.low) for at in path]
    opens, reach = [node.open, *closes[:-1]], reach / _MOST**2
    highs, lows = [], []
    for begin, end, up, down in zip(opens, closes, numbers[2::4], numbers[3::4], strict=False):
        high, low = (begin, end) if begin > end else (end, begin)
        high, low = high + reach * up * up, low - reach * down * down
        highs.append(min(node.high, high))
        lows.append(max(node.low, low))
    # One part holds the node's own extremes: the one that came nearest.
    highs[highs.index(max(highs))] = node.high
    lows[lows.index(min(lows))] = node.low
    return list(map(Node._make, zip(starts, opens, highs, lows, closes, volumes, strict=True)))


def _bend(path: list[float], node: Node, wick: float) -> None:
    """Lead a walk past the high and the low of its node where it is highest and lowest, all but its end."""
    last = len(path) - 1
    peak = max(range(last), key=path.__getitem__)
    trough = min(range(last), key=path.__getitem__)
    bends = {peak: node.high - wick - path[peak], trough: node.low + wick - path[trough]}
    place, moved = -1, 0.0
    for knot, move in (*sorted(bends.items()), (last, 0.0)):
        slope = (move - moved) / (knot - place)
        for step in range(1, knot - place + 1):
            path[place + step] += moved + slope * step
        place, moved = knot, move
