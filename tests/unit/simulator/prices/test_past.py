"""Candles of the past, and their meeting with the live prices."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from statistics import mean
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ig_sdk.simulator.prices.past import PastCandle, PastPrices, candle_of
from ig_sdk.simulator.prices.seeded import VOLATILITY_PROFILES, Market
from ig_sdk.simulator.reference.hours import hours_of
from ig_sdk.simulator.reference.instruments import instruments
from ig_sdk.types import Resolution, Tick, epic_for

UTC = timezone.utc
LONDON = ZoneInfo("Europe/London")
START = datetime(2025, 11, 19, 12, 10, 33, 456_000, tzinfo=UTC)
NOW = START + timedelta(minutes=7)
EURUSD = epic_for("EURUSD")
EPICS = (EURUSD, "CS.D.USDJPY.TODAY.IP", "IX.D.FTSE.CFD.IP", "UA.D.AAPL.CASH.IP", "CC.D.LCO.USS.IP")
Key = Callable[[datetime], datetime]


@pytest.fixture(scope="module")
def past() -> PastPrices:
    return PastPrices(7, START)


@pytest.fixture(scope="module")
def live() -> tuple[PastPrices, list[Tick]]:
    """A past that a few minutes of live prices followed."""
    past = PastPrices(7, START)
    market = Market(7, START, level=lambda market_id: past.log_at(market_id, START))
    ticks = market.opening + market.advance(NOW)
    for tick in ticks:
        past.on_tick(tick)
    return past, ticks


def candles_of(past: PastPrices, epic: str, resolution: str, **span: Any) -> list[PastCandle]:
    return list(map(candle_of, past.rows(epic, resolution, **span)))


def whole(opens_at: datetime, parts: Sequence[PastCandle]) -> PastCandle:
    """The candle that these make up."""
    sides = []
    for rows in ([each.bid for each in parts], [each.offer for each in parts]):
        sides.append((rows[0][0], max(row[1] for row in rows), min(row[2] for row in rows), rows[-1][3]))
    return PastCandle(opens_at, sides[0], sides[1], sum(each.volume for each in parts))


def grouped(candles: Sequence[PastCandle], key: Key) -> list[PastCandle]:
    groups: dict[datetime, list[PastCandle]] = {}
    for candle in candles:
        groups.setdefault(key(candle.opens_at), []).append(candle)
    return [whole(opens_at, parts) for opens_at, parts in groups.items()]


def floor(seconds: int) -> Key:
    return lambda time: datetime.fromtimestamp(time.timestamp() // seconds * seconds, UTC)


def day(time: datetime) -> datetime:
    return time.replace(hour=0, minute=0, second=0, microsecond=0)


def in_london(begins: Key) -> Key:
    """The same beginning by London's clock."""
    return lambda time: begins(time.astimezone(LONDON)).astimezone(UTC)


def monday(time: datetime) -> datetime:
    return day(time) - timedelta(days=time.weekday())


def first_of_month(time: datetime) -> datetime:
    return day(time).replace(day=1)


def five_o_clock(time: datetime) -> datetime:
    return (day(time) - timedelta(days=time.hour < 5)).replace(hour=5)


MADE_OF = [
    ("MINUTE", "SECOND", floor(60), timedelta(hours=1)),
    ("MINUTE_2", "MINUTE", floor(120), timedelta(hours=5)),
    ("MINUTE_3", "MINUTE", floor(180), timedelta(hours=5)),
    ("MINUTE_5", "MINUTE", floor(300), timedelta(hours=30)),
    ("MINUTE_10", "MINUTE_5", floor(600), timedelta(hours=60)),
    ("MINUTE_15", "MINUTE_5", floor(900), timedelta(hours=60)),
    ("MINUTE_30", "MINUTE_15", floor(1800), timedelta(days=4)),
    ("HOUR", "MINUTE", floor(3600), timedelta(days=6)),
    ("HOUR_2", "HOUR", floor(7200), timedelta(days=8)),
    ("HOUR_3", "HOUR", floor(10_800), timedelta(days=8)),
    ("HOUR_4", "HOUR", floor(14_400), timedelta(days=8)),
    ("DAY", "HOUR", in_london(day), timedelta(days=60)),
    ("WEEK", "DAY", in_london(monday), timedelta(days=400)),
    ("WEEK", "HOUR", in_london(monday), timedelta(days=100)),
    ("MONTH", "DAY", in_london(first_of_month), timedelta(days=400)),
]


