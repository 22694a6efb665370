"""Deals on open positions and orders: amend, close, cancel, as IG's JSON bodies, made from what IG shows now. No I/O.

An amendment replaces everything: a leg left out is removed, and a guarantee not repeated is lost (REST.md section 6.2).
So each change holds the whole intended state.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from ig_sdk.errors import DecodeError
from ig_sdk.rest.arguments import without_none
from ig_sdk.rest.deals.new import good_till_text
from ig_sdk.rest.deals.open_deals import Order, Position
from ig_sdk.types import Direction, Keep, Limit, Number, Stop, decimal_of

_MINUTES = len("yyyy/MM/dd HH:mm")
_ROUNDED = Decimal("0.5")  # points
_FINEST = Decimal("0.1")  # points, where a price is of a hundred or more


@dataclass(frozen=True)
class PositionChange:
    """The intended state of a position.

    Attributes:
        before: The position as IG showed it.
        stop_level: Price of the stop; ``None`` for none.
        limit_level: Price of the limit; ``None`` for none.
        guaranteed: Whether the stop is guaranteed.
        trailing_distance: Points that a trailing stop keeps; ``None`` when it does not trail.
        trailing_step: Points by which it moves.

    Source:
        ``PUT /positions/otc/{dealId}`` version 2 (wire/ig_api.json, positions.otc.update.v2).
    """

    before: Position
    stop_level: Decimal | None
    limit_level: Decimal | None
    guaranteed: bool = False
    trailing_distance: Decimal | None = None
    trailing_step: Decimal | None = None

    @classmethod
    def of(cls, before: Position, stop: Stop | Keep | None, limit: Limit | Keep | None) -> PositionChange:
        """Return the state that follows when one leg is changed and what was not mentioned stays.

        A distance is measured from the level at which the position was opened; that of a trailing stop from the price
        now. A stop whose ``guaranteed`` is not given keeps the position's.

        Raises:
            ValueError: IG does not show what a distance would have to be measured with.
            DecodeError: A field of the position cannot be read, so it could not be repeated.
        """
        _check_readable(before, "stopLevel", "limitLevel", "controlledRisk", "trailingStep", "trailingStopDistance")
        at = _limit_level(before, limit)
        if isinstance(stop, Keep):
            trailing = (before.trailing_stop_distance, before.trailing_step) if before.trails else (None, None)
            return cls(before, before.stop_level, at, bool(before.controlled_risk), *trailing)
        if stop is None:
            return cls(before, None, at)
        if stop.trailing_step is not None:
            return cls(before, _stop_level(before, stop), at, False, stop.distance, stop.trailing_step)  # noqa: FBT003 -- a field
        guaranteed = bool(before.controlled_risk) if stop.guaranteed is None else stop.guaranteed
        return cls(before, _stop_level(before, stop), at, guaranteed)

    def body(self) -> dict[str, object]:
        """Return IG's body; IG removes a leg that is absent from it."""
        return without_none(
            {
                "guaranteedStop": self.guaranteed,
                "limitLevel": self.limit_level,
                "stopLevel": self.stop_level,
                "trailingStop": self.trailing_step is not None,
                "trailingStopDistance": self.trailing_distance,
                "trailingStopIncrement": self.trailing_step,
            }
        )

    def applied_to(self, position: Position) -> bool:
        """Whether a position has this state. A trailing stop has moved by now, so its level does not count."""
        same_stop = (position.trailing_stop_distance, position.trailing_step) == (
            self.trailing_distance,
            self.trailing_step,
        )
        scaling = self.before.market.scaling_factor
        if self.trailing_step is None:
            same_stop = not position.trails and is_at(
                position.stop_level, self.stop_level, scaling, before=self.before.stop_level
            )
        same_limit = is_at(position.limit_level, self.limit_level, scaling, before=self.before.limit_level)
        return same_stop and same_limit and bool(position.controlled_risk) == self.guaranteed

    def not_applied_to(self, position: Position) -> bool:
        """Whether a position is still as it was before."""
        return PositionChange.of(self.before, Keep.KEEP, Keep.KEEP).applied_to(position)


