"""The world of a simulator, seen over the wire."""

from __future__ import annotations

import queue
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
import requests

from ig_sdk import ConfigError, IGClient, ItemUpdate, LightstreamerClient, Subscription
from ig_sdk.clock import ManualClock
from ig_sdk.simulator import Simulator, StreamOptions
from ig_sdk.simulator.reference.instruments import instruments
from ig_sdk.simulator.reference.world import market_ids
from ig_sdk.streaming import Gap
from ig_sdk.types import Tick, epic_for

START = datetime(2025, 11, 19, 12, 10, 30, tzinfo=timezone.utc)
EURUSD = epic_for("EURUSD")
TIMEOUT_S = 20.0


class Caller:
    """A plain REST client of a simulator."""

    def __init__(self, sim: Simulator, session: requests.Session) -> None:
        self._sim = sim
        self._session = session
        own = sim.credentials
        session.headers["X-IG-API-KEY"] = own.api_key
        login = {"identifier": own.identifier, "password": own.password}
        reply = session.post(f"{sim.rest_url}/session", json=login, headers={"VERSION": "2"}, timeout=TIMEOUT_S)
        session.headers.update({name: reply.headers[name] for name in ("CST", "X-SECURITY-TOKEN")})

    def ask(self, path: str, version: int, query: Mapping[str, Any] | None = None) -> requests.Response:
        return self._session.get(
            self._sim.rest_url + path, params=query, headers={"VERSION": str(version)}, timeout=TIMEOUT_S
        )

    def get(self, path: str, version: int = 1, **query: Any) -> Any:
        reply = self.ask(path, version, query)
        assert reply.status_code == 200, reply.text
        return reply.json()

    def post(self, path: str, version: int, body: Any) -> Any:
        headers = {"VERSION": str(version)}
        reply = self._session.post(self._sim.rest_url + path, json=body, headers=headers, timeout=TIMEOUT_S)
        assert reply.status_code == 200, reply.text
        return reply.json()

    def candles(self, epic: str, resolution: str, count: int) -> list[dict[str, Any]]:
        return self.get(f"/prices/{epic}", 3, resolution=resolution, max=count, pageSize=0)["prices"]


class Updates:
    """Keeps the updates of one item."""

    def __init__(self, mode: str, item: str, fields: list[str], **options: Any) -> None:
        self.queue: queue.Queue[ItemUpdate] = queue.Queue()
        self.subscription = Subscription(mode, [item], fields, **options)
        self.subscription.add_listener(self)

    def on_update(self, update: ItemUpdate) -> None:
        self.queue.put(update)


def stream_of(ig: IGClient) -> LightstreamerClient:
    access = ig.stream_access()
    return LightstreamerClient(
        access.endpoint, user=access.user, password=access.password, protocol_versions=("2.4.0",)
    )


@contextmanager
def running(start: datetime = START, **options: Any) -> Iterator[tuple[Simulator, ManualClock, Caller]]:
    clock = ManualClock(start)
    with Simulator(clock=clock, allowances=None, **options) as sim, requests.Session() as session:
        yield sim, clock, Caller(sim, session)


def seen(steps: int) -> list[Any]:
    """What one run shows, the clock moved in steps."""
    with running(seed=5) as (sim, clock, caller):
        shown = []
        for _ in range(steps):
            clock.advance(2.0)
            assert sim.wait_current()
            market = caller.get(f"/markets/{EURUSD}", 3)["snapshot"]
            shown.append((market["bid"], market["offer"], market["updateTime"]))
        return [shown, caller.candles(EURUSD, "MINUTE", 5), caller.get("/history/transactions", 2, pageSize=0)]


def test_two_runs_are_the_same():
    """Seed and clock decide what is shown, live and past."""
    assert seen(3) == seen(3)


def test_replies_of_two_runs_are_the_same_to_the_byte():
    """Headers too, of answers, refusals and spoilt replies: nothing in them is drawn by chance or of the machine."""

    def replies() -> list[Any]:
        with running(seed=5) as (sim, _, caller):
            sim.faults.rest(503, path="/watchlists")
            asked = [caller.ask(path, 1) for path in ("/accounts", "/nowhere", "/watchlists", "/watchlists")]
            return [(each.status_code, dict(each.headers), each.content) for each in asked]

    first = replies()
    assert [status for status, _, _ in first] == [200, 404, 503, 200]
    assert first == replies()
    assert {headers["Date"] for _, headers, _ in first} == {"Wed, 19 Nov 2025 12:10:30 GMT"}


