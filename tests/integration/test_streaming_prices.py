"""IG's price streams against the simulator: both forms, both feeds, many markets, bad days."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from itertools import islice

import pytest

from ig_sdk import IGClient, Tick
from ig_sdk.errors import AuthenticationError, StreamRefused, SubscriptionRefused, UsageError
from ig_sdk.lightstreamer import ConnectionStatus, StatusChanged
from ig_sdk.simulator import Simulator, StreamOptions
from ig_sdk.streaming import Gap, IGStream, Mute, PriceStream, Reconnected, Stale, UpdatesLost
from ig_sdk.types import PAIRS, epic_for

WAIT_S = 10.0
EURUSD, GBPUSD = epic_for("EURUSD"), epic_for("GBPUSD")
# The pair exists for the client's rules, but not at the simulator: refused by the server.
UNKNOWN = "CS.D.NOSUCH.MINI.IP"


def recorded(count: int) -> list[Tick]:
    """Ticks a second apart, each of them another price."""
    start = datetime(2025, 1, 6, 9, tzinfo=timezone.utc)
    times = [start + timedelta(seconds=number) for number in range(count)]
    return [Tick(EURUSD, 1.0 + n / 1e5, 1.0001 + n / 1e5, time, time) for n, time in enumerate(times)]


def fields(ticks: list[Tick]) -> list[tuple[float, float, datetime]]:
    return [(tick.bid, tick.offer, tick.time) for tick in ticks]


def take(prices: PriceStream, kind: type, at_most: int = 10_000):
    """The next item of a kind; what comes before it is passed over."""
    for _ in range(at_most):
        item = prices.poll(WAIT_S)
        assert item is not None, f"no {kind.__name__} came"
        if isinstance(item, kind):
            return item
    raise AssertionError(f"no {kind.__name__} among {at_most} items")


class Heard(list[object]):
    """A callback that keeps what it gets, and lets a test wait for so many."""

    def __init__(self, wanted: int = 1) -> None:
        super().__init__()
        self.wanted = wanted
        self.enough = threading.Event()

    def __call__(self, item: object) -> None:
        self.append(item)
        if len(self) >= self.wanted:
            self.enough.set()

    def wait(self) -> Heard:
        assert self.enough.wait(WAIT_S), f"only {len(self)} of {self.wanted} came"
        return self


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


def test_streams_show_their_state(ig):
    """In a notebook a stream prints as its state, its markets and what came."""
    with ig.stream() as stream:
        assert repr(stream) == "<IGStream DISCONNECTED>"
        with stream.prices("EURUSD") as prices:
            assert isinstance(take(prices, Tick), Tick)
            assert repr(stream) == f"<IGStream CONNECTED {EURUSD}>"
            assert repr(prices).startswith(f"<PriceStream {EURUSD}: ")
        assert repr(prices).endswith(" ticks, ended>")


def test_iterator_gives_ticks_of_every_market(ig):
    """Names and epics are taken; each tick is typed, of a market asked for, and says when IG made it."""
    with ig.stream() as stream, stream.prices(["EURUSD", GBPUSD, "EUR/USD"]) as prices:
        assert prices.epics == (EURUSD, GBPUSD)
        ticks = list(islice(prices, 40))
    assert {tick.epic for tick in ticks} == {EURUSD, GBPUSD}
    for tick in ticks:
        assert isinstance(tick, Tick)
        assert tick.bid < tick.offer
        assert (tick.source, tick.status) == ("stream", "DEAL")
        assert abs(tick.received_at - tick.time) < timedelta(seconds=WAIT_S)


def test_callback_gives_the_same(ig):
    """With on_tick the ticks go there, in the order of time for each market."""
    heard = Heard(20)
    with ig.stream() as stream:
        stream.prices("EURUSD", heard)
        ticks = list(heard.wait())
    assert all(isinstance(tick, Tick) and tick.epic == EURUSD for tick in ticks)
    assert [tick.time for tick in ticks] == sorted(tick.time for tick in ticks)


def test_chart_feed_by_configuration(sim):
    """stream.price_source = "chart" reads CHART ticks instead; they carry no dealing state."""
    with sim.client(stream={"price_source": "chart"}) as ig, ig.stream() as stream:
        ticks = list(islice(stream.prices(["EURUSD"]), 5))
    assert all(tick.epic == EURUSD and tick.status is None for tick in ticks)


@pytest.mark.parametrize("source", ["price", "chart"])
def test_replayed_ticks_arrive_once_and_in_order(source):
    """Every recorded tick passes the wire with its own values and time, on both feeds."""
    ticks = recorded(500)
    with (
        Simulator(ticks=ticks, speed="max") as sim,
        sim.client(stream={"price_source": source}) as ig,
        ig.stream() as stream,
    ):
        prices = stream.prices(["EURUSD"], overflow="block")
        assert fields(list(islice(prices, 500))) == fields(ticks)
        assert prices.poll(0.0) is None
        assert prices.counts[EURUSD].ticks == 500


def test_no_more_ticks_a_second_than_configured():
    """live.max_ticks_per_second thins the ticks of each market out; the last of a burst comes in the end."""
    ticks = recorded(200)
    with (
        Simulator(ticks=ticks, speed="max") as sim,
        sim.client(live={"max_ticks_per_second": 20.0}, stream={"price_source": "chart"}) as ig,
        ig.stream() as stream,
        stream.prices(["EURUSD"]) as prices,
    ):
        got = []
        while not got or got[-1].bid != ticks[-1].bid:
            got.append(next(prices))
        counts = prices.counts[EURUSD]
        assert (counts.ticks, counts.ticks + counts.thinned) == (len(got), 200)
        assert len(got) < 100


def test_two_streams_share_one_session(sim, ig):
    """More price streams mean more subscriptions on the one connection that IG allows."""
    with ig.stream() as stream:
        streams = [stream.prices([pair]) for pair in PAIRS]
        for pair, prices in zip(PAIRS, streams, strict=True):
            assert next(prices).epic == epic_for(pair)
        assert set(stream.status().epics) == {epic_for(pair) for pair in PAIRS}
        assert sim.faults.drop_stream() == 1


def test_refused_market_is_named_and_the_others_go_on(ig):
    """One bad epic is one clear error; the good one keeps its prices."""
    with ig.stream() as stream, stream.prices([UNKNOWN, "EURUSD"]) as prices:
        with pytest.raises(SubscriptionRefused, match=rf"{UNKNOWN}.*21"):
            take(prices, SubscriptionRefused)
        assert next(prices).epic == EURUSD
        assert set(prices.refused) == {UNKNOWN}
        assert stream.status().epics == (EURUSD,)


def test_refused_market_reaches_on_event(ig):
    """With callbacks the refusal goes to on_event."""
    heard = Heard()
    with ig.stream() as stream:
        stream.prices([UNKNOWN], lambda tick: None, on_event=heard)
        (error,) = heard.wait()
    assert isinstance(error, SubscriptionRefused)
    assert error.code == 21


def test_stream_of_a_refused_market_only_ends(ig):
    """After its error the iterator stops instead of waiting for ever."""
    with ig.stream() as stream:
        prices = stream.prices([UNKNOWN])
        with pytest.raises(SubscriptionRefused):
            next(prices)
        assert list(prices) == []


def test_foreign_account_is_refused_with_its_remedy(sim):
    """A market that this account may not stream is reported as such (code -1), once."""
    with sim.client() as ig:

        def access(**options):
            return replace(ig.stream_access(**options), account_id="OTHER")

        with IGStream(access, ig.config) as stream, pytest.raises(SubscriptionRefused, match="account"):
            next(stream.prices(["EURUSD"]))


def test_prices_go_on_after_a_broken_connection(sim, ig):
    """The iterator survives; Reconnected comes between the ticks, without a gap when nothing was lost."""
    with ig.stream() as stream, stream.prices(["EURUSD"], events=True) as prices:
        take(prices, Tick)
        assert sim.faults.drop_stream() == 1
        event = take(prices, Reconnected)
        assert event.continuity == "recovered"
        assert take(prices, Tick)
        assert stream.status().reconnects == 1


def test_gap_is_told_when_the_session_had_to_be_replaced(sim, ig):
    """What cannot be recovered is a Gap of each market, before Reconnected; then the prices go on."""
    with ig.stream() as stream, stream.prices(["EURUSD", "GBPUSD"], events=True) as prices:
        while {tick.epic for tick in islice(prices, 10)} != {EURUSD, GBPUSD}:
            pass
        sim.faults.start_maintenance(for_s=0.5)  # the markets move meanwhile
        stale = take(prices, Stale)
        assert stale.line_down
        gaps = [take(prices, Gap), take(prices, Gap)]
        event = take(prices, Reconnected)
        assert {gap.epic for gap in gaps} == {EURUSD, GBPUSD}
        assert all(gap.seconds is not None and 0.0 <= gap.seconds < WAIT_S and gap.reason for gap in gaps)
        assert event.continuity == "replaced"
        assert take(prices, Tick)


def test_rebinding_at_the_servers_wish_loses_nothing(sim, ig):
    """LOOP is followed: resumed, no gap."""
    with ig.stream() as stream, stream.prices(["EURUSD"], events=True) as prices:
        take(prices, Tick)
        sim.faults.loop()
        assert take(prices, Reconnected).continuity == "resumed"
        assert take(prices, Tick)


def test_slow_reader_is_told_what_it_lost():
    """drop_oldest: the newest ticks of a full buffer remain, and UpdatesLost says how many went before them."""
    ticks, both = recorded(300), threading.Event()

    def served() -> Iterator[Tick]:
        yield ticks[0]
        both.wait(WAIT_S)
        yield from ticks[1:]

    with (
        Simulator(ticks=served(), speed="max") as sim,
        sim.client(live={"tick_buffer_size": 10}) as ig,
        ig.stream() as stream,
    ):
        done = Heard(1)
        prices = stream.prices("EURUSD", events=True)
        stream.prices("EURUSD", lambda tick: tick.bid == ticks[-1].bid and done(tick), overflow="block")
        both.set()
        done.wait()
        items = [prices.poll(WAIT_S)]
        while (item := prices.poll(0.0)) is not None:
            items.append(item)
        first, *rest = items
        assert isinstance(first, UpdatesLost)
        assert fields(rest) == fields(ticks[-10:])
        assert first.count == prices.counts[EURUSD].lost == prices.counts[EURUSD].ticks - 10


def test_slow_callback_is_told_what_it_lost():
    """A callback that holds everything up loses the oldest ticks and hears how many; nothing is lost untold."""
    ticks = recorded(6_000)
    release, last, lost = threading.Event(), threading.Event(), Heard()
    got: list[Tick] = []

    def on_tick(tick: Tick) -> None:
        release.wait(WAIT_S)
        got.append(tick)
        if tick.bid == ticks[-1].bid:
            last.set()

    with (
        Simulator(ticks=ticks, speed="max") as sim,
        sim.client(live={"tick_buffer_size": 10}) as ig,
        ig.stream() as stream,
    ):
        prices = stream.prices("EURUSD", on_tick, on_event=lost)
        assert sim.replay.wait_finished(WAIT_S)
        release.set()
        assert last.wait(WAIT_S)
        losses = [event for event in lost.wait() if isinstance(event, UpdatesLost)]
        assert len(got) + sum(loss.count for loss in losses) == 6_000
        assert prices.counts[EURUSD].lost == 6_000 - len(got)
    assert fields(got) == sorted(fields(got), key=lambda row: row[2])


def test_blocked_server_loses_nothing():
    """block: with a buffer of ten the reader still sees every tick, in order."""
    ticks = recorded(5_000)
    with (
        Simulator(ticks=ticks, speed="max") as sim,
        sim.client(live={"tick_buffer_size": 10}) as ig,
        ig.stream() as stream,
    ):
        prices = stream.prices("EURUSD", overflow="block", events=True)
        assert fields(list(islice(prices, 5_000))) == fields(ticks)
        assert sim.replay.wait_finished(WAIT_S)
        assert sim.replay.served == 5_000


def test_raising_listener_stops_nothing(ig):
    """The next tick still arrives, and the errors are counted."""
    heard = Heard(3)

    def on_tick(tick: Tick) -> None:
        heard(tick)
        raise RuntimeError("mine")

    with ig.stream() as stream:
        prices = stream.prices("EURUSD", on_tick)
        stream.on_status(lambda event: 1 / 0)
        heard.wait()
        assert prices.callback_errors >= 3 - 1


def test_rest_works_inside_a_callback_and_waiting_does_not(ig):
    """No lock is held over a callback; waiting for the stream in it is refused instead of hanging."""
    heard = Heard()

    def on_tick(tick: Tick) -> None:
        if not heard:
            try:
                stream.wait_connected(1.0)
            except UsageError as error:
                heard((ig.market(tick.epic).epic, error))

    with ig.stream() as stream:
        stream.prices("EURUSD", on_tick)
        ((epic, error),) = heard.wait()[:1]
    assert epic == EURUSD
    assert "callback" in str(error)


def test_silent_connection_is_told_as_stale():
    """A connection that says nothing at all: STALLED, and Stale for the market that had prices."""
    quiet = StreamOptions(keepalive_ms=500)
    with (
        Simulator(speed=20.0, stream_options=quiet) as sim,
        sim.client(stream={"keepalive_s": 0.5, "stall_s": 0.6}) as ig,
        ig.stream() as stream,
    ):
        states = Heard()
        stream.on_status(states)
        with stream.prices(["EURUSD"], events=True) as prices:
            take(prices, Tick)
            sim.faults.mute_stream()
            stale = take(prices, Stale)
            assert stale.epic == EURUSD
            assert take(prices, Reconnected)
            assert take(prices, Tick)
        assert ConnectionStatus.STALLED in [state.status for state in states if isinstance(state, StatusChanged)]


def test_market_without_a_first_price_is_told_as_mute():
    """A subscription that was accepted and stays silent, as MARKET items did, does not go unnoticed."""
    with (
        Simulator(ticks=iter(()), market="EURUSD") as sim,
        sim.client(live={"heartbeat_interval_s": 0.2}) as ig,
        ig.stream() as stream,
        stream.prices(["EURUSD"], events=True) as prices,
    ):
        event = prices.poll(WAIT_S)
        assert isinstance(event, Mute)
        assert event.epic == EURUSD
        assert event.seconds >= 0.2


def test_status_says_what_is_and_since_when(ig):
    """DISCONNECTED, then CONNECTED with version and time; each change is heard in order."""
    heard = Heard(2)
    with ig.stream() as stream:
        assert stream.status().status is ConnectionStatus.DISCONNECTED
        stream.on_status(heard)
        assert stream.wait_connected(WAIT_S)
        assert stream.status().status is ConnectionStatus.CONNECTED
        heard.wait()
        status = stream.status()
        assert (status.status, status.protocol_version) == (ConnectionStatus.CONNECTED, "2.4.0")
        assert status.since.tzinfo is timezone.utc
        assert [event.status for event in heard] == [ConnectionStatus.CONNECTING, ConnectionStatus.CONNECTED]


def test_refused_tokens_lead_to_one_fresh_login(sim, ig):
    """CONERR 1 means stale tokens: a new login and another attempt, and the prices come."""
    sim.faults.refuse_sessions(1, "User/password check failed")
    with ig.stream() as stream:
        before = ig.stream_access()
        assert next(stream.prices("EURUSD")).epic == EURUSD
        assert ig.stream_access().password != before.password


def test_session_refused_for_good_is_raised_from_the_iterator(sim, ig):
    """When a fresh login does not help either, reading ends with the server's error instead of waiting."""
    sim.faults.refuse_sessions(1, "User/password check failed", times=50)
    with ig.stream() as stream:
        prices = stream.prices("EURUSD")
        with pytest.raises(StreamRefused, match="User/password"):
            next(prices)
        assert list(prices) == []
        assert stream.status().status is ConnectionStatus.FAILED


