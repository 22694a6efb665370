"""The files around the code keep their promises."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest


@pytest.fixture(scope="module")
def verbs(root) -> dict[str, str]:
    """What bare ``make`` lists: verb and purpose."""
    done = subprocess.run(["make", "-s"], cwd=root, capture_output=True, text=True, timeout=20, check=True)
    return dict(re.findall(r"^  make ([a-z-]+) +(\S.*)$", done.stdout, re.MULTILINE))


def test_make_lists_its_verbs(verbs, root):
    """Bare ``make`` names every public target, and does nothing else."""
    phony = re.search(r"^\.PHONY: (.*)$", (root / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert phony
    assert set(verbs) == set(phony[1].split()) - {"help", "FORCE"}


def test_check_is_everything(root):
    """``make check`` lints, checks types and layers, tests and builds the documentation."""
    done = subprocess.run(
        ["make", "-n", "check", "VENV=no-such-environment"],
        cwd=root,
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
    )
    for part in ("ruff format --check", "ruff check", "-m mypy", "importlinter", "-m pytest", "sphinx"):
        assert part in done.stdout, part
    assert " -n -W " in done.stdout


def test_ci_runs_make_test(root):
    """CI's script ends in exactly ``make test`` and may be executed."""
    script = root / ".ci" / "run"
    assert script.read_text(encoding="utf-8").rstrip().endswith("\nexec make test")
    assert script.stat().st_mode & 0o111


def test_quick_start_is_two_commands(root):
    """README's quick start is the two commands, each alone on its line."""
    readme = (root / "README.md").read_text(encoding="utf-8")
    start = readme.split("## Quick start", 1)[1].split("\n## ", 1)[0]
    block = re.search(r"```(?:sh|console)\n(.*?)```", start, re.DOTALL)
    assert block
    commands = [line.split("#")[0].strip() for line in block[1].splitlines() if line.strip()]
    assert commands == ["make demo", "make test"]


def test_readme_says_what_it_is_not(root):
    """The README and the package say that this is unofficial and not affiliated with IG."""
    for name in ("README.md", "pyproject.toml", "ig_sdk/__init__.py"):
        text = (root / name).read_text(encoding="utf-8").lower()
        assert "unofficial" in text, name
        assert "not affiliated with ig" in text, name


def test_documents_name_only_verbs_that_exist(verbs, root):
    """Every ``make verb`` in README, CONTRIBUTING and docs is one that the Makefile has."""
    pages = [root / "README.md", root / "CONTRIBUTING.md", *(root / "docs").rglob("*.md")]
    named = {
        verb
        for page in pages
        for verb in re.findall(r"(?:^|`)make ([a-z][a-z-]*)", page.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert named <= set(verbs), sorted(named - set(verbs))


def test_changelog_keeps_its_form(root):
    """CHANGELOG follows keepachangelog.com and has an 'Unreleased' section with something in it."""
    text = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## \[([^\]]+)\](?: - \d{4}-\d\d-\d\d)?$", text, re.MULTILINE)
    assert headings[0] == "Unreleased"
    unreleased = text.split("## [Unreleased]", 1)[1].split("\n## ", 1)[0]
    kinds = re.findall(r"^### (.+)$", unreleased, re.MULTILINE)
    assert kinds
    assert set(kinds) <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    assert re.search(r"^- \S", unreleased, re.MULTILINE)


def test_documentation_links_resolve(root):
    """Every relative link between README, CONTRIBUTING and the documentation's pages leads to a file."""
    pages = [*root.glob("*.md"), *(root / "docs").rglob("*.md")]
    broken = []
    for page in pages:
        for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
            path = target.split("#")[0]
            elsewhere = not path or "://" in path or path.startswith("mailto:") or "_build" in path
            if not elsewhere and not (page.parent / path).exists():
                broken.append(f"{page.relative_to(root)}: {target}")
    assert not broken, broken


def test_local_settings_stay_out_of_git(root):
    """The file for secrets is ignored by git; its template has keys but no values that could be real."""
    assert "/config/local.json" in (root / ".gitignore").read_text(encoding="utf-8").splitlines()
    template = (root / "config" / "local.json.template").read_text(encoding="utf-8")
    assert "password" in template


def test_importing_the_package_stays_light(root):
    """``import ig_sdk`` needs no extra: neither servers nor data frames nor the simulator are loaded."""
    heavy = "werkzeug websockets pandas polars rich cryptography numpy talib ig_sdk.simulator ig_sdk.cli"
    code = f"import sys, ig_sdk; print(*sorted(set(sys.modules) & set({heavy.split()!r})))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, timeout=30, check=True
    )
    assert not done.stdout.split()


def test_importing_starts_nothing(root):
    """``import ig_sdk`` starts no thread, reads no configuration and adds no log handler, also no silent one."""
    code = (
        "import logging, sys, threading\n"
        "opened = []\n"
        "sys.addaudithook(lambda event, args: opened.append(str(args[0])) if event == 'open' else None)\n"
        "import ig_sdk\n"
        "print(threading.active_count(), logging.getLogger('ig_sdk').handlers,\n"
        "      [name for name in opened if 'config/' in name and name.endswith('.json')], logging.getLogger().handlers)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout.split("\n")[0] == "1 [] [] []"
