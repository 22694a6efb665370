"""Logins and their tokens."""

from __future__ import annotations

from itertools import count

import pytest

from ig_sdk.clock import ManualClock
from ig_sdk.simulator.accounts.allowances import AllowanceBook, Allowances
from ig_sdk.simulator.accounts.logins import ACCESS_S, REFRESH_S, Credentials, Sessions
from ig_sdk.simulator.refusals import RestRefusal

HOUR_S = 3600.0


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def sessions(clock) -> Sessions:
    return Sessions(clock)


def refusal(call, *args) -> str:
    with pytest.raises(RestRefusal) as caught:
        call(*args)
    return caught.value.code


def test_only_the_own_login_is_taken(sessions):
    """User name and password must both be right, to the letter."""
    own = sessions.credentials
    sessions.check_login(own.identifier, own.password)
    for identifier, password in ((own.identifier, "wrong"), ("other", own.password), (own.identifier, "é")):
        assert refusal(sessions.check_login, identifier, password) == "error.security.invalid-details"


def test_api_key(sessions):
    """A missing key and an unknown key have codes of their own."""
    sessions.check_key(sessions.credentials.api_key)
    assert refusal(sessions.check_key, None) == "error.security.api-key-missing"
    assert refusal(sessions.check_key, "") == "error.security.api-key-missing"
    assert refusal(sessions.check_key, "wrong") == "error.security.api-key-invalid"


def test_tokens_are_opaque_and_new_each_time(sessions):
    """No token repeats, and none tells anything about its owner."""
    made = [sessions.open() for _ in range(20)]
    tokens = {token for session in made for token in (session.cst, session.xst)}
    assert len(tokens) == 40
    assert all(len(token) >= 32 and token.isalnum() for token in tokens)
    assert sessions.credentials.account_id not in "".join(tokens)


def test_tokens_are_checked_in_order(sessions):
    """Missing before wrong, client token before account token."""
    one, two = sessions.open(), sessions.open()
    assert sessions.find(one.cst, one.xst) is one
    assert refusal(sessions.find, None, one.xst) == "error.security.client-token-missing"
    assert refusal(sessions.find, "x", None) == "error.security.account-token-missing"
    assert refusal(sessions.find, "x", "x") == "error.security.client-token-invalid"
    assert refusal(sessions.find, one.cst, "x") == "error.security.account-token-invalid"
    assert refusal(sessions.find, one.cst, two.xst) == "error.security.account-token-invalid"


def test_tokens_die_after_six_hours_without_use(sessions, clock):
    """Use extends their life; six hours of silence end it."""
    session = sessions.open()
    for _ in range(5):
        clock.advance(6 * HOUR_S - 1)
        sessions.find(session.cst, session.xst)
    clock.advance(6 * HOUR_S)
    assert refusal(sessions.find, session.cst, session.xst) == "error.security.client-token-invalid"


def test_tokens_die_after_72_hours_in_any_case(sessions, clock):
    """No use extends a session beyond three days."""
    session = sessions.open()
    for _ in range(71):
        clock.advance(HOUR_S)
        sessions.find(session.cst, session.xst)
    clock.advance(HOUR_S)
    assert refusal(sessions.find, session.cst, session.xst) == "error.security.client-token-invalid"


def test_stream_login(sessions, clock):
    """The stream takes ``CST-…|XST-…`` of a live session, with its account id or without a user."""
    session = sessions.open()
    password = f"CST-{session.cst}|XST-{session.xst}"
    assert sessions.authenticate("ABC123", password)
    assert sessions.authenticate(None, password)
    assert sessions.authenticate("", password)
    assert not sessions.authenticate("XYZ987", password)
    for wrong in (None, "", "x", session.cst, f"CST-{session.cst}", f"{session.cst}|{session.xst}", f"{password}x"):
        assert not sessions.authenticate("ABC123", wrong)
    clock.advance(6 * HOUR_S)
    assert not sessions.authenticate("ABC123", password)


def test_switching_the_account_changes_its_token(sessions):
    """The old account token dies, the client token stays; the profile changes only when asked."""
    session = sessions.open()
    old = session.xst
    sessions.switch(session, "XYZ987")
    assert session.account.account_id == "XYZ987"
    assert refusal(sessions.find, session.cst, old) == "error.security.account-token-invalid"
    assert sessions.find(session.cst, session.xst) is session
    assert sessions.open().account.account_id == "ABC123"
    assert refusal(sessions.switch, session, "XYZ987") == "error.switch.accountId-must-be-different"
    assert refusal(sessions.switch, session, "NOPE") == "error.switch.invalid-accountId"
    sessions.switch(session, "ABC123")
    sessions.switch(session, "XYZ987", as_default=True)
    assert sessions.preferred.account_id == "XYZ987"
    assert sessions.open().account.account_id == "XYZ987"


