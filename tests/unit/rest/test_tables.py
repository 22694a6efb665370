"""Frames: the same columns always, times in UTC, empty ones too, and a clear word without the library."""

from __future__ import annotations

import sys
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pandas as pd
import polars as pl
import pytest

from ig_sdk.errors import UsageError
from ig_sdk.rest.account_history.activity import Activities, Activity, ActivityDetails
from ig_sdk.rest.account_history.transactions import Transaction, Transactions
from ig_sdk.rest.tables import Candles, Rows
from ig_sdk.types import Candle, Ohlc, Resolution

T0 = datetime(2025, 1, 6, tzinfo=timezone.utc)
PRICES = ["open", "high", "low", "close"]
CANDLE_COLUMNS = [
    *PRICES,
    "volume",
    *(f"bid_{price}" for price in PRICES),
    *(f"offer_{price}" for price in PRICES),
    "complete",
]


def candle(minute: int, **more: Any) -> Candle:
    return Candle("EPIC", Resolution.MINUTE, T0 + timedelta(minutes=minute), 1.0, 4.0, 0.5, 2.0, **more)


WHOLE = candle(0, volume=7.0, bid=Ohlc(1, 4, 0, 2), offer=Ohlc(2, 5, 1, 3))
BARE = candle(1, complete=False)
ROWS: list[Rows[Any]] = [
    Candles([WHOLE, BARE]),
    Activities([Activity(date=T0, details=ActivityDetails(size=Decimal("0.5"))), Activity()]),
    Transactions([Transaction(date_utc=T0, profit_and_loss=Decimal("-1.10"), cash_transaction=False), Transaction()]),
]


@pytest.mark.parametrize("candles", [[], [WHOLE], [BARE], [WHOLE, BARE]])
def test_candles_in_pandas(candles: list[Candle]) -> None:
    """Whatever the candles hold, columns, types and the index in UTC are the same."""
    frame = Candles(candles).to_pandas()
    assert list(frame.columns) == CANDLE_COLUMNS
    assert {str(frame[name].dtype) for name in CANDLE_COLUMNS[:-1]} == {"float64"}
    assert (frame.index.name, str(frame.index.dtype)) == ("opens_at", "datetime64[ns, UTC]")
    assert list(frame.index) == [each.opens_at for each in candles]


def test_values_in_pandas() -> None:
    """Values stand in their columns; what is absent is missing."""
    frame = Candles([WHOLE, BARE]).to_pandas()
    assert frame.iloc[0].tolist() == [1, 4, 0.5, 2, 7, 1, 4, 0, 2, 2, 5, 1, 3, True]
    assert frame.iloc[1]["open"] == 1
    assert frame.iloc[1][["volume", "bid_open", "offer_close"]].isna().all()
    assert len(frame[frame.complete]) == 1


@pytest.mark.parametrize("candles", [[], [WHOLE], [BARE], [WHOLE, BARE]])
def test_candles_in_polars(candles: list[Candle]) -> None:
    """The same in polars, where the first column is the time."""
    frame = Candles(candles).to_polars()
    assert frame.columns == ["opens_at", *CANDLE_COLUMNS]
    assert frame.schema["opens_at"] == pl.Datetime("us", "UTC")
    assert set(frame.dtypes[1:-1]) == {pl.Float64}
    assert frame["opens_at"].to_list() == [each.opens_at for each in candles]
    assert frame["bid_close"].to_list() == [each.bid and each.bid.close for each in candles]


@pytest.mark.parametrize("rows", ROWS, ids=lambda rows: type(rows).__name__)
def test_columns_do_not_depend_on_rows(rows: Rows[Any]) -> None:
    """Full, sparse and empty ones have frames of one shape, in both libraries."""
    kind = type(rows)
    pandas_shapes = [frame.dtypes.to_dict() for frame in (kind(part).to_pandas() for part in (rows, rows[1:], []))]
    assert pandas_shapes[0] == pandas_shapes[1] == pandas_shapes[2]
    polars_shapes = [kind(part).to_polars().schema for part in (rows, rows[1:], [])]
    assert polars_shapes[0] == polars_shapes[1] == polars_shapes[2]
    assert list(polars_shapes[0])[1:] == list(pandas_shapes[0])


def test_money_is_a_number_in_frames() -> None:
    """Decimals become float64, and a time that is absent is missing."""
    frame = ROWS[2].to_pandas()
    assert frame["profit_and_loss"].iloc[0] == -1.1
    assert pd.isna(frame.index[1])
    assert ROWS[1].to_polars()["size"].to_list() == [0.5, None]


def test_a_slice_is_of_the_same_kind() -> None:
    """A part of the candles has frames too; one of them is a candle, and the list equals a list."""
    candles = Candles([WHOLE, BARE])
    assert type(candles[:1]) is Candles
    assert candles[:1].to_pandas().shape == (1, len(CANDLE_COLUMNS))
    assert candles[1] is BARE
    assert candles == [WHOLE, BARE]


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_library_that_is_not_there(monkeypatch: pytest.MonkeyPatch, library: str) -> None:
    """Without the library the error says what to install."""
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(UsageError, match=rf"{library} is not installed .*ig-sdk\[{library}\]"):
        getattr(Candles(), f"to_{library}")()


def test_many_rows_are_shown_in_a_line():
    """A console is not flooded: few rows are shown whole, many as how many and which times."""
    few, many = Candles([WHOLE, BARE]), Candles([WHOLE] * 500)
    assert repr(few) == repr([WHOLE, BARE])
    assert repr(many) == f"<Candles: 500 rows, {WHOLE.opens_at} to {WHOLE.opens_at}>"
    assert repr(Candles()) == "[]"
