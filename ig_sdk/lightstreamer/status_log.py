"""The status in the log: an outage is one line when it begins and one when it ends, not one for each attempt."""

from __future__ import annotations

import logging
from typing import Final

from ig_sdk.lightstreamer.tlcp.events import ConnectionStatus, StatusChanged

_MOST_TOLD: Final = 20


class StatusLog:
    """Writes changes of the status.

    Args:
        logger: Where to.

    Threading:
        The dispatch thread's own.
    """

    def __init__(self, logger: logging.Logger) -> None:
        self._log = logger
        self._since: float | None = None  # when the outage began
        self._attempts = 0
        self._level = logging.INFO  # the loudest line of the outage: who heard of it hears of its end
        self._told: set[str] = set()

    def write(self, event: StatusChanged) -> None:
        """Write what is new; what only says again that an attempt failed is for those who look for the details."""
        error = event.error
        level = logging.INFO if error is None else logging.WARNING
        hint = "" if error is None or not error.hint else f" ({error.hint})"
        text = f"stream {event.previous} -> {event.status}: {event.reason}{hint}"
        if event.status is ConnectionStatus.RECONNECTING:
            self._attempts += 1
            again = self._since is not None and (error is None or event.reason in self._told)
            if error is not None and len(self._told) < _MOST_TOLD:
                self._told.add(event.reason)
            if self._since is None:
                self._since = event.at
            if again:
                level = logging.DEBUG
            self._level = max(self._level, level)
        elif self._since is not None and event.status is not ConnectionStatus.STALLED:
            if self._attempts > 1:
                text += f"; {self._attempts} attempts in {event.at - self._since:.0f} s"
                level = max(level, self._level)
            self._since, self._attempts, self._level = None, 0, logging.INFO
            self._told.clear()
        self._log.log(level, "%s", text)
