"""Faults: what can be made to go wrong, and that nothing goes wrong by itself."""

from __future__ import annotations

import pytest

from ig_sdk.errors import UsageError
from ig_sdk.simulator import Faults


def test_no_stream():
    """A stream fault without a running server says so."""
    with pytest.raises(UsageError, match="start"):
        Faults().drop_stream()


def test_clear():
    """Faults that have not happened can be taken back."""
    faults = Faults()
    faults.rest()
    faults.refuse_sessions(5)
    faults.refuse_recovery()
    faults.garble()
    faults.mute_prices("CS.D.EURUSD.MINI.IP")
    faults.slow_stream(5)
    faults.on_request("/markets").rest()
    faults.answer_delay_s = 1.0
    faults.clear()
    assert faults.take_request("GET", "/markets", 1) is None
    assert faults.take_refusal() is None
    assert faults.take_refusal(recovery=True) is None
    assert (faults.answer_delay_s, faults.line_delay_s, faults.muted_prices) == (0.0, 0.0, frozenset())
    assert not faults.lines.active


def test_refusals_are_used_up():
    """So many creations or recoveries are refused, each kind for itself."""
    faults = Faults()
    faults.refuse_sessions(5, "busy", times=2)
    faults.refuse_recovery(4, "gone")
    assert [faults.take_refusal() for _ in range(3)] == [(5, "busy"), (5, "busy"), None]
    assert [faults.take_refusal(recovery=True) for _ in range(2)] == [(4, "gone"), None]


def test_lines_are_spoilt_and_then_left_alone():
    """The chosen lines are written differently, all others as they are."""
    faults = Faults()
    faults.garble(2, line="U,nonsense")
    faults.wrong_prog(-3)
    lines = ["PROBE", "U,1,1,a|b", "PROG,10", "U,1,1,c|d", "U,1,1,e|f", "PROG,10"]
    assert faults.lines.active
    assert faults.lines.spoiled(lines) == ["PROBE", "U,nonsense", "PROG,7", "U,nonsense", "U,1,1,e|f", "PROG,10"]
    assert not faults.lines.active


def test_damage_follows_the_seed():
    """The same seed does the same damage, and the damage is some."""

    def damaged(seed: int) -> list[str]:
        faults = Faults(seed=seed)
        faults.garble(20)
        return faults.lines.spoiled([f"U,1,1,{number}|1.5" for number in range(20)])

    assert damaged(3) == damaged(3) != damaged(4)
    assert not {f"U,1,1,{number}|1.5" for number in range(20)} & set(damaged(3))


@pytest.mark.parametrize("speed", [0, -1.0, float("nan")])
def test_a_speed_that_is_none(speed: float):
    """A stream cannot be slower than standing still."""
    with pytest.raises(ValueError, match="lines_per_s"):
        Faults().slow_stream(speed)
