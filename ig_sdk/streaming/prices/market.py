"""The prices of one market: decoded, judged, kept and passed on to everybody who reads them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import partial

from ig_sdk.clock import Clock
from ig_sdk.lightstreamer import ItemUpdate, Subscription
from ig_sdk.logs import Repeats, get_logger
from ig_sdk.streaming.channel import Reader
from ig_sdk.streaming.events import Mute, SetAside, Stale
from ig_sdk.streaming.metrics import MarketMetrics, Rate
from ig_sdk.streaming.prices.feeds import PriceFeed, TickDecoder, refusal
from ig_sdk.streaming.prices.pace import Pace
from ig_sdk.streaming.quality import (
    MarketFacts,
    Quality,
    QualityFilter,
    QualityMeter,
    TickFault,
    in_one_sentence,
    is_weekend,
    likely_causes,
    silent_state,
)
from ig_sdk.streaming.readers import Readers
from ig_sdk.streaming.shared import ItemPlan, SharedItem
from ig_sdk.streaming.silence import Silence
from ig_sdk.types import Tick

_log = get_logger("prices")
# Ticks set aside that are kept to be looked at.
_ASIDE_KEPT = 100


@dataclass(frozen=True, slots=True)
class PriceCounts:
    """What was counted of one market so far.

    Attributes:
        ticks: Ticks passed on.
        lost: Ticks dropped, by IG or here, because a reader was too slow, or because a line could not be read.
        incomplete: Updates held back because bid, offer or time was missing.
        undecodable: Updates held back because a value was not a number.
        repeated: Snapshots that repeated the last tick.
        set_aside: Ticks held back because their prices cannot be true (``QualityFilter``).
        thinned: Ticks that gave way to a later one, for ``live.max_ticks_per_second``.
        gaps: Holes told by a ``Gap``.
    """

    ticks: int = 0
    lost: int = 0
    incomplete: int = 0
    undecodable: int = 0
    repeated: int = 0
    set_aside: int = 0
    thinned: int = 0
    gaps: int = 0

    def since(self, earlier: PriceCounts) -> PriceCounts:
        """Return what was counted after ``earlier``."""
        return PriceCounts(*(getattr(self, one.name) - getattr(earlier, one.name) for one in fields(PriceCounts)))


def price_plan(epic: str, feed: PriceFeed, per_second: float | None = None) -> ItemPlan:
    """Return how the prices of ``epic`` are subscribed to.

    Args:
        epic: The market.
        feed: Which of IG's price items.
        per_second: Ticks a second at most, which the server is asked for; whether it thins out is its own affair.
    """

    def subscription(account_id: str) -> Subscription:
        # One for each market: IG refuses a whole subscription for one bad item (IG-SPECIFICS.md section 5).
        return Subscription(
            feed.mode,
            [feed.item(epic, account_id)],
            feed.fields,
            data_adapter=feed.data_adapter,
            snapshot=feed.snapshot,
            max_frequency=per_second if feed.mode == "MERGE" else None,  # in DISTINCT each row is an event of its own
        )

    return ItemPlan(f"prices {epic}", epic, subscription, partial(refusal, epic), settles=True)


class Prices:
    """What the rows of one market's price item mean; ``Content`` of a ``SharedItem``.

    Attributes:
        recent: The latest ticks, oldest first.
        aside: The latest ticks that were set aside.
        ticks: Ticks passed on so far.
    """

    def __init__(
        self,
        epic: str,
        feed: PriceFeed,
        readers: Readers,
        *,
        kept: int,
        patience_s: float,
        clock: Clock,
        threshold: float = 0.95,
        per_second: float | None = None,
        wake: Callable[[], None] = lambda: None,
    ) -> None:
        self._epic = epic
        self._readers = readers
        self._clock = clock
        self._decoder = TickDecoder(epic, feed)
        self._filter = QualityFilter()
        self._judge = self._filter.judge
        self._meter = QualityMeter(epic, clock.now(), threshold=threshold)
        self._rates = Rate(), Rate()  # of ticks, and of those set aside
        self._feed = feed
        self._status: str | None = None
        self._silence = Silence(patience_s, clock.monotonic())
        self._failures = Repeats(_log)
        self._greets = feed.snapshot
        self._pace = None if per_second is None else Pace(per_second)
        self._wake = wake
        self.recent: deque[Tick] = deque(maxlen=kept)
        self.aside: deque[SetAside] = deque(maxlen=_ASIDE_KEPT)
        self.ticks = 0

    def counts(self) -> PriceCounts:
        """Return the counts so far."""
        decoder = self._decoder
        return PriceCounts(
            self.ticks,
            0,
            decoder.incomplete,
            decoder.undecodable,
            decoder.repeated,
            self._filter.total,
            self._pace.thinned if self._pace else 0,
        )

    def row(self, update: ItemUpdate) -> None:
        """Take a row of the stream."""
        clock = self._clock
        self._silence.heard = clock.monotonic()
        tick = self._decoder.decode(update, clock.now())
        if tick is not None:
            self.take(tick, old=update.is_snapshot)
        elif self._feed.status is not None:
            self._note_status(update.get(self._feed.status))

    def take(self, tick: Tick, *, old: bool = False) -> None:
        """Judge a tick, keep it and pass it on; in the turn.

        Args:
            tick: The next one.
            old: Whether it may have been made long ago: its age is no latency.
        """
        reason = self._judge(tick)
        if reason is not None:
            self._put_aside(tick, reason)
            return
        if old:
            self._meter.snapshot(tick)
        else:
            self._meter.tick(tick)
        if self._pace is not None:
            now, waits = self._clock.monotonic(), self._pace.due
            passed = self._pace.offer(tick, now)
            if passed is None:
                if self._pace.due < waits:
                    self._wake()
                return
        self._pass_on(tick)

    def _pass_on(self, tick: Tick) -> None:
        self.ticks += 1
        self.recent.append(tick)
        for reader in self._readers.now:
            reader.put(self._epic, tick)

    def _put_aside(self, tick: Tick, reason: TickFault) -> None:
        event = SetAside(tick, self._clock.now(), reason)
        self._meter.set_aside(event.at)
        self.aside.append(event)
        self._failures.warning((tick.epic, reason.kind), f"tick of {tick.epic} at {tick.time} set aside: {reason}")
        self._readers.tell(event)

    def unchanged(self, update: ItemUpdate) -> bool:
        """Return whether a snapshot is the last tick again, with its time: then none came in between."""
        return update.is_snapshot and self._decoder.repeats(update)

    def greet(self, reader: Reader) -> None:
        """Give a late reader the price that holds now, as the snapshot of an item of its own would be."""
        if self._greets and self.recent:
            reader.greeted.add(self._epic)
            reader.put(self._epic, self.recent[-1])

    def lost(self, count: int) -> None:
        """So many ticks are missing before the next one, which is judged with more room."""
        self._filter.mark_gap()
        self._meter.lost(count, self._clock.now())

    def gap(self, seconds: float) -> None:
        """Ticks may be missing before the next one, which is judged with more room."""
        now = self._clock.now()
        self._filter.mark_gap()
        self._meter.line_up(now)
        self._meter.gap(seconds, now)

    def line_down(self) -> None:
        """No tick can come from now on."""
        self._meter.line_down(self._clock.now())

    def line_up(self) -> None:
        """The line is back, and nothing is missing."""
        self._meter.line_up(self._clock.now(), nothing_missed=True)

    def _note_status(self, text: str | None) -> None:
        status = text.strip() if text else None
        if status != self._status:
            self._status = status
            self._meter.status(status, self._clock.now())

    def quality(self) -> Quality:
        """Return how good the prices are now."""
        return self._meter.quality(self._clock.now())

    def metrics(self, item: SharedItem) -> MarketMetrics:
        """Return what was counted, and how the market is now.

        Args:
            item: The one whose content this is.
        """
        now, decoder, quality = self._clock.monotonic(), self._decoder, self.quality()
        ticks_rate, aside_rate = self._rates
        return MarketMetrics(
            epic=self._epic,
            readers=len(self._readers),
            ticks=self.ticks,
            ticks_per_s=ticks_rate.per_s(now, self.ticks),
            gaps=item.gaps,
            lost=item.lost,
            set_aside=self._filter.counts,
            set_aside_per_s=aside_rate.per_s(now, self._filter.total),
            incomplete=decoder.incomplete,
            undecodable=decoder.undecodable,
            repeated=decoder.repeated,
            buffer_depth=max((reader.depth for reader in self._readers), default=0),
            latency_p50_ms=quality.latency_p50_ms,
            latency_p99_ms=quality.latency_p99_ms,
            stale_s=self.quiet_s(now),
            market_open=self._is_open(),
            source=self.recent[-1].source if self.recent else "",
            refused=item.status.reason if item.over else "",
            completeness=quality.completeness,
            score=quality.score,
        )

    def _is_open(self) -> bool | None:
        status = self._latest_status()
        if status is not None:
            return silent_state(status) is None
        return False if is_weekend(self._clock.now()) else None

    def _latest_status(self) -> str | None:
        return self._status or (self.recent[-1].status if self.recent else None)

    def quiet_s(self, now: float) -> float:
        """Return for how many seconds no row has come."""
        return now - self._silence.since

    def tick(self, now: float, *, line_down: bool, others: bool | None) -> float:
        """Tell a silence that has lasted too long; pass on what waited for its time."""
        ticks_rate, aside_rate = self._rates
        ticks_rate.note(now, self.ticks)
        aside_rate.note(now, self._filter.total)
        if line_down:  # told already
            self._silence.expect(now)
        kind = self._silence.check(now)
        if kind is not None:
            self._tell_silence(now, mute=kind == "mute", others=others)
        if self._pace is None:
            return self._silence.due
        held = self._pace.release(now)
        if held is not None:
            self._pass_on(held)
        return min(self._silence.due, self._pace.due)

    def _tell_silence(self, now: float, *, mute: bool, others: bool | None) -> None:
        at = self._clock.now()
        facts = MarketFacts(
            epic=self._epic,
            item=self._feed.pattern.partition(":")[0],
            status=self._latest_status(),
            others_have_prices=others,
            had_prices=not mute,
            patience_s=self._meter.patience_s,
        )
        reason = in_one_sentence(likely_causes(facts, at, mute=mute))
        event = Mute if mute else Stale
        self._readers.tell(event(self._epic, self.quiet_s(now), at, reason))
