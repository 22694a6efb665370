"""``ig.orders``: list, create, amend and cancel working orders."""

from __future__ import annotations

from datetime import datetime

from ig_sdk.errors import NotFound
from ig_sdk.rest.arguments import (
    currency_of,
    deal_id_of,
    good_till_of,
    limit_of,
    one_of,
    reference_of,
    stop_of,
    text_of,
)
from ig_sdk.rest.deals.changes import OrderCancel, OrderChange
from ig_sdk.rest.deals.checks import order_change_faults
from ig_sdk.rest.deals.dealing import Dealing, refuse
from ig_sdk.rest.deals.new import KINDS, KnownMarket, NewOrder
from ig_sdk.rest.deals.open_deals import Order
from ig_sdk.rest.deals.reader import ORDERS
from ig_sdk.rest.http.deadline import Deadline
from ig_sdk.rest.http.endpoint import Endpoint
from ig_sdk.spelling import spelled
from ig_sdk.types import KEEP, Confirm, Direction, Keep, Limit, Number, Stop, decimal_of

CREATE = Endpoint("POST", "/workingorders/otc", version=2, mutating=True, allowance="trading")
AMEND = Endpoint("PUT", "/workingorders/otc/{dealId}", version=2, mutating=True, allowance="trading")
CANCEL = Endpoint("DELETE", "/workingorders/otc/{dealId}", version=2, mutating=True, allowance="trading")


