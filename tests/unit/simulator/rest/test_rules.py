"""What IG refuses of a request's body, by which code, and in which order (REST.md section 6.2)."""

from __future__ import annotations

import pytest

EPIC = "CS.D.EURUSD.MINI.IP"
OPEN = {
    "epic": EPIC,
    "expiry": "-",
    "direction": "BUY",
    "size": 1,
    "currencyCode": "USD",
    "orderType": "MARKET",
    "forceOpen": True,
    "guaranteedStop": False,
}
CLOSE = {"dealId": "DIAAAA123456789", "direction": "SELL", "size": 1, "orderType": "MARKET"}
ORDER = {
    "epic": EPIC,
    "expiry": "-",
    "direction": "BUY",
    "size": 1,
    "currencyCode": "USD",
    "guaranteedStop": False,
    "level": 1.01,
    "type": "LIMIT",
    "timeInForce": "GOOD_TILL_CANCELLED",
}
NO_MATCH = "unable to aggregate close positions - no compatible position found"
MUTUAL = "validation.mutual-exclusive-value.request"
NONE = "validation.one-selection-required.request"
MUST_BE = "validation.target-value-conditional-set-value.request"
NEEDED = "validation.not-null-conditional-set-value.request"
NEEDED_BESIDE = "validation.not-null-conditional.request"
FORBIDDEN = "validation.null-conditional-set-value.request"

OPENINGS = {
    "unknown property": ({"force_open": True}, "invalid.request.force_open"),
    "number as text": ({"size": "one"}, "invalid.request.size"),
    "number with blanks": ({"size": "1 000"}, "invalid.request.size"),
    "list for a number": ({"size": [1]}, "invalid.request.size"),
    "flag for a number": ({"size": True}, "invalid.request.size"),
    "number out of reach": ({"size": 1e300}, "invalid.request.size"),
    "number for text": ({"epic": 5}, "invalid.request.epic"),
    "nought for text": ({"epic": 0}, "invalid.request.epic"),
    "nought with decimals for text": ({"currencyCode": 0.0}, "invalid.request.currencyCode"),
    "text for a flag": ({"forceOpen": "yes"}, "invalid.request.forceOpen"),
    "number for a flag": ({"forceOpen": 1}, "invalid.request.forceOpen"),
    "direction in small letters": ({"direction": "buy"}, "invalid.request.direction"),
    "unknown order type": ({"orderType": "STOP"}, "invalid.request.orderType"),
    "no epic": ({"epic": None}, "validation.null-not-allowed.request.epic"),
    "no expiry": ({"expiry": None}, "validation.null-not-allowed.request.expiry"),
    "no force open": ({"forceOpen": None}, "validation.null-not-allowed.request.forceOpen"),
    "no guarantee": ({"guaranteedStop": None}, "validation.null-not-allowed.request.guaranteedStop"),
    "currency": ({"currencyCode": "usd"}, "validation.pattern.invalid.request.currencyCode"),
    "expiry": ({"expiry": "March"}, "validation.pattern.invalid.request.expiry"),
    "epic with a blank": ({"epic": "CS.D EURUSD"}, "validation.pattern.invalid.request.epic"),
    "reference": ({"dealReference": "a b"}, "validation.pattern.invalid.request.dealReference"),
    "long reference": ({"dealReference": "a" * 31}, "validation.pattern.invalid.request.dealReference"),
    "decimals": ({"size": "1.0000000000001"}, "validation.number.too-many-decimal-places.request.size"),
    "small": ({"size": 1e-13}, "validation.number.too-many-decimal-places.request.size"),
    "stop twice": ({"stopLevel": 1, "stopDistance": 5}, MUTUAL),
    "limit twice": ({"limitLevel": 2, "limitDistance": 5}, MUTUAL),
    "stop without force": ({"stopLevel": 1, "forceOpen": False}, MUST_BE),
    "limit without force": ({"limitDistance": 9, "forceOpen": "false"}, MUST_BE),
    "guarantee without stop": ({"guaranteedStop": True}, NONE),
    "guarantee twice": ({"guaranteedStop": True, "stopLevel": 1, "stopDistance": 5}, MUTUAL),
    "market with a level": ({"level": 1.1}, FORBIDDEN),
    "market with a quote": ({"quoteId": "x"}, FORBIDDEN),
    "limit without a level": ({"orderType": "LIMIT"}, NEEDED),
    "limit with a quote": ({"orderType": "LIMIT", "level": 1, "quoteId": "x"}, FORBIDDEN),
    "quote without its id": ({"orderType": "QUOTE", "level": 1}, NEEDED),
    "trailing and guaranteed": (
        {"trailingStop": True, "stopDistance": 9, "trailingStopIncrement": 5, "guaranteedStop": True},
        MUST_BE,
    ),
    "trailing with a level": ({"trailingStop": True, "stopLevel": 1, "trailingStopIncrement": 5}, FORBIDDEN),
    "trailing without a step": ({"trailingStop": True, "stopDistance": 9}, NEEDED),
    "a step without trailing": ({"trailingStop": False, "trailingStopIncrement": 9}, FORBIDDEN),
    "unknown market": ({"epic": "CS.D.NOPE.MINI.IP"}, "error.service.create.otc.position.instrument.invalid"),
}


