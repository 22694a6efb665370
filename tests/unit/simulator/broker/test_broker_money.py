"""Profit, margin, conversion, funding and close-out."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from decimal import Decimal

import pytest

from ig_sdk.simulator.broker import Band, FiguresEvent, MarketTerms, Rule
from ig_sdk.simulator.broker.funding import next_funding, nights
from ig_sdk.simulator.broker.prices import Prices
from ig_sdk.simulator.reference.instruments import instruments
from ig_sdk.types import Tick

MINI, BET, JPY = "CS.D.EURUSD.MINI.IP", "CS.D.EURUSD.TODAY.IP", "CS.D.USDJPY.MINI.IP"


def test_profit_of_a_contract(bench):
    """A mini contract makes a dollar a point, and what is open becomes balance when it is closed."""
    opened = bench.open(size=3)
    bench.tick(MINI, 1.1611, 1.1612)
    figures = bench.broker.view.figures("CFD")
    assert (figures.balance, figures.profit_loss, figures.equity) == (10_000, 30, 10_030)
    assert bench.close(opened.deal_id, 3).profit == 30
    assert bench.broker.view.figures("CFD").equity == 10_030


def test_profit_of_a_bet(bench):
    """A bet makes its stake a point, in its own currency."""
    opened = bench.open(size="0.5", account="BET")
    bench.tick(BET, 11_587.0, 11_588.0)
    confirm = bench.close(opened.deal_id, "0.5", account="BET")
    assert (confirm.profit, confirm.profit_currency) == (-7, "GBP")


def test_recorded_check_of_a_bet(bench):
    """REST.md 6.4: size 1, 14831.9 to 14817.9 on a contract of 1 loses 14.0."""
    bench.tick(BET, 14_831.0, 14_831.9)
    opened = bench.open(account="BET")
    bench.tick(BET, 14_817.9, 14_818.9)
    assert bench.close(opened.deal_id, account="BET").profit == -14


def test_profit_is_converted_at_the_live_rate(bench):
    """Yen become dollars, pounds become dollars become euros: at the mid price of the simulated pairs now."""
    bench.tick(JPY, 150.0, 150.02)
    opened = bench.open(epic=JPY, currency="JPY")
    bench.tick("CS.D.USDJPY.CFD.IP", 160.0, 160.0)
    bench.tick(JPY, 151.02, 151.04)
    assert bench.close(opened.deal_id).profit == Decimal("62.50")  # 100 points of 100 yen at 160


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        ("USD", "USD", "1"),
        ("EUR", "USD", "1.25"),
        ("USD", "EUR", "0.8"),
        ("GBP", "EUR", "1.6"),
        ("EUR", "JPY", "125"),
        ("XTS", "USD", None),
    ],
)
def test_rates_follow_the_pairs(source, target, expected):
    """A rate is read off one pair, or off two by way of the currency that both have."""
    prices = Prices({epic: MarketTerms.of(each) for epic, each in instruments().items()})
    now = datetime(2026, 3, 2, tzinfo=timezone.utc)
    for pair, price in (("EURUSD", 1.25), ("GBPUSD", 2.0), ("USDJPY", 100.0)):
        epic = f"CS.D.{pair}.CFD.IP"
        prices.ticks[epic] = Tick(epic, price, price, now, now)
    rate = prices.rate(source, target)
    assert rate == (None if expected is None else Decimal(expected))


def test_margin_of_a_contract(bench):
    """Size x contract size x price x percentage."""
    bench.open(size=2)
    assert bench.broker.view.figures("CFD").deposit == Decimal("772.56")  # 2 x 10000 x 1.16 x 3.33 %
    assert bench.broker.view.figures("CFD").available == 10_000 - 2 - Decimal("772.56")


def test_margin_of_a_bet(bench):
    """Stake x level x percentage."""
    bench.open(size="0.5", account="BET")
    assert bench.broker.view.figures("BET").deposit == Decimal("193.14")  # 0.5 x 11600 x 3.33 %


def test_margin_bands_are_sliced(make_bench):
    """Each slice of the net size takes its own band's percentage."""
    bench = make_bench(cfd={"balance": Decimal(10_000_000)})
    bench.open(size=1800)
    # 1725 contracts at 3.33 %, 75 at 15 %.
    assert bench.broker.view.figures("CFD").deposit == Decimal(666333) + Decimal(130500)


