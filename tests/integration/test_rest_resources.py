"""Accounts, navigation, watchlists, sentiment, costs and applications against the simulator, on real sockets."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from decimal import Decimal

import pytest
import requests

from ig_sdk.client import IGClient
from ig_sdk.errors import InvalidRequest, NotFound, PermissionDenied
from ig_sdk.rest.http.error_codes import error_for
from ig_sdk.simulator import Simulator

MINI = "CS.D.EURUSD.MINI.IP"


@pytest.fixture
def sim() -> Iterator[Simulator]:
    """A running simulator."""
    with Simulator() as simulator:
        yield simulator


@pytest.fixture
def ig(sim: Simulator) -> Iterator[IGClient]:
    """A client of it."""
    with sim.client() as client:
        yield client


def test_accounts(sim: Simulator, ig: IGClient) -> None:
    """Each account has its money; one is found by its id, and one that is not there is told."""
    accounts = ig.accounts.list()
    own = ig.accounts.get(sim.credentials.account_id)
    assert own in accounts
    assert own.balance is not None
    assert isinstance(own.balance.available, Decimal)
    with pytest.raises(NotFound, match="no account 'NOPE'") as excinfo:
        ig.accounts.get("NOPE")
    assert sim.credentials.account_id in (excinfo.value.hint or "")


def test_preferences_change_and_stay(ig: IGClient) -> None:
    """What was set is read back; setting nothing is refused here."""
    ig.accounts.update_preferences(trailing_stops_enabled=False)
    assert ig.accounts.preferences().trailing_stops_enabled is False
    ig.accounts.update_preferences(trailing_stops_enabled=True)
    assert ig.accounts.preferences().trailing_stops_enabled is True
    with pytest.raises(ValueError, match="needs"):
        ig.accounts.update_preferences()


def test_the_tree_leads_from_its_top_to_markets(ig: IGClient) -> None:
    """Going down the first branches ends at markets that can be read."""
    here = ig.markets.navigate()
    while here.nodes:
        assert not here.markets
        here = ig.markets.navigate(here.nodes[0].id)
    assert here.markets
    assert ig.markets.get(here.markets[0].epic or "").instrument.epic == here.markets[0].epic
    with pytest.raises(NotFound):
        ig.markets.navigate("99999999")


def test_a_category_is_the_same_in_any_pages(sim: Simulator, ig: IGClient) -> None:
    """All markets of a category come in one request, or lazily in small ones, each once and in the same order."""
    code = ig.markets.categories()[0].code or ""
    whole = [market.epic for market in ig.markets.category(code)]
    assert len(whole) > 4
    assert len(set(whole)) == len(whole)
    before = len(sim.requests(path="/categories/"))
    lazy = ig.markets.iterate(code, page_size=2)
    assert len(sim.requests(path="/categories/")) == before
    assert [next(lazy).epic, next(lazy).epic] == whole[:2]
    assert len(sim.requests(path="/categories/")) == before + 1
    assert [market.epic for market in lazy] == whole[2:]
    with pytest.raises(ValueError, match="page_size"):
        ig.markets.iterate(code, page_size=0)


def test_prices_by_size(ig: IGClient) -> None:
    """The newest version of a market's details has a ladder; its first pair is the quote."""
    market = ig.markets.ladder("EURUSD")
    assert market.instrument.epic == MINI
    shot = market.snapshot
    assert shot.price_ladder
    first = shot.price_ladder[0]
    assert first.bid is not None
    assert first.offer is not None
    assert first.bid < first.offer
    assert all(len(ladder.bid_sizes) == len(shot.price_ladder) for ladder in shot.currency_ladders)
    assert shot.update_timestamp_utc is not None
    with pytest.raises(NotFound):
        ig.markets.ladder("NO.SUCH.EPIC.IP")


