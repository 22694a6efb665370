"""By when one call must end."""

from __future__ import annotations

import math

from ig_sdk.clock import Clock
from ig_sdk.config import IGConfig
from ig_sdk.rest.http.transport import Timeout

# A socket takes no timeout of centuries.
_LONGEST_S = 7 * 86_400.0


class Deadline:
    """The time by which one call, with all its attempts, must end.

    Args:
        clock: Measures it.
        timeout: Seconds for the whole call; ``None`` limits only each attempt, by the configuration.

    Raises:
        TypeError: ``timeout`` is no number.
        ValueError: ``timeout`` is not a positive number.
    """

    def __init__(self, clock: Clock, timeout: float | None) -> None:
        given: object = timeout
        if given is not None and (isinstance(given, bool) or not isinstance(given, (int, float))):
            raise TypeError(f"timeout must be a number of seconds, not of type {type(given).__name__}")
        # Compared, not converted: an integer may be too large for that.
        if timeout is not None and not 0 < timeout < math.inf:
            raise ValueError(f"timeout must be a positive number of seconds, not {timeout!r}")
        self._clock = clock
        self._ends = None if timeout is None else clock.monotonic() + min(timeout, _LONGEST_S)

    @property
    def limited(self) -> bool:
        """Whether the caller set a time limit."""
        return self._ends is not None

    @property
    def left_s(self) -> float:
        """Seconds left; infinite without a time limit."""
        return math.inf if self._ends is None else self._ends - self._clock.monotonic()

    def part(self, seconds: float) -> Deadline:
        """Return a deadline in ``seconds``, or this one where that is sooner."""
        return Deadline(self._clock, max(min(seconds, self.left_s), 0.001))

    def attempt(self, config: IGConfig) -> Timeout:
        """Return the timeouts of the next attempt: what is left of the caller's limit, else the configuration's."""
        if self._ends is None:
            return Timeout(min(config.connect_timeout_s, _LONGEST_S), min(config.read_timeout_s, _LONGEST_S))
        left = max(self.left_s, 0.001)
        return Timeout(min(config.connect_timeout_s, left), left, whole_s=left)
