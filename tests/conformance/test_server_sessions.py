"""Rows C-132, C-133 and C-152 to C-168: creating, binding and ending sessions (TLCP.md sections 7, 16 and 18)."""

from __future__ import annotations

import pytest


def test_version_above_the_highest(make_bench):
    """C-132: a version above the highest is refused at creation, with IG's words."""
    bench = make_bench(tlcp_max="2.4.0")
    for wire in (bench.ws("2.5.0"), bench.ws("3.0.0"), bench.ws("nonsense"), bench.ws("1.9.0")):
        version = wire.connection.version
        answer = wire.send("create_session\r\nLS_cid=x")
        assert answer == [f"CONERR,65,Unsupported protocol version: {version}"]


@pytest.mark.parametrize("version", ["2.0.0", "2.1.0", "2.2.0", "2.3.0", "2.4.0", "2.4.9"])
def test_versions_below(make_bench, version):
    """C-133: every version up to the highest is taken; the subminor does not count."""
    assert make_bench(tlcp_max="2.4.0").ws(version).create()


def test_client_id(bench, make_bench):
    """C-152: a missing LS_cid is refused with 71, an unexpected one when the server is told which to take."""
    assert bench.ws().send("create_session\r\nLS_user=a")[0].startswith("CONERR,71,")
    strict = make_bench(cids=frozenset({"good one"}))
    assert strict.ws().send("create_session\r\nLS_cid=bad")[0].startswith("CONERR,71,")
    assert strict.ws().send("create_session\r\nLS_cid=good%20one")[0].startswith("CONOK,")


def test_authentication(make_bench):
    """C-153: user and password are judged outside; a refusal is CONERR,1."""
    bench = make_bench(allow=False)
    assert bench.ws().send("create_session\r\nLS_cid=x&LS_user=u&LS_password=p")[0].startswith("CONERR,1,")
    assert bench.asked == [("u", "p")]
    assert not bench.sessions


def test_adapter_set(bench):
    """C-154: an unknown Adapter Set is CONERR,2; absent means DEFAULT."""
    assert bench.ws().send("create_session\r\nLS_cid=x&LS_adapter_set=DEMO")[0].startswith("CONERR,2,")
    assert bench.ws().send("create_session\r\nLS_cid=x&LS_adapter_set=DEFAULT")[0].startswith("CONOK,")
    assert bench.ws().send("create_session\r\nLS_cid=x")[0].startswith("CONOK,")


def test_conok(make_bench):
    """C-155: CONOK has session id, request limit, effective keepalive and control link."""
    wire = make_bench(control_link="push7.example.com", request_limit=777).ws()
    head = wire.send("create_session\r\nLS_cid=x&LS_keepalive_millis=3000")
    tag, session, limit, keepalive, link = head[0].split(",")
    assert (tag, limit, keepalive, link) == ("CONOK", "777", "3000", "push7.example.com")
    assert session == wire.bench.sessions[0].session_id


def test_head(bench):
    """C-156: SERVNAME, CLIENTIP and CONS follow CONOK at once, less what LS_reduce_head suppresses."""
    tags = [line.split(",")[0] for line in bench.ws().send("create_session\r\nLS_cid=x&LS_send_sync=false")]
    assert tags == ["CONOK", "SERVNAME", "CLIENTIP", "CONS"]
    reduced = bench.ws()
    assert len(reduced.send("create_session\r\nLS_cid=x&LS_send_sync=false&LS_reduce_head=true")) == 1
    # No CONS in the whole session.
    assert reduced.send("control\r\nLS_reqId=1&LS_op=constrain&LS_requested_max_bandwidth=5") == ["REQOK,1"]


@pytest.mark.parametrize(("asked", "granted"), [("1", "500"), ("2000", "2000"), ("999999", "60000"), (None, "5000")])
def test_keepalive_is_clamped(bench, asked, granted):
    """C-157: the keepalive is clamped and the value in use reported."""
    more = "" if asked is None else f"&LS_keepalive_millis={asked}"
    assert bench.ws().send(f"create_session\r\nLS_cid=x{more}")[0].split(",")[3] == granted


