"""Ticks to candles to strategies to signals, composed by the application; no other part of ig_sdk needs it."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ig_sdk.candles import CandleAggregator
    from ig_sdk.pipeline.backfill import Backfilled
    from ig_sdk.pipeline.holding import Held
    from ig_sdk.pipeline.indicators import EMA, RSI, Bands, BollingerBands, EmaSeed, RsiSmoothing
    from ig_sdk.pipeline.orchestrator import LiveOrchestrator, PolledSource
    from ig_sdk.pipeline.report import MarketReport, Report
    from ig_sdk.pipeline.sinks import JsonLinesSink, LogSink, Sink
    from ig_sdk.pipeline.strategies import Action, BollingerReversion, EmaCross, RsiReversion, Signal, Strategy

__all__ = [
    "EMA",
    "RSI",
    "Action",
    "Backfilled",
    "Bands",
    "BollingerBands",
    "BollingerReversion",
    "CandleAggregator",
    "EmaCross",
    "EmaSeed",
    "Held",
    "JsonLinesSink",
    "LiveOrchestrator",
    "LogSink",
    "MarketReport",
    "PolledSource",
    "Report",
    "RsiReversion",
    "RsiSmoothing",
    "Signal",
    "Sink",
    "Strategy",
]

# Where each public name is defined. It is imported when it is first used: code that needs only events or indicators
# does not wait for the network libraries.
_HOMES = {
    "EMA": "ig_sdk.pipeline.indicators",
    "RSI": "ig_sdk.pipeline.indicators",
    "Action": "ig_sdk.pipeline.strategies",
    "Backfilled": "ig_sdk.pipeline.backfill",
    "Bands": "ig_sdk.pipeline.indicators",
    "BollingerBands": "ig_sdk.pipeline.indicators",
    "BollingerReversion": "ig_sdk.pipeline.strategies",
    "CandleAggregator": "ig_sdk.candles",
    "EmaCross": "ig_sdk.pipeline.strategies",
    "EmaSeed": "ig_sdk.pipeline.indicators",
    "Held": "ig_sdk.pipeline.holding",
    "JsonLinesSink": "ig_sdk.pipeline.sinks",
    "LiveOrchestrator": "ig_sdk.pipeline.orchestrator",
    "LogSink": "ig_sdk.pipeline.sinks",
    "MarketReport": "ig_sdk.pipeline.report",
    "PolledSource": "ig_sdk.pipeline.orchestrator",
    "Report": "ig_sdk.pipeline.report",
    "RsiReversion": "ig_sdk.pipeline.strategies",
    "RsiSmoothing": "ig_sdk.pipeline.indicators",
    "Signal": "ig_sdk.pipeline.strategies",
    "Sink": "ig_sdk.pipeline.sinks",
    "Strategy": "ig_sdk.pipeline.strategies",
}


def __getattr__(name: str) -> object:
    """Return a public name, imported now."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """Return the public names, for completion by tab."""
    return __all__
