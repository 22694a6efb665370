"""Calls: headers, attempts, pauses, time, errors."""

from __future__ import annotations

import dataclasses
import json
import socket
import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ig_sdk.clock import ManualClock
from ig_sdk.config import IGConfig
from ig_sdk.errors import (
    AuthenticationError,
    BrokerUnavailable,
    ConnectFailed,
    ConnectionLost,
    DecodeError,
    InvalidRequest,
    RateLimited,
    RequestTimeout,
    SessionExpired,
    UsageError,
)
from ig_sdk.rest.http.encode import json_text
from ig_sdk.rest.http.endpoint import Endpoint
from ig_sdk.rest.http.limits.throttle import Throttle
from ig_sdk.rest.http.requestor import Deadline, Requestor, Stamp
from ig_sdk.rest.http.transport import Request, Response, Timeout

READ = Endpoint("GET", "/markets/{epic}", version=3)
DEAL = Endpoint("POST", "/positions/otc", version=2, mutating=True)
CONFIG = IGConfig(api_key="canarykey", identifier="canaryuser", password="canarypass")
OK = Response(200, {}, b'{"a": 1.5}')
EXPIRED = Response(401, {}, b'{"errorCode": "error.security.client-token-invalid"}')
DOWN = Response(503, {}, b"<html>")


class Scripted:
    """A transport that plays answers in order."""

    def __init__(self, *answers: Response | Exception | Callable[[Request], Response]) -> None:
        self.answers = list(answers)
        self.requests: list[Request] = []
        self.timeouts: list[Timeout] = []

    def send(self, request: Request, *, timeout: Timeout) -> Response:
        self.requests.append(request)
        self.timeouts.append(timeout)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer(request) if callable(answer) else answer

    def abort(self) -> None:
        pass

    def close(self) -> None:
        pass


class Tokens:
    """An authorizer whose logins are counted."""

    account_id = "ABC12"

    def __init__(self) -> None:
        self.generation = 1

    def stamp(self, deadline: Deadline) -> Stamp:
        return Stamp({"CST": f"token{self.generation}"}, self.generation)

    def renew(self, generation: int) -> None:
        if generation == self.generation:
            self.generation += 1


