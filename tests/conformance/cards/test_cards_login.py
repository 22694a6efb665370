"""Cards of logins, tokens and the choice of the account."""

from __future__ import annotations

import base64

import pytest

card = pytest.mark.card


@card("TC-AUTH-01", source="REST.md section 2.1", sure="documented")
def test_v2_login(venue):
    """A v2 login puts CST and X-SECURITY-TOKEN into the reply's header, and accounts and the stream's address into its body."""
    answer = venue.login(2)
    assert {"cst", "x-security-token"} <= set(answer.headers)
    assert answer.data["currentAccountId"] in {each["accountId"] for each in answer.data["accounts"]}
    assert answer.data["lightstreamerEndpoint"].startswith("http")


@card("TC-AUTH-02", source="REST.md section 2.1", sure="observed")
def test_login_account(venue):
    """A login lands on the account that is flagged as preferred."""
    preferred = [each.account_id for each in venue.ig.session.accounts if each.preferred]
    assert preferred == [venue.login(2).data["currentAccountId"]]


@card("TC-AUTH-03", source="REST.md section 2.2", sure="documented")
def test_v3_login(venue):
    """A v3 login has an OAuth object with ``expires_in`` as text, an account, and no token in its header."""
    answer = venue.login(3)
    token = answer.data["oauthToken"]
    assert set(token) == {"access_token", "refresh_token", "scope", "token_type", "expires_in"}
    assert (token["token_type"], token["scope"], type(token["expires_in"])) == ("Bearer", "profile", str)
    assert {"accountId", "clientId", "timezoneOffset", "lightstreamerEndpoint"} <= set(answer.data)
    assert not {"cst", "x-security-token"} & set(answer.headers)


@card("TC-AUTH-04", source="REST.md sections 2.2 and 2.3", sure="documented")
def test_bearer_and_stream_tokens(venue):
    """A bearer token with IG-ACCOUNT-ID is taken, and ``fetchSessionTokens`` brings CST and X-SECURITY-TOKEN for the stream."""
    login = venue.login(3).data
    headers = {"Authorization": f"Bearer {login['oauthToken']['access_token']}", "IG-ACCOUNT-ID": login["accountId"]}
    answer = venue.ask("GET", "/session", query={"fetchSessionTokens": "true"}, headers=headers, signed=False)
    assert (answer.status, answer.data["accountId"]) == (200, login["accountId"])
    assert {"cst", "x-security-token"} <= set(answer.headers)


@card("TC-AUTH-05", source="REST.md section 2.2", sure="documented")
def test_refresh(venue):
    """A refresh answers with the bare OAuth object, with another refresh token."""
    first = venue.login(3).data["oauthToken"]
    body = {"refresh_token": first["refresh_token"]}
    answer = venue.ask("POST", "/session/refresh-token", body=body, signed=False)
    assert (answer.status, answer.code) == (200, None)
    assert set(answer.data) == set(first)
    changed = answer.data["refresh_token"] != first["refresh_token"]
    assert changed


@card("TC-AUTH-06", source="REST.md section 2.4", sure="documented")
def test_encryption_key(venue):
    """The encryption key comes without a login: base64 of an RSA key, and a time in milliseconds."""
    answer = venue.ask("GET", "/session/encryptionKey", signed=False)
    assert set(answer.data) == {"encryptionKey", "timeStamp"}
    assert base64.b64decode(answer.data["encryptionKey"], validate=True)[0] == 0x30  # an ASN.1 sequence
    assert answer.data["timeStamp"] > 1_500_000_000_000


@card("TC-AUTH-07", source="REST.md section 2.4", sure="documented")
def test_encrypted_password(venue):
    """A password encrypted with that key, PKCS#1 v1.5 over base64 of password and time, logs in."""
    with venue.client(encrypt_password=True) as ig:
        assert ig.login().current_account_id == venue.account


@card("TC-AUTH-08", source="REST.md section 2.1", sure="reported once")
def test_client_token_missing(venue):
    """Without CST: 401 ``error.security.client-token-missing``."""
    assert venue.refuses(401, "error.security.client-token-missing", "GET", "/session", headers={"CST": None})


@card("TC-AUTH-09", source="REST.md section 2.1", sure="documented")
def test_client_token_wrong(venue):
    """With a CST that is none: 401 ``error.security.client-token-invalid``."""
    assert venue.refuses(401, "error.security.client-token-invalid", "GET", "/session", headers={"CST": "0" * 64})


