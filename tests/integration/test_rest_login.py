"""Every kind of login against the simulator: tokens of both versions, encrypted passwords, accounts, refusals, ends."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from ig_sdk.client import IGClient
from ig_sdk.clock import ManualClock
from ig_sdk.errors import (
    AuthenticationError,
    BrokerUnavailable,
    ConfigError,
    ConnectFailed,
    DecodeError,
    IGError,
    PermissionDenied,
    SessionExpired,
)
from ig_sdk.simulator import Simulator

QUICK: dict[str, Any] = {
    "reconnect": {"initial_delay_s": 0.01, "max_delay_s": 0.02, "max_retries": 3},
    "limits": {"non_trading_per_minute": 100_000},
}
OAUTH = QUICK | {"login_version": 3}
BOTH = pytest.mark.parametrize("version", [2, 3])
CFD, BETS = "ABC123", "XYZ987"


@pytest.fixture
def make(sim: Simulator) -> Iterator[Any]:
    """Makes clients of it and closes them."""
    made: list[IGClient] = []

    def client(**overrides: Any) -> IGClient:
        made.append(sim.client(**(QUICK | overrides)))
        return made[-1]

    yield client
    for ig in made:
        ig.close()


def logins(sim: Simulator) -> int:
    """How many logins reached the server."""
    return len([seen for seen in sim.requests("POST") if seen.path == "/session"])


def renewals(sim: Simulator) -> int:
    """How many OAuth renewals reached the server."""
    return len(sim.requests("POST", "/session/refresh-token"))


# ---- both versions


@BOTH
def test_a_session_from_login_to_logout(sim: Simulator, make: Any, version: int) -> None:
    """Both logins tell the account and the stream, serve every call, and end with a logout at IG."""
    with make(login_version=version) as ig:
        login = ig.login()
        assert (login.current_account_id, login.lightstreamer_endpoint) == (CFD, sim.stream_url)
        assert ig.session.get().account_id == CFD
        assert {account.account_id for account in ig.session.accounts} == {CFD, BETS}
        assert ig.market("EURUSD").epic == "CS.D.EURUSD.MINI.IP"
        ig.logout()
        ig.logout()
        assert ig.session.get().account_id == CFD
    assert logins(sim) == 2
    assert {seen.version for seen in sim.requests("POST") if seen.path == "/session"} == {version}
    assert len(sim.requests("DELETE", "/session")) == 2


@BOTH
@pytest.mark.parametrize("account", [BETS, "Demo-SpreadBet", "demo-spreadbet", "SPREADBET", "spreadbet"])
def test_the_account_of_the_configuration(make: Any, version: int, account: str) -> None:
    """An account is found by its id, its name or its type."""
    ig = make(login_version=version, account_id=account)
    assert ig.login().current_account_id == BETS
    assert ig.session.get().account_id == BETS
    assert ig.stream_access().account_id == BETS


@BOTH
def test_an_unknown_account_is_named_with_the_known_ones(make: Any, version: int) -> None:
    """An account that is none of the user's is a fault of the configuration."""
    with pytest.raises(ConfigError, match=f"account_id.*{CFD}, {BETS}.*'Savings'"):
        make(login_version=version, account_id="Savings").login()


@BOTH
def test_switching_outlives_the_login(sim: Simulator, make: Any, version: int) -> None:
    """The account switched to is used by calls and streams, also after every token has died."""
    ig = make(login_version=version)
    before = ig.stream_access()
    ig.session.switch("SPREADBET")
    assert ig.session.get().account_id == BETS
    after = ig.stream_access()
    assert (before.account_id, after.account_id) == (CFD, BETS)
    assert sim.sessions.authenticate(after.user, after.password)
    sim.faults.kill_tokens()
    assert ig.session.get().account_id == BETS
    assert ig.stream_access().account_id == BETS
    with pytest.raises(ValueError, match="'Savings'"):
        ig.session.switch("Savings")


def test_switching_with_oauth_asks_nobody(sim: Simulator, make: Any) -> None:
    """A bearer names the account with each call; only a change of the profile is IG's business."""
    ig = make(login_version=3)
    ig.session.switch(BETS)
    assert sim.requests("PUT", "/session") == []
    assert ig.session.switch(BETS, make_default=True).dealing_enabled is True
    assert len(sim.requests("PUT", "/session")) == 1


