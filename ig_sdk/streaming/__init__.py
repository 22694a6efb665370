"""IG's items on top of a Lightstreamer connection: typed streams, metrics, health; used by the client and all above."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ig_sdk.streaming.accounts.updates import AccountUpdate, Deal, Heartbeat, OrderUpdate, PositionUpdate
    from ig_sdk.streaming.buffer import Overflow
    from ig_sdk.streaming.channel import DataStream, OnEvent
    from ig_sdk.streaming.events import Gap, Mute, PriceEvent, Reconnected, SetAside, SourceChanged, Stale, UpdatesLost
    from ig_sdk.streaming.health import Health, HealthWatch
    from ig_sdk.streaming.metrics import (
        AllowanceMetrics,
        ConnectionMetrics,
        ErrorMetrics,
        HasMetrics,
        MarketMetrics,
        Metrics,
        PollingMetrics,
        PrometheusCollector,
        RestMetrics,
    )
    from ig_sdk.streaming.prices.market import PriceCounts
    from ig_sdk.streaming.prices.stream import PriceStream
    from ig_sdk.streaming.quality import IMPOSSIBLE_ONLY, Quality, QualityFilter, QualityLimits, QualityMeter, TickFault
    from ig_sdk.streaming.shared import SubscriptionStatus
    from ig_sdk.streaming.status import StreamStatus
    from ig_sdk.streaming.stream import IGStream, OnTick
    from ig_sdk.streaming.updates import UpdateCounts

__all__ = [
    "IMPOSSIBLE_ONLY",
    "AccountUpdate",
    "AllowanceMetrics",
    "ConnectionMetrics",
    "DataStream",
    "Deal",
    "ErrorMetrics",
    "Gap",
    "HasMetrics",
    "Health",
    "HealthWatch",
    "Heartbeat",
    "IGStream",
    "MarketMetrics",
    "Metrics",
    "Mute",
    "OnEvent",
    "OnTick",
    "OrderUpdate",
    "Overflow",
    "PollingMetrics",
    "PositionUpdate",
    "PriceCounts",
    "PriceEvent",
    "PriceStream",
    "PrometheusCollector",
    "Quality",
    "QualityFilter",
    "QualityLimits",
    "QualityMeter",
    "Reconnected",
    "RestMetrics",
    "SetAside",
    "SourceChanged",
    "Stale",
    "StreamStatus",
    "SubscriptionStatus",
    "TickFault",
    "UpdateCounts",
    "UpdatesLost",
]

# Where each public name is defined. It is imported when it is first used: code that needs only events or indicators
# does not wait for the network libraries.
_HOMES = {
    "AccountUpdate": "ig_sdk.streaming.accounts.updates",
    "AllowanceMetrics": "ig_sdk.streaming.metrics",
    "ConnectionMetrics": "ig_sdk.streaming.metrics",
    "DataStream": "ig_sdk.streaming.channel",
    "Deal": "ig_sdk.streaming.accounts.updates",
    "ErrorMetrics": "ig_sdk.streaming.metrics",
    "Gap": "ig_sdk.streaming.events",
    "HasMetrics": "ig_sdk.streaming.metrics",
    "Health": "ig_sdk.streaming.health",
    "HealthWatch": "ig_sdk.streaming.health",
    "Heartbeat": "ig_sdk.streaming.accounts.updates",
    "IGStream": "ig_sdk.streaming.stream",
    "IMPOSSIBLE_ONLY": "ig_sdk.streaming.quality",
    "MarketMetrics": "ig_sdk.streaming.metrics",
    "Metrics": "ig_sdk.streaming.metrics",
    "Mute": "ig_sdk.streaming.events",
    "OnEvent": "ig_sdk.streaming.channel",
    "OnTick": "ig_sdk.streaming.stream",
    "OrderUpdate": "ig_sdk.streaming.accounts.updates",
    "Overflow": "ig_sdk.streaming.buffer",
    "PollingMetrics": "ig_sdk.streaming.metrics",
    "PositionUpdate": "ig_sdk.streaming.accounts.updates",
    "PriceCounts": "ig_sdk.streaming.prices.market",
    "PriceEvent": "ig_sdk.streaming.events",
    "PriceStream": "ig_sdk.streaming.prices.stream",
    "PrometheusCollector": "ig_sdk.streaming.metrics",
    "Quality": "ig_sdk.streaming.quality",
    "QualityFilter": "ig_sdk.streaming.quality",
    "QualityLimits": "ig_sdk.streaming.quality",
    "QualityMeter": "ig_sdk.streaming.quality",
    "Reconnected": "ig_sdk.streaming.events",
    "RestMetrics": "ig_sdk.streaming.metrics",
    "SetAside": "ig_sdk.streaming.events",
    "SourceChanged": "ig_sdk.streaming.events",
    "Stale": "ig_sdk.streaming.events",
    "StreamStatus": "ig_sdk.streaming.status",
    "SubscriptionStatus": "ig_sdk.streaming.shared",
    "TickFault": "ig_sdk.streaming.quality",
    "UpdateCounts": "ig_sdk.streaming.updates",
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
