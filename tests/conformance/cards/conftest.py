"""Conformance cards: each runs at the simulator, and at IG's demo where the environment holds a login for it.

The only tests that read ``IG_...`` from the environment. How to run them:
docs/how-to/check-the-simulator-against-your-demo-account.md.
"""

from __future__ import annotations

import json
import os
import queue
import threading
import uuid
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import pytest

from ig_sdk import ConfigError, IGClient, IGConfig, ItemUpdate, LightstreamerClient, Subscription, SystemClock
from ig_sdk.rest.http.transport import Request, RequestsTransport, Response, Timeout
from ig_sdk.simulator import Simulator

DEALS, PER_MINUTE = "IG_SDK_CARDS_DEAL", "IG_SDK_CARDS_PER_MINUTE"
PAGE = "docs/how-to/check-the-simulator-against-your-demo-account.md"
LOGIN_NAMES = (
    ("IG_API_KEY", "IG_SERVICE_API_KEY"),
    ("IG_IDENTIFIER", "IG_USERNAME", "IG_SERVICE_USERNAME"),
    ("IG_PASSWORD", "IG_SERVICE_PASSWORD"),
)
# Below the 10 a minute that were seen on demo (REST.md section 3), so that the account stays usable meanwhile.
CONSIDERATE = 8.0
ALLOWANCE_S = 61.0
TIMEOUT = Timeout(10.0, 30.0)
CLOCK = SystemClock()


# ---- which venues


@dataclass(frozen=True)
class Choice:
    """What the environment asks for.

    Attributes:
        config: IG's demo, or ``None`` without a login for it.
        refused: Why IG is not asked although there is a login.
        deals: Whether deals may be placed there.
        per_minute: Requests a minute there.
    """

    config: IGConfig | None = None
    refused: str | None = None
    deals: bool = False
    per_minute: float = CONSIDERATE


def choose(env: Mapping[str, str]) -> Choice:
    """Return what an environment asks for; anything but IG's demo is refused."""
    if not all(any(env.get(name) for name in names) for names in LOGIN_NAMES):
        return Choice()
    try:
        config = IGConfig.load(Path(os.devnull), env)
        per_minute = float(env.get(PER_MINUTE) or CONSIDERATE)
    except (ConfigError, ValueError) as error:
        return Choice(refused=f"the environment cannot be used: {error}")
    if config.environment == "simulator":
        return Choice()
    host = urlsplit(config.base_url or "").hostname
    if config.environment != "demo" or host not in ("demo-api.ig.com", "127.0.0.1"):
        return Choice(refused=f"the cards run at IG's demo only, never at {config.environment} ({host})")
    return Choice(config, deals=env.get(DEALS) == "1", per_minute=per_minute)


CHOICE = choose(os.environ)


@pytest.fixture(scope="session")
def choice() -> Choice:
    """What this run's environment asks for."""
    return CHOICE


@pytest.fixture(scope="session", name="choose")
def _choose() -> Callable[[Mapping[str, str]], Choice]:
    """The rule itself."""
    return choose


