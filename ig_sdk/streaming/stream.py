"""IG's stream: one connection, its state, and the price streams on it."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from types import TracebackType
from typing import Any, Literal, Protocol, get_args, overload

from ig_sdk.clock import Clock, SystemClock
from ig_sdk.config import IGConfig
from ig_sdk.errors import StreamError, UsageError
from ig_sdk.lightstreamer import (
    ClientListener,
    ConnectionStatus,
    LightstreamerClient,
    StatusChanged,
    Subscription,
)
from ig_sdk.logs import Repeats, correlation, get_logger
from ig_sdk.process import Abandoned, Home
from ig_sdk.rest.login.tokens import StreamAccess
from ig_sdk.spelling import spelled
from ig_sdk.streaming.buffer import Overflow
from ig_sdk.streaming.events import PriceEvent
from ig_sdk.streaming.prices.feeds import FEEDS, PriceFeed, epic_of
from ig_sdk.streaming.prices.intake import OnEvent, OnTick, PriceIntake, PriceListener, ReaderOptions
from ig_sdk.streaming.prices.stream import PriceStream
from ig_sdk.types import Tick

_log = get_logger("prices")
# IG-SPECIFICS.md section 5. More connections to get around the limit breach IG's terms: there is one, and its items
# are counted.
_ITEMS = 40
# Keepalive that IG's servers grant (IG-SPECIFICS.md section 3), to subtract from a configured stall time.
_KEEPALIVE_S = 5.0
# Silence beyond it that means STALLED (IG-SPECIFICS.md section 10).
_TOLERANCE_S = 2.0
# A burst may bring this many rows in one read; a smaller queue would drop them although no reader is slow.
_SHORTEST_QUEUE = 1_000


class Access(Protocol):
    """Gives valid credentials; logs in when needed."""

    def __call__(self, *, timeout: float | None = None, fresh: bool = False) -> StreamAccess:
        """Return them; ``fresh`` logs in again although there are tokens."""
        ...


@dataclass(frozen=True, slots=True)
class StreamStatus:
    """State of the connection at one moment.

    Attributes:
        status: One of ``ConnectionStatus``.
        reason: Why, in one sentence.
        since: Since when, aware UTC.
        reconnects: How often the connection came back so far.
        epics: Markets subscribed to now.
        protocol_version: TLCP version in use, or ``""`` while there is none.
    """

    status: ConnectionStatus
    reason: str
    since: datetime
    reconnects: int = 0
    epics: tuple[str, ...] = ()
    protocol_version: str = ""


class _OpenPrices:
    """A price stream and its subscriptions."""

    def __init__(self, intake: PriceIntake, feed: PriceFeed, overflow: Overflow) -> None:
        self.intake = intake
        self.subscriptions: dict[str, Subscription] = {}
        self._feed = feed
        self._overflow: Overflow = overflow

    def make(self, epic: str, account_id: str) -> Subscription:
        """Make the subscription to a market; it replaces an earlier one."""
        feed = self._feed
        # One for each market: IG refuses a whole subscription for one bad item (IG-SPECIFICS.md section 5).
        subscription = Subscription(
            feed.mode,
            [feed.item(epic, account_id)],
            feed.fields,
            data_adapter=feed.data_adapter,
            snapshot=feed.snapshot,
            overflow=self._overflow,
        )
        subscription.add_listener(PriceListener(epic, self.intake))
        self.subscriptions[epic] = subscription
        return subscription

    def switch_account(self, account_id: str) -> list[tuple[Subscription, Subscription]]:
        """Replace the subscriptions that name another account; return each old one with its new one."""
        return [
            (old, self.make(epic, account_id))
            for epic, old in list(self.subscriptions.items())
            if old.items != (self._feed.item(epic, account_id),)
        ]

    def epics(self) -> list[str]:
        """Return the markets that were not refused."""
        refused = self.intake.refused()
        return [epic for epic in self.subscriptions if epic not in refused]


class _ConnectionListener(ClientListener):
    """Passes changes of the connection's status on to its stream."""

    def __init__(self, stream: IGStream) -> None:
        # Weak, as all that the threads hold of a stream: one that is merely forgotten must not run for ever.
        self._stream = weakref.ref(stream)
        self.keeps: IGStream | None = None

    def on_status(self, event: StatusChanged) -> None:
        """Pass the change on."""
        stream = self._stream()
        if stream is not None:
            stream._status_changed(event)  # noqa: SLF001 -- its own listener


