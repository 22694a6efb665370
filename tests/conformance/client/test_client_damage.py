"""A line that was damaged on its way, so that not even its tag can be read: told, healed, and never counted wrongly."""

from __future__ import annotations

import pytest

from ig_sdk.lightstreamer.tlcp.events import ErrorOccurred, ItemUpdatesLost, Subscribed, SubscriptionError


def _losses(client):
    assert all(loss.where == "line" for loss in client.of(ItemUpdatesLost))
    return [(loss.subscription_id, loss.item, loss.position, loss.count) for loss in client.of(ItemUpdatesLost)]


def _two(client):
    """Two markets, each with a price."""
    bad = client.subscribed("U,1,1,a|b")
    good = client.subscribed("U,2,1,c|d", items="i2")
    client.say("REQOK,1", "REQOK,2").forget()
    return bad, good


def _answered(client, *, old, new, items=1):
    """The server ends the old subscription and accepts the new one."""
    assert [line["LS_subId"] for line in client.operations("delete")] == [str(old)]
    assert [line["LS_subId"] for line in client.operations("add")] == [str(new)]
    client.say(f"UNSUB,{old}", f"SUBOK,{new},{items},2")


@pytest.mark.parametrize("line", ["?U,1,1,|x", "u,1,1,|x", "\x00U,1,1,|x", "UX,1,1,|x", ",1,1,|x", "?EOS,1,1", "é,1,1"])
def test_a_damaged_line_of_one_item_is_told_and_its_subscription_asked_for_anew(started, line):
    """The loss goes to the subscription that the line names; it starts from a new snapshot, and the other goes on."""
    bad, good = _two(started)
    started.say(line, "U,2,1,|e")
    assert _losses(started) == [(bad, "i1", 1, 1)]
    assert len(started.of(ErrorOccurred)) == 1
    assert [update.subscription_id for update in started.updates] == [good]
    _answered(started, old=1, new=3)
    started.say("U,3,1,p|q", "U,3,1,|r", "U,2,1,|f")
    assert started.rows == [["c", "e"], ["p", "q"], ["p", "r"], ["c", "f"]]
    assert [event.subscription_id for event in started.of(Subscribed)] == [bad]
    assert {update.subscription_id for update in started.updates} == {bad, good}
    assert started.session.status == "CONNECTED"
    assert not started.connects


def test_what_builds_on_the_lost_line_is_counted_not_delivered(started):
    """Updates under the old name may be wrong: none is delivered, and each is told as lost, once."""
    bad, _ = _two(started)
    started.say("?U,1,1,|x", "U,1,1,|y", "U,1,1,z|", "OV,1,1,5", "EOS,1,1", "U,1,1,^9", "?U,1,1,|w", "U,1,7,a|b")
    assert not started.updates
    _answered(started, old=1, new=3)
    assert _losses(started) == [(bad, "i1", 1, 1), (bad, "i1", 1, 9)]
    assert started.session.status == "CONNECTED"
    assert started.count == 4 + 6 + 2  # whatever has a tag of the protocol's is counted as the server counts it


@pytest.mark.parametrize("line", ["?", "garbage", "?U,77,1,a|b", "?MSGDONE,s,1,", "U?1?1?a|b"])
def test_a_line_that_names_nothing_is_told_to_all(started, line):
    """It may have been about any: each hears of one loss and starts anew."""
    bad, good = _two(started)
    started.say(line, "U,1,1,|y")
    assert _losses(started) == [(bad, None, 0, 1), (good, None, 0, 1)]
    assert not started.updates
    assert [entry["LS_subId"] for entry in started.operations("add")] == ["3", "4"]
    started.say("UNSUB,1", "UNSUB,2", "SUBOK,3,1,2", "SUBOK,4,1,2", "U,4,1,c|e", "U,3,1,a|y")
    assert [update.subscription_id for update in started.updates] == [good, bad]


@pytest.mark.parametrize(
    "line", ["XYZZY,1,2", "NEWTAG", "?PROBE", "?SYNC,1", "?REQOK,1", "Probe", "?END,31,x", "NEW,1,1", "NEW,1,1,x"]
)
def test_what_was_no_data_is_ignored(started, line):
    """C-048: a tag that the protocol may have one day, or the remains of a line that is not counted, costs nothing."""
    _two(started)
    started.say(line, "U,1,1,|y")
    assert started.rows == [["a", "y"]]
    assert not _losses(started)
    started.lost().open().say("CONOK,S1,50000,5000,*", f"PROG,{started.count}")
    assert started.states[-1] == "CONNECTED recovered"


@pytest.mark.parametrize("line", ["?U,1,1,|x", "garbage"])
def test_after_a_damaged_line_no_recovery_is_tried(started, line):
    """Whether the server counted it is unknown: a recovery could repeat a tick or lose one, so the session is replaced."""
    _two(started)
    started.say(line).forget().lost()
    assert started.connects[0].new_session
    started.open().say("CONOK,S2,50000,5000,*")
    assert started.states[-1] == "CONNECTED replaced"
    started.say("SUBOK,2,1,2", "U,2,1,a|b").forget().lost()
    assert not started.connects[0].new_session  # the new session counts from the beginning


def test_damage_after_a_rebind_is_known_at_the_next_break(started):
    """A LOOP in between does not make the count sure again."""
    _two(started)
    started.say("?U,1,1,|x", "LOOP,0").open().say("CONOK,S1,50000,5000,*")
    assert started.states[-1] == "CONNECTED resumed"
    started.forget().lost()
    assert started.connects[0].new_session


