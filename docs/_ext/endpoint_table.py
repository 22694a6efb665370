"""The table of IG's endpoints: which method of ours calls which, read from the package itself.

Sphinx writes it at every build and ``tests/architecture`` checks it against IG's own list, so that it cannot grow old.
What stands here by hand is only what is left out, and why.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import sys
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

PACKAGE = "ig_sdk.rest"
CLIENT = "ig_sdk.client"
# Beyond these is what all calls have in common.
CALLS = {f"{PACKAGE}.login.auth.Auth.call", f"{PACKAGE}.http.requestor.Requestor.call"}

_NAMES = "has the same under newer names"
_SPRINT = "sprint markets are withdrawn and gone from IG's reference"
_PRICES = "version 3 has the same rows, their times in UTC, and pages"
_ACTIVITY = "version 3 has the same operations, numbers as numbers, times in UTC, and pages without a limit"
# (method, path, version) -> why no method calls it. Two endpoints of one path are told apart by their query.
LEFT_OUT: dict[tuple[str, str, int], str] = {
    ("POST", "/session", 1): "version 2 answers the same, and takes an encrypted password from everybody",
    ("GET", "/history/activity/{lastPeriod}", 1): _ACTIVITY,
    ("GET", "/history/activity/{fromDate}/{toDate}", 1): _ACTIVITY,
    ("GET", "/history/activity", 2): _ACTIVITY,
    (
        "GET",
        "/history/transactions/{transactionType}/{lastPeriod}",
        1,
    ): "version 2 has the same rows, with times in UTC",
    (
        "GET",
        "/history/transactions/{transactionType}/{fromDate}/{toDate}",
        1,
    ): "version 2 has the same rows, with times in UTC",
    ("GET", "/positions", 1): f"version 2 {_NAMES}, and the deal reference and times in UTC",
    ("GET", "/positions/{dealId}", 1): f"version 2 {_NAMES}, and the deal reference and times in UTC",
    ("POST", "/positions/otc", 1): "version 2 takes the same, and time in force and trailing stops",
    ("PUT", "/positions/otc/{dealId}", 1): "version 2 takes the same, and trailing stops",
    ("GET", "/positions/sprintmarkets", 1): _SPRINT,
    ("GET", "/positions/sprintmarkets", 2): _SPRINT,
    ("POST", "/positions/sprintmarkets", 1): _SPRINT,
    ("GET", "/workingorders", 1): f"version 2 {_NAMES}, and times in UTC",
    ("POST", "/workingorders/otc", 1): "version 2 takes the same, and force open",
    ("PUT", "/workingorders/otc/{dealId}", 1): "version 2 takes the same",
    ("DELETE", "/workingorders/otc/{dealId}", 1): "version 2 takes the same, without a body",
    ("GET", "/markets?epics=", 1): "version 2 has the same, and the premium of guaranteed stops",
    ("GET", "/markets/{epic}", 1): f"version 3 {_NAMES}, and ISO codes of currencies",
    ("GET", "/markets/{epic}", 2): "version 3 has the same, and the premium of guaranteed stops",
    ("GET", "/prices/{epic}/{resolution}", 1): _PRICES,
    ("GET", "/prices/{epic}/{resolution}/{startDate}/{endDate}", 2): _PRICES,
    ("GET", "/prices/{epic}/{resolution}/{numPoints}", 1): _PRICES,
    ("GET", "/prices/{epic}/{resolution}/{numPoints}", 2): _PRICES,
}


@dataclass(frozen=True)
class Row:
    """An endpoint and what calls it.

    Attributes:
        constant: Where it is declared, e.g. ``ig_sdk.rest.markets.GET``.
        endpoint: The declaration.
        methods: The methods that call it, as users write them; none where only the client's own workings do.
    """

    constant: str
    endpoint: Any
    methods: tuple[str, ...]


def modules() -> list[ModuleType]:
    """Return the client's module and all modules of the REST API."""
    package = importlib.import_module(PACKAGE)
    names = sorted(info.name for info in pkgutil.walk_packages(package.__path__, f"{PACKAGE}."))
    return [importlib.import_module(name) for name in [CLIENT, *names]]


