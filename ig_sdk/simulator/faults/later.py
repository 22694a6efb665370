"""A fault that is described now and happens later."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

# The faults that can be scripted.
FAULT_NAMES = (
    "rest",
    "spend_allowance",
    "kill_tokens",
    "refuse_connections",
    "accept_connections",
    "start_maintenance",
    "end_maintenance",
    "drop_stream",
    "close_stream",
    "stall_stream",
    "mute_stream",
    "unmute_stream",
    "slow_stream",
    "mute_prices",
    "unmute_prices",
    "loop",
    "end",
    "forget_sent",
    "refuse_sessions",
    "refuse_recovery",
    "inject",
    "oversized_line",
    "garble",
    "wrong_prog",
    "clear",
)


class ScheduledFault:
    """Waits for the fault to schedule, called as on ``Faults`` itself: ``faults.at(30).loop(close_socket=True)``.

    Args:
        faults: The faults that can be scheduled.
        schedule: Schedules the fault, given as a call without arguments.
    """

    def __init__(self, faults: object, schedule: Callable[[Callable[[], object]], None]) -> None:
        self._faults = faults
        self._schedule = schedule

    def __getattr__(self, name: str) -> Callable[..., None]:
        """Return the function that schedules the fault of that name."""
        if name not in FAULT_NAMES:
            raise AttributeError(f"no fault can be scripted by the name {name}; there are {', '.join(FAULT_NAMES)}")
        fault = getattr(self._faults, name)

        def schedule(*args: Any, **keywords: Any) -> None:
            inspect.signature(fault).bind(
                *args, **keywords
            )  # a wrong argument is reported now, not when the fault is due
            self._schedule(partial(fault, *args, **keywords))

        return schedule
