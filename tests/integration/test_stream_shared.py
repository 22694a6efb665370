"""One connection and one item for each market, however many read: IG's terms, kept for two at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import datetime, timezone
from itertools import islice

import pytest

from ig_sdk import IGClient, Tick
from ig_sdk.errors import UsageError
from ig_sdk.lightstreamer import ConnectionStatus
from ig_sdk.simulator import Simulator
from ig_sdk.types import PAIRS, epic_for

WAIT_S = 10.0
EURUSD, GBPUSD = epic_for("EURUSD"), epic_for("GBPUSD")


@pytest.fixture
def sim() -> Iterator[Simulator]:
    """A seeded market, busier than a real one."""
    with Simulator(speed=20.0) as simulator:
        yield simulator


@pytest.fixture
def ig(sim: Simulator) -> Iterator[IGClient]:
    """A client of it that does not wait long between attempts."""
    with sim.client(reconnect={"initial_delay_s": 0.01, "max_delay_s": 0.05}) as client:
        yield client


def served(sim: Simulator) -> list[list[str]]:
    """The items of each session that the server has."""
    return [
        [item for each in session.subscriptions.values() for item in each.layout.items]
        for session in sim._stream.sessions
    ]


def test_two_streams_of_a_client_share_one_connection(sim, ig):
    """Each has its prices; the server sees one session, which ends with the second of them."""
    first, second = ig.stream(), ig.stream()
    assert next(first.prices("EURUSD")).epic == EURUSD
    assert next(second.prices("GBPUSD")).epic == GBPUSD
    assert [len(items) for items in served(sim)] == [2]
    first.close()
    with second.prices("USDJPY") as prices:
        assert next(prices)
    assert second.status().status is ConnectionStatus.CONNECTED
    second.close()
    assert second.status().status is ConnectionStatus.DISCONNECTED


def test_a_stream_after_the_last_one_connects_again(ig):
    """A connection that nobody uses is closed, and opened again when somebody does."""
    for _ in range(3):
        with ig.stream() as stream:
            assert next(stream.prices("EURUSD"))


def test_many_streams_of_a_market_are_one_item_and_each_gets_every_tick(sim, ig):
    """Three readers of one market take one place; what one gets the others get."""
    with ig.stream() as stream:
        streams = [stream.prices("EURUSD") for _ in range(3)]
        ticks = [list(islice(each, 30)) for each in streams]
        assert [len(items) for items in served(sim)] == [1]
        status = stream.status()
        assert (status.items, status.subscriptions[f"prices {EURUSD}"].readers) == (1, 3)
        common = set.intersection(*(set(each) for each in ticks))
        assert len(common) >= 28  # they joined one after the other
        streams[0].close()
        assert next(streams[1])
        streams[1].close()
        streams[2].close()
        assert stream.status().items == 0


def test_a_late_reader_of_a_market_gets_its_price_at_once():
    """Also when the market does not move: as a subscription of its own would."""
    at = datetime(2025, 1, 6, tzinfo=timezone.utc)
    gate = threading.Event()

    def ticks() -> Iterator[Tick]:
        yield Tick(EURUSD, 1.1, 1.2, at, at)
        gate.wait(WAIT_S)

    with Simulator(ticks=ticks(), market="EURUSD") as sim, sim.client() as ig, ig.stream() as stream:
        first = stream.prices("EURUSD")
        tick = first.poll(WAIT_S)
        assert tick is not None
        assert stream.prices("EURUSD").poll(WAIT_S) == tick
        assert first.poll(0.0) is None
        gate.set()


def test_the_limit_counts_items_by_use_and_names_what_holds_them(sim):
    """A market that is read already needs no place; the refusal says who holds the others."""
    with sim.client(limits={"subscriptions": 2}) as ig, ig.stream() as stream, ig.stream() as other:
        stream.prices(["EURUSD", "GBPUSD"])
        assert next(stream.prices("EURUSD"))
        with pytest.raises(UsageError, match=rf"3 subscriptions.*2 on a connection.*prices {EURUSD} \(2\)"):
            other.prices("USDJPY")


def test_the_limit_is_the_keys_own(sim):
    """What IG says of the key in /operations/application counts."""
    with sim.client() as ig, ig.stream() as stream:
        assert stream.wait_connected(WAIT_S)
        assert stream.status().limit == ig.applications.list()[0].concurrent_subscriptions_limit


def test_places_are_free_again_when_two_threads_change_at_the_limit(sim):
    """One gives a place back while another takes it: the server never has more than it allows."""
    with sim.client(limits={"subscriptions": 3}) as ig, ig.stream() as stream:
        failures: list[BaseException] = []

        def change(pair: str) -> None:
            try:
                for _ in range(15):
                    with stream.prices(pair) as prices:
                        assert next(prices).epic == epic_for(pair)
            except BaseException as error:  # noqa: BLE001 -- shown below
                failures.append(error)

        threads = [threading.Thread(target=change, args=(pair,), name=f"test-{pair}") for pair in list(PAIRS)[:3]]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60.0)
        assert not failures
        assert stream.status().items == 0


def test_a_callback_may_open_and_close_streams(ig):
    """From inside a callback another market is opened, read by callback, and its own stream closed."""
    heard: list[Tick] = []
    done = threading.Event()
    with ig.stream() as stream:

        def on_second(tick: Tick) -> None:
            heard.append(tick)
            done.set()

        def on_first(tick: Tick) -> None:
            if len(heard) == 0:
                heard.append(tick)
                stream.prices("GBPUSD", on_second)
                mine.close()

        ready = threading.Event()
        mine = stream.prices("EURUSD", lambda tick: ready.wait(WAIT_S) and on_first(tick))
        ready.set()
        assert done.wait(WAIT_S)
        assert heard[-1].epic == GBPUSD
        assert stream.status().epics == (GBPUSD,)


def test_buffer_and_what_was_set_aside_can_be_read_at_any_time(ig):
    """The latest ticks of a market, oldest first, as a copy; a market that nobody reads is named."""
    with ig.stream() as stream:
        ticks = list(islice(stream.prices("EURUSD"), 10))
        kept = stream.buffer("EURUSD")
        assert kept[:10] == tuple(ticks)
        assert stream.set_aside("EURUSD") == ()
        with pytest.raises(UsageError, match="GBPUSD"):
            stream.buffer("GBPUSD")