class Waits(ManualClock):
    """A clock that notes how long it was asked to wait, and lets that time pass at once."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float] = []

    def wait(self, event: threading.Event, timeout: float) -> bool:
        self.waits.append(timeout)
        if not event.is_set():
            self.advance(timeout)
        return event.is_set()


class Bench:
    """A requestor with everything that can be looked at."""

    def __init__(self, *answers: Any, config: IGConfig = CONFIG) -> None:
        self.transport = Scripted(*answers)
        self.clock = Waits()
        self.closing = threading.Event()
        self.tokens = Tokens()
        self.throttle = Throttle(config, clock=self.clock)
        self.requestor = Requestor(
            self.transport,
            config,
            lambda: config,
            clock=self.clock,
            closing=self.closing,
            throttle=self.throttle,
            random=lambda: 0.999999,
        )

    def call(self, endpoint: Endpoint = READ, timeout: float | None = None, **options: Any) -> Any:
        if endpoint is READ:
            options.setdefault("parts", {"epic": "CS.D.EURUSD.MINI.IP"})
        deadline = self.requestor.deadline(timeout)
        return self.requestor.call(endpoint, deadline=deadline, authorizer=self.tokens, **options)


def headers_of(request: Request) -> Mapping[str, str]:
    return request.headers


def test_headers_belong_to_one_request() -> None:
    """Version, key and tokens go with each request; content type only with a body."""
    bench = Bench(OK, OK)
    bench.call()
    bench.call(DEAL, body={"size": 1})
    read, deal = bench.transport.requests
    assert (read.method, read.url) == ("GET", f"{CONFIG.base_url}/markets/CS.D.EURUSD.MINI.IP")
    assert (read.headers["VERSION"], deal.headers["VERSION"]) == ("3", "2")
    assert read.headers["X-IG-API-KEY"] == "canarykey"
    assert read.headers["CST"] == "token1"
    assert "Content-Type" not in read.headers
    assert deal.headers["Content-Type"] == "application/json; charset=UTF-8"
    assert json.loads(deal.body or b"") == {"size": 1}
    assert "_method" not in {**read.headers, **deal.headers}


def test_queries_are_encoded() -> None:
    """A query is a query, whatever stands in it."""
    bench = Bench(OK)
    bench.call(Endpoint("GET", "/markets"), query={"searchTerm": "a&b=c é"})
    assert bench.transport.requests[0].url.endswith("/markets?searchTerm=a%26b%3Dc+%C3%A9")


def test_reads_come_through_bad_days() -> None:
    """Lost, slow and failing answers are tried again with growing pauses."""
    bench = Bench(ConnectFailed("x", sent="no"), ConnectionLost("x"), RequestTimeout("x"), DOWN, DOWN, OK)
    assert str(bench.call().data["a"]) == "1.5"
    assert [round(wait) for wait in bench.clock.waits] == [1, 2, 4, 8, 16]


def test_attempts_have_a_limit() -> None:
    """After max_retries the last failure is raised."""
    config = IGConfig(reconnect={"max_retries": 2})
    bench = Bench(*[DOWN] * 9, config=config)
    with pytest.raises(BrokerUnavailable):
        bench.call()
    assert len(bench.transport.requests) == 3


@pytest.mark.parametrize("failure", [ConnectionLost("x"), RequestTimeout("x"), DOWN])
def test_deals_are_sent_once(failure: Any) -> None:
    """A deal that may have been taken leaves once."""
    bench = Bench(failure, OK)
    with pytest.raises((ConnectionLost, RequestTimeout, BrokerUnavailable)):
        bench.call(DEAL, body={})
    assert len(bench.transport.requests) == 1


def test_unsent_deals_are_sent_again() -> None:
    """A deal that provably never left is sent again, unchanged."""
    bench = Bench(ConnectFailed("x", sent="no"), OK)
    bench.call(DEAL, body={"dealReference": "mine"})
    first, second = bench.transport.requests
    assert first.body == second.body


@pytest.mark.parametrize("endpoint", [READ, DEAL])
def test_a_dead_token_is_renewed_once(endpoint: Endpoint) -> None:
    """After a token code the call is repeated with new tokens, without a pause; a second one is final."""
    bench = Bench(EXPIRED, OK)
    bench.call(endpoint)
    assert [request.headers["CST"] for request in bench.transport.requests] == ["token1", "token2"]
    assert bench.clock.waits == []
    bench = Bench(EXPIRED, EXPIRED, OK)
    with pytest.raises(SessionExpired):
        bench.call(endpoint)
    assert len(bench.transport.requests) == 2


def test_a_call_keeps_to_its_time() -> None:
    """timeout= is for all attempts and pauses together."""
    bench = Bench(*[DOWN] * 9)
    with pytest.raises(BrokerUnavailable):
        bench.call(timeout=5)
    assert bench.clock.monotonic() <= 5
    assert len(bench.transport.requests) == 3  # at 0, 1 and 3 seconds; the next pause would be 4
    assert [round(limit.read_s) for limit in bench.transport.timeouts] == [5, 4, 2]
    # Connecting and answering together, too.
    assert [limit.whole_s for limit in bench.transport.timeouts] == [limit.read_s for limit in bench.transport.timeouts]


def test_without_a_time_the_configuration_bounds_each_attempt() -> None:
    """No timeout= takes connect_timeout_s and read_timeout_s."""
    bench = Bench(OK)
    bench.call()
    assert bench.transport.timeouts == [Timeout(10, 30)]


def test_times_have_a_largest() -> None:
    """What no socket takes is cut to what it takes."""
    bench = Bench(OK, OK, config=dataclasses.replace(CONFIG, connect_timeout_s=1e300, read_timeout_s=1e300))
    bench.call()
    bench.call(timeout=1e300)
    with socket.socket() as sock:
        for limit in bench.transport.timeouts:
            sock.settimeout(limit.connect_s)
            sock.settimeout(limit.read_s)


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), float("inf")])
def test_times_that_are_none_are_refused(timeout: float) -> None:
    """A timeout must be a positive number."""
    with pytest.raises(ValueError, match="timeout"):
        Bench().call(timeout=timeout)


def test_closing_ends_a_pause_and_refuses_calls() -> None:
    """A call that waits for its next attempt fails with its failure; a new one is a wrong use."""
    bench = Bench(lambda _request: bench.closing.set() or DOWN, OK)
    with pytest.raises(BrokerUnavailable):
        bench.call()
    with pytest.raises(UsageError, match="closed"):
        bench.call()
    assert len(bench.transport.requests) == 1
    bench.call(last=True)


def test_no_body_is_none_and_no_json_is_told() -> None:
    """204 gives None; a page instead of JSON is an error that shows its beginning, redacted."""
    assert Bench(Response(204, {}, b"")).call().data is None
    with pytest.raises(DecodeError) as excinfo:
        Bench(Response(200, {}, b'<html> password="canarypass"')).call()
    assert excinfo.value.path == "/markets/{epic}"
    assert excinfo.value.excerpt.startswith("<html>")
    assert "canary" not in excinfo.value.excerpt


@pytest.mark.parametrize("body", [b"", b"<html>Bad request", b"[1]", b'{"errorCode": 5}', b'{"error": "x"}', b"\xff"])
def test_refusals_without_a_code(body: bytes) -> None:
    """An error of another shape has no code, and its class follows the status."""
    with pytest.raises(InvalidRequest) as excinfo:
        Bench(Response(400, {}, body)).call()
    assert excinfo.value.code == ""


@pytest.mark.parametrize("place", ["code", "request id", "text"])
def test_secrets_that_a_server_echoes_are_not_repeated(place: str, caplog: pytest.LogCaptureFixture) -> None:
    """What a server copies from the request is in no error and no log: not from its code, its request id, its text."""
    caplog.set_level("DEBUG")
    told = f"{CONFIG.password} {CONFIG.api_key} {CONFIG.identifier} token1"
    answer = {
        "code": Response(401, {}, json.dumps({"errorCode": told}).encode()),
        "request id": Response(401, {"x-request-id": told}, b"{}"),
        "text": Response(200, {}, told.encode()),
    }[place]
    with pytest.raises((AuthenticationError, DecodeError)) as excinfo:
        Bench(answer).call()
    seen = f"{excinfo.value} {vars(excinfo.value)} {caplog.text}"
    assert not [secret for secret in told.split() if secret in seen]
    assert "*** *** ***" in seen


def test_a_delete_with_a_body_travels_as_post() -> None:
    """The gateway drops the body of a real DELETE, so its method is a header of that request alone (REST.md section 1)."""
    bench = Bench(OK, OK, OK)
    close = Endpoint("DELETE", "/positions/otc", mutating=True)
    bench.call(close, body={"dealId": "DIAAAA1"})
    bench.call(close)
    bench.call()
    methods = [(request.method, request.headers.get("_method")) for request in bench.transport.requests]
    assert methods == [("POST", "DELETE"), ("DELETE", None), ("GET", None)]


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-1e15, max_value=1e15, places=12), st.booleans())
def test_numbers_are_sent_with_their_digits(number: Decimal, nested: bool) -> None:
    """A Decimal arrives as the JSON number with exactly its digits, at any depth."""
    body = {"size": number, "text": 'é"', "none": None, "yes": True, "list": [number, {"level": number}]}
    sent = json_text({"all": body} if nested else body)
    assert json.loads(sent, parse_float=Decimal, parse_int=Decimal) == ({"all": body} if nested else body)
    assert f'"size": {number:f},' in sent
    assert "e" not in f"{number:f}".lower()


@pytest.mark.parametrize("number", [Decimal("NaN"), Decimal("Infinity"), float("nan"), float("inf")])
def test_what_is_no_number_is_not_sent(number: Any) -> None:
    """NaN is refused before anything leaves."""
    bench = Bench(OK)
    with pytest.raises(ValueError):
        bench.call(DEAL, body={"size": number})
    assert not bench.transport.requests


def test_raw_bodies_are_left_alone() -> None:
    """A raw endpoint's answer is handed over undecoded; every answer keeps its bytes."""
    bench = Bench(Response(200, {}, b"%PDF"), OK)
    raw = bench.call(Endpoint("GET", "/document", raw=True))
    assert (raw.data, raw.body) == (None, b"%PDF")
    assert bench.call().body == OK.body


