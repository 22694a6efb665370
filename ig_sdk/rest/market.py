"""One market with its details: its price, and deals on it."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from ig_sdk.errors import DecodeError
from ig_sdk.rest.market_data.details import DealingRules, Instrument, MarketDetails, Snapshot
from ig_sdk.rest.markets import MarketsResource
from ig_sdk.rest.orders import OrdersResource
from ig_sdk.rest.positions import PositionsResource
from ig_sdk.spelling import spelled
from ig_sdk.types import Confirm, Direction, Limit, Number, Stop, Tick


class Market:
    """One market: its details, its price on demand, and deals on it. ``ig.market(...)`` makes it.

    For five minutes a deal is checked against the rules in ``details``, without a request. Prices and state of the
    market are not checked then, since they may have changed: IG rejects what does not fit them. After that each deal
    reads the details again, as ``ig.positions.open`` and ``ig.orders.create`` always do. A rejected deal reads them in
    any case, to say why.

    Args:
        details: What IG sent about it.
        epic: IG's market id.
        markets: Asks for prices.
        positions: Opens positions.
        orders: Creates orders.

    Attributes:
        epic: IG's market id.
        details: Everything that IG sent about it when this was made.

    Threading:
        Safe from any thread.
    """

    def __init__(
        self,
        details: MarketDetails,
        epic: str,
        *,
        markets: MarketsResource,
        positions: PositionsResource,
        orders: OrdersResource,
    ) -> None:
        self.epic = epic
        self.details = details
        self._markets = markets
        self._positions = positions
        self._orders = orders

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
        """The rules that deals must keep."""
        return self.details.dealing_rules

    @property
    def snapshot(self) -> Snapshot:
        """Prices and state when this was made; ``quote()`` asks IG for the current price."""
        return self.details.snapshot

    @property
    def point(self) -> Decimal:
        """One point as a price, such as 0.0001 where ``snapshot.scaling_factor`` is 10000, and 1 where it is 1.

        It adds to a deal's level, which is a ``Decimal`` too: ``opened.level + 20 * market.point``.

        Raises:
            DecodeError: IG did not say how many points a price has.
        """
        scaling = self.details.snapshot.scaling_factor
        if not scaling:
            raise DecodeError(f"IG sent no scaling factor of {self.epic}", path="snapshot.scalingFactor")
        return 1 / scaling

    def quote(self, *, timeout: float | None = None) -> Tick:
        """Return the current price, asked of IG now.

        Args:
            timeout: Seconds for the whole call; ``None`` bounds each attempt by the configuration.

        Returns:
            A tick with source ``"poll"``, prices in the market's own notation.

        Raises:
            DecodeError: IG sent no price.
            IGError: The call failed.
        """
        return self._markets.quote(self.epic, timeout=timeout)

    @spelled("market.buy", "write stop=Stop(distance=20) and limit=Limit(distance=40)")
    def buy(
        self,
        size: Number,
        *,
        stop: Stop | None = None,
        limit: Limit | None = None,
        currency: str | None = None,
        force_open: bool | None = None,
        deal_reference: str | None = None,
        timeout: float | None = None,
    ) -> Confirm:
        """Buy at the market's price now; ``ig.positions.open`` has further options.

        Args:
            size: Contracts, or money a point.
            stop: Where to close at a loss.
            limit: Where to close at a profit.
            currency: One of the market's; its default, or else the account's, unless given.
            force_open: Open beside opposite positions instead of closing them; true unless given, where the market
                allows it.
            deal_reference: Name of the request, never used before; a new one unless given.
            timeout: Seconds for the whole call; ``None`` bounds each attempt by the configuration.

        Returns:
            The confirm of an accepted deal.

        Raises:
            IGError: As for ``ig.positions.open``.
        """
        return self._positions.open(
            self.epic,
            Direction.BUY,
            size,
            stop=stop,
            limit=limit,
            currency=currency,
            force_open=force_open,
            deal_reference=deal_reference,
            timeout=timeout,
        )

    @spelled("market.sell", "write stop=Stop(distance=20) and limit=Limit(distance=40)")
    def sell(
        self,
        size: Number,
        *,
        stop: Stop | None = None,
        limit: Limit | None = None,
        currency: str | None = None,
        force_open: bool | None = None,
        deal_reference: str | None = None,
        timeout: float | None = None,
    ) -> Confirm:
        """Sell at the market's price now; ``ig.positions.open`` has further options.

        Args:
            size: Contracts, or money a point.
            stop: Where to close at a loss.
            limit: Where to close at a profit.
            currency: One of the market's; its default, or else the account's, unless given.
            force_open: Open beside opposite positions instead of closing them; true unless given, where the market
                allows it.
            deal_reference: Name of the request, never used before; a new one unless given.
            timeout: Seconds for the whole call; ``None`` bounds each attempt by the configuration.

        Returns:
            The confirm of an accepted deal.

        Raises:
            IGError: As for ``ig.positions.open``.
        """
        return self._positions.open(
            self.epic,
            Direction.SELL,
            size,
            stop=stop,
            limit=limit,
            currency=currency,
            force_open=force_open,
            deal_reference=deal_reference,
            timeout=timeout,
        )

    @spelled("market.order", "write stop=Stop(distance=20) and limit=Limit(distance=40)")
    def order(
        self,
        direction: Direction | str,
        size: Number,
        *,
        level: Number,
        kind: str = "LIMIT",
        stop: Stop | None = None,
        limit: Limit | None = None,
        good_till: datetime | None = None,
        currency: str | None = None,
        force_open: bool | None = None,
        deal_reference: str | None = None,
        timeout: float | None = None,
    ) -> Confirm:
        """Create an order that deals when the market reaches its level; ``ig.orders.create`` has further options.

        Args:
            direction: ``BUY`` or ``SELL``, in any case.
            size: Contracts, or money a point.
            level: Price to wait for.
            kind: ``LIMIT`` waits for a better price than now, ``STOP`` for a worse one.
            stop: Stop of the position that follows; a distance counts from ``level``.
            limit: Limit of the position that follows; a distance counts from ``level``.
            good_till: When it expires, with a time zone; never unless given.
            currency: One of the market's; its default, or else the account's, unless given.
            force_open: Open beside opposite positions instead of closing them; true unless given, where the market
                allows it.
            deal_reference: Name of the request, never used before; a new one unless given.
            timeout: Seconds for the whole call; ``None`` bounds each attempt by the configuration.

        Returns:
            The confirm of an accepted order.

        Raises:
            IGError: As for ``ig.orders.create``.
        """
        return self._orders.create(
            self.epic,
            direction,
            size,
            level=level,
            kind=kind,
            stop=stop,
            limit=limit,
            good_till=good_till,
            currency=currency,
            force_open=force_open,
            deal_reference=deal_reference,
            timeout=timeout,
        )

    def __repr__(self) -> str:
        return f"<Market {self.epic} {self.name!r} {self.snapshot.market_status or ''}>"
