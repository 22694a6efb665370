"""Replies made from IG's own schemas: whatever is valid, null, missing or new in them, the method reads them."""

from __future__ import annotations

import importlib
import json
import pkgutil
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ig_sdk import rest
from ig_sdk.client import IGClient
from ig_sdk.config import IGConfig
from ig_sdk.rest.http.endpoint import Endpoint
from ig_sdk.rest.http.transport import Request, Response, Timeout

Call = Callable[[IGClient], Any]
TOKENS = {"cst": "cst-token", "x-security-token": "xst-token"}
LOGIN = {"currentAccountId": "ABC12", "accounts": [{"accountId": "ABC12"}], "currencyIsoCode": "USD"}
_DAY = datetime(2000, 1, 1, tzinfo=timezone.utc)
# Every endpoint that is read, and the call that reads it; the answers to deals are read by the tests of deals.
CALLS: dict[str, Call] = {
    "session.create.v2": lambda ig: ig.login(),
    "session.get.v1": lambda ig: ig.session.get(),
    "session.encryption_key.v1": lambda ig: ig.session.encryption_key(),
    "session.switch.v1": lambda ig: ig.session.switch("ABC12", make_default=True),
    "accounts.list.v1": lambda ig: ig.accounts.list(),
    "accounts.preferences.get.v1": lambda ig: ig.accounts.preferences(),
    "accounts.preferences.update.v1": lambda ig: ig.accounts.update_preferences(trailing_stops_enabled=True),
    "history.activity.v3": lambda ig: ig.history.activity(start=_DAY, detailed=True),
    "history.transactions.v2": lambda ig: ig.history.transactions(start=_DAY),
    "confirms.get.v1": lambda ig: ig.confirms.get("REF1"),
    "positions.list.v2": lambda ig: ig.positions.list(),
    "positions.get.v2": lambda ig: ig.positions.get("DEAL1"),
    "workingorders.list.v2": lambda ig: ig.orders.list(),
    "repeat_dealing_window.get.v1": lambda ig: ig.positions.repeat_dealing_window(epic="EURUSD"),
    "marketnavigation.root.v1": lambda ig: ig.markets.navigate(),
    "marketnavigation.node.v1": lambda ig: ig.markets.navigate("1"),
    "categories.list.v1": lambda ig: ig.markets.categories(),
    "categories.instruments.v1": lambda ig: ig.markets.category("FX"),
    "markets.search.v1": lambda ig: ig.markets.search("x"),
    "markets.list.v2": lambda ig: ig.markets.list(["EURUSD"]),
    "markets.get.v3": lambda ig: ig.markets.get("EURUSD"),
    "markets.get.v4": lambda ig: ig.markets.ladder("EURUSD"),
    # By force: the allowance that one drawn reply names would refuse the next call.
    "prices.v3": lambda ig: ig.history.prices("EURUSD", "MINUTE", points=3, force=True),
    "watchlists.list.v1": lambda ig: ig.watchlists.list(),
    "watchlists.create.v1": lambda ig: ig.watchlists.create("mine", ["EURUSD"]),
    "watchlists.get.v1": lambda ig: ig.watchlists.get("1"),
    "watchlists.add.v1": lambda ig: ig.watchlists.add("1", "EURUSD"),
    "watchlists.delete.v1": lambda ig: ig.watchlists.delete("1"),
    "watchlists.remove.v1": lambda ig: ig.watchlists.remove("1", "EURUSD"),
    "clientsentiment.list.v1": lambda ig: ig.sentiment.list(["EURUSD"]),
    "clientsentiment.get.v1": lambda ig: ig.sentiment.get("EURUSD"),
    "clientsentiment.related.v1": lambda ig: ig.sentiment.related("EURUSD"),
    "costs.open.v1": lambda ig: ig.costs.open("EURUSD", "BUY", 1, bid=1.1, offer=1.2, currency="USD"),
    "costs.close.v1": lambda ig: ig.costs.close(
        "EURUSD", "SELL", 1, opening_level=1, bid=1.1, offer=1.2, currency="USD"
    ),
    "costs.edit.v1": lambda ig: ig.costs.edit("EURUSD", "BUY", 1, opening_level=1, bid=1.1, offer=1.2, currency="USD"),
    "costs.history.v1": lambda ig: ig.costs.history(_DAY, _DAY + timedelta(days=1)),
    "applications.list.v1": lambda ig: ig.applications.list(),
    "applications.update.v1": lambda ig: ig.applications.update(status="ENABLED"),
    "applications.disable.v1": lambda ig: ig.applications.disable(),
}
# Tokens and cursors, which are read by tests of their own, and a document, which is no JSON.
ELSEWHERE = {"session.create.v3", "session.refresh.v1", "session.delete.v1", "costs.durable.v1"}
# What a reply is nothing without; and it is the only page.
ESSENTIAL = {"dealStatus", "currentAccountId", "position", "workingOrderData", "next", "totalPages"}


