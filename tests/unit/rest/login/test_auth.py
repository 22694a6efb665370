"""The login: once for all threads, renewed, switched, forgotten."""

from __future__ import annotations

import dataclasses
import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from ig_sdk import logs
from ig_sdk.clock import ManualClock
from ig_sdk.config import IGConfig
from ig_sdk.errors import (
    AuthenticationError,
    ConfigError,
    DecodeError,
    IGError,
    RequestTimeout,
    SessionExpired,
    UsageError,
)
from ig_sdk.rest.http.endpoint import Endpoint
from ig_sdk.rest.http.limits.throttle import Throttle
from ig_sdk.rest.http.requestor import Requestor
from ig_sdk.rest.http.transport import Request, Response, Timeout
from ig_sdk.rest.login.auth import Auth
from ig_sdk.rest.login.tokens import OAuthTokens

CONFIG = IGConfig(
    api_key="key",
    identifier="me",
    password="canarypass",
    reconnect={"max_retries": 0},
    limits={"non_trading_per_minute": 100_000, "trading_per_minute": 100_000},  # all set: IG is not asked for its own
)
READ = Endpoint("GET", "/anything")
ACCOUNTS = [
    {"accountId": "AAA", "accountName": "Main", "accountType": "CFD", "preferred": True},
    {"accountId": "BBB", "accountName": "Bets", "accountType": "SPREADBET"},
    {"accountId": "CCC", "accountName": "Bets", "accountType": "CFD"},
]


def refused(code: str, status: int = 401) -> Response:
    return Response(status, {}, json.dumps({"errorCode": code}).encode())


class Broker:
    """A transport that behaves like IG's sessions: tokens are numbered, old ones are dead."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.logins = 0
        self.dead = 0  # logins up to this one are expired
        self.seen: list[tuple[str, str]] = []
        self.logged_in: list[Request] = []
        self.login_answer: Callable[[], Response] | None = None

    def send(self, request: Request, *, timeout: Timeout) -> Response:
        with self.lock:
            self.seen.append((request.method, request.path.removeprefix("/gateway/deal")))
            if (request.method, self.seen[-1][1]) == ("POST", "/session"):
                return self._login()
            number = int(request.headers["CST"].removeprefix("cst"))
            if number <= self.dead:
                return refused("error.security.client-token-invalid")
            self.logged_in.append(request)
            if request.method == "PUT":
                account = json.loads(request.body or b"")["accountId"]
                return Response(200, {"x-security-token": f"xst{account}"}, b'{"dealingEnabled": true}')
            if request.method == "DELETE":
                self.dead = number
                return Response(204, {}, b"")
            return Response(200, {}, b"{}")

    def _login(self) -> Response:
        self.logins += 1
        if self.login_answer is not None:
            return self.login_answer()
        body = {
            "currentAccountId": "AAA",
            "accounts": ACCOUNTS,
            "lightstreamerEndpoint": "https://push.example.com",
            "dealingEnabled": True,
        }
        headers = {"cst": f"cst{self.logins}", "x-security-token": f"xst{self.logins}"}
        return Response(200, headers, json.dumps(body).encode())

    def abort(self) -> None:
        pass

    def close(self) -> None:
        pass


class Watched(ManualClock):
    """A manual clock on which a test can wait for the waiters."""

    def __init__(self) -> None:
        super().__init__()
        self._arrivals = threading.Semaphore(0)

    def wait(self, event: threading.Event, timeout: float) -> bool:
        deadline = self.monotonic() + timeout
        self._arrivals.release()
        while self.monotonic() < deadline:
            if event.wait(0.002):
                return True
        return event.is_set()

    def await_waiters(self, count: int) -> None:
        for _ in range(count):
            assert self._arrivals.acquire(timeout=5)


class Bench:
    """An Auth on a Broker."""

    def __init__(self, config: IGConfig = CONFIG) -> None:
        self.broker = Broker()
        self.clock = Watched()
        self.closing = threading.Event()
        throttle = Throttle(config, clock=self.clock)
        requestor = Requestor(
            self.broker, config, lambda: config, clock=self.clock, closing=self.closing, throttle=throttle
        )
        self.auth = Auth(requestor, config, lambda: config, clock=self.clock)

    def call(self, timeout: float | None = None) -> Any:
        return self.auth.call(READ, self.auth.deadline(timeout))

    def login(self) -> Any:
        return self.auth.login(self.auth.deadline(None))


def test_login_is_lazy_and_once() -> None:
    """Nothing is sent before the first call, and one login serves all of them."""
    bench = Bench()
    assert bench.broker.seen == []
    assert bench.auth.account_id is None
    bench.call()
    bench.call()
    bench.login()
    assert bench.broker.seen == [("POST", "/session"), ("GET", "/anything"), ("GET", "/anything")]
    assert bench.auth.account_id == "AAA"
    headers = bench.broker.logged_in[-1].headers
    assert (headers["CST"], headers["X-SECURITY-TOKEN"]) == ("cst1", "xst1")


ASKED = ("GET", "/operations/application")


def test_a_login_asks_for_the_allowances_once() -> None:
    """IG's numbers are asked for right after the first login and before any call, never again by a call or a login."""
    bench = Bench(dataclasses.replace(CONFIG, limits=IGConfig().limits))
    deal = Endpoint("POST", "/positions/otc", mutating=True, allowance="trading")
    bench.auth.call(deal, bench.auth.deadline(None), body={})
    bench.broker.dead = 1
    bench.call()
    assert bench.broker.logins == 2
    assert bench.broker.seen[:3] == [("POST", "/session"), ASKED, ("POST", "/positions/otc")]
    assert bench.broker.seen.count(ASKED) == 1


