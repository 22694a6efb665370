"""Dealing over the REST API: what is opened can be seen, amended, closed and found again."""

from __future__ import annotations

import re
from typing import Any

import pytest

EPIC = "CS.D.EURUSD.MINI.IP"
OPEN = {
    "epic": EPIC,
    "expiry": "-",
    "direction": "BUY",
    "size": 2,
    "currencyCode": "USD",
    "orderType": "MARKET",
    "forceOpen": True,
    "guaranteedStop": False,
}
CLOSE = {"direction": "SELL", "orderType": "MARKET"}
ORDER = {name: value for name, value in OPEN.items() if name not in ("orderType", "forceOpen")} | {
    "level": 1.0,
    "type": "LIMIT",
    "timeInForce": "GOOD_TILL_CANCELLED",
}


class Trader:
    """Deals and waits for the confirm."""

    def __init__(self, house: Any) -> None:
        self.house = house
        self.auth = house.log_in()

    def get(self, path: str, version: int = 2) -> Any:
        """Read something."""
        reply = self.house.call("GET", path, version, **self.auth)
        assert reply.status_code == 200, reply.text
        return reply.json

    def deal(self, method: str, path: str, body: Any, *, version: int = 2) -> dict[str, Any]:
        """Send a deal and return its confirm."""
        headers = self.auth
        if method == "DELETE":
            method, headers = "POST", headers | {"_method": "DELETE"}
        reply = self.house.call(method, path, version, body, **headers)
        assert reply.status_code == 200, reply.text
        self.house.settle()
        confirm: dict[str, Any] = self.get(f"/confirms/{reply.json['dealReference']}", 1)
        return confirm

    def open(self, **more: Any) -> dict[str, Any]:
        """Open a position."""
        return self.deal("POST", "/positions/otc", OPEN | more)

    def close(self, **more: Any) -> dict[str, Any]:
        """Close one."""
        return self.deal("DELETE", "/positions/otc", CLOSE | more, version=1)


@pytest.fixture
def trader(house) -> Trader:
    return Trader(house)


def test_a_position_from_opening_to_closing(house, trader):
    """The opening's confirm, the list, a part closed, the rest closed: ids, references and sizes agree."""
    opened = trader.open(dealReference="MINE-1")
    assert (opened["status"], opened["dealReference"], opened["size"]) == ("OPEN", "MINE-1", 2)
    assert opened["level"] == house.market.quote(EPIC).tick.offer
    assert opened["affectedDeals"] == [{"dealId": opened["dealId"], "status": "OPENED"}]
    [row] = trader.get("/positions")["positions"]
    assert (row["position"]["dealId"], row["position"]["size"]) == (opened["dealId"], 2)
    assert row["market"]["bid"] == house.market.quote(EPIC).tick.bid
    part = trader.close(dealId=opened["dealId"], size=0.5)
    assert (part["status"], part["dealReference"]) == ("PARTIALLY_CLOSED", "MINE-1")
    one = trader.get(f"/positions/{opened['dealId']}", 1)
    assert (one["position"]["dealSize"], one["position"]["openLevel"]) == (1.5, opened["level"])
    rest = trader.close(epic=EPIC, expiry="-", size=1.5)
    assert (rest["status"], rest["dealId"]) == ("CLOSED", opened["dealId"])
    assert rest["profit"] < 0
    assert trader.get("/positions") == {"positions": []}
    assert house.call("GET", f"/positions/{opened['dealId']}", 2, **trader.auth).status_code == 404


def test_the_balance_is_the_brokers(trader):
    """Margin is held while a position is open; its loss is in the balance afterwards, in lists and logins alike."""

    def figures() -> dict[str, float]:
        balance: dict[str, float] = trader.get("/accounts", 1)["accounts"][0]["balance"]
        return balance

    assert figures() == {"balance": 10_000, "deposit": 0, "profitLoss": 0, "available": 10_000}
    opened = trader.open()
    held = figures()
    assert held["deposit"] > 0 > held["profitLoss"]
    assert held["available"] == pytest.approx(held["balance"] + held["profitLoss"] - held["deposit"])
    closed = trader.close(dealId=opened["dealId"], size=2)
    assert figures()["balance"] == pytest.approx(10_000 + closed["profit"])
    login = trader.house.call("POST", "/session", 2, trader.house.login_body, **trader.house.key).json
    assert login["accountInfo"] == figures()