_ONE_PAGE = {"next": None, "pageNumber": 1, "totalPages": 1, "totalElements": 0}


class Canned:
    """A transport that answers the login, and everything else with one body."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.body: object = None

    def send(self, request: Request, *, timeout: Timeout) -> Response:
        login = request.url.endswith("/session") and request.method == "POST" and self.path != "POST /session"
        return Response(200, TOKENS, json.dumps(LOGIN if login else self.body).encode())

    def abort(self) -> None:
        """Nothing is under way."""

    def close(self) -> None:
        """Nothing is open."""


def client_of(transport: Canned) -> IGClient:
    limits = {"non_trading_per_minute": 10**9, "trading_per_minute": 10**9}
    config = IGConfig(
        api_key="a-key",
        identifier="somebody",
        password="a-password",
        base_url="http://127.0.0.1:9/gateway/deal",
        limits=limits,
        history={"cache": "none"},
        reconnect={"max_retries": 0},
    )
    return IGClient(config, transport=transport)


class Schemas:
    """IG's schemas as strategies."""

    def __init__(self, wire: Path) -> None:
        api = json.loads((wire / "ig_api.json").read_text(encoding="utf-8"))
        self.schemas: dict[str, Any] = api["schemas"]
        self.endpoints: dict[str, Any] = {entry["id"]: entry for entry in api["endpoints"]}
        self.enums: dict[str, Any] = json.loads((wire / "enums.json").read_text(encoding="utf-8"))["enums"]

    def reply(self, endpoint: str) -> st.SearchStrategy[Any]:
        """Bodies that the endpoint may answer with."""
        response = self.endpoints[endpoint]["response"]
        whole = self.object(response["schema"], top=True)
        return st.lists(whole, max_size=2) if response.get("array") else whole

    def object(self, name: str, *, top: bool = False) -> st.SearchStrategy[dict[str, Any]]:
        """Objects of a schema: any field null, missing, or as it should be, and sometimes a new one."""
        fields = {}
        for key, field in self.schemas[name]["fields"].items():
            # A reply without its list is none; in everything below any value may be absent.
            needed = key in ESSENTIAL or (top and field["type"] == "array" and not field.get("nullable"))
            value = self.value(key, field)
            fields[key] = value if needed else st.one_of(value, value, st.none())
        optional = {key: value for key, value in fields.items() if key not in ESSENTIAL and not top}
        optional["zzNew"] = st.just({"kept": [1]})
        return st.fixed_dictionaries({k: v for k, v in fields.items() if k not in optional}, optional=optional)

    def value(self, key: str, field: dict[str, Any]) -> st.SearchStrategy[Any]:
        """Values of a field."""
        if key in _ONE_PAGE:
            return st.just(_ONE_PAGE[key])
        if field.get("ref"):
            return self.object(field["ref"])
        if field["type"] == "array":
            items = field["items"]
            each = self.object(items["ref"]) if "ref" in items else _SCALARS[items["type"]]
            return st.lists(each, max_size=2)
        if field.get("enum"):
            known = list(self.enums[field["enum"]])
            return st.sampled_from([*known, "NEW_WORD"])
        return _FORMATS.get(field.get("format", ""), _SCALARS[field["type"]])


