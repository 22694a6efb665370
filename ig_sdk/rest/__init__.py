"""IG's REST API: every resource, model and type of ``IGClient``'s calls, for users and all packages above this one.

The modules of this package are its own business: users import these names from here.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ig_sdk.rest.account_history.activity import Activities, Activity, ActivityAction, ActivityDetails
    from ig_sdk.rest.account_history.transactions import Transaction, Transactions
    from ig_sdk.rest.accounts import Account, AccountPreferences, AccountsResource
    from ig_sdk.rest.applications import Application, ApplicationsResource
    from ig_sdk.rest.confirms import ConfirmsResource
    from ig_sdk.rest.costs import CostsResource
    from ig_sdk.rest.deals.cost_quotes import (
        ClosingCosts,
        CostQuote,
        CostQuotesPage,
        CostsToClose,
        CostsToEdit,
        OpeningCosts,
    )
    from ig_sdk.rest.deals.open_deals import DealMarket, Order, Position
    from ig_sdk.rest.deals.repeat_dealing import RecentCurrency, RecentDeal, RecentMarket, RepeatDealingWindow
    from ig_sdk.rest.history import HistoryResource
    from ig_sdk.rest.http.endpoint import Endpoint
    from ig_sdk.rest.http.limits.points import PointsAllowance
    from ig_sdk.rest.http.limits.throttle import Allowances, AllowanceState
    from ig_sdk.rest.http.retry import Decision, Remedy, decide
    from ig_sdk.rest.http.transport import Request, RequestsTransport, Response, Timeout, Transport
    from ig_sdk.rest.login.session_info import (
        AccountFigures,
        AccountSwitch,
        EncryptionKey,
        Login,
        SessionAccount,
        SessionDetails,
    )
    from ig_sdk.rest.login.tokens import StreamAccess
    from ig_sdk.rest.market import Market
    from ig_sdk.rest.market_data.details import (
        Currency,
        DealingRules,
        ExpiryDetails,
        Instrument,
        MarginBand,
        MarketDetails,
        MarketTime,
        OpeningHours,
        RolloverDetails,
        Rule,
        Snapshot,
    )
    from ig_sdk.rest.market_data.ladder import (
        CurrencyLadder,
        LadderInstrument,
        LadderLevel,
        LadderSnapshot,
        MarketLadder,
    )
    from ig_sdk.rest.market_data.lists import Category, CategoryPage, MarketSummary, Navigation, NavigationNode
    from ig_sdk.rest.markets import MarketsResource
    from ig_sdk.rest.orders import OrdersResource
    from ig_sdk.rest.positions import CloseOutcome, PositionsResource
    from ig_sdk.rest.prices.plan import PricePlan
    from ig_sdk.rest.prices.reader import Progress
    from ig_sdk.rest.sentiment import ClientSentiment, SentimentResource
    from ig_sdk.rest.session import SessionResource
    from ig_sdk.rest.tables import Candles, Column, Rows
    from ig_sdk.rest.times import Moment
    from ig_sdk.rest.watchlists import Watchlist, WatchlistCreated, WatchlistMarkets, WatchlistsResource

__all__ = [
    "Account",
    "AccountFigures",
    "AccountPreferences",
    "AccountSwitch",
    "AccountsResource",
    "Activities",
    "Activity",
    "ActivityAction",
    "ActivityDetails",
    "AllowanceState",
    "Allowances",
    "Application",
    "ApplicationsResource",
    "Candles",
    "Category",
    "CategoryPage",
    "ClientSentiment",
    "CloseOutcome",
    "ClosingCosts",
    "Column",
    "ConfirmsResource",
    "CostQuote",
    "CostQuotesPage",
    "CostsResource",
    "CostsToClose",
    "CostsToEdit",
    "Currency",
    "CurrencyLadder",
    "DealMarket",
    "DealingRules",
    "Decision",
    "EncryptionKey",
    "Endpoint",
    "ExpiryDetails",
    "HistoryResource",
    "Instrument",
    "LadderInstrument",
    "LadderLevel",
    "LadderSnapshot",
    "Login",
    "MarginBand",
    "Market",
    "MarketDetails",
    "MarketLadder",
    "MarketSummary",
    "MarketTime",
    "MarketsResource",
    "Moment",
    "Navigation",
    "NavigationNode",
    "OpeningCosts",
    "OpeningHours",
    "Order",
    "OrdersResource",
    "PointsAllowance",
    "Position",
    "PositionsResource",
    "PricePlan",
    "Progress",
    "RecentCurrency",
    "RecentDeal",
    "RecentMarket",
    "Remedy",
    "RepeatDealingWindow",
    "Request",
    "RequestsTransport",
    "Response",
    "RolloverDetails",
    "Rows",
    "Rule",
    "SentimentResource",
    "SessionAccount",
    "SessionDetails",
    "SessionResource",
    "Snapshot",
    "StreamAccess",
    "Timeout",
    "Transaction",
    "Transactions",
    "Transport",
    "Watchlist",
    "WatchlistCreated",
    "WatchlistMarkets",
    "WatchlistsResource",
    "decide",
]

# The module of each public name, imported when the name is first used: importing this package costs nothing.
_HOMES = {
    "account_history.activity": ("Activities", "Activity", "ActivityAction", "ActivityDetails"),
    "account_history.transactions": ("Transaction", "Transactions"),
    "accounts": ("Account", "AccountPreferences", "AccountsResource"),
    "applications": ("Application", "ApplicationsResource"),
    "confirms": ("ConfirmsResource",),
    "costs": ("CostsResource",),
    "deals.cost_quotes": ("ClosingCosts", "CostQuote", "CostQuotesPage", "CostsToClose", "CostsToEdit", "OpeningCosts"),
    "deals.open_deals": ("DealMarket", "Order", "Position"),
    "deals.repeat_dealing": ("RecentCurrency", "RecentDeal", "RecentMarket", "RepeatDealingWindow"),
    "history": ("HistoryResource",),
    "http.endpoint": ("Endpoint",),
    "http.limits.points": ("PointsAllowance",),
    "http.limits.throttle": ("AllowanceState", "Allowances"),
    "http.retry": ("Decision", "Remedy", "decide"),
    "http.transport": ("Request", "RequestsTransport", "Response", "Timeout", "Transport"),
    "login.session_info": (
        "AccountFigures",
        "AccountSwitch",
        "EncryptionKey",
        "Login",
        "SessionAccount",
        "SessionDetails",
    ),
    "login.tokens": ("StreamAccess",),
    "market": ("Market",),
    "market_data.details": (
        "Currency",
        "DealingRules",
        "ExpiryDetails",
        "Instrument",
        "MarginBand",
        "MarketDetails",
        "MarketTime",
        "OpeningHours",
        "RolloverDetails",
        "Rule",
        "Snapshot",
    ),
    "market_data.ladder": ("CurrencyLadder", "LadderInstrument", "LadderLevel", "LadderSnapshot", "MarketLadder"),
    "market_data.lists": ("Category", "CategoryPage", "MarketSummary", "Navigation", "NavigationNode"),
    "markets": ("MarketsResource",),
    "orders": ("OrdersResource",),
    "positions": ("CloseOutcome", "PositionsResource"),
    "prices.plan": ("PricePlan",),
    "prices.reader": ("Progress",),
    "sentiment": ("ClientSentiment", "SentimentResource"),
    "session": ("SessionResource",),
    "tables": ("Candles", "Column", "Rows"),
    "times": ("Moment",),
    "watchlists": ("Watchlist", "WatchlistCreated", "WatchlistMarkets", "WatchlistsResource"),
}


def __getattr__(name: str) -> object:
    """Return a public name, imported now."""
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """Return the public names, for completion by tab."""
    return __all__
