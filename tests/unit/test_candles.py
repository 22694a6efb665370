"""Edges, order, time and quiet intervals of the candle aggregator."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone

import pytest

from ig_sdk.candles import QUIET_LIMIT, CandleAggregator
from ig_sdk.types import Candle, Ohlc, Resolution, Tick

EPIC = "CS.D.EURUSD.MINI.IP"
T0 = datetime(2025, 1, 6, 10, 0, tzinfo=timezone.utc)


def at(seconds: float, bid: float = 1.0, offer: float = 1.5, *, epic: str = EPIC, start: datetime = T0) -> Tick:
    time = start + timedelta(seconds=seconds)
    return Tick(epic, bid, offer, time, time)


def fed(aggregator: CandleAggregator, *ticks: Tick) -> list[Candle]:
    return [candle for tick in ticks for candle in aggregator.on_tick(tick)]


def test_candle_carries_both_sides_and_the_mid() -> None:
    """Open, high, low and close are first, highest, lowest and last; high of the mid is the highest mid."""
    aggregator = CandleAggregator("1m")
    ticks = [at(0, 1.0, 2.0), at(10, 3.0, 3.5), at(20, 0.5, 4.0), at(59.999, 1.5, 2.5), at(60, 9.0, 9.0)]
    (candle,) = fed(aggregator, *ticks)
    assert candle == Candle(
        EPIC,
        Resolution.MINUTE,
        T0,
        1.5,
        3.25,
        1.5,
        2.0,
        None,
        4,
        True,
        Ohlc(1.0, 3.0, 0.5, 1.5),
        Ohlc(2.0, 4.0, 2.0, 2.5),
    )
    assert candle.resolution is Resolution.MINUTE


@pytest.mark.parametrize(("price", "opens"), [("mid", 1.25), ("bid", 1.0), ("offer", 1.5)])
def test_price_chooses_the_side(price: str, opens: float) -> None:
    """Open to close are those of the side asked for."""
    aggregator = CandleAggregator("1m", price=price)  # type: ignore[arg-type]
    aggregator.on_tick(at(0))
    assert aggregator.current is not None
    assert aggregator.current.open == aggregator.current.close == opens


def test_tick_on_the_edge_opens_the_next() -> None:
    """Intervals are half-open."""
    aggregator = CandleAggregator("1m")
    assert not aggregator.on_tick(at(0))
    assert not aggregator.on_tick(at(59.999999))
    (closed,) = aggregator.on_tick(at(60))
    assert (closed.opens_at, closed.ticks) == (T0, 2)
    assert aggregator.current is not None
    assert aggregator.current.opens_at == T0 + timedelta(minutes=1)


@pytest.mark.parametrize(
    ("resolution", "time", "opens_at"),
    [
        ("90s", "2025-01-06T10:01:31+00:00", "2025-01-06T10:01:30+00:00"),
        ("7m", "1970-01-01T00:13:59+00:00", "1970-01-01T00:07:00+00:00"),
        ("7m", "1969-12-31T23:59:59+00:00", "1969-12-31T23:53:00+00:00"),
        (Resolution.HOUR_4, "2025-01-06T15:59:59+00:00", "2025-01-06T12:00:00+00:00"),
        (Resolution.DAY, "2025-01-06T23:59:59.999999+00:00", "2025-01-06T00:00:00+00:00"),
        (Resolution.WEEK, "2025-01-12T23:59:59+00:00", "2025-01-06T00:00:00+00:00"),
        (timedelta(days=14), "2025-01-06T00:00:00+00:00", "2025-01-06T00:00:00+00:00"),
        (Resolution.HOUR, "2025-01-06T10:30:00+05:30", "2025-01-06T05:00:00+00:00"),
    ],
)
def test_intervals_are_counted_from_the_epoch(resolution: str, time: str, opens_at: str) -> None:
    """Alignment is to the UTC epoch, of whole weeks to Mondays; other zones are turned into UTC."""
    aggregator = CandleAggregator(resolution)
    moment = datetime.fromisoformat(time)
    aggregator.on_tick(Tick(EPIC, 1.0, 1.0, moment, moment))
    assert aggregator.current is not None
    assert aggregator.current.opens_at == datetime.fromisoformat(opens_at)
    assert aggregator.current.opens_at.tzinfo is timezone.utc


def test_late_tick_is_refused_and_counted() -> None:
    """A tick older than the open candle changes nothing."""
    aggregator = CandleAggregator("1m")
    fed(aggregator, at(0), at(61))
    before = aggregator.current
    assert not aggregator.on_tick(at(59.9, 99.0, 99.0))
    assert aggregator.current == before
    assert aggregator.late_ticks == 1


def test_order_of_arrival_rules_inside_the_candle() -> None:
    """The close is the tick that came last, also when its time goes back inside the open candle."""
    aggregator = CandleAggregator("1m", price="bid")
    fed(aggregator, at(30, 1.0), at(50, 2.0), at(10, 3.0))
    assert aggregator.current is not None
    assert (aggregator.current.open, aggregator.current.close, aggregator.current.ticks) == (1.0, 3.0, 3)
    assert aggregator.late_ticks == 0


def test_advance_closes_on_time_and_later_ticks_of_it_are_late() -> None:
    """A candle is given out once: by time, then nothing more of its interval."""
    aggregator = CandleAggregator("1m")
    aggregator.on_tick(at(0))
    assert not aggregator.advance(T0 + timedelta(seconds=59.9))
    (closed,) = aggregator.advance(T0 + timedelta(seconds=60))
    assert closed.complete
    assert aggregator.current is None
    assert not aggregator.advance(T0 + timedelta(seconds=61))
    assert not aggregator.on_tick(at(59))
    assert aggregator.late_ticks == 1
    assert aggregator.current is None
    assert not aggregator.on_tick(at(60))
    assert not aggregator.advance(T0)


def test_a_candle_whose_beginning_was_not_seen_is_incomplete() -> None:
    """Only the first one, and only when its first tick is not on its edge."""
    joined_late = fed(CandleAggregator("1m"), at(5), at(65), at(125))
    assert [candle.complete for candle in joined_late] == [False, True]
    on_the_edge = fed(CandleAggregator("1m"), at(0), at(65))
    assert [candle.complete for candle in on_the_edge] == [True]


def test_quiet_intervals_are_absent() -> None:
    """No tick, no candle."""
    aggregator = CandleAggregator("1m")
    assert [candle.opens_at for candle in fed(aggregator, at(0), at(300), at(360))] == [T0, T0 + timedelta(minutes=5)]


def test_quiet_intervals_are_flat_when_asked_for() -> None:
    """With fill_quiet each interval has its candle, at the previous close of each side, with no ticks."""
    aggregator = CandleAggregator("1m", fill_quiet=True)
    closed = fed(aggregator, at(0, 5.0, 6.0), at(20, 1.0, 2.0), at(200, 3.0, 4.0))
    assert [(c.opens_at - T0).seconds // 60 for c in closed] == [0, 1, 2]
    for quiet in closed[1:]:
        assert (quiet.open, quiet.high, quiet.low, quiet.close) == (1.5, 1.5, 1.5, 1.5)
        assert (quiet.bid, quiet.offer) == (Ohlc(1.0, 1.0, 1.0, 1.0), Ohlc(2.0, 2.0, 2.0, 2.0))
        assert (quiet.ticks, quiet.complete) == (0, True)


def test_quiet_intervals_by_time_are_not_given_twice() -> None:
    """What advance filled, the next tick does not fill again, and a tick of it is late."""
    aggregator = CandleAggregator("1m", fill_quiet=True)
    aggregator.on_tick(at(0))
    assert [c.ticks for c in aggregator.advance(T0 + timedelta(minutes=3))] == [1, 0, 0]
    assert not aggregator.on_tick(at(130))
    assert aggregator.late_ticks == 1
    assert [c.ticks for c in aggregator.on_tick(at(240))] == [0]


def test_a_long_hole_is_left_absent() -> None:
    """After a tick there are QUIET_LIMIT flat candles at most; the rest of a longer hole stays absent."""
    aggregator = CandleAggregator("1s", fill_quiet=True)
    aggregator.on_tick(at(0))
    assert len(aggregator.on_tick(at(QUIET_LIMIT + 1))) == QUIET_LIMIT + 1
    assert len(aggregator.on_tick(at(2 * QUIET_LIMIT + 3))) == QUIET_LIMIT + 1
    assert not aggregator.on_tick(at(2 * QUIET_LIMIT + 3))
    assert len(aggregator.advance(T0 + timedelta(days=4000))) == QUIET_LIMIT + 1
    assert not aggregator.advance(T0 + timedelta(days=4001))


@pytest.mark.parametrize("ahead", [timedelta(seconds=61), timedelta(hours=1), timedelta(days=1)])
def test_a_tick_ahead_of_its_time_moves_no_candle(ahead: timedelta) -> None:
    """One tick with a future time is counted; the candles go on as if it had not come."""
    right = [at(seconds) for seconds in (0, 30, 50, 61, 130)]
    wrong = right[1]._replace(time=right[1].received_at + ahead, bid=9.0, offer=9.0)
    disturbed, calm = CandleAggregator("1m"), CandleAggregator("1m")
    assert fed(disturbed, *right[:2], wrong, *right[2:]) == fed(calm, *right)
    assert (disturbed.ahead_ticks, disturbed.late_ticks) == (1, 0)


def test_a_tick_ahead_is_believed_when_the_next_agrees() -> None:
    """Ticks that stay ahead are right (this machine's clock is slow); each of them counts once."""
    aggregator = CandleAggregator("1m")
    ticks = [at(seconds)._replace(received_at=T0 - timedelta(hours=1)) for seconds in (0, 600, 1200)]
    closed = fed(aggregator, *ticks[:2])
    assert aggregator.ahead_ticks == 1
    closed += fed(aggregator, *ticks[2:])
    assert [candle.ticks for candle in closed] == [1]
    assert aggregator.ahead_ticks == 1  # the last one is held


def test_a_gap_makes_every_candle_it_touches_incomplete() -> None:
    """The open candle, flat ones, and the one that the next tick opens inside; not one that it opens on its edge."""
    aggregator = CandleAggregator("1m", fill_quiet=True)
    aggregator.on_tick(at(0))
    aggregator.mark_gap()
    assert aggregator.current is not None
    assert aggregator.current.gap
    closed = fed(aggregator, at(130), at(180), at(240))
    assert [(c.gap, c.complete) for c in closed] == [(True, False)] * 3 + [(False, True)]
    aggregator.mark_gap()
    assert [(c.gap, c.complete) for c in fed(aggregator, at(300), at(360))] == [(True, False), (False, True)]


def test_a_gap_inside_one_candle_is_over_with_its_next_tick() -> None:
    """What comes after the next tick is whole again."""
    aggregator = CandleAggregator("1m")
    aggregator.on_tick(at(0))
    aggregator.mark_gap()
    assert [(c.gap, c.complete) for c in fed(aggregator, at(10), at(70), at(120))] == [(True, False), (False, True)]


def when(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def shown(candles: Sequence[Candle]) -> list[tuple[float, int, bool, bool]]:
    return [((c.opens_at - T0).total_seconds(), c.ticks, c.gap, c.complete) for c in candles]


def test_an_open_hole_keeps_candles_open_for_what_a_recovery_brings() -> None:
    """No candle closes by time in the hole; late ticks go into theirs, and every one of them is whole."""
    aggregator = CandleAggregator("1m")
    fed(aggregator, at(0), at(50))
    aggregator.advance(when(50))
    aggregator.open_hole()
    assert aggregator.hole_open
    assert not aggregator.advance(when(79))
    aggregator.close_hole(missing=False)
    assert not aggregator.hole_open
    assert not aggregator.advance(when(80))  # what was missed is on its way
    assert shown(fed(aggregator, at(55), at(61), at(78))) == [(0, 3, False, True)]
    assert shown(aggregator.advance(when(120))) == [(60, 2, False, True)]
    assert aggregator.late_ticks == 0


def test_after_a_hole_without_late_ticks_the_candle_closes_whole() -> None:
    """A quiet market is not waited for longer than ``LATE_WAIT``."""
    aggregator = CandleAggregator("1m")
    fed(aggregator, at(0), at(50))
    aggregator.open_hole()
    assert not aggregator.advance(when(65))
    aggregator.close_hole(missing=False)
    assert not aggregator.advance(when(66.9))
    assert shown(aggregator.advance(when(67))) == [(0, 2, False, True)]


@pytest.mark.parametrize(("resolution", "wait"), [("1m", 30.0), ("5s", 5.0), ("1h", 30.0)])
def test_a_long_hole_holds_no_candle_up(resolution: str, wait: float) -> None:
    """After thirty seconds, or the candle's length, it closes on time and says that ticks may be missing."""
    aggregator = CandleAggregator(resolution)
    length = aggregator.resolution.total_seconds()
    fed(aggregator, at(length - 1))
    aggregator.open_hole()
    assert not aggregator.advance(when(length - 1 + wait - 0.001))
    assert shown(aggregator.advance(when(length - 1 + wait))) == [(0, 1, True, False)]
    aggregator.open_hole()  # it is open: it does not begin again
    assert shown(fed(aggregator, at(length))) == []
    assert shown(aggregator.advance(when(2 * length))) == [(length, 1, True, False)]


def test_the_end_of_a_hole_with_loss_marks_what_it_touches() -> None:
    """The candle that waited closes at once, with a gap; so has the one that the next tick opens, not the third."""
    aggregator = CandleAggregator("1m")
    fed(aggregator, at(0), at(50))
    aggregator.open_hole()
    assert not aggregator.advance(when(70))
    aggregator.close_hole(missing=True)
    assert shown(aggregator.advance(when(70))) == [(0, 2, True, False)]
    assert shown(fed(aggregator, at(75), at(120), at(180))) == [(60, 1, True, False), (120, 1, False, True)]


def test_the_end_of_no_hole_says_only_what_is_missing() -> None:
    """A gap without a hole before it counts; the end of a hole without loss that never began changes nothing."""
    aggregator = CandleAggregator("1m")
    fed(aggregator, at(0))
    aggregator.close_hole(missing=False)
    assert shown(aggregator.advance(when(60))) == [(0, 1, False, True)]
    fed(aggregator, at(60))
    aggregator.close_hole(missing=True)
    assert shown(aggregator.advance(when(120))) == [(60, 1, True, False)]


def test_the_open_candle_of_an_open_hole_has_a_gap_at_the_end() -> None:
    """Nobody will say any more that nothing was missed."""
    aggregator = CandleAggregator("1m")
    fed(aggregator, at(0))
    aggregator.open_hole()
    assert shown(aggregator.flush()) == [(0, 1, True, False)]


def test_candles_of_samples_have_gaps() -> None:
    """All that the sampled time touches, flat ones too; the first that begins after it is whole."""
    aggregator = CandleAggregator("1m", fill_quiet=True)
    fed(aggregator, at(0), at(10))
    aggregator.open_hole()
    aggregator.sampled(on=True)
    aggregator.sampled(on=True)
    assert not aggregator.hole_open
    aggregator.open_hole()  # nothing more can be missing
    assert shown(aggregator.advance(when(60))) == [(0, 2, True, False)]
    assert shown(fed(aggregator, at(120))) == [(60, 0, True, False)]
    aggregator.sampled(on=False)
    wanted = [(120, 2, True, False), (180, 1, False, True)]
    assert shown(fed(aggregator, at(150), at(180), at(240))) == wanted


def test_flush_gives_the_open_candle_once() -> None:
    """The flushed candle is incomplete, and its interval is over."""
    aggregator = CandleAggregator("1m")
    assert aggregator.flush() == []
    aggregator.on_tick(at(1))
    (flushed,) = aggregator.flush()
    assert not flushed.complete
    assert aggregator.flush() == []
    assert not aggregator.on_tick(at(2))
    assert aggregator.late_ticks == 1


def test_current_and_closes_at_follow_the_open_candle() -> None:
    """Both are None when no candle is open."""
    aggregator = CandleAggregator("1m")
    assert (aggregator.current, aggregator.closes_at, aggregator.epic) == (None, None, None)
    aggregator.on_tick(at(1))
    assert aggregator.closes_at == T0 + timedelta(minutes=1)
    assert aggregator.epic == EPIC
    assert aggregator.resolution is Resolution.MINUTE


def test_crossed_quotes_are_kept() -> None:
    """Judging quotes is not the aggregator's business."""
    aggregator = CandleAggregator("1m")
    aggregator.on_tick(at(0, bid=2.0, offer=1.0))
    assert aggregator.current is not None
    assert aggregator.current.bid == Ohlc(2.0, 2.0, 2.0, 2.0)
    assert aggregator.current.offer == Ohlc(1.0, 1.0, 1.0, 1.0)


@pytest.mark.parametrize(
    ("bid", "offer"),
    [(math.nan, 1.0), (1.0, math.nan), (math.inf, 1.0), (1.0, -math.inf), (math.inf, -math.inf), (1e308, 1e308)],
)
@pytest.mark.parametrize("opened", [True, False])
def test_prices_that_are_no_finite_numbers_are_refused(bid: float, offer: float, opened: bool) -> None:
    """Nothing has changed after the refusal."""
    aggregator = CandleAggregator("1m")
    if opened:
        aggregator.on_tick(at(0))
    before = aggregator.current
    with pytest.raises(ValueError, match="finite"):
        aggregator.on_tick(at(1, bid, offer))
    assert aggregator.current == before


def test_a_tick_of_another_market_is_refused() -> None:
    """One aggregator serves one market; an equal text that is another object is the same market."""
    aggregator = CandleAggregator("1m")
    aggregator.on_tick(at(0))
    with pytest.raises(ValueError, match="one for each market"):
        aggregator.on_tick(at(1, epic="CS.D.GBPUSD.MINI.IP"))
    for _ in range(2):
        assert not aggregator.on_tick(at(2, epic="".join(EPIC)))
    assert aggregator.current is not None
    assert aggregator.current.ticks == 3


def test_naive_times_are_refused() -> None:
    """A time without zone is misuse, before and after the first tick, for advance too."""
    aggregator = CandleAggregator("1m")
    naive = datetime(2025, 1, 6, 10, 0)  # noqa: DTZ001
    for _ in range(2):
        with pytest.raises(TypeError):
            aggregator.on_tick(Tick(EPIC, 1.0, 1.0, naive, naive))
        with pytest.raises(TypeError):
            aggregator.advance(naive)
        aggregator.on_tick(at(0))


def test_the_end_of_time_is_refused() -> None:
    """A candle that would end after the year 9999 cannot be."""
    aggregator = CandleAggregator("1m")
    end = datetime.max.replace(tzinfo=timezone.utc)
    with pytest.raises(ValueError, match="9999"):
        aggregator.on_tick(Tick(EPIC, 1.0, 1.0, end, end))
    assert aggregator.current is None


@pytest.mark.parametrize(
    "resolution", [Resolution.MONTH, "MONTH", "0s", "-1m", "1.5s", "", timedelta(0), 60, "9" * 20 + "d"]
)
def test_lengths_that_are_none_are_refused(resolution: str) -> None:
    """A month is no length; neither are zero, a fraction of a second, or a bare number."""
    with pytest.raises(ValueError):
        CandleAggregator(resolution)


def test_unknown_price_is_refused() -> None:
    """The side is mid, bid or offer."""
    with pytest.raises(ValueError, match="'mid', 'bid' or 'offer'"):
        CandleAggregator("1m", price="ask")  # type: ignore[arg-type]


def test_it_shows_what_it_builds() -> None:
    """An aggregator prints as length, side and market."""
    aggregator = CandleAggregator("90s", price="bid")
    assert repr(aggregator) == "<CandleAggregator 90s bid>"
    aggregator.on_tick(at(0))
    assert repr(aggregator) == f"<CandleAggregator 90s bid of {EPIC}>"
    assert repr(CandleAggregator("60s")) == "<CandleAggregator MINUTE mid>"
