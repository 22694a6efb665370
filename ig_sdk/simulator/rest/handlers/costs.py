"""Replies about indicative costs and charges. Known from the reference alone (REST.md section 9), so kept simple.

Source:
    wire/ig_api.json (schemas), REST.md sections 4 and 6.4.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any

from ig_sdk.simulator.broker import MarketTerms
from ig_sdk.simulator.reference.instruments import Instrument, instruments
from ig_sdk.simulator.refusals import RestRefusal
from ig_sdk.simulator.rest.backend import Backend, Handler
from ig_sdk.simulator.rest.paging import in_order
from ig_sdk.simulator.rest.request import Call, Reply, whole
from ig_sdk.simulator.rest.storage import CostQuote

_CLIENT_ERROR = "public-api.costs-and-charges.client-error"
# The yearly rate for positions held over night, and the nights of a year.
_FUNDING = Decimal("0.06")
_NIGHTS = 365
_MONEY = Decimal("0.01")


def _open(backend: Backend, call: Call) -> Reply:
    market, given = _market(call), call.body
    notional, spread = _notional(market, given), _half_spread(market, given)
    body = dict.fromkeys(
        (
            *("borrowingCharge", "dailyRunningFxFee", "etpEntryCost", "etpExitCost", "etpOngoingCost"),
            *("inducements", "knockoutPremiumDeposit", "knockoutPremiumReturn", "openingIFTT"),
        )
    )
    return _quoted(
        backend,
        call,
        "OPEN",
        body
        | _closing(spread, notional)
        | {
            "currencyCodeISO": given["dealCurrencyCode"],
            "guaranteedStopDeposit": Decimal(0) if given["guaranteedStop"] else None,
            "openingCommission": Decimal(0),
            "openingFxFee": Decimal(0),
            "openingSpread": spread,
            "overnightFundingFee": (notional * _FUNDING / _NIGHTS).quantize(_MONEY),
        },
    )


def _close(backend: Backend, call: Call) -> Reply:
    market, given = _market(call), call.body
    costs = _costs_of_closing(market, given)
    return _quoted(backend, call, "CLOSE", {"close": costs, "currencyCodeISO": given["dealCurrencyCode"]}, costs)


def _edit(backend: Backend, call: Call) -> Reply:
    market, given = _market(call), call.body
    legs = {
        name: _costs_of_closing(market, given) if given[f"{name}Level"] is not None else None
        for name in ("limit", "stop")
    }
    return _quoted(backend, call, "EDIT", {"currencyCodeISO": given["dealCurrencyCode"], **legs}, *legs.values())


def _quoted(backend: Backend, call: Call, kind: str, body: dict[str, Any], *parts: dict[str, Any] | None) -> Reply:
    """Store a quote and return it; its reference goes into the body, or into those ``parts`` that have costs."""
    reference = backend.costs.next_reference()
    for part in parts or (body,):
        if part is not None:
            part["indicativeQuoteReference"] = reference
    lines = tuple(f"{name}: {value}" for part in (body, *parts) for name, value in (part or {}).items() if value)
    quote = CostQuote(
        reference,
        call.owner.account_id,
        backend.clock.now(),
        kind,
        call.body["direction"],
        _market(call).name,
        lines,
    )
    backend.costs.keep(quote)
    return Reply(body=body)


def _market(call: Call) -> Instrument:
    market = instruments().get(call.body["epic"] or call.body["instrumentId"] or "")
    if market is None:
        raise RestRefusal(_CLIENT_ERROR)
    return market


def _multiplier(market: Instrument) -> Decimal:
    return MarketTerms.of(market).multiplier


def _notional(market: Instrument, given: Mapping[str, Any]) -> Decimal:
    level = given["priceLevel"] if given["priceLevel"] is not None else (given["bid"] + given["ask"]) / 2
    return Decimal(level * given["size"] * _multiplier(market)).quantize(_MONEY)


def _half_spread(market: Instrument, given: Mapping[str, Any]) -> Decimal:
    return Decimal((given["ask"] - given["bid"]) / 2 * given["size"] * _multiplier(market)).quantize(_MONEY)


def _costs_of_closing(market: Instrument, given: Mapping[str, Any]) -> dict[str, Any]:
    costs = _closing(_half_spread(market, given), _notional(market, given))
    return dict.fromkeys(("etpExitCost", "knockoutPremiumReturn")) | costs


def _closing(spread: Decimal, notional: Decimal) -> dict[str, Any]:
    return {
        "closingCommission": Decimal(0),
        "closingFxFee": Decimal(0),
        "closingIFTT": None,
        "closingSpread": spread,
        "guaranteedStopReturn": None,
        "notionalValue": notional,
        "notionalValueInUserCurrency": notional,
    }


def _document(backend: Backend, call: Call) -> Reply:
    quote = backend.costs.get(call.owner.account_id, call.params[0])
    title = f"Indicative costs and charges {quote.reference}"
    lines = (title, f"{quote.market}, {quote.kind}, {quote.at:%Y-%m-%d %H:%M:%S} UTC", *quote.lines)
    return Reply(body=pdf(lines), content_type="application/pdf")


def _history(backend: Backend, call: Call) -> Reply:
    first, last = in_order(*(_time(text) for text in call.params), code=_CLIENT_ERROR)
    query = call.query
    size = whole(query.get("pageSize"), 20, low=1, code=_CLIENT_ERROR)
    number = whole(query.get("pageNumber"), 1, low=1, code=_CLIENT_ERROR)
    quotes = backend.costs.between(call.owner.account_id, first, last)
    found = [each for each in quotes if query.get("type") in (None, "", each.kind)]
    rows = [
        {
            "createdTimestamp": f"{each.at:%Y-%m-%dT%H:%M:%S}.{each.at.microsecond // 1000:03d}Z",
            "direction": each.direction,
            "indicativeQuoteReference": each.reference,
            "instrumentName": each.market,
            "type": each.kind,
        }
        for each in found[(number - 1) * size : number * size]
    ]
    page = {"pageNumber": number, "pageSize": size, "totalElements": len(found), "totalPages": -(-len(found) // size)}
    return Reply(body={"costsAndChargesHistory": rows, "pagination": page})


def _time(text: str) -> datetime:
    """Return a time written as ``yyyy-MM-dd'T'HH:mm:ss.SSSXXX``."""
    try:
        time = datetime.fromisoformat(text[:-1] + "+00:00" if text.endswith("Z") else text)
        # A time at the edge of the calendar may have no equivalent in UTC.
        return time.astimezone(timezone.utc) if time.tzinfo is not None else time.replace(tzinfo=timezone.utc)
    except (ValueError, OverflowError):
        raise RestRefusal(_CLIENT_ERROR) from None


def pdf(lines: tuple[str, ...]) -> bytes:
    """Return a PDF document (1.4) of one page with a few lines of text."""
    shown = [line.encode("ascii", "replace").decode().translate({40: "\\(", 41: "\\)", 92: "\\\\"}) for line in lines]
    text = "BT /F1 10 Tf 50 790 Td 14 TL " + " ".join(f"({line}) Tj T*" for line in shown) + " ET"
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >>>>>>",
        f"<< /Length {len(text)} >>\nstream\n{text}\nendstream",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    body, offsets = "%PDF-1.4\n", []
    for number, each in enumerate(objects, 1):
        offsets.append(len(body))
        body += f"{number} 0 obj\n{each}\nendobj\n"
    table = "".join(f"{offset:010d} 00000 n \n" for offset in offsets)
    count = len(objects) + 1
    xref = f"xref\n0 {count}\n0000000000 65535 f \n{table}trailer\n<< /Size {count} /Root 1 0 R >>\n"
    return f"{body}{xref}startxref\n{len(body)}\n%%EOF\n".encode("ascii")


HANDLERS: Mapping[str, Handler] = {
    "costs.open.v1": _open,
    "costs.close.v1": _close,
    "costs.edit.v1": _edit,
    "costs.durable.v1": _document,
    "costs.history.v1": _history,
}
