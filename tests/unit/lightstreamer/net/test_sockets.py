"""Transports on a pair of sockets: what they answer, and how they end."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from websockets.frames import Frame, Opcode

from ig_sdk.errors import ConfigError
from ig_sdk.lightstreamer.net.address import parse_address, parse_proxy
from ig_sdk.lightstreamer.net.control import ControlRequests
from ig_sdk.lightstreamer.net.http import Cookies, HttpExchange
from ig_sdk.lightstreamer.net.sockets import Channel, Interest, SocketOptions, Waker, drive, open_channel, wait_ready
from ig_sdk.lightstreamer.net.websocket import OpenFailed, WebSocketTransport, connect, open_websocket
from ig_sdk.lightstreamer.tlcp.actions import Send
from ig_sdk.lightstreamer.tlcp.codec.requests import Request

ADDRESS = parse_address("http://127.0.0.1:9")


class Peer:
    """The other end of a channel."""

    def __init__(self) -> None:
        ours, self.sock = socket.socketpair()
        ours.setblocking(False)
        self.channel = Channel(ours)

    def read(self) -> bytes:
        self.sock.settimeout(5.0)
        return self.sock.recv(65536)

    def frames(self) -> list[tuple[int, bytes]]:
        """The frames that came, unmasked."""
        data, found = self.read(), []
        while data:
            length = data[1] & 0x7F
            mask, body = data[2:6], data[6 : 6 + length]
            found.append((data[0] & 0x0F, bytes(byte ^ mask[i % 4] for i, byte in enumerate(body))))
            data = data[6 + length :]
        return found

    def send(self, opcode: int, payload: bytes) -> None:
        self.sock.sendall(Frame(Opcode(opcode), payload).serialize(mask=False))


@pytest.fixture
def peer() -> Iterator[Peer]:
    """A pair of sockets."""
    peer = Peer()
    yield peer
    peer.channel.close()
    peer.sock.close()


def test_text_in_and_out(peer: Peer) -> None:
    """Requests leave as text frames; all messages of one read come as one text."""
    transport = WebSocketTransport(peer.channel)
    transport.send("wsok")
    assert peer.frames() == [(1, b"wsok")]
    peer.send(1, b"WSOK\r\n")
    peer.send(1, b"PROBE")
    assert transport.receive() == "WSOK\r\nPROBE"
    assert transport.receive() == ""
    assert (transport.ended, transport.unsent, transport.pending()) == (None, 0, False)


def test_ping_and_close(peer: Peer) -> None:
    """A ping is answered with its payload; a close frame with its code, after the text before it."""
    transport = WebSocketTransport(peer.channel)
    peer.send(9, b"here?")
    peer.send(1, b"PROBE\r\n")
    peer.send(8, b"\x03\xe9away")
    assert transport.receive() == "PROBE\r\n"
    assert transport.ended == "the server closed the WebSocket with code 1001: away"
    assert peer.frames() == [(10, b"here?"), (8, b"\x03\xe9")]


@pytest.mark.parametrize(("opcode", "payload", "code"), [(2, b"x", 1003), (1, b"\xff", 1007), (8, b"x", 1002)])
def test_violations_are_answered_with_their_code(peer: Peer, opcode: int, payload: bytes, code: int) -> None:
    """The text before a violation is handed out, the close frame says what it was."""
    transport = WebSocketTransport(peer.channel)
    peer.send(1, b"PROBE\r\n")
    peer.send(opcode, payload)
    assert transport.receive() == "PROBE\r\n"
    assert transport.ended is not None
    assert "broke the WebSocket protocol" in transport.ended
    [(kind, body)] = peer.frames()
    assert (kind, body[:2]) == (8, code.to_bytes(2, "big"))


def test_end_of_file(peer: Peer) -> None:
    """A closed socket ends the transport at once."""
    transport = WebSocketTransport(peer.channel)
    peer.sock.shutdown(socket.SHUT_WR)
    assert transport.receive() == ""
    assert transport.ended == "the server closed the connection"


def test_goodbye(peer: Peer) -> None:
    """close() sends a close frame and releases the socket; a broken one does not matter."""
    transport = WebSocketTransport(peer.channel)
    transport.close()
    assert peer.frames() == [(8, b"\x03\xe8")]
    assert peer.read() == b""
    transport.close()


def test_a_peer_that_does_not_read(peer: Peer) -> None:
    """What it does not take is kept up to a bound, then the connection counts as broken."""
    transport = WebSocketTransport(peer.channel)
    for _ in range(40):
        transport.send("x" * 200_000)
    assert transport.ended is not None
    assert "does not read" in transport.ended


def test_waker(peer: Peer) -> None:
    """A wake-up ends the present or the next wait; many count once; none is lost before or after its life."""
    waker = Waker()
    waker.wake()
    waker.open()
    assert wait_ready([waker.interest], 0.0) == set()
    for _ in range(100_000):
        waker.wake()
    assert wait_ready([waker.interest], 0.0) == {waker.interest.fileno}
    waker.clear()
    assert wait_ready([waker.interest], 0.0) == set()
    waker.close()
    waker.wake()


def exchange(peer: Peer) -> HttpExchange:
    return HttpExchange(ADDRESS, Cookies(), SocketOptions(max_message_bytes=1000), channel=peer.channel)


def test_http_exchange(peer: Peer) -> None:
    """The request leaves whole; the answer's lines come whole; its end is told."""
    http = exchange(peer)
    http.post("/lightstreamer/control.txt?LS_protocol=TLCP-2.4.0", "LS_op=add")
    assert peer.read().startswith(b"POST /lightstreamer/control.txt?LS_protocol=TLCP-2.4.0 HTTP/1.1\r\n")
    peer.sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\nREQOK,1\r\nREQ")
    assert http.receive() == "REQOK,1\r\n"
    peer.sock.sendall(b"OK,")
    assert http.receive() == "REQOK,"
    assert http.ended == "the answer is complete"
    assert not http.unavailable


