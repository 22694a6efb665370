"""IG at the wire on loopback: REST and Lightstreamer. ``python -m ig_sdk.simulator`` runs one.

Every public name is imported from here; ``ig_sdk.simulator.broker`` is the dealing engine alone.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ig_sdk.simulator.accounts.allowances import Allowances
    from ig_sdk.simulator.accounts.dealing_service import DealingService
    from ig_sdk.simulator.accounts.logins import Credentials, Sessions
    from ig_sdk.simulator.faults.faults import Faults
    from ig_sdk.simulator.faults.later import ScheduledFault
    from ig_sdk.simulator.faults.rest import RestFault, SeenRequest
    from ig_sdk.simulator.faults.stream import StreamFaults
    from ig_sdk.simulator.prices.replay import Replay
    from ig_sdk.simulator.simulator import Simulator
    from ig_sdk.simulator.stream.core.options import StreamOptions
    from ig_sdk.simulator.stream.items.open_items import OpenItems
    from ig_sdk.simulator.stream.server import StreamServer

__all__ = [
    "Allowances",
    "Credentials",
    "DealingService",
    "Faults",
    "OpenItems",
    "Replay",
    "RestFault",
    "ScheduledFault",
    "SeenRequest",
    "Sessions",
    "Simulator",
    "StreamFaults",
    "StreamOptions",
    "StreamServer",
]

for _needed in ("websockets", "werkzeug"):
    if find_spec(_needed) is None:
        raise ImportError(
            f"ig_sdk.simulator needs {_needed}, which the extra 'simulator' brings: pip install 'ig-sdk[simulator]'",
            name=__name__,  # so that ``python -m`` reports it in one line
        )

_HOMES = {
    "Allowances": "accounts.allowances",
    "DealingService": "accounts.dealing_service",
    "Credentials": "accounts.logins",
    "Faults": "faults.faults",
    "OpenItems": "stream.items.open_items",
    "Replay": "prices.replay",
    "RestFault": "faults.rest",
    "ScheduledFault": "faults.later",
    "SeenRequest": "faults.rest",
    "Sessions": "accounts.logins",
    "Simulator": "simulator",
    "StreamFaults": "faults.stream",
    "StreamOptions": "stream.core.options",
    "StreamServer": "stream.server",
}


def __getattr__(name: str) -> object:
    """Return a public name, imported when it is first used: ``python -m`` listens to signals before that."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    """Return the public names, for completion by tab."""
    return __all__
