"""Rows C-100 to C-130: liveness, LOOP, recovery, ends, retries, messages, secrets."""

from __future__ import annotations

import pytest

from ig_sdk.errors import StreamError, StreamRefused, UsageError
from ig_sdk.lightstreamer.tlcp.events import ErrorOccurred, MessageOutcome, StatusChanged, Subscribed
from ig_sdk.lightstreamer.tlcp.policy import session_verdict
from ig_sdk.lightstreamer.tlcp.transitions import TRANSITIONS, Phase, Trigger

DATA = [
    "U,1,1,a|b",
    "EOS,1,1",
    "CS,1,1",
    "OV,1,1,3",
    "CONF,1,unlimited,filtered",
    "MSGDONE,*,9,",
    "MSGFAIL,*,9,1,x",
    "U,77,1,unknown",
    "UNSUB,1",
]
OTHER = [
    "PROBE",
    "SYNC,5",
    "NOOP,x",
    "CONS,5",
    "CLIENTIP,1.1.1.1",
    "SERVNAME,x",
    "REQOK,77",
    "MPNDEL,x",
    "WHAT,1",
    "PROG,1",
]


def test_c100_c101_stall_and_drop(started):
    """C-100, C-101: keepalive and tolerance without a line are a stall, some more a drop; every line starts anew."""
    started.wait(6.9).say("PROBE").wait(6.9).say("NOOP,x")
    assert started.states == []
    started.wait(7.0)
    assert started.states == ["STALLED"]
    assert started.say("PROBE").states == ["STALLED", "CONNECTED resumed"]
    started.wait(9.9)
    assert started.states[-1] == "STALLED"
    assert not started.connects
    started.wait(0.1)
    assert started.states[-1] == "RECONNECTING"
    assert started.log == ["Disconnect", "Connect"]
    assert not started.connects[0].new_session


def test_stall_is_not_declared_while_the_shell_does_not_read(started):
    """Back-pressure is no silence of the server's."""
    started.now += 60
    started.session.reading(started.now)
    started.wait(6.9)
    assert started.states == []


def test_c102_recovery_at_once(started):
    """C-102: a broken connection is followed by the next one without waiting."""
    started.lost()
    assert started.log == ["Disconnect", "Connect"]
    assert started.states == ["RECONNECTING"]


def test_c103_heartbeat(make_client):
    """C-103: a heartbeat when nothing else was sent for the promised time; a request counts as one."""
    client = make_client(inactivity_ms=10_000, stall_tolerance_s=100).start()
    client.wait(8).subscribe()
    client.wait(3)
    assert [send.request.name for send in client.sends] == ["control"]
    client.say("REQOK,1", "SUBOK,1,1,2").wait(7)
    assert [send.request.name for send in client.sends] == ["control", "heartbeat"]
    client.wait(10)
    assert [send.request.name for send in client.sends].count("heartbeat") == 2
    client = make_client().start()
    assert not client.wait(6).sends


@pytest.mark.parametrize(("line", "wait"), [("LOOP,0", 0), ("LOOP,2500", 2.5)])
def test_c104_c105_c106_loop(started, line, wait):
    """C-104, C-105, C-106: bind again after the delay, without LS_recovery_from, without subscribing again."""
    started.subscribed("U,1,1,a|b")
    started.forget().say(line)
    if wait:
        assert not started.wait(wait - 0.1).connects
        started.wait(0.1)
    assert not started.connects[0].new_session
    started.open()
    assert started.parameters == [{"LS_session": "S1", "LS_send_sync": "false"}]
    started.say("CONOK,S1,50000,5000,*", "U,1,1,|c")
    assert started.rows == [["a", "c"]]
    assert started.states == ["CONNECTED resumed"]
    assert not started.operations("add")


def test_loop_with_an_absurd_delay(started):
    """LOOP cannot send the client away for good."""
    assert started.say("LOOP,99999999999999").wait(61).connects


def test_loops_without_end_are_slowed_down(started):
    """A server that answers every bind with LOOP is asked ever less often."""
    started.say("LOOP,0")
    times = []
    for _ in range(5):
        times.append(started.now)
        started.open().say("CONOK,S1,50000,5000,*", "LOOP,0").wait(10)
    assert len(started.connects) <= 6


@pytest.mark.parametrize("line", DATA)
def test_c107_data_lines_count(started, line):
    """C-107: each of the ten data notifications counts once."""
    started.subscribed(mode="DISTINCT")
    assert started.say(line).count == 2


def test_c107_subcmd_counts(started):
    """C-107: SUBCMD counts as SUBOK does."""
    started.subscribed(mode="COMMAND")
    assert started.count == 1


@pytest.mark.parametrize("line", OTHER)
def test_c107_other_lines_do_not_count(started, line):
    """C-107: nothing else counts."""
    started.subscribed()
    assert started.say(line).count == 1
    assert started.session.status == "CONNECTED"


