"""Connections that know how far a request has come, keep to its deadline, and can be cut off by another thread.

``requests`` bounds each read, not the answer: a server that sends one byte now and then would be read for ever. And it
cannot say whether any byte of a failed request has left, which is what decides whether a deal may be sent again.
"""

from __future__ import annotations

import contextlib
import errno
import http.client
import io
import socket
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from typing import Any, Literal

from requests import PreparedRequest
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from ig_sdk.clock import Clock
from ig_sdk.process import keep_here

Phase = Literal["idle", "connecting", "sending"]


class Flight:
    """One request on its way.

    Attributes:
        phase: ``"idle"`` (no connection yet), ``"connecting"``, ``"sending"`` (some of it may have left).
        aborted: Whether another thread cut it off.
        ended: Whether the server's side has ended.
    """

    def __init__(self, clock: Clock, seconds: float) -> None:
        self.phase: Phase = "idle"
        self.aborted = False
        self.ended = False
        self._clock = clock
        self._deadline = clock.monotonic() + seconds
        self._socket: Any = None
        self._reader: io.BufferedReader | None = None

    @contextlib.contextmanager
    def current(self) -> Iterator[None]:
        """Make this the flight that connections used by this thread serve."""
        token = _current.set(self)
        try:
            yield
        finally:
            _current.reset(token)

    @property
    def left_s(self) -> float:
        """Seconds until the whole answer must be there."""
        return self._deadline - self._clock.monotonic()

    def uses(self, sock: Any) -> None:
        """Note the socket that carries it now."""
        self._socket = sock
        if self.aborted:
            raise ConnectionAbortedError("cut off before it began")

    def reads(self, reader: io.BufferedReader) -> None:
        """Note what its answer is read from."""
        self._reader = reader

    def give_up(self) -> None:
        """Close what its answer was read from: urllib3 leaves it open when it cannot make sense of the head."""
        if self._reader is not None:
            with contextlib.suppress(OSError):
                self._reader.close()

    def check_head(self) -> None:
        """Check that the head of the answer was whole: http.client takes the end of a connection for the end of it."""
        if self.ended:
            raise ConnectionResetError(errno.ECONNRESET, "the answer was cut off in its head")

    def abort(self) -> None:
        """Cut it off: its reader wakes at once."""
        self.aborted = True
        sock = self._socket
        if sock is not None:
            # A plain shutdown wakes a blocked read of plain and TLS sockets alike; closed already is fine too.
            with contextlib.suppress(OSError):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)


_current: ContextVar[Flight | None] = ContextVar("ig_sdk_rest_flight", default=None)


class _DeadlineReader(io.RawIOBase):
    """Reads a socket for as long as the current flight has time."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        # Its own reference keeps the socket open until the answer is read, as http.client expects of makefile().
        self._raw: Any = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        flight = _current.get()
        if flight is not None:
            if flight.left_s <= 0:
                raise TimeoutError("the answer was not complete in time")
            limit = self._sock.gettimeout()
            self._sock.settimeout(flight.left_s if limit is None else min(limit, flight.left_s))
        count: int = self._raw.readinto(buffer)
        if flight is not None and not count and len(buffer):
            flight.ended = True
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _DeadlineSocket:
    """A connected socket whose files read with a deadline; everything else is the socket's own."""

    def __init__(self, sock: socket.socket) -> None:
        self.plain = sock

    def makefile(self, *_args: Any, **_kwargs: Any) -> io.BufferedReader:
        raw: Any = _DeadlineReader(self.plain)
        reader = io.BufferedReader(raw)
        flight = _current.get()
        if flight is not None:
            flight.reads(reader)
        return reader

    def __getattr__(self, name: str) -> Any:
        return getattr(self.plain, name)


