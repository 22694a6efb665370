"""JSON text to Python, and IG's objects to frozen dataclasses.

Numbers keep the text they came as (``Decimal``, never through a binary float). Models are dataclasses-json classes;
what that library would trip over (nulls, odd values, unknown keys) is settled here, once.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeVar

from dataclasses_json import LetterCase, Undefined, config, dataclass_json

from ig_sdk.errors import DecodeError

ModelT = TypeVar("ModelT")


def _refuse(constant: str) -> object:
    raise ValueError(f"{constant} is not JSON")


def loads(data: bytes | str, *, what: str = "answer") -> Any:
    """Return the value of a JSON text; fractions come as ``Decimal``.

    Raises:
        DecodeError: It is not JSON, or nested absurdly deep.
    """
    try:
        text = data.decode("utf-8-sig") if isinstance(data, bytes) else data
        return json.loads(text, parse_float=Decimal, parse_constant=_refuse)
    except (ValueError, RecursionError, ArithmeticError):
        # The decoder's own error holds the whole text, which may hold a secret: it does not travel along.
        raise DecodeError(f"the {what} is not JSON") from None


def model(cls: type[ModelT]) -> type[ModelT]:
    """Make a frozen dataclass a model of IG's JSON: camelCase there, unknown keys into ``extra``."""
    frozen: Any = cls
    # IG's name of each field, and ours; kept here so that decoding need not work it out again and again.
    frozen.wire_names = {_camel(item): item.name for item in dataclasses.fields(frozen) if item.name != "extra"}
    camel: Any = LetterCase.CAMEL  # a function at run time, whatever mypy takes it for
    made: type[ModelT] = dataclass_json(frozen, letter_case=camel, undefined=Undefined.EXCLUDE)
    return made


def extra() -> Any:
    """Declare the field that keeps what IG sent and the model does not know."""
    return dataclasses.field(default_factory=dict, repr=False, metadata=config(decoder=_as_it_is))


def _field(decoder: Callable[[Any], Any], default: Any, name: str | None) -> Any:
    settings = config(decoder=decoder, field_name=name) if name else config(decoder=decoder)
    return dataclasses.field(default=default, metadata=settings)


def text(name: str | None = None) -> Any:
    """Declare a text field, ``None`` when absent."""
    return _field(_text, None, name)


def flag(name: str | None = None) -> Any:
    """Declare a true-or-false field, ``None`` when absent."""
    return _field(_flag, None, name)


def decimal(name: str | None = None) -> Any:
    """Declare a ``Decimal`` field (sizes, levels, money), ``None`` when absent."""
    return _field(_decimal, None, name)


def number(name: str | None = None) -> Any:
    """Declare a ``float`` field (prices of the market), ``None`` when absent."""
    return _field(_number, None, name)


def whole(name: str | None = None) -> Any:
    """Declare an ``int`` field, ``None`` when absent."""
    return _field(_whole, None, name)


def texts(name: str | None = None) -> Any:
    """Declare a tuple of texts, empty when absent."""
    return _field(_texts, (), name)


def nested(kind: type, name: str | None = None) -> Any:
    """Declare another model, ``None`` when absent."""
    return _field(lambda value: decode(kind, value) if isinstance(value, Mapping) else None, None, name)


def nested_or_empty(kind: type) -> Any:
    """Declare another model, one without values when absent: what a reply cannot do without."""
    decoder = config(decoder=lambda value: decode(kind, value) if isinstance(value, Mapping) else kind())
    return dataclasses.field(default_factory=kind, metadata=decoder)


def many(kind: type, name: str | None = None) -> Any:
    """Declare a tuple of other models, empty when absent."""
    return _field(lambda value: decode_list(kind, value, path=name or kind.__name__), (), name)


def _as_it_is(value: dict[str, Any]) -> dict[str, Any]:
    return value


def _text(value: object) -> str | None:
    if isinstance(value, str):
        return value
    return None if isinstance(value, (Mapping, list)) else str(value)


def _flag(value: object) -> bool | None:
    if isinstance(value, bool):
        return value
    # IG takes booleans as text (REST.md section 1); some replies were seen to send them so.
    return {"true": True, "false": False}.get(value.lower()) if isinstance(value, str) else None


def _decimal(value: object) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, (int, str, Decimal)):
        return None
    try:
        made = Decimal(value)
    except ArithmeticError:
        return None
    return made if made.is_finite() else None


def _number(value: object) -> float | None:
    made = _decimal(value)
    if made is None:
        return None
    try:
        approximate = float(made)
    except OverflowError:
        return None
    return approximate if math.isfinite(approximate) else None


def _whole(value: object) -> int | None:
    made = _decimal(value)
    # A huge exponent would be written out digit by digit.
    return int(made) if made is not None and made == made.to_integral_value() and abs(made) < Decimal("1e30") else None


def _texts(value: object) -> tuple[str, ...]:
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()


def decode(kind: type[ModelT], data: object, *, path: str = "") -> ModelT:
    """Return one of IG's objects as a model.

    A missing or null field takes its default. So does one whose value is of a kind that cannot be; that value stays in
    ``extra``, as do the keys that the model does not know.

    Raises:
        DecodeError: ``data`` is no JSON object.
    """
    if not isinstance(data, Mapping):
        raise DecodeError(f"expected an object, not {_kind_of(data)}", path=path or kind.__name__)
    names: dict[str, str] = kind.wire_names  # type: ignore[attr-defined]  # model() put it there
    # dataclasses-json warns about a null where a default stands, and takes the null: it sees no nulls.
    known = {key: value for key, value in data.items() if value is not None and key in names}
    rest = {key: value for key, value in data.items() if key not in names}
    try:
        made: ModelT = kind.from_dict(known | {"extra": rest})  # type: ignore[attr-defined]  # model() put it there
    except (TypeError, ValueError, KeyError, AttributeError, ArithmeticError) as error:
        raise DecodeError(f"cannot read {kind.__name__}", path=path or kind.__name__) from error
    rest |= {key: value for key, value in known.items() if getattr(made, names[key]) is None}
    return made


def decode_list(kind: type[ModelT], data: object, *, path: str) -> tuple[ModelT, ...]:
    """Return a list of IG's objects as models; null is an empty one, an entry that is no object is left out."""
    if data is None:
        return ()
    if not isinstance(data, Sequence) or isinstance(data, (str, bytes)):
        raise DecodeError(f"expected a list, not {_kind_of(data)}", path=path)
    return tuple(decode(kind, item, path=f"{path}[{index}]") for index, item in enumerate(data) if item is not None)


def _kind_of(value: object) -> str:
    return "null" if value is None else type(value).__name__


def _camel(item: dataclasses.Field[Any]) -> str:
    named = item.metadata.get("dataclasses_json", {}).get("letter_case")
    return str((named or LetterCase.CAMEL)(item.name))
