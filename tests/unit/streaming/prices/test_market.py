"""One market's rows become ticks for everybody who reads it; its holes and silences are told once."""

from __future__ import annotations

import threading

import pytest

from ig_sdk.clock import ManualClock
from ig_sdk.lightstreamer import ItemUpdatesLost, Subscribed, SubscriptionError, Unsubscribed
from ig_sdk.streaming import Gap, Mute, SetAside, Stale, UpdatesLost
from ig_sdk.streaming.channel import Reader, ReaderOptions
from ig_sdk.streaming.prices.feeds import CHART_FEED, PRICE_FEED
from ig_sdk.streaming.prices.market import PriceCounts, Prices, price_plan
from ig_sdk.streaming.readers import Readers
from ig_sdk.streaming.shared import SharedItem
from ig_sdk.types import Tick

START_MS = 1_736_121_600_000  # 2025-01-06


class Row(dict[str, "str | None"]):
    """A price row."""

    is_snapshot = False
    subscription_id = 1


class Snapshot(Row):
    """A row of the state at subscription."""

    is_snapshot = True


class Market:
    """A market with one reader, and what the server says of it."""

    def __init__(self, feed=PRICE_FEED, **options) -> None:
        self.clock = ManualClock()
        self.rung = 0
        self.item, self.prices = self.make("A", feed)
        self.reader = Reader(ReaderOptions(**{"events": True, **options}), self.clock)
        self.item.join(self.reader)
        self.item.make("ACCOUNT")
        self.item.on_subscribed(Subscribed(1, 1, 3))

    def make(self, epic: str, feed=PRICE_FEED) -> tuple[SharedItem, Prices]:
        readers = Readers()
        prices = Prices(epic, feed, readers, kept=100, patience_s=30.0, clock=self.clock)
        plan = price_plan(epic, feed)
        return SharedItem(plan, prices, readers, clock=self.clock, turn=threading.Lock(), wake=self.ring), prices

    def ring(self) -> None:
        self.rung += 1

    def row(self, number: int, bid: str | None = "1.1", kind: type[Row] = Row) -> None:
        self.item.on_update(
            kind(
                BIDPRICE1=bid,
                ASKPRICE1="1.2",
                TIMESTAMP=str(START_MS + number),
                BID=bid,
                OFR="1.2",
                UTM=str(START_MS + number),
            )
        )

    def break_line(self, seconds: float, *, replaced: bool) -> None:
        now = self.clock.monotonic()
        self.item.line_down(now, now, "cut")
        self.clock.advance(seconds)
        self.item.line_back(self.clock.monotonic(), seconds, replaced=replaced)

    def read(self, reader: Reader | None = None) -> list[object]:
        taken = []
        while (item := (reader or self.reader).take(0.0)) is not None:
            taken.append(item)
        return taken

    def kinds(self) -> list[str]:
        return [type(item).__name__ for item in self.read()]


def test_partial_rows_are_counted_and_are_no_ticks():
    """A row without a bid is no tick."""
    market = Market()
    market.row(1, bid=None)
    market.row(2)
    assert market.kinds() == ["Tick"]
    assert market.prices.counts() == PriceCounts(ticks=1, incomplete=1)


def test_a_broken_line_is_told_while_it_is_down_and_its_hole_when_it_has_ended():
    """Stale when it breaks, one Gap before the first new tick, with its whole length and its cause."""
    market = Market()
    market.row(1)
    market.clock.advance(1.0)
    market.item.line_down(1.0, 1.0, "cut")
    market.clock.advance(16.0)
    tick, stale = market.read()
    assert isinstance(tick, Tick)
    assert isinstance(stale, Stale)
    assert (stale.line_down, stale.reason, stale.seconds) == (True, "cut", 1.0)
    market.item.line_back(17.0, 16.5, replaced=True)
    assert market.read() == []
    market.row(2)
    gap, tick = market.read()
    assert isinstance(gap, Gap)
    assert (gap.epic, gap.seconds, gap.reason) == ("A", 16.5, "cut")
    assert market.item.gaps == 1


def test_a_line_that_breaks_again_before_a_tick_is_one_hole():
    """One Stale and one Gap, however often the session had to be replaced."""
    market = Market()
    market.row(1)
    for _ in range(6):
        market.break_line(2.0, replaced=True)
    market.row(2)
    tick, stale, gap, after = market.read()
    assert [type(each) for each in (tick, stale, gap, after)] == [Tick, Stale, Gap, Tick]
    assert gap.seconds == 12.0


def test_a_new_session_that_begins_with_the_last_tick_has_no_gap():
    """The same price with the same time: nothing was missed, so nothing is said to be."""
    market = Market()
    market.row(1)
    market.break_line(2.0, replaced=True)
    market.row(1, kind=Snapshot)
    market.row(2)
    assert market.kinds() == ["Tick", "Stale", "Tick"]
    assert not market.item.holes.open


def test_a_new_session_that_begins_with_another_tick_has_one():
    """Whether one tick came or a hundred cannot be known."""
    market = Market()
    market.row(1)
    market.break_line(2.0, replaced=True)
    market.row(2, kind=Snapshot)
    assert market.kinds() == ["Tick", "Stale", "Gap", "Tick"]