def test_history_meets_the_live_price():
    """The open candle closes at the price that is shown, and opened at the close of the one before."""
    with running() as (sim, clock, caller):
        clock.advance(20.0)
        assert sim.wait_current()
        for epic in (EURUSD, "IX.D.FTSE.DAILY.IP"):
            shown = caller.get(f"/markets/{epic}", 3)["snapshot"]
            before, last = caller.candles(epic, "MINUTE", 2)
            assert (last["closePrice"]["bid"], last["closePrice"]["ask"]) == (shown["bid"], shown["offer"])
            assert last["openPrice"]["bid"] == before["closePrice"]["bid"]
            assert last["snapshotTimeUTC"] == "2025-11-19T12:10:00"


def day_figures(candle: Mapping[str, Any]) -> tuple[float, float, float]:
    """Highest offer, lowest bid and first mid price of a candle."""
    first = (candle["openPrice"]["bid"] + candle["openPrice"]["ask"]) / 2
    return candle["highPrice"]["ask"], candle["lowPrice"]["bid"], first


DAYS = [
    START,
    datetime(2025, 7, 16, 22, 59, 50, tzinfo=timezone.utc),
    datetime(2025, 7, 16, 3, 59, 50, tzinfo=timezone.utc),
]


@pytest.mark.parametrize("start", DAYS, ids=["noon", "before midnight in summer", "before the day of gold"])
@pytest.mark.parametrize("epic", [EURUSD, "IX.D.FTSE.DAILY.IP", "CS.D.CFDGOLD.CFDGC.IP", "MT.D.GC.Month2.IP"])
def test_the_day_is_the_same_in_quotes_candles_and_streams(start, epic):
    """High, low and change of a quote, and the stream's day fields, are those of the day's own candle, from its start on."""
    fields = ["BIDPRICE1", "ASKPRICE1", "HIGH", "LOW", "MID_OPEN", "NET_CHG"]
    with running(start) as (sim, clock, caller), sim.client() as ig, stream_of(ig) as stream:
        prices = Updates("MERGE", f"PRICE:ABC123:{epic}", fields, data_adapter="Pricing")
        stream.subscribe(prices.subscription)
        for _ in range(4):
            clock.advance(6.0)
            assert sim.wait_current()
            shown = caller.get(f"/markets/{epic}", 3)["snapshot"]
            (day,) = caller.candles(epic, "DAY", 1)
            high, low, first = day_figures(day)
            assert (shown["high"], shown["low"]) == (high, low)
            mid = (shown["bid"] + shown["offer"]) / 2
            assert shown["netChange"] == pytest.approx(mid - first, abs=10.0 ** -instruments()[epic].decimals)
            wanted = shown["bid"], shown["offer"], high, low
            row = (0.0,) * 6
            # Of two rows with one price the later one counts.
            while row[:4] != wanted:
                update = prices.queue.get(timeout=TIMEOUT_S)
                row = tuple(float(update[name] or "nan") for name in fields)
            assert row[4:] == pytest.approx((first, mid - first), abs=10.0 ** -instruments()[epic].decimals)


def test_the_weekend_with_opening_hours():
    """Foreign exchange takes edits only and a share is closed until they open; without hours all deal."""
    sunday = datetime(2025, 11, 23, 20, 58, tzinfo=timezone.utc)
    epics = (EURUSD, "UA.D.AAPL.CASH.IP")
    with running(sunday, opening_hours=True) as (sim, clock, caller):
        statuses = [caller.get(f"/markets/{epic}", 3)["snapshot"]["marketStatus"] for epic in epics]
        assert statuses == ["EDITS_ONLY", "CLOSED"]
        assert caller.candles(EURUSD, "MINUTE", 1)[0]["snapshotTimeUTC"] == "2025-11-21T21:59:00"
        clock.advance(122.0)
        assert sim.wait_current()
        assert caller.get(f"/markets/{EURUSD}", 3)["snapshot"]["marketStatus"] == "TRADEABLE"
    with running(sunday) as (_, _, caller):
        statuses = [caller.get(f"/markets/{epic}", 3)["snapshot"]["marketStatus"] for epic in epics]
        assert statuses == ["TRADEABLE", "TRADEABLE"]


