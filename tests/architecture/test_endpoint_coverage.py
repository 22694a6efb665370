"""Every endpoint of IG's REST API is called by a method, or left out for a reason."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from ig_sdk import IGClient, IGConfig
from ig_sdk.rest.http.endpoint import Endpoint

pytestmark = pytest.mark.shared
Key = tuple[str, str, int]


@pytest.fixture(scope="module")
def table(root: Path) -> ModuleType:
    """The module that writes the documentation's table of endpoints."""
    spec = importlib.util.spec_from_file_location("endpoint_table", root / "docs" / "_ext" / "endpoint_table.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def known(shared: Path) -> dict[Key, list[dict[str, Any]]]:
    """IG's endpoint-versions: the search and the list of markets share method, path and version 1."""
    found: dict[Key, list[dict[str, Any]]] = {}
    for entry in json.loads((shared / "wire" / "ig_api.json").read_text(encoding="utf-8"))["endpoints"]:
        found.setdefault((entry["method"], entry["path"], entry["version"]), []).append(entry)
    return found


def _key(endpoint: Endpoint) -> Key:
    return endpoint.method, endpoint.path, endpoint.version


def _left_out(key: Key, entry: dict[str, Any]) -> Key:
    """The name under which an endpoint is left out: with its query where that tells it from another one."""
    method, path, version = key
    return method, f"{path}?{entry['discriminator']}=" if "discriminator" in entry else path, version


def test_nothing_of_the_api_is_forgotten(table: ModuleType, known: dict[Key, list[dict[str, Any]]]) -> None:
    """Each endpoint-version is called, or left out with its reason; none is both."""
    called = {_key(row.endpoint) for row in table.rows()}
    wrong = []
    for key, entries in known.items():
        reasons = [table.LEFT_OUT.get(_left_out(key, entry)) for entry in entries]
        served = len(entries) - sum(map(bool, reasons))
        if (key in called) != bool(served):
            wrong.append(f"{' '.join(map(str, key))}: {'called' if key in called else 'not called'}, {reasons}")
    assert not wrong, wrong


def test_nothing_else_is_left_out(table: ModuleType, known: dict[Key, list[dict[str, Any]]]) -> None:
    """What is left out is an endpoint of IG's, and not the newest of its kind unless the whole kind is gone."""
    names = {_left_out(key, entry): entry for key, entries in known.items() for entry in entries}
    assert set(table.LEFT_OUT) <= set(names)
    for name in table.LEFT_OUT:
        kind = re.sub(r"\.v\d+$", "", names[name]["id"])
        newer = [
            other
            for other in names.values()
            if re.sub(r"\.v\d+$", "", other["id"]) == kind and other["version"] > names[name]["version"]
        ]
        moved = names[name]["id"].startswith(("history.", "prices."))  # the newest version has another path
        assert newer or moved or "sprintmarkets" in name[1], name


def test_constants_say_what_ig_says(table: ModuleType, known: dict[Key, list[dict[str, Any]]]) -> None:
    """Each constant names an endpoint-version of IG's, with its allowance and whether it needs a login."""
    wrong = []
    for row in table.rows():
        entries = known.get(_key(row.endpoint))
        if entries is None:
            wrong.append(f"{row.constant}: no such endpoint")
            continue
        names = set(re.findall(r"\{(\w+)\}", row.endpoint.path))
        told = [(entry["traffic"], entry["auth"]) for entry in entries]
        if (row.endpoint.allowance, row.endpoint.authenticated) not in told:
            wrong.append(f"{row.constant}: {told}")
        if names != {param["name"] for param in entries[0]["params"] if param["in"] == "path"}:
            wrong.append(f"{row.constant}: {names}")
    assert not wrong, wrong


def test_what_changes_something_says_so(table: ModuleType) -> None:
    """A request other than a GET is mutating, unless it is a login or a quote of costs, which change nothing."""
    harmless = ("/session", "/session/refresh-token", "/indicativecostsandcharges/")
    wrong = [
        row.constant
        for row in table.rows()
        if row.endpoint.mutating == (row.endpoint.method == "GET")
        and not (row.endpoint.method == "POST" and row.endpoint.path.startswith(harmless))
    ]
    assert not wrong, wrong


def test_the_table_names_methods_that_exist(table: ModuleType) -> None:
    """Each endpoint has a method of the client or of one of its resources."""
    rows = table.rows()
    with IGClient(IGConfig()) as ig:
        for name in {name for row in rows for name in row.methods}:
            resource, _, method = name.removeprefix("ig.").rpartition(".")
            assert hasattr(type(getattr(ig, resource) if resource else ig), method), name
    mute = {_key(row.endpoint) for row in rows} - {_key(row.endpoint) for row in rows if row.methods}
    assert not mute, mute


def test_the_table_can_be_read(table: ModuleType) -> None:
    """Each endpoint has its line, with its method, and so has each that is left out."""
    lines = table.page().splitlines()
    assert "| `GET /watchlists/{watchlistId}` | 1 | non-trading | `ig.watchlists.get` |" in lines
    endpoints = {_key(row.endpoint) for row in table.rows()}
    assert len([line for line in lines if line.startswith("| `")]) == len(endpoints) + len(table.LEFT_OUT)