def nothing_happened(house) -> bool:
    """Whether the desk holds nothing and told nothing."""
    return not house.events and house.dealing.act(
        lambda broker, _: (
            not (broker.view.positions("ABC123") or broker.view.orders("ABC123") or broker.view.activity("ABC123"))
        )
    )


@pytest.mark.parametrize("case", OPENINGS)
def test_openings_that_are_refused(house, auth, refusal, case):
    """Each fault of an opening has its code, and nothing happens."""
    change, code = OPENINGS[case]
    assert refusal(house.call("POST", "/positions/otc", 2, OPEN | change, **auth)) == (400, code)
    assert nothing_happened(house)


def test_the_older_opening_knows_less(house, auth, refusal):
    """v1 knows no trailing stops, and a stop needs no forced opening there."""
    trailing = house.call("POST", "/positions/otc", 1, OPEN | {"trailingStop": False}, **auth)
    assert refusal(trailing) == (400, "invalid.request.trailingStop")
    stop = {"stopDistance": 30, "forceOpen": False}
    assert house.call("POST", "/positions/otc", 1, OPEN | stop, **auth).status_code == 200


@pytest.mark.parametrize(
    "change",
    [
        {"size": "1.5", "forceOpen": "true", "guaranteedStop": "FALSE"},
        {"level": None, "quoteId": None, "stopLevel": None, "trailingStop": None, "trailingStopIncrement": None},
        {"trailingStop": "false", "timeInForce": "EXECUTE_AND_ELIMINATE"},
        {"dealReference": "my-own_reference-of-30-letters"},
        {"size": 1.000000000001},
    ],
)
def test_what_is_taken_of_an_opening(house, auth, change):
    """Numbers and flags as text and nulls of what is optional are as good as anything."""
    reply = house.call("POST", "/positions/otc", 2, OPEN | change, **auth)
    assert reply.status_code == 200, reply.text
    assert reply.json["dealReference"] == change.get("dealReference", reply.json["dealReference"])


def test_the_first_fault_in_order_is_told(house, auth, refusal):
    """JSON, names, types, values, required, patterns, decimals, combinations, epic: each hides those behind it."""
    faults = [
        ("", "validation.null-not-allowed.request"),
        ("{", "invalid request"),
        ({"x": 1}, "invalid.request.x"),
        ({"size": "one"}, "invalid.request.size"),
        ({"direction": None}, "validation.null-not-allowed.request.direction"),
        ({"currencyCode": "?"}, "validation.pattern.invalid.request.currencyCode"),
        ({"size": "1.0000000000001"}, "validation.number.too-many-decimal-places.request.size"),
        ({"level": 1}, FORBIDDEN),
        ({"epic": "CS.D.NOPE.MINI.IP"}, "error.service.create.otc.position.instrument.invalid"),
    ]
    for position, (fault, code) in enumerate(faults):
        body = fault
        if isinstance(fault, dict):
            body = OPEN
            for later, _ in reversed(faults[position:]):
                body = body | later
        assert refusal(house.call("POST", "/positions/otc", 2, body, **auth)) == (400, code)


