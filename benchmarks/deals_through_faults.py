"""Deals through a proxy that cuts, delays and spoils what passes, against the broker's own book.

    .venv/bin/python benchmarks/deals_through_faults.py [--deals 2000] [--threads 4] [--seed 7] [--alone]

Two programs with several threads each deal on one account of a simulator: they open, close in parts of equal sizes,
amend and cancel, on the same positions and orders. Between them and the broker stands a proxy that resets connections
at any byte of request or answer, holds requests back until the client has given up, and puts other answers in their
place. It also writes down which call reached the broker and what the broker decided. Each outcome that a call or its
``resolve()`` told is then compared with that. Exit code 1 says that one was wrong.
"""

from __future__ import annotations

import argparse
import dataclasses
import http.client
import itertools
import json
import random
import socket
import struct
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from ig_sdk import Confirm, DealRejected, DealUncertain, IGClient, IGError, Limit, NotFound, Stop
from ig_sdk.rest import Request, RequestsTransport, Response, Timeout
from ig_sdk.simulator import Simulator

EPIC = "CS.D.EURUSD.MINI.IP"
SIZES = ("0.5", "0.5", "1")
ODD = (
    b"{}",
    b"null",
    b"",
    b"<html>Sorry</html>",
    b"[]",
    b'{"dealReference": null}',
    b'{"dealReference": 7}',
    b'{"deal',
)
READ_TIMEOUT_S = 2.0


@dataclass
class Truth:
    """What the broker did with one call.

    Attributes:
        arrived: How often its dealing request reached the broker.
        confirms: What the broker decided, each time that it took the request.
    """

    arrived: int = 0
    confirms: list[Mapping[str, Any]] = field(default_factory=list)

    @property
    def accepted(self) -> bool:
        return any(each["dealStatus"] == "ACCEPTED" for each in self.confirms)


@dataclass
class Told:
    """What one call, and ``resolve()`` after it, told."""

    call: int
    what: str
    told: str
    confirm: Confirm | None = None


