"""Strategies: a closed candle in, a signal out; no clock, no I/O, no client.

The rules are those of the origin (``EmaCross``, ``RsiReversion``, ``BollingerReversion``), with the field's standard
smoothing by default and the origin's own by parameter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any, Protocol, runtime_checkable

from ig_sdk.pipeline.indicators import (
    EMA,
    RSI,
    BollingerBands,
    EmaSeed,
    RsiSmoothing,
    check_number,
    check_period,
)
from ig_sdk.pipeline.saved_state import optional, part
from ig_sdk.types import Candle


class Action(str, Enum):
    """What a strategy wants done."""

    BUY = "BUY"
    SELL = "SELL"
    EXIT = "EXIT"
    HOLD = "HOLD"

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True, slots=True)
class Signal:
    """What a strategy wants after one closed candle.

    Attributes:
        action: What to do; ``HOLD`` is nothing.
        epic: The market.
        time: When it was known: the end of the candle, aware UTC.
        price: Close of the candle.
        reason: In words.
        values: The indicator values behind it, by name.
    """

    action: Action
    epic: str
    time: datetime
    price: float
    reason: str = ""
    values: Mapping[str, float] = field(default_factory=dict, hash=False)


@runtime_checkable
class Strategy(Protocol):
    """What the orchestrator needs of a strategy; one object serves one market.

    Attributes:
        warmup: Candles it needs for its first signal other than ``HOLD``, that signal's own candle included.
    """

    @property
    def warmup(self) -> int:
        """Candles needed for the first signal other than ``HOLD``."""
        ...

    def on_candle(self, candle: Candle) -> Signal:
        """Take the next closed candle and return the signal."""
        ...

    def state(self) -> dict[str, Any]:
        """Return what ``restore`` needs, as JSON-compatible values."""
        ...

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from ``state``; ``ValueError`` if it is of another strategy or other parameters."""
        ...


def _signal(candle: Candle, action: Action, reason: str, values: Mapping[str, float]) -> Signal:
    return Signal(action, candle.epic, candle.closes_at, candle.close, reason, values)


def _state_of(strategy: str, parameters: Mapping[str, Any], state: Mapping[str, Any]) -> dict[str, Any]:
    return {"strategy": strategy, "parameters": dict(parameters), **state}


def _call_text(strategy: str, parameters: Mapping[str, Any]) -> str:
    return f"{strategy}({', '.join(f'{name}={value!r}' for name, value in parameters.items())})"


