"""The orchestrator over sources that end, block, fail, refuse and fall silent."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Literal

import pytest

from ig_sdk.clock import ManualClock
from ig_sdk.errors import RateLimited, StreamError, SubscriptionRefused, UsageError
from ig_sdk.pipeline import (
    Action,
    Backfilled,
    CandleAggregator,
    EmaCross,
    Held,
    JsonLinesSink,
    LiveOrchestrator,
    PolledSource,
    Signal,
)
from ig_sdk.pipeline.sinks import as_json
from ig_sdk.streaming import Gap, Mute, Reconnected, SetAside, SourceChanged, Stale, UpdatesLost
from ig_sdk.streaming.quality import Quality
from ig_sdk.types import Candle, Resolution, Tick, epic_for

T0 = datetime(2025, 1, 6, 10, 0, tzinfo=timezone.utc)
EUR, GBP = epic_for("EURUSD"), epic_for("GBPUSD")


def tick(seconds: float, price: float = 1.0, epic: str = EUR, source: str = "file") -> Tick:
    time = T0 + timedelta(seconds=seconds)
    return Tick(epic, price, price + 0.5, time, time, source)


class Always:
    """A strategy that says the same about every candle and counts them."""

    warmup = 1

    def __init__(self, action: Action = Action.BUY) -> None:
        self.action = action
        self.seen = 0

    def on_candle(self, candle: Candle) -> Signal:
        self.seen += 1
        return Signal(self.action, candle.epic, candle.closes_at, candle.close, f"candle {self.seen}")

    def state(self) -> dict[str, Any]:
        return {"seen": self.seen}

    def restore(self, state: Mapping[str, Any]) -> None:
        self.seen = int(state["seen"])


class Blocked:
    """An iterator that yields what it has, then blocks until it is closed."""

    def __init__(self, *items: object) -> None:
        self.items = list(items)
        self.entered, self.released = threading.Event(), threading.Event()

    def __iter__(self) -> Iterator[object]:
        return self

    def __next__(self) -> object:
        if self.items:
            return self.items.pop(0)
        self.entered.set()
        assert self.released.wait(10.0)
        raise StopIteration

    def close(self) -> None:
        self.released.set()


class Scripted:
    """A polled source: a number lets that much time pass, an error is raised, everything else is an item."""

    def __init__(self, clock: ManualClock, *script: object) -> None:
        self.clock, self.script = clock, list(script)
        self.ended = False

    def __iter__(self) -> Iterator[object]:
        return self

    def __next__(self) -> object:
        raise AssertionError("polled, not iterated")

    def poll(self, timeout: float) -> object | None:
        if not self.script:
            self.ended = True
            return None
        step = self.script[0]
        if isinstance(step, (int, float)):
            passed = min(timeout, step)
            self.clock.advance(passed)
            self.script[0] = step - passed
            if step - passed <= 0:
                del self.script[0]
            return None
        del self.script[0]
        if isinstance(step, Exception):
            raise step
        return step

    def close(self) -> None:
        self.ended = True


def test_a_finite_source_runs_to_its_end(new_sink) -> None:
    """Candles to the sinks, then the strategies, their signals after each; the open candle last and not judged."""
    sink = new_sink()
    report = LiveOrchestrator([tick(0), tick(30, 2.0), tick(61), tick(125)], Always(), sink, "1m").run()
    first, signal, second, _, flushed = sink.records
    assert isinstance(signal, Signal)
    assert (first.opens_at, first.ticks, second.opens_at) == (T0, 2, T0 + timedelta(minutes=1))
    assert (flushed.complete, flushed.opens_at) == (False, T0 + timedelta(minutes=2))
    assert sink.closed == 1
    assert (report.ticks, report.candles, report.signals, report.gaps) == (4, 2, 2, 0)
    assert report.latency_p50_ms is None
    assert report.failure is None


def test_markets_do_not_meet(new_sink) -> None:
    """Each market has candles and strategy copies of its own, equal to those of running it alone."""
    ticks = [
        tick(i * 7 + k / 10, 1.0 + ((i * 37) % 11) / 1000 + k, epic)
        for i in range(300)
        for k, epic in enumerate((EUR, GBP))
    ]
    both = new_sink()
    original = EmaCross(2, 3)
    LiveOrchestrator(ticks, original, both, "1m").run()
    for epic in (EUR, GBP):
        alone = new_sink()
        report = LiveOrchestrator([item for item in ticks if item.epic == epic], EmaCross(2, 3), alone, "1m").run()
        assert [record for record in both.records if record.epic == epic] == alone.records
        assert report.signals > 0
    assert original.state() == EmaCross(2, 3).state()


def test_strategies_by_market(new_sink) -> None:
    """A mapping gives each market its own; the pairs by name; a market without an entry has candles only."""
    sink = new_sink()
    ticks = [item for k in range(3) for item in (tick(k * 60), tick(k * 60, epic=GBP), tick(k * 60, epic="X"))]
    strategies = {"EURUSD": Always(), GBP: [Always(Action.SELL), Always(Action.HOLD)]}
    report = LiveOrchestrator(ticks, strategies, [sink], "1m").run()
    assert {signal.action for signal in sink.of(Signal, EUR)} == {Action.BUY}
    assert {signal.action for signal in sink.of(Signal, GBP)} == {Action.SELL}
    assert not sink.of(Signal, "X")
    assert [report.by_epic[epic].signals for epic in (EUR, GBP, "X")] == [2, 2, 0]
    assert report.by_epic["X"].candles == 2


def test_failures_of_strategies_and_sinks_stop_nothing(caplog: pytest.LogCaptureFixture, new_sink) -> None:
    """Each kind is logged with its traceback once, and counted; the neighbours get everything."""

    class Raises(Always):
        def on_candle(self, candle: Candle) -> Signal:
            raise RuntimeError("bad strategy")

    class Wrong(Always):
        def on_candle(self, candle: Candle) -> Signal:
            return "BUY"  # type: ignore[return-value]

    class Full(new_sink):
        def write(self, record: object) -> None:
            raise OSError("disk full")

    sink = new_sink()
    ticks = [tick(k * 60) for k in range(4)]
    report = LiveOrchestrator(ticks, [Raises(), Wrong(), Always()], [Full(), sink], "1m").run()
    assert (report.candles, report.signals, report.strategy_errors, report.sink_errors) == (3, 3, 6, 7)
    assert len(sink.of(Signal)) == 3
    assert len([record for record in caplog.records if record.exc_info]) == 3


def test_bad_and_late_ticks_are_counted(caplog: pytest.LogCaptureFixture) -> None:
    """A price or a time that is none stops nothing."""
    naive = tick(10)._replace(time=datetime(2025, 1, 6))  # noqa: DTZ001
    items = [tick(0), tick(1, float("nan")), naive, tick(70), tick(5), tick(71)]
    report = LiveOrchestrator(items, (), (), "1m").run()
    assert (report.ticks, report.refused_ticks, report.late_ticks) == (6, 2, 1)
    assert len(caplog.records) == 2


def test_prices_that_cannot_be_true_make_no_signal(caplog: pytest.LogCaptureFixture, new_sink) -> None:
    """A tick of 0, below 0 or ten times the price is set aside from any source, counted, and told once."""
    good = [tick(60 * k) for k in range(4)]
    bad = [tick(61, 0.0), tick(62, -1.0), tick(63, 10.0), tick(64, 0.1)]
    sinks = [new_sink(), new_sink()]
    report = LiveOrchestrator([*good[:2], *bad, *good[2:]], Always(), sinks[0], "1m").run()
    LiveOrchestrator(good, Always(), sinks[1], "1m").run()
    assert sinks[0].records == sinks[1].records
    assert (report.set_aside, report.by_epic[EUR].set_aside) == (4, 4)
    assert "set aside 4" in str(report)
    assert len(caplog.records) == 1


def test_a_told_gap_marks_the_candles_it_touches(new_sink) -> None:
    """A gap or lost updates of a source with events: the candle is not complete, and says why."""
    for event in (Gap(EUR, 3.0, T0), UpdatesLost(EUR, 5, T0)):
        sink = new_sink()
        LiveOrchestrator([tick(0), event, tick(10), tick(60), tick(120)], (), sink, "1m").run()
        assert [(c.gap, c.complete) for c in sink.of(Candle)][:2] == [(True, False), (False, True)]


def minutes(sink: Any, epic: str = EUR) -> list[tuple[float, int, bool, bool]]:
    return [((c.opens_at - T0) / timedelta(minutes=1), c.ticks, c.gap, c.complete) for c in sink.of(Candle, epic)]


def test_a_line_that_recovers_leaves_every_candle_whole(new_sink) -> None:
    """While the line is down no candle closes by time; what it brings late goes where it belongs; others go on."""
    clock, sink = ManualClock(T0), new_sink()
    script = [tick(0), tick(50), tick(50, epic=GBP), Stale(EUR, 2.0, T0, "cut", line_down=True), 20.0]
    script += [Reconnected("recovered", 20.0, T0), 0.5, tick(58), tick(62), tick(69.9), 70.0]
    report = LiveOrchestrator(Scripted(clock, *script), (), sink, "1m", advance_on_time=True, clock=clock).run()
    assert minutes(sink) == [(0, 3, False, True), (1, 2, False, True)]
    assert minutes(sink, GBP) == [(0, 1, False, False)]  # its beginning was not seen; no hole of it was told
    assert report.late_ticks == 0


def test_a_session_that_is_replaced_leaves_gaps(new_sink) -> None:
    """The candles from the last tick to the first new one are not complete; a market that missed nothing is whole."""
    clock, sink = ManualClock(T0), new_sink()
    script = [tick(0), tick(0, epic=GBP), tick(50), tick(50, epic=GBP)]
    script += [Stale(epic, 2.0, T0, "cut", line_down=True) for epic in (EUR, GBP)]
    script += [20.0, Gap(EUR, 20.0, T0), tick(70), Reconnected("replaced", 20.0, T0), tick(71, epic=GBP), 120.0]
    LiveOrchestrator(Scripted(clock, *script), (), sink, "1m", advance_on_time=True, clock=clock).run()
    assert minutes(sink) == [(0, 2, True, False), (1, 1, True, False)]
    assert minutes(sink, GBP) == [(0, 2, False, True), (1, 1, False, True)]


def test_a_line_that_stays_down_holds_no_candle_up(new_sink) -> None:
    """After half a minute the candle closes, and says that ticks may be missing."""
    clock, sink = ManualClock(T0), new_sink()
    script = [tick(0), tick(50), Stale(EUR, 2.0, T0, "cut", line_down=True), 30.5]
    orchestrator = LiveOrchestrator(Scripted(clock, *script), (), sink, "1m", advance_on_time=True, clock=clock)
    assert orchestrator.run().candles == 0
    assert minutes(sink) == [(0, 2, True, False)]
    sink, script[-1] = new_sink(), 32.0
    orchestrator = LiveOrchestrator(Scripted(clock, *script), (), sink, "1m", advance_on_time=True, clock=clock)
    assert orchestrator.run().candles == 1
    assert minutes(sink) == [(0, 2, True, False)]


def test_candles_of_polled_prices_have_gaps(new_sink) -> None:
    """From the change to polling until the stream is back, also those of a market that is new in that time."""
    sink = new_sink()
    items = [tick(0), SourceChanged("poll", T0), tick(70, source="poll"), tick(60, epic=GBP, source="poll")]
    items += [tick(120, epic=GBP), SourceChanged("stream", T0)]
    items += [item for k in (180, 240, 300) for item in (tick(k), tick(k, epic=GBP))]
    LiveOrchestrator(items, (), sink, "1m").run()
    gaps = {minute: gap for minute, _, gap, _ in minutes(sink)}
    assert gaps == {0: True, 1: True, 3: False, 4: False, 5: False}
    gaps = {minute: gap for minute, _, gap, _ in minutes(sink, GBP)}
    assert gaps == {1: True, 2: True, 3: False, 4: False, 5: False}


def test_what_says_nothing_of_ticks_leaves_candles_alone(new_sink) -> None:
    """A quiet market, a mute one and a tick that was set aside are counted and passed on."""
    sink, aside = new_sink(), tick(20, 99.0)
    events = [Stale(EUR, 60.0, T0, "quiet"), Mute(EUR, 60.0, T0), SetAside(aside, T0, "spike")]
    report = LiveOrchestrator([tick(0), *events, tick(60), tick(120)], (), sink, "1m").run()
    assert minutes(sink)[0] == (0, 1, False, True)
    assert report.events == {"Stale": 1, "Mute": 1, "SetAside": 1}


class Judged(list[object]):
    """A source whose quality is what a test says; an exception is raised."""

    def __init__(self, *items: object, scores: Mapping[str, float | Exception]) -> None:
        super().__init__(items)
        self.scores = scores

    def quality(self, epic: str) -> Quality:
        score = self.scores[epic]
        if isinstance(score, Exception):
            raise score
        return Quality(epic, score, score, None, None, 9, 0, 0, 0, None, score >= 0.95)


def test_signals_on_doubtful_prices_are_held_back(caplog: pytest.LogCaptureFixture, new_sink) -> None:
    """Market by market: told to the sinks each time, to the log once, counted; the other market goes on."""
    sink = new_sink()
    items = [item for k in range(5) for item in (tick(k * 60), tick(k * 60, epic=GBP))]
    report = LiveOrchestrator(Judged(*items, scores={EUR: 0.949, GBP: 0.95}), Always(), sink, "1m").run()
    assert [held.signal.reason for held in sink.of(Held, EUR)] == [f"candle {k}" for k in range(1, 5)]
    assert "0.95" in sink.of(Held)[0].reason
    assert not sink.of(Signal, EUR)
    assert (len(sink.of(Signal, GBP)), len(sink.of(Held, GBP))) == (4, 0)
    assert (report.signals, report.held, report.by_epic[EUR].held, report.by_epic[GBP].held) == (4, 4, 4, 0)
    assert "held 4" in str(report)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert as_json(sink.of(Held)[0])["signal"]["action"] == "BUY"


def test_an_exit_is_never_held_back(new_sink) -> None:
    """Closing is always allowed, whatever the prices are worth."""
    sink = new_sink()
    items = [tick(0), Gap(EUR, 3.0, T0), tick(60), Stale(EUR, 3.0, T0, line_down=True), tick(120)]
    report = LiveOrchestrator(Judged(*items, scores={EUR: 0.0}), Always(Action.EXIT), sink, "1m").run()
    assert (report.signals, report.held) == (2, 0)


def test_without_quality_only_holes_hold_signals_back(new_sink) -> None:
    """A candle with a gap, and an open hole; whole candles before and after pass."""
    sink = new_sink()
    items = [tick(0), tick(60), Gap(EUR, 3.0, T0), tick(125), tick(180), tick(240)]
    items += [Stale(EUR, 3.0, T0, line_down=True), tick(300), Reconnected("resumed", 3.0, T0), tick(360)]
    LiveOrchestrator(items, Always(), sink, "1m").run()
    outcome = [type(record) for record in sink.records if isinstance(record, (Signal, Held))]
    assert outcome == [Signal, Held, Held, Signal, Held, Signal]
    reasons = [held.reason.split()[0] for held in sink.of(Held)]
    assert reasons == ["ticks", "ticks", "the"]


def test_a_source_that_cannot_tell_its_quality_is_not_trusted(caplog: pytest.LogCaptureFixture, new_sink) -> None:
    """The failure is told once with its traceback, and stops nothing."""
    sink, failure = new_sink(), RuntimeError("nobody knows")
    report = LiveOrchestrator(Judged(tick(0), tick(60), tick(120), scores={EUR: failure}), Always(), sink, "1m").run()
    assert (report.signals, report.held, report.failure) == (0, 2, None)
    assert "nobody knows" in sink.of(Held)[0].reason
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]


def test_nothing_is_held_back_when_that_is_not_wanted(new_sink) -> None:
    """``hold_below_quality=False`` passes signals of gaps and of bad quality."""
    source = Judged(tick(0), Gap(EUR, 3.0, T0), tick(60), scores={EUR: 0.0})
    assert LiveOrchestrator(source, Always(), (), "1m", hold_below_quality=False).run().signals == 1


class History:
    """A history of one price that keeps what it was asked for."""

    def __init__(self, *failures: Exception, at_once: bool = True) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.failures = list(failures)
        self.entered, self.released = threading.Event(), threading.Event()
        if at_once:
            self.released.set()

    def __call__(
        self, epic: str, resolution: timedelta, *, start: datetime, end: datetime, **more: Any
    ) -> list[Candle]:
        self.asked.append((epic, resolution, (start - T0) / resolution, (end - T0) / resolution, more))
        self.entered.set()
        assert self.released.wait(10.0)
        if self.failures:
            raise self.failures.pop(0)
        count = (end - start) // resolution
        return [
            Candle(epic, resolution, start + k * resolution, 5, 6, 4, 5, None, 9, True) for k in range(-1, count + 1)
        ]


def test_candles_with_gaps_are_filled_from_history(new_sink) -> None:
    """Those that the hole touched, the absent ones too, each once and after it has ended; strategies see nothing."""
    sink, history, strategy = new_sink(), History(), Always(Action.EXIT)
    items = [tick(0), tick(60), Stale(EUR, 3.0, T0, line_down=True), Gap(EUR, 3.0, T0)]
    items += [tick(250), tick(300), tick(360), UpdatesLost(EUR, 1, T0), tick(370), tick(420), tick(480), tick(540)]
    live = LiveOrchestrator(items, strategy, sink, "1m", backfill=history)
    report = live.run()
    minute = Resolution.MINUTE
    assert history.asked == [(EUR, minute, 1, 2, {}), (EUR, minute, 2, 5, {}), (EUR, minute, 6, 7, {})]
    filled = [(record.candle.opens_at - T0) / minute for record in sink.of(Backfilled)]
    assert filled == [1, 2, 3, 4, 6]
    assert (report.backfilled, report.backfill_failures) == (5, 0)
    assert report.signals == report.candles == 7
    assert live.state()[EUR] == [{"seen": 7}]
    assert not [thread for thread in threading.enumerate() if thread.name == "ig-backfill"]


def test_a_candle_is_asked_for_when_it_is_settled(new_sink) -> None:
    """Live: three seconds after its end by the market's own clock, and not while the line is down."""
    clock, sink, history = ManualClock(T0), new_sink(), History()
    script = [tick(0), tick(50), Stale(EUR, 2.0, T0, "cut", line_down=True), 40.0]
    source = Scripted(clock, *script, Gap(EUR, 40.0, T0), 0.5, tick(91), 0.5, tick(130), 0.3, 100.0)
    live = LiveOrchestrator(source, (), sink, "1m", advance_on_time=True, clock=clock, backfill=history)
    live.run()
    assert [asked[2:4] for asked in history.asked] == [(0, 1), (1, 2)]
    places = [sink.records.index(record) for record in sink.of(Backfilled)]
    assert places[0] > sink.records.index(sink.of(Gap)[0])


