"""Rows C-169 to C-189: control requests and messages (TLCP.md sections 8 and 9)."""

from __future__ import annotations

import pytest

from ig_sdk.simulator import OpenItems


@pytest.fixture
def picky(make_bench):
    """A WebSocket on a server that refuses some names."""
    adapter = OpenItems(
        invalid=["nobody", "nothing", "a rare", "bad message"],
        modes={"merge-only": ["MERGE"]},
        data_adapters=["Pricing"],
    )
    wire = make_bench(adapter).ws()
    wire.create()
    return wire


def tags(lines):
    return [line.split(",")[0] for line in lines]


def test_add(wire):
    """C-169: REQOK, SUBOK, CONF, then updates; LS_ack=false leaves REQOK out on a WebSocket."""
    assert wire.add(1, "a", "f g") == ["REQOK,1", "SUBOK,1,1,2", "CONF,1,unlimited,filtered"]
    assert wire.add(2, "a", "key command", "COMMAND", "&LS_ack=false") == [
        "SUBCMD,2,1,2,1,2", "CONF,2,unlimited,filtered",
    ]  # fmt: skip
    assert wire.add(3, "a", "f", "RAW") == ["REQOK,3", "SUBOK,3,1,1", "CONF,3,unlimited,unfiltered"]


def test_acknowledgement_before_its_time(bench):
    """C-169: LS_ack is of version 2.3.0; before, and on HTTP, REQOK always comes."""
    wire = bench.ws("2.1.0")
    session = wire.create()
    assert wire.add(1, "a", "f", more="&LS_ack=false")[0] == "REQOK,1"
    control = bench.http("2.5.0", session)
    answer = control.post(
        "control", "LS_reqId=2&LS_op=add&LS_subId=2&LS_mode=MERGE&LS_group=a&LS_schema=f&LS_ack=false"
    )
    assert answer == ["REQOK,2"]
    assert control.connection.closing
    assert tags(wire.take()) == ["SUBOK", "CONF"]


def test_counts(wire):
    """C-170: SUBOK states the number of items and fields."""
    assert wire.add(1, "a b c", "f g")[1] == "SUBOK,1,3,2"


@pytest.mark.parametrize("change", ["LS_subId=1", "LS_subId=x", "LS_subId=0", "LS_subId=1.5", "LS_mode=merge"])
def test_bad_number_or_mode(wire, change):
    """C-171: a duplicate or non-integer LS_subId and an unknown mode are refused with 65."""
    wire.add(1, "a", "f")
    wanted = {"LS_subId": "2", "LS_mode": "MERGE", "LS_group": "a", "LS_schema": "f"}
    wanted.update([change.split("=")])
    line = "&".join(f"{name}={value}" for name, value in wanted.items())
    assert wire.send(f"control\r\nLS_reqId=2&LS_op=add&{line}")[0].startswith("REQERR,2,65,")


@pytest.mark.parametrize("name", ["LS_subId", "LS_mode", "LS_group", "LS_schema"])
def test_missing_parameter(wire, name):
    """C-171: a required parameter that is absent is refused with 67."""
    wanted = {"LS_subId": "2", "LS_mode": "MERGE", "LS_group": "a", "LS_schema": "f"}
    del wanted[name]
    line = "&".join(f"{key}={value}" for key, value in wanted.items())
    assert wire.send(f"control\r\nLS_reqId=2&LS_op=add&{line}")[0].startswith("REQERR,2,67,")


@pytest.mark.parametrize(
    ("code", "items", "fields", "mode", "more"),
    [
        (21, "nobody", "f", "MERGE", ""),
        (23, "a", "nothing", "MERGE", ""),
        (22, "a", "rare", "MERGE", ""),
        (17, "a", "f", "MERGE", "&LS_data_adapter=Pricings"),
        (24, "merge-only", "f", "DISTINCT", ""),
        (25, "a", "f", "MERGE", "&LS_selector=x"),
    ],
)
def test_refusals(picky, code, items, fields, mode, more):
    """C-172: unknown group 21, schema 23, combination 22, adapter 17, mode 24, selector 25."""
    assert picky.add(1, items, fields, mode, more)[0].startswith(f"REQERR,1,{code},")
    assert picky.add(1, "a", "f", "MERGE", "&LS_data_adapter=Pricing")[0] == "REQOK,1"


