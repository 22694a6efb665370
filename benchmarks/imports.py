"""What an import costs, beside that of the two libraries that carry our bytes, in one run.

    .venv/bin/python benchmarks/imports.py [--rounds 15]

Each figure is the quickest of the rounds, in a process of its own, less what an empty process takes. Rounds alternate,
so a slow minute of the machine hits all of them. Exit code 1 says that ``from ig_sdk import IGClient`` takes more than
1.3 times ``import requests, websocket``.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from time import perf_counter

PEERS = "import requests, websocket"
OURS = "from ig_sdk import IGClient"
FIRST_CLIENT = "from ig_sdk import IGClient, IGConfig; IGClient(IGConfig.simulator())"
STREAM = "from ig_sdk import LightstreamerClient"
TARGET = 1.3


def seconds(code: str) -> float:
    """Return how long a fresh Python takes for ``code``."""
    began = perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return perf_counter() - began


def main() -> int:
    """Print the table; return 1 when the target is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    codes = ("pass", PEERS, OURS, STREAM, FIRST_CLIENT)
    runs = [[seconds(code) for code in codes] for _ in range(rounds + 1)][1:]  # the first one writes bytecode
    quickest = [min(column) for column in zip(*runs, strict=True)]
    net = {code: value - quickest[0] for code, value in zip(codes, quickest, strict=True)}
    for code in codes[1:]:
        print(f"{net[code] * 1000:7.1f} ms  {net[code] / net[PEERS]:5.2f}  {code}")
    missed = net[OURS] > TARGET * net[PEERS]
    print(f"target: {OURS} at most {TARGET} times {PEERS}: {'missed' if missed else 'reached'}")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
