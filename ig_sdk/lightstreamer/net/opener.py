"""Opening a stream connection: the one thing that the I/O thread waits for with nothing else served but ``close``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ig_sdk.clock import Clock
from ig_sdk.errors import BrokerUnavailable, IGError, RateLimited, StreamRefused, TransportError
from ig_sdk.lightstreamer.net.address import Address, parse_address
from ig_sdk.lightstreamer.net.http import Cookies, HttpExchange
from ig_sdk.lightstreamer.net.sockets import Interest, Interrupted, SocketOptions, Waker, wait_ready
from ig_sdk.lightstreamer.net.websocket import OpenFailed, WebSocketTransport, connect, open_websocket
from ig_sdk.lightstreamer.tlcp.actions import Connect

# What may pass: another attempt is made after a pause.
_PASSING: Final = (TransportError, RateLimited, BrokerUnavailable, OSError)

# For a control link: the address that the session was created at is known to work.
_BRIEF_S: Final = 3.0

CredentialsSource = Callable[[], tuple[str | None, str | None]]
Stream = WebSocketTransport | HttpExchange


class Opener:
    """Opens stream connections for the I/O thread.

    Args:
        sockets: How connections are opened.
        cookies: Shared with the control requests.
        credentials: Called at each new session, outside every lock.
        clock: Time.
        waker: Ends the waits.

    Attributes:
        credentials_refused: Whether the credentials asked for last are to replace refused ones.
        closing: Set from any thread: whatever is being opened is given up.

    Threading:
        The I/O thread's own, but for ``closing``.
    """

    def __init__(
        self, sockets: SocketOptions, cookies: Cookies, *, credentials: CredentialsSource, clock: Clock, waker: Waker
    ) -> None:
        self.credentials_refused = False
        self.closing = False
        self._sockets = sockets
        self._cookies = cookies
        self._credentials = credentials
        self._now = clock.monotonic
        self._waker = waker

    def ask_credentials(self, action: Connect) -> tuple[str | None, str | None]:
        """Return user and password for a new session; nothing for an old one.

        Raises:
            OpenFailed: There are none now, which may pass.
            StreamRefused: There are none, and another attempt would not help.
        """
        if not action.new_session:
            return None, None
        self.credentials_refused = action.refused
        try:
            user, password = self._credentials()
        except _PASSING as error:
            raise OpenFailed(f"no credentials: {_safe(error)}") from error
        except Exception as error:
            raise StreamRefused(f"no credentials: {_safe(error)}", cause=error) from error
        return user, password

    def open(self, action: Connect) -> Stream:
        """Return an open stream connection.

        Raises:
            OpenFailed: It cannot be opened, or not in time.
            Interrupted: The client is being closed.
        """
        try:
            address = parse_address(action.url)
        except IGError as error:  # a control link that the server named
            raise OpenFailed(str(error)) from error
        sockets = self._sockets
        patience_s = sockets.connect_timeout_s
        deadline = self._now() + (min(patience_s, _BRIEF_S) if action.brief else patience_s)

        def wait(interest: Interest) -> None:
            self._wait(interest, deadline, address)

        if action.transport == "ws":
            return open_websocket(address, action.subprotocol, sockets, wait)
        channel = connect(address, sockets, wait)
        return HttpExchange(address, self._cookies, sockets, channel=channel)

    def _wait(self, interest: Interest, deadline: float, address: Address) -> None:
        waker = self._waker
        while not self.closing:
            left = deadline - self._now()
            if left <= 0:
                raise OpenFailed(f"no connection to {address.host}:{address.port} in time")
            ready = wait_ready([waker.interest, interest], left)
            if interest.fileno in ready:
                return
            if ready:
                waker.clear()
        raise Interrupted


def _safe(error: BaseException) -> str:
    """Return an error's text if it is one of ours, which never hold a secret, else only its name."""
    return str(error) if isinstance(error, IGError) else type(error).__name__
