"""Asks a history for candles that have gaps, on a thread of its own."""

from __future__ import annotations

import contextvars
import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ig_sdk.candles import Price
from ig_sdk.errors import RateLimited
from ig_sdk.logs import Repeats, get_logger
from ig_sdk.types import Candle

_log = get_logger("pipeline")
THREAD_NAME = "ig-backfill"
# Requests that wait, and healed candles that nobody has taken: more are dropped, the oldest first, and told.
_WAITING = 100
_HEALED = 10_000
# A request that does not return holds nothing up: the thread ends after it.
_JOIN_S = 1.0
# A request ends this wait, and so does the end; the limit is a safety net in case that is missed.
_LONG_S = 60.0


@dataclass(frozen=True, slots=True)
class Backfilled:
    """A candle from history in place of one with a gap, or of one that is missing because of a hole.

    Attributes:
        candle: As the history has it.
    """

    candle: Candle

    @property
    def epic(self) -> str:
        """The market."""
        return self.candle.epic

    def __str__(self) -> str:
        candle = self.candle
        levels = f"open {candle.open:.10g} high {candle.high:.10g} low {candle.low:.10g} close {candle.close:.10g}"
        return f"{candle.epic} {candle.opens_at.isoformat()} filled from history: {levels}"


class Backfill:
    """Asks for one span after the other; what comes waits in ``healed`` for the orchestrator's thread.

    A failure is told once, then counted, and costs only its own span: nothing is asked for twice.

    Args:
        history: Called as ``history(epic, resolution, start=, end=)``, and with ``price=`` if that is not the mid.
        resolution: Length of the candles.
        price: Side of ``open`` to ``close``.
        opening: Says when the candle of an instant opens: what begins elsewhere is another candle.

    Attributes:
        healed: Candles for the sinks, oldest first.
        failures: Requests that failed.

    Threading:
        Safe from any thread; the lock is a leaf. ``history`` runs on ``ig-backfill``, from the first request on,
        to :meth:`close`.
    """

    def __init__(
        self,
        history: Callable[..., Iterable[Candle]],
        resolution: timedelta,
        *,
        price: Price,
        opening: Callable[[datetime], datetime],
    ) -> None:
        self._history = history
        self._resolution = resolution
        self._options: dict[str, Any] = {} if price == "mid" else {"price": price}
        self._opening = opening
        self._repeats = Repeats(_log)
        self._changed = threading.Condition(threading.Lock())
        self._waiting: deque[tuple[str, datetime, datetime]] = deque()
        self._busy = self._closed = False
        self._thread: threading.Thread | None = None
        self.healed: deque[Backfilled] = deque(maxlen=_HEALED)
        self.failures = 0

    def request(self, epic: str, start: datetime, end: datetime) -> None:
        """Ask for the candles that open in ``[start, end)``; returns at once."""
        with self._changed:
            if self._closed:
                return
            dropped = self._waiting.popleft() if len(self._waiting) >= _WAITING else None
            self._waiting.append((epic, start, end))
            if self._thread is None:
                context = contextvars.copy_context()
                self._thread = threading.Thread(target=context.run, args=(self._run,), name=THREAD_NAME, daemon=True)
                self._thread.start()
            self._changed.notify_all()
        if dropped is not None:
            self._repeats.warning("full", f"candles of {dropped[0]} are not filled: too many requests wait")

    def drain(self, timeout: float) -> bool:
        """Wait until everything was asked for, or :meth:`close`; return whether it was."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or not (self._busy or self._waiting), timeout)
            return not (self._busy or self._waiting)

    def close(self) -> None:
        """Ask for nothing more; wakes every wait. Idempotent."""
        with self._changed:
            self._closed = True
            self._waiting.clear()
            self._changed.notify_all()

    def join(self) -> None:
        """Wait shortly for the thread's end, after :meth:`close`."""
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(_JOIN_S)
            if self._thread.is_alive():
                _log.warning("a request for missing candles has not returned; its thread ends when it does")

    def _run(self) -> None:
        while True:
            with self._changed:
                self._busy = False
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._closed or self._waiting, _LONG_S)
                if self._closed:
                    return
                if not self._waiting:
                    continue
                self._busy = True
                epic, start, end = self._waiting.popleft()
            self._fill(epic, start, end)

    def _fill(self, epic: str, start: datetime, end: datetime) -> None:
        try:
            came = list(self._history(epic, self._resolution, start=start, end=end, **self._options))
            inside = [candle for candle in came if start <= candle.opens_at < end and candle.complete]
            fitting = [candle for candle in inside if self._opening(candle.opens_at) == candle.opens_at]
        except RateLimited as error:
            self.failures += 1
            self._repeats.warning("refused", f"candles of {epic} are not filled: the allowance is refused: {error}")
            return
        except Exception as error:  # noqa: BLE001 -- the history may be the user's, and a hole in it stops no prices
            self.failures += 1
            self._repeats.error(f"candles of {epic} are not filled from history", error)
            return
        if len(fitting) < len(inside):
            self._repeats.warning("edges", f"candles of {epic} are not filled: the history has others")
        self.healed.extend(Backfilled(candle) for candle in fitting)
