"""Host names: which of them are this machine; no I/O."""

from __future__ import annotations

import functools
from ipaddress import ip_address


@functools.lru_cache(maxsize=64)  # called for each request
def is_loopback(host: str | None) -> bool:
    """Whether ``host`` is this machine by its name alone: 127.0.0.0/8, ::1 or localhost."""
    if not host:
        return False
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