def test_a_rejected_deal_is_no_http_error(trader):
    """What the engine refuses is answered by a reference; its confirm says why and nothing else."""
    confirm = trader.open(size=0.001)
    assert (confirm["dealStatus"], confirm["reason"]) == ("REJECTED", "MINIMUM_ORDER_SIZE_ERROR")
    assert (confirm["status"], confirm["level"], confirm["size"], confirm["affectedDeals"]) == (None, None, None, [])
    assert confirm["dealId"]
    wrong_product = trader.open(epic="CS.D.EURUSD.TODAY.IP", expiry="DFB", currencyCode="GBP")
    assert wrong_product["reason"] == "REJECT_SPREADBET_ORDER_ON_CFD_ACCOUNT"


def test_a_confirm_is_not_there_at_once_nor_for_ever(house, trader, refusal):
    """404 before the engine has decided, 404 after a minute."""
    reference = house.call("POST", "/positions/otc", 2, OPEN, **trader.auth).json["dealReference"]

    def status() -> int:
        reply = house.call("GET", f"/confirms/{reference}", 1, **trader.auth)
        return reply.status_code if reply.status_code == 200 else refusal(reply)

    assert status() == (404, "error.confirms.deal-not-found")
    house.settle()
    assert status() == 200
    house.clock.advance(120)
    assert status() == (404, "error.confirms.deal-not-found")


def test_stops_are_amended_and_reached(house, trader):
    """Distances become levels, an amendment without a leg removes it, and a stop that is reached closes."""
    opened = trader.open(stopDistance="30", limitDistance=60)
    assert opened["stopLevel"] == pytest.approx(opened["level"] - 0.0030)
    path = f"/positions/otc/{opened['dealId']}"
    amended = trader.deal("PUT", path, {"stopLevel": opened["level"] - 0.0020})
    assert amended["status"] == "AMENDED"
    position = trader.get(f"/positions/{opened['dealId']}")["position"]
    assert (position["stopLevel"], position["limitLevel"]) == (pytest.approx(opened["level"] - 0.0020), None)
    house.tick(EPIC, -0.01)
    assert trader.get("/positions") == {"positions": []}
    newest = trader.get("/history/activity?from=2025-01-01T00:00:00&detailed=true", 3)["activities"][0]
    assert (newest["channel"], newest["details"]["actions"][0]["actionType"]) == ("SYSTEM", "POSITION_CLOSED")


def test_an_order_from_placing_to_position(house, trader):
    """An order is listed, amended and filled; the position keeps its ids."""
    level = round(house.market.quote(EPIC).tick.offer - 0.0100, 5)
    placed = trader.deal("POST", "/workingorders/otc", ORDER | {"level": level, "stopDistance": 30})
    [row] = trader.get("/working-orders/")["workingOrders"]
    order = row["workingOrderData"]
    assert (order["dealId"], order["orderLevel"], order["stopDistance"]) == (placed["dealId"], level, 30)
    old = trader.get("/workingorders", 1)["workingOrders"][0]["workingOrderData"]
    assert (old["requestType"], old["contingentStop"], old["goodTill"]) == ("LIMIT_ORDER", 30, "GTC")
    change = {"level": level + 0.0050, "type": "LIMIT", "timeInForce": "GOOD_TILL_CANCELLED"}
    trader.deal("PUT", f"/workingorders/otc/{placed['dealId']}", change)
    house.tick(EPIC, -0.006)
    assert trader.get("/workingorders") == {"workingOrders": []}
    [row] = trader.get("/positions")["positions"]
    assert (row["position"]["dealId"], row["position"]["dealReference"]) == (placed["dealId"], placed["dealReference"])


def test_an_order_is_taken_back(trader):
    """By a POST with a body (v1) and by a plain DELETE (v2)."""
    first, second = (trader.deal("POST", "/workingorders/otc", ORDER) for _ in range(2))
    assert trader.deal("DELETE", f"/workingorders/otc/{first['dealId']}", {}, version=1)["status"] == "DELETED"
    assert trader.house.call("DELETE", f"/workingorders/otc/{second['dealId']}", 2, **trader.auth).status_code == 200
    assert trader.get("/workingorders") == {"workingOrders": []}


