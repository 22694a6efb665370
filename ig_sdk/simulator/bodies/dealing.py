"""JSON about positions, working orders and confirms. Pure.

Source:
    wire/ig_api.json (schemas), wire/samples (recorded replies of the same endpoints).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from ig_sdk.simulator.bodies.markets import IN_A_LIST, line, picked
from ig_sdk.simulator.broker import Confirmation, Order, Position, RecentDeal
from ig_sdk.simulator.prices.seeded import Quote
from ig_sdk.simulator.reference.hours import local_time
from ig_sdk.simulator.reference.instruments import Instrument
from ig_sdk.types import Direction

Json = dict[str, Any]
Shown = tuple[Instrument, "Quote | None", str]

_OF_AN_ORDER = (*IN_A_LIST, "exchangeId")


def position(held: Position, shown: Shown, version: int) -> Json:
    """Return one position and its market; v1 has other names and fewer of them (REST.md section 5)."""
    old = version == 1
    row = {
        "contractSize": held.contract_size,
        "createdDate": _local(held.opened_at),
        **({} if old else {"createdDateUTC": iso(held.opened_at)}),
        "dealId": held.deal_id,
        **({} if old else {"dealReference": held.deal_reference}),
        ("dealSize" if old else "size"): held.size,
        "direction": held.direction.value,
        "limitLevel": held.limit_level,
        ("openLevel" if old else "level"): held.level,
        "currency": held.currency,
        "controlledRisk": held.guaranteed,
        "stopLevel": held.stop_level,
        "trailingStep": held.trailing_step,
        "trailingStopDistance": held.trailing_distance,
        "limitedRiskPremium": held.premium,
    }
    return {"position": row, "market": _market(shown, IN_A_LIST, version)}


def order(held: Order, shown: Shown, version: int) -> Json:
    """Return one working order and its market, under the names of its version."""
    row = _order_v1(held) if version == 1 else _order_v2(held)
    market = _market(shown, _OF_AN_ORDER, version)
    quote = shown[1]
    if version == 1 and quote is not None:
        # With the date here, and nowhere else (samples workingorders_v1__stop_gtc and positions_v1__two).
        market["updateTime"] = _local(quote.tick.time)
    return {"workingOrderData": row, "marketData": market}


def _order_v1(held: Order) -> Json:
    return {
        "dealId": held.deal_id,
        "direction": held.direction.value,
        "epic": held.epic,
        "size": held.size,
        "level": held.level,
        "goodTill": "GTC" if held.good_till is None else f"{held.good_till:%d/%m/%y %H:%M}",
        "createdDate": _local(held.created_at),
        "controlledRisk": held.guaranteed,
        "trailingTriggerIncrement": None,
        "trailingTriggerDistance": None,
        "trailingStopDistance": None,
        "trailingStopIncrement": None,
        "requestType": f"{held.kind}_ORDER",
        "contingentStop": held.stop_distance,
        "currencyCode": held.currency,
        "contingentLimit": held.limit_distance,
        "dma": False,
        "limitedRiskPremium": held.premium,
    }


def _order_v2(held: Order) -> Json:
    till = held.good_till
    return {
        "dealId": held.deal_id,
        "direction": held.direction.value,
        "epic": held.epic,
        "orderSize": held.size,
        "orderLevel": held.level,
        "timeInForce": held.time_in_force,
        "goodTillDate": None if till is None else f"{till:%Y/%m/%d %H:%M}",
        "goodTillDateISO": None if till is None else f"{till:%Y-%m-%dT%H:%M}",
        "createdDate": _local(held.created_at),
        "createdDateUTC": iso(held.created_at),
        "guaranteedStop": held.guaranteed,
        "orderType": held.kind,
        "stopDistance": held.stop_distance,
        "limitDistance": held.limit_distance,
        "currencyCode": held.currency,
        "dma": False,
        "limitedRiskPremium": held.premium,
    }


def confirm(verdict: Confirmation) -> Json:
    """Return the body of ``GET /confirms/{dealReference}``."""
    return {
        "date": f"{verdict.date:%Y-%m-%dT%H:%M:%S}.{verdict.date.microsecond // 1000:03d}",
        "status": verdict.status,
        "reason": verdict.reason,
        "dealStatus": verdict.deal_status,
        "epic": verdict.epic,
        "expiry": verdict.expiry,
        "dealReference": verdict.deal_reference,
        "dealId": verdict.deal_id,
        "affectedDeals": [{"dealId": each.deal_id, "status": each.status} for each in verdict.affected],
        "level": verdict.level,
        "size": verdict.size,
        "direction": verdict.direction.value,
        "stopLevel": verdict.stop_level,
        "limitLevel": verdict.limit_level,
        "stopDistance": verdict.stop_distance,
        "limitDistance": verdict.limit_distance,
        "guaranteedStop": verdict.guaranteed_stop,
        "trailingStop": verdict.trailing_stop,
        "profit": verdict.profit,
        "profitCurrency": verdict.profit_currency,
    }


def repeat_dealing(account_id: str, deals: Sequence[RecentDeal], now: datetime) -> Json:
    """Return the body of ``GET /repeat-dealing-window``."""
    entries = [
        {"instrumentSource": "E", "instrumentValue": epic, "currencyList": _by_currency(deals, epic)}
        for epic in dict.fromkeys(each.epic for each in deals)
    ]
    return {"accountId": account_id, "requestStartTime": _ms(now), "repeatDealingEntryList": entries}


def _by_currency(deals: Sequence[RecentDeal], epic: str) -> list[Json]:
    own = [each for each in deals if each.epic == epic]

    def side(currency: str, direction: Direction) -> list[Json]:
        return [
            {"size": each.size, "expiry": _ms(each.expires_at)}
            for each in own
            if (each.currency, each.direction) == (currency, direction)
        ]

    return [
        {"currency": currency, "buy": side(currency, Direction.BUY), "sell": side(currency, Direction.SELL)}
        for currency in dict.fromkeys(each.currency for each in own)
    ]


def _market(shown: Shown, names: Sequence[str], version: int) -> Json:
    row = picked(line(*shown), *names)
    if version == 1:
        del row["updateTimeUTC"]
    return row


def iso(time: datetime) -> str:
    """Return a time in UTC, to the second."""
    return f"{time:%Y-%m-%dT%H:%M:%S}"


def _local(time: datetime) -> str:
    return f"{local_time(time):%Y/%m/%d %H:%M:%S}:{time.microsecond // 1000:03d}"


def _ms(time: datetime) -> int:
    return (time - datetime(1970, 1, 1, tzinfo=time.tzinfo)) // timedelta(milliseconds=1)
