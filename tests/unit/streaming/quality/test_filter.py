"""Which ticks are set aside, and which are believed in the end."""

from __future__ import annotations

import copy
import pickle
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from ig_sdk.streaming.quality import IMPOSSIBLE_ONLY, QualityFilter, QualityLimits, TickFault
from ig_sdk.types import Tick

T0 = datetime(2025, 1, 6, 10, 0, tzinfo=timezone.utc)
NONE: Any = None


def tick(bid: float, offer: float | None = None, at: float = 0.0, *, late: float | None = None) -> Tick:
    """Return a tick ``at`` seconds; a live one arrives ``late`` seconds after its time, one of a file at its time."""
    time = T0 + timedelta(seconds=at)
    return Tick(
        "E", bid, bid if offer is None else offer, time, time if late is None else time + timedelta(seconds=late)
    )


def quiet(count: int = 60, price: float = 1.1, limits: QualityLimits | None = None) -> QualityFilter:
    """Return a filter that knows a market with moves of a hundred-thousandth, a tick a second up to second 0."""
    judge = QualityFilter(limits)
    for number in range(count):
        assert judge.judge(tick(price + number % 2 * 1e-5, price + 1e-4, number - count + 1)) is None
    return judge


@pytest.mark.parametrize(
    ("bid", "offer", "kind"),
    [
        (0.0, 1.1, "zero"),
        (1.1, 0.0, "zero"),
        (-1.1, -1.0, "negative"),
        (11.0, 11.1, "scale"),
        (1.1, 11.0, "scale"),
        (0.011, 0.011, "scale"),
        (float("nan"), 1.1, "not_a_number"),
        (1.1, float("inf"), "not_a_number"),
        (NONE, 1.1, "missing"),
        (1.1, "1.1", "not_a_number"),
        (1.1005, 1.1, "crossed"),
        (1.104, 1.1041, "spike"),
        (1.1, 1.104, "spike"),
    ],
)
def test_a_price_that_cannot_be_true_is_set_aside(bid: Any, offer: Any, kind: str) -> None:
    """Each fault has its word and its count; the next true tick passes."""
    judge = quiet()
    fault = judge.judge(tick(bid, offer, 1))
    assert fault is not None
    assert fault.kind == kind
    assert judge.counts == {kind: 1}
    assert judge.total == 1
    assert judge.judge(tick(1.1, 1.1001, 2)) is None


@pytest.mark.parametrize(
    ("at", "late", "kind"),
    [(-0.001, None, "backwards"), (-3600, 3600, "backwards"), (3600, -3600, "ahead"), (-1.7e9, None, "undated")],
)
def test_a_time_that_cannot_be_true_is_set_aside(at: float, late: float | None, kind: str) -> None:
    """Backwards, an hour ahead of its arrival, or of 1970."""
    judge = quiet()
    fault = judge.judge(tick(1.1, 1.1001, at, late=late))
    assert fault is not None
    assert fault.kind == kind
    assert judge.judge(tick(1.1, 1.1001, 1)) is None


@pytest.mark.parametrize("field", ["bid", "offer", "time", "received_at"])
def test_a_missing_field_is_named(field: str) -> None:
    """What is missing stands in the reason."""
    fault = QualityFilter().judge(tick(1.1)._replace(**{field: None}))
    assert fault == f"{field} missing"
    assert fault.kind == "missing"


def test_a_time_without_zone_is_set_aside() -> None:
    """It cannot be compared with any other."""
    fault = quiet().judge(tick(1.1)._replace(time=datetime(2025, 1, 6, 10)))  # noqa: DTZ001 -- the point
    assert fault is not None
    assert fault.kind == "missing"


def test_the_reason_has_the_numbers_in_it() -> None:
    """Plain English: what came, what was before, what is allowed."""
    judge = quiet()
    assert judge.judge(tick(1.12, 1.1201, 1)) == (
        "bid 1.12 and offer 1.1201 are 1.82 % from bid 1.10001 and offer 1.1001 before, 0.263 % is believed in one tick"
    )
    assert judge.judge(tick(1.11, 1.1, 1)) == "bid 1.11 is above offer 1.1 by 0.901 %, 0.02 % is allowed"
    assert judge.judge(tick(1.1, 1.1001, -5)) == (
        "its time 2025-01-06T09:59:55+00:00 is 5.000 s before the last one's 2025-01-06T10:00:00+00:00"
    )


def test_harmless_crossed_and_locked_quotes_pass() -> None:
    """A point or two, as real feeds have; with a number below zero not even a locked one does."""
    judge = quiet()
    assert judge.judge(tick(1.10015, 1.1, 1)) is None
    assert judge.judge(tick(1.1, 1.1, 2)) is None
    strict = QualityFilter(QualityLimits(crossed=-1e-6))
    fault = strict.judge(tick(1.1, 1.1))
    assert fault is not None
    assert (fault.kind, "locked" in fault) == ("crossed", True)


def test_a_new_level_is_taken_when_ticks_agree() -> None:
    """Two are doubted, the third is believed; ticks that contradict one another are not."""
    judge = QualityFilter()
    prices = [10.0, 100.0, 100.1, 100.2, 100.3]
    assert [judge.judge(tick(price)) is None for price in prices] == [True, False, False, True, True]
    wild = [1000.0, 10.0, 1000.0, 10.0, 1000.0]
    assert not any(judge.judge(tick(price)) is None for price in wild)


def test_news_is_believed_at_the_third_tick() -> None:
    """A jump of 1 % that stays; every later tick passes."""
    judge = quiet()
    passed = [judge.judge(tick(1.111 + number * 1e-5, 1.1112, number)) is None for number in range(1, 8)]
    assert passed == [False, False, True, True, True, True, True]


