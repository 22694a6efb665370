"""Deals against a server that lies: a verdict is never a guess, and no deal ends in an error that hides it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator

import pytest

from ig_sdk.client import IGClient
from ig_sdk.clock import ManualClock
from ig_sdk.errors import DealRejected, DealUncertain, IGError, InvalidDeal
from ig_sdk.simulator import Simulator
from ig_sdk.types import Confirm, Limit, Stop

EPIC = "CS.D.EURUSD.MINI.IP"
TOKEN_DEAD = "error.security.client-token-invalid"


class Hasty(ManualClock):
    """A clock on which every wait is soon over; the simulator and the sockets keep real time."""

    def wait(self, event: threading.Event, timeout: float) -> bool:
        if not event.wait(min(timeout, 0.06)):
            self.advance(timeout)
        return event.is_set()


@pytest.fixture
def ig(sim: Simulator) -> Iterator[IGClient]:
    """A client of it that does not wait."""
    with IGClient(sim.config(reconnect={"max_retries": 1}), clock=Hasty()) as client:
        yield client


def shown(reference: str, **changes: object) -> bytes:
    """A confirm as the server may show it."""
    values = {"dealReference": reference, "dealId": "D9", "dealStatus": "ACCEPTED", "reason": "SUCCESS"}
    return json.dumps(values | changes).encode()


def test_on_another_account_nothing_is_called_not_placed(sim: Simulator, ig: IGClient) -> None:
    """Positions of the account in use say nothing of a deal that was sent on another one."""
    ig.login()
    sim.faults.rest(path="/positions/otc", method="POST", drop=True, taken=True)
    with pytest.raises(DealUncertain) as caught:
        ig.positions.open(EPIC, "BUY", 1)
    home, other = (each.account_id or "" for each in ig.session.accounts[:2])
    ig.session.switch(other)
    sim.faults.rest(404, None, "/confirms", code="error.confirms.deal-not-found")
    with pytest.raises(DealUncertain, match="account"):
        caught.value.resolve()
    ig.session.switch(home)
    found = caught.value.resolve()
    assert found is not None
    assert found.deal_reference == caught.value.deal_reference


@pytest.mark.parametrize("told", [".", "..", " ", "\ud800"])
def test_a_reference_that_cannot_be_asked_for_leaves_doubt(sim: Simulator, ig: IGClient, told: str) -> None:
    """The deal was taken under an odd reference: that is told as uncertain, not as an error of the caller's."""
    ig.login()
    body = json.dumps({"dealReference": told})
    sim.faults.rest(None, path="/positions/otc", method="POST", body=body)
    opened = ig.positions.open(EPIC, "BUY", 1)
    assert opened.accepted
    assert [each.deal_id for each in ig.positions.list()] == [opened.deal_id]


def test_a_year_out_of_the_calendar_does_not_hide_a_close(sim: Simulator, ig: IGClient) -> None:
    """The close is done; a senseless date in its confirm is no error."""
    with sim.client() as other:
        opened = other.positions.open(EPIC, "BUY", 1)
    changes = {"status": "CLOSED", "dealId": opened.deal_id, "date": "0001-01-01T00:00:00"}
    sim.faults.rest(200, None, "/confirms", body=shown(opened.deal_reference, **changes))
    assert ig.positions.close(opened.deal_id or "").status == "CLOSED"


def test_a_word_that_is_no_verdict_leaves_doubt(sim: Simulator, ig: IGClient) -> None:
    """Neither accepted nor rejected: the deal is looked up, and is not called rejected."""
    ig.login()
    sim.faults.rest(200, None, "/confirms", body=shown("any", dealStatus="PENDING"))
    with pytest.raises(DealUncertain) as caught:
        ig.positions.open(EPIC, "BUY", 1)
    found = caught.value.resolve()
    assert found is not None
    assert found.accepted


