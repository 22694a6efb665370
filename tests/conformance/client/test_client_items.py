"""Rows C-043 to C-099: lines, subscriptions, field values, modes."""

from __future__ import annotations

import pytest

from ig_sdk.lightstreamer.tlcp.events import (
    Cleared,
    ItemUpdatesLost,
    LineIgnored,
    MessageOutcome,
    Reconfigured,
    SnapshotEnd,
    StatusChanged,
    Subscribed,
    SubscriptionError,
    Unsubscribed,
)
from ig_sdk.lightstreamer.tlcp.spec import SubscriptionSpec


def test_c043_c044_c045_arguments(started):
    """C-043, C-044, C-045: the last argument keeps its commas, text is decoded, an argument may be empty."""
    started.subscribe()
    started.say("REQERR,1,-7,Invalid group, really%2C 100%25 %zz")
    error = started.of(SubscriptionError)[0]
    assert (error.code, error.message) == (-7, "Invalid group, really, 100% %zz")
    started.subscribe()
    started.say("REQERR,2,21,")
    assert started.of(SubscriptionError)[1].message == ""


def test_c046_bare_reqok(started):
    """C-046: REQOK without an id is accepted."""
    assert started.say("REQOK").session.status == "CONNECTED"


def test_c047_msgdone_with_two_and_three_arguments(started):
    """C-047: MSGDONE is read with and without the response."""
    for text in "ab":
        started.session.send_message(text, started.now)
    started.pump().say("MSGDONE,*,1", "MSGDONE,*,2,ok%2C, done")
    assert [(one.status, one.response) for one in started.of(MessageOutcome)] == [("done", ""), ("done", "ok,, done")]


def test_c048_c050_unknown_tags_are_skipped(started):
    """C-048, C-050: an unknown tag, and a known one in lower case, is skipped, not counted, told once."""
    started.say("XYZZY,1,2", "u,1,1,a", "XYZZY", "Probe", "")
    assert started.count == 0
    assert [event.tag for event in started.of(LineIgnored)] == ["XYZZY", "u", "Probe"]
    assert started.session.counter.ignored == 4
    assert started.session.status == "CONNECTED"


def test_unknown_tags_cannot_fill_the_memory(started):
    """However many tags a server invents, few are told and long ones are cut."""
    started.say(*[f"T{number}{'x' * 100}" for number in range(500)])
    assert len(started.events) <= 50
    assert max(len(event.tag) for event in started.events) <= 20


@pytest.mark.parametrize(
    "line", ["SUBOK,1,1", "CONF,1,x!,filtered", "EOS,1", "U,1,1", "U,x,1,a", "OV,1,1,٣", "CS,1,1_0"]
)
def test_c049_malformed_data_replaces_the_session(started, line):
    """C-049: a data notification that makes no sense ends the session: recovery would bring the same line again."""
    started.subscribed("U,1,1,a|b")
    started.forget().say(line)
    assert started.errors[0].line == line
    assert started.operations("destroy")
    assert started.log[-1] == "Disconnect"
    started.wait(1.0)
    assert started.connects[0].new_session


@pytest.mark.parametrize("line", ["SYNC,x", "LOOP", "PROG,1,2", "CONS,#", "REQERR,1,x,y", "PROBE,1", "CONOK,a,b,c,d"])
def test_c049_other_malformed_lines_are_recovered_from(started, line):
    """C-049: any other line that makes no sense costs the connection only."""
    started.subscribed("U,1,1,a|b")
    started.forget().say(line)
    assert started.errors
    started.wait(1.0)
    assert not started.connects[0].new_session
    assert "LS_recovery_from=2" in started.open().sent[1]


def test_c051_answers_in_any_order(started):
    """C-051: answers are matched by id, in any order."""
    first, second = started.subscribe(), started.subscribe()
    started.say("REQERR,2,21,no", "REQOK,1", f"SUBOK,{first},1,2")
    assert [event.subscription_id for event in started.of(SubscriptionError)] == [second]
    assert [event.subscription_id for event in started.of(Subscribed)] == [first]


def test_c052_notifications_between_request_and_answer(started):
    """C-052: updates of one subscription go on while another waits for its answer."""
    started.subscribed("U,1,1,a|b")
    started.subscribe()
    started.say("U,1,1,c|", "REQOK,2", "U,1,1,d|")
    assert len(started.rows) == 3


