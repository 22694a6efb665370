"""Prices that the peers of the streaming benchmark receive, known on both ends; standard library only."""

from __future__ import annotations

import functools
import random
import time

ACCOUNT = "ABC12"
FIELDS = ("BIDPRICE1", "ASKPRICE1", "TIMESTAMP", "DLG_FLAG")
MOST_ITEMS = 40
EPICS = tuple(f"CS.D.PAIR{number:02d}.MINI.IP" for number in range(MOST_ITEMS))


def item_of(epic: str) -> str:
    """Return the name of a market's item."""
    return f"PRICE:{ACCOUNT}:{epic}"


@functools.cache
def order(count: int, items: int) -> list[int]:
    """Return which item each of ``count`` updates is of."""
    draw = random.Random(7)
    return [draw.randrange(items) for _ in range(count)]


@functools.cache
def rows(count: int, items: int, apart_ms: float) -> tuple[list[str], list[str]]:
    """Return the snapshot of each item, and the changed fields of ``count`` updates.

    Args:
        count: Updates after the snapshots.
        items: Items that they are of.
        apart_ms: Time between two updates of an item, on their own clock.
    """
    draw = random.Random(11)
    # In the past by more than the clock of the updates runs ahead of the wall's in a burst.
    began = time.time() * 1000 - 120_000
    mid = [1.05 + 0.07 * number for number in range(items)]
    seen = [0] * items
    first = [f"{price - 0.00003:.5f}|{price + 0.00003:.5f}|{began:.0f}|DEAL" for price in mid]
    changed = []
    for item in order(count, items):
        mid[item] += draw.choice((-1, 1)) * 0.00001 * draw.randrange(1, 9)
        seen[item] += 1
        bid, offer = f"{mid[item] - 0.00003:.5f}", f"{mid[item] + 0.00003:.5f}"
        changed.append(f"{bid}|{offer}|{began + max(seen[item] * apart_ms, seen[item]):.0f}|")
    return first, changed