def test_the_side_of_the_candles_is_asked_for(new_sink) -> None:
    """Candles of the bid are filled with candles of the bid."""
    history = History()
    items = [tick(0), Gap(EUR, 3.0, T0), tick(60)]
    LiveOrchestrator(items, (), new_sink(), "1m", price="bid", backfill=history).run()
    assert [asked[4] for asked in history.asked] == [{"price": "bid"}]


def test_nothing_is_asked_for_when_nothing_was_missed(new_sink) -> None:
    """A recovered line, and one that is still down at the end."""
    history = History()
    down = Stale(EUR, 3.0, T0, line_down=True)
    items = [tick(0), down, Reconnected("recovered", 3.0, T0), tick(60), tick(120), down]
    LiveOrchestrator(items, (), new_sink(), "1m", backfill=history).run()
    assert history.asked == []


def test_a_refused_allowance_is_told_once(caplog: pytest.LogCaptureFixture, new_sink) -> None:
    """Without a traceback; other failures with one; each span is asked for once."""
    refused = [RateLimited("spent", status=403, allowance="historical") for _ in range(3)]
    history, sink = History(*refused, RuntimeError("broken")), new_sink()
    items = [
        item for k in range(5) for item in (tick(k * 120), Gap(EUR, 1.0, T0), tick(k * 120 + 1), tick(k * 120 + 60))
    ]
    report = LiveOrchestrator(items, (), sink, "1m", backfill=history).run()
    assert len(history.asked) == 5
    assert (report.backfill_failures, report.backfilled) == (4, 1)
    assert [(record.levelname, bool(record.exc_info)) for record in caplog.records] == [
        ("WARNING", False),
        ("ERROR", True),
    ]


