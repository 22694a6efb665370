"""Weeks of a bad line in seconds: our client's session against our server's, without sockets, under a seeded script.

    python tests/property/test_stream_soak.py [faults] [seed]     for the long run: 10,000 over each transport

Every row of every item has a number. What the script holds to:

* Rows come in order, each with the values that were posted under its number: no row is made of two.
* A row that did not come was told: by exactly one replaced session, or by losses whose counts make up what is missing.
* Nothing is told for nothing: one replacement for each session that the server had to create; no loss without a damaged line.
* The client is never left without something to do, never spins, and what it keeps does not grow.
"""

from __future__ import annotations

import resource
import sys
from collections import Counter, deque
from random import Random

import pytest

from ig_sdk.clock import ManualClock, SystemClock
from ig_sdk.lightstreamer.tlcp.actions import Connect, Disconnect, Send
from ig_sdk.lightstreamer.tlcp.codec.requests import encode_http, encode_ws
from ig_sdk.lightstreamer.tlcp.events import ConnectionStatus, ItemUpdatesLost, StatusChanged, SubscriptionError
from ig_sdk.lightstreamer.tlcp.session import Session, SessionOptions, SubscriptionSpec
from ig_sdk.lightstreamer.tlcp.updates import ItemUpdate
from ig_sdk.simulator.stream.core.connection import StreamConnection
from ig_sdk.simulator.stream.core.options import StreamOptions
from ig_sdk.simulator.stream.core.requests import read_body
from ig_sdk.simulator.stream.core.session_table import SessionTable
from ig_sdk.simulator.stream.items.open_items import OpenItems

FIELDS = ("number", "text", "same")
MODES = {"a": "MERGE", "b": "MERGE", "c": "MERGE", "d": "DISTINCT", "e": "RAW", "table": "COMMAND"}
BAD_LUCK = ("U,", "?U,", "noise", "half")


class LatestRows(OpenItems):
    """The snapshot of a state is its latest row."""

    def __init__(self) -> None:
        super().__init__()
        self.latest: dict[str, dict[str, str | None]] = {}

    def snapshot(self, channel):
        return [self.latest[channel]] if channel in self.latest else []

    def posted(self, channel, row):
        self.latest[channel] = dict(row)


class Item:
    """What one item's reader knows."""

    def __init__(self) -> None:
        self.posted = 0
        self.seen = 0  # the number of the latest row
        self.replaced = True  # the session was, since
        self.lost = 0  # told since
        self.spoiled = 0  # lines of it that were damaged since, or may have been


