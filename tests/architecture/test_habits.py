"""The files around the code keep their promises."""

from __future__ import annotations

import os
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


def test_ci_runs_both_verbs(root):
    """CI's script stops at the first failure, ends in exactly ``make test`` and ``make strangers``, and may be executed."""
    script = root / ".ci" / "run"
    lines = script.read_text(encoding="utf-8").splitlines()
    assert "set -euo pipefail" in lines
    assert lines[-2:] == ["make test", "make strangers"]
    assert script.stat().st_mode & 0o111


def test_each_test_has_a_verb(root):
    """``make test`` and ``make strangers`` together run every folder of tests, none of them twice."""
    commands = [
        subprocess.run(
            ["make", "-n", "--no-print-directory", verb, "VENV=no-such-environment"],
            cwd=root,
            capture_output=True,
            text=True,
            timeout=20,
            check=True,
        ).stdout
        for verb in ("test", "strangers")
    ]
    assert "--ignore=tests/install" in commands[0]
    assert "--cov" in commands[0]
    assert commands[1].split()[-1] == "tests/install"
    assert not any(" -m " in command.split("pytest", 1)[1] for command in commands)


def test_quick_measures_nothing(root):
    """``make quick`` runs the unit and property tests without coverage."""
    command = ["make", "-n", "--no-print-directory", "quick", "VENV=no-such-environment"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=20, check=True)
    assert done.stdout.split()[-2:] == ["tests/unit", "tests/property"]
    assert "--cov" not in done.stdout


def test_tests_without_recorded_data_are_not_collected(root):
    """Where there are no recorded data the tests that read them are left out, and one line says how many."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", "-n", "0"]
    done = subprocess.run(
        [*command, "tests/unit/test_candles_vendor.py"],
        cwd=root,
        env={**os.environ, "IG_SDK_SHARED": "/nonexistent"},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == pytest.ExitCode.NO_TESTS_COLLECTED
    assert re.search(r"^recorded data are not here: \d+ tests not collected", done.stdout, re.MULTILINE)
    assert "skipped" not in done.stdout


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


def test_importing_the_client_stays_light(root):
    """``from ig_sdk import IGClient`` loads no extra, no simulator, and nothing that is needed only when it is used."""
    extras = "werkzeug websockets pandas polars rich cryptography numpy talib ig_sdk.simulator ig_sdk.cli"
    later = "requests websocket dataclasses_json marshmallow asyncio sqlite3 logging.handlers ig_sdk.rest.positions"
    code = f"import sys; from ig_sdk import IGClient; print(*sorted(set(sys.modules) & set({(extras + ' ' + later).split()!r})))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, timeout=30, check=True
    )
    assert not done.stdout.split()


def test_importing_starts_nothing(root):
    """``import ig_sdk`` starts no thread, reads no configuration and adds no log handler."""
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
