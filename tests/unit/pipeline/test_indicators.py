"""EMA, RSI and Bollinger bands: TA-Lib, exact arithmetic, jumps of scale, refusals, states."""

from __future__ import annotations

import json
import math
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
import talib

from ig_sdk.pipeline import EMA, RSI, BollingerBands
from ig_sdk.pipeline.rolling import RollingSum

NAMES = ["ema", "ema first", "rsi", "rsi simple", "bands"]


def make(name: str, period: int = 14) -> EMA | RSI | BollingerBands:
    return {
        "ema": lambda: EMA(period),
        "ema first": lambda: EMA(period, seed="first"),
        "rsi": lambda: RSI(period),
        "rsi simple": lambda: RSI(period, smoothing="simple"),
        "bands": lambda: BollingerBands(period, 2.0),
    }[name]()


def walk(count: int, *, start: float = 1.08, step: float = 1e-4, seed: int = 7) -> np.ndarray:
    return start + np.cumsum(np.random.default_rng(seed).uniform(-step, step, count))


def exact_bands(window: list[float], deviations: float) -> tuple[float, float, float]:
    values = [Fraction(x) for x in window]
    mean = sum(values) / len(values)
    variance = sum((x - mean) ** 2 for x in values) / len(values)
    width = deviations * math.sqrt(variance)
    return float(mean) + width, float(mean), float(mean) - width


def close(got: float, wanted: float, scale: float) -> bool:
    return abs(got - wanted) <= 1e-9 * max(scale, abs(wanted))


@pytest.mark.parametrize("period", [2, 3, 14, 20, 200])
@pytest.mark.parametrize(("start", "step"), [(1.08, 1e-4), (152.0, 0.02), (7190.0, 1.0), (38000.0, 5.0)])
def test_equal_to_talib(period: int, start: float, step: float) -> None:
    """Same values as TA-Lib from the first one on, and none before."""
    prices = walk(5000, start=start, step=step)
    ema, rsi, bands = EMA(period), RSI(period), BollingerBands(period, 2.0)
    rows = [(ema.update(x), rsi.update(x), *(bands.update(x) or (None,) * 3)) for x in prices.tolist()]
    got = np.array(rows, dtype=float)
    wanted = np.column_stack(
        [talib.EMA(prices, period), talib.RSI(prices, period), *talib.BBANDS(prices, period, 2.0, 2.0)]
    )
    assert (np.isnan(got) == np.isnan(wanted)).all()
    # TA-Lib's own variance loses digits at high prices: 1e-9 of the price there.
    np.testing.assert_allclose(got, wanted, rtol=1e-9, atol=1e-9)


def test_flat_prices_read_as_in_talib() -> None:
    """Nothing changed: RSI 0, bands of no width exactly at the price."""
    prices = np.full(60, 1.1)
    rsi, bands = RSI(14), BollingerBands(20, 2.0)
    for x in prices.tolist():
        rsi.update(x)
        bands.update(x)
    assert rsi.value == talib.RSI(prices, 14)[-1] == 0.0
    assert rsi.flat
    assert bands.value == (1.1, 1.1, 1.1)
    assert bands.deviation == 0.0


def test_simple_rsi_is_the_mean_of_the_window() -> None:
    """Plain means of the last gains and losses; 100 without a loss, in a flat market too."""
    prices = walk(400).tolist()
    rsi = RSI(5, smoothing="simple")
    for place, x in enumerate(prices):
        value = rsi.update(x)
        if place < 5:
            assert value is None
            continue
        changes = [b - a for a, b in pairwise(prices[place - 5 : place + 1])]
        gain, loss = sum(c for c in changes if c > 0), sum(-c for c in changes if c < 0)
        assert value == pytest.approx(100.0 if loss == 0 else 100 - 100 / (1 + gain / loss), abs=1e-9)
    for _ in range(6):
        rsi.update(2.0)
    assert rsi.value == 100.0


def test_ema_seed_first_starts_from_the_first_value() -> None:
    """K = 2 / (n + 1), seeded with the first value, ready at once."""
    ema, wanted = EMA(4, seed="first"), None
    for x in walk(50).tolist():
        wanted = x if wanted is None else 0.4 * x + 0.6 * wanted
        assert ema.update(x) == pytest.approx(wanted, rel=1e-12)
    assert ema.ready


@pytest.mark.parametrize(
    "prices",
    [
        [1e12] * 30 + [1e-3] * 60,
        [1.08] * 25 + [1e12] + [1.08 + 1e-5 * (n % 7) for n in range(80)],
        [1e12 + n % 3 for n in range(50)] + [1e-3 * (1 + n % 5) for n in range(100)],
        [1e-3 * (1 + n % 5) for n in range(45)] + [1e12 + n % 3 for n in range(100)] + [1e-3] * 50,
        [10.0 ** (12 - n % 16) for n in range(200)],
        [1e12 * (-1) ** n for n in range(60)] + [1e-3 + 1e-6 * (n % 3) for n in range(60)],
    ],
)
def test_bands_survive_jumps_of_scale(prices: list[float]) -> None:
    """What has left the window leaves no rounding behind."""
    bands = BollingerBands(20, 2.0)
    for place, x in enumerate(prices):
        value = bands.update(x)
        if value is None:
            continue
        window = prices[place - 19 : place + 1]
        upper, middle, lower = exact_bands(window, 2.0)
        scale = max(map(abs, window))
        assert close(value.middle, middle, scale), (place, value, middle)
        assert close(value.upper, upper, scale)
        assert close(value.lower, lower, scale)


