"""Ticks as the rows of IG's price items."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from decimal import Decimal

from ig_sdk.simulator.prices.seeded import DaySoFar
from ig_sdk.types import Tick

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def decimal_text(value: float) -> str:
    """Return the shortest decimal text that reads back as ``value``, without an exponent."""
    text = repr(value)
    return format(Decimal(text), "f") if "e" in text else text


def epoch_ms(time: datetime) -> int:
    """Return ``time`` as milliseconds since 1970."""
    elapsed = time - _EPOCH
    return elapsed.days * 86_400_000 + elapsed.seconds * 1000 + elapsed.microseconds // 1000


class DayFigures:
    """The figures of a market's day.

    Args:
        first: The first tick that was seen of it.
        before: What the day was like before.

    Attributes:
        latest: Time of the last tick that was taken in.
        open_text: First mid price.
        high_text: Highest offer.
        low_text: Lowest bid.
    """

    __slots__ = ("_digits", "_high", "_low", "_open", "high_text", "latest", "low_text", "open_text")

    def __init__(self, first: Tick, before: DaySoFar | None = None) -> None:
        self.latest = first.time
        opened, high, low = before or DaySoFar(first.mid, first.offer, first.bid)
        # One digit more than the prices have: a mean of two.
        self._digits = max(len(decimal_text(side).partition(".")[2]) for side in (first.bid, first.offer)) + 1
        self._open, self._high, self._low = opened, high, low
        self.open_text = f"{opened:.{self._digits}f}"
        self.high_text, self.low_text = decimal_text(high), decimal_text(low)

    def add(self, tick: Tick) -> None:
        """Take one more tick in."""
        self.latest = tick.time
        if tick.offer > self._high:
            self._high, self.high_text = tick.offer, decimal_text(tick.offer)
        if tick.bid < self._low:
            self._low, self.low_text = tick.bid, decimal_text(tick.bid)

    def change(self, tick: Tick) -> tuple[str, str]:
        """Return how far the mid price is from the first one, and in percent, as text."""
        change = tick.mid - self._open
        percent = change / self._open * 100 if self._open else 0.0
        return f"{change:.{self._digits}f}", f"{percent:.2f}"


# Of ``MarketStatus``; IG pads them with blanks (captures/INDEX.md, 1).
_FLAGS = {
    "TRADEABLE": "DEAL",
    "EDITS_ONLY": "EDIT",
    "CLOSINGS_ONLY": "CLOSINGSONLY",
    "DEAL_NO_EDIT": "DEALNOEDIT",
    "ON_AUCTION": "AUCTION",
    "ON_AUCTION_NO_EDITS": "AUCTIONNOEDIT",
    "SUSPENDED": "SUSPEND",
}


def dealing_flag(status: str) -> str:
    """Return the ``DLG_FLAG`` of a market with that status."""
    return f"{_FLAGS.get(status, 'CLOSED')} "


def price_row(tick: Tick, day: DayFigures, flag: str | None = None) -> Mapping[str, str | None]:
    """Return the row of a ``PRICE`` item; ``flag`` is the market's ``DLG_FLAG`` if it is not the tick's own."""
    change, percent = day.change(tick)
    return {
        "BIDPRICE1": decimal_text(tick.bid),
        "ASKPRICE1": decimal_text(tick.offer),
        "TIMESTAMP": str(epoch_ms(tick.time)),
        "DLG_FLAG": flag or f"{tick.status or 'DEAL'} ",
        "DELAY": "1" if tick.delayed else "0",
        "MID_OPEN": day.open_text,
        "HIGH": day.high_text,
        "LOW": day.low_text,
        "NET_CHG": change,
        "NET_CHG_PCT": percent,
        "NET_CHG_": percent,
    }


def _day_row(tick: Tick, day: DayFigures) -> dict[str, str | None]:
    change, percent = day.change(tick)
    return {
        "DAY_OPEN_MID": day.open_text,
        "DAY_NET_CHG_MID": change,
        "DAY_PERC_CHG_MID": percent,
        "DAY_HIGH": day.high_text,
        "DAY_LOW": day.low_text,
    }


def chart_tick_row(tick: Tick, day: DayFigures) -> Mapping[str, str | None]:
    """Return the row of a ``CHART:{epic}:TICK`` item; last traded price and volume are null off exchange."""
    return {
        **_day_row(tick, day),
        "BID": decimal_text(tick.bid),
        "OFR": decimal_text(tick.offer),
        "UTM": str(epoch_ms(tick.time)),
    }


class ScaleCandle:
    """The open candle of one chart item.

    Args:
        length_s: Length in seconds.
        first: The tick that opens it.

    Attributes:
        ended: Its last row was made.
    """

    def __init__(self, length_s: int, first: Tick) -> None:
        self._length_ms = length_s * 1000
        self._opens_ms = epoch_ms(first.time) // self._length_ms * self._length_ms
        self._bid = [first.bid] * 4
        self._offer = [first.offer] * 4
        self._last = first
        self._ticks = 0
        self.ended = False

    def holds(self, tick: Tick) -> bool:
        """Whether ``tick`` falls into this candle; one that is too old counts here as well, unless it has ended."""
        return not self.ended and epoch_ms(tick.time) < self._opens_ms + self._length_ms

    def is_over(self, time: datetime) -> bool:
        """Whether it ends at ``time`` or did before."""
        return epoch_ms(time) >= self._opens_ms + self._length_ms

    def add(self, tick: Tick) -> None:
        """Take one tick in."""
        for side, price in ((self._bid, tick.bid), (self._offer, tick.offer)):
            side[1] = max(side[1], price)
            side[2] = min(side[2], price)
            side[3] = price
        self._last = tick
        self._ticks += 1

    def end(self, day: DayFigures) -> Mapping[str, str | None]:
        """Return the last row."""
        self.ended = True
        return self.row(day)

    def row(self, day: DayFigures) -> Mapping[str, str | None]:
        """Return the row as it is now."""
        row = _day_row(self._last, day)
        for name, side in (("BID", self._bid), ("OFR", self._offer)):
            for part, price in zip(("OPEN", "HIGH", "LOW", "CLOSE"), side, strict=True):
                row[f"{name}_{part}"] = decimal_text(price)
        row["UTM"] = str(self._opens_ms)
        row["TTV"] = str(self._ticks)
        row["CONS_END"] = "1" if self.ended else "0"
        row["CONS_TICK_COUNT"] = str(self._ticks)
        return row
