"""What is done about a failure."""

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
    StreamEnded,
    StreamOverflow,
    StreamRefused,
    SubscriptionRefused,
    TransportError,
    UsageError,
)
from ig_sdk.rest.http.endpoint import Endpoint
from ig_sdk.rest.http.error_codes import LOGIN_AGAIN, error_for
from ig_sdk.rest.http.retry import Remedy, decide

READ = Endpoint("GET", "/positions")
DEAL = Endpoint("POST", "/positions/otc", mutating=True, allowance="trading")
UNSENT = ConnectFailed("no", sent="no")
LOST = [ConnectionLost("maybe"), RequestTimeout("maybe"), ConnectFailed("maybe", sent="maybe"), TransportError("maybe")]
UNAVAILABLE = BrokerUnavailable("503", status=503)
MINUTELY = [error_for(403, f"error.public-api.exceeded-{name}-allowance") for name in ("account", "api-key")]
WEEKLY = error_for(403, "error.public-api.exceeded-account-historical-data-allowance")
FATAL = [
    InvalidRequest("400", status=400),
    AuthenticationError("401", status=401, code="error.security.invalid-details"),
    PermissionDenied("403", status=403),
    NotFound("404", status=404),
    APIError("302", status=302),
    WEEKLY,
    DecodeError("odd"),
    ConfigError(["odd"]),
    UsageError("odd"),
]


def remedy(failure: IGError, *, endpoint: Endpoint = READ, attempt: int = 1, can_renew: bool = True) -> Remedy:
    sent = failure.sent if isinstance(failure, TransportError) else "maybe"
    return decide(endpoint, failure, attempt, sent, max_retries=5, can_renew=can_renew).remedy


def test_the_remedies_have_names() -> None:
    """The six remedies of the mission are values with the mission's names."""
    assert [each.value for each in Remedy] == [
        "retry",
        "retry with backoff",
        "re-authenticate",
        "reconnect",
        "fall back",
        "stop",
    ]


@pytest.mark.parametrize("failure", [UNSENT, *LOST, UNAVAILABLE])
def test_reads_are_sent_again(failure: IGError) -> None:
    """A read is repeated after whatever may pass, as long as attempts are left."""
    assert remedy(failure, attempt=5) is Remedy.BACKOFF
    assert remedy(failure, attempt=6) is Remedy.STOP


@pytest.mark.parametrize("failure", [*LOST, UNAVAILABLE, *MINUTELY, RateLimited("429", status=429, retry_after=1.0)])
def test_deals_that_may_have_been_taken_are_not_sent_again(failure: IGError) -> None:
    """Unknown means unknown, whatever the failure looks like; a refused deal is the caller's to repeat."""
    assert remedy(failure, endpoint=DEAL) is Remedy.STOP


def test_deals_that_never_left_are_sent_again() -> None:
    """Refused before a byte left is the one lost connection that a deal survives."""
    assert remedy(UNSENT, endpoint=DEAL) is Remedy.BACKOFF
    assert remedy(UNSENT, endpoint=DEAL, attempt=6) is Remedy.STOP


def test_what_left_is_said_by_the_caller() -> None:
    """It is not the kind of the failure that proves a deal unsent."""
    assert decide(DEAL, UNSENT, 1, "maybe").remedy is Remedy.STOP


@pytest.mark.parametrize("endpoint", [READ, DEAL])
def test_a_refused_token_is_renewed_once(endpoint: Endpoint) -> None:
    """A 401 with a token code logs in anew, once, also when no retries are left."""
    failure = error_for(401, "error.security.client-token-invalid")
    assert remedy(failure, endpoint=endpoint, attempt=99) is Remedy.REAUTHENTICATE
    assert remedy(failure, endpoint=endpoint, can_renew=False) is Remedy.STOP


