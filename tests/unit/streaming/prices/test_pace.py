"""At most so many ticks a second, and never an old one."""

from __future__ import annotations

from datetime import datetime, timezone
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from ig_sdk.streaming.prices.pace import Pace
from ig_sdk.types import Tick

AT = datetime(2025, 1, 6, tzinfo=timezone.utc)


def tick(number: int) -> Tick:
    return Tick("A", float(number), float(number), AT, AT)


def test_what_comes_too_soon_waits_and_gives_way():
    """Two a second: the first goes, of the burst behind it the last goes when its time has come."""
    pace = Pace(2.0)
    assert pace.offer(tick(1), 0.0) == tick(1)
    assert pace.offer(tick(2), 0.1) is None
    assert pace.offer(tick(3), 0.2) is None
    assert (pace.due, pace.thinned) == (0.5, 1)
    assert pace.release(0.4) is None
    assert pace.release(0.5) == tick(3)
    assert pace.release(9.9) is None
    assert pace.due == float("inf")


def test_a_later_tick_goes_in_place_of_the_one_that_waits():
    """Nothing old is passed on when something new is there."""
    pace = Pace(2.0)
    pace.offer(tick(1), 0.0)
    pace.offer(tick(2), 0.1)
    assert pace.offer(tick(3), 0.6) == tick(3)
    assert pace.release(0.7) is None
    assert pace.thinned == 1


@given(st.lists(st.tuples(st.integers(0, 400), st.booleans()), max_size=60))
def test_ticks_keep_their_order_and_their_distance(steps: list[tuple[int, bool]]):
    """Whatever comes when: each that goes is newer than the last, an interval later, and none is left behind."""
    pace, now, number, gone = Pace(4.0), 0.0, 0, []
    for wait_ms, comes in steps:
        now += wait_ms / 1_000
        if comes:
            number += 1
        out = pace.offer(tick(number), now) if comes else pace.release(now)
        if out is not None:
            gone.append((now, out.bid))
    last = pace.release(now + 1.0)
    if last is not None:
        gone.append((now + 1.0, last.bid))
    assert [bid for _, bid in gone] == sorted({bid for _, bid in gone})
    assert all(later - sooner >= 0.25 - 1e-9 for (sooner, _), (later, _) in pairwise(gone))
    assert (gone[-1][1] if gone else 0) == number
    assert len(gone) + pace.thinned == number
