"""What holds for a session whatever the server, the network and the application do."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import jsonpatch
from hypothesis import given, settings
from hypothesis import strategies as st

from ig_sdk.lightstreamer.tlcp.actions import Connect, Send
from ig_sdk.lightstreamer.tlcp.codec.requests import encode_http, encode_ws
from ig_sdk.lightstreamer.tlcp.codec.values import encode_fields
from ig_sdk.lightstreamer.tlcp.events import ErrorOccurred, StatusChanged
from ig_sdk.lightstreamer.tlcp.options import SessionOptions
from ig_sdk.lightstreamer.tlcp.session import Session
from ig_sdk.lightstreamer.tlcp.spec import SubscriptionSpec
from ig_sdk.lightstreamer.tlcp.updates import ItemUpdate

CONOK = "CONOK,S1,50000,5000,*\r\n"


def _session(**options: Any) -> Session:
    return Session(
        SessionOptions(address="http://server", **options), random=lambda: 0.5, json_patch=jsonpatch.apply_patch
    )


def _spec(
    mode: str = "MERGE", items: Iterable[str] = ("a", "b"), fields: Iterable[str] = ("x", "y", "z")
) -> SubscriptionSpec:
    return SubscriptionSpec(mode=mode, items=tuple(items), fields=tuple(fields))  # type: ignore[arg-type]


def _bound(mode: str = "MERGE") -> Session:
    session = _session()
    session.subscribe(_spec(mode), 0.0)
    session.connect(0.0)
    session.opened(0.0)
    subok = "SUBCMD,1,2,3,1,2" if mode == "COMMAND" else "SUBOK,1,2,3"
    session.receive(f"WSOK\r\n{CONOK}{subok}\r\n", 0.0)
    session.take_actions()
    session.take_events()
    return session


VALUE = st.sampled_from(
    ["", "1", "2.5", "#", "$", "^1", "^2", "^3", "a,b", "a%7Cb", "%zz", "^-1", "^+1", "^Tb", "a^b", "1#", "\n"]
)
UPDATE = st.tuples(
    st.sampled_from(["U,1,1,", "U,1,2,", "U,1,3,", "U,01,1,", "U,2,1,", "U,1,1,x,"]),
    st.lists(VALUE, min_size=2, max_size=4),
).map(lambda parts: parts[0] + "|".join(parts[1]))
PLAIN = st.tuples(
    st.sampled_from(["U,1,1,", "U,1,2,"]), st.lists(st.sampled_from(["", "1", "2", "3"]), min_size=3, max_size=3)
).map(lambda parts: parts[0] + "|".join(parts[1]))
OTHER = st.sampled_from(
    [
        "PROBE",
        "EOS,1,1",
        "CS,1,2",
        "OV,1,1,2",
        "CONF,1,3.5,filtered",
        "SYNC,3",
        "NOOP,x",
        "XYZ,1",
        "",
        "SUBOK,1,2,3",
        "UNSUB,1",
        "LOOP,0",
    ]
)
FIRST = ["U,1,1,1|2|3", "U,1,2,4|5|6"]


@given(st.sampled_from(["MERGE", "DISTINCT", "RAW", "COMMAND"]), st.lists(UPDATE | PLAIN | PLAIN | OTHER, max_size=25))
def test_fast_path_is_the_plain_path(mode, lines):
    """The fast path gives the same events, count and state as the plain path taken line by line."""
    text = "\r\n".join([*FIRST, *lines])
    fast, plain = _bound(mode), _bound(mode)
    fast.receive(text, 1.0)
    for line in text.split("\r\n"):
        plain.receive("PROBE", 1.0)
        if line:
            plain._reader.line(line)
    assert _told(fast.take_events()) == _told(plain.take_events())
    assert fast.counter.count == plain.counter.count
    assert fast.status == plain.status


def _told(events: Iterable[Any]) -> list[Any]:
    return [
        (type(event), str(event.error))
        if isinstance(event, ErrorOccurred)
        else (event.status, event.continuity, event.reason)
        if isinstance(event, StatusChanged)
        else event
        for event in events
    ]


@given(st.lists(PLAIN | UPDATE | OTHER, max_size=25), st.lists(st.booleans(), min_size=30, max_size=30))
def test_messages_may_be_cut_between_any_lines(lines, cuts):
    """How lines are spread over messages makes no difference."""
    whole, parts = _bound(), _bound()
    every = [*FIRST, *lines]
    whole.receive("\r\n".join(every), 1.0)
    message: list[str] = []
    for line, cut in zip(every, cuts, strict=False):
        message.append(line)
        if cut:
            parts.receive("\r\n".join(message), 1.0)
            message = []
    parts.receive("\r\n".join(message) + "\r\n", 1.0)
    assert _told(whole.take_events()) == _told(parts.take_events())
    assert whole.counter.count == parts.counter.count


SAID = [
    "WSOK",
    "CONOK,S1,50000,5000,*",
    "CONOK,S2,10,100,host",
    "CONOK,S1,1,0,://",
    "CONERR,1,x",
    "CONERR,4,x",
    "CONERR,5,x",
    "CONERR,20,x",
    "CONERR,65,version",
    "CONERR,11,x",
    "CONERR,66,x",
    "END,48,x",
    "END,31,x",
    "END,35,x",
    "ERROR,67,x",
    "PROG,0",
    "PROG,3",
    "PROG,-1",
    "PROG,99999999999999999999",
    "LOOP,0",
    "LOOP,100",
    "LOOP,-5",
    "REQOK,1",
    "REQOK,2",
    "REQERR,1,20,x",
    "REQERR,1,21,x",
    "REQERR,2,19,x",
    "REQERR,3,65,x",
    "SUBOK,1,2,3",
    "SUBOK,1,-1,-3",
    "SUBCMD,1,2,3,9,9",
    "UNSUB,1",
    "UNSUB,9",
    "MSGDONE,*,1,",
    "MSGDONE,s,1",
    "MSGFAIL,s,2,39,2",
    "MSGFAIL,*,1,39,x",
    "SUBOK,1,999999999,999999999",
]
LINE = UPDATE | PLAIN | OTHER | st.text(max_size=20) | st.sampled_from(SAID)
STEP = st.one_of(
    st.tuples(st.just("receive"), st.lists(LINE, min_size=1, max_size=4).map("\r\n".join)),
    st.tuples(st.just("answered"), st.lists(LINE, max_size=3).map("\r\n".join)),
    st.tuples(st.just("opened"), st.none()),
    st.tuples(st.just("lost"), st.booleans()),
    st.tuples(st.just("wake"), st.sampled_from([0.0, 0.1, 1.0, 7.0, 60.0, 1e6])),
    st.tuples(st.just("subscribe"), st.sampled_from(["MERGE", "DISTINCT", "RAW", "COMMAND"])),
    st.tuples(st.just("unsubscribe"), st.integers(1, 4)),
    st.tuples(st.just("reconfigure"), st.integers(1, 4)),
    st.tuples(st.just("message"), st.sampled_from([None, "s"])),
    st.tuples(st.just("connect"), st.none()),
    st.tuples(st.just("close"), st.none()),
)


def _step(session: Session, name: str, argument: Any, now: float) -> None:
    if name in ("receive", "answered"):
        getattr(session, name)(argument, now)
    elif name == "opened":
        session.opened(now, "u", "p")
    elif name == "lost":
        session.lost(now, "x", unavailable=argument)
    elif name == "subscribe":
        session.subscribe(_spec(argument), now)
    elif name == "unsubscribe":
        session.unsubscribe(argument, now)
    elif name == "reconfigure":
        session.reconfigure(argument, 2.0, now)
    elif name == "message":
        session.send_message("m", now, sequence=argument)
    elif name == "connect":
        session.connect(now)
    elif name == "close":
        session.close(now)
    session.wake(now)


@settings(max_examples=300)
@given(
    st.lists(STEP, max_size=40),
    st.sampled_from([("ws",), ("http-streaming",), ("http-polling",), ("ws", "http-streaming", "http-polling")]),
    st.sampled_from([("2.5.0", "2.4.0"), ("2.1.0",), ("2.0.0",)]),
    st.sampled_from([None, 1000]),
)
def test_nothing_that_happens_raises_or_spins(steps, transports, versions, inactivity_ms):
    """Any order of inputs, sensible or not: no exception, actions that can be carried out, deadlines that come to something."""
    session = _session(transports=transports, versions=versions, inactivity_ms=inactivity_ms)
    session.connect(0.0)
    session.opened(0.0)
    now = 0.0
    for name, argument in steps:
        now += argument if name == "wake" else 0.01
        _step(session, name, argument, now)
        _carry_out(session)
        deadline = session.deadline
        if deadline is not None:
            assert math.isfinite(deadline)
            # Whatever is due is done by one wake: a second deadline lies ahead.
            now = max(now, deadline)
            session.wake(now)
            _carry_out(session)
            assert session.deadline is None or session.deadline > now


def _carry_out(session: Session) -> None:
    for action in session.take_actions():
        if isinstance(action, Send):
            assert encode_ws(action.request)
            assert encode_http(action.request, session.version, action.session_id)
        elif isinstance(action, Connect):
            assert action.url.startswith(("ws://", "wss://", "http://", "https://"))
    for event in session.take_events():
        repr(event)


class _Server:
    """A server as the specification has it, small: one subscription of one item, and a log of what was sent."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.unsent: list[str] = []
        self.row: list[str | None] | None = None

    def update(self, row: list[str | None]) -> None:
        payload, _ = encode_fields(row, self.row, tlcp_diff=True)
        self.row = row
        self.unsent.append(f"U,1,1,{payload}")

    def flush(self) -> list[str]:
        lines, self.unsent = self.unsent, []
        self.log += lines
        return lines

    def bind(self, request: dict[str, str], back: int) -> list[str]:
        count = request.get("LS_recovery_from")
        if count is None:
            return [CONOK.strip()]
        start = max(int(count) - back, 0)
        return [CONOK.strip(), f"PROG,{start}", *self.log[start:]]


