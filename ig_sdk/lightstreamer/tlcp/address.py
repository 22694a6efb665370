"""Addresses of connections (TLCP.md sections 3.1 and 10.1)."""

from __future__ import annotations

from typing import Final
from urllib.parse import SplitResult, urlsplit

from ig_sdk.lightstreamer.tlcp.actions import StreamTransport

# Schemes and their own ports.
PORTS: Final = {"ws": 80, "http": 80, "wss": 443, "https": 443}
SECURE: Final = frozenset({"https", "wss"})


def split_address(address: str) -> SplitResult:
    """Return the parts of a server's address: scheme, host, optional port, optional path.

    Raises:
        ValueError: It is no such address; the text says what it should be, and never repeats the address.
    """
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        raise ValueError("not an address (the port must be a number up to 65535)") from None
    if parts.scheme not in PORTS or not parts.hostname or port == 0:
        raise ValueError(f"must be an address such as https://host[:port], of scheme {', '.join(PORTS)}")
    if parts.username is not None or parts.password is not None:
        raise ValueError("must not carry a user or a password; pass user= and password=")
    if not address.isprintable() or " " in address or "\\" in address:
        raise ValueError("holds a space, a backslash or a control character")
    return parts


def stream_url(address: str, transport: StreamTransport) -> str:
    """Return what to open for a stream: the whole WebSocket address, or the base of the HTTP requests.

    Args:
        address: ``http(s)`` or ``ws(s)``, host, optional port, optional path prefix; nothing else of it is used
            (C-001).
        transport: Decides between the WebSocket and the HTTP form.

    Raises:
        ValueError: It is no such address.
    """
    parts = split_address(address)
    prefix = parts.path.rstrip("/").removesuffix("/lightstreamer")
    if transport == "ws":
        return f"{'wss' if parts.scheme in SECURE else 'ws'}://{parts.netloc}{prefix}/lightstreamer"
    return f"{'https' if parts.scheme in SECURE else 'http'}://{parts.netloc}{prefix}"


def complete_link(link: str, address: str) -> str:
    """Return the address that a control link means.

    Scheme and port are taken from the original address where the link has none, its path never (C-017).

    Raises:
        ValueError: The link is no host, host with port, or address.
    """
    original = split_address(address)
    parts = split_address(link if "://" in link else f"{original.scheme}://{link}")
    netloc = parts.netloc.rstrip(":")
    if parts.port is None and original.port is not None and parts.scheme == original.scheme:
        netloc = f"{netloc}:{original.port}"
    return f"{parts.scheme}://{netloc}{parts.path.rstrip('/')}"


def is_downgrade(address: str, original: str) -> bool:
    """Whether ``address`` is in the clear although ``original`` is not."""
    return split_address(original).scheme in SECURE and split_address(address).scheme not in SECURE
