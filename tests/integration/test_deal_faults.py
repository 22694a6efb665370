"""The fault matrix: each dealing call against each way in which a request can go wrong, on real sockets."""

from __future__ import annotations

import dataclasses
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pytest

from ig_sdk.client import IGClient
from ig_sdk.clock import ManualClock
from ig_sdk.errors import (
    AuthenticationError,
    ConnectFailed,
    DealUncertain,
    IGError,
    PermissionDenied,
    RateLimited,
    SessionExpired,
)
from ig_sdk.rest.http.transport import Request, RequestsTransport, Response, Timeout
from ig_sdk.simulator import Simulator
from ig_sdk.types import Confirm, Limit, Stop

EPIC = "CS.D.EURUSD.MINI.IP"
TOKEN_DEAD = "error.security.client-token-invalid"
HTML = {"body": b"<html><body>Sorry</body></html>", "content_type": "text/html"}
# Long enough for a busy machine, where the simulator may take its time over an answer.
TIMEOUT_S = 1.5


class Detour:
    """A transport that can send dealing requests to a port on which nobody listens."""

    def __init__(self) -> None:
        self.inner = RequestsTransport()
        self.refused = 0  # how many of the next dealing requests
        # Bound and not listening: nobody else can get the port meanwhile.
        self.nobody = socket.socket()
        self.nobody.bind(("127.0.0.1", 0))
        self.port = self.nobody.getsockname()[1]

    def send(self, request: Request, *, timeout: Timeout) -> Response:
        if "/otc" in request.path and self.refused:
            self.refused -= 1
            request = dataclasses.replace(request, url=f"http://127.0.0.1:{self.port}{request.path}")
        return self.inner.send(request, timeout=timeout)

    def abort(self) -> None:
        self.inner.abort()

    def close(self) -> None:
        self.inner.close()
        self.nobody.close()


@dataclass
class Bench:
    """A client at a simulator, with a position and an order to act on."""

    sim: Simulator
    ig: IGClient
    detour: Detour
    position: str = ""
    order: str = ""
    levels: dict[str, Decimal] = field(default_factory=dict)


@pytest.fixture
def bench(sim: Simulator, quick_clock: ManualClock) -> Iterator[Bench]:
    """A fresh simulator for each cell."""
    detour = Detour()
    config = sim.config(read_timeout_s=TIMEOUT_S, reconnect={"max_retries": 2})
    with IGClient(config, clock=quick_clock, transport=detour) as ig:
        made = Bench(sim, ig, detour)
        opened = ig.positions.open(EPIC, "BUY", 2, stop=Stop(distance=50), limit=Limit(distance=80))
        assert opened.level is not None
        made.levels = {"stop": opened.level - Decimal("0.0060"), "order": opened.level - Decimal("0.0100")}
        made.position = opened.deal_id or ""
        made.order = ig.orders.create(EPIC, "BUY", 1, level=made.levels["order"]).deal_id or ""
        yield made


def _stop_moved(bench: Bench) -> bool:
    return bench.ig.positions.get(bench.position).stop_level == bench.levels["stop"]


def _order_moved(bench: Bench) -> bool:
    return [each.order_level for each in bench.ig.orders.list()] == [bench.levels["order"] - Decimal("0.001")]


@dataclass(frozen=True)
class Call:
    """One dealing call.

    Attributes:
        method: Its HTTP method.
        path: Beginning of its path.
        do: Makes the call.
        taken: How often the simulator's broker has carried it out.
    """

    method: str
    path: str
    do: Callable[[Bench], Confirm]
    taken: Callable[[Bench], int]


CALLS = {
    "open": Call(
        "POST",
        "/positions/otc",
        lambda bench: bench.ig.positions.open(EPIC, "SELL", 1),
        lambda bench: len(bench.ig.positions.list()) - 1,
    ),
    "amend": Call(
        "PUT",
        "/positions/otc",
        lambda bench: bench.ig.positions.amend(bench.position, stop=Stop(level=bench.levels["stop"])),
        _stop_moved,
    ),
    "close": Call(
        "DELETE",
        "/positions/otc",
        lambda bench: bench.ig.positions.close(bench.position),
        lambda bench: 1 - len(bench.ig.positions.list()),
    ),
    "part": Call(
        "DELETE",
        "/positions/otc",
        lambda bench: bench.ig.positions.close(bench.position, "0.5"),
        lambda bench: int((2 - bench.ig.positions.get(bench.position).size) / Decimal("0.5")),
    ),
    "create": Call(
        "POST",
        "/workingorders/otc",
        lambda bench: bench.ig.orders.create(EPIC, "SELL", 1, level=bench.levels["order"], kind="STOP"),
        lambda bench: len(bench.ig.orders.list()) - 1,
    ),
    "amend order": Call(
        "PUT",
        "/workingorders/otc",
        lambda bench: bench.ig.orders.amend(bench.order, level=bench.levels["order"] - Decimal("0.001")),
        _order_moved,
    ),
    "cancel": Call(
        "DELETE",
        "/workingorders/otc",
        lambda bench: bench.ig.orders.cancel(bench.order),
        lambda bench: 1 - len(bench.ig.orders.list()),
    ),
}


