"""What a client has counted: one frozen snapshot of everything, as JSON and for Prometheus."""

from ig_sdk.streaming.metrics.prometheus import HasMetrics, PrometheusCollector
from ig_sdk.streaming.metrics.snapshot import (
    AllowanceMetrics,
    ConnectionMetrics,
    ErrorMetrics,
    MarketMetrics,
    Metrics,
    PollingMetrics,
    RestMetrics,
)
from ig_sdk.streaming.metrics.totals import ClosedMarkets, Rate, continued

__all__ = [
    "AllowanceMetrics",
    "ClosedMarkets",
    "ConnectionMetrics",
    "ErrorMetrics",
    "HasMetrics",
    "MarketMetrics",
    "Metrics",
    "PollingMetrics",
    "PrometheusCollector",
    "Rate",
    "RestMetrics",
    "continued",
]
