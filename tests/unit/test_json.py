"""JSON to Python and to models."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ig_sdk import _json
from ig_sdk.errors import DecodeError


# ruff: noqa: RUF009
@_json.model
@dataclass(frozen=True)
class Inner:
    """A nested model."""

    unit: str | None = _json.text()
    value: Decimal | None = _json.decimal()
    extra: dict[str, Any] = _json.extra()


@_json.model
@dataclass(frozen=True)
class Outer:
    """A model with every kind of field."""

    update_time_utc: str | None = _json.text("updateTimeUTC")
    delay_time: int | None = _json.whole()
    bid: float | None = _json.number()
    dealing_enabled: bool | None = _json.flag()
    inner: Inner | None = _json.nested(Inner)
    always: Inner = _json.nested_or_empty(Inner)
    rows: tuple[Inner, ...] = _json.many(Inner)
    notes: tuple[str, ...] = _json.texts()
    extra: dict[str, Any] = _json.extra()


WIRE_NAMES = ["updateTimeUTC", "delayTime", "bid", "dealingEnabled", "inner", "always", "rows", "notes", "extra", "new"]


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
        assert _json.decode(Outer, dict.fromkeys(WIRE_NAMES[:8])) == _json.decode(Outer, {}) == Outer()


def test_odd_values_do_not_break_a_reply() -> None:
    """A value of an impossible kind is None, and stays in extra."""
    made = _json.decode(Outer, {"bid": "-", "delayTime": 1.5, "inner": [], "dealingEnabled": 7, "notes": "x"})
    assert (made.bid, made.delay_time, made.inner, made.dealing_enabled, made.notes) == (None, None, None, None, ())
    assert made.extra == {"bid": "-", "delayTime": 1.5, "inner": [], "dealingEnabled": 7}


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


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.decimals() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WIRE_NAMES), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(WIRE_NAMES), values))
def test_any_object_decodes_or_raises_decode_error(data: dict[str, Any]) -> None:
    """Whatever a server sends: a model or DecodeError, and never a warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            _json.decode(Outer, data)
        except DecodeError:
            return
