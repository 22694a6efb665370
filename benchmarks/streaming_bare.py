"""A bare socket against the streaming benchmark's server: argv port, items, updates, file of the server's stamps.

What it measures is the machine's own delay; standard library only.
"""

from __future__ import annotations

import json
import os
import socket
import struct
import sys
import threading
import time
from array import array
from pathlib import Path
from urllib.parse import quote

from lightstreamer_sink import quantile
from streaming_feed import EPICS, FIELDS, item_of

WARM_UP_SHARE = 0.1


def masked(text: str) -> bytes:
    """Return one text message as a client sends it; the mask is zero."""
    payload = text.encode()
    size = bytes((0x80 | len(payload),)) if len(payload) < 126 else b"\xfe" + struct.pack("!H", len(payload))
    return b"\x81" + size + b"\0\0\0\0" + payload


def frames_in(buffer: bytes) -> tuple[int, bytes]:
    """Return how many whole frames there are, and what is left."""
    place = count = 0
    while len(buffer) - place >= 4:
        size, start = buffer[place + 1], 2
        if size == 126:
            size, start = struct.unpack_from("!H", buffer, place + 2)[0], 4
        if place + start + size > len(buffer):
            break
        place, count = place + start + size, count + 1
    return count, buffer[place:]


def main() -> None:
    """Run to the last update."""
    port, items, count, stamps = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4])
    group, schema = quote(" ".join(map(item_of, EPICS[:items]))), quote(" ".join(FIELDS))
    ask = f"control\r\nLS_reqId=1&LS_op=add&LS_subId=1&LS_mode=MERGE&LS_group={group}&LS_schema={schema}"
    came: array[int] = array("q")
    with socket.create_connection(("127.0.0.1", port)) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nUpgrade: websocket\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n")
        rest = sock.recv(65_536).partition(b"\r\n\r\n")[2]
        for text in ("wsok", "create_session\r\nLS_user=x", ask):
            sock.sendall(masked(text))
        # WSOK, CONOK, the answer to the request, and the snapshots come first.
        waited = 3 + items
        while waited > 0 or len(came) < count:
            data = sock.recv(262_144)
            now = time.perf_counter_ns()
            if not data:
                raise SystemExit(f"{len(came)} of {count} updates came")
            found, rest = frames_in(rest + data)
            early = min(found, waited)
            waited -= early
            came.extend([now] * (found - early))
    pause = threading.Event()
    while not stamps.exists():
        pause.wait(0.05)
    written: array[int] = array("q")
    written.frombytes(stamps.read_bytes())
    late = [(mine - its) / 1e3 for mine, its in zip(came, written, strict=True)][int(count * WARM_UP_SHARE) :]
    ordered = sorted(late)
    figures = {
        "seconds": (came[-1] - came[0]) / 1e9,
        "p50_us": quantile(ordered, 0.5),
        "p99_us": quantile(ordered, 0.99),
    }
    print(json.dumps(figures), flush=True)
    os._exit(0)


if __name__ == "__main__":
    main()