ROW = st.lists(
    st.sampled_from([None, "", "1.1", "1.1000001", "a long value that changes little", "#", "^2"]),
    min_size=3,
    max_size=3,
)
MOVE = st.one_of(
    st.tuples(st.just("update"), ROW),
    st.tuples(st.just("update"), ROW),
    st.tuples(st.just("flush"), st.none()),
    st.tuples(st.just("loop"), st.none()),
    st.tuples(st.just("drop"), st.integers(0, 5)),  # how many lines were still under way
    st.tuples(st.just("silence"), st.none()),
)


@settings(max_examples=200)
@given(st.lists(MOVE, max_size=30), st.lists(st.integers(0, 4), min_size=40, max_size=40))
def test_no_update_is_lost_or_repeated(moves, backs):
    """Over LOOPs, breaks with lines under way, stalls, and servers that repeat themselves: each row once, in order."""
    session, server, now = _session(), _Server(), 0.0
    session.subscribe(_spec(items=("a",)), now)
    session.connect(now)
    session.opened(now)
    server.log.append("SUBOK,1,1,3")
    session.receive(f"{CONOK}SUBOK,1,1,3\r\n", now)
    session.take_actions()
    given_rows: list[list[str | None]] = []
    for (name, argument), back in zip([*moves, ("flush", None)], backs, strict=False):
        if name == "update":
            given_rows.append(argument)
            server.update(argument)
        elif name == "flush":
            session.receive("\r\n".join(server.flush()), now)
        elif name == "loop":
            session.receive("\r\n".join([*server.flush(), "LOOP,0"]), now)
        elif name == "drop":
            lines = server.flush()
            session.receive("\r\n".join(lines[: max(len(lines) - argument, 0)]), now)
            session.lost(now, "broken")
        else:
            now = max(now, session.deadline or now)
            session.wake(now)
        now = _reconnect(session, server, now, back)
    rows = [list(event.values.values()) for event in session.take_events() if isinstance(event, ItemUpdate)]
    assert rows == given_rows
    assert session.counter.count == len(server.log) == 1 + len(given_rows)


def _reconnect(session: Session, server: _Server, now: float, back: int) -> float:
    """Do as the session asks until it is bound again; the server repeats ``back`` lines more than it was asked for."""
    for _ in range(10):
        for action in session.take_actions():
            if isinstance(action, Connect):
                assert not action.new_session, "the session was given up"
                session.opened(now)
                request = next(one.request for one in session.take_actions() if isinstance(one, Send) and one.stream)
                session.receive("\r\n".join(server.bind(request.parameters(), back)), now)
        if session._connection.bound:
            return now
        now = max(now, session.deadline or now)
        session.wake(now)
    raise AssertionError("never bound again")