def test_command_fields(wire):
    """C-173: COMMAND without a key field is refused with 15, without a command field with 16."""
    assert wire.add(1, "a", "command f", "COMMAND")[0].startswith("REQERR,1,15,")
    assert wire.add(1, "a", "key f", "COMMAND")[0].startswith("REQERR,1,16,")
    assert wire.add(1, "a", "f command key", "COMMAND")[1] == "SUBCMD,1,1,3,3,2"


def test_errors_without_acknowledgement(picky):
    """C-174: errors are always sent, also with LS_ack=false."""
    assert picky.add(1, "nobody", "f", more="&LS_ack=false")[0].startswith("REQERR,1,21,")


def test_one_bad_item(picky):
    """C-175: one bad item refuses the whole subscription."""
    assert picky.add(1, "a nobody b", "f")[0].startswith("REQERR,1,21,")
    picky.bench.post("a", f="1")
    assert picky.take() == []


def test_forty_items(make_bench):
    """C-172: the 41st item of a session is refused with -1, as IG does; giving some up makes room."""
    wire = make_bench().ws()
    wire.create()
    assert wire.add(1, " ".join(f"i{number}" for number in range(39)), "f")[1] == "SUBOK,1,39,1"
    assert wire.add(2, "x y", "f")[0].startswith("REQERR,2,-1,")
    assert wire.add(3, "x", "f")[0] == "REQOK,3"
    wire.send("control\r\nLS_reqId=4&LS_op=delete&LS_subId=1")
    assert wire.add(5, "x y", "f")[0] == "REQOK,5"


def test_delete(wire):
    """C-176: UNSUB comes after the last update and nothing after it."""
    wire.add(1, "a b", "f")
    wire.bench.post("a", f="1")
    assert wire.send("control\r\nLS_reqId=2&LS_op=delete&LS_subId=1") == ["U,1,1,1", "REQOK,2", "UNSUB,1"]
    wire.bench.post("a", f="2")
    wire.bench.post("b", f="2")
    assert wire.take() == []
    assert wire.add(3, "a", "f")[0] == "REQOK,3"
    assert wire.send("control\r\nLS_reqId=4&LS_op=delete&LS_subId=3&LS_ack=false") == ["UNSUB,3"]


@pytest.mark.parametrize("operation", ["delete", "reconf"])
def test_unknown_subscription(wire, operation):
    """C-177: an operation on an unknown subscription is refused with 19."""
    assert wire.send(f"control\r\nLS_reqId=1&LS_op={operation}&LS_subId=7")[0].startswith("REQERR,1,19,")


def test_reconf(wire):
    """C-178: CONF precedes updates at the new rate; an unfiltered subscription is refused with 13, RAW ignores it."""
    bench = wire.bench
    wire.add(1, "a", "f")
    assert wire.send("control\r\nLS_reqId=2&LS_op=reconf&LS_subId=1&LS_requested_max_frequency=2") == [
        "REQOK,2", "CONF,1,2.0,filtered",
    ]  # fmt: skip
    for value in "123":
        bench.post("a", f=value)
    assert wire.take() == ["U,1,1,1"]
    assert wire.send("control\r\nLS_reqId=3&LS_op=reconf&LS_subId=1&LS_requested_max_frequency=unlimited") == [
        "REQOK,3", "CONF,1,unlimited,filtered", "U,1,1,3",
    ]  # fmt: skip
    assert wire.send("control\r\nLS_reqId=4&LS_op=reconf&LS_subId=1") == ["REQOK,4", "CONF,1,unlimited,filtered"]
    wire.add(5, "a", "f", more="&LS_requested_max_frequency=unfiltered")
    assert wire.send("control\r\nLS_reqId=6&LS_op=reconf&LS_subId=5")[0].startswith("REQERR,6,13,")
    wire.add(7, "a", "f", "RAW")
    change = "LS_op=reconf&LS_subId=7&LS_requested_max_frequency=1"
    assert wire.send(f"control\r\nLS_reqId=8&{change}") == ["REQOK,8", "CONF,7,unlimited,unfiltered"]


@pytest.mark.parametrize("value", ["0", "-1", "x", "1e3", "", "unfiltered"])
def test_bad_frequency(wire, value):
    """C-178: a frequency that is none is refused with 65."""
    wire.add(1, "a", "f")
    change = f"LS_op=reconf&LS_subId=1&LS_requested_max_frequency={value}"
    assert wire.send(f"control\r\nLS_reqId=2&{change}")[0].startswith("REQERR,2,65,")


