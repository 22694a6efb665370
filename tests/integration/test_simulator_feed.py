"""Feeds and replays with their threads, in front of an outlet that remembers."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta, timezone
from queue import Queue

import pytest

from ig_sdk.clock import ManualClock
from ig_sdk.errors import DecodeError
from ig_sdk.simulator.prices.feed import Feed
from ig_sdk.simulator.prices.replay import Replay
from ig_sdk.simulator.prices.seeded import Market, Quote
from ig_sdk.simulator.reference.hours import MarketHours
from ig_sdk.simulator.reference.instruments import instruments
from ig_sdk.types import Tick, epic_for

START = datetime(2025, 1, 6, tzinfo=timezone.utc)
EURUSD, GBPUSD = epic_for("EURUSD"), epic_for("GBPUSD")
PATIENCE_S = 20.0


class SwiftClock:
    """A clock whose waits are over at once, having taken as long as they should."""

    def __init__(self) -> None:
        self.elapsed = 0.0

    def now(self) -> datetime:
        return START + timedelta(seconds=self.elapsed)

    def monotonic(self) -> float:
        return self.elapsed

    def wait(self, event: threading.Event, timeout: float) -> bool:
        if not event.is_set():
            self.elapsed += max(timeout, 0.0)
        return event.is_set()


class Stand:
    """An outlet with one reader, who may be absent or slow."""

    def __init__(self, clock: SwiftClock | ManualClock) -> None:
        self.clock = clock
        self.ticks: Queue[Tick] = Queue()
        self.times: list[float] = []
        self.absences: list[float] = []
        self.delays: list[float] = []
        self.present = True
        self.unsent: list[Tick] = []

    def observe(self, tick: Tick) -> None:
        self.unsent.append(tick)

    def publish(self, tick: Tick) -> None:
        self.times.append(self.clock.monotonic())
        self.ticks.put(tick)

    def subscribed(self, epics: Collection[str]) -> bool:
        if self.absences:
            self.clock.elapsed += self.absences.pop(0)
            return False
        return self.present and EURUSD in epics

    def wait_room(self, timeout: float) -> bool:
        if self.delays:
            self.clock.elapsed += self.delays.pop(0)
            return False
        return True

    def wait_written(self, timeout: float) -> bool:
        return True

    def taken(self) -> list[Tick]:
        return [self.ticks.get_nowait() for _ in range(self.ticks.qsize())]


def ticks_at(*seconds: float, epic: str = EURUSD) -> list[Tick]:
    return [
        Tick(epic, 1.0 + number / 100, 1.1 + number / 100, START + timedelta(seconds=second), START)
        for number, second in enumerate(seconds)
    ]


def replay_of(ticks: Iterable[Tick], stand: Stand, *, speed: float = float("inf"), first: Tick | None = None) -> Replay:
    return Replay(lambda: ticks, stand, epics=[EURUSD], speed=speed, clock=stand.clock, first=first)


def finished(replay: Replay) -> bool:
    """Wait in real time for the end: the replay's own clock does not pass while others work."""
    return replay._ended.wait(PATIENCE_S)


@pytest.fixture
def stand() -> Stand:
    return Stand(SwiftClock())


@pytest.mark.parametrize("speed", [1.0, 4.0, 0.5])
def test_gaps_are_scaled_and_times_kept(stand, speed):
    """Ticks come as far apart as recorded, divided by the speed, and say their own times."""
    ticks = ticks_at(100, 100, 102, 110, 110.25)
    replay = replay_of(ticks, stand, speed=speed)
    replay.start()
    replay.begin()
    assert finished(replay)
    replay.close()
    assert stand.taken() == ticks
    assert stand.times == pytest.approx([0, 0, 2 / speed, 10 / speed, 10.25 / speed])
    assert replay.served == 5


def test_as_fast_as_possible_waits_for_nothing(stand):
    """At infinite speed a weekend takes no time."""
    replay = replay_of(ticks_at(0, 200_000), stand)
    replay.start()
    replay.begin()
    assert finished(replay)
    assert replay.wait_finished(1.0)
    replay.close()
    assert stand.times == [0, 0]


