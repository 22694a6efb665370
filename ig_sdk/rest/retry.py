"""Whether a failed request is sent again: one pure decision."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from ig_sdk.errors import BrokerUnavailable, IGError, RateLimited, SessionExpired, TransportError
from ig_sdk.rest.codes import LOGIN_AGAIN


class Step(Enum):
    """What to do about a failure."""

    GIVE_UP = "give up"
    RETRY = "send again after a pause"
    RENEW = "log in again, then send again"


@dataclass(frozen=True)
class Decision:
    """A step, and for a retry how long to pause when the server said so.

    Attributes:
        step: What to do.
        pause_s: The pause that the server asked for; ``None`` leaves it to the backoff.
    """

    step: Step
    pause_s: float | None = None


_GIVE_UP = Decision(Step.GIVE_UP)
_RETRY = Decision(Step.RETRY)


def decide(
    failure: IGError, *, mutating: bool, retries_left: bool, can_renew: bool, max_pause_s: float = 30.0
) -> Decision:
    """Return what to do after ``failure``.

    What may change something at IG is sent again only when it provably was not taken: no byte left, or it was refused
    for a dead token (401). Whatever else failed may have been taken. Reads are sent again after lost connections,
    timeouts, failures of the service, and after a refusal that names a pause worth waiting for.

    Args:
        failure: What went wrong.
        mutating: Whether the request may change something at IG.
        retries_left: Whether the number of attempts allows another.
        can_renew: Whether a new login is possible and was not yet tried for this request.
        max_pause_s: Longest pause worth waiting for.
    """
    if isinstance(failure, SessionExpired):
        # The code of a refused token counts with its status: only a 401 says that nothing was taken (MISSION A4).
        dead = failure.status == 401 or not mutating
        return Decision(Step.RENEW) if can_renew and dead else _GIVE_UP
    if not retries_left:
        return _GIVE_UP
    if isinstance(failure, TransportError):
        return _RETRY if failure.sent == "no" or not mutating else _GIVE_UP
    if mutating:
        return _GIVE_UP
    if isinstance(failure, RateLimited):
        pause = failure.retry_after
        return Decision(Step.RETRY, pause) if pause is not None and pause <= max_pause_s else _GIVE_UP
    if isinstance(failure, BrokerUnavailable) or getattr(failure, "code", None) == LOGIN_AGAIN:
        return _RETRY
    return _GIVE_UP
