"""One REST request as IG sees it: what was asked, by whom, and which rules its body breaks.

Source:
    REST.md sections 1, 6.2 and 8 (order of checks, codes and their statuses).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ig_sdk.simulator.sessions import Account, Refused, Session

_STATUS = {
    "error.security.api-key-missing": 400,
    "error.security.api-key-invalid": 403,
    "error.public-api.failure.encryption.required": 400,
    "error.public-api.too-many-epics": 400,
    "error.public-api.epic-not-found": 404,
    "invalid.url": 404,
    "system.error": 500,
}
_STATUS_BY_STEM = {
    "error.security.": 401,
    "error.public-api.exceeded-": 403,
}


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
        body: JSON value, or ``None`` for no body.
        headers: Beside the usual ones.
    """

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Call:
    """A request that passed the gateway.

    Attributes:
        version: Of the endpoint.
        query: Parameters.
        params: Parts of the path.
        body: Raw.
        api_key: Of the caller.
        account: Whom it acts for, or ``None`` before a login.
        session: The CST session, or ``None``: not logged in, or by OAuth.
    """

    version: int
    query: Mapping[str, str]
    params: Sequence[str]
    body: bytes = field(repr=False)
    api_key: str = field(repr=False)
    account: Account | None = None
    session: Session | None = None


@dataclass(frozen=True)
class Field:
    """A property of a request body.

    Attributes:
        kind: ``str`` or ``bool``; a boolean may be sent as text (REST.md section 1).
        pattern: What the whole text must match.
        required: Whether it may be left out or null.
        owner: Name of the object in the code of a pattern error.
    """

    kind: type
    pattern: str = ".*"
    required: bool = True
    owner: str = "request"


def read_body(raw: bytes, fields: Mapping[str, Field]) -> dict[str, Any]:
    """Return the properties of a body; those left out are ``None``.

    Raises:
        Refused: The body breaks a rule; the first one in IG's order.
    """
    if not raw.strip():
        raise Refused("validation.null-not-allowed.request")
    try:
        given = json.loads(raw)
    except (ValueError, RecursionError):
        raise Refused("invalid request") from None
    if not isinstance(given, dict):
        raise Refused("invalid request")
    for name in given:
        if name not in fields:
            raise Refused(f"invalid.request.{name}")
    read = {name: _typed(name, given.get(name), field.kind) for name, field in fields.items()}
    for name, rule in fields.items():
        if rule.required and read[name] is None:
            raise Refused(f"validation.null-not-allowed.request.{name}")
    for name, rule in fields.items():
        if isinstance(read[name], str) and not re.fullmatch(rule.pattern, read[name]):
            raise Refused(f"validation.pattern.invalid.{rule.owner}.{name}")
    return read


def _typed(name: str, value: Any, kind: type) -> Any:
    if value is None or isinstance(value, kind):
        return value
    if kind is bool and isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    raise Refused(f"invalid.request.{name}")
