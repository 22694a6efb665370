"""How fast the simulator is: ticks a second to one session, and REST requests a second.

    .venv/bin/python benchmarks/simulator.py [--rounds 3] [--only ticks,requests]

The simulator runs in a process of its own, as strangers' clients use it; the best round counts, since other programs
only ever slow it down. Exit code 1 says that a target is missed.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from ig_sdk import IGClient, IGConfig, ItemUpdate, LightstreamerClient, Subscription, SubscriptionListener

EPIC = "CS.D.EURUSD.MINI.IP"
TICKS, REQUESTS, CONNECTIONS = 200_000, 6_000, 2
PATIENCE_S = 120.0
# Paths with their versions: what a bot asks all day.
ASKED = (
    (f"/markets/{EPIC}", "3"),
    (f"/markets?epics={EPIC},CS.D.GBPUSD.MINI.IP&filter=SNAPSHOT_ONLY", "2"),
    ("/positions", "2"),
    ("/accounts", "1"),
)


@dataclass(frozen=True)
class Result:
    """One figure and the least it must be."""

    name: str
    figure: float
    target: float

    def __str__(self) -> str:
        """Return one line of the table."""
        return f"{self.name:52} {self.figure:>12,.0f} {self.target:>10,.0f}  {'ok' if self.reached else 'MISSED'}"

    @property
    def reached(self) -> bool:
        """Whether it is enough."""
        return self.figure >= self.target


@contextmanager
def simulator(*arguments: str) -> Iterator[dict[str, str]]:
    """A simulator in a process of its own; what it says when it is ready."""
    command = [sys.executable, "-m", "ig_sdk.simulator", "--no-allowances", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        if process.stdout is None:
            raise RuntimeError("no pipe")
        try:
            yield json.loads(process.stdout.readline())
        finally:
            process.terminate()


def config_of(ready: dict[str, str]) -> IGConfig:
    """Return the configuration of a client of that simulator."""
    names = ("api_key", "identifier", "password", "account_id")
    return IGConfig.simulator(base_url=ready["rest_url"], **{name: ready[name] for name in names})


class Counter(SubscriptionListener):
    """Counts updates, and knows when the first and the last came."""

    def __init__(self, wanted: int) -> None:
        self.count = 0
        self.began = self.ended = 0.0
        self.done = threading.Event()
        self._wanted = wanted

    def on_update(self, update: ItemUpdate) -> None:
        """Count one."""
        del update
        if self.count == 0:
            self.began = time.perf_counter()
        self.count += 1
        if self.count >= self._wanted:
            self.ended = time.perf_counter()
            self.done.set()


def tick_file(path: Path, count: int) -> None:
    """Write ticks that all differ, a millisecond apart."""
    rows = (f"{1_735_768_814_000 + n},{1.1 + n % 977 / 1e5:.5f},{1.1001 + n % 977 / 1e5:.5f}\n" for n in range(count))
    path.write_text("".join(rows), encoding="ascii")


def ticks_per_second() -> float:
    """Return how many ticks a second one session gets from a file that is served as fast as it reads."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ticks.csv"
        tick_file(path, TICKS)
        with simulator("--ticks", str(path), "--speed", "max") as ready, IGClient(config_of(ready)) as ig:
            access = ig.stream_access()
            stream = LightstreamerClient(
                access.endpoint, user=access.user, password=access.password, protocol_versions=("2.4.0",)
            )
            counter = Counter(TICKS)
            prices = Subscription("DISTINCT", [f"CHART:{EPIC}:TICK"], ["BID", "OFR", "UTM"], overflow="block")
            prices.add_listener(counter)
            with closing(stream):
                stream.connect()
                stream.subscribe(prices)
                if not counter.done.wait(PATIENCE_S):
                    raise RuntimeError(f"only {counter.count} of {TICKS} ticks came")
            return (TICKS - 1) / (counter.ended - counter.began)


def requests_per_second() -> float:
    """Return how many requests a second are answered, over a few connections that stay open."""
    with simulator() as ready, IGClient(config_of(ready)) as ig:
        headers = {"X-IG-API-KEY": ready["api_key"], "Accept": "application/json; charset=UTF-8", **_tokens(ig)}
        with ThreadPoolExecutor(CONNECTIONS) as threads:
            began = time.perf_counter()
            asked = [
                threads.submit(ask, ready["rest_url"], headers, REQUESTS // CONNECTIONS) for _ in range(CONNECTIONS)
            ]
            for each in asked:
                each.result()
            return REQUESTS / (time.perf_counter() - began)


def _tokens(ig: IGClient) -> dict[str, str]:
    # The password of a stream holds both tokens (REST.md section 2.3).
    cst, _, xst = ig.stream_access().password.partition("|")
    return {"CST": cst.removeprefix("CST-"), "X-SECURITY-TOKEN": xst.removeprefix("XST-")}


def ask(url: str, headers: dict[str, str], count: int) -> None:
    """Send requests one after another on one connection, and see that each is answered."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=PATIENCE_S)
    with closing(connection):
        for number in range(count):
            path, version = ASKED[number % len(ASKED)]
            connection.request("GET", parts.path + path, headers={**headers, "VERSION": version})
            reply = connection.getresponse()
            reply.read()
            if reply.status != 200:
                raise RuntimeError(f"{path}: {reply.status}")


FIGURES: dict[str, tuple[str, Callable[[], float], float]] = {
    "ticks": ("ticks/s to one session", ticks_per_second, 20_000),
    "requests": ("REST requests/s", requests_per_second, 1_000),
}


def measured(names: Sequence[str], rounds: int) -> Iterator[Result]:
    """Yield the figures that are asked for."""
    for name in names:
        title, figure, target = FIGURES[name]
        yield Result(title, max(figure() for _ in range(rounds)), target)


def main() -> int:
    """Run what is asked for; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default=",".join(FIGURES), help="some of: " + ",".join(FIGURES))
    options = parser.parse_args()
    names = options.only.split(",")
    if not set(names) <= set(FIGURES):
        parser.error(f"--only takes {', '.join(FIGURES)}")
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores; best of {options.rounds} rounds")
    print(f"{'figure':52} {'ours':>12} {'target':>10}  verdict")
    reached = True
    for result in measured(names, options.rounds):
        print(result, flush=True)
        reached &= result.reached
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main())
