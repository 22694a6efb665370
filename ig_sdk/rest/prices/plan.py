"""What a fetch of prices will cost, before it does."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from ig_sdk.candles import Price
from ig_sdk.rest.http.deadline import Deadline
from ig_sdk.rest.http.limits.points import PointsAllowance
from ig_sdk.rest.prices.decode import of_side
from ig_sdk.rest.prices.estimate import Cost
from ig_sdk.rest.prices.reader import PriceReader, Progress, Tell
from ig_sdk.rest.prices.wanted import Todo, Wanted
from ig_sdk.rest.tables import Candles
from ig_sdk.types import Resolution

Report = Callable[[Progress], object] | bool
"""What to call after each page; ``True`` writes a line to the standard error stream."""


class _Work(NamedTuple):
    """What a plan is carried out with."""

    reader: PriceReader
    wanted: Wanted
    deadline: Callable[[float | None], Deadline]


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
        least: What it costs at least, by the market's usual hours; a holiday may make it a little less.
        from_cache: Candles that are here already.
        pages: Requests that it takes at most, if IG pages as it is asked to.
        allowance: What is left, as far as is known.
        starts_later: Since when IG keeps candles of this length, when some of before are wanted, which it does not
            have; else ``None``.
    """

    epic: str
    resolution: Resolution
    price: Price
    start: datetime | None
    end: datetime
    wanted: int | None
    points: int
    least: int
    from_cache: int
    pages: int
    allowance: PointsAllowance | None
    starts_later: datetime | None
    _work: _Work = field(repr=False, compare=False)

    @property
    def affordable(self) -> bool | None:
        """Whether the points are left; ``None`` when that is not known.

        It is not known before IG has said what is left, and when the most that it may cost is more than that and the
        least is not. ``check`` then finds out, and so does ``fetch`` before it spends more than a hundred points.
        """
        return True if not self.pages else Cost(self.least, self.points).fits(self.allowance)

    def check(self, *, timeout: float | None = None) -> PricePlan:
        """Return this plan with what IG says: how many candles it has, and how many points are left.

        Costs one point and one request for each stretch that is not in the cache (five at most), and nothing when all
        of it is.

        Args:
            timeout: Seconds for the whole call; ``None`` bounds each attempt by the configuration.

        Raises:
            RateLimited: Not even these are left.
            IGError: The call failed.
        """
        reader, wanted, deadline = self._work
        todo, left = reader.check(wanted, deadline(timeout))
        return plan_of(todo, left, self.price, reader, wanted, deadline)

    def fetch(
        self,
        *,
        progress: Report = False,
        force: bool = False,
        up_to_allowance: bool = False,
        timeout: float | None = None,
    ) -> Candles:
        """Return the candles, asking IG for those that are not in the cache.

        What other calls have put into the cache since is taken from there too. While it is not known whether the points
        are left, IG is asked first, for one point; a hundred candles or fewer ask for themselves.

        Args:
            progress: Called after each page; ``True`` writes a line to the standard error stream, ``print`` prints one.
            force: Ask IG although the points are not left, as far as is known, and also for what is older than what IG
                says that it keeps.
            up_to_allowance: When not all points are left, return what they pay for instead of refusing: of a span its
                oldest candles, else the latest. They are kept in the cache, so the same plan next week pays the rest.
            timeout: Seconds for the whole call; ``None`` bounds each attempt by the configuration.

        Returns:
            Candles, oldest first.

        Raises:
            RateLimited: The points are not left (nothing but that question was sent), or IG says so.
            IGError: The call failed; pages that came before are in the cache.
        """
        reader, wanted, deadline = self._work
        candles = reader.fetch(
            wanted, deadline(timeout), tell=told(progress), force=force, up_to_allowance=up_to_allowance
        )
        return Candles(of_side(candles, self.price))

    def __str__(self) -> str:
        left = "allowance not known yet" if self.allowance is None else str(self.allowance)
        cost = Cost(self.least, self.points)
        asked = f"{cost} points and {self.pages:,} requests at most" if self.pages else "no points"
        late = ""
        if self.starts_later is not None and self.start is not None:
            late = f"; IG keeps them since {self.starts_later:%Y-%m-%d} only, not since {self.start:%Y-%m-%d}"
        return f"{self.epic} {self.resolution}: {asked}, {self.from_cache:,} candles from the cache; {left}{late}"


def plan_of(
    todo: Todo,
    left: PointsAllowance | None,
    price: Price,
    reader: PriceReader,
    wanted: Wanted,
    deadline: Callable[[float | None], Deadline],
) -> PricePlan:
    """Return the plan of what has to be done."""
    return PricePlan(
        epic=wanted.series.epic,
        resolution=wanted.series.resolution,
        price=price,
        start=None if wanted.points is not None else wanted.span[0],
        end=wanted.span[1],
        wanted=wanted.points,
        points=todo.cost.most,
        least=todo.cost.least,
        from_cache=len(todo.cached),
        pages=todo.pages,
        allowance=left,
        starts_later=todo.starts_later,
        _work=_Work(reader, wanted, deadline),
    )


def told(progress: Report) -> Tell | None:
    """Return what is called after each page."""
    return progress if callable(progress) else _write if progress else None


def _write(progress: Progress) -> None:
    sys.stderr.write(f"{progress}\n")