def test_a_slow_history_holds_no_tick_up(new_sink) -> None:
    """Ticks go on while it has not answered; stop() ends the run, and its thread when it answers."""
    history, sink = History(at_once=False), new_sink()
    source = Blocked(tick(0), Gap(EUR, 1.0, T0), tick(1), tick(60), tick(125), tick(180))
    live = LiveOrchestrator(source, (), sink, "1m", backfill=history)
    live.start()
    assert history.entered.wait(10.0)
    assert source.entered.wait(10.0)
    assert live.report().ticks == 5
    thread = next(thread for thread in threading.enumerate() if thread.name == "ig-backfill")
    assert live.stop()
    assert not sink.of(Backfilled)
    history.released.set()
    thread.join(10.0)
    assert not thread.is_alive()


def test_a_market_whose_ticks_are_all_late_is_told(caplog: pytest.LogCaptureFixture) -> None:
    """A tick of tomorrow in a recording leaves every later one late: that is said, once."""
    LiveOrchestrator([tick(0), tick(86_400), *(tick(k) for k in range(1, 30))], (), (), "1m").run()
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "in a row" in caplog.text


def test_events_are_counted_and_passed_on(new_sink) -> None:
    """Events of any kind come in order with the candles."""
    sink = new_sink()
    gap, lost = Gap(EUR, 3.0, T0), UpdatesLost(EUR, 5, T0)
    report = LiveOrchestrator([tick(0), gap, lost, tick(60), "note"], (), sink, "1m").run()
    assert sink.records[:2] == [gap, lost]
    assert sink.records[3] == "note"
    assert (report.gaps, report.lost_updates) == (1, 5)
    assert report.events == {"Gap": 1, "UpdatesLost": 1, "str": 1}


