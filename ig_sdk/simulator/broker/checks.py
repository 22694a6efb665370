"""What the dealing engine refuses, and in which order it checks.

Source:
    REST.md section 6.3, "Suggested engine order" [inf]: account, instrument, product, market state, duplicate
    reference, currency and expiry, order type, size, opposing positions, stops and limits (``legs``), price, funds.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from ig_sdk.simulator.broker.account import Account
from ig_sdk.simulator.broker.book import TRADEABLE, Book
from ig_sdk.simulator.broker.deals import CloseDeal, NewOrder, OpenDeal
from ig_sdk.simulator.broker.prices import Quote
from ig_sdk.simulator.broker.records import Position
from ig_sdk.simulator.broker.terms import MarketTerms
from ig_sdk.types import Direction

_EDITS_ONLY = {"EDITS_ONLY", "ON_AUCTION"}
_NO_DEALS = {
    "EDITS_ONLY": "MARKET_CLOSED_WITH_EDITS",
    "ON_AUCTION": "MARKET_CLOSED_WITH_EDITS",
    "OFFLINE": "MARKET_OFFLINE",
}
_CLOSINGS = {TRADEABLE, "DEAL_NO_EDIT", "CLOSINGS_ONLY"}
_OPENINGS = _CLOSINGS - {"CLOSINGS_ONLY"}
_EDITS = {TRADEABLE, "CLOSINGS_ONLY"} | _EDITS_ONLY

# No market deals such numbers; arithmetic stays exact below them.
_HUGE = Decimal(10) ** 9


class Rejected(Exception):
    """The engine's verdict on a request that it does not carry out.

    Attributes:
        reason: IG's ``DealReason``.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def deals(status: str, *, opening: bool) -> bool:
    """Whether a market of this status is dealt in."""
    return status in (_OPENINGS if opening else _CLOSINGS)


def check_sane(numbers: Iterable[object]) -> None:
    """Refuse numbers that are too large or not finite."""
    for number in numbers:
        if isinstance(number, Decimal) and not (number.is_finite() and abs(number) < _HUGE):
            raise Rejected("GENERAL_ERROR")


def check_forced(book: Book) -> None:
    """Refuse a request because of ``Broker.reject_next``."""
    if book.forced_rejections:
        raise Rejected(book.forced_rejections.pop(0))


def check_account(account: Account, *, opening: bool) -> None:
    """Refuse an account that may not deal."""
    if account.terms.status != "ENABLED":
        raise Rejected("ACCOUNT_NOT_ENABLED_TO_TRADING")
    if opening and account.terms.closings_only:
        raise Rejected("CLOSINGS_ONLY_ACCOUNT")


def check_market(book: Book, account: Account, epic: str) -> MarketTerms:
    """Return the terms of a market that the account may deal."""
    terms = book.markets.get(epic)
    if terms is None:
        raise Rejected("INSTRUMENT_NOT_FOUND")
    if terms.product != account.terms.product:
        bet = terms.product == "SPREADBET"
        raise Rejected("REJECT_SPREADBET_ORDER_ON_CFD_ACCOUNT" if bet else "REJECT_CFD_ORDER_ON_SPREADBET_ACCOUNT")
    return terms


def check_state(book: Book, epic: str, *, opening: bool) -> Quote:
    """Return the price of a market that is dealt in now."""
    status = book.statuses.get(epic, TRADEABLE)
    if not deals(status, opening=opening):
        if status == "CLOSINGS_ONLY":
            raise Rejected("CLOSING_ONLY_TRADES_ACCEPTED_ON_THIS_MARKET")
        raise Rejected(_NO_DEALS.get(status, "MARKET_CLOSED"))
    quote = book.prices.quote(epic)
    if quote is None:
        raise Rejected("MARKET_OFFLINE")
    return quote


def check_new_order_state(book: Book, epic: str) -> Quote:
    """Return the price of a market that takes working orders now: also one that is open for edits only [one]."""
    if book.statuses.get(epic, TRADEABLE) in _EDITS_ONLY:
        return book.quote(epic)
    return check_state(book, epic, opening=True)


def check_edits(book: Book, epic: str) -> bool:
    """Refuse a market that takes no edits now, and return whether levels may only move away from the price."""
    status = book.statuses.get(epic, TRADEABLE)
    if status == "DEAL_NO_EDIT":
        raise Rejected("ORDER_LOCKED")
    if status not in _EDITS:
        raise Rejected(_NO_DEALS.get(status, "MARKET_CLOSED"))
    return status in _EDITS_ONLY


