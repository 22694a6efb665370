"""The quality meter under anything that can be told to it, in any order, at any time."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ig_sdk.streaming.quality import QualityMeter
from ig_sdk.types import Tick

T0 = datetime(2025, 1, 10, 21, 30, tzinfo=timezone.utc)  # a Friday, half an hour before the week's end

steps = st.lists(
    st.tuples(
        st.sampled_from(["tick", "tick", "tick", "aside", "lost", "gap", "down", "up", "recovered", "closed", "open"]),
        st.floats(0, 30) | st.floats(0, 2_000) | st.floats(-100, 200_000),
    ),
    max_size=60,
)


def tell(meter: QualityMeter, what: str, at: datetime) -> None:
    calls: dict[str, Any] = {
        "tick": lambda: meter.tick(Tick("E", 1.1, 1.1, at, at)),
        "aside": lambda: meter.set_aside(at),
        "lost": lambda: meter.lost(3, at),
        "gap": lambda: meter.gap(17.0, at),
        "down": lambda: meter.line_down(at),
        "up": lambda: meter.line_up(at),
        "recovered": lambda: meter.line_up(at, nothing_missed=True),
        "closed": lambda: meter.status("CLOSED", at),
        "open": lambda: meter.status("DEAL", at),
    }
    calls[what]()


@given(steps=steps)
def test_figures_stay_in_their_ranges_and_counts_are_right(steps: list[tuple[str, float]]) -> None:
    """Whatever is told, and if the clock is set back."""
    meter, at, told = QualityMeter("E", T0), T0, []
    for what, pause in steps:
        at += timedelta(seconds=pause)
        tell(meter, what, at)
        told.append(what)
        quality = meter.quality(at)
        assert 0.0 <= quality.score <= quality.completeness <= 1.0
        assert meter.quality(at) == quality
        assert quality.trusted is (quality.score >= 0.95)
    quality = meter.quality(at)
    assert quality.ticks == told.count("tick")
    assert (quality.set_aside, quality.lost, quality.gaps) == (
        told.count("aside"), 3 * told.count("lost"), told.count("gap"),
    )  # fmt: skip


@given(steps=steps)
def test_everything_is_forgiven_after_five_minutes(steps: list[tuple[str, float]]) -> None:
    """However bad it was: an open market with a line and a tick a second has full marks again."""
    meter, at = QualityMeter("E", T0), T0
    for what, pause in steps:
        at += timedelta(seconds=abs(pause))
        tell(meter, what, at)
    tell(meter, "up", at)
    tell(meter, "open", at)
    for _ in range(320):
        at += timedelta(seconds=1)
        tell(meter, "tick", at)
    quality = meter.quality(at)
    assert (quality.score, quality.trusted) == (1.0, True)
