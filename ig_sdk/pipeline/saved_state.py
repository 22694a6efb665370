"""Reads back what ``state()`` returned: plain JSON values, each checked before anything is changed."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Any


def part(state: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """Return the mapping under ``key``.

    Raises:
        ValueError: There is none.
    """
    value = _get(state, key)
    if not isinstance(value, Mapping):
        raise ValueError(f"state: {key!r} must be an object, not {value!r:.80}")  # noqa: TRY004 -- as in _get
    return value


def number(state: Mapping[str, Any], key: str) -> float:
    """Return the finite number under ``key``.

    Raises:
        ValueError: There is none.
    """
    return _number(_get(state, key), key)


def optional(state: Mapping[str, Any], key: str) -> float | None:
    """Return the finite number under ``key``, or ``None`` for null.

    Raises:
        ValueError: There is neither.
    """
    value = _get(state, key)
    return None if value is None else _number(value, key)


def numbers(state: Mapping[str, Any], key: str, most: int) -> list[float]:
    """Return the list of at most ``most`` finite numbers under ``key``.

    Raises:
        ValueError: There is none.
    """
    value = _get(state, key)
    if not isinstance(value, list) or len(value) > most:
        raise ValueError(f"state: {key!r} must be a list of at most {most} numbers, not {value!r:.80}")
    return [_number(item, key) for item in value]


def count(state: Mapping[str, Any], key: str, most: int) -> int:
    """Return the whole number from 0 to ``most`` under ``key``.

    Raises:
        ValueError: There is none.
    """
    value = _get(state, key)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        raise ValueError(f"state: {key!r} must be a whole number from 0 to {most}, not {value!r}")
    return value


def _get(state: Mapping[str, Any], key: str) -> Any:
    if not isinstance(state, Mapping):
        raise ValueError(f"a state is an object, not {state!r:.80}")  # noqa: TRY004 -- it comes from a file, not from a caller
    try:
        return state[key]
    except KeyError:
        raise ValueError(f"state: {key!r} is missing") from None


def _number(value: object, key: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not isfinite(value):
        raise ValueError(f"state: {key!r} must hold finite numbers, not {value!r}")
    return float(value)
