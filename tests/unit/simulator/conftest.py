"""A simulated IG without sockets, and a caller of its REST API."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from werkzeug.test import Client, TestResponse

from ig_sdk.clock import ManualClock
from ig_sdk.simulator.accounts.allowances import AllowanceBook, Allowances
from ig_sdk.simulator.accounts.dealing_service import DealingService, broker_of
from ig_sdk.simulator.accounts.logins import Sessions
from ig_sdk.simulator.broker import BrokerEvent
from ig_sdk.simulator.prices.past import PastPrices
from ig_sdk.simulator.prices.seeded import Market
from ig_sdk.simulator.reference.instruments import instruments
from ig_sdk.simulator.rest.app import RestApp
from ig_sdk.simulator.rest.backend import Backend
from ig_sdk.types import Tick

# A Monday, busy hours.
START = datetime(2025, 1, 6, 10, tzinfo=timezone.utc)
STREAM = "http://127.0.0.1:8888"


class House:
    """A REST API on a manual clock, its dealing service, and a caller.

    Args:
        allowances: Limits; none unless given.
        options: Options of the backend.
    """

    def __init__(self, allowances: Allowances | None = None, **options: Any) -> None:
        self.clock = ManualClock(START)
        self.sessions = Sessions(self.clock)
        begin = START - timedelta(seconds=20)
        self.market, self.past = Market(7, begin), PastPrices(7, begin)
        for tick in self.market.advance(START):
            self.past.on_tick(tick)
        self.dealing = DealingService(broker_of(self.sessions.accounts, seed=7, start=START), clock=self.clock)
        self.events: list[BrokerEvent] = []
        self.dealing.on_event(self.events.append)
        for epic in instruments():
            self.dealing.on_tick(self.market.quote(epic).tick)
        self.backend = Backend(
            sessions=self.sessions,
            dealing=self.dealing,
            quote=self.market.quote,
            past=self.past,
            book=AllowanceBook(allowances, self.clock),
            clock=self.clock,
            stream_url=STREAM,
            **options,
        )
        self.app = RestApp(self.backend)
        self.client = Client(self.app)
        own = self.sessions.credentials
        self.key = {"X-IG-API-KEY": own.api_key}
        self.login_body = {"identifier": own.identifier, "password": own.password}

    def call(
        self, method: str, path: str, version: int | str | None = None, body: Any = None, **headers: str
    ) -> TestResponse:
        """Send one request; a body that is no text is sent as JSON."""
        sent = dict(headers)
        if version is not None:
            sent["VERSION"] = str(version)
        data = body if body is None or isinstance(body, (str, bytes)) else json.dumps(body)
        return self.client.open("/gateway/deal" + path, method=method, data=data, headers=sent)

    def log_in(self, account_id: str | None = None) -> dict[str, str]:
        """Return the headers of a fresh login, on another account if one is named."""
        reply = self.call("POST", "/session", 2, self.login_body, **self.key)
        assert reply.status_code == 200
        auth = self.key | {name: reply.headers[name] for name in ("CST", "X-SECURITY-TOKEN")}
        if account_id not in (None, reply.json["currentAccountId"]):
            moved = self.call("PUT", "/session", 1, {"accountId": account_id}, **auth)
            auth["X-SECURITY-TOKEN"] = moved.headers["X-SECURITY-TOKEN"]
        return auth

    def log_in_by_oauth(self) -> dict[str, str]:
        """Return the headers of a v3 login."""
        reply = self.call("POST", "/session", 3, self.login_body, **self.key)
        token = reply.json["oauthToken"]["access_token"]
        return self.key | {"Authorization": f"Bearer {token}", "IG-ACCOUNT-ID": reply.json["accountId"]}

    def tick(self, epic: str, move: float = 0.0) -> Tick:
        """Move a market by a fraction of its level and pass the tick to the dealing service."""
        before = self.market.quote(epic).tick
        scale = 10 ** instruments()[epic].decimals
        step = round(before.bid * move * scale) / scale
        tick = Tick(epic, before.bid + step, before.offer + step, self.clock.now(), self.clock.now())
        self.past.on_tick(tick)
        self.dealing.on_tick(tick)
        return tick

    def settle(self) -> None:
        """Let the confirms appear."""
        self.clock.advance(1)


def outcome(reply: TestResponse) -> tuple[int, str]:
    """The status and the code of a refusal, which has nothing else in its body."""
    assert list(reply.json) == ["errorCode"], reply.json
    return reply.status_code, reply.json["errorCode"]


@pytest.fixture
def house() -> House:
    """A REST API with everything behind it."""
    return House()


@pytest.fixture
def new_house() -> type[House]:
    """Makes one with options of its own."""
    return House


@pytest.fixture
def auth(house: House) -> dict[str, str]:
    """Headers of a caller who is logged in."""
    return house.log_in()


@pytest.fixture
def refusal():
    """Reads a refusal: its status and its code."""
    return outcome
