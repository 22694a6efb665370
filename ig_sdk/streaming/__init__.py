"""IG's items on top of a Lightstreamer connection: typed streams of prices; used by the client and all above it."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ig_sdk.streaming.buffer import Overflow
    from ig_sdk.streaming.events import Gap, Mute, PriceEvent, Reconnected, SetAside, SourceChanged, Stale, UpdatesLost
    from ig_sdk.streaming.prices.intake import OnEvent, OnTick, PriceCounts
    from ig_sdk.streaming.prices.stream import PriceStream
    from ig_sdk.streaming.quality import (
        IMPOSSIBLE_ONLY,
        Quality,
        QualityFilter,
        QualityLimits,
        QualityMeter,
        TickFault,
    )
    from ig_sdk.streaming.stream import IGStream, StreamStatus

__all__ = [
    "IMPOSSIBLE_ONLY",
    "Gap",
    "IGStream",
    "Mute",
    "OnEvent",
    "OnTick",
    "Overflow",
    "PriceCounts",
    "PriceEvent",
    "PriceStream",
    "Quality",
    "QualityFilter",
    "QualityLimits",
    "QualityMeter",
    "Reconnected",
    "SetAside",
    "SourceChanged",
    "Stale",
    "StreamStatus",
    "TickFault",
    "UpdatesLost",
]

# Where each public name is defined. It is imported when it is first used: code that needs only events or indicators
# does not wait for the network libraries.
_HOMES = {
    "IMPOSSIBLE_ONLY": "ig_sdk.streaming.quality",
    "Gap": "ig_sdk.streaming.events",
    "IGStream": "ig_sdk.streaming.stream",
    "Mute": "ig_sdk.streaming.events",
    "OnEvent": "ig_sdk.streaming.prices.intake",
    "OnTick": "ig_sdk.streaming.prices.intake",
    "Overflow": "ig_sdk.streaming.buffer",
    "PriceCounts": "ig_sdk.streaming.prices.intake",
    "PriceEvent": "ig_sdk.streaming.events",
    "PriceStream": "ig_sdk.streaming.prices.stream",
    "Quality": "ig_sdk.streaming.quality",
    "QualityFilter": "ig_sdk.streaming.quality",
    "QualityLimits": "ig_sdk.streaming.quality",
    "QualityMeter": "ig_sdk.streaming.quality",
    "Reconnected": "ig_sdk.streaming.events",
    "SetAside": "ig_sdk.streaming.events",
    "SourceChanged": "ig_sdk.streaming.events",
    "Stale": "ig_sdk.streaming.events",
    "StreamStatus": "ig_sdk.streaming.stream",
    "TickFault": "ig_sdk.streaming.quality",
    "UpdatesLost": "ig_sdk.streaming.events",
}


def __getattr__(name: str) -> object:
    """Return a public name, imported now."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """Return the public names, for completion by tab."""
    return __all__
