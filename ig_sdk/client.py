"""``IGClient``: wires the parts together."""

from __future__ import annotations

import dataclasses
import os
import threading
import weakref
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any

from ig_sdk import logs, rest, streaming
from ig_sdk.clock import Clock, SystemClock
from ig_sdk.config import IGConfig
from ig_sdk.errors import ConfigError, IGError, StreamError, UsageError
from ig_sdk.process import Abandoned
from ig_sdk.spelling import spelled

if TYPE_CHECKING:
    from ig_sdk.simulator import Simulator
    from ig_sdk.streaming.line import Line

_log = logs.get_logger("rest")
_NONE: Any = object()
_HOW = (
    "write IGClient.from_config() for the settings in config/ and the environment, IGClient(IGConfig.simulator()) for "
    "a simulator, or IGClient(IGConfig(api_key=..., identifier=..., password=...))"
)


class IGClient:
    """A client of IG: REST resources, and the door to streaming.

    Nothing is sent before it is needed: the login happens with the first call, or by ``login()``. With
    ``environment = "simulator"`` and no ``base_url`` the first call starts a simulator, which ``close()`` ends; no
    other configuration ever leads there.

    Args:
        config: Where and as whom to log in, and every other setting.
        clock: Time; tests hand in their own.
        transport: Carries the requests; made from the configuration unless given.

    Attributes:
        config: The configuration as given.
        session: Who is logged in, and on which account.
        accounts: The user's accounts, their money and preferences.
        markets: What can be traded.
        positions: What is open; opens, amends and closes.
        orders: Working orders.
        confirms: IG's verdicts on deals.
        history: Candles of the past, and what the account has done.
        watchlists: Lists of markets.
        sentiment: What IG's clients do.
        costs: What a deal would cost.
        applications: API keys and their allowances.

    Raises:
        ConfigError: The configuration asks for what cannot be done.

    Threading:
        Safe from any thread of the process that made it. In one that was forked off later every call raises
        ``UsageError``, and ``close()`` does nothing: make the client after the fork.
    """

    @spelled("IGClient", _HOW)
    def __init__(
        self, config: IGConfig = _NONE, *, clock: Clock | None = None, transport: rest.Transport | None = None
    ) -> None:
        if not isinstance(config, IGConfig):
            raise TypeError(f"IGClient() takes an IGConfig, not {_kind(config)}: {_HOW}")
        # Imported with the first client, so that to name the class costs little; the doors above do as much.
        from ig_sdk.rest.deals.confirm_reader import ConfirmReader  # noqa: PLC0415
        from ig_sdk.rest.deals.dealing import Dealing  # noqa: PLC0415
        from ig_sdk.rest.http.limits.throttle import Throttle  # noqa: PLC0415
        from ig_sdk.rest.http.requestor import Requestor  # noqa: PLC0415
        from ig_sdk.rest.login.auth import Auth  # noqa: PLC0415
        from ig_sdk.rest.prices.reader import PriceReader  # noqa: PLC0415

        self.config = config
        self._clock = clock or SystemClock()
        self._transport = transport or rest.RequestsTransport(
            proxy=config.proxy, ca_bundle=config.ca_bundle, clock=self._clock
        )
        self._closing = threading.Event()
        self._lock = threading.Lock()  # guards the fields below; held over nothing
        self._simulator: Simulator | None = None
        self._simulated: IGConfig | None = None
        self._streams: weakref.WeakSet[streaming.IGStream] = weakref.WeakSet()
        self._line: Line | None = None
        self._closed = False
        self._throttle = Throttle(config, clock=self._clock)
        requestor = Requestor(
            self._transport,
            config,
            self._target,
            clock=self._clock,
            closing=self._closing,
            throttle=self._throttle,
        )
        self._auth = Auth(requestor, config, self._target, clock=self._clock)
        self.session = rest.SessionResource(self._auth)
        self.accounts = rest.AccountsResource(self._auth)
        self.markets = rest.MarketsResource(self._auth, self._clock)
        confirms = ConfirmReader(self._auth, self._clock, self._closing)
        self.confirms = rest.ConfirmsResource(self._auth, confirms)
        self._dealing = Dealing(self._auth, confirms, config, clock=self._clock, closing=self._closing)
        self.positions = rest.PositionsResource(self._dealing)
        self.orders = rest.OrdersResource(self._dealing)
        self._prices = PriceReader(self._auth, config, self._clock)
        self.history = rest.HistoryResource(self._auth, self._prices, self._clock)
        self.watchlists = rest.WatchlistsResource(self._auth)
        self.sentiment = rest.SentimentResource(self._auth)
        self.costs = rest.CostsResource(self._auth)
        self.applications = rest.ApplicationsResource(self._auth, lambda: self._target().api_key)
        self._health = streaming.HealthWatch(
            threshold=config.live.data_quality_threshold, stale_after_s=config.live.heartbeat_interval_s
        )
        self._abandoned: Abandoned | None = None
        self._stop_logging = _start_logging(config)

    @classmethod
    def from_config(cls, path: str | os.PathLike[str] = "config", **overrides: Any) -> IGClient:
        """Return a client for the layered configuration.

        Args:
            path: Folder of ``global.json``, ``local.json`` and ``test.json``; may be missing.
            overrides: Further arguments of ``IGConfig.load``: keys over all layers.

        Raises:
            ConfigError: Something is not allowed or unknown; it lists every fault with its source.
        """
        return cls(IGConfig.load(path, **overrides))

    @property
    def allowances(self) -> rest.Allowances:
        """What IG lets this client do, what was done of it, and who waits for it; asks nobody."""
        self._auth.home.check()
        return self._throttle.view(self._auth.account_id)

    def metrics(self) -> streaming.Metrics:
        """Return everything that was counted so far; sends nothing, at any time, also after :meth:`close`."""
        from ig_sdk.streaming.metrics.rest import rest_metrics  # noqa: PLC0415 -- as in __init__

        self._auth.home.check()
        logged = logs.counts()
        with self._lock:
            closed, line = self._closed, self._line
        connection, markets, callbacks = (streaming.ConnectionMetrics(), {}, 0) if line is None else line.metrics()
        return streaming.Metrics(
            at=self._clock.now(),
            closed=closed,
            connection=connection,
            markets=markets,
            rest=rest_metrics(
                self._auth.requestor.counts,
                self.allowances,
                logged_in=self._auth.account_id is not None,
                refusal=self._auth.refusal,
            ),
            errors=streaming.ErrorMetrics(callbacks=callbacks, log_warnings=logged.warnings, log_errors=logged.errors),
        )

    def health(self) -> streaming.Health:
        """Return whether it does what it was asked to, and why not; sends nothing, at any time."""
        return self._health.judge(self.metrics())

    def login(self, *, timeout: float | None = None) -> rest.Login:
        """Log in now, unless that has happened, and return what IG said.

        Args:
            timeout: Seconds for the whole call; ``None`` bounds each attempt by the configuration.

        Raises:
            ConfigError: Credentials are missing; nothing was sent.
            AuthenticationError: IG refuses the login; ``hint`` says what to do.
            IGError: The call failed otherwise.
        """
        return self._auth.login(self._auth.deadline(timeout))

    def logout(self, *, timeout: float | None = None) -> None:
        """End the login at IG and forget its tokens; does nothing without one. A later call logs in again.

        Args:
            timeout: Seconds for the whole call; ``None`` bounds each attempt by the configuration.

        Raises:
            IGError: IG may not have heard of it; the tokens are forgotten all the same.
        """
        self._auth.logout(self._auth.deadline(timeout))

    def market(self, market: str, *, timeout: float | None = None) -> rest.Market:
        """Return one market with its details.

        Args:
            market: One of the five pairs by name (``"EURUSD"``, ``"EUR/USD"``), or an epic.
            timeout: Seconds for the whole call; ``None`` bounds each attempt by the configuration.

        Raises:
            NotFound: IG knows no such market.
            IGError: The call failed.
        """
        asked_at = self._clock.monotonic()
        from ig_sdk.rest.deals.new import KnownMarket  # noqa: PLC0415 -- as in __init__
        from ig_sdk.rest.login.account_markets import account_epic  # noqa: PLC0415 -- as in __init__

        deadline = self._auth.deadline(timeout)
        epic = account_epic(self._auth, market, deadline)
        left_s = deadline.left_s if deadline.limited else None
        known = KnownMarket(epic, self.markets.get(epic, timeout=left_s), self._auth.account_id, asked_at)
        return rest.Market(
            known.details,
            known.epic,
            markets=self.markets,
            positions=rest.PositionsResource(self._dealing, known),
            orders=rest.OrdersResource(self._dealing, known),
        )

    def stream(self) -> streaming.IGStream:
        """Return a stream; it connects when it is first used, and ends with this client at the latest.

        All streams of a client share one connection, as IG's terms demand.

        Raises:
            UsageError: This client is closed, or this process was forked off after it was made.
        """
        self._auth.home.check()
        from ig_sdk.streaming.line import Line  # noqa: PLC0415 -- as in __init__

        with self._lock:
            if self._closed:
                raise UsageError("this client is closed", hint="make a new IGClient")
            if self._line is None:
                self._line = Line(_Access(self), self.config, clock=self._clock)
            stream = streaming.IGStream(
                self.stream_access, self.config, clock=self._clock, market_epic=self._epic_of, line=self._line
            )
            self._streams.add(stream)
            return stream

    def _epic_of(self, market: str) -> str:
        from ig_sdk.rest.login.account_markets import account_epic  # noqa: PLC0415 -- as in __init__

        return account_epic(self._auth, market, self._auth.deadline(None))

    def stream_access(self, *, timeout: float | None = None, fresh: bool = False) -> rest.StreamAccess:
        """Return address and credentials for a Lightstreamer session, logging in if need be.

        Args:
            timeout: Seconds for the whole call; ``None`` bounds each attempt by the configuration.
            fresh: Log in again, since the stream refused the tokens in force.

        Raises:
            IGError: The login failed.
        """
        return self._auth.access(self._auth.deadline(timeout), fresh=fresh)

    def close(self, timeout: float = 5.0) -> None:
        """End everything: streams, calls under way in other threads, the login, a simulator of its own.

        Calls under way fail at once. Never raises for what the network does; safe to call again, from any thread. In a
        process that was forked off it does nothing: all of this is the parent's.

        Args:
            timeout: Seconds that it may take at most.
        """
        if self._auth.home.left:
            return
        with self._lock:
            if self._closed:
                return
            self._closed = True
            streams, self._streams = list(self._streams), weakref.WeakSet()
            simulator, self._simulator = self._simulator, None
            abandoned, self._abandoned = self._abandoned, None
        if abandoned is not None:
            abandoned.cancel()
        ends = self._clock.monotonic() + timeout
        self._closing.set()
        self._throttle.close()
        self._dealing.close()
        for stream in streams:
            stream.close(max(ends - self._clock.monotonic(), 0.1))
        self._transport.abort()
        self._log_out(max(ends - self._clock.monotonic(), 0.1))
        self._auth.close()
        self._transport.close()
        self._prices.close()
        if simulator is not None:
            simulator.close()
        self._stop_logging()

    @logs.correlation()
    def _log_out(self, seconds: float) -> None:
        try:
            self._auth.logout(self._auth.deadline(seconds), last=True)
        except IGError as error:
            # The tokens are forgotten here and die at IG by themselves.
            _log.warning("could not log out: %s", error)

    def _target(self) -> IGConfig:
        """Return the configuration with address and credentials; for the simulator this starts it.

        Only the one thread that logs in ever comes here first (see Auth), so two are never started.
        """
        config = self.config
        if config.environment != "simulator" or config.base_url is not None:
            return config
        with self._lock:
            simulated = self._simulated
        return simulated or self._run_simulator()

    def _run_simulator(self) -> IGConfig:
        simulator = _start_simulator(self.config, self._clock)
        simulated = _joined(self.config, simulator.config())
        with self._lock:
            if not self._closed:
                self._simulator, self._simulated = simulator, simulated
                self._abandoned = Abandoned(
                    self,
                    f"an IGClient of {simulated.base_url} was never closed: call ig.close(), "
                    "or write 'with IGClient(...) as ig:'",
                    self._transport.close,
                    simulator.close,
                    self._stop_logging,
                )
                return simulated
        simulator.close()
        raise UsageError("the client was closed while its simulator started")

    def __enter__(self) -> IGClient:  # noqa: PYI034 -- Self needs Python 3.11
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        if self._auth.home.left:
            return f"<IGClient {self.config.environment.upper()} of another process>"
        account = self._auth.account_id or self.config.account_id
        state = "closed" if self._closed else "logged in" if self._auth.account_id else "not logged in"
        return f"<IGClient {self.config.environment.upper()} {account + ' ' if account else ''}{state}>"


