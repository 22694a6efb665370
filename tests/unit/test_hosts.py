"""Which hosts are this machine."""

from __future__ import annotations

import pytest

from ig_sdk.hosts import is_loopback


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.8.7", "::1", "localhost", "LocalHost"])
def test_loopback(host: str) -> None:
    """Only names that say so are loopback."""
    assert is_loopback(host)


@pytest.mark.parametrize("host", [None, "", "::ffff:10.0.0.1", "10.0.0.1", "example.com", "localhost.example.com"])
def test_elsewhere(host: str | None) -> None:
    """A name that may be another machine is not loopback, however similar it looks."""
    assert not is_loopback(host)
