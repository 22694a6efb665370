"""How the next connection is tried after a failure: after which wait, and by which version, transport and address."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ig_sdk.lightstreamer.tlcp.backoff import Backoff, Pace
from ig_sdk.lightstreamer.tlcp.options import SessionOptions
from ig_sdk.lightstreamer.tlcp.policy import Verdict, blames_version, session_verdict
from ig_sdk.lightstreamer.tlcp.route import Route

# How often in a row a transport may open and then say nothing before the next one is tried: a proxy may hold back the
# body of an HTTP stream for good, while a WebSocket that was upgraded is more likely that of a slow server.
_SILENT_OPENINGS: Final = {"ws": 2, "http-streaming": 1, "http-polling": 2}
# A busy stream in polls or short bodies is a LOOP after every few updates. At this pace nothing of it is delayed much.
_REBIND_BURST: Final = 50
_REBINDS_PER_S: Final = 20.0
# Whoever asks for it at each failure gets a try every few seconds, and no storm.
_HURRY_BURST: Final = 3
_HURRIES_PER_S: Final = 0.2


class Attempts:
    """The waits before the next connections, and the steps of the route that go with them.

    Attributes:
        backoff: The growing waits.
        hurries: How often the application may have the rest of a wait left out.
        rebinds: How fast a session may be bound again at the server's wish.
        credentials_refused: Whether the server refused the last credentials.
    """

    def __init__(self, options: SessionOptions, route: Route, random: Callable[[], float]) -> None:
        self.backoff = Backoff(options, random)
        self.rebinds = Pace(_REBIND_BURST, _REBINDS_PER_S)
        self.hurries = Pace(_HURRY_BURST, _HURRIES_PER_S)
        self.credentials_refused = False
        self._failures = Backoff(options, random)  # one for each time that it was given up
        self._failed = False
        self._again_at = float("-inf")
        self._route = route
        self._few_attempts = options.few_attempts
        self._few = 0  # refusals in a row that may pass, or may not
        self._foreign = 0  # answers in a row that the session belongs to another server
        self._silent = 0  # openings in a row that nothing followed

    def begin(self, now: float) -> float:
        """Start over: the application connects; return what is left of the pause after it was given up last."""
        self.credentials_refused = False
        self._few = self._foreign = self._silent = 0
        self.backoff.begin()
        self._route.restart()
        return max(self._again_at - now, 0.0)

    def given_up(self, now: float) -> None:
        """Note that nothing more is tried until the application connects: at once is well only the first time."""
        self._again_at = now + (self._failures.next() if self._failed else 0.0)
        self._failed = True

    def lasted(self) -> None:
        """Note that a session stood for long: failures before it count no more."""
        self._failures.begin()
        self._failed = False
        self._again_at = float("-inf")

    def accepted(self) -> None:
        """Note that the server created or bound the session."""
        self.credentials_refused = False
        self._silent = 0
        self._route.reached()

    def worked(self, now: float) -> None:
        """Note that the stream worked."""
        self.backoff.reset(now)
        self._few = self._foreign = 0

    def after_failed_opening(self, *, unavailable: bool, new_session: bool = True) -> float:
        """Return the wait after a connection that was not opened, or broke before the session was bound.

        Args:
            unavailable: This transport cannot work here: the next one is tried at once.
            new_session: It was to be opened at the original address.
        """
        if not new_session and self._route.leave_link():
            return 0.0  # the address that worked
        return 0.0 if unavailable and self._route.step_transport() else self.backoff.next()

    def after_silent_opening(self, *, new_session: bool = True) -> float:
        """Return the wait after a connection that opened and then brought nothing at all.

        Args:
            new_session: It was opened at the original address.
        """
        if not new_session:
            return 0.0 if self._route.leave_link() else self.backoff.next()
        self._silent += 1
        if self._silent >= _SILENT_OPENINGS[self._route.transport]:
            self._silent = 0
            if self._route.step_transport():
                return 0.0
        return self.backoff.next()

    def after_code(self, code: int, message: str, *, binding: bool) -> float | None:
        """Return the wait before a new session after ``CONERR`` or ``END``, ``None`` to give up.

        A clear answer is not an outage: where it leads to another kind of attempt, which cannot go on for ever, there
        is no wait. So a server that comes back is used at once, however long it was away.

        Args:
            code: The server's code.
            message: Its text.
            binding: The code answered a request to bind the old session.
        """
        verdict = session_verdict(code)
        if verdict is Verdict.NEW:
            return 0.0 if binding else self.backoff.first()
        if verdict is Verdict.LATER:
            return self.backoff.next()
        if verdict is Verdict.MUCH_LATER:
            return self.backoff.longest()
        if verdict is Verdict.FEW:
            self._few += 1
            return self.backoff.next() if self._few <= self._few_attempts else None
        if verdict is Verdict.HOME:
            self._foreign += 1
            return 0.0 if self._foreign == 1 else None
        if verdict is Verdict.CREDENTIALS and not self.credentials_refused:
            self.credentials_refused = True
            return 0.0
        if verdict is Verdict.VERSION and blames_version(message, self._route.version) and self._route.step_version():
            return 0.0  # there are only so many versions
        if verdict is Verdict.POLLING and self._route.step_to_polling():
            return self.backoff.first()
        return None
