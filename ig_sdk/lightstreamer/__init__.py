"""A client for any Lightstreamer server."""

from ig_sdk.lightstreamer.client import LightstreamerClient
from ig_sdk.lightstreamer.listeners import ClientListener, SubscriptionListener
from ig_sdk.lightstreamer.subscription import SecondLevel, Subscription
from ig_sdk.lightstreamer.tlcp.events import (
    Cleared,
    ConnectionStatus,
    ItemUpdatesLost,
    MessageOutcome,
    Reconfigured,
    SnapshotEnd,
    StatusChanged,
    Subscribed,
    SubscriptionError,
    Unsubscribed,
)
from ig_sdk.lightstreamer.tlcp.updates import ItemUpdate
from ig_sdk.lightstreamer.update_iterator import UpdateIterator

__all__ = [
    "Cleared",
    "ClientListener",
    "ConnectionStatus",
    "ItemUpdate",
    "ItemUpdatesLost",
    "LightstreamerClient",
    "MessageOutcome",
    "Reconfigured",
    "SecondLevel",
    "SnapshotEnd",
    "StatusChanged",
    "Subscribed",
    "Subscription",
    "SubscriptionError",
    "SubscriptionListener",
    "Unsubscribed",
    "UpdateIterator",
]