@pytest.mark.parametrize("epic", EPICS)
@pytest.mark.parametrize(("resolution", "parts", "key", "back"), MADE_OF)
def test_candles_are_made_of_shorter_ones(live, epic, resolution, parts, key, back):
    """Each candle, that of the past, of the live prices or of both, is exactly what its parts make up."""
    prices, _ = live
    first = key(NOW - back)
    long = candles_of(prices, epic, resolution, now=NOW, first=first)
    assert long == grouped(candles_of(prices, epic, parts, now=NOW, first=first), key)
    if epic != "UA.D.AAPL.CASH.IP" or resolution not in ("MINUTE", "MINUTE_2", "MINUTE_3"):
        assert len(long) > 3


@pytest.mark.parametrize("epic", sorted(instruments()))
def test_candles_are_sound(past, epic):
    """High and low enclose open and close, bid is below offer, all have the market's decimals, and time goes on."""
    instrument = instruments()[epic]
    for resolution in ("MINUTE", "HOUR", "DAY"):
        candles = candles_of(past, epic, resolution, now=START, count=200)
        assert len(candles) == 200
        assert all(before.opens_at < after.opens_at for before, after in pairwise(candles))
        for candle in candles:
            for opened, high, low, close in (candle.bid, candle.offer):
                assert low <= min(opened, close) <= max(opened, close) <= high
            for bid, offer in zip(candle.bid, candle.offer, strict=True):
                assert round(bid, instrument.decimals) == bid
                assert round(offer, instrument.decimals) == offer
                assert (offer - bid) * instrument.points == pytest.approx(instrument.spread_points, abs=0.11)
            assert candle.volume >= 1


@pytest.mark.parametrize("epic", EPICS)
def test_closed_hours_are_absent(past, epic):
    """A year of hours is exactly the open ones."""
    hours = hours_of(instruments()[epic])
    candles = candles_of(past, epic, "HOUR", now=START, first=START - timedelta(days=359))
    got = {candle.opens_at for candle in candles}
    time, expected = candles[0].opens_at, set()
    while time <= START:
        if any(hours.is_open(time + timedelta(minutes=part)) for part in (0, 30)):
            expected.add(time)
        time += timedelta(hours=1)
    assert got == expected


def test_the_same_under_the_same_seed(past):
    """Seed and time decide a candle, whoever asks and whenever the simulator began; another seed gives another."""
    later = PastPrices(7, START + timedelta(days=30))
    other = PastPrices(8, START)
    asked = {"now": START, "last": START - timedelta(hours=1), "count": 50}
    for resolution in ("SECOND", "MINUTE_5", "HOUR", "DAY", "WEEK"):
        candles = candles_of(past, EURUSD, resolution, **asked)
        assert candles_of(later, EURUSD, resolution, **asked)[:-1] == candles[:-1]
        assert candles_of(other, EURUSD, resolution, **asked) != candles


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([each.name for each in Resolution]),
    st.integers(0, 200_000),
    st.integers(0, 5_000),
    st.none() | st.integers(1, 40),
)
def test_any_part_of_the_past_is_the_same(past, resolution, first_s, length_s, count):
    """However it is asked for, a candle is the same, and exactly those of the span come."""
    first = START - timedelta(seconds=first_s + length_s)
    last = START - timedelta(seconds=first_s)
    everything = candles_of(past, EURUSD, resolution, now=START, first=first - timedelta(hours=1))
    expected = [candle for candle in everything if first <= candle.opens_at <= last]
    if count is not None:
        expected = expected[-count:]
    assert candles_of(past, EURUSD, resolution, now=START, first=first, last=last, count=count) == expected


@pytest.mark.parametrize(
    ("resolution", "days"), [("SECOND", 4), ("MINUTE_3", 40), ("MINUTE_5", 360), ("HOUR_4", 360), ("DAY", 5479)]
)
def test_the_depth_of_history(past, resolution, days):
    """Nothing is older than IG keeps it, and what is asked before that comes from there on."""
    reach = past.reach(resolution, START)
    assert reach == START - timedelta(days=days)
    if resolution != "SECOND":
        candles = candles_of(
            past, EURUSD, resolution, now=START, first=reach - timedelta(days=30), last=reach + timedelta(days=4)
        )
        assert candles
        assert reach <= candles[0].opens_at < reach + timedelta(days=3)


