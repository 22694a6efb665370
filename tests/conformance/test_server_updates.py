"""Rows C-190 to C-208: updates, snapshots and filtering (TLCP.md sections 11 to 14)."""

from __future__ import annotations

import json

import pytest

from ig_sdk.lightstreamer.tlcp.codec.values import decode_fields
from ig_sdk.simulator import OpenItems
from ig_sdk.simulator.stream.core.json_patches import make_patch

LONG = "a text that is long enough to be worth a difference: "


def payload(line):
    return line.split(",", 3)[3]


def updates(wire):
    return [line for line in wire.take() if line.startswith("U,")]


def test_first_update(wire):
    """C-190: an item's first update has every field, no empty token and no caret."""
    wire.add(1, "a b", "f g h i")
    wire.bench.post("b", f="1")
    wire.bench.post("a", i="")
    assert updates(wire) == ["U,1,2,1|#|#|#", "U,1,1,#|#|#|$"]


def test_whole_schema(wire):
    """C-191: an update covers exactly the fields of the schema, whatever the event holds."""
    wire.add(1, "a", "f g")
    wire.bench.post("a", f="1", g="2", unasked="3")
    wire.bench.post("a", unasked="4")
    assert [payload(line) for line in updates(wire)] == ["1|2", "^2"]


def test_reserved_characters(wire):
    """C-192: pipe, per cent, CR, LF and a leading hash, dollar or caret are encoded; commas stay."""
    wire.add(1, "a", "f g h i j")
    wire.bench.post("a", f="a|b%,\r\n", g="#", h="$x", i="^2", j="1#$^")
    assert payload(updates(wire)[0]) == "a%7Cb%25,%0D%0A|%23|%24x|%5E2|1#$^"


def test_null_and_empty(wire):
    """C-193: null is a hash, empty a dollar."""
    wire.add(1, "a", "f g")
    wire.bench.post("a", f=None, g="")
    assert payload(updates(wire)[0]) == "#|$"


@pytest.mark.parametrize(("runs", "text"), [("never", "1||||9"), ("always", "1|^3|9")])
def test_runs(make_bench, runs, text):
    """C-194: runs of unchanged fields are written with a caret, or not, as told."""
    wire = make_bench(runs=runs).ws()
    wire.create()
    wire.add(1, "a", "f g h i j")
    wire.bench.post("a", f="0", j="0")
    wire.bench.post("a", f="1", j="9")
    assert payload(updates(wire)[1]) == text


def test_random_runs(make_bench):
    """C-194: in the random mode both forms occur and both decode to the same."""
    wire = make_bench(runs="random").ws()
    wire.create()
    wire.add(1, "a", "f g h i j")
    values, seen = None, set()
    for number in range(60):
        wire.bench.post("a", f=str(number))
        text = payload(updates(wire)[0])
        seen.add("^" in text)
        values, _ = decode_fields(text.split("|"), values, 5)
        assert values == [str(number), None, None, None, None]
    assert seen == {True, False}


def second_update(bench, first, then, version="2.5.0", more=""):
    wire = bench.ws(version)
    wire.create(more)
    wire.add(1, "a", "f")
    bench.post("a", f=first)
    wire.take()
    bench.post("a", f=then)
    return payload(updates(wire)[0])


@pytest.mark.parametrize(
    ("version", "more", "starts"),
    [
        ("2.5.0", "", "^T"),
        ("2.4.0", "&LS_supported_diffs=T", "^T"),
        ("2.4.0", "&LS_supported_diffs=P", "a text"),
        ("2.4.0", "&LS_supported_diffs=", "a text"),
        ("2.3.0", "", "a text"),
    ],
)
def test_differences_where_allowed(bench, version, more, starts):
    """C-195: differences are used only if version and client allow them."""
    assert second_update(bench, f"{LONG}1", f"{LONG}2", version, more).startswith(starts)


@pytest.mark.parametrize(
    ("more", "mark"), [("", "^P"), ("&LS_supported_diffs=P", "^P"), ("&LS_supported_diffs=T", "^T")]
)
def test_json_patch_where_allowed(bench, more, mark):
    """C-195: a JSON patch is used for JSON only where the client allows it."""
    first = json.dumps({"dealId": "DIAAAAN8Q2ZQGAZ", "level": 1.1, "status": "OPEN", "size": 1})
    then = json.dumps({"dealId": "DIAAAAN8Q2ZQGAZ", "level": 1.2, "status": "OPEN", "size": 1})
    assert second_update(bench, first, then, more=more).startswith(mark)


def test_no_difference_on_null_or_first(bench):
    """C-196: no difference on a null nor on the first update."""
    wire = bench.ws()
    wire.create()
    wire.add(1, "a", "f")
    for value in (None, f"{LONG}1", None, f"{LONG}2"):
        bench.post("a", f=value)
    assert [payload(line) for line in updates(wire)] == ["#", f"{LONG}1", "#", f"{LONG}2"]


