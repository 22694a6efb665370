"""Cards of the stream."""

from __future__ import annotations

import json

import pytest

from ig_sdk import StreamRefused

card = pytest.mark.card

PRICES = "BIDPRICE1 ASKPRICE1 TIMESTAMP"


@pytest.fixture
def stream(venue):
    """An open stream."""
    with venue.stream() as client:
        yield client


@card("TC-STR-01", source="IG-SPECIFICS.md sections 1 and 2", sure="documented")
def test_protocol(venue):
    """The account's id and ``CST-...|XST-...`` open a session with TLCP 2.4.0."""
    with venue.stream() as client:
        client.connect()
        assert client.wait_connected(30)
        assert client.protocol_version == "2.4.0"


@card("TC-STR-02", source="IG-SPECIFICS.md sections 1 and 8", sure="observed; may have changed by now")
def test_newer_protocol(venue):
    """TLCP 2.5.0 is refused with CONERR 65."""
    with venue.stream(protocol_versions=("2.5.0",)) as client:
        client.connect()
        with pytest.raises(StreamRefused) as refused:
            client.wait_connected(30)
    assert refused.value.code == 65


@card("TC-STR-03", source="IG-SPECIFICS.md section 8", sure="reported once")
def test_wrong_tokens(venue):
    """Tokens that are none are refused with CONERR 1."""
    with venue.stream(password="CST-none|XST-none") as client:
        client.connect()
        with pytest.raises(StreamRefused) as refused:
            client.wait_connected(30)
    assert refused.value.code == 1


@card("TC-STR-04", source="IG-SPECIFICS.md sections 6 and 7", sure="documented")
def test_price(venue, stream, watch):
    """PRICE in MERGE from the adapter Pricing begins with a snapshot: bid, ask, and the time in milliseconds UTC."""
    venue.require_open()
    item = f"PRICE:{venue.account}:{venue.epic}"
    first = watch(stream, "MERGE", item, PRICES, data_adapter="Pricing", snapshot=True).update()
    assert first.is_snapshot
    assert 0 < float(first["BIDPRICE1"]) <= float(first["ASKPRICE1"])
    assert int(first["TIMESTAMP"]) > 1_500_000_000_000


@card("TC-STR-05", source="IG-SPECIFICS.md section 8", sure="reported once")
def test_price_without_adapter(venue, stream, watch):
    """PRICE without its adapter is refused with 17 or 21."""
    outcome, event = watch(stream, "MERGE", f"PRICE:{venue.account}:{venue.epic}", PRICES).outcome()
    assert (outcome, event.code in (17, 21)) == ("refused", True)


@card("TC-STR-06", source="IG-SPECIFICS.md sections 6 and 7", sure="documented")
def test_chart_ticks(venue, stream, watch):
    """CHART ... TICK in DISTINCT brings each tick with bid, offer and UTM in milliseconds, never going back."""
    venue.require_open()
    ticks = watch(stream, "DISTINCT", f"CHART:{venue.epic}:TICK", "BID OFR UTM")
    times = []
    for _ in range(3):
        row = ticks.update()
        assert 0 < float(row["BID"]) <= float(row["OFR"])
        times.append(int(row["UTM"]))
    assert times == sorted(times)
    assert times[0] > 1_500_000_000_000


@card("TC-STR-07", source="IG-SPECIFICS.md sections 6 and 7", sure="documented")
def test_chart_candles(venue, stream, watch):
    """CHART ... SECOND in MERGE ends each candle with CONS_END=1; UTM is its start, low to high hold open and close."""
    venue.require_open()
    names = ("BID_OPEN", "BID_HIGH", "BID_LOW", "BID_CLOSE")
    candles = watch(stream, "MERGE", f"CHART:{venue.epic}:SECOND", f"UTM CONS_END CONS_TICK_COUNT {' '.join(names)}")
    row = candles.update()
    while row["CONS_END"] != "1":
        row = candles.update()
    opened, high, low, closed = (float(row[name]) for name in names)
    assert low <= min(opened, closed) <= max(opened, closed) <= high
    assert int(row["UTM"]) % 1000 == 0
    assert int(row["CONS_TICK_COUNT"]) >= 1


