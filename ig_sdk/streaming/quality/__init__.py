"""What a price is worth: which ticks cannot be true, and how complete and how late a market is; pure."""

from ig_sdk.streaming.quality.filter import Fault, QualityFilter
from ig_sdk.streaming.quality.limits import IMPOSSIBLE_ONLY, QualityLimits, limits_for

__all__ = ["IMPOSSIBLE_ONLY", "Fault", "QualityFilter", "QualityLimits", "limits_for"]