SPENT = Response(403, {}, b'{"errorCode": "error.public-api.exceeded-account-allowance"}')
DEALS_SPENT = Response(403, {}, b'{"errorCode": "error.public-api.exceeded-account-trading-allowance"}')
LIMITED = IGConfig(api_key="k", limits={"non_trading_per_minute": 30, "trading_per_minute": 30})


def test_a_read_waits_out_a_spent_allowance() -> None:
    """A refused read goes again a minute later, and the user sees only its answer."""
    bench = Bench(SPENT, OK, config=LIMITED)
    assert bench.call().data
    assert 60 <= bench.clock.monotonic() <= 62


def test_a_read_without_the_time_for_that_fails_at_once() -> None:
    """Less time than the wait: IG's refusal, with the time until it makes sense to ask again."""
    bench = Bench(SPENT, OK, config=LIMITED)
    with pytest.raises(RateLimited) as excinfo:
        bench.call(timeout=30)
    assert (excinfo.value.status, excinfo.value.allowance) == (403, "account")
    assert excinfo.value.retry_after
    assert 60 <= excinfo.value.retry_after <= 62
    assert bench.clock.monotonic() < 1


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "2"}, 2.0),
        ({"retry-after": "Mon, 06 Jan 2025 12:00:07 GMT", "date": "Mon, 06 Jan 2025 12:00:00 GMT"}, 7.0),
    ],
)
def test_what_the_server_says_counts(status: int, headers: dict[str, str], seconds: float) -> None:
    """A Retry-After that fits into the call's time is waited for, though the limiter's own minute is longer."""
    refusal = Response(status, headers, b"")
    bench = Bench(*[OK] * 4, refusal, refusal, OK, config=LIMITED)
    for _ in range(4):
        bench.call()
    assert bench.call(timeout=15).data
    assert bench.clock.monotonic() == pytest.approx(2 * seconds)


