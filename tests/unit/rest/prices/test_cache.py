"""The cache of prices: whole, shared, bounded, and never in the way."""

from __future__ import annotations

import errno
import multiprocessing
import os
import sqlite3
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ig_sdk.rest.http.limits.points import PointsAllowance
from ig_sdk.rest.prices import cache as price_cache
from ig_sdk.rest.prices import cache_file
from ig_sdk.rest.prices.cache import PriceCache
from ig_sdk.rest.prices.series import Known, Series
from ig_sdk.types import Candle, Ohlc, Resolution

T0 = datetime(2025, 1, 6, tzinfo=timezone.utc)
SERIES = Series("demo", "CS.D.EURUSD.MINI.IP", Resolution.MINUTE)


def at(minute: float) -> datetime:
    return T0 + timedelta(minutes=minute)


def candle(minute: int, price: float = 1.5, **changed: Any) -> Candle:
    side = Ohlc(price, price + 1, price - 1, price)
    known: dict[str, Any] = {"volume": 5.0, "bid": side, "offer": side} | changed
    return Candle(SERIES.epic, SERIES.resolution, at(minute), price, price + 1, price - 1, price, **known)


@pytest.fixture(params=["file", "memory"])
def cache(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[PriceCache]:
    """A cache on disk, and one in memory."""
    with closing(PriceCache(tmp_path / "folder" / "prices.sqlite" if request.param == "file" else None)) as made:
        yield made


def test_candles_come_back_as_they_were(cache: PriceCache) -> None:
    """What was stored is returned equal: absent sides and volumes too."""
    candles = [candle(0), candle(1, bid=None), candle(2, offer=None, volume=None), candle(5, -37.63)]
    cache.store(SERIES, candles, Known(at(0), at(6)))
    assert cache.candles(SERIES, (at(0), at(6))) == candles
    assert cache.candles(SERIES, (at(1), at(5))) == candles[1:3]
    assert cache.candles(SERIES, (at(0), at(6)), latest=2) == candles[2:]
    assert cache.count(SERIES, (at(1), at(6))) == 3
    assert cache.known(SERIES) == [Known(at(0), at(6))]


def test_series_are_apart(cache: PriceCache) -> None:
    """Environment, epic and resolution each make a series of their own."""
    cache.store(SERIES, [candle(0)], Known(at(0), at(1)))
    others = [
        Series("live", SERIES.epic, SERIES.resolution),
        Series("demo", "CS.D.EURUSD.CFD.IP", SERIES.resolution),
        Series("demo", SERIES.epic, Resolution.MINUTE_2),
    ]
    assert [cache.candles(other, (at(0), at(1))) + cache.known(other) for other in others] == [[], [], []]


def test_later_candles_replace(cache: PriceCache) -> None:
    """A candle stored again is the one that counts."""
    cache.store(SERIES, [candle(0, 1.5)], None)
    cache.store(SERIES, [candle(0, 1.6)], None)
    assert [each.open for each in cache.candles(SERIES, (at(0), at(1)))] == [1.6]


minutes = st.integers(0, 30)


@given(st.lists(st.tuples(minutes, minutes, st.integers(0, 2)), max_size=12))
def test_spans_join(spans: list[tuple[int, int, int]]) -> None:
    """Known spans are in order and apart, hold exactly the instants that were stored, and the last knows what had begun."""
    with closing(PriceCache(None)) as cache:
        for begins, ends, begun in spans:
            cache.store(SERIES, [], Known(at(begins), at(ends), begun))
        known = cache.known(SERIES)
    stored = {minute for begins, ends, _ in spans for minute in range(begins, ends)}
    assert {minute for minute in range(31) if any(each.begins <= at(minute) < each.ends for each in known)} == stored
    assert all(earlier.ends < later.begins for earlier, later in pairwise(known))
    if known:
        last = max(ends for begins, ends, _ in spans if begins < ends)
        assert (known[-1].ends, known[-1].begun in {begun for _, ends, begun in spans if ends == last}) == (
            at(last),
            True,
        )


def test_allowance_is_kept(cache: PriceCache) -> None:
    """What was told of each account's points is there for the next client."""
    told = PointsAllowance(9, 10_000, at(0))
    cache.keep_allowance("demo", "ABC", told)
    cache.keep_allowance("demo", "XYZ", PointsAllowance(1, 2))
    assert (cache.allowance("demo", "ABC"), cache.allowance("demo", "XYZ")) == (told, PointsAllowance(1, 2))
    assert cache.allowance("live", "ABC") is None


@pytest.mark.parametrize(
    ("old", "new", "began_anew"), [(1.15, 11_600.0, True), (11_600.0, 1.15, True), (1.1, 6.0, False)]
)
def test_another_notation_begins_anew(cache: PriceCache, old: float, new: float, began_anew: bool) -> None:
    """Candles a power of ten off their neighbours are of another notation and replace them; a crash is none."""
    cache.store(SERIES, [candle(0, old), candle(1, old)], Known(at(0), at(2)))
    assert cache.store(SERIES, [candle(2, new)], Known(at(2), at(3))) is began_anew
    kept = [each.open for each in cache.candles(SERIES, (at(0), at(9)))]
    assert kept == ([new] if began_anew else [old, old, new])
    assert len(cache.known(SERIES)) == 1


def test_a_hundredfold_in_years_is_the_market(cache: PriceCache) -> None:
    """Candles far apart in time are not compared."""
    cache.store(SERIES, [candle(0, 10.0)], Known(at(0), at(1)))
    year = 365 * 24 * 60
    assert cache.store(SERIES, [candle(year, 1000.0)], Known(at(year), at(year + 1))) is False
    assert len(cache.known(SERIES)) == 2


@pytest.mark.parametrize("content", [b"this is no database at all" * 100, b"SQLite format 3\x00" + bytes(4000)])
def test_broken_file_is_set_aside(tmp_path: Path, caplog: pytest.LogCaptureFixture, content: bytes) -> None:
    """A broken file is moved, with a warning, and a new one is used at once; a stray journal goes along."""
    path = tmp_path / "prices.sqlite"
    path.write_bytes(content)
    (tmp_path / "prices.sqlite-journal").write_bytes(b"left behind")
    cache = PriceCache(path)
    cache.store(SERIES, [candle(0)], Known(at(0), at(1)))
    assert cache.candles(SERIES, (at(0), at(1))) == [candle(0)]
    assert (tmp_path / "prices.sqlite.broken").read_bytes() == content
    assert not (tmp_path / "prices.sqlite-journal").exists()
    assert ["broken" in record.message for record in caplog.records] == [True]


def test_file_broken_in_its_middle_is_set_aside(tmp_path: Path) -> None:
    """Pages overwritten inside a sound header are found when they are read."""
    path = tmp_path / "prices.sqlite"
    cache = PriceCache(path)
    cache.store(SERIES, [candle(minute) for minute in range(5000)], Known(at(0), at(5000)))
    whole = path.read_bytes()
    path.write_bytes(whole[:4096] + b"\xff" * (len(whole) - 4096))
    assert cache.candles(SERIES, (at(0), at(5000))) == []
    cache.store(SERIES, [candle(0)], Known(at(0), at(1)))
    assert cache.known(SERIES) == [Known(at(0), at(1))]


@pytest.mark.parametrize("version", [0, 99])
def test_files_of_others_are_left_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture, version: int) -> None:
    """A file of a later version, or of another program, is neither used nor touched."""
    path = tmp_path / "prices.sqlite"
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE theirs (value)")
        database.execute(f"PRAGMA user_version = {version}")
        database.commit()
    before = path.read_bytes()
    cache = PriceCache(path)
    assert cache.store(SERIES, [candle(0)], Known(at(0), at(1))) is False
    assert cache.known(SERIES) == []
    assert path.read_bytes() == before
    assert all("schema" in record.message for record in caplog.records)


