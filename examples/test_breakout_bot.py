"""Tests of a bot as you would write them: a real client, real sockets, and an IG that does what the test needs.

The fixture ``ig_simulator`` is there wherever ``ig-sdk[simulator]`` is installed. Each test gets a simulator of its own
that plays the ticks of the mark. To run them: ``pytest examples``. How they work: docs/how-to/test-your-bot.md.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from itertools import islice

import pytest
from breakout_bot import BreakoutBot

from ig_sdk import Tick, epic_for
from ig_sdk.simulator import Simulator

EURUSD = epic_for("EURUSD")
START = datetime(2026, 1, 5, 9, tzinfo=timezone.utc)
# Flat; above the last five, which is the signal to buy; higher; below the last five, which is the signal to close.
PATH = [0] * 5 + [2] * 10 + [10] * 5 + [8] * 10


def ticks(path: list[int]) -> list[Tick]:
    """Return a tick a second, each so many points from where the market began."""
    made = []
    for second, points in enumerate(path):
        bid, at = 1.1000 + points / 10_000, START + timedelta(seconds=second)
        made.append(Tick(EURUSD, bid, bid + 0.0001, at, at, "simulator"))
    return made


# Twenty times as fast as it says: the whole path takes a second and a half.
pytestmark = pytest.mark.ig_simulator(ticks=ticks(PATH), speed=20)


def trade(sim: Simulator, reconnects: int = 0) -> BreakoutBot:
    """Let the bot see the whole path, on a stream that comes back so many times."""
    with sim.client() as ig, ig.stream() as stream, stream.prices([EURUSD], overflow="block") as prices:
        bot = BreakoutBot(ig, EURUSD)
        bot.run(islice(prices, len(PATH)))
        assert stream.status().reconnects == reconnects
        assert ig.positions.list() == []
        return bot


def test_it_opens_on_a_signal_and_closes(ig_simulator: Simulator) -> None:
    """One breakout: one position, bought low and sold higher."""
    bot = trade(ig_simulator)
    assert len(bot.profits) == 1
    assert bot.profits[0] > 0
    # What reached IG: one deal to open, and one to close.
    assert len(ig_simulator.requests("POST", "/positions/otc")) == 1
    assert len(ig_simulator.requests("DELETE", "/positions/otc")) == 1


def test_it_survives_a_lost_stream(ig_simulator: Simulator) -> None:
    """The stream breaks while a position is held: the bot still knows it, and closes it on the signal."""
    ig_simulator.faults.on_tick(EURUSD, after=8).drop_stream()
    bot = trade(ig_simulator, reconnects=1)
    assert len(bot.profits) == 1
    assert len(ig_simulator.requests("POST", "/positions/otc")) == 1


def test_an_uncertain_deal_is_not_doubled(ig_simulator: Simulator) -> None:
    """IG takes the deal and the answer is lost: the bot finds the position instead of opening another."""
    ig_simulator.faults.rest(method="POST", path="/positions/otc", reset=True, taken=True)
    bot = trade(ig_simulator)
    assert len(bot.profits) == 1
    assert len(ig_simulator.requests("POST", "/positions/otc")) == 1
