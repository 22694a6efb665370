"""Deals on one position wait for one another, and for no other."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from ig_sdk.clock import ManualClock, SystemClock
from ig_sdk.errors import IGError, RequestTimeout, UsageError
from ig_sdk.rest.deals.turns import Turns
from ig_sdk.rest.http.deadline import Deadline

CLOCK = SystemClock()


def until(true: Callable[[], bool]) -> None:
    """Wait for another thread."""
    pause = threading.Event()
    while not true():
        pause.wait(0.001)


def test_two_on_one_deal_come_one_after_the_other() -> None:
    """In the order in which they asked; nothing is left behind."""
    turns, clock, order = Turns(CLOCK), ManualClock(), list[int]()
    held = threading.Event()

    def act(number: int) -> None:
        with turns.of("D1", Deadline(clock, None)) as waited:
            assert waited
            order.append(number)
            assert len(order) == number

    with turns.of("D1", Deadline(clock, None)) as waited:
        assert not waited
        threads = [threading.Thread(target=act, args=(number,), name=f"act-{number}") for number in (1, 2, 3)]
        for number, thread in enumerate(threads, 1):
            thread.start()
            until(lambda wanted=number: len(turns._waiting["D1"]) == wanted)
        assert order == []
        held.set()
    for thread in threads:
        thread.join(5)
    assert order == [1, 2, 3]
    assert turns._waiting == {}


def test_different_deals_do_not_wait() -> None:
    """Each has a turn of its own."""
    turns = Turns(ManualClock())
    with (
        turns.of("D1", Deadline(CLOCK, 1)) as first,
        turns.of("D2", Deadline(CLOCK, 1)) as second,
    ):
        assert (first, second) == (False, False)


def test_a_turn_that_does_not_come_in_time_says_that_nothing_was_sent() -> None:
    """And leaves its place to others."""
    turns = Turns(CLOCK)
    with turns.of("D1", Deadline(CLOCK, None)):
        with pytest.raises(RequestTimeout, match="nothing was sent") as caught, turns.of("D1", Deadline(CLOCK, 0.01)):
            pass
        assert caught.value.sent == "no"
    assert turns._waiting == {}


def test_closing_wakes_those_that_wait() -> None:
    """At once, with an error that says that nothing was sent; afterwards nobody gets a turn."""
    turns, ended = Turns(CLOCK), list[IGError]()

    def act() -> None:
        try:
            with turns.of("D1", Deadline(CLOCK, None)):
                pass
        except IGError as error:
            ended.append(error)

    thread = threading.Thread(target=act, name="act")
    with turns.of("D1", Deadline(CLOCK, None)):
        thread.start()
        until(lambda: bool(turns._waiting["D1"]))
        turns.close()
        thread.join(5)
    assert [type(each) for each in ended] == [UsageError]
    assert "nothing was sent" in str(ended[0])
    assert turns._waiting == {}
    with pytest.raises(UsageError), turns.of("D1", Deadline(CLOCK, None)):
        pass


def test_an_error_inside_passes_the_turn_on() -> None:
    """The next one is not kept waiting for ever."""
    turns = Turns(CLOCK)
    with pytest.raises(ValueError, match="inside"), turns.of("D1", Deadline(CLOCK, None)):
        raise ValueError("inside")
    assert turns._waiting == {}
