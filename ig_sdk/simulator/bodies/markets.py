"""JSON about markets: details in four versions, and one line of a list. Pure.

Source:
    wire/ig_api.json (schemas), wire/samples (recorded replies of the same endpoints).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from ig_sdk.simulator.prices.seeded import Quote
from ig_sdk.simulator.reference.hours import TRADEABLE, local_time
from ig_sdk.simulator.reference.instruments import Instrument, listed

Json = dict[str, Any]

# Keys of a market in positions and watchlists.
IN_A_LIST = (
    "instrumentName",
    "expiry",
    "epic",
    "instrumentType",
    "lotSize",
    "high",
    "low",
    "percentageChange",
    "netChange",
    "bid",
    "offer",
    "updateTime",
    "updateTimeUTC",
    "delayTime",
    "streamingPricesAvailable",
    "marketStatus",
    "scalingFactor",
)
_SYMBOLS = {"USD": "$", "GBP": "£", "EUR": "E", "JPY": "¥", "AUD": "A$", "CAD": "C$"}
# Static weights that IG sends beside the true rate (REST.md 6.4: do not use them); USD, AUD and GBP were recorded.
_WEIGHTS = {"USD": 0.66, "AUD": 0.45, "GBP": 1.0, "EUR": 0.81, "JPY": 0.0054, "CAD": 0.58}
# v1 sends an internal code; "Y." and "E." are known, the others are guesses by the same pattern.
_INTERNAL = {"USD": "D.", "GBP": "P.", "EUR": "E.", "JPY": "Y.", "AUD": "A.", "CAD": "C."}


Rate = Callable[[str], float]
"""Returns how much of a currency one unit of the account's own is worth now."""


def market(instrument: Instrument, quote: Quote | None, status: str, *, rate: Rate, version: int) -> Json:
    """Return the body of ``GET /markets/{epic}`` in one of its four versions.

    Args:
        instrument: The market.
        quote: Its current quote.
        status: IG's market status.
        rate: The rates of the account that asks.
        version: Version of the endpoint.
    """
    details, rules = _details(instrument.epic, version)
    details = details | {"currencies": _currencies(instrument, rate, version)}
    snapshot = _snapshot_v4 if version == 4 else _snapshot
    return {"instrument": details, "dealingRules": rules, "snapshot": snapshot(instrument, quote, status)}


def bare_market(instrument: Instrument, quote: Quote | None, status: str) -> Json:
    """Return one market of ``GET /markets?epics=&filter=SNAPSHOT_ONLY``: every key, but no details.

    Keys that the schema never allows to be null (epic, type) keep their values: the epic says which market it is.
    """
    details, _ = _details(instrument.epic, 3)
    blank: Json = {name: False if isinstance(value, bool) else None for name, value in details.items()}
    blank |= {"epic": instrument.epic, "type": instrument.kind}
    return {"instrument": blank, "dealingRules": None, "snapshot": _snapshot(instrument, quote, status)}


def line(instrument: Instrument, quote: Quote | None, status: str) -> Json:
    """Return every key that a list of markets may have for one; each list picks its own."""
    shown = _snapshot(instrument, quote, status)
    return {
        "epic": instrument.epic,
        "instrumentName": instrument.name,
        "instrumentType": instrument.kind,
        "expiry": instrument.expiry,
        "exchangeId": "FX_C_GCSI_ST" if instrument.kind == "CURRENCIES" else "IG_SIM",
        "lotSize": instrument.facts["lotSize"],
        "high": shown["high"],
        "low": shown["low"],
        "percentageChange": shown["percentageChange"],
        "netChange": shown["netChange"],
        "bid": shown["bid"],
        "offer": shown["offer"],
        "updateTime": shown["updateTime"],
        "updateTimeUTC": None if quote is None else f"{quote.tick.time:%H:%M:%S}",
        "delayTime": 0,
        "otcTradeable": True,
        "streamingPricesAvailable": instrument.facts["streamingPricesAvailable"],
        "marketStatus": shown["marketStatus"],
        "scalingFactor": instrument.points,
    }


def picked(facts: Mapping[str, Any], *names: str) -> Json:
    """Return the named members of a mapping."""
    return {name: facts[name] for name in names}


def symbol_of(currency: str) -> str:
    """Return the sign of a currency as IG shows it."""
    return _SYMBOLS.get(currency, currency)


@lru_cache(maxsize=2_000)
def _details(epic: str, version: int) -> tuple[Json, Json]:
    # Cached: it does not change while a simulator runs, and callers only read it. Rates do change: the caller puts the
    # currencies in.
    instrument = listed()[epic]
    rules = dict(instrument.facts["dealingRules"])
    if version == 4:
        del rules["marketOrderPreference"]
        return _instrument_v4(instrument), rules
    if version == 1:
        del rules["trailingStopsPreference"]
    return _instrument(instrument, version), rules


