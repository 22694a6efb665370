"""Delays between attempts."""

from __future__ import annotations

from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ig_sdk.schedule import delays


def test_ceilings_grow_to_the_limit() -> None:
    """With the largest draw the delays are the exponential ceilings themselves."""
    assert list(islice(delays(1, 30, 2, random=lambda: 1.0), 7)) == [1, 2, 4, 8, 16, 30, 30]


@given(st.floats(0, 10), st.floats(0, 60), st.floats(1, 5), st.floats(0, 1, exclude_max=True))
def test_no_delay_leaves_its_range(initial: float, most: float, multiplier: float, draw: float) -> None:
    """Every delay is between zero and the largest allowed, for as long as one likes."""
    for delay in islice(delays(initial, most, multiplier, random=lambda: draw), 40):
        assert 0 <= delay <= most


@pytest.mark.parametrize(("initial", "most", "multiplier"), [(-1, 1, 2), (1, -1, 2), (1, 1, 0.5)])
def test_refused(initial: float, most: float, multiplier: float) -> None:
    """What is no schedule is refused at once, not at the first use."""
    with pytest.raises(ValueError, match="must"):
        delays(initial, most, multiplier)
