"""JSON to Python and to models."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
import warnings
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import pytest
from dataclasses_json import LetterCase
from hypothesis import given
from hypothesis import strategies as st

from ig_sdk import _json
from ig_sdk.errors import DecodeError
from ig_sdk.types import Direction

UTC = dt.timezone.utc


# ruff: noqa: RUF009
@_json.model
@dataclass(frozen=True)
class Inner(_json.Model):
    """A nested model."""

    unit: str | None = _json.text()
    value: Decimal | None = _json.decimal()
    extra: dict[str, Any] = _json.extra()


@_json.model
@dataclass(frozen=True)
class Outer(_json.Model):
    """A model with every kind of field."""

    update_time_utc: str | None = _json.text("updateTimeUTC")
    delay_time: int | None = _json.whole()
    bid: float | None = _json.number()
    dealing_enabled: bool | None = _json.flag()
    inner: Inner | None = _json.nested(Inner)
    always: Inner = _json.nested_or_empty(Inner)
    rows: tuple[Inner, ...] = _json.many(Inner)
    notes: tuple[str, ...] = _json.texts()
    sizes: tuple[Decimal, ...] = _json.decimals("askSizes")
    created_at: dt.datetime | None = _json.time("createdDateUTC")
    day: dt.date | None = _json.date()
    direction: Direction | None = _json.member(Direction)
    api_key: str | None = _json.text(secret=True)
    extra: dict[str, Any] = _json.extra()


WIRE_NAMES = [
    "updateTimeUTC",
    "delayTime",
    "bid",
    "dealingEnabled",
    "inner",
    "always",
    "rows",
    "notes",
    "askSizes",
    "createdDateUTC",
    "day",
    "direction",
    "apiKey",
    "extra",
    "new",
]
KNOWN = WIRE_NAMES[:13]


def test_numbers_keep_their_text() -> None:
    """Fractions come as the decimals that were written, never through a binary float."""
    data = _json.loads(b'{"a": 1.1, "b": 0.00001, "c": 5}')
    assert data == {"a": Decimal("1.1"), "b": Decimal("0.00001"), "c": 5}


@pytest.mark.parametrize("text", [b"", b"<html>", b"{", b'{"a": NaN}', b"\xff\xfe", b"[" * 200_000, b"1" * 5000])
def test_what_is_no_json_is_told(text: bytes) -> None:
    """Anything else raises DecodeError, whatever it is, and quotes nothing."""
    with pytest.raises(DecodeError, match="not JSON") as excinfo:
        _json.loads(text)
    assert excinfo.value.__cause__ is None


def test_a_whole_object() -> None:
    """IG's camelCase becomes snake_case, kinds are kept, what is unknown goes into extra."""
    data = _json.loads(
        '{"updateTimeUTC": "10:00:00", "delayTime": 3, "bid": 1.15402, "dealingEnabled": "true", "newKey": null,'
        '"inner": {"unit": "POINTS", "value": 1.10, "foo": 1}, "rows": [{"value": 3}, null], "notes": ["a", "b"]}'
    )
    made = _json.decode(Outer, data)
    assert made.inner is not None
    assert (made.update_time_utc, made.delay_time, made.bid, made.dealing_enabled) == ("10:00:00", 3, 1.15402, True)
    assert str(made.inner.value) == "1.10"
    assert made.inner.extra == {"foo": 1}
    assert made.rows == (Inner(value=Decimal(3)),)
    assert made.notes == ("a", "b")
    assert made.extra == {"newKey": None}
    assert "newKey" not in repr(made)


