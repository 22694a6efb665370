"""Attached stops and limits: where they may lie, when they are triggered, how they follow, how they are amended."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from ig_sdk.simulator.broker import PositionEvent
from ig_sdk.types import AffectedDeal

MINI = "CS.D.EURUSD.MINI.IP"


def opus(bench):
    return [each for each in bench.broker.take_events() if isinstance(each, PositionEvent)]


@pytest.mark.parametrize(("direction", "stop", "limit"), [("BUY", "1.1551", "1.1661"), ("SELL", "1.165", "1.154")])
def test_distances_come_back_as_levels(bench, direction, stop, limit):
    """Distances are measured from the fill, on the losing and the winning side; the confirm has them as levels."""
    confirm = bench.open(direction, stop_distance=50, limit_distance=60)
    assert (confirm.stop_level, confirm.limit_level) == (Decimal(stop), Decimal(limit))
    assert confirm.stop_distance is None
    assert confirm.limit_distance is None
    position = bench.position(confirm.deal_id)
    assert (position.stop_level, position.limit_level) == (Decimal(stop), Decimal(limit))


@pytest.mark.parametrize(
    ("direction", "legs", "accepted"),
    [
        # The rules of the mini: 2 points at least, 75 % of the price at most, from the closing side (1.1600 / 1.1601).
        ("BUY", {"stop_level": "1.1598"}, True),
        ("BUY", {"stop_level": "1.15981"}, False),
        ("BUY", {"stop_level": "1.1600"}, False),
        ("BUY", {"stop_level": "1.1700"}, False),
        ("BUY", {"limit_level": "1.1602"}, True),
        ("BUY", {"limit_level": "1.16019"}, False),
        ("BUY", {"limit_level": "1.1500"}, False),
        ("SELL", {"stop_level": "1.1603"}, True),
        ("SELL", {"stop_level": "1.16029"}, False),
        ("SELL", {"limit_level": "1.1599"}, True),
        ("SELL", {"limit_level": "1.15991"}, False),
        ("BUY", {"stop_level": "0.29"}, True),
        ("BUY", {"stop_level": "0.28"}, False),
        ("BUY", {"limit_distance": 8701}, False),
        ("BUY", {"stop_distance": 2}, True),
        ("BUY", {"stop_distance": "1.9"}, False),
        ("BUY", {"limit_distance": 2}, True),
        ("BUY", {"limit_distance": "1.9"}, False),
        ("BUY", {"stop_distance": -50}, False),
        ("BUY", {"stop_distance": 50, "limit_distance": 1}, False),
        ("BUY", {"stop_distance": 4, "guaranteed_stop": True}, False),
        ("BUY", {"stop_distance": 5, "guaranteed_stop": True}, True),
    ],
)
def test_where_legs_may_lie(bench, direction, legs, accepted):
    """A leg on the wrong side, too close or too far rejects the whole deal."""
    assert bench.open(direction, **legs).reason == ("SUCCESS" if accepted else "ATTACHED_ORDER_LEVEL_ERROR")


def test_percentage_rules_are_of_the_price(bench):
    """A bet's guaranteed stop must be 2 % of the price away."""
    far, near = bench.open(account="BET", stop_distance=233, guaranteed_stop=True), {"stop_distance": 231}
    assert far.reason == "SUCCESS"
    assert bench.open(account="BET", guaranteed_stop=True, **near).reason == "ATTACHED_ORDER_LEVEL_ERROR"


def test_levels_of_floats_are_rounded_to_the_market(bench):
    """A level that float arithmetic has spoilt comes to lie where the client meant it."""
    confirm = bench.open(stop_level="1.1500000000000004")
    assert confirm.stop_level == Decimal("1.15")


def test_guaranteed_stops_keep_their_spacing(bench):
    """Guaranteed stops lie at one level or the market's spacing apart; one level takes no more than the market does."""
    bench.open(stop_level="1.1500", guaranteed_stop=True)
    assert bench.open(stop_level="1.1519", guaranteed_stop=True).reason == "CR_SPACING"
    assert bench.open(stop_level="1.1520", guaranteed_stop=True).reason == "SUCCESS"
    bench.wait(60)
    bench.terms(max_size=Decimal(2))
    assert bench.open(stop_level="1.1500", guaranteed_stop=True).reason == "SUCCESS"
    bench.wait(60)
    assert bench.open(stop_level="1.1500", guaranteed_stop=True).reason == "OVER_NORMAL_MARKET_SIZE"


@pytest.mark.parametrize(
    ("direction", "quiet", "hit", "level"),
    [
        ("BUY", (1.15511, 1.15521), (1.1551, 1.1552), "1.1551"),
        ("BUY", (1.1552, 1.1553), (1.1500, 1.1501), "1.15"),
        ("SELL", (1.1648, 1.16499), (1.1649, 1.1650), "1.165"),
        ("SELL", (1.1640, 1.1641), (1.1700, 1.1701), "1.1701"),
    ],
)
def test_stop_fills_at_the_market_on_its_closing_side(bench, direction, quiet, hit, level):
    """A stop is triggered by the side at which the position is closed, and a gap costs what it costs."""
    opened = bench.open(direction, stop_distance=50)
    bench.tick(MINI, *quiet)
    assert bench.broker.view.position("CFD", opened.deal_id)
    bench.broker.take_events()
    bench.tick(MINI, *hit)
    (event,) = opus(bench)
    assert (event.status, event.size, event.level) == ("DELETED", 0, Decimal(level))
    assert event.position.deal_id == opened.deal_id
    assert not bench.broker.view.positions("CFD")


