"""The origin's rules, written again in the plainest code, against the strategies."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable
from datetime import datetime, timedelta, timezone

import pytest
import talib
from numpy import array

from ig_sdk.pipeline import Action, BollingerReversion, EmaCross, RsiReversion, Signal, Strategy
from ig_sdk.types import Candle, Resolution

T0 = datetime(2025, 1, 6, 10, 0, tzinfo=timezone.utc)
MAKERS: list[Callable[[], Strategy]] = [
    EmaCross,
    lambda: EmaCross(3, 8, 0.0002, seed="first"),
    RsiReversion,
    lambda: RsiReversion(5, 60, 40, smoothing="simple"),
    BollingerReversion,
    lambda: BollingerReversion(5, 1.0, 0.0),
]


def candle(close: float, number: int = 0) -> Candle:
    return Candle("E", Resolution.MINUTE, T0 + timedelta(minutes=number), close, close, close, close)


def signals(strategy: Strategy, closes: list[float]) -> list[Signal]:
    return [strategy.on_candle(candle(close, number)) for number, close in enumerate(closes)]


def actions(strategy: Strategy, closes: list[float]) -> list[str]:
    return [str(signal.action) for signal in signals(strategy, closes)]


def walk(count: int, seed: int, step: float = 2e-4) -> list[float]:
    source = random.Random(seed)
    closes = [1.08]
    while len(closes) < count:
        # Stretches in which nothing moves: the origin's rules differ there.
        closes.append(closes[-1] + (0.0 if (len(closes) // 50) % 4 == 3 else source.uniform(-step, step)))
    return closes


def origin_ema(closes: list[float], fast: int, slow: int, threshold: float) -> list[str]:
    out, fast_average, slow_average, previous = [], 0.0, 0.0, None
    for number, close in enumerate(closes):
        fast_average = close if number == 0 else fast_average + 2 / (fast + 1) * (close - fast_average)
        slow_average = close if number == 0 else slow_average + 2 / (slow + 1) * (close - slow_average)
        d, p = fast_average - slow_average, previous
        previous = d
        if p is None:
            out.append("HOLD")
        elif p <= 0 and d > threshold:
            out.append("BUY")
        elif p >= 0 and d < -threshold:
            out.append("SELL")
        elif (p > threshold and d <= 0) or (p < -threshold and d >= 0):
            out.append("EXIT")
        else:
            out.append("HOLD")
    return out


def origin_rsi(closes: list[float], period: int, overbought: float, oversold: float) -> list[str]:
    out = []
    for number in range(len(closes)):
        if number < period:
            out.append("HOLD")
            continue
        changes = [closes[i] - closes[i - 1] for i in range(number - period + 1, number + 1)]
        gain = sum(change for change in changes if change > 0) / period
        loss = sum(-change for change in changes if change < 0) / period
        rsi = 100.0 if loss == 0 else 100 - 100 / (1 + gain / loss)
        out.append("BUY" if rsi <= oversold else "SELL" if rsi >= overbought else "HOLD")
    return out


def origin_bands(closes: list[float], period: int, multiplier: float, threshold: float) -> list[str]:
    out = []
    for number, close in enumerate(closes):
        window = closes[number - period + 1 : number + 1]
        if number < period - 1:
            out.append("HOLD")
            continue
        mean = math.fsum(window) / period
        deviation = math.sqrt(math.fsum((x - mean) ** 2 for x in window) / period)
        width = max(multiplier * deviation, threshold)
        out.append("BUY" if close <= mean - width else "SELL" if close >= mean + width else "HOLD")
    return out


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("fast", "slow", "threshold"), [(5, 20, 0.0001), (20, 5, 0.0001), (1, 3, 0.00005)])
def test_ema_cross_follows_the_origin(fast: int, slow: int, threshold: float, seed: int) -> None:
    """With seed="first" every action is the origin's."""
    closes = walk(1500, seed, step=2e-3)
    got = actions(EmaCross(fast, slow, threshold, seed="first"), closes)
    assert got == origin_ema(closes, fast, slow, threshold)
    assert {"BUY", "SELL", "HOLD"} <= set(got)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("period", "overbought", "oversold"), [(14, 70, 30), (2, 100, 0), (5, 60, 45)])
