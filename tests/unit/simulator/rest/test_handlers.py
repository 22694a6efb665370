"""Watchlists, sentiment, navigation, categories, costs, applications: what each remembers and refuses."""

from __future__ import annotations

import json

import pytest

from ig_sdk.simulator.accounts.allowances import Allowances

EPIC = "CS.D.EURUSD.MINI.IP"


@pytest.fixture
def call(house, auth):
    """Calls version 1 of an endpoint."""

    def send(method: str, path: str, body=None):
        return house.call(method, path, 1, body, **auth)

    return send


# ---- watchlists


def test_a_watchlist_of_ones_own(call):
    """It is made with what is known, filled, emptied and deleted."""
    made = call("POST", "/watchlists", {"name": "Mine", "epics": [EPIC, EPIC]}).json
    assert made["status"] == "SUCCESS"
    path = f"/watchlists/{made['watchlistId']}"
    for epic in ("CS.D.USDJPY.MINI.IP", EPIC):
        assert call("PUT", path, {"epic": epic}).json == {"status": "SUCCESS"}
    assert [row["epic"] for row in call("GET", path).json["markets"]] == [EPIC, "CS.D.USDJPY.MINI.IP"]
    assert call("DELETE", f"{path}/{EPIC}").json == {"status": "SUCCESS"}
    assert [row["epic"] for row in call("GET", path).json["markets"]] == ["CS.D.USDJPY.MINI.IP"]
    [row] = [row for row in call("GET", "/watchlists").json["watchlists"] if row["id"] == made["watchlistId"]]
    assert (row["editable"], row["deleteable"], row["defaultSystemWatchlist"]) == (True, True, False)
    assert call("DELETE", path).json == {"status": "SUCCESS"}
    assert call("GET", path).status_code == 404


def test_watchlists_belong_to_accounts(house, call):
    """The other account has lists of its own."""
    call("POST", "/watchlists", {"name": "Mine"})
    other = house.call("GET", "/watchlists", 1, **house.log_in("XYZ987")).json["watchlists"]
    assert "Mine" not in [row["name"] for row in other]


def test_watchlists_are_bounded(call, refusal):
    """A client that makes lists for ever is stopped."""
    replies = [call("POST", "/watchlists", {"name": f"List {number}"}) for number in range(201)]
    assert replies[0].status_code == 200
    assert refusal(replies[-1]) == (400, "error.watchlists.management.error")


WATCHLIST_FAULTS = {
    "no such list": (("GET", "/watchlists/1"), (404, "error.invalid.watchlist")),
    "add to no list": (("PUT", "/watchlists/1", {"epic": EPIC}), (404, "error.invalid.watchlist")),
    "delete no list": (("DELETE", "/watchlists/1"), (400, "error.watchlists.management.watchlist-not-found")),
    "delete IG's": (
        ("DELETE", "/watchlists/Popular%20Markets"),
        (400, "error.watchlists.management.cannot-delete-watchlist"),
    ),
    "add to IG's": (
        ("PUT", "/watchlists/Popular%20Markets", {"epic": EPIC}),
        (400, "error.watchlists.management.error"),
    ),
    "unknown epic": (
        ("PUT", "/watchlists/5222222", {"epic": "CS.D.NOPE.MINI.IP"}),
        (400, "error.service.watchlists.add-instrument.invalid-epic"),
    ),
    "remove unknown": (
        ("DELETE", "/watchlists/5222222/CS.D.NOPE.MINI.IP"),
        (400, "error.service.watchlists.add-instrument.invalid-epic"),
    ),
    "name taken": (
        ("POST", "/watchlists", {"name": "My Watchlist"}),
        (400, "error.watchlists.management.duplicate-name"),
    ),
    "bad name": (("POST", "/watchlists", {"name": "a/b"}), (400, "validation.pattern.invalid.request.name")),
    "no name": (("POST", "/watchlists", {}), (400, "validation.null-not-allowed.request.name")),
    "no list of epics": (("POST", "/watchlists", {"name": "x", "epics": EPIC}), (400, "invalid.request.epics")),
}


@pytest.mark.parametrize("case", WATCHLIST_FAULTS)
def test_watchlist_refusals(call, refusal, case):
    """Each fault has its code, and the lists stay as they were."""
    before = call("GET", "/watchlists").json
    request, told = WATCHLIST_FAULTS[case]
    assert refusal(call(*request)) == told
    assert call("GET", "/watchlists").json == before


# ---- markets in their order


