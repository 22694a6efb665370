"""``ig.positions``: list, open, amend and close positions."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from decimal import Decimal

from ig_sdk.errors import DecodeError, IGError
from ig_sdk.rest.arguments import currency_of, deal_id_of, limit_of, one_of, reference_of, stop_of, text_of
from ig_sdk.rest.deals.changes import PositionChange, PositionClose
from ig_sdk.rest.deals.checks import close_faults, position_change_faults
from ig_sdk.rest.deals.dealing import Dealing, refuse
from ig_sdk.rest.deals.new import ORDER_TYPES, TIMES_IN_FORCE, KnownMarket, NewPosition
from ig_sdk.rest.deals.open_deals import Position
from ig_sdk.rest.deals.repeat_dealing import RepeatDealingWindow
from ig_sdk.rest.http.deadline import Deadline
from ig_sdk.rest.http.endpoint import Endpoint
from ig_sdk.spelling import spelled
from ig_sdk.types import KEEP, Confirm, Direction, Keep, Limit, Number, Stop, decimal_of, optional_decimal_of

OPEN = Endpoint("POST", "/positions/otc", version=2, mutating=True, allowance="trading")
AMEND = Endpoint("PUT", "/positions/otc/{dealId}", version=2, mutating=True, allowance="trading")
CLOSE = Endpoint("DELETE", "/positions/otc", version=1, mutating=True, allowance="trading")


@dataclass(frozen=True)
class CloseOutcome:
    """The outcome of one position in ``close_all``.

    Attributes:
        position: The position.
        confirm: IG's confirm when it was closed, else ``None``.
        error: Why it was not, or is not known to be closed, else ``None``.
    """

    position: Position
    confirm: Confirm | None = None
    error: IGError | None = None

    @property
    def closed(self) -> bool:
        """Whether it is known to be closed."""
        return self.confirm is not None


class PositionsResource:
    """The positions; reached as ``ig.positions``.

    Every deal is sent once. It ends in the ``Confirm`` of its acceptance, or in an error: ``DealRejected`` when IG
    rejected it, ``DealUncertain`` when it may have been taken, any other when it was not.

    Sizes and levels are ``Decimal``, ``int``, text, or ``float`` (which counts by its text).

    Args:
        dealing: Checks and sends.
        known: A market whose details were read already: a deal on it does not read them again while they are fresh.

    Threading:
        Safe from any thread.
    """

    def __init__(self, dealing: Dealing, known: KnownMarket | None = None) -> None:
        self._dealing = dealing
        self._known = known

    def get(self, deal_id: str | None, *, timeout: float | None = None) -> Position:
        """Return one position.

        Args:
            deal_id: The position; ``None``, as a confirm or position without an id has it, is refused.
            timeout: Seconds for the whole call; ``None`` bounds each attempt by the configuration.

        Raises:
            NotFound: There is no such position, or no more.
            IGError: The call failed.

        Source:
            ``GET /positions/{dealId}`` version 2 (REST.md section 5); sample ``position_v2``.
        """
        return self._dealing.reader.position(deal_id_of(deal_id), self._dealing.reader.deadline(timeout))

    @spelled("positions.open", "write stop=Stop(distance=20) and limit=Limit(distance=40)")
    def open(  # noqa: PLR0913 -- IG's own options, all but three by name
        self,
        epic: str,
        direction: Direction | str,
        size: Number,
        *,
        stop: Stop | None = None,
        limit: Limit | None = None,
        order_type: str = "MARKET",
        level: Number | None = None,
        quote_id: str | None = None,
        currency: str | None = None,
        expiry: str | None = None,
        force_open: bool | None = None,
        time_in_force: str | None = None,
        deal_reference: str | None = None,
        timeout: float | None = None,
    ) -> Confirm:
        """Open a position at the market's price now.

        Args:
            epic: The market; one of the five pairs may be named (``"EURUSD"``).
            direction: ``BUY`` or ``SELL``, in any case.
            size: Contracts, or money a point.
            stop: Where to close at a loss: ``Stop(level=...)`` or ``Stop(distance=...)``.
            limit: Where to close at a profit: ``Limit(level=...)`` or ``Limit(distance=...)``.
            order_type: ``MARKET``; ``LIMIT`` deals now or not at all, no worse than ``level``; ``QUOTE`` by agreement.
            level: Worst price of a ``LIMIT`` deal, price of a ``QUOTE`` deal.
            quote_id: The quote of a ``QUOTE`` deal.
            currency: One of the market's; its default, or else the account's, unless given.
            expiry: The market's unless given.
            force_open: Open beside opposite positions instead of closing them; true unless given, where the market
                allows it.
            time_in_force: ``FILL_OR_KILL`` or ``EXECUTE_AND_ELIMINATE``; IG's choice unless given.
            deal_reference: Name of the request, never used before; a new one unless given.
            timeout: Seconds for the whole call; ``None`` bounds each attempt by the configuration.

        Returns:
            The confirm of an accepted deal.

        Raises:
            InvalidDeal: IG would reject it, and why; nothing was sent.
            DealRejected: IG rejected it; ``hint`` says why, probably.
            DealUncertain: It may have been taken; ``resolve()`` finds out.
            UsageError: It would deal with live money without permission; nothing was sent.
            IGError: It was not taken.

        Source:
            ``POST /positions/otc`` version 2 (REST.md section 6).
        """
        deal = NewPosition(
            epic=text_of(epic, "epic"),
            direction=Direction.parse(direction),
            size=decimal_of(size, "size"),
            stop=stop_of(stop),
            limit=limit_of(limit),
            level=optional_decimal_of(level, "level"),
            currency=currency_of(currency),
            expiry=expiry,
            force_open=force_open,
            deal_reference=reference_of(deal_reference),
            reference_is_new=deal_reference is None,
            order_type=one_of(order_type, ORDER_TYPES, "order_type"),
            quote_id=quote_id,
            time_in_force=None if time_in_force is None else one_of(time_in_force, TIMES_IN_FORCE, "time_in_force"),
        )
        deadline = self._dealing.begin(timeout)
        deal = self._dealing.checked_position(deal, deadline, self._known)
        return self._dealing.send(OPEN, deal, deadline, body=deal.body())

    @spelled("positions.amend", "write stop=Stop(distance=20) and limit=Limit(distance=40)")
    def amend(
        self,
        deal_id: str | None,
        *,
        stop: Stop | Keep | None = KEEP,
        limit: Limit | Keep | None = KEEP,
        timeout: float | None = None,
    ) -> Confirm:
        """Change or remove the stop or the limit of a position; what is not mentioned stays as it is.

        The position is read first, and all of its intended state is sent: IG would remove what is left out. A stop
        without ``guaranteed=`` stays guaranteed if it was.

        Args:
            deal_id: The position; ``None``, as a confirm or position without an id has it, is refused.
            stop: The new stop, or ``None`` to remove it. A distance counts from the level of the position, that of a
                trailing stop from the price now.
            limit: The new limit, or ``None`` to remove it. A distance counts from the level of the position.
            timeout: Seconds for the whole call; ``None`` bounds each attempt by the configuration.

        Returns:
            The confirm of an accepted amendment.

        Raises:
            InvalidDeal: IG would reject it, and why; nothing was sent.
            NotFound: There is no such position, or no more.
            DealRejected: IG rejected it; the position is as it was.
            DealUncertain: It may have been taken; ``resolve()`` finds out.
            UsageError: It would deal with live money without permission; nothing was sent.
            IGError: It was not taken.

        Source:
            ``PUT /positions/otc/{dealId}`` version 2 (REST.md section 6.2).
        """
        if stop is KEEP and limit is KEEP:
            raise ValueError("amend needs stop= or limit=")
        deal_id = deal_id_of(deal_id)
        new_stop = stop if isinstance(stop, Keep) else stop_of(stop)
        new_limit = limit if isinstance(limit, Keep) else limit_of(limit)
        deadline = self._dealing.begin(timeout)
        with self._dealing.turn(deal_id, deadline):
            before = self._dealing.position(deal_id, deadline, "ig.orders.amend()")
            change = PositionChange.of(before, new_stop, new_limit)
            refuse(position_change_faults(change), change.before.deal_reference)
            return self._dealing.send(AMEND, change, deadline, body=change.body(), parts={"dealId": deal_id})

    @spelled("positions.close")
    def close(
        self,
        deal_id: str | None,
        size: Number | None = None,
        *,
        order_type: str = "MARKET",
        level: Number | None = None,
        quote_id: str | None = None,
        time_in_force: str | None = None,
        timeout: float | None = None,
    ) -> Confirm:
        """Close a position, or a part of it.

        Args:
            deal_id: The position; ``None``, as a confirm or position without an id has it, is refused.
            size: How much of it; all unless given.
            order_type: ``MARKET``; ``LIMIT`` closes now or not at all, no worse than ``level``; ``QUOTE`` by agreement.
            level: Worst price of a ``LIMIT`` close, price of a ``QUOTE`` close.
            quote_id: The quote of a ``QUOTE`` close.
            time_in_force: ``FILL_OR_KILL`` or ``EXECUTE_AND_ELIMINATE``; IG's choice unless given.
            timeout: Seconds for the whole call; ``None`` bounds each attempt by the configuration.

        Returns:
            The confirm of the close, with ``profit`` and ``close_level``. Its ``deal_id`` is the position's; its
            ``closing_deal_id`` is read from the history when it is asked for.

        Raises:
            InvalidDeal: IG would reject it, and why; nothing was sent.
            NotFound: There is no such position, or no more.
            DealRejected: IG rejected it; the position is as it was.
            DealUncertain: It may have been taken; ``resolve()`` finds out.
            UsageError: It would deal with live money without permission; nothing was sent.
            IGError: It was not taken.

        Source:
            ``DELETE /positions/otc`` version 1 (REST.md sections 6.1 and 6.2).
        """
        deal_id, part = deal_id_of(deal_id), optional_decimal_of(size, "size")
        kind = one_of(order_type, ORDER_TYPES, "order_type")
        worst = optional_decimal_of(level, "level")
        in_force = None if time_in_force is None else one_of(time_in_force, TIMES_IN_FORCE, "time_in_force")
        deadline = self._dealing.begin(timeout)
        with self._dealing.turn(deal_id, deadline):
            close = _position_close(self._dealing.position(deal_id, deadline, "ig.orders.cancel()"), part)
            close = dataclasses.replace(close, order_type=kind, level=worst, quote_id=quote_id, time_in_force=in_force)
            return self._close(close, deadline)

    def close_all(self, *, epic: str | None = None, timeout: float | None = None) -> list[CloseOutcome]:
        """Close all positions, or all of one market, one after the other, and return the outcome of each.

        A position that cannot be closed does not keep the others from being closed.

        Args:
            epic: The market; all unless given.
            timeout: Seconds for the whole call; ``None`` bounds each attempt by the configuration.

        Returns:
            One outcome for each position that was open, in IG's order.

        Raises:
            UsageError: It would deal with live money without permission; nothing was sent.
            IGError: The positions could not be read; nothing was sent.
        """
        deadline = self._dealing.begin(timeout)
        wanted = None if epic is None else self._dealing.epic_of(epic, deadline)
        positions = [each for each in self._dealing.reader.positions(deadline) if wanted in (None, each.epic)]
        return [self._attempt(position, deadline) for position in positions]

    def repeat_dealing_window(self, *, epic: str | None = None, timeout: float | None = None) -> RepeatDealingWindow:
        """Return recent deals, which affect the price of the next ones.

        Args:
            epic: One market; all unless given.
            timeout: Seconds for the whole call; ``None`` bounds each attempt by the configuration.

        Raises:
            IGError: The call failed.

        Source:
            ``GET /repeat-dealing-window`` version 1 (REST.md section 6.3, tiered pricing); never captured.
        """
        deadline = self._dealing.reader.deadline(timeout)
        wanted = None if epic is None else self._dealing.epic_of(epic, deadline)
        return self._dealing.reader.repeat_dealing(wanted, deadline)

    def _attempt(self, position: Position, deadline: Deadline) -> CloseOutcome:
        try:
            close = _position_close(position, None)
            deal_id = deal_id_of(position.deal_id)
            with self._dealing.turn(deal_id, deadline) as waited:
                if waited:  # for another deal on it, which may have changed it
                    close = _position_close(self._dealing.reader.position(deal_id, deadline), None)
                return CloseOutcome(position, self._close(close, deadline))
        except IGError as error:
            return CloseOutcome(position, error=error)

    def _close(self, close: PositionClose, deadline: Deadline) -> Confirm:
        refuse(close_faults(close), close.before.deal_reference)
        return self._dealing.send(CLOSE, close, deadline, body=close.body())

    # Last in the class: below it, "list" would no longer be the type.
    def list(self, *, timeout: float | None = None) -> list[Position]:
        """Return all positions that are open.

        Args:
            timeout: Seconds for the whole call; ``None`` bounds each attempt by the configuration.

        Raises:
            IGError: The call failed.

        Source:
            ``GET /positions`` version 2 (REST.md section 5); samples ``positions_v2``.
        """
        return self._dealing.reader.positions(self._dealing.reader.deadline(timeout))


def _position_close(position: Position, size: Decimal | None) -> PositionClose:
    wanted = position.size if size is None else size
    if wanted is None or position.direction is None or position.deal_id is None:
        raise DecodeError("IG shows no size, side or id of the position", path="position")
    return PositionClose(position, wanted)
