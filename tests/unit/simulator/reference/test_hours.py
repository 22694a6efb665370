"""Opening hours by London's clock."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from ig_sdk.simulator.reference.hours import MarketHours, epoch_s, hours_of
from ig_sdk.simulator.reference.instruments import instruments
from ig_sdk.types import epic_for

UTC = timezone.utc
FX = hours_of(instruments()[epic_for("EURUSD")])
INDEX = hours_of(instruments()["IX.D.FTSE.CFD.IP"])
SHARE = hours_of(instruments()["UA.D.AAPL.CASH.IP"])
LONDON = ZoneInfo("Europe/London")


def fx_by_the_book(time: datetime) -> bool:
    """Sunday 21:00 to Friday 22:00 in London."""
    local = time.astimezone(LONDON)
    since_monday = local.weekday() * 24 + local.hour
    return since_monday < 4 * 24 + 22 or since_monday >= 6 * 24 + 21


def index_by_the_book(time: datetime) -> bool:
    """Sunday 23:00 to Friday 22:00 in London but for an hour each night."""
    local = time.astimezone(LONDON)
    open_week = local.weekday() < 5 or (local.weekday() == 6 and local.hour >= 23)
    return open_week and local.hour != 22 and not (local.weekday() == 4 and local.hour >= 22)


def share_by_the_book(time: datetime) -> bool:
    """Weekdays 14:30 to 21:00 in London."""
    local = time.astimezone(LONDON)
    return local.weekday() < 5 and (14, 30) <= (local.hour, local.minute) < (21, 0)


@pytest.mark.parametrize(
    ("hours", "book"), [(FX, fx_by_the_book), (INDEX, index_by_the_book), (SHARE, share_by_the_book)]
)
@pytest.mark.parametrize("year", [2012, 2024, 2026])
def test_markets_are_open_when_the_book_says_so(hours, book, year):
    """All through a year, with both changes of the clocks, every half hour."""
    time = datetime(year, 1, 1, tzinfo=UTC)
    while time.year == year:
        assert hours.is_open(time) == book(time), time
        time += timedelta(minutes=30)


def test_what_a_closed_market_is_called():
    """Foreign exchange still takes edits at the weekend; a share is closed at night."""
    weekend, noon, night = (datetime(2025, 1, day, hour, tzinfo=UTC) for day, hour in ((11, 12), (8, 16), (8, 3)))
    assert (FX.status(noon), FX.status(weekend), FX.status(night)) == ("TRADEABLE", "EDITS_ONLY", "TRADEABLE")
    assert (SHARE.status(noon), SHARE.status(weekend), SHARE.status(night)) == ("TRADEABLE", "CLOSED", "CLOSED")


@pytest.mark.parametrize("hours", [FX, INDEX, SHARE])
def test_the_next_and_the_last_opening(hours):
    """From any time on, the next opening is the first open instant and the last one the latest."""
    time = datetime(2025, 3, 27, 13, 17, 5, tzinfo=UTC)
    for _ in range(300):
        time += timedelta(minutes=37)
        following, before = hours.next_open(time), hours.last_open(time)
        assert hours.is_open(following)
        assert hours.is_open(before)
        if hours.is_open(time):
            assert following == before == time
        else:
            assert not hours.is_open(following - timedelta(seconds=1))
            assert not hours.is_open(before + timedelta(milliseconds=1))
            assert before < time < following


@pytest.mark.parametrize("hours", [FX, INDEX, SHARE])
def test_the_next_change_is_where_the_status_changes(hours):
    """Just before it the status is as now, at it the other."""
    time = datetime(2025, 10, 24, 0, 3, tzinfo=UTC)
    for _ in range(100):
        change = hours.next_change(time)
        assert change > time
        assert hours.is_open(change) != hours.is_open(time)
        assert hours.is_open(change - timedelta(seconds=1)) == hours.is_open(time)
        time += timedelta(minutes=97)


def test_a_day_of_spans():
    """A day's spans are that day's part of the week, in seconds; spans that meet are one."""
    friday = epoch_s(datetime(2025, 1, 10, tzinfo=UTC)) // 86_400
    assert FX.open_s(friday) == ((friday * 86_400, friday * 86_400 + 22 * 3600),)
    assert FX.open_s(friday + 1) == ()
    assert INDEX.open_s(friday - 1) == (
        (friday * 86_400 - 86_400, friday * 86_400 - 2 * 3600),
        (friday * 86_400 - 3600, friday * 86_400),
    )


def test_market_hours_report_each_change_once():
    """At first every status, then only those that changed."""
    markets = [instruments()[epic_for("EURUSD")], instruments()["IX.D.FTSE.CFD.IP"]]
    market_hours = MarketHours(markets)
    friday = datetime(2025, 1, 10, 21, 0, tzinfo=UTC)
    first, second = (each.epic for each in markets)
    assert market_hours.changes(friday) == [(first, "TRADEABLE"), (second, "TRADEABLE")]
    assert market_hours.changes(friday + timedelta(minutes=59)) == []
    assert market_hours.changes(friday + timedelta(hours=1)) == [(first, "EDITS_ONLY"), (second, "EDITS_ONLY")]
    assert market_hours.changes(friday + timedelta(hours=48)) == [(first, "TRADEABLE")]
    assert market_hours.changes(friday + timedelta(hours=50)) == [(second, "TRADEABLE")]
