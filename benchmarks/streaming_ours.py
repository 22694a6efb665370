"""Our stream against the benchmark's server: argv port, items, updates, readers, how, [file of the server's stamps].

``how`` is "iterate" or "callback". Every reader takes bid, offer and time of each tick, typed and judged by the quality
filter.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from array import array
from pathlib import Path

from ig_sdk import IGClient, IGConfig
from ig_sdk.rest import Request, Response, Timeout
from ig_sdk.streaming import IGStream
from ig_sdk.types import Tick

sys.path.insert(0, str(Path(__file__).parent))
from lightstreamer_sink import cpu_s, quantile, resident_mb
from streaming_feed import ACCOUNT, EPICS, order

LONGEST_S = 250.0
WARM_UP_SHARE = 0.1


class Login:
    """The REST side: a login, and nothing else."""

    def send(self, request: Request, *, timeout: Timeout) -> Response:
        del timeout
        told = {"currentAccountId": ACCOUNT, "accounts": [{"accountId": ACCOUNT, "accountType": "CFD"}]}
        body = {"/session": {**told, "lightstreamerEndpoint": "http://127.0.0.1"}, "/application": []}
        found = next((value for end, value in body.items() if request.path.endswith(end)), {})
        return Response(200, {"cst": "c", "x-security-token": "x"}, json.dumps(found).encode())

    def abort(self) -> None: ...

    def close(self) -> None: ...


class Reader:
    """One consumer of all items: counts its ticks and, where it is asked to, notes when each came."""

    def __init__(self, stream: IGStream, epics: list[str], count: int, *, stamped: bool, callback: bool) -> None:
        self.seen = 0
        self.count = count
        self.began = self.ended = 0.0
        self.last: tuple[float, float, object] = (0.0, 0.0, None)
        self.came: dict[str, array[int]] = {epic: array("q") for epic in epics}
        self.done = threading.Event()
        self._take = self._stamp if stamped else self._read
        self._warm_at = len(epics) + 1
        if callback:
            self.prices = stream.prices(epics, self._take, overflow="block")
        else:
            self.prices = stream.prices(epics, overflow="block")
            threading.Thread(target=self._iterate, name="reader", daemon=True).start()

    def _iterate(self) -> None:
        take = self._take
        for tick in self.prices:
            take(tick)

    def _read(self, tick: Tick) -> None:
        self.last = tick.bid, tick.offer, tick.time
        seen = self.seen = self.seen + 1
        if seen == self._warm_at:  # the first after the snapshots
            self.began = time.perf_counter()
        elif seen == self.count:
            self.ended = time.perf_counter()
            self.done.set()

    def _stamp(self, tick: Tick) -> None:
        self.came[tick.epic].append(time.perf_counter_ns())
        self._read(tick)


def latencies(reader: Reader, stamps: array[int], items: int) -> list[float]:
    """Return how many microseconds after the server's write each tick was here; the warm-up is left out."""
    places = dict.fromkeys(EPICS[:items], 1)  # the first of each is its snapshot
    late = []
    for item, written in zip(order(len(stamps), items), stamps, strict=True):
        epic = EPICS[item]
        late.append((reader.came[epic][places[epic]] - written) / 1e3)
        places[epic] += 1
    return late[int(len(late) * WARM_UP_SHARE) :]


def read_stamps(path: Path) -> array[int]:
    pause = threading.Event()
    while not path.exists():
        pause.wait(0.05)
    stamps: array[int] = array("q")
    stamps.frombytes(path.read_bytes())
    return stamps


def main() -> None:
    """Run to the last tick of the last reader."""
    port, items, count, readers, how = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), sys.argv[5]
    stamps = Path(sys.argv[6]) if len(sys.argv) > 6 else None
    config = IGConfig(
        api_key="k", identifier="i", password="p", stream_url=f"http://127.0.0.1:{port}",
        limits={"subscriptions": 1000, "non_trading_per_minute": 1000, "trading_per_minute": 1000},
    )  # fmt: skip
    epics = list(EPICS[:items])
    with IGClient(config, transport=Login()) as ig, ig.stream() as stream:
        opened = [
            Reader(stream, epics, count + items, stamped=stamps is not None, callback=how == "callback")
            for _ in range(readers)
        ]
        cpu, memory = cpu_s(), resident_mb()
        for reader in opened:
            if not reader.done.wait(LONGEST_S):
                raise SystemExit(f"{reader.seen} of {reader.count} ticks came")
        cpu, memory = cpu_s() - cpu, resident_mb() - memory
        figures = {
            "seconds": max(reader.ended for reader in opened) - min(reader.began for reader in opened),
            "cpu_us": cpu / count * 1e6,
            "grown_mb": memory,
            "set_aside": sum(each.set_aside for reader in opened for each in reader.prices.counts.values()),
        }
        if stamps is not None:
            written = read_stamps(stamps)
            late = [each for reader in opened for each in latencies(reader, written, items)]
            # With a backlog even the quickest of the last ticks is late.
            tails = [latencies(reader, written, items)[-max(count // 60, 1) :] for reader in opened]
            ordered = sorted(late)
            figures |= {
                "p50_us": quantile(ordered, 0.5),
                "p99_us": quantile(ordered, 0.99),
                "end_us": max(min(tail) for tail in tails),
            }
    print(json.dumps(figures), flush=True)


if __name__ == "__main__":
    main()
