"""The limiter: lines, order, waits that show and that end."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from ig_sdk.clock import ManualClock
from ig_sdk.config import IGConfig
from ig_sdk.errors import BrokerUnavailable, ConnectFailed, IGError, RateLimited, UsageError
from ig_sdk.rest.http.deadline import Deadline
from ig_sdk.rest.http.endpoint import Endpoint
from ig_sdk.rest.http.error_codes import error_for
from ig_sdk.rest.http.limits.numbers import Limits, of_application
from ig_sdk.rest.http.limits.points import PointsAllowance
from ig_sdk.rest.http.limits.throttle import Permit, Throttle, asking_s
from ig_sdk.rest.http.limits.window import PERIOD_S

READ = Endpoint("GET", "/positions")
CONFIRM = Endpoint("GET", "/confirms/{dealReference}", urgent=True)
LOGIN = Endpoint("POST", "/session", version=2, authenticated=False, urgent=True)
DEAL = Endpoint("POST", "/positions/otc", mutating=True, allowance="trading")
PRICES = Endpoint("GET", "/prices/{epic}", allowance="historical", raw=True)
ACCOUNT = "ABC12"
HERE = "http://127.0.0.1:9/gateway/deal"


class Callers:
    """Threads, and the limiters in whose lines they may stand."""

    def __init__(self) -> None:
        self.executor = ThreadPoolExecutor(8, "test-caller")
        self.throttles: list[Throttle] = []

    def serve(self, throttle: Throttle) -> None:
        self.throttles.append(throttle)

    def close(self) -> None:
        for throttle in self.throttles:
            throttle.close()
        self.executor.shutdown()


class Bench:
    """A limiter, its clock, and callers on threads of their own."""

    def __init__(self, pool: Callers, **limits: int) -> None:
        self.clock = ManualClock()
        self.throttle = Throttle(IGConfig(base_url=HERE, limits=limits), clock=self.clock)
        pool.serve(self.throttle)
        self.pool = pool.executor
        self.order: list[str] = []

    def enter(self, endpoint: Endpoint = READ, timeout: float | None = None) -> Permit:
        return self.throttle.enter(endpoint, ACCOUNT, Deadline(self.clock, timeout))

    def spend(self, endpoint: Endpoint = READ, failure: IGError | None = None) -> None:
        self.enter(endpoint).leave(failure)

    def note_points(self, left: int) -> None:
        resets_at = self.clock.now() + timedelta(seconds=500)
        self.throttle.note_points(ACCOUNT, PointsAllowance(left, 10_000, resets_at))

    def come(self, name: str, endpoint: Endpoint = READ, timeout: float | None = None) -> Future[None]:
        """Let a caller get in line, and return once it stands there."""
        before = self.clock.waiting

        def call() -> None:
            permit = self.enter(endpoint, timeout)
            self.order.append(name)
            permit.leave()

        future = self.pool.submit(call)
        self.until(lambda: self.clock.waiting > before or future.done())
        return future

    @staticmethod
    def until(condition: Any) -> None:
        glance = threading.Event()
        for _ in range(5000):
            if condition():
                return
            glance.wait(0.001)
        raise AssertionError("it did not happen")


@pytest.fixture
def pool() -> Iterator[Callers]:
    callers = Callers()
    yield callers
    callers.close()


def test_a_wait_shows_and_ends(pool: Callers) -> None:
    """Who finds no place waits until there is one; meanwhile, and afterwards, it can be seen."""
    bench = Bench(pool, non_trading_per_minute=4)
    for _ in range(4):
        bench.spend()
    call = bench.come("late")
    state = bench.throttle.view(ACCOUNT).account
    assert (state.limit, state.used, state.waiting, call.done()) == (4, 4, 1, False)
    bench.clock.advance(PERIOD_S)
    call.result(5)
    state = bench.throttle.view(ACCOUNT).account
    assert (state.used, state.waiting, state.waited_s, state.refusals) == (1, 0, PERIOD_S, 0)


def test_callers_go_in_the_order_in_which_they_came(pool: Callers) -> None:
    """No thread is passed over: first come, first served, one for each place."""
    bench = Bench(pool, non_trading_per_minute=1)
    bench.spend()
    calls = [bench.come(name) for name in "abcdef"]
    for number, call in enumerate(calls, 1):
        bench.until(lambda number=number: bench.clock.waiting == len(calls) - number + 1)
        bench.clock.advance(PERIOD_S)
        call.result(5)
    assert bench.order == list("abcdef")


def test_what_a_deal_waits_for_goes_first(pool: Callers) -> None:
    """A confirm takes a place that is kept back, and when there is none the next one, before reads that came earlier."""
    bench = Bench(pool, non_trading_per_minute=10)
    for _ in range(8):
        bench.spend()
    reads = [bench.come("read"), bench.come("read")]
    assert bench.come("confirm", CONFIRM).result(5) is None
    bench.spend(CONFIRM)
    later = bench.come("confirm", CONFIRM)
    assert not later.done()
    bench.clock.advance(PERIOD_S)
    for call in (*reads, later):
        call.result(5)
    assert bench.order == ["confirm", "confirm", "read", "read"]


def test_deals_do_not_wait_behind_reads(pool: Callers) -> None:
    """The two have lines and allowances of their own."""
    bench = Bench(pool, non_trading_per_minute=1, trading_per_minute=2)
    bench.spend()
    read = bench.come("read")
    for _ in range(2):
        assert bench.enter(DEAL, timeout=1).waited_s == 0
    assert not read.done()
    bench.throttle.close()
    with pytest.raises(UsageError):
        read.result(5)


def test_closing_wakes_everybody(pool: Callers) -> None:
    """Whoever is in line is told that the client closes; so is whoever comes after."""
    bench = Bench(pool, non_trading_per_minute=1)
    bench.spend()
    calls = [bench.come("x") for _ in range(3)]
    bench.throttle.close()
    for call in calls:
        with pytest.raises(UsageError, match="closed"):
            call.result(5)
    with pytest.raises(UsageError, match="closed"):
        bench.enter()


def test_a_wait_that_cannot_fit_is_not_begun(pool: Callers) -> None:
    """A call with less time than the wait fails at once, saying which allowance and when the next may go."""
    bench = Bench(pool, non_trading_per_minute=1)
    bench.spend()
    bench.clock.advance(20)
    with pytest.raises(RateLimited, match=r"GET /positions was not sent.*1 requests a minute.*41 s") as excinfo:
        bench.enter(timeout=30)
    assert (excinfo.value.status, excinfo.value.allowance) == (0, "account")
    assert excinfo.value.retry_after == PERIOD_S - 20
    assert bench.clock.monotonic() == 20
    bench.clock.advance(PERIOD_S)
    assert bench.enter(timeout=1)


def test_who_gives_up_holds_up_nobody(pool: Callers) -> None:
    """A caller whose time is over leaves the line, and the next one's turn comes."""
    bench = Bench(pool, non_trading_per_minute=1)
    held = bench.enter()
    brief, patient = bench.come("brief", timeout=5), bench.come("patient")
    bench.clock.advance(6)
    with pytest.raises(RateLimited):
        brief.result(5)
    held.leave(ConnectFailed("refused", sent="no"))
    patient.result(5)
    assert bench.order == ["patient"]


