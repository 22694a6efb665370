"""What can be made to go wrong in a simulator, on demand or by a script, on both wires.

Everything here takes effect at once and may be called from any thread while clients are connected.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Generic, Literal, TypeVar

from ig_sdk.clock import Clock, SystemClock
from ig_sdk.errors import UsageError
from ig_sdk.simulator.accounts.logins import Sessions, TokenKind
from ig_sdk.simulator.faults import text as faults_text
from ig_sdk.simulator.faults.allowances import Allowance, refusal_of
from ig_sdk.simulator.faults.later import ScheduledFault
from ig_sdk.simulator.faults.rest import RestFault, RestRule, RestRules
from ig_sdk.simulator.faults.schedule import Schedule
from ig_sdk.simulator.faults.stream import StreamFaults
from ig_sdk.simulator.http_server import HttpServer

_PAGE = b"<html><head><title>503</title></head><body><h1>Service Unavailable</h1></body></html>"

T = TypeVar("T")


class _OfStream(Generic[T]):
    """An attribute of ``Faults`` that is kept where the stream server reads it."""

    def __set_name__(self, owner: type[Faults], name: str) -> None:
        self._name = name

    def __get__(self, faults: Faults | None, owner: type[Faults]) -> T:
        if faults is None:
            raise AttributeError(self._name)
        value: T = getattr(faults.stream_state, self._name)
        return value

    def __set__(self, faults: Faults, value: T) -> None:
        setattr(faults.stream_state, self._name, value)


class Faults:
    """Faults of one simulator.

    Each happens at once. To have one happen later, name first what it waits for: ``faults.at(30).drop_stream()``,
    ``faults.on_request("/markets", after=10).kill_tokens()``, ``faults.on_tick(after=500).end(32)``.

    Args:
        clock: Time.
        seed: Seed of everything that is drawn: the same requests in the same order meet the same faults.

    Attributes:
        rest_rules: What goes wrong with REST requests, and the journal of them.
        schedule: What happens later.
        stream_state: What is to go wrong on the stream, as its server reads it.
        lines: Changes of single lines of a stream.
        refuse_upgrade: Answer every WebSocket upgrade with 404, so that clients fall back to HTTP.
        answer_delay_s: Delay every answer to a control request by so many seconds.
        reverse_answers: Answer the requests of one batch in reversed order.
        line_delay_s: Pause before each line of a stream; see ``slow_stream``.
        muted_prices: Markets whose prices reach no subscriber, or ``"all"``; see ``mute_prices``.

    Threading:
        Safe from any thread.
    """

    refuse_upgrade = _OfStream[bool]()
    answer_delay_s = _OfStream[float]()
    reverse_answers = _OfStream[bool]()
    line_delay_s = _OfStream[float]()
    muted_prices = _OfStream[frozenset[str] | Literal["all"]]()

    def __init__(self, clock: Clock | None = None, *, seed: int = 7) -> None:
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()
        self._stream = stream = StreamFaults(seed)
        self.stream_state = stream.state
        self.lines = stream.lines
        # Every fault is called on this object, whichever wire it is on.
        self.attach = stream.attach
        self.drop_stream = stream.drop_stream
        self.close_stream = stream.close_stream
        self.mute_stream = stream.mute_stream
        self.unmute_stream = stream.unmute_stream
        self.slow_stream = stream.slow_stream
        self.loop = stream.loop
        self.end = stream.end
        self.forget_sent = stream.forget_sent
        self.refuse_sessions = stream.refuse_sessions
        self.refuse_recovery = stream.refuse_recovery
        self.block_sessions = stream.block_sessions
        self.take_refusal = stream.take_refusal
        self.inject = stream.inject
        self.oversized_line = stream.oversized_line
        self.garble = stream.garble
        self.wrong_prog = stream.wrong_prog
        self.mute_prices = stream.mute_prices
        self.unmute_prices = stream.unmute_prices
        self.rest_rules = RestRules(self._clock, seed)
        self.schedule = Schedule(self._clock)
        self._sessions: Sessions | None = None
        self._rest_server: HttpServer | None = None
        self._maintenance: RestRule | None = None

    def attach_rest(self, sessions: Sessions | None, server: HttpServer | None = None) -> None:
        """Name the logins and the server that the REST faults act on; ``None`` when they are gone."""
        with self._lock:
            self._sessions, self._rest_server = sessions, server

    # ---- REST requests

    def rest(  # noqa: PLR0913 -- everything that can go wrong with a request, keyword-only
        self,
        status: int | None = 503,
        times: int | None = 1,
        path: str = "",
        *,
        method: str | None = None,
        code: str = "error.public-api.made-up-fault",
        after: int = 0,
        chance: float = 1.0,
        delay_s: float = 0.0,
        drop: bool = False,
        reset: bool = False,
        body: bytes | str | None = None,
        content_type: str | None = None,
        headers: Mapping[str, str] | None = None,
        cut_after: int | None = None,
        cut_request: int | None = None,
        taken: bool = False,
    ) -> None:
        """Spoil the next ``times`` REST requests that match.

        Args:
            status: HTTP status of a made-up reply; ``None`` gives the real reply (late, cut, with another body …).
            times: How many matching requests; ``None`` for all.
            path: Beginning of the path after ``/gateway/deal``; empty matches all.
            method: HTTP method as the client meant it (``_method`` applied); ``None`` matches all.
            code: IG's ``errorCode`` in the body of a made-up reply.
            after: How many matching requests to let pass first.
            chance: Probability of the fault for each of them; drawn under the seed.
            delay_s: Seconds to wait before the request is carried out; with ``taken`` afterwards.
            drop: Close the connection normally, without a reply or with ``cut_after`` after a part of it.
            reset: Reset the connection without a reply.
            body: Body of the reply instead of IG's, such as a page of HTML.
            content_type: Type of that body.
            headers: Header fields of the reply beside the usual ones.
            cut_after: Bytes of the reply, head included, after which the connection is reset.
            cut_request: Bytes of the request, head included, after which the connection is reset; the request is
                not carried out.
            taken: Carry the request out first, then spoil its reply.
        """
        fault = RestFault(
            status=status,
            code=code,
            delay_s=delay_s,
            drop=drop,
            reset=reset,
            body=body.encode() if isinstance(body, str) else body,
            content_type=content_type,
            headers=dict(headers or {}),
            cut_after=cut_after,
            cut_request=cut_request,
            taken=taken,
        )
        if times is None or times > 0:
            self.rest_rules.add(RestRule(fault, path, method, after=after, left=times, chance=chance))

    def take_request(self, method: str, path: str, version: int) -> RestFault | None:
        """Note a request that arrived; return and use up the fault that applies to it, if any."""
        self.rest_rules.note(method, path, version)
        self.schedule.note("request", path, method)
        return self.rest_rules.take(method, path)

    def spend_allowance(self, allowance: Allowance = "account", for_s: float | None = 60.0) -> None:
        """Refuse the requests that an allowance covers, as if it were spent (403 and its code).

        Args:
            allowance: ``"account"`` and ``"api-key"`` (requests that do not deal), ``"trading"`` or ``"historical"``.
            for_s: Seconds; ``None`` until ``clear``.
        """
        code, covers = refusal_of(allowance)
        until = None if for_s is None else self._clock.monotonic() + for_s
        self.rest_rules.add(RestRule(RestFault(403, code), matches=covers, left=None, until=until))

    def refuse_connections(self) -> None:
        """Stop listening on the REST port and break its connections: the next attempt to connect is refused."""
        with self._lock:
            server = self._rest_server
        if server is None:
            raise UsageError("no REST server is running", hint="start the simulator before using its faults")
        server.close()

    def accept_connections(self) -> None:
        """Listen on the REST port again."""
        with self._lock:
            server = self._rest_server
        if server is not None:
            server.start()

    # ---- logins

    def kill_tokens(self, kind: TokenKind = "all") -> int:
        """Invalidate tokens; streams that are open go on.

        Args:
            kind: ``"all"``, ``"client"`` (CST), ``"account"`` (X-SECURITY-TOKEN), or of OAuth ``"access"`` or
                ``"refresh"``.

        Returns:
            How many were invalidated.
        """
        with self._lock:
            sessions = self._sessions
        if sessions is None:
            raise UsageError("nobody can be logged in", hint="start the simulator before using its faults")
        return sessions.kill(kind)

    # ---- the whole service

    def stall_stream(self, seconds: float) -> int:
        """Stop writing to the stream connections that are open now, ``PROBE`` too, and go on after ``seconds``.

        Returns:
            How many connections stalled.
        """
        count = self.mute_stream()
        self.schedule.at(seconds, self.unmute_stream)
        return count

    def start_maintenance(self, for_s: float | None = None) -> None:
        """Take the service down as at the weekend: REST answers 503, streams end, every token is invalid.

        Args:
            for_s: Seconds until the service is back; ``None`` until ``end_maintenance``.
        """
        page = RestFault(503, body=_PAGE, content_type="text/html")
        rule = RestRule(page, left=None)
        with self._lock:
            before, self._maintenance = self._maintenance, rule
        if before is None:
            self.rest_rules.add(rule, first=True)
        self.kill_tokens()
        self.block_sessions((10, "New sessions are blocked for now"))
        self.end(32, "Closed for maintenance")
        if for_s is not None:
            self.schedule.at(for_s, self.end_maintenance)

    def end_maintenance(self) -> None:
        """Bring the service back; tokens stay invalid."""
        with self._lock:
            rule, self._maintenance = self._maintenance, None
        if rule is not None:
            self.rest_rules.remove(rule)
            self.block_sessions(None)

    # ---- later

    def at(self, seconds: float, *, every_s: float | None = None, times: int | None = None) -> ScheduledFault:
        """Schedule a fault after some seconds, and again at intervals: name it on what is returned.

        Args:
            seconds: Seconds from now.
            every_s: Seconds between repetitions; ``None`` for once.
            times: How often in all; ``None`` for no end if it is repeated.
        """
        return ScheduledFault(self, lambda action: self.schedule.at(seconds, action, every_s=every_s, times=times))

    def on_request(
        self, path: str = "", *, method: str | None = None, after: int = 0, times: int | None = 1
    ) -> ScheduledFault:
        """Schedule a fault for a REST request that arrives, before it is read: name it on what is returned.

        Args:
            path: Beginning of its path after ``/gateway/deal``.
            method: Its method, ``_method`` applied; ``None`` for any.
            after: How many such requests to let pass first.
            times: How many of the following cause the fault; ``None`` for all.
        """
        return self._on("request", path, method=method, after=after, times=times)

    def on_stream_request(self, name: str = "", *, after: int = 0, times: int | None = 1) -> ScheduledFault:
        """Schedule a fault for a request of the streaming protocol that arrives: name it on what is returned.

        Args:
            name: Its name, such as ``"bind_session"``; empty for any.
            after: How many such requests to let pass first.
            times: How many of the following cause the fault; ``None`` for all.
        """
        return self._on("stream", name, after=after, times=times)

    def on_tick(self, epic: str = "", *, after: int = 0, times: int | None = 1) -> ScheduledFault:
        """Schedule a fault to follow a tick of the stream: name it on what is returned.

        Args:
            epic: Market; empty for any.
            after: How many such ticks to let pass first.
            times: How many of the following cause the fault; ``None`` for all.
        """
        return self._on("tick", epic, after=after, times=times)

    def _on(
        self,
        kind: Literal["request", "stream", "tick"],
        name: str,
        *,
        method: str | None = None,
        after: int,
        times: int | None,
    ) -> ScheduledFault:
        def arrange(action: Callable[[], object]) -> None:
            self.schedule.on(kind, action, name=name, method=method, after=after, times=times)

        return ScheduledFault(self, arrange)

    def arrange(self, text: str) -> None:
        """Make the fault happen that a text describes, now or later.

        Args:
            text: Name and arguments, such as ``rest status=503 times=2 path=/markets``, ``end 35``; with ``at=30
                every=60``, ``on=/markets skip=9``, ``on_stream=bind_session`` or ``on_tick=CS.D.EURUSD.MINI.IP`` it
                happens later.

        Raises:
            ConfigError: The text describes no fault.
        """
        faults_text.arrange(self, text)

    def clear(self) -> None:
        """Forget every fault that has not happened yet, and end those that last."""
        self.schedule.clear()
        self.rest_rules.clear()
        with self._lock:
            self._maintenance = None
        self._stream.clear()

    def close(self) -> None:
        """Forget everything; called when the simulator is closed."""
        self.attach_rest(None)
        self.schedule.close()