@pytest.mark.parametrize(
    ("answer", "unavailable"),
    [
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno", True),
        (b"HTTP/1.1 503 Busy\r\nContent-Length: 2\r\n\r\nno", False),
        (b"SSH-2.0\r\n\r\n", True),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 2000, True),
    ],
)
def test_http_faults(peer: Peer, answer: bytes, unavailable: bool) -> None:
    """Another status, another protocol and endless lines end the exchange without text."""
    http = exchange(peer)
    http.post("/", "")
    peer.sock.sendall(answer)
    assert http.receive() == ""
    assert http.ended is not None
    assert http.unavailable is unavailable


def test_http_ends_early(peer: Peer) -> None:
    """A connection that closes before the answer is whole is a loss."""
    http = exchange(peer)
    http.post("/", "")
    peer.sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nREQOK,1\r\n")
    assert http.receive() == "REQOK,1\r\n"
    peer.sock.shutdown(socket.SHUT_WR)
    http.receive()
    assert http.ended == "the server closed the connection"


def test_http_line_cut_by_the_close(peer: Peer) -> None:
    """Where only the close ends the body, a last line without CR-LF is no line: a value cut short is a value, too."""
    http = exchange(peer)
    http.post("/", "")
    peer.sock.sendall(b"HTTP/1.1 200 OK\r\n\r\nU,1,1,1.25|1.26\r\nU,1,1,1.35|1.3")
    assert http.receive() == "U,1,1,1.25|1.26\r\n"
    peer.sock.shutdown(socket.SHUT_WR)
    assert http.receive() == ""
    assert http.ended


def test_cookies() -> None:
    """Cookies go back to the host they came from, the last value of each, not without end."""
    cookies = Cookies()
    cookies.take("a", ["x=1; Path=/; HttpOnly", "y=2", "nonsense"])
    cookies.take("a", ["x=3"])
    assert cookies.header("a") == "x=3; y=2"
    assert cookies.header("b") == ""
    cookies.take("a", ["x=4\nX-Evil: 1", "z=" + "9" * 5000, "=3"])
    assert cookies.header("a") == "x=3; y=2"
    for number in range(1000):
        cookies.take(f"host{number}", ["x=1"])
    assert cookies.header("host999") == ""
    cookies = Cookies()
    cookies.take("c", [f"n{number}=1" for number in range(1000)])
    assert len(cookies.header("c")) < 1000