@dataclass(frozen=True)
class Cell:
    """One way to go wrong, and what must follow.

    Attributes:
        fault: Arguments of ``sim.faults.rest``.
        ends: What the call ends in: ``None`` for an accepted deal, else the class of its error.
        requests: How many requests may have reached the server.
        taken: How often the broker carried the deal out.
    """

    fault: dict[str, Any]
    ends: type[IGError] | None
    requests: tuple[int, ...] = (1,)
    taken: int = 0


def _refusal(status: int, code: str, error: type[IGError], **more: Any) -> Cell:
    return Cell({"status": status, "code": code, **more}, error)


CELLS = {
    "reset": Cell({"reset": True}, DealUncertain),
    "reset, taken": Cell({"reset": True, "taken": True}, DealUncertain, taken=1),
    "closed": Cell({"drop": True}, DealUncertain),
    "closed, taken": Cell({"drop": True, "taken": True}, DealUncertain, taken=1),
    "request cut in its head": Cell({"cut_request": 20}, DealUncertain, (0, 1)),
    "request cut at its end": Cell({"cut_request": 4000}, DealUncertain, (0, 1)),
    "reply cut in its first line": Cell({"status": None, "cut_after": 5}, DealUncertain, taken=1),
    "reply cut in its head": Cell({"status": None, "cut_after": 60}, DealUncertain, taken=1),
    "reply cut in its body": Cell({"status": None, "cut_after": 240}, DealUncertain, taken=1),
    "timed out": Cell({"status": None, "taken": True, "delay_s": TIMEOUT_S + 0.5}, DealUncertain, taken=1),
    "HTML": Cell({"status": 200, **HTML}, DealUncertain),
    "HTML, taken": Cell({"status": 200, "taken": True, **HTML}, DealUncertain, taken=1),
    "401, token code": Cell({"status": 401, "code": TOKEN_DEAD}, None, (2,), taken=1),
    "401, token code, twice": Cell({"status": 401, "code": TOKEN_DEAD, "times": 2}, SessionExpired, (2,)),
    "401, other code": _refusal(401, "error.security.generic", AuthenticationError),
    "401, HTML": Cell({"status": 401, **HTML}, AuthenticationError),
    "403, allowance": _refusal(403, "error.public-api.exceeded-account-trading-allowance", RateLimited),
    "403, other code": _refusal(403, "error.security.api-key-restricted", PermissionDenied),
    "403, HTML": Cell({"status": 403, **HTML}, PermissionDenied),
    "429": _refusal(429, "too-many", RateLimited, headers={"Retry-After": "1"}),
    "500": Cell({"status": 500, "code": "system.error"}, DealUncertain),
    "500, taken": Cell({"status": 500, "code": "system.error", "taken": True}, DealUncertain, taken=1),
    "500, token code": Cell({"status": 500, "code": TOKEN_DEAD, "taken": True}, DealUncertain, taken=1),
    "503": Cell({"status": 503, **HTML}, DealUncertain),
    "503, taken": Cell({"status": 503, "taken": True, **HTML}, DealUncertain, taken=1),
    "302": Cell({"status": 302, "headers": {"Location": "https://example.com/"}}, DealUncertain),
}


