"""The examples of a bot and of its tests work, as a user runs them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def _run_tests(folder: Path) -> str:
    """Run ``pytest examples`` beside a folder of examples, without settings; return what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", folder.name, "-q", "-p", "no:cacheprovider", "-p", "no:randomly"],
        cwd=folder.parent,
        env={"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=55,
        check=False,
    )
    return done.stdout + done.stderr


def test_the_tests_of_the_bot_pass():
    """All three, found by bare ``pytest examples``, with nothing but the installed plugin behind the fixture."""
    assert "3 passed" in _run_tests(EXAMPLES)


def test_a_bot_that_deals_twice_is_found(tmp_path):
    """A bot that sends an uncertain deal again does not pass the test of that."""
    folder = tmp_path / "examples"
    shutil.copytree(EXAMPLES, folder)
    bot = folder / "breakout_bot.py"
    careful, careless = "confirm = doubt.resolve()", "confirm = self._market.buy(self._size) if doubt else None"
    text = bot.read_text(encoding="utf-8")
    assert careful in text
    bot.write_text(text.replace(careful, careless, 1), encoding="utf-8")
    out = _run_tests(folder)
    assert "FAILED examples/test_breakout_bot.py::test_an_uncertain_deal_is_not_doubled" in out
    assert "1 failed, 2 passed" in out
