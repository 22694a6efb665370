"""RequestsTransport against servers that misbehave, over loopback."""

from __future__ import annotations

import contextlib
import dataclasses
import re
import socket
import ssl
import struct
import threading
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from ig_sdk.errors import (
    ConfigError,
    ConnectFailed,
    ConnectionLost,
    DecodeError,
    IGError,
    RequestTimeout,
    TransportError,
)
from ig_sdk.rest.http import transport as transport_module
from ig_sdk.rest.http.transport import Request, RequestsTransport, Timeout

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
Script = Callable[[socket.socket, threading.Event], None]


class Server:
    """Hands each connection to a script, on one thread."""

    def __init__(self, script: Script) -> None:
        self.connections = 0
        self.spoken = threading.Event()
        self._script = script
        self._done = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/x"
        self._thread = threading.Thread(target=self._serve, name="test-server")
        self._thread.start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while not self._done.is_set():
                connection, _ = self._listener.accept()
                self.connections += 1
                with connection, contextlib.suppress(OSError):
                    connection.settimeout(10)
                    self._script(connection, self._done)

    def close(self) -> None:
        self._done.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)


@contextlib.contextmanager
def serving(script: Script) -> Iterator[tuple[Server, RequestsTransport]]:
    server, transport = Server(script), RequestsTransport()
    try:
        yield server, transport
    finally:
        transport.close()
        server.close()


def read_request(connection: socket.socket) -> bytes:
    # To its last byte: what closes with something unread resets the connection.
    data, size = b"", 0
    while b"\r\n\r\n" not in data or len(data) < size:
        part = connection.recv(65_536)
        if not part:
            raise ConnectionResetError("gone")
        data += part
        length = re.search(rb"(?i)content-length: (\d+)", data)
        size = data.find(b"\r\n\r\n") + 4 + (int(length[1]) if length else 0)
    return data


def get(transport: RequestsTransport, url: str, read_s: float = 5.0) -> bytes:
    return transport.send(Request("GET", url), timeout=Timeout(2.0, read_s)).body


def test_connections_are_used_again() -> None:
    """Many requests, one connection."""

    def script(connection: socket.socket, done: threading.Event) -> None:
        while not done.is_set():
            read_request(connection)
            connection.sendall(OK)

    with serving(script) as (server, transport):
        assert [get(transport, server.url) for _ in range(5)] == [b"ok"] * 5
        assert server.connections == 1


def test_a_mute_server_times_out() -> None:
    """No answer ends as RequestTimeout, possibly sent."""

    def script(connection: socket.socket, done: threading.Event) -> None:
        read_request(connection)
        done.wait(10)

    with serving(script) as (server, transport), pytest.raises(RequestTimeout) as excinfo:
        get(transport, server.url, read_s=0.2)
    assert excinfo.value.sent == "maybe"


@pytest.mark.parametrize("start", [b"HTTP/1.1 200 OK\r\nX-A: ", b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n", b""])
def test_a_dripping_server_times_out(start: bytes) -> None:
    """The whole answer has a deadline: a byte now and then does not extend it, in the head or in the body."""

    def script(connection: socket.socket, done: threading.Event) -> None:
        read_request(connection)
        connection.sendall(start)
        while not done.wait(0.02):
            connection.sendall(b"x")

    with serving(script) as (server, transport), pytest.raises(RequestTimeout) as excinfo:
        transport.send(Request("GET", server.url), timeout=Timeout(0.1, 0.3))
    assert excinfo.value.sent == "maybe"


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd",
        b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 200 + b"\r\n",
        b"SSH-2.0-not-http\r\n\r\n",
        b"\x00\xff" * 100,
    ],
)
def test_a_broken_answer_is_a_lost_connection(answer: bytes) -> None:
    """Half an answer, or none of HTTP, may have been preceded by the deed."""

    def script(connection: socket.socket, _done: threading.Event) -> None:
        read_request(connection)
        connection.sendall(answer)

    with serving(script) as (server, transport), pytest.raises(ConnectionLost) as excinfo:
        get(transport, server.url)
    assert excinfo.value.sent == "maybe"


