"""``ig.costs``: what a deal would cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeVar

from ig_sdk import _json
from ig_sdk.errors import DecodeError
from ig_sdk.rest.arguments import limit_of, reference_of, stop_of, text_of, without_none
from ig_sdk.rest.deals.cost_quotes import CostQuote, CostQuotesPage, CostsToClose, CostsToEdit, OpeningCosts
from ig_sdk.rest.deals.new import currency_for
from ig_sdk.rest.http.deadline import Deadline
from ig_sdk.rest.http.endpoint import Endpoint
from ig_sdk.rest.login.account_markets import account_epic
from ig_sdk.rest.login.auth import Auth
from ig_sdk.rest.market_data.details import GET, MarketDetails
from ig_sdk.rest.times import Moment, parse_moment
from ig_sdk.types import Direction, Limit, Number, Stop, decimal_of

# A quote of costs trades nothing: asking for it twice does no harm, so none of these is mutating.
OPEN = Endpoint("POST", "/indicativecostsandcharges/open", version=1)
CLOSE = Endpoint("POST", "/indicativecostsandcharges/close", version=1)
EDIT = Endpoint("POST", "/indicativecostsandcharges/edit", version=1)
HISTORY = Endpoint("GET", "/indicativecostsandcharges/history/from/{from}/to/{to}", version=1)
DOCUMENT = Endpoint("GET", "/indicativecostsandcharges/durablemedium/{indicativeQuoteReference}", version=1, raw=True)

_NUMBERS = {"bid", "ask", "priceLevel", "openingLevel", "knockoutPremium", "size"}
CostsT = TypeVar("CostsT", OpeningCosts, CostsToClose, CostsToEdit)


class CostsResource:
    """Indicative costs and charges; reached as ``ig.costs``.

    Prices and currency that are not given are those of the market now; reading them costs one more request.

    Threading:
        Safe from any thread.
    """

    def __init__(self, auth: Auth) -> None:
        self._auth = auth

    def open(
        self,
        epic: str,
        direction: Direction | str,
        size: Number,
        *,
        bid: Number | None = None,
        offer: Number | None = None,
        currency: str | None = None,
        level: Number | None = None,
        stop: Stop | None = None,
        knockout_premium: Number | None = None,
        deal_reference: str | None = None,
        timeout: float | None = None,
    ) -> OpeningCosts:
        """Return what it would cost to open a position, to hold it and to end it.

        Args:
            epic: The market.
            direction: ``"BUY"`` or ``"SELL"``.
            size: Contracts, or money a point.
            bid: Price at which one sells; the market's unless given.
            offer: Price at which one buys; the market's unless given.
            currency: Currency of the deal; the market's own choice unless given.
            level: Price of the deal, if it is not at once.
            stop: A stop, at a level.
            knockout_premium: Premium of a knock-out.
            deal_reference: Names the deal that this is about; a new one unless given.
            timeout: Seconds for the whole call; ``None`` bounds each attempt by the configuration.

        Raises:
            ValueError: A number is none, or the stop has no level.
            DecodeError: IG sent no price for the market.
            IGError: The call failed.

        Source:
            ``POST /indicativecostsandcharges/open`` version 1 (wire/ig_api.json, costs.open.v1).
        """
        deal = _deal(direction, size, level, stop, knockout_premium, deal_reference)
        prices = {"bid": bid, "ask": offer, "dealCurrencyCode": currency}
        return self._ask(OPEN, OpeningCosts, epic, deal, prices, timeout)

    def close(
        self,
        epic: str,
        direction: Direction | str,
        size: Number,
        *,
        opening_level: Number,
        bid: Number | None = None,
        offer: Number | None = None,
        currency: str | None = None,
        level: Number | None = None,
        stop: Stop | None = None,
        knockout_premium: Number | None = None,
        deal_reference: str | None = None,
        timeout: float | None = None,
    ) -> CostsToClose:
        """Return what it would cost to close a position.

        Args:
            epic: The market.
            direction: ``"BUY"`` or ``"SELL"``; IG's reference does not say whether the position's or the close's.
            size: Contracts, or money a point.
            opening_level: Level at which the position was opened.
            bid: Price at which one sells; the market's unless given.
            offer: Price at which one buys; the market's unless given.
            currency: Currency of the deal; the market's own choice unless given.
            level: Price of the deal, if it is not at once.
            stop: The position's stop, at a level.
            knockout_premium: Premium of a knock-out.
            deal_reference: Names the deal that this is about; a new one unless given.
            timeout: Seconds for the whole call; ``None`` bounds each attempt by the configuration.

        Raises:
            ValueError: A number is none, or the stop has no level.
            DecodeError: IG sent no price for the market.
            IGError: The call failed.

        Source:
            ``POST /indicativecostsandcharges/close`` version 1 (wire/ig_api.json, costs.close.v1).
        """
        deal = _deal(direction, size, level, stop, knockout_premium, deal_reference)
        deal |= {"openingLevel": opening_level}
        prices = {"bid": bid, "ask": offer, "dealCurrencyCode": currency}
        return self._ask(CLOSE, CostsToClose, epic, deal, prices, timeout)

    def edit(  # noqa: PLR0913 -- as many as IG takes
        self,
        epic: str,
        direction: Direction | str,
        size: Number,
        *,
        opening_level: Number,
        stop: Stop | None = None,
        limit: Limit | None = None,
        edit_type: str | None = None,
        bid: Number | None = None,
        offer: Number | None = None,
        currency: str | None = None,
        level: Number | None = None,
        knockout_premium: Number | None = None,
        deal_reference: str | None = None,
        timeout: float | None = None,
    ) -> CostsToEdit:
        """Return what a position would cost with another stop or limit, when that ends it.

        Args:
            epic: The market.
            direction: ``"BUY"`` or ``"SELL"``, the position's.
            size: Contracts, or money a point.
            opening_level: Level at which the position was opened.
            stop: The new stop, at a level.
            limit: The new limit, at a level.
            edit_type: IG's word for the change; its reference does not list them.
            bid: Price at which one sells; the market's unless given.
            offer: Price at which one buys; the market's unless given.
            currency: Currency of the deal; the market's own choice unless given.
            level: Price of the deal, if it is not at once.
            knockout_premium: Premium of a knock-out.
            deal_reference: Names the deal that this is about; a new one unless given.
            timeout: Seconds for the whole call; ``None`` bounds each attempt by the configuration.

        Raises:
            ValueError: A number is none, or stop or limit have no level.
            DecodeError: IG sent no price for the market.
            IGError: The call failed.

        Source:
            ``POST /indicativecostsandcharges/edit`` version 1 (wire/ig_api.json, costs.edit.v1).
        """
        limit = limit_of(limit)
        if limit is not None and limit.level is None:
            raise ValueError("costs are quoted for a limit at a level: Limit(level=...)")
        deal = _deal(direction, size, level, stop, knockout_premium, deal_reference)
        deal |= {"openingLevel": opening_level, "limitLevel": limit and limit.level, "editType": edit_type}
        prices = {"bid": bid, "ask": offer, "dealCurrencyCode": currency}
        return self._ask(EDIT, CostsToEdit, epic, deal, prices, timeout)

    def history(
        self,
        start: Moment,
        end: Moment,
        *,
        quote_type: str | None = None,
        page_size: int | None = None,
        timeout: float | None = None,
    ) -> list[CostQuote]:
        """Return the quotes of costs that were asked for in a time.

        Args:
            start: Its beginning: an aware datetime, a date, or ISO text.
            end: Its end, likewise.
            quote_type: Only those of one ``type``.
            page_size: Quotes in one request; IG's own choice unless given.
            timeout: Seconds for all pages together; ``None`` bounds each attempt by the configuration.

        Raises:
            ValueError: A time is none, or a datetime without a zone.
            IGError: The call failed.

        Source:
            ``GET /indicativecostsandcharges/history/from/{from}/to/{to}`` version 1 (REST.md section 4).
        """
        parts = {"from": _path_time(start, "start"), "to": _path_time(end, "end")}
        query = {name: str(value) for name, value in without_none({"type": quote_type, "pageSize": page_size}).items()}
        return [*self._quotes(parts, query, self._auth.deadline(timeout))]

    def document(self, indicative_quote_reference: str, *, timeout: float | None = None) -> bytes:
        """Return the document of a quote: a PDF.

        Args:
            indicative_quote_reference: Names the quote; it is in the costs and in the history.
            timeout: Seconds for the whole call; ``None`` bounds each attempt by the configuration.

        Raises:
            NotFound: IG knows no such quote.
            DecodeError: The answer is no PDF.
            IGError: The call failed.

        Source:
            ``GET /indicativecostsandcharges/durablemedium/{indicativeQuoteReference}`` version 1.
        """
        parts = {"indicativeQuoteReference": indicative_quote_reference}
        body = self._auth.call(DOCUMENT, self._auth.deadline(timeout), parts=parts).body
        # A proxy's error page may have the status 200 too.
        if not body.lstrip().startswith(b"%PDF"):
            raise DecodeError("the document is no PDF", path=DOCUMENT.path)
        return body

    def _ask(
        self,
        endpoint: Endpoint,
        kind: type[CostsT],
        epic: str,
        deal: Mapping[str, object],
        prices: Mapping[str, object],
        timeout: float | None,
    ) -> CostsT:
        deadline = self._auth.deadline(timeout)
        text_of(epic, "epic")
        given = {
            name: decimal_of(value, name) if name in _NUMBERS else value
            for name, value in without_none({**deal, **prices}).items()
        }
        epic = account_epic(self._auth, epic, deadline)
        looked_up = self._prices(epic, deadline) if None in prices.values() else {}
        body = {"epic": epic, **looked_up, **given}
        return _json.decode(kind, self._auth.call(endpoint, deadline, body=body).data, path="costs")

    def _prices(self, epic: str, deadline: Deadline) -> dict[str, object]:
        """Return the prices and the currency that IG demands, read from its own market."""
        details = _json.decode(MarketDetails, self._auth.call(GET, deadline, parts={"epic": epic}).data)
        bid, offer = details.snapshot.bid, details.snapshot.offer
        if bid is None or offer is None:
            raise DecodeError(f"IG sent no price for {epic}", path="snapshot.bid", hint="give bid= and offer=")
        currency = currency_for(details.instrument, self._auth.login(deadline).currency_iso_code)
        return {"bid": decimal_of(bid, "bid"), "ask": decimal_of(offer, "offer"), "dealCurrencyCode": currency}

    def _quotes(self, parts: Mapping[str, str], query: dict[str, str], deadline: Deadline) -> Iterator[CostQuote]:
        """Yield the quotes of all pages; whether IG counts them from 0 or from 1 is not known."""
        seen: set[int] = set()
        count = 0
        while True:
            data = self._auth.call(HISTORY, deadline, parts=parts, query=query).data
            rows = _json.decode_rows(CostQuote, data, "costsAndChargesHistory")
            yield from rows
            count += len(rows)
            page = _json.decode(CostQuotesPage, _json.inner(data, "pagination"))
            if not rows or page.page_number is None or count >= (page.total_elements or 0):
                return
            if page.page_number in seen:
                raise DecodeError("the pages of quotes go round in circles", path="pagination.pageNumber")
            seen.add(page.page_number)
            query = query | {"pageNumber": str(page.page_number + 1)}


def _deal(
    direction: Direction | str,
    size: Number,
    level: Number | None,
    stop: Stop | None,
    knockout_premium: Number | None,
    reference: str | None,
) -> dict[str, object]:
    stop = stop_of(stop)
    if stop is not None and stop.level is None:
        raise ValueError("costs are quoted for a stop at a level: Stop(level=...)")
    return {
        "direction": Direction.parse(direction).value,
        "size": size,
        "priceLevel": level,
        "stopLevel": stop and stop.level,
        "guaranteedStop": stop and bool(stop.guaranteed),
        "knockoutPremium": knockout_premium,
        "dealReference": reference_of(reference),
    }


def _path_time(value: Moment, name: str) -> str:
    """Return a moment as this endpoint takes it in its path: ``yyyy-MM-dd'T'HH:mm:ss.SSSXXX`` (REST.md section 4)."""
    moment = parse_moment(value, name)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
