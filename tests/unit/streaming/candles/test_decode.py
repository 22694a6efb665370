"""IG's candle rows become closed candles, each once."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from ig_sdk.streaming.candles.decode import CandleDecoder, priced, scale_for
from ig_sdk.types import Candle, Ohlc, Resolution

START_MS = 1_736_121_600_000  # 2025-01-06
START = datetime(2025, 1, 6, tzinfo=timezone.utc)
MINUTE_MS = 60_000


def row(minute: int, close: float = 1.1, end: str = "0", **changes: str | None) -> dict[str, str | None]:
    sides = {"BID": close, "OFR": close + 0.5}
    values: dict[str, str | None] = {
        f"{side}_{part}": str(price + extra)
        for side, price in sides.items()
        for part, extra in (("OPEN", 0.0), ("HIGH", 0.25), ("LOW", -0.25), ("CLOSE", 0.0))
    }
    return values | {"UTM": str(START_MS + minute * MINUTE_MS), "CONS_END": end, "CONS_TICK_COUNT": "3"} | changes


def decoder() -> CandleDecoder:
    return CandleDecoder("A", "1MINUTE")


def minutes(candles: list[Candle]) -> list[tuple[int, bool, bool]]:
    return [(int((each.opens_at - START) / timedelta(minutes=1)), each.complete, each.gap) for each in candles]


def test_a_final_row_closes_its_candle_once():
    """In-progress rows close nothing; a final row that is repeated is counted."""
    source = decoder()
    assert source.row(row(0)) == []
    assert minutes(source.row(row(0, end="1"))) == [(0, False, False)]  # it may have begun before the subscription
    assert source.row(row(0, end="1")) == []
    assert minutes(source.row(row(1, end="1"))) == [(1, True, False)]
    assert source.row(row(0, end="1")) == []
    assert source.repeated == 2


def test_values_of_both_sides_and_their_means():
    """Bid, offer, and as the mid the means of each pair; ticks as IG counted them."""
    (candle,) = decoder().row(row(0, 1.0, end="1"))
    assert candle.bid == Ohlc(1.0, 1.25, 0.75, 1.0)
    assert candle.offer == Ohlc(1.5, 1.75, 1.25, 1.5)
    assert (candle.open, candle.high, candle.low, candle.close, candle.ticks) == (1.25, 1.5, 1.0, 1.25, 3)
    assert (candle.resolution, candle.opens_at) == (Resolution.MINUTE, START)
    assert priced(candle, "bid").high == 1.25
    assert priced(candle, "offer").low == 1.25


def test_a_missed_end_is_not_complete():
    """A later candle closes the one before as it was seen last."""
    source = decoder()
    source.row(row(0, end="1"))
    source.row(row(1))
    assert minutes(source.row(row(2))) == [(1, False, False)]
    assert minutes(source.row(row(2, end="1"))) == [(2, True, False)]


def test_a_hole_marks_the_candle_that_it_touches():
    """The one that was open, up to the next final row."""
    source = decoder()
    source.row(row(0, end="1"))
    source.row(row(1))
    source.mark_gap()
    assert minutes(source.row(row(1, end="1"))) == [(1, False, True)]
    assert minutes(source.row(row(2, end="1"))) == [(2, True, False)]


@pytest.mark.parametrize(
    ("changes", "counted"),
    [
        ({"UTM": None}, "incomplete"),
        ({"BID_OPEN": None}, "incomplete"),
        ({"OFR_CLOSE": ""}, "incomplete"),
        ({"UTM": "x"}, "undecodable"),
        ({"UTM": "9" * 20}, "undecodable"),
        ({"BID_HIGH": "nan"}, "undecodable"),
        ({"BID_HIGH": "1_0"}, "undecodable"),
    ],
)
def test_rows_that_cannot_be_read_are_counted(changes: dict[str, str | None], counted: str):
    """Null before the first value, or no number: no candle, no error."""
    source = decoder()
    assert source.row(row(0, end="1", **changes)) == []
    assert getattr(source, counted) == 1


def test_a_candle_without_a_count_of_ticks():
    """IG may leave it out."""
    (candle,) = decoder().row(row(0, end="1", CONS_TICK_COUNT=None))
    assert candle.ticks == 0


@pytest.mark.parametrize(
    ("length", "scale"),
    [("1s", "SECOND"), ("90s", "SECOND"), ("1m", "1MINUTE"), ("7m", "1MINUTE"), ("15m", "5MINUTE"), ("4h", "HOUR")],
)
def test_the_longest_scale_that_divides_is_taken(length: str, scale: str):
    """Fewer rows for the same candles."""
    assert scale_for(Resolution.parse(length)) == scale


@pytest.mark.shared
def test_published_candle_decodes(shared: Path):
    """The dump of a five-minute candle in progress, which has no count of its ticks."""
    items = json.loads((shared / "captures" / "items-2023-05.json").read_text(encoding="utf-8"))["events"]
    values = next(item["values"] for item in items if item["name"].startswith("CHART:"))
    source = CandleDecoder("IX.D.SPTRD.FWM1.IP", "5MINUTE")
    assert source.row(values) == []
    (candle,) = source.row(values | {"CONS_END": "1"})
    assert candle.opens_at == datetime(2023, 5, 9, 5, 55, tzinfo=timezone.utc)
    assert candle.bid == Ohlc(4150.38, 4150.63, 4150.13, 4150.38)
