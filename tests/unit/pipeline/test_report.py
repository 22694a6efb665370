"""Percentiles in fixed memory, and the report in one line."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from ig_sdk.pipeline import Report
from ig_sdk.pipeline.report import Latencies


def test_percentiles_are_right_to_a_bucket() -> None:
    """Within 2.6 % of the true percentile, for any spread of values."""
    source, latencies = random.Random(3), Latencies()
    values = sorted(source.lognormvariate(0.0, 2.0) for _ in range(5000))
    for value in values:
        latencies.add(value)
    for percent in (1.0, 50.0, 90.0, 99.0, 100.0):
        wanted = values[max(int(len(values) * percent / 100) - 1, 0)]
        assert latencies.percentile(percent) == pytest.approx(wanted, rel=0.026)


def test_odd_latencies_are_counted_at_the_ends() -> None:
    """Nothing is measured of nothing; negative ones are none, endless ones are the last bucket."""
    latencies = Latencies()
    assert latencies.percentile(50.0) is None
    latencies.add(-5.0)
    assert latencies.percentile(50.0) == 0.001
    for _ in range(9):
        latencies.add(1e12)
    assert latencies.percentile(99.0) == pytest.approx(7e5, rel=0.1)


def test_report_is_one_line() -> None:
    """The figures of a good run, and the bad ones only when there are some."""
    report = Report(ticks=10, candles=2, signals=1)
    assert str(report) == "ticks 10 · candles 2 · signals 1 · gaps 0"
    report = replace(report, late_ticks=3, latency_p50_ms=0.1234, latency_p99_ms=2.0, failure="X: y")
    assert str(report).endswith("gaps 0 · late ticks 3 · latency p50 0.123 ms, p99 2 ms · failed: X: y")