def test_no_text_difference_after_a_patch(bench):
    """C-196: after a JSON patch a field is sent whole before it is sent as a text difference."""
    wire = bench.ws()
    wire.create()
    wire.add(1, "a", "f")
    documents = [json.dumps({"text": LONG, "level": level}) for level in (1, 2)]
    for value in (*documents, f"{LONG}{LONG}1", f"{LONG}{LONG}2"):
        bench.post("a", f=value)
    kinds = [payload(line)[:2] for line in updates(wire)]
    assert kinds == ['{"', "^P", "a ", "^T"]


def test_no_difference_beyond_the_basic_plane(bench):
    """C-197: no text difference with characters outside the basic multilingual plane."""
    assert second_update(bench, f"{LONG}\U0001f600", f"{LONG}\U0001f601").startswith("a text")


def test_difference_numbers(bench):
    """C-198: numbers in a difference have no leading capital A."""
    text = second_update(bench, "x" * 26 + LONG + "1", "x" * 26 + LONG + "2")
    assert text.startswith("^T")
    assert not text[2:].startswith("A")


def test_text_arguments_are_encoded(wire):
    """C-199: commas, per cent, CR and LF are encoded in text arguments of the other lines."""
    wire.bench.table.end(33, "a, b%\r\nc", wire.bench.now)
    assert wire.take() == ["END,33,a%2C b%25%0D%0Ac"]


def test_base_is_what_was_sent(bench):
    """C-200: differences refer to what was sent last, also when events were merged in between."""
    wire = bench.ws()
    wire.create()
    wire.add(1, "a", "f g", more="&LS_requested_max_frequency=1")
    bench.post("a", f="1", g="1")
    bench.post("a", f="2", g="9")
    bench.post("a", f="1", g="3")
    bench.pass_time(1.5)
    assert updates(wire) == ["U,1,1,1|1", "U,1,1,|3"]
    bench.post("a", f="1", g="1")
    bench.pass_time(1.5)
    assert updates(wire) == ["U,1,1,|1"]


@pytest.fixture
def stocked(make_bench):
    """A WebSocket on a server with snapshots."""
    rows = {
        "m": [{"f": "1"}],
        "d": [{"f": "1"}, {"f": "2"}, {"f": "3"}],
        "c": [{"key": "k1", "command": "ADD", "f": "1"}, {"key": "k2", "command": "ADD", "f": "2"}],
    }
    wire = make_bench(OpenItems(rows)).ws()
    wire.create()
    return wire


@pytest.mark.parametrize(
    ("item", "mode", "snapshot", "rows"),
    [
        ("m", "MERGE", "true", ["U,1,1,1"]),
        ("m", "MERGE", "false", []),
        ("x", "MERGE", "true", []),
        ("d", "DISTINCT", "true", ["U,1,1,1", "U,1,1,2", "U,1,1,3", "EOS,1,1"]),
        ("d", "DISTINCT", "2", ["U,1,1,2", "U,1,1,3", "EOS,1,1"]),
        ("d", "DISTINCT", "9", ["U,1,1,1", "U,1,1,2", "U,1,1,3", "EOS,1,1"]),
        ("d", "DISTINCT", "false", []),
        ("x", "DISTINCT", "true", ["EOS,1,1"]),
        ("d", "RAW", "true", []),
    ],
)
def test_snapshots(stocked, item, mode, snapshot, rows):
    """C-201, C-202, C-204: MERGE one row and no EOS; DISTINCT at most the rows asked, then EOS; RAW nothing."""
    assert stocked.add(1, item, "f", mode, f"&LS_snapshot={snapshot}")[3:] == rows


def test_command_snapshot(stocked):
    """C-203: a COMMAND snapshot is ADD rows, then EOS."""
    lines = stocked.add(1, "c", "key command f", "COMMAND", "&LS_snapshot=true")
    assert lines[3:] == ["U,1,1,k1|ADD|1", "U,1,1,k2||2", "EOS,1,1"]


@pytest.mark.parametrize("mode", ["MERGE", "RAW", "COMMAND"])
def test_snapshot_length_is_for_distinct(stocked, mode):
    """C-202: only DISTINCT takes a number of rows."""
    lines = stocked.add(1, "m", "key command", mode, "&LS_snapshot=2")
    assert lines[0].startswith("REQERR,1,65,")


@pytest.mark.parametrize(("mode", "line"), [("DISTINCT", "CS,1,1"), ("COMMAND", "CS,1,1"), ("MERGE", "U,1,1,#|#")])
def test_clearing(wire, mode, line):
    """C-205: clearing is CS in DISTINCT and COMMAND, null fields in MERGE, nothing in RAW."""
    wire.add(1, "a", "key command", mode)
    wire.add(2, "a", "key command", "RAW")
    wire.bench.post("a", key="k", command="ADD")
    wire.take()
    wire.bench.clear("a")
    assert wire.take() == [line]


