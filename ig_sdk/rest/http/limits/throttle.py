"""The limiter: before a request leaves it waits its turn, so that IG need not refuse it.

The decisions are pure and are made in ``window`` and ``points``; this is the thin shell that threads meet at. It has no
thread of its own: the first call in line waits for the next place, and wakes the call behind it.
"""

from __future__ import annotations

import bisect
import logging
import math
import threading
from dataclasses import dataclass, field

from ig_sdk import logs
from ig_sdk.clock import Clock
from ig_sdk.config import IGConfig
from ig_sdk.errors import APIError, IGError, RateLimited, TransportError, UsageError
from ig_sdk.rest.http.deadline import Deadline
from ig_sdk.rest.http.endpoint import Endpoint
from ig_sdk.rest.http.limits.numbers import Limits, configured, published
from ig_sdk.rest.http.limits.points import PointsAllowance, WeeklyPoints
from ig_sdk.rest.http.limits.window import Slot, Verdict, Window

_log = logs.get_logger("rest")

# Longest stay in line of a call without a time limit of its own.
_PATIENCE_S = 600.0
# Longest time that asking IG for its numbers may take, and longest wait for another thread that asks.
_ASK_S = 5.0
# Longer than this looks like a call that hangs: it is said where it is seen without settings.
LONG_S = 5.0
# Who may do what in which words (the names of RateLimited.allowance).
_WORDS = {
    "trading": "requests a minute that deal on this account",
    "account": "requests a minute on this account",
    "api-key": "requests a minute with this key",
    "historical": "price points a week",
}


@dataclass(frozen=True)
class AllowanceState:
    """The state of an allowance.

    Attributes:
        limit: Requests a minute, or price points a week: what IG says, or what it was seen to take before it refused;
            ``None`` while it has done neither.
        used: How much of it is taken; ``None`` while nobody has said.
        waiting: Calls that wait for it now.
        waited_s: Seconds that calls have spent waiting for it, added up.
        refusals: How often IG refused a request because of it.
        learnt: Whether refusals have lowered the limit below what IG says.
    """

    limit: int | None
    used: int | None
    waiting: int = 0
    waited_s: float = 0.0
    refusals: int = 0
    learnt: bool = False


@dataclass(frozen=True)
class Allowances:
    """What IG lets this client do, and what was done of it; a snapshot.

    Attributes:
        trading: Requests that deal, for the account a minute.
        account: Other requests, for the account a minute.
        key: Other requests, for the API key a minute.
        historical: Price points, for the account a week.
    """

    trading: AllowanceState
    account: AllowanceState
    key: AllowanceState
    historical: AllowanceState


@dataclass(eq=False)
class _Ticket:
    """A call in line."""

    rank: tuple[bool, int]
    windows: list[tuple[str, Window]]
    urgent: bool
    turn: threading.Event = field(default_factory=threading.Event)


class _Line:
    """Calls that wait for the same allowances: urgent ones first, then in the order in which they came."""

    def __init__(self) -> None:
        self.tickets: list[_Ticket] = []
        self.held_by = ""
        self.limit: int | None = None

    def join(self, ticket: _Ticket) -> None:
        bisect.insort(self.tickets, ticket, key=lambda each: each.rank)

    def leave(self, ticket: _Ticket) -> None:
        self.tickets.remove(ticket)
        self.wake()

    def wake(self) -> None:
        """Let the first one look again."""
        if self.tickets:
            self.tickets[0].turn.set()


