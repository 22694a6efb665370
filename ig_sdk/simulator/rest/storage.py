"""What the REST API stores for accounts besides deals: watchlists and quotes of costs."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import count

from ig_sdk.simulator.reference.world import WatchlistSeed, watchlists
from ig_sdk.simulator.refusals import RestRefusal

# More than any client needs; one that makes lists without end must not fill the memory.
_MOST_LISTS = 200
_MOST_EPICS = 500
_MOST_QUOTES = 1_000


class Watchlists:
    """The watchlists of every account; an account starts with those of a new client.

    Threading:
        Safe from any thread.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lists: dict[str, dict[str, WatchlistSeed]] = {}
        self._serial = count(6_000_001)

    def all(self, account_id: str) -> list[WatchlistSeed]:
        """Return the lists of an account."""
        with self._lock:
            return list(self._of(account_id).values())

    def get(self, account_id: str, list_id: str) -> WatchlistSeed:
        """Return one list.

        Raises:
            RestRefusal: There is no such list.
        """
        with self._lock:
            return self._found(account_id, list_id)

    def create(self, account_id: str, name: str, epics: Sequence[str]) -> str:
        """Make a list and return its id.

        Raises:
            RestRefusal: The name is taken, or there are too many.
        """
        with self._lock:
            lists = self._of(account_id)
            if any(each.name == name for each in lists.values()):
                raise RestRefusal("error.watchlists.management.duplicate-name")
            if len(lists) >= _MOST_LISTS:
                raise RestRefusal("error.watchlists.management.error")
            list_id = str(next(self._serial))
            kept = tuple(dict.fromkeys(epics))[:_MOST_EPICS]
            lists[list_id] = WatchlistSeed(
                list_id, name, editable=True, deleteable=True, default_system=False, epics=kept
            )
            return list_id

    def delete(self, account_id: str, list_id: str) -> None:
        """Delete a list.

        Raises:
            RestRefusal: There is no such list, or it is one of IG's own.
        """
        with self._lock:
            found = self._of(account_id).get(list_id)
            if found is None:
                raise RestRefusal("error.watchlists.management.watchlist-not-found")
            if not found.deleteable:
                raise RestRefusal("error.watchlists.management.cannot-delete-watchlist")
            del self._of(account_id)[list_id]

    def add(self, account_id: str, list_id: str, epic: str) -> None:
        """Add a market to a list, unless it is on it already.

        Raises:
            RestRefusal: There is no such list, or it cannot be edited.
        """
        with self._lock:
            found = self._editable(account_id, list_id)
            epics = tuple(dict.fromkeys((*found.epics, epic)))[:_MOST_EPICS]
            self._of(account_id)[list_id] = replace(found, epics=epics)

    def remove(self, account_id: str, list_id: str, epic: str) -> None:
        """Remove a market from a list; one that is not on it is no error.

        Raises:
            RestRefusal: There is no such list, or it cannot be edited.
        """
        with self._lock:
            found = self._editable(account_id, list_id)
            epics = tuple(each for each in found.epics if each != epic)
            self._of(account_id)[list_id] = replace(found, epics=epics)

    # ---- under the lock

    def _of(self, account_id: str) -> dict[str, WatchlistSeed]:
        if account_id not in self._lists:
            self._lists[account_id] = {each.watchlist_id: each for each in watchlists()}
        return self._lists[account_id]

    def _found(self, account_id: str, list_id: str) -> WatchlistSeed:
        found = self._of(account_id).get(list_id)
        if found is None:
            raise RestRefusal("error.invalid.watchlist")
        return found

    def _editable(self, account_id: str, list_id: str) -> WatchlistSeed:
        found = self._found(account_id, list_id)
        if not found.editable:
            raise RestRefusal("error.watchlists.management.error")
        return found


@dataclass(frozen=True)
class CostQuote:
    """One indicative quote of costs.

    Attributes:
        reference: Its unique reference.
        account_id: Account that it was given to.
        at: When it was given, aware UTC.
        kind: ``"OPEN"``, ``"CLOSE"`` or ``"EDIT"``.
        direction: Side of the deal, if the request named one.
        market: Name of the market.
        lines: The costs as text, for the document.
    """

    reference: str
    account_id: str
    at: datetime
    kind: str
    direction: str | None
    market: str
    lines: tuple[str, ...]


class CostQuotes:
    """The latest quotes of costs.

    Threading:
        Safe from any thread.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._quotes: dict[str, CostQuote] = {}
        self._serial = count(1)

    def next_reference(self) -> str:
        """Return a reference that has not been used yet."""
        return f"ICQ{next(self._serial):012d}"

    def keep(self, quote: CostQuote) -> None:
        """Store a quote; the oldest is dropped when there are too many."""
        with self._lock:
            self._quotes[quote.reference] = quote
            while len(self._quotes) > _MOST_QUOTES:
                del self._quotes[next(iter(self._quotes))]

    def get(self, account_id: str, reference: str) -> CostQuote:
        """Return one quote.

        Raises:
            RestRefusal: The account has no such quote.
        """
        with self._lock:
            quote = self._quotes.get(reference)
        if quote is None or quote.account_id != account_id:
            raise RestRefusal("public-api.costs-and-charges.indicative-quote-reference-not-found")
        return quote

    def between(self, account_id: str, first: datetime, last: datetime) -> list[CostQuote]:
        """Return the quotes of an account in a span of time, newest first."""
        with self._lock:
            quotes = [each for each in self._quotes.values() if each.account_id == account_id]
        return [each for each in reversed(quotes) if first <= each.at <= last]
