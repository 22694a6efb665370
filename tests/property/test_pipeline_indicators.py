"""Indicators against plain sums over whole windows."""

from __future__ import annotations

import json
import math
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ig_sdk.pipeline import EMA, RSI, BollingerBands
from ig_sdk.pipeline.rolling import RollingSum

numbers = st.floats(-1e12, 1e12, allow_nan=False, allow_subnormal=False).map(lambda x: 0.0 if abs(x) < 1e-9 else x)
series = st.lists(numbers, max_size=80)


@settings(deadline=None)
@example([268435330.0, 268435456.0, -5.960464477539063e-08, 0.0], 2)  # the jump passed between two wraps of the ring
@given(series, st.integers(2, 9))
def test_bands_are_those_of_the_window(values: list[float], period: int) -> None:
    """At every moment, to 1e-9 of the largest number in the window."""
    bands = BollingerBands(period, 2.0)
    for place, x in enumerate(values):
        got = bands.update(x)
        if place < period - 1:
            assert got is None
            continue
        window = [Fraction(y) for y in values[place - period + 1 : place + 1]]
        mean = sum(window) / period
        deviation = math.sqrt(sum((y - mean) ** 2 for y in window) / period)
        scale = max(abs(float(y)) for y in window)
        assert got is not None
        assert got.middle == pytest.approx(float(mean), abs=1e-9 * scale)
        assert bands.deviation == pytest.approx(deviation, rel=1e-6, abs=1e-9 * scale)


@settings(deadline=None)
@given(series, st.integers(1, 9))
def test_rolling_sum_is_that_of_the_window(values: list[float], period: int) -> None:
    """Exact to rounding of what is inside; of zeros exactly zero."""
    total = RollingSum(period)
    for place, x in enumerate(values):
        got = total.add(x)
        if place < period - 1:
            assert got is None
            continue
        window = values[place - period + 1 : place + 1]
        assert got == pytest.approx(math.fsum(window), abs=1e-14 * period * max(map(abs, window)))


@settings(deadline=None)
@example([0.0, 351843720888.6709], 1, "wilder")  # read 100.00000000000001
@given(series, st.integers(1, 9), st.sampled_from(["wilder", "simple"]))
def test_rsi_is_the_ratio_of_averages(values: list[float], period: int, smoothing: str) -> None:
    """Exact averages give the same index, always from 0 to 100."""
    rsi = RSI(period, smoothing=smoothing)  # type: ignore[arg-type]
    changes = [Fraction(b) - Fraction(a) for a, b in pairwise(values)]
    gain = loss = Fraction(0)
    for place, x in enumerate(values):
        got = rsi.update(x)
        if place < period:
            assert got is None
            continue
        window = changes[place - period : place]
        if smoothing == "simple" or place == period:
            gain, loss = sum(max(c, Fraction(0)) for c in window), sum(max(-c, Fraction(0)) for c in window)
        else:
            gain = gain * (period - 1) / period + max(changes[place - 1], Fraction(0))
            loss = loss * (period - 1) / period + max(-changes[place - 1], Fraction(0))
        empty = 100.0 if smoothing == "simple" else 0.0
        assert got is not None
        assert 0.0 <= got <= 100.0
        assert got == pytest.approx(float(100 * gain / (gain + loss)) if gain + loss else empty, abs=1e-9)


@settings(deadline=None)
@given(series, st.integers(1, 9), st.sampled_from(["sma", "first"]))
def test_ema_is_the_recurrence(values: list[float], period: int, seed: str) -> None:
    """The recurrence in exact arithmetic gives the same average."""
    ema, k, wanted = EMA(period, seed=seed), Fraction(2, period + 1), None  # type: ignore[arg-type]
    first = period if seed == "sma" else 1
    largest = 0.0
    for place, x in enumerate(values):
        largest = max(largest, abs(x))
        got = ema.update(x)
        if place + 1 < first:
            assert got is None
            continue
        if place + 1 == first:
            wanted = sum(map(Fraction, values[:first])) / first
        else:
            assert wanted is not None
            wanted += k * (Fraction(x) - wanted)
        assert got == pytest.approx(float(wanted), abs=1e-12 * largest)


@settings(deadline=None)
@given(series, st.integers(0, 80), st.sampled_from(["ema", "wilder", "simple", "bands"]))
def test_states_travel(values: list[float], cut: int, kind: str) -> None:
    """A state through JSON at any place goes on bit for bit."""

    def make() -> EMA | RSI | BollingerBands:
        return {"ema": EMA, "wilder": RSI, "bands": BollingerBands, "simple": lambda n: RSI(n, smoothing="simple")}[
            kind
        ](5)

    whole, first, second = make(), make(), make()
    for x in values[:cut]:
        assert whole.update(x) == first.update(x)
    second.restore(json.loads(json.dumps(first.state())))
    assert [second.update(x) for x in values[cut:]] == [whole.update(x) for x in values[cut:]]
