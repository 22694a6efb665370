"""Where a simulator's prices go."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from ig_sdk.types import Tick


class Outlet(Protocol):
    """What a feed asks of the stream server.

    Threading:
        Called from the feed's threads.
    """

    def publish(self, tick: Tick) -> None:
        """Send ``tick`` to whoever subscribed to its market."""
        ...

    def subscribed(self, epics: Collection[str]) -> bool:
        """Whether anybody is subscribed to one of ``epics``."""
        ...

    def wait_room(self, timeout: float) -> bool:
        """Wait until every client has room for another update; return whether it has."""
        ...

    def wait_written(self, timeout: float) -> bool:
        """Wait until everything published was written to its clients; return whether it was."""
        ...
