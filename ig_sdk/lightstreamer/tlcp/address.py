"""Addresses of connections (TLCP.md sections 3.1 and 10.1)."""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit

from ig_sdk.lightstreamer.tlcp.actions import Transport

_SECURE = frozenset({"https", "wss"})
_PLAIN = frozenset({"http", "ws"})


def stream_url(address: str, transport: Transport) -> str:
    """Return what to open for a stream: the whole WebSocket address, or the base of the HTTP requests.

    Args:
        address: ``http(s)`` or ``ws(s)``, host, optional port, optional path prefix; nothing else of it is used
            (C-001).
        transport: Decides between the WebSocket and the HTTP form.

    Raises:
        ValueError: It is no such address.
    """
    parts = _split(address)
    prefix = parts.path.rstrip("/").removesuffix("/lightstreamer")
    if transport == "ws":
        return f"{'wss' if parts.scheme in _SECURE else 'ws'}://{parts.netloc}{prefix}/lightstreamer"
    return f"{'https' if parts.scheme in _SECURE else 'http'}://{parts.netloc}{prefix}"


def complete_link(link: str, address: str) -> str:
    """Return the address that a control link stands for.

    Scheme and port are taken from the original address where the link has none, its path never (C-017).

    Raises:
        ValueError: The link is no host, host with port, or address.
    """
    original = _split(address)
    parts = _split(link if "://" in link else f"{original.scheme}://{link}")
    netloc = parts.netloc.rstrip(":")
    if parts.port is None and original.port is not None and parts.scheme == original.scheme:
        netloc = f"{netloc}:{original.port}"
    return f"{parts.scheme}://{netloc}{parts.path.rstrip('/')}"


def is_downgrade(address: str, original: str) -> bool:
    """Whether ``address`` is in the clear although ``original`` is not."""
    return _split(original).scheme in _SECURE and _split(address).scheme in _PLAIN


def _split(address: str) -> SplitResult:
    parts = urlsplit(address)
    if parts.scheme not in _SECURE | _PLAIN or not parts.hostname or parts.username is not None:
        raise ValueError(f"not an address of a Lightstreamer server: {address[:100]!r}")
    if any(character <= " " or character in "\x7f\\" for character in address):
        raise ValueError(f"not an address of a Lightstreamer server: {address[:100]!r}")
    _ = parts.port  # raises ValueError for a port that is none
    return parts
