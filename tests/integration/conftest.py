"""A simulator, and a clock on which nobody waits long, for the integration tests."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from ig_sdk.clock import ManualClock
from ig_sdk.simulator import Simulator


class QuickClock(ManualClock):
    """A clock on which every wait is soon over; the simulator and the sockets keep real time."""

    def wait(self, event: threading.Event, timeout: float) -> bool:
        if not event.wait(min(timeout, 0.06)):
            self.advance(timeout)
        return event.is_set()


@pytest.fixture
def quick_clock() -> ManualClock:
    """A clock on which every wait is soon over."""
    return QuickClock()


@pytest.fixture
def sim() -> Iterator[Simulator]:
    """A running simulator without allowances."""
    with Simulator(allowances=None) as simulator:
        yield simulator
