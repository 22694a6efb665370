"""Prices of some markets: as an iterator with a bounded buffer, or as callbacks."""

from __future__ import annotations

from typing import TypeVar

from ig_sdk.streaming.channel import DataStream
from ig_sdk.streaming.events import PriceEvent
from ig_sdk.streaming.prices.market import PriceCounts
from ig_sdk.types import Tick

# What the iterator yields: ticks alone, or ticks and events.
Yielded = TypeVar("Yielded", bound=Tick | PriceEvent)


class PriceStream(DataStream[Yielded, PriceCounts]):
    """Ticks of some markets, in the order in which they arrived; ``IGStream.prices`` makes it."""

    @property
    def epics(self) -> tuple[str, ...]:
        """The markets, as epics, in the order of the call."""
        return self._names

    def __repr__(self) -> str:
        if self._home.left:
            return "<PriceStream of another process>"
        ticks = sum(counts.ticks for counts in self.counts.values())
        return f"<PriceStream {' '.join(self.epics)}: {ticks} ticks{', ended' if self.ended else ''}>"
