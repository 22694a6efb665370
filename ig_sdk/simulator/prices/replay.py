"""Recorded ticks, served as if they happened now; none is lost."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Collection, Generator, Iterable
from contextlib import closing
from datetime import datetime
from typing import Protocol

from ig_sdk.clock import Clock
from ig_sdk.errors import DecodeError, IGError
from ig_sdk.logs import get_logger
from ig_sdk.simulator.prices.seeded import Quote
from ig_sdk.types import Tick

_log = get_logger("simulator.replay")

# Waiting threads check again this often; close() wakes them at once.
_POLL_S = 0.5


class Outlet(Protocol):
    """What a feed needs of the stream server.

    Threading:
        Called from the feed's threads.
    """

    def publish(self, tick: Tick) -> None:
        """Send ``tick`` to the subscribers of its market."""
        ...

    def subscribed(self, epics: Collection[str]) -> bool:
        """Whether there is a subscription to one of ``epics``."""
        ...

    def wait_room(self, timeout: float) -> bool:
        """Wait until every client has room for another update; return whether that happened in time."""
        ...

    def wait_written(self, timeout: float) -> bool:
        """Wait until everything published was written to its clients; return whether that happened in time."""
        ...


class Replay:
    """One run through recorded ticks.

    It begins with the first subscription to its market, keeps the ticks' own times, waits while a reader is slow, and
    pauses while there is no subscription.

    Args:
        read: Opens the ticks.
        outlet: Where they go.
        epics: Markets whose first subscription begins the replay.
        speed: How many times faster than recorded; ``math.inf`` for as fast as the readers go.
        clock: Time.
        first: The first tick, if known in advance: what the market quotes until the replay begins.

    Threading:
        Safe from any thread. The ticks are read and published on thread ``ig-sim-replay``.
    """

    def __init__(
        self,
        read: Callable[[], Iterable[Tick]],
        outlet: Outlet,
        *,
        epics: Collection[str],
        speed: float,
        clock: Clock,
        first: Tick | None = None,
    ) -> None:
        self._read = read
        self._outlet = outlet
        self._speed = speed
        self._clock = clock
        self._first = first
        self._quotes: dict[str, Quote] = {}
        self._served = 0
        self._error: IGError | None = None
        self._epics = set(epics)
        self._begun = threading.Event()
        self._subscribed = threading.Event()
        self._stop = threading.Event()
        self._ended = threading.Event()
        self._paced_from: tuple[float, datetime] | None = None
        self._thread = threading.Thread(target=self._run, name="ig-sim-replay", daemon=True)

    @property
    def served(self) -> int:
        """How many ticks were passed to the stream."""
        return self._served

    @property
    def begun(self) -> bool:
        """Whether there has been a subscription to the market."""
        return self._begun.is_set()

    @property
    def error(self) -> IGError | None:
        """Why the replay ended before its last tick, or ``None``."""
        return self._error

    def start(self) -> None:
        """Wait for the first subscription, on a thread."""
        self._thread.start()

    def begin(self) -> None:
        """Note a subscription: serve from now on, or go on after a pause."""
        self._begun.set()
        self._subscribed.set()

    def wait_finished(self, timeout: float) -> bool:
        """Wait until every tick was written to the subscribers.

        Args:
            timeout: Seconds to wait.

        Returns:
            Whether that happened in time; false as well if the simulator was closed before.

        Raises:
            DecodeError: The ticks could not be read to their end.
        """
        until = self._clock.monotonic() + timeout
        if not self._clock.wait(self._ended, timeout):
            return False
        if self._error is not None:
            raise self._error
        return not self._stop.is_set() and self._outlet.wait_written(until - self._clock.monotonic())

    def plays(self, epic: str) -> bool:
        """Whether the prices of ``epic`` come from here."""
        return epic in self._epics

    def quote(self, epic: str) -> Quote | None:
        """Return the quote of ``epic``: from the last tick served, or before the replay begins from its first tick."""
        quote = self._quotes.get(epic)
        if quote is None and self._first is not None and self._first.epic == epic:
            return Quote.first(self._first)
        return quote

    def latest(self, epic: str) -> Tick | None:
        """Return the last tick served of ``epic``, or ``None``: a subscriber never gets a tick that is not due yet."""
        quote = self._quotes.get(epic)
        return None if quote is None else quote.tick

    def close(self, timeout: float = 5.0) -> None:
        """Stop serving; the second call does nothing."""
        self._stop.set()
        self._begun.set()
        self._subscribed.set()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(timeout)
            if self._thread.is_alive():
                _log.error("thread %s did not end within %s s", self._thread.name, timeout)

    def _run(self) -> None:
        while not self._begun.wait(_POLL_S):
            pass
        try:
            self._serve_all()
        except IGError as error:
            self._error = error
            _log.error("the replay ended after %d ticks: %s", self._served, error)
        except Exception as error:  # noqa: BLE001 -- ticks given by the user may raise anything
            self._error = DecodeError(f"the ticks could not be read: {error!r}")
            self._error.__cause__ = error
            _log.exception("the replay ended after %d ticks", self._served)
        finally:
            self._ended.set()

    def _serve_all(self) -> None:
        if self._stop.is_set():
            return
        with closing(_generator(self._read())) as ticks:
            for tick in ticks:
                if not self._wait_for(tick):
                    return
                quote = self._quotes.get(tick.epic)
                self._quotes[tick.epic] = Quote.first(tick) if quote is None else quote.then(tick)
                self._epics.add(tick.epic)
                self._outlet.publish(tick)
                self._served += 1

    def _wait_for(self, tick: Tick) -> bool:
        """Wait until ``tick`` is due and there is room for it; return whether to serve it."""
        if self._speed != math.inf:
            now = self._clock.monotonic()
            if self._paced_from is None:
                self._paced_from = (now, tick.time)
            began_at, first_time = self._paced_from
            due = began_at + (tick.time - first_time).total_seconds() / self._speed
            if due > now and self._clock.wait(self._stop, due - now):
                return False
        return self._wait_for_readers()

    def _wait_for_readers(self) -> bool:
        """Wait until there is a subscription and no reader lags behind; return whether to go on."""
        outlet = self._outlet
        if outlet.subscribed(self._epics) and outlet.wait_room(0.0):
            return not self._stop.is_set()
        held_from = self._clock.monotonic()
        while not self._stop.is_set():
            self._subscribed.clear()
            if not outlet.subscribed(self._epics):
                self._subscribed.wait(_POLL_S)
            elif outlet.wait_room(_POLL_S):
                break
        if self._paced_from is not None:
            # The gaps that follow keep their length: a delay is not made up for.
            began_at, first_time = self._paced_from
            self._paced_from = (began_at + self._clock.monotonic() - held_from, first_time)
        return not self._stop.is_set()


def _generator(ticks: Iterable[Tick]) -> Generator[Tick, None, None]:
    yield from ticks
