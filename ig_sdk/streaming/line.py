"""The one connection of a client, which every stream of it shares: login, account, items, state."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Protocol

from ig_sdk.clock import Clock
from ig_sdk.config import IGConfig
from ig_sdk.errors import StreamError, UsageError
from ig_sdk.lightstreamer import ClientListener, ConnectionStatus, LightstreamerClient, StatusChanged
from ig_sdk.logs import Repeats, correlation, get_logger
from ig_sdk.rest.login.tokens import StreamAccess
from ig_sdk.streaming.channel import Reader
from ig_sdk.streaming.events import Reconnected
from ig_sdk.streaming.figures import Figures
from ig_sdk.streaming.metrics import ConnectionMetrics, MarketMetrics
from ig_sdk.streaming.shared import SharedItem
from ig_sdk.streaming.status import StreamStatus
from ig_sdk.streaming.watch import Watch

_log = get_logger("prices")
# IG-SPECIFICS.md section 5, for a key of which IG says nothing. More connections to get around the limit breach IG's
# terms: there is one, and its items are counted.
_ITEMS = 40
# Keepalive that IG's servers grant (IG-SPECIFICS.md section 3), to subtract from a configured stall time.
_KEEPALIVE_S = 5.0
# Silence beyond it that means STALLED (IG-SPECIFICS.md section 10).
_TOLERANCE_S = 2.0
# A burst may bring this many rows in one read; a smaller queue would drop them although no reader is slow.
_SHORTEST_QUEUE = 1_000
# Longest wait, after another session was opened, for the first rows, which may prove that nothing was missed.
_SETTLING_S = 2.0

# A market that had a price within this time shows that prices come.
_LIVELY_S = 60.0

OnStatus = Callable[[StatusChanged], object]
# Makes an item, given the turn in which it works and what to ring when something is due.
MakeItem = Callable[[threading.Lock, Callable[[], None]], SharedItem]


class Access(Protocol):
    """Gives valid credentials; logs in when needed."""

    def __call__(self, *, timeout: float | None = None, fresh: bool = False) -> StreamAccess:
        """Return them; ``fresh`` logs in again although there are tokens."""
        ...


class Line:
    """A connection that opens with its first item and closes with its last user.

    Args:
        access: Gives address and credentials. The threads hold it: it must not keep alive what a user may forget.
        config: Settings.
        clock: Time.

    Threading:
        Safe from any thread. ``_lock`` guards the fields; of other locks only the Lightstreamer client's own are taken
        under it, so that a place is given back before it is taken again. The turn is above both: see ``SharedItem``.
    """

    def __init__(self, access: Access, config: IGConfig, *, clock: Clock) -> None:
        self._access = access
        self._config = config
        self._clock = clock
        self._lock = threading.Lock()
        self._turn = threading.Lock()
        self._users: dict[object, tuple[OnStatus, ...]] = {}
        self._items: dict[str, SharedItem] = {}
        self._reading: dict[Reader, list[SharedItem]] = {}
        self._client: LightstreamerClient | None = None
        self._watch: Watch | None = None
        self._account_id = ""
        self._limit = config.limits.subscriptions or _ITEMS
        # The latest change that the dispatch thread reported; the client owns the status itself.
        self._reported = _not_connected(clock.monotonic())
        self._since = clock.now()
        self._reconnects = 0
        self._lost_because = ""
        self._returned: StatusChanged | None = None
        self._figures = Figures(clock)
        self._failures = Repeats(_log)

    # -- users -----------------------------------------------------------------------------------------------------

    def enter(self, user: object) -> None:
        """Keep the connection open for ``user``, who must leave again."""
        with self._lock:
            self._users.setdefault(user, ())

    def leave(self, user: object, timeout: float = 5.0) -> None:
        """Close the connection unless somebody else uses it; idempotent."""
        with self._lock:
            if self._users.pop(user, None) is None or self._users:
                return
            client, watch = self._client, self._watch
            self._client = self._watch = None
            readers = list(self._reading)
            for reader in readers:
                self._release(reader)
            if client is not None:
                self._figures.client_left(client)
        ends = self._clock.monotonic() + timeout
        for reader in readers:  # of a user that was forgotten without close()
            reader.close()
        if watch is not None:
            watch.stop()
        if client is not None:
            client.close(timeout)
        if watch is not None:
            watch.join(max(ends - self._clock.monotonic(), 0.1))

    def on_status(self, user: object, callback: OnStatus) -> None:
        """Call ``callback`` at each change of the status, until ``user`` leaves."""
        with self._lock:
            self._users[user] = (*self._users.get(user, ()), callback)

    # -- the connection --------------------------------------------------------------------------------------------

    def connected(self, timeout: float | None) -> LightstreamerClient:
        """Return the client, connecting or connected; the first time this may log in.

        Raises:
            IGError: The login failed.
            UsageError: Everybody left meanwhile.
        """
        with self._lock:
            client = self._client
        if client is None:
            # Outside the lock: this may log in. The caller sees the errors of the login.
            with correlation():  # one id for the login and for the threads of the connection
                access = self._access(timeout=timeout)
                made, watch = self._make_client(access.endpoint), Watch(self._look, self._turn, self._clock)
            with self._lock:
                if self._client is None and self._users:
                    self._client, self._watch, self._account_id = made, watch, access.account_id
                    self._limit = self._config.limits.subscriptions or access.items or _ITEMS
                    made.add_listener(_ConnectionListener(self))
                    watch.start()
                client = self._client
            if client is not made:
                made.close()
            if client is None:
                raise UsageError("the stream was closed while it connected")
        client.connect()
        return client

    def _make_client(self, endpoint: str) -> LightstreamerClient:
        config = self._config
        stall_s = config.stream.stall_s
        if stall_s is not None:
            stall_s = max(stall_s - (config.stream.keepalive_s or _KEEPALIVE_S), 0.0)
        return LightstreamerClient(
            endpoint,
            credentials=self._credentials,
            protocol_versions=config.stream.protocol_versions,
            keepalive_s=config.stream.keepalive_s,
            stall_s=_TOLERANCE_S if stall_s is None else stall_s,
            connect_timeout_s=config.connect_timeout_s,
            reconnect_initial_s=config.reconnect.initial_delay_s,
            reconnect_max_s=config.reconnect.max_delay_s,
            reconnect_multiplier=config.reconnect.multiplier,
            proxy=config.proxy,
            ca_bundle=config.ca_bundle,
            # IG leaves out what never had a value (captures: tlcp-lines-tempeh-2025-09-05, trade-rows-raw-2022-05).
            unset_is_null=True,
            ignore_control_link=config.stream.ignore_control_link,
            queue_size=max(config.live.tick_buffer_size, _SHORTEST_QUEUE),
            clock=self._clock,
        )

    def _credentials(self) -> tuple[str | None, str | None]:
        client = self._client
        # CONERR 1 means stale tokens: a new login, once (IG-SPECIFICS.md section 8).
        access = self._access(fresh=client is not None and client.credentials_refused)
        self._follow_account(access.account_id)
        return access.user, access.password

    def _follow_account(self, account_id: str) -> None:
        """Follow a switch of the account: a session serves the one it was opened with (IG-SPECIFICS.md section 2)."""
        with self._lock:
            client = self._client
            if client is None or account_id == self._account_id:
                return
            self._account_id = account_id
            for item in self._items.values():
                old = item.subscription
                if old is not None and old.active and old.items != item.plan.subscription(account_id).items:
                    new = item.make(account_id)
                    client.unsubscribe(old)
                    client.subscribe(new)

    # -- items -----------------------------------------------------------------------------------------------------

    def check_room(self, keys: Sequence[str]) -> None:
        """Raise ``UsageError`` when there are not places enough for the items among ``keys`` that are not open yet."""
        with self._lock:
            self._check_room(keys)

    def _check_room(self, keys: Sequence[str]) -> None:
        held_now = {key: item for key, item in self._items.items() if not item.over}
        more = sum(key not in held_now for key in dict.fromkeys(keys))
        total = len(held_now) + more
        if more and total > self._limit:
            held = ", ".join(f"{key} ({item.status.readers})" for key, item in held_now.items())
            raise UsageError(
                f"{more} more items would make {total} subscriptions; IG allows {self._limit} on a connection. "
                f"Held, with the number of streams that read each: {held or 'none'}",
                hint="close a stream that is no longer needed; a second connection breaks IG's terms",
            )

    def open(self, reader: Reader, wanted: Sequence[tuple[str, MakeItem]]) -> list[SharedItem]:
        """Let ``reader`` read the items ``wanted``; those that are open already are shared.

        Args:
            reader: Gets everything from now on.
            wanted: Key of each item, and what makes it.

        Raises:
            UsageError: There are not places enough, the connection is closed, or items may not share it.
        """
        with self._lock:
            client, watch = self._client, self._watch
            if client is None or watch is None:
                raise UsageError("the stream is closed", hint="open another one with ig.stream()")
            self._check_room([key for key, _ in wanted])
            joined: list[SharedItem] = []
            self._reading[reader] = joined
            try:
                for key, make in wanted:
                    item = self._items.get(key)
                    if item is None or item.over:  # who asks again tries anew
                        item = self._items[key] = make(self._turn, watch.ring)
                    item.join(reader)
                    joined.append(item)
                    if item.subscription is None:
                        client.subscribe(item.make(self._account_id))
            except BaseException:
                self._release(reader)
                raise
        watch.ring()
        return joined

    def release(self, reader: Reader) -> None:
        """Let ``reader`` read nothing more; items that nobody reads are given back."""
        with self._lock:
            self._release(reader)

    def _release(self, reader: Reader) -> None:
        if reader in self._reading:
            self._figures.reader_left(reader)
        for item in self._reading.pop(reader, ()):
            if item.leave(reader):
                if self._items.get(item.plan.key) is item:
                    del self._items[item.plan.key]
                self._figures.item_left(item)
                if self._client is not None and item.subscription is not None and item.subscription.active:
                    self._client.unsubscribe(item.subscription)

    def item(self, key: str) -> SharedItem | None:
        """Return an open item."""
        with self._lock:
            return self._items.get(key)

    # -- state -----------------------------------------------------------------------------------------------------

    def status(self) -> StreamStatus:
        """Return the state of the connection now."""
        with self._lock:
            items = dict(self._items)
            client, event, since, reconnects = self._client, self._reported, self._since, self._reconnects
            limit = self._limit
        current = event.status if client is None else client.status
        reason, version = event.reason, event.version
        if client is not None and current is not event.status:
            # The dispatch thread has not reported this change yet.
            change = client.status_change
            current, reason, since, version = change.status, change.reason, self._clock.now(), client.protocol_version
        epics = tuple(dict.fromkeys(item.name for item in items.values() if item.plan.name and not item.over))
        subscriptions = {key: item.status for key, item in items.items()}
        return StreamStatus(
            current, reason, since, reconnects, epics, version, "stream", len(items), limit, subscriptions
        )

    def metrics(self) -> tuple[ConnectionMetrics, dict[str, MarketMetrics], int]:
        """Return the connection's figures, each market's, and how many errors callbacks raised."""
        status = self.status()
        with self._lock:
            items, figures = list(self._items.values()), self._figures
            errors = figures.callback_errors + sum(reader.callback_errors for reader in self._reading)
            connection = figures.connection(status, self._client, items)
            return connection, figures.markets(items), errors

    def changed(self, event: StatusChanged) -> None:
        """Take a change of the connection's status: on the dispatch thread, in order with the ticks."""
        with self._lock:
            changed = event.status is not self._reported.status
            self._reported = event
            if changed:
                self._since = self._clock.now()
            if changed and event.status in (ConnectionStatus.RECONNECTING, ConnectionStatus.STALLED):
                self._lost_because = event.reason
            items, readers = list(self._items.values()), list(self._reading)
            callbacks = [callback for each in self._users.values() for callback in each]
        if event.status is ConnectionStatus.CONNECTED:
            self._back(event, items)
        elif event.status in (ConnectionStatus.STALLED, ConnectionStatus.RECONNECTING):
            self._down(event, items)
        elif event.status is ConnectionStatus.FAILED:
            self._fail(event.error or StreamError(f"the stream failed: {event.reason}"), items, readers)
        for callback in callbacks:
            try:
                callback(event)
            except Exception as error:  # noqa: BLE001, PERF203 -- the callback is not ours, and must not stop the others
                self._figures.callback_errors += 1
                self._failures.error("a status callback raised; the stream goes on", error)

    def _down(self, event: StatusChanged, items: Sequence[SharedItem]) -> None:
        with self._turn:
            self._returned = None
            for item in items:
                item.line_down(self._clock.monotonic(), event.at, event.reason)

    def _back(self, event: StatusChanged, items: Sequence[SharedItem]) -> None:
        if event.continuity in (None, "new"):
            return
        with self._lock:
            if event.previous is not ConnectionStatus.STALLED:
                self._reconnects += 1
        with self._turn:
            now = self._clock.monotonic()
            for item in items:
                item.line_back(now, event.gap_s, replaced=event.continuity == "replaced")
            self._returned = event
            self._settle(now)

    def _settle(self, now: float) -> float:
        """Tell that the line is back as soon as each market's hole is told, or is known to be none; in the turn."""
        event = self._returned
        if event is None:
            return float("inf")
        with self._lock:
            open_ = [item for item in self._items.values() if not item.settled]
            readers = list(self._reading)
        due = event.at + _SETTLING_S
        if open_ and now < due:
            return due
        self._returned = None
        for item in open_:
            if item.holes.replaced:
                item.end_hole(missing=True)
        for reader in readers:
            reader.tell(Reconnected(str(event.continuity), event.gap_s, self._clock.now()))
        return float("inf")

    def _fail(self, error: StreamError, items: Sequence[SharedItem], readers: Sequence[Reader]) -> None:
        _log.error("%s", error)
        with self._turn:
            for item in items:
                item.become("failed", str(error))
            for reader in readers:
                reader.fail(error)
                reader.end()
                self.release(reader)

    def _look(self, now: float) -> float:
        """Do what is due; in the turn, on the watch's thread."""
        due = self._settle(now)
        with self._lock:
            items, reading = list(self._items.values()), dict(self._reading)
        alive = {item for item in items if 0.0 < item.content.quiet_s(now) < _LIVELY_S}
        for item in items:
            item.admit()
            others = None if len(items) == 1 else bool(alive - {item})
            due = min(due, item.tick(now, others=others))
        for reader, its in reading.items():
            if its and all(item.over for item in its):
                reader.end()
        self._give_back([item for item in items if item.over])
        return due

    def _give_back(self, over: Sequence[SharedItem]) -> None:
        """Give the places of items back of which nothing will come any more."""
        with self._lock:
            for item in over:
                if self._items.get(item.plan.key) is item:
                    del self._items[item.plan.key]


class _ConnectionListener(ClientListener):
    """Passes changes of the connection's status on to its line."""

    def __init__(self, line: Line) -> None:
        self._line = line

    def on_status(self, event: StatusChanged) -> None:
        """Pass the change on."""
        self._line.changed(event)


def _not_connected(now: float) -> StatusChanged:
    return StatusChanged(ConnectionStatus.DISCONNECTED, ConnectionStatus.DISCONNECTED, "not connected yet", now)
