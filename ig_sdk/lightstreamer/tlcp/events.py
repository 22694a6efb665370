"""What a session reports, in order; ``ItemUpdate`` is in ``updates``."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Literal

from ig_sdk.errors import StreamError
from ig_sdk.lightstreamer.tlcp.updates import ItemUpdate

Operation = Literal["subscribe", "reconfigure", "unsubscribe", "overflow", "unreadable"]
Continuity = Literal["new", "resumed", "recovered", "replaced"]


class ConnectionStatus(str, Enum):
    """The state of a client's connection.

    ``DISCONNECTED`` is before ``connect`` and after ``close``; ``CONNECTING`` the first attempt; ``RECONNECTING`` every
    later one, including the waits between them; ``CONNECTED`` means that the session is up; ``STALLED`` that it
    is up, but the server has been silent for too long; ``FAILED`` that nothing more will be tried until ``connect`` is
    called again.
    """

    DISCONNECTED = "DISCONNECTED"
    CONNECTING = "CONNECTING"
    CONNECTED = "CONNECTED"
    STALLED = "STALLED"
    RECONNECTING = "RECONNECTING"
    FAILED = "FAILED"

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True, slots=True)
class StatusChanged:
    """The connection's status, or the continuity of its data, changed.

    Attributes:
        status: The status from now on.
        previous: The one before; the same after a rebind.
        reason: Why, in one sentence.
        at: Monotonic seconds.
        continuity: With ``CONNECTED``: ``"new"`` (first session), ``"resumed"`` (same session, rebound at the
            server's wish), ``"recovered"`` (same session, nothing lost after a break), ``"replaced"`` (another
            session: data may be lost). After a stall that ended by itself ``"resumed"``.
        gap_s: Seconds between the last line of the old connection and this moment; data was lost in it only if
            ``"replaced"``. ``None`` with ``"new"``, and after a stall that ended by itself.
        retry_in_s: With ``RECONNECTING``, and with ``CONNECTING`` soon after ``FAILED``: seconds to the next attempt.
        attempt: With ``RECONNECTING``: attempts since the stream last worked, from 1.
        error: What the server or the connection did, if it was a fault.
        session_id: The server's name for the session, if there is one.
        version: TLCP version in use.
        transport: ``"ws"``, ``"http-streaming"`` or ``"http-polling"``.
        since: Monotonic seconds at which the status began; before ``at`` where the status is the previous one.
    """

    status: ConnectionStatus
    previous: ConnectionStatus
    reason: str
    at: float
    continuity: Continuity | None = None
    gap_s: float | None = None
    retry_in_s: float | None = None
    attempt: int = 0
    error: StreamError | None = None
    session_id: str | None = None
    version: str = ""
    transport: str = ""
    since: float = 0.0


@dataclass(frozen=True, slots=True)
class Subscribed:
    """The server accepted a subscription; again after a replaced session, and after a damaged line.

    Attributes:
        subscription_id: Which one.
        items: Number of items.
        fields: Number of fields.
        key_position: In COMMAND mode, position of the key field, from 1.
        command_position: In COMMAND mode, position of the command field, from 1.

    Source:
        TLCP.md section 10, ``SUBOK`` and ``SUBCMD``.
    """

    subscription_id: int
    items: int
    fields: int
    key_position: int | None = None
    command_position: int | None = None


@dataclass(frozen=True, slots=True)
class Unsubscribed:
    """A subscription that was given up is gone; nothing follows for it.

    Attributes:
        subscription_id: Which one.

    Source:
        TLCP.md section 10, ``UNSUB``.
    """

    subscription_id: int


@dataclass(frozen=True, slots=True)
class SubscriptionError:
    """A request about one subscription failed; other subscriptions are not touched.

    Attributes:
        subscription_id: Which one.
        code: The server's or (zero and below) the adapter's code; ``None`` when we gave up.
        message: The text that came with it.
        operation: ``"subscribe"`` (it is over), ``"reconfigure"`` or ``"unsubscribe"`` (it goes on), ``"overflow"``
            (it is over: it must not lose anything, and the application was too slow), ``"unreadable"`` (it is over:
            what the server sent for it could not be read, several times; a new session did not help).

    Source:
        TLCP.md section 18.2, the codes.
    """

    subscription_id: int
    code: int | None
    message: str
    operation: Operation = "subscribe"

    @property
    def over(self) -> bool:
        """Whether it ended the subscription."""
        return self.operation in ("subscribe", "overflow", "unreadable")


@dataclass(frozen=True, slots=True)
class Reconfigured:
    """The server states the frequency in force (``CONF``).

    Attributes:
        subscription_id: Which one.
        max_frequency: Updates a second, or ``None`` for no limit.
        filtered: False when the server may not leave out updates without telling.

    Source:
        TLCP.md section 10, ``CONF``.
    """

    subscription_id: int
    max_frequency: float | None
    filtered: bool


@dataclass(frozen=True, slots=True)
class ItemUpdatesLost:
    """Updates are missing.

    The server dropped them (``OV``), this client did because its queue was full, or a line could not be read.

    Attributes:
        subscription_id: Which subscription.
        item: Name of the item; ``None`` when only the server knows it, and for a line that may have been about any.
        position: Position of the item, from 1; 0 when this client dropped updates, and for a line as above.
        count: How many.
        where: ``"server"``; ``"client"``: the application is too slow; ``"line"``: damaged on the way.

    Source:
        TLCP.md section 14.3.
    """

    subscription_id: int
    item: str | None
    position: int
    count: int
    where: Literal["server", "client", "line"] = "server"


@dataclass(frozen=True, slots=True)
class SnapshotEnd:
    """The item's snapshot is complete (``EOS``).

    Attributes:
        subscription_id: Which subscription.
        item: Name of the item, or ``None`` when only the server knows it.
        position: Position of the item, from 1.

    Source:
        TLCP.md section 14.3.
    """

    subscription_id: int
    item: str | None
    position: int


@dataclass(frozen=True, slots=True)
class Cleared:
    """Forget what is known about the item (``CS``).

    Attributes:
        subscription_id: Which subscription.
        item: Name of the item, or ``None`` when only the server knows it.
        position: Position of the item, from 1.

    Source:
        TLCP.md section 14.3.
    """

    subscription_id: int
    item: str | None
    position: int


@dataclass(frozen=True, slots=True)
class MessageOutcome:
    """What became of a message.

    Attributes:
        message_id: The session's number of the message.
        status: ``"done"``; ``"failed"`` (the adapter or server refused it); ``"discarded"`` (skipped by time-out,
            codes 38 and 39); ``"unknown"`` (sent, but the session was lost before the outcome came; it is not sent
            again); ``"aborted"`` (never sent).
        code: The code of a failure.
        response: The adapter's answer, or the text of the failure.

    Source:
        TLCP.md sections 9.1 and 18.2.
    """

    message_id: int
    status: Literal["done", "failed", "discarded", "unknown", "aborted"]
    code: int | None = None
    response: str = ""


@dataclass(frozen=True, slots=True)
class ErrorOccurred:
    """Something went wrong that no other event reports; the session goes on or a StatusChanged follows."""

    error: StreamError


@dataclass(frozen=True, slots=True)
class LineIgnored:
    """A notification that this version does not know was skipped (reported once for each tag)."""

    tag: str


Event = (
    ItemUpdate
    | StatusChanged
    | Subscribed
    | Unsubscribed
    | SubscriptionError
    | Reconfigured
    | ItemUpdatesLost
    | SnapshotEnd
    | Cleared
    | MessageOutcome
    | ErrorOccurred
    | LineIgnored
)
