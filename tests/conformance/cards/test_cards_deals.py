"""Cards of dealing; at IG's demo only where that was asked for."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest

card = pytest.mark.card

NOTHING = ("status", "expiry", "level", "size", "stopLevel", "limitLevel", "stopDistance", "limitDistance", "profit")


def rejected(book, answer) -> str:
    """Return the reason of a rejection, whose confirm must have the form of one."""
    confirm = book.confirm(answer, None)
    assert confirm["dealStatus"] == "REJECTED"
    assert {name: confirm[name] for name in NOTHING} == dict.fromkeys(NOTHING)
    assert (confirm["affectedDeals"], confirm["guaranteedStop"], confirm["trailingStop"]) == ([], False, False)
    assert confirm["dealId"].startswith("DIAAAA")
    return str(confirm["reason"])


@card("TC-DEAL-01", source="REST.md sections 6.1.1 to 6.1.3", sure="observed")
def test_open(book):
    """An accepted deal's confirm says ACCEPTED, SUCCESS, OPEN and one affected deal, which is OPENED, its own id."""
    confirm = book.open()
    assert (confirm["dealStatus"], confirm["reason"], confirm["status"]) == ("ACCEPTED", "SUCCESS", "OPEN")
    assert confirm["affectedDeals"] == [{"dealId": confirm["dealId"], "status": "OPENED"}]
    assert confirm["profit"] is None
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,3})?", confirm["date"])


@card("TC-DEAL-02", source="REST.md section 6.1.6", sure="observed")
def test_references(book):
    """A deal reference that IG makes is 15 capitals and digits; a deal id is 15 characters beginning with DIAAAA."""
    confirm = book.open()
    assert re.fullmatch(r"[A-Z0-9]{15}", confirm["dealReference"])
    assert re.fullmatch(r"DIAAAA[A-Z0-9]{9}", confirm["dealId"])


@card("TC-DEAL-03", source="REST.md section 6.1.6", sure="observed")
def test_own_reference(book, own_reference):
    """The caller's deal reference is taken; the same deal under it again is rejected as DUPLICATE_ORDER_ERROR."""
    first = book.post(dealReference=own_reference)
    assert first.data == {"dealReference": own_reference}
    book.confirm(first)
    assert rejected(book, book.post(dealReference=own_reference)) == "DUPLICATE_ORDER_ERROR"


@card("TC-DEAL-04", source="REST.md section 6.1.5", sure="observed")
def test_distances_become_levels(venue, book):
    """Distances of a market order come back as levels, so many points from the fill."""
    confirm = book.open(stopDistance=50, limitDistance=60)
    point = Decimal(1) / Decimal(str(venue.market()["snapshot"]["scalingFactor"]))
    level, stop, limit = (Decimal(str(confirm[name])) for name in ("level", "stopLevel", "limitLevel"))
    assert (level - stop, limit - level) == (50 * point, 60 * point)
    assert (confirm["stopDistance"], confirm["limitDistance"]) == (None, None)


