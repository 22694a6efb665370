"""No object shows a secret when it is printed."""

from __future__ import annotations

import ast
import contextlib
import dataclasses
import importlib
import inspect
import re

import pytest

SECRET = re.compile(
    r"^(.*_)?(password|passwd|secret|api_key|apikey|access_token|refresh_token|security_token|encryption_key|cst|xst"
    r"|x_security_token|tokens?|oauth_token)$",
    re.IGNORECASE,
)
CANARY = "canary-7f3a"
# Fields whose name looks secret and whose value is not.
HARMLESS = {"IGConfig.encrypt_password"}  # whether to


def _classes(import_graph):
    for name in import_graph.module_files():
        if name.endswith("__main__"):
            continue
        with contextlib.suppress(ModuleNotFoundError):
            for thing in vars(importlib.import_module(name)).values():
                if inspect.isclass(thing) and thing.__module__ == name:
                    yield thing


def _fields(kind) -> list[str]:
    if dataclasses.is_dataclass(kind):
        return [field.name for field in dataclasses.fields(kind)]
    slots = [name for base in kind.__mro__ for name in getattr(base, "__slots__", ()) if isinstance(name, str)]
    return [*getattr(kind, "_fields", ()), *slots, *getattr(kind, "__annotations__", {})]


def _filled(kind, names, secret):
    """An instance with every field set to text, the secret ones to a canary; no validation runs."""
    values = {name: CANARY if name in secret else "x" for name in names}
    if issubclass(kind, tuple):
        return tuple.__new__(kind, [values[name] for name in kind._fields])
    made = object.__new__(kind)
    for name, value in values.items():
        with contextlib.suppress(AttributeError, TypeError):
            object.__setattr__(made, name, value)
    return made


def test_no_repr_shows_a_secret(import_graph):
    """Every class with a field named like a secret keeps it out of ``repr`` and ``str``."""
    leaks = []
    for kind in _classes(import_graph):
        names = _fields(kind)
        secret = [name for name in names if SECRET.search(name) and f"{kind.__name__}.{name}" not in HARMLESS]
        if secret and not issubclass(kind, BaseException):
            made = _filled(kind, names, secret)
            for show in (repr, str):
                text = ""
                # A __repr__ that computes from real values cannot digest the stand-ins; the next test reads it instead.
                with contextlib.suppress(Exception):
                    text = show(made)
                if CANARY in text:
                    leaks.append(f"{kind.__module__}.{kind.__name__}: {secret}")
    assert not leaks, sorted(set(leaks))


def test_no_repr_reads_a_secret(package):
    """No hand-written ``__repr__``, ``__str__`` or ``__format__`` touches an attribute named like a secret."""
    wrong = [
        f"{source.at(part)} {part.attr}"
        for source in package
        for function, _ in source.functions()
        if function.name in {"__repr__", "__str__", "__format__", "_repr_html_"}
        for part in ast.walk(function)
        if isinstance(part, ast.Attribute) and SECRET.search(part.attr)
    ]
    assert not wrong


def test_configuration_hides_its_secrets():
    """A configuration prints itself without password and key, also inside an error about another key."""
    from ig_sdk import ConfigError, IGConfig

    config = IGConfig(api_key=f"k-{CANARY}", identifier="someone", password=f"p-{CANARY}", environment="demo")
    assert CANARY not in f"{config!r} {config}"
    with pytest.raises(ConfigError) as caught:
        IGConfig(api_key=f"k-{CANARY}", identifier="someone", password=f"p-{CANARY}", environment="nowhere")
    assert CANARY not in f"{caught.value} {caught.value!r} {caught.value.faults}"
