"""Why a market sends no prices: the likely causes, ranked by what is known of it; pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from ig_sdk.streaming.quality.hours import is_weekend, silent_state

_MOST = 4
# How the last parts of an epic tell whom it is for; where neither is found, nothing is said.
_BETS, _CONTRACTS = {"TODAY", "DAILY", "DFB"}, {"CFD", "MINI", "CFM", "CSD"}
_PRODUCTS = {"CFD": "CFD", "SPREADBET": "spread bet"}
_RETIRED = ("MARKET", "L1")


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketFacts:
    """What is known of a silent market; ``None`` and the defaults say that something is not known.

    Attributes:
        epic: The market.
        item: Kind of the item subscribed to: ``"PRICE"``, ``"CHART"``, ``"MARKET"``.
        status: Its last dealing state, from a tick, the stream or REST.
        exists: Whether IG knows the epic.
        streamed: REST's ``streamingPricesAvailable``.
        delay_minutes: Minutes by which its prices are delayed.
        account_type: ``"CFD"`` or ``"SPREADBET"``.
        others_have_prices: Whether other markets of the same connection have had prices lately.
        had_prices: Whether this market has had prices on this account before.
        line_down: Whether the connection is down.
        patience_s: How long this market may be silent by its own rhythm.
    """

    epic: str
    item: str = "PRICE"
    status: str | None = None
    exists: bool | None = None
    streamed: bool | None = None
    delay_minutes: int | None = None
    account_type: str | None = None
    others_have_prices: bool | None = None
    had_prices: bool = False
    line_down: bool = False
    patience_s: float | None = None


def likely_causes(facts: MarketFacts, at: datetime, *, mute: bool) -> tuple[str, ...]:
    """Return why the market sends no prices, the likeliest first; at least one, at most four.

    Args:
        facts: What is known.
        at: Now, aware.
        mute: The subscription has never had a price (``Mute``), rather than none for a while (``Stale``).

    Source:
        IG-SPECIFICS.md sections 6 to 8.
    """
    causes = [*_certain(facts, at), *(_of_the_account(facts) if mute else ()), *_possible(facts, mute=mute)]
    ranked = sorted(causes, key=lambda cause: -cause[0])  # stable: equal weights stay in order
    # What is certain needs no guesses beside it.
    known = [text for weight, text in ranked if weight >= _CERTAIN]
    return tuple(known or [text for _, text in ranked])[:_MOST]


def in_one_sentence(causes: tuple[str, ...]) -> str:
    """Return the causes as the ``reason`` of an event."""
    if len(causes) == 1:
        return causes[0]
    return f"likely causes, the likeliest first: {'; '.join(causes)}"


_CERTAIN = 90
_Cause = tuple[int, str]


def _certain(facts: MarketFacts, at: datetime) -> Iterator[_Cause]:
    """Yield what IG or the clock says itself."""
    state = silent_state(facts.status)
    if facts.line_down:
        yield 100, "the connection is down"
    if facts.exists is False:
        yield 99, f"IG knows no market {facts.epic}"
    if state is not None:
        yield 98, f"the market is {state} (IG says {str(facts.status).strip()})"
    if facts.item in _RETIRED:
        yield 97, f"IG retired {facts.item}: items in May 2026, it accepts them and sends nothing; use PRICE or CHART"
    if facts.streamed is False:
        yield 96, "IG does not stream this market to this account (streamingPricesAvailable is false)"
    if is_weekend(at) and state is None:
        # A dealing state beats the clock, and a market that says nothing may be one that trades at weekends.
        yield (80 if facts.status is None else 60), "the market is closed for the weekend"


def _of_the_account(facts: MarketFacts) -> Iterator[_Cause]:
    """Yield what the account may be the reason for, unless it has had this market's prices before."""
    if facts.had_prices:
        return
    fitting = _fitting(facts)
    if fitting is None:
        yield 40, "the epic is of another kind of account (CFD or spread bet)"
    elif not fitting:
        name = _PRODUCTS.get(str(facts.account_type), facts.account_type)
        yield 85, f"wrong account type: the epic is not one of a {name} account"
    yield 45, "this account has no permission for its prices (exchange data must be subscribed to at IG)"


def _fitting(facts: MarketFacts) -> bool | None:
    """Return whether the epic is one of the account's kind, ``None`` when it cannot be told."""
    parts = set(facts.epic.upper().split("."))
    if facts.account_type not in _PRODUCTS or not parts & (_BETS | _CONTRACTS):
        return None
    return bool(parts & (_CONTRACTS if facts.account_type == "CFD" else _BETS))


def _possible(facts: MarketFacts, *, mute: bool) -> Iterator[_Cause]:
    """Yield what the other markets and this one's own habits say."""
    if facts.others_have_prices is False and not facts.line_down:
        yield 70, "no market of this connection has prices: the line or the account, not this market"
    if facts.delay_minutes:
        yield 55, f"its prices are delayed by {facts.delay_minutes} minutes and come seldom"
    quiet = "the market is quiet"
    if facts.patience_s is not None and not mute:
        quiet = f"the market is quieter than usual (it is seldom silent for {facts.patience_s:.0f} s)"
    yield (50 if facts.others_have_prices or facts.had_prices else 30), quiet
    if facts.status is None:
        yield 35, "the market is closed or suspended"
