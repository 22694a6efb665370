"""Dealing against the simulator: open, amend, close, orders, and what is refused."""

from __future__ import annotations

import copy
import dataclasses
import json
import pickle
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from ig_sdk.client import IGClient
from ig_sdk.config import IGConfig
from ig_sdk.errors import DealRejected, DealUncertain, IGError, InvalidDeal, InvalidRequest, NotFound, UsageError
from ig_sdk.rest.http.transport import Request, Response, Timeout
from ig_sdk.simulator import Simulator
from ig_sdk.types import Confirm, Limit, Stop

EPIC = "CS.D.EURUSD.MINI.IP"


def sent(sim: Simulator) -> int:
    """How many dealing requests reached the simulator."""
    return len(sim.requests(path="/positions/otc")) + len(sim.requests(path="/workingorders/otc"))


def test_a_position_from_open_to_close(sim: Simulator, ig: IGClient) -> None:
    """Opened by name, listed, closed in parts, with profit, close level and the id of each close."""
    opened = ig.positions.open("eur/usd", "buy", 2, stop=Stop(distance=20), limit=Limit(distance=40))
    assert (opened.accepted, opened.status, opened.epic, opened.size) == (True, "OPEN", EPIC, 2)
    assert opened.level is not None
    position = ig.positions.get(opened.deal_id)
    assert ig.positions.list() == [position]
    assert position.deal_reference == opened.deal_reference
    assert (position.stop_level, position.limit_level) == (
        opened.level - Decimal("0.002"),
        opened.level + Decimal("0.004"),
    )
    part = ig.positions.close(opened.deal_id, "0.5")
    again = ig.positions.close(opened.deal_id, 0.5)
    rest = ig.positions.close(opened.deal_id)
    assert [each.status for each in (part, again, rest)] == ["PARTIALLY_CLOSED", "PARTIALLY_CLOSED", "CLOSED"]
    assert [each.size for each in (part, again, rest)] == [Decimal("0.5"), Decimal("0.5"), 1]
    for each in (part, again, rest):
        assert each.deal_id == opened.deal_id
        assert None not in (each.profit, each.close_level, each.closing_deal_id)
    assert len({opened.deal_id, *(each.closing_deal_id for each in (part, again, rest))}) == 4
    assert ig.positions.list() == []
    assert sent(sim) == 4
    with pytest.raises(NotFound):
        ig.positions.close(opened.deal_id)
    assert sent(sim) == 4


def test_the_log_tells_a_deal_and_its_verdict_under_one_id(ig: IGClient, caplog: pytest.LogCaptureFixture) -> None:
    """What was sent and what IG said of it can be told from another deal's."""
    caplog.set_level("INFO", logger="ig_sdk.rest")
    confirms = [ig.positions.open(EPIC, "BUY", 1) for _ in range(2)]
    for confirm in confirms:
        records = [each for each in caplog.records if confirm.deal_reference in each.getMessage()]
        assert len(records) == 2
        assert "accepted" in records[1].getMessage()
        assert len({each.correlation_id for each in records} - {"-"}) == 1  # type: ignore[attr-defined]


def test_amending_keeps_the_other_half(ig: IGClient) -> None:
    """Leg by leg: what is not mentioned stays, ``None`` removes."""
    opened = ig.positions.open(EPIC, "SELL", 1, stop=Stop(distance=50), limit=Limit(distance=50))
    deal_id = opened.deal_id
    stop, limit = opened.stop_level, opened.limit_level
    assert ig.positions.amend(deal_id, stop=Stop(distance=70)).status == "AMENDED"
    now = ig.positions.get(deal_id)
    assert (now.stop_level, now.limit_level) == (stop + Decimal("0.002"), limit)
    ig.positions.amend(deal_id, stop=None)
    now = ig.positions.get(deal_id)
    assert (now.stop_level, now.limit_level) == (None, limit)
    ig.positions.amend(deal_id, limit=None)
    assert ig.positions.get(deal_id).limit_level is None