def test_damage_while_the_server_repeats_itself(started):
    """Which of the repeated lines it was cannot be known: the session is replaced."""
    _two(started)
    started.say("U,1,1,|x", "U,1,1,|y").recover("PROG,4", "?U,1,1,|x")
    assert started.operations("destroy")
    started.wait(1.0)
    assert started.connects[-1].new_session


def test_one_item_that_is_always_damaged_ends_alone(started):
    """After a few tries its subscription ends with an error; the other, also at fault meanwhile, goes on."""
    bad, good = _two(started)
    started.say("?U,1,1,|x").say("UNSUB,1", "SUBOK,3,1,2", "U,3,1,a|b")
    started.say("?U,2,1,|x").say("UNSUB,2", "SUBOK,4,1,2", "U,4,1,c|d")
    started.say("?U,3,1,|x").say("UNSUB,3", "SUBOK,5,1,2", "U,5,1,a|b")
    started.forget().say("?U,5,1,|x", "U,5,1,|y", "U,4,1,|e")
    [error] = started.of(SubscriptionError)
    assert (error.subscription_id, error.operation, error.over) == (bad, "unreadable", True)
    assert [entry["LS_subId"] for entry in started.operations("delete")] == ["5"]
    assert [update.subscription_id for update in started.updates] == [good]
    started.say("UNSUB,5", "U,4,1,|f")
    assert started.rows[-1] == ["c", "f"]
    assert started.session.session_id == "S1"


def test_noise_for_ever_ends_the_session_under_the_backoff(started):
    """Lines that name nothing, again and again, are a broken connection: a new one, ever later."""
    _two(started)
    started.say("noise").say("UNSUB,1", "UNSUB,2", "SUBOK,3,1,2", "SUBOK,4,1,2")
    started.say("noise").say("UNSUB,3", "UNSUB,4", "SUBOK,5,1,2", "SUBOK,6,1,2").forget()
    waits = []
    for number in range(2, 6):
        started.say("noise")
        waits.append(started.session.latest.retry_in_s)
        started.wait(waits[-1] or 0).open().say(f"CONOK,S{number},50000,5000,*").forget()
        started.say("SUBOK,5,1,2", "SUBOK,6,1,2", "U,6,1,a|b")
    assert waits == [1.0, 2.0, 4.0, 8.0]


def test_a_renewed_subscription_keeps_what_was_asked_of_it(started):
    """Frequency and giving up go by the server's new name; the application's id stays."""
    bad, _ = _two(started)
    started.session.reconfigure(bad, 3.0, started.now)
    started.pump().forget().say("?U,1,1,|x")
    _answered(started, old=1, new=3)
    assert [line["LS_subId"] for line in started.operations("reconf")] == ["3"]
    started.forget().session.unsubscribe(bad, started.now)
    started.pump()
    assert [line["LS_subId"] for line in started.operations("delete")] == ["3"]
    started.say("UNSUB,3")
    assert [event.subscription_id for event in started.events if type(event).__name__ == "Unsubscribed"] == [bad]


def test_given_up_while_it_is_asked_for_anew(started):
    """Who leaves in the middle hears of no loss any more, and is gone under both names."""
    bad, _ = _two(started)
    started.say("?U,1,1,|x", "U,1,1,|y").session.unsubscribe(bad, started.now)
    started.pump().forget().say("UNSUB,1", "SUBOK,3,1,2", "U,3,1,a|b", "UNSUB,3", "U,2,1,|z")
    assert not _losses(started)
    assert started.rows == [["c", "z"]]


def test_a_flood_of_damaged_lines_is_told_a_few_times(started):
    """Until the server has obeyed, thousands of them are one number, not thousands of errors."""
    bad, _ = _two(started)
    started.say(*["?U,1,1,|x"] * 5000)
    assert len(started.of(ErrorOccurred)) == 1
    _answered(started, old=1, new=3)
    assert _losses(started) == [(bad, "i1", 1, 1), (bad, "i1", 1, 4999)]
    started.forget().session.unsubscribe(bad, started.now)
    started.say(*["?U,3,1,|x"] * 5000, "UNSUB,3")
    assert not started.errors


def test_a_table_starts_anew(started):
    """COMMAND: the rows of the new snapshot are additions again."""
    table = started.subscribed("U,1,1,k|ADD|1", mode="COMMAND", fields="key command x")
    started.forget().say("?U,1,1,k|DELETE|")
    assert _losses(started) == [(table, "i1", 1, 1)]
    started.say("UNSUB,1", "SUBCMD,2,1,3,1,2", "U,2,1,k|ADD|2")
    assert started.rows == [["k", "ADD", "2"]]


@pytest.mark.parametrize("line", ["U,{},1,a", "U,{},1,|^9", "EOS,{},9"])
def test_two_unreadable_items_at_once_end_and_the_third_goes_on(started, line):
    """Each is given up after its own few tries, in whatever order they fail; the pauses grow; nobody else is given up."""
    bad = [started.subscribe(items=f"i{number}") for number in (1, 2)]
    good = started.subscribe(items="i3")
    ended, pauses, session = [], [], 1
    for turn in range(20):
        started.forget().say(*(f"SUBOK,{number},1,2" for number in (*bad, good)), f"U,{good},1,{session}|x")
        for number in (bad, bad[::-1])[turn % 2]:
            started.say(line.format(number))
        ended += [error.subscription_id for error in started.of(SubscriptionError)]
        if sorted(ended) == bad:
            break
        pauses.append(started.session.latest.retry_in_s)
        session += 1
        started.wait(pauses[-1]).open().say(f"CONOK,S{session},50000,5000,*")
    assert sorted(ended) == bad
    assert pauses == sorted(pauses)
    assert len(pauses) <= 4
    started.say(f"U,{good},1,still|here")
    assert started.rows[-1] == ["still", "here"]
    assert started.session.session_id == f"S{session}"
