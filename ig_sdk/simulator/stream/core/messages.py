"""Messages of one session: sequences in order, gaps skipped after a time. Pure.

Source:
    TLCP.md section 9.1; C-185 to C-187.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from ig_sdk.lightstreamer.tlcp.codec.notifications import MsgDone, MsgFail
from ig_sdk.simulator.refusals import StreamRefusal

_UNORDERED = "*"
_MAX_WAITING = 1_000
_MAX_SEQUENCES = 1_000
_MAX_SKIPPED = 10_000  # beyond that a late number is answered 32 instead of 33


@dataclass(frozen=True)
class Message:
    """One ``msg`` request.

    Attributes:
        text: The message.
        sequence: Its sequence, or ``None`` for none.
        number: Its number in the sequence, or its label.
        max_wait_ms: How long to wait for missing earlier numbers, or ``None`` for as long as it takes.
        outcome: Whether the client wants to hear how it went.
    """

    text: str
    sequence: str | None
    number: int | None
    max_wait_ms: int | None
    outcome: bool


@dataclass
class _Sequence:
    due: int = 1
    waiting: dict[int, tuple[Message, float | None]] = field(default_factory=dict)
    skipped: set[int] = field(default_factory=set)


class MessageSequences:
    """What happens to the messages of one session.

    Args:
        version: TLCP version of the session.
        notify: Sends a notification to the client.
        deliver: Hands a text to the adapter and returns its response; raises ``StreamRefusal``.
    """

    def __init__(self, version: str, *, notify: Callable[[str, float], None], deliver: Callable[[str], str]) -> None:
        self._version = version
        self._notify = notify
        self._deliver = deliver
        self._sequences: dict[str, _Sequence] = {}

    def check(self, message: Message) -> None:
        """Refuse a number that was used or skipped already.

        Raises:
            StreamRefusal: With code 32 (already enqueued) or 33 (skipped).
        """
        if message.sequence is None or message.number is None:
            return
        sequence = self._sequences.get(message.sequence)
        if sequence is None:
            if len(self._sequences) >= _MAX_SEQUENCES:
                raise StreamRefusal(34, "Too many message sequences")
            return
        if message.number in sequence.skipped:
            raise StreamRefusal(33, "Message number was skipped")
        if message.number < sequence.due or message.number in sequence.waiting:
            raise StreamRefusal(32, "Message number already enqueued")
        if len(sequence.waiting) >= _MAX_WAITING:
            raise StreamRefusal(34, "Too many messages wait for earlier ones")

    def take(self, message: Message, now: float) -> None:
        """Process a checked message, at once or in its turn."""
        if message.sequence is None or message.number is None:
            self._process(message, now)
            return
        sequence = self._sequences.setdefault(message.sequence, _Sequence())
        until = None if message.max_wait_ms is None else now + message.max_wait_ms / 1000
        sequence.waiting[message.number] = (message, until)
        self._advance(sequence, now)

    @property
    def deadline(self) -> float | None:
        """When the wait for a missing number is over, or ``None``."""
        times = [until for sequence in self._sequences.values() for _, until in sequence.waiting.values()]
        return min((until for until in times if until is not None), default=None)

    def wake(self, now: float) -> None:
        """Skip the gaps whose time is over."""
        for name, sequence in self._sequences.items():
            while True:
                late = [number for number, (_, until) in sequence.waiting.items() if until is not None and until <= now]
                if not late:
                    break
                # Numbers that wait before the late one are processed; only what is missing is skipped.
                self._skip_to(name, sequence, min(sequence.waiting), now)
                self._advance(sequence, now)

    def _skip_to(self, name: str, sequence: _Sequence, number: int, now: float) -> None:
        missing = number - sequence.due
        if len(sequence.skipped) < _MAX_SKIPPED:
            sequence.skipped.update(range(max(sequence.due, number - _MAX_WAITING), number))
        sequence.due = number
        if missing == 1:
            self._notify(MsgFail(name, number - 1, 38, "Skipped by timeout").encode(), now)
        elif missing > 1:
            self._notify(MsgFail(name, number - 1, 39, str(missing)).encode(), now)

    def _advance(self, sequence: _Sequence, now: float) -> None:
        while sequence.due in sequence.waiting:
            message, _ = sequence.waiting.pop(sequence.due)
            sequence.due += 1
            self._process(message, now)

    def _process(self, message: Message, now: float) -> None:
        name, number = message.sequence or _UNORDERED, message.number
        try:
            response = self._deliver(message.text)
        except StreamRefusal as refusal:
            line = MsgFail(name, number or 0, refusal.code, refusal.message).encode()
        else:
            line = MsgDone(name, number or 0, response).encode(self._version)
        if message.outcome and number is not None:
            self._notify(line, now)