def test_a_guarantee_and_a_trailing_stop_survive_an_amendment(ig: IGClient) -> None:
    """The lost guarantee was a complaint about another client."""
    safe = ig.positions.open(EPIC, "BUY", 1, stop=Stop(distance=100, guaranteed=True)).deal_id
    ig.positions.amend(safe, limit=Limit(distance=100))
    ig.positions.amend(safe, stop=Stop(distance=150))
    assert ig.positions.get(safe).controlled_risk is True
    trailing = ig.positions.open(EPIC, "BUY", 1, stop=Stop(distance=100, trailing_step=10)).deal_id
    ig.positions.amend(trailing, limit=Limit(distance=200))
    now = ig.positions.get(trailing)
    assert (now.trails, now.trailing_stop_distance, now.trailing_step) == (True, 100, 10)
    ig.positions.amend(trailing, stop=Stop(distance=120, trailing_step=15))
    now = ig.positions.get(trailing)
    assert (now.trailing_stop_distance, now.trailing_step) == (120, 15)


def test_an_order_from_create_to_cancel(ig: IGClient) -> None:
    """Created, listed, amended in parts, cancelled."""
    market = ig.market("EURUSD")
    level = Decimal(str(market.quote().bid)) - Decimal("0.0100")
    until = datetime.now(timezone.utc).replace(microsecond=0, second=0) + timedelta(days=1)
    made = market.order("buy", 1, level=level, stop=Stop(distance=30), good_till=until)
    (order,) = ig.orders.list()
    assert (order.deal_id, order.order_level, order.stop_distance, order.order_type) == (
        made.deal_id,
        level,
        30,
        "LIMIT",
    )
    ig.orders.amend(made.deal_id, limit=Limit(distance=60))
    (order,) = ig.orders.list()
    assert (order.stop_distance, order.limit_distance, order.good_till_date_iso) == (30, 60, until)
    ig.orders.amend(made.deal_id, level=level - Decimal("0.001"), stop=None, good_till=None)
    (order,) = ig.orders.list()
    assert (order.order_level, order.stop_distance, order.limit_distance) == (level - Decimal("0.001"), None, 60)
    assert order.time_in_force == "GOOD_TILL_CANCELLED"
    assert ig.orders.cancel(made.deal_id).status == "DELETED"
    assert ig.orders.list() == []
    with pytest.raises(NotFound):
        ig.orders.amend(made.deal_id, level=1)
    with pytest.raises(DealRejected) as gone:
        ig.orders.cancel(made.deal_id)
    assert gone.value.reason == "ORDER_NOT_FOUND"


@pytest.mark.parametrize("size", [1, 1.5, "1.5", Decimal("1.50")])
def test_sizes_are_taken_by_their_text(ig: IGClient, size: Any) -> None:
    """Whatever kind of number they are."""
    ig.positions.open(EPIC, "BUY", size)
    assert ig.positions.list()[0].size == Decimal(str(size))


def test_a_market_deals(ig: IGClient) -> None:
    """``buy`` and ``sell`` on the market that they are called on."""
    market = ig.market("GBPUSD")
    assert market.buy(1, stop=Stop(distance=50)).direction == "BUY"
    assert market.sell("1", deal_reference="mine-1").deal_reference == "mine-1"
    assert {(each.epic, each.direction.value) for each in ig.positions.list() if each.direction} == {
        ("CS.D.GBPUSD.MINI.IP", "BUY"),
        ("CS.D.GBPUSD.MINI.IP", "SELL"),
    }


