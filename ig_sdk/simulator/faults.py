"""What can be made to go wrong in a simulator, on demand and on both wires.

Everything here takes effect at once and may be called from any thread while clients are connected.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ig_sdk.errors import UsageError

if TYPE_CHECKING:
    from ig_sdk.simulator.stream_hub import StreamHub


@dataclass(frozen=True)
class RestFault:
    """What a REST server does instead of answering.

    Attributes:
        status: HTTP status to answer with, or ``None`` to answer as usual after the delay.
        code: IG's ``errorCode`` of the body.
        delay_s: Seconds to wait first.
        drop: Close the connection without an answer.
    """

    status: int | None
    code: str = "error.public-api.simulated-fault"
    delay_s: float = 0.0
    drop: bool = False


@dataclass
class _RestRule:
    fault: RestFault
    method: str | None
    path: str
    left: int


class Faults:
    """Faults of one simulator.

    Attributes:
        refuse_upgrade: Answer every WebSocket upgrade with 404, so that clients fall back to HTTP.
        answer_delay_s: Hold every answer to a control request back for so long.
        reverse_answers: Answer the requests of one batch in reversed order.

    Threading:
        Safe from any thread.
    """

    def __init__(self) -> None:
        self.refuse_upgrade = False
        self.answer_delay_s = 0.0
        self.reverse_answers = False
        self._lock = threading.Lock()
        self._stream: StreamHub | None = None
        self._refusals: list[tuple[int, str]] = []
        self._rest: list[_RestRule] = []

    def attach(self, stream: StreamHub | None) -> None:
        """Name the stream server that the stream faults act on; ``None`` when it is gone."""
        with self._lock:
            self._stream = stream

    def _target(self) -> StreamHub:
        with self._lock:
            stream = self._stream
        if stream is None:
            raise UsageError("no stream server is running", hint="start the simulator before using its faults")
        return stream

    # ---- stream

    def drop_stream(self) -> int:
        """Break every stream connection abruptly (TCP reset); sessions stay and can be recovered.

        Returns:
            How many connections were broken.
        """
        return self._target().drop()

    def close_stream(self, code: int = 1001, reason: str = "going away") -> int:
        """Close every WebSocket with a close frame; sessions stay.

        Returns:
            How many connections were closed.
        """
        return self._target().close_connections(code, reason)

    def mute_stream(self) -> int:
        """Let the connections that are open now stay open and say nothing any more, not even ``PROBE``.

        Returns:
            How many connections went mute; new ones are not.
        """
        return self._target().mute(on=True)

    def unmute_stream(self) -> int:
        """Undo ``mute_stream``: what was held back is sent now.

        Returns:
            How many connections speak again.
        """
        return self._target().mute(on=False)

    def loop(self, delay_ms: int = 0, *, close_socket: bool = False) -> int:
        """Send ``LOOP`` to every bound session.

        Args:
            delay_ms: How long the client is told to wait before it binds again.
            close_socket: Close the WebSocket afterwards, too.

        Returns:
            How many sessions were told.
        """
        return self._target().loop(delay_ms, close_socket=close_socket)

    def end(self, code: int = 32, message: str = "Session closed by the server") -> int:
        """End every session with ``END,code,message``.

        Returns:
            How many sessions were ended.
        """
        return self._target().end(code, message)

    def inject(self, line: str) -> int:
        """Put ``line`` as it is into every stream, beside the protocol and not counted for recovery.

        Returns:
            Into how many streams.
        """
        return self._target().inject(line)

    def oversized_line(self, size: int = 4_000_000) -> int:
        """Send a padding line of ``size`` characters to every stream.

        Returns:
            To how many streams.
        """
        return self._target().inject("NOOP," + "x" * max(size - 5, 0))

    def forget_sent(self) -> int:
        """Forget what was sent, so that a recovery is answered with ``CONERR,4``.

        Returns:
            For how many sessions.
        """
        return self._target().forget()

    def refuse_sessions(self, code: int, message: str = "Refused by a fault", *, times: int = 1) -> None:
        """Answer the next ``times`` session creations with ``CONERR,code,message``."""
        with self._lock:
            self._refusals += [(code, message)] * times

    def take_refusal(self) -> tuple[int, str] | None:
        """Return and use up the refusal due to the session being created now, if any."""
        with self._lock:
            return self._refusals.pop(0) if self._refusals else None

    # ---- REST

    def rest(
        self,
        status: int | None = 503,
        times: int = 1,
        path: str = "",
        *,
        method: str | None = None,
        code: str = "error.public-api.simulated-fault",
        delay_s: float = 0.0,
        drop: bool = False,
    ) -> None:
        """Spoil the next ``times`` REST requests.

        Args:
            status: HTTP status to answer with; ``None`` answers as usual, after ``delay_s``.
            times: How many matching requests.
            path: Beginning of the path after ``/gateway/deal``; empty matches all.
            method: HTTP method as the client meant it (``_method`` applied); ``None`` matches all.
            code: IG's ``errorCode`` in the body.
            delay_s: Seconds to wait before anything else.
            drop: Close the connection without an answer.
        """
        fault = RestFault(status=status, code=code, delay_s=delay_s, drop=drop)
        with self._lock:
            if times > 0:
                self._rest.append(_RestRule(fault, method, path, times))

    def take_rest(self, method: str, path: str) -> RestFault | None:
        """Return and use up the fault due to a request, if any."""
        with self._lock:
            for rule in self._rest:
                if path.startswith(rule.path) and rule.method in (None, method):
                    rule.left -= 1
                    if rule.left <= 0:
                        self._rest.remove(rule)
                    return rule.fault
        return None

    def clear(self) -> None:
        """Forget every fault that has not happened yet."""
        with self._lock:
            self._refusals.clear()
            self._rest.clear()
        self.refuse_upgrade = False
        self.answer_delay_s = 0.0
        self.reverse_answers = False
