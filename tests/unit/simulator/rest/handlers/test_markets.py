"""What the REST API says about markets: the facts, the rates of the day, and markets without a price."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from ig_sdk.simulator.reference.instruments import instruments

MONTHLY = ("IX.D.SPTRD.MONTH1.IP", "MT.D.GC.Month2.IP", "MT.D.HG.Month1.IP", "MT.D.PA.Month1.IP", "MT.D.PL.Month2.IP")
SUMMER = datetime(2025, 7, 16, 12, tzinfo=timezone.utc)
EPIC = "CS.D.EURUSD.MINI.IP"
UNQUOTED = "SE.D.PFE.CASH.IP"


def test_several_markets_come_in_the_order_of_their_names(house, auth):
    """Whatever the order of the request, as IG answers it."""
    asked = "IX.D.SPTRD.MONTH1.IP,IX.D.FTSE.DAILY.IP,CS.D.EURUSD.MINI.IP"
    for version in (1, 2):
        found = house.call("GET", f"/markets?epics={asked}", version, **auth).json["marketDetails"]
        assert [each["instrument"]["epic"] for each in found] == sorted(asked.split(","))


@pytest.mark.parametrize("epic", MONTHLY)
def test_a_monthly_bet_shows_its_hours_and_its_end(house, auth, epic):
    """Opening hours, the last dealing date and the rollover are told, and it has a price."""
    body = house.call("GET", f"/markets/{epic}", 3, **auth).json
    market = body["instrument"]
    assert market["openingHours"]["marketTimes"]
    assert {"lastDealingDate", "settlementInfo"} == set(market["expiryDetails"])
    assert {"lastRolloverTime", "rolloverInfo"} == set(market["rolloverDetails"])
    assert body["snapshot"]["bid"] < body["snapshot"]["offer"]


@pytest.mark.parametrize("resolution", ["WEEK", "DAY"])
@pytest.mark.parametrize("epic", MONTHLY)
def test_a_monthly_bet_has_a_past(house, auth, epic, resolution):
    """Days and weeks go back to 2020; gold's have a last traded price between bid and offer, and a volume."""
    path = f"/prices/{epic}?resolution={resolution}&from=2020-09-01T00:00:00&to=2020-09-15T00:00:00"
    rows = house.call("GET", path, 3, **auth).json["prices"]
    assert len(rows) >= 2
    for row in rows:
        assert row["lastTradedVolume"] > 0
        for name in ("openPrice", "highPrice", "lowPrice", "closePrice"):
            price = row[name]
            if epic.startswith("MT."):
                assert price["bid"] <= price["lastTraded"] <= price["ask"]
            else:
                assert price["lastTraded"] is None


@pytest.mark.parametrize("version", [1, 2, 3, 4])
def test_the_exchange_rate_is_that_of_the_day(house, auth, version):
    """What a pound is worth in dollars is the mid price at which GBP/USD trades and profits are booked."""
    for move in (0.0, 0.02):
        tick = house.tick("CS.D.GBPUSD.CFD.IP", move)
        body = house.call("GET", "/markets/CS.D.EURUSD.MINI.IP", version, **auth).json
        (dollar,) = body["instrument"]["currencies"]
        assert dollar["baseExchangeRate"] == pytest.approx(tick.mid, abs=1e-6)


def test_rates_agree_with_each_other(house, auth):
    """A pound in euros times a euro in dollars is a pound in dollars; a pound is one pound."""
    market = house.call("GET", "/markets/IX.D.FTSE.DAILY.IP", 3, **auth).json["instrument"]
    rates = {each["code"]: each["baseExchangeRate"] for each in market["currencies"]}
    euro = house.dealing.rate("EUR", "USD")
    assert rates["GBP"] == 1.0
    assert rates["EUR"] * euro == pytest.approx(rates["USD"], rel=1e-5)


def test_the_symbol_of_the_euro_is_a_letter(house, auth):
    """IG writes E for it, with markets and in transactions alike."""
    market = house.call("GET", "/markets/IX.D.FTSE.DAILY.IP", 3, **auth).json["instrument"]
    assert {each["code"]: each["symbol"] for each in market["currencies"]} == {"GBP": "£", "USD": "$", "EUR": "E"}


def test_a_share_without_a_quote(house, auth):
    """Some shares show no price: they are found, with nulls, cannot be dealt in, and say that they do not stream."""
    (found,) = house.call("GET", "/markets?searchTerm=Pfizer", 1, **auth).json["markets"]
    shown = house.call("GET", f"/markets/{UNQUOTED}", 3, **auth).json["snapshot"]
    for line in (found, shown):
        assert (line["bid"], line["offer"]) == (None, None)
    assert found["epic"] == UNQUOTED
    assert found["streamingPricesAvailable"] is False


