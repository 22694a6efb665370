"""What a price is worth: which ticks cannot be true, and how complete and how late a market is; pure."""

from ig_sdk.streaming.quality.causes import MarketFacts, in_one_sentence, likely_causes
from ig_sdk.streaming.quality.filter import QualityFilter, TickFault
from ig_sdk.streaming.quality.hours import is_weekend, silent_state
from ig_sdk.streaming.quality.limits import IMPOSSIBLE_ONLY, QualityLimits, limits_for
from ig_sdk.streaming.quality.meter import Quality, QualityMeter

__all__ = [
    "IMPOSSIBLE_ONLY",
    "MarketFacts",
    "Quality",
    "QualityFilter",
    "QualityLimits",
    "QualityMeter",
    "TickFault",
    "in_one_sentence",
    "is_weekend",
    "likely_causes",
    "limits_for",
    "silent_state",
]
