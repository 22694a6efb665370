"""Sockets that never block: opened, read and written by one thread which waits for all of them at once.

Every wait can be woken, so ``close()`` need not shut a socket that another thread is using, and the TLS object is only
ever used by one thread (OpenSSL allows no more).
"""

from __future__ import annotations

import select
import socket
import ssl
import threading
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final, NamedTuple

from ig_sdk.errors import ConfigError
from ig_sdk.hosts import is_loopback
from ig_sdk.lightstreamer.net.address import Address, Proxy
from ig_sdk.lightstreamer.net.websocket_frames import DEFAULT_MAX_MESSAGE_BYTES
from ig_sdk.process import keep_here

_READ_BYTES: Final = 64 * 1024  # more at once leaves the processor's cache before it is dispatched (measured)
_MAX_UNSENT_BYTES: Final = 4 * 1024 * 1024
_MAX_PROXY_HEAD_BYTES: Final = 16 * 1024
# A look at the clock at least this often: it may be one that a test moves by hand.
LONGEST_WAIT_S: Final = 0.5


class Interest(NamedTuple):
    """What a socket is waited for."""

    fileno: int
    read: bool
    write: bool


class Interrupted(Exception):
    """The wait ended because the client is being closed."""


class ProxyRefused(OSError):
    """The proxy refused the tunnel.

    Attributes:
        status: Its HTTP status, as text.
    """

    def __init__(self, status: str) -> None:
        super().__init__(f"the proxy refused the tunnel with status {status}")
        self.status = status


def wait_ready(interests: Sequence[Interest], timeout: float) -> set[int]:
    """Wait until one of the sockets is ready or failed; return the file numbers of those that are.

    Args:
        interests: At least one.
        timeout: Seconds, 0 for a glance; waits at most ``LONGEST_WAIT_S``.
    """
    poll = select.poll()
    for fileno, read, write in interests:
        poll.register(fileno, (select.POLLIN if read else 0) | (select.POLLOUT if write else 0))
    # Rounded up: a wait that ends a millisecond before its deadline would be followed by a busy one.
    milliseconds = int(min(max(timeout, 0.0), LONGEST_WAIT_S) * 1000 + 0.999)
    return {fileno for fileno, _ in poll.poll(milliseconds)}


class Waker:
    """Ends one thread's wait from any other thread."""

    def __init__(self) -> None:
        self._pair: tuple[socket.socket, socket.socket] | None = None
        self._interest: Interest | None = None
        # Without it a wake-up could go to a file that was opened under the number of the closed socket.
        self._lock = threading.Lock()

    def open(self) -> None:
        """Begin: until now no thread waited, so there was none to wake."""
        pair = socket.socketpair()
        for end in pair:
            end.setblocking(False)  # noqa: FBT003 -- the socket's own signature
        self._interest = Interest(pair[0].fileno(), read=True, write=False)
        self._pair = pair

    @property
    def interest(self) -> Interest:
        """What to wait for."""
        assert self._interest is not None
        return self._interest

    def wake(self) -> None:
        """End the present wait, or the next one."""
        with self._lock:
            if self._pair is not None:
                try:
                    self._pair[1].send(b"\0")
                except OSError:  # full: a wake-up is already on its way; closed: no thread waits any more
                    pass

    def clear(self) -> None:
        """Take the wake-ups so far as seen."""
        assert self._pair is not None
        try:
            while len(self._pair[0].recv(4096)) == 4096:
                pass
        except OSError:
            pass

    def wait(self, timeout: float) -> None:
        """Wait for a wake-up, at most ``timeout`` seconds and ``LONGEST_WAIT_S``, and take it as seen."""
        if wait_ready([self.interest], timeout):
            self.clear()

    def close(self) -> None:
        """Release both ends."""
        with self._lock:
            for end in self._pair or ():
                end.close()


@dataclass(frozen=True)
class SocketOptions:
    """How connections are opened, and what is accepted on them.

    Attributes:
        proxy: Tunnel through this one.
        ca_bundle: File or folder of certificates to trust instead of the usual ones.
        connect_timeout_s: For the whole opening: connect, tunnel, TLS, handshake.
        max_message_bytes: Longest message or line to accept.
    """

    proxy: Proxy | None = None
    ca_bundle: str | None = None
    connect_timeout_s: float = 10.0
    max_message_bytes: int = DEFAULT_MAX_MESSAGE_BYTES

    @cached_property
    def tls(self) -> ssl.SSLContext:
        """The one TLS context: certificates and host names are always checked.

        Trusted are the machine's own certificates, where a company's are installed (``SSL_CERT_FILE`` and
        ``SSL_CERT_DIR`` count), and those that ``requests`` brings along, for a machine without any; or ``ca_bundle``
        alone.
        """
        if self.ca_bundle is None:
            # Here, because all of requests comes with it and a plain connection needs none of it.
            from requests.certs import where as requests_bundle  # type: ignore[attr-defined]  # noqa: PLC0415 -- the stubs lack it

            context = ssl.create_default_context()
            context.load_verify_locations(requests_bundle())
            return context
        path = Path(self.ca_bundle)
        try:
            return ssl.create_default_context(
                cafile=None if path.is_dir() else str(path), capath=str(path) if path.is_dir() else None
            )
        except (OSError, ssl.SSLError) as error:
            raise ConfigError([f"ca_bundle: cannot be read as certificates ({type(error).__name__})"]) from error


Opening = Generator[Interest, None, "Channel"]


