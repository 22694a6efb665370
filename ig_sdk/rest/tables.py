"""Rows as lists that turn into data frames, with the same columns whatever the rows hold, and without any rows.

pandas and polars are extras; nothing here needs them before a frame is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Any, ClassVar, Literal, SupportsIndex, TypeVar, overload

from ig_sdk.errors import UsageError
from ig_sdk.types import Candle

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

RowT = TypeVar("RowT")
RowsT = TypeVar("RowsT", bound="Rows[Any]")
Kind = Literal["time", "number", "text", "flag"]
# Rows that a console can take; more are told in one line.
_SHOWN = 20


@dataclass(frozen=True)
class Column:
    """One column of a frame.

    Attributes:
        name: Its name.
        kind: ``"time"`` (aware UTC), ``"number"`` (float64), ``"text"`` or ``"flag"``.
        read: Takes its value from a row.
    """

    name: str
    kind: Kind
    read: Callable[[Any], object]


class Rows(list[RowT]):
    """A list of rows of one kind; a slice of it is one too.

    In frames, numbers are float64 (the rows keep their ``Decimal``), times are aware UTC, and what is absent is missing
    in each library's own way.
    """

    columns: ClassVar[Sequence[Column]] = ()

    @overload
    def __getitem__(self, index: SupportsIndex) -> RowT: ...
    @overload
    def __getitem__(self: RowsT, index: slice) -> RowsT: ...
    def __getitem__(self, index: Any) -> Any:
        found = super().__getitem__(index)
        return type(self)(found) if isinstance(index, slice) else found

    def __repr__(self) -> str:
        if len(self) <= _SHOWN:
            return super().__repr__()
        first, last = (str(self.columns[0].read(row)) for row in (self[0], self[-1]))
        return f"<{type(self).__name__}: {len(self)} rows, {first} to {last}>"

    def to_pandas(self) -> pd.DataFrame:
        """Return the rows as a pandas frame; its index is the first column, which is a time in UTC.

        Raises:
            UsageError: pandas is not installed.
        """
        try:
            import pandas as pd  # noqa: PLC0415 -- an extra
        except ImportError as error:
            raise _absent("pandas") from error
        kinds = {"number": "float64", "text": "object", "flag": "boolean", "time": "datetime64[ns, UTC]"}
        series = {
            column.name: pd.Series(self._values(column), dtype=kinds[column.kind], name=column.name)
            for column in self.columns
        }
        return pd.DataFrame(series).set_index(self.columns[0].name)

    def to_polars(self) -> pl.DataFrame:
        """Return the rows as a polars frame, whose first column is a time in UTC.

        Raises:
            UsageError: polars is not installed.
        """
        try:
            import polars as pl  # noqa: PLC0415 -- an extra
        except ImportError as error:
            raise _absent("polars") from error
        kinds: dict[Kind, Any] = {
            "number": pl.Float64,
            "text": pl.String,
            "flag": pl.Boolean,
            "time": pl.Datetime("us", "UTC"),
        }
        return pl.DataFrame(
            {column.name: self._values(column) for column in self.columns},
            schema={column.name: kinds[column.kind] for column in self.columns},
        )

    def _values(self, column: Column) -> list[Any]:
        values = [column.read(row) for row in self]
        if column.kind != "number":
            return values
        return [None if value is None else float(value) for value in values]  # type: ignore[arg-type]  # a number


def _absent(library: str) -> UsageError:
    return UsageError(f"{library} is not installed", hint=f"pip install 'ig-sdk[{library}]'")


def _of_side(side: str, price: str) -> Callable[[Candle], float | None]:
    def read(candle: Candle) -> float | None:
        ohlc = candle.bid if side == "bid" else candle.offer
        return None if ohlc is None else float(getattr(ohlc, price))

    return read


_PRICES = ("open", "high", "low", "close")


class Candles(Rows[Candle]):
    """Candles of one market, oldest first; a list, with frames.

    Columns of a frame: ``opens_at``, ``open``, ``high``, ``low``, ``close``, ``volume``, ``bid_open`` to ``bid_close``,
    ``offer_open`` to ``offer_close``, ``complete``.
    """

    columns: ClassVar[Sequence[Column]] = (
        Column("opens_at", "time", attrgetter("opens_at")),
        *(Column(price, "number", attrgetter(price)) for price in _PRICES),
        Column("volume", "number", attrgetter("volume")),
        *(Column(f"{side}_{price}", "number", _of_side(side, price)) for side in ("bid", "offer") for price in _PRICES),
        Column("complete", "flag", attrgetter("complete")),
    )
