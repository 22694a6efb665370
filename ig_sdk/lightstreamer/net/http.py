"""HTTP streaming, polling and control: one POST and its answer on a connection of their own.

Source:
    TLCP.md section 4; C-008 to C-011.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ig_sdk.lightstreamer.net.address import Address
from ig_sdk.lightstreamer.net.http_parser import HttpAnswer, HttpFormatError, LineAssembler, encode_post
from ig_sdk.lightstreamer.net.sockets import Channel, Interest, Opening, SocketOptions, open_channel
from ig_sdk.lightstreamer.net.websocket import describe

_PASSING_STATUSES: Final = (408, 429, 500, 502, 503, 504)


class Cookies:
    """Cookies by host, so that a load balancer finds the way back (TLCP.md section 4).

    Threading:
        Used by the I/O thread only.
    """

    # A server cannot make us carry more: hosts, cookies of one host, characters of one cookie.
    _MOST = 50
    _LONGEST = 4096

    def __init__(self) -> None:
        self._by_host: dict[str, dict[str, str]] = {}

    def take(self, host: str, set_cookies: list[str]) -> None:
        """Remember what ``host`` set."""
        for cookie in set_cookies:
            name, equals, value = (part.strip() for part in cookie.partition(";")[0].partition("="))
            # A lone LF in a cookie would end our header and begin another one.
            if not (equals and name and cookie.isprintable() and len(name) + len(value) <= self._LONGEST):
                continue
            if host not in self._by_host and len(self._by_host) >= self._MOST:
                continue
            jar = self._by_host.setdefault(host, {})
            if name in jar or len(jar) < self._MOST:
                jar[name] = value

    def header(self, host: str) -> str:
        """Return the ``Cookie`` header for ``host``, or ``""``."""
        return "; ".join(f"{name}={value}" for name, value in self._by_host.get(host, {}).items())


class HttpExchange:
    """One request over HTTP; its answer comes as lines.

    Attributes:
        address: The server.
        ended: Why nothing more will come, or ``None``.
        unavailable: Whether it ended because HTTP cannot be spoken here.
        violation: Whether it ended because what came is no HTTP, or not lines of text.
        deadline: When to give up (monotonic seconds), or ``None``; the owner's to watch.
        doubted: Whether the address never answered yet; the owner's note.

    Args:
        address: Server.
        cookies: Shared by the exchanges of one client.
        options: How the connection is opened, and the longest line to accept.
        channel: An open connection, or ``None`` to open one on the way.
    """

    def __init__(
        self,
        address: Address,
        cookies: Cookies,
        options: SocketOptions,
        *,
        channel: Channel | None = None,
    ) -> None:
        self.ended: str | None = None
        self.unavailable = self.violation = False
        self.deadline: float | None = None
        self.doubted = False
        self.address = address
        self._cookies = cookies
        self._channel = channel
        self._opening: Opening | None = None if channel else open_channel(address, options)
        self._awaited: Interest | None = None
        self._answer = HttpAnswer()
        self._lines = LineAssembler(max_line_bytes=options.max_message_bytes)
        self._request = b""

    @property
    def reached(self) -> bool:
        """Whether the connection was opened at all."""
        return self._channel is not None

    @property
    def answers(self) -> bool:
        """Whether an answer has begun to come."""
        return bool(self._answer.status)

    @property
    def interest(self) -> Interest:
        """What to wait for."""
        if self._channel is not None:
            return self._channel.interest
        assert self._awaited is not None
        return self._awaited

    @property
    def unsent(self) -> int:
        """Bytes that the server has not taken yet."""
        return 0 if self._channel is None else self._channel.unsent

    def pending(self) -> bool:
        """Whether decrypted bytes wait where no poll sees them."""
        return self._channel is not None and self._channel.pending()

    def post(self, target: str, body: str) -> None:
        """Send the one request of this exchange, as soon as the connection is open."""
        host = self.address.host
        self._request = encode_post(target, self.address.host_header, body.encode(), cookies=self._cookies.header(host))
        self._try(self._begin)

    def receive(self) -> str:
        """Return the whole lines that have come, ``""`` for none; move on what is unsent."""
        return self._try(self._advance)

    def flush(self) -> None:
        """Send what is unsent, as far as the server takes it now."""
        if self._channel is not None:
            self._try(self._flush)

    def close(self) -> None:
        """Release the socket at once."""
        self.ended = self.ended or "closed"
        if self._opening is not None:
            self._opening.close()
        if self._channel is not None:
            self._channel.close()

    def _try(self, step: Callable[[], str]) -> str:
        try:
            return step()
        except HttpFormatError as error:
            self.ended, self.unavailable, self.violation = str(error), True, True
        except (OSError, ValueError) as error:
            self.ended = f"the connection broke: {describe(error)}"
        return ""

    def _begin(self) -> str:
        if self._opening is not None:
            try:
                self._awaited = next(self._opening)
            except StopIteration as end:
                self._channel, self._opening = end.value, None
        if self._channel is not None and self._request:
            request, self._request = self._request, b""
            self._channel.write(request)
        return ""

    def _flush(self) -> str:
        assert self._channel is not None
        self._channel.flush()
        return ""

    def _advance(self) -> str:
        if self._channel is None:
            return self._begin()
        self._channel.flush()
        data = self._channel.read()
        if data is None:
            return ""
        if not data:
            return self._closed_by_peer()
        headless = not self._answer.status
        body = self._answer.feed(data)
        if headless and self._answer.status:
            self._read_head()
        text = self._lines.feed(body) if self._answer.status == 200 and body else ""
        if self._answer.complete and self.ended is None:
            text += self._lines.rest()
            self.ended = "the answer is complete"
        return text

    def _read_head(self) -> None:
        status = self._answer.status
        self._cookies.take(self.address.host, self._answer.set_cookies)
        if status != 200:
            self.ended = f"HTTP status {status}"
            self.unavailable = status not in _PASSING_STATUSES

    def _closed_by_peer(self) -> str:
        whole = self._answer.ended()
        self.ended = self.ended or ("the answer is complete" if whole else "the server closed the connection")
        # Where only the close ends a body, the last line may have been cut; a price cut short still looks like a price.
        # So a line without CR-LF counts only in an answer that stated its length.
        return ""
