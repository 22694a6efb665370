"""A client or stream that is forgotten while it is open: a notebook's cell that is run again."""

from __future__ import annotations

import gc
import threading
import warnings
from collections.abc import Callable

import pytest

from ig_sdk import IGClient, IGConfig
from ig_sdk.process import Abandoned
from ig_sdk.simulator import Simulator

PATIENCE_S = 30.0


def ours() -> set[threading.Thread]:
    """The threads of this package."""
    return {thread for thread in threading.enumerate() if thread.name.startswith("ig-")}


def collected(forget: Callable[[], object]) -> list[str]:
    """Forget something; return what the collection warned of, once every thread has ended."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        forget()
        gc.collect()
    for thread in ours():
        thread.join(PATIENCE_S)
    return [str(each.message) for each in told if each.category is ResourceWarning]


def test_a_cell_that_runs_again_leaves_no_thread_behind():
    """Client, stream, iterator and simulator of the last run end with their names, each with a ResourceWarning."""
    for _ in range(3):
        ig = IGClient(IGConfig.simulator())
        stream = ig.stream()
        prices = stream.prices("EURUSD")
        assert prices.poll(PATIENCE_S)
        assert len(ours()) >= 5
        names = [ig, stream, prices]
        del ig, stream, prices
        told = collected(names.clear)
        assert not ours()
        assert any("IGClient" in text and "close()" in text for text in told)
        assert any("IGStream" in text and "close()" in text for text in told)


def test_a_client_without_a_stream_ends_its_simulator():
    """A client that is rebound ends the simulator that it started."""
    names = [IGClient(IGConfig.simulator())]
    names[0].login()
    assert ours()
    assert collected(names.clear)
    assert not ours()


def test_a_part_keeps_the_whole():
    """Who holds a resource, a stream or an iterator of a client keeps the client with it."""
    ig = IGClient(IGConfig.simulator())
    positions, prices = ig.positions, ig.stream().prices("EURUSD")
    close = ig.close
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        del ig
        gc.collect()
        assert positions.list() is not None
        assert prices.poll(PATIENCE_S)
        close()


def test_callbacks_keep_their_stream():
    """Ticks go on to a callback although nobody holds the stream, nor what ``prices`` returned."""
    with Simulator() as sim, sim.client() as ig:
        heard = threading.Semaphore(0)
        ig.stream().prices("EURUSD", lambda _: heard.release())
        for _ in range(3):
            gc.collect()
            assert heard.acquire(timeout=PATIENCE_S)


def test_what_was_closed_is_silent():
    """After ``close()`` the collection says nothing."""
    with IGClient(IGConfig.simulator()) as ig:
        stream = ig.stream()
        assert stream.wait_connected(PATIENCE_S)
    names = [ig, stream]
    del ig, stream
    assert not collected(names.clear)


def test_what_was_cancelled_is_not_ended():
    """A cancelled ``Abandoned`` ends nothing and warns of nothing; another one does both."""

    class Thing:
        pass

    ended: list[str] = []
    things = [Thing(), Thing()]
    Abandoned(things[0], "the first", lambda: ended.append("first"))
    Abandoned(things[1], "the second", lambda: ended.append("second")).cancel()
    assert collected(things.clear) == ["the first"]
    assert ended == ["first"]


@pytest.fixture(autouse=True)
def nothing_else_open() -> None:
    """Threads of other tests have ended."""
    gc.collect()