@card("TC-STR-08", source="IG-SPECIFICS.md section 6", sure="documented")
def test_account(venue, stream, watch):
    """ACCOUNT in MERGE begins with the account's figures: funds as GET /accounts shows them, deposit, available money."""
    names = "FUNDS DEPOSIT AVAILABLE_TO_DEAL PNL EQUITY"
    first = watch(stream, "MERGE", f"ACCOUNT:{venue.account}", names).update()
    (ours,) = [each for each in venue.get("/accounts")["accounts"] if each["accountId"] == venue.account]
    assert float(first["FUNDS"]) == pytest.approx(ours["balance"]["balance"], abs=0.05)
    assert all(first[name] is not None for name in names.split())


@card("TC-STR-09", source="IG-SPECIFICS.md section 6", sure="documented")
def test_trade_is_there(venue, stream, watch):
    """TRADE of the account is taken in DISTINCT, and says nothing while nothing is dealt."""
    outcome, _ = watch(stream, "DISTINCT", f"TRADE:{venue.account}", "CONFIRMS OPU WOU", snapshot=False).outcome()
    assert outcome == "subscribed"


@card("TC-STR-10", source="IG-SPECIFICS.md section 6", sure="reported once")
def test_heartbeat(stream, watch):
    """The item of the heartbeat beats."""
    beats = watch(stream, "MERGE", "TRADE:HB.U.HEARTBEAT.IP", "HEARTBEAT")
    assert beats.update()["HEARTBEAT"] is not None
    assert beats.update()["HEARTBEAT"] is not None


@card("TC-STR-11", source="IG-SPECIFICS.md sections 6 and 8", sure="reported once")
def test_market_is_retired(venue, stream, watch):
    """The retired MARKET item is acknowledged and says nothing."""
    quotes = watch(stream, "MERGE", f"MARKET:{venue.epic}", "BID OFFER")
    assert quotes.outcome()[0] == "subscribed"
    assert quotes.silent_for(venue.silence_s)


@card("TC-STR-12", source="IG-SPECIFICS.md sections 5 and 8", sure="observed")
def test_one_bad_item(venue, stream, watch):
    """One item that does not exist has the whole subscription refused."""
    items = [f"CHART:{venue.epic}:SECOND", "CHART:CS.D.NOSUCH.CFD.IP:SECOND"]
    assert watch(stream, "MERGE", items, "UTM").outcome()[0] == "refused"


@card("TC-STR-13", source="IG-SPECIFICS.md sections 5 and 8", sure="observed")
def test_unknown_field(venue, stream, watch):
    """One field that the item does not have has the whole subscription refused."""
    assert watch(stream, "MERGE", f"ACCOUNT:{venue.account}", "FUNDS NOSUCHFIELD").outcome()[0] == "refused"


@card("TC-STR-14", source="IG-SPECIFICS.md section 8", sure="reported once")
def test_wrong_mode(venue, stream, watch):
    """MERGE on the ticks of CHART is refused with 24."""
    outcome, event = watch(stream, "MERGE", f"CHART:{venue.epic}:TICK", "BID").outcome()
    assert (outcome, event.code) == ("refused", 24)


@card("TC-STR-15", source="REST.md section 6.1.2 and IG-SPECIFICS.md sections 6 and 7", sure="observed")
def test_trade_tells_a_deal(venue, book, stream, watch):
    """TRADE tells a deal: its confirm as REST has it, then an OPU OPEN with the same ids, level and size."""
    trade = watch(stream, "DISTINCT", f"TRADE:{venue.account}", "CONFIRMS OPU WOU", snapshot=False)
    assert trade.outcome()[0] == "subscribed"
    opened = book.open()
    seen: dict[str, dict] = {}
    while not {"CONFIRMS", "OPU"} <= set(seen):
        row = trade.update()
        for name, text in row.values.items():
            each = json.loads(text) if text else {}
            if each.get("dealId") == opened["dealId"]:
                seen.setdefault(name, each)
    assert list(seen) == ["CONFIRMS", "OPU"]
    names = ("dealId", "dealReference", "epic", "direction", "status", "size", "level")
    for each in seen.values():
        assert [each[name] for name in names] == [opened[name] for name in names]
