"""EMA, RSI and Bollinger bands, one value at a time: constant work, fixed memory, equal to TA-Lib; no I/O.

A value that is not a finite number raises ``ValueError`` and changes nothing. ``state()`` gives a
JSON-compatible dict, ``restore(state)`` continues from it exactly.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import fsum, sqrt
from typing import Any, Literal, NamedTuple, get_args

from ig_sdk.pipeline.rolling import RollingSum
from ig_sdk.pipeline.saved_state import count, number, numbers, optional, part

EmaSeed = Literal["sma", "first"]
RsiSmoothing = Literal["wilder", "simple"]

# Squares and sums of such numbers stay finite; no price comes near. The one chained comparison below also refuses NaN
# (with the number written out: a constant is faster than a name).
_HUGE = 1e150


def _refuse(x: object) -> ValueError:
    return ValueError(f"an indicator needs a finite number below {_HUGE:g}, not {x!r}")


def check_period(period: object, name: str = "period", *, least: int = 1) -> int:
    """Return ``period`` if it is a whole number of at least ``least``.

    Raises:
        ValueError: It is not.
    """
    if isinstance(period, bool) or not isinstance(period, int) or period < least:
        raise ValueError(f"{name} must be a whole number of at least {least}, not {period!r}")
    return period


def check_number(value: object, name: str, *, zero: bool = False) -> float:
    """Return ``value`` if it is a positive finite number (or zero where that is allowed).

    Raises:
        ValueError: It is not.
    """
    if not isinstance(value, bool) and isinstance(value, (int, float)) and 0.0 <= value < _HUGE and (value or zero):
        return float(value)
    raise ValueError(f"{name} must be a finite number {'of at least' if zero else 'above'} zero, not {value!r}")


class EMA:
    """Exponential moving average with ``k = 2 / (period + 1)``.

    Args:
        period: At least 1.
        seed: ``"sma"`` starts with the mean of the first ``period`` values, as TA-Lib does; ``"first"`` with the first
            value.
    """

    __slots__ = ("_k", "_period", "_seed", "_start", "_value")

    def __init__(self, period: int, *, seed: EmaSeed = "sma") -> None:
        self._period = check_period(period)
        if seed not in get_args(EmaSeed):
            raise ValueError(f"seed must be 'sma' or 'first', not {seed!r}")
        self._seed = seed
        self._k = 2.0 / (period + 1)
        self._value: float | None = None
        self._start: list[float] = []

    @property
    def value(self) -> float | None:
        """The average, or ``None`` before ``ready``."""
        return self._value

    @property
    def ready(self) -> bool:
        """Whether there is a value."""
        return self._value is not None

    def update(self, x: float) -> float | None:
        """Take the next value and return the average."""
        if not -1e150 < x < 1e150:
            raise _refuse(x)
        value = self._value
        if value is not None:
            self._value = value = value + self._k * (x - value)
            return value
        start = self._start
        start.append(x)
        wanted = self._period if self._seed == "sma" else 1
        if len(start) == wanted:
            self._value = fsum(start) / wanted
            self._start = []
        return self._value

    def state(self) -> dict[str, Any]:
        """Return what ``restore`` needs, as JSON-compatible values."""
        return {"value": self._value, "start": list(self._start)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from ``state``.

        Raises:
            ValueError: It is not a state of this indicator; nothing has changed.
        """
        value, start = optional(state, "value"), numbers(state, "start", self._period - 1)
        if value is not None and start:
            raise ValueError("an EMA has either a value or the beginning of one")
        self._value, self._start = value, start


