"""The prices that the broker deals at, exact to the digits shown, and the rates between currencies that follow."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

from ig_sdk.simulator.broker.terms import MarketTerms
from ig_sdk.types import Direction, Tick


class Quote(NamedTuple):
    """Both sides of a market.

    Attributes:
        bid: Where one sells.
        offer: Where one buys.
    """

    bid: Decimal
    offer: Decimal

    def opening(self, direction: Direction) -> Decimal:
        """Return the price at which a deal of ``direction`` is filled."""
        return self.offer if direction is Direction.BUY else self.bid

    def closing(self, direction: Direction) -> Decimal:
        """Return the price at which a position of ``direction`` is closed."""
        return self.bid if direction is Direction.BUY else self.offer

    @property
    def mid(self) -> Decimal:
        """Mean of both."""
        return (self.bid + self.offer) / 2


class Prices:
    """The latest price of every market.

    Args:
        markets: Terms by epic; may be changed afterwards.

    Attributes:
        ticks: Latest tick by epic, put there by the broker: ticks of markets that are not used cost no more than that.
    """

    def __init__(self, markets: Mapping[str, MarketTerms]) -> None:
        self.ticks: dict[str, Tick] = {}
        self._markets = markets
        self._quotes: dict[str, tuple[Tick, Quote]] = {}
        self._routes: dict[tuple[str, str], tuple[tuple[str, bool], ...] | None] = {}

    def quote(self, epic: str) -> Quote | None:
        """Return what a market shows, or ``None`` before its first price."""
        tick = self.ticks.get(epic)
        if tick is None:
            return None
        known = self._quotes.get(epic)
        if known is None or known[0] is not tick:
            # The shortest text that reads back as the float is the price as it was sent.
            known = tick, Quote(Decimal(repr(tick.bid)), Decimal(repr(tick.offer)))
            self._quotes[epic] = known
        return known[1]

    def rate(self, source: str, target: str) -> Decimal | None:
        """Return how much of ``target`` one unit of ``source`` is worth, at mid prices; ``None`` if it is not known."""
        if source == target:
            return Decimal(1)
        if (source, target) not in self._routes:
            self._routes[source, target] = self._route(source, target)
        route = self._routes[source, target]
        if route is None:
            return None
        rate = Decimal(1)
        for epic, inverse in route:
            quote = self.quote(epic)
            mid = self._markets[epic].mid if quote is None else quote.mid
            rate = rate / mid if inverse else rate * mid
        return rate

    def _route(self, source: str, target: str) -> tuple[tuple[str, bool], ...] | None:
        """Return the shortest chain of currency pairs, each with whether its price is to be inverted."""
        routes: dict[str, tuple[tuple[str, bool], ...]] = {source: ()}
        pairs = self._pairs()
        # Breadth first: a currency enters by the fewest steps, and of equal ones by the market that is named first.
        for currency in (queue := [source]):
            for base, quoted, epic in pairs:
                for here, there, inverse in ((base, quoted, False), (quoted, base, True)):
                    if here == currency and there not in routes:
                        routes[there] = (*routes[currency], (epic, inverse))
                        queue.append(there)
        return routes.get(target)

    def _pairs(self) -> list[tuple[str, str, str]]:
        # Bets quote in points (price x 10000, REST.md section 6.4); contracts quote the rate itself.
        return [
            (terms.market_id[:3], terms.market_id[3:], epic)
            for epic, terms in self._markets.items()
            if terms.kind == "CURRENCIES" and terms.product == "CFD" and len(terms.market_id) == 6
        ]
