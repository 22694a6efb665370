"""The frame decoder: any cutting gives the same messages, every violation is noticed."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode

from ig_sdk.lightstreamer.net.websocket_frames import (
    Binary,
    Closing,
    FrameDecoder,
    encode_close,
    encode_frame,
    join_lines,
)

MASK = b"\x01\x02\x03\x04"


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True) -> bytes:
    """What a server sends, made by another implementation."""
    return Frame(Opcode(opcode), payload, fin=fin).serialize(mask=False)


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[start:end] for start, end in pairwise(edges)]


def decode(pieces: list[bytes], **options: int) -> tuple[list[bytes], list[bytes], FrameDecoder]:
    decoder = FrameDecoder(**options)
    messages, pings = [], []
    for piece in pieces:
        messages += decoder.feed(piece)
        pings += decoder.take_pings()
    return messages, pings, decoder


payloads = st.one_of(st.binary(max_size=40), st.binary(min_size=120, max_size=400), st.just(b"x" * 70_000))
texts = payloads.map(lambda data: (frame(1, data), [data], []))
binaries = payloads.map(lambda data: (frame(2, data), [Binary(data)], []))
pings_ = st.binary(max_size=125).map(lambda data: (frame(9, data), [], [data]))
pongs = st.binary(max_size=125).map(lambda data: (frame(10, data), [], []))


@st.composite
def fragmented(draw: st.DrawFn) -> tuple[bytes, list[bytes], list[bytes]]:
    """A message in pieces, with pings between them."""
    pieces = draw(st.lists(st.binary(max_size=200), min_size=2, max_size=5))
    ping = draw(st.booleans())
    opcode = draw(st.sampled_from([1, 2]))
    data = b""
    for index, piece in enumerate(pieces):
        data += frame(opcode if index == 0 else 0, piece, fin=index == len(pieces) - 1)
        if ping and index < len(pieces) - 1:
            data += frame(9, b"between")
    whole = b"".join(pieces)
    return data, [whole if opcode == 1 else Binary(whole)], [b"between"] * (len(pieces) - 1) if ping else []


@given(
    st.lists(st.one_of(texts, binaries, pings_, pongs, fragmented()), max_size=8),
    st.lists(st.integers(min_value=0), max_size=30),
)
def test_any_cutting_gives_the_same_messages(
    parts: list[tuple[bytes, list[bytes], list[bytes]]], places: list[int]
) -> None:
    """Messages, their kinds and pings do not depend on how the bytes were cut."""
    data = b"".join(part[0] for part in parts)
    messages, pings, decoder = decode(cut(data, places))
    expected = [message for part in parts for message in part[1]]
    assert messages == expected
    assert [type(message) for message in messages] == [type(message) for message in expected]
    assert pings == [ping for part in parts for ping in part[2]]
    assert decoder.failure is None
    assert decoder.closed is None


@given(st.binary(max_size=300), st.lists(st.integers(min_value=0), max_size=10))
def test_garbage_ends_the_same_however_it_is_cut(data: bytes, places: list[int]) -> None:
    """Any bytes give messages and at most one end; cutting changes neither, and nothing raises."""
    whole, pings, decoder = decode([data])
    pieces, pieces_pings, cut_decoder = decode(cut(data, places))
    assert pieces == whole
    assert pieces_pings == pings
    # A violation that shows in a frame's first bytes is only seen earlier in a cut stream, never otherwise.
    assert cut_decoder.failure == decoder.failure
    assert cut_decoder.closed == decoder.closed


def test_byte_by_byte() -> None:
    """The smallest pieces work, with all three length forms."""
    data = frame(1, b"a") + frame(1, b"b" * 126) + frame(1, b"c" * 70_000)
    messages, _, _ = decode([data[i : i + 1] for i in range(len(data))])
    assert messages == [b"a", b"b" * 126, b"c" * 70_000]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\xc1\x01a", 1002),  # RSV1
        (b"\xa1\x01a", 1002),  # RSV2
        (b"\x91\x01a", 1002),  # RSV3
        (b"\x83\x00", 1002),  # reserved data opcode
        (b"\x8b\x00", 1002),  # reserved control opcode
        (b"\x81\x81\x00\x00\x00\x00a", 1002),  # masked by a server
        (b"\x09\x00", 1002),  # fragmented ping
        (b"\x89\x7e\x00\x7e" + b"p" * 126, 1002),  # long ping
        (b"\x80\x01a", 1002),  # continuation of nothing
        (b"\x01\x01a\x81\x01b", 1002),  # a new message inside one
        (b"\x88\x01\x03", 1002),  # half a close code
        (b"\x88\x02\x03\xed", 1002),  # 1005 must not be sent
        (b"\x88\x02\x03\xe7", 1002),  # 999
        (b"\x88\x02\x0b\xb7", 1002),  # 2999
        (b"\x88\x04\x03\xe8\xff\xfe", 1007),  # reason not UTF-8
        (b"\x81\x7f" + (1 << 40).to_bytes(8, "big"), 1009),
        (b"\x81\x7f" + b"\xff" * 8, 1009),
    ],
)
def test_violations(data: bytes, code: int) -> None:
    """Each violation of RFC 6455 ends the stream with its code, after the messages before it."""
    messages, _, decoder = decode([frame(1, b"before") + data + frame(1, b"after")])
    assert messages == [b"before"]
    assert decoder.failure is not None
    assert decoder.failure.code == code


def test_a_long_message_is_refused_before_it_is_held() -> None:
    """The announced length is judged, not the bytes that came; fragments count together."""
    messages, _, decoder = decode([frame(1, b"x" * 1000)[:20]], max_message_bytes=500)
    assert messages == []
    assert decoder.failure == Closing(1009, "message longer than 500 bytes")
    pieces = frame(1, b"x" * 100, fin=False) + frame(0, b"x" * 100, fin=False) * 5
    _, _, decoder = decode([pieces], max_message_bytes=500)
    assert decoder.failure == Closing(1009, "message longer than 500 bytes")


@pytest.mark.parametrize(
    ("payload", "closing"),
    [(b"", Closing(1005, "")), (b"\x03\xe8", Closing(1000, "")), (b"\x0f\xa0bye", Closing(4000, "bye"))],
)
def test_close_frame(payload: bytes, closing: Closing) -> None:
    """A close frame is told, and nothing after it counts."""
    messages, _, decoder = decode([frame(1, b"a") + frame(8, payload) + frame(1, b"b"), frame(1, b"c")])
    assert messages == [b"a"]
    assert decoder.closed == closing


def test_join_lines_puts_a_line_end_between_messages() -> None:
    """A message whose last line lacks its CR-LF does not run into the next one (C-013)."""
    assert join_lines([b"A\r\n", b"B", b"C\r\nD\r\n"]) == "A\r\nB\r\nC\r\nD\r\n"


@given(st.lists(st.text(alphabet="aé\r\n", max_size=6), min_size=1, max_size=5))
def test_join_lines_keeps_every_line(messages: list[str]) -> None:
    """The lines that are not empty are those of the single messages, in order."""
    joined = join_lines([message.encode() for message in messages])
    expected = [line for message in messages for line in message.split("\r\n") if line]
    assert [line for line in joined.split("\r\n") if line] == expected


def test_join_lines_refuses_bytes_that_only_fit_together() -> None:
    """Half a character in one message and half in the next is not UTF-8."""
    first, second = "é".encode()[:1], "é".encode()[1:]
    with pytest.raises(UnicodeDecodeError):
        join_lines([first, second])


@given(st.binary(max_size=300), st.sampled_from([1, 2, 9, 10]), st.binary(min_size=4, max_size=4))
def test_encode_frame_is_what_others_encode(payload: bytes, opcode: int, mask: bytes) -> None:
    """Our frames are masked as RFC 6455 section 5.3 says: unmasking gives the payload."""
    if opcode > 8:
        payload = payload[:125]
    data = encode_frame(opcode, payload, mask)
    length = len(payload)
    head = 2 if length < 126 else 4
    assert data[0] == 0x80 | opcode
    assert data[1] & 0x80
    assert data[head : head + 4] == mask
    assert bytes(byte ^ mask[i % 4] for i, byte in enumerate(data[head + 4 :])) == payload


def test_encode_long_frame() -> None:
    """Lengths above 65,535 take the eight-byte form."""
    data = encode_frame(1, b"x" * 70_000, MASK)
    assert data[1] == 0xFF
    assert int.from_bytes(data[2:10], "big") == 70_000
    assert len(data) == 14 + 70_000


def test_encode_close_cuts_a_long_reason() -> None:
    """A control frame has at most 125 bytes, and a cut does not split a character."""
    data = encode_close(1002, "é" * 100, MASK)
    assert data[1] & 0x7F <= 125
    body = bytes(byte ^ MASK[i % 4] for i, byte in enumerate(data[6:]))
    assert body[:2] == (1002).to_bytes(2, "big")
    assert body[2:].decode() == "é" * 61
