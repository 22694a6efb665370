"""One item of the server and everybody who reads it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from ig_sdk.clock import Clock
from ig_sdk.errors import SubscriptionRefused
from ig_sdk.lightstreamer import (
    ItemUpdate,
    ItemUpdatesLost,
    Subscribed,
    Subscription,
    SubscriptionError,
    SubscriptionListener,
    Unsubscribed,
)
from ig_sdk.logs import get_logger
from ig_sdk.streaming.channel import Reader
from ig_sdk.streaming.events import Gap, Stale, UpdatesLost
from ig_sdk.streaming.holes import Holes
from ig_sdk.streaming.readers import Readers

_log = get_logger("prices")

SubscriptionState = Literal["waiting", "active", "refused", "ended", "failed"]


@dataclass(frozen=True, slots=True)
class SubscriptionStatus:
    """State of one server item at one moment.

    Attributes:
        state: ``"waiting"`` for the server's answer, ``"active"``, ``"refused"``, ``"ended"`` by the server, or
            ``"failed"`` with the whole stream.
        reason: Why, in one sentence; empty while all is well.
        since: Since when, aware UTC.
        readers: How many streams read it.
    """

    state: SubscriptionState
    reason: str
    since: datetime
    readers: int = 0


@dataclass(frozen=True)
class ItemPlan:
    """How one item is subscribed to.

    Attributes:
        key: Names the item among those of the connection, whatever the account: ``"PRICE CS.D.EURUSD.MINI.IP"``.
        name: What events and counts name it by: the epic, or ``""`` for the account's id.
        subscription: Makes the subscription for an account.
        refusal: Makes the error for a refusal, from the server's code and text.
        settles: Whether a hole ends with the first row of another session, which comes soon, and not before.
    """

    key: str
    name: str
    subscription: Callable[[str], Subscription]
    refusal: Callable[[int | None, str], SubscriptionRefused]
    settles: bool = False


class Content(Protocol):
    """What the rows of one kind of item mean; everything here is called in the turn."""

    def row(self, update: ItemUpdate) -> None:
        """Decode a row and pass on to the readers what it says."""
        ...

    def unchanged(self, update: ItemUpdate) -> bool:
        """Return whether the first row of another session proves that nothing was missed."""
        ...

    def greet(self, reader: Reader) -> None:
        """Give a reader that joined late what it needs to begin."""
        ...

    def lost(self, count: int) -> None:
        """Note that so many rows are missing before the next one."""
        ...

    def gap(self, seconds: float) -> None:
        """Note that rows may be missing before the next one: another session was opened."""
        ...

    def line_down(self) -> None:
        """Note that nothing can come from now on."""
        ...

    def line_up(self) -> None:
        """Note that the line is back, and nothing is missing."""
        ...

    def quiet_s(self, now: float) -> float:
        """Return for how many seconds nothing has come; 0 where that means nothing."""
        ...

    def tick(self, now: float, *, line_down: bool, others: bool | None) -> float:
        """Do what time alone asks for; return when to ask again (monotonic seconds).

        Args:
            now: Monotonic seconds.
            line_down: Whether the line is down.
            others: Whether other items of its kind are alive; ``None`` where there are none.
        """
        ...


class SharedItem(SubscriptionListener):
    """A server item: its subscription, its readers, its holes.

    Args:
        plan: How it is subscribed to.
        content: What its rows mean.
        readers: Who reads it; the content passes data on to them.
        clock: Time.
        turn: Held by one thread at a time over whatever reaches a reader, callbacks included, so that the dispatch
            thread and ``ig-stream-watch`` make one series. No public method of a stream takes it: a callback may call
            any of them.
        wake: Lets the watch look.

    Threading:
        ``join`` and ``leave`` are called under the line's own lock, what the line calls besides in the turn.
    """

    def __init__(
        self,
        plan: ItemPlan,
        content: Content,
        readers: Readers,
        *,
        clock: Clock,
        turn: threading.Lock,
        wake: Callable[[], None],
    ) -> None:
        self.plan = plan
        self.name = plan.name
        self.content = content
        self.readers = readers
        self.holes = Holes()
        self.subscription: Subscription | None = None
        self.rows = 0
        self.lost = 0
        self.gaps = 0
        self._clock = clock
        self._turn = turn
        self._wake = wake
        self._awaited = False  # another session has not accepted it yet
        self._left: set[int | None] = set()  # ids of subscriptions that another one has replaced
        self._state: SubscriptionState = "waiting"
        self._reason = ""
        self._since = clock.now()

    @property
    def status(self) -> SubscriptionStatus:
        """The state now."""
        return SubscriptionStatus(self._state, self._reason, self._since, len(self.readers))

    @property
    def over(self) -> bool:
        """Whether nothing will come any more."""
        return self._state not in ("waiting", "active")

    @property
    def settled(self) -> bool:
        """Whether the session in force serves it, and its hole is told."""
        return self.over or not (self._awaited or self.holes.replaced)

    # -- readers ---------------------------------------------------------------------------------------------------

    def join(self, reader: Reader) -> None:
        """Let ``reader`` have everything from now on."""
        at_once = self.subscription is None  # nothing can have come
        self.readers.join(reader, at_once=at_once)
        self._block()
        if not at_once:
            self._wake()

    def leave(self, reader: Reader) -> bool:
        """Let ``reader`` have nothing more; return whether nobody is left."""
        nobody = self.readers.leave(reader)
        self._block()
        return nobody

    def admit(self) -> None:
        """Let those in who joined while prices were coming; in the turn."""
        for reader in self.readers.admit():
            if not self.holes.open:
                self.content.greet(reader)

    def make(self, account_id: str) -> Subscription:
        """Make the subscription for an account; it replaces an earlier one."""
        if self.subscription is not None:
            self._left.add(self.subscription.subscription_id)
        self.name = self.plan.name or account_id
        subscription = self.plan.subscription(account_id)
        subscription.add_listener(self)
        self.subscription = subscription
        self._block()
        return subscription

    def _block(self) -> None:
        """Let the server wait while one reader wants that."""
        if self.subscription is not None:
            self.subscription.overflow = "block" if self.readers.blocking else "drop_oldest"

    # -- from the dispatch thread ----------------------------------------------------------------------------------

    def on_subscribed(self, event: Subscribed) -> None:
        """The server accepted it."""
        if event.subscription_id not in self._left:
            with self._turn:
                self.become("active", "")
                awaited, self._awaited = self._awaited, False
            if awaited:
                self._wake()

    def on_update(self, update: ItemUpdate) -> None:
        """A row came."""
        if self._left and update.subscription_id in self._left:
            return  # of the account that was in use before
        with self._turn:
            if self.readers.waiting:
                self.admit()
            if self.holes.replaced:
                self.end_hole(missing=not self.content.unchanged(update))
                self._wake()
            self.rows += 1
            self.content.row(update)

    def on_updates_lost(self, event: ItemUpdatesLost) -> None:
        """Rows are missing: dropped, or not readable."""
        if event.subscription_id in self._left:
            return
        with self._turn:
            self.lost += event.count
            self.content.lost(event.count)
            self.readers.tell(UpdatesLost(self.name, event.count, self._clock.now(), event.where))

    def on_error(self, event: SubscriptionError) -> None:
        """The item was refused, or what came for it cannot be read."""
        if not event.over or event.subscription_id in self._left:
            return
        error = self.plan.refusal(event.code, event.message)
        with self._turn:
            _log.error("%s", error)
            self.become("refused", str(error))
            for reader in self.readers:
                reader.refuse(self.name, error)
        self._wake()

    def on_unsubscribed(self, event: Unsubscribed) -> None:
        """It is gone: by the server's wish, unless everybody has left or another subscription took its place."""
        if len(self.readers) and event.subscription_id not in self._left:
            with self._turn:
                self.become("ended", "the server ended it")
            self._wake()

    # -- from the line, in the turn --------------------------------------------------------------------------------

    def line_down(self, now: float, since: float, reason: str) -> None:
        """Note that the line has brought nothing since ``since``."""
        if self._state == "active" and self.holes.begin(since, reason):
            quiet_s = max(self.content.quiet_s(now), now - since)
            self.content.line_down()
            self.readers.tell(Stale(self.name, quiet_s, self._clock.now(), reason, line_down=True))

    def line_back(self, now: float, away_s: float | None, *, replaced: bool) -> None:
        """Note that the line is back after ``away_s`` seconds, with the same session or another one."""
        if not replaced:
            self.holes.resume()
            if not self.holes.open:
                self.content.line_up()
            return
        self._awaited = True
        if self.holes.open and away_s is not None:
            self.holes.begin(now - away_s, self.holes.reason)
        self.holes.replace()
        if self.holes.replaced and not self.plan.settles:
            self.end_hole(missing=True)

    def end_hole(self, *, missing: bool) -> None:
        """End the hole of a replaced session; told once, however often the line broke in it, unless it was none."""
        reason = self.holes.reason
        seconds = self.holes.end(self._clock.monotonic())
        if not missing:
            self.content.line_up()
            return
        self.gaps += 1
        self.content.gap(seconds)
        self.readers.tell(Gap(self.name, seconds, self._clock.now(), reason))

    def tick(self, now: float, *, others: bool | None) -> float:
        """Do what time alone asks for; return when to ask again (monotonic seconds)."""
        return float("inf") if self.over else self.content.tick(now, line_down=self.holes.open, others=others)

    def become(self, state: SubscriptionState, reason: str) -> None:
        """Note the state from now on."""
        if (state, reason) != (self._state, self._reason):
            self._state, self._reason, self._since = state, reason, self._clock.now()
