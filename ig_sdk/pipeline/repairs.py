"""Which closed candles of one market a history should be asked for; pure: no thread, no clock, no I/O."""

from __future__ import annotations

from datetime import datetime, timedelta

from ig_sdk.types import Candle

Span = tuple[datetime, datetime]
"""Candles that open in ``[begins, ends)``."""

MOST = 500
"""Most candles that one hole asks for: the latest. A week of price points at IG pays for 10,000."""
SETTLING = timedelta(seconds=3)
"""How long after its end a candle is asked for: IG's history needs a moment for the last price in it."""


class Repairs:
    """Collects the spans of a market in which candles have gaps, or are absent because of a hole.

    A span begins with the candle of the last tick before the hole, even if that had closed as whole before the hole was
    told, and ends with the last candle that has a gap. Each candle is in one span, once.

    Args:
        length: Of the candles.

    Threading:
        Not safe: one thread at a time.
    """

    __slots__ = ("_asked_until", "_length", "_run", "_since", "_spans")

    def __init__(self, length: timedelta) -> None:
        self._length = length
        self._since: datetime | None = None  # where a hole began of which no candle has come yet
        self._run: datetime | None = None  # end of the latest candle, if that has a gap
        self._asked_until: datetime | None = None
        self._spans: list[Span] = []

    @property
    def pending(self) -> bool:
        """Whether there is anything to ask for."""
        return bool(self._spans)

    def begin(self, opens_at: datetime) -> None:
        """Note that ticks may be missing from somewhere in the candle that opens then."""
        if self._since is None:
            self._since = opens_at

    def nothing_missed(self) -> None:
        """Note that the hole has ended without loss."""
        self._since = None

    def note(self, candle: Candle, *, hole_open: bool = False) -> None:
        """Take the next closed candle.

        Args:
            candle: Of the market, in order.
            hole_open: Whether nobody knows yet if anything is missing.
        """
        if candle.gap:
            begins = self._run or self._since or candle.opens_at
            self._add(begins, candle.closes_at)
            self._run, self._since = candle.closes_at, None
            return
        self._run = None
        if not hole_open and self._since is not None:  # all that the hole touched is absent, or had closed before
            self._add(self._since, candle.opens_at)
            self._since = None

    def take(self, now: datetime | None = None) -> list[Span]:
        """Return the spans to ask for, oldest first, and forget them.

        Args:
            now: By the market's own clock: what ended just before has to settle; ``None`` waits for nothing.
        """
        due = [span for span in self._spans if now is None or span[1] + SETTLING <= now]
        self._spans = self._spans[len(due) :]  # they are in order
        return due

    def _add(self, begins: datetime, ends: datetime) -> None:
        if self._asked_until is not None:
            begins = max(begins, self._asked_until)
        if self._spans and self._spans[-1][1] == begins:
            begins = self._spans.pop()[0]
        begins = max(begins, ends - MOST * self._length)
        if begins < ends:
            self._spans.append((begins, ends))
            self._asked_until = ends
