"""No dead key: each one is read by the code that it is for."""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Iterator
from pathlib import Path

from ig_sdk.config import IGConfig

PACKAGE = Path(__file__).resolve().parents[3] / "ig_sdk"
# Keys that nobody reads yet (issue #12). It must become empty: a key that is read now is struck off here.
OWED = {"stream.fallback"}

KEYS = [
    *(
        f"{field.name}.{inner.name}" if dataclasses.is_dataclass(value) else field.name
        for field in dataclasses.fields(IGConfig)
        for value in [getattr(IGConfig(), field.name)]
        for inner in (dataclasses.fields(value) if dataclasses.is_dataclass(value) else [field])
    )
]
GROUPS = {key.partition(".")[0] for key in KEYS if "." in key}
# What a configuration is called where it is read.
CONFIGS = {"config", "_config", "target", "_target"}


def _is_config(node: ast.expr) -> bool:
    """Whether an expression is a whole configuration, by its name: ``self._config``, ``config``, ``self._target()``."""
    if isinstance(node, ast.Call):
        node = node.func
    name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
    return name in CONFIGS


def _group(node: ast.expr) -> str | None:
    """The group that an expression is: ``config.live``."""
    if isinstance(node, ast.Attribute) and node.attr in GROUPS and _is_config(node.value):
        return node.attr
    return None


def _named_groups(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Local names of groups: ``settings = config.logging``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and (group := _group(node.value)) is not None:
            yield from ((target.id, group) for target in node.targets if isinstance(target, ast.Name))


def read_keys(tree: ast.Module) -> set[str]:
    """Every key that a module reads."""
    found: set[str] = set()
    for function in ast.walk(tree):
        if not isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        names = dict(_named_groups(function))
        for node in ast.walk(function):
            if not isinstance(node, ast.Attribute) or not isinstance(node.ctx, ast.Load):
                continue
            group = _group(node.value)
            if group is None and isinstance(node.value, ast.Name):
                group = names.get(node.value.id)
            if group is not None:
                found.add(f"{group}.{node.attr}")
            elif _is_config(node.value):
                found.add(node.attr)
    return found


def test_the_search_finds_what_is_read_and_nothing_else() -> None:
    """Chains and local names of groups count; a mention, an assignment and a key of something else do not."""
    code = """
def one(self, config, other):
    settings = config.logging
    use(settings.level, self._config.live.tick_buffer_size, self._target().api_key)
    config.proxy = "stream.fallback"
    other.password, other.stream.stall_s, settings
"""
    assert read_keys(ast.parse(code)) & set(KEYS) == {"logging.level", "live.tick_buffer_size", "api_key"}


def test_every_key_is_read() -> None:
    """Each key is read outside of the configuration itself; those that are owed are exactly those that are listed."""
    assert len(KEYS) > 35
    modules = [path for path in PACKAGE.rglob("*.py") if PACKAGE / "config" not in path.parents]
    read = set().union(*(read_keys(ast.parse(path.read_text(encoding="utf-8"))) for path in modules))
    assert set(KEYS) - read == OWED
