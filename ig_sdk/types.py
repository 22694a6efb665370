"""Types that several areas share: prices, candles, deals."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, NamedTuple

from ig_sdk.spelling import spelled

PAIRS = ("EURUSD", "GBPUSD", "USDJPY", "AUDUSD", "USDCAD")
SPREADBET = "SPREADBET"  # IG's accountType


def epic_for(market: str, account_type: str | None = None) -> str:
    """Return the epic of one of the five pairs by name (``"EURUSD"``, ``"EUR/USD"``), or ``market`` itself.

    Args:
        market: A name, or an epic.
        account_type: ``SPREADBET`` for the market in which such an account bets; the CFD unless given. A client knows
            the type of its account and does this by itself wherever a market is named.

    Source:
        DESIGN section 4: the pairs are ``CS.D.{PAIR}.MINI.IP`` on a CFD account and ``CS.D.{PAIR}.TODAY.IP`` on a
        spread-bet one.
    """
    if not isinstance(market, str):
        raise TypeError(f"a market is named by text, such as 'EURUSD' or an epic, not by {market!r}")
    name = market.replace("/", "").upper()
    kind = "TODAY" if account_type == SPREADBET else "MINI"
    return f"CS.D.{name}.{kind}.IP" if name in PAIRS else market


class Direction(str, Enum):
    """Side of a deal."""

    BUY = "BUY"
    SELL = "SELL"

    @classmethod
    def parse(cls, value: Direction | str) -> Direction:
        """Return the direction that ``value`` names, in upper or lower case."""
        try:
            return cls(value.upper())
        except (ValueError, AttributeError):
            raise ValueError(f"direction must be 'BUY' or 'SELL', not {value!r}") from None

    @property
    def opposite(self) -> Direction:
        """The other side."""
        return Direction.SELL if self is Direction.BUY else Direction.BUY

    def __str__(self) -> str:
        return self.value


# Lengths as traders and pandas write them; a number may be left out ("D", "H").
_UNITS_S = {"s": 1, "sec": 1, "m": 60, "min": 60, "t": 60, "h": 3600, "d": 86_400, "w": 604_800}
# A bare "m", like "M", could be a month.
_LENGTH = re.compile(r"(\d*)\s*(s|sec|(?<!^)m|min|t|h|d|w)", re.ASCII | re.IGNORECASE)


class Resolution(timedelta, Enum):
    """IG's candle lengths; each is also a :class:`~datetime.timedelta`.

    ``MONTH`` is nominal (30 days): IG's monthly candles follow the calendar.

    Source:
        wire/enums.json, resolutions of ``GET /prices/{epic}``.
    """

    SECOND = timedelta(seconds=1)
    MINUTE = timedelta(minutes=1)
    MINUTE_2 = timedelta(minutes=2)
    MINUTE_3 = timedelta(minutes=3)
    MINUTE_5 = timedelta(minutes=5)
    MINUTE_10 = timedelta(minutes=10)
    MINUTE_15 = timedelta(minutes=15)
    MINUTE_30 = timedelta(minutes=30)
    HOUR = timedelta(hours=1)
    HOUR_2 = timedelta(hours=2)
    HOUR_3 = timedelta(hours=3)
    HOUR_4 = timedelta(hours=4)
    DAY = timedelta(days=1)
    WEEK = timedelta(days=7)
    MONTH = timedelta(days=30)

    def __new__(cls, length: timedelta) -> Resolution:  # noqa: PYI034 -- Self needs Python 3.11
        """Build the member as a timedelta of its length."""
        member = timedelta.__new__(cls, seconds=length.total_seconds())
        member._value_ = length
        return member

    # Equal to a plain timedelta, so it must hash like one.
    __hash__ = timedelta.__hash__

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        return f"Resolution.{self.name}"

    @classmethod
    def parse(cls, value: Resolution | str | timedelta) -> timedelta:
        """Return the length that ``value`` names: a member if IG has one, else a plain timedelta.

        Args:
            value: A member, its name (``"MINUTE_5"``, any case), a length such as ``"90s"``, ``"15m"``, ``"2h"``,
                ``"1d"``, also as pandas writes it (``"15min"``, ``"H"``, ``"D"``, ``"W"``), or a timedelta of whole
                seconds. A capital ``M`` is refused: it is a month to pandas.

        Raises:
            ValueError: ``value`` is none of these, or not positive.
        """
        if isinstance(value, Resolution):
            return value
        if isinstance(value, str):
            text = value.strip()
            if text.upper() in cls.__members__:
                return cls[text.upper()]
            match = None if text.endswith("M") else _LENGTH.fullmatch(text)
            try:
                seconds = int(match[1] or 1) * _UNITS_S[match[2].lower()] if match else 0
                length = timedelta(seconds=seconds)
            except (OverflowError, ValueError):  # more digits than fit into a length, or into a number
                length = timedelta(0)
        elif isinstance(value, timedelta):
            length = value
        else:
            length = timedelta(0)  # type: ignore[unreachable]  # for callers that do not check types
        if length <= timedelta(0) or length.microseconds:
            names = ", ".join(cls.__members__)
            raise ValueError(
                f"resolution must be one of {names}, a length such as '90s', '15m', '2h', '1d', "
                f"or a positive timedelta of whole seconds, not {value!r}"
            )
        return next((member for member in cls if member == length and member is not cls.MONTH), length)


# Binary floats show noise behind these: 1.1862300000000001 for the mean of two prices.
_DECIMALS = 10


class _TickFields(NamedTuple):
    epic: str
    bid: float
    offer: float
    time: datetime
    received_at: datetime
    source: str = "stream"
    delayed: bool = False
    status: str | None = None


class Tick(_TickFields):
    """One price of one market, as it came.

    Attributes:
        epic: IG's market id.
        bid: Price at which you sell, in the market's own notation.
        offer: Price at which you buy.
        time: When IG made the price, aware UTC.
        received_at: When it arrived here, aware UTC.
        source: ``"stream"``, ``"poll"``, ``"file"``, ``"simulator"``.
        delayed: IG marks the price as delayed.
        status: Dealing state that came with it (``"DEAL"``, ``"CLOSED"``), if any.

    A crossed quote or an odd time is passed on unchanged.
    """

    __slots__ = ()

    @property
    def mid(self) -> float:
        """Mean of bid and offer."""
        return (self.bid + self.offer) / 2

    @property
    def spread(self) -> float:
        """Offer minus bid, to ten decimals, which is more than any price has; negative for a crossed quote."""
        return round(self.offer - self.bid, _DECIMALS)


def _shown(instance: Any) -> str:
    """Return a dataclass's own ``repr``, its floats without the noise of binary fractions."""
    values = ((item.name, getattr(instance, item.name)) for item in fields(instance))
    texts = (f"{name}={round(value, _DECIMALS) if isinstance(value, float) else value!r}" for name, value in values)
    return f"{type(instance).__name__}({', '.join(texts)})"


