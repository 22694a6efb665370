"""Rows C-131 to C-142 and C-221 on real sockets: WebSocket and HTTP (TLCP.md sections 3 and 4)."""

from __future__ import annotations

import base64
import os
import socket
import threading

import pytest
import websocket

CREATE = "create_session\r\nLS_cid=x&LS_send_sync=false"
ADD = "LS_reqId=1&LS_op=add&LS_subId=1&LS_mode=MERGE&LS_group=a&LS_schema=f"
POLL = "&LS_polling=true&LS_polling_millis=0&LS_idle_millis=0"


def lines_of(text):
    """The lines of a message, each of which must end with CR-LF (C-137)."""
    assert text.endswith("\r\n")
    return text[:-2].split("\r\n")


def read_until(client, wanted):
    """The lines of a WebSocket up to the one that begins as wanted."""
    lines = []
    while not any(line.startswith(wanted) for line in lines):
        lines += lines_of(client.recv())
    return lines


@pytest.mark.parametrize("version", ["2.0.0", "2.4.0", "2.5.0", "9.9.9"])
def test_upgrade(net, version):
    """C-131: the upgrade on /lightstreamer is accepted and the offered subprotocol echoed."""
    client = net.ws(f"TLCP-{version}.lightstreamer.com")
    assert client.headers["sec-websocket-protocol"] == f"TLCP-{version}.lightstreamer.com"
    client.send("wsok")
    assert client.recv() == "WSOK\r\n"


@pytest.mark.parametrize("protocol", ["", "chat"])
def test_upgrade_without_tlcp(net, protocol):
    """C-131: an upgrade that offers no TLCP version is refused."""
    with pytest.raises(websocket.WebSocketBadStatusException, match="400"):
        net.ws(protocol or "x")


def test_upgrade_elsewhere(net):
    """C-131: there is no WebSocket on other paths."""
    with pytest.raises(websocket.WebSocketBadStatusException, match="404"):
        websocket.create_connection(net.server.url.replace("http", "ws") + "/elsewhere", timeout=10)


def test_version_refused_at_the_handshake(make_net):
    """C-132: the server can be told to refuse a version at the handshake already."""
    net = make_net(tlcp_max="2.4.0", refuse_at_handshake=True)
    with pytest.raises(websocket.WebSocketBadStatusException, match="400"):
        net.ws("TLCP-2.5.0.lightstreamer.com")
    assert net.ws("TLCP-2.4.0.lightstreamer.com")


def test_version_refused_over_http(make_net):
    """C-132: over HTTP a version that is too high is refused in a short plain answer."""
    answer = make_net(tlcp_max="2.4.0").post("create_session", "LS_cid=x")
    assert answer.text == "CONERR,65,Unsupported protocol version: 2.5.0\r\n"
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert "Content-Length" in answer.headers


def test_binary_message(net):
    """C-134: a binary message ends the connection with 1003; the session is kept."""
    client, _ = net.session_on_ws()
    client.send_binary(b"wsok")
    opcode, data = client.recv_data()
    assert (opcode, data[:2]) == (websocket.ABNF.OPCODE_CLOSE, b"\x03\xeb")
    assert len(net.server.sessions) == 1


def test_text_that_is_none(net):
    """C-134: text that is not UTF-8 ends the connection with 1007."""
    client = net.ws()
    client.send(b"\xff\xfe", opcode=websocket.ABNF.OPCODE_TEXT)
    assert client.recv_data()[1][:2] == b"\x03\xef"


def test_fragments_and_pings(net):
    """C-135: fragments of the WebSocket layer are put together, pings answered there."""
    client = net.ws()
    client.ping("x")
    for text, opcode, fin in (("create_session\r\n", 1, 0), ("LS_ci", 0, 0), ("d=x", 0, 1)):
        client.send_frame(websocket.ABNF.create_frame(text, opcode, fin))
    assert client.recv_frame().opcode == websocket.ABNF.OPCODE_PONG
    assert read_until(client, "CONOK")