@pytest.mark.parametrize(("direction", "price"), [("BUY", (1.1700, 1.1701)), ("SELL", (1.1500, 1.1501))])
def test_limit_fills_at_its_level(bench, direction, price):
    """A limit that the market jumps over fills at its level."""
    bench.open(direction, limit_distance=60)
    bench.tick(MINI, *price)
    (row,) = bench.broker.view.transactions("CFD")
    assert row.profit == 60


def test_guaranteed_stop_fills_at_its_level_for_a_premium(bench):
    """However far the market jumps, the loss is the distance, and the premium is charged then and not before."""
    bench.open(size=2, stop_distance=50, guaranteed_stop=True)
    assert bench.balance() == 10_000
    bench.tick(MINI, 1.10, 1.1001)
    assert bench.balance() == 10_000 - 100 - Decimal("2.40")
    premium, close = bench.broker.view.transactions("CFD")
    assert (close.type, close.profit, close.close_level) == ("TRADE", -100, Decimal("1.1551"))
    assert (premium.type, premium.profit) == ("WITH", Decimal("-2.40"))


def test_guaranteed_position_closed_by_hand_pays_no_premium(bench):
    """The premium is for the stop that is triggered only."""
    opened = bench.open(stop_distance=50, guaranteed_stop=True)
    bench.close(opened.deal_id)
    assert bench.balance() == 9_999


def test_triggers_wait_for_the_market_to_open(bench):
    """While a market is closed nothing is filled; its first price afterwards does it, gap and all."""
    bench.open(stop_distance=50)
    bench.broker.set_status(MINI, "EDITS_ONLY")
    bench.tick(MINI, 1.15, 1.1501)
    assert bench.broker.view.positions("CFD")
    bench.broker.set_status(MINI, "TRADEABLE")
    bench.tick(MINI, 1.14, 1.1401)
    assert bench.broker.view.transactions("CFD")[0].close_level == Decimal("1.14")


def test_stop_out_tells_the_channel_that_opened_the_position(bench, shared):
    """As in the recorded stream: an OPU of a stop-out has the opening reference and the channel of the opening."""
    recorded = json.loads((shared / "wire/samples/trade_stream_opu__stopped_out.json").read_text())
    opened = bench.open(stop_distance=50)
    bench.broker.take_events()
    bench.tick(MINI, 1.15, 1.1501)
    (event,) = opus(bench)
    assert event.channel == recorded["channel"]
    assert event.position.deal_reference == opened.deal_reference
    assert event.position.stop_level == Decimal("1.1551")


@pytest.mark.parametrize("sign", [1, -1])
def test_trailing_stop_follows_in_steps(bench, sign):
    """It moves by the increment each time the market has moved that far in favour, never back; each move is an OPU."""
    up = sign > 0
    opened = bench.open("BUY" if up else "SELL", stop_distance=20, trailing_stop=True, trailing_increment=5)
    assert opened.trailing_stop
    base, first = (1.1601, "1.1581") if up else (1.1600, "1.1620")
    assert opened.stop_level == Decimal(first)
    bench.broker.take_events()
    moved = []
    for points in (4.9, 5.0, 7.0, 2.0, 16.0, 14.0):
        price = round(base + sign * points / 10_000, 5)
        bench.tick(MINI, *((price, price + 0.0001) if up else (round(price - 0.0001, 5), price)))
        moved.append([each.position.stop_level - Decimal(first) for each in opus(bench)])
    step = Decimal("0.0005") * sign
    assert moved == [[], [step], [], [], [3 * step], []]


def test_trailing_stop_that_is_hit(bench):
    """Once it has followed, it closes with what it has locked in."""
    bench.open(stop_distance=20, trailing_stop=True, trailing_increment=5)
    bench.tick(MINI, 1.1701, 1.1702)
    bench.tick(MINI, 1.1681, 1.1682)
    (row,) = bench.broker.view.transactions("CFD")
    assert (row.close_level, row.profit) == (Decimal("1.1681"), 80)


@pytest.mark.parametrize(
    ("account", "market", "more", "reason"),
    [
        ({}, {}, {"trailing_increment": "4.9"}, "ATTACHED_ORDER_TRAILING_STOP_ERROR"),
        ({}, {}, {"trailing_increment": 0}, "ATTACHED_ORDER_TRAILING_STOP_ERROR"),
        ({"trailing_stops": False}, {}, {}, "TRAILING_STOP_NOT_ALLOWED"),
        ({}, {"trailing_stops": False}, {}, "TRAILING_STOP_NOT_ALLOWED"),
        ({}, {}, {"guaranteed_stop": True}, "STOP_OR_LIMIT_NOT_ALLOWED"),
        ({}, {}, {"stop_distance": None}, "ATTACHED_ORDER_TRAILING_STOP_ERROR"),
    ],
)
def test_trailing_stops_that_are_refused(bench, account, market, more, reason):
    """Account, market and step must allow it; it is never guaranteed."""
    bench.account(**account)
    bench.terms(**market)
    wanted = {"stop_distance": 20, "trailing_stop": True, "trailing_increment": 5, **more}
    assert bench.open(**wanted).reason == reason


