"""What all contents but prices have in common: data are passed on, silence means nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import ClassVar

from ig_sdk.clock import Clock
from ig_sdk.lightstreamer import ItemUpdate
from ig_sdk.logs import Repeats, get_logger
from ig_sdk.streaming.channel import Reader
from ig_sdk.streaming.readers import Readers

_log = get_logger("prices")


@dataclass(frozen=True, slots=True)
class UpdateCounts:
    """What was counted of one item so far.

    Attributes:
        updates: Data passed on.
        lost: Rows dropped, by IG or here, because a reader was too slow, or because a line could not be read.
        undecodable: Texts that could not be read.
        repeated: Data that had been passed on already.
        gaps: Holes told by a ``Gap``.
    """

    updates: int = 0
    lost: int = 0
    undecodable: int = 0
    repeated: int = 0
    gaps: int = 0

    def since(self, earlier: UpdateCounts) -> UpdateCounts:
        """Return what was counted after ``earlier``."""
        return UpdateCounts(*(getattr(self, one.name) - getattr(earlier, one.name) for one in fields(UpdateCounts)))


class Updates:
    """What the rows of an item of the account mean; ``Content`` of a ``SharedItem``.

    Args:
        readers: Who reads it.
        clock: Time.
    """

    key: ClassVar[str] = ""

    def __init__(self, readers: Readers, clock: Clock) -> None:
        self._readers = readers
        self._clock = clock
        self._repeats = Repeats(_log)
        self.updates = 0

    def counts(self) -> UpdateCounts:
        """Return the counts so far."""
        return UpdateCounts(self.updates)

    def row(self, update: ItemUpdate) -> None:
        """Decode a row and pass on what it says."""
        raise NotImplementedError

    def _pass_on(self, name: str, data: Sequence[object]) -> None:
        self.updates += len(data)
        for each in data:
            for reader in self._readers.now:
                reader.put(name, each)

    def unchanged(self, update: ItemUpdate) -> bool:
        """No row proves that nothing was missed."""
        del update
        return False

    def greet(self, reader: Reader) -> None:
        """A late reader gets what is new."""

    def lost(self, count: int) -> None:
        """So many rows are missing before the next one."""

    def gap(self, seconds: float) -> None:
        """Rows may be missing before the next one."""

    def line_down(self) -> None:
        """Nothing can come from now on."""

    def line_up(self) -> None:
        """The line is back, and nothing is missing."""

    def quiet_s(self, now: float) -> float:
        """Silence means nothing here: there may be nothing to say."""
        del now
        return 0.0

    def tick(self, now: float, *, line_down: bool, others: bool | None) -> float:
        """Nothing is due by time alone."""
        del now, line_down, others
        return float("inf")