def test_c107_c108_count_over_connections(started):
    """C-107, C-108: the count runs on over LOOP and recovery, and is sent after a break."""
    started.subscribed("CONF,1,unlimited,filtered", *[f"U,1,1,{n}|" if n else "U,1,1,0|x" for n in range(13)])
    started.say("LOOP,0").open().say("CONOK,S1,50000,5000,*", "U,1,1,a|")
    started.forget().lost().open()
    assert started.parameters == [{"LS_session": "S1", "LS_recovery_from": "16", "LS_send_sync": "false"}]


def test_c109_old_connection_is_not_listened_to(started):
    """C-109: what still comes from the old connection is ignored."""
    started.subscribed("U,1,1,a|b")
    started.lost().say("U,1,1,c|")
    assert started.rows == [["a", "b"]]
    assert started.count == 2


@pytest.mark.parametrize("position", range(6))
def test_c110_c111_repetitions_are_skipped(started, position):
    """C-110, C-111: what was processed is skipped and not counted again; what is new is processed; other lines are obeyed."""
    lines = ["SUBOK,1,1,2", "CONF,1,unlimited,filtered", "U,1,1,a|b", "U,1,1,|c", "U,1,1,d|", "U,1,1,|e", "U,1,1,f|"]
    started.subscribe()
    started.say(*lines[:5])
    started.recover(f"PROG,{position}", *lines[position:5], "CONS,7", *lines[5:])
    assert started.rows == [["a", "b"], ["a", "c"], ["d", "c"], ["d", "e"], ["f", "e"]]
    assert started.count == 7
    assert started.session.counter.skipped == 5 - position
    assert started.session.facts.bandwidth == "7"
    assert len(started.of(Subscribed)) == 1
    assert started.states[-1] == "CONNECTED recovered"


@pytest.mark.parametrize("position", [3, 100, 999999999])
def test_c112_prog_beyond_the_count(started, position):
    """C-112: a server that begins beyond what was received has lost something: a new session."""
    started.subscribed("U,1,1,a|b")
    started.recover(f"PROG,{position}")
    assert started.connects[-1].new_session


@pytest.mark.parametrize("position", [0, 3, -1])
def test_c112_unexpected_prog(started, position):
    """C-112: PROG without a recovery is harmless with the expected number, else the session is replaced."""
    started.subscribed("U,1,1,a|b", "PROG,2")
    assert not started.connects
    started.say(f"PROG,{position}")
    assert started.connects[-1].new_session


def test_data_before_prog(started):
    """A recovery that does not say where it begins is worth nothing."""
    started.subscribed("U,1,1,a|b")
    started.recover("U,1,1,c|")
    assert started.connects[-1].new_session
    assert started.rows == [["a", "b"]]


def test_recovery_without_anything_to_send(started):
    """A server with nothing to send may owe PROG until it has; its PROBE says that the session is there."""
    started.subscribed("U,1,1,a|b")
    started.recover("CONS,unlimited")
    assert started.states[-1] == "RECONNECTING"
    assert started.say("PROBE").states[-1] == "CONNECTED recovered"
    assert started.say("U,1,1,c|").rows[-1] == ["c", "b"]


@pytest.mark.parametrize(
    "refusal", ["CONERR,4,gone", "CONERR,20,none", "CONERR,21,not here", "CONERR,3,old", "END,32,closed"]
)
def test_c113_c126_refused_recovery(started, refusal):
    """C-113, C-126: a refused bind, or END in answer to it, means a new session and everything subscribed again."""
    first = started.subscribed("U,1,1,a|b")
    second = started.subscribed("U,2,1,a|b")
    started.forget().lost().open().say(refusal).wait(5)
    assert started.connects[-1].new_session
    started.open()
    assert [line["LS_subId"] for line in started.operations("add")] == [str(first), str(second)]
    started.say("CONOK,S2,50000,5000,*", "SUBOK,1,1,2", "U,1,1,x|y")
    assert started.rows == [["x", "y"]]
    assert started.updates[0].is_snapshot


def test_c114_replacement_is_told_with_the_gap(started):
    """C-114: a new session in place of an old one says so, and how long nothing was heard."""
    started.subscribed("U,1,1,a|b")
    started.wait(2).lost().wait(1)
    started.open().say("CONERR,4,gone").wait(5).open().say("CONOK,S2,50000,5000,*")
    event = started.of(StatusChanged)[-1]
    assert (event.status, event.continuity) == ("CONNECTED", "replaced")
    assert event.gap_s == pytest.approx(8.0)  # from the last line to the new session
    assert event.session_id == "S2"


def test_c115_loop_in_the_middle_of_a_recovery(started):
    """C-115: LOOP while repetitions are skipped: a plain bind, and the skipping goes on."""
    started.subscribed("U,1,1,a|b", "U,1,1,c|", "U,1,1,d|")
    started.recover("PROG,1", "U,1,1,a|b", "LOOP,0")
    started.forget().open().say("CONOK,S1,50000,5000,*", "U,1,1,c|", "U,1,1,d|", "U,1,1,e|")
    assert started.parameters == [{"LS_session": "S1", "LS_send_sync": "false"}]
    assert started.rows == [["e", "b"]]
    assert started.count == 5


