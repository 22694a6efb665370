"""A call as it goes on the wire: method, headers, body. Nothing is kept between requests."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from urllib.parse import urlencode

from ig_sdk.config import IGConfig
from ig_sdk.rest.http.endpoint import Endpoint
from ig_sdk.rest.http.transport import Request

_JSON = "application/json; charset=UTF-8"


def json_text(value: object) -> str:
    """Return ``value`` as JSON; a ``Decimal`` is a number with exactly its digits.

    Raises:
        ValueError: A number is not finite, or something is not JSON at all.
    """
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise ValueError(f"{value} is not a number that can be sent")
        return format(value, "f")
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{json.dumps(str(key))}: {json_text(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(json_text, value)) + "]"
    return json.dumps(value, allow_nan=False)


def target(endpoint: Endpoint, parts: Mapping[str, str] | None, query: Mapping[str, str] | None) -> str:
    """Return path and query of a call, everything in it encoded."""
    return endpoint.path_for(dict(parts or {})) + ("?" + urlencode(query) if query else "")


def request(
    endpoint: Endpoint, path: str, payload: bytes | None, headers: Mapping[str, str], config: IGConfig
) -> Request:
    """Return the request of one attempt.

    Args:
        endpoint: What to call.
        path: Path and query.
        payload: Body, if any.
        headers: Headers of this call alone: its tokens.
        config: Address and key.

    Source:
        REST.md section 1: headers of every call; the gateway drops the body of a real ``DELETE``, so one that has a
        body goes as ``POST`` with ``_method: DELETE``.
    """
    own = {
        "Accept": _JSON,
        "User-Agent": "ig_sdk",
        "VERSION": str(endpoint.version),
        "X-IG-API-KEY": config.api_key or "",
    }
    method: str = endpoint.method
    if payload is not None:
        own["Content-Type"] = _JSON
        if method == "DELETE":
            method, own["_method"] = "POST", "DELETE"
    own.update(headers)
    return Request(method, f"{config.base_url}{path}", own, payload)
