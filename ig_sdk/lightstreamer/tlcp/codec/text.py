"""Characters on the wire: lines, percent encoding, numbers (TLCP.md sections 5, 6 and 11)."""

from __future__ import annotations

import re
from urllib.parse import quote, unquote

from ig_sdk.errors import StreamProtocolError

CRLF = "\r\n"

# A per cent sign that does not begin an escape.
_STRAY_PERCENT = re.compile("%(?![0-9A-Fa-f]{2})")
# What a server must not write as it is: section 6 for arguments, section 11 for field values.
_IN_ARGUMENT = re.compile("[\x00-\x1f\x7f%,]")
_IN_VALUE = re.compile("[\x00-\x1f\x7f%|]")
_DECIMAL = re.compile(r"[0-9]{1,18}(?:\.[0-9]{1,18})?|[a-z]{1,32}")
_MAX_EXCERPT = 200
# Longer numbers are no numbers of this protocol, and int() refuses thousands of digits with an error of its own.
_MAX_DIGITS = 18


def split_lines(text: str) -> list[str]:
    """Return the lines of a WebSocket message; only CR-LF ends one, empty ones are left out (C-012 to C-015)."""
    return [line for line in text.split(CRLF) if line]


def encode_parameter(value: str) -> str:
    """Percent-encode a request's value: everything but letters, digits and ``-_.~`` (section 5)."""
    return quote(value, safe="", errors="replace")


def decode_strict(text: str) -> str:
    """Percent-decode ``text`` once, as UTF-8; bytes that are none become U+FFFD.

    Raises:
        StreamProtocolError: A per cent sign without two hexadecimal digits.
    """
    if "%" not in text:
        return text
    if _STRAY_PERCENT.search(text):
        raise StreamProtocolError("malformed percent escape", line=text)
    return unquote(text)


def decode_lenient(text: str) -> str:
    """Percent-decode ``text``, leaving a stray per cent sign as it is: for messages meant for people (section 6)."""
    return unquote(text) if "%" in text else text


def excerpt(text: str) -> str:
    """Return the server's text as it may go into an error or a log: in one line, and short."""
    return "".join(character if character.isprintable() else "?" for character in text[:_MAX_EXCERPT])


def encode_argument(text: str) -> str:
    """Percent-encode a text argument of a notification, commas included (section 6, C-199)."""
    return _IN_ARGUMENT.sub(_escape, text)


def encode_value(text: str) -> str:
    """Percent-encode one field value that is neither null nor empty (section 11, C-192)."""
    if text[:1] in ("#", "$", "^"):
        return _escape_character(text[0]) + _IN_VALUE.sub(_escape, text[1:])
    return _IN_VALUE.sub(_escape, text)


def parse_integer(text: str) -> int:
    """Return the integer that ``text`` writes in plain ASCII digits.

    Raises:
        StreamProtocolError: It is none.
    """
    digits = text[1:] if text[:1] == "-" else text
    if digits.isascii() and digits.isdigit() and len(digits) <= _MAX_DIGITS:
        return int(text)
    raise StreamProtocolError(f"not a number: {text[:40]!r}", line=text)


def parse_decimal(text: str) -> str:
    """Return ``text`` if it is a decimal or a keyword such as ``unlimited``.

    Raises:
        StreamProtocolError: It is neither.
    """
    if _DECIMAL.fullmatch(text):
        return text
    raise StreamProtocolError(f"not a number: {text[:40]!r}", line=text)


def at_least(version: str, minimum: str) -> bool:
    """Whether a TLCP version is ``minimum`` or newer."""
    return version_numbers(version) >= version_numbers(minimum)


def version_numbers(version: str) -> tuple[int, ...]:
    """Return the parts of a TLCP version, to be compared."""
    return tuple(int(part) if part.isdecimal() else 0 for part in version.removeprefix("TLCP-").split("."))


def _escape(match: re.Match[str]) -> str:
    return _escape_character(match[0])


def _escape_character(character: str) -> str:
    return f"%{ord(character):02X}"
