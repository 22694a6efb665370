"""A process that was forked off while a client was open: nothing of it crosses over."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import select
import signal
import socket
import threading
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest

from ig_sdk import IGClient, UsageError
from ig_sdk.clock import SystemClock
from ig_sdk.lightstreamer import LightstreamerClient, Subscription
from ig_sdk.rest.http.transport import Request, RequestsTransport, Timeout
from ig_sdk.simulator import Simulator

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")

EPIC = "CS.D.EURUSD.MINI.IP"
ROUNDS = 40
# What a child may need at most; none waits this long when all is well.
PATIENCE_S = 30.0


running: set[int] = set()


@pytest.fixture(autouse=True)
def no_child_outlives_its_test() -> Iterator[None]:
    """Children of a test that failed are ended."""
    yield
    while running:
        pid = running.pop()
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


@dataclass
class Child:
    """A forked process that does one thing and reports it."""

    pid: int
    pipe: int

    def result(self) -> Any:
        """What it returned; an error when it hangs."""
        if not select.select([self.pipe], [], [], PATIENCE_S)[0]:
            os.kill(self.pid, signal.SIGKILL)
        with os.fdopen(self.pipe, "rb") as reader:
            text = reader.read()
        os.waitpid(self.pid, 0)
        running.discard(self.pid)
        assert text, "the child hung"
        return json.loads(text)


def fork(work: Callable[[], Any]) -> Child:
    """Do ``work`` in a forked child."""
    reader, writer = os.pipe()
    with warnings.catch_warnings():
        # Python 3.12 warns of threads at a fork: they are what these tests are about.
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid:
        os.close(writer)
        running.add(pid)
        return Child(pid, reader)
    # The files of pytest's own handlers may be locked for ever: a thread was writing. Those of ig_sdk are not.
    logging.getLogger().handlers.clear()
    try:
        done = json.dumps(work())
    except BaseException as error:  # noqa: BLE001 -- it is the parent's test that fails
        done = json.dumps(f"{type(error).__name__}: {error}")
    os.write(writer, done.encode())
    os._exit(0)  # no clean-up: pytest is the parent's


def outcomes(calls: dict[str, Callable[[], Any]]) -> dict[str, str]:
    """Make each call; return the class of its error, or what it returned."""
    told = {}
    for name, call in calls.items():
        try:
            told[name] = repr(call())
        except Exception as error:  # noqa: BLE001 -- which one is the question
            told[name] = type(error).__name__
    return told


@pytest.fixture
def sim() -> Iterator[Simulator]:
    """A simulator that asks for no patience."""
    with Simulator(allowances=None, confirm_delay_s=0.0) as simulator:
        yield simulator


@contextlib.contextmanager
def busy(*works: Callable[[], Any]) -> Iterator[list[BaseException]]:
    """Repeat each work on a thread of its own meanwhile; yields what went wrong."""
    stop, wrong = threading.Event(), list[BaseException]()

    def repeat(work: Callable[[], Any]) -> None:
        try:
            while not stop.is_set():
                work()
        except BaseException as error:  # noqa: BLE001 -- for the test to see
            wrong.append(error)

    threads = [threading.Thread(target=repeat, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    try:
        yield wrong
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def rest_calls(ig: IGClient) -> dict[str, Callable[[], Any]]:
    """Calls of every part of a client."""
    return {
        "login": ig.login,
        "logout": ig.logout,
        "market": lambda: ig.market("EURUSD"),
        "quote": lambda: ig.markets.quote(EPIC),
        "accounts": ig.accounts.list,
        "session": ig.session.get,
        "switch": lambda: ig.session.switch("CFD"),
        "positions": ig.positions.list,
        "open": lambda: ig.positions.open("EURUSD", "BUY", 1),
        "amend": lambda: ig.positions.amend("DIAAA", stop=None),
        "close": lambda: ig.positions.close("DIAAA"),
        "close_all": ig.positions.close_all,
        "order": lambda: ig.orders.create("EURUSD", "BUY", 1, level=1),
        "cancel": lambda: ig.orders.cancel("DIAAA"),
        "orders": ig.orders.list,
        "confirm": lambda: ig.confirms.get("REF"),
        "prices": lambda: ig.history.prices("EURUSD", "1h", points=2),
        "plan": lambda: ig.history.plan("EURUSD", "1h", points=2),
        "points": lambda: ig.history.allowance,
        "activity": ig.history.activity,
        "watchlists": ig.watchlists.list,
        "sentiment": lambda: ig.sentiment.get("EURUSD"),
        "applications": ig.applications.list,
        "allowances": lambda: ig.allowances,
        "stream": ig.stream,
        "stream_access": ig.stream_access,
    }


def test_no_call_of_the_child_uses_what_is_the_parents(sim):
    """While two threads of the parent call, every call in every child is a UsageError, and no answer goes astray."""
    with sim.client() as ig:
        accounts, name = repr(ig.accounts.list()), ig.market("EURUSD").name
        seen: list[bool] = []
        works = (
            lambda: seen.append(ig.market("EURUSD").name == name),
            lambda: seen.append(len(repr(ig.accounts.list())) > len(accounts) // 2),
        )
        calls = rest_calls(ig)
        with busy(*works) as wrong:
            told = [fork(lambda: outcomes(calls)).result() for _ in range(ROUNDS)]
        assert not wrong
        assert all(seen)
    assert {kind for each in told for kind in each.values()} == {"UsageError"}
    assert len(sim.requests("POST", "/session")) == 1


def test_a_lock_that_was_held_at_the_fork_blocks_no_child(sim, tmp_path):
    """Whatever lock another thread held at the fork: the child's calls, ``repr`` and ``close`` come back."""
    with sim.client(history={"cache": str(tmp_path / "prices.db")}) as ig:
        ig.login()
        stream = ig.stream()
        prices = stream.prices(EPIC)
        assert prices.poll(PATIENCE_S)
        held = [
            ig._lock,
            ig._auth._lock,
            ig._throttle._lock,
            ig._prices._lock,
            ig._prices._cache._file._lock,
            ig._dealing._lock,
            ig._transport._lock,
            stream._lock,
            stream._line._lock,
            stream._line._turn,
            stream._line._client._engine._lock,
            prices._reader._buffer._lock,
        ]
        calls = rest_calls(ig) | {
            "next": lambda: next(prices),
            "poll": lambda: prices.poll(1.0),
            "subscribe": lambda: stream.prices("GBPUSD"),
            "wait": lambda: stream.wait_connected(1.0),
            "status": stream.status,
            "on_status": lambda: stream.on_status(print),
        }
        silent = {"repr": ig, "stream": stream, "prices": prices}
        with contextlib.ExitStack() as locks:
            for lock in held:
                locks.enter_context(lock)
            child = fork(
                lambda: [
                    outcomes(calls),
                    {name: repr(each) for name, each in silent.items()},
                    [each.close() for each in (prices, stream, ig)],
                ]
            )
        told, shown, closed = child.result()
        assert set(told.values()) == {"UsageError"}
        assert all("another process" in text for text in shown.values())
        assert closed == [None] * 3
        assert prices.poll(PATIENCE_S), "the parent's stream goes on"
        assert ig.accounts.list()