def test_times_that_go_back_are_served_at_once(stand):
    """Judging is not the replay's business: an odd time is passed on."""
    replay = replay_of(ticks_at(10, 5, 12), stand, speed=1.0)
    replay.start()
    replay.begin()
    assert finished(replay)
    replay.close()
    assert stand.times == [0, 0, 2]


def test_a_slow_reader_is_waited_for(stand):
    """What the reader held up is neither lost nor caught up: later gaps keep their length."""
    stand.delays = [0.0, 3.0, 4.0]
    replay = replay_of(ticks_at(0, 10, 20), stand, speed=1.0)
    replay.start()
    replay.begin()
    assert finished(replay)
    replay.close()
    assert replay.served == 3
    assert [after - before for before, after in zip(stand.times, stand.times[1:], strict=False)] == [10, 10]


def test_nobody_there_is_a_pause(stand):
    """While nobody is subscribed nothing is served."""
    stand.absences = [0.0, 5.0]
    replay = replay_of(ticks_at(0, 10), stand, speed=1.0)
    replay.start()
    replay.begin()
    assert finished(replay)
    replay.close()
    assert [after - before for before, after in zip(stand.times, stand.times[1:], strict=False)] == [10]


def test_a_replay_waits_for_its_first_subscription(stand):
    """Before anybody subscribes nothing is served; the market quotes the first tick, but shows nobody one."""
    ticks = ticks_at(0, 1)
    replay = replay_of(ticks, stand, first=ticks[0])
    replay.start()
    assert not replay.begun
    assert replay.served == 0
    assert replay.quote(EURUSD) == Quote.first(ticks[0])
    assert replay.latest(EURUSD) is None
    assert replay.quote(GBPUSD) is None
    replay.begin()
    assert finished(replay)
    replay.close()
    assert replay.begun
    assert replay.latest(EURUSD) == ticks[1]
    assert replay.quote(EURUSD).tick == ticks[1]


def test_a_fault_in_the_file_ends_the_replay_loudly(stand, caplog):
    """What came before is served; then the error is kept, logged, and raised to whoever waits."""

    def broken():
        yield from ticks_at(0, 1)
        raise DecodeError("ticks.csv:3: 'x' is no price", path="ticks.csv:3")

    replay = replay_of(broken(), stand)
    replay.start()
    replay.begin()
    assert finished(replay)
    with pytest.raises(DecodeError, match=r"ticks\.csv:3"):
        replay.wait_finished(1.0)
    replay.close()
    assert replay.served == 2
    assert replay.error.path == "ticks.csv:3"
    assert "ticks.csv:3" in caplog.text


def test_whatever_an_iterable_raises_is_told(stand, caplog):
    """Ticks handed in may raise anything; it ends in an error of ours with the cause kept."""

    def broken():
        yield from ticks_at(0)
        raise KeyError("oops")

    replay = replay_of(broken(), stand)
    replay.start()
    replay.begin()
    assert finished(replay)
    with pytest.raises(DecodeError, match="oops") as caught:
        replay.wait_finished(1.0)
    assert isinstance(caught.value.__cause__, KeyError)
    replay.close()


@pytest.mark.parametrize("begun", [False, True])
def test_closing_wakes_a_replay(begun):
    """A replay that waits for a subscriber, or for a tick that is hours away, ends at once."""
    stand = Stand(ManualClock(START))
    replay = replay_of(ticks_at(0, 36_000), stand, speed=1.0)
    replay.start()
    if begun:
        replay.begin()
        stand.ticks.get(timeout=PATIENCE_S)
    replay.close()
    replay.close()
    assert replay.served == int(begun)
    assert not replay.wait_finished(0.0)


def test_closing_wakes_a_replay_without_a_reader():
    """A replay that is held up ends at once, too, and closes the ticks it was reading."""
    stand = Stand(ManualClock(START))
    stand.present = False
    closed = []

    def source():
        try:
            yield from ticks_at(0)
        finally:
            closed.append(True)

    replay = replay_of(source(), stand)
    replay.start()
    replay.begin()
    replay.close()
    assert stand.times == []
    assert closed in ([], [True])


def feed_of(stand: Stand, replay: Replay | None = None) -> Feed:
    market = Market(7, START, markets=[instruments()[EURUSD], instruments()[GBPUSD]])
    return Feed(market, stand, clock=stand.clock, replay=replay)