def test_margin_is_of_the_net_position(bench):
    """Opposing positions take margin for what one side has more."""
    bench.open("BUY", 3)
    bench.open("SELL", 2)
    assert bench.broker.view.figures("CFD").deposit == Decimal("386.28")
    bench.open("SELL", 1)
    assert bench.broker.view.figures("CFD").deposit == 0


def test_stops_lower_the_margin(bench):
    """A normal stop leaves the slippage factor and its distance; a guaranteed one its distance and the premium."""
    bench.open(size=2, stop_distance=20)
    assert bench.broker.view.figures("CFD").deposit == Decimal("386.28") + 40
    bench.open(size=1, stop_distance=50, guaranteed_stop=True)
    figures = bench.broker.view.figures("CFD")
    assert figures.guaranteed_deposit == Decimal("51.20")
    assert figures.deposit == Decimal("386.28") + 40 + Decimal("51.20")
    assert figures.guaranteed_profit_loss == -1


def test_far_stop_never_raises_the_margin(bench):
    """The margin with a stop is at most the full one."""
    bench.open(size=1, stop_distance=5000)
    assert bench.broker.view.figures("CFD").deposit == Decimal("386.28")


def test_bands_of_bets_are_in_their_own_currency(bench):
    """A stake in pounds fills bands that are in dollars."""
    bench.tick("CS.D.GBPUSD.CFD.IP", 2.0, 2.0)
    bench.terms(BET, bands=(Band(Decimal(10), Decimal(1), "USD"), Band(None, Decimal(10), "USD")))
    bench.open(size=8, account="BET")
    # Five pounds are ten dollars: 5 x 11600 x 1 % and 3 x 11600 x 10 %.
    assert bench.broker.view.figures("BET").deposit == 580 + 3480


def test_funds_are_what_is_available(bench):
    """A deal whose margin is more than what is available is refused; one that lowers the margin never is."""
    opened = bench.open(size=25)
    assert opened.reason == "SUCCESS"
    assert bench.open(size=1).reason == "INSUFFICIENT_FUNDS"
    assert bench.open("SELL", size=20).reason == "SUCCESS"
    assert bench.close(opened.deal_id, 25).reason == "SUCCESS"


def test_equity_used(bench):
    """Margin in percent of the equity, as the stream shows it."""
    assert bench.broker.view.figures("CFD").equity_used == 0
    bench.open(size=2)
    assert bench.broker.view.figures("CFD").equity_used == Decimal("7.73")


def test_close_out_at_half_the_margin(bench):
    """When the equity falls below half of the margin the worst positions are closed until it is not any more."""
    worst = bench.open(size=20)
    best = bench.open(size=5)
    bench.tick(MINI, 1.1360, 1.1361)  # 241 points on 25 contracts: 3975 left, 9458 of margin needs 4729
    assert bench.broker.view.position("CFD", worst.deal_id) is None
    assert bench.broker.view.position("CFD", best.deal_id) is not None
    row = bench.broker.view.activity("CFD")[0]
    assert (row.channel, row.actions) == ("SYSTEM", (("POSITION_CLOSED", worst.deal_id),))
    assert bench.broker.view.transactions("CFD")[0].profit == -4820


def test_close_out_can_be_switched_off(make_bench):
    """An account without close-out keeps its positions whatever they lose."""
    bench = make_bench(cfd={"close_out_pct": None})
    bench.open(size=20)
    bench.tick(MINI, 1.0, 1.0001)
    assert bench.broker.view.positions("CFD")
    assert bench.broker.view.figures("CFD").equity < 0
    assert bench.broker.view.figures("CFD").equity_used == 100


