"""The limiter against servers that count in ways and to numbers that nobody told it."""

from __future__ import annotations

import heapq
from collections import deque

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ig_sdk.rest.http.limits.window import Slot, Window

WARM_UP_S = 600.0


class Server:
    """Takes so many requests a minute, counted in one of the ways that servers count."""

    def __init__(self, limit: int, kind: str, *, counts_refused: bool, phase: float = 0.0) -> None:
        self.limit, self.kind, self.counts_refused, self.phase = limit, kind, counts_refused, phase
        self.times: deque[float] = deque()
        self.level, self.since = float(limit), 0.0

    def takes(self, now: float) -> bool:
        taken = getattr(self, self.kind)(now)
        if taken or (self.counts_refused and self.kind != "bucket"):
            self.times.append(now)
        return taken

    def sliding(self, now: float) -> bool:
        while self.times and now - self.times[0] >= 60:
            self.times.popleft()
        return len(self.times) < self.limit

    def by_the_clock(self, now: float) -> bool:
        minute = (now + self.phase) // 60
        while self.times and (self.times[0] + self.phase) // 60 < minute:
            self.times.popleft()
        return len(self.times) < self.limit

    def bucket(self, now: float) -> bool:
        self.level = min(self.level + (now - self.since) * self.limit / 60, self.limit)
        self.since = now
        if self.level < 1:
            return False
        self.level -= 1
        return True


def run(window: Window, server: Server, threads: int, latencies: list[float], until: float) -> list[tuple[float, bool]]:
    """Let so many callers ask without a pause, and return when which request was taken or refused."""
    seen: list[tuple[float, bool]] = []
    # (time, order, what happens): arrivals at the server, and answers at the client
    queue: list[tuple[float, int, str, Slot, bool]] = []
    now, free, order = 0.0, threads, 0
    while now < until:
        wait = window.wait_s(now) if free else 0.0
        if free and wait == 0:
            free, order = free - 1, order + 1
            travel = latencies[order % len(latencies)]
            heapq.heappush(queue, (now + travel / 2, order, "arrives", window.begin(now), True))
            continue
        later = now + wait if free else until
        if not queue or queue[0][0] > later:
            now = later
            continue
        now, number, what, slot, taken = heapq.heappop(queue)
        if what == "arrives":
            taken = server.takes(now)
            seen.append((now, taken))
            travel = latencies[number % len(latencies)]
            heapq.heappush(queue, (now + travel / 2, number, "answers", slot, taken))
        else:
            free += 1
            window.end(slot, now, "accepted" if taken else "refused")
    return seen


servers = st.builds(
    Server,
    st.integers(1, 70),
    st.sampled_from(["sliding", "by_the_clock", "bucket"]),
    counts_refused=st.booleans(),
    phase=st.floats(0, 59),
)
latencies = st.lists(st.floats(0.01, 0.5), min_size=1, max_size=7)
odd_latencies = st.lists(st.floats(0.01, 25.0), min_size=1, max_size=7)


@settings(max_examples=50)
@given(servers, st.sampled_from([None, 10, 30, 60]), st.integers(1, 12), latencies)
def test_no_refusals_once_it_has_learnt(server: Server, told: int | None, threads: int, travel: list[float]) -> None:
    """Whatever a server counts and however, an hour of asking without a pause bring no refusal in the long run."""
    # Where hardly more is asked than is allowed, a bucket may take an hour until it is empty and refuses at all.
    demand = threads * 60 * len(travel) / sum(travel)
    asked = min(demand, told or demand)
    assume(asked <= server.limit or asked > 1.5 * server.limit)
    seen = run(Window(told), server, threads, travel, 3600.0)
    assert [when for when, taken in seen if when > WARM_UP_S and not taken] == []
    assert sum(not taken for _, taken in seen) <= 2 * threads + 6


@settings(max_examples=40)
@given(servers, st.sampled_from([None, 10, 30, 60]), st.integers(1, 12), odd_latencies)
def test_refusals_are_few_on_any_line(server: Server, told: int | None, threads: int, travel: list[float]) -> None:
    """However slow and uneven the line, two hours of asking meet a handful of refusals besides the first burst."""
    seen = run(Window(told), server, threads, travel, 7200.0)
    assert sum(not taken for _, taken in seen) <= 3 * threads + 8


@settings(max_examples=40)
@given(servers, st.sampled_from([None, 30, 60]), st.integers(4, 12))
def test_what_is_allowed_is_used(server: Server, told: int | None, threads: int) -> None:
    """It does not buy that with idleness: most of what server and numbers allow goes through."""
    seen = run(Window(told), server, threads, [0.1], 3600.0)
    allowed = min(server.limit, told or server.limit)
    taken = sum(taken for when, taken in seen if when > WARM_UP_S)
    assert taken >= 0.7 * allowed * (3600 - WARM_UP_S) / 61 - allowed


@given(st.integers(1, 60), st.integers(1, 12), latencies)
def test_published_numbers_are_kept(limit: int, threads: int, travel: list[float]) -> None:
    """Where the numbers are right there is not a single refusal, from the first request on."""
    seen = run(Window(limit), Server(limit, "sliding", counts_refused=True), threads, travel, 600.0)
    assert all(taken for _, taken in seen)