def test_a_request_under_way_that_never_left_makes_room(pool: Callers) -> None:
    """The first in line looks again whenever an answer comes, not only when a minute is over."""
    bench = Bench(pool, non_trading_per_minute=1)
    held, call = bench.enter(), bench.come("next")
    held.leave(ConnectFailed("refused", sent="no"))
    call.result(5)
    assert bench.clock.monotonic() == 0


@pytest.mark.parametrize(
    ("code", "who"),
    [
        ("error.public-api.exceeded-account-allowance", "account"),
        ("error.public-api.exceeded-api-key-allowance", "key"),
    ],
)
def test_a_refusal_is_laid_to_the_allowance_that_it_names(pool: Callers, code: str, who: str) -> None:
    """IG's code says which number was too high."""
    bench = Bench(pool)
    bench.spend(READ, error_for(403, code))
    view = bench.throttle.view(ACCOUNT)
    assert {name for name in ("trading", "account", "key") if getattr(view, name).refusals} == {who}
    with pytest.raises(RateLimited):
        bench.enter(timeout=1)


def test_a_429_teaches_too(pool: Callers) -> None:
    """A plain 429 counts against the narrowest allowance, with the pause that it asks for."""
    bench = Bench(pool)
    bench.spend(READ, error_for(429, "", retry_after="7"))
    assert bench.throttle.view(ACCOUNT).account.refusals == 1
    bench.spend(DEAL, error_for(429, ""))
    assert bench.throttle.view(ACCOUNT).trading.refusals == 1


