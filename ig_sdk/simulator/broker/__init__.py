"""The dealing engine of the simulated IG: rules only, no I/O, thread or clock.

Its users (``accounts``, both servers, a backtest) import from here, never from a module of this folder.
Prices and times are handed in; requests are answered by references, confirms and events. The same seed and the same
calls give the same ids, levels and money to the last digit.

Source:
    REST.md section 6 and its marks; what is marked [inf] there is a choice of this simulator.
"""

from ig_sdk.simulator.broker.broker import Broker
from ig_sdk.simulator.broker.deals import AmendDeal, AmendOrder, CloseDeal, NewOrder, NoMatch, OpenDeal, UnknownDeal
from ig_sdk.simulator.broker.events import (
    BrokerEvent,
    ConfirmEvent,
    FiguresEvent,
    OrderEvent,
    PositionEvent,
    StatusEvent,
)
from ig_sdk.simulator.broker.records import (
    ActivityEntry,
    Confirmation,
    Figures,
    Order,
    Position,
    RecentDeal,
    TransactionEntry,
)
from ig_sdk.simulator.broker.terms import AccountTerms, Band, MarketTerms, Rule

__all__ = [
    "AccountTerms",
    "ActivityEntry",
    "AmendDeal",
    "AmendOrder",
    "Band",
    "Broker",
    "BrokerEvent",
    "CloseDeal",
    "ConfirmEvent",
    "Confirmation",
    "Figures",
    "FiguresEvent",
    "MarketTerms",
    "NewOrder",
    "NoMatch",
    "OpenDeal",
    "Order",
    "OrderEvent",
    "Position",
    "PositionEvent",
    "RecentDeal",
    "Rule",
    "StatusEvent",
    "TransactionEntry",
    "UnknownDeal",
]
