"""Which subscription gets which events: subscriptions by channel. Pure."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from itertools import count

from ig_sdk.simulator.stream.core.session import StreamSession
from ig_sdk.simulator.stream.core.subscription import ServerSubscription
from ig_sdk.simulator.stream.items.adapter import HEARTBEAT_ITEM, Adapter, Row
from ig_sdk.types import Tick

_HEARTBEAT_S = 1.0
# By channel, the subscriptions that it feeds: (subscription, item index).
_Listeners = dict[str, list[tuple[ServerSubscription, int]]]


class Feeds:
    """The channels of one server.

    Args:
        adapter: What can be subscribed.

    Attributes:
        adapter: The same.
        wake_at: A deadline that may be earlier than the shell knows, or ``None``; the shell clears it.
        subscribed: Markets subscribed since the shell last asked.
    """

    def __init__(self, adapter: Adapter) -> None:
        self.adapter = adapter
        self.wake_at: float | None = None
        self.subscribed: list[str] = []
        self._channels: _Listeners = {}
        self._by_epic: dict[str, _Listeners] = {}
        self._next_beat = 0.0
        self._beats = count(1)

    def attach(self, subscription: ServerSubscription) -> None:
        """Send the events of the subscription's channels to it from now on."""
        for index, channel in enumerate(subscription.layout.channels):
            self._channels.setdefault(channel, []).append((subscription, index))
            epic = self.adapter.epic_of(channel)
            if epic is not None:
                self._by_epic.setdefault(epic, {})[channel] = self._channels[channel]
                self.subscribed.append(epic)

    def detach(self, subscription: ServerSubscription) -> None:
        """Send them no more."""
        for channel in set(subscription.layout.channels):
            left = [entry for entry in self._channels.get(channel, ()) if entry[0] is not subscription]
            if left:
                self._channels[channel][:] = left
            else:
                self._drop(channel)

    def _drop(self, channel: str) -> None:
        self._channels.pop(channel, None)
        epic = self.adapter.epic_of(channel)
        if epic is None or epic not in self._by_epic:
            return
        self._by_epic[epic].pop(channel, None)
        if not self._by_epic[epic]:
            del self._by_epic[epic]

    def detach_all(self, session: StreamSession) -> None:
        """Detach and forget all subscriptions of a session."""
        for subscription in session.subscriptions.values():
            self.detach(subscription)
        session.subscriptions.clear()

    def has_listener(self, epic: str) -> bool:
        """Whether the prices of ``epic`` have a subscriber."""
        return epic in self._by_epic

    def take_subscribed(self) -> list[str]:
        """Return the markets subscribed since the last call."""
        subscribed, self.subscribed = self.subscribed, []
        return subscribed

    # ---- events

    def publish(self, tick: Tick, now: float) -> None:
        """Send one tick to the subscribers of its market."""
        listeners = self._by_epic.get(tick.epic)
        if listeners is None:
            self.adapter.on_tick(tick, ())
            return
        for channel, row in self.adapter.on_tick(tick, listeners):
            for subscription, index in listeners[channel]:
                subscription.offer(index, row, now)
                self._after_event(subscription, now)

    def note(self, tick: Tick) -> None:
        """Take a tick that is not sent into the figures of its market's day."""
        self.adapter.on_tick(tick, ())

    def end_candles(self, time: datetime, epics: Callable[[str], bool], now: float) -> None:
        """Send the last rows of the candles of ``epics`` that are over at ``time``, though no tick has come since."""
        wanted = [channel for channel in self._channels if channel.startswith("CHART:")]
        for channel, row in self.adapter.ended(time, wanted):
            if epics(self.adapter.epic_of(channel) or ""):
                for subscription, index in self._channels[channel]:
                    subscription.offer(index, row, now)
                    self._after_event(subscription, now)

    def post(self, channel: str, row: Row, now: float) -> None:
        """Send one event of an item that no market feeds; in MERGE, absent fields keep their value."""
        self.adapter.posted(channel, row)
        for subscription, index in self._channels.get(channel, ()):
            subscription.offer_changes(index, row, now)
            self._after_event(subscription, now)

    def clear(self, channel: str, now: float) -> None:
        """Clear the snapshot of an item (C-205)."""
        for subscription, index in self._channels.get(channel, ()):
            subscription.clear(index, now)
            self._after_event(subscription, now)

    def _after_event(self, subscription: ServerSubscription, now: float) -> None:
        session = subscription.session
        if session.polled:
            session.settle(now)
            self.schedule_wake(now)
        elif subscription.waiting and session.has_room:
            due = subscription.next_due()
            self.schedule_wake(now if due is None else due)

    def schedule_wake(self, at: float) -> None:
        """Note that ``wake`` is due at ``at``."""
        if self.wake_at is None or at < self.wake_at:
            self.wake_at = at

    # ---- time

    @property
    def deadline(self) -> float | None:
        """When the next heartbeat row is due, or ``None`` while the item has no subscriber."""
        return self._next_beat if HEARTBEAT_ITEM in self._channels else None

    def wake(self, now: float) -> None:
        """Send IG's heartbeat item its next row when it is due."""
        if HEARTBEAT_ITEM in self._channels and now >= self._next_beat:
            self._next_beat = now + _HEARTBEAT_S
            self.post(HEARTBEAT_ITEM, {"HEARTBEAT": str(next(self._beats))}, now)
