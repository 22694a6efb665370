"""A fault that is told now and happens later."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

# The faults that can be scripted.
DEEDS = (
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


class Later:
    """Takes one fault, called as on ``Faults`` itself: ``faults.at(30).loop(close_socket=True)``.

    Args:
        faults: Whose faults they are.
        arrange: Takes the fault as a call without arguments.
    """

    def __init__(self, faults: object, arrange: Callable[[Callable[[], object]], None]) -> None:
        self._faults = faults
        self._arrange = arrange

    def __getattr__(self, name: str) -> Callable[..., None]:
        """Return the taker of one fault."""
        if name not in DEEDS:
            raise AttributeError(f"no fault can be scripted by the name {name}; there are {', '.join(DEEDS)}")
        deed = getattr(self._faults, name)

        def take(*args: Any, **keywords: Any) -> None:
            inspect.signature(deed).bind(*args, **keywords)  # a wrong argument is told now, not when it is due
            self._arrange(partial(deed, *args, **keywords))

        return take