@pytest.mark.parametrize(("mode", "more"), [("RAW", ""), ("DISTINCT", "&LS_requested_max_frequency=unfiltered")])
def test_overflow_is_told(make_bench, mode, more):
    """C-206: when a buffer drops events that must not vanish silently, OV says how many."""
    wire = make_bench(buffer_lines=4).ws()
    wire.create()
    wire.add(1, "a", "f", mode, more)
    for number in range(20):
        wire.bench.post("a", f=str(number))
    lines = wire.take()
    while more_lines := wire.take():
        lines += more_lines
    lost = sum(int(line.split(",")[3]) for line in lines if line.startswith("OV,"))
    rows = [line for line in lines if line.startswith("U,")]
    assert lost > 0
    assert lost + len(rows) == 20
    assert rows[-1] == "U,1,1,19"
    # The gap is told where it is.
    assert lines.index("OV,1,1,12") == 4


def test_command_overflow(make_bench):
    """C-206: a COMMAND buffer that drops an ADD or DELETE says so; merged UPDATEs are not told."""
    wire = make_bench(buffer_lines=3).ws()
    wire.create()
    wire.add(1, "a", "key command f", "COMMAND")
    for number in range(10):
        wire.bench.post("a", key=f"k{number}", command="ADD", f="0")
    for number in range(10):
        wire.bench.post("a", key="k9", command="UPDATE", f=str(number))
    lines = wire.take()
    while more_lines := wire.take():
        lines += more_lines
    assert sum(int(line.split(",")[3]) for line in lines if line.startswith("OV,")) == 10 - 6
    values = None
    for line in lines:
        if line.startswith("U,"):
            values, _ = decode_fields(payload(line).split("|"), values, 3)
    assert values == ["k9", "ADD", "9"]


def test_merge_frequency(bench):
    """C-207: in MERGE at most so many updates a second for each item; the newest state comes when it may."""
    wire = bench.ws()
    wire.create()
    wire.add(1, "a b", "f", more="&LS_requested_max_frequency=2")
    for value in "123":
        bench.post("a", f=value)
        bench.post("b", f=value)
    assert updates(wire) == ["U,1,1,1", "U,1,2,1"]
    bench.pass_time(0.49)
    assert updates(wire) == []
    bench.pass_time(0.02)
    assert updates(wire) == ["U,1,1,3", "U,1,2,3"]
    bench.pass_time(5)
    assert updates(wire) == []


@pytest.mark.parametrize(
    ("mode", "size", "left"),
    [
        ("DISTINCT", 2, ["4", "5"]),
        ("DISTINCT", None, ["2", "3", "4", "5"]),
        ("MERGE", 2, ["2", "5"]),
        ("MERGE", None, ["5"]),
    ],
)
def test_buffer_size(bench, mode, size, left):
    """C-207: of what waits MERGE keeps the newest states merged, DISTINCT drops the oldest."""
    wire = bench.ws()
    wire.create()
    buffer = "" if size is None else f"&LS_requested_buffer_size={size}"
    wire.add(1, "a", "f", mode, f"&LS_requested_max_frequency=1{buffer}")
    for value in "12345":
        bench.post("a", f=value)
    bench.pass_time(10)
    assert [payload(line) for line in updates(wire)] == ["1", *left]


def test_command_frequency(bench):
    """C-207: in COMMAND the limit is for UPDATEs of each key; ADD and DELETE go at once, in order."""
    wire = bench.ws()
    wire.create()
    wire.add(1, "a", "key command f", "COMMAND", "&LS_requested_max_frequency=1")
    for key, command, value in (
        ("x", "ADD", "0"), ("x", "UPDATE", "1"), ("x", "UPDATE", "2"), ("y", "ADD", "0"), ("x", "DELETE", None),
        ("x", "ADD", "3"),
    ):  # fmt: skip
        bench.post("a", key=key, command=command, f=value)
    bench.pass_time(3)
    rows, values = [], None
    for line in updates(wire):
        values, _ = decode_fields(payload(line).split("|"), values, 3)
        rows.append(tuple(values))
    assert rows[0] == ("x", "ADD", "0")
    assert rows[1] == ("y", "ADD", "0")
    assert rows[2:] == [("x", "UPDATE", "2"), ("x", "DELETE", None), ("x", "ADD", "3")]


def test_order_of_items(wire):
    """C-208: items have the numbers of their places in the group, from 1."""
    wire.add(1, "c a b", "f")
    for item in "abc":
        wire.bench.post(item, f=item)
    assert updates(wire) == ["U,1,2,a", "U,1,3,b", "U,1,1,c"]


def test_equal_events_are_all_sent(wire):
    """C-201: without a frequency limit each event is an update of its own, also when nothing changed."""
    wire.add(1, "a", "f g")
    for _ in range(3):
        wire.bench.post("a", f="1", g="2")
    assert updates(wire) == ["U,1,1,1|2", "U,1,1,^2", "U,1,1,^2"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"a": 1, "b": {"c": [1, 2]}}, {"a": 1, "b": {"c": [1, 3]}, "d/e~": None}),
        ({"a": 1}, {}),
        ({"a": 1}, {"a": True}),
        ([1], {"a": 1}),
    ],
)
def test_patches_lead_to_the_new_document(old, new):
    """C-195: the patch of two documents turns the one into the other."""
    jsonpatch = pytest.importorskip("jsonpatch")
    assert json.dumps(jsonpatch.apply_patch(old, make_patch(old, new))) == json.dumps(new)
