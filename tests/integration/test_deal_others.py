"""'Accepted' is said of this very request: not of another program's, another thread's, or what a stop did."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from decimal import Decimal

import pytest

from ig_sdk.client import IGClient
from ig_sdk.clock import ManualClock
from ig_sdk.errors import DealUncertain, IGError, RequestTimeout
from ig_sdk.simulator import Simulator
from ig_sdk.types import Confirm, Limit, Stop

EPIC = "CS.D.EURUSD.MINI.IP"
D = Decimal


@pytest.fixture
def ig(sim: Simulator, quick_clock: ManualClock) -> Iterator[IGClient]:
    """A client that does not wait."""
    with IGClient(sim.config(reconnect={"max_retries": 1}), clock=quick_clock) as client:
        yield client


@pytest.fixture
def other(sim: Simulator) -> Iterator[IGClient]:
    """Another program on the same account."""
    with sim.client() as client:
        yield client


def lost(sim: Simulator, method: str, act: Callable[[], object], *, taken: bool = False) -> DealUncertain:
    """Return the error of a deal whose connection is cut, before it arrives or after it was taken."""
    sim.faults.rest(path="/positions/otc", method=method, drop=True, taken=taken)
    with pytest.raises(DealUncertain) as caught:
        act()
    return caught.value


def told(error: DealUncertain) -> Confirm | str | None:
    """Return what ``resolve()`` tells."""
    try:
        return error.resolve()
    except DealUncertain:
        return "uncertain"


def test_another_programs_close_is_not_ours(sim: Simulator, ig: IGClient, other: IGClient) -> None:
    """A position of 2, of which they close 1; our close of the rest never arrives, and 1 is still open."""
    opened = ig.positions.open(EPIC, "BUY", 2)
    other.positions.close(opened.deal_id, 1)
    assert told(lost(sim, "DELETE", lambda: ig.positions.close(opened.deal_id))) is None
    assert ig.positions.get(opened.deal_id).size == 1


@pytest.mark.parametrize("opens", ["ig", "other"])
@pytest.mark.parametrize("taken", [False, True])
def test_closes_alike_are_not_told_apart(
    sim: Simulator, ig: IGClient, other: IGClient, opens: str, *, taken: bool
) -> None:
    """Of equal sizes closed by both, a lost one is neither accepted nor called not placed where it may be either."""
    opened = (ig if opens == "ig" else other).positions.open(EPIC, "BUY", 3)
    error = lost(sim, "DELETE", lambda: ig.positions.close(opened.deal_id, 1), taken=taken)
    other.positions.close(opened.deal_id, 1)
    assert told(error) == "uncertain"


def test_closes_of_other_sizes_are_told_apart(sim: Simulator, ig: IGClient, other: IGClient) -> None:
    """What is gone is accounted for by theirs, so ours was not placed."""
    opened = ig.positions.open(EPIC, "BUY", 3)
    error = lost(sim, "DELETE", lambda: ig.positions.close(opened.deal_id, 1))
    other.positions.close(opened.deal_id, 2)
    assert told(error) is None


def test_a_lost_close_gets_no_earlier_ones_confirm(sim: Simulator, ig: IGClient) -> None:
    """The first was told from the book, since its confirm could not be read; the second never arrived."""
    opened = ig.positions.open(EPIC, "BUY", 3)
    sim.faults.rest(500, None, "/confirms")
    with pytest.raises(DealUncertain) as caught:
        ig.positions.close(opened.deal_id, 1)
    assert isinstance(told(caught.value), Confirm)
    sim.faults.clear()
    assert told(lost(sim, "DELETE", lambda: ig.positions.close(opened.deal_id, 1))) is None
    second = ig.positions.close(opened.deal_id, 1)
    assert isinstance(told(caught.value), Confirm)
    assert (second.size, ig.positions.get(opened.deal_id).size) == (1, 1)


def test_a_stop_that_is_not_set_is_not_called_set(sim: Simulator, ig: IGClient, other: IGClient) -> None:
    """They set and removed the same stop before; our amendment never arrived."""
    opened = ig.positions.open(EPIC, "BUY", 1)
    assert opened.level is not None
    stop = Stop(level=opened.level - D("0.0100"))
    other.positions.amend(opened.deal_id, stop=stop)
    other.positions.amend(opened.deal_id, stop=None)
    assert not isinstance(told(lost(sim, "PUT", lambda: ig.positions.amend(opened.deal_id, stop=stop))), Confirm)
    error = lost(sim, "PUT", lambda: ig.positions.amend(opened.deal_id, stop=stop))
    other.positions.amend(opened.deal_id, stop=stop)
    assert told(error) == "uncertain"
    other.positions.amend(opened.deal_id, stop=None)
    assert not isinstance(told(error), Confirm)


def test_an_accepted_amendment_is_visible(sim: Simulator, ig: IGClient) -> None:
    """A confirm that says so while the position has no stop is not believed."""
    opened = ig.positions.open(EPIC, "BUY", 1)
    before = sim.requests("PUT")
    sim.faults.rest(200, path="/positions/otc", method="PUT", body=f'{{"dealReference": "{opened.deal_reference}"}}')
    body = f'{{"dealStatus": "ACCEPTED", "status": "AMENDED", "dealId": "{opened.deal_id}", "direction": "BUY"}}'
    sim.faults.rest(200, None, "/confirms", body=body)
    with pytest.raises(DealUncertain):
        ig.positions.amend(opened.deal_id, stop=Stop(distance=100))
    assert len(sim.requests("PUT")) == len(before) + 1


def test_a_rejection_of_anothers_request_is_not_ours(sim: Simulator, ig: IGClient, other: IGClient) -> None:
    """Our amendment was taken; theirs, rejected a moment later, has its confirm under the same reference."""
    opened = ig.positions.open(EPIC, "BUY", 1)
    assert opened.level is not None
    level = opened.level
    rejected = (
        f'{{"dealStatus": "REJECTED", "reason": "ORDER_LOCKED", "dealId": "{opened.deal_id}", "direction": "BUY"}}'
    )
    sim.faults.rest(200, None, "/confirms", body=rejected)
    with pytest.raises(DealUncertain):
        ig.positions.amend(opened.deal_id, limit=Limit(level=level + D("0.01")))
    sim.faults.clear()
    assert ig.positions.get(opened.deal_id).limit_level == level + D("0.01")


def test_a_lost_close_after_another_of_its_size_is_found(sim: Simulator, ig: IGClient) -> None:
    """Both are ours: the history shows as many as were sent."""
    opened = ig.positions.open(EPIC, "BUY", 2)
    part = ig.positions.close(opened.deal_id, 1)
    assert part.closing_deal_id is not None
    error = lost(sim, "DELETE", lambda: ig.positions.close(opened.deal_id, 1), taken=True)
    found = told(error)
    assert isinstance(found, Confirm)
    assert (found.size, found.status) == (1, "CLOSED")


@pytest.mark.parametrize("round_", range(3))
def test_two_threads_close_parts_of_one_position(sim: Simulator, round_: int) -> None:
    """Each gets the confirm of its own close."""
    with sim.client() as ig:
        opened = ig.positions.open(EPIC, "BUY", 5)
        together, confirms = threading.Barrier(3), dict[Decimal, Confirm]()

        def close(size: Decimal) -> None:
            together.wait(5)
            confirms[size] = ig.positions.close(opened.deal_id, size)

        threads = [threading.Thread(target=close, args=(D(size),), name=size) for size in ("0.5", "1", "1.5")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        assert {size: confirm.size for size, confirm in confirms.items()} == {size: size for size in confirms}
        assert len(confirms) == 3
        assert len({confirm.closing_deal_id for confirm in confirms.values()}) == 3
        assert ig.positions.get(opened.deal_id).size == 2


def test_a_deal_that_waits_ends_in_time_and_was_not_sent(sim: Simulator) -> None:
    """While another one on the same position takes long; one on another position does not wait."""
    with sim.client() as ig:
        first, second = (ig.positions.open(EPIC, "BUY", 1).deal_id for _ in range(2))
        sim.faults.rest(None, path="/positions/otc", method="DELETE", delay_s=1.5)
        ended = list[Confirm | IGError]()
        thread = threading.Thread(target=lambda: ended.append(ig.positions.close(first)), name="close")
        thread.start()
        while not sim.requests("DELETE"):
            threading.Event().wait(0.005)
        with pytest.raises(RequestTimeout, match="nothing was sent"):
            ig.positions.amend(first, stop=Stop(distance=100), timeout=0.2)
        assert ig.positions.close(second).accepted
        assert thread.is_alive()
        thread.join(10)
        assert not sim.requests("PUT")
    assert isinstance(ended[0], Confirm)
