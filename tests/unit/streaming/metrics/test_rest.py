"""The REST side of the metrics."""

from __future__ import annotations

import dataclasses
from typing import Any

from ig_sdk.errors import AuthenticationError
from ig_sdk.rest.http.limits.throttle import Allowances, AllowanceState
from ig_sdk.rest.http.requestor import RestCounts
from ig_sdk.streaming.metrics.rest import rest_metrics


def allowances(**states: Any) -> Allowances:
    none = AllowanceState(None, None)
    return Allowances(*(states.get(name, none) for name in ("trading", "account", "key", "historical")))


def test_rest_takes_the_allowances_over() -> None:
    """The state of each allowance is there under its name, with the counts of the requests."""
    spent = AllowanceState(10, 9, waiting=2, waited_s=1.5, refusals=3, learnt=True)
    rest = rest_metrics(RestCounts(7, 2, 3, 1), allowances(account=spent), logged_in=True)
    assert (rest.requests, rest.retries, rest.refused, rest.failures) == (7, 2, 3, 1)
    assert (rest.login, rest.login_reason) == ("in force", "")
    assert list(rest.allowances) == ["trading", "account", "key", "historical"]
    assert dataclasses.asdict(rest.allowances["account"]) == dataclasses.asdict(spent)


def test_a_refused_login_is_said() -> None:
    """Whether there is a login, and why there is none."""
    assert rest_metrics(RestCounts(), allowances(), logged_in=False).login == "none"
    refusal = AuthenticationError("the password is wrong", status=401, code="error.security.invalid-details")
    rest = rest_metrics(RestCounts(), allowances(), logged_in=False, refusal=refusal)
    assert rest.login == "refused"
    assert "the password is wrong" in rest.login_reason
