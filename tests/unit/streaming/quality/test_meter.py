"""The figures of one market: what is missing, what is not, and that trouble is forgiven."""

from __future__ import annotations

import threading
from dataclasses import fields
from datetime import datetime, timedelta, timezone

import pytest

from ig_sdk.streaming.quality import Quality, QualityMeter
from ig_sdk.types import Tick

T0 = datetime(2025, 1, 8, 10, 0, tzinfo=timezone.utc)  # a Wednesday
FRIDAY = datetime(2025, 1, 10, 21, 0, tzinfo=timezone.utc)


def at(seconds: float, start: datetime = T0) -> datetime:
    return start + timedelta(seconds=seconds)


def tick(time: datetime, latency_ms: float = 20.0, status: str | None = None) -> Tick:
    return Tick("E", 1.1, 1.1001, time - timedelta(milliseconds=latency_ms), time, status=status)


def running(seconds: int, every: float = 1.0, start: datetime = T0) -> QualityMeter:
    """Return the meter of a market that had a tick every so many seconds, up to now."""
    meter = QualityMeter("E", start)
    for number in range(int(seconds / every)):
        meter.tick(tick(at((number + 1) * every, start)))
    return meter


def test_the_fields_are_the_documented_ones() -> None:
    """Names and order."""
    assert [each.name for each in fields(Quality)] == [
        "epic", "score", "completeness", "latency_p50_ms", "latency_p99_ms", "ticks", "set_aside", "lost", "gaps",
        "stale_s", "trusted",
    ]  # fmt: skip


@pytest.mark.parametrize("every", [0.05, 1.0, 30.0, 120.0])
def test_a_market_with_its_usual_ticks_is_complete(every: float) -> None:
    """However busy or quiet; latency is what it was."""
    meter = running(3600, every)
    quality = meter.quality(at(3600 + every / 2))
    assert (quality.completeness, quality.score, quality.trusted) == (1.0, 1.0, True)
    assert quality.latency_p50_ms == quality.latency_p99_ms == 20.0
    assert quality.ticks == int(3600 / every)
    assert quality.stale_s == every / 2


def test_before_the_first_tick_nothing_is_trusted() -> None:
    """A mute market has no quality, and no figures that would look like it."""
    quality = QualityMeter("E", T0).quality(at(60))
    assert (quality.score, quality.completeness, quality.trusted) == (0.0, 0.0, False)
    assert (quality.latency_p50_ms, quality.latency_p99_ms, quality.stale_s) == (None, None, None)


def test_a_line_that_is_down_counts_while_it_is_down_and_is_forgiven() -> None:
    """A minute of five is missing; the same minute told as a gap is not counted twice; five minutes later all is well."""
    meter = running(600)
    meter.line_down(at(600))
    assert meter.quality(at(630)).completeness == pytest.approx(0.9)
    assert meter.quality(at(660)).completeness == pytest.approx(0.8)
    meter.line_up(at(660))
    meter.gap(60.0, at(660))
    for number in range(661, 1000):
        meter.tick(tick(at(number)))
        quality = meter.quality(at(number))
        assert quality.trusted is (number >= 945), number
    assert (quality.completeness, quality.gaps) == (1.0, 1)


def test_what_was_sent_again_is_not_missing() -> None:
    """A recovered session had no hole, nor was its market silent; but it was while that was not known."""
    meter = running(600)
    meter.line_down(at(600))
    assert meter.quality(at(660)).completeness == pytest.approx(0.8)
    meter.line_up(at(660), nothing_missed=True)
    assert meter.quality(at(661)).completeness == 1.0
    meter.tick(tick(at(662)))
    assert (meter.quality(at(663)).completeness, meter.quality(at(663)).gaps) == (1.0, 0)
    meter.line_down(at(800))  # silent for too long before the line was known to be down
    meter.line_up(at(800), nothing_missed=True)
    assert meter.quality(at(801)).completeness < 0.8


def test_a_silence_is_too_long_by_the_market_s_own_rhythm() -> None:
    """A minute without a tick is nothing where ten seconds are usual, and much where a tenth of one is."""
    quiet, busy = running(600, 10.0), running(600, 0.1)
    assert quiet.quality(at(660)).completeness == 1.0
    assert busy.quality(at(660)).completeness == pytest.approx(260 / 300, abs=0.01)
    for meter in (quiet, busy):
        meter.tick(tick(at(660)))
    assert quiet.quality(at(661)).completeness == 1.0
    assert busy.quality(at(661)).completeness == pytest.approx(260 / 300, abs=0.01)


def test_a_dead_market_does_not_teach_that_dead_is_usual() -> None:
    """After an hour of silence its patience is what it was."""
    meter = running(1200)
    before = meter.patience_s
    meter.tick(tick(at(4800)))
    assert meter.patience_s == pytest.approx(before, rel=0.1)
    assert meter.quality(at(4801)).completeness < 0.1


def test_lost_and_set_aside_ticks_lower_the_score() -> None:
    """Lost ones are missing; ones set aside are not, but the feed is less sound. Both are forgiven, their counts stay."""
    meter = running(600)
    meter.lost(100, at(600))
    quality = meter.quality(at(600))
    assert quality.completeness == pytest.approx(300 / 400, abs=0.01)
    for _ in range(100):
        meter.set_aside(at(600))
    quality = meter.quality(at(600))
    assert quality.score == pytest.approx((300 / 400) ** 2, abs=0.02)
    for number in range(601, 920):
        meter.tick(tick(at(number)))
    quality = meter.quality(at(919))
    assert (quality.score, quality.lost, quality.set_aside, quality.trusted) == (1.0, 100, 100, True)