def test_login_refused_later_ends_the_stream_with_the_reason(sim, ig):
    """Tokens that died and a login that is then refused: the reader gets both errors."""
    with ig.stream() as stream:
        ig.login()
        sim.faults.refuse_sessions(1, "User/password check failed")
        sim.faults.rest(401, 10, "/session", method="POST", code="error.security.invalid-details")
        prices = stream.prices("EURUSD")
        with pytest.raises(StreamRefused, match="invalid-details") as refused:
            next(prices)
        assert isinstance(refused.value.cause, AuthenticationError)


def test_wrong_password_is_the_callers_to_see(sim):
    """A login that IG refuses is raised where prices were asked for."""
    with (
        sim.client(password="wrong") as ig,  # not a secret: it is wrong
        ig.stream() as stream,
        pytest.raises(AuthenticationError, match=r"invalid-details|password"),
    ):
        stream.prices("EURUSD")


def test_forty_first_item_is_refused_locally(sim):
    """IG allows 40 on a connection: no request is made for more, and a closed stream makes room."""
    with sim.client(limits={"subscriptions": 3}) as ig, ig.stream() as stream:
        prices = stream.prices(["EURUSD", "GBPUSD"])
        with pytest.raises(UsageError, match=r"4 subscriptions.*3"):
            stream.prices(["USDJPY", "AUDUSD"])
        prices.close()
        assert stream.prices(["USDJPY", "AUDUSD", "USDCAD"])


