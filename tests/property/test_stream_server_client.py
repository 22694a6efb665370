"""Our client session against our server session, without sockets: whatever the network does, no update is lost unsaid.

The network may deliver any number of lines at a time, break with lines on the way, stay mute, and let time jump; the
server may send LOOP or end the session at any moment. The invariants: every update of an item comes once and in order,
unless the client said before that its session was replaced; no input raises; no deadline stays in the past.
"""

from __future__ import annotations

from collections import defaultdict, deque
from random import Random

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from ig_sdk.lightstreamer.tlcp.actions import Connect, Disconnect, Send
from ig_sdk.lightstreamer.tlcp.codec.requests import encode_http, encode_ws
from ig_sdk.lightstreamer.tlcp.events import ConnectionStatus, ItemUpdatesLost, StatusChanged
from ig_sdk.lightstreamer.tlcp.session import Session, SessionOptions, SubscriptionSpec
from ig_sdk.lightstreamer.tlcp.updates import ItemUpdate
from ig_sdk.simulator.stream.core.connection import StreamConnection
from ig_sdk.simulator.stream.core.options import StreamOptions
from ig_sdk.simulator.stream.core.requests import read_body
from ig_sdk.simulator.stream.core.session_table import SessionTable
from ig_sdk.simulator.stream.items.open_items import OpenItems

ITEMS = ("a", "b")


class Link:
    """The stream connection as the network sees it."""

    def __init__(self, connection: StreamConnection) -> None:
        self.connection = connection
        self.ended = False