@pytest.mark.parametrize("mode", ["one", "all", "random"])
def test_lines_in_messages(make_net, mode):
    """C-135, C-136, C-137: whole lines in each message, one or more as told, each ended by CR-LF."""
    net = make_net(lines_per_message=mode)
    client, _ = net.session_on_ws()
    client.send(f"control\r\n{ADD}")
    read_until(client, "CONF")
    for number in range(200):
        net.server.post("a", {"f": str(number)})
    rows, sizes = [], set()
    while len(rows) < 200:
        lines = lines_of(client.recv())
        sizes.add(len(lines))
        rows += [line for line in lines if line.startswith("U,")]
    assert rows == [f"U,1,1,{number}" for number in range(200)]
    assert (sizes == {1}) == (mode == "one")


def test_http_requests(net):
    """C-138: POST <name>.txt is answered, LS_protocol is required in the query string."""
    created = net.post("create_session", "LS_cid=x" + POLL)
    assert created.status_code == 200
    assert lines_of(created.text)[-1] == "LOOP,0"
    session = created.text.split(",")[1]
    answer = net.post("control", f"{ADD}\r\nLS_op=x", f"LS_protocol=TLCP-2.5.0&LS_session={session}")
    assert lines_of(answer.text)[0] == "REQOK,1"
    assert lines_of(answer.text)[1].startswith("ERROR,67,")
    assert net.post("heartbeat", "\r\n").text == "REQOK\r\n"
    assert net.post("heartbeat", "").text == "REQOK\r\n"
    assert net.post("create_session", "LS_cid=x&LS_protocol=TLCP-2.5.0" + POLL, query="").status_code == 400
    assert net.post("wsok", "").text.startswith("ERROR,67,")
    assert net.post("nonsense", "").text.startswith("ERROR,67,")


def test_other_http(net):
    """C-138: other paths and methods are refused; a GET with everything in the query is taken."""
    import requests

    url = net.server.url
    assert requests.get(f"{url}/elsewhere", timeout=10).status_code == 404
    assert requests.put(f"{url}/lightstreamer/control.txt?LS_protocol=TLCP-2.5.0", timeout=10).status_code == 405
    query = "LS_protocol=TLCP-2.5.0&LS_cid=x" + POLL
    answer = requests.get(f"{url}/lightstreamer/create_session.txt?{query}", timeout=10)
    assert answer.text.startswith("CONOK,")


def test_session_in_query_or_body(net):
    """C-139: LS_session may be in query or body; the body wins."""
    session = net.post("create_session", "LS_cid=x" + POLL).text.split(",")[1]
    protocol = "LS_protocol=TLCP-2.5.0"
    change = "LS_reqId=1&LS_op=constrain"
    assert net.post("control", change, f"{protocol}&LS_session={session}").text == "REQOK,1\r\n"
    assert net.post("control", f"{change}&LS_session={session}", protocol).text == "REQOK,1\r\n"
    assert net.post("control", f"{change}&LS_session={session}", f"{protocol}&LS_session=S1").text == "REQOK,1\r\n"
    wrong = net.post("control", f"{change}&LS_session=S1", f"{protocol}&LS_session={session}").text
    assert wrong.startswith("REQERR,1,20,")


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "text/plain; charset=latin-1", None])
def test_content_type_is_ignored(net, kind):
    """C-140: Content-Type is ignored and UTF-8 read."""
    session = net.post("create_session", "LS_cid=x" + POLL).text.split(",")[1]
    query = f"LS_protocol=TLCP-2.5.0&LS_session={session}"
    headers = {"Content-Type": kind} if kind else {}
    assert (
        net.post("msg", "LS_reqId=1&LS_message=é€&LS_msg_prog=1".encode(), query, headers=headers).text == "REQOK,1\r\n"
    )
    answer = net.post("bind_session", f"LS_session={session}{POLL}")
    assert "MSGDONE,*,1,É€" in lines_of(answer.content.decode())


@pytest.mark.parametrize("chunk_bytes", [0, 1, 7])
def test_http_streaming(make_net, chunk_bytes):
    """C-141: a stream comes in chunks of any size, cut inside lines as told."""
    net = make_net(chunk_bytes=chunk_bytes)
    stream = net.post("create_session", f"LS_cid=x&LS_send_sync=false&{ADD}", stream=True)
    chunks = stream.raw.read_chunked()
    body = b""
    while b"CONF," not in body:
        body += next(chunks)
    for number in range(5):
        net.server.post("a", {"f": f"é{number}"})
    sizes = set()
    while body.count(b"U,1,1,") < 5 or not body.endswith(b"\r\n"):
        chunk = next(chunks)
        sizes.add(len(chunk))
        body += chunk
    rows = [line for line in lines_of(body.decode()) if line.startswith("U,")]
    assert rows == [f"U,1,1,é{number}" for number in range(5)]
    assert not chunk_bytes or max(sizes) <= chunk_bytes