def test_loop_before_prog(started):
    """LOOP before PROG leaves open where the server is: it is asked again."""
    started.subscribed("U,1,1,a|b")
    started.recover("LOOP,0")
    started.forget().wait(2).open()
    assert started.parameters[0]["LS_recovery_from"] == "2"


def test_c116_new_session_counts_from_zero(started):
    """C-116: the count begins anew with each session."""
    started.subscribed("U,1,1,a|b", "END,48,x")
    started.open().say("CONOK,S2,50000,5000,*", "SUBOK,1,1,2")
    assert started.count == 1
    started.forget().lost().open()
    assert started.parameters[0]["LS_recovery_from"] == "1"


def test_recovery_is_tried_for_a_limited_time(make_client):
    """After recovery_s the old session is not asked for any more."""
    client = make_client(recovery_s=15).start()
    client.lost()
    for _ in range(8):
        client.lost().wait(30)
    kinds = [connect.new_session for connect in client.connects]
    assert kinds[0] is False
    assert kinds[-1] is True
    assert kinds == sorted(kinds)


def test_no_recovery_before_2_1_0(make_client):
    """TLCP 2.0 cannot recover: a new session follows a break."""
    client = make_client(versions=("2.0.0",)).start()
    client.lost()
    assert client.connects[0].new_session


@pytest.mark.parametrize("code", [41, 48])
def test_c117_end_of_life_is_followed_at_once(started, code):
    """C-117: END 48 and 41 mean a new session without waiting."""
    started.say(f"END,{code},too old")
    assert started.log == ["Disconnect", "Connect"]
    assert started.connects[0].new_session


def test_end_48_again_and_again_is_slowed_down(started):
    """A server that ends every session at once is not chased at full speed."""
    for number in range(20):
        started.say("END,48,x").wait(2).open().say(f"CONOK,S{number},50000,5000,*")
    assert len(started.connects) < 8


@pytest.mark.parametrize(
    "line", ["END,35,other client", "END,40,rebound", "END,-3,administrator", "END,2,x", "ERROR,67,bad"]
)
def test_c118_c122_ends_that_stop(started, line):
    """C-118, C-121, C-122: stop and tell code and text; nothing is retried."""
    started.subscribed("U,1,1,a|b")
    started.forget().say(line).wait(1000)
    event = started.of(StatusChanged)[-1]
    _, code, text = line.split(",")
    assert (event.status, event.error.code) == ("FAILED", int(code))
    assert text in str(event.error)
    assert not started.connects
    assert started.log[-1] == "Disconnect"
    assert started.session.deadline is None


@pytest.mark.parametrize("code", [2, 35, 40, 60, 64, 67, 70, 71, -1, 0])
def test_c118_c121_refusals_that_stop(client, code):
    """C-118, C-121: a refused creation that cannot get better stops."""
    client.connect().open().say(f"CONERR,{code},no")
    assert client.states[-1] == "FAILED"
    assert client.of(StatusChanged)[-1].error.code == code
    assert client.wait(1000).connects[1:] == []


def test_c118_end_31_of_our_own(started):
    """C-118: END 31 after our own destroy is the orderly end."""
    started.close().say("REQOK,1", "END,31,Destroy invoked by client")
    assert started.states == ["DISCONNECTED"]
    assert not started.wait(1000).connects


def test_end_31_of_somebody_else_is_retried(started):
    """END 31 that we did not ask for: a new session after a wait."""
    started.say("END,31,destroyed")
    assert not started.connects
    assert started.wait(1).connects[0].new_session


def test_c118_credentials_are_asked_for_once_more(client):
    """C-118: CONERR 1 asks for fresh credentials once, then stops; a session that worked gives another chance."""
    client.connect().open("u", "old").say("CONERR,1,refused")
    assert [connect.refused for connect in client.connects] == [False, True]
    client.open("u", "new").say("CONOK,S1,50000,5000,*")
    client.subscribed("U,1,1,a|b", "END,48,x")
    client.open("u", "new").say("CONERR,1,refused")
    assert client.connects[-1].refused
    client.open("u", "newer").say("CONERR,1,refused")
    assert client.states[-1] == "FAILED"
    client.forget().connect()
    assert not client.connects[0].refused


@pytest.mark.parametrize("code", [5, 6, 7, 10, 33])
def test_c119_refusals_that_pass(client, code):
    """C-119: overload and the like are tried again after a wait, for ever."""
    client.connect()
    for _ in range(30):
        client.open().say(f"CONERR,{code},later")
        assert client.states[-1] == "RECONNECTING"
        assert client.of(StatusChanged)[-1].retry_in_s > 0
        client.wait(60)
    assert len(client.connects) == 31


