"""Candles of a live stream whose line is cut: whole after a recovery, with gaps after another session."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from ig_sdk import Candle, IGClient, Tick
from ig_sdk.candles import CandleAggregator
from ig_sdk.pipeline import Action, Backfilled, Held, LiveOrchestrator, Signal
from ig_sdk.simulator import Simulator
from ig_sdk.streaming import Gap, Reconnected, Stale

WAIT_S = 20.0


class Kept:
    """A sink that keeps what it gets, and lets a test wait for it."""

    def __init__(self) -> None:
        self.records: list[object] = []
        self._news = threading.Condition()

    def write(self, record: object) -> None:
        with self._news:
            self.records.append(record)
            self._news.notify_all()

    def close(self) -> None:
        """Nothing to close."""

    def of(self, kind: type) -> list[object]:
        return [record for record in self.records if isinstance(record, kind)]

    def wait(self, enough: Callable[[], bool]) -> None:
        with self._news:
            assert self._news.wait_for(enough, WAIT_S), self.records


@pytest.fixture
def sim() -> Iterator[Simulator]:
    """A seeded market, busier than a real one."""
    with Simulator(speed=20.0) as simulator:
        yield simulator


@pytest.fixture
def ig(sim: Simulator) -> Iterator[IGClient]:
    """A client of it that does not wait long between attempts."""
    with sim.client(reconnect={"initial_delay_s": 0.3, "max_delay_s": 0.5}) as client:
        yield client


class Buys:
    """A strategy that always buys."""

    warmup = 1

    def on_candle(self, candle: Candle) -> Signal:
        return Signal(Action.BUY, candle.epic, candle.closes_at, candle.close, "always")

    def state(self) -> dict[str, Any]:
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Nothing to restore."""


def run(ig: IGClient, fault: Callable[[], object]) -> tuple[Kept, list[Tick], LiveOrchestrator]:
    """Candles of a second through a fault: until three have closed after it."""
    sink = Kept()
    with ig.stream() as stream:
        prices = stream.prices(["EURUSD"], events=True)
        live = LiveOrchestrator(prices, Buys(), sink, "1s", advance_on_time=True)
        live.start()
        sink.wait(lambda: len(sink.of(Candle)) > 2)
        fault()
        sink.wait(lambda: bool(sink.of(Reconnected)))
        closed = len(sink.of(Candle)) + 3
        sink.wait(lambda: len(sink.of(Candle)) > closed)
        ticks = list(stream.buffer("EURUSD"))
        assert live.stop()
    return sink, ticks, live


def test_candles_of_a_line_that_recovers_are_those_of_all_its_ticks(sim, ig):
    """The cut is told, nothing is missing, and no candle differs from one that never heard of it."""
    sink, ticks, live = run(ig, sim.faults.drop_stream)
    stale, reconnected = sink.of(Stale), sink.of(Reconnected)
    assert [event.line_down for event in stale] == [True]
    assert [event.continuity for event in reconnected] == ["recovered"]
    aggregator = CandleAggregator("1s")
    wanted = [candle for tick in ticks for candle in aggregator.on_tick(tick)]
    got = [candle for candle in sink.of(Candle) if candle.opens_at <= wanted[-1].opens_at]
    assert got == wanted
    assert not any(candle.gap for candle in got)
    assert live.report().late_ticks == 0


def test_candles_across_a_replaced_session_have_gaps(sim, ig):
    """Those that the hole touches are not complete; those before and after it are."""
    sink, ticks, live = run(ig, lambda: sim.faults.start_maintenance(for_s=0.5))
    (gap,) = sink.of(Gap)
    place = sink.records.index(gap)
    assert [event.continuity for event in sink.of(Reconnected)] == ["replaced"]
    candles = sink.of(Candle)
    before = max(tick.time for tick in ticks if tick.received_at < gap.at)
    touched = [candle for candle in candles if candle.opens_at <= before < candle.closes_at]
    assert touched
    assert all(candle.gap and not candle.complete for candle in touched)
    after = [candle for candle in sink.records[place:] if isinstance(candle, Candle)]
    assert [candle.complete for candle in after[-3:-1]] == [True, True]
    assert not any(candle.gap for candle in candles[:2])
    assert live.report().gaps == 1
    assert all(isinstance(follower(sink, candle), Held) for candle in touched)
    assert isinstance(follower(sink, candles[0]), Signal)


def follower(sink: Kept, candle: object) -> object:
    """What came to the sink after a candle."""
    return sink.records[sink.records.index(candle) + 1]


def test_holes_count_although_no_events_were_asked_for(sim, ig, caplog):
    """Candles have the gap, the log tells it, and the sinks get no event that nobody wanted."""
    sink = Kept()
    with ig.stream() as stream:
        prices = stream.prices(["EURUSD"])
        live = LiveOrchestrator(prices, (), sink, "1s", advance_on_time=True)
        live.start()
        sink.wait(lambda: len(sink.of(Candle)) > 1)
        sim.faults.start_maintenance(for_s=0.5)
        sink.wait(lambda: any(candle.gap for candle in sink.of(Candle)))
        sink.wait(lambda: len(sink.of(Candle)) > 5)
        assert prices.quality("EURUSD").gaps == 1
        assert live.stop()
    assert live.report().gaps == 1
    assert {type(record) for record in sink.records} == {Candle}
    assert any(record.levelname == "WARNING" and "Gap(" in record.getMessage() for record in caplog.records)


def test_candles_of_a_hole_are_filled_from_history(sim, ig):
    """Each candle with a gap comes once more, from IG's history; the thread that asked ends with the run."""
    sink = Kept()
    with ig.stream() as stream:
        live = LiveOrchestrator(
            stream.prices(["EURUSD"]), (), sink, "1s", advance_on_time=True, backfill=ig.history.prices
        )
        live.start()
        sink.wait(lambda: len(sink.of(Candle)) > 1)
        sim.faults.start_maintenance(for_s=0.5)
        sink.wait(lambda: any(candle.gap for candle in sink.of(Candle)))
        sink.wait(lambda: bool(sink.of(Backfilled)))
        wanted = len(sink.of(Candle)) + 5
        sink.wait(lambda: len(sink.of(Candle)) > wanted)
        assert live.stop()
    filled = [record.candle.opens_at for record in sink.of(Backfilled)]
    assert len(filled) == len(set(filled))
    assert {candle.opens_at for candle in sink.of(Candle) if candle.gap and candle.ticks} <= set(filled)
    report = live.report()
    assert (report.backfilled, report.backfill_failures) == (len(filled), 0)
    assert "ig-backfill" not in {thread.name for thread in threading.enumerate()}
