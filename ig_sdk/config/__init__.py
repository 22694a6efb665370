"""The configuration: every setting, its default and its rule; used by everything above it but ``lightstreamer``.

Layers, each over the one before: the defaults, ``config/global.json`` (in git), ``config/local.json`` (ignored by git,
for secrets), the environment (``IG_API_KEY``, ``IG_RECONNECT__MAX_DELAY_S``), arguments. The test layer
(``config/test.json``) replaces ``local.json`` when it is asked for.
"""

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