def test_a_market_that_closes_says_so_everywhere_at_once():
    """At the opening and the close, without any price: the stream's dealing flag, its snapshots, REST's statuses; so for a suspension."""
    friday = datetime(2025, 11, 21, 21, 59, 59, 900_000, tzinfo=timezone.utc)
    with running(friday, opening_hours=True) as (sim, clock, caller), sim.client() as ig:

        def flags() -> Updates:
            fields = ["BIDPRICE1", "TIMESTAMP", "DLG_FLAG"]
            told = Updates("MERGE", f"PRICE:ABC123:{EURUSD}", fields, data_adapter="Pricing")
            stream.subscribe(told.subscription)
            return told

        def statuses() -> set[str]:
            own = caller.get(f"/markets/{EURUSD}", 3)["snapshot"], caller.get(f"/markets/{EURUSD}", 4)["snapshot"]
            listed = caller.get("/markets", 1, searchTerm="EUR/USD")["markets"]
            return {each["marketStatus"] for each in (*own, *listed)}

        with stream_of(ig) as stream:
            told = flags()
            last = told.queue.get(timeout=TIMEOUT_S)
            assert (last["DLG_FLAG"], statuses()) == ("DEAL ", {"TRADEABLE"})
            clock.advance(0.2)
            assert sim.wait_current()
            while last["DLG_FLAG"] == "DEAL ":
                before, last = last, told.queue.get(timeout=TIMEOUT_S)
            assert (last["DLG_FLAG"], statuses()) == ("EDIT ", {"EDITS_ONLY"})
            assert (last["BIDPRICE1"], last["TIMESTAMP"]) == (before["BIDPRICE1"], before["TIMESTAMP"])
            assert flags().queue.get(timeout=TIMEOUT_S)["DLG_FLAG"] == "EDIT "
            sim.desk.set_status(EURUSD, "SUSPENDED")
            assert told.queue.get(timeout=TIMEOUT_S)["DLG_FLAG"] == "SUSPEND "


def test_a_confirm_is_not_there_at_first():
    """Until its delay has passed it is 404 as at IG, then it is there, and a minute later it is gone."""
    with running(confirm_delay_s=2.5) as (_, clock, caller):
        order = {"epic": EURUSD, "expiry": "-", "direction": "BUY", "size": 1, "orderType": "MARKET"}
        order |= {"currencyCode": "USD", "forceOpen": True, "guaranteedStop": False}
        reference = caller.post("/positions/otc", 2, order)["dealReference"]
        for wait_s, expected in ((0.0, 404), (2.499, 404), (0.001, 200), (59.999, 200), (0.001, 404)):
            clock.advance(wait_s)
            reply = caller.ask(f"/confirms/{reference}", 1)
            assert reply.status_code == expected, reply.text
            assert reply.json().get("errorCode") == (None if expected == 200 else "error.confirms.deal-not-found")


@pytest.mark.parametrize("delay_s", [-1.0, float("nan"), float("inf")])
def test_a_delay_that_cannot_be(delay_s):
    """It is told when the simulator is made."""
    with pytest.raises(ConfigError, match="confirm_delay_s"):
        Simulator(confirm_delay_s=delay_s)


def test_what_a_jump_of_the_clock_passes_over_happens_in_its_order():
    """Prices of the meantime reach an order before its date comes, at their own time; history has no hole."""
    with running() as (sim, clock, caller):
        bid = caller.get(f"/markets/{EURUSD}", 3)["snapshot"]["bid"]
        order = {"epic": EURUSD, "expiry": "-", "direction": "BUY", "size": 1, "type": "LIMIT", "guaranteedStop": False}
        order |= {"currencyCode": "USD", "level": round(bid, 5), "timeInForce": "GOOD_TILL_DATE"}
        caller.post("/workingorders/otc", 2, order | {"goodTillDate": "2025/11/19 13:10:30"})
        clock.advance(5_400.0)
        assert sim.wait_current(TIMEOUT_S)
        filled = caller.get("/history/activity", 3, **{"from": f"{START:%Y-%m-%dT%H:%M:%S}"})["activities"][0]
        assert (filled["type"], filled["status"], filled["channel"]) == ("WORKING_ORDER", "ACCEPTED", "SYSTEM")
        assert filled["date"] < "2025-11-19T13:10:30"
        clock.advance(5 * 3_600.0)
        assert sim.wait_current(TIMEOUT_S)
        minutes = [row["snapshotTimeUTC"] for row in caller.candles(EURUSD, "MINUTE", 300)]
        assert minutes[0] == "2025-11-19T13:41:00"


