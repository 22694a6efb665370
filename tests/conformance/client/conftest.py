"""A client session without sockets: the test is the network, the clock and the server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jsonpatch
import pytest

from ig_sdk.lightstreamer.tlcp.actions import Connect, Disconnect, Send
from ig_sdk.lightstreamer.tlcp.codec.requests import encode_http, encode_ws
from ig_sdk.lightstreamer.tlcp.events import StatusChanged
from ig_sdk.lightstreamer.tlcp.options import SessionOptions
from ig_sdk.lightstreamer.tlcp.session import Session
from ig_sdk.lightstreamer.tlcp.spec import SubscriptionSpec
from ig_sdk.lightstreamer.tlcp.updates import ItemUpdate

CONOK = "CONOK,S1,50000,5000,*"


class Client:
    """One session, driven step by step.

    ``connects``, ``sent`` (texts; ``(target, body)`` over HTTP) and ``events`` hold what came since they were last taken.
    """

    def __init__(
        self,
        *,
        json_patch: Any = jsonpatch.apply_patch,
        may_connect: Callable[[str], bool] = lambda _: True,
        **options: Any,
    ) -> None:
        options.setdefault("address", "http://server")
        self.session = Session(
            SessionOptions(**options), random=lambda: 1.0, json_patch=json_patch, may_connect=may_connect
        )
        self.now = 100.0
        self.connects: list[Connect] = []
        self.sends: list[Send] = []
        self.sent: list[Any] = []
        self.events: list[Any] = []
        self.log: list[str] = []

    # the shell

    def pump(self) -> Client:
        """Take what the session wants and tells."""
        for action in self.session.take_actions():
            self.log.append(type(action).__name__)
            if isinstance(action, Connect):
                self.connects.append(action)
            elif isinstance(action, Send):
                self.sends.append(action)
                over_http = self.session.transport != "ws" or action.url is not None
                request = action.request
                self.sent.append(
                    encode_http(request, self.session.version, action.session_id) if over_http else encode_ws(request)
                )
            else:
                assert isinstance(action, Disconnect)
        self.events += self.session.take_events()
        return self

    def connect(self) -> Client:
        self.session.connect(self.now)
        return self.pump()

    def open(self, user: str | None = None, password: str | None = None) -> Client:
        self.session.opened(self.now, user, password)
        return self.pump()

    def say(self, *lines: str) -> Client:
        """The server sends these lines in one message."""
        self.session.receive("".join(f"{line}\r\n" for line in lines), self.now)
        return self.pump()

    def raw(self, text: str) -> Client:
        self.session.receive(text, self.now)
        return self.pump()

    def answer(self, text: str) -> Client:
        self.session.answered(text, self.now)
        return self.pump()

    def lost(self, **how: Any) -> Client:
        self.session.lost(self.now, "reset by peer", **how)
        return self.pump()

    def close(self) -> Client:
        self.session.close(self.now)
        return self.pump()

    def wait(self, seconds: float) -> Client:
        """Let time pass, waking the session whenever it wants."""
        end = self.now + seconds
        for _ in range(1000):
            deadline = self.session.deadline
            if deadline is None or deadline > end:
                break
            self.now = max(self.now, deadline)
            self.session.wake(self.now)
            self.pump()
        else:
            raise AssertionError("the session spins")
        self.now = end
        return self

    def subscribe(self, mode: str = "MERGE", items: str = "i1", fields: str = "f1 f2", **more: Any) -> int:
        names = {"items": tuple(items.split())} if items else {}
        columns = {"fields": tuple(fields.split())} if fields else {}
        spec = SubscriptionSpec(mode=mode, **names, **columns, **more)  # type: ignore[arg-type]
        identifier = self.session.subscribe(spec, self.now)
        self.pump()
        return identifier

    # shortcuts

    def start(self, *lines: str, conok: str = CONOK) -> Client:
        """Connect, open, and have the session created."""
        self.connect().open().say("WSOK", conok, *lines)
        return self.forget()

    def subscribed(
        self, *lines: str, mode: str = "MERGE", items: str = "i1", fields: str = "f1 f2", **more: Any
    ) -> int:
        """Subscribe and have it accepted; returns the id."""
        identifier = self.subscribe(mode, items, fields, **more)
        counts = f"{identifier},{len(items.split())},{len(fields.split())}"
        self.say(f"SUBCMD,{counts},1,2" if mode == "COMMAND" else f"SUBOK,{counts}", *lines)
        return identifier

    def recover(self, *lines: str, conok: str = CONOK) -> Client:
        """The connection breaks and the next one is bound."""
        return self.lost().open().say(conok, *lines)

    def forget(self) -> Client:
        for seen in (self.connects, self.sends, self.sent, self.events, self.log):
            seen.clear()
        return self

    # looking

    @property
    def count(self) -> int:
        return self.session.counter.count

    @property
    def updates(self) -> list[ItemUpdate]:
        return [event for event in self.events if isinstance(event, ItemUpdate)]

    @property
    def rows(self) -> list[list[str | None]]:
        """The values of each update."""
        return [list(update.values.values()) for update in self.updates]

    @property
    def states(self) -> list[str]:
        """The statuses told, with their continuity."""
        return [
            f"{event.status}" + (f" {event.continuity}" if event.continuity else "")
            for event in self.events
            if isinstance(event, StatusChanged)
        ]

    @property
    def errors(self) -> list[Any]:
        """The errors told, by whatever event."""
        told = [getattr(event, "error", None) for event in self.events]
        return [error for error in told if error is not None]

    def of(self, kind: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def parameters(self) -> list[dict[str, str]]:
        """Every parameter line sent, decoded, in order."""
        return [dict(line) for send in self.sends for line in send.request.lines]

    def operations(self, name: str) -> list[dict[str, str]]:
        return [line for line in self.parameters if line.get("LS_op") == name]


@pytest.fixture
def make_client() -> Callable[..., Client]:
    """Make a session with options of one's own."""
    return Client


@pytest.fixture
def client() -> Client:
    """A session that is not started."""
    return Client()


@pytest.fixture
def started() -> Client:
    """A session that is bound."""
    return Client().start()
