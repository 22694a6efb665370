"""What the dispatch thread receives for a price stream: decoded, counted, and passed on in order."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ig_sdk.clock import Clock
from ig_sdk.errors import StreamError, SubscriptionRefused
from ig_sdk.lightstreamer import ItemUpdate, ItemUpdatesLost, Subscribed, SubscriptionError, SubscriptionListener
from ig_sdk.logs import Repeats, get_logger
from ig_sdk.streaming.buffer import Dropped, LaneBuffer, Overflow
from ig_sdk.streaming.events import Gap, Mute, PriceEvent, Reconnected, Stale, UpdatesLost
from ig_sdk.streaming.prices.feeds import PriceFeed, PriceRow, TickDecoder, refusal
from ig_sdk.streaming.prices.silence import SilenceWatch
from ig_sdk.streaming.quality import IMPOSSIBLE_ONLY, QualityFilter
from ig_sdk.types import Tick

_log = get_logger("prices")
# Events and errors share one lane: they are few, and a flood of ticks must not push them out.
_EVENTS = ""
_EVENTS_KEPT = 1_000

OnTick = Callable[[Tick], object]
OnEvent = Callable[[PriceEvent | StreamError], object]


@dataclass(frozen=True, slots=True)
class PriceCounts:
    """What was counted of one market so far.

    Attributes:
        ticks: Ticks decoded.
        lost: Ticks dropped, by IG or here, because a reader was too slow.
        incomplete: Updates held back because bid, offer or time was missing.
        undecodable: Updates held back because a value was not a number.
        repeated: Snapshots that repeated the last tick.
        set_aside: Ticks held back because their prices cannot be true (``QualityFilter``).
    """

    ticks: int = 0
    lost: int = 0
    incomplete: int = 0
    undecodable: int = 0
    repeated: int = 0
    set_aside: int = 0


@dataclass(frozen=True, kw_only=True)
class ReaderOptions:
    """How the reader of a price stream wants its ticks.

    Attributes:
        on_tick: Callback for each tick; without it the stream is an iterator.
        on_event: Callback for each event and error.
        events: Whether the iterator yields events between the ticks.
        overflow: What happens when the buffer is full.
        capacity: Ticks kept of each market.
        patience_s: How long a market may be silent before that is reported.
    """

    on_tick: OnTick | None = None
    on_event: OnEvent | None = None
    events: bool = False
    overflow: Overflow = "drop_oldest"
    capacity: int = 10_000
    patience_s: float = 30.0


class _Market:
    """One epic of a stream."""

    __slots__ = ("accepted", "decoder", "judge", "lost", "refused", "set_aside", "ticks")

    def __init__(self, epic: str, feed: PriceFeed) -> None:
        self.decoder = TickDecoder(epic, feed)
        self.judge = QualityFilter(IMPOSSIBLE_ONLY).judge
        self.set_aside = 0
        self.accepted = False
        self.ticks = 0
        self.lost = 0
        self.refused: SubscriptionRefused | None = None

    def counts(self) -> PriceCounts:
        decoder = self.decoder
        return PriceCounts(
            self.ticks, self.lost, decoder.incomplete, decoder.undecodable, decoder.repeated, self.set_aside
        )


class PriceIntake:
    """Decodes rows, counts, notices silence, and passes everything on in order: to the buffer or to the callbacks.

    Attributes:
        callback_errors: Exceptions that the callbacks raised; each was logged and stopped nothing.

    Threading:
        The dispatch thread calls the methods that take rows and events, one at a time; readers call :meth:`take`.
    """

    def __init__(self, epics: Sequence[str], feed: PriceFeed, options: ReaderOptions, clock: Clock) -> None:
        self._options = options
        self._clock = clock
        self._markets = {epic: _Market(epic, feed) for epic in epics}
        self._buffer: LaneBuffer[Tick | PriceEvent | StreamError] = LaneBuffer(
            options.capacity, overflow=options.overflow, clock=clock
        )
        self._watch = SilenceWatch(options.patience_s)
        self._watch_lock = threading.Lock()  # a leaf; an ordinary price does without it
        self._closed = threading.Event()
        self._failures = Repeats(_log)
        self.callback_errors = 0
        # The stream, while there are callbacks: the threads call them although nobody may hold the stream itself.
        self.keeps: object = None

    @property
    def ended(self) -> bool:
        """Whether everything was read and nothing more will come."""
        return self._buffer.ended

    def counts(self) -> dict[str, PriceCounts]:
        """Return the counts so far, by epic."""
        return {epic: market.counts() for epic, market in self._markets.items()}

    def refused(self) -> dict[str, SubscriptionRefused]:
        """Return the markets that IG refused, with its error."""
        return {epic: market.refused for epic, market in self._markets.items() if market.refused is not None}

    # -- from the dispatch thread ---------------------------------------------------------------------------------

    def accepted(self, epic: str) -> None:
        """Note that IG accepted the subscription to ``epic``."""
        self._markets[epic].accepted = True
        self._expect(epic, self._clock.monotonic())

    def row(self, epic: str, row: PriceRow) -> None:
        """Take an update of ``epic``."""
        market = self._markets[epic]
        now = self._clock.monotonic()
        if now >= self._watch.due:
            self._report_silence(now)
        if self._watch.heard(epic, now):
            self._expect(epic, now)
        tick = market.decoder.decode(row, self._clock.now())
        if tick is None or self._closed.is_set():
            return
        reason = market.judge(tick)
        if reason is not None:
            market.set_aside += 1
            self._failures.warning((epic, "set aside"), f"tick of {epic} at {tick.time} set aside: {reason}")
            return
        market.ticks += 1
        if self._options.on_tick is None:
            self._buffer.put(epic, tick)
        else:
            self._call(self._options.on_tick, tick)

    def lost(self, epic: str, count: int, *, where: str) -> None:
        """Note that updates of ``epic`` were dropped on the way here."""
        self._markets[epic].lost += count
        self._report(UpdatesLost(epic, count, self._clock.now(), where))

    def refuse(self, epic: str, code: int | None, message: str) -> None:
        """Note that IG refused ``epic``; the stream ends with its last market."""
        error = refusal(epic, code, message)
        self._markets[epic].refused = error
        with self._watch_lock:
            self._watch.forget(epic)
        self._report_error(error)
        if len(self.refused()) == len(self._markets):
            self._buffer.end()

    def stalled(self) -> None:
        """Note that the whole connection is silent."""
        self._report_silence(self._clock.monotonic(), at_once=True)

    def reconnected(self, continuity: str, away_s: float | None, reason: str) -> None:
        """Note that the connection is back, with or without a gap."""
        if continuity == "replaced":
            for epic, market in self._markets.items():
                if market.accepted and market.refused is None:
                    self._report(Gap(epic, away_s, self._clock.now(), reason))
        self._report(Reconnected(continuity, away_s, self._clock.now()))

    def fail(self, error: StreamError) -> None:
        """End the stream with ``error``; what is in the buffer can still be read before it."""
        self._report_error(error)
        self._buffer.end()

    def close(self) -> None:
        """Discard what is in the buffer and take nothing more; wakes every reader and writer."""
        self._closed.set()
        self._buffer.close()

    def _expect(self, epic: str, now: float) -> None:
        with self._watch_lock:
            self._watch.expect(epic, now)

    def _report_silence(self, now: float, *, at_once: bool = False) -> None:
        with self._watch_lock:
            silences = self._watch.check(now, at_once=at_once)
        for silence in silences:
            kind = Mute if silence.kind == "mute" else Stale
            self._report(kind(silence.epic, silence.seconds, self._clock.now()))

    def _report(self, event: PriceEvent) -> None:
        if isinstance(event, Reconnected) or self._options.on_event is not None or self._options.events:
            _log.info("%s", event)
        else:  # nobody else is told
            self._failures.warning((type(event), getattr(event, "epic", "")), str(event))
        if self._closed.is_set():
            return
        if self._options.on_event is not None:
            self._call(self._options.on_event, event)
        elif self._options.events and self._options.on_tick is None:
            self._buffer.put(_EVENTS, event, capacity=_EVENTS_KEPT)

    def _report_error(self, error: StreamError) -> None:
        _log.error("%s", error)
        if self._closed.is_set():
            return
        if self._options.on_event is not None:
            self._call(self._options.on_event, error)
        if self._options.on_tick is None:
            self._buffer.put(_EVENTS, error, capacity=_EVENTS_KEPT)

    def _call(self, callback: Callable[..., object], item: object) -> None:
        try:
            callback(item)
        except Exception as error:  # noqa: BLE001 -- the callback is not ours
            self.callback_errors += 1
            self._failures.error("a callback of a price stream raised; the stream goes on", error)

    # -- for the reader ------------------------------------------------------------------------------------------

    def take(self, timeout: float) -> Tick | PriceEvent | None:
        """Return the next tick or event, or ``None`` when none came in time or the stream has ended.

        Raises:
            StreamError: A market was refused, or the stream has failed.
        """
        deadline = self._clock.monotonic() + timeout
        while True:
            now = self._clock.monotonic()
            if now >= self._watch.due:
                self._report_silence(now)
            # A market accepted while this waits is due after patience_s at the earliest: looking then is soon enough.
            step = min(deadline - now, self._watch.due - now, self._options.patience_s)
            entry = self._buffer.take(max(step, 0.0))
            if entry is not None:
                item = self._readable(*entry)
                if item is not None:
                    return item
            elif self._buffer.ended or self._clock.monotonic() >= deadline:
                return None

    def _readable(self, epic: str, item: Tick | PriceEvent | StreamError | Dropped) -> Tick | PriceEvent | None:
        if isinstance(item, StreamError):
            raise item
        if not isinstance(item, Dropped):
            return item
        if epic == _EVENTS:
            _log.warning("%d events of a price stream were never read", item.count)
            return None
        self._markets[epic].lost += item.count
        lost = UpdatesLost(epic, item.count, self._clock.now())
        if self._options.on_event is not None:
            self._call(self._options.on_event, lost)
        return lost if self._options.events else None


class PriceListener(SubscriptionListener):
    """Passes the events of one market's subscription on to the intake of its stream."""

    def __init__(self, epic: str, intake: PriceIntake) -> None:
        self._epic = epic
        self._intake = intake

    def on_subscribed(self, event: Subscribed) -> None:
        """The market was accepted: a first price should come."""
        del event
        self._intake.accepted(self._epic)

    def on_update(self, update: ItemUpdate) -> None:
        """A row came."""
        self._intake.row(self._epic, update)

    def on_updates_lost(self, event: ItemUpdatesLost) -> None:
        """Rows are missing; without a position it was our own queue that dropped them."""
        self._intake.lost(self._epic, event.count, where="server" if event.position else "client")

    def on_error(self, event: SubscriptionError) -> None:
        """The market was refused, or what came for it cannot be read."""
        if event.over:
            self._intake.refuse(self._epic, event.code, event.message)