def test_content_length(make_net):
    """C-142: when the content length is used up LOOP comes and the answer ends; nothing is lost over it."""
    net = make_net()
    stream = net.post("create_session", f"LS_cid=x&LS_send_sync=false&LS_content_length=1000&{ADD}", stream=True)
    session, rows, loops = None, [], 0
    for number in range(200):
        net.server.post("a", {"f": str(number)})
    while len(rows) < 200:
        body = stream.content
        assert len(body) <= 1000
        lines = lines_of(body.decode())
        session = session or lines[0].split(",")[1]
        rows += [line for line in lines if line.startswith("U,")]
        assert lines[-1] == "LOOP,0"
        loops += 1
        more = "LS_content_length=1000" if len(rows) < 150 else "LS_polling=true&LS_polling_millis=0&LS_idle_millis=0"
        stream = net.post("bind_session", f"LS_session={session}&LS_send_sync=false&{more}", stream=True)
    assert rows == [f"U,1,1,{number}" for number in range(200)]
    assert loops > 2


def test_http_session_continued_on_a_websocket(net):
    """C-163: a session made by an HTTP poll goes on on a WebSocket, without wsok, and back."""
    session = net.post("create_session", "LS_cid=x" + POLL).text.split(",")[1]
    client = net.ws("TLCP-2.1.0.lightstreamer.com")
    client.send(f"bind_session\r\nLS_session={session}&LS_cause=loop1&")
    assert read_until(client, "SYNC")[0].startswith(f"CONOK,{session},")
    client.send(f"control\r\nLS_session={session}&{ADD}\r\nLS_reqId=2&LS_op=constrain")
    assert "SUBOK,1,1,1" in read_until(client, "CONS")
    net.server.post("a", {"f": "1"})
    assert read_until(client, "U,") == ["U,1,1,1"]


def closed(client):
    """Whether a WebSocket is over, and by which code (1006: without a close frame)."""
    try:
        while True:
            opcode, data = client.recv_data()
            if opcode == websocket.ABNF.OPCODE_CLOSE:
                return int.from_bytes(data[:2], "big")
    except (websocket.WebSocketConnectionClosedException, ConnectionError):
        return 1006


def test_abrupt_close(net):
    """C-221: connections can be broken without a word; the session is there for recovery."""
    client, session = net.session_on_ws()
    assert net.faults.drop_stream() == 1
    assert closed(client) == 1006
    again = net.ws()
    again.send(f"bind_session\r\nLS_session={session}&LS_recovery_from=0&LS_send_sync=false")
    assert read_until(again, "PROG")[-1] == "PROG,0"


def test_close_frame(net):
    """C-221: WebSockets can be closed with a close frame of any code."""
    client, _ = net.session_on_ws()
    assert net.faults.close_stream(1012, "service restart") == 1
    assert closed(client) == 1012


def test_mute(net):
    """C-221: a connection can go mute; another one recovers the session; a mute one can speak again."""
    client, session = net.session_on_ws()
    client.send(f"control\r\n{ADD}")
    read_until(client, "CONF")
    assert net.faults.mute_stream() == 1
    net.server.post("a", {"f": "1"})
    again = net.ws()
    again.send(f"bind_session\r\nLS_session={session}&LS_recovery_from=2&LS_send_sync=false")
    assert read_until(again, "U,")[-1] == "U,1,1,1"
    client.settimeout(0.2)
    with pytest.raises(websocket.WebSocketTimeoutException):
        client.recv()
    net.faults.mute_stream()
    net.server.post("a", {"f": "2"})
    net.faults.unmute_stream()
    assert read_until(again, "U,") == ["U,1,1,2"]


def test_malformed_and_oversized_lines(net):
    """C-221: any line can be put into the streams, also one of millions of characters."""
    client, _ = net.session_on_ws()
    assert net.faults.inject("U,1,nonsense") == 1
    assert read_until(client, "U")[-1] == "U,1,nonsense"
    assert net.faults.oversized_line(3_000_000) == 1
    assert len(read_until(client, "NOOP")[-1]) == 3_000_000