def test_many_threads_ask_for_the_allowances_once() -> None:
    """Threads whose first calls come together share the login and the question."""
    bench = Bench(dataclasses.replace(CONFIG, limits=IGConfig(base_url="http://127.0.0.1:1").limits))
    deal = Endpoint("POST", "/positions/otc", mutating=True, allowance="trading")
    with ThreadPoolExecutor(8, "test-caller") as pool:
        list(pool.map(lambda _: bench.auth.call(deal, bench.auth.deadline(None), body={}), range(8)))
    assert bench.broker.logins == 1
    assert bench.broker.seen.count(ASKED) == 1


def test_missing_credentials_are_refused_before_any_request() -> None:
    """Nothing is sent without credentials; the error names which, and where they may come from."""
    bench = Bench(IGConfig(api_key="key"))
    with pytest.raises(ConfigError) as excinfo:
        bench.call()
    assert bench.broker.seen == []
    assert [fault.partition(" ")[0] for fault in excinfo.value.faults] == ["identifier", "password"]


@pytest.mark.parametrize("missing", ["cst", "x-security-token"])
def test_a_login_without_tokens_is_no_login(missing: str) -> None:
    """A 200 without both tokens is an error, not a half login."""
    bench = Bench()
    headers = {"cst": "a", "x-security-token": "b"}
    del headers[missing]
    bench.broker.login_answer = lambda: Response(200, headers, b"{}")
    with pytest.raises(DecodeError, match="no tokens"):
        bench.call()


def test_expired_tokens_lead_to_one_new_login_for_many_threads() -> None:
    """However many threads meet the dead token, one logs in, and all calls succeed."""
    bench = Bench()
    bench.login()
    bench.broker.dead = 1
    with ThreadPoolExecutor(16, "test-caller") as pool:
        list(pool.map(lambda _number: bench.call(), range(64)))
    assert bench.broker.logins == 2


def test_a_refused_login_is_shared_by_all_who_wait() -> None:
    """A wrong password is sent once, not once a thread: IG locks users out."""
    bench = Bench()
    entered, release = threading.Event(), threading.Event()

    def slow() -> Response:
        entered.set()
        release.wait(5)
        return refused("error.security.invalid-details")

    bench.broker.login_answer = slow
    with ThreadPoolExecutor(8, "test-caller") as pool:
        first = pool.submit(bench.call)
        assert entered.wait(5)
        others = [pool.submit(bench.call) for _ in range(7)]
        bench.clock.await_waiters(7)
        release.set()
        errors = [call.exception(5) for call in (first, *others)]
    assert all(isinstance(error, AuthenticationError) for error in errors)
    assert bench.broker.logins == 1


def test_a_tokens_death_right_after_the_login_is_final() -> None:
    """A login that gives dead tokens is not repeated for ever."""
    bench = Bench()
    bench.broker.dead = 99
    with pytest.raises(SessionExpired):
        bench.call()
    assert bench.broker.logins == 2


