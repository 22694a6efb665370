"""The HTTP server of the REST application: reads requests, sends replies, and injects faults into both.

Connections stay open between requests, as IG's do.
"""

from __future__ import annotations

import io
import json
import os
import re
import socket
import struct
import threading
from collections.abc import Callable
from email.utils import formatdate
from random import Random
from typing import Any, cast

from werkzeug.test import run_wsgi_app

from ig_sdk.clock import Clock
from ig_sdk.simulator.faults.faults import Faults
from ig_sdk.simulator.faults.rest import RestFault
from ig_sdk.simulator.http_server import Handler, HttpServer, WsgiApp
from ig_sdk.simulator.rest.app import PREFIX, version_of
from ig_sdk.simulator.rest.request import request_id

_LARGEST_BODY = 1_000_000
_IDLE_S = 120.0
_JSON = "application/json; charset=UTF-8"

Headers = list[tuple[str, str]]


class _Unreadable(Exception):
    """The request cannot be read.

    Attributes:
        status: HTTP status.
    """

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class _Gate:
    """What the handlers of one server share: the application and the faults to inject."""

    def __init__(self, app: WsgiApp, faults: Faults, clock: Clock, seed: object) -> None:
        self.app = app
        self.faults = faults
        self.clock = clock
        self.random = Random(f"{seed}/refusals")
        self.stop = threading.Event()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        """Pass a request to the application."""
        return self.app(environ, start_response)

    def wait(self, seconds: float) -> None:
        """Delay a request; stopping the server ends the wait."""
        self.clock.wait(self.stop, seconds)


class RestServer(HttpServer):
    """The REST API on a port.

    Args:
        host: Address to listen on.
        port: Port, or 0 for any free one.
        app: The application.
        faults: The faults to inject.
        clock: Time, for delays.
        seed: Seed of the request ids in replies that do not come from the application.
    """

    def __init__(self, host: str, port: int, app: WsgiApp, *, faults: Faults, clock: Clock, seed: object = 7) -> None:
        self._gate = _Gate(app, faults, clock, seed)
        super().__init__(host, port, self._gate, name="ig-sim-rest", handler=RestHandler)

    def start(self) -> None:
        """Listen and serve; after ``close`` again on the same port."""
        self._gate.stop.clear()
        super().start()

    def close(self, timeout: float = 5.0) -> None:
        """Stop listening, end all delays, close the open connections, and wait for the threads."""
        self._gate.stop.set()
        super().close(timeout)


