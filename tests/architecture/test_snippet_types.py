"""The snippets of README and documentation as a user's own code under ``mypy --strict``."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

_NEIGHBOUR = Path(__file__).with_name("test_snippets.py")
_SPEC = importlib.util.spec_from_file_location("snippets_of_pages", _NEIGHBOUR)
assert _SPEC is not None
assert _SPEC.loader is not None
_PAGES = importlib.util.module_from_spec(_SPEC)
sys.modules["snippets_of_pages"] = _PAGES  # dataclasses look their module up
_SPEC.loader.exec_module(_PAGES)
ROOT, _pages, _snippets = _PAGES.ROOT, _PAGES._pages, _PAGES._snippets

# Pages whose snippets a type checker still faults: to become fewer, never more.
OWED = {
    "docs/how-to/connect-to-any-lightstreamer-server.md",
    "docs/how-to/open-amend-and-close.md",
    "docs/how-to/resolve-an-uncertain-deal.md",
    "docs/how-to/test-your-bot.md",
    "docs/tutorials/first-deal.md",
    "docs/tutorials/first-signals.md",
}


def _modules(folder: Path) -> None:
    """Write each page's Python blocks into one module, as a reader would paste them."""
    for number, page in enumerate(page for page in _pages() if page not in OWED):
        blocks = [snippet for snippet in _snippets("python") if str(snippet.page.relative_to(ROOT)) == page]
        lines: list[str] = []
        for snippet in blocks:
            # Blank lines in front make mypy point at the page's own line.
            lines += [""] * (snippet.line - len(lines)) + snippet.code.splitlines()
        name = page.replace("/", "_").replace("-", "_").removesuffix(".md")
        (folder / f"page_{number}_{name}.py").write_text("\n".join(lines) + "\n", encoding="utf-8")


def test_snippets_pass_a_users_type_checker(tmp_path):
    """Whoever pastes a page's snippets into a module under ``mypy --strict`` reads no error."""
    _modules(tmp_path)
    (tmp_path / "mypy.ini").write_text(
        "[mypy]\nstrict = True\ncache_dir = .cache\n"
        # Found as source here, where a user has it installed: what is wrong inside is not the user's.
        "[mypy-ig_sdk.*]\nfollow_imports = silent\n",
        encoding="utf-8",
    )
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "mypy",
            "--config-file",
            "mypy.ini",
            *sorted(path.name for path in tmp_path.glob("*.py")),
        ],
        cwd=tmp_path,
        env={"PATH": "", "MYPYPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