def test_the_childs_goodbye_is_not_the_parents(sim):
    """A child that leaves the parent's ``with`` blocks logs nobody out, ends no simulator and no stream."""
    with sim.client() as ig, ig.stream() as stream, stream.prices(EPIC) as prices:
        assert prices.poll(PATIENCE_S)

        def leave() -> str:
            with sim, ig, stream, prices:
                pass
            ig.close()
            sim.close()
            return "left"

        def quietly() -> str:
            # ``with sim`` starts it, which a child must not; the rest of the blocks is left in silence.
            with ig, stream, prices:
                pass
            sim.close()
            return "left"

        assert str(fork(leave).result()).startswith("UsageError")
        assert [fork(quietly).result() for _ in range(5)] == ["left"] * 5
        assert not sim.requests("DELETE", "/session")
        assert ig.accounts.list()
        assert prices.poll(PATIENCE_S)
        assert len(sim.requests("POST", "/session")) == 1


def test_deals_of_parent_and_child_are_each_ones_own(sim):
    """Both deal at once, the child with a client of its own: each verdict is of its own size, and no deal goes twice."""
    config = sim.config()
    with sim.client() as ig:
        ig.login()
        before = Counter(position.size for position in ig.positions.list())
        parents: list[tuple[Decimal, Decimal | None]] = []
        sizes = (Decimal(1) + Decimal(number) / 100 for number in range(10_000))

        def deal() -> None:
            size = next(sizes)
            opened = ig.positions.open("EURUSD", "BUY", size, force_open=True)
            parents.append((size, opened.size))
            closed = ig.positions.close(opened.deal_id)  # the money is to last
            assert closed.size == size

        def own(number: int) -> list[Any]:
            stranger = outcomes({"open": lambda: ig.positions.open("EURUSD", "BUY", 900)})
            mine = IGClient(config)
            size = Decimal(2) + Decimal(number) / 10
            with mine:
                told = [str(mine.positions.open("EURUSD", "SELL", size, force_open=True).size)]
            return [stranger["open"], str(size), told]

        deal()  # what a thread imports at the moment of a fork stays locked in the child: Python's own limit
        with busy(deal) as wrong:
            children = [fork(lambda number=number: own(number)) for number in range(8)]
            reports = [child.result() for child in children]
        assert not wrong
        assert [report for report in reports if isinstance(report, str)] == []
        assert [report[0] for report in reports] == ["UsageError"] * 8
        assert all([Decimal(told) for told in report[2]] == [Decimal(report[1])] for report in reports), reports
        assert parents
        assert all(asked == told for asked, told in parents)
        booked = Counter(position.size for position in ig.positions.list())
    booked.subtract(before)
    assert +booked == Counter({Decimal(2) + Decimal(number) / 10: 1 for number in range(8)})


