"""Candles that were paid for, kept on disk: one SQLite file for any number of threads, clients and processes.

It holds closed candles only, and which instants are known: a gap inside of those is a market that was closed, and is
not asked for again. A failure of the file costs the cache, never the call: it is logged, and the call
goes on without it.

Levels stay in the notation in which IG sent them. One market was seen ten thousand times larger on one account than on
another (REST.md section 7), so a series whose notation changes starts over.
"""

from __future__ import annotations

import marshal
import math
import os
import zlib
from collections.abc import Callable, Sequence
from copy import copy
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, TypeVar

from ig_sdk import logs
from ig_sdk.process import Home
from ig_sdk.rest.http.limits.points import PointsAllowance
from ig_sdk.rest.prices.cache_file import CacheFile, Damaged
from ig_sdk.rest.prices.candle_times import Span
from ig_sdk.rest.prices.series import Known, Series
from ig_sdk.types import Candle, Ohlc

if TYPE_CHECKING:
    import sqlite3

_log = logs.get_logger("rest")
ResultT = TypeVar("ResultT")

# Longest wait for another process, or thread, that is at the file, which takes milliseconds.
_PATIENCE_S = 2.0
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_PUT_CANDLE = "INSERT OR REPLACE INTO candles VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
# The first and the last second that a datetime can be.
_TIMES = range(-62_135_596_800, 253_402_300_800)
_THIS_SERIES = "(SELECT id FROM series WHERE source = ? AND epic = ? AND resolution = ?)"
_SPANS = f"SELECT begins, ends, begun, mark FROM spans WHERE series = {_THIS_SERIES} ORDER BY begins"  # noqa: S608 -- ours
_IN_SPAN = f"FROM candles WHERE series = {_THIS_SERIES} AND opens_at >= ? AND opens_at < ?"
_HOW_MANY = "SELECT count(*) FROM candles WHERE series = ? AND opens_at >= ? AND opens_at < ?"
# How near in time two candles must be for a jump between them to be one of notation rather than of the market.
_NEAR = timedelta(days=7)