@card("TC-AUTH-10", source="REST.md section 2.1", sure="reported once")
def test_account_token_missing(venue):
    """Without X-SECURITY-TOKEN: 401 ``error.security.account-token-missing``."""
    headers = {"X-SECURITY-TOKEN": None}
    assert venue.refuses(401, "error.security.account-token-missing", "GET", "/session", headers=headers)


@card("TC-AUTH-11", source="REST.md section 2.1", sure="documented")
def test_account_token_wrong(venue):
    """With an X-SECURITY-TOKEN that is none: 401 ``error.security.account-token-invalid``."""
    headers = {"X-SECURITY-TOKEN": "0" * 64}
    assert venue.refuses(401, "error.security.account-token-invalid", "GET", "/session", headers=headers)


@card("TC-AUTH-12", source="REST.md section 8", sure="documented")
def test_key_missing(venue):
    """Without an API key: 400 ``error.security.api-key-missing``."""
    headers = {"X-IG-API-KEY": None}
    assert venue.refuses(400, "error.security.api-key-missing", "GET", "/session", headers=headers)


@card("TC-AUTH-13", source="REST.md section 8", sure="documented")
def test_key_wrong(venue):
    """With an API key that is none: 403 ``error.security.api-key-invalid``."""
    headers = {"X-IG-API-KEY": "0" * 40}
    assert venue.refuses(403, "error.security.api-key-invalid", "GET", "/session", headers=headers)


@card("TC-AUTH-14", source="REST.md section 2.2", sure="documented")
def test_bearer_wrong(venue):
    """With a bearer token that is none: 401 ``error.security.oauth-token-invalid``."""
    headers = {"Authorization": "Bearer " + "0" * 36, "IG-ACCOUNT-ID": venue.account}
    code = "error.security.oauth-token-invalid"
    assert venue.refuses(401, code, "GET", "/session", headers=headers, signed=False)


@card("TC-AUTH-15", source="REST.md sections 2.1 and 9", sure="documented; the status is not settled")
def test_logout(venue):
    """``DELETE /session`` answers 204 or 200, and its tokens are dead from then on."""
    login = venue.login(2)
    headers = {"CST": login.headers["cst"], "X-SECURITY-TOKEN": login.headers["x-security-token"]}
    assert venue.ask("DELETE", "/session", headers=headers, signed=False).status in (200, 204)
    assert venue.ask("GET", "/session", headers=headers, signed=False).status == 401


@card("TC-SESS-01", source="REST.md section 5, GET /session", sure="observed")
def test_session_details(venue):
    """``GET /session`` names account, client, currency, locale, time zone and the stream's address."""
    details = venue.get("/session")
    expected = {"accountId", "clientId", "currency", "lightstreamerEndpoint", "locale", "timezoneOffset"}
    assert set(details) == expected
    assert details["accountId"] == venue.account


@card("TC-SESS-02", source="REST.md section 2.1", sure="observed")
def test_switch(venue):
    """A switch of the account brings another X-SECURITY-TOKEN, CST stays, and calls act on that account."""
    with venue.client() as ig:
        others = [each for each in ig.login().accounts if each.account_id != ig.session.get().account_id]
        if not others:
            pytest.skip("the user has one account only")
        before = ig.stream_access().password
        ig.session.switch(others[0].account_id)
        after = ig.stream_access().password
        assert ig.session.get().account_id == others[0].account_id
    same_client = before.split("|")[0] == after.split("|")[0]
    same_account = before.split("|")[1] == after.split("|")[1]
    assert (same_client, same_account) == (True, False)


@card("TC-SESS-03", source="REST.md section 8", sure="documented")
def test_switch_to_the_same(venue):
    """A switch to the account in use: 400 ``error.switch.accountId-must-be-different``."""
    body = {"accountId": venue.account, "defaultAccount": False}
    assert venue.refuses(400, "error.switch.accountId-must-be-different", "PUT", "/session", body=body)


@card("TC-SESS-04", source="REST.md section 8", sure="documented")
def test_switch_to_nobody(venue):
    """A switch to an account that is not the user's: 400 ``error.switch.invalid-accountId``."""
    body = {"accountId": "NOBODY", "defaultAccount": False}
    assert venue.refuses(400, "error.switch.invalid-accountId", "PUT", "/session", body=body)
