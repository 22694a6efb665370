"""The Lightstreamer client beside its peers in one run: updates a second, CPU, latency, memory, TLS.

    .venv/bin/python benchmarks/lightstreamer.py [--quick] [--rounds 5] [--only updates,latency,memory,tls]

All of them talk to the same small server, tlcp_blaster.py in ../shared/bench, each peer in a process of its own and
from an environment of its own, built under .venvs/ at the first run. Rounds alternate between the peers, so a slow
minute of the machine hits all of them; a target is judged on the median of the rounds' ratios (p99 on the best of the
rounds, for the worst ones are the machine's), and a group of figures is measured once more when it misses one. Exit
code 1 says that a target is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parent))
from environments import PROJECT, node_environment, python_environment

HERE = Path(__file__).resolve().parent
SERVER = Path(os.environ.get("IG_SDK_SHARED", PROJECT.parent / "shared")) / "bench" / "tlcp_blaster.py"
OFFICIAL_PACKAGES = ("lightstreamer-client-lib==2.2.3",)
# Without wsaccel; this project by its folder, so that its decoder is today's.
PLAIN_PACKAGES = ("websocket-client==1.9.2", "-e", str(PROJECT))
NODE_PACKAGE = {
    "private": True,
    "dependencies": {"lightstreamer-client-node": "9.2.2"},
    "overrides": {"xmlhttprequest": "1.8.0"},  # 9.2.2 names a git address for this one
}
PREPARED = 200_000  # lines that the server holds ready
LONGEST_S = 300

Figures = dict[str, float]


@dataclass(frozen=True)
class Result:
    """One line of the table. ``limit`` is the least ratio when ``at_least``, else the most; ``None`` is not checked."""

    figure: str
    ours: str
    peer: str
    value: float
    limit: float | None
    at_least: bool = True

    @property
    def reached(self) -> bool:
        return self.limit is None or (self.value >= self.limit if self.at_least else self.value <= self.limit)

    def __str__(self) -> str:
        sign = ">=" if self.at_least else "<="
        target = "reported" if self.limit is None else f"{sign} {self.limit:.4g}"
        verdict = "" if self.limit is None else "reached" if self.reached else "MISSED"
        return f"{self.figure:52} {self.ours:>14} {self.peer:>14} {self.value:9.4g} {target:>10}  {verdict}"


class Server:
    """The benchmark's server as a process."""

    def __init__(self, *arguments: str) -> None:
        self._process = subprocess.Popen([sys.executable, str(SERVER), *arguments], stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.port = self._process.stdout.readline().split()[1]

    def close(self) -> None:
        self._process.terminate()
        self._process.communicate(timeout=10)


class Bench:
    """The peers' commands, the server, and how long to measure."""

    def __init__(self, server: Server, rounds: int, *, quick: bool) -> None:
        self.server = server
        self.rounds = rounds
        self.quick = quick
        self.official = [str(python_environment("ls-official", OFFICIAL_PACKAGES)), _script("official")]
        self.plain = [str(python_environment("ls-plain", PLAIN_PACKAGES)), _script("plain")]
        self.ours = [sys.executable, _script("ours")]
        self.node: list[str] | None = None
        folder = node_environment("ls-node", NODE_PACKAGE)
        if folder is not None:
            # Node looks for modules from the script's own folder upwards.
            self.node = ["node", str(shutil.copy(HERE / "lightstreamer_node.cjs", str(folder)))]

    def blast(self, command: Sequence[str], count: int, lines: int, **more: str) -> Figures:
        """As many updates as the peer takes."""
        prepared = min(count, PREPARED)
        settings = f"n={prepared},lpf={lines},reps={count // prepared}"
        return self.run(command, settings, count, "read", **more)

    def paced(self, command: Sequence[str], rate: int, seconds: float, kind: str = "late", **more: str) -> Figures:
        """One line a frame, at a steady rate."""
        count = int(rate * seconds)
        return self.run(command, f"n={count},lpf=1,mode=paced,rate={rate}", count, kind, **more)

    def run(
        self, command: Sequence[str], settings: str, count: int, kind: str, *, port: str = "", certificate: str = ""
    ) -> Figures:
        """Run one peer once."""
        arguments = [*command, port or self.server.port, settings, str(count), kind]
        done = subprocess.run(
            [*arguments, certificate] if certificate else arguments,
            capture_output=True, text=True, timeout=LONGEST_S, check=False,
        )  # fmt: skip
        lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
        if done.returncode or not lines:
            raise SystemExit(f"{' '.join(arguments)} failed:\n{done.stdout[-1000:]}{done.stderr[-2000:]}")
        figures: Figures = json.loads(lines[-1])
        return {**figures, "rate": count / figures["seconds"]}

    def alternate(self, **runs: Callable[[], Figures]) -> dict[str, list[Figures]]:
        """Run each once a round; return what each measured, round by round."""
        measured: dict[str, list[Figures]] = {name: [] for name in runs}
        for _ in range(self.rounds):
            for name, one_run in runs.items():
                measured[name].append(one_run())
        return measured


def ratio(ours: list[Figures], peer: list[Figures], key: str) -> float:
    """Return the median of the rounds' ratios."""
    return median(mine[key] / its[key] for mine, its in zip(ours, peer, strict=True))


def middle(figures: list[Figures], key: str) -> float:
    return median(figure[key] for figure in figures)


def best(figures: list[Figures], key: str) -> float:
    return min(figure[key] for figure in figures)


def updates(bench: Bench, lines: int) -> list[Result]:
    """Updates a second and CPU for each, ``lines`` lines a frame."""
    quick = bench.quick
    runs = {
        "ours": lambda: bench.blast(bench.ours, 400_000 if quick else 1_000_000, lines),
        "official": lambda: bench.blast(bench.official, 15_000 if quick else 50_000, lines),
        "plain": lambda: bench.blast(bench.plain, 100_000 if lines == 1 else 200_000, lines),
    }
    node = bench.node
    if node is not None:
        runs["node"] = lambda: bench.blast(node, 200_000 if quick else 400_000, lines)
    measured = bench.alternate(**runs)
    ours = measured["ours"]
    limits = {
        "official": ("lightstreamer-client-lib", 100.0, 100.0),
        "node": ("lightstreamer-client-node", 4.0, 5.0),
        "plain": ("plain recv(), our decoder", 4.0, 3.0),
    }
    results = []
    for name, (title, one_line, many_lines) in limits.items():
        if name in measured:
            peer = measured[name]
            rates = f"{middle(ours, 'rate'):,.0f}", f"{middle(peer, 'rate'):,.0f}"
            limit = one_line if lines == 1 else many_lines
            results.append(Result(f"updates/s, {lines} a frame: {title}", *rates, ratio(ours, peer, "rate"), limit))
    official = measured["official"]
    used = f"{middle(ours, 'cpu_us'):.2f}", f"{middle(official, 'cpu_us'):.0f}"
    title, share = f"CPU us an update, {lines} a frame: client-lib", ratio(ours, official, "cpu_us")
    return [*results, Result(title, *used, share, 1 / 80 if lines == 1 else None, at_least=False)]


def latency(bench: Bench) -> list[Result]:
    """From the server's write to the callback, at a rate that everybody manages and at one that the peer does not."""
    seconds = 3.0 if bench.quick else 5.0
    slow = bench.alternate(
        ours=lambda: bench.paced(bench.ours, 1000, seconds),
        official=lambda: bench.paced(bench.official, 1000, seconds),
        bare=lambda: bench.paced(bench.plain, 1000, seconds, "bare"),
    )
    ours, official, bare = slow["ours"], slow["official"], slow["bare"]
    return [
        Result(
            "latency us at 1,000/s, p50: client-lib",
            f"{middle(ours, 'p50_us'):.0f}", f"{middle(official, 'p50_us'):.0f}", ratio(ours, official, "p50_us"),
            0.4, at_least=False,
        ),
        Result(
            "latency us at 1,000/s, p99 best: client-lib",
            f"{best(ours, 'p99_us'):.0f}", f"{best(official, 'p99_us'):.0f}",
            best(ours, "p99_us") / best(official, "p99_us"), 0.6, at_least=False,
        ),
        Result(
            "latency us at 1,000/s, p50: bare recv",
            f"{middle(ours, 'p50_us'):.0f}", f"{middle(bare, 'p50_us'):.0f}", ratio(ours, bare, "p50_us"),
            None, at_least=False,
        ),
    ]  # fmt: skip


def load(bench: Bench) -> list[Result]:
    """10,000 updates a second: no backlog, and the worst of them."""
    fast = bench.alternate(
        ours=lambda: bench.paced(bench.ours, 10_000, 3.0),
        bare=lambda: bench.paced(bench.plain, 10_000, 3.0, "bare"),
    )
    ours, bare = fast["ours"], fast["bare"]
    seconds = 10.0 if bench.quick else 60.0
    end = bench.paced(bench.ours, 10_000, seconds)["end_us"]
    return [
        Result(
            "latency us at 10,000/s, p99 best: bare recv",
            f"{best(ours, 'p99_us'):.0f}", f"{best(bare, 'p99_us'):.0f}", best(ours, "p99_us") / best(bare, "p99_us"),
            20.0, at_least=False,
        ),
        # Ten milliseconds' worth may lie in a socket for a moment; that is no backlog.
        Result(
            f"backlog in updates at 10,000/s after {seconds:.0f} s", f"{end / 100:.1f}", "", end / 100,
            100.0, at_least=False,
        ),
    ]  # fmt: skip


def memory(bench: Bench) -> list[Result]:
    """What stays in memory after millions of updates."""
    count = 1_000_000 if bench.quick else 5_000_000
    grown = bench.blast(bench.ours, count, 1)["grown_mb"]
    return [Result(f"memory grown over {count:,} updates, MB", f"{grown:.1f}", "", grown, 10.0, at_least=False)]


def tls(bench: Bench) -> list[Result]:
    """The same over TLS: many lines in a record, and, only reported, one."""
    count = 400_000 if bench.quick else 1_000_000
    singles = 30_000 if bench.quick else 100_000
    with tempfile.TemporaryDirectory() as folder:
        certificate, key = self_signed(Path(folder))
        with closing(Server("--tls", certificate, key)) as server:
            over = {"port": server.port, "certificate": certificate}
            measured = bench.alternate(
                plain=lambda: bench.blast(bench.ours, count, 50),
                tls=lambda: bench.blast(bench.ours, count, 50, **over),
                # Faster than the server can: it writes each frame by itself, as fast as it gets.
                plain_singles=lambda: bench.paced(bench.ours, singles * 1000, 1 / 1000, "read"),
                tls_singles=lambda: bench.paced(bench.ours, singles * 1000, 1 / 1000, "read", **over),
            )
    many, few = (measured["tls"], measured["plain"]), (measured["tls_singles"], measured["plain_singles"])
    return [
        Result(
            "updates/s over TLS, many lines a record: plain",
            f"{middle(many[0], 'rate'):,.0f}", f"{middle(many[1], 'rate'):,.0f}", ratio(*many, "rate"), 0.9,
        ),
        Result(
            "CPU us over TLS, one frame a record: plain",
            f"{middle(few[0], 'cpu_us'):.2f}", f"{middle(few[1], 'cpu_us'):.2f}", ratio(*few, "cpu_us"),
            None, at_least=False,
        ),
    ]  # fmt: skip


def self_signed(folder: Path) -> tuple[str, str]:
    """Return (certificate, key) for 127.0.0.1, in files."""
    certificate, key = str(folder / "certificate.pem"), str(folder / "key.pem")
    subprocess.run(
        [
            "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate,
            "-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
        ],
        check=True, capture_output=True,
    )  # fmt: skip
    return certificate, key


GROUPS: dict[str, Sequence[Callable[[Bench], list[Result]]]] = {
    "updates": (lambda bench: updates(bench, 1), lambda bench: updates(bench, 50)),
    "latency": (latency, load),
    "memory": (memory,),
    "tls": (tls,),
}


def measure(bench: Bench, groups: Sequence[str]) -> Iterator[Result]:
    """Measure group by group, those that miss a target twice; yield what counts."""
    for group in groups:
        for figures in GROUPS[group]:
            results = figures(bench)
            if not all(result.reached for result in results):
                for result in results:
                    print(f"{result} (first attempt)", flush=True)
                results = figures(bench)
            yield from results


def check_server() -> None:
    """End the program with a clear word where the server is not there."""
    if not SERVER.is_file():
        raise SystemExit(
            f"the benchmark's server is not there: {SERVER}\n"
            "It lies in the folder shared/bench beside this project; IG_SDK_SHARED names another place for shared/."
        )


def main() -> int:
    """Run what is asked for; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds: an impression, no judgement")
    parser.add_argument("--rounds", type=int, help="default 5, with --quick 3")
    parser.add_argument("--only", default=",".join(GROUPS), help="some of: " + ",".join(GROUPS))
    options = parser.parse_args()
    groups = options.only.split(",")
    if not set(groups) <= set(GROUPS):
        parser.error(f"--only takes {', '.join(GROUPS)}")
    check_server()
    with closing(Server()) as server:
        bench = Bench(server, options.rounds or (3 if options.quick else 5), quick=options.quick)
        print(f"Python {platform.python_version()}, {os.cpu_count()} cores; medians of {bench.rounds} rounds")
        if bench.node is None:
            print("node or npm is not installed: that peer is left out")
        print(f"{'figure: measured against':52} {'ours':>14} {'peer':>14} {'ratio':>9} {'target':>10}  verdict")
        results = []
        for result in measure(bench, groups):
            print(result, flush=True)
            results.append(result)
    return 0 if all(result.reached for result in results) else 1


def _script(name: str) -> str:
    return str(HERE / f"lightstreamer_{name}.py")


if __name__ == "__main__":
    sys.exit(main())
