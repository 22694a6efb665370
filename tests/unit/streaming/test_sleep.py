"""A machine that slept is found out by its clocks."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from ig_sdk.streaming.sleep import SleepWatch

START = datetime(2025, 1, 6, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("wall_s", "monotonic_s", "slept"),
    [(1.0, 1.0, None), (61.0, 61.0, None), (3_601.0, 1.0, 3_600.0), (5.9, 1.0, None), (-3_600.0, 1.0, None)],
)
def test_only_what_the_monotonic_clock_missed_counts(wall_s: float, monotonic_s: float, slept: float | None):
    """Time that passed on both clocks is no sleep, nor is a small correction or a clock that was set back."""
    watch = SleepWatch()
    assert watch.check(START, 10.0) is None
    assert watch.check(START + timedelta(seconds=wall_s), 10.0 + monotonic_s) == slept
    assert watch.check(START + timedelta(seconds=wall_s + 1.0), 11.0 + monotonic_s) is None
