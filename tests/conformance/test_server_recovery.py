"""Rows C-209 to C-222 without sockets: liveness, recovery, polling, LOOP (TLCP.md sections 15 to 17)."""

from __future__ import annotations

import pytest


def test_probe(bench):
    """C-209: PROBE after keepalive ms without other output, and not while something was sent."""
    wire = bench.ws()
    wire.create("&LS_keepalive_millis=1000")
    wire.add(1, "a", "f")
    bench.pass_time(0.9)
    bench.post("a", f="1")
    bench.pass_time(0.9)
    assert wire.take() == ["U,1,1,1"]
    bench.pass_time(0.2)
    assert wire.take() == ["PROBE"]
    bench.pass_time(0.8)
    assert wire.take() == []
    bench.pass_time(0.2)
    assert wire.take() == ["PROBE"]


def test_probes_do_not_pile_up(bench):
    """C-209: a client that does not read finds one PROBE, not hundreds."""
    wire = bench.ws()
    wire.create("&LS_keepalive_millis=500")
    bench.pass_time(60)
    assert wire.take() == ["PROBE"]


def test_no_probe_while_polling(bench):
    """C-209: a poll gets no PROBE."""
    poll = bench.http()
    session = poll.post("create_session", "LS_cid=x&LS_polling=true&LS_polling_millis=0&LS_idle_millis=20000")[0]
    bench.pass_time(19)
    assert poll.take() == []
    bench.pass_time(2)
    assert poll.take() == ["LOOP,0"]
    assert session.split(",")[3] == "20000"


def test_sync(bench):
    """C-210: SYNC counts from 0 at each bind, unless the client wants none or polls."""
    wire = bench.ws()
    wire.send("create_session\r\nLS_cid=x&LS_keepalive_millis=60000")
    assert wire.take() == []
    bench.pass_time(41)
    assert wire.take() == ["SYNC,20", "SYNC,40"]
    bench.table.loop(0, bench.now)
    wire.take()
    assert wire.send("bind_session\r\nLS_keepalive_millis=60000")[-1] == "SYNC,0"
    bench.pass_time(21)
    assert wire.take() == ["SYNC,20"]
    bench.table.loop(0, bench.now)
    wire.take()
    assert wire.send("bind_session\r\nLS_send_sync=false")[-1] == "CONS,unlimited"
    bench.pass_time(4)
    assert wire.take() == []


def test_loss_is_no_end(wire):
    """C-211: a lost connection unbinds the session and does not end it."""
    bench = wire.bench
    session = bench.sessions[0].session_id
    wire.add(1, "a", "f")
    bench.post("a", f="1")
    wire.take()
    wire.lose()
    bench.post("a", f="2")
    assert bench.sessions[0].connection is None
    assert bench.ws().send(f"bind_session\r\nLS_session={session}&LS_send_sync=false")[2:] == ["U,1,1,2"]


def test_inactivity(bench):
    """C-212: a client that breaks its promise of requests is unbound as if its connection were lost."""
    wire = bench.ws()
    session = wire.create("&LS_inactivity_millis=1000&LS_keepalive_millis=60000")
    bench.pass_time(1.4)
    assert not wire.connection.aborted
    bench.pass_time(0.6)
    assert wire.connection.aborted
    assert bench.sessions[0].connection is None
    assert bench.ws().send(f"bind_session\r\nLS_session={session}")[0].startswith("CONOK,")


def test_numbering(wire):
    """C-213: data notifications are numbered from 1, the ten data tags only."""
    bench = wire.bench
    session = bench.sessions[0]
    wire.add(1, "a", "f")
    wire.add(2, "b", "f", "DISTINCT", "&LS_snapshot=true")
    bench.post("a", f="1")
    bench.clear("b")
    wire.send("control\r\nLS_reqId=3&LS_op=constrain")
    wire.send("msg\r\nLS_reqId=4&LS_message=m&LS_msg_prog=1")
    wire.send("control\r\nLS_reqId=5&LS_op=delete&LS_subId=1")
    bench.pass_time(20)
    tags = ["SUBOK", "CONF", "SUBOK", "CONF", "EOS", "U", "CS", "MSGDONE", "UNSUB"]
    assert session.log.count == len(tags)
    lines = bench.ws().send(f"bind_session\r\nLS_session={session.session_id}&LS_recovery_from=9&LS_send_sync=false")
    assert lines[-1] == "PROG,9"