def _checked(strategy: str, parameters: Mapping[str, Any], state: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return ``state`` if such a strategy made it."""
    if not isinstance(state, Mapping):
        raise ValueError(f"a state is an object, not {state!r:.80}")  # noqa: TRY004 -- it comes from a file, not from a caller
    if state.get("strategy") != strategy:
        raise ValueError(f"this is the state of {state.get('strategy')!r}, not of {strategy!r}")
    if state.get("parameters") != parameters:
        raise ValueError(f"this {strategy} state has parameters {state.get('parameters')!r}, not {dict(parameters)!r}")
    return state


class EmaCross:
    """Enters when the fast average crosses the slow one by more than ``threshold``, exits when it returns to it.

    With d = fast - slow and p the d of the candle before, in this order: p <= 0 and d > t buys; p >= 0 and d < -t
    sells; p > t and d <= 0, or p < -t and d >= 0, exits. A slow crossing (p in (0, t], then d > t) gives no entry.

    Args:
        fast: Period of the fast average, at least 1.
        slow: Period of the slow one, at least 1, not equal to ``fast``.
        threshold: Price difference t, between 0 and 1 (both excluded).
        seed: ``"sma"`` as TA-Lib; ``"first"`` as the origin.

    Source:
        origin/ORIGIN.md section 11.
    """

    def __init__(self, fast: int = 5, slow: int = 20, threshold: float = 0.0001, *, seed: EmaSeed = "sma") -> None:
        check_period(fast, "fast")
        check_period(slow, "slow")
        if fast == slow:
            raise ValueError(f"fast and slow must differ, both are {fast}")
        self._threshold = check_number(threshold, "threshold")
        if self._threshold >= 1.0:
            raise ValueError(f"threshold must be above 0 and below 1, not {threshold!r}")
        self._periods = fast, slow
        self._seed: EmaSeed = seed
        self._fast, self._slow = EMA(fast, seed=seed), EMA(slow, seed=seed)
        self._previous: float | None = None

    @property
    def warmup(self) -> int:
        """Candles needed for the first signal other than ``HOLD``: the averages, and one earlier difference."""
        return 2 if self._seed == "first" else max(self._periods) + 1

    @property
    def _parameters(self) -> dict[str, Any]:
        fast, slow = self._periods
        return {"fast": fast, "slow": slow, "threshold": self._threshold, "seed": self._seed}

    def __repr__(self) -> str:
        return _call_text("EmaCross", self._parameters)

    def on_candle(self, candle: Candle) -> Signal:
        """Take the next closed candle and return the signal."""
        fast, slow = self._fast.update(candle.close), self._slow.update(candle.close)
        if fast is None or slow is None:
            return _signal(candle, Action.HOLD, "warming up", {})
        difference, previous = fast - slow, self._previous
        self._previous = difference
        values = {"fast": fast, "slow": slow, "difference": difference}
        if previous is None:
            return _signal(candle, Action.HOLD, "first difference", values)
        action, reason = self._decide(previous, difference)
        return _signal(candle, action, reason, values)

    def _decide(self, previous: float, difference: float) -> tuple[Action, str]:
        threshold = self._threshold
        if previous <= 0.0 and difference > threshold:
            return Action.BUY, "fast average crossed above the slow one"
        if previous >= 0.0 and difference < -threshold:
            return Action.SELL, "fast average crossed below the slow one"
        if previous > threshold and difference <= 0.0:
            return Action.EXIT, "fast average fell back to the slow one"
        if previous < -threshold and difference >= 0.0:
            return Action.EXIT, "fast average rose back to the slow one"
        return Action.HOLD, "no crossing"

    def state(self) -> dict[str, Any]:
        """Return what ``restore`` needs, as JSON-compatible values."""
        state = {"fast": self._fast.state(), "slow": self._slow.state(), "previous": self._previous}
        return _state_of("EmaCross", self._parameters, state)

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from ``state``.

        Raises:
            ValueError: It is of another strategy or other parameters, or is damaged; nothing has changed.
        """
        checked = _checked("EmaCross", self._parameters, state)
        fast, slow = (EMA(period, seed=self._seed) for period in self._periods)
        fast.restore(part(checked, "fast"))
        slow.restore(part(checked, "slow"))
        self._previous = optional(checked, "previous")
        self._fast, self._slow = fast, slow


class RsiReversion:
    """Buys when the RSI is oversold, sells when it is overbought; never exits.

    It holds on a candle whose close did not change: that says nothing new, and a market that stands still would repeat
    its last signal for ever. With ``smoothing="simple"`` it does not, and a window without a loss gives 100, also if no
    price changed, as in the origin: that sells.

    Args:
        period: 2 to 100.
        overbought: 50 to 100, above ``oversold``.
        oversold: 0 to 50.
        smoothing: ``"wilder"`` as TA-Lib; ``"simple"`` as the origin.

    Source:
        origin/ORIGIN.md section 11.
    """

    def __init__(
        self, period: int = 14, overbought: float = 70, oversold: float = 30, *, smoothing: RsiSmoothing = "wilder"
    ) -> None:
        if check_period(period, least=2) > 100:
            raise ValueError(f"period must be from 2 to 100, not {period}")
        self._overbought = check_number(overbought, "overbought")
        self._oversold = check_number(oversold, "oversold", zero=True)
        if not (50.0 <= self._overbought <= 100.0 and self._oversold <= 50.0 and self._overbought > self._oversold):
            raise ValueError(
                f"overbought must be from 50 to 100 and oversold from 0 to 50 and below it, "
                f"not {overbought!r} and {oversold!r}"
            )
        self._period, self._smoothing = period, smoothing
        self._rsi = RSI(period, smoothing=smoothing)

    @property
    def warmup(self) -> int:
        """Candles needed for the first signal other than ``HOLD``: ``period`` changes."""
        return self._period + 1

    @property
    def _parameters(self) -> dict[str, Any]:
        return {
            "period": self._period,
            "overbought": self._overbought,
            "oversold": self._oversold,
            "smoothing": self._smoothing,
        }

    def __repr__(self) -> str:
        return _call_text("RsiReversion", self._parameters)

    def on_candle(self, candle: Candle) -> Signal:
        """Take the next closed candle and return the signal."""
        previous = self._rsi.previous
        rsi = self._rsi.update(candle.close)
        if rsi is None:
            return _signal(candle, Action.HOLD, "warming up", {})
        values = {"rsi": rsi}
        if candle.close == previous and self._smoothing == "wilder":
            return _signal(candle, Action.HOLD, "the close did not change", values)
        if rsi <= self._oversold:
            return _signal(candle, Action.BUY, "oversold", values)
        if rsi >= self._overbought:
            return _signal(candle, Action.SELL, "overbought", values)
        return _signal(candle, Action.HOLD, "neither oversold nor overbought", values)

    def state(self) -> dict[str, Any]:
        """Return what ``restore`` needs, as JSON-compatible values."""
        return _state_of("RsiReversion", self._parameters, {"rsi": self._rsi.state()})

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from ``state``.

        Raises:
            ValueError: It is of another strategy or other parameters, or is damaged; nothing has changed.
        """
        self._rsi.restore(part(_checked("RsiReversion", self._parameters, state), "rsi"))


class BollingerReversion:
    """Buys at or below the lower band, sells at or above the upper one; never exits.

    The half-width of the bands is ``deviations`` standard deviations of the last closes, but at least ``min_width``.

    Args:
        period: At least 2.
        deviations: Above 0.
        min_width: Price difference, at least 0.

    Source:
        origin/ORIGIN.md section 11.
    """

    def __init__(self, period: int = 20, deviations: float = 2.0, min_width: float = 0.0001) -> None:
        self._period = check_period(period, least=2)
        self._deviations = check_number(deviations, "deviations")
        self._min_width = check_number(min_width, "min_width", zero=True)
        self._bands = BollingerBands(period, deviations)

    @property
    def warmup(self) -> int:
        """Candles needed for the first signal other than ``HOLD``: ``period`` closes."""
        return self._period

    @property
    def _parameters(self) -> dict[str, Any]:
        return {"period": self._period, "deviations": self._deviations, "min_width": self._min_width}

    def __repr__(self) -> str:
        return _call_text("BollingerReversion", self._parameters)

    def on_candle(self, candle: Candle) -> Signal:
        """Take the next closed candle and return the signal."""
        bands = self._bands.update(candle.close)
        if bands is None:
            return _signal(candle, Action.HOLD, "warming up", {})
        # Not from the edges of the bands: adding the width to a price cost it digits.
        middle, width = bands.middle, max(self._deviations * (self._bands.deviation or 0.0), self._min_width)
        upper, lower = middle + width, middle - width
        values = {"upper": upper, "middle": middle, "lower": lower}
        if candle.close <= lower:
            return _signal(candle, Action.BUY, "at or below the lower band", values)
        if candle.close >= upper:
            return _signal(candle, Action.SELL, "at or above the upper band", values)
        return _signal(candle, Action.HOLD, "inside the bands", values)

    def state(self) -> dict[str, Any]:
        """Return what ``restore`` needs, as JSON-compatible values."""
        return _state_of("BollingerReversion", self._parameters, {"bands": self._bands.state()})

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from ``state``.

        Raises:
            ValueError: It is of another strategy or other parameters, or is damaged; nothing has changed.
        """
        self._bands.restore(part(_checked("BollingerReversion", self._parameters, state), "bands"))