def rows() -> list[Row]:
    """Return every endpoint that is declared, each with the methods that call it."""
    read = modules()
    kind = sys.modules[f"{PACKAGE}.http.endpoint"].Endpoint
    code = _Code(read)
    places = {
        name: getattr(sys.modules[name.rpartition(".")[0]], name.rpartition(".")[2]) for name in code.constants.values()
    }
    declared = {name: value for name, value in places.items() if isinstance(value, kind)}
    found: dict[str, dict[str, int]] = {name: {} for name in declared}
    for method, start in _public_methods(code):
        for constant, steps in code.reach(start).items():
            if constant in found:
                found[constant][method] = steps
    return [Row(name, declared[name], _soonest(found[name])) for name in declared]


def _soonest(methods: dict[str, int]) -> tuple[str, ...]:
    """Return the methods that come to an endpoint soonest, and those of the same resource that call just these."""
    least = min(methods.values(), default=0)
    first = {name.rpartition(".")[0] for name, steps in methods.items() if steps == least}
    # Every call may log in; a login by name is the one that is meant for it.
    first = {"ig"} if "ig" in first else first
    return tuple(name for name, steps in methods.items() if steps <= least + 1 and name.rpartition(".")[0] in first)


@dataclass(frozen=True)
class _Function:
    """A function of the package.

    Attributes:
        name: Its full name.
        node: Its code.
        space: The names of its module.
        owner: The class that it is a method of.
    """

    name: str
    node: ast.FunctionDef
    space: dict[str, Any]
    owner: type | None


class _Code:
    """The functions of some modules, and whom each calls, as far as annotations tell."""

    def __init__(self, read: list[ModuleType]) -> None:
        self.constants: dict[int, str] = {}
        self.functions: dict[str, _Function] = {}
        self.attributes: dict[type, dict[str, object]] = {}
        # Where a module imports a class for type checkers only, its own names do not tell.
        own = [vars(module).items() for module in read]
        self.classes = {name: value for names in own for name, value in names if inspect.isclass(value)}
        for module in read:
            for node in ast.parse(inspect.getsource(module)).body:
                self._read(node, module)

    def _read(self, node: ast.stmt, module: ModuleType) -> None:
        space, name = vars(module), module.__name__
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            constant = node.targets[0].id
            self.constants[id(space[constant])] = f"{name}.{constant}"
        elif isinstance(node, ast.FunctionDef):
            self._add(_Function(f"{name}.{node.name}", node, space, None))
        elif isinstance(node, ast.ClassDef):
            kind = space[node.name]
            fields = [
                part for part in node.body if isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name)
            ]
            self.attributes[kind] = {part.target.id: self._class_in(part.annotation, space) for part in fields}
            for part in node.body:
                if isinstance(part, ast.FunctionDef):
                    self._add(_Function(f"{name}.{node.name}.{part.name}", part, space, kind))

    def _add(self, function: _Function) -> None:
        self.functions[function.name] = function
        if function.owner and function.node.name == "__init__":
            for part in ast.walk(function.node):
                if isinstance(part, ast.Assign) and isinstance(part.targets[0], ast.Attribute):
                    value = self._value(part.value, function, self._arguments(function))
                    self.attributes[function.owner][part.targets[0].attr] = value

    def reach(self, start: str) -> dict[str, int]:
        """Return which constants a function comes to, and in how many steps."""
        steps, found, waiting = {start: 0}, {}, deque([start])
        while waiting:
            here = waiting.popleft()
            for value in self._mentioned(self.functions[here]):
                name = value if isinstance(value, str) else self.constants.get(id(value), "")
                if name in self.functions and name not in {*steps, *CALLS}:
                    steps[name] = steps[here] + 1
                    waiting.append(name)
                elif name not in self.functions:
                    found.setdefault(name, steps[here] + 1)
        return found

    def _mentioned(self, function: _Function) -> Iterator[object]:
        known = self._arguments(function)
        for part in ast.walk(function.node):
            if isinstance(part, ast.Assign):
                targets = [name for name in ast.walk(part.targets[0]) if isinstance(name, ast.Name)]
                known |= dict.fromkeys((name.id for name in targets), self._value(part.value, function, known))
        for part in ast.walk(function.node):
            if isinstance(part, (ast.Name, ast.Attribute)):
                value = self._value(part, function, known)
                yield f"{value.__module__}.{value.__name__}.__init__" if inspect.isclass(value) else value

    def _value(self, node: ast.AST, function: _Function, known: dict[str, object]) -> object:
        """Return what an expression is: the name of a function, the class of an object, a module, a constant."""
        if isinstance(node, ast.Name):
            if node.id in ("self", "cls"):
                return function.owner
            value = known.get(node.id, function.space.get(node.id, self.classes.get(node.id)))
            return f"{value.__module__}.{value.__name__}" if inspect.isfunction(value) else value
        if isinstance(node, ast.Call):
            value = self._value(node.func, function, known)
            called = self.functions.get(value) if isinstance(value, str) else None
            return self._class_in(called.node.returns, called.space) if called else value
        if isinstance(node, ast.Attribute):
            return self._attribute(self._value(node.value, function, known), node.attr)
        return None

    def _attribute(self, holder: object, name: str) -> object:
        if inspect.ismodule(holder):
            value = getattr(holder, name, None)  # a door imports what it exports when it is first asked
            return f"{value.__module__}.{value.__name__}" if inspect.isfunction(value) else value
        for kind in holder.__mro__ if inspect.isclass(holder) else ():
            method = f"{kind.__module__}.{kind.__name__}.{name}"
            if method in self.functions:
                return method
            if name in self.attributes.get(kind, {}):
                return self.attributes[kind][name]
        return None

    def _arguments(self, function: _Function) -> dict[str, object]:
        given = function.node.args
        return {arg.arg: self._class_in(arg.annotation, function.space) for arg in (*given.args, *given.kwonlyargs)}

    def _class_in(self, annotation: ast.AST | None, space: dict[str, Any]) -> type | None:
        """Return the first class of the package that an annotation names."""
        for part in ast.walk(annotation) if annotation else ():
            kind = space.get(part.id, self.classes.get(part.id)) if isinstance(part, ast.Name) else None
            if inspect.isclass(kind) and kind.__module__.startswith("ig_sdk"):
                return kind
        return None