class PriceCache:
    """The cache of one client.

    Args:
        path: Its file, made when needed; ``None`` keeps everything in memory, for this client alone.

    Attributes:
        patience_s: For one call: how long it still waits for others at the file.

    Threading:
        Safe from any thread, and for several processes on one file: each operation opens it again, is one transaction,
        and waits two seconds at most for other processes, and as long for other threads. In a process that was forked
        off later every call raises ``UsageError``.
    """

    def __init__(self, path: str | os.PathLike[str] | None) -> None:
        self._home = Home("price cache", "make a new IGClient in this process, after the fork")
        self._file = CacheFile(path)
        self.patience_s: float | None = None

    def within(self, seconds: float) -> PriceCache:
        """Return this cache for one call: it waits so long at most, and no more after it has waited in vain.

        Args:
            seconds: What the call can spare.
        """
        brief = copy(self)
        brief.patience_s = min(seconds, _PATIENCE_S)
        return brief

    def close(self) -> None:
        """Let go of what is in memory."""
        if not self._home.left:
            self._file.close()

    def known(self, series: Series) -> list[Known]:
        """Return the spans that are known, in order and apart from each other."""
        return self._do(lambda database: _known(database, series), otherwise=[])

    def candles(self, series: Series, span: Span, *, latest: int | None = None) -> list[Candle]:
        """Return the candles of a span that are here, oldest first; ``recall`` says whether they are all.

        Args:
            series: Which.
            span: Instants at which they open.
            latest: Return so many of the latest only.
        """
        return self._do(lambda database: _candles(database, series, span, latest), otherwise=[])

    def recall(self, series: Series, span: Span) -> tuple[list[Known], list[Candle]]:
        """Return which spans are known, and the candles of one: both, or nothing of either."""
        nothing: tuple[list[Known], list[Candle]] = [], []

        def read(database: sqlite3.Connection) -> tuple[list[Known], list[Candle]]:
            return _known(database, series), _candles(database, series, span)

        return self._do(read, otherwise=nothing)

    def recall_latest(self, series: Series, points: int) -> tuple[Known | None, list[Candle]]:
        """Return the span that was known last, and the latest candles in it."""
        nothing: tuple[Known | None, list[Candle]] = None, []

        def read(database: sqlite3.Connection) -> tuple[Known | None, list[Candle]]:
            known = _known(database, series)
            return (known[-1], _candles(database, series, known[-1].span, points)) if known else (None, [])

        return self._do(read, otherwise=nothing)

    def count(self, series: Series, span: Span) -> int:
        """Return how many candles of a span are here."""
        values = (*series.key, *map(_seconds, span))
        return self._do(lambda database: int(_one(database, f"SELECT count(*) {_IN_SPAN}", values)), otherwise=0)

    def store(self, series: Series, candles: Sequence[Candle], known: Known | None) -> bool:
        """Keep closed candles.

        Args:
            series: Which they are of.
            candles: The candles, oldest first.
            known: A span of which they are all that there are, if they are.

        Returns:
            Whether what was here before was thrown away, for its prices were in another notation.
        """
        return self._do(lambda database: _put(database, series, candles, known), otherwise=False)

    def allowance(self, source: str, account: str) -> PointsAllowance | None:
        """Return what IG last reported of an account's points, to any client."""
        query = "SELECT remaining, total, resets_at FROM allowances WHERE source = ? AND account = ?"

        def read(database: sqlite3.Connection) -> PointsAllowance | None:
            for remaining, total, ends in database.execute(query, (source, account)):
                return PointsAllowance(_whole(remaining), _whole(total), None if ends is None else _moment(ends))
            return None

        return self._do(read, otherwise=None)

    def keep_allowance(self, source: str, account: str, told: PointsAllowance) -> None:
        """Keep what IG reported of an account's points."""
        ends = None if told.resets_at is None else _seconds(told.resets_at)
        row = (source, account, told.remaining, told.total, ends)
        query = "INSERT OR REPLACE INTO allowances VALUES (?, ?, ?, ?, ?)"
        self._do(lambda database: database.execute(query, row), otherwise=None)

    def _do(self, work: Callable[[sqlite3.Connection], ResultT], *, otherwise: ResultT) -> ResultT:
        """Return the result of one transaction; if it cannot be had, ``otherwise``."""
        self._home.check()  # a connection that another thread had open at the fork must not be used by both processes
        patience_s = _PATIENCE_S if self.patience_s is None else self.patience_s
        done = self._file.run(lambda database: (work(database),), patience_s)
        if done is None and self.patience_s is not None:
            self.patience_s = 0.0
        return otherwise if done is None else done[0]


def _put(database: sqlite3.Connection, series: Series, candles: Sequence[Candle], known: Known | None) -> bool:
    database.execute("INSERT OR IGNORE INTO series (source, epic, resolution) VALUES (?, ?, ?)", series.key)
    ((number,),) = database.execute(f"SELECT {_THIS_SERIES}", series.key)
    rescaled = _is_rescaled(database, number, candles)
    if rescaled:
        _log.warning("prices of %s come in another notation than before: its cache begins anew", series.epic)
        database.execute("DELETE FROM candles WHERE series = ?", (number,))
        database.execute("DELETE FROM spans WHERE series = ?", (number,))
    rows = [_row(candle) for candle in candles]
    database.executemany(_PUT_CANDLE, [(number, *row, _mark(series, row)) for row in rows])
    if known is not None and known.begins < known.ends:
        _join(database, number, known)
    _mark_spans(database, series, number)
    return rescaled


def _known(database: sqlite3.Connection, series: Series) -> list[Known]:
    spans = []
    for *row, mark in database.execute(_SPANS, series.key).fetchall():
        begins, ends, begun = map(_whole, row)
        many = _one(database, f"SELECT count(*) {_IN_SPAN}", (*series.key, begins, ends))
        if begins >= ends or mark not in (None, _mark(series, (begins, ends, begun, many))):
            raise Damaged("a span of candles is not as it was stored")
        spans.append(Known(_moment(begins), _moment(ends), begun))
    return spans


def _candles(database: sqlite3.Connection, series: Series, span: Span, latest: int | None = None) -> list[Candle]:
    values = (*series.key, *map(_seconds, span))
    many = _one(database, f"SELECT count(*) {_IN_SPAN}", values)
    most = many if latest is None else min(latest, many)
    rows = database.execute(f"SELECT * {_IN_SPAN} ORDER BY opens_at DESC LIMIT ?", (*values, most)).fetchall()
    if len(rows) != most:  # forwards there are others than backwards
        raise Damaged("candles are missing")
    return [_candle(series, row) for row in reversed(rows)]