@card("TC-DEAL-05", source="REST.md section 5, version differences", sure="observed")
def test_position(venue, book):
    """A position has the confirm's id, reference, level and size: ``size`` and ``level`` in version 2, ``dealSize`` and ``openLevel`` in 1."""
    confirm = book.open()
    now = book.position(confirm["dealId"])
    names = ("dealId", "dealReference", "level", "size", "direction")
    assert [now[name] for name in names] == [confirm[name] for name in names]
    old = venue.get(f"/positions/{confirm['dealId']}", 1)["position"]
    assert (old["dealSize"], old["openLevel"]) == (confirm["size"], confirm["level"])
    assert re.fullmatch(r"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d:\d{3}", now["createdDate"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", now["createdDateUTC"])


@card("TC-DEAL-06", source="REST.md section 6.1.7", sure="observed")
def test_close(book):
    """A close answers with the position's own reference; its confirm has the opening deal's id, CLOSED, the opposite direction and a profit."""
    opened = book.open()
    answer = book.close(opened["dealId"])
    assert answer.data == {"dealReference": opened["dealReference"]}
    confirm = book.confirm(answer, "CLOSED")
    assert (confirm["dealId"], confirm["direction"]) == (opened["dealId"], "SELL")
    assert confirm["affectedDeals"] == [{"dealId": opened["dealId"], "status": "FULLY_CLOSED"}]
    assert isinstance(confirm["profit"], (int, float))
    assert confirm["profitCurrency"]


@card("TC-DEAL-07", source="REST.md section 6.3, partial close", sure="observed")
def test_partial_close(book):
    """A close of a part leaves the rest under its deal id, level and stop: PARTIALLY_CLOSED."""
    opened = book.open(size=float(book.size * 2), stopDistance=50)
    confirm = book.confirm(book.close(opened["dealId"]), "PARTIALLY_CLOSED")
    assert confirm["affectedDeals"] == [{"dealId": opened["dealId"], "status": "PARTIALLY_CLOSED"}]
    rest = book.position(opened["dealId"])
    assert (rest["size"], rest["level"], rest["stopLevel"]) == (book.size, opened["level"], opened["stopLevel"])


@card("TC-DEAL-08", source="REST.md section 6.2", sure="observed")
def test_close_without_match(book):
    """A close in the position's own direction matches nothing: 400 with IG's sentence as the code, and the position stays."""
    opened = book.open()
    answer = book.close(opened["dealId"], direction="BUY")
    code = "unable to aggregate close positions - no compatible position found"
    assert (answer.status, answer.code) == (400, code)
    assert book.position(opened["dealId"])["size"] == book.size


@card("TC-DEAL-09", source="REST.md section 1", sure="observed")
def test_delete_with_body(venue, book):
    """A real DELETE loses its body at IG's gateway: 400 ``validation.null-not-allowed.request``, and nothing is closed."""
    opened = book.open()
    body = {"dealId": opened["dealId"], "direction": "SELL", "size": float(book.size), "orderType": "MARKET"}
    assert venue.refuses(400, "validation.null-not-allowed.request", "DELETE", "/positions/otc", body=body)
    assert book.position(opened["dealId"])["size"] == book.size


@card("TC-DEAL-10", source="REST.md section 6.2, amend", sure="observed")
def test_amend_removes_what_is_left_out(venue, book):
    """An amendment without the limit removes it, keeps the deal id, and answers with the position's own reference."""
    opened = book.open(stopDistance=50, limitDistance=60)
    body = {"stopLevel": opened["stopLevel"], "guaranteedStop": False, "trailingStop": False}
    answer = venue.ask("PUT", f"/positions/otc/{opened['dealId']}", 2, body=body)
    assert answer.data == {"dealReference": opened["dealReference"]}
    confirm = book.confirm(answer, "AMENDED")
    assert confirm["affectedDeals"] == [{"dealId": opened["dealId"], "status": "AMENDED"}]
    now = book.position(opened["dealId"])
    assert (now["stopLevel"], now["limitLevel"]) == (opened["stopLevel"], None)


@card("TC-DEAL-11", source="REST.md sections 6.1.4 and 6.3, size", sure="observed")
def test_too_small(book):
    """A size below the smallest is no HTTP error but a confirm with an id, nulls and MINIMUM_ORDER_SIZE_ERROR."""
    assert rejected(book, book.post(size=float(book.size / 100))) == "MINIMUM_ORDER_SIZE_ERROR"


@card("TC-DEAL-12", source="REST.md section 6.3, attached stop", sure="observed")
def test_stop_too_close(book):
    """A stop closer than the market allows rejects the whole deal: ATTACHED_ORDER_LEVEL_ERROR."""
    assert rejected(book, book.post(stopDistance=0.1)) == "ATTACHED_ORDER_LEVEL_ERROR"


@card("TC-DEAL-13", source="REST.md section 6.3, fill", sure="observed")
def test_limit_deal_out_of_reach(book):
    """A LIMIT deal to buy far below the market deals now or not at all: LIMIT_ORDER_WRONG_SIDE_OF_MARKET."""
    answer = book.post(orderType="LIMIT", level=round(book.level * 0.9, 4))
    assert rejected(book, answer) == "LIMIT_ORDER_WRONG_SIDE_OF_MARKET"


@card("TC-DEAL-14", source="REST.md section 6.3, currency", sure="observed")
def test_foreign_currency(book):
    """A currency that is none of the market's: CONTACT_SUPPORT_INSTRUMENT_ERROR."""
    assert rejected(book, book.post(currencyCode="XXX")) == "CONTACT_SUPPORT_INSTRUMENT_ERROR"


@card("TC-DEAL-15", source="REST.md section 6.2", sure="observed")
def test_both_of_a_pair(book):
    """Stop level and stop distance together: 400 ``validation.mutual-exclusive-value.request``."""
    answer = book.post(stopDistance=50, stopLevel=round(book.level * 0.9, 4))
    assert (answer.status, answer.code) == (400, "validation.mutual-exclusive-value.request")


@card("TC-DEAL-16", source="REST.md section 6.2", sure="observed")
def test_missing_field(book):
    """A deal without an epic: 400 ``validation.null-not-allowed.request.epic``."""
    answer = book.post(epic=...)
    assert (answer.status, answer.code) == (400, "validation.null-not-allowed.request.epic")


@card("TC-DEAL-17", source="REST.md sections 1 and 6.2", sure="observed")
def test_unknown_field(book):
    """A field that IG does not know: 400 ``invalid.request.`` and its name."""
    answer = book.post(force_open=True)
    assert (answer.status, answer.code) == (400, "invalid.request.force_open")


@card("TC-DEAL-18", source="REST.md section 6.2", sure="observed")
def test_wrong_word(book):
    """A direction that is none: 400 ``invalid.request.direction``."""
    answer = book.post(direction="UP")
    assert (answer.status, answer.code) == (400, "invalid.request.direction")


@card("TC-DEAL-19", source="REST.md section 6.2", sure="observed")
def test_stop_while_netting(book):
    """A stop without ``forceOpen``: 400 ``validation.target-value-conditional-set-value.request``."""
    answer = book.post(forceOpen=False, stopDistance=50)
    assert (answer.status, answer.code) == (400, "validation.target-value-conditional-set-value.request")


@card("TC-DEAL-20", source="REST.md section 6.2", sure="observed")
def test_unknown_market(book):
    """A deal in a market that IG does not know: 400 ``error.service.create.otc.position.instrument.invalid``."""
    answer = book.post(epic="CS.D.NOSUCH.CFD.IP")
    assert (answer.status, answer.code) == (400, "error.service.create.otc.position.instrument.invalid")


@card("TC-DEAL-21", source="REST.md section 1", sure="observed")
def test_numbers_as_text(book):
    """Numbers and booleans are taken as text, too, and optional nulls are accepted."""
    confirm = book.open(size=str(book.size), forceOpen="true", guaranteedStop="false", limitLevel=None)
    assert confirm["size"] == book.size


@card("TC-DEAL-22", source="REST.md section 6.3, forceOpen", sure="documented; reports differ")
def test_netting(book):
    """A deal without ``forceOpen`` closes the opposite position of its size instead of opening another."""
    opened = book.open()
    confirm = book.confirm(book.post(direction="SELL", forceOpen=False), "CLOSED")
    assert {"dealId": opened["dealId"], "status": "FULLY_CLOSED"} in confirm["affectedDeals"]


@card("TC-DEAL-23", source="REST.md sections 6.1.7 and 6.5", sure="observed")
def test_activity(venue, book):
    """Activity shows a close under an id of its own, channel PUBLIC_WEB_API, with the opening deal as the affected one."""
    opened = book.open()
    book.confirm(book.close(opened["dealId"]), "CLOSED")
    query = {"from": opened["date"][:10] + "T00:00:00", "detailed": "true"}

    def look() -> list[dict]:
        listed = venue.get("/history/activity", 3, **query)["activities"]
        return [row for row in listed if _closes(row, opened["dealId"])]

    (row,) = venue.until(look)
    assert (row["channel"], row["type"], row["status"]) == ("PUBLIC_WEB_API", "POSITION", "ACCEPTED")
    assert row["dealId"] != opened["dealId"]
    assert row["details"]["dealReference"] == opened["dealReference"]


def _closes(row: dict, deal_id: str) -> bool:
    actions = (row["details"] or {}).get("actions", [])
    return {"actionType": "POSITION_CLOSED", "affectedDealId": deal_id} in actions


@card("TC-ORD-01", source="REST.md sections 5 and 6.1.5", sure="observed")
def test_order(venue, book):
    """A working order's confirm keeps its distances; it is listed with ``orderSize`` in version 2, ``size`` and ``goodTill`` in 1."""
    confirm = book.order(stopDistance=50, limitDistance=60)
    assert (confirm["stopDistance"], confirm["limitDistance"], confirm["stopLevel"]) == (50, 60, None)
    now, old = (_listed(venue, version, confirm["dealId"]) for version in (2, 1))
    assert (now["orderSize"], now["orderLevel"], now["orderType"]) == (book.size, confirm["level"], "LIMIT")
    assert now["timeInForce"] == "GOOD_TILL_CANCELLED"
    assert (old["size"], old["level"], old["goodTill"]) == (book.size, confirm["level"], "GTC")


def _listed(venue, version: int, deal_id: str) -> dict:
    listed = [each["workingOrderData"] for each in venue.get("/workingorders", version)["workingOrders"]]
    (order,) = [each for each in listed if each["dealId"] == deal_id]
    return order


@card("TC-ORD-02", source="REST.md section 6.1.3", sure="observed")
def test_amend_and_cancel_order(venue, book):
    """An amended order has its new level; a cancelled one is DELETED and listed no more."""
    order = book.order()
    path = f"/workingorders/otc/{order['dealId']}"
    level = round(order["level"] * 0.99, 4)
    body = {"type": "LIMIT", "level": level, "timeInForce": "GOOD_TILL_CANCELLED"}
    book.confirm(venue.ask("PUT", path, 2, body=body), "AMENDED")
    assert _listed(venue, 2, order["dealId"])["orderLevel"] == level
    confirm = book.confirm(venue.ask("DELETE", path, 2), "DELETED")
    assert confirm["affectedDeals"] == [{"dealId": order["dealId"], "status": "DELETED"}]
    left = venue.get("/workingorders", 2)["workingOrders"]
    assert order["dealId"] not in {each["workingOrderData"]["dealId"] for each in left}


@card("TC-ORD-03", source="REST.md section 6.3, working orders", sure="observed")
def test_order_on_the_wrong_side(book):
    """A LIMIT order to buy above the market is rejected: ATTACHED_ORDER_LEVEL_ERROR."""
    assert rejected(book, book.post_order(level=round(book.level * 1.1, 4))) == "ATTACHED_ORDER_LEVEL_ERROR"


@card("TC-ORD-04", source="REST.md section 6.3, working orders", sure="documented")
def test_order_until_yesterday(book):
    """An order good till a date in the past is rejected: GOOD_TILL_DATE_IN_THE_PAST."""
    answer = book.post_order(timeInForce="GOOD_TILL_DATE", goodTillDate="2020/01/01 00:00:00")
    assert rejected(book, answer) == "GOOD_TILL_DATE_IN_THE_PAST"
