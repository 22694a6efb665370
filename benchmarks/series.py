"""The series that every side works on; standard library only, so that the peers can read it too."""

from __future__ import annotations

import random

TICKS = 300_000
PRICES = 20_000
START_NS = 1_700_000_040_000_000_000
SPREAD = 6e-5


def tick_rows(count: int, *, per_second: float = 20.0) -> list[tuple[int, float]]:
    """Return (epoch nanoseconds, bid) of a random walk of prices."""
    source, time, price, rows = random.Random(5), START_NS, 1.08, []
    for _ in range(count):
        time += int(source.expovariate(per_second) * 1e9)
        price += source.uniform(-1e-5, 1e-5)
        rows.append((time, price))
    return rows


def prices(count: int) -> list[float]:
    """Return a random walk of closes."""
    source, price, rows = random.Random(2), 1.08, []
    for _ in range(count):
        price += source.uniform(-1e-4, 1e-4)
        rows.append(price)
    return rows
