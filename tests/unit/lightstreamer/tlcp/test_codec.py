"""Text, requests, notifications and differences, one by one."""

from __future__ import annotations

import pytest

from ig_sdk.errors import StreamProtocolError
from ig_sdk.lightstreamer.tlcp import builders
from ig_sdk.lightstreamer.tlcp.codec import notifications, requests, text, values
from ig_sdk.lightstreamer.tlcp.codec.diff import apply_diff, is_diffable, make_diff
from ig_sdk.lightstreamer.tlcp.options import SessionOptions


@pytest.mark.parametrize("wrong", ["", "-", "+1", " 1", "1 ", "1_0", "٣", "1.0", "0x1", "9" * 5000, "--1"])
def test_integers_are_plain(wrong):
    """Only ASCII digits, perhaps after a minus, are an integer of the wire."""
    with pytest.raises(StreamProtocolError, match="not a number"):
        text.parse_integer(wrong)


@pytest.mark.parametrize(
    ("version", "minimum", "newer"),
    [
        ("2.4.0", "2.4.0", True),
        ("2.10.0", "2.4.0", True),
        ("2.1", "2.1.0", False),
        ("TLCP-2.5.0", "2.4.0", True),
        ("x", "2.0.0", False),
    ],
)
def test_versions_compare_as_numbers(version, minimum, newer):
    """2.10 is newer than 2.4."""
    assert text.at_least(version, minimum) is newer


def test_percent_decoding():
    """Escapes are UTF-8; bytes that are none become U+FFFD; a stray per cent sign is a fault or stays, as asked."""
    assert text.decode_strict("%C3%a9+%2B") == "é++"
    assert text.decode_strict("%ff") == "\ufffd"
    assert text.decode_lenient("100%") == "100%"
    with pytest.raises(StreamProtocolError):
        text.decode_strict("100%")


@pytest.mark.parametrize(
    ("value", "encoded"),
    [
        ("a|b", "a%7Cb"),
        ("#", "%23"),
        ("#x", "%23x"),
        ("x#", "x#"),
        ("$", "%24"),
        ("^3", "%5E3"),
        ("5%\r\n", "5%25%0D%0A"),
        ("a,b", "a,b"),
        ("\x00", "%00"),
    ],
)
def test_values_are_encoded_where_they_must_be(value, encoded):
    """C-192: the separator, per cent, control characters, and a leading mark; nothing else."""
    assert text.encode_value(value) == encoded


def test_encoding_of_a_row():
    """C-190, C-193, C-194: everything at first; then runs, null, empty."""
    encode = values.encode_fields
    assert encode(["a", None, "", "#"])[0] == "a|#|$|%23"
    previous = ["a", "b", "c", "d", "e"]
    assert encode(["x", "b", "c", "d", "y"], previous)[0] == "x|^3|y"
    assert encode(["x", "b", "c", "d", "y"], previous, run_from=None)[0] == "x||||y"
    assert encode(["a", "x", "c", "d", "e"], previous, run_from=1)[0] == "^1|x|^3"
    assert encode(previous, previous)[0] == "^5"


def test_encoding_of_differences():
    """C-195 to C-197: only where allowed and shorter, never on null, beyond the basic plane, or after a patch."""
    long = "a long text that hardly changes"
    payload, _ = values.encode_fields([long + "!"], [long], tlcp_diff=True)
    assert payload == "^TBfb!"
    assert values.encode_fields(["b"], ["a"], tlcp_diff=True)[0] == "b"
    assert values.encode_fields([long], [None], tlcp_diff=True)[0] == long
    assert values.encode_fields([long + "😀"], [long], tlcp_diff=True)[0] == long + "😀"
    assert values.encode_fields([long + "!"], [long], tlcp_diff=True, patched={0})[0] == long + "!"


def test_encoding_of_patches():
    """A JSON document that changed a little goes as a patch; the place is remembered until something else is sent there."""
    before, after = '{"text":"a long text that stays","n":1}', '{"text":"a long text that stays","n":2}'

    def make_patch(old, new):
        return [{"op": "replace", "path": "/n", "value": new["n"]}]

    payload, patched = values.encode_fields([after + " " * 40, "x"], [before, "x"], make_patch=make_patch)
    assert payload.startswith("^P[")
    assert patched == {0}
    _, still = values.encode_fields([after, "y"], [after, "x"], patched=patched)
    assert still == {0}
    _, gone = values.encode_fields(["plain", "y"], [after, "y"], patched=patched)
    assert gone == frozenset()


