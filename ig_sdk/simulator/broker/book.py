"""The broker's books: accounts, prices, ids, and the few operations that change money and positions.

Money is rounded in one place: ``Book.worth``, to cents of the account's currency, half to even. What a part of a
position realises is the worth of the whole less the worth of the rest, so that a close moves open profit into the
balance to the last digit, in however many parts it comes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal

from ig_sdk.simulator.broker.account import Account, KnownDeal, Verdict
from ig_sdk.simulator.broker.events import (
    BrokerEvent,
    ConfirmEvent,
    FiguresEvent,
    OrderEvent,
    PositionEvent,
)
from ig_sdk.simulator.broker.ids import Ids
from ig_sdk.simulator.broker.margin import Deposit, deposit_of
from ig_sdk.simulator.broker.prices import Prices, Quote
from ig_sdk.simulator.broker.records import (
    CLIENT_CHANNEL,
    Confirmation,
    Figures,
    Order,
    Position,
    RecentDeal,
    TransactionEntry,
)
from ig_sdk.simulator.broker.terms import AccountTerms, MarketTerms
from ig_sdk.types import Direction

TRADEABLE = "TRADEABLE"

_CENT = Decimal("0.01")
_ZERO = Decimal(0)
# The account's figures follow the prices as often as the stream shows them.
_FIGURES_EVERY = timedelta(seconds=1)
# "About 30 s" (REST.md section 6.3, tiered pricing).
_REPEAT_WINDOW = timedelta(seconds=30)


def cents(amount: Decimal) -> Decimal:
    """Return an amount of money as it is booked."""
    return amount.quantize(_CENT)


class Book:
    """The state of a broker.

    Args:
        accounts: Terms of its accounts.
        markets: Terms of its markets.
        seed: Of the ids.
        start: Time it begins at.
        confirm_delay: How long a confirm is not there yet.
        confirm_life: How long it stays.

    Attributes:
        now: The latest time that was handed in.
        live: By epic: the deal ids of positions and orders there, in the order in which they came, and whose they are.
        statuses: Status by epic, of markets whose status was set.
        events: What happened since ``take_events``.
        forced_rejections: Reasons for which the next requests are rejected.
    """

    def __init__(
        self,
        accounts: Iterable[AccountTerms],
        markets: Mapping[str, MarketTerms],
        *,
        seed: object,
        start: datetime,
        confirm_delay: timedelta,
        confirm_life: timedelta,
    ) -> None:
        self.markets = dict(markets)
        self.prices = Prices(self.markets)
        self.ids = Ids(seed)
        self.now = start
        self.live: dict[str, dict[str, Account]] = {}
        self.statuses: dict[str, str] = {}
        self.events: list[BrokerEvent] = []
        self.forced_rejections: list[str] = []
        self._delay = confirm_delay
        self._life = confirm_life
        self.accounts = {terms.account_id: self._account(terms) for terms in accounts}

    def _account(self, terms: AccountTerms) -> Account:
        balance = cents(terms.balance)
        figures = Figures(
            currency=terms.currency,
            balance=balance,
            profit_loss=_ZERO,
            guaranteed_profit_loss=_ZERO,
            deposit=_ZERO,
            guaranteed_deposit=_ZERO,
        )
        return Account(terms, balance, figures, self.now)

    # ---- worth

    def quote(self, epic: str) -> Quote:
        """Return what a market shows; of one without a price yet, what it usually shows."""
        return self.prices.quote(epic) or Quote(self.markets[epic].mid, self.markets[epic].mid)

    def rate(self, currency: str, account: Account) -> Decimal:
        """Return what a unit of ``currency`` is worth to an account; a currency without a rate cannot be dealt in."""
        return self.prices.rate(currency, account.terms.currency) or _ZERO

    def worth(self, account: Account, position: Position, level: Decimal) -> Decimal:
        """Return what a position makes when it is closed at ``level``, as it would be booked."""
        gain = (level - position.level) * position.size * self.markets[position.epic].multiplier
        if position.direction is Direction.SELL:
            gain = -gain
        return cents(gain * self.rate(position.currency, account))

    def open_profit(self, account: Account, position: Position) -> Decimal:
        """Return what a position makes when it is closed now."""
        return self.worth(account, position, self.quote(position.epic).closing(position.direction))

    def deposit(self, account: Account, positions: Iterable[Position]) -> Deposit:
        """Return the margin that ``positions`` take of an account, as it is shown."""
        groups: dict[tuple[str, str], list[Position]] = {}
        for position in positions:
            groups.setdefault((position.epic, position.currency), []).append(position)
        normal = guaranteed = _ZERO
        for (epic, currency), group in groups.items():
            terms = self.markets[epic]
            part = deposit_of(group, terms, self.quote(epic), self._band_unit(terms, currency))
            rate = self.rate(currency, account)
            normal += cents(part.normal * rate)
            guaranteed += cents(part.guaranteed * rate)
        return Deposit(normal, guaranteed)

    def _band_unit(self, terms: MarketTerms, currency: str) -> Decimal:
        # Bands are in contracts, or in currency a point (REST.md section 6.4).
        if terms.product == "CFD" or not terms.bands:
            return Decimal(1)
        return self.prices.rate(currency, terms.bands[0].currency) or Decimal(1)

    def figures(self, account: Account) -> Figures:
        """Return the money of an account at the latest prices."""
        profit = guaranteed = _ZERO
        for position in account.positions.values():
            made = self.open_profit(account, position)
            profit += made
            if position.guaranteed:
                guaranteed += made
        deposit = self.deposit(account, account.positions.values()) if account.positions else Deposit()
        return Figures(
            currency=account.terms.currency,
            balance=account.balance,
            profit_loss=profit,
            guaranteed_profit_loss=guaranteed,
            deposit=deposit.normal + deposit.guaranteed,
            guaranteed_deposit=deposit.guaranteed,
        )

    # ---- operations

    def put_position(self, account: Account, position: Position, status: str) -> None:
        """Keep a new or changed position and report it."""
        account.positions[position.deal_id] = position
        if status == "OPEN":
            self._put(account, position)
        self._report_position(account, position, status, position.level, position.size)

    def put_order(self, account: Account, order: Order, status: str) -> None:
        """Keep a new or changed working order and report it."""
        account.orders[order.deal_id] = order
        if status == "OPEN":
            self._put(account, order)
        self.events.append(OrderEvent(account.terms.account_id, status, order, self.now, CLIENT_CHANNEL))

    def drop_order(self, account: Account, order: Order, *, deal_status: str = "ACCEPTED") -> None:
        """Remove a working order and report it."""
        del account.orders[order.deal_id]
        self._drop(order.epic, order.deal_id)
        self.events.append(
            OrderEvent(account.terms.account_id, "DELETED", order, self.now, CLIENT_CHANNEL, deal_status)
        )

    def close(self, account: Account, position: Position, size: Decimal, level: Decimal) -> Decimal:
        """Close a position or a part of it at ``level``, book and report it, and return the profit."""
        rest = dataclasses.replace(position, size=position.size - size)
        profit = self.worth(account, position, level)
        if rest.size:
            profit -= self.worth(account, rest, level)
            self.put_position(account, rest, "UPDATED")
        else:
            del account.positions[position.deal_id]
            self._drop(position.epic, position.deal_id)
            self._report_position(account, position, "DELETED", level, _ZERO)
        terms = self.markets[position.epic]
        row = TransactionEntry(
            at=self.now,
            opened_at=position.opened_at,
            instrument_name=terms.name,
            period=terms.expiry,
            profit=profit,
            currency=account.terms.currency,
            type="TRADE",
            reference=self.ids.transaction(),
            open_level=position.level,
            close_level=level,
            size=size if position.direction is Direction.BUY else -size,
        )
        account.transactions.append(row)
        account.balance += profit
        return profit

    def pay(self, account: Account, amount: Decimal, terms: MarketTerms, name: str) -> None:
        """Book money that no close made; nothing is booked of less than a cent."""
        amount = cents(amount)
        if not amount:
            return
        row = TransactionEntry(
            at=self.now,
            opened_at=self.now,
            instrument_name=name,
            period=terms.expiry,
            profit=amount,
            currency=account.terms.currency,
            type="DEPO" if amount > 0 else "WITH",
            reference=self.ids.transaction(),
        )
        account.transactions.append(row)
        account.balance += amount

    def count_recent(self, account: Account, position: Position) -> None:
        """Count an opening in the repeat dealing window."""
        account.recent.append(
            RecentDeal(
                epic=position.epic,
                currency=position.currency,
                direction=position.direction,
                size=position.size,
                expires_at=self.now + _REPEAT_WINDOW,
            )
        )

    def _put(self, account: Account, deal: Position | Order) -> None:
        self.live.setdefault(deal.epic, {})[deal.deal_id] = account
        account.known[deal.deal_id] = KnownDeal(deal.deal_reference, deal.epic, deal.expiry, deal.direction)

    def _drop(self, epic: str, deal_id: str) -> None:
        live = self.live[epic]
        del live[deal_id]
        if not live:
            del self.live[epic]

    # ---- reporting

    def _report_position(
        self, account: Account, position: Position, status: str, level: Decimal, size: Decimal
    ) -> None:
        # In recorded streams every OPU of a position has the channel that opened it, its stop-out too
        # (samples/trade_stream_opu__stopped_out.json).
        self.events.append(
            PositionEvent(account.terms.account_id, status, position, level, size, self.now, position.channel)
        )

    def confirm(self, account: Account, confirm: Confirmation, mark: int | None = None) -> None:
        """Give the verdict on a request; ``mark`` is its place among the events, before those that it caused."""
        since = self.now + self._delay
        account.verdicts.pop(confirm.deal_reference, None)
        account.verdicts[confirm.deal_reference] = Verdict(since, since + self._life, confirm)
        event = ConfirmEvent(account.terms.account_id, confirm)
        self.events.insert(len(self.events) if mark is None else mark, event)

    def report_figures(self, account: Account, *, by_price: bool = False) -> None:
        """Report an account's figures if they changed; once a second at most where only prices changed them."""
        if by_price and self.now - account.reported_at < _FIGURES_EVERY:
            return
        figures = self.figures(account)
        if figures != account.reported:
            account.reported, account.reported_at = figures, self.now
            self.events.append(FiguresEvent(account.terms.account_id, figures, self.now))

    def fresh_reference(self, account: Account) -> str:
        """Return a reference that the account has not used."""
        reference = self.ids.reference()
        while reference in account.requests:
            reference = self.ids.reference()
        return reference
