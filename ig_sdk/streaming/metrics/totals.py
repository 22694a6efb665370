"""How counts become figures: rates over the last minute, and totals that never go back."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import fields, replace
from typing import Any, Final, TypeVar

from ig_sdk.streaming.metrics.snapshot import ConnectionMetrics, MarketMetrics, PollingMetrics

# Markets whose totals are kept after their last reader is gone.
_CLOSED_KEPT: Final = 1_000
_MINUTE_S: Final = 60.0
_SAMPLE_S: Final = 1.0

Counted = TypeVar("Counted", ConnectionMetrics, PollingMetrics, MarketMetrics)


def continued(now: Counted, before: Counted) -> Counted:
    """Return ``now`` with the counts of ``before`` added: what replaces something goes on counting where that ended.

    Args:
        now: The state, with the counts since it began.
        before: What came before it.
    """
    counts: dict[str, Any] = {
        each.name: getattr(now, each.name) + getattr(before, each.name)
        for each in fields(now)
        if each.metadata.get("counts")
    }
    if isinstance(now, MarketMetrics):
        kinds = now.set_aside.keys() | before.set_aside.keys()
        counts["set_aside"] = {kind: now.set_aside.get(kind, 0) + before.set_aside.get(kind, 0) for kind in kinds}
    return replace(now, **counts)


class ClosedMarkets:
    """Totals of the markets that nobody reads any more, so that no counter goes back when one is opened again.

    Totals of the last thousand are kept.

    Threading:
        Not safe: the owner holds the lock that guards which markets are open over each call too, so that a market is
        never counted twice or not at all.
    """

    def __init__(self) -> None:
        self._closed: dict[str, MarketMetrics] = {}

    def add(self, market: MarketMetrics) -> None:
        """Take the counts of a market that is closed now."""
        before = self._closed.pop(market.epic, None)
        rest = MarketMetrics(
            epic=market.epic,
            readers=0,
            wanted=market.wanted,
            set_aside=market.set_aside,
            **{each.name: getattr(market, each.name) for each in fields(market) if each.metadata.get("counts")},
        )
        self._closed[market.epic] = rest if before is None else continued(rest, before)
        if len(self._closed) > _CLOSED_KEPT:
            del self._closed[next(iter(self._closed))]

    def joined(self, markets: Iterable[MarketMetrics]) -> dict[str, MarketMetrics]:
        """Return all markets by epic: the open ones with what was counted of them before, then the closed ones."""
        found: dict[str, MarketMetrics] = {}
        for market in markets:
            # A market that is streamed and polled at once is one market.
            twice = found.get(market.epic)
            found[market.epic] = market if twice is None else _both(twice, market)
        for epic, closed in self._closed.items():
            now = found.get(epic)
            found[epic] = closed if now is None else continued(now, closed)
        return found


def _both(one: MarketMetrics, other: MarketMetrics) -> MarketMetrics:
    """Return what two sources of one market have counted; the stream says how it is."""
    first, second = (other, one) if other.wanted == "stream" != one.wanted else (one, other)
    return replace(
        continued(first, second),
        readers=first.readers + second.readers,
        ticks_per_s=first.ticks_per_s + second.ticks_per_s,
        set_aside_per_s=first.set_aside_per_s + second.set_aside_per_s,
        buffer_depth=max(first.buffer_depth, second.buffer_depth),
    )


class Rate:
    """How often something happens in a second, over the last minute; notes its count once a second.

    ::

        if now >= rate.due:      # one comparison for each tick
            rate.note(now, count)
        count += 1

    Threading:
        One thread notes; any thread reads.
    """

    __slots__ = ("_samples", "due")

    def __init__(self) -> None:
        self.due = -math.inf
        # Replaced as a whole, so that a reader never sees half of it.
        self._samples: tuple[tuple[float, int], ...] = ()

    def note(self, now: float, count: int) -> None:
        """Note the count before what happens at ``now``.

        Args:
            now: Monotonic seconds.
            count: How often it had happened before.
        """
        if now >= self.due:
            self.due = now + _SAMPLE_S
            self._samples = (*self._samples[-int(_MINUTE_S) :], (now, count))

    def per_s(self, now: float, count: int) -> float:
        """Return how often it happened in a second.

        Args:
            now: Monotonic seconds.
            count: How often it has happened so far.
        """
        samples, edge = self._samples, now - _MINUTE_S
        inside = [index for index, (at, _) in enumerate(samples) if at > edge]
        if not inside:
            # All of it happened in one second that began before the edge.
            last = samples[-1] if samples else (edge, count)
            return (count - last[1]) * _part_after(edge, last[0], now) / _MINUTE_S
        first = inside[0]
        happened = float(count - samples[first][1])
        if first:  # what happened in the second that lies across the edge counts in part
            began, before = samples[first - 1]
            happened += (samples[first][1] - before) * _part_after(edge, began, samples[first][0])
        return happened / _MINUTE_S if first else happened / min(max(now - samples[0][0], _SAMPLE_S), _MINUTE_S)


def _part_after(edge: float, began: float, ended: float) -> float:
    """Return which part of the second that began at ``began`` lies after ``edge``."""
    end = min(began + _SAMPLE_S, ended)
    return max(end - edge, 0.0) / (end - began) if end > began else 0.0