def _credentials_of(stream: weakref.ref[IGStream]) -> tuple[str | None, str | None]:
    alive = stream()
    if alive is None:
        raise StreamError("the stream was forgotten without close()")
    return alive._credentials()  # noqa: SLF001 -- its own threads


class IGStream:
    """IG's stream: one connection for everything; ``IGClient.stream()`` returns it.

    The first :meth:`prices` (or :meth:`wait_connected`) connects; the connection then renews itself until
    :meth:`close`; each new session asks for valid tokens, which may log in again.

    Args:
        access: Gives address and credentials.
        config: Settings.
        clock: Time.
        market_epic: Returns the epic of a market that may be named, on the account in use; asked after the login.

    Threading:
        Safe from any thread of the process that made it; in one that was forked off later every call raises
        ``UsageError`` and ``close()`` does nothing. Callbacks run on one thread, ``ig-stream-dispatch``, in order,
        never under a lock.
    """

    def __init__(
        self,
        access: Access,
        config: IGConfig,
        *,
        clock: Clock | None = None,
        market_epic: Callable[[str], str] = epic_of,
    ) -> None:
        self._home = Home("stream", "make a new IGClient and its stream in this process, after the fork")
        self._access = access
        self._market_epic = market_epic
        self._config = config
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()
        self._client: LightstreamerClient | None = None
        self._account_id = ""
        self._listener = _ConnectionListener(self)
        self._abandoned: Abandoned | None = None
        self._opened: dict[PriceStream[Any], _OpenPrices] = {}
        self._status_callbacks: tuple[Callable[[StatusChanged], object], ...] = ()
        # The latest change that the dispatch thread reported; the client owns the status itself.
        self._reported = StatusChanged(
            ConnectionStatus.DISCONNECTED,
            ConnectionStatus.DISCONNECTED,
            "not connected yet",
            self._clock.monotonic(),
        )
        self._since = self._clock.now()
        self._failures = Repeats(_log)
        self._reconnects = 0
        self._lost_because = ""
        self._closed = False

    # -- prices --------------------------------------------------------------------------------------------------

    @overload
    def prices(
        self,
        epics: str | Iterable[str],
        on_tick: OnTick | None = None,
        *,
        overflow: Overflow = "drop_oldest",
        events: Literal[False] = False,
        on_event: OnEvent | None = None,
        timeout: float | None = None,
    ) -> PriceStream[Tick]: ...

    @overload
    def prices(
        self,
        epics: str | Iterable[str],
        on_tick: OnTick | None = None,
        *,
        overflow: Overflow = "drop_oldest",
        events: bool,
        on_event: OnEvent | None = None,
        timeout: float | None = None,
    ) -> PriceStream[Tick | PriceEvent]: ...

    @spelled("stream.prices", 'several markets are one list: stream.prices(["EURUSD", "GBPUSD"])')
    def prices(
        self,
        epics: str | Iterable[str],
        on_tick: OnTick | None = None,
        *,
        overflow: Overflow = "drop_oldest",
        events: bool = False,
        on_event: OnEvent | None = None,
        timeout: float | None = None,
    ) -> PriceStream[Any]:
        """Return the ticks of ``epics`` from now on: an iterator, or calls of ``on_tick``.

        Args:
            epics: Markets, by epic or by the name of one of the five pairs (``"EURUSD"``).
            on_tick: Called with each tick; without it, iterate over what is returned.
            overflow: When the reader is slower than the market: ``"drop_oldest"`` drops and says so (``UpdatesLost``);
                ``"block"`` makes the server wait, for replays and research.
            events: Whether the iterator yields ``Gap``, ``Stale``, ``Mute``, ``UpdatesLost`` and ``Reconnected`` too,
                in order with the ticks.
            on_event: Called with each of these, with ``SubscriptionRefused``, and with the error that ended the stream.
            timeout: Seconds for the login, if one is needed; the configured ones unless given.

        Raises:
            UsageError: An epic is malformed, the limit of subscriptions is reached, or the stream is closed.
            IGError: The login failed.
            ValueError: ``overflow`` is neither of the two, or there is no epic.
        """
        if overflow not in get_args(Overflow):
            raise ValueError(f"overflow must be 'drop_oldest' or 'block', not {overflow!r}")
        names = [epics] if isinstance(epics, str) else list(epics)
        wanted = list(dict.fromkeys(epic_of(name) for name in names))
        if not wanted:
            raise ValueError("prices() needs at least one market")
        options = ReaderOptions(
            on_tick=on_tick,
            on_event=on_event,
            events=events,
            overflow=overflow,
            capacity=self._config.live.tick_buffer_size,
            patience_s=self._config.live.heartbeat_interval_s,
        )
        self._check_room(len(wanted))
        client = self._connected(timeout)
        # Which market a name is depends on the account, which is known by now.
        wanted = list(dict.fromkeys(self._market_epic(name) for name in names))
        stream, opened = self._add(wanted, options)
        try:
            for subscription in opened.subscriptions.values():
                client.subscribe(subscription)
        except BaseException:
            stream.close()
            raise
        return stream

    def _add(self, epics: list[str], options: ReaderOptions) -> tuple[PriceStream[Any], _OpenPrices]:
        feed = FEEDS[self._config.stream.price_source]
        intake = PriceIntake(epics, feed, options, self._clock)
        if options.on_tick is not None or options.on_event is not None:
            intake.keeps = self
        opened = _OpenPrices(intake, feed, options.overflow)
        stream: PriceStream[Any] = PriceStream(intake, iterates=options.on_tick is None, on_close=self._remove)
        with self._lock:
            self._check_room_locked(len(epics))
            for epic in epics:
                opened.make(epic, self._account_id)
            self._opened[stream] = opened
        return stream, opened

    def _check_room(self, more: int) -> None:
        self._home.check()
        with self._lock:
            self._check_room_locked(more)

    def _check_room_locked(self, more: int) -> None:
        if self._closed:
            raise UsageError("the stream is closed", hint="open another one with ig.stream()")
        limit = self._config.limits.subscriptions or _ITEMS
        active = sum(len(opened.epics()) for opened in self._opened.values())
        if active + more > limit:
            raise UsageError(
                f"{more} more markets would make {active + more} subscriptions; IG allows {limit} on a connection",
                hint="close a price stream that is no longer needed; a second connection breaks IG's terms",
            )

    def _remove(self, stream: PriceStream[Any]) -> None:
        with self._lock:
            opened = self._opened.pop(stream, None)
            client = self._client
        if opened is not None and client is not None and not self._closed:
            for subscription in opened.subscriptions.values():
                client.unsubscribe(subscription)

    # -- the connection ------------------------------------------------------------------------------------------

    def _connected(self, timeout: float | None) -> LightstreamerClient:
        self._home.check()
        with self._lock:
            client = self._client
        if client is None:
            # Outside the lock: this may log in. The caller sees the errors of the login.
            with correlation():  # one id for the login and for the threads of the connection
                access = self._access(timeout=timeout)
                made = self._make_client(access.endpoint)
            with self._lock:
                if self._client is None and not self._closed:
                    self._client, self._account_id = made, access.account_id
                    made.add_listener(self._listener)
                    self._abandoned = Abandoned(
                        self,
                        "an IGStream was never closed: call stream.close(), or close its IGClient",
                        made.close,
                    )
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
            credentials=partial(_credentials_of, weakref.ref(self)),
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
            moved = [pair for opened in self._opened.values() for pair in opened.switch_account(account_id)]
        for old, new in moved:
            if old.active:
                client.unsubscribe(old)
                client.subscribe(new)

    def _status_changed(self, event: StatusChanged) -> None:
        """Take a change of the connection's status: on the dispatch thread, in order with the ticks."""
        back = event.status is ConnectionStatus.CONNECTED and event.continuity not in (None, "new")
        with self._lock:
            changed = event.status is not self._reported.status
            self._reported = event
            if changed:
                self._since = self._clock.now()
            if changed and event.status is ConnectionStatus.RECONNECTING:
                self._lost_because = event.reason
            if back and event.previous is not ConnectionStatus.STALLED:
                self._reconnects += 1
            opened = list(self._opened.items())
            callbacks = self._status_callbacks
        for stream, each in opened:
            if back:
                each.intake.reconnected(str(event.continuity), event.gap_s, self._lost_because)
            elif event.status is ConnectionStatus.STALLED:
                each.intake.stalled()
            elif event.status is ConnectionStatus.FAILED:
                each.intake.fail(event.error or StreamError(f"the stream failed: {event.reason}"))
                self._remove(stream)
        for callback in callbacks:
            try:
                callback(event)
            except Exception as error:  # noqa: BLE001, PERF203 -- the callback is not ours, and must not stop the others
                self._failures.error("a status callback raised; the stream goes on", error)

    def wait_connected(self, timeout: float = 30.0) -> bool:
        """Connect if needed, and wait until the session is up; return whether it is.

        Args:
            timeout: Seconds to wait, the login included.

        Raises:
            IGError: The login failed, or the server refused the session.
        """
        deadline = self._clock.monotonic() + timeout
        client = self._connected(timeout)
        return client.wait_connected(max(deadline - self._clock.monotonic(), 0.0))

    def status(self) -> StreamStatus:
        """Return the state of the connection now."""
        self._home.check()
        with self._lock:
            epics = tuple(dict.fromkeys(epic for opened in self._opened.values() for epic in opened.epics()))
            client, event, since, reconnects = self._client, self._reported, self._since, self._reconnects
        status = event.status if client is None else client.status
        if client is None or status is event.status:
            return StreamStatus(status, event.reason, since, reconnects, epics, event.version)
        # The dispatch thread has not reported this change yet.
        return StreamStatus(status, "", self._clock.now(), reconnects, epics, client.protocol_version)

    def on_status(self, callback: Callable[[StatusChanged], object]) -> None:
        """Call ``callback`` with a ``StatusChanged`` at each change of the connection's status."""
        self._home.check()
        with self._lock:
            self._status_callbacks += (callback,)
            self._listener.keeps = self

    def close(self, timeout: float = 5.0) -> None:
        """End every price stream and the connection; idempotent, from any thread, in any state.

        Args:
            timeout: Seconds for the whole.
        """
        if self._home.left:
            return  # it is the parent's
        with self._lock:
            self._closed = True
            streams = list(self._opened)
            client = self._client
            abandoned, self._abandoned = self._abandoned, None
            self._listener.keeps = None
        if abandoned is not None:
            abandoned.cancel()
        for stream in streams:
            stream.close()
        if client is not None:
            client.close(timeout)

    def __repr__(self) -> str:
        if self._home.left:
            return "<IGStream of another process>"
        now = self.status()
        return f"<IGStream {now.status.name}{''.join(f' {epic}' for epic in now.epics)}>"

    def __enter__(self) -> IGStream:  # noqa: PYI034 -- Self needs Python 3.11
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
