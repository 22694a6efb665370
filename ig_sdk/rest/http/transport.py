"""The one way to IG's REST API: a request in, an answer or a ``TransportError`` out."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urlsplit

import requests
import urllib3
from requests.structures import CaseInsensitiveDict

from ig_sdk.clock import Clock, SystemClock
from ig_sdk.errors import (
    ConfigError,
    ConnectFailed,
    ConnectionLost,
    DecodeError,
    IGError,
    RequestTimeout,
    TransportError,
)
from ig_sdk.hosts import is_loopback
from ig_sdk.process import Home
from ig_sdk.redaction import Hidden
from ig_sdk.rest.http.connections import Flight, WatchedAdapter

# A year of hourly candles is under 4 MB; whatever is larger than this is not an answer of IG.
MAX_BODY = 32 * 1024 * 1024
_CHUNK = 65_536


@dataclass(frozen=True)
class Timeout:
    """Limits of one attempt.

    Attributes:
        connect_s: Longest wait for a connection.
        read_s: Longest wait for the whole answer.
        whole_s: Longest wait for both; their sum unless given.
    """

    connect_s: float
    read_s: float
    whole_s: float | None = None


@dataclass(frozen=True)
class Request:
    """One HTTP request; tokens in its headers are absent from ``repr``."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)

    @property
    def path(self) -> str:
        """Path of the request, without host and query."""
        return urlsplit(self.url).path