def test_constrain(wire):
    """C-179: constrain is answered with REQOK and CONS; absent means no change."""
    change = "control\r\nLS_op=constrain&LS_reqId="
    assert wire.send(f"{change}1&LS_requested_max_bandwidth=12.5") == ["REQOK,1", "CONS,12.5"]
    assert wire.send(f"{change}2") == ["REQOK,2", "CONS,12.5"]
    assert wire.send(f"{change}3&LS_requested_max_bandwidth=unlimited") == ["REQOK,3", "CONS,unlimited"]
    assert wire.send(f"{change}4&LS_requested_max_bandwidth=x")[0].startswith("REQERR,4,65,")


def test_force_rebind(wire):
    """C-180: force_rebind gives REQOK and LOOP and unbinds; the socket closes only if told."""
    rebind = "control\r\nLS_reqId=1&LS_op=force_rebind"
    assert wire.send(rebind) == ["REQOK,1", "LOOP,0"]
    assert not wire.connection.closing
    assert wire.bench.sessions[0].connection is None
    assert wire.send("bind_session\r\nx=y")[0].startswith("CONOK,")
    assert wire.send(f"{rebind}&LS_close_socket=true")[-2:] == ["REQOK,1", "LOOP,0"]
    assert wire.connection.closing


@pytest.mark.parametrize(
    ("more", "end"),
    [
        ("", "END,31,Destroy invoked by client"),
        ("&LS_cause_code=-4&LS_cause_message=closed%2C%20sorry", "END,-4,closed%2C sorry"),
        ("&LS_cause_code=12&LS_cause_message=m", "END,0,m"),
        ("&LS_cause_code=0", "END,0,null"),
        (f"&LS_cause_code=0&LS_cause_message={'m' * 36}", "END,0,[Custom message skipped]"),
        ("&LS_cause_message=m", "END,31,Destroy invoked by client"),
    ],
)
def test_destroy(wire, more, end):
    """C-181: destroy gives REQOK and END with 31, or the custom code (positive becomes 0) and message."""
    assert wire.send(f"control\r\nLS_reqId=1&LS_op=destroy{more}") == ["REQOK,1", end]
    assert not wire.bench.sessions
    assert not wire.connection.closing
    assert wire.create()


def test_destroy_and_close(wire):
    """C-182: destroy closes the socket when told."""
    assert wire.send("control\r\nLS_reqId=1&LS_op=destroy&LS_close_socket=true")[0] == "REQOK,1"
    assert wire.connection.closing


def test_destroy_while_unbound(wire):
    """C-181: while unbound there is nobody to send END to; the session is gone."""
    session = wire.bench.sessions[0].session_id
    wire.lose()
    control = wire.bench.http(session=session)
    assert control.post("control", "LS_reqId=1&LS_op=destroy") == ["REQOK,1"]
    assert not wire.bench.sessions


def test_heartbeat(wire):
    """C-183: a heartbeat has no answer on a WebSocket, REQOK on HTTP, also for an unknown session."""
    for text in ("heartbeat\r\n\r\n", "heartbeat\r\nLS_session=S1", "heartbeat\r\n"):
        assert wire.send(text) == []
    assert wire.send("heartbeat\r\nnonsense")[0].startswith("ERROR,67,")
    for body in ("", "\r\n", "LS_session=S1"):
        http = wire.bench.http()
        assert http.post("heartbeat", body) == ["REQOK"]
        assert http.connection.closing


def test_requests_reset_the_inactivity_timer(bench):
    """C-184: a heartbeat, a control request, even one that fails, shows that the client is there."""
    wire = bench.ws()
    wire.create("&LS_inactivity_millis=1000")
    for text in ("heartbeat\r\n\r\n", "control\r\nLS_reqId=1&LS_op=constrain", "control\r\nLS_reqId=2&LS_op=x") * 3:
        bench.pass_time(1.0)
        wire.send(text)
    assert bench.sessions[0].connection is not None
    bench.pass_time(3.0)
    assert bench.sessions[0].connection is None


