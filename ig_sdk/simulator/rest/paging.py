"""Times and pages in queries and replies, shared by the history endpoints.

Source:
    REST.md section 4 (formats, paging).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from typing import Any, TypeVar

from ig_sdk.simulator.refusals import RestRefusal
from ig_sdk.simulator.rest.request import whole

T = TypeVar("T")

ISO = "%Y-%m-%dT%H:%M:%S"
_DAY = "%Y-%m-%d"
# Some centuries: longer than any history, and still within Python's calendar.
_LONGEST_MS = 10**13


def read_time(text: str, *formats: str, code: str) -> datetime:
    """Return a time (UTC) written in one of ``formats``.

    Raises:
        RestRefusal: It has another format, or there is no such time; with ``code``.
    """
    for form in formats:
        with suppress(ValueError):
            return datetime.strptime(text, form).replace(tzinfo=timezone.utc)
    raise RestRefusal(code)


def read_end(text: str, *, code: str) -> datetime:
    """Return the end of a span: ISO seconds, or a bare date, which means the end of that day.

    Raises:
        RestRefusal: It is no time; with ``code``.
    """
    time = read_time(text, ISO, _DAY, code=code)
    # Times are given to the second: what happened within the last second belongs to the span.
    return time + (timedelta(days=1) if len(text) <= len("yyyy-mm-dd") else timedelta(seconds=1)) - timedelta.resolution


def read_start(text: str, *, code: str) -> datetime:
    """Return the beginning of a span: ISO seconds or a bare date.

    Raises:
        RestRefusal: It is no time; with ``code``.
    """
    return read_time(text, ISO, _DAY, code=code)


def span_before(now: datetime, text: str) -> tuple[datetime, datetime]:
    """Return the span of the given number of milliseconds up to now (v1 paths).

    Raises:
        RestRefusal: It is no number, or out of range.
    """
    return now - timedelta(milliseconds=whole(text, 0, low=1, high=_LONGEST_MS)), now


def days(first: str, last: str) -> tuple[datetime, datetime]:
    """Return the span of whole days, ``dd-MM-yyyy`` (v1 paths).

    Raises:
        RestRefusal: They are no dates, or not in order.
    """
    code = "error.request.invalid.date-range"
    start, end = (read_time(text, "%d-%m-%Y", code=code) for text in (first, last))
    return in_order(start, end + timedelta(days=1) - timedelta.resolution, code=code)


def span_of(query: Mapping[str, str], now: datetime) -> tuple[datetime, datetime]:
    """Return the span of a v2 query: ``from`` and ``to``, or ``maxSpanSeconds`` back.

    Raises:
        RestRefusal: A value cannot be read, or the span ends before it begins.
    """
    code = "error.request.invalid.date-range"
    end = read_end(query["to"], code=code) if query.get("to") else now
    if query.get("from"):
        return in_order(read_start(query["from"], code=code), end, code=code)
    return end - timedelta(seconds=whole(query.get("maxSpanSeconds"), 600, high=10**9)), end


def in_order(start: datetime, end: datetime, *, code: str) -> tuple[datetime, datetime]:
    """Return both ends of a span.

    Raises:
        RestRefusal: It ends before it begins; with ``code``.
    """
    if end < start:
        raise RestRefusal(code)
    return start, end


def page_of(rows: Sequence[T], query: Mapping[str, str]) -> tuple[Sequence[T], dict[str, Any]]:
    """Return the rows of one numbered page, and the ``metadata`` that goes with it.

    Pages count from 1; a ``pageSize`` of 0 is one page of everything, and is reported as the number of rows.

    Raises:
        RestRefusal: The page size or number cannot be read.
    """
    size = whole(query.get("pageSize"), 20, code="error.request.invalid.page-size")
    number = whole(query.get("pageNumber"), 1, low=1)
    if size == 0:
        shown, size, pages = rows if number == 1 else rows[:0], len(rows), 1
    else:
        shown, pages = rows[(number - 1) * size : number * size], -(-len(rows) // size)
    page = {"pageSize": size, "pageNumber": number, "totalPages": pages}
    return shown, {"size": len(rows), "pageData": page}
