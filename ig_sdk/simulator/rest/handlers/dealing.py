"""Replies about dealing: positions and working orders, opened, amended and closed; confirms.

A deal that the broker rejects is no HTTP error: the reply is a reference, and the confirm has the outcome (REST.md
section 4).

Source:
    REST.md sections 6.1 and 6.2; wire/ig_api.json.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

from ig_sdk.simulator.bodies import dealing as replies
from ig_sdk.simulator.bodies.markets import picked
from ig_sdk.simulator.broker import AmendDeal, AmendOrder, Broker, CloseDeal, NewOrder, NoMatch, OpenDeal, UnknownDeal
from ig_sdk.simulator.reference.instruments import listed
from ig_sdk.simulator.refusals import RestRefusal
from ig_sdk.simulator.rest.backend import Backend, Handler
from ig_sdk.simulator.rest.request import Call, Reply
from ig_sdk.types import Direction

# IG knows no such deal of this account (REST.md section 8); that a deal is already closed is reported by the confirm.
_NO_POSITION = "error.position.notfound"
_NO_ORDER = "error.service.execution.find"
_NO_ORDER_TO_CANCEL = "error.service.delete.working.order.not.found"
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


# ---- positions


def _positions(backend: Backend, call: Call) -> Reply:
    found = backend.dealing.act(lambda broker, _: broker.view.positions(call.owner.account_id))
    rows = [replies.position(each, backend.shown(each.epic), call.version) for each in found]
    return Reply(body={"positions": rows})


def _position(backend: Backend, call: Call) -> Reply:
    found = backend.dealing.act(lambda broker, _: broker.view.position(call.owner.account_id, call.params[0]))
    if found is None:
        raise RestRefusal(_NO_POSITION)
    return Reply(body=replies.position(found, backend.shown(found.epic), call.version))


def _open(backend: Backend, call: Call) -> Reply:
    given = call.body
    _check_epic(given["epic"])
    deal = OpenDeal(
        **picked(given, "epic", "expiry", "size", "level"),
        direction=Direction(given["direction"]),
        currency=given["currencyCode"],
        order_type=given["orderType"],
        quote_id=given["quoteId"],
        force_open=given["forceOpen"],
        **_legs(given),
        guaranteed_stop=given["guaranteedStop"],
        trailing_stop=bool(given.get("trailingStop")),
        trailing_increment=given.get("trailingStopIncrement"),
        time_in_force=given.get("timeInForce") or "FILL_OR_KILL",
        deal_reference=given["dealReference"],
    )
    return _dealt(backend, lambda broker, now: broker.open(call.owner.account_id, deal, now))


def _amend(backend: Backend, call: Call) -> Reply:
    given = call.body
    deal = AmendDeal(
        deal_id=call.params[0],
        stop_level=given["stopLevel"],
        limit_level=given["limitLevel"],
        guaranteed_stop=bool(given["guaranteedStop"]),
        trailing_stop=bool(given.get("trailingStop")),
        trailing_distance=given.get("trailingStopDistance"),
        trailing_increment=given.get("trailingStopIncrement"),
    )
    return _dealt(backend, lambda broker, now: broker.amend(call.owner.account_id, deal, now), unknown=_NO_POSITION)


def _close(backend: Backend, call: Call) -> Reply:
    given = call.body
    deal = CloseDeal(
        **picked(given, "size", "epic", "expiry", "level"),
        direction=Direction(given["direction"]),
        deal_id=given["dealId"],
        order_type=given["orderType"],
        quote_id=given["quoteId"],
        time_in_force=given["timeInForce"] or "FILL_OR_KILL",
    )
    return _dealt(backend, lambda broker, now: broker.close(call.owner.account_id, deal, now))


def _sprints(backend: Backend, call: Call) -> Reply:
    # IG has withdrawn the product in most countries (REST.md section 9): there are no such positions.
    del backend, call
    return Reply(body={"sprintMarketPositions": []})


def _open_sprint(backend: Backend, call: Call) -> Reply:
    del backend
    if call.body["epic"] not in listed():
        raise RestRefusal("error.service.create.stockbroking.share-order.instrumentdata-invalid")
    raise RestRefusal("error.sprintmarket.create-position.market-closed")


# ---- working orders


def _orders(backend: Backend, call: Call) -> Reply:
    found = backend.dealing.act(lambda broker, _: broker.view.orders(call.owner.account_id))
    rows = [replies.order(each, backend.shown(each.epic), call.version) for each in found]
    return Reply(body={"workingOrders": rows})


def _create_order(backend: Backend, call: Call) -> Reply:
    given = call.body
    _check_epic(given["epic"])
    order = NewOrder(
        **picked(given, "epic", "expiry", "size", "level"),
        direction=Direction(given["direction"]),
        currency=given["currencyCode"],
        kind=given["type"],
        good_till=_good_till(given),
        # An order that leaves it out is treated as if it were true (REST.md section 6.3).
        force_open=given.get("forceOpen") is not False,
        **_legs(given),
        guaranteed_stop=given["guaranteedStop"],
        deal_reference=given["dealReference"],
    )
    return _dealt(backend, lambda broker, now: broker.create_order(call.owner.account_id, order, now))


def _amend_order(backend: Backend, call: Call) -> Reply:
    given = call.body
    order = AmendOrder(
        deal_id=call.params[0],
        level=given["level"],
        kind=given["type"],
        good_till=_good_till(given),
        **_legs(given),
        guaranteed_stop=bool(given.get("guaranteedStop")),
    )
    return _dealt(backend, lambda broker, now: broker.amend_order(call.owner.account_id, order, now))


def _cancel_order(backend: Backend, call: Call) -> Reply:
    account_id, deal_id = call.owner.account_id, call.params[0]
    return _dealt(
        backend, lambda broker, now: broker.cancel_order(account_id, deal_id, now), unknown=_NO_ORDER_TO_CANCEL
    )


# ---- confirms and recent deals


def _confirm(backend: Backend, call: Call) -> Reply:
    account_id, reference = call.owner.account_id, call.params[0]
    found = backend.dealing.act(lambda broker, now: broker.view.confirm(account_id, reference, now))
    if found is None:
        raise RestRefusal("error.confirms.deal-not-found")
    return Reply(body=replies.confirm(found))


def _repeat_dealing(backend: Backend, call: Call) -> Reply:
    account_id, epic = call.owner.account_id, call.query.get("epic")
    now = backend.clock.now()
    recent = backend.dealing.act(lambda broker, now: broker.view.recent_deals(account_id, now))
    deals = [each for each in recent if epic in (None, "", each.epic)]
    return Reply(body=replies.repeat_dealing(account_id, deals, now))


def _dealt(backend: Backend, action: Callable[[Broker, datetime], str], *, unknown: str = _NO_ORDER) -> Reply:
    try:
        return Reply(body={"dealReference": backend.dealing.act(action)})
    except NoMatch:
        # A text with spaces, exactly like this (REST.md section 8).
        raise RestRefusal("unable to aggregate close positions - no compatible position found") from None
    except UnknownDeal:
        raise RestRefusal(unknown) from None


def _check_epic(epic: str) -> None:
    if epic not in listed():
        raise RestRefusal("error.service.create.otc.position.instrument.invalid")


def _legs(given: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "stop_level": given["stopLevel"],
        "stop_distance": given["stopDistance"],
        "limit_level": given["limitLevel"],
        "limit_distance": given["limitDistance"],
    }


def _good_till(given: Mapping[str, Any]) -> datetime | None:
    """Return when an order lapses, from ``yyyy/MM/dd HH:mm:ss`` UTC or Unix milliseconds (REST.md section 4)."""
    if given["timeInForce"] != "GOOD_TILL_DATE":
        return None
    text = given["goodTillDate"]
    try:
        if "/" in text:
            return datetime.strptime(text, "%Y/%m/%d %H:%M:%S").replace(tzinfo=timezone.utc)
        return _EPOCH + timedelta(milliseconds=int(text[:20]))
    except (ValueError, OverflowError):
        raise RestRefusal("validation.pattern.invalid.request.goodTillDate") from None


HANDLERS: Mapping[str, Handler] = {
    "confirms.get.v1": _confirm,
    "positions.list.v1": _positions,
    "positions.list.v2": _positions,
    "positions.sprint.list.v1": _sprints,
    "positions.sprint.list.v2": _sprints,
    "positions.sprint.create.v1": _open_sprint,
    "positions.get.v1": _position,
    "positions.get.v2": _position,
    "positions.otc.create.v1": _open,
    "positions.otc.create.v2": _open,
    "positions.otc.update.v1": _amend,
    "positions.otc.update.v2": _amend,
    "positions.otc.close.v1": _close,
    "workingorders.list.v1": _orders,
    "workingorders.list.v2": _orders,
    "workingorders.otc.create.v1": _create_order,
    "workingorders.otc.create.v2": _create_order,
    "workingorders.otc.update.v1": _amend_order,
    "workingorders.otc.update.v2": _amend_order,
    "workingorders.otc.delete.v1": _cancel_order,
    "workingorders.otc.delete.v2": _cancel_order,
    "repeat_dealing_window.get.v1": _repeat_dealing,
}
