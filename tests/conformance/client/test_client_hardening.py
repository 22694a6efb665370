"""What a server may do to a session beyond the rows of the checklist: closing, links, versions, floods."""

from __future__ import annotations

import pytest

from ig_sdk.errors import StreamProtocolError
from ig_sdk.lightstreamer.net.address import may_connect
from ig_sdk.lightstreamer.tlcp.events import StatusChanged, SubscriptionError
from ig_sdk.lightstreamer.tlcp.options import SessionOptions


def conok(session: str = "S1", link: str = "*", keepalive: int = 5000) -> str:
    return f"CONOK,{session},50000,{keepalive},{link}"


# closing


def test_c125_only_the_answer_to_the_destroy_ends_the_session(make_client):
    """C-125: over HTTP a late answer to another request is not taken for the end."""
    client = make_client(transports=("http-streaming",))
    identifier = client.subscribe()
    client.start("SUBOK,1,1,2")
    client.session.unsubscribe(identifier, client.now)
    client.pump().close()
    assert client.parameters[-1]["LS_op"] == "destroy"
    delete, destroy = (line["LS_reqId"] for line in client.parameters)
    client.answer(f"REQOK,{delete}\r\n").answer("REQERR,77,19,none\r\n")
    assert client.states == []
    client.answer(f"REQOK,{destroy}\r\n")
    assert client.states == ["DISCONNECTED"]


def test_c125_a_refused_destroy_ends_the_session(started):
    """C-125: nothing more can come after the server refused the destroy."""
    started.close().say("REQOK,99", "REQERR,1,20,no such session")
    assert started.states == ["DISCONNECTED"]


@pytest.mark.parametrize("transport", ["http-polling", "http-streaming", "ws"])
@pytest.mark.parametrize("phase", ["waiting", "connecting"])
def test_c125_a_session_without_a_connection_is_destroyed(make_client, transport, phase):
    """C-125: between two connections the session is destroyed over a control connection of its own."""
    client = make_client(transports=(transport,)).start()
    client.say("LOOP,5000" if phase == "waiting" else "LOOP,0").forget()
    client.close()
    [send] = client.sends
    assert (send.url, send.session_id, dict(send.request.lines[0])["LS_op"]) == ("http://server", "S1", "destroy")
    assert client.states == []
    client.answer("REQOK,1\r\n")
    assert client.states == ["DISCONNECTED"]
    assert client.session.deadline is None


def test_c125_nobody_answers_the_destroy(make_client):
    """C-125: a destroy that is not answered delays the end only for close_timeout_s."""
    client = make_client(transports=("http-polling",)).start("LOOP,0")
    client.close().lost().wait(1)
    assert client.states == ["DISCONNECTED"]


@pytest.mark.parametrize("options", [{"transports": ("http-streaming",)}, {"versions": ("2.1.0",)}])
def test_c125_a_session_that_is_being_created_is_destroyed(make_client, options):
    """C-125: where the destroy cannot be pipelined it follows CONOK, so that no session is left behind."""
    client = make_client(**options).connect().open().forget()
    client.close()
    assert client.sends == []
    client.say(conok())
    assert client.operations("destroy")
    assert client.wait(1).states == ["DISCONNECTED"]


def test_close_before_there_is_a_session(make_client):
    """Without a session there is nothing to wait for."""
    client = make_client().connect().close()
    assert client.states == ["CONNECTING", "DISCONNECTED"]
    assert client.sends == []


def test_garbage_while_closing_is_for_nobody(started):
    """After close no errors are told, however much garbage comes."""
    started.close().say(*["U,x", "CONOK,1"] * 50)
    assert started.events == []


# control link


@pytest.mark.parametrize("link", ["elsewhere.example", "http://elsewhere.example:81", "host:0", "ws://[::1", "a b"])
def test_c016_a_link_that_may_not_be_used_is_told_once(make_client, link):
    """C-016, C-017: such a link is reported once and the original address serves on."""
    client = make_client(address="http://127.0.0.1:8080", transports=("http-streaming",), may_connect=may_connect)
    client.connect().open().say(conok(link=link))
    assert len(client.errors) == 1
    for _ in range(3):
        client.say("U,1,1,x", "LOOP,0").wait(5).open().say(conok(link=link))
    client.lost().wait(5)
    assert len(client.errors) == 1
    assert {connect.url for connect in client.connects} == {"http://127.0.0.1:8080"}


def test_c016_a_link_that_may_be_used(make_client):
    """C-016: a plain link on this machine is followed."""
    client = make_client(address="http://127.0.0.1:8080", may_connect=may_connect).start(conok=conok(link="127.0.0.2"))
    assert client.lost().connects[0].url == "ws://127.0.0.2:8080/lightstreamer"


# versions


@pytest.mark.parametrize(
    "versions",
    [("2.4.0", "2.5.0"), ("2.5.0", "2.5.0"), ("2.5.0", "2.3.0", "2.4.0"), ("2.5",), ("TLCP-2.4.0",), ("x",), ()],
)
def test_c123_versions_go_down(versions):
    """C-123: only a lower version is a step down, so another order is refused at once."""
    with pytest.raises(ValueError, match="versions"):
        SessionOptions(address="http://server", versions=versions)


# chasing