class RestHandler(Handler):
    """Answers the requests of one connection.

    werkzeug's own handler closes the connection after each reply, and drops the header ``_method`` because of its
    underscore. The bodies here are small, so they are read whole and the connection can stay open.
    """

    timeout = _IDLE_S
    wbufsize = -1

    def run_wsgi(self) -> None:
        """Answer one request, or inject a fault."""
        environ = self.environ = self.make_environ()
        environ["HTTP__METHOD"] = self.headers.get("_method", "")
        gate = self._gate
        fault = gate.faults.take_request(*_intended(environ))
        if fault is not None and fault.cut_request is not None:
            self._cut_request(fault.cut_request)
            return
        try:
            body = self._body(environ)
        except _Unreadable as refusal:
            self.send_error(refusal.status)
            return
        environ.pop("HTTP_TRANSFER_ENCODING", None)
        environ["CONTENT_LENGTH"] = str(len(body))
        environ["wsgi.input"] = io.BytesIO(body)
        if fault is None:
            self._send(*self._carried_out(environ))
        else:
            self._fail(fault, gate, environ)

    def _carried_out(self, environ: dict[str, Any]) -> tuple[int, str, Headers, bytes]:
        chunks, status, headers = run_wsgi_app(self.server.app, environ, buffered=True)
        code, _, reason = status.partition(" ")
        return int(code), reason, list(headers), b"".join(chunks)

    # ---- faults

    def _fail(self, fault: RestFault, gate: _Gate, environ: dict[str, Any]) -> None:
        if not fault.taken:
            gate.wait(fault.delay_s)
        reply = self._carried_out(environ) if fault.carried_out else None
        if fault.taken:
            gate.wait(fault.delay_s)
        if fault.reset:
            self._reset()
        elif fault.drop and fault.cut_after is None:
            self.close_connection = True
        else:
            self._send(*self._faulty_reply(fault, reply), cut_after=fault.cut_after)
            if fault.cut_after is not None:
                self.close_connection = True
                if not fault.drop:
                    self._reset()

    def _cut_request(self, size: int) -> None:
        """Read ``size`` bytes of the request in total, then reset; its head is already read, to know the request."""
        head = len(self.raw_requestline) + len(self.headers.as_bytes())
        length = self.headers.get("Content-Length", "0")
        if length.isdecimal() and len(length) < 10:
            self.rfile.read(min(max(size - head, 0), int(length)))
        self._reset()

    def _reset(self) -> None:
        """End the connection with a TCP reset (RST) instead of a normal close (FIN)."""
        self.close_connection = True
        sock = cast("socket.socket", self.connection)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        # The file objects made of the socket keep it open, and the server would shut it down normally first.
        os.close(sock.detach())

    # ---- replies

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Refuse a malformed request, in the form of IG's refusals, and end the connection."""
        # werkzeug's texts repeat what was sent.
        del message, explain
        self.close_connection = True
        # A request line without a readable version counts as HTTP/0.9, whose replies have no status line.
        self.request_version = self.protocol_version
        body = json.dumps({"errorCode": "invalid request"}).encode()
        self._send(code, None, [*self._own_headers(_JSON, body), ("Connection", "close")], body)

    def date_time_string(self, timestamp: float | None = None) -> str:
        """Return the text of the ``Date`` header: the simulator's time, not the machine's."""
        return formatdate(self._gate.clock.now().timestamp() if timestamp is None else timestamp, usegmt=True)

    @property
    def _gate(self) -> _Gate:
        return cast("_Gate", self.server.app)

    def _own_headers(self, content_type: str, body: bytes) -> Headers:
        return [
            ("X-REQUEST-ID", request_id(self._gate.random)),
            ("Content-Type", content_type),
            ("Content-Length", str(len(body))),
        ]

    def _faulty_reply(
        self, fault: RestFault, reply: tuple[int, str, Headers, bytes] | None
    ) -> tuple[int, str | None, Headers, bytes]:
        """Return the real reply as the fault changes it."""
        if fault.status is None and reply is not None and fault.body is None:
            code, reason, headers, body = reply
            return code, reason, [*headers, *fault.headers.items()], body
        code = fault.status if fault.status is not None else reply[0] if reply is not None else 200
        body = fault.body if fault.body is not None else json.dumps({"errorCode": fault.code}).encode()
        own = [pair for pair in self._own_headers(fault.content_type or _JSON, body) if pair[0] not in fault.headers]
        return code, None, [*own, *fault.headers.items()], body

    def _send(
        self, code: int, reason: str | None, headers: Headers, body: bytes, *, cut_after: int | None = None
    ) -> None:
        out, self.wfile = self.wfile, io.BytesIO()
        try:
            self.send_response(code, reason)
            for name, value in headers:
                self.send_header(name, value)
            self.end_headers()
            reply = self.wfile.getvalue()
        finally:
            self.wfile = out
        if self.command != "HEAD":
            reply += body
        self.wfile.write(reply[:cut_after])
        self.wfile.flush()

    # ---- requests

    def _body(self, environ: dict[str, Any]) -> bytes:
        if environ.get("wsgi.input_terminated"):
            return self._chunks(environ["wsgi.input"])
        lengths = set(self.headers.get_all("Content-Length", ["0"]))
        length = lengths.pop() or "0"
        if lengths or not length.isdecimal():
            raise _Unreadable(400)
        # The length is compared first: a number of a thousand digits is never converted.
        if len(length) > 9 or int(length) > _LARGEST_BODY:
            raise _Unreadable(413)
        body: bytes = self.rfile.read(int(length))
        if len(body) < int(length):
            # An incomplete request must not be carried out.
            raise _Unreadable(400)
        return body

    @staticmethod
    def _chunks(stream: Any) -> bytes:
        try:
            body: bytes = stream.read(_LARGEST_BODY + 1)
        except (ConnectionError, TimeoutError):
            raise
        except OSError:
            # werkzeug raises it for chunks that are malformed or incomplete.
            raise _Unreadable(400) from None
        if len(body) > _LARGEST_BODY:
            raise _Unreadable(413)
        return body


def _intended(environ: dict[str, Any]) -> tuple[str, str, int]:
    """Return method, path and version of a request, with the ``_method`` override applied."""
    override = environ["HTTP__METHOD"].upper()
    path = re.sub("/+", "/", environ["PATH_INFO"]).rstrip("/")
    return (
        "DELETE" if override == "DELETE" else environ["REQUEST_METHOD"],
        path.removeprefix(PREFIX) if path.startswith(PREFIX) else path,
        version_of(environ.get("HTTP_VERSION")),
    )