@pytest.mark.parametrize(("latency_from", "field"), [("time", "time"), ("arrival", "received_at")])
def test_latency_ends_with_the_handling(latency_from: Literal["time", "arrival"], field: str) -> None:
    """It counts from the price's own time, or from its arrival where that was asked for."""
    clock = ManualClock(T0)
    ticks = [tick(0, source="stream")._replace(**{field: T0 - timedelta(milliseconds=ms)}) for ms in (1, 2, 3, 4, 500)]
    report = LiveOrchestrator(ticks, (), (), "1m", latency_from=latency_from, clock=clock).run()
    assert report.latency_p50_ms == pytest.approx(3.0, rel=0.03)
    assert report.latency_p99_ms == pytest.approx(500.0, rel=0.03)


def test_latency_from_something_else_is_refused() -> None:
    """The error names the two choices."""
    with pytest.raises(ValueError, match="'time' or 'arrival'"):
        LiveOrchestrator([], (), (), "1m", latency_from="departure")  # type: ignore[arg-type]


def test_candles_close_on_time(new_sink) -> None:
    """Without a tick, when the end is grace_s past by the market's own clock; later ticks of it are late."""
    clock = ManualClock(T0 + timedelta(days=400))
    sink = new_sink()
    source = Scripted(clock, tick(58), tick(10, epic=GBP), 2.9, 0.2, tick(59.5), tick(61), 30.0)
    assert isinstance(source, PolledSource)
    written: list[tuple[float, str]] = []
    sink.write = lambda record: written.append((clock.monotonic(), record.epic))  # type: ignore[method-assign]
    report = LiveOrchestrator(source, (), sink, "1m", advance_on_time=True, clock=clock).run()
    (closed_at, epic), *others = written
    assert epic == EUR
    assert 3.0 <= closed_at <= 3.3
    assert [epic for _, epic in others] == [EUR, GBP]  # both flushed: neither was over
    assert (report.candles, report.late_ticks) == (1, 1)


