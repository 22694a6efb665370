"""Indicative costs and charges over the REST API."""

from __future__ import annotations

import pytest

EPIC = "CS.D.EURUSD.MINI.IP"

COSTS = {"epic": EPIC, "bid": 1.1, "ask": 1.1006, "dealCurrencyCode": "USD", "dealReference": "x", "size": 2}


def test_costs_of_opening(call):
    """Half of the spread is paid on each way; the notional is size, contract and price."""
    body = call("POST", "/indicativecostsandcharges/open", COSTS).json
    assert (body["openingSpread"], body["closingSpread"]) == (6, 6)
    assert body["notionalValue"] == pytest.approx(2 * 10_000 * 1.1003)
    assert body["currencyCodeISO"] == "USD"


def test_costs_of_what_is_edited(call):
    """Each leg that is named has its costs."""
    body = call("POST", "/indicativecostsandcharges/edit", COSTS | {"openingLevel": 1, "stopLevel": 0.9}).json
    assert body["limit"] is None
    assert body["stop"]["closingSpread"] == 6


def test_the_document_of_a_quote(house, call, refusal):
    """It is a PDF whose table of contents points at its objects; another account does not get it."""
    quote = call("POST", "/indicativecostsandcharges/open", COSTS | {"direction": "BUY"}).json
    path = f"/indicativecostsandcharges/durablemedium/{quote['indicativeQuoteReference']}"
    document = call("GET", path)
    assert document.content_type == "application/pdf"
    assert document.data.startswith(b"%PDF-1.4\n")
    table = document.data[int(document.data.split()[-2]) :].split(b"\n")
    assert table[0] == b"xref"
    for number, row in enumerate(table[3 : 2 + int(table[1].split()[1])], 1):
        assert document.data[int(row[:10]) :].startswith(f"{number} 0 obj\n".encode())
    missing = (404, "public-api.costs-and-charges.indicative-quote-reference-not-found")
    assert refusal(house.call("GET", path, 1, **house.log_in("XYZ987"))) == missing


def test_the_history_of_quotes(house, call, refusal):
    """Newest first, in pages, of a span and a kind."""
    call("POST", "/indicativecostsandcharges/open", COSTS)
    house.clock.advance(3600)
    call("POST", "/indicativecostsandcharges/close", COSTS | {"openingLevel": 1})
    path = "/indicativecostsandcharges/history/from/{}/to/{}"
    day = path.format("2025-01-06T00:00:00.000Z", "2025-01-07T00:00:00.000%2B01:00")
    body = call("GET", day).json
    assert [row["type"] for row in body["costsAndChargesHistory"]] == ["CLOSE", "OPEN"]
    assert body["pagination"] == {"pageNumber": 1, "pageSize": 20, "totalElements": 2, "totalPages": 1}
    assert call("GET", f"{day}?pageSize=1&pageNumber=2").json["costsAndChargesHistory"][0]["type"] == "OPEN"
    assert call("GET", f"{day}?type=OPEN").json["pagination"]["totalElements"] == 1
    early = path.format("2025-01-06T00:00:00.000Z", "2025-01-06T10:30:00.000Z")
    assert call("GET", early).json["pagination"]["totalElements"] == 1
    fault = (400, "public-api.costs-and-charges.client-error")
    assert refusal(call("GET", path.format("today", "tomorrow"))) == fault
    assert refusal(call("POST", "/indicativecostsandcharges/open", COSTS | {"epic": "X"})) == fault