@dataclass(frozen=True, slots=True)
class Ohlc:
    """Open, high, low and close of one side."""

    open: float
    high: float
    low: float
    close: float

    def __repr__(self) -> str:
        return _shown(self)


@dataclass(frozen=True, slots=True)
class Candle:
    """Prices of one interval ``[opens_at, opens_at + resolution)``.

    Attributes:
        epic: IG's market id.
        resolution: Length; a :class:`Resolution` if IG has a name for it.
        opens_at: Start of the interval, aware UTC.
        open: First price of the chosen side (mid by default).
        high: Highest.
        low: Lowest.
        close: Last.
        volume: IG's traded volume, or ``None``.
        ticks: Number of prices inside.
        complete: False while the interval is open, if its beginning was not seen, or if there is a gap inside.
        bid: The bid side, or ``None`` when it is not known.
        offer: The offer side, or ``None``.
        gap: A hole was told inside: prices may be missing.
    """

    epic: str
    resolution: timedelta
    opens_at: datetime
    open: float
    high: float
    low: float
    close: float
    volume: float | None = None
    ticks: int = 0
    complete: bool = True
    bid: Ohlc | None = None
    offer: Ohlc | None = None
    gap: bool = False

    @property
    def closes_at(self) -> datetime:
        """First instant after the interval, aware UTC."""
        return self.opens_at + self.resolution

    def __repr__(self) -> str:
        return _shown(self)


class Keep(Enum):
    """What an amendment does not change; ``None`` removes it instead."""

    KEEP = "keep"

    def __repr__(self) -> str:
        return self.name


KEEP = Keep.KEEP

Number = Decimal | int | float | str  # a size or a level, as callers write it; a float counts by its text


def decimal_of(value: object, name: str) -> Decimal:
    """Return ``value`` as the decimal that its text shows; money is never computed in binary floats.

    Raises:
        ValueError: ``value`` is not a finite number.
    """
    if not isinstance(value, bool) and isinstance(value, (int, float, str, Decimal)):
        try:
            number = Decimal(str(value))
        except ArithmeticError:
            number = Decimal("NaN")
        if number.is_finite():
            return number
    raise ValueError(f"{name} must be a finite number, not {value!r}")


def _check_one(kind: str, level: object, distance: object) -> None:
    if (level is None) == (distance is None):
        raise ValueError(
            f"{kind} takes either level= (a price) or distance= (points from the price), not both or neither"
        )


def optional_decimal_of(value: Number | None, name: str) -> Decimal | None:
    """Return the decimal of a number that may be absent."""
    return None if value is None else decimal_of(value, name)


