"""Candles built from the vendors' ticks are the vendors' own: every interval, each side, to the last digit."""

from __future__ import annotations

import csv
import io
import json
import lzma
import struct
import zipfile
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from pathlib import Path

import pytest

from ig_sdk.candles import CandleAggregator
from ig_sdk.types import Candle, Ohlc, Tick

DAYS = ["20140501", "20140502", "20140504", "20140505", "20140506"]
# Lean's FXCM files are stamped in EST without daylight saving, its OANDA files in UTC (data/INDEX.md).
EAST = timezone(timedelta(hours=-5))
pytestmark = pytest.mark.shared


def rows(path: Path) -> Iterator[list[str]]:
    with zipfile.ZipFile(path) as archive, archive.open(archive.namelist()[0]) as file:
        yield from csv.reader(io.TextIOWrapper(file, "utf-8"))


def tick(time: datetime, bid: float, offer: float) -> Tick:
    return Tick("EURUSD", bid, offer, time, time, "file")


def built(ticks: Iterable[Tick], resolution: str) -> list[Candle]:
    aggregator = CandleAggregator(resolution)
    candles = [candle for item in ticks for candle in aggregator.on_tick(item)] + aggregator.flush()
    assert aggregator.late_ticks == 0
    return candles


def sides(candles: Iterable[Candle]) -> dict[datetime, tuple[Ohlc | None, Ohlc | None]]:
    return {candle.opens_at: (candle.bid, candle.offer) for candle in candles}


def side(row: list[str]) -> Ohlc | None:
    return Ohlc(*map(float, row)) if all(row) else None


@pytest.mark.parametrize("day", DAYS)
@pytest.mark.parametrize(("length", "resolution"), [("minute", "1m"), ("second", "1s")])
@pytest.mark.parametrize(("vendor", "zone"), [("oanda", timezone.utc), ("fxcm", EAST)])
def test_lean_candles(shared: Path, vendor: str, zone: timezone, length: str, resolution: str, day: str) -> None:
    """Minutes and seconds of OANDA and FXCM; FXCM's crossed quotes included."""
    midnight = datetime.strptime(day, "%Y%m%d").replace(tzinfo=zone)
    folder = shared / "data" / "lean" / vendor
    name = f"eurusd/{day}_quote.zip"

    def at(ms: str) -> datetime:
        return midnight + timedelta(milliseconds=int(ms))

    ticks = [tick(at(row[0]), float(row[1]), float(row[2])) for row in rows(folder / "tick" / name)]
    wanted = {at(row[0]): (side(row[1:5]), side(row[6:10])) for row in rows(folder / length / name)}
    candles = built(ticks, resolution)
    assert sides(candles) == wanted
    assert sum(candle.ticks for candle in candles) == len(ticks)
    assert sum(wanted_side is None for pair in wanted.values() for wanted_side in pair) == 0


@pytest.mark.parametrize("hour", [0, 10, 23])
def test_dukascopy_candles(shared: Path, hour: int) -> None:
    """Every minute of three hours; times are whole milliseconds, prices whole hundred-thousandths."""
    folder = shared / "data" / "dukascopy-theorycraft" / "EURUSD" / "2019" / "01" / "04"
    day = datetime(2019, 2, 4, tzinfo=timezone.utc)  # months are counted from 0 in the folder
    start = day + timedelta(hours=hour)

    def unpacked(name: str, form: str) -> Iterator[tuple[float, ...]]:
        return struct.iter_unpack(form, lzma.decompress((folder / name).read_bytes()))

    ticks = [
        tick(start + timedelta(milliseconds=ms), bid / 1e5, offer / 1e5)
        for ms, offer, bid, _, _ in unpacked(f"{hour:02}h_ticks.bi5", ">3I2f")
    ]
    candles = sides(built(ticks, "1m"))
    wanted: dict[str, dict[datetime, Ohlc]] = {}
    for name in ("BID", "ASK"):
        # Dukascopy's order is open, close, low, high.
        wanted[name] = {
            day + timedelta(seconds=s): Ohlc(o / 1e5, h / 1e5, low / 1e5, c / 1e5)
            for s, o, c, low, h, _ in unpacked(f"{name}_candles_min_1.bi5", ">5If")
            if hour * 3600 <= s < (hour + 1) * 3600
        }
    assert candles == {minute: (wanted["BID"][minute], wanted["ASK"][minute]) for minute in wanted["BID"]}
    assert len(candles) == 60


def test_histdata_file_through_the_reader(shared: Path) -> None:
    """A month read by ig_sdk.ticks: every tick in its candle, each candle that of its own ticks, on the hour of UTC."""
    ticks = pytest.importorskip("ig_sdk.ticks")
    path = shared / "data" / "origin" / "DAT_ASCII_EURUSD_T_202501.csv"
    read = list(ticks.read_ticks(path, epic="EURUSD"))
    inside: dict[datetime, list[Tick]] = {}
    for item in read:
        inside.setdefault(item.time.replace(minute=0, second=0, microsecond=0), []).append(item)
    candles = built(read, "1h")
    assert read[0].time == datetime(2025, 1, 1, 22, 0, 14, 647000, tzinfo=timezone.utc)
    assert sum(candle.ticks for candle in candles) == len(read) == 6336
    assert [candle.opens_at for candle in candles] == list(inside)
    for candle in candles:
        bids = [item.bid for item in inside[candle.opens_at]]
        assert candle.bid == Ohlc(bids[0], max(bids), min(bids), bids[-1])


def test_index_with_gaps(shared: Path) -> None:
    """Gaps of minutes leave no candle, or a flat one when asked for."""
    path = shared / "data" / "dukascopy-node" / "index-ticks-with-gaps-20220527.json"
    ticks = [
        tick(datetime.fromtimestamp(ms / 1000, timezone.utc), bid, offer)
        for ms, offer, bid, *_ in json.loads(path.read_text(encoding="utf-8"))
    ]
    with_ticks = built(ticks, "10s")
    filled = CandleAggregator("10s", fill_quiet=True)
    every = [candle for item in ticks for candle in filled.on_tick(item)] + filled.flush()
    assert [candle for candle in every if candle.ticks] == with_ticks
    assert len(every) > len(with_ticks)
    assert {b.opens_at - a.opens_at for a, b in pairwise(every)} == {timedelta(seconds=10)}