@pytest.mark.parametrize(
    "line", ["PROBE", "NOOP,padding", "SYNC,20", "MPNREG,d,a", "MPNZERO,d", "MPNOK,1,x", "MPNDEL,x"]
)
def test_c053_c054_c055_nothing_follows(started, line):
    """C-053, C-054, C-055: PROBE, NOOP and push notifications are not answered, counted or told."""
    started.say(line)
    assert (started.sent, started.events, started.count) == ([], [], 0)


def test_c056_subscription_ids(started):
    """C-056: integers from 1, never twice in a session."""
    first = started.subscribed()
    started.session.unsubscribe(first, started.now)
    started.pump().say("UNSUB,1")
    started.subscribe()
    assert [line["LS_subId"] for line in started.operations("add")] == ["1", "2"]


def test_c057_snapshot_length_in_distinct_only(started):
    """C-057: a length is sent in DISTINCT and refused elsewhere; RAW asks for no snapshot."""
    started.subscribe("DISTINCT", snapshot=10)
    started.subscribe("RAW")
    assert [line.get("LS_snapshot") for line in started.operations("add")] == ["10", None]
    with pytest.raises(ValueError, match="DISTINCT"):
        started.subscribe("MERGE", snapshot=10)


@pytest.mark.parametrize(
    "wrong",
    [
        {"mode": "merge"},
        {"items": ()},
        {"items": "abc"},
        {"items": ("a b",)},
        {"fields": ("",)},
        {"group": "g"},
        {"items": None},
        {"snapshot": 0, "mode": "DISTINCT"},
        {"max_frequency": "fast"},
        {"max_frequency": -1.0},
        {"max_frequency": float("nan")},
        {"buffer_size": "unfiltered"},
    ],
)
def test_wrong_specs_are_refused(wrong):
    """What can never be subscribed to is a ValueError where it is written."""
    right = {"mode": "MERGE", "items": ("a",), "fields": ("f",)}
    with pytest.raises(ValueError):
        SubscriptionSpec(**{**right, **wrong})


def test_c058_c061_active_at_subok(started):
    """C-058, C-061: SUBOK makes a subscription active, before or after REQOK."""
    started.subscribe()
    assert not started.say("REQOK,1").of(Subscribed)
    assert started.say("SUBOK,1,1,2").of(Subscribed)
    started.subscribe()
    started.say("SUBOK,2,1,2", "REQOK,2")
    assert len(started.of(Subscribed)) == 2


def test_c059_counts_and_positions_from_the_server(started):
    """C-059: with a group and schema of the server's, counts and positions are the server's."""
    started.subscribe("COMMAND", "", "", group="portfolio", schema="all")
    started.say("SUBCMD,1,1,3,3,1", "U,1,1,ADD|10|k1")
    assert started.of(Subscribed)[0].key_position == 3
    update = started.updates[0]
    assert (update.item, update.position, update["3"], update[1]) == (None, 1, "k1", "ADD")
    assert dict(update.values) == {"1": "ADD", "2": "10", "3": "k1"}


@pytest.mark.parametrize("line", ["SUBOK,1,2,2", "SUBOK,1,1,3", "SUBCMD,1,1,2,1,2", "SUBOK,1,0,0", "SUBOK,1,-1,2"])
def test_c060_mismatch_is_reported_and_unsubscribed(started, line):
    """C-060: counts or a kind that are not those of the subscription: an error, a delete, and no updates."""
    started.subscribe()
    started.say(line, "U,1,1,a|b")
    assert started.of(SubscriptionError)[0].code == 61
    assert started.operations("delete")[0]["LS_subId"] == "1"
    assert not started.updates
    assert started.say("UNSUB,1").session.status == "CONNECTED"
    assert started.count == 3
    assert not started.of(Unsubscribed)


@pytest.mark.parametrize("line", ["SUBCMD,1,1,2,3,1", "SUBCMD,1,1,2,0,1", "SUBOK,1,1,2"])
def test_c060_impossible_positions(started, line):
    """C-060: key and command must be fields, and a COMMAND subscription must have them."""
    started.subscribe("COMMAND")
    assert started.say(line).of(SubscriptionError)


