"""JSON text to Python, and IG's objects to frozen dataclasses.

Numbers keep the text they came as (``Decimal``, never through a binary float). Models are dataclasses-json classes and
have its ``to_dict``; they are filled here, since that library works out the types of a class anew for each object, and
trips over nulls, odd values and unknown keys.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from enum import Enum
from functools import partial
from typing import Any, TypeVar

from dataclasses_json import LetterCase, config, dataclass_json

from ig_sdk.errors import DecodeError

ModelT = TypeVar("ModelT")
# Returns what a field holds for a value that is not null, or None for a value that cannot be.
Reader = Callable[[Any], Any]
# Name in the model, the class whose values need no reading, and what reads all others.
_Field = tuple[str, "type | None", Reader]

# Every text format of REST.md section 4: they differ in their separators. No zone means UTC in those that are fields of
# this kind; what is the account's local time is kept as text.
_MOMENT = re.compile(
    r"([0-9]{4})[-/:]([0-9]{2})[-/:]([0-9]{2})[T -]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:[.:]([0-9]{1,9}))?)?"
    r"(?:Z|([+-][0-9]{2}):?([0-9]{2}))?"
)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc)
# A number of more digits before or behind the point is none of IG's: written out, it could fill the memory.
_DIGITS = 60
# Seconds come to this in the year 5138; milliseconds did in 1973. IG sends both (schema SnapshotV4 of ig_api.json).
_SURELY_MS = 100_000_000_000


def _refuse(constant: str) -> object:
    raise ValueError(f"{constant} is not JSON")


def _fraction(text: str) -> Decimal | str:
    """Return a number with a fraction; one beyond all money and time stays text, for it could not be reckoned with."""
    value = Decimal(text)
    return value if abs(value.adjusted()) <= _DIGITS else text


def loads(data: bytes | str, *, what: str = "answer") -> Any:
    """Return the value of a JSON text; fractions come as ``Decimal``.

    Raises:
        DecodeError: It is not JSON, or nested absurdly deep.
    """
    try:
        text = data.decode("utf-8-sig") if isinstance(data, bytes) else data
        return json.loads(text, parse_float=_fraction, parse_constant=_refuse)
    except (ValueError, RecursionError, ArithmeticError):
        # The decoder's own error holds the whole text, which may hold a secret: it does not travel along.
        raise DecodeError(f"the {what} is not JSON") from None


def model(cls: type[ModelT]) -> type[ModelT]:
    """Make a frozen dataclass a model of IG's JSON: camelCase there, unknown keys into ``extra``.

    Its fields are declared by the functions below. It has neither ``__slots__`` nor ``__post_init__``.
    """
    camel: Any = LetterCase.CAMEL  # a function at run time, whatever mypy takes it for
    made: Any = dataclass_json(cls, letter_case=camel)
    made.from_wire = staticmethod(_constructor(made))
    return made  # type: ignore[no-any-return]  # dataclass_json returns the class it was given


def _constructor(cls: Any) -> Callable[[Mapping[str, Any]], Any]:
    """Return the function that makes a ``cls`` of an object of IG's; what that takes is looked up here, once.

    Tables, not generated source, which was measured to be no faster: what counts is that an object is handed its
    ``__dict__``, as unpickling does, for the ``__init__`` of a frozen class sets one attribute after the other.
    """
    known: dict[str, _Field] = {}
    defaults: dict[str, Any] = {}
    makers: list[tuple[str, Callable[[], Any]]] = []
    for item in dataclasses.fields(cls):
        if item.name == "extra":
            continue
        settings = item.metadata["dataclasses_json"]
        wire_name = (settings.get("letter_case") or LetterCase.CAMEL)(item.name)
        known[wire_name] = item.name, item.metadata.get("as_it_is"), settings["decoder"]
        if item.default_factory is dataclasses.MISSING:
            defaults[item.name] = item.default
        else:
            makers.append((item.name, item.default_factory))
    return partial(_fill, cls, known.get, defaults, makers)


def _fill(
    cls: Any,
    find: Callable[[str], _Field | None],
    defaults: dict[str, Any],
    makers: Sequence[tuple[str, Callable[[], Any]]],
    data: Mapping[str, Any],
) -> Any:
    extra: dict[str, Any] = {}
    values = defaults.copy()
    for name, make in makers:
        values[name] = make()
    values["extra"] = extra
    for key, value in data.items():
        field = find(key)
        if field is None:
            extra[key] = value
        elif value is not None:
            name, as_it_is, read = field
            if value.__class__ is as_it_is:
                values[name] = value
                continue
            fitting = read(value)
            if fitting is not None:
                values[name] = fitting
            if fitting is None or (fitting.__class__ is tuple and _left_out(fitting, value)):
                extra[key] = value
    made = object.__new__(cls)
    object.__setattr__(made, "__dict__", values)
    return made


def _left_out(entries: tuple[Any, ...], value: list[Any]) -> bool:
    """Whether there were more entries than could be read; nulls are none."""
    return len(entries) != len(value) and len(entries) + value.count(None) != len(value)


def extra() -> Any:
    """Declare the field that keeps what IG sent and the model does not know."""
    return dataclasses.field(default_factory=dict, repr=False, metadata=config(decoder=_as_it_is))


def _field(
    read: Reader,
    default: Any,
    name: str | None,
    *,
    as_it_is: type | None = None,
    shown: bool = True,
    write: Reader | None = None,
) -> Any:
    settings = {"as_it_is": as_it_is, **config(decoder=read, encoder=write, field_name=name)}
    return dataclasses.field(default=default, repr=shown, metadata=settings)


def text(name: str | None = None, *, secret: bool = False) -> Any:
    """Declare a text field, ``None`` when absent; a secret one is not shown when the model is printed."""
    return _field(_text, None, name, as_it_is=str, shown=not secret)


def flag(name: str | None = None) -> Any:
    """Declare a true-or-false field, ``None`` when absent."""
    return _field(_flag, None, name, as_it_is=bool)


def decimal(name: str | None = None) -> Any:
    """Declare a ``Decimal`` field (sizes, levels, money), ``None`` when absent."""
    return _field(_decimal, None, name, as_it_is=Decimal)


def number(name: str | None = None) -> Any:
    """Declare a ``float`` field (prices of the market), ``None`` when absent."""
    return _field(_number, None, name)


def whole(name: str | None = None) -> Any:
    """Declare an ``int`` field, ``None`` when absent."""
    return _field(_whole, None, name, as_it_is=int)


def time(name: str | None = None) -> Any:
    """Declare a moment, aware UTC, ``None`` when absent.

    It takes each of IG's formats that are UTC: texts with or without a zone, seconds or milliseconds since 1970. Local
    times are declared as text: what they mean depends on the account.

    Source:
        REST.md section 4, the table of formats.
    """
    return _field(moment, None, name, write=_iso)


def date(name: str | None = None) -> Any:
    """Declare a day without a time (``yyyy-MM-dd``), ``None`` when absent."""
    return _field(_date, None, name, write=_iso)


def member(kind: type[Enum], name: str | None = None) -> Any:
    """Declare a value of an enumeration, ``None`` when absent; one that is not known stays in ``extra``."""
    known = {item.value: item for item in kind}
    return _field(lambda value: known.get(value) if isinstance(value, str) else None, None, name)


def texts(name: str | None = None) -> Any:
    """Declare a tuple of texts, empty when absent."""
    return _field(partial(_tuple, str, _as_it_is), (), name)


def decimals(name: str | None = None) -> Any:
    """Declare a tuple of ``Decimal``, empty when absent."""
    return _field(partial(_tuple, (int, Decimal, str), _decimal), (), name)


def nested(kind: type, name: str | None = None) -> Any:
    """Declare another model, ``None`` when absent."""
    return _field(_nested(kind), None, name)


def nested_or_empty(kind: type) -> Any:
    """Declare another model, one without values when absent: what a reply cannot do without."""
    return dataclasses.field(default_factory=kind, metadata=config(decoder=_nested(kind)))


def many(kind: type, name: str | None = None) -> Any:
    """Declare a tuple of other models, empty when absent."""
    return _field(partial(_tuple, dict, kind.from_wire), (), name)  # type: ignore[attr-defined]  # see model()


def _nested(kind: Any) -> Reader:
    made = kind.from_wire
    return lambda value: made(value) if isinstance(value, dict) else None


def _tuple(kind: type | tuple[type, ...], read: Reader, value: object) -> tuple[Any, ...] | None:
    if not isinstance(value, list):
        return None
    entries = [read(entry) for entry in value if isinstance(entry, kind)]
    return tuple([entry for entry in entries if entry is not None])


def _as_it_is(value: Any) -> Any:
    return value


def _iso(value: dt.date | None) -> str | None:
    return None if value is None else value.isoformat()


def _text(value: object) -> str | None:
    if isinstance(value, str):
        return value
    return None if isinstance(value, (dict, list)) else str(value)


def _flag(value: object) -> bool | None:
    if isinstance(value, bool):
        return value
    # IG takes booleans as text (REST.md section 1); some replies were seen to send them so.
    return {"true": True, "false": False}.get(value.lower()) if isinstance(value, str) else None


def _decimal(value: object) -> Decimal | None:
    if not isinstance(value, Decimal):
        if isinstance(value, bool) or not isinstance(value, (int, str)):
            return None
        try:
            value = Decimal(value)
        except ArithmeticError:
            return None
    return value if value.is_finite() and abs(value.adjusted()) <= _DIGITS else None


def _number(value: object) -> float | None:
    made = _decimal(value)
    if made is None:
        return None
    approximate = float(made)
    return approximate if math.isfinite(approximate) else None


def _whole(value: object) -> int | None:
    made = _decimal(value)
    # A huge exponent would be written out digit by digit.
    return int(made) if made is not None and made == made.to_integral_value() and abs(made) < Decimal("1e30") else None


def _date(value: object) -> dt.date | None:
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        return None
    try:
        return dt.date.fromisoformat(value)
    except ValueError:
        return None


def moment(value: object) -> dt.datetime | None:
    """Return the moment that a text or number of IG's means, aware UTC, or ``None`` if it means none; see ``time``."""
    try:
        match = _MOMENT.fullmatch(value) if isinstance(value, str) else None
        return _written(match) if match else _counted(_whole(value))
    except (ValueError, OverflowError):
        return None


