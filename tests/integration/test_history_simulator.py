"""``ig.history`` against the simulator, on real sockets."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from ig_sdk.client import IGClient
from ig_sdk.clock import ManualClock
from ig_sdk.errors import RateLimited, UsageError
from ig_sdk.simulator import Simulator
from ig_sdk.types import Resolution

NOW = datetime(2025, 1, 8, 12, 0, 30, tzinfo=timezone.utc)
EPIC = "CS.D.EURUSD.MINI.IP"
DAY = timedelta(days=1)


@pytest.fixture
def clock() -> ManualClock:
    """The simulator's time."""
    return ManualClock(NOW)


@pytest.fixture
def sim(clock: ManualClock) -> Iterator[Simulator]:
    """A running simulator whose time stands still."""
    with Simulator(seed=7, clock=clock) as simulator:
        yield simulator


def sent(sim: Simulator) -> int:
    return len(sim.requests(path="/prices"))


@pytest.mark.parametrize("resolution", [each for each in Resolution if each is not Resolution.SECOND])
def test_every_resolution(sim: Simulator, resolution: Resolution) -> None:
    """Candles of every length come in order, one for each interval, and are free the second time."""
    span = {"start": NOW - 100 * resolution, "end": NOW - 10 * resolution}
    with sim.client() as ig:
        first = ig.history.prices("EURUSD", resolution, **span)
        asked = sent(sim)
        plan = ig.history.plan("EURUSD", resolution, **span)
        assert (plan.points, plan.from_cache) == (0, len(first))
        assert plan.fetch() == first
        assert sent(sim) == asked
    assert first
    times = [candle.opens_at for candle in first]
    assert times == sorted(set(times))
    assert NOW - 100 * resolution <= times[0]
    assert times[-1] < NOW - 10 * resolution
    for candle in first:
        assert candle.complete
        assert candle.low <= min(candle.open, candle.close) <= max(candle.open, candle.close) <= candle.high
        assert candle.bid is not None
        assert candle.offer is not None
        assert candle.open == (candle.bid.open + candle.offer.open) / 2


def test_cost_is_what_the_plan_says(sim: Simulator, tmp_path: Path) -> None:
    """A plan's points bound what the allowance loses; another client with the cache's file pays nothing."""
    setting = {"cache": str(tmp_path / "prices.sqlite")}
    with sim.client(history=setting) as ig:
        ig.history.prices(EPIC, "MINUTE", points=1)
        before = ig.history.allowance
        plan = ig.history.plan(EPIC, "MINUTE", start=NOW - 2 * DAY, end=NOW - DAY)
        candles = plan.fetch()
        after = ig.history.allowance
        assert before is not None
        assert after is not None
        assert before.remaining - after.remaining == len(candles) == plan.points == 1440
    asked = sent(sim)
    with sim.client(history=setting) as ig:
        assert ig.history.prices(EPIC, "MINUTE", start=NOW - 2 * DAY, end=NOW - DAY) == candles
    assert sent(sim) == asked


def test_week_is_spent(sim: Simulator) -> None:
    """What is left is refused here when it is known not to be enough, and forced, it is asked for until it is gone."""
    with sim.client() as ig:
        ig.history.prices(EPIC, "MINUTE", points=9_000)
        span = {"start": NOW - DAY, "end": NOW - timedelta(seconds=1)}
        asked = sent(sim)
        with pytest.raises(RateLimited):
            ig.history.prices(EPIC, "SECOND", **span)
        assert sent(sim) == asked
        with pytest.raises(RateLimited) as caught:
            ig.history.prices(EPIC, "SECOND", force=True, **span)
        assert caught.value.allowance == "historical"
        assert sent(sim) > asked


def test_unknown_is_not_yes(sim: Simulator) -> None:
    """Right after the login nobody has said what is left: a fetch that is too much costs one point to find out."""
    with sim.client() as ig:
        ig.login()
        plan = ig.history.plan(EPIC, "MINUTE", start=NOW - 29 * DAY, end=NOW)
        assert plan.allowance is None
        assert plan.affordable is None
        assert "allowance not known yet" in str(plan)
        with pytest.raises(RateLimited, match="points of history"):
            plan.fetch()
        told = ig.history.allowance
        assert told is not None
        assert told.remaining == 9_999
        assert sent(sim) == 1
        assert plan.affordable is None  # a plan is what was known when it was made
        assert ig.history.plan(EPIC, "MINUTE", start=NOW - 29 * DAY, end=NOW).affordable is False
        assert ig.allowances.historical.used == 1


def test_what_can_be_paid_is_not_refused(sim: Simulator) -> None:
    """Two years of hours are more than a week's points on paper; IG keeps fewer, and they are had."""
    with sim.client() as ig:
        ig.login()
        plan = ig.history.plan(EPIC, "HOUR", start=NOW - 730 * DAY, end=NOW)
        assert plan.starts_later is not None
        assert abs(plan.starts_later - (NOW - 360 * DAY)) < DAY
        assert "IG keeps them since 2024-01-14 only" in str(plan)
        exact = plan.check()
        assert (exact.least, exact.affordable) == (exact.points, True)
        candles = plan.fetch()
        assert plan.least <= len(candles) == exact.points <= plan.points < 7_000
        again = ig.history.plan(EPIC, "HOUR", start=NOW - 730 * DAY, end=NOW)
        assert (again.points, again.from_cache) == (1, len(candles) - 1)  # the one that is still open


