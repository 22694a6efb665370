"""What an orchestrator counts: ticks, candles, signals, gaps and latency, in fixed memory; no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import log

# Buckets grow by 5 % from a microsecond to a quarter of an hour: a percentile is right to 2.5 %.
_FIRST_MS = 0.001
_GROWTH = 1.05
_BUCKETS = 420
_PER_LOG = 1.0 / log(_GROWTH)


class Latencies:
    """A histogram of milliseconds: percentiles of any number of values in fixed memory."""

    def __init__(self) -> None:
        self._counts = [0] * _BUCKETS
        self._total = 0

    def add(self, ms: float) -> None:
        """Count one latency; a negative one (two clocks that differ) counts as zero."""
        place = int(log(ms / _FIRST_MS) * _PER_LOG) + 1 if ms > _FIRST_MS else 0
        self._counts[min(place, _BUCKETS - 1)] += 1
        self._total += 1

    def percentile(self, percent: float) -> float | None:
        """Return the latency in milliseconds that ``percent`` of all do not exceed; ``None`` if there are none."""
        wanted, seen = self._total * percent / 100.0, 0
        for place, count in enumerate(self._counts):
            seen += count
            if count and seen >= wanted:
                return float(_FIRST_MS * _GROWTH ** (place - 0.5)) if place else _FIRST_MS
        return None


@dataclass(frozen=True, slots=True)
class MarketReport:
    """Counts of one market.

    Attributes:
        ticks: Ticks taken, late ones included.
        candles: Closed candles.
        signals: Signals that were passed on; ``HOLD`` is none.
        late_ticks: Ticks refused because their candle was already closed.
        refused_ticks: Ticks refused because a price or the time was invalid.
        ahead_ticks: Ticks not believed because their time was ahead.
        set_aside: Ticks whose prices cannot be true (zero, below zero, many times the price before).
        held: Signals held back because the prices behind them could not be trusted.
    """

    ticks: int = 0
    candles: int = 0
    signals: int = 0
    late_ticks: int = 0
    refused_ticks: int = 0
    ahead_ticks: int = 0
    set_aside: int = 0
    held: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """What a run has done so far; ``str()`` gives it in one line.

    Attributes:
        ticks: Ticks taken from the source, late ones included.
        candles: Closed candles.
        signals: Signals that were passed on; ``HOLD`` is none.
        gaps: ``Gap`` events: times after which ticks may be missing.
        lost_updates: Ticks that ``UpdatesLost`` events reported as lost.
        late_ticks: Ticks refused because their candle was already closed.
        refused_ticks: Ticks refused because a price or the time was invalid.
        ahead_ticks: Ticks not believed because their time was ahead.
        set_aside: Ticks whose prices cannot be true (zero, below zero, many times the price before).
        strategy_errors: Exceptions of strategies; each was logged and stopped nothing.
        sink_errors: Exceptions of sinks; each was logged and stopped nothing.
        latency_p50_ms: Median time from a tick's ``time`` (or its arrival, see ``latency_from``) to the end of its
            handling; ``None`` for ticks of a file, which have neither.
        latency_p99_ms: The same; one tick in a hundred is slower.
        elapsed_s: How long the run took, so far or until its end.
        failure: Why the source failed, or ``None``.
        events: What the source yielded besides ticks, counted by kind.
        by_epic: The counts of each market.
        held: Signals held back because the prices behind them could not be trusted.
        backfilled: Candles that came from history for those with gaps.
        backfill_failures: Requests for such candles that failed; the log says why, once.
    """

    ticks: int = 0
    candles: int = 0
    signals: int = 0
    gaps: int = 0
    lost_updates: int = 0
    late_ticks: int = 0
    refused_ticks: int = 0
    strategy_errors: int = 0
    sink_errors: int = 0
    latency_p50_ms: float | None = None
    latency_p99_ms: float | None = None
    elapsed_s: float = 0.0
    failure: str | None = None
    events: Mapping[str, int] = field(default_factory=dict)
    by_epic: Mapping[str, MarketReport] = field(default_factory=dict)
    ahead_ticks: int = 0
    set_aside: int = 0
    held: int = 0
    backfilled: int = 0
    backfill_failures: int = 0

    def __str__(self) -> str:
        parts = [f"ticks {self.ticks}", f"candles {self.candles}", f"signals {self.signals}", f"gaps {self.gaps}"]
        rare = (
            "held",
            "backfilled",
            "backfill_failures",
            "lost_updates",
            "late_ticks",
            "refused_ticks",
            "ahead_ticks",
            "set_aside",
            "strategy_errors",
            "sink_errors",
        )
        parts += [f"{name.replace('_', ' ')} {getattr(self, name)}" for name in rare if getattr(self, name)]
        if self.latency_p50_ms is not None and self.latency_p99_ms is not None:
            parts.append(f"latency p50 {self.latency_p50_ms:.3g} ms, p99 {self.latency_p99_ms:.3g} ms")
        if self.failure:
            parts.append(f"failed: {self.failure}")
        return " · ".join(parts)