@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"])
def test_another_thread_cuts_a_request_off(head: bytes) -> None:
    """abort() wakes a request that waits for the head or for the body, and the transport still works."""
    waiting = threading.Event()
    mute = threading.Event()
    mute.set()

    def script(connection: socket.socket, done: threading.Event) -> None:
        read_request(connection)
        if not mute.is_set():
            connection.sendall(OK)
            return
        connection.sendall(head)
        waiting.set()
        done.wait(0.1)
        connection.recv(1)  # returns when the other side is cut off

    with serving(script) as (server, transport), ThreadPoolExecutor(1, "test-caller") as pool:
        call = pool.submit(get, transport, server.url, 30.0)
        assert waiting.wait(5)
        transport.abort()
        with pytest.raises(ConnectionLost, match="cut off"):
            call.result(5)
        mute.clear()
        assert get(transport, server.url) == b"ok"


def test_a_stale_connection_is_not_hidden() -> None:
    """A kept connection that the server closed after the next request left is not silently tried again."""
    requests_seen: list[bytes] = []

    def script(connection: socket.socket, _done: threading.Event) -> None:
        requests_seen.append(read_request(connection))
        connection.sendall(OK)
        requests_seen.append(read_request(connection))

    with serving(script) as (server, transport):
        assert get(transport, server.url) == b"ok"
        with pytest.raises(ConnectionLost) as excinfo:
            transport.send(Request("POST", server.url, body=b"{}"), timeout=Timeout(2.0, 5.0))
        assert excinfo.value.sent == "maybe"
    assert len(requests_seen) == 2


def test_a_proxy_that_refuses_saw_nothing_of_the_request() -> None:
    """A CONNECT that is refused leaves the request unsent, and the error shows no password of the proxy."""
    heads: list[bytes] = []

    def script(connection: socket.socket, _done: threading.Event) -> None:
        heads.append(read_request(connection))
        connection.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")

    server = Server(script)
    proxy = server.url.replace("http://", "http://user:canary@").removesuffix("/x")
    transport = RequestsTransport(proxy=proxy)
    try:
        with pytest.raises(ConnectFailed) as excinfo:
            transport.send(Request("POST", "https://demo-api.ig.com/x", {"CST": "t"}, b"{}"), timeout=Timeout(2, 2))
    finally:
        transport.close()
        server.close()
    assert excinfo.value.sent == "no"
    assert "canary" not in str(excinfo.value)
    assert heads[0].startswith(b"CONNECT demo-api.ig.com:443")
    assert b"CST" not in heads[0]


def over_tls(certificate: Path, script: Script) -> Script:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def wrapped(connection: socket.socket, done: threading.Event) -> None:
        with context.wrap_socket(connection, server_side=True) as secure:
            script(secure, done)

    return wrapped


def test_certificates_are_checked(authority: Any, other_authority: Any) -> None:
    """A certificate is accepted with the bundle of its own authority; with another's or none, nothing is sent."""
    heads: list[bytes] = []

    def script(connection: socket.socket, _done: threading.Event) -> None:
        heads.append(read_request(connection))
        connection.sendall(OK)

    server = Server(over_tls(authority.server, script))
    url = server.url.replace("http:", "https:")
    usual = RequestsTransport()
    other, trusting = (RequestsTransport(ca_bundle=str(each.bundle)) for each in (other_authority, authority))
    try:
        for strict in (usual, other):
            with pytest.raises(ConnectFailed, match="certificate is not accepted") as excinfo:
                get(strict, url)
            assert (excinfo.value.sent, heads) == ("no", [])
            assert "ca_bundle" in (excinfo.value.hint or "")
        assert get(trusting, url) == b"ok"
        with pytest.raises(ConnectFailed):  # the name counts too
            get(trusting, url.replace("127.0.0.1", "localhost"))
    finally:
        for transport in (usual, other, trusting):
            transport.close()
        server.close()


