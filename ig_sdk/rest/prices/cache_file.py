"""The file under the cache of candles: transactions on it, and what to do when they fail.

Whatever fails costs the cache, never the call. A file that is damaged is set aside and a new one begun; one that is
locked, full or not to be written is left alone, and done without.
"""

from __future__ import annotations

import contextlib
import os
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from ig_sdk import logs

if TYPE_CHECKING:
    import sqlite3

_log = logs.get_logger("rest")
ResultT = TypeVar("ResultT")
Work = Callable[["sqlite3.Connection"], ResultT]

SCHEMA = 2
# ``mark`` is a checksum: a disk, or a copy that was cut short, may change bytes where SQLite does not notice.
_TABLES = """
CREATE TABLE series (
    id INTEGER PRIMARY KEY, source TEXT, epic TEXT, resolution TEXT, UNIQUE (source, epic, resolution)
);
CREATE TABLE candles (
    series INTEGER, opens_at INTEGER, open REAL NOT NULL, high REAL NOT NULL, low REAL NOT NULL, close REAL NOT NULL,
    volume REAL, bid_open REAL, bid_high REAL, bid_low REAL, bid_close REAL,
    offer_open REAL, offer_high REAL, offer_low REAL, offer_close REAL, mark INTEGER, PRIMARY KEY (series, opens_at)
) WITHOUT ROWID;
CREATE TABLE spans (
    series INTEGER, begins INTEGER, ends INTEGER, begun INTEGER, mark INTEGER, PRIMARY KEY (series, begins)
) WITHOUT ROWID;
CREATE TABLE allowances (
    source TEXT, account TEXT, remaining INTEGER, total INTEGER, resets_at INTEGER, PRIMARY KEY (source, account)
) WITHOUT ROWID
"""
# Of the first schema, which had no marks: rows without one are taken as they are.
_FROM_1 = "ALTER TABLE candles ADD COLUMN mark INTEGER; ALTER TABLE spans ADD COLUMN mark INTEGER"
# What SQLite reports as a failed operation though it is the file's content.
_CONTENT = re.compile(r"no such (table|column)|has no column|malformed|decode|corrupt")


class Damaged(Exception):
    """What was read is not what was written."""


class _Unusable(Exception):
    """The file is sound, and is not to be used now."""


class CacheFile:
    """One SQLite file, or one database in memory.

    Args:
        path: The file, made when needed; ``None`` for memory.

    Threading:
        Safe from any thread, and for several processes on one file: each transaction opens it again. The lock is held
        for one transaction, which takes milliseconds.
    """

    def __init__(self, path: str | os.PathLike[str] | None) -> None:
        self._path = None if path is None else Path(path)
        self._lock = threading.Lock()
        self._memory: sqlite3.Connection | None = None
        self._closed = False
        self._told = ""  # the failure that was reported last, until something works again

    def close(self) -> None:
        """Let go of what is in memory."""
        with self._lock:
            self._closed = True
            if self._memory is not None:
                self._memory.close()
                self._memory = None

    def run(self, work: Work[ResultT], patience_s: float) -> ResultT | None:
        """Return the result of one transaction; ``None`` if it cannot be had, and why is in the log.

        Args:
            work: Reads and writes.
            patience_s: Longest wait for other processes, and for other threads.
        """
        import sqlite3  # noqa: PLC0415 -- when a price is first asked for

        try:
            try:
                result = self._once(work, patience_s)
            except (Damaged, sqlite3.DatabaseError, UnicodeError) as error:
                # Locked, full, not to be written: the file itself may be sound.
                if isinstance(error, sqlite3.OperationalError) and not _CONTENT.search(str(error)):
                    raise
                self._set_aside(error)
                result = self._once(work, patience_s)
        except Exception as error:  # noqa: BLE001 -- whatever it is, it is beside the call
            self._report(str(error) or type(error).__name__)
            return None
        self._told = ""
        return result

    def _report(self, why: str) -> None:
        level = "warning" if why != self._told else "debug"
        self._told = why
        getattr(_log, level)("the price cache %s is not used this time: %s", self._path or "in memory", why)

    def _once(self, work: Work[ResultT], patience_s: float) -> ResultT:
        with self._connected(patience_s) as database, database:
            _prepare(database)
            return work(database)

    @contextlib.contextmanager
    def _connected(self, patience_s: float) -> Iterator[sqlite3.Connection]:
        # Threads queue here: SQLite lets those who wait for it look again now and then, and some never get their turn.
        if not self._lock.acquire(timeout=patience_s):
            raise _Unusable("other threads are at it")
        try:
            if self._path is not None:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                with contextlib.closing(_connect(str(self._path), patience_s)) as database:
                    yield database
                return
            if self._closed:
                raise _Unusable("the client is closed")
            if self._memory is None:
                self._memory = _connect(":memory:", patience_s)
            yield self._memory
        finally:
            self._lock.release()

    def _set_aside(self, error: Exception) -> None:
        """Move a broken file out of the way, unless another process has done so meanwhile."""
        if self._path is None or not (isinstance(error, (Damaged, UnicodeError)) or not _is_sound(str(self._path))):
            return
        aside = self._path.with_name(f"{self._path.name}.broken")
        _log.warning("the price cache %s is broken (%s): it is set aside as %s", self._path, error, aside.name)
        # A journal left behind would be applied to the new file.
        for ending in ("", "-journal", "-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                Path(f"{self._path}{ending}").replace(f"{aside}{ending}")


def _connect(name: str, patience_s: float) -> sqlite3.Connection:
    import sqlite3  # noqa: PLC0415 -- as in CacheFile.run

    # IMMEDIATE: a transaction that will write waits for others at its beginning, never in its middle.
    return sqlite3.connect(name, timeout=patience_s, isolation_level="IMMEDIATE", check_same_thread=False)


def _prepare(database: sqlite3.Connection) -> None:
    """Make the tables of a new file; refuse one that this version does not understand."""
    if _version(database) == SCHEMA:
        return
    database.execute("BEGIN IMMEDIATE")
    version = _version(database)  # another process may have been faster
    if version == SCHEMA:
        return
    if version != 1 and (version or database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]):
        raise _Unusable(f"its schema is number {version}, and this version of ig_sdk writes {SCHEMA}")
    for change in (_FROM_1 if version else _TABLES).split(";"):  # one by one: executescript() would end the transaction
        database.execute(change)
    database.execute(f"PRAGMA user_version = {SCHEMA}")


def _version(database: sqlite3.Connection) -> int:
    return int(database.execute("PRAGMA user_version").fetchone()[0])


def _is_sound(name: str) -> bool:
    import sqlite3  # noqa: PLC0415 -- as in CacheFile.run

    with contextlib.closing(_connect(name, 0.1)) as database:
        try:
            whole = database.execute("PRAGMA quick_check(1)").fetchone() == ("ok",)
            return bool(whole and (_version(database) != SCHEMA or database.execute(_TABLES_THERE).fetchone() == (4,)))
        except sqlite3.OperationalError as error:
            return not _CONTENT.search(str(error))  # busy: no verdict, so it stays
        except (sqlite3.DatabaseError, UnicodeError):
            return False


_TABLES_THERE = """
SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name IN ('series', 'candles', 'spans', 'allowances')
"""
