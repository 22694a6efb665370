"""Prices of some markets: as an iterator with a bounded buffer, or as callbacks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from ig_sdk.streaming.channel import DataStream, Reader
from ig_sdk.streaming.events import PriceEvent
from ig_sdk.streaming.prices.market import PriceCounts
from ig_sdk.streaming.quality import Quality
from ig_sdk.types import Tick

# What the iterator yields: ticks alone, or ticks and events.
Yielded = TypeVar("Yielded", bound=Tick | PriceEvent)


class PriceStream(DataStream[Yielded, PriceCounts]):
    """Ticks of some markets, in the order in which they arrived; ``IGStream.prices`` makes it."""

    def __init__(
        self,
        reader: Reader,
        names: tuple[str, ...],
        *,
        counts: Callable[[], Mapping[str, PriceCounts]],
        on_close: Callable[[DataStream[Any, Any]], None],
        quality: Callable[[str], Quality],
    ) -> None:
        super().__init__(reader, names, counts=counts, on_close=on_close)
        self._quality = quality

    def quality(self, market: str) -> Quality:
        """Return how good the prices of a market are now, as ``IGStream.quality`` does.

        Args:
            market: An epic, or the name of one of the five pairs.

        Raises:
            UsageError: No stream of this client reads the market.
        """
        return self._quality(market)

    @property
    def epics(self) -> tuple[str, ...]:
        """The markets, as epics, in the order of the call."""
        return self._names

    def __repr__(self) -> str:
        if self._home.left:
            return "<PriceStream of another process>"
        ticks = sum(counts.ticks for counts in self.counts.values())
        return f"<PriceStream {' '.join(self.epics)}: {ticks} ticks{', ended' if self.ended else ''}>"
