"""The snapshot types: what a client has counted at one moment, as plain values."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Any, Literal

LoginState = Literal["none", "in force", "refused"]


def _counter() -> Any:
    """Declare a number that only ever grows."""
    return field(default=0, metadata={"counts": True})


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionMetrics:
    """The one connection of a client.

    Attributes:
        status: DISCONNECTED, CONNECTING, CONNECTED, STALLED, RECONNECTING or FAILED.
        reason: Why, in one sentence.
        since: Since when, aware UTC; ``None`` before there was a stream.
        service_closed: Whether IG's service is known to be closed now (weekend, maintenance).
        reconnects: How often the connection came back.
        protocol_version: TLCP version in use, or ``""``.
        items: Items subscribed to now.
        items_limit: Items that IG allows; ``None`` while it has not said.
        queue_depth: Events that wait for the callbacks now.
        queue_dropped: Updates that were dropped because that queue was full.
        updates: Updates received of all items.
    """

    status: str = "DISCONNECTED"
    reason: str = ""
    since: datetime | None = None
    service_closed: bool = False
    reconnects: int = _counter()
    protocol_version: str = ""
    items: int = 0
    items_limit: int | None = None
    queue_depth: int = 0
    queue_dropped: int = _counter()
    updates: int = _counter()


@dataclass(frozen=True, slots=True, kw_only=True)
class PollingMetrics:
    """Prices by REST.

    Attributes:
        active: Whether markets are polled now.
        reason: Why, in one sentence.
        since: Since when, aware UTC; ``None`` while it is not active.
        failing_since: Since when every request has failed, aware UTC; ``None`` while they succeed.
        requests: Requests for prices.
        failures: Those that failed.
    """

    active: bool = False
    reason: str = ""
    since: datetime | None = None
    failing_since: datetime | None = None
    requests: int = _counter()
    failures: int = _counter()


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketMetrics:
    """One market.

    Attributes:
        epic: The market.
        readers: Streams and polls that read it now; with 0 the totals of the past are left.
        ticks: Ticks passed on.
        ticks_per_s: Ticks a second, over the last minute.
        gaps: Times at which ticks may be missing.
        lost: Updates known to be lost: dropped by IG or here, or in a line that could not be read.
        set_aside: Ticks that cannot be true, by what is wrong with them.
        set_aside_per_s: Those a second, over the last minute.
        incomplete: Updates without bid, offer or time.
        undecodable: Updates with a value that is no number.
        repeated: Updates that repeated the last tick.
        buffer_depth: Ticks that wait for the slowest reader now.
        latency_p50_ms: Median of the milliseconds from IG's timestamp to the reader; ``None`` while it is not known.
        latency_p99_ms: 99th percentile of them.
        stale_s: Seconds since the last tick, or, while there was none, since it was subscribed to; ``None`` if nobody
            reads it.
        market_open: Whether it is open now, as far as that is known.
        source: Where its prices come from now: ``"stream"``, ``"poll"``, or ``""`` before the first.
        wanted: Where they were asked for: ``"stream"`` or ``"poll"``.
        refused: Why IG refused it, or ``""``.
        completeness: Share of the expected ticks that came, 0 to 1.
        score: Quality, 0 to 1.
    """

    epic: str
    readers: int = 1
    ticks: int = _counter()
    ticks_per_s: float = 0.0
    gaps: int = _counter()
    lost: int = _counter()
    set_aside: Mapping[str, int] = field(default_factory=dict)
    set_aside_per_s: float = 0.0
    incomplete: int = _counter()
    undecodable: int = _counter()
    repeated: int = _counter()
    buffer_depth: int = 0
    latency_p50_ms: float | None = None
    latency_p99_ms: float | None = None
    stale_s: float | None = None
    market_open: bool | None = None
    source: str = ""
    wanted: str = "stream"
    refused: str = ""
    completeness: float | None = None
    score: float | None = None

    def __post_init__(self) -> None:
        # The caller goes on counting in its own.
        object.__setattr__(self, "set_aside", dict(sorted(self.set_aside.items())))


@dataclass(frozen=True, slots=True, kw_only=True)
class AllowanceMetrics:
    """One of IG's allowances.

    Attributes:
        limit: Requests a minute, or price points a week; ``None`` while it is not known.
        used: How much of it is taken; ``None`` while it is not known.
        waiting: Calls that wait for it now.
        waited_s: Seconds that calls have spent waiting for it.
        refusals: Requests that IG refused because of it.
        learnt: Whether refusals have lowered the limit below what IG says.
    """

    limit: int | None = None
    used: int | None = None
    waiting: int = 0
    waited_s: float = 0.0
    refusals: int = _counter()
    learnt: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RestMetrics:
    """REST.

    Attributes:
        login: ``"none"``, ``"in force"``, or ``"refused"``: IG refused the credentials for good.
        login_reason: Why it was refused, or ``""``.
        requests: Requests sent, each attempt counted.
        retries: Those that were not the first attempt of their call.
        refused: Requests that IG refused because an allowance was spent.
        failures: Requests without an answer, or answered with another error.
        allowances: ``"trading"``, ``"account"``, ``"key"`` and ``"historical"``.
    """

    login: LoginState = "none"
    login_reason: str = ""
    requests: int = _counter()
    retries: int = _counter()
    refused: int = _counter()
    failures: int = _counter()
    allowances: Mapping[str, AllowanceMetrics] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorMetrics:
    """What went wrong besides.

    Attributes:
        callbacks: Exceptions that callbacks raised.
        log_warnings: Warnings that the library logged in this process.
        log_errors: Errors that it logged in this process.
    """

    callbacks: int = _counter()
    log_warnings: int = _counter()
    log_errors: int = _counter()


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """Everything that a client has counted, at one moment; ``IGClient.metrics()`` returns it.

    Attributes:
        at: When it was taken, aware UTC.
        closed: Whether the client is closed.
        connection: The connection.
        polling: Prices by REST.
        markets: Each market that was ever read, by epic.
        rest: REST.
        errors: What went wrong besides.
    """

    at: datetime
    closed: bool = False
    connection: ConnectionMetrics = field(default_factory=ConnectionMetrics)
    polling: PollingMetrics = field(default_factory=PollingMetrics)
    markets: Mapping[str, MarketMetrics] = field(default_factory=dict)
    rest: RestMetrics = field(default_factory=RestMetrics)
    errors: ErrorMetrics = field(default_factory=ErrorMetrics)

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON has it: the attributes' names, times as ISO text in UTC; what is not known is ``None``."""
        plain: dict[str, Any] = _plain(self)
        return plain


def _plain(value: object) -> Any:
    if isinstance(value, Enum):
        return _plain(value.value)
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds")
    if isinstance(value, (float, Decimal)):
        number = float(value)
        return number if math.isfinite(number) else None  # JSON has no infinity
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if hasattr(value, "__dataclass_fields__"):
        return {each.name: _plain(getattr(value, each.name)) for each in fields(value)}  # type: ignore[arg-type]  # as just seen
    return value
