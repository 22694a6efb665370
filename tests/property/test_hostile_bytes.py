"""Whatever bytes come: the pure halves raise nothing undeclared, hold no more than they may, and end somewhere sensible."""

from __future__ import annotations

import random
from typing import Any

import jsonpatch
from hypothesis import given, settings
from hypothesis import strategies as st

from ig_sdk.lightstreamer.net.http_parser import HttpAnswer, HttpFormatError, LineAssembler
from ig_sdk.lightstreamer.net.websocket_frames import FrameDecoder, join_lines
from ig_sdk.lightstreamer.tlcp.actions import Connect
from ig_sdk.lightstreamer.tlcp.events import ConnectionStatus, StatusChanged
from ig_sdk.lightstreamer.tlcp.options import SessionOptions
from ig_sdk.lightstreamer.tlcp.session import Session
from ig_sdk.lightstreamer.tlcp.spec import SubscriptionSpec

LIMIT = 2_000
CONVERSATION = [
    "WSOK",
    "CONOK,S1,50000,5000,*",
    "SERVNAME,x",
    "SUBOK,1,2,3",
    "CONF,1,unlimited,filtered",
    "U,1,1,a|b|c",
    "U,1,2,#|$|1.5",
    "U,1,1,|^2",
    "U,1,1,^Tb|d%7C|^1",
    "PROBE",
    'U,1,2,{"a"%3A1}|x|',
    'U,1,2,^P[{"op"%3A"add","path"%3A"/b","value"%3A2}]|^2',
    "EOS,1,1",
    "CS,1,2",
    "OV,1,1,3",
    "SUBCMD,2,1,2,1,2",
    "U,2,1,K|ADD",
    "U,2,1,|DELETE",
    "REQOK,1",
    "REQERR,2,21,no",
    "MSGDONE,*,1,ok",
    "MSGFAIL,s,3,39,2",
    "SYNC,4",
    "LOOP,0",
    "PROG,5",
    "UNSUB,1",
    "END,48,x",
]


def _frames(lines: list[str]) -> bytes:
    payloads = [f"{line}\r\n".encode() for line in lines]
    return b"".join(bytes((0x81, len(payload))) + payload for payload in payloads)


def _spoiled(data: bytes, seed: int) -> bytes:
    """The bytes with a few of them changed, removed, repeated or swapped for noise."""
    source = random.Random(seed)
    spoiled = bytearray(data)
    for _ in range(source.randint(1, 6)):
        place = source.randrange(len(spoiled) or 1)
        how = source.randrange(4)
        if how == 0:
            spoiled[place : place + 1] = source.randbytes(1)
        elif how == 1:
            del spoiled[place : place + source.randint(1, 20)]
        elif how == 2:
            spoiled[place:place] = spoiled[place : place + source.randint(1, 30)]
        else:
            spoiled[place:place] = source.randbytes(source.randint(1, 30))
    return bytes(spoiled)


def _cut(data: bytes, seed: int) -> list[bytes]:
    source = random.Random(seed)
    pieces, start = [], 0
    while start < len(data):
        size = source.choice([1, 2, 7, 50, 1000])
        pieces.append(data[start : start + size])
        start += size
    return pieces


NOISE = st.binary(max_size=400) | st.integers().map(lambda seed: _spoiled(_frames(CONVERSATION), seed))


@settings(max_examples=200)
@given(NOISE, st.integers())
def test_frames(data, seed):
    """Noise for frames: messages, or one failure; what is held stays within the limit."""
    decoder = FrameDecoder(max_message_bytes=LIMIT)
    for piece in _cut(data, seed):
        over = decoder.failure is not None or decoder.closed is not None
        messages = decoder.feed(piece)
        assert not (over and messages)
        assert all(len(message) <= LIMIT for message in messages)
        assert len(decoder._held) + len(decoder._fragments) <= LIMIT + 20
        assert sum(map(len, decoder.take_pings())) <= len(data)
        if messages and not decoder.has_binary:
            try:
                join_lines(messages)
            except UnicodeDecodeError:
                return