def test_figures_are_told_once_a_second(bench):
    """A price that changes the open profit is told, but not more often than the stream shows it."""
    bench.open()
    bench.broker.take_events()
    told = []
    for step in range(5):
        bench.wait(0.4)
        bench.tick(MINI, 1.161 + step / 1000, 1.1611 + step / 1000)
        told.append([each.figures.profit_loss for each in bench.broker.take_events() if isinstance(each, FiguresEvent)])
    assert told == [[], [], [29], [], []]


def test_funding_is_charged_at_ten_in_london(bench):
    """Holding a position over 22:00 London costs money on the long side and brings some on the short one."""
    bench.open(size=1)
    due = datetime(2026, 3, 2, 22, tzinfo=timezone.utc)
    assert bench.broker.next_at == due
    bench.broker.advance(due - timedelta(seconds=1))
    assert not bench.broker.view.transactions("CFD")
    bench.broker.advance(due)
    (row,) = bench.broker.view.transactions("CFD")
    assert (row.type, row.at, row.open_level, row.size) == ("WITH", due, None, None)
    # 10000 x 1.16005 x 4.8 % / 365
    assert row.profit == Decimal("-1.53")
    assert bench.balance() == 10_000 - Decimal("1.53")
    bench.broker.advance(due + timedelta(hours=1))
    assert len(bench.broker.view.transactions("CFD")) == 1


def test_short_positions_earn(bench):
    """What a short position brings is a DEPO row."""
    bench.open("SELL")
    bench.broker.advance(datetime(2026, 3, 3, tzinfo=timezone.utc))
    assert [(row.type, row.profit) for row in bench.broker.view.transactions("CFD")] == [("DEPO", Decimal("1.02"))]


def test_a_week_of_funding(bench):
    """A jump over a week charges seven nights of FX: three of them on Wednesday, none at the weekend."""
    bench.open()
    bench.broker.advance(bench.now + timedelta(days=7))
    rows = bench.broker.view.transactions("CFD")[::-1]
    assert [(row.at.strftime("%a"), row.profit) for row in rows] == [
        ("Mon", Decimal("-1.53")),
        ("Tue", Decimal("-1.53")),
        ("Wed", Decimal("-4.58")),
        ("Thu", Decimal("-1.53")),
        ("Fri", Decimal("-1.53")),
    ]


def test_when_funding_is_due():
    """22:00 in London is 21:00 UTC in summer; an index pays for the weekend on Friday."""
    assert next_funding(datetime(2026, 7, 1, 12, tzinfo=timezone.utc)) == datetime(2026, 7, 1, 21, tzinfo=timezone.utc)
    at = datetime(2026, 7, 1, 21, tzinfo=timezone.utc)
    assert next_funding(at) == at + timedelta(days=1)
    assert next_funding(at + timedelta(seconds=30)) == at + timedelta(days=1)
    week = [at + timedelta(days=day) for day in range(7)]  # from Wednesday on
    assert [nights(day, "CURRENCIES") for day in week] == [3, 1, 1, 0, 0, 1, 1]
    assert [nights(day, "INDICES") for day in week] == [1, 1, 3, 0, 0, 1, 1]


def test_futures_pay_no_funding(bench):
    """A position that expires is not charged overnight."""
    bench.terms(expiry="JUN-26")
    bench.open(expiry="JUN-26")
    bench.broker.advance(bench.now + timedelta(days=3))
    assert not bench.broker.view.transactions("CFD")


def test_rules_of_distance():
    """A rule is points, or percent of the price in points."""
    assert Rule(Decimal(5)).points(Decimal("1.2"), 10_000) == 5
    assert Rule(Decimal(50), percentage=True).points(Decimal("1.2"), 10_000) == 6000


def test_close_out_leaves_closed_markets_alone(bench):
    """A position whose market does not deal cannot be closed out; what can be closed is, though it lost less."""
    bench.tick(JPY, 150.0, 150.02)
    shut = bench.open(size=15, epic=JPY, currency="JPY")
    bench.open(size=5)
    bench.broker.set_status(JPY, "EDITS_ONLY")
    bench.tick(JPY, 100.0, 100.02)
    assert [each.deal_id for each in bench.broker.view.positions("CFD")] == [shut.deal_id]
    assert bench.broker.view.figures("CFD").equity < 0
