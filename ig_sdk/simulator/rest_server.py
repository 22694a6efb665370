"""How the REST application's requests are read: whole, and from connections that stay open between them."""

from __future__ import annotations

import io
import json
import uuid
from typing import Any

from werkzeug.test import run_wsgi_app

from ig_sdk.simulator.rest_app import HangUp
from ig_sdk.simulator.wsgi import Handler

_LARGEST_BODY = 1_000_000
_IDLE_S = 120.0


class _Unreadable(Exception):
    """The request cannot be taken.

    Attributes:
        status: HTTP status.
    """

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class RestHandler(Handler):
    """Answers the requests of one connection.

    werkzeug's own handler closes the connection after each answer, and drops the header ``_method``, whose name it
    distrusts; the bodies here are small, so they are read whole and the connection can go on.
    """

    timeout = _IDLE_S
    wbufsize = -1

    def run_wsgi(self) -> None:
        """Answer one request."""
        environ = self.environ = self.make_environ()
        environ["HTTP__METHOD"] = self.headers.get("_method", "")
        try:
            body = self._body(environ)
        except _Unreadable as refusal:
            self.send_error(refusal.status)
            return
        environ.pop("HTTP_TRANSFER_ENCODING", None)
        environ["CONTENT_LENGTH"] = str(len(body))
        environ["wsgi.input"] = io.BytesIO(body)
        try:
            chunks, status, headers = run_wsgi_app(self.server.app, environ, buffered=True)
        except HangUp:
            self.close_connection = True
            return
        code, _, reason = status.partition(" ")
        self._send(int(code), reason, list(headers), b"".join(chunks))

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Refuse what is no request, in the form of IG's refusals, and end the connection."""
        # Their texts repeat what was sent.
        del message, explain
        self.close_connection = True
        body = json.dumps({"errorCode": "invalid request"}).encode()
        headers = [
            ("X-REQUEST-ID", str(uuid.uuid4())),
            ("Content-Type", "application/json; charset=UTF-8"),
            ("Content-Length", str(len(body))),
            ("Connection", "close"),
        ]
        self._send(code, None, headers, body)

    def _send(self, code: int, reason: str | None, headers: list[tuple[str, str]], body: bytes) -> None:
        self.send_response(code, reason)
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.wfile.flush()

    def _body(self, environ: dict[str, Any]) -> bytes:
        if environ.get("wsgi.input_terminated"):
            return self._chunks(environ["wsgi.input"])
        lengths = set(self.headers.get_all("Content-Length", ["0"]))
        length = lengths.pop() or "0"
        if lengths or not length.isdecimal():
            raise _Unreadable(400)
        # Compared as text: a number of a thousand digits is not even read.
        if len(length) > 9 or int(length) > _LARGEST_BODY:
            raise _Unreadable(413)
        body: bytes = self.rfile.read(int(length))
        if len(body) < int(length):
            # Half a request must not count as one.
            raise _Unreadable(400)
        return body

    @staticmethod
    def _chunks(stream: Any) -> bytes:
        try:
            body: bytes = stream.read(_LARGEST_BODY + 1)
        except (ConnectionError, TimeoutError):
            raise
        except OSError:
            # How werkzeug says that they are no chunks, or not whole.
            raise _Unreadable(400) from None
        if len(body) > _LARGEST_BODY:
            raise _Unreadable(413)
        return body
