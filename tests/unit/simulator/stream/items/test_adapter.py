"""IG's items: what may be subscribed and what ticks become (IG-SPECIFICS section 6)."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from ig_sdk.simulator.refusals import StreamRefusal
from ig_sdk.simulator.stream.items.adapter import HEARTBEAT_ITEM, SCALES_S, ItemAdapter, SubscriptionSpec
from ig_sdk.types import Tick

EPIC = "CS.D.EURUSD.MINI.IP"
BEGIN = datetime(2025, 1, 6, 10, 0, tzinfo=timezone.utc)
CANDLE = "BID_OPEN BID_HIGH BID_LOW BID_CLOSE OFR_CLOSE UTM CONS_END CONS_TICK_COUNT"


def make(**options):
    return ItemAdapter(lambda epic: epic in (EPIC, "CS.D.GBPUSD.MINI.IP"), accounts={"ABC123"}, **options)


def tick(bid, offer, seconds=0.0):
    time = BEGIN + timedelta(seconds=seconds)
    return Tick(EPIC, bid, offer, time, time)


@pytest.mark.parametrize(
    ("mode", "group", "schema", "data_adapter"),
    [
        ("MERGE", f"PRICE:ABC123:{EPIC}", "BIDPRICE1 ASKPRICE1 TIMESTAMP DLG_FLAG NET_CHG_ DELAY CURRENCY0", "Pricing"),
        ("MERGE", f"PRICE:ABC123:{EPIC} PRICE:ABC123:CS.D.GBPUSD.MINI.IP", "BIDPRICE5", "Pricing"),
        ("DISTINCT", f"CHART:{EPIC}:TICK", "BID OFR LTP LTV TTV UTM DAY_OPEN_MID", None),
        *[("MERGE", f"CHART:{EPIC}:{scale}", CANDLE, "DEFAULT") for scale in SCALES_S],
        ("MERGE", f"MARKET:{EPIC}", "BID OFFER UPDATE_TIME MARKET_STATE", None),
        ("MERGE", f"L1:{EPIC}", "BID OFFER", None),
        ("MERGE", "ACCOUNT:ABC123", "PNL FUNDS EQUITY_USED", None),
        ("DISTINCT", "TRADE:ABC123", "CONFIRMS OPU WOU", None),
        ("MERGE", HEARTBEAT_ITEM, "HEARTBEAT", None),
    ],
)
def test_items(mode, group, schema, data_adapter):
    """Every item that IG has can be subscribed in its mode at its adapter."""
    layout = make().layout(SubscriptionSpec(mode, group, schema, data_adapter))
    assert layout.items == tuple(group.split())
    assert layout.fields == tuple(schema.split())


@pytest.mark.parametrize(
    ("code", "mode", "group", "schema", "data_adapter"),
    [
        (17, "MERGE", f"PRICE:ABC123:{EPIC}", "BIDPRICE1", None),
        (17, "MERGE", f"PRICE:ABC123:{EPIC}", "BIDPRICE1", "pricing"),
        (17, "DISTINCT", f"CHART:{EPIC}:TICK", "BID", "Pricing"),
        (21, "MERGE", "PRICE:ABC123:CS.D.NOPE.MINI.IP", "BIDPRICE1", "Pricing"),
        (21, "MERGE", EPIC, "BIDPRICE1", None),
        (21, "MERGE", f"CHART:{EPIC}:MINUTE_5", "BID_OPEN", None),
        (21, "MERGE", "", "BID", None),
        (21, "MERGE", f"MARKET:{EPIC} ACCOUNT:ABC123", "BID", None),
        (21, "MERGE", f"PRICE:ABC123:{EPIC} PRICE:ABC123:CS.D.NOPE.MINI.IP", "BIDPRICE1", "Pricing"),
        (-1, "MERGE", f"PRICE:OTHER:{EPIC}", "BIDPRICE1", "Pricing"),
        (-1, "MERGE", "ACCOUNT:OTHER", "PNL", None),
        (22, "DISTINCT", f"CHART:{EPIC}:TICK", "BID OFFER", None),
        (23, "DISTINCT", f"CHART:{EPIC}:TICK", "BID NONSENSE", None),
        (23, "DISTINCT", f"CHART:{EPIC}:TICK", "", None),
        (24, "MERGE", f"CHART:{EPIC}:TICK", "BID", None),
        (24, "DISTINCT", f"PRICE:ABC123:{EPIC}", "BIDPRICE1", "Pricing"),
        (25, "SELECTOR", f"CHART:{EPIC}:TICK", "BID", None),
    ],
)
def test_refusals(code, mode, group, schema, data_adapter):
    """What IG refuses is refused with its code, the whole subscription for one bad item."""
    selector = "x" if mode == "SELECTOR" else None
    mode = "DISTINCT" if mode == "SELECTOR" else mode
    with pytest.raises(StreamRefusal) as refused:
        make().layout(SubscriptionSpec(mode, group, schema, data_adapter, selector))
    assert refused.value.code == code


def test_retired_items():
    """MARKET items are accepted and stay silent."""
    adapter = make()
    (channel,) = adapter.layout(SubscriptionSpec("MERGE", f"MARKET:{EPIC}", "BID")).channels
    assert adapter.epic_of(channel) is None


def test_price_row():
    """A tick becomes a PRICE row whose texts read back as the same numbers."""
    adapter = make()
    adapter.on_tick(tick(1.1, 1.2), ())
    ((channel, row),) = adapter.on_tick(tick(1.05, 1.0502, 0.1234567), [f"PRICE:{EPIC}"])
    assert channel == f"PRICE:{EPIC}"
    assert (row["BIDPRICE1"], row["ASKPRICE1"]) == ("1.05", "1.0502")
    assert row["TIMESTAMP"] == "1736157600123"
    assert row["DLG_FLAG"] == "DEAL "
    assert (row["HIGH"], row["LOW"], row["MID_OPEN"]) == ("1.2", "1.05", "1.15")
    assert (row["NET_CHG"], row["NET_CHG_PCT"]) == ("-0.10", "-8.69")


def test_a_candle_ends_with_its_time():
    """Its last row comes at the boundary, once; the next tick opens the next candle, and a snapshot shows the last row."""
    adapter, channel = make(), f"CHART:{EPIC}:1MINUTE"
    adapter.on_tick(tick(1.1, 1.2, 50), [channel])
    assert adapter.ended(BEGIN + timedelta(seconds=59.999), [channel]) == []
    ((ended, row),) = adapter.ended(BEGIN + timedelta(seconds=60), [channel])
    assert (ended, row["CONS_END"], row["BID_CLOSE"], row["CONS_TICK_COUNT"]) == (channel, "1", "1.1", "1")
    assert adapter.ended(BEGIN + timedelta(seconds=61), [channel]) == []
    assert adapter.snapshot(channel) == [row]
    ((_, after),) = adapter.on_tick(tick(1.3, 1.4, 66), [channel])
    assert (after["CONS_END"], after["BID_OPEN"], after["UTM"]) == ("0", "1.3", str(int(row["UTM"]) + 60_000))


def test_a_candle_that_nobody_ended_ends_with_the_next_tick():
    """As in a replay, whose times are not the clock's."""
    adapter, channel = make(), f"CHART:{EPIC}:1MINUTE"
    adapter.on_tick(tick(1.1, 1.2, 50), [channel])
    ended, begun = (row for _, row in adapter.on_tick(tick(1.3, 1.4, 66), [channel]))
    assert (ended["CONS_END"], begun["CONS_END"]) == ("1", "0")


