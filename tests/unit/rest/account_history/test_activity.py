"""``ig.history.activity``: typed, all pages, each once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from ig_sdk.client import IGClient
from ig_sdk.clock import ManualClock
from ig_sdk.config import IGConfig
from ig_sdk.errors import DecodeError
from ig_sdk.rest.account_history.activity import Activities, decode_activities
from ig_sdk.rest.http.transport import Request, Response, Timeout

NOW = datetime(2025, 1, 6, 12, 0, 30, tzinfo=timezone.utc)


class Ledger:
    """IG's answers, one after the other, on a transport."""

    def __init__(self) -> None:
        self.answers: list[object] = []
        self.requests: list[tuple[str, dict[str, str]]] = []

    def send(self, request: Request, *, timeout: Timeout) -> Response:
        parts = urlsplit(request.url)
        if parts.path.endswith("/session"):
            body = {"currentAccountId": "ABC12", "accounts": [{"accountId": "ABC12"}]}
            return Response(200, {"cst": "c" * 20, "x-security-token": "x" * 20}, json.dumps(body).encode())
        if "/history/" not in parts.path:
            return Response(404, {}, b'{"errorCode": "invalid.url"}')
        assert request.headers["VERSION"] == "3"
        assert request.url.startswith("https://demo-api.ig.com/gateway/deal/history/activity?")
        self.requests.append((parts.path, {name: values[0] for name, values in parse_qs(parts.query).items()}))
        return Response(200, {}, json.dumps(self.answers.pop(0)).encode())

    def abort(self) -> None:
        pass

    def close(self) -> None:
        pass


def activity(second: int, **more: object) -> dict[str, object]:
    return {"date": f"2025-01-06T11:00:{second:02d}", "epic": "EPIC", "dealId": f"DEAL{second}"} | more


def page(*rows: dict[str, object], after: str | None = None) -> dict[str, object]:
    return {"activities": list(rows), "metadata": {"paging": {"next": after, "size": len(rows)}}}


@pytest.fixture
def ledger() -> Ledger:
    """IG."""
    return Ledger()


@pytest.fixture
def ig(ledger: Ledger) -> Iterator[IGClient]:
    """A client of it."""
    config = IGConfig(api_key="canarykey", identifier="canaryuser", password="canarypass", history={"cache": "none"})
    with IGClient(config, clock=ManualClock(NOW), transport=ledger) as client:
        yield client


def test_one_page(ig: IGClient, ledger: Ledger) -> None:
    """A week is the default; the query is IG's, and the rows are typed."""
    ledger.answers = [page(activity(5), activity(4))]
    found = ig.history.activity()
    assert isinstance(found, Activities)
    assert [row.deal_id for row in found] == ["DEAL5", "DEAL4"]
    assert found[0].date == datetime(2025, 1, 6, 11, 0, 5, tzinfo=timezone.utc)
    ((_, query),) = ledger.requests
    assert query == {
        "from": "2024-12-30T12:00:30",
        "to": "2025-01-06T12:00:30",
        "detailed": "true",
        "pageSize": "500",
    }


def test_what_is_asked_for(ig: IGClient, ledger: Ledger) -> None:
    """Times of any zone are sent in UTC, the end left out; a deal and the wish for no details are passed on."""
    ledger.answers = [page()]
    start = datetime(2025, 1, 1, tzinfo=timezone(timedelta(hours=1)))
    assert ig.history.activity(start=start, end="2025-01-02", detailed=False, deal_id="DIAAAA1") == []
    ((_, query),) = ledger.requests
    assert (query["from"], query["to"]) == ("2024-12-31T23:00:00", "2025-01-01T23:59:59")
    assert (query["detailed"], query["dealId"]) == ("false", "DIAAAA1")


def test_cursor_is_followed(ig: IGClient, ledger: Ledger) -> None:
    """The cursor's query is used, at our own address; a row on both sides of it comes once."""
    after = "https://elsewhere.example/history/activity?version=3&from=2025-01-01T00:00:00&to=2025-01-06T11:00:04&pageSize=2"
    ledger.answers = [page(activity(5), activity(4), after=after), page(activity(4), activity(3))]
    found = ig.history.activity(start="2025-01-01")
    assert [row.deal_id for row in found] == ["DEAL5", "DEAL4", "DEAL3"]
    _, query = ledger.requests[1]
    assert (query["to"], query["pageSize"], query["detailed"]) == ("2025-01-06T11:00:04", "2", "true")
    assert "version" not in query