@pytest.mark.parametrize("code", [-1, 0, 15, 17, 19, 21, 23, 24, 66, 68])
def test_c062_c064_refusal_of_one(started, code):
    """C-062, C-064: a refused add is told, harms no other, and is not tried again, not even in a new session."""
    started.subscribed("U,1,1,a|b")
    second = started.subscribe()
    started.say(f"REQERR,2,{code},no", "U,1,1,c|")
    assert [(event.subscription_id, event.code) for event in started.of(SubscriptionError)] == [(second, code)]
    assert len(started.rows) == 2
    started.forget().say("END,48,x").open()
    assert [line["LS_subId"] for line in started.operations("add")] == ["1"]


@pytest.mark.parametrize("code", [3, 11, 20])
def test_c063_session_is_gone(started, code):
    """C-063: code 20 (and 3, 11) to a request means a new session; the subscription is asked for there."""
    identifier = started.subscribe()
    started.forget().say(f"REQERR,1,{code},no session")
    assert started.connects[0].new_session
    assert not started.of(SubscriptionError)
    started.open().say("CONOK,S2,50000,5000,*", f"SUBOK,{identifier},1,2")
    assert started.of(Subscribed)


def test_c065_c066_updates_until_unsub(started):
    """C-065, C-066: updates go on after REQOK of a delete; the state goes with UNSUB."""
    identifier = started.subscribed("U,1,1,a|b")
    started.session.unsubscribe(identifier, started.now)
    # An escape goes by the plain path, the others by the fast one.
    started.pump().say("REQOK,2", "U,1,1,c|", "U,1,1,%2B|", "U,1,1,|d")
    assert started.rows[1:] == [["c", "b"], ["+", "b"], ["+", "d"]]
    assert not started.of(Unsubscribed)
    assert started.say("UNSUB,1").of(Unsubscribed)
    started.forget().say("U,1,1,e|")
    assert not started.updates


def test_c067_delete_of_what_is_gone(started):
    """C-067: REQERR 19 to a delete is no error."""
    identifier = started.subscribed("U,1,1,a|b")
    started.session.unsubscribe(identifier, started.now)
    started.pump().say("REQERR,2,19,unknown")
    assert not started.of(SubscriptionError)
    assert started.of(Unsubscribed)
    assert started.session.status == "CONNECTED"


def test_delete_never_overtakes_its_add(started):
    """Given up before it was accepted, a subscription is deleted after the answer (section 3.4)."""
    identifier = started.subscribe()
    started.session.unsubscribe(identifier, started.now)
    started.pump()
    assert not started.operations("delete")
    started.say("SUBOK,1,1,2")
    assert len(started.operations("delete")) == 1
    started.say("REQOK,1", "UNSUB,1")
    assert len(started.operations("delete")) == 1
    assert len(started.of(Unsubscribed)) == 1


def test_unsubscribed_before_there_is_a_session(client):
    """What was never asked for is gone at once."""
    identifier = client.subscribe()
    client.session.unsubscribe(identifier, client.now)
    client.session.unsubscribe(identifier, client.now)
    assert client.pump().events == [Unsubscribed(identifier)]
    assert not client.connect().open().operations("add")


def test_given_up_while_the_session_is_replaced(started):
    """A subscription that was given up is not asked for in the next session, and is told to be gone."""
    identifier = started.subscribed("U,1,1,a|b")
    started.session.unsubscribe(identifier, started.now)
    started.pump().forget().say("END,48,x").open()
    assert started.of(Unsubscribed) == [Unsubscribed(identifier)]
    assert not started.operations("add")


@pytest.mark.parametrize(
    ("line", "frequency", "filtered"),
    [
        ("CONF,1,unlimited,filtered", None, True),
        ("CONF,1,3.0,filtered", 3.0, True),
        ("CONF,1,unlimited,unfiltered", None, False),
    ],
)
def test_c068_conf(started, line, frequency, filtered):
    """C-068: frequency and filtering are told."""
    started.subscribed(line)
    assert started.of(Reconfigured) == [Reconfigured(1, frequency, filtered)]


def test_reconfigure(started):
    """A new frequency is asked for at once when active, else after SUBOK; a refusal leaves the subscription alone."""
    early = started.subscribe()
    started.session.reconfigure(early, 2.0, started.now)
    assert not started.pump().operations("reconf")
    started.say("SUBOK,1,1,2")
    assert started.operations("reconf")[0]["LS_requested_max_frequency"] == "2"
    started.session.reconfigure(early, "unlimited", started.now)
    started.pump().say("CONF,1,2.0,filtered", "REQERR,3,13,unfiltered", "U,1,1,a|b")
    assert started.of(SubscriptionError) == [SubscriptionError(1, 13, "unfiltered", "reconfigure")]
    assert started.updates
    started.session.reconfigure(99, 1.0, started.now)
    with pytest.raises(ValueError):
        started.session.reconfigure(early, "unfiltered", started.now)