@BOTH
def test_the_weekend_kills_all_tokens(sim: Simulator, make: Any, version: int) -> None:
    """One new login cures the death of every token, for any number of threads."""
    ig = make(login_version=version)
    ig.session.get()
    sim.faults.kill_tokens()
    with ThreadPoolExecutor(16) as pool:
        accounts = [found.account_id for found in pool.map(lambda _: ig.session.get(), range(32))]
    assert accounts == [CFD] * 32
    assert logins(sim) == 2
    assert renewals(sim) == (version == 3)


@BOTH
def test_tokens_that_stay_dead_are_an_error(sim: Simulator, make: Any, version: int) -> None:
    """A call is repeated once with new tokens, not for ever."""
    ig = make(login_version=version)
    ig.login()
    code = "error.security.oauth-token-invalid" if version == 3 else "error.security.client-token-invalid"
    sim.faults.rest(401, None, "/markets", code=code)
    with pytest.raises(SessionExpired):
        ig.market("EURUSD")
    assert len(sim.requests("GET", "/markets")) == 2


def test_either_dead_token_of_a_pair_means_a_new_login(sim: Simulator, make: Any) -> None:
    """Whether the client's or the account's token has died makes no difference."""
    ig = make()
    for number, kind in enumerate(("client", "account"), 2):
        ig.session.get()
        sim.faults.kill_tokens(kind)
        assert ig.session.get().account_id == CFD
        assert logins(sim) == number


# ---- OAuth


def test_access_tokens_are_renewed_before_they_end() -> None:
    """Calls over many minutes need one login, and none of them meets a dead token."""
    clock = ManualClock()
    with Simulator(clock=clock, allowances=None) as sim, IGClient(sim.config(**OAUTH), clock=clock) as ig:
        for _ in range(60):
            ig.session.get()
            clock.advance(25)
        assert logins(sim) == 1
        # A minute's token is renewed when it has less than ten seconds left: by every second call here.
        assert renewals(sim) == 29
        assert len(sim.requests("GET", "/session")) == 60


def test_a_dead_refresh_token_leads_to_a_login() -> None:
    """After an hour of silence nothing of the login is left."""
    clock = ManualClock()
    with Simulator(clock=clock, allowances=None) as sim, IGClient(sim.config(**OAUTH), clock=clock) as ig:
        ig.session.get()
        clock.advance(3600)
        assert ig.session.get().account_id == CFD
        assert (logins(sim), renewals(sim)) == (2, 1)


def test_a_refused_access_token_is_renewed_once_for_all(sim: Simulator, make: Any) -> None:
    """Threads that meet a dead access token share one renewal and need no login."""
    ig = make(login_version=3)
    ig.session.get()
    sim.faults.kill_tokens("access")
    with ThreadPoolExecutor(16) as pool:
        assert len(list(pool.map(lambda _: ig.session.get(), range(32)))) == 32
    assert (logins(sim), renewals(sim)) == (1, 1)


def test_a_lost_renewal_leads_to_a_login(sim: Simulator, make: Any) -> None:
    """A refresh token is spent by its use, though the answer was lost."""
    ig = make(login_version=3)
    ig.session.get()
    sim.faults.kill_tokens("access")
    sim.faults.rest(None, path="/session/refresh-token", cut_after=120)
    assert ig.session.get().account_id == CFD
    assert (logins(sim), renewals(sim)) == (2, 2)


def test_a_service_that_fails_while_renewing_is_no_refusal(sim: Simulator, make: Any) -> None:
    """What the service cannot do now is told as that; no login follows, and the tokens stay."""
    ig = make(login_version=3)
    ig.session.get()
    sim.faults.kill_tokens("access")
    sim.faults.rest(503, 4, "/session/refresh-token")
    with pytest.raises(BrokerUnavailable):
        ig.session.get()
    assert ig.session.get().account_id == CFD
    assert logins(sim) == 1


def test_stream_tokens_of_an_oauth_login(sim: Simulator, make: Any) -> None:
    """A stream gets tokens that it takes; they are fetched once, anew when it refuses them, and for a new account."""
    ig = make(login_version=3)
    first = ig.stream_access()
    assert ig.stream_access() == first
    assert sim.sessions.authenticate(first.user, first.password)
    sim.faults.kill_tokens("client")
    second = ig.stream_access(fresh=True)
    assert second.password != first.password
    assert sim.sessions.authenticate(second.user, second.password)
    assert (logins(sim), renewals(sim)) == (1, 0)
    ig.session.switch(BETS)
    third = ig.stream_access()
    assert third.account_id == BETS
    assert sim.sessions.authenticate(BETS, third.password)


