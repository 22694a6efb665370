"""The oldest version that each dependency may have, all of them together: the floors of pyproject.toml."""

from __future__ import annotations

import re
import subprocess
import sys
import venv
from collections.abc import Iterator
from importlib.metadata import requires
from pathlib import Path

import pytest

pytestmark = [pytest.mark.install, pytest.mark.timeout(420), pytest.mark.xdist_group("floors")]
ROOT = Path(__file__).resolve().parents[2]
# What a user's program needs; the rest is for those who work on the package.
USED = ("simulator", "encryption", "json-patch", "pandas", "polars", "cli")
LONGEST_S = 300
FRAMES = "print(len(candles.to_pandas()), len(candles.to_polars()))"


def floors() -> Iterator[str]:
    """Each dependency of the core and of the extras, pinned to its floor."""
    for wanted in requires("ig-sdk") or []:
        requirement, _, marker = wanted.partition(";")
        extra = re.search(r"extra == .([\w-]+)", marker)
        if extra is None or extra[1] in USED:
            found = re.fullmatch(r"([\w.-]+)>=([\w.]+)", requirement.strip())
            assert found, f"{wanted} has no floor that can be tested"
            yield f"{found[1]}=={found[2]}"


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The interpreter of an environment with every dependency at its floor, and the tests' own tools."""
    folder = tmp_path_factory.mktemp("floors")
    venv.create(folder, with_pip=False)
    command = [sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python"), "install", "--quiet"]
    tools = ["pytest", "pytest-randomly", "pytest-timeout", "hypothesis"]
    done = subprocess.run(
        [*command, "--only-binary", ":all:", *floors(), *tools],
        capture_output=True,
        text=True,
        timeout=LONGEST_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return str(folder / "bin" / "python")


def run(python: str, *arguments: str, cwd: Path) -> str:
    done = subprocess.run(
        [python, *arguments],
        cwd=cwd,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=LONGEST_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_program_runs(python: str, round_trip: str, tmp_path: Path) -> None:
    """Log in to the simulator, deal, stream, and read candles as data frames: all at the floors."""
    printed = run(python, "-W", "error", "-c", round_trip + FRAMES, cwd=tmp_path)
    assert printed.split() == ["OPEN", "CLOSED", "CS.D.EURUSD.MINI.IP", "24", "24"]


def test_the_edges_hold(python: str) -> None:
    """Certificates, cut answers, proxies, deadlines and encrypted logins are what they are with newer versions."""
    files = [
        f"tests/integration/test_{name}.py" for name in ("rest_transport", "rest_login", "lightstreamer_transports")
    ]
    run(python, "-m", "pytest", "-q", "-p", "no:cacheprovider", *files, cwd=ROOT)
