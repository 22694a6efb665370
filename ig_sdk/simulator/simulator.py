"""A whole simulated IG: market, REST and stream on loopback, started and stopped as one."""

from __future__ import annotations

import dataclasses
import math
import os
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Any, Literal

from ig_sdk.client import IGClient
from ig_sdk.clock import Clock, SystemClock
from ig_sdk.config import IGConfig
from ig_sdk.errors import ConfigError, UsageError
from ig_sdk.process import Home
from ig_sdk.simulator.accounts.allowances import TENFOLD, AllowanceBook, Allowances
from ig_sdk.simulator.accounts.dealing_service import CONFIRM_DELAY_S, DealingService, broker_of
from ig_sdk.simulator.accounts.encryption import require_cryptography
from ig_sdk.simulator.accounts.logins import ACCOUNTS, Credentials, Sessions
from ig_sdk.simulator.accounts.past_deals import SeededHistory
from ig_sdk.simulator.broker import BrokerEvent
from ig_sdk.simulator.faults.faults import Faults
from ig_sdk.simulator.faults.rest import SeenRequest
from ig_sdk.simulator.price_line import PriceLine
from ig_sdk.simulator.prices.feed import Feed
from ig_sdk.simulator.prices.past import PastPrices
from ig_sdk.simulator.prices.replay import Replay
from ig_sdk.simulator.prices.seeded import DaySoFar, Market
from ig_sdk.simulator.reference.hours import MarketHours
from ig_sdk.simulator.reference.instruments import instruments, listed
from ig_sdk.simulator.rest.app import PREFIX, RestApp
from ig_sdk.simulator.rest.backend import Backend
from ig_sdk.simulator.rest.server import RestServer
from ig_sdk.simulator.stream.core.options import StreamOptions
from ig_sdk.simulator.stream.items.account_rows import DealOrder, figures_row
from ig_sdk.simulator.stream.items.adapter import ItemAdapter
from ig_sdk.simulator.stream.server import StreamServer
from ig_sdk.spelling import spelled
from ig_sdk.ticks import check_ticks, read_ticks
from ig_sdk.types import PAIRS, Tick, epic_for

Ticks = str | os.PathLike[str] | Iterable[Tick]

# A file is read through before the simulator says that it is ready, so that an error in it is reported at once;
# of a longer one the rest is checked while it is served.
_CHECKED_ROWS = 200_000
_LONGEST_DELAY_S = 86_400.0