def test_a_token_code_without_401_replays_no_deal() -> None:
    """The code alone does not prove that a deal was not taken."""
    failure = SessionExpired("500", status=500, code="error.security.client-token-invalid")
    assert remedy(failure, endpoint=DEAL) is Remedy.STOP
    assert remedy(failure) is Remedy.REAUTHENTICATE


@pytest.mark.parametrize("failure", FATAL)
@pytest.mark.parametrize("endpoint", [READ, DEAL])
def test_refusals_are_final(failure: IGError, endpoint: Endpoint) -> None:
    """What would be refused again is not repeated; a wrong password least of all."""
    assert remedy(failure, endpoint=endpoint) is Remedy.STOP


@pytest.mark.parametrize("failure", MINUTELY)
def test_an_allowance_of_a_minute_comes_back(failure: IGError) -> None:
    """A read that was refused for it is sent again, when the limiter lets it."""
    assert remedy(failure) is Remedy.RETRY
    assert remedy(failure, attempt=6) is Remedy.STOP


def test_a_named_pause_is_kept_when_it_is_worth_it() -> None:
    """Retry-After is waited for, unless it asks for more than minutes."""
    short, long = (RateLimited("429", status=429, retry_after=seconds) for seconds in (5.0, 600.0))
    assert decide(READ, short, 1, "maybe").pause_s == 5.0
    assert remedy(long) is Remedy.STOP


def test_a_login_too_soon_after_another_is_tried_again() -> None:
    """IG's passing refusal of a second login is waited out (REST.md section 2.1)."""
    assert remedy(error_for(401, LOGIN_AGAIN)) is Remedy.BACKOFF


def test_a_stream_reconnects_then_falls_back() -> None:
    """A broken stream is opened anew, for as many times as allowed; then prices go another way."""
    for failure in (ConnectionLost("gone"), StreamEnded("31", code=31)):
        assert decide(None, failure, 3, "maybe", max_retries=3).remedy is Remedy.RECONNECT
        assert decide(None, failure, 4, "maybe", max_retries=3).remedy is Remedy.FALL_BACK
        assert decide(None, failure, 1000, "maybe", max_retries=None).remedy is Remedy.RECONNECT
    assert decide(None, SessionExpired("401", status=401), 1, "maybe").remedy is Remedy.REAUTHENTICATE


@pytest.mark.parametrize("failure", [StreamRefused("2", code=2), SubscriptionRefused("21"), StreamOverflow("full")])
def test_a_stream_that_was_refused_stops(failure: IGError) -> None:
    """What a server refused for good, and what must not lose anything, is reported."""
    assert decide(None, failure, 1, "maybe").remedy is Remedy.STOP


ANY = st.one_of(
    st.sampled_from([UNSENT, *LOST, UNAVAILABLE, *MINUTELY, *FATAL]),
    st.builds(
        error_for,
        st.integers(200, 599),
        st.sampled_from(["", "system.error", "error.security.client-token-invalid", "error.confirms.deal-not-found"]),
    ),
)


@given(ANY, st.integers(1, 20), st.booleans(), st.integers(0, 10))
def test_a_deal_is_repeated_only_with_proof(failure: IGError, attempt: int, renew: bool, most: int) -> None:
    """No combination repeats a deal without proof that it was not taken: unsent, or a 401 for a dead token."""
    sent = failure.sent if isinstance(failure, TransportError) else "maybe"
    decision = decide(DEAL, failure, attempt, sent, max_retries=most, can_renew=renew)
    if decision.remedy is not Remedy.STOP:
        token = isinstance(failure, SessionExpired) and failure.status == 401
        assert sent == "no" or token


@given(ANY, st.integers(0, 10))
def test_no_failure_is_repeated_for_ever(failure: IGError, most: int) -> None:
    """However often something fails, the attempts end."""
    sent = failure.sent if isinstance(failure, TransportError) else "maybe"
    assert decide(READ, failure, most + 1, sent, max_retries=most, can_renew=False).remedy is Remedy.STOP