def _check_readable(before: Position | Order, *names: str) -> None:
    """Refuse to amend where a field cannot be read: the amendment would remove it."""
    unread = [name for name in names if name in before.extra]
    if unread:
        raise DecodeError(
            f"fields of {before.deal_id} cannot be read, so no amendment can keep them", path=", ".join(unread)
        )


def is_at(
    shown: Decimal | None, wanted: Decimal | None, scaling: Decimal | None, *, before: Decimal | None = None
) -> bool:
    """Whether a level is where it was wanted.

    IG rounds to the decimals of the market, so half a point beside it is there too, unless it is where it was before.
    """
    if shown == wanted:
        return True
    if shown is None or wanted is None or not scaling or shown == before:
        return False
    return abs(shown - wanted) * scaling <= _ROUNDED


def _sign(direction: Direction | None) -> int:
    return -1 if direction is Direction.SELL else 1


def _stop_level(before: Position, stop: Stop) -> Decimal | None:
    if stop.distance is None:
        return stop.level
    base = before.level
    if stop.trailing_step is not None:
        base = before.market.offer if before.direction is Direction.SELL else before.market.bid
    return _away(base, -_sign(before.direction) * stop.distance, before, "stop")


def _limit_level(before: Position, limit: Limit | Keep | None) -> Decimal | None:
    if isinstance(limit, Keep):
        return before.limit_level
    if limit is None:
        return None
    return (
        limit.level
        if limit.distance is None
        else _away(before.level, _sign(before.direction) * limit.distance, before, "limit")
    )


def _away(base: Decimal | None, points: Decimal, before: Position, name: str) -> Decimal:
    scaling = before.market.scaling_factor
    if base is None or not scaling:
        raise ValueError(f"{name} must have a level=: IG shows no price of {before.deal_id} to measure a distance from")
    if 0 < abs(points) < _FINEST and scaling >= 100:
        raise ValueError(
            f"{name}: a distance is in points, and {abs(points)} of one cannot be shown; "
            f"was distance={abs(points) * scaling:f} meant?"
        )
    return base + points / scaling


@dataclass(frozen=True)
class PositionClose:
    """The end of a position, or of a part of it.

    Attributes:
        before: The position as IG showed it.
        size: What is closed.
        order_type: ``MARKET``, ``LIMIT`` or ``QUOTE``.
        level: Worst price of a ``LIMIT`` close.
        quote_id: Quote that a ``QUOTE`` close takes.
        time_in_force: What happens to size that cannot be filled.

    Source:
        ``DELETE /positions/otc`` version 1 (wire/ig_api.json, positions.otc.close.v1): deal id, opposite direction, and
        neither epic nor expiry.
    """

    before: Position
    size: Decimal
    order_type: str = "MARKET"
    level: Decimal | None = None
    quote_id: str | None = None
    time_in_force: str | None = None

    @property
    def direction(self) -> Direction | None:
        """Side of the close: opposite to the position's."""
        return self.before.direction.opposite if self.before.direction else None

    def body(self) -> dict[str, object]:
        """Return IG's body."""
        values: dict[str, object] = {
            "dealId": self.before.deal_id,
            "direction": self.direction.value if self.direction else None,
            "level": self.level,
            "orderType": self.order_type,
            "quoteId": self.quote_id,
            "size": self.size,
            "timeInForce": self.time_in_force,
        }
        return without_none(values)