class Throttle:
    """The limiter of one client.

    Args:
        config: The user's own limits, and whose service it is.
        clock: Measures and waits.

    Threading:
        Safe from any thread. The lock guards the fields only; it is never held over a wait.
    """

    def __init__(self, config: IGConfig, *, clock: Clock) -> None:
        self._clock = clock
        self._own, self._published = configured(config), published(config)
        self._limits = self._own.over(self._published)
        self._lock = threading.Lock()
        self._windows: dict[tuple[str, str], Window] = {}
        self._points = WeeklyPoints(self._own.historical, self._limits.historical)
        self._waited_s = dict.fromkeys(_WORDS, 0.0)
        others = _Line()
        # A deal is never in line behind a read.
        self._lines = {"trading": _Line(), "non-trading": others, "historical": others}
        self._number = 0
        self._told = threading.Event()
        self._asking = self._own.complete
        if self._asking:
            self._told.set()
        self._closed = False

    def enter(self, endpoint: Endpoint, account_id: str | None, deadline: Deadline) -> Permit:
        """Wait until a request may leave, and take its places.

        Args:
            endpoint: What it goes to.
            account_id: The account in use; ``None`` for a request of nobody's account.
            deadline: By when the call must end.

        Raises:
            RateLimited: There is no place in the time that the call has, or no price points are left. Nothing was sent.
            UsageError: The client closes.
        """
        if endpoint.allowance is None:
            return Permit(self, endpoint, account_id, [])
        with self._lock:
            self._number += 1
            ticket = _Ticket((not endpoint.urgent, self._number), self._wanted(endpoint, account_id), endpoint.urgent)
            line = self._lines[endpoint.allowance]
            self._check_points(endpoint, account_id)
            line.join(ticket)
        try:
            return self._queue(endpoint, account_id, ticket, line, deadline)
        finally:
            with self._lock:
                line.leave(ticket)

    def _queue(
        self, endpoint: Endpoint, account_id: str | None, ticket: _Ticket, line: _Line, deadline: Deadline
    ) -> Permit:
        began, told = self._clock.monotonic(), False
        ends = began + min(deadline.left_s, _PATIENCE_S)
        while True:
            with self._lock:
                now = self._clock.monotonic()
                wait_s = self._look(ticket, line, now)
                if wait_s <= 0:
                    if now > began and line.held_by:
                        self._waited_s[line.held_by] += now - began
                    slots = [(name, window, window.begin(now)) for name, window in ticket.windows]
                    return Permit(self, endpoint, account_id, slots, now - began)
                certain = not any(window.flying for _, window in ticket.windows)
                held_by, limit = line.held_by, line.limit
            if now >= ends or (certain and math.isfinite(wait_s) and now + wait_s > ends):
                raise _spent(held_by or "account", limit, wait_s, endpoint)
            if not told and wait_s > 1 and math.isfinite(wait_s):
                told = True
                level = logging.WARNING if wait_s > LONG_S else logging.INFO
                _log.log(
                    level, "%s %s waits %.1f s for %s", endpoint.method, endpoint.path, wait_s, _words(held_by, limit)
                )
            self._clock.wait(ticket.turn, min(wait_s, ends - now))

    def _look(self, ticket: _Ticket, line: _Line, now: float) -> float:
        """Return how long ``ticket`` has to wait at present."""
        if self._closed:
            raise UsageError("this client is closed", hint="make a new IGClient")
        ticket.turn.clear()
        if line.tickets[0] is not ticket:
            return math.inf
        # Of equal waits the narrower allowance's counts, which is last.
        waits = [(window.wait_s(now, urgent=ticket.urgent), name, window) for name, window in reversed(ticket.windows)]
        wait_s, line.held_by, window = max(waits, key=lambda each: each[0])
        line.limit = window.in_force
        return wait_s

    def leave(self, permit: Permit, failure: IGError | None) -> None:
        """Note how a request ended; see ``Permit.leave``."""
        if permit.endpoint.allowance is None:
            return
        pause = failure.retry_after if isinstance(failure, RateLimited) else None
        with self._lock:
            now = self._clock.monotonic()
            for name, window, slot in permit.slots:
                verdict = _verdict(name, failure, last=name == permit.slots[-1][0])
                # A 429 does not say which: its pause goes before what any of them counted.
                meant = verdict == "refused" or (isinstance(failure, RateLimited) and failure.allowance == "unknown")
                window.end(slot, now, verdict, pause if meant else None)
            if isinstance(failure, RateLimited) and failure.allowance == "historical":
                self._points.refuse(permit.account_id or "", self._clock.now(), pause)
            self._lines[permit.endpoint.allowance].wake()

    def begin_asking(self) -> bool:
        """Return whether the caller is to ask IG for its numbers now, and ``tell`` them: true for one caller only."""
        with self._lock:
            mine, self._asking = not self._asking, True
        return mine

    def await_limits(self, endpoint: Endpoint, deadline: Deadline) -> None:
        """Wait while another thread asks IG for its numbers; urgent calls and deals do not."""
        if endpoint.urgent or endpoint.allowance in ("trading", None) or self._told.is_set():
            return
        with self._lock:
            asking = self._asking
        if asking:
            self._clock.wait(self._told, asking_s(deadline))

    def tell(self, limits: Limits) -> None:
        """Take IG's numbers; what the user set stays."""
        with self._lock:
            self._limits = self._own.over(limits).over(self._published)
            for (name, _), window in self._windows.items():
                window.tell(self._limit_of(name))
            self._points.tell_limit(self._limits.historical)
            for line in self._lines.values():
                line.wake()
        self._told.set()

    def close(self) -> None:
        """Wake every call in line: they all end."""
        with self._lock:
            self._closed = True
            tickets = [ticket for line in self._lines.values() for ticket in line.tickets]
        for ticket in tickets:
            ticket.turn.set()
        self._told.set()

    def view(self, account_id: str | None) -> Allowances:
        """Return the state of an account's allowances."""
        account = account_id or ""
        with self._lock:
            now = self._clock.monotonic()
            points, today = self._points, self._clock.now()
            return Allowances(
                self._state("trading", account, now),
                self._state("account", account, now),
                self._state("api-key", "", now),
                AllowanceState(points.limit(account), points.used(account, today), refusals=points.refusals(account)),
            )

    def _state(self, name: str, whose: str, now: float) -> AllowanceState:
        window = self._window(name, whose)
        line = self._lines["trading" if name == "trading" else "non-trading"]
        waiting = len(line.tickets) if line.held_by == name else 0
        return AllowanceState(
            window.in_force, window.used(now), waiting, self._waited_s[name], window.refusals, window.learnt
        )

    def _wanted(self, endpoint: Endpoint, account_id: str | None) -> list[tuple[str, Window]]:
        """Return the allowances that a request counts against (REST.md section 3)."""
        if endpoint.allowance == "trading":
            return [("trading", self._window("trading", account_id or ""))]
        wanted = [("api-key", self._window("api-key", ""))]
        return wanted if account_id is None else [*wanted, ("account", self._window("account", account_id))]

    def _window(self, name: str, whose: str) -> Window:
        window = self._windows.get((name, whose))
        if window is None:
            window = self._windows[name, whose] = Window(self._limit_of(name))
        return window

    def _limit_of(self, name: str) -> int | None:
        numbers = self._limits
        return {"trading": numbers.trading, "account": numbers.account, "api-key": numbers.key}[name]

    @property
    def stream_items(self) -> int | None:
        """Items that one stream may carry: the user's number, else what IG said of the key; ``None`` if nobody has."""
        with self._lock:
            return self._limits.stream_items

    def points(self, account_id: str) -> PointsAllowance | None:
        """Return what is left of an account's price points; ``None`` when nobody said anything."""
        with self._lock:
            return self._points.left(account_id, self._clock.now())

    def note_points(self, account_id: str, told: PointsAllowance) -> None:
        """Take what IG says is left of an account's price points."""
        with self._lock:
            self._points.tell(account_id, told)

    def recall_points(self, account_id: str, told: PointsAllowance) -> None:
        """Take what IG said to another client, while it has said nothing to this one."""
        with self._lock:
            self._points.recall(account_id, told)

    def _check_points(self, endpoint: Endpoint, account_id: str | None) -> None:
        if endpoint.allowance == "historical" and account_id is not None:
            wait_s = self._points.wait_s(account_id, self._clock.now())
            if wait_s > 0:
                raise _spent("historical", self._points.limit(account_id), wait_s, endpoint)


