"""The client: what an application calls; the work is done by its two threads."""

from __future__ import annotations

from collections.abc import Iterable

from ig_sdk.clock import Clock, SystemClock
from ig_sdk.errors import ConfigError, RequestTimeout
from ig_sdk.lightstreamer.engine import Engine
from ig_sdk.lightstreamer.listeners import ClientListener
from ig_sdk.lightstreamer.net import websocket_frames as frames
from ig_sdk.lightstreamer.net.address import parse_address, parse_proxy
from ig_sdk.lightstreamer.net.opener import CredentialsSource
from ig_sdk.lightstreamer.net.sockets import SocketOptions
from ig_sdk.lightstreamer.router import MessageWaiter
from ig_sdk.lightstreamer.subscription import Subscription
from ig_sdk.lightstreamer.tlcp.actions import StreamTransport
from ig_sdk.lightstreamer.tlcp.events import ConnectionStatus, MessageOutcome, StatusChanged
from ig_sdk.lightstreamer.tlcp.options import SessionOptions


class LightstreamerClient:
    """A session with any Lightstreamer server, kept up until it is closed.

    ::

        client = LightstreamerClient("https://push.example.com", adapter_set="DEMO", user="me", password="…")
        client.connect()
        client.subscribe(Subscription("MERGE", items=["item1"], fields=["last_price"]))
        ...
        client.close()

    It reconnects by itself, recovers the session without loss where the server allows it, and subscribes again where a
    new session was needed; ``on_status`` says which it was.

    Args:
        endpoint: ``https://host[:port][/prefix]`` or ``wss://…``; plain ``http`` and ``ws`` on loopback only.
        adapter_set: The server's Adapter Set, or ``None`` for its default.
        user: User name for the server.
        password: Password for the server.
        credentials: Called for (user, password) at each new session, on the I/O thread; instead of the two above. When
            it raises a transport error, an ``OSError``, a rate limit or ``BrokerUnavailable``, it is asked again after
            a pause; any other exception ends the stream as FAILED.
        protocol_versions: TLCP versions from the newest to the oldest: after a refusal the next lower one is tried.
        transports: Ways to stream in the order of trying.
        keepalive_s: Longest silence to ask of the server, in seconds, or ``None`` to leave it to the server.
        inactivity_s: Seconds within which the server is promised a sign of life, or ``None`` for no promise.
        stall_s: Seconds of silence beyond the keepalive after which the status is STALLED.
        drop_s: Further seconds of silence after which the connection is given up.
        connect_timeout_s: Seconds for opening a connection, proxy, TLS and handshake included.
        reconnect_initial_s: Longest first pause before a reconnect, in seconds; at least half of it is waited.
        reconnect_max_s: Longest pause, in seconds; see ``longest_pause_s``.
        reconnect_slow_s: Longest pause after an hour of pauses without success, such as at a weekend;
            ``reconnect_max_s`` where that is longer.
        reconnect_multiplier: Growth of the pause.
        proxy: ``http://[user:password@]host[:port]``, or ``None``; the environment is not looked at.
        ca_bundle: File or folder of certificates to trust instead of the usual ones, which are the machine's own (where
            a company installs its CA; ``SSL_CERT_FILE`` and ``SSL_CERT_DIR`` count) and those of ``requests``.
        queue_size: Events that may wait for the callbacks; see ``Subscription(overflow=…)``.
        max_message_bytes: Longest message to accept from the server.
        supported_diffs: Difference formats to accept, of ``"P"`` and ``"T"``; ``None`` for all that can be decoded.
        unset_is_null: Take a field that an item's first update leaves out for null, as IG's servers mean it, instead of
            ending the session over it, as the protocol has it.
        ignore_control_link: Stay at ``endpoint`` although the server names another address for the session, as behind a
            NAT or a tunnel. Without it an address that cannot be reached gives way to ``endpoint`` after 3 seconds.
        clock: Time; for tests.

    Raises:
        ConfigError: An argument cannot be used.

    Threading:
        Safe from any thread, callbacks included. Two daemon threads, from ``connect`` until ``close``.
    """

    def __init__(  # noqa: PLR0913 -- each is a setting of its own, all but four by keyword
        self,
        endpoint: str,
        adapter_set: str | None = None,
        user: str | None = None,
        password: str | None = None,
        *,
        credentials: CredentialsSource | None = None,
        protocol_versions: Iterable[str] = ("2.5.0", "2.4.0"),
        transports: Iterable[StreamTransport] = ("ws", "http-streaming", "http-polling"),
        keepalive_s: float | None = None,
        inactivity_s: float | None = None,
        stall_s: float = 2.0,
        drop_s: float = 3.0,
        connect_timeout_s: float = 10.0,
        reconnect_initial_s: float = 1.0,
        reconnect_max_s: float = 30.0,
        reconnect_slow_s: float = 120.0,
        reconnect_multiplier: float = 2.0,
        proxy: str | None = None,
        ca_bundle: str | None = None,
        queue_size: int = 100_000,
        max_message_bytes: int = frames.DEFAULT_MAX_MESSAGE_BYTES,
        supported_diffs: Iterable[str] | None = None,
        unset_is_null: bool = False,
        ignore_control_link: bool = False,
        clock: Clock | None = None,
    ) -> None:
        parse_address(endpoint)
        credentials = _chosen(credentials, user, password)
        if queue_size < 1 or max_message_bytes < 1024 or not connect_timeout_s > 0:
            raise ConfigError(["queue_size, max_message_bytes (at least 1024) and connect_timeout_s must be positive"])
        try:
            session = SessionOptions(
                address=endpoint,
                adapter_set=adapter_set,
                versions=tuple(protocol_versions),
                transports=tuple(transports),
                keepalive_ms=_milliseconds(keepalive_s),
                inactivity_ms=_milliseconds(inactivity_s),
                stall_tolerance_s=stall_s,
                drop_after_s=drop_s,
                initial_delay_s=reconnect_initial_s,
                max_delay_s=reconnect_max_s,
                slow_delay_s=reconnect_slow_s,
                multiplier=reconnect_multiplier,
                ignore_control_link=ignore_control_link,
                supported_diffs=None if supported_diffs is None else tuple(supported_diffs),
                unset_is_null=unset_is_null,
            )
        except ValueError as error:
            raise ConfigError([str(error)]) from error
        self._endpoint = endpoint
        self._clock = clock or SystemClock()
        sockets = SocketOptions(parse_proxy(proxy), ca_bundle, connect_timeout_s, max_message_bytes)
        if ca_bundle is not None:
            _ = sockets.tls  # an unreadable bundle is an error now, not at the first connection
        self._engine = Engine(session, sockets, credentials=credentials, queue_size=queue_size, clock=self._clock)

    # --- what it is

    @property
    def status(self) -> ConnectionStatus:
        """The state of the connection now; callbacks may still be hearing of an earlier change."""
        return self._engine.session.status

    @property
    def status_change(self) -> StatusChanged:
        """The latest change of ``status``: why, and since when; callbacks may still be hearing of an earlier one."""
        return self._engine.session.latest

    @property
    def protocol_version(self) -> str:
        """TLCP version in use, or the one to be tried next."""
        return self._engine.session.version

    @property
    def transport(self) -> str:
        """``"ws"``, ``"http-streaming"`` or ``"http-polling"``: in use, or to be tried next."""
        return self._engine.session.transport

    @property
    def session_id(self) -> str | None:
        """The server's name for the session, or ``None``."""
        return self._engine.session.session_id

    @property
    def listener_errors(self) -> int:
        """Exceptions that callbacks raised so far; each was logged."""
        return self._engine.router.errors

    @property
    def updates_dropped(self) -> int:
        """Updates dropped because the queue was full so far; each was reported by ``on_updates_lost``."""
        return self._engine.dispatcher.dropped

    @property
    def queue_depth(self) -> int:
        """Events that wait for the callbacks."""
        return self._engine.dispatcher.depth

    @property
    def credentials_refused(self) -> bool:
        """Inside ``credentials``: whether the server refused the last ones, so that fresh ones are needed."""
        return self._engine.runner.opener.credentials_refused

    def __repr__(self) -> str:
        return f"<LightstreamerClient {self._endpoint} {self.status}>"

    def __enter__(self) -> LightstreamerClient:  # noqa: PYI034 -- Self needs Python 3.11
        self.connect()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    # --- listeners

    def add_listener(self, listener: ClientListener) -> None:
        """Call ``listener`` from now on; one that is added twice is called once."""
        self._engine.router.add(listener)

    def remove_listener(self, listener: ClientListener) -> None:
        """Stop calling ``listener``; does nothing when it was not added."""
        self._engine.router.remove(listener)

    # --- connection

    def connect(self) -> None:
        """Start, and return at once; nothing when started already. After FAILED: try again.

        From the second failure on, a try soon after it waits: the pause counts from the failure and grows with each, up
        to ``reconnect_max_s``, until a session has stood for a minute. So this may be called from a status callback.

        Raises:
            UsageError: The client was closed.
        """
        self._engine.connect()

    def reconnect(self, reason: str = "the application asked for it") -> None:
        """Do not trust the connection any more: leave it, try to recover the session on a new one, and return at once.

        For who knows more than the sockets say, such as that the machine has another network. (That it slept is noticed
        without this.) A pause before the next attempt is cut short, three times at once and then every five seconds; a
        connection that is just being opened is left alone. ``on_status`` follows with ``reason``. In every state, from
        any thread and any callback; nothing happens before ``connect``, after FAILED (``connect`` tries again) and
        after ``close``.

        Args:
            reason: Why, in a few words, for the log and ``on_status``.
        """
        with self._engine.lock:
            self._engine.session.distrust(self._clock.monotonic(), reason)
        self._engine.runner.wake()

    @property
    def longest_pause_s(self) -> float:
        """Seconds up to which the pauses between attempts grow now; set it to have fewer attempts, or more.

        ``reconnect_max_s``, after an hour ``reconnect_slow_s``, unless it was set; ``None`` goes back to them. It
        counts from the next pause on; ``reconnect`` ends the one that is running.

        Raises:
            ValueError: Set to what is no positive number of seconds.
        """
        return self._engine.session.pauses.longest_s

    @longest_pause_s.setter
    def longest_pause_s(self, seconds: float | None) -> None:
        if seconds is not None and not 0 < seconds < float("inf"):
            raise ValueError(f"longest_pause_s must be a positive number of seconds, or None, not {seconds!r}")
        with self._engine.lock:
            self._engine.session.pauses.limit(seconds)

    def wait_connected(self, timeout: float = 30.0) -> bool:
        """Wait until the session is up.

        Args:
            timeout: Seconds to wait at most.

        Returns:
            Whether it is up; False when ``timeout`` was over first.

        Raises:
            StreamError: It failed for good, and this is why.
            UsageError: Called inside a callback, or the client was closed.
        """
        self._engine.check_may_wait("the connection")
        return self._engine.status.wait_connected(timeout)

    def close(self, timeout: float = 5.0) -> None:
        """End the session at the server, close the connection, end both threads.

        From any thread, in any state, any number of times. Inside a callback it returns at once and the rest happens
        behind it. Updates that were not delivered yet are dropped; the final status is delivered.

        Args:
            timeout: Seconds until it returns at the latest.
        """
        self._engine.close(timeout)

    # --- subscriptions

    def subscribe(self, subscription: Subscription) -> None:
        """Ask for a subscription, now or as soon as the session is up; return at once.

        ``on_subscribed`` or ``on_error`` follows. It lives, over all sessions, until it is unsubscribed or refused, or
        the client is closed.

        Args:
            subscription: What to subscribe to; no other client may carry it.

        Raises:
            UsageError: The subscription is active already, the client was closed, or the overflow rule of another
                subscription forbids this one's.
        """
        engine = self._engine
        subscription.claim(self, engine.change_overflow)
        try:
            with engine.lock:
                engine.check_open()
                engine.router.check_overflow(subscription.overflow)
                subscription_id = engine.session.subscribe(subscription.spec, self._clock.monotonic())
                subscription.named(subscription_id)
                engine.router.subscriptions[subscription_id] = subscription
                if subscription.second_level is not None:
                    engine.levels.add(subscription_id, subscription.second_level)
        except BaseException:
            subscription.release()
            raise
        engine.runner.wake()

    def unsubscribe(self, subscription: Subscription) -> None:
        """Give a subscription up, and return at once; ``on_unsubscribed`` follows its last update.

        Nothing when the subscription is not active.

        Args:
            subscription: One that this client carries.

        Raises:
            UsageError: Another client carries it.
        """
        subscription_id = subscription.leave(self)
        if subscription_id is None:
            return
        with self._engine.lock:
            if not self._engine.closed:
                self._engine.session.unsubscribe(subscription_id, self._clock.monotonic())
        self._engine.runner.wake()

    def reconfigure(self, subscription_id: int, max_frequency: float | str) -> None:
        """Ask the server for another frequency; for ``Subscription.reconfigure``, which is the way to call it.

        Args:
            subscription_id: Which subscription; one that is gone is left alone.
            max_frequency: Updates a second for each item, or ``"unlimited"``.

        Raises:
            UsageError: The client was closed.
            ValueError: This is no frequency.
        """
        with self._engine.lock:
            self._engine.check_open()
            self._engine.session.reconfigure(subscription_id, max_frequency, self._clock.monotonic())
        self._engine.runner.wake()

    def in_callback(self) -> bool:
        """Whether the caller runs on this client's dispatch thread."""
        return self._engine.dispatcher.on_own_thread()

    # --- messages

    def send_message(
        self, text: str, *, sequence: str | None = None, max_wait_ms: int | None = None, timeout: float | None = 30.0
    ) -> MessageOutcome | None:
        """Send a message to the server's adapter and wait for its outcome.

        Args:
            text: The message.
            sequence: Messages of one sequence are processed in order; letters, digits and underscores.
            max_wait_ms: Milliseconds that the server may wait for earlier messages of the sequence.
            timeout: Seconds to wait; ``None`` to return at once, with no outcome asked for.

        Returns:
            What became of it, or ``None`` without waiting.

        Raises:
            RequestTimeout: No outcome in time; the message may still be processed.
            UsageError: Called inside a callback with a timeout, the client was closed, or too many messages wait for
                their outcome.
            ValueError: A sequence that the protocol does not have, or ``max_wait_ms`` without one.
        """
        engine = self._engine
        waits = timeout is not None
        if waits:
            engine.check_may_wait("the outcome of a message", "pass timeout=None")
        waiter = MessageWaiter()
        with engine.lock:
            engine.check_open()
            message_id = engine.session.send_message(
                text, self._clock.monotonic(), sequence=sequence, max_wait_ms=max_wait_ms, outcome=waits
            )
            if waits:
                engine.router.waiters[message_id] = waiter
        engine.runner.wake()
        if timeout is None:
            return None
        done = self._clock.wait(waiter.done, timeout)
        engine.router.waiters.pop(message_id, None)
        if not done:
            raise RequestTimeout("the outcome of the message did not come in time", method="msg")
        return waiter.outcome or MessageOutcome(message_id, "unknown")


def _chosen(credentials: CredentialsSource | None, user: str | None, password: str | None) -> CredentialsSource:
    if credentials is None:
        return _fixed(user, password)
    if user is not None or password is not None:
        raise ConfigError(["credentials: give either credentials= or user= and password="])
    return credentials


def _fixed(user: str | None, password: str | None) -> CredentialsSource:
    def credentials() -> tuple[str | None, str | None]:
        return user, password

    return credentials


def _milliseconds(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1000)
