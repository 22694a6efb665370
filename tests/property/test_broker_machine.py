"""The broker under any sequence of deals, prices and hours: what must hold whatever happens."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from ig_sdk.simulator.broker import (
    AccountTerms,
    AmendDeal,
    AmendOrder,
    Broker,
    CloseDeal,
    ConfirmEvent,
    MarketTerms,
    NewOrder,
    NoMatch,
    OpenDeal,
    OrderEvent,
    PositionEvent,
)
from ig_sdk.simulator.reference.instruments import instruments
from ig_sdk.types import Direction, Tick

START = datetime(2026, 3, 6, 20, tzinfo=timezone.utc)
# Account, epic, expiry, currency, usual level, a point. The rates to pounds move with the two pairs in between.
SUBJECTS = {
    "CS.D.EURUSD.MINI.IP": ("CFD", "-", "USD", 1.16, 0.0001),
    "CS.D.USDJPY.MINI.IP": ("CFD", "-", "JPY", 150.0, 0.01),
    "CS.D.EURUSD.TODAY.IP": ("BET", "DFB", "EUR", 11600.0, 1.0),
}
RATES = {
    "CS.D.GBPUSD.CFD.IP": (1.34, 0.0001),
    "CS.D.EURUSD.CFD.IP": (1.16, 0.0001),
    "CS.D.USDJPY.CFD.IP": (150.0, 0.01),
}
BALANCE = Decimal(5_000)

epics = st.sampled_from(sorted(SUBJECTS))
directions = st.sampled_from(list(Direction))
sizes = st.integers(10, 400).map(lambda n: Decimal(n) / 20)
points = st.one_of(st.none(), st.integers(1, 60).map(Decimal))
moves = st.integers(-150, 150)
statuses = st.sampled_from([*["TRADEABLE"] * 6, "EDITS_ONLY", "CLOSED", "CLOSINGS_ONLY", "DEAL_NO_EDIT"])


def broker_of(seed: int) -> Broker:
    return Broker(
        [
            AccountTerms(account_id="CFD", balance=BALANCE),
            AccountTerms(account_id="BET", product="SPREADBET", balance=BALANCE),
        ],
        {epic: MarketTerms.of(instruments()[epic]) for epic in [*RATES, *SUBJECTS]},
        start=START,
        seed=seed,
    )


class Dealing(RuleBasedStateMachine):
    """Deals at random; a model of positions and orders is kept from the events alone."""

    @initialize(seed=st.integers(0, 3))
    def begin(self, seed):
        self.seed, self.now, self.advanced = seed, START, START
        self.broker = broker_of(seed)
        self.calls: list[tuple[str, tuple]] = []
        self.events: list[object] = []
        self.positions: dict[str, dict[str, Decimal]] = {"CFD": {}, "BET": {}}
        self.orders: dict[str, set[str]] = {"CFD": set(), "BET": set()}
        self.opened: set[str] = set()
        self.gone: set[str] = set()
        self.requests = {"CFD": 0, "BET": 0}
        self.closes = {"CFD": 0, "BET": 0}
        self.levels = {epic: terms[3] for epic, terms in SUBJECTS.items()}
        self.quotes: dict[str, tuple[Decimal, Decimal]] = {}
        for epic, level in [*self.levels.items(), *((epic, terms[0]) for epic, terms in RATES.items())]:
            self.price(epic, level)

    # ---- what is done

    def call(self, name, *args):
        self.calls.append((name, args))
        try:
            return getattr(self.broker, name)(*args)
        finally:
            self.hear()

    def deal(self, name, account, *args):
        """Send a request: the money that the account is worth does not change but by the spread of what it opens."""
        before = self.broker.view.figures(account).equity
        held = set(self.positions[account])
        self.requests[account] += 1
        self.call(name, account, *args, self.now)
        new = [each for each in self.broker.view.positions(account) if each.deal_id not in held]
        spread = sum(self.worth(each) for each in new)
        assert self.broker.view.figures(account).equity == before + spread

    def worth(self, position):
        """The open profit of a position by the plainest arithmetic."""
        bid, offer = self.quotes[position.epic]
        buy = position.direction is Direction.BUY
        difference = bid - position.level if buy else position.level - offer
        pounds, dollars, yen = (sum(self.quotes[epic]) / 2 for epic in RATES)
        rate = {"USD": 1 / pounds, "EUR": dollars / pounds, "JPY": 1 / yen / pounds}[position.currency]
        contract = 1 if position.expiry == "DFB" else 10_000
        return (difference * position.size * contract * rate).quantize(Decimal("0.01"))

    def price(self, epic, level):
        point = SUBJECTS[epic][4] if epic in SUBJECTS else RATES[epic][1]
        tick = Tick(epic, round(level, 5), round(level + point, 5), self.now, self.now, "simulator")
        self.quotes[epic] = (Decimal(repr(tick.bid)), Decimal(repr(tick.offer)))
        self.call("on_tick", tick, self.now)

    @rule(epic=epics, direction=directions, size=sizes, stop=points, limit=points, kind=st.integers(0, 3))
    def open(self, epic, direction, size, stop, limit, kind):
        account, expiry, currency, *_ = SUBJECTS[epic]
        trailing = kind == 1 and stop is not None
        deal = OpenDeal(
            epic=epic,
            expiry=expiry,
            direction=direction,
            size=size,
            currency=currency,
            force_open=kind != 3,
            stop_distance=stop,
            limit_distance=limit,
            guaranteed_stop=kind == 2 and stop is not None,
            trailing_stop=trailing,
            trailing_increment=Decimal(5) if trailing else None,
        )
        self.deal("open", account, deal)

    @rule(epic=epics, direction=directions, size=sizes, by_id=st.booleans(), pick=st.integers(0, 5))
    def close(self, epic, direction, size, by_id, pick):
        account, expiry, *_ = SUBJECTS[epic]
        held = self.broker.view.positions(account)
        if by_id and held:
            target = held[pick % len(held)]
            deal = CloseDeal(deal_id=target.deal_id, direction=target.direction.opposite, size=min(size, target.size))
        else:
            deal = CloseDeal(epic=epic, expiry=expiry, direction=direction, size=size)
        try:
            self.deal("close", account, deal)
        except NoMatch:
            self.requests[account] -= 1

    @rule(account=st.sampled_from(["CFD", "BET"]), pick=st.integers(0, 5), away=st.tuples(moves, moves), kind=moves)
    def amend(self, account, pick, away, kind):
        held = self.broker.view.positions(account)
        if held:
            target = held[pick % len(held)]
            point = Decimal(str(SUBJECTS[target.epic][4]))
            stop, limit = (target.level + point * each for each in away)
            deal = AmendDeal(deal_id=target.deal_id, stop_level=stop, limit_level=limit if kind > 0 else None)
            self.deal("amend", account, deal)

    @rule(
        epic=epics,
        direction=directions,
        size=sizes,
        away=st.integers(-5, 60),
        kind=st.sampled_from(["LIMIT", "STOP"]),
        hours=st.one_of(st.none(), st.integers(0, 40)),
        stop=points,
        net=st.booleans(),
    )
    def order(self, *, epic, direction, size, away, kind, hours, stop, net):
        account, expiry, currency, _, point = SUBJECTS[epic]
        # Mostly on the side of the market on which it may wait.
        below = (direction is Direction.BUY) is (kind == "LIMIT")
        away = -away if below else away
        order = NewOrder(
            epic=epic,
            expiry=expiry,
            direction=direction,
            size=size,
            currency=currency,
            level=Decimal(str(round(self.levels[epic] + away * point, 5))),
            kind=kind,
            good_till=None if hours is None else self.now + timedelta(hours=hours),
            stop_distance=stop,
            force_open=not net,
        )
        self.deal("create_order", account, order)

    @rule(account=st.sampled_from(["CFD", "BET"]), pick=st.integers(0, 5), away=moves, cancel=st.booleans())
    def change_order(self, account, pick, away, cancel):
        waiting = self.broker.view.orders(account)
        if not waiting:
            return
        target = waiting[pick % len(waiting)]
        if cancel:
            self.deal("cancel_order", account, target.deal_id)
        else:
            level = target.level + away * Decimal(str(SUBJECTS[target.epic][4]))
            self.deal("amend_order", account, AmendOrder(deal_id=target.deal_id, level=level, kind=target.kind))

    @rule(epic=epics, away=moves, gap_s=st.integers(0, 5))
    def step(self, epic, away, gap_s):
        self.move(epic, away, gap_s)

    def move(self, epic, away, gap_s):
        self.now += timedelta(seconds=gap_s)
        self.levels[epic] = max(self.levels[epic] + away * SUBJECTS[epic][4], SUBJECTS[epic][3] / 4)
        self.price(epic, self.levels[epic])

    @rule(epic=epics, away=moves)
    def jump(self, epic, away):
        self.move(epic, away * 2, 1)

    @rule(epic=st.sampled_from(sorted(RATES)), away=moves)
    def move_rate(self, epic, away):
        level, point = RATES[epic]
        self.price(epic, level + away * point)

    @rule(hours=st.integers(0, 30))
    def wait(self, hours):
        self.now += timedelta(hours=hours)
        self.call("advance", self.now)
        self.advanced = self.now

    @rule(epic=epics, status=statuses)
    def state(self, epic, status):
        self.call("set_status", epic, status)

    # ---- what is heard

    def hear(self):
        for event in self.broker.take_events():
            self.events.append(event)
            if isinstance(event, PositionEvent):
                self.hear_position(event)
            elif isinstance(event, OrderEvent):
                self.hear_order(event)
            elif isinstance(event, ConfirmEvent):
                self.hear_confirm(event)

    def hear_position(self, event):
        held, deal_id = self.positions[event.account_id], event.position.deal_id
        if event.status == "OPEN":
            assert deal_id not in self.opened, "one deal opened twice"
            self.opened.add(deal_id)
            held[deal_id] = event.size
        else:
            assert event.size <= held[deal_id], "a position grew"
            self.closes[event.account_id] += event.size < held[deal_id]
            held[deal_id] = event.size
        if event.status == "DELETED":
            assert event.size == 0
            del held[deal_id]

    def hear_order(self, event):
        waiting, deal_id = self.orders[event.account_id], event.order.deal_id
        assert deal_id not in self.gone, "an order acted after it was gone"
        if event.status == "OPEN":
            waiting.add(deal_id)
        assert deal_id in waiting
        if event.status == "DELETED":
            waiting.remove(deal_id)
            self.gone.add(deal_id)

    def hear_confirm(self, event):
        confirm = event.confirm
        if confirm.deal_status == "REJECTED":
            assert (confirm.status, confirm.level, confirm.size, confirm.affected) == (None, None, None, ())
        else:
            assert confirm.affected
            assert confirm.reason == "SUCCESS"
            closed = any("CLOSED" in deal.status for deal in confirm.affected)
            assert (confirm.profit is not None) == closed

    # ---- what must hold

    @invariant()
    def money_is_conserved(self):
        """The balance is the deposit and every transaction, to the last digit."""
        for account in ("CFD", "BET"):
            rows = self.broker.view.transactions(account)
            figures = self.broker.view.figures(account)
            assert figures.balance == BALANCE + sum(row.profit for row in rows)
            assert figures.profit_loss == sum(self.worth(each) for each in self.broker.view.positions(account))
            assert 0 <= figures.guaranteed_deposit <= figures.deposit
            assert figures.balance == figures.balance.quantize(Decimal("0.01"))

    @invariant()
    def books_agree_with_events(self):
        """What is open is what the events said, and nothing else."""
        for account in ("CFD", "BET"):
            assert {each.deal_id: each.size for each in self.broker.view.positions(account)} == self.positions[account]
            assert {each.deal_id for each in self.broker.view.orders(account)} == self.orders[account]

    @invariant()
    def histories_agree_with_deals(self):
        """Each request has one row, each position the row that opened it, each close a transaction."""
        for account in ("CFD", "BET"):
            rows = self.broker.view.activity(account)
            assert sum(row.channel == "PUBLIC_WEB_API" for row in rows) == self.requests[account]
            opened = [deal_id for row in rows for verb, deal_id in row.actions if verb == "POSITION_OPENED"]
            assert len(opened) == len(set(opened))
            assert set(self.positions[account]) <= set(opened)
            trades = [row for row in self.broker.view.transactions(account) if row.type == "TRADE"]
            assert len(trades) == self.closes[account]
            # A row has one id of its own; only amends and orders are known by the id of the deal they are about.
            ids = [row.deal_id for row in rows if row.type == "POSITION" and row.status == "ACCEPTED"]
            assert len(ids) == len(set(ids))

    @invariant()
    def nothing_is_overdue(self):
        """No order outlives its date by what the broker has seen of the time."""
        assert self.broker.next_at > self.advanced
        for account in ("CFD", "BET"):
            assert all(
                each.good_till is None or each.good_till > self.advanced for each in self.broker.view.orders(account)
            )

    def teardown(self):
        """The same seed and the same calls make the same history, to the last id."""
        if not hasattr(self, "calls"):
            return
        again, events = broker_of(self.seed), []
        for name, args in self.calls:
            try:
                getattr(again, name)(*args)
            except NoMatch:
                pass
            events += again.take_events()
        assert events == self.events
        for account in ("CFD", "BET"):
            assert again.view.activity(account) == self.broker.view.activity(account)
            assert again.view.transactions(account) == self.broker.view.transactions(account)


TestDealing = Dealing.TestCase
TestDealing.settings = settings(max_examples=60, stateful_step_count=50, deadline=None)


@given(
    epic=epics,
    direction=directions,
    # more would be beyond the account's funds
    parts=st.lists(st.integers(1, 150), min_size=1, max_size=6),
    away=moves,
    rates=st.tuples(moves, moves, moves),
)
def test_closing_in_parts_loses_no_cent(epic, direction, parts, away, rates):
    """However a position is cut up, each close moves open profit into the balance to the last digit."""
    account, expiry, currency, level, point = SUBJECTS[epic]
    broker = broker_of(1)

    def show(epic, level, point):
        tick = Tick(epic, round(level, 5), round(level + point, 5), START, START, "simulator")
        broker.on_tick(tick, START)

    show(epic, level, point)
    sizes = [Decimal(part) / 100 for part in parts]
    whole = sum(sizes) + 1
    deal = OpenDeal(epic=epic, expiry=expiry, direction=direction, size=whole, currency=currency)
    broker.open(account, deal, START)
    assert broker.view.positions(account)
    for (pair, (rate, step)), moved in zip(RATES.items(), rates, strict=True):
        show(pair, rate + moved * step, step)
    show(epic, level + away * point, point)
    equity = broker.view.figures(account).equity
    for size in [*sizes, Decimal(1)]:
        broker.close(account, CloseDeal(epic=epic, expiry=expiry, direction=direction.opposite, size=size), START)
        assert broker.view.figures(account).equity == equity
    assert broker.view.figures(account).balance == equity
    assert not broker.view.positions(account)
