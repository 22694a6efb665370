"""What is dealt on an account reaches whoever listens, once, by whomever it was dealt; its figures follow."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from itertools import islice

import pytest

from ig_sdk import IGClient
from ig_sdk.simulator import Simulator
from ig_sdk.streaming import (
    AccountUpdate,
    DataStream,
    Gap,
    Heartbeat,
    IGStream,
    OrderUpdate,
    PositionUpdate,
    Reconnected,
    Stale,
)
from ig_sdk.types import Confirm

WAIT_S = 10.0


@pytest.fixture
def sim() -> Iterator[Simulator]:
    """A seeded market."""
    with Simulator() as simulator:
        yield simulator


@pytest.fixture
def ig(sim: Simulator) -> Iterator[IGClient]:
    """A client of it that does not wait long between attempts."""
    with sim.client(reconnect={"initial_delay_s": 0.01, "max_delay_s": 0.05}) as client:
        yield client


def ready(stream: IGStream) -> bool:
    """Whether the server has accepted every subscription, once it has."""
    waited = threading.Event()
    while any(each.state == "waiting" for each in stream.status().subscriptions.values()):
        waited.wait(0.005)
    return True


def take(stream: DataStream, kind: type, at_most: int = 100):
    """The next datum of a kind."""
    for _ in range(at_most):
        item = stream.poll(WAIT_S)
        assert item is not None, f"no {kind.__name__} came"
        if isinstance(item, kind):
            return item
    raise AssertionError(f"no {kind.__name__}")


def test_a_deal_is_told_by_its_confirm_and_its_position(ig):
    """Whoever opens sees both, with the ids that REST gave."""
    with ig.stream() as stream, stream.deals() as deals:
        assert ready(stream)
        opened = ig.positions.open("EURUSD", "BUY", size=1)
        told = {type(deal): deal for deal in islice(deals, 2)}
        assert told[Confirm].deal_reference == opened.deal_reference
        assert (told[PositionUpdate].deal_id, told[PositionUpdate].status) == (opened.deal_id, "OPEN")
        ig.positions.close(opened.deal_id)
        closed = take(deals, PositionUpdate)
        assert (closed.status, closed.size) == ("DELETED", 0)


def test_a_deal_of_another_program_is_told_too(sim, ig):
    """As one made in IG's own app; also a working order."""
    with ig.stream() as stream, stream.deals() as deals, sim.client() as other:
        assert ready(stream)
        opened = other.positions.open("EURUSD", "SELL", size=1)
        assert take(deals, PositionUpdate).deal_id == opened.deal_id
        order = other.orders.create("EURUSD", "BUY", size=1, level=opened.level * 9 / 10)
        assert take(deals, OrderUpdate).deal_id == order.deal_id


def test_a_deal_that_was_made_before_is_not_told(ig):
    """IG sends the last confirm with each subscription: it is the past."""
    opened = ig.positions.open("EURUSD", "BUY", size=1)
    with ig.stream() as stream, stream.deals() as deals:
        assert ready(stream)
        ig.positions.close(opened.deal_id)
        first = take(deals, Confirm)
        assert first.status == "CLOSED"


@pytest.mark.parametrize("break_", ["drop_stream", "loop", "end"])
def test_each_deal_is_told_once_whatever_the_line_does(sim, ig, break_):
    """A recovery, a rebind and another session repeat nothing, and what comes after them is told."""
    with ig.stream() as stream, stream.deals(events=True) as deals:
        assert ready(stream)
        opened = ig.positions.open("EURUSD", "BUY", size=1)
        assert take(deals, Confirm).deal_id == opened.deal_id
        getattr(sim.faults, break_)()
        back = take(deals, Reconnected)
        closed = ig.positions.close(opened.deal_id)
        confirm = take(deals, Confirm)
        assert (confirm.date, confirm.status) == (closed.date, "CLOSED")
        assert back.continuity == {"drop_stream": "recovered", "loop": "resumed", "end": "replaced"}[break_]


def test_a_hole_of_the_deals_names_the_account(sim, ig):
    """What was dealt meanwhile may be missing: one Gap, before Reconnected; the last confirm of that time is told."""
    with ig.stream() as stream, stream.deals(events=True) as deals:
        assert ready(stream)
        opened = ig.positions.open("EURUSD", "BUY", size=1)
        take(deals, PositionUpdate)
        sim.faults.refuse_sessions(5, "busy", times=3)
        sim.faults.end(32, "closed by the operator")
        stale = take(deals, Stale)
        assert stale.line_down
        gap = take(deals, Gap)
        assert gap.epic == ig.session.get().account_id
        assert opened.deal_id


def test_figures_follow_the_deals(ig):
    """The first figures are those of now; a deal changes the margin."""
    with ig.stream() as stream, stream.account() as figures:
        before = take(figures, AccountUpdate)
        assert before.funds is not None
        ig.positions.open("EURUSD", "BUY", size=1)
        while (now := take(figures, AccountUpdate)).margin == before.margin:
            pass
        assert now.margin > before.margin
        assert now.account_id == ig.session.get().account_id
        assert figures.counts[now.account_id].updates >= 2


def test_readers_share_the_item_and_a_late_one_gets_the_figures(sim, ig):
    """Two streams of the account are one item; the second begins with what holds."""
    with ig.stream() as stream:
        first, second = stream.account(), None
        figures = take(first, AccountUpdate)
        second = stream.account()
        assert take(second, AccountUpdate).funds == figures.funds
        assert stream.status().items == 1
        assert stream.status().epics == ()


def test_callbacks_get_the_same(ig):
    """on_deal and on_update hear what the iterators would give; an iterator of a callback stream is refused."""
    heard: list[object] = []
    done = threading.Event()

    def on_deal(deal: object) -> None:
        heard.append(deal)
        if len(heard) == 2:
            done.set()

    with ig.stream() as stream:
        stream.deals(on_deal)
        assert ready(stream)
        ig.positions.open("EURUSD", "BUY", size=1)
        assert done.wait(WAIT_S)
    assert {type(deal) for deal in heard} == {Confirm, PositionUpdate}


def test_heartbeat_beats(ig):
    """Signs of life come although no market is read."""
    with ig.stream() as stream, stream.heartbeat() as beats:
        assert isinstance(take(beats, Heartbeat), Heartbeat)
        assert isinstance(take(beats, Heartbeat), Heartbeat)


def test_deals_of_the_account_in_use(sim, ig):
    """After a switch of the account and another session the new account's deals are told, under its name."""
    with ig.stream() as stream, stream.deals(events=True) as deals:
        assert ready(stream)
        ig.session.switch("XYZ987")
        sim.faults.end(32, "closed by the operator")
        take(deals, Reconnected)
        opened = ig.positions.open("EURUSD", "BUY", size=1)
        position = take(deals, PositionUpdate)
        assert (position.account_id, position.deal_id) == ("XYZ987", opened.deal_id)