def test_nothing_and_null_are_alike() -> None:
    """A missing field and a null one take the default, without a warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert _json.decode(Outer, dict.fromkeys(KNOWN)) == _json.decode(Outer, {}) == Outer()


def test_odd_values_do_not_break_a_reply() -> None:
    """A value of an impossible kind is None, and stays in extra."""
    made = _json.decode(Outer, {"bid": "-", "delayTime": 1.5, "inner": [], "dealingEnabled": 7, "notes": "x"})
    assert (made.bid, made.delay_time, made.inner, made.dealing_enabled, made.notes) == (None, None, None, None, ())
    assert made.extra == {"bid": "-", "delayTime": 1.5, "inner": [], "dealingEnabled": 7, "notes": "x"}


@pytest.mark.parametrize("wire", KNOWN)
@pytest.mark.parametrize("odd", [{"a": [1]}, [[1], {"a": 1}, 2, None], "?", 10**400, True, Decimal("1e999")])
def test_nothing_that_ig_sends_is_lost(wire: str, odd: object) -> None:
    """Whatever comes in a field is in the field, in ``extra``, or what could be read of it in the one and all in the other."""
    made = _json.decode(Outer, {wire: odd, "new": odd})
    assert made.extra["new"] == odd
    if made.extra.get(wire) != odd:
        assert replace(made, extra={}) != Outer()


def test_a_list_keeps_what_can_be_read() -> None:
    """Entries that cannot be are left out, and then the list as it came is in ``extra``; nulls are no entries."""
    made = _json.decode(
        Outer, {"rows": [{"value": 1}, 5, {"value": 2}], "notes": ["a", 1, None], "askSizes": [1, "x", "2.50"]}
    )
    assert [row.value for row in made.rows] == [1, 2]
    assert made.notes == ("a",)
    assert [str(size) for size in made.sizes] == ["1", "2.50"]
    assert set(made.extra) == {"rows", "notes", "askSizes"}
    assert not _json.decode(Outer, {"rows": [{}, None], "notes": [None]}).extra


def test_words_that_nobody_knows_survive() -> None:
    """A value of an enumeration is its member; an unknown one is ``None`` and stays in ``extra``."""
    assert _json.decode(Outer, {"direction": "SELL"}).direction is Direction.SELL
    made = _json.decode(Outer, {"direction": "SIDEWAYS"})
    assert (made.direction, made.extra) == (None, {"direction": "SIDEWAYS"})


@pytest.mark.parametrize(
    ("sent", "moment"),
    [
        ("2025-01-08T12:30:15", dt.datetime(2025, 1, 8, 12, 30, 15, tzinfo=UTC)),
        ("2025-01-08T12:30", dt.datetime(2025, 1, 8, 12, 30, tzinfo=UTC)),
        ("2025-01-08T12:30:15.1", dt.datetime(2025, 1, 8, 12, 30, 15, 100_000, tzinfo=UTC)),
        ("2025-01-08T12:30:15.16", dt.datetime(2025, 1, 8, 12, 30, 15, 160_000, tzinfo=UTC)),
        ("2025-01-08T12:30:15.123456789", dt.datetime(2025, 1, 8, 12, 30, 15, 123_456, tzinfo=UTC)),
        ("2025-01-08T12:30:15Z", dt.datetime(2025, 1, 8, 12, 30, 15, tzinfo=UTC)),
        ("2025-01-08T12:30:15.000+05:30", dt.datetime(2025, 1, 8, 7, 0, 15, tzinfo=UTC)),
        ("2025-01-08T22:30:15-0330", dt.datetime(2025, 1, 9, 2, 0, 15, tzinfo=UTC)),
        ("2025-01-08 12:30:15", dt.datetime(2025, 1, 8, 12, 30, 15, tzinfo=UTC)),
        ("2025/01/08 12:30:15:678", dt.datetime(2025, 1, 8, 12, 30, 15, 678_000, tzinfo=UTC)),
        ("2025/01/08 12:30:15", dt.datetime(2025, 1, 8, 12, 30, 15, tzinfo=UTC)),
        ("2025/01/08 12:30", dt.datetime(2025, 1, 8, 12, 30, tzinfo=UTC)),
        ("2025:01:08-12:30:15", dt.datetime(2025, 1, 8, 12, 30, 15, tzinfo=UTC)),
        (1736339415678, dt.datetime(2025, 1, 8, 12, 30, 15, 678_000, tzinfo=UTC)),
        (1736339415, dt.datetime(2025, 1, 8, 12, 30, 15, tzinfo=UTC)),
        ("1736339415678", dt.datetime(2025, 1, 8, 12, 30, 15, 678_000, tzinfo=UTC)),
    ],
)
def test_each_format_of_a_time(sent: object, moment: dt.datetime) -> None:
    """Every format of IG's that is UTC becomes an aware moment, exactly."""
    made = _json.decode(Outer, {"createdDateUTC": sent})
    assert made.created_at == moment
    assert made.created_at.utcoffset() == dt.timedelta(0)
    assert not made.extra