def test_the_whole_tree_can_be_walked(call):
    """From the root every market is reached; a branch has no markets, a leaf no nodes."""
    seen, waiting = set(), [""]
    while waiting:
        body = call("GET", f"/marketnavigation/{waiting.pop()}").json
        assert body["nodes"] is None or body["markets"] is None
        waiting += [node["id"] for node in body["nodes"] or []]
        seen |= {market["epic"] for market in body["markets"] or []}
    found = call("GET", "/markets?searchTerm=.").json["markets"]
    assert seen == {market["epic"] for market in found}
    assert len(seen) > 20


def test_categories_page_from_nought(call):
    """Pages together are the category; none says how many there are."""
    [first, *_] = call("GET", "/categories").json["categories"]
    path = f"/categories/{first['code']}/instruments"
    whole = [row["epic"] for row in call("GET", path).json["instruments"]]
    paged: list[str] = []
    for number in range(len(whole)):
        paged += [row["epic"] for row in call("GET", f"{path}?pageNumber={number}&pageSize=4").json["instruments"]]
    assert paged == whole


def test_sentiment(call):
    """Both sides make a hundred; an unknown market is no fault but has neither side."""
    rows = call("GET", "/clientsentiment?marketIds=EURUSD,NOPE").json["clientSentiments"]
    sums = [row["longPositionPercentage"] + row["shortPositionPercentage"] for row in rows]
    assert sums == [100, 0]
    assert call("GET", "/clientsentiment/EURUSD").json == rows[0]
    related = call("GET", "/clientsentiment/related/EURUSD").json["clientSentiments"]
    assert "GBPUSD" in [row["marketId"] for row in related]


MARKET_FAULTS = {
    "/marketnavigation/1": (404, "invalid.url"),
    "/categories/NOPE/instruments": (404, "invalid.url"),
    "/categories/FOREX/instruments?pageSize=0": (400, "error.request.invalid.page-size"),
    "/categories/FOREX/instruments?pageSize=1001": (400, "error.request.invalid.page-size"),
    "/clientsentiment": (400, "validation.null-not-allowed.marketIds"),
    "/clientsentiment?marketIds=" + ",".join(["EURUSD"] * 51): (400, "invalid.input.too.many.markets"),
    "/session?" + "&".join(["a=1"] * 101) + "&fetchSessionTokens=true": (400, "invalid.input"),
}


@pytest.mark.parametrize("path", MARKET_FAULTS)
def test_refusals_of_reads(call, refusal, path):
    """What is not there, and what is too much."""
    assert refusal(call("GET", path)) == MARKET_FAULTS[path]


# ---- costs

COSTS = {"epic": EPIC, "bid": 1.1, "ask": 1.1006, "dealCurrencyCode": "USD", "dealReference": "x", "size": 2}


def test_costs_of_opening(call):
    """Half of the spread is paid on each way; the notional is size, contract and price."""
    body = call("POST", "/indicativecostsandcharges/open", COSTS).json
    assert (body["openingSpread"], body["closingSpread"]) == (6, 6)
    assert body["notionalValue"] == pytest.approx(2 * 10_000 * 1.1003)
    assert body["currencyCodeISO"] == "USD"


def test_costs_of_what_is_edited(call):
    """Each leg that is named has its costs."""
    body = call("POST", "/indicativecostsandcharges/edit", COSTS | {"openingLevel": 1, "stopLevel": 0.9}).json
    assert body["limit"] is None
    assert body["stop"]["closingSpread"] == 6


def test_the_document_of_a_quote(house, call, refusal):
    """It is a PDF whose table of contents points at its objects; another account does not get it."""
    quote = call("POST", "/indicativecostsandcharges/open", COSTS | {"direction": "BUY"}).json
    path = f"/indicativecostsandcharges/durablemedium/{quote['indicativeQuoteReference']}"
    document = call("GET", path)
    assert document.content_type == "application/pdf"
    assert document.data.startswith(b"%PDF-1.4\n")
    table = document.data[int(document.data.split()[-2]) :].split(b"\n")
    assert table[0] == b"xref"
    for number, row in enumerate(table[3 : 2 + int(table[1].split()[1])], 1):
        assert document.data[int(row[:10]) :].startswith(f"{number} 0 obj\n".encode())
    missing = (404, "public-api.costs-and-charges.indicative-quote-reference-not-found")
    assert refusal(house.call("GET", path, 1, **house.log_in("XYZ987"))) == missing


