"""WebSocket frames without I/O: many small text frames out of one read, and everything unusual correct.

The decoder is fed whatever a ``recv`` returned and cuts the frames itself: websocket-client's own reader makes two
system calls and a validation in Python for every frame, 10 µs against 0.2 µs here. ``join_lines`` then decodes all
messages of one read at once, because TLCP's unit is the line and a line never spans two messages (TLCP.md section 3.3).

Source:
    RFC 6455, sections 5 and 7.4.
"""

from __future__ import annotations

from typing import Final, NamedTuple

CONTINUATION: Final = 0
TEXT: Final = 1
BINARY: Final = 2
CLOSE: Final = 8
PING: Final = 9
PONG: Final = 10

NORMAL_CLOSURE: Final = 1000
PROTOCOL_ERROR: Final = 1002
UNSUPPORTED_DATA: Final = 1003
NO_STATUS: Final = 1005
INVALID_DATA: Final = 1007
MESSAGE_TOO_BIG: Final = 1009

DEFAULT_MAX_MESSAGE_BYTES: Final = 8 * 1024 * 1024

_FINAL_TEXT: Final = 0x80 | TEXT
_MASKED: Final = 0x80


class Closing(NamedTuple):
    """Why a connection ends, as a close frame carries it.

    Attributes:
        code: RFC 6455 section 7.4.1; 1005 when the peer gave none.
        reason: The peer's text, or ours.
    """

    code: int
    reason: str


class Binary(bytes):
    """Payload of a binary message, so that it is not mistaken for text."""

    __slots__ = ()


class FrameDecoder:
    """Turns the bytes a server sends into messages.

    However the bytes are cut, the messages are the same. What follows a close frame or a violation is ignored; the
    messages before it are still handed out.

    Attributes:
        closed: The peer's close frame, once it came.
        failure: The peer's violation of the protocol, once there was one; the connection has to be closed with it.
        has_binary: Whether a binary message was ever handed out.

    Args:
        max_message_bytes: A longer message is a violation (1009). Bounds what is held between two calls.

    Threading:
        One thread at a time.
    """

    def __init__(self, *, max_message_bytes: int = DEFAULT_MAX_MESSAGE_BYTES) -> None:
        self.closed: Closing | None = None
        self.failure: Closing | None = None
        self.has_binary = False
        self._max = max_message_bytes
        self._held = bytearray()  # the beginning of a frame that is not complete
        self._needed = 0  # length that _held must reach before another look is worth while
        self._opcode: int | None = None  # of the fragmented message in progress
        self._fragments = bytearray()
        self._pings: list[bytes] = []

    def feed(self, data: bytes) -> list[bytes]:
        """Take what was read; return the messages that it completed, binary ones as ``Binary``."""
        if self.closed is not None or self.failure is not None:
            return []
        if self._held:
            self._held += data
            if len(self._held) < self._needed:
                return []
            data = bytes(self._held)
            self._held.clear()
        messages: list[bytes] = []
        append = messages.append
        position, end = 0, len(data)
        self._needed = 2
        while end - position > 1:
            length = data[position + 1]
            start = position + 2
            if length > 125:
                extended = self._extended_length(data, position)
                if extended is None:
                    break
                start, length = extended
            stop = start + length
            if stop > end:
                self._needed = stop - position
                self._judge(data[position])  # what can never become a frame is not waited for
                break
            if data[position] == _FINAL_TEXT and self._opcode is None:
                append(data[start:stop])
            elif not self._unusual(data[position], data[start:stop], messages):
                return messages
            position = stop
        if position < end and self.failure is None:
            self._held += memoryview(data)[position:]
        return messages

    def take_pings(self) -> list[bytes]:
        """Return the payloads of the pings that came since the last call; each wants a pong with the same payload."""
        pings, self._pings = self._pings, []
        return pings

    def _fail(self, code: int, reason: str) -> bool:
        self.failure = Closing(code, reason)
        self._held.clear()
        self._fragments.clear()
        return False

    def _extended_length(self, data: bytes, position: int) -> tuple[int, int] | None:
        """Return (start of the payload, its length); ``None`` when more bytes are needed, or after a violation."""
        length = data[position + 1]
        if length >= _MASKED:
            self._fail(PROTOCOL_ERROR, "a server must not mask its frames")  # RFC 6455 section 5.1
            return None
        if data[position] & 0x08:
            self._fail(PROTOCOL_ERROR, "control frame longer than 125 bytes")
            return None
        start = position + (4 if length == 126 else 10)
        if start > len(data):
            self._needed = start - position
            return None
        length = int.from_bytes(data[position + 2 : start], "big")
        # Judged before the payload is there, so that an announced length never costs memory.
        if length + len(self._fragments) > self._max:
            self._fail(MESSAGE_TOO_BIG, f"message longer than {self._max} bytes")
            return None
        return start, length

    def _judge(self, first: int) -> bool:
        """Return whether a frame may begin with this byte, whatever follows."""
        opcode = first & 0x0F
        if first & 0x70:
            return self._fail(PROTOCOL_ERROR, "reserved bit set")  # no extension was negotiated
        if BINARY < opcode < CLOSE or opcode > PONG:
            return self._fail(PROTOCOL_ERROR, f"reserved opcode {opcode}")
        if opcode >= CLOSE:
            return bool(first & 0x80) or self._fail(PROTOCOL_ERROR, "fragmented control frame")
        if (opcode == CONTINUATION) == (self._opcode is None):
            return self._fail(PROTOCOL_ERROR, "a fragment that fits no message")
        return True

    def _unusual(self, first: int, payload: bytes, messages: list[bytes]) -> bool:
        """Handle any frame but an unfragmented text; return False when nothing after it counts."""
        opcode = first & 0x0F
        if not self._judge(first):
            return False
        if opcode == PING:
            self._pings.append(payload)
        elif opcode == CLOSE:
            return self._close(payload)
        elif opcode != PONG:
            return self._data(opcode, payload, messages, final=bool(first & 0x80))
        return True

    def _close(self, payload: bytes) -> bool:
        if not payload:
            self.closed = Closing(NO_STATUS, "")
            return False
        code = int.from_bytes(payload[:2], "big")
        if len(payload) == 1 or not _may_be_sent(code):
            return self._fail(PROTOCOL_ERROR, "malformed close frame")
        try:
            self.closed = Closing(code, payload[2:].decode())
        except UnicodeDecodeError:
            return self._fail(INVALID_DATA, "close reason is not UTF-8")
        return False

    def _data(self, opcode: int, payload: bytes, messages: list[bytes], *, final: bool) -> bool:
        if opcode != CONTINUATION:
            self._opcode = opcode
        if len(self._fragments) + len(payload) > self._max:
            return self._fail(MESSAGE_TOO_BIG, f"message longer than {self._max} bytes")
        self._fragments += payload
        if final:
            whole = bytes(self._fragments)
            if self._opcode == BINARY:
                self.has_binary = True
                whole = Binary(whole)
            messages.append(whole)
            self._opcode = None
            self._fragments.clear()
        return True


