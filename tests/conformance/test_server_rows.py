"""Every row of the server's half of the checklist has a test that names it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROWS = range(131, 223)


def test_every_row_is_named():
    """Each of the server's rows stands in the docstring of a test."""
    named = set()
    for path in Path(__file__).parent.glob("test_server_*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                named.update(map(int, re.findall(r"C-(\d{3})", ast.get_docstring(node) or "")))
    missing = [f"C-{row}" for row in ROWS if row not in named]
    assert not missing, missing
