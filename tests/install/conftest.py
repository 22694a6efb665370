"""A copy of the checkout, what a stranger's shell would have in its environment, and environments of other libraries."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# What git ignores, and what is large and not needed to build or install.
LEFT_OUT = shutil.ignore_patterns(
    ".git", ".venv", ".venvs", "build", "dist", "_build", "*.egg-info", "__pycache__", ".*_cache",
    ".hypothesis", ".coverage*", "node_modules", "log", "local.json",
)  # fmt: skip
# How a machine reaches its package index is the machine's business.
INDEX_SETTINGS = (
    "PIP_",
    "SSL_",
    "REQUESTS_CA_BUNDLE",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
)


@pytest.fixture(scope="session")
def bare_environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment of HOME and PATH, without a pip cache, besides what reaches the package index."""
    kept = {name: value for name, value in os.environ.items() if name.startswith(INDEX_SETTINGS)}
    return {**kept, "HOME": str(tmp_path_factory.mktemp("home")), "PATH": os.environ["PATH"]}


@pytest.fixture(scope="session")
def clean_checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkout's files in another folder, whose name has a space in it."""
    folder = tmp_path_factory.mktemp("clean") / "a checkout"
    shutil.copytree(ROOT, folder, ignore=LEFT_OUT)
    return folder


# A stranger's library and the Lightstreamer library below it are in one environment.
PYTHON_ENVIRONMENTS = {
    "trading-ig": ("trading-ig==0.0.25", "lightstreamer-client-lib==1.0.3"),
    # It is for Python 3.11 and later; the Lightstreamer library is for all.
    "ig-trading-lib": ("ig-trading-lib==4.0.3; python_version >= '3.11'", "lightstreamer-client-lib==2.2.3"),
    "ig-trading": ("ig-trading==1.0.0b4",),
}
NODE_PACKAGES = {
    "name": "strangers",
    "private": True,
    # ig-trading-api has lightstreamer-client-node 8.0.5 to itself.
    "dependencies": {"ig-trading-api": "0.13.9", "lightstreamer-client-node": "9.2.2"},
    # 9.2.2 names a git address for this one.
    "overrides": {"xmlhttprequest": "1.8.0"},
}
_INSTALL_S = 240


@pytest.fixture(scope="session")
def command_in(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], list[str]]:
    """Return what makes the command that runs a script in an environment.

    Each is built when a test first asks for it, once a run: parallel workers share it. Without a package index, or
    without node, the test is skipped.
    """
    root = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent

    def command(name: str) -> list[str]:
        folder = root / f"environment-{name}"
        outcome = root / f"environment-{name}.json"
        with (root / f"environment-{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not outcome.exists():
                folder.mkdir()
                built = _node_environment(folder) if name == "node" else _python_environment(folder, name)
                outcome.write_text(json.dumps(built), encoding="utf-8")
        found = json.loads(outcome.read_text(encoding="utf-8"))
        if isinstance(found, str):
            pytest.skip(found)
        return found

    return command


def _python_environment(folder: Path, name: str) -> list[str] | str:
    venv.create(folder, with_pip=False)
    python = str(folder / "bin" / "python")
    # Our own pip installs into it: faster than making one there first.
    command = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", *PYTHON_ENVIRONMENTS[name]]
    return _install(command, folder) or [python]


def _node_environment(folder: Path) -> list[str] | str:
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        return "node and npm are not installed"
    (folder / "package.json").write_text(json.dumps(NODE_PACKAGES), encoding="utf-8")
    # Scripts elsewhere find the packages by this; require() would look beside the script only.
    command = ["env", f"NODE_PATH={folder / 'node_modules'}", node]
    return _install([npm, "install", "--no-audit", "--no-fund"], folder) or command


def _install(command: list[str], folder: Path) -> str:
    """Install; return why it failed, or nothing."""
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=_INSTALL_S, check=False)
    except subprocess.TimeoutExpired:
        return f"{Path(command[0]).name} took longer than {_INSTALL_S} s"
    return f"{Path(command[0]).name} could not install: {done.stderr[-500:]}" if done.returncode else ""