def test_time_goes_on_while_other_markets_tick(new_sink) -> None:
    """A busy market does not keep a silent one's candle open."""
    clock = ManualClock(T0)
    script = [tick(0, epic=GBP)]
    for k in range(200):
        script += [tick(k / 2), 0.5]  # type: ignore[list-item]
    sink = new_sink()
    LiveOrchestrator(Scripted(clock, *script), (), sink, "1m", advance_on_time=True, clock=clock).run()
    assert [candle.complete for candle in sink.of(Candle, GBP)] == [True]


def test_odd_markets_do_not_disturb_the_clock(new_sink) -> None:
    """One that was restored and is silent, one whose tick lies at the end of all time."""
    clock, sink = ManualClock(T0), new_sink()
    end = datetime.max.replace(tzinfo=timezone.utc)
    last = tick(0, epic="LAST")._replace(time=end - timedelta(minutes=2))
    source = Scripted(clock, last, tick(0), 300.0)
    orchestrator = LiveOrchestrator(source, EmaCross(2, 5), sink, "1m", advance_on_time=True, clock=clock)
    orchestrator.restore({GBP: [EmaCross(2, 5).state()]})
    report = orchestrator.run()
    assert [candle.complete for candle in sink.of(Candle, EUR)] == [True]
    assert (report.by_epic[GBP].ticks, report.by_epic[GBP].candles) == (0, 0)