def test_default_limit_is_forty(ig):
    """Without a setting of its own the limit is IG's."""
    with ig.stream() as stream, pytest.raises(UsageError, match="40"):
        stream.prices([f"CS.D.NAME{number}.MINI.IP" for number in range(41)])


@pytest.mark.parametrize("markets", [[], (), iter([])])
def test_no_market_is_refused(ig, markets):
    """An empty list is a mistake, not a stream that never speaks."""
    with ig.stream() as stream, pytest.raises(ValueError, match="at least one"):
        stream.prices(markets)


def test_unknown_overflow_is_refused(ig):
    """The two rules are named."""
    with ig.stream() as stream, pytest.raises(ValueError, match="drop_oldest"):
        stream.prices("EURUSD", overflow="drop_newest")


def test_stream_that_was_never_used_closes(ig):
    """close() before anything happened is nothing special, nor is the second one."""
    stream = ig.stream()
    stream.close()
    stream.close()
    with pytest.raises(UsageError, match="closed"):
        stream.prices("EURUSD")


@pytest.mark.parametrize("closer", ["prices", "stream", "client"])
def test_close_ends_a_waiting_iterator(closer):
    """Closing stream or client, from any thread, wakes a waiting reader."""
    with Simulator(ticks=iter(()), market="EURUSD") as sim, sim.client() as ig, ig.stream() as stream:
        prices = stream.prices(["EURUSD"])
        assert stream.wait_connected(WAIT_S)
        read: list[object] = []
        reader = threading.Thread(target=lambda: read.append(list(prices)), name="reader")
        reader.start()
        {"prices": prices, "stream": stream, "client": ig}[closer].close()
        reader.join(WAIT_S)
        assert read == [[]]


