"""The thread that looks after a line while nothing comes: silences, holes that end, readers that join."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable

from ig_sdk.clock import Clock
from ig_sdk.logs import get_logger

_log = get_logger("prices")
THREAD_NAME = "ig-stream-watch"
# Nothing that is looked for here is worth waking up more often, or may be found later.
_LONGEST_S = 1.0
_BUSY_S = 0.05
# A callback that runs longer holds up every price of the connection, which is told.
_HANGING_S = 10.0


class Watch:
    """Calls ``look`` in the line's turn, when it is due and whenever somebody rings.

    Args:
        look: Does what is due, given monotonic seconds; returns when to call it again.
        turn: The line's turn, held over ``look``.
        clock: Time.

    Threading:
        One daemon thread, ``ig-stream-watch``, from :meth:`start` to :meth:`stop`. Safe from any thread.
    """

    def __init__(self, look: Callable[[float], float], turn: threading.Lock, clock: Clock) -> None:
        self._look = look
        self._turn = turn
        self._clock = clock
        self._bell = threading.Event()
        self._stopped = False
        context = contextvars.copy_context()  # log records carry the correlation id of whoever opened the stream
        self._thread = threading.Thread(target=context.run, args=(self._run,), name=THREAD_NAME, daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def ring(self) -> None:
        """Look now."""
        self._bell.set()

    def stop(self) -> None:
        """Let the thread end."""
        self._stopped = True
        self._bell.set()

    def join(self, timeout: float) -> None:
        """Wait for the thread's end; returns at once inside a callback."""
        if self._thread.ident is not None and self._thread is not threading.current_thread():
            self._thread.join(max(timeout, 0.0))
            if self._thread.is_alive():
                _log.warning("a callback has not returned in %.1f s: thread %s still runs", timeout, THREAD_NAME)

    def _run(self) -> None:
        while not self._stopped:
            self._bell.clear()
            now = self._clock.monotonic()
            due = now + _LONGEST_S
            if self._mine(now):
                try:
                    due = min(due, self._look(self._clock.monotonic()))
                except Exception:  # noqa: BLE001 -- a fault of ours must not end the watch
                    _log.exception("looking after the stream failed; it goes on")
                finally:
                    self._turn.release()
            self._clock.wait(self._bell, max(due - self._clock.monotonic(), 0.0))

    def _mine(self, since: float) -> bool:
        """Wait for the turn; return whether it came, and not the end."""
        told = False
        while not self._turn.acquire(blocking=False):
            if self._stopped:
                return False
            if not told and self._clock.monotonic() - since > _HANGING_S:
                told = True
                _log.warning("a callback has been running for %.0f s: no price reaches anybody meanwhile", _HANGING_S)
            # The turn is no event: its end cannot be waited for together with ours.
            self._clock.wait(self._bell, _BUSY_S)
            self._bell.clear()
        return True
