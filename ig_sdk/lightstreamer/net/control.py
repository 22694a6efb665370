"""Control requests over HTTP: each on a connection of its own, beside the stream (C-009)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Final

from ig_sdk.errors import IGError
from ig_sdk.lightstreamer.net.address import parse_address
from ig_sdk.lightstreamer.net.http import Cookies, HttpExchange
from ig_sdk.lightstreamer.net.sockets import Interest, SocketOptions
from ig_sdk.lightstreamer.tlcp.actions import Send
from ig_sdk.lightstreamer.tlcp.codec.requests import encode_http
from ig_sdk.logs import get_logger

_LOG = get_logger("stream")
_MOST_AT_ONCE: Final = 4


def post(exchange: HttpExchange, action: Send, version: str) -> None:
    """Send a request as the one of ``exchange``."""
    target, body = encode_http(action.request, version, action.session_id)
    exchange.post(exchange.address.target.rstrip("/") + target, body)


# Where another address is known to work: shorter than the session waits before it repeats a request.
_BRIEF_S: Final = 3.0


class ControlRequests:
    """The control requests that are on their way, and those that wait for one of them to end.

    Threading:
        The I/O thread's own.
    """

    def __init__(self, cookies: Cookies, sockets: SocketOptions, now: Callable[[], float]) -> None:
        self._cookies = cookies
        self._sockets = sockets
        self._now = now
        self._running: list[HttpExchange] = []
        self._queued: deque[tuple[Send, str]] = deque()
        self.unreached: list[str] = []  # addresses that no connection was opened to, or doubted ones that do not answer

    def __bool__(self) -> bool:
        return bool(self._running)

    @property
    def interests(self) -> list[Interest]:
        """What to wait for."""
        return [exchange.interest for exchange in self._running]

    @property
    def deadlines(self) -> list[float | None]:
        """When the next one is given up."""
        return [exchange.deadline for exchange in self._running]

    def send(self, action: Send, version: str) -> None:
        """Send a request to its own address, now or as soon as another one has ended."""
        self._queued.append((action, version))
        self._start()

    def answers(self, ready: set[int], now: float) -> Iterator[str]:
        """Move everything on; yield the text of each answer as it comes."""
        for exchange in tuple(self._running):
            if exchange.interest.fileno in ready or exchange.pending():
                text = exchange.receive()
                if text:
                    yield text
            if exchange.ended or (exchange.deadline is not None and now >= exchange.deadline):
                if not (exchange.answers if exchange.doubted else exchange.reached):
                    self.unreached.append(exchange.address.url)
                # A request without its answer is sent again by the session, which watches for that.
                exchange.close()
                self._running.remove(exchange)
                self._start()

    def close(self) -> None:
        """Release every socket at once."""
        self._queued.clear()
        for exchange in self._running:
            exchange.close()
        self._running.clear()

    def _start(self) -> None:
        while self._queued and len(self._running) < _MOST_AT_ONCE:
            action, version = self._queued.popleft()
            try:
                address = parse_address(action.url or "")
            except IGError as error:
                _LOG.warning("a request cannot be sent: %s", error)
                continue
            exchange = HttpExchange(address, self._cookies, self._sockets)
            exchange.doubted = action.brief
            patience_s = self._sockets.connect_timeout_s
            exchange.deadline = self._now() + (min(patience_s, _BRIEF_S) if action.brief else patience_s)
            post(exchange, action, version)
            if exchange.ended:
                _LOG.info("a control request was not sent: %s", exchange.ended)
                exchange.close()
            else:
                self._running.append(exchange)
