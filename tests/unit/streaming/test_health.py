"""Healthy, degraded, down: the rules, and since when."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ig_sdk.streaming.health import Health, HealthWatch
from ig_sdk.streaming.metrics import (
    ConnectionMetrics,
    ErrorMetrics,
    MarketMetrics,
    Metrics,
    PollingMetrics,
    RestMetrics,
)

AT = datetime(2025, 1, 6, 8, tzinfo=timezone.utc)
EPIC = "CS.D.EURUSD.MINI.IP"
UP = ConnectionMetrics(status="CONNECTED", since=AT - timedelta(hours=1))
LIVE = MarketMetrics(epic=EPIC, ticks=100, ticks_per_s=2.0, stale_s=0.4, source="stream", market_open=True, score=0.99)


def ago(seconds: float) -> datetime:
    return AT - timedelta(seconds=seconds)


def metrics(
    connection: ConnectionMetrics = UP, market: MarketMetrics | None = LIVE, at: datetime = AT, **more: Any
) -> Metrics:
    markets = {} if market is None else {market.epic: market}
    return Metrics(at=at, connection=connection, markets=markets, **more)


def watch() -> HealthWatch:
    return HealthWatch(threshold=0.95, stale_after_s=30.0)


def judged(connection: ConnectionMetrics = UP, market: MarketMetrics | None = LIVE, **more: Any) -> Health:
    return watch().judge(metrics(connection, market, **more))


def down_line(seconds: float, status: str = "RECONNECTING", **more: Any) -> ConnectionMetrics:
    return ConnectionMetrics(status=status, reason="the network is unreachable", since=ago(seconds), **more)


def test_before_anything_was_opened() -> None:
    """A client that did nothing is healthy, and says that no stream is open."""
    health = watch().judge(Metrics(at=AT))
    assert health.state == "healthy"
    assert health.reasons == ("no stream is open (since 2025-01-06 08:00:00 UTC)",)


def test_all_is_well() -> None:
    """A stream whose market ticks is healthy without a reason."""
    assert judged() == Health("healthy")


def test_a_closed_client_is_down() -> None:
    """Nothing can be had of a client that is closed."""
    health = judged(closed=True)
    assert (health.state, len(health.reasons)) == ("down", 1)
    assert "the client is closed" in health.reasons[0]


def test_a_refused_login_is_down() -> None:
    """Whatever else there is, a refused login comes first, with IG's reason."""
    health = judged(down_line(60), rest=RestMetrics(login="refused", login_reason="the password is wrong"))
    assert health.state == "down"
    assert any("IG refused the login: the password is wrong" in reason for reason in health.reasons)


@pytest.mark.parametrize(
    ("status", "seconds", "state"),
    [
        ("CONNECTING", 1, "degraded"),
        ("CONNECTING", 10, "down"),
        ("RECONNECTING", 1, "degraded"),
        ("RECONNECTING", 10, "down"),
        ("FAILED", 0, "down"),
        ("STALLED", 1, "degraded"),
    ],
)
def test_without_stream_and_polling(status: str, seconds: float, state: str) -> None:
    """A line that is away for more than a moment is down where nothing takes its place; a failed one is at once."""
    health = judged(down_line(seconds, status))
    assert health.state == state
    assert "the network is unreachable" in health.reasons[0]
    assert f"since {ago(seconds):%Y-%m-%d %H:%M:%S} UTC" in health.reasons[0]


@pytest.mark.parametrize("status", ["CONNECTING", "RECONNECTING", "FAILED"])
def test_polling_in_the_place_of_the_stream(status: str) -> None:
    """While prices are polled the client is degraded, and says so with the cause."""
    polled = replace(LIVE, source="poll")
    health = judged(down_line(600, status), polled, polling=PollingMetrics(active=True, since=ago(590)))
    assert health.state == "degraded"
    assert "prices come by polling instead of streaming: the network is unreachable" in health.reasons[0]
    assert "since 2025-01-06 07:50:00 UTC" in health.reasons[0]


def test_polling_that_fails_too_is_down() -> None:
    """No stream and a polling that has failed for longer than a market may be silent: down, with both causes."""
    polling = PollingMetrics(active=True, since=ago(590), failing_since=ago(40), reason="HTTP 503")
    health = judged(down_line(600), replace(LIVE, source="poll"), polling=polling)
    assert health.state == "down"
    assert "polling fails: HTTP 503" in health.reasons[0]
    recent = replace(polling, failing_since=ago(3))
    assert judged(down_line(600), replace(LIVE, source="poll"), polling=recent).state == "degraded"


def test_polling_that_was_asked_for_is_healthy() -> None:
    """``ig.poll()`` alone has no stream to miss; when it fails, nothing is left."""
    polled = replace(LIVE, source="poll", wanted="poll")
    none = ConnectionMetrics()
    assert judged(none, polled, polling=PollingMetrics(active=True, since=AT)).state == "healthy"
    failing = PollingMetrics(active=True, since=ago(90), failing_since=ago(60))
    assert judged(none, polled, polling=failing).state == "down"


def test_the_stream_is_back_and_a_market_is_still_polled() -> None:
    """A market that is polled although the line is up is named."""
    health = judged(UP, replace(LIVE, source="poll"), polling=PollingMetrics(active=True, since=AT))
    assert health.state == "degraded"
    assert f"polling instead of streaming for {EPIC}" in health.reasons[0]


@pytest.mark.parametrize("closed", [{"service_closed": True}, {}])
def test_a_weekend_is_not_down(closed: dict[str, bool]) -> None:
    """A line that is away while IG, or every market that is read, is closed is no fault, and is still said."""
    market = replace(LIVE, market_open=None if closed else False, stale_s=90_000.0)
    health = judged(down_line(90_000, **closed), market)
    assert health.state == "healthy"
    assert "the markets are closed" in health.reasons[0]


def test_a_market_that_is_open_at_the_weekend_counts() -> None:
    """One closed market does not excuse the line for an open one."""
    both = {EPIC: replace(LIVE, market_open=False), "IX.D.SUNDAY": replace(LIVE, epic="IX.D.SUNDAY")}
    assert watch().judge(Metrics(at=AT, connection=down_line(60), markets=both)).state == "down"


@pytest.mark.parametrize(
    ("is_open", "silent_s", "state"),
    [(True, 31.0, "degraded"), (None, 31.0, "degraded"), (True, 29.0, "healthy"), (False, 9_999.0, "healthy")],
)
def test_a_silent_market(is_open: bool | None, silent_s: float, state: str) -> None:
    """A market is stale in its open hours, and where nobody knows its hours; not when it is closed."""
    health = judged(UP, replace(LIVE, market_open=is_open, stale_s=silent_s))
    assert health.state == state
    if health.reasons:
        assert health.reasons == (f"no price of {EPIC} for 31 s (since 2025-01-06 07:59:29 UTC)",)


def test_a_silent_market_is_not_told_twice() -> None:
    """While the line is down its markets are silent, of course."""
    health = judged(down_line(60), replace(LIVE, stale_s=60.0))
    assert len(health.reasons) == 1


def test_ticks_that_cannot_be_true() -> None:
    """A high share of bad ticks is told; a single one among few is not."""
    bad = replace(LIVE, ticks_per_s=1.0, set_aside_per_s=0.25)
    health = judged(UP, bad)
    assert health.state == "degraded"
    assert "20% of the ticks" in health.reasons[0]
    assert judged(UP, replace(LIVE, ticks_per_s=1 / 60, set_aside_per_s=1 / 60)).state == "healthy"
    assert judged(UP, replace(LIVE, ticks_per_s=50.0, set_aside_per_s=0.5)).state == "healthy"
    assert judged(UP, replace(LIVE, ticks_per_s=0.0, set_aside_per_s=2.0)).state == "degraded"


def test_a_score_below_the_threshold() -> None:
    """The configured threshold is what counts; an unknown score says nothing."""
    assert judged(UP, replace(LIVE, score=0.949)).state == "degraded"
    assert "live.data_quality_threshold of 0.95" in judged(UP, replace(LIVE, score=0.5)).reasons[0]
    assert judged(UP, replace(LIVE, score=0.95)).state == "healthy"
    assert judged(UP, replace(LIVE, score=None)).state == "healthy"


def test_a_refused_market_is_named() -> None:
    """What IG refuses is told with its reason, and is not stale besides."""
    health = judged(UP, replace(LIVE, refused="unknown epic", stale_s=999.0))
    assert health.reasons == (f"IG refused {EPIC}: unknown epic (since 2025-01-06 08:00:00 UTC)",)


def test_a_market_that_nobody_reads_is_no_trouble() -> None:
    """The totals of a closed market never make a client ill."""
    assert judged(UP, replace(LIVE, readers=0, stale_s=9_999.0, score=0.1, refused="x")).state == "healthy"


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({"errors": ErrorMetrics(callbacks=3)}, "errors raised by callbacks: 3"),
        ({"rest": RestMetrics(refused=3)}, "requests that IG refused because an allowance is spent: 3"),
        ({"market": replace(LIVE, lost=3)}, "updates lost: 3"),
    ],
)
def test_counts_that_rise(more: dict[str, Any], text: str) -> None:
    """What is only counted is told while it rises, and for five minutes after that."""
    health = watch()
    assert health.judge(metrics()).state == "healthy"
    first = health.judge(metrics(at=AT + timedelta(seconds=10), **more))
    assert (first.state, first.reasons) == ("degraded", (f"{text} (since 2025-01-06 08:00:10 UTC)",))
    assert health.judge(metrics(at=AT + timedelta(seconds=300), **more)).reasons == first.reasons
    assert health.judge(metrics(at=AT + timedelta(seconds=311), **more)).state == "healthy"