class Simulator:
    """An IG at the wire: log in to it, stream from it, break it.

    Args:
        seed: Seed of the market; the same seed makes the same prices.
        ticks: File of ticks (see ``ig_sdk.ticks``) or the ticks themselves, served instead of made-up prices.
        speed: How many times faster than recorded (or, without ``ticks``, than a real market); ``"max"`` or infinity
            serves ticks as fast as the readers go.
        market: Market that the file is of, by name or epic; ``"EURUSD"`` unless named, or the first tick's.
        clock: Time.
        host: Address to listen on.
        rest_port: Port of the REST API; 0 takes a free one.
        stream_port: Port of the stream; 0 takes a free one.
        tlcp_max: Highest version of the streaming protocol that is accepted; that of ``stream_options`` unless given.
        allowances: What may be asked; ten times IG's requests a minute unless given, ``None`` for no limit.
        credentials: The login that is accepted.
        account: Account that a login starts on, such as the spread betting one (``"XYZ987"``); the one that the
            credentials name unless given.
        stream_options: Limits, timings and test modes of the stream server; those of IG unless
            given, as far as every client copes with them; ``StreamOptions.like_ig()`` goes all the way.
        encrypted_only: Refuse passwords in plain text.
        session_lifetime_s: Seconds that tokens live without use.
        opening_hours: Close the markets when the real ones are closed; unless set they deal at any hour.
        confirm_delay_s: Seconds until a deal's confirm is there; a client that asks sooner gets a 404, as from IG.

    Raises:
        ConfigError: A value cannot be used; each is named.
        DecodeError: The file of ticks cannot be read.

    Attributes:
        faults: What goes wrong on demand.
        sessions: Who is logged in.
        desk: The dealing service: its broker, and everything that happens there.

    Threading:
        Safe from any thread. Its threads have names that begin with ``ig-sim-``. It runs in the process that made it:
        one that was forked off later reaches it with a client of its own (``config()``), and cannot end it.
    """

    @spelled("Simulator")
    def __init__(  # noqa: PLR0913 -- every option of a whole broker, keyword-only
        self,
        seed: int = 7,
        ticks: Ticks | None = None,
        speed: float | Literal["max"] = 1.0,
        *,
        market: str | None = None,
        clock: Clock | None = None,
        host: str = "127.0.0.1",
        rest_port: int = 0,
        stream_port: int = 0,
        tlcp_max: str | None = None,
        allowances: Allowances | None = TENFOLD,
        credentials: Credentials | None = None,
        account: str | None = None,
        stream_options: StreamOptions | None = None,
        encrypted_only: bool = False,
        session_lifetime_s: float = 6 * 3600.0,
        opening_hours: bool = False,
        confirm_delay_s: float = CONFIRM_DELAY_S,
    ) -> None:
        self._clock = clock or SystemClock()
        self._seed = seed
        self._host = host
        self._rest_port = rest_port
        self._allowances = allowances
        self._encrypted_only = encrypted_only
        credentials = _preferring(account, credentials or Credentials())
        self._speed = _checked(
            speed, market, tlcp_max, confirm_delay_s, credentials.account_id, replayed=ticks is not None
        )
        if encrypted_only:
            require_cryptography()
        self._home = Home("simulator", "make a client of it: IGClient(simulator.config()), or a simulator of your own")
        self.faults = Faults(self._clock, seed=seed)
        self.sessions = Sessions(self._clock, credentials, sliding_s=session_lifetime_s)
        begin = self._clock.now()
        self._past = PastPrices(seed, begin)
        options = _options(stream_options, allowances, tlcp_max)
        self._stream = self._stream_of(stream_port, options)
        self._deal_order = DealOrder(options.update_first, Random(f"{seed}/deals"))
        broker = broker_of(self.sessions.accounts, seed=seed, start=begin, confirm_delay_s=confirm_delay_s)
        self.desk = DealingService(broker, clock=self._clock)
        ids = [each.account_id for each in self.sessions.accounts]
        self._history = SeededHistory(self.desk, ids, self._past, seed=seed, start=begin)
        self._prices = PriceLine(self.desk, self._past, self._stream, note=self._stream.note)
        self._replay = None if ticks is None else self._replay_of(ticks, market)
        self._feed = self._feed_of(begin, opening_hours=opening_hours)
        self._rest: RestServer | None = None
        self._life = threading.Lock()
        self._closed = False

    def _stream_of(self, port: int, options: StreamOptions) -> StreamServer:
        accounts = {each.account_id for each in self.sessions.accounts}
        return StreamServer(
            self._host,
            port,
            adapter=ItemAdapter(instruments().__contains__, accounts=accounts, before=self._day_before),
            authenticate=self.sessions.authenticate,
            clock=self._clock,
            options=options,
            faults=self.faults,
            snapshot=self._latest,
            on_subscribe=self._subscribed,
            random=Random(f"{self._seed}/stream"),
        )

    def _day_before(self, epic: str, time: datetime) -> DaySoFar | None:
        """Return what the day was like before the first price of a market; a replay begins with its own."""
        if self._replay is not None and self._replay.plays(epic):
            return None
        day = self._past.day_before(epic, time)
        if day is None:
            return None
        return DaySoFar((day.bid[0] + day.offer[0]) / 2, day.offer[1], day.bid[2])

    def _feed_of(self, begin: datetime, *, opening_hours: bool) -> Feed:
        market = Market(
            self._seed,
            begin,
            # A replay keeps its own pace; the other markets keep a real one.
            speed=self._speed if self._replay is None else 1.0,
            level=lambda market_id: self._past.log_at(market_id, begin),
            opening_hours=opening_hours,
            before=self._day_before,
        )
        return Feed(
            market,
            self._prices,
            clock=self._clock,
            replay=self._replay,
            market_hours=MarketHours(instruments().values()) if opening_hours else None,
            on_status=self.desk.set_status,
            on_second=self._stream.end_candles,
        )

    def _replay_of(self, ticks: Ticks, market: str | None) -> Replay:
        first: Tick | None = None
        epics = {epic_for(market)} if market is not None else set[str]()
        read: Callable[[], Iterable[Tick]]
        if isinstance(ticks, (str, os.PathLike)):
            path, epic = Path(ticks), epic_for(market or PAIRS[0])
            first = check_ticks(path, epic=epic, rows=_CHECKED_ROWS)
            epics.add(epic)

            def read() -> Iterator[Tick]:
                return read_ticks(path, epic=epic, received=self._clock.now)
        else:
            given = ticks
            if isinstance(given, Sequence) and given:
                epics |= {tick.epic for tick in _known(given)}
                first = given[0]
            epics = epics or {epic_for(PAIRS[0])}

            def read() -> Iterator[Tick]:
                return _known(given)

        return Replay(read, self._prices, epics=epics, speed=self._speed, clock=self._clock, first=first)

    def _latest(self, epic: str) -> Tick | None:
        return self._feed.latest(epic)

    def _subscribed(self, epic: str) -> None:
        self._feed.subscribed(epic)

    def _post(self, event: BrokerEvent) -> None:
        for channel, row in self._deal_order.rows(event):
            self._stream.post(channel, row)

    # ---- life

    def start(self) -> Simulator:
        """Listen on both ports and start the prices; the second call does nothing.

        Returns:
            The simulator itself.

        Raises:
            IGError: A port is in use.
            UsageError: It was closed, or this process was forked off after it was made.
        """
        self._home.check()
        with self._life:
            if self._closed:
                raise UsageError("a closed simulator does not start again", hint="make a new one")
            if self._rest is None:
                self._stream.start()
                try:
                    self._show_prices()
                    self._show_accounts()
                    app = RestApp(self._backend())
                    rest = RestServer(
                        self._host, self._rest_port, app, faults=self.faults, clock=self._clock, seed=self._seed
                    )
                    # The markets are open or closed before the first request can come.
                    self._feed.start()
                    rest.start()
                    self.faults.attach_rest(self.sessions, rest)
                except BaseException:
                    self._feed.close()
                    self._stream.close()
                    self._closed = True
                    raise
                self._rest = rest
        return self

    def _backend(self) -> Backend:
        return Backend(
            sessions=self.sessions,
            dealing=self.desk,
            quote=self._feed.quote,
            past=self._past,
            book=AllowanceBook(self._allowances, self._clock),
            clock=self._clock,
            stream_url=self._stream.url,
            seed=self._seed,
            encrypted_only=self._encrypted_only,
            load_history=self._history.load,
        )

    def _show_prices(self) -> None:
        """Give the desk the prices that the markets show before the first tick."""
        for epic, instrument in listed().items():
            quote = self._feed.quote(epic)
            if quote is not None:
                self.desk.on_tick(quote.tick)
            elif epic not in instruments():
                self.desk.set_status(epic, instrument.facts["exampleStatus"])

    def _show_accounts(self) -> None:
        """Send the accounts' figures to the stream, and from now on what happens on them."""
        for account in self.sessions.accounts:
            self._stream.post(f"ACCOUNT:{account.account_id}", figures_row(self.desk.figures(account.account_id)))
        self.desk.on_event(self._post)

    def close(self, timeout: float = 5.0) -> None:
        """Stop everything, in any state; the second call does nothing, nor does one in a forked process.

        Args:
            timeout: Seconds that each thread may take to end.
        """
        if self._home.left:
            return
        with self._life:
            if self._closed:
                return
            self._closed = True
            rest = self._rest
        self.faults.close()
        if rest is None:
            return
        self._feed.close(timeout)
        rest.close(timeout)
        self._stream.close(timeout)

    def __enter__(self) -> Simulator:  # noqa: PYI034 -- Self needs Python 3.11
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        if self._closed:
            return "<Simulator closed>"
        return "<Simulator not started>" if self._rest is None else f"<Simulator {self.rest_url}>"

    # ---- how to reach it

    @property
    def rest_url(self) -> str:
        """Base URL of the REST API, ending in ``/gateway/deal``."""
        if self._rest is None:
            raise UsageError("the simulator has no address yet", hint="call start(), or use it in a with statement")
        # The stream's address names a host that clients of this machine can reach.
        return f"{self._stream.url.rpartition(':')[0]}:{self._rest.port}{PREFIX}"

    @property
    def stream_url(self) -> str:
        """Address of the stream, as a login sends it."""
        if self._rest is None:
            raise UsageError("the simulator has no address yet", hint="call start(), or use it in a with statement")
        return self._stream.url

    @property
    def credentials(self) -> Credentials:
        """API key, user name, password and account of the one login that is accepted."""
        return self.sessions.credentials

    @property
    def replay(self) -> Replay:
        """The recorded ticks being served.

        Raises:
            UsageError: It was made without ``ticks``.
        """
        if self._replay is None:
            raise UsageError("this simulator replays nothing", hint="make it with ticks=")
        return self._replay

    def wait_current(self, timeout: float = 10.0) -> bool:
        """Wait until every price that is due by the clock was made, dealt at and sent: for tests that move the clock.

        Args:
            timeout: Seconds to wait, in real time.

        Returns:
            Whether that is so.
        """
        self._home.check()
        return self._feed.wait_current(timeout)

    def requests(self, method: str | None = None, path: str = "") -> list[SeenRequest]:
        """Return the REST requests that reached this simulator, oldest first; the last 10,000 are kept.

        Args:
            method: HTTP method as the client meant it (``_method`` applied); ``None`` for all.
            path: Beginning of the path after ``/gateway/deal``.
        """
        return self.faults.rest_rules.seen(method, path)

    def config(self, **overrides: Any) -> IGConfig:
        """Return a configuration that joins this simulator.

        Args:
            overrides: Any keys of the configuration, over those.
        """
        own: dict[str, Any] = {"base_url": self.rest_url, **dataclasses.asdict(self.credentials)}
        config: IGConfig = IGConfig.simulator(**(own | overrides))
        return config

    def client(self, **overrides: Any) -> IGClient:
        """Return a client of this simulator; the caller closes it.

        Args:
            overrides: Any keys of the configuration.
        """
        return IGClient(self.config(**overrides))


