"""LightstreamerClient against a scripted server on a loopback WebSocket, which another implementation frames."""

from __future__ import annotations

import logging
import queue
import socket
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import pytest
from websockets.frames import Frame, Opcode
from websockets.http11 import Request as Upgrade
from websockets.protocol import State
from websockets.server import ServerProtocol

from ig_sdk.clock import SystemClock
from ig_sdk.errors import (
    AuthenticationError,
    ConfigError,
    RequestTimeout,
    StreamError,
    StreamOverflow,
    StreamProtocolError,
    StreamRefused,
    UsageError,
)
from ig_sdk.lightstreamer import (
    ClientListener,
    ConnectionStatus,
    ItemUpdate,
    ItemUpdatesLost,
    LightstreamerClient,
    MessageOutcome,
    SecondLevel,
    StatusChanged,
    Subscribed,
    Subscription,
    SubscriptionError,
    SubscriptionListener,
    Unsubscribed,
)
from ig_sdk.lightstreamer.tlcp.codec.requests import Request, decode

WAIT_S = 5.0
CLOCK = SystemClock()


class Connection:
    """One accepted connection: handshake done, requests in, lines out."""

    def __init__(self, server: Server, sock: socket.socket) -> None:
        self.server = server
        self.sock = sock
        self.subprotocol: str | None = None
        self.requests: queue.Queue[Request | None] = queue.Queue()  # None: the client is gone
        self.protocol = ServerProtocol(subprotocols=None, max_size=None)
        self.upgraded = threading.Event()
        self.lock = threading.Lock()

    def run(self) -> None:
        try:
            while data := self.sock.recv(65536):
                with self.lock:
                    self.protocol.receive_data(data)
                    events = self.protocol.events_received()
                for event in events:
                    self._event(event)
                self._flush()
        except OSError:
            pass
        finally:
            self.requests.put(None)
            self.sock.close()

    def _event(self, event: object) -> None:
        if isinstance(event, Upgrade):
            self.subprotocol = event.headers.get("Sec-WebSocket-Protocol")
            with self.lock:
                response = self.protocol.accept(event)
                self.server.shake(response.headers, self.subprotocol)
                response.status_code = self.server.status
                self.protocol.send_response(response)
            self._flush()
            self.upgraded.set()
        elif isinstance(event, Frame) and event.opcode is Opcode.TEXT:
            request = decode(bytes(event.data).decode())
            self.requests.put(request)
            self.server.answer(self, request)

    def _flush(self) -> None:
        with self.lock:
            for data in self.protocol.data_to_send():
                if data:
                    self.sock.sendall(data)
            if self.protocol.state is State.CLOSED:
                self.sock.shutdown(socket.SHUT_WR)

    def send(self, *lines: str) -> None:
        with self.lock:
            if self.protocol.state is not State.OPEN:
                return  # the client left meanwhile
            self.protocol.send_text("".join(f"{line}\r\n" for line in lines).encode())
        self._flush()

    def raw(self, data: bytes) -> None:
        self.sock.sendall(data)

    def ping(self) -> None:
        with self.lock:
            self.protocol.send_ping(b"?")
        self._flush()

    def drop(self) -> None:
        """Reset the connection, as a dying network does."""
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def expect(self, name: str) -> Request:
        """Return the next request of that name; others before it are passed over."""
        while (request := self.requests.get(timeout=WAIT_S)) is not None:
            if request.name == name:
                return request
        raise AssertionError(f"the client left without a {name}")


class Server:
    """Listens; answers the usual requests by itself unless told otherwise."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.mute = False  # accept, and say nothing
        self.status = 101
        self.answers = True
        self.new_session = "CONOK,S{n},50000,5000,*"
        self.choose: Callable[[str | None], str | None] = lambda offered: offered
        self.sessions = 0
        self.connections: queue.Queue[Connection] = queue.Queue()
        self.threads: list[threading.Thread] = []
        self.open: list[Connection] = []
        self.closing = False
        self._spawn(self._accept)

    def _spawn(self, target: Callable[[], None]) -> None:
        thread = threading.Thread(target=target, name="scripted-server")
        self.threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            if self.closing:
                sock.close()
                return
            connection = Connection(self, sock)
            self.open.append(connection)
            if not self.mute:
                self._spawn(connection.run)
            self.connections.put(connection)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def connection(self) -> Connection:
        return self.connections.get(timeout=WAIT_S)

    def shake(self, headers: object, offered: str | None) -> None:
        chosen = self.choose(offered)
        if chosen is not None:
            headers["Sec-WebSocket-Protocol"] = chosen  # type: ignore[index]

    def answer(self, connection: Connection, request: Request) -> None:
        if not self.answers:
            return
        if request.name == "wsok":
            connection.send("WSOK")
        elif request.name == "create_session":
            self.sessions += 1
            connection.send(*self.new_session.format(n=self.sessions).split("\n"))
        elif request.name == "bind_session":
            parameters = request.parameters()
            lines = [f"CONOK,{parameters['LS_session']},50000,5000,*"]
            if "LS_recovery_from" in parameters:
                lines.append(f"PROG,{parameters['LS_recovery_from']}")
            connection.send(*lines)
        elif request.name == "control":
            for index in range(len(request.lines)):
                self.control(connection, request.parameters(index))
        elif request.name == "msg":
            for index in range(len(request.lines)):
                parameters = request.parameters(index)
                connection.send(f"REQOK,{parameters['LS_reqId']}")
                if "LS_msg_prog" in parameters:
                    sequence = parameters.get("LS_sequence", "*")
                    connection.send(f"MSGDONE,{sequence},{parameters['LS_msg_prog']},ok")

    def control(self, connection: Connection, parameters: dict[str, str]) -> None:
        subscription = parameters.get("LS_subId")
        lines = [f"REQOK,{parameters['LS_reqId']}"]
        if parameters["LS_op"] == "add":
            items, fields = len(parameters["LS_group"].split(" ")), len(parameters["LS_schema"].split(" "))
            if parameters["LS_group"] == "refused":
                lines = [f"REQERR,{parameters['LS_reqId']},21,Bad item%2C really"]
            else:
                command = parameters["LS_mode"] == "COMMAND"
                accepted = (
                    f"SUBCMD,{subscription},{items},{fields},1,2"
                    if command
                    else f"SUBOK,{subscription},{items},{fields}"
                )
                lines += [accepted, f"CONF,{subscription},unlimited,filtered"]
        elif parameters["LS_op"] == "delete":
            lines.append(f"UNSUB,{subscription}")
        elif parameters["LS_op"] == "reconf":
            lines.append(f"CONF,{subscription},{parameters['LS_requested_max_frequency']},filtered")
        elif parameters["LS_op"] == "destroy":
            lines.append("END,31,destroyed")
        connection.send(*lines)

    def close(self) -> None:
        self.closing = True
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=WAIT_S).close()  # ends accept()
        except OSError:
            pass
        self.threads[0].join(WAIT_S)
        self.listener.close()
        for connection in self.open:
            connection.drop()
            connection.sock.close()
        for thread in self.threads:
            thread.join(WAIT_S)


class Recorder(SubscriptionListener, ClientListener):
    """Puts every callback into a queue, so that a test can wait for it."""

    def __init__(self) -> None:
        self.told: queue.Queue[object] = queue.Queue()

    def on_status(self, event: StatusChanged) -> None:
        self.told.put(event)

    def on_subscribed(self, event: Subscribed) -> None:
        self.told.put(event)

    def on_update(self, update: ItemUpdate) -> None:
        self.told.put(update)

    def on_updates_lost(self, event: ItemUpdatesLost) -> None:
        self.told.put(event)

    def on_error(self, error: object) -> None:
        self.told.put(error)

    def on_unsubscribed(self, event: Unsubscribed) -> None:
        self.told.put(event)

    def wait_for(self, kind: type, accept: Callable[[object], bool] = lambda _: True) -> object:
        while True:
            event = self.told.get(timeout=WAIT_S)
            if isinstance(event, kind) and accept(event):
                return event

    def status(self, status: ConnectionStatus) -> StatusChanged:
        event = self.wait_for(StatusChanged, lambda event: event.status is status)  # type: ignore[attr-defined]
        assert isinstance(event, StatusChanged)
        return event

    def update(self) -> ItemUpdate:
        event = self.wait_for(ItemUpdate)
        assert isinstance(event, ItemUpdate)
        return event


@pytest.fixture
def server() -> Iterator[Server]:
    """A server that answers."""
    server = Server()
    yield server
    server.close()


@pytest.fixture
def make(server: Server) -> Iterator[Callable[..., LightstreamerClient]]:
    """Makes clients of the server and closes them."""
    clients: list[LightstreamerClient] = []

    def make(**options: object) -> LightstreamerClient:
        options = {"transports": ("ws",), "reconnect_initial_s": 0.01, "protocol_versions": ("2.4.0",), **options}
        clients.append(LightstreamerClient(str(options.pop("endpoint", server.url)), **options))  # type: ignore[arg-type]
        return clients[-1]

    yield make
    for client in clients:
        client.close()


Make = Callable[..., LightstreamerClient]


def connected(server: Server, client: LightstreamerClient) -> Connection:
    client.connect()
    connection = server.connection()
    assert client.wait_connected(WAIT_S)
    return connection


def a_subscription(recorder: Recorder | None = None, **options: object) -> Subscription:
    subscription = Subscription("MERGE", ["item1"], ["a", "b"], **options)  # type: ignore[arg-type]
    if recorder is not None:
        subscription.add_listener(recorder)
    return subscription


def test_connect_subscribe_update_unsubscribe_close(server: Server, make: Make) -> None:
    """The whole life of a session, with the events in order and a destroy at its end (C-125)."""
    recorder = Recorder()
    client = make(adapter_set="DEMO", user="me", password="p&w")
    assert client.status is ConnectionStatus.DISCONNECTED
    client.add_listener(recorder)
    connection = connected(server, client)
    assert connection.subprotocol == "TLCP-2.4.0.lightstreamer.com"
    create = connection.expect("create_session").parameters()
    assert (create["LS_user"], create["LS_password"], create["LS_adapter_set"]) == ("me", "p&w", "DEMO")
    assert "LS_protocol" not in create
    assert (client.status, client.protocol_version, client.transport, client.session_id) == (
        ConnectionStatus.CONNECTED,
        "2.4.0",
        "ws",
        "S1",
    )
    assert recorder.status(ConnectionStatus.CONNECTED).continuity == "new"
    subscription = a_subscription(recorder)
    client.subscribe(subscription)
    assert isinstance(recorder.wait_for(Subscribed), Subscribed)
    connection.send("U,1,1,1.5|x", "U,1,1,|y")
    first, second = recorder.update(), recorder.update()
    assert (first.item, dict(first.values), first.is_snapshot) == ("item1", {"a": "1.5", "b": "x"}, True)
    assert (dict(second.values), dict(second.changed)) == ({"a": "1.5", "b": "y"}, {"b": "y"})
    client.unsubscribe(subscription)
    client.unsubscribe(subscription)
    recorder.wait_for(Unsubscribed)
    assert not subscription.active
    client.close()
    assert client.status is ConnectionStatus.DISCONNECTED
    recorder.status(ConnectionStatus.DISCONNECTED)
    control = [connection.expect("control").parameters() for _ in range(3)]
    assert [each["LS_op"] for each in control] == ["add", "delete", "destroy"]
    assert control[2]["LS_close_socket"] == "true"


def test_iterator_form(server: Server, make: Make) -> None:
    """Updates can be iterated; close() ends the loop."""
    client = make()
    connection = connected(server, client)
    subscription = a_subscription()
    updates = subscription.updates(timeout=WAIT_S)
    client.subscribe(subscription)
    connection.expect("control")
    connection.send("U,1,1,1|1", "U,1,1,2|2")
    assert next(updates)["a"] == "1"
    assert next(updates)["a"] == "2"
    client.close()
    assert list(updates) == []
    assert not updates.timed_out


def test_a_refused_subscription_harms_no_other(server: Server, make: Make) -> None:
    """REQERR reaches the listener and the iterator of its own subscription only; the text keeps its comma."""
    recorder, other = Recorder(), Recorder()
    client = make()
    connection = connected(server, client)
    bad, good = Subscription("MERGE", ["refused"], ["a"]), a_subscription(other)
    bad.add_listener(recorder)
    updates = bad.updates(timeout=WAIT_S)
    client.subscribe(bad)
    client.subscribe(good)
    error = recorder.wait_for(SubscriptionError)
    assert isinstance(error, SubscriptionError)
    assert (error.code, error.message) == (21, "Bad item, really")
    with pytest.raises(StreamError, match="Bad item"):
        next(updates)
    other.wait_for(Subscribed)
    connection.send("U,2,1,1|1")
    assert other.update()["a"] == "1"
    assert not bad.active


def test_reconfigure(server: Server, make: Make) -> None:
    """A new frequency is asked for while running."""
    recorder = Recorder()
    client = make()
    connection = connected(server, client)
    subscription = a_subscription(recorder)
    client.subscribe(subscription)
    recorder.wait_for(Subscribed)
    connection.expect("control")
    subscription.reconfigure(max_frequency=2.5)
    parameters = connection.expect("control").parameters()
    assert (parameters["LS_op"], parameters["LS_requested_max_frequency"]) == ("reconf", "2.5")


def test_two_levels(server: Server, make: Make) -> None:
    """Each key of a COMMAND subscription is subscribed to by itself; its values join those of the first level."""
    recorder = Recorder()
    client = make()
    connection = connected(server, client)
    second = SecondLevel(fields=("price",))
    subscription = Subscription("COMMAND", ["portfolio"], ["key", "command", "qty"], second_level=second)
    subscription.add_listener(recorder)
    client.subscribe(subscription)
    recorder.wait_for(Subscribed)
    connection.send("U,1,1,K|ADD|5")
    assert dict(recorder.update().values) == {"key": "K", "command": "ADD", "qty": "5", "price": None}
    connection.expect("control")
    child = connection.expect("control").parameters()
    assert (child["LS_op"], child["LS_mode"], child["LS_group"], child["LS_schema"]) == ("add", "MERGE", "K", "price")
    connection.send(f"U,{child['LS_subId']},1,1.5")
    assert dict(recorder.update().values) == {"key": "K", "command": "UPDATE", "qty": "5", "price": "1.5"}
    connection.send("U,1,1,K|DELETE|")
    assert recorder.update()["command"] == "DELETE"
    gone = connection.expect("control").parameters()
    assert (gone["LS_op"], gone["LS_subId"]) == ("delete", child["LS_subId"])


def test_a_message_without_outcome(server: Server, make: Make) -> None:
    """An outcome that does not come in time is an error that says so; close() ends such a wait as unknown."""
    client = make()
    connection = connected(server, client)
    server.answers = False
    with pytest.raises(RequestTimeout):
        client.send_message("hello", timeout=0.05)
    connection.expect("msg")
    outcomes: queue.Queue[MessageOutcome | None] = queue.Queue()
    thread = threading.Thread(target=lambda: outcomes.put(client.send_message("hello", timeout=WAIT_S)))
    thread.start()
    connection.expect("msg")
    client.close()
    outcome = outcomes.get(timeout=WAIT_S)
    thread.join(WAIT_S)
    assert outcome is not None
    assert outcome.status == "unknown"


class WatchedClock(SystemClock):
    """Tells when somebody begins to wait for so many seconds."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.waiting = threading.Event()

    def wait(self, event: threading.Event, timeout: float) -> bool:
        if timeout == self.seconds:
            self.waiting.set()
        return super().wait(event, timeout)


def test_a_message_that_was_never_sent(server: Server, make: Make) -> None:
    """close() ends the wait for a message that no session took along as aborted: it may be sent again elsewhere."""
    server.mute = True
    clock = WatchedClock(4.75)
    client = make(clock=clock)
    client.connect()
    outcomes: queue.Queue[MessageOutcome | None] = queue.Queue()
    thread = threading.Thread(target=lambda: outcomes.put(client.send_message("hello", timeout=clock.seconds)))
    thread.start()
    assert clock.waiting.wait(WAIT_S)
    client.close()
    outcome = outcomes.get(timeout=WAIT_S)
    thread.join(WAIT_S)
    assert outcome is not None
    assert outcome.status == "aborted"


def test_with_statement_and_counters(server: Server, make: Make) -> None:
    """A with block connects and closes; what a raising listener costs is a number."""

    class Faulty(ClientListener):
        def on_status(self, event: StatusChanged) -> None:
            raise ZeroDivisionError

    faulty, recorder = Faulty(), Recorder()
    client = make()
    client.add_listener(faulty)
    client.add_listener(recorder)
    with client:
        recorder.status(ConnectionStatus.CONNECTED)
        client.remove_listener(faulty)
    errors = client.listener_errors
    assert errors >= 2
    assert client.queue_depth == 0
    recorder.status(ConnectionStatus.DISCONNECTED)


def test_send_message(server: Server, make: Make) -> None:
    """A message's outcome comes back; without a time-out nobody waits for one."""
    client = make()
    connection = connected(server, client)
    outcome = client.send_message("hello, world", sequence="s1", timeout=WAIT_S)
    assert outcome is not None
    assert (outcome.status, connection.expect("msg").parameters()["LS_message"]) == ("done", "hello, world")
    assert client.send_message("again", timeout=None) is None
    assert connection.expect("msg").parameters()["LS_outcome"] == "false"


def test_a_dropped_connection_is_recovered(server: Server, make: Make) -> None:
    """The loss is noticed at once (C-102), the session recovered, and updates go on without a gap."""
    recorder = Recorder()
    client = make()
    client.add_listener(recorder)
    connection = connected(server, client)
    client.subscribe(a_subscription(recorder))
    recorder.wait_for(Subscribed)
    connection.send("U,1,1,1|1")
    recorder.update()
    before = CLOCK.monotonic()
    connection.drop()
    again = server.connection()
    assert again.expect("bind_session").parameters()["LS_recovery_from"] == "3"
    status = recorder.status(ConnectionStatus.CONNECTED)
    assert CLOCK.monotonic() - before < 2.0
    assert status.continuity == "recovered"
    again.send("U,1,1,2|")
    assert dict(recorder.update().values) == {"a": "2", "b": "1"}


def test_a_lost_session_is_replaced(server: Server, make: Make) -> None:
    """When the server has forgotten the session, a new one takes over, says so, and subscribes again."""
    recorder = Recorder()
    client = make()
    client.add_listener(recorder)
    connection = connected(server, client)
    client.subscribe(a_subscription(recorder))
    recorder.wait_for(Subscribed)
    server.answers = False
    connection.drop()
    again = server.connection()
    again.expect("bind_session")
    server.answers = True
    again.send("CONERR,20,no such session")
    status = recorder.status(ConnectionStatus.CONNECTED)
    assert status.continuity == "replaced"
    assert status.gap_s is not None
    recorder.wait_for(Subscribed)
    assert client.session_id == "S2"


def test_the_server_closes_the_websocket(server: Server, make: Make) -> None:
    """A close frame is a loss like any other, noticed at once."""
    recorder = Recorder()
    client = make()
    client.add_listener(recorder)
    connection = connected(server, client)
    recorder.status(ConnectionStatus.CONNECTED)
    connection.raw(Frame(Opcode.CLOSE, b"\x03\xe9bye").serialize(mask=False))
    server.connection()
    assert "1001" in recorder.status(ConnectionStatus.RECONNECTING).reason
    recorder.status(ConnectionStatus.CONNECTED)


@pytest.mark.parametrize(
    "data",
    [
        b"\xc1\x01a",
        b"\x82\x01a",
        b"\x81\x81\x00\x00\x00\x00a",
        b"\x81\x02\xff\xfe",
        b"\x81\x7f\x7f\xff\xff\xff\xff\xff\xff\xff",
        b"\x81\x05U,1,x",
        b"garbage that is no frame at all",
    ],
)
def test_what_breaks_the_protocol_ends_in_a_reconnect(server: Server, make: Make, data: bytes) -> None:
    """Violations of WebSocket or TLCP never kill the reader; a new connection carries on."""
    recorder = Recorder()
    client = make()
    connection = connected(server, client)
    client.subscribe(a_subscription(recorder))
    recorder.wait_for(Subscribed)
    connection.send("U,1,1,before|1")
    assert recorder.update()["a"] == "before"
    connection.raw(data)
    again = server.connection()
    assert client.wait_connected(WAIT_S)
    if b"U,1" in data:  # a bad data line replaces the session, and its subscription is asked for anew
        recorder.wait_for(Subscribed)
    again.send("U,1,1,after|1")
    assert recorder.update()["a"] == "after"


def test_pings_are_answered(server: Server, make: Make) -> None:
    """A ping gets its pong at the WebSocket's level and no line (C-006)."""
    client = make()
    connection = connected(server, client)
    connection.ping()
    client.send_message("after", timeout=WAIT_S)
    assert connection.protocol.state is State.OPEN
    assert connection.protocol.close_exc is None if connection.protocol.state is State.CLOSED else True


def test_many_lines_and_missing_line_ends(server: Server, make: Make) -> None:
    """Several lines in a message, a last line without CR-LF and empty lines are all read (C-012 to C-014)."""
    recorder = Recorder()
    client = make()
    connection = connected(server, client)
    client.subscribe(a_subscription(recorder))
    recorder.wait_for(Subscribed)
    for text in ("U,1,1,1|1\r\n\r\nPROBE\r\nU,1,1,2|2", "U,1,1,3|3", "\r\n", "U,1,1,4|4\r\n"):
        connection.raw(Frame(Opcode.TEXT, text.encode()).serialize(mask=False))
    assert [recorder.update()["a"] for _ in range(4)] == ["1", "2", "3", "4"]


def test_a_different_subprotocol_is_refused(server: Server, make: Make) -> None:
    """A server that selects another version is not spoken to (C-003)."""
    recorder = Recorder()
    server.choose = lambda _: "TLCP-2.0.0.lightstreamer.com"
    client = make()
    client.add_listener(recorder)
    client.connect()
    assert not client.wait_connected(0.1)
    connection = server.connection()
    assert connection.requests.get(timeout=WAIT_S) is None
    reason = recorder.status(ConnectionStatus.RECONNECTING).reason
    assert "subprotocol" in reason


def test_a_missing_subprotocol_is_a_warning(server: Server, make: Make, caplog: pytest.LogCaptureFixture) -> None:
    """Without an echo the client goes on and says so in the log (C-003)."""
    server.choose = lambda _: None
    with caplog.at_level(logging.WARNING, "ig_sdk.lightstreamer"):
        connected(server, make())
    assert "did not confirm the subprotocol" in caplog.text


def test_a_refused_upgrade_is_no_end(server: Server, make: Make) -> None:
    """An HTTP error instead of the upgrade is retried, with the status as its reason."""
    recorder = Recorder()
    server.status = 503
    client = make()
    client.add_listener(recorder)
    client.connect()
    assert "503" in recorder.status(ConnectionStatus.RECONNECTING).reason
    server.status = 101
    assert client.wait_connected(WAIT_S)


def test_version_step_down(server: Server, make: Make) -> None:
    """CONERR 65 that names the version leads to the next one, which is then readable."""
    server.new_session = "CONERR,65,Unsupported protocol version: 2.5.0"
    client = make(protocol_versions=("2.5.0", "2.4.0"))
    client.connect()
    first = server.connection()
    first.expect("create_session")
    server.new_session = "CONOK,S{n},50000,5000,*"
    second = server.connection()
    assert client.wait_connected(WAIT_S)
    assert first.subprotocol == "TLCP-2.5.0.lightstreamer.com"
    assert second.subprotocol == "TLCP-2.4.0.lightstreamer.com"
    assert client.protocol_version == "2.4.0"


def test_refused_for_good(server: Server, make: Make) -> None:
    """A refusal that no retry can change ends as FAILED; who waits gets the reason; connect() tries again."""
    recorder = Recorder()
    server.new_session = "CONERR,2,Requested Adapter Set not available"
    client = make(adapter_set="NONE")
    client.add_listener(recorder)
    client.connect()
    with pytest.raises(StreamError) as failed:
        client.wait_connected(WAIT_S)
    assert failed.value.code == 2
    assert recorder.status(ConnectionStatus.FAILED).error is not None
    server.new_session = "CONOK,S{n},50000,5000,*"
    client.connect()
    assert client.wait_connected(WAIT_S)


# --- credentials


def test_credentials_are_asked_again_when_refused(server: Server, make: Make) -> None:
    """CONERR 1 asks once more, marked as refused; the fresh ones are used."""
    asked: list[bool] = []

    def credentials() -> tuple[str, str]:
        asked.append(client.credentials_refused)
        if len(asked) == 2:
            server.new_session = "CONOK,S{n},50000,5000,*"
        return "user", f"password{len(asked)}"

    server.new_session = "CONERR,1,User/password check failed"
    client = make(credentials=credentials)
    client.connect()
    assert client.wait_connected(WAIT_S)
    assert asked == [False, True]


def test_no_credentials(server: Server, make: Make) -> None:
    """A login that fails for good ends the stream with its reason; one that may pass is tried again."""
    calls: list[int] = []

    def credentials() -> tuple[str, str]:
        calls.append(1)
        if len(calls) == 1:
            raise OSError("no network")
        raise AuthenticationError("wrong password", status=401)

    client = make(credentials=credentials)
    client.connect()
    with pytest.raises(StreamRefused, match="wrong password"):
        client.wait_connected(WAIT_S)
    assert len(calls) == 2


def test_secrets_are_not_logged(server: Server, make: Make, caplog: pytest.LogCaptureFixture) -> None:
    """No log line of any level holds the password (C-130)."""
    with caplog.at_level(logging.DEBUG):
        client = make(user="me", password="s3cr3t-word")
        connection = connected(server, client)
        connection.drop()
        server.connection()
        client.close()
    assert "s3cr3t-word" not in caplog.text
    assert "s3cr3t-word" not in repr(client)


# --- overflow


def test_a_slow_listener_loses_the_oldest_and_is_told(server: Server, make: Make) -> None:
    """drop_oldest: the client keeps reading, and delivered and lost updates are all updates."""
    go_on, recorder = threading.Event(), Recorder()
    client = make(queue_size=10)
    connection = connected(server, client)
    subscription = a_subscription()

    class Slow(Recorder):
        def on_update(self, update: ItemUpdate) -> None:
            super().on_update(update)
            assert go_on.wait(WAIT_S)

    recorder = Slow()
    subscription.add_listener(recorder)
    client.subscribe(subscription)
    recorder.wait_for(Subscribed)
    for start in range(0, 1000, 50):
        connection.send(*(f"U,1,1,{number}|" if number else "U,1,1,0|0" for number in range(start, start + 50)))
    client.send_message("all is read", timeout=None)
    connection.expect("msg")
    go_on.set()
    seen = lost = 0
    while seen + lost < 1000:
        event = recorder.told.get(timeout=WAIT_S)
        if isinstance(event, ItemUpdatesLost):
            lost += event.count
        elif isinstance(event, ItemUpdate):
            assert event["a"] == str(seen + lost)
            seen += 1
    assert lost > 0
    assert client.updates_dropped == lost
    assert client.status is ConnectionStatus.CONNECTED


def test_a_flood_in_one_market_costs_another_nothing(server: Server, make: Make) -> None:
    """Two markets, two subscriptions, one slow listener: only the flooded one loses, and hears of it."""
    go_on = threading.Event()

    class Slow(Recorder):
        def on_update(self, update: ItemUpdate) -> None:
            super().on_update(update)
            assert go_on.wait(WAIT_S)

    flooded, quiet = Slow(), Slow()
    client = make(queue_size=50)
    connection = connected(server, client)
    for recorder in (flooded, quiet):
        client.subscribe(a_subscription(recorder))
    for recorder in (flooded, quiet):
        recorder.wait_for(Subscribed)
    for start in range(0, 1000, 50):
        connection.send(*(f"U,1,1,{number}|0" for number in range(start, start + 50)), f"U,2,1,{start}|0")
    client.send_message("all is read", timeout=None)
    connection.expect("msg")
    go_on.set()
    assert [quiet.update()["a"] for _ in range(20)] == [str(number) for number in range(0, 1000, 50)]
    assert client.updates_dropped > 0
    seen = lost = 0
    while seen + lost < 1000:
        event = flooded.told.get(timeout=WAIT_S)
        if isinstance(event, ItemUpdatesLost):
            assert (event.subscription_id, event.item, event.where) == (1, "item1", "client")
            lost += event.count
        elif isinstance(event, ItemUpdate):
            seen += 1
    assert lost == client.updates_dropped


def test_the_overflow_rule_changes_while_the_queue_is_full(server: Server, make: Make) -> None:
    """From "block" to "drop_oldest": the reading goes on at once; and back: nothing more is lost."""
    go_on, recorder = threading.Event(), Recorder()

    class Stuck(SubscriptionListener):
        def on_update(self, update: ItemUpdate) -> None:
            assert go_on.wait(WAIT_S)

    client = make(queue_size=20)
    connection = connected(server, client)
    subscription = a_subscription(recorder, overflow="block")
    subscription.add_listener(Stuck())
    client.subscribe(subscription)
    recorder.wait_for(Subscribed)
    # More than the queue and the slice that is being delivered hold, in one read.
    connection.send(*(f"U,1,1,{number}|0" for number in range(100)))
    pause = threading.Event()
    while client.queue_depth <= 20:
        pause.wait(0.002)
    with pytest.raises(ValueError, match="overflow"):
        subscription.overflow = "drop"  # type: ignore[assignment]
    subscription.overflow = "drop_oldest"
    assert client.queue_depth <= 20
    connection.send(*(f"U,1,1,{number}|0" for number in range(100, 150)))
    client.send_message("all is read", timeout=None)
    connection.expect("msg")  # the I/O thread reads, and is not held up
    subscription.overflow = "block"
    connection.send(*(f"U,1,1,{number}|0" for number in range(150, 170)))
    go_on.set()
    seen: list[int] = []
    lost = 0
    while seen[-1:] != [169]:
        event = recorder.told.get(timeout=WAIT_S)
        if isinstance(event, ItemUpdate):
            seen.append(int(str(event["a"])))
        elif isinstance(event, ItemUpdatesLost):
            lost += event.count
    assert seen[-20:] == list(range(150, 170))
    assert len(seen) + lost == 170
    client.subscribe(a_subscription(overflow="block"))
    with pytest.raises(UsageError, match="block"):
        subscription.overflow = "fail"
    assert subscription.overflow == "block"


def test_block_holds_the_server_and_loses_nothing(server: Server, make: Make) -> None:
    """block: every update arrives, however slow the reader, and the pause is no stall."""
    client = make(queue_size=8)
    connection = connected(server, client)
    subscription = a_subscription(overflow="block")
    updates = subscription.updates(timeout=WAIT_S, queue_size=4)
    client.subscribe(subscription)
    connection.expect("control")

    def produce() -> None:
        for number in range(500):
            connection.send(f"U,1,1,{number}|0")

    producer = threading.Thread(target=produce)
    producer.start()
    assert [next(updates)["a"] for _ in range(500)] == [str(number) for number in range(500)]
    producer.join(WAIT_S)
    assert client.updates_dropped == updates.lost == 0


def test_blocking_is_no_stall(server: Server, make: Make) -> None:
    """While we ourselves do not read, the server's silence is our own doing."""
    server.new_session = "CONOK,S{n},50000,100,*"
    client = make(queue_size=8, stall_s=0.1, drop_s=0.1)
    connection = connected(server, client)
    subscription = a_subscription(overflow="block")
    updates = subscription.updates(timeout=WAIT_S, queue_size=1)
    client.subscribe(subscription)
    connection.expect("control")
    for start in range(0, 300, 10):
        connection.send(*(f"U,1,1,{number}|0" for number in range(start, start + 10)))
    assert next(updates)["a"] == "0"
    assert not CLOCK.wait(threading.Event(), 0.6)
    assert client.status is ConnectionStatus.CONNECTED
    assert [next(updates)["a"] for _ in range(299)] == [str(number) for number in range(1, 300)]
    assert server.connections.empty()


def test_close_while_blocked(server: Server, make: Make) -> None:
    """close() lets a dispatch thread go that waits for an iterator, and an I/O thread that waits for it."""
    client = make(queue_size=8)
    connection = connected(server, client)
    subscription = a_subscription(overflow="block")
    updates = subscription.updates(timeout=WAIT_S, queue_size=1)
    client.subscribe(subscription)
    connection.expect("control")
    connection.send(*(f"U,1,1,{number}|0" for number in range(200)))
    assert next(updates)["a"] == "0"
    before = CLOCK.monotonic()
    client.close()
    assert CLOCK.monotonic() - before < 4.0
    assert client.status is ConnectionStatus.DISCONNECTED


# --- closing


def quickly(close: Callable[[], None], within: float = 3.0) -> None:
    before = CLOCK.monotonic()
    close()
    assert CLOCK.monotonic() - before < within


def no_stream_threads() -> bool:
    return not [thread for thread in threading.enumerate() if thread.name.startswith("ig-stream")]


def test_close_before_connect(make: Make) -> None:
    """A client that never connected closes at once; afterwards nothing can be begun."""
    client = make()
    quickly(client.close)
    client.close()
    with pytest.raises(UsageError):
        client.connect()
    with pytest.raises(UsageError):
        client.subscribe(a_subscription())
    with pytest.raises(UsageError):
        client.wait_connected(1)


def test_close_while_the_handshake_is_mute(server: Server, make: Make) -> None:
    """A server that accepts and says nothing cannot hold close()."""
    server.mute = True
    client = make()
    client.connect()
    server.connection()
    quickly(client.close, 1.0)
    assert no_stream_threads()


def test_close_while_the_session_is_mute(server: Server, make: Make) -> None:
    """Nor one that shakes hands and then says nothing."""
    server.answers = False
    client = make()
    client.connect()
    server.connection().expect("create_session")
    quickly(client.close)
    assert no_stream_threads()


def test_close_while_backing_off(make: Make) -> None:
    """A pause before a reconnect ends at close()."""
    with socket.create_server(("127.0.0.1", 0)) as refused:
        port = refused.getsockname()[1]
    recorder = Recorder()
    client = make(endpoint=f"http://127.0.0.1:{port}", reconnect_initial_s=60.0, reconnect_max_s=60.0)
    client.add_listener(recorder)
    client.connect()
    recorder.status(ConnectionStatus.RECONNECTING)
    quickly(client.close, 1.0)
    recorder.status(ConnectionStatus.DISCONNECTED)
    assert no_stream_threads()


def test_close_twice_and_from_two_threads(server: Server, make: Make) -> None:
    """Any number of threads may close; all return, and the server sees one destroy."""
    client = make()
    connection = connected(server, client)
    threads = [threading.Thread(target=client.close) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT_S)
    client.close()
    assert connection.expect("control").parameters()["LS_op"] == "destroy"
    with pytest.raises(AssertionError):
        connection.expect("control")


def test_close_within_its_timeout_although_a_callback_hangs(
    server: Server, make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    """A callback that does not return costs close() its timeout and no more; the thread is named in the log."""
    go_on, entered = threading.Event(), threading.Event()

    class Hanging(SubscriptionListener):
        def on_subscribed(self, event: Subscribed) -> None:
            entered.set()
            go_on.wait(WAIT_S * 2)

    client = make()
    connected(server, client)
    subscription = a_subscription()
    subscription.add_listener(Hanging())
    client.subscribe(subscription)
    assert entered.wait(WAIT_S)
    quickly(lambda: client.close(timeout=0.5), 1.5)
    assert "ig-stream-dispatch" in caplog.text
    go_on.set()
    client.close()
    assert no_stream_threads()


def test_close_from_a_callback(server: Server, make: Make) -> None:
    """Inside a callback close() returns at once and the rest happens behind it."""
    closed: queue.Queue[float] = queue.Queue()
    client = make()

    class Closing(SubscriptionListener):
        def on_update(self, update: ItemUpdate) -> None:
            before = CLOCK.monotonic()
            client.close()
            closed.put(CLOCK.monotonic() - before)

    connection = connected(server, client)
    subscription = a_subscription()
    subscription.add_listener(Closing())
    client.subscribe(subscription)
    connection.expect("control")
    connection.send("U,1,1,1|1")
    assert closed.get(timeout=WAIT_S) < 0.5
    client.close()
    assert client.status is ConnectionStatus.DISCONNECTED
    assert no_stream_threads()


def test_close_inside_credentials(server: Server, make: Make) -> None:
    """Nor does it wait for itself on the I/O thread."""
    done = threading.Event()

    def credentials() -> tuple[None, None]:
        client.close()
        done.set()
        return None, None

    client = make(credentials=credentials)
    client.connect()
    assert done.wait(WAIT_S)
    client.close()
    assert no_stream_threads()


def test_waiting_inside_a_callback_is_refused(server: Server, make: Make) -> None:
    """What could only end by another callback raises instead of hanging."""
    raised: queue.Queue[type] = queue.Queue()
    client = make()
    subscription = a_subscription()
    updates = subscription.updates()

    class Waiting(SubscriptionListener):
        def on_subscribed(self, event: Subscribed) -> None:
            for wait in (
                lambda: client.wait_connected(1),
                lambda: client.send_message("x"),
                lambda: next(updates),
            ):
                try:
                    wait()
                except UsageError as error:
                    raised.put(type(error))
            client.send_message("fine", timeout=None)

    connection = connected(server, client)
    subscription.add_listener(Waiting())
    client.subscribe(subscription)
    assert [raised.get(timeout=WAIT_S) for _ in range(3)] == [UsageError] * 3
    assert connection.expect("msg").parameters()["LS_message"] == "fine"


def test_subscribing_inside_a_callback(server: Server, make: Make) -> None:
    """Callbacks run under no lock, so they may use the client."""
    recorder = Recorder()
    client = make()
    other = Subscription("MERGE", ["item2"], ["a"])
    other.add_listener(recorder)

    class Chained(SubscriptionListener):
        def on_subscribed(self, event: Subscribed) -> None:
            client.subscribe(other)

    connected(server, client)
    subscription = a_subscription()
    subscription.add_listener(Chained())
    client.subscribe(subscription)
    recorder.wait_for(Subscribed)
    client.unsubscribe(subscription)


def test_eight_threads(server: Server, make: Make) -> None:
    """Subscribing, unsubscribing, sending and closing from eight threads ends with everything ended."""
    client = make()
    connected(server, client)
    failures: list[Exception] = []
    barrier = threading.Barrier(8)

    def work(number: int) -> None:
        try:
            barrier.wait(WAIT_S)
            for turn in range(20):
                subscription = Subscription("MERGE", [f"item{number}.{turn}"], ["a"])
                client.subscribe(subscription)
                if turn % 2:
                    client.send_message("x", timeout=None)
                client.unsubscribe(subscription)
            if number == 0:
                client.close()
        except UsageError:
            pass  # another thread closed the client
        except Exception as error:  # noqa: BLE001 -- shown by the assertion below
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT_S * 2)
    assert failures == []
    client.close()
    assert no_stream_threads()


# --- refused before any connection


@pytest.mark.parametrize(
    "options",
    [
        {"endpoint": "http://push.example.com"},
        {"endpoint": "ws://192.0.2.1:8080"},
        {"proxy": "socks5://h:1"},
        {"ca_bundle": "no/such/file"},
        {"queue_size": 0},
        {"protocol_versions": ()},
        {"transports": ("carrier-pigeon",)},
        {"credentials": lambda: ("u", "p"), "user": "u"},
    ],
)
def test_refused_options(make: Make, options: dict[str, object]) -> None:
    """What cannot work is refused by the constructor."""
    with pytest.raises(ConfigError):
        make(**options)


def test_a_plain_control_link_off_loopback_is_not_followed(server: Server, make: Make) -> None:
    """A server cannot talk the client into sending its session in plain text elsewhere."""
    recorder = Recorder()
    server.new_session = "CONOK,S{n},50000,5000,http://192.0.2.1"
    client = make()
    client.add_listener(recorder)
    connection = connected(server, client)
    error = recorder.wait_for(StreamProtocolError)
    assert "control link" in str(error)
    connection.drop()
    server.connection().expect("bind_session")
    assert recorder.wait_for(StatusChanged, lambda event: event.continuity == "recovered")  # type: ignore[attr-defined]


def test_a_subscription_that_must_not_lose_anything(server: Server, make: Make) -> None:
    """With overflow="fail" a slow listener ends its own subscription, loudly, at the server too; others go on."""
    recorder, other = Recorder(), Recorder()
    entered, go_on = threading.Event(), threading.Event()

    class Slow(SubscriptionListener):
        def on_update(self, update: ItemUpdate) -> None:
            entered.set()
            assert go_on.wait(WAIT_S)

    client = make(queue_size=10)
    connection = connected(server, client)
    deals = a_subscription(recorder, overflow="fail")
    deals.add_listener(Slow())
    iterator = deals.updates(timeout=WAIT_S)
    prices = a_subscription(other)
    client.subscribe(deals)
    client.subscribe(prices)
    with pytest.raises(UsageError, match="block"):
        client.subscribe(a_subscription(overflow="block"))
    for each in (recorder, other):  # nothing but the updates below is in the queue
        each.wait_for(Subscribed)
    connection.send("U,1,1,0|x")
    assert entered.wait(WAIT_S)
    for number in range(1, 40):
        connection.send(f"U,1,1,{number}|")
    full = threading.Event()
    while client.queue_depth < 11:  # ten updates wait, and the error behind them
        full.wait(0.002)
    go_on.set()
    while (request := connection.expect("control").parameters())["LS_op"] != "delete":
        pass
    assert request["LS_subId"] == "1"
    error = recorder.wait_for(SubscriptionError)
    assert isinstance(error, SubscriptionError)
    assert error.operation == "overflow"
    received: list[str | None] = []
    with pytest.raises(StreamOverflow):
        received.extend(update["a"] for update in iterator)
    assert received == [str(number) for number in range(11)]
    assert not deals.active
    connection.send("U,2,1,1|2")
    assert other.update()["a"] == "1"
    client.subscribe(deals)
    recorder.wait_for(Subscribed)