def test_close_while_the_server_is_held_up():
    """A dispatch thread that waits for room in a full buffer does not keep close() waiting."""
    with Simulator(ticks=recorded(2_000), speed="max") as sim, sim.client(live={"tick_buffer_size": 1}) as ig:
        stream = ig.stream()
        prices = stream.prices("EURUSD", overflow="block")
        assert prices.poll(WAIT_S)
        stream.close(timeout=WAIT_S)
        assert list(prices) == []


def test_close_while_connecting(sim):
    """A server that takes the connection and says nothing does not keep close() waiting."""
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        with sim.client(stream_url=url) as ig, ig.stream() as stream:
            prices = stream.prices("EURUSD")
            assert stream.status().status is not ConnectionStatus.CONNECTED
            stream.close(timeout=2.0)
            assert list(prices) == []


def test_close_from_a_callback(ig):
    """A callback may close the stream that called it; nothing follows."""
    stream = ig.stream()
    heard = Heard()

    def on_tick(tick: Tick) -> None:
        stream.close()
        heard(tick)

    stream.prices("EURUSD", on_tick)
    heard.wait()
    stream.close()
    assert len(heard) == 1


def test_simulator_gone_in_the_middle(sim, ig):
    """The stream says so, tries again, and closes in time all the same."""
    lost = threading.Event()
    with ig.stream() as stream:
        stream.on_status(lambda event: event.status is ConnectionStatus.RECONNECTING and lost.set())
        prices = stream.prices("EURUSD")
        assert next(prices)
        sim.close()
        assert lost.wait(WAIT_S)
        assert stream.status().status is ConnectionStatus.RECONNECTING
        assert stream.status().reason
    assert list(prices) == []
