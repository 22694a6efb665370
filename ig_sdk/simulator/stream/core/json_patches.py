"""JSON patches (RFC 6902) from one document to another: the server's half of ``^P`` (TLCP.md section 13)."""

from __future__ import annotations

from typing import Any


def make_patch(old: Any, new: Any) -> list[dict[str, Any]]:
    """Return operations that turn ``old`` into ``new``: members are compared, everything else is replaced whole."""
    return _patch(old, new, "")


def _patch(old: Any, new: Any, path: str) -> list[dict[str, Any]]:
    if not (isinstance(old, dict) and isinstance(new, dict)):
        # 1 and True, 1 and 1.0 are equal in Python but not the same JSON.
        same = type(old) is type(new) and old == new and not isinstance(new, list)
        return [] if same else [{"op": "replace", "path": path, "value": new}]
    operations = [{"op": "remove", "path": _join(path, name)} for name in old if name not in new]
    for name, value in new.items():
        where = _join(path, name)
        if name in old:
            operations += _patch(old[name], value, where)
        else:
            operations.append({"op": "add", "path": where, "value": value})
    return operations


def _join(path: str, name: str) -> str:
    return f"{path}/{name.replace('~', '~0').replace('/', '~1')}"
