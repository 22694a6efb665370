"""A broker on a bench: two accounts, the markets of the simulator, and time and prices in the test's hand."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta, timezone
from decimal import Decimal

import pytest

from ig_sdk.simulator.broker import (
    AccountTerms,
    AmendDeal,
    AmendOrder,
    Broker,
    CloseDeal,
    Confirmation,
    MarketTerms,
    NewOrder,
    OpenDeal,
    Position,
)
from ig_sdk.simulator.reference.instruments import instruments
from ig_sdk.types import Direction, Tick

# A Monday, 12:00 in London and in UTC.
START = datetime(2026, 3, 2, 12, tzinfo=timezone.utc)
MINI, BET, JPY = "CS.D.EURUSD.MINI.IP", "CS.D.EURUSD.TODAY.IP", "CS.D.USDJPY.MINI.IP"


def number(value):
    return None if value is None else Decimal(str(value))


class Bench:
    """Deals in few words: numbers may be given as int, float or text.

    The CFD account is in dollars, so that money there needs no conversion; the bet account is in pounds.
    """

    def __init__(self, **options):
        terms = options.pop("cfd", {})
        self.now = START
        self.broker = Broker(
            [
                AccountTerms(**{"account_id": "CFD", "currency": "USD", **terms}),
                AccountTerms(account_id="BET", product="SPREADBET", currency="GBP"),
            ],
            {epic: MarketTerms.of(each) for epic, each in instruments().items()},
            start=START,
            **options,
        )
        self.tick(MINI, 1.16, 1.1601)
        self.tick(BET, 11600.0, 11601.0)
        self.broker.take_events()

    def wait(self, seconds):
        self.now += timedelta(seconds=seconds)

    def tick(self, epic, bid, offer):
        self.broker.on_tick(Tick(epic, bid, offer, self.now, self.now, "simulator"), self.now)

    def verdict(self, reference, account="CFD") -> Confirmation:
        """The confirm, when it is there."""
        confirm = self.broker.view.confirm(account, reference, self.now + timedelta(seconds=1))
        assert confirm is not None
        return confirm

    def open(self, direction="BUY", size=1, *, account="CFD", **more) -> Confirmation:
        return self.verdict(self.send_open(direction, size, account=account, **more), account)

    def send_open(self, direction="BUY", size=1, *, account="CFD", **more) -> str:
        epic = more.pop("epic", MINI if account == "CFD" else BET)
        deal = OpenDeal(
            epic=epic,
            expiry=more.pop("expiry", "-" if account == "CFD" else "DFB"),
            direction=Direction(direction),
            size=number(size),
            currency=more.pop("currency", "USD" if account == "CFD" else "GBP"),
            **_numbers(more),
        )
        return self.broker.open(account, deal, self.now)

    def close(self, deal_id=None, size=1, direction="SELL", *, account="CFD", **more) -> Confirmation:
        deal = CloseDeal(deal_id=deal_id, size=number(size), direction=Direction(direction), **_numbers(more))
        return self.verdict(self.broker.close(account, deal, self.now), account)

    def amend(self, deal_id, *, account="CFD", **more) -> Confirmation:
        return self.verdict(self.broker.amend(account, AmendDeal(deal_id=deal_id, **_numbers(more)), self.now), account)

    def order(self, direction="BUY", size=1, *, level, kind="LIMIT", **more) -> Confirmation:
        wanted = NewOrder(
            epic=more.pop("epic", MINI),
            expiry=more.pop("expiry", "-"),
            direction=Direction(direction),
            size=number(size),
            currency=more.pop("currency", "USD"),
            level=number(level),
            kind=kind,
            **_numbers(more),
        )
        return self.verdict(self.broker.create_order("CFD", wanted, self.now))

    def amend_order(self, deal_id, *, level, kind="LIMIT", **more) -> Confirmation:
        wanted = AmendOrder(deal_id=deal_id, level=number(level), kind=kind, **_numbers(more))
        return self.verdict(self.broker.amend_order("CFD", wanted, self.now))

    def cancel(self, deal_id) -> Confirmation:
        return self.verdict(self.broker.cancel_order("CFD", deal_id, self.now))

    def position(self, deal_id, account="CFD") -> Position:
        position = self.broker.view.position(account, deal_id)
        assert position is not None
        return position

    def terms(self, epic=MINI, **changes):
        """Change a market's terms."""
        self.broker.set_market(dataclasses.replace(MarketTerms.of(instruments()[epic]), **changes))

    def account(self, **changes):
        """Change the CFD account's terms."""
        self.broker.set_account(dataclasses.replace(self.broker.view.account("CFD"), **changes))

    def balance(self, account="CFD"):
        return self.broker.view.figures(account).balance


def _numbers(fields):
    return {
        name: number(value) if name.endswith(("level", "distance", "increment")) else value
        for name, value in fields.items()
    }


@pytest.fixture
def bench() -> Bench:
    """A broker with EURUSD at 1.16000/1.16010 (mini) and 11600.0/11601.0 (bet)."""
    return Bench()


@pytest.fixture
def make_bench():
    """A bench with options of the broker, or with terms of the CFD account (``cfd``)."""
    return Bench