@pytest.mark.parametrize("price", [0.1 + 0.2, 1e-7, 123456789.125, 1.1, 150.0, 1e22])
def test_prices_survive_the_text(price):
    """No price loses a digit on the wire, and none has an exponent."""
    ((_, row),) = make().on_tick(tick(price, price), [f"PRICE:{EPIC}"])
    text = row["BIDPRICE1"]
    assert float(text) == price
    assert "e" not in text


def test_day_begins_anew():
    """The figures of the day begin anew at midnight UTC."""
    adapter = make()
    adapter.on_tick(tick(1.0, 1.2), ())
    ((_, row),) = adapter.on_tick(tick(1.1, 1.1, 86_400), [f"CHART:{EPIC}:TICK"])
    assert (row["DAY_HIGH"], row["DAY_LOW"], row["DAY_OPEN_MID"]) == ("1.1", "1.1", "1.10")
    assert row["UTM"] == "1736244000000"


def test_candle_rows():
    """A candle item shows the open candle with each tick, and its final row once, when the next one begins."""
    adapter = make()
    channel = f"CHART:{EPIC}:1MINUTE"
    rows = []
    for bid, seconds in ((1.2, 1), (1.4, 20), (1.1, 59.999), (1.3, 60)):
        rows += [row for _, row in adapter.on_tick(tick(bid, bid + 0.1, seconds), [channel])]
    assert [row["CONS_END"] for row in rows] == ["0", "0", "0", "1", "0"]
    final = [rows[3][name] for name in ("BID_OPEN", "BID_HIGH", "BID_LOW", "BID_CLOSE", "CONS_TICK_COUNT")]
    assert final == ["1.2", "1.4", "1.1", "1.1", "3"]
    assert [row["UTM"] for row in rows] == ["1736157600000"] * 4 + ["1736157660000"]
    assert adapter.snapshot(channel) == [rows[4]]


def test_snapshots():
    """A market shows its last tick, an account its figures and its last confirm, a market without prices nothing."""
    adapter = make()
    assert adapter.snapshot(f"PRICE:{EPIC}") == []
    adapter.prime(tick(1.5, 1.6))
    assert adapter.snapshot(f"PRICE:{EPIC}")[0]["BIDPRICE1"] == "1.5"
    adapter.prime(tick(1.7, 1.8))
    assert adapter.snapshot(f"CHART:{EPIC}:TICK")[0]["BID"] == "1.5"
    adapter.on_tick(tick(1.9, 2.0), ())
    assert adapter.snapshot(f"CHART:{EPIC}:SECOND")[0]["BID_CLOSE"] == "1.9"
    assert adapter.snapshot("ACCOUNT:ABC123") == []
    adapter.posted("ACCOUNT:ABC123", {"FUNDS": "10000.00", "PNL": "1.00"})
    adapter.posted("ACCOUNT:ABC123", {"PNL": "2.00"})
    assert adapter.snapshot("ACCOUNT:ABC123") == [{"FUNDS": "10000.00", "PNL": "2.00"}]
    assert adapter.snapshot("TRADE:ABC123") == []
    adapter.posted("TRADE:ABC123", {"CONFIRMS": "{}", "OPU": None, "WOU": None})
    adapter.posted("TRADE:ABC123", {"CONFIRMS": None, "OPU": "{}", "WOU": None})
    assert adapter.snapshot("TRADE:ABC123") == [{"CONFIRMS": "{}", "OPU": None, "WOU": None}]
    assert adapter.snapshot(f"MARKET:{EPIC}") == []


def test_no_messages():
    """IG's adapters take no messages."""
    with pytest.raises(StreamRefusal):
        make().message("hello")