def test_refused_upgrade(net):
    """C-221: the upgrade to WebSocket can be refused."""
    net.faults.refuse_upgrade = True
    with pytest.raises(websocket.WebSocketBadStatusException, match="404"):
        net.ws()


def test_loop_and_end_on_demand(net):
    """C-222, C-168: LOOP and END can be forced on a WebSocket at any time."""
    client, session = net.session_on_ws()
    assert net.faults.loop(250) == 1
    assert read_until(client, "LOOP") == ["LOOP,250"]
    client.send(f"bind_session\r\nLS_session={session}&LS_send_sync=false")
    read_until(client, "CONS")
    assert net.faults.end(48, "too long") == 1
    assert read_until(client, "END") == ["END,48,too long"]
    assert closed(client) == 1000


def test_client_that_never_reads(make_net):
    """C-206: a client that never reads neither holds the others up nor the closing of the server."""
    net = make_net(buffer_lines=200, diffs="")
    sleeper, _ = net.session_on_ws()
    sleeper.send(f"control\r\n{ADD}")
    read_until(sleeper, "CONF")
    awake, _ = net.session_on_ws()
    awake.send(f"control\r\n{ADD}")
    read_until(awake, "CONF")
    text = "x" * 10_000
    for turn in range(100):
        # The one that reads gets everything, round after round, until the other one's buffers are full, and after.
        for number in range(90):
            net.server.post("a", {"f": f"{number}{text}"})
        last = ""
        while not last.startswith("U,1,1,89x"):
            last = lines_of(awake.recv())[-1]
        if turn > 3 and not net.server.wait_room(0.0):
            break
    assert not net.server.wait_room(0.0)
    assert len(net.server.sessions) == 2


def test_broken_promise(net):
    """C-212: a client that breaks its promise of requests finds its connection broken."""
    client = net.ws()
    client.send(f"{CREATE}&LS_inactivity_millis=50")
    assert closed(client) == 1006
    assert len(net.server.sessions) == 1


def test_flood_of_requests(make_net):
    """C-151: a client that asks without end and never reads is cut off."""
    client, _ = make_net(answer_lines=1_000).session_on_ws()
    batch = "control\r\n" + "\r\n".join(f"LS_reqId={number}&LS_op=x" for number in range(1_500))

    def flood():
        for _ in range(2_000):
            client.send(batch)

    with pytest.raises((ConnectionError, websocket.WebSocketConnectionClosedException)):
        flood()


def test_garbage(net):
    """C-143: whatever bytes come, the server stays up."""
    key = base64.b64encode(os.urandom(16)).decode()
    upgrade = (
        "GET /lightstreamer HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Protocol: TLCP-2.4.0.lightstreamer.com\r\n\r\n"
    ).encode()
    for data in (
        b"\x00\xff" * 100,
        b"GET / HTTP/9\r\n\r\n",
        b"POST /lightstreamer/control.txt HTTP/1.1\r\n",
        upgrade + b"\xff" * 64,
    ):
        client = net.raw(data)
        client.shutdown(socket.SHUT_WR)
        client.settimeout(5)
        while client.recv(65_536):
            pass
    assert net.post("heartbeat", "").text == "REQOK\r\n"


def test_many_at_once(net):
    """C-149: many clients on threads of their own each get all of their updates in order."""
    clients = [net.session_on_ws()[0] for _ in range(8)]
    for client in clients:
        client.send(f"control\r\n{ADD}")
        read_until(client, "CONF")
    rows = [[] for _ in clients]

    def read(client, into):
        while len(into) < 2_000:
            into += [line for line in lines_of(client.recv()) if line.startswith("U,")]

    threads = [
        threading.Thread(target=read, args=pair, name=f"test-reader-{number}")
        for number, pair in enumerate(zip(clients, rows, strict=True))
    ]
    for thread in threads:
        thread.start()
    for number in range(2_000):
        assert net.server.wait_room(10)
        net.server.post("a", {"f": str(number)})
    for thread in threads:
        thread.join(20)
    assert all(row == [f"U,1,1,{number}" for number in range(2_000)] for row in rows)
    assert net.server.wait_written(5)
