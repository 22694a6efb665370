"""LightstreamerClient over HTTP, TLS and a proxy, against the simulator's stream server."""

from __future__ import annotations

import datetime as dt
import queue
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ig_sdk.clock import SystemClock
from ig_sdk.errors import StreamError
from ig_sdk.lightstreamer import (
    ClientListener,
    ConnectionStatus,
    ItemUpdate,
    ItemUpdatesLost,
    LightstreamerClient,
    StatusChanged,
    Subscription,
    SubscriptionListener,
    UpdateIterator,
)
from ig_sdk.simulator.faults.faults import Faults
from ig_sdk.simulator.stream.core.options import StreamOptions
from ig_sdk.simulator.stream.items.adapter import ItemAdapter
from ig_sdk.simulator.stream.items.open_items import OpenItems
from ig_sdk.simulator.stream.server import StreamServer
from ig_sdk.types import Tick

WAIT_S = 10.0
EPIC = "CS.D.EURUSD.MINI.IP"
CLOCK = SystemClock()
START = dt.datetime(2025, 1, 6, tzinfo=dt.timezone.utc)


def tick(number: int) -> Tick:
    time = START + dt.timedelta(seconds=number)
    return Tick(EPIC, 1 + number / 10_000, 1 + (number + 1) / 10_000, time, time)


class Statuses(ClientListener):
    """Keeps what the client reports."""

    def __init__(self) -> None:
        self.queue: queue.Queue[StatusChanged] = queue.Queue()

    def on_status(self, event: StatusChanged) -> None:
        self.queue.put(event)

    def wait_for(self, accept: Callable[[StatusChanged], bool]) -> StatusChanged:
        while not accept(event := self.queue.get(timeout=WAIT_S)):
            pass
        return event


Serve = Callable[..., StreamServer]
Make = Callable[..., LightstreamerClient]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts stream servers."""
    servers: list[StreamServer] = []

    def serve(**options: object) -> StreamServer:
        server = StreamServer(
            adapter=ItemAdapter(lambda epic: epic == EPIC),
            authenticate=lambda user, password: (user, password) == ("me", "secret"),
            options=StreamOptions(**options),  # type: ignore[arg-type]
            faults=Faults(),
        )
        server.start()
        servers.append(server)
        return server

    yield serve
    for server in servers:
        server.close()


@pytest.fixture
def make() -> Iterator[Make]:
    """Makes clients and closes them."""
    clients: list[LightstreamerClient] = []

    def make(url: str, *transports: str, **options: object) -> LightstreamerClient:
        client = LightstreamerClient(
            url,
            user="me",
            password="secret",
            transports=transports or ("ws",),  # type: ignore[arg-type]
            protocol_versions=("2.4.0",),
            reconnect_initial_s=0.01,
            **options,  # type: ignore[arg-type]
        )
        clients.append(client)
        return client

    yield make
    for client in clients:
        client.close()


def prices(client: LightstreamerClient) -> tuple[Subscription, UpdateIterator]:
    subscription = Subscription("DISTINCT", [f"CHART:{EPIC}:TICK"], ["BID", "OFR", "UTM"], overflow="block")
    updates = subscription.updates(timeout=WAIT_S)
    client.subscribe(subscription)
    return subscription, updates


def wait_subscribed(server: StreamServer) -> None:
    pause = threading.Event()
    deadline = CLOCK.monotonic() + WAIT_S
    while not server.subscribed([EPIC]):
        assert CLOCK.monotonic() < deadline
        pause.wait(0.005)


def publish(server: StreamServer, numbers: range) -> None:
    for number in numbers:
        assert server.wait_room(WAIT_S)
        server.publish(tick(number))


def bids(updates: UpdateIterator, count: int) -> list[float]:
    return [float(next(updates)["BID"] or "nan") for _ in range(count)]


def expected(numbers: range) -> list[float]:
    return [pytest.approx(tick(number).bid) for number in numbers]


@pytest.mark.parametrize("chunk_bytes", [0, 1, 7])
@pytest.mark.parametrize("transport", ["ws", "http-streaming", "http-polling"])
def test_all_updates_by_every_transport(serve: Serve, make: Make, transport: str, chunk_bytes: int) -> None:
    """Subscribe, receive everything in order, unsubscribe and close, however the bytes are cut (C-008 to C-010)."""
    server = serve(chunk_bytes=chunk_bytes)
    client = make(server.url, transport)
    subscription, updates = prices(client)
    client.connect()
    assert client.wait_connected(WAIT_S)
    assert client.transport == transport
    wait_subscribed(server)
    publish(server, range(200))
    assert bids(updates, 200) == expected(range(200))
    client.unsubscribe(subscription)
    assert list(updates) == []
    client.close()
    assert client.status is ConnectionStatus.DISCONNECTED
    assert server.sessions == []  # over polling too, which may be between two polls (C-125)


def test_a_used_up_http_body_is_followed_by_the_next(serve: Serve, make: Make) -> None:
    """LOOP at the end of a content-length rebinds the same session; nothing is lost (C-104 to C-106)."""
    server = serve(content_length=1_000, content_length_min=1_000)
    client = make(server.url, "http-streaming")
    _, updates = prices(client)
    statuses = Statuses()
    client.add_listener(statuses)
    client.connect()
    assert client.wait_connected(WAIT_S)
    session_id = client.session_id
    wait_subscribed(server)
    publish(server, range(150))
    assert bids(updates, 150) == expected(range(150))
    assert client.session_id == session_id
    assert statuses.wait_for(lambda event: event.continuity == "resumed")


@pytest.mark.parametrize("transport", ["ws", "http-streaming"])
def test_a_dropped_stream_loses_nothing(serve: Serve, make: Make, transport: str) -> None:
    """After a broken connection the session is recovered over the same transport."""
    server = serve()
    client = make(server.url, transport)
    _, updates = prices(client)
    statuses = Statuses()
    client.add_listener(statuses)
    client.connect()
    assert client.wait_connected(WAIT_S)
    wait_subscribed(server)
    publish(server, range(50))
    assert bids(updates, 50) == expected(range(50))
    assert server.faults.drop_stream() >= 1
    publish(server, range(50, 100))
    assert bids(updates, 50) == expected(range(50, 100))
    assert statuses.wait_for(lambda event: event.continuity == "recovered")


def test_http_takes_over_where_websockets_are_refused(serve: Serve, make: Make) -> None:
    """A gateway that does not know upgrades leads to HTTP streaming."""
    server = serve()
    gateway = Gateway(server.port)
    try:
        client = make(f"http://127.0.0.1:{gateway.port}", "ws", "http-streaming")
        _, updates = prices(client)
        client.connect()
        assert client.wait_connected(WAIT_S)
        assert client.transport == "http-streaming"
        wait_subscribed(server)
        publish(server, range(20))
        assert bids(updates, 20) == expected(range(20))
        client.close()
    finally:
        gateway.close()


class Relay:
    """Accepts connections and passes bytes on to another port: the plain part of a gateway, a proxy, a TLS front."""

    def __init__(self, port: int, context: ssl.SSLContext | None = None) -> None:
        self.target = port
        self.context = context
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.sockets: list[socket.socket] = []
        self.threads: list[threading.Thread] = []
        self.closing = False
        self.spawn(self.accept)

    def spawn(self, target: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=target, args=args, name="relay")
        self.threads.append(thread)
        thread.start()

    def accept(self) -> None:
        while True:
            sock, _ = self.listener.accept()
            if self.closing:
                sock.close()
                return
            sock.settimeout(WAIT_S * 2)
            self.spawn(self.serve, sock)

    def serve(self, sock: socket.socket) -> None:
        try:
            if self.context is not None:
                sock = self.context.wrap_socket(sock, server_side=True)
            self.sockets.append(sock)
            first = self.greet(sock)
            if first is not None:
                behind = socket.create_connection(("127.0.0.1", self.target), timeout=WAIT_S * 2)
                self.sockets.append(behind)
                behind.sendall(first)
                self.spawn(self.pump, behind, sock)
                self.pump(sock, behind)
        except OSError:
            pass
        finally:
            sock.close()

    def greet(self, sock: socket.socket) -> bytes | None:
        """Return what to send on first, or ``None`` to refuse."""
        return b""

    def pump(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                sink.sendall(data)
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self) -> None:
        self.closing = True
        socket.create_connection(("127.0.0.1", self.port), timeout=WAIT_S).close()
        self.threads[0].join(WAIT_S)
        self.listener.close()
        for sock in self.sockets:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        for thread in self.threads:
            thread.join(WAIT_S)
        for sock in self.sockets:
            sock.close()


class Gateway(Relay):
    """Refuses every upgrade, passes everything else on."""

    def greet(self, sock: socket.socket) -> bytes | None:
        first = sock.recv(65536)
        if first.startswith(b"GET"):
            sock.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 3\r\nConnection: close\r\n\r\nno!")
            return None
        return first


class TunnelProxy(Relay):
    """An HTTP proxy with a password."""

    asked: list[bytes]

    def greet(self, sock: socket.socket) -> bytes | None:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += sock.recv(1)
        self.asked = [*getattr(self, "asked", []), head]
        if b"Proxy-Authorization: Basic dTpw\r\n" not in head:
            sock.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
            return None
        sock.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        return b""


@pytest.mark.parametrize("transport", ["ws", "http-streaming"])
def test_through_a_proxy(serve: Serve, make: Make, transport: str) -> None:
    """Every connection is tunnelled with CONNECT, the control requests too."""
    server = serve()
    proxy = TunnelProxy(server.port)
    try:
        client = make(server.url, transport, proxy=f"http://u:p@127.0.0.1:{proxy.port}")
        _, updates = prices(client)
        client.connect()
        assert client.wait_connected(WAIT_S)
        wait_subscribed(server)
        publish(server, range(10))
        assert bids(updates, 10) == expected(range(10))
        assert proxy.asked[0].startswith(f"CONNECT 127.0.0.1:{server.port} HTTP/1.1\r\n".encode())
        client.close()
    finally:
        proxy.close()


def test_a_proxy_that_refuses(serve: Serve, make: Make) -> None:
    """The proxy's status is the reason; its password is not."""
    server = serve()
    proxy = TunnelProxy(server.port)
    try:
        client = make(server.url, "ws", proxy=f"http://u:wrong-word@127.0.0.1:{proxy.port}")
        statuses = Statuses()
        client.add_listener(statuses)
        client.connect()
        reason = statuses.wait_for(lambda event: event.status is ConnectionStatus.RECONNECTING).reason
        assert "407" in reason
        assert "wrong-word" not in reason
        client.close()
    finally:
        proxy.close()


@pytest.fixture
def tls(serve: Serve, authority: Any) -> Iterator[tuple[StreamServer, Relay]]:
    """A stream server behind TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.server)
    server = serve()
    relay = Relay(server.port, context)
    yield server, relay
    relay.close()


@pytest.mark.parametrize("transport", ["ws", "http-streaming", "http-polling"])
def test_tls_with_a_certificate_of_ones_own(
    tls: tuple[StreamServer, Relay], make: Make, authority: Any, transport: str
) -> None:
    """TLS works with a custom CA, for the stream and the control requests."""
    server, relay = tls
    client = make(f"https://127.0.0.1:{relay.port}", transport, ca_bundle=str(authority.bundle))
    _, updates = prices(client)
    client.connect()
    assert client.wait_connected(WAIT_S)
    wait_subscribed(server)
    publish(server, range(300))
    assert bids(updates, 300) == expected(range(300))
    client.close()


def test_tls_trusts_what_the_machine_trusts(
    tls: tuple[StreamServer, Relay], make: Make, authority: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A CA that is installed on the machine, as a company's is, needs no ca_bundle."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.bundle))
    client = make(f"wss://127.0.0.1:{tls[1].port}", "ws")
    client.connect()
    assert client.wait_connected(WAIT_S)
    client.close()


@pytest.mark.parametrize("transport", ["ws", "http-streaming"])
def test_an_untrusted_certificate_is_an_error(
    tls: tuple[StreamServer, Relay], make: Make, transport: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Two clients at once: each hears of it by on_error with the hint, is FAILED soon, and does not try for ever."""

    class Errors(Statuses):
        def __init__(self) -> None:
            super().__init__()
            self.errors: list[StreamError] = []

        def on_error(self, error: StreamError) -> None:
            self.errors.append(error)

    clients = [make(f"https://127.0.0.1:{tls[1].port}", transport) for _ in range(2)]
    heard = [Errors() for _ in clients]
    for client, errors in zip(clients, heard, strict=True):
        client.add_listener(errors)
        client.connect()
    for client, errors in zip(clients, heard, strict=True):
        errors.wait_for(lambda event: event.status is ConnectionStatus.FAILED)
        with pytest.raises(StreamError, match="certificate") as failure:
            client.wait_connected(WAIT_S)
        assert failure.value.hint is not None
        assert "ca_bundle" in failure.value.hint
        client.close()
        assert errors.errors
        assert all(error.hint == failure.value.hint for error in errors.errors)
    warnings = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len([text for text in warnings if "certificate" in text and "ca_bundle" in text]) >= 2


def test_connecting_again_from_the_callback_is_no_storm(make: Make) -> None:
    """Two clients whose sessions are refused for good, and whose callbacks connect at once: the pauses grow."""
    server = StreamServer(
        adapter=ItemAdapter(lambda epic: epic == EPIC), authenticate=lambda *_: False, faults=Faults()
    )
    server.start()

    class Stubborn(Statuses):
        def __init__(self, client: LightstreamerClient) -> None:
            super().__init__()
            self.client = client
            self.pauses: list[float] = []
            self.enough = threading.Event()

        def on_status(self, event: StatusChanged) -> None:
            if event.status is ConnectionStatus.CONNECTING:
                self.pauses.append(event.retry_in_s or 0.0)
                if len(self.pauses) >= 9:
                    self.enough.set()
            if event.status is ConnectionStatus.FAILED and not self.enough.is_set():
                self.client.connect()

    try:
        heard = []
        for _ in range(2):
            client = make(server.url)
            heard.append(Stubborn(client))
            client.add_listener(heard[-1])
            client.connect()
        for listener in heard:
            assert listener.enough.wait(WAIT_S)
            first, second, *later = listener.pauses
            assert first == second == 0.0  # the first failure is forgiven
            for number, pause in enumerate(later):
                assert 0.0 < pause <= 0.01 * 2**number
            assert later[-1] > 0.2
    finally:
        server.close()


def test_a_control_link_that_stays_silent_gives_way(serve: Serve, make: Make) -> None:
    """It accepts connections and says nothing: within seconds the requests, and the stream, are at the address again."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        server = serve(control_link=f"127.0.0.1:{silent.getsockname()[1]}")
        client = make(server.url, "http-streaming")
        statuses = Statuses()
        client.add_listener(statuses)
        client.connect()
        assert client.wait_connected(WAIT_S)
        before = CLOCK.monotonic()
        _, updates = prices(client)  # asked for at the link first
        wait_subscribed(server)
        publish(server, range(3))
        assert bids(updates, 3) == expected(range(3))
        server.faults.drop_stream()
        statuses.wait_for(lambda event: event.continuity == "recovered")
        assert CLOCK.monotonic() - before < 10.0


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_tls_verification_is_on(tls: tuple[StreamServer, Relay], make: Make, authority: Any, host: str) -> None:
    """An unknown issuer and a wrong host name are refused before anything secret is sent."""
    server, relay = tls
    bundle = {} if host == "127.0.0.1" else {"ca_bundle": str(authority.bundle)}
    client = make(f"wss://{host}:{relay.port}", "ws", **bundle)
    statuses = Statuses()
    client.add_listener(statuses)
    client.connect()
    reason = statuses.wait_for(lambda event: event.status is ConnectionStatus.RECONNECTING).reason
    assert "certificate" in reason or "mismatch" in reason.lower()
    assert server.sessions == []
    client.close()


def test_close_in_the_middle_of_http(serve: Serve, make: Make) -> None:
    """Closing ends HTTP transports as quickly as WebSockets."""
    server = serve()
    for transport in ("http-streaming", "http-polling"):
        client = make(server.url, transport)
        client.connect()
        assert client.wait_connected(WAIT_S)
        before = CLOCK.monotonic()
        client.close()
        assert CLOCK.monotonic() - before < 3.0


@pytest.mark.parametrize("transport", ["ws", "http-streaming"])
def test_close_while_nothing_answers(make: Make, transport: str) -> None:
    """A port that accepts and stays mute holds neither transport."""
    with socket.create_server(("127.0.0.1", 0)) as mute:
        client = make(f"http://127.0.0.1:{mute.getsockname()[1]}", transport)
        client.connect()
        assert not client.wait_connected(0.1)
        before = CLOCK.monotonic()
        client.close()
        assert CLOCK.monotonic() - before < 2.0


def test_liveness(serve: Serve, make: Make) -> None:
    """A server that goes mute is noticed by its silence, and the session healed."""
    server = serve(keepalive_min_ms=100)
    client = make(server.url, "ws", keepalive_s=0.1, stall_s=0.1, drop_s=0.2)
    statuses = Statuses()
    client.add_listener(statuses)
    client.connect()
    assert client.wait_connected(WAIT_S)
    assert server.faults.mute_stream() == 1
    statuses.wait_for(lambda event: event.status is ConnectionStatus.STALLED)
    statuses.wait_for(lambda event: event.status is ConnectionStatus.RECONNECTING)
    statuses.wait_for(lambda event: event.status is ConnectionStatus.CONNECTED)


@pytest.mark.parametrize("transport", ["ws", "http-streaming", "http-polling"])
def test_a_damaged_line_is_told_and_healed(make: Make, transport: str) -> None:
    """Of two items the one whose line was damaged hears of it and starts anew; the other one misses nothing."""
    faults, rows = Faults(), {"bad": [{"n": "0", "same": "x"}], "good": [{"n": "0", "same": "x"}]}
    server = StreamServer(adapter=OpenItems(rows), authenticate=lambda *_: True, faults=faults)
    server.start()

    class Heard(SubscriptionListener):
        def __init__(self) -> None:
            self.told: queue.Queue[ItemUpdate | ItemUpdatesLost] = queue.Queue()

        def on_update(self, update: ItemUpdate) -> None:
            self.told.put(update)

        def on_updates_lost(self, event: ItemUpdatesLost) -> None:
            self.told.put(event)

        def next(self) -> ItemUpdate | ItemUpdatesLost:
            return self.told.get(timeout=WAIT_S)

    try:
        client = make(server.url, transport)
        statuses, heard = Statuses(), {}
        client.add_listener(statuses)
        for name in rows:
            subscription = Subscription("MERGE", [name], ["n", "same"])
            heard[name] = Heard()
            subscription.add_listener(heard[name])
            client.subscribe(subscription)
        client.connect()
        for listener in heard.values():
            assert isinstance(listener.next(), ItemUpdate)
        faults.garble(beginning="U,1,1,", line="?U,1,1,1|")
        for number in range(1, 4):
            server.post("bad", {"n": str(number), "same": "x"})
            server.post("good", {"n": str(number), "same": "x"})
        loss = heard["bad"].next()
        assert isinstance(loss, ItemUpdatesLost)
        assert (loss.item, loss.count, loss.where) == ("bad", 1, "line")
        while isinstance(told := heard["bad"].next(), ItemUpdatesLost):
            pass  # what still came under the old name
        assert told.is_snapshot
        for number in range(1, 4):
            update = heard["good"].next()
            assert isinstance(update, ItemUpdate)
            assert update["n"] == str(number)
        assert client.status is ConnectionStatus.CONNECTED
        pause = threading.Event()
        while not faults.drop_stream():  # between two polls there is none
            pause.wait(0.002)
        statuses.wait_for(lambda event: event.continuity == "replaced")
    finally:
        server.close()
