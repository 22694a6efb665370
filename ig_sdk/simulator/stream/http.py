"""The HTTP side of the stream server: ``POST /lightstreamer/<name>.txt``, and the upgrade to WebSocket.

Source:
    TLCP.md section 4; C-138 to C-142.
"""

from __future__ import annotations

import json
import re
import selectors
import socket
from collections.abc import Callable, Iterable, Iterator
from random import Random
from typing import Any
from urllib.parse import parse_qs

from werkzeug.wrappers import Request, Response

from ig_sdk.lightstreamer.tlcp.codec.notifications import Error
from ig_sdk.simulator.faults.stream_state import StreamState
from ig_sdk.simulator.stream.core.connection import StreamConnection
from ig_sdk.simulator.stream.core.options import StreamOptions
from ig_sdk.simulator.stream.core.requests import ServerRequest, read_body
from ig_sdk.simulator.stream.hub import Batch, LiveConnection, StreamHub
from ig_sdk.simulator.stream.websocket import WebSocketConnection

_PATH = "/lightstreamer"
_GLANCE_S = 0.5
_NO_CACHE = {
    "Cache-Control": "no-store, no-cache",
    "Pragma": "no-cache",
    "Expires": "Thu, 1 Jan 1970 00:00:00 GMT",
}
_TOO_OLD = "The protocol before TLCP is not served: use a client that speaks TLCP 2.0 to 2.4"
_PHASE = re.compile(r"[0-9]{1,9}", re.ASCII)
_STREAM_TYPE = "text/enriched; charset=utf-8"
_ANSWER_TYPE = "text/plain; charset=utf-8"

Environ = dict[str, Any]
StartResponse = Callable[..., Any]