def test_pages_are_asked_for_as_they_are_needed(ig: IGClient, ledger: Ledger) -> None:
    """The iterator sends nothing before it is read, and one request a page."""
    after = "/history/activity?to=2025-01-06T11:00:04"
    ledger.answers = [page(activity(5), after=after), page(activity(4))]
    rows = ig.history.iterate_activity()
    assert ledger.requests == []
    next(rows)
    assert len(ledger.requests) == 1
    assert len(list(rows)) == 1
    assert len(ledger.requests) == 2


def test_circles_end(ig: IGClient, ledger: Ledger) -> None:
    """A cursor that comes again is an error, and a second empty page the end."""
    after = "/history/activity?to=2025-01-06T11:00:04"
    ledger.answers = [page(activity(5), after=after), page(activity(4), after=after)]
    with pytest.raises(DecodeError, match="circles"):
        ig.history.activity()
    ledger.answers = [page(after=after), page(after=f"{after}&page=2")]
    assert ig.history.activity() == []


def test_an_empty_page_in_the_middle_hides_nothing(ig: IGClient, ledger: Ledger) -> None:
    """What stands behind it is read: a deal that was not seen would count as not placed."""
    after = "/history/activity?to=2025-01-06T11:00:0"
    ledger.answers = [page(activity(5), after=f"{after}4"), page(after=f"{after}3"), page(activity(2))]
    assert [row.deal_id for row in ig.history.activity()] == ["DEAL5", "DEAL2"]


@pytest.mark.parametrize(
    "asked",
    [{"start": "2025-01-02", "end": "2025-01-02"}, {"start": "2026-01-01"}, {"end": datetime(2025, 1, 1)}],  # noqa: DTZ001
)
def test_unclear_times(ig: IGClient, ledger: Ledger, asked: dict[str, Any]) -> None:
    """Times in the wrong order or without a zone are refused before anything is sent."""
    with pytest.raises(ValueError):
        ig.history.activity(**asked)
    assert ledger.requests == []


@pytest.mark.parametrize("data", [None, [], {}, {"activities": {}}])
def test_what_is_no_reply(data: object) -> None:
    """A reply without activities is a DecodeError."""
    with pytest.raises(DecodeError):
        decode_activities(data)


def test_odd_rows_survive() -> None:
    """Nulls, unknown values and keys break nothing: they are None, as they came, or in extra."""
    rows = [{"date": "yesterday", "type": "NEW_KIND", "details": None, "later": 1}, None, "x", {}]
    first, second = decode_activities({"activities": rows})
    assert (first.date, first.type, first.details, first.extra) == (
        None,
        "NEW_KIND",
        None,
        {"date": "yesterday", "later": 1},
    )
    assert second.deal_id is None


def test_recorded_details(shared: Path) -> None:
    """A recorded detailed reply is read whole, with exact decimals and UTC times."""
    data = json.loads((shared / "wire/samples/activity_v3__detailed_subset.json").read_text(), parse_float=Decimal)
    found = decode_activities(data)
    assert len(found) == len(data["activities"])
    first = found[0]
    assert first.date == datetime(2018, 4, 25, 20, 34, 14, tzinfo=timezone.utc)
    assert first.details is not None
    assert (first.details.size, first.details.level, first.details.direction) == (Decimal("0.5"), Decimal(16675), "BUY")
    assert [action.affected_deal_id for action in first.details.actions] == ["DIAAAABXKUXMPBD"]
    assert not any(row.extra or (row.details and row.details.extra) for row in found)


def test_recorded_locale(shared: Path) -> None:
    """A description in another language is kept as it is."""
    data = json.loads((shared / "wire/samples/activity_v3__german_locale.json").read_text(encoding="utf-8"))
    (row,) = decode_activities(data)
    assert row.description == "Position eröffnet: 39UG9VA6"


def test_recorded_version_1(shared: Path) -> None:
    """Texts of version 1 become the same fields; its date follows a locale and stays a text in extra."""
    data = json.loads((shared / "wire/samples/activity_v1__range.json").read_text(encoding="utf-8"))
    first = decode_activities(data)[0]
    assert (first.type, first.status, first.description) == ("Order", "ACCEPT", "Position opened: HGF113")
    assert (first.deal_id, first.date, first.extra["date"]) == ("ABCD12345X", None, "01/01/20")
    assert first.details is not None
    assert (first.details.size, first.details.level, first.details.stop_level) == (
        Decimal("0.60"),
        Decimal("4456.2"),
        None,
    )
    assert first.details.market_name == "US 500"
