"""Rows C-143 to C-151: how the server reads requests (TLCP.md sections 3, 5 and 8)."""

from __future__ import annotations

import pytest


def test_unknown_request_name(wire):
    """C-143: an unknown request name gets ERROR,67 and the connection stays up."""
    for text in ("frobnicate\r\nLS_reqId=1", "", "\r\n", "control"):
        assert wire.send(text)[0].startswith("ERROR,67,")
    assert wire.send("wsok") == ["WSOK"]


@pytest.mark.parametrize("line", ["nonsense", "=x", "LS_op=add&x", "LS_op=%G1", "LS_op=%"])
def test_unreadable_line(wire, line):
    """C-143: an unreadable line gets ERROR,67, or REQERR where its id can be read; the others are carried out."""
    answers = wire.send(f"control\r\n{line}\r\nLS_reqId=2&{line}\r\nLS_reqId=3&LS_op=constrain")
    assert [answer.split(",")[0] for answer in answers] == ["ERROR", "REQERR", "REQOK", "CONS"]
    assert answers[0].startswith("ERROR,67,")
    assert answers[1].startswith("REQERR,2,67,")


@pytest.mark.parametrize("end", ["", "\r\n"])
def test_final_line_end_is_optional(bench, end):
    """C-144: a parameter line may have a final CR-LF or not."""
    wire = bench.ws()
    assert wire.send(f"create_session\r\nLS_cid=x{end}")[0].startswith("CONOK,")
    assert wire.send(f"control\r\nLS_reqId=1&LS_op=constrain{end}") == ["REQOK,1", "CONS,unlimited"]


def test_trailing_ampersand(bench):
    """C-144: real clients end their parameter line with an ampersand."""
    assert bench.ws().send("create_session\r\nLS_cid=x&LS_user=a&\r\n")[0].startswith("CONOK,")


@pytest.mark.parametrize("text", ["wsok", "wsok\r\n"])
def test_wsok(bench, text):
    """C-145: wsok with or without CR-LF is answered before later requests."""
    wire = bench.ws()
    bench.table.receive(wire.connection, text, bench.now)
    assert wire.send("create_session\r\nLS_cid=x")[:1] == ["WSOK"]


def test_percent_and_plus(bench, make_bench):
    """C-146: %xx is UTF-8 in either case; a bare plus is a blank in group and schema, itself elsewhere."""
    wire = bench.ws()
    wire.send("create_session\r\nLS_cid=x&LS_user=caf%c3%A9+%2b&LS_password=a%7Cb%3d%26%25")
    assert bench.asked == [("café++", "a|b=&%")]
    lines = wire.send("control\r\nLS_reqId=1&LS_op=add&LS_subId=1&LS_mode=MERGE&LS_group=a+b%2Bc&LS_schema=f+g%20h")
    assert lines[1] == "SUBOK,1,2,3"
    assert bench.sessions[0].subscriptions[1].layout.items == ("a", "b+c")


def test_absent_and_empty_differ(bench, make_bench):
    """C-147: an absent parameter is not an empty one."""
    bench.ws().send("create_session\r\nLS_cid=x&LS_user=")
    bench.ws().send("create_session\r\nLS_cid=x")
    assert [user for user, _ in bench.asked] == ["", None]
    first, second = bench.ws(), bench.ws()
    first.send("create_session\r\nLS_cid=x&LS_supported_diffs=")
    second.send("create_session\r\nLS_cid=x")
    assert [session.diffs for session in bench.sessions[-2:]] == ["", "TP"]


def test_unknown_parameters(bench):
    """C-148: parameters that the server does not know are passed over."""
    wire = bench.ws()
    assert wire.send("create_session\r\nLS_cause=api&LS_cid=x&LS_old_session=S1&x=y")[0].startswith("CONOK,")
    assert wire.send("control\r\nLS_cause=api&LS_reqId=1&LS_op=constrain&LS_new=%20")[0] == "REQOK,1"


def test_batch(wire):
    """C-149: each line of a batch is a request of its own with its own answer."""
    lines = [
        "LS_reqId=1&LS_op=add&LS_subId=1&LS_mode=MERGE&LS_group=a&LS_schema=f",
        "LS_reqId=2&LS_op=delete&LS_subId=9",
        "LS_reqId=3&LS_op=add&LS_subId=3&LS_mode=MERGE&LS_group=a&LS_schema=f",
    ]
    answers = wire.send("control\r\n" + "\r\n".join(lines))
    assert [line for line in answers if line.startswith("REQ")] == [
        "REQOK,1", "REQERR,2,19,Subscription not found", "REQOK,3",
    ]  # fmt: skip
    assert "SUBOK,1,1,1" in answers
    assert "SUBOK,3,1,1" in answers


def test_session_named_in_the_first_line_only(bench):
    """C-149: real clients name the session only in the first line of a batch."""
    wire = bench.ws("2.1.0")
    session = wire.create()
    answers = wire.send(f"control\r\nLS_session={session}&LS_reqId=1&LS_op=constrain\r\nLS_reqId=2&LS_op=constrain")
    assert [line for line in answers if line.startswith("REQ")] == ["REQOK,1", "REQOK,2"]


@pytest.mark.parametrize("name", ["control", "msg"])
def test_request_without_id(wire, name):
    """C-150: without LS_reqId the answer is ERROR and nothing is done; with one but an error it is REQERR."""
    parameters = "LS_op=add&LS_subId=1&LS_mode=MERGE&LS_group=a&LS_schema=f&LS_message=m&LS_msg_prog=1"
    assert wire.send(f"{name}\r\n{parameters}")[0].startswith("ERROR,67,")
    assert wire.send(f"{name}\r\nLS_reqId=&{parameters}")[0].startswith("ERROR,67,")
    assert not wire.bench.sessions[0].subscriptions
    assert wire.send("control\r\nLS_reqId=a7&LS_op=nonsense")[0].startswith("REQERR,a7,65,")
    assert wire.send("control\r\nLS_reqId=a8")[0].startswith("REQERR,a8,67,")


def test_request_limit(make_bench):
    """C-151: a request longer than announced is refused and not carried out."""
    wire = make_bench(request_limit=200).ws()
    assert wire.send("create_session\r\nLS_cid=x")[0].split(",")[2] == "200"
    assert wire.add(1, "a", "f", more="&x=" + "y" * 200)[0].startswith("ERROR,67,")
    assert not wire.bench.sessions[0].subscriptions
    assert wire.add(1, "a", "f")[0] == "REQOK,1"
