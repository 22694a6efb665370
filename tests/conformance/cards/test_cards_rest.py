"""Cards of the REST API at large, markets and the account's figures."""

from __future__ import annotations

import re

import pytest

card = pytest.mark.card

UNKNOWN = "CS.D.NOSUCH.CFD.IP"


@card("TC-REST-01", source="REST.md section 1", sure="documented")
def test_request_id(venue):
    """Each reply, a refusal too, carries X-REQUEST-ID and says that it is JSON."""
    for path in ("/session", "/confirms/NOSUCHREFERENCE"):
        headers = venue.ask("GET", path).headers
        assert headers["x-request-id"]
        assert headers["content-type"].lower().startswith("application/json")


@card("TC-REST-02", source="REST.md section 1", sure="documented")
def test_version_is_one(venue):
    """Without VERSION a request is of version 1."""
    market = venue.get(f"/markets/{venue.epic}", None)["instrument"]
    assert "margin" in market
    assert "marginFactor" not in market


@card("TC-REST-03", source="REST.md section 8", sure="documented")
def test_no_such_path(venue):
    """A path that is none: 404 ``invalid.url``."""
    assert venue.refuses(404, "invalid.url", "GET", "/nosuchthing")


@card("TC-REST-04", source="REST.md sections 8 and 9", sure="documented; the status is not settled")
def test_no_such_version(venue):
    """A version that the endpoint does not have: 404 ``invalid.url``."""
    assert venue.refuses(404, "invalid.url", "GET", f"/markets/{venue.epic}", 9)


@card("TC-REST-05", source="REST.md section 1", sure="observed")
def test_override_on_any_method(venue):
    """``_method: DELETE`` on a GET counts: 405."""
    assert venue.ask("GET", f"/markets/{venue.epic}", 3, headers={"_method": "DELETE"}).status == 405


@card("TC-REST-06", source="REST.md section 1", sure="observed")
def test_plain_paths(venue):
    """Paths are served without hyphens: ``/workingorders``, ``/clientsentiment``."""
    assert set(venue.get("/workingorders", 2)) == {"workingOrders"}
    assert venue.get("/clientsentiment/EURUSD")["marketId"] == "EURUSD"


@card("TC-REST-07", source="REST.md section 3", sure="documented")
def test_application(venue):
    """``GET /operations/application`` is a bare list with the allowances of each key, the calling one among them."""
    listed = venue.get("/operations/application")
    assert isinstance(listed, list)
    ours = [each for each in listed if each["apiKey"] == venue.config.api_key]
    names = ("allowanceApplicationOverall", "allowanceAccountOverall", "allowanceAccountTrading")
    numbers = [each[name] for each in ours for name in (*names, "allowanceAccountHistoricalData")]
    assert len(numbers) == 4
    assert all(isinstance(number, int) and number > 0 for number in numbers)


@card("TC-MKT-01", source="REST.md section 5, version differences", sure="documented")
def test_market_v1(venue):
    """Market version 1 has ``margin`` and currencies with a ``name``, no ``marginFactor``."""
    instrument = venue.get(f"/markets/{venue.epic}", 1)["instrument"]
    assert "margin" in instrument
    assert "marginFactor" not in instrument
    assert all("name" in each for each in instrument["currencies"])


@card("TC-MKT-02", source="REST.md section 5, version differences", sure="documented")
def test_market_v2(venue):
    """Market version 2 has ``marginFactor`` and its unit and deposit bands with a currency, no ``limitedRiskPremium``."""
    market = venue.get(f"/markets/{venue.epic}", 2)
    instrument = market["instrument"]
    assert {"marginFactor", "marginFactorUnit"} <= set(instrument)
    assert "limitedRiskPremium" not in instrument
    assert all({"min", "max", "margin", "currency"} <= set(each) for each in instrument["marginDepositBands"])
    assert "trailingStopsPreference" in market["dealingRules"]


@card("TC-MKT-03", source="REST.md section 5, version differences", sure="observed")
def test_market_v3(venue):
    """Market version 3 has ``limitedRiskPremium``, rules with unit and value, and a snapshot with numbers."""
    market = venue.get(f"/markets/{venue.epic}", 3)
    assert set(market) == {"instrument", "dealingRules", "snapshot"}
    assert "limitedRiskPremium" in market["instrument"]
    assert set(market["dealingRules"]["minDealSize"]) == {"unit", "value"}
    assert market["snapshot"]["scalingFactor"] > 0
    assert {"bid", "offer", "high", "low", "marketStatus", "updateTime", "delayTime"} <= set(market["snapshot"])


