"""Addresses: where a client may connect, and through what.

Source:
    TLCP.md sections 3.1 and 10.1; MISSION L4 (plain text on loopback only).
"""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass, field
from urllib.parse import SplitResult, unquote, urlsplit

from ig_sdk.errors import ConfigError
from ig_sdk.hosts import is_loopback
from ig_sdk.lightstreamer.tlcp.address import PORTS, SECURE, split_address


@dataclass(frozen=True)
class Address:
    """One place to connect to.

    Attributes:
        host: Name or IP address, without brackets.
        port: TCP port.
        secure: Whether TLS is spoken.
        target: Path and query, for the request line.
        url: The whole, as it was given.
    """

    host: str
    port: int
    secure: bool
    target: str
    url: str

    @property
    def host_header(self) -> str:
        """What the ``Host`` header says: the port only where it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.secure else 80) else f"{host}:{self.port}"


@dataclass(frozen=True)
class Proxy:
    """An HTTP proxy that tunnels with ``CONNECT``.

    Attributes:
        host: Name or IP address.
        port: TCP port.
        authorization: Value of ``Proxy-Authorization``, or ``""``.
    """

    host: str
    port: int
    authorization: str = field(default="", repr=False)


def parse_address(url: str) -> Address:
    """Return the address that ``url`` names.

    Raises:
        ConfigError: ``url`` is no ws, wss, http or https address, carries a user or password, or speaks plain text to
            another machine.
    """
    try:
        parts = split_address(url)
    except ValueError as error:
        raise ConfigError([f"endpoint: {error}"]) from None
    secure = parts.scheme in SECURE
    host = parts.hostname or ""
    if not secure and not is_loopback(host):
        raise ConfigError(
            [f"endpoint: {parts.scheme}://{host} would send the password in plain text; only loopback may be plain"],
            hint=f"use {'wss' if parts.scheme == 'ws' else 'https'}://",
        )
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Address(host, parts.port or PORTS[parts.scheme], secure, target, url)


def may_connect(url: str) -> bool:
    """Whether ``parse_address`` takes ``url``."""
    try:
        parse_address(url)
    except ConfigError:
        return False
    return True


def parse_proxy(url: str | None) -> Proxy | None:
    """Return the proxy that ``url`` (``http://[user:password@]host[:port]``) names, or ``None`` for none.

    Raises:
        ConfigError: ``url`` names no HTTP proxy.
    """
    if not url:
        return None
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        port = parts.port or 80
    except ValueError:
        parts, port = SplitResult("", "", "", "", ""), 0
    if parts.scheme != "http" or not parts.hostname:  # the URL itself may hold a password: never shown
        raise ConfigError(["proxy: must be http://[user:password@]host[:port]"])
    authorization = ""
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        authorization = f"Basic {b64encode(pair.encode()).decode()}"
    return Proxy(parts.hostname, port, authorization)
