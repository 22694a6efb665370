"""The aggregator against a model that keeps every tick."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from hypothesis import given, settings
from hypothesis import strategies as st

from ig_sdk.candles import CandleAggregator
from ig_sdk.types import Candle, Ohlc, Tick

START = datetime(2025, 1, 3, 21, 58, tzinfo=timezone.utc)
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)

prices = st.integers(-200, 200).map(lambda n: n / 8)
steps = st.one_of(
    st.tuples(st.just("tick"), st.integers(-150, 400), prices, prices),
    st.tuples(st.just("advance"), st.integers(-100, 500), st.just(0.0), st.just(0.0)),
)


class Model:
    """Says the rules in the plainest way: whole seconds, a list of ticks, no state but what was given out."""

    def __init__(self, length: int, price: str, fill: bool) -> None:
        self.length, self.price, self.fill = length, price, fill
        self.inside: list[Tick] = []
        self.opened = self.given = None  # the open interval's start; the end of the last interval given out
        self.last: Tick | None = None
        self.whole = False  # whether the open interval's beginning was seen
        self.late = 0

    def floor(self, time: datetime) -> int:
        return int((time - EPOCH).total_seconds()) // self.length * self.length

    def candle(self, opens_at: int, ticks: list[Tick], quiet: bool = False) -> Candle:
        bids, offers, mids = [t.bid for t in ticks], [t.offer for t in ticks], [t.mid for t in ticks]
        sides = {
            name: Ohlc(row[0], max(row), min(row), row[-1])
            for name, row in (("bid", bids), ("offer", offers), ("mid", mids))
        }
        main = sides[self.price]
        return Candle(
            ticks[0].epic,
            timedelta(seconds=self.length),
            EPOCH + timedelta(seconds=opens_at),
            main.open,
            main.high,
            main.low,
            main.close,
            None,
            0 if quiet else len(ticks),
            quiet or self.whole,
            sides["bid"],
            sides["offer"],
        )

    def until(self, start: int) -> list[Candle]:
        out = []
        if self.inside and self.opened is not None and self.opened < start:
            out.append(self.candle(self.opened, self.inside))
            self.given, self.inside = self.opened + self.length, []
        if self.fill and self.last is not None and not self.inside and self.given is not None:
            while self.given < start:
                out.append(self.candle(self.given, [self.last], quiet=True))
                self.given += self.length
        return out

    def tick(self, tick: Tick) -> list[Candle]:
        start = self.floor(tick.time)
        if (self.given is not None and start < self.given) or (self.inside and start < self.opened):
            self.late += 1
            return []
        out = self.until(start)
        if not self.inside:
            self.opened = start
            self.whole = self.last is not None or (tick.time - EPOCH).total_seconds() == start
        self.inside.append(tick)
        self.last = tick
        return out


@settings(deadline=None)
@given(
    st.lists(steps, max_size=60),
    st.sampled_from([1, 7, 60, 90]),
    st.sampled_from(["mid", "bid", "offer"]),
    st.booleans(),
)
def test_equals_the_model(steps: list[tuple[str, int, float, float]], length: int, price: str, fill: bool) -> None:
    """Any ticks and any time, forward or back: same candles, same late ticks, nothing twice, every tick accounted."""
    aggregator = CandleAggregator(timedelta(seconds=length), price=price, fill_quiet=fill)  # type: ignore[arg-type]
    model, now, given_out, ticks = Model(length, price, fill), START, [], 0
    for kind, seconds, bid, offer in steps:
        now += timedelta(seconds=seconds)
        if kind == "tick":
            ticks += 1
            tick = Tick("E", bid, offer, now, now)
            got, wanted = list(aggregator.on_tick(tick)), model.tick(tick)
        else:
            got, wanted = list(aggregator.advance(now)), model.until(model.floor(now))
        assert got == wanted
        assert aggregator.late_ticks == model.late
        given_out += got
    opens = [candle.opens_at for candle in given_out]
    assert opens == sorted(set(opens))
    inside = aggregator.current.ticks if aggregator.current else 0
    assert sum(candle.ticks for candle in given_out) + inside + aggregator.late_ticks == ticks


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 400), prices, prices, st.booleans()), min_size=1, max_size=40),
    st.lists(st.integers(0, 400), max_size=40),
    st.sampled_from([1, 7, 60, 90]),
    st.booleans(),
)
def test_live_gives_the_candles_of_a_replay(
    rows: list[tuple[int, float, float, bool]], pauses: list[int], length: int, fill: bool
) -> None:
    """Closing on time between the ticks changes no candle, with any ticks, some from the future, and any quiet time."""
    live, replay = (CandleAggregator(timedelta(seconds=length), fill_quiet=fill) for _ in range(2))
    now, got, wanted = START, [], []
    for number, (step, bid, offer, future) in enumerate(rows):
        for share in (pauses[number] if number < len(pauses) else 0, 400):
            got += live.advance(now + timedelta(seconds=min(share, step)))
        now += timedelta(seconds=step)
        tick = Tick("E", bid, offer, now + timedelta(hours=future), now)
        got += live.on_tick(tick)
        wanted += replay.on_tick(tick)
    end = now + timedelta(seconds=length)
    got += live.advance(end)
    wanted += replay.advance(end)
    assert got == wanted
    assert (live.late_ticks, live.ahead_ticks) == (replay.late_ticks, replay.ahead_ticks)


class HoleModel:
    """Keeps every tick and every span in which some may be missing; a candle is judged when it is given out."""

    def __init__(self, length: int) -> None:
        self.length = length
        self.inside: list[float] = []  # times of the ticks in the open candle, as they came
        self.start = self.given = -1e9
        self.last: float | None = None
        self.spans: list[list[float]] = []  # from the last tick before to the next one after, endless until it comes
        self.samples: list[float] | None = None
        self.down = False
        self.holds_until = self.now = -1e9
        self.any_tick_ends_it = False

    def touched(self, opens: float) -> bool:
        return any(since < opens + self.length and (opens < until or opens <= since) for since, until in self.spans)

    def give(self, *, doubtful: bool = False) -> list[tuple[float, int, bool]]:
        candle = (self.start, len(self.inside), doubtful or self.touched(self.start))
        self.inside, self.given = [], self.start + self.length
        return [candle]

    def tick(self, time: float) -> list[tuple[float, int, bool]]:
        start = time // self.length * self.length
        if start < self.given or (self.inside and start < self.start):
            return []
        out = self.give() if self.inside and start > self.start else []
        if not self.inside:
            self.start = start
        self.inside.append(time)
        for span in self.spans:
            if span is not self.samples:
                span[1] = min(span[1], time)
        self.last = time
        if self.any_tick_ends_it:
            self.holds_until, self.any_tick_ends_it = -1e9, False
        return out

    def advance(self, now: float) -> list[tuple[float, int, bool]]:
        self.now = now
        if now < self.holds_until or not self.inside or now < self.start + self.length:
            return []
        self.holds_until = -1e9
        return self.give(doubtful=self.down)

    def miss(self) -> None:
        self.spans.append([-1e9 if self.last is None else self.last, 1e9])

    def hold(self, seconds: float, *, until_tick: bool) -> None:
        known = self.now if self.last is None else max(self.now, self.last)
        self.holds_until, self.any_tick_ends_it = known + seconds, until_tick

    def tell(self, kind: str) -> None:
        if kind == "hole" and not self.down and self.samples is None:
            self.down = True
            self.hold(min(30, self.length), until_tick=False)
        elif kind == "lost":
            self.miss()
        elif kind == "whole" and self.down:
            self.down = False
            self.hold(2, until_tick=True)
        elif kind == "gap" or (kind == "poll" and self.samples is None) or (kind == "stream" and self.samples):
            if self.down:
                self.down = False
                self.hold(-1e9, until_tick=False)
            if kind == "stream":
                self.samples = None
            self.miss()
            if kind == "poll":
                self.samples = self.spans[-1]


told = st.sampled_from(["hole", "whole", "gap", "lost", "poll", "stream"])
steps_s = st.one_of(st.integers(0, 3), st.integers(0, 70))
moments = st.one_of(
    st.tuples(st.just("tick"), st.one_of(st.integers(-20, -1), steps_s)), st.tuples(st.just("advance"), steps_s),
    st.tuples(told, steps_s),
)  # fmt: skip


@settings(deadline=None, max_examples=400)
@given(st.lists(moments, max_size=60), st.sampled_from([1, 7, 60, 3600]))
def test_holes_equal_the_model(steps: list[tuple[str, int]], length: int) -> None:
    """Any ticks, holes, losses and polled times: the same candles at the same moments, with the same gaps."""
    aggregator, model, now, given = CandleAggregator(timedelta(seconds=length)), HoleModel(length), 0, []
    origin = EPOCH + timedelta(hours=7 * 60_000)  # an edge of every length
    tell = {
        "hole": aggregator.open_hole,
        "whole": lambda: aggregator.close_hole(missing=False),
        "gap": lambda: aggregator.close_hole(missing=True),
        "lost": aggregator.mark_gap,
        "poll": lambda: aggregator.sampled(on=True),
        "stream": lambda: aggregator.sampled(on=False),
    }
    for kind, seconds in steps:
        now += seconds
        time = origin + timedelta(seconds=now)
        if kind == "tick":
            got, wanted = aggregator.on_tick(Tick("E", 1.0, 1.5, time, time)), model.tick(now)
        elif kind == "advance":
            got, wanted = aggregator.advance(time), model.advance(now)
        else:
            tell[kind]()
            model.tell(kind)
            got, wanted = [], []
        assert [((c.opens_at - origin).total_seconds(), c.ticks, c.gap) for c in got] == wanted
        assert aggregator.hole_open is model.down
        given += got
    assert not any(candle.complete and candle.gap for candle in given)
    assert len({candle.opens_at for candle in given}) == len(given)
