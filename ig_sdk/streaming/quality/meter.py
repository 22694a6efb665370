"""How good the prices of one market are just now: complete, sound, timely; pure, time is handed in."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from math import ceil

from ig_sdk.streaming.quality.hours import is_weekend, silent_state, weekend_within
from ig_sdk.types import Tick

WINDOW_S = 300.0
"""Figures but the counts are of so many seconds before the question: older trouble is forgiven."""
PATIENCE_S = 20.0
"""A market may be silent for so long, or for ``PATIENCE_INTERVALS`` of its usual intervals if that is longer."""
PATIENCE_INTERVALS = 50.0
LATE_MS = 10_000.0
"""Half of the ticks later than this lowers the score."""

_STEP_S = 10.0  # how finely the window moves
_STEP = timedelta(seconds=_STEP_S)
_LATENCIES = 1_000
# The usual interval is a mean over about so many seconds; a burst counts for at most so many usual rates.
_RHYTHM_S, _BURST = 600.0, 4.0
# After so many seconds the interval is known; before, a market may be silent for so long.
_ACQUAINTED_S, _STRANGER_S = 60.0, 120.0
# Older than this is not late, but recorded, or the last price of a market that was closed.
_OLD_MS = 3_600_000.0
# A price is of the weekend, and its market has none, if it is so far from both ends.
_EDGE = timedelta(hours=2)
_NEVER = datetime(1, 1, 2, tzinfo=timezone.utc)
_SPANS = 256
_TRIES = 8

_Span = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class Quality:
    """How good the prices of one market are.

    Attributes:
        epic: The market.
        score: From 0 to 1: ``completeness`` x good ticks / (good ticks and those set aside) x timeliness, where
            timeliness is 1 up to a median latency of 10 s and 10 s / median beyond.
        completeness: From 0 to 1: the part of the last 5 minutes, as far as the market was open, in which its prices
            could come (no line that was down, no hole, no silence far longer than its usual interval) x ticks that came
            / (those and the ones that were lost). 0 before the first tick of an open market.
        latency_p50_ms: Median time from IG's timestamp to the arrival, of the latest 1,000 ticks in the last 5 minutes;
            ``None`` without ticks. It contains the difference of the two clocks. Prices of an hour ago and more (a
            replay) have no latency.
        latency_p99_ms: The same; one tick in a hundred is slower.
        ticks: Good ticks since the beginning.
        set_aside: Ticks set aside since the beginning.
        lost: Ticks known to be lost since the beginning.
        gaps: Holes since the beginning.
        stale_s: Seconds since the last tick arrived, ``None`` before the first.
        trusted: Whether the score reaches the threshold (``live.data_quality_threshold``).
    """

    epic: str
    score: float
    completeness: float
    latency_p50_ms: float | None
    latency_p99_ms: float | None
    ticks: int
    set_aside: int
    lost: int
    gaps: int
    stale_s: float | None
    trusted: bool


@dataclass(frozen=True, slots=True)
class _Rare:
    """What changes seldom: replaced as a whole, so that a reader sees all of it or nothing.

    Attributes:
        set_aside: Ticks set aside.
        lost: Ticks lost.
        gaps: Holes told.
        holes: Past spans in which no price could come.
        closed: Past spans in which none was due.
        down_since: The line is down since then.
        closed_since: The market's state says since then that no price is due.
        up_at: When the line last came back: silence is counted anew from then on.
        always: It sends prices at weekends too.
    """

    set_aside: int = 0
    lost: int = 0
    gaps: int = 0
    holes: tuple[_Span, ...] = ()
    closed: tuple[_Span, ...] = ()
    down_since: datetime | None = None
    closed_since: datetime | None = None
    up_at: datetime | None = None
    always: bool = False


@dataclass(frozen=True, slots=True)
class _Mark:
    """The counts at one moment."""

    at: datetime
    ticks: int
    set_aside: int
    lost: int


class QualityMeter:
    """Measures the quality of one market's prices.

    Every method takes aware times; the time of a tick's arrival is its ``received_at``, so recorded ticks can be
    measured too. Counts are kept for ever, everything else for ``WINDOW_S``; memory is fixed.

    Args:
        epic: The market.
        since: When prices were first due: the subscription.
        threshold: Score from which the prices are trusted, 0 to 1.

    Threading:
        One thread at a time may call the methods that tell something; :meth:`quality` may be called from any thread at
        any moment: it changes nothing and sees each change whole.
    """

    __slots__ = (
        "_due", "_epic", "_learned_s", "_marks", "_rare", "_rate", "_recent", "_since", "_status", "_threshold",
        "_ticks",
    )  # fmt: skip

    def __init__(self, epic: str, since: datetime, *, threshold: float = 0.95) -> None:
        if not 0.0 <= threshold <= 1.0:
            raise ValueError(f"threshold must be from 0 to 1, not {threshold!r}")
        self._epic = epic
        self._since = self._due = since
        self._threshold = threshold
        self._ticks = 0
        self._recent: deque[Tick] = deque(maxlen=_LATENCIES)
        self._status: str | None = None
        self._rate = self._learned_s = 0.0  # usual ticks a second, and of how many seconds
        self._rare = _Rare()
        self._marks: tuple[_Mark, ...] = (_Mark(since, 0, 0, 0),)

    # -- what is told --------------------------------------------------------------------------------------------------

    def tick(self, tick: Tick) -> None:
        """Count a good tick."""
        if tick[4] >= self._due or tick[7] != self._status:
            self._look(tick)
        self._ticks += 1
        self._recent.append(tick)

    def snapshot(self, tick: Tick) -> None:
        """Count the tick of a subscription's first row, which repeats an old price: its age is no latency."""
        self.tick(tick._replace(time=_NEVER))

    def set_aside(self, at: datetime) -> None:
        """Count a tick that was set aside, or an update that had no price in it."""
        self._mark(at)
        self._rare = replace(self._rare, set_aside=self._rare.set_aside + 1)

    def lost(self, count: int, at: datetime) -> None:
        """Count ticks that were dropped on the way."""
        self._mark(at)
        self._rare = replace(self._rare, lost=self._rare.lost + count)

    def gap(self, seconds: float | None, at: datetime) -> None:
        """Count a hole that ends now; time for which the line was told to be down is not counted twice.

        Args:
            seconds: Its length, if it is known.
            at: Now.
        """
        holes = self._rare.holes
        if seconds is not None and seconds > 0.0:
            holes = _with(holes, (at - timedelta(seconds=seconds), at))
        self._rare = replace(self._rare, gaps=self._rare.gaps + 1, holes=holes)

    def line_down(self, at: datetime) -> None:
        """Note that no price can come from now on; once is enough."""
        if self._rare.down_since is None:
            silence = self._silence(self._rare, at)
            holes = self._rare.holes if silence is None else _with(self._rare.holes, silence)
            self._rare = replace(self._rare, down_since=at, holes=holes)

    def line_up(self, at: datetime, *, nothing_missed: bool = False) -> None:
        """Note that prices can come again.

        Args:
            at: Now.
            nothing_missed: The server sends again what was missed (resumed, recovered).
        """
        since = self._rare.down_since
        if since is not None:
            holes = self._rare.holes if nothing_missed else _with(self._rare.holes, (since, at))
            self._rare = replace(self._rare, down_since=None, up_at=at, holes=holes)

    def status(self, status: str | None, at: datetime) -> None:
        """Note the market's dealing state: in some, as ``"CLOSED"``, no price is due. Ticks tell theirs themselves."""
        self._status = status
        since, silent = self._rare.closed_since, silent_state(status) is not None
        if silent and since is None:
            self._rare = replace(self._rare, closed_since=at)
        elif not silent and since is not None:
            self._rare = replace(self._rare, closed_since=None, closed=_with(self._rare.closed, (since, at)))

    def _look(self, tick: Tick) -> None:
        """Do what is not done for every tick: learn the rhythm, find a silence that was too long, move the window."""
        at = tick.received_at
        if tick.status != self._status:
            self.status(tick.status, at)
        if at < self._due:
            return
        if not self._rare.always and is_weekend(tick.time - _EDGE) and is_weekend(tick.time + _EDGE):
            self._rare = replace(self._rare, always=True)
        silence = self._silence(self._rare, at)
        if silence is not None:
            self._rare = replace(self._rare, holes=_with(self._rare.holes, silence))
        self._learn(at)
        self._mark(at)
        self._due = at + _STEP

    def _learn(self, at: datetime) -> None:
        """Take the rate since the last look into the usual one, without the time in which no price could come.

        So a dead market does not teach that dead is usual, but a quiet one is soon known as quiet.
        """
        mark = self._marks[-1]
        holes, closed = self._spans(self._rare, mark.at, at)
        seconds = (at - mark.at).total_seconds() - _length((*holes, *closed), mark.at, at)
        if seconds <= 0.0:
            return
        self._learned_s = min(self._learned_s + seconds, _RHYTHM_S)
        rate = (self._ticks - mark.ticks) / seconds
        if self._rate:
            rate = min(rate, _BURST * self._rate)
        self._rate += (rate - self._rate) * min(seconds / self._learned_s, 1.0)

    def _mark(self, at: datetime) -> None:
        """Remember the counts as they are before what comes now, one time in ten seconds."""
        marks, last = self._marks, self._marks[-1]
        if last.at <= at < last.at + _STEP:
            return
        counts = (self._ticks, self._rare.set_aside, self._rare.lost)
        if at < last.at:  # the clock was set back
            marks = ()
        elif at > last.at + _STEP:  # nothing came after the step of the last mark
            marks = (*marks, _Mark(last.at + _STEP, *counts))
        oldest = at - timedelta(seconds=WINDOW_S)
        first = max((place for place, mark in enumerate(marks) if mark.at <= oldest), default=0)
        self._marks = (*marks[first:], _Mark(at, *counts))

    # -- what is asked -------------------------------------------------------------------------------------------------

    def quality(self, at: datetime) -> Quality:
        """Return the figures as they are now.

        Args:
            at: Now, aware.
        """
        rare, marks, ticks = self._rare, self._marks, self._ticks
        recent = self._arrived()
        start = max(at - timedelta(seconds=WINDOW_S), self._since)
        mark = _Mark(start, ticks, rare.set_aside, rare.lost)
        if start < marks[-1].at + _STEP:
            mark = next((each for each in reversed(marks) if each.at <= start), marks[0])
        new, aside, lost = ticks - mark.ticks, rare.set_aside - mark.set_aside, rare.lost - mark.lost
        completeness = self._heard(rare, start, at, ticks) * _part(new, lost)
        ages = ((each[4] - each[3]).total_seconds() * 1e3 for each in recent if each[4] >= start)
        latencies = sorted(age for age in ages if age < _OLD_MS)
        p50, p99 = _percentile(latencies, 0.50), _percentile(latencies, 0.99)
        score = completeness * _part(new, aside) * _timeliness(p50)
        stale_s = (at - recent[-1].received_at).total_seconds() if recent else None
        return Quality(
            self._epic, score, completeness, p50, p99, ticks, rare.set_aside, rare.lost, rare.gaps, stale_s,
            score >= self._threshold,
        )  # fmt: skip

    def _arrived(self) -> tuple[Tick, ...]:
        """Return the latest ticks; the other thread may append one meanwhile."""
        for _ in range(_TRIES):
            with suppress(RuntimeError):
                return tuple(self._recent)
        return ()

    def _heard(self, rare: _Rare, start: datetime, at: datetime, ticks: int) -> float:
        """Return for which part of the open time prices could come."""
        holes, closed = self._spans(rare, start, at)
        silence = self._silence(rare, at)
        if silence is not None:
            holes = (*holes, silence)
        shut = _length(closed, start, at)
        due = (at - start).total_seconds() - shut
        if not ticks:
            return 0.0 if due > 0.0 or not closed else 1.0
        missing = _length((*holes, *closed), start, at) - shut
        return min(max(1.0 - missing / due, 0.0), 1.0) if due > 0.0 else 1.0

    def _spans(self, rare: _Rare, start: datetime, at: datetime) -> tuple[tuple[_Span, ...], tuple[_Span, ...]]:
        """Return the spans in which no price could come, and those in which none was due."""
        holes, closed = rare.holes, rare.closed
        if rare.down_since is not None:
            holes = (*holes, (rare.down_since, at))
        if rare.closed_since is not None:
            closed = (*closed, (rare.closed_since, at))
        weekend = None if rare.always or start >= at else weekend_within(start, at)
        return holes, closed if weekend is None else (*closed, weekend)

    def _silence(self, rare: _Rare, at: datetime) -> _Span | None:
        """Return the part of the present silence that is too long for this market, if it is."""
        if rare.closed_since is not None or rare.down_since is not None:
            return None
        since = self._recent[-1].received_at if self._recent else self._since
        if rare.up_at is not None:
            since = max(since, rare.up_at)
        if rare.closed:
            since = max(since, rare.closed[-1][1])
        weekend = None if rare.always or since >= at else weekend_within(since, at)
        if weekend is not None:
            since = weekend[1]
        late = since + timedelta(seconds=self.patience_s)
        return (late, at) if late < at else None

    @property
    def patience_s(self) -> float:
        """How long this market may be silent before prices count as missing."""
        if self._learned_s < _ACQUAINTED_S or not self._rate:
            return _STRANGER_S
        return max(PATIENCE_S, PATIENCE_INTERVALS / self._rate)