@dataclass(frozen=True, init=False)
class Stop:
    """Where a losing deal is closed (stop loss).

    Args:
        level: A price. Exactly one of ``level`` and ``distance``.
        distance: Points from the price.
        guaranteed: IG fills exactly at the level, for a premium. ``None`` means no for a new deal, and
            unchanged for an amended one.
        trailing_step: Points by which a trailing stop follows; needs ``distance``, excludes ``guaranteed``.
    """

    level: Decimal | None
    distance: Decimal | None
    guaranteed: bool | None
    trailing_step: Decimal | None

    @spelled("Stop", "write Stop(distance=20) for points from the price, or Stop(level=...) for a price")
    def __init__(
        self,
        *,
        level: Number | None = None,
        distance: Number | None = None,
        guaranteed: bool | None = None,
        trailing_step: Number | None = None,
    ) -> None:
        _check_one("Stop", level, distance)
        object.__setattr__(self, "level", optional_decimal_of(level, "Stop level"))
        object.__setattr__(self, "distance", optional_decimal_of(distance, "Stop distance"))
        object.__setattr__(self, "guaranteed", guaranteed)
        object.__setattr__(self, "trailing_step", optional_decimal_of(trailing_step, "Stop trailing_step"))
        if trailing_step is not None and (distance is None or guaranteed):
            raise ValueError("a trailing Stop needs distance= and cannot be guaranteed")


@dataclass(frozen=True, init=False)
class Limit:
    """Where a deal takes its profit (take profit).

    Args:
        level: A price. Exactly one of ``level`` and ``distance``.
        distance: Points from the price.
    """

    level: Decimal | None
    distance: Decimal | None

    @spelled("Limit", "write Limit(distance=20) for points from the price, or Limit(level=...) for a price")
    def __init__(self, *, level: Number | None = None, distance: Number | None = None) -> None:
        _check_one("Limit", level, distance)
        object.__setattr__(self, "level", optional_decimal_of(level, "Limit level"))
        object.__setattr__(self, "distance", optional_decimal_of(distance, "Limit distance"))


@dataclass(frozen=True)
class AffectedDeal:
    """One position or order that a deal touched.

    Attributes:
        deal_id: IG's id.
        status: ``OPENED``, ``AMENDED``, ``PARTIALLY_CLOSED``, ``FULLY_CLOSED`` or ``DELETED``.
    """

    deal_id: str
    status: str


@dataclass(frozen=True)
class Confirm:
    """IG's verdict on a deal.

    Attributes:
        deal_reference: Names the request (ours).
        deal_id: Names the position or order (IG's). For a close through the API it is the *opening* deal's.
        deal_status: ``ACCEPTED`` or ``REJECTED``.
        status: ``OPEN``, ``AMENDED``, ``PARTIALLY_CLOSED``, ``CLOSED``, ``DELETED``, or ``None`` when rejected.
        reason: ``SUCCESS`` or why it was rejected.
        date: Aware UTC.
        extra: What IG sent besides the fields of this class.
    """

    deal_reference: str
    deal_id: str | None
    deal_status: str
    reason: str
    status: str | None = None
    epic: str | None = None
    expiry: str | None = None
    direction: Direction | None = None
    level: Decimal | None = None
    size: Decimal | None = None
    stop_level: Decimal | None = None
    stop_distance: Decimal | None = None
    limit_level: Decimal | None = None
    limit_distance: Decimal | None = None
    guaranteed_stop: bool = False
    trailing_stop: bool = False
    profit: Decimal | None = None
    profit_currency: str | None = None
    date: datetime | None = None
    affected_deals: tuple[AffectedDeal, ...] = ()
    # The id of a close, or what finds it; whether it is known yet makes no difference between two confirms.
    _closing_id: str | Callable[[], str | None] | None = field(default=None, repr=False, compare=False)
    extra: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def closing_deal_id(self) -> str | None:
        """IG's id of the close itself; ``None`` for every other deal, and as long as the history does not show it.

        Only the history of the account has it, which is read when this is first asked for: at most five seconds, on
        the thread that asks. Once found it is kept. A confirm that was pickled or deep-copied before that knows none.

        Raises:
            IGError: The history could not be read. The close is done all the same.
        """
        source = self._closing_id  # another thread may replace it meanwhile
        found = source() if callable(source) else source
        if found is not None:
            object.__setattr__(self, "_closing_id", found)
        return found

    @property
    def accepted(self) -> bool:
        """Whether IG took the deal."""
        return self.deal_status == "ACCEPTED"

    @property
    def close_level(self) -> Decimal | None:
        """The level of a close, ``None`` for every other deal."""
        return self.level if self.status in ("CLOSED", "PARTIALLY_CLOSED") else None
