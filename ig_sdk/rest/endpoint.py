"""An endpoint of IG's REST API, as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote

Method = Literal["GET", "POST", "PUT", "DELETE"]


@dataclass(frozen=True)
class Endpoint:
    """What is the same in every request to one endpoint.

    Attributes:
        method: HTTP method.
        path: Path below the base URL, with ``{names}`` for its variable parts.
        version: IG's version of the endpoint, sent as header ``VERSION`` of this request only.
        mutating: Whether it may change something at IG: such a request is sent again only when it provably never left.
        authenticated: Whether it needs the tokens of a login.
    """

    method: Method
    path: str
    version: int = 1
    mutating: bool = False
    authenticated: bool = True

    def path_for(self, parts: dict[str, str]) -> str:
        """Return the path with its variable parts filled in, each percent-encoded.

        Raises:
            ValueError: A part is empty or would lead to another path.
        """
        for name, part in parts.items():
            # "." and ".." survive percent-encoding and are resolved by every HTTP client on the way.
            if not part.strip() or part in (".", ".."):
                raise ValueError(f"{name} must not be {part!r}")
        return self.path.format_map({name: quote(part, safe="") for name, part in parts.items()})
