"""IG at the wire on loopback: REST and Lightstreamer. ``python -m ig_sdk.simulator`` runs one."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ig_sdk.simulator.accounts.allowances import Allowances
    from ig_sdk.simulator.accounts.logins import Credentials
    from ig_sdk.simulator.faults.faults import Faults
    from ig_sdk.simulator.simulator import Simulator
    from ig_sdk.simulator.stream.core.options import StreamOptions

__all__ = ["Allowances", "Credentials", "Faults", "Simulator", "StreamOptions"]

for _needed in ("websockets", "werkzeug"):
    if find_spec(_needed) is None:
        raise ImportError(
            f"ig_sdk.simulator needs {_needed}, which the extra 'simulator' brings: pip install 'ig-sdk[simulator]'",
            name=__name__,  # so that ``python -m`` tells it in one line
        )

_HOMES = {
    "Allowances": "accounts.allowances",
    "Credentials": "accounts.logins",
    "Faults": "faults.faults",
    "Simulator": "simulator",
    "StreamOptions": "stream.core.options",
}


def __getattr__(name: str) -> object:
    """Return a public name, imported when it is first used: ``python -m`` listens to signals before that."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    """Return the public names, for whoever completes them by tab."""
    return __all__