@pytest.mark.parametrize("code", [66, 68, 12, 999])
def test_refusals_that_may_pass_are_tried_a_few_times(make_client, code):
    """Codes that are nobody's certain fault, or new to us, are given a few attempts."""
    client = make_client(few_attempts=3).connect()
    for _ in range(10):
        client.open().say(f"CONERR,{code},hm").wait(60)
    assert client.states[-1] == "FAILED"
    assert len(client.connects) == 4


def test_c120_the_tag_chooses_the_catalogue(started):
    """C-120: 21 is a bad group to a subscription, a foreign instance to a bind, and 11 the other way round."""
    identifier = started.subscribe()
    started.say("REQERR,1,21,bad group")
    assert started.session.status == "CONNECTED"
    assert identifier
    started.forget().lost().open().say("CONERR,21,elsewhere")
    assert started.wait(2).connects[-1].new_session


def test_foreign_instance_twice_stops(started):
    """A session that is never where it is looked for (21) is an affinity problem: stop."""
    for _ in range(2):
        started.lost().wait(5).open().say("CONERR,21,elsewhere").wait(5).open().say("CONOK,S2,50000,5000,*")
    assert started.session.status == "FAILED"


def test_streaming_not_licensed_means_polling(client):
    """CONERR 11: polling is tried where it is allowed."""
    client.connect().open().say("CONERR,11,no streaming")
    assert client.connects[-1].transport == "http-polling"
    client.open().say("CONERR,11,no streaming")
    assert client.states[-1] == "FAILED"


def test_c123_version_steps_down(make_client):
    """C-123: CONERR 65 that names the version: the next version, each once; the version in use is readable."""
    client = make_client(versions=("2.5.0", "2.4.0")).connect().open()
    client.say("CONERR,65,Unsupported protocol version: 2.5.0")
    assert client.connects[-1].subprotocol == "TLCP-2.4.0.lightstreamer.com"
    assert client.connects[-1].new_session
    assert client.session.version == "2.4.0"
    client.open().say("CONOK,S1,50000,5000,*", "END,48,x")
    assert client.connects[-1].version == "2.4.0"
    client.open().say("CONERR,65,Unsupported protocol version: 2.4.0")
    assert client.states[-1] == "FAILED"


def test_c123_code_65_about_something_else(client):
    """C-123: code 65 for any other value stops, with no other version tried."""
    client.connect().open().say("CONERR,65,Invalid value for LS_user")
    assert client.states[-1] == "FAILED"


def test_c124_backoff(make_client):
    """C-124: waits grow to a limit as configured, and every wait is told."""
    client = make_client(initial_delay_s=4, max_delay_s=60, multiplier=2).connect()
    waits = []
    for _ in range(7):
        client.lost()
        waits.append(client.of(StatusChanged)[-1].retry_in_s)
        client.wait(waits[-1])
    assert waits == [4, 8, 16, 32, 60, 60, 60]
    assert [event.attempt for event in client.of(StatusChanged)][1:] == [1, 2, 3, 4, 5, 6, 7]


def test_backoff_resets_at_the_first_update_only(started):
    """DESIGN section 5: a handshake and SUBOK do not reset the backoff, an update does."""
    started.subscribed()
    for expected in (0.0, 0.0, 1.0, 2.0, 4.0):
        started.lost()
        assert started.of(StatusChanged)[-1].retry_in_s == expected
        started.wait(expected).open().say("CONOK,S1,50000,5000,*", "PROG,1")
    started.say("U,1,1,a|b").lost()
    assert started.of(StatusChanged)[-1].retry_in_s == 0.0


def test_backoff_resets_after_a_keepalive_period(started):
    """DESIGN section 5: a quiet session that stayed bound for a keepalive period resets the backoff too."""
    for _ in range(3):
        started.lost().wait(1).open().say("CONOK,S1,50000,5000,*", "PROG,0")
    started.wait(4.9).lost()
    assert started.of(StatusChanged)[-1].retry_in_s > 0
    started.wait(2).open().say("CONOK,S1,50000,5000,*", "PROG,0").wait(5).lost()
    assert started.of(StatusChanged)[-1].retry_in_s == 0.0


def test_mute_server_is_not_chased(started):
    """A server that binds and then stays mute for ever does not reset the backoff by having been bound."""
    for _ in range(4):
        started.wait(10).wait(40).open().say("CONOK,S1,50000,5000,*", "PROG,0")
    assert started.of(StatusChanged)[-2].retry_in_s > 1


@pytest.mark.parametrize("end", ["END,31,x", None, "socket"])
def test_c125_close(started, end):
    """C-125: destroy with LS_close_socket, and the socket closed at END, with the socket, or after a short wait."""
    started.close()
    assert started.sent == ["control\r\nLS_reqId=1&LS_op=destroy&LS_close_socket=true"]
    assert started.log == ["Send"]
    if end == "socket":
        started.lost()
    elif end:
        started.say(end)
    else:
        started.wait(1.0)
    assert started.log == ["Send", "Disconnect"]
    assert started.states == ["DISCONNECTED"]
    assert started.session.deadline is None


