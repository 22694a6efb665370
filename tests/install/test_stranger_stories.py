"""The whole story with clients that others wrote, unchanged, against ``python -m ig_sdk.simulator``.

Each client is asked for everything that it has, on a simulator of its own; then the simulator is asked what it holds, and
the two must agree.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.install, pytest.mark.timeout(300)]

ROOT = Path(__file__).resolve().parents[2]
EPIC, ACCOUNT, OTHER_ACCOUNT = "CS.D.EURUSD.MINI.IP", "ABC123", "XYZ987"
JOBS = ["session", "markets", "prices", "watchlists", "deals", "orders", "records", "switch"]
NEWEST = ["--tlcp-max", "2.5.0"]
CLIENTS = {
    "trading-ig": JOBS,
    "ig-trading-lib": [*JOBS[:4], "orders", "deals", "records", "switch"],
    "ig-trading": [*JOBS, "older_logins"],
    "node": [each for each in JOBS if each != "watchlists"],
}
NAMES = {"node": "ig-trading-api"}

# What a client cannot do by its own fault: the error that it ends in, and the reason. The how-to page has the same reasons.
OWN_FAULTS = {
    "trading-ig": {},
    "ig-trading-lib": {
        "applications": ("ValidationError", "takes the list of applications for an object"),
        "markets v2": ("slippage_factor.unit", "takes no `pct` as the unit of slippage"),
        "markets in short": ("ValidationError", "takes no nulls in a snapshot of markets"),
        "every sentiment": ("validation.null-not-allowed.marketIds", "asks for every market's sentiment, which IG does not give"),
        "prices v2 range of datetime": ("error.malformed.date", "writes times in paths in another form than IG's; text works"),
        "activity v1 days of date": ("invalid.date-range", "writes times in paths in another form than IG's; text works"),
        "part": ("validation.null-not-allowed.request", "closes by a DELETE with a body, which IG's gateway drops"),
        "switched back by login 2": ("account-token-invalid", "keeps the old account token after a switch"),
        "logout by login 2": ("account-token-invalid", "keeps the old account token after a switch"),
    },
    "ig-trading": {
        "application set": ("ValidationError", "takes the changed application for a list"),
        "session after login v2": ("client-token-missing", "forgets the tokens of a v1 or v2 login after one reply"),
        "markets in short": ("ValidationError", "takes no nulls in a snapshot of markets"),
        "category": ("metadata.totalPages", "wants a number of pages in a category, which the reference does not have"),
        "every sentiment": ("validation.null-not-allowed.marketIds", "asks for every market's sentiment, which IG does not give"),
        "by v1": ("invalid.request.trailingStop", "opens by v1 with properties of v2"),
    },
    "node": {"switched back": ("account-token-invalid", "keeps the old account token after a switch")},
}  # fmt: skip
# What every client is to be refused.
REFUSED = {
    "gone": "no compatible position found",
    "after the logout": "Token",
}

# What stays as it is: told name -> path, version, and the part of the answer.
HELD = {
    "applications": ("/operations/application", 1, ""),
    "navigation": ("/marketnavigation", 1, ""),
    "branch": ("/marketnavigation/668394", 1, ""),
    "categories": ("/categories", 1, "categories"),
    "sentiment": ("/clientsentiment/EURUSD", 1, ""),
    "sentiments": ("/clientsentiment?marketIds=EURUSD,GBPUSD", 1, "clientsentiments"),
    "related": ("/clientsentiment/related/EURUSD", 1, "clientsentiments"),
    "watchlists": ("/watchlists", 1, "watchlists"),
    "activity v1 period": ("/history/activity/3600000", 1, "activities"),
    "activity v2": ("/history/activity?maxSpanSeconds=2592000&pageSize=500", 2, "activities"),
    "transactions v1 period": ("/history/transactions/ALL_DEAL/3600000", 1, "transactions"),
    "transactions v2": ("/history/transactions?type=ALL&maxSpanSeconds=2592000&pageSize=500", 2, "transactions"),
    "orders after": ("/workingorders", 2, "workingorders"),
}


def agree(told: Any, held: Any) -> bool:
    """Whether a client told what is held: numbers as text, times in other forms and more nulls are as good."""
    if isinstance(held, dict):
        return isinstance(told, dict) and all(key in told and agree(told[key], each) for key, each in held.items())
    if isinstance(held, list):
        return len(told) == len(held) and all(map(agree, told, held))
    if told == held:
        return True
    try:
        return float(told) == float(held)
    except (TypeError, ValueError):
        digits = [re.sub(r"\D", "", str(each))[:14] for each in (told, held)]
        return digits[0] == digits[1] and len(digits[0]) >= 12


class Story:
    """What one client told, next to the simulator that it talked to."""

    def __init__(self, client: str, login: str, seen: Any, held: Callable[..., Any]) -> None:
        self.client = client
        self.login = login
        self.seen = seen
        self.held = held

    def check_end(self) -> None:
        """It went on to its end; what failed is what must be refused, or the client's own fault."""
        assert (self.seen.status, self.seen.events[-1:]) == (0, [["bye"]]), self.seen.errors
        allowed = {name: part for name, (part, _) in OWN_FAULTS[self.client].items()}
        unexpected = {name: text for name, text in self.seen.failed.items() if name not in allowed | REFUSED}
        assert not unexpected
        for name, part in allowed.items():
            if " by login " not in name or name.endswith(self.login):
                assert part in self.seen.failed[name], name
        for name, part in REFUSED.items():
            assert part in self.seen.failed.get(name, part), name

    def check_held(self) -> None:
        """What stays as it is is told as it is."""
        for name in filter(self.seen.__contains__, HELD):
            path, version, part = HELD[name]
            held = self.held(path, version)
            assert agree(self.seen.only(name), held[part] if part else held), name

    def check_session(self) -> None:
        """Accounts, the session before and after its changes, preferences."""
        accounts = [(row["accountid"], row["preferred"], row["currency"]) for row in self.seen.only("accounts")]
        assert accounts == [(ACCOUNT, True, "GBP"), (OTHER_ACCOUNT, False, "GBP")]
        assert self.seen.only("session")["accountid"] == ACCOUNT
        for (same,) in self.seen.all("session after the refresh"):
            assert same == self.seen.only("session")
        # By OAuth the account is that of a header, which trading-ig keeps after a switch: its own fault.
        kept = self.client == "trading-ig" and self.login[0] == "3"
        for (other,) in self.seen.all("session after the switch"):
            assert other["accountid"] == (ACCOUNT if kept else OTHER_ACCOUNT)
        assert self.seen.only("switched")["dealingenabled"] is True
        for (row,) in self.seen.all("preferences"):
            assert row["trailingstopsenabled"] is True
        assert all(word == "SUCCESS" for (word,) in self.seen.all("preferences set"))

    def check_markets(self) -> None:
        """Every version of a market's details has its facts, and the search finds it."""
        facts = self.held(f"/markets/{EPIC}", 3)
        rules, shown = facts["dealingrules"], {"epic", "name", "marketid", "lotsize", "contractsize", "expiry"}
        facts = {name: facts["instrument"][name] for name in shown}
        versions = 0
        for kind, *values in self.seen.events:
            if re.fullmatch(r"markets? v\d", kind):
                versions += 1
                (market,) = values[0] if kind.startswith("markets") else values
                assert agree(market["instrument"], facts), kind
                assert agree(market["dealingrules"]["mindealsize"], rules["mindealsize"])
            elif kind.startswith("search"):
                assert [row["marketstatus"] for row in values[0] if row["epic"] == EPIC] == ["TRADEABLE"]
        assert versions

    def check_prices(self) -> None:
        """By range, by number and in pages, in every version: the same candles as the simulator's."""
        ranges = [values[0] for kind, *values in self.seen.events if re.fullmatch(r"prices v\d range", kind)]
        date = re.sub(r"(\d+)\D(\d+)\D(\d+).*", r"\1-\2-\3", ranges[0][0]["snapshottime"])
        held = self.held(f"/prices/{EPIC}?resolution=HOUR&from={date}T10:00:00&to={date}T13:00:00", 3)["prices"]
        assert len(held) == 4
        for row in held:
            del row["snapshottimeutc"]
        assert all(agree(rows, held) for rows in ranges)
        for kind, *values in self.seen.events:
            if re.fullmatch(r"prices v\d number", kind):
                assert len(values[0]) == 25 if self.client == "trading-ig" and "v3" in kind else 5
        for kind, count in (("prices v3 pages", 25), ("prices v3 last page", 5)):
            assert all(len(rows) == count for (rows,) in self.seen.all(kind))

    def check_watchlist(self) -> None:
        """The list that it made held both markets, and then it was gone."""
        if "watchlists" in CLIENTS[self.client]:
            assert [row["epic"] for row in self.seen.only("watchlist")] == [EPIC, "CS.D.GBPUSD.MINI.IP"]
            assert self.seen.only("watchlist made")["status"] == "SUCCESS"

    def check_openings(self) -> None:
        """Every kind of opening, and the positions it led to."""
        for name, direction, size in (("market", "BUY", 1), ("limit", "BUY", 2), ("sell", "SELL", 2), ("guaranteed", "BUY", 1)):  # fmt: skip
            deal = self.seen.only(name)
            words = [deal[each] for each in ("dealstatus", "reason", "status", "direction")]
            assert words == ["ACCEPTED", "SUCCESS", "OPEN", direction]
            assert (float(deal["size"]), deal["affecteddeals"]) == (
                size,
                [{"dealid": deal["dealid"], "status": "OPENED"}],
            )
        sell, sure, small = (self.seen.only(name) for name in ("sell", "guaranteed", "too small"))
        level = float(sell["level"])
        assert agree([sell["stoplevel"], sell["limitlevel"]], [round(level + 0.002, 5), round(level - 0.003, 5)])
        assert (sure["guaranteedstop"], sure["epic"]) == (True, "CS.D.GBPUSD.MINI.IP")
        assert agree(sure["stoplevel"], round(float(sure["level"]) - 0.003, 5))
        assert (small["dealstatus"], small["reason"], small["status"]) == ("REJECTED", "MINIMUM_ORDER_SIZE_ERROR", None)
        assert float(self.seen.only("market")["level"]) > level - 0.002
        for version, size, level in (("v1", "dealsize", "openlevel"), ("v2", "size", "level")):
            for (rows,) in self.seen.all(f"positions {version}"):
                held = {row["position"]["dealid"]: row["position"] for row in rows}
                for name in ("market", "limit", "sell", "guaranteed"):
                    deal = self.seen.only(name)
                    row = held.pop(deal["dealid"])
                    assert row["direction"] == deal["direction"]
                    found = [row[each] for each in (size, level, "stoplevel", "limitlevel")]
                    assert agree(found, [deal[each] for each in ("size", "level", "stoplevel", "limitlevel")])
                assert not held
            for (row,) in self.seen.all(f"position {version}"):
                assert row["position"]["dealid"] == sell["dealid"]

    def check_closings(self) -> None:
        """An amendment keeps the deal; closings, in part and whole, leave the account with what they made or lost."""
        sell, amended = self.seen.only("sell"), self.seen.only("amended")
        level = float(sell["level"])
        assert (amended["status"], amended["dealid"]) == ("AMENDED", sell["dealid"])
        assert agree([amended["stoplevel"], amended["limitlevel"]], [round(level + 0.005, 5), round(level - 0.006, 5)])
        if "part" in OWN_FAULTS[self.client]:
            return
        names = ("part", "whole", "market closed", "limit closed", "sure closed")
        deals = [self.seen.only(name) for name in names]
        assert [deal["status"] for deal in deals] == ["PARTIALLY_CLOSED", *["CLOSED"] * 4]
        assert [deal["affecteddeals"][0]["status"] for deal in deals] == ["PARTIALLY_CLOSED", *["FULLY_CLOSED"] * 4]
        assert deals[0]["dealreference"] == sell["dealreference"]
        before, after = (
            float(self.seen.only(name)[0]["balance"]["balance"]) for name in ("accounts", "accounts after")
        )
        assert {deal["profitcurrency"] for deal in deals} == {"GBP"}
        made = round(sum(float(deal["profit"]) for deal in deals), 2)
        assert round(after - before, 2) == made
        recent = next(
            self.seen.only(name) for name in ("transactions v2", "transactions v1 period") if name in self.seen
        )
        assert round(sum(float(row["profitandloss"].strip("£")) for row in recent[: len(deals)]), 2) == made
        assert self.held("/positions", 2) == {"positions": []}

    def check_orders(self) -> None:
        """Orders are there until they are deleted, as they were made and as they were changed."""
        order, till, amended = (self.seen.only(name) for name in ("order", "order till", "order amended"))
        assert [each["status"] for each in (order, till, amended)] == ["OPEN", "OPEN", "AMENDED"]
        assert agree([amended["stopdistance"], amended["limitdistance"]], [25, 25])
        assert agree(round(float(order["level"]) - 0.005, 5), amended["level"])
        for version, level in (("v1", "level"), ("v2", "orderlevel")):
            for (rows,) in self.seen.all(f"orders {version}"):
                held = {row["workingorderdata"]["dealid"]: row["workingorderdata"] for row in rows}
                assert list(held) == [order["dealid"], till["dealid"]]
                for deal in (order, till):
                    assert agree(held[deal["dealid"]][level], deal["level"])
        for name in ("order deleted", "order till deleted"):
            assert self.seen.only(name)["status"] == "DELETED"

    def check_records(self) -> None:
        """What it did is in the activity, in every version that it asks for."""
        deals = {self.seen.only(name)["dealid"] for name in ("market", "sell", "guaranteed", "order", "order till")}
        for kind, *values in self.seen.events:
            if kind in ("activity v1 period", "activity v1 days", "activity v2", "activity v3"):
                assert deals <= {row["dealid"] for row in values[0]}, kind
            if kind == "activity v3":
                held = self.held("/history/activity?from=2020-01-01&detailed=true&pageSize=500", 3)["activities"]
                assert agree(values[0], held[: len(values[0])])

    def check_frames(self) -> None:
        """Data frames have every row."""
        candles = self.seen.only("prices v2 range")
        assert [row["open.bid"] for row in self.seen.only("frame of prices")] == [
            row["openprice"]["bid"] for row in candles
        ]
        assert [row["Open".lower()] for row in self.seen.only("frame of mid prices")] == [
            pytest.approx((row["openprice"]["bid"] + row["openprice"]["ask"]) / 2) for row in candles
        ]
        for version in ("v1", "v2"):
            assert len(self.seen.only(f"frame of positions {version}")) == 3
            assert self.seen.only(f"frame of orders {version}") == []
        assert self.seen.only("frame of activity")
        assert self.seen.only("frame of transactions")