class Soak:
    """A client, a server, a network that is bad in every way, and an application that reads."""

    def __init__(self, seed: int, transport: str) -> None:
        self.random = Random(seed)
        self.clock = ManualClock()
        self.transport = transport
        options = StreamOptions(polling_tolerance_s=60.0, prog_back=seed % 3)
        self.table = SessionTable(LatestRows(), lambda *_: True, options, random=Random(seed))
        self.client = Session(
            SessionOptions(
                address="http://127.0.0.1:80",
                versions=("2.4.0",),
                transports=(transport,),  # type: ignore[arg-type]
            ),
            random=self.random.random,
        )
        self.link: StreamConnection | None = None
        self.mute = False
        self.refuse = 0
        self.spoil: str | None = None  # what happens to the next update on the way
        self.repeat_answers = self.lose_answers = 0
        self.answers: deque[StreamConnection] = deque()
        self.items = {name: Item() for name in MODES}
        self.ids: dict[int, str] = {}
        self.counts: Counter[str] = Counter()
        self.sessions: deque[str | None] = deque(maxlen=100)

    @property
    def now(self) -> float:
        return self.clock.monotonic()

    # ---- the client's shell

    def settle(self) -> None:
        for _ in range(200):
            actions = self.client.take_actions()
            self.hear(self.client.take_events())
            if not actions:
                return
            for action in actions:
                if isinstance(action, Disconnect):
                    self.hang_up()
                elif isinstance(action, Connect):
                    self.connect(action)
                else:
                    self.send(action)
        raise AssertionError("the client never comes to rest")

    def connect(self, action: Connect) -> None:
        self.hang_up()
        self.counts["connections"] += 1
        if self.refuse:
            self.refuse -= 1
            self.client.lost(self.now, "refused")
            return
        self.link = StreamConnection("ws" if self.transport == "ws" else "http", action.version)
        self.mute = False
        self.client.opened(self.now, "user", "password")

    def send(self, action: Send) -> None:
        if self.transport == "ws":
            assert self.link is not None
            self.table.receive(self.link, encode_ws(action.request), self.now)
            return
        _, body = encode_http(action.request, "2.4.0", action.session_id)
        if action.stream:
            assert self.link is not None
            connection = self.link
        else:
            connection = StreamConnection("http", "2.4.0", default_session=action.session_id)
            self.answers.append(connection)
        self.table.apply(connection, self.table.prepare(read_body(action.request.name, body)), self.now)

    def hang_up(self) -> None:
        if self.link is not None:
            self.table.lost(self.link, self.now)
            self.link.abort()
            self.link = None

    # ---- the application

    def subscribe(self, name: str) -> None:
        mode = MODES[name]
        fields = ("key", "command", *FIELDS) if mode == "COMMAND" else FIELDS
        spec = SubscriptionSpec(
            mode=mode,  # type: ignore[arg-type]
            items=(name,),
            fields=fields,
            snapshot=mode in ("MERGE", "COMMAND"),
            max_frequency="unfiltered" if mode != "RAW" else None,
        )
        item = self.items[name]
        item.replaced, item.lost, item.spoiled = True, 0, 0
        self.ids[self.client.subscribe(spec, self.now)] = name

    def hear(self, events) -> None:
        for event in events:
            if isinstance(event, ItemUpdate):
                self.check(event)
            elif isinstance(event, StatusChanged):
                self.counts[f"{event.status} {event.continuity or ''}".strip()] += 1
                if event.continuity in ("new", "replaced"):
                    assert event.session_id not in self.sessions, "one replacement is told twice"
                    self.sessions.append(event.session_id)
                    for item in self.items.values():
                        item.replaced, item.lost, item.spoiled = True, 0, 0
                elif event.continuity is not None:
                    assert event.session_id == self.sessions[-1], "another session, and it was not told"
                if event.status is ConnectionStatus.FAILED:
                    self.client.connect(self.now)
            elif isinstance(event, ItemUpdatesLost):
                self.counts["losses told"] += 1
                if event.subscription_id in self.ids:
                    item = self.items[self.ids[event.subscription_id]]
                    item.lost += event.count
                    assert item.spoiled or item.replaced, "a loss that nothing brought about"
            elif isinstance(event, SubscriptionError):
                self.counts["subscriptions ended"] += 1
                assert event.over
                name = self.ids.pop(event.subscription_id)
                self.subscribe(name)

    def check(self, update: ItemUpdate) -> None:
        name = self.ids.get(update.subscription_id)
        if name is None:
            return  # given up
        assert update.item == name
        item, number = self.items[name], int(update["number"] or 0)
        assert (update["text"], update["same"]) == (f"text {number}", "x"), "a row that was never posted"
        self.counts["rows"] += 1
        expected = item.seen + 1
        if item.replaced:
            assert number >= item.seen, f"{name}: {number} after {item.seen}"
        elif update.is_snapshot:
            assert number >= item.seen, f"{name}: {number} after {item.seen}"
            assert number - item.seen <= item.lost, f"{name}: {number} after {item.seen}, {item.lost} told as lost"
        else:
            missing = number - expected
            assert 0 <= missing <= item.lost, f"{name}: {number} after {item.seen}, {item.lost} told as lost"
            assert item.lost - missing <= item.spoiled, f"{name}: {item.lost} told for {missing} missing"
        self.counts["missing"] += max(number - expected, 0)
        item.seen = number
        item.replaced, item.lost, item.spoiled = False, 0, 0

    # ---- the market

    def post(self, name: str) -> None:
        item = self.items[name]
        item.posted += 1
        row: dict[str, str | None] = {"number": str(item.posted), "text": f"text {item.posted}", "same": "x"}
        if MODES[name] == "COMMAND":
            row |= {"key": "k", "command": "ADD" if item.posted == 1 else "UPDATE"}
            self.table.feeds.adapter.posted(name, row | {"command": "ADD"})
        else:
            self.table.feeds.adapter.posted(name, row)
        self.table.feeds.post(name, row, self.now)
        self.counts["posted"] += 1

    # ---- the network

    def deliver(self, most: int = 1000) -> None:
        link = self.link
        if link is None or self.mute:
            return
        lines = link.take(most)
        self.table.drained(link, self.now)
        lines = [line for line in map(self.on_the_way, lines) if line]
        if lines:
            self.client.receive("\r\n".join(lines) + "\r\n", self.now)
            self.settle()
        if self.link is link and link.closing and not link.lines:
            self.link = None
            self.client.lost(self.now, "closed by the server")
            self.settle()

    def on_the_way(self, line: str) -> str:
        tag = line.partition(",")[0]
        if tag in ("REQOK", "REQERR"):
            if self.lose_answers:
                self.lose_answers -= 1
                return ""
            if self.repeat_answers:
                self.repeat_answers -= 1
                return f"{line}\r\n{line}"
        if self.spoil is not None and tag == "U":
            how, self.spoil = self.spoil, None
            for item in self.items.values():
                item.spoiled += 1
            self.counts[f"spoiled {how}"] += 1
            return {"?U,": f"?{line}", "noise": "\x01\x02", "half": line[: len(line) // 3], "U,": "U,x"}[how]
        return line

    def answer(self) -> None:
        while self.answers:
            lines = [line for line in map(self.on_the_way, self.answers.popleft().take(100)) if line]
            self.client.answered("\r\n".join(lines) + "\r\n", self.now)
            self.settle()

    def pass_time(self, seconds: float, *, rows: bool = True) -> None:
        """Both sides do what is due, and what they say arrives."""
        end = self.now + seconds
        for _ in range(100_000):
            due = [at for at in (self.client.deadline, self.table.deadline) if at is not None and at <= end]
            if not due:
                break
            self.clock.advance(max(min(due) - self.now, 0.0) + 1e-6)
            self.table.wake(self.now)
            if (at := self.client.deadline) is not None and at <= self.now:
                self.client.wake(self.now)
                self.settle()
            if rows:
                self.answer()
                self.deliver()
        else:
            raise AssertionError("deadlines never pass")
        self.clock.advance(max(end - self.now, 0.0))

    # ---- what goes wrong

    def cut(self) -> None:
        if self.link is not None:
            link, self.link = self.link, None
            link.take(self.random.randint(0, 6))
            if self.random.random() < 0.5:
                self.table.lost(link, self.now)
                link.abort()
            self.client.lost(self.now, "broken")

    def close_politely(self) -> None:
        if self.link is not None:
            self.table.lost(self.link, self.now)
            self.link.close()

    def fall_silent(self) -> None:
        self.mute = True

    def spoil_line(self) -> None:
        self.spoil = self.random.choice(BAD_LUCK)

    def two_spoiled_lines(self) -> None:
        """Two in a row, perhaps of two items."""
        self.spoil = "?U,"
        self.rows(3)
        self.deliver(2)
        self.spoil = self.random.choice(BAD_LUCK)

    def refuse_connections(self) -> None:
        self.refuse = self.random.randint(1, 6)
        self.cut()

    def loop(self) -> None:
        self.table.loop(self.random.choice((0, 0, 200)), self.now)

    def end(self) -> None:
        self.table.end(self.random.choice((31, 32, 33, 41, 48, 69, 8, 35, 99)), "over", self.now)

    def forget_and_cut(self) -> None:
        """The recovery is refused."""
        for session in self.table.sessions:
            session.log.forget_sent()
        self.cut()

    def lose_session(self) -> None:
        """The server restarts without a word."""
        for session in self.table.sessions:
            self.table.forget(session)
        self.cut()

    def repeat_answer(self) -> None:
        self.repeat_answers = 3
        self.give_up_one()

    def lose_answer(self) -> None:
        self.lose_answers = 1
        self.give_up_one()

    def give_up_one(self) -> None:
        """The application leaves an item and comes back."""
        identifier = self.random.choice(list(self.ids))
        name = self.ids.pop(identifier)
        self.client.unsubscribe(identifier, self.now)
        self.subscribe(name)

    def distrust(self) -> None:
        self.client.distrust(self.now, "another network")

    def sleep(self) -> None:
        """The machine sleeps: the server goes on, and the client wakes later."""
        seconds = self.random.choice((30.0, 3600.0, 8 * 3600.0))
        before, self.mute = self.mute, True
        self.clock.advance(seconds)
        self.table.wake(self.now)
        self.mute = before
        self.client.distrust(self.now, "slept", slept_s=seconds)

    def weekend(self) -> None:
        """Two days of refused connections; the attempts become few."""
        self.refuse = 1_000_000
        self.cut()
        before = self.counts["connections"]
        self.settle()
        self.pass_time(2 * 86_400.0)
        assert self.counts["connections"] - before < 2_400, "a storm"
        self.refuse = 0

    def rows(self, most: int) -> None:
        for _ in range(self.random.randint(0, most)):
            self.post(self.random.choice(list(self.items)))

    FAULTS = (
        (cut, 12), (close_politely, 5), (fall_silent, 8), (spoil_line, 14), (two_spoiled_lines, 5), (distrust, 6),
        (refuse_connections, 5), (loop, 10), (end, 5), (forget_and_cut, 4), (lose_session, 4), (repeat_answer, 5),
        (lose_answer, 5), (give_up_one, 4), (sleep, 2), (weekend, 0.02),
    )  # fmt: skip

    # ---- the script

    def run(self, faults: int) -> None:
        """Let that many things go wrong, two of them at once now and then; then have all well, and everything there."""
        self.client.connect(self.now)
        if not self.ids:
            for name in self.items:
                self.subscribe(name)
        self.settle()
        kinds, weights = zip(*self.FAULTS, strict=True)
        for _ in range(faults):
            self.rows(12)
            if self.random.random() < 0.7:
                self.deliver(self.random.randint(1, 12))
            fault = self.random.choices(kinds, weights)[0]
            self.counts[f"fault {fault.__name__}"] += 1
            fault(self)
            self.settle()
            self.rows(4)
            if self.random.random() < 0.8:
                self.pass_time(self.random.choice((0.1, 1.0, 5.0, 10.0, 30.0, 120.0, 300.0)))
            assert self.client.status is not ConnectionStatus.DISCONNECTED
        self.calm_down()

    def calm_down(self) -> None:
        self.refuse, self.spoil, self.lose_answers, self.repeat_answers = 0, None, 0, 0
        for turn in range(600):
            # Now and then: a row that is posted while a poll is under way arrives with the next one.
            if turn % 10 == 0 and self.client.status is ConnectionStatus.CONNECTED:
                for name in self.items:
                    self.post(name)
            self.pass_time(2.0)
            self.answer()
            self.deliver()
            if all(item.seen == item.posted for item in self.items.values()):
                break
        else:
            raise AssertionError(f"{self.client.status}: {[(i.seen, i.posted) for i in self.items.values()]}")
        for _ in range(10):  # the last answers
            self.pass_time(3.0)
            self.answer()
            self.deliver()
        subscriptions, requests = self.client._subscriptions, self.client._requests
        assert len(subscriptions.wired) == len(subscriptions._known) == len(self.items)
        assert len(subscriptions.live) <= len(self.items)
        assert len(requests.sent) + len(requests.queued) + len(requests._latest) <= 4 * len(self.items)


@pytest.mark.parametrize("transport", ["ws", "http-streaming", "http-polling"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_row_comes_once_or_is_told(transport: str, seed: int) -> None:
    """Of several subscriptions at once each row is received once, in order and whole, or told as missing, once."""
    soak = Soak(seed, transport)
    soak.run(350)
    assert soak.now > 3600
    assert soak.counts["rows"] > 500
    # None of the ways in which it comes back was left out.
    for way in ("CONNECTED recovered", "CONNECTED replaced", "CONNECTED resumed", "losses told"):
        assert soak.counts[way], way


def test_a_weekend_in_the_middle() -> None:
    """Two days without the server are no storm of attempts, and everything flows again behind them."""
    soak = Soak(5, "ws")
    soak.run(20)
    soak.weekend()
    soak.run(20)
    assert soak.now > 2 * 86_400


def main() -> None:
    """Run the script over each transport and print what happened."""
    faults = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    for transport in ("ws", "http-streaming", "http-polling"):
        soak, begun = Soak(seed, transport), SystemClock().monotonic()
        soak.run(faults)
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            f"{transport}: {faults} faults, {soak.now / 86_400:.1f} days in {SystemClock().monotonic() - begun:.1f} s, {memory:.0f} MB"
        )
        print("  " + ", ".join(f"{name} {count}" for name, count in sorted(soak.counts.items())))


if __name__ == "__main__":
    main()
