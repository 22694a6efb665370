"""The Autobahn cases for WebSocket clients, run by the package kosoku in an environment of its own.

Compression (12 and 13) is left out: we do not offer it. The rest of the way is the real one: websocket-client's
handshake, our frames, pings, close and UTF-8. Only what becomes of a message differs: Autobahn wants it back.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path

import pytest

from ig_sdk.lightstreamer.net import websocket_frames as frames
from ig_sdk.lightstreamer.net.address import Address
from ig_sdk.lightstreamer.net.sockets import LONGEST_WAIT_S, Channel, Interest, SocketOptions, wait_ready
from ig_sdk.lightstreamer.net.websocket import WebSocketTransport, open_websocket

pytestmark = [pytest.mark.install, pytest.mark.timeout(600)]

KOSOKU = "kosoku==0.1.0"
AGENT = "ig_sdk"
LONGEST_S = 120.0
# Section 9 sends up to 16 MB in one message.
LARGEST = 32 * 1024 * 1024
PIECE = 256 * 1024
ACCEPTED = {"OK", "NON-STRICT", "INFORMATIONAL"}


class EchoTransport(WebSocketTransport):
    """Our transport, but for the messages: they go back as they came, behind the pongs and before a close frame."""

    received = ""

    def __init__(self, channel: Channel) -> None:
        super().__init__(channel, max_message_bytes=LARGEST)
        self._messages: list[bytes] = []

    def _text(self, messages: list[bytes]) -> str:
        for message in messages:
            if not isinstance(message, frames.Binary):
                self.received = super()._text([message])
                if self.ended:  # it was not UTF-8
                    break
            self._messages.append(message)
        return ""

    def _look_at_end(self) -> None:
        for message in self._messages:
            self._send(frames.BINARY if isinstance(message, frames.Binary) else frames.TEXT, message)
        self._messages.clear()
        super()._look_at_end()

    def _send(self, opcode: int, payload: bytes) -> None:
        frame = frames.encode_frame(opcode, payload, os.urandom(4))
        for start in range(0, len(frame), PIECE):
            self._write(frame[start : start + PIECE])
            while self._channel.unsent and not self.ended:
                wait(self._channel.interest._replace(read=False))
                self._write(b"")


def wait(interest: Interest) -> None:
    """Wait for a socket, with a limit."""
    glances = 0
    while not wait_ready([interest], LONGEST_WAIT_S):
        glances += 1
        assert glances * LONGEST_WAIT_S < LONGEST_S, "the server of the cases fell silent"


class Cases:
    """The running server of the cases."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        assert process.stderr is not None
        found = re.search(r"ws://[^/]*:([0-9]+)", process.stderr.readline())
        assert found is not None, "the server of the cases did not start"
        self._port = int(found[1])

    def visit(self, target: str) -> str:
        """Connect, echo until the server hangs up, and return the last text that came."""
        address = Address("127.0.0.1", self._port, secure=False, target=target, url="")
        transport = EchoTransport(open_websocket(address, "echo", SocketOptions(), wait)._channel)
        try:
            while not transport.ended:
                if not transport.pending():
                    wait(transport.interest)
                transport.receive()
            self._see_off(transport)
        finally:
            transport.close()
        return transport.received

    def finish(self) -> None:
        """Wait until the server has written its reports and ended."""
        self._process.wait(LONGEST_S)

    @staticmethod
    def _see_off(transport: EchoTransport) -> None:
        # Our client would hang up after its close frame; the server is to do so first (RFC 6455 section 7.1.1), and
        # judges it.
        try:
            while transport._channel.read() != b"":
                wait(transport.interest)
        except OSError:
            pass


@pytest.fixture(scope="module")
def kosoku(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The command of an environment that has it."""
    folder = tmp_path_factory.mktemp("kosoku")
    venv.create(folder, with_pip=True)
    binaries = folder / ("Scripts" if sys.platform == "win32" else "bin")
    done = subprocess.run(
        [str(binaries / "python"), "-m", "pip", "install", "--quiet", "--only-binary", ":all:", KOSOKU],
        capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"kosoku cannot be installed: {done.stderr[-500:]}"
    return str(binaries / "kosoku")


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    """Where the server of the cases writes its verdicts."""
    return tmp_path / "reports"


@pytest.fixture
def cases(kosoku: str, reports: Path) -> Iterator[Cases]:
    """The server of the cases, which ends when it is told to write its reports."""
    command = [kosoku, "-m", "fuzzingserver", "127.0.0.1:0", "-x", "12.*", "-x", "13.*", "-o", str(reports)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield Cases(process)
        finally:
            process.kill()


def test_every_case_passes(cases: Cases, reports: Path) -> None:
    """Framing, fragments, control frames, UTF-8, close codes, reserved bits, large messages: no case is failed."""
    count = int(cases.visit("/getCaseCount"))
    for number in range(1, count + 1):
        cases.visit(f"/runCase?case={number}&agent={AGENT}")
    cases.visit(f"/updateReports?agent={AGENT}")
    cases.finish()
    verdicts = json.loads((reports / "index.json").read_text())[AGENT]
    assert len(verdicts) == count > 250
    failed = {
        case: (verdict["behavior"], verdict["behaviorClose"])
        for case, verdict in verdicts.items()
        if not {verdict["behavior"], verdict["behaviorClose"]} <= ACCEPTED
    }
    assert not failed
