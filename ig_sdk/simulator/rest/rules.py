"""What each endpoint of IG's REST API accepts, from ``rules.json``, and the check of request bodies against it.

A broken rule is refused with IG's code, the first one in IG's order.

Source:
    wire/ig_api.json (endpoints, parameters, constraints) and wire/enums.json; a test holds the file equal to them.
    REST.md sections 1, 6.2 and 8 (order of checks, codes).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from importlib import resources
from typing import Any

from ig_sdk.simulator.refusals import RestRefusal


@dataclass(frozen=True)
class Field:
    """A property of a request body.

    Attributes:
        kind: ``string``, ``number``, ``integer``, ``boolean`` or ``array[string]``.
        required: Whether it must be given and not null.
        pattern: What the whole text must match, or ``None``.
        values: The texts that are accepted, or ``None`` for any.
        places: Most decimal places, or ``None``.
    """

    kind: str
    required: bool
    pattern: re.Pattern[str] | None
    values: Sequence[str] | None
    places: int | None


@dataclass(frozen=True)
class Combination:
    """A rule between several properties of one body.

    Attributes:
        kind: ``at_most_one``, ``exactly_one``, ``exactly_one_if``, ``required_if``, ``forbidden_if`` or ``value_if``.
        fields: The properties that it applies to.
        name: Property that the condition depends on, or ``None`` without a condition.
        wanted: The value of that property for which the rule applies; ``"set"`` is any.
        then: Values that the properties must have (``value_if``).
        code: IG's error code.
        code_of_none: IG's error code if none of the properties is given (``exactly_one``).
    """

    kind: str
    fields: Sequence[str]
    name: str | None
    wanted: Any
    then: Mapping[str, Any]
    code: str
    code_of_none: str


@dataclass(frozen=True)
class Rules:
    """One version of an endpoint.

    Attributes:
        name: Its name in the reference, e.g. ``"positions.otc.create.v2"``.
        method: HTTP method, ``_method`` applied.
        paths: Its path and its alias; ``{name}`` is a placeholder for one part.
        version: Value of the header ``VERSION``.
        traffic: The allowance that it counts against: ``"trading"``, ``"non-trading"`` or ``"historical"``.
        logged_in: Whether it needs tokens.
        fields: Properties of its body; empty for an endpoint without a body.
        combinations: Rules between the properties.
    """

    name: str
    method: str
    paths: Sequence[str]
    version: int
    traffic: str
    logged_in: bool
    fields: Mapping[str, Field]
    combinations: Sequence[Combination]


@cache
def endpoints() -> Mapping[str, Rules]:
    """Return every endpoint and version by name, in the order of the reference."""
    text = resources.files("ig_sdk.simulator.rest").joinpath("rules.json").read_text(encoding="utf-8")
    return {name: _rules(name, row) for name, row in json.loads(text).items()}


def _rules(name: str, row: Mapping[str, Any]) -> Rules:
    return Rules(
        name=name,
        method=row["method"],
        paths=[row["path"], *([row["alias"]] if "alias" in row else [])],
        version=row["version"],
        traffic=row["traffic"],
        logged_in=not row.get("open", False),
        fields={each: _field(rule) for each, rule in row.get("body", {}).items()},
        combinations=[_combination(rule) for rule in row.get("combinations", [])],
    )


def _field(rule: Mapping[str, Any]) -> Field:
    pattern = rule.get("pattern")
    return Field(
        kind=rule["type"],
        required=rule.get("required", False),
        pattern=None if pattern is None else re.compile(pattern, re.ASCII | re.DOTALL),
        values=rule.get("values"),
        places=rule.get("places"),
    )


def _combination(rule: Mapping[str, Any]) -> Combination:
    [(name, wanted)] = rule.get("if", {None: None}).items()
    error = rule["error"]
    both, none = (error, error) if isinstance(error, str) else (error["both"], error["none"])
    return Combination(
        kind=rule["kind"],
        fields=rule.get("fields", []),
        name=name,
        wanted=wanted,
        then=rule.get("then", {}),
        code=both,
        code_of_none=none,
    )


# ---- bodies


# No deal needs numbers with more digits, before or after the point; longer ones would only use memory.
_NUMBER = re.compile(r"[+-]?(\d{1,40}(\.\d{0,40})?|\.\d{1,40})([eE][+-]?\d{1,3})?", re.ASCII)
_LARGEST = 18
_SMALLEST = -60
_LONGEST_NAME = 100
# In these endpoints IG reports a broken pattern under the name of another object (REST.md section 8).
_NAMED_OTHERWISE = {"session.create.v1", "session.create.v2", "session.create.v3"}
# Properties that the older version does not know but accepts as null: clients send them (REST.md section 10).
_NULL_TAKEN = {"positions.otc.update.v1": {"trailingStop", "trailingStopDistance", "trailingStopIncrement"}}


def read_body(raw: bytes, rules: Rules) -> dict[str, Any]:
    """Return the properties of a body: ``None`` for those left out, ``Decimal`` for numbers.

    Raises:
        RestRefusal: The body breaks a rule; the first one in IG's order.

    Source:
        REST.md section 6.2: readable, names and types and values, required, patterns, decimals, combinations.
    """
    fields = rules.fields
    given = _object(raw)
    null_taken = _NULL_TAKEN.get(rules.name, ())
    for name, value in given.items():
        if name not in fields and (value is not None or name not in null_taken):
            raise RestRefusal(f"invalid.request.{name[:_LONGEST_NAME]}")
    read = {name: _typed(name, given.get(name), rule) for name, rule in fields.items()}
    for name, rule in fields.items():
        if rule.required and read[name] is None:
            raise RestRefusal(f"validation.null-not-allowed.request.{name}")
    owner = "authenticationRequest" if rules.name in _NAMED_OTHERWISE else "request"
    for name, rule in fields.items():
        if rule.pattern and isinstance(read[name], str) and not rule.pattern.fullmatch(read[name]):
            raise RestRefusal(f"validation.pattern.invalid.{owner}.{name}")
    for name, rule in fields.items():
        if rule.places is not None and read[name] is not None and -read[name].as_tuple().exponent > rule.places:
            raise RestRefusal(f"validation.number.too-many-decimal-places.request.{name}")
    for combination in rules.combinations:
        _check_combination(combination, read)
    return read


def _object(raw: bytes) -> dict[str, Any]:
    if not raw.strip():
        raise RestRefusal("validation.null-not-allowed.request")
    try:
        given = json.loads(raw, parse_float=_decimal, parse_int=_decimal, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise RestRefusal("invalid request") from None
    if given is None:
        raise RestRefusal("validation.null-not-allowed.request")
    if not isinstance(given, dict):
        raise RestRefusal("invalid request")
    return given


def _no_number(name: str) -> None:
    raise ValueError(name)


def _decimal(text: str) -> Decimal | str:
    # A number out of range stays text, which no number field accepts.
    number = _number(text)
    return text if number is None else number


def _number(text: str) -> Decimal | None:
    if not _NUMBER.fullmatch(text):
        return None
    value = Decimal(text)
    within = not value or (value.adjusted() <= _LARGEST and value.adjusted() >= _SMALLEST)
    return value if within else None


def _typed(name: str, value: Any, rule: Field) -> Any:
    """Return a value converted to its field's kind; numbers and booleans may be sent as text (REST.md section 1)."""
    if value is None:
        return None
    read = _READERS[rule.kind](value)
    # Unix milliseconds are accepted as a number as well (working orders v2).
    if name == "goodTillDate" and isinstance(value, Decimal) and value == value.to_integral_value():
        read = f"{value:f}"
    if read is None or (rule.values is not None and read not in rule.values):
        raise RestRefusal(f"invalid.request.{name}")
    return read


