"""The state of the connection, as the application sees it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from ig_sdk.lightstreamer import ConnectionStatus
from ig_sdk.streaming.shared import SubscriptionStatus


@dataclass(frozen=True, slots=True)
class StreamStatus:
    """State of the connection at one moment.

    Attributes:
        status: One of ``ConnectionStatus``.
        reason: Why, in one sentence.
        since: Since when, aware UTC.
        reconnects: How often the connection came back so far.
        epics: Markets whose prices are subscribed to now.
        protocol_version: TLCP version in use, or ``""`` while there is none.
        source: Where prices come from now: ``"stream"`` or ``"poll"``.
        items: Places taken on the connection.
        limit: Places that there are.
        subscriptions: The state of each item, by what it is: ``"prices CS.D.EURUSD.MINI.IP"``.
    """

    status: ConnectionStatus
    reason: str
    since: datetime
    reconnects: int = 0
    epics: tuple[str, ...] = ()
    protocol_version: str = ""
    source: str = "stream"
    items: int = 0
    limit: int = 40
    subscriptions: Mapping[str, SubscriptionStatus] = field(default_factory=dict)