def test_logging_out_kills_the_tokens(sessions):
    """After a logout, twice if need be, the tokens are unknown; another login is untouched."""
    session, other = sessions.open(), sessions.open()
    sessions.close(session)
    sessions.close(session)
    assert refusal(sessions.find, session.cst, session.xst) == "error.security.client-token-invalid"
    assert sessions.find(other.cst, other.xst) is other


def test_oauth_tokens_live_a_minute(sessions, clock):
    """An access token lives a minute, its refresh token longer; a refresh spends both."""
    tokens = sessions.open_oauth()
    assert sessions.find_oauth(tokens.access, "XYZ987").account_id == "XYZ987"
    assert refusal(sessions.find_oauth, "x", "ABC123") == "error.security.oauth-token-invalid"
    assert refusal(sessions.find_oauth, tokens.access, None) == "error.security.account-token-missing"
    assert refusal(sessions.find_oauth, tokens.access, "NOPE") == "error.security.account-token-invalid"
    clock.advance(ACCESS_S)
    assert refusal(sessions.find_oauth, tokens.access, "ABC123") == "error.security.oauth-token-invalid"
    renewed = sessions.refresh(tokens.refresh)
    assert renewed.refresh != tokens.refresh
    assert sessions.find_oauth(renewed.access, "ABC123")
    assert refusal(sessions.refresh, tokens.refresh) == "error.security.oauth-token-invalid"
    clock.advance(REFRESH_S)
    assert refusal(sessions.refresh, renewed.refresh) == "error.security.oauth-token-invalid"


def test_a_weekend_kills_everything(sessions):
    """After the maintenance no token is known, of whatever kind."""
    session, tokens = sessions.open(), sessions.open_oauth()
    sessions.invalidate_all()
    assert refusal(sessions.find, session.cst, session.xst) == "error.security.client-token-invalid"
    assert refusal(sessions.find_oauth, tokens.access, "ABC123") == "error.security.oauth-token-invalid"
    assert refusal(sessions.refresh, tokens.refresh) == "error.security.oauth-token-invalid"


def test_access_tokens_can_be_expired_alone(sessions):
    """The hook for tests kills access tokens; a refresh still works."""
    tokens = sessions.open_oauth()
    sessions.expire_access()
    assert refusal(sessions.find_oauth, tokens.access, "ABC123") == "error.security.oauth-token-invalid"
    assert sessions.refresh(tokens.refresh)


def test_logins_without_end_do_not_fill_the_memory(clock):
    """The oldest of very many sessions is forgotten."""
    numbers = count()
    sessions = Sessions(clock, token=lambda: f"token{next(numbers)}")
    first = sessions.open()
    for _ in range(1000):
        last = sessions.open()
    assert refusal(sessions.find, first.cst, first.xst) == "error.security.client-token-invalid"
    assert sessions.find(last.cst, last.xst) is last


def test_the_first_account_is_the_one_of_the_credentials(clock):
    """Credentials that name an account that does not exist are refused at once."""
    assert Sessions(clock, Credentials(account_id="XYZ987")).open().account.account_id == "XYZ987"
    with pytest.raises(RestRefusal):
        Sessions(clock, Credentials(account_id="NOPE"))


def test_no_secret_in_any_repr(sessions):
    """Key, password and tokens are in no repr."""
    own, session, tokens = sessions.credentials, sessions.open(), sessions.open_oauth()
    shown = f"{own} {session} {tokens}"
    for secret in (own.api_key, own.password, session.cst, session.xst, tokens.access, tokens.refresh):
        assert secret not in shown


def test_allowances_count_a_sliding_minute(clock):
    """The limit holds for any minute; a refused request does not count, for the key neither when the account is out."""
    book = AllowanceBook(Allowances(per_key=2, per_account=1), clock)
    key_is_out = "error.public-api.exceeded-api-key-allowance"
    book.spend("non-trading", "a", None)
    clock.advance(30)
    book.spend("non-trading", "a", "ABC123")
    assert refusal(book.spend, "non-trading", "a", None) == key_is_out
    assert refusal(book.spend, "non-trading", "b", "ABC123") == "error.public-api.exceeded-account-allowance"
    for _ in range(2):
        book.spend("non-trading", "b", None)
    clock.advance(30)
    book.spend("non-trading", "a", None)
    assert refusal(book.spend, "non-trading", "a", None) == key_is_out


def test_without_allowances_nothing_is_counted(clock):
    """No limit means no limit."""
    book = AllowanceBook(None, clock)
    for traffic in ("non-trading", "trading") * 5_000:
        book.spend(traffic, "a", "b")
