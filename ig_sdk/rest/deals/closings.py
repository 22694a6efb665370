"""Which of the account's activities is a close that IG confirmed. No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal

from ig_sdk.rest.account_history.activity import Activity, ActivityDetails
from ig_sdk.rest.deals.changes import PositionClose
from ig_sdk.rest.deals.rows import OPENS, actions, affects, closings, size_of
from ig_sdk.types import Confirm


def closing_deal_id(activities: Sequence[Activity], confirm: Confirm, close: PositionClose) -> str | None:
    """Return IG's id of a close: that of the activity which closed the position at the size and level of the confirm.

    Of several the size that was left of the position decides, then the time; ``None`` where neither does.
    """
    closes = list(closings(activities, close.before.deal_id))
    fitting = [activity for activity in closes if _may_be(activity, confirm, close)]
    if len(fitting) > 1 and close.before.size is not None:
        left = dict(zip((each.deal_id for each in closes), _left_after(activities, closes), strict=False))
        expected = close.before.size - close.size
        fitting = [each for each in fitting if left.get(each.deal_id) == expected] or fitting
    if len(fitting) > 1 and confirm.date is not None:
        apart = [abs(each.date - confirm.date) if each.date else timedelta.max for each in fitting]
        fitting = [each for each, gap in zip(fitting, apart, strict=True) if gap == min(apart)]
    return fitting[0].deal_id if len(fitting) == 1 else None


def _may_be(activity: Activity, confirm: Confirm, close: PositionClose) -> bool:
    details = activity.details or ActivityDetails()
    pairs = ((details.level, confirm.level), (details.size, close.size))
    return activity.deal_id != close.before.deal_id and all(
        a is None or b is None or abs(a) == abs(b) for a, b in pairs
    )


def _left_after(activities: Sequence[Activity], closes: Sequence[Activity]) -> Sequence[Decimal]:
    """Return the size that was left of a position after each of its closes; empty where the history does not say.

    Args:
        activities: What the history shows.
        closes: The closes of the position among them, the latest first.
    """
    sizes = [size for each in closes if (size := size_of(each)) is not None]
    if not closes or len(sizes) < len(closes):
        return ()
    if "POSITION_CLOSED" in actions(closes[0]):
        left = Decimal(0)
    else:
        position = affects(closes[0])
        opened = [each for each in activities if actions(each) & OPENS and affects(each) & position]
        size = size_of(opened[0]) if len(opened) == 1 else None
        if size is None:
            return ()
        left = size - sum(sizes)
    return [left + sum(sizes[:count]) for count in range(len(sizes))]
