"""Sessions over the REST API: log in, refresh, switch, log out, encrypted passwords."""

from __future__ import annotations

import base64
from typing import Any

import pytest

STREAM = "http://127.0.0.1:8888"
EPIC = "CS.D.EURUSD.MINI.IP"


@pytest.mark.parametrize("version", [None, 1, 2])
def test_login_gives_tokens_and_endpoint(house, version):
    """v1 (also by leaving VERSION out) and v2 answer with both tokens in headers and the account in the body."""
    reply = house.call("POST", "/session", version, house.login_body, **house.key)
    assert reply.status_code == 200
    assert reply.headers["CST"]
    assert reply.headers["X-SECURITY-TOKEN"]
    assert reply.headers["X-REQUEST-ID"]
    assert reply.headers["Content-Type"] == "application/json; charset=UTF-8"
    assert reply.json["currentAccountId"] == "ABC123"
    assert reply.json["lightstreamerEndpoint"] == STREAM
    assert [account["preferred"] for account in reply.json["accounts"]] == [True, False]


LOGIN_FAULTS = {
    "wrong password": ({"password": "wrong"}, 401, "error.security.invalid-details"),
    "wrong user": ({"identifier": "other"}, 401, "error.security.invalid-details"),
    "no password": ({"password": None}, 400, "validation.null-not-allowed.request.password"),
    "an e-mail address": ({"identifier": "a@b.c"}, 400, "validation.pattern.invalid.authenticationRequest.identifier"),
    "empty user": ({"identifier": ""}, 400, "validation.pattern.invalid.authenticationRequest.identifier"),
    "number as user": ({"identifier": 1}, 400, "invalid.request.identifier"),
    "unknown property": ({"user": "x"}, 400, "invalid.request.user"),
    "text for a flag": ({"encryptedPassword": "maybe"}, 400, "invalid.request.encryptedPassword"),
    "half a character": ({"password": "\ud800"}, 401, "error.security.invalid-details"),
}


@pytest.mark.parametrize("fault", LOGIN_FAULTS)
def test_login_refusals(house, fault, refusal):
    """Each wrong login has IG's own code."""
    change, status, code = LOGIN_FAULTS[fault]
    reply = house.call("POST", "/session", 2, house.login_body | change, **house.key)
    assert refusal(reply) == (status, code)
    assert "CST" not in reply.headers


def test_tokens_expire(house, auth, refusal):
    """After six hours without a call the tokens are dead."""
    house.clock.advance(6 * 3600)
    assert refusal(house.call("GET", "/session", 1, **auth)) == (401, "error.security.client-token-invalid")


def test_session_details(house, auth):
    """The session names its account; tokens come in the headers only when asked for."""
    reply = house.call("GET", "/session", 1, **auth)
    assert reply.json["accountId"] == "ABC123"
    assert reply.json["lightstreamerEndpoint"] == STREAM
    assert "CST" not in reply.headers
    reply = house.call("GET", "/session?fetchSessionTokens=true", 1, **auth)
    assert (reply.headers["CST"], reply.headers["X-SECURITY-TOKEN"]) == (auth["CST"], auth["X-SECURITY-TOKEN"])


def test_switching_accounts(house, auth, refusal):
    """The switch answers with a new account token, and the old one is dead."""
    reply = house.call("PUT", "/session", 1, {"accountId": "XYZ987", "defaultAccount": "false"}, **auth)
    assert reply.status_code == 200
    assert refusal(house.call("GET", "/session", 1, **auth)) == (401, "error.security.account-token-invalid")
    moved = auth | {"X-SECURITY-TOKEN": reply.headers["X-SECURITY-TOKEN"]}
    assert house.call("GET", "/session", 1, **moved).json["accountId"] == "XYZ987"
    again = house.call("PUT", "/session", 1, {"accountId": "XYZ987"}, **moved)
    assert refusal(again) == (400, "error.switch.accountId-must-be-different")
    unknown = house.call("PUT", "/session", 1, {"accountId": "NOPE"}, **moved)
    assert refusal(unknown) == (400, "error.switch.invalid-accountId")


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("DELETE", {}),
        ("POST", {"_method": "DELETE"}),
        ("POST", {"_method": "delete"}),
        ("DELETE", {"_method": "DELETE"}),
    ],
)
@pytest.mark.parametrize("path", ["/session", "/session/"])
def test_logging_out(house, auth, method, headers, path, refusal):
    """A true DELETE and a POST with ``_method`` end the session alike, with or without a body."""
    assert house.call(method, path, 1, "{}", **auth, **headers).status_code == 204
    assert refusal(house.call("GET", "/session", 1, **auth)) == (401, "error.security.client-token-invalid")


