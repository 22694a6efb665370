"""Logins: credentials, accounts, and the tokens of open sessions.

Source:
    REST.md section 2 (tokens and their lifetimes), IG-SPECIFICS.md sections 2 and 9 (tokens on the stream).
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from ig_sdk.clock import Clock
from ig_sdk.simulator.refusals import RestRefusal

TokenKind = Literal["all", "client", "account", "access", "refresh"]

SLIDING_S = 6 * 3600.0
HARD_S = 72 * 3600.0
ACCESS_S = 60.0
# "About 10 minutes by the guide's example" (REST.md 2.2).
REFRESH_S = 600.0
# More than any client needs; one that logs in without end must not fill the memory.
_MOST_SESSIONS = 1000


@dataclass(frozen=True)
class Account:
    """One account of the simulated client."""

    account_id: str
    name: str
    kind: str
    currency: str
    symbol: str
    balance: float = 10_000.0


@dataclass(frozen=True)
class Credentials:
    """What a login must send; the defaults are the simulator's own."""

    api_key: str = field(default="5f1d0c4e7a9b4c3e8d2f6a1b0c9e8d7f", repr=False)
    identifier: str = "simulated"
    password: str = field(default="Simulated-1", repr=False)
    account_id: str = "ABC123"


ACCOUNTS = (
    Account("ABC123", "Demo-cfd", "CFD", "GBP", "£"),
    Account("XYZ987", "Demo-SpreadBet", "SPREADBET", "GBP", "£"),
)


@dataclass
class Session:
    """One login.

    Attributes:
        account: The account that it acts on.
        cst: Client token.
        xst: Account token.
    """

    account: Account
    cst: str = field(repr=False)
    xst: str = field(repr=False)
    made_at: float
    used_at: float


@dataclass(frozen=True)
class OAuthTokens:
    """Tokens of a v3 login."""

    access: str = field(repr=False)
    refresh: str = field(repr=False)
    made_at: float


