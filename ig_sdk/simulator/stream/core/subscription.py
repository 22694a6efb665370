"""One subscription on the server's side: what waits for each item, how often it may go, and what was sent last. Pure.

Source:
    TLCP.md sections 8.1 (parameters), 11 (field values), 14 (modes); C-169 to C-208.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from ig_sdk.lightstreamer.tlcp.codec.notifications import Cs, Eos, Ov
from ig_sdk.lightstreamer.tlcp.codec.values import encode_fields
from ig_sdk.simulator.stream.core.json_patches import make_patch
from ig_sdk.simulator.stream.core.options import StreamOptions
from ig_sdk.simulator.stream.items.adapter import Layout, Row
from ig_sdk.simulator.stream.items.price_rows import decimal_text

Frequency = float | Literal["unlimited", "unfiltered"]
Values = list[str | None]


class Subscriber(Protocol):
    """What is asked of the session that a subscription belongs to."""

    @property
    def options(self) -> StreamOptions:
        """The server's settings."""
        ...

    @property
    def diffs(self) -> str:
        """Difference formats that may be used, of ``"T"`` and ``"P"``."""
        ...

    @property
    def has_room(self) -> bool:
        """Whether one more update may be sent, or must wait."""
        ...

    @property
    def polled(self) -> bool:
        """Whether the client polls: ``settle`` is due after each event."""
        ...

    def run_from(self) -> int | None:
        """Return the shortest run of unchanged fields to write as ``^N`` now."""
        ...

    def data(self, line: str, now: float) -> None:
        """Send a data notification."""
        ...

    def settle(self, now: float) -> None:
        """Answer a poll that has something to send, or whose time is over."""
        ...


@dataclass
class _Entry:
    """One event of an item that was not sent yet."""

    values: Values | None
    mark: Literal["", "EOS", "CS"] = ""
    kept: bool = False  # snapshot rows and marks are never dropped
    key: str | None = None


@dataclass
class _ItemState:
    sent: Values | None = None
    patched: frozenset[int] = frozenset()
    waiting: deque[_Entry] = field(default_factory=deque)
    next_at: float = 0.0
    key_next_at: dict[str, float] = field(default_factory=dict)
    lost: int = 0


