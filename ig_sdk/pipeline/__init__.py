"""Ticks to candles to strategies to signals, composed by the application."""

from ig_sdk.candles import CandleAggregator
from ig_sdk.pipeline.indicators import EMA, RSI, Bands, BollingerBands
from ig_sdk.pipeline.orchestrator import LiveOrchestrator, PolledSource
from ig_sdk.pipeline.report import MarketReport, Report
from ig_sdk.pipeline.sinks import JsonLinesSink, LogSink, Sink
from ig_sdk.pipeline.strategies import Action, BollingerReversion, EmaCross, RsiReversion, Signal, Strategy

__all__ = [
    "EMA",
    "RSI",
    "Action",
    "Bands",
    "BollingerBands",
    "BollingerReversion",
    "CandleAggregator",
    "EmaCross",
    "JsonLinesSink",
    "LiveOrchestrator",
    "LogSink",
    "MarketReport",
    "PolledSource",
    "Report",
    "RsiReversion",
    "Signal",
    "Sink",
    "Strategy",
]
