"""IGClient against the simulator, on real sockets."""

from __future__ import annotations

import dataclasses
import logging
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from ig_sdk.client import IGClient
from ig_sdk.clock import ManualClock, SystemClock
from ig_sdk.config import IGConfig
from ig_sdk.errors import (
    AuthenticationError,
    BrokerUnavailable,
    ConnectFailed,
    ConnectionLost,
    IGError,
    NotFound,
    PermissionDenied,
    RateLimited,
    RequestTimeout,
    TransportError,
)
from ig_sdk.simulator import Allowances, Simulator
from ig_sdk.types import PAIRS

QUICK = {"initial_delay_s": 0.01, "max_delay_s": 0.02}


@pytest.fixture
def sim() -> Iterator[Simulator]:
    """A running simulator."""
    with Simulator() as simulator:
        yield simulator


@pytest.fixture
def ig(sim: Simulator) -> Iterator[IGClient]:
    """A client of it that does not wait long between attempts."""
    with sim.client(reconnect=QUICK) as client:
        yield client


class Requests(logging.Handler):
    """Counts the requests that clients log."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())

    def count(self, start: str) -> int:
        return sum(message.startswith(start) and ": HTTP " in message for message in self.messages)


@pytest.fixture
def requests_sent() -> Iterator[Requests]:
    """Every request that a client sends during the test."""
    logger, handler = logging.getLogger("ig_sdk.rest"), Requests()
    before = logger.level
    logger.setLevel(logging.DEBUG)
    logger.addHandler(handler)
    yield handler
    logger.removeHandler(handler)
    logger.setLevel(before)


def test_a_session_from_login_to_logout(sim: Simulator, requests_sent: Requests) -> None:
    """Login, details, markets, price, search, logout, over one connection's worth of calls."""
    with sim.client() as ig:
        login = ig.login()
        assert login.current_account_id == sim.credentials.account_id
        assert login.lightstreamer_endpoint == sim.stream_url
        assert ig.session.get().account_id == sim.credentials.account_id
        assert [account.preferred for account in ig.session.accounts].count(True) == 1
        market = ig.market("EURUSD")
        assert market.epic == "CS.D.EURUSD.MINI.IP"
        tick = market.quote()
        assert (tick.epic, tick.source) == (market.epic, "poll")
        assert 0 < tick.bid <= tick.offer
        assert abs((tick.received_at - tick.time).total_seconds()) < 3
        assert ig.markets.search("EUR/USD")
        ig.logout()
        ig.logout()
    assert requests_sent.count("POST /session") == 1
    assert requests_sent.count("DELETE /session") == 1


@pytest.mark.parametrize("pair", PAIRS)
def test_the_five_pairs_by_name(ig: IGClient, pair: str) -> None:
    """Each pair is found by its name."""
    assert ig.market(pair).instrument.epic == f"CS.D.{pair}.MINI.IP"


def test_several_markets_come_in_the_order_asked(ig: IGClient, requests_sent: Requests) -> None:
    """list() keeps the order, takes names and epics, and sends one request."""
    epics = ["USDJPY", "CS.D.EURUSD.CFD.IP", "AUDUSD", "USDJPY"]
    found = [market.instrument.epic for market in ig.markets.list(epics)]
    assert found == ["CS.D.USDJPY.MINI.IP", "CS.D.EURUSD.CFD.IP", "CS.D.AUDUSD.MINI.IP"]
    assert requests_sent.count("GET /markets") == 1


def test_a_wrong_password(sim: Simulator, requests_sent: Requests) -> None:
    """It is refused once, with what to do, and without the password."""
    with sim.client(password="canary7f3a") as ig, pytest.raises(AuthenticationError) as excinfo:
        ig.login()
    assert excinfo.value.code == "error.security.invalid-details"
    assert "password" in (excinfo.value.hint or "")
    assert "canary" not in str(excinfo.value) + repr(excinfo.value)
    assert requests_sent.count("POST /session") == 1


def test_a_wrong_key(sim: Simulator) -> None:
    """A key that IG does not know is another error, with another remedy."""
    with sim.client(api_key="canary7f3a") as ig, pytest.raises(PermissionDenied) as excinfo:
        ig.login()
    assert excinfo.value.code == "error.security.api-key-invalid"
    assert "canary" not in str(excinfo.value)


