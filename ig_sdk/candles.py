"""Ticks into candles: no thread, no clock, no I/O; textbook rules, each stated where it is applied."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from math import isfinite
from typing import Literal, get_args

from ig_sdk.types import Candle, Ohlc, Resolution, Tick

Price = Literal["mid", "bid", "offer"]

QUIET_LIMIT = 100_000
"""Most flat candles after one tick with ``fill_quiet=True``; the rest of a longer quiet time has none.

Enough for nine weeks of minutes or a day of seconds: a weekend of minute candles is filled, and a first tick after a
year cannot fill the memory.
"""
AHEAD = timedelta(minutes=1)
"""How far a tick's time may be ahead of its market's own clock before it is doubted."""
HOLE_WAIT = timedelta(seconds=30)
"""How long an open hole keeps candles from closing by time, unless they are shorter: then their own length."""
LATE_WAIT = timedelta(seconds=2)
"""How long candles wait after a hole for the ticks that the line brings late, if nothing was missed."""

# 1 January 1970 was a Thursday; whole weeks are counted from the first Monday so that they start on Mondays.
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MONDAY = datetime(1970, 1, 5, tzinfo=timezone.utc)
_WEEK = timedelta(weeks=1)
_NEVER = datetime.min.replace(tzinfo=timezone.utc)
_NO_TIME = timedelta()
_NONE: tuple[Candle, ...] = ()


def is_ahead(tick: Tick, last: Tick | None) -> bool:
    """Return whether the tick's time is ahead of its market's own clock by more than ``AHEAD``.

    Two readings of that clock are allowed, and the later one counts: when the tick arrived, and the time of the last
    tick plus what has passed since by arrival. So neither this machine's clock that is slow nor an old first price
    makes every tick doubtful. Ticks of a file, which arrive at their own time, are never ahead.

    Args:
        tick: The next tick.
        last: The one before, if there was one.
    """
    if tick.time - tick.received_at <= AHEAD:
        return False
    return last is None or tick.time - last.time > tick.received_at - last.received_at + AHEAD


class _Holes:
    """What the candles of one market have to know of ticks that are missing, or may be.

    Attributes:
        open: A hole was told whose end was not.
        sampled: The ticks are samples.
        wait: How long no candle closes by time; nothing while all is well.
    """

    __slots__ = ("_from", "_marked", "_marked_after", "_wait_after", "open", "sampled", "wait")

    def __init__(self) -> None:
        self.open = self.sampled = self._marked = False
        self._marked_after: Tick | None = None  # what was marked counts only while no other tick has come
        self.wait, self._from = _NO_TIME, _NEVER
        self._wait_after: Tick | None = None

    def mark(self, last: Tick | None) -> None:
        """Note that ticks may be missing after the last one."""
        self._marked, self._marked_after = True, last

    def missing(self, last: Tick | None) -> bool:
        """Return whether ticks may be missing between the last one and the next."""
        return self._marked and self._marked_after is last

    def passed(self) -> None:
        """Note that the next candle begins."""
        self._marked = False

    def begin_wait(self, wait: timedelta, now: datetime, last: Tick | None) -> None:
        """Let no candle close by time for so long, from the latest time known."""
        self.wait, self._wait_after = wait, last
        self._from = now if last is None else max(now, last.time)

    def waits(self, now: datetime, last: Tick | None) -> bool:
        """Return whether candles wait for the end of the hole, or for the first tick after it."""
        if now - self._from >= self.wait or (not self.open and self._wait_after is not last):
            self.wait = _NO_TIME
            return False
        return True


class CandleAggregator:
    """Builds the candles of one market from its ticks; each candle is returned once and never revised.

    * **Edges.** Intervals are half-open, ``[opens_at, opens_at + resolution)``: a tick on the edge opens the next
      candle. They are counted from 1970-01-01 00:00 UTC (so ``"7m"`` does not restart at midnight), whole weeks from
      Monday 1970-01-05. A month has no fixed length and is refused.
    * **Order.** Inside the open candle the order of arrival counts: the close is the tick that came last, even if its
      time is earlier. A tick older than the open candle, or of an interval whose candle was already returned, is
      *late*: refused and counted. A quiet interval that ``advance`` has passed without a candle can still get one.
    * **Ahead.** A tick whose time is more than ``AHEAD`` ahead of its market's own clock (its arrival, or the last tick
      plus what has passed) does not move a candle. It is held and counted in ``ahead_ticks``; when the next tick does
      not go back before it, it was right: it is taken first, and no longer counted there.
    * **Quiet intervals** have no candle. With ``fill_quiet=True`` they get a flat one at the previous closes, with
      ``ticks=0``: the first ``QUIET_LIMIT`` after a tick, none beyond. That is so whether time is told bit by bit
      (live) or by the next tick (replayed).
    * **Gaps.** ``mark_gap`` says that prices may be missing between the last tick and the next. Every candle that this
      span touches has ``gap=True`` and is not complete: the open one, flat ones in between, and the one that the next
      tick opens unless that tick is on its edge.
    * **Holes.** Between ``open_hole`` and ``close_hole`` nobody knows whether ticks are missing. ``advance`` closes no
      candle before the hole has ended: what a recovery brings late goes into its candle. A hole that lasts longer than
      ``HOLE_WAIT``, or than a candle if that is shorter, holds none up: they close with ``gap=True``, not complete.
      The hole's age counts from the latest time known: that of ``advance``, or of the last tick.
    * **Samples.** After ``sampled(on=True)`` the ticks are prices asked for now and then. Every candle that this time
      touches has ``gap=True`` and is not complete, until ``sampled(on=False)``.
    * **Prices** are taken as they come, crossed quotes too. Every candle has its bid and its offer side; ``open``
      to ``close`` are those of ``price``. High and low of the mid are those of the mids, not the means of the sides.
    * **Complete** is a candle whose beginning was seen and that a later tick or ``advance`` closed. The first candle
      may have begun before the first tick: unless that tick is on its edge, it is returned with ``complete=False``.

    Args:
        resolution: A ``Resolution``, ``"90s"``, ``"7m"``, ``"2h"``, ``"1d"`` or a timedelta of whole seconds.
        price: Side of ``open`` to ``close``.
        fill_quiet: Make flat candles for intervals without a tick.

    Raises:
        ValueError: The resolution or the price is not one of these.

    Threading:
        Not safe: one thread at a time.
    """

    # The hot path only reads slots and compares: with the interval's two datetimes (no arithmetic on the tick's time),
    # and with sums of bid and offer instead of mids (halving keeps the order and is exact, so it can wait until a
    # candle is made). Sums are not compared while the sides imply them: if the lowest bid and the lowest offer make the
    # lowest sum, and the highest the highest, as with a steady spread, no sum is outside while both sides are inside.
    # An ordinary tick changes two slots: the count and the last tick.
    __slots__ = (
        "_ahead", "_anchor", "_bid_high", "_bid_low", "_end", "_epic", "_fill", "_filled", "_first", "_gap", "_held",
        "_held_after", "_holes", "_implied", "_last", "_late", "_length", "_now", "_offer_high", "_offer_low",
        "_price", "_start", "_sum_high", "_sum_low", "_ticks", "_whole",
    )  # fmt: skip

    def __init__(
        self, resolution: Resolution | str | timedelta, *, price: Price = "mid", fill_quiet: bool = False
    ) -> None:
        if price not in get_args(Price):
            raise ValueError(f"price must be 'mid', 'bid' or 'offer', not {price!r}")
        length = Resolution.parse(resolution)
        if length is Resolution.MONTH:
            raise ValueError("a month has no fixed length: candles of ticks need seconds to weeks, such as '30d'")
        self._length = length
        self._anchor = _EPOCH if length % _WEEK else _MONDAY
        self._price: Price = price
        self._fill = fill_quiet
        self._filled = 0  # flat candles since the last tick
        self._late = self._ahead = 0
        # The fast path does not look at these two: what was held, or told, counts only while no other tick has come.
        self._held: Tick | None = None
        self._held_after: Tick | None = None
        self._gap = False
        self._holes = _Holes()
        self._now = _NEVER  # of the latest advance
        self._epic: str | None = None
        self._first: Tick | None = None
        self._last: Tick | None = None
        # While no candle is open, start and end are equal: everything before was returned, nothing lies between.
        self._start = self._end = _NEVER
        self._ticks = 0
        self._whole = self._implied = False
        self._bid_low = self._bid_high = self._offer_low = self._offer_high = self._sum_low = self._sum_high = 0.0

    @property
    def resolution(self) -> timedelta:
        """Length of the candles; a ``Resolution`` where IG has a name for it."""
        return self._length

    @property
    def epic(self) -> str | None:
        """The market, known from its first tick on."""
        return self._epic

    @property
    def late_ticks(self) -> int:
        """How many ticks were refused because they were too late for their candle."""
        return self._late

    @property
    def ahead_ticks(self) -> int:
        """How many ticks were not believed because their time was ahead; one that is still held is among them."""
        return self._ahead

    @property
    def current(self) -> Candle | None:
        """The open candle as it is now, ``complete=False``; ``None`` when none is open."""
        return self._candle(complete=False) if self._ticks else None

    @property
    def closes_at(self) -> datetime | None:
        """When the open candle ends; ``None`` when none is open."""
        return self._end if self._ticks else None

    def opens_at(self, time: datetime) -> datetime:
        """Return when the candle of an instant opens."""
        return time.astimezone(timezone.utc) - (time - self._anchor) % self._length

    def on_tick(self, tick: Tick) -> Sequence[Candle]:
        """Take one tick and return the candles that it closed, oldest first: usually none.

        Raises:
            ValueError: The tick is of another market, or a price is not a finite number. Nothing has changed.
            TypeError: The tick's time is naive. Nothing has changed.
        """
        # By position, not by name: faster on a NamedTuple. Usually every comparison is true (none is for NaN);
        # everything else (a new extreme, an edge, a late tick, nonsense) takes the slow path.
        if (
            self._start <= tick[3] < self._end
            and tick[0] is self._epic
            and self._bid_low <= tick[1] <= self._bid_high
            and self._offer_low <= tick[2] <= self._offer_high
            and (self._implied or self._sum_low <= tick[1] + tick[2] <= self._sum_high)
        ):
            self._last = tick
            self._ticks += 1
            return ()
        return self._take(tick)

    def advance(self, now: datetime) -> Sequence[Candle]:
        """Close the candles that ended at or before ``now`` and return them, oldest first.

        Args:
            now: Aware; an earlier ``now`` than before changes nothing.
        """
        if now < self._end:
            self._now = now
            return _NONE
        self._now = now
        if self._holes.wait and self._holes.waits(now, self._last):
            return _NONE
        if self._holes.open and self._ticks:
            self._gap = True
        closed = [self._close()] if self._ticks else []
        if self._fill and self._last is not None:
            closed += self._quiet(self.opens_at(now))
        return closed

    def mark_gap(self) -> None:
        """Note that prices may be missing between the last tick and the next."""
        self._holes.mark(self._last)
        if self._ticks:
            self._gap = True

    @property
    def hole_open(self) -> bool:
        """Whether a hole was told whose end was not."""
        return self._holes.open

    def open_hole(self) -> None:
        """Note that ticks may be missing from now on, until ``close_hole`` says whether any are.

        Samples have no holes: some ticks are missing in any case, and candles wait for none.
        """
        holes = self._holes
        if not holes.open and not holes.sampled:
            holes.open = True
            holes.begin_wait(min(HOLE_WAIT, self._length), self._now, self._last)

    def close_hole(self, *, missing: bool) -> None:
        """Note that a hole has ended; without one that is open, only ``missing`` says anything.

        Args:
            missing: Whether ticks may be missing between the last one and the next.
        """
        holes = self._holes
        if holes.open:
            holes.open = False
            holes.begin_wait(_NO_TIME if missing else LATE_WAIT, self._now, self._last)
        if missing:
            self.mark_gap()

    def sampled(self, *, on: bool) -> None:
        """Note whether the ticks from now on are samples, with others missing in between; ends an open hole."""
        if on != self._holes.sampled:
            self._holes.sampled = on
            self.close_hole(missing=True)

    def flush(self) -> list[Candle]:
        """End the open candle and return it, ``complete=False``; later ticks of its interval are late."""
        if self._holes.open and self._ticks:
            self._gap = True
        return [self._close(complete=False)] if self._ticks else []

    def __repr__(self) -> str:
        length = self._length.name if isinstance(self._length, Resolution) else f"{int(self._length.total_seconds())}s"
        return f"<CandleAggregator {length} {self._price}{f' of {self._epic}' if self._epic else ''}>"

    def _take(self, tick: Tick) -> Sequence[Candle]:
        epic, bid, offer, time = tick[:4]
        total = bid + offer
        # One test for both: a sum that contains NaN or an infinity is not finite.
        if not isfinite(total):
            raise ValueError(f"prices must be finite numbers, not bid {bid!r} and offer {offer!r}")
        if epic != self._epic and self._epic is not None:
            raise ValueError(f"this aggregator builds candles of {self._epic}, not of {epic}: take one for each market")
        believed = self._settle(tick) if self._held is not None else _NONE
        if time < self._start:
            self._late += 1
            return believed
        if time < self._end:
            self._epic = epic  # equal text, perhaps another object: the fast path compares with this one from now on
            self._widen(bid, offer, total)
            self._last = tick
            self._ticks += 1
            return believed
        if is_ahead(tick, self._last):
            self._held, self._held_after = tick, self._last
            self._ahead += 1
            return believed
        return [*believed, *self._open(tick, total)]

    def _settle(self, tick: Tick) -> Sequence[Candle]:
        """Take the tick that was held if ``tick``, the next one, agrees with it; else forget it."""
        held, self._held = self._held, None
        if held is None or self._held_after is not self._last or tick.time < held.time:
            return _NONE
        self._ahead -= 1
        return self._open(held, held.bid + held.offer)

    def _open(self, tick: Tick, total: float) -> Sequence[Candle]:
        """Open the candle of ``tick`` and return those that this closes."""
        epic, bid, offer, time = tick[:4]
        try:
            start = self.opens_at(time)
            end = start + self._length
        except OverflowError:
            raise ValueError(f"the candle of a tick at {time} would end after the year 9999") from None
        closed = [self._close()] if self._ticks else []
        if self._fill and self._last is not None:
            closed += self._quiet(start)
        self._epic = epic
        self._start, self._end = start, end
        self._whole = self._last is not None or time == start
        self._gap = self._holes.sampled or (self._holes.missing(self._last) and time != start)
        self._holes.passed()
        self._filled = 0
        self._first = self._last = tick
        self._ticks = 1
        self._bid_low = self._bid_high = bid
        self._offer_low = self._offer_high = offer
        self._sum_low = self._sum_high = total
        self._implied = True
        return closed or _NONE

    def _widen(self, bid: float, offer: float, total: float) -> None:
        if bid > self._bid_high:
            self._bid_high = bid
        elif bid < self._bid_low:
            self._bid_low = bid
        if offer > self._offer_high:
            self._offer_high = offer
        elif offer < self._offer_low:
            self._offer_low = offer
        if total > self._sum_high:
            self._sum_high = total
        elif total < self._sum_low:
            self._sum_low = total
        self._implied = self._price != "mid" or (
            self._sum_low <= self._bid_low + self._offer_low and self._bid_high + self._offer_high <= self._sum_high
        )

    def _close(self, *, complete: bool = True) -> Candle:
        candle = self._candle(complete=complete and self._whole and not self._gap)
        self._start = self._end
        self._ticks = 0
        self._gap = False
        return candle

    def _candle(self, *, complete: bool) -> Candle:
        assert self._first is not None
        assert self._last is not None
        first, last = self._first, self._last
        bid = Ohlc(first.bid, self._bid_high, self._bid_low, last.bid)
        offer = Ohlc(first.offer, self._offer_high, self._offer_low, last.offer)
        if self._price == "mid":
            main = Ohlc(first.mid, self._sum_high / 2, self._sum_low / 2, last.mid)
        else:
            main = bid if self._price == "bid" else offer
        return self._of(self._start, main, bid, offer, complete=complete, ticks=self._ticks, gap=self._gap)

    def _quiet(self, until: datetime) -> list[Candle]:
        """Return flat candles from the end of the last one to ``until``, or to the limit."""
        count = min((until - self._start) // self._length, QUIET_LIMIT - self._filled)
        if count <= 0:
            return []
        assert self._last is not None
        last = self._last
        bid, offer, mid = (Ohlc(price, price, price, price) for price in (last.bid, last.offer, last.mid))
        main = {"mid": mid, "bid": bid, "offer": offer}[self._price]
        opens_at = self._start
        self._start = self._end = opens_at + count * self._length
        self._filled += count
        holes = self._holes
        gap = holes.open or holes.sampled or holes.missing(last)
        return [
            self._of(opens_at + number * self._length, main, bid, offer, complete=not gap, gap=gap)
            for number in range(count)
        ]

    def _of(
        self, opens_at: datetime, main: Ohlc, bid: Ohlc, offer: Ohlc, *, complete: bool, gap: bool, ticks: int = 0
    ) -> Candle:
        assert self._epic is not None
        return Candle(
            self._epic,
            self._length,
            opens_at,
            main.open,
            main.high,
            main.low,
            main.close,
            None,
            ticks,
            complete,
            bid,
            offer,
            gap,
        )