def test_a_duplicate_found_later_is_the_deal_itself(sim: Simulator, ig: IGClient) -> None:
    """Something on the way sent it twice: the rejection of the second is not the fate of the first."""
    ig.login()
    sim.faults.rest(path="/positions/otc", method="POST", drop=True, taken=True)
    with pytest.raises(DealUncertain) as caught:
        ig.positions.open(EPIC, "BUY", 1)
    rejected = shown(caught.value.deal_reference, dealStatus="REJECTED", reason="DUPLICATE_ORDER_ERROR")
    sim.faults.rest(200, None, "/confirms", body=rejected)
    found = caught.value.resolve()
    assert found is not None
    assert [each.deal_id for each in ig.positions.list()] == [found.deal_id]


def test_a_replay_under_the_callers_reference_is_found(sim: Simulator, ig: IGClient) -> None:
    """The server took the deal and still answered 401: the duplicate that it then speaks of is this very deal."""
    ig.login()
    sim.faults.rest(401, path="/positions/otc", method="POST", code=TOKEN_DEAD, taken=True)
    with pytest.raises(DealUncertain) as caught:
        ig.positions.open(EPIC, "BUY", 1, deal_reference="mine")
    found = caught.value.resolve()
    assert found is not None
    assert [each.deal_id for each in ig.positions.list()] == [found.deal_id]


def test_a_close_that_was_sent_again_may_have_closed(sim: Simulator, ig: IGClient) -> None:
    """The server closed the position and still answered 401: that it then finds nothing to close is no refusal."""
    opened = ig.positions.open(EPIC, "BUY", 1)
    sim.faults.rest(401, path="/positions/otc", method="DELETE", code=TOKEN_DEAD, taken=True)
    with pytest.raises(DealUncertain) as caught:
        ig.positions.close(opened.deal_id or "")
    found = caught.value.resolve()
    assert found is not None
    assert ig.positions.list() == []


def _amend(ig: IGClient, deal_id: str) -> Confirm:
    return ig.positions.amend(deal_id, limit=Limit(distance=90))


def _close_part(ig: IGClient, deal_id: str) -> Confirm:
    return ig.positions.close(deal_id, 1)


@pytest.mark.parametrize("act", [_amend, _close_part])
def test_what_another_client_left_is_not_the_verdict(sim: Simulator, ig: IGClient, act: type[Confirm]) -> None:
    """An earlier amendment or close of a part has a confirm under the same reference, which is not taken for its own."""
    with sim.client() as other:
        opened = other.positions.open(EPIC, "BUY", 3, stop=Stop(distance=50))
        earlier = act(other, opened.deal_id or "")
    same = {"status": earlier.status, "dealId": earlier.deal_id, "direction": earlier.direction}
    if earlier.date is not None:
        same["date"] = f"{earlier.date:%Y-%m-%dT%H:%M:%S.%f}"
    sim.faults.rest(200, None, "/confirms", body=shown(opened.deal_reference, **same))
    with pytest.raises(DealUncertain, match="no verdict"):
        act(ig, opened.deal_id or "")


def test_two_deals_under_one_reference_are_not_on_their_way_at_once(sim: Simulator, ig: IGClient) -> None:
    """The verdict on one would be taken for that on the other, so the second is refused before it is sent."""
    ig.login()
    sim.faults.rest(404, 2, "/confirms", code="error.confirms.deal-not-found")
    ended: list[Confirm | IGError] = []
    together = threading.Barrier(2)

    def deal() -> None:
        together.wait(5)
        try:
            ended.append(ig.positions.open(EPIC, "BUY", 1, deal_reference="mine"))
        except IGError as error:
            ended.append(error)

    threads = [threading.Thread(target=deal, name="dealing") for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(ig.positions.list()) == 1
    assert [isinstance(each, Confirm) for each in ended].count(True) == 1
    assert [isinstance(each, (InvalidDeal, DealRejected)) for each in ended].count(True) == 1
