"""What each configuration key allows: one rule per key, as data beside the key's default; no I/O."""

from __future__ import annotations

import itertools
import math
import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from ig_sdk.hosts import is_loopback

_TRUE = ("true", "1", "yes", "on")
_FALSE = ("false", "0", "no", "off")
_NOTHING = ("", "none", "null")


@dataclass(frozen=True)
class Rule:
    """What one key may hold.

    Attributes:
        allowed: The allowed values in words, ready for a message.
        check: Returns the value to keep; raises ValueError if it is not allowed.
        read: Turns the text of an environment variable into a value for ``check``.
        optional: Whether ``None`` (not set) is allowed.
        shown: Whether a refused value may appear in a message.
    """

    allowed: str
    check: Callable[[object], object]
    read: Callable[[str], object]
    optional: bool = False
    shown: bool = True

    def settle(self, value: object) -> object:
        """Return the value to keep.

        Raises:
            ValueError: The value is not allowed.
        """
        if value is None:
            if self.optional:
                return None
            raise ValueError(value)
        return self.check(value)


def setting(default: Any, rule: Rule, *, secret: bool = False) -> Any:
    """Declare a key: its default and its rule; ``repr`` does not show a secret."""
    return field(default=default, repr=not secret, metadata={"rule": rule})


def _read_word(text: str) -> object:
    return None if text.strip().lower() in _NOTHING else text.strip()


def choice(*options: str, optional: bool = False, upper: bool = False) -> Rule:
    """One of several words, in any case."""

    def check(value: object) -> object:
        if not isinstance(value, str):
            raise ValueError(value)  # noqa: TRY004 -- every refusal is the same kind of error
        word = value.strip().upper() if upper else value.strip().lower()
        if word not in options:
            raise ValueError(value)
        return word

    # "none" may be one of the words (stream.fallback).
    read = _read_word if optional else str
    return Rule("one of " + ", ".join(options), check, read, optional=optional)


def flag() -> Rule:
    """True or false."""

    def check(value: object) -> object:
        if not isinstance(value, bool):
            raise ValueError(value)  # noqa: TRY004 -- as above
        return value

    return Rule("true or false", check, _read_flag)


def _read_flag(text: str) -> object:
    word = text.strip().lower()
    return word in _TRUE if word in _TRUE + _FALSE else text


def flag_or(word: str) -> Rule:
    """True, false, or one word that leaves the choice to the library."""

    def check(value: object) -> object:
        if isinstance(value, bool):
            return value
        if isinstance(value, str) and value.strip().lower() == word:
            return word
        raise ValueError(value)

    return Rule(f"true, false or {word}", check, _read_flag)


def number(
    low: float, high: float = math.inf, *, open_low: bool = False, optional: bool = False, whole: bool = False
) -> Rule:
    """A finite number between two bounds; ``open_low`` excludes the lower one."""
    kind = "a whole number" if whole else "a number"
    bounds = f"above {low:g}" if open_low else f"from {low:g}"
    bounds += f" to {high:g}" if math.isfinite(high) else ""
    allowed = kind if math.isinf(low) else f"{kind} {bounds}"

    def check(value: object) -> object:
        if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)):
            raise ValueError(value)  # noqa: TRY004 -- as above
        if not math.isfinite(value) or value > high or value < low or (open_low and value == low):
            raise ValueError(value)
        return value if whole else float(value)

    return Rule(allowed, check, _read_whole if whole else _read_number, optional=optional)


def _read_number(text: str) -> object:
    if text.strip().lower() in _NOTHING:
        return None
    try:
        return float(text)
    except ValueError:
        return text


def _read_whole(text: str) -> object:
    if text.strip().lower() in _NOTHING:
        return None
    try:
        return int(text)
    except ValueError:
        return text


def number_or(word: str, low: float) -> Rule:
    """A number above a bound, or one word."""
    inner = number(low, open_low=True)

    def check(value: object) -> object:
        if isinstance(value, str) and value.strip().lower() == word:
            return word
        return inner.check(value)

    return Rule(f"{inner.allowed} or {word}", check, _read_number)


def member(*options: int) -> Rule:
    """One of several whole numbers."""

    def check(value: object) -> object:
        if isinstance(value, bool) or value not in options:
            raise ValueError(value)
        return value

    return Rule("one of " + ", ".join(map(str, options)), check, _read_whole)