def _written(match: re.Match[str]) -> dt.datetime:
    year, month, day, hour, minute, second, fraction, ahead_hours, ahead_minutes = match.groups()
    local = dt.datetime(
        int(year),
        int(month),
        int(day),
        int(hour),
        int(minute),
        int(second or 0),
        int((fraction or "0").ljust(6, "0")[:6]),
        tzinfo=dt.timezone.utc,
    )
    if ahead_hours is None:
        return local
    sign = -1 if ahead_hours[0] == "-" else 1
    return local - sign * dt.timedelta(hours=int(ahead_hours[1:]), minutes=int(ahead_minutes))


def _counted(count: int | None) -> dt.datetime | None:
    """Return the moment so many seconds or milliseconds after 1970; a small number is none."""
    if count is None or count < 100_000_000:
        return None
    return _EPOCH + dt.timedelta(milliseconds=count if count >= _SURELY_MS else count * 1000)


def decode(kind: type[ModelT], data: object, *, path: str = "") -> ModelT:
    """Return one of IG's objects as a model.

    A missing or null field takes its default. So does one whose value is of a kind that cannot be; that value stays in
    ``extra``, as do the keys that the model does not know. A list with some entries that cannot be keeps the others;
    then the list as it came is in ``extra``.

    Raises:
        DecodeError: ``data`` is no JSON object.
    """
    if not isinstance(data, Mapping):
        raise DecodeError(f"expected an object, not {_kind_of(data)}", path=path or kind.__name__)
    made: ModelT = kind.from_wire(data)  # type: ignore[attr-defined]  # model() put it there
    return made


