"""The snapshot: JSON-compatible, stable, a copy."""

from __future__ import annotations

import dataclasses
import json
import threading
from datetime import datetime, timedelta, timezone
from decimal import Decimal

import pytest

from ig_sdk.streaming.metrics import (
    ConnectionMetrics,
    ErrorMetrics,
    MarketMetrics,
    Metrics,
    PollingMetrics,
    RestMetrics,
)

AT = datetime(2025, 1, 6, 8, 0, 0, 123_456, timezone.utc)
EPIC = "CS.D.EURUSD.MINI.IP"


def test_before_anything_there_is_a_snapshot() -> None:
    """Only the time is needed: before the login there is nothing, and that is said."""
    metrics = Metrics(at=AT)
    assert metrics.connection.status == "DISCONNECTED"
    assert metrics.rest.login == "none"
    assert json.loads(json.dumps(metrics.to_dict(), allow_nan=False)) == metrics.to_dict()


def test_keys_are_those_of_the_attributes() -> None:
    """The keys are stable: these, and no others, on every level."""
    market = MarketMetrics(epic=EPIC, ticks=3, set_aside={"spike": 1})
    found = Metrics(at=AT, markets={EPIC: market}).to_dict()
    assert list(found) == ["at", "closed", "connection", "polling", "markets", "rest", "errors"]
    assert list(found["connection"]) == [
        "status", "reason", "since", "service_closed", "reconnects", "protocol_version", "items", "items_limit",
        "queue_depth", "queue_dropped", "updates",
    ]  # fmt: skip
    assert list(found["markets"][EPIC]) == [
        "epic", "readers", "ticks", "ticks_per_s", "gaps", "lost", "set_aside", "set_aside_per_s", "incomplete",
        "undecodable", "repeated", "buffer_depth", "latency_p50_ms", "latency_p99_ms", "stale_s", "market_open",
        "source", "wanted", "refused", "completeness", "score",
    ]  # fmt: skip
    assert list(found["rest"]) == [
        "login", "login_reason", "requests", "retries", "refused", "failures", "allowances",
    ]  # fmt: skip
    assert list(found["errors"]) == ["callbacks", "log_warnings", "log_errors"]


def test_values_are_those_of_json() -> None:
    """Times are ISO text, Decimal is a number, what JSON cannot say is null."""
    market = MarketMetrics(
        epic=EPIC,
        score=Decimal("0.5"),  # type: ignore[arg-type]  # a caller that does not check types
        latency_p50_ms=float("inf"),
        latency_p99_ms=float("nan"),
    )
    found = Metrics(at=AT, connection=ConnectionMetrics(since=AT), markets={EPIC: market}).to_dict()
    assert found["at"] == "2025-01-06T08:00:00.123+00:00"
    assert datetime.fromisoformat(found["connection"]["since"]) == AT.replace(microsecond=123_000)
    one = found["markets"][EPIC]
    assert (one["score"], one["latency_p50_ms"], one["latency_p99_ms"]) == (0.5, None, None)
    assert type(one["score"]) is float


def test_every_attribute_says_its_unit_or_what_it_counts() -> None:
    """Each attribute stands in the docstring of its class."""
    for kind in (Metrics, ConnectionMetrics, PollingMetrics, MarketMetrics, RestMetrics, ErrorMetrics):
        for field in dataclasses.fields(kind):
            assert f"        {field.name}: " in (kind.__doc__ or ""), f"{kind.__name__}.{field.name}"


def test_a_snapshot_does_not_change() -> None:
    """It is frozen, and what the counter counts in goes on without it."""
    kinds = {"spike": 1}
    market = MarketMetrics(epic=EPIC, set_aside=kinds)
    kinds["spike"] = 2
    assert market.set_aside == {"spike": 1}
    with pytest.raises(dataclasses.FrozenInstanceError):
        market.ticks = 5  # type: ignore[misc]  # that is the point


def test_kinds_counted_by_another_thread_do_not_break_a_snapshot() -> None:
    """A snapshot can be taken while another thread adds kinds of faults."""
    kinds: dict[str, int] = {}
    stop = threading.Event()

    def count() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            kinds[f"kind {number % 5000}"] = number

    thread = threading.Thread(target=count, name="counter")
    thread.start()
    try:
        for _ in range(300):
            MarketMetrics(epic=EPIC, set_aside=kinds)
    finally:
        stop.set()
        thread.join()


def test_times_stay_what_they_are() -> None:
    """A time in another zone is the same moment in the JSON."""
    zone = timezone(timedelta(hours=2))
    found = Metrics(at=AT.astimezone(zone)).to_dict()
    assert datetime.fromisoformat(found["at"]) == AT.replace(microsecond=123_000)
