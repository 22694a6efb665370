"""A request as handlers get it, their reply, the values of a query, and the HTTP status of IG's error codes.

Source:
    REST.md sections 1 and 8 (codes and their statuses).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any
from urllib.parse import parse_qsl
from uuid import UUID

from ig_sdk.simulator.accounts.logins import Account, Session
from ig_sdk.simulator.refusals import RestRefusal
from ig_sdk.simulator.rest.rules import Rules

EPIC = re.compile(r"[A-Za-z0-9._]{6,30}")

_STATUS = {
    "error.security.api-key-missing": 400,
    "error.security.get.session.timeout": 500,
    "error.security.authentication.timeout": 504,
    "endpoint.unavailable.for.api-key": 403,
    "error.confirms.deal-not-found": 404,
    "error.invalid.watchlist": 404,
    "error.position.notfound": 404,
    "error.service.delete.working.order.not.found": 404,
    "error.service.execution.find": 404,
    "error.service.marketdata.instrument.epic.unavailable": 404,
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

_MOST_PARAMETERS = 100


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
    """The answer to a request.

    Attributes:
        status: HTTP status.
        body: A JSON value, bytes of another content type, or ``None`` for no body.
        headers: Headers in addition to the usual ones.
        content_type: Content type of the body.
    """

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    content_type: str = "application/json; charset=UTF-8"


@dataclass(frozen=True)
class Call:
    """A request that passed the checks of the gateway.

    Attributes:
        rules: Rules of its endpoint.
        version: Version of its endpoint.
        params: Variable parts of the path.
        query_text: The query as it was sent.
        body: Properties of the body; ``None`` for those left out.
        api_key: The caller's API key.
        account: The account that it acts for, or ``None`` before a login.
        session: The CST session, or ``None`` before a login or with an OAuth token.
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
        """The account that the request acts for."""
        assert self.account is not None, "only the call of an endpoint that needs a login has an owner"
        return self.account

    @property
    def query(self) -> Mapping[str, str]:
        """The parameters of the query; if one is given twice, the first counts.

        Raises:
            RestRefusal: There are too many.
        """
        try:
            pairs = parse_qsl(self.query_text, keep_blank_values=True, max_num_fields=_MOST_PARAMETERS)
        except ValueError:
            raise RestRefusal("invalid.input") from None
        return dict(reversed(pairs))


def whole(text: str | None, default: int, *, low: int = 0, high: int = 10**6, code: str = "invalid.input") -> int:
    """Return a whole number from a query or path.

    Args:
        text: What was sent; the default counts if it is ``None`` or empty.
        default: Value if it is left out.
        low: Smallest number that is accepted.
        high: Largest number that is accepted.
        code: IG's code for anything else.

    Raises:
        RestRefusal: It is no number in that range.
    """
    if not text:
        return default
    if not (text.isascii() and text.isdecimal() and len(text) < 20 and low <= int(text) <= high):
        raise RestRefusal(code)
    return int(text)


def flag(text: str | None) -> bool:
    """Return whether a query parameter is set to true."""
    return (text or "").strip().lower() == "true"
