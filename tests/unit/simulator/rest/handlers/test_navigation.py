"""Navigation, categories and sentiment over the REST API."""

from __future__ import annotations

import pytest


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


def test_categories_page_from_zero(call):
    """Pages together are the category; none says how many there are."""
    [first, *_] = call("GET", "/categories").json["categories"]
    path = f"/categories/{first['code']}/instruments"
    whole = [row["epic"] for row in call("GET", path).json["instruments"]]
    paged: list[str] = []
    for number in range(len(whole)):
        paged += [row["epic"] for row in call("GET", f"{path}?pageNumber={number}&pageSize=4").json["instruments"]]
    assert paged == whole


def test_sentiment(call):
    """Both sides make a hundred; an unknown market is no error but has neither side."""
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
