"""Which ticks are set aside."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from ig_sdk.streaming.quality import QualityFilter
from ig_sdk.types import Tick

T0 = datetime(2025, 1, 6, 10, 0, tzinfo=timezone.utc)


def tick(bid: float, offer: float) -> Tick:
    return Tick("E", bid, offer, T0, T0)


@pytest.mark.parametrize(
    ("bid", "offer"),
    [(0.0, 1.1), (1.1, 0.0), (-1.1, -1.0), (11.0, 11.1), (1.1, 11.0), (0.11, 0.11), (float("nan"), 1.1)],
)
def test_a_price_that_cannot_be_true_is_set_aside(bid: float, offer: float) -> None:
    """Zero, below zero, no number, or ten times the price; the next true tick passes."""
    judge = QualityFilter()
    assert judge.judge(tick(1.1, 1.2)) is None
    assert judge.judge(tick(bid, offer))
    assert judge.judge(tick(1.1, 1.2)) is None


def test_a_new_level_is_taken_when_ticks_agree() -> None:
    """Two are doubted, the third is believed; ticks that contradict one another are not."""
    judge = QualityFilter()
    prices = [10.0, 100.0, 100.1, 100.2, 100.3]
    assert [judge.judge(tick(price, price)) is None for price in prices] == [True, False, False, True, True]
    wild = [1000.0, 10.0, 1000.0, 10.0, 1000.0]
    assert not any(judge.judge(tick(price, price)) is None for price in wild)


def test_crossed_quotes_pass_and_negative_ones_where_they_exist() -> None:
    """The offer below the bid is real data; so are prices below zero in a market that has them."""
    assert QualityFilter().judge(tick(1.2, 1.1)) is None
    assert QualityFilter(allow_negative=True).judge(tick(-37.0, -36.5)) is None


def test_numbers_out_of_range_are_refused() -> None:
    """A factor of 1 would set everything aside."""
    with pytest.raises(ValueError, match="max_factor"):
        QualityFilter(max_factor=1.0)
    with pytest.raises(ValueError, match="agree"):
        QualityFilter(agree=0)
