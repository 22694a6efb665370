"""The way of every tick through the simulator: the candles, the desk, then the stream."""

from __future__ import annotations

from collections.abc import Callable, Collection

from ig_sdk.simulator.accounts.dealing_service import DealingService
from ig_sdk.simulator.prices.past import PastPrices
from ig_sdk.simulator.prices.replay import Outlet
from ig_sdk.types import Tick


class PriceLine:
    """The way of every tick: into the candles and to the desk before it reaches the stream.

    So the desk knows each price before a client can answer it with a deal.

    Args:
        desk: What deals at the prices.
        past: What keeps candles of them.
        outlet: What sends them to subscribers.
        note: Called with each tick that is not sent, for the figures of the day.

    Threading:
        Called from the feed's threads.
    """

    def __init__(self, desk: DealingService, past: PastPrices, outlet: Outlet, *, note: Callable[[Tick], None]) -> None:
        self._desk = desk
        self._past = past
        self._outlet = outlet
        self._note = note

    def publish(self, tick: Tick) -> None:
        """Pass one tick on, to the stream too."""
        self._take(tick)
        self._outlet.publish(tick)

    def observe(self, tick: Tick) -> None:
        """Pass one tick on; of the stream's subscribers nobody sees it."""
        self._take(tick)
        self._note(tick)

    def _take(self, tick: Tick) -> None:
        self._past.on_tick(tick)
        self._desk.on_tick(tick)

    def subscribed(self, epics: Collection[str]) -> bool:
        """Whether one of ``epics`` has a subscriber."""
        return self._outlet.subscribed(epics)

    def wait_room(self, timeout: float) -> bool:
        """Wait until every client has room for another update; return whether it has."""
        return self._outlet.wait_room(timeout)

    def wait_written(self, timeout: float) -> bool:
        """Wait until everything published was written to its clients; return whether it was."""
        return self._outlet.wait_written(timeout)