def text(*, pattern: str = r"[^\x00-\x1f\x7f]+", allowed: str = "text in one line", shown: bool = True) -> Rule:
    """Text that matches a pattern; empty counts as not set."""
    form = re.compile(pattern)

    def check(value: object) -> object:
        if value == "":
            return None
        if not isinstance(value, str) or not form.fullmatch(value):
            raise ValueError(value)
        return value

    # Environment text is kept unchanged: a password may begin or end with a space.
    return Rule(allowed, check, str, optional=True, shown=shown)


def path() -> Rule:
    """A file or a folder; whether it exists is checked when it is used."""

    def check(value: object) -> object:
        if isinstance(value, os.PathLike):
            value = os.fspath(value)
        if not isinstance(value, str) or "\0" in value:
            raise ValueError(value)
        return value or None

    return Rule("a path", check, str, optional=True)


def path_or(*words: str) -> Rule:
    """A file or a folder, or one of several words instead."""
    inner = path()

    def check(value: object) -> object:
        word = value.strip().lower() if isinstance(value, str) else ""
        kept = word if word in words else inner.check(value)
        if kept is None:
            raise ValueError(value)
        return kept

    return Rule(f"a path, or {' or '.join(words)}", check, str)


def path_or_iterable() -> Rule:
    """A file, or an iterable that the program passes."""
    inner = path()

    def check(value: object) -> object:
        if isinstance(value, (str, os.PathLike)):
            return inner.check(value)
        if isinstance(value, Iterable) and not isinstance(value, (bytes, Mapping)):
            return value
        raise ValueError(value)

    return Rule("a path, or ticks handed over by the program", check, str, optional=True, shown=False)


def versions() -> Rule:
    """TLCP versions, newest first: the order in which they are tried."""
    form = re.compile(r"2(\.\d{1,3}){2}")

    def check(value: object) -> object:
        parts = [value] if isinstance(value, str) else value
        if not isinstance(parts, (list, tuple)) or not parts:
            raise ValueError(value)
        if not all(isinstance(part, str) and form.fullmatch(part) for part in parts):
            raise ValueError(value)
        numbers = [tuple(map(int, part.split("."))) for part in parts]
        if any(right >= left for left, right in itertools.pairwise(numbers)):
            raise ValueError(value)
        return tuple(parts)

    return Rule('versions such as "2.4.0", the newest first', check, _read_versions)


def _read_versions(text_: str) -> object:
    return [part.strip() for part in text_.split(",")]


def url(*schemes: str) -> Rule:
    """An address; the plain schemes (http, ws) are for this machine only, since they carry tokens."""

    def check(value: object) -> object:
        return _address(value, schemes)

    secure = " or ".join(f"{scheme}://" for scheme in schemes if scheme in ("https", "wss"))
    plain = " or ".join(f"{scheme}://" for scheme in schemes if scheme in ("http", "ws"))
    allowed = f"an address with {secure} ({plain} on this machine only), without user name or query"
    # A refused address may contain a password.
    return Rule(allowed, check, _read_word, optional=True, shown=False)


def _address(value: object, schemes: tuple[str, ...]) -> str | None:
    if value == "":
        return None
    if not isinstance(value, str) or re.search(r"[\s\x00-\x1f\x7f-\xff\\]", value):
        raise ValueError(value)
    parts = urlsplit(value)  # raises ValueError for a malformed address
    _ = parts.port  # raises it for a port out of range
    if parts.scheme not in schemes or not parts.hostname or parts.username or parts.query or parts.fragment:
        raise ValueError(value)
    if parts.scheme in ("http", "ws") and not is_loopback(parts.hostname):
        raise ValueError(value)
    return value.rstrip("/")


def proxy() -> Rule:
    """The address of a proxy; it may contain the proxy's user name and password."""

    def check(value: object) -> object:
        if value == "":
            return None
        if not isinstance(value, str) or re.search(r"[\s\x00-\x1f\x7f\\]", value):
            raise ValueError(value)
        parts = urlsplit(value)
        _ = parts.port
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(value)
        return value

    return Rule("an address such as http://host:port", check, _read_word, optional=True, shown=False)
