"""Answers to control requests, at once or, as a fault, later. Pure."""

from __future__ import annotations

from ig_sdk.simulator.faults import Faults
from ig_sdk.simulator.stream_connection import StreamConnection


class Answers:
    """Where answers pass on their way to the connections.

    Args:
        faults: Says whether they are delayed.
    """

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._held: list[tuple[float, StreamConnection, str]] = []

    def put(self, connection: StreamConnection, line: str, now: float) -> None:
        """Answer, now or when the delay is over."""
        delay_s = self._faults.answer_delay_s
        if delay_s > 0:
            connection.held += 1
            self._held.append((now + delay_s, connection, line))
        else:
            connection.put(line, now)

    @property
    def deadline(self) -> float | None:
        """When the next delayed answer is due, or ``None``."""
        return min((at for at, _, _ in self._held), default=None)

    def release(self, now: float) -> list[StreamConnection]:
        """Give the answers whose time has come; return the connections that got some."""
        due = [entry for entry in self._held if entry[0] <= now]
        if due:
            self._held = [entry for entry in self._held if entry[0] > now]
        for _, connection, line in due:
            connection.held -= 1
            connection.put(line, now)
        return list(dict.fromkeys(connection for _, connection, _ in due))