def pytest_configure(config: pytest.Config) -> None:
    """Declare the mark."""
    config.addinivalue_line(
        "markers", "card(number, source, sure): a conformance card; its docstring says what must hold"
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each card at each venue; those at IG in one process, one after the other."""
    if "venue_name" in metafunc.fixturenames:
        at_ig = pytest.param("ig-demo", marks=[pytest.mark.xdist_group("ig-demo"), pytest.mark.timeout(900)])
        metafunc.parametrize("venue_name", ["simulator", *([at_ig] if CHOICE.config else [])])


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let a card that fails say what was expected, from where, and what was exchanged."""
    report = yield
    card = item.get_closest_marker("card")
    if card is not None and report.failed:
        venue = getattr(item, "funcargs", {}).get("venue")
        report.sections.append((f"card {card.args[0]}", failure_report(item, card, venue)))
    return report


def failure_report(item: pytest.Item, card: pytest.Mark, venue: Venue | None) -> str:
    """Return the report of a card that failed."""
    lines = [
        f"expected:  {getattr(item, 'function').__doc__}",  # noqa: B009 -- not every item is a function
        f"source:    {card.kwargs['source']} ({card.kwargs['sure']})",
        f"venue:     {venue.name if venue else 'none was reached'}",
        *(f"exchanged: {line}" for line in (venue.exchanged if venue else ())),
    ]
    if venue is not None and venue.at_ig:
        lines.append(f"IG and the simulator differ here. Please report these lines; {PAGE} says how.")
    return "\n".join(lines)


# ---- a venue


@dataclass(frozen=True)
class Answer:
    """One answer; what it holds stays out of tracebacks.

    Attributes:
        status: HTTP status.
        code: IG's ``errorCode``, or ``None``.
        headers: Header fields, names in lower case.
        data: The body, read; ``None`` when it is no JSON.
    """

    status: int
    code: str | None
    headers: Mapping[str, str] = field(repr=False)
    data: Any = field(repr=False)


class Pace:
    """Lets so many requests a minute through, evenly; all of them without a number."""

    def __init__(self, per_minute: float | None = None) -> None:
        self._gap_s = 60.0 / per_minute if per_minute else 0.0
        self._next = 0.0

    def wait(self, least_s: float = 0.0) -> None:
        """Wait until the next request may go."""
        now = CLOCK.monotonic()
        at = max(self._next, now + least_s)
        self._next = at + self._gap_s
        CLOCK.wait(threading.Event(), at - now)


class PacedTransport(RequestsTransport):
    """The client's own transport, held to the pace that all requests of the cards share."""

    def __init__(self, pace: Pace, config: IGConfig) -> None:
        super().__init__(proxy=config.proxy, ca_bundle=config.ca_bundle)
        self._pace = pace

    def send(self, request: Request, *, timeout: Timeout) -> Response:
        """Send a request when it is its turn."""
        self._pace.wait()
        return super().send(request, timeout=timeout)


class Watch:
    """Keeps what a subscription brings."""

    def __init__(
        self, client: LightstreamerClient, mode: str, items: str | list[str], fields: str, **options: Any
    ) -> None:
        self._heard: queue.Queue[tuple[str, Any]] = queue.Queue()
        self.subscription = Subscription(mode, [items] if isinstance(items, str) else items, fields.split(), **options)
        self.subscription.add_listener(self)
        client.connect()
        client.subscribe(self.subscription)

    def on_subscribed(self, event: object) -> None:
        """Keep it."""
        self._heard.put(("subscribed", event))

    def on_error(self, event: object) -> None:
        """Keep it."""
        self._heard.put(("refused", event))

    def on_update(self, update: ItemUpdate) -> None:
        """Keep it."""
        self._heard.put(("update", update))

    def outcome(self, timeout: float = 20.0) -> tuple[str, Any]:
        """Return what happened to the subscription: ``subscribed`` or ``refused``, with the event."""
        return self._heard.get(timeout=timeout)

    def update(self, timeout: float = 30.0) -> ItemUpdate:
        """Return the next update."""
        while True:
            kind, event = self._heard.get(timeout=timeout)
            if kind == "update":
                return event
            assert kind == "subscribed", f"{self.subscription.items} was refused: {event}"

    def silent_for(self, seconds: float) -> bool:
        """Whether no update comes for so long."""
        try:
            self.update(seconds)
        except queue.Empty:
            return True
        return False


class Venue:
    """The simulator or IG's demo, by the public client and by plain HTTP.

    Attributes:
        name: For reports.
        at_ig: Whether it is IG.
        ig: A client that is logged in (v2).
        exchanged: The last requests: method, path, version, status and error code.
        epic: EUR/USD as the account's product has it.
        silence_s: How long an item must say nothing to count as silent.
    """

    def __init__(self, name: str, config: IGConfig, *, per_minute: float | None = None) -> None:
        self.name = name
        self.at_ig = per_minute is not None
        self.config = config
        self.exchanged: deque[str] = deque(maxlen=6)
        self.silence_s = 10.0 if self.at_ig else 0.5
        self._pace = Pace(per_minute)
        self._transport = PacedTransport(self._pace, config)
        self._pause_s = 1.0 if self.at_ig else 0.02
        self._market: dict[str, Any] = {}
        self.ig = IGClient(config, transport=PacedTransport(self._pace, config))
        self.account = self.ig.stream_access().account_id
        kinds = {each.account_id: each.account_type for each in self.ig.session.accounts}
        self.epic = f"CS.D.EURUSD.{'TODAY' if kinds.get(self.account) == 'SPREADBET' else 'MINI'}.IP"

    def __repr__(self) -> str:
        return f"<Venue {self.name}>"

    def close(self) -> None:
        """Log out."""
        self.ig.close()
        self._transport.close()

    # -- plain HTTP

    def ask(
        self,
        method: str,
        path: str,
        version: int | None = 1,
        *,
        body: Any = None,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str | None] | None = None,
        signed: bool = True,
    ) -> Answer:
        """Send one request and return the answer.

        Args:
            method: HTTP method.
            path: Path after ``/gateway/deal``.
            version: Header ``VERSION``; ``None`` leaves it out.
            body: Sent as JSON, or as it is if it is bytes.
            query: Query parameters.
            headers: Header fields over the usual ones; ``None`` removes one.
            signed: With the tokens of the client's login.
        """
        answer = self._ask(method, path, version, body, query, headers, signed=signed)
        if self.at_ig and "exceeded" in (answer.code or ""):
            self._pace.wait(ALLOWANCE_S)
            answer = self._ask(method, path, version, body, query, headers, signed=signed)
        if self.at_ig and signed and not headers and answer.status == 401:
            # Another login of the cards may have ended this one (IG-SPECIFICS.md section 9).
            self.ig.stream_access(fresh=True)
            answer = self._ask(method, path, version, body, query, headers, signed=True)
        return answer

    def _ask(
        self, method: str, path: str, version: int | None, body: Any, query: Any, headers: Any, *, signed: bool
    ) -> Answer:
        sent: dict[str, str | None] = {
            "X-IG-API-KEY": self.config.api_key,
            "Accept": "application/json; charset=UTF-8",
            "Content-Type": "application/json; charset=UTF-8",
            "VERSION": None if version is None else str(version),
            **(self.tokens() if signed else {}),
            **(headers or {}),
        }
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        url = f"{self.config.base_url}{quote(path)}" + (f"?{urlencode(query)}" if query else "")
        request = Request(method, url, {key: value for key, value in sent.items() if value is not None}, data)
        reply = self._transport.send(request, timeout=TIMEOUT)
        answer = _answer(reply)
        self.exchanged.append(f"{method} {path} VERSION {version} -> {reply.status} {answer.code or ''}".rstrip())
        return answer

    def get(self, path: str, version: int | None = 1, **query: Any) -> Any:
        """Return the body of a good answer."""
        answer = self.ask("GET", path, version, query=query)
        assert (answer.status, answer.code) == (200, None)
        return answer.data

    def refuses(self, status: int, code: str, method: str, path: str, version: int | None = 1, **more: Any) -> bool:
        """Whether a request gets this status and error code, and nothing else in the body."""
        answer = self.ask(method, path, version, **more)
        assert (answer.status, answer.code) == (status, code)
        return set(answer.data) == {"errorCode"}

    def tokens(self) -> dict[str, str | None]:
        """Return the header fields of the client's login."""
        client, _, account = (self.ig.stream_access().password or "").removeprefix("CST-").partition("|XST-")
        return {"CST": client, "X-SECURITY-TOKEN": account}

    def login(self, version: int) -> Answer:
        """Log in once more, beside the client."""
        body = {"identifier": self.config.identifier, "password": self.config.password}
        answer = self.ask("POST", "/session", version, body=body, signed=False)
        assert (answer.status, answer.code) == (200, None)
        return answer

    @contextmanager
    def client(self, **changes: Any) -> Iterator[IGClient]:
        """Open another client, which logs in by itself."""
        with IGClient(replace(self.config, **changes), transport=PacedTransport(self._pace, self.config)) as ig:
            yield ig

    def until(self, look: Callable[[], Any], attempts: int = 10) -> Any:
        """Look again, with pauses, until something is seen."""
        for _ in range(attempts * (1 if self.at_ig else 25)):
            if seen := look():
                return seen
            CLOCK.wait(threading.Event(), self._pause_s)
        raise AssertionError("it was not seen in time")

    # -- the market

    def market(self) -> dict[str, Any]:
        """Return EUR/USD, version 3, as it was when a card first asked."""
        self._market = self._market or self.get(f"/markets/{self.epic}", 3)
        return self._market

    def require_open(self) -> None:
        """Skip a card that needs prices while there are none."""
        status = self.market()["snapshot"]["marketStatus"]
        if status != "TRADEABLE":
            pytest.skip(f"{self.epic} is {status} now")

    # -- the stream

    @contextmanager
    def stream(self, **options: Any) -> Iterator[LightstreamerClient]:
        """Open a stream."""
        access = self.ig.stream_access()
        given: dict[str, Any] = {"user": access.user, "password": access.password, "protocol_versions": ("2.4.0",)}
        client = LightstreamerClient(
            access.endpoint, proxy=self.config.proxy, ca_bundle=self.config.ca_bundle, **(given | options)
        )
        with closing(client):
            yield client