@pytest.mark.parametrize("value", ["", "x", "-5", "1.5"])
def test_bad_keepalive(bench, value):
    """C-157: a keepalive that is no number is refused with 65."""
    assert bench.ws().send(f"create_session\r\nLS_cid=x&LS_keepalive_millis={value}")[0].startswith("CONERR,65,")


def test_second_session_on_a_websocket(wire):
    """C-158: a WebSocket with a bound session takes no second one; the first goes on."""
    assert wire.send("create_session\r\nLS_cid=x")[0].startswith("CONERR,69,")
    other = wire.bench.ws().create()
    assert wire.send(f"bind_session\r\nLS_session={other}")[0].startswith("CONERR,69,")
    assert wire.add(1, "a", "f")[0] == "REQOK,1"


def test_pipelined_requests(bench):
    """C-159: control requests without LS_session sent along with the creation are answered after CONOK."""
    wire = bench.ws()
    for text in ("wsok", "create_session\r\nLS_cid=x"):
        bench.table.receive(wire.connection, text, bench.now)
    lines = wire.add(1, "a", "f")
    tags = [line.split(",")[0] for line in lines]
    assert tags.index("WSOK") < tags.index("CONOK") < tags.index("REQOK") < tags.index("SUBOK")


def test_pipelined_requests_of_a_failed_creation(make_bench):
    """C-160: they fail when the creation fails, after its CONERR."""
    bench = make_bench(allow=False)
    wire = bench.ws()
    bench.table.receive(wire.connection, "create_session\r\nLS_cid=x", bench.now)
    lines = wire.add(1, "a", "f")
    assert [line.split(",")[0] for line in lines] == ["CONERR", "REQERR"]
    assert lines[1].startswith("REQERR,1,20,")


def test_pipelined_requests_are_not_for_an_earlier_session(wire):
    """C-160: behind a failed creation no request reaches the session that was on the WebSocket before."""
    wire.send("control\r\nLS_reqId=1&LS_op=force_rebind")
    wire.bench.allow = False
    assert wire.send("create_session\r\nLS_cid=x")[0].startswith("CONERR,1,")
    assert wire.add(2, "a", "f")[0].startswith("REQERR,2,20,")


def test_combo(bench):
    """C-161: a creation may carry control requests; their notifications follow CONOK, without REQOK."""
    wire = bench.ws()
    one = "LS_op=add&LS_subId=1&LS_mode=MERGE&LS_group=a&LS_schema=f"
    two = "LS_op=add&LS_subId=2&LS_mode=MERGE&LS_group=b&LS_schema=f"
    lines = wire.send(f"create_session\r\nLS_cid=x&LS_send_sync=false&{one}\r\n{two}")
    tags = [line.split(",")[0] for line in lines]
    assert tags == ["CONOK", "SERVNAME", "CLIENTIP", "CONS", "SUBOK", "CONF", "SUBOK", "CONF"]


def test_a_session_cannot_be_created_and_destroyed_at_once(bench):
    """C-161: a creation that carries a destroy fails, and leaves no session behind."""
    (line,) = bench.ws().send("create_session\r\nLS_cid=x&LS_op=destroy")
    assert line.startswith("CONERR,64,")
    assert not bench.sessions


def test_combo_fails_as_a_whole(make_bench):
    """C-161: when one part fails all fail, with CONERR,64."""
    bench = make_bench()
    wire = bench.ws()
    one = "LS_op=add&LS_subId=1&LS_mode=MERGE&LS_group=a&LS_schema=f"
    lines = wire.send(f"create_session\r\nLS_cid=x&{one}\r\nLS_op=add&LS_subId=1&LS_mode=MERGE&LS_group=b&LS_schema=f")
    assert len(lines) == 1
    assert lines[0].startswith("CONERR,64,")
    assert not bench.sessions
    bench.post("a", f="1")


