"""What IG says about a login: endpoints of the session, and the models of their answers."""

# ruff: noqa: RUF009 -- the functions of _json declare fields, as dataclasses.field() does
from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from ig_sdk import _json
from ig_sdk.rest.http.endpoint import Endpoint

# A login deals nothing, so it may be tried again; a logout or a switch that may have been taken is not. Others wait for
# what logs in, so it goes before them.
LOGIN = Endpoint("POST", "/session", version=2, authenticated=False, urgent=True)
LOGIN_OAUTH = Endpoint("POST", "/session", version=3, authenticated=False, urgent=True)
# A refresh token is spent by its use: should the answer be lost, the next attempt is refused, and a login follows.
REFRESH = Endpoint("POST", "/session/refresh-token", authenticated=False, urgent=True)
ENCRYPTION_KEY = Endpoint("GET", "/session/encryptionKey", authenticated=False, urgent=True)
LOGOUT = Endpoint("DELETE", "/session", mutating=True, urgent=True)
SWITCH = Endpoint("PUT", "/session", mutating=True, urgent=True)
DETAILS = Endpoint("GET", "/session", urgent=True)
# A login of version 3 does not list the accounts.
ACCOUNTS = Endpoint("GET", "/accounts", urgent=True)


@_json.model
@dataclass(frozen=True)
class SessionAccount(_json.Model):
    """An account as the login lists it.

    Attributes:
        account_id: IG's id.
        account_name: Name given by the user.
        preferred: Whether a login lands on it.
        account_type: ``CFD``, ``SPREADBET`` …
        extra: What IG sent and this class does not know.
    """

    account_id: str | None = _json.text()
    account_name: str | None = _json.text()
    preferred: bool | None = _json.flag()
    account_type: str | None = _json.text()
    extra: dict[str, Any] = _json.extra()


@_json.model
@dataclass(frozen=True)
class AccountFigures(_json.Model):
    """Money of an account, in its currency.

    Attributes:
        balance: Cash.
        deposit: Margin in use.
        profit_loss: Running profit or loss.
        available: What may be used.
        extra: What IG sent and this class does not know.
    """

    balance: Decimal | None = _json.decimal()
    deposit: Decimal | None = _json.decimal()
    profit_loss: Decimal | None = _json.decimal()
    available: Decimal | None = _json.decimal()
    extra: dict[str, Any] = _json.extra()


@_json.model
@dataclass(frozen=True)
class Login(_json.Model):
    """The answer to a login. The tokens are not in here.

    Attributes:
        account_type: Kind of the account that the login landed on.
        account_info: Its money.
        currency_iso_code: Its currency.
        currency_symbol: How IG writes that currency.
        current_account_id: The account in use.
        lightstreamer_endpoint: Address of the stream.
        accounts: All accounts of the user.
        client_id: IG's number of the user.
        timezone_offset: Hours by which local times in replies are ahead of UTC.
        has_active_demo_accounts: Whether there are demo accounts.
        has_active_live_accounts: Whether there are live accounts.
        trailing_stops_enabled: Whether stops may trail.
        rerouting_environment: Where IG would rather have the user, if anywhere.
        dealing_enabled: Whether the account may deal.
        extra: What IG sent and this class does not know.
    """

    account_type: str | None = _json.text()
    account_info: AccountFigures | None = _json.nested(AccountFigures)
    currency_iso_code: str | None = _json.text()
    currency_symbol: str | None = _json.text()
    current_account_id: str | None = _json.text()
    lightstreamer_endpoint: str | None = _json.text()
    accounts: tuple[SessionAccount, ...] = _json.many(SessionAccount)
    client_id: str | None = _json.text()
    timezone_offset: float | None = _json.number()
    has_active_demo_accounts: bool | None = _json.flag()
    has_active_live_accounts: bool | None = _json.flag()
    trailing_stops_enabled: bool | None = _json.flag()
    rerouting_environment: str | None = _json.text()
    dealing_enabled: bool | None = _json.flag()
    extra: dict[str, Any] = _json.extra()


@_json.model
@dataclass(frozen=True)
class SessionDetails(_json.Model):
    """The session as IG sees it.

    Attributes:
        client_id: IG's number of the user.
        account_id: The account in use.
        timezone_offset: Hours by which local times in replies are ahead of UTC.
        locale: Language of texts, e.g. ``en_GB``.
        currency: Currency of the account.
        lightstreamer_endpoint: Address of the stream.
        extra: What IG sent and this class does not know.
    """

    client_id: str | None = _json.text()
    account_id: str | None = _json.text()
    timezone_offset: float | None = _json.number()
    locale: str | None = _json.text()
    currency: str | None = _json.text()
    lightstreamer_endpoint: str | None = _json.text()
    extra: dict[str, Any] = _json.extra()


@_json.model
@dataclass(frozen=True)
class AccountSwitch(_json.Model):
    """What IG says about the account switched to.

    Attributes:
        trailing_stops_enabled: Whether stops may trail.
        dealing_enabled: Whether the account may deal.
        has_active_demo_accounts: Whether there are demo accounts.
        has_active_live_accounts: Whether there are live accounts.
        extra: What IG sent and this class does not know.
    """

    trailing_stops_enabled: bool | None = _json.flag()
    dealing_enabled: bool | None = _json.flag()
    has_active_demo_accounts: bool | None = _json.flag()
    has_active_live_accounts: bool | None = _json.flag()
    extra: dict[str, Any] = _json.extra()

    @classmethod
    def of(cls, login: Login) -> AccountSwitch:
        """Return what the login reported about the account that it landed on."""
        return cls(
            login.trailing_stops_enabled,
            login.dealing_enabled,
            login.has_active_demo_accounts,
            login.has_active_live_accounts,
        )


@_json.model
@dataclass(frozen=True)
class EncryptionKey(_json.Model):
    """A key to encrypt passwords with.

    Attributes:
        encryption_key: Base64 of an RSA key as X.509 SubjectPublicKeyInfo.
        time_stamp: IG's time in milliseconds, which is encrypted along with the password.
        extra: What IG sent and this class does not know.
    """

    encryption_key: str | None = _json.text(secret=True)  # none, but a page long
    time_stamp: int | None = _json.whole()
    extra: dict[str, Any] = _json.extra()