SUMMER = datetime(2025, 7, 16, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "now", [START, SUMMER, datetime(2025, 4, 4, 9, tzinfo=UTC), datetime(2025, 11, 4, 9, tzinfo=UTC)]
)
@pytest.mark.parametrize(
    "epic", ["CS.D.CFDGOLD.CFDGC.IP", "CS.D.USCGC.TODAY.IP", "MT.D.GC.Month2.IP", "MT.D.HG.Month1.IP"]
)
def test_days_of_the_metals_open_at_five(epic, now):
    """They open at 05:00 by London's clock in summer and in winter, are made of hours, and there are some on Sundays."""
    past = PastPrices(7, now)
    first = five_o_clock(now.astimezone(LONDON) - timedelta(days=20)).astimezone(UTC)
    days = candles_of(past, epic, "DAY", now=now, first=first)
    assert {each.opens_at.astimezone(LONDON).strftime("%H:%M:%S") for each in days} == {"05:00:00"}
    assert days == grouped(candles_of(past, epic, "HOUR", now=now, first=first), in_london(five_o_clock))
    assert 6 in {each.opens_at.weekday() for each in days}


@pytest.mark.parametrize("resolution", ["DAY", "WEEK", "MONTH"])
@pytest.mark.parametrize("epic", EPICS)
def test_long_candles_open_at_midnight_by_the_clients_clock(past, epic, resolution):
    """Over fifteen years and thirty changes of the clocks; weeks open on Mondays, months on their first day."""
    candles = candles_of(past, epic, resolution, now=SUMMER)
    local = [each.opens_at.astimezone(LONDON) for each in candles]
    assert len(candles) > {"DAY": 3_700, "WEEK": 780, "MONTH": 178}[resolution]
    assert {each.strftime("%H:%M:%S") for each in local} == {"00:00:00"}
    assert {each.opens_at.hour for each in candles} == {0, 23}
    if resolution == "WEEK":
        assert {each.weekday() for each in local} == {0}
    if resolution == "MONTH":
        assert {each.day for each in local} == {1}


def test_a_week_of_summer_opens_on_sunday_evening_in_utc(past):
    """As IG's: Sunday 23:00 UTC, and in winter Monday 00:00."""
    week, _ = candles_of(past, EURUSD, "WEEK", now=SUMMER, count=2)
    assert week.opens_at == datetime(2025, 7, 6, 23, tzinfo=UTC)
    assert candles_of(past, EURUSD, "WEEK", now=START, count=1)[0].opens_at == datetime(2025, 11, 17, tzinfo=UTC)


@pytest.mark.parametrize("count", [1, 2, 63, 64, 65, 200])
def test_the_latest_few_are_the_end_of_all(past, count):
    """However many are asked for, and across the changes of the clocks."""
    for resolution in ("DAY", "WEEK", "MONTH"):
        whole_past = candles_of(past, EURUSD, resolution, now=SUMMER)
        assert candles_of(past, EURUSD, resolution, now=SUMMER, count=count) == whole_past[-count:]


def test_what_is_not_there_is_empty(past):
    """An unknown market, a span in the future and one of no length have no candles."""
    assert candles_of(past, "CS.D.NOPE.MINI.IP", "MINUTE", now=START) == []
    assert candles_of(past, EURUSD, "MINUTE", now=START, first=START + timedelta(hours=1)) == []
    assert candles_of(past, EURUSD, "MINUTE", now=START, first=START, last=START - timedelta(hours=1)) == []
    assert candles_of(past, EURUSD, "MINUTE", now=START, count=0) == []


@pytest.mark.parametrize("epic", sorted(instruments()))
def test_the_live_prices_go_on_where_the_past_ends(epic):
    """The first live price is the last one of the past, but for a spread that may be wider for a moment."""
    past = PastPrices(11, START)
    market = Market(11, START, level=lambda market_id: past.log_at(market_id, START))
    bid, offer = past.price(epic, START)
    last = candles_of(past, epic, "SECOND", now=START, count=1) or candles_of(past, epic, "MINUTE", now=START, count=1)
    assert (last[-1].bid[3], last[-1].offer[3]) == (bid, offer)
    assert market.quote(epic).tick.mid == pytest.approx((bid + offer) / 2, abs=10.0 ** -instruments()[epic].decimals)


