"""IG's refusals become the right error, with a remedy."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path

import pytest

from ig_sdk.errors import (
    APIError,
    AuthenticationError,
    BrokerUnavailable,
    InvalidRequest,
    NotFound,
    PermissionDenied,
    RateLimited,
    SessionExpired,
)
from ig_sdk.rest.http.error_codes import error_for
from ig_sdk.rest.http.error_table import HINTS, MEANINGS

# What a login can be refused with, and what a handler needs to tell apart.
LOGIN_CODES = {
    "authentication.failure.not-a-client-account": AuthenticationError,
    "error.security.account-access-denied": AuthenticationError,
    "error.security.account-migrated": AuthenticationError,
    "error.security.account-not-yet-activated": AuthenticationError,
    "error.security.account-suspended": AuthenticationError,
    "error.security.all-accounts-pending": AuthenticationError,
    "error.security.all-accounts-suspended": AuthenticationError,
    "error.security.client-suspended": AuthenticationError,
    "error.security.generic": AuthenticationError,
    "error.security.invalid-application": AuthenticationError,
    "error.security.invalid-details": AuthenticationError,
    "error.security.invalid-website": AuthenticationError,
    "error.security.too-many-failed-attempts": AuthenticationError,
    "error.security.authentication.timeout": BrokerUnavailable,
    "error.public-api.failure.encryption.required": AuthenticationError,
    "error.security.api-key-missing": AuthenticationError,
    "error.public-api.failure.kyc.required": AuthenticationError,
    "error.public-api.failure.missing.credentials": AuthenticationError,
    "error.public-api.failure.pending.agreements.required": AuthenticationError,
    "error.public-api.failure.preferred.account.disabled": AuthenticationError,
    "error.public-api.failure.preferred.account.not.set": AuthenticationError,
    "error.security.account-token-invalid": SessionExpired,
    "error.security.account-token-missing": SessionExpired,
    "error.security.client-token-invalid": SessionExpired,
    "error.security.client-token-missing": SessionExpired,
    "error.security.oauth-token-invalid": SessionExpired,
    "endpoint.unavailable.for.api-key": PermissionDenied,
    "error.public-api.failure.stockbroking-not-supported": PermissionDenied,
    "error.security.api-key-disabled": PermissionDenied,
    "error.security.api-key-invalid": PermissionDenied,
    "error.security.api-key-restricted": PermissionDenied,
    "error.security.api-key-revoked": PermissionDenied,
    "error.public-api.exceeded-account-allowance": RateLimited,
    "error.public-api.exceeded-account-historical-data-allowance": RateLimited,
    "error.public-api.exceeded-account-trading-allowance": RateLimited,
    "error.public-api.exceeded-api-key-allowance": RateLimited,
    "error.request.invalid.date-range": InvalidRequest,
    "invalid.input": InvalidRequest,
    "invalid.url": NotFound,
    "system.error": BrokerUnavailable,
}


@pytest.fixture
def reference(shared: Path) -> dict[str, dict[str, list[int]]]:
    """IG's codes with their statuses."""
    data = json.loads((shared / "wire" / "ig_api.json").read_text(encoding="utf-8"))
    groups = data["error_groups"]
    assert set(groups["LOGIN"]) | set(groups["COMMON"]) == set(LOGIN_CODES)
    errors: dict[str, dict[str, list[int]]] = data["errors"]
    return errors


@pytest.mark.shared
def test_every_code_of_the_reference_has_a_meaning_and_a_remedy(reference: dict[str, dict[str, list[int]]]) -> None:
    """Each code, with each of its statuses, is an error of one line and a hint of one line."""
    for code, about in reference.items():
        for status in about["http"]:
            error = error_for(status, code.replace("{field}", "size"), method="POST", path="/session")
            assert type(error) is not APIError
            assert error.hint, code
            assert "\n" not in str(error)
            assert code.partition("{")[0] in str(error)
            assert (error.status, error.method, error.path) == (status, "POST", "/session")


