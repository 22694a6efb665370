"""Typed, validated ticks beside the official Python client in one run, what the quality filter costs, and a busy day.

    .venv/bin/python benchmarks/streaming.py [--quick] [--rounds 5] [--only ticks,filter,readers]

``ticks``: ticks a second from the socket to the application, as ``Tick`` and judged by the quality filter, by iterator
and by callback, against what lightstreamer-client-lib delivers untyped of the same updates. ``filter``: what a tick
costs in the filter. ``readers``: 40 items with three readers each at 10,000 updates a second: the worst delay, and
whether anything is left behind.

All peers read from the same small server, streaming_server.py, in processes of their own; rounds alternate between the
peers, and a target is judged on the median of the rounds' ratios, p99 on the best of the rounds (the worst ones are the
machine's). A group that misses a target is measured once more. Exit code 1 says that a target is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta, timezone
from itertools import repeat
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parent))
from environments import python_environment
from lightstreamer import OFFICIAL_PACKAGES, Figures, Result, best, middle, ratio
from streaming_feed import EPICS, rows

from ig_sdk.streaming import QualityFilter
from ig_sdk.types import Tick

HERE = Path(__file__).resolve().parent
LONGEST_S = 300


class Bench:
    """The peers' commands, and how long to measure."""

    def __init__(self, rounds: int, *, quick: bool) -> None:
        self.rounds = rounds
        self.quick = quick
        self._ours = [sys.executable, str(HERE / "streaming_ours.py")]
        self._official: list[str] | None = None

    def ours(self, how: str, count: int, *, items: int = 20, readers: int = 1, **server: float) -> Figures:
        """Run our stream once; ``server`` holds further options of the server."""
        with tempfile.TemporaryDirectory() as folder:
            stamps = str(Path(folder) / "stamps") if server.get("rate") else ""
            arguments = [str(items), str(count), str(readers), how, *([stamps] if stamps else [])]
            return self._run(self._ours, arguments, {"items": items, "count": count, "stamps": stamps, **server})

    def bare(self, count: int, *, items: int, rate: float) -> Figures:
        """Run a bare socket once: what the machine itself takes."""
        with tempfile.TemporaryDirectory() as folder:
            stamps = str(Path(folder) / "stamps")
            command = [sys.executable, str(HERE / "streaming_bare.py")]
            server: dict[str, float | str] = {"items": items, "count": count, "rate": rate, "stamps": stamps}
            return self._run(command, [str(items), str(count), stamps], server)

    def official(self, count: int, *, items: int = 20, **server: float) -> Figures:
        """Run the official client once."""
        if self._official is None:
            python = python_environment("ls-official", OFFICIAL_PACKAGES)
            self._official = [str(python), str(HERE / "streaming_official.py")]
        return self._run(self._official, [str(items), str(count)], {"items": items, "count": count, **server})

    def _run(self, command: Sequence[str], arguments: Sequence[str], server: dict[str, float | str]) -> Figures:
        options = [f"--{name}={value}" for name, value in server.items() if value != ""]
        with subprocess.Popen(
            [sys.executable, str(HERE / "streaming_server.py"), *options], stdout=subprocess.PIPE, text=True
        ) as serving:
            assert serving.stdout is not None
            try:
                port = serving.stdout.readline().split()[1]
                done = subprocess.run(
                    [*command, port, *arguments], capture_output=True, text=True, timeout=LONGEST_S, check=False
                )
            finally:
                serving.terminate()
        lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
        if done.returncode or not lines:
            raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout[-1000:]}{done.stderr[-2000:]}")
        figures: Figures = json.loads(lines[-1])
        if figures.get("set_aside"):
            raise SystemExit(f"{figures['set_aside']} ticks of a clean stream were set aside")
        return {**figures, "rate": float(server["count"]) / figures["seconds"]}

    def alternate(self, **runs: Callable[[], Figures]) -> dict[str, list[Figures]]:
        """Run each once a round; return what each measured, round by round."""
        measured: dict[str, list[Figures]] = {name: [] for name in runs}
        for _ in range(self.rounds):
            for name, one_run in runs.items():
                measured[name].append(one_run())
        return measured


def ticks(bench: Bench) -> list[Result]:
    """Ticks a second against updates a second, one line a frame as IG sends them, and many."""
    return [*_ticks(bench, 1, 60.0), *_ticks(bench, 50, None)]


def _ticks(bench: Bench, lines: int, limit: float | None) -> list[Result]:
    mine, its = (150_000, 8_000) if bench.quick else (400_000, 25_000)
    measured = bench.alternate(
        iterate=lambda: bench.ours("iterate", mine, lines=lines),
        callback=lambda: bench.ours("callback", mine, lines=lines),
        official=lambda: bench.official(its, lines=lines),
    )
    peer, found = measured["official"], []
    for how in ("iterate", "callback"):
        ours = measured[how]
        rates = f"{middle(ours, 'rate'):,.0f}", f"{middle(peer, 'rate'):,.0f}"
        found.append(Result(f"ticks/s, {how}, {lines} a frame: client-lib", *rates, ratio(ours, peer, "rate"), limit))
    used = f"{middle(measured['callback'], 'cpu_us'):.2f}", f"{middle(peer, 'cpu_us'):.0f}"
    share = ratio(measured["callback"], peer, "cpu_us")
    return [*found, Result(f"CPU us a tick, {lines} a frame: client-lib", *used, share, None, at_least=False)]


