"""``ig.history`` against the simulator, on real sockets."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from ig_sdk.clock import ManualClock
from ig_sdk.errors import RateLimited, UsageError
from ig_sdk.simulator import Simulator
from ig_sdk.types import Resolution

NOW = datetime(2025, 1, 8, 12, 0, 30, tzinfo=timezone.utc)
EPIC = "CS.D.EURUSD.MINI.IP"
DAY = timedelta(days=1)


@pytest.fixture
def sim() -> Iterator[Simulator]:
    """A running simulator whose time stands still."""
    with Simulator(seed=7, clock=ManualClock(NOW)) as simulator:
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
