"""IG's stream: prices, candles, account and deals on the one connection of a client."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from functools import partial
from types import TracebackType
from typing import Any, Literal, overload

from ig_sdk.candles import Price
from ig_sdk.clock import Clock, SystemClock
from ig_sdk.config import IGConfig
from ig_sdk.errors import UsageError
from ig_sdk.lightstreamer import StatusChanged
from ig_sdk.process import Abandoned, Home
from ig_sdk.spelling import spelled
from ig_sdk.streaming.accounts.content import (
    AccountUpdates,
    DealUpdates,
    Heartbeats,
)
from ig_sdk.streaming.accounts.updates import AccountUpdate, Deal, Heartbeat
from ig_sdk.streaming.buffer import Overflow
from ig_sdk.streaming.candles.content import CandleShape, candle_key
from ig_sdk.streaming.candles.decode import scale_for
from ig_sdk.streaming.channel import DataStream, OnEvent, Reader, ReaderOptions
from ig_sdk.streaming.events import PriceEvent, SetAside
from ig_sdk.streaming.line import Access, Line, MakeItem
from ig_sdk.streaming.opening import (
    call,
    candle_item,
    counting,
    counting_prices,
    end,
    markets_of,
    price_item,
    prices_in,
    prices_of,
    update_item,
)
from ig_sdk.streaming.prices.feeds import epic_of
from ig_sdk.streaming.prices.market import Prices
from ig_sdk.streaming.prices.stream import PriceStream
from ig_sdk.streaming.quality import Quality
from ig_sdk.streaming.shared import SharedItem
from ig_sdk.streaming.status import StreamStatus
from ig_sdk.streaming.updates import UpdateCounts, Updates
from ig_sdk.types import Candle, Resolution, Tick

OnTick = Callable[[Tick], object]


class IGStream:
    """IG's stream; ``IGClient.stream()`` returns it. All streams of a client share one connection.

    The first :meth:`prices` (or :meth:`wait_connected`) connects; the connection then renews itself until the last
    stream of the client is closed; each new session asks for valid tokens, which may log in again. Streams of one
    market share one server item, of which IG allows 40.

    Args:
        access: Gives address and credentials.
        config: Settings.
        clock: Time.
        market_epic: Returns the epic of a market that may be named, on the account in use; asked after the login.
        line: The connection, if it is shared with other streams.

    Threading:
        Safe from any thread of the process that made it; in one that was forked off later every call raises
        ``UsageError`` and ``close()`` does nothing. Callbacks run on the threads ``ig-stream-dispatch`` and
        ``ig-stream-watch``, one at a time, in order; they may call anything here.
    """

    def __init__(
        self,
        access: Access,
        config: IGConfig,
        *,
        clock: Clock | None = None,
        market_epic: Callable[[str], str] = epic_of,
        line: Line | None = None,
    ) -> None:
        self._home = Home("stream", "make a new IGClient and its stream in this process, after the fork")
        self._access = access  # whoever holds this stream holds its client, too
        self._market_epic = market_epic
        self._config = config
        self._clock = clock or SystemClock()
        self._line = line or Line(access, config, clock=self._clock)
        self._lock = threading.Lock()
        self._user = object()  # what the line knows this stream by: it must not keep the stream itself alive
        self._abandoned: Abandoned | None = None
        self._opened: dict[DataStream[Any, Any], Reader] = {}
        self._readers: set[Reader] = set()
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
            events: Whether the iterator yields ``Gap``, ``Stale``, ``Mute``, ``UpdatesLost``, ``Reconnected``,
                ``SourceChanged`` and ``SetAside`` too, in order with the ticks.
            on_event: Called with each of these, with ``SubscriptionRefused``, and with the error that ended the stream.
            timeout: Seconds for the login, if one is needed; the configured ones unless given.

        Raises:
            UsageError: An epic is malformed, the limit of subscriptions is reached, or the stream is closed.
            IGError: The login failed.
            ValueError: ``overflow`` is neither of the two, or there is no epic.
        """
        names, wanted = markets_of(epics, "prices")
        options = ReaderOptions(
            on_item=on_tick,
            on_event=on_event,
            events=events,
            overflow=overflow,
            capacity=self._config.live.tick_buffer_size,
        )
        self._enter()
        self._line.check_room([prices_of(epic) for epic in wanted])
        self._line.connected(timeout)
        # Which market a name is depends on the account, which is known by now.
        wanted = list(dict.fromkeys(self._market_epic(name) for name in names))
        makers = [(prices_of(epic), partial(price_item, epic, self._config, self._clock)) for epic in wanted]
        reader, items = self._open(options, makers)
        stream: PriceStream[Any] = PriceStream(
            reader, tuple(wanted), counts=counting_prices(reader, items), on_close=self._remove, quality=self.quality
        )
        self._keep(stream, reader)
        return stream

    # -- candles ---------------------------------------------------------------------------------------------------

    @overload
    def candles(
        self,
        epics: str | Iterable[str],
        resolution: Resolution | str | timedelta = Resolution.MINUTE,
        on_candle: Callable[[Candle], object] | None = None,
        *,
        price: Price = "mid",
        fill_quiet: bool = False,
        events: Literal[False] = False,
        on_event: OnEvent | None = None,
        timeout: float | None = None,
    ) -> DataStream[Candle, UpdateCounts]: ...

    @overload
    def candles(
        self,
        epics: str | Iterable[str],
        resolution: Resolution | str | timedelta = Resolution.MINUTE,
        on_candle: Callable[[Candle], object] | None = None,
        *,
        price: Price = "mid",
        fill_quiet: bool = False,
        events: bool,
        on_event: OnEvent | None = None,
        timeout: float | None = None,
    ) -> DataStream[Candle | PriceEvent, UpdateCounts]: ...

    @spelled("stream.candles", 'several markets are one list: stream.candles(["EURUSD", "GBPUSD"], "1m")')
    def candles(
        self,
        epics: str | Iterable[str],
        resolution: Resolution | str | timedelta = Resolution.MINUTE,
        on_candle: Callable[[Candle], object] | None = None,
        *,
        price: Price = "mid",
        fill_quiet: bool = False,
        events: bool = False,
        on_event: OnEvent | None = None,
        timeout: float | None = None,
    ) -> DataStream[Any, UpdateCounts]:
        """Return the closed candles of ``epics`` from now on, each once: an iterator, or calls of ``on_candle``.

        A second, a minute, five minutes and an hour are IG's own candles; every other length is built from the longest
        of these that divides it. The first candle may have begun before the subscription, and one in which rows were
        missed has ``gap``: neither is ``complete``.

        Args:
            epics: Markets, by epic or by the name of one of the five pairs.
            resolution: Length, as ``CandleAggregator`` takes it.
            on_candle: Called with each closed ``Candle``; without it, iterate over what is returned.
            price: Side of ``open`` to ``close``; for the mid they are the means of IG's bid and offer.
            fill_quiet: Flat candles for intervals without a tick.
            events: Whether the iterator yields ``Stale``, ``Gap``, ``UpdatesLost`` and ``Reconnected`` too.
            on_event: Called with each of these, with ``SubscriptionRefused``, and with the error that ended the stream.
            timeout: Seconds for the login, if one is needed; the configured ones unless given.

        Raises:
            UsageError: An epic is malformed, the limit of subscriptions is reached, or the stream is closed.
            IGError: The login failed.
            ValueError: The resolution or the price is not one of these, or there is no epic.
        """
        length = Resolution.parse(resolution)
        scale = scale_for(length)
        names, wanted = markets_of(epics, "candles")
        shape = CandleShape(length, price, fill_quiet)
        options = ReaderOptions(
            what="candle", callback="on_candle", on_item=on_candle, on_event=on_event, events=events, shape=shape
        )
        self._enter()
        self._line.check_room([candle_key(epic, scale) for epic in wanted])
        self._line.connected(timeout)
        wanted = list(dict.fromkeys(self._market_epic(name) for name in names))
        makers = [(candle_key(epic, scale), partial(candle_item, epic, scale, self._clock)) for epic in wanted]
        return self._data_stream(*self._open(options, makers))

    # -- the account -----------------------------------------------------------------------------------------------

    @overload
    def account(
        self,
        on_update: Callable[[AccountUpdate], object] | None = None,
        *,
        events: Literal[False] = False,
        on_event: OnEvent | None = None,
        timeout: float | None = None,
    ) -> DataStream[AccountUpdate, UpdateCounts]: ...

    @overload
    def account(
        self,
        on_update: Callable[[AccountUpdate], object] | None = None,
        *,
        events: bool,
        on_event: OnEvent | None = None,
        timeout: float | None = None,
    ) -> DataStream[AccountUpdate | PriceEvent, UpdateCounts]: ...

    def account(
        self,
        on_update: Callable[[AccountUpdate], object] | None = None,
        *,
        events: bool = False,
        on_event: OnEvent | None = None,
        timeout: float | None = None,
    ) -> DataStream[Any, UpdateCounts]:
        """Return the figures of the account from now on, beginning with those of now: an iterator, or calls.

        Args:
            on_update: Called with each ``AccountUpdate``; without it, iterate over what is returned.
            events: Whether the iterator yields ``Stale``, ``Gap``, ``UpdatesLost`` and ``Reconnected`` too.
            on_event: Called with each of these, with ``SubscriptionRefused``, and with the error that ended the stream.
            timeout: Seconds for the login, if one is needed; the configured ones unless given.

        Raises:
            UsageError: The limit of subscriptions is reached, or the stream is closed.
            IGError: The login failed.
        """
        options = ReaderOptions(
            what="account", callback="on_update", on_item=on_update, on_event=on_event, events=events
        )
        return self._updates(AccountUpdates, options, timeout)

    @overload
    def deals(
        self,
        on_deal: Callable[[Deal], object] | None = None,
        *,
        events: Literal[False] = False,
        on_event: OnEvent | None = None,
        timeout: float | None = None,
    ) -> DataStream[Deal, UpdateCounts]: ...

    @overload
    def deals(
        self,
        on_deal: Callable[[Deal], object] | None = None,
        *,
        events: bool,
        on_event: OnEvent | None = None,
        timeout: float | None = None,
    ) -> DataStream[Deal | PriceEvent, UpdateCounts]: ...

    def deals(
        self,
        on_deal: Callable[[Deal], object] | None = None,
        *,
        events: bool = False,
        on_event: OnEvent | None = None,
        timeout: float | None = None,
    ) -> DataStream[Any, UpdateCounts]:
        """Return what is dealt on the account from now on, by anybody, each once: an iterator, or calls of ``on_deal``.

        ``Confirm``, ``PositionUpdate`` and ``OrderUpdate`` come in any order, as IG sends them, and IG may leave one
        out: confirm by REST, too (``ig.positions`` does). The last confirm, which IG sends again with each
        subscription, is not a new deal and does not come.

        Args:
            on_deal: Called with each; without it, iterate over what is returned.
            events: Whether the iterator yields ``Stale``, ``Gap``, ``UpdatesLost`` and ``Reconnected`` too.
            on_event: Called with each of these, with ``SubscriptionRefused``, and with the error that ended the stream.
            timeout: Seconds for the login, if one is needed; the configured ones unless given.

        Raises:
            UsageError: The limit of subscriptions is reached, or the stream is closed.
            IGError: The login failed.

        Source:
            IG-SPECIFICS.md section 7; captures/INDEX.md 5, 7 and 10.
        """
        options = ReaderOptions(what="deal", callback="on_deal", on_item=on_deal, on_event=on_event, events=events)
        return self._updates(DealUpdates, options, timeout)

    @overload
    def heartbeat(
        self,
        on_beat: Callable[[Heartbeat], object] | None = None,
        *,
        events: Literal[False] = False,
        on_event: OnEvent | None = None,
        timeout: float | None = None,
    ) -> DataStream[Heartbeat, UpdateCounts]: ...

    @overload
    def heartbeat(
        self,
        on_beat: Callable[[Heartbeat], object] | None = None,
        *,
        events: bool,
        on_event: OnEvent | None = None,
        timeout: float | None = None,
    ) -> DataStream[Heartbeat | PriceEvent, UpdateCounts]: ...

    def heartbeat(
        self,
        on_beat: Callable[[Heartbeat], object] | None = None,
        *,
        events: bool = False,
        on_event: OnEvent | None = None,
        timeout: float | None = None,
    ) -> DataStream[Any, UpdateCounts]:
        """Return IG's signs of life from now on: data flow although every market is quiet.

        Args:
            on_beat: Called with each ``Heartbeat``; without it, iterate over what is returned.
            events: Whether the iterator yields ``Stale``, ``Gap``, ``UpdatesLost`` and ``Reconnected`` too.
            on_event: Called with each of these, with ``SubscriptionRefused``, and with the error that ended the stream.
            timeout: Seconds for the login, if one is needed; the configured ones unless given.

        Raises:
            UsageError: The limit of subscriptions is reached, or the stream is closed.
            IGError: The login failed.
        """
        options = ReaderOptions(what="heartbeat", callback="on_beat", on_item=on_beat, on_event=on_event, events=events)
        return self._updates(Heartbeats, options, timeout)

    def _updates(
        self, kind: type[Updates], options: ReaderOptions, timeout: float | None
    ) -> DataStream[Any, UpdateCounts]:
        self._enter()
        self._line.check_room([kind.key])
        self._line.connected(timeout)

        make = partial(update_item, kind, self._clock)
        return self._data_stream(*self._open(options, [(kind.key, make)]))

    def _data_stream(self, reader: Reader, items: list[SharedItem]) -> DataStream[Any, UpdateCounts]:
        names = tuple(item.name for item in items)
        stream: DataStream[Any, UpdateCounts] = DataStream(
            reader, names, counts=counting(reader, items), on_close=self._remove
        )
        self._keep(stream, reader)
        return stream

    # -- what is kept ----------------------------------------------------------------------------------------------

    def buffer(self, market: str) -> tuple[Tick, ...]:
        """Return the latest ticks of a market that is streamed, oldest first: at most ``live.tick_buffer_size``.

        Args:
            market: An epic, or the name of one of the five pairs.

        Raises:
            UsageError: No stream of this client reads the market.
        """
        return tuple(self._market(market).recent.copy())

    def quality(self, market: str) -> Quality:
        """Return how good the prices of a market are now: complete, sound, timely, and whether they are trusted.

        Args:
            market: An epic, or the name of one of the five pairs.

        Raises:
            UsageError: No stream of this client reads the market.
        """
        return self._market(market).quality()

    def set_aside(self, market: str) -> tuple[SetAside, ...]:
        """Return the latest ticks of a market that were set aside, oldest first: at most 100.

        Args:
            market: An epic, or the name of one of the five pairs.

        Raises:
            UsageError: No stream of this client reads the market.
        """
        return tuple(self._market(market).aside.copy())

    def _market(self, market: str) -> Prices:
        self._home.check()
        return prices_in(self._line, market, self._market_epic)

    # -- what all kinds share ------------------------------------------------------------------------------------

    def _enter(self) -> None:
        """Use the connection from now on."""
        self._home.check()
        with self._lock:
            if self._closed:
                raise UsageError("the stream is closed", hint="open another one with ig.stream()")
            if self._abandoned is None:
                self._line.enter(self._user)
                self._abandoned = Abandoned(
                    self,
                    "an IGStream was never closed: call stream.close(), or close its IGClient",
                    partial(end, self._line, self._user, self._readers),
                )

    def _open(self, options: ReaderOptions, wanted: Sequence[tuple[str, MakeItem]]) -> tuple[Reader, list[SharedItem]]:
        reader = Reader(options, self._clock)
        if options.on_item is not None or options.on_event is not None:
            reader.keeps = self
        return reader, self._line.open(reader, wanted)

    def _keep(self, stream: DataStream[Any, Any], reader: Reader) -> None:
        with self._lock:
            closed = self._closed
            if not closed:
                self._opened[stream] = reader
                self._readers.add(reader)
        if closed:
            stream.close()
            raise UsageError("the stream is closed", hint="open another one with ig.stream()")

    def _remove(self, stream: DataStream[Any, Any]) -> None:
        with self._lock:
            reader = self._opened.pop(stream, None)
            if reader is not None:
                self._readers.discard(reader)
        if reader is not None:
            self._line.release(reader)

    # -- the connection ------------------------------------------------------------------------------------------

    def wait_connected(self, timeout: float = 30.0) -> bool:
        """Connect if needed, and wait until the session is up; return whether it is.

        Args:
            timeout: Seconds to wait, the login included.

        Raises:
            IGError: The login failed, or the server refused the session.
        """
        deadline = self._clock.monotonic() + timeout
        self._enter()
        client = self._line.connected(timeout)
        return client.wait_connected(max(deadline - self._clock.monotonic(), 0.0))

    def status(self) -> StreamStatus:
        """Return the state of the connection and of each subscription now."""
        self._home.check()
        return self._line.status()

    def on_status(self, callback: Callable[[StatusChanged], object]) -> None:
        """Call ``callback`` with a ``StatusChanged`` at each change of the connection's status."""
        self._enter()
        # This stream lives as long as the line knows the callback.
        self._line.on_status(self._user, partial(call, self, callback))

    def close(self, timeout: float = 5.0) -> None:
        """End everything that was opened here, and the connection unless another stream of the client uses it.

        Idempotent, from any thread, in any state, callbacks included.

        Args:
            timeout: Seconds for the whole.
        """
        if self._home.left:
            return  # it is the parent's
        with self._lock:
            self._closed = True
            streams = list(self._opened)
            abandoned, self._abandoned = self._abandoned, None
        if abandoned is not None:
            abandoned.cancel()
        for stream in streams:
            stream.close()
        self._line.leave(self._user, timeout)

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