CLOSINGS = {
    "neither": ({"dealId": None}, NONE),
    "both": ({"epic": EPIC, "expiry": "-"}, MUTUAL),
    "epic without expiry": ({"dealId": None, "epic": EPIC}, NEEDED_BESIDE),
    "market with a level": ({"level": 1}, FORBIDDEN),
    "no size": ({"size": None}, "validation.null-not-allowed.request.size"),
    "gone": ({}, NO_MATCH),
    "no such market": ({"dealId": None, "epic": "CS.D.NOPE.MINI.IP", "expiry": "-"}, NO_MATCH),
}


@pytest.mark.parametrize("case", CLOSINGS)
def test_closings_that_are_refused(house, auth, refusal, case):
    """Each fault of a close has its code, and nothing happens."""
    change, code = CLOSINGS[case]
    reply = house.call("POST", "/positions/otc", 1, CLOSE | change, **auth, _method="DELETE")
    assert refusal(reply) == (400, code)
    assert nothing_happened(house)


def test_a_true_delete_loses_its_body(house, auth, refusal):
    """The gateway drops the body of a DELETE: a close needs ``_method``, and so does v1 of taking an order back."""
    code = (400, "validation.null-not-allowed.request")
    assert refusal(house.call("DELETE", "/positions/otc", 1, CLOSE, **auth)) == code
    assert refusal(house.call("DELETE", "/workingorders/otc/DIAAAAX", 1, {}, **auth)) == code
    # v2 takes no body; that there is no such order is another matter.
    for headers in ({}, {"_method": "DELETE"}):
        method = "POST" if headers else "DELETE"
        gone = house.call(method, "/workingorders/otc/DIAAAAX", 2, **auth, **headers)
        assert refusal(gone) == (404, "error.service.delete.working.order.not.found")


def test_a_close_without_the_override_is_an_opening(house, auth, refusal):
    """The same body without ``_method`` is read as an opening, and fails as one."""
    assert refusal(house.call("POST", "/positions/otc", 1, CLOSE, **auth)) == (400, "invalid.request.dealId")


ORDERS = {
    "no level": ({"level": None}, "validation.null-not-allowed.request.level"),
    "unknown kind": ({"type": "MARKET"}, "invalid.request.type"),
    "no date": ({"timeInForce": "GOOD_TILL_DATE"}, NEEDED),
    "bad date": ({"goodTillDate": "tomorrow"}, "validation.pattern.invalid.request.goodTillDate"),
    "no such date": (
        {"timeInForce": "GOOD_TILL_DATE", "goodTillDate": "2025/02/30 10:00:00"},
        "validation.pattern.invalid.request.goodTillDate",
    ),
    "empty date": (
        {"timeInForce": "GOOD_TILL_DATE", "goodTillDate": ""},
        "validation.pattern.invalid.request.goodTillDate",
    ),
    "a date beyond all": (
        {"timeInForce": "GOOD_TILL_DATE", "goodTillDate": "9" * 18},
        "validation.pattern.invalid.request.goodTillDate",
    ),
    "stop twice": ({"stopLevel": 1, "stopDistance": 3}, MUTUAL),
    "guarantee without distance": ({"guaranteedStop": True, "stopLevel": 1}, NEEDED),
    "unknown market": ({"epic": "CS.D.NOPE.MINI.IP"}, "error.service.create.otc.position.instrument.invalid"),
}


@pytest.mark.parametrize("case", ORDERS)
def test_orders_that_are_refused(house, auth, refusal, case):
    """Each fault of a working order has its code, and nothing happens."""
    change, code = ORDERS[case]
    assert refusal(house.call("POST", "/workingorders/otc", 2, ORDER | change, **auth)) == (400, code)
    assert nothing_happened(house)


