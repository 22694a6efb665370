"""What IG would reject, found before anything is sent: a deal and the market's details in, faults out. No I/O.

A rule that IG does not publish is not checked, and where a rule can be read in two ways the milder reading counts: IG
decides, and nothing that it would take is refused here.

Source:
    REST.md sections 6.2 and 6.3.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

from ig_sdk.rest.deals.changes import OrderChange, PositionChange, PositionClose
from ig_sdk.rest.deals.new import KINDS, NewDeal, NewOrder, NewPosition
from ig_sdk.rest.deals.open_deals import DealMarket
from ig_sdk.rest.market_data.details import DealingRules, Instrument, MarketDetails, Rule
from ig_sdk.types import SPREADBET, Direction, Limit, Stop

# More are refused with validation.number.too-many-decimal-places (wire/ig_api.json).
_DECIMALS = 12
# Where a point is a hundredth or less of a price, levels show tenths of it: what is nearer was not meant in points.
_SHOWN, _FINE = Decimal("0.1"), 100
_SHUT = frozenset({"CLOSED", "OFFLINE", "SUSPENDED"})
# Orders are taken under EDITS_ONLY (section 6.3). What is taken during an auction is not known.
_NO_DEALS = _SHUT | {"EDITS_ONLY"}
_NO_OPENINGS = _NO_DEALS | {"CLOSINGS_ONLY"}
_STATES = {
    "CLOSED": "it is closed; try again when it opens",
    "OFFLINE": "it is offline at IG; try again later",
    "SUSPENDED": "it is suspended; try again when dealing goes on",
    "EDITS_ONLY": "it is closed; stops, limits and orders may be edited, deals wait until it opens",
    "CLOSINGS_ONLY": "it takes closings only, no new positions",
}


# What the market's unit says of the accounts that deal in it: money a point is a bet, contracts and shares are CFDs.
_ACCOUNTS = {"AMOUNT": "SPREADBET", "CONTRACTS": "CFD", "SHARES": "CFD"}
_PRODUCTS = {"SPREADBET": "spread bets", "CFD": "CFDs"}
_FX = re.compile(r"CS\.D\.([A-Z]{6})\.(?:MINI|CFD|TODAY)\.IP")


def product_of(market: MarketDetails) -> str | None:
    """Return what a market is for in words; ``None`` where IG does not say."""
    return _PRODUCTS.get(_ACCOUNTS.get(market.instrument.unit or "", ""))


def is_for_another_account(market: MarketDetails, account_type: str | None) -> bool:
    """Whether a market is for spread bets and the account is for CFDs, or the reverse."""
    wanted = _ACCOUNTS.get(market.instrument.unit or "")
    return wanted is not None and account_type in _PRODUCTS and wanted != account_type


def pair_epic(epic: str, account_type: str) -> str | None:
    """Return the epic of the same pair of currencies on an account of another type; ``None`` for another market."""
    match = _FX.fullmatch(epic)
    if match is None:
        return None
    return f"CS.D.{match[1]}.{'TODAY' if account_type == SPREADBET else 'MINI'}.IP"


def account_fault(epic: str, account_type: str, fitting: Sequence[str]) -> str:
    """Return what is wrong with a market of the other product, and which epics fit."""
    other = _PRODUCTS["CFD" if account_type == SPREADBET else SPREADBET]
    instead = f"use {' or '.join(fitting)}" if fitting else "look for its epic with ig.markets.search()"
    return f"epic: {epic} is a market for {other}, and the account in use is for {_PRODUCTS[account_type]}; {instead}"


@dataclass(frozen=True)
class Quote:
    """The price that a deal is checked against; each part is ``None`` where IG does not send it.

    Attributes:
        bid: Price at which one sells.
        offer: Price at which one buys.
        scaling: Points in one unit of price.
        status: State of the market.
        delayed: The prices are delayed, so they are not used.
    """

    bid: Decimal | None = None
    offer: Decimal | None = None
    scaling: Decimal | None = None
    status: str | None = None
    delayed: bool = False

    @classmethod
    def of(cls, market: MarketDetails) -> Quote:
        """Return the quote of a market's details."""
        shot = market.snapshot
        return cls(
            exact(shot.bid), exact(shot.offer), exact(shot.scaling_factor), shot.market_status, bool(shot.delay_time)
        )

    @classmethod
    def of_deal(cls, market: DealMarket) -> Quote:
        """Return the quote that came with a position or an order."""
        return cls(market.bid, market.offer, market.scaling_factor, market.market_status, bool(market.delay_time))

    @property
    def fresh(self) -> tuple[Decimal, Decimal] | None:
        """Bid and offer, if both are known, not delayed and not crossed."""
        if self.bid is None or self.offer is None or self.delayed or self.bid > self.offer:
            return None
        return self.bid, self.offer