def test_candles_hold_the_live_ticks(live):
    """A second, a minute and the hour in which ticks came are those ticks, after what was before."""
    past, ticks = live
    own = [tick for tick in ticks if tick.epic == EURUSD]
    for resolution, length in (("SECOND", 1), ("MINUTE", 60)):
        candles = candles_of(past, EURUSD, resolution, now=NOW, first=START + timedelta(seconds=length))
        assert len(candles) > 5
        for candle in candles:
            inside = [tick for tick in own if floor(length)(tick.time) == candle.opens_at]
            bids, offers = [tick.bid for tick in inside], [tick.offer for tick in inside]
            assert candle.bid == (bids[0], max(bids), min(bids), bids[-1])
            assert candle.offer == (offers[0], max(offers), min(offers), offers[-1])
            assert candle.volume == len(inside)
    [hour] = candles_of(past, EURUSD, "HOUR", now=NOW, count=1)
    assert hour.bid[3] == own[-1].bid
    before = candles_of(PastPrices(7, START), EURUSD, "HOUR", now=START, count=1)[0]
    assert hour.bid[0] == before.bid[0]


def test_the_open_candle_is_the_last(live):
    """A count ends with the candle that holds now."""
    past, _ = live
    for name, length in (("MINUTE_5", 300), ("HOUR", 3600), ("DAY", 86_400)):
        assert candles_of(past, EURUSD, name, now=NOW, count=3)[-1].opens_at == floor(length)(NOW)


def test_a_replay_of_long_ago_takes_the_place_of_the_past():
    """Candles of times that ticks came in hold them, and those before lead up to that time."""
    past = PastPrices(7, START)
    then = datetime(2025, 1, 6, 10, 0, 30, tzinfo=UTC)
    for second in range(90):
        at = then + timedelta(seconds=second)
        past.on_tick(Tick(EURUSD, 1.5 + second / 1000, 1.51 + second / 1000, at, START))
    candles = candles_of(past, EURUSD, "MINUTE_5", now=START, count=2)
    assert candles[-1].opens_at == datetime(2025, 1, 6, 10, 0, tzinfo=UTC)
    assert candles[-1].bid[3] == 1.589
    assert candles[-2].opens_at == datetime(2025, 1, 6, 9, 55, tzinfo=UTC)
    assert candles[-2].bid[3] < 1.4


def test_live_candles_do_not_fill_the_memory():
    """Of hours of ticks the seconds of the last hour are kept, and all minutes."""
    past = PastPrices(7, START)
    for second in range(3 * 3600):
        at = START + timedelta(seconds=second)
        past.on_tick(Tick(EURUSD, 1.1, 1.2, at, at))
    now = START + timedelta(hours=3)
    assert len(candles_of(past, EURUSD, "SECOND", now=now, first=START)) <= 3_601
    assert len(candles_of(past, EURUSD, "MINUTE", now=now, first=START)) == 180


@pytest.mark.parametrize("epic", EPICS)
def test_the_past_moves_like_the_market(past, epic):
    """Days, hours and minutes move about as much as the market's volatility says, and the level stays believable."""
    instrument = instruments()[epic]
    yearly = VOLATILITY_PROFILES[instrument.market_id].yearly
    days = [candle.bid[3] for candle in candles_of(past, epic, "DAY", now=START, count=2_000)]
    moves = [math.log(after / before) for before, after in pairwise(days)]
    assert math.sqrt(mean(move**2 for move in moves) * 252) == pytest.approx(yearly, rel=0.35)
    assert all(0.3 < level / instrument.mid < 3 for level in days)
    minutes = candles_of(past, epic, "MINUTE", now=START, count=3_000)
    ranges = sorted((candle.bid[1] - candle.bid[2]) / candle.bid[0] for candle in minutes)
    usual = yearly / math.sqrt(252 * 1440)
    assert 0.2 * usual < mean(ranges) < 6 * usual
    assert ranges[-1] < yearly / math.sqrt(252) * 2


def test_the_first_hit(past):
    """The first second in which a price was reached is found, wherever it is; none when there is none."""
    span = START - timedelta(days=9), START - timedelta(days=2)
    hours = candles_of(past, EURUSD, "HOUR", now=START, first=span[0] + timedelta(hours=1), last=span[1])
    lowest = min(hours, key=lambda candle: candle.bid[2])
    level = lowest.bid[2]
    found = past.first_hit(EURUSD, *span, lambda candle: candle.bid[2] <= level)
    assert found is not None
    assert lowest.opens_at <= found.opens_at < lowest.opens_at + timedelta(hours=1)
    assert found.bid[2] == level
    assert past.first_hit(EURUSD, *span, lambda candle: candle.bid[2] < level * 0.9) is None
    after = past.first_hit(EURUSD, found.opens_at, span[1], lambda candle: candle.bid[2] <= level)
    assert after is None or after.opens_at > found.opens_at