def test_the_login_is_renewed_at_its_age() -> None:
    """After session_lifetime_s the next call logs in first."""
    bench = Bench()
    bench.call()
    bench.clock.advance(21_599)
    bench.call()
    assert bench.broker.logins == 1
    bench.clock.advance(1)
    bench.call()
    assert bench.broker.logins == 2


def test_logout_forgets_and_is_idempotent() -> None:
    """DELETE goes out once; a later call logs in anew."""
    bench = Bench()
    bench.auth.logout(bench.auth.deadline(None))
    assert bench.broker.seen == []
    bench.login()
    bench.auth.logout(bench.auth.deadline(None))
    bench.auth.logout(bench.auth.deadline(None))
    assert bench.broker.seen == [("POST", "/session"), ("DELETE", "/session")]
    assert bench.auth.account_id is None
    bench.call()
    assert bench.broker.logins == 2


def test_logout_of_a_dead_session_is_fine() -> None:
    """IG's refusal of an expired token at the logout is no error, and no reason to log in."""
    bench = Bench()
    bench.login()
    bench.broker.dead = 1
    bench.auth.logout(bench.auth.deadline(None))
    assert bench.broker.logins == 1


def test_the_account_of_the_configuration_is_taken() -> None:
    """A login lands on the preferred account; the one asked for is switched to, with its own token."""
    bench = Bench(IGConfig(api_key="key", identifier="me", password="pw", account_id="BBB"))
    assert bench.login().current_account_id == "BBB"
    bench.call()
    put = next(request for request in bench.broker.logged_in if request.method == "PUT")
    assert json.loads(put.body or b"") == {"accountId": "BBB", "defaultAccount": False}
    assert bench.broker.logged_in[-1].headers["X-SECURITY-TOKEN"] == "xstBBB"


def test_an_account_of_somebody_else_is_refused() -> None:
    """An account_id that the login does not list is a fault that names those it does."""
    bench = Bench(IGConfig(api_key="key", identifier="me", password="pw", account_id="ZZZ"))
    with pytest.raises(ConfigError, match="AAA, BBB, CCC"):
        bench.login()


@pytest.mark.parametrize("account", ["BBB", "SPREADBET"])
def test_switch_by_id_or_type_survives_a_new_login(account: str) -> None:
    """After a switch all calls, and all later logins, are on that account."""
    bench = Bench()
    told = bench.auth.switch(account, bench.auth.deadline(None), make_default=False)
    assert told.dealing_enabled is True
    assert bench.auth.account_id == "BBB"
    bench.broker.dead = 1
    bench.call()
    assert bench.broker.logged_in[-1].headers["X-SECURITY-TOKEN"] == "xstBBB"
    assert bench.auth.access(bench.auth.deadline(None)).account_id == "BBB"


def test_switch_to_the_account_in_use_sends_nothing() -> None:
    """IG refuses that; we need not ask."""
    bench = Bench()
    assert bench.auth.switch("AAA", bench.auth.deadline(None), make_default=False).dealing_enabled is True
    assert bench.broker.seen == [("POST", "/session")]


@pytest.mark.parametrize("account", ["Bets", "CFD", "nobody"])
def test_switch_needs_one_account(account: str) -> None:
    """A name of two accounts, or of none, is refused."""
    with pytest.raises(ValueError, match="account"):
        Bench().auth.switch(account, Bench().auth.deadline(None), make_default=False)


def test_access_for_streaming() -> None:
    """User and password are made of account and tokens, hidden in repr; fresh=True logs in anew."""
    bench = Bench()
    access = bench.auth.access(bench.auth.deadline(None))
    assert (access.endpoint, access.user, access.password) == ("https://push.example.com", "AAA", "CST-cst1|XST-xst1")
    assert "cst1" not in repr(access)
    assert bench.auth.access(bench.auth.deadline(None)).password == access.password
    assert bench.auth.access(bench.auth.deadline(None), fresh=True).password == "CST-cst2|XST-xst2"


def test_the_stream_address_of_the_configuration_counts() -> None:
    """stream_url goes before the login's address."""
    bench = Bench(IGConfig(api_key="k", identifier="i", password="p", stream_url="wss://mine.example.com"))
    assert bench.auth.access(bench.auth.deadline(None)).endpoint == "wss://mine.example.com"