def test_what_others_renewed_is_not_renewed_again(sim: Simulator, make: Any) -> None:
    """A stream whose tokens died with the login gets those of the new one, without yet another login."""
    ig = make()
    ig.stream_access()
    sim.faults.kill_tokens()
    ig.session.get()
    access = ig.stream_access(fresh=True)
    assert sim.sessions.authenticate(access.user, access.password)
    assert logins(sim) == 2


@BOTH
def test_logout_leaves_no_stream_tokens_behind(sim: Simulator, make: Any, version: int) -> None:
    """The tokens of streams end with the login."""
    ig = make(login_version=version)
    access = ig.stream_access()
    assert sim.sessions.authenticate(access.user, access.password)
    ig.logout()
    assert not sim.sessions.authenticate(access.user, access.password)


# ---- encrypted passwords


@pytest.fixture
def strict() -> Iterator[Simulator]:
    """A simulator that takes no password in plain text."""
    with Simulator(allowances=None, encrypted_only=True) as simulator:
        yield simulator


def test_encrypted_logins_need_their_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """A simulator that could read no password says so when it is made, not with a broken login."""
    monkeypatch.setitem(sys.modules, "cryptography", None)
    with pytest.raises(ConfigError, match=r"ig-sdk\[encryption\]"):
        Simulator(encrypted_only=True)


@BOTH
def test_encryption_on_demand(strict: Simulator, version: int) -> None:
    """Where IG demands it the password is encrypted, from then on without being asked."""
    with strict.client(**QUICK, login_version=version) as ig:
        assert ig.login().current_account_id == CFD
        strict.faults.kill_tokens()
        assert ig.session.get().account_id == CFD
    assert logins(strict) == 3
    assert len(strict.requests("GET", "/session/encryptionKey")) == 2


@BOTH
def test_encryption_by_configuration(sim: Simulator, make: Any, version: int) -> None:
    """Asked for, it happens with the first login."""
    assert make(login_version=version, encrypt_password=True).login().current_account_id == CFD
    assert logins(sim) == 1
    assert len(sim.requests("GET", "/session/encryptionKey")) == 1


def test_encryption_can_be_forbidden(strict: Simulator) -> None:
    """With encrypt_password=False the demand is an error that says what to set."""
    with strict.client(**QUICK, encrypt_password=False) as ig, pytest.raises(AuthenticationError) as caught:
        ig.login()
    assert "encrypt_password" in str(caught.value.hint)


