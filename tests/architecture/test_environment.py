"""The script that finds a Python and makes the environment, on machines of every kind."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

from ig_sdk.clock import SystemClock

OLD_PYTHON = """#!/bin/sh
case "$2" in
    *sys.exit*) exit 1 ;;
    *version_info*) echo 3.9.2 ;;
esac
"""
# Debian without python3-venv: Python runs, ensurepip is absent.
BARE_PYTHON = """#!/bin/sh
case "$2" in
    *ensurepip*) exit 1 ;;
    *%d.%d.%d*) echo 3.11.2 ;;
esac
"""
# What pyenv leaves on PATH for a version that is not chosen.
SHIM = "#!/bin/sh\necho 'command not found' >&2\nexit 127\n"


def _program(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def _environment(root: Path, *arguments: str, path: str | Path = "") -> subprocess.CompletedProcess[str]:
    env = {"PATH": str(path), "HOME": "/nonexistent"}
    command = ["/bin/sh", str(root / ".ci" / "environment"), *arguments]
    return subprocess.run(command, env=env, cwd=root, capture_output=True, text=True, timeout=20, check=False)


ROOT = Path(__file__).resolve().parents[2]


def test_old_python_is_refused_by_name(tmp_path):
    """A Python that is too old is refused with its version and the ones that are fit."""
    _program(tmp_path, "python3", OLD_PYTHON)
    done = _environment(ROOT, "find", path=tmp_path)
    assert done.returncode == 1
    assert "3.10 to 3.13" in done.stderr
    assert "python3 is 3.9.2" in done.stderr


def test_named_python_is_used_or_refused(tmp_path):
    """PYTHON=... is taken at its word: refused with its version when unfit, never replaced by another."""
    old = _program(tmp_path, "old python", OLD_PYTHON)
    done = _environment(ROOT, "find", str(old), path=tmp_path)
    assert done.returncode == 1
    assert f"{old} is Python 3.9.2" in done.stderr


def test_missing_venv_package_is_named(tmp_path):
    """Where Debian's python3-venv is absent, the error says what to install."""
    _program(tmp_path, "python3", BARE_PYTHON)
    done = _environment(ROOT, "find", path=tmp_path)
    assert done.returncode == 1
    assert "apt-get install python3-venv" in done.stderr


def test_shims_and_bare_pythons_are_passed_over(tmp_path):
    """A name on PATH that does not run, or cannot make environments, gives way to the next that can."""
    _program(tmp_path, "python3", BARE_PYTHON)
    _program(tmp_path, "python3.13", SHIM)
    _program(tmp_path, "python3.12", "#!/bin/sh\nexit 0\n")
    done = _environment(ROOT, "find", path=tmp_path)
    assert done.stdout.strip() == "python3.12", done.stderr


def test_interrupt_while_the_environment_is_made(tmp_path):
    """Ctrl-C while the environment is made ends it without a traceback, and leaves nothing that counts as made."""
    process = subprocess.Popen(
        ["/bin/sh", str(ROOT / ".ci" / "environment"), "make", "venv", sys.executable],
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent"},
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with process:
        clock, never = SystemClock(), threading.Event()
        while process.poll() is None and not (tmp_path / "venv" / "pyvenv.cfg").exists():
            clock.wait(never, 0.01)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the whole foreground group
        _, err = process.communicate(timeout=20)
    assert process.returncode != 0
    assert "Traceback" not in err
    assert not (tmp_path / "venv" / "made").exists()
