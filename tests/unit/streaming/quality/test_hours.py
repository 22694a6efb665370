"""When silence is normal."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from ig_sdk.simulator.reference.hours import hours_of
from ig_sdk.simulator.reference.instruments import instruments
from ig_sdk.streaming.quality.hours import is_weekend, silent_state, weekend_within

HOUR = timedelta(hours=1)


def utc(year: int, month: int, day: int, hour: int = 0) -> datetime:
    return datetime(year, month, day, hour, tzinfo=timezone.utc)


def test_the_weekend_is_that_of_ig_s_currencies() -> None:
    """Every hour of two years, with the changes of London's clocks: as the simulator's hours have it."""
    open_hours = hours_of(instruments()["CS.D.EURUSD.MINI.IP"])
    for number in range(2 * 365 * 24):
        at = utc(2025, 1, 1) + number * HOUR
        assert is_weekend(at) is not open_hours.is_open(at), at


@pytest.mark.parametrize(
    ("start", "end", "part"),
    [
        (utc(2025, 1, 8), utc(2025, 1, 9), None),
        (utc(2025, 1, 10, 20), utc(2025, 1, 10, 23), (utc(2025, 1, 10, 22), utc(2025, 1, 10, 23))),
        (utc(2025, 1, 10), utc(2025, 1, 14), (utc(2025, 1, 10, 22), utc(2025, 1, 12, 21))),
        (utc(2025, 1, 11), utc(2025, 1, 11, 5), (utc(2025, 1, 11), utc(2025, 1, 11, 5))),
        (utc(2025, 1, 12, 22), utc(2025, 1, 18), (utc(2025, 1, 17, 22), utc(2025, 1, 18))),
        (utc(2025, 7, 4, 20), utc(2025, 7, 4, 22), (utc(2025, 7, 4, 21), utc(2025, 7, 4, 22))),
    ],
)
def test_the_part_of_a_span_in_the_weekend(
    start: datetime, end: datetime, part: tuple[datetime, datetime] | None
) -> None:
    """In summer the week ends an hour earlier by UTC."""
    assert weekend_within(start, end) == part


@pytest.mark.parametrize("status", ["CLOSED", "CLOSED ", "EDITS_ONLY", "EDIT", "SUSPENDED", "ON_AUCTION", "offline"])
def test_states_without_prices_are_known_however_they_are_spelled(status: str) -> None:
    """The stream's words have blanks at the end, REST's have underscores."""
    assert silent_state(status)


@pytest.mark.parametrize("status", [None, "", "DEAL", "TRADEABLE", "CLOSINGSONLY", "NEW"])
def test_other_states_should_have_prices(status: str | None) -> None:
    """An unknown one, too."""
    assert silent_state(status) is None