def test_a_recovered_session_has_no_gap():
    """Nothing was lost, so nothing is said to be."""
    market = Market()
    market.row(1)
    market.break_line(2.0, replaced=False)
    market.row(2)
    assert market.kinds() == ["Tick", "Stale", "Tick"]


def test_a_market_that_was_not_accepted_yet_has_no_hole():
    """What was never had cannot be missing."""
    market = Market()
    item, _ = market.make("B")
    item.join(market.reader)
    item.make("ACCOUNT")
    item.line_down(0.0, 0.0, "cut")
    item.line_back(1.0, 1.0, replaced=True)
    assert not item.holes.open
    assert market.read() == []


def test_mute_market_is_told_after_the_patience():
    """No first price: told once."""
    market = Market()
    assert market.item.tick(0.0, others=None) == 30.0
    market.clock.advance(30.0)
    market.item.tick(30.0, others=None)
    market.item.tick(60.0, others=None)
    (event,) = market.read()
    assert isinstance(event, Mute)
    assert (event.epic, event.seconds) == ("A", 30.0)


def test_stale_market_is_told_with_its_length():
    """A market that had prices and stopped is stale; the line is not down."""
    market = Market()
    market.row(1)
    market.clock.advance(31.0)
    market.item.tick(31.0, others=None)
    _, event = market.read()
    assert isinstance(event, Stale)
    assert (event.seconds, event.line_down) == (31.0, False)


def test_a_silence_of_a_broken_line_is_told_once():
    """What was told when the line broke is not told again after the patience."""
    market = Market()
    market.row(1)
    market.item.line_down(0.0, 0.0, "cut")
    market.clock.advance(100.0)
    market.item.tick(100.0, others=None)
    assert market.kinds() == ["Tick", "Stale"]


def test_a_late_reader_gets_the_price_that_holds_and_then_everything():
    """As the snapshot of an item of its own would be; the others do not see it twice."""
    market = Market()
    market.row(1)
    late = Reader(ReaderOptions(), market.clock)
    market.item.join(late)
    assert market.rung == 1
    market.item.admit()
    market.row(2)
    assert [tick.time.microsecond for tick in market.read(late)] == [1_000, 2_000]
    assert market.kinds() == ["Tick", "Tick"]


def test_a_late_reader_of_a_chart_gets_what_is_new():
    """CHART ticks have no snapshot."""
    market = Market(CHART_FEED)
    market.row(1)
    late = Reader(ReaderOptions(), market.clock)
    market.item.join(late)
    market.item.admit()
    assert market.read(late) == []


def test_who_leaves_gets_nothing_more_and_the_last_one_is_noticed():
    """One server item serves any number of readers, until the last has left."""
    market = Market()
    other = Reader(ReaderOptions(), market.clock)
    market.item.join(other)
    assert not market.item.leave(market.reader)
    market.row(1)
    assert market.read() == []
    assert len(market.read(other)) == 1
    assert market.item.leave(other)


@pytest.mark.parametrize(("position", "where"), [(1, "server"), (0, "client")])
def test_lost_updates_are_told_in_place(position: int, where: str):
    """The server's losses and our own, between the ticks."""
    market = Market()
    market.row(1)
    market.item.on_updates_lost(ItemUpdatesLost(1, None, position, 4, where))
    market.row(2)
    _, lost, _ = market.read()
    assert isinstance(lost, UpdatesLost)
    assert (lost.epic, lost.count, lost.where) == ("A", 4, where)
    assert market.item.lost == 4


def test_a_refused_market_is_over():
    """Its reader hears the error, and its place is free."""
    market = Market()
    market.item.on_error(SubscriptionError(1, 21, "bad group"))
    assert market.item.over
    assert "bad group" in market.item.status.reason
    assert market.reader.refused["A"].code == 21


def test_an_item_that_the_server_ended_is_over_and_one_that_was_left_is_not():
    """UNSUB without our asking ends it; after a switch of the account the old subscription's end means nothing."""
    market = Market()
    market.item.on_unsubscribed(Unsubscribed(1))
    assert market.item.status.state == "ended"


def test_prices_that_cannot_be_true_are_set_aside_told_and_kept(caplog):
    """Zero, below zero, ten times the price: no tick for the reader, but counted, told, and each kind in the log."""
    market = Market()
    for number, bid in enumerate(["1.1", "0", "-1.1", "11.0", "0", "1.1"]):
        market.row(number, bid)
    items = market.read()
    assert [item.bid for item in items if isinstance(item, Tick)] == [1.1, 1.1]
    aside = [item for item in items if isinstance(item, SetAside)]
    assert [event.tick.bid for event in aside] == [0.0, -1.1, 11.0, 0.0]
    assert list(market.prices.aside) == aside
    assert (market.prices.counts().ticks, market.prices.counts().set_aside) == (2, 4)
    assert len([record for record in caplog.records if "set aside" in record.getMessage()]) == 3


def test_one_slow_reader_costs_the_others_nothing():
    """Each has its own buffer."""
    market = Market(capacity=2)
    other = Reader(ReaderOptions(), market.clock)
    market.item.join(other)
    market.item.admit()
    for number in range(10):
        market.row(number)
    assert market.kinds() == ["UpdatesLost", "Tick", "Tick"]
    assert len(market.read(other)) == 10
