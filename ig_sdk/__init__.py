"""Unofficial Python SDK for the IG broker; not affiliated with IG.

The three parts that an application composes: :class:`IGClient` (REST), :class:`LightstreamerClient` (streaming) and
``ig_sdk.pipeline`` (ticks to candles to signals). ``ig_sdk.simulator`` is an IG on loopback to try them on.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ig_sdk.client import IGClient
    from ig_sdk.clock import Clock, ManualClock, SystemClock
    from ig_sdk.config import IGConfig
    from ig_sdk.errors import (
        APIError,
        AuthenticationError,
        BrokerUnavailable,
        ConfigError,
        ConnectFailed,
        ConnectionLost,
        DealError,
        DealRejected,
        DealUncertain,
        DecodeError,
        IGError,
        InvalidDeal,
        InvalidRequest,
        NotFound,
        PermissionDenied,
        RateLimited,
        RequestTimeout,
        SessionExpired,
        StreamEnded,
        StreamError,
        StreamOverflow,
        StreamProtocolError,
        StreamRefused,
        SubscriptionRefused,
        TransportError,
        UsageError,
    )
    from ig_sdk.lightstreamer import ClientListener, ItemUpdate, LightstreamerClient, Subscription, SubscriptionListener
    from ig_sdk.rest import Market
    from ig_sdk.ticks import TickSource, check_ticks, read_ticks
    from ig_sdk.types import (
        KEEP,
        PAIRS,
        AffectedDeal,
        Candle,
        Confirm,
        Direction,
        Keep,
        Limit,
        Number,
        Ohlc,
        Resolution,
        Stop,
        Tick,
        epic_for,
    )

__all__ = [
    "KEEP",
    "PAIRS",
    "APIError",
    "AffectedDeal",
    "AuthenticationError",
    "BrokerUnavailable",
    "Candle",
    "ClientListener",
    "Clock",
    "ConfigError",
    "Confirm",
    "ConnectFailed",
    "ConnectionLost",
    "DealError",
    "DealRejected",
    "DealUncertain",
    "DecodeError",
    "Direction",
    "IGClient",
    "IGConfig",
    "IGError",
    "InvalidDeal",
    "InvalidRequest",
    "ItemUpdate",
    "Keep",
    "LightstreamerClient",
    "Limit",
    "ManualClock",
    "Market",
    "NotFound",
    "Number",
    "Ohlc",
    "PermissionDenied",
    "RateLimited",
    "RequestTimeout",
    "Resolution",
    "SessionExpired",
    "Stop",
    "StreamEnded",
    "StreamError",
    "StreamOverflow",
    "StreamProtocolError",
    "StreamRefused",
    "Subscription",
    "SubscriptionListener",
    "SubscriptionRefused",
    "SystemClock",
    "Tick",
    "TickSource",
    "TransportError",
    "UsageError",
    "check_ticks",
    "epic_for",
    "read_ticks",
]

# Where each public name is at home. It is imported when it is first used: pytest loads ``ig_sdk.testing``, and so this
# package, wherever ig_sdk is installed, and ``python -m ig_sdk.simulator`` listens to signals before anything else.
_HOMES = {
    "client": ("IGClient",),
    "clock": ("Clock", "ManualClock", "SystemClock"),
    "config": ("IGConfig",),
    "errors": (
        "APIError",
        "AuthenticationError",
        "BrokerUnavailable",
        "ConfigError",
        "ConnectFailed",
        "ConnectionLost",
        "DealError",
        "DealRejected",
        "DealUncertain",
        "DecodeError",
        "IGError",
        "InvalidDeal",
        "InvalidRequest",
        "NotFound",
        "PermissionDenied",
        "RateLimited",
        "RequestTimeout",
        "SessionExpired",
        "StreamEnded",
        "StreamError",
        "StreamOverflow",
        "StreamProtocolError",
        "StreamRefused",
        "SubscriptionRefused",
        "TransportError",
        "UsageError",
    ),
    "lightstreamer": ("ClientListener", "ItemUpdate", "LightstreamerClient", "Subscription", "SubscriptionListener"),
    "rest": ("Market",),
    "ticks": ("TickSource", "check_ticks", "read_ticks"),
    "types": (
        "AffectedDeal",
        "Candle",
        "Confirm",
        "Direction",
        "KEEP",
        "Keep",
        "Limit",
        "Number",
        "Ohlc",
        "PAIRS",
        "Resolution",
        "Stop",
        "Tick",
        "epic_for",
    ),
}


def __getattr__(name: str) -> object:
    """Return a public name, or one of the modules above, imported now."""
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{home}"), name)
        if name == home.partition(".")[0]:
            return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """Return the public names, for whoever completes them by tab."""
    return __all__
