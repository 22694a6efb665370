"""What callers hand in, checked before anything is sent: one rule for each kind of argument. No I/O."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TypeVar

from ig_sdk.types import Limit, Stop

# wire/ig_api.json, dealReference of positions.otc.create and workingorders.otc.create
_REFERENCE = re.compile(r"[A-Za-z0-9_\-]{1,30}")
ValueT = TypeVar("ValueT")


def text_of(value: object, name: str) -> str:
    """Return ``value`` if it is text that can name something.

    Raises:
        TypeError: It is no text.
        ValueError: It is empty.
    """
    if not isinstance(value, str):
        raise TypeError(f"{name} must be text, not {value!r}")
    if not value.strip():
        raise ValueError(f"{name} must not be empty")
    return value


def several_of(values: Iterable[str], name: str) -> list[str]:
    """Return the texts that were given, one alone or several.

    Raises:
        TypeError: One is no text.
        ValueError: One is empty, or holds a comma, which would make two of it in a query.
    """
    given = [text_of(value, name) for value in ([values] if isinstance(values, str) else values)]
    for value in given:
        if "," in value:
            raise ValueError(f"{name} must not hold a comma: {value!r}")
    return given


def reference_of(given: object) -> str:
    """Return the deal reference to send: the caller's, or a new one that nobody has used.

    Raises:
        ValueError: The caller's is not what IG takes.
    """
    if given is None:
        return f"ig-{secrets.token_hex(13)}"
    if not isinstance(given, str) or not _REFERENCE.fullmatch(given):
        raise ValueError(f"deal_reference must be 1 to 30 letters, digits, '_' or '-', not {given!r}")
    return given


def deal_id_of(value: object) -> str:
    """Return ``value`` if it is the text of a deal id.

    Raises:
        TypeError: It is none, such as the position itself.
        ValueError: It is empty, or ``None``: that of a confirm or position for which IG named none.
    """
    if value is None:
        raise ValueError("deal_id must not be None: IG named no deal id there, so nothing was sent")
    if not isinstance(value, str):
        raise TypeError(f"deal_id must be text, such as position.deal_id, not of type {type(value).__name__}")
    return text_of(value, "deal_id")


def currency_of(value: object) -> str | None:
    """Return ``value`` as IG writes a currency, in capitals.

    Raises:
        TypeError: It is no text.
        ValueError: It is empty.
    """
    return None if value is None else text_of(value, "currency").strip().upper()


def stop_of(value: object) -> Stop | None:
    """Return ``value`` if it is a stop; refuse a bare number, which could be either a level or a distance."""
    if value is None or isinstance(value, Stop):
        return value
    raise TypeError(f"stop must be Stop(level=...) or Stop(distance=...), not {value!r}")


def limit_of(value: object) -> Limit | None:
    """Return ``value`` if it is a limit; refuse a bare number, which could be either a level or a distance."""
    if value is None or isinstance(value, Limit):
        return value
    raise TypeError(f"limit must be Limit(level=...) or Limit(distance=...), not {value!r}")


def one_of(value: object, allowed: tuple[str, ...], name: str) -> str:
    """Return ``value`` in capitals if it is one of ``allowed``.

    Raises:
        ValueError: It is none of them.
    """
    text = value.upper() if isinstance(value, str) else ""
    if text not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(allowed)}, not {value!r}")
    return text


def good_till_of(moment: object) -> datetime | None:
    """Return the end of an order if it is an aware moment.

    Raises:
        ValueError: It has no time zone: nobody could tell which moment is meant.
    """
    if moment is None or (isinstance(moment, datetime) and moment.utcoffset() is not None):
        return moment
    raise ValueError(f"good_till must be a datetime with a time zone, not {moment!r}")


def without_none(values: Mapping[str, ValueT | None]) -> dict[str, ValueT]:
    """Return the values without those that are absent: IG takes no null for them."""
    return {name: value for name, value in values.items() if value is not None}
