"""HTTP answers and lines, cut anywhere."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ig_sdk.lightstreamer.net.http_parser import HttpAnswer, HttpFormatError, LineAssembler, encode_post

CUTS = st.lists(st.integers(min_value=0), max_size=30)


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[start:end] for start, end in pairwise(edges)]


def chunked(parts: list[bytes]) -> bytes:
    return b"".join(b"%x;ext=1\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\nTrailer: x\r\n\r\n"


@given(st.lists(st.binary(min_size=1, max_size=300), max_size=5), CUTS)
def test_chunked_body_however_it_is_cut(parts: list[bytes], places: list[int]) -> None:
    """The body is the chunks' data, whatever the pieces; what follows the last chunk is ignored (C-011)."""
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nSet-Cookie: a=1; Path=/\r\n\r\n"
    answer = HttpAnswer()
    body = b"".join(answer.feed(piece) for piece in cut(head + chunked(parts), places))
    assert (answer.status, body, answer.complete) == (200, b"".join(parts), True)
    assert answer.set_cookies == ["a=1; Path=/"]
    assert answer.feed(b"more") == b""


@given(st.binary(max_size=300), CUTS)
def test_body_with_a_length(body: bytes, places: list[int]) -> None:
    """Content-Length ends the body; a 100 Continue before the answer is skipped."""
    data = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 Not Found\r\ncontent-length: %d\r\n\r\n" % len(body)
    answer = HttpAnswer()
    got = b"".join(answer.feed(piece) for piece in cut(data + body, places))
    assert (answer.status, got, answer.complete) == (404, body, True)


def test_body_until_the_peer_closes() -> None:
    """Without a length the close ends the body; with one it makes the answer incomplete."""
    answer = HttpAnswer()
    assert answer.feed(b"HTTP/1.0 200 OK\r\n\r\nabc") == b"abc"
    assert not answer.complete
    assert answer.ended()
    short = HttpAnswer()
    short.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc")
    assert not short.ended()
    assert not HttpAnswer().ended()


@pytest.mark.parametrize(
    "data",
    [
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1" * 5000,
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000,
    ],
)
def test_what_is_no_answer_is_refused(data: bytes) -> None:
    """Malformed or endless parts raise the one declared error."""
    with pytest.raises(HttpFormatError):
        HttpAnswer().feed(data)


@given(st.binary(max_size=200), CUTS)
def test_garbage_raises_nothing_else(data: bytes, places: list[int]) -> None:
    """Any bytes end in a body or the declared error."""
    answer = HttpAnswer()
    try:
        for piece in cut(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + data, places):
            answer.feed(piece)
    except HttpFormatError:
        pass


@given(st.lists(st.text(alphabet=st.sampled_from("aé€😀\r\n|"), max_size=8), max_size=6), CUTS)
def test_lines_however_they_are_cut(lines: list[str], places: list[int]) -> None:
    """Bytes become text only at line ends, so a cut inside CR-LF or a character changes nothing (C-010)."""
    text = "".join(f"{line}\r\n" for line in lines) + "rest"
    assembler = LineAssembler()
    parts = [assembler.feed(piece) for piece in cut(text.encode(), places)]
    assert "".join(parts) + assembler.rest() == text
    assert all(part.endswith("\r\n") for part in parts if part)


def test_line_faults() -> None:
    """A line without end and one that is not UTF-8 are refused."""
    with pytest.raises(HttpFormatError, match="longer"):
        LineAssembler(max_line_bytes=10).feed(b"x" * 11)
    with pytest.raises(HttpFormatError, match="UTF-8"):
        LineAssembler().feed(b"\xff\r\n")


def test_encode_post() -> None:
    """A POST carries the body's length in bytes, the target as it is and the cookies."""
    data = encode_post("/lightstreamer/control.txt?LS_protocol=TLCP-2.4.0", "h:81", "é".encode(), cookies="a=1")
    head, _, body = data.partition(b"\r\n\r\n")
    assert head.split(b"\r\n")[0] == b"POST /lightstreamer/control.txt?LS_protocol=TLCP-2.4.0 HTTP/1.1"
    assert b"Host: h:81" in head
    assert b"Content-Length: 2" in head
    assert b"Cookie: a=1" in head
    assert body == "é".encode()