class OrdersResource:
    """The working orders; reached as ``ig.orders``.

    Every deal is sent once. It ends in the ``Confirm`` of its acceptance, or in an error: ``DealRejected`` when IG
    rejected it, ``DealUncertain`` when it may have been taken, any other when it was not.

    Args:
        dealing: Checks and sends.
        known: A market whose details were read already: a deal on it does not read them again while they are fresh.

    Threading:
        Safe from any thread.
    """

    def __init__(self, dealing: Dealing, known: KnownMarket | None = None) -> None:
        self._dealing = dealing
        self._known = known

    @spelled("orders.create", "write stop=Stop(distance=20) and limit=Limit(distance=40)")
    def create(  # noqa: PLR0913 -- IG's own options, all but three by name
        self,
        epic: str,
        direction: Direction | str,
        size: Number,
        *,
        level: Number,
        kind: str = "LIMIT",
        stop: Stop | None = None,
        limit: Limit | None = None,
        good_till: datetime | None = None,
        currency: str | None = None,
        expiry: str | None = None,
        force_open: bool | None = None,
        deal_reference: str | None = None,
        timeout: float | None = None,
    ) -> Confirm:
        """Create an order that deals when the market reaches its level.

        Args:
            epic: The market; one of the five pairs may be named (``"EURUSD"``).
            direction: ``BUY`` or ``SELL``, in any case.
            size: Contracts, or money a point.
            level: Price to wait for.
            kind: ``LIMIT`` waits for a better price than now, ``STOP`` for a worse one.
            stop: Stop of the position that follows; a distance counts from ``level``.
            limit: Limit of the position that follows; a distance counts from ``level``.
            good_till: When it expires, with a time zone; never unless given.
            currency: One of the market's; its default, or else the account's, unless given.
            expiry: The market's unless given.
            force_open: Open beside opposite positions instead of closing them; true unless given, where the market
                allows it.
            deal_reference: Name of the request, never used before; a new one unless given.
            timeout: Seconds for the whole call; ``None`` bounds each attempt by the configuration.

        Returns:
            The confirm of an accepted order.

        Raises:
            InvalidDeal: IG would reject it, and why; nothing was sent.
            DealRejected: IG rejected it; ``hint`` says why, probably.
            DealUncertain: It may have been taken; ``resolve()`` finds out.
            UsageError: It would deal with live money without permission; nothing was sent.
            IGError: It was not taken.

        Source:
            ``POST /workingorders/otc`` version 2 (REST.md section 6).
        """
        deal = NewOrder(
            epic=text_of(epic, "epic"),
            direction=Direction.parse(direction),
            size=decimal_of(size, "size"),
            stop=stop_of(stop),
            limit=limit_of(limit),
            level=decimal_of(level, "level"),
            currency=currency_of(currency),
            expiry=expiry,
            force_open=force_open,
            deal_reference=reference_of(deal_reference),
            reference_is_new=deal_reference is None,
            kind=one_of(kind, KINDS, "kind"),
            good_till=good_till_of(good_till),
        )
        deadline = self._dealing.begin(timeout)
        deal = self._dealing.checked_order(deal, deadline, self._known)
        return self._dealing.send(CREATE, deal, deadline, body=deal.body())

    @spelled("orders.amend", "write stop=Stop(distance=20) and limit=Limit(distance=40)")
    def amend(
        self,
        deal_id: str | None,
        *,
        level: Number | Keep = KEEP,
        stop: Stop | Keep | None = KEEP,
        limit: Limit | Keep | None = KEEP,
        good_till: datetime | Keep | None = KEEP,
        timeout: float | None = None,
    ) -> Confirm:
        """Change an order; what is not mentioned stays as it is.

        The order is read first, and all of its intended state is sent: IG would remove what is left out. Stop and limit
        keep their distances when only the level changes. A stop without ``guaranteed=`` stays guaranteed if it was.

        Args:
            deal_id: The order; ``None``, as a confirm or position without an id has it, is refused.
            level: The new price to wait for.
            stop: The new stop, or ``None`` to remove it.
            limit: The new limit, or ``None`` to remove it.
            good_till: The new end, with a time zone, or ``None`` for never.
            timeout: Seconds for the whole call; ``None`` bounds each attempt by the configuration.

        Returns:
            The confirm of an accepted amendment.

        Raises:
            InvalidDeal: IG would reject it, and why; nothing was sent.
            NotFound: There is no such order, or no more.
            DealRejected: IG rejected it; the order is as it was.
            DealUncertain: It may have been taken; ``resolve()`` finds out.
            UsageError: It would deal with live money without permission; nothing was sent.
            IGError: It was not taken.

        Source:
            ``PUT /workingorders/otc/{dealId}`` version 2 (REST.md section 6.2).
        """
        if all(each is KEEP for each in (level, stop, limit, good_till)):
            raise ValueError("amend needs level=, stop=, limit= or good_till=")
        deal_id = deal_id_of(deal_id)
        wanted_level = level if isinstance(level, Keep) else decimal_of(level, "level")
        wanted_stop = stop if isinstance(stop, Keep) else stop_of(stop)
        wanted_limit = limit if isinstance(limit, Keep) else limit_of(limit)
        wanted_end = good_till if isinstance(good_till, Keep) else good_till_of(good_till)
        deadline = self._dealing.begin(timeout)
        with self._dealing.turn(deal_id, deadline):
            change = OrderChange.of(
                self._order(deal_id, deadline),
                level=wanted_level,
                stop=wanted_stop,
                limit=wanted_limit,
                good_till=wanted_end,
            )
            refuse(order_change_faults(change), change.before.deal_reference)
            return self._dealing.send(AMEND, change, deadline, body=change.body(), parts={"dealId": deal_id})

    def cancel(self, deal_id: str | None, *, timeout: float | None = None) -> Confirm:
        """Cancel an order.

        Args:
            deal_id: The order; ``None``, as a confirm or position without an id has it, is refused.
            timeout: Seconds for the whole call; ``None`` bounds each attempt by the configuration.

        Returns:
            The confirm of the cancellation.

        Raises:
            DealRejected: IG rejected it, for instance because the order was filled.
            DealUncertain: It may have been taken; ``resolve()`` finds out.
            UsageError: It would deal with live money without permission; nothing was sent.
            IGError: It was not taken.

        Source:
            ``DELETE /workingorders/otc/{dealId}`` version 2 (REST.md sections 1 and 6).
        """
        deal_id = deal_id_of(deal_id)
        deadline = self._dealing.begin(timeout)
        with self._dealing.turn(deal_id, deadline):
            return self._dealing.send(CANCEL, OrderCancel(deal_id), deadline, parts={"dealId": deal_id})

    def _order(self, deal_id: str, deadline: Deadline) -> Order:
        found = next((each for each in self._dealing.reader.orders(deadline) if each.deal_id == deal_id), None)
        if found is None:
            # IG has no request for a single order.
            raise NotFound(
                f"there is no working order {deal_id}",
                status=200,
                method=ORDERS.method,
                path=ORDERS.path,
                hint="it was filled, cancelled or has ended: look at ig.orders.list() and ig.positions.list()",
            )
        return found

    # Last in the class: below it, "list" would no longer be the type.
    def list(self, *, timeout: float | None = None) -> list[Order]:
        """Return all working orders.

        Args:
            timeout: Seconds for the whole call; ``None`` bounds each attempt by the configuration.

        Raises:
            IGError: The call failed.

        Source:
            ``GET /workingorders`` version 2 (REST.md section 5); samples ``workingorders_v2``.
        """
        return self._dealing.reader.orders(self._dealing.reader.deadline(timeout))
