"""The tables of IG's refusals, read from the package: reasons of rejected deals, and error codes."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ig_sdk.rest.deals.reasons import REASONS, REMEDIES
from ig_sdk.rest.http.error_table import HINTS, MEANINGS


def reasons() -> str:
    """Return the table of reasons in Markdown."""
    return _table("reason", ((reason, meaning, REMEDIES.get(reason)) for reason, (_, meaning) in REASONS.items()))


def codes() -> str:
    """Return the table of error codes in Markdown; one that ends in a dot stands for all that begin so."""
    rows = ((f"{code}…" if code.endswith(".") else code, text, HINTS.get(code)) for code, text in MEANINGS.items())
    return _table("code", rows)


def _table(name: str, rows: Iterable[tuple[str, str, str | None]]) -> str:
    lines = [f"| {name} | means | do |", "|---|---|---|"]
    lines += [f"| `{code}` | {meaning} | {remedy or ''} |" for code, meaning, remedy in sorted(rows)]
    return "\n".join([*lines, ""])


def _write(app: Any) -> None:
    folder = Path(app.srcdir) / "_build"
    folder.mkdir(exist_ok=True)
    for name, text in {"reasons.md": reasons(), "codes.md": codes()}.items():
        target = folder / name
        if not target.exists() or target.read_text(encoding="utf-8") != text:
            target.write_text(text, encoding="utf-8")


def setup(app: Any) -> dict[str, bool]:
    """Register the tables with Sphinx."""
    app.connect("builder-inited", _write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
