"""One market inside an orchestrator: its aggregator, its strategies, its counts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from math import isfinite

from ig_sdk.candles import CandleAggregator, is_ahead
from ig_sdk.logs import Repeats, get_logger
from ig_sdk.pipeline.holding import Held, SignalGate
from ig_sdk.pipeline.repairs import Repairs
from ig_sdk.pipeline.report import MarketReport
from ig_sdk.pipeline.sinks import Outlet
from ig_sdk.pipeline.strategies import Action, Signal, Strategy
from ig_sdk.streaming.quality import IMPOSSIBLE_ONLY, QualityFilter
from ig_sdk.types import Candle, Tick

_log = get_logger("pipeline")
# One late tick is nothing; so many in a row, and the market's candles stand still.
_LATE_ROW = 10


class MarketPipeline:
    """Takes the ticks of one market: candles to the outlet, then to the strategies, their signals to the outlet.

    Args:
        aggregator: Of this market.
        strategies: Copies for this market.
        outlet: Where records go.
        monotonic: Gives seconds, if candles also close on time.
        gate: Holds signals back while the prices are not to be trusted; without it all pass.
        request: Called with the epic, the beginning and the end of each span whose candles a history is to fill.
    """

    def __init__(
        self,
        aggregator: CandleAggregator,
        strategies: Sequence[Strategy],
        outlet: Outlet,
        monotonic: Callable[[], float] | None,
        *,
        gate: SignalGate | None = None,
        request: Callable[[str, datetime, datetime], None] | None = None,
    ) -> None:
        self.strategies = strategies
        self.strategy_errors = 0
        self._aggregator = aggregator
        self._on_tick = aggregator.on_tick
        self._outlet = outlet
        self._monotonic = monotonic
        self._gate = gate
        self._request = request
        self._repairs = Repairs(aggregator.resolution)
        self._sampled = False
        self._last_opens_at: datetime | None = None  # of the last closed candle with ticks
        self._latest: Tick | None = None
        self._doubted: Tick | None = None
        self._seen_at = 0.0
        self._ticks = self._candles = self._signals = self._held = self._refused = self._set_aside = 0
        self._judge = QualityFilter(IMPOSSIBLE_ONLY).judge
        self._repeats = Repeats(_log)
        self._late = self._ahead = self._late_row = 0

    def take(self, tick: Tick) -> None:
        """Take one tick."""
        self._ticks += 1
        try:
            reason = self._judge(tick)
            if reason is not None and isfinite(tick.bid + tick.offer):
                self._aside(tick, reason)
                return
            closed = self._on_tick(tick)
        except (ValueError, TypeError) as error:
            self._refused += 1
            self._repeats.warning(type(error), f"tick of {tick.epic} refused: {error}")
            return
        self._check_time(tick)
        if self._monotonic is not None:
            self._follow(tick, self._monotonic())
        if closed:
            self._emit(closed)
            self._repair(tick.time)

    def mark_gap(self) -> None:
        """Note that prices may be missing between the last tick and the next."""
        self._begin_repair()
        self._aggregator.mark_gap()

    def open_hole(self) -> None:
        """Note that ticks may be missing from now on; ``close_hole`` will say whether any are."""
        self._begin_repair()
        self._aggregator.open_hole()

    def close_hole(self, *, missing: bool) -> None:
        """Note that a hole has ended, and whether ticks may be missing."""
        if missing:
            self._begin_repair()
        elif self._aggregator.hole_open:
            self._repairs.nothing_missed()
        self._aggregator.close_hole(missing=missing)

    def sampled(self, *, on: bool) -> None:
        """Note whether the ticks from now on are polled, with others missing in between."""
        if on != self._sampled:
            self._sampled = on
            self._begin_repair()
        self._aggregator.sampled(on=on)

    def _begin_repair(self) -> None:
        closes_at = self._aggregator.closes_at
        opens_at = self._last_opens_at if closes_at is None else closes_at - self._aggregator.resolution
        if opens_at is not None:
            self._repairs.begin(opens_at)

    def _repair(self, now: datetime | None) -> None:
        """Ask for the candles with gaps that are due, unless more of the same hole will follow."""
        epic = self._aggregator.epic
        if self._request is None or epic is None or not self._repairs.pending:
            return
        if not self._sampled and not self._aggregator.hole_open:
            for begins, ends in self._repairs.take(now):
                self._request(epic, begins, ends)

    def _aside(self, tick: Tick, reason: str) -> None:
        self._set_aside += 1
        self._repeats.warning("set aside", f"tick of {tick.epic} at {tick.time} set aside: {reason}")

    def _check_time(self, tick: Tick) -> None:
        """Tell ticks that are ahead, and a market whose ticks are all late: neither moves a candle."""
        aggregator = self._aggregator
        late, ahead = aggregator.late_ticks, aggregator.ahead_ticks
        self._late_row = self._late_row + 1 if late > self._late else 0
        if ahead > self._ahead:
            self._repeats.warning("ahead", f"{tick.epic}: a tick at {tick.time} is ahead of its time; not believed yet")
        if self._late_row == _LATE_ROW:
            text = f"{tick.epic}: {_LATE_ROW} ticks in a row are older than the open candle and move none"
            self._repeats.warning("late", text)
        self._late, self._ahead = late, ahead

    def _follow(self, tick: Tick, monotonic: float) -> None:
        """Set the market's own clock by a tick; one that is ahead only when the next agrees."""
        doubted, self._doubted = self._doubted, None
        if is_ahead(tick, self._latest) and (doubted is None or tick.time < doubted.time):
            self._doubted = tick
        else:
            self._latest, self._seen_at = tick, monotonic

    def advance(self, monotonic: float, grace_s: float) -> None:
        """Close the candles that ended more than ``grace_s`` ago by the market's own clock."""
        if self._latest is None:
            return
        try:
            now = self._latest.time + timedelta(seconds=monotonic - self._seen_at - grace_s)
        except OverflowError:  # the tick's time is near the year 9999
            return
        self._emit(self._aggregator.advance(now))
        self._repair(now)

    def flush(self) -> None:
        """Write the open candle to the outlet; strategies see closed ones only."""
        for candle in self._aggregator.flush():
            self._outlet.write(candle)
        self._repair(None)

    def report(self) -> MarketReport:
        """Return the counts."""
        aggregator = self._aggregator
        return MarketReport(
            self._ticks,
            self._candles,
            self._signals,
            aggregator.late_ticks,
            self._refused,
            aggregator.ahead_ticks,
            self._set_aside,
            self._held,
        )

    def _emit(self, candles: Iterable[Candle]) -> None:
        for candle in candles:
            self._candles += 1
            self._repairs.note(candle, hole_open=self._aggregator.hole_open)
            if candle.ticks:
                self._last_opens_at = candle.opens_at
            self._outlet.write(candle)
            for strategy in self.strategies:
                signal = self._ask(strategy, candle)
                if signal is not None and signal.action is not Action.HOLD:
                    self._pass_on(signal, candle)

    def _pass_on(self, signal: Signal, candle: Candle) -> None:
        """Write a signal to the outlet, or that it was held back."""
        passed: Signal | Held = signal
        if self._gate is not None:
            passed = self._gate.judge(signal, candle, hole_open=self._aggregator.hole_open)
        if passed is signal:
            self._signals += 1
        else:
            self._held += 1
        self._outlet.write(passed)

    def _ask(self, strategy: Strategy, candle: Candle) -> Signal | None:
        try:
            signal = strategy.on_candle(candle)
            if not isinstance(signal, Signal):
                raise TypeError(f"a strategy answers with a Signal, not {signal!r:.80}")  # noqa: TRY301 -- logged below
        except Exception as error:  # noqa: BLE001 -- a strategy is the user's: no error of it stops the run
            self.strategy_errors += 1
            self._repeats.error(f"{type(strategy).__name__} failed on a candle of {candle.epic}", error)
            return None
        return signal