def _answer(reply: Response) -> Answer:
    try:
        data = json.loads(reply.body)
    except ValueError:
        data = None
    return Answer(reply.status, data.get("errorCode") if isinstance(data, dict) else None, reply.headers, data)


@pytest.fixture(scope="session")
def demo(choice: Choice) -> Iterator[Venue]:
    """IG's demo: one login for all cards."""
    assert choice.config is not None
    with closing(Venue("IG's demo", choice.config, per_minute=choice.per_minute)) as venue:
        yield venue


@pytest.fixture
def venue(venue_name: str, request: pytest.FixtureRequest) -> Iterator[Venue]:
    """Where a card runs: a simulator of its own, or IG's demo."""
    if venue_name == "ig-demo":
        asked: Venue = request.getfixturevalue("demo")
        asked.exchanged.clear()
        yield asked
        return
    with Simulator(speed=20) as simulator, closing(Venue("the simulator", simulator.config())) as simulated:
        yield simulated


@pytest.fixture
def watch() -> type[Watch]:
    """What subscribes, and keeps what comes."""
    return Watch


@pytest.fixture
def own_reference() -> str:
    """A deal reference that was never used."""
    return f"card-{uuid.uuid4().hex[:20]}"


# ---- dealing


class Book:
    """Deals of one card, which are undone behind it.

    Args:
        venue: Where.
    """

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self._references: list[str] = []
        self._order_references: list[str] = []
        market = venue.market()
        currencies = market["instrument"]["currencies"]
        self.size = Decimal(str(market["dealingRules"]["minDealSize"]["value"]))
        self.terms = {
            "epic": venue.epic,
            "expiry": market["instrument"]["expiry"],
            "currencyCode": next((each["code"] for each in currencies if each["isDefault"]), currencies[0]["code"]),
            "direction": "BUY",
            "size": float(self.size),
            "forceOpen": True,
            "guaranteedStop": False,
        }
        self.level = market["snapshot"]["bid"]

    def post(self, **changes: Any) -> Answer:
        """Ask for a position at the market; ``...`` as a value leaves a field out."""
        return self._post("/positions/otc", {**self.terms, "orderType": "MARKET", **changes})

    def post_order(self, **changes: Any) -> Answer:
        """Ask for a working order, far below the market."""
        order = {"type": "LIMIT", "level": round(self.level * 0.9, 4), "timeInForce": "GOOD_TILL_CANCELLED"}
        answer = self._post("/workingorders/otc", {**self.terms, **order, **changes})
        if answer.status == 200:
            self._order_references.append(answer.data["dealReference"])
        return answer

    def _post(self, path: str, body: dict[str, Any]) -> Answer:
        answer = self._venue.ask("POST", path, 2, body={key: each for key, each in body.items() if each is not ...})
        if answer.status == 200:
            self._references.append(answer.data["dealReference"])
        return answer

    def confirm(self, answer: Answer, status: str | None = "OPEN") -> dict[str, Any]:
        """Return the confirm of a request once it has a status; ``None`` is that of a rejected one.

        A close and an amendment overwrite the confirm of the deal under the same reference.
        """
        assert (answer.status, answer.code) == (200, None)
        path = f"/confirms/{answer.data['dealReference']}"

        def look() -> Any:
            reply = self._venue.ask("GET", path)
            return reply.data if reply.status == 200 and reply.data["status"] == status else None

        confirm: dict[str, Any] = self._venue.until(look)
        return confirm

    def open(self, **changes: Any) -> dict[str, Any]:
        """Open a position and return its confirm."""
        return self.confirm(self.post(**changes))

    def order(self, **changes: Any) -> dict[str, Any]:
        """Place a working order and return its confirm."""
        return self.confirm(self.post_order(**changes))

    def close(self, deal_id: str, size: Decimal | None = None, direction: str = "SELL") -> Answer:
        """Ask for the close of a position, or of a part of it."""
        body = {"dealId": deal_id, "direction": direction, "size": float(size or self.size), "orderType": "MARKET"}
        return self._venue.ask("POST", "/positions/otc", 1, body=body, headers={"_method": "DELETE"})

    def position(self, deal_id: str) -> dict[str, Any]:
        """Return a position, version 2."""
        found: dict[str, Any] = self._venue.get(f"/positions/{deal_id}", 2)["position"]
        return found

    def undo(self) -> None:
        """Close and cancel what is left of the card's deals, and of nothing else."""
        if self._references:
            for each in self._venue.get("/positions", 2)["positions"]:
                held = each["position"]
                if held["dealReference"] in self._references:
                    other = "SELL" if held["direction"] == "BUY" else "BUY"
                    self.close(held["dealId"], Decimal(str(held["size"])), other)
        # A list of orders names no references, so that each is looked up by its confirm.
        for reference in self._order_references:
            confirm = self._venue.ask("GET", f"/confirms/{reference}")
            if confirm.status == 200 and confirm.data["status"] in ("OPEN", "AMENDED"):
                self._venue.ask("DELETE", f"/workingorders/otc/{confirm.data['dealId']}", 2)


@pytest.fixture
def book(venue: Venue, choice: Choice) -> Iterator[Book]:
    """Deals; at IG only if that was asked for."""
    if venue.at_ig and not choice.deals:
        pytest.skip(f"places deals at IG's demo: only with {DEALS}=1")
    venue.require_open()
    made = Book(venue)
    yield made
    made.undo()
