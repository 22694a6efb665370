"""One market inside an orchestrator: its aggregator, its strategies, its counts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta

from ig_sdk.candles import CandleAggregator
from ig_sdk.logs import FailureLog, get_logger
from ig_sdk.pipeline.report import MarketReport
from ig_sdk.pipeline.sinks import Outlet
from ig_sdk.pipeline.strategies import Action, Signal, Strategy
from ig_sdk.types import Candle, Tick

_log = get_logger("pipeline")


class MarketPipeline:
    """Takes the ticks of one market: candles to the outlet, then to the strategies, their signals to the outlet.

    Args:
        aggregator: Of this market.
        strategies: Copies for this market.
        outlet: Where records go.
        monotonic: Gives seconds, if candles also close on time.
    """

    def __init__(
        self,
        aggregator: CandleAggregator,
        strategies: Sequence[Strategy],
        outlet: Outlet,
        monotonic: Callable[[], float] | None,
    ) -> None:
        self.strategies = strategies
        self.strategy_errors = 0
        self._failures = FailureLog(_log)
        self._aggregator = aggregator
        self._on_tick = aggregator.on_tick
        self._outlet = outlet
        self._monotonic = monotonic
        self._latest: Tick | None = None
        self._seen_at = 0.0
        self._ticks = self._candles = self._signals = self._refused = 0

    def take(self, tick: Tick) -> None:
        """Take one tick."""
        self._ticks += 1
        try:
            closed = self._on_tick(tick)
        except (ValueError, TypeError) as error:
            self._refused += 1
            _log.warning("tick of %s refused: %s", tick.epic, error)
            return
        if self._monotonic is not None:
            self._latest, self._seen_at = tick, self._monotonic()
        if closed:
            self._emit(closed)

    def advance(self, monotonic: float, grace_s: float) -> None:
        """Close the candles that ended more than ``grace_s`` ago by the market's own clock."""
        if self._latest is None:
            return
        try:
            now = self._latest.time + timedelta(seconds=monotonic - self._seen_at - grace_s)
        except OverflowError:  # the tick's time is near the year 9999
            return
        self._emit(self._aggregator.advance(now))

    def flush(self) -> None:
        """Write the open candle to the outlet; strategies see closed ones only."""
        for candle in self._aggregator.flush():
            self._outlet.write(candle)

    def report(self) -> MarketReport:
        """Return the counts."""
        return MarketReport(self._ticks, self._candles, self._signals, self._aggregator.late_ticks, self._refused)

    def _emit(self, candles: Iterable[Candle]) -> None:
        for candle in candles:
            self._candles += 1
            self._outlet.write(candle)
            for strategy in self.strategies:
                signal = self._ask(strategy, candle)
                if signal is not None and signal.action is not Action.HOLD:
                    self._signals += 1
                    self._outlet.write(signal)

    def _ask(self, strategy: Strategy, candle: Candle) -> Signal | None:
        try:
            signal = strategy.on_candle(candle)
            if not isinstance(signal, Signal):
                raise TypeError(f"a strategy answers with a Signal, not {signal!r:.80}")  # noqa: TRY301 -- logged below
        except Exception:  # noqa: BLE001 -- a strategy is the user's: no error of it stops the run
            self.strategy_errors += 1
            self._failures.report("strategy %s failed on a candle of %s", type(strategy).__name__, candle.epic)
            return None
        return signal