class StreamApp:
    """The WSGI application of the stream server.

    Args:
        hub: The sessions.
        options: Limits and test modes.
        faults: What is to go wrong.
        random: For the test modes.
    """

    def __init__(self, hub: StreamHub, options: StreamOptions, faults: StreamState, random: Random) -> None:
        self._hub = hub
        self._options = options
        self._faults = faults
        self._random = random

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one HTTP request."""
        if "websocket" in environ.get("HTTP_UPGRADE", "").lower():
            if environ["PATH_INFO"].rstrip("/") != _PATH or self._faults.refuse_upgrade:
                return _plain(404, "Not found")(environ, start_response)
            self._websocket(environ)
            # The WebSocket code has used the socket up: werkzeug must not write an answer to it.
            raise ConnectionAbortedError("the WebSocket is over")
        return self._http(Request(environ), environ["werkzeug.socket"])(environ, start_response)

    def _websocket(self, environ: Environ) -> None:
        sock = environ["werkzeug.socket"]
        WebSocketConnection(self._hub, self._options, self._random, sock, _address(environ)).serve(_head(environ))

    def _http(self, request: Request, sock: socket.socket) -> Response:
        folder, _, name = request.path.rpartition("/")
        if folder == _PATH and name.endswith(".js"):
            return _too_old_script(name, request, self._options.request_limit)
        if folder != _PATH or not name.endswith(".txt"):
            return _plain(404, "Not found")
        if request.method not in ("POST", "GET"):
            return _plain(405, "Method not allowed")
        # A body far beyond the request limit is not even read.
        if (request.content_length or 0) > 10 * self._options.request_limit:
            return _plain(413, Error(67, "Request too long").encode() + "\r\n")
        query = parse_qs(request.query_string.decode(errors="replace").replace("+", "%2B"), keep_blank_values=True)
        if "LS_protocol" not in query:
            if "LS_op2=" in (_body(request, self._options.request_limit) or ""):
                # The status line too: what a client shows of a refusal may be that line alone.
                return Response(f"ERROR\r\n71\r\n{_TOO_OLD}\r\n", status=f"400 {_TOO_OLD}", content_type=_ANSWER_TYPE)
            return _plain(400, Error(67, "LS_protocol is missing in the query string").encode() + "\r\n")
        body = _body(request, self._options.request_limit)
        if body is None:
            return _plain(413, Error(67, "Request too long").encode() + "\r\n")
        connection = StreamConnection(
            "http",
            query["LS_protocol"][-1].removeprefix("TLCP-"),
            client_ip=_address(request.environ),
            default_session=query.get("LS_session", [None])[-1],
        )
        return self._answer(connection, read_body(name.removesuffix(".txt"), body), sock)

    def _answer(self, connection: StreamConnection, request: ServerRequest, sock: socket.socket) -> Response:
        sock.settimeout(self._options.stalled_client_s)
        live = self._hub.open(connection, sock)
        live.receive(request)
        if request.name in ("create_session", "bind_session"):
            first = live.next_batch(_GLANCE_S)
            # A refusal is a short plain answer (section 4).
            if not (first.close and first.lines and first.lines[0].startswith(("CONERR,", "ERROR,"))):
                return Response(self._stream(live, first), content_type=_STREAM_TYPE, headers=_NO_CACHE)
            live.gone()
            return Response(_join(first.lines), content_type=_ANSWER_TYPE, headers=_NO_CACHE)
        lines = b"".join(self._stream(live, Batch([])))
        return Response(lines, content_type=_ANSWER_TYPE, headers=_NO_CACHE)

    def _stream(self, live: LiveConnection, first: Batch) -> Iterator[bytes]:
        """Yield what is to be written, until the answer is complete or the connection is gone."""
        batch = first
        try:
            while True:
                if batch.aborted:
                    raise ConnectionAbortedError("broken off")
                if batch.lines:
                    yield from self._chunks(_join(batch.lines))
                    live.written()
                if batch.close:
                    return
                batch = live.next_batch(_GLANCE_S)
                if not batch.lines and not batch.close and _hung_up(live.sock):
                    return
        finally:
            live.gone()

    def _chunks(self, data: bytes) -> Iterator[bytes]:
        size = self._options.chunk_bytes or len(data)
        for start in range(0, len(data), size):
            yield data[start : start + size]


def _too_old_script(name: str, request: Request, limit: int) -> Response:
    """Return the answer for a client of the protocol before TLCP, which is a script for it to run."""
    parameters = parse_qs(_body(request, limit) or "")
    phase = parameters.get("LS_phase", [""])[0]
    if name not in ("create_session.js", "bind_session.js") or not _PHASE.fullmatch(phase):
        return Response(f"{_TOO_OLD}\r\n", status=f"410 {_TOO_OLD}", content_type=_ANSWER_TYPE)
    # A refusal of HTTP's it would retry for ever; this call it hands on to ``onServerError``, and gives up.
    script = f"LS_window.LS_l(71,{phase},null,{json.dumps(_TOO_OLD)});\n"
    return Response(script, content_type="text/javascript; charset=utf-8", headers=_NO_CACHE)


def _join(lines: list[str]) -> bytes:
    return ("\r\n".join(lines) + "\r\n").encode(errors="replace")


def _plain(status: int, text: str) -> Response:
    return Response(text, status=status, content_type=_ANSWER_TYPE)


def _address(environ: Environ) -> str:
    return str(environ.get("REMOTE_ADDR") or "127.0.0.1")


def _body(request: Request, limit: int) -> str | None:
    """Return the parameter lines: the body, or the query of a GET; ``None`` when they are far too long."""
    if request.method == "GET":
        pairs = request.query_string.decode(errors="replace").split("&")
        return "&".join(pair for pair in pairs if not pair.startswith("LS_protocol="))
    data = request.stream.read(10 * limit + 1)
    return None if len(data) > 10 * limit else data.decode(errors="replace")


def _head(environ: Environ) -> bytes:
    """Return the upgrade request as it was sent, for the WebSocket protocol to check."""
    lines = [f"{environ['REQUEST_METHOD']} {environ.get('RAW_URI', _PATH)} HTTP/1.1"]
    for key, value in environ.items():
        if key.startswith("HTTP_"):
            lines.append(f"{key[5:].replace('_', '-').title()}: {value}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("iso-8859-1", errors="replace")


def _hung_up(sock: socket.socket) -> bool:
    """Whether the client closed its side, so that nothing reads the stream any more."""
    with selectors.DefaultSelector() as selector:
        try:
            selector.register(sock, selectors.EVENT_READ)
            return bool(selector.select(0)) and sock.recv(1, socket.MSG_PEEK) == b""
        except (OSError, ValueError):
            return True
