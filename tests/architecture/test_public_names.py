"""What users import: complete, documented, and nothing besides."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import inspect
import re
import typing
from collections.abc import Iterator

import pytest

PUBLIC_PACKAGES = [
    "ig_sdk",
    "ig_sdk.config",
    "ig_sdk.lightstreamer",
    "ig_sdk.pipeline",
    "ig_sdk.rest",
    "ig_sdk.simulator",
    "ig_sdk.streaming",
]
# Modules that are doors themselves: what they define is imported from them.
MODULES = ["ig_sdk.logs", "ig_sdk.testing"]
# DESIGN's contract: these come from the package itself.
PROMISED = {
    "ig_sdk": """
        IGClient IGConfig LightstreamerClient Subscription SubscriptionListener ClientListener ItemUpdate
        Tick Candle Direction Resolution Stop Limit
        IGError ConfigError UsageError DecodeError TransportError ConnectFailed RequestTimeout ConnectionLost
        APIError AuthenticationError SessionExpired PermissionDenied RateLimited NotFound InvalidRequest
        BrokerUnavailable DealError DealRejected DealUncertain StreamError StreamRefused SubscriptionRefused
        StreamEnded StreamProtocolError StreamOverflow
    """,
    "ig_sdk.lightstreamer": "LightstreamerClient Subscription SubscriptionListener ClientListener ItemUpdate",
    "ig_sdk.pipeline": """
        CandleAggregator EMA RSI BollingerBands EmaCross RsiReversion BollingerReversion Strategy Signal Action
        LiveOrchestrator
    """,
    "ig_sdk.simulator": "Simulator",
}
# A name that two packages may share, and why.
SHARED = {
    "Allowances"
}  # what IG lets a client do: of the client that keeps to them, and of the simulator that has them
DIRECTIVE = re.compile(r"(?:\.\. |\{)(auto(?:module|class|function|exception|data|attribute))(?:::|\})\s+([\w.]+)")


@pytest.fixture(params=PUBLIC_PACKAGES)
def public(request):
    """Each package that users import from."""
    return importlib.import_module(request.param)


def test_all_names_exist(public):
    """``__all__`` is there, sorted without repeats, and each of its names can be imported."""
    names = public.__all__
    assert len(names) == len(set(names))
    missing = [name for name in names if not hasattr(public, name)]
    assert not missing


def test_all_hides_nothing(public):
    """What a package's ``__init__`` takes from ig_sdk under a public name is in its ``__all__``."""
    tree = ast.parse(inspect.getsource(public))
    taken = {
        alias.asname or alias.name
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and (node.level or (node.module or "").startswith("ig_sdk"))
        for alias in node.names
    }
    defined = {node.name for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    hidden = {name for name in taken | defined if not name.startswith("_")} - set(public.__all__)
    assert not hidden, sorted(hidden)


@pytest.mark.parametrize("name", sorted(PROMISED))
def test_promised_names_are_there(name):
    """The names that DESIGN fixes are exported."""
    missing = set(PROMISED[name].split()) - set(importlib.import_module(name).__all__)
    assert not missing, sorted(missing)


def test_every_error_is_exported():
    """Whoever has to catch an error of ours can import it from the package."""
    package, errors = importlib.import_module("ig_sdk"), importlib.import_module("ig_sdk.errors")
    tree = {
        name for name, thing in vars(errors).items() if inspect.isclass(thing) and issubclass(thing, errors.IGError)
    }
    assert tree <= set(package.__all__), sorted(tree - set(package.__all__))


def _documented(root) -> list[object]:
    """What the reference pages hand to autodoc."""
    found = []
    for page in sorted((root / "docs" / "reference").glob("*.md")):
        for kind, target in DIRECTIVE.findall(page.read_text(encoding="utf-8")):
            module_name = target if kind == "automodule" else target.rpartition(".")[0]
            module = importlib.import_module(module_name)
            if kind == "automodule":
                own = [
                    name
                    for name, thing in vars(module).items()
                    if getattr(thing, "__module__", "") == target and not name.startswith("_")
                ]
                found += [getattr(module, name) for name in getattr(module, "__all__", own)]
            else:
                found.append(getattr(module, target.rpartition(".")[2]))
    return found


def test_every_public_name_is_in_the_reference(public, root):
    """Each public name has its entry in docs/reference, where it is defined or where it is exported."""
    documented = {id(thing) for thing in _documented(root)}
    absent = [name for name in public.__all__ if id(getattr(public, name)) not in documented]
    assert not absent, absent


def _behind_doors() -> set[int]:
    """The identities of what users can import from a package, or from one of the modules that are doors."""
    packages = [importlib.import_module(name) for name in PUBLIC_PACKAGES]
    modules = [importlib.import_module(name) for name in MODULES]
    public = [getattr(package, name) for package in packages for name in package.__all__]
    public += [thing for module in modules for name, thing in vars(module).items() if not name.startswith("_")]
    return {id(thing) for thing in public}


def test_nothing_public_hides_in_a_file(root):
    """What the reference describes, and what a call returns, can be imported from a package, not only from its file."""
    doors = _behind_doors()
    described = [thing for thing in _documented(root) if inspect.isclass(thing) or inspect.isfunction(thing)]
    hidden = {
        f"{thing.__module__}.{thing.__qualname__}" for thing in [*described, *_handed_out()] if id(thing) not in doors
    }
    assert not hidden, sorted(hidden)


def test_the_reference_names_packages_only(root):
    """A page of the reference calls each thing by the name that users import."""
    wrong = []
    for page in sorted((root / "docs" / "reference").glob("*.md")):
        for kind, target in DIRECTIVE.findall(page.read_text(encoding="utf-8")):
            home = target if kind == "automodule" else target.rpartition(".")[0]
            # The tree of errors is drawn in their module's docstring.
            if home not in (*PUBLIC_PACKAGES, *MODULES, "ig_sdk.errors"):
                wrong.append(f"{page.name}: {target}")
    assert not wrong, wrong


def test_pages_and_examples_name_packages_only(root):
    """Snippets of README and docs, and the examples, import what they need from the packages."""
    pages = [root / "README.md", *(root / "docs").rglob("*.md")]
    texts = {
        str(page.relative_to(root)): page.read_text(encoding="utf-8") for page in pages if "_build" not in str(page)
    }
    texts |= {f"examples/{path.name}": path.read_text(encoding="utf-8") for path in (root / "examples").glob("*.py")}
    wrong = []
    for name, text in texts.items():
        for home, names in re.findall(r"^\s*from (ig_sdk[\w.]*) import ([\w, ]+)", text, re.MULTILINE):
            homes = [f"{home}.{each.strip()}" for each in names.split(",")] if home == "ig_sdk" else [home]
            inside = home in PUBLIC_PACKAGES or set(homes) <= set(MODULES)
            if not inside:
                wrong.append(f"{name}: from {home} import {names}")
    assert not wrong, wrong


def test_no_two_things_share_a_name():
    """A name that two packages export means the same thing in both."""
    homes: dict[str, set[int]] = {}
    for package in [importlib.import_module(name) for name in PUBLIC_PACKAGES]:
        for name in package.__all__:
            homes.setdefault(name, set()).add(id(getattr(package, name)))
    twice = sorted(name for name, things in homes.items() if len(things) > 1 and name not in SHARED)
    assert not twice, twice


def _classes_in(annotation: object) -> Iterator[type]:
    """The classes of ours that a type names, at any depth."""
    if inspect.isclass(annotation) and annotation.__module__.startswith("ig_sdk"):
        yield annotation
    for part in typing.get_args(annotation):
        yield from _classes_in(part)


def _handed_out() -> set[type]:
    """Every class that the client, its resources and a market hand to a user, and those inside of them."""
    client, rest = importlib.import_module("ig_sdk.client"), importlib.import_module("ig_sdk.rest")
    resources = [getattr(rest, name) for name in rest.__all__ if name.endswith("Resource")]
    found: set[type] = {rest.Market, rest.Allowances, *resources}
    waiting = [client.IGClient, *found]
    while waiting:
        kind = waiting.pop()
        hints = [typing.get_type_hints(kind)] if dataclasses.is_dataclass(kind) else []
        methods = [thing for name, thing in vars(kind).items() if not name.startswith("_")]
        methods = [
            thing.fget if isinstance(thing, property) else getattr(thing, "__func__", thing) for thing in methods
        ]
        if kind in resources or kind in (client.IGClient, rest.Market):
            hints += [{"return": typing.get_type_hints(each).get("return")} for each in methods if callable(each)]
        bases = typing.get_args(next(iter(getattr(kind, "__orig_bases__", ())), None))
        public = [hint for each in hints for name, hint in each.items() if not name.startswith("_")]
        for other in {each for hint in [*public, *bases] for each in _classes_in(hint)} - found:
            found.add(other)
            waiting.append(other)
    return found


def test_what_users_are_handed_is_in_the_reference(root):
    """Each class that a call returns, and each class in its fields, has its entry in docs/reference."""
    documented = {id(thing) for thing in _documented(root)}
    found = _handed_out()
    assert len(found) > 60
    absent = sorted(f"{kind.__module__}.{kind.__qualname__}" for kind in found if id(kind) not in documented)
    assert not absent, absent


def test_every_public_thing_says_what_it_is(public):
    """Each public class, function and public method of such a class has a docstring."""
    mute = []
    for name in public.__all__:
        thing = getattr(public, name)
        if not (inspect.isclass(thing) or inspect.isroutine(thing)):
            continue
        if not inspect.getdoc(thing):
            mute.append(name)
        members = vars(thing).items() if inspect.isclass(thing) else ()
        for member, value in members:
            function = value.fget if isinstance(value, property) else getattr(value, "__func__", value)
            if (
                not member.startswith("_")
                and inspect.isfunction(function)
                and not inspect.getdoc(getattr(thing, member))
            ):
                mute.append(f"{name}.{member}")
    assert not mute, mute


def _users_methods() -> Iterator[tuple[str, inspect.Signature, str]]:
    """Every public method of the resources: its name, signature and docstring."""
    rest = importlib.import_module("ig_sdk.rest")
    for kind in [getattr(rest, name) for name in rest.__all__ if name.endswith("Resource")]:
        for name, thing in vars(kind).items():
            if inspect.isfunction(thing) and not name.startswith("_"):
                yield f"{kind.__name__}.{name}", inspect.signature(thing), inspect.getdoc(thing) or ""


def test_resources_are_for_users():
    """What completion shows is what a user can call: with a timeout of seconds unless it sends nothing; no workings."""
    for name, signature, _ in _users_methods():
        given = {each.name: str(each.annotation) for each in signature.parameters.values()}
        assert "Deadline" not in str(given), name
        assert given.get("timeout") == "float | None" or name == "HistoryResource.plan", name


def test_resources_are_described_alike():
    """Each argument, what may be raised and where IG says so stand in the docstring of every method of a resource."""
    assert len(list(_users_methods())) > 40
    for name, signature, text in _users_methods():
        assert "Raises:" in text, name
        assert "Source:" in text or name in ("HistoryResource.plan", "PositionsResource.close_all"), name
        arguments = text.partition("Args:")[2]
        absent = [each for each in list(signature.parameters)[1:] if f"\n    {each}:" not in arguments]
        assert not absent, (name, absent)