@pytest.mark.shared
def test_login_codes_become_their_class(reference: dict[str, dict[str, list[int]]]) -> None:
    """What a login is refused with has its class, and the remedies are no boilerplate."""
    for code, kind in LOGIN_CODES.items():
        for status in reference[code]["http"]:
            error = error_for(status, code)
            assert type(error) is kind, code
    login = {HINTS[code] for code, kind in LOGIN_CODES.items() if kind is AuthenticationError}
    assert len(login) == sum(kind is AuthenticationError for kind in LOGIN_CODES.values())


def test_hints_fit_one_line() -> None:
    """A hint is one line, as short as one can be read."""
    assert HINTS.keys() == MEANINGS.keys()
    assert all("\n" not in hint and len(hint) < 110 for hint in HINTS.values())


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (302, APIError),
        (400, InvalidRequest),
        (401, AuthenticationError),
        (403, PermissionDenied),
        (404, NotFound),
        (405, InvalidRequest),
        (429, RateLimited),
        (500, BrokerUnavailable),
        (503, BrokerUnavailable),
        (599, BrokerUnavailable),
    ],
)
@pytest.mark.parametrize("code", ["", "something.new"])
def test_unknown_codes_follow_the_status(status: int, kind: type[APIError], code: str) -> None:
    """Without a known code the status decides."""
    error = error_for(status, code)
    assert type(error) is kind
    assert error.code == code


@pytest.mark.parametrize(
    ("code", "allowance"),
    [
        ("error.public-api.exceeded-account-allowance", "account"),
        ("error.public-api.exceeded-account-trading-allowance", "trading"),
        ("error.public-api.exceeded-account-historical-data-allowance", "historical"),
        ("error.public-api.exceeded-api-key-allowance", "api-key"),
    ],
)
def test_allowances(code: str, allowance: str) -> None:
    """A 403 with an allowance code is a rate limit that says which."""
    error = error_for(403, code)
    assert isinstance(error, RateLimited)
    assert (error.allowance, error.retry_after) == (allowance, None)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        *(("12", 12.0), (" 3 ", 3.0), ("0.5", 0.5), ("soon", None), ("-1", None), ("9" * 30, None), (None, None)),
        *(("Mon, 06 Jan 2025 12:00:09 GMT", 9.0), ("Mon, 06 Jan 2025 11:00:00 GMT", 0.0), ("", None)),
        *(("Mon, 06 Jan 2125 12:00:00 GMT", None), ("Mon, 99 Jan 2025 12:00:00 GMT", None)),
    ],
)
def test_retry_after(text: str | None, seconds: float | None) -> None:
    """Seconds and dates are taken, of a 429 and a 503; anything else is nothing."""
    date = "Mon, 06 Jan 2025 12:00:00 GMT"
    error, down = (error_for(status, "", retry_after=text, date=date) for status in (429, 503))
    assert isinstance(error, RateLimited)
    assert isinstance(down, BrokerUnavailable)
    assert (error.allowance, error.retry_after, down.retry_after) == ("unknown", seconds, seconds)


def test_retry_after_by_our_clock() -> None:
    """A date is measured from the answer's own; where it has none, from the present here."""
    now = datetime(2025, 1, 6, 11, 59, tzinfo=timezone.utc)
    text = "Mon, 06 Jan 2025 12:00:09 GMT"
    assert getattr(error_for(429, "", retry_after=text, now=now), "retry_after", None) == 69.0
    assert getattr(error_for(429, "", retry_after=text), "retry_after", None) is None


def test_fields_are_named() -> None:
    """A validation code that ends in a field names the field."""
    error = error_for(400, "validation.null-not-allowed.request.epic")
    assert isinstance(error, InvalidRequest)
    assert "(epic)" in str(error)
    assert error.code == "validation.null-not-allowed.request.epic"


def test_what_a_server_writes_is_tamed() -> None:
    """A hostile code is cut, kept to one line, and redacted."""
    error = error_for(400, "x\r\nforged log line password=canary " + "y" * 10_000, request_id="r1")
    assert "\n" not in str(error)
    assert "canary" not in str(error)
    assert len(str(error)) < 400
    assert "request r1" in str(error)
