"""Ticks to candles to signals to sinks, for many markets, on one thread."""

from __future__ import annotations

import copy
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, Literal, Protocol, runtime_checkable

from ig_sdk.candles import CandleAggregator, Price
from ig_sdk.clock import Clock, SystemClock
from ig_sdk.errors import SubscriptionRefused, UsageError
from ig_sdk.logs import get_logger
from ig_sdk.pipeline.backfill import Backfill
from ig_sdk.pipeline.holding import SignalGate
from ig_sdk.pipeline.market_pipeline import MarketPipeline
from ig_sdk.pipeline.report import Latencies, Report
from ig_sdk.pipeline.sinks import Outlet, Sink
from ig_sdk.pipeline.strategies import Strategy
from ig_sdk.streaming.events import Gap, Reconnected, SourceChanged, Stale, UpdatesLost
from ig_sdk.types import SPREADBET, Candle, Resolution, Tick, epic_for

_log = get_logger("pipeline")

# Longest wait for a silent source, so how late a candle may close beyond its grace.
_POLL_S = 0.25
# How long the end of a source waits for what a history was asked for.
_DRAIN_S = 10.0
# A tick of a file arrived when it was recorded: its latency means nothing.
_RECORDED = "file"
# What ``SourceChanged.source`` and ``Tick.source`` are while prices are asked for by REST.
_POLLED = "poll"
_MS = timedelta(milliseconds=1)


@runtime_checkable
class PolledSource(Protocol):
    """A source that can be asked with a timeout, as ``ig.stream().prices(...)`` can."""

    @property
    def ended(self) -> bool:
        """Whether everything was read and nothing more will come."""
        ...

    def poll(self, timeout: float) -> object | None:
        """Return the next item, or ``None`` when none came within ``timeout`` seconds."""
        ...


