"""The seeded market."""

from __future__ import annotations

import json
import math
from datetime import datetime, timedelta, timezone
from importlib import resources
from itertools import pairwise
from statistics import mean, median

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ig_sdk.simulator.prices.seeded import VOLATILITY_PROFILES, Market, Quote
from ig_sdk.simulator.reference.instruments import instruments
from ig_sdk.types import PAIRS, Tick, epic_for

START = datetime(2025, 1, 6, tzinfo=timezone.utc)
HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def hour() -> dict[str, list[Tick]]:
    """One hour of every market."""
    market = Market(7, START)
    first = [market.quote(epic).tick for epic in instruments()]
    ticks: dict[str, list[Tick]] = {tick.epic: [tick] for tick in first}
    for tick in market.advance(START + HOUR):
        ticks[tick.epic].append(tick)
    return ticks


def test_the_five_pairs_are_there_by_three_kinds_of_contract():
    """Every pair has its CFD, mini and spread-bet epic."""
    for pair in PAIRS:
        assert {f"CS.D.{pair}.{kind}.IP" for kind in ("CFD", "MINI", "TODAY")} <= instruments().keys()


def test_the_packaged_instruments_are_those_of_the_reference(shared):
    """The pairs inside the package have not drifted from the reference, and the other markets say the same things."""
    text = resources.files("ig_sdk.simulator.reference").joinpath("instruments.json").read_text(encoding="utf-8")
    ours = json.loads(text)["instruments"]
    theirs = json.loads((shared / "wire" / "instruments.json").read_text(encoding="utf-8"))["instruments"]
    assert ours[: len(theirs)] == theirs
    keys = set.intersection(*(set(each) for each in theirs))
    rules = set(theirs[0]["dealingRules"])
    assert all(set(each) >= keys and set(each["dealingRules"]) == rules for each in ours)


def test_same_seed_same_prices():
    """Seed and start decide every price and its time; another seed gives others."""
    runs = [Market(seed, START).advance(START + timedelta(minutes=5)) for seed in (7, 7, 8)]
    assert runs[0] == runs[1]
    assert [tick.bid for tick in runs[0]] != [tick.bid for tick in runs[2]]


@settings(max_examples=20)
@given(st.lists(st.integers(0, 120_000), max_size=10))
def test_steps_make_no_difference(steps_ms):
    """However time is cut into steps, the same ticks come out in the same order."""
    end = START + timedelta(minutes=2)
    stepped = Market(7, START)
    got = [tick for step in sorted(steps_ms) for tick in stepped.advance(START + timedelta(milliseconds=step))]
    got += stepped.advance(end)
    assert got == Market(7, START).advance(end)


def test_nothing_comes_before_it_is_due():
    """No tick is later than the time asked for, and next_at is when the next one comes."""
    market = Market(7, START)
    due = market.next_at
    assert market.advance(due - timedelta(milliseconds=1)) == []
    assert {tick.time for tick in market.advance(due)} == {due}
    assert market.next_at > due


@pytest.mark.parametrize("epic", sorted(instruments()))
def test_prices_are_quotable(epic, hour):
    """Prices have the instrument's decimals, bid below offer by at least its narrowest spread, and a time that rises."""
    instrument = instruments()[epic]
    narrowest = instrument.spread_points / instrument.points
    for tick in hour[epic]:
        assert round(tick.bid, instrument.decimals) == tick.bid
        assert round(tick.offer, instrument.decimals) == tick.offer
        assert tick.spread >= narrowest * 0.999
    times = [tick.time for tick in hour[epic]]
    assert times == sorted(set(times))
    assert all(time.microsecond % 1000 == 0 for time in times)


@pytest.mark.parametrize("epic", sorted(instruments()))
def test_every_tick_moves_the_price(epic, hour):
    """A feed sends changes only."""
    prices = [(tick.bid, tick.offer) for tick in hour[epic]]
    assert all(before != after for before, after in pairwise(prices))


@pytest.mark.parametrize("pair", PAIRS)
def test_spread_is_realistic(pair, hour):
    """The usual spread is near the published one, and now and then it is several times as wide."""
    instrument = instruments()[epic_for(pair)]
    spreads = [tick.spread * instrument.points for tick in hour[instrument.epic]]
    assert instrument.spread_points <= median(spreads) + 1e-9 <= 1.5 * instrument.spread_points
    assert max(spreads) > 2 * instrument.spread_points
    assert max(spreads) < 20 * instrument.spread_points


@pytest.mark.parametrize("pair", PAIRS)
def test_spacing_is_realistic(pair, hour):
    """Prices come about as often as the pair's profile says, in clusters, never for minutes not at all."""
    profile, times = VOLATILITY_PROFILES[pair], [tick.time for tick in hour[epic_for(pair)]]
    gaps = [(after - before).total_seconds() for before, after in pairwise(times)]
    if profile.longest_s is None:
        assert mean(gaps) == pytest.approx(profile.gap_s, rel=0.1)
        assert max(gaps) < 60
    else:
        assert 0.5 * profile.gap_s < mean(gaps) < profile.gap_s
        assert max(gaps) <= profile.longest_s
    assert median(gaps) < 0.8 * mean(gaps)


