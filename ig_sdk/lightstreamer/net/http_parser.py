"""HTTP/1.1 as far as TLCP needs it, without I/O: a request out, an answer in whatever pieces it comes.

``requests`` cannot be used here: a read of its body can neither be woken by ``close()`` nor resumed after a time-out,
and the one reader thread has to serve the stream and the control requests beside it.

Source:
    RFC 9112, sections 2 to 7; TLCP.md section 4.
"""

from __future__ import annotations

import re
from typing import Final

_MAX_HEAD_BYTES: Final = 64 * 1024
_MAX_CHUNK_LINE_BYTES: Final = 4 * 1024
_STATUS_LINE: Final = re.compile(rb"HTTP/1\.\d (\d{3})(?: .*)?")
_CHUNK_SIZE: Final = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;.*)?")

DEFAULT_MAX_LINE_BYTES: Final = 8 * 1024 * 1024


class HttpFormatError(ValueError):
    """The peer's bytes are no HTTP answer; the message holds none of them."""


def encode_post(target: str, host: str, body: bytes, *, cookies: str = "") -> bytes:
    """Return a POST as TLCP sends it.

    Args:
        target: Path and query.
        host: The ``Host`` header.
        body: Parameter lines.
        cookies: The ``Cookie`` header, for session affinity (TLCP.md section 4).
    """
    lines = [
        f"POST {target} HTTP/1.1",
        f"Host: {host}",
        "User-Agent: ig-sdk",
        "Accept: */*",
        "Content-Type: text/plain; charset=utf-8",
        f"Content-Length: {len(body)}",
        "Connection: close",
    ]
    if cookies:
        lines.append(f"Cookie: {cookies}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


class HttpAnswer:
    """The answer to one request.

    Attributes:
        status: HTTP status, 0 until the head is there.
        headers: Last value of each header, by lower-case name.
        set_cookies: Every ``Set-Cookie``.
        complete: The whole body has come.

    Threading:
        One thread at a time.
    """

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.set_cookies: list[str] = []
        self.complete = False
        self._held = b""
        self._left: int | None = None  # bytes of the body or of the chunk still to come; None: until the peer closes
        self._chunked = False
        self._in_chunk = False
        self._in_trailer = False  # after the last chunk

    def feed(self, data: bytes) -> bytes:
        """Take what was read; return the part of the body that it held.

        Raises:
            HttpFormatError: This is no HTTP answer, or one of its parts is larger than anything honest.
        """
        if self.complete:
            return b""
        if not self.status:
            data = self._take_head(data)
            if not self.status:
                return b""
        if self._chunked:
            return self._dechunk(data)
        if self._left is None:
            return data
        body = data[: self._left]
        self._left -= len(body)
        self.complete = self._left == 0
        return body

    def ended(self) -> bool:
        """Take note that the peer closed; return whether the answer is whole."""
        if self.status and not self._chunked and self._left is None:
            self.complete = True
        return self.complete

    def _take_head(self, data: bytes) -> bytes:
        self._held += data
        while True:
            head, end, rest = self._held.partition(b"\r\n\r\n")
            if len(head) > _MAX_HEAD_BYTES:
                raise HttpFormatError("the head of the HTTP answer is too long")
            if not end:
                return b""
            status = self._parse_head(head)
            self._held = rest
            if status >= 200:  # a 1xx answer precedes the real one
                self.status, self._held = status, b""
                self._frame_body()
                return rest

    def _parse_head(self, head: bytes) -> int:
        first, *lines = head.split(b"\r\n")
        match = _STATUS_LINE.fullmatch(first)
        if match is None:
            raise HttpFormatError("the answer does not begin with an HTTP/1 status line")
        self.headers, self.set_cookies = {}, []
        for line in lines:
            name, colon, value = line.decode("latin-1").partition(":")
            if not colon or name != name.strip():
                raise HttpFormatError("malformed header in the HTTP answer")
            self.headers[name.lower()] = value.strip()
            if name.lower() == "set-cookie":
                self.set_cookies.append(value.strip())
        return int(match[1])

    def _frame_body(self) -> None:
        coding = self.headers.get("transfer-encoding", "").lower()
        if coding:
            if coding != "chunked":
                raise HttpFormatError("unknown transfer coding in the HTTP answer")
            self._chunked = True
        elif "content-length" in self.headers:
            length = self.headers["content-length"]
            if not (length.isascii() and length.isdigit() and len(length) < 20):
                raise HttpFormatError("malformed Content-Length in the HTTP answer")
            self._left = int(length)
            self.complete = self._left == 0

    def _dechunk(self, data: bytes) -> bytes:
        data = self._held + data if self._held else data
        body: list[bytes] = []
        position, end = 0, len(data)
        while position < end and not self.complete:
            if self._in_chunk and self._left:
                piece = data[position : position + self._left]
                body.append(piece)
                self._left -= len(piece)
                position += len(piece)
                continue
            cut = data.find(b"\r\n", position, position + _MAX_CHUNK_LINE_BYTES)
            if cut < 0:
                if end - position >= _MAX_CHUNK_LINE_BYTES:
                    raise HttpFormatError("a chunk head of the HTTP answer is too long")
                break
            self._chunk_line(data[position:cut])
            position = cut + 2
        self._held = data[position:]
        return b"".join(body)

    def _chunk_line(self, line: bytes) -> None:
        if self._in_chunk:  # the CR-LF after a chunk's data
            if line:
                raise HttpFormatError("a chunk of the HTTP answer is longer than it said")
            self._in_chunk = False
            return
        if self._in_trailer:  # until an empty line
            self.complete = not line
            return
        match = _CHUNK_SIZE.fullmatch(line)
        if match is None:
            raise HttpFormatError("malformed chunk size in the HTTP answer")
        self._left = int(match[1], 16)
        self._in_chunk = self._left > 0
        self._in_trailer = not self._in_chunk


class LineAssembler:
    """Puts lines together that were cut anywhere, even inside CR-LF or a UTF-8 sequence (C-010).

    Args:
        max_line_bytes: A longer line is a violation. Bounds what is held between two calls.
    """

    def __init__(self, *, max_line_bytes: int = DEFAULT_MAX_LINE_BYTES) -> None:
        self._max = max_line_bytes
        self._held = bytearray()

    def feed(self, data: bytes) -> str:
        """Return the text of the lines that ``data`` completed, each with its CR-LF; ``""`` when it completed none.

        Raises:
            HttpFormatError: A line is too long or not UTF-8.
        """
        searched = max(len(self._held) - 1, 0)  # the held part ends in CR at most, never in a whole CR-LF
        self._held += data
        cut = self._held.rfind(b"\r\n", searched)
        if cut < 0:
            if len(self._held) > self._max:
                raise HttpFormatError(f"a line is longer than {self._max} bytes")
            return ""
        whole = bytes(self._held[: cut + 2])
        del self._held[: cut + 2]
        return _decode(whole)

    def rest(self) -> str:
        """Return the text after the last CR-LF: the answer ended, and a last line may lack its own."""
        rest = bytes(self._held)
        self._held.clear()
        return _decode(rest)


def _decode(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise HttpFormatError("a line is not UTF-8") from None
