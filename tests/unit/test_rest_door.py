"""The names that ``ig_sdk.rest`` exports."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import subprocess
import sys

import pytest

from ig_sdk import _json, rest


def test_the_three_lists_of_names_agree() -> None:
    """What type checkers see, what is exported and what is found at run time are the same names from the same modules."""
    seen = {
        alias.name: (node.module or "").removeprefix("ig_sdk.rest.")
        for node in ast.walk(ast.parse(inspect.getsource(rest)))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("ig_sdk.rest.")
        for alias in node.names
    }
    found = {name: home for home, names in rest._HOMES.items() for name in names}
    assert seen == found
    assert set(rest.__all__) == set(found)
    assert dir(rest) == rest.__all__


def test_every_name_is_found() -> None:
    """Each exported name is a thing of the module that is said to hold it; any other name is an attribute error."""
    for home, names in rest._HOMES.items():
        module = importlib.import_module(f"ig_sdk.rest.{home}")
        for name in names:
            assert getattr(rest, name) is getattr(module, name)
    with pytest.raises(AttributeError, match="no attribute 'Positions'"):
        _ = rest.Positions  # type: ignore[attr-defined]


def test_no_model_and_no_resource_is_forgotten() -> None:
    """Every public model and resource of any module of the package is exported."""
    for info in pkgutil.walk_packages(rest.__path__, "ig_sdk.rest."):
        for name, thing in vars(importlib.import_module(info.name)).items():
            own = inspect.isclass(thing) and thing.__module__ == info.name and not name.startswith("_")
            if own and (name.endswith("Resource") or issubclass(thing, _json.Model)):
                assert name in rest.__all__, f"{info.name}.{name}"


def test_importing_the_package_costs_nothing() -> None:
    """Nothing else of the package, and no library, is imported before a name is used."""
    code = (
        "import sys, ig_sdk.rest; ours = sorted(name for name in sys.modules if name.startswith('ig_sdk.'));"
        "print(ours, 'requests' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=20)
    assert run.stdout.strip() == "['ig_sdk.rest'] False"
