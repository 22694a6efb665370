"""Healthy, degraded or down, and why: rules over one snapshot of the metrics, and a memory of since when."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal, NamedTuple

from ig_sdk.streaming.metrics.snapshot import MarketMetrics, Metrics

HealthState = Literal["healthy", "degraded", "down"]

# A connection that comes back within this time was never down.
_GRACE_S: Final = 5.0
# How long trouble that is only counted is told after it was last seen.
_RECENT_S: Final = 300.0
# More than this part of the last minute's ticks cannot be true; a few bad ones prove nothing.
_SET_ASIDE_SHARE: Final = 0.05
_SET_ASIDE_LEAST: Final = 3.0
_MINUTE_S: Final = 60.0
_NAMED: Final = 3

_RANKS: Final[dict[HealthState, int]] = {"down": 0, "degraded": 1, "healthy": 2}


@dataclass(frozen=True, slots=True)
class Health:
    """Whether a client does what it was asked to; ``IGClient.health()`` returns it.

    Attributes:
        state: ``"healthy"``; ``"degraded"``: prices come, but not as they should; ``"down"``: none can be had.
        reasons: Why, in plain English, the worst first, each with the time since when; what is worth knowing of a
            healthy client, too.
    """

    state: HealthState
    reasons: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {"state": self.state, "reasons": list(self.reasons)}


class Finding(NamedTuple):
    """One thing that a rule has found.

    Attributes:
        state: How bad it is.
        key: What it is, the same as long as it lasts.
        text: In plain English.
        since: Since when, if the metrics say so.
    """

    state: HealthState
    key: str
    text: str
    since: datetime | None = None


class HealthWatch:
    """Judges a client's metrics, and remembers since when each trouble has been seen.

    Args:
        threshold: Least score of a market's quality (``live.data_quality_threshold``).
        stale_after_s: Longest silence of an open market (``live.heartbeat_interval_s``).

    Threading:
        Safe from any thread; the lock is a leaf.
    """

    def __init__(self, *, threshold: float, stale_after_s: float) -> None:
        self._threshold = threshold
        self._stale_after_s = stale_after_s
        self._lock = threading.Lock()
        self._noticed: dict[str, datetime] = {}
        self._rises = {key: _Rise() for key in _RISING}

    def judge(self, metrics: Metrics) -> Health:
        """Return the health that ``metrics`` show."""
        found = list(findings(metrics, threshold=self._threshold, stale_after_s=self._stale_after_s))
        with self._lock:
            found += [
                Finding("degraded", key, told.format(rise.count), rise.since)
                for key, told in _RISING.items()
                for rise in [self._rises[key]]
                if rise.goes_on(_count(key, metrics), metrics.at)
            ]
            self._noticed = {each.key: each.since or self._noticed.get(each.key, metrics.at) for each in found}
            since = self._noticed
        found.sort(key=lambda each: (_RANKS[each.state], since[each.key]))
        state: HealthState = found[0].state if found else "healthy"
        return Health(state, tuple(f"{each.text} (since {_time(since[each.key])})" for each in found))


_RISING: Final = {
    "callbacks": "errors raised by callbacks: {}",
    "refusals": "requests that IG refused because an allowance is spent: {}",
    "lost": "updates lost: {}",
}


def _count(key: str, metrics: Metrics) -> int:
    if key == "callbacks":
        return metrics.errors.callbacks
    if key == "refusals":
        return metrics.rest.refused
    return sum(market.lost for market in metrics.markets.values())


class _Rise:
    """A count that rises: since when, by how much."""

    def __init__(self) -> None:
        self._seen = self._began_at = 0
        self._last: datetime | None = None
        self.since: datetime | None = None
        self.count = 0

    def goes_on(self, count: int, at: datetime) -> bool:
        """Return whether it has risen lately."""
        if count > self._seen:
            if self.since is None:
                self.since, self._began_at = at, self._seen
            self._last = at
        elif self._last is None or (at - self._last).total_seconds() > _RECENT_S:
            self.since = None
        self._seen, self._began_at = count, min(self._began_at, count)  # totals of markets long closed are forgotten
        self.count = self._seen - self._began_at
        return self.since is not None


def findings(metrics: Metrics, *, threshold: float, stale_after_s: float) -> Iterator[Finding]:
    """Yield what one snapshot shows by itself.

    Args:
        metrics: The snapshot.
        threshold: Least score of a market's quality.
        stale_after_s: Longest silence of an open market.
    """
    if metrics.closed:
        yield Finding("down", "closed", "the client is closed")
        return
    if metrics.rest.login == "refused":
        yield Finding("down", "login", f"IG refused the login: {metrics.rest.login_reason}")
    line = _connection(metrics, stale_after_s)
    if line is not None:
        yield line
    read = [market for market in metrics.markets.values() if market.readers and not market.refused]
    up = metrics.connection.status in ("CONNECTED", "STALLED")
    yield from _refused(metrics)
    if up:
        yield from _polled(read)
    yield from _silent([each for each in read if up or each.source == "poll"], metrics, stale_after_s)
    yield from _untrue(read)
    yield from _poor(read, threshold)


def _connection(metrics: Metrics, stale_after_s: float) -> Finding | None:
    """Return what there is to say of the connection and of what takes its place."""
    connection, polling = metrics.connection, metrics.polling
    because = f": {connection.reason}" if connection.reason else ""
    failing = polling.active and _lasts(polling.failing_since, metrics.at, stale_after_s)
    if connection.status == "CONNECTED":
        return None
    if connection.status == "STALLED":
        return Finding("degraded", "stalled", f"the stream is silent{because}", connection.since)
    if connection.status == "DISCONNECTED":
        if failing:
            return Finding("down", "polling", _failing(metrics), polling.failing_since)
        if polling.active:
            return Finding("healthy", "no stream", "no stream is open; prices come by polling", polling.since)
        return Finding("healthy", "no stream", "no stream is open", connection.since)
    if polling.active and not failing:
        text = f"prices come by polling instead of streaming{because}"
        return Finding("degraded", "instead", text, connection.since)
    return _no_prices(metrics, because if not failing else f"{because}; {_failing(metrics)}")


def _no_prices(metrics: Metrics, because: str) -> Finding:
    """Return what it means that there is neither stream nor polling."""
    connection = metrics.connection
    if connection.status == "FAILED":
        return Finding("down", "line", f"the stream has failed, and there is no polling{because}", connection.since)
    hours = {market.market_open for market in metrics.markets.values() if market.readers}
    if connection.service_closed or hours == {False}:
        text = f"the markets are closed; the stream comes back by itself{because}"
        return Finding("healthy", "closed hours", text, connection.since)
    if not _lasts(connection.since, metrics.at, _GRACE_S):
        text = "the stream is being opened" if connection.status == "CONNECTING" else "the stream is coming back"
        return Finding("degraded", "opening", text + because, connection.since)
    return Finding("down", "line", f"there is no stream and no polling{because}", connection.since)


def _failing(metrics: Metrics) -> str:
    reason = metrics.polling.reason
    return f"polling fails{f': {reason}' if reason else ''}"


def _lasts(since: datetime | None, at: datetime, seconds: float) -> bool:
    return since is not None and (at - since).total_seconds() >= seconds


def _refused(metrics: Metrics) -> Iterator[Finding]:
    refused = [market for market in metrics.markets.values() if market.readers and market.refused]
    if refused:
        text = f"IG refused {_markets(refused)}: {refused[0].refused}"
        yield Finding("degraded", "refused", text)


def _polled(markets: list[MarketMetrics]) -> Iterator[Finding]:
    polled = [market for market in markets if market.source == "poll" and market.wanted == "stream"]
    if polled:
        yield Finding("degraded", "instead", f"polling instead of streaming for {_markets(polled)}")


def _silent(markets: list[MarketMetrics], metrics: Metrics, stale_after_s: float) -> Iterator[Finding]:
    silent = sorted(
        (
            market
            for market in markets
            if market.market_open is not False and market.stale_s is not None and market.stale_s >= stale_after_s
        ),
        key=lambda market: -(market.stale_s or 0.0),
    )
    if silent and not metrics.connection.service_closed:
        longest = silent[0].stale_s or 0.0
        text = f"no price of {_markets(silent)} for {longest:.0f} s"
        yield Finding("degraded", "stale", text, metrics.at - timedelta(seconds=longest))


def _untrue(markets: list[MarketMetrics]) -> Iterator[Finding]:
    bad = [market for market in markets if _is_untrue(market)]
    if bad:
        shares = (each.set_aside_per_s / (each.set_aside_per_s + each.ticks_per_s) for each in bad)
        yield Finding("degraded", "set aside", f"{max(shares):.0%} of the ticks of {_markets(bad)} cannot be true")


def _is_untrue(market: MarketMetrics) -> bool:
    aside, passed = market.set_aside_per_s, market.ticks_per_s
    return aside * _MINUTE_S >= _SET_ASIDE_LEAST and aside > _SET_ASIDE_SHARE * (aside + passed)


def _poor(markets: list[MarketMetrics], threshold: float) -> Iterator[Finding]:
    poor = [each for each in markets if each.score is not None and each.score < threshold]
    if poor:
        worst = min(each.score or 0.0 for each in poor)
        text = f"the quality of {_markets(poor)} is {worst:.2f}, below live.data_quality_threshold of {threshold:g}"
        yield Finding("degraded", "quality", text)


def _markets(markets: list[MarketMetrics]) -> str:
    """Return the first few epics, and how many more there are."""
    named, more = ", ".join(each.epic for each in markets[:_NAMED]), len(markets) - _NAMED
    return f"{named} and {more} more" if more > 0 else named


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