class Sessions:
    """Every login of a simulator.

    Args:
        clock: Time, for expiry.
        credentials: The one login that is accepted.
        accounts: Accounts of that client; the one named in the credentials is the preferred one.
        sliding_s: Seconds without use after which CST and X-SECURITY-TOKEN expire.
        hard_s: Seconds after which they expire in any case.
        token: Returns a new opaque token.

    Threading:
        Safe from any thread.
    """

    def __init__(
        self,
        clock: Clock,
        credentials: Credentials | None = None,
        *,
        accounts: Sequence[Account] = ACCOUNTS,
        sliding_s: float = SLIDING_S,
        hard_s: float = HARD_S,
        token: Callable[[], str] = secrets.token_hex,
    ) -> None:
        self.credentials = credentials or Credentials()
        self.accounts = tuple(accounts)
        self._clock = clock
        self._sliding_s = sliding_s
        self._hard_s = hard_s
        self._token = token
        self._lock = threading.Lock()
        self._by_cst: dict[str, Session] = {}
        self._access: dict[str, OAuthTokens] = {}
        self._refresh: dict[str, OAuthTokens] = {}
        self._preferred = self.account(self.credentials.account_id)

    @property
    def preferred(self) -> Account:
        """The account that a new login starts on."""
        return self._preferred

    def account(self, account_id: str) -> Account:
        """Return the account of that id.

        Raises:
            RestRefusal: There is none.
        """
        for account in self.accounts:
            if account.account_id == account_id:
                return account
        raise RestRefusal("error.switch.invalid-accountId")

    def check_key(self, api_key: str | None) -> None:
        """Check the API key of a request.

        Raises:
            RestRefusal: It is missing or unknown.
        """
        if not api_key:
            raise RestRefusal("error.security.api-key-missing")
        if not _same(api_key, self.credentials.api_key):
            raise RestRefusal("error.security.api-key-invalid")

    def check_login(self, identifier: str, password: str) -> None:
        """Check a user name and its password.

        Raises:
            RestRefusal: The user name is unknown or the password is wrong.
        """
        if identifier != self.credentials.identifier or not _same(password, self.credentials.password):
            raise RestRefusal("error.security.invalid-details")

    def open(self, account: Account | None = None) -> Session:
        """Return a new session on ``account``, the preferred one unless given."""
        now = self._clock.monotonic()
        session = Session(account or self._preferred, self._token(), self._token(), now, now)
        with self._lock:
            self._drop_expired(now)
            self._by_cst[session.cst] = session
        return session

    def find(self, cst: str | None, xst: str | None) -> Session:
        """Return the live session of both tokens; using it extends its life.

        Raises:
            RestRefusal: A token is missing, unknown or expired; the client token is checked first.
        """
        if not cst:
            raise RestRefusal("error.security.client-token-missing")
        if not xst:
            raise RestRefusal("error.security.account-token-missing")
        now = self._clock.monotonic()
        with self._lock:
            session = self._by_cst.get(cst)
            if session is None or not self._is_live(session, now):
                raise RestRefusal("error.security.client-token-invalid")
            if session.xst != xst:
                raise RestRefusal("error.security.account-token-invalid")
            session.used_at = now
            return session

    def switch(self, session: Session, account_id: str, *, as_default: bool = False) -> None:
        """Move a session to another account; its account token changes.

        Raises:
            RestRefusal: There is no such account, or the session is on it already.
        """
        account = self.account(account_id)
        if account == session.account:
            raise RestRefusal("error.switch.accountId-must-be-different")
        token = self._token()
        with self._lock:
            session.account, session.xst = account, token
            if as_default:
                self._preferred = account

    def close(self, session: Session) -> None:
        """Log a session out."""
        with self._lock:
            self._by_cst.pop(session.cst, None)

    def open_oauth(self) -> OAuthTokens:
        """Return the tokens of a new v3 login."""
        tokens = OAuthTokens(self._token(), self._token(), self._clock.monotonic())
        with self._lock:
            self._drop_expired(tokens.made_at)
            self._access[tokens.access] = tokens
            self._refresh[tokens.refresh] = tokens
        return tokens

    def refresh(self, refresh_token: str) -> OAuthTokens:
        """Return new tokens for a refresh token, which works only once.

        Raises:
            RestRefusal: It is unknown, used before or expired.
        """
        with self._lock:
            spent = self._refresh.pop(refresh_token, None)
            if spent is not None:
                self._access.pop(spent.access, None)
        if spent is None or self._clock.monotonic() - spent.made_at >= REFRESH_S:
            raise RestRefusal("error.security.oauth-token-invalid")
        return self.open_oauth()

    def find_oauth(self, access_token: str, account_id: str | None) -> Account:
        """Return the account that a request with ``access_token`` acts on.

        Raises:
            RestRefusal: The token is unknown or expired, or the account id is missing or unknown.
        """
        with self._lock:
            tokens = self._access.get(access_token)
        if tokens is None or self._clock.monotonic() - tokens.made_at >= ACCESS_S:
            raise RestRefusal("error.security.oauth-token-invalid")
        if not account_id:
            raise RestRefusal("error.security.account-token-missing")
        try:
            return self.account(account_id)
        except RestRefusal:
            raise RestRefusal("error.security.account-token-invalid") from None

    def authenticate(self, user: str | None, password: str | None) -> bool:
        """Whether the stream accepts a login: ``CST-…|XST-…`` of a live session, and its account id or no user.

        An open stream goes on when its tokens expire; only a new session needs live ones.
        """
        cst, _, xst = (password or "").partition("|")
        if not (cst.startswith("CST-") and xst.startswith("XST-")):
            return False
        try:
            session = self.find(cst[4:], xst[4:])
        except RestRefusal:
            return False
        return not user or user == session.account.account_id

    def invalidate_all(self) -> None:
        """Invalidate every token, as the weekend maintenance does."""
        self.kill("all")

    def expire_access(self) -> None:
        """Invalidate the OAuth access tokens only; their refresh tokens still work."""
        self.kill("access")

    def kill(self, kind: TokenKind) -> int:
        """Invalidate tokens.

        Args:
            kind: ``"client"`` (CST), ``"account"`` (X-SECURITY-TOKEN), of OAuth ``"access"`` or ``"refresh"``, or
                ``"all"``.

        Returns:
            How many were invalidated.
        """
        if kind not in get_args(TokenKind):
            raise ValueError(f"kind must be one of {', '.join(get_args(TokenKind))}, not {kind!r}")
        with self._lock:
            if kind == "account":
                for session in self._by_cst.values():
                    session.xst = self._token()
                return len(self._by_cst)
            tables: dict[str, dict[str, Any]] = {
                "client": self._by_cst,
                "access": self._access,
                "refresh": self._refresh,
            }
            chosen = list(tables.values()) if kind == "all" else [tables[kind]]
            count = sum(map(len, chosen))
            for table in chosen:
                table.clear()
        return count

    def _is_live(self, session: Session, now: float) -> bool:
        return now - session.used_at < self._sliding_s and now - session.made_at < self._hard_s

    def _drop_expired(self, now: float) -> None:
        # Called under the lock. Dictionaries keep the order of insertion: the first are the oldest.
        for cst in [cst for cst, session in self._by_cst.items() if not self._is_live(session, now)]:
            del self._by_cst[cst]
        for by_token in (self._access, self._refresh):
            for token in [token for token, tokens in by_token.items() if now - tokens.made_at >= REFRESH_S]:
                del by_token[token]
        for table in (self._by_cst, self._access, self._refresh):
            while len(table) >= _MOST_SESSIONS:
                del table[next(iter(table))]


def _same(given: str, own: str) -> bool:
    # JSON can hold lone surrogates, which plain UTF-8 cannot encode.
    return secrets.compare_digest(given.encode(errors="surrogatepass"), own.encode(errors="surrogatepass"))
