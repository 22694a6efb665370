"""Faults that happen later: at a time, after a count, when something arrives; in Python and as text."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from ig_sdk.clock import ManualClock
from ig_sdk.errors import ConfigError
from ig_sdk.simulator import Faults
from ig_sdk.simulator.faults.later import FAULT_NAMES
from ig_sdk.simulator.faults.schedule import Schedule


@pytest.fixture
def clock() -> ManualClock:
    """Time."""
    return ManualClock()


@pytest.fixture
def faults(clock: ManualClock) -> Iterator[Faults]:
    """Faults that are ended."""
    made = Faults(clock)
    yield made
    made.close()


class Deeds:
    """Counts what was done, and lets a test wait for it."""

    def __init__(self, clock: ManualClock) -> None:
        self.times: list[float] = []
        self._clock = clock
        self._done = threading.Semaphore(0)

    def __call__(self) -> None:
        self.times.append(self._clock.monotonic())
        self._done.release()

    def wait(self) -> None:
        assert self._done.acquire(timeout=5)


def test_at_a_time_and_again(clock: ManualClock):
    """A deed happens when its time has come, not before, and is repeated so often."""
    schedule, deeds, other = Schedule(clock), Deeds(clock), Deeds(clock)
    schedule.at(10, deeds, every_s=5, times=3)
    schedule.at(12, other)
    for seconds in (10, 2, 3, 5):
        assert len(deeds.times) + len(other.times) < 4
        clock.advance(seconds)
        (other if seconds == 2 else deeds).wait()
    clock.advance(100)
    schedule.close()
    assert deeds.times == [10, 15, 20]
    assert other.times == [12]


def test_a_closed_schedule_does_nothing_more(clock: ManualClock):
    """Its thread ends though something was due later, and nothing is taken any more."""
    schedule, deeds = Schedule(clock), Deeds(clock)
    schedule.at(1000, deeds)
    schedule.on("request", deeds)
    schedule.close()
    schedule.close()
    schedule.at(0, deeds)
    schedule.on("request", deeds)
    schedule.note("request", "/a")
    clock.advance(2000)
    assert deeds.times == []


@pytest.mark.parametrize(("seconds", "every_s"), [(-1, None), (0, 0), (0, -5), (float("nan"), None)])
def test_times_that_are_none(clock: ManualClock, seconds: float, every_s: float | None):
    """What can never be due is told."""
    with pytest.raises(ValueError, match="time"):
        Schedule(clock).at(seconds, lambda: None, every_s=every_s)


def test_when_something_arrives(clock: ManualClock):
    """A deed waits for its kind of arrival, lets some go by, and happens so often."""
    schedule, deeds = Schedule(clock), Deeds(clock)
    schedule.on("request", deeds, name="/markets", method="GET", after=1, times=2)
    for kind, name, method in [
        ("request", "/markets", "GET"),
        ("request", "/session", "GET"),
        ("stream", "/markets", "GET"),
        ("request", "/markets/A", "POST"),
    ]:
        schedule.note(kind, name, method)
        assert deeds.times == []
    for count in (1, 2, 2):
        schedule.note("request", "/markets/A", "GET")
        assert len(deeds.times) == count
    assert schedule.kinds == frozenset()


def test_a_request_can_meet_what_it_causes(faults: Faults):
    """The deed happens before the request is looked at."""
    faults.on_request("/markets", after=1).rest(503, path="/markets")
    taken = [faults.take_request("GET", "/markets", 1) for _ in range(3)]
    assert [fault and fault.status for fault in taken] == [None, 503, None]


def test_a_deed_that_cannot_be_done_keeps_nobody_from_the_next(faults: Faults):
    """Without a stream there is nothing to drop; the schedule goes on."""
    faults.on_request().drop_stream()
    faults.on_request().rest(500)
    fault = faults.take_request("GET", "/a", 1)
    assert fault is not None
    assert fault.status == 500


def test_only_faults_can_be_scripted(faults: Faults):
    """A wrong name is told when the script is written."""
    with pytest.raises(AttributeError, match="drop_stream"):
        faults.at(1).drop_streams()
    with pytest.raises(TypeError, match="codes"):
        faults.at(1).end(codes=35)
    for name in FAULT_NAMES:
        assert callable(getattr(faults, name))


# ---- as text


def test_text_for_a_request(faults: Faults):
    """The line of the command's help does what it says."""
    faults.arrange("rest status=503 times=2 path=/markets after=1 headers=Retry-After:5;X-A:b")
    taken = [faults.take_request("GET", "/markets", 1) for _ in range(4)]
    assert [fault and fault.status for fault in taken] == [None, 503, 503, None]
    assert taken[1] is not None
    assert taken[1].headers == {"Retry-After": "5", "X-A": "b"}


def test_text_gives_every_kind_of_value(faults: Faults):
    """Numbers, truth, nothing, quoted text."""
    faults.arrange("rest status=none times=none delay_s=0.5 taken=true body='<a b>' cut_after=10")
    fault = faults.take_request("GET", "/", 1)
    assert fault is not None
    assert (fault.status, fault.delay_s, fault.taken, fault.body, fault.cut_after) == (None, 0.5, True, b"<a b>", 10)
    faults.arrange("mute_prices A.B C.D")
    assert faults.muted_prices == {"A.B", "C.D"}
    faults.arrange("refuse_sessions 5 message=busy times=1")
    assert faults.take_refusal() == (5, "busy")
    faults.arrange("slow_stream 4")
    assert faults.line_delay_s == 0.25
    faults.arrange("slow_stream none")
    assert faults.line_delay_s == 0


def test_text_for_later(faults: Faults):
    """The causes of the Python form have names."""
    faults.arrange("rest 500 on=/markets skip=1 on_method=GET repeat=2")
    asked = [("POST", "/markets"), ("GET", "/markets"), ("GET", "/markets"), ("GET", "/markets"), ("GET", "/markets")]
    taken = [faults.take_request(*each, 1) for each in asked]
    assert [fault and fault.status for fault in taken] == [None, None, 500, 500, None]
    faults.arrange("mute_prices at=10")
    faults.arrange("refuse_recovery on_stream=bind_session")
    faults.schedule.note("stream", "bind_session")
    assert faults.take_refusal(recovery=True) is not None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        "close",
        "take_refusal",
        "rest status=abc",
        "rest nothing=1",
        "rest taken=maybe",
        "rest 1 2 3 4",
        "rest 500 status=500",
        "kill_tokens some",
        "end at=soon",
        "end at=5 on=/x",
        "end every=5",
        "end at=5 after=1",
        "end at=-5",
        "rest body='open",
        "slow_stream 0",
    ],
)
def test_text_that_is_no_fault(faults: Faults, text: str):
    """It is refused with what was meant, at once and not when it would be due."""
    with pytest.raises(ConfigError, match="fault"):
        faults.arrange(text)
