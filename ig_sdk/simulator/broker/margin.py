"""The margin that the open positions of one market take: bands over the net size, less for stops.

Source:
    REST.md section 6.4. Choices where it leaves them [inf]: hedged sizes take no margin, the oldest position counting
    as hedged first; positions fill the bands in the order in which they were opened; a guaranteed position takes no
    part in the bands; stop distances are those from the opening level, so that they do not change with the price.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from ig_sdk.simulator.broker.prices import Quote
from ig_sdk.simulator.broker.records import Position
from ig_sdk.simulator.broker.terms import MarketTerms
from ig_sdk.types import Direction

_ZERO = Decimal(0)


class Deposit(NamedTuple):
    """Margin of positions with a normal stop or none, and of those with a guaranteed one."""

    normal: Decimal = _ZERO
    guaranteed: Decimal = _ZERO


def deposit_of(positions: Iterable[Position], terms: MarketTerms, quote: Quote, unit: Decimal) -> Deposit:
    """Return the margin of positions of one market in one currency, in that currency, unrounded.

    Args:
        positions: Oldest first.
        terms: The market's.
        quote: Its price.
        unit: What a size of 1 is in the bands: 1 contract, or the worth of a stake in their currency.
    """
    sizes = {Direction.BUY: _ZERO, Direction.SELL: _ZERO}
    sides: dict[Direction, list[Position]] = {Direction.BUY: [], Direction.SELL: []}
    for position in positions:
        sizes[position.direction] += position.size
        sides[position.direction].append(position)
    heavy = max(sizes, key=lambda side: sizes[side])
    hedged = sizes[heavy.opposite]
    price = quote.closing(heavy)
    filled = normal = guaranteed = _ZERO
    for position in sides[heavy]:
        free = max(position.size - hedged, _ZERO)
        hedged = max(hedged - position.size, _ZERO)
        if position.guaranteed:
            premium = terms.level_of(position.premium or _ZERO)
            guaranteed += free * terms.multiplier * (_risk(position) + premium)
        elif free:
            normal += _banded(position, terms, price, (filled * unit, (filled + free) * unit)) / unit
            filled += free
    return Deposit(normal, guaranteed)


def _risk(position: Position) -> Decimal:
    """Return how far the stop is from the opening level; 0 when it locks a profit in."""
    if position.stop_level is None:
        return _ZERO
    below = position.level - position.stop_level
    return max(below if position.direction is Direction.BUY else -below, _ZERO)


def _banded(position: Position, terms: MarketTerms, price: Decimal, span: tuple[Decimal, Decimal]) -> Decimal:
    """Return the margin of the sizes from ``span[0]`` to ``span[1]``, each slice by its own band."""
    total = bottom = _ZERO
    for number, band in enumerate(terms.bands):
        top = span[1] if band.top is None else min(band.top, span[1])
        part = top - max(bottom, span[0])
        if part > 0:
            full = part * terms.multiplier * price * band.margin_pct / 100
            # A normal stop lowers the margin in the first band only.
            if number == 0 and position.stop_level is not None:
                full = min(full, full * terms.slippage_pct / 100 + part * terms.multiplier * _risk(position))
            total += full
        if band.top is None:
            break
        bottom = band.top
    return total
