"""What the simulated data adapters offer: IG's items, their modes, fields and values.

Pure: no socket, thread or clock. An adapter decides whether a subscription is possible (Lightstreamer's codes of
TLCP.md section 18.2) and turns ticks into rows; the stream session does the rest.

Source:
    IG-SPECIFICS.md section 6 (items, modes, adapters, fields), captures/INDEX.md (``DLG_FLAG`` padded with blanks).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from ig_sdk.simulator.prices.seeded import DaySoFar
from ig_sdk.simulator.reference.hours import same_day
from ig_sdk.simulator.refusals import StreamRefusal
from ig_sdk.simulator.stream.items.price_rows import DayFigures, ScaleCandle, chart_tick_row, price_row
from ig_sdk.types import Tick

Row = Mapping[str, str | None]

MODES = ("RAW", "MERGE", "DISTINCT", "COMMAND")
SCALES_S = {"SECOND": 1, "1MINUTE": 60, "5MINUTE": 300, "HOUR": 3600}


@dataclass(frozen=True)
class SubscriptionSpec:
    """What a client asked for in ``LS_op=add``.

    Attributes:
        mode: One of the four modes.
        group: Items, separated by blanks.
        schema: Fields, separated by blanks.
        data_adapter: Name, or ``None`` for the default one.
        selector: Text, or ``None``.
    """

    mode: str
    group: str
    schema: str
    data_adapter: str | None = None
    selector: str | None = None


@dataclass(frozen=True)
class Layout:
    """How an accepted subscription is laid out.

    Attributes:
        items: Item names in the group's order.
        fields: Field names in the schema's order.
        channels: For each item the name under which its rows are published; several items may share one.
        key: Position of the key field from 1 (COMMAND only).
        command: Position of the command field from 1 (COMMAND only).
    """

    items: tuple[str, ...]
    fields: tuple[str, ...]
    channels: tuple[str, ...]
    key: int | None = None
    command: int | None = None


class Adapter(Protocol):
    """What a stream session asks of its data."""

    def layout(self, spec: SubscriptionSpec) -> Layout:
        """Return the layout of a subscription, or raise ``StreamRefusal``."""
        ...

    def snapshot(self, channel: str) -> Sequence[Row]:
        """Return the rows that a new subscriber gets first, oldest first."""
        ...

    def epic_of(self, channel: str) -> str | None:
        """Return the market whose ticks feed ``channel``, or ``None``."""
        ...

    def prime(self, tick: Tick) -> None:
        """Take ``tick`` as the price of a market of which no tick was seen yet, for snapshots."""
        ...

    def on_tick(self, tick: Tick, wanted: Collection[str]) -> Iterable[tuple[str, Row]]:
        """Return the rows that ``tick`` makes, each with its channel, for the channels in ``wanted``."""
        ...

    def ended(self, time: datetime, wanted: Iterable[str]) -> Iterable[tuple[str, Row]]:
        """Return the last rows of the candles that are over at ``time``, each with its channel, once."""
        ...

    def posted(self, channel: str, row: Row) -> None:
        """Take note of an event that no market made, for snapshots."""
        ...

    def message(self, text: str) -> str:
        """Take a message of a client and return the response for ``MSGDONE``, or raise ``StreamRefusal``."""
        ...


def _numbered(name: str, first: int, last: int) -> list[str]:
    return [f"{name}{number}" for number in range(first, last + 1)]


_DAY = ("DAY_OPEN_MID", "DAY_NET_CHG_MID", "DAY_PERC_CHG_MID", "DAY_HIGH", "DAY_LOW")
_SIDES = [f"{side}_{part}" for side in ("OFR", "BID", "LTP") for part in ("OPEN", "HIGH", "LOW", "CLOSE")]


@dataclass(frozen=True)
class Kind:
    """One kind of IG item.

    Attributes:
        name: For messages.
        modes: Modes in which it may be subscribed.
        fields: Names that its schema may hold.
        data_adapter: The one Data Adapter that serves it.
    """

    name: str
    modes: tuple[str, ...]
    fields: frozenset[str]
    data_adapter: str = "DEFAULT"


PRICE = Kind(
    "PRICE",
    ("MERGE",),
    frozenset(
        ["MID_OPEN", "HIGH", "LOW", "BIDQUOTEID", "ASKQUOTEID", "TIMESTAMP", "DLG_FLAG", "DELAY"]
        # trading-ig's own sample asks NET_CHG_ and streams (IG-SPECIFICS section 6).
        + ["NET_CHG", "NET_CHG_PCT", "NET_CHG_"]
        + [name for stem in ("BIDPRICE", "ASKPRICE", "BIDSIZE", "ASKSIZE") for name in _numbered(stem, 1, 5)]
        + _numbered("CURRENCY", 0, 5)
    ),
    data_adapter="Pricing",
)
MARKET = Kind(
    "MARKET",
    ("MERGE",),
    frozenset(
        [
            "BID",
            "OFFER",
            "HIGH",
            "LOW",
            "MID_OPEN",
            "CHANGE",
            "CHANGE_PCT",
            "MARKET_DELAY",
            "MARKET_STATE",
            "UPDATE_TIME",
            "STRIKE_PRICE",
            "ODDS",
        ]
    ),
)
CHART_TICK = Kind("CHART TICK", ("DISTINCT",), frozenset(["BID", "OFR", "LTP", "LTV", "TTV", "UTM", *_DAY]))
CHART_CANDLE = Kind(
    "CHART candle",
    ("MERGE",),
    frozenset(["LTV", "TTV", "UTM", *_DAY, *_SIDES, "CONS_END", "CONS_TICK_COUNT"]),
)
ACCOUNT = Kind(
    "ACCOUNT",
    ("MERGE",),
    frozenset(
        [
            "PNL",
            "PNL_LR",
            "PNL_NLR",
            "DEPOSIT",
            "AVAILABLE_CASH",
            "FUNDS",
            "MARGIN",
            "MARGIN_LR",
            "MARGIN_NLR",
            "AVAILABLE_TO_DEAL",
            "EQUITY",
            "EQUITY_USED",
            "USED_MARGIN",
        ]
    ),
)
# Some clients subscribe TRADE in MERGE (IG-SPECIFICS section 7).
TRADE = Kind("TRADE", ("DISTINCT", "MERGE"), frozenset(["CONFIRMS", "OPU", "WOU"]))
HEARTBEAT = Kind("HEARTBEAT", ("MERGE",), frozenset(["HEARTBEAT"]))
HEARTBEAT_ITEM = "TRADE:HB.U.HEARTBEAT.IP"

_KINDS = (PRICE, MARKET, CHART_TICK, CHART_CANDLE, ACCOUNT, TRADE, HEARTBEAT)
_EVERY_FIELD = frozenset().union(*(kind.fields for kind in _KINDS))
_DATA_ADAPTERS = frozenset(kind.data_adapter for kind in _KINDS)


class ItemAdapter:
    """IG's items on top of a market that exists elsewhere.

    Args:
        knows: Whether an epic exists.
        accounts: Account ids whose items may be subscribed; ``None`` allows any.
        before: Returns what the day of an epic was like before its first tick; as if there was nothing unless given.

    Threading:
        Not thread-safe: the stream server calls it under its lock.
    """

    def __init__(
        self,
        knows: Callable[[str], bool],
        *,
        accounts: Collection[str] | None = None,
        before: Callable[[str, datetime], DaySoFar | None] = lambda _epic, _time: None,
    ) -> None:
        self._knows = knows
        self._before = before
        self._accounts = accounts
        self._days: dict[str, DayFigures] = {}
        self._candles: dict[str, ScaleCandle] = {}
        self._last: dict[str, Tick] = {}
        # What a new subscriber to an account's item is shown.
        self._figures: dict[str, Row] = {}
        self._flags: dict[str, str | None] = {}

    def layout(self, spec: SubscriptionSpec) -> Layout:
        """Return the layout of a subscription, or raise ``StreamRefusal``."""
        items = tuple(spec.group.split())
        fields = tuple(spec.schema.split())
        if (spec.data_adapter or "DEFAULT") not in _DATA_ADAPTERS:
            raise StreamRefusal(17, f"Data Adapter {spec.data_adapter} not found")
        if not items:
            raise StreamRefusal(21, "Empty group")
        parsed = [self._parse(item) for item in items]
        kind = parsed[0][0]
        if any(other is not kind for other, _ in parsed):
            raise StreamRefusal(21, "Items of different kinds in one group")
        if (spec.data_adapter or "DEFAULT") != kind.data_adapter:
            raise StreamRefusal(17, f"{kind.name} items are served by the Data Adapter {kind.data_adapter}")
        self._check_schema(kind, fields)
        if spec.mode not in kind.modes:
            raise StreamRefusal(24, f"Mode {spec.mode} not allowed for {kind.name} items")
        if spec.selector:
            raise StreamRefusal(25, "Selectors are not supported")
        return Layout(items, fields, tuple(channel for _, channel in parsed))

    @staticmethod
    def _check_schema(kind: Kind, fields: Sequence[str]) -> None:
        unknown = [field for field in fields if field not in kind.fields]
        if not fields or any(field not in _EVERY_FIELD for field in unknown):
            raise StreamRefusal(23, f"Invalid schema: {' '.join(unknown) or 'empty'}")
        if unknown:
            raise StreamRefusal(22, f"Fields not published by {kind.name} items: {' '.join(unknown)}")

    def _parse(self, item: str) -> tuple[Kind, str]:
        """Return kind and channel of an item: rows of a market are the same for every account."""
        if item == HEARTBEAT_ITEM:
            return HEARTBEAT, item
        match item.split(":"):
            case ["PRICE", account, epic] if self._knows(epic):
                return self._of_account(PRICE, account, f"PRICE:{epic}")
            case ["MARKET" | "L1", epic] if self._knows(epic):
                # As IG does since May 2026: accepted, and silent.
                return MARKET, item
            case ["CHART", epic, "TICK"] if self._knows(epic):
                return CHART_TICK, item
            case ["CHART", epic, scale] if scale in SCALES_S and self._knows(epic):
                return CHART_CANDLE, item
            case ["ACCOUNT", account]:
                return self._of_account(ACCOUNT, account, item)
            case ["TRADE", account]:
                return self._of_account(TRADE, account, item)
        raise StreamRefusal(21, f"Invalid group: {item}")

    def _of_account(self, kind: Kind, account: str, channel: str) -> tuple[Kind, str]:
        if self._accounts is not None and account not in self._accounts:
            raise StreamRefusal(-1, "Insufficient permissions")
        return kind, channel

    def epic_of(self, channel: str) -> str | None:
        """Return the market whose ticks feed ``channel``, or ``None``: ``MARKET`` items stay silent."""
        kind, _, rest = channel.partition(":")
        if kind == "PRICE":
            return rest
        return rest.rpartition(":")[0] if kind == "CHART" else None

    def snapshot(self, channel: str) -> Sequence[Row]:
        """Return the rows that a new subscriber gets first, oldest first."""
        if channel in self._figures:
            return [self._figures[channel]]
        epic = self.epic_of(channel)
        tick = self._last.get(epic) if epic is not None else None
        if epic is None or tick is None:
            return []
        if channel in self._candles:
            return [self._candles[channel].row(self._days[epic])]
        return [row for _, row in self._rows(tick, [channel])]

    def prime(self, tick: Tick) -> None:
        """Take ``tick`` as the price of a market of which no tick was seen yet, for snapshots."""
        if tick.epic not in self._last:
            self._last[tick.epic] = tick
            self._day(tick)

    def on_tick(self, tick: Tick, wanted: Collection[str]) -> list[tuple[str, Row]]:
        """Return the rows that ``tick`` makes, each with its channel, for the channels in ``wanted``."""
        self._last[tick.epic] = tick
        self._day(tick)
        return self._rows(tick, wanted)

    def ended(self, time: datetime, wanted: Iterable[str]) -> list[tuple[str, Row]]:
        """Return the last rows of the candles in ``wanted`` that are over at ``time`` and were not ended yet."""
        rows: list[tuple[str, Row]] = []
        for channel in wanted:
            candle = self._candles.get(channel)
            if candle is not None and not candle.ended and candle.is_over(time):
                rows.append((channel, candle.end(self._days[self.epic_of(channel) or ""])))
        return rows

    def posted(self, channel: str, row: Row) -> None:
        """Take note of an account's figures, of its last confirm, and of a market's state.

        Deals are events, but IG shows a new subscriber the last confirm again, however old (captures/INDEX.md, 5).
        """
        if channel.startswith("TRADE:") and row.get("CONFIRMS") is not None:
            self._figures[channel] = {"CONFIRMS": row["CONFIRMS"], "OPU": None, "WOU": None}
        elif channel.startswith("ACCOUNT:"):
            self._figures[channel] = {**self._figures.get(channel, {}), **row}
        elif channel.startswith("PRICE:"):
            self._flags[channel] = row.get("DLG_FLAG")

    def message(self, text: str) -> str:
        """Refuse every message: IG's data adapters take none."""
        del text
        raise StreamRefusal(-1, "Messages are not supported")

    def _day(self, tick: Tick) -> DayFigures:
        day = self._days.get(tick.epic)
        if day is None or not same_day(tick.epic, day.latest, tick.time):
            so_far = self._before(tick.epic, tick.time) if day is None else None
            day = self._days[tick.epic] = DayFigures(tick, so_far)
        day.add(tick)
        return day

    def _rows(self, tick: Tick, wanted: Collection[str]) -> list[tuple[str, Row]]:
        day = self._days[tick.epic]
        rows: list[tuple[str, Row]] = []
        for channel in wanted:
            if channel.startswith("PRICE:"):
                rows.append((channel, price_row(tick, day, self._flags.get(channel))))
            elif channel.endswith(":TICK"):
                rows.append((channel, chart_tick_row(tick, day)))
            else:
                rows += [(channel, row) for row in self._candle_rows(channel, tick, day)]
        return rows

    def _candle_rows(self, channel: str, tick: Tick, day: DayFigures) -> list[Row]:
        candle = self._candles.get(channel)
        length_s = SCALES_S[channel.rpartition(":")[2]]
        rows: list[Row] = []
        if candle is None or not candle.holds(tick):
            if candle is not None and not candle.ended:
                rows.append(candle.end(day))
            candle = self._candles[channel] = ScaleCandle(length_s, tick)
        candle.add(tick)
        rows.append(candle.row(day))
        return rows
