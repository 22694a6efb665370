"""What a line has counted, of what is open and of what was: counts never go back."""

from __future__ import annotations

from collections.abc import Iterable

from ig_sdk.clock import Clock
from ig_sdk.lightstreamer import LightstreamerClient
from ig_sdk.streaming.channel import Reader
from ig_sdk.streaming.metrics import ClosedMarkets, ConnectionMetrics, MarketMetrics
from ig_sdk.streaming.prices.market import Prices
from ig_sdk.streaming.quality import is_weekend
from ig_sdk.streaming.shared import SharedItem
from ig_sdk.streaming.status import StreamStatus


class Figures:
    """The counts of a line.

    Args:
        clock: Time.

    Attributes:
        callback_errors: Errors of the callbacks of readers that have left, and of status callbacks.

    Threading:
        The line holds its lock over every call.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._closed = ClosedMarkets()
        self._rows = self._dropped = 0
        self.callback_errors = 0

    def item_left(self, item: SharedItem) -> None:
        """Keep the counts of an item that nobody reads any more."""
        self._rows += item.rows
        if isinstance(item.content, Prices):
            self._closed.add(item.content.metrics(item))

    def reader_left(self, reader: Reader) -> None:
        """Keep the counts of a reader that is closed."""
        self.callback_errors += reader.callback_errors

    def client_left(self, client: LightstreamerClient) -> None:
        """Keep the counts of a connection that is closed."""
        self._dropped += client.updates_dropped

    def connection(
        self, status: StreamStatus, client: LightstreamerClient | None, items: Iterable[SharedItem]
    ) -> ConnectionMetrics:
        """Return the state of the connection, and what was counted."""
        return ConnectionMetrics(
            status=status.status.name,
            reason=status.reason,
            since=status.since,
            service_closed=is_weekend(self._clock.now()),
            reconnects=status.reconnects,
            protocol_version=status.protocol_version,
            items=status.items,
            items_limit=status.limit,
            queue_depth=0 if client is None else client.queue_depth,
            queue_dropped=self._dropped + (0 if client is None else client.updates_dropped),
            updates=self._rows + sum(item.rows for item in items),
        )

    def markets(self, items: Iterable[SharedItem]) -> dict[str, MarketMetrics]:
        """Return each market that was ever read."""
        return self._closed.joined(item.content.metrics(item) for item in items if isinstance(item.content, Prices))
