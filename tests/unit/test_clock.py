"""Time as a parameter."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta, timezone

import pytest

from ig_sdk.clock import ManualClock, SystemClock

WAIT_S = 10.0


def test_manual_clock_moves_only_when_told() -> None:
    """By exactly as much, both of its readings."""
    start = datetime(2025, 3, 30, 0, 59, tzinfo=timezone.utc)
    clock = ManualClock(start)
    assert (clock.now(), clock.monotonic()) == (start, 0.0)
    clock.advance(90.5)
    assert (clock.now(), clock.monotonic()) == (start + timedelta(seconds=90.5), 90.5)


def test_both_readings_agree_after_many_small_steps() -> None:
    """To the microsecond, so that who waits for a time that ``now()`` shows does not miss it by rounding."""
    clock = ManualClock()
    for _ in range(1_053):
        clock.advance(0.002)
    assert clock.now() - ManualClock().now() == timedelta(seconds=2.106)
    assert clock.monotonic() == 2.106


def test_time_does_not_go_backwards() -> None:
    """Nothing changes when it is asked to."""
    clock = ManualClock()
    with pytest.raises(ValueError, match="-1"):
        clock.advance(-1)
    assert clock.monotonic() == 0.0


def test_a_wait_ends_when_the_clock_was_advanced() -> None:
    """Not before: a thread that waits a minute goes on after the minute."""
    clock, woken = ManualClock(), threading.Event()
    results: list[bool] = []

    def wait() -> None:
        results.append(clock.wait(threading.Event(), 60.0))
        woken.set()

    thread = threading.Thread(target=wait)
    thread.start()
    while not clock.waiting:
        woken.wait(0.001)
    clock.advance(59.0)
    assert not woken.wait(0.01)
    clock.advance(1.0)
    assert woken.wait(WAIT_S)
    thread.join(WAIT_S)
    assert results == [False]
    assert clock.waiting == 0


def test_a_wait_ends_when_its_event_is_set() -> None:
    """On either clock; a time already past does not wait."""
    event = threading.Event()
    assert not ManualClock().wait(event, 0.0)
    assert not SystemClock().wait(event, -1.0)
    event.set()
    assert ManualClock().wait(event, 60.0)
    assert SystemClock().wait(event, 60.0)


def test_system_clock_is_aware_and_never_goes_back() -> None:
    """UTC, and monotonic."""
    clock = SystemClock()
    assert clock.now().utcoffset() == timedelta(0)
    assert clock.monotonic() <= clock.monotonic()
