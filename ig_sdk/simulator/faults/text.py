"""Faults as text, for the command line: ``rest status=503 times=2 path=/markets after=10``, ``end 35 at=20``."""

from __future__ import annotations

import collections.abc
import inspect
import shlex
from collections.abc import Callable, Iterable
from functools import partial
from types import NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from ig_sdk.errors import ConfigError
from ig_sdk.simulator.faults.later import FAULT_NAMES, ScheduledFault

HELP = (
    "NAME [value] [key=value ...], keys as in ig_sdk.simulator.Faults; at=S [every=S] lets it happen later, "
    "on=PATH, on_stream=REQUEST or on_tick=EPIC when that arrives [skip=N] times"
)

# Key that makes a fault happen later -> method of Faults, and the keyword of its value.
_CAUSES: dict[str, tuple[str, str]] = {
    "at": ("at", "seconds"),
    "on": ("on_request", "path"),
    "on_stream": ("on_stream_request", "name"),
    "on_tick": ("on_tick", "epic"),
}
# Further keys -> keyword of that method.
_DETAILS = {"every": "every_s", "skip": "after", "repeat": "times", "on_method": "method"}


def arrange(faults: object, text: str) -> None:
    """Make the fault happen that a text describes, now or later.

    Args:
        faults: The simulator's ``Faults``.
        text: See ``HELP``.

    Raises:
        ConfigError: The text describes no fault.
    """
    try:
        _arrange(faults, text)
    except ValueError as error:
        raise ConfigError([f"fault {text!r}: {error}"]) from None


def _arrange(faults: object, text: str) -> None:
    name, *words = shlex.split(text) or [""]
    if name not in FAULT_NAMES:
        raise ValueError(f"there is no {name!r}; there are {', '.join(FAULT_NAMES)}")
    given = dict(word.split("=", 1) for word in words if "=" in word)
    plain = [word for word in words if "=" not in word]
    scheduled = _scheduled(faults, {key: given.pop(key) for key in list(given) if key in _CAUSES or key in _DETAILS})
    fault = _call(getattr(faults, name), plain, given)
    if scheduled is None:
        fault()
    else:
        getattr(scheduled, name)(*fault.args, **fault.keywords)


def _scheduled(faults: object, given: dict[str, str]) -> ScheduledFault | None:
    """Return what schedules the fault, or ``None`` when it is to happen now."""
    causes = [key for key in given if key in _CAUSES]
    if len(causes) > 1 or (given and not causes):
        raise ValueError(f"needs one of {', '.join(_CAUSES)}, to go with {', '.join(given)}")
    if not causes:
        return None
    method, keyword = _CAUSES[causes[0]]
    renamed = {_DETAILS.get(key, keyword): value for key, value in given.items()}
    scheduled: ScheduledFault = _call(getattr(faults, method), (), renamed)()
    return scheduled


def _call(function: Callable[..., Any], plain: Iterable[str], given: dict[str, str]) -> partial[Any]:
    """Return the call of a function with arguments in text."""
    signature, kinds = inspect.signature(function), get_type_hints(function)
    for key in given:
        if key not in signature.parameters:
            raise ValueError(f"takes no {key}; it takes {', '.join(signature.parameters) or 'nothing'}")
    try:
        bound = signature.bind(*plain, **given)
    except TypeError as error:
        raise ValueError(str(error)) from None
    for key, value in bound.arguments.items():
        if isinstance(value, str):
            bound.arguments[key] = _value(key, value, kinds[key])
    return partial(function, *bound.args, **bound.kwargs)


def _value(key: str, text: str, kind: Any) -> Any:
    """Return an argument for its text.

    Raises:
        ValueError: The text is no value of that kind.
    """
    kinds = [kind] if get_origin(kind) is Literal else list(get_args(kind)) or [kind]
    if text == "none" and NoneType in kinds:
        return None
    read, each = next((_READERS[origin], each) for each in kinds if (origin := get_origin(each) or each) in _READERS)
    try:
        return read(text, each)
    except ValueError:
        raise ValueError(f"{key} cannot be {text!r}") from None


def _flag(text: str, _: Any) -> bool:
    if text not in ("true", "false"):
        raise ValueError(text)
    return text == "true"


def _choice(text: str, kind: Any) -> str:
    if text not in get_args(kind):
        raise ValueError(text)
    return text


def _pairs(text: str, _: Any) -> dict[str, str]:
    """Read ``Retry-After:5;X-Other:text``."""
    pairs = [part.partition(":") for part in text.split(";")]
    return {name.strip(): value.strip() for name, _, value in pairs}


_READERS: dict[Any, Callable[[str, Any], Any]] = {
    int: lambda text, _: int(text),
    float: lambda text, _: float(text),
    str: lambda text, _: text,
    bool: _flag,
    Literal: _choice,
    collections.abc.Mapping: _pairs,
}
