"""The I/O thread: the only reader, the only writer, and the only one to reconnect.

It feeds the session with what comes and does what the session asks for. Other threads change the session under its lock
and wake this thread; they never touch a socket.
"""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable
from typing import Final

from ig_sdk.clock import Clock
from ig_sdk.errors import StreamError, StreamProtocolError
from ig_sdk.lightstreamer.dispatcher import Dispatcher
from ig_sdk.lightstreamer.net.control import ControlRequests, post
from ig_sdk.lightstreamer.net.http import Cookies, HttpExchange
from ig_sdk.lightstreamer.net.opener import CredentialsSource, Opener, Stream
from ig_sdk.lightstreamer.net.sockets import LONGEST_WAIT_S, Interrupted, SocketOptions, Waker, wait_ready
from ig_sdk.lightstreamer.net.websocket import OpenFailed, WebSocketTransport
from ig_sdk.lightstreamer.second_level import SecondLevels
from ig_sdk.lightstreamer.tlcp.actions import Action, Connect, Disconnect, Send
from ig_sdk.lightstreamer.tlcp.codec.requests import encode_ws
from ig_sdk.lightstreamer.tlcp.events import ConnectionStatus
from ig_sdk.lightstreamer.tlcp.session import Session
from ig_sdk.logs import get_logger

_LOG = get_logger("stream")
_ENDED: Final = (ConnectionStatus.DISCONNECTED, ConnectionStatus.FAILED)
_STREAMING: Final = (ConnectionStatus.CONNECTED, ConnectionStatus.STALLED)
_PAUSE_AFTER_FAULT_S: Final = 0.1
# How often the calendar is compared with the monotonic clock, which stands still while the machine sleeps; and how far
# they must part. A calendar that was set forward costs a needless recovery, in which nothing is lost.
_LOOK_EVERY_S: Final = 2.0
_SLEPT_S: Final = 10.0

THREAD_NAME: Final = "ig-stream-io"