@pytest.mark.parametrize(
    ("client", "login"),
    [
        ("trading-ig", "2 encrypted"),
        ("trading-ig", "3"),
        ("ig-trading-lib", "2"),
        ("ig-trading-lib", "3"),
        ("ig-trading", "3"),
        ("node", "3"),
    ],
)
def test_story(drive: Any, house: Any, one_way: Any, request: Any, client: str, login: str) -> None:
    """Login, markets, history, dealing, orders, records and logout: all told as the simulator holds it."""
    if client == "ig-trading-lib":
        request.getfixturevalue("needs_python_3_11")
    simulator = house(*NEWEST)
    seen = drive(client, simulator.own, login, *CLIENTS[client])
    story = Story(client, login, seen, lambda *what: one_way(simulator.ask(*what)))
    story.check_end()
    for check in (story.check_session, story.check_markets, story.check_prices, story.check_watchlist):
        check()
    for check in (
        story.check_openings,
        story.check_closings,
        story.check_orders,
        story.check_records,
        story.check_held,
    ):
        check()
    if client == "trading-ig":
        story.check_frames()
        # Its own fault: it looks for the pages after the first one in a span of no length.
        assert len(story.seen.only("activity v3 in pages")) < len(story.seen.only("activity v3"))
    if client == "ig-trading":
        assert story.seen.only("refusals") == {"password": "InvalidDetailsError", "key": "APIKeyInvalidError"}


def test_the_page_has_the_reasons() -> None:
    """The how-to page tells what each client cannot do, in the words of the table."""
    page = (ROOT / "docs" / "how-to" / "run-the-simulator-for-another-client.md").read_text(encoding="utf-8")
    for client, faults in OWN_FAULTS.items():
        row = next(line for line in page.splitlines() if line.startswith(f"| {NAMES.get(client, client)} "))
        for _, reason in faults.values():
            assert reason in row