def test_c069_strangers_are_deleted(started):
    """C-069: what the server feeds and nobody wants is deleted, once, and counted."""
    started.say("U,7,1,a", "U,7,1,b", "CONF,7,unlimited,filtered", "UNSUB,9")
    assert [line["LS_subId"] for line in started.operations("delete")] == ["7"]
    assert started.count == 4


def test_strangers_cannot_fill_the_memory(started):
    """A server that feeds thousands of unknown subscriptions does not get thousands of requests."""
    started.say(*[f"U,{number},1,a" for number in range(100, 5000)])
    assert len(started.operations("delete")) <= 1000


@pytest.mark.parametrize(
    ("lines", "rows"),
    [
        (["a%7Cb|c", "|d"], [["a|b", "c"], ["a|b", "d"]]),  # C-070, C-071
        (["#|$", "x|"], [[None, ""], ["x", ""]]),  # C-072
        (["#abc|$x", "a#|b$"], [["#abc", "$x"], ["a#", "b$"]]),  # C-073
        (["a|b", "^2", "^1|c", "d|^1"], [["a", "b"], ["a", "b"], ["a", "c"], ["d", "c"]]),  # C-074
        (["%c3%a9|%2541", "%C3%A9|x"], [["é", "%41"], ["é", "x"]]),  # C-075
        (["a+b|1,234.5", "1,2|+"], [["a+b", "1,234.5"], ["1,2", "+"]]),  # C-076
        (["a+%2B,b|c", "+,%41|"], [["a++,b", "c"], ["+,A", "c"]]),  # C-076
        (["foobar|x", "^Tbdzapcd|", "^Taabg|"], [["foobar", "x"], ["fzapbar", "x"], ["zapbar", "x"]]),  # C-082
        (["foobar|x", "^Td|"], [["foobar", "x"], ["foo", "x"]]),  # C-083
    ],
)
def test_c070_to_c076_c082_c083_values(started, lines, rows):
    """C-070 to C-076, C-082, C-083: splitting, unchanged, null, empty, runs, escapes, differences."""
    started.subscribed(*[f"U,1,1,{line}" for line in lines])
    assert started.rows == rows


def test_c077_bases_are_per_item(started):
    """C-077: every item of every subscription has a base of its own."""
    started.subscribed("U,1,1,a|b", "U,1,2,c|d", items="i1 i2")
    started.subscribed("U,2,1,e|f")
    started.say("U,1,1,|1", "U,1,2,|2", "U,2,1,|3")
    assert started.rows[3:] == [["a", "1"], ["c", "2"], ["e", "3"]]


@pytest.mark.parametrize(
    "lines",
    [
        ["|x"],  # C-078
        ["^2"],
        ["^Tc|x"],
        ["^P[]|x"],
        ["#|x", "^Tbaeb|"],  # C-079
        ["#|x", "^P[]|"],
        ["a|b", "c"],  # C-080
        ["a|b", "c|d|e"],
        ["a|b", "^3"],
        ["a|b", "^1"],
        ["a|b", "^X|"],
        ["a|b", "^-1|c|d"],
        ["a|b", "^+2"],
        ["a|b", "^1_0"],
        ["a|b", "^99999999999999999999"],
        ["a|b", "^٢"],
        ["foo|b", "^Tz|"],  # C-084
        ["foo|b", "^T!|"],
        ["foo|b", "^TB|"],
        ["a|b", "^Pfoo|"],  # C-085
        ["{}|b", '^P[{"op":"replace","path":"/x","value":1}]|'],
        ["{}|b", "^P{}|"],
        ["{}|b", "^P[1]|"],
        ["{}|b", '^P[{"op":"add","path":"/x","value":1}]|', "^Tb|"],  # C-087
        ["a|b", "%zz|c"],
        ["a|b", "c|%"],
    ],
)
def test_c078_to_c088_undecodable_updates(started, lines):
    """C-078 to C-081, C-084, C-085, C-087, C-088: destroy, a new session under the backoff, nothing told of the bad line."""
    good = lines[:-1]
    started.subscribed(*[f"U,1,1,{line}" for line in good])
    started.forget().say(f"U,1,1,{lines[-1]}", "U,1,1,p|q")
    assert not started.updates  # the good line that follows belongs to a session that is over
    assert started.errors
    assert started.operations("destroy")[0]["LS_close_socket"] == "true"
    assert started.of(StatusChanged)[-1].retry_in_s > 0
    assert not started.connects
    started.wait(1.0).open().say("CONOK,S2,50000,5000,*", "SUBOK,1,1,2", "U,1,1,x|y")
    assert started.connects[0].new_session
    assert started.states[-1] == "CONNECTED replaced"
    assert started.rows == [["x", "y"]]


