"""The REST application, called as WSGI without a socket."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ig_sdk.simulator.accounts.allowances import Allowances
from ig_sdk.simulator.accounts.logins import Credentials

EPIC = "CS.D.EURUSD.MINI.IP"


def shape(value: Any, path: str = "") -> set[str]:
    """The paths of all keys of a JSON value; the elements of a list share theirs."""
    if isinstance(value, dict):
        return {path} | {found for name, part in value.items() for found in shape(part, f"{path}.{name}")}
    if isinstance(value, list):
        return {path} | {found for part in value for found in shape(part, f"{path}[]")}
    return {path}


def test_request_ids_differ(house):
    """Each reply has an id of its own, errors too."""
    ids = {house.call("GET", "/session").headers["X-REQUEST-ID"] for _ in range(3)}
    assert len(ids) == 3


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


def test_the_override_left_on_a_read_is_refused(house, auth):
    """A GET or PUT that carries ``_method`` is answered with 405 and ends nothing."""
    for method in ("GET", "PUT"):
        assert house.call(method, "/session", 1, **auth, _method="DELETE").status_code == 405
    assert house.call("GET", "/session", 1, **auth).status_code == 200


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
