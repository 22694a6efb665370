"""Account, deals and heartbeat as contents of shared items."""

from __future__ import annotations

from functools import partial

from ig_sdk.clock import Clock
from ig_sdk.errors import SubscriptionRefused
from ig_sdk.lightstreamer import ItemUpdate, Subscription
from ig_sdk.logs import get_logger
from ig_sdk.streaming.accounts.decode import (
    ACCOUNT_FIELDS,
    HEARTBEAT_FIELD,
    HEARTBEAT_ITEM,
    TRADE_FIELDS,
    AccountDecoder,
    DealDecoder,
    heartbeat_of,
)
from ig_sdk.streaming.accounts.updates import AccountUpdate
from ig_sdk.streaming.channel import Reader
from ig_sdk.streaming.readers import Readers
from ig_sdk.streaming.shared import ItemPlan
from ig_sdk.streaming.updates import UpdateCounts, Updates

_log = get_logger("prices")


class AccountUpdates(Updates):
    """The figures of the account."""

    key = "account"

    def __init__(self, readers: Readers, clock: Clock) -> None:
        super().__init__(readers, clock)
        self._decoder = AccountDecoder()
        self._latest: AccountUpdate | None = None

    def counts(self) -> UpdateCounts:
        """Return the counts so far."""
        return UpdateCounts(self.updates, undecodable=self._decoder.undecodable)

    def row(self, update: ItemUpdate) -> None:
        """Pass on the figures."""
        account_id = account_of(update)
        figures = self._decoder.decode(update, account_id, self._clock.now())
        if figures is not None:
            self._latest = figures
            self._pass_on(account_id, [figures])

    def greet(self, reader: Reader) -> None:
        """Give a late reader the figures that hold now."""
        if self._latest is not None:
            reader.put(self._latest.account_id, self._latest)


class DealUpdates(Updates):
    """Confirms, and what became of positions and orders."""

    key = "deals"

    def __init__(self, readers: Readers, clock: Clock) -> None:
        super().__init__(readers, clock)
        self._decoder = DealDecoder()

    def counts(self) -> UpdateCounts:
        """Return the counts so far."""
        return UpdateCounts(self.updates, undecodable=self._decoder.undecodable, repeated=self._decoder.repeated)

    def row(self, update: ItemUpdate) -> None:
        """Pass on what is new."""
        account_id = account_of(update)
        deals, faults = self._decoder.decode(update, account_id)
        for fault in faults:
            self._repeats.error(
                "a deal of the stream could not be read; look at positions and orders", ValueError(fault)
            )
        self._pass_on(account_id, deals)

    def gap(self, seconds: float) -> None:
        """The snapshot of another session may say what was missed."""
        del seconds
        self._decoder.resubscribed()


class Heartbeats(Updates):
    """IG's sign of life."""

    key = "heartbeat"

    def row(self, update: ItemUpdate) -> None:
        """Pass it on."""
        beat = heartbeat_of(update, self._clock.now())
        if beat is not None:
            self._pass_on(self.key, [beat])


def account_of(update: ItemUpdate) -> str:
    """Return the account that an item belongs to: the last part of its name."""
    return (update.item or "").rpartition(":")[2]


def account_plan(kind: type[Updates]) -> ItemPlan:
    """Return how an item of the account is subscribed to (IG-SPECIFICS.md section 6)."""

    def subscription(account_id: str) -> Subscription:
        if kind is AccountUpdates:
            return Subscription("MERGE", [f"ACCOUNT:{account_id}"], tuple(ACCOUNT_FIELDS))
        if kind is DealUpdates:
            # In MERGE an old text would stay and be taken for a new deal (IG-SPECIFICS.md section 7).
            return Subscription("DISTINCT", [f"TRADE:{account_id}"], TRADE_FIELDS)
        return Subscription("MERGE", [HEARTBEAT_ITEM], (HEARTBEAT_FIELD,))

    name = kind.key if kind is Heartbeats else ""  # else the account's id, when it is known
    return ItemPlan(kind.key, name, subscription, partial(_refusal, kind.key))


def _refusal(what: str, code: int | None, message: str) -> SubscriptionRefused:
    return SubscriptionRefused(
        f"IG refused to stream {what}: {message or 'no reason given'} (code {code})",
        code=code,
        hint="the account may not be allowed to stream it; the other streams go on",
    )
