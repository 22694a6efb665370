"""Past prices over the REST API: spans, pages, versions and what they cost."""

from __future__ import annotations

from typing import Any

import pytest

from ig_sdk.simulator.accounts.allowances import Allowances

EPIC = "CS.D.EURUSD.MINI.IP"


def read(house: Any, auth: dict[str, str], path: str, version: int) -> Any:
    reply = house.call("GET", path, version, **auth)
    assert reply.status_code == 200, reply.text
    return reply.json


def test_the_same_candles_in_every_version(house, auth):
    """Three versions have the same prices, each in its own form of time."""
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


def test_without_allowances_nothing_is_refused(house, auth):
    """The points count down as IG's do; when they are spent the next period begins, and every request is answered."""
    left = []
    for _ in range(7):
        allowance = read(house, auth, f"/prices/{EPIC}/MINUTE/3000", 2)["allowance"]
        assert allowance["totalAllowance"] == 10_000
        left.append(allowance["remainingAllowance"])
    assert left == [7000, 4000, 1000, 7000, 4000, 1000, 7000]


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