@pytest.mark.parametrize("epic", ["CS.D.NOSUCH.MINI.IP", "CS.D.EURUSD.MINI.IP.X"])
def test_an_unknown_market(ig: IGClient, epic: str) -> None:
    """It is NotFound, wherever it is asked for, and the hint leads to the search."""
    for call in (ig.market, ig.markets.get, lambda name: ig.markets.list(["EURUSD", name])):
        with pytest.raises(NotFound, match="search"):
            call(epic)
    assert ig.markets.search("no such market anywhere") == []


def test_expired_tokens_lead_to_one_new_login(requests_sent: Requests) -> None:
    """Many threads that meet dead tokens log in once between them, and all get their answer."""
    clock = ManualClock()
    with Simulator(session_lifetime_s=60, clock=clock, allowances=None) as sim, sim.client(reconnect=QUICK) as ig:
        ig.login()
        clock.advance(61)
        with ThreadPoolExecutor(16, "test-caller") as pool:
            answers = list(pool.map(lambda _number: ig.session.get(), range(32)))
        assert {answer.account_id for answer in answers} == {sim.credentials.account_id}
    assert requests_sent.count("POST /session: HTTP 200") == 2


def test_switching_accounts(ig: IGClient, sim: Simulator) -> None:
    """After a switch the session, the stream access and a later login are on the other account."""
    other = next(each for each in ig.session.accounts if each.account_id != sim.credentials.account_id)
    assert other.account_id
    ig.session.switch(other.account_id)
    assert ig.session.get().account_id == other.account_id
    assert ig.stream_access().user == other.account_id
    ig.logout()
    assert ig.session.get().account_id == other.account_id
    assert other.account_id in repr(ig)


def test_stream_access_is_what_the_stream_takes(ig: IGClient, sim: Simulator) -> None:
    """User and password open a stream; a fresh one does too."""
    access = ig.stream_access(timeout=5)
    assert sim.sessions.authenticate(access.user, access.password)
    fresh = ig.stream_access(timeout=5, fresh=True)
    assert fresh.password != access.password
    assert sim.sessions.authenticate(fresh.user, fresh.password)


def test_a_service_that_fails_twice(ig: IGClient, sim: Simulator, requests_sent: Requests) -> None:
    """503 for a while is waited out."""
    ig.login()
    sim.faults.rest(status=503, times=2, path="/markets")
    assert ig.markets.get("EURUSD").snapshot.bid
    assert requests_sent.count("GET /markets") == 3


def test_a_service_that_stays_down(sim: Simulator) -> None:
    """After the last attempt the failure is raised as it is."""
    with sim.client(reconnect={**QUICK, "max_retries": 2}) as ig:
        ig.login()
        sim.faults.rest(status=500, times=99, path="/markets", code="system.error")
        with pytest.raises(BrokerUnavailable, match="server failure"):
            ig.market("EURUSD")


def test_an_answer_that_never_comes_whole(ig: IGClient, sim: Simulator) -> None:
    """A connection dropped without an answer is tried again for a read."""
    ig.login()
    sim.faults.rest(times=2, path="/session", method="GET", drop=True)
    assert ig.session.get().account_id


def test_a_slow_service_and_a_timeout(ig: IGClient, sim: Simulator) -> None:
    """timeout= bounds the whole call."""
    ig.login()
    sim.faults.rest(status=None, times=1, path="/markets", delay_s=3)
    with pytest.raises(RequestTimeout):
        ig.markets.get("EURUSD", timeout=0.2)


def test_rate_limits_say_which(requests_sent: Requests) -> None:
    """IG's 403 for a spent allowance is RateLimited, not a lost permission, when there is no time to wait it out."""
    own = {"non_trading_per_minute": 100, "trading_per_minute": 100}  # more than IG allows, which is then not asked
    with (
        Simulator(allowances=Allowances(per_key=1000, per_account=2)) as sim,
        sim.client(reconnect=QUICK, limits=own) as ig,
    ):
        ig.login()
        ig.session.get()
        ig.session.get()
        for _ in range(3):
            with pytest.raises(RateLimited) as excinfo:
                ig.session.get(timeout=5)
            assert excinfo.value.allowance == "account"
        assert ig.allowances.account.refusals == 1
        refused = [message for message in requests_sent.messages if ": HTTP 403 in" in message]
        assert len(refused) == 1


def test_the_server_goes_in_the_middle(sim: Simulator) -> None:
    """A broker that is gone is ConnectFailed or ConnectionLost, and close() does not mind."""
    with sim.client(reconnect={**QUICK, "max_retries": 1}) as ig:
        ig.login()
        sim.close()
        with pytest.raises(TransportError) as excinfo:
            ig.session.get()
        assert isinstance(excinfo.value, (ConnectFailed, ConnectionLost))