@dataclass(frozen=True)
class OrderChange:
    """The intended state of an order.

    Attributes:
        before: The order as IG showed it.
        level: Price that it waits for.
        stop: Its stop.
        limit: Its limit.
        good_till: When it ends, as IG takes it; ``None`` for never.

    Source:
        ``PUT /workingorders/otc/{dealId}`` version 2 (wire/ig_api.json, workingorders.otc.update.v2).
    """

    before: Order
    level: Decimal
    stop: Stop | None
    limit: Limit | None
    good_till: str | None

    @classmethod
    def of(
        cls,
        before: Order,
        *,
        level: Number | Keep,
        stop: Stop | Keep | None,
        limit: Limit | Keep | None,
        good_till: datetime | Keep | None,
    ) -> OrderChange:
        """Return the state that follows when something is changed and what was not mentioned stays.

        Raises:
            ValueError: IG does not show what an amendment must repeat.
            DecodeError: A field of the order cannot be read, so it could not be repeated.
        """
        _check_readable(before, "stopDistance", "limitDistance", "guaranteedStop", "goodTillDate")
        wanted_level = before.order_level if isinstance(level, Keep) else decimal_of(level, "level")
        if wanted_level is None or before.order_type is None:
            raise ValueError(f"IG shows no level or type of the order {before.deal_id}, which an amendment must repeat")
        if isinstance(stop, Keep):
            distance = before.stop_distance
            stop = Stop(distance=distance, guaranteed=before.guaranteed_stop) if distance else None
        elif stop is not None and stop.guaranteed is None and before.guaranteed_stop and stop.trailing_step is None:
            stop = Stop(level=stop.level, distance=stop.distance, guaranteed=True)
        if isinstance(limit, Keep):
            limit = Limit(distance=before.limit_distance) if before.limit_distance else None
        if isinstance(good_till, Keep):
            till = _end_to_repeat(before)
        else:
            till = None if good_till is None else good_till_text(good_till)
        return cls(before, wanted_level, stop, limit, till)

    def body(self) -> dict[str, object]:
        """Return IG's body. A guaranteed stop must be a level here, unlike in a new order."""
        stop, limit = self.stop, self.limit
        values: dict[str, object] = {
            "goodTillDate": self.good_till,
            "guaranteedStop": bool(stop and stop.guaranteed),
            "level": self.level,
            "limitDistance": limit and limit.distance,
            "limitLevel": limit and limit.level,
            "stopDistance": stop and stop.distance,
            "stopLevel": stop and stop.level,
            "timeInForce": "GOOD_TILL_DATE" if self.good_till else "GOOD_TILL_CANCELLED",
            "type": self.before.order_type,
        }
        scaling = self.before.market.scaling_factor
        if stop is not None and stop.guaranteed and stop.distance is not None and scaling:
            values["stopDistance"] = None
            values["stopLevel"] = self.level - _sign(self.before.direction) * stop.distance / scaling
        return without_none(values)

    def applied_to(self, order: Order) -> bool:
        """Whether an order has this state; its end is compared to the minute, since IG's list shows no seconds."""
        return (
            is_at(order.order_level, self.level, self.before.market.scaling_factor, before=self.before.order_level)
            and (order.stop_distance or None) == self._points(self.stop)
            and (order.limit_distance or None) == self._points(self.limit)
            and bool(order.guaranteed_stop) is bool(self.stop and self.stop.guaranteed)
            and (_shown_end(order) or "")[:_MINUTES] == (self.good_till or "")[:_MINUTES]
        )

    def not_applied_to(self, order: Order) -> bool:
        """Whether an order is still as it was before."""
        old = self.before
        return (order.order_level, order.stop_distance, order.limit_distance, order.guaranteed_stop) == (
            old.order_level,
            old.stop_distance,
            old.limit_distance,
            old.guaranteed_stop,
        ) and _shown_end(order) == _shown_end(old)

    def _points(self, leg: Stop | Limit | None) -> Decimal | None:
        if leg is None:
            return None
        return (
            leg.distance
            if leg.level is None
            else abs(self.level - leg.level) * (self.before.market.scaling_factor or 0)
        )


def _end_to_repeat(order: Order) -> str | None:
    """Return the end that an amendment must repeat."""
    shown = _shown_end(order)
    if shown is None and order.time_in_force == "GOOD_TILL_DATE":
        raise ValueError(f"IG does not show when the order {order.deal_id} ends, which an amendment must repeat")
    return shown


def _shown_end(order: Order) -> str | None:
    if order.good_till_date_iso is not None:
        return good_till_text(order.good_till_date_iso)
    # IG shows minutes and takes seconds (REST.md section 4).
    text = order.good_till_date
    return f"{text}:00" if text and len(text) == _MINUTES else text


@dataclass(frozen=True)
class OrderCancel:
    """The end of an order.

    Attributes:
        deal_id: The order.

    Source:
        ``DELETE /workingorders/otc/{dealId}`` version 2, no body (wire/ig_api.json, workingorders.otc.delete.v2).
    """

    deal_id: str
