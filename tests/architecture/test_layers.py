"""Who imports whom: the contracts of setup.cfg, and the picture that the documentation shows."""

from __future__ import annotations

import ast
import configparser
import re
import subprocess
import sys
import xml.etree.ElementTree as ET

import pytest

PURE = {"threading", "time", "socket", "logging", "requests", "websocket"}


@pytest.fixture(scope="module")
def contracts(root) -> list[dict[str, list[str]]]:
    """The contracts of setup.cfg: each key with its lines."""
    settings = configparser.ConfigParser()
    settings.read(root / "setup.cfg", encoding="utf-8")
    names = [name for name in settings.sections() if name.startswith("importlinter:contract:")]
    return [{key: value.split() for key, value in settings[name].items()} for name in names]


def test_import_contracts_hold(root, tmp_path):
    """Every import-linter contract of setup.cfg is kept."""
    settings = configparser.ConfigParser()
    settings.read(root / "setup.cfg", encoding="utf-8")
    contracts = sum(name.startswith("importlinter:contract:") for name in settings.sections())
    # By its function: import-linter has no ``python -m``, and a script's first line breaks in long folder names.
    code = "from importlinter.cli import lint_imports_command as run; run()"
    done = subprocess.run(
        [sys.executable, "-c", code, "--no-logo", "--cache-dir", str(tmp_path)],
        cwd=root,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{contracts} kept, 0 broken" in done.stdout


def test_imports_for_type_checkers_count(root):
    """A contract is kept by every import, those under ``TYPE_CHECKING`` included."""
    settings = configparser.ConfigParser()
    settings.read(root / "setup.cfg", encoding="utf-8")
    assert settings["importlinter"]["exclude_type_checking_imports"] == "False"


def test_every_folder_has_its_layers(contracts, import_graph):
    """Each folder has a contract that gives every one of its modules a layer."""
    held = {
        container
        for contract in contracts
        if contract["type"] == ["layers"] and contract.get("exhaustive") == ["True"]
        for container in contract.get("containers", [])
    }
    files = import_graph.module_files()
    folders = {name for name, path in files.items() if path.name == "__init__.py" and name != import_graph.PACKAGE}
    parts = {name: [other for other in files if other.rpartition(".")[0] == name] for name in folders}
    missing = {name for name in folders - held if len(parts[name]) > 1}
    assert not missing, f"give these a layers contract in setup.cfg: {sorted(missing)}"


def test_what_calls_itself_pure_is_held_to_it(contracts, package):
    """A module whose docstrings call it pure or free of I/O is in a contract that forbids I/O, threads and time."""
    held = {
        source
        for contract in contracts
        if contract["type"] == ["forbidden"] and set(contract["forbidden_modules"]) >= PURE
        for source in contract["source_modules"]
    }
    # In its first line, or in a line that begins with it: further down a docstring speaks of the parts.
    claim = re.compile(r"\A[^\n]*(\bpure\b|\bno I/O\b|\bwithout I/O\b)|^Pure\b", re.IGNORECASE | re.MULTILINE)
    claims = [source for source in package if claim.search(ast.get_docstring(source.tree) or "")]
    loose = [
        source.name
        for source in claims
        if not any(source.name == name or source.name.startswith(f"{name}.") for name in held)
    ]
    assert len(claims) > 40
    assert not loose, loose


def test_every_folder_says_what_lives_there(import_graph):
    """The first sentence of each folder's ``__init__`` says what lives there, and for whom; the docs show it."""
    table = import_graph.folders()
    for name, path in import_graph.module_files().items():
        if path.name == "__init__.py" and name != import_graph.PACKAGE:
            sentence = import_graph.purpose(path)
            assert len(sentence.split()) >= 6, (name, sentence)
            assert sentence.endswith((".", ":")), (name, sentence)
            assert sentence in table


def test_every_module_is_in_a_layer(import_graph):
    """A new module cannot escape the contract: each one is named in the layers of setup.cfg."""
    known = {name for row in import_graph.layers() for name in row}
    homeless = {import_graph.area(name) for name in import_graph.module_files()} - known - {""}
    assert not homeless, f"give these a layer in setup.cfg: {sorted(homeless)}"


def test_areas_import_downwards_only(import_graph):
    """Each arrow of the picture goes to a lower layer; the one exception is the client that starts a simulator."""
    height = {name: -row for row, names in enumerate(import_graph.layers()) for name in names}
    edges = import_graph.area_edges(import_graph.imports()) - {import_graph.LAZY_EDGE}
    wrong = sorted((a, b) for a, b in edges if a in height and b in height and height[a] <= height[b])
    assert not wrong, wrong


def test_modules_form_no_circle(structure):
    """No module imports itself by way of others, those that are imported for type checkers included."""
    assert not structure.circles(structure.graph_of())


def test_circles_are_found(structure):
    """The count that says there are none finds one where there is one, and takes it for one floor."""
    graph = {"a": {"b"}, "b": {"c"}, "c": {"b", "d"}, "d": set()}
    assert structure.circles(graph) == [("b", "c")]
    assert structure.floors(graph) == 3


def test_only_named_imports_are_lazy(import_graph):
    """Inside functions ig_sdk is imported by the client (its parts, its simulator), the command line and the test plugin."""
    lazy = {
        (import_graph.area(edge.source), import_graph.area(edge.target)) for edge in import_graph.imports() if edge.lazy
    }
    allowed = {(a, b) for a, b in lazy if a in {"client", "cli", "testing"}}
    assert lazy == allowed, sorted(lazy - allowed)


def test_picture_shows_every_area(import_graph):
    """The drawing is well-formed and has a box for each area and an arrow for each import."""
    edges = import_graph.area_edges(import_graph.imports())
    picture = ET.fromstring(import_graph.draw(import_graph.layers(), edges))
    boxes = {text.text for text in picture.iter("{http://www.w3.org/2000/svg}text")}
    known = {name for row in import_graph.layers() for name in row}
    assert boxes == known & {name for edge in edges for name in edge}
    arrows = list(picture.iter("{http://www.w3.org/2000/svg}path"))
    assert len(arrows) == sum({a, b} <= known for a, b in edges) + 1  # the arrow head is one
