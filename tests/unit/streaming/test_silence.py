"""A market that says nothing is found out, once for each silence."""

from __future__ import annotations

from ig_sdk.streaming.silence import Silence


def test_a_market_that_never_had_a_price_is_mute_once():
    """From the beginning of the wait the patience counts, and the silence is told once."""
    silence = Silence(30.0, now=10.0)
    assert silence.check(39.9) is None
    assert silence.check(40.0) == "mute"
    assert silence.check(500.0) is None
    assert silence.due == float("inf")


def test_a_market_that_stops_is_stale_once_for_each_silence():
    """A new price begins a new silence."""
    silence = Silence(30.0, now=0.0)
    silence.heard = 5.0
    assert silence.check(34.0) is None
    assert silence.check(35.0) == "stale"
    assert silence.check(60.0) is None
    silence.heard = 61.0
    assert silence.check(90.0) is None
    assert silence.check(91.0) == "stale"


def test_waiting_begins_anew_when_the_line_was_down():
    """What was told as a break of the line is not told again as a silence."""
    silence = Silence(30.0, now=0.0)
    silence.heard = 5.0
    silence.expect(100.0)
    assert silence.check(129.0) is None
    assert silence.since == 100.0
    assert silence.check(130.0) == "stale"


def test_due_says_when_to_look_again():
    """Looking earlier finds nothing."""
    silence = Silence(30.0, now=1.0)
    assert silence.due == 31.0
    silence.heard = 7.0
    assert silence.due == 37.0
