"""The login: tokens got, kept, renewed once for all threads, and forgotten."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ig_sdk import _json, logs
from ig_sdk.clock import Clock
from ig_sdk.config import IGConfig
from ig_sdk.errors import (
    APIError,
    AuthenticationError,
    DecodeError,
    PermissionDenied,
    RequestTimeout,
    SessionExpired,
    UsageError,
)
from ig_sdk.process import Home
from ig_sdk.rest.http.deadline import Deadline
from ig_sdk.rest.http.endpoint import Endpoint
from ig_sdk.rest.http.requestor import Reply, Requestor, Stamp
from ig_sdk.rest.login.calls import LoginCalls, account_id_of, copy_of, is_verdict, read_accounts
from ig_sdk.rest.login.session_info import (
    ACCOUNTS,
    DETAILS,
    LOGIN,
    SWITCH,
    AccountSwitch,
    EncryptionKey,
    Login,
    SessionAccount,
)
from ig_sdk.rest.login.tokens import XST, OAuthTokens, SessionTokens, StreamAccess, Tokens

_log = logs.get_logger("auth")


@dataclass(frozen=True)
class _Session:
    """A login that is in force.

    Attributes:
        generation: Number of the tokens, which tells their refusal from that of older ones.
        login: What IG answered.
        account_id: The account in use.
        opened_at: Monotonic time of the login.
        tokens: What proves it.
        fetched: Tokens for streams, where those of the login are none.
    """

    generation: int
    login: Login
    account_id: str | None
    opened_at: float
    tokens: Tokens = field(repr=False)
    fetched: SessionTokens | None = field(default=None, repr=False)

    @property
    def headers(self) -> dict[str, str]:
        return self.tokens.headers(self.account_id)

    @property
    def stream_tokens(self) -> SessionTokens | None:
        return self.tokens if isinstance(self.tokens, SessionTokens) else self.fetched


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

    Attributes:
        requestor: Sends the calls; knows what IG lets us do, and what time it is there.
        home: The process that it was made in.

    Threading:
        Safe from any thread. The lock guards the fields only; it is never held over a request or a wait.
    """

    def __init__(self, requestor: Requestor, config: IGConfig, target: Callable[[], IGConfig], *, clock: Clock) -> None:
        self.requestor = requestor
        self._config = config
        self._target = target
        self._clock = clock
        self.home = Home("client", "make a new IGClient in this process, after the fork")
        self._calls = LoginCalls(requestor, target, clock=clock)
        self._lock = threading.Lock()
        self._session: _Session | None = None
        self._attempt: _Attempt | None = None
        self._generation = 0
        self._account: str | None = None  # chosen by switch(); outlives a login
        self._verdict: APIError | None = None  # IG refused the credentials
        self._streamed: SessionTokens | None = None  # given to a stream last
        self._closed = False

    @property
    def account_id(self) -> str | None:
        """The account in use, ``None`` before the first login."""
        with self._lock:
            return self._session.account_id if self._session else None

    @property
    def generation(self) -> int:
        """Number of the last tokens; another number means that they were renewed meanwhile."""
        with self._lock:
            return self._generation

    @property
    def refusal(self) -> APIError | None:
        """Why IG refused the credentials for good; ``None`` as long as it has not."""
        with self._lock:
            return self._verdict

    def deadline(self, timeout: float | None) -> Deadline:
        """Return the deadline of a new call: the first thing that each of them does.

        Raises:
            UsageError: This process was forked off after the client was made.
        """
        self.home.check()
        return self.requestor.deadline(timeout)

    def login(self, deadline: Deadline) -> Login:
        """Log in unless there is a login in force, and return what it reported."""
        return self._ensure(deadline).login

    def call(
        self,
        endpoint: Endpoint,
        deadline: Deadline,
        *,
        parts: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, object] | None = None,
    ) -> Reply:
        """Return the answer to a call that needs a login."""
        return self.requestor.call(endpoint, deadline=deadline, parts=parts, query=query, body=body, authorizer=self)

    def stamp(self, deadline: Deadline) -> Stamp:
        """Return the headers of a live login, logging in if there is none."""
        session = self._ensure(deadline)
        return Stamp(session.headers, session.generation)

    def renew(self, generation: int) -> None:
        """Use the tokens of ``generation`` no more, unless newer ones have taken their place.

        Those of version 3 are renewed with the refresh token; only when that is refused as well, a login follows.
        """
        with self._lock:
            session = self._session
            if session is None or session.generation != generation:
                return
            if isinstance(session.tokens, OAuthTokens):
                tokens = dataclasses.replace(session.tokens, refused=True)
                self._session = dataclasses.replace(session, tokens=tokens)
            else:
                self._session = None

    def accounts(self, deadline: Deadline) -> tuple[SessionAccount, ...]:
        """Return the accounts of the user, logging in if need be."""
        session = self._ensure(deadline)
        if session.login.accounts or isinstance(session.tokens, SessionTokens):
            return session.login.accounts
        accounts = read_accounts(self.call(ACCOUNTS, deadline))
        with self._lock:
            if self._session is not None:
                login = dataclasses.replace(self._session.login, accounts=accounts)
                self._session = dataclasses.replace(self._session, login=login)
        return accounts

    def encryption_key(self, deadline: Deadline) -> EncryptionKey:
        """Return IG's key for passwords; needs no login."""
        return self._calls.encryption_key(deadline)

    def access(self, deadline: Deadline, *, fresh: bool = False) -> StreamAccess:
        """Return what it takes to open a stream, logging in if need be.

        Args:
            deadline: By when the call must end.
            fresh: The stream refused the tokens that it was given last: give others.
        """
        if fresh:
            self._drop_stream_tokens()
        session = self._ensure(deadline)
        tokens = session.stream_tokens
        if tokens is None:
            session, tokens = self._fetch_stream_tokens(deadline)
        endpoint = self._target().stream_url or session.login.lightstreamer_endpoint
        if not endpoint or not session.account_id:
            raise DecodeError("the login named no stream server or no account", path="lightstreamerEndpoint")
        with self._lock:
            self._streamed = tokens
        account_id, items = session.account_id, self.requestor.throttle.stream_items
        return StreamAccess(endpoint, account_id, account_id, tokens.stream_password, items)

    def _drop_stream_tokens(self) -> None:
        with self._lock:
            session = self._session
            # Others may have renewed them meanwhile.
            if session is None or session.stream_tokens != self._streamed:
                return
            self._session = dataclasses.replace(session, fetched=None) if session.fetched is not None else None

    def _fetch_stream_tokens(self, deadline: Deadline) -> tuple[_Session, SessionTokens]:
        """Ask for the tokens that a stream takes, since it takes none of OAuth (REST.md section 2.3)."""
        while True:
            account_id = self._ensure(deadline).account_id
            tokens = SessionTokens.of(self.call(DETAILS, deadline, query={"fetchSessionTokens": "true"}).headers)
            with self._lock:
                session = self._session
                # They are of the account that was in use when they were made.
                if session is not None and session.account_id == account_id:
                    self._session = dataclasses.replace(session, fetched=tokens)
                    return self._session, tokens

    def switch(self, account: str, deadline: Deadline, *, make_default: bool) -> AccountSwitch:
        """Change the account in use; it is kept when the login is renewed."""
        wanted, expired = account_id_of(account, self.accounts(deadline)), False
        while True:
            session = self._ensure(deadline)
            tokens, told = session.tokens, AccountSwitch.of(session.login)
            if make_default or (wanted != session.account_id and isinstance(tokens, SessionTokens)):
                body = {"accountId": wanted, "defaultAccount": make_default}
                try:
                    reply = self.requestor.call(SWITCH, deadline=deadline, body=body, headers=session.headers)
                except SessionExpired:
                    if expired:
                        raise
                    expired = True
                    self.renew(session.generation)
                    continue
                told = _json.decode(AccountSwitch, reply.data or {}, path="session")
                if isinstance(tokens, SessionTokens):
                    tokens = dataclasses.replace(tokens, xst=reply.headers.get(XST, tokens.xst))
            elif wanted != session.account_id:
                told = AccountSwitch()
            if self._moved(session, tokens, wanted):
                return told

    def _moved(self, session: _Session, tokens: Tokens, wanted: str) -> bool:
        """Put the login on another account, unless a newer one, on the old account, has taken its place."""
        with self._lock:
            self._account = wanted
            current = self._session or session
            if isinstance(tokens, SessionTokens):
                # The account token is of the very login that was switched.
                if current is not session:
                    return False
                current = dataclasses.replace(current, tokens=tokens)
            self._generation += 1
            self._session = dataclasses.replace(
                current,
                generation=self._generation,
                account_id=wanted,
                fetched=current.fetched if wanted == current.account_id else None,
                login=dataclasses.replace(current.login, current_account_id=wanted),
            )
            return True

    @logs.correlation()
    def logout(self, deadline: Deadline, *, last: bool = False) -> None:
        """Log out at IG and forget the tokens; without a login this does nothing.

        Args:
            deadline: By when the call must end.
            last: The client is closing.
        """
        with self._lock:
            session, self._session = self._session, None
        if session is None:
            return
        proofs = [session.headers]
        if session.fetched is not None:
            # They are a login of their own; a bearer's logout need not end it (REST.md section 10).
            proofs.append(session.fetched.headers(session.account_id))
        for headers in proofs:
            self._calls.end(headers, deadline, last=last)

    def close(self) -> None:
        """Wake all threads that wait for a login; there is none any more."""
        with self._lock:
            self._closed = True
            attempt = self._attempt
        if attempt is not None:
            self._finish(attempt, UsageError("the client was closed during the login"))

    def _ensure(self, deadline: Deadline) -> _Session:
        while True:
            with self._lock:
                if self._closed:
                    raise UsageError("this client is closed", hint="make a new IGClient")
                session = self._live()
                if session is not None:
                    return session
                if self._verdict is not None:
                    raise copy_of(self._verdict)
                attempt, mine = self._attempt, False
                if attempt is None:
                    attempt, mine = _Attempt(), True
                    self._attempt = attempt
            if mine:
                return self._lead(attempt, deadline)
            self._follow(attempt, deadline)

    def _live(self) -> _Session | None:
        session, now = self._session, self._clock.monotonic()
        if session is None or _too_old(session, now, self._config) or session.tokens.overdue(now):
            return None
        return session

    @logs.correlation()  # one id for the login, its calls and the asking for the allowances behind it
    def _lead(self, attempt: _Attempt, deadline: Deadline) -> _Session:
        try:
            session = self._renewed(deadline) or self._log_in(deadline)
        except BaseException as failure:
            # An interrupt is for this thread alone.
            interrupted = not isinstance(failure, Exception)
            attempt.cut_short = interrupted or (deadline.limited and deadline.left_s <= 0)
            self._finish(attempt, failure)
            raise
        self._finish(attempt, None)
        # Here, where a login is expected to take its time: never inside a deal that comes later.
        self.requestor.learn_limits(self, deadline)
        return session

    def _renewed(self, deadline: Deadline) -> _Session | None:
        """Return the login with new OAuth tokens, or ``None`` when it takes a new login."""
        with self._lock:
            session = self._session
        if session is None or _too_old(session, self._clock.monotonic(), self._config):
            return None
        tokens = session.tokens
        renewed = self._calls.renew(tokens, deadline) if isinstance(tokens, OAuthTokens) else None
        if renewed is None:
            return None
        with self._lock:
            self._generation += 1
            # The account may have been switched meanwhile.
            current = self._session or session
            self._session = dataclasses.replace(current, generation=self._generation, tokens=renewed)
            return self._session

    def _follow(self, attempt: _Attempt, deadline: Deadline) -> None:
        """Wait for another thread's login; its failure is this thread's too."""
        wait_s = deadline.left_s if deadline.limited else _patience_s(self._config)
        if not self._clock.wait(attempt.done, wait_s):
            raise RequestTimeout("the login took too long", sent="no", method=LOGIN.method, path=LOGIN.path)
        if attempt.failure is not None and not attempt.cut_short:
            raise attempt.failure

    def _finish(self, attempt: _Attempt, failure: BaseException | None) -> None:
        with self._lock:
            if self._attempt is attempt:
                self._attempt = None
            if not attempt.done.is_set():
                attempt.failure = failure
                attempt.done.set()

    def _log_in(self, deadline: Deadline) -> _Session:
        try:
            login, tokens = self._calls.open(deadline)
        except (AuthenticationError, PermissionDenied) as refusal:
            if is_verdict(refusal):
                with self._lock:
                    self._verdict = refusal
            raise
        with self._lock:
            wanted = self._account or self._config.account_id
        opened_at = self._clock.monotonic()
        login, tokens = self._calls.move(login, tokens, wanted, deadline)
        with self._lock:
            self._generation += 1
            session = _Session(self._generation, login, login.current_account_id, opened_at, tokens)
            self._session = session
        _log.info("logged in on account %s", session.account_id)
        return session


def _too_old(session: _Session, now: float, config: IGConfig) -> bool:
    return now - session.opened_at >= config.session_lifetime_s


def _patience_s(config: IGConfig) -> float:
    """Return the longest time that a login with all its attempts can take."""
    one = config.connect_timeout_s + config.read_timeout_s + config.reconnect.max_delay_s
    # A login, and a switch of account behind it.
    return min(2 * one * (config.reconnect.max_retries + 1), threading.TIMEOUT_MAX, 86_400.0)
