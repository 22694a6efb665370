"""Subscriptions under a server that answers in any legal order, whatever the application wants meanwhile."""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from ig_sdk.lightstreamer.tlcp.actions import Connect, Disconnect, Send
from ig_sdk.lightstreamer.tlcp.events import ErrorOccurred, StatusChanged, SubscriptionError, Unsubscribed
from ig_sdk.lightstreamer.tlcp.options import SessionOptions
from ig_sdk.lightstreamer.tlcp.session import Session
from ig_sdk.lightstreamer.tlcp.spec import SubscriptionSpec
from ig_sdk.lightstreamer.tlcp.updates import ItemUpdate


class AnyOrder(RuleBasedStateMachine):
    """A client, and a server whose data keeps its order while the answers to requests come whenever they like."""

    def __init__(self) -> None:
        super().__init__()
        options = SessionOptions(address="http://server", request_timeout_s=1e6, recovery_s=1e9)
        self.client = Session(options, random=lambda: 0.5)
        self.now = 100.0
        self.sessions = self.number = self.heard = 0
        self.log: list[str] = []  # the session's data
        self.answers: list[str] = []
        self.fed: set[int] = set()
        self.wanted: set[int] = set()
        self.left: set[int] = set()
        self.early: set[int] = set()  # given up before their first update could come
        self.gone: set[int] = set()
        self.seen: dict[int, int] = {}
        self.ended = 0

    # the server

    def settle(self) -> None:
        for _ in range(50):
            self.hear()
            actions = self.client.take_actions()
            if not actions:
                return
            for action in actions:
                if isinstance(action, Connect):
                    self.client.opened(self.now)
                elif isinstance(action, Send):
                    self.take(action)
                else:
                    assert isinstance(action, Disconnect)
        raise AssertionError("the client never comes to rest")

    def take(self, action: Send) -> None:
        for line in action.request.lines:
            wish = dict(line)
            if action.request.name == "create_session":
                self.sessions += 1
                self.log, self.answers, self.fed, self.heard = [], [], set(), 0
                self.say(f"CONOK,S{self.sessions},50000,5000,*")
            elif action.request.name == "bind_session":
                self.heard = int(wish["LS_recovery_from"])
                self.say(f"CONOK,S{self.sessions},50000,5000,*", f"PROG,{self.heard}")
            elif "LS_op" in wish:
                self.answers.append(f"REQOK,{wish['LS_reqId']}")
                self.obey(wish["LS_op"], int(wish["LS_subId"]))

    def obey(self, operation: str, number: int) -> None:
        if operation == "add":
            self.fed.add(number)
            self.log.append(f"SUBOK,{number},1,2")
        elif operation == "delete":
            self.fed.discard(number)
            self.log.append(f"UNSUB,{number}")
        else:
            self.log.append(f"CONF,{number},3.0,filtered")

    def say(self, *lines: str) -> None:
        self.client.receive("".join(f"{line}\r\n" for line in lines), self.now)

    def hear(self) -> None:
        for event in self.client.take_events():
            if isinstance(event, ItemUpdate):
                assert event.subscription_id in self.wanted | (self.left - self.early - self.gone)
                self.seen[event.subscription_id] = int(event["n"] or "0")
            elif isinstance(event, Unsubscribed):
                self.gone.add(event.subscription_id)
            elif isinstance(event, StatusChanged):
                assert event.error is None or "END" in str(event.error) or "ended" in str(event.error)
            else:
                assert not isinstance(event, ErrorOccurred | SubscriptionError), event

    # what happens

    @initialize()
    def begin(self) -> None:
        self.client.connect(self.now)
        self.settle()

    @rule()
    def subscribe(self) -> None:
        spec = SubscriptionSpec(mode="MERGE", items=("a",), fields=("n", "x"), snapshot=False)
        self.wanted.add(self.client.subscribe(spec, self.now))

    @rule()
    def requests_leave(self) -> None:
        self.settle()

    @precondition(lambda self: self.wanted)
    @rule(data=st.data())
    def unsubscribe(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(sorted(self.wanted)))
        self.wanted.discard(number)
        self.left.add(number)
        if number not in self.seen and f"SUBOK,{number},1,2" not in self.log[: self.heard]:
            self.early.add(number)
        self.client.unsubscribe(number, self.now)

    @precondition(lambda self: self.wanted | self.left)
    @rule(data=st.data())
    def reconfigure(self, data: st.DataObject) -> None:
        self.client.reconfigure(data.draw(st.sampled_from(sorted(self.wanted | self.left))), 3.0, self.now)

    @precondition(lambda self: self.fed)
    @rule(data=st.data())
    def publish(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(sorted(self.fed)))
        self.number += 1
        self.log.append(f"U,{number},1,{self.number}|x")

    @rule(count=st.integers(1, 5))
    def data_comes(self, count: int) -> None:
        lines = self.log[self.heard : self.heard + count]
        self.heard += len(lines)
        if lines:
            self.say(*lines)
            self.settle()

    @precondition(lambda self: self.answers)
    @rule(data=st.data())
    def answer_comes(self, data: st.DataObject) -> None:
        self.say(self.answers.pop(data.draw(st.integers(0, len(self.answers) - 1))))
        self.settle()

    @rule()
    def break_and_recover(self) -> None:
        self.client.lost(self.now, "broken")
        self.pass_pause()

    @rule()
    def end(self) -> None:
        self.ended += 1
        self.say("END,48,over")
        self.pass_pause()

    def pass_pause(self) -> None:
        self.settle()
        for _ in range(5):
            if self.client.status != "RECONNECTING":
                return
            assert self.client.deadline is not None
            self.now = max(self.now, self.client.deadline)
            self.client.wake(self.now)
            self.settle()

    @invariant()
    def no_session_is_lost_for_nothing(self) -> None:
        """Only what the server ends is replaced."""
        assert self.sessions <= self.ended + 1

    def teardown(self) -> None:
        """Once all is delivered, who is wanted is fed, and who left is gone."""
        for _ in range(10):
            self.settle()
            while self.answers:
                self.say(self.answers.pop())
            self.settle()
            self.data_comes(100_000)
        for number in sorted(self.wanted):
            assert number in self.fed
            self.number += 1
            self.log.append(f"U,{number},1,{self.number}|x")
            self.data_comes(100_000)
            assert self.seen[number] == self.number
        assert self.left <= self.gone
        assert self.fed == self.wanted


def test_an_update_for_somebody_who_left_is_for_nobody() -> None:
    """In any legal order of answers and data, with recovery and new sessions, nobody's leaving costs a session."""
    run_state_machine_as_test(
        AnyOrder,
        settings=settings(
            max_examples=150,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )
