"""The parts of a client, wired together: session, router, dispatch thread, I/O thread; and how they start and end."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from ig_sdk.clock import Clock
from ig_sdk.errors import StreamError, UsageError
from ig_sdk.lightstreamer.dispatcher import Dispatcher
from ig_sdk.lightstreamer.io_thread import Runner
from ig_sdk.lightstreamer.net.address import may_connect
from ig_sdk.lightstreamer.net.opener import Credentials, OpenerOptions
from ig_sdk.lightstreamer.net.sockets import SocketOptions, Waker
from ig_sdk.lightstreamer.router import Router
from ig_sdk.lightstreamer.second_level import SecondLevels
from ig_sdk.lightstreamer.tlcp.events import ConnectionStatus
from ig_sdk.lightstreamer.tlcp.options import SessionOptions
from ig_sdk.lightstreamer.tlcp.session import Session
from ig_sdk.logs import get_logger
from ig_sdk.process import Home

_apply_json_patch: Callable[[Any, Any], Any] | None
try:
    import jsonpatch

    _apply_json_patch = jsonpatch.apply_patch
except ImportError:  # the extra json-patch: without it that format is not offered to the server
    _apply_json_patch = None

_LOG = get_logger("stream")
# Part of the time given to close() in which the server may confirm the end.
_GOODBYE_SHARE: Final = 0.6


class StatusBoard:
    """The latest status, for threads that wait for it.

    Threading:
        ``post`` and ``close`` under the session's lock, so that no change is overtaken by an older one;
        ``wait_connected`` from any thread, without it.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._latest: tuple[ConnectionStatus, StreamError | None] = (ConnectionStatus.DISCONNECTED, None)
        self._changed = threading.Event()  # set once, and replaced, at each change
        self._closed = False

    def post(self, status: ConnectionStatus, error: StreamError | None = None) -> None:
        """Take note of a new status and wake who waits."""
        self._latest = (status, error)
        self._announce()

    def close(self) -> None:
        """Let everybody who waits go: nothing more will come."""
        self._closed = True
        self._announce()

    def wait_connected(self, timeout: float) -> bool:
        """Wait until the session stands; return False when ``timeout`` was over first.

        Raises:
            StreamError: It failed for good.
            UsageError: The client was closed.
        """
        deadline = self._clock.monotonic() + timeout
        while True:
            changed = self._changed  # before the look, so that no change falls between the two
            status, error = self._latest
            if self._closed:
                raise UsageError("the client is closed")
            if status is ConnectionStatus.CONNECTED:
                return True
            if status is ConnectionStatus.FAILED:
                raise error or StreamError("the stream failed")
            left = deadline - self._clock.monotonic()
            if left <= 0:
                return False
            self._clock.wait(changed, left)

    def _announce(self) -> None:
        changed, self._changed = self._changed, threading.Event()
        changed.set()


@dataclass(frozen=True, kw_only=True)
class EngineOptions:
    """What a client is made of besides the settings of its session.

    Attributes:
        sockets: Proxy, TLS and time-out of connections.
        credentials: Asked at each new session.
        queue_size: Events that may wait for the callbacks.
        max_message_bytes: Longest message to accept from the server.
        clock: Time.
    """

    sockets: SocketOptions
    credentials: Credentials
    queue_size: int
    max_message_bytes: int
    clock: Clock


class Engine:
    """A session with its two threads.

    Attributes:
        lock: Guards ``session`` and ``levels``. A leaf, held for no I/O, no callback and no other lock.
        session: The protocol.
        levels: Two-level subscriptions.
        router: Listeners.
        board: The latest status.
        dispatcher: Makes the callbacks.
        runner: Owns the sockets.
        closed: Whether ``close`` was ever called.

    Threading:
        Safe from any thread.
    """

    def __init__(self, session: SessionOptions, options: EngineOptions) -> None:
        self._home = Home("client", "make a new LightstreamerClient in this process, after the fork")
        self._lock = threading.Lock()
        self.session = Session(session, random=random.random, json_patch=_apply_json_patch, may_connect=may_connect)
        self.levels = SecondLevels()
        self.router = Router(self._give_up)
        self.board = StatusBoard(options.clock)
        waker = Waker()
        self.dispatcher = Dispatcher(
            self.router.deliver,
            limit=options.queue_size,
            may_drop=self.router.may_drop,
            on_room=waker.wake,
            fails=self.router.fails,
        )
        self.runner = Runner(
            self.session,
            self._lock,
            self.dispatcher,
            self.levels,
            OpenerOptions(
                sockets=options.sockets,
                credentials=options.credentials,
                clock=options.clock,
                waker=waker,
                max_message_bytes=options.max_message_bytes,
            ),
            on_status=self.board.post,
        )
        self.closed = False
        self._started = False
        self._clock = options.clock

    @property
    def lock(self) -> threading.Lock:
        """See the class; a ``UsageError`` in a process that was forked off, where nobody might ever release it."""
        self._home.check()
        return self._lock

    def connect(self) -> None:
        """Start the session, and the threads at the first time.

        Raises:
            UsageError: It was closed.
        """
        with self.lock:
            self.check_open()
            # Under the lock, so that two callers do not start twice, nor close() miss a thread that is about to start.
            if not self._started:
                self.runner.start()  # the one that may fail, for want of a socket
                self.dispatcher.start()
                self._started = True
            before = self.session.status
            self.session.connect(self._clock.monotonic())
            status = self.session.status
            if status is not before:
                self.board.post(status)  # a FAILED of before must not be taken for the outcome of this attempt
        self.runner.wake()

    def check_open(self) -> None:
        """Raise ``UsageError`` once it was closed."""
        if self.closed:
            raise UsageError("the client is closed", hint="make a new one")

    def check_may_wait(self, what: str, hint: str | None = None) -> None:
        """Raise ``UsageError`` where nothing can come: on a thread that has to go on, or in a forked process."""
        self._home.check()
        if self.dispatcher.on_own_thread() or self.runner.on_own_thread():
            raise UsageError(f"{what} cannot be awaited inside a callback: nothing could come meanwhile", hint=hint)

    def _give_up(self, subscription_id: int) -> None:
        with self.lock:
            self.session.unsubscribe(subscription_id, self._clock.monotonic())
        self.runner.wake()

    def close(self, timeout: float) -> None:
        """End everything; return after ``timeout`` seconds at the latest, on one of its own threads at once."""
        if self._home.left:
            return  # the session is the parent's
        now = self._clock.monotonic()
        deadline = now + timeout
        with self.lock:
            first, self.closed = not self.closed, True
            if first:
                self.session.close(now)
            self.board.close()
        self.router.release_iterators()  # a dispatch thread that waits for an iterator goes on
        if self._started:
            self.runner.close_by(now + timeout * _GOODBYE_SHARE)
            if not (self.runner.on_own_thread() or self.dispatcher.on_own_thread()):
                self._join(deadline, timeout)
        # Behind the threads, which still bring the outcome of what was never sent.
        self.router.release_waiters()

    def _join(self, deadline: float, timeout: float) -> None:
        for name, join in (("ig-stream-io", self.runner.join), ("ig-stream-dispatch", self.dispatcher.join)):
            if not join(deadline - self._clock.monotonic()):
                _LOG.warning("thread %s did not end within %.1f s; it will end by itself", name, timeout)
