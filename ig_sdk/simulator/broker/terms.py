"""On what terms the broker deals: the rules of an account and of a market."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from ig_sdk.simulator.reference.instruments import Instrument

Product = Literal["CFD", "SPREADBET"]


@dataclass(frozen=True, kw_only=True)
class AccountTerms:
    """One account.

    Attributes:
        account_id: IG's id.
        product: ``"CFD"`` or ``"SPREADBET"``; it takes only markets of that kind.
        currency: In which its money is kept.
        balance: Money to begin with.
        status: ``"ENABLED"``; anything else may not deal.
        closings_only: Nothing may be opened.
        limited_risk: Every position needs a guaranteed stop.
        hedging: May be long and short on one market.
        trailing_stops: ``trailingStopsEnabled`` of its preferences.
        close_out_pct: Margin level, in percent, below which positions are closed; ``None`` for never.
    """

    account_id: str
    product: Product = "CFD"
    currency: str = "GBP"
    balance: Decimal = Decimal(10_000)
    status: str = "ENABLED"
    closings_only: bool = False
    limited_risk: bool = False
    hedging: bool = True
    trailing_stops: bool = True
    close_out_pct: Decimal | None = Decimal(50)


@dataclass(frozen=True)
class Rule:
    """A distance of the dealing rules: so many points, or percent of the price.

    Attributes:
        value: The number.
        percentage: True of percent.
    """

    value: Decimal
    percentage: bool = False

    def points(self, price: Decimal, scale: int) -> Decimal:
        """Return the distance in points at ``price``, in a market with ``scale`` points a unit."""
        return self.value * price * scale / 100 if self.percentage else self.value


@dataclass(frozen=True)
class Band:
    """One margin deposit band.

    Attributes:
        top: Size at which the next band begins; ``None`` of the last one.
        margin_pct: Percent of the value.
        currency: Of ``top`` where sizes are stakes.
    """

    top: Decimal | None
    margin_pct: Decimal
    currency: str


@dataclass(frozen=True, kw_only=True)
class MarketTerms:
    """One market.

    Attributes:
        epic: IG's market id.
        name: As IG shows it.
        market_id: The underlying.
        kind: Instrument type, e.g. ``"CURRENCIES"``.
        expiry: ``"-"``, ``"DFB"`` or a month.
        product: Accounts that may deal it.
        currencies: Codes it may be dealt in.
        scale: Points in one unit of its level (``scalingFactor``).
        decimals: Decimal places of its levels.
        contract_size: Units in a contract (of a bet: 1).
        mid: A usual level, for conversions before its first price.
        min_size: Smallest size of an opening deal.
        size_step: The hidden increment of sizes [inf].
        max_size: Largest size that is dealt automatically, alone or within the repeat dealing window; ``None`` for any.
        depth: Size that the market takes at its price; ``None`` for any.
        min_distance: Nearest stop or limit.
        max_distance: Furthest stop or limit.
        min_guaranteed_distance: Nearest guaranteed stop.
        guaranteed_spacing: Between guaranteed stops of one account at different levels.
        min_step: Smallest increment of a trailing stop.
        premium: Points that a guaranteed stop costs when it is triggered.
        bands: Margin deposit bands, rising.
        slippage_pct: Percent of the margin that stays with a normal stop.
        market_orders: MARKET orders are taken.
        trailing_stops: Trailing stops are taken.
        force_open: ``forceOpenAllowed``.
        stops_limits: ``stopsLimitsAllowed``.
        guaranteed_stops: ``controlledRiskAllowed``.
    """

    epic: str
    name: str
    market_id: str
    kind: str
    expiry: str
    product: Product
    currencies: tuple[str, ...]
    scale: int
    decimals: int
    contract_size: Decimal
    mid: Decimal
    min_size: Decimal
    size_step: Decimal = Decimal("0.01")
    max_size: Decimal | None = None
    depth: Decimal | None = None
    min_distance: Rule = Rule(Decimal(0))
    max_distance: Rule = Rule(Decimal(75), percentage=True)
    min_guaranteed_distance: Rule = Rule(Decimal(0))
    guaranteed_spacing: Rule = Rule(Decimal(0))
    min_step: Rule = Rule(Decimal(1))
    premium: Rule = Rule(Decimal(0))
    bands: tuple[Band, ...] = ()
    slippage_pct: Decimal = Decimal(100)
    market_orders: bool = True
    trailing_stops: bool = True
    force_open: bool = True
    stops_limits: bool = True
    guaranteed_stops: bool = True

    @classmethod
    def of(cls, instrument: Instrument) -> MarketTerms:
        """Return the terms that the facts of ``instruments.json`` give for one market."""
        facts, rules = instrument.facts, instrument.facts["dealingRules"]
        bet = facts["account_type"] == "SPREADBET"
        return cls(
            epic=instrument.epic,
            name=instrument.name,
            market_id=instrument.market_id,
            kind=instrument.kind,
            expiry=instrument.expiry,
            product="SPREADBET" if bet else "CFD",
            # "GBP (default)" is how the facts mark the usual one.
            currencies=tuple(each.split()[0] for each in facts["currencies"]),
            scale=instrument.points,
            decimals=instrument.decimals,
            contract_size=Decimal(1) if bet else Decimal(facts["contractSize"]),
            mid=Decimal(str(instrument.mid)),
            min_size=_number(rules["minDealSize"]["value"]),
            min_distance=_rule(rules["minNormalStopOrLimitDistance"]),
            max_distance=_rule(rules["maxStopOrLimitDistance"]),
            min_guaranteed_distance=_rule(rules["minControlledRiskStopDistance"]),
            guaranteed_spacing=_rule(rules["controlledRiskSpacing"]),
            min_step=_rule(rules["minStepDistance"]),
            premium=_rule(facts["limitedRiskPremium"]),
            bands=_bands(facts),
            slippage_pct=_number(facts["slippageFactor"]["value"]),
            market_orders=rules["marketOrderPreference"] != "NOT_AVAILABLE",
            trailing_stops=rules["trailingStopsPreference"] == "AVAILABLE",
            force_open=facts["forceOpenAllowed"],
            stops_limits=facts["stopsLimitsAllowed"],
            guaranteed_stops=facts["controlledRiskAllowed"],
        )

    @property
    def multiplier(self) -> Decimal:
        """Money, in the deal's currency, that one unit of level makes on a size of 1 (REST.md section 6.4)."""
        return Decimal(self.scale) if self.product == "SPREADBET" else self.contract_size

    def level_of(self, points: Decimal) -> Decimal:
        """Return ``points`` as a difference of levels."""
        return points / self.scale

    def rounded(self, level: Decimal) -> Decimal:
        """Return a level with no more decimal places than the market has; clients compute theirs with floats."""
        exponent = level.as_tuple().exponent
        if isinstance(exponent, int) and exponent < -self.decimals:
            return level.quantize(Decimal(1).scaleb(-self.decimals))
        return level

    def points_of(self, difference: Decimal) -> Decimal:
        """Return a difference of levels in points."""
        return difference * self.scale


def _number(value: object) -> Decimal:
    return Decimal(str(value))


def _rule(facts: Mapping[str, Any]) -> Rule:
    return Rule(_number(facts["value"]), percentage=facts["unit"] == "PERCENTAGE")


def _bands(facts: Mapping[str, Any]) -> tuple[Band, ...]:
    return tuple(
        Band(
            None if each["max"] is None else _number(each["max"]),
            _number(each["margin"]),
            each["currency"],
        )
        for each in facts["marginDepositBands"]
    )