@card("TC-MKT-04", source="REST.md section 5, version differences", sure="documented; never captured")
def test_market_v4(venue):
    """Market version 4 has a price ladder instead of bid and offer, and no margin, opening hours or rollover."""
    market = venue.get(f"/markets/{venue.epic}", 4)
    assert "priceLadder" in market["snapshot"]
    assert not {"bid", "offer"} & set(market["snapshot"])
    assert not {"marginFactor", "openingHours", "rolloverDetails", "forceOpenAllowed"} & set(market["instrument"])
    assert {"stopAllowed", "limitAllowed"} <= set(market["instrument"])


@card("TC-MKT-05", source="REST.md section 5, version differences", sure="observed")
def test_markets_by_epics(venue):
    """A list of markets, version 2, has the form of market version 3."""
    (market,) = venue.get("/markets", 2, epics=venue.epic)["marketDetails"]
    assert market["instrument"]["epic"] == venue.epic
    assert "limitedRiskPremium" in market["instrument"]


@card("TC-MKT-06", source="REST.md section 5, version differences", sure="documented")
def test_snapshots_only(venue):
    """``SNAPSHOT_ONLY`` keeps the instrument's keys, which are null, has no dealing rules, and shows the prices."""
    (market,) = venue.get("/markets", 2, epics=venue.epic, filter="SNAPSHOT_ONLY")["marketDetails"]
    assert market["dealingRules"] is None
    assert (market["instrument"]["epic"], market["instrument"]["name"]) == (venue.epic, None)
    assert market["instrument"]["marginDepositBands"] is None
    assert "marketStatus" in market["snapshot"]


@card("TC-MKT-07", source="REST.md section 8", sure="observed")
def test_no_epics(venue):
    """A list of markets without epics: 400 ``validation.null-not-allowed.epics``."""
    assert venue.refuses(400, "validation.null-not-allowed.epics", "GET", "/markets", 2)


@card("TC-MKT-08", source="REST.md section 8", sure="documented")
def test_too_many_epics(venue):
    """More than 50 epics: 400 ``error.public-api.too-many-epics``."""
    query = {"epics": ",".join(f"CS.D.NOSUCH{number}.CFD.IP" for number in range(51))}
    assert venue.refuses(400, "error.public-api.too-many-epics", "GET", "/markets", 2, query=query)


@card("TC-MKT-09", source="REST.md section 8", sure="observed")
def test_unknown_epic(venue):
    """An epic that IG does not know: 404 ``error.service.marketdata.instrument.epic.unavailable``."""
    assert venue.refuses(404, "error.service.marketdata.instrument.epic.unavailable", "GET", f"/markets/{UNKNOWN}", 3)


@card("TC-MKT-10", source="REST.md section 8", sure="observed")
def test_malformed_epic(venue):
    """An epic with characters that none has: 400 ``validation.pattern.invalid.epic``."""
    assert venue.refuses(400, "validation.pattern.invalid.epic", "GET", "/markets/no epic!", 3)


@card("TC-MKT-11", source="REST.md section 5, GET /markets (searchTerm)", sure="observed")
def test_search(venue):
    """A search finds EUR/USD with prices, status and scaling factor in each row; one for nonsense finds nothing."""
    found = venue.get("/markets", searchTerm="EUR/USD")["markets"]
    assert venue.epic in {each["epic"] for each in found}
    row = {"epic", "instrumentName", "instrumentType", "expiry", "bid", "offer", "marketStatus", "scalingFactor"}
    assert all(row <= set(each) for each in found)
    assert venue.get("/markets", searchTerm="qqxxqqzz") == {"markets": []}


@card("TC-MKT-12", source="REST.md section 5, oddities", sure="observed")
def test_navigation(venue):
    """The root of the market tree has nodes with id and name, and ``markets`` is null."""
    root = venue.get("/marketnavigation")
    assert root["markets"] is None
    assert all(set(each) == {"id", "name"} for each in root["nodes"])