@dataclass(frozen=True)
class Response:
    """One HTTP answer. Header names are in lower case."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)


class Transport(Protocol):
    """Carries requests to IG."""

    def send(self, request: Request, *, timeout: Timeout) -> Response:
        """Return the answer, whatever its status; raise ``TransportError`` when there is none."""
        ...

    def abort(self) -> None:
        """Wake every request in flight: each ends with ``ConnectionLost``."""
        ...

    def close(self) -> None:
        """Give up all connections."""
        ...


class RequestsTransport:
    """Requests by the ``requests`` library's adapter: pooled connections, certificate checks, no redirects.

    Nothing is taken from the process environment (proxies, ``.netrc``, certificate bundles): all of it is
    configuration. No cookie is kept. A redirect is returned as it came: following it would carry the tokens elsewhere.

    Args:
        proxy: Proxy for requests that leave this machine.
        ca_bundle: File of certificates to trust instead of the usual ones.
        clock: Measures the time of an answer.

    Raises:
        ConfigError: ``ca_bundle`` is not there.

    Threading:
        Safe from any thread of the process that made it; one that was forked off later hears a ``UsageError``.
    """

    def __init__(self, *, proxy: str | None = None, ca_bundle: str | None = None, clock: Clock | None = None) -> None:
        if ca_bundle is not None and not os.path.exists(ca_bundle):  # noqa: PTH110 -- a file or a folder, as requests takes
            raise ConfigError([f"ca_bundle: there is no file {ca_bundle}"])
        self._proxies = {"http": proxy, "https": proxy} if proxy else {}
        self._verify: bool | str = ca_bundle or True
        self._clock = clock or SystemClock()
        self._home = Home("transport", "make a new one in this process")
        self._adapter = WatchedAdapter()
        self._lock = threading.Lock()
        self._flights: set[Flight] = set()
        self._closed = False

    def send(self, request: Request, *, timeout: Timeout) -> Response:
        """Send one request once and return the answer, whatever its status.

        Raises:
            ConnectFailed: No connection; no byte of the request left.
            RequestTimeout: The whole answer was not there in time.
            ConnectionLost: The connection broke.
            DecodeError: The answer is too large.
            ConfigError: The address is plain HTTP to another machine, or a header cannot be sent.
            UsageError: This process was forked off after it was made.
        """
        self._home.check()
        host = urlsplit(request.url)
        if host.scheme != "https" and not is_loopback(host.hostname):
            raise ConfigError(
                [f"base_url: plain {host.scheme} to {host.hostname} is refused, tokens would be readable"]
            )
        flight = Flight(self._clock, timeout.whole_s or timeout.connect_s + timeout.read_s)
        with self._watched(flight):
            try:
                return self._exchange(request, timeout, flight)
            except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
                flight.give_up()
                raise _mapped(error, flight, request, timeout) from error
            except ValueError:
                flight.give_up()
                # The foreign error may show a header, which may be a token: it does not travel along.
                raise _unfit(flight, request) from None

    @contextlib.contextmanager
    def _watched(self, flight: Flight) -> Iterator[None]:
        with self._lock:
            if self._closed:
                raise ConnectFailed("this client's connections are closed", sent="no")
            self._flights.add(flight)
        try:
            with flight.current():
                yield
        finally:
            with self._lock:
                self._flights.discard(flight)

    def _exchange(self, request: Request, timeout: Timeout, flight: Flight) -> Response:
        answer = self._adapter.send(
            _prepared(request),
            stream=True,
            timeout=(timeout.connect_s, timeout.read_s),
            verify=self._verify,
            proxies=self._proxies if self._proxies and not is_loopback(urlsplit(request.url).hostname) else {},
        )
        try:
            flight.check_head()
            body = _read(answer.raw, f"{request.method} {request.path}")
        except BaseException:
            # Half an answer left on the wire: this connection must not be used again.
            answer.raw.close()
            raise
        finally:
            answer.close()
        headers = Hidden({name.lower(): value for name, value in answer.headers.items()})
        return Response(answer.status_code, headers, body)

    def abort(self) -> None:
        """Wake every request in flight: each ends with ``ConnectionLost``."""
        if self._home.left:
            return  # they are another process's
        with self._lock:
            flights = list(self._flights)
        for flight in flights:
            flight.abort()

    def close(self) -> None:
        """Wake every request in flight and give up all connections; safe to call again."""
        if self._home.left:
            return
        with self._lock:
            self._closed = True
        self.abort()
        self._adapter.close()


def _prepared(request: Request) -> requests.PreparedRequest:
    """Return the request as ``requests`` sends it; its own preparation would encode once more what is encoded."""
    prepared = requests.PreparedRequest()
    prepared.method, prepared.url, prepared.body = request.method, request.url, request.body
    prepared.headers = CaseInsensitiveDict(request.headers)
    if request.body is not None or request.method != "GET":
        prepared.headers["Content-Length"] = str(len(request.body or b""))
    return prepared


def _read(raw: Any, what: str) -> bytes:
    body = bytearray()
    while chunk := raw.read(_CHUNK, decode_content=True):
        body += chunk
        if len(body) > MAX_BODY:
            raise DecodeError(f"the answer to {what} is larger than {MAX_BODY} bytes")
    return bytes(body)


def _mapped(error: Exception, flight: Flight, request: Request, timeout: Timeout) -> TransportError:
    """Return our error for a foreign one; the only place that knows them."""
    for item in _chain(error):
        # What they were raised from holds the tokens of the request in its variables, or as its own attribute.
        item.__traceback__ = None
        if getattr(item, "request", None) is not None:
            setattr(item, "request", None)  # noqa: B010 -- only some of the foreign kinds declare it
    where = urlsplit(request.url).hostname or ""
    reason = _reason(error)
    about: dict[str, Any] = {"method": request.method, "path": request.path}
    if flight.phase == "connecting" or (flight.phase == "idle" and _never_connected(error)):
        return ConnectFailed(f"cannot connect to {where}: {reason}", sent="no", hint=_hint(error), **about)
    if flight.aborted:
        return ConnectionLost(f"{request.method} {request.path} was cut off: the client closes", **about)
    if _is_timeout(error):
        return RequestTimeout(
            f"{where} did not answer {request.method} {request.path} in {timeout.read_s:g} s", **about
        )
    return ConnectionLost(f"the connection to {where} broke: {reason}", **about)


def _unfit(flight: Flight, request: Request) -> IGError:
    """Return the error for what the HTTP library could not make sense of."""
    if flight.phase == "sending":
        where = urlsplit(request.url).hostname
        return ConnectionLost(f"{where} sent no HTTP", method=request.method, path=request.path)
    return ConfigError(["a header holds what HTTP cannot carry: look at api_key, or at the tokens of the login"])


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what it was made from, however it is attached."""
    seen: list[BaseException] = []
    waiting: list[object] = [error]
    while waiting and len(seen) < 20:
        item = waiting.pop(0)
        if isinstance(item, BaseException) and not any(item is other for other in seen):
            seen.append(item)
            yield item
            waiting += [getattr(item, "reason", None), *item.args, item.__cause__, item.__context__]


def _never_connected(error: Exception) -> bool:
    kinds = (requests.ConnectTimeout, urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError)
    return any(isinstance(item, kinds) for item in _chain(error))


def _is_timeout(error: Exception) -> bool:
    kinds = (requests.Timeout, urllib3.exceptions.TimeoutError, TimeoutError)
    return any(isinstance(item, kinds) for item in _chain(error))


def _reason(error: Exception) -> str:
    for item in _chain(error):
        if isinstance(item, ssl.SSLCertVerificationError):
            return f"its certificate is not accepted ({item.verify_message})"
        if isinstance(item, socket.gaierror):
            return "the name is not known"
        if isinstance(item, OSError) and item.strerror and not isinstance(item, requests.RequestException):
            return item.strerror
    return "timed out" if _is_timeout(error) else type(error).__name__


def _hint(error: Exception) -> str | None:
    found = list(_chain(error))
    if any(isinstance(item, ssl.SSLCertVerificationError) for item in found):
        return "if a company proxy signs the traffic anew, name its certificates in ca_bundle"
    if any(isinstance(item, urllib3.exceptions.ProxyError) for item in found):
        return "look at the proxy setting"
    return None
