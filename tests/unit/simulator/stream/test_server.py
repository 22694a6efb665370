"""The stream server's shell: ports, threads, closing, waiting."""

from __future__ import annotations

import logging
import socket
import threading
from datetime import datetime, timezone

import pytest
import requests
import websocket

from ig_sdk.clock import ManualClock
from ig_sdk.errors import IGError
from ig_sdk.simulator.stream.core.options import StreamOptions
from ig_sdk.simulator.stream.items.adapter import ItemAdapter
from ig_sdk.simulator.stream.items.open_items import OpenItems
from ig_sdk.simulator.stream.server import StreamServer
from ig_sdk.types import Tick

EPIC = "CS.D.EURUSD.MINI.IP"
NOW = datetime(2025, 1, 6, tzinfo=timezone.utc)
ADD = "LS_reqId=1&LS_op=add&LS_subId=1&LS_mode=DISTINCT&LS_group=CHART:CS.D.EURUSD.MINI.IP:TICK&LS_schema=BID"


def make(**options):
    options.setdefault("adapter", ItemAdapter(lambda epic: epic == EPIC))
    return StreamServer(authenticate=lambda user, _: user != "nobody", **options)


@pytest.fixture
def start():
    """Start a server with options of your own; it is closed after the test."""
    servers = []

    def start(**options):
        servers.append(make(**options))
        servers[-1].start()
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def server(start):
    """A server that runs."""
    return start()


@pytest.fixture
def open_ws():
    """Open a WebSocket; it is let go after the test."""
    clients = []

    def open_ws(server):
        url = server.url.replace("http", "ws") + "/lightstreamer"
        header = ["Sec-WebSocket-Protocol: TLCP-2.4.0.lightstreamer.com"]
        clients.append(websocket.create_connection(url, timeout=10, header=header))
        return clients[-1]

    yield open_ws
    for client in clients:
        client.shutdown()


def read_until(client, wanted):
    text = ""
    while wanted not in text:
        text += client.recv()
    return text


def subscribe(client):
    client.send("create_session\r\nLS_cid=x&LS_send_sync=false")
    client.send(f"control\r\n{ADD}")
    read_until(client, "CONF")


def test_port_in_use(server):
    """A port in use is an error that names host and port."""
    other = make(port=server.port)
    with pytest.raises(IGError, match=rf"127\.0\.0\.1:{server.port}"):
        other.start()
    other.close()


@pytest.mark.parametrize("port", [-1, 70_000])
def test_impossible_port(port):
    """A port that there is not is an error of ours as well."""
    server = make(port=port)
    with pytest.raises(IGError, match=str(port)):
        server.start()


def test_threads_are_named(server, open_ws):
    """Every thread of the server says whose it is, and all are gone after close()."""
    before = {thread for thread in threading.enumerate() if not thread.name.startswith("ig-sim-stream")}
    client = open_ws(server)
    subscribe(client)
    assert {thread for thread in threading.enumerate() if not thread.name.startswith("ig-sim-stream")} == before
    server.close()
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("ig-sim-stream")]


def test_close_twice_and_unstarted(start):
    """close() works in every state."""
    unstarted = make()
    unstarted.close()
    unstarted.close()
    server = start()
    server.close()


