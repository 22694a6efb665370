"""Every code that a login can meet says what to do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ig_sdk.errors import APIError
from ig_sdk.rest.http.error_codes import error_for


def login_codes(shared: Path) -> dict[str, int]:
    """Every code that IG's reference gives an endpoint of the session, with its status; observed ones too."""
    api = json.loads((shared / "wire" / "ig_api.json").read_text())
    named = {code for endpoint in api["endpoints"] if endpoint["group"] == "session" for code in endpoint["errors"]}
    for group in [name for name in named if name.startswith("@")]:
        named |= set(api["error_groups"][group.removeprefix("@")])
        named.discard(group)
    seen = {code for code in api["errors"] if code.startswith(("error.security.", "error.public-api.failure."))}
    login = {"service.security.authentication.failure-invalid-client-security-token"}
    login |= {"service.clientsecurity.error.authentication.failure-generic"}
    login |= {"validation.pattern.invalid.authenticationRequest.identifier"}
    return {code: api["errors"][code]["http"][0] for code in named | seen | login}


def test_each_has_a_remedy(shared: Path) -> None:
    """A class of its own kind, and in one line what to do about it."""
    codes = login_codes(shared)
    assert len(codes) > 30
    lacking = []
    for code, status in codes.items():
        error = error_for(status, code, method="POST", path="/session")
        assert type(error) is not APIError, code
        if not error.hint or "\n" in error.hint:
            lacking.append(code)
    assert not lacking


@pytest.mark.parametrize("code", ["error.security.invalid-details", "error.security.too-many-failed-attempts"])
def test_remedies_differ(code: str) -> None:
    """What helps against a wrong password is not what helps a locked account."""
    other = error_for(401, "error.public-api.failure.kyc.required").hint
    assert error_for(401, code).hint != other
