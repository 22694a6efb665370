"""Where a client may connect."""

from __future__ import annotations

import pytest

from ig_sdk.errors import ConfigError
from ig_sdk.lightstreamer.net.address import parse_address, parse_proxy


@pytest.mark.parametrize(
    ("url", "host", "port", "secure", "target"),
    [
        ("https://push.example.com", "push.example.com", 443, True, "/"),
        ("wss://push.example.com:8443/base/lightstreamer", "push.example.com", 8443, True, "/base/lightstreamer"),
        ("http://127.0.0.1:8080", "127.0.0.1", 8080, False, "/"),
        ("ws://127.9.9.9/x?a=b", "127.9.9.9", 80, False, "/x?a=b"),
        ("http://[::1]:81", "::1", 81, False, "/"),
        ("http://LOCALHOST", "localhost", 80, False, "/"),
    ],
)
def test_addresses(url: str, host: str, port: int, secure: bool, target: str) -> None:
    """Scheme, host, port and target are taken apart; loopback may be plain."""
    address = parse_address(url)
    assert (address.host, address.port, address.secure, address.target) == (host, port, secure, target)


@pytest.mark.parametrize(
    "url",
    [
        "http://push.example.com",
        "ws://10.0.0.1",
        "ws://localhost.example.com",
        "ws://127.0.0.1.example.com",
        "ws://[::2]",
        "http://0.0.0.0",
        "ftp://127.0.0.1",
        "push.example.com",
        "https://",
        "https://host:99999",
        "https://host:0",
        "https://user:secret@host",
        "https://ho st",
        "https://host/a\r\nb",
    ],
)
def test_refused_addresses(url: str) -> None:
    """Plain text off loopback, foreign schemes and addresses with a password are refused; the password is not shown."""
    with pytest.raises(ConfigError) as refused:
        parse_address(url)
    assert "secret" not in str(refused.value)


def test_host_header() -> None:
    """The port is named only where it is not the scheme's own; IPv6 keeps its brackets."""
    assert parse_address("https://h").host_header == "h"
    assert parse_address("https://h:80").host_header == "h:80"
    assert parse_address("http://[::1]:81").host_header == "[::1]:81"


def test_proxy() -> None:
    """User and password become the header, decoded; they are in no repr."""
    proxy = parse_proxy("http://us%40er:p%3Aw@proxy:3128")
    assert proxy is not None
    assert (proxy.host, proxy.port) == ("proxy", 3128)
    assert proxy.authorization == "Basic dXNAZXI6cDp3"
    assert "dXNA" not in repr(proxy)
    assert parse_proxy(None) is None
    assert parse_proxy("proxy:8080") == parse_proxy("http://proxy:8080")


@pytest.mark.parametrize("url", ["socks5://u:secret@h:1", "http://u:secret@h:x", "http://"])
def test_refused_proxy(url: str) -> None:
    """Other kinds of proxy are refused without showing the password."""
    with pytest.raises(ConfigError) as refused:
        parse_proxy(url)
    assert "secret" not in str(refused.value)
