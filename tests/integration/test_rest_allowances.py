"""The limiter of a client against a server that counts."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from ig_sdk import RateLimited
from ig_sdk.simulator import Simulator
from ig_sdk.simulator.accounts.allowances import Allowances

EPIC = "CS.D.EURUSD.MINI.IP"


def test_a_server_that_says_its_numbers_never_has_to_refuse() -> None:
    """Threads that read as fast as they can stop at what the key is told, without a refusal, and say so."""
    with Simulator(allowances=Allowances(per_key=100, per_account=10)) as sim, sim.client() as ig:
        ig.login()

        def read(_number: int) -> str:
            try:
                ig.markets.get(EPIC, timeout=5)
            except RateLimited as error:
                return f"{error.allowance} {error.status}"
            return "read"

        with ThreadPoolExecutor(8, "test-caller") as pool:
            outcomes = Counter(pool.map(read, range(30)))
        state = ig.allowances.account
        assert (state.limit, state.refusals) == (10, 0)
        # Two places are kept for confirms; the question for the numbers, at the login, took one of them.
        assert outcomes["read"] in (7, 8)
        assert set(outcomes) == {"read", "account 0"}
        assert [seen.path for seen in sim.requests(path="/operations/application")] == ["/operations/application"]


def test_a_server_with_lower_limits_is_learnt() -> None:
    """Where a server refuses below what it says, the refusal is waited out or told, and it is not asked in vain again."""
    with Simulator(allowances=Allowances(per_key=100, per_account=60)) as sim, sim.client() as ig:
        ig.login()
        sim.faults.rest(status=403, times=None, path="/markets", code="error.public-api.exceeded-account-allowance")
        for _ in range(5):
            with pytest.raises(RateLimited) as excinfo:
                ig.markets.get(EPIC, timeout=5)
            assert excinfo.value.allowance == "account"
        assert len(sim.requests(path="/markets")) == 1
        assert ig.allowances.account.refusals == 1


def test_an_order_sends_no_question_for_the_numbers() -> None:
    """The login asks for the account's limits, before the first order; orders and closes send their own requests only."""
    with Simulator() as sim, sim.client() as ig:
        confirm = ig.positions.open(EPIC, "BUY", 1)
        paths = [seen.path for seen in sim.requests()]
        assert paths.count("/operations/application") == 1
        assert paths.index("/session") < paths.index("/operations/application") < paths.index("/positions/otc")
        assert confirm.deal_id
        ig.positions.close(confirm.deal_id)
        ig.history.activity()
        assert len(sim.requests(path="/operations/application")) == 1


@pytest.mark.parametrize("status", [403, 500])
def test_an_order_does_not_need_the_numbers(status: int) -> None:
    """When IG does not tell its limits, login and order go on as if nothing had been asked."""
    with Simulator() as sim, sim.client() as ig:
        sim.faults.rest(status=status, times=None, path="/operations/application")
        assert ig.positions.open(EPIC, "BUY", 1).deal_id
        assert len(sim.requests(path="/operations/application")) == 1


def test_own_limits_are_kept_without_asking() -> None:
    """What the configuration sets is the limit, and IG is not asked for its own."""
    limits = {"non_trading_per_minute": 4, "trading_per_minute": 4}
    with Simulator() as sim, sim.client(limits=limits) as ig:
        for _ in range(3):
            ig.markets.get(EPIC, timeout=5)
        with pytest.raises(RateLimited):
            ig.markets.get(EPIC, timeout=5)
        assert sim.requests(path="/operations/application") == []
