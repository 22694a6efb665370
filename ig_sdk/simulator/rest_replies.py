"""The bodies of REST replies: IG's shapes, filled from a simulator's state.

Source:
    wire/ig_api.json (schemas), wire/samples (recorded replies of the same endpoints).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ig_sdk.simulator.allowances import Allowances
from ig_sdk.simulator.instruments import Instrument, instruments
from ig_sdk.simulator.market import Quote
from ig_sdk.simulator.sessions import ACCESS_S, Account, OAuthTokens

Json = dict[str, Any]

CLIENT_ID = "100112233"

_SYMBOLS = {"USD": "$", "GBP": "£", "EUR": "€", "JPY": "¥", "AUD": "A$", "CAD": "C$"}
# Static weights that IG sends beside the true rate (REST.md 6.4: do not use them); USD, AUD and GBP were captured.
_WEIGHTS = {"USD": 0.66, "AUD": 0.45, "GBP": 1.0, "EUR": 0.81, "JPY": 0.0054, "CAD": 0.58}
# v1 sends an internal code; "Y." and "E." are known, the others are guesses of the same kind.
_INTERNAL = {"USD": "D.", "GBP": "P.", "EUR": "E.", "JPY": "Y.", "AUD": "A.", "CAD": "C."}


def login(account: Account, accounts: Sequence[Account], preferred: Account, stream_url: str) -> Json:
    """Return the body of ``POST /session`` v1 and v2."""
    return {
        "accountType": account.kind,
        "accountInfo": _figures(account),
        "currencyIsoCode": account.currency,
        "currencySymbol": account.symbol,
        "currentAccountId": account.account_id,
        "lightstreamerEndpoint": stream_url,
        "accounts": [
            {
                "accountId": each.account_id,
                "accountName": each.name,
                "preferred": each == preferred,
                "accountType": each.kind,
            }
            for each in accounts
        ],
        "clientId": CLIENT_ID,
        "timezoneOffset": 0,
        "hasActiveDemoAccounts": True,
        "hasActiveLiveAccounts": False,
        "trailingStopsEnabled": True,
        "reroutingEnvironment": None,
        "dealingEnabled": True,
    }


def oauth_login(account: Account, tokens: OAuthTokens, stream_url: str) -> Json:
    """Return the body of ``POST /session`` v3."""
    return {
        "clientId": CLIENT_ID,
        "accountId": account.account_id,
        "timezoneOffset": 0,
        "lightstreamerEndpoint": stream_url,
        "oauthToken": oauth(tokens),
    }


def oauth(tokens: OAuthTokens) -> Json:
    """Return the OAuth object, which is the whole body of a refresh."""
    return {
        "access_token": tokens.access,
        "refresh_token": tokens.refresh,
        "scope": "profile",
        "token_type": "Bearer",
        # Text, not a number (REST.md 2.2).
        "expires_in": f"{ACCESS_S:.0f}",
    }


def session(account: Account, stream_url: str) -> Json:
    """Return the body of ``GET /session``."""
    return {
        "clientId": CLIENT_ID,
        "accountId": account.account_id,
        "timezoneOffset": 0,
        "locale": "en_GB",
        "currency": account.currency,
        "lightstreamerEndpoint": stream_url,
    }


def switched() -> Json:
    """Return the body of ``PUT /session``."""
    return {
        "trailingStopsEnabled": True,
        "dealingEnabled": True,
        "hasActiveDemoAccounts": True,
        "hasActiveLiveAccounts": False,
    }


def accounts_list(accounts: Sequence[Account], preferred: Account) -> Json:
    """Return the body of ``GET /accounts``."""
    return {
        "accounts": [
            {
                "accountId": each.account_id,
                "accountName": each.name,
                "accountAlias": None,
                "status": "ENABLED",
                "accountType": each.kind,
                "preferred": each == preferred,
                "balance": _figures(each),
                "currency": each.currency,
                "canTransferFrom": True,
                "canTransferTo": True,
            }
            for each in accounts
        ]
    }


def _figures(account: Account) -> Json:
    return {"balance": account.balance, "deposit": 0.0, "profitLoss": 0.0, "available": account.balance}


def applications(api_key: str, allowances: Allowances) -> list[Json]:
    """Return the body of ``GET /operations/application``: a bare list (REST.md section 5)."""
    return [
        {
            "name": "SIMULATOR",
            "apiKey": api_key,
            "status": "ENABLED",
            "allowanceApplicationOverall": allowances.per_key,
            "allowanceAccountTrading": allowances.trading,
            "allowanceAccountOverall": allowances.per_account,
            "allowanceAccountHistoricalData": allowances.historical_points,
            "concurrentSubscriptionsLimit": allowances.subscriptions,
            "allowEquities": False,
            "allowQuoteOrders": False,
            "createdDate": "2025-01-01",
        }
    ]


def market(instrument: Instrument, quote: Quote | None, currency: str, version: int) -> Json:
    """Return the body of ``GET /markets/{epic}`` in one of its four versions."""
    if version == 4:
        return {
            "instrument": _instrument_v4(instrument, currency),
            "dealingRules": {
                name: rule for name, rule in instrument.facts["dealingRules"].items() if name != "marketOrderPreference"
            },
            "snapshot": _snapshot_v4(instrument, quote),
        }
    rules = dict(instrument.facts["dealingRules"])
    if version == 1:
        del rules["trailingStopsPreference"]
    return {
        "instrument": _instrument(instrument, currency, version),
        "dealingRules": rules,
        "snapshot": _snapshot(instrument, quote),
    }


def markets(found: Sequence[tuple[Instrument, Quote | None]], currency: str, version: int) -> Json:
    """Return the body of ``GET /markets?epics=``: v1 has the shape of market v2, v2 that of v3."""
    return {"marketDetails": [market(each, quote, currency, version + 1) for each, quote in found]}


def snapshots(found: Sequence[tuple[Instrument, Quote | None]]) -> Json:
    """Return the body of ``GET /markets?epics=&filter=SNAPSHOT_ONLY``: every key, but no details.

    What is never null by the schema (epic, type) stays: without the epic nobody could tell the markets apart.
    """
    details = []
    for each, quote in found:
        blank: Json = {
            name: False if isinstance(value, bool) else None
            for name, value in _instrument(each, "GBP", version=3).items()
        }
        blank |= {"epic": each.epic, "type": each.kind}
        details.append({"instrument": blank, "dealingRules": None, "snapshot": _snapshot(each, quote)})
    return {"marketDetails": details}


def search(found: Sequence[tuple[Instrument, Quote | None]]) -> Json:
    """Return the body of ``GET /markets?searchTerm=``."""
    rows = []
    for each, quote in found:
        shown = _snapshot(each, quote)
        rows.append(
            {
                "epic": each.epic,
                "instrumentName": each.name,
                "instrumentType": each.kind,
                "expiry": each.expiry,
                **{name: shown[name] for name in ("high", "low", "percentageChange", "netChange", "updateTime")},
                "updateTimeUTC": shown["updateTime"],
                **{name: shown[name] for name in ("bid", "offer", "delayTime")},
                "streamingPricesAvailable": each.facts["streamingPricesAvailable"],
                "marketStatus": shown["marketStatus"],
                "scalingFactor": each.points,
            }
        )
    return {"markets": rows}


def _instrument(instrument: Instrument, currency: str, version: int) -> Json:
    facts = instrument.facts
    body: Json = {
        "epic": instrument.epic,
        "expiry": instrument.expiry,
        "name": instrument.name,
        **_picked(facts, "forceOpenAllowed", "stopsLimitsAllowed", "lotSize", "unit"),
        "type": instrument.kind,
        **_picked(facts, "controlledRiskAllowed", "streamingPricesAvailable", "marketId"),
        "currencies": _currencies(instrument, currency, version),
        "sprintMarketsMinimumExpiryTime": None,
        "sprintMarketsMaximumExpiryTime": None,
        "marginDepositBands": [dict(band) for band in facts["marginDepositBands"]],
        **_picked(facts, "marginFactor", "marginFactorUnit", "slippageFactor", "limitedRiskPremium", "openingHours"),
        "expiryDetails": None,
        "rolloverDetails": None,
        **_picked(facts, "newsCode", "chartCode"),
        "country": None,
        **_picked(facts, "valueOfOnePip", "onePipMeans", "contractSize"),
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


def _instrument_v4(instrument: Instrument, currency: str) -> Json:
    return {
        **_picked(instrument.facts, "chartCode", "contractSize"),
        "country": None,
        "currencies": _currencies(instrument, currency, version=4),
        "epic": instrument.epic,
        "expiry": instrument.expiry,
        **_picked(instrument.facts, "limitedRiskPremium", "lotSize", "marketId"),
        "name": instrument.name,
        **_picked(instrument.facts, "newsCode", "streamingPricesAvailable"),
        "limitAllowed": instrument.facts["stopsLimitsAllowed"],
        "stopAllowed": instrument.facts["stopsLimitsAllowed"],
        "type": instrument.kind,
        **_picked(instrument.facts, "unit", "valueOfOnePip"),
    }


def _picked(facts: Mapping[str, Any], *names: str) -> Json:
    return {name: facts[name] for name in names}


def _currencies(instrument: Instrument, own: str, version: int) -> list[Json]:
    rows = []
    for text in instrument.facts["currencies"]:
        code = text.split()[0]
        row = {
            "code": code,
            "symbol": _SYMBOLS[code],
            "baseExchangeRate": round(_usd_of(own) / _usd_of(code), 5),
            "exchangeRate": _WEIGHTS[code],
            "isDefault": text.endswith("(default)"),
        }
        rows.append(row | {"code": _INTERNAL[code], "name": code} if version == 1 else row)
    return rows


def _usd_of(currency: str) -> float:
    """Return about how many dollars one unit of ``currency`` is worth."""
    for each in instruments().values():
        if each.expiry == "-" and each.market_id == f"{currency}USD":
            return each.mid
        if each.expiry == "-" and each.market_id == f"USD{currency}":
            return 1.0 / each.mid
    return 1.0


def _snapshot(instrument: Instrument, quote: Quote | None) -> Json:
    shown = _figures_of(instrument, quote)
    tick = quote.tick if quote is not None else None
    return {
        "marketStatus": "OFFLINE" if tick is None else "TRADEABLE",
        "netChange": shown["netChange"],
        "percentageChange": shown["percentageChange"],
        "updateTime": None if tick is None else f"{tick.time:%H:%M:%S}",
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


def _snapshot_v4(instrument: Instrument, quote: Quote | None) -> Json:
    tick = quote.tick if quote is not None else None
    ladder = None if tick is None else [{"bid": _text(instrument, tick.bid), "ask": _text(instrument, tick.offer)}]
    sizes = [
        {"currency": text.split()[0], "bidSizes": [1.0], "askSizes": [1.0]} for text in instrument.facts["currencies"]
    ]
    return {
        "decimalPlacesFactor": instrument.decimals,
        "delayTime": 0,
        **_figures_of(instrument, quote),
        "marketStatus": "OFFLINE" if tick is None else "TRADEABLE",
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
        # Adding zero makes a plain zero of a negative one.
        "netChange": round(change, instrument.decimals) + 0.0,
        "percentageChange": round(change / quote.opened * 100, 2) + 0.0 if quote.opened else 0.0,
    }