@pytest.mark.parametrize(
    "sent",
    [
        "12:30:15",
        "-3600000",
        "18/12/17",
        "2025-02-30T00:00:00",
        "2025-01-08T25:00",
        "2025-01-08T12:30:61",
        "2025-01-08",
        "0001-01-01T00:00:00+10:00",
        "9999-12-31T23:59:59-10:00",
        "\u0662025-01-08T12:30:15",
        "2025-01-08T12:30:15 ",
        10**29,
        5,
        -1,
        True,
        [],
    ],
)
def test_what_is_no_time(sent: object) -> None:
    """Anything else is none, and stays in ``extra``."""
    made = _json.decode(Outer, {"createdDateUTC": sent})
    assert made.created_at is None
    assert made.extra == {"createdDateUTC": sent}


@given(st.datetimes(dt.datetime(1, 1, 2), dt.datetime(9999, 12, 30)), st.integers(-14 * 60, 14 * 60))  # noqa: DTZ001 -- the zone is drawn beside it
def test_a_time_is_the_moment_that_was_written(naive: dt.datetime, ahead: int) -> None:
    """Written with any offset, it is the same moment in UTC."""
    moment = naive.replace(tzinfo=dt.timezone(dt.timedelta(minutes=ahead)))
    assert _json.moment(moment.isoformat()) == moment


@pytest.mark.parametrize("sent", ["2025-1-8", "08-01-2025", "2025-02-30", "2025-01-08T00:00", 20250108])
def test_a_day(sent: object) -> None:
    """A day is a date; anything else stays in ``extra``."""
    assert _json.decode(Outer, {"day": "2025-01-08"}).day == dt.date(2025, 1, 8)
    made = _json.decode(Outer, {"day": sent})
    assert (made.day, made.extra) == (None, {"day": sent})


def test_a_secret_is_read_and_not_shown() -> None:
    """A key is a text like others, and absent from what is printed."""
    made = _json.decode(Outer, {"apiKey": "canary-7f3a"})
    assert made.api_key == "canary-7f3a"
    assert "canary" not in repr(made)


@pytest.mark.parametrize("seen", [Inner(), Inner], ids=["instance", "class"])
def test_completion_offers_fields_and_the_two_methods(seen: object) -> None:
    """``dir`` has nothing of the machinery: no schema, no reader, no configuration."""
    offered = {name for name in dir(seen) if not name.startswith("_")}
    fields = {"unit", "value", "extra"}
    # A dataclass keeps defaults as class attributes; those made by a factory are on instances alone.
    assert offered == {"to_dict", "to_json"} | (fields if isinstance(seen, Inner) else fields - {"extra"})


