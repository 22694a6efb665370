"""Which ticks cannot be true: a pure judge for live and recorded prices; no clock, no I/O."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from math import isfinite, sqrt
from numbers import Real

from ig_sdk.candles import AHEAD, is_ahead
from ig_sdk.streaming.quality.limits import QualityLimits
from ig_sdk.types import Tick

_INFINITE = float("inf")
_NEVER = datetime.min.replace(tzinfo=timezone.utc)
_ALWAYS = datetime.max.replace(tzinfo=timezone.utc)
# No tick is older than electronic trading; a time of zero, or of seconds read as milliseconds, is of January 1970.
_EARLIEST = datetime(1980, 1, 1, tzinfo=timezone.utc)
# A market whose times are so far ahead of their arrival lives by another clock (a replay): none can be told ahead.
_OTHER_CLOCK = timedelta(days=1)

# The usual move is a mean over about 128 ticks: blocks of 32, each new one weighs a quarter. A move counts for at most
# eight usual ones, so one extreme tick hardly changes it.
_BLOCK, _WEIGHT, _CLIP = 32, 0.25, 8.0
# How many usual moves are believed in one tick: many while that is little money, and always some.
_MANY, _SOME = 100.0, 10.0
# ... but no more than this many times the share that is always believed, unless it is some usual moves.
_CALM = 3.0
# Before the first so many ticks nothing is known of a market; this share is believed then, and that after a hole.
_WARM_UP, _UNKNOWN, _HOLE_SHARE = 8, 0.02, 0.2
# A market that was silent may have moved: after so many seconds twice as far, growing with the root of time, up to ten
# times; after so many hours it is as after a hole.
_PAUSE_S, _WIDEST, _HOLE = 10.0, 10.0, timedelta(hours=1)


class TickFault(str):
    """Why a tick was set aside: a plain sentence, with a word that can be counted.

    Attributes:
        kind: ``"missing"``, ``"not_a_number"``, ``"zero"``, ``"negative"``, ``"scale"``, ``"spike"``, ``"crossed"``,
            ``"undated"`` (1970), ``"backwards"`` or ``"ahead"``.
    """

    __slots__ = ("kind",)
    kind: str

    def __new__(cls, text: str, kind: str = "") -> TickFault:  # noqa: PYI034 -- Self needs Python 3.11
        """Make the sentence and its word."""
        fault = super().__new__(cls, text)
        fault.kind = kind
        return fault


class _Doubt:
    """Ticks in a row that were doubted for one reason since the last one that was believed."""

    __slots__ = ("_after", "_count", "_tick")

    def __init__(self) -> None:
        self._tick: Tick | None = None
        self._after: Tick | None = None
        self._count = 0

    def tick_after(self, last: Tick | None) -> Tick | None:
        """Return the latest of them, if ``last`` is still the last tick that was believed."""
        return self._tick if self._after is last else None

    def repeat(self, tick: Tick, last: Tick | None, agrees: bool) -> int:  # noqa: FBT001 -- private
        """Note one more; return how many in a row agree, this one included."""
        self._count = self._count + 1 if agrees else 1
        self._tick, self._after = tick, last
        return self._count


class QualityFilter:
    """Says of each tick of one market whether it can be true.

    A tick is set aside if a field is missing, a price is not a finite number above zero, the bid is too far above the
    offer, a side is many times the one before or a small part of it (``max_factor``), a side moved further than
    believable (``spike``, against the market's own usual moves), or its time is of 1970, before that of the last tick,
    or more than ``AHEAD`` ahead of the market's own clock (as ``ig_sdk.candles.is_ahead``).

    **What is true in the end is believed**: a market may jump, a clock may have been wrong. When ``agree`` ticks in a
    row that were set aside for a jump agree about the new level, the last of them is taken, and the market is judged
    from there. So it is with ticks that are ahead and do not go back, and with ticks that are older than the last one
    but not older than the one before it: then it was the last one that was wrong.

    **After silence there is more room**, up to ten times after a quarter of an hour; after an hour or ``mark_gap`` a
    move of 20 % is believed at once, in a market's first eight ticks one of 2 %. Of the very first tick only the sides
    can be compared.

    What was set aside leaves no trace but its count. Memory is fixed; an ordinary tick costs a few comparisons.

    Args:
        limits: Thresholds; the defaults of ``QualityLimits`` if ``None``.
        max_factor: Instead of that of ``limits``.
        agree: Instead of that of ``limits``.
        allow_negative: Instead of that of ``limits``.

    Raises:
        ValueError: A number is out of its range.

    Threading:
        Not safe: one thread at a time; :attr:`counts` and :attr:`total` may be read from any thread.
    """

    # The fast path reads slots and compares. A tick that is at the last one's time or up to the horizon, and no
    # farther from it than the room, needs no other test: the horizon is never more than AHEAD after a believed tick,
    # so nothing before it is ahead. Everything else, once a minute of market time at least, takes the slow path.
    __slots__ = (
        "_ahead", "_anchor", "_before", "_behind", "_clip", "_counts", "_gap", "_horizon", "_jump", "_last", "_left",
        "_limits", "_low", "_move", "_moved", "_room", "_seen", "_slack", "_spread",
    )  # fmt: skip

    def __init__(
        self,
        limits: QualityLimits | None = None,
        *,
        max_factor: float | None = None,
        agree: int | None = None,
        allow_negative: bool | None = None,
    ) -> None:
        limits = limits or QualityLimits()
        self._limits = replace(
            limits,
            max_factor=limits.max_factor if max_factor is None else max_factor,
            agree=limits.agree if agree is None else agree,
            allow_negative=limits.allow_negative if allow_negative is None else allow_negative,
        )
        self._low = -_INFINITE if self._limits.allow_negative else 0.0
        self._slack = timedelta(seconds=self._limits.backwards_s)
        self._counts: dict[str, int] = {}
        self.reset()

    @property
    def limits(self) -> QualityLimits:
        """The thresholds in use."""
        return self._limits

    @property
    def counts(self) -> dict[str, int]:
        """How many ticks were set aside, by kind."""
        return dict(self._counts)

    @property
    def total(self) -> int:
        """How many ticks were set aside."""
        return sum(dict(self._counts).values())

    def reset(self) -> None:
        """Forget the market's prices and times, as if no tick had come; counts stay."""
        self._last: Tick | None = None
        self._before: Tick | None = None  # the one before the last
        self._anchor: Tick | None = None  # the one before time last went on by more than AHEAD
        self._jump, self._ahead, self._behind = _Doubt(), _Doubt(), _Doubt()
        self._gap = False
        self._horizon = _NEVER
        self._spread = -_INFINITE
        self._learn_anew()

    def mark_gap(self) -> None:
        """Note that prices may be missing before the next tick: it is judged with more room."""
        self._gap = True
        self._horizon = _NEVER  # the next tick takes the slow path

    def judge(self, tick: Tick) -> TickFault | None:
        """Return why the tick is set aside, or ``None`` when it passes."""
        last = self._last
        if last is not None:
            bid, offer, low, room = tick[1], tick[2], self._low, self._room
            try:
                moved = bid - last[1]
                if (
                    -room <= moved <= room
                    and -room <= offer - last[2] <= room
                    and offer - bid >= self._spread
                    and low < bid
                    and low < offer
                    and last[3] <= tick[3] <= self._horizon
                ):
                    if moved < 0.0:
                        moved = -moved
                    self._moved += moved if moved < self._clip else self._clip  # noqa: FURB136 -- min() costs more
                    self._before = last
                    self._last = tick
                    self._left -= 1
                    if not self._left:
                        self._learn()
                    return None
            except TypeError:  # a field is missing, or no number, or the time has no zone
                pass
        return self._examine(tick, last)

    # -- the slow path -------------------------------------------------------------------------------------------------

    def _examine(self, tick: Tick, last: Tick | None) -> TickFault | None:
        fault = self._wrong_values(tick) or self._wrong_scale(tick, last) or self._wrong_sides(tick)
        if fault is None and self._limits.times:
            fault = self._wrong_time(tick, last)
        if fault is None and last is not None:
            fault = self._too_far(tick, last)
        if fault is None:
            self._believe(tick, last)
        else:
            self._counts[fault.kind] = self._counts.get(fault.kind, 0) + 1
        return fault

    def _wrong_values(self, tick: Tick) -> TickFault | None:
        """Judge a tick by itself."""
        prices: dict[str, object] = {"bid": tick.bid, "offer": tick.offer}
        times: dict[str, object] = {"time": tick.time, "received_at": tick.received_at} if self._limits.times else {}
        missing = [name for name, value in (*prices.items(), *times.items()) if value is None]
        if missing:
            return TickFault(f"{' and '.join(missing)} missing", "missing")
        for name, at in times.items():
            if not isinstance(at, datetime) or at.tzinfo is None:
                return TickFault(f"{name} {at!r} is no time with a zone", "missing")
        for name, price in prices.items():
            if not isinstance(price, Real) or not isfinite(price):
                return TickFault(f"{name} {price!r} is not a finite number", "not_a_number")
            if price <= self._low:
                return TickFault(f"{name} {price!r} is not above zero", "negative" if price < 0.0 else "zero")
        return None

    def _wrong_scale(self, tick: Tick, last: Tick | None) -> TickFault | None:
        if self._limits.allow_negative:
            return None
        bid, offer = tick.bid, tick.offer
        if not self._near(bid, offer):
            return TickFault(f"{_quote(tick)} are too far apart for one price", "scale")
        if last is None or (self._near(bid, last.bid) and self._near(offer, last.offer)):
            return None
        text = f"{_quote(tick)} are of another scale than {_quote(last)} before"
        return None if self._stays(tick, last) else TickFault(text, "scale")

    def _near(self, one: float, other: float) -> bool:
        factor = self._limits.max_factor
        return one <= other * factor and other <= one * factor

    def _wrong_sides(self, tick: Tick) -> TickFault | None:
        crossed = self._limits.crossed
        bid, offer = tick.bid, tick.offer
        if crossed is None or offer - bid >= -crossed * abs(bid):
            return None
        by = 100.0 * (bid - offer) / (abs(bid) or 1.0)
        word = "locked at" if bid == offer else "above"
        return TickFault(
            f"bid {bid:.10g} is {word} offer {offer:.10g} by {by:.3g} %, {100.0 * crossed:.3g} % is allowed", "crossed"
        )

    def _wrong_time(self, tick: Tick, last: Tick | None) -> TickFault | None:
        time = tick.time
        if time < _EARLIEST:
            return TickFault(f"its time is {time.isoformat()}, which no price has", "undated")
        if is_ahead(tick, last) and not (last is not None and last.time - last.received_at > _OTHER_CLOCK):
            ahead = (time - tick.received_at).total_seconds()
            text = f"its time {time.isoformat()} is {ahead:.1f} s ahead of its arrival and of the market's own clock"
            doubted = self._ahead.tick_after(last)
            goes_on = doubted is not None and time >= doubted.time
            return None if self._ahead.repeat(tick, last, goes_on) >= self._limits.agree else TickFault(text, "ahead")
        if last is None or last.time - time <= self._slack:
            return None
        behind = (last.time - time).total_seconds()
        text = f"its time {time.isoformat()} is {behind:.3f} s before the last one's {last.time.isoformat()}"
        return None if self._was_wrong(last, tick) else TickFault(text, "backwards")

    def _too_far(self, tick: Tick, last: Tick) -> TickFault | None:
        if self._limits.spike is None:
            return None
        room = self._room_after(tick, last)
        moved = max(abs(tick.bid - last.bid), abs(tick.offer - last.offer))
        if moved <= room:
            return None
        share, allowed = (100.0 * amount / (abs(last.bid) or 1.0) for amount in (moved, room))
        text = f"{_quote(tick)} are {share:.3g} % from {_quote(last)} before, {allowed:.3g} % is believed in one tick"
        return None if self._stays(tick, last) else TickFault(text, "spike")

    def _room_after(self, tick: Tick, last: Tick) -> float:
        """Return how far a side may have moved since the last tick: farther after silence, or after a hole."""
        room = self._room
        pause = tick.time - last.time if self._limits.times else timedelta(0)
        if self._gap or pause >= _HOLE:
            room = room if self._seen else 0.0
            return max(room * _WIDEST, _HOLE_SHARE * abs(last.bid))
        if not self._seen:
            return room
        return room * min(1.0 + sqrt(max(pause.total_seconds(), 0.0) / _PAUSE_S), _WIDEST)

    # -- doubt that may be mistaken ------------------------------------------------------------------------------------

    def _stays(self, tick: Tick, last: Tick) -> bool:
        """Return whether enough ticks in a row are far nearer to one another than to the one believed last."""
        doubted, agrees = self._jump.tick_after(last), False
        if doubted is not None:
            half = max(abs(doubted.bid - last.bid), abs(doubted.offer - last.offer)) / 2.0
            agrees = abs(tick.bid - doubted.bid) <= half and abs(tick.offer - doubted.offer) <= half
        return self._jump.repeat(tick, last, agrees) >= self._limits.agree

    def _was_wrong(self, last: Tick, tick: Tick) -> bool:
        """Return whether the time of the last tick was the wrong one: enough ticks go on from before it."""
        doubted = self._behind.tick_after(last)
        since = min((each.time for each in (self._before, self._anchor) if each is not None), default=_NEVER)
        unlikely = last.time - last.received_at > AHEAD >= tick.time - tick.received_at
        if tick.time < since and not unlikely:  # old ticks that came once more, whatever their number
            return False
        goes_on = doubted is not None and doubted.time <= tick.time
        return self._behind.repeat(tick, last, goes_on) >= self._limits.agree

    # -- what is believed ----------------------------------------------------------------------------------------------

    def _believe(self, tick: Tick, last: Tick | None) -> None:
        if last is None or not (self._limits.allow_negative or self._near(tick.bid, last.bid)):
            self._learn_anew()
        else:
            self._moved += min(abs(tick.bid - last.bid), self._clip)
            self._left -= 1
        self._gap = False
        self._before, self._last = last, tick
        if self._limits.times:
            self._look_ahead(tick.time, last)
        else:
            self._horizon = _ALWAYS
        if self._left <= 0:
            self._learn()
        else:
            self._make_room(tick)

    def _look_ahead(self, time: datetime, last: Tick | None) -> None:
        """Set how far the next tick's time may be without a closer look."""
        if last is not None and time - last.time > AHEAD:
            self._anchor = last
        elif time > self._horizon:
            self._anchor = None
        try:
            self._horizon = time + AHEAD
        except OverflowError:
            self._horizon = _ALWAYS

    def _learn_anew(self) -> None:
        """Forget the usual moves: the market is new, or of another scale."""
        self._move = self._moved = 0.0
        self._left = _WARM_UP
        self._seen = False
        self._room = self._clip = 0.0

    def _learn(self) -> None:
        """Take in the moves of a block of ticks."""
        assert self._last is not None
        if self._seen:
            self._move += (self._moved / _BLOCK - self._move) * _WEIGHT
        else:
            self._move = self._moved / _WARM_UP
        self._seen, self._moved, self._left = True, 0.0, _BLOCK
        self._make_room(self._last)

    def _make_room(self, last: Tick) -> None:
        """Set from the price and the usual move what the next tick may do without a closer look."""
        limits, price = self._limits, abs(last[1])
        self._spread = -_INFINITE if limits.crossed is None else -limits.crossed * price
        if limits.spike is None:
            # A part of what max_factor allows; the slow path knows all of it.
            self._room = _INFINITE if limits.allow_negative else price * (1.0 - 1.0 / limits.max_factor)
            return
        share, usual = limits.spike * price, self._move
        if not self._seen:
            self._room = _INFINITE if limits.allow_negative else max(_UNKNOWN * price, share)
            self._clip = _INFINITE if limits.allow_negative else _CALM * share
            return
        self._room = max(share, min(_MANY * usual, max(_CALM * share, _SOME * usual)))
        self._clip = max(_CLIP * usual, share / 4.0)


def _quote(tick: Tick) -> str:
    return f"bid {tick.bid:.10g} and offer {tick.offer:.10g}"
