"""The other Pythons that the package is for: each that is here runs a program on it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.install, pytest.mark.timeout(420)]
ROOT = Path(__file__).resolve().parents[2]
VERSIONS = ["3.10", "3.11", "3.12", "3.13"]
LONGEST_S = 300


def run(*command: str, cwd: Path) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=LONGEST_S, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("version", [each for each in VERSIONS if each != "{}.{}".format(*sys.version_info)])
def test_a_program_runs(version: str, clean_checkout: Path, round_trip: str, tmp_path: Path) -> None:
    """Installed with the simulator's extra: log in, deal and stream; a warning is an error."""
    found = subprocess.run(
        ["sh", str(ROOT / ".ci" / "environment"), "version", version], capture_output=True, text=True, check=False
    )
    if found.returncode != 0:
        pytest.skip(f"Python {version} is not here")
    run(found.stdout.strip(), "-m", "venv", "venv", cwd=tmp_path)
    python = str(tmp_path / "venv" / "bin" / "python")
    run(python, "-m", "pip", "install", "--quiet", f"ig-sdk[simulator] @ {clean_checkout.as_uri()}", cwd=tmp_path)
    printed = run(python, "-I", "-W", "error", "-c", round_trip, cwd=tmp_path)
    assert printed.split() == ["OPEN", "CLOSED", "CS.D.EURUSD.MINI.IP"]
