"""Calls that are written slightly wrong: the ``TypeError`` says what to write instead."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import ParamSpec, TypeVar

ParamsT = ParamSpec("ParamsT")
ResultT = TypeVar("ResultT")


def nearest(name: str, known: Iterable[str]) -> str:
    """Return the known name that was probably meant, or ``""``."""
    import difflib  # noqa: PLC0415 -- for a message only

    return next(iter(difflib.get_close_matches(name, list(known), n=1)), "")


def spelled(name: str, instead: str = "") -> Callable[[Callable[ParamsT, ResultT]], Callable[ParamsT, ResultT]]:
    """Decorate a call so that a wrong keyword names the nearest one, and a value without a name those that it may have.

    Args:
        name: How callers write the call.
        instead: What to write, for the end of the message; the nearest keyword, or all of them, unless given.
    """

    def decorate(call: Callable[ParamsT, ResultT]) -> Callable[ParamsT, ResultT]:
        return _checked(call, name, instead)

    return decorate


def _checked(call: Callable[ParamsT, ResultT], name: str, instead: str) -> Callable[ParamsT, ResultT]:
    code = call.__code__
    bound = code.co_varnames[0] in ("self", "cls")
    places = code.co_argcount
    known = code.co_varnames[bound : places + code.co_kwonlyargcount]

    @functools.wraps(call)
    def checked(*values: ParamsT.args, **keywords: ParamsT.kwargs) -> ResultT:
        if len(values) > places or not keywords.keys() <= set(known):
            raise TypeError(_fault(name, known, places - bound, values[bound:], keywords, instead))
        return call(*values, **keywords)

    return checked


def _fault(
    name: str,
    known: tuple[str, ...],
    places: int,
    values: tuple[object, ...],
    keywords: Iterable[str],
    instead: str,
) -> str:
    wrong = next((keyword for keyword in keywords if keyword not in known), None)
    if wrong is not None:
        near = nearest(wrong, known)
        advice = f"did you mean {near}=?" if near else instead or f"it has {', '.join(known)}"
        return f"{name}() got an unexpected keyword argument {wrong!r}: {advice}"
    named = known[places:]
    given = f"{len(values)} {'was' if len(values) == 1 else 'were'} given"
    limit = f"takes {places} positional argument{'' if places == 1 else 's'} but {given}"
    return f"{name}() {limit}: {instead or 'name the others, of ' + ', '.join(f'{each}=' for each in named)}"
