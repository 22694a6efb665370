"""Fixtures that every test shares."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

pytest_plugins = ["ig_sdk.testing"]

# No test depends on how fast the machine is just now. What CI says depends on the change, not on the draw: the search goes
# on wherever people run the tests.
settings.register_profile("ours", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("ours")

ROOT = Path(__file__).resolve().parent.parent
# What a thread that is already on its way out may still need; nothing waits this long when all is well.
_GRACE_S = 5.0


# Replies, streams and ticks recorded by others, which may not be committed.
RECORDED = Path(os.environ.get("IG_SDK_SHARED", ROOT.parent / "shared"))
_LEFT_OUT = pytest.StashKey[int]()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tests that read recorded data where there are none."""
    if (RECORDED / "wire").is_dir():
        return
    left_out = [
        item for item in items if "shared" in getattr(item, "fixturenames", ()) or item.get_closest_marker("shared")
    ]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in set(left_out)]
    config.stash[_LEFT_OUT] = len(left_out)
    if hasattr(config, "workeroutput"):  # pytest-xdist: its workers collect, another process prints
        config.workeroutput["left_out"] = len(left_out)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take over what a worker counted; all have collected the same tests."""
    node.config.stash[_LEFT_OUT] = getattr(node, "workeroutput", {}).get("left_out", 0)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say in one line what was left out."""
    if left_out := config.stash.get(_LEFT_OUT, 0):
        terminalreporter.write_line(f"recorded data are not here: {left_out} tests not collected (see CONTRIBUTING.md)")


@pytest.fixture
def shared() -> Path:
    """The recorded data; a test that asks for it is collected only where they are."""
    return RECORDED


@pytest.fixture(autouse=True)
def no_leaked_threads() -> Iterator[None]:
    """A test that leaves a thread behind fails, naming it."""
    before = set(threading.enumerate())
    yield
    left = [thread for thread in threading.enumerate() if thread not in before]
    for thread in left:
        thread.join(_GRACE_S)
    names = sorted(thread.name for thread in left if thread.is_alive())
    assert not names, f"threads left behind: {', '.join(names)}"
