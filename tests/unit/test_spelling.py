"""Calls that are written slightly wrong."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest

from ig_sdk import IGClient, IGConfig, Limit, Stop
from ig_sdk.simulator import Simulator
from ig_sdk.spelling import nearest, spelled

# What a new user writes, and what the error must say to write instead.
SLIPS: dict[str, tuple[Callable[[Any], Any], str]] = {
    "stop": (lambda _: Stop(20), r"Stop\(distance=20\).*Stop\(level="),
    "limit": (lambda _: Limit(20), r"Limit\(distance=20\).*Limit\(level="),
    "stop_keyword": (lambda _: Stop(distnce=20), r"distance="),
    "stop_points": (lambda _: Stop(points=20), r"Stop\(distance=20\)"),
    "limit_keyword": (lambda _: Limit(price=1), r"Limit\(level="),
    "client": (lambda _: IGClient(), r"IGClient\.from_config\(\).*IGConfig\.simulator\(\)"),
    "client_class": (lambda _: IGClient(IGConfig), r"IGConfig\.simulator\(\)"),
    "client_text": (lambda _: IGClient("demo"), r"not str.*from_config"),
    "client_keyword": (lambda _: IGClient(environment="demo"), r"environment.*IGConfig\("),
    "config_simulator": (lambda _: IGConfig.simulator(sed=7), r"sed.*seed="),
    "config_simulator_value": (lambda _: IGConfig.simulator(7), r"seed=7"),
    "config": (lambda _: IGConfig(api_ky="x"), r"api_ky.*api_key="),
    "config_simulator_key": (lambda _: IGConfig.simulator(recconect={}), r"reconnect="),
    "simulator": (lambda _: Simulator(sed=7), r"sed.*seed="),
    "simulator_value": (lambda _: Simulator(7, None, 1.0, "EURUSD"), r"market="),
    "open_stop": (lambda ig: ig.positions.open("EURUSD", "BUY", 1, 20), r"stop=Stop\(distance=20\)"),
    "open_keyword": (lambda ig: ig.positions.open("EURUSD", "BUY", 1, stp=None), r"stp.*stop="),
    "open_bare_stop": (lambda ig: ig.positions.open("EURUSD", "BUY", 1, stop=20), r"Stop\(distance=.*"),
    "buy_stop": (lambda ig: ig.market("EURUSD").buy(1, 20), r"stop=Stop\(distance=20\)"),
    "order_keyword": (lambda ig: ig.orders.create("EURUSD", "BUY", 1, levl=1), r"levl.*level="),
    "history": (lambda ig: ig.history.prices("EURUSD", "1h", 24), r"points=24"),
    "history_keyword": (lambda ig: ig.history.prices("EURUSD", "1h", pionts=24), r"points="),
    "plan": (lambda ig: ig.history.plan("EURUSD", "1h", 24), r"points=24"),
    "stream": (lambda ig: ig.stream().prices("EURUSD", print, "GBPUSD"), r'\["EURUSD", "GBPUSD"\]'),
}


@pytest.mark.parametrize("name", SLIPS)
def test_a_slip_hears_what_to_write_instead(name):
    """The commonest slips of a new user are a TypeError that says what to write; nothing is sent for a deal."""
    slip, says = SLIPS[name]
    with Simulator() as sim, sim.client() as ig:
        with pytest.raises(TypeError, match=says):
            slip(ig)
        assert not sim.requests("POST", "/positions")


def test_values_that_mean_something_are_taken():
    """A direction in any case and a size as text are no slips; a market and a side exchanged are told apart."""
    with Simulator(confirm_delay_s=0.0) as sim, sim.client() as ig:
        assert ig.positions.open("EURUSD", "buy", "1").size == 1
        with pytest.raises(ValueError, match="direction must be 'BUY' or 'SELL', not 'EURUSD'"):
            ig.positions.open("BUY", "EURUSD", 1)
        with pytest.raises(ValueError, match="size must be a finite number, not 'one'"):
            ig.positions.open("EURUSD", "BUY", "one")


def test_a_checked_call_is_still_itself():
    """Signature, documentation and name stay, and right calls go through."""

    @spelled("add")
    def add(first: int, *, second: int = 2) -> int:
        """Add."""
        return first + second

    assert (add(1), add(1, second=3), add(first=2)) == (3, 4, 4)
    assert str(inspect.signature(add)) == "(first: 'int', *, second: 'int' = 2) -> 'int'"
    assert (add.__name__, add.__doc__) == ("add", "Add.")
    with pytest.raises(TypeError, match=r"add\(\) takes 1 positional argument but 2 were given: .*second="):
        add(1, 2)
    with pytest.raises(TypeError, match=r"missing 1 required"):
        add()


def test_nothing_near_is_nothing():
    """A name like none of the known ones has no nearest."""
    assert (nearest("sed", ["seed", "speed"]), nearest("zzz", ["seed"])) == ("seed", "")
