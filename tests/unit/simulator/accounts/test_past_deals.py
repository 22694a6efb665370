"""The seeded history of accounts, from before the simulator was started."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from decimal import Decimal

import pytest

from ig_sdk.clock import ManualClock
from ig_sdk.simulator.accounts.dealing_service import DealingService
from ig_sdk.simulator.accounts.past_deals import DAYS, AccountHistory, SeededHistory, make_history
from ig_sdk.simulator.broker import AccountTerms, Broker, MarketTerms
from ig_sdk.simulator.prices.past import PastPrices, candle_of
from ig_sdk.simulator.reference.instruments import instruments

START = datetime(2025, 11, 19, 12, 10, 33, tzinfo=timezone.utc)
ACCOUNTS = (
    AccountTerms(account_id="ABC123", product="CFD"),
    AccountTerms(account_id="XYZ987", product="SPREADBET", balance=Decimal("2500.5")),
)


@pytest.fixture(scope="module")
def past() -> PastPrices:
    return PastPrices(7, START)


@pytest.fixture(scope="module")
def made(past) -> dict[str, AccountHistory]:
    return make_history(ACCOUNTS, past, seed=7, start=START)


@pytest.mark.parametrize("account", ACCOUNTS, ids=lambda account: account.product)
def test_the_money_adds_up(account, made):
    """All transactions from the first deposit on add up to the balance, to the last digit."""
    rows = made[account.account_id].transactions
    assert sum((row.profit for row in rows), Decimal(0)) == account.balance
    assert rows[-1].type == "DEPO"
    assert rows[-1].cash


@pytest.mark.parametrize("account", ACCOUNTS, ids=lambda account: account.product)
def test_there_is_enough_to_read(account, made):
    """Months of deals: opened, closed by hand and by stops or limits, amended; all of it over before the start."""
    history = made[account.account_id]
    assert len(history.activity) > 20
    assert len(history.transactions) > 12
    times = [row.at for row in history.activity]
    assert times == sorted(times, reverse=True)
    assert times[0] < START
    assert times[-1] > START - timedelta(days=DAYS + 1)
    assert {"POSITION", "EDIT_STOP_AND_LIMIT", "WORKING_ORDER"} <= {row.type for row in history.activity}
    assert {"PUBLIC_WEB_API", "SYSTEM"} <= {row.channel for row in history.activity}
    assert {row.status for row in history.activity} == {"ACCEPTED"}
    assert len({row.activity_id for row in history.activity}) == len(history.activity)


@pytest.mark.parametrize("account", ACCOUNTS, ids=lambda account: account.product)
def test_activity_and_transactions_agree(account, made):
    """Every trade has the activities of its close and, with the same level, of its opening; nothing stays open."""
    history = made[account.account_id]
    trades = [row for row in history.transactions if row.type == "TRADE"]
    closes = [row for row in history.activity if any(kind.endswith("CLOSED") for kind, _ in row.actions)]
    assert [(row.at, row.level) for row in closes] == [(trade.at, trade.close_level) for trade in trades]
    opened = {row.deal_id: row for row in history.activity if row.actions[0][0] == "POSITION_OPENED"}
    left = {deal_id: row.size for deal_id, row in opened.items()}
    for close, trade in zip(closes, trades, strict=True):
        opening = opened[close.actions[0][1]]
        assert (opening.at, opening.level) == (trade.opened_at, trade.open_level)
        assert abs(trade.size) == close.size
        left[opening.deal_id] -= close.size
    assert set(left.values()) == {Decimal(0)}


@pytest.mark.parametrize("account", ACCOUNTS, ids=lambda account: account.product)
def test_levels_are_those_of_the_candles(account, made, past):
    """Each deal's level lies within the candle of its time."""
    for row in made[account.account_id].activity:
        if row.type != "POSITION":
            continue
        at = row.at.replace(second=0) - timedelta(minutes=row.at.minute % 5)
        [candle] = map(candle_of, past.rows(row.epic, "MINUTE_5", now=START, first=at, last=at))
        assert candle.bid[2] <= float(row.level) <= candle.offer[1]


def test_the_same_under_the_same_seed(made):
    """Seed and day decide everything; another seed makes another history."""
    assert make_history(ACCOUNTS, PastPrices(7, START), seed=7, start=START) == made
    assert make_history(ACCOUNTS, PastPrices(8, START), seed=8, start=START) != made


def test_the_history_is_added_once(past, made):
    """However often it is loaded, an account has its history once, and the balance stays the same."""
    markets = {epic: MarketTerms.of(each) for epic, each in instruments().items()}
    dealing = DealingService(Broker(ACCOUNTS, markets, start=START), clock=ManualClock(START))
    history = SeededHistory(dealing, ["ABC123", "XYZ987"], past, seed=7, start=START)
    history.load()
    history.load()
    for account in ACCOUNTS:
        held = dealing.act(
            lambda broker, _, own=account.account_id: (broker.view.activity(own), broker.view.transactions(own))
        )
        assert [list(made[account.account_id].activity), list(made[account.account_id].transactions)] == list(held)
        assert dealing.figures(account.account_id).balance == account.balance
