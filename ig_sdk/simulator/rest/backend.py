"""What the handlers of the REST API read and act on: one simulated IG."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from ig_sdk.clock import Clock
from ig_sdk.simulator.accounts.allowances import AllowanceBook
from ig_sdk.simulator.accounts.dealing_service import DealingService
from ig_sdk.simulator.accounts.encryption import EncryptionKey
from ig_sdk.simulator.accounts.logins import Sessions
from ig_sdk.simulator.prices.past import PastPrices
from ig_sdk.simulator.prices.seeded import Quote
from ig_sdk.simulator.reference.hours import local_time
from ig_sdk.simulator.reference.instruments import Instrument, listed
from ig_sdk.simulator.rest.request import Call, Reply
from ig_sdk.simulator.rest.storage import CostQuotes, Watchlists


def _no_history() -> None:
    """Do nothing: these accounts have no history from before the start."""


@dataclass
class Backend:
    """One simulated IG, as its REST API sees it.

    Attributes:
        sessions: Accounts, logins and tokens.
        dealing: Deals, positions, money.
        quote: Returns the current quote of a market.
        past: Candles.
        book: Allowances and what is spent of them.
        clock: Time.
        stream_url: ``lightstreamerEndpoint`` of the login reply.
        seed: Seed of generated data such as sentiment.
        encrypted_only: Refuse passwords in plain text, as IG does for some companies.
        key_enabled: Whether the API key is accepted.
        encryption: The key that passwords are encrypted with.
        watchlists: Watchlists of every account.
        costs: Indicative quotes of costs, as given so far.
        hedging_modes: The undocumented preference by account, where it was set.
        load_history: Called before activity or transactions are read; adds the history from before the start.

    Threading:
        Its parts are safe from any thread; each of its own attributes is replaced as a whole.
    """

    sessions: Sessions
    dealing: DealingService
    quote: Callable[[str], Quote | None]
    past: PastPrices
    book: AllowanceBook
    clock: Clock
    stream_url: str
    seed: object = 7
    encrypted_only: bool = False
    key_enabled: bool = True
    encryption: EncryptionKey = field(default_factory=EncryptionKey)
    watchlists: Watchlists = field(default_factory=Watchlists)
    costs: CostQuotes = field(default_factory=CostQuotes)
    hedging_modes: dict[str, str] = field(default_factory=dict)
    load_history: Callable[[], None] = _no_history

    def shown(self, epic: str) -> tuple[Instrument, Quote | None, str]:
        """Return a known market, its quote and its status."""
        return listed()[epic], self.quote(epic), self.dealing.status(epic)

    def balance(self, account_id: str) -> dict[str, Any]:
        """Return the money of an account, as logins and account lists show it."""
        held = self.dealing.figures(account_id)
        return {
            "balance": held.balance,
            "deposit": held.deposit,
            "profitLoss": held.profit_loss,
            "available": held.available,
        }

    def rates(self, currency: str) -> Callable[[str], float]:
        """Return what tells how much of another currency one unit of ``currency`` is worth: the rates it books at."""
        return lambda other: self.dealing.rate(currency, other)

    def timezone_offset(self) -> int:
        """Return how many hours the client's clock is ahead of UTC today."""
        now = self.clock.now()
        return round((local_time(now) - now).total_seconds() / 3600)

    def trailing_stops(self, account_id: str) -> bool:
        """Return whether an account may use trailing stops."""
        return self.dealing.account(account_id).trailing_stops


Handler: TypeAlias = Callable[[Backend, Call], Reply]
