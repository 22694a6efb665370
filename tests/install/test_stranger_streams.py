"""Deals, accounts and candles on the stream, through breaks, with clients that others wrote, against a process."""

from __future__ import annotations

import json
from typing import Any

import pytest

pytestmark = [pytest.mark.install, pytest.mark.timeout(300)]

EPIC, ACCOUNT = "CS.D.EURUSD.MINI.IP", "ABC123"
# Client -> the request that brings about a LOOP, and when it comes again a break.
CAUSES = {"trading-ig": "/marketnavigation", "ig-trading-lib": "/repeat-dealing-window", "node": "/marketnavigation"}


def trades(seen: Any) -> list[tuple[str, dict[str, Any]]]:
    """Every update of the account's deals: its kind, and what it says."""
    found = []
    for row in [row[2] for row in seen.all("update") if row[0] == f"TRADE:{ACCOUNT}"]:
        found += [(name, json.loads(text)) for name, text in row.items() if text is not None]
    for _, row in seen.all("trade"):
        found += [(name, value) for name, value in row.items() if value is not None]
    # ig-trading-api reads the JSON itself, so that the names in it were written in one way.
    return [(name, {key.lower(): each for key, each in value.items()}) for name, value in found]


def check_trades(seen: Any, name: str, pairs: list[tuple[str, dict[str, Any]]], status: str) -> None:
    """First the confirm, the same as by REST, then the position's update."""
    deal = seen.all(name)[-1][0]
    assert [kind for kind, _ in pairs] == ["CONFIRMS", "OPU"]
    for _, told in pairs:
        assert (told["dealid"], told["dealreference"]) == (deal["dealid"], deal["dealreference"])
        assert (told["dealstatus"], told["epic"]) == ("ACCEPTED", EPIC)
    (_, confirm), (_, update) = pairs
    assert (float(confirm["level"]), confirm["status"]) == (float(deal["level"]), deal["status"])
    assert update["status"] == status


def check_figures(seen: Any) -> None:
    """The account before any deal, and a heartbeat where the client can ask for one."""
    figures = [row[2] for row in seen.all("update") if row[0] == f"ACCOUNT:{ACCOUNT}"]
    figures += [row for _, row in seen.all("account")]
    assert (float(figures[0]["FUNDS"]), float(figures[0]["DEPOSIT"])) == (10_000, 0)
    beats = [row[2]["HEARTBEAT"] for row in seen.all("update") if "HEARTBEAT" in row[0]]
    assert all(beat.isdecimal() for beat in beats)
    assert bool(beats) is not bool(seen.all("account"))


def check_candles(seen: Any) -> None:
    """A candle holds its prices, and they go on to the end."""
    rows = [row[2] for row in seen.all("update") if row[0].startswith("CHART")]
    for row in rows:
        low, high = float(row["BID_LOW"]), float(row["BID_HIGH"])
        assert low <= float(row["BID_OPEN"]) <= high
        assert low <= float(row["BID_CLOSE"]) <= high < float(row["OFR_CLOSE"]) + 0.001
    times = [int(row["UTM"]) for row in rows]
    for _, row in seen.all("candle"):
        assert row["lowprice"]["bid"] <= row["openprice"]["bid"] <= row["highprice"]["bid"]
        assert row["closeprice"]["bid"] < row["closeprice"]["ask"]
        times.append(row["snapshottimeutc"])
    assert times == sorted(times)
    assert times[0] < times[-1]


@pytest.mark.parametrize(
    ("client", "login"), [("trading-ig", "2"), ("trading-ig", "3"), ("ig-trading-lib", "3"), ("node", "3")]
)
def test_deals_on_the_stream(drive: Any, house: Any, request: Any, client: str, login: str) -> None:
    """A confirm and a position's update for each deal; a LOOP and a break stop nothing and repeat nothing."""
    if client == "ig-trading-lib":
        request.getfixturevalue("needs_python_3_11")
    cause = f"on={CAUSES[client]}"
    simulator = house("--tlcp-max", "2.5.0", "--fault", f"loop {cause}", "--fault", f"drop_stream {cause} skip=1")
    seen = drive(client, simulator.own, login, "watch")
    assert (seen.status, seen.events[-1:]) == (0, [["bye"]]), seen.errors
    assert "before the LOOP" in seen
    assert "before the break" in seen
    told = trades(seen)
    check_trades(seen, "streamed", told[:2], "OPEN")
    if client == "ig-trading-lib":
        # It cannot close, which is its own fault.
        assert len(told) == 2
    else:
        check_trades(seen, "streamed closed", told[2:], "DELETED")
        statuses = [status for (status,) in seen.all("status")]
        assert any(status.startswith("DISCONNECTED:") for status in statuses), "there was no break"
        assert statuses[-1] == "DISCONNECTED"
    check_figures(seen)
    check_candles(seen)
