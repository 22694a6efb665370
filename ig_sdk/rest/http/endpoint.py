"""An endpoint of IG's REST API, as data."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote

from ig_sdk.rest.arguments import text_of

Method = Literal["GET", "POST", "PUT", "DELETE"]
Allowance = Literal["trading", "non-trading", "historical"]
_CAPITAL = re.compile("[A-Z]")


@dataclass(frozen=True)
class Endpoint:
    """What is the same in every request to one endpoint.

    Attributes:
        method: HTTP method as IG's reference names it. A ``DELETE`` that carries a body travels as ``POST`` with the
            header ``_method: DELETE`` (REST.md section 1); that is the requestor's business.
        path: Path below the base URL, with ``{names}`` for its variable parts.
        version: IG's version of the endpoint, sent as header ``VERSION`` of this request only.
        mutating: Whether it may change something at IG: such a request is sent again only when it provably never left.
        authenticated: Whether it needs the tokens of a login.
        allowance: What a request to it is counted against (REST.md section 5); ``None`` is not counted.
        raw: Whether the body of an answer is left undecoded: rows by the thousand, or no JSON at all.
        urgent: Whether it goes before others that wait for the same allowance: what a login or a deal waits for.
    """

    method: Method
    path: str
    version: int = 1
    mutating: bool = False
    authenticated: bool = True
    allowance: Allowance | None = "non-trading"
    raw: bool = False
    urgent: bool = False

    def path_for(self, parts: dict[str, str]) -> str:
        """Return the path with its variable parts filled in, each percent-encoded.

        Raises:
            TypeError: A part is no text.
            ValueError: A part is empty or would lead to another path.
        """
        for wire_name, part in parts.items():
            name = _CAPITAL.sub(r"_\g<0>", wire_name).lower()  # as our methods call it
            # "." and ".." survive percent-encoding and are resolved by every HTTP client on the way.
            if text_of(part, name) in (".", ".."):
                raise ValueError(f"{name} must not be {part!r}")
        return self.path.format_map({name: quote(part, safe="") for name, part in parts.items()})
