"""A stream server for the streaming benchmark, in a process of its own; standard library only.

    python streaming_server.py --items 40 --count 100000 --lines 1 [--rate 10000] [--stamps FILE]   -> prints PORT n

It speaks as much TLCP over WebSocket as the peers need. When every item has a subscriber and no further request has
come for half a second, it sends the snapshots and then ``count`` updates: as fast as the socket takes them, or ``rate``
a second; then FILE holds when each was written (monotonic nanoseconds).
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import re
import select
import socket
import struct
import threading
import time
from array import array
from pathlib import Path
from urllib.parse import unquote_plus

from streaming_feed import EPICS, FIELDS, item_of, order, rows

_QUIET_S = 0.5
_SPIN_NS = 400_000
_PAUSE = threading.Event()  # never set: a wait on it is a pause


def frame(text: str) -> bytes:
    """Return one text message."""
    payload = text.encode()
    size = len(payload)
    if size < 126:
        return bytes((0x81, size)) + payload
    if size < 65_536:
        return struct.pack("!BBH", 0x81, 126, size) + payload
    return struct.pack("!BBQ", 0x81, 127, size) + payload


class Connection:
    """One client."""

    def __init__(self, sock: socket.socket, options: argparse.Namespace) -> None:
        self.sock, self.options = sock, options
        self.buffer = b""
        self.subscribers: dict[int, list[tuple[str, int]]] = {}  # of each item: (subscription, place in it)
        self.numbers = {item_of(epic): number for number, epic in enumerate(EPICS[: options.items])}

    def handshake(self) -> None:
        while b"\r\n\r\n" not in self.buffer:
            self.buffer += self.sock.recv(65_536)
        head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
        key = re.search(rb"Sec-WebSocket-Key: (\S+)", head, re.IGNORECASE)
        protocol = re.search(rb"Sec-WebSocket-Protocol: (\S+)", head, re.IGNORECASE)
        assert key
        accept = base64.b64encode(hashlib.sha1(key[1] + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
        chosen = b"Sec-WebSocket-Protocol: " + protocol[1] + b"\r\n" if protocol else b""
        self.sock.sendall(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept + b"\r\n" + chosen + b"\r\n"
        )

    def messages(self, wait_s: float | None) -> list[str] | None:
        """Return the texts that have come; none when nothing came in time, ``None`` when the client is gone."""
        ready, _, _ = select.select([self.sock], [], [], wait_s)
        if not ready:
            return []
        data = self.sock.recv(65_536)
        if not data:
            return None
        self.buffer += data
        found = []
        while (message := self._message()) is not None:
            found.append(message)
        return found

    def _message(self) -> str | None:
        buffer = self.buffer
        if len(buffer) < 2:
            return None
        size, start = buffer[1] & 127, 2
        if size == 126:
            if len(buffer) < 4:
                return None
            size, start = struct.unpack("!H", buffer[2:4])[0], 4
        end = start + 4 + size
        if len(buffer) < end:
            return None
        mask, opcode = buffer[start : start + 4], buffer[0] & 15
        text = bytes(byte ^ mask[place & 3] for place, byte in enumerate(buffer[start + 4 : end])).decode(
            "utf-8", "replace"
        )
        self.buffer = buffer[end:]
        return text if opcode == 1 else ""

    def serve(self) -> None:
        """Answer until all is subscribed, then stream, then wait for the client's end."""
        self.handshake()
        while True:
            complete = len(self.subscribers) == self.options.items
            texts = self.messages(_QUIET_S if complete else None)
            if texts is None:
                return
            if complete and not texts:
                break
            self._answer(texts)
        self.stream()
        while self.messages(None) is not None:
            pass

    def _answer(self, texts: list[str]) -> None:
        for text in texts:
            name, *requests = text.split("\r\n")
            if name == "wsok":
                self.sock.sendall(frame("WSOK\r\n"))
            elif name == "create_session":
                self.sock.sendall(
                    frame("CONOK,S1,50000,60000,*\r\nSERVNAME,bench\r\nCLIENTIP,127.0.0.1\r\nCONS,unlimited\r\n")
                )
            elif name == "control":
                self._control([request for request in requests if request])

    def _control(self, requests: list[str]) -> None:
        for request in requests:
            asked = {
                name: unquote_plus(value) for name, _, value in (part.partition("=") for part in request.split("&"))
            }
            answer = f"REQOK,{asked['LS_reqId']}\r\n"
            if asked.get("LS_op") == "add":
                wanted, subscription = asked["LS_group"].split(" "), asked["LS_subId"]
                assert asked["LS_schema"].split(" ") == list(FIELDS), asked["LS_schema"]
                for place, item in enumerate(wanted, 1):
                    self.subscribers.setdefault(self.numbers[item], []).append((subscription, place))
                answer += (
                    f"SUBOK,{subscription},{len(wanted)},{len(FIELDS)}\r\nCONF,{subscription},unlimited,filtered\r\n"
                )
            elif asked.get("LS_op") == "destroy":
                answer += "END,31,bye\r\n"
            self.sock.sendall(frame(answer))

    def stream(self) -> None:
        options = self.options
        apart_ms = 1000.0 * options.items / options.rate if options.rate else 1.0
        first, changed = rows(options.count, options.items, apart_ms)
        heads = {
            item: [f"U,{subscription},{place}," for subscription, place in found]
            for item, found in self.subscribers.items()
        }
        for item, found in heads.items():
            self.sock.sendall(frame("".join(f"{head}{first[item]}\r\n" for head in found)))
        lines = [
            "".join([f"{head}{row}\r\n" for head in heads[item]])
            for item, row in zip(order(options.count, options.items), changed, strict=True)
        ]
        step = options.lines
        frames = [frame("".join(lines[start : start + step])) for start in range(0, len(lines), step)]
        _PAUSE.wait(0.5)  # the snapshots are read, and both ends are ready
        if options.rate:
            self._pace(frames)
        else:
            everything = memoryview(b"".join(frames))
            for start in range(0, len(everything), 1 << 18):
                self.sock.sendall(everything[start : start + (1 << 18)])

    def _pace(self, frames: list[bytes]) -> None:
        stamps, now, send = array("q"), time.perf_counter_ns, self.sock.sendall
        gap = self.options.lines / self.options.rate * 1e9
        due = now() + 1_000_000.0
        for each in frames:
            while (left := due - (moment := now())) > 0:
                if left > _SPIN_NS:
                    _PAUSE.wait((left - _SPIN_NS * 0.75) / 1e9)
            stamps.append(moment)
            send(each)
            due += gap
        if self.options.stamps:
            partial = Path(f"{self.options.stamps}.part")
            partial.write_bytes(stamps.tobytes())
            partial.rename(self.options.stamps)


def main() -> None:
    """Serve one client."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--items", type=int, default=20)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--lines", type=int, default=1)
    parser.add_argument("--rate", type=float, default=0.0)
    parser.add_argument("--stamps", default="")
    options = parser.parse_args()
    rows(options.count, options.items, 1000.0 * options.items / options.rate if options.rate else 1.0)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print("PORT", listener.getsockname()[1], flush=True)
        sock, _ = listener.accept()
        with sock:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                Connection(sock, options).serve()
            except OSError:
                pass  # the client has gone


if __name__ == "__main__":
    main()
