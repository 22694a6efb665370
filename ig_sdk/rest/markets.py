"""``ig.markets``: what can be traded, on which terms, and at what price now."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator

from ig_sdk import _json
from ig_sdk.clock import Clock
from ig_sdk.errors import DecodeError
from ig_sdk.rest.arguments import several_of, text_of
from ig_sdk.rest.http.deadline import Deadline
from ig_sdk.rest.http.endpoint import Endpoint
from ig_sdk.rest.login.account_markets import account_epic
from ig_sdk.rest.login.auth import Auth
from ig_sdk.rest.market_data.details import GET, MarketDetails
from ig_sdk.rest.market_data.ladder import MarketLadder
from ig_sdk.rest.market_data.lists import LIST, SEARCH, Category, CategoryPage, MarketSummary, Navigation
from ig_sdk.types import Tick

LADDER = Endpoint("GET", "/markets/{epic}", version=4)
ROOT = Endpoint("GET", "/marketnavigation", version=1)
NODE = Endpoint("GET", "/marketnavigation/{nodeId}", version=1)
CATEGORIES = Endpoint("GET", "/categories", version=1)
CATEGORY = Endpoint("GET", "/categories/{categoryId}/instruments", version=1)
# More are refused with error.public-api.too-many-epics (wire/ig_api.json, markets.list.v2).
_EPICS_PER_REQUEST = 50
# The most that IG puts on a page (wire/ig_api.json, categories.instruments.v1): each page costs a request.
_PAGE_SIZE = 1000


class MarketsResource:
    """The markets; reached as ``ig.markets``.

    A market is named by its epic, or the five pairs by name (``"EURUSD"``).

    Threading:
        Safe from any thread.
    """

    def __init__(self, auth: Auth, clock: Clock) -> None:
        self._auth = auth
        self._clock = clock

    def get(self, epic: str, *, timeout: float | None = None) -> MarketDetails:
        """Return everything about one market.

        Args:
            epic: The market.
            timeout: Seconds for the whole call; ``None`` bounds each attempt by the configuration.

        Raises:
            NotFound: IG knows no such epic.
            IGError: The call failed.

        Source:
            ``GET /markets/{epic}`` version 3 (REST.md section 5); samples ``market_v3``.
        """
        return self._get(epic, self._auth.deadline(timeout))

    def _get(self, epic: str, deadline: Deadline) -> MarketDetails:
        reply = self._auth.call(GET, deadline, parts={"epic": account_epic(self._auth, epic, deadline)})
        return _json.decode(MarketDetails, reply.data, path="market")

    def search(self, term: str, *, timeout: float | None = None) -> list[MarketSummary]:
        """Return the markets that IG finds for some words.

        Args:
            term: What to look for, e.g. ``"EUR/USD"``.
            timeout: Seconds for the whole call; ``None`` bounds each attempt by the configuration.

        Returns:
            IG's hits in IG's order; none is an empty list.

        Raises:
            ValueError: The term is empty.
            IGError: The call failed.

        Source:
            ``GET /markets?searchTerm=`` version 1 (REST.md section 5); samples ``markets_search_v1``.
        """
        query = {"searchTerm": text_of(term, "term")}
        reply = self._auth.call(SEARCH, self._auth.deadline(timeout), query=query)
        return _json.decode_rows(MarketSummary, reply.data, "markets")

    def ladder(self, epic: str, *, timeout: float | None = None) -> MarketLadder:
        """Return one market with its prices by size.

        Args:
            epic: The market.
            timeout: Seconds for the whole call; ``None`` bounds each attempt by the configuration.

        Returns:
            A ladder of prices and the sizes they hold for, where ``get`` has one bid and one offer; margins, opening
            hours and expiry are in ``get`` only.

        Raises:
            NotFound: IG knows no such epic.
            IGError: The call failed.

        Source:
            ``GET /markets/{epic}`` version 4 (REST.md section 5); known from IG's reference, not seen recorded.
        """
        deadline = self._auth.deadline(timeout)
        reply = self._auth.call(LADDER, deadline, parts={"epic": account_epic(self._auth, epic, deadline)})
        return _json.decode(MarketLadder, reply.data, path="market")

    def navigate(self, node_id: str | None = None, *, timeout: float | None = None) -> Navigation:
        """Return what is below a node of the tree of markets.

        Args:
            node_id: The node's ``id``; the top of the tree unless given.
            timeout: Seconds for the whole call; ``None`` bounds each attempt by the configuration.

        Raises:
            NotFound: IG knows no such node.
            IGError: The call failed.

        Source:
            ``GET /marketnavigation`` and ``/marketnavigation/{nodeId}`` version 1 (REST.md section 5): branches have no
            markets, leaves no nodes; samples ``marketnavigation_v1``.
        """
        deadline = self._auth.deadline(timeout)
        reply = (
            self._auth.call(ROOT, deadline)
            if node_id is None
            else self._auth.call(NODE, deadline, parts={"nodeId": node_id})
        )
        return _json.decode(Navigation, reply.data, path="marketnavigation")

    def categories(self, *, timeout: float | None = None) -> list[Category]:
        """Return the categories of markets that the account may see.

        Args:
            timeout: Seconds for the whole call; ``None`` bounds each attempt by the configuration.

        Raises:
            IGError: The call failed.

        Source:
            ``GET /categories`` version 1 (REST.md section 5).
        """
        reply = self._auth.call(CATEGORIES, self._auth.deadline(timeout))
        return _json.decode_rows(Category, reply.data, "categories")

    def category(self, category_id: str, *, timeout: float | None = None) -> list[MarketSummary]:
        """Return all markets of a category; 1,000 go into one request.

        Args:
            category_id: The category's ``code``.
            timeout: Seconds for all pages together; ``None`` bounds each attempt by the configuration.

        Raises:
            IGError: The call failed.

        Source:
            ``GET /categories/{categoryId}/instruments`` version 1 (REST.md sections 4, 5).
        """
        deadline = self._auth.deadline(timeout)
        return [*self._pages(category_id, _PAGE_SIZE, lambda: deadline)]

    def iterate(
        self, category_id: str, *, page_size: int = _PAGE_SIZE, timeout: float | None = None
    ) -> Iterator[MarketSummary]:
        """Yield the markets of a category; a page is asked for when its first market is.

        Args:
            category_id: The category's ``code``.
            page_size: Markets in one request, 1 to 1,000.
            timeout: Seconds for each page; ``None`` bounds each attempt by the configuration.

        Raises:
            ValueError: ``page_size`` is out of its range.
            IGError: A call failed.

        Source:
            As for ``category``.
        """
        if type(page_size) is not int or not 1 <= page_size <= _PAGE_SIZE:
            raise ValueError(f"page_size must be a whole number, 1 to {_PAGE_SIZE}, not {page_size!r}")
        return self._pages(category_id, page_size, lambda: self._auth.deadline(timeout))

    def _pages(self, category_id: str, page_size: int, deadline: Callable[[], Deadline]) -> Iterator[MarketSummary]:
        """Yield the markets of all pages.

        IG sends no total (REST.md section 4): the last page is the one that is not full, or that holds nothing new.
        """
        parts, seen = {"categoryId": category_id}, set[str | None]()
        for page in itertools.count():
            query = {"pageNumber": str(page), "pageSize": str(page_size)}
            data = self._auth.call(CATEGORY, deadline(), parts=parts, query=query).data
            rows = _json.decode_rows(MarketSummary, data, "instruments")
            fresh = [row for row in rows if row.epic not in seen]
            yield from fresh
            seen.update(row.epic for row in fresh)
            # IG may put fewer on a page than were asked for.
            told = _json.decode(CategoryPage, _json.inner(data, "metadata")).page_size
            if not fresh or (told is not None and len(rows) < told):
                return

    def quote(self, epic: str, *, timeout: float | None = None) -> Tick:
        """Return the present price of one market.

        Args:
            epic: The market.
            timeout: Seconds for the whole call; ``None`` bounds each attempt by the configuration.

        Returns:
            A tick with source ``"poll"``, prices in the market's own notation.

        Raises:
            NotFound: IG knows no such epic.
            DecodeError: IG sent no price.
            IGError: The call failed.

        Source:
            As for ``get``.
        """
        deadline = self._auth.deadline(timeout)
        details = self._get(epic, deadline)
        offset = self._auth.login(deadline).timezone_offset
        tick = details.tick(self._clock.now(), timezone_offset=offset)
        if tick is None:
            raise DecodeError(
                f"IG sent no price for {epic}",
                path="snapshot.bid",
                hint=f"the market is {details.snapshot.market_status}; shares have no price without a price feed",
            )
        return tick if tick.epic else tick._replace(epic=account_epic(self._auth, epic, deadline))

    # Last in the class: below it, "list" would no longer be the type.
    def list(self, epics: Iterable[str], *, timeout: float | None = None) -> list[MarketDetails]:
        """Return everything about several markets, in the order asked; 50 go into one request.

        Args:
            epics: The markets; naming one twice gives it once.
            timeout: Seconds for the whole call; ``None`` bounds each attempt by the configuration.

        Raises:
            ValueError: An epic is empty, or holds a comma.
            NotFound: IG does not know one of the epics.
            IGError: The call failed.

        Source:
            ``GET /markets?epics=`` version 2, which does not always answer in the order asked (REST.md sections 5, 10);
            sample ``markets_v2``.
        """
        deadline = self._auth.deadline(timeout)
        asked = list(dict.fromkeys(account_epic(self._auth, each, deadline) for each in several_of(epics, "epics")))
        found: list[MarketDetails] = []
        for start in range(0, len(asked), _EPICS_PER_REQUEST):
            query = {"epics": ",".join(asked[start : start + _EPICS_PER_REQUEST])}
            found += _json.decode_rows(
                MarketDetails, self._auth.call(LIST, deadline, query=query).data, "marketDetails"
            )
        place = {epic: index for index, epic in enumerate(asked)}
        return sorted(found, key=lambda each: place.get(each.instrument.epic or "", len(asked)))
