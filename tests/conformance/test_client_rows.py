"""The client's rows of the checklist: each one has a test that names it."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
FIRST, LAST = 1, 130
# Row -> why no test can show it.
NOT_APPLICABLE: dict[int, str] = {}
# What a file says about itself as a whole is no test.
_WITHOUT_HEAD = re.compile(r'\A"""[\s\S]*?"""')


def _named() -> set[int]:
    rows: set[int] = set()
    for path in TESTS.rglob("test_*.py"):
        if path == Path(__file__).resolve():
            continue
        text = _WITHOUT_HEAD.sub("", path.read_text(encoding="utf-8"), count=1)
        rows |= {int(row) for row in re.findall(r"C-(\d{3})", text)}
        for first, last in re.findall(r"C-(\d{3}) to C-(\d{3})", text):
            rows |= set(range(int(first), int(last) + 1))
    return rows


def test_every_client_row_is_named_by_a_test():
    """C-001 to C-130 are each named in a test, or here with the reason why not."""
    missing = sorted(set(range(FIRST, LAST + 1)) - _named() - set(NOT_APPLICABLE))
    assert not missing, [f"C-{row:03}" for row in missing]


def test_checklist_has_no_other_client_rows(shared):
    """The checklist's client rows are the ones that are looked for here."""
    text = (shared / "wire" / "CONFORMANCE.md").read_text(encoding="utf-8")
    client = text.split("## Server / simulator requirements")[0]
    assert [int(row) for row in re.findall(r"^\| C-(\d{3}) ", client, re.MULTILINE)] == list(range(FIRST, LAST + 1))
