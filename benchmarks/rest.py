"""REST beside its peers in one run: the decoding of prices, login, a market, positions, a day of each, eight threads.

    .venv/bin/python benchmarks/rest.py [--rounds 5] [--only decode,login,market,positions,day,threads]

All clients talk to one quick local server, rest_server.py, which plays answers that our simulator gave once at the
beginning, so that every client finds what it expects. Each client is a process of its own in an environment of its own,
built under .venvs/ at the first run, with its own defaults: typed models, or a frame where that is what it returns.
Rounds alternate between the clients, so a slow minute of the machine hits all of them. Single calls are judged by the
client's CPU time, so that other programs count little, and by nothing else that could hide a wait: the day and the
threads are judged by the clock on the wall. A target is judged on the median of the rounds' ratios, and measured once
more when it is missed. Exit code 1 says that a target is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from ig_sdk.simulator import Simulator

sys.path.insert(0, str(Path(__file__).parent))
from environments import python_environment

HERE = Path(__file__).resolve().parent
EPIC = "CS.D.EURUSD.MINI.IP"
PACKAGES: Mapping[str, tuple[str, ...]] = {
    "trading-ig": ("trading-ig==0.0.25", "lightstreamer-client-lib==1.0.3", "pandas"),
    "ig-trading-lib": ("ig-trading-lib==4.0.3",),
    "ig-trading": ("ig-trading==1.0.0b4",),
}


@dataclass(frozen=True)
class Figure:
    """One thing that is measured.

    Attributes:
        job: Name of the job in rest_client.py.
        count: How often a round does it.
        targets: Client or "fastest" of the three -> how many times faster ours is to be.
        clock: ``"cpu"`` or ``"wall"``: what is judged.
    """

    job: str
    count: int
    targets: Mapping[str, float]
    clock: str = "cpu"


FIGURES = {
    # dataclasses-json is slow enough to be measured once a round.
    "decode": Figure("decode", 10, {"dataclasses-json": 40.0, "fastest": 1.5}),
    "login": Figure("login", 20, {"fastest": 1.0}),
    "market": Figure("market", 50, {"fastest": 1.0}),
    "positions": Figure("positions", 50, {"fastest": 1.0}),
    "day": Figure("day", 3, {"fastest": 1.0}, "wall"),
}
# Eight threads at a server that takes 20 ms: eight times one thread's calls, if nothing of ours is in the way.
THREADS_TARGET = 6.0
THREADS_CALLS = {"serial": 20, "parallel": 160}


class Client:
    """One client's process."""

    def __init__(self, name: str, python: str, url: str) -> None:
        self.name = name
        self._process = subprocess.Popen(
            [python, str(HERE / "rest_client.py"), name, url, EPIC],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            # This machine may need a proxy to reach a package index, but not to reach loopback.
            env={**os.environ, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"},
        )  # fmt: skip
        self.jobs = self._answer()["jobs"]

    def run(self, job: str, count: int) -> dict[str, float]:
        """Let it do a job so often; return the seconds that one took, by the wall and of CPU."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{job} {count}\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.name} ended by itself")
        return json.loads(line)

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(30)
        assert self._process.stdout is not None
        self._process.stdout.close()


def recorded() -> dict[str, tuple[int, dict[str, str], str]]:
    """Return the answers of a simulator with an open position, by method, path and version."""
    answers: dict[str, tuple[int, dict[str, str], str]] = {}
    with Simulator() as simulator:
        own = simulator.credentials
        tokens = {"X-IG-API-KEY": own.api_key}

        def ask(method: str, path: str, version: int, body: object = None, *, query: str = "") -> None:
            content = None if body is None else json.dumps(body).encode()
            headers = {**tokens, "VERSION": str(version), "Content-Type": "application/json; charset=UTF-8"}
            request = urllib.request.Request(f"{simulator.rest_url}{path}{query}", content, headers, method=method)
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=20) as answer:
                kept = {name: answer.headers[name] for name in ("CST", "X-SECURITY-TOKEN") if name in answer.headers}
                answers[f"{method} {path} {version}"] = answer.status, kept, answer.read().decode()

        login = {"identifier": own.identifier, "password": own.password}
        ask("POST", "/session", 3, login)
        oauth = json.loads(answers["POST /session 3"][2])["oauthToken"]
        ask("POST", "/session/refresh-token", 1, {"refresh_token": oauth["refresh_token"]})
        ask("POST", "/session", 2, login)
        tokens |= answers["POST /session 2"][1]
        deal = {
            "epic": EPIC, "expiry": "-", "direction": "BUY", "size": 1, "orderType": "MARKET", "currencyCode": "USD",
            "forceOpen": True, "guaranteedStop": False,
        }  # fmt: skip
        for _ in range(3):
            ask("POST", "/positions/otc", 2, deal)
        for path, versions in (("/session", [1]), (f"/markets/{EPIC}", [1, 2, 3, 4]), ("/positions", [1, 2])):
            for version in versions:
                ask("GET", path, version)
        ask("GET", f"/prices/{EPIC}", 3, query="?resolution=MINUTE&max=1000&pageSize=0")
        ask("GET", "/operations/application", 1)
        ask("DELETE", "/session", 1)
    return answers


@contextmanager
def server() -> Iterator[str]:
    """Run the server; yield its address."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "answers.json"
        file.write_text(json.dumps(recorded()), encoding="utf-8")
        command = [sys.executable, str(HERE / "rest_server.py"), str(file)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            try:
                yield f"http://127.0.0.1:{process.stdout.readline().split()[1]}/gateway/deal"
            finally:
                process.terminate()


def compare(figure: Figure, clients: Sequence[Client], rounds: int) -> bool:
    """Measure one figure, print a line for each client, and return whether its targets are reached."""
    able = [client for client in clients if figure.job in client.jobs]
    for attempt in (1, 2):
        taken: dict[str, list[dict[str, float]]] = {client.name: [] for client in able}
        for _ in range(rounds):
            for client in able:
                count = 1 if client.name == "dataclasses-json" else figure.count
                taken[client.name].append(client.run(figure.job, count))
        if all(_lines(figure, taken, "" if attempt == 1 else " (again)")):
            return True
    return False


def _lines(figure: Figure, taken: Mapping[str, list[dict[str, float]]], note: str) -> list[bool]:
    seconds = {name: [each[figure.clock] for each in rounds] for name, rounds in taken.items()}
    fastest = min(PACKAGES, key=lambda name: median(seconds[name]))
    reached = []
    for name in (name for name in seconds if name != "ours"):
        ratio = median(theirs / mine for theirs, mine in zip(seconds[name], seconds["ours"], strict=True))
        target = figure.targets.get(name, figure.targets["fastest"] if name == fastest else None)
        reached.append(target is None or ratio >= target)
        _tell(figure.job, name, seconds, ratio, target, f"{figure.clock}{note}")
    return reached


def _tell(
    job: str, name: str, seconds: Mapping[str, list[float]], ratio: float, target: float | None, note: str
) -> None:
    verdict = "" if target is None else f">= {target:<4g} {'reached' if ratio >= target else 'MISSED'}"
    both = f"{median(seconds[name]) * 1e3:9.3f} {median(seconds['ours']) * 1e3:9.3f}"
    print(f"{job:10} {name:18} {both} {ratio:8.2f}x  {verdict:16} {note}", flush=True)


def threads(ours: Client, rounds: int) -> bool:
    """Eight threads beside one, at a server that takes its time."""
    for attempt in (1, 2):
        seconds: dict[str, list[float]] = {"one thread": [], "ours": []}
        for _ in range(rounds):
            for name, job in (("one thread", "serial"), ("ours", "parallel")):
                seconds[name].append(ours.run(job, THREADS_CALLS[job])["wall"])
        ratio = median(one / eight for one, eight in zip(*seconds.values(), strict=True))
        note = "wall" if attempt == 1 else "wall (again)"
        _tell("8 threads", "one thread", seconds, ratio, THREADS_TARGET, note)
        if ratio >= THREADS_TARGET:
            return True
    return False


def main() -> int:
    """Run what is asked for; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default=",".join([*FIGURES, "threads"]), help="some of: %(default)s")
    options = parser.parse_args()
    wanted = options.only.split(",")
    if not set(wanted) <= {*FIGURES, "threads"}:
        parser.error(f"--only takes {', '.join([*FIGURES, 'threads'])}")
    pythons = {name: str(python_environment(f"rest-{name}", packages)) for name, packages in PACKAGES.items()}
    pythons |= {"dataclasses-json": sys.executable, "ours": sys.executable}
    with ExitStack() as stack:
        url = stack.enter_context(server())
        clients = {name: Client(name, python, url) for name, python in pythons.items()}
        for client in clients.values():
            stack.callback(client.close)
        print(f"Python {platform.python_version()}, {os.cpu_count()} cores; milliseconds, medians of {options.rounds}")
        print(f"{'job':10} {'peer':18} {'peer':>9} {'ours':>9} {'ratio':>9}  {'target':16} clock")
        reached = [compare(FIGURES[name], list(clients.values()), options.rounds) for name in wanted if name in FIGURES]
        if "threads" in wanted:
            reached.append(threads(clients["ours"], options.rounds))
    return 0 if all(reached) else 1


if __name__ == "__main__":
    sys.exit(main())
