"""Whatever answers a deal that left: a verdict, a refusal that was stated, or doubt; never another exception."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import threading
from collections.abc import Callable, Iterator
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ig_sdk.client import IGClient
from ig_sdk.clock import ManualClock
from ig_sdk.errors import APIError, DealRejected, DealUncertain
from ig_sdk.rest.http.transport import Request, RequestsTransport, Response, Timeout
from ig_sdk.simulator import Simulator
from ig_sdk.types import Confirm, Limit, Stop

EPIC = "CS.D.EURUSD.MINI.IP"

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
WORDS = st.sampled_from(
    ["dealReference", "dealStatus", "status", "dealId", "reason", "errorCode", "affectedDeals", "direction", "date"]
)
BODIES = (
    st.sampled_from(
        [b"{}", b"null", b"", b" ", b"[]", b'""', b"<html><body>Sorry</body></html>", b'{"dealRef', b"\xff"]
    )
    | st.dictionaries(WORDS, JSON, max_size=4).map(lambda value: json.dumps(value).encode())
    | JSON.map(lambda value: json.dumps(value).encode())
    | st.binary(max_size=20)
    | st.just(b"[" * 2_000)
)
STATUSES = st.sampled_from([200, 200, 200, 201, 204, 206, 302, 400, 401, 403, 404, 408, 409, 429, 500, 502, 503]) | (
    st.integers(200, 999)
)


class QuickClock(ManualClock):
    """A clock on which every wait is soon over."""

    def wait(self, event: threading.Event, timeout: float) -> bool:
        if not event.wait(min(timeout, 0.001)):
            self.advance(timeout)
        return event.is_set()


class Answering(RequestsTransport):
    """A transport that gives the answers to deals, or to the questions for their confirms, itself."""

    def __init__(self) -> None:
        super().__init__()
        self.part = ""  # of the path whose requests are answered here
        self.carries = False
        self.answer = Response(200)
        self.left = 0

    def send(self, request: Request, *, timeout: Timeout) -> Response:
        if not self.part or self.part not in request.path:
            return super().send(request, timeout=timeout)
        self.left += 1
        if self.carries:
            super().send(request, timeout=timeout)
        return dataclasses.replace(self.answer)


@dataclasses.dataclass
class Desk:
    """A client, its transport, and what it deals on."""

    ig: IGClient
    transport: Answering
    position: str = ""
    order: str = ""
    level: Decimal = Decimal(1)


CALLS: dict[str, Callable[[Desk], Confirm]] = {
    "open": lambda desk: desk.ig.positions.open(EPIC, "BUY", 1),
    "amend": lambda desk: desk.ig.positions.amend(desk.position, stop=Stop(distance=60)),
    "close": lambda desk: desk.ig.positions.close(desk.position),
    "part": lambda desk: desk.ig.positions.close(desk.position, 1),
    "create": lambda desk: desk.ig.orders.create(EPIC, "BUY", 1, level=desk.level),
    "amend order": lambda desk: desk.ig.orders.amend(desk.order, limit=Limit(distance=60)),
    "cancel": lambda desk: desk.ig.orders.cancel(desk.order),
}


@contextlib.contextmanager
def new_desk() -> Iterator[Desk]:
    """A client alone at a simulator of its own, with a position and an order."""
    transport = Answering()
    with (
        Simulator(allowances=None, confirm_delay_s=0.0, opening_hours=False) as sim,
        IGClient(sim.config(reconnect={"max_retries": 1}), clock=QuickClock(), transport=transport) as ig,
    ):
        desk = Desk(ig, transport)
        opened = ig.positions.open(EPIC, "BUY", 2)
        assert opened.level is not None
        desk.position, desk.level = opened.deal_id or "", opened.level - Decimal("0.02")
        desk.order = ig.orders.create(EPIC, "BUY", 1, level=desk.level).deal_id or ""
        yield desk


@pytest.mark.parametrize("name", CALLS)
@settings(max_examples=20, suppress_health_check=[HealthCheck.too_slow])
@given(part=st.sampled_from(["/otc", "/otc", "/confirms/"]), status=STATUSES, body=BODIES, carries=st.booleans())
def test_every_odd_reply_ends_as_it_must(name: str, part: str, status: int, body: bytes, carries: bool) -> None:
    """And what is told of the outcome is what the book shows."""
    with new_desk() as desk:
        answer = Response(status, {"content-type": "application/json"}, body)
        told, refusal = _told(desk, name, part, answer, carries=carries)
    if isinstance(refusal, APIError):
        assert (part, refusal.status) == ("/otc", status)
        assert 400 <= status < 500
    elif refusal is not None:
        assert part == "/confirms/"
    else:
        assert (told is not None) is (carries or part != "/otc")
        assert told is None or told.accepted


def _told(
    desk: Desk, name: str, part: str, answer: Response, *, carries: bool
) -> tuple[Confirm | None, DealRejected | APIError | None]:
    """Return what a call, and ``resolve()`` after it, tells while some answers are replaced."""
    desk.transport.answer, desk.transport.carries, desk.transport.part = answer, carries, part
    try:
        return CALLS[name](desk), None
    except DealUncertain as error:
        desk.transport.part = ""
        return error.resolve(timeout=300), None  # an allowance may be spent for a minute
    except (DealRejected, APIError) as error:
        return None, error
    finally:
        assert desk.transport.left >= 1