def test_rsi_reversion_follows_the_origin(period: int, overbought: float, oversold: float, seed: int) -> None:
    """With smoothing="simple" every action is the origin's, also where nothing moves (100: sell)."""
    closes = walk(1500, seed)
    got = actions(RsiReversion(period, overbought, oversold, smoothing="simple"), closes)
    assert got == origin_rsi(closes, period, overbought, oversold)
    assert {"BUY", "SELL", "HOLD"} <= set(got)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("period", "multiplier", "threshold"), [(20, 2.0, 0.0001), (20, 1.0, 0.001), (5, 1.5, 0.0001)])
def test_bollinger_reversion_follows_the_origin(period: int, multiplier: float, threshold: float, seed: int) -> None:
    """Every action is the origin's."""
    closes = walk(1500, seed)
    got = actions(BollingerReversion(period, multiplier, threshold), closes)
    assert got == origin_bands(closes, period, multiplier, threshold)


def test_bollinger_without_any_width() -> None:
    """No spread and no minimum: a distance of nothing is at the lower band, as in the origin."""
    assert actions(BollingerReversion(3, 2.0, 0.0), [1.1] * 5) == ["HOLD", "HOLD", "BUY", "BUY", "BUY"]
    assert actions(BollingerReversion(3, 2.0, 0.0001), [1.1] * 5) == ["HOLD"] * 5


def test_ema_cross_by_default_uses_the_seed_of_talib() -> None:
    """The averages are TA-Lib's; the first difference only prepares."""
    closes = walk(300, 3)
    got = signals(EmaCross(), closes)
    fast, slow = talib.EMA(array(closes), 5), talib.EMA(array(closes), 20)
    assert [signal.values for signal in got[:19]] == [{}] * 19
    for number in range(19, 300):
        assert got[number].values["fast"] == pytest.approx(fast[number], abs=1e-12)
        assert got[number].values["slow"] == pytest.approx(slow[number], abs=1e-12)


def test_ema_cross_rules_at_their_edges() -> None:
    """A slow crossing gives no entry; entry comes before exit."""
    strategy = EmaCross(1, 2, 0.1, seed="first")
    # d = x - slow; slow = slow + 2/3 (x - slow), so d = (x - slow before) / 3.
    assert actions(strategy, [1.0, 1.15, 2.0]) == ["HOLD", "HOLD", "HOLD"]
    strategy = EmaCross(1, 2, 0.1, seed="first")
    assert actions(strategy, [1.0, 2.0, 1.0, 1.25]) == ["HOLD", "BUY", "SELL", "EXIT"]
    strategy = EmaCross(1, 2, 0.1, seed="first")
    assert actions(strategy, [1.0, 2.0, 1.6, 3.0, 2.7, 2.6]) == ["HOLD", "BUY", "EXIT", "BUY", "HOLD", "HOLD"]


def test_rsi_reversion_holds_while_no_price_changed() -> None:
    """Nothing is not oversold; the first change speaks."""
    assert actions(RsiReversion(3), [1.1] * 8 + [1.2]) == ["HOLD"] * 8 + ["SELL"]
    assert actions(RsiReversion(3), [1.1, 1.2, 1.3, 1.4, 1.4, 1.4]) == ["HOLD"] * 3 + ["SELL", "HOLD", "HOLD"]
    assert actions(RsiReversion(3, smoothing="simple"), [1.1] * 5) == ["HOLD"] * 3 + ["SELL"] * 2


@pytest.mark.parametrize("make", MAKERS)
def test_warmup_is_when_it_may_speak(make: Callable[[], Strategy]) -> None:
    """Before the warmup nothing but HOLD, from it on something, for some series."""
    earliest = []
    for seed in range(40):
        closes = walk(80, seed, step=0.01)
        spoken = [number for number, action in enumerate(actions(make(), closes), 1) if action != "HOLD"]
        earliest += spoken[:1]
    assert min(earliest) == make().warmup


@pytest.mark.parametrize("make", MAKERS)
def test_signal_says_when_where_and_why(make: Callable[[], Strategy]) -> None:
    """Epic and close are the candle's, the time its end; the object is frozen and hashable."""
    strategy = make()
    assert isinstance(strategy, Strategy)
    for number, close in enumerate(walk(60, 1)):
        signal = strategy.on_candle(candle(close, number))
        assert (signal.epic, signal.price, signal.time) == ("E", close, T0 + timedelta(minutes=number + 1))
        assert signal.reason
        assert hash(signal)
    with pytest.raises(AttributeError):
        signal.action = Action.BUY  # type: ignore[misc]


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("cut", [0, 1, 5, 19, 20, 21, 100])
def test_restored_strategy_goes_on_exactly(make: Callable[[], Strategy], cut: int) -> None:
    """Same signals, same figures, through JSON, at any moment."""
    closes = walk(400, 11)
    whole, first, second = make(), make(), make()
    signals(whole, closes[:cut])
    signals(first, closes[:cut])
    second.restore(json.loads(json.dumps(first.state(), allow_nan=False)))
    assert signals(second, closes[cut:]) == signals(whole, closes[cut:])
    assert second.state() == whole.state()