@pytest.mark.parametrize(
    ("base", "value"),
    [("", ""), ("", "a"), ("a", ""), ("aaaa", "aa"), ("aa", "aaaa"), ("abc", "abc"), ("x" * 700, "y" + "x" * 700)],
)
def test_diffs_between_any_two(base, value):
    """A diff that we make turns one into the other, without a leading capital A (C-198)."""
    diff = make_diff(base, value)
    assert apply_diff(base, diff) == value
    assert not diff.startswith("A")


def test_diff_numbers_have_a_limit():
    """A megabyte of capitals is refused before it becomes a number."""
    with pytest.raises(StreamProtocolError, match="bad TLCP-diff"):
        apply_diff("x", "Z" * 1_000_000 + "a")
    assert apply_diff("abc", "A" * 1000 + "b") == "a"
    assert is_diffable("é")
    assert not is_diffable("😀")


@pytest.mark.parametrize(
    ("line", "again"),
    [
        ("REQERR,1,21,a, b", "REQERR,1,21,a%2C b"),
        ("CONOK,S1,50000,5000,*", None),
        ("MSGDONE,s,1", "MSGDONE,s,1,"),
        ("PROBE", None),
        ("REQOK", None),
        ("U,1,2,a,b|%25", None),
        ("XYZ,a,b", None),
        ("XYZ", None),
    ],
)
def test_lines_are_written_as_they_were_read(line, again):
    """C-199: commas of text are encoded; everything else comes out as it came in."""
    assert notifications.parse(line).encode() == (again or line)


def test_msgdone_by_version():
    """C-187: the third argument exists from 2.5.0 on."""
    done = notifications.MsgDone("s", 1, "x")
    assert (done.encode("2.4.0"), done.encode("2.5.0")) == ("MSGDONE,s,1", "MSGDONE,s,1,x")


@pytest.mark.parametrize(
    "line",
    ["PROBE,x", "PROBE,", "LOOP", "LOOP,", "SUBOK,1,2", "U,1,2", "CONERR,1", "CONOK,S1,1,2", "CONF,1,fast!,x", "CONS,"],
)
def test_wrong_lines_are_refused(line):
    """A known tag with the wrong arguments is a protocol error that names the line."""
    with pytest.raises(StreamProtocolError) as error:
        notifications.parse(line)
    assert error.value.line == line


@pytest.mark.parametrize("wrong", ["a", "a=1&b", "=1", "a=%", "a=1&&b=2"])
def test_wrong_parameter_lines_are_refused(wrong):
    """A part without a name or without a value is no parameter."""
    with pytest.raises(StreamProtocolError):
        requests.decode_line(wrong)


def test_server_half_of_requests():
    """C-144 to C-149: optional CR-LF, absent and empty, plus signs, batches."""
    request = requests.decode("control\r\nLS_reqId=1&LS_group=a+b%2Bc&LS_x=1+1&LS_user=\r\nLS_reqId=2\r\n")
    assert request.name == "control"
    assert request.parameters(0) == {"LS_reqId": "1", "LS_group": "a b+c", "LS_x": "1+1", "LS_user": ""}
    assert request.parameters(1) == {"LS_reqId": "2"}
    assert requests.decode("wsok") == requests.decode("wsok\r\n") == requests.WSOK
    assert requests.decode("heartbeat\r\n\r\n") == requests.decode("heartbeat") == builders.heartbeat()


def test_builders():
    """What no session uses by itself is built all the same."""
    assert requests.encode_line(builders.force_rebind(polling_ms=5, close_socket=True)) == (
        "LS_op=force_rebind&LS_polling_millis=5&LS_close_socket=true"
    )
    assert requests.encode_line(builders.destroy(close_socket=False)) == "LS_op=destroy"
    assert (
        requests.encode_line(builders.constrain("unlimited")) == "LS_op=constrain&LS_requested_max_bandwidth=unlimited"
    )


@pytest.mark.parametrize(
    "wrong", [{"versions": ()}, {"transports": ()}, {"transports": ("carrier",)}, {"supported_diffs": ("X",)}]
)
def test_wrong_options_are_refused(wrong):
    """What can never work is a ValueError where it is written."""
    with pytest.raises(ValueError):
        SessionOptions(address="http://server", **wrong)
