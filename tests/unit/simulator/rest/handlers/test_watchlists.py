"""Watchlists over the REST API: what each stores and refuses."""

from __future__ import annotations

import pytest

EPIC = "CS.D.EURUSD.MINI.IP"


def test_a_watchlist_of_ones_own(call):
    """It is created with the known markets, filled, emptied and deleted."""
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
    """A client that makes lists without end is stopped."""
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
    request, expected = WATCHLIST_FAULTS[case]
    assert refusal(call(*request)) == expected
    assert call("GET", "/watchlists").json == before