@pytest.mark.parametrize("make", MAKERS)
def test_foreign_states_are_refused(make: Callable[[], Strategy]) -> None:
    """Another strategy's, other parameters', damaged: the error says which, and nothing has changed."""
    strategy = make()
    signals(strategy, walk(50, 2))
    good = strategy.state()
    others = [BollingerReversion(7), EmaCross(4, 9), RsiReversion(9)]
    foreign = [other.state() for other in others]
    damaged = [{**good, key: value} for key in good for value in (None, "x", {}) if (key, value) != ("previous", None)]
    for bad in [*foreign, *damaged, {}, [], None, {key: good[key] for key in list(good)[:2]}]:
        with pytest.raises(ValueError, match="state"):
            strategy.restore(bad)  # type: ignore[arg-type]
        assert strategy.state() == good
    with pytest.raises(ValueError, match=r"'EmaCross'|'RsiReversion'"):
        BollingerReversion().restore(others[1 if good["strategy"] != "EmaCross" else 2].state())


@pytest.mark.parametrize(
    "make",
    [
        lambda: EmaCross(0, 20),
        lambda: EmaCross(5, 0),
        lambda: EmaCross(5, 5),
        lambda: EmaCross(5.0, 20),  # type: ignore[arg-type]
        lambda: EmaCross(5, 20, 0),
        lambda: EmaCross(5, 20, 1),
        lambda: EmaCross(5, 20, -0.1),
        lambda: EmaCross(5, 20, math.nan),
        lambda: EmaCross(5, 20, seed="x"),  # type: ignore[arg-type]
        lambda: RsiReversion(1),
        lambda: RsiReversion(101),
        lambda: RsiReversion(14, 49),
        lambda: RsiReversion(14, 101),
        lambda: RsiReversion(14, 70, 51),
        lambda: RsiReversion(14, 70, -1),
        lambda: RsiReversion(14, 50, 50),
        lambda: RsiReversion(14, math.nan, 30),
        lambda: RsiReversion(smoothing="x"),  # type: ignore[arg-type]
        lambda: BollingerReversion(1),
        lambda: BollingerReversion(20, 0),
        lambda: BollingerReversion(20, 2, -0.1),
        lambda: BollingerReversion(20, math.inf),
        lambda: BollingerReversion(20, 2, "1"),  # type: ignore[arg-type]
    ],
)
def test_parameters_are_checked(make: Callable[[], Strategy]) -> None:
    """The origin's limits hold."""
    with pytest.raises(ValueError):
        make()


@pytest.mark.parametrize(
    "make",
    [
        lambda: EmaCross(20, 5, 0.9999),
        lambda: RsiReversion(100, 100, 0),
        lambda: RsiReversion(2, 50, 49),
        lambda: BollingerReversion(2, 0.1, 0),
    ],
)
def test_parameters_at_their_limits_are_taken(make: Callable[[], Strategy]) -> None:
    """The limits themselves are allowed."""
    assert make().warmup > 0


@pytest.mark.parametrize("make", MAKERS)
def test_a_close_that_is_no_number_changes_nothing(make: Callable[[], Strategy]) -> None:
    """The refusal leaves the strategy as it was."""
    strategy = make()
    signals(strategy, walk(30, 2))
    before = strategy.state()
    with pytest.raises(ValueError, match="finite"):
        strategy.on_candle(candle(math.nan))
    assert strategy.state() == before


def test_it_shows_its_parameters() -> None:
    """A strategy prints as the call that makes it."""
    assert repr(EmaCross(3, 9)) == "EmaCross(fast=3, slow=9, threshold=0.0001, seed='sma')"
    assert repr(BollingerReversion(7)) == "BollingerReversion(period=7, deviations=2.0, min_width=0.0001)"
    assert repr(RsiReversion()) == "RsiReversion(period=14, overbought=70.0, oversold=30.0, smoothing='wilder')"