HEADS = [
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nPROBE\r\n2;x\r\n\r\n\r\n0\r\nT: x\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nPROBE\r\n",
    b"HTTP/1.0 200 OK\r\nSet-Cookie: a=b\r\n\r\nCONOK,S1,50000,5000,*\r\nPROBE\r\n",
]
HTTP = st.binary(max_size=400) | st.tuples(st.sampled_from(HEADS), st.integers()).map(lambda pair: _spoiled(*pair))


@settings(max_examples=200)
@given(HTTP, st.integers())
def test_http(data, seed):
    """Noise for HTTP: text, or the declared error; what is held stays within the limits."""
    answer, lines = HttpAnswer(), LineAssembler(max_line_bytes=LIMIT)
    try:
        for piece in _cut(data, seed):
            lines.feed(answer.feed(piece))
            assert len(answer._held) <= 64 * 1024 + 1000
            assert len(lines._held) <= LIMIT + 1000
        answer.ended()
        lines.rest()
    except HttpFormatError:
        return


def _session(transport: str) -> Session:
    options = SessionOptions(address="http://server", transports=(transport,))  # type: ignore[arg-type]
    session = Session(options, random=lambda: 0.5, json_patch=jsonpatch.apply_patch)
    session.subscribe(SubscriptionSpec(mode="MERGE", items=("a", "b"), fields=("x", "y", "z")), 0.0)
    session.subscribe(SubscriptionSpec(mode="COMMAND", items=("t",), fields=("key", "command")), 0.0)
    session.connect(0.0)
    return session


def _carry_out(session: Session, now: float, connects: list[float]) -> list[Any]:
    """Open what is to be opened; return the events."""
    events = session.take_events()
    while actions := session.take_actions():
        for action in actions:
            if isinstance(action, Connect):
                connects.append(now)
                session.opened(now)
        events += session.take_events()
    return events


@settings(max_examples=200)
@given(
    st.sampled_from(["ws", "http-streaming", "http-polling"]),
    st.lists(st.integers(), min_size=3, max_size=12),
    st.integers(0, 10_000),
)
def test_spoiled_conversations(transport, seeds, order):
    """A conversation spoiled and shuffled anew on each connection: no exception, few connections, always to be closed."""
    session, now, connects = _session(transport), 0.0, []
    _carry_out(session, now, connects)
    for seed in seeds:
        lines = CONVERSATION[:]
        if order % 3:
            random.Random(seed + order).shuffle(lines)
        text = _spoiled("\r\n".join(lines).encode(), seed).decode(errors="replace")
        session.receive(text, now)
        events = _carry_out(session, now, connects)
        session.lost(now, "closed")
        events += _carry_out(session, now, connects)
        assert len(events) < 500
        for event in events:
            repr(event)
            if isinstance(event, StatusChanged):
                assert len(event.reason) < 600
                assert event.gap_s is None or event.gap_s >= 0
        now = max(now, session.deadline or now)
        session.wake(now)
        _carry_out(session, now, connects)
    assert len(connects) <= 10 + 4 * len(seeds)
    session.close(now)
    _carry_out(session, now, connects)
    session.wake(now + 1.0)
    _carry_out(session, now, connects)
    assert session.status is ConnectionStatus.DISCONNECTED
    assert session.deadline is None


@settings(max_examples=50)
@given(
    st.sampled_from(["PROBE", "NOOP,x", "LOOP,0", "END,48,x", "CONERR,5,x", "U,1,1,a|b|c", "XYZ", ""]),
    st.integers(1, 8),
)
def test_a_line_again_and_again(line, connections):
    """Thousands of the same line in one message cost a bounded number of events and requests."""
    session, now, connects = _session("ws"), 0.0, []
    _carry_out(session, now, connects)
    for _ in range(connections):
        session.receive("CONOK,S1,50000,5000,*\r\n" + f"{line}\r\n" * 3000, now)
        events = _carry_out(session, now, connects)
        assert len(events) < 50 or line.startswith("U")
        now = max(now, session.deadline or now)
        session.wake(now)
        _carry_out(session, now, connects)
    assert len(connects) < 5 * connections + 5
