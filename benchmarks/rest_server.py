"""A quick local server of recorded answers: argv is a JSON file, {"GET /path VERSION": [status, headers, body]}.

The answers are those of the simulator (see rest.py); what is measured is the clients. Paths are below /gateway/deal. An
epic that begins with SLOW. is answered as its namesake without that, 20 ms later, as over a network.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from pathlib import Path

SLOW_S = 0.02
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_VERSION = re.compile(rb"\r\nversion: *(\d+)", re.IGNORECASE)
_METHOD = re.compile(rb"\r\n_method: *(\w+)", re.IGNORECASE)


def rendered(status: int, headers: dict[str, str], body: str) -> bytes:
    content = body.encode()
    lines = [
        f"HTTP/1.1 {status} OK",
        "Content-Type: application/json;charset=UTF-8",
        f"Content-Length: {len(content)}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


class Connection(asyncio.Protocol):
    """One keep-alive connection."""

    def __init__(self, answers: dict[str, bytes]) -> None:
        self._answers = answers
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[: end + 2]
            length = _LENGTH.search(head)
            whole = end + 4 + (int(length[1]) if length else 0)
            if len(self._buffer) < whole:
                return
            self._buffer = self._buffer[whole:]
            self._answer(head)

    def _answer(self, head: bytes) -> None:
        method, target = head.split(b" ", 2)[:2]
        override, version = _METHOD.search(head), _VERSION.search(head)
        path = target.partition(b"?")[0].rstrip(b"/").removeprefix(b"/gateway/deal")
        slow = b"/SLOW." in path
        words = (override[1] if override else method, path.replace(b"/SLOW.", b"/"), version[1] if version else b"1")
        answer = self._answers.get(b" ".join(words).decode(), self._answers["missing"])
        if slow:
            asyncio.get_running_loop().call_later(SLOW_S, self._transport.write, answer)
        else:
            self._transport.write(answer)


async def main(recorded: dict[str, tuple[int, dict[str, str], str]]) -> None:
    answers = {name: rendered(*answer) for name, answer in recorded.items()}
    answers["missing"] = rendered(404, {}, '{"errorCode": "invalid.url"}')
    server = await asyncio.get_running_loop().create_server(lambda: Connection(answers), "127.0.0.1", 0)
    print(f"PORT {server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    try:
        asyncio.run(main(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))))
    except KeyboardInterrupt:
        sys.exit(0)