@card("TC-MKT-13", source="REST.md section 5, oddities", sure="observed")
def test_sentiment(venue):
    """Sentiment adds up to 100 %; of a market that is unknown it is 200 with zeros."""
    known = venue.get("/clientsentiment/EURUSD")
    assert round(known["longPositionPercentage"] + known["shortPositionPercentage"]) == 100
    unknown = venue.get("/clientsentiment/NOSUCH")
    assert (unknown["longPositionPercentage"], unknown["shortPositionPercentage"]) == (0, 0)


@card("TC-ACC-01", source="REST.md section 5, GET /accounts", sure="observed")
def test_accounts(venue):
    """``GET /accounts`` shows for each account status, type, currency and the four figures of its balance."""
    listed = venue.get("/accounts")["accounts"]
    assert venue.account in {each["accountId"] for each in listed}
    for each in listed:
        assert {"accountName", "accountType", "status", "currency", "preferred"} <= set(each)
        assert set(each["balance"]) == {"balance", "deposit", "profitLoss", "available"}


@card("TC-ACC-02", source="REST.md section 6.4", sure="our choice")
def test_available(venue):
    """Available money is balance plus profit and loss less the deposit, and never below zero."""
    (ours,) = [each for each in venue.get("/accounts")["accounts"] if each["accountId"] == venue.account]
    money = ours["balance"]
    reckoned = money["balance"] + money["profitLoss"] - money["deposit"]
    assert money["available"] == pytest.approx(max(reckoned, 0), abs=0.05)


@card("TC-ACC-03", source="REST.md section 5, watchlists", sure="observed")
def test_watchlists(venue):
    """Watchlists say whether they may be edited or deleted; a list that does not exist: 404 ``error.invalid.watchlist``."""
    listed = venue.get("/watchlists")["watchlists"]
    names = {"id", "name", "editable", "deleteable", "defaultSystemWatchlist"}
    assert all(set(each) == names for each in listed)
    assert venue.refuses(404, "error.invalid.watchlist", "GET", "/watchlists/00000000")


@card("TC-ACC-04", source="REST.md section 5, positions and orders", sure="observed")
def test_lists_of_deals(venue):
    """Positions and working orders are lists under their name in both versions, empty ones too."""
    for version in (1, 2):
        assert isinstance(venue.get("/positions", version)["positions"], list)
        assert isinstance(venue.get("/workingorders", version)["workingOrders"], list)


@card("TC-ACC-05", source="REST.md section 8", sure="documented")
def test_no_such_position(venue):
    """A position that does not exist: 404 ``error.position.notfound``."""
    assert venue.refuses(404, "error.position.notfound", "GET", "/positions/DIAAAANOSUCHDEAL", 2)


@card("TC-ACC-06", source="REST.md section 6.1", sure="documented")
def test_no_such_confirm(venue):
    """The confirm of a reference that was never used: 404 ``error.confirms.deal-not-found``."""
    assert venue.refuses(404, "error.confirms.deal-not-found", "GET", "/confirms/NOSUCHREFERENCE")


@card("TC-HIST-01", source="REST.md sections 4 and 5, GET /prices/{epic}", sure="observed")
def test_prices_v3(venue):
    """Prices version 3 are oldest first, with ``snapshotTimeUTC``, bid and ask, and the allowance in ``metadata``."""
    reply = venue.get(f"/prices/{venue.epic}", 3, resolution="MINUTE", max=3)
    times = [each["snapshotTimeUTC"] for each in reply["prices"]]
    assert len(times) == 3
    assert times == sorted(times)
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:00", each) for each in times)
    assert all(re.fullmatch(r"\d{4}/\d\d/\d\d \d\d:\d\d:00", each["snapshotTime"]) for each in reply["prices"])
    assert {"bid", "ask", "lastTraded"} == set(reply["prices"][0]["openPrice"])
    assert {"allowance", "size", "pageData"} == set(reply["metadata"])


