"""Rates over the last minute, and totals that never go back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ig_sdk.streaming.metrics import ClosedMarkets, ConnectionMetrics, MarketMetrics, Rate, continued

EPIC = "CS.D.EURUSD.MINI.IP"


class Counter:
    """Something that happens, as the hot path counts it."""

    def __init__(self) -> None:
        self.rate, self.count, self.times = Rate(), 0, list[float]()

    def happen(self, now: float) -> None:
        if now >= self.rate.due:
            self.rate.note(now, self.count)
        self.count += 1
        self.times.append(now)

    def per_s(self, now: float) -> float:
        return self.rate.per_s(now, self.count)


def test_a_steady_market_has_its_rate() -> None:
    """Ten a second for five minutes are ten a second, at any moment of the last of them."""
    counter = Counter()
    for tenth in range(3000):
        counter.happen(1000.0 + tenth / 10)
        if tenth > 700:
            assert counter.per_s(1000.0 + tenth / 10) == pytest.approx(10.0, rel=0.02)


def test_a_new_market_is_judged_by_its_own_age() -> None:
    """After ten seconds with five a second the rate is five, and not a sixth of it."""
    counter = Counter()
    for fifth in range(51):
        counter.happen(fifth / 5)
    assert counter.per_s(10.0) == pytest.approx(5.0, rel=0.05)


def test_a_market_that_stops_fades_to_nothing() -> None:
    """A minute after the last one the rate is zero, and it is never below."""
    counter = Counter()
    for tenth in range(1200):
        counter.happen(tenth / 10)
    rates = [counter.per_s(120.0 + second) for second in range(70)]
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] == 0.0
    assert rates[30] == pytest.approx(5.0, rel=0.05)


def test_nothing_has_no_rate() -> None:
    """What never happened has the rate zero."""
    assert Counter().per_s(5.0) == 0.0


@given(st.lists(st.floats(0.001, 40.0), min_size=1, max_size=200), st.floats(0.0, 100.0))
def test_the_rate_is_that_of_a_full_record(pauses: list[float], later: float) -> None:
    """Whatever the rhythm, the rate of an old market is that of a record of all times, within a second's worth."""
    counter = Counter()
    counter.happen(0.0)
    now = 200.0
    for pause in pauses:
        counter.happen(now)
        now += pause
    now = counter.times[-1] + later
    exact = sum(at > now - 60.0 for at in counter.times)
    widened = sum(now - 61.0 < at for at in counter.times)
    narrowed = sum(at > now - 59.0 for at in counter.times)
    assert narrowed / 60.0 - 1e-9 <= counter.per_s(now) <= widened / 60.0 + 1e-9
    assert exact <= widened


def test_little_is_kept() -> None:
    """However much happens, a minute's samples are kept."""
    counter = Counter()
    for number in range(100_000):
        counter.happen(number / 100)
    assert len(counter.rate._samples) <= 61


def market(**values: int) -> MarketMetrics:
    return MarketMetrics(epic=EPIC, **values)  # type: ignore[arg-type]  # counts only


def test_a_connection_that_is_replaced_goes_on_counting() -> None:
    """Counts are added up, what is not a count is that of now."""
    before = ConnectionMetrics(status="FAILED", reconnects=3, updates=100, queue_dropped=2, items=5)
    now = continued(ConnectionMetrics(status="CONNECTED", reconnects=1, updates=10, items=4), before)
    assert (now.reconnects, now.updates, now.queue_dropped) == (4, 110, 2)
    assert (now.status, now.items) == ("CONNECTED", 4)


def test_a_market_that_is_opened_again_goes_on_counting() -> None:
    """No counter goes back when the last reader goes and another one comes; kinds are added one by one."""
    closed = ClosedMarkets()
    closed.add(MarketMetrics(epic=EPIC, ticks=100, gaps=1, set_aside={"spike": 2, "crossed": 1}, ticks_per_s=3.0))
    closed.add(MarketMetrics(epic=EPIC, ticks=10, lost=5))
    again = MarketMetrics(epic=EPIC, ticks=7, set_aside={"spike": 1}, ticks_per_s=1.0)
    now = closed.joined([again])[EPIC]
    assert (now.ticks, now.gaps, now.lost, now.ticks_per_s) == (117, 1, 5, 1.0)
    assert now.set_aside == {"crossed": 1, "spike": 3}
    assert now.readers == 1


def test_a_market_that_nobody_reads_keeps_its_totals_and_nothing_else() -> None:
    """A closed market has counts, no reader, no rate, no age and no score."""
    closed = ClosedMarkets()
    closed.add(MarketMetrics(epic=EPIC, ticks=4, ticks_per_s=2.0, stale_s=70.0, score=0.2, buffer_depth=9, refused="x"))
    left = closed.joined([])[EPIC]
    assert left == MarketMetrics(epic=EPIC, ticks=4, readers=0)


def test_streamed_and_polled_at_once_is_one_market() -> None:
    """One entry for each epic: counts together, the rest as the stream has it."""
    poll = MarketMetrics(epic=EPIC, wanted="poll", source="poll", ticks=5, readers=1, stale_s=9.0)
    stream = MarketMetrics(epic=EPIC, wanted="stream", source="stream", ticks=50, readers=3, stale_s=0.1)
    for pair in ([poll, stream], [stream, poll]):
        (both,) = ClosedMarkets().joined(pair).values()
        assert (both.ticks, both.readers, both.source, both.stale_s) == (55, 4, "stream", 0.1)


def test_totals_of_a_thousand_markets_are_kept() -> None:
    """A program that goes through all of IG's markets does not grow for ever; the oldest are forgotten first."""
    closed = ClosedMarkets()
    for number in range(1500):
        closed.add(MarketMetrics(epic=f"M{number}", ticks=number))
    kept = closed.joined([])
    assert len(kept) == 1000
    assert "M0" not in kept
    assert kept["M1499"].ticks == 1499
