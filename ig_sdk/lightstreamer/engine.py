"""The parts of a client, wired together: session, router, dispatch thread, I/O thread; and how they start and end."""

from __future__ import annotations

import random
import threading
from typing import Final

from ig_sdk.clock import Clock
from ig_sdk.errors import StreamError, UsageError
from ig_sdk.lightstreamer.dispatcher import Dispatcher
from ig_sdk.lightstreamer.io_thread import Runner
from ig_sdk.lightstreamer.net.address import may_connect
from ig_sdk.lightstreamer.net.opener import CredentialsSource
from ig_sdk.lightstreamer.net.sockets import SocketOptions, Waker
from ig_sdk.lightstreamer.router import Router
from ig_sdk.lightstreamer.second_level import SecondLevels
from ig_sdk.lightstreamer.subscription import Subscription
from ig_sdk.lightstreamer.tlcp.codec.values import JsonPatch
from ig_sdk.lightstreamer.tlcp.events import ConnectionStatus
from ig_sdk.lightstreamer.tlcp.options import SessionOptions
from ig_sdk.lightstreamer.tlcp.session import Session
from ig_sdk.lightstreamer.update_iterator import UpdateOverflow
from ig_sdk.logs import get_logger
from ig_sdk.process import Home

_LOG = get_logger("stream")
# Part of the time given to close() in which the server may confirm the end.
_GOODBYE_SHARE: Final = 0.6


class StatusSignal:
    """Wakes the threads that wait for the session's status; the session itself has the only record of it.

    Threading:
        ``announce`` and ``close`` under the session's lock, after the change; ``wait_connected`` from any thread,
        without it.
    """

    def __init__(self, session: Session, clock: Clock) -> None:
        self._session = session
        self._clock = clock
        self._changed = threading.Event()  # set once, and replaced, at each change
        self._closed = False

    def announce(self) -> None:
        """Wake the threads that wait: the status has changed."""
        changed, self._changed = self._changed, threading.Event()
        changed.set()

    def close(self) -> None:
        """End every wait: nothing more will come."""
        self._closed = True
        self.announce()

    def wait_connected(self, timeout: float) -> bool:
        """Wait until the session is connected; return False when ``timeout`` was over first.

        Raises:
            StreamError: It failed for good.
            UsageError: The client was closed.
        """
        deadline = self._clock.monotonic() + timeout
        while True:
            changed = self._changed  # before the look, so that no change falls between the two
            latest = self._session.latest
            if self._closed:
                raise UsageError("the client is closed")
            if latest.status is ConnectionStatus.CONNECTED:
                return True
            if latest.status is ConnectionStatus.FAILED:
                raise latest.error or StreamError("the stream failed")
            left = deadline - self._clock.monotonic()
            if left <= 0:
                return False
            self._clock.wait(changed, left)


class Engine:
    """A session with its two threads.

    Args:
        session: The settings of the session.
        sockets: How connections are opened.
        credentials: Called at each new session.
        queue_size: Events that may wait for the callbacks.
        clock: Time.

    Attributes:
        lock: Guards ``session`` and ``levels``. A leaf, held for no I/O, no callback and no other lock.
        session: The protocol.
        levels: Two-level subscriptions.
        router: Listeners.
        status: Wakes the threads that wait for another status.
        dispatcher: Makes the callbacks.
        runner: Owns the sockets.
        closed: Whether ``close`` was ever called.

    Threading:
        Safe from any thread.
    """

    def __init__(
        self,
        session: SessionOptions,
        sockets: SocketOptions,
        *,
        credentials: CredentialsSource,
        queue_size: int,
        clock: Clock,
    ) -> None:
        self._home = Home("client", "make a new LightstreamerClient in this process, after the fork")
        self._lock = threading.Lock()
        self.session = Session(session, random=random.random, json_patch=_json_patch(), may_connect=may_connect)
        self.levels = SecondLevels()
        self.router = Router(self._give_up)
        self.status = StatusSignal(self.session, clock)
        waker = Waker()
        self.dispatcher = Dispatcher(
            self.router.deliver,
            limit=queue_size,
            may_drop=self.router.may_drop,
            on_room=waker.wake,
            fails=self.router.fails,
        )
        self.runner = Runner(
            self.session,
            self._lock,
            self.dispatcher,
            self.levels,
            sockets,
            credentials=credentials,
            clock=clock,
            waker=waker,
            on_status=self.status.announce,
        )
        self.closed = False
        self._started = False
        self._clock = clock

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
            self.session.connect(self._clock.monotonic())
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

    def change_overflow(self, subscription: Subscription, overflow: UpdateOverflow) -> None:
        """Have a subscription use another rule.

        Raises:
            UsageError: The rule of another subscription forbids it.
        """
        with self.lock:
            self.router.check_overflow(overflow, besides=subscription)
            subscription.use_overflow(overflow)
        self.dispatcher.reconsider()

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
            self.status.close()
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


def _json_patch() -> JsonPatch | None:
    """Return what applies a JSON patch; ``None`` without the extra, so that the format is not offered to the server."""
    try:
        import jsonpatch  # noqa: PLC0415 -- an extra, and slow to import
    except ImportError:
        return None
    apply_patch: JsonPatch = jsonpatch.apply_patch
    return apply_patch
