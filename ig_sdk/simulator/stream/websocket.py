"""One WebSocket of the stream server: frames by websockets' own protocol object, the socket and two threads here.

Source:
    TLCP.md section 3; C-131 to C-137.
"""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Iterable, Iterator, Sequence
from random import Random

from websockets.exceptions import InvalidState, NegotiationError
from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import CLOSED, OPEN
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from ig_sdk.logs import get_logger
from ig_sdk.simulator.refusals import StreamRefusal
from ig_sdk.simulator.stream.core.connection import StreamConnection
from ig_sdk.simulator.stream.core.options import StreamOptions
from ig_sdk.simulator.stream.core.requests import check_version, read_message
from ig_sdk.simulator.stream.hub import LiveConnection, StreamHub

_log = get_logger("simulator.stream")
# At DEBUG websockets logs every frame, passwords included.
_frames_log = get_logger("simulator.stream.frames")
_frames_log.setLevel(logging.WARNING)

_RECEIVE_BYTES = 65_536
_GLANCE_S = 1.0
_CLOSE_S = 2.0
# Pongs and the like that may wait for a client that does not read.
_MOST_REPLIES = 1_000


def offered_version(subprotocols: Sequence[str]) -> str | None:
    """Return the TLCP version of a ``Sec-WebSocket-Protocol`` header, or ``None`` when it offers none."""
    for name in subprotocols:
        if name.startswith("TLCP-") and name.endswith(".lightstreamer.com"):
            return name.removeprefix("TLCP-").removesuffix(".lightstreamer.com")
    return None


def messages(lines: Sequence[str], options: StreamOptions, random: Random) -> Iterator[bytes]:
    """Return the WebSocket messages for these lines: whole lines only (C-135), one or more in each (C-136)."""
    most = {"one": 1, "all": len(lines)}.get(options.lines_per_message)
    start = 0
    while start < len(lines):
        size = random.randint(1, len(lines) - start) if most is None else max(most, 1)
        yield ("\r\n".join(lines[start : start + size]) + "\r\n").encode(errors="replace")
        start += size


