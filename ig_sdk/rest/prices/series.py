"""What a stretch of history is called, and that it is known. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ig_sdk.rest.prices.candle_times import Span
from ig_sdk.types import Resolution


@dataclass(frozen=True)
class Series:
    """Candles of one kind.

    Attributes:
        source: The environment, with its address where that is not IG's own.
        epic: IG's market id.
        resolution: Candle length.
    """

    source: str
    epic: str
    resolution: Resolution

    @property
    def key(self) -> tuple[str, str, str]:
        """What names it in the file."""
        return self.source, self.epic, self.resolution.name


@dataclass(frozen=True)
class Known:
    """Instants ``[begins, ends)`` whose candles are all known.

    Attributes:
        begins: First instant.
        ends: First instant after it.
        begun: How many candles had begun behind its end, and were not closed, when it was stored: they exist, but what
            is in them was not final.
    """

    begins: datetime
    ends: datetime
    begun: int = 0

    @property
    def span(self) -> Span:
        """Both ends."""
        return self.begins, self.ends
