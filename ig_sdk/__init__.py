"""Unofficial Python SDK for the IG broker; not affiliated with IG.

The three parts that an application composes: :class:`IGClient` (REST), :class:`LightstreamerClient` (streaming) and
``ig_sdk.pipeline`` (ticks to candles to signals). ``ig_sdk.simulator`` is an IG on loopback to try them on.
"""

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
from ig_sdk.rest.markets import Market
from ig_sdk.types import Candle, Direction, Limit, Ohlc, Resolution, Stop, Tick

__all__ = [
    "APIError",
    "AuthenticationError",
    "BrokerUnavailable",
    "Candle",
    "ClientListener",
    "Clock",
    "ConfigError",
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
    "InvalidRequest",
    "ItemUpdate",
    "LightstreamerClient",
    "Limit",
    "ManualClock",
    "Market",
    "NotFound",
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
    "TransportError",
    "UsageError",
]