def test_a_count_that_rises_again_begins_anew() -> None:
    """After quiet times only the new ones are counted."""
    health = watch()
    health.judge(metrics(errors=ErrorMetrics(callbacks=3)))
    later = AT + timedelta(hours=1)
    assert health.judge(metrics(at=later, errors=ErrorMetrics(callbacks=3))).state == "healthy"
    again = health.judge(metrics(at=later, errors=ErrorMetrics(callbacks=5)))
    assert again.reasons == ("errors raised by callbacks: 2 (since 2025-01-06 09:00:00 UTC)",)


def test_a_total_that_was_forgotten_hides_no_new_loss() -> None:
    """Where a count goes down (old markets are forgotten), the next loss is told all the same."""
    health = watch()
    health.judge(metrics(market=replace(LIVE, lost=100)))
    later = AT + timedelta(hours=1)
    assert health.judge(metrics(market=replace(LIVE, lost=1), at=later)).state == "healthy"
    again = health.judge(metrics(market=replace(LIVE, lost=3), at=later))
    assert again.reasons == ("updates lost: 2 (since 2025-01-06 09:00:00 UTC)",)


def test_since_is_the_time_of_the_first_look() -> None:
    """Trouble without a time of its own is dated by when it was first seen, as long as it lasts."""
    health = watch()
    poor = replace(LIVE, score=0.5)
    first = health.judge(metrics(market=poor)).reasons
    assert health.judge(metrics(market=poor, at=AT + timedelta(minutes=5))).reasons == first
    health.judge(metrics(at=AT + timedelta(minutes=6)))
    anew = health.judge(metrics(market=poor, at=AT + timedelta(minutes=7))).reasons
    assert "since 2025-01-06 08:07:00 UTC" in anew[0]


def test_the_worst_comes_first() -> None:
    """Down, then degraded, then what is only worth knowing; of equals the older one."""
    poor = replace(LIVE, score=0.1)
    health = judged(down_line(60), poor, errors=ErrorMetrics(callbacks=1))
    assert health.state == "down"
    assert [reason.split(" (")[0].split(":")[0] for reason in health.reasons] == [
        "there is no stream and no polling",
        f"the quality of {EPIC} is 0.10, below live.data_quality_threshold of 0.95",
        "errors raised by callbacks",
    ]


def test_many_markets_make_one_reason() -> None:
    """Forty silent markets are one sentence with three names."""
    markets = {f"M{number:02}": replace(LIVE, epic=f"M{number:02}", stale_s=60.0 + number) for number in range(40)}
    (reason,) = watch().judge(Metrics(at=AT, connection=UP, markets=markets)).reasons
    assert reason.startswith("no price of M39, M38, M37 and 37 more for 99 s")


def test_it_is_json() -> None:
    """``to_dict`` has the state and the reasons."""
    found = judged(down_line(60)).to_dict()
    assert json.loads(json.dumps(found)) == found
    assert list(found) == ["state", "reasons"]


MARKETS = st.builds(
    MarketMetrics,
    epic=st.sampled_from(["A", "B"]),
    readers=st.integers(0, 3),
    ticks_per_s=st.floats(0, 10),
    set_aside_per_s=st.floats(0, 10),
    stale_s=st.none() | st.floats(0, 1e6),
    market_open=st.none() | st.booleans(),
    source=st.sampled_from(["", "stream", "poll"]),
    wanted=st.sampled_from(["stream", "poll"]),
    refused=st.sampled_from(["", "why"]),
    score=st.none() | st.floats(0, 1),
    lost=st.integers(0, 5),
)
SNAPSHOTS = st.builds(
    lambda connection, polling, markets, rest, closed, later: Metrics(
        at=AT + timedelta(seconds=later),
        connection=connection,
        polling=polling,
        markets={market.epic: market for market in markets},
        rest=rest,
        closed=closed,
    ),
    st.builds(
        ConnectionMetrics,
        status=st.sampled_from(["DISCONNECTED", "CONNECTING", "CONNECTED", "STALLED", "RECONNECTING", "FAILED"]),
        since=st.none() | st.just(AT),
        service_closed=st.booleans(),
    ),
    st.builds(PollingMetrics, active=st.booleans(), failing_since=st.none() | st.just(AT)),
    st.lists(MARKETS, max_size=2),
    st.builds(RestMetrics, login=st.sampled_from(["none", "in force", "refused"]), refused=st.integers(0, 3)),
    st.booleans(),
    st.integers(-600, 600),
)


@given(st.lists(SNAPSHOTS, min_size=1, max_size=4))
def test_every_snapshot_can_be_judged(snapshots: list[Metrics]) -> None:
    """Whatever the snapshots, the state is one of three, one that is not healthy has a reason, and no price is down."""
    health = watch()
    for snapshot in snapshots:
        found = health.judge(snapshot)
        assert found.state in ("healthy", "degraded", "down")
        assert found.state == "healthy" or found.reasons
        if snapshot.closed or snapshot.rest.login == "refused":
            assert found.state == "down"
        if snapshot.connection.status == "FAILED" and not snapshot.polling.active:
            assert found.state == "down"