def test_close_whatever_clients_do(server, open_ws):
    """Clients that say nothing, half a request, or never read do not hold close() up."""
    silent = socket.create_connection(("127.0.0.1", server.port), 5)
    half = socket.create_connection(("127.0.0.1", server.port), 5)
    half.sendall(b"POST /lightstreamer/control.txt?LS_protocol=TLCP-2.4.0 HTTP/1.1\r\nContent-Length: 100\r\n\r\nLS_")
    reader = open_ws(server)
    subscribe(reader)
    poll = socket.create_connection(("127.0.0.1", server.port), 5)
    body = b"LS_cid=x&LS_polling=true&LS_polling_millis=0&LS_idle_millis=20000"
    head = (
        f"POST /lightstreamer/create_session.txt?LS_protocol=TLCP-2.4.0 HTTP/1.1\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    poll.sendall(head.encode() + body)
    assert poll.recv(15).startswith(b"HTTP/1.1 200")
    server.close(timeout=5.0)
    for client in (silent, half, poll):
        client.close()


def test_close_from_its_own_callback(open_ws):
    """close() called by the server's own callback ends everything but does not wait for itself."""
    done = threading.Event()
    servers = []

    def on_subscribe(epic):
        servers[0].close(timeout=2.0)
        done.set()

    servers.append(make(on_subscribe=on_subscribe))
    servers[0].start()
    client = open_ws(servers[0])
    client.send("create_session\r\nLS_cid=x&LS_send_sync=false")
    client.send(f"control\r\n{ADD}")
    assert done.wait(10)


def test_subscription_is_told(start, open_ws):
    """The callback hears of each market subscribed, and ticks published from then on reach the subscriber."""
    heard = []
    server = start(on_subscribe=heard.append)
    client = open_ws(server)
    assert not server.subscribed([EPIC])
    subscribe(client)
    assert server.subscribed(["x", EPIC])
    for number in range(3):
        server.publish(Tick(EPIC, float(number), 9.0, NOW, NOW))
    assert "U,1,1,0.0\r\nU,1,1,1.0\r\nU,1,1,2.0\r\n" in read_until(client, "U,1,1,2.0")
    assert heard == [EPIC]


def test_snapshot_of_a_market_that_was_never_published(start, open_ws):
    """The snapshot of a market of which nothing was published yet comes from whoever knows the market."""
    server = start(snapshot=lambda epic: Tick(epic, 1.25, 1.5, NOW, NOW))
    client = open_ws(server)
    client.send("create_session\r\nLS_cid=x&LS_send_sync=false")
    client.send(f"control\r\n{ADD}&LS_snapshot=true")
    assert "U,1,1,1.25\r\nEOS,1,1\r\n" in read_until(client, "EOS")
    server.publish(Tick(EPIC, 2.25, 2.5, NOW, NOW))
    client.send(f"control\r\n{ADD.replace('LS_subId=1', 'LS_subId=2')}&LS_snapshot=true")
    assert "U,2,1,2.25" in read_until(client, "EOS,2")


def test_waiting(server, open_ws):
    """wait_room is true while clients keep up; wait_written tells when they have everything."""
    assert server.wait_room(0.0)
    assert server.wait_written(0.0)
    client = open_ws(server)
    subscribe(client)
    for number in range(1000):
        assert server.wait_room(10.0)
        server.publish(Tick(EPIC, float(number), 9.0, NOW, NOW))
    read_until(client, "U,1,1,999.0")
    assert server.wait_written(10.0)


def test_waiters_wake_on_close(start, open_ws):
    """A replay that waits for room is let go when the server closes."""
    server = start(options=StreamOptions(buffer_lines=4))
    client = open_ws(server)
    subscribe(client)
    server.faults.mute_stream()
    for number in range(10):
        server.publish(Tick(EPIC, float(number), 9.0, NOW, NOW))
    answers = []
    waiter = threading.Thread(target=lambda: answers.append(server.wait_room(30.0)), name="test-waiter")
    waiter.start()
    server.close()
    waiter.join(10)
    assert answers == [False]


def test_time_is_the_clocks(start, open_ws):
    """Deadlines follow the clock that was handed in."""
    clock = ManualClock()
    server = start(adapter=OpenItems(), clock=clock)
    client = open_ws(server)
    client.send("create_session\r\nLS_cid=x&LS_send_sync=false&LS_keepalive_millis=60000")
    read_until(client, "CONS")
    clock.advance(61)
    assert read_until(client, "PROBE") == "PROBE\r\n"


def test_no_secret_in_the_log(server, open_ws, caplog):
    """Neither passwords nor session ids reach a log, however much is logged."""
    caplog.set_level(logging.DEBUG)
    client = open_ws(server)
    client.send("create_session\r\nLS_cid=x&LS_user=u&LS_password=CST-secret")
    head = read_until(client, "CONS")
    session = head.split(",")[1]
    url = f"{server.url}/lightstreamer/control.txt?LS_protocol=TLCP-2.4.0&LS_session={session}"
    requests.get(f"{url}&LS_reqId=1&LS_op=constrain&LS_password=CST-secret", timeout=10)
    bad = socket.create_connection(("127.0.0.1", server.port), 5)
    bad.sendall(b"GET /x?LS_password=CST-secret NONSENSE\r\n\r\n")
    bad.recv(1000)
    bad.close()
    ours = [
        record.getMessage() for record in caplog.records if record.name.startswith(("ig_sdk", "websockets", "werkz"))
    ]
    assert not [text for text in ours if "secret" in text or session in text]


@pytest.mark.parametrize("name", ["create_session.js", "bind_session.js"])
def test_a_client_of_the_protocol_before_is_refused_in_its_own_words(server, name):
    """What asks for a script gets one that reports an error to its user, after which it gives up."""
    body = {"LS_op2": "create", "LS_phase": "4901", "LS_user": "ABC123"}
    reply = requests.post(f"{server.url}/lightstreamer/{name}", data=body, timeout=10)
    assert reply.status_code == 200
    assert reply.text.startswith("LS_window.LS_l(71,4901,null,")
    assert "protocol before TLCP is not served" in reply.text


@pytest.mark.parametrize(
    ("name", "body", "status"),
    [
        ("create_session.txt", {"LS_op2": "create", "LS_cid": "x"}, 400),
        ("control.js", {"LS_op": "add"}, 410),
        ("create_session.js", {"LS_op2": "create", "LS_phase": "1);alert(1"}, 410),
    ],
)
def test_other_requests_of_that_protocol_are_refused_in_words(server, name, body, status):
    """The sentence is in the status line and in the body, and nothing of the request is."""
    reply = requests.post(f"{server.url}/lightstreamer/{name}", data=body, timeout=10)
    assert reply.status_code == status
    assert "protocol before TLCP is not served" in reply.reason
    assert "protocol before TLCP is not served" in reply.text
    assert "alert" not in reply.text
