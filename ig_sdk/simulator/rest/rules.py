"""What each endpoint of IG's REST API takes, as data: ``rules.json``, drawn from the reference.

Source:
    wire/ig_api.json (endpoints, parameters, constraints) and wire/enums.json; a test holds the file equal to them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any


@dataclass(frozen=True)
class Field:
    """A property of a request body.

    Attributes:
        kind: ``string``, ``number``, ``integer``, ``boolean`` or ``array[string]``.
        required: Whether it may be left out or null.
        pattern: What the whole text must match, or ``None``.
        values: The texts that are taken, or ``None``.
        places: Most decimal places, or ``None``.
    """

    kind: str
    required: bool
    pattern: re.Pattern[str] | None
    values: Sequence[str] | None
    places: int | None


@dataclass(frozen=True)
class Combination:
    """A rule between the properties of one body.

    Attributes:
        kind: ``at_most_one``, ``exactly_one``, ``exactly_one_if``, ``required_if``, ``forbidden_if`` or ``value_if``.
        fields: The properties that it is about.
        name: Property of the condition, or ``None`` without one.
        wanted: Its value in the condition; ``"set"`` is any.
        then: Values that the properties must have (``value_if``).
        code: IG's error code.
        code_of_none: The code when none of the properties is there (``exactly_one``).
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
        paths: Its path and its alias; ``{name}`` stands for one part.
        version: Value of the header ``VERSION``.
        traffic: The allowance that it spends: ``"trading"``, ``"non-trading"`` or ``"historical"``.
        logged_in: Whether it needs tokens.
        fields: Properties of its body; none for an endpoint without a body.
        combinations: Rules between them.
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
