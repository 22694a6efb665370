"""websocket-client's own ``recv()``: argv port, server settings, updates, "read", "late" or "bare".

"read" and "late" hand each message to our decoder and read the five fields on the same thread. "bare" leaves even the
frames to no listener: it only waits on the socket and looks for the stamp, which shows what the machine itself costs.
"""

from __future__ import annotations

import re
import sys
import time

import websocket
from lightstreamer_sink import FIELDS, ITEMS, STAMP, Sink

from ig_sdk.lightstreamer import ItemUpdate
from ig_sdk.lightstreamer.tlcp.actions import Send
from ig_sdk.lightstreamer.tlcp.codec.requests import encode_ws
from ig_sdk.lightstreamer.tlcp.session import Session, SessionOptions, SubscriptionSpec

FIND_STAMP = re.compile(rb"\|(\d{9,})\|").search


def connected(port: str, settings: str) -> tuple[websocket.WebSocket, Session]:
    """Open the session that our client would open, as far as the subscription's request."""
    session = Session(SessionOptions(address=f"http://127.0.0.1:{port}", adapter_set="DEFAULT"), random=lambda: 0.5)
    session.subscribe(SubscriptionSpec(mode="MERGE", items=ITEMS, fields=FIELDS, snapshot=True), 0.0)
    session.connect(0.0)
    (connect,) = session.take_actions()
    socket = websocket.create_connection(connect.url, header=[f"Sec-WebSocket-Protocol: {connect.subprotocol}"])
    session.opened(0.0, settings, None)
    return socket, session


def send_requests(socket: websocket.WebSocket, session: Session) -> None:
    for action in session.take_actions():
        if isinstance(action, Send):
            socket.send(encode_ws(action.request))


def decode(socket: websocket.WebSocket, session: Session, sink: Sink, *, late: bool) -> None:
    now, receive, monotonic = time.perf_counter_ns, socket.recv, time.monotonic
    read: tuple[str | None, ...] = ()
    while sink.seen < sink.count:
        session.receive(receive(), monotonic())
        for update in session.take_events():
            if type(update) is ItemUpdate:
                if late:
                    sink.late_ns.append(now() - int(update[STAMP] or 0))
                read = update["BID"], update["OFFER"], update["UPDATE_TIME"], update["MARKET_STATE"], update["CHANGE"]
                seen = sink.seen = sink.seen + 1
                if seen == 1:
                    sink.first()
                elif seen == sink.count:
                    sink.last()
    assert len(read) == len(FIELDS)


def wait(socket: websocket.WebSocket, sink: Sink) -> None:
    now, receive = time.perf_counter_ns, socket.sock.recv
    while sink.seen < sink.count:
        data = receive(65536)
        sink.late_ns.append(now() - int(FIND_STAMP(data)[1]))
        if not sink.seen:
            sink.first()
        sink.seen += data.count(b"\n")
    sink.last()


def main() -> None:
    """Run to the last update."""
    port, settings, count, kind = sys.argv[1:5]
    if "wsaccel" in sys.modules:
        raise SystemExit("wsaccel is installed: this peer is to be measured without")
    sink = Sink(int(count))
    socket, session = connected(port, settings)
    subscribed = False
    while not subscribed:
        send_requests(socket, session)
        message = socket.recv()
        session.receive(message, 0.0)
        subscribed = "SUBOK" in message
    sink.begin()
    if kind == "bare":
        wait(socket, sink)
    else:
        decode(socket, session, sink, late=kind == "late")
    sink.finish()


if __name__ == "__main__":
    main()
