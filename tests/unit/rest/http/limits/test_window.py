"""An allowance's window: how long a request waits, and what refusals teach."""

from __future__ import annotations

import itertools
import math

import pytest

from ig_sdk.rest.http.limits.window import PERIOD_S, Window


def spend(window: Window, now: float, count: int = 1) -> None:
    """Send requests that are answered at once."""
    for _ in range(count):
        assert window.wait_s(now) == 0
        window.end(window.begin(now), now, "accepted")


def refuse(window: Window, now: float, retry_after_s: float | None = None) -> None:
    window.end(window.begin(now), now, "refused", retry_after_s)


def test_a_place_is_taken_until_a_minute_after_the_answer() -> None:
    """IG counted the request at some moment before its answer, so the minute begins there."""
    window = Window(1)
    slot = window.begin(0.0)
    assert window.wait_s(1000.0) > 0
    window.end(slot, 1000.0, "accepted")
    assert window.wait_s(1001.0) == PERIOD_S - 1
    assert window.wait_s(1000.0 + PERIOD_S) == 0
    assert window.used(1000.0 + PERIOD_S) == 0


def test_an_unsent_request_takes_no_place() -> None:
    """What never left is given back at once; what may have arrived is not."""
    window = Window(1)
    window.end(window.begin(0.0), 0.0, "unsent")
    assert window.wait_s(0.0) == 0
    window.end(window.begin(0.0), 0.0, "unknown")
    assert window.wait_s(0.0) == PERIOD_S


@pytest.mark.parametrize(("limit", "reads", "most"), [(1, 1, 1), (4, 4, 4), (5, 4, 5), (10, 8, 10), (60, 58, 60)])
def test_some_places_are_kept_for_what_a_deal_waits_for(limit: int, reads: int, most: int) -> None:
    """Reads leave a place or two; what is urgent takes those too, and no more."""
    window = Window(limit)
    spend(window, 0.0, reads)
    assert window.wait_s(0.0) > 0
    for _ in range(most - reads):
        assert window.wait_s(0.0, urgent=True) == 0
        window.end(window.begin(0.0), 0.0, "accepted")
    assert window.wait_s(0.0, urgent=True) > 0


def test_a_login_does_not_wait_for_the_request_that_needs_it() -> None:
    """With one place, which a request under way holds, the login that it waits for still goes."""
    window = Window(1)
    window.begin(0.0)
    assert window.wait_s(0.0) > 0
    assert window.wait_s(0.0, urgent=True) == 0


def test_nothing_known_waits_for_nothing() -> None:
    """Without any number requests go until one is refused."""
    window = Window()
    spend(window, 0.0, 500)
    assert window.limit is None
    refuse(window, 0.0)
    assert window.wait_s(0.0) > 0


def test_a_named_pause_is_kept() -> None:
    """Retry-After counts for all, also for what is urgent."""
    window = Window(60)
    refuse(window, 0.0, retry_after_s=7.0)
    assert window.wait_s(0.0, urgent=True) == 7.0


def test_a_first_refusal_is_waited_out() -> None:
    """A program started again right away meets what its last run left, and is at full speed a minute later."""
    window = Window(30)
    refuse(window, 0.0)
    assert window.wait_s(0.0) == PERIOD_S
    spend(window, PERIOD_S, 28)
    assert window.limit == 30
    assert not window.learnt


def test_a_second_refusal_teaches_the_limit() -> None:
    """What was refused twice at the same number is the limit, for hours."""
    window = Window(60)
    spend(window, 0.0, 8)
    refuse(window, 0.0)
    spend(window, PERIOD_S, 8)
    refuse(window, PERIOD_S)
    assert (window.limit, window.learnt, window.refusals) == (8, True, 2)
    for minute in range(2, 600):
        spend(window, minute * PERIOD_S, 7)
        assert window.wait_s(minute * PERIOD_S) > 0