def _with(spans: tuple[_Span, ...], span: _Span) -> tuple[_Span, ...]:
    """Return the spans with one more, without those that nobody will ask for; too many become fewer, longer ones."""
    if span[0] >= span[1]:
        return spans
    oldest = span[1] - timedelta(seconds=WINDOW_S)
    spans = (*(each for each in spans if each[1] > oldest), span)
    if len(spans) > _SPANS:
        spans = ((spans[0][0], max(spans[0][1], spans[1][1])), *spans[2:])
    return spans


def _length(spans: Iterable[_Span], start: datetime, end: datetime) -> float:
    """Return how many seconds between ``start`` and ``end`` the spans cover together."""
    seconds = 0.0
    for first, last in sorted(spans):
        begin, stop = max(first, start), min(last, end)
        if begin < stop:
            seconds += (stop - begin).total_seconds()
            start = stop
    return seconds


def _part(good: int, bad: int) -> float:
    return good / (good + bad) if bad else 1.0


def _timeliness(p50_ms: float | None) -> float:
    return 1.0 if p50_ms is None or p50_ms <= LATE_MS else LATE_MS / p50_ms


def _percentile(ascending: list[float], part: float) -> float | None:
    return ascending[max(ceil(part * len(ascending)), 1) - 1] if ascending else None
