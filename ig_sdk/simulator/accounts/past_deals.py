"""Seeded history: months of activity and transactions from before the simulator was started.

A broker of its own deals at the past prices, so activity, transactions and candles agree.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from random import Random

from ig_sdk.simulator.accounts.dealing_service import DealingService
from ig_sdk.simulator.broker import (
    AccountTerms,
    ActivityEntry,
    AmendDeal,
    Broker,
    CloseDeal,
    MarketTerms,
    NewOrder,
    OpenDeal,
    Position,
    TransactionEntry,
)
from ig_sdk.simulator.prices.past import PastCandle, PastPrices
from ig_sdk.simulator.reference.hours import hours_of
from ig_sdk.simulator.reference.instruments import Instrument, instruments
from ig_sdk.types import Direction, Tick

DAYS = 120
_DEALS = 14
_LONGEST_MINUTES = 50 * 60
# Markets dealt in, each with a size and the points to its stop and to its limit.
_DEALT = {
    "CFD": (
        ("CS.D.EURUSD.MINI.IP", "2", 40),
        ("CS.D.GBPUSD.MINI.IP", "1", 50),
        ("IX.D.FTSE.CFD.IP", "0.5", 60),
        ("CS.D.CFDGOLD.CFDGC.IP", "0.1", 30),
        ("UA.D.AAPL.CASH.IP", "20", 400),
    ),
    "SPREADBET": (
        ("CS.D.EURUSD.TODAY.IP", "1", 40),
        ("CS.D.GBPUSD.TODAY.IP", "1", 50),
        ("IX.D.FTSE.DAILY.IP", "1", 60),
        ("IX.D.DAX.DAILY.IP", "0.5", 120),
        ("CS.D.USCGC.TODAY.IP", "0.5", 30),
    ),
}
# What is done with a position, in order; a stop or a limit may close it earlier.
_SCRIPTS = (("open", "close"), ("open", "part", "close"), ("open", "amend", "close"), ("open", "place", "cancel"))
# The pair that converts profit in dollars to pounds.
_DOLLAR = "CS.D.GBPUSD.CFD.IP"


@dataclass(frozen=True)
class AccountHistory:
    """The seeded history of one account.

    Attributes:
        activity: Newest first.
        transactions: Newest first; with the first deposit they add up to the balance.
    """

    activity: tuple[ActivityEntry, ...]
    transactions: tuple[TransactionEntry, ...]


@dataclass(frozen=True)
class _Plan:
    """A position that the generator will open."""

    account_id: str
    instrument: Instrument
    direction: Direction
    size: Decimal
    distance: Decimal
    reference: str

    @property
    def currency(self) -> str:
        """The market's default currency."""
        return str(self.instrument.facts["currencies"][0]).split()[0]


@dataclass(frozen=True)
class _Moment:
    """One price and the action taken at it; ``""`` where a stop or limit is hit, which the broker handles itself."""

    plan: _Plan
    at: datetime
    bid: float
    offer: float
    action: str


