"""Every error that ig_sdk raises, in one tree.

::

    IGError                          message, hint
    ├─ ConfigError (ValueError)      faults
    ├─ UsageError (RuntimeError)
    ├─ DecodeError                   path, excerpt
    ├─ TransportError                sent, method, path
    │   ├─ ConnectFailed
    │   ├─ RequestTimeout
    │   └─ ConnectionLost
    ├─ APIError                      status, code, method, path
    │   ├─ AuthenticationError
    │   │   └─ SessionExpired
    │   ├─ PermissionDenied
    │   ├─ RateLimited               allowance, retry_after
    │   ├─ NotFound
    │   ├─ InvalidRequest
    │   └─ BrokerUnavailable
    ├─ DealError                     deal_reference
    │   ├─ InvalidDeal (ValueError)  faults
    │   ├─ DealRejected              confirm, reason
    │   └─ DealUncertain             why, resolve()
    └─ StreamError                   code, cause
        ├─ StreamRefused
        ├─ SubscriptionRefused
        ├─ StreamEnded
        ├─ StreamProtocolError       line
        └─ StreamOverflow

``str(error)`` is safe to log: no message contains a token, password or key. All errors can be copied and pickled;
another process can read them, but only the client that raised one can act on it (``resolve()``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from ig_sdk.types import Confirm

Sent = Literal["no", "maybe"]


class IGError(Exception):
    """Base of all errors of ig_sdk.

    Attributes:
        message: What went wrong, in one sentence.
        hint: What to do about it, or ``None``.
    """

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message

    def __reduce__(self) -> tuple[Any, ...]:
        # Pickle would call the class with the message alone, which most of these do not accept.
        return _rebuilt, (type(self), self.args), self.__dict__


def _rebuilt(kind: type[IGError], args: tuple[object, ...]) -> IGError:
    """Return an error without its attributes; unpickling and copying set them next."""
    return kind.__new__(kind, *args)


class ConfigError(IGError, ValueError):
    """The configuration cannot be used; lists every fault at once.

    Attributes:
        faults: One sentence each: the key, where its value came from, what is allowed.
    """

    def __init__(self, faults: Sequence[str], *, hint: str | None = None) -> None:
        self.faults = tuple(faults)
        super().__init__("; ".join(self.faults), hint=hint)


class UsageError(IGError, RuntimeError):
    """A call that cannot work, such as waiting for the stream inside its own callback."""


class DecodeError(IGError):
    """An answer or a file that cannot be read.

    Attributes:
        path: Where in the document, e.g. ``"prices[3].openPrice"`` or ``"ticks.csv:17"``.
        excerpt: The offending text, shortened.
    """

    def __init__(self, message: str, *, path: str = "", excerpt: str = "", hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.path = path
        self.excerpt = excerpt


class TransportError(IGError):
    """A request got no usable answer.

    Attributes:
        sent: ``"no"`` when no byte of the request can have reached the server, else ``"maybe"``.
        method: HTTP method.
        path: Path of the request, without host and query.
    """

    def __init__(
        self, message: str, *, sent: Sent = "maybe", method: str = "", path: str = "", hint: str | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.sent: Sent = sent
        self.method = method
        self.path = path


class ConnectFailed(TransportError):
    """No connection could be made; nothing was sent."""


class RequestTimeout(TransportError):
    """The answer did not come in time."""


class ConnectionLost(TransportError):
    """The connection broke before the whole answer was read."""


class APIError(IGError):
    """IG answered with an error.

    Attributes:
        status: HTTP status.
        code: IG's ``errorCode``, or ``""`` when the body had none.
        method: HTTP method of the request.
        path: Path of the request.
    """

    def __init__(
        self, message: str, *, status: int, code: str = "", method: str = "", path: str = "", hint: str | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.code = code
        self.method = method
        self.path = path


class AuthenticationError(APIError):
    """The login or the tokens were refused."""


class SessionExpired(AuthenticationError):
    """The session tokens are missing, expired or invalid; a new login helps."""


class PermissionDenied(APIError):
    """The key or the account may not do this."""


class RateLimited(APIError):
    """An allowance is spent.

    Attributes:
        allowance: Which one: ``"trading"``, ``"account"``, ``"api-key"``, ``"historical"`` or ``"unknown"``.
        retry_after: Seconds until a new attempt makes sense, or ``None`` if IG does not say.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int,
        code: str = "",
        method: str = "",
        path: str = "",
        hint: str | None = None,
        allowance: str = "unknown",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, status=status, code=code, method=method, path=path, hint=hint)
        self.allowance = allowance
        self.retry_after = retry_after