def test_a_pause_beyond_the_time_of_the_call_is_its_end(caplog: pytest.LogCaptureFixture) -> None:
    """Then the refusal is raised at once, with the pause; with more time even ten minutes are waited for, aloud."""
    refusal = Response(429, {"retry-after": "600"}, b"")
    bench = Bench(refusal, refusal, OK, config=LIMITED)
    with pytest.raises(RateLimited) as excinfo:
        bench.call(timeout=599)
    assert (excinfo.value.status, excinfo.value.retry_after, bench.clock.monotonic()) == (429, 600.0, 0)
    bench.clock.advance(600)
    caplog.clear()
    assert bench.call(timeout=700).data
    said = [record for record in caplog.records if record.levelname == "WARNING"]
    assert ["waits 600.0 s" in record.getMessage() for record in said] == [True]


def test_the_servers_time_is_known() -> None:
    """By the date of its answers: what is old there is not judged by our clock."""
    bench = Bench(OK, Response(200, {"date": "Mon, 06 Jan 2020 12:00:00 GMT"}, b"{}"), OK)
    bench.call()
    assert bench.requestor.server_now is None
    for _ in range(2):
        bench.call()
        bench.clock.advance(60)
    assert bench.requestor.server_now == datetime(2020, 1, 6, 12, 2, tzinfo=timezone.utc)


