"""The dealing service: the broker's rules behind a lock, on a clock, with events delivered in order."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TypeVar

from ig_sdk.clock import Clock
from ig_sdk.logs import get_logger
from ig_sdk.simulator.accounts.logins import Account
from ig_sdk.simulator.broker import AccountTerms, Broker, BrokerEvent, Figures, MarketTerms
from ig_sdk.simulator.reference.instruments import listed
from ig_sdk.types import Tick

_log = get_logger("simulator.desk")

# IG takes tens of milliseconds, and so does a request to it: a client that asks once, right after its deal, usually
# finds the confirm. On loopback, where a request takes half a millisecond, it must find it too.
CONFIRM_DELAY_S = 0.0002

T = TypeVar("T")


class DealingService:
    """A broker that many threads can use.

    Args:
        broker: The rules.
        clock: Time.

    Threading:
        Safe from any thread. The thread that causes an event delivers it, outside the lock and one at a time: every
        callback gets the events in the order in which they happened.
    """

    def __init__(self, broker: Broker, *, clock: Clock) -> None:
        self._broker = broker
        self._clock = clock
        self._lock = threading.Lock()
        self._callbacks: tuple[Callable[[BrokerEvent], None], ...] = ()
        self._events: deque[BrokerEvent] = deque()
        self._delivering = False

    def on_event(self, callback: Callable[[BrokerEvent], None]) -> None:
        """Call ``callback`` with every event from now on; it may use this service itself."""
        with self._lock:
            self._callbacks += (callback,)

    def act(self, action: Callable[[Broker, datetime], T]) -> T:
        """Call ``action`` with the broker and the time, under the lock, and return its result.

        What is due by now happens first.
        """
        with self._lock:
            now = self._clock.now()
            self._advance(now)
            try:
                result = action(self._broker, now)
            finally:
                self._events.extend(self._broker.take_events())
        self._deliver()
        return result

    def on_tick(self, tick: Tick) -> None:
        """Take a price: stops, limits and orders that it reaches are filled.

        A generated price counts at its own time, even if the clock jumped and it was generated late; a recorded one
        counts now.
        """
        with self._lock:
            now = self._clock.now()
            if tick.source == "simulator":
                now = min(now, tick.time)
            self._advance(now)
            self._broker.on_tick(tick, now)
            self._events.extend(self._broker.take_events())
            pending = bool(self._events)
        if pending:
            self._deliver()

    def set_status(self, epic: str, status: str) -> None:
        """Open, close or suspend a market."""
        self.act(lambda broker, _: broker.set_status(epic, status))

    def status(self, epic: str) -> str:
        """Return a market's status."""
        with self._lock:
            return self._broker.view.status(epic)

    def account(self, account_id: str) -> AccountTerms:
        """Return the terms of an account."""
        with self._lock:
            return self._broker.view.account(account_id)

    def rate(self, source: str, target: str) -> float:
        """Return how much of ``target`` one unit of ``source`` is worth now; 1 where no market tells."""
        with self._lock:
            rate = self._broker.view.rate(source, target)
        # Six digits, as IG sends it (samples).
        return 1.0 if rate is None else round(float(rate), 6)

    def figures(self, account_id: str) -> Figures:
        """Return the money of an account."""
        return self.act(lambda broker, _: broker.view.figures(account_id))

    def _advance(self, now: datetime) -> None:
        # Called under the lock.
        if now >= self._broker.next_at:
            self._broker.advance(now)

    def _deliver(self) -> None:
        while True:
            with self._lock:
                if self._delivering or not self._events:
                    # Another thread, or a caller further up this stack, is draining the queue and will deliver this
                    # event too.
                    return
                self._delivering = True
                event, callbacks = self._events.popleft(), self._callbacks
            try:
                for callback in callbacks:
                    self._call(callback, event)
            finally:
                with self._lock:
                    self._delivering = False

    @staticmethod
    def _call(callback: Callable[[BrokerEvent], None], event: BrokerEvent) -> None:
        try:
            callback(event)
        except Exception:  # noqa: BLE001 -- an error in one callback must not stop the dealing
            _log.exception("a callback for dealing events failed")


def broker_of(
    accounts: Iterable[Account], *, seed: object, start: datetime, confirm_delay_s: float = CONFIRM_DELAY_S
) -> Broker:
    """Return a broker for these accounts, with every market of ``instruments.json``."""
    terms = [
        AccountTerms(
            account_id=each.account_id,
            product="SPREADBET" if each.kind == "SPREADBET" else "CFD",
            currency=each.currency,
            balance=Decimal(str(each.balance)),
        )
        for each in accounts
    ]
    markets = {epic: MarketTerms.of(instrument) for epic, instrument in listed().items()}
    delay = timedelta(seconds=confirm_delay_s)
    return Broker(terms, markets, start=start, seed=seed, confirm_delay=delay)
