"""The REST application, called as WSGI without a socket."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from ig_sdk.simulator.accounts.allowances import Allowances
from ig_sdk.simulator.accounts.logins import Credentials
from ig_sdk.simulator.reference.instruments import instruments

STREAM = "http://127.0.0.1:8888"
EPIC = "CS.D.EURUSD.MINI.IP"


def shape(value: Any, path: str = "") -> set[str]:
    """The paths of all keys of a JSON value; the elements of a list share theirs."""
    if isinstance(value, dict):
        return {path} | {found for name, part in value.items() for found in shape(part, f"{path}.{name}")}
    if isinstance(value, list):
        return {path} | {found for part in value for found in shape(part, f"{path}[]")}
    return {path}


# ---- login


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


def test_request_ids_differ(house):
    """Each reply has an id of its own, errors too."""
    ids = {house.call("GET", "/session").headers["X-REQUEST-ID"] for _ in range(3)}
    assert len(ids) == 3


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


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (None, "validation.null-not-allowed.request"),
        ("", "validation.null-not-allowed.request"),
        ("{", "invalid request"),
        (b"\xff\xfe", "invalid request"),
        ("[]", "invalid request"),
        ("null", "validation.null-not-allowed.request"),
        ('{"identifier": NaN}', "invalid request"),
        ("[" * 100_000, "invalid request"),
    ],
)
def test_unreadable_bodies(house, body, code, refusal):
    """A body that is no JSON object is refused, whatever it is."""
    assert refusal(house.call("POST", "/session", 2, body, **house.key)) == (400, code)


def test_optional_nulls_and_text_flags_are_taken(house):
    """Null in an optional property and a flag as text are accepted."""
    for flag in (None, False, "false"):
        reply = house.call("POST", "/session", 2, house.login_body | {"encryptedPassword": flag}, **house.key)
        assert reply.status_code == 200


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ({}, (400, "error.security.api-key-missing")),
        ({"X-IG-API-KEY": "wrong"}, (403, "error.security.api-key-invalid")),
    ],
)
@pytest.mark.parametrize(("method", "path"), [("POST", "/session"), ("GET", "/session"), ("GET", f"/markets/{EPIC}")])
def test_the_key_comes_first(house, refusal, key, told, method, path):
    """No endpoint answers without the right key, whatever else is wrong."""
    assert refusal(house.call(method, path, 1, "{", **key)) == told


# ---- tokens


def test_tokens_are_needed_and_checked(house, auth, refusal):
    """Missing and wrong tokens are told apart, the client token first."""

    def without(*names: str, **changes: str) -> tuple[int, str]:
        headers = {name: value for name, value in auth.items() if name not in names} | changes
        return refusal(house.call("GET", "/session", 1, **headers))

    assert without("CST", "X-SECURITY-TOKEN") == (401, "error.security.client-token-missing")
    assert without("CST") == (401, "error.security.client-token-missing")
    assert without("X-SECURITY-TOKEN") == (401, "error.security.account-token-missing")
    assert without(CST="x") == (401, "error.security.client-token-invalid")
    assert without(**{"X-SECURITY-TOKEN": "x"}) == (401, "error.security.account-token-invalid")


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


def test_the_override_left_on_a_read_is_refused(house, auth):
    """A GET or PUT that carries ``_method`` is answered with 405 and ends nothing."""
    for method in ("GET", "PUT"):
        assert house.call(method, "/session", 1, **auth, _method="DELETE").status_code == 405
    assert house.call("GET", "/session", 1, **auth).status_code == 200


# ---- OAuth


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


# ---- encrypted password


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


# ---- routes


@pytest.mark.parametrize(
    ("method", "path", "version"),
    [
        ("GET", "/nothing", 1),
        ("GET", "", 1),
        ("GET", "/session/x", 1),
        ("GET", f"/markets/{EPIC}/x", 3),
        ("PATCH", "/session", 1),
        ("PUT", f"/markets/{EPIC}", 3),
        ("POST", "/session", 4),
        ("POST", "/session", 0),
        ("POST", "/session", "two"),
        ("POST", "/session", "²"),
        ("GET", f"/markets/{EPIC}", 5),
        ("GET", "/markets?searchTerm=EUR", 3),
    ],
)
def test_unknown_routes(house, auth, method, path, version, refusal):
    """No such resource, method or version: one code for all."""
    headers = dict(auth)
    if version == "²":
        version = None
        headers["VERSION"] = "²".encode().decode("latin-1")
    assert refusal(house.call(method, path, version, **headers)) == (404, "invalid.url")


def test_paths_outside_the_prefix(house):
    """Nothing is served beside ``/gateway/deal``."""
    for path in ("/", "/session", "/gateway/deal2/session", "/gateway"):
        assert house.client.get(path, headers=house.key).status_code == 404


@pytest.mark.parametrize(
    "path", ["/accounts", "/accounts/", "//accounts", f"/markets/{EPIC}/", "/markets/?epics=" + EPIC]
)
def test_slashes_do_not_matter(house, auth, path):
    """Strangers' clients end paths with a slash."""
    assert house.call("GET", path, **auth).status_code == 200


