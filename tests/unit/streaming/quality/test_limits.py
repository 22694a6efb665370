"""Thresholds: refused where they make no sense, found by market."""

from __future__ import annotations

from typing import Any

import pytest

from ig_sdk.streaming.quality import QualityLimits, limits_for


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("crossed", 1.0),
        ("spike", 0.0),
        ("spike", float("nan")),
        ("max_factor", 1.0),
        ("max_factor", float("inf")),
        ("agree", 0),
        ("backwards_s", -1.0),
        ("backwards_s", float("inf")),
    ],
)
def test_a_number_out_of_range_is_named(name: str, value: Any) -> None:
    """The error says which one, and what is allowed."""
    with pytest.raises(ValueError, match=name):
        QualityLimits(**{name: value})


def test_limits_are_found_by_market() -> None:
    """One for all, some by epic, or none: then the defaults."""
    wide = QualityLimits(spike=0.05)
    assert limits_for(wide, "A") is wide
    assert limits_for({"A": wide}, "A") is wide
    assert limits_for({"A": wide}, "B") == limits_for(None, "B") == QualityLimits()