def check_reference(account: Account, deal: OpenDeal | NewOrder, reference: str) -> None:
    """Use a deal reference up, or refuse one that was used before (REST.md section 6.1 item 6)."""
    earlier = account.requests.get(reference)
    if earlier is not None:
        raise Rejected("DUPLICATE_ORDER_ERROR" if earlier == deal else "CONFLICTING_ORDER")
    account.requests[reference] = deal


def check_contract(book: Book, account: Account, terms: MarketTerms, deal: OpenDeal | NewOrder) -> None:
    """Refuse a currency or an expiry that the instrument does not have."""
    if deal.currency not in terms.currencies:
        raise Rejected("CONTACT_SUPPORT_INSTRUMENT_ERROR")
    if book.prices.rate(deal.currency, account.terms.currency) is None:
        raise Rejected("INSTRUMENT_NOT_TRADEABLE_IN_THIS_CURRENCY")
    if deal.expiry != terms.expiry:
        raise Rejected("INSTRUMENT_NOT_FOUND")


def check_order_type(terms: MarketTerms, deal: OpenDeal | CloseDeal) -> None:
    """Refuse MARKET where the instrument has none."""
    if deal.order_type == "MARKET" and not terms.market_orders:
        raise Rejected("MARKET_ORDERS_NOT_ALLOWED_ON_INSTRUMENT")


def check_size(account: Account, terms: MarketTerms, deal: OpenDeal | NewOrder) -> None:
    """Refuse sizes that are too small, odd, too big, or too much within the repeat dealing window."""
    if deal.size < terms.min_size:
        raise Rejected("MINIMUM_ORDER_SIZE_ERROR")
    if deal.size % terms.size_step:
        raise Rejected("SIZE_INCREMENT")
    if terms.max_size is None:
        return
    if deal.size > terms.max_size:
        raise Rejected("MAX_AUTO_SIZE_EXCEEDED")
    subject = (deal.epic, deal.currency, deal.direction)
    lately = sum(each.size for each in account.recent if (each.epic, each.currency, each.direction) == subject)
    if isinstance(deal, OpenDeal) and lately + deal.size > terms.max_size:
        raise Rejected("FINANCE_REPEAT_DEALING")


def check_opposing(account: Account, position: Position, *, net: bool) -> None:
    """Refuse a new position that is not allowed beside those that are open.

    Args:
        account: Whose.
        position: The position to open.
        net: It closes opposing ones first, so that none is left.
    """
    beside = [each for each in account.positions.values() if each.epic == position.epic]
    opposing = [each for each in beside if each.direction is not position.direction]
    if net:
        return
    if opposing and not account.terms.hedging:
        raise Rejected("OPPOSING_POSITIONS_NOT_ALLOWED")
    if opposing and position.guaranteed:
        raise Rejected("OPPOSING_DIRECTION_ORDERS_NOT_ALLOWED")
    if any(each.currency != position.currency for each in beside):
        raise Rejected("FORCE_OPEN_ON_SAME_MARKET_DIFFERENT_CURRENCY")


def fill_level(deal: OpenDeal | CloseDeal, quote: Quote) -> Decimal:
    """Return the price at which a deal is filled if it is."""
    if deal.order_type == "QUOTE" and deal.level is not None:
        return deal.level
    return quote.opening(deal.direction)


def check_price(deal: OpenDeal | CloseDeal, quote: Quote) -> None:
    """Refuse a LIMIT that the market does not reach, and a QUOTE from which it has moved by more than the spread."""
    if deal.order_type == "MARKET" or deal.level is None:
        return
    worse = quote.opening(deal.direction) - deal.level
    if deal.direction is Direction.SELL:
        worse = -worse
    if deal.order_type == "LIMIT" and worse > 0:
        raise Rejected("LIMIT_ORDER_WRONG_SIDE_OF_MARKET")
    if deal.order_type == "QUOTE" and abs(worse) > quote.offer - quote.bid:
        raise Rejected("LEVEL_TOLERANCE_ERROR")


def check_funds(book: Book, account: Account, positions: Iterable[Position]) -> None:
    """Refuse what would leave the account with ``positions`` if their margin takes more than is available."""
    figures = book.figures(account)
    more = sum(book.deposit(account, positions)) - figures.deposit
    if more > max(figures.available, Decimal(0)):
        raise Rejected("INSUFFICIENT_FUNDS")


def size_filled(terms: MarketTerms, deal: OpenDeal | CloseDeal) -> Decimal:
    """Return how much of a deal the market takes, or refuse it where all or nothing was asked for."""
    if terms.depth is None or deal.size <= terms.depth:
        return deal.size
    if deal.time_in_force == "FILL_OR_KILL":
        raise Rejected("ORDER_SIZE_CANNOT_BE_FILLED")
    return terms.depth