def test_other_failures_teach_nothing(pool: Callers) -> None:
    """A 503 or a 401 is no refusal; it is counted as if it had been taken."""
    bench = Bench(pool)
    bench.spend(READ, BrokerUnavailable("503", status=503))
    bench.spend(READ, error_for(401, "error.security.client-token-invalid"))
    state = bench.throttle.view(ACCOUNT).account
    assert (state.refusals, state.used, state.limit) == (0, 2, None)


def test_a_login_behind_a_verdict_that_waits(pool: Callers) -> None:
    """Who stands in line behind a wait for an allowance that is none of its own just waits its turn."""
    bench = Bench(pool)
    for _ in range(3):
        bench.spend()
    bench.spend(READ, error_for(403, "error.public-api.exceeded-account-allowance"))
    verdict = bench.come("verdict", CONFIRM)
    before = bench.clock.waiting
    login = pool.executor.submit(bench.throttle.enter, LOGIN, None, Deadline(bench.clock, 100.0))
    bench.until(lambda: bench.clock.waiting > before or login.done())
    assert not login.done()
    # Too little time to wait: told what it is that all wait for.
    late = pool.executor.submit(bench.throttle.enter, LOGIN, None, Deadline(bench.clock, 1.0))
    bench.until(lambda: bench.clock.waiting > before + 1 or late.done())
    bench.clock.advance(1.0)
    with pytest.raises(RateLimited, match="3 requests a minute on this account is used up, others are in line"):
        late.result(5)
    bench.clock.advance(PERIOD_S)
    verdict.result(5)
    assert login.result(5).waited_s > 0


def test_what_was_learnt_is_shown(pool: Callers) -> None:
    """After IG refused, the limit is what it took until then, though nobody has said a number."""
    bench = Bench(pool)
    for _ in range(5):
        bench.spend()
    assert bench.throttle.view(ACCOUNT).account.limit is None
    bench.spend(READ, error_for(403, "error.public-api.exceeded-account-allowance"))
    state = bench.throttle.view(ACCOUNT).account
    assert (state.limit, state.learnt, state.refusals) == (5, True, 1)


def test_points_that_are_spent_are_not_asked_for(pool: Callers) -> None:
    """When IG said that no points are left, prices are refused here until the week ends; other reads go on."""
    bench = Bench(pool)
    bench.note_points(0)
    state = bench.throttle.view(ACCOUNT).historical
    assert (state.limit, state.used) == (10000, 10000)
    with pytest.raises(RateLimited, match="10000 price points a week") as excinfo:
        bench.enter(PRICES)
    assert (excinfo.value.allowance, excinfo.value.retry_after) == ("historical", 500)
    bench.enter(READ)
    bench.clock.advance(500)
    bench.enter(PRICES)


def test_own_points_are_kept(pool: Callers) -> None:
    """A limit of the user's own is where it stops, even if IG would give more."""
    bench = Bench(pool, historical_points_per_week=100)
    bench.note_points(9901)
    bench.spend(PRICES)
    bench.note_points(9900)
    with pytest.raises(RateLimited):
        bench.enter(PRICES)


def test_a_refusal_for_points_leaves_the_minute_alone(pool: Callers) -> None:
    """The weekly allowance is not a matter of pace, and less may still be had."""
    bench = Bench(pool)
    bench.spend(PRICES, error_for(403, "error.public-api.exceeded-account-historical-data-allowance"))
    view = bench.throttle.view(ACCOUNT)
    assert (view.historical.refusals, view.account.refusals) == (1, 0)
    bench.enter(PRICES, timeout=1)