class Channel:
    """One open connection, plain or TLS.

    Threading:
        Used by the I/O thread only.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._unsent = bytearray()
        self._read_wants_write = False  # TLS may need to write in order to read
        self._broken: OSError | None = None  # met after bytes that had to be handed out first

    @property
    def interest(self) -> Interest:
        """What to wait for: always bytes, and room while something is unsent."""
        return Interest(self._sock.fileno(), read=True, write=bool(self._unsent) or self._read_wants_write)

    @property
    def unsent(self) -> int:
        """Bytes that the peer has not taken yet."""
        return len(self._unsent)

    def pending(self) -> bool:
        """Whether decrypted bytes wait inside the TLS object, where no poll sees them."""
        return isinstance(self._sock, ssl.SSLSocket) and self._sock.pending() > 0

    def read(self, limit: int = _READ_BYTES) -> bytes | None:
        """Return what has come: ``None`` when nothing has, ``b""`` when the peer closed.

        Raises:
            OSError: The connection broke.
        """
        if self._broken is not None:
            raise self._broken
        self._read_wants_write = False
        data = self._read_once(limit)
        if not data or len(data) == limit or not isinstance(self._sock, ssl.SSLSocket):
            return data
        # One call gives at most one TLS record, however small; many of them are worth one pass.
        pieces, size = [data], len(data)
        try:
            while size < limit and (data := self._read_once(limit - size)):
                pieces.append(data)
                size += len(data)
        except OSError as error:
            self._broken = error
        return b"".join(pieces)

    def _read_once(self, limit: int) -> bytes | None:
        try:
            return self._sock.recv(limit)
        except (BlockingIOError, InterruptedError, ssl.SSLWantReadError):
            return None
        except ssl.SSLWantWriteError:
            self._read_wants_write = True
            return None
        except ssl.SSLEOFError:
            return b""

    def write(self, data: bytes) -> None:
        """Send ``data`` as far as the peer takes it now; the rest is kept for ``flush``.

        Raises:
            OSError: The connection broke, or the peer does not read and too much is unsent.
        """
        self._unsent += data
        self.flush()
        if len(self._unsent) > _MAX_UNSENT_BYTES:
            raise OSError("the peer does not read what is sent to it")

    def flush(self) -> None:
        """Send what is unsent as far as the peer takes it now.

        Raises:
            OSError: The connection broke.
        """
        while self._unsent:
            try:
                sent = self._sock.send(self._unsent)
            except (BlockingIOError, InterruptedError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return
            del self._unsent[:sent]

    def close(self) -> None:
        """Release the socket at once."""
        self._sock.close()


def open_channel(address: Address, options: SocketOptions) -> Opening:
    """Connect without blocking: a generator that yields what to wait for and returns the open channel.

    Only the name look-up may block. Closing the generator closes the socket.

    Raises:
        OSError: No connection could be made, or the certificate was refused.
    """
    place = options.proxy or address
    if options.proxy and not address.secure and not is_loopback(options.proxy.host):
        raise OSError("a plain connection is not sent through a proxy on another machine")
    sock = yield from _connect(place.host, place.port)
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if options.proxy is not None:
            yield from _tunnel(sock, address, options.proxy)
        if address.secure:
            sock = options.tls.wrap_socket(sock, server_hostname=address.host, do_handshake_on_connect=False)
            yield from _handshake(sock)
    except BaseException:
        sock.close()
        raise
    keep_here(sock)
    return Channel(sock)


def _connect(host: str, port: int) -> Generator[Interest, None, socket.socket]:
    last: OSError | None = None
    for family, kind, protocol, _, place in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        sock = socket.socket(family, kind, protocol)
        try:
            sock.setblocking(False)  # noqa: FBT003 -- the socket's own signature
            error = sock.connect_ex(place)
            if error:
                yield Interest(sock.fileno(), read=False, write=True)
                error = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if not error:
                return sock
            last = OSError(error, "cannot connect")
        except OSError as failure:
            last = failure
        except BaseException:
            sock.close()
            raise
        sock.close()
    raise last or OSError("the name has no address")


def _handshake(sock: ssl.SSLSocket) -> Generator[Interest, None, None]:
    while True:
        try:
            return sock.do_handshake()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError) as want:
            writes = isinstance(want, ssl.SSLWantWriteError)
        yield Interest(sock.fileno(), read=not writes, write=writes)


def _tunnel(sock: socket.socket, address: Address, proxy: Proxy) -> Generator[Interest, None, None]:
    host = f"[{address.host}]" if ":" in address.host else address.host
    place = f"{host}:{address.port}"
    lines = [f"CONNECT {place} HTTP/1.1", f"Host: {place}"]
    if proxy.authorization:
        lines.append(f"Proxy-Authorization: {proxy.authorization}")
    sock.send("\r\n".join([*lines, "", ""]).encode("latin-1"))  # a new connection takes that much at once
    head = b""
    # Byte by byte at its end: what follows the head belongs to the server behind the proxy.
    while not head.endswith(b"\r\n\r\n"):
        try:
            byte = sock.recv(1)
        except (BlockingIOError, InterruptedError):
            yield Interest(sock.fileno(), read=True, write=False)
            continue
        if not byte or len(head) > _MAX_PROXY_HEAD_BYTES:
            raise OSError("the proxy gave no usable answer")
        head += byte
    status = head.split(b" ", 2)[1:2]
    if status != [b"200"]:
        raise ProxyRefused(status[0].decode("latin-1") if status else "?")


def drive(opening: Opening, wait: Callable[[Interest], None]) -> Channel:
    """Run an opening to its end, blocking in ``wait``; an exception of ``wait`` abandons it."""
    try:
        interest = next(opening)
        while True:
            wait(interest)
            interest = next(opening)
    except StopIteration as end:
        channel: Channel = end.value
        return channel
    finally:
        opening.close()