def test_the_history_of_quotes(house, call, refusal):
    """Newest first, in pages, of a span and a kind."""
    call("POST", "/indicativecostsandcharges/open", COSTS)
    house.clock.advance(3600)
    call("POST", "/indicativecostsandcharges/close", COSTS | {"openingLevel": 1})
    path = "/indicativecostsandcharges/history/from/{}/to/{}"
    day = path.format("2025-01-06T00:00:00.000Z", "2025-01-07T00:00:00.000%2B01:00")
    body = call("GET", day).json
    assert [row["type"] for row in body["costsAndChargesHistory"]] == ["CLOSE", "OPEN"]
    assert body["pagination"] == {"pageNumber": 1, "pageSize": 20, "totalElements": 2, "totalPages": 1}
    assert call("GET", f"{day}?pageSize=1&pageNumber=2").json["costsAndChargesHistory"][0]["type"] == "OPEN"
    assert call("GET", f"{day}?type=OPEN").json["pagination"]["totalElements"] == 1
    early = path.format("2025-01-06T00:00:00.000Z", "2025-01-06T10:30:00.000Z")
    assert call("GET", early).json["pagination"]["totalElements"] == 1
    fault = (400, "public-api.costs-and-charges.client-error")
    assert refusal(call("GET", path.format("today", "tomorrow"))) == fault
    assert refusal(call("POST", "/indicativecostsandcharges/open", COSTS | {"epic": "X"})) == fault


# ---- applications and allowances


def test_a_disabled_key_is_dead(house, auth, call, refusal):
    """Disabling kills the calling key for everything, logins too."""
    assert call("PUT", "/operations/application/disable").json["status"] == "DISABLED"
    dead = (403, "error.security.api-key-disabled")
    assert refusal(call("GET", "/session")) == dead
    assert refusal(house.call("POST", "/session", 2, house.login_body, **house.key)) == dead


def test_an_update_can_disable_the_key_too(house, auth, call, refusal):
    """The status of an application is what counts, however it is set."""
    body = {"apiKey": house.sessions.credentials.api_key, "status": "DISABLED"}
    assert call("PUT", "/operations/application", body).json["status"] == "DISABLED"
    assert refusal(call("GET", "/session")) == (403, "error.security.api-key-disabled")


def test_an_application_is_updated(new_house, refusal):
    """The owner's own limits are set, told and kept to; another's key is refused."""
    house = new_house(Allowances())
    auth = house.log_in()
    key = house.sessions.credentials.api_key
    body = {"apiKey": key, "allowanceAccountOverall": "3", "allowanceAccountTrading": 1}
    updated = house.call("PUT", "/operations/application", 1, body, **auth).json
    assert (updated["allowanceAccountOverall"], updated["allowanceAccountTrading"]) == (3, 1)
    assert house.call("GET", "/operations/application", 1, **auth).json == [updated]
    assert house.call("GET", "/session", 1, **auth).status_code == 200
    over = house.call("GET", "/session", 1, **auth)
    assert refusal(over) == (403, "error.public-api.exceeded-account-allowance")
    house.clock.advance(60)
    other = house.call("PUT", "/operations/application", 1, {"apiKey": "other"}, **auth)
    assert refusal(other) == (403, "unauthorised.clientId.api-key.mismatch")
    negative = house.call("PUT", "/operations/application", 1, {"apiKey": key, "allowanceAccountTrading": -1}, **auth)
    assert refusal(negative) == (400, "invalid.input")


def test_the_trading_allowance(new_house, refusal):
    """Deals have an allowance of their own, each account its own; one more is refused and does nothing."""
    house = new_house(Allowances(trading=2))
    auth = house.log_in()
    deal = {"stopLevel": 1}
    for _ in range(2):
        assert house.call("PUT", "/positions/otc/DIAAAAX", 2, deal, **auth).status_code == 404
    over = house.call("PUT", "/positions/otc/DIAAAAX", 2, deal, **auth)
    assert refusal(over) == (403, "error.public-api.exceeded-account-trading-allowance")
    assert house.call("GET", "/positions", 2, **auth).status_code == 200
    other = house.log_in("XYZ987")
    assert house.call("PUT", "/positions/otc/DIAAAAX", 2, deal, **other).status_code == 404
    house.clock.advance(60)
    assert house.call("PUT", "/positions/otc/DIAAAAX", 2, deal, **auth).status_code == 404


def test_hedging_mode_is_kept(call):
    """The undocumented preference is told once it was set."""
    assert "hedgingMode" not in call("GET", "/accounts/preferences").json
    call("PUT", "/accounts/preferences", {"hedgingMode": "NETTING"})
    assert call("GET", "/accounts/preferences").json["hedgingMode"] == "NETTING"


def test_replies_are_plain_json(house, auth):
    """Numbers are numbers, on the wire as well, and the length is told."""
    reply = house.call("GET", "/accounts", 1, **auth)
    assert json.loads(reply.data)["accounts"][0]["balance"]["balance"] == 10_000
    assert int(reply.headers["Content-Length"]) == len(reply.data)
