"""What the session asks of its shell: open a connection, send a request, close the connection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ig_sdk.lightstreamer.tlcp.codec.requests import Request

StreamTransport = Literal["ws", "http-streaming", "http-polling"]


@dataclass(frozen=True, slots=True)
class Connect:
    """Open a stream connection; answer with ``Session.opened`` or ``Session.lost``.

    Attributes:
        url: For ``"ws"`` the whole address to open (``wss://host/lightstreamer``). For the HTTP transports the base
            (``https://host/prefix``) to which ``encode_http``'s target is appended; nothing is sent before the
            first ``Send``.
        transport: How the lines travel.
        version: TLCP version, such as ``"2.4.0"``.
        new_session: Whether credentials are needed: a session will be created. Ask for them outside any lock.
        brief: Another address is known to work: do not wait long for this one.
        refused: The server refused the last credentials (``CONERR`` 1): get fresh ones, not a stored copy.
    """

    url: str
    transport: StreamTransport
    version: str
    new_session: bool
    refused: bool = False
    brief: bool = False

    @property
    def subprotocol(self) -> str:
        """The one value of ``Sec-WebSocket-Protocol`` (TLCP.md section 3.1, C-002)."""
        return f"TLCP-{self.version}.lightstreamer.com"


@dataclass(frozen=True, slots=True)
class Send:
    """Send one request.

    Attributes:
        request: What to send: ``encode_ws(request)`` is one WebSocket text message; on HTTP
            ``encode_http(request, version, session_id)``.
        stream: True for ``create_session`` and ``bind_session``. On HTTP that POST is the stream connection (its
            body goes to ``Session.receive``); every other request uses another connection (C-009), has a ``url``, and
            its body goes to ``Session.answered``.
        session_id: For the query string of an HTTP request; ``None`` when it needs none or names it itself.
        url: Base address of a request that goes over HTTP on a connection of its own (the session's control link,
            C-016); ``None`` for one that goes over the stream connection.
        brief: The address is a control link that never answered yet, and another one is known to work.
    """

    request: Request
    stream: bool = False
    session_id: str | None = None
    url: str | None = None
    brief: bool = False


@dataclass(frozen=True, slots=True)
class Disconnect:
    """Close the stream connection now. No ``Session.lost`` is due for it (one that comes late is ignored)."""


Action = Connect | Send | Disconnect
