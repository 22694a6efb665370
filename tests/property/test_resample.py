"""Candles of candles are the candles of the ticks."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ig_sdk.candles import CandleAggregator
from ig_sdk.resample import CandleMerger
from ig_sdk.types import Candle, Resolution, Tick

START = datetime(2025, 1, 6, tzinfo=timezone.utc)
STEPS = st.lists(st.tuples(st.integers(0, 400), st.integers(-9, 9)), min_size=1, max_size=120)


def ticks(steps: list[tuple[int, int]]) -> list[Tick]:
    made, at, price = [], START, 100
    for seconds, move in steps:
        at += timedelta(seconds=seconds)
        price += move
        made.append(Tick("A", float(price), float(price + 1), at, at))
    return made


def built(source: list[Tick], length: str, *, fill_quiet: bool = False) -> list[Candle]:
    aggregator = CandleAggregator(length, price="bid", fill_quiet=fill_quiet)
    return [candle for tick in source for candle in aggregator.on_tick(tick)] + aggregator.flush()


def of_parts(parts: list[Candle], length: str, part: Resolution, *, fill_quiet: bool = False) -> list[Candle]:
    merger = CandleMerger(length, part, fill_quiet=fill_quiet)
    return [candle for each in parts for candle in merger.on_candle(each)]


@given(STEPS, st.sampled_from(["1m", "2m", "7m", "1h"]), st.booleans())
def test_longer_candles_equal_those_of_the_ticks(steps: list[tuple[int, int]], length: str, fill: bool):
    """Prices, ticks, edges and flat ones, for every candle that has ended for both."""
    source = ticks(steps)
    direct = built(source, length, fill_quiet=fill)
    merged = of_parts(built(source, "1m"), length, Resolution.MINUTE, fill_quiet=fill)
    values = [(c.opens_at, c.open, c.high, c.low, c.close, c.ticks, c.bid, c.offer) for c in merged]
    expected = [(c.opens_at, c.open, c.high, c.low, c.close, c.ticks, c.bid, c.offer) for c in direct]
    assert values == expected[: len(values)]
    assert len(expected) - len(values) <= 1


@given(STEPS, st.integers(0, 120))
def test_a_hole_shows_in_every_candle_that_it_touches(steps: list[tuple[int, int]], place: int):
    """The open one, or the next unless it is whole; nothing that is complete has a gap."""
    parts = built(ticks(steps), "1m")
    merger, made = CandleMerger("5m", Resolution.MINUTE), []
    for number, part in enumerate(parts):
        if number == place:
            open_at = merger.closes_at
            merger.mark_gap()
            if open_at is not None:
                made += merger.advance(open_at)
                assert made[-1].gap
        made += merger.on_candle(part)
    assert not any(candle.complete and candle.gap for candle in made)


def test_time_closes_what_no_part_closes():
    """The last part of a candle may be missing since nothing happened."""
    merger = CandleMerger("5m", Resolution.MINUTE, fill_quiet=True)
    (part,) = built(ticks([(0, 1)]), "1m")
    assert merger.on_candle(part) == []
    assert merger.advance(START + timedelta(minutes=4, seconds=59)) == []
    (candle,) = merger.advance(START + timedelta(minutes=5))
    assert candle.opens_at == START
    assert [each.ticks for each in merger.advance(START + timedelta(minutes=16))] == [0, 0]
    assert merger.on_candle(part) == []
    assert merger.late == 1


@pytest.mark.parametrize(("length", "part"), [("90s", Resolution.MINUTE), ("1s", Resolution.MINUTE)])
def test_lengths_that_do_not_fit_are_refused(length: str, part: Resolution):
    """With both lengths named."""
    with pytest.raises(ValueError, match="cannot be built from"):
        CandleMerger(length, part)