def _may_be_sent(code: int) -> bool:
    """Whether a close frame may carry ``code`` (RFC 6455 section 7.4.2 and IANA's registry)."""
    return 1000 <= code <= 1003 or 1007 <= code <= 1014 or 3000 <= code <= 4999


def join_lines(messages: list[bytes]) -> str:
    """Return the text of several messages as if their lines had come in one.

    A CR-LF goes between two messages, for the last line of one may lack its own (C-013); where it had one, the empty
    line is taken out again, which changes nothing (C-014) and spares the line splitter every second line.

    Raises:
        UnicodeDecodeError: A message is not UTF-8. The CR-LFs keep each one's bytes apart from the next one's.
    """
    if len(messages) == 1:
        return messages[0].decode()
    return b"\r\n".join(messages).replace(b"\r\n\r\n", b"\r\n").decode()


def encode_frame(opcode: int, payload: bytes, mask: bytes) -> bytes:
    """Return one whole, masked frame as a client sends it.

    Args:
        opcode: One of the constants above.
        payload: At most 125 bytes for a control frame.
        mask: Four bytes that the peer cannot foresee (RFC 6455 section 10.3).
    """
    length = len(payload)
    if length < 126:
        head = bytes((0x80 | opcode, _MASKED | length))
    elif length < 0x10000:
        head = bytes((0x80 | opcode, _MASKED | 126)) + length.to_bytes(2, "big")
    else:
        head = bytes((0x80 | opcode, _MASKED | 127)) + length.to_bytes(8, "big")
    key = (mask * (length // 4 + 1))[:length]
    masked = int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")
    return head + mask + masked.to_bytes(length, "big")


def encode_close(code: int, reason: str, mask: bytes) -> bytes:
    """Return a close frame; a reason that does not fit is cut."""
    text = reason.encode()[:123].decode(errors="ignore").encode()
    return encode_frame(CLOSE, code.to_bytes(2, "big") + text, mask)