def test_a_fork_in_the_middle_of_a_request(sim):
    """A child forked while a request of another thread is on its way hears a UsageError; the parent gets its answer."""
    with sim.client() as ig:
        ig.login()
        sim.faults.rest(None, path="/accounts", delay_s=0.5)
        answers: list[Any] = []
        thread = threading.Thread(target=lambda: answers.append(ig.accounts.list()))
        thread.start()
        while not ig._transport._flights:
            assert thread.is_alive()
        child = fork(lambda: [outcomes({"accounts": ig.accounts.list, "quote": lambda: ig.markets.quote(EPIC)})])
        assert set(child.result()[0].values()) == {"UsageError"}
        thread.join()
        assert answers
        assert ig.accounts.list() == answers[0]


def test_a_transport_of_its_own_does_not_cross(sim):
    """A bare transport says UsageError in the child; ``abort`` and ``close`` there leave the parent's connection alone."""
    transport = RequestsTransport()
    request, timeout = Request("GET", f"{sim.rest_url}/session"), Timeout(5.0, 5.0)
    transport.send(request, timeout=timeout)

    def work() -> list[Any]:
        transport.abort()
        transport.close()
        return [outcomes({"send": lambda: transport.send(request, timeout=timeout)})]

    assert fork(work).result() == [{"send": "UsageError"}]
    assert transport.send(request, timeout=timeout).status == 400
    transport.close()


def test_a_lightstreamer_client_does_not_cross(sim):
    """Every call of a client of any Lightstreamer server is a UsageError in the child, also a forgotten iterator's."""
    with sim.client() as ig:
        access = ig.stream_access()
        subscription = Subscription(
            "MERGE", [f"PRICE:{access.account_id}:{EPIC}"], ["BIDPRICE1"], data_adapter="Pricing"
        )
        with LightstreamerClient(access.endpoint, user=access.user, password=access.password) as client:
            updates = subscription.updates(timeout=PATIENCE_S)
            client.subscribe(subscription)
            assert next(updates)
            calls: dict[str, Callable[[], Any]] = {
                "next": lambda: next(updates),
                "connect": client.connect,
                "wait": lambda: client.wait_connected(1.0),
                "subscribe": lambda: client.subscribe(Subscription("MERGE", ["other"], ["OFFER"])),
                "unsubscribe": lambda: client.unsubscribe(subscription),
                "message": lambda: client.send_message("hello", timeout=None),
            }
            told, closed = fork(lambda: [outcomes(calls), client.close()]).result()
            assert set(told.values()) == {"UsageError"}
            assert closed is None
            assert next(updates), "the parent's goes on"


def test_a_simulator_ends_although_a_child_lives(sim):
    """The parent's simulator ends at once, and its ports are free, while a forked child with its copies lives on."""
    reader, writer = os.pipe()
    with sim.client() as ig, ig.stream().prices(EPIC) as prices:
        assert prices.poll(PATIENCE_S)
        child = fork(lambda: [os.read(reader, 1).decode(), outcomes({"start": sim.start})])
    clock = SystemClock()
    began, port = clock.monotonic(), int(sim.rest_url.rpartition(":")[2].partition("/")[0])
    sim.close()
    assert clock.monotonic() - began < 3.0
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), 5.0).close()
    os.write(writer, b"x")
    told = child.result()
    assert told == ["x", {"start": "UsageError"}]
    os.close(reader)
    os.close(writer)


def test_a_child_can_write_the_log_files(sim, tmp_path):
    """No thread is in the middle of a line at the fork: every child writes to the parent's log files and ends."""
    config = sim.config()
    with sim.client(logging={"directory": str(tmp_path), "level": "DEBUG"}) as ig:

        def work() -> str:
            with IGClient(config) as mine:
                return mine.market("EURUSD").name

        with busy(ig.accounts.list, lambda: ig.market("EURUSD")) as wrong:
            names = {fork(work).result() for _ in range(ROUNDS)}
        assert names == {ig.market("EURUSD").name}
        assert not wrong


def test_the_error_says_what_to_do(sim):
    """It names both processes and says where to make the client instead."""
    with sim.client() as ig:
        ig.login()
        parent = os.getpid()

        def work() -> list[str | None]:
            try:
                ig.accounts.list()
            except UsageError as error:
                return [str(error), error.hint, str(os.getpid())]
            return []

        text, hint, pid = fork(work).result()
    assert f"belongs to process {parent}" in text
    assert f"process {pid}" in text
    assert "after the fork" in hint
