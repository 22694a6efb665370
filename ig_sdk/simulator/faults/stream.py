"""How to make the stream go wrong: its connections, its sessions, single lines and prices."""

from __future__ import annotations

import threading
from typing import Protocol

from ig_sdk.errors import UsageError
from ig_sdk.simulator.faults.lines import LineFaults
from ig_sdk.simulator.faults.stream_state import SessionRefusal, StreamState


class FaultyStream(Protocol):
    """What stream faults ask of a running server; each verb returns how many connections or sessions it reached."""

    def drop(self) -> int:
        """Break the stream connections."""
        ...

    def close_connections(self, code: int, reason: str) -> int:
        """Close the WebSockets with a close frame, end the HTTP answers."""
        ...

    def mute(self, *, on: bool) -> int:
        """Stop writing to the stream connections, or go on."""
        ...

    def loop(self, delay_ms: int, *, close_socket: bool) -> int:
        """Ask every bound session to bind again."""
        ...

    def end(self, code: int, message: str) -> int:
        """End every session."""
        ...

    def forget(self) -> int:
        """Forget what was sent."""
        ...

    def inject(self, line: str) -> int:
        """Put a raw line into every stream."""
        ...


class StreamFaults:
    """The stream's half of ``Faults``, which has every method of this class.

    Args:
        seed: Seed of everything that is drawn.

    Attributes:
        state: What is to go wrong, as the stream server reads it.
        lines: Changes of single lines.
    """

    def __init__(self, seed: int) -> None:
        self.state = StreamState()
        self.lines = LineFaults(seed)
        self._lock = threading.Lock()
        self._stream: FaultyStream | None = None

    def attach(self, stream: FaultyStream | None) -> None:
        """Name the stream server that these faults act on; ``None`` when it is gone."""
        with self._lock:
            self._stream = stream

    def _target(self) -> FaultyStream:
        with self._lock:
            stream = self._stream
        if stream is None:
            raise UsageError("no stream server is running", hint="start the simulator before using its faults")
        return stream

    # ---- connections

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
        """Keep the connections that are open now open, but write nothing more to them, not even ``PROBE``.

        Returns:
            How many connections are muted; new ones are not.
        """
        return self._target().mute(on=True)

    def unmute_stream(self) -> int:
        """Undo ``mute_stream``: the lines held back are sent now.

        Returns:
            How many connections were unmuted.
        """
        return self._target().mute(on=False)

    def slow_stream(self, lines_per_s: float | None = None) -> None:
        """Write no more than so many lines a second to each stream; ``None`` for full speed again."""
        if lines_per_s is not None and not lines_per_s > 0:
            raise ValueError(f"lines_per_s must be a positive number, not {lines_per_s!r}")
        self.state.line_delay_s = 0.0 if lines_per_s is None else 1 / lines_per_s

    # ---- sessions

    def loop(self, delay_ms: int = 0, *, close_socket: bool = False) -> int:
        """Send ``LOOP`` to every bound session.

        Args:
            delay_ms: How long the client is asked to wait before it binds again.
            close_socket: Also close the WebSocket afterwards.

        Returns:
            How many sessions were asked to bind again.
        """
        return self._target().loop(delay_ms, close_socket=close_socket)

    def end(self, code: int = 32, message: str = "Session closed by the server") -> int:
        """End every session with ``END,code,message``.

        Returns:
            How many sessions were ended.
        """
        return self._target().end(code, message)

    def forget_sent(self) -> int:
        """Forget what was sent, so that a recovery is answered with ``CONERR,4``.

        Returns:
            How many sessions forgot it.
        """
        return self._target().forget()

    def refuse_sessions(self, code: int, message: str = "Refused by a fault", *, times: int = 1) -> None:
        """Answer the next ``times`` session creations with ``CONERR,code,message``."""
        self.state.refusals.extend([(code, message)] * times)

    def refuse_recovery(self, code: int = 4, message: str = "Recovery refused by a fault", *, times: int = 1) -> None:
        """Answer the next ``times`` attempts to recover a session with ``CONERR,code,message``."""
        self.state.recovery_refusals.extend([(code, message)] * times)

    def block_sessions(self, refusal: SessionRefusal | None) -> None:
        """Answer every session creation with this code and message; ``None`` accepts them again."""
        self.state.blocked = refusal

    def take_refusal(self, *, recovery: bool = False) -> SessionRefusal | None:
        """Return and use up the refusal due to the session being created (or recovered) now, if any."""
        return self.state.take_refusal(recovery=recovery)

    # ---- single lines

    def inject(self, line: str) -> int:
        """Put ``line`` unchanged into every stream, outside the protocol and not counted for recovery.

        Returns:
            How many streams got it.
        """
        return self._target().inject(line)

    def oversized_line(self, size: int = 4_000_000) -> int:
        """Send a padding line of ``size`` characters to every stream.

        Returns:
            How many streams got it.
        """
        return self._target().inject("NOOP," + "x" * max(size - 5, 0))

    def garble(self, times: int = 1, *, beginning: str = "U,", line: str | None = None) -> None:
        """Damage or replace the next ``times`` lines of any stream.

        Args:
            times: How many lines.
            beginning: How the lines begin; updates unless given.
            line: What is written instead; unless given, a damaged form of the line, drawn under the seed.
        """
        self.lines.add(times, beginning, None if line is None else lambda _: line)

    def wrong_prog(self, offset: int = 1, *, times: int = 1) -> None:
        """Name a wrong starting point in the ``PROG`` of the next ``times`` recoveries.

        Args:
            offset: Notifications after the right point; negative for before it.
            times: How many recoveries.
        """
        self.lines.add(times, "PROG,", lambda line: f"PROG,{int(line.removeprefix('PROG,')) + offset}")

    # ---- prices

    def mute_prices(self, *epics: str) -> None:
        """Send no more prices of these markets (of any, without arguments) to subscribers.

        Subscriptions are still accepted and the stream goes on; REST still has the prices.
        """
        self.state.muted_prices = frozenset(epics) if epics else "all"

    def unmute_prices(self) -> None:
        """Send prices again; those in between are lost."""
        self.state.muted_prices = frozenset()

    def clear(self) -> None:
        """End every fault that lasts."""
        self.state.clear()
        self.lines.clear()
