"""History over the REST API: spans, pages and filters."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from ig_sdk.simulator.broker import ActivityEntry, TransactionEntry
from ig_sdk.types import Direction

EPIC = "CS.D.EURUSD.MINI.IP"
NOW = datetime(2025, 1, 6, 10, tzinfo=timezone.utc)


def happened(number: int, at: datetime, **more: Any) -> ActivityEntry:
    """One row of the activity."""
    fields: dict[str, Any] = {
        "epic": EPIC,
        "period": "-",
        "deal_id": f"DIAAAA{number:09d}",
        "channel": "PUBLIC_WEB_API",
        "type": "POSITION",
        "status": "ACCEPTED",
        "description": f"Position opened: {number:08d}",
        "market_name": "EUR/USD Mini",
        "deal_reference": f"REF{number}",
        "currency": "USD",
        "size": Decimal("0.60"),
        "direction": Direction.SELL,
        "level": Decimal("1.10345"),
    }
    return ActivityEntry(activity_id=str(number), at=at, **fields | more)


def moved(number: int, at: datetime, **more: Any) -> TransactionEntry:
    """One row of the transactions."""
    fields: dict[str, Any] = {
        "opened_at": at - timedelta(hours=1),
        "instrument_name": "EUR/USD Mini",
        "period": "-",
        "profit": Decimal("-63.8"),
        "currency": "GBP",
        "type": "TRADE",
        "reference": f"{number:08d}",
        "open_level": Decimal("1.10345"),
        "close_level": Decimal("1.10445"),
        "size": Decimal(-1),
    }
    return TransactionEntry(at=at, **fields | more)


@pytest.fixture
def past(house):
    """Thirty rows of each kind, an hour apart, the latest an hour ago."""
    rows = [happened(number, NOW - timedelta(hours=number)) for number in range(1, 31)]
    cash = {"type": "DEPO", "open_level": None, "close_level": None, "size": None, "cash": True, "profit": Decimal(50)}
    money = [moved(n, NOW - timedelta(hours=n), **(cash if n % 10 == 0 else {})) for n in range(1, 31)]
    house.dealing.act(lambda broker, _: broker.remember("ABC123", activity=rows, transactions=money))
    return house


@pytest.fixture
def get(past, auth):
    """Reads a path of some version."""

    def read(path: str, version: int) -> Any:
        reply = past.call("GET", path, version, **auth)
        assert reply.status_code == 200, reply.text
        return reply.json

    return read


# ---- activity


def test_activity_by_period_and_by_days(get):
    """v1: so many milliseconds back, or whole days; texts as a statement shows them."""
    rows = get("/history/activity/7200000", 1)["activities"]
    assert [row["activityHistoryId"] for row in rows] == ["1", "2"]
    assert rows[0] == {
        "epic": EPIC,
        "dealId": "DIAAAA000000001",
        "activityHistoryId": "1",
        "date": "06/01/25",
        "time": "09:00",
        "activity": "Order",
        "marketName": "EUR/USD Mini",
        "period": "-",
        "result": "Position opened: 00000001",
        "channel": "Public Web API",
        "currency": "$",
        "size": "-0.60",
        "level": "1.10345",
        "stop": "-",
        "stopType": "-",
        "limit": "-",
        "actionStatus": "ACCEPT",
    }
    assert len(get("/history/activity/05-01-2025/05-01-2025", 1)["activities"]) == 20


@pytest.mark.parametrize(
    ("stop", "expected"),
    [
        ({"stop_level": Decimal("1.2")}, "N"),
        ({"stop_level": Decimal("1.2"), "guaranteed_stop": True}, "G"),
        ({"stop_level": Decimal("1.2"), "trailing_step": Decimal(50)}, "T(50)"),
    ],
)
def test_stop_types(house, auth, stop, expected):
    """Old rows tell the kind of a stop by a letter."""
    house.dealing.act(lambda broker, _: broker.remember("ABC123", activity=[happened(1, NOW, **stop)]))
    [row] = house.call("GET", "/history/activity/1000", 1, **auth).json["activities"]
    assert (row["stop"], row["stopType"]) == ("1.2", expected)


def test_activity_in_numbered_pages(get):
    """v2: without a span the last ten minutes, with one pages that together are everything, newest first."""
    assert get("/history/activity", 2)["activities"] == []
    query = "/history/activity?from=2025-01-05T00:00:00&pageSize=8&pageNumber="
    pages = [get(query + str(number), 2) for number in (1, 2, 3, 4, 5)]
    assert [len(page["activities"]) for page in pages] == [8, 8, 8, 6, 0]
    assert pages[1]["metadata"] == {"size": 30, "pageData": {"pageSize": 8, "pageNumber": 2, "totalPages": 4}}
    ids = [row["activityHistoryId"] for page in pages for row in page["activities"]]
    assert ids == [str(number) for number in range(1, 31)]
    everything = get("/history/activity?from=2025-01-05T00:00:00&pageSize=0", 2)
    assert len(everything["activities"]) == everything["metadata"]["pageData"]["pageSize"] == 30
    assert len(get("/history/activity?maxSpanSeconds=7200", 2)["activities"]) == 2


def test_activity_by_cursor(get):
    """v3: ``next`` leads through everything once, whether it is followed as it is or by its times alone."""
    for only_times in (False, True):
        path, ids = "/history/activity?from=2025-01-05T00:00:00&pageSize=10&detailed=true", []
        while path:
            body = get(path, 3)
            ids += [row["dealId"] for row in body["activities"]]
            assert body["activities"][0]["details"]["marketName"] == "EUR/USD Mini"
            path = body["metadata"]["paging"]["next"]
            if path and only_times:
                query = parse_qs(urlsplit(path).query)
                path = f"/history/activity?from={query['from'][0]}&to={query['to'][0]}&pageSize=10&detailed=true"
        assert ids == [f"DIAAAA{number:09d}" for number in range(1, 31)]


def test_the_cursor_splits_no_second(house, auth):
    """Rows of one second stay on one page: none is lost or sent twice, however many they are."""
    times = [NOW - timedelta(seconds=number // 7, milliseconds=number) for number in range(40)]
    times += [NOW - timedelta(seconds=60, milliseconds=number) for number in range(25)]
    rows = [happened(number, at) for number, at in enumerate(times, 1)]
    house.dealing.act(lambda broker, _: broker.remember("ABC123", activity=rows))
    path, ids = "/history/activity?from=2025-01-05T00:00:00&pageSize=10", []
    while path:
        body = house.call("GET", path, 3, **auth).json
        ids += [row["dealId"] for row in body["activities"]]
        path = body["metadata"]["paging"]["next"]
    assert sorted(ids) == [f"DIAAAA{number:09d}" for number in range(1, 66)]


def test_activity_filters(house, auth):
    """By deal and by FIQL: and before or, equal and not."""
    rows = [
        happened(1, NOW - timedelta(minutes=1), actions=(("POSITION_CLOSED", "DIAAAAOPENING"),)),
        happened(2, NOW - timedelta(minutes=2), type="WORKING_ORDER", status="REJECTED"),
        happened(3, NOW - timedelta(minutes=3), channel="SYSTEM"),
    ]
    house.dealing.act(lambda broker, _: broker.remember("ABC123", activity=rows))

    def found(query: str) -> list[int]:
        body = house.call("GET", "/history/activity?from=2025-01-06T00:00:00&" + query, 3, **auth).json
        return [int(row["dealId"][-9:]) for row in body["activities"]]

    assert found("dealId=DIAAAAOPENING") == [1]
    assert found("dealId=DIAAAA000000002") == [2]
    assert found("filter=type==POSITION") == [1, 3]
    assert found("filter=type==POSITION%3Bchannel!=SYSTEM,status==REJECTED") == [1, 2]
    bad = house.call("GET", "/history/activity?filter=type", 3, **auth)
    assert bad.status_code == 400


HISTORY_FAULTS = {
    "/history/activity/x": (1, "invalid.input"),
    "/history/activity/0": (1, "invalid.input"),
    "/history/activity/2025-01-01/2025-01-02": (1, "error.request.invalid.date-range"),
    "/history/activity/07-01-2025/06-01-2025": (1, "error.request.invalid.date-range"),
    "/history/activity?from=yesterday": (2, "error.request.invalid.date-range"),
    "/history/activity?pageSize=-1": (2, "error.request.invalid.page-size"),
    "/history/activity?pageSize=9": (3, "error.request.invalid.page-size"),
    "/history/activity?pageSize=501": (3, "error.request.invalid.page-size"),
    "/history/activity?from=2025-01-07&to=2025-01-06": (3, "error.request.invalid.date-range"),
    "/history/transactions/SOME/1000": (1, "invalid.input"),
    "/history/transactions?type=SOME": (2, "invalid.input"),
}


@pytest.mark.parametrize("path", HISTORY_FAULTS)
def test_history_refusals(house, auth, refusal, path):
    """What names no span, page or kind has its code."""
    version, code = HISTORY_FAULTS[path]
    assert refusal(house.call("GET", path, version, **auth)) == (400, code)


# ---- transactions


def test_transactions(get):
    """Texts as recorded ones: the symbol before the sign, a dash and a nought where there is no deal."""
    rows = get("/history/transactions?from=2025-01-05&pageSize=0", 2)["transactions"]
    assert rows[0] == {
        "date": "2025-01-06",
        "dateUtc": "2025-01-06T09:00:00",
        "openDateUtc": "2025-01-06T08:00:00",
        "instrumentName": "EUR/USD Mini",
        "period": "-",
        "profitAndLoss": "£-63.80",
        "transactionType": "TRADE",
        "reference": "00000001",
        "openLevel": "1.10345",
        "closeLevel": "1.10445",
        "size": "-1",
        "currency": "£",
        "cashTransaction": False,
    }
    fields = ("profitAndLoss", "transactionType", "openLevel", "closeLevel", "size", "cashTransaction")
    assert [rows[9][name] for name in fields] == ["£50.00", "DEPO", "-", "0", "-", True]


def test_transactions_by_kind_and_span(get):
    """Each word of the query has its rows; v1 names them in its path."""
    span = "05-01-2025/06-01-2025"
    counts = {kind: len(get(f"/history/transactions/{kind}/{span}", 1)["transactions"]) for kind in ("ALL", "DEPOSIT")}
    assert counts == {"ALL": 30, "DEPOSIT": 3}
    assert get("/history/transactions/ALL/7200000", 1)["transactions"][0]["date"] == "06-Jan-2025"
    body = get("/history/transactions?type=ALL_DEAL&from=2025-01-05T00:00:00", 2)
    assert body["metadata"] == {"size": 27, "pageData": {"pageSize": 20, "pageNumber": 1, "totalPages": 2}}
    assert get("/history/transactions?type=WITHDRAWAL&from=2025-01-01", 2)["transactions"] == []
