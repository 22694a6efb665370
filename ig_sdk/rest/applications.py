"""``ig.applications``: API keys, and what they may spend."""

# ruff: noqa: RUF009 -- the functions of _json declare fields, as dataclasses.field() does
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from ig_sdk import _json
from ig_sdk.rest.arguments import without_none
from ig_sdk.rest.http.endpoint import Endpoint
from ig_sdk.rest.http.limits.numbers import APPLICATION
from ig_sdk.rest.login.auth import Auth

LIST = replace(APPLICATION, urgent=False)
UPDATE = Endpoint("PUT", "/operations/application", version=1, mutating=True)
DISABLE = Endpoint("PUT", "/operations/application/disable", version=1, mutating=True)


@_json.model
@dataclass(frozen=True)
class Application(_json.Model):
    """An API key with its allowances.

    Attributes:
        name: Name given by the user.
        api_key: The key; not shown when this is printed.
        status: ``ENABLED``, ``DISABLED`` or ``REVOKED``.
        allowance_application_overall: Non-trading requests a minute with this key.
        allowance_account_overall: Non-trading requests a minute for each account.
        allowance_account_trading: Trading requests a minute for each account.
        allowance_account_historical_data: Historical prices a week for each account.
        concurrent_subscriptions_limit: Items that one stream may carry.
        allow_equities: Whether share dealing is open to it.
        allow_quote_orders: Whether ``QUOTE`` deals are open to it.
        created_date: The day it was made.
        extra: What IG sent and this class does not know.
    """

    name: str | None = _json.text()
    api_key: str | None = _json.text(secret=True)
    status: str | None = _json.text()
    allowance_application_overall: int | None = _json.whole()
    allowance_account_overall: int | None = _json.whole()
    allowance_account_trading: int | None = _json.whole()
    allowance_account_historical_data: int | None = _json.whole()
    concurrent_subscriptions_limit: int | None = _json.whole()
    allow_equities: bool | None = _json.flag()
    allow_quote_orders: bool | None = _json.flag()
    created_date: date | None = _json.date()
    extra: dict[str, Any] = _json.extra()


class ApplicationsResource:
    """The user's API keys; reached as ``ig.applications``.

    Args:
        auth: Makes the calls.
        own_key: Returns the key that this client uses.

    Threading:
        Safe from any thread.
    """

    def __init__(self, auth: Auth, own_key: Callable[[], str | None]) -> None:
        self._auth = auth
        self._own_key = own_key

    def update(
        self,
        *,
        api_key: str | None = None,
        status: str | None = None,
        allowance_account_overall: int | None = None,
        allowance_account_trading: int | None = None,
        timeout: float | None = None,
    ) -> Application:
        """Change a key; what is not given stays as it is.

        Args:
            api_key: The key; the one that this client uses unless given.
            status: ``ENABLED`` or ``DISABLED``.
            allowance_account_overall: Non-trading requests a minute for each account.
            allowance_account_trading: Trading requests a minute for each account.
            timeout: Seconds for the whole call; ``None`` bounds each attempt by the configuration.

        Raises:
            ValueError: Nothing to change is given.
            IGError: The call failed; the key is not the user's, or revoked.

        Source:
            ``PUT /operations/application`` version 1 (REST.md section 5).
        """
        wanted: dict[str, object] = {
            "status": status,
            "allowanceAccountOverall": allowance_account_overall,
            "allowanceAccountTrading": allowance_account_trading,
        }
        body = without_none(wanted)
        if not body:
            raise ValueError("update needs status=, allowance_account_overall= or allowance_account_trading=")
        deadline = self._auth.deadline(timeout)
        if api_key is None:
            self._auth.login(deadline)  # the key is known from then on: a simulator starts with the first login
            api_key = self._own_key()
        reply = self._auth.call(UPDATE, deadline, body={"apiKey": api_key, **body})
        return _json.decode(Application, reply.data, path="application")

    def disable(self, *, timeout: float | None = None) -> Application:
        """Turn off the key that this client uses; nothing works with it until it is turned on again on IG's web site.

        Args:
            timeout: Seconds for the whole call; ``None`` bounds each attempt by the configuration.

        Raises:
            IGError: The call failed.

        Source:
            ``PUT /operations/application/disable`` version 1 (REST.md sections 2.5, 5).
        """
        reply = self._auth.call(DISABLE, self._auth.deadline(timeout))
        return _json.decode(Application, reply.data, path="application")

    # Last in the class: below it, "list" would no longer be the type.
    def list(self, *, timeout: float | None = None) -> list[Application]:
        """Return the user's keys with their allowances.

        Args:
            timeout: Seconds for the whole call; ``None`` bounds each attempt by the configuration.

        Raises:
            IGError: The call failed.

        Source:
            ``GET /operations/application`` version 1, a bare list (REST.md sections 3, 5); sample ``application_v1``.
        """
        reply = self._auth.call(LIST, self._auth.deadline(timeout))
        return _json.decode_rows(Application, reply.data, "applications")
