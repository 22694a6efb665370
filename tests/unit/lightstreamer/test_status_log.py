"""What the log says of an outage: its beginning, each new reason, its end with a count."""

from __future__ import annotations

import logging

import pytest

from ig_sdk.errors import StreamError
from ig_sdk.lightstreamer.status_log import StatusLog
from ig_sdk.lightstreamer.tlcp.events import ConnectionStatus, StatusChanged

LOGGER = logging.getLogger("ig_sdk.test-status")


class Line:
    """One client's status over time."""

    def __init__(self) -> None:
        self.log = StatusLog(LOGGER)
        self.status = ConnectionStatus.CONNECTED
        self.now = 0.0

    def to(self, name: str, reason: str, *, error: bool = False) -> None:
        status = ConnectionStatus[name]
        self.now += 30.0
        told = StreamError(reason) if error else None
        self.log.write(StatusChanged(status, self.status, reason, self.now, error=told))
        self.status = status


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, logger=LOGGER.name)
    return caplog


def test_an_outage_is_two_lines(said: pytest.LogCaptureFixture) -> None:
    """A weekend of refused attempts: one line for each reason, and one at the end, as loud, with the count."""
    line = Line()
    line.to("RECONNECTING", "END,31", error=True)
    for _ in range(2000):
        line.to("RECONNECTING", "maintenance", error=True)
        line.to("RECONNECTING", "refused")
    line.to("CONNECTED", "session created")
    assert [(record.levelname, record.message) for record in said.records] == [
        ("WARNING", "stream CONNECTED -> RECONNECTING: END,31"),
        ("WARNING", "stream RECONNECTING -> RECONNECTING: maintenance"),
        ("WARNING", "stream RECONNECTING -> CONNECTED: session created; 4001 attempts in 120030 s"),
    ]


def test_the_next_outage_is_told_anew(said: pytest.LogCaptureFixture) -> None:
    """What was told of one outage does not silence the next; a short one is told quietly."""
    line = Line()
    for _ in range(2):
        line.to("RECONNECTING", "reset by peer")
        line.to("CONNECTED", "session recovered")
        line.to("STALLED", "no line")
        line.to("RECONNECTING", "silent", error=True)
        line.to("CONNECTED", "session recovered")
    assert [record.levelname for record in said.records] == ["INFO", "INFO", "INFO", "WARNING", "INFO"] * 2


def test_two_clients_do_not_share_an_outage(said: pytest.LogCaptureFixture) -> None:
    """Each line of its own has its own beginning."""
    first, second = Line(), Line()
    for line in (first, second):
        line.to("RECONNECTING", "maintenance", error=True)
    assert len(said.records) == 2


def test_reasons_without_end_do_not_fill_the_memory(said: pytest.LogCaptureFixture) -> None:
    """A server that always says something else is told each time, and nothing of it is kept for ever."""
    line = Line()
    for number in range(100):
        line.to("RECONNECTING", f"reason {number}", error=True)
    assert len(line.log._told) <= 20
