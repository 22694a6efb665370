"""Sizes: what fits on a screen gets read."""

from __future__ import annotations

import ast
import statistics

MODULE_LINES, FUNCTION_LINES, METHODS, POSITIONAL, NESTED_LINES = 400, 60, 25, 6, 10
MEDIAN_LINES, P90_LINES = 8, 30

# Module -> why it may have up to 500 lines.
LONG_MODULES: dict[str, str] = {}
# Modules whose closures are the fast path: a nested function there keeps its names in cells, which is the point.
FAST_PATHS: set[str] = set()


def _lines(function) -> int:
    """Lines of a function without its decorators and its docstring."""
    total = function.end_lineno - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function, clean=False) is not None:
        total -= first.end_lineno - first.lineno + 1
    return total


def test_modules_are_short(package):
    """A module has at most 400 lines, or at most 500 and a written reason."""
    limits = {source.name: 500 if source.name in LONG_MODULES else MODULE_LINES for source in package}
    counts = {source.name: source.text.count("\n") for source in package}
    long = {name: count for name, count in counts.items() if count > limits[name]}
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


def test_classes_are_small(package):
    """No class has more than 25 methods; properties count."""
    big = {
        f"{source.name}.{node.name}": count
        for source in package
        for node in ast.walk(source.tree)
        if isinstance(node, ast.ClassDef)
        if (count := sum(isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)) for child in node.body)) > METHODS
    }
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
    by_name = {source.name: source for source in package}
    assert set(by_name) >= FAST_PATHS
    needless = [name for name in LONG_MODULES if by_name[name].text.count("\n") <= MODULE_LINES]
    assert not needless, needless
