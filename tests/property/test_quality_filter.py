"""The quality filter: what it sets aside leaves no trace, and what is true in the end is believed."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from ig_sdk.streaming.quality import QualityFilter, QualityLimits
from ig_sdk.types import Tick

T0 = datetime(2025, 1, 6, 10, 0, tzinfo=timezone.utc)
KINDS = {
    "missing", "not_a_number", "zero", "negative", "scale", "spike", "crossed", "undated", "backwards", "ahead"
}  # fmt: skip

levels = st.floats(1e-3, 1e6)
pauses = st.floats(0, 3 * 86_400) | st.floats(0, 5)
odd_prices = st.floats() | st.none() | st.sampled_from([0.0, -1.0, 1e-308, 1e308, 1, "1.1"])
odd_times = st.floats(-2e9, 7e9) | st.floats(-7200, 7200)


def tick(bid: Any, offer: Any, at: float, arrives: float | None = None) -> Tick:
    time = T0 + timedelta(seconds=at)
    return Tick("E", bid, offer, time, T0 + timedelta(seconds=at if arrives is None else arrives))


@given(level=levels, spread=st.floats(0, 0.1), gaps=st.lists(pauses, min_size=1, max_size=200))
def test_a_market_that_stands_still_is_never_doubted(level: float, spread: float, gaps: list[float]) -> None:
    """Any price, any spread, any silence between two ticks."""
    judge, at = QualityFilter(), 0.0
    for gap in gaps:
        at += gap
        assert judge.judge(tick(level, level * (1 + spread), at)) is None
    assert judge.counts == {}


faults = st.sampled_from([
    ("zero", lambda bid, at: (0.0, bid, at, at)),
    ("negative", lambda bid, at: (-bid, bid, at, at)),
    ("not_a_number", lambda bid, at: (float("nan"), bid, at, at)),
    ("missing", lambda bid, at: (bid, None, at, at)),
    ("scale", lambda bid, at: (bid * 10, bid * 10, at, at)),
    ("scale", lambda bid, at: (bid / 100, bid / 100, at, at)),
    ("spike", lambda bid, at: (bid * 1.06, bid * 1.06, at, at)),
    ("crossed", lambda bid, at: (bid, bid * 0.999, at, at)),
    ("undated", lambda bid, at: (bid, bid, -1.7e9, at)),
    ("backwards", lambda bid, at: (bid, bid, at - 7200, at)),
    ("ahead", lambda bid, at: (bid, bid, at + 3600, at)),
])  # fmt: skip


@given(
    level=levels,
    steps=st.lists(st.tuples(st.integers(-20, 20), st.none() | faults), min_size=30, max_size=150),
    probe=st.floats(-0.06, 0.06),
)
def test_what_is_set_aside_leaves_no_trace(level: float, steps: list[Any], probe: float) -> None:
    """True ticks with false ones between are judged as without them, to the last digit of what is believed."""
    clean, dirty, price, expected = QualityFilter(), QualityFilter(), level, 0
    for number, (step, fault) in enumerate(steps):
        price *= 1 + step * 1e-5
        true = tick(price, price * 1.0001, number)
        if fault is not None and number:
            kind, spoil = fault
            found = dirty.judge(tick(*spoil(price, number)))
            assert found is not None
            assert found.kind == kind
            expected += 1
        assert dirty.judge(true) is None
        assert clean.judge(true) is None
    last = tick(price * (1 + probe), price * (1 + probe), len(steps))
    assert clean.judge(last) == dirty.judge(last)
    assert dirty.total == expected + clean.total


@given(
    before=levels,
    after=levels,
    agree=st.integers(1, 6),
    learned=st.integers(1, 100),
    spread=st.floats(0, 0.01),
    gap=st.booleans(),
)
def test_a_jump_that_stays_is_believed(
    before: float, after: float, agree: int, learned: int, spread: float, gap: bool
) -> None:
    """At the latest at the tick that makes enough, and from then on; however far it is."""
    judge = QualityFilter(QualityLimits(agree=agree))
    for number in range(learned):
        assert judge.judge(tick(before, before * (1 + spread), number)) is None
    if gap:
        judge.mark_gap()
    passed = [judge.judge(tick(after, after * (1 + spread), learned + number)) is None for number in range(agree + 20)]
    assert passed == sorted(passed)
    assert sum(not each for each in passed) < agree


garbage = st.lists(
    st.tuples(odd_prices, odd_prices, odd_times, st.booleans())
    | st.tuples(levels, st.just(None), odd_times, st.booleans()),
    max_size=40,
)


@given(noise=garbage, level=levels, negative=st.booleans())
@example(noise=[(1.0, None, at, False) for at in (0.0, 0.0, *[4000.0] * 4, *[8000.0] * 4)], level=1.0, negative=False)
def test_a_live_market_recovers_from_anything(noise: list[Any], level: float, negative: bool) -> None:
    """Whatever came before, true ticks are believed within a minute; nothing raises, every reason has a known word."""
    judge = QualityFilter(allow_negative=negative)
    for number, (bid, offer, at, gap) in enumerate(noise):
        if gap:
            judge.mark_gap()
        found = judge.judge(tick(bid, bid if offer is None else offer, at, arrives=number))
        assert found is None or (found.kind in KINDS and found)
    start = len(noise)
    passed = [judge.judge(tick(level, level, start + number)) is None for number in range(100)]
    # Times up to AHEAD in the future are believed, and waited for at the worst. Then a level that was wrong, and a time
    # that was, take as many ticks as must agree.
    assert all(passed[60 + 2 * judge.limits.agree :]), passed