@pytest.mark.parametrize(
    "phase", ["idle", "connecting", "creating", "waiting", "binding", "failed", "closing", "closed"]
)
def test_close_in_every_phase(make_client, phase):
    """Closing always ends in DISCONNECTED within the time allowed, and connecting again works."""
    client = make_client()
    if phase != "idle":
        client.connect()
    if phase == "creating":
        client.open()
    if phase in ("binding", "closing", "closed"):
        client.open().say("CONOK,S1,50000,5000,*")
    if phase == "waiting":
        client.lost()
    if phase == "binding":
        client.lost().open()
    if phase == "failed":
        client.open().say("CONERR,2,x")
    if phase in ("closing", "closed"):
        client.close()
    if phase == "closed":
        client.wait(2)
    client.close().wait(1.0)
    client.close()
    assert client.session.status == "DISCONNECTED"
    assert client.session.deadline is None
    client.forget().connect()
    assert client.connects
    client.open().say("CONOK,S9,50000,5000,*")
    assert client.states == ["CONNECTING", "CONNECTED new"]


def test_nothing_is_delivered_after_close(started):
    """Updates that come while the session is being destroyed are for nobody."""
    started.subscribed("U,1,1,a|b")
    started.close().say("U,1,1,c|", "garbage,x", "SUBOK,x", "LOOP,0", "PROG,99", "CONOK,S1,1,1,*", "REQERR,9,20,x")
    assert started.rows == [["a", "b"]]
    assert started.wait(1).session.status == "DISCONNECTED"


def test_close_over_http(make_client):
    """Over HTTP the answer to the destroy request ends the session."""
    client = make_client(transports=("http-streaming",)).start()
    client.close().answer("REQOK,1\r\n")
    assert client.states == ["DISCONNECTED"]


def test_abort(client):
    """What only a person can put right stops the session with the given error."""
    error = StreamError("no credentials")
    client.connect()
    client.session.abort(client.now, error)
    assert client.pump().of(StatusChanged)[-1].error is error
    assert client.states[-1] == "FAILED"


def test_c127_msgfail_39(started):
    """C-127: MSGFAIL 39 tells of the last N messages of the sequence."""
    ids = [started.session.send_message(text, started.now, sequence="s") for text in "abcd"]
    other = started.session.send_message("e", started.now)
    started.pump().say("MSGFAIL,s,3,39,2", "MSGDONE,*,1,")
    outcomes = {event.message_id: event.status for event in started.of(MessageOutcome)}
    assert outcomes == {ids[1]: "discarded", ids[2]: "discarded", other: "done"}
    started.say("MSGFAIL,s,4,39,nonsense", "MSGFAIL,s,4,39,999999999999")
    assert len(started.of(MessageOutcome)) == 4


def test_c128_prog_with_sequence_or_outcome(started):
    """C-128: LS_msg_prog whenever a sequence or an outcome is used, from 1 in each sequence."""
    send = started.session.send_message
    send("a", started.now, sequence="s", outcome=False)
    send("b", started.now, sequence="s", max_wait_ms=100)
    send("c", started.now)
    send("d", started.now, outcome=False)
    started.pump()
    keys = ("LS_sequence", "LS_msg_prog", "LS_max_wait", "LS_outcome")
    assert [[line.get(key) for key in keys] for line in started.parameters] == [
        ["s", "1", None, "false"],
        ["s", "2", "100", None],
        [None, "1", None, None],
        [None, None, None, "false"],
    ]


def test_message_outcomes(started):
    """Done, failed and refused messages are told by id; answers for nobody are ignored."""
    ids = [started.session.send_message(text, started.now) for text in "abcd"]
    started.pump().say(
        "REQOK,1", "MSGDONE,*,1,fine", "MSGFAIL,*,2,-9,no", "REQERR,3,35,exception", "MSGDONE,*,3,", "MSGDONE,*,99,"
    )
    assert started.of(MessageOutcome) == [
        MessageOutcome(ids[0], "done", None, "fine"),
        MessageOutcome(ids[1], "failed", -9, "no"),
        MessageOutcome(ids[2], "failed", 35, "exception"),
    ]


def test_messages_and_a_lost_session(started):
    """What was sent is never sent again: unknown. What was not sent goes out in the next session."""
    sent = started.session.send_message("a", started.now)
    started.pump().lost()
    waiting = started.session.send_message("b", started.now)
    started.open().say("CONERR,4,gone")
    assert started.of(MessageOutcome) == [MessageOutcome(sent, "unknown")]
    started.wait(5).open().say("CONOK,S2,50000,5000,*", "MSGDONE,*,1,")
    assert started.of(MessageOutcome)[1] == MessageOutcome(waiting, "done")
    assert [line["LS_message"] for line in started.parameters if "LS_message" in line] == ["a", "b"]


