"""JSON text to Python, and IG's objects to frozen dataclasses.

Numbers keep the digits they came with (``Decimal``, never through a binary float). ``to_dict`` and ``to_json`` of a
model are dataclasses-json's. It is imported when one of them is first called, for it is slow to import. Models are read
here, since that library works out the types of a class again for each object, and fails on nulls, unexpected values and
unknown keys.
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

from ig_sdk.errors import DecodeError

# Returns what a field holds for a value that is not null, or None for a value of the wrong kind.
Reader = Callable[[Any], Any]
# Name in the model, the class whose values need no reading, and the reader of all others.
_Field = tuple[str, "type | None", Reader]

# Every text format of REST.md section 4: they differ in their separators. In fields of this kind no zone means UTC;
# the account's local times are kept as text.
_MOMENT = re.compile(
    r"([0-9]{4})[-/:]([0-9]{2})[-/:]([0-9]{2})[T -]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:[.:]([0-9]{1,9}))?)?"
    r"(?:Z|([+-][0-9]{2}):?([0-9]{2}))?"
)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc)
# A number with more digits before or after the point is none of IG's: written out, it could fill the memory.
_DIGITS = 60
# Seconds reach this in the year 5138; milliseconds did in 1973. IG sends both (schema SnapshotV4 of ig_api.json).
_LEAST_MS = 100_000_000_000


def _refuse(constant: str) -> object:
    raise ValueError(f"{constant} is not JSON")


def _fraction(text: str) -> Decimal | str:
    """Return a number with a fraction; one beyond all money and time stays text: no one could calculate with it."""
    value = Decimal(text)
    return value if abs(value.adjusted()) <= _DIGITS else text


def loads(data: bytes | str, *, what: str = "answer") -> Any:
    """Return the value of a JSON text; fractions come as ``Decimal``.

    Raises:
        DecodeError: It is not JSON, or nested too deep.
    """
    try:
        text = data.decode("utf-8-sig") if isinstance(data, bytes) else data
        return json.loads(text, parse_float=_fraction, parse_constant=_refuse)
    except (ValueError, RecursionError, ArithmeticError):
        # The decoder's own error holds the whole text, and so perhaps a secret: it is not passed on.
        raise DecodeError(f"the {what} is not JSON") from None


class Model:
    """What all models have: their values as IG's JSON."""

    def to_dict(self, encode_json: bool = False) -> dict[str, Any]:  # noqa: FBT001, FBT002 -- dataclasses-json's own
        """Return the values under IG's names.

        Args:
            encode_json: Return only what ``json.dumps`` takes: a ``Decimal`` becomes text.
        """
        return _library().to_dict(self, encode_json)  # type: ignore[no-any-return]  # a library of dynamic names

    def to_json(self, **options: Any) -> str:
        """Return the values under IG's names, as JSON.

        Args:
            options: Arguments of ``json.dumps``, such as ``indent=2``.
        """
        return _library().to_json(self, **options)  # type: ignore[no-any-return]  # a library of dynamic names


ModelT = TypeVar("ModelT", bound=Model)
# Beside the classes and not in them, so that completion by tab offers the fields alone.
_constructors: dict[type[Model], Callable[[Mapping[str, Any]], Any]] = {}


def _library() -> Any:
    from dataclasses_json import DataClassJsonMixin  # noqa: PLC0415 -- few programs need it

    return DataClassJsonMixin


def model(cls: type[ModelT]) -> type[ModelT]:
    """Make a frozen dataclass a model of IG's JSON: camelCase there, unknown keys into ``extra``.

    Its fields are declared by the functions below. It has neither ``__slots__`` nor ``__post_init__``.
    """
    _constructors[cls] = _constructor(cls)
    return cls