def test_every_market_is_there():
    """Details, a price and sentiment exist for every market."""
    with running() as (_, _, caller):
        for epic in instruments():
            assert caller.get(f"/markets/{epic}", 3)["snapshot"]["bid"] > 0
        rows = caller.get("/clientsentiment", marketIds=",".join(market_ids()))["clientSentiments"]
        assert {row["marketId"] for row in rows} == set(market_ids())


def test_past_activity_and_transactions():
    """Months of both are there, and all money that moved makes the balance."""
    with running() as (_, _, caller):
        since = f"{START - timedelta(days=130):%Y-%m-%dT%H:%M:%S}"
        query = {"from": since, "pageSize": 0}
        rows = caller.get("/history/transactions", 2, **query)["transactions"]
        total = sum(float(row["profitAndLoss"].lstrip("£")) for row in rows)
        balance = caller.get("/accounts")["accounts"][0]["balance"]["balance"]
        assert abs(total - balance) < 0.005
        activities = caller.get("/history/activity", 3, **{"from": since, "pageSize": 500})["activities"]
        assert len(activities) > 20


def test_a_stream_with_all_of_igs_habits():
    """Our stream of prices and candles, and its recovery, work with a server that behaves as IG's in every detail."""
    with (
        Simulator(speed=20, allowances=None, stream_options=StreamOptions.like_ig()) as sim,
        sim.client(reconnect={"initial_delay_s": 0.02, "max_delay_s": 0.05}) as ig,
        ig.stream() as stream,
        stream.prices([EURUSD], events=True) as prices,
    ):
        first = next(prices)
        assert isinstance(first, Tick)
        assert sim.faults.drop_stream() == 1
        seen = [next(prices) for _ in range(200)]
        # Recovered without a loss, from the address that the bare host stands for.
        assert not [each for each in seen if isinstance(each, Gap)]
        assert sum(isinstance(each, Tick) for each in seen) > 150


@pytest.mark.parametrize("unset_is_null", [True, False])
def test_fields_that_never_had_a_value(unset_is_null):
    """IG leaves them out of an item's first update: null where that is expected, the end of the session elsewhere."""
    with Simulator(allowances=None, stream_options=StreamOptions.like_ig(control_link="*")) as sim, sim.client() as ig:
        access, errors = ig.stream_access(), queue.Queue[object]()
        stream = LightstreamerClient(
            access.endpoint,
            user=access.user,
            password=access.password,
            protocol_versions=("2.4.0",),
            unset_is_null=unset_is_null,
        )

        class Errors:
            def on_error(self, event: object) -> None:
                errors.put(event)

        stream.add_listener(Errors())
        with stream:
            ticks = Updates("DISTINCT", f"CHART:{EURUSD}:TICK", ["BID", "LTP", "LTV", "OFR"])
            stream.subscribe(ticks.subscription)
            if unset_is_null:
                first = ticks.queue.get(timeout=TIMEOUT_S)
                assert (first["LTP"], first["LTV"]) == (None, None)
                assert float(first["BID"]) < float(first["OFR"])
                assert errors.empty()
            else:
                assert "first update" in str(errors.get(timeout=TIMEOUT_S))


@pytest.mark.parametrize(("scale", "length_s"), [("SECOND", 1), ("1MINUTE", 60), ("5MINUTE", 300), ("HOUR", 3600)])
def test_a_candle_ends_with_its_time_and_not_with_the_next_price(scale, length_s):
    """In a market that went quiet the last row comes at the boundary, once, and nothing after it."""
    closing = datetime(2025, 11, 21, 20, 59, 59, 500_000, tzinfo=timezone.utc)
    epic = "UA.D.AAPL.CASH.IP"
    start = closing - timedelta(seconds=5)
    with running(start, opening_hours=True) as (sim, clock, _), sim.client() as ig, stream_of(ig) as stream:
        candle = Updates("MERGE", f"CHART:{epic}:{scale}", ["CONS_END", "UTM", "BID_CLOSE"])
        stream.subscribe(candle.subscription)
        last = candle.queue.get(timeout=TIMEOUT_S)
        for _ in range(20):
            clock.advance(0.25)
            assert sim.wait_current()
        clock.advance(0.75)
        assert sim.wait_current()
        while last["CONS_END"] == "0" or last["UTM"] != str(int(closing.timestamp()) // length_s * length_s * 1000):
            last = candle.queue.get(timeout=TIMEOUT_S)
        clock.advance(20.0)
        assert sim.wait_current()
        assert candle.queue.empty()
