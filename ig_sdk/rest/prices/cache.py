"""Candles that were paid for, kept on disk: one SQLite file for any number of threads, clients and processes.

It holds closed candles only, and which instants are known: a gap inside of those is a market that was closed, and is
not asked for again. A failure of the file costs the cache, never the call: it is logged, and the call
goes on without it.

Levels stay in the notation in which IG sent them. One market was seen ten thousand times larger on one account than on
another (REST.md section 7), so a series whose notation changes starts over.
"""

from __future__ import annotations

import contextlib
import math
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, TypeVar

from ig_sdk import logs
from ig_sdk.process import Home
from ig_sdk.rest.prices.candle_times import Span
from ig_sdk.rest.prices.decode import PointsAllowance
from ig_sdk.types import Candle, Ohlc, Resolution

_log = logs.get_logger("rest")
ResultT = TypeVar("ResultT")
_Work = Callable[[sqlite3.Connection], ResultT]

SCHEMA = 1
# Longest wait for another process, or thread, that is at the file, which takes milliseconds.
_PATIENCE_S = 5.0
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_TABLES = """
CREATE TABLE series (
    id INTEGER PRIMARY KEY, source TEXT, epic TEXT, resolution TEXT, UNIQUE (source, epic, resolution)
);
CREATE TABLE candles (
    series INTEGER, opens_at INTEGER, open REAL NOT NULL, high REAL NOT NULL, low REAL NOT NULL, close REAL NOT NULL,
    volume REAL, bid_open REAL, bid_high REAL, bid_low REAL, bid_close REAL,
    offer_open REAL, offer_high REAL, offer_low REAL, offer_close REAL, PRIMARY KEY (series, opens_at)
) WITHOUT ROWID;
CREATE TABLE spans (
    series INTEGER, begins INTEGER, ends INTEGER, begun INTEGER, PRIMARY KEY (series, begins)
) WITHOUT ROWID;
CREATE TABLE allowances (
    source TEXT, account TEXT, remaining INTEGER, total INTEGER, resets_at INTEGER, PRIMARY KEY (source, account)
) WITHOUT ROWID
"""
_PUT_CANDLE = "INSERT OR REPLACE INTO candles VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_THIS_SERIES = "(SELECT id FROM series WHERE source = ? AND epic = ? AND resolution = ?)"
_SPANS = f"SELECT begins, ends, begun FROM spans WHERE series = {_THIS_SERIES} ORDER BY begins"  # noqa: S608 -- ours
_IN_SPAN = f"FROM candles WHERE series = {_THIS_SERIES} AND opens_at >= ? AND opens_at < ?"
# How near in time two candles must be for a jump between them to be one of notation rather than of the market.
_NEAR = timedelta(days=7)


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