def test_simple_rsi_survives_jumps_of_scale() -> None:
    """After a jump has left the window, the index is that of the window alone."""
    prices = [1e12, 5.0, *[1e-3 + 1e-6 * ((n * 7) % 5) for n in range(60)]]
    rsi, fresh = RSI(14, smoothing="simple"), RSI(14, smoothing="simple")
    for place, x in enumerate(prices):
        value = rsi.update(x)
        if place >= 30:
            fresh = RSI(14, smoothing="simple")
            for y in prices[place - 14 : place + 1]:
                fresh.update(y)
            assert value == pytest.approx(fresh.value, rel=1e-9)


def test_wilder_rsi_of_a_halted_market_ends_flat() -> None:
    """The averages shrink for ever; before they are noise there is nothing to compare, and life goes on after it."""
    rsi = RSI(14)
    for x in walk(50).tolist():
        rsi.update(x)
    before = rsi.value
    for _ in range(5000):
        rsi.update(1.0)
        if rsi.flat:
            assert rsi.value == 0.0
    for _ in range(5000):
        rsi.update(1.0)
    assert before is not None
    assert rsi.flat
    assert rsi.value == 0.0
    assert rsi.update(1.1) == 100.0


def test_bands_do_not_drift() -> None:
    """After 300 000 updates they are those of the window, to the last digits."""
    prices = walk(300_000, start=7190.0, step=0.5).tolist()
    bands = BollingerBands(20, 2.0)
    for x in prices:
        bands.update(x)
    assert bands.value is not None
    for got, wanted in zip(bands.value, exact_bands(prices[-20:], 2.0), strict=True):
        assert got == pytest.approx(wanted, abs=1e-10)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 1e151])
@pytest.mark.parametrize("seen", [0, 1, 5, 14, 40])
def test_no_finite_number_no_change(name: str, bad: float, seen: int) -> None:
    """A refused value leaves the indicator exactly as it was."""
    indicator = make(name)
    for x in walk(seen).tolist():
        indicator.update(x)
    before, value = indicator.state(), indicator.value
    with pytest.raises(ValueError, match="finite"):
        indicator.update(bad)
    assert indicator.state() == before
    assert indicator.value == value


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("cut", [0, 1, 7, 13, 14, 15, 27, 28, 100, 333])
def test_restored_state_goes_on_bit_for_bit(name: str, cut: int) -> None:
    """Through JSON, at any moment."""
    prices = walk(800).tolist()
    whole, first, second = make(name), make(name), make(name)
    for x in prices[:cut]:
        whole.update(x)
        first.update(x)
    second.restore(json.loads(json.dumps(first.state())))
    assert second.value == whole.value
    assert second.ready == whole.ready
    for x in prices[cut:]:
        assert second.update(x) == whole.update(x)
    assert second.state() == whole.state()


@pytest.mark.parametrize("name", NAMES)
def test_damaged_state_is_refused(name: str) -> None:
    """A missing value or one that is not a number raises, and nothing has changed."""
    indicator = make(name)
    for x in walk(40).tolist():
        indicator.update(x)
    good = indicator.state()
    for key in good:
        without = {other: item for other, item in good.items() if other != key}
        for bad in (without, {**good, key: "x"}, {**good, key: [math.nan]}, {**good, key: True}):
            with pytest.raises(ValueError, match="state"):
                indicator.restore(bad)
    for bad in ([], None, "state"):
        with pytest.raises(ValueError):
            indicator.restore(bad)  # type: ignore[arg-type]
    assert indicator.state() == good


@pytest.mark.parametrize("name", NAMES)
def test_memory_is_fixed(name: str) -> None:
    """The state does not grow with what was seen."""
    indicator, sizes = make(name), set()
    for place, x in enumerate(walk(3000).tolist()):
        indicator.update(x)
        if place > 100:
            sizes.add(sum(len(item) if isinstance(item, list) else 1 for item in indicator.state().values()))
    assert max(sizes) <= 40


@pytest.mark.parametrize("period", [0, -1, 1.5, "14", True, None])
def test_periods_that_are_none_are_refused(period: object) -> None:
    """A period is a whole number of at least 1, for bands 2."""
    for kind in (EMA, RSI, BollingerBands):
        with pytest.raises(ValueError, match="period"):
            kind(period)  # type: ignore[operator]


def test_other_parameters_are_checked() -> None:
    """Seed, smoothing and deviations have their values."""
    with pytest.raises(ValueError, match="seed"):
        EMA(5, seed="last")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="smoothing"):
        RSI(5, smoothing="none")  # type: ignore[arg-type]
    for deviations in (0, -1.0, math.nan, math.inf, True, "2"):
        with pytest.raises(ValueError, match="deviations"):
            BollingerBands(5, deviations)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="at least 2"):
        BollingerBands(1)


def test_damaged_states_of_windows_are_refused() -> None:
    """Contradictions between the parts of a state raise."""
    ema = EMA(3)
    with pytest.raises(ValueError, match="either"):
        ema.restore({"value": 1.0, "start": [1.0]})
    bands = BollingerBands(3)
    for x in (1.0, 2.0, 3.0):
        bands.update(x)
    for bad in ({"spread": -1.0}, {"largest": -1.0}, {"next": 3}, {"wraps": 16}, {"ring": [1.0] * 4}):
        with pytest.raises(ValueError, match="state"):
            bands.restore({**bands.state(), **bad})
    with pytest.raises(ValueError, match="tails"):
        RollingSum(3).restore({"tails": [1.0], "recent": []})