def test_a_request_over_tls_is_cut_off_too(authority: Any) -> None:
    """abort() wakes a blocked read of an encrypted connection."""
    waiting = threading.Event()

    def script(connection: socket.socket, _done: threading.Event) -> None:
        read_request(connection)
        waiting.set()
        connection.recv(1)

    server, transport = Server(over_tls(authority.server, script)), RequestsTransport(ca_bundle=str(authority.bundle))
    try:
        with ThreadPoolExecutor(1, "test-caller") as pool:
            call = pool.submit(get, transport, server.url.replace("http:", "https:"), 30.0)
            assert waiting.wait(5)
            transport.abort()
            assert isinstance(call.exception(5), ConnectionLost)
    finally:
        transport.close()
        server.close()


def test_many_threads_share_one_transport() -> None:
    """Requests of many threads do not mix up."""

    def script(connection: socket.socket, _done: threading.Event) -> None:
        name = read_request(connection).split(b" ")[1]
        head = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(name)
        connection.sendall(head + name)

    with serving(script) as (server, transport), ThreadPoolExecutor(8, "test-caller") as pool:
        answers = list(pool.map(lambda number: get(transport, f"{server.url}/{number}"), range(40)))
    assert answers == [b"/x/%d" % number for number in range(40)]


REQUEST = Request("POST", "", {"CST": "t" * 30}, b'{"dealReference": "mine"}')
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
SIZED = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{"a": 12.5}'


def reset(connection: socket.socket) -> None:
    """Break the connection off instead of ending it."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def outcome(transport: RequestsTransport, url: str, read_s: float = 5.0) -> Exception | bytes:
    try:
        return transport.send(dataclasses.replace(REQUEST, url=url), timeout=Timeout(2.0, read_s)).body
    except IGError as error:
        return error


@pytest.mark.parametrize("read", [1, 20, 60, 150, 10_000])
def test_a_request_cut_anywhere_may_have_been_sent(read: int) -> None:
    """A server that breaks off while it reads, wherever, leaves a request that may have arrived."""

    def script(connection: socket.socket, _done: threading.Event) -> None:
        connection.recv(read, socket.MSG_WAITALL if read < 150 else 0)
        reset(connection)

    with serving(script) as (server, transport):
        error = outcome(transport, server.url)
    assert isinstance(error, ConnectionLost)
    assert error.sent == "maybe"


@pytest.mark.parametrize("answer", [SIZED, CHUNKED])
@pytest.mark.parametrize("rough", [False, True])
def test_an_answer_cut_anywhere_is_a_lost_connection(answer: bytes, rough: bool) -> None:
    """An answer of which one byte is missing, whichever, is none; the whole one is."""
    # Once the zero that ends a chunked answer is there, only line ends are missing, which nobody waits for.
    needed = len(answer) - 4 * (answer is CHUNKED)
    lengths = iter(range(needed + 1))

    def script(connection: socket.socket, _done: threading.Event) -> None:
        read_request(connection)
        connection.sendall(answer[: next(lengths)])
        if rough:
            reset(connection)

    with serving(script) as (server, transport):
        errors = [outcome(transport, server.url) for _ in range(needed)]
        assert {type(error) for error in errors} == {ConnectionLost}
        assert {error.sent for error in errors if isinstance(error, TransportError)} == {"maybe"}
        if not rough:
            assert isinstance(outcome(transport, server.url), bytes)


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: 99999999999999999999",
        b"Content-Length: -5",
        b"Content-Length: many",
        b"Content-Length: 5, 6",
        b"Transfer-Encoding: chunked\r\nContent-Length: 3",
        b"Transfer-Encoding: gzip",
    ],
)
def test_a_server_that_lies_about_its_length_is_not_waited_for(head: bytes) -> None:
    """A length that is wrong, or none, ends with the connection or with the time; never in a call that hangs."""

    def script(connection: socket.socket, done: threading.Event) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n\r\nabc")
        done.wait(10)

    with serving(script) as (server, transport):
        error = outcome(transport, server.url, read_s=0.2)
    assert isinstance(error, (ConnectionLost, RequestTimeout))
    assert error.sent == "maybe"


@pytest.mark.parametrize(
    "line", [b"CST canary7f3a", b"X: y\r\nCST canary7f3a", b" CST: canary7f3a", b"CST: canary7f3a\rX"]
)
def test_a_head_that_cannot_be_read_is_not_logged(line: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """What is no header in an answer may be a token: it is in no log of ours or of the libraries below."""
    caplog.set_level("DEBUG")

    def script(connection: socket.socket, _done: threading.Event) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\n" + line + b"\r\nContent-Length: 2\r\n\r\nok")

    with serving(script) as (server, transport):
        outcome(transport, server.url)
    assert "canary" not in caplog.text


def test_what_is_left_over_is_nobodys_answer() -> None:
    """Bytes behind the promised length do not become the answer to the next request."""

    def script(connection: socket.socket, _done: threading.Event) -> None:
        read_request(connection)
        connection.sendall(OK + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")

    with serving(script) as (server, transport):
        answers = set()
        for _ in range(20):
            # The server ends a connection, sometimes just when it is used again.
            with contextlib.suppress(ConnectionLost):
                answers.add(get(transport, server.url))
        assert answers == {b"ok"}


@pytest.mark.parametrize(
    "start", [b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 200 OK\r\nX: "]
)
def test_an_answer_without_end_is_given_up(start: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither an endless body nor an endless head fills the memory or takes for ever."""
    monkeypatch.setattr(transport_module, "MAX_BODY", 1_000_000)

    def script(connection: socket.socket, done: threading.Event) -> None:
        read_request(connection)
        while not done.is_set():
            connection.sendall(start if b"100" in start else start[:0] or b"x" * 65_536)

    def first(connection: socket.socket, done: threading.Event) -> None:
        connection.sendall(start)
        script(connection, done)

    with serving(first) as (server, transport):
        error = outcome(transport, server.url, read_s=1.0)
    assert isinstance(error, (ConnectionLost, RequestTimeout, DecodeError))