MISTAKES: dict[str, Callable[[IGClient], Any]] = {
    "size": lambda ig: ig.positions.open(EPIC, "BUY", "0.001"),
    "no number": lambda ig: ig.positions.open(EPIC, "BUY", "much"),
    "direction": lambda ig: ig.positions.open(EPIC, "UP", 1),
    "stop": lambda ig: ig.positions.open(EPIC, "BUY", 1, stop=Stop(distance="0.1")),
    "bare stop": lambda ig: ig.positions.open(EPIC, "BUY", 1, stop=20),
    "bare limit": lambda ig: ig.orders.create(EPIC, "BUY", 1, level=1, limit=20.5),
    "currency": lambda ig: ig.positions.open(EPIC, "BUY", 1, currency="XXX"),
    "expiry": lambda ig: ig.positions.open(EPIC, "BUY", 1, expiry="DFB"),
    "force_open": lambda ig: ig.positions.open(EPIC, "BUY", 1, stop=Stop(distance=50), force_open=False),
    "side": lambda ig: ig.orders.create(EPIC, "BUY", 1, level=2),
    "reference": lambda ig: ig.positions.open(EPIC, "BUY", 1, deal_reference="no spaces"),
    "order type": lambda ig: ig.positions.open(EPIC, "BUY", 1, order_type="STOP"),
    "kind": lambda ig: ig.orders.create(EPIC, "BUY", 1, level=1, kind="MARKET"),
    "end": lambda ig: ig.orders.create(EPIC, "BUY", 1, level=1, good_till=datetime(2020, 1, 1, tzinfo=timezone.utc)),
    "nothing": lambda ig: ig.positions.amend("DIAAAA"),
    "no order": lambda ig: ig.orders.amend("DIAAAA"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_caught_before_sending(sim: Simulator, ig: IGClient, name: str) -> None:
    """The dealing engine never hears of it."""
    with pytest.raises((ValueError, TypeError)):
        MISTAKES[name](ig)
    assert sent(sim) == 0


def test_all_mistakes_are_named_at_once(ig: IGClient) -> None:
    """In one error that a handler can take apart."""
    with pytest.raises(InvalidDeal) as caught:
        ig.positions.open(EPIC, "BUY", "0.001", currency="XXX", stop=Stop(distance=1), deal_reference="mine")
    assert len(caught.value.faults) == 3
    assert caught.value.deal_reference == "mine"
    assert isinstance(caught.value, (IGError, ValueError))


def test_a_rejection_explains_itself(ig: IGClient) -> None:
    """The reason, in words, with what to do."""
    with pytest.raises(DealRejected) as caught:
        ig.positions.open(EPIC, "BUY", 1_000_000)
    error = caught.value
    assert error.reason == "INSUFFICIENT_FUNDS"
    assert error.confirm.reason == error.reason
    assert "not enough available funds" in str(error)
    assert "1000000" in (error.hint or "")
    assert ig.positions.list() == []


def test_a_reference_used_twice_is_rejected_not_doubled(ig: IGClient) -> None:
    """The caller's own references are IG's to check; the first deal's confirm is not taken for the second's."""
    first = ig.positions.open(EPIC, "BUY", 1, deal_reference="mine")
    with pytest.raises(DealRejected) as caught:
        ig.positions.open(EPIC, "BUY", 1, deal_reference="mine")
    assert caught.value.reason == "DUPLICATE_ORDER_ERROR"
    assert [each.deal_id for each in ig.positions.list()] == [first.deal_id]


def test_a_replay_that_ig_calls_a_duplicate_is_found(sim: Simulator, ig: IGClient) -> None:
    """A server that took the deal and still answered 401: the replay is rejected, the deal stands, and is found."""
    ig.login()
    code = "error.security.client-token-invalid"
    sim.faults.rest(401, path="/positions/otc", method="POST", code=code, taken=True)
    with pytest.raises(DealUncertain, match="already") as caught:
        ig.positions.open(EPIC, "BUY", 1)
    found = caught.value.resolve()
    assert found is not None
    assert [each.deal_id for each in ig.positions.list()] == [found.deal_id]


def _as_ig_sends(confirm: Confirm) -> bytes:
    data = {
        "date": confirm.date.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] if confirm.date else None,
        "status": confirm.status,
        "reason": confirm.reason,
        "dealStatus": confirm.deal_status,
        "epic": confirm.epic,
        "dealReference": confirm.deal_reference,
        "dealId": confirm.deal_id,
        "affectedDeals": [{"dealId": each.deal_id, "status": each.status} for each in confirm.affected_deals],
        "direction": confirm.direction.value if confirm.direction else None,
        "expiry": confirm.expiry,
        "level": str(confirm.level),
        "size": str(confirm.size),
        "profit": None if confirm.profit is None else str(confirm.profit),
        "profitCurrency": confirm.profit_currency,
    }
    return json.dumps(data).encode()


def test_the_openings_confirm_is_not_the_closes(sim: Simulator, ig: IGClient) -> None:
    """IG may still show it under the reference that both share; another client has no memory of it either."""
    opened = ig.positions.open(EPIC, "BUY", 1)
    with sim.client() as other:
        other.login()
        sim.faults.rest(200, 3, "/confirms", body=_as_ig_sends(opened))
        closed = other.positions.close(opened.deal_id)
    assert (closed.status, closed.direction) == ("CLOSED", "SELL")
    assert ig.positions.list() == []


def test_a_part_closed_before_is_not_the_next(sim: Simulator, ig: IGClient) -> None:
    """Both confirms say the same of the same deal; the date tells."""
    opened = ig.positions.open(EPIC, "BUY", 3)
    first = ig.positions.close(opened.deal_id, 1)
    sim.faults.rest(200, 2, "/confirms", body=_as_ig_sends(first))
    second = ig.positions.close(opened.deal_id, 1)
    assert first.date is not None
    assert second.date is not None
    assert second.date > first.date
    assert second.closing_deal_id != first.closing_deal_id


def test_an_early_404_is_waited_out(sim: Simulator, ig: IGClient) -> None:
    """The confirm is not there at first; when it never comes the deal is uncertain."""
    ig.login()
    sim.faults.rest(404, 2, "/confirms", code="error.confirms.deal-not-found")
    opened = ig.positions.open(EPIC, "BUY", 1)
    assert opened.accepted
    assert ig.confirms.get(opened.deal_reference) == opened
    assert ig.confirms.wait(opened.deal_reference) == opened
    with pytest.raises(NotFound):
        ig.confirms.get("never-sent")
    with pytest.raises(DealUncertain) as caught:
        ig.confirms.wait("never-sent", timeout=0.2)
    assert caught.value.deal_reference == "never-sent"
    with pytest.raises(UsageError):
        caught.value.resolve()


def test_the_whole_call_is_bounded(sim: Simulator, ig: IGClient) -> None:
    """With its wait for the verdict."""
    ig.login()
    sim.faults.rest(404, None, "/confirms", code="error.confirms.deal-not-found")
    with pytest.raises(DealUncertain, match="IG has not decided"):
        ig.positions.open(EPIC, "BUY", 1, timeout=0.5)
    assert len(ig.positions.list()) == 1


def test_close_all_tells_what_became_of_each(sim: Simulator, ig: IGClient) -> None:
    """One that fails does not keep the others open; another market is left alone when one is named."""
    for name in ("EURUSD", "EURUSD", "GBPUSD"):
        ig.positions.open(name, "BUY", 1)
    sim.faults.rest(400, path="/positions/otc", method="DELETE", code="validation.null-not-allowed.request")
    outcomes = ig.positions.close_all(epic="EURUSD")
    assert [each.closed for each in outcomes] == [False, True]
    assert isinstance(outcomes[0].error, InvalidRequest)
    assert outcomes[1].confirm is not None
    assert outcomes[1].confirm.closing_deal_id is not None
    assert {each.epic for each in ig.positions.list()} == {EPIC, "CS.D.GBPUSD.MINI.IP"}
    assert [each.closed for each in ig.positions.close_all()] == [True, True]
    assert ig.positions.close_all() == []


def test_recent_deals_are_shown(ig: IGClient) -> None:
    """Of one market or of all, sizes by currency and side."""
    ig.positions.open(EPIC, "BUY", 2)
    window = ig.positions.repeat_dealing_window(epic="EURUSD")
    assert window.account_id == ig.session.get().account_id
    (market,) = window.repeat_dealing_entry_list
    assert (market.instrument_value, [deal.size for each in market.currency_list for deal in each.buy]) == (EPIC, [2])
    assert ig.positions.repeat_dealing_window().repeat_dealing_entry_list
    assert ig.positions.repeat_dealing_window(epic="GBPUSD").repeat_dealing_entry_list == ()


def test_a_deal_id_is_text(sim: Simulator, ig: IGClient) -> None:
    """The position itself is none; the error says what is."""
    ig.positions.open(EPIC, "BUY", 1)
    (position,) = ig.positions.list()
    for call in (ig.positions.get, ig.positions.close, ig.orders.cancel):
        with pytest.raises(TypeError, match=r"position\.deal_id"):
            call(position)  # type: ignore[arg-type, operator]  # the mistake that is tested
        with pytest.raises(ValueError, match="empty"):
            call(" ")  # type: ignore[operator]  # mypy takes the common type of the three
        with pytest.raises(ValueError, match="must not be None"):
            call(None)  # type: ignore[operator]  # what a rejected confirm has
    assert sent(sim) == 1


def test_the_id_of_a_close_is_read_when_it_is_asked_for(sim: Simulator, ig: IGClient) -> None:
    """Once; a history that fails raises then, and leaves the close as it is: done."""
    opened = ig.positions.open(EPIC, "BUY", 1)
    sim.faults.rest(400, None, "/history/activity", code="invalid.input")
    closed = ig.positions.close(opened.deal_id)
    assert closed.status == "CLOSED"
    assert sim.requests(path="/history/activity") == []
    with pytest.raises(InvalidRequest):
        _ = closed.closing_deal_id
    sim.faults.clear()
    found = closed.closing_deal_id
    asked = len(sim.requests(path="/history/activity"))
    assert found is not None
    assert (closed.closing_deal_id, len(sim.requests(path="/history/activity"))) == (found, asked)


def test_a_copied_confirm_of_a_close_asks_nobody(ig: IGClient) -> None:
    """A pickle or a deep copy leaves the client behind: it has the id if that was read before, and else knows none."""
    opened = ig.positions.open(EPIC, "BUY", 1)
    closed = ig.positions.close(opened.deal_id)
    copies = (pickle.loads(pickle.dumps(closed)), copy.deepcopy(closed), Confirm(**dataclasses.asdict(closed)))
    assert [each.closing_deal_id for each in copies] == [None, None, None]
    found = closed.closing_deal_id
    assert found is not None
    assert copies[0] == closed
    assert pickle.loads(pickle.dumps(closed)).closing_deal_id == found
    assert copy.copy(closed).closing_deal_id == found


def test_the_id_of_a_close_that_was_in_doubt_is_found_too(sim: Simulator, ig: IGClient) -> None:
    """However the confirm was found."""
    opened = ig.positions.open(EPIC, "BUY", 1)
    sim.faults.rest(path="/positions/otc", method="DELETE", drop=True, taken=True)
    with pytest.raises(DealUncertain) as caught:
        ig.positions.close(opened.deal_id)
    found = caught.value.resolve()
    assert found is not None
    assert found.closing_deal_id not in (None, opened.deal_id)


class Forbidden:
    """A transport that must not be used."""

    def send(self, request: Request, *, timeout: Timeout) -> Response:
        raise AssertionError(f"{request.method} {request.path} was sent")

    def abort(self) -> None:
        pass

    def close(self) -> None:
        pass


DEALS: dict[str, Callable[[IGClient], Any]] = {
    "open": lambda ig: ig.positions.open(EPIC, "BUY", 1),
    "amend": lambda ig: ig.positions.amend("D", stop=None),
    "close": lambda ig: ig.positions.close("D"),
    "close all": lambda ig: ig.positions.close_all(),
    "create": lambda ig: ig.orders.create(EPIC, "BUY", 1, level=1),
    "amend order": lambda ig: ig.orders.amend("D", level=1),
    "cancel": lambda ig: ig.orders.cancel("D"),
}


@pytest.mark.parametrize("name", DEALS)
def test_live_money_needs_two_yeses(name: str) -> None:
    """Without the second nothing is sent, not even a login."""
    config = IGConfig(environment="live", api_key="key", identifier="user", password="pass")
    with IGClient(config, transport=Forbidden()) as ig, pytest.raises(UsageError, match="live money") as caught:
        DEALS[name](ig)
    assert "allow_live_dealing" in (caught.value.hint or "")


def test_two_yeses_are_enough() -> None:
    """Then the call goes on, here into a transport that refuses to carry it."""
    config = IGConfig(environment="live", allow_live_dealing=True, api_key="key", identifier="user", password="pass")
    with IGClient(config, transport=Forbidden()) as ig, pytest.raises(AssertionError, match="POST"):
        ig.positions.close("D")
