"""Where the prices of a simulator come from: a seeded market, and a replay in front of it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from ig_sdk.clock import Clock
from ig_sdk.simulator.prices.replay import Outlet, Replay
from ig_sdk.simulator.prices.seeded import Market, Quote
from ig_sdk.simulator.reference.hours import MarketHours
from ig_sdk.types import Tick

_log = logging.getLogger("ig_sdk.simulator.feed")

# A clock that jumps must not make the feed deaf to close() nor fill the memory with what it missed.
_LONGEST_WAIT_S = 1.0
_STRIDE = timedelta(seconds=5)
_TOO_LATE = timedelta(seconds=10)
# A second of work; of what is longer only some prices are made, at most about so many of each market.
_LONGEST_RELIVED = timedelta(minutes=30)
_LEAPS = 1_000
# Prices come at whole milliseconds.
_MILLISECOND = timedelta(milliseconds=1)


class Line(Outlet, Protocol):
    """An outlet on whose way somebody sees every price, sent or not.

    Threading:
        Called from the feed's threads.
    """

    def observe(self, tick: Tick) -> None:
        """Take a price in that is not sent to anybody."""
        ...


class Feed:
    """The prices of every market, live as time passes.

    Args:
        market: Makes the prices up.
        outlet: Where they go.
        clock: Time.
        replay: Recorded ticks that take the place of the made-up ones for the markets they are of.
        market_hours: When markets open and close; ``None`` when they deal at any hour.
        on_status: Called with the epic and the new status of a market that opens or closes, and of all at first.

    Threading:
        Safe from any thread. Live prices are published on thread ``ig-sim-feed``.
    """

    def __init__(
        self,
        market: Market,
        outlet: Line,
        *,
        clock: Clock,
        replay: Replay | None = None,
        market_hours: MarketHours | None = None,
        on_status: Callable[[str, str], None] | None = None,
    ) -> None:
        self._market = market
        self._outlet = outlet
        self._clock = clock
        self._replay = replay
        self._market_hours = market_hours
        self._on_status = on_status
        self._lock = threading.Lock()
        self._stepped = threading.Condition(self._lock)
        self._current_at: datetime | None = None
        # How far, and in which steps, the prices are passed over.
        self._leap_to: datetime | None = None
        self._leap = timedelta()
        self._stop = threading.Event()
        self._awake = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ig-sim-feed", daemon=True)

    def start(self) -> None:
        """Let the prices flow, after those that the markets began with."""
        for tick in self._market.opening:
            if self._replay_of(tick.epic) is None:
                self._outlet.observe(tick)
        self._open_and_close(self._clock.now())
        self._thread.start()
        if self._replay is not None:
            self._replay.start()

    def close(self, timeout: float = 5.0) -> None:
        """Stop the prices; the second call does nothing."""
        self._stop.set()
        self._awake.set()
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

    def wait_current(self, timeout: float) -> bool:
        """Wait until every price that is due by the clock was made and sent, and every market opened or closed.

        For tests that move the clock.

        Args:
            timeout: Seconds to wait, in real time.

        Returns:
            Whether that is so.
        """
        now = self._clock.now()
        # It may be about to wait by a time that it read before the clock was moved.
        self._awake.set()
        with self._lock:
            return self._stepped.wait_for(lambda: self._current_at is not None and self._current_at >= now, timeout)

    def _run(self) -> None:
        while True:
            # Looked at after the clearing, so that an end told between the two is not missed.
            self._awake.clear()
            if self._stop.is_set():
                return
            now = self._clock.now()
            with self._lock:
                upto = self._next_stop(now)
                ticks = self._market.advance(upto)
                due = self._market.next_at
            self._open_and_close(upto)
            self._spread(ticks, now)
            with self._lock:
                self._current_at = upto
                self._stepped.notify_all()
            wait_s = _LONGEST_WAIT_S if due is None else (due - self._clock.now()).total_seconds()
            # Behind the last tick before a weekend there may still be a stride to go.
            if wait_s > 0 and upto == now:
                self._clock.wait(self._awake, min(wait_s, _LONGEST_WAIT_S))

    def _next_stop(self, now: datetime) -> datetime:
        """Return up to when prices are to be made now, after some leaps on the way from long ago."""
        due = self._market.next_at
        if due is None:
            return now
        if now - due > _LONGEST_RELIVED and self._leap_to is None:
            self._leap_to, self._leap = now - _TOO_LATE, (now - due) / _LEAPS
        if self._leap_to is None:
            upto = min(now, due + _STRIDE)
            bell = None if self._market_hours is None else self._market_hours.next_at
            # What comes before a bell is dealt at before it rings.
            return bell - _MILLISECOND if bell is not None and due < bell <= upto else upto
        if due + self._leap < self._leap_to:
            self._market.leap(due + self._leap)
        else:
            self._market.leap(self._leap_to)
            self._leap_to = None
        return min(now, self._market.next_at or now)

    def _spread(self, ticks: Sequence[Tick], now: datetime) -> None:
        for tick in ticks:
            if self._replay_of(tick.epic) is not None:
                continue
            # A market that was held up, by a machine asleep or a clock set forward, does not relive in public what it
            # missed; but its stops are reached and its candles filled.
            if now - tick.time <= _TOO_LATE:
                self._outlet.publish(tick)
            else:
                self._outlet.observe(tick)

    def _open_and_close(self, now: datetime) -> None:
        if self._market_hours is not None and self._on_status is not None:
            for epic, status in self._market_hours.changes(now):
                self._on_status(epic, status)
