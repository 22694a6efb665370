"""IG at the wire on loopback: REST and Lightstreamer. ``python -m ig_sdk.simulator`` runs one."""

from __future__ import annotations

try:
    import websockets
    import werkzeug
except ModuleNotFoundError as error:
    raise ImportError(
        f"ig_sdk.simulator needs {error.name}, which the extra 'simulator' brings: pip install 'ig-sdk[simulator]'",
        name=__name__,  # so that ``python -m`` tells it in one line
    ) from None

from ig_sdk.simulator.allowances import Allowances
from ig_sdk.simulator.faults import Faults
from ig_sdk.simulator.sessions import Credentials
from ig_sdk.simulator.simulator import Simulator
from ig_sdk.simulator.stream_options import StreamOptions

__all__ = ["Allowances", "Credentials", "Faults", "Simulator", "StreamOptions"]

del websockets, werkzeug