def _public_methods(code: _Code) -> Iterator[tuple[str, str]]:
    """Yield each public method of the client and of its resources: as users write it, and by its full name."""
    client = sys.modules[CLIENT].IGClient
    resources = {name: kind for name, kind in code.attributes[client].items() if not name.startswith("_")}
    for prefix, kind in {"ig": client, **{f"ig.{name}": kind for name, kind in resources.items()}}.items():
        for function in code.functions.values():
            if function.owner is kind and not function.node.name.startswith("_"):
                yield f"{prefix}.{function.node.name}", function.name


def page() -> str:
    """Return both tables in Markdown."""
    methods: dict[Any, set[str]] = {}
    for row in rows():
        key = (row.endpoint.path, row.endpoint.method, row.endpoint.version, row.endpoint.allowance or "nothing")
        methods.setdefault(key, set()).update(row.methods)
    lines = ["| endpoint | version | counted as | method |", "|---|---|---|---|"]
    for (path, method, version, allowance), names in sorted(methods.items()):
        told = ", ".join(f"`{name}`" for name in sorted(names)) or "the client itself, when it needs to"
        lines.append(f"| `{method} {path}` | {version} | {allowance} | {told} |")
    lines += ["", "## Left out", "", "| endpoint | version | why |", "|---|---|---|"]
    lines += [f"| `{method} {path}` | {version} | {reason} |" for (method, path, version), reason in LEFT_OUT.items()]
    return "\n".join([*lines, ""])


def _write(app: Any) -> None:
    folder = Path(app.srcdir) / "_build"
    folder.mkdir(exist_ok=True)
    target, text = folder / "endpoints.md", page()
    if not target.exists() or target.read_text(encoding="utf-8") != text:
        target.write_text(text, encoding="utf-8")


def setup(app: Any) -> dict[str, bool]:
    """Register the table with Sphinx."""
    app.connect("builder-inited", _write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