def decode_list(kind: type[ModelT], data: object, *, path: str) -> tuple[ModelT, ...]:
    """Return a list of IG's objects as models; null is an empty one, a null entry is left out.

    Raises:
        DecodeError: ``data`` is no list, or an entry is no object: what a reply is about must not go missing.
    """
    if data is None:
        return ()
    if not isinstance(data, Sequence) or isinstance(data, (str, bytes)):
        raise DecodeError(f"expected a list, not {_kind_of(data)}", path=path)
    return tuple(decode(kind, item, path=f"{path}[{index}]") for index, item in enumerate(data) if item is not None)


def inner(data: object, *path: str) -> Mapping[str, Any]:
    """Return the object at a path of keys; one without keys where there is none."""
    for key in path:
        data = data.get(key) if isinstance(data, Mapping) else None
    return data if isinstance(data, Mapping) else {}


def decode_rows(kind: type[ModelT], reply: object, key: str) -> list[ModelT]:
    """Return the list that a reply holds under ``key``, or that it is, as models; see ``decode_list``.

    Raises:
        DecodeError: There is no such list; an empty answer has none.
    """
    if reply is None:
        raise DecodeError("the answer is empty", path=key)
    rows = reply.get(key) if isinstance(reply, Mapping) else reply
    return list(decode_list(kind, rows, path=key))


def _kind_of(value: object) -> str:
    return "null" if value is None else type(value).__name__
