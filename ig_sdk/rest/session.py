"""``ig.session``: who is logged in, and on which account."""

# ruff: noqa: RUF009 -- the functions of _json declare fields, as dataclasses.field() does
from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from ig_sdk import _json
from ig_sdk.rest.endpoint import Endpoint

if TYPE_CHECKING:
    from ig_sdk.rest.auth import Auth

# A login deals nothing, so it may be tried again; a logout or a switch that may have been taken is not.
LOGIN = Endpoint("POST", "/session", version=2, authenticated=False)
LOGOUT = Endpoint("DELETE", "/session", version=1, mutating=True)
SWITCH = Endpoint("PUT", "/session", version=1, mutating=True)
DETAILS = Endpoint("GET", "/session", version=1)


@_json.model
@dataclass(frozen=True)
class SessionAccount:
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
class AccountFigures:
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
class Login:
    """What a login tells. The tokens are not in here.

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
class SessionDetails:
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
class AccountSwitch:
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


class SessionResource:
    """The session; reached as ``ig.session``.

    Threading:
        Safe from any thread.
    """

    def __init__(self, auth: Auth) -> None:
        self._auth = auth

    @property
    def accounts(self) -> tuple[SessionAccount, ...]:
        """The user's accounts, from the login; logs in if need be."""
        return self._auth.login(self._auth.budget(None)).accounts

    def get(self, *, timeout: float | None = None) -> SessionDetails:
        """Return the session as IG sees it now.

        Args:
            timeout: Seconds for the whole call; ``None`` bounds each attempt by the configuration.

        Raises:
            IGError: The call failed.

        Source:
            ``GET /session`` version 1 (REST.md section 5); sample ``session_get_v1``.
        """
        reply = self._auth.call(DETAILS, self._auth.budget(timeout))
        return _json.decode(SessionDetails, reply.data, path="session")

    def switch(self, account: str, *, make_default: bool = False, timeout: float | None = None) -> AccountSwitch:
        """Work on another account from now on, also after the login is renewed.

        A stream that is open keeps the account that it was opened with.

        Args:
            account: Id of the account, or its name or type where only one has it.
            make_default: Make it the preferred account for good, on the web platform too.
            timeout: Seconds for the whole call; ``None`` bounds each attempt by the configuration.

        Raises:
            ValueError: No account of the user, or more than one, is meant by ``account``.
            IGError: The call failed.

        Source:
            ``PUT /session`` version 1 (REST.md section 2.1); sample ``session_put_v1``.
        """
        return self._auth.switch(account, self._auth.budget(timeout), make_default=make_default)
