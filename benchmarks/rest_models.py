"""Prices as classes of dataclasses-json, as its documentation has them.

Without ``from __future__ import annotations``, which makes that library slower still (its classes' hints are worked out
again for each object).
"""

from dataclasses import dataclass, field

from dataclasses_json import LetterCase, Undefined, config, dataclass_json


@dataclass_json(letter_case=LetterCase.CAMEL, undefined=Undefined.EXCLUDE)
@dataclass
class Quote:
    bid: float | None = None
    ask: float | None = None
    last_traded: float | None = None


@dataclass_json(letter_case=LetterCase.CAMEL, undefined=Undefined.EXCLUDE)
@dataclass
class Row:
    snapshot_time: str
    open_price: Quote
    high_price: Quote
    low_price: Quote
    close_price: Quote
    last_traded_volume: int | None = None
    snapshot_time_utc: str | None = field(default=None, metadata=config(field_name="snapshotTimeUTC"))


@dataclass_json(letter_case=LetterCase.CAMEL, undefined=Undefined.EXCLUDE)
@dataclass
class Prices:
    prices: list[Row]
    instrument_type: str
