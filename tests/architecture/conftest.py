"""The package and its surroundings as syntax trees, read once."""

from __future__ import annotations

import ast
import importlib.util
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True)
class Source:
    """One Python file."""

    name: str
    path: Path
    text: str
    tree: ast.Module

    def functions(self) -> Iterator[tuple[ast.FunctionDef | ast.AsyncFunctionDef, tuple[ast.AST, ...]]]:
        """Every function with what encloses it, outermost first."""
        yield from _functions(self.tree, ())

    def at(self, node: ast.AST) -> str:
        """Where ``node`` stands, for a finding."""
        return f"{self.path.relative_to(ROOT)}:{getattr(node, 'lineno', 1)}"


def _functions(node: ast.AST, outer: tuple[ast.AST, ...]) -> Iterator:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, FUNCTIONS):
            yield child, outer
        inside = (*outer, child) if isinstance(child, (*FUNCTIONS, ast.ClassDef)) else outer
        yield from _functions(child, inside)


def _read(paths: dict[str, Path]) -> list[Source]:
    texts = {name: path.read_text(encoding="utf-8") for name, path in paths.items()}
    return [Source(name, path, texts[name], ast.parse(texts[name])) for name, path in paths.items()]


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


def _module(path: Path) -> ModuleType:
    """Import one file that is in no package."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def import_graph() -> ModuleType:
    """The module that draws the documentation's picture of imports."""
    return _module(ROOT / "docs" / "_ext" / "import_graph.py")


@pytest.fixture(scope="session")
def structure() -> ModuleType:
    """The script that counts floors, arrows and circles."""
    return _module(ROOT / "tests" / "architecture" / "structure.py")


@pytest.fixture(scope="session")
def package(import_graph: ModuleType) -> list[Source]:
    """Every module of ig_sdk."""
    return _read(import_graph.module_files())


@pytest.fixture(scope="session")
def test_files() -> list[Source]:
    """Every file below tests/."""
    return _read({str(path.relative_to(ROOT)): path for path in sorted((ROOT / "tests").rglob("*.py"))})


@pytest.fixture(scope="session")
def programs() -> list[Source]:
    """Examples and benchmarks."""
    paths = [path for folder in ("examples", "benchmarks") for path in sorted((ROOT / folder).rglob("*.py"))]
    return _read({str(path.relative_to(ROOT)): path for path in paths})
