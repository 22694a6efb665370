"""A sink for tests of the pipeline."""

from __future__ import annotations

from typing import Any

import pytest


class KeptRecords:
    """A sink that keeps what it gets."""

    def __init__(self) -> None:
        self.records: list[Any] = []
        self.closed = 0

    def write(self, record: object) -> None:
        self.records.append(record)

    def close(self) -> None:
        self.closed += 1

    def of(self, kind: type, epic: str | None = None) -> list[Any]:
        return [record for record in self.records if isinstance(record, kind) and epic in {None, record.epic}]


@pytest.fixture
def new_sink() -> type[KeptRecords]:
    """The class of that sink, for tests that make some."""
    return KeptRecords