# ---- markets


@pytest.mark.parametrize("version", [1, 2, 3])
def test_market(house, auth, version):
    """A market shows its rules and the current quote."""
    body = house.call("GET", f"/markets/{EPIC}", version, **auth).json
    quote = house.market.quote(EPIC)
    assert body["instrument"]["epic"] == EPIC
    assert (body["snapshot"]["bid"], body["snapshot"]["offer"]) == (quote.tick.bid, quote.tick.offer)
    assert body["snapshot"]["low"] <= quote.tick.bid < quote.tick.offer <= body["snapshot"]["high"]
    assert body["snapshot"]["marketStatus"] == "TRADEABLE"
    assert body["snapshot"]["updateTime"] == f"{quote.tick.time:%H:%M:%S}"
    assert ("margin" in body["instrument"]) == (version == 1)
    assert ("trailingStopsPreference" in body["dealingRules"]) == (version > 1)
    assert ("limitedRiskPremium" in body["instrument"]) == (version == 3)


def test_market_v4(house, auth):
    """v4 quotes texts in a ladder."""
    body = house.call("GET", f"/markets/{EPIC}", 4, **auth).json
    quote = house.market.quote(EPIC)
    assert body["snapshot"]["priceLadder"] == [{"bid": f"{quote.tick.bid:.5f}", "ask": f"{quote.tick.offer:.5f}"}]
    assert body["snapshot"]["currencyLadders"][0]["currency"] == "USD"
    assert body["snapshot"]["updateTimestampUTC"] == int(quote.tick.time.timestamp())


@pytest.mark.parametrize("epic", sorted(instruments()))
def test_every_instrument_has_every_version(house, auth, epic):
    """Whatever the simulator knows it can describe in all four versions."""
    for version in (1, 2, 3, 4):
        body = house.call("GET", f"/markets/{epic}", version, **auth).json
        assert body["instrument"]["epic"] == epic


def test_market_list(house, auth):
    """Several markets at once; an epic asked for twice comes once."""
    epics = ["CS.D.EURUSD.MINI.IP", "CS.D.USDJPY.CFD.IP", "CS.D.EURUSD.MINI.IP"]
    for version in (1, 2):
        body = house.call("GET", f"/markets?epics={','.join(epics)}", version, **auth).json
        assert [each["instrument"]["epic"] for each in body["marketDetails"]] == epics[:2]


def test_snapshots_only(house, auth):
    """The filter keeps every key but nulls the details; the epic still tells the markets apart."""
    path = f"/markets?epics={EPIC}"
    full = house.call("GET", path, 2, **auth).json["marketDetails"][0]
    bare = house.call("GET", f"{path}&filter=SNAPSHOT_ONLY", 2, **auth).json["marketDetails"][0]
    assert bare["snapshot"] == full["snapshot"]
    assert bare["dealingRules"] is None
    assert list(bare["instrument"]) == list(full["instrument"])
    assert bare["instrument"]["epic"] == EPIC
    assert bare["instrument"]["forceOpenAllowed"] is False
    assert bare["instrument"]["currencies"] is None