class Runner:
    """Owns the I/O thread and every socket of one client.

    Args:
        session: The protocol.
        lock: Guards ``session`` and ``levels``.
        dispatcher: Takes the events.
        levels: Two-level subscriptions.
        sockets: How connections are opened.
        credentials: Called at each new session, on the I/O thread and outside every lock.
        clock: Time.
        waker: Ends the thread's waits.
        on_status: Called after changes of the status, before any listener is, under ``lock``.

    Attributes:
        opener: Opens the connections.

    Threading:
        ``start``, ``wake``, ``close_by`` and ``join`` from any thread; the rest is the thread's own.
    """

    def __init__(
        self,
        session: Session,
        lock: threading.Lock,
        dispatcher: Dispatcher,
        levels: SecondLevels,
        sockets: SocketOptions,
        *,
        credentials: CredentialsSource,
        clock: Clock,
        waker: Waker,
        on_status: Callable[[], None],
    ) -> None:
        cookies = Cookies()
        self.opener = Opener(sockets, cookies, credentials=credentials, clock=clock, waker=waker)
        self._session = session
        self._lock = lock
        self._dispatcher = dispatcher
        self._levels = levels
        self._on_status = on_status
        self._now = clock.monotonic
        self._calendar = clock.now
        self._apart_s = self._looked_at = 0.0
        self._waker = waker
        self._control = ControlRequests(cookies, sockets, self._now)
        self._stream: Stream | None = None
        self._announced = session.latest
        self._paused = False
        self._close_by: float | None = None
        self._send_timeout_s = sockets.connect_timeout_s
        self._send_by: float | None = None  # what is unsent then will never be sent
        # In the context of the thread that opens the stream, so that log records carry the same correlation id.
        context = contextvars.copy_context()
        self._thread = threading.Thread(target=context.run, args=(self._run,), name=THREAD_NAME, daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._waker.open()
        self._thread.start()

    def wake(self) -> None:
        """Let the thread look at the session again."""
        self._waker.wake()

    def close_by(self, deadline: float) -> None:
        """End as soon as the session is closed, at the latest at ``deadline`` (monotonic seconds)."""
        self._close_by = deadline if self._close_by is None else min(deadline, self._close_by)
        self.opener.closing = True
        self._waker.wake()

    def on_own_thread(self) -> bool:
        """Whether the caller runs inside the credentials callable."""
        return threading.current_thread() is self._thread

    def join(self, timeout: float) -> bool:
        """Wait for the thread's end; return whether it ended."""
        self._thread.join(max(timeout, 0.0))
        return not self._thread.is_alive()

    # --- the thread

    def _run(self) -> None:
        self._look_at_calendar(self._now())
        try:
            while self._step():
                pass
        finally:
            self._end()

    def _step(self) -> bool:
        """Carry out what is due and wait for more; return False at the end."""
        try:
            self._obey()
            if self._finished():
                return False
            self._listen()
        except Exception as error:  # noqa: BLE001
            # A fault of ours must not leave a dead reader behind: it counts as a connection that broke the protocol.
            _LOG.exception("the stream's I/O thread met an unexpected error")
            self._fail(f"internal error: {type(error).__name__}")
        return True

    def _fail(self, reason: str) -> None:
        self._drop_stream()
        with self._lock:
            self._session.lost(self._now(), reason, error=StreamError(reason))
        # Where nothing of the session would make the thread wait, it must not spin either.
        wait_ready([self._waker.interest], _PAUSE_AFTER_FAULT_S)
        self._waker.clear()

    def _finished(self) -> bool:
        if self._close_by is None:
            return False
        if self._now() >= self._close_by:
            return True
        # A destroy over HTTP is seen through, so that the server does not keep the session.
        return self._session.status in _ENDED and not self._control

    def _end(self) -> None:
        self._drop_stream()
        self._control.close()
        with self._lock:
            if self._session.status not in _ENDED:
                self._session.lost(self._now(), "closed")
            self._session.take_actions()
            events = self._session.take_events()
            self._on_status()
        self._dispatcher.stop(events)
        self._waker.close()

    # --- what the session wants

    def _obey(self) -> None:
        """Carry out actions and hand on events until there are none."""
        while True:
            with self._lock:
                events = self._session.take_events()
                if self._levels.any:
                    events = self._levels.expand(events, self._session, self._now())
                if self._session.latest is not self._announced:
                    self._announced = self._session.latest
                    self._on_status()
                actions = self._session.take_actions()
            if events:
                self._paused = not self._dispatcher.put(events) or self._paused
            if not actions:
                return
            for action in actions:
                self._perform(action)

    def _perform(self, action: Action) -> None:
        if isinstance(action, Connect):
            self._drop_stream()
            self._open(action)
        elif isinstance(action, Disconnect):
            self._drop_stream()
        else:
            self._send(action)

    def _open(self, action: Connect) -> None:
        session = self._session
        try:
            user, password = self.opener.ask_credentials(action)
            self._stream = self.opener.open(action)
        except Interrupted:
            with self._lock:
                session.lost(self._now(), "closed while connecting")
        except OpenFailed as failure:
            _LOG.debug("%s", failure.reason)  # the status tells it, once for many attempts
            lasting = StreamError(failure.reason, hint=failure.hint) if failure.lasting else None
            with self._lock:
                session.lost(self._now(), failure.reason, unavailable=failure.unavailable, error=lasting)
        except StreamError as error:
            with self._lock:
                session.abort(self._now(), error)
        else:
            with self._lock:
                session.opened(self._now(), user, password)

    def _send(self, action: Send) -> None:
        if action.url is not None:
            self._control.send(action, self._session.version)
        elif isinstance(self._stream, WebSocketTransport):
            self._stream.send(encode_ws(action.request))
        elif isinstance(self._stream, HttpExchange):
            post(self._stream, action, self._session.version)

    def _drop_stream(self) -> None:
        stream, self._stream = self._stream, None
        self._send_by = None
        if stream is not None:
            stream.close()

    # --- what comes

    def _listen(self) -> None:
        """Wait for bytes, a deadline or a wake-up, and feed the session with it."""
        self._resume()
        # A session that is being created or bound is read in any case: it would be given up without an answer.
        paused = self._stream if self._paused and self._session.status in _STREAMING else None
        stream = self._stream if paused is None else None
        wake = self._waker.interest
        waiting = [wake, *self._control.interests]
        if stream is not None:
            waiting.append(stream.interest)
        elif paused is not None and paused.unsent and paused.ended is None:
            waiting.append(paused.interest._replace(read=False, write=True))
        ready = wait_ready(waiting, self._time_left(stream))
        if paused is not None and paused.interest.fileno in ready:
            paused.flush()
        if wake.fileno in ready:
            self._waker.clear()
        now = self._now()
        if stream is not None and (waiting[-1].fileno in ready or stream.pending() or stream.ended):
            self._read_stream(stream, now)
        for text in self._control.answers(ready, now):
            with self._lock:
                self._session.answered(text, now)
        while self._control.unreached:
            with self._lock:
                self._session.unreached(self._control.unreached.pop())
        if now - self._looked_at >= _LOOK_EVERY_S:
            slept_s = self._look_at_calendar(now)
            if slept_s > _SLEPT_S:
                with self._lock:
                    self._session.distrust(now, f"the machine slept for {slept_s:.0f} s", slept_s=slept_s)
        self._keep_time(now)

    def _look_at_calendar(self, now: float) -> float:
        """Return by how many seconds the calendar went ahead of the monotonic clock since the last look."""
        before, self._apart_s = self._apart_s, self._calendar().timestamp() - now
        self._looked_at = now
        return self._apart_s - before

    def _time_left(self, stream: Stream | None) -> float:
        if stream is not None and (stream.ended or stream.pending()):
            return 0.0
        now = self._now()
        with self._lock:
            deadlines = [self._session.deadline, self._close_by, self._send_by, *self._control.deadlines]
        due = min([deadline for deadline in deadlines if deadline is not None], default=now + LONGEST_WAIT_S)
        return min(due - now, _LOOK_EVERY_S)

    def _read_stream(self, stream: Stream, now: float) -> None:
        text = stream.receive()
        if text:
            with self._lock:
                self._session.receive(text, now)
        if not stream.ended:
            return  # the events follow at the next step, right before the wait in which the dispatch thread can run
        self._obey()
        # After LOOP or END the session has dropped the connection itself, and its end is no loss.
        if self._stream is stream:
            self._drop_stream()
            error = StreamProtocolError(stream.ended) if stream.violation else None
            with self._lock:
                self._session.lost(now, stream.ended, unavailable=stream.unavailable, error=error)

    def _watch_sending(self, stream: Stream, now: float) -> None:
        if not stream.unsent:
            self._send_by = None
        elif self._send_by is None:
            self._send_by = now + self._send_timeout_s
        elif now >= self._send_by and stream.ended is None:
            stream.ended = "the server does not read what is sent to it"

    def _keep_time(self, now: float) -> None:
        if self._stream is not None:
            self._watch_sending(self._stream, now)
        with self._lock:
            deadline = self._session.deadline
            if deadline is None or now < deadline:
                return
            if self._paused:
                self._session.reading(now)  # silence is our own doing: no stall
            self._session.wake(now)

    def _resume(self) -> None:
        if self._paused and self._dispatcher.has_room:
            self._paused = False
            with self._lock:
                self._session.reading(self._now())
