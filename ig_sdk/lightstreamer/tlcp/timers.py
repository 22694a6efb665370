"""When something is due in a session: plain numbers, compared with the ``now`` of each input."""

from __future__ import annotations

from typing import Final

from ig_sdk.lightstreamer.tlcp.options import SessionOptions
from ig_sdk.lightstreamer.tlcp.transitions import Phase

# A server that grants silence for longer, or none at all, is not taken at its word.
_LONGEST_KEEPALIVE_S: Final = 3600.0
_DEFAULT_KEEPALIVE_S: Final = 5.0
# A server that grants a keepalive of a millisecond has not proved itself after one.
_SHORTEST_PROOF_S: Final = 1.0
# A promise to speak every n seconds is kept a little early, as the request travels too.
_EARLY: Final = 0.9
# For the first answer of a control link that never gave one, while the address is known to work.
_BRIEF_S: Final = 3.0
_NEVER: Final = float("-inf")
# Looking a member up is slow before Python 3.12, and this is asked for after every read.
_STREAMING: Final = Phase.STREAMING


class Timers:
    """The clockwork of one session.

    Attributes:
        heard_at: When the last line came.
        retry_at: End of the wait before the next connection.
        answer_by: When ``create_session`` or ``bind_session`` should be answered.
        drop_at: When a stalled connection is given up.
        close_by: When to stop waiting for the end of a destroyed session.
        lost_at: When the session was last lost, ``None`` while there is nothing to recover.
        sent_at: When the last request went out.
    """

    def __init__(self, options: SessionOptions) -> None:
        self._options = options
        self.heard_at = self.retry_at = self.answer_by = self.drop_at = self.close_by = self.sent_at = 0.0
        self.lost_at: float | None = None
        self._silent_from: float | None = None
        self._opened_at = self._bound_at = 0.0
        self._keepalive_s = _DEFAULT_KEEPALIVE_S
        self._silence_s = self._keepalive_s + options.stall_tolerance_s

    @property
    def stall_at(self) -> float:
        """When silence becomes a stall (C-101); every line moves it (C-100)."""
        return self.heard_at + self._silence_s

    @property
    def heard(self) -> bool:
        """Whether anything came on the latest connection."""
        return self.heard_at != _NEVER

    def opened(self, now: float, *, polling: bool, brief: bool = False) -> None:
        """A connection is there, and its first answer is expected; soon, where another address can serve as well."""
        self._opened_at = now
        self.heard_at = _NEVER
        # A poll may be held back that long before it is answered at all.
        idle_s = self._options.polling_idle_ms / 1000 if polling else 0.0
        patience_s = self._options.answer_timeout_s
        self.answer_by = now + (min(patience_s, _BRIEF_S) if brief else patience_s) + idle_s

    def bound(self, now: float, keepalive_ms: int) -> None:
        """The session is bound."""
        granted = keepalive_ms / 1000 if keepalive_ms > 0 else _DEFAULT_KEEPALIVE_S
        self._keepalive_s = min(granted, _LONGEST_KEEPALIVE_S)
        self._silence_s = self._keepalive_s + self._options.stall_tolerance_s
        self._bound_at = self.heard_at = now

    def stalled(self, now: float) -> None:
        """It has been silent for too long."""
        self.drop_at = now + self._options.drop_after_s

    def left(self, now: float) -> None:
        """The connection is gone; the silence began with the last line."""
        if self._silent_from is None:
            self._silent_from = min(self.heard_at, now)

    def lost(self, now: float) -> None:
        """A recovery is due."""
        if self.lost_at is None:
            self.lost_at = now

    def back(self, now: float) -> float:
        """Data flows again; return how long there was silence."""
        silent_from = now if self._silent_from is None else self._silent_from
        self.lost_at = self._silent_from = None
        return now - silent_from

    def slept(self, seconds: float) -> None:
        """The machine stood still for so long, which no clock but the calendar's has counted."""
        if self._silent_from is not None:
            self._silent_from -= seconds

    def closing(self, now: float) -> None:
        """The session is being destroyed."""
        self.close_by = now + self._options.close_timeout_s

    def proved(self, now: float, *, stalled: bool = False, polling: bool = False) -> bool:
        """Whether the session was bound, and heard of, for a keepalive period: then the backoff starts over."""
        if polling:
            # A poll is held for the keepalive at most, so a held one is one that worked.
            return now - self._opened_at >= max(self._keepalive_s / 2, _SHORTEST_PROOF_S)
        return (self.heard_at if stalled else now) - self._bound_at >= max(self._keepalive_s, _SHORTEST_PROOF_S)

    def recoverable(self, now: float) -> bool:
        """Whether the old session is still to be asked for."""
        return self.lost_at is None or now - self.lost_at <= self._options.recovery_s

    def due(self, phase: Phase) -> float | None:
        """When the phase has something to do."""
        if phase is _STREAMING:
            return self.heard_at + self._silence_s
        if phase is Phase.STALLED:
            return self.drop_at
        if phase is Phase.WAITING:
            return self.retry_at
        if phase in (Phase.CREATING, Phase.BINDING):
            return self.answer_by
        return self.close_by if phase is Phase.CLOSING else None

    def heartbeat_at(self, phase: Phase, *, polling: bool) -> float | None:
        """When the promised request is due (C-103)."""
        promised_ms = self._options.inactivity_ms
        if promised_ms is None or polling or phase not in (Phase.STREAMING, Phase.STALLED):
            return None
        return self.sent_at + promised_ms / 1000 * _EARLY
