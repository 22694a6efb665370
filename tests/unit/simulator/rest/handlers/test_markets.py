"""What the REST API says about markets: the facts, the rates of the day, and markets without a price."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

MONTHLY = ("IX.D.SPTRD.MONTH1.IP", "MT.D.GC.Month2.IP", "MT.D.HG.Month1.IP", "MT.D.PA.Month1.IP", "MT.D.PL.Month2.IP")
SUMMER = datetime(2025, 7, 16, 12, tzinfo=timezone.utc)
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
