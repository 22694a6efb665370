"""``ig.markets``: what can be traded, on which terms, and at what price now."""

# ruff: noqa: RUF009 -- the functions of _json declare fields, as dataclasses.field() does
from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ig_sdk import _json
from ig_sdk.clock import Clock
from ig_sdk.errors import DecodeError
from ig_sdk.rest.auth import Auth
from ig_sdk.rest.endpoint import Endpoint
from ig_sdk.rest.market_details import DealingRules, Instrument, MarketDetails, Snapshot
from ig_sdk.rest.requestor import Budget
from ig_sdk.types import Tick, epic_for

GET = Endpoint("GET", "/markets/{epic}", version=3)
LIST = Endpoint("GET", "/markets", version=2)
SEARCH = Endpoint("GET", "/markets", version=1)
# More are refused with error.public-api.too-many-epics (wire/ig_api.json, markets.list.v2).
_EPICS_PER_REQUEST = 50


@_json.model
@dataclass(frozen=True)
class MarketSummary:
    """A market as the search lists it.

    Attributes:
        epic: IG's market id.
        instrument_name: IG's name.
        instrument_type: ``CURRENCIES``, ``INDICES`` …
        expiry: ``-`` for none, ``DFB``, or a month.
        market_status: ``TRADEABLE``, ``EDITS_ONLY``, ``CLOSED`` …
        bid: Price at which one sells; ``None`` without a price feed.
        offer: Price at which one buys.
        high: Highest of the day.
        low: Lowest of the day.
        net_change: Change since yesterday's close; on options, the underlying's level.
        percentage_change: The same in percent.
        update_time: Time of day of the price, in the account's local time.
        update_time_utc: The same in UTC.
        delay_time: Minutes by which prices are delayed.
        streaming_prices_available: Whether prices are streamed.
        scaling_factor: Points in one unit of price.
        extra: What IG sent and this class does not know.
    """

    epic: str | None = _json.text()
    instrument_name: str | None = _json.text()
    instrument_type: str | None = _json.text()
    expiry: str | None = _json.text()
    market_status: str | None = _json.text()
    bid: float | None = _json.number()
    offer: float | None = _json.number()
    high: float | None = _json.number()
    low: float | None = _json.number()
    net_change: float | None = _json.number()
    percentage_change: float | None = _json.number()
    update_time: str | None = _json.text()
    update_time_utc: str | None = _json.text("updateTimeUTC")
    delay_time: int | None = _json.whole()
    streaming_prices_available: bool | None = _json.flag()
    scaling_factor: int | None = _json.whole()
    extra: dict[str, Any] = _json.extra()


class Market:
    """One market: its details, and its price on demand. ``ig.market(...)`` makes it.

    Attributes:
        epic: IG's market id.
        details: Everything that IG told about it when this was made.

    Threading:
        Safe from any thread.
    """

    def __init__(self, markets: MarketsResource, details: MarketDetails, epic: str) -> None:
        self._markets = markets
        self.epic = epic
        self.details = details

    @property
    def name(self) -> str:
        """IG's name of it."""
        return self.details.instrument.name or self.epic

    @property
    def instrument(self) -> Instrument:
        """What is traded."""
        return self.details.instrument

    @property
    def dealing_rules(self) -> DealingRules | None:
        """What deals must keep to."""
        return self.details.dealing_rules

    @property
    def snapshot(self) -> Snapshot:
        """Prices and state when this was made; ``quote()`` asks for the present ones."""
        return self.details.snapshot

    def quote(self, *, timeout: float | None = None) -> Tick:
        """Return the present price, asked of IG now.

        Args:
            timeout: Seconds for the whole call; ``None`` bounds each attempt by the configuration.

        Returns:
            A tick with source ``"poll"``, prices in the market's own notation.

        Raises:
            DecodeError: IG sent no price.
            IGError: The call failed.
        """
        return self._markets.quote(self.epic, timeout=timeout)

    def __repr__(self) -> str:
        return f"<Market {self.epic} {self.name!r} {self.snapshot.market_status or ''}>"