def plausible(count: int) -> list[Tick]:
    """Return ticks of one market as the server sends them."""
    _, changed = rows(count, 1, 4.0)
    now = datetime.now(timezone.utc)
    made = []
    for number, row in enumerate(changed):
        bid, offer, _, _ = row.split("|")
        at = now + timedelta(milliseconds=4 * number)
        made.append(Tick(EPICS[0], float(bid), float(offer), at, at))
    return made


def quality(bench: Bench) -> list[Result]:
    """What the filter costs a tick without the loop round it; the best round: others only slow it down."""
    series = plausible(100_000 if bench.quick else 300_000)
    costs, loops = [], []
    for _ in range(max(bench.rounds, 3)):
        judge = QualityFilter().judge
        began = time.perf_counter()
        refused = sum(reason is not None for reason in map(judge, series))
        costs.append(time.perf_counter() - began)
        began = time.perf_counter()
        sum(reason is not None for reason in repeat(None, len(series)))
        loops.append(time.perf_counter() - began)
        if refused:
            raise SystemExit(f"{refused} ticks of a clean series were set aside")
    cost_us = (min(costs) - min(loops)) / len(series) * 1e6
    return [Result("filter, us a tick", f"{cost_us:.2f}", "", cost_us, 1.5, at_least=False)]


def readers(bench: Bench) -> list[Result]:
    """40 items, three readers of each, 10,000 updates a second; for the delays the difference is what counts."""
    return [*_readers(bench, "iterate"), *_readers(bench, "callback")]


def _readers(bench: Bench, how: str) -> list[Result]:
    count = 50_000 if bench.quick else 150_000
    measured = bench.alternate(
        one=lambda: bench.ours(how, count, items=40, readers=1, rate=10_000),
        three=lambda: bench.ours(how, count, items=40, readers=3, rate=10_000),
        bare=lambda: bench.bare(count, items=40, rate=10_000),
    )
    one, three, bare = measured["one"], measured["three"], measured["bare"]
    # The bare socket's p99 is the machine's noise, its p50 what the way takes by itself: that alone is taken off.
    p50, p99, floor = middle(three, "p50_us"), best(three, "p99_us"), middle(bare, "p50_us")
    # Ten milliseconds' worth may lie in a socket for a moment; that is no backlog.
    end = median(figures["end_us"] for figures in three) / 100
    return [
        Result(
            f"us at 10,000/s, 3 readers, {how}, p50: bare", f"{p50:.0f}", f"{floor:.0f}", p50 - floor, None,
            at_least=False,
        ),
        Result(
            f"us at 10,000/s, 1 reader, {how}, p99 best: bare p50", f"{best(one, 'p99_us'):.0f}", f"{floor:.0f}",
            best(one, "p99_us") - floor, None, at_least=False,
        ),
        Result(
            f"us at 10,000/s, 3 readers, {how}, p99 best: bare p50", f"{p99:.0f}", f"{floor:.0f}", p99 - floor, 2000.0,
            at_least=False,
        ),
        Result(f"backlog in updates, 3 readers, {how}", f"{end:.1f}", "", end, 100.0, at_least=False),
        Result(
            f"CPU us an update, 3 readers, {how}: 1 reader", f"{middle(three, 'cpu_us'):.1f}",
            f"{middle(one, 'cpu_us'):.1f}", ratio(three, one, "cpu_us"), None, at_least=False,
        ),
    ]  # fmt: skip


GROUPS: dict[str, Callable[[Bench], list[Result]]] = {"ticks": ticks, "filter": quality, "readers": readers}


def measure(bench: Bench, groups: Sequence[str]) -> Iterator[Result]:
    """Yield the results; a group that misses a target is measured once more."""
    for name in groups:
        results = GROUPS[name](bench)
        if not all(result.reached for result in results):
            print(f"{name}: a target is missed, once more", flush=True)
            results = GROUPS[name](bench)
        yield from results


def main() -> int:
    """Run what is asked for; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds: an impression, no judgement")
    parser.add_argument("--rounds", type=int, help="default 5, with --quick 2")
    parser.add_argument("--only", default=",".join(GROUPS), help="some of: " + ",".join(GROUPS))
    options = parser.parse_args()
    groups = options.only.split(",")
    if not set(groups) <= set(GROUPS):
        parser.error(f"--only takes {', '.join(GROUPS)}")
    bench = Bench(options.rounds or (2 if options.quick else 5), quick=options.quick)
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores; medians of {bench.rounds} rounds")
    print(f"{'figure: measured against':52} {'ours':>14} {'peer':>14} {'ratio':>9} {'target':>10}  verdict")
    results = []
    for result in measure(bench, groups):
        print(result, flush=True)
        results.append(result)
    return 0 if all(result.reached for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
