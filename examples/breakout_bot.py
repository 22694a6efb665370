"""A small bot: buys when the price leaves its last few ticks upwards, closes when it leaves them downwards.

It is here for its tests, ``test_breakout_bot.py``, which show what the simulator lets you try; it is not a way to make
money. It trades on the simulator, half a minute, without an account::

    python examples/breakout_bot.py
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from decimal import Decimal
from itertools import islice

from ig_sdk import Confirm, DealRejected, DealUncertain, IGClient, IGConfig, NotFound, Stop, Tick

LOOKBACK = 5
STOP_POINTS = 50


class BreakoutBot:
    """Holds at most one position, bought.

    Args:
        ig: The client to deal with.
        market: One of the five pairs by name, or an epic.
        size: Contracts of a position.

    Attributes:
        deal_id: The position that is held, or ``None``.
        profits: What the closed positions brought.
    """

    def __init__(self, ig: IGClient, market: str, size: int = 1) -> None:
        self._market = ig.market(market)
        self._ig = ig
        self._size = size
        self._recent: deque[float] = deque(maxlen=LOOKBACK)
        # After a restart the position of the run before is taken up again.
        held = [each for each in ig.positions.list() if each.epic == self._market.epic]
        self.deal_id = held[0].deal_id if held else None
        self.profits: list[float] = []

    def run(self, ticks: Iterable[object]) -> None:
        """Act on each tick until there are no more; other events of a stream are passed over."""
        for tick in ticks:
            if isinstance(tick, Tick):
                self.on_tick(tick)

    def on_tick(self, tick: Tick) -> None:
        """Open or close, if this price says so."""
        known = len(self._recent) == LOOKBACK
        if known and self.deal_id is None and tick.mid > max(self._recent):
            self._open()
        elif known and self.deal_id is not None and tick.mid < min(self._recent):
            self._close(self.deal_id)
        self._recent.append(tick.mid)

    def _open(self) -> None:
        try:
            confirm: Confirm | None = self._market.buy(self._size, stop=Stop(distance=Decimal(STOP_POINTS)))
        except DealUncertain as doubt:
            # Looked up, not sent again: the deal may have been taken. What cannot be found out ends the bot.
            confirm = doubt.resolve()
        except DealRejected as error:
            print(error)
            return
        if confirm is not None:
            self.deal_id = confirm.deal_id

    def _close(self, deal_id: str) -> None:
        try:
            confirm: Confirm | None = self._ig.positions.close(deal_id)
        except DealUncertain as doubt:
            confirm = doubt.resolve()
        except NotFound:
            confirm = None  # its stop was faster
            self.deal_id = None
        if confirm is not None:
            self.deal_id = None
            self.profits.append(float(confirm.profit or 0))


def main() -> None:
    """Trade half a minute of made-up prices."""
    with IGClient(IGConfig.simulator(speed=10)) as ig, ig.stream() as stream, stream.prices(["EURUSD"]) as prices:
        bot = BreakoutBot(ig, "EURUSD")
        with suppress(KeyboardInterrupt):  # Ctrl-C ends the run, not the tidying up
            bot.run(islice(prices, 300))
        ig.positions.close_all()
        print(f"{len(bot.profits)} positions, {sum(bot.profits):+.2f}")


if __name__ == "__main__":
    main()