MARKET_FAULTS = {
    "unknown epic": (f"/markets/{EPIC}X", 3, 404, "error.service.marketdata.instrument.epic.unavailable"),
    "bad epic": ("/markets/EUR-USD", 3, 400, "validation.pattern.invalid.epic"),
    "short epic": ("/markets/EUR", 3, 400, "validation.pattern.invalid.epic"),
    "no epics": ("/markets", 2, 400, "validation.null-not-allowed.epics"),
    "empty epics": ("/markets?epics=", 2, 400, "validation.null-not-allowed.epics"),
    "one unknown of two": (
        f"/markets?epics={EPIC},CS.D.NOPE.MINI.IP",
        2,
        404,
        "error.service.marketdata.instrument.epic.unavailable",
    ),
    "bad epics": ("/markets?epics=a b c d e f", 2, 400, "validation.pattern.invalid.epics"),
    "too many": ("/markets?epics=" + ",".join([EPIC] * 51), 2, 400, "error.public-api.too-many-epics"),
    "unknown filter": (f"/markets?epics={EPIC}&filter=SOME", 2, 400, "invalid.request.filter"),
}


@pytest.mark.parametrize("fault", MARKET_FAULTS)
def test_market_refusals(house, auth, fault, refusal):
    """Each wrong question about markets has IG's own code."""
    path, version, status, code = MARKET_FAULTS[fault]
    assert refusal(house.call("GET", path, version, **auth)) == (status, code)


@pytest.mark.parametrize("term", ["EUR/USD", "eurusd", "CS.D.EURUSD", "eur", "EUR%20usd"])
def test_search(house, auth, term):
    """A search finds by name and by epic, in any case."""
    found = house.call("GET", "/markets?searchTerm=" + term.replace("/", "%2F"), 1, **auth).json["markets"]
    assert {market["epic"] for market in found} == {f"CS.D.EURUSD.{kind}.IP" for kind in ("CFD", "MINI", "TODAY")}


def test_search_without_a_hit(house, auth):
    """Nothing found, or nothing asked, is an empty list; a search term goes before epics."""
    for query in ("searchTerm=bitcoin", "searchTerm=", f"searchTerm=bitcoin&epics={EPIC}"):
        assert house.call("GET", f"/markets?{query}", 1, **auth).json == {"markets": []}


def test_paged_search(house, auth, refusal):
    """v2 comes in pages: together they are what v1 finds."""
    whole = house.call("GET", "/markets?searchTerm=usd", 1, **auth).json["markets"]
    paged: list[Any] = []
    for page in (1, 2, 3):
        query = f"searchTerm=usd&pageNumber={page}&pageSize=10"
        paged += house.call("GET", f"/markets?{query}", 2, **auth).json["markets"]
    assert paged == whole
    assert len(whole) == 15
    for query in ("pageSize=0", "pageSize=x", "pageNumber=-1", "pageNumber=²"):
        refused = house.call("GET", f"/markets?searchTerm=usd&{query}", 2, **auth)
        assert refusal(refused) == (400, "invalid.input")


def test_a_market_without_a_price(auth, house):
    """Before the first price the quote is null and the market offline, over all versions."""
    house.backend.quote = lambda _: None
    for version in (1, 2, 3):
        snapshot = house.call("GET", f"/markets/{EPIC}", version, **auth).json["snapshot"]
        assert (snapshot["bid"], snapshot["offer"], snapshot["marketStatus"]) == (None, None, "OFFLINE")
    assert house.call("GET", f"/markets/{EPIC}", 4, **auth).json["snapshot"]["priceLadder"] is None


# ---- allowances and failures