def sent(wire, count):
    """Subscribe and let so many data notifications go out; return the lines."""
    lines = wire.add(1, "a", "f")[1:]
    for number in range(count - 2):
        wire.bench.post("a", f=str(number))
    return lines + wire.take()


def recover(bench, session, count):
    return bench.ws().send(f"bind_session\r\nLS_session={session}&LS_recovery_from={count}&LS_send_sync=false")


def test_kept_for_a_limited_time(wire):
    """C-214: sent notifications are kept for a limited time."""
    bench = wire.bench
    session = bench.sessions[0].session_id
    sent(wire, 10)
    bench.pass_time(bench.table.options.recovery_s - 1)
    bench.post("a", f="new")
    assert recover(bench, session, 3)[2] == "PROG,3"
    bench.pass_time(2)
    assert recover(bench, session, 3)[0].startswith("CONERR,4,")
    assert recover(bench, session, 10)[2:] == ["PROG,10", "U,1,1,new"]


def test_kept_to_a_limited_count(make_bench):
    """C-214: sent notifications are kept up to a limited count."""
    wire = make_bench(recovery_lines=4).ws()
    session = wire.create()
    lines = sent(wire, 10)
    wire.lose()
    assert recover(wire.bench, session, 5)[0].startswith("CONERR,4,")
    assert recover(wire.bench, session, 6)[2:] == ["PROG,6", *lines[6:]]


def test_what_was_not_taken_is_not_forgotten(make_bench):
    """C-214: what still waits for the client does not fall out of the store, however small that is."""
    wire = make_bench(recovery_lines=4).ws()
    session = wire.create()
    wire.add(1, "a", "f")
    for number in range(50):
        wire.bench.post("a", f=str(number))
    wire.lose()
    assert recover(wire.bench, session, 2)[2:] == ["PROG,2", *[f"U,1,1,{number}" for number in range(50)]]


def test_recovery(wire):
    """C-215: CONOK, PROG,n with n <= k, then everything from n+1, byte for byte."""
    bench = wire.bench
    session = bench.sessions[0].session_id
    lines = sent(wire, 15)
    wire.lose()
    bench.post("a", f="later")
    answer = recover(bench, session, 11)
    assert answer[0].startswith("CONOK,")
    assert answer[1:] == ["CONS,unlimited", "PROG,11", *lines[11:], "U,1,1,later"]


def test_recovery_while_still_bound(wire):
    """C-215: a client may recover while the server has noticed nothing (a mute connection)."""
    bench = wire.bench
    session = bench.sessions[0].session_id
    lines = sent(wire, 5)
    assert recover(bench, session, 4)[2:] == ["PROG,4", lines[4]]
    bench.post("a", f="x")
    assert wire.take() == []


def test_recovery_by_poll(wire):
    """C-215: a recovery may be a poll, after which an ordinary bind goes on (the official clients' way)."""
    bench = wire.bench
    session = bench.sessions[0].session_id
    lines = sent(wire, 8)
    wire.lose()
    poll = bench.http()
    body = f"LS_session={session}&LS_recovery_from=5&LS_polling=true&LS_polling_millis=0&LS_idle_millis=0"
    assert poll.post("bind_session", body)[2:] == [*["PROG,5", *lines[5:], "LOOP,0"]]
    bench.post("a", f="x")
    assert bench.ws().send(f"bind_session\r\nLS_session={session}&LS_send_sync=false")[2:] == ["U,1,1,x"]