def test_messages_and_a_recovered_session(started):
    """A recovered session still owes the outcome; only a message with a number in a sequence is sent once more."""
    plain = started.session.send_message("a", started.now)
    numbered = started.session.send_message("b", started.now, sequence="s")
    started.pump().recover("PROG,0").wait(4.5)
    texts = [line["LS_message"] for line in started.parameters if "LS_message" in line]
    assert texts == ["a", "b", "b"]
    started.say("REQERR,3,32,already", "MSGDONE,s,1,", "MSGDONE,*,1,")
    assert [event.message_id for event in started.of(MessageOutcome)] == [numbered, plain]


def test_messages_are_bounded_and_aborted(make_client):
    """Messages wait for a session in bounded number, and are told off at close."""
    client = make_client(max_messages=3)
    ids = [client.session.send_message("x", client.now) for _ in range(3)]
    with pytest.raises(UsageError):
        client.session.send_message("x", client.now)
    for wrong in ({"sequence": "a b"}, {"sequence": "UNORDERED_MESSAGES"}, {"max_wait_ms": 5}):
        with pytest.raises(ValueError):
            client.session.send_message("x", client.now, **wrong)
    client.connect().close()
    assert client.of(MessageOutcome) == [MessageOutcome(identifier, "aborted") for identifier in ids]


def test_c130_no_password_in_what_is_printed(client):
    """C-130: neither a request, nor an action, nor the session shows the password."""
    client.connect().open("user", "hunter2")
    assert "hunter2" in client.sent[1]
    shown = repr(client.sends) + repr(client.sends[1].request) + repr(vars(client.session)) + repr(client.events)
    assert "hunter2" not in shown
    assert "***" in shown


def test_unanswered_creation(client):
    """No answer to the creation in time: dropped, and tried again."""
    client.connect().open().wait(9.9)
    assert client.states == ["CONNECTING"]
    client.wait(0.1)
    assert client.states[-1] == "RECONNECTING"
    assert client.log[-1] == "Disconnect"


def test_unanswered_request_is_sent_once_more(started):
    """A request without an answer is sent once more, under a new id, and then told; a late answer still counts."""
    started.subscribe()
    started.say("PROBE").wait(4)
    assert [line["LS_reqId"] for line in started.operations("add")] == ["1", "2"]
    started.say("SUBOK,1,1,2", "REQERR,2,65,duplicate", "REQOK,1")
    assert [type(event) for event in started.events] == [Subscribed]
    second = started.subscribe()
    for _ in range(4):
        started.say("PROBE").wait(4)
    assert len([line for line in started.operations("add") if line["LS_subId"] == str(second)]) == 2
    assert len(started.of(ErrorOccurred)) == 1


def test_request_lost_with_its_connection(started):
    """A subscription asked for on a connection that broke is asked for again once the session is recovered."""
    started.subscribe()
    started.recover("PROG,0").wait(4.5)
    assert len(started.operations("add")) == 2
    later = started.subscribe()
    started.lost().open()
    assert later
    last = started.subscribe()
    started.say("CONOK,S1,50000,5000,*", "PROG,0")
    assert [line["LS_subId"] for line in started.operations("add")][-1] == str(last)


def test_transports_step_down(client):
    """A transport that cannot work here gives way to the next at once, the last one to the first after a wait."""
    client.connect().lost(unavailable=True).lost(unavailable=True).lost(unavailable=True)
    assert [connect.transport for connect in client.connects] == ["ws", "http-streaming", "http-polling"]
    client.wait(1)
    assert client.connects[-1].transport == "ws"
    client.lost().wait(5)
    assert client.connects[-1].transport == "ws"


def test_new_session_tries_the_first_transport_again(client):
    """The fallback holds for a session, not for ever."""
    client.connect().lost(unavailable=True).open().say("CONOK,S1,50000,5000,*", "LOOP,0")
    assert client.connects[-1].transport == "http-streaming"
    client.open().say("END,48,x").wait(5)
    assert client.connects[-1].transport == "ws"


def test_buffering_proxy_means_polling(client):
    """An HTTP stream that opens and says nothing is held back by a proxy: polling."""
    client.connect().lost(unavailable=True).open().wait(10)
    assert client.connects[-1].transport == "http-polling"
    client.open().say("CONOK,S1,50000,5000,*")
    assert client.sent[-1][1].startswith("LS_cid=mgQkwtwdysogQz2BJ4Ji%20kOj2Bg&LS_polling=true&LS_polling_millis=0")


def test_polling(make_client):
    """Each poll is a bind; rebinds are not told one by one, and updates flow on."""
    client = make_client(transports=("http-polling",))
    client.subscribe()
    client.connect().open().say("CONOK,S1,50000,5000,*", "LOOP,0")
    client.open().say("CONOK,S1,50000,5000,*", "SUBOK,1,1,2", "U,1,1,a|b", "LOOP,0")
    for value in "cde":
        client.open().say("CONOK,S1,50000,5000,*", f"U,1,1,{value}|", "LOOP,0")
    assert [row[0] for row in client.rows] == ["a", "c", "d", "e"]
    assert client.states == ["CONNECTING", "CONNECTED new"]
    client.open().wait(12).open()
    assert client.count == 5


