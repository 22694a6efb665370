"""One reader of a stream: its bounded buffer or its callbacks, and the face that an application reads from."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Generic, TypeVar, get_args

from ig_sdk.clock import Clock
from ig_sdk.errors import StreamError, SubscriptionRefused, UsageError
from ig_sdk.logs import Repeats, get_logger
from ig_sdk.process import Home
from ig_sdk.streaming.buffer import Dropped, LaneBuffer, Overflow
from ig_sdk.streaming.events import PriceEvent, Reconnected, SetAside, SourceChanged, UpdatesLost

_log = get_logger("prices")
# Events and errors share one lane: they are few, and a flood of ticks must not push them out.
_EVENTS = ""
_EVENTS_KEPT = 1_000
# An event ends this wait; the limit is a safety net in case one is missed.
_LONG_S = 60.0
# What is no trouble, or is told elsewhere already, is no warning to somebody who asked for no events.
_QUIET = (Reconnected, SetAside, SourceChanged)

OnEvent = Callable[[PriceEvent | StreamError], object]
Counts = TypeVar("Counts")
# What the iterator yields: data alone, or data and events.
Yielded = TypeVar("Yielded")


@dataclass(frozen=True, kw_only=True)
class ReaderOptions:
    """How the reader of a stream wants what it reads.

    Attributes:
        what: What is read, for the messages: ``"price"``.
        callback: Name of the callback, for the messages: ``"on_tick"``.
        on_item: Callback for each datum; without it the stream is an iterator.
        on_event: Callback for each event and error.
        events: Whether the iterator yields events between the data.
        overflow: What happens when the buffer is full.
        capacity: Data kept of each market.
        shape: What the content has to know of the reader: which candles.
    """

    what: str = "price"
    callback: str = "on_tick"
    on_item: Callable[[Any], object] | None = None
    on_event: OnEvent | None = None
    events: bool = False
    overflow: Overflow = "drop_oldest"
    capacity: int = 10_000
    shape: object = None

    def __post_init__(self) -> None:
        if self.overflow not in get_args(Overflow):
            raise ValueError(f"overflow must be 'drop_oldest' or 'block', not {self.overflow!r}")


class Reader:
    """Where the data and events of one stream go: to its buffer or to its callbacks, in order.

    Attributes:
        callback_errors: Exceptions that the callbacks raised; each was logged and stopped nothing.
        lost: What was dropped here because the reader was too slow, by market.
        greeted: The markets of which it was given the last price when it joined.
        refused: The items that IG refused or ended with an error, by market.
        keeps: Whoever must live as long as the callbacks are called.
        yields_events: Whether the iterator yields events between the data.

    Threading:
        Producers call :meth:`put`, :meth:`tell`, :meth:`fail` one at a time; one thread calls :meth:`take`;
        :meth:`end` and :meth:`close` are safe from any thread.
    """

    def __init__(self, options: ReaderOptions, clock: Clock) -> None:
        self.options = options
        self._on_item = options.on_item
        self._clock = clock
        self._buffer: LaneBuffer[object] = LaneBuffer(options.capacity, overflow=options.overflow, clock=clock)
        self._closed = threading.Event()
        self._failures = Repeats(_log)
        self.callback_errors = 0
        self.lost: dict[str, int] = {}
        self.greeted: set[str] = set()
        self.refused: dict[str, SubscriptionRefused] = {}
        self.keeps: object = None
        self.yields_events = options.events

    @property
    def ended(self) -> bool:
        """Whether everything was read and nothing more will come."""
        return self._buffer.ended

    @property
    def depth(self) -> int:
        """How much is unread."""
        return self._buffer.depth

    def put(self, name: str, item: object) -> None:
        """Pass on a datum of the market ``name``."""
        if self._on_item is None:
            self._buffer.put(name, item)
        elif not self._closed.is_set():
            self._call(self._on_item, item)

    def tell(self, event: PriceEvent) -> None:
        """Pass on an event, to the log at least."""
        options = self.options
        if isinstance(event, _QUIET) or options.on_event is not None or options.events:
            _log.info("%s", event)
        else:  # nobody else is told
            self._failures.warning((type(event), getattr(event, "epic", "")), str(event))
        if self._closed.is_set():
            return
        if options.on_event is not None:
            self._call(options.on_event, event)
        elif self.yields_events and options.on_item is None:
            self._buffer.put(_EVENTS, event, capacity=_EVENTS_KEPT)

    def fail(self, error: StreamError) -> None:
        """Pass on an error: raised from the iterator after what came before it; the stream goes on unless it ends."""
        if self._closed.is_set():
            return
        if self.options.on_event is not None:
            self._call(self.options.on_event, error)
        if self._on_item is None:
            self._buffer.put(_EVENTS, error, capacity=_EVENTS_KEPT)

    def refuse(self, name: str, error: SubscriptionRefused) -> None:
        """Note that IG refused the market ``name``."""
        self.refused[name] = error
        self.fail(error)

    def end(self) -> None:
        """Take nothing more; what is unread can still be read."""
        self._buffer.end()

    def close(self) -> None:
        """Discard what is unread and take nothing more; wakes every reader and writer."""
        self._closed.set()
        self._buffer.close()

    def _call(self, callback: Callable[..., object], item: object) -> None:
        try:
            callback(item)
        except Exception as error:  # noqa: BLE001 -- the callback is not ours
            self.callback_errors += 1
            self._failures.error(f"a callback of a {self.options.what} stream raised; the stream goes on", error)

    def take(self, timeout: float) -> object | None:
        """Return the next datum or event, or ``None`` when none came in time or the stream has ended.

        Raises:
            StreamError: A market was refused, or the stream has failed.
        """
        deadline = self._clock.monotonic() + timeout
        while True:
            entry = self._buffer.take(max(deadline - self._clock.monotonic(), 0.0))
            if entry is not None:
                item = self._readable(*entry)
                if item is not None:
                    return item
            elif self._buffer.ended or self._clock.monotonic() >= deadline:
                return None

    def _readable(self, name: str, item: object) -> object | None:
        if isinstance(item, StreamError):
            raise item
        if not isinstance(item, Dropped):
            return item
        if name == _EVENTS:
            _log.warning("%d events of a %s stream were never read", item.count, self.options.what)
            return None
        self.lost[name] = self.lost.get(name, 0) + item.count
        lost = UpdatesLost(name, item.count, self._clock.now())
        if self.options.on_event is not None:
            self._call(self.options.on_event, lost)
        elif not self.options.events:
            self._failures.warning((UpdatesLost, name), str(lost))
        return lost if self.yields_events else None


class DataStream(Generic[Yielded, Counts]):
    """Data of one kind, in the order in which they arrived: iterate it, or call :meth:`poll`.

    Opened with a callback the data go there instead. A market that IG refuses raises ``SubscriptionRefused`` once from
    the iterator (and goes to ``on_event``); keep iterating for the other markets. The iterator ends when the stream is
    closed or nothing is left that could come.

    Threading:
        One thread reads (a second one at the same time hears a ``UsageError``); everything else is safe from any
        thread. Callbacks run on the stream's dispatch thread, or ``ig-stream-watch``, one at a time.
    """

    def __init__(
        self,
        reader: Reader,
        names: tuple[str, ...],
        *,
        counts: Callable[[], Mapping[str, Counts]],
        on_close: Callable[[DataStream[Any, Any]], None],
    ) -> None:
        self._reader = reader
        self._names = names
        self._count = counts
        self._on_close = on_close
        self._closed = threading.Event()
        self._reading = threading.Lock()  # held while one thread reads, so that a second one is noticed
        self._home = Home("stream", "make a new IGClient and its stream in this process, after the fork")

    @property
    def ended(self) -> bool:
        """Whether everything was read and nothing more will come."""
        return self._reader.ended

    @property
    def counts(self) -> Mapping[str, Counts]:
        """The counts so far, by market (or account)."""
        return self._count()

    @property
    def refused(self) -> Mapping[str, SubscriptionRefused]:
        """The markets that IG refused, with its error."""
        return dict(self._reader.refused)

    @property
    def callback_errors(self) -> int:
        """How many exceptions the callbacks raised; each was logged and stopped nothing."""
        return self._reader.callback_errors

    @property
    def unread(self) -> int:
        """How much waits to be read."""
        return self._reader.depth

    def yield_events(self) -> bool:
        """Yield events between the data from now on, for a reader that heeds them, such as ``LiveOrchestrator``.

        What nobody had asked for is still told to the log.

        Returns:
            Whether ``events=True`` was asked for when the stream was opened.
        """
        self._reader.yields_events = True
        return self._reader.options.events

    def poll(self, timeout: float) -> Yielded | None:
        """Return the next datum (or event, with ``events=True``), or ``None`` when none came.

        Args:
            timeout: Seconds to wait. After ``None``, :attr:`ended` says whether anything can still come.

        Raises:
            StreamError: IG refused a market, or the stream has failed.
            UsageError: The stream has callbacks instead, or another thread is reading it.
        """
        self._home.check()  # its threads were not copied: nothing would ever come
        if self._reader.options.on_item is not None:
            callback = self._reader.options.callback
            raise UsageError(f"this stream gives its data to {callback}; open it without {callback} to iterate")
        if not self._reading.acquire(blocking=False):
            raise UsageError(
                "another thread is reading this stream: each would get only a part of it",
                hint="open a second stream, which gets everything, too",
            )
        try:
            return self._reader.take(timeout)  # type: ignore[return-value]  # events come only when they were asked for
        finally:
            self._reading.release()

    def __iter__(self) -> DataStream[Yielded, Counts]:
        return self

    def __next__(self) -> Yielded:
        while True:
            item = self.poll(_LONG_S)
            if item is not None:
                return item
            if self._reader.ended:
                raise StopIteration

    def close(self) -> None:
        """Unsubscribe and end the iterator; what was not read is discarded. Idempotent, from any thread."""
        if not self._home.left and not self._closed.is_set():
            self._closed.set()
            self._reader.close()
            self._on_close(self)

    def __repr__(self) -> str:
        name = type(self).__name__
        if self._home.left:
            return f"<{name} of another process>"
        return f"<{name} of {self._reader.options.what}s {' '.join(self._names)}{', ended' if self.ended else ''}>"

    def __enter__(self) -> DataStream[Yielded, Counts]:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