def make_history(
    accounts: Sequence[AccountTerms], past: PastPrices, *, seed: object, start: datetime
) -> dict[str, AccountHistory]:
    """Return each account's history of the months before ``start``, by account id; it leaves no position open.

    Args:
        accounts: Accounts, with the balances that they have at ``start``.
        past: The prices at which they dealt.
        seed: Same seed, same deals.
        start: When the simulator begins, aware UTC.
    """
    begin = start.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=DAYS)
    markets = {epic: MarketTerms.of(instrument) for epic, instrument in instruments().items()}
    # A seed of its own: deal ids and references must differ from those of the simulator's live broker.
    broker = Broker(accounts, markets, start=begin, seed=f"{seed}/memories")
    random = Random(f"{seed}/memories")
    moments: list[_Moment] = []
    for account in accounts:
        for number in range(_DEALS):
            # Spread over the months; none in the last days before ``start``.
            day = begin + timedelta(days=2 + number * (DAYS - 6) // _DEALS)
            plan = _plan(account, f"{account.account_id}-{number}", random)
            moments += _moments(plan, past, day, _SCRIPTS[number % len(_SCRIPTS)], random)
    for moment in sorted(moments, key=lambda each: each.at):
        for epic in dict.fromkeys((_DOLLAR, moment.plan.instrument.epic)):
            bid, offer = past.price(epic, moment.at) if epic == _DOLLAR else (moment.bid, moment.offer)
            broker.on_tick(Tick(epic, bid, offer, moment.at, moment.at, "simulator"), moment.at)
        _act(broker, moment)
    return {each.account_id: _history(broker, each, begin) for each in accounts}


# ---- planning


def _plan(account: AccountTerms, reference: str, random: Random) -> _Plan:
    epic, size, points = random.choice(_DEALT[account.product])
    instrument, direction = instruments()[epic], random.choice((Direction.BUY, Direction.SELL))
    distance = Decimal(points) / instrument.points
    return _Plan(account.account_id, instrument, direction, Decimal(size), distance, reference)


def _moments(plan: _Plan, past: PastPrices, day: datetime, actions: Sequence[str], random: Random) -> Iterator[_Moment]:
    """Yield what is done with a position, until its stop or its limit is hit."""
    hours = hours_of(plan.instrument)
    planned = day + timedelta(minutes=random.randrange(7 * 60, 18 * 60), seconds=random.randrange(60))
    # Deals that fall into a weekend are done within the first minutes of the week.
    opened = hours.next_open(hours.next_open(planned) + timedelta(seconds=random.randrange(900)))
    step = timedelta(minutes=random.randrange(20, _LONGEST_MINUTES)) / (len(actions) - 1)
    times = [hours.next_open(opened + step * place).replace(microsecond=0) for place in range(len(actions))]
    epic = plan.instrument.epic
    moments = [_Moment(plan, at, *past.price(epic, at), action) for at, action in zip(times, actions, strict=True)]
    yield moments[0]
    buys = plan.direction is Direction.BUY
    level = Decimal(repr(moments[0].offer if buys else moments[0].bid))
    low, high = float(level - plan.distance), float(level + plan.distance)

    def touched(candle: PastCandle) -> bool:
        side = candle.bid if buys else candle.offer
        return side[2] <= low or side[1] >= high

    for before, moment in pairwise(moments):
        # An amendment removes the stop and the limit.
        hit = None if before.action == "amend" else past.first_hit(epic, before.at, moment.at, touched)
        if hit is not None:
            part = 2 if (hit.bid if buys else hit.offer)[2] <= low else 1
            yield _Moment(plan, hit.opens_at, hit.bid[part], hit.offer[part], "")
            return
        yield moment


# ---- dealing


def _act(broker: Broker, moment: _Moment) -> None:
    plan, at = moment.plan, moment.at
    account, instrument = plan.account_id, plan.instrument
    if moment.action == "open":
        points = plan.distance * instrument.points
        deal = OpenDeal(
            epic=instrument.epic,
            expiry=instrument.expiry,
            direction=plan.direction,
            size=plan.size,
            currency=plan.currency,
            stop_distance=points,
            limit_distance=points,
            deal_reference=plan.reference,
        )
        broker.open(account, deal, at)
        return
    position = next((each for each in broker.view.positions(account) if each.deal_reference == plan.reference), None)
    if position is None:
        return
    if moment.action == "amend":
        broker.amend(account, AmendDeal(deal_id=position.deal_id), at)
    elif moment.action == "place":
        broker.create_order(account, _order(plan, position), at)
    elif moment.action:
        for order in broker.view.orders(account) if moment.action == "cancel" else ():
            broker.cancel_order(account, order.deal_id, at)
        size = position.size / 2 if moment.action == "part" else position.size
        close = CloseDeal(direction=plan.direction.opposite, size=size, deal_id=position.deal_id)
        broker.close(account, close, at)


def _order(plan: _Plan, position: Position) -> NewOrder:
    """Return a working order so far from the price that nothing fills it."""
    level = position.level - plan.distance * 10
    return NewOrder(
        epic=position.epic,
        expiry=position.expiry,
        direction=Direction.BUY,
        size=plan.size,
        level=level,
        kind="LIMIT",
        currency=plan.currency,
    )


def _history(broker: Broker, account: AccountTerms, begin: datetime) -> AccountHistory:
    rows = broker.view.transactions(account.account_id)
    deposit = account.balance - sum((row.profit for row in rows), Decimal(0))
    first = TransactionEntry(
        at=begin,
        opened_at=begin,
        instrument_name="Cash In",
        period="-",
        profit=deposit.quantize(Decimal("0.01")),
        currency=account.currency,
        type="DEPO",
        reference=f"{account.account_id:0>8}"[-8:],
        cash=True,
    )
    activity = broker.view.activity(account.account_id)
    # The simulator's live broker counts its rows from 1 as well, so these ids get a prefix.
    numbered = (replace(row, activity_id=f"P{len(activity) - place:09d}") for place, row in enumerate(activity))
    return AccountHistory(tuple(numbered), (*rows, first))


class SeededHistory:
    """Adds the history to the accounts on first use: generating it takes a moment, and most simulators never need it.

    Args:
        dealing: Where the accounts are.
        account_ids: Accounts that get a history.
        past: The prices at which they dealt.
        seed: Same seed, same deals.
        start: When the simulator begins, aware UTC.

    Threading:
        Safe from any thread.
    """

    def __init__(
        self, dealing: DealingService, account_ids: Sequence[str], past: PastPrices, *, seed: object, start: datetime
    ) -> None:
        self._dealing = dealing
        self._account_ids = tuple(account_ids)
        self._past = past
        self._seed = seed
        self._start = start
        self._loaded = False

    def load(self) -> None:
        """Give the accounts their history, unless they have it already."""
        if not self._loaded:
            accounts = [self._dealing.account(each) for each in self._account_ids]
            made = make_history(accounts, self._past, seed=self._seed, start=self._start)
            self._dealing.act(lambda broker, _: self._add(broker, made))

    def _add(self, broker: Broker, made: Mapping[str, AccountHistory]) -> None:
        # Called under the lock of the dealing service: two threads that asked at once generated the same history, and
        # the first of them adds it.
        if not self._loaded:
            for account_id, history in made.items():
                activity, transactions = reversed(history.activity), reversed(history.transactions)
                broker.remember(account_id, activity=activity, transactions=transactions)
            self._loaded = True
