"""Dealing with a whole simulator over real sockets, by a client that knows nothing of ig_sdk."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any

import pytest
import requests

from ig_sdk.clock import ManualClock
from ig_sdk.simulator import Simulator
from ig_sdk.simulator.broker import ConfirmEvent

EPIC = "CS.D.EURUSD.MINI.IP"
OPEN = {
    "epic": EPIC,
    "expiry": "-",
    "direction": "BUY",
    "size": "1",
    "currencyCode": "USD",
    "orderType": "MARKET",
    "forceOpen": "true",
    "guaranteedStop": "false",
}
TIMEOUT_S = 20.0


class OtherClient:
    """A REST client as another author would write it: one session of requests."""

    def __init__(self, sim: Simulator) -> None:
        self.url = sim.rest_url
        self.http = requests.Session()
        own = sim.credentials
        self.http.headers["X-IG-API-KEY"] = own.api_key
        reply = self.send("POST", "/session", 2, {"identifier": own.identifier, "password": own.password})
        self.http.headers.update({name: reply.headers[name] for name in ("CST", "X-SECURITY-TOKEN")})

    def send(self, method: str, path: str, version: int, body: Any = None, **headers: str) -> requests.Response:
        """Send one request and return the reply."""
        sent = {"VERSION": str(version), **headers}
        return self.http.request(method, self.url + path, json=body, headers=sent, timeout=TIMEOUT_S)

    def get(self, path: str, version: int = 2) -> Any:
        """Read something."""
        reply = self.send("GET", path, version)
        assert reply.status_code == 200, reply.text
        return reply.json()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime(2025, 1, 6, 10, tzinfo=timezone.utc))


@pytest.fixture
def sim(clock) -> Iterator[Simulator]:
    with Simulator(clock=clock, allowances=None) as simulator:
        yield simulator


@pytest.fixture
def other_client(sim) -> Iterator[OtherClient]:
    client = OtherClient(sim)
    yield client
    client.http.close()


def test_a_deal_on_the_wire(clock, other_client):
    """Opened, confirmed, seen, closed by a POST with ``_method``: all over one connection that stays open."""
    reference = other_client.send("POST", "/positions/otc/", 2, OPEN).json()["dealReference"]
    assert other_client.send("GET", f"/confirms/{reference}", 1).status_code == 404
    clock.advance(0.1)
    confirm = other_client.get(f"/confirms/{reference}", 1)
    assert confirm["dealStatus"] == "ACCEPTED"
    body = {"dealId": confirm["dealId"], "direction": "SELL", "size": 1, "orderType": "MARKET", "epic": None}
    lost = other_client.send("DELETE", "/positions/otc", 1, body)
    assert lost.json() == {"errorCode": "validation.null-not-allowed.request"}
    assert len(other_client.get("/positions")["positions"]) == 1
    assert other_client.send("POST", "/positions/otc", 1, body, _method="DELETE").json() == {"dealReference": reference}
    assert other_client.get("/positions") == {"positions": []}


def test_many_deal_at_once(sim):
    """Eight clients open and close at the same time: nothing is lost or done twice, and the money adds up."""
    events: list[Any] = []
    sim.desk.on_event(events.append)

    def trade() -> None:
        client = OtherClient(sim)
        for _ in range(5):
            reference = client.send("POST", "/positions/otc", 2, OPEN).json()["dealReference"]
            own = [row["position"] for row in client.get("/positions")["positions"]]
            [position] = [row for row in own if row["dealReference"] == reference]
            body = {"dealId": position["dealId"], "direction": "SELL", "size": 1, "orderType": "MARKET"}
            assert client.send("POST", "/positions/otc", 1, body, _method="DELETE").status_code == 200
        client.http.close()

    threads = [threading.Thread(target=trade, name=f"trader-{number}") for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(TIMEOUT_S)
    client = OtherClient(sim)
    assert client.get("/positions") == {"positions": []}
    rows = client.get("/history/transactions?pageSize=0&type=ALL_DEAL&maxSpanSeconds=60")["transactions"]
    assert len(rows) == 40
    made = sum(Decimal(row["profitAndLoss"].removeprefix("£")) for row in rows)
    account = next(row for row in client.get("/accounts", 1)["accounts"] if row["preferred"])
    assert Decimal(str(account["balance"]["balance"])) == 10_000 + made
    assert account["balance"]["deposit"] == 0
    confirms = [event for event in events if isinstance(event, ConfirmEvent)]
    assert [event.confirm.status for event in confirms].count("CLOSED") == 40
    assert len(confirms) == 80
    client.http.close()


def test_a_login_sees_what_the_desk_holds(sim, other_client):
    """Two logins on one account share it; the other account is another matter."""
    other_client.send("POST", "/positions/otc", 2, OPEN)
    other = OtherClient(sim)
    assert len(other.get("/positions")["positions"]) == 1
    moved = other.send("PUT", "/session", 1, {"accountId": "XYZ987"})
    other.http.headers["X-SECURITY-TOKEN"] = moved.headers["X-SECURITY-TOKEN"]
    assert other.get("/positions") == {"positions": []}
    other.http.close()