def test_the_life_of_a_watchlist(ig: IGClient) -> None:
    """Made, filled, read, emptied, deleted; pairs by name are taken; what is gone is not found."""
    made = ig.watchlists.create("Mine", ["EURUSD"])
    assert made.status == "SUCCESS"
    mine = made.watchlist_id or ""
    assert [each.name for each in ig.watchlists.list() if each.id == mine] == ["Mine"]
    ig.watchlists.add(mine, "GBPUSD")
    ig.watchlists.remove(mine, "EURUSD")
    markets = ig.watchlists.get(mine)
    assert [market.epic for market in markets] == ["CS.D.GBPUSD.MINI.IP"]
    assert len(markets) == 1
    ig.watchlists.delete(mine)
    for call in (lambda: ig.watchlists.get(mine), lambda: ig.watchlists.delete(mine)):
        with pytest.raises(NotFound):
            call()


def test_watchlists_of_ig(ig: IGClient) -> None:
    """IG's own lists are named by words with spaces, and cannot be deleted."""
    theirs = next(each for each in ig.watchlists.list() if each.id and " " in each.id)
    assert len(ig.watchlists.get(theirs.id or "")) > 0
    with pytest.raises((InvalidRequest, PermissionDenied)):
        ig.watchlists.delete(theirs.id or "")


def test_sentiment(ig: IGClient) -> None:
    """Shares add up to a hundred; an id that IG does not know is not found, and 0 and 0 in a list."""
    found = ig.sentiment.get("EURUSD")
    assert (found.long_position_percentage or 0) + (found.short_position_percentage or 0) == 100
    known, unknown = ig.sentiment.list(["EURUSD", "NOPE"])
    assert known == found
    assert (unknown.market_id, unknown.long_position_percentage) == ("NOPE", 0)
    assert all(each.market_id != "EURUSD" for each in ig.sentiment.related("EURUSD"))
    with pytest.raises(NotFound, match="NOPE") as excinfo:
        ig.sentiment.get("NOPE")
    assert "market_id" in (excinfo.value.hint or "")


def test_costs_from_quote_to_document(ig: IGClient) -> None:
    """Prices and currency are looked up when not given; each quote is in the history and has its document."""
    opening = ig.costs.open("EURUSD", "buy", 1)
    assert opening.currency_code_iso
    assert ig.costs.close("EURUSD", "SELL", 1, opening_level="1.1", bid=1.1, offer=1.2, currency="USD").close
    now = datetime.now(timezone.utc)
    quotes = ig.costs.history(now - timedelta(hours=1), now + timedelta(hours=1), page_size=1)
    references = [quote.indicative_quote_reference for quote in quotes]
    assert len(references) == 2
    assert opening.indicative_quote_reference in references
    assert ig.costs.document(opening.indicative_quote_reference or "").startswith(b"%PDF")
    with pytest.raises(NotFound):
        ig.costs.document("nope")


def test_a_key_that_turns_itself_off(ig: IGClient) -> None:
    """A key's allowances are read and changed; disabled, it opens nothing any more, and is never printed."""
    (own,) = ig.applications.list()
    assert ig.applications.update(allowance_account_trading=7).allowance_account_trading == 7
    assert own.api_key
    assert own.api_key not in repr(own)
    assert ig.applications.disable().status == "DISABLED"
    with pytest.raises(PermissionDenied):
        ig.accounts.list()


def test_what_is_unknown_is_not_found(sim: Simulator, ig: IGClient) -> None:
    """IG's codes for an unknown epic and an unknown order become the same error, each with what to do."""
    with pytest.raises(NotFound, match=r"instrument\.epic\.unavailable") as unknown:
        ig.markets.get("CS.D.NOPE.MINI.IP")
    assert "search" in str(unknown.value.hint)
    with requests.Session() as session:
        own = sim.credentials
        login = {"identifier": own.identifier, "password": own.password}
        headers = {"X-IG-API-KEY": own.api_key, "VERSION": "2"}
        reply = session.post(f"{sim.rest_url}/session", json=login, headers=headers, timeout=10)
        headers |= {name: reply.headers[name] for name in ("CST", "X-SECURITY-TOKEN")}
        gone = session.delete(f"{sim.rest_url}/workingorders/otc/DIAAAANOPE", headers=headers, timeout=10)
    error = error_for(gone.status_code, gone.json()["errorCode"])
    assert isinstance(error, NotFound)
    assert "orders.list" in str(error.hint)