def test_live_prices_come_when_they_are_due():
    """As time passes, exactly the market's own ticks are published."""
    clock = ManualClock(START)
    stand = Stand(clock)
    expected = Market(7, START, markets=[instruments()[EURUSD], instruments()[GBPUSD]]).advance(
        START + timedelta(seconds=9)
    )
    feed = feed_of(stand)
    feed.start()
    clock.advance(9.0)
    got = [stand.ticks.get(timeout=PATIENCE_S) for _ in expected]
    feed.close()
    feed.close()
    assert got == expected
    assert [tick.epic for tick in stand.unsent] == [EURUSD, GBPUSD]
    assert feed.latest(EURUSD) == [tick for tick in expected if tick.epic == EURUSD][-1]
    assert feed.quote("CS.D.NOPE.MINI.IP") is None
    assert feed.latest("CS.D.NOPE.MINI.IP") is None


def test_a_market_that_slept_does_not_relive_it():
    """After a jump of the clock only the last seconds are published; what came before is seen without being sent."""
    clock = ManualClock(START)
    stand = Stand(clock)
    feed = feed_of(stand)
    feed.start()
    clock.advance(1500.0)
    assert feed.wait_current(PATIENCE_S)
    feed.close()
    sent = stand.taken()
    assert sent[0].time >= START + timedelta(seconds=1490)
    market = Market(7, START, markets=[instruments()[EURUSD], instruments()[GBPUSD]])
    assert stand.unsent + sent == market.opening + market.advance(START + timedelta(seconds=1500))


def test_a_market_that_slept_long_passes_it_over():
    """After days not every price is made, but some at all times, in order and unsent: history has no hole."""
    clock = ManualClock(START)
    stand = Stand(clock)
    feed = feed_of(stand)
    feed.start()
    clock.advance(3 * 86_400.0)
    assert feed.wait_current(PATIENCE_S)
    feed.close()
    times = [tick.time for tick in stand.unsent if tick.epic == EURUSD]
    assert times == sorted(times)
    assert len(times) < 3_000
    assert {time.replace(minute=0, second=0, microsecond=0) for time in times} >= {
        (START + timedelta(hours=hours)).replace(minute=0, second=0, microsecond=0) for hours in range(3 * 24)
    }
    assert all(tick.time >= clock.now() - timedelta(seconds=10) for tick in stand.taken())


def test_a_clock_moved_step_by_step_gives_every_price_in_its_step():
    """Waiting until the feed is current makes a test see exactly what is due, and nothing later."""
    clock = ManualClock(START)
    stand = Stand(clock)
    feed = feed_of(stand)
    feed.start()
    market = Market(7, START, markets=[instruments()[EURUSD], instruments()[GBPUSD]])
    for _ in range(20):
        clock.advance(0.25)
        assert feed.wait_current(PATIENCE_S)
        assert stand.taken() == market.advance(clock.now())
    feed.close()


def test_each_second_is_told_when_its_prices_are_out():
    """Whether a price comes then or not; every price before that second was sent, and a replay's market is left out."""
    clock = ManualClock(START)
    stand, told = Stand(clock), Queue[tuple[datetime, bool, bool, list[Tick]]]()
    market = Market(7, START, markets=[instruments()[GBPUSD], instruments()["UA.D.AAPL.CASH.IP"]])

    def on_second(second, generated):
        told.put((second, generated(GBPUSD), generated(EURUSD), stand.taken()))

    feed = Feed(market, stand, clock=clock, replay=replay_of([], stand), on_second=on_second)
    feed.start()
    for seconds in range(1, 11):
        clock.advance(1.0)
        assert feed.wait_current(PATIENCE_S)
        while (after := told.get(timeout=PATIENCE_S))[0] < START + timedelta(seconds=seconds):
            pass
        assert after[:3] == (START + timedelta(seconds=seconds), True, False)
    feed.close()
    quiet = [tick for tick in stand.taken() if tick.time < START + timedelta(seconds=10)]
    assert quiet == []