def test_recovery_from_earlier_than_asked(make_bench):
    """C-216: in the test mode n < k, so that the client has to skip."""
    wire = make_bench(prog_back=4).ws()
    session = wire.create()
    lines = sent(wire, 15)
    wire.lose()
    assert recover(wire.bench, session, 15)[2:] == ["PROG,11", *lines[11:]]


@pytest.mark.parametrize("count", ["16", "99999999"])
def test_recovery_beyond_what_was_sent(wire, count):
    """C-217: a point beyond what was sent is CONERR,4; the session is still there."""
    session = wire.bench.sessions[0].session_id
    sent(wire, 15)
    assert recover(wire.bench, session, count)[0].startswith("CONERR,4,")
    assert recover(wire.bench, session, "15")[2:] == ["PROG,15"]


@pytest.mark.parametrize("count", ["-1", "x", ""])
def test_bad_recovery_point(wire, count):
    """C-217: a point that is no number is refused with 65."""
    assert recover(wire.bench, wire.bench.sessions[0].session_id, count)[0].startswith("CONERR,65,")


def test_forgotten(wire):
    """C-217: a fault can make the server forget, so that recovery is refused."""
    sent(wire, 5)
    session = wire.bench.sessions[0]
    session.log.forget_sent()
    assert recover(wire.bench, session.session_id, "3")[0].startswith("CONERR,4,")


def test_no_prog_without_recovery(wire):
    """C-218: no PROG without LS_recovery_from; everything sent before counts as received."""
    bench = wire.bench
    session = bench.sessions[0].session_id
    sent(wire, 5)
    wire.lose()
    lines = bench.ws().send(f"bind_session\r\nLS_session={session}&LS_send_sync=false")
    assert [line.split(",")[0] for line in lines] == ["CONOK", "CONS"]


def poll(bench, session, idle=0, polling=0):
    wire = bench.http()
    more = f"&LS_polling=true&LS_polling_millis={polling}&LS_idle_millis={idle}"
    return wire, wire.post("bind_session", f"LS_session={session}{more}")


@pytest.fixture
def polled(bench):
    """A session made by a poll, with a subscription; its id."""
    wire = bench.http()
    lines = wire.post("create_session", "LS_cid=x&LS_polling=true&LS_polling_millis=0&LS_idle_millis=0")
    assert lines[-1] == "LOOP,0"
    assert wire.connection.closing
    session = lines[0].split(",")[1]
    control = bench.http(session=session)
    assert control.post("control", "LS_reqId=1&LS_op=add&LS_subId=1&LS_mode=MERGE&LS_group=a&LS_schema=f") == [
        "REQOK,1"
    ]
    return session


def test_poll_takes_what_is_ready(bench, polled):
    """C-219: a poll gets what is ready at once, then LOOP."""
    bench.post("a", f="1")
    assert poll(bench, polled, idle=5000)[1][2:] == ["SUBOK,1,1,1", "CONF,1,unlimited,filtered", "U,1,1,1", "LOOP,0"]
    assert poll(bench, polled)[1][2:] == ["LOOP,0"]


def test_poll_waits(bench, polled):
    """C-219: a poll waits up to its idle time for something to say, and no longer; no PROBE, no SYNC."""
    poll(bench, polled)
    wire, lines = poll(bench, polled, idle=5000, polling=300)
    assert lines[0].split(",")[3] == "5000"
    assert len(lines) == 2
    bench.pass_time(3)
    assert wire.take() == []
    bench.post("a", f="1")
    assert wire.take() == ["U,1,1,1", "LOOP,300"]
    assert wire.connection.closing
    wire, _ = poll(bench, polled, idle=5000)
    bench.pass_time(4.9)
    assert wire.take() == []
    bench.pass_time(0.2)
    assert wire.take() == ["LOOP,0"]


def test_poll_without_its_pause(bench, polled):
    """C-219: LS_polling without LS_polling_millis is refused."""
    wire = bench.http()
    assert wire.post("bind_session", f"LS_session={polled}&LS_polling=true")[0].startswith("CONERR,67,")


def test_polled_session_is_kept(bench, polled):
    """C-220: between polls a session is kept for the announced pause and some tolerance."""
    poll(bench, polled, polling=10_000)
    bench.pass_time(10 + bench.table.options.polling_tolerance_s - 0.5)
    assert len(poll(bench, polled, polling=2_000)[1]) == 3
    bench.pass_time(2 + bench.table.options.polling_tolerance_s + 0.5)
    assert not bench.sessions


def test_delayed_answers(wire):
    """C-221: answers to control requests can be delayed; notifications are not."""
    wire.bench.faults.answer_delay_s = 2.0
    assert wire.add(1, "a", "f") == ["SUBOK,1,1,1", "CONF,1,unlimited,filtered"]
    wire.bench.pass_time(1.9)
    assert wire.take() == []
    wire.bench.pass_time(0.2)
    assert wire.take() == ["REQOK,1"]


def test_delayed_answer_over_http(wire):
    """C-221: an HTTP answer that is delayed ends when it is complete."""
    wire.bench.faults.answer_delay_s = 2.0
    control = wire.bench.http(session=wire.bench.sessions[0].session_id)
    assert control.post("control", "LS_reqId=1&LS_op=constrain\r\nLS_reqId=2&LS_op=constrain") == []
    assert not control.connection.closing
    wire.bench.pass_time(2.1)
    assert control.take() == ["REQOK,1", "REQOK,2"]
    assert control.connection.closing


def test_reordered_answers(wire):
    """C-221: the requests of one batch can be answered in reversed order."""
    wire.bench.faults.reverse_answers = True
    lines = wire.send("control\r\nLS_reqId=1&LS_op=constrain\r\nLS_reqId=2&LS_op=constrain")
    assert [line for line in lines if line.startswith("REQ")] == ["REQOK,2", "REQOK,1"]


def test_refused_creation(bench):
    """C-221: the next creations can be refused with any code."""
    bench.faults.refuse_sessions(5, "overloaded", times=2)
    assert [bench.ws().send("create_session\r\nLS_cid=x") for _ in range(2)] == [["CONERR,5,overloaded"]] * 2
    assert bench.ws().create()


def test_forced_loop(wire):
    """C-222: LOOP can be forced at any time; nothing is lost or repeated over it."""
    bench = wire.bench
    session = bench.sessions[0].session_id
    wire.add(1, "a", "f")
    lines = []
    for number in range(10):
        bench.post("a", f=str(number))
        assert bench.table.loop(0, bench.now) == 1
        bench.post("a", f=f"{number}b")
        lines += wire.take()
        wire = bench.ws()
        lines += wire.send(f"bind_session\r\nLS_session={session}&LS_send_sync=false")
    rows = [line for line in lines if line.startswith("U,")]
    assert rows == [f"U,1,1,{number}{half}" for number in range(10) for half in ("", "b")]
    assert lines.count("LOOP,0") == 10


def test_a_client_that_never_reads(make_bench):
    """C-206: for a client that does not read, little is kept, however much happens."""
    wire = make_bench(buffer_lines=100).ws()
    wire.create()
    wire.add(1, "a", "f")
    for number in range(10_000):
        wire.bench.post("a", f=str(number))
    assert len(wire.connection.lines) <= 100
    lines = wire.take()
    while more := wire.take():
        lines += more
    assert lines[-1] == "U,1,1,9999"
    assert len(lines) == 101


def test_a_client_that_only_asks(make_bench):
    """C-151: a client that asks without end and never reads is cut off."""
    wire = make_bench(answer_lines=50).ws()
    wire.create()
    for number in range(60):
        wire.bench.table.receive(wire.connection, f"control\r\nLS_reqId={number}&LS_op=x", wire.bench.now)
    assert wire.connection.aborted
    assert not wire.connection.lines