class LiveOrchestrator:
    """Runs ticks of any source through candles and strategies into sinks.

    Each market has its own aggregator and its own copies of the strategies. A closed candle goes to the sinks, then to
    the strategies; their signals (except ``HOLD``) go to the sinks next. When the source ends or the run is
    stopped, the open candles go to the sinks with ``complete=False``, not to the strategies, and the sinks are closed.
    A strategy or a sink that raises is logged with its traceback (once, then counted) and stops nothing. A tick whose
    prices cannot be true is set aside and counted. Anything that the source yields besides ticks is counted and passed
    to the sinks; events of a price stream that was opened without ``events=True`` are only counted and heeded.

    Candles know holes. ``Stale`` with ``line_down`` opens one, and no
    candle of the market closes by time before it has ended, unless it lasts longer than ``HOLE_WAIT`` of
    ``ig_sdk.candles``. After ``Reconnected`` without a ``Gap`` nothing is missing, and what the line brings late goes
    into its candle. The candles that a ``Gap`` or ``UpdatesLost`` touches, and those of polled prices
    (``SourceChanged``), have ``gap=True`` and are not complete. Signals on such prices are held back: instead of the
    signal the sinks get a ``Held`` with the reason, the log has it once, the report counts it. ``EXIT`` always passes:
    nobody is to be kept in a position.

    Time is that of the ticks: a candle closes when a later tick of its market comes. That is right for recorded
    ticks at any speed. With ``advance_on_time=True``, for live prices, a candle also closes without a tick, when its
    end is ``grace_s`` in the past by the market's own clock: the time of its latest tick plus what has passed since.
    So neither this machine's clock nor a tick's delay makes a candle late.

    Args:
        source: Anything that yields ``Tick``s: a price stream, ``read_ticks(...)``, a list.
        strategies: One, a sequence, or a mapping of the market (epic, or a pair such as ``"EURUSD"``) to these.
        sinks: One or a sequence.
        resolution: Candle length, as ``CandleAggregator`` takes it.
        price: Side of the candles: ``"mid"``, ``"bid"`` or ``"offer"``.
        fill_quiet: Flat candles for intervals without a tick.
        advance_on_time: Close candles on time; needs a source with ``poll(timeout)`` and ``ended``.
        grace_s: Seconds by which a tick may be slower than the one before.
        latency_from: What latency is measured from: ``"time"``, when IG made the price, or ``"arrival"`` here, for
            recorded ticks that a simulator replays. Ticks of a file have neither.
        hold_below_quality: Hold signals back, except ``EXIT``, of a candle with a gap, while a hole is open, and while
            ``source.quality(epic).trusted`` is false, if the source has that. ``False`` passes all.
        backfill: Such as ``ig.history.prices``: asked once for the closed candles that a hole has touched, after its
            end, as ``backfill(epic, resolution, start=, end=)`` (with ``price=`` unless that is the mid). What comes
            goes to the sinks as ``Backfilled``; strategies do not see it: they have seen the candle with the gap.
        clock: Measures latency and, with ``advance_on_time``, what has passed.

    Raises:
        ValueError: The resolution, the price or ``latency_from`` is not one of these.
        TypeError: A strategy or a sink has not the methods of one.
        UsageError: ``advance_on_time`` with a source that cannot be polled.

    Threading:
        Everything runs on the thread that calls ``run()``, or on ``ig-live`` after ``start()``. ``stop()`` and
        ``report()`` are safe from any thread, also from a strategy or a sink.
    """

    def __init__(
        self,
        source: Iterable[object],
        strategies: Strategy | Sequence[Strategy] | Mapping[str, Strategy | Sequence[Strategy]] = (),
        sinks: Sink | Sequence[Sink] = (),
        resolution: Resolution | str | timedelta = Resolution.MINUTE,
        *,
        price: Price = "mid",
        fill_quiet: bool = False,
        advance_on_time: bool = False,
        grace_s: float = 1.0,
        latency_from: Literal["time", "arrival"] = "time",
        hold_below_quality: bool = True,
        backfill: Callable[..., Iterable[Candle]] | None = None,
        clock: Clock | None = None,
    ) -> None:
        if latency_from not in ("time", "arrival"):
            raise ValueError(f"latency_from must be 'time' or 'arrival', not {latency_from!r}")
        if advance_on_time and not isinstance(source, PolledSource):
            raise UsageError("advance_on_time needs a source with poll(timeout) and ended, such as a price stream")
        self._source = source
        self._strategies = _by_market(strategies)
        self._outlet = Outlet(_all_sinks(sinks))
        self._resolution, self._price, self._fill_quiet = resolution, price, fill_quiet
        sample = self._aggregator()  # a wrong resolution or price raises now, not at the first tick
        self._backfill = None
        if backfill is not None:
            self._backfill = Backfill(backfill, sample.resolution, price=price, opening=sample.opens_at)
        self._backfilled = 0
        self._gate = SignalGate(getattr(source, "quality", None)) if hold_below_quality else None
        self._on_time = advance_on_time
        self._grace_s = grace_s
        self._clock = clock or SystemClock()
        self._markets: dict[str, MarketPipeline] = {}
        self._events: Counter[str] = Counter()
        self._latencies = Latencies()
        self._from_arrival = latency_from == "arrival"
        self._lost_updates = 0
        self._polled = False
        self._tells = True  # the sinks get the source's events
        self._refusal: SubscriptionRefused | None = None
        self._failure: BaseException | None = None
        self._lock = threading.Lock()
        self._claimed = self._ended = False
        self._stopping = threading.Event()
        self._done = threading.Event()
        self._iterator: Iterator[object] | None = None
        self._thread: threading.Thread | None = None
        self._ident: int | None = None
        self._started_at: float | None = None
        self._ended_at = 0.0

    def run(self) -> Report:
        """Read the source to its end, or until ``stop()``; return the report.

        Raises:
            UsageError: It was started already.
            IGError: The source failed; open candles were flushed and the sinks closed.

        Threading:
            Blocks. Ctrl-C ends the run as ``stop()`` does, then raises ``KeyboardInterrupt``.
        """
        self._claim()
        self._run()
        return self.report()

    def start(self) -> None:
        """Run on a thread of its own; a failure of the source is logged and is in ``report().failure``.

        Raises:
            UsageError: It was started already.
        """
        self._claim()
        self._thread = threading.Thread(target=self._run, name="ig-live", daemon=True)
        self._thread.start()

    def wait(self, timeout: float) -> bool:
        """Wait up to ``timeout`` seconds for the end; return whether it has come."""
        return self._done.wait(timeout)

    def stop(self, timeout: float = 5.0) -> bool:
        """End the run: close the source's iterator, flush, close the sinks. Idempotent, from any thread.

        Returns:
            Whether it has ended. From inside a strategy or a sink it returns at once, and the run ends afterwards.
        """
        self._stopping.set()
        if self._backfill is not None:
            self._backfill.close()
        with self._lock:
            claimed, self._claimed = self._claimed, True
        if not claimed:
            self._outlet.close()
            self._done.set()
        if not self._done.is_set():
            self._close_source()  # wakes a blocked read
        if threading.get_ident() == self._ident:
            return self._done.is_set()
        ended = self._done.wait(timeout)
        if ended and self._thread is not None:
            self._thread.join(timeout)
        if not ended:
            _log.warning("the pipeline has not ended within %s s: its source does not yield", timeout)
        return ended

    def report(self) -> Report:
        """Return the counts so far."""
        markets = dict(self._markets)
        by_epic = {epic: market.report() for epic, market in markets.items()}
        rows = list(by_epic.values())
        events = dict(self._events)
        now = self._ended_at if self._done.is_set() else self._clock.monotonic()
        return Report(
            ticks=sum(row.ticks for row in rows),
            candles=sum(row.candles for row in rows),
            signals=sum(row.signals for row in rows),
            held=sum(row.held for row in rows),
            gaps=events.get(Gap.__name__, 0),
            lost_updates=self._lost_updates,
            late_ticks=sum(row.late_ticks for row in rows),
            refused_ticks=sum(row.refused_ticks for row in rows),
            ahead_ticks=sum(row.ahead_ticks for row in rows),
            set_aside=sum(row.set_aside for row in rows),
            strategy_errors=sum(market.strategy_errors for market in markets.values()),
            sink_errors=self._outlet.errors,
            backfilled=self._backfilled,
            backfill_failures=self._backfill.failures if self._backfill else 0,
            latency_p50_ms=self._latencies.percentile(50.0),
            latency_p99_ms=self._latencies.percentile(99.0),
            elapsed_s=0.0 if self._started_at is None else now - self._started_at,
            failure=None if self._failure is None else f"{type(self._failure).__name__}: {self._failure}",
            events=events,
            by_epic=by_epic,
        )

    def state(self) -> dict[str, list[dict[str, Any]]]:
        """Return the state of every market's strategies, as JSON-compatible values.

        Raises:
            UsageError: The run has not ended.
        """
        if self._claimed and not self._done.is_set():
            raise UsageError("strategies can be saved when the run has ended: call stop() first")
        return {epic: [strategy.state() for strategy in market.strategies] for epic, market in self._markets.items()}

    def restore(self, state: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
        """Restore the strategies from what ``state()`` returned.

        Raises:
            UsageError: The run has begun.
            ValueError: It is the state of other strategies or parameters.
        """
        if self._claimed:
            raise UsageError("a state is restored before the run begins")
        markets = {}
        for epic, states in _checked_state(state).items():
            market = markets[epic] = self._market(epic)
            if len(states) != len(market.strategies):
                raise ValueError(f"{epic}: {len(states)} states for {len(market.strategies)} strategies")
            for strategy, saved in zip(market.strategies, states, strict=True):
                strategy.restore(saved)
        self._markets.update(markets)

    def __repr__(self) -> str:
        state = "ended" if self._done.is_set() else "running" if self._claimed else "not started"
        return f"<LiveOrchestrator {state}: {self.report()}>"

    def _claim(self) -> None:
        with self._lock:
            if self._claimed:
                raise UsageError("an orchestrator runs once: make another one")
            self._claimed = True
        self._started_at = self._clock.monotonic()

    def _run(self) -> None:
        self._ident = threading.get_ident()
        try:
            self._iterator = iter(self._source)
            listen = getattr(self._source, "yield_events", None)
            if callable(listen):  # holes count for candles whether the events were asked for or not
                self._tells = bool(listen())
            if self._on_time and isinstance(self._source, PolledSource):
                self._poll(self._source)
            else:
                self._iterate(self._iterator)
            self._ended = True
        except Exception as error:
            self._failure = error
            if self._thread is None:
                raise
            # No caller is above the run's own thread: the log and the report say it.
            _log.exception("the source of the pipeline failed")
        finally:
            self._finish()

    def _iterate(self, iterator: Iterator[object]) -> None:
        stopping, take = self._stopping.is_set, self._take if self._backfill is None else self._take_and_deliver
        ended = False
        while not ended and not stopping():
            try:
                for item in iterator:
                    take(item)
                    if stopping():
                        return
                ended = True
            except SubscriptionRefused as error:  # noqa: PERF203 -- one round for each refusal
                self._refused(error)
        self._check_refusal()

    def _poll(self, source: PolledSource) -> None:
        monotonic, advance_at = self._clock.monotonic, 0.0
        while not self._stopping.is_set():
            try:
                item = source.poll(_POLL_S)
            except SubscriptionRefused as error:
                self._refused(error)
                continue
            if item is not None:
                self._take(item)
            elif source.ended:
                break
            now = monotonic()
            if now >= advance_at:
                advance_at = now + _POLL_S
                self._advance(now)
        self._check_refusal()

    def _take_and_deliver(self, item: object) -> None:
        self._deliver()
        self._take(item)

    def _take(self, item: object) -> None:
        if isinstance(item, Tick):
            market = self._markets.get(item.epic)
            if market is None:
                market = self._markets[item.epic] = self._market(item.epic)
            market.take(item)
            if item.source != _RECORDED:
                since = item.received_at if self._from_arrival else item.time
                self._latencies.add((self._clock.now() - since) / _MS)
            return
        self._events[type(item).__name__] += 1
        self._heed(item)
        if self._tells:
            self._outlet.write(item)

    def _heed(self, event: object) -> None:
        """Let the markets know what an event says about holes; every other event says nothing."""
        if isinstance(event, UpdatesLost):
            self._lost_updates += event.count
        if isinstance(event, Reconnected):  # whatever is missing was told by a Gap of each market before
            for market in self._markets.values():
                market.close_hole(missing=False)
        elif isinstance(event, SourceChanged):
            self._polled = event.source == _POLLED
            for market in self._markets.values():
                market.sampled(on=self._polled)
        elif isinstance(event, (Gap, Stale, UpdatesLost)) and event.epic in self._markets:
            market = self._markets[event.epic]
            if isinstance(event, Gap):
                market.close_hole(missing=True)
            elif isinstance(event, UpdatesLost):
                market.mark_gap()
            elif event.line_down:
                market.open_hole()

    def _refused(self, error: SubscriptionRefused) -> None:
        # One market of several: the others go on (a price stream can be iterated further, a generator just ends).
        _log.warning("a market was refused: %s", error)
        self._events[SubscriptionRefused.__name__] += 1
        self._refusal = error

    def _check_refusal(self) -> None:
        if self._refusal is not None and not self._markets and not self._stopping.is_set():
            raise self._refusal

    def _advance(self, monotonic: float) -> None:
        for market in self._markets.values():
            market.advance(monotonic, self._grace_s)
        self._deliver()

    def _deliver(self) -> None:
        """Pass on what came from history, on this thread as everything else."""
        backfill = self._backfill
        while backfill is not None and backfill.healed:
            self._backfilled += 1
            self._outlet.write(backfill.healed.popleft())

    def _end_backfill(self) -> None:
        if self._backfill is not None:
            if self._ended and not self._stopping.is_set() and not self._backfill.drain(_DRAIN_S):
                _log.warning("candles with gaps are not filled: the history has not answered in %s s", _DRAIN_S)
            self._backfill.close()
            self._deliver()
            self._backfill.join()

    def _finish(self) -> None:
        try:
            for market in self._markets.values():
                market.flush()
            self._close_source()
            self._end_backfill()
        finally:
            self._outlet.close()
            self._ended_at = self._clock.monotonic()
            self._done.set()

    def _close_source(self) -> None:
        close = getattr(self._iterator, "close", None)
        if close is None:
            return
        try:
            close()
        except ValueError:
            # A generator that another thread is running cannot be closed; the run stops after its next item.
            _log.debug("the source is busy and cannot be closed")
        except Exception:  # noqa: BLE001 -- the run ends all the same
            _log.exception("the source failed to close")

    def _market(self, epic: str) -> MarketPipeline:
        strategies = copy.deepcopy(self._strategies.get(epic, self._strategies.get("", ())))
        monotonic = self._clock.monotonic if self._on_time else None
        request = self._backfill.request if self._backfill else None
        market = MarketPipeline(
            self._aggregator(), strategies, self._outlet, monotonic, gate=self._gate, request=request
        )
        market.sampled(on=self._polled)
        return market

    def _aggregator(self) -> CandleAggregator:
        return CandleAggregator(self._resolution, price=self._price, fill_quiet=self._fill_quiet)


def _by_market(
    strategies: Strategy | Sequence[Strategy] | Mapping[str, Strategy | Sequence[Strategy]],
) -> dict[str, tuple[Strategy, ...]]:
    """Return the strategies of each epic; under ``""`` those of every market."""
    if isinstance(strategies, Mapping):
        # Which epic a named pair has depends on the account that the ticks come from.
        return {
            epic_for(market, kind): _as_tuple(some)
            for market, some in strategies.items()
            for kind in ("CFD", SPREADBET)
        }
    return {"": _as_tuple(strategies)}


def _as_tuple(strategies: Strategy | Sequence[Strategy]) -> tuple[Strategy, ...]:
    items = tuple(strategies) if isinstance(strategies, Sequence) else (strategies,)
    for strategy in items:
        if isinstance(strategy, type) or not callable(getattr(strategy, "on_candle", None)):
            raise TypeError(f"a strategy is an object with on_candle(candle), not {strategy!r:.80}")
    return items


def _checked_state(state: Any) -> Mapping[str, Sequence[Mapping[str, Any]]]:
    if isinstance(state, Mapping) and all(isinstance(states, (list, tuple)) for states in state.values()):
        return state
    raise ValueError(f"a state is an object of lists, one for each market, not {state!r:.80}")


def _all_sinks(sinks: Sink | Sequence[Sink]) -> tuple[Sink, ...]:
    items = tuple(sinks) if isinstance(sinks, Sequence) else (sinks,)
    for sink in items:
        if isinstance(sink, type) or not isinstance(sink, Sink):
            raise TypeError(f"a sink is an object with write(record) and close(), not {sink!r:.80}")
    return items
