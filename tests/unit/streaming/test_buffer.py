"""The buffer keeps order, bounds each market, reports what it dropped, and blocks no thread for ever."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ig_sdk.clock import ManualClock, SystemClock
from ig_sdk.streaming.buffer import Dropped, LaneBuffer


def drain(buffer: LaneBuffer[int]) -> list[tuple[str, int | Dropped]]:
    taken = []
    while (entry := buffer.take(0.0)) is not None:
        taken.append(entry)
    return taken


def test_order_across_markets_is_kept():
    """Items come out in the order in which they went in, across lanes."""
    buffer: LaneBuffer[int] = LaneBuffer(10, overflow="drop_oldest", clock=ManualClock())
    for number, name in enumerate("ABACBA"):
        buffer.put(name, number)
    assert drain(buffer) == [("A", 0), ("B", 1), ("A", 2), ("C", 3), ("B", 4), ("A", 5)]


def test_busy_market_drops_its_own_oldest_and_says_where():
    """The mark comes before the first item after the hole; the quiet market keeps its own."""
    buffer: LaneBuffer[int] = LaneBuffer(2, overflow="drop_oldest", clock=ManualClock())
    buffer.put("quiet", 0)
    for number in range(1, 6):
        buffer.put("busy", number)
    assert drain(buffer) == [("quiet", 0), ("busy", Dropped(3)), ("busy", 4), ("busy", 5)]
    assert buffer.depth == 0


@given(
    st.integers(min_value=1, max_value=4),
    st.lists(st.sampled_from(["A", "B", "C", "take"]), max_size=60),
)
def test_nothing_is_lost_untold_nor_reordered(capacity, steps):
    """Against a plain list: what came out and what was said to be dropped is all that went in, in order."""
    buffer: LaneBuffer[int] = LaneBuffer(capacity, overflow="drop_oldest", clock=ManualClock())
    put: dict[str, list[int]] = {"A": [], "B": [], "C": []}
    out: list[tuple[str, int | Dropped]] = []
    for number, step in enumerate(steps):
        if step == "take":
            entry = buffer.take(0.0)
            out += [entry] if entry else []
        else:
            buffer.put(step, number)
            put[step].append(number)
        assert buffer.depth <= 3 * capacity
    out += drain(buffer)
    for name, numbers in put.items():
        at = 0
        for lane, item in out:
            if lane == name and isinstance(item, Dropped):
                at += item.count
            elif lane == name:
                assert item == numbers[at]
                at += 1
        assert at == len(numbers)


@given(st.lists(st.sampled_from("AB"), max_size=40))
def test_order_is_total_while_nothing_overflows(names):
    """Without overflow the buffer is a queue."""
    buffer: LaneBuffer[int] = LaneBuffer(100, overflow="block", clock=ManualClock())
    for number, name in enumerate(names):
        buffer.put(name, number)
    assert drain(buffer) == [(name, number) for number, name in enumerate(names)]


def test_blocked_writer_loses_nothing():
    """With overflow="block" a writer waits for the reader; everything arrives in order."""
    buffer: LaneBuffer[int] = LaneBuffer(4, overflow="block", clock=SystemClock())

    def write() -> None:
        for number in range(1000):
            buffer.put("AB"[number % 2], number)
        buffer.end()

    writer = threading.Thread(target=write, name="writer")
    writer.start()
    taken = []
    while (entry := buffer.take(10.0)) is not None:
        taken.append(entry[1])
    writer.join(10.0)
    assert taken == list(range(1000))
    assert buffer.ended


@pytest.mark.parametrize("finish", ["end", "close"])
def test_end_and_close_wake_a_blocked_writer_and_a_waiting_reader(finish):
    """No thread waits for a stream that is over."""
    full: LaneBuffer[int] = LaneBuffer(1, overflow="block", clock=SystemClock())
    full.put("A", 0)
    empty: LaneBuffer[int] = LaneBuffer(1, overflow="block", clock=SystemClock())
    got: list[object] = []
    threads = [
        threading.Thread(target=full.put, args=("A", 1), name="writer"),
        threading.Thread(target=lambda: got.append(empty.take(None)), name="reader"),
    ]
    for thread in threads:
        thread.start()
    getattr(full, finish)()
    getattr(empty, finish)()
    for thread in threads:
        thread.join(10.0)
        assert not thread.is_alive()
    assert got == [None]


def test_end_keeps_what_waits_and_close_discards_it():
    """After end() the reader can catch up; after close() there is nothing to read."""
    for finish, left in (("end", [("A", 0)]), ("close", [])):
        buffer: LaneBuffer[int] = LaneBuffer(2, overflow="drop_oldest", clock=ManualClock())
        buffer.put("A", 0)
        getattr(buffer, finish)()
        buffer.put("A", 1)
        assert drain(buffer) == left
        assert buffer.ended


def test_take_follows_the_given_clock():
    """A wait is over when the clock says so, not the wall."""
    clock = ManualClock()
    buffer: LaneBuffer[int] = LaneBuffer(2, overflow="drop_oldest", clock=clock)
    got: list[object] = []
    reader = threading.Thread(target=lambda: got.append(buffer.take(3600.0)), name="reader")
    reader.start()
    while not clock.waiting:
        reader.join(0.001)
    clock.advance(3600.0)
    reader.join(10.0)
    assert got == [None]
