"""Replies about sessions: log in, refresh, switch, log out.

Source:
    REST.md section 2.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ig_sdk.simulator.accounts.logins import ACCESS_S, Account, OAuthTokens, Session
from ig_sdk.simulator.refusals import RestRefusal
from ig_sdk.simulator.rest.backend import Backend, Handler
from ig_sdk.simulator.rest.request import Call, Reply, flag

CLIENT_ID = "100112233"


def _log_in(backend: Backend, call: Call) -> Reply:
    given, sessions = call.body, backend.sessions
    password = given["password"]
    if given["encryptedPassword"]:
        password = backend.encryption.decrypt(password)
    elif backend.encrypted_only:
        raise RestRefusal("error.public-api.failure.encryption.required")
    sessions.check_login(given["identifier"], password)
    if call.version == 3:
        return Reply(body=_oauth_login(backend, sessions.preferred, sessions.open_oauth()))
    session = sessions.open()
    return Reply(body=_login(backend, session.account), headers=_token_headers(session))


def _login(backend: Backend, account: Account) -> dict[str, Any]:
    return {
        "accountType": account.kind,
        "accountInfo": backend.balance(account.account_id),
        "currencyIsoCode": account.currency,
        "currencySymbol": account.symbol,
        "currentAccountId": account.account_id,
        "lightstreamerEndpoint": backend.stream_url,
        "accounts": [
            {
                "accountId": each.account_id,
                "accountName": each.name,
                "preferred": each == backend.sessions.preferred,
                "accountType": each.kind,
            }
            for each in backend.sessions.accounts
        ],
        "clientId": CLIENT_ID,
        "timezoneOffset": backend.timezone_offset(),
        "hasActiveDemoAccounts": True,
        "hasActiveLiveAccounts": False,
        "trailingStopsEnabled": backend.trailing_stops(account.account_id),
        "reroutingEnvironment": None,
        "dealingEnabled": True,
    }


def _oauth_login(backend: Backend, account: Account, tokens: OAuthTokens) -> dict[str, Any]:
    return {
        "clientId": CLIENT_ID,
        "accountId": account.account_id,
        "timezoneOffset": backend.timezone_offset(),
        "lightstreamerEndpoint": backend.stream_url,
        "oauthToken": _oauth(tokens),
    }


def _oauth(tokens: OAuthTokens) -> dict[str, Any]:
    return {
        "access_token": tokens.access,
        "refresh_token": tokens.refresh,
        "scope": "profile",
        "token_type": "Bearer",
        # Text, not a number (REST.md 2.2).
        "expires_in": f"{ACCESS_S:.0f}",
    }


def _refresh(backend: Backend, call: Call) -> Reply:
    return Reply(body=_oauth(backend.sessions.refresh(call.body["refresh_token"])))


def _encryption_key(backend: Backend, call: Call) -> Reply:
    del call
    stamp = int(backend.clock.now().timestamp() * 1000)
    return Reply(body={"encryptionKey": backend.encryption.public_text(), "timeStamp": stamp})


def _session(backend: Backend, call: Call) -> Reply:
    account = call.owner
    headers = {}
    if flag(call.query.get("fetchSessionTokens")):
        headers = _token_headers(call.session or backend.sessions.open(account))
    body = {
        "clientId": CLIENT_ID,
        "accountId": account.account_id,
        "timezoneOffset": backend.timezone_offset(),
        "locale": "en_GB",
        "currency": account.currency,
        "lightstreamerEndpoint": backend.stream_url,
    }
    return Reply(body=body, headers=headers)


def _switch(backend: Backend, call: Call) -> Reply:
    given, headers = call.body, {}
    if call.session is None:
        # A request with an OAuth token names its account itself: there is nothing to switch.
        backend.sessions.account(given["accountId"])
    else:
        backend.sessions.switch(call.session, given["accountId"], as_default=bool(given["defaultAccount"]))
        headers = {"X-SECURITY-TOKEN": call.session.xst}
    body = {
        "trailingStopsEnabled": backend.trailing_stops(given["accountId"]),
        "dealingEnabled": True,
        "hasActiveDemoAccounts": True,
        "hasActiveLiveAccounts": False,
    }
    return Reply(body=body, headers=headers)


def _log_out(backend: Backend, call: Call) -> Reply:
    # By reports, a bearer token stays valid (REST.md section 10).
    if call.session is not None:
        backend.sessions.close(call.session)
    return Reply(204)


def _token_headers(session: Session) -> dict[str, str]:
    return {"CST": session.cst, "X-SECURITY-TOKEN": session.xst}


HANDLERS: Mapping[str, Handler] = {
    "session.create.v1": _log_in,
    "session.create.v2": _log_in,
    "session.create.v3": _log_in,
    "session.refresh.v1": _refresh,
    "session.encryption_key.v1": _encryption_key,
    "session.get.v1": _session,
    "session.switch.v1": _switch,
    "session.delete.v1": _log_out,
}
