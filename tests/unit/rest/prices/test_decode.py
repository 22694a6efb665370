"""Replies of /prices become candles: every version, every gap, quickly and carefully alike."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ig_sdk.errors import DecodeError
from ig_sdk.rest.http.limits.points import PointsAllowance
from ig_sdk.rest.prices.decode import PricePage, decode_prices, of_side
from ig_sdk.types import Candle, Ohlc, Resolution

UTC = timezone.utc
NOW = datetime(2025, 1, 6, 12, 0, 30, tzinfo=UTC)
EPIC = "CS.D.EURUSD.MINI.IP"


def decode(data: object, resolution: Resolution = Resolution.MINUTE, offset_h: float = 0) -> PricePage:
    body = data if isinstance(data, bytes) else json.dumps(data).encode()
    return decode_prices(body, EPIC, resolution, now=NOW, local_offset=lambda: timedelta(hours=offset_h))


def quote(bid: object = 1.0, ask: object = 1.2, last: object = None) -> dict[str, object]:
    return {"bid": bid, "ask": ask, "lastTraded": last}


def row(time: object = "2025-01-06T11:58:00", **changed: object) -> dict[str, Any]:
    return {
        "snapshotTime": "2025/01/06 12:58:00",
        "snapshotTimeUTC": time,
        "openPrice": quote(1.0, 1.2),
        "closePrice": quote(1.1, 1.3),
        "highPrice": quote(1.4, 1.6),
        "lowPrice": quote(0.8, 1.0),
        "lastTradedVolume": 7,
    } | changed


@pytest.mark.parametrize(
    ("name", "opens_at", "first", "count"),
    [
        ("prices_v1__range_day", "2020-09-01T04:00", (1992.7, 1993.3), 4),
        ("prices_v2__numpoints_day", "2020-10-09T04:00", (1915.5, 1916.1), 10),
        ("prices_v2__eurusd_cfd_hour_scaled", "2025-10-20T01:00", (11657.8, 11658.4), 10),
        ("prices_v3__brent_minute", "2021-10-13T07:13", (8290.2, 8293.0), 10),
        ("prices_v3__eurusd_mini_minute", "2021-10-13T07:06", (1.15476, 1.15485), 10),
        ("prices_v3__gbpusd_today_h4", "2021-01-26T00:00", (13676.1, 13677.6), 5),
        ("prices_v3__gold_minute", "2020-10-12T20:50", (1926.4, 1927.0), 10),
        ("prices_v3__gold_range_day", "2020-09-01T04:00", (1992.7, 1993.3), 4),
    ],
)
def test_recorded_replies(shared: Path, name: str, opens_at: str, first: tuple[float, float], count: int) -> None:
    """Every recorded reply is read whole: UTC times, IG's own levels, volumes and the allowance."""
    body = (shared / "wire" / "samples" / f"{name}.json").read_bytes()
    page = decode(body, offset_h=1)
    rows = json.loads(body)["prices"]
    assert (len(page.candles), page.unread) == (count, 0)
    candle = page.candles[0]
    assert candle.opens_at == datetime.fromisoformat(f"{opens_at}+00:00")
    assert candle.bid is not None
    assert candle.offer is not None
    assert (candle.bid.open, candle.offer.open) == first
    assert candle.open == pytest.approx(sum(first) / 2, rel=1e-15)
    assert [each.volume for each in page.candles] == [each["lastTradedVolume"] for each in rows]
    assert page.allowance is not None
    assert page.allowance.total == 10_000


def test_candle_holds_both_sides_and_their_means() -> None:
    """Open to close are the means of each pair; bid and offer are as they came; volume is a float."""
    (candle,) = decode({"prices": [row()]}).candles
    assert candle == Candle(
        EPIC, Resolution.MINUTE, datetime(2025, 1, 6, 11, 58, tzinfo=UTC), 1.1, 1.5, 0.9, 1.2000000000000002, 7.0,
        bid=Ohlc(1.0, 1.4, 0.8, 1.1), offer=Ohlc(1.2, 1.6, 1.0, 1.3),
    )  # fmt: skip
    assert isinstance(candle.volume, float)


