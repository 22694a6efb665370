"""The broker as its shell sees it: requests, prices and times go in; references, records and events come out."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from functools import partial

from ig_sdk.simulator.broker.account import Account, KnownDeal, merged
from ig_sdk.simulator.broker.amending import amend_deal
from ig_sdk.simulator.broker.book import Book
from ig_sdk.simulator.broker.checks import Rejected
from ig_sdk.simulator.broker.closing import close_deal, positions_to_close
from ig_sdk.simulator.broker.deals import AmendDeal, AmendOrder, CloseDeal, NewOrder, OpenDeal, UnknownDeal
from ig_sdk.simulator.broker.events import BrokerEvent, StatusEvent
from ig_sdk.simulator.broker.funding import charge_funding, next_funding
from ig_sdk.simulator.broker.journal import note_rejected
from ig_sdk.simulator.broker.opening import open_deal
from ig_sdk.simulator.broker.ordering import amend_order, cancel_order, create_order, lapse_orders, next_lapse
from ig_sdk.simulator.broker.records import ActivityEntry, Confirmation, TransactionEntry
from ig_sdk.simulator.broker.terms import AccountTerms, MarketTerms
from ig_sdk.simulator.broker.triggers import close_out, on_price
from ig_sdk.simulator.broker.view import View
from ig_sdk.types import Tick

CONFIRM_DELAY = timedelta(milliseconds=20)
CONFIRM_LIFE = timedelta(minutes=1)


class Broker:
    """A dealing engine.

    Every account id that is handed in must be one of ``accounts`` (else ``KeyError``).

    Args:
        accounts: The accounts it keeps.
        markets: The markets it deals, by epic.
        seed: Same seed and same calls, same ids.
        start: Time it begins at, aware UTC; funding is charged from then on.
        confirm_delay: How long a confirm is not there yet.
        confirm_life: How long it stays.

    Attributes:
        view: What may be asked without changing anything: positions, orders, confirms, money, histories.

    Threading:
        Not thread-safe. Times handed in should not go back; one that does is taken as the latest.
    """

    def __init__(
        self,
        accounts: Iterable[AccountTerms],
        markets: Mapping[str, MarketTerms],
        *,
        start: datetime,
        seed: object = 7,
        confirm_delay: timedelta = CONFIRM_DELAY,
        confirm_life: timedelta = CONFIRM_LIFE,
    ) -> None:
        self._book = Book(
            accounts, markets, seed=seed, start=start, confirm_delay=confirm_delay, confirm_life=confirm_life
        )
        self.view = View(self._book)
        self._funding_at = next_funding(start)
        self._next_at = self._funding_at

    # ---- deals: each returns the deal reference under which the confirm will be found

    def open(self, account_id: str, deal: OpenDeal, now: datetime) -> str:
        """Take an opening deal and return its reference; the confirm shows the outcome."""
        account = self._at(account_id, now)
        reference = deal.deal_reference or self._book.fresh_reference(account)
        deal_id = self._book.ids.deal_id()
        subject = KnownDeal(reference, deal.epic, deal.expiry, deal.direction)
        act = partial(open_deal, self._book, account, deal, reference, deal_id)
        return self._do(act, account, subject, "POSITION", deal_id)

    def amend(self, account_id: str, deal: AmendDeal, now: datetime) -> str:
        """Take new stops and limits of a position and return its reference.

        Raises:
            UnknownDeal: The account never had such a deal. A deal that is closed is rejected by a confirm.
        """
        account = self._at(account_id, now)
        subject = _known(account, deal.deal_id)
        act = partial(amend_deal, self._book, account, deal)
        return self._do(act, account, subject, "EDIT_STOP_AND_LIMIT", deal.deal_id)

    def close(self, account_id: str, deal: CloseDeal, now: datetime) -> str:
        """Take a close and return the reference of the (first) position that it closes.

        Raises:
            NoMatch: No open position fits: IG answers 400 and nothing happens.
        """
        account = self._at(account_id, now)
        positions = positions_to_close(account, deal)
        first, deal_id = positions[0], self._book.ids.deal_id()
        subject = KnownDeal(first.deal_reference, first.epic, first.expiry, deal.direction)
        act = partial(close_deal, self._book, account, deal, positions, deal_id)
        return self._do(act, account, subject, "POSITION", first.deal_id, row_id=deal_id)

    def create_order(self, account_id: str, order: NewOrder, now: datetime) -> str:
        """Take a working order and return its reference; the confirm shows the outcome."""
        account = self._at(account_id, now)
        reference = order.deal_reference or self._book.fresh_reference(account)
        deal_id = self._book.ids.deal_id()
        subject = KnownDeal(reference, order.epic, order.expiry, order.direction)
        act = partial(create_order, self._book, account, order, reference, deal_id)
        return self._do(act, account, subject, "WORKING_ORDER", deal_id)

    def amend_order(self, account_id: str, order: AmendOrder, now: datetime) -> str:
        """Take new terms of a working order and return its reference.

        Raises:
            UnknownDeal: The account never had such a deal. A deal that is closed is rejected by a confirm.
        """
        account = self._at(account_id, now)
        subject = _known(account, order.deal_id)
        return self._do(
            partial(amend_order, self._book, account, order), account, subject, "WORKING_ORDER", order.deal_id
        )

    def cancel_order(self, account_id: str, deal_id: str, now: datetime) -> str:
        """Take a working order back and return its reference.

        Raises:
            UnknownDeal: The account never had such a deal. A deal that is closed is rejected by a confirm.
        """
        account = self._at(account_id, now)
        subject = _known(account, deal_id)
        return self._do(partial(cancel_order, self._book, account, deal_id), account, subject, "WORKING_ORDER", deal_id)

    # ---- prices, time and terms

    def on_tick(self, tick: Tick, now: datetime) -> None:
        """Take a price: stops, limits and orders that it reaches are filled. Cheap where nothing is open.

        A price that is not a positive number is ignored.
        """
        if not (0.0 < tick.bid < math.inf and 0.0 < tick.offer < math.inf):
            return
        book = self._book
        book.prices.ticks[tick.epic] = tick
        if tick.epic not in book.live:
            return
        self._pass_time(now)
        # Time may have closed everything that was open here.
        accounts = list(book.live.get(tick.epic, {}).values())
        if accounts:
            acted = len(book.events)
            on_price(book, tick.epic)
            by_price = len(book.events) == acted
            for account in dict.fromkeys(account.terms.account_id for account in accounts):
                book.report_figures(book.accounts[account], by_price=by_price)
            self._plan()

    def set_status(self, epic: str, status: str) -> None:
        """Open, close or suspend a market (``MarketStatus``)."""
        if status != self.view.status(epic):
            self._book.statuses[epic] = status
            self._book.events.append(StatusEvent(epic, status))

    def advance(self, now: datetime) -> None:
        """Let time pass: orders lapse, funding is charged, confirms expire."""
        self._pass_time(now)

    @property
    def next_at(self) -> datetime:
        """When ``advance`` has something to do next."""
        return self._next_at

    def set_account(self, terms: AccountTerms) -> None:
        """Change the terms of an account; its money and its currency stay."""
        account = self._book.accounts[terms.account_id]
        account.terms = dataclasses.replace(terms, currency=account.terms.currency)

    def set_market(self, terms: MarketTerms) -> None:
        """Change the terms of a market."""
        self._book.markets[terms.epic] = terms

    def reject_next(self, reason: str, times: int = 1) -> None:
        """Reject the next requests, of any account, with ``reason`` (``DealReason``)."""
        self._book.forced_rejections += [reason] * times

    def remember(
        self,
        account_id: str,
        *,
        activity: Iterable[ActivityEntry] = (),
        transactions: Iterable[TransactionEntry] = (),
    ) -> None:
        """Add entries of the past to the histories; the balance includes them already."""
        account = self._book.accounts[account_id]
        account.activity = merged(account.activity, activity)
        account.transactions = merged(account.transactions, transactions)

    def take_events(self) -> list[BrokerEvent]:
        """Return what happened since the last call, in order, and forget it."""
        events, self._book.events = self._book.events, []
        return events

    # ---- carrying requests out

    def _at(self, account_id: str, now: datetime) -> Account:
        account = self._book.accounts[account_id]
        self._pass_time(now)
        account.forget(self._book.now)
        return account

    def _do(
        self,
        act: Callable[[], None],
        account: Account,
        subject: KnownDeal,
        kind: str,
        deal_id: str,
        *,
        row_id: str = "",
    ) -> str:
        """Carry a request out, or reject it, and return its reference."""
        try:
            act()
        except Rejected as verdict:
            self._reject(account, subject, verdict, kind, deal_id, row_id=row_id)
        self._book.report_figures(account)
        self._plan()
        return subject.deal_reference

    def _plan(self) -> None:
        lapse = next_lapse(self._book.accounts.values())
        self._next_at = self._funding_at if lapse is None else min(lapse, self._funding_at)

    def _pass_time(self, now: datetime) -> None:
        """Do what is due up to ``now``, each at its own time."""
        book = self._book
        while self._next_at <= now:
            book.now = max(book.now, self._next_at)
            for account in book.accounts.values():
                lapse_orders(book, account)
                if self._funding_at <= book.now:
                    charge_funding(book, account)
                    close_out(book, account)
                account.forget(book.now)
                book.report_figures(account)
            if self._funding_at <= book.now:
                self._funding_at = next_funding(book.now)
            self._plan()
        book.now = max(book.now, now)

    def _reject(
        self, account: Account, subject: KnownDeal, verdict: Rejected, kind: str, deal_id: str, *, row_id: str = ""
    ) -> None:
        """Confirm and note that a request is rejected; the fields of a deal are absent (REST.md section 6.1)."""
        confirm = Confirmation(
            date=self._book.now,
            deal_reference=subject.deal_reference,
            deal_id=deal_id,
            deal_status="REJECTED",
            reason=verdict.reason,
            epic=subject.epic,
            direction=subject.direction,
        )
        self._book.confirm(account, confirm)
        note_rejected(
            self._book, account, subject, kind=kind, deal_id=row_id or deal_id, affected=deal_id, reason=verdict.reason
        )


def _known(account: Account, deal_id: str) -> KnownDeal:
    subject = account.known.get(deal_id)
    if subject is None:
        raise UnknownDeal(deal_id)
    return subject