def test_a_missing_extra_is_named(strict: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the package that encrypts the error says what to install, and the plain password is not sent again."""
    with strict.client(**QUICK) as ig:
        for name in ["cryptography", *(name for name in sys.modules if name.startswith("cryptography."))]:
            monkeypatch.setitem(sys.modules, name, None)
        strict.faults.rest(200, path="/session/encryptionKey", body='{"encryptionKey": "AAAA", "timeStamp": 1}')
        with pytest.raises(ConfigError, match=r"ig-sdk\[encryption\]"):
            ig.login()
    assert logins(strict) == 1


@pytest.mark.parametrize("body", ['{"encryptionKey": "bm90IGEga2V5", "timeStamp": 1}', "{}", "[]", '{"timeStamp": 1}'])
def test_a_key_that_is_none(sim: Simulator, make: Any, body: str) -> None:
    """What cannot encrypt is told; nothing is sent in plain text instead."""
    sim.faults.rest(200, path="/session/encryptionKey", body=body)
    with pytest.raises(DecodeError):
        make(encrypt_password=True).login()
    assert logins(sim) == 0


def test_the_key_can_be_asked_for(sim: Simulator, make: Any) -> None:
    """ig.session.encryption_key() needs no login."""
    key = make().session.encryption_key()
    assert len(key.encryption_key or "") > 300
    assert (key.time_stamp or 0) > 1_500_000_000_000
    assert logins(sim) == 0


# ---- refusals


@BOTH
def test_refused_credentials_are_not_sent_again(sim: Simulator, make: Any, version: int) -> None:
    """However often and from however many threads somebody asks: a wrong password reaches IG once."""
    ig = make(login_version=version, password="wrong-password")

    def attempt(_: int) -> str:
        with pytest.raises(AuthenticationError) as caught:
            ig.session.get()
        return caught.value.code

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(attempt, range(24))) == {"error.security.invalid-details"}
    for call in (ig.login, ig.stream_access):
        with pytest.raises(AuthenticationError, match="new IGClient"):
            call()
    assert logins(sim) == 1


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (401, "error.security.too-many-failed-attempts", AuthenticationError),
        (401, "error.security.client-suspended", AuthenticationError),
        (401, "error.some.new-code", AuthenticationError),
        (403, "error.security.api-key-invalid", PermissionDenied),
    ],
)
def test_verdicts_hold(sim: Simulator, make: Any, status: int, code: str, kind: type[IGError]) -> None:
    """What would be refused again, or lock the account, is not asked again."""
    sim.faults.rest(status, path="/session", method="POST", code=code)
    ig = make()
    for _ in range(3):
        with pytest.raises(kind):
            ig.login()
    assert logins(sim) == 1


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (401, "error.security.generic", AuthenticationError),
        (500, "system.error", BrokerUnavailable),
    ],
)
def test_passing_troubles_pass(sim: Simulator, make: Any, status: int, code: str, kind: type[IGError]) -> None:
    """What says nothing about the credentials keeps nobody from the next login."""
    ig = make(reconnect={"max_retries": 0})
    sim.faults.rest(status, path="/session", method="POST", code=code)
    with pytest.raises(kind):
        ig.login(timeout=5)
    assert ig.login().current_account_id == CFD


def test_the_quirk_of_two_logins_at_once_is_cured_by_itself(sim: Simulator, make: Any) -> None:
    """A login refused because it came right after another one is tried again."""
    code = "service.security.authentication.failure-invalid-client-security-token"
    sim.faults.rest(401, 2, "/session", method="POST", code=code)
    assert make().login().current_account_id == CFD
    assert logins(sim) == 3


@BOTH
def test_a_login_cut_in_the_middle_shows_no_token(
    sim: Simulator, make: Any, version: int, caplog: pytest.LogCaptureFixture
) -> None:
    """Half an answer with tokens in it is an error without them."""
    caplog.set_level(logging.DEBUG)
    ig = make(login_version=version, reconnect={"max_retries": 0})
    body = '{"oauthToken": {"access_token": "canary-token-1234567890'
    sim.faults.rest(200, path="/session", method="POST", body=body)
    with pytest.raises(DecodeError) as caught:
        ig.login()
    assert "canary" not in f"{caught.value} {caught.value.excerpt} {vars(caught.value)} {caplog.text}"


def test_nobody_is_there(sim: Simulator, make: Any) -> None:
    """Where nobody listens the login says so, and works once somebody does."""
    ig = make(reconnect={"max_retries": 0})
    sim.faults.refuse_connections()
    with pytest.raises(ConnectFailed):
        ig.login()
    sim.faults.accept_connections()
    assert ig.login().current_account_id == CFD


@BOTH
def test_a_server_that_repeats_what_it_was_told(
    sim: Simulator, make: Any, version: int, caplog: pytest.LogCaptureFixture
) -> None:
    """No token gets into an error or a log, wherever a server writes it."""
    caplog.set_level(logging.DEBUG)
    ig = make(login_version=version, reconnect={"max_retries": 0})
    ig.login()
    tokens = ig._auth._session.tokens
    secrets = [tokens.access] if version == 3 else [tokens.cst, tokens.xst]
    shown = []
    for secret in secrets:
        sim.faults.rest(400, path="/markets", code=f"error.told.{secret}", headers={"X-REQUEST-ID": secret})
        sim.faults.rest(200, path="/markets", body=f"<html>{secret}</html>")
        for _ in range(2):
            with pytest.raises(IGError) as caught:
                ig.market("EURUSD")
            shown.append(f"{caught.value!r} {caught.value} {vars(caught.value)}")
    if version == 3:
        sim.faults.rest(401, path="/session/refresh-token", code=f"error.told.{tokens.refresh}")
        sim.faults.kill_tokens("access")
        ig.session.get()
        secrets.append(tokens.refresh)
    everything = " ".join(shown) + caplog.text
    assert not [secret for secret in secrets if secret in everything]