def test_message(wire):
    """C-185: REQOK, then MSGDONE, unless the client wants no outcome; MSGFAIL when the adapter refuses."""
    assert wire.send("msg\r\nLS_reqId=1&LS_message=Hi&LS_msg_prog=1") == ["REQOK,1", "MSGDONE,*,1,HI"]
    assert wire.send("msg\r\nLS_reqId=2&LS_message=Hi&LS_outcome=false") == ["REQOK,2"]
    assert wire.send("msg\r\nLS_reqId=3&LS_message=Hi&LS_outcome=false&LS_ack=false") == []
    numbered = "msg\r\nLS_reqId=3&LS_message=Hi&LS_outcome=false&LS_sequence=s&LS_msg_prog=1"
    assert wire.send(numbered) == ["REQOK,3"]
    assert wire.send("msg\r\nLS_reqId=4&LS_message=Hi")[0].startswith("REQERR,4,67,")
    assert wire.send("msg\r\nLS_reqId=5&LS_msg_prog=1")[0].startswith("REQERR,5,67,")
    for name in ("UNORDERED_MESSAGES", "a-b", ""):
        text = f"msg\r\nLS_reqId=6&LS_message=m&LS_msg_prog=1&LS_sequence={name}"
        assert wire.send(text)[0].startswith("REQERR,6,65,")


def test_message_refused_by_the_adapter(picky):
    """C-185: a message that the adapter refuses gives MSGFAIL with its code."""
    lines = picky.send("msg\r\nLS_reqId=1&LS_message=bad%20message&LS_msg_prog=9")
    assert lines == ["REQOK,1", "MSGFAIL,*,9,-1,Refused by the adapter"]


def message(number, sequence="CHAT", more=""):
    name = f"LS_sequence={sequence}&LS_msg_prog={number}"
    return f"msg\r\nLS_reqId={number}&LS_ack=false&LS_message=m{number}&{name}{more}"


def test_sequence(wire):
    """C-186: a sequence is processed in order of its numbers; each sequence on its own."""
    assert wire.send(message(2)) == []
    assert wire.send(message(3)) == []
    assert wire.send(message(1, "OTHER")) == ["MSGDONE,OTHER,1,M1"]
    assert wire.send(message(1)) == ["MSGDONE,CHAT,1,M1", "MSGDONE,CHAT,2,M2", "MSGDONE,CHAT,3,M3"]
    assert wire.send(message(2))[0].startswith("REQERR,2,32,")


@pytest.mark.parametrize(("number", "failure"), [(2, "MSGFAIL,CHAT,1,38,"), (4, "MSGFAIL,CHAT,3,39,3")])
def test_sequence_with_a_gap(wire, number, failure):
    """C-186: a gap is skipped after LS_max_wait with MSGFAIL 38, or 39 and the count; its numbers are refused with 33."""
    assert wire.send(message(number, more="&LS_max_wait=500")) == []
    wire.bench.pass_time(0.4)
    assert wire.take() == []
    wire.bench.pass_time(0.2)
    lines = wire.take()
    assert lines[0].startswith(failure)
    assert lines[1] == f"MSGDONE,CHAT,{number},M{number}"
    assert wire.send(message(1))[0].startswith("REQERR,1,33,")


def test_message_done_by_version(bench):
    """C-187: MSGDONE has three arguments from 2.5.0, two before."""
    for version, line in (("2.5.0", "MSGDONE,*,1,HI"), ("2.4.0", "MSGDONE,*,1")):
        wire = bench.ws(version)
        wire.create()
        assert wire.send("msg\r\nLS_reqId=1&LS_message=Hi&LS_msg_prog=1")[1] == line


@pytest.mark.parametrize("operation", ["register", "reset_badge", "activate", "pn_reconf", "deactivate"])
def test_mobile_push(wire, operation):
    """C-188: operations of mobile push are refused with 40."""
    assert wire.send(f"control\r\nLS_reqId=1&LS_op={operation}") == ["REQERR,1,40,MPN disabled"]


def test_unknown_session(bench):
    """C-189: an unknown session is refused with 20, one of another instance with 11."""
    wire = bench.ws()
    for request in ("control\r\nLS_op=constrain", "msg\r\nLS_message=m&LS_msg_prog=1"):
        assert wire.send(f"{request}&LS_reqId=1&LS_session=S1")[0].startswith("REQERR,1,20,")
        assert wire.send(f"{request}&LS_reqId=1")[0].startswith("REQERR,1,20,")
        foreign = "S98d4635f6979fe17Ma7eT3149399"
        assert wire.send(f"{request}&LS_reqId=1&LS_session={foreign}")[0].startswith("REQERR,1,11,")