def test_c081_all_or_nothing(started):
    """C-081: an update whose last token fails leaves no trace in the item, as the next decoded update shows."""
    from ig_sdk.lightstreamer.tlcp.codec.values import FieldError
    from ig_sdk.lightstreamer.tlcp.items import ItemState
    from ig_sdk.lightstreamer.tlcp.updates import ItemInfo

    item = ItemState(ItemInfo(1, "i", 1, ("a", "b"), {"a": 0, "b": 1}), 2, snapshot=True, once=True)
    item.update(["1", "2"], None)
    with pytest.raises(FieldError):
        item.update(["9", "^Tz"], None)
    update = item.update(["", "3"], None)
    assert dict(update.values) == {"a": "1", "b": "3"}
    assert not update.is_snapshot


def test_c086_patches_build_on_the_document(started):
    """C-086: patch after patch on the parsed document; a plain value starts anew."""
    started.subscribed(
        'U,1,1,{ "a": [1] }|x',
        'U,1,1,^P[{"op":"add","path":"/a/-","value":2}]|',
        'U,1,1,^P[{"op":"add","path":"/b","value":"%7C"}]|',
        "U,1,1,|y",
        "U,1,1,plain|",
        "U,1,1,^Te|",
    )
    assert [row[0] for row in started.rows] == [
        '{ "a": [1] }',
        '{"a":[1,2]}',
        '{"a":[1,2],"b":"|"}',
        '{"a":[1,2],"b":"|"}',
        "plain",
        "plai",
    ]


def test_json_patch_bomb(started):
    """A patch that doubles a document again and again ends in an error, not in all the memory."""
    double = '{"op":"copy","from":"","path":"/x"},{"op":"copy","from":"","path":"/y"}'
    started.subscribed("U,1,1,{}|x", f"U,1,1,^P[{','.join([double] * 40)}]|")
    assert started.errors


@pytest.mark.parametrize("patch", ['{"op":"add","path":"/a","value":' + "[" * 5000 + "]" * 5000 + "}", "[" * 100000])
def test_json_nested_beyond_measure(started, patch):
    """Nesting beyond the interpreter's depth is an error like any other."""
    started.subscribed("U,1,1,{}|x", f"U,1,1,^P[{patch}]|")
    assert started.session.status in ("RECONNECTING", "CONNECTED")


def test_c088_backoff_grows_while_updates_cannot_be_decoded(started):
    """C-088: a server that only sends nonsense is asked ever less often."""
    waits = []
    for number in range(6):
        started.subscribed("U,1,1,|") if number == 0 else started.say("SUBOK,1,1,2", "U,1,1,|")
        waits.append(started.of(StatusChanged)[-1].retry_in_s)
        started.wait(waits[-1]).open().say(f"CONOK,S{number},50000,5000,*")
    assert waits == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0]


def test_c089_bases_over_connections_and_sessions(started):
    """C-089: bases go on over LOOP and recovery, and are void in a new session."""
    started.subscribed("U,1,1,a|b", "LOOP,0")
    started.open().say("CONOK,S1,50000,5000,*", "U,1,1,|c")
    started.recover("PROG,3", "U,1,1,|d")
    assert started.rows == [["a", "b"], ["a", "c"], ["a", "d"]]
    started.say("END,48,x").open().say("CONOK,S2,50000,5000,*", "SUBOK,1,1,2").forget()
    started.say("U,1,1,|e")
    assert started.errors
    assert not started.updates


def test_c090_cs_and_eos_keep_the_base(started):
    """C-090: CS and EOS do not touch the base."""
    started.subscribed("U,1,1,a|b", "EOS,1,1", "U,1,1,|c", "CS,1,1", "U,1,1,|d", mode="DISTINCT")
    assert started.rows == [["a", "b"], ["a", "c"], ["a", "d"]]