def test_refusals_that_do_not_agree_are_forgotten_sooner() -> None:
    """Somebody else's use of the account lowers the limit for a while, and it comes back bit by bit."""
    window = Window(30)
    spend(window, 0.0, 20)
    refuse(window, 0.0)
    spend(window, PERIOD_S, 3)
    refuse(window, PERIOD_S)
    assert window.limit == 3
    seen = []
    for minute in range(3, 60):
        now = minute * PERIOD_S
        while window.wait_s(now) == 0:
            window.end(window.begin(now), now, "accepted")
        seen.append(window.limit)
    assert seen[0] == 3
    assert seen[-1] == 30
    steps = [later - sooner for sooner, later in itertools.pairwise(seen) if sooner and later]
    assert min(steps) == 0
    assert max(steps) <= 6


def test_a_burst_is_refused_as_one() -> None:
    """Requests that left together before the first refusal was known say one thing together."""
    window = Window(60)
    slots = [window.begin(0.0) for _ in range(16)]
    for number in (0, 1, 2):
        window.end(slots[number], 1.0, "accepted")
    for number in range(8, 16):
        window.end(slots[number], 1.1, "refused")
    for number in range(3, 8):
        window.end(slots[number], 1.2, "accepted")
    assert window.refusals == 8
    assert window.limit == 60  # once is no proof
    spend(window, 100.0, 8)
    assert window.wait_s(100.0) == 0
    refuse(window, 100.0)
    assert window.limit == 8


def test_beyond_what_is_known_requests_go_one_by_one() -> None:
    """After a refusal more than what IG took is tried with one request at a time."""
    window = Window(60)
    spend(window, 0.0, 3)
    refuse(window, 0.0)
    spend(window, 70.0, 3)
    probe = window.begin(70.0)
    assert window.wait_s(70.0) > 0
    window.end(probe, 70.5, "accepted")
    assert window.wait_s(70.5) == 0


def test_a_refusal_that_was_disproved_counts_no_more() -> None:
    """Once IG took far more than it had refused at, the next refusal is a first one again."""
    window = Window(30)
    spend(window, 0.0, 5)
    refuse(window, 0.0)
    spend(window, 70.0, 12)
    refuse(window, 140.0)
    assert window.limit == 30


def test_new_numbers_are_taken() -> None:
    """What IG says replaces what was published; what refusals taught is kept when it is less."""
    window = Window(10)
    spend(window, 0.0, 8)
    assert window.wait_s(0.0) > 0
    window.tell(30)
    assert window.wait_s(0.0) == 0


def test_what_the_server_says_goes_before_the_minute() -> None:
    """With Retry-After the next goes when it is over, one at a time; what was counted before does not count."""
    window = Window(5)
    for _ in range(4):
        window.end(window.begin(0.0), 0.0, "accepted")
    refuse(window, 1.0, retry_after_s=2.0)
    assert window.wait_s(1.0) == 2.0
    assert window.wait_s(3.0) == 0.0
    first = window.begin(3.0)
    assert window.wait_s(3.0) == math.inf
    assert window.wait_s(3.0, urgent=True) == 0.0
    window.end(first, 3.1, "accepted")
    for _ in range(3):
        assert window.wait_s(4.0) == 0.0
        window.end(window.begin(4.0), 4.0, "accepted")
    # The limit holds again for what came since.
    assert window.wait_s(4.0) > 50


def test_what_is_in_force_is_shown() -> None:
    """After a refusal the limit is what was taken until then, though nobody has said a number."""
    window = Window()
    assert (window.in_force, window.learnt) == (None, False)
    for _ in range(30):
        window.end(window.begin(0.0), 0.0, "accepted")
    refuse(window, 1.0)
    assert (window.in_force, window.learnt, window.limit) == (30, True, None)
    published = Window(30)
    for _ in range(30):
        published.end(published.begin(0.0), 0.0, "accepted")
    refuse(published, 1.0)
    assert (published.in_force, published.learnt) == (30, False)
    alone = Window()
    refuse(alone, 1.0)
    assert alone.in_force == 1
