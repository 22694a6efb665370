"""Arguments that several resources check alike."""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from ig_sdk.rest.arguments import good_till_of, limit_of, one_of, reference_of, stop_of
from ig_sdk.types import Limit, Stop

D = Decimal


def test_references_are_new_and_fit() -> None:
    """Each is another, of at most 30 characters that IG takes."""
    made = {reference_of(None) for _ in range(1000)}
    assert len(made) == 1000
    assert all(re.fullmatch(r"[A-Za-z0-9_\-]{1,30}", each) for each in made)


@pytest.mark.parametrize("given", ["a", "A_b-9", "x" * 30])
def test_a_callers_reference_is_kept(given: str) -> None:
    """As it is."""
    assert reference_of(given) == given


@pytest.mark.parametrize("given", ["", "x" * 31, "with space", "ä", "a/b", "a\n", 5])
def test_a_reference_that_ig_refuses_is_refused_here(given: object) -> None:
    """Before anything is sent."""
    with pytest.raises(ValueError, match="deal_reference"):
        reference_of(given)


@pytest.mark.parametrize("check", [stop_of, limit_of])
@pytest.mark.parametrize("value", [20, 1.5, "20", D(1), True])
def test_a_bare_number_is_no_leg(check: Any, value: object) -> None:
    """It could be a level or a distance; the error names both forms."""
    with pytest.raises(TypeError, match=r"(Stop|Limit)\(level=...\) or (Stop|Limit)\(distance=...\)"):
        check(value)


def test_a_stop_is_no_limit() -> None:
    """Each leg in its place."""
    with pytest.raises(TypeError):
        stop_of(Limit(level=1))
    with pytest.raises(TypeError):
        limit_of(Stop(level=1))


def test_words_are_taken_in_any_case() -> None:
    """And nothing else is."""
    assert one_of("limit", ("LIMIT", "STOP"), "kind") == "LIMIT"
    for wrong in ("BOTH", "", None, 3):
        with pytest.raises(ValueError, match="kind must be one of LIMIT, STOP"):
            one_of(wrong, ("LIMIT", "STOP"), "kind")


def test_an_end_needs_a_zone() -> None:
    """A naive time means nothing certain."""
    with pytest.raises(ValueError, match="time zone"):
        good_till_of(datetime(2026, 1, 1))  # noqa: DTZ001 -- the point
    with pytest.raises(ValueError, match="time zone"):
        good_till_of("2026-01-01")
