"""What the accounts of a simulator did before it was started: months of activity and transactions.

A dealing engine of its own deals at the past prices, so activity, transactions and candles agree by themselves.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from random import Random

from ig_sdk.simulator.accounts.dealing_service import Desk
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
# Markets dealt in, each with a size and the points to its stop and its limit.
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
# What is done with a position in the course of time; a stop or a limit may end it before.
_MANNERS = (("open", "close"), ("open", "part", "close"), ("open", "amend", "close"), ("open", "place", "cancel"))
# The pair by which the profit of a contract in dollars becomes pounds.
_DOLLAR = "CS.D.GBPUSD.CFD.IP"


@dataclass(frozen=True)
class Memory:
    """The past of one account.

    Attributes:
        activity: What was done, newest first.
        transactions: The money that moved, newest first; with the first deposit it adds up to the balance.
    """

    activity: tuple[ActivityEntry, ...]
    transactions: tuple[TransactionEntry, ...]


@dataclass(frozen=True)
class _Plan:
    """One position to be."""

    account_id: str
    instrument: Instrument
    direction: Direction
    size: Decimal
    away: Decimal
    reference: str

    @property
    def currency(self) -> str:
        """The usual one."""
        return str(self.instrument.facts["currencies"][0]).split()[0]


@dataclass(frozen=True)
class _Moment:
    """One price, and what is done at it; nothing where a stop or limit is touched, which the broker sees by itself."""

    plan: _Plan
    at: datetime
    bid: float
    offer: float
    deed: str


def memories(accounts: Sequence[AccountTerms], past: PastPrices, *, seed: object, start: datetime) -> dict[str, Memory]:
    """Return what each account did in the months before ``start``, by its id; every position was closed again.

    Args:
        accounts: Their balances are what the past ends with.
        past: The prices at which they dealt.
        seed: Same seed, same deals.
        start: When the simulator begins, aware UTC.
    """
    begin = start.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=DAYS)
    markets = {epic: MarketTerms.of(instrument) for epic, instrument in instruments().items()}
    # Its names must not be those of the deals to come.
    broker = Broker(accounts, markets, start=begin, seed=f"{seed}/memories")
    random = Random(f"{seed}/memories")
    moments: list[_Moment] = []
    for account in accounts:
        for number in range(_DEALS):
            # Spread over the months; the last days are left to the present.
            day = begin + timedelta(days=2 + number * (DAYS - 6) // _DEALS)
            plan = _plan(account, f"{account.account_id}-{number}", random)
            moments += _moments(plan, past, day, _MANNERS[number % len(_MANNERS)], random)
    for moment in sorted(moments, key=lambda each: each.at):
        for epic in dict.fromkeys((_DOLLAR, moment.plan.instrument.epic)):
            bid, offer = past.price(epic, moment.at) if epic == _DOLLAR else (moment.bid, moment.offer)
            broker.on_tick(Tick(epic, bid, offer, moment.at, moment.at, "simulator"), moment.at)
        _do(broker, moment)
    return {each.account_id: _memory(broker, each, begin) for each in accounts}


# ---- what is going to happen


def _plan(account: AccountTerms, reference: str, random: Random) -> _Plan:
    epic, size, points = random.choice(_DEALT[account.product])
    instrument, direction = instruments()[epic], random.choice((Direction.BUY, Direction.SELL))
    away = Decimal(points) / instrument.points
    return _Plan(account.account_id, instrument, direction, Decimal(size), away, reference)


def _moments(plan: _Plan, past: PastPrices, day: datetime, deeds: Sequence[str], random: Random) -> Iterator[_Moment]:
    """Yield what is done with a position, until its stop or its limit is touched."""
    hours = hours_of(plan.instrument)
    wished = day + timedelta(minutes=random.randrange(7 * 60, 18 * 60), seconds=random.randrange(60))
    # What falls into the weekend is done within the first minutes of the week.
    opened = hours.next_open(hours.next_open(wished) + timedelta(seconds=random.randrange(900)))
    held = timedelta(minutes=random.randrange(20, _LONGEST_MINUTES)) / (len(deeds) - 1)
    times = [hours.next_open(opened + held * place).replace(microsecond=0) for place in range(len(deeds))]
    epic = plan.instrument.epic
    moments = [_Moment(plan, at, *past.price(epic, at), deed) for at, deed in zip(times, deeds, strict=True)]
    yield moments[0]
    buys = plan.direction is Direction.BUY
    level = Decimal(repr(moments[0].offer if buys else moments[0].bid))
    low, high = float(level - plan.away), float(level + plan.away)

    def touched(candle: PastCandle) -> bool:
        side = candle.bid if buys else candle.offer
        return side[2] <= low or side[1] >= high

    for before, moment in pairwise(moments):
        # From its amendment on a position has neither.
        hit = None if before.deed == "amend" else past.first_hit(epic, before.at, moment.at, touched)
        if hit is not None:
            part = 2 if (hit.bid if buys else hit.offer)[2] <= low else 1
            yield _Moment(plan, hit.opens_at, hit.bid[part], hit.offer[part], "")
            return
        yield moment


# ---- making it happen


def _do(broker: Broker, moment: _Moment) -> None:
    plan, at = moment.plan, moment.at
    account, instrument = plan.account_id, plan.instrument
    if moment.deed == "open":
        away = plan.away * instrument.points
        deal = OpenDeal(
            epic=instrument.epic,
            expiry=instrument.expiry,
            direction=plan.direction,
            size=plan.size,
            currency=plan.currency,
            stop_distance=away,
            limit_distance=away,
            deal_reference=plan.reference,
        )
        broker.open(account, deal, at)
        return
    position = next((each for each in broker.positions(account) if each.deal_reference == plan.reference), None)
    if position is None:
        return
    if moment.deed == "amend":
        broker.amend(account, AmendDeal(deal_id=position.deal_id), at)
    elif moment.deed == "place":
        broker.create_order(account, _order(plan, position), at)
    elif moment.deed:
        for order in broker.orders(account) if moment.deed == "cancel" else ():
            broker.cancel_order(account, order.deal_id, at)
        size = position.size / 2 if moment.deed == "part" else position.size
        close = CloseDeal(direction=plan.direction.opposite, size=size, deal_id=position.deal_id)
        broker.close(account, close, at)


def _order(plan: _Plan, position: Position) -> NewOrder:
    """Return a working order so far away that nothing fills it."""
    level = position.level - plan.away * 10
    return NewOrder(
        epic=position.epic,
        expiry=position.expiry,
        direction=Direction.BUY,
        size=plan.size,
        level=level,
        kind="LIMIT",
        currency=plan.currency,
    )


def _memory(broker: Broker, account: AccountTerms, begin: datetime) -> Memory:
    rows = broker.transactions(account.account_id)
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
    activity = broker.activity(account.account_id)
    # The engine that goes on counts its rows from 1 as well.
    numbered = (replace(row, activity_id=f"P{len(activity) - place:09d}") for place, row in enumerate(activity))
    return Memory(tuple(numbered), (*rows, first))


class Recollection:
    """Brings the past to a desk, once, when somebody asks for it: it takes a moment that most simulators never need.

    Args:
        desk: Whose accounts remember.
        account_ids: Which ones.
        past: The prices at which they dealt.
        seed: Same seed, same deals.
        start: When the simulator begins, aware UTC.

    Threading:
        Safe from any thread.
    """

    def __init__(
        self, desk: Desk, account_ids: Sequence[str], past: PastPrices, *, seed: object, start: datetime
    ) -> None:
        self._desk = desk
        self._account_ids = tuple(account_ids)
        self._past = past
        self._seed = seed
        self._start = start
        self._recalled = False

    def recall(self) -> None:
        """See to it that the desk's accounts have their past."""
        if not self._recalled:
            accounts = [self._desk.account(each) for each in self._account_ids]
            made = memories(accounts, self._past, seed=self._seed, start=self._start)
            self._desk.act(lambda broker, _: self._remember(broker, made))

    def _remember(self, broker: Broker, made: Mapping[str, Memory]) -> None:
        # Alone at the desk: two who asked at once made the same, and one of them brings it.
        if not self._recalled:
            for account_id, memory in made.items():
                activity, transactions = reversed(memory.activity), reversed(memory.transactions)
                broker.remember(account_id, activity=activity, transactions=transactions)
            self._recalled = True