def test_a_refused_deal_is_not_sent_again() -> None:
    """The refusal of a deal is the caller's to answer; the next deal waits for it here."""
    bench = Bench(DEALS_SPENT, OK, config=LIMITED)
    deal = dataclasses.replace(DEAL, allowance="trading")
    with pytest.raises(RateLimited):
        bench.call(deal, body={})
    assert len(bench.transport.requests) == 1
    bench.call(deal, body={})
    assert bench.clock.monotonic() >= 60


def test_a_wait_takes_fresh_tokens() -> None:
    """Tokens of version 3 live for a minute: what waited as long does not leave with the old ones."""
    bench = Bench(
        *[OK] * 3, config=IGConfig(api_key="k", limits={"non_trading_per_minute": 1, "trading_per_minute": 1})
    )
    bench.call()
    bench.tokens.stamp = lambda _deadline: Stamp({"CST": f"at{bench.clock.monotonic():.0f}"}, 1)  # type: ignore[method-assign]
    bench.call()
    assert bench.transport.requests[1].headers["CST"] == "at61"


APPLICATION = Response(
    200, {}, b'[{"apiKey": "canarykey", "allowanceAccountOverall": 7, "allowanceApplicationOverall": 9}]'
)


def paths(bench: Bench) -> list[str]:
    return [request.url.rpartition("/")[2] for request in bench.transport.requests]


def learn(bench: Bench, timeout: float | None = None) -> None:
    bench.requestor.learn_limits(bench.tokens, bench.requestor.deadline(timeout))


def test_the_allowances_are_asked_for_once() -> None:
    """IG's own numbers are asked for when the login says so, and no call asks by itself."""
    bench = Bench(APPLICATION, *[OK] * 5)
    learn(bench)
    learn(bench)
    for _ in range(5):
        bench.call(Endpoint("GET", "/positions"))
    assert paths(bench) == ["application"] + ["positions"] * 5
    view = bench.throttle.view("ABC12")
    assert (view.account.limit, view.key.limit, view.trading.limit) == (7, 9, 33)


def test_asking_for_the_allowances_leaves_time_for_the_call() -> None:
    """A call of few seconds gives the question a quarter of them."""
    bench = Bench(RequestTimeout("slow"), OK)
    learn(bench, timeout=2)
    assert bench.transport.timeouts[0].whole_s == 0.5
    bench.call(Endpoint("GET", "/positions"))


@pytest.mark.parametrize("answer", [DOWN, EXPIRED, ConnectionLost("x"), Response(200, {}, b"<html>"), Response(403)])
def test_without_an_answer_the_published_numbers_count(answer: Any) -> None:
    """That IG does not say harms nothing, and it is not asked again."""
    more = [answer] if answer is EXPIRED else []
    bench = Bench(answer, *more, *[OK] * 5)
    learn(bench)
    learn(bench)
    for _ in range(5):
        bench.call(Endpoint("GET", "/positions"))
    assert paths(bench).count("positions") == 5
    assert paths(bench).count("application") == 1 + len(more)
    assert bench.throttle.view("ABC12").account.limit == 10


def test_requests_are_counted() -> None:
    """Each attempt counts once, by how it ended; what IG refuses for an allowance is not a failure."""
    spent = Response(403, {}, b'{"errorCode": "error.public-api.exceeded-account-allowance"}')
    bench = Bench(OK, DOWN, EXPIRED, OK, spent, OK, ConnectionLost("gone"))
    assert dataclasses.astuple(bench.requestor.counts) == (0, 0, 0, 0)
    bench.call()
    bench.call()
    bench.call()
    with pytest.raises(ConnectionLost):
        bench.call(DEAL, body={})
    assert dataclasses.astuple(bench.requestor.counts) == (7, 3, 1, 3)


def test_no_request_of_any_thread_is_missed() -> None:
    """However many threads send at once, each request is counted."""
    bench = Bench(*[OK] * 800, config=dataclasses.replace(CONFIG, limits={"non_trading_per_minute": 100_000}))
    threads = [
        threading.Thread(
            target=lambda: [bench.call(Endpoint("GET", "/x", allowance=None)) for _ in range(100)],
            name=f"caller {number}",
        )
        for number in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert bench.requestor.counts.requests == 800