def exact(value: float | Decimal | None) -> Decimal | None:
    """Return a price as the decimal that its text shows."""
    return None if value is None else Decimal(str(value))


def position_faults(deal: NewPosition, market: MarketDetails) -> tuple[str, ...]:
    """Return everything that IG would reject about opening a position, one sentence each; none is an empty tuple."""
    quote = Quote.of(market)
    return (
        *_state_faults(quote.status, _NO_OPENINGS),
        *_terms_faults(deal, market),
        *_market_order_faults(deal.order_type, market),
        *_order_type_faults(deal.order_type, deal.level, deal.quote_id, deal.direction, quote),
        # Distances of a deal now are measured from one side of the quote; which one is not known (section 6.3).
        *leg_faults(deal.direction, deal.stop, deal.limit, quote.fresh, quote.scaling, market=market),
    )


def order_faults(deal: NewOrder, market: MarketDetails, now: datetime) -> tuple[str, ...]:
    """Return everything that IG would reject about creating an order, one sentence each; none is an empty tuple."""
    quote = Quote.of(market)
    between = None if deal.level is None else (deal.level, deal.level)
    return (
        *_state_faults(quote.status, _SHUT),
        *_terms_faults(deal, market),
        *order_level_faults(deal.kind, deal.direction, deal.level, quote),
        *good_till_faults(deal.good_till, now),
        *order_stop_faults(deal.stop),
        *leg_faults(deal.direction, deal.stop, deal.limit, between, quote.scaling, market=market, quoted=quote.fresh),
    )


def close_faults(closing: PositionClose) -> tuple[str, ...]:
    """Return everything that IG would reject about closing a position or a part of it."""
    held, quote = closing.before.size, Quote.of_deal(closing.before.market)
    faults = [*_state_faults(quote.status, _NO_DEALS), *_size_faults(closing.size, None)]
    if held is not None and closing.size > held:
        faults.append(f"size: must be at most {_plain(held)}, the position's, not {closing.size}")
    faults += _order_type_faults(closing.order_type, closing.level, closing.quote_id, closing.direction, quote)
    return tuple(faults)


def position_change_faults(change: PositionChange) -> tuple[str, ...]:
    """Return everything that IG would reject about an amendment: a leg moved to the wrong side of the price."""
    before, quote = change.before, Quote.of_deal(change.before.market)
    moved_stop = change.stop_level is not None and change.stop_level != before.stop_level
    moved_limit = change.limit_level is not None and change.limit_level != before.limit_level
    if before.direction is None:
        return ()
    stop = Stop(level=change.stop_level) if moved_stop else None
    limit = Limit(level=change.limit_level) if moved_limit else None
    return tuple(leg_faults(before.direction, stop, limit, quote.fresh, quote.scaling, market=MarketDetails()))


def order_change_faults(change: OrderChange) -> tuple[str, ...]:
    """Return everything that IG would reject about amending an order, as far as the order itself shows."""
    before, quote = change.before, Quote.of_deal(change.before.market)
    if before.direction is None:
        return ()
    faults = [*_state_faults(quote.status, _SHUT), *order_stop_faults(change.stop)]
    if change.level != before.order_level and before.order_type in KINDS:
        faults += order_level_faults(before.order_type, before.direction, change.level, quote)
    at = (change.level, change.level)
    faults += leg_faults(before.direction, change.stop, change.limit, at, quote.scaling, market=MarketDetails())
    return tuple(faults)


def order_level_faults(kind: str, direction: Direction, level: Decimal | None, quote: Quote) -> Iterator[str]:
    """Yield what is wrong with the level of an order: a limit waits for a better price, a stop for a worse one."""
    if level is None or quote.fresh is None:
        return
    bid, offer = quote.fresh
    buys = direction is Direction.BUY
    above = (kind == "STOP") is buys
    side, name = (offer, "offer") if buys else (bid, "bid")
    if (level < side) if above else (level > side):
        other = "LIMIT" if kind == "STOP" else "STOP"
        yield (
            f"level: a {kind} order to {direction} must be {'above' if above else 'below'} the {name} {side}, "
            f"not at {level}; there, kind={other!r} would fit"
        )