def test_folder_that_cannot_be_made(tmp_path: Path) -> None:
    """Where nothing can be written the cache is empty, and nobody fails."""
    (tmp_path / "file").write_text("in the way")
    cache = PriceCache(tmp_path / "file" / "prices.sqlite")
    cache.store(SERIES, [candle(0)], Known(at(0), at(1)))
    assert cache.candles(SERIES, (at(0), at(1))) == []


def test_locked_file_is_done_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When another process holds the file for longer than the patience, the work is left undone and the file kept."""
    monkeypatch.setattr(price_cache, "_PATIENCE_S", 0.05)
    path = tmp_path / "prices.sqlite"
    cache = PriceCache(path)
    cache.store(SERIES, [candle(0)], Known(at(0), at(1)))
    with closing(sqlite3.connect(path)) as other:
        other.execute("BEGIN EXCLUSIVE")
        cache.store(SERIES, [candle(1)], Known(at(1), at(2)))
        assert cache.known(SERIES) == []
    assert cache.known(SERIES) == [Known(at(0), at(1))]


def test_many_threads(cache: PriceCache) -> None:
    """Threads that write and read at once lose nothing."""

    def work(number: int) -> int:
        cache.store(SERIES, [candle(number)], Known(at(number), at(number + 1)))
        return cache.count(SERIES, (at(number), at(number + 1)))

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(64))) == [1] * 64
    assert cache.known(SERIES) == [Known(at(0), at(64))]


def _fill(path: Path, first: int) -> None:
    cache = PriceCache(path)
    for minute in range(first, first + 20):
        cache.store(SERIES, [candle(minute)], Known(at(minute), at(minute + 1)))


def test_many_processes(tmp_path: Path) -> None:
    """Processes that begin on a file that does not exist yet make it once and share it."""
    path = tmp_path / "prices.sqlite"
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_fill, args=(path, 20 * number)) for number in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(50)
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    cache = PriceCache(path)
    assert cache.known(SERIES) == [Known(at(0), at(60))]
    assert cache.count(SERIES, (at(0), at(60))) == 60


def _bytes_of(path: Path) -> bytes:
    with closing(PriceCache(path)) as cache:
        cache.store(SERIES, [candle(minute) for minute in range(300)], Known(at(0), at(300)))
        cache.store(OTHER, [candle(minute, 7.5) for minute in range(300)], Known(at(0), at(400)))
        cache.keep_allowance("demo", "ABC", PointsAllowance(9, 10_000, at(0)))
    return path.read_bytes()


OTHER = Series("demo", "CS.D.GBPUSD.MINI.IP", Resolution.MINUTE)
_WHOLE: list[bytes] = []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    st.lists(st.tuples(st.integers(0, 2**20), st.integers(0, 255)), min_size=1, max_size=12),
    st.none() | st.integers(0, 40_000),
)
def test_damaged_bytes_cost_the_cache_and_nothing_else(
    tmp_path: Path, damage: list[tuple[int, int]], length: int | None
) -> None:
    """Whatever is changed in the file, or cut from it: no error, and never a candle or a span that was not stored."""
    path = tmp_path / "prices.sqlite"
    for each in tmp_path.iterdir():
        each.unlink()
    if not _WHOLE:
        _WHOLE.append(_bytes_of(path))
    content = bytearray(_WHOLE[0])
    for place, value in damage:
        content[place % len(content)] = value
    path.write_bytes(content[:length])
    cache = PriceCache(path)
    for series, price, ends in ((SERIES, 1.5, 300), (OTHER, 7.5, 400)):
        known, found = cache.recall(series, (at(0), at(999)))
        whole = [replace(candle(minute, price), epic=series.epic) for minute in range(300)]
        if known:
            assert (known, found) == ([Known(at(0), at(ends))], whole)
        assert all(each in whole for each in found)
        last, found = cache.recall_latest(series, 5)
        assert last is None or (last, found) == (Known(at(0), at(ends)), whole[-5:])
        assert cache.count(series, (at(0), at(9))) <= 9
    told = cache.allowance("demo", "ABC")
    assert told is None or told.total >= 0
    cache.store(SERIES, [candle(0)], Known(at(0), at(1)))
    cache.keep_allowance("demo", "ABC", PointsAllowance(1, 2))


def test_lost_candles_are_missed(tmp_path: Path) -> None:
    """A known span that holds fewer candles than were stored is not taken for a closed market."""
    path = tmp_path / "prices.sqlite"
    cache = PriceCache(path)
    cache.store(SERIES, [candle(minute) for minute in range(9)], Known(at(0), at(9)))
    with closing(sqlite3.connect(path)) as database:
        database.execute("DELETE FROM candles WHERE opens_at = ?", (int(at(4).timestamp()),))
        database.commit()
    assert cache.known(SERIES) == []
    assert (tmp_path / "prices.sqlite.broken").exists()


def test_file_of_the_first_schema_goes_on(tmp_path: Path) -> None:
    """What was paid for before there were checksums is still there, and new rows join it."""
    path = tmp_path / "prices.sqlite"
    cache = PriceCache(path)
    cache.store(SERIES, [candle(0)], Known(at(0), at(1)))
    with closing(sqlite3.connect(path)) as database:
        for table in ("candles", "spans"):
            database.execute(f"ALTER TABLE {table} DROP COLUMN mark")
        database.execute("PRAGMA user_version = 1")
        database.commit()
    assert cache.candles(SERIES, (at(0), at(9))) == [candle(0)]
    cache.store(SERIES, [candle(1)], Known(at(1), at(2)))
    assert cache.known(SERIES) == [Known(at(0), at(2))]
    assert cache.candles(SERIES, (at(0), at(9))) == [candle(0), candle(1)]


class _FullDisk(sqlite3.Connection):
    def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
        if not sql.startswith(("SELECT", "PRAGMA user_version")):
            raise sqlite3.OperationalError("database or disk is full")
        return super().execute(sql, *values)

    def executemany(self, *_: Any) -> sqlite3.Cursor:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """What cannot be written is not kept; it is said once, and what is there is still read."""
    path = tmp_path / "prices.sqlite"
    cache = PriceCache(path)
    cache.store(SERIES, [candle(0)], Known(at(0), at(1)))
    monkeypatch.setattr(
        cache_file, "_connect", lambda name, patience_s: sqlite3.connect(name, timeout=patience_s, factory=_FullDisk)
    )
    for minute in range(1, 4):
        assert cache.store(SERIES, [candle(minute)], Known(at(minute), at(minute + 1))) is False
    assert [record.levelname for record in caplog.records] == ["WARNING", "DEBUG", "DEBUG"][: len(caplog.records)]
    assert "disk is full" in caplog.records[0].getMessage()
    assert cache.candles(SERIES, (at(0), at(9))) == [candle(0)]
    assert not (tmp_path / "prices.sqlite.broken").exists()


@pytest.mark.skipif(sys.platform == "win32" or not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write")
def test_folder_that_may_not_be_written(tmp_path: Path) -> None:
    """A cache that can only be read is read."""
    path = tmp_path / "prices.sqlite"
    cache = PriceCache(path)
    cache.store(SERIES, [candle(0)], Known(at(0), at(1)))
    path.chmod(0o400)
    tmp_path.chmod(0o500)
    try:
        assert cache.candles(SERIES, (at(0), at(9))) == [candle(0)]
        assert cache.store(SERIES, [candle(1)], None) is False
    finally:
        tmp_path.chmod(0o700)


def test_a_call_waits_for_a_locked_file_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All that one call does with a locked file takes no longer than it can spare."""
    path = tmp_path / "prices.sqlite"
    root = PriceCache(path)
    root.store(SERIES, [candle(0)], Known(at(0), at(1)))
    waits: list[float] = []

    def connect(name: str, patience_s: float) -> sqlite3.Connection:
        waits.append(patience_s)
        return sqlite3.connect(name, timeout=patience_s, isolation_level="IMMEDIATE")

    monkeypatch.setattr(cache_file, "_connect", connect)
    with closing(sqlite3.connect(path)) as other:
        other.execute("BEGIN EXCLUSIVE")
        cache = root.within(0.05)
        assert cache.known(SERIES) == []
        assert cache.candles(SERIES, (at(0), at(1))) == []
        cache.store(SERIES, [candle(1)], None)
        assert cache.allowance("demo", "ABC") is None
    assert waits == [0.05, 0.0, 0.0, 0.0]
    assert root.known(SERIES) == [Known(at(0), at(1))]
    assert root.within(100.0).known(SERIES) == [Known(at(0), at(1))]
    assert max(waits) <= 2.0
