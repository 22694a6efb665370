"""Stream connections: how the lines of a session travel.

A transport is opened, read and written by the I/O thread alone and never blocks once it is open. What the peer does
wrong ends it: ``ended`` then says why, after the text before it was handed out.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable
from typing import Any, Final

from ig_sdk.lightstreamer.net import websocket_frames as frames
from ig_sdk.lightstreamer.net.address import Address
from ig_sdk.lightstreamer.net.sockets import Channel, Interest, ProxyRefused, SocketOptions, drive, open_channel
from ig_sdk.lightstreamer.net.websocket_frames import FrameDecoder
from ig_sdk.lightstreamer.tlcp.codec.text import excerpt
from ig_sdk.logs import get_logger

_LOG = get_logger("stream")
_MAX_HANDSHAKE_BYTES: Final = 64 * 1024
# OpenSSL's names for a handshake that will not fare better the next time.
_LASTING_TLS: Final = (
    "WRONG_VERSION_NUMBER",
    "UNSUPPORTED_PROTOCOL",
    "NO_PROTOCOLS_AVAILABLE",
    "SSLV3_ALERT_HANDSHAKE_FAILURE",
    "TLSV1_ALERT_PROTOCOL_VERSION",
    "TLSV13_ALERT_CERTIFICATE_REQUIRED",
)
# These statuses come from a server or gateway in trouble, not from one that does not know WebSocket.
_PASSING_STATUSES: Final = (429, 500, 503, 504)


class OpenFailed(Exception):
    """No stream connection could be opened.

    Attributes:
        unavailable: This transport cannot work here; another one may.
        lasting: Time does not mend it; ``hint`` says what does.
        hint: What to do about it, or ``None``.
    """

    def __init__(self, reason: str, *, unavailable: bool = False, hint: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.unavailable = unavailable
        self.lasting = hint is not None
        self.hint = hint


class WebSocketTransport:
    """A WebSocket: websocket-client's handshake, our own frames.

    Attributes:
        ended: Why nothing more will come, or ``None``.
        unavailable: Always false: that shows in the handshake already.
        violation: Whether it ended because the server broke the WebSocket protocol.
    """

    def __init__(self, channel: Channel, *, max_message_bytes: int = frames.DEFAULT_MAX_MESSAGE_BYTES) -> None:
        self.ended: str | None = None
        self.unavailable = self.violation = False
        self._channel = channel
        self._decoder = FrameDecoder(max_message_bytes=max_message_bytes)

    @property
    def interest(self) -> Interest:
        """What to wait for."""
        return self._channel.interest

    @property
    def unsent(self) -> int:
        """Bytes that the server has not taken yet."""
        return self._channel.unsent

    def pending(self) -> bool:
        """Whether decrypted bytes wait where no poll sees them."""
        return self._channel.pending()

    def send(self, text: str) -> None:
        """Send one text message (C-004)."""
        self._write(frames.encode_frame(frames.TEXT, text.encode(), os.urandom(4)))

    def flush(self) -> None:
        """Send what is unsent, as far as the server takes it now."""
        self._write(b"")

    def receive(self) -> str:
        """Return the lines of all messages that have come whole; answer pings (C-006)."""
        try:
            if self._channel.unsent:
                self._channel.flush()
            data = self._channel.read()
        except OSError as error:
            self._end(f"the connection broke: {describe(error)}")
            return ""
        if data is None:
            return ""
        if not data:
            self._end("the server closed the connection")
            return ""
        text = self._text(self._decoder.feed(data))
        pings = self._decoder.take_pings()
        if pings:
            self._write(b"".join(frames.encode_frame(frames.PONG, payload, os.urandom(4)) for payload in pings))
        self._look_at_end()
        return text

    def close(self) -> None:
        """Send a close frame if that does not block, and release the socket."""
        if self.ended is None:
            self._write(frames.encode_close(frames.NORMAL_CLOSURE, "", os.urandom(4)))
        self._end("closed")
        self._channel.close()

    def _text(self, messages: list[bytes]) -> str:
        if not messages:
            return ""
        if not self._decoder.has_binary:
            try:
                return frames.join_lines(messages)
            except UnicodeDecodeError:
                pass
        return self._text_before_fault(messages)

    def _text_before_fault(self, messages: list[bytes]) -> str:
        good: list[bytes] = []
        for message in messages:
            if isinstance(message, frames.Binary):
                self._violation(frames.UNSUPPORTED_DATA, "a binary message")  # only text, TLCP.md section 3.1
                break
            try:
                message.decode()
            except UnicodeDecodeError:
                self._violation(frames.INVALID_DATA, "a message that is not UTF-8")
                break
            good.append(message)
        return frames.join_lines(good) if good else ""

    def _look_at_end(self) -> None:
        if self._decoder.failure is not None:
            self._violation(*self._decoder.failure)
        elif self._decoder.closed is not None and self.ended is None:
            code, reason = self._decoder.closed
            echo = frames.NORMAL_CLOSURE if code == frames.NO_STATUS else code
            self._write(frames.encode_close(echo, "", os.urandom(4)))
            self._end(f"the server closed the WebSocket with code {code}" + (f": {excerpt(reason)}" if reason else ""))

    def _violation(self, code: int, what: str) -> None:
        if self.ended is None:
            self._write(frames.encode_close(code, what, os.urandom(4)))
            self.violation = True
            self._end(f"the server broke the WebSocket protocol: {what}")

    def _write(self, data: bytes) -> None:
        try:
            self._channel.write(data)
        except OSError as error:
            self._end(f"the connection broke: {describe(error)}")

    def _end(self, reason: str) -> None:
        if self.ended is None:
            self.ended = reason


class _NotUpgraded(Exception):
    """The answer to the handshake is no upgrade but a page."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class _HandshakeSocket:
    """What websocket-client takes for its socket during the handshake: bounded in size, time and patience.

    websocket-client itself would wait the full time for every byte and take headers without end.
    """

    def __init__(self, channel: Channel, wait: Callable[[Interest], None]) -> None:
        self._channel = channel
        self._wait = wait
        self._left = _MAX_HANDSHAKE_BYTES
        self._first_line = b""

    def recv(self, size: int) -> bytes:
        if size > 1:  # a body, which may be of any length; the head is read byte by byte
            raise _NotUpgraded(int(self._first_line.split(b" ", 2)[1]))
        self._left -= 1
        if self._left < 0:
            raise OSError("the answer to the handshake is too long")
        while (data := self._channel.read(1)) is None:
            self._wait(self._channel.interest)
        if not self._first_line.endswith(b"\n"):
            self._first_line += data
        return data

    def send(self, data: bytes) -> int:
        self._channel.write(data)
        while self._channel.unsent:
            self._wait(self._channel.interest)
            self._channel.flush()
        return len(data)

    def gettimeout(self) -> float:
        return 1.0  # anything but 0, which would mean "do not wait"

    def settimeout(self, timeout: float | None) -> None:
        """Nothing: the deadline is in ``wait``."""

    def close(self) -> None:
        """Nothing: the channel is closed by its owner."""


