"""What the dispatch thread receives reaches the reader or the callbacks: in order and counted."""

from __future__ import annotations

import threading

import pytest

from ig_sdk.clock import ManualClock
from ig_sdk.errors import StreamEnded, SubscriptionRefused, UsageError
from ig_sdk.streaming import Gap, Mute, PriceStream, Reconnected, Stale, UpdatesLost
from ig_sdk.streaming.prices.feeds import PRICE_FEED
from ig_sdk.streaming.prices.intake import PriceIntake, ReaderOptions
from ig_sdk.types import Tick


class Row(dict[str, "str | None"]):
    """A price row."""

    is_snapshot = False


def row(number: int, bid: str | None = "1.1") -> Row:
    return Row(BIDPRICE1=bid, ASKPRICE1="1.2", TIMESTAMP=str(number))


def intake(*epics: str, clock: ManualClock | None = None, **options) -> PriceIntake:
    return PriceIntake(epics or ("A",), PRICE_FEED, ReaderOptions(**options), clock or ManualClock())


def stream(source: PriceIntake, *, iterates: bool = True) -> PriceStream:
    return PriceStream(source, iterates=iterates, on_close=lambda _: None)


def drain(source: PriceIntake) -> list[object]:
    taken = []
    while (item := source.take(0.0)) is not None:
        taken.append(item)
    return taken


def test_slow_reader_loses_the_oldest_and_learns_it_in_place():
    """UpdatesLost comes where the hole is, and the counts agree."""
    source = intake(capacity=2, events=True)
    for number in range(5):
        source.row("A", row(number))
    lost, *ticks = drain(source)
    assert isinstance(lost, UpdatesLost)
    assert (lost.epic, lost.count, lost.where) == ("A", 3, "client")
    assert [int(tick.time.microsecond / 1000) for tick in ticks] == [3, 4]
    assert (source.counts()["A"].ticks, source.counts()["A"].lost) == (5, 3)


def test_without_events_the_iterator_yields_ticks_only():
    """Without events=True the iterator yields none, but the counts still show the loss."""
    source = intake(capacity=2)
    for number in range(5):
        source.row("A", row(number))
    source.lost("A", 4, where="server")
    source.reconnected("replaced", 3.0, "broken")
    assert all(isinstance(item, Tick) for item in drain(source))
    assert source.counts()["A"].lost == 7


def test_gap_of_each_market_comes_before_reconnected_and_after_the_older_ticks():
    """A replaced session may have lost ticks of every market, but for those refused or not accepted yet."""
    source = intake("A", "B", "C", "D", events=True)
    for epic in "ABC":
        source.accepted(epic)
    source.refuse("C", 21, "bad group")
    with pytest.raises(SubscriptionRefused):
        source.take(0.0)
    source.row("A", row(1))
    source.reconnected("replaced", 2.5, "connection broke")
    source.row("A", row(2))
    kinds = [type(item).__name__ for item in drain(source)]
    assert kinds == ["Tick", "Gap", "Gap", "Reconnected", "Tick"]


def test_recovered_session_has_no_gap():
    """Nothing was lost, so nothing is said to be."""
    source = intake(events=True)
    source.reconnected("recovered", 1.0, "connection broke")
    (event,) = drain(source)
    assert isinstance(event, Reconnected)
    assert (event.continuity, event.seconds) == ("recovered", 1.0)


def test_mute_market_is_reported_to_a_waiting_reader():
    """Accepted, then silence: the reader learns it after the patience."""
    clock = ManualClock()
    source = intake(clock=clock, events=True, patience_s=30.0)
    source.accepted("A")
    clock.advance(30.0)
    event = source.take(0.0)
    assert isinstance(event, Mute)
    assert (event.epic, event.seconds) == ("A", 30.0)


def test_stale_market_is_reported_with_its_length():
    """A market that had prices and stopped is stale."""
    clock = ManualClock()
    source = intake(clock=clock, events=True, patience_s=30.0)
    source.accepted("A")
    source.row("A", row(1))
    clock.advance(31.0)
    tick, event = drain(source)
    assert isinstance(tick, Tick)
    assert isinstance(event, Stale)
    assert event.seconds == 31.0


def test_stalled_connection_is_reported_at_once():
    """When the connection is silent, the patience is not waited for."""
    clock = ManualClock()
    heard: list[object] = []
    source = intake("A", "B", clock=clock, on_tick=lambda tick: None, on_event=heard.append)
    source.accepted("A")
    source.accepted("B")
    source.row("A", row(1))
    clock.advance(7.0)
    source.stalled()
    assert [(type(event), event.epic) for event in heard] == [(Stale, "A")]


def test_callbacks_get_ticks_and_events_in_order():
    """One sequence: tick, hole, tick."""
    heard: list[object] = []
    source = intake(on_tick=heard.append, on_event=heard.append)
    source.row("A", row(1))
    source.lost("A", 2, where="server")
    source.row("A", row(2))
    assert [type(item).__name__ for item in heard] == ["Tick", "UpdatesLost", "Tick"]


def test_raising_callback_is_counted_and_stops_nothing():
    """The next tick and the next event still arrive."""
    heard: list[object] = []

    def on_tick(tick: Tick) -> None:
        heard.append(tick)
        raise RuntimeError("mine")

    source = intake(on_tick=on_tick, on_event=lambda _: 1 / 0)
    source.accepted("A")
    source.row("A", row(1))
    source.reconnected("replaced", 1.0, "")
    source.row("A", row(2))
    assert len(heard) == 2
    assert source.callback_errors == 4