class Machine(RuleBasedStateMachine):
    """A client, a server and a network between them."""

    transport = "ws"

    def __init__(self) -> None:
        super().__init__()
        self.now = 100.0
        # After many failures the client stays away between polls for up to its longest delay.
        options = StreamOptions(polling_tolerance_s=60.0)
        self.table = SessionTable(OpenItems(), lambda *_: True, options, random=Random(7))
        self.client = Session(
            SessionOptions(address="http://127.0.0.1:80", versions=("2.4.0",), transports=(self.transport,)),
            random=lambda: 0.5,
        )
        self.link: Link | None = None
        self.mute = False
        self.refuse = 0
        self.answers: deque[StreamConnection] = deque()
        self.posted: dict[str, int] = defaultdict(int)
        self.seen: dict[str, int] = {}
        self.forgiven: set[str] = set(ITEMS)
        self.items: dict[int, str] = {}
        self.statuses: list[StatusChanged] = []

    # ---- the shell of the client

    def settle(self) -> None:
        """Carry out what the client wants until it wants nothing more."""
        for _ in range(100):
            actions = self.client.take_actions()
            self.hear(self.client.take_events())
            if not actions:
                return
            for action in actions:
                self.carry_out(action)
        raise AssertionError("the client never comes to rest")

    def carry_out(self, action: object) -> None:
        if isinstance(action, Disconnect):
            self.hang_up()
        elif isinstance(action, Connect):
            assert action.transport == self.transport
            self.hang_up()
            if self.refuse:
                self.refuse -= 1
                self.client.lost(self.now, "refused")
            else:
                kind = "ws" if self.transport == "ws" else "http"
                self.link = Link(StreamConnection(kind, action.version))
                self.mute = False
                self.client.opened(self.now, "user", "password")
        elif isinstance(action, Send):
            self.send(action)

    def send(self, action: Send) -> None:
        if self.transport == "ws":
            assert self.link is not None, "a request without a connection"
            self.table.receive(self.link.connection, encode_ws(action.request), self.now)
            return
        _, body = encode_http(action.request, "2.4.0", action.session_id)
        if action.stream:
            assert self.link is not None, "a request without a connection"
            connection = self.link.connection
        else:  # has one of its own, also between two binds of the session
            connection = StreamConnection("http", "2.4.0", default_session=action.session_id)
            self.answers.append(connection)
        self.table.apply(connection, self.table.prepare(read_body(action.request.name, body)), self.now)

    def hang_up(self) -> None:
        if self.link is not None:
            self.table.lost(self.link.connection, self.now)
            self.link.connection.abort()
            self.link = None

    def hear(self, events: list[object]) -> None:
        for event in events:
            if isinstance(event, StatusChanged):
                self.statuses.append(event)
                if event.continuity in ("new", "replaced"):
                    self.forgiven = set(ITEMS)
            elif isinstance(event, ItemUpdatesLost):
                self.forgiven.add(self.items[event.subscription_id])
            elif isinstance(event, ItemUpdate):
                self.check(event)

    def check(self, update: ItemUpdate) -> None:
        item, number = update.item, int(update["number"])
        assert item is not None
        assert update["text"] == f"text {number}"
        last = self.seen.get(item, 0)
        if item in self.forgiven:
            assert number >= last, f"{item}: {number} after {last}"
            self.forgiven.discard(item)
        else:
            assert number == last + 1, f"{item}: {number} after {last}"
        self.seen[item] = number

    # ---- what happens

    @initialize()
    def begin(self) -> None:
        self.client.connect(self.now)
        for item, mode in zip(ITEMS, ("MERGE", "DISTINCT"), strict=True):
            spec = SubscriptionSpec(mode=mode, items=(item,), fields=("number", "text", "same"), snapshot=False)
            self.items[self.client.subscribe(spec, self.now)] = item
        self.settle()

    @rule(item=st.sampled_from(ITEMS), count=st.integers(1, 5))
    def post(self, item: str, count: int) -> None:
        for _ in range(count):
            number = self.posted[item] = self.posted[item] + 1
            row = {"number": str(number), "text": f"text {number}", "same": "x"}
            self.table.feeds.post(item, row, self.now)

    @rule(count=st.integers(1, 6))
    def deliver(self, count: int) -> None:
        """Some lines arrive."""
        if self.link is not None and not self.mute:
            lines = self.link.connection.take(count)
            self.table.drained(self.link.connection, self.now)
            if lines:
                self.client.receive("\r\n".join(lines) + "\r\n", self.now)
                self.settle()
        link = self.link
        if link is not None and not self.mute and link.connection.closing and not link.connection.lines:
            self.link = None
            self.client.lost(self.now, "closed by the server")
            self.settle()

    @rule()
    def answer(self) -> None:
        """The answer to an HTTP control request arrives."""
        if self.answers:
            connection = self.answers.popleft()
            lines = connection.take(100)
            self.client.answered("\r\n".join(lines) + "\r\n", self.now)
            self.settle()

    @rule(on_the_way=st.integers(0, 6), noticed_by_server=st.booleans())
    def break_connection(self, on_the_way: int, noticed_by_server: bool) -> None:
        """The connection breaks; lines on the way are gone; the server may notice later or never."""
        if self.link is None:
            return
        link, self.link = self.link, None
        link.connection.take(on_the_way)
        if noticed_by_server:
            self.table.lost(link.connection, self.now)
            link.connection.abort()
        self.client.lost(self.now, "broken")
        self.settle()

    @rule()
    def close_politely(self) -> None:
        """The server closes the connection with a close frame, behind what it has written."""
        if self.link is not None:
            self.table.lost(self.link.connection, self.now)
            self.link.connection.close()

    @rule()
    def go_mute(self) -> None:
        """Nothing arrives any more, although the connection stands."""
        self.mute = True

    @rule(times=st.integers(1, 3))
    def refuse_connections(self, times: int) -> None:
        """The next connections cannot be opened."""
        self.refuse = times

    @rule(delay=st.sampled_from([0, 0, 200]))
    def loop(self, delay: int) -> None:
        """The server asks for a rebind."""
        self.table.loop(delay, self.now)

    @rule(code=st.sampled_from([48, 41]))
    def end(self, code: int) -> None:
        """The server ends the session."""
        self.table.end(code, "over", self.now)

    @precondition(lambda self: self.table.sessions)
    @rule()
    def forget(self) -> None:
        """The server keeps nothing for recovery."""
        for session in self.table.sessions:
            session.log.forget_sent()

    @rule(seconds=st.sampled_from([0.1, 1.0, 3.0, 6.0, 20.0]))
    def pass_time(self, seconds: float) -> None:
        """Time passes, with both sides doing what is due."""
        end = self.now + seconds
        for _ in range(500):
            due = [at for at in (self.client.deadline, self.table.deadline) if at is not None and at <= end]
            if not due:
                break
            self.now = max(self.now, min(due))
            self.table.wake(self.now)
            if (at := self.client.deadline) is not None and at <= self.now:
                self.client.wake(self.now)
                self.settle()
        else:
            raise AssertionError(f"deadlines never pass: {self.client.deadline}, {self.table.deadline} at {self.now}")
        self.now = end

    @invariant()
    def client_is_alive(self) -> None:
        """A client that is asked to stream never gives up on these faults."""
        assert self.client.status not in (ConnectionStatus.FAILED, ConnectionStatus.DISCONNECTED) or not self.statuses

    def teardown(self) -> None:
        """When the network is good again, everything flows again."""
        self.refuse = 0
        for _ in range(200):
            if self.client.status is ConnectionStatus.CONNECTED and self.link is not None and not self.mute:
                for item in ITEMS:
                    self.post(item, 1)
            self.pass_time(1.0)
            while self.answers:
                self.answer()
            for _ in range(3):
                self.deliver(1000)
            if {item: self.seen.get(item) for item in ITEMS} == dict(self.posted):
                return
        raise AssertionError(f"{self.client.status}: {self.seen} of {dict(self.posted)}")


@pytest.mark.parametrize("transport", ["ws", "http-streaming", "http-polling"])
@pytest.mark.timeout(300)
def test_no_update_is_lost_unsaid(transport: str) -> None:
    """Over any transport, every update comes once and in order, or a replaced session is told."""
    machine = type(f"Machine_{transport}", (Machine,), {"transport": transport})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=40,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )
