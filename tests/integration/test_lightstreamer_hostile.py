"""A server that means harm, on real sockets: every evil ends in a told event and a growing wait, and close always works."""

from __future__ import annotations

import base64
import hashlib
import queue
import random
import re
import socket
import struct
import threading
from collections.abc import Callable, Iterator

import pytest

from ig_sdk.clock import ManualClock
from ig_sdk.errors import StreamError
from ig_sdk.lightstreamer import (
    ClientListener,
    ConnectionStatus,
    LightstreamerClient,
    StatusChanged,
    Subscription,
)

WAIT_S = 10.0
MAX_MESSAGE = 64 * 1024
CONOK = "CONOK,S1,50000,5000,*\r\n"
STREAM = CONOK + "SUBOK,1,1,2\r\nU,1,1,a|b\r\n"
HTTP = b"HTTP/1.1 200 OK\r\nContent-Type: text/enriched\r\n"


def frame(payload: bytes, first: int = 0x81) -> bytes:
    size = len(payload)
    if size < 126:
        return bytes((first, size)) + payload
    return bytes((first, 126)) + struct.pack(">H", size) + payload


class Gone(Exception):
    """The client has left."""


class Peer:
    """One accepted connection."""

    def __init__(self, sock: socket.socket, number: int) -> None:
        self.sock = sock
        self.number = number
        self.head = b""

    def read_head(self) -> bytes:
        while b"\r\n\r\n" not in self.head:
            data = self.sock.recv(4096)
            if not data:
                raise Gone
            self.head += data
        return self.head

    def handshake(self) -> bytes:
        key = re.search(rb"Sec-WebSocket-Key: (\S+)", self.read_head(), re.IGNORECASE)
        protocol = re.search(rb"Sec-WebSocket-Protocol: (\S+)", self.head, re.IGNORECASE)
        if key is None or protocol is None:
            return b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
        accept = base64.b64encode(hashlib.sha1(key[1] + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
        return (
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept + b"\r\nSec-WebSocket-Protocol: " + protocol[1] + b"\r\n\r\n"
        )

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def for_ever(self, data: bytes) -> None:
        """Send the same until the client leaves."""
        while True:
            self.send(data)

    def drip(self, data: bytes) -> None:
        pause = threading.Event()
        while True:
            self.send(data)
            pause.wait(0.002)

    def hold(self) -> None:
        """Stay, and read what comes, until the client leaves."""
        while self.sock.recv(65536):
            pass


Behave = Callable[[Peer], None]


class Hostile:
    """Accepts, and does to each connection as it is told."""

    def __init__(self, behave: Behave) -> None:
        self.behave = behave
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.accepted = 0
        self.seen = threading.Event()
        self.open: list[socket.socket] = []
        self.closing = False
        self.threads = [threading.Thread(target=self._accept, name="hostile-accept")]
        self.threads[0].start()

    def _accept(self) -> None:
        while True:
            sock, _ = self.listener.accept()
            if self.closing:
                sock.close()
                return
            self.accepted += 1
            self.open.append(sock)
            thread = threading.Thread(target=self._serve, args=(Peer(sock, self.accepted),), name="hostile-peer")
            self.threads.append(thread)
            thread.start()
            self.seen.set()

    def _serve(self, peer: Peer) -> None:
        try:
            self.behave(peer)
        except (OSError, Gone):
            pass
        finally:
            peer.sock.close()

    def close(self) -> None:
        self.closing = True
        socket.create_connection(self.listener.getsockname()[:2], timeout=WAIT_S).close()
        self.threads[0].join(WAIT_S)
        self.listener.close()
        # The client is closed: every peer has seen the end of its connection, so nothing is left to wait for.
        for thread in self.threads[1:]:
            thread.join(WAIT_S)
            assert not thread.is_alive(), "a socket was left open by the client"
        for sock in self.open:
            sock.close()


class Recorder(ClientListener):
    """Keeps what the client tells."""

    def __init__(self) -> None:
        self.statuses: queue.Queue[StatusChanged] = queue.Queue()
        self.errors: list[StreamError] = []

    def on_status(self, event: StatusChanged) -> None:
        self.statuses.put(event)

    def on_error(self, error: StreamError) -> None:
        self.errors.append(error)


class Rig:
    """A client with a clock of its own, whose time passes only while nothing happens."""

    def __init__(self, server: Hostile, *transports: str) -> None:
        self.server = server
        self.clock = ManualClock()
        self.recorder = Recorder()
        self.client = LightstreamerClient(
            server.url,
            user="me",
            password="secret",
            transports=transports or ("ws",),  # type: ignore[arg-type]
            protocol_versions=("2.4.0",),
            max_message_bytes=MAX_MESSAGE,
            clock=self.clock,
        )
        self.client.add_listener(self.recorder)
        self.client.subscribe(Subscription("MERGE", ["item"], ["a", "b"]))

    def pass_time(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.client._engine.runner.wake()

    def next_status(self) -> StatusChanged | None:
        """Return what is told next; ``None`` when nothing needs to be told of a session that is polled."""
        accepted = self.server.accepted
        for _ in range(100):
            try:
                return self.recorder.statuses.get(timeout=0.01)
            except queue.Empty:
                self.pass_time(0.5)
        if self.server.accepted > accepted:
            return None
        try:  # manual time runs ahead of a busy machine: the client may not have had its turn yet
            return self.recorder.statuses.get(timeout=WAIT_S)
        except queue.Empty:
            raise AssertionError("nothing is reported and nothing happens: a dead reader") from None

    def until_it_waits(self) -> ConnectionStatus:
        """Return the status when the client says that it gave up or waits, or after some time."""
        end = self.clock.monotonic() + 10
        while True:
            event = self.next_status()
            if event is None or event.status is ConnectionStatus.FAILED or self.clock.monotonic() > end:
                return self.client.status
            if event.retry_in_s:
                self.pass_time(event.retry_in_s)
                return event.status

    def close(self) -> None:
        closer = threading.Thread(target=self.client.close, name="closer")
        closer.start()
        for _ in range(1000):
            closer.join(0.01)
            if not closer.is_alive():
                break
            self.pass_time(0.2)
        assert not closer.is_alive()
        assert self.client.status is ConnectionStatus.DISCONNECTED
        # close() counts its time by the manual clock, which runs ahead of a busy machine: a thread may still be going.
        for thread in threading.enumerate():
            if thread.name.startswith("ig-stream"):
                thread.join(WAIT_S)
                assert not thread.is_alive(), thread.name


def upgraded(data: bytes, *, then: str = "hold") -> Behave:
    """Upgrade, send, and stay (or close)."""

    def behave(peer: Peer) -> None:
        peer.send(peer.handshake() + data)
        if then == "hold":
            peer.hold()

    return behave


def said(text: str, *, then: str = "hold") -> Behave:
    return upgraded(b"".join(frame(part.encode()) for part in _messages(text)), then=then)


def _messages(text: str) -> Iterator[str]:
    lines = text.split("\r\n")
    for start in range(0, len(lines), 500):
        yield "\r\n".join(lines[start : start + 500]) + "\r\n"


def answered(data: bytes, *, then: str = "hold") -> Behave:
    """Answer a POST."""

    def behave(peer: Peer) -> None:
        peer.read_head()
        peer.send(data)
        if then == "hold":
            peer.hold()

    return behave


def flooded(start: bytes, data: bytes) -> Behave:
    def behave(peer: Peer) -> None:
        peer.read_head()
        peer.send(start)
        peer.for_ever(data)

    return behave


def upgraded_flood(start: bytes, data: bytes) -> Behave:
    def behave(peer: Peer) -> None:
        peer.send(peer.handshake() + start)
        peer.for_ever(data)

    return behave


def mute(peer: Peer) -> None:
    peer.hold()


def hang_up(peer: Peer) -> None:
    pass


def hang_up_in_the_handshake(peer: Peer) -> None:
    peer.send(peer.handshake()[:60])


def wrong_key(peer: Peer) -> None:
    peer.send(peer.handshake().replace(b"Accept: ", b"Accept: x"))
    peer.hold()


def drip_the_head(peer: Peer) -> None:
    peer.read_head()
    peer.drip(b"H")


def drip_a_frame(peer: Peer) -> None:
    peer.send(peer.handshake() + frame(CONOK.encode()) + bytes((0x81, 127)) + struct.pack(">Q", 50_000))
    peer.drip(b"x")


def never_read(peer: Peer) -> None:
    """Read nothing, so that the pongs pile up, and send no line."""
    head = peer.handshake()
    peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    peer.send(head + frame(CONOK.encode()))
    peer.for_ever(frame(b"p" * 125, 0x89) * 100)


def noise(seed: int, *, after: bytes = b"") -> Behave:
    data = random.Random(seed).randbytes(3000)

    def behave(peer: Peer) -> None:
        if after == b"upgrade":
            peer.send(peer.handshake())
        else:
            peer.read_head()
            peer.send(after)
        peer.send(data)

    return behave


WEBSOCKET: dict[str, Behave] = {
    "mute": mute,
    "hang up": hang_up,
    "hang up in the handshake": hang_up_in_the_handshake,
    "wrong key": wrong_key,
    "drip the head": drip_the_head,
    "noise for a handshake": noise(1),
    "endless header": flooded(b"HTTP/1.1 101 Switching Protocols\r\n", b"X: y\r\n" * 100),
    "endless header line": flooded(b"HTTP/1.1 101 ", b"x" * 1000),
    "endless page": flooded(b"HTTP/1.1 404 No\r\nContent-Length: 999999999999999999\r\n\r\n", b"x" * 1000),
    "broken status": answered(b"HTTP/1.1 0x1 \r\n\r\n"),
    "upgrade, then mute": upgraded(b""),
    "upgrade, then noise": noise(2, after=b"upgrade"),
    "huge frame": upgraded(frame(CONOK.encode()) + bytes((0x81, 127)) + struct.pack(">Q", 1 << 62)),
    "huge length": upgraded(frame(CONOK.encode()) + bytes((0x81, 127)) + b"\xff" * 8),
    "masked": upgraded(bytes((0x81, 0x85)) + b"mask" + b"hello"),
    "binary": upgraded(frame(CONOK.encode()) + frame(b"\0\1", 0x82)),
    "not UTF-8": upgraded(frame(STREAM.encode()) + frame(b"U,1,1,\xff\xfe|x\r\n")),
    "endless fragments": upgraded_flood(frame(CONOK.encode()) + frame(b"x", 0x01), frame(b"x" * 1000, 0x00)),
    "empty fragments": upgraded_flood(frame(CONOK.encode()) + frame(b"x", 0x01), frame(b"", 0x00) * 100),
    "pings": upgraded_flood(frame(CONOK.encode()), frame(b"p", 0x89) * 100),
    "pings, reads nothing": never_read,
    "drip a frame": drip_a_frame,
    "close frames": upgraded(frame(CONOK.encode()) + frame(struct.pack(">H", 1001) + b"bye", 0x88) * 50),
    "unknown tags": said(CONOK + "".join(f"TAG{n},x\r\n" for n in range(5000))),
    "giant numbers": said("CONOK,S1," + "9" * 40 + "," + "9" * 30 + ",*"),
    "giant keepalive": said("CONOK,S1,50000,1" + "0" * 30 + ",*"),
    "nothing allowed": said("CONOK,S1,0,0,*\r\nSUBOK,1,1,2"),
    "a keepalive of nothing": said("CONOK,S1,1,1,*\r\nSUBOK,1,1,2\r\nU,1,1,a|b", then="close"),
    "loops": said(STREAM + "LOOP,0\r\n" * 2000),
    "loops without data": said(CONOK + "LOOP,-5\r\n" * 2000),
    "ends": said(CONOK + "END,48,x\r\n" * 2000),
    "refusals": said("CONERR,5,busy\r\n" * 2000),
    "errors": said(CONOK + "ERROR,67,x\r\n" * 100),
    "strangers": said(CONOK + "".join(f"SUBOK,{n},1000000000,9\r\n" for n in range(5, 3000))),
    "absurd subscription": said(CONOK + "SUBOK,1,1000000000,2\r\nU,1,1,a|b"),
    "items out of range": said(STREAM + "U,1,2,a|b\r\n" * 100),
    "runs out of range": said(STREAM + "U,1,1,^99999\r\n" * 100),
    "percent": said(STREAM + "U,1,1,%zz|%\r\n" * 100),
    "duplicates": said(STREAM * 50),
    "out of order": said("U,1,1,a|b\r\nSUBOK,1,1,2\r\n" + CONOK),
    "prog": said(STREAM + "PROG,99\r\n" * 100),
    "one update each": said(STREAM, then="close"),
}
CHUNKED = HTTP + b"Transfer-Encoding: chunked\r\n\r\n"
OPEN = HTTP + b"\r\n" + CONOK.encode()
OVER_HTTP: dict[str, Behave] = {
    "mute": mute,
    "hang up": hang_up,
    "drip the head": drip_the_head,
    "noise": noise(3),
    "noise after the head": noise(4, after=HTTP + b"\r\n"),
    "noise for chunks": noise(5, after=CHUNKED),
    "endless head": flooded(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n" * 100),
    "endless continue": flooded(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100),
    "endless line": flooded(OPEN, b"U,1,1,aaaaaaaaaa" * 100),
    "endless chunk head": flooded(CHUNKED, b"0" * 1000),
    "endless trailer": flooded(CHUNKED + b"0\r\n", b"X: y\r\n" * 100),
    "negative length": answered(HTTP + b"Content-Length: -1\r\n\r\n"),
    "not UTF-8": answered(OPEN + b"U,1,1,\xff|x\r\n"),
    "no HTTP": answered(b"SSH-2.0-x\r\n\r\n"),
    "error page": flooded(b"HTTP/1.1 502 Bad\r\nContent-Length: 99999999999\r\n\r\n", b"x" * 1000),
    "loops": answered(OPEN + b"LOOP,0\r\n", then="close"),
    "one update each": answered(HTTP + b"\r\n" + STREAM.encode(), then="close"),
}
# Where the one sensible end is not another attempt but FAILED.
FAILS = {"errors"}


@pytest.fixture
def hostile() -> Iterator[Callable[[Behave], Hostile]]:
    """Starts hostile servers."""
    servers: list[Hostile] = []

    def start(behave: Behave) -> Hostile:
        servers.append(Hostile(behave))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


CASES = [(name, ("ws",), behave) for name, behave in WEBSOCKET.items()]
CASES += [(name, ("http-streaming",), behave) for name, behave in OVER_HTTP.items()]
CASES += [(name, ("http-polling",), OVER_HTTP[name]) for name in ("noise", "loops", "one update each", "mute")]
CASES += [
    (name, ("ws", "http-streaming", "http-polling"), WEBSOCKET[name]) for name in ("wrong key", "hang up", "mute")
]


@pytest.mark.parametrize(("name", "transports", "behave"), CASES, ids=[f"{case[1][0]}-{case[0]}" for case in CASES])
def test_evil_ends_in_a_growing_wait(hostile, name, transports, behave):
    """Each evil ends in an event and a wait; connections are few for the time that passed; then close works."""
    server = hostile(behave)
    rig = Rig(server, *transports)
    rig.client.connect()
    try:
        status = rig.until_it_waits()
        assert (status is ConnectionStatus.FAILED) is (name in FAILS)
        for _ in range(3 if name not in FAILS else 0):
            assert rig.until_it_waits() is not ConnectionStatus.FAILED
        assert server.accepted <= 60 + 21 * rig.clock.monotonic(), "the client spins"
        assert rig.client.queue_depth < 20_000
        assert len(rig.recorder.errors) <= 2 * server.accepted
    finally:
        rig.close()


@pytest.mark.parametrize(
    "name", ["mute", "upgrade, then mute", "drip the head", "endless fragments", "pings, reads nothing"]
)
def test_close_at_any_point(hostile, name):
    """Close ends both threads within its time while the server does its worst, on the machine's own clock."""
    server = hostile(WEBSOCKET[name])
    client = LightstreamerClient(server.url, transports=("ws",), max_message_bytes=MAX_MESSAGE)
    client.connect()
    assert server.seen.wait(WAIT_S)
    client.close()
    assert client.status is ConnectionStatus.DISCONNECTED
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("ig-stream")]


def test_a_server_that_hangs_up_at_each_byte(hostile):
    """One client outlives a conversation that is cut one byte later each time, and is served in the end."""
    whole = [0]
    texts = [frame(line.encode() + b"\r\n") for line in STREAM.split("\r\n")[:-1]]

    def behave(peer: Peer) -> None:
        conversation = peer.handshake() + b"".join(texts)
        whole[0] = len(conversation)
        peer.send(conversation[: peer.number])
        if peer.number >= len(conversation) and b"LS_recovery" not in peer.head:
            peer.hold()

    server = hostile(behave)
    rig = Rig(server)
    rig.client.connect()
    try:
        while (event := rig.next_status()) is not None:
            if event.retry_in_s:
                rig.pass_time(event.retry_in_s)
            if event.status is ConnectionStatus.CONNECTED and server.accepted >= whole[0]:
                break
        assert event is not None
        assert server.accepted <= whole[0] + 5
    finally:
        rig.close()