def test_oauth_login_and_calls(house, refusal):
    """A v3 login gives a bearer token; the account is named with each call."""
    reply = house.call("POST", "/session", 3, house.login_body, **house.key)
    assert reply.status_code == 200
    assert "CST" not in reply.headers
    assert reply.json["oauthToken"]["expires_in"] == "60"
    auth = house.log_in_by_oauth()
    assert house.call("GET", "/accounts", 1, **auth).status_code == 200
    assert house.call("GET", "/session", 1, **auth | {"IG-ACCOUNT-ID": "XYZ987"}).json["accountId"] == "XYZ987"
    del auth["IG-ACCOUNT-ID"]
    assert refusal(house.call("GET", "/accounts", 1, **auth)) == (401, "error.security.account-token-missing")


def test_oauth_tokens_expire_and_are_refreshed(house, refusal):
    """After a minute the bearer is refused; a refresh gives a new pair and spends the old."""
    tokens = house.call("POST", "/session", 3, house.login_body, **house.key).json["oauthToken"]
    auth = house.key | {"Authorization": f"Bearer {tokens['access_token']}", "IG-ACCOUNT-ID": "ABC123"}
    house.clock.advance(60)
    assert refusal(house.call("GET", "/session", 1, **auth)) == (401, "error.security.oauth-token-invalid")
    body = {"refresh_token": tokens["refresh_token"]}
    renewed = house.call("POST", "/session/refresh-token", 1, body, **house.key)
    assert renewed.status_code == 200
    auth["Authorization"] = f"Bearer {renewed.json['access_token']}"
    assert house.call("GET", "/session", 1, **auth).status_code == 200
    again = house.call("POST", "/session/refresh-token", 1, body, **house.key)
    assert refusal(again) == (401, "error.security.oauth-token-invalid")


def test_stream_tokens_of_an_oauth_session(house):
    """``fetchSessionTokens`` gives an OAuth caller tokens that the stream takes."""
    reply = house.call("GET", "/session?fetchSessionTokens=true", 1, **house.log_in_by_oauth())
    password = f"CST-{reply.headers['CST']}|XST-{reply.headers['X-SECURITY-TOKEN']}"
    assert house.sessions.authenticate(reply.json["accountId"], password)


def test_oauth_logout_and_switch(house, refusal):
    """Both are answered; the bearer token is reported to survive a logout."""
    auth = house.log_in_by_oauth()
    assert house.call("PUT", "/session", 1, {"accountId": "XYZ987"}, **auth).status_code == 200
    unknown = house.call("PUT", "/session", 1, {"accountId": "NOPE"}, **auth)
    assert refusal(unknown) == (400, "error.switch.invalid-accountId")
    assert house.call("DELETE", "/session", 1, **auth).status_code == 204
    assert house.call("GET", "/session", 1, **auth).status_code == 200


def encrypted(house: Any, password: str, stamp: str | None = None) -> str:
    serialization = pytest.importorskip("cryptography.hazmat.primitives.serialization")
    padding = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.padding")
    offered = house.call("GET", "/session/encryptionKey", 1, **house.key).json
    key = serialization.load_der_public_key(base64.b64decode(offered["encryptionKey"]))
    clear = f"{password}|{offered['timeStamp'] if stamp is None else stamp}".encode()
    return base64.b64encode(key.encrypt(base64.b64encode(clear), padding.PKCS1v15())).decode()


def test_encrypted_password(refusal, new_house):
    """A password encrypted with the offered key is taken, and only that where plain ones are refused."""
    house = new_house(encrypted_only=True)
    plain = house.call("POST", "/session", 2, house.login_body, **house.key)
    assert refusal(plain) == (400, "error.public-api.failure.encryption.required")
    body = house.login_body | {"password": encrypted(house, house.login_body["password"]), "encryptedPassword": True}
    assert house.call("POST", "/session", 2, body, **house.key).status_code == 200


def test_badly_encrypted_passwords(house, refusal):
    """A wrong password, a missing time stamp and plain nonsense are refused as wrong details."""
    for password in (encrypted(house, "wrong"), encrypted(house, "wrong", stamp="x"), "bm9uc2Vuc2U=", "***", "é"):
        body = house.login_body | {"password": password, "encryptedPassword": True}
        reply = house.call("POST", "/session", 2, body, **house.key)
        assert refusal(reply) == (401, "error.security.invalid-details")
