"""The cache of prices: whole, shared, bounded, and never in the way."""

from __future__ import annotations

import multiprocessing
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ig_sdk.rest.http.limits.points import PointsAllowance
from ig_sdk.rest.prices import cache as price_cache
from ig_sdk.rest.prices.cache import Known, PriceCache, Series
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
