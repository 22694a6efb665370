"""Replies about accounts and applications: balances, preferences, the limits of an API key.

Source:
    REST.md sections 2.5, 3 and 5; wire/ig_api.json.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ig_sdk.simulator.refusals import RestRefusal
from ig_sdk.simulator.rest.backend import Backend, Handler
from ig_sdk.simulator.rest.request import Call, Reply

_LARGEST_ALLOWANCE = 1_000_000


def _accounts(backend: Backend, call: Call) -> Reply:
    del call
    rows = [
        {
            "accountId": each.account_id,
            "accountName": each.name,
            "accountAlias": None,
            "status": "ENABLED",
            "accountType": each.kind,
            "preferred": each == backend.sessions.preferred,
            "balance": backend.balance(each.account_id),
            "currency": each.currency,
            "canTransferFrom": True,
            "canTransferTo": True,
        }
        for each in backend.sessions.accounts
    ]
    return Reply(body={"accounts": rows})


def _preferences(backend: Backend, call: Call) -> Reply:
    account_id = call.owner.account_id
    body: dict[str, Any] = {"trailingStopsEnabled": backend.trailing_stops(account_id)}
    if account_id in backend.hedging_modes:
        body["hedgingMode"] = backend.hedging_modes[account_id]
    return Reply(body=body)


def _set_preferences(backend: Backend, call: Call) -> Reply:
    account_id, wanted = call.owner.account_id, call.body["trailingStopsEnabled"]
    if wanted is not None:
        backend.dealing.act(
            lambda broker, _: broker.set_account(replace(broker.view.account(account_id), trailing_stops=wanted))
        )
    if call.body["hedgingMode"] is not None:
        # Exists on some accounts, undocumented (REST.md section 6.3): stored and reported, without any effect.
        backend.hedging_modes[account_id] = call.body["hedgingMode"]
    return Reply(body={"status": "SUCCESS"})


def _application(backend: Backend, call: Call) -> dict[str, Any]:
    limits = backend.book.limits
    return {
        "name": "SIMULATOR",
        "apiKey": call.api_key,
        "status": "ENABLED" if backend.key_enabled else "DISABLED",
        "allowanceApplicationOverall": limits.per_key,
        "allowanceAccountTrading": limits.trading,
        "allowanceAccountOverall": limits.per_account,
        "allowanceAccountHistoricalData": limits.historical_points,
        "concurrentSubscriptionsLimit": limits.subscriptions,
        "allowEquities": False,
        "allowQuoteOrders": False,
        "createdDate": "2025-01-01",
    }


def _applications(backend: Backend, call: Call) -> Reply:
    # A bare list (REST.md section 5).
    return Reply(body=[_application(backend, call)])


def _update_application(backend: Backend, call: Call) -> Reply:
    given = call.body
    if given["apiKey"] != call.api_key:
        raise RestRefusal("unauthorised.clientId.api-key.mismatch")
    overall, trading = given["allowanceAccountOverall"], given["allowanceAccountTrading"]
    if any(each is not None and not 0 <= each <= _LARGEST_ALLOWANCE for each in (overall, trading)):
        raise RestRefusal("invalid.input")
    backend.book.change(per_account=overall, trading=trading)
    if given["status"] is not None:
        backend.key_enabled = given["status"] == "ENABLED"
    return Reply(body=_application(backend, call))


def _disable_application(backend: Backend, call: Call) -> Reply:
    backend.key_enabled = False
    return Reply(body=_application(backend, call))


HANDLERS: Mapping[str, Handler] = {
    "accounts.list.v1": _accounts,
    "accounts.preferences.get.v1": _preferences,
    "accounts.preferences.update.v1": _set_preferences,
    "applications.list.v1": _applications,
    "applications.update.v1": _update_application,
    "applications.disable.v1": _disable_application,
}
