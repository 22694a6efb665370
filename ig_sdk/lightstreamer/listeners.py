"""What an application overrides to hear of events: no-op bases, one frozen event for each callback.

An object that has only some of the methods serves as well. Callbacks run one at a time, in order, on the dispatch
thread ``ig-stream-dispatch``, never under a lock. What one raises is logged with its traceback and counted
(``LightstreamerClient.listener_errors``), and stops nothing.
"""

from __future__ import annotations

from ig_sdk.errors import StreamError
from ig_sdk.lightstreamer.tlcp.events import (
    Cleared,
    ItemUpdatesLost,
    Reconfigured,
    SnapshotEnd,
    StatusChanged,
    Subscribed,
    SubscriptionError,
    Unsubscribed,
)
from ig_sdk.lightstreamer.tlcp.updates import ItemUpdate


class ClientListener:
    """Hears about the connection. Override what is of interest.

    Threading:
        Called on ``ig-stream-dispatch``, one callback at a time, under no lock.
    """

    def on_status(self, event: StatusChanged) -> None:
        """The status or the continuity of the data changed."""

    def on_error(self, error: StreamError) -> None:
        """Something went wrong: a refusal, the end of a session, a protocol violation.

        The ``error`` of a ``StatusChanged`` comes here, too, after ``on_status``.
        """


class SubscriptionListener:
    """Hears about one subscription. Override what is of interest.

    Threading:
        Called on ``ig-stream-dispatch``, one callback at a time, under no lock.
    """

    def on_subscribed(self, event: Subscribed) -> None:
        """The server accepted it; again after a replaced session, and after a line of it that was damaged."""

    def on_update(self, update: ItemUpdate) -> None:
        """An item has new values."""

    def on_updates_lost(self, event: ItemUpdatesLost) -> None:
        """Updates are missing here.

        Either the server dropped them, or this client did because its queue was full, the subscription's overflow rule
        is ``"drop_oldest"``, and the item held more than its share of the queue; or a line could not be read.
        ``where`` says which, and ``item`` of what: ``None`` where a line was lost that may have been about any item.
        """

    def on_snapshot_end(self, event: SnapshotEnd) -> None:
        """An item's snapshot is complete."""

    def on_cleared(self, event: Cleared) -> None:
        """What is known about an item is to be forgotten."""

    def on_reconfigured(self, event: Reconfigured) -> None:
        """The server states the frequency in force."""

    def on_error(self, event: SubscriptionError) -> None:
        """A request about this subscription failed; ``operation`` says whether the subscription is over."""

    def on_unsubscribed(self, event: Unsubscribed) -> None:
        """It is gone; nothing follows."""
