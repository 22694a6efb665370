"""Every Python snippet of README and documentation runs, or says why it does not."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FENCE = re.compile(
    r"(?P<mark><!-- not run: (?P<reason>[^\n]+?) -->\n\n?)?^(?P<pad> *)```(?P<language>[\w{}-]*)\n(?P<code>.*?)^(?P=pad)```",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Snippet:
    """One fenced block."""

    page: Path
    line: int
    language: str
    code: str
    reason: str | None


def _snippets(language: str) -> list[Snippet]:
    found = []
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        text = page.read_text(encoding="utf-8") if page.exists() else ""
        for match in FENCE.finditer(text):
            if match["language"] == language:
                line = text.count("\n", 0, match.start("code"))
                found.append(Snippet(page, line, language, match["code"], match["reason"]))
    return found


def _pages() -> list[str]:
    return sorted({str(snippet.page.relative_to(ROOT)) for snippet in _snippets("python")})


@pytest.mark.parametrize("page", _pages())
def test_snippets_of_a_page_run(page, tmp_path, monkeypatch):
    """The Python blocks of one page, in order and in one namespace, run to their end and leave nothing behind."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in __import__("os").environ if name.startswith("IG_")]:
        monkeypatch.delenv(name)
    names: dict[str, object] = {"__name__": "snippet"}
    for snippet in _snippets("python"):
        if str(snippet.page.relative_to(ROOT)) != page:
            continue
        # Blank lines in front make a traceback point at the page's own line.
        code = compile("\n" * snippet.line + snippet.code, str(snippet.page), "exec")
        if snippet.reason is None:
            with contextlib.redirect_stdout(io.StringIO()):
                exec(code, names)


def test_there_are_snippets():
    """README has snippets that run, so that the test above cannot pass by finding none."""
    running = [snippet for snippet in _snippets("python") if snippet.reason is None]
    assert sum(snippet.page.name == "README.md" for snippet in running) >= 2
    assert len(running) > 8


def test_json_snippets_are_json():
    """Every JSON block can be read."""
    import json

    for snippet in _snippets("json"):
        json.loads(snippet.code)


def test_simulator_options_exist():
    """Each option that a page gives to ``python -m ig_sdk.simulator`` is known to it."""
    done = subprocess.run(
        [sys.executable, "-m", "ig_sdk.simulator", "--help"], capture_output=True, text=True, timeout=30, check=True
    )
    _assert_known("ig_sdk.simulator", done.stdout)


def test_example_options_exist():
    """Each option that a page gives to ``examples/live_ema.py`` is known to it."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / "live_ema.py"), "--help"],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    _assert_known("live_ema.py", done.stdout)


def _assert_known(program: str, usage: str) -> None:
    known = set(re.findall(r"--[a-z-]+", usage))
    for language in ("sh", "console"):
        for snippet in _snippets(language):
            for line in snippet.code.replace("\\\n", " ").splitlines():
                if program in line:
                    used = {word.split("=")[0] for word in shlex.split(line, comments=True) if word.startswith("--")}
                    assert used <= known, f"{snippet.page.name}: {sorted(used - known)}"