class PriceCache:
    """The cache of one client.

    Args:
        path: Its file, made when needed; ``None`` keeps everything in memory, for this client alone.

    Threading:
        Safe from any thread of its process, and for several caches in several processes on one file: each operation
        opens it again, is one transaction, and waits five seconds at most for other processes, and as long for other
        threads. In a process that was forked off later every call raises ``UsageError``.
    """

    def __init__(self, path: str | os.PathLike[str] | None) -> None:
        self._path = None if path is None else Path(path)
        self._home = Home("price cache", "make a new IGClient in this process, after the fork")
        self._lock = threading.Lock()  # held for one transaction, which takes milliseconds
        self._memory: sqlite3.Connection | None = None
        self._closed = False

    def close(self) -> None:
        """Let go of what is in memory."""
        if self._home.left:
            return
        with self._lock:
            self._closed = True
            if self._memory is not None:
                self._memory.close()
                self._memory = None

    def known(self, series: Series) -> list[Known]:
        """Return the spans that are known, in order and apart from each other."""
        rows = self._rows(_SPANS, series.key)
        return [Known(_moment(begins), _moment(ends), begun) for begins, ends, begun in rows]

    def candles(self, series: Series, span: Span, *, latest: int | None = None) -> list[Candle]:
        """Return the candles of a span that are here, oldest first; ``known`` says whether they are all.

        Args:
            series: Which.
            span: Instants at which they open.
            latest: Return so many of the latest only.
        """
        query = f"SELECT * {_IN_SPAN} ORDER BY opens_at DESC LIMIT ?"
        values = (*series.key, *map(_seconds, span), -1 if latest is None else latest)
        return [_candle(series, row) for row in reversed(self._rows(query, values))]

    def count(self, series: Series, span: Span) -> int:
        """Return how many candles of a span are here."""
        rows = self._rows(f"SELECT count(*) {_IN_SPAN}", (*series.key, *map(_seconds, span)))
        return int(rows[0][0]) if rows else 0

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
        for remaining, total, ends in self._rows(query, (source, account)):
            return PointsAllowance(remaining, total, None if ends is None else _moment(ends))
        return None

    def keep_allowance(self, source: str, account: str, told: PointsAllowance) -> None:
        """Keep what IG reported of an account's points."""
        ends = None if told.resets_at is None else _seconds(told.resets_at)
        row = (source, account, told.remaining, told.total, ends)
        query = "INSERT OR REPLACE INTO allowances VALUES (?, ?, ?, ?, ?)"
        self._do(lambda database: database.execute(query, row), otherwise=None)

    def _rows(self, query: str, values: Sequence[Any]) -> list[Any]:
        return self._do(lambda database: database.execute(query, values).fetchall(), otherwise=[])

    def _do(self, work: _Work[ResultT], *, otherwise: ResultT) -> ResultT:
        """Return the result of one transaction; if it cannot be had, log why and return ``otherwise``."""
        self._home.check()  # a connection that another thread had open at the fork must not be used by both processes
        try:
            try:
                return self._once(work)
            except sqlite3.OperationalError:  # locked, full, not to be written: the file itself may be sound
                raise
            except sqlite3.DatabaseError as error:
                self._set_aside(error)
                return self._once(work)
        except (sqlite3.Error, OSError, OverflowError) as error:
            _log.warning("the price cache %s is not used this time: %s", self._path or "in memory", error)
            return otherwise

    def _once(self, work: _Work[ResultT]) -> ResultT:
        with self._connected() as database, database:
            _prepare(database)
            return work(database)

    @contextlib.contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        # Threads queue here: SQLite lets those who wait for it look again now and then, and some never get their turn.
        if not self._lock.acquire(timeout=_PATIENCE_S):
            raise sqlite3.OperationalError("other threads are at it")
        try:
            if self._path is not None:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                with contextlib.closing(_connect(str(self._path))) as database:
                    yield database
                return
            if self._closed:
                raise sqlite3.OperationalError("the client is closed")
            if self._memory is None:
                self._memory = _connect(":memory:")
            yield self._memory
        finally:
            self._lock.release()

    def _set_aside(self, error: sqlite3.DatabaseError) -> None:
        """Move a broken file out of the way, unless another process has done so meanwhile."""
        if self._path is None or _is_sound(str(self._path)):
            return
        aside = self._path.with_name(f"{self._path.name}.broken")
        _log.warning("the price cache %s is broken (%s): it is set aside as %s", self._path, error, aside.name)
        # A journal left behind would be applied to the new file.
        for ending in ("", "-journal", "-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                Path(f"{self._path}{ending}").replace(f"{aside}{ending}")


def _connect(name: str) -> sqlite3.Connection:
    # IMMEDIATE: a transaction that will write waits for others at its beginning, never in its middle.
    return sqlite3.connect(name, timeout=_PATIENCE_S, isolation_level="IMMEDIATE", check_same_thread=False)


def _prepare(database: sqlite3.Connection) -> None:
    """Make the tables of a new file; refuse one that this version does not understand."""
    if _version(database) == SCHEMA:
        return
    database.execute("BEGIN IMMEDIATE")
    version = _version(database)  # another process may have been faster
    if version == SCHEMA:
        return
    if version or database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        raise sqlite3.OperationalError(f"its schema is number {version}, and this version of ig_sdk writes {SCHEMA}")
    for table in _TABLES.split(";"):  # one by one: executescript() would end the transaction
        database.execute(table)
    database.execute(f"PRAGMA user_version = {SCHEMA}")


def _version(database: sqlite3.Connection) -> int:
    return int(database.execute("PRAGMA user_version").fetchone()[0])


def _is_sound(name: str) -> bool:
    with contextlib.closing(_connect(name)) as database:
        try:
            return bool(database.execute("PRAGMA quick_check(1)").fetchone() == ("ok",))
        except sqlite3.OperationalError:
            return True  # busy: no verdict, so it stays
        except sqlite3.DatabaseError:
            return False


def _put(database: sqlite3.Connection, series: Series, candles: Sequence[Candle], known: Known | None) -> bool:
    database.execute("INSERT OR IGNORE INTO series (source, epic, resolution) VALUES (?, ?, ?)", series.key)
    ((number,),) = database.execute(f"SELECT {_THIS_SERIES}", series.key)
    rescaled = _is_rescaled(database, number, candles)
    if rescaled:
        _log.warning("prices of %s come in another notation than before: its cache begins anew", series.epic)
        database.execute("DELETE FROM candles WHERE series = ?", (number,))
        database.execute("DELETE FROM spans WHERE series = ?", (number,))
    database.executemany(_PUT_CANDLE, [(number, *_row(candle)) for candle in candles])
    if known is not None and known.begins < known.ends:
        _join(database, number, known)
    return rescaled


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
    database.execute("INSERT INTO spans VALUES (?, ?, ?, ?)", (number, begins, ends, begun))


def _seconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(seconds=1)


def _moment(seconds: int) -> datetime:
    return _EPOCH + timedelta(seconds=seconds)


def _row(candle: Candle) -> tuple[float | None, ...]:
    sides = [
        (None,) * 4 if side is None else (side.open, side.high, side.low, side.close)
        for side in (candle.bid, candle.offer)
    ]
    prices = (candle.open, candle.high, candle.low, candle.close)
    return (_seconds(candle.opens_at), *prices, candle.volume, *sides[0], *sides[1])


def _candle(series: Series, row: tuple[Any, ...]) -> Candle:
    _, opens_at, first, high, low, last, volume, *sides = row
    bid, offer = (None if None in side else Ohlc(*side) for side in (sides[:4], sides[4:]))
    return Candle(
        series.epic, series.resolution, _moment(opens_at), first, high, low, last, volume=volume, bid=bid, offer=offer
    )
