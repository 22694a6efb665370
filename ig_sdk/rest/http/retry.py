"""What to do about a failure: one pure decision."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from ig_sdk.errors import (
    BrokerUnavailable,
    IGError,
    RateLimited,
    Sent,
    SessionExpired,
    StreamEnded,
    StreamProtocolError,
    TransportError,
)
from ig_sdk.rest.http.endpoint import Endpoint
from ig_sdk.rest.http.error_codes import LOGIN_AGAIN

# A refusal that asks for more than IG's own period of a minute asks for something else.
LONGEST_PAUSE_S = 120.0


class Remedy(Enum):
    """What to do about a failure; all but ``STOP`` mean that it can be recovered from.

    Attributes:
        RETRY: Send the request again as soon as the allowance, or the server, lets it.
        BACKOFF: Send it again after a pause that grows.
        REAUTHENTICATE: Log in again, then send it again.
        RECONNECT: Open the stream again.
        FALL_BACK: Go on another way: prices by polling.
        STOP: Report it; trying again would fail again, or might do a deal twice.
    """

    RETRY = "retry"
    BACKOFF = "retry with backoff"
    REAUTHENTICATE = "re-authenticate"
    RECONNECT = "reconnect"
    FALL_BACK = "fall back"
    STOP = "stop"


@dataclass(frozen=True)
class Decision:
    """A remedy, and for a retry how long to pause when the server said so.

    Attributes:
        remedy: What to do.
        pause_s: The pause that the server asked for; 0 when it did not.
    """

    remedy: Remedy
    pause_s: float = 0.0


_STOP = Decision(Remedy.STOP)
_BACKOFF = Decision(Remedy.BACKOFF)


def decide(
    endpoint: Endpoint | None,
    failure: IGError,
    attempt: int,
    sent: Sent,
    *,
    max_retries: int | None = 5,
    can_renew: bool = True,
    longest_pause_s: float = LONGEST_PAUSE_S,
) -> Decision:
    """Return what to do after ``failure``.

    What may change something at IG is sent again only when it provably was not taken: no byte left, or it was refused
    for a dead token (401). Any other failed request may have been taken. Reads are sent again after lost connections,
    timeouts, failures of the service, and when an allowance is spent that comes back by the minute.

    Of a stream nothing in the REST half asks. Its connection decides for itself, by the codes of its protocol and
    without knowing IG (``ig_sdk.lightstreamer.tlcp.policy``). What is decided here is for the code above it, with the
    error that the stream gave up with: an application, or what polls prices meanwhile.

    Args:
        endpoint: Where the request went; ``None`` for a stream.
        failure: What went wrong.
        attempt: How many attempts were made, this one included.
        sent: Whether the request may have reached the server.
        max_retries: Attempts that may follow the first; ``None`` for as many as it takes.
        can_renew: Whether a new login is possible and was not yet tried for this request.
        longest_pause_s: The longest pause that the server may ask for; a longer one means ``STOP``.
    """
    again = max_retries is None or attempt <= max_retries
    if endpoint is None:
        return _decide_stream(failure, again=again)
    if isinstance(failure, SessionExpired):
        # The code of a refused token counts with its status: only a 401 says that nothing was taken (MISSION A4).
        dead = failure.status == 401 or not endpoint.mutating
        return Decision(Remedy.REAUTHENTICATE) if can_renew and dead else _STOP
    if not again:
        return _STOP
    if isinstance(failure, TransportError):
        return _BACKOFF if sent == "no" or not endpoint.mutating else _STOP
    if endpoint.mutating:
        return _STOP
    if isinstance(failure, RateLimited):
        pause_s = failure.retry_after or 0.0
        weekly = failure.allowance == "historical"
        return _STOP if weekly or pause_s > longest_pause_s else Decision(Remedy.RETRY, pause_s)
    if isinstance(failure, BrokerUnavailable) and failure.retry_after is not None:
        return _STOP if failure.retry_after > longest_pause_s else Decision(Remedy.BACKOFF, failure.retry_after)
    if isinstance(failure, BrokerUnavailable) or getattr(failure, "code", None) == LOGIN_AGAIN:
        return _BACKOFF
    return _STOP


def _decide_stream(failure: IGError, *, again: bool) -> Decision:
    """Return what to do about a stream that broke; what its server refused for good is refused again."""
    if isinstance(failure, SessionExpired):
        return Decision(Remedy.REAUTHENTICATE)
    if not isinstance(failure, (TransportError, StreamEnded, StreamProtocolError, BrokerUnavailable)):
        return _STOP
    return Decision(Remedy.RECONNECT if again else Remedy.FALL_BACK)
