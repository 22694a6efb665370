"""Words that several areas share."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from datetime import datetime, timedelta, timezone
from decimal import Decimal

import pytest

from ig_sdk.types import PAIRS, Candle, Direction, Limit, Ohlc, Resolution, Stop, Tick, decimal_of, epic_for

NOW = datetime(2025, 1, 6, 9, tzinfo=timezone.utc)


@pytest.mark.parametrize("pair", PAIRS)
def test_the_five_pairs_have_epics_by_name(pair: str) -> None:
    """With or without a slash, in any case."""
    epic = f"CS.D.{pair}.MINI.IP"
    assert {epic_for(pair), epic_for(pair.lower()), epic_for(f"{pair[:3]}/{pair[3:]}")} == {epic}


def test_any_other_market_is_its_own_epic() -> None:
    """An epic stays as it is; what is no text is refused."""
    assert epic_for("IX.D.DAX.IFMM.IP") == "IX.D.DAX.IFMM.IP"
    with pytest.raises(TypeError, match="None"):
        epic_for(None)  # type: ignore[arg-type]


def test_directions_are_read_in_any_case() -> None:
    """Text or member; anything else is named in the error."""
    assert Direction.parse("buy") is Direction.BUY
    assert Direction.parse(Direction.SELL) is Direction.SELL
    assert (Direction.BUY.opposite, Direction.SELL.opposite) == (Direction.SELL, Direction.BUY)
    assert str(Direction.BUY) == "BUY"
    for wrong in ("long", "", None):
        with pytest.raises(ValueError, match="'BUY' or 'SELL'"):
            Direction.parse(wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("90s", 90),
        ("7m", 420),
        (" 2 H ", 7200),
        ("1d", 86_400),
        ("minute_5", 300),
        (timedelta(seconds=11), 11),
        ("D", 86_400),
        ("H", 3600),
        ("h", 3600),
        ("W", 604_800),
        ("15Min", 900),
        ("1min", 60),
        ("5T", 300),
        ("30S", 30),
    ],
)
def test_resolutions_are_read_from_text_and_lengths(value: str | timedelta, seconds: int) -> None:
    """Names, lengths with a unit, timedeltas of whole seconds."""
    assert Resolution.parse(value) == timedelta(seconds=seconds)


def test_a_length_that_ig_names_becomes_that_member() -> None:
    """So that "1m" and MINUTE are one thing; a month is not thirty days."""
    assert Resolution.parse("1m") is Resolution.MINUTE
    assert Resolution.parse(Resolution.MINUTE) is Resolution.MINUTE
    assert Resolution.parse("30d") is not Resolution.MONTH
    assert timedelta(minutes=1) == Resolution.MINUTE
    assert {Resolution.MINUTE: 1}[timedelta(minutes=1)] == 1  # type: ignore[index]
    assert (str(Resolution.HOUR_4), repr(Resolution.HOUR_4)) == ("HOUR_4", "Resolution.HOUR_4")
    assert copy.deepcopy(Resolution.DAY) is Resolution.DAY
    assert pickle.loads(pickle.dumps(Resolution.DAY)) is Resolution.DAY


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "M",
        "5M",
        "1ME",
        "0s",
        "-1m",
        "1.5m",
        "9" * 5000 + "d",
        "99999999999d",
        timedelta(0),
        timedelta(milliseconds=5),
        60,
        None,
    ],
)
def test_other_resolutions_are_refused_with_what_is_allowed(wrong: object) -> None:
    """The error names the forms."""
    with pytest.raises(ValueError, match=r"MINUTE_5, .*'90s'"):
        Resolution.parse(wrong)  # type: ignore[arg-type]


def test_prices_print_without_the_noise_of_binary_fractions() -> None:
    """A spread, and the prices of a candle, show the digits that they have."""
    assert str(Tick("E", 1.18617, 1.18623, NOW, NOW).spread) == "6e-05"
    side = Ohlc(1.1, (1.18621 + 1.18625) / 2, 1.0, 1.1)
    candle = Candle("E", Resolution.MINUTE, NOW, 1.1, (1.18621 + 1.18625) / 2, 1.0, 1.1, bid=side)
    assert "0000000" not in repr(candle)
    assert "high=1.18623, " in repr(side)
    assert "resolution=Resolution.MINUTE" in repr(candle)


def test_tick_knows_its_mid_and_spread() -> None:
    """A crossed quote has a negative spread and is not judged."""
    tick = Tick("E", 1.5, 1.25, NOW, NOW)
    assert (tick.mid, tick.spread, tick.source, tick.delayed, tick.status) == (1.375, -0.25, "stream", False, None)


def test_candle_closes_a_resolution_after_it_opens() -> None:
    """Half-open: the end is the first instant after it."""
    assert Candle("E", Resolution.HOUR, NOW, 1, 1, 1, 1).closes_at == NOW + timedelta(hours=1)


@pytest.mark.parametrize("value", [1.1, "1.1", Decimal("1.1")])
def test_decimals_are_what_the_text_shows(value: object) -> None:
    """A float is taken by its shortest text, not by its binary value."""
    assert decimal_of(value, "size") == Decimal("1.1")


@pytest.mark.parametrize("wrong", [True, None, "", "x", float("nan"), "inf", [1]])
def test_no_number_is_no_decimal(wrong: object) -> None:
    """The error names the field and the value."""
    with pytest.raises(ValueError, match="size must be a finite number"):
        decimal_of(wrong, "size")


def test_stops_and_limits_say_which_number_they_hold() -> None:
    """Exactly one of level and distance; numbers become decimals."""
    assert Stop(level="1.05").level == Decimal("1.05")
    assert Limit(distance=20).distance == Decimal(20)
    assert dataclasses.replace(Stop(distance=20), guaranteed=True) == Stop(distance="20", guaranteed=True)
    for kind in (Stop, Limit):
        for wrong in ({}, {"level": 1, "distance": 2}):
            with pytest.raises(ValueError, match=r"either level= .* or distance="):
                kind(**wrong)
        with pytest.raises(TypeError, match="positional"):
            kind(20)


def test_trailing_stops_need_a_distance_and_no_guarantee() -> None:
    """As IG demands."""
    assert Stop(distance=20, trailing_step=5).trailing_step == 5
    for wrong in ({"level": 1, "trailing_step": 5}, {"distance": 1, "trailing_step": 5, "guaranteed": True}):
        with pytest.raises(ValueError, match="trailing"):
            Stop(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("D", Resolution.DAY),
        ("H", Resolution.HOUR),
        ("h", Resolution.HOUR),
        ("15Min", Resolution.MINUTE_15),
        ("1min", Resolution.MINUTE),
        ("7min", timedelta(minutes=7)),
        ("5T", Resolution.MINUTE_5),
        ("4H", Resolution.HOUR_4),
    ],
)
def test_resolutions_as_pandas_users_write_them(text: str, length: timedelta) -> None:
    """Pandas' names of lengths mean the same here."""
    assert Resolution.parse(text) == length


@pytest.mark.parametrize("text", ["M", "1M", "m"])
def test_a_length_that_could_be_a_month_is_refused(text: str) -> None:
    """Pandas' ``M`` is a month: it is not taken for a minute."""
    with pytest.raises(ValueError, match="resolution must be"):
        Resolution.parse(text)


def test_prices_print_as_a_trader_writes_them() -> None:
    """A spread does not show the noise of binary floats."""
    moment = datetime(2025, 1, 6, tzinfo=timezone.utc)
    assert Tick("E", 1.17123, 1.17129, moment, moment).spread == 6e-05
