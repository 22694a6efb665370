"""Where candles open and close."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ig_sdk.rest.prices import candle_times as edges
from ig_sdk.types import Candle, Resolution

UTC = timezone.utc


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}+00:00")


def candles(resolution: Resolution, *times: str) -> list[Candle]:
    return [Candle("EPIC", resolution, at(time), 1, 1, 1, 1) for time in times]


@pytest.mark.parametrize(("value", "parsed"), [("15m", "MINUTE_15"), ("minute_5", "MINUTE_5"), ("MONTH", "MONTH")])
def test_resolutions_that_ig_has(value: str, parsed: str) -> None:
    """Names and lengths of IG's candles are taken."""
    assert edges.parse_resolution(value) is Resolution[parsed]
    assert edges.parse_resolution(timedelta(hours=4)) is Resolution.HOUR_4


@pytest.mark.parametrize("value", ["7m", timedelta(seconds=90), "30d", "quarterly", 60, None])
def test_resolutions_that_ig_has_not(value: object) -> None:
    """Any other length is refused before anything is sent."""
    with pytest.raises(ValueError):
        edges.parse_resolution(value)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("resolution", "moment", "opening"),
    [
        ("MINUTE", "2025-01-06T12:00:00", "2025-01-06T12:00:00"),
        ("MINUTE", "2025-01-06T12:00:00.000001", "2025-01-06T12:01:00"),
        ("HOUR", "2025-01-06T12:00:01", "2025-01-06T13:00:00"),
        ("SECOND", "2025-01-06T12:00:00.500", "2025-01-06T12:00:01"),
        ("DAY", "2025-01-06T12:34:56.700", "2025-01-06T12:34:57"),
    ],
)
def test_next_opening(resolution: str, moment: str, opening: str) -> None:
    """Up to an hour candles open at whole multiples of their length, longer ones at any second."""
    assert edges.next_opening(Resolution[resolution], at(moment)) == at(opening)


@pytest.mark.parametrize(
    ("resolution", "span", "count"),
    [
        ("MINUTE", ("2025-01-06T12:00", "2025-01-06T12:10"), 10),
        ("DAY", ("2025-01-06T05:00", "2025-01-08T04:00"), 2),
        ("MONTH", ("2025-01-01T00:00", "2025-03-01T00:00"), 3),
        ("MINUTE", ("2025-01-06T12:00", "2025-01-06T12:00"), 0),
        ("MINUTE", ("2025-01-06T12:10", "2025-01-06T12:00"), 0),
    ],
)
def test_count_between(resolution: str, span: tuple[str, str], count: int) -> None:
    """A span has room for so many candles at most."""
    assert edges.count_between(Resolution[resolution], (at(span[0]), at(span[1]))) == count


def test_months_follow_the_calendar() -> None:
    """A monthly candle is closed a calendar month after it opened; at the ends of months, no earlier than that."""
    assert edges.last_closed(Resolution.MONTH, at("2025-03-01T00:00")) == at("2025-02-01T00:00")
    assert edges.last_closed(Resolution.MONTH, at("2025-03-31T23:00")) == at("2025-02-28T23:00")
    assert edges.last_closed(Resolution.MONTH, at("2025-01-15T00:00")) == at("2024-12-15T00:00")


@pytest.mark.parametrize(
    ("opens", "closes"),
    [
        ("2025-04-30T23:00", "2025-05-31T23:00"),
        ("2025-05-31T23:00", "2025-06-30T23:00"),
        ("2025-01-31T23:00", "2025-02-28T23:00"),
        ("2025-04-30T14:00", "2025-05-31T14:00"),
        ("2025-05-01T04:00", "2025-06-01T04:00"),
        ("2025-05-01T08:00", "2025-06-01T08:00"),
    ],
)
def test_months_of_local_midnights_close_with_their_last_day(opens, closes):
    """In UTC a month of London's summer opens on the last day before it: it is not closed a day early."""
    second = timedelta(seconds=1)
    assert edges.last_closed(Resolution.MONTH, at(closes)) >= at(opens)
    assert edges.last_closed(Resolution.MONTH, at(closes) - second) < at(opens)


@pytest.mark.parametrize(
    ("resolution", "times", "now", "until"),
    [
        ("MINUTE", [], "2025-01-06T12:00:05", "2025-01-06T12:00"),
        ("MINUTE", [], "2025-01-06T12:00:01", "2025-01-06T11:59"),  # it may not be final yet
        ("MINUTE", ["2025-01-06T11:30"], "2025-01-06T12:00:05", "2025-01-06T12:00"),
        ("MINUTE", ["2025-01-06T11:59", "2025-01-06T12:00"], "2025-01-06T12:00:05", "2025-01-06T12:00"),
        ("DAY", [], "2025-01-06T12:00:05", "2025-01-05T12:00:04"),
        ("DAY", ["2025-01-05T04:00"], "2025-01-06T12:00:05", "2025-01-06T04:00"),
        ("DAY", ["2025-01-03T00:00"], "2025-01-05T12:00:05", "2025-01-05T00:00"),
        ("DAY", ["2025-03-29T05:00", "2025-03-30T04:00"], "2025-03-30T12:00", "2025-03-30T04:00"),  # a day of 23 hours
        ("MONTH", ["2024-11-01T00:00"], "2025-01-20T00:00", "2025-01-01T00:00"),
    ],
)
def test_settled_until(resolution: str, times: list[str], now: str, until: str) -> None:
    """What opens before this instant is all there, and will not change."""
    kind = Resolution[resolution]
    assert edges.settled_until(kind, candles(kind, *times), at(now)) == at(until)


numbers = st.integers(0, 40)


@given(st.tuples(numbers, numbers), st.sets(st.integers(0, 13)))
def test_without(span: tuple[int, int], known: set[int]) -> None:
    """What is left of a span is what no known span covers, in order."""
    base = at("2025-01-06T00:00")

    def spans(pairs: list[tuple[int, int]]) -> list[edges.Span]:
        return [(base + timedelta(minutes=first), base + timedelta(minutes=last)) for first, last in pairs]

    (whole,) = spans([span])
    parts = edges.without(whole, spans([(3 * number, 3 * number + 2) for number in sorted(known)]))
    left = [minute for minute in range(*span) if minute // 3 not in known or minute % 3 == 2]
    inside = [minute for minute in range(41) if any(a <= base + timedelta(minutes=minute) < b for a, b in parts)]
    assert inside == left
    assert parts == sorted(parts)
    assert all(begins < ends for begins, ends in parts)