class Noticing(SystemClock):
    """A clock that tells when somebody begins a wait of 30 s."""

    def __init__(self) -> None:
        self.noticed = threading.Event()

    def wait(self, event: threading.Event, timeout: float) -> bool:
        if timeout == 30:
            self.noticed.set()
        return super().wait(event, timeout)


def test_close_during_a_request() -> None:
    """A call that waits for its answer fails at once when another thread closes the client."""
    clock = Noticing()
    with Simulator(clock=clock) as sim, ThreadPoolExecutor(1, "test-caller") as pool:
        ig = sim.client()
        ig.login()
        sim.faults.rest(status=None, times=1, path="/markets", delay_s=30)
        call = pool.submit(ig.markets.get, "EURUSD")
        assert clock.noticed.wait(5)
        ig.close(timeout=2)
        assert isinstance(call.exception(5), ConnectionLost)


def test_close_during_the_login() -> None:
    """Closing wakes the thread that logs in, and those that wait for it."""
    clock = Noticing()
    with Simulator(clock=clock) as sim, ThreadPoolExecutor(4, "test-caller") as pool:
        ig = sim.client()
        sim.faults.rest(status=None, times=1, path="/session", delay_s=30)
        calls = [pool.submit(ig.session.get) for _ in range(4)]
        assert clock.noticed.wait(5)
        ig.close(timeout=2)
        assert all(isinstance(call.exception(5), IGError) for call in calls)


def test_close_during_the_pause_between_attempts(sim: Simulator) -> None:
    """A call that waits for its next attempt fails at once."""
    ig = sim.client(reconnect={"initial_delay_s": 3600, "max_delay_s": 3600})
    ig.login()
    sim.faults.rest(status=503, times=99, path="/markets")
    waiting = threading.Event()
    handler = Requests()
    handler.emit = lambda record: waiting.set() if "retry with backoff" in record.getMessage() else None  # type: ignore[method-assign]
    logger = logging.getLogger("ig_sdk.rest")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        with ThreadPoolExecutor(1, "test-caller") as pool:
            call = pool.submit(ig.market, "EURUSD")
            assert waiting.wait(5)
            ig.close()
            assert isinstance(call.exception(5), BrokerUnavailable)
    finally:
        logger.removeHandler(handler)
        logger.setLevel(logging.NOTSET)


def test_the_simulator_environment_runs_by_itself() -> None:
    """environment="simulator" without an address starts a simulator with the first call; close() ends it."""
    with IGClient(IGConfig.load("no such folder", {"IG_LAYER": "test"}, simulator={"seed": 3})) as ig:
        assert repr(ig) == "<IGClient SIMULATOR not logged in>"
        assert ig.market("EURUSD").quote().bid > 0
        assert ig.config.base_url is None
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("ig-sim")]


def test_many_threads_start_one_simulator() -> None:
    """However many threads call first, one simulator runs."""
    with IGClient(IGConfig.simulator()) as ig, ThreadPoolExecutor(8, "test-caller") as pool:
        assert len(set(pool.map(lambda _number: ig.stream_access().endpoint, range(16)))) == 1


def test_closing_the_client_ends_its_streams(sim: Simulator) -> None:
    """A stream that is still open ends with the client; its threads are gone."""
    with sim.client() as ig:
        stream = ig.stream()
        prices = stream.prices(["EURUSD"])
        assert next(iter(prices)).epic == "CS.D.EURUSD.MINI.IP"
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("ig-stream")]


def test_a_running_simulator_is_joined(sim: Simulator) -> None:
    """With an address the client starts none of its own."""
    config = sim.config()
    before = threading.active_count()
    with IGClient(config) as ig:
        ig.login()
        assert not [thread for thread in threading.enumerate() if thread.name == "ig-sim-feed"][1:]
    assert dataclasses.replace(config, read_timeout_s=1).base_url == sim.rest_url
    assert threading.active_count() <= before + 2


def test_no_secret_reaches_the_log(sim: Simulator, caplog: pytest.LogCaptureFixture) -> None:
    """With every logger at DEBUG, neither credentials nor tokens are written."""
    with caplog.at_level(logging.DEBUG), sim.client(reconnect=QUICK) as ig:
        access = ig.stream_access()
        sim.faults.rest(status=503, times=1)
        ig.market("EURUSD")
    tokens = [half.partition("-")[2] for half in access.password.split("|")]
    for secret in (sim.credentials.password, sim.credentials.api_key, *tokens):
        assert secret not in caplog.text
