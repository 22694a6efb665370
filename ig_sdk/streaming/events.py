"""What a price stream reports besides ticks: one frozen event each, in order with them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ig_sdk.types import Tick


@dataclass(frozen=True, slots=True)
class Gap:
    """Ticks of one market may be missing: the session was replaced by a new one.

    Attributes:
        epic: The market; on a stream of an account, its id.
        seconds: How long nothing can have been received, or ``None`` when it is not known.
        at: When it was noticed, aware UTC.
        reason: Why the old session ended.
    """

    epic: str
    seconds: float | None
    at: datetime
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Stale:
    """A market that had prices has none now; reported once for each silence.

    Attributes:
        epic: The market.
        seconds: How long it has been silent.
        at: When it was noticed, aware UTC.
        reason: Why, as far as it is known.
        line_down: Whether the connection is down, and not only the market quiet: ticks may be missing until a
            :class:`Reconnected` says that nothing was, or a :class:`Gap` that something may be.
    """

    epic: str
    seconds: float
    at: datetime
    reason: str = ""
    line_down: bool = False


@dataclass(frozen=True, slots=True)
class Mute:
    """A subscription was accepted, but no first price came; reported once for each subscription.

    Attributes:
        epic: The market.
        seconds: How long nothing has come.
        at: When it was noticed, aware UTC.
        reason: The likely causes, the likeliest first.
    """

    epic: str
    seconds: float
    at: datetime
    reason: str = ""


@dataclass(frozen=True, slots=True)
class UpdatesLost:
    """Ticks of one market were dropped; the next tick comes after the hole.

    Attributes:
        epic: The market.
        count: How many.
        at: When it was reported, aware UTC.
        where: ``"server"`` (IG dropped them), ``"client"`` (the reader here was too slow) or ``"line"`` (they could not
            be read).
    """

    epic: str
    count: int
    at: datetime
    where: str = "client"


@dataclass(frozen=True, slots=True)
class Reconnected:
    """The connection is back; the subscriptions go on.

    Attributes:
        continuity: ``"resumed"`` or ``"recovered"`` (nothing was lost) or ``"replaced"`` (a :class:`Gap` of each market
            of which ticks may be missing comes before this event).
        seconds: How long the connection was away, or ``None`` when it is not known.
        at: When, aware UTC.
    """

    continuity: str
    seconds: float | None
    at: datetime


@dataclass(frozen=True, slots=True)
class SourceChanged:
    """Prices come from elsewhere from now on; they stay one series in order.

    Attributes:
        source: ``"poll"`` or ``"stream"``, as ``Tick.source`` says it.
        at: When, aware UTC.
        reason: Why.
    """

    source: str
    at: datetime
    reason: str = ""


@dataclass(frozen=True, slots=True)
class SetAside:
    """A tick that cannot be true was not passed on.

    Attributes:
        tick: The tick as it came.
        at: When, aware UTC.
        reason: What is wrong with it.
    """

    tick: Tick
    at: datetime
    reason: str


PriceEvent = Gap | Stale | Mute | UpdatesLost | Reconnected | SourceChanged | SetAside