class _Access:
    """A client's ``stream_access`` for the threads of its line, which must not keep a forgotten client alive."""

    def __init__(self, client: IGClient) -> None:
        self._client = weakref.ref(client)

    def __call__(self, *, timeout: float | None = None, fresh: bool = False) -> rest.StreamAccess:
        client = self._client()
        if client is None:
            raise StreamError("the client was forgotten without close()")
        return client.stream_access(timeout=timeout, fresh=fresh)


def _kind(given: object) -> str:
    return "nothing" if given is _NONE else str(getattr(given, "__name__", type(given).__name__))


def _joined(config: IGConfig, running: IGConfig) -> IGConfig:
    """Return the user's configuration with the running simulator's address and credentials."""
    return dataclasses.replace(
        config,
        base_url=running.base_url,
        api_key=running.api_key,
        identifier=running.identifier,
        password=running.password,
    )


def _start_simulator(config: IGConfig, clock: Clock) -> Simulator:
    try:
        # The one lazy edge from client to simulator (DESIGN section 1): only a configuration that says so leads here.
        from ig_sdk.simulator import Simulator  # noqa: PLC0415
    except ImportError as error:
        # The import's own message ends with the command, which is said once.
        why = str(error).partition(": pip install")[0]
        raise ConfigError(
            [f"environment 'simulator' cannot be used: {why}"], hint="pip install 'ig-sdk[simulator]'"
        ) from error
    settings = config.simulator
    simulator = Simulator(settings.seed, settings.ticks, settings.speed, clock=clock)
    simulator.start()
    return simulator


def _start_logging(config: IGConfig) -> Callable[[], None]:
    settings = config.logging
    if settings.directory is None:
        if settings.level is not None:
            logs.set_level(settings.level)
        return lambda: None
    # Files without a level: the loggers' own would be the application's, and let nothing below a warning through.
    level = settings.level or "INFO"
    logs.set_level(level)
    try:
        return logs.to_files(
            settings.directory,
            level=level,
            rotation_mb=settings.rotation_mb,
            as_json=settings.json,
        )
    except OSError as error:
        raise ConfigError([f"logging.directory: cannot write into {settings.directory}: {error.strerror}"]) from error
