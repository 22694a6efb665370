"""The REST side of the metrics, from what the client's parts have counted."""

from __future__ import annotations

from ig_sdk.errors import APIError
from ig_sdk.rest.http.limits.throttle import Allowances, AllowanceState
from ig_sdk.rest.http.requestor import RestCounts
from ig_sdk.streaming.metrics.snapshot import AllowanceMetrics, LoginState, RestMetrics


def rest_metrics(
    counts: RestCounts, allowances: Allowances, *, logged_in: bool, refusal: APIError | None = None
) -> RestMetrics:
    """Return the metrics of a client's REST side.

    Args:
        counts: What its requestor has counted.
        allowances: Its allowances.
        logged_in: Whether there is a login.
        refusal: IG's refusal of the credentials, if there was one.
    """
    login: LoginState = "refused" if refusal is not None else "in force" if logged_in else "none"
    return RestMetrics(
        login=login,
        login_reason="" if refusal is None else str(refusal),
        requests=counts.requests,
        retries=counts.retries,
        refused=counts.refused,
        failures=counts.failures,
        allowances={
            "trading": _of(allowances.trading),
            "account": _of(allowances.account),
            "key": _of(allowances.key),
            "historical": _of(allowances.historical),
        },
    )


def _of(state: AllowanceState) -> AllowanceMetrics:
    return AllowanceMetrics(
        limit=state.limit,
        used=state.used,
        waiting=state.waiting,
        waited_s=state.waited_s,
        refusals=state.refusals,
        learnt=state.learnt,
    )