def test_a_source_that_cannot_close_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """The run ends all the same."""

    class Stuck(Blocked):
        def close(self) -> None:
            super().close()
            raise OSError("cannot close")

    source = Stuck(tick(0))
    source.released.set()
    report = LiveOrchestrator(source, (), (), "1m").run()
    assert report.ticks == 1
    assert "failed to close" in caplog.text


def test_advance_on_time_needs_a_source_that_can_be_polled() -> None:
    """It raises when it is made."""
    with pytest.raises(UsageError, match="poll"):
        LiveOrchestrator([tick(0)], (), (), "1m", advance_on_time=True)


@pytest.mark.parametrize("polled", [True, False])
def test_one_refused_market_does_not_end_the_others(polled: bool) -> None:
    """The refusal is counted; only when nothing else ever came is it the run's failure."""
    refusal = SubscriptionRefused("unknown epic", code=21)

    class Refusing:
        def __init__(self, *items: object) -> None:
            self.items = list(items)

        def __iter__(self) -> Iterator[object]:
            return self

        def __next__(self) -> object:
            if not self.items:
                raise StopIteration
            item = self.items.pop(0)
            if isinstance(item, Exception):
                raise item
            return item

    def source(*items: object) -> Any:
        return Scripted(ManualClock(T0), *items) if polled else Refusing(*items)

    report = LiveOrchestrator(source(tick(0), refusal, tick(60)), (), (), "1m", advance_on_time=polled).run()
    assert (report.ticks, report.events) == (2, {"SubscriptionRefused": 1})
    orchestrator = LiveOrchestrator(source(refusal), (), (), "1m", advance_on_time=polled)
    with pytest.raises(SubscriptionRefused):
        orchestrator.run()


def test_a_failing_source_flushes_closes_and_raises(new_sink) -> None:
    """What came before is kept, and the report says why it ended."""

    def source() -> Iterator[Tick]:
        yield tick(0)
        raise StreamError("gone")

    sink = new_sink()
    orchestrator = LiveOrchestrator(source(), Always(), sink, "1m")
    with pytest.raises(StreamError, match="gone"):
        orchestrator.run()
    assert [record.complete for record in sink.records] == [False]
    assert sink.closed == 1
    assert orchestrator.report().failure == "StreamError: gone"


def test_a_failing_source_on_its_own_thread_is_logged(caplog: pytest.LogCaptureFixture, new_sink) -> None:
    """No caller can catch it: it is in the log and in the report."""

    def source() -> Iterator[Tick]:
        yield tick(0)
        raise StreamError("gone")

    orchestrator = LiveOrchestrator(source(), Always(), new_sink(), "1m")
    orchestrator.start()
    assert orchestrator.wait(10.0)
    assert orchestrator.stop()
    assert orchestrator.report().failure == "StreamError: gone"
    assert "source of the pipeline failed" in caplog.text


def test_stop_wakes_a_blocked_source(new_sink) -> None:
    """It closes the iterator, flushes, closes the sinks, joins the thread; twice is fine."""
    source, sink = Blocked(tick(0)), new_sink()
    orchestrator = LiveOrchestrator(source, Always(), sink, "1m")
    orchestrator.start()
    assert source.entered.wait(10.0)
    assert "ig-live" in {thread.name for thread in threading.enumerate()}
    assert orchestrator.stop()
    assert orchestrator.stop()
    assert [record.complete for record in sink.records] == [False]
    assert sink.closed == 1
    assert orchestrator.report().ticks == 1


def test_stop_from_inside_returns_at_once(new_sink) -> None:
    """A strategy may end the run that it is part of; no further tick is taken."""

    class Stops(Always):
        def on_candle(self, candle: Candle) -> Signal:
            assert not orchestrator.stop()
            return super().on_candle(candle)

        def __deepcopy__(self, memo: object) -> Stops:
            return self

    sink = new_sink()
    orchestrator = LiveOrchestrator((tick(k * 60) for k in range(100)), Stops(), sink, "1m")
    report = orchestrator.run()
    assert report.ticks == 2
    assert sink.closed == 1
    assert orchestrator.stop()


def test_stop_says_when_the_source_does_not_yield(caplog: pytest.LogCaptureFixture) -> None:
    """A source that cannot be woken is named in the log, and the call is bounded."""
    release, entered = threading.Event(), threading.Event()

    def source() -> Iterator[Tick]:
        yield tick(0)
        entered.set()
        release.wait(10.0)
        yield tick(1)

    orchestrator = LiveOrchestrator(source(), (), (), "1m")
    with caplog.at_level(logging.DEBUG, "ig_sdk.pipeline"):
        orchestrator.start()
        assert entered.wait(10.0)
        assert not orchestrator.stop(timeout=0.01)
    assert "has not ended" in caplog.text
    release.set()
    assert orchestrator.wait(10.0)
    assert orchestrator.stop()


def test_an_orchestrator_runs_once(new_sink) -> None:
    """A second run, a run after stop, a start after a run: each raises."""
    orchestrator = LiveOrchestrator([tick(0)], (), (), "1m")
    orchestrator.run()
    for again in (orchestrator.run, orchestrator.start):
        with pytest.raises(UsageError, match="once"):
            again()
    sink = new_sink()
    stopped = LiveOrchestrator([tick(0)], (), sink, "1m")
    assert stopped.report().elapsed_s == 0.0
    assert stopped.stop()
    assert sink.closed == 1
    with pytest.raises(UsageError, match="once"):
        stopped.run()


def test_ctrl_c_flushes_and_goes_on(new_sink) -> None:
    """KeyboardInterrupt leaves everything closed and the report whole."""

    def source() -> Iterator[Tick]:
        yield tick(0)
        raise KeyboardInterrupt

    sink = new_sink()
    orchestrator = LiveOrchestrator(source(), Always(), sink, "1m")
    with pytest.raises(KeyboardInterrupt):
        orchestrator.run()
    assert sink.closed == 1
    assert [record.complete for record in sink.records] == [False]
    assert (orchestrator.report().ticks, orchestrator.report().failure) == (1, None)