def _preferring(account: str | None, credentials: Credentials) -> Credentials:
    return credentials if account is None else dataclasses.replace(credentials, account_id=account)


def _checked(
    speed: float | str,
    market: str | None,
    tlcp_max: str | None,
    confirm_delay_s: float,
    account_id: str,
    *,
    replayed: bool,
) -> float:
    """Return the speed as a number."""
    faults = []
    number = math.nan
    if speed == "max":
        number = math.inf
    elif isinstance(speed, (int, float)) and not isinstance(speed, bool):
        number = float(speed)
    if not number > 0:
        faults.append(f"speed must be a positive number or 'max', not {speed!r}")
    elif number == math.inf and not replayed:
        faults.append("speed 'max' needs ticks to serve: a made-up market has no end to run to")
    if market is not None and epic_for(market) not in instruments():
        faults.append(
            f"market must be one of {', '.join(PAIRS)} or an epic of {', '.join(instruments())}, not {market!r}"
        )
    if tlcp_max is not None and not re.fullmatch(r"\d\.\d\.\d", tlcp_max, re.ASCII):
        faults.append(f"tlcp_max must be a protocol version such as '2.4.0', not {tlcp_max!r}")
    if not 0 <= confirm_delay_s < _LONGEST_DELAY_S:
        faults.append(f"confirm_delay_s must be a number from 0 to {_LONGEST_DELAY_S}, not {confirm_delay_s!r}")
    known = [each.account_id for each in ACCOUNTS]
    if account_id not in known:
        faults.append(f"account must be one of {', '.join(known)}, not {account_id!r}")
    if faults:
        raise ConfigError(faults)
    return number


def _options(options: StreamOptions | None, allowances: Allowances | None, tlcp_max: str | None) -> StreamOptions:
    if options is None:
        # On a port of its own a bare host would lead official clients astray; a first update that leaves fields out is
        # more than a client has to take (TLCP.md section 11); and a test should know which row of a deal comes first.
        options = StreamOptions.like_ig(control_link="*", unset="null", update_first="never")
        if allowances is not None:
            options = dataclasses.replace(options, max_items=allowances.subscriptions)
    return options if tlcp_max is None else dataclasses.replace(options, tlcp_max=tlcp_max)


def _known(ticks: Iterable[object]) -> Iterator[Tick]:
    for tick in ticks:
        if not isinstance(tick, Tick) or tick.epic not in instruments():
            raise ConfigError([f"ticks must hold Tick objects of markets that the simulator knows, not {tick!r}"])
        yield tick
