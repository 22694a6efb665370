"""A pytest plugin for tests of what you build on ig_sdk: the ``ig_simulator`` fixture.

It is available wherever ``ig-sdk[simulator]`` and pytest are installed; nothing has to be imported::

    def test_my_bot_buys(ig_simulator):
        with ig_simulator.client() as ig:
            my_bot.run(ig)
            assert ig.positions.list()

Each test gets its own simulator, with seed 7, markets that deal at any hour and no allowances, on free loopback
ports; it is closed after the test. A mark changes it: ``@pytest.mark.ig_simulator(seed=3, ticks="ticks.csv")`` takes
the options of ``Simulator``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from ig_sdk.simulator import Simulator

_MARK = "ig_simulator"


def pytest_configure(config: pytest.Config) -> None:
    """Declare the mark, so that ``--strict-markers`` knows it."""
    config.addinivalue_line("markers", f"{_MARK}(**options): options of the Simulator behind the fixture of that name")


@pytest.fixture
def ig_simulator(request: pytest.FixtureRequest) -> Iterator[Simulator]:
    """A running simulator, made for this test alone.

    The mark of the same name on the test, its class or its module gives options of ``Simulator``; the nearest mark
    wins, option by option.

    Raises:
        pytest.UsageError: The extra ``simulator`` is not installed, or the mark has positional arguments.
    """
    try:
        # Imported here, since pytest loads this module in every run wherever ig-sdk is installed.
        from ig_sdk.simulator import Simulator  # noqa: PLC0415
    except ImportError as error:
        raise pytest.UsageError(str(error)) from error
    options: dict[str, Any] = {"allowances": None}
    marks = list(request.node.iter_markers(_MARK))
    for mark in reversed(marks):
        if mark.args:
            raise pytest.UsageError(f"the mark {_MARK} takes options by name only, such as seed=3, not {mark.args!r}")
        options |= mark.kwargs
    with Simulator(**options) as simulator:
        yield simulator