def test_the_repeat_dealing_window(house, trader):
    """What was dealt a moment ago counts, by market, currency and side, and lapses."""
    trader.open()
    window = trader.get("/repeat-dealing-window", 1)
    [entry] = window["repeatDealingEntryList"]
    [currency] = entry["currencyList"]
    assert (window["accountId"], entry["instrumentValue"], currency["currency"]) == ("ABC123", EPIC, "USD")
    assert [each["size"] for each in currency["buy"]] == [2]
    assert currency["sell"] == []
    assert trader.get("/repeat-dealing-window?epic=CS.D.USDJPY.MINI.IP", 1)["repeatDealingEntryList"] == []
    house.clock.advance(60)
    assert trader.get("/repeat-dealing-window", 1)["repeatDealingEntryList"] == []


def test_a_closed_market_says_so_everywhere(house, trader):
    """The status is in details, lists and positions, and the engine keeps to it."""
    opened = trader.open()
    house.dealing.set_status(EPIC, "EDITS_ONLY")
    assert trader.get(f"/markets/{EPIC}", 3)["snapshot"]["marketStatus"] == "EDITS_ONLY"
    assert trader.get(f"/positions/{opened['dealId']}")["market"]["marketStatus"] == "EDITS_ONLY"
    assert trader.open()["reason"] == "MARKET_CLOSED_WITH_EDITS"


def test_trailing_stops_can_be_switched_off(house, trader):
    """The preference is the account's: the engine refuses trailing stops, and a login says so."""
    assert trader.get("/accounts/preferences", 1) == {"trailingStopsEnabled": True}
    trailing = {"trailingStop": True, "stopDistance": 30, "trailingStopIncrement": 10}
    assert trader.open(**trailing)["dealStatus"] == "ACCEPTED"
    body = {"trailingStopsEnabled": "false"}
    assert house.call("PUT", "/accounts/preferences", 1, body, **trader.auth).json == {"status": "SUCCESS"}
    assert trader.get("/accounts/preferences", 1) == {"trailingStopsEnabled": False}
    assert trader.open(**trailing)["reason"] == "TRAILING_STOP_NOT_ALLOWED"
    login = house.call("POST", "/session", 2, house.login_body, **house.key)
    assert login.json["trailingStopsEnabled"] is False


def test_accounts_do_not_see_each_other(house, trader):
    """Positions and confirms belong to one account."""
    opened = trader.open()
    other = house.log_in("XYZ987")
    assert house.call("GET", "/positions", 2, **other).json == {"positions": []}
    for path in (f"/positions/{opened['dealId']}", f"/confirms/{opened['dealReference']}"):
        assert house.call("GET", path, 1, **other).status_code == 404


@pytest.mark.parametrize(("distance", "status"), [(200, "ACCEPTED"), (100, "REJECTED")])
def test_a_guaranteed_stop_by_its_distance_on_a_bet(house, distance, status):
    """A guaranteed stop 200 points away is taken on a GBP/USD order, as on IG's demo; nearer than the market's own is not."""
    trader = Trader(house)
    trader.auth = house.log_in("XYZ987")
    epic = "CS.D.GBPUSD.TODAY.IP"
    offer = house.market.quote(epic).tick.offer
    order = ORDER | {"epic": epic, "expiry": "DFB", "currencyCode": "GBP", "level": round(offer * 0.9, 1)}
    confirm = trader.deal("POST", "/workingorders/otc", order | {"guaranteedStop": True, "stopDistance": distance})
    assert confirm["dealStatus"] == status
    assert confirm["guaranteedStop"] is (status == "ACCEPTED")


def test_the_market_of_a_first_version_order_has_a_date(house):
    """Version 1 of working orders shows the market's time with its date; version 2, and positions, without."""
    trader = Trader(house)
    trader.deal("POST", "/workingorders/otc", ORDER)
    trader.open()
    (first,), (second,) = (trader.get("/workingorders", version)["workingOrders"] for version in (1, 2))
    assert re.fullmatch(r"2025/01/06 \d\d:\d\d:\d\d:\d{3}", first["marketData"]["updateTime"])
    assert re.fullmatch(r"\d\d:\d\d:\d\d", second["marketData"]["updateTime"])
    for version in (1, 2):
        (held,) = trader.get("/positions", version)["positions"]
        assert re.fullmatch(r"\d\d:\d\d:\d\d", held["market"]["updateTime"])