def open_websocket(
    address: Address,
    subprotocol: str,
    options: SocketOptions,
    wait: Callable[[Interest], None],
) -> WebSocketTransport:
    """Open a WebSocket that speaks ``subprotocol``.

    Args:
        address: Where to.
        subprotocol: The one value to offer (C-002).
        options: How the connection is opened, and the longest message to accept.
        wait: Waits for a socket; what it raises when time is over or the client closes is passed on.

    Raises:
        OpenFailed: There is no such WebSocket, or it chose another subprotocol.
    """
    channel = connect(address, options, wait)
    try:
        headers = _shake_hands(channel, address, subprotocol, wait)
        _check_subprotocol(headers, subprotocol)
    except BaseException:
        channel.close()
        raise
    return WebSocketTransport(channel, max_message_bytes=options.max_message_bytes)


def connect(address: Address, options: SocketOptions, wait: Callable[[Interest], None]) -> Channel:
    """Open a plain or TLS connection.

    Raises:
        OpenFailed: It cannot be opened.
    """
    try:
        return drive(open_channel(address, options), wait)
    except (OSError, ValueError) as error:  # ValueError: the host is no name that DNS or TLS could have
        reason = f"cannot connect to {address.host}:{address.port}: {describe(error)}"
        raise OpenFailed(reason, hint=_hint(error)) from error


def _hint(error: Exception) -> str | None:
    """Return what to do about an error that time does not mend, ``None`` for one that may pass."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return "name the certificates to trust in ca_bundle, and check the address (a sign-in page of a network?)"
    if isinstance(error, ssl.SSLError) and error.reason in _LASTING_TLS:
        return "the other side speaks no TLS that fits: check address, port and proxy"
    if isinstance(error, ProxyRefused) and error.status == "407":
        return "give the proxy's user and password: proxy=http://user:password@host:port"
    return None


def _shake_hands(
    channel: Channel, address: Address, subprotocol: str, wait: Callable[[Interest], None]
) -> dict[str, Any]:
    import websocket  # noqa: PLC0415 -- here, because only a handshake needs it

    client: Any = websocket.WebSocket()  # its annotations are partial
    scheme = "wss" if address.secure else "ws"
    try:
        client.connect(
            f"{scheme}://{address.host_header}{address.target}",
            socket=_HandshakeSocket(channel, wait),
            # By hand: its own option lower-cases the echo and refuses a missing one (C-003).
            header=[f"Sec-WebSocket-Protocol: {subprotocol}"],
            suppress_origin=True,
            redirect_limit=0,
        )
    except (websocket.WebSocketBadStatusException, _NotUpgraded) as error:
        status = error.status if isinstance(error, _NotUpgraded) else error.status_code
        raise _refused(f"HTTP status {status}", unavailable=status not in _PASSING_STATUSES) from None
    except websocket.WebSocketConnectionClosedException:
        raise _refused("the connection was closed", unavailable=False) from None
    except (websocket.WebSocketException, ValueError, LookupError) as error:
        raise _refused(f"the answer is no WebSocket handshake ({type(error).__name__})", unavailable=True) from None
    except OpenFailed as error:  # connected, but no answer in time: a proxy may swallow what it does not know
        raise _refused(error.reason, unavailable=True) from None
    except OSError as error:
        raise _refused(describe(error), unavailable=False) from error
    response = client.handshake_response
    if response.status != 101:
        raise _refused(f"HTTP status {response.status}", unavailable=True)
    headers: dict[str, Any] = response.headers
    return headers


def _check_subprotocol(headers: dict[str, Any], subprotocol: str) -> None:
    if headers.get("sec-websocket-extensions"):
        raise _refused("it uses an extension that was not offered", unavailable=True)
    chosen = headers.get("sec-websocket-protocol")
    if chosen is None:
        _LOG.warning("the server did not confirm the subprotocol %s", subprotocol)
    elif chosen != subprotocol:
        raise _refused(f"it chose the subprotocol {str(chosen)[:60]!r} instead of {subprotocol!r}", unavailable=True)


def _refused(why: str, *, unavailable: bool) -> OpenFailed:
    return OpenFailed(f"the WebSocket could not be opened: {why}", unavailable=unavailable)


def describe(error: BaseException) -> str:
    """Return what an operating system or TLS error says, without anything that the peer sent."""
    text = getattr(error, "strerror", None) or getattr(error, "verify_message", None) or str(error)
    return excerpt(str(text)) or type(error).__name__
