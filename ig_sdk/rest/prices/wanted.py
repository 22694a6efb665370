"""What is asked for, what of it has to be asked of IG, and what that costs. No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from ig_sdk.rest.prices.candle_times import Span
from ig_sdk.rest.prices.estimate import Cost
from ig_sdk.rest.prices.received import PAGE_SIZE
from ig_sdk.rest.prices.series import Series
from ig_sdk.types import Candle


@dataclass(frozen=True)
class Wanted:
    """What is asked for: a span, or the latest candles.

    Attributes:
        series: Candles of what.
        span: Instants at which they open; for the latest candles, both are the end.
        points: How many of the latest; ``None`` for a span.
    """

    series: Series
    span: Span
    points: int | None = None


@dataclass(frozen=True)
class Part:
    """One thing to ask IG for.

    Attributes:
        piece: A span, or how many of the latest candles.
        cost: How many candles that is.
    """

    piece: Span | int
    cost: Cost

    @property
    def pages(self) -> int:
        """Requests that it takes at most, if IG pages as it is asked to."""
        return 1 if isinstance(self.piece, int) else max(-(-self.cost.most // PAGE_SIZE), 1)


@dataclass(frozen=True)
class Todo:
    """What has to be asked of IG, and what need not.

    Attributes:
        cached: Candles that the cache gives.
        parts: What is to be asked for.
        starts_later: Since when IG keeps such candles, when some are wanted of before.
    """

    cached: Sequence[Candle] = ()
    parts: Sequence[Part] = ()
    starts_later: datetime | None = None

    @property
    def cost(self) -> Cost:
        """What all parts cost."""
        return sum((part.cost for part in self.parts), Cost())

    @property
    def pages(self) -> int:
        """Requests that it takes at most, if IG pages as it is asked to."""
        return sum(part.pages for part in self.parts)

    def with_cost(self, part: Part, cost: Cost) -> Todo:
        """Return the same with another cost of one part."""
        return replace(self, parts=[replace(each, cost=cost) if each is part else each for each in self.parts])
