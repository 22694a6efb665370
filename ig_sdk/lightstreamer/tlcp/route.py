"""Where the next connection goes, how, and in which version of the protocol."""

from __future__ import annotations

from collections.abc import Callable

from ig_sdk.lightstreamer.tlcp.actions import StreamTransport
from ig_sdk.lightstreamer.tlcp.address import complete_link, is_downgrade, stream_url
from ig_sdk.lightstreamer.tlcp.codec.text import at_least
from ig_sdk.lightstreamer.tlcp.options import SessionOptions


class Route:
    """Address, transport and version of a session, each with what is tried next.

    A version that was refused is not tried again; a transport that did not work is, in the next session.

    Args:
        options: The settings.
        may_connect: Whether the shell would open a connection to that address.
    """

    def __init__(self, options: SessionOptions, may_connect: Callable[[str], bool]) -> None:
        stream_url(options.address, "ws")  # a wrong address is the caller's mistake, reported at once
        self._options = options
        self._may_connect = may_connect
        self._version = 0
        self._transport = 0
        self._link: str | None = None
        self._proven: str | None = None  # the link that a session was bound at
        self._unusable: str | None = None  # the link that was refused last
        self._suspect: str | None = None  # the link that was not reached, until the address is
        self._unreachable: str | None = None  # the link that is not reached although the address is

    @property
    def version(self) -> str:
        """TLCP version in use."""
        return self._options.versions[self._version]

    @property
    def transport(self) -> StreamTransport:
        """Transport in use."""
        return self._options.transports[self._transport]

    @property
    def polls(self) -> bool:
        """Whether the stream comes in polls, each a connection of its own."""
        return self.transport == "http-polling"

    @property
    def recovers(self) -> bool:
        """Whether the version can continue a broken session."""
        return at_least(self.version, "2.1.0")

    @property
    def pipelines(self) -> bool:
        """Whether requests may follow before the session is there, without naming it (C-007, C-040)."""
        return self.transport == "ws" and at_least(self.version, "2.2.0")

    def url(self, *, new_session: bool) -> str:
        """Return where to open a stream connection; a new session begins at the original address (C-018)."""
        address = self._options.address if new_session or self._link is None else self._link
        return stream_url(address, self.transport)

    def control_url(self, *, apart: bool = False) -> str | None:
        """Return the base address for HTTP control requests, ``None`` when they go over the stream's socket.

        Args:
            apart: There is no stream connection: HTTP serves any session (TLCP.md section 4).
        """
        if self.transport == "ws" and not apart:
            return None
        return stream_url(self._link or self._options.address, "http-streaming")

    def follow(self, link: str) -> bool:
        """Use a session's control link from now on (C-016).

        Returns:
            False when it is unusable, so that the address stays; said once, however often a session names it.
        """
        if self._options.ignore_control_link or link in ("*", self._unusable):
            return True
        try:
            address = complete_link(link, self._options.address)
            # Someone who can inject this line must not be able to switch encryption off.
            usable = not is_downgrade(address, self._options.address) and self._may_connect(address)
        except ValueError:
            usable = False
        if usable:
            self._link = None if address == self._unreachable else address
        else:
            self._unusable = link
        return usable

    def step_version(self) -> bool:
        """Go to the next version, at the first transport; False when there is none."""
        if self._version + 1 >= len(self._options.versions):
            return False
        self._version += 1
        self._transport = 0
        return True

    def step_transport(self) -> bool:
        """Go to the next transport; False when all were tried, and the first one is next."""
        self._transport = (self._transport + 1) % len(self._options.transports)
        return self._transport != 0

    def step_to_polling(self) -> bool:
        """Go to polling; False when that is not allowed, or was in use already."""
        transports = self._options.transports
        if self.transport == "http-polling" or "http-polling" not in transports:
            return False
        self._transport = transports.index("http-polling")
        return True

    @property
    def follows_link(self) -> bool:
        """Whether the old session is asked for at its control link, so that the address can still serve."""
        return self._link is not None

    @property
    def doubts_link(self) -> bool:
        """Whether the old session is asked for at a link that never answered yet."""
        return self._link is not None and self._link != self._proven

    def leave_link(self) -> bool:
        """Go back to the address: the link was not reached; False when that was in use: then the link is next."""
        if self._link is not None:
            self._suspect, self._link = self._link, None
            return True
        self._link, self._suspect = self._suspect, None
        return False

    def unreached(self, url: str) -> None:
        """Leave the link if that is where no control request arrived."""
        if self._link is not None and url.startswith(self._link):
            self.leave_link()

    def reached(self) -> None:
        """Note that the server answered: a link that was not reached just before is not tried again."""
        if self._link is not None:
            self._proven = self._link
        if self._suspect is not None:
            self._unreachable, self._suspect = self._suspect, None

    def restart(self) -> None:
        """Begin a new session: at the first transport and the original address."""
        self._transport = 0
        self._link = self._unusable = None  # a suspect stays one: the new session begins at the address
