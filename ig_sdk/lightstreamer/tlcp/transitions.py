"""The session's states and what moves it between them, as a table that documentation can draw."""

from __future__ import annotations

from enum import Enum
from typing import Final


class Phase(Enum):
    """The phase of the session."""

    IDLE = "not started"
    WAITING = "waiting before the next connection"
    CONNECTING = "opening a connection"
    CREATING = "asking for a session"
    BINDING = "asking for the session it had"
    STREAMING = "bound"
    STALLED = "bound, and silent for too long"
    CLOSING = "destroying the session"
    CLOSED = "ended by the application"
    FAILED = "given up"


class Trigger(Enum):
    """What happens to it."""

    CONNECT = "the application connects"
    DUE = "the wait is over"
    OPENED_TO_CREATE = "the connection is open, for a new session"
    OPENED_TO_BIND = "the connection is open, for the old session"
    CONOK = "the server accepts"
    SILENCE = "nothing came for the keepalive and some"
    LINE = "a line came"
    AGAIN = "the connection or the session is lost, refused, or to be rebound"
    CLOSE = "the application closes"
    ENDED = "the session is destroyed, or it took too long"
    STOP = "nothing is left to try"


_P, _T = Phase, Trigger

TRANSITIONS: Final[dict[tuple[Phase, Trigger], Phase]] = {
    (_P.IDLE, _T.CONNECT): _P.WAITING,
    (_P.CLOSED, _T.CONNECT): _P.WAITING,
    (_P.FAILED, _T.CONNECT): _P.WAITING,
    (_P.WAITING, _T.DUE): _P.CONNECTING,
    (_P.CONNECTING, _T.OPENED_TO_CREATE): _P.CREATING,
    (_P.CONNECTING, _T.OPENED_TO_BIND): _P.BINDING,
    (_P.CREATING, _T.CONOK): _P.STREAMING,
    (_P.BINDING, _T.CONOK): _P.STREAMING,
    (_P.STREAMING, _T.SILENCE): _P.STALLED,
    (_P.STALLED, _T.LINE): _P.STREAMING,
    (_P.WAITING, _T.AGAIN): _P.WAITING,
    (_P.CONNECTING, _T.AGAIN): _P.WAITING,
    (_P.CREATING, _T.AGAIN): _P.WAITING,
    (_P.BINDING, _T.AGAIN): _P.WAITING,
    (_P.STREAMING, _T.AGAIN): _P.WAITING,
    (_P.STALLED, _T.AGAIN): _P.WAITING,
    (_P.CONNECTING, _T.STOP): _P.FAILED,
    (_P.CREATING, _T.STOP): _P.FAILED,
    (_P.BINDING, _T.STOP): _P.FAILED,
    (_P.STREAMING, _T.STOP): _P.FAILED,
    (_P.STALLED, _T.STOP): _P.FAILED,
    (_P.WAITING, _T.STOP): _P.FAILED,
    (_P.WAITING, _T.CLOSE): _P.CLOSING,
    (_P.CONNECTING, _T.CLOSE): _P.CLOSING,
    (_P.CREATING, _T.CLOSE): _P.CLOSING,
    (_P.BINDING, _T.CLOSE): _P.CLOSING,
    (_P.STREAMING, _T.CLOSE): _P.CLOSING,
    (_P.STALLED, _T.CLOSE): _P.CLOSING,
    (_P.CLOSING, _T.ENDED): _P.CLOSED,
    (_P.IDLE, _T.CLOSE): _P.CLOSED,
    (_P.FAILED, _T.CLOSE): _P.CLOSED,
}

# Phases in which a server line means something.
LISTENING: Final = frozenset({_P.CREATING, _P.BINDING, _P.STREAMING, _P.STALLED, _P.CLOSING})
