"""The way of every tick through the simulator: the candles, the desk, then the stream."""

from __future__ import annotations

from collections.abc import Collection

from ig_sdk.simulator.accounts.desk import Desk
from ig_sdk.simulator.prices.past import PastPrices
from ig_sdk.simulator.prices.replay import Outlet
from ig_sdk.types import Tick


class PriceLine:
    """The way of every tick: past the desk and into the candles before it reaches the stream.

    So a client that answers a price by a deal never finds the desk behind it.

    Args:
        desk: Who deals at the prices.
        past: Who keeps candles of them.
        outlet: Who sends them out.

    Threading:
        Called from the feed's threads.
    """

    def __init__(self, desk: Desk, past: PastPrices, outlet: Outlet) -> None:
        self._desk = desk
        self._past = past
        self._outlet = outlet

    def publish(self, tick: Tick) -> None:
        """Take one tick all the way."""
        self.observe(tick)
        self._outlet.publish(tick)

    def observe(self, tick: Tick) -> None:
        """Take one tick that is not sent to anybody."""
        self._past.on_tick(tick)
        self._desk.on_tick(tick)

    def subscribed(self, epics: Collection[str]) -> bool:
        """Whether anybody is subscribed to one of ``epics``."""
        return self._outlet.subscribed(epics)

    def wait_room(self, timeout: float) -> bool:
        """Wait until every client has room for another update; return whether it has."""
        return self._outlet.wait_room(timeout)

    def wait_written(self, timeout: float) -> bool:
        """Wait until everything published was written to its clients; return whether it was."""
        return self._outlet.wait_written(timeout)
