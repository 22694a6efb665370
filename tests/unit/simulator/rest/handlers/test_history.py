"""History over the REST API: spans, pages, filters, past prices and what they cost."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from ig_sdk.simulator.accounts.allowances import Allowances
from ig_sdk.simulator.broker import ActivityEntry, TransactionEntry
from ig_sdk.types import Direction

EPIC = "CS.D.EURUSD.MINI.IP"
NOW = datetime(2025, 1, 6, 10, tzinfo=timezone.utc)


def happened(number: int, at: datetime, **more: Any) -> ActivityEntry:
    """One row of the activity."""
    told: dict[str, Any] = {
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
    return ActivityEntry(activity_id=str(number), at=at, **told | more)


def moved(number: int, at: datetime, **more: Any) -> TransactionEntry:
    """One row of the transactions."""
    told: dict[str, Any] = {
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
    return TransactionEntry(at=at, **told | more)


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
    ("stop", "told"),
    [
        ({"stop_level": Decimal("1.2")}, "N"),
        ({"stop_level": Decimal("1.2"), "guaranteed_stop": True}, "G"),
        ({"stop_level": Decimal("1.2"), "trailing_step": Decimal(50)}, "T(50)"),
    ],
)
def test_stop_types(house, auth, stop, told):
    """Old rows tell the kind of a stop by a letter."""
    house.dealing.act(lambda broker, _: broker.remember("ABC123", activity=[happened(1, NOW, **stop)]))
    [row] = house.call("GET", "/history/activity/1000", 1, **auth).json["activities"]
    assert (row["stop"], row["stopType"]) == ("1.2", told)


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
    """Rows of one second stay on one page: none is lost or told twice, however many they are."""
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
    told = ("profitAndLoss", "transactionType", "openLevel", "closeLevel", "size", "cashTransaction")
    assert [rows[9][name] for name in told] == ["£50.00", "DEPO", "-", "0", "-", True]


def test_transactions_by_kind_and_span(get):
    """Each word of the query has its rows; v1 names them in its path."""
    span = "05-01-2025/06-01-2025"
    counts = {kind: len(get(f"/history/transactions/{kind}/{span}", 1)["transactions"]) for kind in ("ALL", "DEPOSIT")}
    assert counts == {"ALL": 30, "DEPOSIT": 3}
    assert get("/history/transactions/ALL/7200000", 1)["transactions"][0]["date"] == "06-Jan-2025"
    body = get("/history/transactions?type=ALL_DEAL&from=2025-01-05T00:00:00", 2)
    assert body["metadata"] == {"size": 27, "pageData": {"pageSize": 20, "pageNumber": 1, "totalPages": 2}}
    assert get("/history/transactions?type=WITHDRAWAL&from=2025-01-01", 2)["transactions"] == []


# ---- prices


def read(house: Any, auth: dict[str, str], path: str, version: int) -> Any:
    reply = house.call("GET", path, version, **auth)
    assert reply.status_code == 200, reply.text
    return reply.json


def test_the_same_candles_in_every_version(house, auth):
    """Three versions tell the same prices, each in its own form of time."""
    part = f"/prices/{EPIC}/HOUR"
    old = read(house, auth, f"{part}?startdate=2025:01:03-09:00:00&enddate=2025:01:03-12:00:00", 1)["prices"]
    newer = read(house, auth, f"{part}/2025-01-03%2009:00:00/2025-01-03%2012:00:00", 2)["prices"]
    query = "resolution=HOUR&from=2025-01-03T09:00:00&to=2025-01-03T12:00:00"
    newest = read(house, auth, f"/prices/{EPIC}?{query}", 3)["prices"]
    assert [row["snapshotTime"] for row in old] == [f"2025:01:03-{hour:02d}:00:00" for hour in (9, 10, 11, 12)]
    assert [row["snapshotTimeUTC"] for row in newest] == [f"2025-01-03T{hour:02d}:00:00" for hour in (9, 10, 11, 12)]
    for name in ("openPrice", "closePrice", "highPrice", "lowPrice", "lastTradedVolume"):
        assert [row[name] for row in old] == [row[name] for row in newer] == [row[name] for row in newest]
    assert all(row["lowPrice"]["bid"] <= row["openPrice"]["bid"] < row["openPrice"]["ask"] for row in old)


def test_the_latest_points(house, auth):
    """By count they end now, oldest first; v3 takes ten minutes of its own accord."""
    house.tick(EPIC)
    rows = read(house, auth, f"/prices/{EPIC}/MINUTE_5/4", 2)["prices"]
    assert [row["snapshotTime"][11:] for row in rows] == ["09:45:00", "09:50:00", "09:55:00", "10:00:00"]
    body = read(house, auth, f"/prices/{EPIC}", 3)
    assert (len(body["prices"]), body["instrumentType"], body["metadata"]["size"]) == (10, "CURRENCIES", 10)


def test_prices_in_pages(new_house):
    """Pages together are the whole span, and each costs what it holds."""
    house = new_house(Allowances())
    auth = house.log_in()
    query = f"/prices/{EPIC}?resolution=HOUR&from=2025-01-02T00:00:00&to=2025-01-02T23:00:00&pageSize=10&pageNumber="
    pages = [read(house, auth, query + str(number), 3) for number in (1, 2, 3)]
    assert [len(page["prices"]) for page in pages] == [10, 10, 4]
    assert pages[0]["metadata"]["pageData"] == {"pageSize": 10, "pageNumber": 1, "totalPages": 3}
    left = [page["metadata"]["allowance"]["remainingAllowance"] for page in pages]
    assert left == [9_990, 9_980, 9_976]
    whole = read(house, auth, query.removesuffix("&pageNumber=").replace("pageSize=10", "pageSize=0"), 3)
    assert whole["prices"] == [row for page in pages for row in page["prices"]]
    assert whole["metadata"]["pageData"]["pageSize"] == 24


def test_spent_points_come_back_after_a_week(new_house, refusal):
    """What does not fit is refused and costs nothing; the week begins with the first request."""
    house = new_house(Allowances(historical_points=10))
    auth = house.log_in()
    body = read(house, auth, f"/prices/{EPIC}/HOUR/7", 2)
    assert body["allowance"] == {"remainingAllowance": 3, "totalAllowance": 10, "allowanceExpiry": 604_800}
    house.clock.advance(1000)
    refused = house.call("GET", f"/prices/{EPIC}/HOUR/4", 2, **auth)
    assert refusal(refused) == (403, "error.public-api.exceeded-account-historical-data-allowance")
    body = read(house, auth, f"/prices/{EPIC}/HOUR/3", 2)
    assert body["allowance"] == {"remainingAllowance": 0, "totalAllowance": 10, "allowanceExpiry": 603_800}
    other = house.log_in("XYZ987")
    assert read(house, other, f"/prices/{EPIC}/HOUR/3", 2)["allowance"]["remainingAllowance"] == 7
    house.clock.advance(603_800)
    auth = house.log_in()
    assert read(house, auth, f"/prices/{EPIC}/HOUR/1", 2)["allowance"]["remainingAllowance"] == 9


def test_without_allowances_nothing_is_spent(house, auth):
    """The numbers are told, and stay."""
    for _ in range(2):
        told = read(house, auth, f"/prices/{EPIC}/HOUR/7", 2)["allowance"]
        assert told["remainingAllowance"] == told["totalAllowance"] == 10_000


PRICE_FAULTS = {
    f"/prices/{EPIC}/HOUR": (1, "error.malformed.date"),
    f"/prices/{EPIC}/HOUR?startdate=2025-01-01&enddate=2025-01-02": (1, "error.malformed.date"),
    f"/prices/{EPIC}/HOUR?startdate=2025:01:02-00:00:00&enddate=2025:01:01-00:00:00": (1, "error.invalid.daterange"),
    f"/prices/{EPIC}/HOUR/0": (2, "invalid.input"),
    f"/prices/{EPIC}/HOUR/many": (1, "invalid.input"),
    f"/prices/{EPIC}/FORTNIGHT/1": (2, "invalid.input"),
    "/prices/CS.D.NOPE.MINI.IP/HOUR/1": (2, "error.unsupported.epic"),
    f"/prices/{EPIC}?from=now": (3, "error.malformed.date"),
    f"/prices/{EPIC}?from=2025-01-02T00:00:00&to=2025-01-01T00:00:00": (3, "error.invalid.daterange"),
    f"/prices/{EPIC}?max=x": (3, "invalid.input"),
    f"/prices/{EPIC}?pageNumber=0": (3, "invalid.input"),
}


@pytest.mark.parametrize("path", PRICE_FAULTS)
def test_price_refusals(house, auth, refusal, path):
    """What cannot be read of a question about prices has its code."""
    version, code = PRICE_FAULTS[path]
    assert refusal(house.call("GET", path, version, **auth)) == (400, code)


@pytest.mark.parametrize("last", ["", "&to=2025-01-02T23:00:00", "&to=2025-01-06T09:00:00"])
def test_pages_of_a_span_are_made_once(house, auth, last):
    """A span is made for its first page alone, whether it is over or open-ended; all pages make the whole."""
    query = f"/prices/{EPIC}?resolution=MINUTE&from=2024-12-20T00:00:00{last}&pageSize={{}}&pageNumber={{}}"
    whole = read(house, auth, query.format(0, 1), 3)["prices"]
    made: list[int] = []
    tree, minutes = house.past._trees["EURUSD"], 3
    nodes = tree.nodes

    def counted(level: int, start: int, end: int) -> Any:
        made.append(end - start if level == minutes else 0)
        return nodes(level, start, end)

    tree.nodes = counted
    pages = [read(house, auth, query.format(len(whole) // 3 + 1, number), 3)["prices"] for number in (1, 2, 3)]
    assert [row for page in pages for row in page] == whole
    assert sum(made) <= 3 * 3_600
