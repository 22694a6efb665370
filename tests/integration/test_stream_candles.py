"""IG's candles as they are streamed, and longer ones built from them, against the simulator."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from itertools import islice, pairwise

import pytest

from ig_sdk import Tick
from ig_sdk.candles import CandleAggregator
from ig_sdk.errors import SubscriptionRefused
from ig_sdk.simulator import Simulator
from ig_sdk.streaming import Gap, Reconnected
from ig_sdk.types import Candle, Resolution, epic_for

WAIT_S = 10.0
EURUSD = epic_for("EURUSD")
START = datetime(2025, 1, 6, 9, tzinfo=timezone.utc)


def recorded(count: int, every_s: int = 7) -> list[Tick]:
    """Ticks some seconds apart, each of them another price."""
    times = [START + timedelta(seconds=number * every_s) for number in range(count)]
    return [Tick(EURUSD, 1.1 + (n % 17) / 1e5, 1.1001 + (n % 13) / 1e5, at, at) for n, at in enumerate(times)]


@pytest.mark.parametrize("length", ["1m", "3m", "5m", "90s"])
def test_candles_of_a_replay_equal_those_of_its_ticks(length):
    """Each closed candle comes once, with both sides as they are built from the ticks; IG's own or built from them."""
    ticks = recorded(200)
    aggregator = CandleAggregator(length, price="bid")
    expected = [candle for tick in ticks for candle in aggregator.on_tick(tick)]
    with Simulator(ticks=ticks, speed="max") as sim, sim.client() as ig, ig.stream() as stream:
        candles = list(islice(stream.candles("EURUSD", length, price="bid"), len(expected) - 1))
    values = [(c.opens_at, c.bid, c.offer, c.ticks, c.close) for c in candles]
    assert values == [(c.opens_at, c.bid, c.offer, c.ticks, c.close) for c in expected[: len(values)]]
    assert all(candle.complete for candle in candles[1:])


def test_streams_of_one_market_and_scale_share_an_item():
    """Two lengths that are built from IG's minutes, and IG's minutes themselves."""
    with Simulator(ticks=recorded(400), speed="max") as sim, sim.client() as ig, ig.stream() as stream:
        own, built = stream.candles("EURUSD"), stream.candles(["EURUSD"], "2m", price="offer")
        first, second = next(own), next(built)
        assert isinstance(first, Candle)
        assert (first.resolution, second.resolution) == (Resolution.MINUTE, Resolution.MINUTE_2)
        assert second.open == second.offer.open
        assert list(stream.status().subscriptions) == [f"candles {EURUSD} 1MINUTE"]
        assert own.counts[EURUSD].updates >= 1


def test_seconds_arrive_while_the_market_lives():
    """A busy market's seconds, one after the other, each once."""
    with Simulator(speed=20.0) as sim, sim.client() as ig, ig.stream() as stream:
        candles = list(islice(stream.candles("EURUSD", "1s", fill_quiet=True), 4))
    assert [later.opens_at - sooner.opens_at for sooner, later in pairwise(candles)] == [timedelta(seconds=1)] * 3


def test_a_replaced_session_marks_the_candle():
    """What was missed shows: a Gap, and a candle with gap that is not complete."""
    with (
        Simulator(speed=20.0) as sim,
        sim.client(reconnect={"initial_delay_s": 0.01, "max_delay_s": 0.05}) as ig,
        ig.stream() as stream,
        stream.candles("EURUSD", "1s", events=True) as candles,
    ):
        assert isinstance(next(candles), Candle)
        sim.faults.end(32, "closed by the operator")
        seen = []
        while not seen or not isinstance(seen[-1], Candle) or not any(isinstance(item, Reconnected) for item in seen):
            seen.append(next(candles))
        assert [type(item) for item in seen if isinstance(item, Gap)] == [Gap]
        after = next(item for item in seen if isinstance(item, Candle) and item.gap)
        assert not after.complete


def test_unknown_market_is_refused():
    """As for prices: once from the iterator, then the end."""
    with Simulator() as sim, sim.client() as ig, ig.stream() as stream:
        candles = stream.candles("CS.D.NOSUCH.MINI.IP")
        with pytest.raises(SubscriptionRefused, match="NOSUCH"):
            next(candles)
        assert list(candles) == []


@pytest.mark.parametrize(("arguments", "match"), [({"resolution": "MONTH"}, "month"), ({"price": "last"}, "mid")])
def test_wrong_arguments_are_refused(arguments, match):
    """Before anything is asked of IG."""
    with Simulator() as sim, sim.client() as ig, ig.stream() as stream, pytest.raises(ValueError, match=match):
        stream.candles("EURUSD", **arguments)
