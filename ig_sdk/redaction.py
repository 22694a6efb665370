"""Keeps secrets out of texts, and out of the variables that a traceback prints."""

from __future__ import annotations

import re
from typing import Any

_HIDDEN = "***"

# Names whose value is a secret, as JSON keys, headers, form parameters and keyword arguments.
_NAMES = (
    "ls_password|password|encrypted_?password|api_?key|x-ig-api-key|x-security-token|cst|xst|authorization|"
    "proxy-authorization|access_?token|refresh_?token|identifier|client_?secret|secret|cookie|set-cookie"
)
_PATTERNS = (
    # The streaming password, and its halves, anywhere in a text: CST-…|XST-… (REST.md section 2.3).
    (re.compile(r"\b(CST|XST)-[^\s|&'\",;)}\]%]+"), rf"\1-{_HIDDEN}"),
    (re.compile(r"(?i)\b(bearer|basic)\s+(?!\*)[A-Za-z0-9\-._~+/]+=*"), rf"\1 {_HIDDEN}"),
    # name: "value", 'name': 'value', name="value" …
    (
        re.compile(rf"""(?i)(\\?["']?\b(?:{_NAMES})\b\\?["']?\s*[:=,]\s*b?)(\\?["'])(?:\\.|(?!\2).)*?\2"""),
        rf"\1\2{_HIDDEN}\2",
    ),
    # … name=value, Name: value up to the next separator
    (
        re.compile(rf"""(?i)(?<![\w-])((?:{_NAMES})\s*[:=]\s*)(?![\s"'\\*])(?!(?:bearer|basic)\s)[^\s&,;"'}})]+"""),
        rf"\1{_HIDDEN}",
    ),
    # user name and password inside an address
    (re.compile(r"(?i)\b([a-z][a-z0-9+.\-]*://)[^\s/@]+@"), rf"\1{_HIDDEN}@"),
)


def redact(text: str) -> str:
    """Return ``text`` with passwords, keys and tokens replaced by ``***``."""
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text


class Hidden(dict[str, Any]):
    """A dictionary whose ``repr`` shows its names and none of its values.

    Debuggers, test runners and error reporters print local variables beside a traceback: use this for a dictionary that
    holds a password or a token.
    """

    def __repr__(self) -> str:
        return f"<{', '.join(self)}>"