def test_a_lively_market_has_more_room() -> None:
    """Where 0.05 % is a usual move, half a percent is believed and three are not."""
    judge = QualityFilter()
    for number in range(400):
        assert judge.judge(tick(100.0 + number % 2 * 0.05, at=number)) is None
    assert judge.judge(tick(100.5, at=401)) is None
    assert judge.judge(tick(103.6, at=402)) is not None


@pytest.mark.parametrize(("pause", "share", "passes"), [(0, 0.003, False), (60, 0.003, True), (900, 0.015, True)])
def test_silence_gives_room(pause: int, share: float, passes: bool) -> None:
    """A market that was silent may have moved."""
    assert (quiet().judge(tick(1.1 * (1 + share), at=pause)) is None) is passes


def test_a_weekend_and_a_told_hole_give_room_for_one_tick() -> None:
    """Three percent are believed after either; not a second time, and ten times the price in neither case."""
    for told in (True, False):
        judge = quiet()
        if told:
            judge.mark_gap()
        at = 1 if told else 172_800
        assert judge.judge(tick(11.0, at=at)) is not None
        assert judge.judge(tick(1.133, at=at)) is None
        assert judge.judge(tick(1.1, at=at + 1)) is not None


def test_a_recorded_tick_an_hour_ahead_does_not_silence_the_market() -> None:
    """It arrives at its own time, so it is believed; the third of those that go on from before it sets that right."""
    judge = quiet()
    passed = [judge.judge(tick(1.1, 1.1001, at)) is None for at in (1, 3600, 2, 3, 4, 5)]
    assert passed == [True, True, False, False, True, True]
    assert judge.judge(tick(1.1, 1.1001, 3600, late=-3594)) is not None


def test_old_ticks_that_come_once_more_are_never_believed() -> None:
    """Whatever their number: they are older than the tick before the last."""
    judge = quiet()
    assert not any(judge.judge(tick(1.1, 1.1001, at)) is None for at in range(-50, -1))
    assert judge.judge(tick(1.1, 1.1001, 1)) is None


def test_a_machine_whose_clock_is_slow_sees_prices() -> None:
    """All ticks are ahead of it; from the third on they are believed."""
    judge = QualityFilter()
    passed = [judge.judge(tick(1.1, at=number, late=-300)) is None for number in range(200)]
    assert passed == [False, False, *[True] * 198]


def test_a_replay_of_the_future_is_not_ahead_for_ever() -> None:
    """Its times are years ahead of their arrival, minutes apart: after two, the market's clock is another one."""
    judge = QualityFilter()
    passed = [judge.judge(tick(1.1, at=number * 600, late=-1e8 - number * 600)) is None for number in range(50)]
    assert passed == [False, False, *[True] * 48]


def test_a_market_s_first_ticks_are_judged_too() -> None:
    """Nothing is known of its moves; three percent are too many all the same, and zero and ten times anyway."""
    judge = QualityFilter()
    assert judge.judge(tick(1.1)) is None
    assert judge.judge(tick(1.133)) is not None
    assert judge.judge(tick(1.111)) is None


def test_a_wrong_price_at_a_wrong_time_does_not_stop_the_market() -> None:
    """Time and level are doubted apart: the true ticks after such a one are believed within a few."""
    judge = quiet()
    assert judge.judge(tick(1.14, at=7200)) is None  # as after a weekend
    passed = [judge.judge(tick(1.1, 1.1001, at)) is None for at in range(1, 10)]
    assert passed == [False] * 4 + [True] * 5


def test_negative_prices_pass_where_they_exist() -> None:
    """Oil in April 2020; the spike rule goes on, by the usual moves."""
    judge = QualityFilter(allow_negative=True)
    for number in range(100):
        assert judge.judge(tick(1.0 - number * 0.1, at=number)) is None
    assert judge.judge(tick(-37.0, -36.5, 101)) is not None
    assert judge.judge(tick(-9.5, at=102)) is None
    assert judge.judge(tick(float("nan"), at=103)) is not None


def test_reset_forgets_the_market_but_not_the_counts() -> None:
    """Any first price is as good as another; times start anew."""
    judge = quiet()
    assert judge.judge(tick(0.0)) is not None
    judge.reset()
    assert judge.judge(tick(5000.0, at=-1e6)) is None
    assert judge.counts == {"zero": 1}


def test_impossible_only_leaves_the_rest_to_others() -> None:
    """Crossed quotes, spikes and times pass; no number, zero and ten times do not."""
    judge = quiet(limits=IMPOSSIBLE_ONLY)
    assert judge.judge(tick(1.3, 1.1, 1)) is None
    assert judge.judge(tick(1.1, 1.1, -1e9)) is None
    assert judge.judge(tick(0.0, 1.1, 2)) is not None
    assert judge.judge(tick(11.0, 11.0, 2)) is not None
    assert judge.judge(tick(1.1)._replace(time=NONE)) is None


def test_a_reason_is_text_with_a_word() -> None:
    """It survives copies and pickles, as events do that carry it."""
    fault = TickFault("bid missing", "missing")
    for other in (copy.copy(fault), copy.deepcopy(fault), pickle.loads(pickle.dumps(fault))):
        assert (other, other.kind) == ("bid missing", "missing")


def test_numbers_out_of_range_are_refused() -> None:
    """A factor of 1 would set everything aside."""
    with pytest.raises(ValueError, match="max_factor"):
        QualityFilter(max_factor=1.0)
    with pytest.raises(ValueError, match="agree"):
        QualityFilter(agree=0)
