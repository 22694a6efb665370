"""``ig.accounts``: the user's accounts, their money and their preferences."""

# ruff: noqa: RUF009 -- the functions of _json declare fields, as dataclasses.field() does
from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ig_sdk import _json
from ig_sdk.errors import NotFound
from ig_sdk.rest.arguments import text_of, without_none
from ig_sdk.rest.http.endpoint import Endpoint
from ig_sdk.rest.login.auth import Auth
from ig_sdk.rest.login.session_info import ACCOUNTS, AccountFigures

PREFERENCES = Endpoint("GET", "/accounts/preferences", version=1)
UPDATE_PREFERENCES = Endpoint("PUT", "/accounts/preferences", version=1, mutating=True)


@_json.model
@dataclass(frozen=True)
class Account(_json.Model):
    """An account of the user.

    Attributes:
        account_id: IG's id.
        account_name: Name given by the user.
        account_alias: Another name, if there is one.
        status: ``ENABLED``, ``DISABLED`` or ``SUSPENDED_FROM_DEALING``.
        account_type: ``CFD``, ``SPREADBET`` or ``PHYSICAL``.
        preferred: Whether a login lands on it.
        balance: Its money, in its currency.
        currency: ISO code.
        can_transfer_from: Whether money may be moved out.
        can_transfer_to: Whether money may be moved in.
        extra: What IG sent and this class does not know.
    """

    account_id: str | None = _json.text()
    account_name: str | None = _json.text()
    account_alias: str | None = _json.text()
    status: str | None = _json.text()
    account_type: str | None = _json.text()
    preferred: bool | None = _json.flag()
    balance: AccountFigures | None = _json.nested(AccountFigures)
    currency: str | None = _json.text()
    can_transfer_from: bool | None = _json.flag()
    can_transfer_to: bool | None = _json.flag()
    extra: dict[str, Any] = _json.extra()


@_json.model
@dataclass(frozen=True)
class AccountPreferences(_json.Model):
    """What the user chose for the account in use.

    Attributes:
        trailing_stops_enabled: Whether stops may trail.
        hedging_mode: Whether opposite positions may be open side by side, as text; some accounts have it, IG's
            reference does not.
        extra: What IG sent and this class does not know.
    """

    trailing_stops_enabled: bool | None = _json.flag()
    hedging_mode: str | None = _json.text()
    extra: dict[str, Any] = _json.extra()


class AccountsResource:
    """The user's accounts; reached as ``ig.accounts``.

    Threading:
        Safe from any thread.
    """

    def __init__(self, auth: Auth) -> None:
        self._auth = auth

    def get(self, account_id: str, *, timeout: float | None = None) -> Account:
        """Return one account with its money.

        Args:
            account_id: IG's id of it.
            timeout: Seconds for the whole call; ``None`` bounds each attempt by the configuration.

        Raises:
            ValueError: The id is empty.
            NotFound: The user has no such account.
            IGError: The call failed.

        Source:
            As for ``list``: IG has no request for a single account.
        """
        wanted = text_of(account_id, "account_id")
        accounts = self.list(timeout=timeout)
        for account in accounts:
            if account.account_id == wanted:
                return account
        names = ", ".join(str(account.account_id) for account in accounts)
        raise NotFound(
            f"no account {account_id!r}",
            status=200,
            method=ACCOUNTS.method,
            path=ACCOUNTS.path,
            hint=f"the user's accounts are {names or 'none'}",
        )

    def preferences(self, *, timeout: float | None = None) -> AccountPreferences:
        """Return the preferences of the account in use.

        Args:
            timeout: Seconds for the whole call; ``None`` bounds each attempt by the configuration.

        Raises:
            IGError: The call failed.

        Source:
            ``GET /accounts/preferences`` version 1 (REST.md section 5).
        """
        reply = self._auth.call(PREFERENCES, self._auth.deadline(timeout))
        return _json.decode(AccountPreferences, reply.data, path="preferences")

    def update_preferences(
        self,
        *,
        trailing_stops_enabled: bool | None = None,
        hedging_mode: str | None = None,
        timeout: float | None = None,
    ) -> None:
        """Change preferences of the account in use; what is not given stays as it is.

        Args:
            trailing_stops_enabled: Whether stops may trail.
            hedging_mode: As ``preferences()`` shows it, on accounts that have it.
            timeout: Seconds for the whole call; ``None`` bounds each attempt by the configuration.

        Raises:
            ValueError: Nothing to change is given.
            IGError: The call failed.

        Source:
            ``PUT /accounts/preferences`` version 1 (REST.md section 5).
        """
        wanted: dict[str, object] = {"trailingStopsEnabled": trailing_stops_enabled, "hedgingMode": hedging_mode}
        body = without_none(wanted)
        if not body:
            raise ValueError("update_preferences needs trailing_stops_enabled= or hedging_mode=")
        self._auth.call(UPDATE_PREFERENCES, self._auth.deadline(timeout), body=body)

    # Last in the class: below it, "list" would no longer be the type.
    def list(self, *, timeout: float | None = None) -> list[Account]:
        """Return the user's accounts with their money.

        Args:
            timeout: Seconds for the whole call; ``None`` bounds each attempt by the configuration.

        Raises:
            IGError: The call failed.

        Source:
            ``GET /accounts`` version 1 (REST.md section 5); samples ``accounts_v1``.
        """
        return _json.decode_rows(Account, self._auth.call(ACCOUNTS, self._auth.deadline(timeout)).data, "accounts")