def _constructor(cls: Any) -> Callable[[Mapping[str, Any]], Any]:
    """Return the function that makes a ``cls`` from one of IG's objects; all it needs is looked up here, once.

    Tables, not generated source, which was measured to be no faster. What makes it fast is that an object is given its
    ``__dict__``, as unpickling does: the ``__init__`` of a frozen class sets one attribute after another.
    """
    known: dict[str, _Field] = {}
    defaults: dict[str, Any] = {}
    makers: list[tuple[str, Callable[[], Any]]] = []
    for item in dataclasses.fields(cls):
        if item.name == "extra":
            continue
        as_it_is, read = item.metadata["ig_sdk"]
        known[item.metadata["dataclasses_json"]["letter_case"](item.name)] = item.name, as_it_is, read
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
    """Whether some entries could not be read; nulls do not count."""
    return len(entries) != len(value) and len(entries) + value.count(None) != len(value)


def extra() -> Any:
    """Declare the field that keeps what IG sent and the model does not know."""
    return dataclasses.field(default_factory=dict, repr=False)


def _field(
    read: Reader,
    default: Any,
    name: str | None,
    *,
    as_it_is: type | None = None,
    shown: bool = True,
    write: Reader | None = None,
) -> Any:
    return dataclasses.field(default=default, repr=shown, metadata=_metadata(read, name, as_it_is, write))


def _metadata(
    read: Reader, name: str | None = None, as_it_is: type | None = None, write: Reader | None = None
) -> dict[str, Any]:
    """Return how a field is read, and for dataclasses-json how it is written."""
    letter_case = _camel if name is None else lambda _: name
    return {"ig_sdk": (as_it_is, read), "dataclasses_json": {"letter_case": letter_case, "encoder": write}}


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(map(str.capitalize, others))


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

    It reads each of IG's formats that are UTC: texts with or without a zone, seconds or milliseconds since 1970. Local
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


def nested(kind: type[Model], name: str | None = None) -> Any:
    """Declare another model, ``None`` when absent."""
    return _field(_nested(kind), None, name)


def nested_or_empty(kind: type[Model]) -> Any:
    """Declare another model, one without values when absent: for what no reply is complete without."""
    return dataclasses.field(default_factory=kind, metadata=_metadata(_nested(kind)))


def many(kind: type[Model], name: str | None = None) -> Any:
    """Declare a tuple of other models, empty when absent."""
    return _field(partial(_tuple, dict, _constructors[kind]), (), name)


def _nested(kind: type[Model]) -> Reader:
    construct = _constructors[kind]
    return lambda value: construct(value) if isinstance(value, dict) else None


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
    """Return the moment that a text or number of IG's stands for, aware UTC, or ``None``; see ``time``."""
    try:
        match = _MOMENT.fullmatch(value) if isinstance(value, str) else None
        return _from_text(match) if match else _from_epoch(_whole(value))
    except (ValueError, OverflowError):
        return None


def _from_text(match: re.Match[str]) -> dt.datetime:
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


def _from_epoch(count: int | None) -> dt.datetime | None:
    """Return the moment that many seconds or milliseconds after 1970; a small number is no moment."""
    if count is None or count < 100_000_000:
        return None
    return _EPOCH + dt.timedelta(milliseconds=count if count >= _LEAST_MS else count * 1000)


def decode(kind: type[ModelT], data: object, *, path: str = "") -> ModelT:
    """Return one of IG's objects as a model.

    A missing or null field takes its default. So does one whose value is of the wrong kind; that value is kept in
    ``extra``, as are the keys that the model does not know. A list with some entries of the wrong kind keeps the
    others; then the list as it came is in ``extra`` too.

    Raises:
        DecodeError: ``data`` is no JSON object.
    """
    if not isinstance(data, Mapping):
        raise DecodeError(f"expected an object, not {_kind_of(data)}", path=path or kind.__name__)
    made: ModelT = _constructors[kind](data)
    return made


def decode_list(kind: type[ModelT], data: object, *, path: str) -> tuple[ModelT, ...]:
    """Return a list of IG's objects as models; null is an empty list, a null entry is left out.

    Raises:
        DecodeError: ``data`` is no list, or an entry is no object: what the caller asked for must not go missing.
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
