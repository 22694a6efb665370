"""A small threaded HTTP server that can be stopped: werkzeug's, with threads that are named, owned and joined."""

from __future__ import annotations

import errno
import logging
import selectors
import socket
import sys
import threading
from collections.abc import Callable
from itertools import count
from typing import Any

from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler

from ig_sdk.errors import IGError
from ig_sdk.logs import get_logger
from ig_sdk.process import keep_here

_log = get_logger("simulator.wsgi")

WsgiApp = Callable[..., Any]

# A client that opens a connection and sends nothing is disconnected after this long.
_SILENT_S = 60.0
_MOST_CONNECTIONS = 500


class Handler(WSGIRequestHandler):
    """Reads the requests of one connection, and logs neither what may hold tokens nor to the terminal."""

    protocol_version = "HTTP/1.1"
    timeout = _SILENT_S
    # Small lines must leave at once, not wait for the acknowledgement of the last ones.
    disable_nagle_algorithm = True

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log without the query string: it may hold tokens."""
        path = getattr(self, "path", "").partition("?")[0]
        _log.debug("%s %s %s %s", getattr(self, "command", "?"), path, code, size)

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 -- werkzeug's name
        """Send werkzeug's own remarks to our logger."""
        # A request line that could not be parsed is part of some messages, and may hold tokens as well.
        del args
        _log.debug("http server: %s: %s", type, message.partition("?")[0])


class _Server(ThreadedWSGIServer):
    def __init__(self, host: str, listener: socket.socket, app: WsgiApp, name: str, handler: type[Handler]) -> None:
        super().__init__(host, listener.getsockname()[1], app, handler, fd=listener.fileno())
        self._name = name
        self._serial = count(1)
        self._threads_changed = threading.Condition()
        self._open: dict[threading.Thread, socket.socket] = {}
        self._ended, self._end = socket.socketpair()
        for sock in (self.socket, self._ended, self._end):
            keep_here(sock)

    def serve_forever(self, poll_interval: float = 0.5) -> None:
        """Accept connections until ``shutdown``, which is noticed at once: socketserver's own loop polls for it."""
        del poll_interval
        try:
            with selectors.DefaultSelector() as selector:
                selector.register(self, selectors.EVENT_READ)
                selector.register(self._ended, selectors.EVENT_READ)
                while self._ended not in [key.fileobj for key, _ in selector.select()]:
                    self._accept()
        finally:
            self.server_close()
            self._ended.close()

    def shutdown(self) -> None:
        """End ``serve_forever``, without waiting for it."""
        # The other end of the pair becomes readable.
        self._end.close()

    def _accept(self) -> None:
        try:
            request, client_address = self.get_request()
        except OSError:
            return  # the client is gone already
        try:
            self.process_request(request, client_address)
        except Exception:  # noqa: BLE001 -- one connection's failure must not stop the server
            self.handle_error(request, client_address)
            self.shutdown_request(request)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve one connection on a thread of its own."""
        keep_here(request)
        thread = threading.Thread(
            target=self._serve,
            args=(request, client_address),
            name=f"{self._name}-{next(self._serial)}",
            daemon=True,
        )
        with self._threads_changed:
            full = len(self._open) >= _MOST_CONNECTIONS
            if not full:
                self._open[thread] = request
        if full:
            self.shutdown_request(request)
        else:
            thread.start()

    def _serve(self, request: Any, client_address: Any) -> None:
        try:
            self.process_request_thread(request, client_address)
        finally:
            with self._threads_changed:
                self._open.pop(threading.current_thread(), None)
                self._threads_changed.notify_all()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log an error of one connection; the server goes on."""
        del request, client_address
        # A client that is gone needs one line; any other error is ours and needs its traceback.
        error = sys.exc_info()[1]
        _log.debug("connection failed: %r", error, exc_info=not isinstance(error, OSError))

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 -- werkzeug's name
        """Send werkzeug's own errors to our logger."""
        level = logging.ERROR if type == "error" else logging.DEBUG
        _log.log(level, message, *args)

    def break_connections(self, timeout: float) -> list[threading.Thread]:
        """End every open connection; return the threads that were still busy with one after ``timeout``."""
        me = threading.current_thread()
        with self._threads_changed:
            for sock in self._open.values():
                break_off(sock)
            self._threads_changed.wait_for(lambda: not self._open.keys() - {me}, timeout)
            return [thread for thread in self._open if thread is not me]


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens.

    Raises:
        IGError: The port is in use, or the address cannot be listened on.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(128)
    except (OSError, OverflowError) as error:
        listener.close()
        reason = getattr(error, "strerror", None) or str(error)
        elsewhere = isinstance(error, socket.gaierror) or getattr(error, "errno", None) == errno.EADDRNOTAVAIL
        hint = "choose an address of this machine" if elsewhere else "choose another port, or 0 for any free one"
        raise IGError(f"cannot listen on {host}:{port}: {reason}", hint=hint) from error
    return listener


class HttpServer:
    """A WSGI application on a port.

    Args:
        host: Address to listen on.
        port: Port, or 0 for any free one.
        app: What answers.
        name: Beginning of its threads' names.
        handler: What reads the requests.

    Threading:
        One thread accepts, each connection has its own; ``close`` joins them all.
    """

    def __init__(self, host: str, port: int, app: WsgiApp, *, name: str, handler: type[Handler] = Handler) -> None:
        self._host = host
        self._port = port
        self._app = app
        self._name = name
        self._handler = handler
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def port(self) -> int:
        """The port in use; the one asked for until ``start``."""
        return self._port

    @property
    def base_url(self) -> str:
        """Address for clients on this machine, without a path."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self._host, self._host)  # noqa: S104 -- compared, not bound
        return f"http://[{host}]:{self._port}" if ":" in host else f"http://{host}:{self._port}"

    def start(self) -> None:
        """Listen and serve.

        Raises:
            IGError: The port is in use, or the address cannot be listened on.
        """
        listener = listen(self._host, self._port)
        try:
            # The server takes a duplicate of the descriptor.
            self._server = _Server(self._host, listener, self._app, self._name, self._handler)
            self._port = listener.getsockname()[1]
        finally:
            listener.close()
        self._thread = threading.Thread(target=self._server.serve_forever, name=f"{self._name}-accept", daemon=True)
        self._thread.start()

    def close(self, timeout: float = 5.0) -> None:
        """Stop listening, break what is still open, and wait for the threads."""
        server, thread = self._server, self._thread
        if server is None or thread is None:
            return
        self._server = None
        server.shutdown()
        thread.join(timeout)
        busy = server.break_connections(timeout)
        for late in [thread, *busy] if thread.is_alive() else busy:
            _log.error("thread %s did not end within %s s", late.name, timeout)


def break_off(sock: socket.socket) -> None:
    """End a connection in both directions; threads that read or write it wake up."""
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # it is gone already
