"""The stream server: Lightstreamer on one port, over WebSocket, HTTP streaming and HTTP polling.

Source:
    TLCP.md; IG-SPECIFICS.md section 10.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from datetime import datetime
from functools import partial
from random import Random

from ig_sdk.clock import Clock, SystemClock
from ig_sdk.simulator.faults.faults import Faults
from ig_sdk.simulator.http_server import HttpServer
from ig_sdk.simulator.stream.core.options import StreamOptions
from ig_sdk.simulator.stream.core.session import StreamSession
from ig_sdk.simulator.stream.core.session_table import SessionTable
from ig_sdk.simulator.stream.http import StreamApp
from ig_sdk.simulator.stream.hub import StreamHub
from ig_sdk.simulator.stream.items.adapter import Adapter, Row
from ig_sdk.types import Tick


class StreamServer:
    """A Lightstreamer server.

    Args:
        host: Address to listen on.
        port: Port, or 0 for any free one.
        adapter: What can be subscribed.
        authenticate: Whether ``LS_user`` and ``LS_password`` are accepted.
        clock: Time.
        options: Limits, timings, test modes.
        faults: What is to go wrong, where others share it.
        snapshot: Price of a market of which no tick was published yet, or ``None``. A replay must not give a tick that
            it has still to publish.
        on_subscribe: Called with each market that is newly subscribed; on a thread of the server, without a lock.
        random: Source of the random test modes.

    Attributes:
        faults: What can be made to go wrong.

    Threading:
        Safe from any thread. All its threads have names that begin with ``ig-sim-stream``.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        adapter: Adapter,
        authenticate: Callable[[str | None, str | None], bool],
        clock: Clock | None = None,
        options: StreamOptions | None = None,
        faults: Faults | None = None,
        snapshot: Callable[[str], Tick | None] | None = None,
        on_subscribe: Callable[[str], None] | None = None,
        random: Random | None = None,
    ) -> None:
        options = options or StreamOptions()
        random = random or Random()
        self.faults = faults or Faults()
        self._clock = clock or SystemClock()
        state = self.faults.stream_state
        self._table = SessionTable(adapter, authenticate, options, quote=snapshot, faults=state, random=random)
        self._hub = StreamHub(
            self._table,
            self._clock,
            faults=state,
            line_faults=self.faults.lines,
            on_request=partial(self.faults.schedule.note, "stream"),
            on_subscribe=on_subscribe,
        )
        app = StreamApp(self._hub, options, state, random)
        self._http = HttpServer(host, port, app, name="ig-sim-stream")
        self._closing = threading.Lock()
        self._closed = False

    # ---- life

    def start(self) -> None:
        """Listen and serve.

        Raises:
            IGError: The port is in use, or the address cannot be listened on.
        """
        self._http.start()
        self._hub.start()
        self.faults.attach(self._hub)

    def close(self, timeout: float = 5.0) -> None:
        """Break every connection, stop every thread; the second call does nothing."""
        with self._closing:
            if self._closed:
                return
            self._closed = True
        self.faults.attach(None)
        self.faults.close()
        self._hub.close(timeout)
        self._http.close(timeout)

    @property
    def url(self) -> str:
        """Address that a login would send, such as ``http://127.0.0.1:PORT``."""
        return self._http.base_url

    @property
    def port(self) -> int:
        """The port in use."""
        return self._http.port

    # ---- data

    def publish(self, tick: Tick) -> None:
        """Send ``tick`` to the subscribers of its market; never waits for a client."""
        muted = self.faults.stream_state.muted_prices
        if not muted or (muted != "all" and tick.epic not in muted):
            self._hub.publish(tick)
        self.faults.schedule.note("tick", tick.epic)

    def note(self, tick: Tick) -> None:
        """Take a tick that is not sent to anybody into the figures of its market's day."""
        self._hub.feed(lambda feeds, _: feeds.note(tick))

    def end_candles(self, time: datetime, epics: Callable[[str], bool]) -> None:
        """Send the last rows of the candles that end at ``time`` or did before.

        Args:
            time: Aware UTC; every tick before it was published.
            epics: Whether a market's candles end by the clock; those of a replay end with its next tick.
        """
        self._hub.feed(lambda feeds, now: feeds.end_candles(time, epics, now))

    def post(self, item: str, row: Row) -> None:
        """Send an event of an item that no market feeds, such as ``ACCOUNT:…`` or ``TRADE:…``.

        Args:
            item: Name of the item.
            row: Field values; in MERGE those that are absent stay as they are.
        """
        self._hub.post(item, row)

    def clear(self, item: str) -> None:
        """Clear an item's snapshot for its subscribers."""
        self._hub.feed(lambda feeds, now: feeds.clear(item, now))

    def subscribed(self, epics: Collection[str]) -> bool:
        """Whether one of ``epics`` has a subscriber."""
        return self._hub.subscribed(epics)

    def wait_room(self, timeout: float) -> bool:
        """Wait until every client has room for another update; return whether it has.

        A replay that asks before each tick loses none: a slow reader delays it.
        """
        return self._hub.wait_room(timeout)

    def wait_written(self, timeout: float) -> bool:
        """Wait until everything published was written to its clients; return whether it was."""
        return self._hub.wait_written(timeout)

    @property
    def sessions(self) -> list[StreamSession]:
        """The sessions now (oldest first), to be read, not changed."""
        with self._hub.lock:
            return self._table.sessions