def test_the_library_behind_to_dict_is_imported_when_it_is_used() -> None:
    """Models are imported and decoded without dataclasses-json and marshmallow, which take long to import."""
    code = (
        "import sys; from ig_sdk import _json; from ig_sdk.rest.login.session_info import Login;"
        "made = _json.decode(Login, {'clientId': '1'});"
        "slow = ('dataclasses_json', 'marshmallow'); before = [name in sys.modules for name in slow];"
        "made.to_json(); print(before, [name in sys.modules for name in slow])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=20)
    assert run.stdout.strip() == "[False, False] [True, True]"


@pytest.mark.parametrize("name", ["bid", "delay_time", "level_2_price", "day_1", "a_b_c", "client_id"])
def test_wire_names_are_the_library_s_camel_case(name: str) -> None:
    """What is read and what is written have the same name, as dataclasses-json writes it."""
    camel: Any = LetterCase.CAMEL
    assert _json._camel(name) == camel(name)


def test_to_json_takes_the_options_of_json_dumps() -> None:
    """Indentation and order of keys are the caller's."""
    made = _json.decode(Inner, {"value": Decimal("1.10"), "unit": "POINTS"})
    assert made.to_json(sort_keys=True, separators=(",", ":")) == '{"extra":{},"unit":"POINTS","value":"1.10"}'
    assert made.to_dict(encode_json=True)["value"] == "1.10"


def test_to_dict_and_to_json_have_ig_s_names() -> None:
    """``to_dict`` has IG's names, ``to_json`` is JSON, and both are read again."""
    sent = {
        "updateTimeUTC": "10:00:00",
        "bid": Decimal("1.5"),
        "rows": [{"unit": "POINTS", "value": Decimal("1.10")}],
        "createdDateUTC": "2025-01-08T12:30:15",
        "day": "2025-01-08",
        "direction": "BUY",
    }
    made = _json.decode(Outer, sent)
    written = made.to_dict()
    assert written["updateTimeUTC"] == "10:00:00"
    assert written["rows"][0] == {"unit": "POINTS", "value": Decimal("1.10"), "extra": {}}
    assert written["createdDateUTC"] == "2025-01-08T12:30:15+00:00"
    assert written["day"] == "2025-01-08"
    text = json.loads(made.to_json(), parse_float=Decimal)
    del text["extra"]
    again = _json.decode(Outer, text)
    assert (again.rows[0].value, again.created_at, again.day) == (Decimal("1.10"), made.created_at, made.day)
    assert again.direction is Direction.BUY


def test_each_model_has_its_own_extra() -> None:
    """What one reply left is in no other's, and no default is shared."""
    first, second = _json.decode(Outer, {}), _json.decode(Outer, {})
    first.extra["new"] = 1
    assert second.extra == {}
    assert first.always.extra is not second.always.extra


def test_deep_nesting_is_safe() -> None:
    """Nesting below the parser's own limit is kept as it is, in fields and beside them."""
    deep: object = 1
    for _ in range(sys.getrecursionlimit() * 5):
        deep = [deep]
    for wire in (*KNOWN, "new"):
        assert _json.decode(Outer, {wire: deep}) is not None
        assert _json.decode(Outer, {"inner": {"unit": deep}, "rows": [{"value": deep}]}).rows


@pytest.mark.parametrize("data", [None, [], "text", 5])
def test_no_object_is_told(data: object) -> None:
    """A model needs an object; the error says where it was."""
    with pytest.raises(DecodeError, match="expected an object") as excinfo:
        _json.decode(Outer, data, path="market")
    assert excinfo.value.path == "market"


def test_lists() -> None:
    """Null is empty, a wrong kind is told with its place."""
    assert _json.decode_list(Inner, None, path="rows") == ()
    with pytest.raises(DecodeError, match="expected a list"):
        _json.decode_list(Inner, {}, path="rows")
    with pytest.raises(DecodeError) as excinfo:
        _json.decode_list(Inner, [{}, 3], path="rows")
    assert excinfo.value.path == "rows[1]"


def test_rows_of_a_reply() -> None:
    """They stand under their key, or are the whole reply; null there is no rows, but an empty answer is none."""
    assert _json.decode_rows(Inner, {"rows": [{"value": 1}, None]}, "rows") == [Inner(value=Decimal(1))]
    assert _json.decode_rows(Inner, [{"value": 1}], "rows") == [Inner(value=Decimal(1))]
    assert _json.decode_rows(Inner, {}, "rows") == _json.decode_rows(Inner, {"rows": None}, "rows") == []
    for odd in (None, "text", {"rows": {}}, {"rows": [3]}, 5):
        with pytest.raises(DecodeError):
            _json.decode_rows(Inner, odd, "rows")


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.decimals() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WIRE_NAMES), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(WIRE_NAMES), values))
def test_any_object_decodes(data: dict[str, Any]) -> None:
    """Whatever a server sends in an object: a model, never an error or a warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _json.decode(Outer, data)


@pytest.mark.parametrize("text", ["1e999999999", "-1.5e-999999999", "1e61", "9" * 70])
def test_a_number_beyond_all_money_is_none(text: str) -> None:
    """It could not be reckoned with or be sent again; the field is empty, the text kept, the others are read."""
    made = _json.decode(Inner, _json.loads(f'{{"value": {text}, "other": 1.5}}'))
    assert made.value is None
    assert str(made.extra["value"]) == text
    assert made.extra["other"] == Decimal("1.5")