class WebSocketConnection:
    """One WebSocket, from its upgrade request to its end.

    Args:
        hub: The sessions.
        options: Test modes and limits.
        random: For the test modes.
        sock: The connection; the HTTP request was read from it already.
        client_ip: Address of the client.

    Threading:
        ``serve`` reads on the caller's thread and writes on a thread of its own.
    """

    def __init__(
        self, hub: StreamHub, options: StreamOptions, random: Random, sock: socket.socket, client_ip: str
    ) -> None:
        self._hub = hub
        self._options = options
        self._random = random
        self._sock = sock
        self._client_ip = client_ip
        self._protocol = ServerProtocol(
            select_subprotocol=lambda _, names: self._select(names),
            max_size=4 * options.request_limit,
            logger=_frames_log,
        )
        self._version = ""
        self._frames = threading.Lock()  # guards the protocol and the replies; a leaf, never held over I/O
        self._replies: list[bytes] = []
        self._text = bytearray()
        self._done = threading.Event()

    def _select(self, subprotocols: Sequence[Subprotocol]) -> Subprotocol:
        """Echo the subprotocol that names a TLCP version (C-131); one that is too new fails at creation (C-132)."""
        version = offered_version(subprotocols)
        if version is None:
            raise NegotiationError("no TLCP subprotocol offered")
        if self._options.refuse_at_handshake:
            try:
                check_version(version, self._options)
            except StreamRefusal as refusal:
                raise NegotiationError(refusal.message) from None
        self._version = version
        return Subprotocol(f"TLCP-{version}.lightstreamer.com")

    def serve(self, request_head: bytes) -> None:
        """Answer the upgrade request and serve TLCP until the connection ends."""
        self._sock.settimeout(self._options.stalled_client_s)
        if not self._shake_hands(request_head):
            return
        connection = StreamConnection("ws", self._version, client_ip=self._client_ip)
        live = self._hub.open(connection, self._sock)
        writer = threading.Thread(
            target=self._write, args=(live,), name=f"{threading.current_thread().name}-writer", daemon=True
        )
        writer.start()
        try:
            self._read(live)
        finally:
            self._done.set()
            live.gone()
            live.poke()
            # The writer still has replies to write, such as the answer to a close frame.
            writer.join(_CLOSE_S)
            live.break_off()
            writer.join(_CLOSE_S)

    def _shake_hands(self, request_head: bytes) -> bool:
        self._protocol.receive_data(request_head)
        requests = [event for event in self._protocol.events_received() if isinstance(event, Request)]
        if requests:
            self._protocol.send_response(self._protocol.accept(requests[0]))
        self._sock.sendall(b"".join(self._protocol.data_to_send()))
        return self._protocol.state is OPEN

    # ---- reading

    def _read(self, live: LiveConnection) -> None:
        while True:
            try:
                data = self._sock.recv(_RECEIVE_BYTES)
            except TimeoutError:
                continue
            except OSError:
                return
            with self._frames:
                if data:
                    self._protocol.receive_data(data)
                else:
                    self._protocol.receive_eof()
                events = self._protocol.events_received()
                self._replies += self._protocol.data_to_send()
                replies, state = len(self._replies), self._protocol.state
            for event in events:
                if isinstance(event, Frame):
                    self._take_frame(live, event)
            if replies:
                live.poke()
            # The rules may have broken it; a close handshake in progress may still finish.
            cut_off = live.connection.aborted and not self._is_closing()
            if not data or state is CLOSED or replies > _MOST_REPLIES or cut_off:
                return

    def _is_closing(self) -> bool:
        with self._frames:
            return self._protocol.state is not OPEN

    def _take_frame(self, live: LiveConnection, frame: Frame) -> None:
        if frame.opcode is Opcode.BINARY:
            self._fail(live, CloseCode.UNSUPPORTED_DATA, "text messages only")
        elif frame.opcode in (Opcode.TEXT, Opcode.CONT):
            self._text += frame.data
            if frame.fin:
                payload, self._text = bytes(self._text), bytearray()
                try:
                    text = payload.decode()
                except UnicodeDecodeError:
                    self._fail(live, CloseCode.INVALID_DATA, "not UTF-8")
                else:
                    live.receive(read_message(text))

    def _fail(self, live: LiveConnection, code: CloseCode, reason: str) -> None:
        with self._frames:
            if self._protocol.state is OPEN:
                self._protocol.fail(code, reason)
            self._replies += self._protocol.data_to_send()
        live.gone()
        live.poke()

    # ---- writing

    def _write(self, live: LiveConnection) -> None:
        try:
            while True:
                batch = live.next_batch(_GLANCE_S)
                if batch.aborted:
                    self._send(())
                    if not self._is_closing():
                        live.break_off()
                    return
                self._send(messages(batch.lines, self._options, self._random))
                if batch.lines:
                    live.written()
                if batch.close:
                    self._send_close(live)
                    return
        except OSError as error:
            _log.debug("writing to a stream client failed: %s", error)
            live.break_off()

    def _send_close(self, live: LiveConnection) -> None:
        with self._frames:
            if self._protocol.state is OPEN:
                self._protocol.send_close(live.close_code, live.close_reason)
        self._send(())
        # The client answers with a close frame of its own; one that does not is cut off.
        if not self._done.wait(_CLOSE_S):
            live.break_off()

    def _send(self, texts: Iterable[bytes]) -> None:
        """Write these messages, and the frames of the protocol itself."""
        with self._frames:
            try:
                for text in texts:
                    self._protocol.send_text(text)
            except InvalidState:
                pass  # the client has closed meanwhile; a recovery may ask for the lines
            data = [*self._replies, *self._protocol.data_to_send()]
            self._replies.clear()
        payload = b"".join(data)
        if payload:
            self._sock.sendall(payload)
        if b"" in data:
            self._sock.shutdown(socket.SHUT_WR)
