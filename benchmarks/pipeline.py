"""Candles and indicators beside their peers in one run, and a month of ticks through the pipeline.

    .venv/bin/python benchmarks/pipeline.py [--rounds 7] [--only candles]

Each peer lives in an environment of its own, built under .venvs/ at the first run. Rounds alternate between us and the
peer, so a slow minute of the machine hits both, and count CPU time, so other programs count little; a target is judged
on the median of the rounds' ratios, and measured once more when it is missed. Exit code 1 says that a target is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

from ig_sdk.pipeline import EMA, RSI, BollingerBands, CandleAggregator, EmaCross, LiveOrchestrator
from ig_sdk.types import Tick

sys.path.insert(0, str(Path(__file__).parent))
from environments import python_environment
from series import PRICES, SPREAD, TICKS, prices, tick_rows

HERE = Path(__file__).resolve().parent
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
EPIC = "CS.D.EURUSD.MINI.IP"
MONTH_TICKS = 1_000_000
MONTH_DAYS = 22


@dataclass(frozen=True)
class Peer:
    """Whom we are measured against: its script, what pip installs for it, and the ratio to reach."""

    name: str
    script: str
    packages: tuple[str, ...]
    target: float
    count: int


NAUTILUS = Peer("nautilus_trader TimeBarAggregator", "peer_nautilus.py", ("nautilus_trader==1.221.0",), 3.0, TICKS)
TALIPP = Peer("talipp", "peer_talipp.py", ("talipp==2.7.0",), 8.0, PRICES)
TALIB = Peer("TA-Lib stream functions", "peer_talib.py", ("TA-Lib>=0.6", "numpy"), 4.0, PRICES)


@contextmanager
def rounds_of(peer: Peer) -> Iterator[Callable[[], float]]:
    """Start the peer's process; the callable runs one round there and returns microseconds for each item."""
    command = [str(python_environment(Path(peer.script).stem, peer.packages)), str(HERE / peer.script)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("no pipes")
        requests, answers = process.stdin, process.stdout

        def answer() -> dict[str, float]:
            line = answers.readline()
            if not line:
                raise RuntimeError(f"{peer.name} ended by itself")
            return json.loads(line)

        def one_round() -> float:
            requests.write("\n")
            requests.flush()
            return answer()["seconds"] / peer.count * 1e6

        answer()
        try:
            yield one_round
        finally:
            requests.close()
            process.wait(30)


def candles_round(ticks: list[Tick]) -> float:
    """Feed every tick to an aggregator, by its public call; return microseconds a tick."""
    made: list[object] = []
    aggregator = CandleAggregator("1m")
    on_tick = aggregator.on_tick
    start = time.process_time()
    for tick in ticks:
        closed = on_tick(tick)
        if closed:
            made += closed
    seconds = time.process_time() - start
    if len(made) < 100 or aggregator.late_ticks:
        raise AssertionError(f"{len(made)} candles, {aggregator.late_ticks} late ticks")
    return seconds / len(ticks) * 1e6


def indicators_round(values: list[float]) -> float:
    """Feed every value to the three indicators; return microseconds a value."""
    ema, rsi, bands = EMA(20).update, RSI(14).update, BollingerBands(20, 2.0).update
    start = time.process_time()
    for x in values:
        _ = ema(x), rsi(x), bands(x)
    return (time.process_time() - start) / len(values) * 1e6


def compare(peer: Peer, ours: Callable[[], float], rounds: int) -> bool:
    """Alternate rounds, print the medians, and return whether the target is reached."""
    with rounds_of(peer) as theirs:
        for attempt in (1, 2):
            theirs()
            ours()
            pairs = [(ours(), theirs()) for _ in range(rounds)]
            ratios = sorted(them / us for us, them in pairs)
            ratio = statistics.median(ratios)
            reached = ratio >= peer.target
            print(
                f"{peer.name:36} {statistics.median(them for _, them in pairs):8.3f} "
                f"{statistics.median(us for us, _ in pairs):8.3f} {ratio:7.2f}x {ratios[0]:6.2f}-{ratios[-1]:.2f} "
                f"{peer.target:6.1f}x  {'reached' if reached else 'missed'}{'' if attempt == 1 else ' (again)'}",
                flush=True,
            )
            if reached:
                return True
    return False


def to_ticks(rows: list[tuple[int, float]]) -> list[Tick]:
    ticks = []
    for ns, bid in rows:
        moment = EPOCH + timedelta(microseconds=ns // 1000)
        ticks.append(Tick(EPIC, bid, bid + SPREAD, moment, moment, "file"))
    return ticks


def month() -> None:
    """A month of ticks, generated beforehand, through aggregator, strategy and a sink that counts."""

    class Counts:
        records = 0

        def write(self, _record: object) -> None:
            self.records += 1

        def close(self) -> None:
            pass

    ticks = to_ticks(tick_rows(MONTH_TICKS, per_second=MONTH_TICKS / (MONTH_DAYS * 86_400)))
    sink = Counts()
    orchestrator = LiveOrchestrator(ticks, EmaCross(threshold=0.00001), sink, "1m")
    start = time.process_time()
    report = orchestrator.run()
    seconds = time.process_time() - start
    print(f"a month of ticks through the pipeline: {len(ticks) / seconds:,.0f} ticks/s ({seconds:.2f} s; {report})")


def main() -> int:
    """Run what is asked for; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", choices=["candles", "indicators", "month"])
    options = parser.parse_args()
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores; microseconds a tick or a value, medians")
    print(f"{'peer':36} {'peer':>8} {'ours':>8} {'ratio':>8} {'min-max':>12} {'target':>7}")
    reached = []
    if options.only in {None, "candles"}:
        ticks = to_ticks(tick_rows(TICKS))
        reached.append(compare(NAUTILUS, lambda: candles_round(ticks), options.rounds))
        del ticks
    if options.only in {None, "indicators"}:
        values = prices(PRICES)
        reached += [compare(peer, lambda: indicators_round(values), options.rounds) for peer in (TALIPP, TALIB)]
    if options.only in {None, "month"}:
        month()
    return 0 if all(reached) else 1


if __name__ == "__main__":
    sys.exit(main())
