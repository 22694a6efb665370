"""A client for any Lightstreamer server: what applications import, and what ``ig_sdk.streaming`` is built on.

Nothing in here knows IG. The modules are the client's own; import the names below from the package.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ig_sdk.lightstreamer.client import LightstreamerClient
    from ig_sdk.lightstreamer.listeners import ClientListener, SubscriptionListener
    from ig_sdk.lightstreamer.net.opener import CredentialsSource
    from ig_sdk.lightstreamer.second_level import SecondLevel
    from ig_sdk.lightstreamer.subscription import Subscription
    from ig_sdk.lightstreamer.tlcp.actions import StreamTransport
    from ig_sdk.lightstreamer.tlcp.events import (
        Cleared,
        ConnectionStatus,
        Continuity,
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
    from ig_sdk.lightstreamer.update_iterator import UpdateIterator, UpdateOverflow

__all__ = [
    "Cleared",
    "ClientListener",
    "ConnectionStatus",
    "Continuity",
    "CredentialsSource",
    "ItemUpdate",
    "ItemUpdatesLost",
    "LightstreamerClient",
    "MessageOutcome",
    "Reconfigured",
    "SecondLevel",
    "SnapshotEnd",
    "StatusChanged",
    "StreamTransport",
    "Subscribed",
    "Subscription",
    "SubscriptionError",
    "SubscriptionListener",
    "Unsubscribed",
    "UpdateIterator",
    "UpdateOverflow",
]

# The module of each public name. It is imported when the name is first used: the simulator needs the codec alone.
_HOMES = {
    "client": ("LightstreamerClient",),
    "listeners": ("ClientListener", "SubscriptionListener"),
    "net.opener": ("CredentialsSource",),
    "second_level": ("SecondLevel",),
    "subscription": ("Subscription",),
    "tlcp.actions": ("StreamTransport",),
    "tlcp.events": (
        "Cleared",
        "ConnectionStatus",
        "Continuity",
        "ItemUpdatesLost",
        "MessageOutcome",
        "Reconfigured",
        "SnapshotEnd",
        "StatusChanged",
        "Subscribed",
        "SubscriptionError",
        "Unsubscribed",
    ),
    "tlcp.updates": ("ItemUpdate",),
    "update_iterator": ("UpdateOverflow", "UpdateIterator"),
}


def __getattr__(name: str) -> object:
    """Return a public name, imported now."""
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """Return the public names, for completion by tab."""
    return __all__
