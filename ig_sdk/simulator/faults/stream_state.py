"""What is to go wrong on the stream: plain data, set by the faults and read by the stream server. Pure."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Literal

# Code and message of a ``CONERR``.
SessionRefusal = tuple[int, str]


@dataclass
class StreamState:
    """The faults of one stream server that are in force.

    Attributes:
        refuse_upgrade: Answer every WebSocket upgrade with 404, so that clients fall back to HTTP.
        answer_delay_s: Delay every answer to a control request by so many seconds.
        reverse_answers: Answer the requests of one batch in reversed order.
        line_delay_s: Pause before each line of a stream.
        muted_prices: Markets whose prices reach no subscriber, or ``"all"``.
        blocked: Refusal of every session creation, or ``None``.
        refusals: Refusals of the next session creations.
        recovery_refusals: Refusals of the next recoveries.

    Threading:
        Safe from any thread: each access is a single operation.
    """

    refuse_upgrade: bool = False
    answer_delay_s: float = 0.0
    reverse_answers: bool = False
    line_delay_s: float = 0.0
    muted_prices: frozenset[str] | Literal["all"] = frozenset()
    blocked: SessionRefusal | None = None
    refusals: deque[SessionRefusal] = field(default_factory=deque)
    recovery_refusals: deque[SessionRefusal] = field(default_factory=deque)

    def take_refusal(self, *, recovery: bool = False) -> SessionRefusal | None:
        """Return and use up the refusal due to the session being created (or recovered) now, if any."""
        if not recovery and self.blocked is not None:
            return self.blocked
        try:
            return (self.recovery_refusals if recovery else self.refusals).popleft()
        except IndexError:
            return None

    def clear(self) -> None:
        """Let nothing go wrong any more."""
        vars(self).update(vars(StreamState()))
