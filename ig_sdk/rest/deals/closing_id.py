"""The deal id of a close, read from the account's history when it is asked for."""

from __future__ import annotations

import threading

from ig_sdk.clock import Clock
from ig_sdk.rest.deals.changes import PositionClose
from ig_sdk.rest.deals.closings import closing_deal_id
from ig_sdk.rest.deals.reader import DealReader
from ig_sdk.rest.deals.verdicts import CLOCKS_DIFFER
from ig_sdk.rest.http.deadline import Deadline
from ig_sdk.types import Confirm

# For all looks together: a property that is read must not block for long.
_TIMEOUT_S = 5.0
# The history may show a close a moment after its confirm.
_PAUSE_S = 0.5


class ClosingId:
    """Finds IG's id of one close; what ``Confirm.closing_deal_id`` calls.

    A pickle or a deep copy of it is ``None``: the client that it asks, with its connections and tokens, stays behind.

    Args:
        reader: Reads the history.
        close: What was closed.
        confirm: Its confirm.
        clock: Measures and waits.
        closing: Set when the client closes.

    Threading:
        Safe from any thread.
    """

    def __init__(
        self, reader: DealReader, close: PositionClose, confirm: Confirm, *, clock: Clock, closing: threading.Event
    ) -> None:
        self._reader = reader
        self._close = close
        self._confirm = confirm
        self._clock = clock
        self._closing = closing
        self._closed_at = confirm.date or clock.now()

    def __reduce__(self) -> tuple[type[None], tuple[()]]:
        return type(None), ()

    def __call__(self) -> str | None:
        """Return the id, ``None`` when the history does not show it yet, or shows several closes that may be this one.

        Raises:
            IGError: The history could not be read.
        """
        deadline = self._reader.deadline(_TIMEOUT_S)
        found = self._look(deadline)
        if found is None and deadline.left_s > _PAUSE_S and not self._clock.wait(self._closing, _PAUSE_S):
            found = self._look(deadline)
        return found

    def _look(self, deadline: Deadline) -> str | None:
        over = self._clock.now() - self._closed_at > CLOCKS_DIFFER
        until = self._closed_at + CLOCKS_DIFFER if over else None
        activities = self._reader.activities(self._closed_at, deadline, until=until)
        return closing_deal_id(activities, self._confirm, self._close)
