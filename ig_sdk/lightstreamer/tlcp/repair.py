"""What becomes of a line that cannot be read, where the session may go on without it."""

from __future__ import annotations

from typing import Final

from ig_sdk.errors import StreamProtocolError
from ig_sdk.lightstreamer.tlcp.damage import find_damaged, wire_id
from ig_sdk.lightstreamer.tlcp.events import ErrorOccurred, Event
from ig_sdk.lightstreamer.tlcp.subscribed import Subscription
from ig_sdk.lightstreamer.tlcp.subscriptions import Subscriptions

# A new session may bring a readable item (C-088). One that fails again and again must not cost the others theirs; where
# there are no others, it costs nobody anything but the pause, which grows.
_TRIES: Final = 3
_TRIES_ALONE: Final = 7
_FAULTS_BELONG_TOGETHER_S: Final = 600.0
_UPDATE: Final = "U"
_ABOUT_SUBSCRIPTION: Final = frozenset({"U", "SUBOK", "SUBCMD", "UNSUB", "EOS", "CS", "OV", "CONF"})


class Repair:
    """Whose line it was, and how often that happened.

    Args:
        subscriptions: The subscriptions.
        events: Where errors are told.
    """

    def __init__(self, subscriptions: Subscriptions, events: list[Event]) -> None:
        self._subscriptions = subscriptions
        self._events = events
        self._alarms = 0  # lines that may have been about any of them
        self._alarm_at = 0.0

    def blame(self, line: str, reason: str, now: float) -> bool:
        """Take note that a notification could not be read; return whether the session may go on without it.

        It may when the line is about a subscription that was given up, and when that one was at fault too often: then
        its subscription ends, and no other.
        """
        tag, identifier, *_ = *line.split(",", 2), ""
        wire = wire_id(identifier) if tag in _ABOUT_SUBSCRIPTION else None
        subscription = self._subscriptions.wired.get(wire or 0)
        if subscription is None:
            former = self._subscriptions.former
            if wire in former and tag == _UPDATE:
                former.miss(wire or 0, 0, 1)
            return wire in former
        if not (subscription.leaving or subscription.silent) and not self._too_often(subscription, now):
            return False
        self._give_up(subscription, reason)
        return True

    def suspect(self, line: str) -> tuple[int, int] | None:
        """Return what a line with an unknown tag may have been about: see ``find_damaged``."""
        subscriptions = self._subscriptions
        return find_damaged(line, {*subscriptions.wired, *subscriptions.former}) if subscriptions.wired else None

    def damaged(self, wire: int, position: int, now: float, error: StreamProtocolError) -> bool:
        """Take note of a line that may have been data; return whether the session may go on.

        An update is told as lost. The subscription is asked for anew, since what follows may build on the line, and
        ended when that happens too often; all of them where the line names none (zero). The error is told where that
        changes anything: not for each line that comes until the server has obeyed.
        """
        subscriptions = self._subscriptions
        subscription = subscriptions.wired.get(wire)
        if subscription is not None:
            if not (subscription.leaving or subscription.silent):
                self._events.append(ErrorOccurred(error))
                if self._too_often(subscription, now):
                    self._give_up(subscription, "its lines were damaged")
                else:
                    subscriptions.renew(subscription, position)
            return True
        if wire:
            subscriptions.former.miss(wire, position, 1)
            return True
        if now - self._alarm_at > _FAULTS_BELONG_TOGETHER_S:
            self._alarms = 0
        self._alarms += 1
        self._alarm_at = now
        if self._alarms >= _TRIES:
            return False
        self._events.append(ErrorOccurred(error))
        for each in list(subscriptions.wired.values()):
            subscriptions.renew(each, 0)
        return True

    def _too_often(self, subscription: Subscription, now: float) -> bool:
        if now - subscription.fault_at > _FAULTS_BELONG_TOGETHER_S:
            subscription.faults = 0
        subscription.faults += 1
        subscription.fault_at = now
        return subscription.faults >= (_TRIES if len(self._subscriptions.wired) > 1 else _TRIES_ALONE)

    def _give_up(self, subscription: Subscription, reason: str) -> None:
        text = f"what came for it could not be read, {subscription.faults} times: {reason}"
        self._subscriptions.give_up(subscription, text)
