"""When scripted faults happen: at a time, or when something arrives for the n-th time."""

from __future__ import annotations

import heapq
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

from ig_sdk.clock import Clock
from ig_sdk.errors import IGError
from ig_sdk.logs import get_logger

_log = get_logger("simulator.faults")

Action = Callable[[], object]


@dataclass(order=True)
class _Timed:
    """An action at a time."""

    at: float
    serial: int
    action: Action = field(compare=False)
    every_s: float | None = field(compare=False)
    left: int | None = field(compare=False)


@dataclass
class _Trigger:
    """An action for when something arrives."""

    kind: str
    name: str
    method: str | None
    after: int
    left: int | None
    action: Action


class Schedule:
    """Actions that wait for a time or for something to arrive.

    Args:
        clock: Time.

    Attributes:
        kinds: What the actions wait for now: ``"request"``, ``"stream"``, ``"tick"``.

    Threading:
        Safe from any thread. Actions at a time run on a thread of their own, ``ig-sim-faults``; the others on the
        thread that notes the arrival. No lock is held over an action.
    """

    def __init__(self, clock: Clock) -> None:
        self.kinds: frozenset[str] = frozenset()
        self._clock = clock
        self._lock = threading.Lock()
        self._serial = count()
        self._timed: list[_Timed] = []
        self._triggers: list[_Trigger] = []
        self._changed = threading.Event()
        self._thread: threading.Thread | None = None
        self._closed = False

    def at(self, seconds: float, action: Action, *, every_s: float | None = None, times: int | None = 1) -> None:
        """Run an action after some seconds, and again at intervals.

        Args:
            seconds: From now.
            action: What to run.
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
            heapq.heappush(self._timed, _Timed(first, next(self._serial), action, every_s, times))
            if self._thread is None:
                self._thread = threading.Thread(target=self._keep, name="ig-sim-faults", daemon=True)
                self._thread.start()
        self._changed.set()

    def on(
        self,
        kind: str,
        action: Action,
        *,
        name: str = "",
        method: str | None = None,
        after: int = 0,
        times: int | None = 1,
    ) -> None:
        """Run an action when something arrives.

        Args:
            kind: What: ``"request"``, ``"stream"`` or ``"tick"``.
            action: What to run.
            name: Beginning of the path, of the request's name or of the epic.
            method: HTTP method.
            after: How many to let pass first.
            times: How many of the following cause the action; ``None`` for all.
        """
        with self._lock:
            if not self._closed and times != 0:
                self._triggers.append(_Trigger(kind, name, method, after, times, action))
                self._note_kinds()

    def note(self, kind: str, name: str, method: str | None = None) -> None:
        """Note that something arrived, and run the actions that wait for it."""
        if kind not in self.kinds:
            return
        with self._lock:
            actions = [
                action for trigger in list(self._triggers) if (action := self._fired(trigger, kind, name, method))
            ]
            self._note_kinds()
        for action in actions:
            _do(action)

    def _fired(self, trigger: _Trigger, kind: str, name: str, method: str | None) -> Action | None:
        if trigger.kind != kind or not name.startswith(trigger.name) or trigger.method not in (None, method):
            return None
        if trigger.after > 0:
            trigger.after -= 1
            return None
        if trigger.left is not None:
            trigger.left -= 1
            if trigger.left <= 0:
                self._triggers.remove(trigger)
        return trigger.action

    def _note_kinds(self) -> None:
        self.kinds = frozenset(trigger.kind for trigger in self._triggers)

    def _keep(self) -> None:
        while True:
            with self._lock:
                if self._closed:
                    return
                self._changed.clear()
                due = self._timed[0].at if self._timed else None
                now = self._clock.monotonic()
                action = self._due() if due is not None and due <= now else None
            if action is not None:
                _do(action)
            else:
                self._clock.wait(self._changed, 3600.0 if due is None else due - now)

    def _due(self) -> Action:
        """Take the first action, and plan its next repetition."""
        first = heapq.heappop(self._timed)
        left = None if first.left is None else first.left - 1
        if first.every_s is not None and left != 0:
            following = _Timed(first.at + first.every_s, next(self._serial), first.action, first.every_s, left)
            heapq.heappush(self._timed, following)
        return first.action

    def clear(self) -> None:
        """Forget every action."""
        with self._lock:
            self._timed.clear()
            self._triggers.clear()
            self._note_kinds()
        self._changed.set()

    def close(self, timeout: float = 5.0) -> None:
        """Forget every action and end the thread; later actions are ignored."""
        with self._lock:
            self._closed = True
            thread = self._thread
        self.clear()
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout)
            if thread.is_alive():
                _log.error("thread %s did not end within %s s", thread.name, timeout)


def _do(action: Action) -> None:
    try:
        action()
    except (IGError, ValueError) as error:
        # Such as a stream fault after the stream server was closed: the others still happen.
        _log.warning("a scripted fault did not happen: %s", error)