def test_local_times_are_londons(house):
    """In summer the client's clock is an hour ahead: in the login, in quotes and in candles, each beside the UTC time."""
    house.clock.advance((SUMMER - house.clock.now()).total_seconds())
    auth = house.log_in()
    assert house.call("GET", "/session", 1, **auth).json["timezoneOffset"] == 1
    house.market.leap(SUMMER)
    for tick in house.market.advance(SUMMER + timedelta(seconds=5)):
        house.past.on_tick(tick)
    (line,) = house.call("GET", "/markets?searchTerm=CS.D.EURUSD.MINI.IP", 1, **auth).json["markets"]
    assert (line["updateTime"][:2], line["updateTimeUTC"][:2]) == ("13", "12")
    row = house.call("GET", "/prices/CS.D.EURUSD.MINI.IP?resolution=WEEK&max=1", 3, **auth).json["prices"][0]
    assert row["snapshotTime"] == "2025/07/14 00:00:00"
    assert row["snapshotTimeUTC"] == "2025-07-13T23:00:00"


def test_the_older_versions_take_and_give_local_times(house, auth):
    """A span of local days is those days: four in September 2020."""
    v2 = "/prices/CS.D.EURUSD.MINI.IP/DAY/2020-09-01 00:00:00/2020-09-04 23:59:59"
    rows = house.call("GET", v2, 2, **auth).json["prices"]
    assert [row["snapshotTime"] for row in rows] == [f"2020/09/0{day} 00:00:00" for day in range(1, 5)]
    v1 = "/prices/CS.D.EURUSD.MINI.IP/DAY?startdate=2020:09:01-00:00:00&enddate=2020:09:04-23:59:59"
    rows = house.call("GET", v1, 1, **auth).json["prices"]
    assert [row["snapshotTime"] for row in rows] == [f"2020:09:0{day}-00:00:00" for day in range(1, 5)]


@pytest.mark.parametrize("version", [1, 2, 3])
def test_market(house, auth, version):
    """A market shows its rules and the current quote."""
    body = house.call("GET", f"/markets/{EPIC}", version, **auth).json
    quote = house.market.quote(EPIC)
    assert body["instrument"]["epic"] == EPIC
    assert (body["snapshot"]["bid"], body["snapshot"]["offer"]) == (quote.tick.bid, quote.tick.offer)
    assert body["snapshot"]["low"] <= quote.tick.bid < quote.tick.offer <= body["snapshot"]["high"]
    assert body["snapshot"]["marketStatus"] == "TRADEABLE"
    assert body["snapshot"]["updateTime"] == f"{quote.tick.time:%H:%M:%S}"
    assert ("margin" in body["instrument"]) == (version == 1)
    assert ("trailingStopsPreference" in body["dealingRules"]) == (version > 1)
    assert ("limitedRiskPremium" in body["instrument"]) == (version == 3)


def test_market_v4(house, auth):
    """v4 quotes texts in a ladder."""
    body = house.call("GET", f"/markets/{EPIC}", 4, **auth).json
    quote = house.market.quote(EPIC)
    assert body["snapshot"]["priceLadder"] == [{"bid": f"{quote.tick.bid:.5f}", "ask": f"{quote.tick.offer:.5f}"}]
    assert body["snapshot"]["currencyLadders"][0]["currency"] == "USD"
    assert body["snapshot"]["updateTimestampUTC"] == int(quote.tick.time.timestamp())


@pytest.mark.parametrize("epic", sorted(instruments()))
def test_every_instrument_has_every_version(house, auth, epic):
    """Whatever the simulator knows it can describe in all four versions."""
    for version in (1, 2, 3, 4):
        body = house.call("GET", f"/markets/{epic}", version, **auth).json
        assert body["instrument"]["epic"] == epic


def test_market_list(house, auth):
    """Several markets at once; an epic asked for twice comes once."""
    epics = ["CS.D.EURUSD.MINI.IP", "CS.D.USDJPY.CFD.IP", "CS.D.EURUSD.MINI.IP"]
    for version in (1, 2):
        body = house.call("GET", f"/markets?epics={','.join(epics)}", version, **auth).json
        assert [each["instrument"]["epic"] for each in body["marketDetails"]] == epics[:2]


