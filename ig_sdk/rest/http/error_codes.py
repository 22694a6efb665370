"""IG's refusals as errors: by error code first, by HTTP status second."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime

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
from ig_sdk.redaction import redact
from ig_sdk.rest.http.dates import retry_after_s
from ig_sdk.rest.http.error_table import HINTS, MEANINGS

# A login right after another one may be refused so; trying again cures it (REST.md section 2.1, observed).
LOGIN_AGAIN = "service.security.authentication.failure-invalid-client-security-token"

# A rate limit is HTTP 403 with one of these codes (REST.md section 3); 429 is not used by IG but understood.
_ALLOWANCES: Mapping[str, str] = {
    "error.public-api.exceeded-account-allowance": "account",
    "error.public-api.exceeded-account-historical-data-allowance": "historical",
    "error.public-api.exceeded-account-trading-allowance": "trading",
    "error.public-api.exceeded-api-key-allowance": "api-key",
}

# Where a code says more than its status. The other codes follow their status.
_CODES: Mapping[type[APIError], tuple[str, ...]] = {
    AuthenticationError: (
        "error.public-api.failure.encryption.required",
        "error.security.api-key-missing",
        "error.public-api.failure.kyc.required",
        "error.public-api.failure.missing.credentials",
        "error.public-api.failure.pending.agreements.required",
        "error.public-api.failure.preferred.account.disabled",
        "error.public-api.failure.preferred.account.not.set",
        "authentication.failure.not-a-client-account",
        "error.security.account-access-denied",
        "error.security.account-migrated",
        "error.security.account-not-yet-activated",
        "error.security.account-suspended",
        "error.security.all-accounts-pending",
        "error.security.all-accounts-suspended",
        "error.security.client-suspended",
        "error.security.generic",
        "error.security.invalid-application",
        "error.security.invalid-details",
        "error.security.invalid-website",
        "error.security.too-many-failed-attempts",
        "service.clientsecurity.error.authentication.failure-generic",
        "service.security.authentication.failure-invalid-client-security-token",
        "validation.pattern.invalid.authenticationRequest.identifier",
    ),
    SessionExpired: (
        "error.security.account-token-invalid",
        "error.security.account-token-missing",
        "error.security.client-token-invalid",
        "error.security.client-token-missing",
        "error.security.oauth-token-invalid",
    ),
    PermissionDenied: (
        "endpoint.unavailable.for.api-key",
        "error.public-api.failure.stockbroking-not-supported",
        "error.security.api-key-disabled",
        "error.security.api-key-invalid",
        "error.security.api-key-restricted",
        "error.security.api-key-revoked",
        "error.client.account.switch.account-access-denied",
        "unauthorised.access.to.equity.exception",
        "unauthorised.api-key.revoked",
        "unauthorised.clientId.api-key.mismatch",
    ),
    NotFound: (
        "error.confirms.deal-not-found",
        "error.position.notfound",
        "error.trading.otc.instrument-not-found",
        "error.public-api.epic-not-found",
        "error.service.marketdata.instrument.epic.unavailable",
        "error.invalid.watchlist",
        "error.watchlists.management.watchlist-not-found",
        "public-api.costs-and-charges.indicative-quote-reference-not-found",
        "error.service.execution.find",
        "error.service.delete.working.order.not.found",
    ),
}
_CLASS_OF: Mapping[str, type[APIError]] = {code: kind for kind, codes in _CODES.items() for code in codes}


def _known(code: str) -> str | None:
    """Return the key of ``code`` in the table: itself, or the beginning that means all fields."""
    if code in MEANINGS:
        return code
    return next((key for key in MEANINGS if key.endswith(".") and code.startswith(key)), None)


def _by_status(status: int) -> type[APIError]:
    if status >= 500:
        return BrokerUnavailable
    kinds = {401: AuthenticationError, 403: PermissionDenied, 404: NotFound, 429: RateLimited}
    return kinds.get(status, InvalidRequest if 400 <= status < 500 else APIError)


def error_for(
    status: int,
    code: str,
    *,
    method: str = "",
    path: str = "",
    retry_after: str | None = None,
    date: str = "",
    now: datetime | None = None,
    request_id: str = "",
) -> APIError:
    """Return the error for IG's refusal.

    Args:
        status: HTTP status.
        code: IG's ``errorCode``, ``""`` when the body had none.
        method: HTTP method of the request.
        path: Path of the request.
        retry_after: Header ``Retry-After``, if any.
        date: Header ``Date``, if any.
        now: The present, for a date in ``Retry-After`` of an answer that has none itself.
        request_id: Header ``X-REQUEST-ID``, which IG's support asks for.
    """
    # What a server writes goes into messages and logs: one line, of bounded length, without what looks like a secret.
    code = redact(re.sub(r"[^\x20-\x7e]+", "?", code)[:200])
    key = _known(code)
    kind = _CLASS_OF.get(key or "", _by_status(status))
    meaning = MEANINGS[key] if key else ("a redirect, which is not followed" if 300 <= status < 400 else "")
    field = f" ({code[len(key) :]})" if key and key.endswith(".") else ""
    told = ", ".join(filter(None, (code, f"HTTP {status}", f"request {request_id}" if request_id else "")))
    message = f"IG refused {method} {path}".rstrip() + (f": {meaning}{field}" if meaning else "") + f" [{told}]"
    hint = HINTS[key] if key else None
    if code in _ALLOWANCES or kind is RateLimited:
        return RateLimited(
            message,
            status=status,
            code=code,
            method=method,
            path=path,
            hint=hint or "wait before asking again",
            allowance=_ALLOWANCES.get(code, "unknown"),
            retry_after=retry_after_s(retry_after, date=date, now=now),
        )
    error = kind(message, status=status, code=code, method=method, path=path, hint=hint)
    if isinstance(error, BrokerUnavailable):
        error.retry_after = retry_after_s(retry_after, date=date, now=now)
    return error
