"""Which requests an allowance covers, and how IG refuses them once it is spent.

Source:
    REST.md section 3.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

Allowance = Literal["account", "api-key", "trading", "historical"]

_DEALING = ("/positions", "/workingorders")
# Nobody is logged in yet, so no account is known.
_UNKNOWN = (("POST", "/session"), ("GET", "/session/encryptionKey"))


def refusal_of(allowance: Allowance) -> tuple[str, Callable[[str, str], bool]]:
    """Return the error code of a spent allowance, and whether it covers a method and path.

    Raises:
        ValueError: There is no such allowance.
    """
    if allowance not in _REFUSALS:
        raise ValueError(f"allowance must be one of {', '.join(_REFUSALS)}, not {allowance!r}")
    return _REFUSALS[allowance]


def _trading(method: str, path: str) -> bool:
    return method != "GET" and path.startswith(_DEALING)


def _historical(method: str, path: str) -> bool:
    return method == "GET" and path.startswith("/prices")


def _key(method: str, path: str) -> bool:
    return not _trading(method, path) and not _historical(method, path)


def _account(method: str, path: str) -> bool:
    return _key(method, path) and not any(method == verb and path.startswith(stem) for verb, stem in _UNKNOWN)


_REFUSALS: dict[str, tuple[str, Callable[[str, str], bool]]] = {
    "account": ("error.public-api.exceeded-account-allowance", _account),
    "api-key": ("error.public-api.exceeded-api-key-allowance", _key),
    "trading": ("error.public-api.exceeded-account-trading-allowance", _trading),
    "historical": ("error.public-api.exceeded-account-historical-data-allowance", _historical),
}
