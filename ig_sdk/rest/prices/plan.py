"""What a fetch of prices will cost, before it does."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from ig_sdk.candles import Price
from ig_sdk.rest.http.deadline import Deadline
from ig_sdk.rest.prices.decode import PointsAllowance, of_side
from ig_sdk.rest.prices.reader import PriceReader, Progress, Wanted
from ig_sdk.rest.tables import Candles
from ig_sdk.types import Resolution


@dataclass(frozen=True)
class PricePlan:
    """What ``fetch`` will give, from where, and for how many points; as text, one line.

    Attributes:
        epic: Market.
        resolution: Candle length.
        price: Side of open to close.
        start: First instant; ``None`` when the latest candles are asked for.
        end: First instant after it; for the latest candles, the present.
        wanted: How many of the latest candles; ``None`` for a span.
        points: What it costs at most: IG counts the candles that it has, and a market that is closed has none.
        from_cache: Candles that are here already.
        pages: Requests that it takes at most, if IG pages as it is asked to.
        allowance: What is left, as far as is known.
    """

    epic: str
    resolution: Resolution
    price: Price
    start: datetime | None
    end: datetime
    wanted: int | None
    points: int
    from_cache: int
    pages: int
    allowance: PointsAllowance | None
    _work: tuple[PriceReader, Wanted, Callable[[float | None], Deadline]] = field(repr=False, compare=False)

    @property
    def affordable(self) -> bool:
        """Whether the points are left, as far as is known."""
        return self.allowance is None or self.points <= self.allowance.remaining

    def fetch(
        self,
        *,
        progress: Callable[[Progress], object] | bool = False,
        force: bool = False,
        timeout: float | None = None,
    ) -> Candles:
        """Return the candles, asking IG for those that are not in the cache.

        What other calls have put into the cache since is taken from there too.

        Args:
            progress: Called after each page; ``True`` writes a line to the standard error stream, ``print`` prints one.
            force: Ask IG although the points are not left, as far as is known.
            timeout: Seconds for the whole call; ``None`` bounds each attempt by the configuration.

        Returns:
            Candles, oldest first.

        Raises:
            RateLimited: The points are not left (nothing was sent), or IG says so.
            IGError: The call failed; pages that came before are in the cache.
        """
        reader, wanted, deadline = self._work
        tell = progress if callable(progress) else _write if progress else _keep_quiet
        candles = reader.fetch(wanted, deadline(timeout), tell=tell, force=force)
        return Candles(of_side(candles, self.price))

    def __str__(self) -> str:
        left = "allowance not known yet" if self.allowance is None else str(self.allowance)
        cost = f"{self.points:,} points and {self.pages:,} requests at most" if self.points else "no points"
        return f"{self.epic} {self.resolution}: {cost}, {self.from_cache:,} candles from the cache; {left}"


def _write(progress: Progress) -> None:
    sys.stderr.write(f"{progress}\n")


def _keep_quiet(_progress: Progress) -> None:
    pass
