"""When scripted faults happen: at a time, or when something arrives for the n-th time."""

from __future__ import annotations

import heapq
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

from ig_sdk.clock import Clock
from ig_sdk.errors import IGError

_log = logging.getLogger("ig_sdk.simulator.faults")

Deed = Callable[[], object]


@dataclass(order=True)
class _Appointment:
    """A deed at a time."""

    at: float
    serial: int
    deed: Deed = field(compare=False)
    every_s: float | None = field(compare=False)
    left: int | None = field(compare=False)


@dataclass
class _Trap:
    """A deed for when something arrives."""

    kind: str
    name: str
    method: str | None
    after: int
    left: int | None
    deed: Deed


class Schedule:
    """Deeds that wait for their time or their cause.

    Args:
        clock: Time.

    Attributes:
        kinds: What the deeds wait for now: ``"request"``, ``"stream"``, ``"tick"``.

    Threading:
        Safe from any thread. Deeds at a time are done on a thread of its own, ``ig-sim-faults``, that lives while there
        are any; the others on the thread that brings their cause. No lock is held over a deed.
    """

    def __init__(self, clock: Clock) -> None:
        self.kinds: frozenset[str] = frozenset()
        self._clock = clock
        self._lock = threading.Lock()
        self._serial = count()
        self._appointments: list[_Appointment] = []
        self._traps: list[_Trap] = []
        self._changed = threading.Event()
        self._thread: threading.Thread | None = None
        self._closed = False

    def at(self, seconds: float, deed: Deed, *, every_s: float | None = None, times: int | None = 1) -> None:
        """Do something in so many seconds, and again every so often.

        Args:
            seconds: From now.
            deed: What to do.
            every_s: Seconds between repetitions; ``None`` for none.
            times: How often in all; ``None`` for no end.
        """
        if not seconds >= 0 or (every_s is not None and not every_s > 0):
            raise ValueError("a fault needs a time that is not before now, and a positive time between repetitions")
        if every_s is None:
            times = 1
        first = self._clock.monotonic() + seconds
        with self._lock:
            if self._closed or times == 0:
                return
            heapq.heappush(self._appointments, _Appointment(first, next(self._serial), deed, every_s, times))
            if self._thread is None:
                self._thread = threading.Thread(target=self._keep, name="ig-sim-faults", daemon=True)
                self._thread.start()
        self._changed.set()

    def on(
        self,
        kind: str,
        deed: Deed,
        *,
        name: str = "",
        method: str | None = None,
        after: int = 0,
        times: int | None = 1,
    ) -> None:
        """Do something when something arrives.

        Args:
            kind: What: ``"request"``, ``"stream"`` or ``"tick"``.
            deed: What to do.
            name: Beginning of the path, of the request's name or of the epic.
            method: HTTP method.
            after: How many go by first.
            times: How many of the following cause the deed; ``None`` for all.
        """
        with self._lock:
            if not self._closed and times != 0:
                self._traps.append(_Trap(kind, name, method, after, times, deed))
                self._note_kinds()

    def note(self, kind: str, name: str, method: str | None = None) -> None:
        """Tell that something arrived, and do what waits for it."""
        if kind not in self.kinds:
            return
        with self._lock:
            deeds = [deed for trap in list(self._traps) if (deed := self._sprung(trap, kind, name, method))]
            self._note_kinds()
        for deed in deeds:
            _do(deed)

    def _sprung(self, trap: _Trap, kind: str, name: str, method: str | None) -> Deed | None:
        if trap.kind != kind or not name.startswith(trap.name) or trap.method not in (None, method):
            return None
        if trap.after > 0:
            trap.after -= 1
            return None
        if trap.left is not None:
            trap.left -= 1
            if trap.left <= 0:
                self._traps.remove(trap)
        return trap.deed

    def _note_kinds(self) -> None:
        self.kinds = frozenset(trap.kind for trap in self._traps)

    def _keep(self) -> None:
        while True:
            with self._lock:
                if self._closed:
                    return
                self._changed.clear()
                due = self._appointments[0].at if self._appointments else None
                now = self._clock.monotonic()
                deed = self._due() if due is not None and due <= now else None
            if deed is not None:
                _do(deed)
            else:
                self._clock.wait(self._changed, 3600.0 if due is None else due - now)

    def _due(self) -> Deed:
        """Take the first appointment, and make the next one of its series."""
        first = heapq.heappop(self._appointments)
        left = None if first.left is None else first.left - 1
        if first.every_s is not None and left != 0:
            following = _Appointment(first.at + first.every_s, next(self._serial), first.deed, first.every_s, left)
            heapq.heappush(self._appointments, following)
        return first.deed

    def clear(self) -> None:
        """Forget every deed."""
        with self._lock:
            self._appointments.clear()
            self._traps.clear()
            self._note_kinds()
        self._changed.set()

    def close(self, timeout: float = 5.0) -> None:
        """Forget every deed and end the thread; nothing is taken any more."""
        with self._lock:
            self._closed = True
            thread = self._thread
        self.clear()
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout)
            if thread.is_alive():
                _log.error("thread %s did not end within %s s", thread.name, timeout)


def _do(deed: Deed) -> None:
    try:
        deed()
    except (IGError, ValueError) as error:
        # Such as a stream fault when no stream is there any more: the others still happen.
        _log.warning("a scripted fault did not happen: %s", error)
