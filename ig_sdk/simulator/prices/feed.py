"""Where the prices of a simulator come from: a seeded market, and a replay in front of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from ig_sdk.clock import Clock
from ig_sdk.logs import get_logger
from ig_sdk.simulator.prices.replay import Outlet, Replay
from ig_sdk.simulator.prices.seeded import Market, Quote
from ig_sdk.simulator.reference.hours import MarketHours
from ig_sdk.types import Tick

_log = get_logger("simulator.feed")

# When the clock jumps, close() must still work at once, and the missed prices must not fill the memory.
_LONGEST_WAIT_S = 1.0
_STEP = timedelta(seconds=5)
_TOO_LATE = timedelta(seconds=10)
# About a second of work. Of a longer gap only some prices are generated, at most about ``_LEAPS`` per market.
_LONGEST_FULL_GAP = timedelta(minutes=30)
_LEAPS = 1_000
# Prices come at whole milliseconds.
_MILLISECOND = timedelta(milliseconds=1)


class PriceOutlet(Outlet, Protocol):
    """An outlet that also sees the prices that are not sent to clients.

    Threading:
        Called from the feed's threads.
    """

    def observe(self, tick: Tick) -> None:
        """Take a price that is not sent to clients."""
        ...


class Feed:
    """The prices of every market, live as time passes.

    Args:
        market: Generates the prices.
        outlet: Where they go.
        clock: Time.
        replay: Recorded ticks, which replace the generated ones of their markets.
        market_hours: When markets open and close; ``None`` when they deal at any hour.
        on_status: Called with epic and status of every market at first, then of each market that opens or closes.
        on_second: Called at the end of each second, when every price before it was sent, with the time and with what
            tells whether a market's prices are generated.

    Threading:
        Safe from any thread. Live prices are published on thread ``ig-sim-feed``.
    """

    def __init__(
        self,
        market: Market,
        outlet: PriceOutlet,
        *,
        clock: Clock,
        replay: Replay | None = None,
        market_hours: MarketHours | None = None,
        on_status: Callable[[str, str], None] | None = None,
        on_second: Callable[[datetime, Callable[[str], bool]], None] | None = None,
    ) -> None:
        self._market = market
        self._outlet = outlet
        self._clock = clock
        self._replay = replay
        self._market_hours = market_hours
        self._on_status = on_status
        self._on_second = on_second
        self._second: datetime | None = None
        self._lock = threading.Lock()
        self._stepped = threading.Condition(self._lock)
        self._current_at: datetime | None = None
        # After a long gap: the time to skip to, and the length of each skip.
        self._leap_to: datetime | None = None
        self._leap = timedelta()
        self._stop = threading.Event()
        self._awake = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ig-sim-feed", daemon=True)

    def start(self) -> None:
        """Start the prices, after those that the markets began with."""
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
        """Note a subscription to ``epic``: a replay of it begins."""
        replay = self._replay_of(epic)
        if replay is not None:
            replay.begin()

    def _replay_of(self, epic: str) -> Replay | None:
        return self._replay if self._replay is not None and self._replay.plays(epic) else None

    def wait_current(self, timeout: float) -> bool:
        """Wait until every price due by the clock was generated and sent, and every market opened or closed.

        For tests that move the clock.

        Args:
            timeout: Seconds to wait, in real time.

        Returns:
            Whether that happened in time.
        """
        now = self._clock.now()
        # The thread may be about to wait until a time that it read before the clock was moved.
        self._awake.set()
        with self._lock:
            return self._stepped.wait_for(lambda: self._current_at is not None and self._current_at >= now, timeout)

    def _run(self) -> None:
        while True:
            # The stop is checked after the clearing, so that one set between the two is not missed.
            self._awake.clear()
            if self._stop.is_set():
                return
            now = self._clock.now()
            with self._lock:
                upto = self._next_stop(now)
                ticks = self._market.advance(upto)
                due = self._market.next_at
            self._open_and_close(upto)
            self._send(ticks, now)
            self._end_second(upto)
            with self._lock:
                self._current_at = upto
                self._stepped.notify_all()
            current = self._clock.now()
            wait_s = _LONGEST_WAIT_S if due is None else (due - current).total_seconds()
            # After the last tick before a weekend there may still be a step to go.
            if wait_s > 0 and upto == now:
                # Candles end with a second, whether a price comes then or not.
                left_s = 1.0 - current.microsecond / 1e6
                self._clock.wait(self._awake, min(wait_s, left_s, _LONGEST_WAIT_S))

    def _next_stop(self, now: datetime) -> datetime:
        """Return the time up to which to generate prices now; after a long gap, skip part of it first."""
        due = self._market.next_at
        if due is None:
            return now
        if now - due > _LONGEST_FULL_GAP and self._leap_to is None:
            self._leap_to, self._leap = now - _TOO_LATE, (now - due) / _LEAPS
        if self._leap_to is None:
            upto = min(now, due + _STEP)
            change = None if self._market_hours is None else self._market_hours.next_at
            # Prices from before a market opens or closes are dealt at before its status changes.
            return change - _MILLISECOND if change is not None and due < change <= upto else upto
        if due + self._leap < self._leap_to:
            self._market.leap(due + self._leap)
        else:
            self._market.leap(self._leap_to)
            self._leap_to = None
        return min(now, self._market.next_at or now)

    def _end_second(self, upto: datetime) -> None:
        second = upto.replace(microsecond=0)
        if self._on_second is not None and second != self._second:
            self._second = second
            self._on_second(second, lambda epic: self._replay_of(epic) is None)

    def _send(self, ticks: Sequence[Tick], now: datetime) -> None:
        for tick in ticks:
            if self._replay_of(tick.epic) is not None:
                continue
            # After a gap (the machine slept, or the clock was set forward) clients do not get the missed prices, but
            # stops are still triggered and candles filled by them.
            if now - tick.time <= _TOO_LATE:
                self._outlet.publish(tick)
            else:
                self._outlet.observe(tick)

    def _open_and_close(self, now: datetime) -> None:
        if self._market_hours is not None and self._on_status is not None:
            for epic, status in self._market_hours.changes(now):
                self._on_status(epic, status)
