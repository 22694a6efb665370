"""What the REST application reads of a request, and what it refuses: IG's codes in IG's order.

Source:
    REST.md sections 1, 6.2 and 8 (order of checks, codes and their statuses).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random
from typing import Any
from urllib.parse import parse_qsl
from uuid import UUID

from ig_sdk.simulator.accounts.logins import Account, Session
from ig_sdk.simulator.refusals import RestRefusal
from ig_sdk.simulator.rest.rules import Combination, Field, Rules

EPIC = re.compile(r"[A-Za-z0-9._]{6,30}")

_STATUS = {
    "error.security.api-key-missing": 400,
    "error.security.get.session.timeout": 500,
    "error.security.authentication.timeout": 504,
    "endpoint.unavailable.for.api-key": 403,
    "error.confirms.deal-not-found": 404,
    "error.invalid.watchlist": 404,
    "error.position.notfound": 404,
    "error.public-api.epic-not-found": 404,
    "error.service.execution.find": 404,
    "error.trading.otc.instrument-not-found": 404,
    "invalid.url": 404,
    "public-api.costs-and-charges.indicative-quote-reference-not-found": 404,
    "system.error": 500,
}
_STATUS_BY_STEM = {
    "error.security.api-key-": 403,
    "error.security.": 401,
    "error.public-api.exceeded-": 403,
    "unauthorised.": 403,
}

# Nobody deals in numbers of more digits, before or after the point; what is longer only eats memory.
_NUMBER = re.compile(r"[+-]?(\d{1,40}(\.\d{0,40})?|\.\d{1,40})([eE][+-]?\d{1,3})?", re.ASCII)
_LARGEST = 18
_SMALLEST = -60
_LONGEST_NAME = 100
_MOST_PARAMETERS = 100
# The identifier's pattern is told under the name of another object (REST.md section 8).
_OWNERS = {"session.create.v1", "session.create.v2", "session.create.v3"}
# What the older version does not know but takes as null: clients send it along (REST.md section 10).
_NULL_TAKEN = {"positions.otc.update.v1": {"trailingStop", "trailingStopDistance", "trailingStopIncrement"}}


def request_id(random: Random) -> str:
    """Return a new ``X-REQUEST-ID``."""
    return str(UUID(int=random.getrandbits(128), version=4))


def status_of(code: str) -> int:
    """Return the HTTP status that goes with one of IG's error codes."""
    if code in _STATUS:
        return _STATUS[code]
    return next((status for stem, status in _STATUS_BY_STEM.items() if code.startswith(stem)), 400)


@dataclass(frozen=True)
class Reply:
    """An answer.

    Attributes:
        status: HTTP status.
        body: JSON value, bytes of another kind, or ``None`` for no body.
        headers: Beside the usual ones.
        content_type: Of a body of bytes.
    """

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    content_type: str = "application/json; charset=UTF-8"


@dataclass(frozen=True)
class Call:
    """A request that passed the gateway.

    Attributes:
        rules: Of the endpoint.
        version: Of the endpoint.
        params: Parts of the path.
        query_text: The query as it came.
        body: Properties of the body; those left out are ``None``.
        api_key: Of the caller.
        account: Whom it acts for, or ``None`` before a login.
        session: The CST session, or ``None``: not logged in, or by OAuth.
    """

    rules: Rules
    version: int
    params: Sequence[str]
    query_text: str = field(repr=False)
    body: Mapping[str, Any] = field(repr=False)
    api_key: str = field(repr=False)
    account: Account | None = None
    session: Session | None = None

    @property
    def owner(self) -> Account:
        """The account that the caller acts for."""
        assert self.account is not None, "the route asks for a login"
        return self.account

    @property
    def query(self) -> Mapping[str, str]:
        """The parameters; of one that is given twice the first counts.

        Raises:
            RestRefusal: There are too many.
        """
        return read_query(self.query_text)


def read_query(text: str) -> dict[str, str]:
    """Return the parameters of a query; of one that is given twice the first counts.

    Raises:
        RestRefusal: There are too many.
    """
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST_PARAMETERS)
    except ValueError:
        raise RestRefusal("invalid.input") from None
    return dict(reversed(pairs))


