"""The pytest plugin: what it costs a run that does not use it, and what it says without the extra."""

from __future__ import annotations

import ast
import importlib.util
import inspect
import sys

import pytest

from ig_sdk import testing


def imported(tree: ast.AST) -> set[str]:
    """The modules that the statements of a tree import."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {each.name for each in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "a relative import"
            found.add(node.module or "")
    return found


def test_nothing_of_ig_sdk_is_imported_with_the_module():
    """Pytest loads the plugin in every run: outside functions and TYPE_CHECKING it imports nothing of ig_sdk."""
    statements = ast.parse(inspect.getsource(testing)).body
    checked_only = [node for node in statements if isinstance(node, ast.If)]
    assert [ast.unparse(node.test) for node in checked_only] == ["TYPE_CHECKING"]
    loaded = [node for node in statements if not isinstance(node, (ast.If, ast.FunctionDef))]
    assert not {name for node in loaded for name in imported(node) if name.startswith("ig_sdk")}


def test_without_the_extra_the_fixture_names_it(monkeypatch, request):
    """A missing package of the extra is a usage error that says what to install."""
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "werkzeug" else found(name))
    monkeypatch.delitem(sys.modules, "ig_sdk.simulator", raising=False)
    with pytest.raises(pytest.UsageError, match=r"pip install 'ig-sdk\[simulator\]'"):
        request.getfixturevalue("ig_simulator")
