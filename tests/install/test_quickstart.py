"""The quick start, as a newcomer meets it: a fresh checkout, a bare shell, one command."""

from __future__ import annotations

import subprocess

import pytest


@pytest.mark.install
@pytest.mark.timeout(420)
@pytest.mark.xdist_group("quickstart")
def test_demo_runs_on_a_bare_machine(clean_checkout, bare_environment):
    """``make demo`` in a fresh checkout installs once, says that prices are simulated, and ends with a report.

    A second run installs nothing; after an interrupted installation everything is made anew.
    """

    def make(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["make", *arguments],
            env=bare_environment,
            cwd=clean_checkout,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    first = make("demo", "DEMO=--seconds 4")
    assert first.returncode == 0, first.stdout + first.stderr
    assert "Installing" in first.stderr
    assert "simulated" in first.stdout.splitlines()[0].lower()
    for word in ("ticks", "candles", "signals", "gaps", "p50", "p99"):
        assert word in first.stdout.lower(), word
    assert "Traceback" not in first.stderr

    second = make("demo", "DEMO=--seconds 1")
    assert second.returncode == 0, second.stdout + second.stderr
    assert "Installing" not in second.stderr

    (clean_checkout / ".venv" / "installing").touch()
    redone = subprocess.run(
        ["/bin/sh", ".ci/environment", "make", ".venv"],
        env={"PATH": bare_environment["PATH"], "HOME": "/nonexistent"},
        cwd=clean_checkout,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert redone.returncode == 0, redone.stderr
    assert "Making .venv" in redone.stderr
    assert not (clean_checkout / ".venv" / "has-demo").exists()
