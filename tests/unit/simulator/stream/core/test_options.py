"""TLCP versions as the server compares them."""

from __future__ import annotations

from ig_sdk.simulator.stream.core.options import parse_version


def test_versions():
    """Versions compare by major and minor; what is none is none."""
    assert parse_version("2.4.0") == parse_version("2.4.7") == (2, 4)
    for text in ("", "2", "2.x.0", "2.4.0.1", "-2.4.0", "2..4", "\u0662.\u0664.\u0660", "2.1000000.0"):
        assert parse_version(text) is None