def good_till_faults(good_till: datetime | None, now: datetime) -> Iterator[str]:
    """Yield what is wrong with the end of an order."""
    if good_till is not None and good_till <= now:
        yield f"good_till: must be in the future, not {good_till.isoformat()}"


def order_stop_faults(stop: Stop | None) -> Iterator[str]:
    """Yield what is wrong with the stop of an order."""
    if stop is not None and stop.trailing_step is not None:
        yield "stop: an order's cannot trail; amend the position when the order is filled"


def leg_faults(
    direction: Direction,
    stop: Stop | None,
    limit: Limit | None,
    between: tuple[Decimal, Decimal] | None,
    scaling: Decimal | None,
    *,
    market: MarketDetails,
    quoted: tuple[Decimal, Decimal] | None = None,
) -> Iterator[str]:
    """Yield what is wrong with a stop and a limit.

    Args:
        direction: Side of the deal.
        stop: Its stop.
        limit: Its limit.
        between: Lowest and highest price from which the distances may be measured; ``None`` when no price is known.
        scaling: Points in one unit of price.
        market: Its rules apply.
        quoted: Bid and offer, where ``between`` is the level of an order: a percentage may refer to either.
    """
    instrument, rules = market.instrument, market.dealing_rules or DealingRules()
    buys = direction is Direction.BUY
    if (stop or limit) and instrument.stops_limits_allowed is False:
        yield "stop, limit: the market takes none"
    prices = (*(between or ()), *(quoted or ()))
    low, high = (min(prices), max(prices)) if prices else (None, None)
    most = _in_points(rules.max_stop_or_limit_distance, high, scaling)
    if stop is not None:
        yield from _stop_kind_faults(stop, instrument, rules)
        nearest = (
            rules.min_controlled_risk_stop_distance if stop.guaranteed else rules.min_normal_stop_or_limit_distance
        )
        bounds = _in_points(nearest, low, scaling), most
        yield from _distance_faults("stop", stop, "below" if buys else "above", between, scaling, bounds=bounds)
    if limit is not None:
        bounds = _in_points(rules.min_normal_stop_or_limit_distance, low, scaling), most
        yield from _distance_faults("limit", limit, "above" if buys else "below", between, scaling, bounds=bounds)


def _stop_kind_faults(stop: Stop, instrument: Instrument, rules: DealingRules) -> Iterator[str]:
    if stop.guaranteed and instrument.controlled_risk_allowed is False:
        yield "stop: the market has no guaranteed stops"
    if stop.trailing_step is None:
        return
    if rules.trailing_stops_preference == "NOT_AVAILABLE":
        yield "stop: the market has no trailing stops"
    least = _in_points(rules.min_step_distance, None, None)
    if stop.trailing_step <= 0 or (least is not None and stop.trailing_step < least):
        yield f"stop: trailing_step must be {_at_least(least)}, not {stop.trailing_step}"


def _distance_faults(
    name: str,
    leg: Stop | Limit,
    side: Literal["above", "below"],
    between: tuple[Decimal, Decimal] | None,
    scaling: Decimal | None,
    *,
    bounds: tuple[Decimal | None, Decimal | None],
) -> Iterator[str]:
    reach = _reach(leg, side, between, scaling)
    if reach is None:
        return
    longest, shortest = reach
    given = f"level {leg.level}" if leg.distance is None else f"distance {leg.distance}"
    least, most = bounds
    if longest <= 0 and leg.distance is None:
        yield f"{name}: must be {side} the price {_prices(between)}, not at {leg.level}"
    elif longest <= 0 or (least is not None and longest < least):
        meant = _meant(name, leg, scaling, least)
        yield f"{name}: must be {_at_least(least)} away, not {given}{meant}"
    elif leg.distance is not None and leg.distance < _SHOWN and scaling and scaling >= _FINE:
        yield f"{name}: must be at least {_SHOWN} points away, not {given}{_meant(name, leg, scaling, least)}"
    elif most is not None and shortest > most:
        yield f"{name}: must be at most {_plain(most)} points away, not {given}"


def _meant(name: str, leg: Stop | Limit, scaling: Decimal | None, least: Decimal | None) -> str:
    """Ask whether a distance that was given as a price was meant in points."""
    if leg.distance is None or not scaling or scaling <= 1 or leg.distance <= 0:
        return ""
    points = leg.distance * scaling
    if leg.distance >= 1 or points < (least or 1):
        return ""
    kind = name.capitalize()
    return f"; a distance is in points: was {kind}(distance={_plain(points)}) meant, {leg.distance} as a price?"


