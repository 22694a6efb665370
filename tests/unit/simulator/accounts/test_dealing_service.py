"""The dealing service: one caller at a time, and events in order."""

from __future__ import annotations

import threading
from decimal import Decimal

from ig_sdk.simulator.broker import ConfirmEvent, OpenDeal, PositionEvent
from ig_sdk.types import Direction

EPIC = "CS.D.EURUSD.MINI.IP"
DEAL = OpenDeal(epic=EPIC, expiry="-", direction=Direction.BUY, size=Decimal(1), currency="USD")


def buy(house) -> str:
    """Open a position and return its reference."""
    return house.dealing.act(lambda broker, now: broker.open("ABC123", DEAL, now))


def references(house) -> list[str]:
    return [event.confirm.deal_reference for event in house.events if isinstance(event, ConfirmEvent)]


def test_events_come_as_they_happened(house):
    """A deal is reported by its confirm, then by its position."""
    reference = buy(house)
    kinds = [type(event) for event in house.events]
    assert kinds.index(ConfirmEvent) < kinds.index(PositionEvent)
    assert references(house) == [reference]


def test_a_price_makes_events_too(house):
    """The thread that brings a tick delivers the events that it causes."""
    deal = OpenDeal(
        epic=EPIC,
        expiry="-",
        direction=Direction.BUY,
        size=Decimal(1),
        currency="USD",
        stop_distance=Decimal(20),
    )
    house.dealing.act(lambda broker, now: broker.open("ABC123", deal, now))
    house.events.clear()
    house.tick(EPIC, -0.01)
    assert [event.status for event in house.events if isinstance(event, PositionEvent)] == ["DELETED"]


def test_a_listener_may_deal(house):
    """A callback that deals does not deadlock, and the events that it causes come after the one it was given."""
    deals = iter(range(2))

    def on_event(event):
        if isinstance(event, ConfirmEvent) and next(deals, None) is not None:
            buy(house)

    house.dealing.on_event(on_event)
    first = buy(house)
    reported = references(house)
    assert reported[0] == first
    assert len(reported) == len(set(reported)) == 3


def test_a_failing_listener_stops_nobody(house, caplog):
    """Its error is logged; the other callbacks are called, and the dealing goes on."""

    def broken(event):
        raise RuntimeError(event)

    house.dealing.on_event(broken)
    after: list[object] = []
    house.dealing.on_event(after.append)
    buy(house)
    assert after == house.events
    assert "a callback for dealing events failed" in caplog.text


def test_many_threads_one_order(house):
    """From many threads at once: each deal is reported once, in the order in which the broker took them."""
    taken: list[str] = []

    def deal() -> None:
        for _ in range(20):
            house.dealing.act(lambda broker, now: taken.append(broker.open("ABC123", DEAL, now)))

    threads = [threading.Thread(target=deal, name=f"trader-{number}") for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert references(house) == taken
    assert len(set(taken)) == 80


def test_time_passes_before_anything_is_done(house):
    """An order that has lapsed is gone at the next request, without any tick."""
    from_now = {"level": 1.0, "type": "LIMIT", "timeInForce": "GOOD_TILL_DATE", "goodTillDate": "2025/01/06 11:00:00"}
    body = {"epic": EPIC, "expiry": "-", "direction": "BUY", "size": 1, "currencyCode": "USD", "guaranteedStop": False}
    auth = house.log_in()
    assert house.call("POST", "/workingorders/otc", 2, body | from_now, **auth).status_code == 200
    assert len(house.call("GET", "/workingorders", 2, **auth).json["workingOrders"]) == 1
    house.clock.advance(2 * 3600)
    assert house.call("GET", "/workingorders", 2, **auth).json["workingOrders"] == []