def test_snapshots_only(house, auth):
    """The filter keeps every key but nulls the details; the epic still tells the markets apart."""
    path = f"/markets?epics={EPIC}"
    full = house.call("GET", path, 2, **auth).json["marketDetails"][0]
    bare = house.call("GET", f"{path}&filter=SNAPSHOT_ONLY", 2, **auth).json["marketDetails"][0]
    assert bare["snapshot"] == full["snapshot"]
    assert bare["dealingRules"] is None
    assert list(bare["instrument"]) == list(full["instrument"])
    assert bare["instrument"]["epic"] == EPIC
    assert bare["instrument"]["forceOpenAllowed"] is False
    assert bare["instrument"]["currencies"] is None


MARKET_FAULTS = {
    "unknown epic": (f"/markets/{EPIC}X", 3, 404, "error.service.marketdata.instrument.epic.unavailable"),
    "bad epic": ("/markets/EUR-USD", 3, 400, "validation.pattern.invalid.epic"),
    "short epic": ("/markets/EUR", 3, 400, "validation.pattern.invalid.epic"),
    "no epics": ("/markets", 2, 400, "validation.null-not-allowed.epics"),
    "empty epics": ("/markets?epics=", 2, 400, "validation.null-not-allowed.epics"),
    "one unknown of two": (
        f"/markets?epics={EPIC},CS.D.NOPE.MINI.IP",
        2,
        404,
        "error.service.marketdata.instrument.epic.unavailable",
    ),
    "bad epics": ("/markets?epics=a b c d e f", 2, 400, "validation.pattern.invalid.epics"),
    "too many": ("/markets?epics=" + ",".join([EPIC] * 51), 2, 400, "error.public-api.too-many-epics"),
    "unknown filter": (f"/markets?epics={EPIC}&filter=SOME", 2, 400, "invalid.request.filter"),
}


@pytest.mark.parametrize("fault", MARKET_FAULTS)
def test_market_refusals(house, auth, fault, refusal):
    """Each wrong question about markets has IG's own code."""
    path, version, status, code = MARKET_FAULTS[fault]
    assert refusal(house.call("GET", path, version, **auth)) == (status, code)


@pytest.mark.parametrize("term", ["EUR/USD", "eurusd", "CS.D.EURUSD", "eur", "EUR%20usd"])
def test_search(house, auth, term):
    """A search finds by name and by epic, in any case."""
    found = house.call("GET", "/markets?searchTerm=" + term.replace("/", "%2F"), 1, **auth).json["markets"]
    assert {market["epic"] for market in found} == {f"CS.D.EURUSD.{kind}.IP" for kind in ("CFD", "MINI", "TODAY")}


def test_search_without_a_hit(house, auth):
    """Nothing found, or nothing asked, is an empty list; a search term goes before epics."""
    for query in ("searchTerm=bitcoin", "searchTerm=", f"searchTerm=bitcoin&epics={EPIC}"):
        assert house.call("GET", f"/markets?{query}", 1, **auth).json == {"markets": []}


def test_paged_search(house, auth, refusal):
    """v2 comes in pages: together they are what v1 finds."""
    whole = house.call("GET", "/markets?searchTerm=usd", 1, **auth).json["markets"]
    paged: list[Any] = []
    for page in (1, 2, 3):
        query = f"searchTerm=usd&pageNumber={page}&pageSize=10"
        paged += house.call("GET", f"/markets?{query}", 2, **auth).json["markets"]
    assert paged == whole
    assert len(whole) == 15
    for query in ("pageSize=0", "pageSize=x", "pageNumber=-1", "pageNumber=²"):
        refused = house.call("GET", f"/markets?searchTerm=usd&{query}", 2, **auth)
        assert refusal(refused) == (400, "invalid.input")


def test_a_market_without_a_price(auth, house):
    """Before the first price the quote is null and the market offline, over all versions."""
    house.backend.quote = lambda _: None
    for version in (1, 2, 3):
        snapshot = house.call("GET", f"/markets/{EPIC}", version, **auth).json["snapshot"]
        assert (snapshot["bid"], snapshot["offer"], snapshot["marketStatus"]) == (None, None, "OFFLINE")
    assert house.call("GET", f"/markets/{EPIC}", 4, **auth).json["snapshot"]["priceLadder"] is None


def test_the_market_says_what_was_recorded(house, auth, shared):
    """EURUSD mini has the recorded dealing rules and contract, word for word."""
    recorded = json.loads((shared / "wire" / "samples" / "market_v3__eurusd_mini.json").read_text(encoding="utf-8"))
    ours = house.call("GET", f"/markets/{EPIC}", 3, **auth).json
    assert ours["dealingRules"] == recorded["dealingRules"]
    differing = {name for name, value in recorded["instrument"].items() if ours["instrument"][name] != value}
    # Exchange rates change, and what the simulator has no knock-outs to tell about it leaves out.
    assert differing == {"currencies", "specialInfo"}