def test_open_candle_is_not_complete() -> None:
    """A candle that closes at or before now is complete, a later one is not."""
    rows = [row("2025-01-06T11:59:00"), row("2025-01-06T12:00:00")]
    assert [candle.complete for candle in decode({"prices": rows}).candles] == [True, False]
    daily = [row("2025-01-05T12:00:00"), row("2025-01-05T12:01:00")]
    assert [candle.complete for candle in decode({"prices": daily}, Resolution.DAY).candles] == [True, False]


@pytest.mark.parametrize("quick", [True, False])
def test_order_and_duplicates(quick: bool) -> None:
    """Rows come out oldest first, and of two of one interval the later row counts."""
    extra = {} if quick else {"x": True}
    times = ["2025-01-06T11:58:00", "2025-01-06T11:57:00", "2025-01-06T11:58:00"]
    rows = [row(time, lastTradedVolume=number, **extra) for number, time in enumerate(times)]
    candles = decode({"prices": rows}).candles
    assert [(candle.opens_at.minute, candle.volume) for candle in candles] == [(57, 1.0), (58, 2.0)]


@pytest.mark.parametrize(
    ("quotes", "main", "bid", "offer"),
    [
        (quote(None, 1.2), 1.2, None, Ohlc(1.2, 1.2, 1.2, 1.2)),
        (quote(1.0, None), 1.0, Ohlc(1.0, 1.0, 1.0, 1.0), None),
        (quote(None, None, 3), 3.0, None, None),
        ({"bid": 1}, 1.0, Ohlc(1.0, 1.0, 1.0, 1.0), None),
        (quote(True, "2", 3.5), 3.5, None, None),
        (quote(1e999, 1.2), 1.2, None, Ohlc(1.2, 1.2, 1.2, 1.2)),
    ],
)
def test_missing_sides(quotes: object, main: float, bid: Ohlc | None, offer: Ohlc | None) -> None:
    """A side that IG does not send is None; the other counts, or else the last trade."""
    names = ("openPrice", "highPrice", "lowPrice", "closePrice")
    text = json.dumps({"prices": [row(**dict.fromkeys(names, quotes))]}).replace("Infinity", "1e999")
    (candle,) = decode(text.encode()).candles
    assert (candle.open, candle.bid, candle.offer) == (main, bid, offer)


def test_side_that_is_not_whole_is_not_known() -> None:
    """With one bid missing, the means use what there is and the bid side is None."""
    (candle,) = decode({"prices": [row(lowPrice=quote(None, 1.0))]}).candles
    assert (candle.low, candle.bid, candle.offer) == (1.0, None, Ohlc(1.2, 1.6, 1.0, 1.3))


@pytest.mark.parametrize("volume", [None, "7", {}, "absent"])
def test_missing_volume(volume: object) -> None:
    """A volume that is null, absent or no number is None, and the candle stays."""
    one = row(lastTradedVolume=volume)
    if volume == "absent":
        del one["lastTradedVolume"]
    (candle,) = decode({"prices": [one]}).candles
    assert candle.volume is None


@pytest.mark.parametrize(
    "broken",
    [
        None,
        [],
        row(openPrice=None),
        row(closePrice=quote(None, None)),
        row("yesterday", snapshotTime=None),
        row("2025-02-30T00:00:00", snapshotTime=None),
        row("0001-01-01T00:00:00-23:00", snapshotTime=None)
        | {"snapshotTimeUTC": None, "snapshotTime": "0001/01/01 00:00:00"},
    ],
)
def test_rows_without_time_or_price_are_left_out(broken: object) -> None:
    """A row that cannot be a candle is counted, and costs no other row."""
    page = decode({"prices": [row(), broken, row("2025-01-06T11:59:00")]}, offset_h=1)
    assert (len(page.candles), page.unread) == (2, 1)


@pytest.mark.parametrize("time", ["2025:01:06-13:58:00", "2025/01/06 13:58:00", "2025-01-06 13:58:00"])
def test_local_times(time: str) -> None:
    """Without a time in UTC, the local one less the login's offset counts."""
    (candle,) = decode({"prices": [row(None, snapshotTime=time)]}, offset_h=2).candles
    assert candle.opens_at == datetime(2025, 1, 6, 11, 58, tzinfo=UTC)


def test_offset_is_asked_for_only_when_needed() -> None:
    """Rows with a time in UTC need no login."""

    def offset() -> timedelta:
        raise AssertionError("not needed")

    body = json.dumps({"prices": [row()]}).encode()
    assert len(decode_prices(body, EPIC, Resolution.MINUTE, now=NOW, local_offset=offset).candles) == 1


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b"{}", b'{"prices": null}', b'{"prices": [NaN]}', b"\xff", b"[" * 100_000]
)
def test_what_is_no_reply(body: bytes) -> None:
    """Whatever is no reply of /prices is a DecodeError."""
    with pytest.raises(DecodeError):
        decode(body)


