"""One client, many threads: no request carries what belongs to another, and none waits for another."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from ig_sdk.clock import SystemClock
from ig_sdk.config import IGConfig
from ig_sdk.rest.http.endpoint import Endpoint
from ig_sdk.rest.http.limits.numbers import Limits
from ig_sdk.rest.http.limits.throttle import Throttle
from ig_sdk.rest.http.requestor import Deadline, Requestor, Stamp
from ig_sdk.rest.http.transport import RequestsTransport
from ig_sdk.simulator import Simulator

THREADS = 8
KINDS = [
    Endpoint("GET", "/markets/{name}", version=3),
    Endpoint("GET", "/markets/{name}", version=4),
    Endpoint("GET", "/positions/{name}", version=2),
    Endpoint("GET", "/watchlists/{name}"),
    Endpoint("PUT", "/workingorders/otc/{name}", version=2, mutating=True, allowance="trading"),
    Endpoint("POST", "/positions/otc/{name}", version=2, mutating=True, allowance="trading"),
    Endpoint("DELETE", "/positions/otc/{name}", mutating=True, allowance="trading"),
    Endpoint("DELETE", "/watchlists/{name}", mutating=True),
]
WITH_BODY = {"PUT", "POST"}


class Echo(BaseHTTPRequestHandler):
    """Answers with what it was asked; a path that meets waits until so many are there at once."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    meeting = threading.Barrier(THREADS)

    def answer(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length).decode()
        if self.path.endswith("/meet"):
            self.meeting.wait(10)
        seen = {name: self.headers.get(name) for name in ("VERSION", "_method", "CST")}
        text = json.dumps({"method": self.command, "path": self.path, "body": body, **seen}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_PUT = do_POST = do_DELETE = answer  # noqa: N815 -- the names that http.server calls

    def log_message(self, *_: object) -> None:
        pass


class Tokens:
    """An account and a token for each thread that asks."""

    account_id = "ABC12"

    def stamp(self, _deadline: Deadline) -> Stamp:
        return Stamp({"CST": threading.current_thread().name}, 1)

    def renew(self, generation: int) -> None:
        pass


@pytest.fixture
def requestor() -> Iterator[Requestor]:
    """A requestor of a server that repeats what it heard, with no limit on requests."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    server.daemon_threads = False
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), name="test-server")
    thread.start()
    config = IGConfig(base_url=f"http://127.0.0.1:{server.server_address[1]}/gateway/deal", api_key="k")
    transport = RequestsTransport()
    clock = SystemClock()
    throttle = Throttle(config, clock=clock)
    throttle.tell(Limits())
    made = Requestor(transport, config, lambda: config, clock=clock, closing=threading.Event(), throttle=throttle)
    yield made
    transport.close()
    server.shutdown()
    server.server_close()
    thread.join(10)


def call(requestor: Requestor, endpoint: Endpoint, name: str, *, body: bool) -> dict[str, str | None]:
    sent = {"dealReference": name} if body else None
    reply = requestor.call(
        endpoint, deadline=requestor.deadline(20), parts={"name": name}, body=sent, authorizer=Tokens()
    )
    return dict(reply.data)


def test_no_request_carries_what_belongs_to_another(requestor: Requestor) -> None:
    """VERSION, _method, tokens and body are those of the call, whatever other threads send meanwhile."""

    def work(seed: int) -> int:
        pick, me = random.Random(seed), threading.current_thread().name
        for number in range(60):
            endpoint, name = pick.choice(KINDS), f"{seed}-{number}"
            body = endpoint.method in WITH_BODY or (endpoint.method == "DELETE" and pick.random() < 0.5)
            seen = call(requestor, endpoint, name, body=body)
            tunnelled = body and endpoint.method == "DELETE"
            assert seen == {
                "method": "POST" if tunnelled else endpoint.method,
                "path": "/gateway/deal" + endpoint.path.format(name=name),
                "body": f'{{"dealReference": "{name}"}}' if body else "",
                "VERSION": str(endpoint.version),
                "_method": "DELETE" if tunnelled else None,
                "CST": me,
            }
        return seed

    with ThreadPoolExecutor(THREADS, "test-caller") as pool:
        assert list(pool.map(work, range(THREADS))) == list(range(THREADS))


def test_reads_run_side_by_side(requestor: Requestor) -> None:
    """Eight threads are at the server at once: no lock of ours lets them in one by one."""
    Echo.meeting = threading.Barrier(THREADS)
    with ThreadPoolExecutor(THREADS, "test-caller") as pool:
        calls = [pool.submit(call, requestor, KINDS[0], "meet", body=False) for _ in range(THREADS)]
        assert all(future.result(15)["path"] for future in calls)


def test_a_client_is_for_all_threads() -> None:
    """Logins, reads of several versions and switches of one client mix in many threads, and each gets its own answer."""
    with Simulator(allowances=None) as sim, sim.client(limits={"non_trading_per_minute": 10_000}) as ig:
        epics = [f"CS.D.{pair}.MINI.IP" for pair in ("EURUSD", "GBPUSD", "USDJPY", "AUDUSD", "USDCAD")]

        def work(number: int) -> bool:
            epic = epics[number % len(epics)]
            if number % 3 == 0:
                return ig.session.get().account_id is not None
            if number % 3 == 1:
                return {snapshot.instrument.epic for snapshot in ig.markets.list(epics)} == set(epics)
            return ig.markets.get(epic).instrument.epic == epic

        with ThreadPoolExecutor(THREADS, "test-caller") as pool:
            assert all(pool.map(work, range(60)))
