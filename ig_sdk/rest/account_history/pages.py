"""Page after page of the account's history, as IG serves it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from urllib.parse import parse_qsl, urlsplit

from ig_sdk import _json
from ig_sdk.errors import DecodeError
from ig_sdk.rest.account_history.activity import Activity, decode_activities
from ig_sdk.rest.account_history.transactions import Transaction, decode_transactions
from ig_sdk.rest.http.deadline import Deadline
from ig_sdk.rest.http.endpoint import Endpoint
from ig_sdk.rest.login.auth import Auth

ACTIVITY = Endpoint("GET", "/history/activity", version=3)
TRANSACTIONS = Endpoint("GET", "/history/transactions", version=2)
# The most that IG takes (ig_api.json, history.activity.v3).
PAGE_SIZE = 500


def iterate_activities(auth: Auth, deadline: Callable[[], Deadline], query: Mapping[str, str]) -> Iterator[Activity]:
    """Yield activities page after page, newest first, each once.

    The cursor is a relative address in the reply. Only its query is used: where requests go is not the reply's to say.

    Args:
        auth: Carries the calls.
        deadline: Returns the deadline of the next page.
        query: What is asked for.

    Source:
        REST.md section 4: ``metadata.paging.next``, null at the end.
    """
    page: list[Activity] = []
    last: list[Activity] = []
    seen: set[str] = set()
    asked = dict(query)
    while True:
        data = auth.call(ACTIVITY, deadline(), query=asked).data
        before, page = page, decode_activities(data)
        # The cursor is a time: what happened in one second may come on both sides of it.
        yield from (activity for activity in page if activity not in last)
        following = _next(data)
        # An empty page in the middle would hide what is behind it; two are taken for the end.
        if following is None or (seen and not page and not before):
            return
        if following in seen:
            raise DecodeError("the pages of activities go round in circles", path="metadata.paging.next")
        seen.add(following)
        asked = {**query, **dict(parse_qsl(urlsplit(following).query))}
        asked.pop("version", None)  # a header with us
        last = [activity for activity in page if activity.date == page[-1].date] or last


def _next(data: object) -> str | None:
    following = _json.inner(data, "metadata", "paging").get("next")
    return following if isinstance(following, str) and following else None


def iterate_transactions(
    auth: Auth, deadline: Callable[[], Deadline], query: Mapping[str, str]
) -> Iterator[Transaction]:
    """Yield transactions page after page.

    Args:
        auth: Carries the calls.
        deadline: Returns the deadline of the next page.
        query: What is asked for.

    Source:
        REST.md section 4: numbered pages, ``metadata.pageData``.
    """
    number, last = 1, list[Transaction]()
    while True:
        data = auth.call(TRANSACTIONS, deadline(), query={**query, "pageNumber": str(number)}).data
        page = decode_transactions(data)
        if number > 1 and page == last:
            raise DecodeError(f"page {number - 1} came instead of {number}", path="metadata.pageData")
        last = page
        yield from page
        told = _json.inner(data, "metadata", "pageData")
        came = told.get("pageNumber")
        if isinstance(came, int) and came != number:
            raise DecodeError(f"page {came} came instead of {number}", path="metadata.pageData")
        pages = told.get("totalPages")
        # Without a word on how many there are, a page that is not full is the last.
        more = len(page) >= PAGE_SIZE if not isinstance(pages, int) else number < pages
        if not more or not page:
            return
        number += 1