def _times(pattern: str) -> st.SearchStrategy[str]:
    moments = st.datetimes(datetime(2000, 1, 1), datetime(2037, 12, 31))  # noqa: DTZ001 -- IG writes no zone
    return moments.map(lambda moment: moment.strftime(pattern))


_DIGITS = st.decimals(-(10**9), 10**9, places=5, allow_nan=False).map(float)
_SCALARS: dict[str, st.SearchStrategy[Any]] = {
    "string": st.text(max_size=12),
    "number": st.one_of(_DIGITS, st.integers(-(10**12), 10**12)),
    "integer": st.integers(0, 10**13),
    "boolean": st.booleans(),
}
_FORMATS: dict[str, st.SearchStrategy[Any]] = {
    "decimal": _DIGITS.map(str),
    "iso-seconds": _times("%Y-%m-%dT%H:%M:%S"),
    "iso-fraction": st.one_of(_times("%Y-%m-%dT%H:%M:%S"), _times("%Y-%m-%dT%H:%M:%S.%f").map(lambda text: text[:-3])),
    "iso-minutes": _times("%Y-%m-%dT%H:%M"),
    "yyyy-MM-dd": _times("%Y-%m-%d"),
    "yyyy-MM-dd-slashed-ms": _times("%Y/%m/%d %H:%M:%S:000"),
    "yyyy-MM-dd-slashed-hms": _times("%Y/%m/%d %H:%M:%S"),
    "yyyy-MM-dd-slashed-hh:mm": _times("%Y/%m/%d %H:%M"),
    "epoch-ms": st.integers(0, 4 * 10**12),
    "epoch": st.integers(0, 4 * 10**12),
}


@cache
def schemas(wire: Path) -> Schemas:
    return Schemas(wire)


def _declared() -> set[tuple[str, str, int]]:
    """Method, path and version of every endpoint that the package calls, deals left out."""
    modules = [importlib.import_module(info.name) for info in pkgutil.walk_packages(rest.__path__, "ig_sdk.rest.")]
    found = {each for module in modules for each in vars(module).values() if isinstance(each, Endpoint)}
    return {(each.method, each.path, each.version) for each in found if each.allowance != "trading"}


@pytest.mark.shared
def test_every_endpoint_that_is_read_has_its_call(shared: Path) -> None:
    """No endpoint whose answer somebody reads is forgotten here."""
    known = schemas(shared / "wire").endpoints
    read = {(known[name]["method"], known[name]["path"], known[name]["version"]) for name in {*CALLS, *ELSEWHERE}}
    assert _declared() == read


@pytest.mark.shared
@pytest.mark.parametrize("endpoint", sorted(CALLS))
def test_whatever_the_schema_allows_is_read(shared: Path, endpoint: str) -> None:
    """A valid reply is read, with any value null or missing, with words and keys that nobody knows."""
    known = schemas(shared / "wire")
    entry = known.endpoints[endpoint]
    transport = Canned(f"{entry['method']} {entry['path']}")

    @settings(max_examples=25, suppress_health_check=list(HealthCheck), database=None)
    @given(known.reply(endpoint))
    def reads(body: Any) -> None:
        transport.body = body
        if endpoint == "session.create.v2":
            with client_of(transport) as fresh:
                CALLS[endpoint](fresh)
        elif _says_nobody_is_there(endpoint, body):
            return
        else:
            CALLS[endpoint](ig)

    with client_of(transport) as ig:
        reads()


def _says_nobody_is_there(endpoint: str, body: Any) -> bool:
    """Whether this is how IG says that it does not know a market (REST.md section 5, oddities)."""
    shares = [body.get("longPositionPercentage"), body.get("shortPositionPercentage")] if isinstance(body, dict) else []
    return endpoint == "clientsentiment.get.v1" and shares == [0, 0]