@card("TC-HIST-02", source="REST.md section 4", sure="observed")
def test_price_pages(venue):
    """Pages of prices are numbered from 1; ``pageSize=0`` brings all at once."""
    query = {"resolution": "HOUR", "max": 3}
    first = venue.get(f"/prices/{venue.epic}", 3, **query, pageSize=2)
    second = venue.get(f"/prices/{venue.epic}", 3, **query, pageSize=2, pageNumber=2)
    everything = venue.get(f"/prices/{venue.epic}", 3, **query, pageSize=0)
    assert first["metadata"]["pageData"] == {"pageSize": 2, "pageNumber": 1, "totalPages": 2}
    paged = [each["snapshotTimeUTC"] for page in (first, second) for each in page["prices"]]
    assert paged == [each["snapshotTimeUTC"] for each in everything["prices"]]


@card("TC-HIST-03", source="REST.md section 3", sure="observed")
def test_allowance(venue):
    """Each candle that is returned takes one point of the allowance."""
    allowances = []
    for count in (1, 2):
        reply = venue.get(f"/prices/{venue.epic}", 3, resolution="DAY", max=count, pageSize=0)
        allowances.append(reply["metadata"]["allowance"])
    assert set(allowances[0]) == {"remainingAllowance", "totalAllowance", "allowanceExpiry"}
    assert allowances[0]["remainingAllowance"] - allowances[1]["remainingAllowance"] == 2
    assert 0 < allowances[0]["allowanceExpiry"] <= 604_800


@card("TC-HIST-04", source="REST.md sections 4 and 5", sure="observed")
def test_older_prices(venue):
    """Prices versions 1 and 2 have the allowance at the top, and times of their own form, without UTC."""
    forms = {1: r"\d{4}:\d\d:\d\d-\d\d:\d\d:\d\d", 2: r"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d"}
    for version, form in forms.items():
        reply = venue.get(f"/prices/{venue.epic}/DAY/1", version)
        (price,) = reply["prices"]
        assert re.fullmatch(form, price["snapshotTime"])
        assert "snapshotTimeUTC" not in price
        assert "allowance" in reply


@card("TC-HIST-05", source="REST.md section 8", sure="documented")
def test_malformed_date(venue):
    """Prices from a date that is none: 400 ``error.malformed.date``."""
    query = {"resolution": "DAY", "from": "yesterday", "to": "2026-01-06T00:00:00"}
    assert venue.refuses(400, "error.malformed.date", "GET", f"/prices/{venue.epic}", 3, query=query)


@card("TC-HIST-06", source="REST.md section 8", sure="documented")
def test_range_backwards(venue):
    """Prices of a range that ends before it begins: 400 ``error.invalid.daterange``."""
    query = {"resolution": "DAY", "from": "2026-01-07T00:00:00", "to": "2026-01-06T00:00:00"}
    assert venue.refuses(400, "error.invalid.daterange", "GET", f"/prices/{venue.epic}", 3, query=query)


@card("TC-HIST-07", source="REST.md sections 4 and 6.5", sure="observed")
def test_activity(venue):
    """Activity version 3 is newest first, its dates are ISO seconds, and its paging has ``size`` and ``next``."""
    reply = venue.get("/history/activity", 3, **{"from": "2026-01-01T00:00:00", "pageSize": 10})
    dates = [each["date"] for each in reply["activities"]]
    assert dates == sorted(dates, reverse=True)
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", each) for each in dates)
    assert set(reply["metadata"]["paging"]) == {"size", "next"}
    assert all(each["details"] is None for each in reply["activities"])


@card("TC-HIST-08", source="REST.md section 8", sure="documented")
def test_activity_page_size(venue):
    """Activity in pages smaller than 10: 400 ``error.request.invalid.page-size``."""
    query = {"from": "2026-01-01T00:00:00", "pageSize": 3}
    assert venue.refuses(400, "error.request.invalid.page-size", "GET", "/history/activity", 3, query=query)


@card("TC-HIST-09", source="REST.md section 4", sure="observed")
def test_transactions(venue):
    """Transactions version 2 have ``dateUtc`` and ``openDateUtc`` in ISO seconds, a bare ``date``, and numbered pages."""
    reply = venue.get("/history/transactions", 2, **{"from": "2026-01-01T00:00:00", "pageSize": 5})
    assert set(reply["metadata"]["pageData"]) == {"pageSize", "pageNumber", "totalPages"}
    for each in reply["transactions"]:
        assert re.fullmatch(r"\d{4}-\d\d-\d\d", each["date"])
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", each["dateUtc"])
        assert len(each["reference"]) == 8