def reconnects(client, lines, *, seconds, most=10_000):
    """Serve the same lines on every connection and break it, until ``seconds`` have passed; return how often."""
    end, times = client.now + seconds, 0
    while client.now < end:
        times += 1
        assert times < most, "the client spins"
        client.open().say(*lines(client))
        client.lost()
        client.wait(max((client.session.deadline or 0.0) - client.now, 0.0))
    return times


def serve(*lines):
    return lambda client: [conok("S1", keepalive=1), *lines]


@pytest.mark.parametrize("transport", ["ws", "http-streaming", "http-polling"])
@pytest.mark.parametrize(
    "lines",
    [
        [],
        ["PROG,0", "SUBOK,1,1,2", "U,1,1,a|b"],
        ["SUBOK,1,1,2", "U,1,1,a|b"],
        ["SUBOK,1,1,2", "U,1,1,a|b", "END,48,x"],
        ["SUBOK,1,1,2", "U,1,1,a|b", "REQERR,1,20,x"],
        ["SUBOK,1,1,2", "U,1,1,a|b", "U,1,1,x"],
        ["SUBOK,1,1,2", "U,1,1,a|b", "CONOK"],
        ["END,48,x"],
        ["LOOP,0"],
        ["LOOP,-1"],
        ["PROG,7"],
    ],
)
def test_no_server_is_chased(make_client, transport, lines):
    """Whatever a server serves before each break, connections come a few times a second at most."""
    client = make_client(transports=(transport,), initial_delay_s=1.0)
    client.subscribe()
    client.connect()
    assert reconnects(client, serve(*lines), seconds=60) < 150


@pytest.mark.parametrize("transport", ["ws", "http-polling"])
def test_loops_with_data_are_paced(make_client, transport):
    """A server that lets each bind have one update and a LOOP is followed, at a bounded pace."""
    client = make_client(transports=(transport,))
    client.subscribe()
    client.start("SUBOK,1,1,2", "U,1,1,a|b", "LOOP,0", conok=conok(keepalive=1))
    end, times = client.now + 60, 0
    while client.now < end:
        times += 1
        assert times < 60 * 21 + 60, "the client spins"
        client.open().say(conok(keepalive=1), "U,1,1,c|", "LOOP,0")
        client.wait(max((client.session.deadline or 0.0) - client.now, 0.0))
    assert times > 100  # updates are not held up for seconds


def test_a_recovery_that_never_says_where_it_begins(started):
    """A server that binds a recovery and then only pads is given up like one that does not answer."""
    started.subscribed("U,1,1,a|b")
    started.recover()
    for _ in range(4):
        started.say("NOOP,x").wait(4)
    assert started.connects[-1].new_session


def test_a_message_that_cannot_be_read_is_not_fetched_for_ever(started):
    """Bytes that break the transport are recovered from once; when they come again the session is replaced."""
    started.subscribed("U,1,1,a|b")
    error = StreamProtocolError("a message that is not UTF-8")
    started.forget().lost(error=error)
    assert not started.wait(5).connects[-1].new_session
    started.open().say(conok(), "PROG,2").lost(error=error)
    assert started.wait(5).connects[-1].new_session
    assert started.errors == [error, error]
    started.open().say(conok("S2"), "SUBOK,1,1,2", "U,1,1,a|b", "U,1,1,c|").lost(error=error)
    assert not started.wait(5).connects[-1].new_session


def test_a_fault_is_told_once(started):
    """One protocol violation is one error for the application."""
    started.subscribed("U,1,1,a|b")
    started.say("U,1,1,x")
    assert len(started.errors) == 1


def test_an_answer_full_of_garbage_is_one_error(make_client):
    """The body of a control answer cannot flood the application with errors."""
    client = make_client(transports=("http-streaming",)).start()
    client.answer("U,x\r\n" * 10_000)
    assert len(client.errors) == 1


def test_texts_for_people_are_short_and_printable(started):
    """What the server says goes into errors shortened and without control characters; events keep the whole text."""
    started.say("END,35," + "x%0D%0AWARNING forged\x1b[31m" + "y" * 100_000)
    event = started.of(StatusChanged)[-1]
    assert len(event.reason) < 400
    assert event.reason.isprintable()
    assert str(event.error).isprintable()


def test_a_flood_of_strangers_is_bounded(started):
    """Updates and acceptances for thousands of unknown ids cost a bounded number of requests."""
    started.say(*[f"SUBOK,{number},1000000000,1" for number in range(5, 5000)], *[f"U,{n},1,x" for n in range(5000)])
    assert len(started.operations("delete")) <= 1000
    assert started.session.status == "CONNECTED"


def test_more_cells_than_memory(started):
    """Counts that would fill the memory are refused as a mismatch."""
    identifier = started.subscribe(items="", fields="", group="g", schema="s")
    started.say(f"SUBOK,{identifier},100000,10000")
    assert [event.code for event in started.of(SubscriptionError)] == [61]


def test_back_pressure_begun_in_a_stall(started):
    """While the shell does not read, a stalled connection is not dropped."""
    started.wait(7)
    assert started.states == ["STALLED"]
    for _ in range(10):
        started.now += 2.9
        started.session.reading(started.now)
        started.session.wake(started.now)
        started.pump()
    assert started.states == ["STALLED"]