@pytest.mark.parametrize(
    ("mode", "snapshot", "flags"),
    [
        ("MERGE", True, [True, False, False, False]),  # C-091
        ("DISTINCT", True, [True, True, False, False]),  # C-092
        ("COMMAND", True, [True, True, False, False]),
        ("MERGE", False, [False] * 4),  # C-093
        ("DISTINCT", False, [False] * 4),
        ("RAW", True, [False] * 4),
    ],
)
def test_c091_c092_c093_snapshot(started, mode, snapshot, flags):
    """C-091, C-092, C-093: what is snapshot, by mode."""
    started.subscribed("U,1,1,a|b", "U,1,1,c|", "EOS,1,1", "U,1,1,d|", "U,1,1,e|", mode=mode, snapshot=snapshot)
    assert [update.is_snapshot for update in started.updates] == flags


def test_c094_empty_snapshot(started):
    """C-094: EOS without any row is an empty snapshot."""
    started.subscribed("EOS,1,1", "U,1,1,a|b", mode="DISTINCT")
    assert started.of(SnapshotEnd) == [SnapshotEnd(1, "i1", 1)]
    assert not started.updates[0].is_snapshot


def test_c095_clear(started):
    """C-095: CS is told, and the keys of a table are forgotten: the next row of a key is an ADD."""
    started.subscribed("U,1,1,k|ADD|1", "CS,1,1", "U,1,1,k|UPDATE|2", mode="COMMAND", fields="key command v")
    assert started.of(Cleared) == [Cleared(1, "i1", 1)]
    assert [row[1] for row in started.rows] == ["ADD", "ADD"]


def test_c096_lost_updates(started):
    """C-096: OV is told with its count, and the subscription goes on."""
    started.subscribed("U,1,1,a|b", "OV,1,1,5", "U,1,1,c|", mode="RAW")
    assert started.of(ItemUpdatesLost) == [ItemUpdatesLost(1, "i1", 1, 5)]
    assert len(started.rows) == 2


def test_c097_c098_c099_command(started):
    """C-097, C-098, C-099: rows against the item's last row; ADD, UPDATE, DELETE by key; a DELETE has only key and command."""
    started.subscribed(
        "U,1,1,k1|ADD|1|x",
        "U,1,1,k2||2|",
        "U,1,1,k1|ADD||y",
        "U,1,1,k1|DELETE|#|#",
        "U,1,1,k3|DELETE|7|8",
        "U,1,1,k1|UPDATE||",
        mode="COMMAND",
        fields="key command v w",
    )
    assert started.rows == [
        ["k1", "ADD", "1", "x"],
        ["k2", "ADD", "2", "x"],
        ["k1", "UPDATE", "2", "y"],
        ["k1", "DELETE", None, None],
        ["k3", "DELETE", None, None],
        ["k1", "ADD", "7", "8"],
    ]
    assert dict(started.updates[2].changed) == {"command": "UPDATE", "v": "2", "w": "y"}


@pytest.mark.parametrize("line", ["U,1,2,a|b", "U,1,0,a|b", "EOS,1,2", "CS,1,-1", "OV,1,9,1"])
def test_items_that_do_not_exist(started, line):
    """A notification for an item outside the group is a protocol error, not an index error."""
    started.subscribed("U,1,1,a|b")
    started.say(line)
    assert started.errors
    assert started.session.status == "RECONNECTING"


def test_update_before_subok(started):
    """An update of a subscription that was not accepted yet cannot be decoded."""
    started.subscribe()
    assert started.say("U,1,1,a|b").errors


def test_second_subok_changes_nothing(started):
    """The answer to a repeated add does not clear the bases."""
    started.subscribed("U,1,1,a|b", "SUBOK,1,1,2", "U,1,1,|c")
    assert started.rows[-1] == ["a", "c"]
    assert len(started.of(Subscribed)) == 1


def test_a_refused_repeat_is_no_verdict(started):
    """The answer to the first add may only be late: the server that took it refuses the repeat for its id."""
    identifier = started.subscribe()
    started.wait(4.0)
    assert len(started.sent) == 2
    started.say("REQERR,2,65,LS_subId already in use")
    assert not started.of(SubscriptionError)
    started.say("REQOK,1", f"SUBOK,{identifier},1,2", f"U,{identifier},1,a|b")
    assert started.rows == [["a", "b"]]
    assert not started.of(SubscriptionError)


