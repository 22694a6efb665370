"""When a failed request is sent again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ig_sdk.errors import (
    APIError,
    AuthenticationError,
    BrokerUnavailable,
    ConfigError,
    ConnectFailed,
    ConnectionLost,
    DecodeError,
    IGError,
    InvalidRequest,
    NotFound,
    PermissionDenied,
    RateLimited,
    RequestTimeout,
    SessionExpired,
    TransportError,
    UsageError,
)
from ig_sdk.rest.codes import LOGIN_AGAIN, error_for
from ig_sdk.rest.retry import Step, decide

UNSENT = ConnectFailed("no", sent="no")
LOST = [ConnectionLost("maybe"), RequestTimeout("maybe"), ConnectFailed("maybe", sent="maybe"), TransportError("maybe")]
UNAVAILABLE = BrokerUnavailable("503", status=503)
FATAL = [
    InvalidRequest("400", status=400),
    AuthenticationError("401", status=401, code="error.security.invalid-details"),
    PermissionDenied("403", status=403),
    NotFound("404", status=404),
    APIError("302", status=302),
    DecodeError("odd"),
    ConfigError(["odd"]),
    UsageError("odd"),
]


def step(failure: IGError, *, mutating: bool = False, retries_left: bool = True, can_renew: bool = True) -> Step:
    return decide(failure, mutating=mutating, retries_left=retries_left, can_renew=can_renew).step


@pytest.mark.parametrize("failure", [UNSENT, *LOST, UNAVAILABLE])
def test_reads_are_sent_again(failure: IGError) -> None:
    """A read is repeated after whatever may pass, as long as attempts are left."""
    assert step(failure) is Step.RETRY
    assert step(failure, retries_left=False) is Step.GIVE_UP


@pytest.mark.parametrize("failure", [*LOST, UNAVAILABLE, RateLimited("429", status=429, retry_after=1.0)])
def test_deals_that_may_have_been_taken_are_not_sent_again(failure: IGError) -> None:
    """Unknown means unknown, whatever the failure looks like."""
    assert step(failure, mutating=True) is Step.GIVE_UP


def test_deals_that_never_left_are_sent_again() -> None:
    """Refused before a byte left is the one lost connection that a deal survives."""
    assert step(UNSENT, mutating=True) is Step.RETRY
    assert step(UNSENT, mutating=True, retries_left=False) is Step.GIVE_UP


@pytest.mark.parametrize("mutating", [False, True])
def test_a_refused_token_is_renewed_once(mutating: bool) -> None:
    """A 401 with a token code logs in anew, once, also when no retries are left."""
    failure = error_for(401, "error.security.client-token-invalid")
    assert step(failure, mutating=mutating, retries_left=False) is Step.RENEW
    assert step(failure, mutating=mutating, can_renew=False) is Step.GIVE_UP


def test_a_token_code_without_401_replays_no_deal() -> None:
    """The code alone does not prove that a deal was not taken."""
    failure = SessionExpired("500", status=500, code="error.security.client-token-invalid")
    assert step(failure, mutating=True) is Step.GIVE_UP
    assert step(failure, mutating=False) is Step.RENEW


@pytest.mark.parametrize("failure", FATAL)
@pytest.mark.parametrize("mutating", [False, True])
def test_refusals_are_final(failure: IGError, mutating: bool) -> None:
    """What would be refused again is not repeated; a wrong password least of all."""
    assert step(failure, mutating=mutating) is Step.GIVE_UP


def test_a_named_pause_is_kept_when_it_is_worth_it() -> None:
    """Retry-After is waited for, unless it is longer than the longest pause; without one a rate limit is final."""
    short, long = (RateLimited("429", status=429, retry_after=seconds) for seconds in (5.0, 600.0))
    assert decide(short, mutating=False, retries_left=True, can_renew=True).pause_s == 5.0
    assert step(long) is Step.GIVE_UP
    assert step(RateLimited("403", status=403)) is Step.GIVE_UP


def test_a_login_too_soon_after_another_is_tried_again() -> None:
    """IG's passing refusal of a second login is waited out (REST.md section 2.1)."""
    assert step(error_for(401, LOGIN_AGAIN)) is Step.RETRY


@given(st.sampled_from([UNSENT, *LOST, UNAVAILABLE, *FATAL]), st.booleans(), st.booleans(), st.integers(0, 599))
def test_a_deal_is_repeated_only_with_proof(failure: IGError, left: bool, renew: bool, status: int) -> None:
    """No combination repeats a mutating request without proof that it was not taken."""
    api = [failure, error_for(status, "")] if status else [failure]
    for each in api:
        if step(each, mutating=True, retries_left=left, can_renew=renew) is not Step.GIVE_UP:
            assert getattr(each, "sent", None) == "no"