def test_paging_and_allowance() -> None:
    """Page numbers and the allowance are read in each version's place; what is odd about them does not matter."""
    allowance = {"remainingAllowance": 9, "totalAllowance": 10_000, "allowanceExpiry": 60}
    page = {"pageData": {"pageNumber": 2, "totalPages": 3}, "allowance": allowance}
    told = PointsAllowance(9, 10_000, NOW + timedelta(seconds=60))
    for data, number, pages in (({"metadata": page}, 2, 3), ({"allowance": allowance}, 0, 1)):
        read = decode({"prices": [], **data})
        assert (read.number, read.pages, read.allowance) == (number, pages, told)
    odd = decode(
        {"prices": [], "metadata": {"pageData": {"totalPages": -1}, "allowance": {"remainingAllowance": True}}}
    )
    assert (odd.number, odd.pages, odd.allowance) == (0, 1, None)


def test_allowance_is_full_again_when_its_period_is_over() -> None:
    """After resets_at everything is left and no period has begun; as text it is one line."""
    told = PointsAllowance(9, 10_000, NOW)
    assert told.at(NOW - timedelta(seconds=1)) is told
    assert told.at(NOW) == PointsAllowance(10_000, 10_000)
    assert str(told) == "9 of 10,000 points left, resets 2025-01-06 12:00 UTC"


def test_sides_are_chosen() -> None:
    """Bid and offer give their own open to close; a candle without that side is left out."""
    names = ("openPrice", "highPrice", "lowPrice", "closePrice")
    rows = [row(), row("2025-01-06T11:59:00", **dict.fromkeys(names, quote(None, 2.0)))]
    candles = decode({"prices": rows}).candles
    assert of_side(candles, "mid") == candles
    (bid,) = of_side(candles, "bid")
    assert (bid.open, bid.high, bid.low, bid.close) == (1.0, 1.4, 0.8, 1.1)
    assert [candle.open for candle in of_side(candles, "offer")] == [1.2, 2.0]


levels = st.one_of(st.none(), st.floats(-1e6, 1e6), st.integers(-10, 10), st.booleans(), st.just("1.5"))
fine = st.fixed_dictionaries({"bid": st.floats(-1e6, 1e6), "ask": st.floats(-1e6, 1e6), "lastTraded": st.none()})
quotes = st.one_of(
    fine,
    fine,
    fine,
    st.fixed_dictionaries({}, optional={"bid": levels, "ask": levels, "lastTraded": levels}),
    st.none(),
    st.just("x"),
)
TIMES = [None, "", "x", "2025-01-06", "2025-W02-1T00:00:00", "2025-01-06T11:58:00.5", "20250106T115800.123"]
moments = st.integers(0, 2_000_000_000).map(lambda second: datetime.fromtimestamp(second, UTC))
times = st.one_of(moments.map(lambda each: each.strftime("%Y-%m-%dT%H:%M:%S")), st.sampled_from(TIMES))
rows_of = st.fixed_dictionaries(
    {
        "snapshotTimeUTC": times,
        "openPrice": quotes,
        "closePrice": quotes,
        "highPrice": quotes,
        "lowPrice": quotes,
        "lastTradedVolume": levels,
    }
)


@given(st.lists(rows_of, max_size=6))
def test_the_quick_way_equals_the_careful_one(rows: list[dict[str, Any]]) -> None:
    """Whatever the rows hold, each makes the same candle alone, with others, and when read with care."""
    page = decode({"prices": rows})
    careful = decode({"prices": rows, "careful": True})
    assert page == careful
    assert len({candle.opens_at for candle in page.candles}) == len(page.candles)
    assert page.candles == sorted(page.candles, key=lambda candle: candle.opens_at)
    for candle in page.candles:
        assert all(type(price) is float for price in (candle.open, candle.high, candle.low, candle.close))


@given(st.binary(max_size=200))
def test_garbage_is_refused(body: bytes) -> None:
    """Random bytes are a DecodeError or no rows, and never another failure."""
    try:
        assert decode(body).candles == []
    except DecodeError:
        pass
