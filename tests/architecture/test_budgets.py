"""Sizes: what fits on a screen gets read."""

from __future__ import annotations

import ast
import statistics
from collections import Counter

MODULE_LINES, FUNCTION_LINES, METHODS, POSITIONAL, NESTED_LINES = 350, 60, 25, 6, 10
MEDIAN_LINES, P90_LINES = 8, 30

# Modules whose closures are the fast path: a nested function there keeps its names in cells, which is the point.
FAST_PATHS: set[str] = set()


def _lines(function) -> int:
    """Lines of a function without its decorators and its docstring."""
    total = function.end_lineno - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function, clean=False) is not None:
        total -= first.end_lineno - first.lineno + 1
    return total


def _docstring_lines(tree: ast.Module) -> set[int]:
    """The lines that docstrings fill."""
    homes = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    texts = [
        node.body[0]
        for node in ast.walk(tree)
        if isinstance(node, homes) and ast.get_docstring(node, clean=False) is not None
    ]
    return {line for text in texts for line in range(text.lineno, text.end_lineno + 1)}


def _lines_of_code(source) -> int:
    """Lines of a module that are neither empty nor a comment nor part of a docstring."""
    prose = _docstring_lines(source.tree)
    lines = enumerate(source.text.splitlines(), 1)
    return sum(
        bool(line.strip()) and not line.strip().startswith("#") and number not in prose for number, line in lines
    )


def test_modules_are_short(package):
    """A module has at most 350 lines of code; docstrings, comments and empty lines do not count."""
    counts = {source.name: _lines_of_code(source) for source in package}
    long = {name: count for name, count in counts.items() if count > MODULE_LINES}
    assert not long, long


def test_functions_are_short(package):
    """No function is longer than 60 lines without its docstring."""
    long = {
        source.at(function): _lines(function)
        for source in package
        for function, _ in source.functions()
        if _lines(function) > FUNCTION_LINES
    }
    assert not long, long


def test_most_functions_are_tiny(package):
    """The median function has at most 8 lines, and nine of ten have at most 30."""
    lengths = sorted(_lines(function) for source in package for function, _ in source.functions())
    assert statistics.median(lengths) <= MEDIAN_LINES
    assert lengths[int(len(lengths) * 0.9)] <= P90_LINES


def _classes(package) -> dict[str, tuple[list[str], set[str]]]:
    """Each class of the package by name: the bases it names and its methods, properties among them."""
    return {
        node.name: (
            [ast.unparse(base).split("[")[0].rpartition(".")[2] for base in node.bases],
            {child.name for child in node.body if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef))},
        )
        for source in package
        for node in ast.walk(source.tree)
        if isinstance(node, ast.ClassDef)
    }


def test_classes_are_small(package):
    """No class has more than 25 methods, those of bases that only it has counted with it; properties count."""
    classes = _classes(package)
    heirs = Counter(base for bases, _ in classes.values() for base in bases)

    def methods(name: str) -> set[str]:
        bases, own = classes[name]
        return own.union(*(methods(base) for base in bases if base in classes and heirs[base] == 1))

    big = {name: len(methods(name)) for name in classes if len(methods(name)) > METHODS}
    assert not big, big


def test_few_positional_parameters(package):
    """At most six parameters may be given by position; options are keyword-only."""
    wide = {}
    for source in package:
        for function, outer in source.functions():
            names = [arg.arg for arg in (*function.args.posonlyargs, *function.args.args)]
            if outer and isinstance(outer[-1], ast.ClassDef) and names[:1] in (["self"], ["cls"]):
                names = names[1:]
            if len(names) > POSITIONAL:
                wide[source.at(function)] = names
    assert not wide, wide


def test_nested_functions_are_tiny(package):
    """A function inside a function has at most 10 lines, except in the named fast paths."""
    long = {
        source.at(function): _lines(function)
        for source in package
        if source.name not in FAST_PATHS
        for function, outer in source.functions()
        if outer and not isinstance(outer[-1], ast.ClassDef) and _lines(function) > NESTED_LINES
    }
    assert not long, long


def test_named_exceptions_exist(package):
    """An exception that nothing needs any more is removed."""
    assert {source.name for source in package} >= FAST_PATHS
