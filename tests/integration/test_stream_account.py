"""What a switch of the account means to a stream that is open."""

from __future__ import annotations

import pytest

from ig_sdk.simulator import Simulator
from ig_sdk.streaming import Reconnected
from ig_sdk.types import Tick

CFD, BETS = "ABC123", "XYZ987"
EURUSD = "CS.D.EURUSD.MINI.IP"


pytestmark = pytest.mark.ig_simulator(speed=20)


def groups(sim: Simulator) -> tuple[list[str | None], list[str]]:
    """The users of the stream sessions now, and the items that they subscribe to."""
    sessions = sim._stream.sessions
    subscriptions = [each for session in sessions for each in session.subscriptions.values()]
    items = [item for each in subscriptions for item in each.layout.items]
    return [session.user for session in sessions], items


def ticks(events: object, until: type) -> int:
    """Read until an event of a kind; return how many ticks came before."""
    count = 0
    for event in events:  # type: ignore[attr-defined]
        if isinstance(event, until):
            return count
        count += isinstance(event, Tick)
    raise AssertionError(f"the stream ended before any {until.__name__}")


@pytest.mark.parametrize("version", [2, 3])
def test_the_next_session_is_the_new_accounts(sim: Simulator, version: int) -> None:
    """An open session keeps its account; the one after it is opened, and its items are named, for the one in use."""
    with (
        sim.client(login_version=version, limits={"non_trading_per_minute": 100_000}) as ig,
        ig.stream() as stream,
        stream.prices([EURUSD], events=True) as prices,
    ):
        assert ticks(prices, Tick) == 0
        ig.session.switch(BETS)
        assert ticks(prices, Tick) == 0
        assert groups(sim) == ([CFD], [f"PRICE:{CFD}:{EURUSD}"])
        sim.faults.end(32, "closed by the operator")
        ticks(prices, Reconnected)
        assert ticks(prices, Tick) == 0
        assert groups(sim) == ([BETS], [f"PRICE:{BETS}:{EURUSD}"])
        sim.faults.end(32, "closed by the operator")
        ticks(prices, Reconnected)
        assert ticks(prices, Tick) == 0
        assert stream.status().epics == (EURUSD,)


@pytest.mark.parametrize("version", [2, 3])
def test_a_weekend(sim: Simulator, version: int) -> None:
    """The stream is ended, every token is dead, logins fail; then the prices go on by themselves."""
    with (
        sim.client(
            login_version=version,
            reconnect={"initial_delay_s": 0.02, "max_delay_s": 0.05},
            limits={"non_trading_per_minute": 100_000},
        ) as ig,
        ig.stream() as stream,
        stream.prices([EURUSD], events=True) as prices,
    ):
        assert ticks(prices, Tick) == 0
        sim.faults.start_maintenance(for_s=0.3)
        ticks(prices, Reconnected)
        assert ticks(prices, Tick) == 0
        assert ig.session.get().account_id == CFD
