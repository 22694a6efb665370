"""What a peer's process does: prepare, say so, then one timed round for each line it reads."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable


def serve(one_round: Callable[[], tuple[float, int]]) -> None:
    """Answer each line on stdin with the seconds of a round and a figure that shows that it was done."""
    print(json.dumps({"ready": True}), flush=True)
    for _ in sys.stdin:
        seconds, figure = one_round()
        print(json.dumps({"seconds": seconds, "figure": figure}), flush=True)