def _as_string(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _as_number(value: Any) -> Decimal | None:
    if isinstance(value, str):
        return _number(value.strip())
    return value if isinstance(value, Decimal) else None


def _as_integer(value: Any) -> int | None:
    number = _as_number(value)
    return int(number) if number is not None and number == number.to_integral_value() else None


def _as_boolean(value: Any) -> bool | None:
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value.lower())
    return value if isinstance(value, bool) else None


def _as_strings(value: Any) -> list[str] | None:
    return value if isinstance(value, list) and all(isinstance(each, str) for each in value) else None


_READERS: Mapping[str, Callable[[Any], Any]] = {
    "string": _as_string,
    "number": _as_number,
    "integer": _as_integer,
    "boolean": _as_boolean,
    "array[string]": _as_strings,
}


def _check_combination(rule: Combination, read: Mapping[str, Any]) -> None:
    if rule.name is not None:
        value = read[rule.name]
        if value is None or rule.wanted not in ("set", value):
            return
    given = sum(read[name] is not None for name in rule.fields)
    broken = _BROKEN[rule.kind]
    if rule.kind == "value_if":
        # A flag that is left out counts as false.
        if any(bool(read[name]) != wanted for name, wanted in rule.then.items()):
            raise RestRefusal(rule.code)
    elif broken(given, len(rule.fields)):
        raise RestRefusal(rule.code_of_none if given == 0 else rule.code)


# Whether so many given properties, of so many named ones, break a rule. ``exactly_one_if`` leaves the case of both
# given to an ``at_most_one`` rule.
_BROKEN: Mapping[str, Callable[[int, int], bool]] = {
    "at_most_one": lambda given, _: given > 1,
    "exactly_one": lambda given, _: given != 1,
    "exactly_one_if": lambda given, _: given == 0,
    "required_if": lambda given, count: given < count,
    "forbidden_if": lambda given, _: given > 0,
    "value_if": lambda _given, _count: False,
}