class NotFound(APIError):
    """What was asked for does not exist."""


class InvalidRequest(APIError):
    """IG refused the request as malformed or inconsistent."""


class BrokerUnavailable(APIError):
    """IG's service failed (5xx).

    Attributes:
        retry_after: Seconds until a new attempt makes sense, or ``None`` if IG does not say.
    """

    retry_after: float | None = None


class DealError(IGError):
    """A deal was not accepted.

    Attributes:
        deal_reference: Our name for the request.
    """

    def __init__(self, message: str, *, deal_reference: str, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.deal_reference = deal_reference


class InvalidDeal(DealError, ValueError):
    """A deal that IG would reject; nothing was sent. Lists every fault at once.

    Attributes:
        faults: One sentence each: what, what was given, what is allowed.
    """

    def __init__(self, faults: Sequence[str], *, deal_reference: str, hint: str | None = None) -> None:
        self.faults = tuple(faults)
        super().__init__("the deal was not sent: " + "; ".join(self.faults), deal_reference=deal_reference, hint=hint)


class DealRejected(DealError):
    """IG rejected the deal; nothing was traded.

    Attributes:
        confirm: IG's verdict.
        reason: IG's reason code, e.g. ``"INSUFFICIENT_FUNDS"``.
    """

    def __init__(self, message: str, *, confirm: Confirm, hint: str | None = None) -> None:
        super().__init__(message, deal_reference=confirm.deal_reference, hint=hint)
        self.confirm = confirm
        self.reason = confirm.reason


class DealUncertain(DealError):
    """The request may or may not have been taken; it was not and will not be sent again.

    Attributes:
        why: What went wrong.
    """

    def __init__(
        self,
        message: str,
        *,
        deal_reference: str,
        why: str,
        resolver: Callable[[float], Confirm | None] | None = None,
        hint: str | None = "call resolve() to find out; do not send the deal again before",
    ) -> None:
        super().__init__(message, deal_reference=deal_reference, hint=hint)
        self.why = why
        self._resolver = resolver

    def __reduce__(self) -> tuple[Any, ...]:
        # The resolver is a client with its connections and tokens: it cannot be copied.
        *how, state = super().__reduce__()
        return *how, state | {"_resolver": None}

    def resolve(self, timeout: float = 30.0) -> Confirm | None:
        """Look the deal up at IG without sending it again.

        Args:
            timeout: Seconds to keep looking.

        Returns:
            The confirm of the accepted deal, or ``None`` when IG provably did not place it.

        Raises:
            DealRejected: IG took the request and rejected it.
            DealUncertain: Still unknown after ``timeout``, or too early to be sure that it was not placed.
        """
        if self._resolver is None:
            raise UsageError(
                "no client raised this error, or it is a copy: it has no client to ask",
                hint="look for the deal reference among positions, orders and ig.history.activity()",
            )
        return self._resolver(timeout)


class StreamError(IGError):
    """Something on the stream went wrong.

    Attributes:
        code: Lightstreamer's or the adapter's code, or ``None``.
        cause: The underlying exception, if any.
    """

    def __init__(
        self, message: str, *, code: int | None = None, cause: BaseException | None = None, hint: str | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.code = code
        self.cause = cause


class StreamRefused(StreamError):
    """The server refused the session (``CONERR``)."""


class SubscriptionRefused(StreamError):
    """The server refused one subscription (``REQERR``)."""


class StreamEnded(StreamError):
    """The server ended the session (``END``)."""


class StreamProtocolError(StreamError):
    """The server sent what the protocol does not allow.

    Attributes:
        line: The offending line, shortened.
    """

    def __init__(
        self,
        message: str,
        *,
        line: str = "",
        code: int | None = None,
        cause: BaseException | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, code=code, cause=cause, hint=hint)
        self.line = line[:200]


class StreamOverflow(StreamError):
    """A queue that must not lose anything (account, deals) was full."""
