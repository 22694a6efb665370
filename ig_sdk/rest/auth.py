"""The login: tokens got, kept, renewed once for all threads, and forgotten."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ig_sdk import _json, logs
from ig_sdk.clock import Clock
from ig_sdk.config import IGConfig
from ig_sdk.errors import AuthenticationError, ConfigError, DecodeError, RequestTimeout, UsageError
from ig_sdk.rest.endpoint import Endpoint
from ig_sdk.rest.requestor import Budget, Reply, Requestor, Stamp
from ig_sdk.rest.session import LOGIN, LOGOUT, SWITCH, AccountSwitch, Login

_log = logs.get_logger("auth")


@dataclass(frozen=True)
class StreamAccess:
    """What it takes to open a stream.

    Attributes:
        endpoint: Address of the stream server.
        account_id: Account whose prices and deals it carries.
        user: Lightstreamer user name: the account id.
        password: Lightstreamer password, made of the tokens.

    Source:
        REST.md section 2.3: user = account id, password = ``CST-<cst>|XST-<xst>``.
    """

    endpoint: str
    account_id: str
    user: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class _Session:
    """A login that is in force."""

    generation: int
    login: Login
    account_id: str | None
    opened_at: float
    cst: str = field(repr=False)
    xst: str = field(repr=False)

    @property
    def headers(self) -> dict[str, str]:
        return {"CST": self.cst, "X-SECURITY-TOKEN": self.xst}


class _Attempt:
    """A login under way, which other threads wait for instead of logging in too."""

    def __init__(self) -> None:
        self.done = threading.Event()
        self.failure: BaseException | None = None
        # The thread that logs in ran out of its own time: no verdict for those with more of it.
        self.cut_short = False


class Auth:
    """Keeps one login for all threads.

    Args:
        requestor: Sends the calls.
        config: Age at which a login is renewed, account, timeouts.
        target: Returns the configuration with the credentials and the address to use; only ever asked by the one thread
            that logs in, or after it.
        clock: Measures the age of the login.

    Threading:
        Safe from any thread. The lock guards the fields only; it is never held over a request or a wait.
    """

    def __init__(self, requestor: Requestor, config: IGConfig, target: Callable[[], IGConfig], *, clock: Clock) -> None:
        self._requestor = requestor
        self._config = config
        self._target = target
        self._clock = clock
        self._lock = threading.Lock()
        self._session: _Session | None = None
        self._attempt: _Attempt | None = None
        self._generation = 0
        self._account: str | None = None  # chosen by switch(); outlives a login
        self._closed = False

    @property
    def account_id(self) -> str | None:
        """The account in use, ``None`` before the first login."""
        with self._lock:
            return self._session.account_id if self._session else None

    def budget(self, timeout: float | None) -> Budget:
        """Return the time of a new call."""
        return self._requestor.budget(timeout)

    def login(self, budget: Budget) -> Login:
        """Log in unless there is a login in force, and return what it told."""
        return self._ensure(budget).login

    def call(
        self,
        endpoint: Endpoint,
        budget: Budget,
        *,
        parts: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, object] | None = None,
    ) -> Reply:
        """Return the answer to a call that needs a login."""
        return self._requestor.call(endpoint, budget=budget, parts=parts, query=query, body=body, authorizer=self)

    def stamp(self, budget: Budget) -> Stamp:
        """Return the headers of a live login, logging in if there is none."""
        session = self._ensure(budget)
        return Stamp(session.headers, session.generation)

    def renew(self, generation: int) -> None:
        """Forget the login ``generation``, unless a newer one has taken its place."""
        with self._lock:
            if self._session is not None and self._session.generation == generation:
                self._session = None

    def access(self, budget: Budget, *, fresh: bool = False) -> StreamAccess:
        """Return what it takes to open a stream, logging in if need be.

        Args:
            budget: Time for the call.
            fresh: Log in anew, since the stream refused the tokens in force.
        """
        if fresh:
            with self._lock:
                self._session = None
        session = self._ensure(budget)
        endpoint = self._target().stream_url or session.login.lightstreamer_endpoint
        if not endpoint or not session.account_id:
            raise DecodeError("the login named no stream server or no account", path="lightstreamerEndpoint")
        return StreamAccess(endpoint, session.account_id, session.account_id, f"CST-{session.cst}|XST-{session.xst}")

    def switch(self, account: str, budget: Budget, *, make_default: bool) -> AccountSwitch:
        """Change the account in use; it is kept when the login is renewed."""
        session = self._ensure(budget)
        wanted = _account_id(account, session.login)
        if wanted == session.account_id and not make_default:
            told = session.login
            return AccountSwitch(
                told.trailing_stops_enabled,
                told.dealing_enabled,
                told.has_active_demo_accounts,
                told.has_active_live_accounts,
            )
        body = {"accountId": wanted, "defaultAccount": make_default}
        reply = self._requestor.call(SWITCH, budget=budget, body=body, authorizer=self)
        with self._lock:
            self._account = wanted
            self._generation += 1
            current = self._session or session
            self._session = dataclasses.replace(
                current,
                generation=self._generation,
                account_id=wanted,
                xst=reply.headers.get("x-security-token", current.xst),
                login=dataclasses.replace(current.login, current_account_id=wanted),
            )
        return _json.decode(AccountSwitch, reply.data or {}, path="session")

    def logout(self, budget: Budget, *, last: bool = False) -> None:
        """Log out at IG and forget the tokens; without a login this does nothing.

        Args:
            budget: Time for the call.
            last: The client is closing.
        """
        with self._lock:
            session, self._session = self._session, None
        if session is None:
            return
        try:
            self._requestor.call(LOGOUT, budget=budget, headers=session.headers, last=last)
        except AuthenticationError as error:
            _log.debug("the session had ended before the logout: %s", error)
        else:
            _log.info("logged out")

    def close(self) -> None:
        """Wake all threads that wait for a login; there is none any more."""
        with self._lock:
            self._closed = True
            attempt = self._attempt
        if attempt is not None:
            self._finish(attempt, UsageError("the client was closed during the login"))

    def _ensure(self, budget: Budget) -> _Session:
        while True:
            with self._lock:
                if self._closed:
                    raise UsageError("this client is closed", hint="make a new IGClient")
                session = self._live()
                if session is not None:
                    return session
                attempt, mine = self._attempt, False
                if attempt is None:
                    attempt, mine = _Attempt(), True
                    self._attempt = attempt
            if mine:
                return self._lead(attempt, budget)
            self._follow(attempt, budget)

    def _live(self) -> _Session | None:
        session = self._session
        if session and self._clock.monotonic() - session.opened_at >= self._config.session_lifetime_s:
            return None
        return session

    def _lead(self, attempt: _Attempt, budget: Budget) -> _Session:
        try:
            session = self._log_in(budget)
        except BaseException as failure:
            attempt.cut_short = budget.limited and budget.left_s <= 0
            self._finish(attempt, failure)
            raise
        with self._lock:
            self._session = session
        self._finish(attempt, None)
        return session

    def _follow(self, attempt: _Attempt, budget: Budget) -> None:
        """Wait for another thread's login; its failure is this thread's too."""
        wait_s = budget.left_s if budget.limited else self._patience_s()
        if not self._clock.wait(attempt.done, wait_s):
            raise RequestTimeout("the login took too long", sent="no", method=LOGIN.method, path=LOGIN.path)
        if attempt.failure is not None and not attempt.cut_short:
            raise attempt.failure

    def _patience_s(self) -> float:
        """Longest time that a login with all its attempts can take."""
        config = self._config
        one = config.connect_timeout_s + config.read_timeout_s + config.reconnect.max_delay_s
        # A login, and a switch of account behind it.
        return min(2 * one * (config.reconnect.max_retries + 1), threading.TIMEOUT_MAX, 86_400.0)

    def _finish(self, attempt: _Attempt, failure: BaseException | None) -> None:
        with self._lock:
            if self._attempt is attempt:
                self._attempt = None
            if not attempt.done.is_set():
                attempt.failure = failure
                attempt.done.set()

    def _log_in(self, budget: Budget) -> _Session:
        config = self._target()
        config.require_credentials()
        body = {"identifier": config.identifier, "password": config.password}
        reply = self._requestor.call(LOGIN, budget=budget, body=body)
        cst, xst = reply.headers.get("cst"), reply.headers.get("x-security-token")
        if not cst or not xst:
            raise DecodeError("the login's answer has no tokens", path="CST, X-SECURITY-TOKEN")
        login = _json.decode(Login, reply.data, path="login")
        with self._lock:
            self._generation += 1
            session = _Session(self._generation, login, login.current_account_id, self._clock.monotonic(), cst, xst)
            wanted = self._account or config.account_id
        if wanted and wanted != session.account_id:
            session = self._move(session, wanted, budget)
        _log.info("logged in on account %s", session.account_id)
        return session

    def _move(self, session: _Session, wanted: str, budget: Budget) -> _Session:
        """Go from the preferred account, where every login lands, to the one that was asked for (REST.md 2.1)."""
        known = [account.account_id for account in session.login.accounts]
        if known and wanted not in known:
            names = ", ".join(filter(None, known))
            raise ConfigError([f"account_id: must be an account of this user ({names}), not {wanted!r}"])
        body = {"accountId": wanted, "defaultAccount": False}
        reply = self._requestor.call(SWITCH, budget=budget, body=body, headers=session.headers)
        xst = reply.headers.get("x-security-token", session.xst)
        login = dataclasses.replace(session.login, current_account_id=wanted)
        return dataclasses.replace(session, account_id=wanted, xst=xst, login=login)


def _account_id(account: str, login: Login) -> str:
    """Return the id of the account that an id, a name or a type means."""
    for attribute in ("account_id", "account_name", "account_type"):
        found = [each.account_id for each in login.accounts if getattr(each, attribute) == account]
        if len(found) == 1 and found[0]:
            return found[0]
        if found:
            raise ValueError(f"{len(found)} accounts have the {attribute.partition('_')[2]} {account!r}")
    names = ", ".join(str(each.account_id) for each in login.accounts)
    raise ValueError(f"account must be one of {names}, not {account!r}")