def test_amend_replaces_both_legs(bench):
    """What an amend does not mention is gone; the reference is the position's own."""
    opened = bench.open(size=2, stop_distance=50, limit_distance=60)
    bench.broker.take_events()
    confirm = bench.amend(opened.deal_id, limit_level="1.1700")
    assert (confirm.status, confirm.deal_reference) == ("AMENDED", opened.deal_reference)
    assert (confirm.stop_level, confirm.limit_level) == (None, Decimal("1.17"))
    assert confirm.affected == (AffectedDeal(opened.deal_id, "AMENDED"),)
    (event,) = opus(bench)
    assert (event.status, event.size, event.level) == ("UPDATED", 2, opened.level)
    position = bench.position(opened.deal_id)
    assert (position.stop_level, position.limit_level, position.size) == (None, Decimal("1.17"), 2)


def test_amend_without_the_guarantee_gives_it_up(bench):
    """Amending a guaranteed position without saying so makes its stop a normal one."""
    opened = bench.open(stop_distance=50, guaranteed_stop=True)
    assert bench.position(opened.deal_id).premium == Decimal("1.2")
    assert not bench.amend(opened.deal_id, stop_level=opened.stop_level).guaranteed_stop
    assert bench.position(opened.deal_id).premium is None
    assert bench.amend(opened.deal_id, stop_level=opened.stop_level, guaranteed_stop=True).guaranteed_stop


def test_amend_to_a_trailing_stop(bench):
    """A position's stop can be made to follow, and to stand still again."""
    opened = bench.open()
    more = {"trailing_stop": True, "trailing_distance": 30, "trailing_increment": 10}
    assert bench.amend(opened.deal_id, stop_level="1.1570", **more).trailing_stop
    bench.tick(MINI, 1.1610, 1.1611)
    assert bench.position(opened.deal_id).stop_level == Decimal("1.1580")
    assert not bench.amend(opened.deal_id, stop_level="1.1580").trailing_stop
    bench.tick(MINI, 1.1700, 1.1701)
    assert bench.position(opened.deal_id).stop_level == Decimal("1.1580")
    more["trailing_increment"] = 1
    assert bench.amend(opened.deal_id, stop_level="1.1570", **more).reason == "ATTACHED_ORDER_TRAILING_STOP_ERROR"


def test_amend_measures_the_leg_that_moves_only(bench):
    """A stop that the price has come close to may stay while the limit is moved."""
    opened = bench.open(stop_level="1.1590")
    bench.tick(MINI, 1.1591, 1.1592)
    assert bench.amend(opened.deal_id, stop_level="1.1590", limit_level="1.17").reason == "SUCCESS"
    assert bench.amend(opened.deal_id, stop_level="1.15901").reason == "ATTACHED_ORDER_LEVEL_ERROR"
    assert bench.position(opened.deal_id).limit_level == Decimal("1.17")


@pytest.mark.parametrize(
    ("legs", "reason"),
    [
        ({"stop_level": "1.1540", "limit_level": "1.1670"}, "SUCCESS"),
        ({"stop_level": "1.1560", "limit_level": "1.1670"}, "MOVE_AWAY_ONLY_STOP"),
        ({"stop_level": "1.1551", "limit_level": "1.1660"}, "MOVE_AWAY_ONLY_LIMIT"),
        ({"stop_level": "1.1551", "limit_level": "1.1661"}, "SUCCESS"),
        ({}, "SUCCESS"),
    ],
)
def test_edits_only_moves_away_only(bench, legs, reason):
    """While a market is open for edits only, stops and limits may only move away from the price."""
    opened = bench.open(stop_distance=50, limit_distance=60)
    bench.broker.set_status(MINI, "EDITS_ONLY")
    assert bench.amend(opened.deal_id, **legs).reason == reason


def test_amend_that_the_account_cannot_afford(bench):
    """Giving up the stop that keeps the margin low needs the money for the full margin."""
    opened = bench.open(size=40, stop_distance=20)
    assert opened.reason == "SUCCESS"
    assert bench.amend(opened.deal_id).reason == "INSUFFICIENT_FUNDS"
    assert bench.position(opened.deal_id).stop_level == opened.stop_level


@pytest.mark.parametrize("price", [(float("nan"), 1.16), (0.0, 1.16), (1.16, float("inf")), (-1.0, -0.9)])
def test_what_is_no_price_changes_nothing(bench, price):
    """A tick without a positive number on both sides triggers nothing and is not dealt at."""
    bench.open(stop_distance=50)
    bench.tick(MINI, *price)
    assert bench.open().level == Decimal("1.1601")
    assert len(bench.broker.view.positions("CFD")) == 2