class MarketsResource:
    """The markets; reached as ``ig.markets``.

    A market is named by its epic, or the five pairs by name (``"EURUSD"``).

    Threading:
        Safe from any thread.
    """

    def __init__(self, auth: Auth, clock: Clock) -> None:
        self._auth = auth
        self._clock = clock

    def get(self, epic: str, *, timeout: float | None = None) -> MarketDetails:
        """Return everything about one market.

        Args:
            epic: The market.
            timeout: Seconds for the whole call; ``None`` bounds each attempt by the configuration.

        Raises:
            NotFound: IG knows no such epic.
            IGError: The call failed.

        Source:
            ``GET /markets/{epic}`` version 3 (REST.md section 5); samples ``market_v3``.
        """
        return self._get(epic, self._auth.budget(timeout))

    def _get(self, epic: str, budget: Budget) -> MarketDetails:
        reply = self._auth.call(GET, budget, parts={"epic": epic_for(epic)})
        return _json.decode(MarketDetails, reply.data, path="market")

    def search(self, term: str, *, timeout: float | None = None) -> list[MarketSummary]:
        """Return the markets that IG finds for some words.

        Args:
            term: What to look for, e.g. ``"EUR/USD"``.
            timeout: Seconds for the whole call; ``None`` bounds each attempt by the configuration.

        Returns:
            IG's hits in IG's order; none is an empty list.

        Raises:
            IGError: The call failed.

        Source:
            ``GET /markets?searchTerm=`` version 1 (REST.md section 5); samples ``markets_search_v1``.
        """
        if not term.strip():
            raise ValueError("the search needs a term")
        data = self._auth.call(SEARCH, self._auth.budget(timeout), query={"searchTerm": term}).data
        rows = data.get("markets") if isinstance(data, dict) else data
        return list(_json.decode_list(MarketSummary, rows, path="markets"))

    def quote(self, epic: str, *, timeout: float | None = None) -> Tick:
        """Return the present price of one market as a tick; see ``Market.quote``."""
        budget = self._auth.budget(timeout)
        details = self._get(epic, budget)
        offset = self._auth.login(budget).timezone_offset
        tick = details.tick(self._clock.now(), timezone_offset=offset)
        if tick is None:
            raise DecodeError(
                f"IG sent no price for {epic}",
                path="snapshot.bid",
                hint=f"the market is {details.snapshot.market_status}; shares have no price without a price feed",
            )
        return tick if tick.epic else tick._replace(epic=epic_for(epic))

    def market(self, epic: str, *, timeout: float | None = None) -> Market:
        """Return one market with its details; ``IGClient.market`` calls this."""
        return Market(self, self.get(epic, timeout=timeout), epic_for(epic))

    # Last in the class: below it, "list" would no longer be the type.
    def list(self, epics: Iterable[str], *, timeout: float | None = None) -> list[MarketDetails]:
        """Return everything about several markets, in the order asked; 50 go into one request.

        Args:
            epics: The markets; naming one twice gives it once.
            timeout: Seconds for the whole call; ``None`` bounds each attempt by the configuration.

        Raises:
            NotFound: IG does not know one of the epics.
            IGError: The call failed.

        Source:
            ``GET /markets?epics=`` version 2, which does not always answer in the order asked (REST.md sections 5, 10);
            sample ``markets_v2``.
        """
        asked = list(dict.fromkeys(epic_for(epic) for epic in ([epics] if isinstance(epics, str) else epics)))
        for epic in asked:
            if not epic.strip() or "," in epic:
                raise ValueError(f"an epic must not be {epic!r}")
        budget = self._auth.budget(timeout)
        found: list[MarketDetails] = []
        for start in range(0, len(asked), _EPICS_PER_REQUEST):
            query = {"epics": ",".join(asked[start : start + _EPICS_PER_REQUEST])}
            data = self._auth.call(LIST, budget, query=query).data
            rows = data.get("marketDetails") if isinstance(data, dict) else data
            found += _json.decode_list(MarketDetails, rows, path="marketDetails")
        place = {epic: index for index, epic in enumerate(asked)}
        return sorted(found, key=lambda each: place.get(each.instrument.epic or "", len(asked)))
