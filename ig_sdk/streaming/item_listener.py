"""What a price stream hears of one market's subscription."""

from __future__ import annotations

from ig_sdk.lightstreamer import (
    ItemUpdate,
    ItemUpdatesLost,
    Subscribed,
    SubscriptionError,
    SubscriptionListener,
)
from ig_sdk.streaming.prices.intake import PriceIntake


class PriceListener(SubscriptionListener):
    """Hands what is heard of one epic to the intake of its stream."""

    def __init__(self, epic: str, intake: PriceIntake) -> None:
        self._epic = epic
        self._intake = intake

    def on_subscribed(self, event: Subscribed) -> None:
        """The market was accepted: a first price should come."""
        del event
        self._intake.accepted(self._epic)

    def on_update(self, update: ItemUpdate) -> None:
        """A row came."""
        self._intake.row(self._epic, update)

    def on_updates_lost(self, event: ItemUpdatesLost) -> None:
        """Rows are missing; without a position it was our own queue that dropped them."""
        self._intake.lost(self._epic, event.count, where="server" if event.position else "client")

    def on_error(self, event: SubscriptionError) -> None:
        """The market was refused."""
        if event.operation == "subscribe":
            self._intake.refuse(self._epic, event.code, event.message)
