"""What judging and measuring a tick costs: a million ticks, the best of five rounds.

    .venv/bin/python benchmarks/quality.py [--ticks 1000000] [--rounds 5]

CPU time of one process. Exit code 1 says that the filter needs more than 1.5 microseconds a tick.
"""

from __future__ import annotations

import argparse
import platform
import sys
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path

from ig_sdk.streaming.quality import IMPOSSIBLE_ONLY, QualityFilter, QualityMeter
from ig_sdk.types import Tick

sys.path.insert(0, str(Path(__file__).parent))
from series import SPREAD, tick_rows

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
EPIC = "CS.D.EURUSD.MINI.IP"
TARGET_US = 1.5
LATENCY = timedelta(milliseconds=20)


def series(count: int) -> list[Tick]:
    """Return live ticks: each arrives a little after its time, with the dealing state of IG's PRICE feed."""
    ticks = []
    for ns, bid in tick_rows(count):
        time = EPOCH + timedelta(microseconds=ns // 1000)
        ticks.append(Tick(EPIC, bid, bid + SPREAD, time, time + LATENCY, status="DEAL"))
    return ticks


def best(ticks: list[Tick], rounds: int, make: Callable[[], Callable[[Tick], object]]) -> float:
    """Return the microseconds a tick of the fastest round; each has a new object."""
    seconds = []
    for _ in range(rounds):
        take = make()
        start = time.process_time()
        for tick in ticks:
            take(tick)
        seconds.append(time.process_time() - start)
    return min(seconds) / len(ticks) * 1e6


def main() -> int:
    """Measure; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ticks", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    ticks = series(options.ticks)
    refused = QualityFilter()
    if any(refused.judge(tick) for tick in ticks):
        raise AssertionError(f"the series is clean, but {refused.counts}")
    figures = {
        "an empty call": best(ticks, options.rounds, lambda: lambda _tick: None),
        "QualityFilter.judge": best(ticks, options.rounds, lambda: QualityFilter().judge),
        "QualityFilter.judge, impossible prices only": best(
            ticks, options.rounds, lambda: QualityFilter(IMPOSSIBLE_ONLY).judge
        ),
        "QualityMeter.tick": best(ticks, options.rounds, lambda: QualityMeter(EPIC, ticks[0].time).tick),
    }
    print(f"Python {platform.python_version()}; microseconds a tick, {len(ticks):,} ticks, best of {options.rounds}")
    for name, figure in figures.items():
        print(f"{name:44} {figure:6.3f}")
    reached = figures["QualityFilter.judge"] <= TARGET_US
    print(f"target {TARGET_US} for the filter: {'reached' if reached else 'missed'}")
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main())
