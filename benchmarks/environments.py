"""An environment of its own for each peer, under .venvs/, built by the names of its packages at the first run."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
ENVIRONMENTS = PROJECT / ".venvs"


def python_environment(name: str, packages: tuple[str, ...]) -> Path:
    """Return the Python of an environment that holds ``packages``."""
    folder = ENVIRONMENTS / f"bench-{name}"
    python = folder / "bin" / "python"
    if _is_missing(folder, " ".join(packages)):
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "-qq", *packages], check=True)
        _is_built(folder, " ".join(packages))
    return python


def node_environment(name: str, package: dict[str, object]) -> Path | None:
    """Return a folder with the ``node_modules`` of a package.json; ``None`` where there is no Node."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        return None
    folder = ENVIRONMENTS / f"bench-{name}"
    content = json.dumps(package, sort_keys=True)
    if _is_missing(folder, content):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        (folder / "package.json").write_text(content, encoding="utf-8")
        subprocess.run([npm, "install", "--no-audit", "--no-fund", "--silent"], cwd=folder, check=True)
        _is_built(folder, content)
    return folder


def _is_missing(folder: Path, content: str) -> bool:
    built = folder / "packages.txt"
    if built.exists() and built.read_text(encoding="utf-8") == content:
        return False
    print(f"building {folder} …", flush=True)
    return True


def _is_built(folder: Path, content: str) -> None:
    (folder / "packages.txt").write_text(content, encoding="utf-8")
