"""Prices of some markets: as an iterator with a bounded buffer, or as callbacks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Generic, TypeVar

from ig_sdk.errors import SubscriptionRefused, UsageError
from ig_sdk.process import Home
from ig_sdk.streaming.events import PriceEvent
from ig_sdk.streaming.prices.intake import PriceCounts, PriceIntake
from ig_sdk.types import Tick

# What the iterator yields: ticks alone, or ticks and events.
Yielded = TypeVar("Yielded", bound=Tick | PriceEvent)


class PriceStream(Generic[Yielded]):
    """Ticks of some markets, in the order in which they arrived; ``IGStream.prices`` makes it.

    Iterate it, or call :meth:`poll`; opened with ``on_tick=`` the ticks go to the callback instead. A market that IG
    refuses raises ``SubscriptionRefused`` once from the iterator (and goes to ``on_event``); keep iterating for
    the other markets. The iterator ends when the stream is closed or no market is left.

    Threading:
        One thread reads (a second one at the same time hears a ``UsageError``); everything else is safe from any
        thread. Callbacks run on the stream's dispatch thread, never under a lock.
    """

    def __init__(self, intake: PriceIntake, *, iterates: bool, on_close: Callable[[PriceStream[Any]], None]) -> None:
        self._intake = intake
        self._iterates = iterates
        self._on_close = on_close
        self._closed = threading.Event()
        self._reading = threading.Lock()  # held while one thread reads, so that a second one is noticed
        self._home = Home("price stream", "make a new IGClient and its stream in this process, after the fork")

    @property
    def epics(self) -> tuple[str, ...]:
        """The markets, as epics, in the order of the call."""
        return tuple(self._intake.counts())

    @property
    def ended(self) -> bool:
        """Whether everything was read and nothing more will come."""
        return self._intake.ended

    @property
    def counts(self) -> Mapping[str, PriceCounts]:
        """The counts so far, by epic."""
        return self._intake.counts()

    @property
    def refused(self) -> Mapping[str, SubscriptionRefused]:
        """The markets that IG refused, with its error."""
        return self._intake.refused()

    @property
    def callback_errors(self) -> int:
        """How many exceptions the callbacks raised; each was logged and stopped nothing."""
        return self._intake.callback_errors

    def poll(self, timeout: float) -> Yielded | None:
        """Return the next tick (or event, with ``events=True``), or ``None`` when none came.

        Args:
            timeout: Seconds to wait. After ``None``, :attr:`ended` says whether anything can still come.

        Raises:
            StreamError: IG refused a market, or the stream has failed.
            UsageError: The stream has callbacks instead, or another thread is reading it.
        """
        self._home.check()  # its threads were not copied: nothing would ever come
        if not self._iterates:
            raise UsageError("this stream gives its ticks to on_tick; open it without on_tick to iterate")
        if not self._reading.acquire(blocking=False):
            raise UsageError(
                "another thread is reading this stream: each would get only a part of the ticks",
                hint="open a second stream with prices(...), which gets every tick, too",
            )
        try:
            return self._intake.take(timeout)  # type: ignore[return-value]  # events come only when they were asked for
        finally:
            self._reading.release()

    def __iter__(self) -> PriceStream[Yielded]:
        return self

    def __next__(self) -> Yielded:
        while True:
            item = self.poll(_LONG_S)
            if item is not None:
                return item
            if self._intake.ended:
                raise StopIteration

    def close(self) -> None:
        """Unsubscribe and end the iterator; what was not read is discarded. Idempotent, from any thread."""
        if not self._home.left and not self._closed.is_set():
            self._closed.set()
            self._intake.close()
            self._on_close(self)

    def __repr__(self) -> str:
        if self._home.left:
            return "<PriceStream of another process>"
        ticks = sum(counts.ticks for counts in self.counts.values())
        return f"<PriceStream {' '.join(self.epics)}: {ticks} ticks{', ended' if self.ended else ''}>"

    def __enter__(self) -> PriceStream[Yielded]:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


# An event ends this wait; the limit is a safety net in case one is missed.
_LONG_S = 60.0
