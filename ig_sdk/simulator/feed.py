"""Where the prices of a simulator come from: a seeded market, and a replay in front of it."""

from __future__ import annotations

import logging
import threading
from datetime import timedelta

from ig_sdk.clock import Clock
from ig_sdk.simulator.market import Market, Quote
from ig_sdk.simulator.replay import Outlet, Replay
from ig_sdk.types import Tick

_log = logging.getLogger("ig_sdk.simulator.feed")

# A clock that jumps must not make the feed deaf to close() nor fill the memory with what it missed.
_LONGEST_WAIT_S = 1.0
_STRIDE = timedelta(seconds=5)
_TOO_LATE = timedelta(seconds=10)


class Feed:
    """The prices of every market, live as time passes.

    Args:
        market: Makes the prices up.
        outlet: Where they go.
        clock: Time.
        replay: Recorded ticks that take the place of the made-up ones for the markets they are of.

    Threading:
        Safe from any thread. Live prices are published on thread ``ig-sim-feed``.
    """

    def __init__(self, market: Market, outlet: Outlet, *, clock: Clock, replay: Replay | None = None) -> None:
        self._market = market
        self._outlet = outlet
        self._clock = clock
        self._replay = replay
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ig-sim-feed", daemon=True)

    def start(self) -> None:
        """Let the prices flow."""
        self._thread.start()
        if self._replay is not None:
            self._replay.start()

    def close(self, timeout: float = 5.0) -> None:
        """Stop the prices; the second call does nothing."""
        self._stop.set()
        if self._replay is not None:
            self._replay.close(timeout)
        if self._thread.is_alive():
            self._thread.join(timeout)
            if self._thread.is_alive():
                _log.error("thread %s did not end within %s s", self._thread.name, timeout)

    def quote(self, epic: str) -> Quote | None:
        """Return what a market shows over REST, or ``None`` when there is no such market."""
        replay = self._replay_of(epic)
        quote = None if replay is None else replay.quote(epic)
        if quote is not None:
            return quote
        with self._lock:
            return self._market.quote(epic)

    def latest(self, epic: str) -> Tick | None:
        """Return the tick that a new subscriber is shown first, or ``None``."""
        replay = self._replay_of(epic)
        if replay is not None:
            return replay.latest(epic)
        quote = self.quote(epic)
        return None if quote is None else quote.tick

    def subscribed(self, epic: str) -> None:
        """Take note that somebody subscribed to ``epic``: a replay of it begins."""
        replay = self._replay_of(epic)
        if replay is not None:
            replay.begin()

    def _replay_of(self, epic: str) -> Replay | None:
        return self._replay if self._replay is not None and self._replay.plays(epic) else None

    def _run(self) -> None:
        while not self._stop.is_set():
            now = self._clock.now()
            with self._lock:
                due = self._market.next_at
                ticks = [] if due is None else self._market.advance(min(now, due + _STRIDE))
                due = self._market.next_at
            for tick in ticks:
                # A market that was held up, by a machine asleep or a clock set forward, does not relive what it missed.
                if now - tick.time <= _TOO_LATE and self._replay_of(tick.epic) is None:
                    self._outlet.publish(tick)
            wait_s = _LONGEST_WAIT_S if due is None else (due - self._clock.now()).total_seconds()
            if wait_s > 0:
                self._clock.wait(self._stop, min(wait_s, _LONGEST_WAIT_S))
