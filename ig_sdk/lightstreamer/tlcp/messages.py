"""Messages to the server and what became of them (TLCP.md section 9.1)."""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass
from typing import Final

from ig_sdk.errors import UsageError
from ig_sdk.lightstreamer.tlcp import builders
from ig_sdk.lightstreamer.tlcp.codec.notifications import MsgDone, MsgFail
from ig_sdk.lightstreamer.tlcp.events import Event, MessageOutcome
from ig_sdk.lightstreamer.tlcp.pending import Pending, PendingRequests

_UNORDERED: Final = "*"
_SEQUENCE: Final = re.compile("[A-Za-z0-9_]+")
# "The number was used already", "the number was passed over": both say that the message is not to be sent again.
_TOO_LOW: Final = frozenset({32, 33})
_SKIPPED: Final = frozenset({38, 39})
_SKIPPED_SEVERAL: Final = 39
_MAX_DIGITS: Final = 9


@dataclass(slots=True, eq=False)
class _Message:
    id: int
    text: str
    sequence: str
    max_wait_ms: int | None
    outcome: bool
    prog: int = 0


class Messages:
    """All messages without an outcome yet."""

    def __init__(self, events: list[Event], requests: PendingRequests, limit: int) -> None:
        self._events = events
        self._requests = requests
        self._limit = limit
        self._last_id = 0
        self._waiting: deque[_Message] = deque()
        self._sent: dict[int, _Message] = {}
        self._awaited: dict[tuple[str, int], _Message] = {}
        self._progs: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._waiting) + len(self._sent)

    def add(self, text: str, *, sequence: str | None, max_wait_ms: int | None, outcome: bool, bound: bool) -> int:
        """Note a message, send it if there is a session, and return its id.

        Raises:
            ValueError: A sequence name that the protocol does not have, or a wait without a sequence.
            UsageError: Too many messages wait for their outcome.
        """
        if sequence is not None and (not _SEQUENCE.fullmatch(sequence) or sequence == "UNORDERED_MESSAGES"):
            raise ValueError(f"sequence must be letters, digits and underscores, not {sequence!r}")
        if max_wait_ms is not None and (sequence is None or max_wait_ms < 0):
            raise ValueError("max_wait_ms is a positive time, and for messages of a sequence only")
        if len(self) >= self._limit:
            raise UsageError(f"{self._limit} messages wait for their outcome")
        self._last_id += 1
        message = _Message(self._last_id, text, sequence or _UNORDERED, max_wait_ms, outcome)
        self._waiting.append(message)
        if bound:
            self.begin()
        return message.id

    def begin(self) -> None:
        """Send what waits: there is a session."""
        while self._waiting:
            self._send(self._waiting.popleft())

    def reset(self) -> None:
        """The session is gone: what was sent may or may not have arrived, and is not sent again."""
        sent = list(self._sent.values())
        self._sent.clear()
        self._awaited.clear()
        self._progs.clear()
        for message in sent:
            self._tell(message, MessageOutcome(message.id, "unknown"))

    def abandon(self) -> None:
        """Nothing more will be sent."""
        self.reset()
        while self._waiting:
            message = self._waiting.popleft()
            self._tell(message, MessageOutcome(message.id, "aborted"))

    def done(self, note: MsgDone) -> None:
        """A message was processed."""
        message = self._awaited.get((note.sequence, note.prog))
        if message is not None:
            self._finish(message, MessageOutcome(message.id, "done", response=note.response))

    def failed(self, note: MsgFail) -> None:
        """A message failed, or (code 39) several in a row, ending with the one that is named (C-127)."""
        first = note.prog
        if note.code == _SKIPPED_SEVERAL:
            first = note.prog - _number_of(note.message) + 1
        if first == note.prog:
            lost = [self._awaited.get((note.sequence, note.prog))]
        else:
            lost = [
                message
                for (sequence, prog), message in list(self._awaited.items())
                if sequence == note.sequence and first <= prog <= note.prog
            ]
        for message in lost:
            if message is not None:
                self._fail(message, note.code, note.message)

    def accepted(self, pending: Pending) -> None:
        """``REQOK``: all there is to know when no outcome was asked for."""
        message = self._sent.get(pending.subject)
        if message is not None and not message.outcome:
            self._finish(message, None)

    def refused(self, pending: Pending, code: int, text: str) -> None:
        """``REQERR`` for a message."""
        message = self._sent.get(pending.subject)
        if message is None:
            return
        if code not in _TOO_LOW:
            self._fail(message, code, text)
        elif len(pending.ids) == 1:
            self._finish(message, MessageOutcome(message.id, "unknown", code, text))
        # Else the first copy had arrived: its outcome is still to come.

    def unanswered(self, pending: Pending) -> None:
        """Nothing came in answer; an outcome may still, if one was asked for."""
        message = self._sent.get(pending.subject)
        if message is not None and not message.outcome:
            self._finish(message, None)

    def _send(self, message: _Message) -> None:
        in_sequence = message.sequence != _UNORDERED
        # The number labels the outcome; without outcome or sequence nothing reads it (C-128).
        if in_sequence or message.outcome:
            message.prog = self._progs[message.sequence] = self._progs.get(message.sequence, 0) + 1
        self._sent[message.id] = message
        if message.outcome:
            self._awaited[message.sequence, message.prog] = message
        line = builders.message(
            message.text,
            sequence=message.sequence if in_sequence else None,
            prog=message.prog or None,
            max_wait_ms=message.max_wait_ms,
            outcome=message.outcome,
        )
        # Only a number within a sequence lets the server distinguish a repetition from a second message.
        self._requests.queue("message", message.id, line, repeats=in_sequence)

    def _fail(self, message: _Message, code: int, text: str) -> None:
        status = "discarded" if code in _SKIPPED else "failed"
        self._finish(message, MessageOutcome(message.id, status, code, text))  # type: ignore[arg-type]  # one of them

    def _finish(self, message: _Message, outcome: MessageOutcome | None) -> None:
        self._sent.pop(message.id, None)
        self._awaited.pop((message.sequence, message.prog), None)
        if outcome is not None:
            self._tell(message, outcome)

    def _tell(self, message: _Message, outcome: MessageOutcome) -> None:
        if message.outcome:
            self._events.append(outcome)


def _number_of(text: str) -> int:
    # Anything but a number there still says that the one message is lost.
    return max(int(text), 1) if text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS else 1