def _instrument(instrument: Instrument, version: int) -> Json:
    facts = instrument.facts
    body: Json = {
        "epic": instrument.epic,
        "expiry": instrument.expiry,
        "name": instrument.name,
        **picked(facts, "forceOpenAllowed", "stopsLimitsAllowed", "lotSize", "unit"),
        "type": instrument.kind,
        **picked(facts, "controlledRiskAllowed", "streamingPricesAvailable", "marketId"),
        "currencies": None,
        "sprintMarketsMinimumExpiryTime": None,
        "sprintMarketsMaximumExpiryTime": None,
        "marginDepositBands": [dict(band) for band in facts["marginDepositBands"]],
        **picked(facts, "marginFactor", "marginFactorUnit", "slippageFactor", "limitedRiskPremium", "openingHours"),
        "expiryDetails": facts.get("expiryDetails"),
        "rolloverDetails": facts.get("rolloverDetails"),
        **picked(facts, "newsCode", "chartCode"),
        "country": facts.get("country"),
        **picked(facts, "valueOfOnePip", "onePipMeans", "contractSize"),
        "specialInfo": [],
    }
    if version < 3:
        del body["limitedRiskPremium"]
    if version == 1:
        body["margin"] = body.pop("marginFactor")
        del body["marginFactorUnit"]
        for band in body["marginDepositBands"]:
            del band["currency"]
    return body


def _instrument_v4(instrument: Instrument) -> Json:
    facts = instrument.facts
    return {
        **picked(facts, "chartCode", "contractSize"),
        "country": facts.get("country"),
        "currencies": None,
        "epic": instrument.epic,
        "expiry": instrument.expiry,
        **picked(facts, "limitedRiskPremium", "lotSize", "marketId"),
        "name": instrument.name,
        **picked(facts, "newsCode", "streamingPricesAvailable"),
        "limitAllowed": facts["stopsLimitsAllowed"],
        "stopAllowed": facts["stopsLimitsAllowed"],
        "type": instrument.kind,
        **picked(facts, "unit", "valueOfOnePip"),
    }


def _currencies(instrument: Instrument, rate: Rate, version: int) -> list[Json]:
    rows = []
    for text in instrument.facts["currencies"]:
        code = text.split()[0]
        row = {
            "code": code,
            "symbol": symbol_of(code),
            "baseExchangeRate": rate(code),
            "exchangeRate": _WEIGHTS.get(code, 1.0),
            "isDefault": text.endswith("(default)"),
        }
        rows.append(row | {"code": _INTERNAL.get(code, f"{code[0]}."), "name": code} if version == 1 else row)
    return rows


def _snapshot(instrument: Instrument, quote: Quote | None, status: str) -> Json:
    shown = _figures_of(instrument, quote)
    tick = quote.tick if quote is not None else None
    return {
        "marketStatus": "OFFLINE" if tick is None and status == TRADEABLE else status,
        "netChange": shown["netChange"],
        "percentageChange": shown["percentageChange"],
        "updateTime": None if tick is None else f"{local_time(tick.time):%H:%M:%S}",
        "delayTime": 0,
        "bid": None if tick is None else tick.bid,
        "offer": None if tick is None else tick.offer,
        "high": shown["high"],
        "low": shown["low"],
        "binaryOdds": None,
        "decimalPlacesFactor": instrument.decimals,
        "scalingFactor": instrument.points,
        "controlledRiskExtraSpread": instrument.facts["controlledRiskExtraSpread"],
    }


def _snapshot_v4(instrument: Instrument, quote: Quote | None, status: str) -> Json:
    tick = quote.tick if quote is not None else None
    ladder = None if tick is None else [{"bid": _text(instrument, tick.bid), "ask": _text(instrument, tick.offer)}]
    sizes = [
        {"currency": text.split()[0], "bidSizes": [1.0], "askSizes": [1.0]} for text in instrument.facts["currencies"]
    ]
    return {
        "decimalPlacesFactor": instrument.decimals,
        "delayTime": 0,
        **_figures_of(instrument, quote),
        "marketStatus": "OFFLINE" if tick is None and status == TRADEABLE else status,
        "scalingFactor": instrument.points,
        "updateTimestampUTC": 0 if tick is None else int(tick.time.timestamp()),
        "priceLadder": ladder,
        "currencyLadders": None if tick is None else sizes,
    }


def _text(instrument: Instrument, price: float) -> str:
    return f"{price:.{instrument.decimals}f}"


def _figures_of(instrument: Instrument, quote: Quote | None) -> Json:
    if quote is None:
        return dict.fromkeys(["high", "low", "netChange", "percentageChange"])
    change = quote.tick.mid - quote.opened
    return {
        "high": quote.high,
        "low": quote.low,
        # Adding zero turns a negative zero into a plain one.
        "netChange": round(change, instrument.decimals) + 0.0,
        "percentageChange": round(change / quote.opened * 100, 2) + 0.0 if quote.opened else 0.0,
    }
