"""What reaches the reader of a stream: in order, bounded, and nothing untold."""

from __future__ import annotations

import threading
from datetime import datetime, timezone

import pytest

from ig_sdk.clock import ManualClock
from ig_sdk.errors import StreamEnded, SubscriptionRefused, UsageError
from ig_sdk.streaming import DataStream, Gap, Reconnected, UpdatesLost
from ig_sdk.streaming.channel import Reader, ReaderOptions

AT = datetime(2025, 1, 6, tzinfo=timezone.utc)
GAP = Gap("A", 2.5, AT, "connection broke")
REFUSED = SubscriptionRefused("IG refused the prices of B: bad group (code 21)", code=21)


def reader(**options) -> Reader:
    return Reader(ReaderOptions(**options), ManualClock())


def stream(source: Reader) -> DataStream:
    return DataStream(source, ("A",), counts=dict, on_close=lambda _: None)


def drain(source: Reader) -> list[object]:
    taken = []
    while (item := source.take(0.0)) is not None:
        taken.append(item)
    return taken


def test_slow_reader_loses_the_oldest_and_learns_it_in_place():
    """UpdatesLost comes where the hole is, and the count agrees."""
    source = reader(capacity=2, events=True)
    for number in range(5):
        source.put("A", number)
    lost, *rest = drain(source)
    assert lost == UpdatesLost("A", 3, AT)
    assert rest == [3, 4]
    assert source.lost == {"A": 3}


def test_without_events_the_iterator_yields_data_only(caplog):
    """Without events=True the iterator yields none; what nobody else is told is a warning."""
    source = reader(capacity=2)
    for number in range(5):
        source.put("A", number)
    source.tell(GAP)
    assert drain(source) == [3, 4]
    kinds = {record.getMessage().partition("(")[0] for record in caplog.records if record.levelname == "WARNING"}
    assert kinds == {"Gap", "UpdatesLost"}


def test_events_stand_between_the_data():
    """One sequence: datum, hole, datum."""
    source = reader(events=True)
    source.put("A", 1)
    source.tell(GAP)
    source.put("B", 2)
    assert drain(source) == [1, GAP, 2]


def test_callbacks_get_data_and_events_in_order():
    """The same sequence reaches the callbacks."""
    heard: list[object] = []
    source = reader(on_item=heard.append, on_event=heard.append)
    source.put("A", 1)
    source.tell(GAP)
    source.put("A", 2)
    assert heard == [1, GAP, 2]


def test_raising_callback_is_counted_and_stops_nothing():
    """The next datum and the next event still arrive."""
    heard: list[object] = []

    def on_item(item: object) -> None:
        heard.append(item)
        raise RuntimeError("mine")

    source = reader(on_item=on_item, on_event=lambda _: 1 / 0)
    source.put("A", 1)
    source.tell(GAP)
    source.put("A", 2)
    assert heard == [1, 2]
    assert source.callback_errors == 3


def test_a_refusal_raises_once_and_the_others_go_on():
    """The iterator raises for the refused market, then yields the other's data."""
    source = reader()
    data = stream(source)
    source.refuse("B", REFUSED)
    source.put("A", 1)
    with pytest.raises(SubscriptionRefused, match=r"B.*21"):
        next(data)
    assert next(data) == 1
    assert data.refused == {"B": REFUSED}
    assert not data.ended


def test_a_refusal_goes_to_on_event_too():
    """A stream with callbacks hears of the refusal where it hears everything else."""
    heard: list[object] = []
    reader(on_item=lambda _: None, on_event=heard.append).refuse("B", REFUSED)
    assert heard == [REFUSED]


def test_failure_comes_after_what_waits():
    """What arrived before the end is still read."""
    source = reader()
    data = stream(source)
    source.put("A", 1)
    source.fail(StreamEnded("the server ended the session", code=31))
    source.end()
    assert next(data) == 1
    with pytest.raises(StreamEnded):
        next(data)
    assert list(data) == []


def test_closed_stream_ends_at_once_and_takes_nothing():
    """After close() there is nothing to read, however much waited or still comes."""
    source = reader(events=True)
    data = stream(source)
    source.put("A", 1)
    data.close()
    data.close()
    source.put("A", 2)
    source.tell(GAP)
    source.fail(StreamEnded("over"))
    assert list(data) == []
    assert data.poll(0.0) is None
    assert data.ended


def test_closed_stream_calls_no_callback():
    """Nothing follows close()."""
    heard: list[object] = []
    source = reader(on_item=heard.append, on_event=heard.append)
    stream(source).close()
    source.put("A", 1)
    source.tell(GAP)
    source.fail(StreamEnded("over"))
    assert heard == []


def test_reading_a_stream_with_callbacks_is_refused():
    """One stream has one kind of reader."""
    with pytest.raises(UsageError, match="on_tick"):
        next(stream(reader(on_item=lambda _: None)))


def test_a_second_reading_thread_is_refused():
    """Two threads on one iterator would each get a part: the second hears what to do instead."""
    data = stream(reader())
    got: list[object] = []
    thread = threading.Thread(target=lambda: got.extend(data), name="test-reader")
    thread.start()
    while not data._reading.locked():
        assert thread.is_alive()
    with pytest.raises(UsageError, match="another thread"):
        data.poll(0.0)
    data.close()
    thread.join(5)
    assert not thread.is_alive()


def test_unread_events_are_bounded_and_a_flood_of_data_does_not_push_them_out():
    """Events do not grow for ever; however few data are kept, a gap is not pushed out by what follows it."""
    source = reader(events=True, capacity=1)
    source.tell(GAP)
    for number in range(5):
        source.put("A", number)
    assert drain(source) == [GAP, UpdatesLost("A", 4, AT), 4]
    for _ in range(5_000):
        source.tell(Reconnected("recovered", 1.0, AT))
    assert len(drain(source)) < 5_000
