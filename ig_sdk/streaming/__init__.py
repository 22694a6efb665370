"""IG's items on top of a Lightstreamer session: typed streams of prices."""

from ig_sdk.streaming.events import Gap, Mute, PriceEvent, Reconnected, Stale, UpdatesLost
from ig_sdk.streaming.prices.intake import PriceCounts
from ig_sdk.streaming.prices.stream import PriceStream
from ig_sdk.streaming.stream import IGStream, StreamStatus

__all__ = [
    "Gap",
    "IGStream",
    "Mute",
    "PriceCounts",
    "PriceEvent",
    "PriceStream",
    "Reconnected",
    "Stale",
    "StreamStatus",
    "UpdatesLost",
]
