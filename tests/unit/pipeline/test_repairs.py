"""Which candles a history is asked for."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from ig_sdk.pipeline.repairs import MOST, SETTLING, Repairs
from ig_sdk.types import Candle

T0 = datetime(2025, 1, 6, 10, 0, tzinfo=timezone.utc)
MINUTE = timedelta(minutes=1)


def candle(minute: int, *, gap: bool = False) -> Candle:
    return Candle("E", MINUTE, T0 + minute * MINUTE, 1, 1, 1, 1, None, 1, complete=not gap, gap=gap)


def taken(repairs: Repairs, now: datetime | None = None) -> list[tuple[float, float]]:
    return [((begins - T0) / MINUTE, (ends - T0) / MINUTE) for begins, ends in repairs.take(now)]


def test_neighbours_are_one_span() -> None:
    """Candles of one hole, and the absent ones between them, are asked for at once."""
    repairs = Repairs(MINUTE)
    repairs.begin(T0)
    for one in (candle(0, gap=True), candle(4, gap=True), candle(5), candle(7, gap=True)):
        repairs.note(one)
    assert repairs.pending
    assert taken(repairs) == [(0, 5), (7, 8)]
    assert not repairs.pending
    assert taken(repairs) == []


def test_a_hole_begins_in_the_candle_of_the_last_tick() -> None:
    """Also when that had closed as whole before the hole was told."""
    repairs = Repairs(MINUTE)
    repairs.note(candle(0))
    repairs.begin(T0)
    repairs.note(candle(3, gap=True))
    assert taken(repairs) == [(0, 4)]


def test_a_hole_between_two_whole_candles_is_asked_for() -> None:
    """When the first new tick is on an edge, only absent candles are missing; not while nobody knows."""
    repairs = Repairs(MINUTE)
    repairs.note(candle(0))
    repairs.begin(T0)
    repairs.note(candle(1), hole_open=True)
    assert not repairs.pending
    repairs.note(candle(4))
    assert taken(repairs) == [(0, 4)]


def test_nothing_is_asked_for_a_hole_without_loss() -> None:
    """The next whole candle is no sign of anything missing."""
    repairs = Repairs(MINUTE)
    repairs.begin(T0)
    repairs.nothing_missed()
    repairs.note(candle(3))
    assert not repairs.pending


def test_what_has_just_ended_settles_first() -> None:
    """A span is due three seconds after its end."""
    repairs = Repairs(MINUTE)
    repairs.note(candle(0, gap=True))
    assert taken(repairs, T0 + MINUTE + SETTLING - timedelta(microseconds=1)) == []
    assert taken(repairs, T0 + MINUTE + SETTLING) == [(0, 1)]


def test_a_long_hole_asks_for_its_latest_candles() -> None:
    """A hole of a weekend does not spend the week's allowance."""
    repairs = Repairs(MINUTE)
    repairs.begin(T0)
    repairs.note(candle(10_000, gap=True))
    assert taken(repairs) == [(10_001 - MOST, 10_001)]


moves = st.tuples(st.sampled_from(["gap", "whole", "begin", "none", "take"]), st.integers(1, 5))


@given(st.lists(moves, max_size=50))
def test_every_candle_with_a_gap_is_asked_for_once(steps: list[tuple[str, int]]) -> None:
    """In any order of holes and candles: each once, oldest first, and never one that is to come."""
    repairs, minute, gaps, spans = Repairs(MINUTE), 0, set(), []
    for kind, step in steps:
        if kind in ("gap", "whole"):
            minute += step
            repairs.note(candle(minute, gap=kind == "gap"))
            gaps |= {minute} if kind == "gap" else set()
        elif kind == "begin":
            repairs.begin(T0 + minute * MINUTE)
        elif kind == "none":
            repairs.nothing_missed()
        else:
            spans += taken(repairs)
    spans += taken(repairs)
    asked = [one for begins, ends in spans for one in range(int(begins), int(ends))]
    assert asked == sorted(set(asked))
    assert gaps <= set(asked)
    assert not asked or asked[-1] <= minute
