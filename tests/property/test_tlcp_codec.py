"""What holds for any text, row or line."""

from __future__ import annotations

from typing import Any

import jsonpatch
from hypothesis import given
from hypothesis import strategies as st

from ig_sdk.errors import StreamProtocolError
from ig_sdk.lightstreamer.tlcp.codec import notifications, requests, values
from ig_sdk.lightstreamer.tlcp.codec.diff import apply_diff, make_diff
from ig_sdk.lightstreamer.tlcp.codec.text import decode_strict, encode_argument, encode_parameter, encode_value

TEXT = st.text(st.characters(codec="utf-8"), max_size=30) | st.text("ab|#$^%,\r\n+=&é", max_size=12)
VALUE = st.none() | TEXT
ROWS = st.integers(1, 6).flatmap(
    lambda width: st.lists(st.lists(VALUE, min_size=width, max_size=width), min_size=1, max_size=5)
)
NAMES = st.text("LS_abcXYZ", min_size=1, max_size=8).filter(lambda name: name not in ("LS_group", "LS_schema"))
LINE = st.lists(st.tuples(NAMES, TEXT), min_size=1, max_size=5).map(tuple)


@given(TEXT)
def test_text_round_trip(text):
    """Each way to encode a text is undone by the one way to decode it, and hides what it must."""
    assert decode_strict(encode_parameter(text)) == text
    assert decode_strict(encode_argument(text)) == text
    assert decode_strict(encode_value(text)) == text
    assert not set("&=+\r\n,|") & set(encode_parameter(text))
    assert not set(",\r\n") & set(encode_argument(text))
    assert not set("|\r\n") & set(encode_value(text))


@given(TEXT, TEXT)
def test_diff_round_trip(base, value):
    """A diff that we make leads from one text to the other."""
    assert apply_diff(base, make_diff(base, value)) == value


@given(TEXT, st.text("abcABZ!é", max_size=12))
def test_any_diff_gives_text_or_the_one_error(base, diff):
    """Any diff applies or is refused, and never gives more than it was given."""
    try:
        result = apply_diff(base, diff)
    except StreamProtocolError:
        return
    assert len(result) <= len(base) + len(diff)


@given(ROWS, st.sampled_from([None, 1, 2, 3]), st.booleans())
def test_rows_round_trip(rows, run_from, tlcp_diff):
    """Whatever a server writes for a series of rows is read as those rows."""
    sent: list[str | None] | None = None
    read: list[str | None] | None = None
    for row in rows:
        payload, _ = values.encode_fields(row, sent, run_from=run_from, tlcp_diff=tlcp_diff)
        read, documents = values.decode_fields(payload.split("|"), read, len(row))
        assert (read, documents) == (row, {})
        sent = row


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text("ab|%", max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab/~", max_size=2), inner, max_size=3),
    max_leaves=8,
)


@given(st.lists(JSON.map(lambda document: {"d": document}), min_size=2, max_size=4))
def test_documents_round_trip(documents):
    """Documents sent as patches are read as the same documents."""
    import json

    def make_patch(old: Any, new: Any) -> Any:
        return jsonpatch.make_patch(old, new).patch

    sent: list[str | None] | None = None
    read: list[str | None] | None = None
    parsed: dict[int, Any] = {}
    patched: frozenset[int] = frozenset()
    for document in documents:
        row: list[str | None] = [json.dumps(document)]
        payload, patched = values.encode_fields(row, sent, tlcp_diff=True, make_patch=make_patch, patched=patched)
        read, parsed = values.decode_fields(payload.split("|"), read, 1, parsed, json_patch=jsonpatch.apply_patch)
        assert json.loads(read[0] or "") == document
        assert set(parsed) == patched
        sent = row


TOKEN = (
    st.sampled_from(
        [
            "",
            "#",
            "$",
            "a",
            "^1",
            "^2",
            "^",
            "^0",
            "^99",
            "^-1",
            "^Tb",
            "^Td",
            "^Tz",
            "^P[]",
            "^P{",
            "%41",
            "%",
            "^P[0]",
            '^P[{"op":"copy","from":"","path":"/a"}]',
        ]
    )
    | TEXT
)


@given(st.lists(st.lists(TOKEN, max_size=5), max_size=6))
def test_any_tokens_give_a_row_or_the_one_error(lines):
    """Any payload decodes to a row of the right width, or is refused with a category; nothing else escapes."""
    row: list[str | None] | None = None
    documents: dict[int, Any] = {}
    for tokens in lines:
        try:
            row, documents = values.decode_fields(tokens, row, 3, documents, json_patch=jsonpatch.apply_patch)
        except values.FieldError:
            continue
        assert len(row) == 3


@given(st.sampled_from([*notifications.TYPES, "XYZ", "u", ""]), st.lists(TEXT | st.integers().map(str), max_size=6))
def test_any_line_parses_or_gives_the_one_error(tag, arguments):
    """Any line is a notification or a protocol error; what was read is written and read again as the same."""
    line = ",".join([tag, *arguments])
    try:
        note = notifications.parse(line)
    except StreamProtocolError:
        return
    again = notifications.parse(note.encode())
    assert again == note


@given(st.sampled_from(["control", "msg", "create_session"]), st.lists(LINE, min_size=1, max_size=4).map(tuple))
def test_requests_round_trip(name, lines):
    """What the client writes the server reads, on both transports."""
    request = requests.Request(name, lines)
    assert requests.decode(requests.encode_ws(request)) == request
    target, body = requests.encode_http(request, "2.4.0", "S 1")
    decoded, query = requests.decode_http(name, target.partition("?")[2], body)
    assert decoded == request
    assert query == {"LS_protocol": "TLCP-2.4.0", "LS_session": "S 1"}


@given(TEXT)
def test_any_request_text_is_read_or_refused(text):
    """The server half reads any text as a request or refuses it with the one error."""
    try:
        requests.decode(text)
    except StreamProtocolError:
        pass