def test_older_than_anything_that_is_kept(sim: Simulator) -> None:
    """It is said, costs nothing and sends nothing, unless it is forced."""
    with sim.client() as ig:
        ig.login()
        span = {"start": NOW - 100 * DAY, "end": NOW - 60 * DAY}
        plan = ig.history.plan(EPIC, "MINUTE", **span)
        assert (plan.points, plan.affordable, plan.starts_later is None) == (0, True, False)
        assert plan.fetch() == []
        assert sent(sim) == 0
        assert plan.fetch(force=True) == []
        assert sent(sim) == 1


def test_as_much_as_is_left_and_the_rest_next_week(sim: Simulator, clock: ManualClock) -> None:
    """What is left pays for the oldest candles; a week later the same call pays for the rest, and none twice."""
    span = {"start": NOW - 20 * DAY, "end": NOW - 10 * DAY}
    with sim.client() as other:
        whole = other.history.prices(EPIC, "MINUTE_5", **span)
    clock.advance(8 * 86_400)
    with sim.client() as ig:
        ig.history.prices("GBPUSD", "MINUTE", points=8_500)
        with pytest.raises(RateLimited, match="up_to_allowance"):
            ig.history.prices(EPIC, "MINUTE_5", **span)
        first = ig.history.prices(EPIC, "MINUTE_5", up_to_allowance=True, **span)
        assert 1_400 < len(first) < len(whole)
        assert first == whole[: len(first)]
        assert ig.history.allowance is not None
        assert ig.history.allowance.remaining == 0
        with pytest.raises(RateLimited) as caught:
            ig.history.prices(EPIC, "MINUTE_5", up_to_allowance=True, **span)
        assert caught.value.retry_after is not None
        assert ig.history.prices(EPIC, "MINUTE_5", start=span["start"], end=first[-1].opens_at) == first[:-1]


def test_rest_next_week_on_one_clock(sim: Simulator, clock: ManualClock) -> None:
    """Call after call, each a week later, gets one stretch after the other until all is here."""
    span = {"start": NOW - 18 * DAY, "end": NOW - 4 * DAY}
    with IGClient(sim.config(), clock=clock) as ig:
        got, weeks = ig.history.prices(EPIC, "MINUTE", up_to_allowance=True, **span), 0
        assert 9_990 < len(got) < 10_000
        while ig.history.plan(EPIC, "MINUTE", **span).pages:
            weeks += 1
            clock.advance(7 * 86_400 + 1)
            more = ig.history.prices(EPIC, "MINUTE", up_to_allowance=True, **span)
            assert more[: len(got)] == got
            got = more
        assert weeks == 1
        assert got[-1].opens_at == datetime(2025, 1, 3, 21, 59, tzinfo=timezone.utc)  # of the Friday


def test_two_that_are_affordable_one_by_one(sim: Simulator) -> None:
    """Of two fetches at once that only one of can be paid, one is refused before it spends."""
    with sim.client() as ig:
        ig.history.prices(EPIC, "MINUTE", points=1)

        def fetch(back: int) -> int | None:
            try:
                ends = NOW - back * DAY
                return len(ig.history.prices(EPIC, "MINUTE", start=ends - 6 * DAY, end=ends, progress=seen.append))
            except RateLimited as error:
                refusals.append(error.status)
                return None

        seen: list[object] = []
        refusals: list[int] = []
        with ThreadPoolExecutor(2) as pool:
            results = list(pool.map(fetch, (0, 7)))
        assert (results.count(None), refusals) == (1, [0])


def test_threads(sim: Simulator) -> None:
    """Many threads that read at once get the same candles, and the cache is whole afterwards."""
    with sim.client() as ig:
        spans = [{"start": NOW - timedelta(hours=9 + n % 3), "end": NOW - timedelta(hours=5)} for n in range(12)]
        with ThreadPoolExecutor(4) as pool:
            results = list(pool.map(lambda span: ig.history.prices(EPIC, "MINUTE_5", **span), spans))
        assert [len(candles) for candles in results] == [48 + 12 * (n % 3) for n in range(12)]
        assert all(candles[-48:] == results[0] for candles in results)
        assert (
            ig.history.plan(EPIC, "MINUTE_5", start=NOW - timedelta(hours=11), end=NOW - timedelta(hours=5)).points == 0
        )


def test_closed_client(sim: Simulator) -> None:
    """After close() nothing is sent."""
    ig = sim.client()
    ig.close()
    with pytest.raises(UsageError):
        ig.history.prices(EPIC, "MINUTE", points=1)


def test_activity_and_transactions(sim: Simulator) -> None:
    """The simulated account's past comes typed and in UTC, newest first."""
    with sim.client() as ig:
        done = ig.history.activity(start=NOW - 365 * DAY)
        moved = ig.history.transactions(start=NOW - 365 * DAY)
        assert len(done.to_pandas()) == len(done)
        assert len(moved.to_polars()) == len(moved)
    times = [row.date for row in done if row.date]
    assert times == sorted(times, reverse=True)
    assert all(row.profit_and_loss is not None for row in moved)
