"""The configuration of a client, every setting with its default and its rule; all parts of ig_sdk may read it."""

from ig_sdk.config.settings import (
    BASE_URLS,
    Environment,
    HistorySettings,
    IGConfig,
    LimitSettings,
    LiveSettings,
    LoggingSettings,
    ReconnectSettings,
    SimulatorSettings,
    StreamSettings,
)

__all__ = [
    "BASE_URLS",
    "Environment",
    "HistorySettings",
    "IGConfig",
    "LimitSettings",
    "LiveSettings",
    "LoggingSettings",
    "ReconnectSettings",
    "SimulatorSettings",
    "StreamSettings",
]