def test_requests_leave_between_polls_that_are_answered_in_one_piece(make_client):
    """A session that is never seen bound, as each poll's answer ends with LOOP, is controlled all the same."""
    client = make_client(transports=("http-polling",))
    client.subscribe()
    client.connect().open().say("CONOK,S1,50000,5000,*", "LOOP,0")
    assert client.sent[-1] == (
        "/lightstreamer/control.txt?LS_protocol=TLCP-2.5.0&LS_session=S1",
        "LS_reqId=1&LS_op=add&LS_subId=1&LS_mode=MERGE&LS_group=i1&LS_schema=f1%20f2&LS_snapshot=true",
    )
    client.answer("REQOK,1").open().say("CONOK,S1,50000,5000,*", "SUBOK,1,1,2", "LOOP,0")
    second = client.subscribe(items="i2")
    client.session.send_message("hello", client.now, outcome=False)
    client.session.unsubscribe(1, client.now)
    client.pump()
    assert [line.get("LS_op", "msg") for line in client.parameters[-3:]] == ["add", "msg", "delete"]
    # An answer that was lost is missed, however often the session is bound meanwhile.
    for _ in range(3):
        client.wait(2).open().say("CONOK,S1,50000,5000,*", "LOOP,0")
    assert [line["LS_subId"] for line in client.operations("add")] == ["1", str(second), str(second)]


def test_requests_wait_while_a_session_is_to_be_recovered(make_client):
    """After a break nobody knows whether the session is still there: control requests follow its recovery."""
    client = make_client(transports=("http-streaming",)).start().lost()
    client.subscribe()
    assert not client.operations("add")
    client.open().say("CONOK,S1,50000,5000,*", "PROG,0")
    assert len(client.operations("add")) == 1


def test_empty_polls_that_were_held_are_no_fault(make_client):
    """A quiet session is polled without growing waits."""
    client = make_client(transports=("http-polling",), polling_idle_ms=5000).connect()
    for _ in range(20):
        client.open().wait(4.9).say("CONOK,S1,50000,5000,*", "LOOP,0")
    assert len(client.connects) == 21


def test_answers_of_control_connections(make_client):
    """Over HTTP answers come by another way; anything else there is ignored or told, never raised."""
    client = make_client(transports=("http-streaming",)).start()
    client.subscribe()
    client.answer("").answer("garbage\r\nU,1,1,a\r\nREQERR,x\r\nCONOK,S9,1,1,*\r\nREQERR,1,21,no group")
    assert client.session.session_id == "S1"
    assert client.count == 0
    client.subscribe()
    client.lost().answer("REQERR,2,20,no session")
    assert client.connects[-1].new_session
    client.open().say("CONOK,S2,50000,5000,*").answer("ERROR,67,bad")
    assert client.states[-1] == "FAILED"


def test_conok_for_another_session(started):
    """A bind that is answered with another session is no recovery."""
    started.recover("PROG,0", conok="CONOK,S666,50000,5000,*")
    assert started.wait(2).connects[-1].new_session


@pytest.mark.parametrize(
    "conok", ["CONOK,,50000,5000,*", "CONOK,S1,0,0,*", "CONOK,S1,-5,-5,*", "CONOK,S1,999999999999,999999999999,*"]
)
def test_odd_conok(make_client, conok):
    """Absurd limits and keepalives neither raise nor switch liveness off."""
    client = make_client()
    client.subscribe()
    client.connect().open().say(conok).wait(4000)
    assert client.states[-1] in ("RECONNECTING", "CONNECTING")


def test_every_code_has_a_verdict():
    """No code is unknown to the policy, and none raises."""
    assert all(session_verdict(code) for code in range(-100, 200))


def test_transition_table_is_whole():
    """Every phase can be reached and left, and closing works from each that is not over."""
    reached = {Phase.IDLE} | set(TRANSITIONS.values())
    assert reached == set(Phase)
    assert {phase for phase, _ in TRANSITIONS} == set(Phase)
    closable = {phase for phase, trigger in TRANSITIONS if trigger is Trigger.CLOSE}
    assert closable == set(Phase) - {Phase.CLOSING, Phase.CLOSED}


def test_a_server_that_is_back_is_used_at_once(started):
    """C-113, C-118: after a long outage neither a refused bind nor refused credentials cost another grown wait."""
    started.lost()
    for _ in range(5):
        started.lost().wait(started.of(StatusChanged)[-1].retry_in_s)
    started.open().say("CONERR,21,elsewhere")
    assert started.of(StatusChanged)[-1].retry_in_s == 0.0
    started.open("u", "old").say("CONERR,1,refused")
    assert started.of(StatusChanged)[-1].retry_in_s == 0.0
    started.open("u", "new").say("CONOK,S2,50000,5000,*")
    assert started.of(StatusChanged)[-1].continuity == "replaced"


