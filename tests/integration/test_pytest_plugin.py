"""The pytest plugin, in this very run and in a run of a stranger's tests."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points

import pytest

STRANGER = """
import pytest

@pytest.mark.ig_simulator({mark})
def test_bot(ig_simulator):
    with ig_simulator.client() as ig:
        assert ig.market("EURUSD").quote().bid > 0
"""


def test_the_fixture_gives_a_running_simulator(ig_simulator):
    """Without a mark: a simulator that answers, without allowances."""
    with ig_simulator.client() as ig:
        assert ig.market("EURUSD").epic == "CS.D.EURUSD.MINI.IP"


@pytest.mark.ig_simulator(encrypted_only=False, seed=3)
class TestMarks:
    """A mark on the class, changed by one on the test."""

    @pytest.mark.ig_simulator(rest_port=0, ticks=[])
    def test_the_nearest_mark_wins(self, ig_simulator):
        """Options of both marks arrive: this simulator replays the (empty) list of ticks."""
        assert ig_simulator.replay.served == 0


def _run(tmp_path, mark: str) -> subprocess.CompletedProcess[str]:
    (tmp_path / "test_bot.py").write_text(STRANGER.format(mark=mark), encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-W", "error", "--strict-markers", "-p", "no:cacheprovider"]
    return subprocess.run(
        [*command, "-p", "no:randomly", str(tmp_path)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )


def test_a_stranger_needs_no_import(tmp_path):
    """Where the package is installed the fixture and its mark are known, warnings being errors."""
    assert [each.value for each in entry_points(group="pytest11") if each.name == "ig_sdk"] == ["ig_sdk.testing"]
    done = _run(tmp_path, "seed=5")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout


def test_a_mark_takes_names_only(tmp_path):
    """Positional options of the mark are refused with a sentence that shows the form."""
    done = _run(tmp_path, "5")
    assert done.returncode != 0
    assert "takes options by name only, such as seed=3" in done.stdout