def test_markets_open_and_close_with_the_clock():
    """With opening hours each market's status is told at first and when it changes; closed ones have no price."""
    clock = ManualClock(datetime(2025, 1, 10, 21, 59, 50, tzinfo=timezone.utc))
    stand = Stand(clock)
    markets = [instruments()[EURUSD], instruments()["UA.D.AAPL.CASH.IP"]]
    told: Queue[tuple[str, str]] = Queue()
    feed = Feed(
        Market(7, clock.now(), markets=markets, opening_hours=True),
        stand,
        clock=clock,
        market_hours=MarketHours(markets),
        on_status=lambda epic, status: told.put((epic, status)),
    )
    feed.start()
    assert [told.get_nowait() for _ in range(2)] == [(EURUSD, "TRADEABLE"), ("UA.D.AAPL.CASH.IP", "CLOSED")]
    for _ in range(12):
        clock.advance(1.0)
        assert feed.wait_current(PATIENCE_S)
    ends = datetime(2025, 1, 10, 22, tzinfo=timezone.utc)
    clock.advance(2.0)
    assert told.get(timeout=PATIENCE_S) == (EURUSD, "EDITS_ONLY")
    feed.close()
    assert told.empty()
    ticks = stand.taken()
    assert ticks
    assert all(tick.epic == EURUSD and tick.time < ends for tick in ticks)


def test_prices_before_the_close_are_dealt_at_before_it():
    """A clock that jumps over the close does not close the market on the prices that came before it."""
    clock = ManualClock(datetime(2025, 1, 10, 21, 59, 50, tzinfo=timezone.utc))
    stand, markets = Stand(clock), [instruments()[EURUSD]]
    market = Market(7, clock.now(), markets=markets, opening_hours=True)
    told: list[tuple[str, int]] = []
    feed = Feed(
        market,
        stand,
        clock=clock,
        market_hours=MarketHours(markets),
        on_status=lambda _, status: told.append((status, len(stand.unsent) + stand.ticks.qsize())),
    )
    feed.start()
    clock.advance(20.0)
    assert feed.wait_current(PATIENCE_S)
    feed.close()
    assert told == [("TRADEABLE", 1), ("EDITS_ONLY", len(stand.unsent) + stand.ticks.qsize())]


def test_a_clock_moved_past_the_close_at_once_is_caught_up_with():
    """The stride that ends behind the last tick before a weekend is not the last one."""
    clock = ManualClock(datetime(2025, 1, 10, 21, 59, 50, tzinfo=timezone.utc))
    markets = [instruments()[EURUSD]]
    feed = Feed(
        Market(7, clock.now(), markets=markets, opening_hours=True),
        Stand(clock),
        clock=clock,
        market_hours=MarketHours(markets),
    )
    feed.start()
    clock.advance(20.0)
    assert feed.wait_current(PATIENCE_S)
    feed.close()


def test_a_replayed_market_has_no_made_up_prices():
    """The replay's market shows the replay alone; the others go on."""
    clock = ManualClock(START)
    stand = Stand(clock)
    recorded = ticks_at(0)
    replay = replay_of(recorded, stand, first=recorded[0])
    feed = feed_of(stand, replay)
    feed.start()
    assert feed.quote(EURUSD).tick == recorded[0]
    assert feed.latest(EURUSD) is None
    assert feed.quote(GBPUSD).tick.epic == GBPUSD
    feed.subscribed(GBPUSD)
    assert not replay.begun
    clock.advance(9.0)
    live = [stand.ticks.get(timeout=PATIENCE_S) for _ in range(3)]
    assert {tick.epic for tick in live} == {GBPUSD}
    feed.subscribed(EURUSD)
    assert finished(replay)
    feed.close()
    assert [tick for tick in stand.taken() if tick.epic == EURUSD] == recorded
    assert feed.latest(EURUSD) == recorded[0]


def test_a_replay_of_an_unread_iterable_quotes_the_made_up_market():
    """As long as the first tick is not known, REST shows what the market would."""
    stand = Stand(ManualClock(START))
    replay = replay_of(iter(ticks_at(0)), stand)
    feed = feed_of(stand, replay)
    feed.start()
    assert feed.quote(EURUSD) is not None
    assert feed.latest(EURUSD) is None
    feed.close()