def test_refused_market_raises_once_and_the_others_go_on():
    """The iterator raises for the refused epic, then yields the other's ticks."""
    source = intake("A", "B")
    prices = stream(source)
    source.refuse("B", 21, "bad group")
    source.row("A", row(1))
    with pytest.raises(SubscriptionRefused, match=r"B.*21"):
        next(prices)
    assert next(prices).epic == "A"
    assert list(prices.refused) == ["B"]
    assert not prices.ended


def test_stream_of_refused_markets_only_ends():
    """Nothing can come any more, so the iterator stops after the errors."""
    source = intake("A", "B")
    prices = stream(source)
    for epic in ("A", "B"):
        source.refuse(epic, -1, "Invalid account type")
    for _ in range(2):
        with pytest.raises(SubscriptionRefused):
            next(prices)
    assert list(prices) == []


def test_refusal_goes_to_on_event_too():
    """A stream with callbacks hears of the refusal where it hears everything else."""
    heard: list[object] = []
    source = intake("A", "B", on_tick=lambda tick: None, on_event=heard.append)
    source.refuse("A", 21, "bad group")
    (error,) = heard
    assert isinstance(error, SubscriptionRefused)


def test_failure_comes_after_the_ticks_that_wait():
    """What arrived before the end is still read."""
    source = intake()
    prices = stream(source)
    source.row("A", row(1))
    source.fail(StreamEnded("the server ended the session", code=31))
    assert next(prices).epic == "A"
    with pytest.raises(StreamEnded):
        next(prices)
    assert list(prices) == []


def test_closed_stream_ends_at_once_and_takes_nothing():
    """After close() there is nothing to read, however much waited or still comes."""
    source = intake()
    prices = stream(source)
    source.row("A", row(1))
    prices.close()
    prices.close()
    source.row("A", row(2))
    source.lost("A", 1, where="server")
    source.fail(StreamEnded("over"))
    assert list(prices) == []
    assert prices.poll(0.0) is None
    assert prices.ended


def test_reading_a_stream_with_callbacks_is_refused():
    """One stream has one kind of reader."""
    prices = stream(intake(on_tick=lambda tick: None), iterates=False)
    with pytest.raises(UsageError, match="on_tick"):
        next(prices)


def test_partial_rows_are_counted_by_market():
    """A row without a bid is no tick."""
    source = intake("A", "B")
    source.row("A", row(1, bid=None))
    source.row("B", row(1))
    assert source.counts()["A"].incomplete == 1
    assert source.counts()["B"].ticks == 1
    assert [item.epic for item in drain(source)] == ["B"]


def test_unread_events_are_bounded():
    """Unread events do not grow for ever."""
    source = intake(events=True, capacity=3)
    for _ in range(5_000):
        source.reconnected("recovered", 1.0, "")
    assert len(drain(source)) < 5_000


def test_small_buffer_of_ticks_keeps_the_events():
    """However few ticks are kept, a gap is not pushed out by what follows it."""
    source = intake("A", "B", events=True, capacity=1)
    source.accepted("A")
    source.accepted("B")
    source.reconnected("replaced", 1.0, "")
    for number in range(5):
        source.row("A", row(number))
    kinds = [type(item).__name__ for item in drain(source)]
    assert kinds == ["Gap", "Gap", "Reconnected", "UpdatesLost", "Tick"]


def test_gap_carries_its_length_and_cause():
    """The application sees how long and why."""
    source = intake(events=True)
    source.accepted("A")
    source.reconnected("replaced", 4.5, "no data for 8 s")
    gap = source.take(0.0)
    assert isinstance(gap, Gap)
    assert (gap.epic, gap.seconds, gap.reason) == ("A", 4.5, "no data for 8 s")


def test_a_second_reading_thread_is_refused_():
    """Two threads on one iterator would each get a part: the second hears what to do instead."""
    source = intake("A")
    prices = stream(source)
    got: list[object] = []
    reader = threading.Thread(target=lambda: got.extend(prices), name="test-reader")
    reader.start()
    while not prices._reading.locked():
        assert reader.is_alive()
    with pytest.raises(UsageError, match="another thread"):
        prices.poll(0.0)
    prices.close()
    reader.join(5)
    assert not reader.is_alive()


def test_silence_is_told_to_who_asked_for_no_events(caplog):
    """Without events and callbacks a gap is a warning in the log, once for each market."""
    source = intake("A")
    source.accepted("A")
    for _ in range(3):
        source.reconnected("replaced", 2.0, "away")
    assert [record.levelname for record in caplog.records if "Gap" in record.getMessage()] == ["WARNING"]


def test_prices_that_cannot_be_true_are_set_aside_and_told(caplog):
    """A tick of zero, below zero or ten times the price does not reach the reader; it is counted, and told once."""
    source = intake("A")
    for number, bid in enumerate(["1.1", "0", "-1.1", "11.0", "1.1"]):
        source.row("A", row(number, bid))
    assert [tick.bid for tick in drain(source)] == [1.1, 1.1]
    assert (source.counts()["A"].ticks, source.counts()["A"].set_aside) == (2, 3)
    assert len([record for record in caplog.records if "set aside" in record.getMessage()]) == 1