def test_a_generator_is_closed_when_the_run_ends(new_sink) -> None:
    """What it holds open is released, also when the run ends early."""
    closed = []

    def source() -> Iterator[Tick]:
        try:
            while True:
                yield tick(0)
        finally:
            closed.append(True)

    class Stops(new_sink):
        def write(self, record: object) -> None:
            super().write(record)

    orchestrator = LiveOrchestrator(source(), (), Stops(), "1m")
    orchestrator.start()
    orchestrator.stop()
    assert orchestrator.wait(10.0)
    assert closed in ([True], [])  # a run stopped before its first tick never entered the generator


def test_state_goes_over_a_restart(new_sink) -> None:
    """Strategies of every market go on exactly where another run ended."""
    ticks = [tick(k * 60, 1.0 + ((k * 37) % 11) / 1000, epic) for k in range(60) for epic in (EUR, GBP)]
    whole, first, second = new_sink(), new_sink(), new_sink()
    LiveOrchestrator(ticks, EmaCross(2, 5), whole, "1m").run()
    before = LiveOrchestrator(ticks[:60], EmaCross(2, 5), first, "1m")
    before.run()
    after = LiveOrchestrator(ticks[58:], EmaCross(2, 5), second, "1m")
    after.restore(json.loads(json.dumps(before.state())))
    after.run()
    # The candles that were open at the end of the first run are built again by the second from the same ticks.
    for epic in (EUR, GBP):
        assert first.of(Signal, epic) + second.of(Signal, epic) == whole.of(Signal, epic)
    assert whole.of(Signal)


def test_states_are_checked() -> None:
    """Wrong strategies or a wrong moment raise."""
    orchestrator = LiveOrchestrator(Blocked(tick(0)), EmaCross(2, 5), (), "1m")
    with pytest.raises(ValueError, match="2 states for 1"):
        orchestrator.restore({EUR: [EmaCross(2, 5).state()] * 2})
    with pytest.raises(ValueError, match="parameters"):
        orchestrator.restore({EUR: [EmaCross(2, 6).state()]})
    for no_state in (None, [], {EUR: None}, {EUR: "state"}, {EUR: EmaCross(2, 5).state()}):
        with pytest.raises(ValueError, match="a state is"):
            orchestrator.restore(no_state)  # type: ignore[arg-type]
    orchestrator.start()
    for call in (orchestrator.state, lambda: orchestrator.restore({})):
        with pytest.raises(UsageError):
            call()
    assert orchestrator.stop()
    assert set(orchestrator.state()) <= {EUR}


def test_misuse_raises_at_once(new_sink) -> None:
    """Resolution, price and strategies are looked at when it is made."""
    with pytest.raises(ValueError, match="resolution"):
        LiveOrchestrator([], (), (), "soon")
    with pytest.raises(ValueError, match="price"):
        LiveOrchestrator([], (), (), "1m", price="ask")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="on_candle"):
        LiveOrchestrator([], object(), ())  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="an object with on_candle"):
        LiveOrchestrator([], EmaCross, ())  # type: ignore[arg-type]
    for no_sink in (None, 5, [new_sink(), "a"], new_sink):
        with pytest.raises(TypeError, match=r"write\(record\) and close\(\)"):
            LiveOrchestrator([], (), no_sink)  # type: ignore[arg-type]


def test_it_shows_what_it_does() -> None:
    """In a notebook an orchestrator prints as its state and its report."""
    orchestrator = LiveOrchestrator([tick(0), tick(60)], EmaCross(2, 5), (), "1m")
    assert repr(orchestrator) == "<LiveOrchestrator not started: ticks 0 · candles 0 · signals 0 · gaps 0>"
    orchestrator.run()
    assert repr(orchestrator) == "<LiveOrchestrator ended: ticks 2 · candles 1 · signals 0 · gaps 0>"


def test_json_lines_of_a_run_are_the_candles_of_the_ticks(tmp_path: Path) -> None:
    """What is on disk equals what the aggregator alone makes of the same ticks."""
    ticks = [tick(k * 11.3, 1.0 + ((k * 37) % 101) / 1000) for k in range(500)]
    LiveOrchestrator(ticks, (), JsonLinesSink(tmp_path / "out.jsonl"), "1m", price="bid", fill_quiet=True).run()
    aggregator = CandleAggregator("1m", price="bid", fill_quiet=True)
    candles = [candle for item in ticks for candle in aggregator.on_tick(item)] + aggregator.flush()
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [(row["opens_at"], row["close"], row["ticks"], row["complete"]) for row in rows] == [
        (candle.opens_at.isoformat(), candle.close, candle.ticks, candle.complete) for candle in candles
    ]