def test_waiting_for_a_login_has_an_end() -> None:
    """A thread that waits for another one's login keeps to its own time, and close() wakes it."""
    bench = Bench()
    entered, release = threading.Event(), threading.Event()

    def slow() -> Response:
        entered.set()
        release.wait(5)
        return refused("system.error", 500)

    bench.broker.login_answer = slow
    with ThreadPoolExecutor(3, "test-caller") as pool:
        first = pool.submit(bench.call)
        assert entered.wait(5)
        hasty, patient = pool.submit(bench.call, 3.0), pool.submit(bench.call)
        bench.clock.await_waiters(2)
        bench.clock.advance(3)
        assert isinstance(hasty.exception(5), RequestTimeout)
        bench.closing.set()
        bench.auth.close()
        assert isinstance(patient.exception(5), UsageError)
        release.set()
        assert isinstance(first.exception(5), IGError)
    with pytest.raises(UsageError):
        bench.call()


def test_the_haste_of_one_is_not_the_failure_of_all() -> None:
    """A login that fails because its thread had no more time is tried by the next who waits."""
    bench = Bench()
    entered, release = threading.Event(), threading.Event()

    def slow() -> Response:
        bench.broker.login_answer = None
        entered.set()
        release.wait(5)
        bench.clock.advance(5)
        raise RequestTimeout("too slow")

    bench.broker.login_answer = slow
    with ThreadPoolExecutor(2, "test-caller") as pool:
        hasty = pool.submit(bench.call, 2.0)
        assert entered.wait(5)
        patient = pool.submit(bench.call)
        bench.clock.await_waiters(1)
        release.set()
        assert isinstance(hasty.exception(5), RequestTimeout)
        patient.result(5)
    assert bench.broker.logins == 2


def test_an_interrupt_is_for_one_thread_alone() -> None:
    """Ctrl-C in the thread that logs in is not raised in those that wait for it: one of them logs in instead."""
    bench = Bench()
    entered, release = threading.Event(), threading.Event()

    def interrupted() -> Response:
        bench.broker.login_answer = None
        entered.set()
        release.wait(5)
        raise KeyboardInterrupt

    bench.broker.login_answer = interrupted
    with ThreadPoolExecutor(2, "test-caller") as pool:
        leader = pool.submit(bench.call)
        assert entered.wait(5)
        patient = pool.submit(bench.call)
        bench.clock.await_waiters(1)
        release.set()
        assert isinstance(leader.exception(5), KeyboardInterrupt)
        patient.result(5)
    assert bench.broker.logins == 2


def test_a_switch_during_a_new_login_mixes_no_tokens() -> None:
    """The account token that IG gives goes with the login that was switched, never with one made meanwhile."""
    bench = Bench()
    bench.login()
    send = bench.broker.send

    def switching(request: Request, *, timeout: Timeout) -> Response:
        answer = send(request, timeout=timeout)
        if request.method == "PUT" and bench.broker.logins == 1:
            # Another thread finds its account token dead before this answer is here, and logs in.
            bench.broker.dead = 1
            bench.call()
        return answer

    bench.broker.send = switching  # type: ignore[method-assign]
    bench.auth.switch("BBB", bench.auth.deadline(None), make_default=False)
    bench.call()
    pairs = [(each.headers["CST"], each.headers["X-SECURITY-TOKEN"]) for each in bench.broker.logged_in]
    assert list(dict.fromkeys(pairs)) == [("cst1", "xst1"), ("cst2", "xst2"), ("cst2", "xstBBB")]
    assert bench.auth.account_id == "BBB"


def test_nothing_secret_is_printed() -> None:
    """Neither the login nor its session shows tokens or the password."""
    bench = Bench()
    login = bench.login()
    shown = repr(login) + repr(vars(bench.auth))
    assert "cst1" not in shown
    assert "canarypass" not in shown