def read_body(raw: bytes, rules: Rules) -> dict[str, Any]:
    """Return the properties of a body; those left out are ``None``, numbers are ``Decimal``.

    Raises:
        RestRefusal: The body breaks a rule; the first one in IG's order.

    Source:
        REST.md section 6.2: readable, names and types and values, required, patterns, decimals, combinations.
    """
    fields = rules.fields
    given = _object(raw)
    passed_over = _NULL_TAKEN.get(rules.name, ())
    for name, value in given.items():
        if name not in fields and (value is not None or name not in passed_over):
            raise RestRefusal(f"invalid.request.{name[:_LONGEST_NAME]}")
    read = {name: _typed(name, given.get(name), rule) for name, rule in fields.items()}
    for name, rule in fields.items():
        if rule.required and read[name] is None:
            raise RestRefusal(f"validation.null-not-allowed.request.{name}")
    owner = "authenticationRequest" if rules.name in _OWNERS else "request"
    for name, rule in fields.items():
        if rule.pattern and isinstance(read[name], str) and not rule.pattern.fullmatch(read[name]):
            raise RestRefusal(f"validation.pattern.invalid.{owner}.{name}")
    for name, rule in fields.items():
        if rule.places is not None and read[name] is not None and -read[name].as_tuple().exponent > rule.places:
            raise RestRefusal(f"validation.number.too-many-decimal-places.request.{name}")
    for combination in rules.combinations:
        _check(combination, read)
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
    # What is out of reach stays text, which no number field takes.
    return _number(text) or text


def _number(text: str) -> Decimal | None:
    if not _NUMBER.fullmatch(text):
        return None
    value = Decimal(text)
    within = not value or (value.adjusted() <= _LARGEST and value.adjusted() >= _SMALLEST)
    return value if within else None


def _typed(name: str, value: Any, rule: Field) -> Any:
    """Return a value as its field's kind; numbers and booleans may be sent as text (REST.md section 1)."""
    if value is None:
        return None
    read = _READERS[rule.kind](value)
    # Unix milliseconds are taken as a number as well (working orders v2).
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


def _check(rule: Combination, read: Mapping[str, Any]) -> None:
    if rule.name is not None:
        value = read[rule.name]
        if value is None or rule.wanted not in ("set", value):
            return
    given = sum(read[name] is not None for name in rule.fields)
    broken = _BROKEN[rule.kind]
    if rule.kind == "value_if":
        # A flag that is left out is not set.
        if any(bool(read[name]) != wanted for name, wanted in rule.then.items()):
            raise RestRefusal(rule.code)
    elif broken(given, len(rule.fields)):
        raise RestRefusal(rule.code_of_none if given == 0 else rule.code)


# Of a pair that is given twice another rule tells (``at_most_one``).
_BROKEN: Mapping[str, Callable[[int, int], bool]] = {
    "at_most_one": lambda given, _: given > 1,
    "exactly_one": lambda given, _: given != 1,
    "exactly_one_if": lambda given, _: given == 0,
    "required_if": lambda given, count: given < count,
    "forbidden_if": lambda given, _: given > 0,
    "value_if": lambda _given, _count: False,
}


def whole(text: str | None, default: int, *, low: int = 0, high: int = 10**6, code: str = "invalid.input") -> int:
    """Return a whole number of a query or path.

    Args:
        text: What was sent; ``None`` or empty takes the default.
        default: Its value when it is left out.
        low: Smallest that is taken.
        high: Largest that is taken.
        code: IG's code when it is none of these.

    Raises:
        RestRefusal: It is no such number.
    """
    if not text:
        return default
    if not (text.isascii() and text.isdecimal() and len(text) < 20 and low <= int(text) <= high):
        raise RestRefusal(code)
    return int(text)


def flag(text: str | None) -> bool:
    """Return whether a query parameter says yes."""
    return (text or "").strip().lower() == "true"