class ServerSubscription:
    """One subscription of one session.

    Args:
        session: Whose it is.
        number: ``LS_subId``.
        mode: One of the four modes.
        layout: Items and fields.
        frequency: Updates a second for each item, or a keyword.
        buffer_size: Events kept for each item while they cannot be sent; ``None`` for no limit but the server's.
    """

    def __init__(
        self,
        session: Subscriber,
        number: int,
        mode: str,
        layout: Layout,
        *,
        frequency: Frequency,
        buffer_size: int | None,
    ) -> None:
        self.session = session
        self.number = number
        self.mode = mode
        self.layout = layout
        self.frequency = frequency
        self._buffer_size = buffer_size
        self._fields = layout.fields
        self._items = [_ItemState() for _ in layout.items]
        self._prefixes = [f"U,{number},{position}," for position in range(1, len(layout.items) + 1)]
        self._interval = _interval(frequency)
        self._waiting: dict[int, None] = {}

    @property
    def filtered(self) -> bool:
        """Whether updates may be dropped without an ``OV``."""
        return self.mode != "RAW" and self.frequency != "unfiltered"

    @property
    def frequency_text(self) -> str:
        """The frequency as ``CONF`` writes it."""
        top = self.session.options.top_frequency
        if isinstance(self.frequency, float):
            return decimal_text(self.frequency if top is None else min(self.frequency, top))
        return "unlimited" if top is None or self.frequency == "unfiltered" else decimal_text(top)

    def reconfigure(self, frequency: Frequency) -> None:
        """Change the highest frequency from now on."""
        self.frequency = frequency
        self._interval = _interval(frequency)
        for state in self._items:
            state.next_at = 0.0
            state.key_next_at.clear()

    # ---- input

    def open_snapshot(self, index: int, rows: Sequence[Row], now: float) -> None:
        """Queue an item's snapshot: one row in MERGE, rows and ``EOS`` in DISTINCT and COMMAND."""
        state = self._items[index]
        for row in rows:
            state.waiting.append(self._entry(self._row_values(row), kept=True))
        if self.mode in ("DISTINCT", "COMMAND"):
            state.waiting.append(_Entry(None, "EOS", kept=True))
        self._waiting[index] = None
        self.pump(now)

    def offer(self, index: int, row: Row, now: float) -> None:
        """Take one event of an item: send it if it may go now, else keep, merge or drop it as the mode says."""
        state = self._items[index]
        values: Values = [row.get(name) for name in self._fields]
        if not state.waiting and self._interval == 0.0 and not state.lost and self.session.has_room:
            self._send(index, state, values, now)
            return
        self._keep(index, state, values, now)

    def offer_changes(self, index: int, row: Row, now: float) -> None:
        """Take an event that names only what changed: in MERGE the other fields keep their value."""
        if self.mode == "MERGE":
            state = self._items[index]
            known = state.waiting[-1].values if state.waiting else state.sent
            if known is not None:
                row = {**dict(zip(self._fields, known, strict=True)), **row}
        self.offer(index, row, now)

    def clear(self, index: int, now: float) -> None:
        """Take the clearing of an item's snapshot: ``CS``, or null fields in MERGE (C-205)."""
        if self.mode == "MERGE":
            self.offer(index, {}, now)
        elif self.mode != "RAW":
            self._items[index].waiting.append(_Entry(None, "CS", kept=True))
            self._waiting[index] = None
            self.pump(now)

    def _row_values(self, row: Row) -> Values:
        return [row.get(name) for name in self._fields]

    def _entry(self, values: Values, *, kept: bool = False) -> _Entry:
        key = values[self.layout.key - 1] if self.layout.key is not None else None
        return _Entry(values, kept=kept, key=key)

    def _command(self, entry: _Entry) -> str | None:
        if entry.values is None or self.layout.command is None:
            return None
        return entry.values[self.layout.command - 1]

    def _keep(self, index: int, state: _ItemState, values: Values, now: float) -> None:
        entry = self._entry(values)
        if not self._merge(state, entry):
            state.waiting.append(entry)
            self._shrink(state)
        self._waiting[index] = None
        self.pump(now)

    def _merge(self, state: _ItemState, entry: _Entry) -> bool:
        """Let a filtered event take the place of an older one that was not sent; return whether it did."""
        if not self.filtered or not state.waiting:
            return False
        if self.mode == "MERGE":
            last = state.waiting[-1]
            full = self._buffer_size is not None and len(state.waiting) >= self._buffer_size
            if full and not last.kept:
                last.values = entry.values
                return True
        if self.mode == "COMMAND" and self._command(entry) == "UPDATE":
            for older in reversed(state.waiting):
                if older.key == entry.key and older.values is not None and not older.kept:
                    if self._command(older) == "DELETE":
                        return False
                    # A pending ADD stays an ADD, with the newer values.
                    command = self._command(older)
                    older.values = entry.values
                    if older.values is not None and self.layout.command is not None:
                        older.values[self.layout.command - 1] = command
                    return True
        return False

    def _shrink(self, state: _ItemState) -> None:
        """Drop the oldest events beyond the buffer; what must not vanish silently is counted for ``OV`` (C-206)."""
        limit = self.session.options.buffer_lines
        if self.mode in ("MERGE", "DISTINCT") and self._buffer_size is not None and self.filtered:
            limit = min(limit, self._buffer_size)
        while len(state.waiting) > max(limit, 1):
            victim = next((entry for entry in state.waiting if not entry.kept), None)
            if victim is None:
                return
            state.waiting.remove(victim)
            if not self.filtered or self._command(victim) in ("ADD", "DELETE"):
                state.lost += 1

    # ---- output

    @property
    def waiting(self) -> bool:
        """Whether events wait to be sent."""
        return bool(self._waiting)

    def next_due(self) -> float | None:
        """Return when the next event may go as far as the frequency is concerned, or ``None`` when none waits."""
        return min((self._due(self._items[index]) for index in self._waiting), default=None)

    def _due(self, state: _ItemState) -> float:
        if self.mode != "COMMAND":
            return 0.0 if state.waiting[0].kept else state.next_at
        # Only the first event of each key can go: the others wait for it.
        firsts: dict[str | None, _Entry] = {}
        for entry in state.waiting:
            firsts.setdefault(entry.key, entry)
        return min(self._entry_due(state, entry) for entry in firsts.values())

    def _entry_due(self, state: _ItemState, entry: _Entry) -> float:
        if entry.kept or self._command(entry) != "UPDATE":
            return 0.0
        return state.key_next_at.get(entry.key or "", 0.0)

    def pump(self, now: float) -> None:
        """Send what may go now."""
        for index in list(self._waiting):
            state = self._items[index]
            if self.mode == "COMMAND":
                self._pump_commands(index, state, now)
            else:
                while state.waiting and self.session.has_room:
                    if not state.waiting[0].kept and now < state.next_at:
                        break
                    self._send_entry(index, state, state.waiting.popleft(), now)
            if not state.waiting:
                del self._waiting[index]

    def _pump_commands(self, index: int, state: _ItemState, now: float) -> None:
        """Send rows in order, except updates of keys that are not due yet; the order within a key is kept."""
        held: set[str | None] = set()
        closed = False
        left: deque[_Entry] = deque()
        while state.waiting:
            entry = state.waiting.popleft()
            blocked = closed or entry.key in held or (bool(entry.mark) and bool(held))
            if blocked or now < self._entry_due(state, entry) or not self.session.has_room:
                left.append(entry)
                held.add(entry.key)
                # Nothing overtakes a mark either.
                closed = closed or bool(entry.mark)
            else:
                self._send_entry(index, state, entry, now)
        state.waiting = left

    def _send_entry(self, index: int, state: _ItemState, entry: _Entry, now: float) -> None:
        if entry.mark:
            mark = Eos(self.number, index + 1) if entry.mark == "EOS" else Cs(self.number, index + 1)
            self.session.data(mark.encode(), now)
            if entry.mark == "CS":
                state.key_next_at.clear()
            return
        assert entry.values is not None, "only marks have no values"
        if not entry.kept and self._interval:
            if self.mode == "COMMAND" and entry.key is not None:
                state.key_next_at[entry.key] = now + self._interval
                if self._command(entry) == "DELETE":
                    del state.key_next_at[entry.key]
            else:
                state.next_at = now + self._interval
        self._send(index, state, entry.values, now)

    def _send(self, index: int, state: _ItemState, values: Values, now: float) -> None:
        session = self.session
        if state.lost:
            session.data(Ov(self.number, index + 1, state.lost).encode(), now)
            state.lost = 0
        if state.sent is None and session.options.unset == "empty":
            # A field without a value has not changed since there was no value at all.
            state.sent = [None] * len(values)
        payload, state.patched = self._payload(values, state)
        # The base of the next difference is what was sent last, even if rows were merged or dropped between (C-200).
        state.sent = values
        session.data(self._prefixes[index] + payload, now)

    def _payload(self, values: Values, state: _ItemState) -> tuple[str, frozenset[int]]:
        session = self.session
        run_from = session.run_from()
        if not session.diffs or not _worth_a_diff(values, state.sent, session.options.diff_min_chars):
            return encode_fields(values, state.sent, run_from=run_from, patched=state.patched)
        return encode_fields(
            values,
            state.sent,
            run_from=run_from,
            tlcp_diff="T" in session.diffs,
            make_patch=make_patch if "P" in session.diffs else None,
            patched=state.patched,
        )


def _interval(frequency: Frequency) -> float:
    return 1.0 / frequency if isinstance(frequency, float) else 0.0


def _worth_a_diff(values: Values, sent: Values | None, shortest: int) -> bool:
    if sent is not None:
        # A plain loop: prices, which are short, pass here thousands of times a second.
        for value in values:
            if value is not None and len(value) >= shortest:
                return True
    return False
