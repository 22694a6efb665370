"""Faults: what can be made to go wrong, and that nothing goes wrong by itself."""

from __future__ import annotations

import pytest

from ig_sdk.errors import UsageError
from ig_sdk.simulator.faults import Faults


def test_no_stream():
    """A stream fault without a running server says so."""
    with pytest.raises(UsageError, match="start"):
        Faults().drop_stream()


def test_rest_faults_are_used_up():
    """A REST fault hits so many matching requests and no other."""
    faults = Faults()
    faults.rest(503, times=2, path="/markets", method="GET")
    assert faults.take_rest("GET", "/session") is None
    assert faults.take_rest("POST", "/markets") is None
    assert [faults.take_rest("GET", "/markets/CS.D").status for _ in range(2)] == [503, 503]
    assert faults.take_rest("GET", "/markets") is None


def test_clear():
    """Faults that have not happened can be taken back."""
    faults = Faults()
    faults.rest()
    faults.refuse_sessions(5)
    faults.answer_delay_s = 1.0
    faults.clear()
    assert faults.take_rest("GET", "/") is None
    assert faults.take_refusal() is None
    assert faults.answer_delay_s == 0.0
