"""A subscription as the application holds it, and where its events go."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterable
from typing import Any, Final, Protocol, cast, get_args

from ig_sdk.errors import StreamError, StreamOverflow, StreamProtocolError, SubscriptionRefused, UsageError
from ig_sdk.lightstreamer.listeners import SubscriptionListener
from ig_sdk.lightstreamer.second_level import SecondLevel
from ig_sdk.lightstreamer.tlcp.codec.text import excerpt
from ig_sdk.lightstreamer.tlcp.events import (
    Cleared,
    Event,
    ItemUpdatesLost,
    Reconfigured,
    SnapshotEnd,
    Subscribed,
    SubscriptionError,
    Unsubscribed,
)
from ig_sdk.lightstreamer.tlcp.spec import Mode, SubscriptionSpec, check_frequency
from ig_sdk.lightstreamer.tlcp.updates import ItemUpdate
from ig_sdk.lightstreamer.update_iterator import UpdateBuffer, UpdateIterator, UpdateOverflow

_OVERFLOWS: Final[tuple[str, ...]] = get_args(UpdateOverflow)

_CALLBACKS: Final[dict[type, str]] = {
    Subscribed: "on_subscribed",
    ItemUpdatesLost: "on_updates_lost",
    SnapshotEnd: "on_snapshot_end",
    Cleared: "on_cleared",
    Reconfigured: "on_reconfigured",
    SubscriptionError: "on_error",
    Unsubscribed: "on_unsubscribed",
}


class Owner(Protocol):
    """What a subscription asks of the client that carries it."""

    def reconfigure(self, subscription_id: int, max_frequency: float | str) -> None:
        """Ask the server for another frequency."""
        ...

    def in_callback(self) -> bool:
        """Whether the caller runs on the dispatch thread."""
        ...


class Subscription:
    """What to receive, and which listeners are called.

    ::

        sub = Subscription("MERGE", items=["PRICE:ABC:CS.D.EURUSD.MINI.IP"], fields=["BID", "OFFER"])
        sub.add_listener(listener)
        client.subscribe(sub)
        for update in sub.updates(timeout=30): ...

    Args:
        mode: ``"MERGE"``, ``"DISTINCT"``, ``"RAW"`` or ``"COMMAND"``.
        items: Names of the items; a plain text is a group that only the server can take apart.
        fields: Names of the fields; a plain text is a schema that only the server can take apart.
        data_adapter: The server's adapter, or ``None`` for its default.
        snapshot: Whether to ask for the state so far; in DISTINCT also how many rows of it.
        max_frequency: Updates a second for each item, ``"unlimited"``, ``"unfiltered"``, or ``None`` for the server's.
        buffer_size: Updates that the server may keep for each item, ``"unlimited"``, or ``None`` for its default.
        selector: The server's selector.
        overflow: When the application is slower than the server: ``"drop_oldest"`` drops and reports
            (``on_updates_lost``, an iterator's ``lost``), ``"block"`` lets the server wait, ``"fail"`` ends the
            subscription with ``on_error`` (operation ``"overflow"``), and an iterator with ``StreamOverflow``, at the
            first update that finds no room: for what must not be lost unnoticed, such as deals. ``"block"`` and
            ``"fail"`` cannot share a client. Only items that hold more than their share of the queue give way.
        second_level: In COMMAND mode, what to subscribe to for each key.

    Raises:
        ValueError: An argument cannot be what the protocol allows.

    Threading:
        Safe from any thread.
    """

    def __init__(
        self,
        mode: str,
        items: Iterable[str] | str,
        fields: Iterable[str] | str,
        *,
        data_adapter: str | None = None,
        snapshot: bool | int = True,
        max_frequency: float | str | None = None,
        buffer_size: int | str | None = None,
        selector: str | None = None,
        overflow: UpdateOverflow = "drop_oldest",
        second_level: SecondLevel | None = None,
    ) -> None:
        _check_overflow(overflow)
        if second_level is not None and mode != "COMMAND":
            raise ValueError("second_level needs mode COMMAND")
        item_names, group = _names(items)
        field_names, schema = _names(fields)
        self._overflow: UpdateOverflow = overflow
        self.second_level = second_level
        self.spec = SubscriptionSpec(
            mode=cast("Mode", mode),  # checked there
            items=item_names,
            fields=field_names,
            group=group,
            schema=schema,
            data_adapter=data_adapter,
            selector=selector,
            snapshot=snapshot,
            max_frequency=max_frequency,
            buffer_size=buffer_size,
        )
        self.feed = Feed()
        self._lock = threading.Lock()
        self._owner: Owner | None = None
        self._change_overflow: Callable[[Subscription, UpdateOverflow], None] | None = None
        self._id: int | None = None
        self._leaving = False

    @property
    def mode(self) -> str:
        """``MERGE``, ``DISTINCT``, ``RAW`` or ``COMMAND``."""
        return self.spec.mode

    @property
    def items(self) -> tuple[str, ...] | None:
        """Names of the items, or ``None`` for a group."""
        return self.spec.items

    @property
    def fields(self) -> tuple[str, ...] | None:
        """Names of the fields, or ``None`` for a schema."""
        return self.spec.fields

    @property
    def subscription_id(self) -> int | None:
        """The id that events name it by, or ``None`` while no client carries it."""
        return self._id

    @property
    def active(self) -> bool:
        """Whether a client carries it; not whether the server has accepted it yet."""
        return self._owner is not None

    @property
    def overflow(self) -> UpdateOverflow:
        """What happens when the application is slower than the server; may be set at any time, active or not.

        It counts from then on: for what waits for the callbacks already, too, but not for iterators that were made
        before.

        Raises:
            ValueError: Set to something else.
            UsageError: Set to what another subscription of the client forbids: ``"block"`` beside ``"fail"``.
        """
        return self._overflow

    @overflow.setter
    def overflow(self, overflow: UpdateOverflow) -> None:
        _check_overflow(overflow)
        change = self._change_overflow
        if change is None:
            self._overflow = overflow
        else:
            change(self, overflow)

    def use_overflow(self, overflow: UpdateOverflow) -> None:
        """Take a rule that the client has found to go with those of its other subscriptions."""
        self._overflow = overflow

    def add_listener(self, listener: SubscriptionListener) -> None:
        """Call ``listener`` from now on; one that is added twice is called once."""
        self.feed.add(listener)

    def remove_listener(self, listener: SubscriptionListener) -> None:
        """Stop calling ``listener``; does nothing when it was not added."""
        self.feed.remove(listener)

    def updates(self, timeout: float | None = 60.0, *, queue_size: int = 10_000) -> UpdateIterator:
        """Return an iterator over the updates from now on.

        Args:
            timeout: The iteration ends after so many seconds without an update; ``None`` for never.
            queue_size: Updates that may wait to be taken; what happens to more is the subscription's ``overflow``.

        Returns:
            One that is fed until it is closed or no longer referenced; each gets every update.

        Raises:
            ValueError: ``queue_size`` is not positive.
        """
        if queue_size < 1:
            raise ValueError(f"queue_size must be at least 1, not {queue_size}")
        buffer = UpdateBuffer(queue_size, self.overflow)
        iterator = UpdateIterator(buffer, timeout, self._in_callback)
        self.feed.add_buffer(iterator, buffer)
        return iterator

    def reconfigure(self, *, max_frequency: float | str) -> None:
        """Ask the server for another frequency; ``on_reconfigured`` reports what it grants.

        Args:
            max_frequency: Updates a second for each item, or ``"unlimited"``.

        Raises:
            UsageError: No client carries the subscription, the client was closed, or it is unfiltered.
            ValueError: This is no frequency.
        """
        check_frequency(max_frequency)
        if self.spec.max_frequency == "unfiltered":
            raise UsageError("the frequency of an unfiltered subscription cannot be changed")  # TLCP.md section 8.3
        with self._lock:
            owner, subscription_id = self._owner, self._id
        if owner is None or subscription_id is None:
            raise UsageError("the subscription is not active")
        owner.reconfigure(subscription_id, max_frequency)

    def claim(
        self, owner: Owner, change_overflow: Callable[[Subscription, UpdateOverflow], None] | None = None
    ) -> None:
        """Make ``owner`` the one client that carries it.

        Args:
            owner: The client.
            change_overflow: Called to have another rule used from then on.

        Raises:
            UsageError: A client carries it already.
        """
        with self._lock:
            if self._owner is not None:
                raise UsageError("the subscription is active already")
            self._owner, self._id, self._leaving = owner, None, False
            self._change_overflow = change_overflow
        self.feed.open()

    def named(self, subscription_id: int) -> None:
        """Take the id that the client's session gave."""
        self._id = subscription_id  # no lock: the caller holds the session's, and both are leaves

    def leave(self, owner: Owner) -> int | None:
        """Begin to give it up; return its id, or ``None`` when there is nothing to do.

        Raises:
            UsageError: Another client carries it.
        """
        with self._lock:
            if self._owner is None or self._leaving:
                return None
            if self._owner is not owner:
                raise UsageError("the subscription belongs to another client")
            self._leaving = self._id is not None
            return self._id

    def release(self, error: StreamError | None = None) -> None:
        """End it: it may be subscribed again."""
        with self._lock:
            self._owner = self._id = self._change_overflow = None
        self.feed.end(error)

    def _in_callback(self) -> bool:
        owner = self._owner
        return owner is not None and owner.in_callback()

    def __repr__(self) -> str:
        what = self.spec.group if self.items is None else f"{len(self.items)} items"
        return f"<Subscription {self.mode} {what!r} id={self._id}>"


class Feed:
    """Where the events of one subscription go: listeners and iterators.

    Attributes:
        update_calls: What an update is passed to, in order; replaced, never changed.

    Threading:
        Listeners may come and go from any thread; ``tell`` is called by the dispatch thread.
    """

    def __init__(self) -> None:
        self.update_calls: tuple[Callable[[ItemUpdate], Any], ...] = ()
        self._lock = threading.Lock()
        self._listeners: tuple[SubscriptionListener, ...] = ()
        self._buffers: tuple[tuple[weakref.ref[UpdateIterator], UpdateBuffer], ...] = ()
        self._over = False

    def add(self, listener: SubscriptionListener) -> None:
        """Add a listener, once."""
        with self._lock:
            if not any(known is listener for known in self._listeners):
                self._listeners += (listener,)
                self._rebuild()

    def remove(self, listener: SubscriptionListener) -> None:
        """Remove a listener."""
        with self._lock:
            self._listeners = tuple(known for known in self._listeners if known is not listener)
            self._rebuild()

    def add_buffer(self, iterator: UpdateIterator, buffer: UpdateBuffer) -> None:
        """Feed an iterator for as long as it is referenced."""
        with self._lock:
            if not self._over:
                self._buffers = (
                    *((ref, known) for ref, known in self._buffers if ref() is not None),
                    (weakref.ref(iterator), buffer),
                )
                self._rebuild()
                return
        buffer.end()

    def open(self) -> None:
        """Begin: iterators may wait."""
        with self._lock:
            self._over = False

    def end(self, error: StreamError | None = None) -> None:
        """End every iterator, after what it has buffered."""
        with self._lock:
            self._over = True
            buffers, self._buffers = self._buffers, ()
            self._rebuild()
        for _, buffer in buffers:
            buffer.end(error)

    def calls_for(self, event: Event) -> list[Callable[[Any], Any]]:
        """Return what one event other than an update is passed to, in order."""
        name = _CALLBACKS.get(type(event))
        listeners = self._listeners if name else ()
        return [call for listener in listeners if (call := getattr(listener, str(name), None)) is not None]

    def _rebuild(self) -> None:
        calls = [call for one in self._listeners if (call := getattr(one, "on_update", None)) is not None]
        self.update_calls = (*calls, *(buffer.put for _, buffer in self._buffers))


def refusal(event: SubscriptionError) -> StreamError | None:
    """Return the error that an iterator raises when this ended its subscription, else ``None``."""
    if event.operation == "subscribe":
        return SubscriptionRefused(f"the server refused the subscription: {excerpt(event.message)}", code=event.code)
    if event.operation == "unreadable":
        return StreamProtocolError(excerpt(event.message))
    return StreamOverflow(event.message) if event.operation == "overflow" else None


def _check_overflow(overflow: str) -> None:
    if overflow not in _OVERFLOWS:
        raise ValueError(f"overflow must be one of {', '.join(_OVERFLOWS)}, not {overflow!r}")


def _names(names: Iterable[str] | str) -> tuple[tuple[str, ...] | None, str | None]:
    """Return (names, None), or (None, text) for a group or schema."""
    return (None, names) if isinstance(names, str) else (tuple(names), None)