def test_allowances(refusal, new_house):
    """Too many requests are answered with 403 until a minute has passed; the numbers can be read."""
    house = new_house(Allowances(per_key=5, per_account=3))
    auth = house.log_in()
    [application] = house.call("GET", "/operations/application", 1, **auth).json
    assert (application["allowanceApplicationOverall"], application["allowanceAccountOverall"]) == (5, 3)
    for _ in range(2):
        assert house.call("GET", "/session", 1, **auth).status_code == 200
    refused = house.call("GET", "/session", 1, **auth)
    assert refusal(refused) == (403, "error.public-api.exceeded-account-allowance")
    # What was refused cost the key nothing: it has one request left.
    assert house.call("POST", "/session", 2, house.login_body, **house.key).status_code == 200
    refused = house.call("POST", "/session", 2, house.login_body, **house.key)
    assert refusal(refused) == (403, "error.public-api.exceeded-api-key-allowance")
    house.clock.advance(60)
    assert house.call("GET", "/session", 1, **auth).status_code == 200


def test_an_inner_failure_is_a_system_error(auth, house, refusal):
    """A fault of the simulator itself is IG's ``system.error``, not a traceback."""

    def broken(epic: str):
        raise RuntimeError(epic)

    house.backend.quote = broken
    assert refusal(house.call("GET", f"/markets/{EPIC}", 3, **auth)) == (500, "system.error")


# ---- the recorded replies


def test_replies_have_the_keys_of_recorded_ones(house, auth, shared):
    """The same endpoints of the real service answered with the same keys (wire/samples/INDEX.md)."""
    oauth = house.call("POST", "/session", 3, house.login_body, **house.key)
    refresh = {"refresh_token": oauth.json["oauthToken"]["refresh_token"]}
    both = "CS.D.EURUSD.CFD.IP,CS.D.EURUSD.MINI.IP"
    replies = {
        "session_post_v2__spreadbet_gbp": house.call("POST", "/session", 2, house.login_body, **house.key),
        "session_post_v3__oauth": oauth,
        "refresh_token_v1__reply": house.call("POST", "/session/refresh-token", 1, refresh, **house.key),
        "session_get_v1__gbp": house.call("GET", "/session", 1, **auth),
        "accounts_v1__single_cfd": house.call("GET", "/accounts", 1, **auth),
        "accounts_v1__two_cfd_eur": house.call("GET", "/accounts", 1, **auth),
        "application_v1__live_limits": house.call("GET", "/operations/application", 1, **auth),
        "market_v3__eurusd_mini": house.call("GET", f"/markets/{EPIC}", 3, **auth),
        "markets_v2__eurusd_cfd_and_mini": house.call("GET", f"/markets?epics={both}", 2, **auth),
        "markets_search_v1__mixed": house.call("GET", "/markets?searchTerm=EUR", 1, **auth),
        "error_401__client_token_missing": house.call("GET", "/session", 1, **house.key),
        "session_put_v1__switch": house.call("PUT", "/session", 1, {"accountId": "XYZ987"}, **auth),
    }
    for name, reply in replies.items():
        recorded = json.loads((shared / "wire" / "samples" / f"{name}.json").read_text(encoding="utf-8"))
        ours = {path for path in shape(reply.json) if not path.endswith("specialInfo[]")}
        theirs = {path for path in shape(recorded) if not path.endswith("specialInfo[]")}
        assert ours == theirs, name


def test_the_market_says_what_was_recorded(house, auth, shared):
    """EURUSD mini has the recorded dealing rules and contract, word for word."""
    recorded = json.loads((shared / "wire" / "samples" / "market_v3__eurusd_mini.json").read_text(encoding="utf-8"))
    ours = house.call("GET", f"/markets/{EPIC}", 3, **auth).json
    assert ours["dealingRules"] == recorded["dealingRules"]
    differing = {name for name, value in recorded["instrument"].items() if ours["instrument"][name] != value}
    # Exchange rates change, and what the simulator has no knock-outs to tell about it leaves out.
    assert differing == {"currencies", "specialInfo"}


def test_credentials_are_in_no_reply_but_tokens(house, auth):
    """No reply repeats password or key."""
    replies = [
        house.call("POST", "/session", 2, house.login_body, **house.key),
        house.call("POST", "/session", 2, house.login_body | {"password": "x"}, **house.key),
        house.call("GET", "/session", 1, **auth),
    ]
    own: Credentials = house.sessions.credentials
    for reply in replies:
        assert own.password not in reply.text
        assert own.api_key not in reply.text
