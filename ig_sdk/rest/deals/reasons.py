"""Why IG rejects deals: each reason in words, and what in request, market or account explains it. No I/O."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ig_sdk.rest.deals.checks import Quote, pair_epic, product_of
from ig_sdk.rest.deals.new import NewDeal
from ig_sdk.rest.market_data.details import DealingRules, MarketDetails, Rule
from ig_sdk.types import Confirm

# Reason -> what it is about, and what it means.
# Source: wire/enums.json, DealReason and deal_reason_categories: IG's reference and what clients have met.
REASONS: Mapping[str, tuple[str, str]] = {
    "UNKNOWN": ("unknown", "outcome unknown; look at the history"),
    "GENERAL_ERROR": ("unknown", "failure without detail"),
    "ACCOUNT_NOT_ENABLED_TO_TRADING": ("account", "dealing disabled on the account"),
    "CLOSINGS_ONLY_ACCOUNT": ("account", "account may only close positions"),
    "NCR_POSITIONS_ON_CR_ACCOUNT": ("account", "limited-risk account needs a controlled-risk position"),
    "REJECT_CFD_ORDER_ON_SPREADBET_ACCOUNT": ("account", "CFD epic on a spread-bet account"),
    "REJECT_SPREADBET_ORDER_ON_CFD_ACCOUNT": ("account", "spread-bet epic on a CFD account"),
    "INSUFFICIENT_FUNDS": ("funds", "not enough available funds"),
    "MARGIN_ERROR": ("funds", "margin check declined the order"),
    "INSTRUMENT_NOT_FOUND": ("market", "no such market"),
    "INSTRUMENT_NOT_TRADEABLE_IN_THIS_CURRENCY": ("market", "currencyCode not dealable on this instrument"),
    "CONTACT_SUPPORT_INSTRUMENT_ERROR": (
        "market",
        "instrument fault; in practice also a currencyCode outside instrument.currencies",
    ),
    "MARKET_UNAVAILABLE_TO_CLIENT": ("market", "market not offered to this account"),
    "MARKET_CLOSED": ("market", "market closed"),
    "MARKET_CLOSED_WITH_EDITS": ("market", "market closed, edits allowed"),
    "MARKET_CLOSING": ("market", "contract about to expire; use the next one"),
    "MARKET_OFFLINE": ("market", "market offline"),
    "MARKET_PHONE_ONLY": ("market", "phone dealing only"),
    "MARKET_ROLLED": ("market", "contract has rolled to the next period"),
    "MARKET_NOT_BORROWABLE": ("market", "no short opening"),
    "CLOSING_ONLY_TRADES_ACCEPTED_ON_THIS_MARKET": ("market", "no opening controlled-risk deals on the market"),
    "EXCHANGE_MANUAL_OVERRIDE": ("market", "exchange check failed"),
    "MARKET_ORDERS_NOT_ALLOWED_ON_INSTRUMENT": ("order", "MARKET order type not supported"),
    "DUPLICATE_ORDER_ERROR": ("order", "dealReference already used for an order"),
    "CONFLICTING_ORDER": ("order", "resubmission differs from the original order"),
    "ORDER_DECLINED": ("order", "declined by the dealer"),
    "ORDER_LOCKED": ("order", "order cannot be edited now"),
    "ORDER_NOT_FOUND": ("order", "no such working order"),
    "ORDER_SIZE_CANNOT_BE_FILLED": ("order", "size not fillable at this price now"),
    "MANUAL_ORDER_TIMEOUT": ("order", "manual dealing timed out"),
    "GOOD_TILL_DATE_IN_THE_PAST": ("order", "goodTillDate already passed"),
    "MINIMUM_ORDER_SIZE_ERROR": ("size", "below the minimum size"),
    "SIZE_INCREMENT": ("size", "size is not on the market increment"),
    "MAX_AUTO_SIZE_EXCEEDED": ("size", "above the automatic dealing maximum"),
    "OVER_NORMAL_MARKET_SIZE": ("size", "total at this stop level above the allowed size"),
    "FINANCE_REPEAT_DEALING": ("size", "too much size on the market in a short time"),
    "LEVEL_TOLERANCE_ERROR": ("price", "market moved beyond the tolerance"),
    "LIMIT_ORDER_WRONG_SIDE_OF_MARKET": ("price", "LIMIT level unreachable at the current price for the direction"),
    "WRONG_SIDE_OF_MARKET": ("price", "operation on the wrong side or direction"),
    "ATTACHED_ORDER_LEVEL_ERROR": ("stops", "attached stop or limit on the wrong side or too close/far"),
    "ATTACHED_ORDER_TRAILING_STOP_ERROR": ("stops", "trailing stop values invalid"),
    "STOP_OR_LIMIT_NOT_ALLOWED": ("stops", "market does not take attached stops or limits"),
    "STOP_REQUIRED_ERROR": ("stops", "a stop is mandatory"),
    "TRAILING_STOP_NOT_ALLOWED": ("stops", "market or account does not allow trailing stops"),
    "CANNOT_CHANGE_STOP_TYPE": ("stops", "stop type may not change"),
    "CANNOT_REMOVE_STOP": ("stops", "stop may not be removed"),
    "CR_SPACING": ("stops", "controlled-risk level not on the allowed spacing"),
    "MOVE_AWAY_ONLY_LIMIT": ("stops", "market closed: limit may only move away"),
    "MOVE_AWAY_ONLY_STOP": ("stops", "market closed: stop may only move away"),
    "MOVE_AWAY_ONLY_TRIGGER_LEVEL": ("stops", "market closed: order level may only move away"),
    "POSITION_ALREADY_EXISTS_IN_OPPOSITE_DIRECTION": ("position", "opposing position exists and forceOpen is false"),
    "OPPOSING_POSITIONS_NOT_ALLOWED": ("position", "account may not be long and short on the market"),
    "OPPOSING_DIRECTION_ORDERS_NOT_ALLOWED": ("position", "controlled-risk position against an existing opposite one"),
    "FORCE_OPEN_ON_SAME_MARKET_DIFFERENT_CURRENCY": ("position", "force open in another currency on the same market"),
    "POSITION_NOT_FOUND": ("position", "no such position"),
    "POSITION_NOT_AVAILABLE_TO_CLOSE": ("position", "gone, or less size left than asked"),
    "POSITION_NOT_AVAILABLE_TO_CANCEL": ("position", "cannot be cancelled"),
    "PARTIALY_CLOSED_POSITION_NOT_DELETED": ("position", "partly closed position cannot be deleted (spelling as IG)"),
    "SPRINT_MARKET_EXPIRY_AFTER_MARKET_CLOSE": ("sprint", "expiry after market close"),
    "EXPIRY_LESS_THAN_SPRINT_MARKET_MIN_EXPIRY": ("sprint", "expiry below the sprint minimum"),
    "STRIKE_LEVEL_TOLERANCE": ("sprint", "strike level invalid"),
}

# How a fault of ``checks`` must begin to explain a reason of this kind; every fault explains an unknown one.
_SUBJECTS: Mapping[str, tuple[str, ...]] = {
    "account": (),
    "funds": (),
    "market": ("market", "currency", "expiry"),
    "order": ("order_type", "level", "good_till", "quote_id", "size"),
    "size": ("size",),
    "price": ("level", "order_type"),
    "stops": ("stop", "limit", "force_open"),
    "position": ("force_open", "size"),
    "sprint": (),
}

REMEDIES: Mapping[str, str] = {
    "ACCOUNT_NOT_ENABLED_TO_TRADING": "enable dealing on IG's web platform, or choose another account",
    "CLOSINGS_ONLY_ACCOUNT": "close positions, or ask IG why the account may only do that",
    "CONFLICTING_ORDER": "leave deal_reference out: each deal then has one of its own",
    "DUPLICATE_ORDER_ERROR": (
        "the reference was used before, and the deal that had it may be open: look at ig.positions.list(); "
        "leave deal_reference out to have a new one each time"
    ),
    "FINANCE_REPEAT_DEALING": "wait for about 30 seconds, or deal a smaller size",
    "FORCE_OPEN_ON_SAME_MARKET_DIFFERENT_CURRENCY": "deal in the currency of the position that is open",
    "INSUFFICIENT_FUNDS": "deal a smaller size, or look at ig.accounts.list() for what is available",
    "LEVEL_TOLERANCE_ERROR": "the market moved: ask for the price again",
    "MARGIN_ERROR": "deal a smaller size, or look at ig.accounts.list() for what is available",
    "MARKET_ROLLED": "use the epic and expiry of the next contract",
    "MARKET_CLOSING": "use the epic and expiry of the next contract",
    "MAX_AUTO_SIZE_EXCEEDED": "deal a smaller size",
    "MOVE_AWAY_ONLY_LIMIT": "wait until the market is TRADEABLE",
    "MOVE_AWAY_ONLY_STOP": "wait until the market is TRADEABLE",
    "MOVE_AWAY_ONLY_TRIGGER_LEVEL": "wait until the market is TRADEABLE",
    "OPPOSING_POSITIONS_NOT_ALLOWED": "close the opposite position first, or deal with force_open=False",
    "ORDER_NOT_FOUND": "it was filled, cancelled or has ended: look at ig.orders.list() and ig.positions.list()",
    "POSITION_ALREADY_EXISTS_IN_OPPOSITE_DIRECTION": "close that position, or deal with force_open=True",
    "POSITION_NOT_AVAILABLE_TO_CLOSE": "look at ig.positions.list() for what is left of it",
    "POSITION_NOT_FOUND": "it is closed already: look at ig.positions.list()",
    "SIZE_INCREMENT": "use a rounder size: IG does not publish the market's step",
    "STOP_REQUIRED_ERROR": "give stop=Stop(..., guaranteed=True), which a limited-risk account demands",
    "NCR_POSITIONS_ON_CR_ACCOUNT": "give stop=Stop(..., guaranteed=True), which a limited-risk account demands",
    "TRAILING_STOP_NOT_ALLOWED": "ig.accounts.preferences() shows whether the account has trailing stops",
    "UNKNOWN": "IG gives no reason; its web platform may show more under the account's history",
}


@dataclass(frozen=True)
class Circumstances:
    """What is known about a rejected deal; each part may be absent.

    Attributes:
        request: The new deal, if it was one.
        faults: What ``checks`` finds wrong with it now.
        market: The market's details.
        account_type: ``CFD`` or ``SPREADBET``.
    """

    request: NewDeal | None = None
    faults: Sequence[str] = ()
    market: MarketDetails | None = None
    account_type: str | None = None


def message_for(confirm: Confirm) -> str:
    """Return what IG decided, in words."""
    _, meaning = REASONS.get(confirm.reason, ("unknown", ""))
    return f"IG rejected the deal {confirm.deal_reference}: {meaning}".rstrip(": ") + f" [{confirm.reason}]"


def hint_for(confirm: Confirm, around: Circumstances) -> str | None:
    """Return what probably caused a rejection, and what to do; ``None`` when nothing is known."""
    kind, _ = REASONS.get(confirm.reason, ("unknown", ""))
    subjects = _SUBJECTS.get(kind)
    faults = [each for each in around.faults if subjects is None or each.startswith(subjects)]
    causes = faults or list(_facts(kind, confirm.reason, around))
    remedy = REMEDIES.get(confirm.reason)
    return "; ".join([*causes, *([remedy] if remedy else [])]) or None


def _facts(kind: str, reason: str, around: Circumstances) -> Iterator[str]:
    """Yield request and rules side by side, where the checks found nothing wrong."""
    if around.market is not None:
        yield from _market_facts(kind, around.market)
    if around.request is not None:
        yield from _request_facts(kind, around.request)
    if around.account_type and (kind == "account" or reason == "INSTRUMENT_NOT_FOUND"):
        product = product_of(around.market) if around.market else None
        yield f"the account is a {around.account_type} account" + (f", the market is for {product}" if product else "")
        fitting = around.request and pair_epic(around.request.epic, around.account_type)
        if fitting and around.request and fitting != around.request.epic and kind == "account":
            yield f"its market of this pair is {fitting}"


def _market_facts(kind: str, market: MarketDetails) -> Iterator[str]:
    rules, quote = market.dealing_rules or DealingRules(), Quote.of(market)
    if kind in ("market", "unknown", "order") and quote.status not in (None, "TRADEABLE"):
        yield f"the market is {quote.status}"
    if kind in ("size", "unknown") and rules.min_deal_size and rules.min_deal_size.value is not None:
        yield f"the smallest size is {rules.min_deal_size.value}"
    if kind == "stops":
        yield from (
            f"{name} is {_text(rule)}"
            for name, rule in (
                ("the smallest distance of a stop or limit", rules.min_normal_stop_or_limit_distance),
                ("that of a guaranteed stop", rules.min_controlled_risk_stop_distance),
                ("the largest distance", rules.max_stop_or_limit_distance),
                ("the smallest trailing step", rules.min_step_distance),
            )
            if rule
        )
    if kind in ("stops", "price", "unknown") and quote.bid is not None and quote.offer is not None:
        yield f"the price is {quote.bid}/{quote.offer}"
    if kind == "funds" and market.instrument.margin_factor is not None:
        unit = "%" if market.instrument.margin_factor_unit == "PERCENTAGE" else " points"
        yield f"the margin is {market.instrument.margin_factor}{unit}"


def _request_facts(kind: str, request: NewDeal) -> Iterator[str]:
    if kind in ("size", "funds", "unknown"):
        yield f"the size was {request.size}"
    if kind in ("stops", "unknown"):
        for name, leg in (("stop", request.stop), ("limit", request.limit)):
            if leg is not None:
                yield f"the {name} was at {'level' if leg.distance is None else 'distance'} {leg.distance or leg.level}"
    if kind in ("price", "unknown") and request.level is not None:
        yield f"the level was {request.level}"
    if kind == "market":
        yield f"the deal was in {request.currency}, expiry {request.expiry}"


def _text(rule: Rule) -> str:
    unit = "%" if rule.unit == "PERCENTAGE" else " points"
    return f"{rule.value}{unit}"