def _mark_spans(database: sqlite3.Connection, series: Series, number: int) -> None:
    """Note of each span what is in it, so that candles that get lost are missed."""
    query = "SELECT begins, ends, begun FROM spans WHERE series = ?"
    for begins, ends, begun in database.execute(query, (number,)).fetchall():
        many = _one(database, _HOW_MANY, (number, begins, ends))
        marked = (_mark(series, (begins, ends, begun, many)), number, begins)
        database.execute("UPDATE spans SET mark = ? WHERE series = ? AND begins = ?", marked)


def _is_rescaled(database: sqlite3.Connection, number: int, candles: Sequence[Candle]) -> bool:
    """Whether new candles are a hundred times or more larger or smaller than those beside them, by a power of ten."""
    if not candles:
        return False
    first, last = candles[0], candles[-1]
    before = "SELECT close, opens_at FROM candles WHERE series = ? AND opens_at < ? ORDER BY opens_at DESC LIMIT 1"
    after = "SELECT open, opens_at FROM candles WHERE series = ? AND opens_at > ? ORDER BY opens_at LIMIT 1"
    for query, candle, price in ((before, first, first.open), (after, last, last.close)):
        row = database.execute(query, (number, _seconds(candle.opens_at))).fetchone()
        if row and price > 0 and row[0] > 0 and abs(_moment(row[1]) - candle.opens_at) <= max(_NEAR, candle.resolution):
            digits = math.log10(price / row[0])
            if abs(digits) > 1.9 and abs(digits - round(digits)) < 0.1:
                return True
    return False


def _join(database: sqlite3.Connection, number: int, new: Known) -> None:
    """Note a known span, as one with those that it meets."""
    begins, ends, begun = _seconds(new.begins), _seconds(new.ends), new.begun
    meeting = (number, ends, begins)
    query = "SELECT begins, ends, begun FROM spans WHERE series = ? AND begins <= ? AND ends >= ?"
    for known_from, known_until, known_begun in database.execute(query, meeting).fetchall():
        begins = min(begins, known_from)
        if known_until > ends:
            ends, begun = known_until, known_begun
    database.execute("DELETE FROM spans WHERE series = ? AND begins <= ? AND ends >= ?", meeting)
    database.execute("INSERT INTO spans VALUES (?, ?, ?, ?, NULL)", (number, begins, ends, begun))


def _seconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(seconds=1)


def _moment(seconds: object) -> datetime:
    return _EPOCH + timedelta(seconds=_whole(seconds))


def _whole(value: object) -> int:
    if not isinstance(value, int) or value not in _TIMES:
        raise Damaged(f"there is no whole number where one was stored, but {type(value).__name__}")
    return value


def _one(database: sqlite3.Connection, query: str, values: Sequence[Any]) -> Any:
    return database.execute(query, values).fetchone()[0]


def _mark(series: Series, values: Sequence[float | None]) -> int:
    # Version 2 of the format is the same for the same values, always.
    return zlib.crc32(marshal.dumps((series.key, tuple(values)), 2))


def _row(candle: Candle) -> tuple[float | None, ...]:
    sides = [
        (None,) * 4 if side is None else (side.open, side.high, side.low, side.close)
        for side in (candle.bid, candle.offer)
    ]
    prices = (candle.open, candle.high, candle.low, candle.close)
    numbers = (*prices, candle.volume, *sides[0], *sides[1])
    # As SQLite gives them back: floats, none of them the zero below zero.
    return (_seconds(candle.opens_at), *(None if number is None else float(number) + 0.0 for number in numbers))


def _candle(series: Series, row: tuple[Any, ...]) -> Candle:
    _, *values, mark = row
    if mark not in (None, _mark(series, values)) or not all(isinstance(price, float) for price in values[1:5]):
        raise Damaged("a candle is not as it was stored")
    opens_at, first, high, low, last, volume, *sides = values
    bid, offer = (None if None in side else Ohlc(*side) for side in (sides[:4], sides[4:]))
    return Candle(
        series.epic, series.resolution, _moment(opens_at), first, high, low, last, volume=volume, bid=bid, offer=offer
    )