REQUEST = Request("control", ((("LS_reqId", "1"),),))


@pytest.mark.parametrize("url", ["http://192.0.2.1", "http://localhost:1"])
def test_a_control_request_that_cannot_be_sent(url: str) -> None:
    """A plain link off loopback and a port that refuses end the request, not the stream."""
    control = ControlRequests(Cookies(), SocketOptions(max_message_bytes=1000), lambda: 0.0)
    control.send(Send(REQUEST, url=url), "2.4.0")
    for _ in range(10):
        if not control:
            break
        list(control.answers(wait_ready(control.interests, 0.5), 0.0))
    assert not control
    control.close()


def test_a_control_request_that_nobody_answers() -> None:
    """Its deadline ends it; others wait for their turn meanwhile, and close releases all."""
    with socket.create_server(("127.0.0.1", 0)) as mute:
        now = [0.0]
        control = ControlRequests(
            Cookies(), SocketOptions(connect_timeout_s=5.0, max_message_bytes=1000), lambda: now[0]
        )
        for _ in range(6):
            control.send(Send(REQUEST, url=f"http://127.0.0.1:{mute.getsockname()[1]}"), "2.4.0")
        assert len(control.interests) == 4
        assert control.deadlines == [5.0] * 4
        now[0] = 5.0
        assert list(control.answers(set(), now[0])) == []
        assert len(control.interests) == 2
        control.close()
        assert not control


def fail(interest: Interest) -> None:
    raise OpenFailed("no time")


def test_opening_that_is_given_up_releases_its_socket() -> None:
    """What the wait raises reaches the caller; no socket is left (the test run would notice)."""
    with socket.create_server(("127.0.0.1", 0)) as mute:
        address = parse_address(f"ws://127.0.0.1:{mute.getsockname()[1]}/lightstreamer")
        with pytest.raises(OpenFailed, match="no time"):
            open_websocket(address, "TLCP-2.4.0.lightstreamer.com", SocketOptions(), fail)


def ready(interest: Interest) -> None:
    assert wait_ready([interest], 5.0)


@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 302 Found\r\nLocation: ws://192.0.2.1/\r\n\r\n",
        b"HTTP/1.1 404 Not Found\r\n\r\n",
        b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: wrong\r\n\r\n",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 101 X\r\n" + b"X: " + b"x" * 70_000,
        b"",
    ],
)
def test_handshakes_that_are_none(reply: bytes) -> None:
    """Redirects, errors, a wrong key, endless headers and silence end in the one declared error."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = parse_address(f"ws://127.0.0.1:{listener.getsockname()[1]}/lightstreamer")
        served: list[socket.socket] = []

        def wait(interest: Interest) -> None:
            if not interest.write and not served:
                sock, _ = listener.accept()
                served.append(sock)
                sock.sendall(reply)
                sock.shutdown(socket.SHUT_WR)
            ready(interest)

        with pytest.raises(OpenFailed):
            open_websocket(address, "TLCP-2.4.0.lightstreamer.com", SocketOptions(), wait)
        for sock in served:
            sock.close()


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", f"https://{'x' * 80}.invalid"])
def test_no_connection(url: str) -> None:
    """A refused port and a name that DNS cannot have are the same declared error."""
    with pytest.raises(OpenFailed, match="cannot connect"):
        connect(parse_address(url), SocketOptions(), ready)


def test_plain_text_is_not_sent_through_a_proxy_elsewhere() -> None:
    """Loopback through a remote proxy would leave the machine in plain text."""
    options = SocketOptions(proxy=parse_proxy("http://192.0.2.1:3128"))
    with pytest.raises(OSError, match="plain"):
        drive(open_channel(ADDRESS, options), ready)


def test_ca_bundle_that_cannot_be_read(tmp_path: object) -> None:
    """A file without certificates is a fault of the configuration; a folder is taken."""
    path = f"{tmp_path}/bundle.pem"
    with open(path, "w", encoding="ascii") as file:  # noqa: PTH123
        file.write("nothing")
    with pytest.raises(ConfigError):
        _ = SocketOptions(ca_bundle=path).tls
    assert SocketOptions(ca_bundle=str(tmp_path)).tls
