"""IG's two price feeds, and how their rows become :class:`~ig_sdk.types.Tick`; no I/O.

Field lists are minimal: one field that IG does not publish for a market refuses the whole subscription
(IG-SPECIFICS.md section 5). ``MARKET:`` items are retired and are never asked for (section 6).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Protocol

from ig_sdk.errors import SubscriptionRefused, UsageError
from ig_sdk.types import Tick, epic_for

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
# Characters of an item name: a blank would split the group, "|" and "," belong to the protocol.
_EPIC = re.compile(r"[A-Za-z0-9_.\-]+")


class PriceRow(Protocol):
    """What is read of an update."""

    @property
    def is_snapshot(self) -> bool:
        """Whether the row is the state at subscription instead of a change."""
        ...

    def get(self, name: str, /) -> str | None:
        """Return the field's value, ``None`` when it is null or was never sent."""
        ...


@dataclass(frozen=True, slots=True)
class PriceFeed:
    """How one kind of price item is subscribed to and read.

    Attributes:
        pattern: Item name, with ``{account}`` and ``{epic}`` to fill in.
        mode: Subscription mode.
        data_adapter: Data adapter, ``None`` for the server's default.
        snapshot: Whether to ask for the current state first.
        bid: Name of the bid field.
        offer: Name of the offer field.
        time: Name of the field with epoch milliseconds.
        status: Name of the field with the dealing state, if the feed has one.
    """

    pattern: str
    mode: str
    data_adapter: str | None
    snapshot: bool
    bid: str
    offer: str
    time: str
    status: str | None = None

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields to subscribe to."""
        names = (self.bid, self.offer, self.time)
        return names if self.status is None else (*names, self.status)

    def item(self, epic: str, account_id: str) -> str:
        """Return the item name of ``epic`` for ``account_id``."""
        return self.pattern.format(account=account_id, epic=epic)


# IG-SPECIFICS.md section 6; captures/INDEX.md 1: the data adapter must be named, the state has trailing blanks.
PRICE_FEED = PriceFeed(
    pattern="PRICE:{account}:{epic}",
    mode="MERGE",
    data_adapter="Pricing",
    snapshot=True,
    bid="BIDPRICE1",
    offer="ASKPRICE1",
    time="TIMESTAMP",
    status="DLG_FLAG",
)
CHART_FEED = PriceFeed(
    pattern="CHART:{epic}:TICK", mode="DISTINCT", data_adapter=None, snapshot=False, bid="BID", offer="OFR", time="UTM"
)
FEEDS = {"price": PRICE_FEED, "chart": CHART_FEED}


def epic_of(market: object) -> str:
    """Return the epic that ``market`` (an epic, or the name of one of the five pairs) means.

    Raises:
        UsageError: It cannot be part of an item name: the server would read it as another item, or as several.
    """
    epic = epic_for(market) if isinstance(market, str) else ""
    if not _EPIC.fullmatch(epic):
        raise UsageError(
            f"{market!r} is neither a market's name nor an epic", hint="an epic looks like CS.D.EURUSD.MINI.IP"
        )
    return epic


class TickDecoder:
    """Turns the rows of one market into ticks; invents nothing.

    Attributes:
        incomplete: Rows held back because bid, offer or time was missing.
        undecodable: Rows held back because a value was not a number.
        repeated: Snapshot rows that repeated the last tick (after a resubscription).
    """

    __slots__ = (
        "_bid", "_bid_number", "_epic", "_last", "_offer", "_offer_number", "_state", "_status", "_status_text",
        "_time", "incomplete", "repeated", "undecodable",
    )  # fmt: skip

    def __init__(self, epic: str, feed: PriceFeed) -> None:
        self._epic = epic
        self._bid, self._offer, self._time, self._status = feed.bid, feed.offer, feed.time, feed.status
        self._last: tuple[str, str, str] = ("", "", "")
        self._bid_number = self._offer_number = 0.0
        self._status_text: str | None = None
        self._state: str | None = None
        self.incomplete = 0
        self.undecodable = 0
        self.repeated = 0

    def repeats(self, row: PriceRow) -> bool:
        """Return whether a row says what the last tick said."""
        return self._last == (row.get(self._bid), row.get(self._offer), row.get(self._time))

    def decode(self, row: PriceRow, received_at: datetime) -> Tick | None:
        """Return the tick in ``row``, or ``None`` when there is none (counted).

        Args:
            row: An update of the market's item.
            received_at: When it arrived, aware UTC.
        """
        get = row.get
        bid, offer, time = get(self._bid), get(self._offer), get(self._time)
        # Null before the first value, and in every field at the weekly close (captures/INDEX.md 9).
        if not bid or not offer or not time:
            self.incomplete += 1
            return None
        last_bid, last_offer, last_time = self._last
        if time == last_time and row.is_snapshot and bid == last_bid and offer == last_offer:
            self.repeated += 1
            return None
        try:
            # Often only one side has changed: the other one's text is the very object that was read last.
            bid_number = self._bid_number if bid is last_bid else _number(bid)
            offer_number = self._offer_number if offer is last_offer else _number(offer)
            moment = _instant(time)
        except (ValueError, OverflowError):
            self.undecodable += 1
            return None
        self._last = (bid, offer, time)
        self._bid_number, self._offer_number = bid_number, offer_number
        if self._status is not None:
            text = get(self._status)
            if text is not self._status_text:
                self._status_text, self._state = text, (text.strip() or None) if text else None
        return Tick(self._epic, bid_number, offer_number, moment, received_at, "stream", False, self._state)  # noqa: FBT003


def _number(text: str) -> float:
    number = float(text)
    # float() also takes "1_0", digits of other scripts, "nan" and "inf": none of them is a price.
    if number - number != 0.0 or "_" in text or not text.isascii():
        raise ValueError(text)
    return number


def _instant(text: str) -> datetime:
    if "_" in text or not text.isascii():
        raise ValueError(text)
    return _EPOCH + timedelta(0, 0, 0, int(text))


_HINTS = {
    -1: "the market exists, but this account may not stream it; do not ask again",
    17: "IG expects PRICE items on the data adapter 'Pricing'; this is a fault of ig_sdk or a change at IG",
    21: "the epic is wrong, or IG no longer streams this kind of item; search for it with ig.markets.search()",
    22: "IG does not publish a field of the feed for this market; try stream.price_source = 'chart'",
    23: "IG does not publish a field of the feed for this market; try stream.price_source = 'chart'",
    24: "IG does not allow the feed's mode for this market; try the other stream.price_source",
}


def refusal(epic: str, code: int | None, message: str) -> SubscriptionRefused:
    """Return the error for a price subscription that the server refused.

    Source:
        IG-SPECIFICS.md section 8.
    """
    reason = message or "no reason given"
    return SubscriptionRefused(
        f"IG refused the prices of {epic}: {reason} (code {code})",
        code=code,
        hint=_HINTS.get(code if code is not None else 0, "the other markets of the stream go on"),
    )
