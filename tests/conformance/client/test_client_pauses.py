"""Long outages, connections that are not trusted any more, links that stay silent: when the next attempt comes."""

from __future__ import annotations

import pytest

from ig_sdk.lightstreamer.tlcp.events import StatusChanged


def _pauses(client, count):
    """The pauses of so many refused attempts in a row."""
    pauses = []
    for _ in range(count):
        client.open().say("CONERR,5,maintenance")
        pauses.append(client.session.latest.retry_in_s)
        client.wait(pauses[-1])
    return pauses


def test_a_weekend_is_no_storm(client):
    """Pauses grow to the longest, after an hour of them to the slow one, and start over once the stream works."""
    client.connect()
    pauses = _pauses(client, 400)
    assert pauses[:6] == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0]
    fast = [pause for pause in pauses if pause <= 30.0]
    assert 3600 <= sum(fast) < 3660
    assert set(pauses[len(fast) :]) == {120.0}
    client.open().say("CONOK,S1,50000,5000,*")
    client.subscribed("U,1,1,a|b")
    client.say("END,31,x")
    assert _pauses(client.wait(30), 3) == [2.0, 4.0, 8.0]


def test_the_slow_pause_is_never_the_shorter_one(make_client):
    """Who asked for a longer pause than the slow one keeps it."""
    client = make_client(max_delay_s=600.0)
    client.connect()
    assert set(_pauses(client, 30)[15:]) == {600.0}


def test_the_longest_pause_may_be_asked_for(client):
    """Slower, quicker, and back to the settings, while it tries."""
    client.connect()
    _pauses(client, 10)
    client.session.pauses.limit(300.0)
    assert _pauses(client, 3) == [300.0] * 3
    client.session.pauses.limit(5.0)
    assert _pauses(client, 3) == [5.0] * 3
    client.session.pauses.limit(None)
    assert _pauses(client, 2) == [30.0] * 2


def test_distrust_recovers_at_once(started):
    """A connection that looks well is left, and the session asked for on another, with nothing lost."""
    started.subscribed("U,1,1,a|b")
    started.forget().session.distrust(started.now, "another network")
    started.pump()
    assert started.log[:2] == ["Disconnect", "Connect"]
    assert not started.connects[0].new_session
    assert started.of(StatusChanged)[0].reason == "another network"
    started.open().say("CONOK,S1,50000,5000,*", "PROG,2", "U,1,1,|c")
    assert started.states == ["RECONNECTING", "CONNECTED recovered"]
    assert started.rows == [["a", "c"]]


def test_distrust_while_an_answer_is_awaited(started):
    """In the middle of a recovery, or of a first opening, the connection is left for another."""
    started.lost().open().forget().session.distrust(started.now, "x")
    started.pump()
    assert not started.connects[0].new_session
    started.open().say("CONOK,S1,50000,5000,*", "PROG,0")
    assert started.states[-1] == "CONNECTED recovered"


def test_distrust_is_no_storm(client):
    """Who asks for it at each failure is served three times at once, and then every five seconds."""
    client.connect()
    _pauses(client, 10)
    client.open().say("CONERR,5,maintenance").forget()
    start = client.now
    while client.now < start + 60:
        client.session.distrust(client.now, "again")
        client.pump()
        if client.connects:
            client.connects.clear()
            client.attempts = getattr(client, "attempts", 0) + 1
            client.open().say("CONERR,5,maintenance").connects.clear()
        client.wait(0.1)
        if client.connects:
            client.connects.clear()
            client.attempts += 1
            client.open().say("CONERR,5,maintenance").connects.clear()
    assert 10 <= client.attempts <= 16


@pytest.mark.parametrize("state", ["idle", "connecting", "failed", "closing", "closed"])
def test_distrust_in_every_other_state_does_nothing(client, state):
    """Before a start, while a connection is being opened, and after the end there is nothing to leave."""
    if state != "idle":
        client.connect()
    if state == "failed":
        client.open().say("CONERR,2,no")
    elif state in ("closing", "closed"):
        client.open().say("CONOK,S1,50000,5000,*").close()
        if state == "closed":
            client.say("END,31,x")
    before = client.session.latest
    client.forget().session.distrust(client.now, "x", slept_s=9.0)
    client.pump()
    assert not client.log
    assert client.session.latest is before


def test_two_distrust_in_the_same_moment(started):
    """The application and the shell may notice the same thing: it is one attempt."""
    started.subscribed("U,1,1,a|b")
    started.forget()
    for reason in ("the machine slept", "another network"):
        started.session.distrust(started.now, reason)
    started.pump()
    assert len(started.connects) == 1


def test_a_sleep_counts_as_silence(started):
    """The gap of a replaced session holds the time that no monotonic clock has counted."""
    started.subscribed("U,1,1,a|b")
    started.wait(2.0).session.distrust(started.now, "the machine slept for 3600 s", slept_s=3600.0)
    started.pump().open().say("CONERR,20,gone").open().say("CONOK,S2,50000,5000,*")
    replaced = started.of(StatusChanged)[-1]
    assert replaced.continuity == "replaced"
    assert replaced.gap_s == pytest.approx(3602.0)


def test_a_link_that_accepts_and_stays_silent_gives_way(make_client):
    """Three seconds, not ten, and the address is asked for the session at once."""
    client = make_client()
    client.connect().open().say("CONOK,S1,50000,5000,elsewhere").forget().lost().open()
    assert client.connects[-1].url == "ws://elsewhere/lightstreamer"
    client.wait(3.1)
    assert client.connects[-1].url == "ws://server/lightstreamer"
    assert not client.connects[-1].new_session
    client.open().say("CONOK,S1,50000,5000,elsewhere", "PROG,0").forget().lost()
    assert client.connects[0].url == "ws://server/lightstreamer"


def test_a_link_that_has_answered_before_is_waited_for(make_client):
    """One slow answer is no reason to leave the server that has the session."""
    client = make_client()
    client.connect().open().say("CONOK,S1,50000,5000,elsewhere").forget().lost().open()
    client.say("CONOK,S1,50000,5000,elsewhere", "PROG,0").forget().lost().open()
    client.wait(9.0)
    assert [connect.url for connect in client.connects] == ["ws://elsewhere/lightstreamer"]
    client.wait(1.1)
    assert client.connects[-1].url == "ws://server/lightstreamer"
