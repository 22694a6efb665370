"""The week's price points: what is left, of what IG and the user allow."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from ig_sdk.rest.http.limits.points import PointsAllowance, WeeklyPoints

NOW = datetime(2025, 1, 6, 12, tzinfo=timezone.utc)
WEEK = timedelta(days=7)


def told(remaining: int) -> PointsAllowance:
    return PointsAllowance(remaining, 10_000, NOW + WEEK)


def test_nobody_has_said_anything() -> None:
    """What is not known is not a number, and a limit of the user's own is not taken for what is left."""
    points = WeeklyPoints()
    assert (points.left("A", NOW), points.used("A", NOW), points.limit("A"), points.wait_s("A", NOW)) == (None,) * 3 + (
        0.0,
    )
    own = WeeklyPoints(own=50).left("A", NOW)
    assert own is not None
    assert (own.remaining, own.told) == (50, False)
    assert "IG has not said" in str(own)


def test_accounts_have_their_own() -> None:
    """What is told of one account says nothing of another; what was recalled gives way to what was told."""
    points = WeeklyPoints(limit=10_000)
    points.recall("A", told(9_000))
    points.tell("A", told(7))
    points.recall("A", told(9_000))
    left = points.left("A", NOW)
    assert left is not None
    assert left.remaining == 7
    assert (points.used("A", NOW), points.limit("A"), points.left("B", NOW)) == (9_993, 10_000, None)


def test_spent_until_the_week_is_over() -> None:
    """With none left, the wait is as long as IG's period; then all are back."""
    points = WeeklyPoints()
    points.tell("A", told(0))
    assert points.wait_s("A", NOW) == WEEK.total_seconds()
    assert (points.wait_s("A", NOW + WEEK), points.used("A", NOW + WEEK)) == (0.0, 0)


def test_refusals_are_counted() -> None:
    """A refusal asked for more than was left, which may be some; one with a pause means none until then."""
    points = WeeklyPoints()
    points.refuse("A", NOW)
    assert (points.refusals("A"), points.wait_s("A", NOW), points.refusals("B")) == (1, 0.0, 0)
    points.refuse("A", NOW, 60.0)
    assert (points.refusals("A"), points.wait_s("A", NOW)) == (2, 60.0)
    points.tell("A", told(5))
    assert points.wait_s("A", NOW) == 0.0
