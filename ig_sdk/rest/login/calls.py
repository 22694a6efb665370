"""The calls of a login: by version 2 or 3, with the password in plain text or encrypted, and OAuth's renewal."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ig_sdk import _json, logs
from ig_sdk.clock import Clock
from ig_sdk.config import IGConfig
from ig_sdk.errors import (
    APIError,
    AuthenticationError,
    BrokerUnavailable,
    ConfigError,
    DecodeError,
    RateLimited,
    SessionExpired,
)
from ig_sdk.redaction import Hidden
from ig_sdk.rest.http.deadline import Deadline
from ig_sdk.rest.http.error_codes import LOGIN_AGAIN
from ig_sdk.rest.http.requestor import Reply, Requestor
from ig_sdk.rest.login.encryption import encrypted
from ig_sdk.rest.login.session_info import (
    ACCOUNTS,
    ENCRYPTION_KEY,
    LOGIN,
    LOGIN_OAUTH,
    LOGOUT,
    REFRESH,
    SWITCH,
    EncryptionKey,
    Login,
    SessionAccount,
)
from ig_sdk.rest.login.tokens import XST, OAuthTokens, SessionTokens, Tokens

_log = logs.get_logger("auth")
_ENCRYPTION_REQUIRED = "error.public-api.failure.encryption.required"
# Refusals of a login that say nothing about the credentials: another attempt may do, and locks nobody out.
_PASSING = (
    LOGIN_AGAIN,
    "error.security.generic",
    "service.clientsecurity.error.authentication.failure-generic",
)


class LoginCalls:
    """Logs in and renews tokens.

    Args:
        requestor: Sends the calls.
        target: Returns the configuration with the credentials and the address to use.
        clock: Says when tokens were asked for.

    Threading:
        ``open`` and ``renew`` are for one thread at a time; ``Auth`` sees to it.
    """

    def __init__(self, requestor: Requestor, target: Callable[[], IGConfig], *, clock: Clock) -> None:
        self._requestor = requestor
        self._target = target
        self._clock = clock
        # IG demanded it once; asking again with plain text would be refused again.
        self._demanded = False

    def open(self, deadline: Deadline) -> tuple[Login, Tokens]:
        """Log in.

        Raises:
            ConfigError: Credentials are missing, or the password cannot be encrypted.
            APIError: IG refuses.
            IGError: The call failed otherwise.
        """
        config = self._target()
        config.require_credentials()
        encrypt = config.encrypt_password is True or self._demanded
        try:
            return self._attempt(config, deadline, encrypt=encrypt)
        except APIError as refusal:
            if refusal.code != _ENCRYPTION_REQUIRED or encrypt or config.encrypt_password is False:
                raise
        _log.info("IG wants the password encrypted")
        self._demanded = True
        return self._attempt(config, deadline, encrypt=True)

    def _attempt(self, config: IGConfig, deadline: Deadline, *, encrypt: bool) -> tuple[Login, Tokens]:
        body = Hidden({"identifier": config.identifier, "password": config.password})
        if encrypt:
            key = self.encryption_key(deadline)
            if not key.encryption_key or key.time_stamp is None:
                raise DecodeError("IG gave no key to encrypt the password with", path="encryptionKey, timeStamp")
            body["password"] = encrypted(config.password or "", key.encryption_key, key.time_stamp)
            body["encryptedPassword"] = True
        asked_at = self._clock.monotonic()
        try:
            endpoint = LOGIN_OAUTH if config.login_version == 3 else LOGIN
            return _opened(self._requestor.call(endpoint, deadline=deadline, body=body), asked_at)
        except DecodeError as error:
            raise _without_excerpt(error) from None

    def renew(self, tokens: OAuthTokens, deadline: Deadline) -> OAuthTokens | None:
        """Exchange the refresh token; return ``None`` when IG does not take it and only a new login helps.

        Raises:
            IGError: The call failed; the tokens may still be good.
        """
        asked_at = self._clock.monotonic()
        try:
            reply = self._requestor.call(REFRESH, deadline=deadline, body={"refresh_token": tokens.refresh})
            return OAuthTokens.of(reply.data, asked_at=asked_at)
        except DecodeError as error:
            raise _without_excerpt(error) from None
        except (RateLimited, BrokerUnavailable):
            raise
        except APIError as refusal:
            _log.info("the login cannot be renewed: %s", refusal)
            return None

    def move(self, login: Login, tokens: Tokens, wanted: str | None, deadline: Deadline) -> tuple[Login, Tokens]:
        """Go from the preferred account, where every login lands, to the one that was asked for (REST.md 2.1).

        Args:
            login: What the login reported.
            tokens: Its tokens.
            wanted: Id, name or type of an account; ``None`` stays.
            deadline: By when the calls must end.

        Raises:
            ConfigError: There is no such account, or there are several.
            IGError: A call failed.
        """
        landed = login.current_account_id
        if not wanted or wanted == landed:
            return login, tokens
        proof = tokens.headers(landed)
        if isinstance(tokens, OAuthTokens):
            accounts = read_accounts(self._requestor.call(ACCOUNTS, deadline=deadline, headers=proof))
            login = dataclasses.replace(login, accounts=accounts)
        try:
            chosen = account_id_of(wanted, login.accounts) if login.accounts else wanted
        except ValueError as error:
            raise ConfigError([f"account_id: {error}"]) from None
        if chosen != landed and isinstance(tokens, SessionTokens):
            body = {"accountId": chosen, "defaultAccount": False}
            reply = self._requestor.call(SWITCH, deadline=deadline, body=body, headers=proof)
            tokens = dataclasses.replace(tokens, xst=reply.headers.get(XST, tokens.xst))
        return dataclasses.replace(login, current_account_id=chosen), tokens

    def end(self, headers: Mapping[str, str], deadline: Deadline, *, last: bool) -> None:
        """Log out the login that these headers prove; one that has ended is fine too.

        Args:
            headers: Its tokens.
            deadline: By when the call must end.
            last: The client is closing.
        """
        try:
            self._requestor.call(LOGOUT, deadline=deadline, headers=headers, last=last)
        except AuthenticationError as error:
            _log.debug("the session had ended before the logout: %s", error)
        else:
            _log.info("logged out")

    def encryption_key(self, deadline: Deadline) -> EncryptionKey:
        """Return IG's key of the moment."""
        self._target().require_credentials()
        return _json.decode(EncryptionKey, self._requestor.call(ENCRYPTION_KEY, deadline=deadline).data, path="session")


