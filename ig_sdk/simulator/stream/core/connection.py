"""One client connection as the session rules see it: a queue of lines, and the session it serves. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Literal, Protocol

from ig_sdk.simulator.stream.core.options import parse_version

Transport = Literal["ws", "http"]


class BoundSession(Protocol):
    """What is asked of the session that streams on a connection."""

    @property
    def session_id(self) -> str:
        """Its name."""
        ...

    def settle(self, now: float) -> None:
        """Answer a poll that has something to send, or whose time is over."""
        ...

    def pump(self, now: float) -> None:
        """Send what may go now."""
        ...

    def unbind(self, now: float) -> None:
        """Go on without the connection."""
        ...


class StreamConnection:
    """What waits to be written to one connection, and the session that streams on it.

    Args:
        transport: ``"ws"``, or ``"http"`` for one HTTP request and its answer.
        version: TLCP version that the client asked for, such as ``"2.4.0"``.
        client_ip: Address of the client, for ``CLIENTIP``.
        default_session: ``LS_session`` of an HTTP query string.

    Attributes:
        lines: Lines without CR-LF that wait to be written.
        session: The session bound to this connection, if any.
        last: The session last created or bound here: control requests without ``LS_session`` mean it (section 3.4).
        budget: Bytes left of an HTTP body, or ``None``.
        closing: Close when everything is written.
        aborted: Break the connection at once, without writing what waits.
        muted: Nothing is written while this is set (a fault).
        held: Answers that a fault delays.
        writing: Lines were taken and are not written yet.
        on_output: Called when there is something to write or to close.
    """

    def __init__(
        self, transport: Transport, version: str, *, client_ip: str = "127.0.0.1", default_session: str | None = None
    ) -> None:
        self.transport: Transport = transport
        self.version = version
        self.client_ip = client_ip
        self.default_session = default_session
        self.lines: deque[str] = deque()
        self.session: BoundSession | None = None
        self.last: BoundSession | None = None
        self.budget: int | None = None
        self.put_data = False
        self.last_put = 0.0
        self.closing = False
        self.aborted = False
        self.muted = False
        self.held = 0
        self.writing = False
        self.on_output: Callable[[], None] = _nothing

    def at_least(self, major: int, minor: int) -> bool:
        """Whether the connection's protocol is that version or newer."""
        version = parse_version(self.version)
        return version is not None and version >= (major, minor)

    def put(self, line: str, now: float) -> None:
        """Queue one line; a broken connection takes none."""
        if self.aborted:
            return
        lines = self.lines
        lines.append(line)
        self.last_put = now
        if self.budget is not None:
            self.budget -= len(line.encode()) + 2
        # With more lines the writer was woken already.
        if len(lines) == 1:
            self.on_output()

    @property
    def ready(self) -> bool:
        """Whether the writer has something to do."""
        return self.aborted or (not self.muted and (bool(self.lines) or self.closing))

    def take(self, most: int) -> list[str]:
        """Return up to ``most`` lines to write now; ``writing`` is set until the writer clears it."""
        if self.muted or self.aborted:
            return []
        lines = self.lines
        if len(lines) <= most:
            taken = list(lines)
            lines.clear()
        else:
            taken = [lines.popleft() for _ in range(most)]
        self.writing = bool(taken)
        return taken

    def close(self) -> None:
        """Close once everything is written."""
        self.closing = True
        self.on_output()

    def abort(self) -> None:
        """Break the connection; what waits is not written."""
        self.aborted = True
        self.lines.clear()
        self.on_output()


def _nothing() -> None:
    """Do nothing; used until a shell sets ``on_output``."""
