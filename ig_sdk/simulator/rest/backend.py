"""What stands behind the REST API: everything that an answer is made of or acts on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from ig_sdk.clock import Clock
from ig_sdk.simulator.accounts.allowances import AllowanceBook
from ig_sdk.simulator.accounts.dealing_service import DealingService
from ig_sdk.simulator.accounts.encryption import EncryptionKey
from ig_sdk.simulator.accounts.logins import Sessions
from ig_sdk.simulator.prices.past import PastPrices
from ig_sdk.simulator.prices.seeded import Quote
from ig_sdk.simulator.reference.instruments import Instrument, instruments
from ig_sdk.simulator.rest.request import Call, Reply
from ig_sdk.simulator.rest.storage import CostQuotes, Watchlists


def _no_history() -> None:
    """Stand in where accounts have no past."""


@dataclass
class Backend:
    """One simulated IG, as its REST API sees it.

    Attributes:
        sessions: Who is logged in.
        desk: Deals, positions, money.
        quote: What a market shows now.
        past: Candles.
        book: Allowances.
        clock: Time.
        stream_url: ``lightstreamerEndpoint`` of the login reply.
        seed: Of what is made up on the way, such as sentiment.
        encrypted_only: Refuse passwords in plain text, as IG does for some companies.
        key_enabled: Whether the API key is taken.
        encryption: The key that passwords are encrypted with.
        watchlists: Of every account.
        costs: Indicative quotes of costs that were given.
        hedging_modes: The undocumented preference by account, where somebody set it.
        load_history: Called before activity or transactions are read: the accounts remember what was before.

    Threading:
        Its parts are safe from any thread; its own attributes are set as a whole.
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
        """Return a known market, what it shows and its status."""
        return instruments()[epic], self.quote(epic), self.dealing.status(epic)


Handler: TypeAlias = Callable[[Backend, Call], Reply]