@pytest.mark.parametrize("value", ["canary\r\nX-Evil: canary", "\u043a\u043b\u044e\u0447", "canary\ncanary"])
def test_a_header_that_cannot_be_sent_is_not_shown(value: str) -> None:
    """A token with odd characters ends before anything leaves, and the error does not repeat it."""
    with serving(lambda _connection, _done: None) as (server, transport):
        with pytest.raises(ConfigError) as excinfo:
            transport.send(Request("GET", server.url, {"CST": value}), timeout=Timeout(2, 2))
        told = "".join(traceback.format_exception(excinfo.value))
    assert not [part for part in ("canary", "\u043a\u043b\u044e\u0447", "X-Evil") if part in told]


def test_an_interim_answer_is_not_the_answer() -> None:
    """What is sent before the answer is passed over; the answer behind it does not go to the next request."""

    def script(connection: socket.socket, done: threading.Event) -> None:
        while not done.is_set():
            path = read_request(connection).split(b" ")[1]
            connection.sendall(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n")
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n" + path)

    with serving(script) as (server, transport):
        assert [get(transport, server.url.removesuffix("x") + name) for name in "abc"] == [b"/a", b"/b", b"/c"]
        assert server.connections == 1


def test_connecting_and_answering_share_one_limit() -> None:
    """A limit for the whole is kept even where that of the answer alone would allow more."""

    def script(connection: socket.socket, done: threading.Event) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n")
        while not done.wait(0.02):
            connection.sendall(b"x")

    with serving(script) as (server, transport), pytest.raises(RequestTimeout):
        transport.send(Request("GET", server.url), timeout=Timeout(60.0, 60.0, whole_s=0.2))
