"""What deals read: the market's details, open positions and orders, and the account's activity."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime

from ig_sdk import _json
from ig_sdk.errors import IGError, NotFound
from ig_sdk.rest.account_history.activity import Activity
from ig_sdk.rest.account_history.pages import PAGE_SIZE, iterate_activities
from ig_sdk.rest.deals.changes import OrderCancel, OrderChange, PositionChange, PositionClose
from ig_sdk.rest.deals.checks import is_for_another_account, order_faults, pair_epic, position_faults, product_of
from ig_sdk.rest.deals.new import NewDeal, NewOrder, NewPosition
from ig_sdk.rest.deals.open_deals import Order, Position, entries, order_of, position_of
from ig_sdk.rest.deals.reasons import Circumstances
from ig_sdk.rest.deals.repeat_dealing import WINDOW, RepeatDealingWindow
from ig_sdk.rest.deals.verdicts import CLOCKS_DIFFER, DealRequest
from ig_sdk.rest.http.deadline import Deadline
from ig_sdk.rest.http.endpoint import Endpoint
from ig_sdk.rest.login.account_markets import account_type_of
from ig_sdk.rest.login.auth import Auth
from ig_sdk.rest.market_data.details import GET as DETAILS
from ig_sdk.rest.market_data.details import Instrument, MarketDetails
from ig_sdk.rest.market_data.lists import LIST, SEARCH, MarketSummary
from ig_sdk.rest.times import iso_seconds

# A deal waits for these: they must not queue behind other reads.
POSITIONS = Endpoint("GET", "/positions", version=2, urgent=True)
POSITION = Endpoint("GET", "/positions/{dealId}", version=2, urgent=True)
ORDERS = Endpoint("GET", "/workingorders", version=2, urgent=True)
MARKET = replace(DETAILS, urgent=True)
# What may be spent on naming the market that fits, and of how many.
_SEARCH_S = 5.0
_CANDIDATES = 20
# Subtracting from the date of a confirm of the year 1 would leave the calendar.
_EARLIEST = datetime(2000, 1, 1, tzinfo=timezone.utc)


class DealReader:
    """Reads for deals.

    Args:
        auth: Carries the calls.

    Threading:
        Safe from any thread.
    """

    def __init__(self, auth: Auth) -> None:
        self._auth = auth

    def deadline(self, timeout: float | None) -> Deadline:
        """Return the time of a new call that only reads."""
        return self._auth.deadline(timeout)

    def market(self, epic: str, deadline: Deadline) -> MarketDetails:
        """Return everything about one market."""
        return _json.decode(MarketDetails, self._auth.call(MARKET, deadline, parts={"epic": epic}).data, path="market")

    def fitting_epics(self, epic: str, market: MarketDetails, account_type: str, deadline: Deadline) -> list[str]:
        """Return the epics of the same underlying that an account of another type deals in, as far as IG finds them."""
        pair = pair_epic(epic, account_type)
        if pair is not None:
            return [pair]
        name = (market.instrument.name or "").partition("(")[0].strip()
        brief = deadline.part(_SEARCH_S)
        # The names differ between products: "FTSE 100 Cash (£10)" and "FTSE 100".
        for words in dict.fromkeys((name, " ".join(name.split()[:2]), market.instrument.market_id)):
            try:
                found = self._found(words, market.instrument, account_type, brief) if words else []
            except IGError:
                return []  # it is refused all the same
            if found:
                return found
        return []

    def _found(self, words: str, instrument: Instrument, account_type: str, deadline: Deadline) -> list[str]:
        hits = self._auth.call(SEARCH, deadline, query={"searchTerm": words}).data
        epics = [each.epic for each in _json.decode_rows(MarketSummary, hits, "markets") if each.epic][:_CANDIDATES]
        if not epics:
            return []
        rows = self._auth.call(LIST, deadline, query={"epics": ",".join(epics)}).data
        return [
            each.instrument.epic
            for each in _json.decode_rows(MarketDetails, rows, "marketDetails")
            if each.instrument.epic
            and each.instrument.market_id in (instrument.market_id, None)
            and product_of(each) is not None
            and not is_for_another_account(each, account_type)
        ]

    def position(self, deal_id: str, deadline: Deadline) -> Position:
        """Return one position."""
        return position_of(self._auth.call(POSITION, deadline, parts={"dealId": deal_id}).data)

    def positions(self, deadline: Deadline) -> list[Position]:
        """Return all positions."""
        return [position_of(item) for item in entries(self._auth.call(POSITIONS, deadline).data, "positions")]

    def positions_at(self, deadline: Deadline) -> tuple[list[Position], datetime | None]:
        """Return all positions, and IG's time when it looked, to the second; ``None`` where it does not say."""
        reply = self._auth.call(POSITIONS, deadline)
        positions = [position_of(item) for item in entries(reply.data, "positions")]
        try:
            at = parsedate_to_datetime(reply.headers.get("date", ""))
        except (TypeError, ValueError, IndexError, OverflowError):
            return positions, None
        return positions, at if at.tzinfo else at.replace(tzinfo=timezone.utc)

    def is_as_wanted(self, request: DealRequest, deadline: Deadline) -> bool:
        """Whether a position or an order is as a request wanted it."""
        if isinstance(request, (OrderCancel, OrderChange)):
            deal_id = request.deal_id if isinstance(request, OrderCancel) else request.before.deal_id
            order = next((each for each in self.orders(deadline) if each.deal_id == deal_id), None)
            if isinstance(request, OrderCancel):
                return order is None
            return order is not None and request.applied_to(order)
        if isinstance(request, NewDeal):
            return False
        try:
            position = self.position(request.before.deal_id or "", deadline)
        except NotFound:
            return isinstance(request, PositionClose)
        if isinstance(request, PositionChange):
            return request.applied_to(position)
        held, now = request.before.size, position.size
        return held is not None and now is not None and held - now >= request.size

    def orders(self, deadline: Deadline) -> list[Order]:
        """Return all orders."""
        return [order_of(item) for item in entries(self._auth.call(ORDERS, deadline).data, "workingOrders")]

    def repeat_dealing(self, epic: str | None, deadline: Deadline) -> RepeatDealingWindow:
        """Return what was dealt a moment ago, on one market or on all."""
        reply = self._auth.call(WINDOW, deadline, query=None if epic is None else {"epic": epic})
        return _json.decode(RepeatDealingWindow, reply.data, path="repeat-dealing-window")

    def activities(self, moment: datetime, deadline: Deadline, *, until: datetime | None = None) -> list[Activity]:
        """Return what was done on the account since shortly before a moment, the latest first.

        Args:
            moment: When.
            deadline: By when it must end.
            until: Nothing later than this; up to now unless given.
        """
        query = {"from": iso_seconds(max(moment, _EARLIEST) - CLOCKS_DIFFER), "detailed": "true"}
        if until is not None:
            query["to"] = iso_seconds(max(until, _EARLIEST))
        return list(iterate_activities(self._auth, lambda: deadline, query | {"pageSize": str(PAGE_SIZE)}))

    def circumstances(self, request: DealRequest, now: datetime, deadline: Deadline) -> Circumstances:
        """Return what may explain a rejection, as far as it can be read.

        Accounts and market are read now, even where the caller's details of the market are fresh: what counts is the
        price and the state of the market at the rejection.
        """
        deal = request if isinstance(request, NewDeal) else None
        if isinstance(request, OrderCancel):
            epic = None
        else:
            epic = request.epic if isinstance(request, NewDeal) else request.before.epic
        try:
            account_type = account_type_of(self._auth, deadline)
            market = self.market(epic, deadline) if epic else None
        except IGError:
            return Circumstances(request=deal)  # the rejection is reported even without an explanation
        faults: tuple[str, ...] = ()
        if market is not None and isinstance(deal, NewPosition):
            faults = position_faults(deal, market)
        elif market is not None and isinstance(deal, NewOrder):
            faults = order_faults(deal, market, now)
        return Circumstances(deal, faults, market, account_type)