@pytest.mark.parametrize(("environment", "numbers"), [("demo", (33, 10, 20)), ("live", (100, 30, 60))])
def test_the_published_numbers_come_first(environment: Any, numbers: tuple[int, int, int]) -> None:
    """Until IG says more, its published numbers count."""
    throttle = Throttle(IGConfig(environment=environment), clock=ManualClock())
    view = throttle.view(None)
    assert (view.trading.limit, view.account.limit, view.key.limit) == numbers
    throttle.tell(Limits(1, 2, 3, 4))
    view = throttle.view(None)
    assert (view.trading.limit, view.account.limit, view.key.limit, view.historical.limit) == (1, 2, 3, 4)


def test_own_numbers_come_before_all() -> None:
    """What the user set is neither asked for nor overruled."""
    config = IGConfig(limits={"non_trading_per_minute": 5, "trading_per_minute": 6})
    throttle = Throttle(config, clock=ManualClock())
    throttle.tell(Limits(100, 30, 60, 10_000))
    view = throttle.view(None)
    assert (view.trading.limit, view.account.limit, view.key.limit, view.historical.limit) == (6, 5, 5, 10_000)
    assert not throttle.begin_asking()


def test_one_caller_asks(pool: Callers) -> None:
    """One thread asks for the numbers; reads of others wait for what it learns, deals and urgent calls do not."""
    bench = Bench(pool)
    deadline = Deadline(bench.clock, None)
    bench.throttle.await_limits(READ, deadline)  # nobody asks yet
    assert bench.throttle.begin_asking()
    assert not bench.throttle.begin_asking()
    bench.throttle.await_limits(CONFIRM, deadline)
    bench.throttle.await_limits(DEAL, deadline)
    other = bench.pool.submit(bench.throttle.await_limits, READ, deadline)
    bench.until(lambda: bench.clock.waiting == 1)
    bench.throttle.tell(Limits())
    other.result(5)
    bench.throttle.await_limits(READ, deadline)
    assert not bench.throttle.begin_asking()


def test_asking_leaves_a_call_most_of_its_time() -> None:
    """The question, and the wait for it, take five seconds at most, and a quarter of the call's own time."""
    clock = ManualClock()
    assert asking_s(Deadline(clock, None)) == 5
    assert asking_s(Deadline(clock, 2)) == 0.5


def test_the_numbers_are_those_of_the_key_in_use() -> None:
    """IG lists all keys of a user."""
    config = IGConfig(api_key="mine")
    mine = {"apiKey": "mine", "allowanceAccountTrading": 1, "allowanceAccountOverall": 2}
    mine |= {"allowanceApplicationOverall": 3, "allowanceAccountHistoricalData": 4}
    other = dict.fromkeys(mine, 99) | {"apiKey": "other"}
    assert of_application([other, mine], config) == Limits(1, 2, 3, 4)
    assert of_application([other], config) == Limits(99, 99, 99, 99)


@pytest.mark.parametrize(
    "data",
    [
        None,
        {},
        [],
        "x",
        [None],
        [{}],
        [{"apiKey": "a"}, {"apiKey": "b"}],
        [{"allowanceAccountOverall": "?"}],
        [{"allowanceAccountOverall": 0}],
        [{"allowanceAccountOverall": True}],
    ],
)
def test_an_odd_answer_says_nothing(data: object) -> None:
    """What cannot be understood changes nothing."""
    assert of_application(data, IGConfig()) == Limits()


def test_what_is_not_counted_is_not_held(pool: Callers) -> None:
    """An endpoint without an allowance never waits."""
    bench = Bench(pool, non_trading_per_minute=1)
    bench.spend()
    free = Endpoint("GET", "/free", allowance=None)
    bench.enter(free, timeout=1).leave(error_for(403, "error.public-api.exceeded-account-allowance"))
    assert bench.throttle.view(ACCOUNT).account.refusals == 0


def test_accounts_are_counted_apart(pool: Callers) -> None:
    """What one account used is not missing on another; the key is the same."""
    bench = Bench(pool)
    bench.throttle.tell(Limits(account=1, key=3))
    bench.spend()
    bench.throttle.enter(READ, "XYZ99", Deadline(bench.clock, 1)).leave()
    assert bench.throttle.view("XYZ99").account.used == 1
    assert bench.throttle.view("XYZ99").key.used == 2
