"""Signals that are held back while the prices behind them are not to be trusted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ig_sdk.logs import Repeats, get_logger
from ig_sdk.pipeline.strategies import Action, Signal
from ig_sdk.streaming.quality import Quality
from ig_sdk.types import Candle

_log = get_logger("pipeline")


@dataclass(frozen=True, slots=True)
class Held:
    """A signal that was not passed on, because the prices behind it could not be trusted.

    Attributes:
        signal: What the strategy said.
        reason: Why it was held back.
    """

    signal: Signal
    reason: str

    @property
    def epic(self) -> str:
        """The market."""
        return self.signal.epic

    def __str__(self) -> str:
        return f"{self.signal.epic}: {self.signal.action} held back: {self.reason}"


class SignalGate:
    """Decides which signals pass: all ``EXIT``, since closing is always allowed; others on trusted prices.

    A signal of a candle with a gap, in an open hole, or of a market whose quality is below the threshold is held back
    and told: in full the first time for each market and cause, then as a count.

    Args:
        quality: Says how good a market's prices are now; without it only holes count.

    Threading:
        Not safe: one thread at a time.
    """

    def __init__(self, quality: Callable[[str], Quality] | None) -> None:
        self._quality = quality
        self._repeats = Repeats(_log)

    def judge(self, signal: Signal, candle: Candle, *, hole_open: bool) -> Signal | Held:
        """Return the signal if it may pass, else what is told instead.

        Args:
            signal: Of a strategy; not ``HOLD``.
            candle: The one that it is about.
            hole_open: Whether the line of the market is down.
        """
        if signal.action is Action.EXIT:
            return signal
        cause, reason = self._doubt(candle, hole_open=hole_open)
        if not cause:
            return signal
        held = Held(signal, reason)
        self._repeats.warning((candle.epic, cause), str(held))
        return held

    def _doubt(self, candle: Candle, *, hole_open: bool) -> tuple[str, str]:
        """Return the kind of the cause and the reason in words; empty if there is none."""
        if hole_open:
            return "hole", "the line is down, and nobody knows yet whether ticks are missing"
        if candle.gap:
            return "gap", f"ticks are missing in the candle of {candle.opens_at:%H:%M:%S}, or may be"
        if self._quality is None:
            return "", ""
        try:
            quality = self._quality(candle.epic)
            if quality.trusted:
                return "", ""
        except Exception as error:  # noqa: BLE001 -- the source may be the user's; what cannot be judged is not trusted
            self._repeats.error(f"the quality of {candle.epic} cannot be had", error)
            return "unknown", f"the quality of its prices cannot be had: {error}"
        return "quality", (
            f"its prices have a score of {quality.score:.2f}, below the threshold (complete to "
            f"{quality.completeness:.0%}, {quality.set_aside} set aside, {quality.lost} lost)"
        )
