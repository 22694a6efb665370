"""Attached stops and limits: their levels, and the dealing rules for them.

Source:
    REST.md section 6.3. Distances are measured from the fill; a leg that was asked for as a level is measured from the
    closing side of the quote for positions and from the order's level for working orders [inf].
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from ig_sdk.simulator.broker.account import Account
from ig_sdk.simulator.broker.checks import Rejected
from ig_sdk.simulator.broker.deals import AmendOrder, NewOrder, OpenDeal
from ig_sdk.simulator.broker.records import Order, Position
from ig_sdk.simulator.broker.terms import MarketTerms
from ig_sdk.types import Direction


class Leg(NamedTuple):
    """A stop or a limit as it was asked for.

    Attributes:
        level: The price.
        distance: Points, where it was asked for in points.
    """

    level: Decimal
    distance: Decimal | None = None


class Legs(NamedTuple):
    """Both of them."""

    stop: Leg | None = None
    limit: Leg | None = None


def legs_from(
    terms: MarketTerms, direction: Direction, base: Decimal, wanted: OpenDeal | NewOrder | AmendOrder | Order
) -> Legs:
    """Return the legs of a position of ``direction`` that is filled at ``base``."""
    down = 1 if direction is Direction.BUY else -1
    return Legs(
        _leg(terms, base, wanted.stop_level, wanted.stop_distance, -down),
        _leg(terms, base, wanted.limit_level, wanted.limit_distance, down),
    )


def _leg(terms: MarketTerms, base: Decimal, level: Decimal | None, distance: Decimal | None, sign: int) -> Leg | None:
    if level is not None:
        return Leg(terms.rounded(level))
    if distance is not None:
        return Leg(base + sign * terms.level_of(distance), distance)
    return None


def check_allowed(
    account: Account, terms: MarketTerms, *, stop: bool, limit: bool, guaranteed: bool, trailing: bool = False
) -> None:
    """Refuse legs that the market does not take, and their lack where the account must have them."""
    if (stop or limit) and not terms.stops_limits:
        raise Rejected("STOP_OR_LIMIT_NOT_ALLOWED")
    if guaranteed and (trailing or not terms.guaranteed_stops):
        raise Rejected("STOP_OR_LIMIT_NOT_ALLOWED")
    if account.terms.limited_risk and not stop:
        raise Rejected("STOP_REQUIRED_ERROR")
    if account.terms.limited_risk and not guaranteed:
        raise Rejected("NCR_POSITIONS_ON_CR_ACCOUNT")


def check_legs(terms: MarketTerms, direction: Direction, base: Decimal, legs: Legs, *, guaranteed: bool) -> None:
    """Refuse legs on the wrong side of ``base``, too close to it or too far away."""
    down = 1 if direction is Direction.BUY else -1
    nearest = terms.min_guaranteed_distance if guaranteed else terms.min_distance
    for leg, sign, rule in ((legs.stop, -down, nearest), (legs.limit, down, terms.min_distance)):
        if leg is None:
            continue
        away = terms.points_of(leg.level - base) * sign
        points = away if leg.distance is None else leg.distance
        furthest = terms.max_distance.points(base, terms.scale)
        if away <= 0 or not rule.points(base, terms.scale) <= points <= furthest:
            raise Rejected("ATTACHED_ORDER_LEVEL_ERROR")


def check_spacing(account: Account, terms: MarketTerms, position: Position) -> None:
    """Refuse a guaranteed stop too close to another one of the market, and too much size at one level [inf]."""
    if not position.guaranteed or position.stop_level is None:
        return
    total = position.size
    spacing = terms.guaranteed_spacing.points(position.stop_level, terms.scale)
    for other in account.positions.values():
        if not other.guaranteed or other.epic != terms.epic or other.deal_id == position.deal_id:
            continue
        if other.stop_level == position.stop_level:
            total += other.size
        elif other.stop_level is not None and terms.points_of(abs(other.stop_level - position.stop_level)) < spacing:
            raise Rejected("CR_SPACING")
    if terms.max_size is not None and total > terms.max_size:
        raise Rejected("OVER_NORMAL_MARKET_SIZE")


def check_trailing(
    account: Account, terms: MarketTerms, price: Decimal, distance: Decimal | None, step: Decimal | None
) -> None:
    """Refuse a trailing stop that account or market do not have, or whose distance or step is too small."""
    if not (account.terms.trailing_stops and terms.trailing_stops):
        raise Rejected("TRAILING_STOP_NOT_ALLOWED")
    if distance is None or step is None or distance <= 0 or step <= 0:
        raise Rejected("ATTACHED_ORDER_TRAILING_STOP_ERROR")
    if step < terms.min_step.points(price, terms.scale):
        raise Rejected("ATTACHED_ORDER_TRAILING_STOP_ERROR")


def check_move_away(direction: Direction, before: Position, legs: Legs) -> None:
    """Refuse legs that come nearer to the price while the market is open for edits only."""
    up = 1 if direction is Direction.BUY else -1
    for leg, old, sign, reason in (
        (legs.stop, before.stop_level, -up, "MOVE_AWAY_ONLY_STOP"),
        (legs.limit, before.limit_level, up, "MOVE_AWAY_ONLY_LIMIT"),
    ):
        if leg is not None and (old is None or (leg.level - old) * sign < 0):
            raise Rejected(reason)