def test_unbound_session_buffers(wire):
    """C-162: an unbound session keeps its notifications, for a limited time, then it is destroyed."""
    bench = wire.bench
    session = bench.sessions[0].session_id
    wire.add(1, "a", "f")
    wire.lose()
    bench.post("a", f="1")
    bench.post("a", f="2")
    bench.pass_time(bench.table.options.session_timeout_s - 1)
    back = bench.ws()
    assert back.send(f"bind_session\r\nLS_session={session}&LS_send_sync=false")[-2:] == ["U,1,1,1", "U,1,1,2"]
    back.lose()
    bench.pass_time(30)
    assert not bench.sessions
    assert bench.ws().send(f"bind_session\r\nLS_session={session}")[0].startswith("CONERR,20,")


def test_rebind(wire):
    """C-163: a bind has CONOK with the same id and repeats neither SUBOK nor CONF."""
    bench = wire.bench
    session = bench.sessions[0].session_id
    wire.add(1, "a", "f")
    bench.table.loop(0, bench.now)
    assert wire.take() == ["LOOP,0"]
    lines = wire.send(f"bind_session\r\nLS_session={session}&LS_send_sync=false")
    assert lines == [f"CONOK,{session},50000,5000,*", "CONS,unlimited"]
    bench.post("a", f="1")
    assert wire.take() == ["U,1,1,1"]
    # On a WebSocket the session need not be named (section 7.2).
    bench.table.loop(0, bench.now)
    wire.take()
    assert wire.send("bind_session\r\nLS_keepalive_millis=700")[0] == f"CONOK,{session},50000,700,*"


def test_bind_with_reduced_head(wire):
    """C-163: LS_reduce_head on a bind leaves CONOK out."""
    wire.bench.table.loop(0, wire.bench.now)
    wire.take()
    assert wire.send("bind_session\r\nLS_reduce_head=true&LS_send_sync=false") == ["CONS,unlimited"]


def test_bind_moves_the_stream(wire):
    """C-164: a bind while another connection is bound moves the stream; the old connection hears no more."""
    bench = wire.bench
    session = bench.sessions[0].session_id
    wire.add(1, "a", "f")
    other = bench.ws()
    other.send(f"bind_session\r\nLS_session={session}")
    bench.post("a", f="1")
    assert other.take() == ["U,1,1,1"]
    assert wire.take() == []
    assert wire.connection.closing
    # The late loss of the old connection does not touch the session.
    wire.lose()
    bench.post("a", f="2")
    assert other.take() == ["U,1,1,2"]


def test_bind_to_nothing(bench):
    """C-165: a bind for an unknown session is CONERR,20, for one of another instance 21."""
    assert bench.ws().send("bind_session\r\nLS_session=S1")[0].startswith("CONERR,20,")
    assert bench.ws().send("bind_session\r\nLS_keepalive_millis=5000")[0].startswith("CONERR,20,")
    foreign = "S98d4635f6979fe17Ma7eT3149399"
    assert bench.ws().send(f"bind_session\r\nLS_session={foreign}")[0].startswith("CONERR,21,")


def test_end(wire):
    """C-166: a session ends with END, code and message; the connection is closed or free for another."""
    bench = wire.bench
    assert bench.table.end(48, "Maximum session duration, reached", bench.now) == 1
    assert wire.take() == ["END,48,Maximum session duration%2C reached"]
    assert wire.connection.closing
    assert not bench.sessions


def test_one_session_for_each_user(make_bench):
    """C-167: with a limit a user's older session is ended with 35; others' are not."""
    bench = make_bench(max_sessions_per_user=1)
    first, second, other = bench.ws(), bench.ws(), bench.ws()
    first.create("&LS_user=a")
    other.create("&LS_user=b")
    second.create("&LS_user=a")
    assert first.take()[0].startswith("END,35,")
    assert other.take() == []
    assert [session.user for session in bench.sessions] == ["b", "a"]


@pytest.mark.parametrize("code", [31, 32, 33, 35, 40, 48, 0, -7])
def test_any_end(bench, code):
    """C-168: any session can be ended with any code."""
    first, second = bench.ws(), bench.ws()
    bench_session = first.create()
    second.create()
    assert bench.table.end(code, "why", bench.now, session_id=bench_session) == 1
    assert first.take() == [f"END,{code},why"]
    assert second.take() == []
