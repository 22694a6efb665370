"""What a span costs, as a range, against what the simulator charges."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from ig_sdk.rest.http.limits.points import PointsAllowance
from ig_sdk.rest.prices.candle_times import next_opening
from ig_sdk.rest.prices.estimate import Cost, cost_of, kept_from
from ig_sdk.simulator.prices.past import PastPrices
from ig_sdk.types import Resolution

UTC = timezone.utc
EURUSD = "CS.D.EURUSD.CFD.IP"
MARKETS = (EURUSD, "CS.D.CFDGOLD.CFDGC.IP", "IX.D.FTSE.CFD.IP", "CC.D.CL.UNC.IP", "UA.D.AAPL.CASH.IP")
# A Wednesday in summer, a Sunday in winter, a Saturday after the last candle of the week.
MOMENTS = (
    datetime(2025, 6, 11, 12, 0, 30, tzinfo=UTC),
    datetime(2025, 1, 5, 3, 0, 30, tzinfo=UTC),
    datetime(2025, 11, 1, 21, 30, tzinfo=UTC),
)


@pytest.mark.parametrize("resolution", Resolution)
@pytest.mark.parametrize("now", MOMENTS, ids=["summer", "winter", "weekend"])
def test_range_holds_what_the_simulator_charges(now: datetime, resolution: Resolution) -> None:
    """Of currencies, metals, indices, oil and shares: closed hours and what IG no longer keeps cost nothing."""
    past = PastPrices(7, now)
    for epic in MARKETS:
        for days, back in ((1, 0.0), (3, 1.3), (8, 2.7), (45, 0.4), (400, 2.1), (6500, 0.9)):
            if timedelta(days=days) / resolution > 15_000:
                continue
            begins, ends = (now - timedelta(days=ago) for ago in (days + back, back))
            span = next_opening(resolution, begins), next_opening(resolution, ends)
            last = span[1] - timedelta(seconds=1)
            charged = len(past.rows(epic, resolution.name, now=now, first=span[0], last=last))
            cost = cost_of(epic, resolution, span, now)
            assert cost.least <= charged <= cost.most, (epic, days)


@pytest.mark.parametrize(("epic", "hours"), [(EURUSD, 121), ("IX.D.FTSE.CFD.IP", 115), ("CS.D.CFDGOLD.CFDGC.IP", 115)])
def test_two_years_of_hours(epic: str, hours: int) -> None:
    """They cost what IG keeps of them, not 17,520: a range of a few per cent."""
    now = MOMENTS[0]
    cost = cost_of(epic, Resolution.HOUR, (now - timedelta(days=730), now), now)
    kept = 360 / 7 * hours
    assert 0.9 * kept < cost.least < kept < cost.most < 1.1 * kept


@pytest.mark.parametrize("epic", ["CS.D.BITCOIN.CFD.IP", "IX.D.SUNDAX.CASH.IP", "CS.D.XYZ123.CFD.IP"])
def test_what_may_trade_at_weekends_is_counted_then(epic: str) -> None:
    """Coins and weekend markets may have a candle in every hour."""
    saturday = datetime(2025, 6, 7, tzinfo=UTC)
    assert cost_of(epic, Resolution.HOUR, (saturday, saturday + timedelta(days=1)), MOMENTS[0]).most == 24
    assert cost_of(EURUSD, Resolution.HOUR, (saturday, saturday + timedelta(days=1)), MOMENTS[0]).most == 0


def test_without_a_clock_to_trust() -> None:
    """When nobody knows how old a span is, it may cost all of it or nothing."""
    monday = datetime(2010, 1, 4, tzinfo=UTC)
    assert cost_of(EURUSD, Resolution.HOUR, (monday, monday + timedelta(days=1)), None) == Cost(0, 24)
    assert cost_of(EURUSD, Resolution.HOUR, (monday, monday + timedelta(days=1)), MOMENTS[0]) == Cost(0, 0)


@pytest.mark.parametrize(
    ("resolution", "days"), [("SECOND", 4), ("MINUTE", 40), ("MINUTE_3", 40), ("MINUTE_5", 360), ("HOUR_4", 360)]
)
def test_depth(resolution: str, days: int) -> None:
    """Short candles are kept for less long (REST.md section 3)."""
    assert kept_from(Resolution[resolution], MOMENTS[0]) == MOMENTS[0] - timedelta(days=days)
    assert kept_from(Resolution.DAY, MOMENTS[0]).year == 2010


def test_unknown_is_not_yes() -> None:
    """It fits only when IG has said what is left and the most fits, and does not when not even the least does."""
    cost = Cost(40, 60)
    assert [cost.fits(left) for left in (None, PointsAllowance(100, 100, told=False), PointsAllowance(50, 100))] == [
        None
    ] * 3
    assert cost.fits(PointsAllowance(60, 100)) is True
    assert cost.fits(PointsAllowance(39, 100)) is False
    assert cost.fits(PointsAllowance(39, 39, told=False)) is False
