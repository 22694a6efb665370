"""One piece of history: how it is asked for, and what its pages make known. No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from ig_sdk.errors import DecodeError
from ig_sdk.rest.prices import candle_times as edges
from ig_sdk.rest.prices.candle_times import Span
from ig_sdk.rest.prices.decode import PricePage
from ig_sdk.rest.prices.series import Known
from ig_sdk.rest.times import iso_seconds
from ig_sdk.types import Candle, Resolution

PAGE_SIZE = 1000


class Received:
    """What came for one piece, and what that makes known.

    Args:
        resolution: Candle length.
        piece: The span that was asked for, or how many of the latest candles.
        asked_at: When.
    """

    def __init__(self, resolution: Resolution, piece: Span | int, asked_at: datetime) -> None:
        self._resolution = resolution
        self._piece = piece
        self._asked_at = asked_at
        self._last_settled = edges.last_settled(resolution, asked_at)
        self._candles: dict[datetime, Candle] = {}
        self._pages = 0
        self.unread = 0
        self.strayed = False

    def take(self, page: PricePage) -> list[Candle]:
        """Return the candles of a page that belong to the piece.

        Raises:
            DecodeError: It has none that were not there before, and is not the last.
        """
        candles = page.candles
        if page.as_of is not None and page.as_of < self._asked_at:
            self._asked_at = page.as_of
            self._last_settled = edges.last_settled(self._resolution, page.as_of)
        if not isinstance(self._piece, int):
            begins, ends = self._piece
            candles = [candle for candle in page.candles if begins <= candle.opens_at < ends]
            # Of candles that open at hours of their own, one that is open when the span begins may come along.
            earliest = begins - (self._resolution if self._resolution > Resolution.HOUR else timedelta(0))
            self.strayed |= any(not earliest <= candle.opens_at < ends for candle in page.candles)
        before = len(self._candles)
        self._candles.update((candle.opens_at, candle) for candle in candles)
        self.unread += page.unread
        self._pages += 1
        # Of pages without end each would cost points.
        if 1 < self._pages < page.pages and len(self._candles) == before and not page.unread:
            what = f"page {self._pages} of {page.pages} brings nothing new"
            raise DecodeError(what, path="metadata.pageData")
        return candles

    def settled(self, candles: Sequence[Candle]) -> list[Candle]:
        """Return those that will not change any more."""
        return [candle for candle in candles if candle.opens_at <= self._last_settled]

    def known_by(self, candles: Sequence[Candle]) -> Known | None:
        """Return what one page makes known by itself: its rows are neighbours."""
        settled = self.settled(candles)
        if not settled:
            return None
        return Known(settled[0].opens_at, settled[-1].opens_at + edges.shortest(self._resolution))

    def known(self) -> Known | None:
        """Return what all pages together make known, if they can be trusted to be all that there is."""
        if self.unread or self.strayed:
            return None
        candles = sorted(self._candles.values(), key=lambda candle: candle.opens_at)
        ends = edges.settled_until(self._resolution, candles, self._asked_at)
        if isinstance(self._piece, int):
            # While pages of "the latest" are read, a candle may end and move what is on which page.
            if not candles or (self._pages > 1 and len(candles) != self._piece):
                return None
            begins = candles[0].opens_at
        else:
            begins, ends = self._piece[0], min(self._piece[1], ends)
        return Known(begins, ends, sum(candle.opens_at >= ends for candle in candles))


def query_of(resolution: Resolution, piece: Span | int, size: int = PAGE_SIZE) -> dict[str, str]:
    """Return the query that asks for a piece.

    Args:
        resolution: Candle length.
        piece: A span, or how many of the latest candles.
        size: Candles on a page of a span.
    """
    asked = {"resolution": resolution.name}
    if isinstance(piece, int):
        # In one page: IG counts back from the moment of each request, so that pages would not fit together.
        return {**asked, "max": str(piece), "pageSize": "0"}
    begins, ends = piece
    # IG takes both ends as inside; a span of one instant might be refused.
    until = max(ends - timedelta(seconds=1), begins + timedelta(seconds=1))
    return {**asked, "from": iso_seconds(begins), "to": iso_seconds(until), "pageSize": str(size)}