def test_a_weekend_is_not_missing() -> None:
    """From Friday 22:00 to Sunday 21:00 nothing is due; a silence after that is."""
    meter = running(3600, start=FRIDAY)
    for hours in (1.1, 20, 47.9):
        assert meter.quality(at(hours * 3600, FRIDAY)).completeness == 1.0
    sunday = FRIDAY + timedelta(hours=48)
    assert meter.quality(sunday + timedelta(seconds=10)).completeness == 1.0
    assert meter.quality(sunday + timedelta(seconds=200)).completeness < 0.9
    meter.tick(tick(sunday + timedelta(seconds=15)))
    assert meter.quality(sunday + timedelta(seconds=16)).completeness == 1.0


def test_a_line_down_at_the_weekend_is_not_missing_but_a_market_that_trades_then_is() -> None:
    """A market that sent a price at the weekend has no such pause."""
    currency, crypto = running(3600, start=FRIDAY), running(3600, start=FRIDAY)
    saturday = FRIDAY + timedelta(hours=20)
    currency.snapshot(tick(saturday))  # the last price of Friday, sent once more
    crypto.tick(tick(saturday))
    for meter in (currency, crypto):
        meter.line_down(saturday)
    assert currency.quality(saturday + timedelta(seconds=300)).completeness == 1.0
    assert crypto.quality(saturday + timedelta(seconds=300)).completeness == 0.0


def test_a_closed_market_is_not_missing() -> None:
    """Its state says so, in a tick or by itself; when it opens again prices are due again."""
    meter = running(600)
    meter.tick(tick(at(601), status="CLOSED"))
    assert meter.quality(at(4000)).completeness == 1.0
    meter.status("DEAL", at(4000))
    assert meter.quality(at(4010)).completeness == 1.0
    assert meter.quality(at(4100)).completeness < 0.6
    assert QualityMeter("E", FRIDAY + timedelta(hours=5)).quality(FRIDAY + timedelta(hours=6)).completeness == 1.0


@pytest.mark.parametrize(("latency_ms", "score"), [(-500, 1.0), (9_000, 1.0), (20_000, 0.5)])
def test_late_prices_are_trusted_less(latency_ms: float, score: float) -> None:
    """From ten seconds on."""
    meter = QualityMeter("E", T0)
    for number in range(1, 300):
        meter.tick(tick(at(number), latency_ms))
    quality = meter.quality(at(300))
    assert (quality.score, quality.latency_p50_ms) == (pytest.approx(score), pytest.approx(latency_ms))


def test_old_prices_are_not_late_ones() -> None:
    """Neither those of a replay, years old, nor the first row of a subscription."""
    meter = QualityMeter("E", T0)
    meter.tick(tick(at(1), 1e10))
    meter.snapshot(tick(at(2), 600_000))
    quality = meter.quality(at(3))
    assert (quality.score, quality.latency_p50_ms, quality.ticks, quality.stale_s) == (1.0, None, 2, 1.0)


def test_percentiles_are_of_the_window() -> None:
    """One slow tick in a hundred is the 99th percentile at most; those of an hour ago are forgotten."""
    meter = QualityMeter("E", T0)
    for number in range(1, 101):
        meter.tick(tick(at(number), 1000.0 if number > 98 else 10.0))
    quality = meter.quality(at(100))
    assert (quality.latency_p50_ms, quality.latency_p99_ms) == (10.0, 1000.0)
    later = meter.quality(at(3600))
    assert (later.latency_p50_ms, later.stale_s) == (None, 3500.0)


def test_a_flapping_line_takes_fixed_memory() -> None:
    """Ten thousand holes within five minutes are still one bounded answer."""
    meter = running(600)
    for number in range(10_000):
        meter.line_down(at(600 + number * 0.03))
        meter.line_up(at(600 + number * 0.03 + 0.015))
    quality = meter.quality(at(900))
    assert 0.0 <= quality.completeness <= 0.5
    assert len(meter._rare.holes) <= 256


def test_a_clock_that_is_set_back_does_no_harm() -> None:
    """Figures stay in their ranges, and are right again when time has passed."""
    meter = running(600)
    for number in range(400):
        meter.tick(tick(at(number)))
        assert 0.0 <= meter.quality(at(number)).score <= 1.0
    meter.lost(1, at(400))
    assert 0.0 <= meter.quality(at(400)).score <= 1.0


def test_another_thread_sees_whole_figures() -> None:
    """While ticks come in, every answer is possible: counts only grow, parts are parts."""
    meter, stop, seen = QualityMeter("E", T0), threading.Event(), []

    def ask() -> None:
        while not stop.is_set():
            seen.append(meter.quality(at(300)))

    asking = threading.Thread(target=ask)
    asking.start()
    for number in range(100_000):
        meter.tick(tick(at(number / 400)))
        if not number % 100:
            meter.set_aside(at(number / 400))
    stop.set()
    asking.join(10)
    assert seen
    assert all(0.0 <= each.score <= 1.0 for each in seen)
    counts = [each.ticks for each in seen]
    assert counts == sorted(counts)


def test_a_threshold_out_of_range_is_refused() -> None:
    """It is a part."""
    with pytest.raises(ValueError, match="threshold"):
        QualityMeter("E", T0, threshold=1.5)