@pytest.mark.parametrize("date", ["2025/02/01 10:00:00", "1738404000000", 1738404000000])
def test_an_order_may_lapse(house, auth, date):
    """The date is text or Unix milliseconds, as text or as a number."""
    body = ORDER | {"timeInForce": "GOOD_TILL_DATE", "goodTillDate": date}
    assert house.call("POST", "/workingorders/otc", 2, body, **auth).status_code == 200
    [row] = house.call("GET", "/workingorders", 2, **auth).json["workingOrders"]
    assert row["workingOrderData"]["goodTillDateISO"] == "2025-02-01T10:00"


AMENDMENTS = {
    "trailing without level": (
        {"trailingStop": True, "trailingStopDistance": 9, "trailingStopIncrement": 5},
        (400, NEEDED),
    ),
    "distance without trailing": ({"trailingStop": False, "trailingStopDistance": 9}, (400, FORBIDDEN)),
    "guarantee without level": ({"guaranteedStop": True}, (400, NEEDED)),
    "both": ({"guaranteedStop": True, "trailingStop": True, "stopLevel": 1}, (400, MUST_BE)),
    "a distance": ({"stopDistance": 9}, (400, "invalid.request.stopDistance")),
    "no such deal": ({"stopLevel": 1}, (404, "error.position.notfound")),
}


@pytest.mark.parametrize("case", AMENDMENTS)
def test_amendments_that_are_refused(house, auth, refusal, case):
    """Each fault of an amendment has its code."""
    change, told = AMENDMENTS[case]
    assert refusal(house.call("PUT", "/positions/otc/DIAAAA123456789", 2, change, **auth)) == told


def test_the_older_amendment_takes_nulls_of_the_newer(house, auth, refusal):
    """v1 knows no trailing stops, but clients send them along as null (REST.md section 10)."""
    path = "/positions/otc/DIAAAA123456789"
    nulls = {"stopLevel": 1, "trailingStop": None, "trailingStopDistance": None, "trailingStopIncrement": None}
    assert refusal(house.call("PUT", path, 1, nulls, **auth)) == (404, "error.position.notfound")
    told = refusal(house.call("PUT", path, 1, nulls | {"trailingStop": False}, **auth))
    assert told == (400, "invalid.request.trailingStop")


def test_sprint_markets_are_withdrawn(house, auth, refusal):
    """Nobody holds any; who asks for one is told that they are closed."""
    assert house.call("GET", "/positions/sprintmarkets", 2, **auth).json == {"sprintMarketPositions": []}
    body = {"direction": "BUY", "epic": EPIC, "expiryPeriod": "ONE_MINUTE", "size": 10}
    closed = house.call("POST", "/positions/sprintmarkets", 1, body, **auth)
    assert refusal(closed) == (400, "error.sprintmarket.create-position.market-closed")
    unknown = house.call("POST", "/positions/sprintmarkets", 1, body | {"epic": "CS.D.NOPE.MINI.IP"}, **auth)
    assert refusal(unknown) == (400, "error.service.create.stockbroking.share-order.instrumentdata-invalid")


@pytest.mark.parametrize(
    ("path", "alias"),
    [
        ("/workingorders", "/working-orders"),
        ("/clientsentiment/EURUSD", "/client-sentiment/EURUSD"),
        ("/repeat-dealing-window", "/repeat-deal-window"),
    ],
)
def test_hyphenated_paths_are_the_same(house, auth, path, alias):
    """The paths that the reference prints are served beside those that everybody uses."""
    assert house.call("GET", alias + "/", 1, **auth).json == house.call("GET", path, 1, **auth).json


def test_long_names_are_not_echoed_whole(house, auth):
    """A megabyte of a name does not come back."""
    reply = house.call("POST", "/positions/otc", 2, {"x" * 100_000: 1}, **auth)
    assert reply.status_code == 400
    assert len(reply.data) < 200