@pytest.mark.parametrize("epic", [f"CS.D.EURUSD.{kind}.IP" for kind in ("CFD", "MINI", "TODAY")])
def test_no_second_passes_without_a_eurusd_price(epic, hour):
    """Whoever tests against EURUSD never waits longer than a second."""
    seconds = {int((tick.time - START).total_seconds()) for tick in hour[epic]}
    assert seconds == set(range(max(seconds) + 1))
    assert max(seconds) == 3599


@pytest.mark.parametrize("pair", PAIRS)
def test_movement_is_realistic(pair, hour):
    """An hour moves a pair by some hundredths to some tenths of a percent."""
    mids = [tick.mid for tick in hour[epic_for(pair)]]
    assert 0.0002 < (max(mids) - min(mids)) / mids[0] < 0.01
    assert mids[0] == pytest.approx(instruments()[epic_for(pair)].mid, rel=0.02)


def test_epics_of_one_pair_move_together(hour):
    """Mini and full contract quote the same, the spread bet the same in points."""
    minis, bets = hour["CS.D.GBPUSD.MINI.IP"], hour["CS.D.GBPUSD.TODAY.IP"]
    assert [tick.time for tick in minis] == [tick.time for tick in bets]
    assert all(bet.mid == pytest.approx(mini.mid * 10_000, abs=0.2) for mini, bet in zip(minis, bets, strict=True))


def test_speed_makes_a_market_busier():
    """Ten times the speed: ten times the ticks in the same minute, still one a millisecond at most."""
    counts = {}
    for speed in (1.0, 10.0, 10_000.0):
        ticks = Market(7, START, speed=speed, markets=[instruments()[epic_for("EURUSD")]]).advance(
            START + timedelta(seconds=20)
        )
        times = [tick.time for tick in ticks]
        assert times == sorted(set(times))
        counts[speed] = len(times)
    assert counts[10.0] == pytest.approx(10 * counts[1.0], rel=0.6)
    assert counts[10_000.0] == 20_000


def test_days_of_prices_stay_sane():
    """A simulator left alone for a long time does not wander off."""
    instrument = instruments()[epic_for("USDJPY")]
    market = Market(3, START, markets=[instrument])
    for day in range(1, 4):
        market.advance(START + timedelta(days=day))
    assert market.quote(instrument.epic).tick.mid == pytest.approx(instrument.mid, rel=0.1)


def test_a_market_without_instruments_is_silent():
    """No instrument, no price, no next time."""
    market = Market(7, START, markets=[])
    assert market.next_at is None
    assert market.advance(START + HOUR) == []
    assert market.quote(epic_for("EURUSD")) is None


def test_quote_keeps_the_days_figures():
    """Opening, high and low cover the day and begin anew with the next (UTC)."""
    ticks = [
        Tick("X", bid, bid + 0.2, START + timedelta(hours=hours), START)
        for hours, bid in ((1, 1.0), (2, 1.5), (3, 0.5))
    ]
    quote = Quote.first(ticks[0]).then(ticks[1]).then(ticks[2])
    assert (quote.tick, quote.opened, quote.high, quote.low) == (ticks[2], 1.1, 1.7, 0.5)
    tomorrow = Tick("X", 2.0, 2.2, START + timedelta(days=1), START)
    assert quote.then(tomorrow) == Quote.first(tomorrow)


def test_the_quote_follows_the_ticks():
    """What a market shows is its last tick."""
    market = Market(7, START)
    ticks = market.advance(START + timedelta(minutes=1))
    last = {tick.epic: tick for tick in ticks}
    assert all(market.quote(epic).tick == tick for epic, tick in last.items())


def test_a_market_begins_where_its_past_ends():
    """The first price of each market is at the level handed in, and what follows stays near it."""
    market = Market(7, START, level={"EURUSD": 0.1}.get, markets=[instruments()[epic_for("EURUSD")]])
    epic = epic_for("EURUSD")
    assert market.opening[0] == market.quote(epic).tick
    assert market.opening[0].mid == pytest.approx(1.16 * math.exp(0.1), abs=0.0005)
    market.advance(START + timedelta(hours=2))
    assert market.quote(epic).tick.mid == pytest.approx(1.16 * math.exp(0.1), rel=0.01)


def test_opening_hours_silence_a_market():
    """Over the weekend there is no price; the one shown is Friday's last, and Sunday evening goes on from it."""
    saturday = datetime(2025, 1, 11, 12, tzinfo=timezone.utc)
    market = Market(7, saturday, markets=[instruments()[epic_for("EURUSD")]], opening_hours=True)
    friday = market.quote(epic_for("EURUSD")).tick
    assert friday.time == datetime(2025, 1, 10, 21, 59, 59, 999_000, tzinfo=timezone.utc)
    assert market.next_at == datetime(2025, 1, 12, 21, tzinfo=timezone.utc)
    assert market.advance(market.next_at - timedelta(milliseconds=1)) == []
    first = market.advance(market.next_at)[0]
    assert first.mid == pytest.approx(friday.mid, rel=0.001)


def test_a_leap_passes_time_over():
    """After a leap the market goes on from then, without what would have come between."""
    market = Market(7, START, markets=[instruments()[epic_for("EURUSD")]])
    market.leap(START + 8 * HOUR)
    assert market.next_at == START + 8 * HOUR
    ticks = market.advance(START + 8 * HOUR + timedelta(seconds=2))
    assert ticks[0].time == START + 8 * HOUR
    assert ticks[0].mid == pytest.approx(1.16, rel=0.02)
