"""Requests: building, encoding for both transports, and the server's decoding (TLCP.md sections 3 to 9)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ig_sdk.errors import StreamProtocolError
from ig_sdk.lightstreamer.tlcp.codec.text import CRLF, decode_strict, encode_parameter

Line = tuple[tuple[str, str], ...]
Number = int | float | str

_SECRET = frozenset({"LS_password"})
# Real clients write a blank as "+" there (C-146); elsewhere a plus is a plus.
_PLUS_IS_BLANK = frozenset({"LS_group", "LS_schema"})


@dataclass(frozen=True, slots=True, repr=False)
class Request:
    """One request, or a batch of independent ones of the same name.

    Attributes:
        name: ``create_session``, ``bind_session``, ``control``, ``msg``, ``heartbeat`` or ``wsok``.
        lines: The parameter lines, each a sequence of names and plain values.
    """

    name: str
    lines: tuple[Line, ...] = ()

    def parameters(self, line: int = 0) -> dict[str, str]:
        """Return one parameter line as a dict; of a repeated name the last value counts."""
        return dict(self.lines[line]) if self.lines else {}

    def __repr__(self) -> str:
        # A request is logged as it prints, so the password is never part of that (C-130).
        lines = [
            "&".join(f"{name}={'***' if name in _SECRET else value}" for name, value in line) for line in self.lines
        ]
        return f"Request({self.name}: {'; '.join(lines)})"


WSOK = Request("wsok")


def encode_line(line: Line) -> str:
    """Return one parameter line: names as they are, values percent-encoded."""
    return "&".join(f"{name}={encode_parameter(value)}" for name, value in line)


def encode_body(lines: Sequence[Line]) -> str:
    """Return parameter lines joined by CR-LF, with a final one only where the last line is empty (section 3.2)."""
    texts = [encode_line(line) for line in lines]
    return CRLF.join(texts) + (CRLF if texts and not texts[-1] else "")


def encode_ws(request: Request) -> str:
    """Return the request as one WebSocket text message."""
    return f"{request.name}{CRLF}{encode_body(request.lines)}" if request.lines else request.name


def encode_http(request: Request, version: str, session: str | None = None) -> tuple[str, str]:
    """Return the request as an HTTP target and a body.

    Args:
        request: Anything but ``wsok``, which HTTP does not have.
        version: TLCP version, such as ``"2.4.0"``.
        session: Session id for the query string, the default of every line.
    """
    protocol = version if version.startswith("TLCP-") else f"TLCP-{version}"
    query = f"LS_protocol={protocol}" + (f"&LS_session={encode_parameter(session)}" if session is not None else "")
    return f"/lightstreamer/{request.name}.txt?{query}", encode_body(request.lines)


def decode_line(text: str) -> Line:
    """Return the names and values of one parameter line.

    Raises:
        StreamProtocolError: A part without ``=``, without a name, or with a malformed escape.
    """
    pairs = []
    for part in text.split("&") if text else ():
        name, equals, value = part.partition("=")
        if not equals or not name:
            raise StreamProtocolError("malformed request parameter", line=name)
        if name in _PLUS_IS_BLANK:
            value = value.replace("+", " ")
        pairs.append((name, decode_strict(value)))
    return tuple(pairs)


def split_request(text: str) -> tuple[str, tuple[str, ...]]:
    """Return a WebSocket message's request name and its undecoded parameter lines.

    A request other than ``wsok`` has at least one line, which may be empty.
    """
    name, _, body = text.partition(CRLF)
    return name, (() if name == "wsok" and not body else split_body(body))


def split_body(body: str) -> tuple[str, ...]:
    """Return the undecoded parameter lines of a body; a final CR-LF adds none (C-144)."""
    return tuple(body.removesuffix(CRLF).split(CRLF))


def decode(text: str) -> Request:
    """Return the request that a WebSocket message holds: the server's half.

    Raises:
        StreamProtocolError: It cannot be read.
    """
    name, lines = split_request(text)
    return Request(name, tuple(decode_line(line) for line in lines))


def decode_http(name: str, query: str, body: str) -> tuple[Request, Mapping[str, str]]:
    """Return the request of an HTTP target and body, and the query's own parameters.

    Args:
        name: Last part of the path without ``.txt``.
        query: Query string, undecoded; holds ``LS_protocol`` and perhaps ``LS_session``.
        body: Body as text.

    Raises:
        StreamProtocolError: It cannot be read.
    """
    return Request(name, tuple(decode_line(line) for line in split_body(body))), dict(decode_line(query))


def boolean(value: bool) -> str:  # noqa: FBT001 -- it is the value
    """Return ``true`` or ``false``."""
    return "true" if value else "false"


def decimal(value: Number) -> str:
    """Return a number with a dot and without an exponent; keywords pass as they are (C-027)."""
    if isinstance(value, str):
        return value
    text = f"{value:.6f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
    return text or "0"


def parameters(*pairs: tuple[str, str | int | None]) -> Line:
    """Return the pairs whose value is not ``None``, as text."""
    return tuple((name, str(value)) for name, value in pairs if value is not None)