def test_a_session_is_created_while_the_application_is_too_slow(server: Server, make: Make) -> None:
    """Back-pressure holds up data, not the answer to a creation, which would be given up and made again for ever."""
    entered, go_on = threading.Event(), threading.Event()

    class Stuck(SubscriptionListener):
        def on_update(self, update: ItemUpdate) -> None:
            entered.set()
            assert go_on.wait(WAIT_S)

    client = make(queue_size=10)
    subscription = a_subscription(overflow="block")
    subscription.add_listener(Stuck())
    client.subscribe(subscription)
    recorder = Recorder()
    subscription.add_listener(recorder)
    connection = connected(server, client)
    recorder.wait_for(Subscribed)
    connection.send("U,1,1,0|x")
    assert entered.wait(WAIT_S)
    connection.send(*[f"U,1,1,{number}|" for number in range(50)], "END,48,renew")
    second = server.connection()
    second.expect("create_session")
    pause, deadline = threading.Event(), CLOCK.monotonic() + WAIT_S
    while client.session_id != "S2":
        assert CLOCK.monotonic() < deadline
        pause.wait(0.005)
    go_on.set()


def test_a_listener_that_exits(server: Server, make: Make) -> None:
    """Even exit() in a callback ends nothing but the callback."""

    class Leaving(SubscriptionListener):
        def on_update(self, update: ItemUpdate) -> None:
            raise SystemExit

    client = make()
    recorder = Recorder()
    subscription = a_subscription(recorder)
    subscription.add_listener(Leaving())
    client.subscribe(subscription)
    connection = connected(server, client)
    recorder.wait_for(Subscribed)
    connection.send("U,1,1,1|x")
    connection.send("U,1,1,2|x")
    assert [recorder.update()["a"], recorder.update()["a"]] == ["1", "2"]
    assert client.listener_errors >= 1


def test_a_fault_of_our_own_is_no_dead_reader(server: Server, make: Make) -> None:
    """An unexpected exception on the I/O thread counts as a lost connection, and is told."""

    class Faulty(SystemClock):
        broken = False

        def monotonic(self) -> float:
            if self.broken and threading.current_thread().name == "ig-stream-io":
                self.broken = False
                raise ZeroDivisionError
            return super().monotonic()

    recorder = Recorder()
    clock = Faulty()
    client = make(clock=clock)
    client.add_listener(recorder)
    connection = connected(server, client)
    clock.broken = True
    connection.send("PROBE")
    assert "internal error: ZeroDivisionError" in recorder.status(ConnectionStatus.RECONNECTING).reason
    assert recorder.status(ConnectionStatus.CONNECTED).continuity == "recovered"


def test_credentials_that_are_none(server: Server, make: Make) -> None:
    """A callable that gives anything but a pair ends the stream, and says so."""
    client = make(credentials=lambda: None)
    client.connect()
    with pytest.raises(StreamError, match="no credentials: TypeError"):
        client.wait_connected(WAIT_S)


def test_keys_of_an_old_session_are_not_asked_of_the_next(server: Server, make: Make) -> None:
    """After a replaced session only the first level is subscribed to; the keys follow as the table names them."""
    recorder = Recorder()
    client = make()
    table = Subscription("COMMAND", ["table"], ["key", "command"], second_level=SecondLevel(fields=("price",)))
    table.add_listener(recorder)
    client.subscribe(table)
    connection = connected(server, client)
    recorder.wait_for(Subscribed)
    connection.send("U,1,1,K|ADD", "U,1,1,L|ADD")
    groups: list[str] = []
    while len(groups) < 3:
        groups += [dict(line)["LS_group"] for line in connection.expect("control").lines]
    assert groups == ["table", "K", "L"]
    connection.send("U,1,1,M|ADD", "END,48,renew")
    again = server.connection()
    first = again.expect("control")
    assert [dict(line)["LS_group"] for line in first.lines] == ["table"]
    recorder.wait_for(Subscribed)
    again.send("U,1,1,L|ADD")
    assert again.expect("control").parameters()["LS_group"] == "L"


# --- a connection that is not trusted any more


def test_reconnect_from_threads_and_callbacks_at_once(server: Server, make: Make) -> None:
    """Whoever asks, however often, and in the middle of it: the session is recovered, without a storm or a loss."""

    class Eager(Recorder):
        def on_status(self, event: StatusChanged) -> None:
            super().on_status(event)
            if event.status is not ConnectionStatus.DISCONNECTED:
                client.reconnect("from a callback")

    recorder = Eager()
    client = make(reconnect_max_s=0.2)
    client.reconnect("before the start")
    assert client.status is ConnectionStatus.DISCONNECTED
    client.connect()
    connection = server.connection()
    assert client.wait_connected(WAIT_S)
    client.add_listener(recorder)
    threads = [
        threading.Thread(target=lambda number=number: [client.reconnect(f"thread {number}") for _ in range(20)])
        for number in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT_S)
    told = recorder.wait_for(StatusChanged, lambda event: event.continuity == "recovered")  # type: ignore[attr-defined]
    assert isinstance(told, StatusChanged)
    client.remove_listener(recorder)
    assert connection is not None
    assert server.sessions == 1
    assert client.wait_connected(WAIT_S)
    client.close()
    client.reconnect("after the end")
    assert client.status is ConnectionStatus.DISCONNECTED


def test_a_sleep_of_the_machine_is_noticed(server: Server, make: Make) -> None:
    """The calendar runs ahead of the monotonic clock: the connection is left at once, and the gap holds the sleep."""

    class Sleepy(SystemClock):
        slept = timedelta()

        def now(self) -> datetime:
            return super().now() + self.slept

    clock, recorder = Sleepy(), Recorder()
    client = make(clock=clock)
    client.add_listener(recorder)
    connected(server, client)
    clock.slept = timedelta(hours=3)
    told = recorder.wait_for(StatusChanged, lambda event: event.continuity == "recovered")  # type: ignore[attr-defined]
    assert isinstance(told, StatusChanged)
    assert told.gap_s is not None
    assert 3 * 3600 - 1 < told.gap_s < 3 * 3600 + 30
    clock.slept -= timedelta(hours=1)  # set back: nothing was slept
    client.send_message("still there", timeout=WAIT_S)
    assert server.sessions == 1


def test_the_longest_pause_is_checked(make: Make) -> None:
    """What is no time is refused; the settings come back with None."""
    client = make(reconnect_max_s=7.0)
    assert client.longest_pause_s == 7.0
    client.longest_pause_s = 300
    assert client.longest_pause_s == 300
    for wrong in (0, -1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="longest_pause_s"):
            client.longest_pause_s = wrong
    client.longest_pause_s = None
    assert client.longest_pause_s == 7.0
