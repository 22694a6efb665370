"""The session's own arithmetic: what waits, what was taken back, when it must wake."""

from __future__ import annotations

from random import Random

from ig_sdk.simulator.stream.core.connection import StreamConnection
from ig_sdk.simulator.stream.core.options import StreamOptions
from ig_sdk.simulator.stream.core.session_table import SessionTable
from ig_sdk.simulator.stream.items.open_items import OpenItems

CREATE = "create_session\r\nLS_cid=x&LS_send_sync=false&LS_supported_diffs="


def make(**options):
    return SessionTable(OpenItems(), lambda *_: True, StreamOptions(**options), random=Random(1))


def subscribed(table, mode="MERGE"):
    connection = StreamConnection("ws", "2.4.0")
    table.receive(connection, CREATE, 0.0)
    add = f"LS_reqId=1&LS_op=add&LS_subId=1&LS_mode={mode}&LS_group=a&LS_schema=f"
    table.receive(connection, f"control\r\n{add}", 0.0)
    connection.take(100)
    return connection


def test_lines_that_never_left_are_taken_back():
    """Lines that waited for a connection that broke go to the next one, recovery or not."""
    table = make()
    connection = subscribed(table)
    for number in range(5):
        table.feeds.post("a", {"f": str(number)}, 1.0)
    assert connection.take(2) == ["U,1,1,0", "U,1,1,1"]
    table.lost(connection, 1.0)
    # Not on both: a client that counted them would ask for a point beyond what was sent.
    assert connection.take(100) == []
    again = StreamConnection("ws", "2.4.0")
    session = table.sessions[0].session_id
    table.receive(again, f"bind_session\r\nLS_session={session}&LS_send_sync=false", 1.0)
    assert again.take(100)[2:] == ["U,1,1,2", "U,1,1,3", "U,1,1,4"]


def like_ig(**changes):
    return SessionTable(OpenItems(), lambda *_: True, StreamOptions.like_ig(**changes), random=Random(1))


def test_igs_habits():
    """A bare host in CONOK, 20.0 in CONF, bars for unchanged fields, and nothing for fields that never had a value."""
    table, connection = like_ig(), StreamConnection("ws", "2.4.0")
    table.receive(connection, CREATE, 0.0)
    assert connection.take(1)[0].split(",")[4] == "127.0.0.1"
    add = "LS_reqId=1&LS_op=add&LS_subId=1&LS_mode=DISTINCT&LS_group=a&LS_schema=f g h k"
    table.receive(connection, f"control\r\n{add}", 0.0)
    assert "CONF,1,20.0,filtered" in connection.take(100)
    for row in ({"f": "1", "k": "2"}, {"f": "3", "k": "2"}, {"g": "4"}):
        table.feeds.post("a", row, 1.0)
    assert connection.take(100) == ["U,1,1,1|||2", "U,1,1,3|||", "U,1,1,#|4||#"]


def test_a_lower_frequency_than_igs_is_stated_as_it_is():
    """20.0 is the most that is stated; unfiltered stays unfiltered."""
    for asked, stated in (("5.0", "5.0,filtered"), ("50.0", "20.0,filtered"), ("unfiltered", "unlimited,unfiltered")):
        table, connection = like_ig(), StreamConnection("ws", "2.4.0")
        table.receive(connection, CREATE, 0.0)
        add = "LS_reqId=1&LS_op=add&LS_subId=1&LS_mode=DISTINCT&LS_group=a&LS_schema=f"
        table.receive(connection, f"control\r\n{add}&LS_requested_max_frequency={asked}", 0.0)
        assert f"CONF,1,{stated}" in connection.take(100)


def test_room_and_slack():
    """There is room until the buffer is full, and slack for a whole tick until it is half full."""
    table = make(buffer_lines=10)
    connection = subscribed(table)
    session = table.sessions[0]
    seen = []
    for number in range(12):
        table.feeds.post("a", {"f": str(number)}, 1.0)
        seen.append((table.has_slack, session.has_room, session.buffered))
    assert seen[3] == (True, True, 4)
    assert seen[4] == (False, True, 5)
    assert seen[9:] == [(False, False, 10)] * 3
    connection.take(100)
    assert table.has_slack
    table.drained(connection, 1.0)
    assert connection.take(100) == ["U,1,1,11"]


def test_a_muted_connection_holds_its_lines():
    """Mute means that nothing is written and nothing forgotten."""
    table = make()
    connection = subscribed(table)
    connection.muted = True
    table.feeds.post("a", {"f": "1"}, 1.0)
    connection.close()
    assert not connection.ready
    assert connection.take(100) == []
    connection.muted = False
    assert connection.take(100) == ["U,1,1,1"]


def test_no_deadline_without_sessions():
    """An empty table never wakes."""
    table = make()
    assert table.deadline is None
    connection = subscribed(table)
    assert table.deadline == 5.0
    table.receive(connection, "control\r\nLS_reqId=2&LS_op=destroy", 1.0)
    assert table.deadline is None


def test_polls_end_with_the_tick_that_feeds_them():
    """A poll that waits is answered by the event, and asks the shell to look at its deadlines again."""
    table = make()
    connection = subscribed(table)
    session = table.sessions[0].session_id
    table.lost(connection, 1.0)
    poll = StreamConnection("ws", "2.4.0")
    more = "&LS_polling=true&LS_polling_millis=0&LS_idle_millis=9000"
    table.receive(poll, f"bind_session\r\nLS_session={session}{more}", 1.0)
    table.feeds.wake_at = None
    table.feeds.post("a", {"f": "1"}, 2.0)
    assert poll.take(100)[2:] == ["U,1,1,1", "LOOP,0"]
    assert table.feeds.wake_at == 2.0


def test_subscribed_markets_are_told_once():
    """A subscription of a price item names its market to the shell, one of a silent item does not."""
    from ig_sdk.simulator.stream.items.adapter import ItemAdapter

    table = SessionTable(ItemAdapter(lambda _: True), lambda *_: True, StreamOptions(), random=Random(1))
    connection = StreamConnection("ws", "2.4.0")
    table.receive(connection, CREATE, 0.0)
    for number, item, field in ((1, "CHART:E:TICK", "BID"), (2, "MARKET:E", "BID"), (3, "CHART:F:TICK", "BID")):
        mode = "MERGE" if item.startswith("MARKET") else "DISTINCT"
        add = f"LS_reqId={number}&LS_op=add&LS_subId={number}&LS_mode={mode}&LS_group={item}&LS_schema={field}"
        table.receive(connection, f"control\r\n{add}", 0.0)
    assert table.feeds.take_subscribed() == ["E", "F"]
    assert table.feeds.take_subscribed() == []
    assert table.feeds.has_listener("E")
    table.receive(connection, "control\r\nLS_reqId=4&LS_op=delete&LS_subId=1", 0.0)
    assert not table.feeds.has_listener("E")