def test_connect_after_failure_keeps_the_pause(client):
    """A callback that connects again at each FAILED is slowed down, ever more, and only from the failure on."""
    waits = []
    client.connect().session.abort(client.now, StreamRefused("wrong password"))
    client.pump().forget().connect()
    for _ in range(7):
        assert len(client.connects) == 1
        client.forget().session.abort(client.now, StreamRefused("wrong password"))
        client.pump().forget().connect()
        assert not client.connects
        change = client.of(StatusChanged)[-1]
        assert change.status == "CONNECTING"
        waits.append(change.retry_in_s)
        client.wait(waits[-1])
    assert waits == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]
    client.forget().session.abort(client.now, StreamRefused("wrong password"))
    client.pump().forget().wait(31.0).connect()
    assert len(client.connects) == 1  # nobody waits for nothing
    client.forget().session.abort(client.now, StreamRefused("wrong password"))
    client.connect().close()
    assert client.states[-1] == "DISCONNECTED"


@pytest.mark.parametrize(("stood", "wait"), [(5.0, 1.0), (61.0, None)])
def test_a_long_session_forgets_failures(client, stood, wait):
    """A session that works for a moment keeps the memory of failures, one that stands for a minute ends it."""
    client.connect().session.abort(client.now, StreamRefused("wrong password"))
    client.pump().connect().open().say("CONOK,S1,50000,5000,*")
    for _ in range(int(stood)):
        client.wait(1.0).say("PROBE")
    client.say("END,35,another").forget().connect()
    assert client.of(StatusChanged)[-1].retry_in_s == wait


def test_an_untrusted_certificate_is_told(client):
    """What time does not mend is told at once, and fails the third time before the first session; after one it is told once and tried further."""
    untrusted = StreamError("cannot connect to server:443: self-signed certificate", hint="ca_bundle")
    client.connect().lost(error=untrusted)
    assert client.states[-1] == "RECONNECTING"
    assert client.errors == [untrusted]
    client.wait(1.0).lost(error=untrusted).wait(2.0).lost(error=untrusted)
    assert client.of(StatusChanged)[-1].error is untrusted
    assert client.states[-1] == "FAILED"
    client.forget().connect().open().say("CONOK,S1,50000,5000,*").forget()
    client.lost()
    for _ in range(5):
        client.lost(error=untrusted).wait(31.0)
    assert client.errors == [untrusted]
    assert "FAILED" not in client.states


def test_openings_that_fail_for_ever_are_told_once(client):
    """The third failed opening in a row is an error, once for each reason, and again after a session that stood."""
    client.connect()
    for _ in range(6):
        client.lost().wait(31.0)
    assert len(client.errors) == 1
    assert "reset by peer" in str(client.errors[0])
    client.open().say("CONOK,S1,50000,5000,*").forget().lost()
    for _ in range(6):
        client.lost().wait(31.0)
    assert len(client.errors) == 1


@pytest.mark.parametrize("how", ["break", "loop"])
def test_a_control_link_that_is_not_reached_gives_way(make_client, how):
    """The session is asked for at the address that worked, at once, and the link is not tried again."""
    client = make_client()
    client.connect().open().say("CONOK,S1,50000,5000,elsewhere").forget()
    if how == "break":
        client.lost()
    else:
        client.say("LOOP,0")
        client.wait(1.0)
    assert (client.connects[-1].url, client.connects[-1].brief) == ("ws://elsewhere/lightstreamer", True)
    client.lost()
    assert (client.connects[-1].url, client.connects[-1].brief) == ("ws://server/lightstreamer", False)
    assert not client.connects[-1].new_session
    client.open().say("CONOK,S1,50000,5000,elsewhere", "PROG,0").forget().lost().wait(5.0)
    assert client.connects[0].url == "ws://server/lightstreamer"


def test_a_control_link_may_be_ignored(make_client):
    """With the setting, the address stays, whatever the server names."""
    client = make_client(ignore_control_link=True)
    client.connect().open().say("CONOK,S1,50000,5000,elsewhere").forget().lost()
    assert client.connects[0].url == "ws://server/lightstreamer"
    assert not client.errors


def test_control_requests_leave_a_link_that_is_not_reached(make_client):
    """Over HTTP the request is repeated at the address that worked."""
    client = make_client(transports=("http-streaming",))
    client.connect().open().say("CONOK,S1,50000,5000,elsewhere").forget()
    client.subscribe()
    assert (client.sends[-1].url, client.sends[-1].brief) == ("http://elsewhere", True)
    client.session.unreached("http://elsewhere")
    client.wait(4.0)
    assert (client.sends[-1].url, client.sends[-1].brief) == ("http://server", False)