def test_a_refused_repeat_that_nothing_follows(started):
    """When nothing shows in time that the first add was taken, the refusal of the second counts."""
    started.subscribe()
    started.wait(4.0).say("REQERR,2,21,Invalid group")
    assert not started.of(SubscriptionError)
    started.wait(4.0)
    (error,) = started.of(SubscriptionError)
    assert (error.code, error.message) == (21, "Invalid group")


def test_update_object(started):
    """An update offers values by name and position, what changed, and cannot be assigned to."""
    started.subscribed("U,1,1,a|b", "U,1,1,a|c")
    first, second = started.updates
    assert (second.item, second.position, second.subscription_id) == ("i1", 1, 1)
    assert (second["f1"], second[2], second.get("f2"), second.get("nope", "?")) == ("a", "c", "c", "?")
    assert dict(first.changed) == {"f1": "a", "f2": "b"}
    assert dict(second.changed) == {"f2": "c"}
    assert "f1" in second
    assert "nope" not in second
    for wrong in (0, 3, -1):
        with pytest.raises(IndexError):
            second[wrong]
    with pytest.raises(KeyError):
        second["nope"]
    with pytest.raises(AttributeError):
        second.item = "x"
    with pytest.raises(TypeError):
        second.values["f1"] = "x"
    assert dict(first.values) == {"f1": "a", "f2": "b"}  # a later update leaves it alone
    assert "i1" in repr(second)
    assert first != second
    assert first == first  # noqa: PLR0124 -- equality is by value


def test_given_up_before_subok_costs_nobody_anything(started):
    """REQOK, our delete, SUBOK, updates, UNSUB: what comes for one who left early is for nobody; the other is fed."""
    other = started.subscribed(items="o")
    early = started.subscribe()
    started.session.unsubscribe(early, started.now)
    started.pump().forget().say("REQOK,2")
    assert [line["LS_subId"] for line in started.operations("delete")] == [str(early)]
    started.say(
        f"SUBOK,{early},1,2", f"CONF,{early},1.0,filtered", f"U,{early},1,a|b", f"U,{early},1,^Tz|", f"EOS,{early},1"
    )
    started.say(f"U,{early},7,a|b", f"CS,{early},1", f"OV,{early},1,3", f"U,{other},1,c|d", f"UNSUB,{early}")
    assert started.rows == [["c", "d"]]
    assert not started.errors
    assert [event.subscription_id for event in started.of(Unsubscribed)] == [early]
    assert started.session.session_id == "S1"


def _fault(client, bad, good, line):
    """The session brings a readable update for ``good``, then ``line`` for ``bad``."""
    number = client.session.session_id
    client.say(f"SUBOK,{bad},1,2", f"SUBOK,{good},1,2", f"U,{good},1,{number}|x", f"U,{bad},1,a|b", line)


@pytest.mark.parametrize("line", ["U,1,1,|^9", "U,1,1,a", "U,1,3,a|b", "CONF,1", "U,1,x,a|b", "EOS,1,9"])
def test_one_unreadable_item_ends_its_subscription_alone(started, line):
    """After the third fault its subscription ends with an error; the session, and what the others get, goes on."""
    bad, good = started.subscribe(), started.subscribe(items="i2")
    waits = []
    for number in (2, 3):
        _fault(started, bad, good, line)
        waits.append(started.of(StatusChanged)[-1].retry_in_s)
        started.wait(waits[-1]).open().say(f"CONOK,S{number},50000,5000,*")
    assert waits == [1.0, 2.0]  # another item's update does not reset the pause
    started.forget()
    _fault(started, bad, good, line)
    started.say(f"U,{bad},1,p|q", f"U,{good},1,|y")
    [error] = started.of(SubscriptionError)
    assert (error.subscription_id, error.operation, error.over) == (bad, "unreadable", True)
    assert [update.subscription_id for update in started.updates][-1] == good
    assert started.session.session_id == "S3"
    assert [entry["LS_subId"] for entry in started.operations("delete")] == [str(bad)]
    count = started.count
    started.forget().lost().wait(9.0).open().say("CONOK,S3,50000,5000,*", f"PROG,{count}")
    assert started.states[-1] == "CONNECTED recovered"  # the bad line was counted as the server counts it