def _reach(
    leg: Stop | Limit,
    side: Literal["above", "below"],
    between: tuple[Decimal, Decimal] | None,
    scaling: Decimal | None,
) -> tuple[Decimal, Decimal] | None:
    """Return how far away a leg is in points: measured from the farther price, and from the nearer one."""
    if leg.distance is not None:
        return leg.distance, leg.distance
    if leg.level is None or between is None or not scaling:
        return None
    low, high = between
    longest, shortest = (leg.level - low, leg.level - high) if side == "above" else (high - leg.level, low - leg.level)
    return longest * scaling, shortest * scaling


def _in_points(rule: Rule | None, price: Decimal | None, scaling: Decimal | None) -> Decimal | None:
    """Return a rule in points (section 6.3: PERCENTAGE is of the current price)."""
    if rule is None or rule.value is None:
        return None
    if rule.unit == "POINTS":
        return rule.value
    if rule.unit != "PERCENTAGE" or price is None or price <= 0 or not scaling:
        return None
    return rule.value / 100 * price * scaling


def _state_faults(status: str | None, refusing: frozenset[str]) -> Iterator[str]:
    if status in refusing:
        yield f"market: {_STATES.get(status or '', f'takes no such deal while it is {status}')} [{status}]"


def _terms_faults(deal: NewDeal, market: MarketDetails) -> Iterator[str]:
    """Yield what is wrong with size, currency, expiry and force open."""
    instrument, rules = market.instrument, market.dealing_rules or DealingRules()
    yield from _size_faults(deal.size, _in_points(rules.min_deal_size, None, None))
    codes = [each.code for each in instrument.currencies if each.code]
    if deal.currency is None:
        yield "currency: IG names none for the market; give it"
    elif codes and deal.currency not in codes:
        yield f"currency: must be one of {', '.join(codes)}, not {deal.currency}"
    if instrument.expiry and deal.expiry != instrument.expiry:
        yield f"expiry: must be {instrument.expiry!r}, the market's, not {deal.expiry!r}"
    if deal.force_open is False and (deal.stop or deal.limit) and isinstance(deal, NewPosition):
        yield "force_open: must be true with a stop or a limit"


def _market_order_faults(kind: str, market: MarketDetails) -> Iterator[str]:
    rules = market.dealing_rules or DealingRules()
    if kind == "MARKET" and rules.market_order_preference == "NOT_AVAILABLE":
        yield "order_type: the market takes no MARKET deals; use 'LIMIT' with a level"


def _size_faults(size: Decimal, least: Decimal | None) -> Iterator[str]:
    if size <= 0 or (least is not None and size < least):
        yield f"size: must be {f'at least {_plain(least)}' if least else 'above 0'}, not {size}"
    exponent = size.normalize().as_tuple().exponent
    if isinstance(exponent, int) and -exponent > _DECIMALS:
        yield f"size: must have at most {_DECIMALS} decimals, not {size}"


def _order_type_faults(
    kind: str, level: Decimal | None, quote_id: str | None, direction: Direction | None, quote: Quote
) -> Iterator[str]:
    """Yield what does not fit the order type (REST.md section 6.2)."""
    if kind == "MARKET" and level is not None:
        yield "level: a MARKET deal takes none; order_type='LIMIT' does, and ig.orders.create() waits for a level"
    if kind != "MARKET" and level is None:
        yield f"level: a {kind} deal needs one"
    if (kind == "QUOTE") is (quote_id is None):
        yield f"quote_id: a {kind} deal {'needs one' if kind == 'QUOTE' else 'takes none'}"
    if kind == "LIMIT" and level is not None and quote.fresh is not None:
        bid, offer = quote.fresh
        # Inside the spread the next price may reach it; beyond the other side the level was meant for an order.
        if level < bid if direction is Direction.BUY else level > offer:
            yield (
                f"level: the market is at {_prices(quote.fresh)}, so a LIMIT deal to {direction} at {level} would be "
                "rejected at once; ig.orders.create() waits for a level"
            )


def _prices(between: tuple[Decimal, Decimal] | None) -> str:
    return "/".join(dict.fromkeys(map(_plain, between or ())))


def _at_least(least: Decimal | None) -> str:
    return f"at least {_plain(least)} points" if least else "more than 0 points"


def _plain(value: Decimal | None) -> str:
    return "" if value is None else f"{value.normalize():f}"