def _arrived(bench: Bench, call: Call) -> int:
    return len(bench.sim.requests(call.method, call.path))


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("name", CALLS)
def test_a_deal_is_sent_once_whatever_happens(bench: Bench, name: str, cell: str) -> None:
    """The call ends as it must, the server saw no more requests than it may, and looking the deal up tells the truth."""
    call, want = CALLS[name], CELLS[cell]
    before = _arrived(bench, call)
    bench.sim.faults.rest(path=call.path, method=call.method, **want.fault)
    uncertain: DealUncertain | None = None
    if want.ends is None:
        assert call.do(bench).accepted
    else:
        with pytest.raises(want.ends) as caught:
            call.do(bench)
        assert type(caught.value) is want.ends
        uncertain = caught.value if isinstance(caught.value, DealUncertain) else None
    assert _arrived(bench, call) - before in want.requests
    if uncertain is not None:
        found = uncertain.resolve()
        assert (found is not None) is bool(want.taken), uncertain
        assert found is None or found.accepted
    bench.sim.faults.clear()
    assert int(call.taken(bench)) == want.taken
    assert _arrived(bench, call) - before in want.requests


@pytest.mark.parametrize("name", CALLS)
def test_a_refused_connection_is_no_deal(bench: Bench, name: str) -> None:
    """Nothing reached the server, so the error says that nothing was sent, and there is no doubt."""
    call = CALLS[name]
    before = _arrived(bench, call)
    bench.detour.refused = 100
    with pytest.raises(ConnectFailed) as caught:
        call.do(bench)
    assert caught.value.sent == "no"
    bench.detour.refused = 0
    assert (_arrived(bench, call) - before, int(call.taken(bench))) == (0, 0)


@pytest.mark.parametrize("name", CALLS)
def test_a_deal_that_never_left_is_tried_again(bench: Bench, name: str) -> None:
    """A connection that is refused once costs nothing but a moment."""
    call = CALLS[name]
    before = _arrived(bench, call)
    bench.detour.refused = 1
    assert call.do(bench).accepted
    assert (_arrived(bench, call) - before, int(call.taken(bench))) == (1, 1)


@pytest.mark.parametrize("name", CALLS)
def test_a_verdict_that_cannot_be_read_is_no_verdict(bench: Bench, name: str) -> None:
    """IG took the deal, but the confirms fail: the outcome is unknown, and positions, orders and history tell it."""
    call = CALLS[name]
    before = _arrived(bench, call)
    bench.sim.faults.rest(500, None, "/confirms")
    with pytest.raises(DealUncertain, match="no verdict") as caught:
        call.do(bench)
    found = caught.value.resolve()
    assert found is not None
    assert found.accepted
    assert int(call.taken(bench)) == 1
    assert _arrived(bench, call) - before == 1


@pytest.mark.parametrize("broken", ["/confirms", "/positions", "/workingorders", "/history/activity"])
def test_what_cannot_be_read_proves_nothing(bench: Bench, broken: str) -> None:
    """As long as one place cannot be looked at, a deal that is nowhere else is not called "not placed"."""
    bench.sim.faults.rest(reset=True, path="/positions/otc", method="POST")
    with pytest.raises(DealUncertain) as caught:
        bench.ig.positions.open(EPIC, "SELL", 1)
    bench.sim.faults.rest(503, None, broken)
    with pytest.raises(DealUncertain, match="HTTP 503") as again:
        caught.value.resolve()
    assert again.value.deal_reference == caught.value.deal_reference
    bench.sim.faults.clear()
    assert again.value.resolve() is None


def test_a_deal_that_arrives_late_is_found() -> None:
    """The answer was given up before IG had the deal: absence right after that is not taken for "not placed"."""
    with Simulator(allowances=None) as sim, sim.client(read_timeout_s=TIMEOUT_S) as ig:
        ig.login()
        sim.faults.rest(None, path="/positions/otc", method="POST", delay_s=TIMEOUT_S + 1.0)
        with pytest.raises(DealUncertain) as caught:
            ig.positions.open(EPIC, "BUY", 1)
        with pytest.raises(DealUncertain):
            caught.value.resolve(timeout=0.3)
        found = caught.value.resolve(timeout=20)
        assert found is not None
        assert [each.deal_id for each in ig.positions.list()] == [found.deal_id]
        assert found.deal_reference == caught.value.deal_reference


def test_a_client_that_closes_leaves_no_doubt_behind(bench: Bench) -> None:
    """Closing while a verdict is awaited ends the call at once, as uncertain."""
    bench.sim.faults.rest(404, None, "/confirms", code="error.confirms.deal-not-found")
    ended: list[BaseException] = []

    def deal() -> None:
        try:
            bench.ig.positions.open(EPIC, "BUY", 1)
        except IGError as error:
            ended.append(error)

    thread = threading.Thread(target=deal, name="dealing")
    thread.start()
    bench.ig.close()
    thread.join(10)
    assert not thread.is_alive()
    assert len(ended) == 1
