"""Control requests on their way: numbering, batches, answers, time-outs (TLCP.md sections 3.2 and 8)."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Literal

from ig_sdk.lightstreamer.tlcp.codec.requests import Line, Request, encode_line
from ig_sdk.lightstreamer.tlcp.codec.text import CRLF

Operation = Literal["add", "delete", "reconf", "constrain", "message"]


@dataclass(slots=True, eq=False)
class Pending:
    """One control request until its answer.

    Attributes:
        operation: What it does.
        subject: Subscription or message that it is about; 0 for the session.
        line: Its parameters, without the request id.
        repeats: Whether it may be sent once more when no answer comes.
        ids: The ids it was sent with.
        due: When an answer should be there.
        refusal: Code and text with which the repeat was refused, while the first may still have been taken.
    """

    operation: Operation
    subject: int
    line: Line
    repeats: bool = True
    ids: list[str] = field(default_factory=list)
    due: float = 0.0
    refusal: tuple[int, str] | None = None

    @property
    def name(self) -> str:
        """The request's name."""
        return "msg" if self.operation == "message" else "control"


class PendingRequests:
    """Everything queued or sent and not yet answered, in order.

    Attributes:
        queued: What waits to be sent.
        sent: What waits for its answer, by request id, in the order of sending.
    """

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._last_id = 0
        self.queued: deque[Pending] = deque()
        self.sent: dict[str, Pending] = {}
        self._latest: dict[tuple[Operation, int], Pending] = {}

    @property
    def due(self) -> float:
        """When the oldest of the unanswered requests should be answered; there must be one."""
        return next(iter(self.sent.values())).due

    def queue(self, operation: Operation, subject: int, line: Line, *, repeats: bool = True) -> None:
        """Have a request sent with the next batch."""
        self.queued.append(Pending(operation, subject, line, repeats))

    def new_id(self) -> str:
        """Return a request id that was not used before: one counter over all connections (C-030)."""
        self._last_id += 1
        return str(self._last_id)

    def take(self, now: float, *, limit: int | None, session: str | None) -> list[Request]:
        """Return the queued requests as batches, and expect their answers.

        Args:
            now: Monotonic seconds.
            limit: Most bytes in a request (C-028), or ``None`` while the server has not sent it: then each goes
                alone, as one that is longer than the limit does (C-029).
            session: Session to name in each line, or ``None`` where the connection names it.
        """
        requests: list[Request] = []
        batch: list[Line] = []
        name, size = "", 0
        while self.queued:
            pending = self.queued.popleft()
            line = self._number(pending, now, session)
            length = len(encode_line(line).encode()) + len(CRLF)
            if batch and (limit is None or pending.name != name or size + length > limit):
                requests.append(Request(name, tuple(batch)))
                batch = []
            if not batch:
                name, size = pending.name, len(pending.name)
            batch.append(line)
            size += length
        if batch:
            requests.append(Request(name, tuple(batch)))
        return requests

    def answer(self, request: str) -> Pending | None:
        """Return what was answered and forget it; ``None`` for an answer that nothing waits for."""
        pending = self.sent.get(request)
        if pending is not None:
            self._forget(pending)
        return pending

    def doubt(self, request: str, refusal: tuple[int, str], now: float) -> bool:
        """Return whether ``refusal`` is that of a repeated add: then it is kept, and waiting goes on for a while.

        A server that took the first refuses the repeat for its id, by a code that is not stated (TLCP.md section 14):
        what the first did is seen from ``SUBOK``, or by nothing coming.
        """
        pending = self.sent.get(request)
        if pending is None or pending.operation != "add" or len(pending.ids) == 1 or request != pending.ids[-1]:
            return False
        pending.refusal, pending.due = refusal, now + self._timeout_s
        for known in pending.ids:
            del self.sent[known]
        self.sent[pending.ids[0]] = pending
        return True

    def settle(self, operation: Operation, subject: int) -> None:
        """Forget the latest request of that kind: its effect has been seen."""
        pending = self._latest.get((operation, subject))
        if pending is not None:
            self._forget(pending)

    def expire(self, now: float) -> list[Pending]:
        """Queue what is overdue once more, under a new id, and return what was already sent twice, or must not be."""
        given_up = []
        while self.sent:
            pending = next(iter(self.sent.values()))
            if now < pending.due:
                break
            if pending.repeats and len(pending.ids) == 1:
                del self.sent[pending.ids[0]]
                pending.due = float("inf")  # until it is sent
                self.queued.append(pending)
            else:
                self._forget(pending)
                given_up.append(pending)
        return given_up

    def restart(self, now: float) -> None:
        """Start the time of every request again: a rebound session may still answer."""
        for pending in self.sent.values():
            pending.due = now + self._timeout_s

    def clear(self) -> None:
        """Forget everything: the session is gone."""
        self.queued.clear()
        self.sent.clear()
        self._latest.clear()

    def _number(self, pending: Pending, now: float, session: str | None) -> Line:
        identifier = self.new_id()
        pending.ids.append(identifier)
        pending.due = now + self._timeout_s
        # The first id of a repeated request stays valid: its answer may only be late. Both move to the end of the
        # order.
        for known in pending.ids:
            self.sent[known] = pending
        self._latest[pending.operation, pending.subject] = pending
        own: Line = (("LS_reqId", identifier),)
        return own + ((("LS_session", session),) if session is not None else ()) + pending.line

    def _forget(self, pending: Pending) -> None:
        for known in pending.ids:
            self.sent.pop(known, None)
        if self._latest.get((pending.operation, pending.subject)) is pending:
            del self._latest[pending.operation, pending.subject]
        if pending in self.queued:
            self.queued.remove(pending)