class _CheckedAnswer(http.client.HTTPResponse):
    """An answer whose head is whole and made of headers: urllib3 logs what it cannot read of one, tokens included."""

    def begin(self) -> None:
        super().begin()
        while self.status < 200:
            # http.client takes an interim answer for the answer, which the next request would then be given.
            self.headers = self.msg = None  # type: ignore[assignment]  # so that it reads another head
            super().begin()
        if self.msg.defects or self.msg.get_payload():
            raise http.client.HTTPException("the head of the answer is not made of headers")


class _Watched:
    """What both kinds of connection do besides their own: tell the current flight how far its request has come."""

    response_class: Any = _CheckedAnswer
    sock: Any

    def connect(self) -> None:
        flight = _current.get()
        if flight is not None:
            flight.phase = "connecting"
        try:
            super().connect()  # type: ignore[misc]  # the connection's
        except BaseException:
            # A refused CONNECT to a proxy has sent bytes, but none of the request.
            if flight is not None:
                flight.phase = "connecting"
            raise
        if self.sock is not None and not isinstance(self.sock, _DeadlineSocket):
            keep_here(self.sock)
            self.sock = _DeadlineSocket(self.sock)

    def send(self, data: Any) -> None:
        if self.sock is None:
            self.connect()
        flight = _current.get()
        if flight is not None and self.sock is not None:
            flight.uses(getattr(self.sock, "plain", self.sock))
            flight.phase = "sending"
        super().send(data)  # type: ignore[misc]  # the connection's


class _WatchedHTTP(_Watched, HTTPConnection):
    pass


class _WatchedHTTPS(_Watched, HTTPSConnection):
    pass


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _WatchedHTTP


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _WatchedHTTPS


_POOLS = {"http": _PlainPool, "https": _SecurePool}


class Answer:
    """An answer whose body is still to be read: what the adapter's own class holds, without its cookies and history."""

    def __init__(self, request: PreparedRequest, raw: Any) -> None:
        self.request = request
        self.raw = raw
        self.status_code: int = raw.status
        self.headers: Mapping[str, str] = raw.headers

    def close(self) -> None:
        """Give the connection back."""
        self.raw.release_conn()


class WatchedAdapter(HTTPAdapter):
    """The adapter of ``requests`` on these connections; it never retries by itself.

    One client talks to one server, so what the adapter works out again for each request is kept: the pool of a server.
    That, and an answer without cookies, is a third of the time that a request takes here.
    """

    def __init__(self) -> None:
        super().__init__(max_retries=0, pool_maxsize=32)
        self._pools: dict[tuple[str, bool], Any] = {}

    def get_connection_with_tls_context(
        self, request: PreparedRequest, verify: Any, proxies: Any = None, cert: Any = None
    ) -> Any:
        """Return the pool of the request's server; certificates are the same for all requests of one adapter."""
        origin = "/".join((request.url or "").split("/", 3)[:3]), bool(proxies)
        pool = self._pools.get(origin)
        if pool is None:
            pool = super().get_connection_with_tls_context(request, verify, proxies=proxies, cert=cert)
            super().cert_verify(pool, request.url, verify, cert)  # type: ignore[no-untyped-call]  # requests has no types here
            self._pools[origin] = pool
        return pool

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """Leave the pool as it is: it was given the certificates to trust when it was made."""

    def request_url(self, request: PreparedRequest, proxies: Any) -> str:
        """Return the target in the request line."""
        if proxies:
            return super().request_url(request, proxies)
        return "/" + "".join((request.url or "").split("/", 3)[3:])

    def close(self) -> None:
        """Close all connections, also those of the pools kept here: urllib3 closes a pool when nobody holds it."""
        pools, self._pools = self._pools, {}
        for pool in pools.values():
            pool.close()
        super().close()

    def build_response(self, req: PreparedRequest, resp: Any) -> Any:
        """Return the answer; ``requests`` would build a jar of cookies for each."""
        return Answer(req, resp)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Build the pool for direct connections."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        """Return the pool for connections through one proxy."""
        manager = super().proxy_manager_for(proxy, **kwargs)
        manager.pool_classes_by_scheme = _POOLS
        return manager