def _opened(reply: Reply, asked_at: float) -> tuple[Login, Tokens]:
    """Return what a login reported, and its tokens."""
    data = reply.data
    if not isinstance(data, Mapping) or "oauthToken" not in data:
        return _json.decode(Login, data, path="login"), SessionTokens.of(reply.headers)
    tokens = OAuthTokens.of(data["oauthToken"], asked_at=asked_at)
    # Version 3 has another name for the account; and its tokens must not stay in what the login reported.
    told: dict[str, Any] = {name: value for name, value in data.items() if name not in ("oauthToken", "accountId")}
    return _json.decode(Login, {"currentAccountId": data.get("accountId"), **told}, path="login"), tokens


def _without_excerpt(error: DecodeError) -> DecodeError:
    """Return the error without what IG sent: tokens, perhaps cut in half and so past any redaction."""
    return DecodeError(error.message, path=error.path, hint=error.hint)


def is_verdict(refusal: APIError) -> bool:
    """Whether IG refused the credentials: sent again and again, they would lock the account."""
    if isinstance(refusal, SessionExpired) or refusal.code in _PASSING:
        return False
    # A page of some proxy on the way is no verdict of IG.
    return refusal.status == 401 or bool(refusal.code)


def copy_of(verdict: APIError) -> APIError:
    """Return an earlier refusal as a new error: one that is raised twice would collect both tracebacks."""
    return type(verdict)(
        verdict.message,
        status=verdict.status,
        code=verdict.code,
        method=verdict.method,
        path=verdict.path,
        hint=f"{verdict.hint or 'correct the credentials'}; then make a new IGClient: this one does not ask again, "
        "repeated failures lock an account",
    )


def read_accounts(reply: Reply) -> tuple[SessionAccount, ...]:
    """Return the accounts in an answer to ``GET /accounts``."""
    return tuple(_json.decode_rows(SessionAccount, reply.data, "accounts"))


def account_id_of(account: str, accounts: Sequence[SessionAccount]) -> str:
    """Return the id of the account that an id, a name or a type means; in names and types the case does not matter."""
    for attribute in ("account_id", "account_name", "account_type"):
        found = [each for each in accounts if getattr(each, attribute) == account]
        if not found and attribute != "account_id":
            found = [each for each in accounts if (getattr(each, attribute) or "").casefold() == account.casefold()]
        if len(found) == 1 and found[0].account_id:
            return found[0].account_id
        if found:
            raise ValueError(f"{len(found)} accounts have the {attribute.partition('_')[2]} {account!r}")
    ids = ", ".join(filter(None, (each.account_id for each in accounts)))
    raise ValueError(f"must be an account of this user ({ids}), by id, name or type, not {account!r}")