def test_logins_of_version_3_show_no_tokens() -> None:
    """Neither the tokens, nor the login, nor whoever holds them print what they are."""
    bench = Bench(dataclasses.replace(CONFIG, login_version=3))
    token = {"access_token": "canary-access", "refresh_token": "canary-refresh", "expires_in": "60"}
    body = json.dumps({"accountId": "AAA", "lightstreamerEndpoint": "https://p", "oauthToken": token}).encode()
    bench.broker.login_answer = lambda: Response(200, {}, body)
    login = bench.login()
    assert login.current_account_id == "AAA"
    shown = f"{login!r} {login.extra} {vars(bench.auth)!r} {bench.auth.stamp(bench.auth.deadline(None))!r}"
    assert "canary" not in shown


@pytest.mark.parametrize(
    ("told", "overdue_at"),
    [("60", 50), ("600", 590), (30, 20), (None, 50), ("soon", 50), ("-5", 50), ("nan", 50), ([], 50)],
)
def test_a_life_that_is_told_oddly(told: object, overdue_at: float) -> None:
    """An access token is renewed ten seconds before its end; an end that is none is taken for IG's usual one."""
    tokens = OAuthTokens.of({"access_token": "a", "refresh_token": "b", "expires_in": told}, asked_at=100.0)
    assert not tokens.overdue(100.0 + overdue_at - 0.1)
    assert tokens.overdue(100.0 + overdue_at)
    assert tokens.headers("AAA") == {"Authorization": "Bearer a", "IG-ACCOUNT-ID": "AAA"}


@pytest.mark.parametrize("data", [None, [], {}, {"access_token": "a"}, {"access_token": "", "refresh_token": "b"}])
def test_oauth_tokens_that_are_none(data: object) -> None:
    """An answer without both tokens is no login."""
    with pytest.raises(DecodeError):
        OAuthTokens.of(data, asked_at=0.0)


def test_a_refusal_of_the_credentials_is_kept() -> None:
    """Whether IG refused the credentials for good can be asked without sending anything; what passes is no refusal."""
    bench = Bench()
    assert bench.auth.refusal is None
    bench.broker.login_answer = lambda: refused("error.security.generic")
    with pytest.raises(IGError):
        bench.login()
    assert bench.auth.refusal is None
    bench.broker.login_answer = lambda: refused("error.security.invalid-details")
    with pytest.raises(AuthenticationError):
        bench.login()
    assert bench.auth.refusal is not None
    assert bench.auth.refusal.code == "error.security.invalid-details"


def ids(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.correlation_id for record in caplog.records]  # type: ignore[attr-defined]


def test_the_lines_of_a_login_belong_together(caplog: pytest.LogCaptureFixture) -> None:
    """The login's requests, the move to an account, the question for the allowances: one id, and never none."""
    bench = Bench(dataclasses.replace(CONFIG, limits=IGConfig().limits, account_id="BBB"))
    with caplog.at_level("DEBUG", "ig_sdk"):
        bench.login()
    assert {record.name for record in caplog.records} == {"ig_sdk.auth", "ig_sdk.rest"}
    assert len(set(ids(caplog))) == 1
    assert "-" not in ids(caplog)


def test_every_line_of_the_login_has_an_id(caplog: pytest.LogCaptureFixture) -> None:
    """A login, a renewed one, a refused one and a logout: not one line without an id; one id for each of them."""
    bench = Bench(dataclasses.replace(CONFIG, limits=IGConfig().limits))
    with caplog.at_level("DEBUG", "ig_sdk"):
        bench.login()
        first = set(ids(caplog))
        caplog.clear()
        bench.broker.dead = 1
        bench.call()
        again = set(ids(caplog))
        caplog.clear()
        bench.auth.logout(bench.auth.deadline(None))
        out = set(ids(caplog))
        assert any("logged out" in record.message for record in caplog.records)
        caplog.clear()
        bench.broker.login_answer = lambda: refused("error.security.invalid-details")
        with pytest.raises(AuthenticationError):
            bench.login()
        last = set(ids(caplog))
    for found in (first, again, out, last):
        assert len(found) == 1
        assert "-" not in found
    assert len(first | again | out | last) == 4


def test_the_callers_id_is_the_logins(caplog: pytest.LogCaptureFixture) -> None:
    """What a program does under an id of its own keeps it through login and logout."""
    bench = Bench()
    with caplog.at_level("DEBUG", "ig_sdk"), logs.correlation("morning-run"):
        bench.login()
        bench.auth.logout(bench.auth.deadline(None))
    assert set(ids(caplog)) == {"morning-run"}