class Permit:
    """Places taken for one request; its holder gives it back.

    Args:
        throttle: Where it goes back to.
        endpoint: What the request goes to.
        account_id: The account in use.
        slots: The places: allowance, window, slot.
        waited_s: How long the request waited.
    """

    def __init__(
        self,
        throttle: Throttle,
        endpoint: Endpoint,
        account_id: str | None,
        slots: list[tuple[str, Window, Slot]],
        waited_s: float = 0.0,
    ) -> None:
        self._throttle = throttle
        self.endpoint = endpoint
        self.account_id = account_id
        self.slots = slots
        self.waited_s = waited_s

    @classmethod
    def free(cls, throttle: Throttle, endpoint: Endpoint) -> Permit:
        """Return a permit that takes no place."""
        return cls(throttle, endpoint, None, [])

    def leave(self, failure: IGError | None = None) -> None:
        """Give the places back, saying how the request ended.

        Args:
            failure: What went wrong, if anything.
        """
        self._throttle.leave(self, failure)


def _verdict(name: str, failure: IGError | None, *, last: bool) -> Verdict:
    """Return what a request's end says about one allowance that it counted against."""
    if isinstance(failure, TransportError):
        return "unsent" if failure.sent == "no" else "unknown"
    if isinstance(failure, RateLimited):
        if failure.allowance == "historical":
            return "accepted"
        # A 429 does not say which: the narrowest of those that the request counts against.
        return "refused" if failure.allowance == name or (failure.allowance == "unknown" and last) else "unknown"
    # A dead token or a failing server may have been noticed before the counting.
    early = isinstance(failure, APIError) and (failure.status == 401 or failure.status >= 500)
    return "unknown" if early else "accepted"


def asking_s(deadline: Deadline) -> float:
    """Return how long a call may wait for IG's numbers: they must not cost it the time that it needs itself."""
    return min(_ASK_S, deadline.left_s / 4)


def _words(name: str, limit: int | None) -> str:
    return f"the allowance of {limit if limit is not None else 'so many'} {_WORDS.get(name, 'requests')}"


def _spent(name: str, limit: int | None, wait_s: float, endpoint: Endpoint) -> RateLimited:
    later = f"the next may go in {wait_s:.0f} s" if math.isfinite(wait_s) else "others are in line before it"
    return RateLimited(
        f"{endpoint.method} {endpoint.path} was not sent: {_words(name, limit)} is used up, {later}",
        status=0,
        method=endpoint.method,
        path=endpoint.path,
        allowance=name,
        retry_after=wait_s if math.isfinite(wait_s) else None,
        hint="ask less often, give the call more time, or see what ig.allowances says",
    )
