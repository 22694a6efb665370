"""Fixtures that every test shares."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

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


@pytest.fixture
def shared() -> Path:
    """The recorded data beside the project; skips where it is absent."""
    folder = Path(os.environ.get("IG_SDK_SHARED", ROOT.parent / "shared"))
    if not (folder / "wire").is_dir():
        pytest.skip("the recorded data in ../shared is absent")
    return folder


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
