"""``ig.watchlists``: lists of markets that the user, or IG, put together."""

# ruff: noqa: RUF009 -- the functions of _json declare fields, as dataclasses.field() does
from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from ig_sdk import _json
from ig_sdk.rest.arguments import several_of, text_of
from ig_sdk.rest.http.endpoint import Endpoint
from ig_sdk.rest.login.account_markets import account_epic
from ig_sdk.rest.login.auth import Auth
from ig_sdk.rest.market_data.lists import MarketSummary

LIST = Endpoint("GET", "/watchlists", version=1)
CREATE = Endpoint("POST", "/watchlists", version=1, mutating=True)
GET = Endpoint("GET", "/watchlists/{watchlistId}", version=1)
ADD = Endpoint("PUT", "/watchlists/{watchlistId}", version=1, mutating=True)
DELETE = Endpoint("DELETE", "/watchlists/{watchlistId}", version=1, mutating=True)
REMOVE = Endpoint("DELETE", "/watchlists/{watchlistId}/{epic}", version=1, mutating=True)


@_json.model
@dataclass(frozen=True)
class Watchlist(_json.Model):
    """A list of markets, without the markets.

    Attributes:
        id: IG's id of it: digits for the user's own, an English name (with spaces) for IG's.
        name: Its name in the user's language.
        editable: Whether markets may be added and removed.
        deleteable: Whether it may be deleted.
        default_system_watchlist: Whether it is one of IG's.
        extra: What IG sent and this class does not know.
    """

    id: str | None = _json.text()
    name: str | None = _json.text()
    editable: bool | None = _json.flag()
    deleteable: bool | None = _json.flag()
    default_system_watchlist: bool | None = _json.flag()
    extra: dict[str, Any] = _json.extra()


@_json.model
@dataclass(frozen=True)
class WatchlistMarkets(_json.Model):
    """The markets of a list; also to be counted and iterated over.

    Attributes:
        markets: The markets, in the list's order.
        extra: What IG sent and this class does not know.
    """

    markets: tuple[MarketSummary, ...] = _json.many(MarketSummary)
    extra: dict[str, Any] = _json.extra()

    def __iter__(self) -> Iterator[MarketSummary]:
        return iter(self.markets)

    def __len__(self) -> int:
        return len(self.markets)


@_json.model
@dataclass(frozen=True)
class WatchlistCreated(_json.Model):
    """What became of a new list.

    Attributes:
        watchlist_id: IG's id of it.
        status: ``SUCCESS``, or ``SUCCESS_NOT_ALL_INSTRUMENTS_ADDED``: IG left out markets that it would not take.
        extra: What IG sent and this class does not know.
    """

    watchlist_id: str | None = _json.text()
    status: str | None = _json.text()
    extra: dict[str, Any] = _json.extra()


class WatchlistsResource:
    """The watchlists; reached as ``ig.watchlists``.

    A market is named by its epic, or the five pairs by name (``"EURUSD"``).

    Threading:
        Safe from any thread.
    """

    def __init__(self, auth: Auth) -> None:
        self._auth = auth

    def get(self, watchlist_id: str, *, timeout: float | None = None) -> WatchlistMarkets:
        """Return the markets of one list, with their prices now.

        Args:
            watchlist_id: The list's ``id``.
            timeout: Seconds for the whole call; ``None`` bounds each attempt by the configuration.

        Raises:
            NotFound: IG knows no such list.
            IGError: The call failed.

        Source:
            ``GET /watchlists/{watchlistId}`` version 1 (REST.md section 5); sample ``watchlist_v1``.
        """
        reply = self._auth.call(GET, self._auth.deadline(timeout), parts={"watchlistId": watchlist_id})
        return _json.decode(WatchlistMarkets, reply.data, path="watchlist")

    def create(self, name: str, epics: Iterable[str] = (), *, timeout: float | None = None) -> WatchlistCreated:
        """Make a new list.

        Args:
            name: Its name: letters, digits, spaces, full stops and underscores.
            epics: The markets on it.
            timeout: Seconds for the whole call; ``None`` bounds each attempt by the configuration.

        Raises:
            InvalidRequest: IG does not take the name, or there is a list of that name.
            IGError: The call failed.

        Source:
            ``POST /watchlists`` version 1 (REST.md section 5).
        """
        given, deadline = several_of(epics, "epics"), self._auth.deadline(timeout)
        body = {"name": text_of(name, "name"), "epics": [account_epic(self._auth, epic, deadline) for epic in given]}
        reply = self._auth.call(CREATE, deadline, body=body)
        return _json.decode(WatchlistCreated, reply.data, path="watchlist")

    def add(self, watchlist_id: str, epic: str, *, timeout: float | None = None) -> None:
        """Put a market on a list.

        Args:
            watchlist_id: The list's ``id``.
            epic: The market.
            timeout: Seconds for the whole call; ``None`` bounds each attempt by the configuration.

        Raises:
            NotFound: IG knows no such list.
            IGError: The call failed.

        Source:
            ``PUT /watchlists/{watchlistId}`` version 1 (REST.md section 5).
        """
        deadline = self._auth.deadline(timeout)
        parts, body = {"watchlistId": watchlist_id}, {"epic": account_epic(self._auth, epic, deadline)}
        self._auth.call(ADD, deadline, parts=parts, body=body)

    def remove(self, watchlist_id: str, epic: str, *, timeout: float | None = None) -> None:
        """Take a market off a list.

        Args:
            watchlist_id: The list's ``id``.
            epic: The market.
            timeout: Seconds for the whole call; ``None`` bounds each attempt by the configuration.

        Raises:
            NotFound: IG knows no such list.
            IGError: The call failed.

        Source:
            ``DELETE /watchlists/{watchlistId}/{epic}`` version 1 (REST.md section 5).
        """
        deadline = self._auth.deadline(timeout)
        parts = {"watchlistId": watchlist_id, "epic": account_epic(self._auth, epic, deadline)}
        self._auth.call(REMOVE, deadline, parts=parts)

    def delete(self, watchlist_id: str, *, timeout: float | None = None) -> None:
        """Delete a list.

        Args:
            watchlist_id: The list's ``id``.
            timeout: Seconds for the whole call; ``None`` bounds each attempt by the configuration.

        Raises:
            NotFound: IG knows no such list.
            IGError: The call failed; IG's own lists cannot be deleted.

        Source:
            ``DELETE /watchlists/{watchlistId}`` version 1 (REST.md section 5).
        """
        self._auth.call(DELETE, self._auth.deadline(timeout), parts={"watchlistId": watchlist_id})

    # Last in the class: below it, "list" would no longer be the type.
    def list(self, *, timeout: float | None = None) -> list[Watchlist]:
        """Return all lists, without their markets.

        Args:
            timeout: Seconds for the whole call; ``None`` bounds each attempt by the configuration.

        Raises:
            IGError: The call failed.

        Source:
            ``GET /watchlists`` version 1 (REST.md section 5); sample ``watchlists_v1``.
        """
        return _json.decode_rows(Watchlist, self._auth.call(LIST, self._auth.deadline(timeout)).data, "watchlists")
