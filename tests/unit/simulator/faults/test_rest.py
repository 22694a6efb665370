"""Which REST requests a fault befalls, and which it leaves alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ig_sdk.clock import ManualClock
from ig_sdk.errors import UsageError
from ig_sdk.simulator import Faults
from ig_sdk.simulator.faults.rest import RestFault, SeenRequest


def statuses(faults: Faults, *requests: tuple[str, str]) -> list[int | None]:
    """What each request is answered with, ``None`` for as usual."""
    taken = [faults.take_request(method, path, 1) for method, path in requests]
    return [fault.status if fault is not None else None for fault in taken]


def test_faults_are_used_up():
    """A fault hits so many matching requests and no other."""
    faults = Faults()
    faults.rest(503, times=2, path="/markets", method="GET")
    asked = [
        ("GET", "/session"),
        ("POST", "/markets"),
        ("GET", "/markets/CS.D"),
        ("GET", "/markets"),
        ("GET", "/markets"),
    ]
    assert statuses(faults, *asked) == [None, None, 503, 503, None]


def test_some_go_well_first():
    """after= counts the matching requests only."""
    faults = Faults()
    faults.rest(500, path="/markets", after=2)
    asked = [("GET", "/markets"), ("GET", "/session"), ("GET", "/markets"), ("GET", "/markets"), ("GET", "/markets")]
    assert statuses(faults, *asked) == [None, None, None, 500, None]


def test_the_first_of_several_acts():
    """One fault for one request, in the order in which they were asked for."""
    faults = Faults()
    faults.rest(500)
    faults.rest(502)
    assert statuses(faults, *[("GET", "/a")] * 3) == [500, 502, None]


def test_for_ever_is_until_clear():
    """times=None has no end."""
    faults = Faults()
    faults.rest(503, None)
    assert statuses(faults, *[("GET", "/a")] * 50) == [503] * 50
    faults.clear()
    assert statuses(faults, ("GET", "/a")) == [None]


@given(seed=st.integers(0, 1000), chance=st.floats(0.05, 0.95))
def test_chances_follow_the_seed(seed: int, chance: float):
    """The same requests in the same order meet the same faults; some go well and some do not."""

    def fate() -> list[int | None]:
        faults = Faults(seed=seed)
        faults.rest(503, None, chance=chance)
        return statuses(faults, *[("GET", "/a")] * 200)

    assert fate() == fate()
    assert set(fate()) == {None, 503}


@pytest.mark.parametrize(
    ("fault", "carried_out"),
    [
        (RestFault(503), False),
        (RestFault(503, taken=True), True),
        (RestFault(None), True),
        (RestFault(None, cut_after=10), True),
        (RestFault(None, cut_after=10, drop=True), True),
        (RestFault(None, drop=True), False),
        (RestFault(None, reset=True), False),
        (RestFault(503, reset=True, taken=True), True),
        (RestFault(503, cut_after=10), False),
        (RestFault(None, cut_request=10), False),
    ],
)
def test_what_is_carried_out(fault: RestFault, carried_out: bool):
    """The application gets a request whose real reply is wanted, and one that is spoilt only afterwards."""
    assert fault.carried_out is carried_out


@pytest.mark.parametrize(
    ("allowance", "refused"),
    [
        ("trading", {"POST /positions/otc", "DELETE /workingorders/otc/D1"}),
        ("historical", {"GET /prices/CS.D/MINUTE"}),
        ("account", {"GET /positions", "GET /markets", "GET /session", "DELETE /session"}),
        ("api-key", {"GET /positions", "GET /markets", "GET /session", "DELETE /session", "POST /session"}),
    ],
)
def test_a_spent_allowance(allowance: str, refused: set[str]):
    """It refuses what it covers, for so long, with its own code."""
    clock = ManualClock()
    faults = Faults(clock)
    faults.spend_allowance(allowance, for_s=60)  # type: ignore[arg-type]
    asked = [
        "POST /positions/otc", "DELETE /workingorders/otc/D1", "GET /prices/CS.D/MINUTE", "GET /positions",
        "GET /markets", "GET /session", "DELETE /session", "POST /session",
    ]  # fmt: skip
    for _ in range(2):
        taken = {each: faults.take_request(*each.split(" "), 1) for each in asked}
        assert {each for each, fault in taken.items() if fault is not None} == refused
        assert all(fault.status == 403 and "exceeded" in fault.code for fault in taken.values() if fault)
        clock.advance(30)
    assert statuses(faults, *[tuple(each.split(" ")) for each in asked]) == [None] * len(asked)


def test_an_allowance_that_is_none():
    """A wrong name is told."""
    with pytest.raises(ValueError, match="trading"):
        Faults().spend_allowance("money")  # type: ignore[arg-type]


def test_the_journal():
    """Every request is noted, also one that a fault spoils; it can be searched, and is bounded."""
    clock = ManualClock()
    faults = Faults(clock)
    faults.rest(503)
    for number in range(10_005):
        faults.take_request("GET", f"/markets/{number}", 3)
    faults.take_request("POST", "/positions/otc", 2)
    seen = faults.rest_rules.seen
    assert len(seen()) == 10_000
    assert seen("POST") == [SeenRequest("POST", "/positions/otc", 2, clock.now())]
    assert seen("POST", "/markets") == []
    assert seen(path="/markets/10004")[0].version == 3


@pytest.mark.parametrize("name", ["kill_tokens", "refuse_connections", "start_maintenance"])
def test_nothing_runs(name: str):
    """A fault of a server that is not there says so."""
    with pytest.raises(UsageError, match="start the simulator"):
        getattr(Faults(), name)()
