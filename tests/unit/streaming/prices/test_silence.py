"""Silent markets are noticed, each silence once."""

from __future__ import annotations

from ig_sdk.streaming.prices.silence import Silence, SilenceWatch


def price(watch: SilenceWatch, epic: str, now: float) -> None:
    """A price comes, as the intake passes it on."""
    if watch.heard(epic, now):
        watch.expect(epic, now)


def test_market_without_a_price_is_mute_once():
    """Accepted and silent for the whole patience: reported once, with how long."""
    watch = SilenceWatch(30.0)
    watch.expect("A", 0.0)
    assert watch.due == 30.0
    assert watch.check(29.9) == []
    assert watch.check(31.0) == [Silence("A", "mute", 31.0)]
    assert watch.check(100.0) == []
    assert watch.due == float("inf")


def test_market_that_falls_silent_is_stale_and_again_after_a_price():
    """A price ends the silence; the next one is reported again."""
    watch = SilenceWatch(30.0)
    watch.expect("A", 0.0)
    price(watch, "A", 10.0)
    assert watch.check(39.0) == []
    assert watch.check(40.0) == [Silence("A", "stale", 30.0)]
    price(watch, "A", 50.0)
    assert watch.check(60.0) == []
    assert watch.check(85.0) == [Silence("A", "stale", 35.0)]


def test_silent_connection_makes_every_market_that_had_prices_stale():
    """When nothing at all comes, there is no need to wait for each market's patience."""
    watch = SilenceWatch(30.0)
    watch.expect("A", 0.0)
    watch.expect("B", 0.0)
    price(watch, "A", 1.0)
    assert watch.check(4.0, at_once=True) == [Silence("A", "stale", 3.0)]
    assert watch.check(5.0, at_once=True) == []
    assert watch.check(30.0) == [Silence("B", "mute", 30.0)]


def test_forgotten_market_is_not_reported():
    """A refused market is not a silent one."""
    watch = SilenceWatch(30.0)
    watch.expect("A", 0.0)
    watch.forget("A")
    assert watch.check(100.0) == []