class RSI:
    """Relative strength index, 0 to 100; needs ``period`` changes, so ``period + 1`` values.

    Args:
        period: At least 1.
        smoothing: ``"wilder"``: Wilder's averages, as TA-Lib has them; 0 while no value changed. ``"simple"``: plain
            means of the last ``period`` gains and losses; 100 when there is no loss among them.
    """

    __slots__ = ("_gain", "_gains", "_keep", "_loss", "_losses", "_period", "_previous", "_seen", "_simple", "_value")

    def __init__(self, period: int = 14, *, smoothing: RsiSmoothing = "wilder") -> None:
        self._period = check_period(period)
        if smoothing not in get_args(RsiSmoothing):
            raise ValueError(f"smoothing must be 'wilder' or 'simple', not {smoothing!r}")
        self._simple = smoothing == "simple"
        self._keep = (period - 1) / period
        self._seen = 0
        self._previous: float | None = None
        self._gain = self._loss = 0.0
        self._value: float | None = None
        self._gains, self._losses = RollingSum(period), RollingSum(period)

    @property
    def value(self) -> float | None:
        """The index, or ``None`` before ``ready``."""
        return self._value

    @property
    def ready(self) -> bool:
        """Whether there is a value."""
        return self._value is not None

    @property
    def previous(self) -> float | None:
        """The value taken last, or ``None``."""
        return self._previous

    @property
    def flat(self) -> bool:
        """Whether the averages are both zero, so that there is nothing to compare."""
        return not self._gain + self._loss

    def update(self, x: float) -> float | None:
        """Take the next value and return the index."""
        if not -1e150 < x < 1e150:
            raise _refuse(x)
        previous = self._previous
        self._previous = x
        if self._value is None or self._simple or previous is None:
            return self._begin(previous, x)
        # Wilder's averages times ``period``: the index is a ratio of them, so the division can be left out.
        keep = self._keep
        change = x - previous
        if change > 0.0:
            self._gain = gain = self._gain * keep + change
            self._loss = loss = self._loss * keep
        else:
            self._gain = gain = self._gain * keep
            self._loss = loss = self._loss * keep - change
        total = gain + loss
        # In a market that does not move both shrink for ever and keep their ratio, until they become denormal numbers
        # and the ratio noise: from then on there is nothing to compare.
        if total > 1e-290:
            # Divide first: 100 * gain may round to more than 100 * total.
            self._value = value = 100.0 * (gain / total)
            return value
        self._gain = self._loss = self._value = 0.0
        return 0.0

    def _begin(self, previous: float | None, x: float) -> float | None:
        if previous is None:
            return None
        change = x - previous
        if self._simple:
            self._value = self._plain(change)
            return self._value
        self._seen += 1
        if change > 0.0:
            self._gain += change
        else:
            self._loss -= change
        if self._seen == self._period:
            total = self._gain + self._loss
            self._value = 100.0 * (self._gain / total) if total else 0.0
        return self._value

    def _plain(self, change: float) -> float | None:
        gain = self._gains.add(max(change, 0.0))
        loss = self._losses.add(max(-change, 0.0))
        if gain is None or loss is None:
            return None
        self._gain, self._loss = gain, loss
        # Sums of the window, nothing subtracted: zero means that there was no loss at all.
        return 100.0 * (gain / (gain + loss)) if loss else 100.0

    def state(self) -> dict[str, Any]:
        """Return what ``restore`` needs, as JSON-compatible values."""
        return {
            "previous": self._previous,
            "seen": self._seen,
            "gain": self._gain,
            "loss": self._loss,
            "value": self._value,
            "gains": self._gains.state(),
            "losses": self._losses.state(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from ``state``.

        Raises:
            ValueError: It is not a state of this indicator; nothing has changed.
        """
        previous, value = optional(state, "previous"), optional(state, "value")
        seen, gain, loss = count(state, "seen", self._period), number(state, "gain"), number(state, "loss")
        gains, losses = RollingSum(self._period), RollingSum(self._period)
        gains.restore(part(state, "gains"))
        losses.restore(part(state, "losses"))
        self._previous, self._value, self._seen, self._gain, self._loss = previous, value, seen, gain, loss
        self._gains, self._losses = gains, losses


class Bands(NamedTuple):
    """Bollinger bands at one moment.

    Attributes:
        upper: ``middle + deviations * deviation``.
        middle: Mean of the last ``period`` values.
        lower: ``middle - deviations * deviation``.
    """

    upper: float
    middle: float
    lower: float


_new = tuple.__new__
# Drift stays under 1e-13 of the spread over so many wraps; a spread that fell further than this is measured again.
_WRAPS = 16
_FALL = 0.001


class BollingerBands:
    """Mean of the last ``period`` values and bands at ``deviations`` population standard deviations around it.

    Args:
        period: At least 2.
        deviations: Positive.
    """

    # A value enters, the oldest leaves: mean (as its distance from an origin nearby, so that it keeps its digits at any
    # price level) and sum of squared differences follow by West's update, without large sums to cancel. Its rounding
    # is relative to the largest spread so far. So both are measured again from the window once in a while,
    # and when the spread has fallen to a thousandth of the largest since (a jump has left the window): constant work
    # on average.
    __slots__ = (
        "_deviations", "_factor", "_inverse", "_largest", "_least", "_mean", "_next", "_origin", "_period", "_ring",
        "_spread", "_value", "_wraps",
    )  # fmt: skip

    def __init__(self, period: int = 20, deviations: float = 2.0) -> None:
        self._period = check_period(period, least=2)
        self._deviations = check_number(deviations, "deviations")
        self._inverse = 1.0 / period
        self._factor = self._deviations / sqrt(period)
        self._ring: list[float] = []
        self._next = self._wraps = 0
        self._origin = self._mean = self._spread = self._largest = self._least = 0.0
        self._value: Bands | None = None

    @property
    def value(self) -> Bands | None:
        """The bands, or ``None`` before ``ready``."""
        return self._value

    @property
    def deviation(self) -> float | None:
        """The standard deviation, or ``None`` before ``ready``."""
        return sqrt(self._spread * self._inverse) if self._value is not None else None

    @property
    def ready(self) -> bool:
        """Whether there is a value."""
        return self._value is not None

    def update(self, x: float) -> Bands | None:
        """Take the next value and return the bands."""
        if not -1e150 < x < 1e150:
            raise _refuse(x)
        if self._value is None:
            return self._begin(x)
        ring = self._ring
        place = self._next
        oldest = ring[place]
        ring[place] = x
        self._next = place = place + 1
        change = x - oldest
        origin = self._origin
        before = self._mean
        self._mean = mean = before + change * self._inverse
        self._spread = spread = self._spread + change * (x - origin - mean + (oldest - origin - before))
        if spread < self._least or spread > self._largest or place == self._period:
            return self._check_drift()
        middle = origin + mean
        width = self._factor * sqrt(spread)
        # As Bands(...), without the call of NamedTuple's Python function.
        self._value = value = _new(Bands, (middle + width, middle, middle - width))
        return value

    def _begin(self, x: float) -> Bands | None:
        self._ring.append(x)
        if len(self._ring) < self._period:
            return None
        self._measure()
        return self._bands()

    def _check_drift(self) -> Bands:
        spread = self._spread
        fallen = spread < self._least
        if self._next == self._period:
            self._next = 0
            self._wraps += 1
        if spread > self._largest:
            self._largest, self._least = spread, spread * _FALL
        if fallen or self._wraps >= _WRAPS:
            self._measure()
        return self._bands()

    def _measure(self) -> None:
        # As differences from one of the values: equal values give exactly that mean and exactly no spread.
        ring = self._ring
        origin = self._origin = ring[self._next - 1]
        mean = self._mean = fsum([x - origin for x in ring]) * self._inverse
        self._spread = self._largest = fsum([(x - origin - mean) ** 2 for x in ring])
        self._least = self._largest * _FALL
        self._wraps = 0

    def _bands(self) -> Bands:
        middle = self._origin + self._mean
        width = self._factor * sqrt(self._spread)
        self._value = value = Bands(middle + width, middle, middle - width)
        return value

    def state(self) -> dict[str, Any]:
        """Return what ``restore`` needs, as JSON-compatible values."""
        return {
            "ring": list(self._ring),
            "next": self._next,
            "wraps": self._wraps,
            "origin": self._origin,
            "mean": self._mean,
            "spread": self._spread,
            "largest": self._largest,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from ``state``.

        Raises:
            ValueError: It is not a state of these bands; nothing has changed.
        """
        ring = numbers(state, "ring", self._period)
        place, wraps = count(state, "next", self._period - 1), count(state, "wraps", _WRAPS - 1)
        origin, mean = number(state, "origin"), number(state, "mean")
        spread, largest = number(state, "spread"), number(state, "largest")
        if spread < 0.0 or largest < 0.0:
            raise ValueError(f"state: 'spread' and 'largest' cannot be negative, not {spread!r} and {largest!r}")
        self._ring, self._next, self._wraps = ring, place, wraps
        self._origin, self._mean, self._spread = origin, mean, spread
        self._largest, self._least = largest, largest * _FALL
        self._value = None
        if len(ring) == self._period:
            self._bands()