@dataclass
class Figures:
    """What came of a run; the first six must be 0."""

    twice: int = 0
    accepted_but_absent: int = 0
    not_placed_but_there: int = 0
    rejected_but_taken: int = 0
    of_another_deal: int = 0
    another_exception: int = 0
    deals: int = 0
    told: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Whether nothing that was told is wrong."""
        return not self.wrong

    def __str__(self) -> str:
        told = ", ".join(f"{name} {count}" for name, count in sorted(self.told.items()))
        return (
            f"{self.deals} deals: two for one call {self.twice}, accepted but absent {self.accepted_but_absent}, "
            f"not placed but there {self.not_placed_but_there}, rejected but taken {self.rejected_but_taken}, "
            f"of another deal {self.of_another_deal}, another exception {self.another_exception} ({told})"
        )


class Broker:
    """The way to the simulator, one dealing request at a time, so that each decision can be read right after it."""

    def __init__(self, sim: Simulator) -> None:
        address = sim.rest_url.removeprefix("http://").partition("/")[0]
        self._host, _, port = address.partition(":")
        self._port = int(port)
        self._dealing = threading.Lock()
        self._truth_lock = threading.Lock()
        self.truth: dict[int, Truth] = {}

    def ask(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> bytes:
        """Return the whole answer to one request, as bytes."""
        call = int(headers.get("X-Call", "0"))
        if not call or "/otc" not in path:
            return self._exchange(method, path, headers, body)[1]
        with self._dealing:
            with self._truth_lock:
                truth = self.truth.setdefault(call, Truth())
            truth.arrived += 1
            data, raw = self._exchange(method, path, headers, body)
            reference = data.get("dealReference")
            if reference:
                kept = {key: value for key, value in headers.items() if key.lower() not in ("version", "_method")}
                asked = {**kept, "VERSION": "1"}
                confirm, _ = self._exchange("GET", f"/gateway/deal/confirms/{reference}", asked, b"")
                truth.confirms.append(confirm)
            return raw

    def _exchange(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[dict[str, Any], bytes]:
        connection = http.client.HTTPConnection(self._host, self._port, timeout=30)
        try:
            kept = {key: value for key, value in headers.items() if key.lower() not in ("content-length", "connection")}
            connection.request(method, path, body or None, kept)
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        lines = [f"HTTP/1.1 {answer.status} {answer.reason}"]
        lines += [
            f"{key}: {value}"
            for key, value in answer.getheaders()
            if key.lower() not in ("content-length", "connection", "transfer-encoding")
        ]
        lines += [f"Content-Length: {len(content)}", "", ""]
        try:
            data = json.loads(content)
        except ValueError:
            data = None
        return data if isinstance(data, dict) else {}, "\r\n".join(lines).encode() + content


class CuttingProxy:
    """Passes requests on and spoils some of them.

    Args:
        broker: Where they go.
        seed: Seed of what is spoiled.
        chance: Share of the dealing requests that are spoiled; of the others a third of it.
        late: Whether requests may arrive after the client gave up.
    """

    def __init__(self, broker: Broker, seed: int, *, chance: float, late: bool) -> None:
        self._broker = broker
        self._random = random.Random(seed)
        self._chance = chance
        self._late = late
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._sockets: set[socket.socket] = set()
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self._run(self._accept)

    def close(self) -> None:
        """End it, after what was held back has arrived."""
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        with self._lock:
            sockets = list(self._sockets)
        for each in sockets:
            _cut(each)
        for thread in self._threads:
            thread.join(30)

    def _run(self, what: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=what, args=args, name="cutting-proxy", daemon=True)
        with self._lock:
            self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            with self._lock:
                self._sockets.add(connection)
            self._run(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        stream = connection.makefile("rb")
        try:
            while self._one(connection, stream):
                pass
        except (OSError, ValueError):
            pass
        finally:
            stream.close()
            connection.close()
            with self._lock:
                self._sockets.discard(connection)

    def _one(self, connection: socket.socket, stream: Any) -> bool:
        first = stream.readline().decode("latin-1").split()
        if len(first) != 3:
            return False
        headers: dict[str, str] = {}
        while line := stream.readline().decode("latin-1").strip():
            key, _, value = line.partition(":")
            headers[key.strip()] = value.strip()
        sizes = [value for key, value in headers.items() if key.lower() == "content-length"]
        body = stream.read(int(sizes[0])) if sizes else b""
        what = (first[0], first[1], headers, body)
        kind, draw = self._drawn(deals="X-Call" in headers)
        if kind == "cut request":
            _cut(connection)
            return False
        if kind == "late":
            _cut(connection)
            threading.Event().wait(draw)
            self._broker.ask(*what)
            return False
        raw = self._broker.ask(*what)
        if kind == "cut answer":
            connection.sendall(raw[: int(draw * len(raw))])
            _cut(connection)
            return False
        if kind == "slow":
            threading.Event().wait(READ_TIMEOUT_S + 0.5)
        if kind == "odd":
            odd = ODD[int(draw * len(ODD))]
            raw = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(odd) + odd
        if kind == "failed":
            raw = b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"
        connection.sendall(raw)
        return True

    def _drawn(self, *, deals: bool) -> tuple[str, float]:
        with self._lock:
            chance = self._chance if deals else self._chance / 3
            if self._random.random() >= chance:
                return "", 0.0
            kinds = ["cut request", "cut answer", "cut answer", "cut request"]
            if deals:
                kinds += ["odd", "failed", "slow"] if self._late else ["odd", "failed"]
                kinds += ["late"] if self._late else []
            return self._random.choice(kinds), self._random.random()


def _cut(connection: socket.socket) -> None:
    """Reset a connection."""
    try:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass


class Marking(RequestsTransport):
    """Says with each dealing request which call it is of."""

    def __init__(self, current: threading.local) -> None:
        super().__init__()
        self._current = current

    def send(self, request: Request, *, timeout: Timeout) -> Response:
        if "/otc" in request.path:
            headers = {**request.headers, "X-Call": str(self._current.call)}
            request = dataclasses.replace(request, headers=headers)
        return super().send(request, timeout=timeout)


class Program:
    """One program with its threads.

    Args:
        ig: Its client.
        seed: Seed of what it deals.
        current: Holds the number of the call of each thread.
        run: What all programs share.
    """

    def __init__(self, ig: IGClient, seed: int, current: threading.local, run: Run) -> None:
        self._ig = ig
        self._seed = seed
        self._current = current
        self._run = run

    def threads(self, count: int) -> list[threading.Thread]:
        """Return its threads."""
        return [
            threading.Thread(target=self._deal, args=(random.Random(f"{self._seed}-{number}"),), name=f"deals-{number}")
            for number in range(count)
        ]

    def _deal(self, draw: random.Random) -> None:
        while (call := self._run.next_call()) is not None:
            self._current.call = call
            what, act = self._drawn(draw)
            self._run.note(_outcome(call, what, act, self._run.patience_s))

    def _drawn(self, draw: random.Random) -> tuple[str, Callable[[], Confirm]]:
        run, ig = self._run, self._ig
        position, order = run.pick(run.positions, draw), run.pick(run.orders, draw)
        kinds = ["close", "close", "close all", "amend", "amend", "open"] if position else ["open"]
        kinds += ["amend order", "cancel"] if order else ["create"]
        if len(run.positions) < 6:
            kinds += ["open"] * 3
        kind, size = draw.choice(kinds), draw.choice(SIZES)
        points = draw.choice((100, 150, 200))
        level = run.mid - Decimal(draw.choice((150, 200, 250))) / 10_000

        def kept(into: list[str], confirm: Confirm) -> Confirm:
            if confirm.deal_id:
                into.append(confirm.deal_id)
            return confirm

        acts: dict[str, Callable[[], Confirm]] = {
            "open": lambda: kept(run.positions, ig.positions.open(EPIC, draw.choice(("BUY", "SELL")), 3)),
            "close": lambda: ig.positions.close(position, size),
            "close all": lambda: ig.positions.close(position),
            "amend": lambda: ig.positions.amend(
                position, stop=draw.choice((None, Stop(distance=points))), limit=Limit(distance=points)
            ),
            "create": lambda: kept(run.orders, ig.orders.create(EPIC, "BUY", 1, level=level)),
            "amend order": lambda: ig.orders.amend(order, level=level, stop=Stop(distance=points)),
            "cancel": lambda: ig.orders.cancel(order),
        }
        gone = {"amend order": (run.orders, order), "cancel": (run.orders, order)}
        return kind, lambda: run.forgetting(*gone.get(kind, (run.positions, position)), acts[kind])


def _outcome(call: int, what: str, act: Callable[[], Confirm], patience_s: float) -> Told:
    """Return what a call told, and ``resolve()`` where that was needed."""
    try:
        return Told(call, what, "accepted", act())
    except DealRejected as error:
        return Told(call, what, "rejected", error.confirm)
    except DealUncertain as error:
        try:
            found = error.resolve(timeout=patience_s)
        except DealRejected as rejected:
            return Told(call, what, "rejected later", rejected.confirm)
        except DealUncertain:
            return Told(call, what, "uncertain")
        return Told(call, what, "not placed" if found is None else "accepted later", found)
    except IGError as error:
        return Told(call, what, f"not sent: {type(error).__name__}")
    except Exception as error:  # noqa: BLE001 -- that there is none is what this finds out
        return Told(call, what, f"another exception: {error!r}")


class Run:
    """What all threads of a run share.

    Args:
        deals: How many calls are made.
        mid: A price of the market.
        patience_s: How long ``resolve()`` looks.
    """

    def __init__(self, deals: int, mid: Decimal, patience_s: float) -> None:
        self.patience_s = patience_s
        self.mid = mid
        self.positions: list[str] = []
        self.orders: list[str] = []
        self.told: list[Told] = []
        self._lock = threading.Lock()
        self._calls = itertools.count(1)
        self._deals = deals

    def next_call(self) -> int | None:
        """Return the number of the next call, ``None`` after the last."""
        with self._lock:
            number = next(self._calls)
        return number if number <= self._deals else None

    def note(self, told: Told) -> None:
        """Keep what a call told."""
        with self._lock:
            self.told.append(told)

    def forgetting(self, among: list[str], deal_id: str | None, act: Callable[[], Confirm]) -> Confirm:
        """Make a call, and deal no more on what is not there."""
        try:
            return act()
        except NotFound:
            with self._lock:
                if deal_id in among:
                    among.remove(deal_id)
            raise

    def pick(self, among: list[str], draw: random.Random) -> str | None:
        """Return one of the latest deals."""
        with self._lock:
            return draw.choice(among[-6:]) if among else None


def judged(told: list[Told], truth: Mapping[int, Truth]) -> Figures:
    """Return how often what was told differs from what the broker did."""
    figures = Figures(deals=len(told))
    for each in told:
        was = truth.get(each.call, Truth())
        figures.told[each.told] += 1
        wrong = ""
        if len(was.confirms) > 1:
            figures.twice += 1
            wrong = "two deals for one call"
        elif each.told.startswith("accepted") and not was.accepted:
            figures.accepted_but_absent += 1
            wrong = "accepted, but absent"
        elif each.told.startswith("not ") and was.accepted:
            figures.not_placed_but_there += 1
            wrong = "not placed, but there"
        elif each.told.startswith("rejected") and was.accepted:
            figures.rejected_but_taken += 1
            wrong = "rejected, but taken"
        elif each.told.startswith("another exception"):
            figures.another_exception += 1
            wrong = "another exception"
        elif each.told.startswith("accepted") and not _same(each, was):
            figures.of_another_deal += 1
            wrong = "accepted, with the figures of another deal"
        if wrong:
            figures.wrong.append(f"call {each.call} ({each.what}): {wrong}: told {each}; broker {was}")
    return figures


def _same(told: Told, truth: Truth) -> bool:
    confirm, shown = told.confirm, truth.confirms[0]
    if confirm is None or told.what not in ("open", "close", "close all"):
        return True
    pairs = ((confirm.size, shown["size"]), (confirm.level, shown["level"]), (confirm.profit, shown["profit"]))
    # A position that was found by its reference shows the size that is left of it.
    pairs = pairs[1:2] if told.what == "open" else pairs
    return all(mine is None or theirs is None or mine == Decimal(str(theirs)) for mine, theirs in pairs)


def run(
    deals: int, *, threads: int = 4, seed: int = 7, programs: int = 2, chance: float = 0.3, late: bool = True
) -> Figures:
    """Deal through a cutting proxy and return what came of it."""
    with Simulator(seed=seed, allowances=None, confirm_delay_s=0.0, opening_hours=False) as sim:
        broker = Broker(sim)
        with sim.client() as plain:
            mid = plain.market("EURUSD").snapshot.bid
        shared = Run(deals, Decimal(str(mid)), 12.0 if late else 5.0)
        proxies, clients, workers = [], [], []
        try:
            for number in range(programs):
                proxy = CuttingProxy(broker, seed + number, chance=chance, late=late)
                proxies.append(proxy)
                current = threading.local()
                config = sim.config(
                    base_url=f"http://127.0.0.1:{proxy.port}/gateway/deal",
                    read_timeout_s=READ_TIMEOUT_S,
                    reconnect={"max_retries": 8, "initial_delay_s": 0.01, "max_delay_s": 0.1},
                )
                ig = IGClient(config, transport=Marking(current))
                clients.append(ig)
                ig.login()
                workers += Program(ig, seed + number, current, shared).threads(threads)
            for worker in workers:
                worker.start()
            for worker in workers:
                worker.join()
        finally:
            for ig in clients:
                ig.close()
            for proxy in proxies:
                proxy.close()
        return judged(shared.told, broker.truth)


def main() -> int:
    """Run, print the figures, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--deals", type=int, default=2000)
    parser.add_argument("--threads", type=int, default=4, help="of each program")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--alone", action="store_true", help="one program instead of two")
    options = parser.parse_args()
    began = time.monotonic()
    figures = run(options.deals, threads=options.threads, seed=options.seed, programs=1 if options.alone else 2)
    print(f"{figures} in {time.monotonic() - began:.0f} s")
    for line in figures.wrong:
        print(line)
    return 0 if figures.clean else 1


if __name__ == "__main__":
    sys.exit(main())
